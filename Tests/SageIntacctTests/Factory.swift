import Books
import ConnectorKit
import ConnectorTestKit
import Kernel
import Testing
import Wire

@testable import SageIntacct

let connector = SageIntacctConnector()
let facts = ConnectionFacts(account: "Thames Pottery")

/// A connection by its settings: `["entity": "100"]`.
func facts(_ settings: [String: String]) -> ConnectionFacts { ConnectionFacts(account: "Thames Pottery", settings: settings) }

let day = LocalDate(year: 2026, month: 11, day: 14) ?? LocalDate(daysSince1970: 0)

/// A bound line. `amount`: minor units, debit positive; `tax`: canonical code; `code`: Intacct's.
func line(
    _ part: PostingLine.Part, _ role: Role, _ amount: Int64, _ account: String, tax: String? = nil, code: String? = nil, group: String = "", text: String = "",
    currency: Currency = .usd, base: Int64? = nil, dimensions: [String: String] = [:], type: String = "balancesheet"
) -> LedgerDocument.Line {
    LedgerDocument.Line(
        plan: PostingLine(
            part, role: role, amount: Money(minor: amount, currency), base: base.map { Money(minor: $0, .usd) }, taxCode: tax, group: group,
            derivedFrom: ["e"], text: text),
        account: BoundAccount(code: account, remoteID: account, name: "an account", active: true, rule: "test", type: type), taxCode: code,
        dimensions: dimensions)
}

func control(_ amount: Int64, currency: Currency = .usd, base: Int64? = nil) -> LedgerDocument.Line {
    line(.control, "receivable:shop", amount, "1200", currency: currency, base: base)
}

/// A document of the lines; its total is the control line's amount unless given.
func document(
    _ form: PostingForm, _ lines: [LedgerDocument.Line], key k: PostKey = key(), currency: Currency = .usd, total: Int64? = nil, rate: String? = nil,
    reference: String = "order 6120034117000", note: String? = nil, effect: PlannedPosting.Effect = .post, party: String? = "C100",
    appliesTo: String? = nil, against: PostingForm? = nil, remoteID: String? = nil, revision: Int = 1
) -> LedgerDocument {
    LedgerDocument(
        form, lines, key: k, on: day, currency, total: total, rate: rate, reference: reference, note: note, effect: effect, party: party,
        appliesTo: appliesTo, against: against, remoteID: remoteID, revision: revision)
}

/// A sale of 10.00 without tax.
func simple(_ n: Int = 1, remoteID: String? = nil, effect: PlannedPosting.Effect = .post) -> LedgerDocument {
    document(
        .invoice, [control(1000), line(.goods, "sales:homeware", -1000, "4000", group: "L1", text: "Blue mug")], key: key(n), effect: effect,
        remoteID: remoteID)
}

/// 20.00 of goods less 2.00, with VAT of 3.60 by a tax detail.
func taxed(vat: Int64 = 360, detail: String = "UK Sale Standard") -> LedgerDocument {
    document(
        .invoice,
        [
            control(1800 + vat), line(.goods, "sales:homeware", -2000, "4000", tax: "GB@20", code: detail, group: "L1", text: "Mug"),
            line(.discount, "discounts", 200, "4900", tax: "GB@20", code: detail, group: "L1", text: "Autumn"),
            line(.tax, "tax_payable:GB", -vat, "2200", tax: "GB@20", code: detail, group: "L1"),
        ])
}

func credit(_ n: Int = 2, remoteID: String? = nil, effect: PlannedPosting.Effect = .post) -> LedgerDocument {
    document(
        .creditNote, [line(.goods, "returns_allowances", 1000, "4910", group: "L1", text: "Mug"), control(-1000)], key: key(n), effect: effect,
        remoteID: remoteID)
}

func payment(_ n: Int = 3, amount: Int64 = 1000, on invoice: String? = "20634", type: String = "balancesheet", remoteID: String? = nil) -> LedgerDocument {
    document(
        .payment, [line(.tender, "clearing:card:USD", amount, "1105", type: type), control(-amount)], key: key(n), reference: "transaction \(n)",
        appliesTo: invoice, against: .invoice, remoteID: remoteID)
}

func refund(_ n: Int = 4, of credit: String? = "20635", remoteID: String? = nil) -> LedgerDocument {
    document(
        .refundPayment, [control(1000), line(.tender, "clearing:card:USD", -1000, "1105")], key: key(n), appliesTo: credit, against: .creditNote,
        remoteID: remoteID)
}

func journal(_ n: Int = 5, remoteID: String? = nil, effect: PlannedPosting.Effect = .post) -> LedgerDocument {
    document(
        .payout, [line(.tender, "bank:USD", 970, "1000"), line(.fee, "fees", 30, "6100", text: "Fee"), line(.control, "clearing:card:USD", -1000, "1105")],
        key: key(n), total: 970, effect: effect, remoteID: remoteID)
}

// MARK: Driving

func drive<Output>(_ exchange: Exchange<Output>, _ answers: [HTTPResponse] = []) -> (end: Ended<Output>, calls: [Call]) {
    connector.drive(exchange, answers)
}

