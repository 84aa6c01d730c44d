internal import Kernel
internal import Wire

/// What a line is checked against.
struct XeroLineRules {
    /// `ACCREC`, `ACCRECCREDIT`, `RECEIVE`, `JOURNAL` …
    var documentType: String
    /// Submitted or approved: everything must be there. A draft may be thin.
    var complete: Bool
    var amountTypes: String
    var unitDigits: Int
    /// An order may leave open where it will be coded to.
    var needsAccount = true
}

/// Lines of documents: read, checked, computed.
extension XeroState {
    static let linesMost = 1000
    static let descriptionCharacters = 4000

    /// Reads the sent lines; lines that carry the id of an old one keep it.
    mutating func lines(
        _ sent: [XeroElement], _ rules: XeroLineRules, old: [XeroLine], _ call: XeroCall, _ problems: inout [String]
    ) throws(XeroProblem) -> [XeroLine] {
        guard sent.count <= Self.linesMost else { throw .badData("More than \(Self.linesMost) line items.") }
        var out: [XeroLine] = []
        for element in sent {
            count(element, "LineItem")
            let id = try element.id("LineItemID")
            if let id, !old.contains(where: { $0.id == id }), !old.isEmpty {
                problems.append("Line item with LineItemID '\(id)' could not be found on this document.")
            }
            var line = XeroLine(id: id ?? call.newID())
            try fill(&line, from: element, rules, &problems)
            out.append(line)
        }
        return out
    }

    private mutating func fill(
        _ line: inout XeroLine, from element: XeroElement, _ rules: XeroLineRules, _ problems: inout [String]
    ) throws(XeroProblem) {
        line.description = try element.filled("Description")
        line.itemCode = try element.filled("ItemCode")
        line.tracking = try tracking(element, &problems)
        let amountSent = element.has("Quantity") || element.has("UnitAmount") || element.has("LineAmount")
        let accountSent = element.has("AccountCode") || element.has("AccountID")
        let item = line.itemCode.flatMap { items.find("code:" + $0.lowercased()).first }
        if let code = line.itemCode, item == nil { problems.append("Item code '\(code)' is not valid") }
        if line.description == nil { line.description = item?.description }
        if line.description?.count ?? 0 > Self.descriptionCharacters {
            problems.append("Description must not exceed \(Self.descriptionCharacters) characters")
        }
        if rules.complete, line.description == nil { problems.append("Description is required") }
        // A line of words only.
        if !amountSent, !accountSent, item == nil, line.description != nil { return }
        try amounts(&line, from: element, rules, item, &problems)
        try coding(&line, from: element, rules, item, &problems)
        try tax(&line, from: element, rules, &problems)
    }

    private func amounts(
        _ line: inout XeroLine, from element: XeroElement, _ rules: XeroLineRules, _ item: XeroItem?,
        _ problems: inout [String]
    ) throws(XeroProblem) {
        func number(_ key: String, _ scale: Int) throws(XeroProblem) -> ExactDecimal? {
            guard let sent = try element.decimal(key) else { return nil }
            guard let value = XeroNumber.bounded(sent, scale: scale) else {
                throw .badData("'\(key)' is out of range.")
            }
            return value
        }
        var quantity = try number("Quantity", 4)
        var unit = try number("UnitAmount", rules.unitDigits) ?? item?.salesPrice?.rounded(toScale: rules.unitDigits)
        let given = try number("LineAmount", 2)
        if let given {
            switch (quantity, unit) {
            case (nil, nil): (quantity, unit) = (.one, given)
            case (let q?, nil) where !q.isZero: unit = Self.quotient(given, q, scale: rules.unitDigits)
            case (nil, let u?) where !u.isZero: quantity = Self.quotient(given, u, scale: 4)
            default: break
            }
        } else if rules.complete, quantity == nil || unit == nil {
            problems.append(quantity == nil ? "Quantity is required" : "UnitAmount is required")
        }
        line.quantity = quantity
        line.unitAmount = unit
        line.discountRate = try number("DiscountRate", 2)
        line.discount = try number("DiscountAmount", 2).flatMap { XeroNumber.cents($0) }
        if let rate = line.discountRate, rate.isNegative || rate > ExactDecimal(100) {
            problems.append("DiscountRate must be between 0 and 100")
            return
        }
        if line.discountRate != nil || line.discount != nil, !["ACCREC", XeroPurchaseOrder.type].contains(rules.documentType) {
            problems.append("Discounts are only supported on ACCREC invoices")
            return
        }
        var gross = (quantity ?? .zero) * (unit ?? .zero)
        if let rate = line.discountRate { gross = gross - gross * rate * ExactDecimal(coefficient: 1, scale: 2) }
        if let discount = line.discount { gross = gross - XeroNumber.amount(discount) }
        guard let amount = XeroNumber.cents(gross) else {
            problems.append("The line total is out of range")
            return
        }
        line.amount = amount
        if let given, let cents = XeroNumber.cents(given), cents != amount {
            // With one factor left out, the division's rounding is Xero's own affair.
            if element.has("Quantity"), element.has("UnitAmount") {
                problems.append(
                    "The line total \(XeroNumber.text(cents)) does not match "
                        + "the expected line total \(XeroNumber.text(amount))"
                )
            } else {
                line.amount = cents
            }
        }
    }

