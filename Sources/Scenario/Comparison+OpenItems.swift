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

    /// What is open per control role, and what it is kept by: a card's reference, else the order.
    private func residuals() -> [Role: [String: Money]] {
        var out: [Role: [String: Money]] = [:]
        func add(_ role: Role, _ item: String, _ amount: Money) {
            guard Comparison.control.contains(role.family) else { return }
            out[role, default: [:]][item, default: .zero(run.base)] += amount
        }
        for opening in run.openings where opening.amount.currency == run.base {
            add(opening.role, opening.ref, opening.amount)
        }
        for entry in posted {
            for line in entry.plan.lines {
                guard let amount = line.base ?? (line.amount.currency == run.base ? line.amount : nil) else { continue }
                add(line.role, pool(line.role) ?? line.openItem ?? entry.plan.caseID, amount)
            }
        }
        return out.mapValues { $0.filter { !$0.value.isZero } }
    }

    /// Tips are one pool: staff is not paid order by order.
    private func pool(_ role: Role) -> String? { role == "tips_payable" ? "tips" : nil }

    /// The items that a reference means: a card, the order of an event, or all orders of a day.
    private func items(_ references: String, of role: Role) -> Set<String> {
        if let pool = pool(role) { return [pool] }
        var out: Set<String> = []
        for reference in references.split(separator: ",").map({ String($0) }) {
            if let day = LocalDate(reference) {
                let entries = posted.filter { $0.plan.date == day && $0.plan.lines.contains { $0.role == role } }
                out.formUnion(
                    entries.flatMap { entry in
                        entry.plan.lines.filter { $0.role == role }.map { $0.openItem ?? entry.plan.caseID }
                    })
            } else {
                out.insert(item(reference))
            }
        }
        return out
    }

    private func item(_ reference: String) -> String {
        for event in run.events where event.id == reference {
            if case .document(let document) = event.effect { return document.caseID }
            if case .opening(_, let ref, _) = event.effect { return ref }
        }
        return reference
    }

    mutating func compareOpenItems() {
        var ours = residuals()
        var groups: [(role: Role, items: Set<String>, amount: Money, names: [String])] = []
        for expected in expect["open_items"]?.array ?? [] {
            let ref = expected["ref"]?.string ?? ""
            guard let amount = expected["amount"]?.string.flatMap({ Money($0, run.base) }),
                let role = expected["role"]?.string.map({ Role($0) })
            else {
                differ("open item \(ref) cannot be read")
                continue
            }
            var items = self.items(ref, of: role)
            var names = [ref]
            var sum = amount
            // Two items of one order are one sum here.
            for n in groups.indices.reversed() where groups[n].role == role && !groups[n].items.isDisjoint(with: items)
            {
                items.formUnion(groups[n].items)
                names = groups[n].names + names
                sum += groups[n].amount
                groups.remove(at: n)
            }
            groups.append((role, items, sum, names))
        }
        for group in groups {
            let sum = group.items.compactMap { ours[group.role]?[$0] }.total(run.base)
            same("open \(group.role) for \(group.names.joined(separator: " and "))", sum.text, group.amount.text)
            for item in group.items { ours[group.role]?[item] = nil }
        }
        for (role, items) in ours.sorted(by: { $0.key < $1.key }) {
            for (item, amount) in items.sorted(by: { $0.key < $1.key }) {
                differ("open and not explained: \(role) for \(item), \(amount.text)")
            }
        }
    }

    /// Both sides' totals agree: what a source says is still owed is what the receivable shows, unless something of
    /// the order is held; and every event is posted, held, or rightly silent.
    mutating func reconcile() {
        let heldCases = Set(run.held.filter { $0.releasedBy == nil }.map(\.caseID))
        for id in run.caseOrder where !heldCases.contains(id) {
            let entries = posted.filter { $0.plan.caseID == id && $0.plan.form != .journal }
            guard let owed = owedBySource(id), !entries.isEmpty else { continue }
            let lines = entries.flatMap(\.plan.lines).filter { $0.role.family == "receivable" }
            let open = lines.map(\.amount).total(owed.currency)
            if open != owed {
                differ("order \(id): the source says \(owed.text) is owed, the ledger says \(open.text)")
            }
        }
        let covered = Set(
            run.entries.flatMap {
                events($0.plan.covers)
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
            let paid =
                run.cases[event.id]?.documents.contains {
                    if case .payment(let p) = $0.body { p.status == .success } else { false }
                } ?? false
            return (sale.total.isZero && policies.zeroTotal == .skip) || (!paid && policies.postOn == .paid)
        case .cancellation: return run.entries.allSatisfy { $0.plan.caseID != document.caseID }
        case .refund, .edit, .tipPayout: return false
        }
    }

    /// From the source's own totals, not from our lines.
    private func owedBySource(_ id: String) -> Money? {
        guard let order = run.cases[id], let sale = saleOf(id) else { return nil }
        var total = sale.total
        let channel = (sale.lines.flatMap { $0.taxes ?? [] } + sale.shipping.flatMap(\.taxes)).filter(\.channelLiable)
            .map(\.amount).total(sale.currency)
        var moved = Money.zero(sale.currency)
        for document in order.documents {
            switch document.body {
            case .payment(let payment) where payment.status == .success: moved += payment.amount
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
        return total - moved
    }
}
