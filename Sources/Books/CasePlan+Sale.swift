internal import Kernel

extension CasePlan {
    /// Everything of a case whose sale is known.
    mutating func planSale() {
        guard let sale else { return }
        let anyMoney = !sale.body.deposits.isEmpty || payments.contains { $0.body.status == .success && $0.body.amount.minor > 0 }
        nameWhatLeft(sale)
        let recognition = recognition(sale)
        if case .from(let at) = recognition { recognisedAt = at }
        receiptFrom = receiptAt(sale)
        let split = recognised(splitEdits(sale, anyMoney: anyMoney), sale)
        var lines = soldFigures(sale)
        var findings: [Finding] = []
        for edit in split.revised { apply(edit, to: &lines, &findings) }
        let (total, channel) = totals(lines, sale.body)
        figures = lines
        pair.figures = lines
        roundings = coinRoundings(total)
        let paid = received(sale.body)
        let everyEdit = split.revised + split.further
        checkTotal(
            sale, edits: split.further.isEmpty ? everyEdit : split.revised, computed: total, channel: channel, &findings
        )

        if recognition == .waits {
            planWaiting(sale)
            return
        }
        let zero = total.isZero && edits.isEmpty
        let settled = paid.minor >= total.minor
        if !zero && saleForm == .salesReceipt && !(anyMoney && settled) {
            waiting = [sale.id]
            planUnpaid(sale, paid: paid, total: total, anyMoney: anyMoney)
            return
        }
        planEarlyMoney()
        if zero && policies.zeroTotal != .post {
            planZero(sale, lines, findings)
        } else {
            planDocument(sale, lines, revised: split.revised, channel: channel, paid: paid, findings)
        }
        for edit in split.further { planFurther(edit, sale) }
        for payment in payments where saleForm == .invoice && !isEarly(payment) { planPayment(payment) }
        planEarlyMoneyApplied(sale)
        if saleForm == .invoice { planDepositsApplied(sale) }
        planFulfilments(sale)
        for edit in everyEdit {
            planMovements(edit.body.transactions, of: edit.id, at: edit.at, against: edited(edit, sale))
        }
        planRefunds(sale)
    }

    func reference(_ form: PostingForm, _ subject: String) -> PlannedPosting.Reference {
        PlannedPosting.Reference(form: form, subject: subject)
    }

    /// What the parts come to: ours, and the channel's.
    func totals(_ lines: [LineFigures], _ sale: Sale) -> (ours: Money, channel: Money) {
        let taken =
            lines.map { Taken($0.now.net, $0.now.taxes, included: sale.taxIncluded) }
            + sale.shipping.map { Taken($0.net, $0.taxes, included: sale.taxIncluded) }
        let channel = taken.map(\.channel).total(sale.currency)
        var ours = taken.map(\.total).total(sale.currency) + (sale.tip ?? .zero(sale.currency))
        ours += sale.duties.map(\.amount).total(sale.currency)
        if policies.marketplaceTax == .passThrough { ours += channel }
        return (ours, channel)
    }

    /// The source's total must be the sum of its parts.
    private func checkTotal(
        _ sale: Told<Sale>, edits: [Told<SaleEdit>], computed: Money, channel: Money, _ findings: inout [Finding]
    ) {
        let stated = edits.last.map { $0.body.orderTotal } ?? sale.body.total
        guard let stated else { return }
        let parts = policies.marketplaceTax == .passThrough ? computed : computed + channel
        if stated != parts {
            findings.append(
                Finding(
                    check: "unbalanced",
                    why:
                        "\(edits.last?.id ?? sale.id) states \(stated.text), its parts come to \(parts.text)",
                    remedy: "check the document in the source; an edit may not have arrived yet", position: "total",
                    figures: ["stated": stated, "computed": parts]))
        }
        if computed.minor < 0 {
            findings.append(
                Finding(
                    check: "unbalanced", why: "\(sale.id) comes to \(computed.text)",
                    remedy: "a sale below zero is a credit: correct it in the source",
                    position: "total"))
        }
    }