    /// `a / b` half away from zero; `b` not zero, both bounded.
    private static func quotient(_ a: ExactDecimal, _ b: ExactDecimal, scale: Int) -> ExactDecimal {
        let numerator = a.coefficient * XeroNumber.power(scale + b.scale)
        let denominator = b.coefficient * XeroNumber.power(a.scale)
        let signed = denominator < 0 ? -numerator : numerator
        return ExactDecimal(coefficient: ExactDecimal.divideHalfUp(signed, Int128(denominator.magnitude)), scale: scale)
    }

    /// The account and its right to be on this document.
    private func coding(
        _ line: inout XeroLine, from element: XeroElement, _ rules: XeroLineRules, _ item: XeroItem?,
        _ problems: inout [String]
    ) throws(XeroProblem) {
        let code = try element.filled("AccountCode") ?? item?.salesAccount
        let id = try element.id("AccountID")
        guard code != nil || id != nil else {
            if rules.complete, rules.needsAccount { problems.append("Account code or ID must be specified") }
            return
        }
        let account = code.flatMap { self.account(code: $0) } ?? id.flatMap { accounts[$0] }
        guard let account, account.takesLines else {
            problems.append("Account code '\(code ?? id ?? "")' is not a valid code for this document.")
            return
        }
        guard account.active else {
            problems.append(
                "Account code '\(account.code)' has been archived, or has been deleted. "
                    + "Each line item must reference a valid account."
            )
            return
        }
        line.account = account.code
    }

    private func tax(
        _ line: inout XeroLine, from element: XeroElement, _ rules: XeroLineRules, _ problems: inout [String]
    ) throws(XeroProblem) {
        let given = try element.decimal("TaxAmount")
        guard rules.amountTypes != "NoTax" else {
            line.taxType = "NONE"
            return
        }
        let account = line.account.flatMap { self.account(code: $0) }
        let type = try element.filled("TaxType") ?? account?.taxType
        guard let type else {
            if rules.complete, rules.needsAccount { problems.append("The TaxType field is mandatory") }
            return
        }
        guard let rate = XeroSeed.taxRate(type) else {
            problems.append("The TaxType code '\(type)' does not exist or cannot be used with this type of document.")
            return
        }
        line.taxType = type
        if let account, !rate.classes.contains(account.accountClass) {
            problems.append("The TaxType code '\(type)' cannot be used with account code '\(account.code)'.")
            return
        }
        line.tax = Self.computedTax(line.amount, rate.percent, rules.amountTypes)
        // A rate of nothing takes no tax, whatever is sent.
        if let given, !rate.percent.isZero {
            guard let cents = XeroNumber.cents(given) else { throw .badData("'TaxAmount' is out of range.") }
            line.tax = cents
        }
    }

    /// Tax of one line, rounded to 2 places on its own.
    /// - Source: central.xero.com, "Rounding in Xero": tax is worked out for each line and rounded, then added up.
    static func computedTax(_ cents: Int64, _ percent: ExactDecimal, _ amountTypes: String) -> Int64 {
        let hundred = 100 * XeroNumber.power(percent.scale)
        let base = amountTypes == "Inclusive" ? hundred + percent.coefficient : hundred
        return Int64(ExactDecimal.divideHalfUp(Int128(cents) * percent.coefficient, base))
    }

    private mutating func tracking(
        _ element: XeroElement, _ problems: inout [String]
    ) throws(XeroProblem) -> [(category: String, option: String)] {
        var out: [(category: String, option: String)] = []
        for sent in try element.children("Tracking") ?? [] {
            count(sent, "LineItemTracking")
            let (categoryID, name) = (try sent.id("TrackingCategoryID"), try sent.filled("Name"))
            let (optionID, option) = (try sent.id("TrackingOptionID"), try sent.filled("Option"))
            let category = trackings.all.first { row in
                row.status == "ACTIVE" && (row.id == categoryID || row.name.lowercased() == name?.lowercased())
            }
            let found = category?.options.first { row in
                row.status == "ACTIVE" && (row.id == optionID || row.name.lowercased() == option?.lowercased())
            }
            if let category, let found {
                out.append((category.id, found.id))
            } else {
                problems.append(
                    "The tracking option '\(option ?? optionID ?? "")' of '\(name ?? categoryID ?? "")' does not exist")
            }
        }
        if out.count > 2 { problems.append("A line item can have at most 2 tracking categories") }
        return out
    }

    // MARK: - Answers

    func json(_ line: XeroLine, unitDigits: Int) -> JSON {
        var out = XeroMembers()
        out.text("LineItemID", line.id)
        out.text("Description", line.description)
        out.text("ItemCode", line.itemCode)
        out.decimal("Quantity", line.quantity, scale: 4)
        out.decimal("UnitAmount", line.unitAmount, scale: unitDigits)
        out.decimal("DiscountRate", line.discountRate, scale: 2)
        out.money("DiscountAmount", line.discount)
        out.money("LineAmount", line.amount)
        out.money("TaxAmount", line.tax)
        out.text("TaxType", line.taxType)
        out.text("AccountCode", line.account)
        out.text("AccountID", line.account.flatMap { account(code: $0)?.id })
        out.set("Tracking", json(line.tracking))
        return out.json
    }

    func json(_ tracking: [(category: String, option: String)]) -> JSON {
        .array(
            tracking.compactMap { pair in
                guard let category = trackings[pair.category],
                    let option = category.options.first(where: { $0.id == pair.option })
                else {
                    return nil
                }
                return .object([
                    ("Name", .string(category.name)), ("Option", .string(option.name)),
                    ("TrackingCategoryID", .string(category.id)), ("TrackingOptionID", .string(option.id)),
                ])
            })
    }
}
