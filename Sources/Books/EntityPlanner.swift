internal import Kernel

/// Policy `entity_by: line.location`: one order sold by several legal entities. Each posts its own lines; money that one takes or
/// gives for another passes through `intercompany`, on both sides, on the same day.
public enum EntityPlanner {
    /// What one entity's books ought to have of an order.
    public struct Part: Sendable, Equatable {
        public var organisation: Organisation
        /// Subjects end in the entity's id: `O-4001@WEST`.
        public var postings: [PlannedPosting]
    }

    /// The net of each entity's lines: what charges of the whole order are shared by.
    public static func weights(_ sale: Sale, organisations: [Organisation]) -> [Money] {
        organisations.indices.map { n in
            sale.lines.filter { owner($0.location, organisations) == n }.map { $0.net ?? $0.gross - ($0.discount ?? .zero(sale.currency)) }.total(sale.currency)
        }
    }

    /// The parts of `order` in the order of `organisations`, of which the first owns what names no place. `ledger` has the postings of
    /// all of them.
    public static func plan(
        _ order: OrderCase, organisations: [Organisation], policies: Policies, ledger: LedgerState, codes: CodeBook, around: Surroundings = Surroundings()
    ) -> [Part] {
        guard let first = organisations.first else { return [] }
        var split = EntitySplit(organisations)
        guard split.take(order, CasePlan(order, first, policies, ledger, codes, around)) else {
            return [
                Part(
                    organisation: first,
                    postings: Planner.plan(order, organisation: first, policies: policies, ledger: ledger, codes: codes, around: around))
            ]
        }
        var parts: [Part] = []
        for (n, organisation) in organisations.enumerated() {
            let suffix = "@\(organisation.id ?? "")"
            var own = ledger
            own.posted = [:]
            for (_, state) in ledger.posted where state.plan.subject.hasSuffix(suffix) {
                var plain = state
                plain.plan.rename { String($0.dropLast(suffix.count)) }
                own.posted[plain.plan.id] = plain
            }
            let documents = split.documents[n]
            var postings =
                documents.isEmpty && own.posted.isEmpty
                ? []
                : Planner.plan(
                    OrderCase(id: order.id, documents), organisation: organisation, policies: policies, ledger: own, codes: codes, around: around)
            for i in postings.indices { postings[i].rename { $0 + suffix } }
            parts.append(Part(organisation: organisation, postings: postings))
        }
        split.settleBetween(&parts)
        return parts
    }

    static func owner(_ location: String?, _ organisations: [Organisation]) -> Int { organisations.firstIndex { $0.id == location } ?? 0 }
}

extension PlannedPosting {
    fileprivate mutating func rename(_ change: (String) -> String) {
        subject = change(subject)
        if let to = appliesTo { appliesTo = Reference(form: to.form, subject: change(to.subject)) }
    }
}

/// The documents of one order, shared over entities.
private struct EntitySplit {
    let organisations: [Organisation]
    private(set) var documents: [[SourceDocument]]
    /// By `payment` or `refund/transaction`: who holds the money.
    private var holders: [String: Int] = [:]
    private var weights: [Money] = []
    private var owners: [String: Int] = [:]
    private var totals: [Money] = []
    private var paid: [Money] = []

    init(_ organisations: [Organisation]) {
        self.organisations = organisations
        documents = organisations.map { _ in [] }
    }

    /// `false` where the order is not known yet.
    mutating func take(_ order: OrderCase, _ plan: CasePlan) -> Bool {
        let all = order.documents
        guard let sale = plan.sale, let told = all.first(where: { $0.id == sale.id && $0.saleCurrency != nil }) else { return false }
        let figures = plan.soldFigures(sale)
        share(told, sale.body, figures)
        for document in all {
            switch document.body {
            case .sale: continue
            case .payment(let payment): share(document, payment)
            case .refund(let refund): share(document, refund, sale.body)
            case .edit(let edit): share(document, edit, sale.body, figures)
            case .goodsReturn(let back):
                for n in organisations.indices {
                    var own = back
                    own.lines = back.lines.filter { owners[$0.line] == n }
                    if !own.lines.isEmpty { add(document, .goodsReturn(own), n) }
                }
            default: for n in organisations.indices where !documents[n].isEmpty { add(document, document.body, n) }
            }
        }
        return true
    }

    private mutating func add(_ document: SourceDocument, _ body: SourceDocument.Body, _ n: Int) {
        var own = document
        own.body = body
        documents[n].append(own)
    }

    private func shares(_ amount: Money) -> [Money] { Allocation.shares(of: amount, weights: weights) }

    private func shares(_ taxes: [TaxPart], _ n: Int) -> [TaxPart] {
        taxes.map { tax in
            var own = tax
            own.amount = shares(tax.amount)[n]
            return own
        }
    }

