import Books
import ConnectorKit
import Crypto
import Kernel
import Wire

private let consent = Authentication.oauth2(.init(
    authorizeURL: "https://books.example.com/authorize", tokenURL: "https://books.example.com/token", tokenPath: "/token", clientProof: .basic, scopes: [],
    refreshGrace: .zero, tokenHeader: ("X-Token", ""),
    consent: .init(path: "/authorize", takesChallenge: true, account: .callback("realmId"), mayEndFormer: true, access: ["read and write invoices"])))

/// Signs its callbacks, and its consent page names the account.
private let signed = Authentication.oauth2(.init(
    authorizeURL: "https://{account}.stall.example.com/authorize", tokenURL: "https://{account}.stall.example.com/token", tokenPath: "/token", clientProof: .body,
    scopes: ["a", "b"], refreshGrace: .zero,
    consent: .init(
        path: "/authorize", scopeSeparator: ",", account: .callback("shop", ending: ".stall.example.com"), signature: .sortedPairs("hmac"), access: ["read orders"],
        told: (scopes: ["c"], access: "write a line beside orders"))))

/// Logs in: a company, a user and a password, and a key that signs.
private let login = Authentication.session(.init(
    parts: [
        CredentialPart("company", "the company's id", isSecret: false), CredentialPart("password", "the password"),
        CredentialPart("private_key", "the key", form: .privateKey, isRequired: false),
    ],
    gives: [SessionValue("sid", .cookie("SID"))], headers: [FilledHeader("Cookie", .cookies(["sid"]))]) { _ in
        Call(.read, HTTPRequest(.post, "/login"), body: "{\"company\":\(json: .part("company")),\"password\":\(json: .part("password"))}")
    })

private func spec(_ id: String, _ roles: [PlatformSpec.Role], _ auth: Authentication = .header("X-Token")) -> PlatformSpec {
    PlatformSpec(
        id: id, name: id, roles: roles, productionBase: "https://\(id).example.com", sandboxBase: "https://sandbox.\(id).example.com",
        auth: auth, headers: ["Accept": "application/json"], limits: [RateLimit(name: "minute", scope: .connection, amount: 100, window: .seconds(60))], concurrency: 1, batchSizes: [:], pageSize: 10, fieldLengths: [:],
        idempotency: Idempotency(nativeKeyLifetime: nil, searchable: true, findSettles: .zero), tax: .documentTotal, dimensions: [],
        revisesPaidInvoices: true, apiVersion: "1", sunset: nil, sources: [:])
}

private let none = Fault("not_here", stage: .sandbox, disposition: .bug, summary: "the fake has no such call")

/// Signs with HMAC-SHA-256 in hexadecimal; `X-Signed-At` dates it.
struct FakeShop: SourceConnector {
    let spec: PlatformSpec
    init() { spec = ControlPlaneTests.spec("shop", [.source]) }

    func judge(_: HTTPResponse, to _: Call) -> Verdict { .accepted }
    func identify(_: ConnectionFacts) -> Exchange<AccountIdentity> { .fail(none) }
    func sweep(since _: Timestamp, cursor _: String?, _: ConnectionFacts) -> Exchange<SweepPage> { .fail(none) }
    func fetch(_: String, _: ConnectionFacts) -> Exchange<RawRecord?> { .fail(none) }
    func normalize(_: RawRecord, _: ConnectionFacts) throws(Fault) -> Normalized { Normalized(documents: []) }
    var settings: [String: String] { ["post_currency": "shop or presentment"] }

    func verify(_ fields: HTTPFields, body: [UInt8], secret: Secret) -> WebhookDelivery? {
        guard let signature = fields["X-Signature"], let id = fields["X-Id"],
            constantTimeEquals(Array(signature.utf8), Array(HMAC.sha256(key: secret.reveal(), body).hexText.utf8))
        else { return nil }
        let signed = fields["X-Signed-At"].flatMap { Timestamp(rfc3339: $0) }
        return WebhookDelivery(
            topic: fields["X-Topic"] ?? "orders/create", deliveryID: id, valid: signed.map { $0 - .seconds(300) ... $0 + .seconds(300) })
    }

    func uses(topic: String) -> Bool { topic != "products/update" }

