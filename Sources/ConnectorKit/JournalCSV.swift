public import Books
internal import Kernel

extension ManualForm {
    /// One row a line, for any accountant and as the archive of what was handed over. Posting forms that move no account are not in it.
    public static let journalCSV = ManualForm(
        id: "journal-csv", name: "Journal (CSV)", version: "generic-journal/1", writing: .csv, bounds: ManualBounds(rows: 1_000, entries: 500, bytes: 350_000),
        heading: [
            [
                "journal_ref", "line_no", "date", "account_code", "account_name", "debit", "credit", "currency", "fx_rate", "base_debit", "base_credit",
                "tax_code", "tax_rate", "tax_amount", "contact", "class", "location", "department", "project", "memo", "source_system", "source_type",
                "source_ref", "source_line", "idempotency_key",
            ]
        ],
        columns: (reference: 0, figure: 5), carries: journals,
        steps: [
            "Key each journal into the ledger, or give the file to whoever does.", "Keep journal_ref as the journal's number or at the head of its memo.",
            "Confirm the batch with the ledger's own list.",
        ],
        source: "our own form; the bounds are the smallest that a ledger's importer is known to have", reference: { $0.keyed }, rows: journalRows)

    /// Every form that moves accounts.
    public static let journals: Set<PostingForm> = Set(PostingForm.allCases.filter { !$0.isSilent })

    private static let journalRows: @Sendable (ManualEntry, ConnectionFacts) throws(Fault) -> [[ManualCell]] = { entry, _ throws(Fault) in
        let plan = entry.document.plan
        var rows: [[ManualCell]] = []
        for (n, leg) in try entry.legs().enumerated() {
            var row: [ManualCell] = [
                .exact(entry.reference, most: 20), .number("\(n + 1)"), .number(plan.date.description), .exact(leg.account.code, most: 60),
                .text(leg.account.name, most: 255),
            ]
            row += ManualCell.sides(leg.amount) + [.number(leg.amount.currency.code)]
            if let base = leg.base, let rate = plan.rate {
                row += [.number(rate.description)] + (base.isZero ? [.number(base.text), .empty] : ManualCell.sides(base))
            } else {
                row += [.empty, .empty, .empty]
            }
            row += [.text(leg.taxCode ?? "", most: 60), .empty, .empty, .text(entry.party, most: 100)]
            row += ["class", "location", "department", "project"].map { ManualCell.text(leg.dimensions[$0] ?? "", most: 100) }
            row += [
                .text(leg.isReversal ? "Reversal: \(leg.text)" : leg.text, most: 255), .text(entry.source, most: 60), .text(plan.form.rawValue, most: 60),
                .text(plan.subject, most: 200), .empty, .text("\(entry.document.key)-\(entry.document.revision)", most: 40),
            ]
            rows.append(row)
        }
        return rows
    }
}
