internal import Books
internal import Kernel
internal import Wire

/// Payouts, deposits, bank lines, stock: documents that come from processors, banks and warehouses.
extension DocumentCodec {
    static func write(_ payout: Payout) -> JSON {
        var m = Members()
        m.put("gateway", payout.gateway)
        m.put("amount", payout.amount)
        m.put("status", payout.status.rawValue)
        m.put("rows", list: payout.rows) { row in
            var r = Members()
            r.put("id", row.id)
            r.put("kind", row.kind.rawValue)
            r.put("ref", row.ref)
            r.put("amount", row.amount)
            r.put("fee", row.fee)
            r.put("net", row.net)
            r.put("at", row.at)
            r.put("original", row.original)
            return r.json
        }
        m.put("rate", payout.rate)
        m.put("reference", payout.reference)
        return m.json
    }

    static func payout(_ f: Fields) throws(Fault) -> Payout {
        Payout(
            gateway: try f.text("gateway"), amount: try f.money("amount"), status: try f.choice("status"),
            rows: try f.list("rows") { r throws(Fault) in
                PayoutRow(
                    id: try r.text("id"), kind: try r.choice("kind"), ref: try r.optionalText("ref"), amount: try r.money("amount"), fee: try r.money("fee"),
                    net: try r.money("net"), at: try r.optionalTimestamp("at"), original: try r.optionalMoney("original"))
            },
            rate: try f.optionalDecimal("rate"), reference: try f.optionalText("reference"))
    }

    static func write(_ dispute: Dispute) -> JSON {
        var m = Members()
        m.put("payment", dispute.payment)
        m.put("amount", dispute.amount)
        m.put("status", dispute.status)
        m.put("reason", dispute.reason)
        return m.json
    }

    static func dispute(_ f: Fields) throws(Fault) -> Dispute {
        Dispute(payment: try f.text("payment"), amount: try f.money("amount"), status: try f.text("status"), reason: try f.optionalText("reason"))
    }

    static func write(_ deposit: Deposit) -> JSON {
        var m = Members()
        m.put("gateway", deposit.gateway)
        m.put("amount", deposit.amount)
        m.put("status", deposit.status.rawValue)
        m.put("customer", deposit.customer)
        m.put("rate", deposit.rate)
        return m.json
    }

    static func deposit(_ f: Fields) throws(Fault) -> Deposit {
        Deposit(
            gateway: try f.text("gateway"), amount: try f.money("amount"), status: try f.choice("status"), customer: try f.text("customer"),
            rate: try f.optionalDecimal("rate"))
    }

    static func write(_ applied: DepositApplied) -> JSON {
        var m = Members()
        m.put("id", applied.id)
        m.put("deposit", applied.deposit)
        m.put("amount", applied.amount)
        return m.json
    }

    static func applied(_ f: Fields) throws(Fault) -> DepositApplied {
        DepositApplied(id: try f.text("id"), deposit: try f.text("deposit"), amount: try f.money("amount"))
    }

    static func write(_ line: BankLine) -> JSON {
        var m = Members()
        m.put("account", line.account)
        m.put("amount", line.amount)
        m.put("reference", line.reference)
        return m.json
    }

    static func bankLine(_ f: Fields) throws(Fault) -> BankLine {
        BankLine(account: try f.text("account"), amount: try f.money("amount"), reference: try f.text("reference"))
    }

    static func write(_ expiry: GiftCardExpiry) -> JSON {
        var m = Members()
        m.put("card", expiry.card)
        m.put("amount", expiry.amount)
        return m.json
    }

    /// Tips paid out, or a card that ran out: told apart by what they have.
    static func journal(_ f: Fields) throws(Fault) -> SourceDocument.Body {
        if let card = try f.optionalText("card") { return .giftCardExpiry(GiftCardExpiry(card: card, amount: try f.money("amount"))) }
        return .tipPayout(TipPayout(gateway: try f.text("gateway"), amount: try f.money("amount")))
    }

    static func write(_ closure: RegisterClosure) -> JSON {
        var m = Members()
        m.put("gateway", closure.gateway)
        m.put("expected", closure.expected)
        m.put("counted", closure.counted)
        m.put("register", closure.register)
        m.put("location", closure.location)
        return m.json
    }

    static func closure(_ f: Fields) throws(Fault) -> RegisterClosure {
        RegisterClosure(
            gateway: try f.text("gateway"), expected: try f.money("expected"), counted: try f.money("counted"),
            register: try f.optionalText("register"), location: try f.optionalText("location"))
    }

    static func write(_ goods: Fulfilment) -> JSON {
        var m = Members()
        m.put("lines", list: goods.lines) { line in
            var l = Members()
            l.put("line", line.line)
            l.put("quantity", line.quantity)
            return l.json
        }
        m.put("all", flag: goods.isAll)
        return m.json
    }

