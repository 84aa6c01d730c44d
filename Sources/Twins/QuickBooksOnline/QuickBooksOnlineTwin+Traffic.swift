public import TwinKit
public import Wire

/// What the fault plan must know of the platform's requests and answers.
extension QuickBooksOnlineTwin {
    private static let ledgerDocuments: Set<String> = ["invoice", "payment", "creditmemo", "salesreceipt", "journalentry", "refundreceipt", "deposit", "bill", "vendorcredit", "billpayment", "purchaseorder"]

    public func purpose(of request: HTTPRequest) -> Purpose {
        let path = request.path.split(separator: "/").map(String.init)
        if path.last == "bearer" { return .token }
        guard path.count >= 4, path[0] == "v3" else { return .other }
        let resource = path[3].lowercased()
        if resource == "query" { return Self.purpose(ofQuery: request.method == .post ? String(decoding: request.body, as: UTF8.self) : request.query("query") ?? "") }
        guard request.method == .post else { return .other }
        if resource == "batch" { return String(decoding: request.body, as: UTF8.self).contains("\"TxnDate\"") ? .write : .reference }
        return Self.ledgerDocuments.contains(resource) ? .write : .reference
    }

    /// `select * from Invoice where Id in ('1') …`
    private static func purpose(ofQuery text: String) -> Purpose {
        let words = text.split(separator: " ").map(String.init)
        guard let from = words.firstIndex(of: "from"), from + 1 < words.count, ledgerDocuments.contains(words[from + 1].lowercased()) else { return .other }
        guard from + 3 < words.count, words[from + 2] == "where" else { return .lookup }
        return words[from + 3] == "Id" ? .readback : .lookup
    }

    /// A system fault in the vendor's own form.
    public func errorInSuccess() -> HTTPResponse {
        let error: JSON = ["Message": "An application error has occurred while processing your request", "Detail": "System Failure Error", "code": "10000"]
        return .json(200, .object([("Fault", .object([("Error", .array([error])), ("type", "SystemFault")])), ("time", "2026-11-14T12:00:00.000-08:00")]))
    }

    public func withoutNativeKey(_ request: HTTPRequest) -> HTTPRequest {
        var out = request
        let kept = request.query.filter { $0.name != "requestid" }
        if kept.count != request.query.count { out.target = request.path + (kept.isEmpty ? "" : "?" + Form.encode(kept)) }
        return out
    }

    public func refresh(with refreshToken: String) -> HTTPRequest? { oauthRefresh("/oauth2/v1/tokens/bearer", refreshToken) }
}
