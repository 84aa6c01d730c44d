internal import Kernel

/// Policy `reversal_pair`: a late change of a closed document becomes its mirror and the document as it now reads,
/// both dated in the open period.
extension CasePlan {
    /// The document to mirror for a change; `nil` where the change is booked on its own.
    func pairTarget(_ cause: String, otherwise: PlannedPosting.Reference) -> PlannedPosting? {
        guard let sale,
            let live = pair.live ?? ledger.posted[reference(saleForm, sale.id)].flatMap({ $0.voided ? nil : $0.plan })
        else {
            return nil
        }
        if ledger.posted[reference(.reversal, "\(sale.id)/\(cause)")].map({ !$0.voided }) ?? false { return live }
        guard policies.closedPeriod == .reversalPair, ledger.posted[otherwise] == nil else { return nil }
        let posted =
            ledger.posted[reference(saleForm, sale.id)].map { !$0.voided && ledger.isClosed($0.plan.date) } ?? false
        return posted ? live : nil
    }

    /// Mirror and new document for a change that `pair.figures` already show.
    mutating func planPair(_ cause: String, at: Timestamp, mirror: PlannedPosting, findings: [Finding]) {
        guard let told = sale else { return }
        let subject = "\(told.id)/\(cause)"
        let own = day(at)
        var back = mirror
        back.form = .reversal
        back.subject = subject
        back.covers = [cause]
        back.appliesTo = mirror.id
        back.findings = findings
        (back.note, back.memo, back.taxOverride, back.notBefore) = (nil, [:], nil, nil)
        let moved = dated(own, back.id, source: cause)
        back.date = moved.date
        back.reference =
            "reverses \(mirror.form.rawValue):\(mirror.subject) of \(mirror.date) for \(cause), source date \(own)"
        for i in back.lines.indices {
            back.lines[i].amount = -back.lines[i].amount
            back.lines[i].base = back.lines[i].base.map { -$0 }
        }
        postings.append(back)

        let body = saleLines(told, pair.figures)
        let owed = -body.map(\.amount).total(told.body.currency)
        let control = PostingLine(
            .control, role: receivable, amount: owed, derivedFrom: ["\(told.id)/total"], text: told.body.number)
        var now = PlannedPosting(
            subject: subject, form: .invoice, caseID: caseID, covers: [cause], date: moved.date,
            currency: told.body.currency,
            rate: rate(told.body.currency), total: owed, lines: owed.isZero ? body : [control] + body, party: party,
            findings: findings,
            reference: "re-posts \(mirror.form.rawValue):\(mirror.subject) after \(cause), source date \(own)")
        if let rate = now.rate { now.lines.addBaseAlone(rate: rate, currency: organisation.baseCurrency) }
        postings.append(now)
        pair.live = now
    }

    /// A refund of goods alone as a pair; `false` where it must be a credit note.
    mutating func planAsPair(_ told: Told<Refund>, _ draft: CreditDraft) -> Bool {
        let refund = told.body
        let plain =
            refund.shipping.isEmpty && refund.adjustments.isEmpty && refund.fees.isEmpty && refund.tip == nil
            && draft.explained.allSatisfy { $0.body.fees.isEmpty } && draft.findings.isEmpty && !refund.lines.isEmpty
        let standing = ledger.posted[reference(.reversal, "\(caseID)/\(told.id)")] != nil
        guard plain, standing || ledger.isClosed(day(told.at)),
            let mirror = pairTarget(told.id, otherwise: reference(.creditNote, told.id))
        else { return false }
        var figures = pair.figures
        for line in refund.lines {
            let from = ["\(told.id)/\(line.line)"]
            let taxes = draft.lines.filter { $0.part == .tax && $0.derivedFrom == from }.map { part in
                TaxPart(jurisdiction: part.role.detail, rate: nil, amount: part.amount)
            }
            let units = RemovedUnits(line: line.line, quantity: line.quantity, net: line.net, taxes: taxes)
            guard let at = figures.firstIndex(where: { $0.line.id == line.line }),
                figures[at].remove(units, by: told.id)
            else { return false }
        }
        pair.figures = figures
        planPair(told.id, at: told.at, mirror: mirror, findings: [])
        planMovements(
            refund.transactions, of: told.id, at: told.at, against: reference(.reversal, "\(caseID)/\(told.id)"))
        return true
    }
}

/// What pairs work on: the document that stands, and the lines as it reads.
struct PairState {
    var live: PlannedPosting?
    var figures: [LineFigures] = []
}
