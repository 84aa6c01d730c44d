internal import Books
internal import ConnectorKit
internal import Kernel
internal import Wire

/// What of a charge counts, whoever's sale it pays.
struct ChargeFacts {
    enum State: Sendable { case open, taken, lost }

    var id: String
    var field: Field
    var state: State
    /// What was taken: less than was asked for where only a part was captured.
    var amount: Money
    var created: Timestamp
    /// When it entered the balance.
    var at: Timestamp
    /// Units of the books' currency for one of the charge's, where Stripe converted into it.
    var rate: ExactDecimal?

    init(_ charge: Field, _ settings: StripeSettings) throws(Fault) {
        id = try charge["id"].id()
        field = charge.named("charge \(id)")
        let currency = try field["currency"].currency()
        created = try field["created"].instant()
        let status = try field["status"].word(), captured = try field["captured"].flag()
        amount = try (field["amount_captured"].isNull ? field["amount"] : field["amount_captured"]).money(currency)
        let row = field["balance_transaction"]
        switch status {
        case "succeeded": state = captured && amount.minor > 0 ? .taken : .open
        // A debit that bounced after it had been credited.
        case "failed": state = field["failure_balance_transaction"].isNull ? .open : .lost
        case "pending": state = .open
        default: throw field["status"].unreadable("a status of charges")
        }
        if state == .lost, amount.isZero { amount = try field["amount"].money(currency) }
        at = created
        guard row.view.isObject else { return }
        at = try row["created"].optionalInstant() ?? created
        let settled = try row["currency"].currency()
        guard settled != currency, settled.code == settings.base else { return }
        // Of a charge captured in part the balance shows all, and the rest taken back by a row of its own.
        let candidates = [amount, try field["amount"].money(currency)]
        rate = StripeMoney.rate(stated: try row["exchange_rate"].rate(), candidates: candidates, settled: try row["amount"].money(settled))?.rate
    }

    /// - Parameter rank: of who tells it.
    func payment(_ caseID: String, _ settings: StripeSettings, rank: Int64 = 0) -> SourceDocument {
        SourceDocument(
            id: id, caseID: caseID, version: Version.of(created, rank + (state == .lost ? 2 : 1)), at: at,
            body: .payment(Payment(gateway: settings.gateway, amount: amount, status: state == .lost ? .failure : .success)))
    }
}

extension ChargeFacts {
    /// Takes back the sale that the charge was told as before an invoice was there for it to pay. Its payment and refunds move to the invoice's case.
    /// - Source: docs.stripe.com, API reference, Attach a payment to an Invoice: "If the PaymentIntent's status is already succeeded when it's
    ///   attached, it's credited to the invoice immediately."
    func noSale(_ customer: String) -> SourceDocument {
        let currency = amount.currency
        let body = Sale(
            number: id, source: "shop", customer: customer, currency: currency, taxIncluded: false, lines: [], total: .zero(currency), isDraft: true)
        return SourceDocument(id: id, caseID: id, version: Version.of(created, Version.noSale), at: created, body: .sale(body))
    }
}

/// A refund of a charge.
struct RefundFacts {
    enum State: Sendable { case open, given, lost }

    var id: String
    var amount: Money
    var state: State
    var created: Timestamp
    var reason: String?

    /// `nil` for what only lets go of an amount that was never captured.
    init?(_ refund: Field, _ currency: Currency) throws(Fault) {
        id = try refund["id"].id()
        let field = refund.named("refund \(id)")
        guard try field["currency"].currency() == currency else { throw field["currency"].unreadable("\(currency), as its charge") }
        amount = try field["amount"].money(currency)
        created = try field["created"].instant()
        reason = try field["reason"].optionalText()
        let row = field["balance_transaction"]
        switch try field["status"].optionalText() ?? "succeeded" {
        case "failed", "canceled": state = .lost
        // Some banks take days to say that it arrived: the balance has paid it already.
        case "pending", "requires_action": state = row.isNull ? .open : .given
        case "succeeded": state = .given
        default: throw field["status"].unreadable("a status of refunds")
        }
        if row.view.isObject, BalanceKind(row.view) == .captureReversal { return nil }
    }

    /// How its money stands.
    var status: Payment.Status {
        switch state {
        case .open: .pending
        case .given: .success
        case .lost: .failure
        }
    }

    /// How far it has come.
    var rank: Int64 {
        switch state {
        case .open: 0
        case .given: 1
        case .lost: 2
        }
    }

    /// Money back without a word on what for: all lines where it is all of them, goodwill where not.
    func document(_ sale: Sale, _ caseID: String, _ settings: StripeSettings) -> SourceDocument {
        document(of: amount, sale, caseID, settings, version: Version.of(created, rank))
    }

    /// - Parameter rest: what of its amount nothing else tells of; without any the document takes back what was told before.
    func document(of rest: Money, _ sale: Sale, _ caseID: String, _ settings: StripeSettings, version: Int64) -> SourceDocument {
        let given = state == .given ? rest : .zero(rest.currency)
        var body = Refund(currency: rest.currency, taxIncluded: sale.taxIncluded, lines: [], total: given, transactions: [])
        // One under way shows that it is, whoever tells of its money: a sweep that finds its row in the balance looks for it again.
        if !rest.isZero || state == .open { body.transactions = [MoneyMovement(id: id, gateway: settings.gateway, amount: rest, status: status, at: created)] }
        if !given.isZero, given == sale.total {
            body.lines = sale.lines.map { RefundLine(line: $0.id, quantity: $0.quantity, net: $0.net ?? $0.gross, taxes: $0.taxes) }
            body.shipping = sale.shipping
        } else if !given.isZero {
            body.adjustments = [RefundAdjustment(id: "amount", kind: .goodwill, amount: given)]
        }
        return SourceDocument(id: id, caseID: caseID, version: version, at: created, body: .refund(body))
    }
}

