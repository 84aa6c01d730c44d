public import Books
public import Kernel
public import Wire

/// Canonical documents as JSON and back: how the store keeps their bodies and the API shows them.
public enum DocumentCodec {
    public static func encode(_ body: SourceDocument.Body) -> JSON {
        switch body {
        case .sale(let sale): write(sale)
        case .payment(let payment): write(payment)
        case .refund(let refund): write(refund)
        case .edit(let edit): write(edit)
        case .cancellation(let cancellation): write(cancellation)
        case .goodsReturn(let goods): write(goods)
        case .tipPayout(let payout): write(payout)
        case .payout(let payout): write(payout)
        case .dispute(let dispute): write(dispute)
        case .deposit(let deposit): write(deposit)
        case .bankLine(let line): write(line)
        case .giftCardExpiry(let expiry): write(expiry)
        case .fulfilment(let goods): write(goods)
        case .stock(let stock): write(stock)
        case .registerClosure(let closure): write(closure)
        case .stockLevel(let level): write(level)
        case .bill(let bill): write(bill)
        }
    }

    /// The word a body is stored under: a document kind or a note's.
    public static func kind(of document: SourceDocument) -> (kind: String, isNote: Bool) {
        if let kind = document.kind { return (kind.rawValue, false) }
        switch document.body {
        case .edit: return ("edit", true)
        case .cancellation: return ("cancellation", true)
        case .fulfilment: return ("fulfilment", true)
        default: return ("goods_return", true)
        }
    }

    /// - Throws: `stored_json_unreadable`.
    public static func decode(kind: String, id: String, caseID: String, version: Int64, at: Timestamp, body: [UInt8]) throws(Fault) -> SourceDocument {
        let f = Fields(try JSON(parsing: body), kind)
        let read: SourceDocument.Body
        switch kind {
        case "sale", "invoice": read = .sale(try sale(f))
        case "payment": read = .payment(try payment(f))
        case "refund": read = .refund(try refund(f))
        case "edit": read = .edit(try edit(f))
        case "cancellation": read = .cancellation(Cancellation(kind: try f.choice("kind"), reason: try f.optionalText("reason")))
        case "goods_return": read = .goodsReturn(try goodsReturn(f))
        case "fulfilment": read = .fulfilment(try fulfilment(f))
        case "payout": read = .payout(try payout(f))
        case "dispute": read = .dispute(try dispute(f))
        case "deposit": read = .deposit(try deposit(f))
        case "bank_line": read = .bankLine(try bankLine(f))
        case "stock_adjustment": read = .stock(try stock(f))
        case "journal": read = try journal(f)
        case "register_closure": read = .registerClosure(try closure(f))
        case "bill": read = .bill(try bill(f))
        case "purchase_order": read = .stockLevel(try level(f))
        default: throw f.missing("kind")
        }
        return SourceDocument(id: id, caseID: caseID, version: version, at: at, body: read)
    }

    // MARK: Parts

    private static func write(_ tax: TaxPart) -> JSON {
        var m = Members()
        m.put("jurisdiction", tax.jurisdiction)
        m.put("rate", tax.rate)
        m.put("amount", tax.amount)
        m.put("channel_liable", flag: tax.channelLiable)
        m.put("override", flag: tax.overridden)
        return m.json
    }

    private static func tax(_ f: Fields) throws(Fault) -> TaxPart {
        TaxPart(
            jurisdiction: try f.optionalText("jurisdiction"), rate: try f.optionalDecimal("rate"), amount: try f.money("amount"),
            channelLiable: try f.flag("channel_liable"), overridden: try f.flag("override"))
    }

    private static func write(_ line: SaleLine) -> JSON {
        var m = Members()
        m.put("id", line.id)
        m.put("sku", line.sku)
        m.put("title", line.title)
        m.put("group", line.group)
        m.put("quantity", line.quantity)
        m.put("gross", line.gross)
        m.put("discount", line.discount)
        m.put("net", line.net)
        m.put("taxes", optional: line.taxes, write)
        m.put("gift_card", flag: line.giftCard)
        m.put("gift_card_ref", line.giftCardRef)
        m.put("location", line.location)
        m.put("tax_code", line.taxCode)
        return m.json
    }

