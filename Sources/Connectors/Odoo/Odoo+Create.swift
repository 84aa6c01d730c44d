internal import Books
public import ConnectorKit
internal import Kernel
internal import Wire

// Create, then post: the draft is created, its tax lines and its receivable are set to what is meant, then it is posted, and a payment is settled
// against its document. Each is a transaction of its own. What is refused behind the create takes the drafts back; what breaks off leaves a
// draft, which `find` shows as unfinished and `update` goes on with.
extension OdooConnector {
    public func batchGroup(of document: LedgerDocument) -> String {
        switch OdooForm(document.plan.form) {
        case .sales: "sales"
        case .bill: "bill"
        // Each is several calls, and one that breaks off leaves the others as they are.
        case .order: "order \(document.key)"
        case .entry: OdooForm.settling.contains(document.plan.form) ? "settling" : "entry"
        case nil: "unsupported"
        }
    }

    /// One create for all of them. A document that can't be said in Odoo's words is rejected here and not sent.
    public func create(_ documents: [LedgerDocument], attempt _: String, _ connection: ConnectionFacts) -> Exchange<[PostOutcome]> {
        let dialect: Dialect
        do throws(Fault) { dialect = try Dialect(connection) } catch { return .finish(documents.map { _ in .rejected(error) }) }
        let ordered = documents.filter { OdooForm($0.plan.form) == .order }
        guard ordered.isEmpty else {
            if documents.count == 1 { return createOrder(ordered[0], dialect) }
            let fault = Fault("batch_too_large", stage: .post, disposition: .retry, summary: "an order goes to Odoo alone", remedy: "None needed: it is sent again.")
            return .finish(documents.map { _ in .throttled(fault) })
        }
        return looked(up: documents, dialect) { ids, uses in
            var making = Making(dialect: dialect, outcomes: Array(repeating: nil, count: documents.count))
            var values: [JSON] = []
            for (index, document) in documents.enumerated() {
                do throws(Fault) {
                    guard document.plan.effect == .post else {
                        throw Self.refused("void_not_created", "a document that is void was never in Odoo", "Report it: nothing is to be sent.")
                    }
                    try Self.check(document, uses)
                    values.append(.object(try Self.values(of: document, dialect, ids)))
                    making.drafts.append(Draft(index: index, document: document))
                } catch {
                    making.outcomes[index] = error.disposition == .reject ? .rejected(error) : .throttled(error)
                }
            }
            guard !values.isEmpty else { return .finish(making.told) }
            let asking = Asking(.write, "account.move", "create", [("vals_list", .array(values))], units: making.units)
            let begun = making
            return .send(dialect.call(asking)) { answer in
                guard let ids = Self.created(answer, dialect, begun.drafts.count) else {
                    return .finish(begun.all(.unknown(Self.lost("it names no ids of what was created"))))
                }
                var next = begun
                for place in next.drafts.indices { next.drafts[place].id = ids[place] }
                return self.amend(next)
            }
        }
    }

    /// Ids of what was created, as many as were asked for and each another one.
    static func created(_ answer: HTTPResponse, _ dialect: Dialect, _ count: Int) -> [Int]? {
        guard let value = Answer(answer, dialect.transport)?.value else { return nil }
        // One record may be answered by one id.
        let ids = (value.array ?? [value]).compactMap { element in element.int.flatMap { OdooLimits.ids.contains($0) ? $0 : nil } }
        return ids.count == count && (value.array?.count ?? 1) == count && Set(ids).count == count ? ids : nil
    }

    /// A draft of this create.
    struct Draft: Sendable {
        var index: Int
        var document: LedgerDocument
        var id = 0
    }

    /// Where a create stands.
    struct Making: Sendable {
        let dialect: Dialect
        /// Per document; `nil` until known.
        var outcomes: [PostOutcome?]
        var drafts: [Draft] = []

        var ids: [Int] { drafts.map(\.id) }
        /// What all calls of it come to: create, read, post, and one to take back; a quarter of them are thought to need another tax.
        var units: Int { 4 + drafts.count / 4 + 2 * drafts.filter { $0.document.settles != nil }.count }
        var told: [PostOutcome] { outcomes.map { $0 ?? .unknown(OdooConnector.lost("it was left out")) } }

        /// The same for all drafts.
        func all(_ outcome: PostOutcome) -> [PostOutcome] {
            var out = self
            for draft in drafts { out.outcomes[draft.index] = outcome }
            return out.told
        }
    }

    // MARK: Amending

    /// Brings the drafts of sales and bills to the cent, where Odoo computed something else.
    private func amend(_ making: Making) -> Exchange<[PostOutcome]> {
        let trade = making.drafts.filter { OdooForm($0.document.plan.form)?.isTrade == true }
        guard !trade.isEmpty else { return post(making) }
        return rows(Self.items(of: trade.map(\.id), making.dialect).map(\.paid), making.dialect) { rows in
            var writes: [Asking] = []
            for draft in trade {
                do throws(Fault) {
                    let items = rows.filter { $0["move_id"]?.id == draft.id }
                    if let values = try Amendment(draft.document, items, making.dialect).values {
                        writes.append(Asking(.write, "account.move", "write", ids: [draft.id], [("vals", .object(values))], units: 0))
                    }
                } catch {
                    return error.disposition == .reject ? self.takeBack(making, error) : .finish(making.all(.unknown(error)))
                }
            }
            return self.write(writes[...], making)
        }
    }

    private func write(_ writes: ArraySlice<Asking>, _ making: Making) -> Exchange<[PostOutcome]> {
        guard let asking = writes.first else { return post(making) }
        return step(asking, making.dialect) { step in
            switch step {
            case .done: self.write(writes.dropFirst(), making)
            case .refused(let fault): self.takeBack(making, fault)
            case .unreadable: .finish(making.all(.unknown(Self.lost("whether the draft was changed"))))
            }
        }
    }

