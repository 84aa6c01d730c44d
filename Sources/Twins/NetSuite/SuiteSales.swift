internal import Kernel
internal import Wire

/// Sums of what has lines of items: sales, their returns, and bills.
extension SuiteState {
    /// The percentage of a tax code.
    func percent(ofTax id: Int?) -> ExactDecimal? { record("salesTaxItem", id)?.text("rate").flatMap { SuiteAmount.rate($0)?.value } }

    func computeSale(_ record: inout SuiteRecord) throws(SuiteProblem) {
        let places = places(record)
        let isOverridden = record.flag("taxDetailsOverride")
        var previous: Int64 = 0
        var subtotal: Int64 = 0, tax: Int64 = 0, taxable: Int64 = 0
        var hasCodes = false
        for list in ["item", "expense"] where record.values[list] != nil {
            var lines: [JSON] = []
            for line in record.lines(list) {
                var members = Dictionary((line.object ?? []).map { ($0.key, $0.value) }) { $1 }
                if list == "item", members["item"] == nil { throw .missing(["Item"], "item.item") }
                if list == "expense", members["account"] == nil { throw .missing(["Account"], "expense.account") }
                let sums = try compute(&members, previous, places, isOverridden: isOverridden)
                (previous, subtotal) = (sums.net, subtotal + sums.net)
                tax += sums.tax
                hasCodes = hasCodes || members["taxCode"] != nil
                if members["isTaxable"] != .bool(false) { taxable += sums.net }
                lines.append(Self.object(members))
            }
            record.values[list] = .array(lines)
        }
        guard !record.lines("item").isEmpty || !record.lines("expense").isEmpty else {
            throw .user("Please enter a line item: you must enter at least one line item for this transaction.", "item")
        }
        try header(&record, &tax, subtotal, taxable, hasCodes: hasCodes, isOverridden: isOverridden)
    }

    private func header(
        _ record: inout SuiteRecord, _ tax: inout Int64, _ subtotal: Int64, _ taxable: Int64, hasCodes: Bool, isOverridden: Bool
    ) throws(SuiteProblem) {
        let places = places(record)
        var discount: Int64 = 0
        if let item = self.record("item", record.id("discountItem")) {
            guard let rate = (record.values["discountRate"]?.plain ?? item.text("rate")).flatMap({ SuiteAmount.rate($0) }) else {
                throw .missing(["Discount Rate"], "discountRate")
            }
            discount = rate.isPercent ? try SuiteAmount.percent(subtotal, rate.value) : try SuiteAmount.minor(rate.value, places)
        }
        var shipping: Int64 = 0
        if let cost = record.decimal("shippingCost") { shipping = try SuiteAmount.minor(cost, places) }
        if isOverridden {
            tax = 0
            for line in record.lines("taxDetails") {
                guard let amount = line["taxAmount"]?.decimal else { throw .missing(["Tax Amount"], "taxDetails.taxAmount") }
                tax += try SuiteAmount.minor(amount, places)
            }
        } else {
            if let rate = percent(ofTax: record.id("shippingTaxCode")) {
                record.values["shippingTax1Rate"] = SuiteAmount.number(rate)
                tax += try SuiteAmount.percent(shipping, rate)
            }
            if !hasCodes, let rate = record.decimal("taxRate") ?? percent(ofTax: record.id("taxItem")) {
                record.values["taxRate"] = SuiteAmount.number(rate)
                tax += try SuiteAmount.percent(taxable, rate)
            }
        }
        let total = subtotal + discount + shipping + tax
        guard total >= 0, total < SuiteAmount.most else { throw .user("The total of this transaction may not be negative.", "total") }
        record.values["subtotal"] = SuiteAmount.json(subtotal, places)
        record.values["discountTotal"] = SuiteAmount.json(discount, places)
        record.values["taxTotal"] = SuiteAmount.json(tax, places)
        record.values["total"] = SuiteAmount.json(total, places)
        if record.type == "invoice" || record.type == "vendorBill", record.values["dueDate"] == nil, let date = record.date("tranDate") {
            let days = self.record("term", record.id("terms"))?.values["daysUntilNetDue"]?.int ?? 0
            record.values["dueDate"] = .string(date.adding(days: days).description)
        }
    }