    private func share(_ shipping: [ShippingLine], _ n: Int) -> [ShippingLine] {
        shipping.map { line in
            var own = line
            (own.amount, own.discount, own.net) = (shares(line.amount)[n], shares(line.discount)[n], shares(line.net)[n])
            own.taxes = shares(line.taxes, n)
            return own
        }
    }

    private mutating func share(_ document: SourceDocument, _ sale: Sale, _ figures: [LineFigures]) {
        let zero = Money.zero(sale.currency)
        for figure in figures { owners[figure.line.id] = EntityPlanner.owner(figure.line.location, organisations) }
        weights = organisations.indices.map { n in figures.filter { owners[$0.line.id] == n }.map(\.now.net).total(sale.currency) }
        for n in organisations.indices {
            var own = sale
            let mine = figures.filter { owners[$0.line.id] == n }
            own.lines = mine.map { figure in
                var line = figure.line
                (line.discount, line.net, line.taxes) = (figure.now.discount, figure.now.net, figure.now.taxes)
                return line
            }
            (own.discounts, own.orderTaxes) = ([], [])
            own.shipping = share(sale.shipping, n)
            own.tip = sale.tip.map { shares($0)[n] }
            for i in own.duties.indices { own.duties[i].amount = shares(sale.duties[i].amount)[n] }
            for i in own.deposits.indices { own.deposits[i].amount = shares(sale.deposits[i].amount)[n] }
            let taxes: [Money] = sale.taxIncluded ? [] : (own.lines.flatMap { $0.taxes ?? [] } + own.shipping.flatMap(\.taxes)).map(\.amount)
            let parts: [Money] = own.lines.map { $0.net ?? zero } + own.shipping.map(\.net) + own.duties.map(\.amount) + [own.tip ?? zero]
            own.total = (parts + taxes).total(sale.currency)
            // What the parts do not come to is the source's mistake: the first entity shows it.
            totals.append(own.total)
            paid.append(own.deposits.map(\.amount).total(sale.currency))
            if !own.lines.isEmpty || !own.total.isZero { add(document, .sale(own), n) }
        }
        let rest = sale.total - totals.total(sale.currency)
        guard !rest.isZero, case .sale(var shown)? = documents[0].first?.body else { return }
        shown.total += rest
        documents[0][0].body = .sale(shown)
    }

    /// By what each entity is still owed; the last payment takes the rest.
    private mutating func share(_ document: SourceDocument, _ payment: Payment) {
        let unpaid = zip(totals, paid).map { Money(minor: max(0, $0.minor - $1.minor), $0.currency) }
        let weights = unpaid.allSatisfy(\.isZero) ? totals : unpaid
        guard payment.amount.currency == totals.first?.currency else { return }
        holders[document.id] = EntityPlanner.owner(payment.merchant, organisations)
        for (n, share) in Allocation.shares(of: payment.amount, weights: weights).enumerated() {
            var own = payment
            own.amount = share
            if payment.status == .success { paid[n] += share }
            if !share.isZero { add(document, .payment(own), n) }
        }
    }

    /// Each entity's units; money goes back by what each of them took away.
    private mutating func share(_ document: SourceDocument, _ edit: SaleEdit, _ sale: Sale, _ figures: [LineFigures]) {
        let zero = Money.zero(sale.currency)
        func worth(_ net: Money, _ taxes: [TaxPart]?) -> Money { sale.taxIncluded ? net : net + (taxes ?? []).map(\.amount).total(sale.currency) }
        for line in edit.added where owners[line.id] == nil { owners[line.id] = EntityPlanner.owner(line.location, organisations) }
        var gone = organisations.map { _ in zero }
        for n in organisations.indices {
            for line in edit.added where owners[line.id] == n {
                totals[n] += worth(line.net ?? line.gross - (line.discount ?? zero), line.taxes)
            }
            for units in edit.removed where owners[units.line, default: 0] == n {
                let now = figures.first { $0.line.id == units.line }?.now
                gone[n] += worth(units.net ?? now.map { Allocation.upTo(units.quantity, of: $0.quantity, amount: $0.net) } ?? zero, units.taxes)
            }
            totals[n] -= gone[n]
        }
        let shares = edit.transactions.map { Allocation.shares(of: $0.amount, weights: gone) }
        for movement in edit.transactions { holders["\(document.id)/\(movement.id)"] = 0 }
        for n in organisations.indices {
            var own = edit
            own.added = edit.added.filter { owners[$0.id] == n }
            own.removed = edit.removed.filter { owners[$0.line, default: 0] == n }
            own.orderTotal = nil
            for i in own.transactions.indices { own.transactions[i].amount = shares[i][n] }
            if !own.added.isEmpty || !own.removed.isEmpty || own.transactions.contains(where: { !$0.amount.isZero }) { add(document, .edit(own), n) }
        }
    }