/// A charge that pays no invoice: a sale of its own, of the checkout's lines where there was one.
struct ChargeReading {
    private let record: Field
    private let settings: StripeSettings
    private let charge: ChargeFacts

    init(_ record: Field, _ settings: StripeSettings) throws(Fault) {
        self.record = record
        self.settings = settings
        charge = try ChargeFacts(try record["charge"].object(), settings)
    }

    func documents() throws(Fault) -> [SourceDocument] {
        guard charge.state != .open, !settings.isShops(charge.field.view) else { return [] }
        let sale = try record["session"].isNull ? plain() : checkout()
        guard sale.total == charge.amount else {
            throw charge.field["amount"].unbalanced("its checkout comes to \(sale.total), \(charge.amount) was taken")
        }
        var out = [SourceDocument(id: charge.id, caseID: charge.id, version: Version.of(charge.created, Version.sale(sale)), at: charge.created, body: .sale(sale))]
        out.append(charge.payment(charge.id, settings))
        if charge.state == .lost {
            let note = Cancellation(kind: .voided, reason: try charge.field["failure_code"].optionalText() ?? "payment failed")
            out.append(
                SourceDocument(
                    id: "\(charge.id)-failed", caseID: charge.id, version: Version.of(charge.created, 1), at: charge.created, body: .cancellation(note)))
        }
        for field in try record["refunds"].list() {
            guard let refund = try RefundFacts(field, charge.amount.currency), refund.state != .open else { continue }
            out.append(refund.document(sale, charge.id, settings))
        }
        return out
    }

    private var currency: Currency { charge.amount.currency }

    private func plain() throws(Fault) -> Sale {
        let title = try charge.field["description"].optionalText() ?? "Charge \(charge.id)"
        let line = SaleLine(
            id: "charge", sku: "", title: title, quantity: .one, gross: charge.amount, discount: .zero(currency), net: charge.amount, taxes: [])
        return try sale([line], shipping: [], included: false, total: charge.amount)
    }

    private func sale(_ lines: [SaleLine], shipping: [ShippingLine], included: Bool, total: Money) throws(Fault) -> Sale {
        Sale(
            number: try charge.field["receipt_number"].optionalText() ?? charge.id, source: "shop",
            customer: try charge.field["customer"].optionalID() ?? "house", currency: currency, rate: charge.rate, taxIncluded: included, lines: lines,
            shipping: shipping, total: total)
    }

    /// The lines of a checkout, as Stripe states them.
    private func checkout() throws(Fault) -> Sale {
        let session = try record["session"].object()
        guard try session["currency"].currency() == currency else { throw session["currency"].unreadable("\(currency), as its charge") }
        let rates = TaxRates(record["tax_rates"].view, settings.place)
        var sense = TaxSense()
        var lines: [SaleLine] = []
        for item in try record["items"].list() {
            let figures = try CheckoutFigures(item, currency, rates, &sense)
            let price = item["price"]
            lines.append(
                SaleLine(
                    id: try item["id"].id(), sku: try price["lookup_key"].optionalText() ?? StripeID.of(price["product"].view) ?? "",
                    title: try item["description"].optionalText() ?? "", quantity: try item["quantity"].quantity(), gross: figures.gross,
                    discount: figures.discount, net: figures.gross - figures.discount, taxes: figures.taxes))
        }
        var shipping: [ShippingLine] = []
        if !session["shipping_cost"].isNull {
            let figures = try CheckoutFigures(try session["shipping_cost"].object(), currency, rates, &sense)
            shipping = [
                ShippingLine(
                    id: "shipping", title: "Shipping", amount: figures.gross, discount: .zero(currency), net: figures.gross, taxes: figures.taxes)
            ]
        }
        let included = sense.included ?? false
        let taxes: [Money] = included ? [] : (lines.flatMap { $0.taxes ?? [] } + shipping.flatMap(\.taxes)).map(\.amount)
        let parts: [Money] = lines.map { $0.net ?? $0.gross } + shipping.map(\.net) + taxes
        let total = try session["amount_total"].money(currency)
        guard parts.total(currency) == total else { throw session["amount_total"].unbalanced("its lines come to \(parts.total(currency)), it states \(total)") }
        return try sale(lines, shipping: shipping, included: included, total: total)
    }
}

/// What a line of a checkout, or its delivery, comes to. Tax is added where that gives the line's own total, else contained.
private struct CheckoutFigures {
    var gross: Money
    var discount: Money
    var taxes: [TaxPart]

    init(_ item: Field, _ currency: Currency, _ rates: TaxRates, _ sense: inout TaxSense) throws(Fault) {
        gross = try item["amount_subtotal"].money(currency)
        discount = try item["amount_discount"].moneyOrZero(currency)
        let tax = try item["amount_tax"].moneyOrZero(currency), total = try item["amount_total"].money(currency)
        let isAdded = gross - discount + tax == total
        guard isAdded || gross - discount == total else { throw item["amount_total"].unbalanced("\(gross.text) less \(discount.text) is not \(total.text)") }
        if !tax.isZero { try sense.note(!isAdded, item) }
        taxes = try item["taxes"].each { (entry) throws(Fault) in try rates.part(entry["rate"].view, try entry["amount"].money(currency), entry) }
        let named = taxes.map(\.amount).total(currency)
        guard named != tax else { return }
        guard taxes.isEmpty else { throw item["amount_tax"].unbalanced("its taxes come to \(named.text), it states \(tax.text)") }
        taxes = [try rates.part(item["tax_rate"].view, tax, item)]
    }
}
