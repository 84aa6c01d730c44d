internal import Kernel
internal import TwinKit
internal import Wire

/// Where a payment's money comes from.
enum SquareSource: Sendable {
    case card(brand: String, last: String, entry: String)
    case wallet(brand: String)
    case bank
    case giftCard(String)
    case cash
    case external
    /// A card that is declined, with code and sentence.
    case declined(String, String)

    /// The payment's `source_type`.
    var type: String {
        switch self {
        case .card, .giftCard, .declined: "CARD"
        case .wallet: "WALLET"
        case .bank: "BANK_ACCOUNT"
        case .cash: "CASH"
        case .external: "EXTERNAL"
        }
    }

    /// The tender's `type`.
    var tender: String {
        switch self {
        case .card, .declined: "CARD"
        case .giftCard: "SQUARE_GIFT_CARD"
        case .wallet: "WALLET"
        case .bank: "BANK_ACCOUNT"
        case .cash: "CASH"
        case .external: "OTHER"
        }
    }

    /// Square takes the money in, and owes it to the merchant.
    var isHeld: Bool {
        switch self {
        case .card, .wallet, .bank: true
        case .giftCard, .cash, .external, .declined: false
        }
    }
}

/// A payment that somebody asks for.
struct SquareAsk: Sendable {
    var source: SquareSource
    /// Without the tip.
    var amount: Int64
    var tip: Int64 = 0
    var applicationFee: Int64 = 0
    var captures = true
    var order: String?
    var location: String?
    var customer: String?
    var reference: String?
    var note: String?
    var email: String?
    var teamMember: String?
    var delay: String?
    var delayAction = "CANCEL"
    var key: String?
    /// What the buyer put on the counter.
    var supplied: Int64 = 0
    var external: JSON?

    init(source: SquareSource, amount: Int64) {
        self.source = source
        self.amount = amount
    }
}

/// Taking money.
extension SquareState {
    /// - Source: developer.squareup.com/docs/devtools/sandbox/payments, "Payment nonces".
    func source(_ id: String, _ m: SquareMoment) throws(SquareProblem) -> SquareSource {
        switch id {
        case "CASH": return .cash
        case "EXTERNAL": return .external
        case "cnon:card-nonce-ok": return .card(brand: "VISA", last: "5858", entry: "KEYED")
        case "cnon:card-nonce-declined": return .declined("GENERIC_DECLINE", "Authorization error: 'GENERIC_DECLINE'")
        case "cnon:card-nonce-rejected-cvv": return .declined("CVV_FAILURE", "Authorization error: 'CVV_FAILURE'")
        case "cnon:card-nonce-rejected-postalcode": return .declined("ADDRESS_VERIFICATION_FAILURE", "Authorization error: 'ADDRESS_VERIFICATION_FAILURE'")
        case "cnon:card-nonce-rejected-expiration": return .declined("INVALID_EXPIRATION", "Authorization error: 'INVALID_EXPIRATION'")
        case "bnon:bank-nonce-ok": return .bank
        case "wnon:cash-app-ok": return .wallet(brand: "CASH_APP")
        default: break
        }
        if id.hasPrefix("gftc:") {
            guard find(.giftCard, id, m) != nil else { throw .notFound("Gift card not found.", "source_id") }
            return .giftCard(id)
        }
        if id.hasPrefix("ccof:") { return .card(brand: "VISA", last: "1111", entry: "ON_FILE") }
        throw .notFound("Card nonce not found", "source_id")
    }

    /// Takes the payment; its id.
    mutating func pay(_ ask: SquareAsk, _ m: SquareMoment) throws(SquareProblem) -> String {
        var ask = ask
        let order = try orderToPay(&ask, m)
        let id = m.id(27)
        if case .declined(let code, let detail) = ask.source {
            insert(.payment, id, paymentShown(id, ask, order: order, status: "FAILED", m), inner: .object([("key", .optional(ask.key))]), m)
            var problem = SquareProblem.declined(code, detail)
            problem.more = [("payment", shown(id))]
            throw problem
        }
        if case .giftCard(let card) = ask.source { try redeem(card, ask.amount + ask.tip, payment: id, m) }
        var status = "APPROVED"
        if case .bank = ask.source { status = "PENDING" }
        let inner: [(key: String, value: JSON)] = [
            ("key", .optional(ask.key)), ("held", .bool(ask.source.isHeld)), ("app_fee", .minor(ask.applicationFee)),
        ]
        insert(.payment, id, paymentShown(id, ask, order: order, status: status, m), inner: .object(inner), m)
        addTender(id, ask, m)
        emitPayment("payment.created", id, m)
        if status == "PENDING" {
            plan("debit", id, at: m.at + .seconds(86_400), m)
        } else if ask.captures {
            capture(id, m)
        } else {
            plan("delay", id, at: rows[id]?.time("delayed_until") ?? m.at, m)
        }
        return id
    }

