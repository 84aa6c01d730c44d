internal import Kernel
internal import Wire

/// The lines of a sales form, judged and completed.
private struct QBOSalesLines {
    var items: [JSON] = []
    var discounts: [JSON] = []
    /// Cents of the item lines.
    var subtotal: Int64 = 0
    var discount: Int64 = 0
    /// Cents of the item lines marked TAX, before discount.
    var taxable: Int64 = 0
    var hasTaxable = false
    /// Outside of the United States.
    var nets = QBONets()
    var numbers = QBOLineNumbers()
}

// Invoice, credit memo, sales receipt, refund receipt.
extension QBOCompany {
    mutating func salesForm(_ kind: QBOKind, _ draft: QBODraft) throws(QBOError) -> JSON {
        let input = draft.input
        guard input.has("Line") else { throw .missing("Line") }
        let customer = try salesCustomer(kind, draft)
        if kind == .refundReceipt, input.reference("DepositToAccountRef") == nil {
            throw .missing("DepositToAccountRef")
        }
        try requireHomeCurrency(input)
        let lines = try salesLines(kind, draft)
        let (tax, taxDetail) = try salesTax(input, lines)
        let total = lines.subtotal - lines.discount + tax
        guard total >= 0 else { throw .business("The transaction amount must be 0 or greater.", "TotalAmt") }

        var object = input.without(["Line", "TxnTaxDetail", "TotalAmt", "CurrencyRef", "ExchangeRate"])
        if !object.has("TxnDate") { object = object.setting("TxnDate", .string(QBOTime.today(now))) }
        if kind == .invoice, !object.has("DueDate"), let date = object["TxnDate"] {
            object = object.setting("DueDate", date)
        }
        object = object.setting("CurrencyRef", country.currency)
        if let customer { object = object.setting("CustomerRef", customer) }
        object = try dimensioned(object, active: draft.linesGiven)
        let subtotalLine: JSON = [
            "Amount": .cents(lines.subtotal), "DetailType": "SubTotalLineDetail", "SubTotalLineDetail": [:],
        ]
        object = object.setting("Line", .array(lines.items + [subtotalLine] + lines.discounts)).setting(
            "TxnTaxDetail", taxDetail)
        object = object.setting("TotalAmt", .cents(total)).setting("HomeTotalAmt", .cents(total))
        object = formDefaults(object)
        return try settled(kind, object, draft, total: total)
    }

    /// Balance, links and deposit account.
    private func settled(_ kind: QBOKind, _ form: JSON, _ draft: QBODraft, total: Int64) throws(QBOError) -> JSON {
        var object = form
        switch kind {
        case .salesReceipt, .refundReceipt:
            let account = try depositAccount(draft)
            object = object.setting("DepositToAccountRef", account).setting("Balance", .cents(0))
        default:
            let applied = draft.current?.text("Id").map { self.applied(to: $0) } ?? 0
            let customer = object.reference("CustomerRef")
            guard applied == 0 || customer == draft.current?.reference("CustomerRef") else {
                throw .business("The customer of a transaction with payments can't be changed.", "CustomerRef")
            }
            guard applied <= total else {
                throw .business("The amount of the transaction is less than the payments applied to it.", "TotalAmt")
            }
            object = object.setting("Balance", .cents(total - applied)).setting(
                "LinkedTxn", draft.current?["LinkedTxn"] ?? [])
            if kind == .creditMemo { object = object.setting("RemainingCredit", .cents(total - applied)) }
        }
        return object
    }

    private func formDefaults(_ form: JSON) -> JSON {
        var object = form
        if !object.has("ApplyTaxAfterDiscount") { object = object.setting("ApplyTaxAfterDiscount", false) }
        if !object.has("PrintStatus") { object = object.setting("PrintStatus", "NeedToPrint") }
        if !object.has("EmailStatus") { object = object.setting("EmailStatus", "NotSet") }
        // US companies are always tax-exclusive; what the caller says here is ignored.
        return country.isAmerican ? object.without(["GlobalTaxCalculation"]) : object.setting("GlobalTaxCalculation", "TaxExcluded")
    }

