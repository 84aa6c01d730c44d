internal import Books
internal import ConnectorKit
internal import Kernel
internal import Wire

/// An invoice with what was paid on it, given back and credited.
/// - Source: docs.stripe.com, API reference: The Invoice object, The InvoicePayment object, The Credit Note object, since 2025-03-31.basil.
struct InvoiceReading {
    private let record: Field
    private let invoice: Field
    private let settings: StripeSettings
    private let id: String
    private let currency: Currency
    private let rates: TaxRates

    init(_ record: Field, _ settings: StripeSettings) throws(Fault) {
        self.record = record
        self.settings = settings
        let told = try record["invoice"].object()
        id = try told["id"].id()
        invoice = told.named("invoice \(id)")
        currency = try invoice["currency"].currency()
        rates = TaxRates(record["tax_rates"].view, settings.place)
    }

    func documents() throws(Fault) -> [SourceDocument] {
        let status = try invoice["status"].word(), created = try invoice["created"].instant()
        guard status != "draft", settings.sales != .shop else { return [] }
        let charges = try charges()
        let sale = try self.sale(charges.compactMap(\.facts.rate).first)
        let finalized = try invoice["status_transitions"]["finalized_at"].optionalInstant()
        let at = try invoice["effective_at"].optionalInstant() ?? finalized ?? created
        var out = [document(id, 1, created, at, .sale(sale))]
        if status == "void" {
            let when = try invoice["status_transitions"]["voided_at"].optionalInstant() ?? at
            out.append(document("\(id)-void", 1, created, when, .cancellation(Cancellation(kind: .voided))))
        }
        out += charges.map { $0.facts.payment(id, settings) }
        out += try otherPayments()
        if let applied = try balanceApplied(created, at) { out.append(applied) }
        var refunds: [RefundFacts] = []
        for charge in charges {
            for field in try charge.refunds.list() {
                if let refund = try RefundFacts(field, currency), refund.state != .open { refunds.append(refund) }
            }
        }
        let notes = try record["credit_notes"].each { (field) throws(Fault) in try CreditNoteReading(field, sale, rates) }
        out += notes.map { $0.document(id, refunds, settings) }
        let explained = Set(notes.filter { !$0.isVoid }.flatMap(\.refunds).map(\.id))
        out += refunds.filter { !explained.contains($0.id) }.map { $0.document(sale, id, settings) }
        return out
    }

    private func document(_ own: String, _ rank: Int64, _ created: Timestamp, _ at: Timestamp, _ body: SourceDocument.Body) -> SourceDocument {
        SourceDocument(id: own, caseID: id, version: Version.of(created, rank), at: at, body: body)
    }

    // MARK: The sale

    /// - Throws: `unbalanced_record` where the lines do not come to the invoice's total.
    private func sale(_ rate: ExactDecimal?) throws(Fault) -> Sale {
        var sense = TaxSense()
        var lines: [SaleLine] = []
        for field in try record["lines"].list() { lines.append(try line(field, &sense)) }
        let shipping = try self.shipping(&sense)
        let total = try invoice["total"].money(currency)
        try settleRounding(&lines, shipping)
        let included = sense.included ?? false
        let taxes: [Money] = included ? [] : (lines.flatMap { $0.taxes ?? [] } + shipping.flatMap(\.taxes)).map(\.amount)
        let parts = (lines.map { $0.net ?? $0.gross } + shipping.map(\.net) + taxes).total(currency)
        guard parts == total else { throw invoice["total"].unbalanced("its lines come to \(parts.text), it states \(total.text)") }
        let relieved = try record["invoice"]["total_taxes"].list().contains { $0.view["taxability_reason"].string == "reverse_charge" }
        let number = try invoice["customer_tax_ids"].list().first.map { (field) throws(Fault) in try field["value"].optionalText() } ?? nil
        return Sale(
            number: try invoice["number"].optionalText() ?? id, source: "shop", customer: try invoice["customer"].optionalID() ?? "house",
            currency: currency, rate: rate, taxIncluded: included, taxExempt: invoice.view["customer_tax_exempt"].string == "exempt", lines: lines,
            shipping: shipping, total: total, isInvoice: true,
            relief: relieved ? TaxRelief(kind: .reverseChargeServices, customerNumber: number) : nil)
    }

