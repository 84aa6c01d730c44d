internal import Kernel
internal import Wire

/// What a request to a twin is for, as far as its address and body tell: where in the posting protocol its sender stands.
enum Purpose: String, Sendable, CaseIterable {
    /// The token endpoint.
    case token
    /// Creates or changes a ledger document.
    case write
    /// Creates or changes something that documents refer to: a customer, an item.
    case reference
    /// Looks for documents by what the client calls them.
    case lookup
    /// Reads documents by the ledger's own ids.
    case readback
    case other

    init(_ request: HTTPRequest, twin: String) {
        switch twin {
        case "qbo": self = Purpose.quickBooks(request)
        case "xero": self = Purpose.xero(request)
        default: self = .other
        }
    }

    private static let quickBooksDocuments: Set<String> = ["invoice", "payment", "creditmemo", "salesreceipt", "journalentry", "refundreceipt", "deposit"]

    private static func quickBooks(_ request: HTTPRequest) -> Purpose {
        let path = request.path.split(separator: "/").map(String.init)
        if path.last == "bearer" { return .token }
        guard path.count >= 4, path[0] == "v3" else { return .other }
        let resource = path[3].lowercased()
        if resource == "query" { return query(request.method == .post ? String(decoding: request.body, as: UTF8.self) : request.query("query") ?? "") }
        guard request.method == .post else { return .other }
        if resource == "batch" { return contains(request.body, "\"TxnDate\"") ? .write : .reference }
        return quickBooksDocuments.contains(resource) ? .write : .reference
    }

    /// `select * from Invoice where Id in ('1') …`
    private static func query(_ text: String) -> Purpose {
        let words = text.split(separator: " ").map(String.init)
        guard let from = words.firstIndex(of: "from"), from + 1 < words.count, quickBooksDocuments.contains(words[from + 1].lowercased()) else { return .other }
        guard from + 3 < words.count, words[from + 2] == "where" else { return .lookup }
        return words[from + 3] == "Id" ? .readback : .lookup
    }

    private static func xero(_ request: HTTPRequest) -> Purpose {
        let path = request.path.split(separator: "/").map { String($0).lowercased() }
        if path.last == "token" { return .token }
        guard path.count >= 3, path[0] == "api.xro" else { return .other }
        let isDocument = ["invoices", "creditnotes", "payments", "manualjournals", "banktransactions"].contains(path[2])
        if request.method == .post || request.method == .put { return isDocument ? .write : .reference }
        guard request.method == .get, isDocument else { return .other }
        if path.count > 3 { return path[3].utf8.count == 36 ? .readback : .lookup }
        let byID = request.query.contains { $0.name == "IDs" || $0.value.contains("guid(") }
        return byID ? .readback : .lookup
    }

    private static func contains(_ body: [UInt8], _ text: String) -> Bool { String(decoding: body, as: UTF8.self).contains(text) }
}

/// Posting keys in a text: sixteen characters of the key's alphabet that stand alone.
enum KeyText {
    static let characters = 16

    static func keys(in bytes: some Sequence<UInt8>) -> Set<String> {
        var found: Set<String> = []
        var run: [UInt8] = []
        func close() {
            if run.count == characters { found.insert(String(decoding: run, as: UTF8.self)) }
            run.removeAll(keepingCapacity: true)
        }
        var spoilt = false
        for byte in bytes {
            let isKey = (byte >= 48 && byte <= 57) || (byte >= 97 && byte <= 122 && ![105, 108, 111, 117].contains(byte))
            let isWord = isKey || (byte >= 65 && byte <= 90) || (byte >= 97 && byte <= 122)
            if isKey, !spoilt, run.count <= characters {
                run.append(byte)
            } else if isWord {
                spoilt = true
            } else {
                if !spoilt { close() } else { run.removeAll(keepingCapacity: true) }
                spoilt = false
            }
        }
        if !spoilt { close() }
        return found
    }
}