    private mutating func share(_ document: SourceDocument, _ refund: Refund, _ sale: Sale) {
        let zero = Money.zero(refund.currency)
        guard refund.currency == sale.currency else { return }
        var own = organisations.map { _ in refund }
        for n in organisations.indices {
            own[n].lines = refund.lines.filter { owners[$0.line, default: 0] == n }
            own[n].shipping = share(refund.shipping, n)
            for i in refund.adjustments.indices {
                own[n].adjustments[i].amount = shares(refund.adjustments[i].amount)[n]
                own[n].adjustments[i].taxes = shares(refund.adjustments[i].taxes, n)
            }
        }
        let nets = own.map { $0.lines.map(\.net).total(refund.currency) }
        for n in organisations.indices {
            for i in refund.fees.indices { own[n].fees[i].amount = Allocation.shares(of: refund.fees[i].amount, weights: nets)[n] }
            let taxes: [Money] = refund.taxIncluded ? [] : (own[n].lines.flatMap { $0.taxes ?? [] } + own[n].shipping.flatMap(\.taxes)).map(\.amount)
            let parts: [Money] = own[n].lines.map(\.net) + own[n].shipping.map(\.net) + own[n].adjustments.map(\.amount) + own[n].fees.map { -$0.amount }
            own[n].total = (parts + taxes).total(refund.currency)
        }
        // Taxes that the source leaves to the rule are not in these sums: then the money is shared by them.
        let sums = own.map(\.total)
        if sums.total(refund.currency) != refund.total {
            let positive = sums.map { Money(minor: max(0, $0.minor), $0.currency) }
            for (n, share) in Allocation.shares(of: refund.total, weights: positive).enumerated() { own[n].total = share }
        }
        var moved = organisations.map { _ in zero }
        for (i, movement) in refund.transactions.enumerated() {
            holders["\(document.id)/\(movement.id)"] = EntityPlanner.owner(refund.merchant, organisations)
            let left = zip(own, moved).map { Money(minor: max(0, $0.total.minor - $1.minor), refund.currency) }
            for (n, share) in Allocation.shares(of: movement.amount, weights: left).enumerated() {
                own[n].transactions[i].amount = share
                moved[n] += share
            }
        }
        for n in organisations.indices where !own[n].total.isZero || !own[n].lines.isEmpty { add(document, .refund(own[n]), n) }
    }

    // MARK: Between the entities

    /// Who holds the money books all of it; the others are owed, or owe, their shares.
    func settleBetween(_ parts: inout [EntityPlanner.Part]) {
        var shares: [String: [(entity: Int, posting: Int)]] = [:]
        for (n, part) in parts.enumerated() {
            for (i, posting) in part.postings.enumerated() where [.payment, .refundPayment].contains(posting.form) && posting.effect == .post {
                guard let from = posting.lines.first(where: { $0.part == .tender })?.derivedFrom.first, holders[from] != nil else { continue }
                shares[from, default: []].append((n, i))
            }
        }
        for (key, places) in shares.sorted(by: { $0.key < $1.key }) {
            guard let holder = holders[key] else { continue }
            settle(places, holder, &parts)
        }
    }

    private func settle(_ places: [(entity: Int, posting: Int)], _ holder: Int, _ parts: inout [EntityPlanner.Part]) {
        let own = places.first { $0.entity == holder }
        let others = places.filter { $0.entity != holder }
        guard let sample = places.first.map({ parts[$0.entity].postings[$0.posting] }), !others.isEmpty,
            let at = sample.lines.firstIndex(where: { $0.part == .tender })
        else { return }
        var whole = own.map { parts[$0.entity].postings[$0.posting] } ?? sample
        if own == nil {
            let plain = sample.subject.prefix { $0 != "@" }
            whole.subject = "\(plain)@\(organisations[holder].id ?? "")"
            whole.appliesTo = nil
            whole.lines = [sample.lines[at]]
            (whole.lines[0].amount, whole.lines[0].base) = (.zero(sample.currency), sample.lines[at].base.map { .zero($0.currency) })
        }
        guard let tender = whole.lines.firstIndex(where: { $0.part == .tender }) else { return }
        for place in others {
            let entity = organisations[place.entity].id ?? ""
            guard let line = parts[place.entity].postings[place.posting].lines.firstIndex(where: { $0.part == .tender }) else { continue }
            let share = parts[place.entity].postings[place.posting].lines[line]
            parts[place.entity].postings[place.posting].lines[line].role = Role("intercompany:\(organisations[holder].id ?? "")")
            whole.lines[tender].amount += share.amount
            whole.lines[tender].base = whole.lines[tender].base.flatMap { known in share.base.map { known + $0 } }
            whole.lines.append(
                PostingLine(.other, role: Role("intercompany:\(entity)"), amount: -share.amount, base: share.base.map { -$0 }, derivedFrom: share.derivedFrom))
        }
        whole.total = whole.lines[tender].amount.magnitude
        if let own {
            parts[own.entity].postings[own.posting] = whole
        } else {
            // What the ledger has of it is no stray: it is planned here.
            parts[holder].postings.removeAll { $0.id == whole.id }
            parts[holder].postings.append(whole)
        }
    }
}