    func isTrial(_ fields: HTTPFields, body: [UInt8]) -> Bool { fields["X-Signature"] == nil && body == Array("hook=7".utf8) }
}

/// Writes to a contract: an event is `{"id", "type"}`, and nothing else unless `lax` is set; a file has an id a line.
struct FakeContract: ContractSource {
    let spec: PlatformSpec
    init() {
        var spec = ControlPlaneTests.spec("inbox", [.source], .keys(.init(parts: [], headers: [])))
        (spec.productionBase, spec.sandboxBase) = ("", nil)
        self.spec = spec
    }

    func judge(_: HTTPResponse, to _: Call) -> Verdict { .accepted }
    func identify(_: ConnectionFacts) -> Exchange<AccountIdentity> { .fail(none) }
    func sweep(since _: Timestamp, cursor _: String?, _: ConnectionFacts) -> Exchange<SweepPage> { .fail(none) }
    func fetch(_: String, _: ConnectionFacts) -> Exchange<RawRecord?> { .fail(none) }
    func normalize(_: RawRecord, _: ConnectionFacts) throws(Fault) -> Normalized { Normalized(documents: []) }
    /// Signed by saying the secret; named by the event's id.
    func verify(_ fields: HTTPFields, body: [UInt8], secret: Secret) -> WebhookDelivery? {
        guard fields["X-Secret"] == secret.revealText(), let id = (try? JSON(parsing: body))?["id"]?.string else { return nil }
        return WebhookDelivery(topic: "sale", deliveryID: id, content: Digest.sha256(body))
    }
    var settings: [String: String] { ["lax": "true takes anything"] }
    var layouts: [(name: String, columns: [String])] { [("sale", ["id"])] }

    func check(_ event: JSON, _ connection: ConnectionFacts) -> ContractReading {
        let odd = (event.object ?? []).filter { !["id", "type"].contains($0.key) }.map { ContractFinding("/\($0.key)", "is unknown", "Leave it out.") }
        let lax = connection.settings["lax"] == "true"
        var findings = lax ? [] : odd
        if event["id"]?.string == nil { findings.append(ContractFinding("/id", "is missing", "Add it.")) }
        return ContractReading(
            id: event["id"]?.string, topic: event["type"]?.string ?? "sale", findings: findings, warnings: lax ? odd : [], content: Digest.sha256(event.bytes))
    }

    func records(of bytes: [UInt8], layout: String, digest: String, _: ConnectionFacts) -> ContractFile {
        let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
        let wrong = lines.enumerated().filter { $0.element == "wrong" }.map { ContractFinding("line \($0.offset + 1)", "is wrong", "Mend it.") }
        let records = lines.enumerated().map { RawRecord(topic: layout, deliveryID: "file:\(digest):\($0.offset)", body: Array($0.element.utf8)) }
        return ContractFile(records: wrong.isEmpty ? records : [], findings: wrong)
    }
}

/// A platform to log in at; nothing else.
struct FakeVault: Connector {
    let spec: PlatformSpec
    init() { spec = ControlPlaneTests.spec("vault", [.ledger], login) }
    func judge(_: HTTPResponse, to _: Call) -> Verdict { .accepted }
    func identify(_: ConnectionFacts) -> Exchange<AccountIdentity> { .fail(none) }
}

/// A shop's platform whose callbacks are signed; nothing else.
struct FakeStall: Connector {
    let spec: PlatformSpec
    init() { spec = ControlPlaneTests.spec("stall", [.source], signed) }
    func judge(_: HTTPResponse, to _: Call) -> Verdict { .accepted }
    func identify(_: ConnectionFacts) -> Exchange<AccountIdentity> { .fail(none) }
}

/// Knows the operator by a sender of his, and the tenant by a user.
struct FakeGate: Connector {
    let spec: PlatformSpec
    init() {
        spec = ControlPlaneTests.spec("gate", [.ledger], .keys(Authentication.Keys(
            parts: [
                CredentialPart("sender", "the operator's name there", isSecret: false, isOperators: true),
                CredentialPart("sender_password", "its password", isOperators: true), CredentialPart("user", "the user", isSecret: false),
            ], headers: [])))
    }
    func judge(_: HTTPResponse, to _: Call) -> Verdict { .accepted }
    func identify(_: ConnectionFacts) -> Exchange<AccountIdentity> { .fail(none) }
}