    /// The invoice or sales receipt; void where the order was cancelled before any money, or the invoice voided.
    private mutating func planDocument(
        _ told: Told<Sale>, _ lines: [LineFigures], revised: [Told<SaleEdit>], channel: Money, paid: Money,
        _ found: [Finding]
    ) {
        let sale = told.body
        let id = reference(saleForm, told.id)
        // An exchange is as old as its return, whose system tells when it changed last.
        let kept = sale.exchangeOf == nil ? nil : keptDay(id)
        let date = dated(kept ?? countsOn(told), id, source: told.id)
        var body = saleLines(told, lines)
        let owed = -body.map(\.amount).total(sale.currency)
        var covers = [told.id] + revised.map(\.id)
        var plan = PlannedPosting(
            subject: told.id, form: saleForm, caseID: caseID, covers: [], date: date.date, currency: sale.currency,
            rate: rate(sale.currency),
            total: owed, lines: [], party: party, findings: found, reference: date.words)
        var debits: [PostingLine] = []
        if saleForm == .salesReceipt {
            debits = receiptTenders(owed: owed)
            plan.total = owed + roundings.values.total(sale.currency)
            covers += debits.filter { $0.part == .tender }.flatMap(\.derivedFrom).filter { !$0.hasPrefix("\(told.id)/") }
        } else if !owed.isZero {
            debits = [
                PostingLine(
                    .control, role: receivable, amount: owed, derivedFrom: ["\(told.id)/total"], text: sale.number)
            ]
        }
        if let rate = plan.rate {
            for i in debits.indices {
                debits[i].base = bases.next(debits[i].amount, "sale", rate: rate, organisation.baseCurrency)
            }
            plan.lines = debits + body
            plan.lines.addBase(rate: rate, currency: organisation.baseCurrency)
            body = Array(plan.lines.dropFirst(debits.count))
            bases.charge(body)
        }
        plan.lines = debits + body
        if policies.marketplaceTax == .memo, !channel.isZero { plan.memo["marketplace_tax_memo"] = channel }
        addTerms(of: sale, to: &plan)
        markWhenPaid(&plan, told)
        let judged = taxDifference(lines, sale)
        plan.findings += judged.findings
        plan.taxOverride = judged.override
        plan.covers = covers
        holdFormers(&plan, told, paidInFull(told))
        planCancellation(&plan, paid: paid)
        postings.append(plan)
    }

    /// The lines of a sale without what the customer owes.
    func saleLines(_ told: Told<Sale>, _ lines: [LineFigures]) -> [PostingLine] {
        var body: [PostingLine] = []
        for figure in lines where !(figure.now.quantity.isZero && figure.now.net.isZero && !figure.touchedBy.isEmpty) {
            body += self.lines(of: figure, sale: told.body)
        }
        for shipping in told.body.shipping {
            body += self.lines(of: shipping, sale: told.body, from: "\(told.id)/\(shipping.id)")
        }
        if let tip = told.body.tip, !tip.isZero {
            body.append(
                PostingLine(
                    .tip, role: "tips_payable", amount: -tip, group: "tip", derivedFrom: ["\(told.id)/tip"], text: "Tip"
                ))
        }
        for duty in told.body.duties where !duty.amount.isZero {
            body.append(
                PostingLine(
                    .other, role: "duties", amount: -duty.amount, group: duty.id, derivedFrom: ["\(told.id)/\(duty.id)"],
                    text: "Import duty" + (duty.jurisdiction.map { " \($0)" } ?? "")))
        }
        return policies.revenue == .atFulfilment ? deferred(body) : body
    }

    /// The tenders of a receipt, and what was paid above its total as credit of the customer.
    private func receiptTenders(owed: Money) -> [PostingLine] {
        var out: [PostingLine] = []
        for payment in payments where payment.body.status == .success && payment.body.amount.minor > 0 {
            let role = tender(payment.body.gateway, payment.body.amount.currency)
            out.append(
                PostingLine(
                    .tender, role: role, amount: payment.body.amount, derivedFrom: [payment.id],
                    text: payment.body.gateway, openItem: payment.body.card))
        }
        for applied in sale?.body.deposits ?? [] {
            out.append(
                PostingLine(
                    .tender, role: "customer_deposits", amount: applied.amount, derivedFrom: ["\(caseID)/\(applied.id)"],
                    text: "Deposit", openItem: applied.deposit))
        }
        for payment in payments where payment.body.status == .success && payment.body.amount.minor > 0 {
            guard let coin = roundings[payment.id] else { continue }
            out.append(PostingLine(.other, role: "rounding", amount: -coin, derivedFrom: [payment.id], text: "Cash rounding"))
        }
        let over = out.map(\.amount).total(owed.currency) - owed
        if !over.isZero, !out.isEmpty {
            out.append(PostingLine(.control, role: receivable, amount: -over, derivedFrom: ["\(caseID)/total"]))
        }
        return out
    }

