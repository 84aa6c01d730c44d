public import Books
public import ConnectorKit
public import Kernel

/// NetSuite as a ledger by either of its APIs: what is done is the same, and how it is said is the link's.
public protocol NetSuiteLedger: LedgerConnector {
    /// The work of one connection.
    /// - Throws: `setting_invalid`.
    func books(_ connection: ConnectionFacts) throws(Fault) -> Bookkeeping
}

extension NetSuiteLedger {
    func working<Output>(_ connection: ConnectionFacts, _ work: (Bookkeeping) -> Exchange<Output>) -> Exchange<Output> {
        .trying { () throws(Fault) in work(try books(connection)) }
    }

    public func identify(_ connection: ConnectionFacts) -> Exchange<AccountIdentity> { working(connection) { $0.identify(connection.account) } }

    public func chart(_ connection: ConnectionFacts) -> Exchange<Chart> { working(connection) { $0.chart() } }

    public func itemKey(of line: LedgerDocument.Line) -> String? { Reference.itemKey(line) }

    public func references(for document: LedgerDocument) -> [ReferenceWant] { Reference.wants(document) }

    public func findReferences(_ wants: [ReferenceWant], _ connection: ConnectionFacts) -> Exchange<[String: String]> {
        working(connection) { $0.findReferences(wants) }
    }

    public func createReferences(_ wants: [ReferenceWant], _ connection: ConnectionFacts) -> Exchange<[String: String]> {
        working(connection) { $0.createReferences(wants) }
    }

    public func objections(to document: LedgerDocument, _ connection: ConnectionFacts) -> [Fault] { Facts.objections(to: document, connection) }

    public func create(_ documents: [LedgerDocument], attempt _: String, _ connection: ConnectionFacts) -> Exchange<[PostOutcome]> {
        working(connection) { $0.create(documents) }
    }

    public func update(_ document: LedgerDocument, attempt _: String, _ connection: ConnectionFacts) -> Exchange<PostOutcome> {
        working(connection) { $0.update(document) }
    }

    public func void(_ document: LedgerDocument, attempt _: String, _ connection: ConnectionFacts) -> Exchange<PostOutcome> {
        working(connection) { $0.void(document) }
    }

    public func find(_ documents: [LedgerDocument], _ connection: ConnectionFacts) -> Exchange<[PostKey: LedgerReadback]> {
        working(connection) { $0.find(documents) }
    }

    public func fetch(_ documents: [LedgerDocument], _ connection: ConnectionFacts) -> Exchange<[PostKey: LedgerReadback]> {
        working(connection) { $0.fetch(documents) }
    }

    public func meant(_ document: LedgerDocument) -> LedgerReadback { LedgerReadback(meant: document) }
}