    private static func write(_ bill: Bill) -> JSON {
        var m = Members()
        m.put("number", bill.number)
        m.put("supplier", bill.supplier)
        m.put("currency", bill.currency.code)
        m.put("rate", bill.rate)
        m.put("lines", list: bill.lines, write)
        m.put("total", bill.total)
        m.put("due", bill.due)
        m.put("void", flag: bill.isVoid)
        return m.json
    }

    private static func bill(_ f: Fields) throws(Fault) -> Bill {
        Bill(
            number: try f.text("number"), supplier: try f.text("supplier"), currency: try f.currency("currency"), rate: try f.optionalDecimal("rate"),
            lines: try f.list("lines", saleLine), total: try f.money("total"), due: try f.optionalTimestamp("due"), isVoid: try f.flag("void"))
    }

    private static func saleLine(_ f: Fields) throws(Fault) -> SaleLine {
        SaleLine(
            id: try f.text("id"), sku: try f.text("sku"), title: try f.text("title"), group: try f.optionalText("group"), quantity: try f.decimal("quantity"),
            gross: try f.money("gross"), discount: try f.optionalMoney("discount"), net: try f.optionalMoney("net"), taxes: try f.optionalList("taxes", tax),
            giftCard: try f.flag("gift_card"), giftCardRef: try f.optionalText("gift_card_ref"), location: try f.optionalText("location"),
            taxCode: try f.optionalText("tax_code"))
    }

    static func write(_ line: ShippingLine) -> JSON {
        var m = Members()
        m.put("id", line.id)
        m.put("title", line.title)
        m.put("amount", line.amount)
        m.put("discount", line.discount)
        m.put("net", line.net)
        m.put("taxes", list: line.taxes, write)
        m.put("tax_code", line.taxCode)
        return m.json
    }

    static func shipping(_ f: Fields) throws(Fault) -> ShippingLine {
        ShippingLine(
            id: try f.text("id"), title: try f.text("title"), amount: try f.money("amount"), discount: try f.money("discount"), net: try f.money("net"),
            taxes: try f.list("taxes", tax), taxCode: try f.optionalText("tax_code"))
    }

    static func write(_ movement: MoneyMovement) -> JSON {
        var m = Members()
        m.put("id", movement.id)
        m.put("gateway", movement.gateway)
        m.put("amount", movement.amount)
        m.put("status", movement.status.rawValue)
        m.put("at", movement.at)
        m.put("named", flag: movement.isNamed)
        return m.json
    }

    static func movement(_ f: Fields) throws(Fault) -> MoneyMovement {
        MoneyMovement(
            id: try f.text("id"), gateway: try f.text("gateway"), amount: try f.money("amount"), status: try f.choice("status"), at: try f.optionalTimestamp("at"),
            isNamed: try f.flag("named"))
    }

    private static func write(_ fee: ReturnFee) -> JSON {
        var m = Members()
        m.put("id", fee.id)
        m.put("kind", fee.kind.rawValue)
        m.put("amount", fee.amount)
        m.put("tax", fee.tax)
        return m.json
    }

    private static func fee(_ f: Fields) throws(Fault) -> ReturnFee {
        ReturnFee(id: try f.text("id"), kind: try f.choice("kind"), amount: try f.money("amount"), tax: try f.optionalMoney("tax"))
    }

    // MARK: Bodies

