/// A file to be kept beside a document in the ledger: what a summary stands for, a receipt.
public struct LedgerFile: Sendable, Equatable {
    /// With its ending, the same whenever it is sent: a document has one file of a name at most.
    public var name: String
    /// `text/csv`, `application/pdf`.
    public var contentType: String
    public var bytes: [UInt8]

    public init(name: String, contentType: String, bytes: [UInt8]) {
        self.name = name
        self.contentType = contentType
        self.bytes = bytes
    }
}
