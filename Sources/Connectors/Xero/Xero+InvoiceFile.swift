internal import Books
internal import ConnectorKit
internal import Kernel

extension XeroConnector {
    /// Sales invoices for Xero's importer: documents with tax rates, which its tax reports are made of. Tax rates are named as people see them, by settings.
    static let invoices = ManualForm(
        id: "xero-sales-invoices", name: "Xero sales invoices (CSV)", version: "xero-sales-invoices/1", writing: .csv,
        bounds: ManualBounds(rows: 1_000, entries: 500, bytes: 350_000), heading: [invoiceHeading], columns: (reference: 10, figure: 18), carries: [.invoice],
        findable: [.invoice],
        steps: [
            "Business > Invoices > Import. Do not add, rename or move headings; say that amounts are tax exclusive.",
            "They come in as drafts: look at the tax of each, which Xero works out anew, then select all and approve them.",
            "Confirm the batch by POST look once the API answers: payments and changes then go by the API; a draft is not found.",
        ],
        source: "Xero Central, Import customer invoices: headings, drafts, 500 invoices a file; 1 000 rows are general knowledge",
        // The number that `create` would give.
        reference: { $0.key.text }, rows: invoiceRows)

    private static let invoiceHeading = [
        "*ContactName", "EmailAddress", "POAddressLine1", "POAddressLine2", "POAddressLine3", "POAddressLine4", "POCity", "PORegion", "POPostalCode",
        "POCountry",
        "*InvoiceNumber", "Reference", "*InvoiceDate", "*DueDate", "Total", "InventoryItemCode", "*Description", "*Quantity", "*UnitAmount", "Discount",
        "*AccountCode", "*TaxType", "TaxAmount", "TrackingName1", "TrackingOption1", "TrackingName2", "TrackingOption2", "Currency", "BrandingTheme",
    ]

    private static let invoiceRows: @Sendable (ManualEntry, ConnectionFacts) throws(Fault) -> [[ManualCell]] = { entry, facts throws(Fault) in
        let document = entry.document, plan = document.plan
        try entry.isNew()
        guard plan.rate == nil else {
            throw Fault("manual_currency", stage: .post, disposition: .hold, summary: "the file has no rate: Xero would take its own of that day",
                remedy: "Wait for the API, or post it in the ledger by hand.")
        }
        let date = facts.settings["import_dates"] == "mdy" ? plan.date.monthFirst : plan.date.dayFirst
        let blank = ManualCell.empty
        let tracking = try Tracking(facts)
        var rows: [[ManualCell]] = []
        for line in try SalesLines(document).lines {
            var row: [ManualCell] = [.exact(entry.party, most: 255)] + Array(repeating: blank, count: 9)
            row += [.exact(entry.reference, most: 255), .text(reference(document), most: 255), .number(date), .number(date), blank, blank]
            // One unit at the line's net: quantity times a rounded price need not give the line back.
            row += [.text(description(line.source.plan), most: 4_000), .number("1"), .number(Money(minor: line.net, plan.currency).text), blank]
            row.append(.exact(line.source.account.code, most: 10))
            if let code = line.source.taxCode, code != noTax {
                row += [try .taxName(code, facts), .number(Money(minor: line.tax, plan.currency).text)]
            } else {
                row += [.exact(facts.settings["no_tax_rate"] ?? "No VAT", most: 100), blank]
            }
            row += tracking.cells(line.source.dimensions) + [.number(plan.currency.code), blank]
            rows.append(row)
        }
        return rows
    }
}
