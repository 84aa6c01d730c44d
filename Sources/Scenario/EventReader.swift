internal import Books
internal import Kernel
internal import Wire

/// Reads one scenario event into what the engine takes, collecting what it cannot read.
struct EventReader {
    let json: JSON
    let id: String
    let at: Timestamp
    var problems: Problems
    private var currency: Currency?

    init(json: JSON, id: String, at: Timestamp, problems: Problems) {
        self.json = json
        self.id = id
        self.at = at
        self.problems = problems
        currency = json["currency"]?.string.flatMap { Currency($0) }
    }

    mutating func effect(_ type: String) -> Event.Effect? {
        switch type {
        case "order", "invoice": return sale(isInvoice: type == "invoice")
        case "payment": return payment()
        case "refund", "credit_note": return refund()
        case "return": return goodsReturn()
        case "edit": return edit()
        case "cancel": return note(.cancelled, of: text("order"))
        case "void": return note(.voided, of: text("of"))
        case "delete": return note(.deleted, of: text("of"))
        case "tip_payout":
            return document(
                case: id, .tipPayout(TipPayout(gateway: text("gateway"), amount: money(json["amount"], "amount"))))
        case "opening":
            return .opening(
                role: Role(text("role")), ref: json["ref"]?.string ?? id, amount: money(json["amount"], "amount"))
        case "payout": return payout()
        case "dispute": return dispute()
        case "deposit": return deposit()
        case "bank_feed": return bankLine()
        case "gift_card_expiry": return expiry()
        case "fulfilment": return fulfilment()
        case "stock": return stock()
        case "landed_cost": return landedCost()
        case "redelivery": return redelivery()
        case "ledger_change": return ledgerChange()
        case "rule_added": return rule()
        default:
            problems.unsupported(type)
            return nil
        }
    }

    // MARK: Parts

    mutating func text(_ key: String, in json: JSON? = nil) -> String {
        if let text = (json ?? self.json)[key]?.string { return text }
        problems.malformed("\(id): \(key) is missing")
        return ""
    }

    mutating func money(_ json: JSON?, _ key: String) -> Money {
        guard let currency else {
            problems.malformed("\(id): it has no currency")
            return .zero(.usd)
        }
        if let text = json?.string, let money = Money(text, currency) { return money }
        problems.malformed("\(id): \(key) is not an amount of \(currency)")
        return .zero(currency)
    }

    mutating func optionalMoney(_ json: JSON?, _ key: String) -> Money? {
        guard let json, !json.isNull else { return nil }
        return money(json, key)
    }

    mutating func decimal(_ json: JSON?, _ key: String) -> ExactDecimal {
        if let found = json?.decimal { return found }
        problems.malformed("\(id): \(key) is not a number")
        return .zero
    }

    func document(case caseID: String, id: String? = nil, version: Int64? = nil, _ body: SourceDocument.Body)
        -> Event.Effect
    {
        let number = version ?? json["version"]?.string.flatMap { Int64($0) } ?? 1
        return .document(SourceDocument(id: id ?? self.id, caseID: caseID, version: number, at: at, body: body))
    }

    private mutating func note(_ kind: Cancellation.Kind, of order: String) -> Event.Effect {
        document(case: order, .cancellation(Cancellation(kind: kind, reason: json["reason"]?.string)))
    }

    private mutating func taxes(_ json: JSON?) -> [TaxPart] {
        (json?.array ?? []).map { tax in
            problems.keys(tax, of: "tax", known: ["jurisdiction", "rate", "amount", "channel_liable", "override"])
            return TaxPart(
                jurisdiction: tax["jurisdiction"]?.string, rate: tax["rate"]?.decimal,
                amount: money(tax["amount"], "tax"),
                channelLiable: tax["channel_liable"]?.bool ?? false, overridden: tax["override"]?.bool ?? false)
        }
    }

    private mutating func optionalTaxes(_ json: JSON?) -> [TaxPart]? { json?.array == nil ? nil : taxes(json) }

    private mutating func saleLine(_ line: JSON) -> SaleLine {
        problems.keys(
            line, of: "line",
            known: [
                "id", "sku", "title", "group", "qty", "unit_price", "gross", "discount", "net", "taxes", "gift_card",
                "tax_code", "preorder", "location",
            ])
        return SaleLine(
            id: text("id", in: line), sku: line["sku"]?.string ?? "", title: line["title"]?.string ?? "",
            group: line["group"]?.string,
            quantity: decimal(line["qty"], "qty"), gross: money(line["gross"], "gross"),
            discount: optionalMoney(line["discount"], "discount"),
            net: optionalMoney(line["net"], "net"), taxes: optionalTaxes(line["taxes"]),
            giftCard: line["gift_card"]?.string != nil,
            giftCardRef: line["gift_card"]?.string, location: line["location"]?.string, taxCode: line["tax_code"]?.string)
    }