// MARK: Answers

/// An answer in which sender and company are accepted.
func answer(_ results: String...) -> HTTPResponse {
    xml("""
        <operation><authentication><status>success</status><userid>ws_user</userid><companyid>Thames Pottery</companyid><locationid></locationid>\
        <sessiontimestamp>2026-11-14T10:00:00+00:00</sessiontimestamp><sessiontimeout>2026-11-14T12:00:00+00:00</sessiontimeout></authentication>\
        \(results.joined())</operation>
        """)
}

func xml(_ body: String, control: String = "success", status: Int = 200) -> HTTPResponse {
    let text = """
        <?xml version="1.0" encoding="UTF-8"?><response><control><status>\(control)</status><senderid>acme_partner</senderid><controlid>c</controlid>\
        <uniqueid>false</uniqueid><dtdversion>3.0</dtdversion></control>\(body)</response>
        """
    return HTTPResponse(status, fields: ["Content-Type": "application/xml"], body: Array(text.utf8))
}

func done(_ id: String, key: String? = nil, data: String = "") -> String {
    "<result><status>success</status><function>f</function><controlid>\(id)</controlid>\(key.map { "<key>\($0)</key>" } ?? "")\(data)</result>"
}

/// What the generic create gives.
func made(_ id: String, _ object: String, _ record: String) -> String {
    done(id, data: "<data listtype=\"objects\" count=\"1\"><\(object)><RECORDNO>\(record)</RECORDNO></\(object)></data>")
}

func errors(_ number: String, _ words: String, _ description: String = "") -> String {
    """
    <errormessage><error><errorno>\(number)</errorno><description>\(description)</description><description2>\(words)</description2><correction></correction>\
    </error></errormessage>
    """
}

func failed(_ id: String, _ words: String, number: String = "BL01001973", status: String = "failure") -> String {
    "<result><status>\(status)</status><function>f</function><controlid>\(id)</controlid>\(errors(number, words))</result>"
}

/// `description2` of a function that another's failure rolled back.
func aborted(_ id: String) -> String {
    failed(id, "The entire transaction in this operation has been rolled back due to an error.", number: "XL03000009", status: "aborted")
}

func list(_ object: String, _ rows: [[String: String]], id: String? = nil, left: Int = 0) -> String {
    let body = rows.map { row in
        "<\(object)>" + row.sorted { $0.key < $1.key }.map { "<\($0.key)>\($0.value)</\($0.key)>" }.joined() + "</\(object)>"
    }
    let counts = "totalcount=\"\(rows.count + left)\" offset=\"0\" count=\"\(rows.count)\" numremaining=\"\(left)\""
    return done(id ?? object, data: "<data listtype=\"\(object)\" \(counts)>\(body.joined())</data>")
}

/// A document of receivables as Intacct lists it.
func row(_ id: Int, _ number: String = key().text, state: String = "Posted", total: String = "10", more: [String: String] = [:]) -> [String: String] {
    [
        "RECORDNO": "\(id)", "RECORDID": number, "STATE": state, "DESCRIPTION": "cf:\(number) order 6120034117000", "WHENMODIFIED": "11/14/2026 10:00:00",
        "CUSTOMERID": "C100", "WHENCREATED": "11/14/2026", "WHENPOSTED": "11/14/2026", "CURRENCY": "USD", "TOTALENTERED": total, "TRX_TOTALENTERED": total,
    ].merging(more) { $1 }
}

func item(_ owner: Int, _ account: String, _ amount: String, more: [String: String] = [:]) -> [String: String] {
    ["RECORDNO": "9\(owner)", "RECORDKEY": "\(owner)", "ACCOUNTNO": account, "AMOUNT": amount, "TRX_AMOUNT": amount].merging(more) { $1 }
}

// MARK: Requests

/// The functions of a request: control id and content.
func functions(_ call: Call) throws -> [(id: String, content: XMLElement)] {
    let root = try XMLElement(parsing: call.request.body)
    return try (root.at(["operation", "content"])?.all("function") ?? []).map { function in
        (function.attribute("controlid") ?? "", try #require(function.children.first))
    }
}

/// `create_invoice delete query`.
func names(_ call: Call) throws -> [String] { try functions(call).map(\.content.name.local) }

/// The function that a create of this one document sends.
func sent(_ document: LedgerDocument, _ connection: ConnectionFacts = facts) throws -> XMLElement {
    let call = try #require(drive(connector.create([document], attempt: "a1", connection)).calls.first)
    let all = try functions(call)
    #expect(all.count == 1)
    return try #require(all.first).content
}

/// Why a document is not sent.
func refused(_ document: LedgerDocument, _ connection: ConnectionFacts = facts) -> String {
    let (end, calls) = drive(connector.create([document], attempt: "a1", connection))
    #expect(calls.isEmpty)
    return end.output?.first.map(word) ?? "sent"
}

extension XMLElement {
    /// The text at a place.
    func text(_ path: String...) -> String? { at(path)?.text }
    /// Local names of the children, in order.
    var order: [String] { children.map(\.name.local) }
}