    /// The order that is paid: the one named, or a new one of a single amount. Cash totals are rounded to the smallest coin here.
    private mutating func orderToPay(_ ask: inout SquareAsk, _ m: SquareMoment) throws(SquareProblem) -> String {
        guard let id = ask.order else {
            let place = ask.location ?? merchant(m).main.id
            ask.location = place
            let line: JSON = .object([
                ("uid", .string(SquareMoment.letters(m.random, 22))), ("quantity", "1"), ("item_type", "CUSTOM_AMOUNT"),
                ("base_price_money", .money(ask.amount, merchant(m).currency)),
            ])
            var o = SquareFields()
            o.text("location_id", place)
            o.set("source", .object([("name", "Counterfoil Hub")]))
            o.set("line_items", .array([line]))
            o.text("customer_id", ask.customer)
            o.text("state", "OPEN")
            return makeOrder(o.json, m).text("id") ?? ""
        }
        let order = try order(id, m).shown
        guard order.text("state") == "OPEN" else { throw .bad("Cannot pay an order in the state \(order.text("state") ?? "").", "order_id") }
        if let location = ask.location, location != order.text("location_id") {
            throw .invalid("LOCATION_MISMATCH", "The location of the payment is not that of the order.", "location_id")
        }
        ask.location = order.text("location_id")
        let due = order.amount("net_amount_due_money")
        var isWhole = ask.amount == due
        if case .cash = ask.source, !isWhole {
            let more = SquareRounding.toCoin(due, merchant(m).coin)
            isWhole = more != 0 && ask.amount == due + more
            if isWhole { change(id, [("rounding_adjustment", Self.rounding(more, merchant(m).currency, m))]) }
        }
        guard isWhole || (!ask.captures && ask.amount < due) else { throw Self.mismatch }
        return id
    }

    static func rounding(_ minor: Int64, _ currency: String, _ m: SquareMoment) -> JSON {
        .object([("uid", .string(SquareMoment.letters(m.random, 22))), ("name", "Cash Rounding"), ("amount_money", .money(minor, currency))])
    }

    // MARK: Steps

    /// The money is taken.
    mutating func capture(_ id: String, _ m: SquareMoment) {
        guard let row = rows[id], ["APPROVED", "PENDING"].contains(row.shown.text("status") ?? "") else { return }
        unplan("delay", id)
        let location = row.shown.text("location_id") ?? "", total = row.shown.amount("total_money")
        if row.inner.flag("held") {
            let about = SquareMovement.about([("payment_id", id)], "charge")
            let entry = book(SquareMovement(type: "CHARGE", kind: .charge, gross: total, location: location, details: about, awaitsFee: true), m)
            changeInner(id, "entry", .string(entry))
            let fee = row.inner.minor("app_fee")
            if fee > 0 {
                let third = SquareMovement.about([("payment_id", id)], "third_party_fee")
                book(SquareMovement(type: "THIRD_PARTY_FEE", kind: .applicationFee, gross: -fee, location: location, details: third), m)
            }
            plan("fee", id, at: m.at + limits.feeDelay, m)
        }
        if row.shown.text("source_type") == "CASH" { drawer("CASH_TENDER_PAYMENT", total, location: location, m) }
        keepPayment(id, [("status", "COMPLETED"), ("card_details", captured(row.shown["card_details"], m))], m)
        keepTender(id, m)
    }

    private func captured(_ card: JSON?, _ m: SquareMoment) -> JSON {
        guard let card else { return .null }
        let timeline = (card["card_payment_timeline"] ?? JSON.object([])).setting("captured_at", .string(m.text))
        return card.setting("status", "CAPTURED").setting("card_payment_timeline", timeline)
    }

    /// Nothing is taken after all.
    mutating func cancel(_ id: String, _ m: SquareMoment) {
        guard let row = rows[id], row.shown.text("status") == "APPROVED" else { return }
        unplan("delay", id)
        if let card = row.inner.text("gift_card") { give(card, row.shown.amount("total_money"), type: "REFUND", m) }
        let card = row.shown["card_details"].map { $0.setting("status", "VOIDED") } ?? JSON.null
        keepPayment(id, [("status", "CANCELED"), ("card_details", card)], m)
        keepTender(id, m)
    }

    mutating func endDelay(_ id: String, _ m: SquareMoment) {
        if rows[id]?.shown.text("delay_action") == "COMPLETE" { capture(id, m) } else { cancel(id, m) }
    }

    mutating func settleDebit(_ id: String, _ m: SquareMoment) { capture(id, m) }

    /// Another amount or tip, also after the money was taken: a tip written on the slip. The payment as it is then.
    @discardableResult
    mutating func amend(_ id: String, amount: Int64, tip: Int64, _ m: SquareMoment) -> JSON {
        guard let row = rows[id] else { return .null }
        let currency = merchant(m).currency
        let more = amount + tip - row.shown.amount("total_money")
        var changes: [(String, JSON)] = [
            ("amount_money", .money(amount, currency)), ("tip_money", .money(tip, currency)), ("total_money", .money(amount + tip, currency)),
            ("approved_money", .money(amount + tip, currency)),
        ]
        if let entry = row.inner.text("entry") {
            bookMore(more, on: entry, kind: .charge, m)
            if !row.shown.list("processing_fee").isEmpty {
                let before = row.shown.list("processing_fee").reduce(0) { $0 + $1.amount("amount_money") }
                let difference = fee(amount + tip, m) - before
                bookFee(difference, on: entry, m)
                let shown: JSON = .object([("effective_at", .string(m.text)), ("type", "ADJUSTMENT"), ("amount_money", .money(difference, currency))])
                changes.append(("processing_fee", .array(row.shown.list("processing_fee") + [shown])))
            }
        }
        keepPayment(id, changes, m)
        keepTender(id, m)
        return shown(id)
    }

    /// Writes a changed payment: time, token, version and event.
    mutating func keepPayment(_ id: String, _ changes: [(String, JSON)], _ m: SquareMoment) {
        guard var row = rows[id] else { return }
        let token = SquareMoment.letters(m.random, 43) + "6o"
        row.shown = row.shown.setting(changes + [("updated_at", .string(m.text)), ("version_token", .string(token))])
        row.inner = row.inner.setting("version", .minor(row.inner.minor("version") + 1))
        rows.put(row)
        emitPayment("payment.updated", id, m)
    }
}
