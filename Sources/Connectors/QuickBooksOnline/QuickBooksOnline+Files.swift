internal import Books
public import ConnectorKit
internal import Kernel

extension QuickBooksOnlineConnector {
    /// Journals and invoices for the importers of QuickBooks Online, and journals for QuickBooks Desktop.
    public var manualForms: [ManualForm] { [Self.journals, Self.invoices, Self.iif] }

    /// What becomes a journal entry by the API too: `find` sees it by its number.
    private static let journalForms: Set<PostingForm> = [.refundPayment, .journal, .reversal, .settlement, .payout, .deposit, .summary]

    static let journals = ManualForm(
        id: "quickbooks-journals", name: "QuickBooks Online journal entries (CSV)", version: "quickbooks-journals/1", writing: .csv,
        bounds: ManualBounds(rows: 1_000, entries: 500, bytes: 350_000),
        heading: [["JournalNo", "JournalDate", "AccountName", "Debits", "Credits", "Description", "Name", "Class", "Location", "Currency"]],
        columns: (reference: 0, figure: 3), carries: ManualForm.journals, findable: journalForms,
        steps: [
            "Settings (gear) > Import data > Journal entries; where a region does not offer it, use quickbooks-iif for the desktop or enter them by hand.",
            "Switch account numbers off, or the names do not match. Map the columns by their names, and say how dates are written.",
            "An import can't be undone: look at the preview.", "Confirm the batch: by the ledger's own list, or POST look once its API answers.",
        ],
        source: "Intuit, Import journal entries: columns and that names must match; 1 000 rows and 350 KB are third parties' figures",
        // The number that `create` would give, in the same letters.
        reference: { $0.isChange ? $0.keyed : $0.key.text }, rows: journalRows)

    private static let journalRows: @Sendable (ManualEntry, ConnectionFacts) throws(Fault) -> [[ManualCell]] = { entry, facts throws(Fault) in
        let plan = entry.document.plan
        let date = facts.settings["import_dates"] == "dmy" ? plan.date.dayFirst : plan.date.monthFirst
        var rows: [[ManualCell]] = []
        for leg in try oneReceivable(entry) {
            let head: [ManualCell] = [.exact(entry.reference, most: 21), .number(date), .exact(leg.account.name, most: 255)]
            let tail: [ManualCell] = [
                .text(leg.isReversal ? "Reversal: \(leg.text)" : leg.text, most: 4_000), isReceivable(leg) ? .exact(entry.party, most: 100) : .empty,
                .text(leg.dimensions["class"] ?? "", most: 100), .text(leg.dimensions["location"] ?? "", most: 100),
                plan.rate == nil ? .empty : .number(plan.currency.code),
            ]
            rows.append(head + ManualCell.sides(leg.amount) + tail)
        }
        return rows
    }

    static let iif = ManualForm(
        id: "quickbooks-iif", name: "QuickBooks Desktop general journal (IIF)", version: "quickbooks-iif/1",
        writing: ManualWriting(separator: 9, encoding: .windows1252, quotes: false, ending: "iif", mediaType: "text/plain; charset=windows-1252"),
        bounds: ManualBounds(rows: 4_000, entries: 500, bytes: 1_000_000),
        heading: [
            ["!TRNS", "TRNSTYPE", "DATE", "ACCNT", "NAME", "CLASS", "AMOUNT", "DOCNUM", "MEMO"],
            ["!SPL", "TRNSTYPE", "DATE", "ACCNT", "NAME", "CLASS", "AMOUNT", "DOCNUM", "MEMO"],
            ["!ENDTRNS"],
        ],
        columns: (reference: 7, figure: 6), carries: ManualForm.journals,
        steps: [
            "Make a backup: an import can't be undone.", "File > Utilities > Import > IIF files.",
            "Names that the company file lacks are created without a word: compare its chart of accounts first.",
            "Confirm the batch with a list in the columns reference and amount.",
        ],
        source: "Intuit, IIF import kit: keywords, columns and signs; lengths are general knowledge, the bounds our choice", reference: { $0.short },
        rows: iifRows)

    private static let iifRows: @Sendable (ManualEntry, ConnectionFacts) throws(Fault) -> [[ManualCell]] = { entry, _ throws(Fault) in
        let plan = entry.document.plan
        guard plan.rate == nil else {
            throw Fault("manual_currency", stage: .post, disposition: .hold,
                summary: "the file holds amounts in the books' own currency only", remedy: "Use another form, or post it in the ledger by hand.")
        }
        // The one line on a receivable comes first.
        let legs = try oneReceivable(entry), ordered = legs.filter(isReceivable) + legs.filter { !isReceivable($0) }
        var rows: [[ManualCell]] = []
        for leg in ordered {
            rows.append([
                .number(rows.isEmpty ? "TRNS" : "SPL"), .number("GENERAL JOURNAL"), .number(plan.date.monthFirst), .exact(leg.account.name, most: 159),
                isReceivable(leg) ? .exact(entry.party, most: 41) : .empty, .text(leg.dimensions["class"] ?? "", most: 31), .number(leg.amount.text),
                .exact(entry.reference, most: 11), .text("\(entry.document.reference): \(leg.text)", most: 4_095),
            ])
        }
        return rows + [[.number("ENDTRNS")]]
    }

    private static func isReceivable(_ leg: ManualEntry.Leg) -> Bool { leg.role.family == "receivable" }

    /// Lines on one receivable summed up: a journal takes one.
    /// - Throws: `two_receivables`, and what `ManualEntry.legs` throws.
    private static func oneReceivable(_ entry: ManualEntry) throws(Fault) -> [ManualEntry.Leg] {
        var out: [ManualEntry.Leg] = [], at: Int?
        for leg in try entry.legs(only: entry.document.plan.currency) {
            guard isReceivable(leg), let first = at else {
                if isReceivable(leg) { at = out.count }
                out.append(leg)
                continue
            }
            guard out[first].account == leg.account else {
                throw Fault("two_receivables", stage: .post, disposition: .hold,
                    summary: "it has lines on two receivable accounts, and QuickBooks Online takes one in a journal",
                    remedy: "Bind the receivable roles to one account.")
            }
            out[first].amount += leg.amount
        }
        return out.filter { !$0.amount.isZero }
    }
}
