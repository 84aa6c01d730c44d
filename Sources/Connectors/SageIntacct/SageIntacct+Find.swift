public import Books
public import ConnectorKit
internal import Kernel
internal import Wire

/// Whether a document has an effect on the books, by the words of its state.
/// - Source: developer.intacct.com, Queries (states of GLBATCH) and Journal Entries; states of receivables are general knowledge.
enum Effect: Sendable {
    case effective, draft, pending, ended

    init(_ row: Row) {
        let state = row["STATE"]?.lowercased() ?? ""
        func says(_ words: String...) -> Bool { words.contains { state.contains($0) } }
        if says("reversed", "reversal", "void") {
            self = .ended
        } else if says("draft") {
            self = .draft
        } else if says("submitted", "pending", "partially approved", "declined") {
            self = .pending
        } else {
            self = .effective
        }
    }
}

extension SageIntacctConnector {
    /// By our key, which is the document's number there. What was reversed counts only where it is the document that is known.
    public func find(_ documents: [LedgerDocument], _ connection: ConnectionFacts) -> Exchange<[PostKey: LedgerReadback]> {
        let known = documents.filter { !Record.candidates($0.plan.form).isEmpty }
        if known.isEmpty { return .finish([:]) }
        return configured(connection) { _ in
            look(known, by: { record, documents in (record.numberField, documents.map(\.key.text)) }) { record, row in
                guard let key = row[record.numberField].flatMap({ PostKey($0) }) else { return nil }
                return known.first { $0.key == key && Record.candidates($0.plan.form).contains(record) }
            }
        }
    }

    /// By Intacct's record number.
    public func fetch(_ documents: [LedgerDocument], _ connection: ConnectionFacts) -> Exchange<[PostKey: LedgerReadback]> {
        let known = documents.filter { isRecordNumber($0.remoteID ?? "") && !Record.candidates($0.plan.form).isEmpty }
        if known.isEmpty { return .finish([:]) }
        return configured(connection) { _ in
            look(known, by: { _, documents in ("RECORDNO", documents.compactMap(\.remoteID)) }) { record, row in
                known.first { $0.remoteID == row["RECORDNO"] && Record.candidates($0.plan.form).contains(record) }
            }
        }
    }

    // MARK: Reading

    /// A document as it was found.
    private struct Seen: Sendable {
        var record: Record
        var id: String
        var row: Row
        var document: LedgerDocument
    }

    private func look(
        _ documents: [LedgerDocument], by field: (Record, [LedgerDocument]) -> (field: String, values: [String]),
        owner: @escaping @Sendable (Record, Row) -> LedgerDocument?
    ) -> Exchange<[PostKey: LedgerReadback]> {
        var queries: [Query] = []
        for record in Record.allCases {
            let own = documents.filter { Record.candidates($0.plan.form).contains(record) }
            for part in own.parts(of: IntacctLimits.listed) {
                let (name, values) = field(record, part)
                queries.append(Query(record.rawValue, record.fields, .any(name, values)))
            }
        }
        let matching = documents.filter { $0.match != nil }
        for part in matching.parts(of: IntacctLimits.listed) {
            queries.append(Query("ARPYMT", ["RECORDNO", "DOCNUMBER", "STATE"], .any("DOCNUMBER", part.map(\.matchNumber)), label: "matches"))
        }
        return rows(queries) { found in
            do throws(Fault) {
                var seen: [Seen] = []
                for record in Record.allCases {
                    for row in found[record.rawValue] ?? [] {
                        let id = try Self.recordNumber(row)
                        guard let document = owner(record, row) else { continue }
                        // What an earlier version of it was reversed for is not the document.
                        if Effect(row) == .ended, document.remoteID != id { continue }
                        seen.append(Seen(record: record, id: id, row: row, document: document))
                    }
                }
                let matches = (found["matches"] ?? []).filter { Effect($0) == .effective }
                return try self.lines(of: seen, matches)
            } catch {
                return .fail(error)
            }
        }
    }

