public import Books
public import Kernel
public import Wire

/// A ledger that has no API: everything goes there in files that a person imports, and comes back as lists that a person exports. Nothing is ever sent.
public protocol FileLedger: LedgerConnector {
    /// Settings of a connection that the forms understand, with their meaning.
    var settings: [String: String] { get }

    /// The ledger's accounts from the list that a person exported there.
    /// - Throws: `malformed_csv`, `chart_unreadable` naming the place.
    func accounts(_ file: [UInt8]) throws(Fault) -> [LedgerAccount]

    /// The one currency of its books where it knows no other.
    var onlyCurrency: String? { get }
}

extension FileLedger {
    private var unreachable: Fault {
        Fault("by_file_only", stage: .post, disposition: .hold, summary: "\(spec.name) has no API: nothing can be sent to it",
            remedy: "Hand postings over in a file (docs/manual-posting.md).")
    }

    public var onlyCurrency: String? { nil }

    public func judge(_: HTTPResponse, to call: Call) -> Verdict { call.kind == .write ? .outcomeUnknown(unreachable) : .rejected(unreachable) }
    /// The connection is what its owner says it is.
    public func identify(_ connection: ConnectionFacts) -> Exchange<AccountIdentity> {
        .finish(AccountIdentity(account: connection.account, name: spec.name))
    }
    public func chart(_: ConnectionFacts) -> Exchange<Chart> { .fail(unreachable) }
    public func itemKey(of _: LedgerDocument.Line) -> String? { nil }
    public func references(for _: LedgerDocument) -> [ReferenceWant] { [] }
    public func findReferences(_: [ReferenceWant], _: ConnectionFacts) -> Exchange<[String: String]> { .finish([:]) }
    public func createReferences(_: [ReferenceWant], _: ConnectionFacts) -> Exchange<[String: String]> { .finish([:]) }
    public func batchGroup(of document: LedgerDocument) -> String { document.key.text }

    public func create(_ documents: [LedgerDocument], attempt _: String, _: ConnectionFacts) -> Exchange<[PostOutcome]> {
        .finish(documents.map { _ in .rejected(unreachable) })
    }
    public func update(_: LedgerDocument, attempt _: String, _: ConnectionFacts) -> Exchange<PostOutcome> { .finish(.rejected(unreachable)) }
    public func void(_: LedgerDocument, attempt _: String, _: ConnectionFacts) -> Exchange<PostOutcome> { .finish(.rejected(unreachable)) }
    public func find(_: [LedgerDocument], _: ConnectionFacts) -> Exchange<[PostKey: LedgerReadback]> { .finish([:]) }
    public func fetch(_: [LedgerDocument], _: ConnectionFacts) -> Exchange<[PostKey: LedgerReadback]> { .finish([:]) }

    public func meant(_ document: LedgerDocument) -> LedgerReadback {
        LedgerReadback(
            key: document.key, remoteID: document.remoteID ?? "", version: nil, date: document.plan.date, currency: document.plan.currency.code,
            total_minor: document.plan.total.minor, tax_minor: nil, party: nil, accounts: [:], voided: document.plan.effect == .void,
            appliesTo: document.appliesTo)
    }
}

/// Accounts in a list of columns, by their headings: what file ledgers have in common.
public enum AccountList {
    static let accountsMost = 10_000

    /// - names: heading in lower case of the columns of code, name and type; a list without codes takes its names for them.
    /// - Throws: `malformed_csv`; `chart_unreadable`.
    public static func read(_ bytes: [UInt8], code: [String], name: [String], type: [String], inactive: [String] = []) throws(Fault) -> [LedgerAccount] {
        var form = CSVForm()
        form.ragged = true
        form.separator = bytes.prefix { $0 != 10 && $0 != 13 }.contains(9) ? 9 : 44
        var reader = CSVReader(bytes, form: form)
        guard let heading = try reader.next() else { throw unreadable("the list is empty", nil) }
        let names = heading.map { $0.lowercased().filter { $0 != "*" } }
        func place(_ wanted: [String]) -> Int? { wanted.lazy.compactMap { names.firstIndex(of: $0) }.first }
        let (codeAt, typeAt) = (place(code), place(type)), offAt = inactive.compactMap { names.firstIndex(of: $0) }
        guard let nameAt = place(name) else { throw unreadable("the list has no column \(name.first ?? "name")", "line 1") }
        var out: [LedgerAccount] = [], seen: Set<String> = [], line = 1
        while let row = try reader.next() {
            line += 1
            func cell(_ at: Int?) -> String { at.flatMap { row.indices.contains($0) ? row[$0] : nil } ?? "" }
            let title = cell(nameAt), number = codeAt == nil ? title : cell(codeAt)
            if title.isEmpty, number.isEmpty { continue }
            guard !title.isEmpty, !number.isEmpty else { throw unreadable("an account has no name or no number", "line \(line)") }
            guard seen.insert(number).inserted else { throw unreadable("the account \(number) is there twice", "line \(line)") }
            guard out.count < accountsMost else { throw unreadable("the list has more than \(accountsMost) accounts", nil) }
            let off = offAt.contains { ["y", "yes", "true", "1", "h"].contains(cell($0).lowercased()) }
            out.append(LedgerAccount(code: number, remoteID: number, name: title, type: cell(typeAt), active: !off))
        }
        guard !out.isEmpty else { throw unreadable("the list has no accounts", nil) }
        return out
    }

    private static func unreadable(_ why: String, _ position: String?) -> Fault {
        Fault("chart_unreadable", stage: .api, disposition: .reject, summary: why,
            remedy: "Export the ledger's list of accounts anew, with a heading, as CSV or tab-delimited text in UTF-8.", position: position)
    }
}
