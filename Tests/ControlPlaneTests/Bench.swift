import Books
import ConnectorKit
import Crypto
import FoundationEssentials
import Inbound
import Kernel
import Postgres
import Store
import Telemetry
import TestKit
import Wire

@testable import ControlPlane

/// A control plane on a database of its own, called in process, and what makes the rows that a test needs.
struct Bench {
    let database: TemporaryDatabase
    let plane: ControlPlane
    let store: Store
    /// The superuser's store, which sees through row security.
    let root: Store
    let log: LogBook
    let metrics: Metrics
    let clocks: SteppedClocks
    let intakeKey: AEADKey
    /// The operator's key.
    let key: String

    static func make(on cluster: Cluster? = nil, patience: Duration = .seconds(20), publicURL: String? = "https://cf.test") async throws -> Bench {
        let database = try await TemporaryDatabase.make(on: cluster)
        let store = Store(PostgresPool(database.supervisor, size: 4, patience: patience))
        let root = Store(PostgresPool(database.superuser, size: 1, patience: patience))
        let log = LogBook(), metrics = Metrics(), clocks = SteppedClocks()
        let intakeKey = AEADKey.random(SystemRandom())
        let configuration = ControlPlaneConfiguration(
            host: "127.0.0.1", port: 0, intakeKey: intakeKey, allowedHosts: ["127.0.0.1:8099", "books.example.com", "plain.example.com", "books=127.0.0.1:8099", "stall=127.0.0.1:8099", "gate=127.0.0.1:8090", "alerts=127.0.0.1:8097"], version: "test",
            operatorParts: ["books": ["webhook_key": Secret("app-key"), "client_id": Secret("books-app"), "client_secret": Secret("books-hush")], "gate": ["sender": Secret("house"), "sender_password": Secret("operators-hush"), "user": Secret("nobody")],
                "stall": ["client_id": Secret("stall-app"), "client_secret": Secret("stall-hush")]],
            publicURL: publicURL)
        let plane = try ControlPlane(
            store: store,
            connectors: [
                "shop": FakeShop(), "books": FakeBooks(), "vault": FakeVault(), "gate": FakeGate(), "inbox": FakeContract(), "erp": InboundConnector(.erp), "paper": FakePaper(), "stall": FakeStall(),
            ],
            configuration: configuration,
            clocks: clocks, random: SystemRandom(), log: Log(component: "test", least: .debug, sink: log.write), metrics: metrics)
        let key = try await store.createKey(
            consultancy: nil, tenant: nil, label: "operator", scopes: ["admin"], actor: "test", random: SystemRandom())
        return Bench(
            database: database, plane: plane, store: store, root: root, log: log, metrics: metrics, clocks: clocks, intakeKey: intakeKey,
            key: key.revealText())
    }

    // MARK: Asking

    func raw(_ method: HTTPMethod, _ target: String, _ body: [UInt8] = [], fields: HTTPFields = [:]) async -> HTTPResponse {
        let request = HTTPRequest(method, target, fields: fields, body: body)
        let response = await plane.desk.answer(request)
        Conformance.hold(request, response)
        return response
    }

    func call(_ method: HTTPMethod, _ target: String, _ body: JSON? = nil, key: String? = nil, more: [(String, String)] = []) async -> Answer {
        var fields = HTTPFields()
        fields.append("Authorization", "Bearer \(key ?? self.key)")
        var bytes: [UInt8] = []
        if let body {
            fields.append("Content-Type", "application/json")
            bytes = body.bytes
        }
        for (name, value) in more { fields.append(name, value) }
        return Answer(await raw(method, target, bytes, fields: fields))
    }

    // MARK: Making

    func consultancy(_ slug: String = "north") async throws -> String {
        try await call(.post, "/v1/consultancies", ["slug": .string(slug), "name": "North Advisers"]).id()
    }

    /// A tenant with keys, as the scheduler would have given them.
    func tenant(_ slug: String = "prairie", of consultancy: String? = nil, keys: Bool = true) async throws -> Place {
        var owner = consultancy
        if owner == nil { owner = try await self.consultancy("c-\(slug)") }
        let id = try await call(.post, "/v1/tenants", ["consultancy": .string(owner ?? ""), "slug": .string(slug), "name": "Prairie Goods"]).id()
        guard let tenant = TenantID(id) else { throw Missing(what: "tenant id") }
        let pair = try BoxPrivateKey.generate(random: SystemRandom())
        if keys { try await store.giveKeys(tenant, publicKey: pair.publicKey.bytes, wrapped: [1, 2, 3]) }
        return Place(id: tenant, consultancy: owner ?? "", privateKey: pair)
    }