    static func fulfilment(_ f: Fields) throws(Fault) -> Fulfilment {
        Fulfilment(
            lines: try f.list("lines") { l throws(Fault) in Fulfilment.Line(line: try l.text("line"), quantity: try l.decimal("quantity")) },
            isAll: try f.flag("all"))
    }

    static func write(_ level: StockLevel) -> JSON {
        var m = Members()
        m.put("sku", level.sku)
        m.put("title", level.title)
        m.put("location", level.location)
        m.put("on_hand", level.onHand)
        m.put("threshold", level.threshold)
        m.put("quantity", level.quantity)
        m.put("unit_cost", level.unitCost)
        m.put("currency", level.currency?.code)
        m.put("rate", level.rate)
        m.put("supplier", level.supplier)
        m.put("unwatched", flag: !level.isWatched)
        return m.json
    }

    static func level(_ f: Fields) throws(Fault) -> StockLevel {
        StockLevel(
            sku: try f.text("sku"), title: try f.text("title"), location: try f.optionalText("location"), onHand: try f.decimal("on_hand"),
            threshold: try f.decimal("threshold"), quantity: try f.optionalDecimal("quantity"), unitCost: try f.optionalDecimal("unit_cost"),
            currency: try f.optionalText("currency") == nil ? nil : try f.currency("currency"), rate: try f.optionalDecimal("rate"),
            supplier: try f.optionalText("supplier"), isWatched: !(try f.flag("unwatched")))
    }

    static func write(_ stock: StockMovement) -> JSON {
        var m = Members()
        m.put("kind", stock.kind.rawValue)
        m.put("currency", stock.currency.code)
        m.put("lines", list: stock.lines) { line in
            var l = Members()
            l.put("id", line.id)
            l.put("sku", line.sku)
            l.put("quantity", line.quantity)
            l.put("value", line.value)
            return l.json
        }
        m.put("receipt", stock.receipt)
        m.put("amount", stock.amount)
        m.put("reason_code", stock.reasonCode)
        return m.json
    }

    static func stock(_ f: Fields) throws(Fault) -> StockMovement {
        StockMovement(
            kind: try f.choice("kind"), currency: try f.currency("currency"),
            lines: try f.list("lines") { l throws(Fault) in
                StockMovement.Line(id: try l.text("id"), sku: try l.text("sku"), quantity: try l.decimal("quantity"), value: try l.optionalMoney("value"))
            },
            receipt: try f.optionalText("receipt"), amount: try f.optionalMoney("amount"), reasonCode: try f.optionalText("reason_code"))
    }

    static func write(_ duty: Duty) -> JSON {
        var m = Members()
        m.put("id", duty.id)
        m.put("amount", duty.amount)
        m.put("jurisdiction", duty.jurisdiction)
        return m.json
    }

    static func duty(_ f: Fields) throws(Fault) -> Duty {
        Duty(id: try f.text("id"), amount: try f.money("amount"), jurisdiction: try f.optionalText("jurisdiction"))
    }

    static func write(_ relief: TaxRelief) -> JSON {
        var m = Members()
        m.put("kind", relief.kind.rawValue)
        m.put("customer_number", relief.customerNumber)
        m.put("due_from_customer", relief.dueFromCustomer)
        m.put("evidence", relief.evidence)
        return m.json
    }

    static func relief(_ f: Fields) throws(Fault) -> TaxRelief {
        TaxRelief(
            kind: try f.choice("kind"), customerNumber: try f.optionalText("customer_number"), dueFromCustomer: try f.optionalMoney("due_from_customer"),
            evidence: try f.optionalText("evidence"))
    }

    static func write(_ how: ReturnSettlement) -> JSON {
        var m = Members()
        m.put("total", how.total)
        m.put("tax_included", flag: how.taxIncluded)
        m.put("exchange_order", how.exchangeOrder)
        m.put("exchanged", how.exchanged)
        m.put("shopper_pays", how.shopperPays)
        m.put("store_credit", how.storeCredit)
        m.put("store_credit_ref", how.storeCreditRef)
        m.put("gift_card", flag: how.isGiftCard)
        m.put("refunds", list: how.refunds, write)
        m.put("shipping", list: how.shipping, write)
        m.put("exchange_bonus", how.exchangeBonus)
        return m.json
    }

    static func settlement(_ f: Fields) throws(Fault) -> ReturnSettlement {
        ReturnSettlement(
            total: try f.money("total"), taxIncluded: try f.flag("tax_included"), exchangeOrder: try f.optionalText("exchange_order"),
            exchanged: try f.money("exchanged"), shopperPays: try f.money("shopper_pays"), storeCredit: try f.money("store_credit"),
            storeCreditRef: try f.optionalText("store_credit_ref"), isGiftCard: try f.flag("gift_card"), refunds: try f.list("refunds", movement),
            shipping: try f.list("shipping", shipping), exchangeBonus: try f.optionalMoney("exchange_bonus"))
    }
}
