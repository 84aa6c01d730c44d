public import ConnectorKit
public import Kernel
public import Store

/// What stands behind a connection while a worker uses it.
public struct CourierConnection: Sendable {
    public var row: ConnectionRow
    public var facts: ConnectionFacts

    public init(row: ConnectionRow, facts: ConnectionFacts) {
        self.row = row
        self.facts = facts
    }
}

/// What came of an exchange.
public enum Delivery<Output: Sendable>: Sendable {
    case done(Output)
    /// Certainly nothing was changed there; `Fault` says when to try again, or why never.
    case refused(Fault)
    /// A document with our key is there already.
    case duplicate(Fault)
    /// A write may or may not have happened.
    case unknown(Fault)
}
