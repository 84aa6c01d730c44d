import AlertRules
import Crypto
import Foundation
import HTTPClient
import HTTPServer
import Kernel
import Postgres
import Store
import Telemetry
import Testing
import TestKit
import Wire

@testable import Alerts

/// Somebody who receives webhooks and Alertmanagers' alerts, and answers as told.
final class Receiver: Sendable {
    struct State: Sendable {
        var requests: [HTTPRequest] = []
        /// Of the next answers; 200 when there is none.
        var statuses: [Int] = []
    }

    let state = Locked(State())

    func receive(_ request: HTTPRequest) -> HTTPResponse {
        HTTPResponse(state.with { state in
            state.requests.append(request)
            return state.statuses.isEmpty ? 200 : state.statuses.removeFirst()
        })
    }

    var requests: [HTTPRequest] { state.with { $0.requests } }
    func next(_ statuses: Int...) { state.with { $0.statuses = statuses } }
}

/// A house, the service that tells people, and somebody to tell.
struct Tower {
    static let secret = "hush-hush-hush-hush"
    let house: House
    let service: AlertService
    let receiver: Receiver
    let url: String

    static func with(_ body: @escaping @Sendable (Tower) async throws -> Void) async throws {
        let receiver = Receiver()
        let server = try HTTPServer(HTTPServerConfiguration()) { request, _ in receiver.receive(request) }
        let task = Task { try await server.run() }
        defer { task.cancel() }
        try await House.with { house async throws in
            let key = try BoxPrivateKey.generate(random: SystemRandom())
            let client = HTTPClient(policy: EgressPolicy(allowedHosts: ["127.0.0.1:\(server.port)"]))
            let service = AlertService(
                AlertConfiguration(base: "https://books.example.com/", key: key, mail: nil), store: house.supervisor, client: client, clocks: SystemClocks(),
                random: SystemRandom(), log: Log(component: "test", sink: { _ in }), metrics: Metrics())
            try await house.supervisor.setAlertKey(key.publicKey.bytes)
            try await body(Tower(house: house, service: service, receiver: receiver, url: "http://127.0.0.1:\(server.port)"))
            await client.shutdown()
        }
    }

