internal import Kernel

/// Goods to be ordered because too few are left. A purchase order has no effect on accounts; its lines say what is bought and where it will stand.
extension CasePlan {
    /// One order for each spell in which stock stays below its threshold: none while one is open, the next when goods came in between. An order that
    /// the ledger has stays as it is, whatever later readings say; one that it has not is called for only as long as stock is short.
    mutating func planOrders() {
        // By version: two readings may have one time.
        let told = levels.sorted { ($0.version, $0.told.at, $0.told.id) < ($1.version, $1.told.at, $1.told.id) }.map(\.told)
        var begin: Int?, open: OpenOrder?
        for i in told.indices {
            if told[i].body.isShort {
                begin = begin ?? i
            } else {
                if let begin { planOrder(told, begin ..< i, isOver: true, &open) }
                begin = nil
            }
        }
        if let begin { planOrder(told, begin ..< told.count, isOver: false, &open) }
    }

    /// The newest order that the ledger has, and the reading that it is named after.
    private struct OpenOrder {
        var plan: PlannedPosting
        var reading: Int
    }

    private mutating func planOrder(_ told: [Told<StockLevel>], _ spell: Range<Int>, isOver: Bool, _ open: inout OpenOrder?) {
        // A reading that comes late may begin the spell earlier: the order that is there is its order.
        var isOrdered = false
        for i in spell {
            let id = PlannedPosting.Reference(form: .purchaseOrder, subject: told[i].id)
            guard let posted = ledger.posted[id], !posted.voided else { continue }
            postings.append(posted.plan)
            (open, isOrdered) = (OpenOrder(plan: posted.plan, reading: i), true)
        }
        guard !isOrdered, !isOver, let first = spell.first, let last = spell.last else { return }
        // The first that says all that an order needs; without one, what the newest lacks is told.
        let complete = spell.first { lacks(told[$0].body).isEmpty }
        let covers = complete.map { $0 == first ? [first] : [first, $0] } ?? Array(spell)
        var made = order(told[complete ?? last], as: told[first].id, covers: covers.map { told[$0].id })
        if let open, let finding = stillOpen(open, told, first) { made.findings.append(finding) }
        postings.append(made)
    }

    /// Stock moves up and down a unit by counts and returns: that is no delivery. At least half of what was ordered must have been seen to come,
    /// since what is sold between two readings hides the rest.
    private func stillOpen(_ open: OpenOrder, _ told: [Told<StockLevel>], _ first: Int) -> Finding? {
        let ordered = open.plan.lines.compactMap(\.quantity).first ?? .zero
        let seen = told[open.reading ... first].map(\.body).filter(\.isWatched).map(\.onHand)
        var came = ExactDecimal.zero
        for (before, after) in zip(seen, seen.dropFirst()) where before < after { came = came + (after - before) }
        guard came + came < ordered else { return nil }
        return Finding(
            check: "order_open", why: "order \(open.plan.subject) of \(ordered.shortest) stands, and \(came.shortest) of it have been seen to come since",
            remedy: "none while the goods are on their way: it falls away when there is enough again. If they never come, order by hand", position: "on_hand")
    }

    private func order(_ told: Told<StockLevel>, as subject: String, covers: [String]) -> PlannedPosting {
        let level = told.body, currency = level.currency ?? organisation.baseCurrency
        let id = PlannedPosting.Reference(form: .purchaseOrder, subject: subject)
        let dated = dated(day(told.at), id, source: told.id)
        let findings = lacks(level)
        let supplier = level.supplier ?? ""
        let isForeign = currency != organisation.baseCurrency
        var plan = PlannedPosting(
            subject: subject, form: .purchaseOrder, caseID: caseID, covers: covers, date: dated.date, currency: currency,
            rate: isForeign ? level.rate : nil, total: .zero(currency), lines: [], party: supplier, findings: findings, reference: dated.words,
            note: "\(level.onHand.shortest) of \(level.sku) left, below \(level.threshold.shortest)")
        guard findings.isEmpty, let quantity = level.quantity, let cost = level.cost else { return plan }
        plan.total = Money(rounding: cost, currency)
        let base = plan.rate.map { Money(rounding: plan.total.decimal * $0, organisation.baseCurrency) }
        plan.lines = [
            PostingLine(
                .goods, role: "inventory", amount: plan.total, base: base, group: level.sku, derivedFrom: [told.id],
                text: level.title.isEmpty ? level.sku : level.title, sku: level.sku, quantity: quantity),
            PostingLine(.control, role: Role("payable:\(supplier)"), amount: -plan.total, base: base.map { -$0 }, derivedFrom: [told.id]),
        ]
        return plan
    }

    /// What keeps a reading from being an order: all of it at once.
    private func lacks(_ level: StockLevel) -> [Finding] {
        var missing: [(member: String, what: String)] = []
        if level.quantity.map({ !($0 > .zero) }) ?? true { missing.append(("reorder_quantity", "how many to order")) }
        if level.unitCost.map({ !($0 > .zero) }) ?? true { missing.append(("unit_cost", "what one costs")) }
        if (level.supplier ?? "").isEmpty { missing.append(("supplier", "who sells it")) }
        if missing.isEmpty, tooMuch(level) {
            return [Finding(
                check: "amount_out_of_range", why: "an order of \(level.sku) comes to more than can be computed exactly", remedy: "check the item in the source")]
        }
        return missing.map { member, what in
            Finding(
                check: "order_incomplete", why: "\(level.sku) is below its threshold, and the source does not say \(what)",
                remedy: "have the source send \(member) with the item's next reading; it falls away when there is enough again", position: member)
        }
    }

    private func tooMuch(_ level: StockLevel) -> Bool {
        guard let cost = level.cost, cost < SoundnessLimits.order else { return true }
        guard let rate = level.rate else { return false }
        return cost.multiplied(by: rate).map { !($0 < SoundnessLimits.orderBase) } ?? true
    }
}
