internal import Books
internal import ConnectorKit
internal import Kernel

/// One row of a list, by our names of its columns.
typealias Row = [String: String]

/// Lists that are read, in words of our own; each API has its own way to them. Behind each the columns of its rows.
enum List: Sendable, Equatable {
    /// `id`, `number`, `name`, `type`, `inactive`, `currency`.
    case accounts
    /// `id`, `code`, `base`, `inactive`.
    case currencies
    /// `id`, `name`, `country`, `currency`.
    case subsidiary(String)
    /// `id`, `type`, `inactive`.
    case taxCodes
    /// `end`: last days of periods that take no postings.
    case closedPeriods
    /// `id`, `name`, `inactive`.
    case customers([String])
    /// `id`, `name`, `inactive`.
    case vendors([String])
    /// `id`, `name`, `account`, `inactive`, `type`, `subtype`.
    case items([String])
}

/// A record that is looked for.
struct Want: Sendable, Equatable {
    enum By: Sendable, Equatable {
        case id(String)
        case external(String)
    }

    var kind: Kind
    var by: By
}

/// What came of a change of a record that was thought to be there.
enum Changed: Sendable {
    case outcome(PostOutcome)
    /// There is no such record.
    case absent
}

/// What each of the two APIs can do; all that is built on it is the same for both.
protocol Link: Sendable {
    var settings: Settings { get }
    /// Documents of one `add`.
    var documentsMost: Int { get }
    func rows(_ list: List) -> Exchange<[Row]>
    /// Those that there are.
    func records(_ wants: [Want]) -> Exchange<[Record]>
    /// One outcome each.
    func add(_ records: [Record]) -> Exchange<[PostOutcome]>
    /// All of its lines anew.
    func change(_ record: Record) -> Exchange<Changed>
    func remove(_ kind: Kind, _ id: String) -> Exchange<Changed>
}

/// A ledger's work with records, whatever API they go by.
public struct Bookkeeping: Sendable {
    let link: any Link

    // MARK: Create

    func create(_ documents: [LedgerDocument]) -> Exchange<[PostOutcome]> {
        currencyIDs(of: documents).next { ids in
            var outcomes: [PostOutcome?] = Array(repeating: nil, count: documents.count)
            var ready: [(index: Int, record: Record)] = []
            for (index, document) in documents.enumerated() {
                do throws(Fault) {
                    guard document.plan.effect == .post else { throw Self.voided }
                    let record = try Record(document, link.settings, ids)
                    if ready.count < link.documentsMost { ready.append((index, record)) }
                } catch {
                    outcomes[index] = Self.outcome(error)
                }
            }
            guard !ready.isEmpty else { return .finish(outcomes.compactMap(\.self)) }
            let known = outcomes, sent = ready
            return link.add(sent.map(\.record)).map { told in
                var out = known
                for (item, outcome) in zip(sent, told) { out[item.index] = outcome }
                return out.map { $0 ?? Self.leftOver(told) }
            }
        }
    }

    private static var voided: Fault {
        NetSuite.refused("void_not_created", "a document that is void was never in NetSuite", "Report it: nothing is to be sent.")
    }

    private static func outcome(_ fault: Fault) -> PostOutcome { fault.disposition == .retry ? .throttled(fault) : .rejected(fault) }

    /// What is beyond one call was not sent: a second one would put the outcomes of the first at risk. Where those are open, nobody goes on.
    private static func leftOver(_ told: [PostOutcome]) -> PostOutcome {
        if case .unknown(let fault)? = told.last { return .unknown(fault) }
        return .throttled(Fault(
            "batch_too_large", stage: .post, disposition: .retry, summary: "more documents were handed over than go in one call",
            remedy: "None needed: the rest goes with the next call."))
    }

    // MARK: Change

    /// The same record with other figures, all its lines anew; orders stay as they are, between people and their supplier. What became another kind of record is taken back and written anew under the same
    /// external id; what an earlier, interrupted attempt left is looked for first.
    func update(_ document: LedgerDocument) -> Exchange<PostOutcome> {
        guard let id = document.remoteID, isID(id) else { return .finish(.rejected(Self.noID)) }
        guard document.kind != .purchaseOrder else { return .finish(.rejected(Self.ordered)) }
        return currencyIDs(of: [document]).next { ids in
            do throws(Fault) {
                // What can't be written must not cost what stands.
                var record = try Record(document, link.settings, ids)
                record.id = id
                let known = record
                return link.change(known).next { changed in
                    if case .outcome(let outcome) = changed { return .finish(outcome) }
                    guard let former = document.former else { return .finish(.rejected(NetSuite.missing)) }
                    return link.remove(former, id).next { changed in
                        if case .outcome(let outcome) = changed, outcome != .posted(remoteID: id, version: nil) { return .finish(outcome) }
                        return self.rewrite(known)
                    }
                }
            } catch {
                return .finish(Self.outcome(error))
            }
        }
    }

