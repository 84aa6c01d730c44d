internal import Kernel

/// What went back so far, per line and in all.
struct Refunded {
    struct Line {
        var quantity = ExactDecimal.zero
        var net: Int64 = 0
        var taxes: [String: Int64] = [:]
    }

    var lines: [String: Line] = [:]
    var shipping: Int64 = 0
    var tip: Int64 = 0
    /// Per jurisdiction over the whole order; `""` where the source does not say.
    var taxes: [String: Int64] = [:]
    var total: Int64 = 0
}

extension CasePlan {
    /// Credit notes and the money that went with them, in source order. `sale` is `nil` where the order is not known
    /// yet.
    mutating func planRefunds(_ sale: Told<Sale>?) {
        let voided = postings.contains { $0.id == saleReference && $0.effect == .void && $0.findings.isEmpty }
        let stands = standing
        shares = ReturnShares(returns, of: refunds, owner: policies.returnsOwner, standing: stands)
        for told in refunds where !shares.isCovered(told.id) {
            let moved = told.body.transactions.contains { $0.status == .success && !$0.amount.isZero }
            if voided, !moved {
                // Some shops write a refund of nothing when an unpaid order is cancelled: the void says it all.
                if let at = postings.firstIndex(where: { $0.id == saleReference }) {
                    postings[at].covers.append(told.id)
                }
                continue
            }
            if let finding = unlessReturned(told, stands) {
                holdForReturn(told, sale, finding)
            } else if let finding = refundWaits(told), !self.stands(.creditNote, told.id) {
                holdRefund(told, sale, finding)
            } else {
                planRefund(told, sale)
            }
        }
        holdDiffering()
        for told in settledReturns() { planRefund(told, sale) }
        if let sale { remaining = whatRemains(sale.body) }
    }

    mutating func planRefund(_ told: Told<Refund>, _ sale: Told<Sale>?) {
        let refund = told.body
        let own = shares.settling.contains(told.id) ? returns.first { $0.id == told.id }?.body : nil
        let settlement = own?.settlement
        let explained = shares.explained[told.id] ?? []
        var draft = CreditDraft(told, explained: explained)
        var next = refunded
        for line in refund.lines { addLine(line, &draft, &next, known: sale != nil) }
        for shipping in refund.shipping { addShipping(shipping, &draft, &next) }
        for adjustment in refund.adjustments where adjustment.kind != .refundDiscrepancy || adjustment.amount.minor > 0
        {
            addAdjustment(adjustment, &draft, &next)
        }
        addTip(&draft, &next)
        addFees(&draft)
        if let settlement { draft.findings += oddSettlement(settlement, told.id) }
        if let other = shares.doubtful[told.id] { draft.findings.append(CasePlan.doubt(told.id, other)) }
        next.total += refund.total.minor
        if let sale {
            if let finding = exceeds(next, told, sale.body) {
                draft.findings.insert(finding, at: 0)
            } else {
                refunded = next
            }
            settleKept(&draft, sale.body)
            if planAsPair(told, draft) { return }
        } else if settlement != nil {
            addsUp(&draft)
        }
        if let settlement { addExchangeBonus(settlement, &draft) }
        let owed = draft.lines.map(\.amount).total(refund.currency)
        let id = reference(.creditNote, told.id)
        let kept = settlement == nil ? nil : keptDay(id)
        let date = dated(kept ?? dayOfChange(told.at, id), id, source: told.id)
        var plan = PlannedPosting(
            subject: told.id, form: .creditNote, caseID: caseID,
            covers: [told.id] + explained.map(\.id) + (shares.covered[told.id] ?? []) + refund.transactions.filter(\.isNamed).map(\.id),
            date: date.date, currency: refund.currency,
            rate: rate(refund.currency), total: owed, lines: draft.lines, party: party, appliesTo: saleReference,
            findings: draft.findings,
            reference: date.words)
        if !owed.isZero {
            plan.lines.append(PostingLine(.control, role: receivable, amount: -owed, derivedFrom: ["\(told.id)/total"]))
        }
        if policies.marketplaceTax == .memo, !draft.channel.isZero {
            plan.memo["marketplace_tax_memo"] = -draft.channel
        }
        if let wait = policies.returnWait, !shares.named.contains(told.id), settlement == nil { plan.notBefore = told.at + wait }
        if let rate = plan.rate, draft.findings.contains(where: { $0.check == "refund_exceeds_remaining" }) {
            plan.lines.addBaseAlone(rate: rate, currency: organisation.baseCurrency)
        } else {
            creditBase(&plan)
        }
        if !plan.lines.isEmpty || !plan.findings.isEmpty { postings.append(plan) }
        planMovements(
            refund.transactions, of: told.id, at: told.at, against: id, notBefore: plan.notBefore, on: kept, covering: shares.covered[told.id] ?? [],
            isNamed: own?.refundRef != nil)
        if let settlement { planStoreCredit(settlement, told, against: id) }
    }

