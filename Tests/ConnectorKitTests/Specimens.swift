import Books
import Catalog
import ConnectorKit
import FoundationEssentials
import Kernel
import Testing
import Wire

/// Every connector there is, by id: a new one is tested by being listed.
let allIDs: [String] = Catalog.connectors.map(\.spec.id)
/// Ledgers that have no API: nothing is sent to them.
let fileIDs: [String] = Catalog.connectors.filter { $0 is any FileLedger }.map(\.spec.id)
/// Those that are spoken to over the net.
let ids: [String] = Catalog.connectors.filter { !($0 is any FileLedger) }.map(\.spec.id)
let sourceIDs: [String] = Catalog.connectors.filter { $0 is any SourceConnector }.map(\.spec.id)
/// Those that are called at all, and sources that are asked for what changed: of a contract of ours everything comes by itself.
let calledIDs: [String] = Catalog.connectors.filter { !$0.spec.isInbound && !($0 is any FileLedger) }.map(\.spec.id)
let askedIDs: [String] = sourceIDs.filter(calledIDs.contains)
let ledgerIDs: [String] = Catalog.connectors.filter { $0 is any LedgerConnector && !($0 is any FileLedger) }.map(\.spec.id)

func connector(_ id: String) throws -> any Connector { try #require(Catalog.byID[id]) }
func source(_ id: String) throws -> any SourceConnector { try #require(Catalog.byID[id] as? any SourceConnector) }
func ledger(_ id: String) throws -> any LedgerConnector { try #require(Catalog.byID[id] as? any LedgerConnector) }

/// The checkout's root.
let root: URL = {
    var folder = URL(filePath: #filePath).resolvingSymlinksInPath()
    for _ in 0 ..< 3 { folder.deleteLastPathComponent() }
    return folder
}()

func bytes(_ path: String) throws -> [UInt8] { Array(try Data(contentsOf: root.appending(path: path))) }
func text(_ path: String) throws -> String { String(decoding: try bytes(path), as: UTF8.self) }

/// What a platform really says: `Fixtures/<id>.json`, laid down once with a new connector.
///
/// - `account`: of a connection there.
/// - `ids`: `number` where a ledger's ids are numbers; GUIDs otherwise.
/// - `bank`: the `type` of a bank account and what its id begins with (`prefix`), where a ledger tells these from others.
/// - `answers`: good ones, each `{"status", "headers", "body" or "text"}`.
/// - `errors`: the vendor's own, each with the `read` and `write` verdict it must lead to and its `source`.
/// - of a source: `page` (a sweep's answer that has a next page, and that page's `cursor`), `webhook` (a delivery signed by other means than ours;
///   with `signed_at` and `tolerance_s` where the platform dates its signatures)
///   and `records` (topic and file of recorded bodies).
struct Specimen: Sendable {
    struct Problem: Sendable {
        var response: HTTPResponse
        var read: String
        var write: String
        var source: String
    }

    let json: JSON
    let account: String
    let answers: [HTTPResponse]
    let errors: [Problem]

    init(_ id: String) throws {
        json = try JSON(parsing: bytes("Tests/ConnectorKitTests/Fixtures/\(id).json"))
        account = try #require(json["account"]?.string)
        answers = (json["answers"]?.array ?? []).map(Self.response)
        errors = (json["errors"]?.array ?? []).map {
            Problem(
                response: Self.response($0), read: $0["read"]?.string ?? "", write: $0["write"]?.string ?? "",
                source: $0["source"]?.string ?? "")
        }
        try #require(!answers.isEmpty || !calledIDs.contains(id), "the specimen has none of the platform's answers yet")
    }

    static func response(_ json: JSON) -> HTTPResponse {
        var fields: HTTPFields = ["Content-Type": json["text"] == nil ? "application/json" : "text/html"]
        for (name, value) in json["headers"]?.object ?? [] { fields[name] = value.string }
        let body = json["text"]?.string.map { Array($0.utf8) } ?? json["body"]?.bytes ?? []
        return HTTPResponse(json["status"]?.int ?? 200, fields: fields, body: body)
    }

    /// Facts with a marker in the place of every credential that a connection might wrongly have been given as a setting.
    var facts: ConnectionFacts {
        var settings: [String: String] = [:]
        for name in [
            "token", "access_token", "refresh_token", "client_secret", "api_key", "password", "webhook_secret",
        ] { settings[name] = marker }
        return ConnectionFacts(account: account, settings: settings)
    }
}

let marker = "MARKED-cr3dential"

/// What a program between us and the platform may say, and what no platform's format explains.
let foreignBodies: [(name: String, bytes: [UInt8])] = [
    ("nothing", []), ("a space", [32]),
    ("HTML", Array("<html><head><title>502 Bad Gateway</title></head></html>".utf8)),
    ("broken JSON", Array(#"{"Invoices":[{"InvoiceID":"0000"#.utf8)), ("bytes", [0xff, 0xfe, 0, 1]),
    ("a null", Array("null".utf8)), ("a list", Array("[]".utf8)),
    ("a number", Array("-1e30".utf8)), ("a text", Array(#""OK""#.utf8)),
    ("deep lists", Array(repeating: UInt8(ascii: "["), count: 5_000)),
]

/// The same and objects that say nothing a connector knows.
let oddBodies: [(name: String, bytes: [UInt8])] =
    foreignBodies + [
        ("an empty object", Array("{}".utf8)), ("an object", Array(#"{"ok":true}"#.utf8)),
        ("an unknown error", Array(#"{"error":"teapot","code":"X-1"}"#.utf8)),
        (
            "nulls",
            Array(#"{"data":null,"errors":null,"Fault":null,"fault":null,"Elements":null,"QueryResponse":null}"#.utf8)
        ),
        (
            "wrong shapes",
            Array(
                #"{"data":7,"errors":{"a":[]},"Fault":[],"fault":"x","Elements":{},"QueryResponse":[[]],"Message":{}}"#
                    .utf8)
        ),
    ]

// MARK: Driving

enum Ending<Output: Sendable>: Sendable {
    case finished(Output)
    case failed(Fault)
    case judged(Verdict)
    /// More calls than the bound.
    case endless

    var output: Output? { if case .finished(let output) = self { output } else { nil } }
}

/// Plays an exchange as the courier does: an answer is handed on only when the connector's judge accepts it.
func play<Output>(
    _ exchange: Exchange<Output>, _ connector: any Connector, most: Int = 40, _ answer: (Call, Int) -> HTTPResponse
) -> (ending: Ending<Output>, calls: [Call]) {
    var step = exchange
    var calls: [Call] = []
    while true {
        switch step {
        case .finish(let output): return (.finished(output), calls)
        case .fail(let fault): return (.failed(fault), calls)
        case .send(let call, let then):
            guard calls.count < most else { return (.endless, calls) }
            calls.append(call)
            let response = answer(call, calls.count - 1)
            let verdict = connector.judge(response, to: call)
            guard verdict == .accepted else { return (.judged(verdict), calls) }
            step = then(response)
        }
    }
}

/// All that a conversation may send, whichever of the answers come: it goes on as far as one of them lets it, nearest calls first.
func reached<Output>(_ begin: Exchange<Output>, _ connector: any Connector, _ answers: [HTTPResponse], most: Int) -> [Call] {
    var queue = [begin][...], out: [Call] = []
    while let step = queue.popFirst(), out.count < most {
        guard case .send(let call, let then) = step else { continue }
        out.append(call)
        queue += answers.filter { connector.judge($0, to: call) == .accepted }.map(then)
    }
    return out
}

func word(_ verdict: Verdict) -> String {
    switch verdict {
    case .accepted: "accepted"
    case .throttled: "throttled"
    case .unavailable: "unavailable"
    case .reauthorize: "reauthorize"
    case .duplicate: "duplicate"
    case .rejected: "rejected"
    case .outcomeUnknown: "outcomeUnknown"
    }
}

func fault(_ verdict: Verdict) -> Fault? {
    switch verdict {
    case .accepted, .throttled: nil
    case .unavailable(let fault), .reauthorize(let fault), .duplicate(let fault), .rejected(let fault),
        .outcomeUnknown(let fault):
        fault
    }
}

// MARK: Documents

/// `0000000000000001`.
func key(_ n: Int) -> PostKey {
    let digits = String(n)
    guard let key = PostKey(String(repeating: "0", count: 16 - digits.count) + digits) else {
        preconditionFailure("a number is a key")
    }
    return key
}

func guid(_ n: Int) -> String {
    "00000000-0000-4000-8000-" + String(repeating: "0", count: 12 - String(n).count) + String(n)
}

/// Ledgers whose ids are numbers; of all others they are GUIDs.
private let numbered: Set<String> = Set(ledgerIDs.filter { id in (try? Specimen(id))?.json["ids"]?.string == "number" })

/// How a ledger writes bank accounts, where it tells them from others.
private let banks: [String: (type: String, prefix: String)] = {
    var out: [String: (type: String, prefix: String)] = [:]
    for id in ledgerIDs {
        guard let bank = (try? Specimen(id))?.json["bank"] else { continue }
        out[id] = (bank["type"]?.string ?? "", bank["prefix"]?.string ?? "")
    }
    return out
}()

/// The n-th id as the ledger writes ids.
func remoteID(_ n: Int, at id: String) -> String { numbered.contains(id) ? String(n) : guid(n) }

/// A document such as every ledger takes: bound accounts, items and party, without tax.
func document(
    _ form: PostingForm, _ n: Int = 1, at id: String, amount: Int64 = 1_000, remote: Bool = false,
    effect: PlannedPosting.Effect = .post, marks: String = ""
) -> LedgerDocument {
    func line(_ part: PostingLine.Part, _ role: Role, _ amount: Int64, _ code: String, item: String? = nil)
        -> LedgerDocument.Line
    {
        let bank = ["clearing", "bank"].contains(role.family) ? banks[id] : nil
        return LedgerDocument.Line(
            plan: PostingLine(
                part, role: role, amount: Money(minor: amount, .usd), group: part == .goods ? "L1" : "",
                derivedFrom: ["O-1"], text: part == .goods ? "Mug\(marks)" : "",
                sku: part == .goods ? "MUG\(marks)" : "", quantity: part == .goods ? .one : nil),
            account: BoundAccount(
                code: code, remoteID: (bank?.prefix ?? "") + ConnectorKitTests.remoteID(Int(code) ?? 9, at: id), name: "Account \(code)", active: true, rule: "test",
                type: bank?.type ?? ""),
            taxCode: "NONE", item: item)
    }
    let control = "receivable:shop"
    let lines: [LedgerDocument.Line]
    var against: PostingForm?
    switch form {
    case .creditNote:
        lines = [
            line(.goods, "returns_allowances", amount, "491", item: "31"),
            line(.control, Role(control), -amount, "610"),
        ]
    case .payment:
        lines = [line(.tender, "clearing:card:USD", amount, "611"), line(.control, Role(control), -amount, "610")]
        against = .invoice
    case .refundPayment:
        lines = [line(.control, Role(control), amount, "610"), line(.tender, "clearing:card:USD", -amount, "611")]
        against = .creditNote
    case .journal:
        lines = [line(.control, "tips_payable", amount, "832"), line(.tender, "clearing:card:USD", -amount, "611")]
    case .salesReceipt:
        lines = [
            line(.tender, "clearing:card:USD", amount, "611"), line(.goods, "sales:homeware", -amount, "200", item: "19"),
        ]
    case .deposit:
        lines = [line(.tender, "clearing:card:USD", amount, "611"), line(.control, "customer_deposits", -amount, "835")]
    case .payout:
        lines = [line(.tender, "bank:USD", amount, "100"), line(.control, "clearing:card:USD", -amount, "611")]
    case .bill, .purchaseOrder:
        lines = [line(.goods, "inventory", amount, "630", item: "41"), line(.control, "payable:shop", -amount, "800")]
    default:
        lines = [
            line(.control, Role(control), amount, "610"), line(.goods, "sales:homeware", -amount, "200", item: "19"),
        ]
    }
    let plan = PlannedPosting(
        subject: "O-\(n)", form: form, effect: effect, caseID: "O-\(n)", covers: ["O-\(n)"],
        date: LocalDate(daysSince1970: 20_771), currency: .usd,
        total: Money(minor: amount, .usd), lines: lines.map(\.plan), party: "shop",
        appliesTo: against.map { PlannedPosting.Reference(form: $0, subject: "O-\(n)") })
    return LedgerDocument(
        key: key(n), revision: 1, plan: plan, lines: lines, reference: "order \(n)\(marks)", party: ConnectorKitTests.remoteID(58, at: id),
        appliesTo: against == nil ? nil : ConnectorKitTests.remoteID(77, at: id),
        remoteID: remote ? ConnectorKitTests.remoteID(n + 40, at: id) : nil, remoteVersion: remote ? "1" : nil)
}

let forms: [PostingForm] = [.invoice, .creditNote, .payment, .refundPayment, .journal]

extension Seeded {
    private static let pieces: [JSON] = [
        .null, .bool(true), "", [], [:], -1, 0, "0", "-0.005", "1e30", .number("1e30"),
        .number("-99999999999999999999999999999999999.99"), "9223372036854775808",
        .number("9223372036854775807"), "JPY", "XXX", "USD", "2026-02-30", "9999-12-31T23:59:60Z",
        "/Date(9999999999999999)/", "gid://shopify/Order/", "\u{0}\u{1b}[2J\n",
        .string(String(repeating: "é", count: 2_000)), .array([.null, [:]]), true, "null",
    ]

    /// A few of the value's members changed, taken away or doubled, or its bytes bent.
    mutating func spoiled(_ value: JSON) -> [UInt8] {
        let rate = pick([6, 20, 60, 200])
        var bytes = changed(value, rate).bytes
        if flip(6), !bytes.isEmpty { bytes[int(0 ... bytes.count - 1)] = UInt8(int(0 ... 255)) }
        if flip(12) { bytes = Array(bytes.prefix(int(0 ... bytes.count))) }
        return bytes
    }

    private mutating func changed(_ value: JSON, _ rate: Int) -> JSON {
        switch value {
        case .object(let members):
            var out: [(key: String, value: JSON)] = []
            for (key, value) in members where !flip(rate * 2) {
                out.append((key: key, value: flip(rate) ? pick(Self.pieces) : changed(value, rate)))
            }
            return .object(out)
        case .array(let elements):
            let out = elements.map { flip(rate) ? pick(Self.pieces) : changed($0, rate) }
            return .array(flip(rate) ? out + out : out)
        default: return value
        }
    }
}