    /// A cancelled order or voided invoice. Money applied to it holds the void; a closed period turns it into a
    /// credit note.
    private mutating func planCancellation(_ plan: inout PlannedPosting, paid: Money) {
        guard let note = cancellations.first(where: { $0.body.kind != .cancelled }) ?? cancellations.first else {
            return
        }
        if paid.minor > 0 {
            guard note.body.kind != .cancelled else {
                // Its money goes back by refunds; the cancellation itself moves nothing.
                plan.covers.append(note.id)
                return
            }
            plan.findings.append(
                Finding(
                    check: "void_with_payments", why: "\(note.id) voids an invoice with \(paid.text) paid",
                    remedy: "unapply or refund the \(paid.text) in the ledger, or restore the invoice in the source",
                    figures: ["paid": paid]))
        } else if let posted = ledger.posted[plan.id], isReversedByCredit(posted, note) {
            reverse(posted.plan, for: note)
            return
        }
        plan.effect = .void
        plan.covers.append(note.id)
        plan.note =
            note.body.kind == .cancelled
            ? "voided: order cancelled before capture" : "voided: \(note.body.kind.rawValue) in the source"
    }

    private func isReversedByCredit(_ posted: PostedState, _ note: Told<Cancellation>) -> Bool {
        if ledger.posted[reference(.creditNote, note.id)].map({ !$0.voided }) ?? false { return true }
        return policies.closedPeriod != .hold && ledger.isClosed(posted.plan.date) && !posted.voided
    }

    /// A closed invoice is left as it is; a credit note on its own roles, not on returns, takes it back.
    private mutating func reverse(_ invoice: PlannedPosting, for note: Told<Cancellation>) {
        let id = reference(.creditNote, note.id)
        var date = dated(day(note.at), id, source: note.id)
        if date.words == nil {
            date.words =
                "void of \(invoice.subject) of \(invoice.date)" + (ledger.lockDate.map { ", closed on \($0)" } ?? "")
        }
        if let posted = ledger.posted[id], !posted.voided { date = (posted.plan.date, posted.plan.reference) }
        let lines: [PostingLine] = invoice.lines.map { line in
            var mirrored = line
            mirrored.amount = -line.amount
            mirrored.base = line.base.map { -$0 }
            if line.part == .control { mirrored.derivedFrom = [note.id] }
            return mirrored
        }
        postings.append(
            PlannedPosting(
                subject: note.id, form: .creditNote, caseID: caseID, covers: [note.id], date: date.date,
                currency: invoice.currency, rate: invoice.rate,
                total: invoice.total,
                lines: lines.filter { $0.part != .control } + lines.filter { $0.part == .control },
                party: invoice.party,
                appliesTo: invoice.id, reference: date.words))
    }

    /// A receipt states its money: an unpaid order is silent, a part-paid one is held in sight.
    private mutating func planUnpaid(_ told: Told<Sale>, paid: Money, total: Money, anyMoney: Bool) {
        guard anyMoney else { return }
        let tenders = receiptTenders(owed: total)
        let id = reference(saleForm, told.id), came = payments.filter { $0.body.status == .success }.map(\.at).max()
        var plan = PlannedPosting(
            subject: id.subject, form: id.form, caseID: caseID,
            covers: [told.id] + tenders.filter { $0.part == .tender }.flatMap(\.derivedFrom).filter { !$0.hasPrefix("\(told.id)/") },
            date: day(told.at), currency: total.currency, rate: rate(total.currency), total: total, lines: [],
            party: party,
            findings: [
                Finding(
                    check: "waits_for_payment",
                    why: "\(paid.text) of \(total.text) is paid; a sales receipt states a sale paid in full",
                    remedy: "none needed if the rest will be paid; otherwise use sale_form invoice_payment",
                    figures: ["paid": paid, "total": total])
            ],
            notBefore: came.map { $0 + PlannerLimits.partPaidWait })
        holdFormers(&plan, told, came)
        postings.append(plan)
    }