    private func rewrite(_ record: Record) -> Exchange<PostOutcome> {
        link.records([Want(kind: record.kind, by: .external(record.externalID))]).next { found in
            var out = record
            guard let there = found.first else {
                out.id = ""
                return link.add([out]).map { $0.first ?? .unknown(NetSuite.lost("it was left out")) }
            }
            out.id = there.id
            return link.change(out).map { changed in
                if case .outcome(let outcome) = changed { return outcome }
                return .rejected(NetSuite.missing)
            }
        }
    }

    /// Deleted: neither API has a void. What is deleted there already is as wanted.
    func void(_ document: LedgerDocument) -> Exchange<PostOutcome> {
        guard let kind = document.kind else { return .finish(.rejected(Record.unsupported(document.plan.form))) }
        guard let id = document.remoteID, isID(id) else { return .finish(.rejected(Self.noID)) }
        let gone = PostOutcome.posted(remoteID: id, version: nil)
        return link.remove(kind, id).next { changed in
            if case .outcome(let outcome) = changed { return .finish(outcome) }
            guard let former = document.former else { return .finish(gone) }
            return link.remove(former, id).map { changed in
                if case .outcome(let outcome) = changed { return outcome }
                return gone
            }
        }
    }

    private static let ordered = NetSuite.refused(
        "ledger_document_fixed", "the order stands in NetSuite", "Change or delete it there, together with the supplier.")

    private static var noID: Fault {
        Fault("no_remote_id", stage: .post, disposition: .bug, summary: "the document to change has no id in NetSuite")
    }

    // MARK: Find

    /// By our key, which is the record's external id.
    func find(_ documents: [LedgerDocument]) -> Exchange<[PostKey: LedgerReadback]> {
        let wants = documents.flatMap { document in document.kinds.map { Want(kind: $0, by: .external(document.externalID)) } }
        return read(wants) { record in
            let key = ExternalID.key(record.externalID)
            return documents.filter { $0.key == key }
        }
    }

    /// By NetSuite's id.
    func fetch(_ documents: [LedgerDocument]) -> Exchange<[PostKey: LedgerReadback]> {
        let known = documents.filter { $0.remoteID.map(isID) ?? false }
        let wants = known.flatMap { document in document.kinds.map { Want(kind: $0, by: .id(document.remoteID ?? "")) } }
        return read(wants) { record in known.filter { $0.remoteID == record.id } }
    }

    private func read(_ wants: [Want], _ owners: @escaping @Sendable (Record) -> [LedgerDocument]) -> Exchange<[PostKey: LedgerReadback]> {
        guard !wants.isEmpty else { return .finish([:]) }
        return link.records(wants).next { records in
            self.currencyCodes(of: records).reading { codes throws(Fault) in
                var found: [PostKey: LedgerReadback] = [:]
                for record in records {
                    for document in owners(record) {
                        let seen = try LedgerReadback(record, of: document, codes: codes)
                        // Of two the one with effect: an external id is unique among the living.
                        if found[document.key]?.voided ?? true { found[document.key] = seen }
                    }
                }
                return found
            }
        }
    }

    // MARK: Currencies

    private func currencyIDs(of documents: [LedgerDocument]) -> Exchange<CurrencyIDs> {
        guard documents.contains(where: { $0.plan.rate != nil && $0.kind != nil }) else { return .finish([:]) }
        return currencies().map { rows in
            let active = rows.filter { $0["inactive"] != "T" }
            return Dictionary(active.compactMap { row in row["code"].flatMap { code in row["id"].map { (code, $0) } } }) { one, _ in one }
        }
    }

    private func currencyCodes(of records: [Record]) -> Exchange<[String: String]> {
        guard records.contains(where: { $0.fields.id("currency") != nil }) else { return .finish([:]) }
        return currencies().map { rows in
            Dictionary(rows.compactMap { row in row["id"].flatMap { id in row["code"].map { (id, $0) } } }) { one, _ in one }
        }
    }

    func currencies() -> Exchange<[Row]> { link.rows(.currencies) }
}