    /// Receivable and tax lines take cumulative base values, the rest is shared.
    private mutating func creditBase(_ plan: inout PlannedPosting) {
        guard let rate = plan.rate else { return }
        for i in plan.lines.indices where plan.lines[i].part == .tax && plan.lines[i].group != "fee" {
            plan.lines[i].base = bases.next(
                plan.lines[i].amount, BaseRunning.tax(plan.lines[i]), rate: rate, organisation.baseCurrency)
        }
        finish(&plan, control: "credited")
    }

    // MARK: Parts of a credit note, as debits

    private func addLine(_ line: RefundLine, _ draft: inout CreditDraft, _ next: inout Refunded, known: Bool) {
        let figure = figures.first { $0.line.id == line.line }
        if known, figure == nil { draft.findings.append(unknownLine(line.line, draft.id)) }
        var done = next.lines[line.line] ?? Refunded.Line()
        done.quantity = done.quantity + line.quantity
        let original = figure?.now.taxes ?? []
        let taxes = rated(line.taxes ?? cumulative(figure, done), like: original)
        for tax in taxes {
            done.taxes[tax.jurisdiction ?? "", default: 0] += tax.amount.minor
            next.taxes[tax.jurisdiction ?? "", default: 0] += tax.amount.minor
        }
        done.net += line.net.minor
        next.lines[line.line] = done
        let taken = Taken(line.net, taxes, included: draft.refund.taxIncluded)
        draft.channel += taken.channel
        draft.feeRates = draft.feeRates.isEmpty ? taken.taxes : draft.feeRates
        let gift = figure?.line.giftCard ?? false
        let code = gift ? nil : figure?.line.taxCode ?? lineCode(original, exempt: sale?.body.taxExempt ?? false)
        let from = ["\(draft.id)/\(line.line)"]
        for part in reasons(line, draft, taken.net) {
            var role: Role = gift ? "gift_card_liability" : "returns_allowances"
            var dimension: [String: String] = [:]
            if let reason = part.code, !gift {
                if let treatment = codes.treatment(of: reason) {
                    role = treatment.role ?? role
                    dimension = treatment.dimension
                } else {
                    draft.findings.append(
                        Finding(
                            check: "unmapped_code", why: "reason code \(reason) has no rule",
                            remedy: "add a rule for \(reason); held documents are tried again at once",
                            position: "lines[\(line.line)]"))
                }
            }
            draft.lines.append(
                PostingLine(
                    gift ? .giftCard : .goods, role: role, amount: part.net, taxCode: code, group: line.line,
                    dimension: dimension, derivedFrom: from + part.units,
                    text: figure?.line.title ?? "", sku: figure?.line.sku ?? "", quantity: part.quantity,
                    reasonCode: part.code,
                    openItem: gift ? figure?.line.giftCardRef : nil))
        }
        draft.lines += taxLines(taken.taxes, sign: 1, group: line.line, from: from)
        draft.lines += channelLine(taken.channel, sign: 1, group: line.line, from: from)
    }

    /// The tax that the running total calls for: `round(tax × units so far / units sold)` less what went back before.
    private func cumulative(_ figure: LineFigures?, _ done: Refunded.Line) -> [TaxPart] {
        guard let now = figure?.now else { return [] }
        return now.taxes.map { tax in
            var part = tax
            let upTo = Allocation.upTo(done.quantity, of: now.quantity, amount: tax.amount)
            part.amount = Money(
                minor: max(0, upTo.minor - done.taxes[tax.jurisdiction ?? "", default: 0]), tax.amount.currency)
            return part
        }
    }

    /// The units of a line by reason: the returns system's account of them where there is one, else the shop's own.
    private func reasons(_ line: RefundLine, _ draft: CreditDraft, _ net: Money) -> [(
        code: String?, quantity: ExactDecimal, net: Money, units: [String]
    )] {
        let all = draft.explained.flatMap { back in back.body.lines.map { (back: back.id, line: $0) } }
        let named = all.filter { $0.line.line == line.line && $0.line.reasonCode != nil }
        let told = named.map(\.line)
        let unitIDs: [[String]] = named.map { entry in entry.line.id.map { ["\(entry.back)/\($0)"] } ?? [] }
        let distinct = Set(told.compactMap(\.reasonCode))
        let units = told.map(\.quantity).reduce(.zero, +)
        guard distinct.count > 1, units == line.quantity, !units.isZero else {
            return [(told.first?.reasonCode ?? line.reasonCode, line.quantity, net, unitIDs.flatMap(\.self))]
        }
        let weights: [Int64] = told.map {
            Int64(clamping: $0.quantity.rounded(toScale: SoundnessLimits.quantityScale).coefficient)
        }
        let shares = Allocation.shares(of: net.minor, weights: weights)
        return zip(zip(told, unitIDs), shares).map { ($0.0.reasonCode, $0.0.quantity, Money(minor: $1, net.currency), $0.1) }
    }

