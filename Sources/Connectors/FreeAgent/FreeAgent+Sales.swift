internal import Books
internal import ConnectorKit
internal import Kernel
internal import Wire

// Invoices and credit notes are created as drafts, which have no effect; sending posts them. In between the draft's own figures are compared with what
// is meant. What is refused on the way takes the draft back; what breaks off leaves it, `find` shows it as unfinished, and `update` goes on with it.
extension FreeAgentConnector {
    /// - Throws: what `SalesForm` throws, `party_missing`, `rate_out_of_range` (reject).
    static func salesBody(of document: LedgerDocument, _ kind: Kind, _ connection: ConnectionFacts, taking old: [JSON] = []) throws(Fault) -> JSON {
        let plan = document.plan
        let form = try SalesForm(document)
        guard let party = document.party, Kind.isID(party) else { throw refused("party_missing", "the contact of the document is not known", "Report it.") }
        var members: [(key: String, value: JSON)] = [
            ("contact", .string(Kind.contacts.address(party, connection))), ("dated_on", .string(plan.date.description)), ("payment_terms_in_days", 0),
            ("reference", .string(document.key.text)), ("currency", .string(plan.currency.code)),
            ("po_reference", .string(cut(plain(document.reference), characters: FreeAgentLimits.name))),
        ]
        let words = [plan.reference, plan.note].compactMap(\.self).map(plain).filter { !$0.isEmpty }.joined(separator: " | ")
        if !words.isEmpty { members.append(("comments", .string(cut(words, characters: FreeAgentLimits.text)))) }
        if let rate = try rate(plan) { members.append(("exchange_rate", .string(rate))) }
        members.append((kind.items, .array(old + form.lines.map { item($0, kind, form.currency, connection) })))
        return .object([(kind.root, .object(members))])
    }

    /// One unit at the line's net: quantity times a rounded price need not give the line back, and no quantity means none.
    static func item(_ line: SalesForm.Line, _ kind: Kind, _ currency: Currency, _ connection: ConnectionFacts) -> JSON {
        .object([
            ("description", .string(line.text)), ("item_type", "Products"), ("quantity", "1"),
            ("price", .string(Money(minor: kind.sign * line.net, currency).text)), ("category", .string(Kind.categories.address(line.category, connection))),
        ] + line.rate.members)
    }

    /// Units of the books' currency for one of the document's; `nil` in the books' own.
    static func rate(_ plan: PlannedPosting) throws(Fault) -> String? {
        guard let rate = plan.rate?.shortest else { return nil }
        guard rate.coefficient > 0, let kept = rate.rescaled(toScale: min(rate.scale, FreeAgentLimits.rateScale)), !kept.isZero else {
            throw refused("rate_out_of_range", "the rate \(rate) can't be written", "Check the order's rate in the source.")
        }
        return kept.description
    }

    // MARK: Create

    func createSale(_ document: LedgerDocument, _ kind: Kind, _ connection: ConnectionFacts) -> Exchange<PostOutcome> {
        .refusing { () throws(Fault) in
            let draft = Draft(document: document, kind: kind, form: try SalesForm(document), connection: connection, isNew: true)
            let body = try Self.salesBody(of: document, kind, connection)
            // Create and send; where its tax has to be mended or the draft taken back, two or three more.
            return .send(Self.write(.post, "/v2/\(kind.rawValue)", body, calls: 2)) { answer in
                let record = (try? JSON(parsing: answer.body))?.member(kind.root)
                guard let id = kind.created(answer, record) else { return .finish(.unknown(Self.judging.notTold("it has no address of the document"))) }
                var known = draft
                known.id = id
                guard let record, record["total_value"] != nil else { return self.lookAndSend(known) }
                return self.send(known, as: record)
            }
        }
    }

    /// A draft on its way.
    struct Draft: Sendable {
        let document: LedgerDocument
        let kind: Kind
        let form: SalesForm
        let connection: ConnectionFacts
        /// Made by this very conversation: it may be deleted again.
        var isNew: Bool
        var id = ""
        /// Its tax was mended once; not a second time.
        var isMended = false
    }

    private func lookAndSend(_ draft: Draft) -> Exchange<PostOutcome> {
        Self.record(draft.kind, draft.id, paid: true).next { record in
            guard let record else { return .finish(.unknown(Self.judging.notTold("the draft is gone"))) }
            return self.send(draft, as: record)
        }
    }