/// A ledger without an API: files alone.
struct FakePaper: FileLedger {
    let spec: PlatformSpec
    init() { spec = ControlPlaneTests.spec("paper", [.ledger], .none) }
    var settings: [String: String] { ["import_dates": "mdy or dmy"] }
    func accounts(_ file: [UInt8]) throws(Fault) -> [LedgerAccount] { try AccountList.read(file, code: ["number"], name: ["name"], type: ["type"]) }
}

/// Writes a document as its key, party, accounts and amounts.
struct FakeBooks: LedgerConnector {
    let spec: PlatformSpec
    init() { spec = ControlPlaneTests.spec("books", [.ledger], consent) }

    func judge(_: HTTPResponse, to _: Call) -> Verdict { .accepted }
    func identify(_: ConnectionFacts) -> Exchange<AccountIdentity> { .fail(none) }
    func chart(_: ConnectionFacts) -> Exchange<Chart> { .fail(none) }
    func itemKey(of line: LedgerDocument.Line) -> String? { line.plan.sku.isEmpty ? nil : line.plan.sku }
    func references(for document: LedgerDocument) -> [ReferenceWant] {
        let items = document.lines.compactMap { line in itemKey(of: line).map { ReferenceWant(kind: .item, key: $0, name: $0, text: $0) } }
        return [ReferenceWant(kind: .party, key: "shop", name: "Shop", text: "Shop")] + items
    }
    func findReferences(_: [ReferenceWant], _: ConnectionFacts) -> Exchange<[String: String]> { .fail(none) }
    func createReferences(_: [ReferenceWant], _: ConnectionFacts) -> Exchange<[String: String]> { .fail(none) }
    func batchGroup(of _: LedgerDocument) -> String { "" }

    func create(_ documents: [LedgerDocument], attempt: String, _ connection: ConnectionFacts) -> Exchange<[PostOutcome]> {
        let body = JSON.array(documents.map { document in
            .object([
                ("key", .string(document.key.text)), ("party", .optional(document.party)),
                ("lines", .array(document.lines.map { line in
                    .object([("account", .string(line.account.code)), ("minor", .number("\(line.plan.amount.minor)")), ("item", .optional(line.item))])
                })),
            ])
        })
        let request = HTTPRequest(.post, "/companies/\(connection.account)/documents?attempt=\(attempt)", fields: ["Content-Type": "application/json"], body: body.bytes)
        return .send(Call(.write, request)) { _ in .finish([]) }
    }
    func update(_: LedgerDocument, attempt _: String, _: ConnectionFacts) -> Exchange<PostOutcome> { .fail(none) }
    func void(_: LedgerDocument, attempt _: String, _: ConnectionFacts) -> Exchange<PostOutcome> { .fail(none) }
    func find(_: [LedgerDocument], _: ConnectionFacts) -> Exchange<[PostKey: LedgerReadback]> { .fail(none) }
    func fetch(_: [LedgerDocument], _: ConnectionFacts) -> Exchange<[PostKey: LedgerReadback]> { .fail(none) }
    /// A line a notice: `account object id change [notice's id]`; signed by saying the key.
    func notices(_ fields: HTTPFields, body: [UInt8], secret: Secret) throws(Fault) -> [LedgerNotice]? {
        guard fields["X-Key"] == secret.revealText() else { return nil }
        var out: [LedgerNotice] = []
        for line in String(decoding: body, as: UTF8.self).split(separator: "\n") {
            let words = line.split(separator: " ").map(String.init)
            guard words.count >= 4, let change = LedgerNotice.Change(rawValue: words[3]) else {
                throw Fault("unreadable_notice", stage: .confirm, disposition: .hold, summary: "a line is no notice")
            }
            out.append(LedgerNotice(account: words[0], object: words[1], remoteID: words[2], change: change, id: words.count > 4 ? words[4] : nil))
        }
        return out
    }
    func meant(_ document: LedgerDocument) -> LedgerReadback {
        LedgerReadback(
            key: document.key, remoteID: "", version: nil, date: nil, currency: nil, total_minor: 0, tax_minor: nil, party: nil, accounts: [:], voided: false)
    }
}
