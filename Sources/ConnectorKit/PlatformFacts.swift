/// Something that the platform keeps and what the connector does with it.
public struct PlatformObject: Sendable, Equatable {
    public enum Operation: String, Sendable, CaseIterable {
        /// Told of it by a webhook.
        case receive
        case list, read
        /// Looked for by our key or by name.
        case find
        case create, update, void
        /// Written to a file that a person imports there.
        case handOver = "hand_over"
        /// Read from a list that a person exports there.
        case takeList = "take_list"
    }

    /// As the platform calls it: `CreditNote`.
    public var name: String
    /// As we call what becomes of it, or what it comes from: posting forms, document kinds, `account`, `party`, `item`, `tax_code`.
    public var carries: [String]
    public var operations: [Operation]

    public init(_ name: String, carries: [String], _ operations: [Operation]) {
        self.name = name
        self.carries = carries
        self.operations = operations
    }
}

/// How changes there are learned of.
public enum ChangeFeed: Sendable, Equatable {
    /// The platform calls us; what it signs with, and the topics.
    case webhooks(signature: String, topics: [String])
    /// We ask for what changed since, by this field, reaching back so far because changes show late.
    case sweep(by: String, overlap: Duration)
}

/// What currencies documents can have.
public struct CurrencyAbility: Sendable, Equatable {
    public enum Rate: String, Sendable {
        /// Each document states its own.
        case stated
        /// The platform uses its own, whatever the document says.
        case platform
        /// Nothing is converted.
        case none
    }
    /// Documents in other currencies than the books', or the shop's.
    public var foreign: Bool
    public var rate: Rate
    /// Digits after the point of an amount at most; `nil` where it is as many as the currency has.
    public var digitsMost: Int?

    public init(foreign: Bool, rate: Rate, digitsMost: Int? = nil) {
        self.foreign = foreign
        self.rate = rate
        self.digitsMost = digitsMost
    }
}
