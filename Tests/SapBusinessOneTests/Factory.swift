import Books
import ConnectorKit
import ConnectorTestKit
import Kernel
import Testing
import Wire

@testable import SapBusinessOne

let connector = SapBusinessOneConnector()
let facts = ConnectionFacts(account: "SBODemoGB")

/// A connection by its settings: `["api": "v1"]`.
func facts(_ settings: [String: String]) -> ConnectionFacts { ConnectionFacts(account: "SBODemoGB", settings: settings) }

let day = LocalDate(year: 2026, month: 11, day: 20) ?? LocalDate(daysSince1970: 0)

/// A bound line. `amount`: minor units, debit positive; `tax`: canonical code; `code`: the company's.
func line(
    _ part: PostingLine.Part, _ role: Role, _ amount: Int64, _ account: String, tax: String? = nil, code: String? = nil, group: String = "", text: String = "",
    sku: String = "", quantity: String? = nil, currency: Currency = .gbp, base: Int64? = nil, item: String? = nil, dimensions: [String: String] = [:]
) -> LedgerDocument.Line {
    LedgerDocument.Line(
        plan: PostingLine(
            part, role: role, amount: Money(minor: amount, currency), base: base.map { Money(minor: $0, .gbp) }, taxCode: tax, group: group,
            derivedFrom: ["e"], text: text, sku: sku, quantity: quantity.map(decimal)),
        account: BoundAccount(code: account, remoteID: account, name: "an account", active: true, rule: "test"), taxCode: code, item: item,
        dimensions: dimensions)
}

func control(_ amount: Int64, currency: Currency = .gbp, base: Int64? = nil, of party: String = "shop") -> LedgerDocument.Line {
    line(.control, Role("receivable:\(party)"), amount, "120000", currency: currency, base: base)
}

/// A document of the lines; its total is the control line's amount unless given.
func document(
    _ form: PostingForm, _ lines: [LedgerDocument.Line], key k: PostKey = key(), currency: Currency = .gbp, total: Int64? = nil, rate: String? = nil,
    reference: String = "order 1001", note: String? = nil, effect: PlannedPosting.Effect = .post, party: String? = "C20000",
    appliesTo: String? = nil, against: PostingForm? = nil, remoteID: String? = nil
) -> LedgerDocument {
    LedgerDocument(
        form, lines, key: k, on: day, currency, total: total, rate: rate, reference: reference, note: note, effect: effect, party: party,
        appliesTo: appliesTo, against: against, remoteID: remoteID)
}

/// A sale of 10.00 without tax.
func simple(_ n: Int = 1, amount: Int64 = 1000, remoteID: String? = nil, effect: PlannedPosting.Effect = .post) -> LedgerDocument {
    document(
        .invoice, [control(amount), line(.goods, "sales:homeware", -amount, "400000", group: "L1", text: "Mug")], key: key(n), effect: effect,
        remoteID: remoteID)
}

/// 20.00 of goods less 2.00, with VAT of 3.60 by the group O1.
func taxed(_ n: Int = 1, remoteID: String? = nil) -> LedgerDocument {
    document(
        .invoice,
        [
            control(2160), line(.goods, "sales:homeware", -2000, "400000", tax: "GB@20", code: "O1", group: "L1", text: "Mug", quantity: "2"),
            line(.discount, "discounts", 200, "400100", tax: "GB@20", code: "O1", group: "L1", text: "Autumn"),
            line(.tax, "tax_payable:GB", -360, "220000", tax: "GB@20", code: "O1", group: "L1"),
        ], key: key(n), remoteID: remoteID)
}

/// 40 of 5.00 with VAT of 40.00 by the group I1, from a supplier who wants to be paid in a month.
func bill(_ n: Int = 1, due: LocalDate? = LocalDate("2026-12-20"), remoteID: String? = nil, effect: PlannedPosting.Effect = .post) -> LedgerDocument {
    let payable = line(.control, "payable:clayworks", -24_000, "200000")
    var out = document(
        .bill,
        [
            line(.goods, "purchases:clay", 20_000, "610000", tax: "purchase:GB@20", code: "I1", group: "L1", text: "CW-1: Clay", sku: "CLAY", quantity: "40"),
            line(.tax, "input_tax:GB", 4_000, "221000", tax: "purchase:GB@20", code: "I1", group: "L1"), payable,
        ], key: key(n), total: 24_000, reference: "bill 7", note: "No. CW-1", effect: effect, party: "V10000", remoteID: remoteID)
    out.plan.due = due
    out.plan.party = "clayworks"
    return out
}

/// 40 pens of 2.00 each.
func order(_ n: Int = 1, remoteID: String? = nil) -> LedgerDocument {
    var out = document(
        .purchaseOrder,
        [
            line(.goods, "inventory", 8_000, "130000", group: "PEN-1", text: "Pen", sku: "PEN-1", quantity: "40"),
            line(.control, "payable:clayworks", -8_000, "200000"),
        ], key: key(n), total: 8_000, reference: "purchase order PEN-1@2", party: "V10000", remoteID: remoteID)
    out.plan.party = "clayworks"
    return out
}

func payment(
    _ n: Int = 1, amount: Int64 = 1000, on invoice: String? = "77", remoteID: String? = nil, fee: Int64 = 0, effect: PlannedPosting.Effect = .post
) -> LedgerDocument {
    var lines = [line(.tender, "clearing:card:GBP", amount - fee, "161000"), control(-amount)]
    if fee != 0 { lines.append(line(.fee, "fees:card", fee, "620000")) }
    return document(.payment, lines, key: key(n), reference: "transaction \(n)", effect: effect, appliesTo: invoice, against: .invoice, remoteID: remoteID)
}

