internal import Kernel
internal import Wire

// Bills, credits of vendors, purchase orders.
extension QBOCompany {
    /// - Source: QuickBooks Online API reference, Bill, VendorCredit and PurchaseOrder.
    mutating func purchaseForm(_ kind: QBOKind, _ draft: QBODraft) throws(QBOError) -> JSON {
        let input = draft.input
        guard let sent = input["Line"]?.array else { throw .missing("Line") }
        guard let vendorID = input.reference("VendorRef") else { throw .missing("VendorRef") }
        let vendor = try usable(.vendor, vendorID, "VendorRef", active: draft.linesGiven)
        try requireHomeCurrency(input)
        let payable = try controlAccount(.vendors, draft, "APAccountRef")
        var numbers = QBOLineNumbers()
        var lines: [JSON] = []
        var total: Int64 = 0
        var nets = QBONets()
        for line in sent where line.text("DetailType") != "SubTotalLineDetail" {
            let judged = try purchaseLine(kind, line, draft)
            lines.append(numbers.numbered(judged.line))
            total += judged.cents
            if let code = judged.line.member(judged.line.text("DetailType") ?? "")?.reference("TaxCodeRef") { nets.add(code, judged.cents) }
        }
        guard !lines.isEmpty else {
            throw QBOError(
                code: "2250", message: "Missing lines", detail: "You must enter at least one split line.", element: "Line")
        }
        guard total >= 0 else { throw .business("The transaction amount must be 0 or greater.", "TotalAmt") }
        // A company in the United States has no tax on what it buys; whatever is said of it is left out.
        var object = input.without([
            "Line", "LinkedTxn", "TxnTaxDetail", "TotalAmt", "CurrencyRef", "ExchangeRate", "GlobalTaxCalculation", "POStatus",
        ])
        if !object.has("TxnDate") { object = object.setting("TxnDate", .string(QBOTime.today(now))) }
        if kind == .bill, !object.has("DueDate"), let date = object["TxnDate"] { object = object.setting("DueDate", date) }
        object = object.setting("VendorRef", ["value": .string(vendorID), "name": .optional(vendor.text("DisplayName"))])
        object = try dimensioned(object, active: draft.linesGiven).setting("APAccountRef", payable)
        if !country.isAmerican {
            let (tax, detail) = try globalTax(input, nets, "PurchaseTaxRateList")
            total += tax
            object = object.setting("TxnTaxDetail", detail).setting("GlobalTaxCalculation", "TaxExcluded")
        }
        object = object.setting("CurrencyRef", country.currency).setting("Line", .array(lines)).setting("TotalAmt", .cents(total))
        return try kind == .purchaseOrder ? ordered(object, draft) : billed(kind, object, draft, total: total)
    }

    /// What is open of a bill or credit, and what it is linked to.
    private func billed(_ kind: QBOKind, _ form: JSON, _ draft: QBODraft, total: Int64) throws(QBOError) -> JSON {
        let id = draft.current?.text("Id")
        let applied = id.map { self.applied(to: $0) } ?? 0
        guard applied == 0 || form.reference("VendorRef") == draft.current?.reference("VendorRef") else {
            throw .business("The vendor of a transaction with payments can't be changed.", "VendorRef")
        }
        guard applied <= total else {
            throw .business("The amount of the transaction is less than the payments applied to it.", "TotalAmt")
        }
        let orders = kind == .bill ? try wantedOrders(form, draft) : []
        let settled = id.map { settlementLinks($0) } ?? []
        return form.setting("Balance", .cents(total - applied)).setting("LinkedTxn", .array(settled + orders))
    }

    private func ordered(_ form: JSON, _ draft: QBODraft) throws(QBOError) -> JSON {
        let current = draft.current
        var object = form.setting("POStatus", current?["POStatus"] ?? "Open").setting("LinkedTxn", current?["LinkedTxn"] ?? [])
        // A person, or an app, may close an order that nothing came of.
        if let closed = draft.input.flag("ManuallyClosed") { object = object.setting("POStatus", closed ? "Closed" : "Open") }
        if !object.has("EmailStatus") { object = object.setting("EmailStatus", "NotSet") }
        return object
    }

    // MARK: Lines