    private func salesCustomer(_ kind: QBOKind, _ draft: QBODraft) throws(QBOError) -> JSON? {
        guard let id = draft.input.reference("CustomerRef") else {
            if kind == .invoice || kind == .creditMemo { throw .missing("CustomerRef") }
            return nil
        }
        let customer = try usable(.customer, id, "CustomerRef", active: draft.linesGiven)
        return ["value": .string(id), "name": .optional(customer.text("DisplayName"))]
    }

    // MARK: - Lines

    private func salesLines(_ kind: QBOKind, _ draft: QBODraft) throws(QBOError) -> QBOSalesLines {
        var lines = QBOSalesLines()
        for line in draft.input["Line"]?.array ?? [] {
            guard let type = line.text("DetailType") else { throw .missing("Line.DetailType") }
            switch type {
            case "SalesItemLineDetail": try addItem(line, to: &lines, draft)
            // The discount needs the subtotal and comes after; the subtotal is written anew.
            case "DiscountLineDetail", "SubTotalLineDetail": break
            case "DescriptionOnly": lines.items.append(lines.numbers.numbered(line.setting("DetailType", "DescriptionOnly")))
            case "GroupLineDetail":
                throw QBOError(
                    code: "5030", message: "Feature Not Supported", detail: "Bundles are not used in this company",
                    element: "Line")
            default: throw .business("A line of type \(type) can't stand on this transaction.", "Line.DetailType")
            }
        }
        for line in draft.input["Line"]?.array ?? [] where line.text("DetailType") == "DiscountLineDetail" {
            try addDiscount(line, to: &lines, draft)
        }
        guard lines.items.contains(where: { $0.text("DetailType") == "SalesItemLineDetail" }) else {
            throw QBOError(
                code: "2250", message: "Missing lines", detail: "You must enter at least one split line.",
                element: "Line")
        }
        return lines
    }

    private func addItem(_ line: JSON, to lines: inout QBOSalesLines, _ draft: QBODraft) throws(QBOError) {
        guard let amount = try line.cents("Amount", element: "Line.Amount") else { throw .missing("Line.Amount") }
        guard let given = line.member("SalesItemLineDetail") else { throw .missing("SalesItemLineDetail") }
        try checkProduct(given, amount: amount)
        let code = try country.isAmerican ? given.reference("TaxCodeRef") ?? "NON" : globalCode(given)
        guard !country.isAmerican || code == "TAX" || code == "NON" else {
            throw QBOError(
                code: "6100", message: "Invalid Line TaxCode in the request",
                detail: "The TaxCode value isn't valid. For US, specify TAX or NON. Supplied value:\(code)",
                element: "TaxCodeRef")
        }
        let (item, account) = try salesItem(given, draft)
        var detail = given.setting("ItemRef", item).setting("ItemAccountRef", account).setting(
            "TaxCodeRef", ["value": .string(code)])
        detail = try classed(detail, active: draft.linesGiven)
        if given["TaxInclusiveAmt"] != nil { detail = detail.without(["TaxInclusiveAmt"]) }
        let whole = line.setting("Amount", .cents(amount)).setting("SalesItemLineDetail", detail)
        lines.items.append(lines.numbers.numbered(whole))
        lines.subtotal += amount
        lines.nets.add(code, amount)
        if code == "TAX" {
            lines.taxable += amount
            lines.hasTaxable = true
        }
    }

    /// Quantity times price must give the amount, to the cent. A line with neither (or zeros in both) is judged by its
    /// amount alone.
    func checkProduct(_ detail: JSON, amount: Int64) throws(QBOError) {
        guard let quantity = try detail.quantity("Qty"), let price = try detail.quantity("UnitPrice") else { return }
        if quantity.isZero, price.isZero { return }
        let exact = ExactDecimal(coefficient: Int128(amount), scale: 2)
        guard (quantity * price).rounded(toScale: 2) == exact else { throw .wrongProduct(exact.description) }
    }