    private static func write(_ sale: Sale) -> JSON {
        var m = Members()
        m.put("number", sale.number)
        m.put("source", sale.source)
        m.put("customer", sale.customer)
        m.put("currency", sale.currency.code)
        m.put("rate", sale.rate)
        m.put("tax_included", flag: sale.taxIncluded)
        m.put("tax_exempt", flag: sale.taxExempt)
        m.put("lines", list: sale.lines, write)
        m.put("shipping", list: sale.shipping, write)
        m.put("discounts", list: sale.discounts) { .object([("id", .string($0.id)), ("code", .string($0.code)), ("amount", .string($0.amount.description))]) }
        m.put("order_taxes", list: sale.orderTaxes) { .object([("id", .string($0.id)), ("part", write($0.part))]) }
        m.put("tip", sale.tip)
        m.put("total", sale.total)
        m.put("is_invoice", flag: sale.isInvoice)
        m.put("po_number", sale.poNumber)
        m.put("bills", sale.bills)
        m.put("draft", flag: sale.isDraft)
        m.put("exchange_of", sale.exchangeOf)
        m.put("till_day", flag: sale.isTillDay)
        m.put("deposits", list: sale.deposits, write)
        m.put("duties", list: sale.duties, write)
        if let relief = sale.relief { m.put("relief", write(relief)) }
        return m.json
    }

    private static func sale(_ f: Fields) throws(Fault) -> Sale {
        var sale = Sale(
            number: try f.text("number"), source: try f.text("source"), customer: try f.text("customer"), currency: try f.currency("currency"),
            rate: try f.optionalDecimal("rate"), taxIncluded: try f.flag("tax_included"), taxExempt: try f.flag("tax_exempt"), lines: try f.list("lines", saleLine),
            shipping: try f.list("shipping", shipping),
            discounts: try f.list("discounts") { d throws(Fault) in OrderDiscount(id: try d.text("id"), code: try d.text("code"), amount: try d.money("amount")) },
            orderTaxes: try f.list("order_taxes") { t throws(Fault) in
                guard let part = t.json["part"] else { throw t.missing("part") }
                return OrderTax(id: try t.text("id"), part: try tax(Fields(part, t.path + ".part")))
            },
            tip: try f.optionalMoney("tip"), total: try f.money("total"), isInvoice: try f.flag("is_invoice"), poNumber: try f.optionalText("po_number"),
            isDraft: try f.flag("draft"), exchangeOf: try f.optionalText("exchange_of"), deposits: try f.list("deposits", applied),
            duties: try f.list("duties", duty), relief: try f.member("relief", relief), bills: try f.optionalText("bills"))
        sale.isTillDay = try f.flag("till_day")
        return sale
    }

    private static func write(_ payment: Payment) -> JSON {
        var m = Members()
        m.put("gateway", payment.gateway)
        m.put("amount", payment.amount)
        m.put("status", payment.status.rawValue)
        m.put("card", payment.card)
        m.put("of", payment.of)
        m.put("reference", payment.reference)
        m.put("cash_rounding", payment.cashRounding)
        m.put("merchant", payment.merchant)
        return m.json
    }

    private static func payment(_ f: Fields) throws(Fault) -> Payment {
        Payment(
            gateway: try f.text("gateway"), amount: try f.money("amount"), status: try f.choice("status"), card: try f.optionalText("card"),
            of: try f.optionalText("of"), cashRounding: try f.optionalMoney("cash_rounding"), reference: try f.optionalText("reference"),
            merchant: try f.optionalText("merchant"))
    }

    private static func write(_ refund: Refund) -> JSON {
        var m = Members()
        m.put("currency", refund.currency.code)
        m.put("tax_included", flag: refund.taxIncluded)
        m.put("lines", list: refund.lines) { line in
            var l = Members()
            l.put("line", line.line)
            l.put("quantity", line.quantity)
            l.put("net", line.net)
            l.put("taxes", optional: line.taxes, write)
            l.put("reason_code", line.reasonCode)
            if let restocked = line.restocked { l.put("restocked", JSON.bool(restocked)) }
            return l.json
        }
        m.put("shipping", list: refund.shipping, write)
        m.put("adjustments", list: refund.adjustments) { a in
            var l = Members()
            l.put("id", a.id)
            l.put("kind", a.kind.rawValue)
            l.put("amount", a.amount)
            l.put("taxes", list: a.taxes, write)
            return l.json
        }
        m.put("fees", list: refund.fees, write)
        m.put("total", refund.total)
        m.put("transactions", list: refund.transactions, write)
        m.put("merchant", refund.merchant)
        m.put("tip", refund.tip)
        return m.json
    }

