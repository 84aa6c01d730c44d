internal import Crypto
public import TwinKit
public import Wire

/// What the fault plan must know of the platform's requests.
extension WooCommerceTwin {
    public func purpose(of request: HTTPRequest) -> Purpose {
        let path = request.path.split(separator: "/").map(String.init)
        guard path.count >= 5, path[1] == "wp-json", path[2] == "wc", path[3] == "v3" else { return .other }
        let isDocument = ["orders", "refunds"].contains(path[4])
        guard request.method == .get else { return isDocument ? .write : .reference }
        // Refunds and notes are read below their order.
        if isDocument, path.count >= 6 { return .readback }
        return request.query("search") != nil ? .lookup : .other
    }

    /// A key that the merchant has revoked; Basic, a signature and the query carry it.
    public func withRevokedToken(_ request: HTTPRequest) -> HTTPRequest {
        var revoked = request
        if request.fields["Authorization"] != nil { revoked.fields["Authorization"] = "Basic " + Base64.encode(Array("ck_revoked:cs_revoked".utf8)) }
        guard let mark = request.target.firstIndex(of: "?") else { return revoked }
        let pairs = request.query.map { pair in pair.name.hasSuffix("consumer_key") ? (name: pair.name, value: "ck_revoked") : pair }
        revoked.target = request.target[..<mark] + "?" + Form.encode(pairs)
        return revoked
    }
}