    /// The lines of what was found, then all of it as readbacks. Of what has no effect, lines don't matter.
    private func lines(of seen: [Seen], _ matches: [Row]) throws(Fault) -> Exchange<[PostKey: LedgerReadback]> {
        var queries: [Query] = []
        for record in Record.allCases where record != .payment {
            let own = seen.filter { $0.record == record && Effect($0.row) == .effective }
            let hasTax = own.contains { one in one.document.lines.contains { ($0.taxCode ?? "none").lowercased() != "none" } }
            queries += Self.lineQueries(record, own.map(\.id), hasTax: hasTax)
        }
        var byMatch: [String: String] = [:]
        for row in matches { byMatch[try Self.recordNumber(row)] = row["DOCNUMBER"] }
        let payments = seen.filter { $0.record == .payment && Effect($0.row) == .effective }.map(\.id) + byMatch.keys.sorted()
        queries += Self.lineQueries(.payment, payments, hasTax: false)
        let numbers = byMatch
        return rows(queries) { found in
            do throws(Fault) {
                var out: [PostKey: LedgerReadback] = [:]
                for one in seen {
                    let (object, owner) = one.record.lines
                    let lines = (found[object] ?? []).filter { $0[owner] == one.id }
                    var read = try Self.readback(one.row, one.id, lines, of: one.document, one.record)
                    if let match = one.document.match, one.record == .adjustment, !read.voided {
                        read.appliesTo = Self.matched(found["ARPYMTDETAIL"] ?? [], one.document, id: one.id, numbers, other: match.other)
                    }
                    out[one.document.key] = out[one.document.key].map { Self.better($0, read, one.document) } ?? read
                }
                return .finish(out)
            } catch {
                return .fail(error)
            }
        }
    }

    private static func lineQueries(_ record: Record, _ ids: [String], hasTax: Bool) -> [Query] {
        let (object, owner) = record.lines
        let fields: [String] =
            switch record {
            case .payment: ["RECORDNO", owner, "RECORDKEY", "POSADJKEY", "ADJUSTMENTKEY", "TRX_PAYMENTAMOUNT"]
            case .entry: ["RECORDNO", owner, "ACCOUNTNO", "TR_TYPE", "AMOUNT", "TRX_AMOUNT", "CURRENCY"]
            // Taxes of a tax solution are lines below their line.
            case .invoice, .adjustment, .receipt, .bill: ["RECORDNO", owner, "ACCOUNTNO", "AMOUNT", "TRX_AMOUNT"] + (hasTax ? ["PARENTENTRY"] : [])
            }
        return ids.parts(of: IntacctLimits.listed).map { Query(object, fields, .any(owner, $0)) }
    }

    /// What an adjustment was matched with by a payment of ours; empty where it settles nothing.
    private static func matched(
        _ details: [Row], _ document: LedgerDocument, id: String, _ numbers: [String: String], other: String
    ) -> String {
        let own = details.filter { $0["PAYMENTKEY"].flatMap { numbers[$0] } == document.matchNumber }
        let isRefund = document.plan.form == .refundPayment
        let others = own.compactMap { row -> String? in
            guard row[isRefund ? "POSADJKEY" : "ADJUSTMENTKEY"] == id else { return nil }
            return row[isRefund ? "ADJUSTMENTKEY" : "RECORDKEY"]
        }
        return Set(others).sorted().joined(separator: ",")
    }

    /// Of two with the same key: the one we know, else the one with effect, else the first.
    private static func better(_ a: LedgerReadback, _ b: LedgerReadback, _ document: LedgerDocument) -> LedgerReadback {
        if a.voided != b.voided { return a.voided ? b : a }
        if (a.key == document.key) != (b.key == document.key) { return a.key == document.key ? a : b }
        if let id = document.remoteID, (a.remoteID == id) != (b.remoteID == id) { return a.remoteID == id ? a : b }
        return a
    }
}
