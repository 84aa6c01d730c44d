import Crypto
import Kernel
import Postgres
import Store
import Testing
import Wire

@testable import ControlPlane

@Suite("events and files of a contract") struct ContractTests {
    private struct Box {
        var tenant: Place
        var id: ConnectionID
        var path: String
    }

    private func box(_ bench: Bench, settings: JSON = [:]) async throws -> Box {
        let tenant = try await bench.tenant()
        let text = try await bench.call(
            .post, "/v1/tenants/\(tenant.id)/connections", ["slug": "inbox", "platform": "inbox", "account": "till", "settings": settings]).id()
        let id = try #require(ConnectionID(text))
        return Box(tenant: tenant, id: id, path: "/v1/connections/\(id)")
    }

    private func send(_ bench: Bench, _ box: Box, _ csv: String, layout: String = "sale", type: String = "text/csv; charset=utf-8") async -> Answer {
        Answer(await bench.raw(
            .post, "\(box.path)/files?layout=\(layout)", Array(csv.utf8), fields: ["Authorization": "Bearer \(bench.key)", "Content-Type": type]))
    }

    @Test("a connection that nobody is called for is brought to life without a credential") func lives() async throws {
        let bench = try await Bench.make()
        let box = try await box(bench)
        #expect(try await bench.count("SELECT count(*) FROM app.jobs WHERE kind = 'identify' AND subject = \(box.id.description)") == 1)
    }

    @Test("each event is answered for: taken, known, or refused with the place of what is wrong; the others are kept, sealed and with their job")
    func events() async throws {
        let bench = try await Bench.make()
        let box = try await box(bench)
        let body: JSON = ["events": [["id": "e1", "type": "sale"], ["id": "e2", "colour": "red"], ["id": "e1", "type": "sale"], ["type": "sale"]]]
        let answer = await bench.call(.post, "\(box.path)/events", body)
        #expect(answer.status == 422)
        #expect(answer.json["events"]?.array?.compactMap { $0["status"]?.string } == ["accepted", "refused", "duplicate", "refused"])
        #expect(answer.json["events"]?[1]?["errors"]?[0]?["pointer"] == "/colour")
        #expect([answer.json["accepted"], answer.json["duplicate"], answer.json["refused"]] == [1, 1, 2])
        let row = try #require(try await bench.root.pool.query("SELECT body, delivery_id FROM app.events").first)
        #expect(try row.get("delivery_id", as: String.self) == "e1")
        let plain = try box.tenant.privateKey.open(try row.get("body"), context: Array("event \(box.tenant.id) \(box.id)".utf8))
        #expect(try JSON(parsing: plain) == ["id": "e1", "type": "sale"])
        #expect(try await bench.count("SELECT count(*) FROM app.jobs WHERE kind = 'normalize'") == 1)
        #expect(try await bench.count("SELECT count(*) FROM app.audit WHERE action = 'events.taken'") == 1)
    }

    @Test("the same events again are known, and change nothing") func again() async throws {
        let bench = try await Bench.make()
        let box = try await box(bench)
        let body: JSON = ["events": [["id": "e1"], ["id": "e2"]]]
        #expect(await bench.call(.post, "\(box.path)/events", body).status == 200)
        let second = await bench.call(.post, "\(box.path)/events", ["events": [["id": "e1"], ["id": "e2"], ["id": "e3"]]])
        #expect(second.status == 200)
        #expect(second.json["events"]?.array?.compactMap { $0["status"]?.string } == ["duplicate", "duplicate", "accepted"])
        #expect(try await bench.count("SELECT count(*) FROM app.events") == 3)
    }

