internal import Books
internal import Kernel
internal import Wire

extension Comparison {
    /// Families whose balance must be explained item by item.
    private static let control: Set<String> = [
        "receivable", "clearing", "processor_reserve", "gift_card_liability", "store_credit_liability",
        "deferred_revenue", "customer_deposits",
        "intercompany", "landed_cost_clearing", "grni", "tips_payable", "marketplace_tax_memo", "duties",
    ]

    /// A control role in the books of one legal entity.
    private struct Place: Hashable, Comparable, CustomStringConvertible {
        var organisation: String?
        var role: Role
        static func < (a: Place, b: Place) -> Bool { (a.organisation ?? "", a.role) < (b.organisation ?? "", b.role) }
        var description: String { role.text + (organisation.map { " of \($0)" } ?? "") }
    }

    /// What is open per control role, and what it is kept by: a card's reference, else the order.
    private func residuals() -> [Place: [String: Money]] {
        var out: [Place: [String: Money]] = [:]
        func add(_ organisation: String?, _ role: Role, _ item: String, _ amount: Money) {
            guard Comparison.control.contains(role.family) else { return }
            out[Place(organisation: organisation, role: role), default: [:]][item, default: .zero(amount.currency)] += amount
        }
        for opening in run.openings where opening.amount.currency == run.base {
            add(run.settings.organisation.id, opening.role, opening.ref, opening.amount)
        }
        for entry in posted {
            for part in entry.effects {
                for line in part.lines {
                    guard let amount = line.value(in: run.settings.organisation(entry.organisation).baseCurrency) else { continue }
                    add(entry.organisation, line.role, pool(line.role) ?? line.openItem.map(item) ?? root(part.caseID), amount)
                }
            }
        }
        return out.mapValues { $0.filter { !$0.value.isZero } }
    }

    /// Tips are one pool: staff is not paid order by order. So is what a processor keeps back.
    private func pool(_ role: Role) -> String? { ["tips_payable", "processor_reserve"].contains(role.family) ? "pool" : nil }

    /// The case that others belong to: an exchange to the order it came of, an invoice to the deposit it uses.
    private func root(_ id: String) -> String {
        var at = id
        for _ in 0 ..< 8 {
            guard let next = parent(at), next != at else { return at }
            at = next
        }
        return at
    }

    private func parent(_ id: String) -> String? {
        guard let sale = saleOf(id) else { return nil }
        if let origin = sale.exchangeOf { return caseOf(origin) }
        return sale.deposits.first.flatMap { caseOf($0.deposit) }
    }

    private func caseOf(_ event: String) -> String? {
        for entry in run.events where entry.id == event {
            if case .document(let document) = entry.effect { return document.caseID }
        }
        return nil
    }

    /// The items that a reference means: a card, the order of an event, or all orders of a day.
    private func items(_ references: String, of role: Role) -> Set<String> {
        if let pool = pool(role) { return [pool] }
        var out: Set<String> = []
        for reference in references.split(separator: ",").map({ String($0) }) {
            if let day = LocalDate(reference) {
                let parts = posted.filter { $0.plan.date == day }.flatMap(\.effects).filter { $0.lines.contains { $0.role == role } }
                out.formUnion(
                    parts.flatMap { part in
                        part.lines.filter { $0.role == role }.map { $0.openItem.map(item) ?? root(part.caseID) }
                    })
            } else {
                out.formUnion(span(reference).map(item))
            }
        }
        return out
    }

    /// `P-19A..P-19E`: those events and all of the same type between them.
    private func span(_ reference: String) -> [String] {
        guard let dots = reference.firstRange(of: ".."),
            let from = run.events.firstIndex(where: { $0.id == reference[..<dots.lowerBound] }),
            let to = run.events.firstIndex(where: { $0.id == reference[dots.upperBound...] }), from <= to
        else { return [reference] }
        return run.events[from ... to].filter { $0.type == run.events[from].type }.map(\.id)
    }

    private func item(_ reference: String) -> String {
        for event in run.events where event.id == reference {
            if case .document(let document) = event.effect { return root(document.caseID) }
            if case .opening(_, let ref, _) = event.effect { return ref }
        }
        // A row of a payout, a transaction of a refund.
        let owner = String(reference.prefix { $0 != "/" })
        return owner == reference ? reference : item(owner)
    }

    mutating func compareOpenItems() {
        var ours = residuals()
        var groups: [(place: Place, items: Set<String>, amount: Money, names: [String])] = []
        for expected in expect["open_items"]?.array ?? [] {
            let ref = expected["ref"]?.string ?? ""
            let entity = expected["organisation"]?.string
            guard let amount = expected["amount"]?.string.flatMap({ Money($0, run.settings.organisation(entity).baseCurrency) }),
                let role = expected["role"]?.string.map({ Role($0) })
            else {
                differ("open item \(ref) cannot be read")
                continue
            }
            let place = Place(organisation: entity, role: role)
            var items = self.items(ref, of: role)
            var names = [ref]
            var sum = amount
            // Two items of one order are one sum here.
            for n in groups.indices.reversed() where groups[n].place == place && !groups[n].items.isDisjoint(with: items)
            {
                items.formUnion(groups[n].items)
                names = groups[n].names + names
                sum += groups[n].amount
                groups.remove(at: n)
            }
            groups.append((place, items, sum, names))
        }
        for group in groups {
            let sum = group.items.compactMap { ours[group.place]?[$0] }.total(group.amount.currency)
            same("open \(group.place) for \(group.names.joined(separator: " and "))", sum.text, group.amount.text)
            for item in group.items { ours[group.place]?[item] = nil }
        }
        for (place, items) in ours.sorted(by: { $0.key < $1.key }) {
            for (item, amount) in items.sorted(by: { $0.key < $1.key }) {
                differ("open and not explained: \(place) for \(item), \(amount.text)")
            }
        }
    }

