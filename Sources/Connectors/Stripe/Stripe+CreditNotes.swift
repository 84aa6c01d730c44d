internal import Books
internal import ConnectorKit
internal import Kernel
internal import Wire

/// A credit note: what is taken back of an invoice, and how its money went.
struct CreditNoteReading {
    let id: String
    let created: Timestamp
    let isVoid: Bool
    /// Its lines, without a word on money.
    private(set) var body: Refund
    let total: Money
    /// Credit that the customer keeps, and money that went back by other ways.
    let credit: Money
    let elsewhere: Money
    /// What of its money goes back by which refund, each once.
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
            guard !entry["refund"].isNull else {
                outside += amount
                continue
            }
            let refund = try entry["refund"].id()
            if amount.isZero { continue }
            if let at = named.firstIndex(where: { $0.id == refund }) { named[at].amount += amount } else { named.append((refund, amount)) }
        }
        (refunds, elsewhere) = (named, outside)
        let back = refunds.map(\.amount).total(currency)
        let before = try field["pre_payment_amount"].moneyOrZero(currency)
        let rest = total - before - back - elsewhere
        guard isVoid || rest.minor >= 0 else { throw field["total"].unbalanced("more of it went back than the \(total.text) that it states") }
        credit = isVoid || field["customer_balance_transaction"].isNull ? .zero(currency) : rest
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
}

/// All that went back on an invoice: its refunds, and the credit notes that say what some of them were for. Each cent of a refund is told once, under a
/// note that names it or as what is left of the refund itself, and what was told of it before gives way, whatever came first.
/// - Source: docs.stripe.com, API reference: The Credit Note object (`refunds[].amount_refunded`: "Amount of the refund that applies to this credit
///   note"; refunds made before can be linked), Create a credit note.
struct GivenBack {
    /// Where it was read.
    let record: Field
    let caseID: String
    let sale: Sale
    let settings: StripeSettings
    let refunds: [RefundFacts]
    let notes: [CreditNoteReading]

    /// - Throws: `unbalanced_record` where notes name more of a refund than it is.
    func documents() throws(Fault) -> [SourceDocument] {
        var out = notes.map(document)
        for refund in refunds {
            let rest = try rest(of: refund)
            if let rest, !out.contains(where: { $0.id == refund.id }) { out.append(rest) }
        }
        return out
    }

    private func fact(_ id: String) -> RefundFacts? { refunds.first { $0.id == id } }

    private func naming(_ refund: String) -> [CreditNoteReading] { notes.filter { note in note.refunds.contains { $0.id == refund } } }

    /// The refund that it is all of, and that is all of it: the note goes under that name, which is a payout's row's.
    private func owned(by note: CreditNoteReading) -> String? {
        guard !note.isVoid, note.refunds.count == 1, let only = note.refunds.first, only.amount == note.total, naming(only.id).filter({ !$0.isVoid }).count == 1
        else { return nil }
        return fact(only.id).map { $0.amount == only.amount } ?? true ? only.id : nil
    }

    private func document(of note: CreditNoteReading) -> SourceDocument {
        let owned = owned(by: note), zero = Money.zero(note.total.currency)
        var out = note.body
        for entry in note.refunds {
            let fact = fact(entry.id)
            out.transactions.append(
                MoneyMovement(
                    id: entry.id, gateway: settings.gateway, amount: entry.amount, status: fact?.status ?? .success, at: fact?.created ?? note.created,
                    isNamed: owned == nil))
        }
        for (id, gateway, amount) in [("balance", "store_credit", note.credit), ("elsewhere", "external", note.elsewhere)] where !amount.isZero {
            out.transactions.append(MoneyMovement(id: id, gateway: gateway, amount: amount, status: .success, at: note.created))
        }
        let lost = note.isVoid ? note.total : out.transactions.filter { $0.status == .failure }.map(\.amount).total(note.total.currency)
        if !lost.isZero {
            // What did not go back is not credited either; Stripe does not say what of its lines the rest is.
            let left = note.total - lost
            (out.lines, out.shipping, out.adjustments) = ([], [], left.isZero ? [] : [RefundAdjustment(id: "left", kind: .goodwill, amount: left)])
        }
        if note.isVoid { for i in out.transactions.indices { out.transactions[i].status = .failure } }
        out.total = out.transactions.filter { $0.status == .success }.map(\.amount).reduce(zero) { $0 + $1 }
        return SourceDocument(id: owned ?? note.id, caseID: caseID, version: owned.map(version) ?? version(of: note), at: note.created, body: .refund(out))
    }

    /// What of a refund no note names; nothing, where notes name all of it. `nil` for one under way of which nothing was ever told.
    private func rest(of refund: RefundFacts) throws(Fault) -> SourceDocument? {
        let naming = naming(refund.id)
        if naming.isEmpty, refund.state == .open { return nil }
        let named = naming.filter { !$0.isVoid }.flatMap(\.refunds).filter { $0.id == refund.id }.map(\.amount).total(refund.amount.currency)
        let rest = refund.amount - named
        guard rest.minor >= 0 else {
            throw record.unbalanced("credit notes name \(named.text) of refund \(refund.id), which is \(refund.amount.text)")
        }
        return refund.document(of: rest, sale, caseID, settings, version: version(of: refund.id))
    }

    // MARK: Versions

    // Stripe says of neither when it changed. Both count what can only become more: how far each refund has come, how many notes name it, how many
    // of those are void. So of two tellings the later is the higher one, whichever is read first.

    private func version(of refund: String) -> Int64 {
        let naming = naming(refund), fact = fact(refund)
        let links = naming.map { Int64($0.isVoid ? 2 : 1) }.reduce(0, +)
        let base = naming.map(\.created).reduce(fact?.created ?? Timestamp(seconds: 0)) { max($0, $1) }
        return Version.of(base, Version.invoice + Version.link * links + (fact?.rank ?? 1))
    }

    private func version(of note: CreditNoteReading) -> Int64 {
        let facts = note.refunds.map { fact($0.id) }
        let base = facts.compactMap { $0?.created }.reduce(note.created) { max($0, $1) }
        let steps = facts.map { ($0?.rank ?? 1) + 1 }.reduce(0, +)
        return Version.of(base, Version.link * 2 + steps + (note.isVoid ? 1 : 0))
    }
}
