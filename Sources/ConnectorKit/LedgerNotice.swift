public import Kernel

/// One thing that a ledger says has changed in it: a hint where to look, never what it holds now.
public struct LedgerNotice: Sendable, Equatable, Hashable {
    public enum Change: String, Sendable { case created, updated, deleted, voided, merged }

    /// The account there, as connections name it: company, organisation. One delivery may tell of several.
    public var account: String
    /// The platform's own word for the kind of object: `Invoice`, `CREDITNOTE`.
    public var object: String
    public var remoteID: String
    public var change: Change
    /// When it changed there, where the platform says so.
    public var at: Timestamp?
    /// The platform's id of the notice, the same each time it is delivered; `nil` where it has none.
    public var id: String?

    public init(account: String, object: String, remoteID: String, change: Change, at: Timestamp? = nil, id: String? = nil) {
        self.account = account
        self.object = object
        self.remoteID = remoteID
        self.change = change
        self.at = at
        self.id = id
    }
}