    private static func refund(_ f: Fields) throws(Fault) -> Refund {
        Refund(
            currency: try f.currency("currency"), taxIncluded: try f.flag("tax_included"),
            lines: try f.list("lines") { l throws(Fault) in
                RefundLine(
                    line: try l.text("line"), quantity: try l.decimal("quantity"), net: try l.money("net"), taxes: try l.optionalList("taxes", tax),
                    reasonCode: try l.optionalText("reason_code"), restocked: try l.optionalFlag("restocked"))
            },
            shipping: try f.list("shipping", shipping),
            adjustments: try f.list("adjustments") { a throws(Fault) in
                RefundAdjustment(id: try a.text("id"), kind: try a.choice("kind"), amount: try a.money("amount"), taxes: try a.list("taxes", tax))
            },
            fees: try f.list("fees", fee), total: try f.money("total"), transactions: try f.list("transactions", movement),
            merchant: try f.optionalText("merchant"), tip: try f.optionalMoney("tip"))
    }

    private static func write(_ edit: SaleEdit) -> JSON {
        var m = Members()
        m.put("added", list: edit.added, write)
        m.put("removed", list: edit.removed) { r in
            var l = Members()
            l.put("line", r.line)
            l.put("quantity", r.quantity)
            l.put("net", r.net)
            l.put("taxes", optional: r.taxes, write)
            return l.json
        }
        m.put("order_total", edit.orderTotal)
        m.put("transactions", list: edit.transactions, write)
        return m.json
    }

    private static func edit(_ f: Fields) throws(Fault) -> SaleEdit {
        SaleEdit(
            added: try f.list("added", saleLine),
            removed: try f.list("removed") { r throws(Fault) in
                RemovedUnits(line: try r.text("line"), quantity: try r.decimal("quantity"), net: try r.optionalMoney("net"), taxes: try r.optionalList("taxes", tax))
            },
            orderTotal: try f.optionalMoney("order_total"), transactions: try f.list("transactions", movement))
    }

    private static func write(_ cancellation: Cancellation) -> JSON {
        var m = Members()
        m.put("kind", cancellation.kind.rawValue)
        m.put("reason", cancellation.reason)
        return m.json
    }

    private static func write(_ payout: TipPayout) -> JSON {
        var m = Members()
        m.put("gateway", payout.gateway)
        m.put("amount", payout.amount)
        return m.json
    }

    private static func write(_ goods: GoodsReturn) -> JSON {
        var m = Members()
        m.put("state", goods.state)
        m.put("refund_ref", goods.refundRef)
        m.put("lines", list: goods.lines) { line in
            var l = Members()
            l.put("line", line.line)
            l.put("quantity", line.quantity)
            l.put("reason_code", line.reasonCode)
            l.put("net", line.net)
            l.put("tax", line.tax)
            l.put("disposition", line.disposition)
            l.put("id", line.id)
            l.put("taxes", optional: line.taxes, write)
            return l.json
        }
        m.put("fees", list: goods.fees, write)
        if let how = goods.settlement { m.put("settlement", write(how)) }
        return m.json
    }

    private static func goodsReturn(_ f: Fields) throws(Fault) -> GoodsReturn {
        GoodsReturn(
            state: try f.text("state"), refundRef: try f.optionalText("refund_ref"),
            lines: try f.list("lines") { l throws(Fault) in
                ReturnedLine(
                    line: try l.text("line"), quantity: try l.decimal("quantity"), reasonCode: try l.optionalText("reason_code"), net: try l.optionalMoney("net"),
                    tax: try l.optionalMoney("tax"), disposition: try l.optionalText("disposition"), id: try l.optionalText("id"),
                    taxes: try l.optionalList("taxes", tax))
            },
            fees: try f.list("fees", fee), settlement: try f.member("settlement", settlement))
    }
}
