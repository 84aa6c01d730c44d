internal import Kernel

/// What suppliers want to be paid: costs or stock, tax to be had back, and the payable.
extension CasePlan {
    mutating func planBill(_ told: Told<Bill>) {
        let bill = told.body
        guard !bill.isVoid else { return }
        let id = PlannedPosting.Reference(form: .bill, subject: told.id)
        let dated = dated(day(told.at), id, source: told.id)
        let rate = bill.currency == organisation.baseCurrency ? nil : bill.rate
        var lines: [PostingLine] = []
        for line in bill.lines {
            let from = ["\(told.id)/\(line.id)"], taxes = line.taxes ?? []
            // The supplier's number is what people know it by, and what every ledger shows.
            let text = line.id == bill.lines.first?.id ? [bill.number, line.title].filter { !$0.isEmpty }.joined(separator: ": ") : line.title
            lines.append(
                PostingLine(
                    .goods, role: Role("purchases:\(line.group ?? "unclassified")"), amount: line.net ?? line.gross, taxCode: line.taxCode.map { Bill.taxMark + $0 } ?? lineCode(ofBill: taxes),
                    group: line.id, derivedFrom: from, text: text, sku: line.sku, quantity: line.quantity))
            for tax in taxes where !tax.amount.isZero {
                lines.append(
                    PostingLine(
                        .tax, role: Role(tax.jurisdiction.map { "input_tax:\($0)" } ?? "input_tax"), amount: tax.amount,
                        taxCode: code(ofBill: tax), group: line.id, derivedFrom: from))
            }
        }
        if let rate { for i in lines.indices { lines[i].base = bases.next(lines[i].amount, "bill", rate: rate, organisation.baseCurrency) } }
        let total = lines.map(\.amount).total(bill.currency)
        let base = rate == nil ? nil : lines.compactMap(\.base).total(organisation.baseCurrency)
        lines.append(PostingLine(.control, role: Role("payable:\(bill.supplier)"), amount: -total, base: base.map { -$0 }, derivedFrom: [told.id]))
        postings.append(
            PlannedPosting(
                subject: told.id, form: .bill, caseID: caseID, covers: [told.id], date: dated.date, due: due(bill, dated.date), currency: bill.currency, rate: rate, total: bill.total,
                lines: lines, party: bill.supplier, findings: unsound(bill, total), reference: dated.words, note: "No. \(bill.number)"))
    }

    /// A due day is the calendar's, whatever hour ends a day's sales. A bill that a closed period moves past its own is due when it is dated: ledgers
    /// refuse one that is due before.
    private func due(_ bill: Bill, _ date: LocalDate) -> LocalDate? { bill.due.map { max(organisation.zone.date(of: $0), date) } }

    private func code(ofBill tax: TaxPart) -> String? { tax.jurisdiction.map { Bill.taxMark + Tax.code($0, rate: tax.rate) } }

    /// As on lines of what is sold.
    private func lineCode(ofBill taxes: [TaxPart]) -> String? {
        guard organisation.codesSitOnLines else { return nil }
        let codes = taxes.compactMap { code(ofBill: $0) }
        return codes.isEmpty ? nil : codes.joined(separator: "+")
    }

    private func unsound(_ bill: Bill, _ sum: Money) -> [Finding] {
        guard sum != bill.total else { return [] }
        return [Finding(
            check: "bill_unbalanced", why: "bill \(bill.number) is \(bill.total.text), its lines and taxes come to \(sum.text)",
            remedy: "correct the bill in the source", figures: ["difference": bill.total - sum])]
    }
}
