internal import Kernel

/// Policy `revenue: at_fulfilment`: what is sold is owed to the customer until it leaves.
extension CasePlan {
    /// Income of a sale as a liability; taxes, tips, cards and duties stay what they are.
    func deferred(_ body: [PostingLine]) -> [PostingLine] {
        body.map { line in
            guard [.goods, .discount, .shipping].contains(line.part) else { return line }
            var out = line
            out.role = "deferred_revenue"
            return out
        }
    }

    /// Each fulfilment releases its units; the first one the delivery charge too. What was given back and never left is released when nothing is to leave
    /// any more: its credit note takes it back from income.
    mutating func planFulfilments(_ sale: Told<Sale>) {
        guard policies.revenue == .atFulfilment, !fulfilments.isEmpty || !refunds.isEmpty,
            let document = postings.first(where: { $0.id == saleReference && $0.effect == .post })
        else { return }
        var plain = self.plain(sale)
        // What the document carries, in base currency too, in the same order.
        let carried = document.lines.filter { $0.role == "deferred_revenue" }
        guard carried.count == plain.count else { return }
        for i in plain.indices { (plain[i].amount, plain[i].base) = (carried[i].amount, carried[i].base) }
        let over = refunds.isEmpty ? nil : allHasLeft(sale, evenNothing: true), rest = reference(.journal, "\(sale.id)/never-left")
        // Units that leave after all had been given back are released already.
        let isReleased = over != nil && stands(rest.form, rest.subject)
        var done: [String: ExactDecimal] = [:]
        var left = plain
        for (n, told) in fulfilments.enumerated() where !isReleased || stands(.journal, told.id) {
            planFulfilment(told, plain, &done, &left, withShipping: n == 0)
        }
        left.removeAll { $0.amount.isZero && $0.base?.isZero ?? true }
        guard let over, !left.isEmpty else { return }
        // What is given back later is another matter; what stands keeps what it names.
        let before = refunds.filter { $0.at <= over }, named = before.isEmpty ? refunds : before
        release(left, as: rest.subject, at: over, of: ledger.standing(rest)?.plan.covers ?? named.map(\.id))
    }

    /// A fulfilment of all that had not left, as the units that it was.
    mutating func nameWhatLeft(_ sale: Told<Sale>) {
        guard fulfilments.contains(where: \.body.isAll) else { return }
        var left: [String: ExactDecimal] = [:]
        for n in fulfilments.indices {
            if fulfilments[n].body.isAll {
                var figures = soldFigures(sale)
                var unused: [Finding] = []
                for edit in edits where edit.at <= fulfilments[n].at { apply(edit, to: &figures, &unused) }
                fulfilments[n].body.lines = figures.compactMap { figure in
                    let rest = figure.now.quantity - (left[figure.line.id] ?? .zero)
                    return rest.isZero || rest.isNegative ? nil : Fulfilment.Line(line: figure.line.id, quantity: rest)
                }
            }
            for line in fulfilments[n].body.lines { left[line.line] = (left[line.line] ?? .zero) + line.quantity }
        }
    }

    /// The income lines of the sale under their own roles.
    private func plain(_ sale: Told<Sale>) -> [PostingLine] {
        var body: [PostingLine] = []
        for figure in figures where !(figure.now.quantity.isZero && figure.now.net.isZero && !figure.touchedBy.isEmpty) {
            body += lines(of: figure, sale: sale.body)
        }
        for shipping in sale.body.shipping { body += lines(of: shipping, sale: sale.body, from: "\(sale.id)/\(shipping.id)") }
        return body.filter { [.goods, .discount, .shipping].contains($0.part) }
    }

    private mutating func planFulfilment(
        _ told: Told<Fulfilment>, _ plain: [PostingLine], _ done: inout [String: ExactDecimal], _ left: inout [PostingLine], withShipping: Bool
    ) {
        var out: [PostingLine] = []
        var findings: [Finding] = []
        for goods in told.body.lines {
            guard let figure = figures.first(where: { $0.line.id == goods.line }) else {
                findings.append(unknownLine(goods.line, told.id))
                continue
            }
            let before = done[goods.line] ?? .zero
            let after = before + goods.quantity
            guard after <= figure.now.quantity else {
                findings.append(
                    Finding(
                        check: "unbalanced", why: "\(told.id) fulfils more of line \(goods.line) than its \(figure.now.quantity) units",
                        remedy: "check the order in the source; an edit may not have arrived yet", position: "lines[\(goods.line)]"))
                continue
            }
            done[goods.line] = after
            func share(_ amount: Money) -> Money {
                Allocation.upTo(after, of: figure.now.quantity, amount: amount)
                    - (before.isZero ? .zero(amount.currency) : Allocation.upTo(before, of: figure.now.quantity, amount: amount))
            }
            for i in plain.indices where plain[i].group == goods.line && plain[i].part != .shipping {
                var released = plain[i]
                (released.amount, released.base, released.quantity) = (share(released.amount), released.base.map(share), goods.quantity)
                out.append(released)
                left[i].take(released)
            }
        }
        if withShipping {
            for i in plain.indices where plain[i].part == .shipping {
                out.append(plain[i])
                left[i].take(plain[i])
            }
        }
        out.removeAll { $0.amount.isZero }
        guard !out.isEmpty || !findings.isEmpty else { return }
        release(out, as: told.id, at: told.at, of: [told.id], findings)
    }

    /// Deferred income that becomes income, never before the sale counts.
    private mutating func release(_ out: [PostingLine], as subject: String, at: Timestamp, of documents: [String], _ findings: [Finding] = []) {
        guard let sale, let currency = out.first?.amount.currency ?? self.sale?.body.currency else { return }
        var back = Gathering(netted: ["deferred_revenue"])
        for line in out {
            var owed = line
            (owed.part, owed.role, owed.amount, owed.base) = (.control, "deferred_revenue", -line.amount, line.base.map { -$0 })
            (owed.dimension, owed.derivedFrom, owed.text) = ([:], documents, "")
            back.add(owed, of: caseID)
        }
        let id = reference(.journal, subject), own = recognisedAt == nil ? day(at) : max(day(at), countsOn(sale))
        let date = dated(own, id, source: documents.first ?? subject)
        postings.append(
            PlannedPosting(
                subject: subject, form: .journal, caseID: caseID, covers: documents, date: date.date, currency: currency,
                rate: rate(currency), total: -out.map(\.amount).total(currency), lines: back.lines + out, party: party,
                appliesTo: saleReference, findings: findings, reference: date.words))
    }
}

extension PostingLine {
    /// Less what was released of it.
    fileprivate mutating func take(_ released: PostingLine) {
        amount -= released.amount
        base = base.flatMap { whole in released.base.map { whole - $0 } }
    }
}
