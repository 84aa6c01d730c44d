internal import Kernel

extension CasePlan {
    /// Which edits the sale's document itself takes up, and which become further documents: by policy, and where
    /// ledger or period forbid a revision.
    func splitEdits(_ sale: Told<Sale>, anyMoney: Bool) -> (revised: [Told<SaleEdit>], further: [Told<SaleEdit>]) {
        let posted = ledger.standing(reference(saleForm, sale.id))
        let closed = posted.map { policies.closedPeriod != .hold && ledger.isClosed($0.plan.date) } ?? false
        let settled = ledger.posted.values.contains {
            $0.plan.appliesTo == posted?.plan.id && $0.plan.form == .payment && !$0.voided
        }
        // A summary has no payments: what it is part of may be revised as long as its day is open.
        let isPart = ledger.within[reference(saleForm, sale.id)] != nil
        let fixed = posted != nil && (closed || (!isPart && ledger.forbidsRevision && (settled || anyMoney)))
        var revised: [Told<SaleEdit>] = []
        var further: [Told<SaleEdit>] = []
        for edit in edits {
            let subject = "\(sale.id)/\(edit.id)"
            let apart = [PostingForm.invoice, .creditNote, .reversal].contains {
                ledger.standing(reference($0, subject)) != nil
            }
            if apart {
                further.append(edit)
            } else if posted?.plan.covers.contains(edit.id) ?? false {
                revised.append(edit)
            } else if fixed || policies.edit == .delta {
                further.append(edit)
            } else {
                revised.append(edit)
            }
        }
        return (revised, further)
    }

    /// Changes the lines as the edit says.
    func apply(_ edit: Told<SaleEdit>, to lines: inout [LineFigures], _ findings: inout [Finding]) {
        guard let currency = sale?.body.currency else { return }
        for line in edit.body.added {
            let zero = Money.zero(currency)
            let discount = line.discount ?? zero
            let figure = LineFigures(
                line, origin: "\(edit.id)/\(line.id)", discount: discount, net: line.net ?? line.gross - discount,
                taxes: line.taxes ?? [])
            if let at = lines.firstIndex(where: { $0.line.id == line.id }) {
                lines[at].add(figure, by: edit.id)
            } else {
                lines.append(figure)
            }
        }
        for units in edit.body.removed {
            guard let at = lines.firstIndex(where: { $0.line.id == units.line }) else {
                findings.append(unknownLine(units.line, edit.id))
                continue
            }
            if !lines[at].remove(units, by: edit.id) {
                findings.append(
                    Finding(
                        check: "unbalanced",
                        why:
                            "\(edit.id) removes more of line \(units.line) than its \(lines[at].now.quantity) units",
                        remedy: "check the order in the source; an earlier edit may not have arrived yet",
                        position: "lines[\(units.line)]"))
            }
        }
    }

    func unknownLine(_ line: String, _ document: String) -> Finding {
        Finding(
            check: "unknown_line", why: "\(document) names line \(line), which the order does not have",
            remedy: "check the document in the source; an edit that added the line may not have arrived yet",
            position: "lines[\(line)]")
    }

    /// The document that an edit's money belongs to.
    func edited(_ edit: Told<SaleEdit>, _ sale: Told<Sale>) -> PlannedPosting.Reference {
        postings.first { $0.covers.contains(edit.id) && $0.form != .refundPayment }?.id ?? reference(saleForm, sale.id)
    }

    /// A further invoice or a credit note for the difference that an edit makes, dated by the edit.
    mutating func planFurther(_ edit: Told<SaleEdit>, _ sale: Told<Sale>) {
        let before = figures
        var findings: [Finding] = []
        apply(edit, to: &figures, &findings)
        var unused: [Finding] = []
        apply(edit, to: &pair.figures, &unused)
        let apart = reference(.creditNote, "\(sale.id)/\(edit.id)")
        if let mirror = pairTarget(edit.id, otherwise: apart),
            ledger.posted[reference(.reversal, apart.subject)] != nil
                || (policies.closedPeriod == .reversalPair && ledger.posted[reference(.invoice, apart.subject)] == nil)
        {
            planPair(edit.id, at: edit.at, mirror: mirror, findings: findings)
            return
        }
        let touched = figures.filter { figure in
            figure.touchedBy.last == edit.id || !before.contains { $0.line.id == figure.line.id }
        }
        var body: [PostingLine] = []
        var added: [LineFigures] = []
        for figure in touched {
            let old = before.first { $0.line.id == figure.line.id }
            if old == nil { added.append(figure) }
            let from = old == nil ? "\(edit.id)/\(figure.line.id)" : edit.id
            body += difference(
                lines(of: figure, sale: sale.body), old.map { lines(of: $0, sale: sale.body) } ?? [], from: from)
        }
        let owed = -body.map(\.amount).total(sale.body.currency)
        let form: PostingForm = owed.minor < 0 ? .creditNote : .invoice
        let id = reference(form, "\(sale.id)/\(edit.id)")
        let date = dated(dayOfChange(edit.at, id), id, source: edit.id)
        let control = PostingLine(
            .control, role: receivable, amount: owed, derivedFrom: [edit.id], text: sale.body.number)
        if let stated = edit.body.orderTotal {
            let (ours, channel) = totals(figures, sale.body)
            let parts = policies.marketplaceTax == .passThrough ? ours : ours + channel
            if stated != parts {
                findings.append(
                    Finding(
                        check: "unbalanced",
                        why: "\(edit.id) states a total of \(stated.text), the order comes to \(parts.text)",
                        remedy: "check the document in the source; an earlier edit may not have arrived yet",
                        position: "total",
                        figures: ["stated": stated, "computed": parts]))
            }
        }
        var plan = PlannedPosting(
            subject: id.subject, form: form, caseID: caseID, covers: [edit.id], date: date.date,
            currency: sale.body.currency,
            rate: rate(sale.body.currency), total: owed.magnitude,
            lines: owed.isZero ? body : form == .invoice ? [control] + body : body + [control], party: party,
            appliesTo: form == .creditNote ? saleReference : nil,
            findings: findings + taxDifference(added, sale.body).findings,
            reference: date.words)
        if let rate = plan.rate, let at = plan.lines.firstIndex(where: { $0.part == .control }) {
            plan.lines[at].base = bases.next(owed, "sale", rate: rate, organisation.baseCurrency)
        }
        finish(&plan, control: "sale")
        bases.charge(plan.lines)
        postings.append(plan)
    }

    /// Line by line what is new, as lines of their own.
    private func difference(_ new: [PostingLine], _ old: [PostingLine], from: String) -> [PostingLine] {
        func same(_ a: PostingLine, _ b: PostingLine) -> Bool {
            a.part == b.part && a.role == b.role && a.taxCode == b.taxCode && a.dimension == b.dimension
        }
        var out: [PostingLine] = []
        var left = old
        for line in new {
            var change = line
            if let at = left.firstIndex(where: { same($0, line) }) {
                change.amount -= left[at].amount
                if let units = line.quantity, let before = left[at].quantity {
                    change.quantity = absolute(units - before)
                }
                left.remove(at: at)
            }
            change.derivedFrom = [from]
            if !change.amount.isZero { out.append(change) }
        }
        for line in left where !line.amount.isZero {
            var change = line
            change.amount = -line.amount
            change.derivedFrom = [from]
            out.append(change)
        }
        return out
    }

    private func absolute(_ quantity: ExactDecimal) -> ExactDecimal { quantity.isNegative ? -quantity : quantity }
}