    private func addShipping(_ shipping: ShippingLine, _ draft: inout CreditDraft, _ next: inout Refunded) {
        let sold = sale?.body.shipping.first { $0.id == shipping.id } ?? sale?.body.shipping.first
        let original =
            sale?.body.shipping.first { $0.id == shipping.id }?.taxes ?? sale?.body.shipping.flatMap(\.taxes) ?? []
        let taken = Taken(shipping.net, rated(shipping.taxes, like: original), included: draft.refund.taxIncluded)
        for tax in taken.taxes { next.taxes[tax.jurisdiction ?? "", default: 0] += tax.amount.minor }
        next.shipping += shipping.net.minor
        draft.channel += taken.channel
        let from = ["\(draft.id)/\(shipping.id)"]
        if !taken.net.isZero {
            draft.lines.append(
                PostingLine(
                    .shipping, role: "shipping_income", amount: taken.net,
                    taxCode: sold?.taxCode ?? lineCode(original, exempt: sale?.body.taxExempt ?? false),
                    group: shipping.id, derivedFrom: from, text: shipping.title, quantity: .one))
        }
        draft.lines += taxLines(taken.taxes, sign: 1, group: shipping.id, from: from)
        draft.lines += channelLine(taken.channel, sign: 1, group: shipping.id, from: from)
    }

    /// Money without goods: goodwill, or tax alone.
    private func addAdjustment(_ adjustment: RefundAdjustment, _ draft: inout CreditDraft, _ next: inout Refunded) {
        let from = ["\(draft.id)/\(adjustment.id)"]
        let all = saleTaxes()
        if adjustment.kind == .taxRefund {
            var taxes = adjustment.taxes
            if taxes.isEmpty {
                let shares = Allocation.shares(of: adjustment.amount, weights: all.map(\.amount))
                taxes = zip(all, shares).map { TaxPart(jurisdiction: $0.jurisdiction, rate: $0.rate, amount: $1) }
            }
            for tax in taxes { next.taxes[tax.jurisdiction ?? "", default: 0] += tax.amount.minor }
            draft.lines += taxLines(rated(taxes, like: all), sign: 1, group: adjustment.id, from: from)
            return
        }
        var parts: [(taxes: [TaxPart], amount: Money)] = [(rated(adjustment.taxes, like: all), adjustment.amount)]
        if adjustment.taxes.isEmpty, policies.goodwillTax == .orderRate { parts = atOrderRate(adjustment.amount) }
        for part in parts where !part.amount.isZero {
            let taken = Taken(part.amount, part.taxes, included: true)
            draft.lines.append(
                PostingLine(
                    .allowance, role: "returns_allowances", amount: taken.net,
                    taxCode: part.taxes.isEmpty ? commonCode ?? lineCode([], exempt: false) : lineCode(part.taxes, exempt: false),
                    group: adjustment.id,
                    dimension: ["return_reason": "goodwill"], derivedFrom: from, text: "Goodwill",
                    reasonCode: "goodwill"))
            draft.lines += taxLines(taken.taxes, sign: 1, group: adjustment.id, from: from)
        }
    }

    /// An amount spread over the order's rates by what was sold at each, with the tax it contains.
    private func atOrderRate(_ amount: Money) -> [(taxes: [TaxPart], amount: Money)] {
        guard let sale = sale?.body else { return [([], amount)] }
        var groups: [(taxes: [TaxPart], weight: Money)] = []
        let sold =
            figures.map { Taken($0.now.net, $0.now.taxes, included: sale.taxIncluded) }
            + sale.shipping.map { Taken($0.net, $0.taxes, included: sale.taxIncluded) }
        for part in sold {
            let key = part.taxes.map { "\($0.jurisdiction ?? "")@\($0.rate?.shortest.description ?? "")" }
            if let at = groups.firstIndex(where: {
                $0.taxes.map { "\($0.jurisdiction ?? "")@\($0.rate?.shortest.description ?? "")" } == key
            }) {
                groups[at].weight += part.total
            } else {
                groups.append((part.taxes, part.total))
            }
        }
        guard !groups.isEmpty else { return [([], amount)] }
        return zip(groups, Allocation.shares(of: amount, weights: groups.map(\.weight))).map {
            (containing($0.taxes, $1), $1)
        }
    }

