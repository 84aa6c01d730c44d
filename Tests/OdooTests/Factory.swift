import Books
import ConnectorKit
import ConnectorTestKit
import Kernel
import Testing
import Wire

@testable import Odoo

let connector = OdooConnector()
let facts = ConnectionFacts(account: "thames-pottery")

/// A connection by its settings: `["version": "14"]`.
func facts(_ settings: [String: String]) -> ConnectionFacts { ConnectionFacts(account: "thames-pottery", settings: settings) }

let day = LocalDate(year: 2026, month: 11, day: 14) ?? LocalDate(daysSince1970: 0)

/// A bound line. `amount`: minor units, debit positive; `tax`: canonical code; `code`: Odoo's.
func line(
    _ part: PostingLine.Part, _ role: Role, _ amount: Int64, _ account: Int, tax: String? = nil, code: String? = nil, group: String = "", text: String = "",
    sku: String = "", quantity: String? = nil, currency: Currency = .gbp, base: Int64? = nil, dimensions: [String: String] = [:]
) -> LedgerDocument.Line {
    LedgerDocument.Line(
        plan: PostingLine(
            part, role: role, amount: Money(minor: amount, currency), base: base.map { Money(minor: $0, .gbp) }, taxCode: tax, group: group,
            derivedFrom: ["e"], text: text, sku: sku, quantity: quantity.map(decimal)),
        account: BoundAccount(code: "\(account)00", remoteID: String(account), name: "an account", active: true, rule: "test"), taxCode: code,
        dimensions: dimensions)
}

func control(_ amount: Int64, currency: Currency = .gbp, base: Int64? = nil) -> LedgerDocument.Line {
    line(.control, "receivable:shop", amount, 61, currency: currency, base: base)
}

/// A document of the lines; its total is the control line's amount unless given.
func document(
    _ form: PostingForm, _ lines: [LedgerDocument.Line], key k: PostKey = key(), currency: Currency = .gbp, total: Int64? = nil, rate: String? = nil,
    reference: String = "order 6120034117000", words: String? = nil, note: String? = nil, effect: PlannedPosting.Effect = .post, party: String? = "58",
    appliesTo: String? = nil, against: PostingForm? = nil, remoteID: String? = nil
) -> LedgerDocument {
    LedgerDocument(
        form, lines, key: k, on: day, currency, total: total, rate: rate, reference: reference, words: words, note: note, effect: effect, party: party,
        appliesTo: appliesTo, against: against, remoteID: remoteID)
}

/// A sale of 10.00 without tax.
func simple(_ n: Int = 1, remoteID: String? = nil, effect: PlannedPosting.Effect = .post) -> LedgerDocument {
    document(
        .invoice, [control(1000), line(.goods, "sales:homeware", -1000, 200, group: "L1", text: "Mug")], key: key(n), effect: effect, remoteID: remoteID)
}

/// 20.00 of goods less 2.00, with VAT of 3.60 by Odoo's tax 5.
func taxed(_ n: Int = 1, vat: Int64 = 360, remoteID: String? = nil) -> LedgerDocument {
    document(
        .invoice,
        [
            control(1800 + vat), line(.goods, "sales:homeware", -2000, 200, tax: "GB@20", code: "5", group: "L1", text: "Mug", quantity: "2"),
            line(.discount, "discounts", 200, 201, tax: "GB@20", code: "5", group: "L1", text: "Autumn"),
            line(.tax, "tax_payable:GB", -vat, 82, tax: "GB@20", code: "5", group: "L1"),
        ], key: key(n), remoteID: remoteID)
}

func payment(_ n: Int = 1, amount: Int64 = 1000, on invoice: String? = "77", remoteID: String? = nil) -> LedgerDocument {
    document(
        .payment, [line(.tender, "clearing:card:GBP", amount, 110), control(-amount)], key: key(n), reference: "transaction \(n)", appliesTo: invoice,
        against: .invoice, remoteID: remoteID)
}

// MARK: Driving

func drive<Output>(_ exchange: Exchange<Output>, _ answers: [HTTPResponse] = []) -> (end: Ended<Output>, calls: [Call]) {
    connector.drive(exchange, answers)
}

func answer(_ text: String, status: Int = 200) -> HTTPResponse { HTTPResponse(status, body: Array(text.utf8)) }

/// Odoo's no, as JSON-2 says it.
func refusal(_ message: String, _ name: String = "odoo.exceptions.UserError", status: Int = 422) -> HTTPResponse {
    .json(status, ["name": .string(name), "message": .string(message), "arguments": [.string(message)], "context": [:], "debug": ""])
}

/// `account.move/create`.
func names(_ calls: [Call]) -> [String] { calls.map { Asked($0.request).map { "\($0.model)/\($0.method)" } ?? "?" } }

/// The values that a create of this one document sends.
func sent(_ document: LedgerDocument, _ connection: ConnectionFacts = facts) throws -> JSON {
    let call = try #require(drive(connector.create([document], attempt: "a1", connection)).calls.first)
    let list = try #require(try body(call)["vals_list"]?.array ?? body(call).member("params", "args")?[5]?[0]?.array)
    #expect(list.count == 1)
    return try #require(list.first)
}

/// Why a document is not sent.
func refused(_ document: LedgerDocument, _ connection: ConnectionFacts = facts) -> String {
    let (end, calls) = drive(connector.create([document], attempt: "a1", connection))
    #expect(calls.isEmpty)
    return end.output?.first.map(word) ?? "sent"
}

/// A journal item as Odoo lists it. `amount`: debit positive, as Odoo writes it.
func item(
    _ id: Int, move: Int, account: Int, _ amount: String, type: String = "income", tax: Int? = nil, display: String = "product", balance: String? = nil,
    currency: String = "GBP"
) -> String {
    """
    {"id":\(id),"move_id":[\(move),"INV/2026/000\(move)"],"account_id":[\(account),"an account"],"tax_line_id":\(tax.map { "[\($0),\"20%\"]" } ?? "false"),\
    "display_type":"\(display)","amount_currency":\(amount),"balance":\(balance ?? amount),"currency_id":[\(currency == "GBP" ? 1 : 2),"\(currency)"],\
    "company_currency_id":[1,"GBP"],"partner_id":[58,"Shop customers"],"account_type":"\(type)","account_internal_type":"\(type == "asset_receivable" ? "receivable" : "other")"}
    """
}

func receivable(_ id: Int, move: Int, _ amount: String, account: Int = 61, balance: String? = nil, currency: String = "GBP") -> String {
    item(id, move: move, account: account, amount, type: "asset_receivable", display: "payment_term", balance: balance, currency: currency)
}

/// A document as Odoo lists it.
func move(
    _ id: Int, key n: Int = 1, state: String = "posted", type: String = "out_invoice", total: String = "10.0", tax: String = "0.0", residual: String? = nil,
    payment: String = "not_paid", currency: String = "GBP", ref: String? = nil
) -> String {
    """
    {"id":\(id),"ref":"\(ref ?? "cf:\(key(n)) order 6120034117000")","name":"INV/2026/00042","state":"\(state)","move_type":"\(type)","payment_state":"\(payment)",\
    "date":"2026-11-14","invoice_date":\(type == "entry" ? "false" : "\"2026-11-14\""),"partner_id":[58,"Shop customers"],"currency_id":[1,"\(currency)"],\
    "amount_total":\(total),"amount_tax":\(tax),"amount_residual":\(residual ?? total),"write_date":"2026-11-14 10:00:00"}
    """
}

func list(_ rows: String...) -> HTTPResponse { answer("[\(rows.joined(separator: ","))]") }