    @Test("an id with other content is refused, by API and webhook, within a request and across them; what was first stays") func conflicts() async throws {
        let bench = try await Bench.make()
        let box = try await box(bench)
        #expect(await bench.call(.put, "\(box.path)/webhook-secret", ["secret": "whs"]).status == 200)
        let sale: JSON = ["id": "e1", "type": "sale"], other: JSON = ["id": "e1", "type": "return"]
        let within = await bench.call(.post, "\(box.path)/events", ["events": .array([sale, other, sale])])
        #expect(within.status == 422 && within.json["events"]?.array?.compactMap { $0["status"]?.string } == ["accepted", "refused", "duplicate"])
        let across = await bench.call(.post, "\(box.path)/events", ["events": .array([other, other, ["id": "e2", "type": "sale"]])])
        #expect(across.status == 422 && [across.json["accepted"], across.json["refused"]] == [1, 2])
        #expect(across.json["events"]?[0]?["errors"]?[0]?["pointer"] == "/id")
        #expect(await deliver(bench, box, sale).status == 200)
        let hook = await deliver(bench, box, other)
        #expect(hook.status == 409 && hook.json["code"] == "event_conflict")
        #expect(await deliver(bench, box, ["id": "e3", "type": "sale"]).status == 200)
        #expect(await deliver(bench, box, ["id": "e3", "type": "sale"]).status == 200)
        let late = await bench.call(.post, "\(box.path)/events", ["events": [["id": "e3", "type": "return"], ["id": "e3", "type": "sale"]]])
        #expect(late.json["events"]?[0]?["status"] == "refused")
        var kept: [JSON] = []
        for row in try await bench.root.pool.query("SELECT body FROM app.events ORDER BY delivery_id") {
            kept.append(try JSON(parsing: try box.tenant.privateKey.open(try row.get("body"), context: Array("event \(box.tenant.id) \(box.id)".utf8))))
        }
        #expect(kept == [sale, ["id": "e2", "type": "sale"], ["id": "e3", "type": "sale"]])
    }

    private func deliver(_ bench: Bench, _ box: Box, _ event: JSON, secret: String = "whs") async -> Answer {
        Answer(await bench.raw(.post, "/hooks/\(box.id)", event.bytes, fields: ["X-Secret": secret]))
    }

    @Test("of one id sent with two contents at the same time one is kept and the other refused") func race() async throws {
        let bench = try await Bench.make()
        let box = try await box(bench)
        for round in 0 ..< 4 {
            let id = JSON.string("r\(round)")
            async let one = bench.call(.post, "\(box.path)/events", ["events": [["id": id, "type": "sale"]]])
            async let two = bench.call(.post, "\(box.path)/events", ["events": [["id": id, "type": "return"]]])
            #expect(await [one.status, two.status].sorted() == [200, 422])
        }
        #expect(try await bench.count("SELECT count(*) FROM app.events") == 4)
    }

    @Test("a webhook with a wrong secret is refused, and so is one for a connection that is not there") func strangers() async throws {
        let bench = try await Bench.make()
        let box = try await box(bench)
        #expect(await deliver(bench, box, ["id": "e1"]).status == 401)
        #expect(await bench.call(.put, "\(box.path)/webhook-secret", ["secret": "whs"]).status == 200)
        #expect(await deliver(bench, box, ["id": "e1"], secret: "other").status == 401)
        #expect(await deliver(bench, box, ["id": "e1"]).status == 200)
        let nowhere = await bench.raw(.post, "/hooks/00000000-0000-4000-8000-00000000dead", Array("{}".utf8), fields: ["X-Secret": "whs"])
        #expect(nowhere.status == 404)
        let path = "/v1/connections/00000000-0000-4000-8000-00000000dead/events"
        #expect(await bench.call(.post, path, ["events": [["id": "e1"]]]).status == 404)
        #expect(try await bench.count("SELECT count(*) FROM app.events") == 1)
    }