func refund(_ n: Int = 1, remoteID: String? = nil) -> LedgerDocument {
    document(
        .refundPayment, [control(1000), line(.tender, "clearing:card:GBP", -1000, "161000")], key: key(n), reference: "refund 1", appliesTo: "31",
        against: .creditNote, remoteID: remoteID)
}

func payout(_ n: Int = 1, remoteID: String? = nil) -> LedgerDocument {
    document(
        .payout, [line(.tender, "bank:GBP", 9700, "161500"), line(.fee, "fees:card", 300, "620000"), line(.other, "clearing:card:GBP", -10_000, "161000")],
        key: key(n), total: 10_000, reference: "payout 55", remoteID: remoteID)
}

// MARK: Driving

func drive<Output>(_ exchange: Exchange<Output>, _ answers: [HTTPResponse] = []) -> (end: Ended<Output>, calls: [Call]) {
    connector.drive(exchange, answers)
}

func answer(_ text: String, status: Int = 200) -> HTTPResponse { HTTPResponse(status, body: Array(text.utf8)) }
let done = HTTPResponse(204)

func list(_ rows: String..., next: String? = nil) -> HTTPResponse {
    answer("{\"value\":[\(rows.joined(separator: ","))]\(next.map { ",\"@odata.nextLink\":\"\($0)\"" } ?? "")}")
}

/// Their no, as v2 says it.
func refusal(_ message: String, _ code: Int = -5002, status: Int = 400) -> HTTPResponse {
    .json(status, ["error": ["code": .string("\(code)"), "message": .string(message), "details": [["code": "", "message": ""]]]])
}

/// `POST Invoices`, `GET Invoices`, `POST Invoices(41)/Cancel`.
func names(_ calls: [Call]) -> [String] { calls.map { "\($0.request.method.rawValue) \($0.request.path.dropFirst("/b1s/v2/".count))" } }

func filter(_ call: Call) -> String? { call.request.query("$filter") }

/// The body that a create of this one document sends.
func sent(_ document: LedgerDocument, _ connection: ConnectionFacts = facts) throws -> JSON {
    try body(try #require(drive(connector.create([document], attempt: "a1", connection)).calls.first))
}

/// Why a document is not sent.
func refused(_ document: LedgerDocument, _ connection: ConnectionFacts = facts) -> String {
    let (end, calls) = drive(connector.create([document], attempt: "a1", connection))
    #expect(calls.isEmpty)
    return end.output?.first.map(word) ?? "sent"
}

// MARK: What they list

/// A sales document; `lines`: account and net.
func sale(
    _ id: Int, key n: Int = 1, total: String = "10.0", tax: String = "0.0", lines: [(String, String)] = [("400000", "10.0")], cancelled: String = "tNO",
    status: String = "csNo", currency: String = "GBP"
) -> String {
    let rows = lines.enumerated().map { "{\"LineNum\":\($0),\"AccountCode\":\"\($1.0)\",\"LineTotal\":\($1.1),\"RowTotalFC\":\($1.1)}" }.joined(separator: ",")
    return """
        {"DocEntry":\(id),"DocNum":5012,"CardCode":"C20000","DocDate":"2026-11-20T00:00:00Z","DocCurrency":"\(currency)","DocTotal":\(total),\
        "DocTotalFc":\(total),\
        "VatSum":\(tax),"VatSumFc":\(tax),"Cancelled":"\(cancelled)","CancelStatus":"\(status)",\
        "NumAtCard":"cf:\(key(n)) order 1001","UpdateDate":"2026-11-20",\
        "UpdateTime":"10:15:00","DocumentLines":[\(rows)]}
        """
}

func paid(
    _ id: Int, key n: Int = 1, sum: String = "10.0", on invoices: String = #"{"LineNum":0,"DocEntry":77,"InvoiceType":"it_Invoice","SumApplied":10.0}"#
) -> String {
    """
    {"DocEntry":\(id),"CardCode":"C20000","DocDate":"2026-11-20","DocCurrency":"GBP","Cancelled":"tNO","TransferAccount":"161000","TransferSum":\(sum),\
    "TransferReference":"cf:\(key(n))","CashAccount":null,"CashSum":0.0,"PaymentInvoices":[\(invoices)]}
    """
}

/// An entry; `lines`: account, short name, debit, credit.
func entry(_ id: Int, key n: Int = 1, _ lines: [(String, String, String, String)]) -> String {
    let rows = lines.map { "{\"AccountCode\":\"\($0.0)\",\"ShortName\":\"\($0.1)\",\"Debit\":\($0.2),\"Credit\":\($0.3)}" }.joined(separator: ",")
    return """
        {"JdtNum":\(id),"ReferenceDate":"2026-11-20T00:00:00Z","Reference":"cf:\(key(n))","Memo":"payout 55","JournalEntryLines":[\(rows)]}
        """
}

let payoutLines = [("161500", "161500", "97.0", "0.0"), ("620000", "620000", "3.0", "0.0"), ("161000", "161000", "0.0", "100.0")]
let payoutBack = [("161500", "161500", "0.0", "97.0"), ("620000", "620000", "0.0", "3.0"), ("161000", "161000", "100.0", "0.0")]