    private func purchaseLine(_ kind: QBOKind, _ line: JSON, _ draft: QBODraft) throws(QBOError) -> (line: JSON, cents: Int64) {
        guard let type = line.text("DetailType") else { throw .missing("Line.DetailType") }
        guard type == "AccountBasedExpenseLineDetail" || type == "ItemBasedExpenseLineDetail" else {
            throw .business("A line of type \(type) can't stand on this transaction.", "Line.DetailType")
        }
        guard let amount = try line.cents("Amount", element: "Line.Amount") else { throw .missing("Line.Amount") }
        guard let given = line.member(type) else { throw .missing(type) }
        var detail = try classed(given, active: draft.linesGiven).without(["TaxInclusiveAmt", "TaxAmount"])
        if type == "ItemBasedExpenseLineDetail" {
            try checkProduct(given, amount: amount)
            detail = try itemDetail(kind, detail, draft)
        } else {
            guard let id = given.reference("AccountRef") else { throw .missing("AccountRef") }
            let account = try usable(.account, id, "AccountRef", active: draft.linesGiven)
            guard QBOSide(account) == nil else {
                throw .business("The account of a line can't be \(account.text("AccountType") ?? "").", "AccountRef")
            }
            detail = detail.setting("AccountRef", ["value": .string(id), "name": .optional(account.text("Name"))])
        }
        detail = try resolved(detail, "CustomerRef", .customer, active: draft.linesGiven)
        let code = try country.isAmerican ? given.reference("TaxCodeRef") ?? "NON" : globalCode(given)
        guard !country.isAmerican || code == "TAX" || code == "NON" else {
            throw QBOError(
                code: "6100", message: "Invalid Line TaxCode in the request",
                detail: "The TaxCode value isn't valid. For US, specify TAX or NON. Supplied value:\(code)", element: "TaxCodeRef")
        }
        detail = detail.setting("TaxCodeRef", ["value": .string(code)])
        if !detail.has("BillableStatus") { detail = detail.setting("BillableStatus", "NotBillable") }
        guard detail.text("BillableStatus") != "Billable" || detail.has("CustomerRef") else {
            throw .business("A billable expense needs a customer.", "BillableStatus")
        }
        return (line.setting("Amount", .cents(amount)).setting(type, detail), amount)
    }

    /// The line's item and the account its cost goes to, which is kept on the line as it is on lines of sales.
    private func itemDetail(_ kind: QBOKind, _ detail: JSON, _ draft: QBODraft) throws(QBOError) -> JSON {
        guard let id = detail.reference("ItemRef") else { throw .missing("ItemRef") }
        let item = try usable(.item, id, "ItemRef", active: draft.linesGiven)
        let named = detail.setting("ItemRef", ["value": .string(id), "name": .optional(item.text("Name"))])
        if !draft.linesGiven, detail.has("ItemAccountRef") { return named }
        guard let accountID = item.reference("ExpenseAccountRef") else {
            // An order posts nothing; a bill has to know where to.
            guard kind == .purchaseOrder else { throw .business("The item \(item.text("Name") ?? id) has no expense account.", "ItemRef") }
            return named
        }
        let account = try usable(.account, accountID, "ItemRef", active: draft.linesGiven)
        return named.setting("ItemAccountRef", ["value": .string(accountID), "name": .optional(account.text("Name"))])
    }

    // MARK: Orders that became bills

    /// The entries of a `LinkedTxn` that name orders.
    static func orderLinks(_ bill: JSON) -> [JSON] { (bill["LinkedTxn"]?.array ?? []).filter { $0.text("TxnType") == "PurchaseOrder" } }

    /// The orders that a bill names, for itself or on its lines, each once.
    private func wantedOrders(_ form: JSON, _ draft: QBODraft) throws(QBOError) -> [JSON] {
        let lines = (form["Line"]?.array ?? []).flatMap { $0["LinkedTxn"]?.array ?? [] }
        var ids: [String] = []
        for link in Self.orderLinks(draft.input) + lines {
            guard let id = link.text("TxnId") else { throw .missing("TxnId") }
            guard link.text("TxnType") == "PurchaseOrder", let order = object(.purchaseOrder, id),
                order.reference("VendorRef") == form.reference("VendorRef")
            else { throw .cannotLink(id) }
            if let line = link.text("TxnLineId"), !(order["Line"]?.array ?? []).contains(where: { $0.text("Id") == line }) { throw .cannotLink(id) }
            if !ids.contains(id) { ids.append(id) }
        }
        return ids.map { ["TxnId": .string($0), "TxnType": "PurchaseOrder"] }
    }

    /// After a bill changed: the orders it names, or named, know what was billed of them.
    mutating func refreshOrders(_ before: JSON?, _ after: JSON?) {
        let ids = [before, after].compactMap { $0 }.flatMap { Self.orderLinks($0) }.compactMap { $0.text("TxnId") }
        for id in Set(ids).sorted() {
            guard let order = object(.purchaseOrder, id) else { continue }
            let bills = table(.bill).all.filter { Self.orderLinks($0).contains { $0.text("TxnId") == id } }
            let links: [JSON] = bills.map { ["TxnId": .optional($0.text("Id")), "TxnType": "Bill"] }
            let isDone = !bills.isEmpty && isBilled(order, id, by: bills)
            let status = isDone || order.flag("ManuallyClosed") == true ? "Closed" : "Open"
            put(.purchaseOrder, id, headed(order.setting("LinkedTxn", .array(links)).setting("POStatus", .string(status)), id: id, current: order))
        }
    }

    /// Whether bills have all of an order: a bill that names it without naming lines takes the whole of it.
    private func isBilled(_ order: JSON, _ id: String, by bills: [JSON]) -> Bool {
        var byLine: [String: Int64] = [:]
        for bill in bills {
            var names = false
            for line in bill["Line"]?.array ?? [] {
                for link in line["LinkedTxn"]?.array ?? [] where link.text("TxnId") == id {
                    guard let own = link.text("TxnLineId") else { continue }
                    names = true
                    byLine[own, default: 0] += line.storedCents("Amount")
                }
            }
            if !names { return true }
        }
        return (order["Line"]?.array ?? []).allSatisfy { byLine[$0.text("Id") ?? "", default: 0] >= $0.storedCents("Amount") }
    }
}