    /// The line's item and the account its amount goes to. The account is kept on the line: a later change of the item
    /// must not move what was posted.
    private func salesItem(_ detail: JSON, _ draft: QBODraft) throws(QBOError) -> (item: JSON, account: JSON) {
        let id = detail.reference("ItemRef") ?? QBOSeed.servicesItem
        let accountID: String
        let item: JSON
        if id == QBOSeed.shippingItem {
            item = ["value": .string(id), "name": "Shipping"]
            accountID = QBOSeed.shipping
        } else {
            let object = try usable(.item, id, "ItemRef", active: draft.linesGiven)
            item = ["value": .string(id), "name": .optional(object.text("Name"))]
            accountID = object.reference("IncomeAccountRef") ?? ""
        }
        if !draft.linesGiven, let kept = detail.member("ItemAccountRef") { return (item, kept) }
        let account = try usable(.account, accountID, "ItemRef", active: draft.linesGiven)
        return (item, ["value": .string(accountID), "name": .optional(account.text("Name"))])
    }

    private func addDiscount(_ line: JSON, to lines: inout QBOSalesLines, _ draft: QBODraft) throws(QBOError) {
        guard lines.discounts.isEmpty else { throw .business("A transaction can have one discount line.", "Line") }
        let given = line.member("DiscountLineDetail") ?? [:]
        let code = country.isAmerican ? nil : given.reference("TaxCodeRef")
        guard country.isAmerican || code.map({ lines.nets.all.map(\.code) == [$0] }) ?? false else {
            throw QBOError(
                code: "5030", message: "Feature Not Supported", detail: "Discount lines, which change the tax of others, are not used in this company", element: "Line")
        }
        let amount: Int64
        if given.flag("PercentBased") == true {
            guard let percent = try given.quantity("DiscountPercent"), percent <= ExactDecimal(100), !percent.isNegative
            else {
                throw QBOError(
                    code: "6090", message: "Discount Line missing required info",
                    detail: "A discount amount or percent is required.")
            }
            let exact = percent * ExactDecimal(coefficient: Int128(lines.subtotal), scale: 4)
            amount = Int64(exact.rounded(toScale: 2).coefficient)
        } else {
            guard let stated = try line.cents("Amount", element: "Line.Amount") else {
                throw QBOError(
                    code: "6090", message: "Discount Line missing required info",
                    detail: "A discount amount or percent is required.")
            }
            amount = stated
        }
        guard amount >= 0 else { throw .negativeAmount("Line.Amount") }
        let id = given.reference("DiscountAccountRef") ?? QBOSeed.discounts
        let account = try usable(.account, id, "DiscountAccountRef", active: draft.linesGiven)
        let detail = given.setting(
            "DiscountAccountRef", ["value": .string(id), "name": .optional(account.text("Name"))]
        )
        .setting("PercentBased", .bool(given.flag("PercentBased") ?? false))
        lines.discounts.append(
            lines.numbers.numbered(line.setting("Amount", .cents(amount)).setting("DiscountLineDetail", detail)))
        lines.discount = amount
        if let code { lines.nets.add(code, -amount) }
    }


    // MARK: - Automated sales tax

    /// Cents of tax and the answer's tax detail. A stated total is taken as it is; without one the company's own rate
    /// is worked out on the taxable lines after discount, as automated sales tax does.
    private func salesTax(_ input: JSON, _ lines: QBOSalesLines) throws(QBOError) -> (Int64, JSON) {
        guard country.isAmerican else { return try globalTax(input, lines.nets, "SalesTaxRateList") }
        let stated = input.member("TxnTaxDetail")
        let share =
            lines.subtotal > 0
            ? ExactDecimal.divideHalfUp(Int128(lines.discount) * Int128(lines.taxable), Int128(lines.subtotal)) : 0
        let base = lines.taxable - Int64(share)
        if let code = stated?.reference("TxnTaxCodeRef"), object(.taxCode, code) == nil {
            throw .unknownReference(.taxCode, code, "TxnTaxDetail.TxnTaxCodeRef")
        }
        let tax: Int64
        if let total = try stated?.cents("TotalTax", element: "TxnTaxDetail.TotalTax") {
            tax = total
        } else if let parts = stated?["TaxLine"]?.array, !parts.isEmpty {
            tax = parts.reduce(0) { $0 + $1.storedCents("Amount") }
        } else {
            let exact = ExactDecimal(coefficient: Int128(base), scale: 4) * QBOSeed.taxPercent
            tax = max(0, Int64(exact.rounded(toScale: 2).coefficient))
        }
        guard tax >= 0 else { throw .business("The tax amount must be 0 or greater.", "TxnTaxDetail.TotalTax") }
        guard tax == 0 || lines.hasTaxable else {
            throw .business("A tax amount needs at least one taxable line.", "TxnTaxDetail.TotalTax")
        }
        guard lines.hasTaxable else { return (0, ["TotalTax": .cents(0)]) }
        let line: JSON = [
            "Amount": .cents(tax), "DetailType": "TaxLineDetail",
            "TaxLineDetail": [
                "TaxRateRef": ["value": .string(QBOSeed.taxRate)], "PercentBased": true,
                "TaxPercent": .decimal(QBOSeed.taxPercent),
                "NetAmountTaxable": .cents(base),
            ],
        ]
        // Automated sales tax may replace the code by its own; here it always does.
        return (
            tax, ["TxnTaxCodeRef": ["value": .string(QBOSeed.taxCode)], "TotalTax": .cents(tax), "TaxLine": [line]]
        )
    }
}

