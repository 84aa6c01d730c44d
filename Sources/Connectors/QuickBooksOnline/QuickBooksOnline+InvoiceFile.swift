internal import Books
internal import ConnectorKit
internal import Kernel

extension QuickBooksOnlineConnector {
    /// Invoices for the importer: documents with tax codes, which its tax reports are made of. What its columns can't say exactly goes as a journal.
    static let invoices = ManualForm(
        id: "quickbooks-invoices", name: "QuickBooks Online invoices (CSV)", version: "quickbooks-invoices/1", writing: .csv,
        bounds: ManualBounds(rows: 1_000, entries: 100, bytes: 350_000),
        heading: [[
            "*InvoiceNo", "*Customer", "*InvoiceDate", "*DueDate", "Terms", "Location", "Memo", "Item(Product/Service)", "ItemDescription", "ItemQuantity",
            "ItemRate", "*ItemAmount", "*ItemTaxCode", "ItemTaxAmount",
        ]],
        columns: (reference: 0, figure: 11), carries: [.invoice], findable: [.invoice],
        steps: [
            "Settings (gear) > Sales: switch custom transaction numbers on, or the numbers are replaced and nothing is found again.",
            "Settings (gear) > Import data > Invoices. Map the columns by their names, say how dates are written, and that tax is exclusive.",
            "Map each tax code on the last screen. Look at the preview: an import can't be undone.",
            "Confirm the batch by POST look once the API answers: payments and changes then go by the API.",
        ],
        source: "Intuit, Import invoices: columns, 100 invoices and 1 000 rows a file; that tax amounts are taken depends on the region",
        // The number that `create` would give, in the same letters.
        reference: { $0.key.text }, rows: invoiceRows)

    private static let invoiceRows: @Sendable (ManualEntry, ConnectionFacts) throws(Fault) -> [[ManualCell]] = { entry, facts throws(Fault) in
        let document = entry.document, plan = document.plan
        try entry.isNew()
        guard plan.rate == nil else { throw unfit("the importer takes no rate", plan.currency.code) }
        guard let form = SalesForm(document, .invoice), !form.lines.isEmpty else { throw unfit("it has no lines", nil) }
        guard form.discount == nil, !form.lines.contains(where: { $0.source.plan.part == .discount }) else { throw unfit("the importer has no discount", nil) }
        guard form.tax >= 0, form.total >= 0, form.total == plan.total.minor else { throw unfit("its lines do not come to its total", nil) }
        let date = facts.settings["import_dates"] == "dmy" ? plan.date.dayFirst : plan.date.monthFirst
        let borne = try taxes(form, document)
        var rows: [[ManualCell]] = []
        for (line, tax) in zip(form.lines, borne) {
            let source = line.source
            var row: [ManualCell] = [
                .exact(entry.reference, most: 21), .exact(entry.party, most: 100), .number(date), .number(date), .empty, .empty,
                .text(document.reference, most: 1_000), .exact(itemName(source), most: 100), .text(source.plan.text, most: 4_000),
            ]
            if let (quantity, price) = line.multiplied(plan.currency) {
                row += [.number(quantity.description), .number(price.description)]
            } else {
                row += [.empty, .empty]
            }
            row += [.number(Money(minor: line.minor, plan.currency).text), try .taxName(source.taxCode, facts)]
            row.append(source.taxCode == nil ? .empty : .number(Money(minor: tax, plan.currency).text))
            rows.append(row)
        }
        return rows
    }

    /// What each line bears of the tax: that of its group, on the group's first line.
    private static func taxes(_ form: SalesForm, _ document: LedgerDocument) throws(Fault) -> [Int64] {
        var out = Array(repeating: Int64(0), count: form.lines.count)
        for tax in document.lines where tax.plan.part == .tax && !tax.plan.amount.isZero {
            let bearing = form.lines.indices.filter { form.lines[$0].taxed && form.lines[$0].source.taxCode != nil }
            guard let at = bearing.first(where: { form.lines[$0].source.plan.group == tax.plan.group }) ?? (tax.plan.group.isEmpty ? bearing.first : nil) else {
                throw unfit("a tax has no line with a tax code that could bear it", tax.plan.role.text)
            }
            out[at] -= tax.plan.amount.minor
        }
        return out
    }

    private static func unfit(_ why: String, _ position: String?) -> Fault {
        Fault("manual_document_unfit", stage: .post, disposition: .hold, summary: "the file of invoices can't hold it: \(why)",
            remedy: "Hand it over as a journal, or wait for the API.", position: position)
    }
}
