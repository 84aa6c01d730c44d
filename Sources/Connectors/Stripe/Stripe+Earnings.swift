internal import Books
internal import ConnectorKit
internal import Kernel
internal import Wire

/// What a Connect platform takes of its accounts' payments: a sale of the platform's own, whoever has the sales of charges.
/// - Source: docs.stripe.com, API reference: The Application Fee object, The Fee Refund object.
enum EarningReading {
    static func documents(_ record: Field, _ settings: StripeSettings) throws(Fault) -> [SourceDocument] {
        let told = try record["application_fee"].object(), id = try told["id"].id()
        let fee = told.named("application fee \(id)")
        let currency = try fee["currency"].currency()
        let amount = try fee["amount"].money(currency), created = try fee["created"].instant()
        guard amount.minor > 0 else { return [] }
        let of = try fee["charge"].optionalID() ?? id
        let line = SaleLine(
            id: "fee", sku: "application_fee", title: "Application fee for \(of)", quantity: .one, gross: amount, discount: .zero(currency), net: amount,
            taxes: [])
        let sale = Sale(
            number: id, source: "shop", customer: try fee["account"].optionalID() ?? "house", currency: currency, rate: try rate(fee, amount, settings),
            taxIncluded: false, lines: [line], total: amount)
        func document(_ own: String, _ at: Timestamp, _ body: SourceDocument.Body, rank: Int64 = 1) -> SourceDocument {
            SourceDocument(id: own, caseID: id, version: Version.of(at, rank), at: at, body: body)
        }
        var out = [
            document(id, created, .sale(sale), rank: Version.sale(sale)),
            document(id, created, .payment(Payment(gateway: settings.gateway, amount: amount, status: .success))),
        ]
        for entry in try record["refunds"].list() {
            guard try entry["currency"].currency() == currency else { throw entry["currency"].unreadable("\(currency), as its fee") }
            let own = try entry["id"].id(), back = try entry["amount"].money(currency), at = try entry["created"].instant()
            let whole = back == amount ? [RefundLine(line: line.id, quantity: .one, net: back, taxes: [])] : []
            let part = back == amount ? [] : [RefundAdjustment(id: "amount", kind: .goodwill, amount: back)]
            let body = Refund(
                currency: currency, taxIncluded: false, lines: whole, adjustments: part, total: back,
                transactions: [MoneyMovement(id: own, gateway: settings.gateway, amount: back, status: .success, at: at)])
            out.append(document(own, at, .refund(body)))
        }
        return out
    }

    private static func rate(_ fee: Field, _ amount: Money, _ settings: StripeSettings) throws(Fault) -> ExactDecimal? {
        let row = fee["balance_transaction"]
        guard row.view.isObject else { return nil }
        let settled = try row["currency"].currency()
        guard settled != amount.currency, settled.code == settings.base else { return nil }
        return StripeMoney.rate(stated: try row["exchange_rate"].rate(), charged: amount, settled: try row["amount"].money(settled))
    }
}
