internal import Books
public import ConnectorKit
internal import Kernel
internal import Wire

// What stands is read first each time. A journal entry is changed in place; everything else is taken back and written anew in one transaction of the
// gateway, so nothing can break off between the two.
extension SageIntacctConnector {
    public func update(_ document: LedgerDocument, attempt: String, _ connection: ConnectionFacts) -> Exchange<PostOutcome> {
        do throws(Fault) {
            let settings = try Settings(connection)
            // What can't be written must not cost what stands.
            let content = try Self.content(of: document, settings)
            return standing(document) { standing in
                do throws(Fault) {
                    return try self.replace(document, standing, content, attempt: attempt, settings)
                } catch {
                    return .finish(.rejected(error))
                }
            }
        } catch {
            return .finish(error.disposition == .reject ? .rejected(error) : .throttled(error))
        }
    }

    /// An invoice, a bill and a payment are reversed on the document's day; what has no reversal there is deleted.
    public func void(_ document: LedgerDocument, attempt: String, _ connection: ConnectionFacts) -> Exchange<PostOutcome> {
        do throws(Fault) {
            _ = try Settings(connection)
            guard !Record.candidates(document.plan.form).isEmpty else { throw Self.unsupported(document.plan.form) }
            return standing(document) { standing in
                if let paid = standing.paid { return .finish(.rejected(paid)) }
                let known = document.remoteID ?? standing.ended.first?.id
                guard !standing.effective.isEmpty else {
                    // Ended already, by an earlier void or by somebody.
                    if let id = known, !standing.ended.isEmpty { return .finish(.posted(remoteID: id, version: nil)) }
                    return .finish(.rejected(Self.missing))
                }
                let id = standing.effective[0].id
                let functions = Self.takenBack(standing, document, attempt: attempt, reversing: true)
                return self.done(functions, atomic: true) { answers in
                    if let problem = Self.cause(answers, functions) { return .finish(Self.outcome(problem)) }
                    guard Self.isComplete(answers, functions) else { return .finish(.unknown(Self.lost("whether it was voided"))) }
                    return .finish(.posted(remoteID: id, version: nil))
                }
            }
        } catch {
            return .finish(.rejected(error))
        }
    }

    private static let missing = refused(
        "ledger_document_missing", "Sage Intacct has no such document", "Look for it in Sage Intacct; it may have been deleted there.")

    // MARK: What stands

    /// Documents of ours with this posting's key, and what settles with them.
    private struct Standing: Sendable {
        struct One: Sendable {
            var record: Record
            var id: String
            var row: Row
        }

        var effective: [One] = []
        var ended: [One] = []
        /// Payments that match an adjustment of ours.
        var matches: [String] = []

        /// Money of others would be taken off with it.
        var paid: Fault? {
            let isPaid = effective.contains { one in
                // A bill may be selected for a payment that is under way.
                let states = one.record == .invoice ? ["paid", "partially paid"] : one.record == .bill ? ["paid", "partially paid", "selected"] : []
                return states.contains(one.row["STATE"]?.lowercased() ?? "")
            }
            guard isPaid else { return nil }
            return SageIntacctConnector.refused(
                "ledger_document_fixed", "the document has payments or credits on it in Sage Intacct",
                "Remove payments and credits from the document in Sage Intacct, or correct it there.")
        }
    }

    private func standing(
        _ document: LedgerDocument, then next: @escaping @Sendable (Standing) -> Exchange<PostOutcome>
    ) -> Exchange<PostOutcome> {
        let records = Record.candidates(document.plan.form)
        var queries = records.map { Query($0.rawValue, $0.fields, .any($0.numberField, [document.key.text])) }
        if records.contains(.adjustment), document.plan.form != .creditNote {
            queries.append(Query("ARPYMT", ["RECORDNO", "DOCNUMBER", "STATE"], .any("DOCNUMBER", [document.matchNumber]), label: "matches"))
        }
        let searches = queries
        guard let id = document.remoteID, isRecordNumber(id) else { return rows(searches) { self.stood($0, document, then: next) } }
        // By its record number in a request of its own: a search by what we wrote may not show yet what is there.
        return rows(records.map { Query($0.rawValue, $0.fields, .any("RECORDNO", [id])) }) { known in
            self.rows(searches) { found in
                self.stood(found.merging(known) { searched, read in read + searched.filter { row in !read.contains { $0["RECORDNO"] == row["RECORDNO"] } } }, document, then: next)
            }
        }
    }

    private func stood(
        _ found: Found, _ document: LedgerDocument, then next: @escaping @Sendable (Standing) -> Exchange<PostOutcome>
    ) -> Exchange<PostOutcome> {
        let records = Record.candidates(document.plan.form)
        do throws(Fault) {
            var standing = Standing()
            for record in records {
                for row in found[record.rawValue] ?? [] {
                    let one = Standing.One(record: record, id: try Self.recordNumber(row), row: row)
                    // A record number of another kind of document may be the same.
                    guard row[record.numberField] == document.key.text || Self.key(ofWords: row[record.wordsField]) == document.key else { continue }
                    if Effect(row) == .ended { standing.ended.append(one) } else { standing.effective.append(one) }
                }
            }
            // What is taken back goes with what is written in its place, so of ours never two stand at once.
            guard standing.effective.count < 2 else { return .finish(.rejected(Self.doubled(standing.effective.map(\.id), in: "Sage Intacct"))) }
            for row in found["matches"] ?? [] where Effect(row) != .ended { standing.matches.append(try Self.recordNumber(row)) }
            return next(standing)
        } catch {
            return .fail(error)
        }
    }

