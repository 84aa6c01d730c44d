public import Wire

/// One thing wrong with an event, or odd about it, at its place.
public struct ContractFinding: Sendable, Equatable {
    /// JSON pointer from the event's root: `/data/lines/0/net`; empty for the event itself. Of a file: `line 7, column total`.
    public var pointer: String
    public var why: String
    public var remedy: String

    public init(_ pointer: String, _ why: String, _ remedy: String) {
        self.pointer = pointer
        self.why = why
        self.remedy = remedy
    }

    /// For answers and reports.
    public var json: JSON { .object([("pointer", .string(pointer)), ("why", .string(why)), ("remedy", .string(remedy))]) }
}

/// An event as somebody wrote it, held against the contract.
public struct ContractReading: Sendable, Equatable {
    /// The event's own id and type, where they can be read.
    public var id: String?
    public var topic: String?
    /// It can't be taken.
    public var findings: [ContractFinding]
    /// It is taken all the same.
    public var warnings: [ContractFinding]
    /// Digest of what it says, as `WebhookDelivery.content` has it.
    public var content: [UInt8]?

    public init(id: String?, topic: String?, findings: [ContractFinding], warnings: [ContractFinding] = [], content: [UInt8]? = nil) {
        self.id = id
        self.topic = topic
        self.findings = findings
        self.warnings = warnings
        self.content = content
    }
}

/// A file of rows, read into events of the same contract: all of them, or none and what is wrong.
public struct ContractFile: Sendable, Equatable {
    public var records: [RawRecord]
    public var findings: [ContractFinding]
    public var warnings: [ContractFinding]

    public init(records: [RawRecord], findings: [ContractFinding], warnings: [ContractFinding] = []) {
        self.records = records
        self.findings = findings
        self.warnings = warnings
    }
}

/// A source for systems without a connector of their own: they write to a contract of ours, so what is wrong can be said while they listen.
public protocol ContractSource: SourceConnector {
    /// Names an event and checks it. Pure; what it lets pass `normalize` can read.
    func check(_ event: JSON, _ connection: ConnectionFacts) -> ContractReading

    /// Layouts of files: name -> header names in order.
    var layouts: [(name: String, columns: [String])] { get }

    /// A file's rows as events, whose delivery ids follow from `digest`: the same file gives the same ids.
    /// - Parameters:
    ///   - layout: one of `layouts`.
    ///   - digest: hexadecimal digest of the bytes.
    func records(of bytes: [UInt8], layout: String, digest: String, _ connection: ConnectionFacts) -> ContractFile
}
