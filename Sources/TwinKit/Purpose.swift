/// What a request to a twin is for, as far as its address and body tell: where in the posting protocol its sender stands.
public enum Purpose: String, Sendable, CaseIterable {
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
}

/// Posting keys in a text: sixteen characters of the key's alphabet that stand alone.
public enum KeyText {
    public static let characters = 16

    /// Every key in the text, once.
    public static func keys(in bytes: some Sequence<UInt8>) -> Set<String> {
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