    private mutating func shippingLine(_ line: JSON) -> ShippingLine {
        problems.keys(line, of: "shipping", known: ["id", "title", "amount", "discount", "net", "taxes", "tax_code"])
        let net = money(line["net"], "net")
        return ShippingLine(
            id: line["id"]?.string ?? "shipping", title: line["title"]?.string ?? "Shipping",
            amount: optionalMoney(line["amount"], "amount") ?? net,
            discount: optionalMoney(line["discount"], "discount") ?? .zero(net.currency), net: net,
            taxes: taxes(line["taxes"]), taxCode: line["tax_code"]?.string)
    }

    private mutating func movements(_ json: JSON?) -> [MoneyMovement] {
        (json?.array ?? []).map { row in
            problems.keys(row, of: "transaction", known: ["id", "gateway", "amount", "currency", "status", "at"])
            return MoneyMovement(
                id: text("id", in: row), gateway: text("gateway", in: row), amount: money(row["amount"], "amount"),
                status: status(row["status"]),
                at: row["at"]?.string.flatMap { Timestamp(rfc3339: $0) })
        }
    }

    private mutating func status(_ json: JSON?) -> Payment.Status {
        if let found = json?.string.flatMap({ Payment.Status(rawValue: $0) }) { return found }
        problems.malformed("\(id): status is not one of a payment")
        return .failure
    }

    // MARK: Documents

    private mutating func sale(isInvoice: Bool) -> Event.Effect? {
        let status = json["status"]?.string ?? "sent"
        if !["sent", "draft"].contains(status) { problems.unsupported("invoice.status \(status)") }
        let total = money(json["total"], "total")
        let exempt = json["tax_exempt"]?.bool ?? false
        var discounts: [OrderDiscount] = []
        for discount in json["discounts"]?.array ?? [] {
            problems.keys(discount, of: "discount", known: ["id", "code", "amount", "scope", "allocated_by_source"])
            // Allocated ones already stand on the lines.
            guard discount["allocated_by_source"]?.bool == false else { continue }
            discounts.append(
                OrderDiscount(
                    id: text("id", in: discount), code: discount["code"]?.string ?? "",
                    amount: money(discount["amount"], "discount")))
        }
        var orderTaxes: [OrderTax] = []
        for tax in json["order_taxes"]?.array ?? [] {
            problems.keys(tax, of: "order_tax", known: ["id", "jurisdiction", "rate", "base", "amount"])
            orderTaxes.append(
                OrderTax(
                    id: text("id", in: tax),
                    part: TaxPart(
                        jurisdiction: tax["jurisdiction"]?.string, rate: tax["rate"]?.decimal,
                        amount: money(tax["amount"], "tax"))))
        }
        let sale = Sale(
            number: id, source: json["source"]?.string ?? "shop", customer: json["customer"]?.string ?? "house",
            currency: total.currency,
            rate: json["rate"]?["value"]?.decimal, taxIncluded: json["tax_included"]?.bool ?? false, taxExempt: exempt,
            lines: (json["lines"]?.array ?? []).map { saleLine($0) },
            shipping: (json["shipping"]?.array ?? []).map { shippingLine($0) }, discounts: discounts,
            orderTaxes: orderTaxes,
            tip: optionalMoney(json["tip"], "tip"), total: total, isInvoice: isInvoice, isDraft: status == "draft",
            exchangeOf: json["exchange_of"]?.string, deposits: applied(), duties: duties(), relief: relief())
        return document(case: id, .sale(sale))
    }

    private mutating func payment() -> Event.Effect? {
        document(
            case: text("order"),
            .payment(
                Payment(
                    gateway: text("gateway"), amount: money(json["amount"], "amount"), status: status(json["status"]),
                    card: json["card"]?.string, of: json["of"]?.string,
                    cashRounding: optionalMoney(json["cash_rounding"], "cash_rounding"), reference: json["reference"]?.string,
                    merchant: json["merchant"]?.string)))
    }

    private mutating func refund() -> Event.Effect? {
        let total = money(json["total"], "total")
        let lines: [RefundLine] = (json["lines"]?.array ?? []).map { line in
            problems.keys(line, of: "refund line", known: ["line", "qty", "net", "taxes", "restock", "reason_code"])
            return RefundLine(
                line: text("line", in: line), quantity: decimal(line["qty"], "qty"), net: money(line["net"], "net"),
                taxes: optionalTaxes(line["taxes"]), reasonCode: line["reason_code"]?.string,
                restocked: line["restock"]?.string.map { $0 == "return" })
        }
        var adjustments: [RefundAdjustment] = []
        for entry in json["adjustments"]?.array ?? [] {
            problems.keys(entry, of: "adjustment", known: ["id", "kind", "amount", "jurisdiction", "taxes"])
            guard let kind = entry["kind"]?.string.flatMap({ RefundAdjustment.Kind(rawValue: $0) }) else {
                problems.unsupported("adjustment \(entry["kind"]?.string ?? "?")")
                continue
            }
            let amount = money(entry["amount"], "amount")
            var parts = taxes(entry["taxes"])
            if kind == .taxRefund, parts.isEmpty, let jurisdiction = entry["jurisdiction"]?.string {
                parts = [TaxPart(jurisdiction: jurisdiction, rate: nil, amount: amount)]
            }
            adjustments.append(RefundAdjustment(id: text("id", in: entry), kind: kind, amount: amount, taxes: parts))
        }
        // One charge is written as an object, several as a list.
        let shipping = json["shipping"]?.array ?? (json["shipping"]?.object == nil ? [] : [json["shipping"] ?? .null])
        return document(
            case: text("order"),
            .refund(
                Refund(
                    currency: total.currency, taxIncluded: json["tax_included"]?.bool ?? false, lines: lines,
                    shipping: shipping.map { shippingLine($0) },
                    adjustments: adjustments, fees: fees(), total: total, transactions: movements(json["transactions"]),
                    merchant: json["merchant"]?.string)))
    }

