import Books
import ConnectorKit
import ConnectorTestKit
import Kernel
import Testing
import Wire

@testable import NetSuite

let rest = NetSuiteRESTConnector()
let soap = NetSuiteSuiteTalkConnector()
let both: [any LedgerConnector] = [rest, soap]
let facts = ConnectionFacts(account: "1234567_SB1")

/// A connection by its settings: `["tax": "suitetax"]`.
func facts(_ settings: [String: String]) -> ConnectionFacts { ConnectionFacts(account: "1234567_SB1", settings: settings) }

let day = LocalDate(year: 2026, month: 11, day: 14) ?? LocalDate(daysSince1970: 0)

/// A bound line. `amount`: minor units, debit positive; `tax`: canonical code; `code`: NetSuite's.
func line(
    _ part: PostingLine.Part, _ role: Role, _ amount: Int64, _ account: Int, tax: String? = nil, code: String? = nil, group: String = "", text: String = "",
    sku: String = "", quantity: String? = nil, currency: Currency = .gbp, base: Int64? = nil, dimensions: [String: String] = [:], item: String? = "19"
) -> LedgerDocument.Line {
    LedgerDocument.Line(
        plan: PostingLine(
            part, role: role, amount: Money(minor: amount, currency), base: base.map { Money(minor: $0, .gbp) }, taxCode: tax, group: group,
            derivedFrom: ["e"], text: text, sku: sku, quantity: quantity.map(decimal)),
        account: BoundAccount(code: "\(account)0", remoteID: String(account), name: "an account", active: true, rule: "test"), taxCode: code, item: item,
        dimensions: dimensions)
}

func control(_ amount: Int64, currency: Currency = .gbp, base: Int64? = nil) -> LedgerDocument.Line {
    line(.control, "receivable:shop", amount, 61, currency: currency, base: base, item: nil)
}

func tender(_ amount: Int64, _ role: Role = "clearing:card:GBP", _ account: Int = 110, currency: Currency = .gbp) -> LedgerDocument.Line {
    line(.tender, role, amount, account, currency: currency)
}

/// A document of the lines; its total is the control line's amount unless given.
func document(
    _ form: PostingForm, _ lines: [LedgerDocument.Line], key k: PostKey = key(), currency: Currency = .gbp, total: Int64? = nil, rate: String? = nil,
    reference: String = "order 1001", words: String? = nil, note: String? = nil, effect: PlannedPosting.Effect = .post, party: String? = "58",
    appliesTo: String? = nil, against: PostingForm? = nil, remoteID: String? = nil
) -> LedgerDocument {
    LedgerDocument(
        form, lines, key: k, on: day, currency, total: total, rate: rate, reference: reference, words: words, note: note, effect: effect, party: party,
        appliesTo: appliesTo, against: against, remoteID: remoteID)
}

/// A sale of 10.00 without tax.
func simple(_ n: Int = 1, remoteID: String? = nil, effect: PlannedPosting.Effect = .post) -> LedgerDocument {
    document(
        .invoice, [control(1000), line(.goods, "sales:homeware", -1000, 200, group: "L1", text: "Mug", sku: "MUG")], key: key(n), effect: effect,
        remoteID: remoteID)
}

/// 20.00 of goods less 2.00, with VAT of 3.60 by this tax code of NetSuite's.
func taxed(_ code: String = "7", remoteID: String? = nil) -> LedgerDocument {
    document(
        .invoice,
        [
            control(2160), line(.goods, "sales:homeware", -2000, 200, tax: "GB@20", code: code, group: "L1", text: "Mug", sku: "MUG", quantity: "2"),
            line(.discount, "discounts", 200, 201, tax: "GB@20", code: code, group: "L1", text: "Autumn", item: "31"),
            line(.tax, "tax_payable:GB", -360, 82, tax: "GB@20", code: code, group: "L1", item: "82"),
        ], remoteID: remoteID)
}

