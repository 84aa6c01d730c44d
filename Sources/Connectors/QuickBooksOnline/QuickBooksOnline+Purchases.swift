internal import Books
internal import ConnectorKit
internal import Kernel
internal import Wire

/// A planned bill or purchase order as their form shows it: amounts positive, no line for the payable, tax as one figure where lines have codes for it.
struct PurchaseForm: Sendable {
    var lines: [SalesForm.Line] = []
    var tax: Int64?
    /// The payable it stands on.
    var payable: BoundAccount?

    init(_ document: LedgerDocument) {
        // Where purchases have tax codes, tax is the form's; where they have none (in the United States), it is a cost like any other.
        let isCoded = document.lines.contains { $0.taxCode != nil && $0.plan.part != .tax }
        for line in document.lines {
            switch line.plan.part {
            case .control: payable = payable ?? (line.account.remoteID == nil ? nil : line.account)
            case .tax where isCoded: tax = (tax ?? 0) + line.plan.amount.minor
            default: if line.plan.amount.minor != 0 { lines.append(SalesForm.Line(source: line, minor: line.plan.amount.minor)) }
            }
        }
    }

    var total: Int64 { lines.map(\.minor).reduce(tax ?? 0, +) }
}

extension QuickBooksOnlineConnector {
    /// Bills stand in the books, purchase orders do not; both are written the same way.
    /// - Source: Intuit docs, Bill and PurchaseOrder: `VendorRef` and lines are required.
    func purchaseBody(_ document: LedgerDocument, _ entity: Entity, _ taxes: Taxation) throws(Fault) -> JSON {
        let form = PurchaseForm(document), currency = document.plan.currency
        guard !form.lines.isEmpty else {
            throw Self.refusal("no_lines", "the document has no lines", "QuickBooks Online takes no empty document: enter it there if it is needed.")
        }
        guard form.total >= 0, form.tax ?? 0 >= 0 else {
            throw Self.refusal(
                "negative_total", "the document comes to \(Money(minor: form.total, currency).text)",
                "QuickBooks Online takes none below zero: enter it there as a vendor credit.")
        }
        guard form.total == document.plan.total.minor else {
            throw Self.unbalanced("its lines come to \(Money(minor: form.total, currency).text), its total is \(document.plan.total.text)")
        }
        // A bill has no class of its own.
        let placed = try Dimensions(document, byLine: entity == .bill)
        var lines: [JSON] = []
        var isCoded = true
        if case .off = taxes { isCoded = false }
        for line in form.lines { lines.append(try Self.purchaseLine(line, currency, placed, isCoded: isCoded)) }
        var members = header(document)
        if let due = document.due { members.append(("DueDate", .string(due.description))) }
        if let party = document.party { members.append(("VendorRef", reference(party))) }
        if let payable = form.payable?.remoteID { members.append(("APAccountRef", reference(payable))) }
        members += placed.header
        members.append(("Line", .array(lines)))
        if case .total = taxes {
            if let tax = form.tax { members.append(("TxnTaxDetail", ["TotalTax": number(tax, currency)])) }
        } else {
            members += try taxes.members(document, form.lines, tax: form.tax ?? 0, sign: 1, isPurchase: true)
        }
        return .object(members)
    }

    /// Outside of the United States a company takes no line without a tax code: the first that has none is told. Where the country is not known, nothing
    /// is, and the company refuses by itself.
    /// - Source: Intuit docs, error 6000: "Make sure all your transactions have a GST/VAT rate before you save."
    static func uncoded(_ document: LedgerDocument, in country: String?) -> [Fault] {
        guard let country, !country.isEmpty, country.uppercased() != "US" else { return [] }
        guard let line = PurchaseForm(document).lines.first(where: { ($0.source.taxCode ?? "").isEmpty })?.source else { return [] }
        let what = cut([line.plan.sku, line.plan.text].first { !$0.isEmpty } ?? line.plan.role.text, utf16: 60)
        let remedy: String
        if let code = line.plan.taxCode {
            remedy = "Bind \(code) to a tax code of QuickBooks Online's under the account structure's tax codes."
        } else if document.plan.form == .bill {
            remedy = "Have the source state taxes or a tax_code on every line of a bill, and bind it under the account structure's tax codes; or enter it there by hand."
        } else {
            remedy = "Enter it there by hand; here it stays held, so that it is not forgotten."
        }
        return [refusal(
            "tax_code_unbound", "the company is in \(cut(country, utf16: 20)), where QuickBooks Online wants a tax code on every line, and the line \(what) has none", remedy,
            position: line.plan.role.text)]
    }

    /// By its item where it has one, else on its account.
    private static func purchaseLine(_ line: SalesForm.Line, _ currency: Currency, _ placed: Dimensions, isCoded: Bool) throws(Fault) -> JSON {
        var detail: [(key: String, value: JSON)] = []
        if let item = line.source.item {
            detail.append(("ItemRef", reference(item)))
            if let (quantity, price) = line.multiplied(currency) { detail += [("Qty", .decimal(quantity)), ("UnitPrice", .decimal(price))] }
        } else {
            detail.append(("AccountRef", reference(try remoteID(line.source.account))))
        }
        if isCoded, let code = line.source.taxCode { detail.append(("TaxCodeRef", reference(code))) }
        if let name = placed.ofLine(line.source) { detail.append(("ClassRef", reference(name))) }
        let type = line.source.item == nil ? "AccountBasedExpenseLineDetail" : "ItemBasedExpenseLineDetail"
        var members: [(key: String, value: JSON)] = []
        let text = cut(words(line.source.plan), utf16: QuickBooksLimits.lineNote)
        if !text.isEmpty { members.append(("Description", .string(text))) }
        members += [("Amount", number(line.minor, currency)), ("DetailType", .string(type)), (type, .object(detail))]
        return .object(members)
    }

    /// What is bought, and where no item says so, how much of it: `20 × CUP-1, Cup`.
    private static func words(_ plan: PostingLine) -> String {
        let what = [plan.sku, plan.text].filter { !$0.isEmpty }.joined(separator: ", ")
        return plan.quantity.map { "\($0.shortest) × \(what)" } ?? what
    }

    /// Sums of a bill's lines, debits positive.
    static func readPurchase(_ fields: JSONView, _ unit: Currency, _ sums: inout Sums) throws(Fault) {
        for line in fields["Line"].elements {
            let kind = line["DetailType"].string ?? ""
            let amount = try minor(line["Amount"], unit, "Line.Amount") ?? 0
            switch kind {
            case "SubTotalLineDetail", "DescriptionOnly": continue
            case "AccountBasedExpenseLineDetail": sums.add(line[kind]["AccountRef"]["value"].string ?? "", amount)
            case "ItemBasedExpenseLineDetail": sums.add("item:\(line[kind]["ItemRef"]["value"].string ?? "")", amount)
            default: sums.add("other:\(cut(kind, utf16: 40))", amount)
            }
        }
    }

    static func meant(_ form: PurchaseForm, _ sums: inout Sums) {
        for line in form.lines { sums.add(line.source.item.map { "item:\($0)" } ?? line.source.account.remoteID ?? "", line.minor) }
    }
}