    private func line(_ line: Field, _ sense: inout TaxSense) throws(Fault) -> SaleLine {
        let gross = try line["amount"].money(currency)
        var discount = try line["discount_amounts"].each { (entry) throws(Fault) in try entry["amount"].money(currency) }.total(currency)
        // Prepaid credit lowers what is taxed, as a discount does.
        for credit in try line["pretax_credit_amounts"].list() where credit.view["type"].string == "credit_balance_transaction" {
            discount += try credit["amount"].money(currency)
        }
        let taxes = try line["taxes"].list()
        try sense.note(taxes)
        let price = line["pricing"]["price_details"]
        return SaleLine(
            id: try line["id"].id(), sku: StripeID.of(price["product"].view) ?? StripeID.of(price["price"].view) ?? "",
            title: try line["description"].optionalText() ?? "", quantity: try line["quantity"].quantity(), gross: gross, discount: discount,
            net: gross - discount, taxes: try parts(taxes))
    }

    private func parts(_ taxes: [Field]) throws(Fault) -> [TaxPart] {
        var out: [TaxPart] = []
        for tax in taxes { out.append(try rates.part(tax, currency)) }
        return out
    }

    private func shipping(_ sense: inout TaxSense) throws(Fault) -> [ShippingLine] {
        let cost = invoice["shipping_cost"]
        guard !cost.isNull else { return [] }
        for tax in try cost["taxes"].list() where tax["amount"].view.int != 0 { try sense.note(tax["rate"]["inclusive"].view.bool == true, tax) }
        let line = try ShippingLine(cost, currency, rates, included: sense.included ?? false)
        return line.amount.isZero && line.taxes.isEmpty ? [] : [line]
    }

    /// Accounts that round tax once for an invoice state totals that the lines' taxes miss by little: the last line of a rate takes it.
    private func settleRounding(_ lines: inout [SaleLine], _ shipping: [ShippingLine]) throws(Fault) {
        var stated: [TaxPart] = []
        for tax in try invoice["total_taxes"].list() { Self.add(try rates.part(tax, currency), to: &stated) }
        var named: [TaxPart] = []
        for tax in lines.flatMap({ $0.taxes ?? [] }) + shipping.flatMap(\.taxes) { Self.add(tax, to: &named) }
        for tax in stated {
            let known = named.first { Self.same($0, tax) }?.amount ?? .zero(currency)
            let rest = tax.amount - known
            guard !rest.isZero else { continue }
            guard rest.minor.magnitude <= UInt64(lines.count + 1),
                let at = lines.lastIndex(where: { ($0.taxes ?? []).contains { Self.same($0, tax) } }),
                let own = lines[at].taxes?.firstIndex(where: { Self.same($0, tax) })
            else { throw invoice["total_taxes"].unbalanced("a tax of \(tax.amount.text) is \(known.text) on its lines") }
            lines[at].taxes?[own].amount += rest
        }
    }

    private static func same(_ a: TaxPart, _ b: TaxPart) -> Bool { a.jurisdiction == b.jurisdiction && a.rate == b.rate }

    private static func add(_ tax: TaxPart, to all: inout [TaxPart]) {
        if let at = all.firstIndex(where: { same($0, tax) }) { all[at].amount += tax.amount } else { all.append(tax) }
    }

    // MARK: Money

    private struct Paid {
        var facts: ChargeFacts
        var refunds: Field
    }