    @Test("an ERP's signed event is taken once, within five minutes of its time; older, newer, spoiled or signed by another it is 401") func signed() async throws {
        let bench = try await Bench.make()
        let tenant = try await bench.tenant(), now = bench.clocks.now().seconds
        let made = await bench.call(.post, "/v1/tenants/\(tenant.id)/connections", ["slug": "erp", "platform": "erp", "account": "till"])
        let id = try made.id(), body = #"{"id":"evt-1","type":"invoice.deleted","occurred_at":"2026-11-12T16:00:00Z","object_id":"J-1","object_version":2}"#
        #expect(await bench.call(.put, "/v1/connections/\(id)/webhook-secret", ["secret": "old new"]).status == 200)
        func send(_ sent: String, at: Int64, key: String = "new") async -> Answer {
            let v1 = HMAC.sha256(key: Array(key.utf8), Array("\(at).\(body)".utf8)).hexText
            return Answer(await bench.raw(.post, "/hooks/\(id)", Array(sent.utf8), fields: ["Counterfoil-Signature": "t=\(at),v1=\(v1)"]))
        }
        for at in [now - 400, now + 400] { #expect(await send(body, at: at).code == "signature_outdated") }
        #expect(await send(body, at: now, key: "third").code == "signature_refused")
        #expect(await send(body.replacing("J-1", with: "J-2"), at: now).code == "signature_refused")
        #expect(try await bench.count("SELECT count(*) FROM app.events") == 0)
        for at in [now, now, now - 200, now + 200] { #expect(await send(body, at: at).status == 200) }
        #expect(await send(body, at: now, key: "old").status == 200)
        #expect(try await bench.count("SELECT count(*) FROM app.events") == 1)
        #expect(try await bench.count("SELECT count(*) FROM app.deliveries") == 2)
    }

    @Test("a member that is there twice, in the list or in an event, is 400, and nothing of the request is kept",
          arguments: [#"{"events":[{"id":"e1","id":"e2"}]}"#, #"{"events":[{"id":"e1"}],"events":[{"id":"e2"}]}"#, #"{"events":[{"id":"e1"}"#])
    func doubled(body: String) async throws {
        let bench = try await Bench.make()
        let box = try await box(bench)
        let fields: HTTPFields = ["Authorization": "Bearer \(bench.key)", "Content-Type": "application/json"]
        #expect(await bench.raw(.post, "\(box.path)/events", Array(body.utf8), fields: fields).status == 400)
        #expect(try await bench.count("SELECT count(*) FROM app.events") == 0)
    }

    @Test("what is odd and allowed is said") func warnings() async throws {
        let bench = try await Bench.make()
        let box = try await box(bench, settings: ["lax": "true"])
        let answer = await bench.call(.post, "\(box.path)/events", ["events": [["id": "e1", "colour": "red"]]])
        #expect(answer.status == 200)
        #expect(answer.json["events"]?[0]?["warnings"]?[0]?["pointer"] == "/colour")
    }

    @Test("no list, an empty one, or one beside something else is refused whole") func shapes() async throws {
        let bench = try await Bench.make()
        let box = try await box(bench)
        let many: JSON = .array((0 ... 500).map { ["id": .string("e\($0)")] })
        for body in [[:], ["events": []], ["events": [:]], ["events": [["id": "e"]], "more": 1], ["events": many]] as [JSON] {
            #expect(await bench.call(.post, "\(box.path)/events", body).status == 422)
        }
        #expect(try await bench.count("SELECT count(*) FROM app.events") == 0)
    }

    @Test("a file is taken whole, once: the same bytes again are known") func files() async throws {
        let bench = try await Bench.make()
        let box = try await box(bench)
        let first = await send(bench, box, "a\nb\n"), second = await send(bench, box, "a\nb\n")
        #expect(first.status == 200 && second.status == 200)
        #expect([first.json["accepted"], first.json["documents"]] == [2, 2])
        #expect([second.json["accepted"], second.json["duplicate"]] == [0, 2])
        #expect(try await bench.count("SELECT count(*) FROM app.events") == 2)
        #expect(try await bench.count("SELECT count(*) FROM app.audit WHERE action = 'file.taken'") == 1)
    }

    @Test("nothing of a file with a fault is taken, and every fault is told") func refused() async throws {
        let bench = try await Bench.make()
        let box = try await box(bench)
        let answer = await send(bench, box, "a\nwrong\nb\nwrong\n")
        #expect(answer.status == 422 && answer.json["code"] == "file_refused")
        #expect(answer.json["errors"]?.array?.compactMap { $0["field"]?.string } == ["line 2", "line 4"])
        #expect(await send(bench, box, "a", layout: "teapot").json["field"] == "layout")
        #expect(await send(bench, box, "{}", type: "application/json").status == 415)
        #expect(try await bench.count("SELECT count(*) FROM app.events") == 0)
    }

    @Test("other platforms take no events here, and a key that only reads takes none anywhere") func others() async throws {
        let bench = try await Bench.make()
        let box = try await box(bench), made = try await bench.furnished("other")
        #expect(await bench.call(.post, "/v1/connections/\(made.source)/events", ["events": [["id": "e"]]]).json["code"] == "no_contract")
        let reader = try await bench.key("reader", tenant: box.tenant.id, scopes: ["read"])
        #expect(await bench.call(.post, "\(box.path)/events", ["events": [["id": "e"]]], key: reader).status == 403)
        let stranger = try await bench.key("stranger", tenant: made.tenant.id, scopes: ["write"])
        #expect(await bench.call(.post, "\(box.path)/events", ["events": [["id": "e"]]], key: stranger).status == 404)
    }

    @Test("bodies of events and files may be as large as a delivery's, and nothing else may") func sizes() {
        for path in ["/hooks/x", "/v1/connections/c/events", "/v1/connections/c/files", "/v1/connections/c/files?layout=sale"] { #expect(Endpoints.carriesEvents(path), "\(path)") }
        for path in ["/v1/connections/c", "/v1/events", "/v1/connections/c?x=/files", "/events"] { #expect(!Endpoints.carriesEvents(path), "\(path)") }
    }
}