// What several kinds of documents need.
extension QBOCompany {
    /// The object a reference names.
    func usable(_ kind: QBOKind, _ id: String, _ element: String, active: Bool = true) throws(QBOError) -> JSON {
        guard let object = object(kind, id) else { throw .unknownReference(kind, id, element) }
        if active, object.flag("Active") == false { throw .notFound(element) }
        return object
    }

    /// With multi-currency off a document may name the home currency only, at par.
    func requireHomeCurrency(_ input: JSON) throws(QBOError) {
        if let code = input.reference("CurrencyRef"), code != country.currencyCode {
            throw .business("Multi-currency is off in this company; the currency must be \(country.currencyCode).", "CurrencyRef")
        }
        if let rate = try input.quantity("ExchangeRate"), rate != .one, !rate.isZero {
            throw .business("The exchange rate of the home currency is 1.", "ExchangeRate")
        }
    }

    /// The account money goes to or comes from: a bank account or another current asset.
    func depositAccount(_ draft: QBODraft) throws(QBOError) -> JSON {
        let id = draft.input.reference("DepositToAccountRef") ?? QBOSeed.undeposited
        let account = try usable(.account, id, "DepositToAccountRef", active: draft.linesGiven)
        guard ["Bank", "Other Current Asset"].contains(account.text("AccountType") ?? "") else {
            throw .business("The deposit account must be a Bank or Other Current Asset account.", "DepositToAccountRef")
        }
        return ["value": .string(id), "name": .optional(account.text("Name"))]
    }

    /// Resolves the header's location and class. What the company's preferences switch off is left out without a word.
    func dimensioned(_ form: JSON, active: Bool) throws(QBOError) -> JSON {
        var object = form
        if !prefers("AccountingInfoPrefs", "ClassTrackingPerTxn") { object = object.without(["ClassRef"]) }
        object = try resolved(object, "ClassRef", .trackingClass, active: active)
        return try placed(object, active: active)
    }

    /// Resolves a location, where the company tracks locations.
    func placed(_ object: JSON, active: Bool) throws(QBOError) -> JSON {
        guard prefers("AccountingInfoPrefs", "TrackDepartments") else { return object.without(["DepartmentRef"]) }
        return try resolved(object, "DepartmentRef", .department, active: active)
    }

    /// Resolves a line's class, where the company tracks classes by line.
    func classed(_ detail: JSON, active: Bool) throws(QBOError) -> JSON {
        guard prefers("AccountingInfoPrefs", "ClassTrackingPerTxnLine") else { return detail.without(["ClassRef"]) }
        return try resolved(detail, "ClassRef", .trackingClass, active: active)
    }

    /// The object with the name beside the reference of that member, if it has one.
    func resolved(_ object: JSON, _ member: String, _ kind: QBOKind, active: Bool) throws(QBOError) -> JSON {
        guard let id = object.reference(member) else { return object }
        let found = try usable(kind, id, member, active: active)
        return object.setting(member, ["value": .string(id), "name": .optional(found.text("DisplayName") ?? found.text("Name"))])
    }

    func prefers(_ group: String, _ name: String) -> Bool { preferences[group]?.flag(name) == true }
}
