/// The ledger account that a role's line goes to, and why.
public struct BoundAccount: Sendable, Equatable {
    /// The account's code or number as people know it: `4010`.
    public var code: String
    /// The ledger's own id; `nil` when the ledger has no such account.
    public var remoteID: String?
    public var name: String
    /// The ledger takes postings to it.
    public var active: Bool
    /// The ledger has it.
    public var known: Bool
    /// What bound it: a rule's name, or the structure and its entry.
    public var rule: String
    /// The one currency it is kept in; `nil` where any may be posted.
    public var currency: Currency?
    /// What kind of account it is, in the ledger's own word: `BANK`.
    public var type: String

    /// `known` follows from `remoteID` unless stated.
    public init(
        code: String, remoteID: String?, name: String, active: Bool, known: Bool? = nil, rule: String,
        currency: Currency? = nil, type: String = ""
    ) {
        self.code = code
        self.remoteID = remoteID
        self.name = name
        self.active = active
        self.known = known ?? (remoteID != nil)
        self.rule = rule
        self.currency = currency
        self.type = type
    }
}