    /// The charges that pay it, one way or the other.
    /// - Throws: `unbalanced_record` where a payment's charges are not what was paid on the invoice.
    private func charges() throws(Fault) -> [Paid] {
        var out: [Paid] = []
        for entry in try record["payments"].list() {
            let payment = try entry["invoice_payment"].object()
            var own: [Paid] = []
            for field in try entry["charges"].list() {
                let facts = try ChargeFacts(try field["charge"].object(), settings)
                guard facts.amount.currency == currency else { throw field["charge"]["currency"].unreadable("\(currency), as its invoice") }
                if facts.state != .open { own.append(Paid(facts: facts, refunds: field["refunds"])) }
            }
            let taken = own.filter { $0.facts.state == .taken }.map(\.facts.amount).total(currency)
            if try payment["status"].word() == "paid", !own.isEmpty {
                let paid = try payment["amount_paid"].money(currency)
                guard taken == paid || (taken.isZero && own.contains { $0.facts.state == .lost }) else {
                    throw payment["amount_paid"].unbalanced("\(paid.text) was paid on invoice \(id) by charges of \(taken.text)")
                }
            }
            out += own.filter { charge in !out.contains { $0.facts.id == charge.facts.id } }
        }
        return out
    }

    /// What was paid outside of Stripe and reported to it.
    private func otherPayments() throws(Fault) -> [SourceDocument] {
        var out: [SourceDocument] = []
        for entry in try record["payments"].list() where try entry["charges"].list().isEmpty {
            let payment = entry["invoice_payment"]
            guard try payment["status"].word() == "paid" else { continue }
            let own = try payment["id"].id(), created = try payment["created"].instant()
            guard StripeID.of(payment["payment"]["payment_intent"].view) == nil else {
                throw payment["payment"].unbalanced("a payment of invoice \(id) has no charge")
            }
            let body = Payment(gateway: "external", amount: try payment["amount_paid"].money(currency), status: .success)
            out.append(document(own, 1, created, try payment["status_transitions"]["paid_at"].optionalInstant() ?? created, .payment(body)))
        }
        return out
    }

    /// The customer's balance, which the invoice used up or filled.
    private func balanceApplied(_ created: Timestamp, _ at: Timestamp) throws(Fault) -> SourceDocument? {
        guard !invoice["ending_balance"].isNull else { return nil }
        let applied = try invoice["ending_balance"].money(currency) - invoice["starting_balance"].moneyOrZero(currency)
        guard !applied.isZero else { return nil }
        return document("\(id)-balance", 1, created, at, .payment(Payment(gateway: "store_credit", amount: applied, status: .success)))
    }
}

extension ShippingLine {
    /// Of a `shipping_cost`, whose total has the tax in it, contained or added.
    init(_ cost: Field, _ currency: Currency, _ rates: TaxRates, included: Bool) throws(Fault) {
        let taxes = try rates.shipping(cost, currency), total = try cost["amount_total"].money(currency)
        let net = included ? total : total - taxes.map(\.amount).total(currency)
        self.init(id: "shipping", title: "Shipping", amount: net, discount: .zero(currency), net: net, taxes: taxes)
    }
}

/// A credit note: what is taken back of an invoice, and how its money went.
struct CreditNoteReading {
    private let id: String
    private let created: Timestamp
    let isVoid: Bool
    private var body: Refund
    private let total: Money
    /// Credit that the customer keeps, and money that went back by other ways.
    private let credit: Money
    private let elsewhere: Money
    /// What of its money goes back by which refund.
    let refunds: [(id: String, amount: Money)]

    /// - Throws: `unbalanced_record` where its lines do not come to its total.
    init(_ note: Field, _ sale: Sale, _ rates: TaxRates) throws(Fault) {
        id = try note["id"].id()
        let field = note.named("credit note \(id)")
        let currency = sale.currency
        created = try field["created"].instant()
        isVoid = try field["status"].word() == "void"
        total = try field["total"].money(currency)
        body = Refund(currency: currency, taxIncluded: sale.taxIncluded, lines: [], total: .zero(currency), transactions: [])
        var outside = try field["out_of_band_amount"].moneyOrZero(currency)
        var named: [(id: String, amount: Money)] = []
        for entry in try field["refunds"].list() {
            let amount = try entry["amount_refunded"].money(currency)
            // One of a payment that was reported, not made.
            if entry["refund"].isNull { outside += amount } else { named.append((try entry["refund"].id(), amount)) }
        }
        (refunds, elsewhere) = (named, outside)
        let back = refunds.map(\.amount).total(currency)
        let before = try field["pre_payment_amount"].moneyOrZero(currency)
        credit = field["customer_balance_transaction"].isNull ? .zero(currency) : total - before - back - elsewhere
        for line in try field["lines"].list() { try take(line, currency, rates) }
        try takeShipping(field["shipping_cost"], currency, rates)
        let parts = worth(sale.taxIncluded)
        guard parts == total else { throw field["total"].unbalanced("its lines come to \(parts.text), it states \(total.text)") }
    }