    private mutating func planZero(_ told: Told<Sale>, _ lines: [LineFigures], _ findings: [Finding]) {
        let zero = Money.zero(told.body.currency)
        let penny = Money(minor: 1, told.body.currency)
        var plan = PlannedPosting(
            subject: told.id, form: saleForm, caseID: caseID, covers: [told.id], date: countsOn(told),
            currency: told.body.currency,
            rate: rate(told.body.currency), total: zero, lines: [], party: party, findings: findings)
        switch policies.zeroTotal {
        case .skip, .post: return
        case .memo:
            plan.form = .memo
            let gross = lines.map(\.now.gross).total(told.body.currency)
            plan.note = "no journal effect; gross \(gross.text), discount \(gross.text)"
            postings.append(plan)
        case .postPenny:
            var body = saleLines(told, lines)
            guard
                let at = body.lastIndex(where: { $0.part == .discount && $0.amount.minor > 1 })
                    ?? body.lastIndex(where: { $0.part == .goods })
            else { return }
            body[at].amount -= penny
            let owner =
                saleForm == .salesReceipt
                ? PostingLine(.tender, role: "rounding", amount: penny, derivedFrom: [told.id])
                : PostingLine(.control, role: receivable, amount: penny, derivedFrom: ["\(told.id)/total"])
            plan.lines = [owner] + body
            plan.total = penny
            plan.note = "penny added because the ledger refuses a zero total"
            finish(&plan, control: "sale")
            postings.append(plan)
            guard saleForm == .invoice else { return }
            var payment = PlannedPosting(
                subject: "\(told.id)/penny", form: .payment, caseID: caseID, covers: [told.id], date: plan.date,
                currency: plan.currency,
                rate: plan.rate, total: penny,
                lines: [
                    PostingLine(.tender, role: "rounding", amount: penny, derivedFrom: [told.id]),
                    PostingLine(.control, role: receivable, amount: -penny, derivedFrom: [told.id]),
                ], party: party, appliesTo: plan.id)
            finish(&payment, control: "paid")
            postings.append(payment)
        }
    }

    /// Base values of a document whose control line is the first or the last of its lines.
    mutating func finish(_ plan: inout PlannedPosting, control key: String) {
        guard let rate = plan.rate else { return }
        for i in plan.lines.indices where plan.lines[i].part == .control && plan.lines[i].base == nil {
            let sign: Int64 = plan.lines[i].amount.minor < 0 ? -1 : 1
            let value = bases.next(plan.lines[i].amount.magnitude, key, rate: rate, organisation.baseCurrency)
            plan.lines[i].base = Money(minor: value.minor * sign, organisation.baseCurrency)
        }
        plan.lines.addBase(rate: rate, currency: organisation.baseCurrency)
    }

    mutating func planTipPayout(_ told: Told<TipPayout>) {
        let amount = told.body.amount
        let id = reference(.journal, told.id)
        let date = dated(day(told.at), id, source: told.id)
        var plan = PlannedPosting(
            subject: told.id, form: .journal, caseID: caseID, covers: [told.id], date: date.date,
            currency: amount.currency,
            rate: rate(amount.currency), total: amount,
            lines: [
                PostingLine(
                    .control, role: "tips_payable", amount: amount, derivedFrom: [told.id], text: "Tips paid to staff"),
                PostingLine(
                    .tender, role: tender(told.body.gateway, amount.currency), amount: -amount, derivedFrom: [told.id]),
            ], party: "shop", reference: date.words)
        finish(&plan, control: "tips:\(told.id)")
        postings.append(plan)
    }
    /// A till that held what it should posts nothing.
    mutating func planClosure(_ told: Told<RegisterClosure>) {
        let over = told.body.over
        guard !over.isZero else { return }
        let id = reference(.journal, told.id)
        let date = dated(day(told.at), id, source: told.id)
        let words = (over.minor > 0 ? "Over in the till" : "Short in the till") + (told.body.register.map { ": \($0)" } ?? "")
        var plan = PlannedPosting(
            subject: told.id, form: .journal, caseID: caseID, covers: [told.id], date: date.date, currency: over.currency,
            rate: rate(over.currency), total: over.magnitude,
            lines: [
                PostingLine(.tender, role: tender(told.body.gateway, over.currency), amount: over, derivedFrom: [told.id], text: words),
                PostingLine(.control, role: "cash_over_short", amount: -over, derivedFrom: [told.id], text: words),
            ], party: "shop", reference: date.words)
        finish(&plan, control: "till:\(told.id)")
        postings.append(plan)
    }
}
