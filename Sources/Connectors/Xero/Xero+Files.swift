internal import Books
public import ConnectorKit
internal import Kernel

extension XeroConnector {
    /// Manual journals and sales invoices.
    public var manualForms: [ManualForm] { [Self.journals, Self.invoices, .journalCSV] }

    static let journals = ManualForm(
        id: "xero-manual-journals", name: "Xero manual journals (CSV)", version: "xero-manual-journals/1", writing: .csv,
        bounds: ManualBounds(rows: 300, entries: 150, bytes: 350_000),
        heading: [[
            "*Narration", "*Date", "Description", "*AccountCode", "*TaxRate", "*Amount", "TrackingName1", "TrackingOption1", "TrackingName2", "TrackingOption2",
        ]],
        columns: (reference: 0, figure: 5), carries: [.journal, .deposit, .payout, .summary, .settlement], findable: [.journal, .deposit, .payout],
        steps: [
            "Accounting > Advanced > Manual journals > Import (adviser, or standard with reports).", "Do not add, rename or move headings.",
            "They come in as drafts: select all and post them.",
            "Confirm the batch: by a list of the journals, or POST look once Xero's API answers; a draft is not found.",
        ],
        source: "Xero Central, Import manual journals: columns, signs and drafts; 300 lines a file are general knowledge",
        // What the narration that `create` would write begins with; a change must not look like the document.
        reference: { $0.isChange ? "cf-change:\($0.key)-R\($0.revision)" : "cf:\($0.key)" },
        readsReference: { text in text.prefix { $0 != " " }.description }, rows: rows)

    private static let rows: @Sendable (ManualEntry, ConnectionFacts) throws(Fault) -> [[ManualCell]] = { entry, facts throws(Fault) in
        let plan = entry.document.plan
        guard plan.rate == nil else {
            throw Fault("manual_currency", stage: .post, disposition: .hold,
                summary: "manual journals are in the organisation's base currency", remedy: "Post it in the ledger by hand.")
        }
        let date = facts.settings["import_dates"] == "mdy" ? plan.date.monthFirst : plan.date.dayFirst
        let tracking = try Tracking(facts)
        let narration = "\(entry.reference) \(entry.document.reference)"
        var rows: [[ManualCell]] = []
        for leg in try entry.legs(only: plan.currency) {
            guard leg.role.family != "receivable", leg.account.type != "BANK" else {
                throw Fault("manual_account_refused", stage: .post, disposition: .hold,
                    summary: "manual journals take neither bank accounts nor the ledger's own receivable",
                    remedy: "Hand it over as journal-csv, to be entered by hand, or wait for the API.", position: leg.role.text)
            }
            // Tax has lines of its own: a rate here would add more of it.
            rows.append([
                .text(narration, most: 255), .number(date), .text(leg.isReversal ? "Reversal: \(leg.text)" : leg.text, most: 255),
                .exact(leg.account.code, most: 10),
                .exact(facts.settings["no_tax_rate"] ?? "No VAT", most: 100), .number(leg.amount.text),
            ] + tracking.cells(leg.dimensions))
        }
        return rows
    }
}