    private mutating func take(_ line: Field, _ currency: Currency, _ rates: TaxRates) throws(Fault) {
        let net = try line["amount"].money(currency) - line["discount_amount"].moneyOrZero(currency)
        let taxes = try line["taxes"].each { (tax) throws(Fault) in try rates.part(tax, currency) }
        if line["invoice_line_item"].isNull {
            let whole = body.taxIncluded ? net : net + taxes.map(\.amount).total(currency)
            body.adjustments.append(RefundAdjustment(id: try line["id"].id(), kind: .goodwill, amount: whole, taxes: taxes))
        } else {
            body.lines.append(
                RefundLine(line: try line["invoice_line_item"].id(), quantity: try line["quantity"].quantity(), net: net, taxes: taxes))
        }
    }

    private mutating func takeShipping(_ cost: Field, _ currency: Currency, _ rates: TaxRates) throws(Fault) {
        guard !cost.isNull else { return }
        let line = try ShippingLine(cost, currency, rates, included: body.taxIncluded)
        if !line.amount.isZero || !line.taxes.isEmpty { body.shipping = [line] }
    }

    private func worth(_ included: Bool) -> Money {
        let taxes: [TaxPart] = included ? [] : body.lines.flatMap { $0.taxes ?? [] } + body.shipping.flatMap(\.taxes)
        let nets: [Money] = body.lines.map(\.net) + body.shipping.map(\.net) + body.adjustments.map(\.amount)
        return (nets + taxes.map(\.amount)).total(body.currency)
    }

    /// Under its refund's id where it is all of one refund: that is what a payout's row names.
    func document(_ caseID: String, _ known: [RefundFacts], _ settings: StripeSettings) -> SourceDocument {
        var out = body
        let found = refunds.map { entry in (entry: entry, fact: known.first { $0.id == entry.id }) }
        var rank: Int64 = found.compactMap(\.fact?.rank).max() ?? 1
        for (entry, fact) in found {
            let status: Payment.Status = fact?.state == .lost ? .failure : .success
            out.transactions.append(
                MoneyMovement(id: entry.id, gateway: settings.gateway, amount: entry.amount, status: status, at: fact?.created ?? created))
        }
        if !credit.isZero { out.transactions.append(MoneyMovement(id: "balance", gateway: "store_credit", amount: credit, status: .success, at: created)) }
        if !elsewhere.isZero { out.transactions.append(MoneyMovement(id: "elsewhere", gateway: "external", amount: elsewhere, status: .success, at: created)) }
        // With its only refund failed, or taken back itself, there is nothing left of it.
        let isLost = found.count == 1 && found[0].fact?.state == .lost && found[0].entry.amount == total
        if isVoid || isLost {
            (out.lines, out.shipping, out.adjustments) = ([], [], [])
            for i in out.transactions.indices { out.transactions[i].status = .failure }
            rank += 1
        }
        out.total = out.transactions.filter { $0.status == .success }.map(\.amount).total(out.currency)
        let own = !isVoid && found.count == 1 && found[0].entry.amount == total ? found[0].entry.id : id
        // Later than what the refund said by itself, before there was a note.
        return SourceDocument(id: own, caseID: caseID, version: Version.of(found.first?.fact?.created ?? created, rank + 10), at: created, body: .refund(out))
    }
}
