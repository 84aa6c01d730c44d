import FoundationEssentials
import Kernel
import Testing
import TwinKit
import Wire

@testable import Sandbox

/// A folder of its own for one test, gone with it.
final class TemporaryFolder {
    let path: String

    init() {
        path = FileManager.default.temporaryDirectory.path() + "/sandbox-" + UUID().uuidString
        // A test that can't make its folder fails at its first file.
        try? FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }
}

func fixture(_ name: String) throws -> [UInt8] {
    let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Fixtures")
    return Array(try Data(contentsOf: folder.appending(path: name)))
}

@Suite("The twins' journal")
struct CoreJournalTests {
    private func texts(_ journal: TwinJournal) throws -> [String] {
        var seen: [String] = []
        try journal.replay { seen.append($0.text) }
        return seen
    }

    @Test("what was appended is replayed in order after the journal is opened again")
    func replays() throws {
        let folder = TemporaryFolder()
        var journal: TwinJournal? = try TwinJournal(path: folder.path + "/a.jsonl")
        try journal?.append([["t": "one"], ["t": "two"]])
        try journal?.append([["t": "three"]])
        journal = nil
        let again = try TwinJournal(path: folder.path + "/a.jsonl")
        #expect(try texts(again) == [#"{"t":"one"}"#, #"{"t":"two"}"#, #"{"t":"three"}"#])
    }

    @Test("a last line torn by a crash is cut off, and the next append starts a line of its own")
    func tornLine() throws {
        let folder = TemporaryFolder()
        let path = folder.path + "/a.jsonl"
        try Data("{\"t\":\"one\"}\n{\"t\":\"tw".utf8).write(to: URL(filePath: path))
        let journal = try TwinJournal(path: path)
        #expect(try texts(journal) == [#"{"t":"one"}"#])
        try journal.append([["t": "three"]])
        #expect(try texts(journal) == [#"{"t":"one"}"#, #"{"t":"three"}"#])
    }

    @Test("a file that is nothing but a torn line becomes an empty journal")
    func onlyTorn() throws {
        let folder = TemporaryFolder()
        try Data(repeating: 120, count: 200_000).write(to: URL(filePath: folder.path + "/a.jsonl"))
        #expect(try texts(TwinJournal(path: folder.path + "/a.jsonl")) == [])
    }

    @Test("a damaged line in the middle is named, not skipped")
    func damaged() throws {
        let folder = TemporaryFolder()
        let path = folder.path + "/a.jsonl"
        try Data("{\"t\":\"one\"}\n{broken}\n{\"t\":\"two\"}\n".utf8).write(to: URL(filePath: path))
        let journal = try TwinJournal(path: path)
        let fault = #expect(throws: Fault.self) { try journal.replay { _ in } }
        #expect(fault?.code == "journal_damaged")
        #expect(fault?.position == "line 2")
    }

    @Test("a second sandbox on the same folder is refused")
    func locked() throws {
        let folder = TemporaryFolder()
        let first = try TwinJournal(path: folder.path + "/a.jsonl")
        let fault = #expect(throws: Fault.self) { _ = try TwinJournal(path: folder.path + "/a.jsonl") }
        #expect(fault?.code == "journal_unusable")
        try first.append([["t": "one"]])
    }

    @Test("lines longer than a read come back whole")
    func longLines() throws {
        let folder = TemporaryFolder()
        let journal = try TwinJournal(path: folder.path + "/a.jsonl")
        let long = String(repeating: "x", count: 3 << 20)
        try journal.append([.object([("v", .string(long))]), ["t": "after"]])
        var seen: [JSON] = []
        try journal.replay { seen.append($0) }
        #expect(seen.count == 2)
        #expect(seen.first?["v"]?.string == long)
    }
}

/// A twin that counts what it handles.
private final class CountingTwin: Twin {
    let prefix = "/count"
    let seen = Locked<[String]>([])

    func respond(_ request: HTTPRequest, at now: Timestamp) -> HTTPResponse {
        seen.with { $0.append("\(request.target) \(request.fields["Authorization"] ?? "-")") }
        return .text(200, "ok")
    }

    func unavailable(_ request: HTTPRequest) -> HTTPResponse { .text(503, "not now, \(request.target)") }
}

@Suite("The sandbox's service")
struct CoreServiceTests {
    private func service(_ twin: CountingTwin, journal: TwinJournal = TwinJournal()) throws -> SandboxService {
        let shopify = try ShopifyTwin(journal: TwinJournal())
        let clocks = ManualClocks(Timestamp(seconds: 1_794_700_000))
        let player = try DayPlayer(
            folder: "/nowhere", journal: TwinJournal(), shopify: shopify, clocks: clocks,
            sender: { _ in ScriptedSender() },
            pause: { _ in })
        return try SandboxService(
            folder: "/nowhere", twins: [twin, shopify], player: player, journal: journal, clocks: clocks,
            pause: { _ in })
    }

    private func post(_ path: String, _ body: String) -> HTTPRequest {
        HTTPRequest(.post, path, body: Array(body.utf8))
    }

    @Test("a twin sees its requests without its prefix, and no other twin's")
    func routes() async throws {
        let twin = CountingTwin()
        let service = try service(twin)
        #expect(await service.respond(HTTPRequest(.get, "/count/a/b?c=1"))?.status == 200)
        #expect(await service.respond(HTTPRequest(.get, "/counter/a"))?.status == 404)
        #expect(twin.seen.with { $0 } == ["/a/b?c=1 -"])
    }

