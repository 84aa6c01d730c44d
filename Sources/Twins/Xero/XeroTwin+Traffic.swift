public import TwinKit
public import Wire

/// What the fault plan must know of the platform's requests.
extension XeroTwin {
    public func purpose(of request: HTTPRequest) -> Purpose {
        let path = request.path.split(separator: "/").map { String($0).lowercased() }
        if path.last == "token" { return .token }
        guard path.count >= 3, path[0] == "api.xro" else { return .other }
        let isDocument = ["invoices", "creditnotes", "payments", "manualjournals", "banktransactions", "purchaseorders"].contains(path[2])
            && !path.contains("attachments")
        if request.method == .post || request.method == .put { return isDocument ? .write : .reference }
        guard request.method == .get, isDocument else { return .other }
        if path.count > 3 { return path[3].utf8.count == 36 ? .readback : .lookup }
        let byID = request.query.contains { $0.name == "IDs" || $0.value.contains("guid(") }
        return byID ? .readback : .lookup
    }

    public func refresh(with refreshToken: String) -> HTTPRequest? { oauthRefresh("/identity/connect/token", refreshToken) }

    /// Files are larger than what is said of them.
    public func bodyBytesMost(_ target: String) -> Int { target.lowercased().contains("/attachments/") ? 32 << 20 : 4 << 20 }
}