    /// A webhook of the tenant's, told of everything.
    func route(_ rules: String? = nil, owner: AlertOwner? = nil, kind: String = "webhook", perHour: Int = 20) async throws {
        let owner = owner ?? AlertOwner(house.tenant)
        let key = try #require(try await house.supervisor.alertKey())
        let sealed = try BoxPublicKey(key).seal(Array(Tower.secret.utf8), context: AlertRoute.context(owner.id, "books"), random: SystemRandom())
        let address = kind == "webhook" ? url + "/hook" : url
        let row = AlertRouteRow(
            owner: owner, name: "books", kind: kind, settings: Array(#"{"url": "\#(address)", "per_hour": \#(perHour)\#(kind == "alertmanager" ? #", "user": "u""# : "")}"#.utf8), secret: sealed)
        let text = rules ?? #"{"rules": [{"name": "all", "severity": "information", "routes": ["books"]}]}"#
        try await house.supervisor.transaction { tx throws(Fault) in
            _ = try await tx.putAlertRoutes(owner, [row], actor: "test")
            _ = try await tx.putAlertRules(owner, body: Array(text.utf8), actor: "test")
        }
    }

    /// A tenant whose ledger's credential is dead.
    func dead(_ is: Bool = true) async throws {
        try await house.owner.query("UPDATE app.connections SET state = \(`is` ? "dead" : "live"), state_reason = 'refused' WHERE tenant_id = \(house.tenant) AND id = \(house.ledger)")
    }

    /// One look and what is due after it, waits left out.
    func round() async throws {
        #expect(try await service.look(every: .zero))
        while try await service.deliver() > 0 {}
    }

    func bodies() throws -> [JSON] { try receiver.requests.map { try JSON(parsing: $0.body) } }
    func types() throws -> [String] { try bodies().map { $0["type"]?.string ?? "?" } }
    func states() async throws -> [String] {
        try await house.owner.query("SELECT purpose || ' ' || state || ' ' || attempts AS line FROM app.alert_deliveries ORDER BY created_at").map { try $0.get("line") }
    }
}

@Suite("Delivery", .timeLimit(.minutes(2))) struct DeliveryTests {
    @Test("an alert is told when its cause is there, once, and told to be over when it is gone; again it is the same group")
    func life() async throws {
        try await Tower.with { tower in
            try await tower.route()
            try await tower.round()
            #expect(tower.receiver.requests.isEmpty)
            try await tower.dead()
            for _ in 0 ..< 3 { try await tower.round() }
            #expect(try tower.types() == ["alert.opened"])
            try await tower.dead(false)
            for _ in 0 ..< 2 { try await tower.round() }
            #expect(try tower.types() == ["alert.opened", "alert.resolved"])
            let alerts = try tower.bodies().compactMap { $0["alerts"]?.array?.first }
            try #require(alerts.count == 2)
            #expect(alerts[0]["key"] == alerts[1]["key"] && alerts[0]["id"] == alerts[1]["id"])
            #expect(alerts.map { $0["state"]?.string } == ["open", "resolved"] && alerts[0]["cause"]?.string == "credential" && alerts[0]["severity"]?.string == "critical")
            try await tower.dead()
            try await tower.round()
            #expect(try tower.types().count == 2, "it was over a moment ago")
            try await tower.house.owner.query("UPDATE app.alert_notices SET told_at = told_at - interval '5 minutes'")
            try await tower.round()
            #expect(try tower.types().last == "alert.opened")
            #expect(try tower.bodies().last?["alerts"]?.array?.first?["episode"]?.int == 2)
        }
    }

    @Test("a message is signed over the time of its try and its raw body, and names itself")
    func signature() async throws {
        try await Tower.with { tower in
            try await tower.route()
            try await tower.dead()
            try await tower.round()
            let request = try #require(tower.receiver.requests.first)
            let header = try #require(request.fields["Counterfoil-Signature"])
            let time = header.dropFirst(2).prefix { $0 != "," }
            let wanted = HMAC.sha256(key: Array(Tower.secret.utf8), Array("\(time).".utf8) + request.body).hexText
            #expect(header == "t=\(time),v1=\(wanted)")
            #expect(abs(try #require(Int64(time)) - SystemClocks().now().seconds) < 60)
            #expect(request.fields["Counterfoil-Delivery"] == (try JSON(parsing: request.body))["id"]?.string)
            #expect(request.fields["Counterfoil-Attempt"] == "1")
        }
    }

    @Test("what is not taken is tried again later under the same id, and given up after many tries; who is gone is not asked again")
    func retries() async throws {
        try await Tower.with { tower in
            try await tower.route()
            try await tower.dead()
            tower.receiver.next(500, 429, 200)
            try await tower.round()
            #expect(try await tower.states() == ["opened waiting 1"])
            #expect(try await tower.house.count("SELECT count(*) FROM app.alert_deliveries WHERE next_at > now() + interval '3 seconds' AND outcome = 'the receiver answered 500'") == 1)
            for _ in 0 ..< 2 {
                try await tower.house.owner.query("UPDATE app.alert_deliveries SET next_at = now()")
                try await tower.round()
            }
            #expect(try await tower.states() == ["opened delivered 3"])
            let ids = tower.receiver.requests.compactMap { $0.fields["Counterfoil-Delivery"] }
            #expect(ids.count == 3 && Set(ids).count == 1)
            #expect(Set(tower.receiver.requests.map(\.body)).count == 1, "the very same message")
            try await tower.dead(false)
            tower.receiver.next(410)
            try await tower.round()
            #expect(try await tower.states() == ["opened delivered 3", "resolved failed 1"])
        }
    }

    @Test("a sender that dies after it sent and before it wrote that down leaves the message to be sent once more, under the same id")
    func crash() async throws {
        try await Tower.with { tower in
            try await tower.route()
            try await tower.dead()
            #expect(try await tower.service.look(every: .zero))
            // Claimed by one that is gone.
            let claimed = try await tower.house.supervisor.claimAlertDeliveries(limit: 9, for: Patience.claim)
            #expect(claimed.count == 1)
            try await tower.round()
            #expect(tower.receiver.requests.isEmpty, "somebody else may be at it")
            try await tower.house.owner.query("UPDATE app.alert_deliveries SET next_at = now() WHERE state = 'waiting'")
            try await tower.round()
            #expect(tower.receiver.requests.map { $0.fields["Counterfoil-Delivery"] } == [claimed[0].id.uuidString.lowercased()])
            #expect(try await tower.states() == ["opened delivered 2"])
        }
    }

    @Test("of many alerts at once some are told one by one and the rest in one message; three hundred documents are one alert")
    func storm() async throws {
        try await Tower.with { tower in
            try await tower.route(perHour: 3)
            try await tower.house.owner.query("""
                INSERT INTO app.postings (tenant_id, post_key, flow_id, ledger_id, case_id, subject, form, effect, state, plan, plan_digest, reference, ledger_date, currency,
                  total_minor, findings)
                SELECT \(tower.house.tenant), lpad(n::text, 16, '0'), \(tower.house.flow), \(tower.house.ledger), 'O-' || n, 'O-' || n, 'invoice', 'post', 'held', '{}', 'x', 'r',
                  '2026-11-02', 'USD', 1, jsonb_build_array(jsonb_build_object('check', CASE WHEN n <= 300 THEN 'unmapped' ELSE 'code_' || n END, 'why', 'w', 'remedy', 'r'))
                FROM generate_series(1, 310) n
                """)
            try await tower.round()
            try await tower.round()
            // They leave together and arrive in any order.
            #expect(try tower.types().sorted() == ["alert.digest", "alert.opened", "alert.opened"])
            let digest = try #require(try tower.bodies().first { $0["type"]?.string == "alert.digest" })
            #expect(digest["alerts"]?.array?.count == 9)
            let counts = try tower.bodies().flatMap { $0["alerts"]?.array ?? [] }.compactMap { $0["count"]?.int }
            #expect(counts.sorted() == Array(repeating: 1, count: 10) + [300])
        }
    }

    @Test("what is acknowledged is not repeated; what is muted is heard of after the mute ends")
    func people() async throws {
        try await Tower.with { tower in
            try await tower.route(#"{"rules": [{"name": "all", "severity": "information", "repeat_hours": 1, "routes": ["books"]}]}"#)
            try await tower.dead()
            try await tower.round()
            func later() async throws {
                try await tower.house.owner.query("UPDATE app.alert_notices SET told_at = told_at - interval '2 hours'")
                try await tower.round()
            }
            try await later()
            #expect(try tower.types() == ["alert.opened", "alert.repeated"])
            let id = try await tower.house.owner.query("SELECT id FROM app.alerts").first?.get("id", as: UUID.self)
            let alert = try #require(id)
            _ = try await tower.house.supervisor.pool.query(
                AdminAlertStatements.mute(tower.house.tenant, alert, until: SystemClocks().now() + .seconds(3600), by: "key ann", note: nil))
            try await later()
            #expect(try tower.types().count == 2)
            try await tower.house.owner.query("UPDATE app.alerts SET muted_until = now()")
            try await tower.round()
            #expect(try tower.types().count == 3)
            _ = try await tower.house.supervisor.pool.query(AdminAlertStatements.acknowledge(tower.house.tenant, alert, by: "key ann", note: nil))
            try await later()
            #expect(try tower.types().count == 3)
        }
    }

    @Test("an Alertmanager is posted a list, with the login of its route")
    func alertmanager() async throws {
        try await Tower.with { tower in
            try await tower.route(kind: "alertmanager")
            try await tower.dead()
            try await tower.round()
            let request = try #require(tower.receiver.requests.first)
            #expect(request.path == "/api/v2/alerts")
            #expect(request.fields["Authorization"] == "Basic " + Base64.encode(Array("u:\(Tower.secret)".utf8)))
            #expect(try JSON(parsing: request.body).array?.first?.member("labels", "tenant")?.string == "client")
        }
    }

    @Test("an Alertmanager is sent what is open again and again, in one message that takes its own place while it is not taken")
    func refreshed() async throws {
        try await Tower.with { tower in
            try await tower.route(kind: "alertmanager")
            try await tower.dead()
            try await tower.round()
            #expect(tower.receiver.requests.count == 1)
            func minute() async throws {
                try await tower.house.owner.batch([
                    "UPDATE app.alert_notices SET told_at = told_at - interval '1 minute'", "UPDATE app.alert_deliveries SET created_at = created_at - interval '1 minute', next_at = now()",
                ])
                try await tower.round()
            }
            tower.receiver.next(503, 200)
            try await minute()
            #expect(try await tower.states() == ["opened delivered 1", "refreshed waiting 1"])
            try await minute()
            #expect(try await tower.states() == ["opened delivered 1", "refreshed delivered 2"])
            try await minute()
            #expect(try await tower.states() == ["opened delivered 1", "refreshed delivered 1"], "one is kept")
            #expect(try tower.bodies().compactMap { $0.array?.count } == [1, 1, 1, 1])
            try await tower.dead(false)
            try await tower.round()
            try await minute()
            #expect(tower.receiver.requests.count == 5, "it is over, and nothing is open")
        }
    }

    @Test("a tenant or flow that is at rest has no alerts, whoever raised them; what only a worker could raise again is back when it goes on")
    func rest() async throws {
        try await Tower.with { tower in
            let key = "unexplained/\(tower.house.flow)/2026-11-02", held = "held/\(tower.house.flow)/x"
            try await tower.route()
            try await tower.house.worker.raise(tower.house.tenant, [AlertRow(key: key, severity: .critical, cause: "c", remedy: "r")])
            func open() async throws -> [String] {
                try await tower.house.owner.query("SELECT key FROM app.alerts WHERE state = 'open' ORDER BY key").map { try $0.get("key") }
            }
            for (table, id) in [("tenants", "tenant_id = '\(tower.house.tenant)'"), ("flows", "id = '\(tower.house.flow)'")] {
                try await tower.house.owner.query("UPDATE app.alert_notices SET told_at = told_at - interval '1 hour'")
                try await tower.round()
                #expect(try await open() == [key])
                try await tower.house.owner.query("UPDATE app.\(unsafe: table) SET state = 'paused' WHERE \(unsafe: id)")
                try await tower.house.worker.raise(tower.house.tenant, [AlertRow(key: held, severity: .warning, cause: "c", remedy: "r")])
                try await tower.round()
                #expect(try await open().isEmpty, "\(table)")
                #expect(try tower.types().last == "alert.resolved")
                try await tower.house.owner.query("UPDATE app.\(unsafe: table) SET state = 'active' WHERE \(unsafe: id)")
            }
            try await tower.house.worker.resolveAlerts(tower.house.tenant, keyPrefix: key)
            try await tower.round()
            #expect(try await open().isEmpty, "its cause went while it was set aside")
        }
    }

    @Test("a budget of the operator's app that is nearly spent is told to him, and to no tenant")
    func app() async throws {
        try await Tower.with { tower in
            try await tower.route()
            try await tower.house.owner.query("INSERT INTO adm.app_budgets VALUES ('ledgerly', 'reads', 100, 86400000, now(), 95)")
            try await tower.round()
            #expect(tower.receiver.requests.isEmpty)
            try await tower.route(owner: .operator)
            try await tower.round()
            let told = try #require(try tower.bodies().last?["alerts"]?.array?.first)
            #expect(told["key"]?.string == "quota/app/ledgerly/reads" && told["tenant_slug"]?.string == "operator" && told["cause"]?.string == "quota")
            try await tower.house.owner.query("UPDATE adm.app_budgets SET used = 1")
            try await tower.round()
            #expect(try tower.types().last == "alert.resolved")
        }
    }

    @Test("a route that leads elsewhere by now, is gone, or whose secret is sealed for another is not used; nothing of the secret is said")
    func changed() async throws {
        try await Tower.with { tower in
            try await tower.route()
            try await tower.dead()
            #expect(try await tower.service.look(every: .zero))
            try await tower.house.owner.query("UPDATE app.alert_routes SET settings = '{\"url\": \"http://127.0.0.1:1/other\"}'")
            _ = try await tower.service.deliver()
            #expect(try await tower.states() == ["opened failed 1"])
            try await tower.house.owner.query("UPDATE app.alert_routes SET name = 'other'")
            try await tower.house.owner.query("UPDATE app.alert_deliveries SET state = 'waiting', settled_at = NULL, next_at = now()")
            _ = try await tower.service.deliver()
            #expect(try await tower.house.count("SELECT count(*) FROM app.alert_deliveries WHERE outcome = 'the route was removed'") == 1)
            try await tower.house.owner.query("UPDATE app.alert_routes SET name = 'books', settings = '{\"url\": \"\(unsafe: tower.url)/hook\"}', secret = decode(repeat('00', 80), 'hex')")
            try await tower.house.owner.query("UPDATE app.alert_deliveries SET state = 'waiting', settled_at = NULL, next_at = now()")
            _ = try await tower.service.deliver()
            #expect(try await tower.house.count("SELECT count(*) FROM app.alert_deliveries WHERE outcome LIKE 'the route''s secret can''t be opened%'") == 1)
            #expect(tower.receiver.requests.isEmpty)
            #expect(try await tower.house.count("SELECT count(*) FROM app.alert_deliveries d WHERE d::text LIKE '%hush%'") == 0)
        }
    }

    @Test("a place that is not on the operator's list and not public is not reached")
    func egress() async throws {
        try await Tower.with { tower in
            try await tower.route()
            try await tower.house.owner.query("UPDATE app.alert_routes SET settings = '{\"url\": \"https://127.0.0.1:1/x\"}'")
            try await tower.dead()
            try await tower.round()
            #expect(try await tower.house.count("SELECT count(*) FROM app.alert_deliveries WHERE outcome LIKE '%may not be reached%'") == 1)
        }
    }

    @Test("a test message is written when it is sent, and its outcome is known at once")
    func test() async throws {
        try await Tower.with { tower in
            try await tower.route()
            func ask() async throws {
                let asked = AlertDelivery(
                    id: SystemRandom().uuid(), owner: AlertOwner(tower.house.tenant), route: "books", kind: "webhook", purpose: .test, receiver: tower.url + "/hook", subject: "", body: [], alerts: [])
                _ = try await tower.house.supervisor.pool.query(AlertDeliveryStatements.insert(asked))
                _ = try await tower.service.deliver()
            }
            try await ask()
            #expect(try tower.types() == ["alert.test"])
            tower.receiver.next(500)
            try await ask()
            #expect(try await tower.states() == ["test delivered 1", "test failed 1"])
            #expect(try await tower.house.count("SELECT count(*) FROM app.alert_deliveries WHERE subject <> '' AND length(body) > 0") == 2)
        }
    }

    @Test("mail without a server anywhere waits, and says why")
    func noServer() async throws {
        try await Tower.with { tower in
            try await tower.route(#"{"rules": [{"name": "all", "routes": ["books"]}]}"#)
            try await tower.house.owner.query("UPDATE app.alert_routes SET kind = 'email', secret = NULL, settings = '{\"to\": [\"a@example.com\", \"b@example.com\"]}'")
            try await tower.dead()
            try await tower.round()
            #expect(try await tower.states() == ["opened waiting 1", "opened waiting 1"])
            #expect(try await tower.house.count("SELECT count(*) FROM app.alert_deliveries WHERE outcome LIKE 'the route names no mail server%'") == 2)
        }
    }

    @Test("a tenant is told nothing of another; the operator of all")
    func owners() async throws {
        try await Tower.with { tower in
            let other = try await tower.house.neighbour()
            try await tower.route(owner: AlertOwner(other.tenant))
            try await tower.dead()
            try await tower.round()
            #expect(tower.receiver.requests.isEmpty)
            try await tower.route(owner: .operator)
            try await tower.round()
            #expect(tower.receiver.requests.count == 1)
            await other.worker.pool.close()
        }
    }
}