func payment(_ n: Int = 1, on invoice: String? = "77", remoteID: String? = nil) -> LedgerDocument {
    document(.payment, [tender(1000), control(-1000)], key: key(n), reference: "transaction \(n)", appliesTo: invoice, against: .invoice, remoteID: remoteID)
}

/// The same with a fee that the bank kept.
func feePayment(remoteID: String? = nil) -> LedgerDocument {
    document(
        .payment, [tender(970), line(.fee, "processor_fees", 30, 440), control(-1000)], reference: "transaction 1", appliesTo: "77", against: .invoice,
        remoteID: remoteID)
}

func refund(on memo: String? = "78", remoteID: String? = nil) -> LedgerDocument {
    document(.refundPayment, [control(1000), tender(-1000)], reference: "refund 1", appliesTo: memo, against: .creditNote, remoteID: remoteID)
}

// MARK: Driving

func drive<Output>(_ it: any Connector, _ exchange: Exchange<Output>, _ answers: [HTTPResponse] = []) -> (end: Ended<Output>, calls: [Call]) {
    it.drive(exchange, answers)
}

func word(_ outcome: PostOutcome?) -> String { outcome.map { word($0) } ?? "nothing" }

// MARK: REST's answers

func answer(_ text: String, _ status: Int = 200) -> HTTPResponse { HTTPResponse(status, body: Array(text.utf8)) }

/// Rows of a query, each the members of an object.
func rows(_ rows: String...) -> HTTPResponse {
    answer("{\"links\":[],\"count\":\(rows.count),\"hasMore\":false,\"items\":[\(rows.map { "{\($0)}" }.joined(separator: ","))],\"offset\":0}")
}

func created(_ record: String, _ id: String = "9001") -> HTTPResponse {
    HTTPResponse(204, fields: ["Location": "https://1234567-sb1.suitetalk.api.netsuite.com/services/rest/record/v1/\(record)/\(id)"])
}

let done = HTTPResponse(204)

func refusal(_ detail: String, _ code: String = "USER_ERROR", _ status: Int = 400) -> HTTPResponse {
    .json(status, ["title": "Bad Request", "status": .number("\(status)"), "o:errorDetails": [["detail": .string(detail), "o:errorCode": .string(code)]]])
}

let gone = refusal("The record instance does not exist.", "NONEXISTENT_ID", 404)

/// The body that a create of this one document sends by REST.
func sent(_ document: LedgerDocument, _ connection: ConnectionFacts = facts) throws -> JSON {
    let call = try #require(drive(rest, rest.create([document], attempt: "a", connection)).calls.first)
    #expect(call.kind == .write && call.request.method == .post)
    return try body(call)
}

/// Why a document is not sent; both say the same.
func refused(_ document: LedgerDocument, _ connection: ConnectionFacts = facts) -> String {
    let words = both.map { it in
        let (end, calls) = drive(it, it.create([document], attempt: "a", connection))
        #expect(calls.isEmpty)
        return end.output.map { word($0.first) } ?? word(end)
    }
    #expect(words[0] == words[1])
    return words[0]
}

// MARK: SOAP's answers

let messages = "urn:messages_2025_2.platform.webservices.netsuite.com"
let core = "urn:core_2025_2.platform.webservices.netsuite.com"

func envelope(_ body: String, _ status: Int = 200) -> HTTPResponse {
    answer(
        """
        <?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" \
        xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:c="\(core)"><soapenv:Body>\(body)</soapenv:Body></soapenv:Envelope>
        """, status)
}

func success() -> String { "<c:status isSuccess=\"true\"/>" }

func failure(_ code: String, _ message: String, saved: Bool = false) -> String {
    """
    <c:status isSuccess="false"><c:statusDetail type="ERROR"><c:code>\(code)</c:code><c:message>\(message)</c:message>\
    <c:afterSubmitFailed>\(saved)</c:afterSubmitFailed></c:statusDetail></c:status>
    """
}