    /// Both sides' totals agree: what a source says is still owed is what the receivable shows, unless something of
    /// the order is held; and every event is posted, held, or rightly silent.
    mutating func reconcile() {
        let heldCases = Set(run.held.filter { $0.releasedBy == nil }.map(\.caseID))
        for id in run.caseOrder where !heldCases.contains(id) {
            let effects = posted.flatMap(\.effects).filter { $0.caseID == id }
            guard let owed = owedBySource(id), !effects.isEmpty else { continue }
            let lines = effects.flatMap(\.lines).filter { $0.role.family == "receivable" }
            let open = lines.map(\.amount).total(owed.currency)
            if open != owed {
                differ("order \(id): the source says \(owed.text) is owed, the ledger says \(open.text)")
            }
        }
        let covered = Set(
            run.entries.flatMap {
                events(run.covers($0))
                    + $0.plan.lines.flatMap { events($0.derivedFrom.map { String($0.prefix { $0 != "/" }) }) }
            })
        let held = Set(run.held.map(\.event))
        for event in run.events
        where !covered.contains(event.id) && !held.contains(event.id) && !run.silent.contains(event.id)
            && !isSilent(event)
        {
            differ("\(event.id) is neither posted nor held")
        }
    }

    /// Money that did not move, orders that are not to be posted.
    private func isSilent(_ event: Event) -> Bool {
        guard case .document(let document) = event.effect else { return true }
        let policies = run.settings.policies
        switch document.body {
        case .payment(let payment): return payment.status != .success
        case .goodsReturn(let back): return back.state != "closed"
        case .sale(let sale):
            let money = run.cases[event.id]?.documents.compactMap { document -> Money? in
                if case .payment(let payment) = document.body, payment.status == .success { payment.amount } else { nil }
            }
            if sale.isDraft { return true }
            let paid = (money ?? []).total(sale.currency).minor >= sale.total.minor
            let waits = policies.saleTrigger == .paid ? !paid : policies.saleTrigger == .fulfilled
            return (sale.total.isZero && policies.zeroTotal == .skip) || waits
        case .cancellation: return run.entries.allSatisfy { $0.plan.caseID != document.caseID }
        case .payout(let payout): return payout.status == .pending || payout.status == .cancelled
        case .deposit(let deposit): return deposit.status != .success
        case .fulfilment: return policies.revenue == .atOrder
        case .stock(let stock): return policies.inventory == .none || stock.kind == .opening
        case .registerClosure(let closure): return closure.over.isZero
        case .stockLevel(let level): return !level.isShort
        case .bill(let bill): return bill.isVoid
        case .refund, .edit, .tipPayout, .dispute, .bankLine, .giftCardExpiry: return false
        }
    }

    /// From the source's own totals, not from our lines.
    private func owedBySource(_ id: String) -> Money? {
        guard let order = run.cases[id], let sale = saleOf(id), !sale.isDraft else { return nil }
        var total = sale.total
        let channel = (sale.lines.flatMap { $0.taxes ?? [] } + sale.shipping.flatMap(\.taxes)).filter(\.channelLiable)
            .map(\.amount).total(sale.currency)
        var moved = sale.deposits.map(\.amount).total(sale.currency)
        for document in order.documents {
            switch document.body {
            case .payment(let payment) where payment.status == .success:
                moved += payment.amount - (run.settings.policies.cashRounding == nil ? .zero(sale.currency) : payment.cashRounding ?? .zero(sale.currency))
            case .goodsReturn(let back) where back.state == "closed":
                guard let how = back.settlement else { continue }
                total -= how.total
                moved -= how.storeCredit - how.bonus
            case .edit(let edit):
                total = edit.orderTotal ?? total
                moved -= edit.transactions.filter { $0.status == .success }.map(\.amount).total(sale.currency)
            case .refund(let refund):
                total -= refund.total
                moved -= refund.transactions.filter { $0.status == .success }.map(\.amount).total(sale.currency)
            case .cancellation
            where !order.documents.contains {
                if case .payment(let p) = $0.body { p.status == .success } else { false }
            }:
                return .zero(sale.currency)
            default: continue
            }
        }
        if run.settings.policies.marketplaceTax == .memo { total -= channel }
        let owed = total - moved
        // What the last coins could not pay is nobody's debt.
        if let coin = run.settings.policies.cashRounding, owed.magnitude.decimal <= coin, order.documents.contains(where: isUnstatedCash) {
            return .zero(sale.currency)
        }
        return owed
    }

    private func isUnstatedCash(_ document: SourceDocument) -> Bool {
        guard case .payment(let payment) = document.body else { return false }
        return payment.gateway == "cash" && payment.status == .success && payment.cashRounding == nil
    }
}
