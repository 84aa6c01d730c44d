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
        var out = [document(id, Version.sale(sale), created, at, .sale(sale))]
        if status == "void" {
            let when = try invoice["status_transitions"]["voided_at"].optionalInstant() ?? at
            out.append(document("\(id)-void", 1, created, when, .cancellation(Cancellation(kind: .voided))))
        }
        out += charges.map { $0.facts.payment(id, settings, rank: Version.invoice) }
        out += charges.filter(\.mayStandAlone).map { $0.facts.noSale(sale.customer) }
        out += try otherPayments()
        if let applied = try balanceApplied(created, at) { out.append(applied) }
        var refunds: [RefundFacts] = []
        for charge in charges {
            for field in try charge.refunds.list() {
                if let refund = try RefundFacts(field, currency) { refunds.append(refund) }
            }
        }
        let notes = try record["credit_notes"].each { (field) throws(Fault) in try CreditNoteReading(field, sale, rates) }
        return out + (try GivenBack(record: record["credit_notes"], caseID: id, sale: sale, settings: settings, refunds: refunds, notes: notes).documents())
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
        /// It may have been told before it paid an invoice.
        var mayStandAlone: Bool
    }

    /// The charges that pay it, one way or the other.
    /// - Throws: `unbalanced_record` where a payment's charges are not what was paid on the invoice.
    private func charges() throws(Fault) -> [Paid] {
        var out: [Paid] = []
        for entry in try record["payments"].list() {
            let payment = try entry["invoice_payment"].object()
            var own: [Paid] = []
            // A charge that names no intent is told alone; any other only as long as nothing was there that it could pay.
            let since = StripeID.of(payment["payment"]["payment_intent"].view) == nil ? nil : try payment["created"].optionalInstant()
            for field in try entry["charges"].list() {
                let facts = try ChargeFacts(try field["charge"].object(), settings)
                guard facts.amount.currency == currency else { throw field["charge"]["currency"].unreadable("\(currency), as its invoice") }
                if facts.state != .open {
                    own.append(Paid(facts: facts, refunds: field["refunds"], mayStandAlone: since.map { facts.created <= $0 } ?? true))
                }
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