func base(_ id: String) -> String { "<baseRef xsi:type=\"c:RecordRef\" internalId=\"\(id)\" type=\"invoice\"/>" }

/// One status each, with what stands behind it.
func added(_ rows: String...) -> HTTPResponse {
    envelope("<addListResponse xmlns=\"\(messages)\"><writeResponseList>\(success())\(rows.map { "<writeResponse>\($0)</writeResponse>" }.joined())</writeResponseList></addListResponse>")
}

func written(_ operation: String, _ row: String) -> HTTPResponse {
    envelope("<\(operation)Response xmlns=\"\(messages)\"><writeResponse>\(row)</writeResponse></\(operation)Response>")
}

func got(_ rows: String...) -> HTTPResponse {
    envelope("<getListResponse xmlns=\"\(messages)\"><readResponseList>\(success())\(rows.map { "<readResponse>\($0)</readResponse>" }.joined())</readResponseList></getListResponse>")
}

func searched(_ records: String..., pages: Int = 1, operation: String = "search") -> HTTPResponse {
    envelope("""
        <\(operation)Response xmlns="\(messages)"><c:searchResult>\(success())<c:totalRecords>\(records.count)</c:totalRecords><c:totalPages>\(pages)</c:totalPages>\
        <c:pageIndex>1</c:pageIndex><c:searchId>WEBSERVICES_1</c:searchId><c:recordList>\(records.joined())</c:recordList></c:searchResult></\(operation)Response>
        """)
}

func all(_ records: String...) -> HTTPResponse {
    envelope("""
        <getAllResponse xmlns="\(messages)"><c:getAllResult>\(success())<c:totalRecords>\(records.count)</c:totalRecords>\
        <c:recordList>\(records.joined())</c:recordList></c:getAllResult></getAllResponse>
        """)
}

/// `<record xsi:type="s:Invoice" internalId="41">` in the namespace of sales, whatever it is.
func record(_ type: String, _ id: String, external: String? = "cf-\(key())", _ fields: String) -> String {
    "<record xmlns:s=\"urn:sales_2025_2.transactions.webservices.netsuite.com\" xsi:type=\"s:\(type)\" internalId=\"\(id)\""
        + (external.map { " externalId=\"\($0)\"" } ?? "") + ">\(fields)</record>"
}

func fault(_ name: String, _ code: String, _ message: String, status: Int = 500) -> HTTPResponse {
    envelope("""
        <soapenv:Fault><faultcode>soapenv:Server.userException</faultcode><faultstring>\(message)</faultstring><detail>\
        <p:\(name) xmlns:p="urn:faults_2025_2.platform.webservices.netsuite.com"><p:code>\(code)</p:code><p:message>\(message)</p:message></p:\(name)>\
        </detail></soapenv:Fault>
        """, status)
}

/// The operation's element of a call.
func operation(_ call: Call) throws -> XMLElement {
    let envelope = try XMLElement(parsing: call.request.body)
    return try #require(envelope["Body"]?.children.first)
}

/// The record that a create of this one document sends by SOAP.
func soapSent(_ document: LedgerDocument, _ connection: ConnectionFacts = facts) throws -> XMLElement {
    let call = try #require(drive(soap, soap.create([document], attempt: "a", connection)).calls.first)
    #expect(call.kind == .write && call.request.fields["SOAPAction"] == "\"addList\"")
    let list = try operation(call).all("record")
    #expect(list.count == 1)
    return try #require(list.first)
}

/// An element as `name(child,child)` or `name=text`, with the id that it refers to.
func sketch(_ element: XMLElement) -> String {
    let name = element.name.local
    if let id = element.attribute("internalId"), element.children.isEmpty { return "\(name)#\(id)" }
    return element.children.isEmpty ? "\(name)=\(element.text)" : "\(name)(\(element.children.map(sketch).joined(separator: " ")))"
}