    /// Sends the draft when it comes to what is meant.
    private func send(_ draft: Draft, as record: JSON) -> Exchange<PostOutcome> {
        guard let (total, tax) = Self.figures(record, draft.form.currency) else { return .finish(.unknown(Self.judging.notTold("the draft's total can't be read"))) }
        let off = draft.form.tax - draft.kind.sign * tax
        guard off == 0, draft.kind.sign * total == draft.form.total else { return mend(draft, off, draft.kind.sign * total) }
        return Self.step(Self.write(.put, draft.kind.path(draft.id, "/transitions/mark_as_sent"), calls: 0)).next { step in
            switch step {
            case .done: return .finish(.posted(remoteID: draft.id, version: Self.version(record)))
            case .refused(let fault): return self.takeBack(draft, fault)
            }
        }
    }

    /// Total and tax as they are there. A company that charges no tax shows none.
    static func figures(_ record: JSON, _ currency: Currency) -> (total: Int64, tax: Int64)? {
        guard let total = record["total_value"]?.minor(currency) else { return nil }
        guard let shown = record.member("sales_tax_value") else { return (total, record["net_value"]?.minor(currency).map { total - $0 } ?? 0) }
        return shown.minor(currency).map { (total, $0) }
    }

    /// Two more lines that change nothing but the tax, where FreeAgent rounds another way than we thought.
    private func mend(_ draft: Draft, _ off: Int64, _ total: Int64) -> Exchange<PostOutcome> {
        let kind = draft.kind
        guard !draft.isMended, total + off == draft.form.total, let pair = draft.form.correction(off) else {
            let found = Money(minor: total, draft.form.currency).text
            return takeBack(draft, Self.refused(
                "tax_differs", "FreeAgent makes \(found) of the document with its tax, and it comes to \(draft.document.plan.total.text)",
                "Bind the tax codes to rates that the company may charge, or write this document by hand."))
        }
        let items = pair.map { Self.item($0, kind, draft.form.currency, draft.connection) }
        let body = JSON.object([(kind.root, .object([(kind.items, .array(items))]))])
        var mended = draft
        mended.isMended = true
        let next = mended
        return Self.step(Self.write(.put, kind.path(draft.id), body, calls: 0)).next { step in
            switch step {
            case .done: return self.lookAndSend(next)
            case .refused(let fault): return self.takeBack(next, fault)
            }
        }
    }

    /// Nothing of a refused document stays, where this conversation made it; a draft has no effect, so it can be deleted.
    private func takeBack(_ draft: Draft, _ fault: Fault) -> Exchange<PostOutcome> {
        guard draft.isNew else {
            var left = fault
            left.summary += "; the document is left as a draft"
            return .finish(.rejected(left))
        }
        return Self.step(Self.write(.delete, draft.kind.path(draft.id), calls: 0)).map { step in
            if case .refused(let other) = step, other.code != "ledger_document_missing" {
                return .unknown(Self.judging.notTold("a refused draft could not be taken back"))
            }
            return fault.code == "ledger_duplicate_number" ? .duplicate(fault) : .rejected(fault)
        }
    }

    // MARK: Change

    /// A sent document is changed as people do it: back to draft, all lines anew, sent again. What stands is read first each time, so a change that
    /// broke off is gone on with from wherever it stopped. One that is gone is written anew.
    func updateSale(_ document: LedgerDocument, _ kind: Kind, _ connection: ConnectionFacts, isLookedFor: Bool = false) -> Exchange<PostOutcome> {
        .refusing { () throws(Fault) in
            // What can't be written must not cost what stands.
            let form = try SalesForm(document)
            _ = try Self.salesBody(of: document, kind, connection)
            let id = try Self.id(of: document)
            return Self.record(kind, id).next { record in
                guard let record else { return isLookedFor ? .fail(Self.judging.notRead("a document is listed and is not there")) : self.writeAnew(document, kind, connection) }
                return self.opened(record, kind, id, calls: 5) { calls in
                    .refusing { () throws(Fault) in
                        let body = try Self.salesBody(of: document, kind, connection, taking: try Self.old(record, kind))
                        let draft = Draft(document: document, kind: kind, form: form, connection: connection, isNew: false, id: id)
                        return Self.step(Self.write(.put, kind.path(id), body, calls: calls)).next { step in
                            switch step {
                            case .done: return self.lookAndSend(draft)
                            case .refused(let fault): return self.restore(draft, fault, wasOpen: !Self.isDraft(record))
                            }
                        }
                    }
                }
            }
        }
    }