    /// One line's amount and tax. What was sent stands; what was not follows from quantity, rate and tax code.
    private func compute(
        _ line: inout [String: JSON], _ previous: Int64, _ places: Int, isOverridden: Bool
    ) throws(SuiteProblem) -> (net: Int64, tax: Int64) {
        let item = record("item", line["item"]?.string.flatMap { Int($0) })
        let code = line["taxCode"]?.string.flatMap { Int($0) }
        let percent = line["taxRate1"]?.decimal ?? percent(ofTax: code)
        var gross: Int64?
        if let value = line["grossAmt"]?.decimal { gross = try SuiteAmount.minor(value, places) }
        var sentTax: Int64?
        if let value = line["tax1Amt"]?.decimal { sentTax = try SuiteAmount.minor(value, places) }
        let net: Int64
        if let amount = line["amount"]?.decimal {
            net = try SuiteAmount.minor(amount, places)
        } else if let gross, let percent {
            net = gross - (sentTax ?? SuiteAmount.included(gross, percent))
        } else {
            net = try priced(&line, item, previous, places)
        }
        line["amount"] = SuiteAmount.json(net, places)
        guard !isOverridden else { return (net, 0) }
        guard code != nil || sentTax != nil else { return (net, 0) }
        var tax = try SuiteAmount.percent(net, percent ?? .zero)
        if let known = sentTax ?? gross.map({ $0 - net }) { tax = known }
        line["tax1Amt"] = SuiteAmount.json(tax, places)
        line["grossAmt"] = SuiteAmount.json(net + tax, places)
        if let percent { line["taxRate1"] = SuiteAmount.number(percent) }
        return (net, tax)
    }

    /// Quantity × rate, or what a discount takes off the line before it.
    private func priced(_ line: inout [String: JSON], _ item: SuiteRecord?, _ previous: Int64, _ places: Int) throws(SuiteProblem) -> Int64 {
        let isDiscount = item?.type == "discountItem"
        guard let rate = (line["rate"]?.plain ?? item?.values["rate"]?.plain).flatMap({ SuiteAmount.rate($0) }) else {
            throw .user("Please enter a value for amount.", "item.amount", soap: "USER_ERROR")
        }
        if line["rate"] == nil { line["rate"] = .string(rate.isPercent ? "\(rate.value.description)%" : rate.value.shortest.description) }
        if isDiscount { return rate.isPercent ? try SuiteAmount.percent(previous, rate.value) : try SuiteAmount.minor(rate.value, places) }
        if line["quantity"] == nil { line["quantity"] = .number("1.0") }
        return try SuiteAmount.minor(try SuiteAmount.product(line["quantity"]?.decimal ?? .one, rate.value), places)
    }

    // MARK: - Journals

    func balance(_ record: SuiteRecord) throws(SuiteProblem) {
        let lines = record.lines("line")
        guard lines.count >= 2 else { throw .user("You must enter at least two lines for this transaction.", "line", soap: "JE_AMOUNTS_MUST_BALANCE") }
        let places = places(record)
        var sum: Int64 = 0
        for line in lines {
            guard line["account"] != nil else { throw .missing(["Account"], "line.account") }
            guard line["debit"] == nil || line["credit"] == nil else { throw .user("A line has a debit or a credit, not both.", "line") }
            guard let amount = (line["debit"] ?? line["credit"])?.decimal else { throw .user("Please enter a debit or credit amount.", "line") }
            let sign: Int64 = line["debit"] == nil ? -1 : 1
            sum += sign * (try SuiteAmount.minor(amount, places))
            if let tax = line["tax1Amt"]?.decimal { sum += sign * (try SuiteAmount.minor(tax, places)) }
            let kind = self.record("account", line.id("account"))?.text("acctType")
            if kind == "AcctRec" || kind == "AcctPay", line["entity"] == nil {
                throw .user("Please enter a value for Name: a receivable or payable account needs one.", "line.entity")
            }
        }
        guard sum == 0 else {
            throw .user("The amounts in a journal entry must balance.", "line", soap: "JE_AMOUNTS_MUST_BALANCE")
        }
    }

    // MARK: - Deposits

    /// Whether the money of a payment or a cash sale has gone to the bank.
    func isDeposited(_ id: Int, except deposit: Int? = nil) -> Bool {
        all("transaction").contains { $0.type == "deposit" && $0.id != deposit && $0.lines("payment").contains { $0.id("id") == id } }
    }

    func computeDeposit(_ record: inout SuiteRecord, _ old: SuiteRecord?) throws(SuiteProblem) {
        let places = places(record)
        var total: Int64 = 0
        var payments: [JSON] = []
        for line in record.lines("payment") where line["deposit"] != .bool(false) {
            guard let id = line.id("id"), let paid = self.record("transaction", id), paid.flag("undepFunds"), !isDeposited(id, except: old?.id),
                paid.id("currency") == record.id("currency")
            else { throw .reference("payment", line.text("id") ?? "") }
            let amount = paid.minor("total", places) + paid.minor("payment", places)
            total += amount
            payments.append(line.setting("deposit", true).setting("paymentAmount", SuiteAmount.json(amount, places)))
        }
        if record.values["payment"] != nil { record.values["payment"] = .array(payments) }
        for (list, sign) in [("other", Int64(1)), ("cashBack", -1)] {
            for line in record.lines(list) {
                guard let amount = line["amount"]?.decimal, line["account"] != nil else { throw .missing(["Account", "Amount"], list) }
                total += sign * (try SuiteAmount.minor(amount, places))
            }
        }
        guard !payments.isEmpty || !record.lines("other").isEmpty else {
            throw .user("Please choose at least one payment or enter another deposit.", "payment")
        }
        record.values["total"] = SuiteAmount.json(total, places)
    }
}