    @Test("a lost request is not handled, a torn reply is; both close the connection")
    func tornAndLost() async throws {
        let twin = CountingTwin()
        let service = try service(twin)
        _ = await service.respond(post("/_sandbox/faults", #"{"twins":{"count":{"lost_request_per_mille":1000}}}"#))
        #expect(await service.respond(HTTPRequest(.get, "/count/lost")) == nil)
        _ = await service.respond(post("/_sandbox/faults", #"{"twins":{"count":{"torn_reply_per_mille":1000}}}"#))
        #expect(await service.respond(HTTPRequest(.get, "/count/torn")) == nil)
        #expect(twin.seen.with { $0 } == ["/torn -"])
    }

    @Test("a throttled request says when to come back, or does not, as planned")
    func throttled() async throws {
        let service = try service(CountingTwin())
        _ = await service.respond(post("/_sandbox/faults", #"{"twins":{"count":{"throttled_per_mille":1000}}}"#))
        let told = await service.respond(HTTPRequest(.get, "/count/a"))
        #expect(told?.status == 429)
        #expect(told?.fields["Retry-After"] == "1")
        _ = await service.respond(
            post("/_sandbox/faults", #"{"twins":{"count":{"throttled_without_header_per_mille":1000}}}"#))
        #expect(await service.respond(HTTPRequest(.get, "/count/a"))?.fields["Retry-After"] == nil)
    }

    @Test("a planned fault is answered for the request that meets it")
    func unavailable() async throws {
        let service = try service(CountingTwin())
        _ = await service.respond(post("/_sandbox/faults", #"{"twins":{"count":{"unavailable_per_mille":1000}}}"#))
        #expect(await service.respond(HTTPRequest(.get, "/count/soap"))?.bodyText == "not now, /soap")
    }

    @Test("a revoked token replaces a bearer token and leaves the token endpoint's own credentials")
    func revoked() async throws {
        let twin = CountingTwin()
        let service = try service(twin)
        _ = await service.respond(post("/_sandbox/faults", #"{"twins":{"count":{"revoked_token_per_mille":1000}}}"#))
        _ = await service.respond(HTTPRequest(.get, "/count/a", fields: ["Authorization": "Bearer good"]))
        _ = await service.respond(HTTPRequest(.post, "/count/token", fields: ["Authorization": "Basic abc"]))
        #expect(twin.seen.with { $0 } == ["/a Bearer revoked-by-the-fault-plan", "/token Basic abc"])
    }

    @Test("a fault plan outlives a restart and draws the same faults from the same seed")
    func planSurvives() async throws {
        let journal = TwinJournal()
        let plan = #"{"seed":9,"twins":{"count":{"lost_request_per_mille":300,"torn_reply_per_mille":300}}}"#
        func drawn(_ service: SandboxService) async -> [Bool] {
            var list: [Bool] = []
            for _ in 0..<40 { list.append(await service.respond(HTTPRequest(.get, "/count/a")) == nil) }
            return list
        }
        let first = try service(CountingTwin(), journal: journal)
        _ = await first.respond(post("/_sandbox/faults", plan))
        let before = await drawn(first)
        let after = await drawn(try service(CountingTwin(), journal: journal))
        #expect(before == after)
        #expect(Set(before).count == 2)
    }

    @Test(
        "a fault plan with an unknown twin, an unknown fault or too much of everything is refused with its position",
        arguments: [
            (#"{"twins":{"nobody":{}}}"#, "twins.nobody"),
            (#"{"twins":{"count":{"meteor_per_mille":5}}}"#, "twins.count.meteor_per_mille"),
            (#"{"twins":{"count":{"lost_request_per_mille":1001}}}"#, "twins.count.lost_request_per_mille"),
            (#"{"twins":{"count":{"lost_request_per_mille":600,"torn_reply_per_mille":600}}}"#, "twins.count"),
            (#"{"twins":{"count":{"latency_ms":[9,3]}}}"#, "twins.count.latency_ms"),
        ])
    func refusesPlans(body: String, position: String) async throws {
        let reply = try #require(await service(CountingTwin()).respond(post("/_sandbox/faults", body)))
        #expect(reply.status == 400)
        #expect(try JSON(parsing: reply.body).member("error", "position")?.string == position)
    }

    @Test(
        "control endpoints refuse what they can't do in the right words",
        arguments: [
            (HTTPMethod.get, "/_sandbox/nothing", "", 404),
            (.post, "/_sandbox/day/play", #"{"until":"noon","webhook_base":"http://h:1"}"#, 409),
            (.post, "/_sandbox/day/play", #"{"until":"tea"}"#, 400),
            (.post, "/_sandbox/day/prepare", #"{"orders":3}"#, 400),
            (.post, "/_sandbox/day/prepare", "{", 400), (.get, "/_sandbox/entries?ledger=none", "", 404),
            (.get, "/_sandbox/verdict", "", 409),
            (.post, "/_sandbox/shopify/nobody/subscriptions", #"{"url":"http://h:1"}"#, 404),
            (.post, "/_sandbox/shopify/prairie-goods/subscriptions", #"{"url":"ftp://h"}"#, 400),
            (.get, "/_sandbox/healthz", "", 200),
        ])
    func refusals(method: HTTPMethod, path: String, body: String, status: Int) async throws {
        let reply = try await service(CountingTwin()).respond(HTTPRequest(method, path, body: Array(body.utf8)))
        #expect(try #require(reply).status == status)
    }
}