    /// With organisation, both connections, structure, rules and a flow.
    func furnished(_ slug: String = "prairie", of consultancy: String? = nil) async throws -> Furnished {
        let tenant = try await tenant(slug, of: consultancy)
        let path = "/v1/tenants/\(tenant.id)"
        let organisation = try await call(.post, "\(path)/organisations", [
            "slug": "main", "name": "Prairie Goods LLC", "country": "US", "base_currency": "USD", "time_zone": "America/Chicago",
        ]).id()
        let source = try await call(.post, "\(path)/connections", ["slug": "shop", "platform": "shop", "account": "prairie"]).id()
        let ledger = try await call(.post, "\(path)/connections", [
            "slug": "books", "platform": "books", "account": "9130", "base_url": "http://127.0.0.1:8099/books",
        ]).id()
        let structure = await call(.put, "\(path)/structure", Bench.structure)
        let rules = await call(.put, "\(path)/rules", Bench.rules)
        guard structure.status == 201, rules.status == 201 else { throw Missing(what: "structure or rules: \(structure.text) \(rules.text)") }
        let flow = try await call(.post, "\(path)/flows", [
            "slug": "sales", "organisation": .string(organisation), "source": .string(source), "ledger": .string(ledger), "policies": ["edit": "delta"],
            "cut_over": "2026-11-01", "poll_seconds": 60,
        ]).id()
        guard let s = ConnectionID(source), let l = ConnectionID(ledger), let f = FlowID(flow) else { throw Missing(what: "ids") }
        return Furnished(tenant: tenant, organisation: organisation, source: s, ledger: l, flow: f)
    }

    static let structure: JSON = [
        "accounts": ["sales:*": "4010", "receivable:*": "1200", "clearing:*": "1310", "tax_payable:*": "2200"], "tax_codes": ["US-CO@8": "TAX"],
        "house_customer": "Shop customers",
    ]
    static let rules: JSON = ["reason_codes": ["damaged"], "rules": [["name": "homeware", "when": ["sku": "HOM-*"], "set": ["group": "homeware"]]]]

    /// Every connection to the books works, as its worker would have found.
    func connected() async throws { try await root.pool.query("UPDATE app.connections SET state = 'live', credential = 'x' WHERE platform = 'books'") }

    func key(_ label: String, consultancy: String? = nil, tenant: TenantID? = nil, scopes: [String]) async throws -> String {
        try await store.createKey(
            consultancy: consultancy.flatMap { ConsultancyID($0) }, tenant: tenant, label: label, scopes: scopes, actor: "test", random: SystemRandom()
        ).revealText()
    }

    /// A number that the superuser reads.
    func count(_ sql: SQL) async throws -> Int { try await root.pool.query(sql).first?.get(0) ?? -1 }

    func webhook(_ connection: ConnectionID, _ body: String, id: String, secret: String = "whs", topic: String = "orders/create") async -> HTTPResponse {
        let bytes = Array(body.utf8)
        return await raw(.post, "/hooks/\(connection)", bytes, fields: ["X-Signature": HMAC.sha256(key: Array(secret.utf8), bytes).hexText, "X-Id": id, "X-Topic": topic])
    }
}

struct Missing: Error { var what: String }

struct Place: Sendable {
    var id: TenantID
    var consultancy: String
    var privateKey: BoxPrivateKey
}

struct Furnished: Sendable {
    var tenant: Place
    var organisation: String
    var source: ConnectionID
    var ledger: ConnectionID
    var flow: FlowID
}

/// An answer with its body read.
struct Answer: Sendable {
    var status: Int
    var fields: HTTPFields
    var json: JSON
    var text: String

    init(_ response: HTTPResponse) {
        status = response.status
        fields = response.fields
        text = response.bodyText
        json = (try? JSON(parsing: response.body)) ?? .null
    }

    var code: String { json["code"]?.string ?? "" }
    var items: [JSON] { json["items"]?.array ?? [] }
    func id() throws -> String {
        guard status == 201, let id = json["id"]?.string else { throw Missing(what: "\(status) \(text)") }
        return id
    }
}

/// Log lines, kept.
final class LogBook: Sendable {
    private let lines = Locked<[String]>([])
    var text: String { lines.with { $0.joined() } }
    var write: @Sendable ([UInt8]) -> Void { { bytes in self.lines.with { $0.append(String(decoding: bytes, as: UTF8.self)) } } }
}

/// The machine's clocks, moved forward on demand: caches expire without waiting.
final class SteppedClocks: Clocks {
    private let ahead = Locked<Duration>(.zero)
    func now() -> Timestamp { SystemClocks().now() + ahead.with { $0 } }
    func monotonic() -> Duration { SystemClocks().monotonic() + ahead.with { $0 } }
    func step(_ by: Duration) { ahead.with { $0 += by } }
}

/// Signs in at the console.
func logIn(_ bench: Bench, _ key: String, origin: String? = "http://cf.test") async -> HTTPResponse {
    var fields: HTTPFields = ["Host": "cf.test", "Content-Type": "application/x-www-form-urlencoded"]
    if let origin { fields["Origin"] = origin }
    return await bench.raw(.post, "/session", Array(Form.encode([("key", key)]).utf8), fields: fields)
}

/// The session that a sign-in opened.
func cookie(_ response: HTTPResponse) -> String { String((response.fields["Set-Cookie"] ?? "").prefix { $0 != ";" }) }
