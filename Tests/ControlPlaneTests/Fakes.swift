import Books
import ConnectorKit
import Crypto
import Kernel
import Wire

private let consent = Authentication.oauth2(.init(
    authorizeURL: "https://books.example.com/authorize", tokenURL: "https://books.example.com/token", tokenPath: "/token", clientProof: .basic, scopes: [],
    refreshGrace: .zero, tokenHeader: ("X-Token", "")))

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
        auth: auth, headers: ["Accept": "application/json"], limits: [], concurrency: 1, batchSizes: [:], pageSize: 10, fieldLengths: [:],
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

/// A platform to log in at; nothing else.
struct FakeVault: Connector {
    let spec: PlatformSpec
    init() { spec = ControlPlaneTests.spec("vault", [.ledger], login) }
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
    func meant(_ document: LedgerDocument) -> LedgerReadback {
        LedgerReadback(
            key: document.key, remoteID: "", version: nil, date: nil, currency: nil, total_minor: 0, tax_minor: nil, party: nil, accounts: [:], voided: false)
    }
}