    // MARK: Posting

    private func post(_ making: Making) -> Exchange<[PostOutcome]> {
        step(Asking(.write, "account.move", "action_post", ids: making.ids, units: 0), making.dialect) { step in
            switch step {
            case .done: self.settle(making.drafts[...], making)
            case .refused(let fault): self.takeBack(making, fault)
            case .unreadable: .finish(making.all(.unknown(Self.lost("whether it was posted"))))
            }
        }
    }

    /// Nothing of a refused call stays: the drafts were never posted, so they can be deleted.
    private func takeBack(_ making: Making, _ fault: Fault) -> Exchange<[PostOutcome]> {
        var refusal = fault
        if making.drafts.count > 1 { refusal.code = "batch_refused" }
        let told = refusal
        return step(Asking(.write, "account.move", "unlink", ids: making.ids, units: 0), making.dialect) { step in
            if case .done = step { return .finish(making.all(.rejected(told))) }
            return .finish(making.all(.unknown(Self.lost("a refused draft could not be taken back"))))
        }
    }

    private func settle(_ drafts: ArraySlice<Draft>, _ making: Making) -> Exchange<[PostOutcome]> {
        guard let draft = drafts.first else { return .finish(making.told) }
        return settle(draft.document, id: draft.id, making.dialect) { outcome in
            var next = making
            next.outcomes[draft.index] = outcome
            return self.settle(drafts.dropFirst(), next)
        }
    }

    // MARK: Settling

    /// Matches the receivable of a posted entry with its document's, where it settles one. What Odoo does not match stays open: the entry stands,
    /// and whoever reads it back sees that it settles nothing.
    func settle<Output: Sendable>(
        _ document: LedgerDocument, id: Int, _ dialect: Dialect, then next: @escaping @Sendable (PostOutcome) -> Exchange<Output>
    ) -> Exchange<Output> {
        let posted = PostOutcome.posted(remoteID: String(id), version: nil)
        guard let other = recordID(document.settles) else { return next(posted) }
        let domain: JSON = [
            ["move_id", "in", .ids([id, other])], [.string(dialect.accountType.field), "=", .string(dialect.accountType.receivable)],
            ["reconciled", "=", false],
        ]
        return rows([Listing("account.move.line", domain, ["id", "move_id", "account_id"]).paid], dialect) { rows in
            let own = rows.first { $0["move_id"]?.id == id }
            let others = rows.filter { $0["move_id"]?.id == other && $0["account_id"]?.id == own?["account_id"]?.id }
            guard let own, !others.isEmpty else { return next(posted) }
            let lines = ([own] + others).compactMap { $0["id"]?.id }
            return self.step(Asking(.write, "account.move.line", "reconcile", ids: lines, units: 0), dialect) { step in
                if case .unreadable = step { return next(.unknown(Self.lost("whether it was settled"))) }
                return next(posted)
            }
        }
    }

    // MARK: What has to be known first

    /// Ids of the currencies of foreign documents, and what the taxes of bills are for; asks nothing for none.
    func looked<Output: Sendable>(
        up documents: [LedgerDocument], _ dialect: Dialect, then next: @escaping @Sendable (CurrencyIDs, TaxUses) -> Exchange<Output>
    ) -> Exchange<Output> {
        let foreign = Set(documents.filter { $0.plan.rate != nil && OdooForm($0.plan.form) != nil }.map(\.plan.currency.code)).sorted()
        let taxes = Set(documents.flatMap(Self.boughtTaxes)).sorted()
        return currencies(foreign, dialect) { ids in
            let lists = taxes.parts(of: OdooLimits.listed).map { Listing("account.tax", [["id", "in", .ids($0)]], ["id", "type_tax_use"]) }
            return self.rows(lists, dialect) { rows in
                var uses: TaxUses = [:]
                for row in rows { if let id = row["id"]?.id, let use = row["type_tax_use"]?.words { uses[id] = use } }
                return next(ids, uses)
            }
        }
    }

    private static func boughtTaxes(_ document: LedgerDocument) -> [Int] {
        guard OdooForm(document.plan.form) == .bill, let form = try? TradeForm(document) else { return [] }
        return form.lines.flatMap(\.taxes)
    }

    /// Odoo would take a tax of sales on a bill, and book it as owed to the state.
    /// - Throws: `tax_code_invalid` (reject).
    static func check(_ document: LedgerDocument, _ uses: TaxUses) throws(Fault) {
        for id in boughtTaxes(document) where uses[id] != "purchase" {
            let what = uses[id].map { "is for \(cut(plain($0), characters: 20)), not for purchases" } ?? "is not active there"
            throw refused("tax_code_invalid", "Odoo's tax \(id) of a bill \(what)", "Bind the purchase: tax code to a tax on purchases.")
        }
    }

    // MARK: Currencies

    /// Ids of active currencies; asks nothing for none.
    func currencies<Output: Sendable>(
        _ codes: [String], _ dialect: Dialect, then next: @escaping @Sendable (CurrencyIDs) -> Exchange<Output>
    ) -> Exchange<Output> {
        guard !codes.isEmpty else { return next([:]) }
        let domain: JSON = [["name", "in", .array(codes.map { .string($0) })]]
        return rows([Listing("res.currency", domain, ["id", "name"])], dialect) { rows in
            var out: CurrencyIDs = [:]
            for row in rows { if let code = row["name"]?.words, let id = row["id"]?.id { out[code] = id } }
            return next(out)
        }
    }
}
