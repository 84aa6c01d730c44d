public import TwinKit
public import Wire

/// What the fault plan must know of the platform's requests.
extension FreeAgentTwin {
    private static let documents: Set<String> = [
        "invoices", "credit_notes", "credit_note_reconciliations", "bank_transactions", "bank_transaction_explanations", "journal_sets", "bills",
    ]

    public func purpose(of request: HTTPRequest) -> Purpose {
        let path = request.path.split(separator: "/").map(String.init)
        guard path.count >= 2, path[0] == "v2" else { return .other }
        if path[1] == "token_endpoint" { return .token }
        let isDocument = Self.documents.contains(path[1])
        guard request.method == .get else { return isDocument ? .write : .reference }
        guard isDocument else { return .other }
        return path.count > 2 && Int(path[2]) != nil ? .readback : .lookup
    }

    public func refresh(with refreshToken: String) -> HTTPRequest? { oauthRefresh("/v2/token_endpoint", refreshToken) }
}