    static func recordNumber(_ row: Row) throws(Fault) -> String {
        guard let id = row["RECORDNO"], isRecordNumber(id) else { throw unreadable("a document has no record number") }
        return id
    }

    // MARK: Replacing

    private func replace(
        _ document: LedgerDocument, _ standing: Standing, _ content: Function.Content, attempt: String, _ settings: Settings
    ) throws(Fault) -> Exchange<PostOutcome> {
        if let paid = standing.paid { throw paid }
        // Written anew only for what is seen to have ended: what is not seen may stand.
        guard !standing.effective.isEmpty || !standing.ended.isEmpty else { throw Self.missing }
        if Record(document) == .entry, let one = standing.effective.first, standing.effective.count == 1, one.record == .entry {
            let update = Function(Self.controlID(document, "update.\(Self.step(attempt))"), try Self.entryUpdate(document, id: one.id, settings))
            return done([update], atomic: false) { answers in
                if let problem = Self.cause(answers, [update]) { return .finish(Self.outcome(problem)) }
                guard Self.isComplete(answers, [update]) else { return .finish(.unknown(Self.lost("whether it was changed"))) }
                return .finish(.posted(remoteID: one.id, version: nil))
            }
        }
        let create = Function(Self.controlID(document, "replace.\(Self.step(attempt))"), content)
        let functions = Self.takenBack(standing, document, attempt: attempt, reversing: false) + [create]
        return done(functions, atomic: true, units: document.match == nil ? 1 : 2) { answers in
            if let problem = Self.cause(answers, functions) { return .finish(Self.outcome(problem)) }
            guard Self.isComplete(answers, functions), let id = answers?.result(create.controlID)?.created else {
                return .finish(.unknown(Self.lost("whether it was written anew")))
            }
            let posted = PostOutcome.posted(remoteID: id, version: nil)
            guard let match = Self.matchFunction(document, id: id, attempt: attempt) else { return .finish(posted) }
            return .send(Gateway.call(.write, [match], units: 0)) { response in
                let isTold = Answers(response)?.result(match.controlID) != nil
                return .finish(isTold ? posted : .unknown(Self.lost("whether it was matched")))
            }
        }
    }

    private func done(
        _ functions: [Function], atomic: Bool, units: Int = 1, then next: @escaping @Sendable (Answers?) -> Exchange<PostOutcome>
    ) -> Exchange<PostOutcome> {
        .send(Gateway.call(.write, functions, atomic: atomic, units: units)) { next(Answers($0)) }
    }

    /// The functions that take away what stands, what matches it first.
    private static func takenBack(_ standing: Standing, _ document: LedgerDocument, attempt: String, reversing: Bool) -> [Function] {
        var out: [Function] = []
        let day = document.plan.date
        func add(_ content: Function.Content) { out.append(Function(controlID(document, "back.\(step(attempt)).\(out.count + 1)"), content)) }
        for id in standing.matches { add(reversal("reverse_arpayment", id, day)) }
        for one in standing.effective {
            let isDraft = Effect(one.row) == .draft
            switch one.record {
            case .invoice where reversing && !isDraft: add(reversal("reverse_invoice", one.id, day))
            case .bill where reversing && !isDraft: add(reversal("reverse_bill", one.id, day))
            case .payment where !isDraft: add(reversal("reverse_arpayment", one.id, day))
            case .receipt: add(Function.Content("delete_otherreceipt", [("key", one.id)]) { _ in })
            case .invoice, .adjustment, .payment, .entry, .bill:
                add(Function.Content("delete") { writer in
                    writer.element("object", one.record.rawValue)
                    writer.element("keys", one.id)
                })
            }
        }
        return out
    }

    /// - Source: api.xsd: reverse_invoice, reverse_bill, reverse_arpayment.
    private static func reversal(_ name: String, _ id: String, _ day: LocalDate) -> Function.Content {
        Function.Content(name, [("key", id)]) { writer in
            date(day, "datereversed", &writer)
            writer.element("description", "cancelled by its source")
        }
    }

    /// What kept a transaction from being done: not that its other functions were rolled back.
    private static func cause(_ answers: Answers?, _ functions: [Function]) -> Problem? {
        let problems = (answers?.results ?? []).compactMap(\.problem)
        return problems.first { $0.kind != .aborted } ?? problems.first
    }

    /// Every function says that it was done.
    private static func isComplete(_ answers: Answers?, _ functions: [Function]) -> Bool {
        functions.allSatisfy { function in answers?.result(function.controlID).map { $0.problem == nil } ?? false }
    }
}