    private mutating func fees() -> [ReturnFee] {
        (json["fees"]?.array ?? []).compactMap { fee in
            problems.keys(fee, of: "fee", known: ["id", "type", "amount", "tax"])
            guard let kind = fee["type"]?.string.flatMap({ ReturnFee.Kind(rawValue: $0) }) else {
                problems.unsupported("fee \(fee["type"]?.string ?? "?")")
                return nil
            }
            return ReturnFee(
                id: text("id", in: fee), kind: kind, amount: money(fee["amount"], "fee"),
                tax: optionalMoney(fee["tax"], "fee tax"))
        }
    }

    private mutating func goodsReturn() -> Event.Effect? {
        if let settlement = json["settlement"] {
            problems.keys(
                settlement, of: "return.settlement",
                known: ["refund", "exchange_order", "exchanged", "shopper_pays", "store_credit", "store_credit_ref"])
        }
        let lines: [ReturnedLine] = (json["lines"]?.array ?? json["units"]?.array ?? []).map { line in
            problems.keys(
                line, of: "return line",
                known: ["id", "line", "qty", "reason_code", "condition", "disposition", "net", "tax", "taxes", "resolution"])
            return ReturnedLine(
                line: text("line", in: line), quantity: decimal(line["qty"], "qty"),
                reasonCode: line["reason_code"]?.string,
                net: optionalMoney(line["net"], "net"), tax: optionalMoney(line["tax"], "tax"),
                disposition: line["disposition"]?.string, id: line["id"]?.string, taxes: optionalTaxes(line["taxes"]))
        }
        return document(
            case: text("order"), id: json["of"]?.string ?? id,
            .goodsReturn(
                GoodsReturn(
                    state: text("state"), refundRef: json["refund_ref"]?.string, lines: lines, fees: fees(), settlement: settlement())))
    }

    private mutating func edit() -> Event.Effect? {
        let removed: [RemovedUnits] = (json["removed"]?.array ?? []).map { line in
            problems.keys(line, of: "removed line", known: ["line", "qty", "net", "taxes"])
            return RemovedUnits(
                line: text("line", in: line), quantity: decimal(line["qty"], "qty"),
                net: optionalMoney(line["net"], "net"),
                taxes: optionalTaxes(line["taxes"]))
        }
        return document(
            case: text("order"),
            .edit(
                SaleEdit(
                    added: (json["added"]?.array ?? []).map { saleLine($0) }, removed: removed,
                    orderTotal: optionalMoney(json["order_total"], "order_total"),
                    transactions: movements(json["transactions"]))))
    }

    // MARK: Not documents

    private mutating func redelivery() -> Event.Effect? {
        let stale = json["stale"]?.bool ?? false
        if !stale, json["identical"]?.bool != true {
            problems.unsupported("a redelivery that is neither identical nor stale")
        }
        return .redelivery(of: text("of"), version: json["version"]?.string.flatMap { Int64($0) }, stale: stale)
    }

    private mutating func ledgerChange() -> Event.Effect? {
        switch text("kind") {
        case "lock_date":
            if let date = json["lock_date"]?.string.flatMap({ LocalDate($0) }) { return .lockDate(date) }
            problems.malformed("\(id): lock_date is not a day")
        case "account_inactive": return .accountInactive(Role(text("role")))
        case "mapping_changed": return .mappingChanged(Role(text("role")))
        case "payment": return ledgerPayment()
        case "edit": return ledgerEdit()
        case let kind: problems.unsupported("ledger_change \(kind)")
        }
        return nil
    }

    private mutating func rule() -> Event.Effect? {
        guard let match = json["match"]?.object, match.count == 1, let code = json["match"]?["reason_code"]?.string
        else {
            problems.unsupported("rule_added.match")
            return nil
        }
        let set = json["set"] ?? .null
        problems.keys(set, of: "rule_added.set", known: ["role", "dimension"])
        var dimension: [String: String] = [:]
        for (key, value) in set["dimension"]?.object ?? [] { dimension[key] = value.string ?? "" }
        return .rule(code: code, role: set["role"]?.string.map { Role($0) }, dimension: dimension)
    }
}