    /// The taxes that an amount contains at the rates of `taxes`.
    private func containing(_ taxes: [TaxPart], _ amount: Money) -> [TaxPart] {
        taxes.map { tax in
            var part = tax
            part.amount =
                tax.rate.map { Tax.contained(in: amount, rate: $0, sum: taxes.sumOfRates) } ?? .zero(amount.currency)
            return part
        }
    }

    /// A tip that goes back is not owed to staff any more.
    private func addTip(_ draft: inout CreditDraft, _ next: inout Refunded) {
        guard let tip = draft.refund.tip, !tip.isZero else { return }
        next.tip += tip.minor
        draft.lines.append(
            PostingLine(.tip, role: "tips_payable", amount: tip, group: "tip", derivedFrom: ["\(draft.id)/tip"], text: "Tip given back"))
    }

    /// Fees kept: the returns system's account of them, else the shop's.
    private func addFees(_ draft: inout CreditDraft) {
        var fees = draft.explained.flatMap { back in back.body.fees.map { (from: back.id, fee: $0) } }
        if fees.isEmpty { fees = draft.refund.fees.map { (from: draft.id, fee: $0) } }
        for (from, fee) in fees where !fee.amount.isZero {
            var taxes: [TaxPart] = []
            if policies.feeTax == .inclusive {
                taxes = containing(draft.feeRates, fee.amount)
                if let stated = fee.tax {
                    let shares = Allocation.shares(of: stated, weights: taxes.map(\.amount))
                    for (i, share) in zip(taxes.indices, shares) { taxes[i].amount = share }
                }
            }
            let taken = Taken(fee.amount, taxes, included: true)
            let role: Role = fee.kind == .restocking ? "restocking_fee_income" : "return_shipping_income"
            let origin = ["\(from)/\(fee.id)"]
            draft.lines.append(
                PostingLine(
                    .fee, role: role, amount: -taken.net, taxCode: lineCode(taxes, exempt: false), group: "fee",
                    derivedFrom: origin,
                    text: fee.kind == .restocking ? "Restocking fee" : "Return shipping"))
            draft.lines += taxLines(taken.taxes, sign: -1, group: "fee", from: origin)
        }
    }

    /// What the shop kept back beyond the fees: stated as a discrepancy it lowers the allowance; on an unpaid order
    /// the credit note lowers what is owed; anything else does not add up.
    private func settleKept(_ draft: inout CreditDraft, _ sale: Sale) {
        let refund = draft.refund
        let parts = draft.lines.map(\.amount).total(refund.currency)
        var kept = parts - refund.total
        if kept.isZero { return }
        let stated = -refund.adjustments.filter { $0.kind == .refundDiscrepancy && $0.amount.minor < 0 }.map(\.amount)
            .total(refund.currency)
        if kept.minor > 0, !stated.isZero {
            let amount = Money(minor: min(kept.minor, stated.minor), refund.currency)
            let from = refund.adjustments.filter { $0.kind == .refundDiscrepancy }.map { "\(draft.id)/\($0.id)" }
            draft.lines.append(
                PostingLine(
                    .allowance, role: "returns_allowances", amount: -amount,
                    taxCode: lineCode(draft.feeRates, exempt: false), group: "kept",
                    derivedFrom: from, text: "Kept back"))
            kept -= amount
        }
        let pending = refund.transactions.filter { $0.status == .pending || $0.status == .authorised }.map(\.amount)
            .total(refund.currency)
        let paid = payments.filter { $0.body.status == .success }.map(\.body.amount).total(refund.currency)
        let credited = postings.filter { $0.form == .creditNote }.map(\.total).total(refund.currency)
        let back = refunds.flatMap(\.body.transactions).filter { $0.status == .success }.map(\.amount).total(
            refund.currency)
        let unpaid = totals(figures, sale).ours - paid - credited + back - refund.total
        if kept.minor == 0 || kept == pending || (kept.minor > 0 && kept.minor <= unpaid.minor) { return }
        draft.findings.append(
            Finding(
                check: "unbalanced",
                why: "the parts of \(draft.id) come to \(parts.text), \(refund.total.text) was given back",
                remedy: "check the refund in the source, and the fees of its return", position: "total",
                figures: ["stated": refund.total, "computed": parts]))
    }
}

/// A credit note in the making; lines are debits.
struct CreditDraft {
    let id: String
    let refund: Refund
    let explained: [Told<GoodsReturn>]
    var lines: [PostingLine] = []
    var findings: [Finding] = []
    var channel: Money
    /// Taxes of the first taxed line: what a fee contains.
    var feeRates: [TaxPart] = []

    init(_ told: Told<Refund>, explained: [Told<GoodsReturn>]) {
        id = told.id
        refund = told.body
        self.explained = explained
        channel = .zero(told.body.currency)
    }
}