    /// What was there is there still: it gets its effect back.
    private func restore(_ draft: Draft, _ fault: Fault, wasOpen: Bool) -> Exchange<PostOutcome> {
        guard wasOpen else { return takeBack(draft, fault) }
        return Self.step(Self.write(.put, draft.kind.path(draft.id, "/transitions/mark_as_sent"), calls: 0)).next { step in
            if case .done = step { return .finish(.rejected(fault)) }
            return self.takeBack(draft, fault)
        }
    }

    /// Somebody deleted it, or a void of ours did before it was wanted again. An earlier attempt may have written it anew: looked for by its key among
    /// the newest, as far as the time for a write allows. Were it further back, its number would be taken when this one is sent.
    private func writeAnew(_ document: LedgerDocument, _ kind: Kind, _ connection: ConnectionFacts) -> Exchange<PostOutcome> {
        Self.list(kind, [("sort", "-created_at")], most: FreeAgentLimits.newestPages).next { rows in
            let standing = rows.all.filter { $0["reference"]?.string == document.key.text }.compactMap { kind.id(of: $0["url"]?.string) }.unique(by: \.self)
            guard standing.count < 2 else { return .finish(.rejected(Self.doubled(standing, in: "FreeAgent"))) }
            var other = document
            other.remoteID = standing.first
            return other.remoteID == nil ? self.createSale(other, kind, connection) : self.updateSale(other, kind, connection, isLookedFor: true)
        }
    }

    /// Its lines, to be taken away.
    private static func old(_ record: JSON, _ kind: Kind) throws(Fault) -> [JSON] {
        var out: [JSON] = []
        for row in record[kind.items]?.array ?? [] {
            guard let id = Kind.invoiceItems.id(of: row["url"]?.string).flatMap({ Int($0) }) else { throw judging.notRead("a line has no url") }
            out.append(["id": .number("\(id)"), "_destroy": 1])
        }
        return out
    }

    static func isDraft(_ record: JSON) -> Bool { record["status"]?.string == "Draft" }

    /// Goes on with a draft. `calls`: what the first write pays for, itself included.
    private func opened(
        _ record: JSON, _ kind: Kind, _ id: String, calls: Int, then next: @escaping @Sendable (Int) -> Exchange<PostOutcome>
    ) -> Exchange<PostOutcome> {
        if Self.isDraft(record) { return next(calls) }
        guard let total = record["total_value"]?.decimal else { return .fail(Self.judging.notRead("a document has no total_value")) }
        guard record["due_value"]?.decimal ?? total == total, record.member(kind.settledField)?.decimal?.isZero ?? true else {
            return .finish(.rejected(Self.refused(
                "ledger_document_fixed", "the document has payments or credits on it in FreeAgent",
                "Take payments and credits off the document in FreeAgent, or correct it there.")))
        }
        return .send(Self.write(.put, kind.path(id, "/transitions/mark_as_draft"), calls: calls)) { _ in next(0) }
    }

    // MARK: Void

    /// Back to draft, then deleted: a draft that stayed could be sent by anybody. A write-off would be a loss in the books.
    func voidSale(_ document: LedgerDocument, _ kind: Kind) -> Exchange<PostOutcome> {
        .refusing { () throws(Fault) in
            let id = try Self.id(of: document)
            let gone = PostOutcome.posted(remoteID: id, version: nil)
            return Self.record(kind, id).next { record in
                guard let record else { return .finish(gone) }
                return self.opened(record, kind, id, calls: 2) { calls in
                    Self.step(Self.write(.delete, kind.path(id), calls: calls)).map { step in
                        guard case .refused(let fault) = step, fault.code != "ledger_document_missing" else { return gone }
                        var left = fault
                        left.summary += "; the document is left as a draft"
                        return .rejected(left)
                    }
                }
            }
        }
    }
}

extension Exchange where Output == PostOutcome {
    /// What a function begins that may refuse before anything is sent.
    static func refusing(_ begin: () throws(Fault) -> Exchange) -> Exchange {
        do throws(Fault) { return try begin() } catch { return .finish(error.disposition == .reject ? .rejected(error) : .throttled(error)) }
    }
}
