import Crypto
import Glibc
import HTTPServer
import Kernel
import Postgres
import Store
import Telemetry
import TestKit
import Testing
import Wire

@testable import ControlPlane

@Suite("webhook intake") struct HookTests {
    /// A connection that takes deliveries signed with `whs`.
    private func ready(_ bench: Bench) async throws -> Furnished {
        let made = try await bench.furnished()
        let answer = await bench.call(.put, "/v1/connections/\(made.source)/webhook-secret", ["secret": "whs"])
        #expect(answer.status == 200)
        return made
    }

    @Test("200 means the delivery is there, whole, sealed for its tenant, with its job") func good() async throws {
        let bench = try await Bench.make()
        let made = try await ready(bench)
        let answer = await bench.webhook(made.source, #"{"id": 1, "note": "Grüße"}"#, id: "d1")
        #expect(answer.status == 200)
        let row = try #require(try await bench.root.pool.query("SELECT body, topic, state FROM app.events").first)
        let sealed: [UInt8] = try row.get("body")
        #expect(try made.tenant.privateKey.open(sealed, context: Array("event \(made.tenant.id) \(made.source)".utf8)) == Array(#"{"id": 1, "note": "Grüße"}"#.utf8))
        #expect(throws: Fault.self) { try made.tenant.privateKey.open(sealed, context: Array("event \(made.tenant.id) \(made.ledger)".utf8)) }
        #expect(try row.get("state", as: String.self) == "ingested")
        #expect(try await bench.count("SELECT count(*) FROM app.jobs WHERE kind = 'normalize' AND lane = 'webhook' AND subject = \(made.source.description)") == 1)
        #expect(bench.metrics.rendered().contains(#"counterfoil_webhooks_total{platform="shop",result="accepted"} 1"#))
    }

    @Test("what can't be parsed is kept all the same: reading is the worker's affair") func content() async throws {
        let bench = try await Bench.make()
        let made = try await ready(bench)
        for (n, body) in ["", "{", "\u{0}", "null"].enumerated() { #expect(await bench.webhook(made.source, body, id: "d\(n)").status == 200) }
        #expect(try await bench.count("SELECT count(*) FROM app.events") == 4)
    }

    @Test("a wrong or missing signature is 401, and neither kept nor shown") func bad() async throws {
        let bench = try await Bench.make()
        let made = try await ready(bench)
        let wrong = await bench.webhook(made.source, "top-secret-body", id: "d1", secret: "other")
        let missing = await bench.raw(.post, "/hooks/\(made.source)", Array("top-secret-body".utf8))
        let unset = await bench.webhook(made.ledger, "top-secret-body", id: "d1")
        #expect(wrong.status == 401)
        #expect(missing.status == 401)
        #expect(unset.status == 404)
        #expect(try await bench.count("SELECT count(*) FROM app.events") == 0)
        for text in [wrong.bodyText, missing.bodyText, bench.log.text] {
            #expect(!text.contains("top-secret"))
            #expect(!text.contains("whs"))
        }
        #expect(bench.metrics.rendered().contains(#"counterfoil_webhooks_total{platform="shop",result="refused"} 2"#))
    }

    @Test("a dated signature is taken while it is fresh, and neither later nor before its time") func dated() async throws {
        let bench = try await Bench.make()
        let made = try await ready(bench)
        let body = Array("{}".utf8), signature = HMAC.sha256(key: Array("whs".utf8), body).hexText
        func deliver(_ id: String, signed: Timestamp) async -> HTTPResponse {
            await bench.raw(.post, "/hooks/\(made.source)", body, fields: ["X-Signature": signature, "X-Id": id, "X-Signed-At": signed.description])
        }
        let now = bench.clocks.now()
        #expect(await deliver("d1", signed: now).status == 200)
        for (n, age) in [Duration.seconds(400), .seconds(-400)].enumerated() {
            let late = await deliver("late\(n)", signed: now - age)
            #expect(late.status == 401 && late.bodyText.contains("signature_outdated"))
        }
        bench.clocks.step(.seconds(301))
        #expect(await deliver("d2", signed: now).status == 401)
        #expect(try await bench.count("SELECT count(*) FROM app.events") == 1)
    }

    @Test("a topic that no document can come of is acknowledged and not kept, its signature checked like any other's") func unused() async throws {
        let bench = try await Bench.make()
        let made = try await ready(bench)
        #expect(await bench.webhook(made.source, "{}", id: "d1", topic: "products/update").status == 200)
        #expect(await bench.webhook(made.source, "{}", id: "d2", secret: "other", topic: "products/update").status == 401)
        #expect(try await bench.count("SELECT count(*) FROM app.events") == 0)
        #expect(await bench.webhook(made.source, "{}", id: "d1", topic: "orders/create").status == 200)
        #expect(try await bench.count("SELECT count(*) FROM app.events") == 1)
        let metrics = bench.metrics.rendered()
        #expect(metrics.contains(#"counterfoil_webhooks_total{platform="shop",result="unused"} 1"#))
        #expect(metrics.contains(#"counterfoil_webhooks_total{platform="shop",result="accepted"} 1"#))
    }

    @Test("a platform that tries the address without a signature is answered, nothing of it is kept, and no other body passes so") func trial() async throws {
        let bench = try await Bench.make()
        let made = try await ready(bench)
        #expect(await bench.raw(.post, "/hooks/\(made.source)", Array("hook=7".utf8)).status == 200)
        #expect(await bench.raw(.post, "/hooks/\(made.source)", Array("hook=8".utf8)).status == 401)
        #expect(await bench.raw(.post, "/hooks/\(made.source)", Array("hook=7".utf8), fields: ["X-Signature": "x"]).status == 401)
        #expect(try await bench.count("SELECT count(*) FROM app.events") == 0)
    }

    @Test("unknown connections and other methods are told so") func unknown() async throws {
        let bench = try await Bench.make()
        #expect(await bench.webhook(SystemRandom().identifier(), "{}", id: "d").status == 404)
        #expect(await bench.raw(.post, "/hooks/no-id").status == 404)
        #expect(await bench.raw(.get, "/hooks/\(SystemRandom().identifier(FlowKind.self))").status == 405)
    }

    @Test("a delivery that comes twice is answered twice and kept once, also at the same time") func duplicate() async throws {
        let bench = try await Bench.make()
        let made = try await ready(bench)
        let statuses = await withTaskGroup(of: Int.self) { group in
            for _ in 0 ..< 20 { group.addTask { await bench.webhook(made.source, "{}", id: "same").status } }
            return await group.reduce(into: []) { $0.append($1) }
        }
        #expect(statuses.allSatisfy { $0 == 200 })
        #expect(try await bench.count("SELECT count(*) FROM app.events") == 1)
    }

    @Test("what comes together is committed together, and each 200 has its row") func groupCommit() async throws {
        let bench = try await Bench.make()
        let made = try await ready(bench)
        let accepted = await withTaskGroup(of: Bool.self) { group in
            for n in 0 ..< 500 { group.addTask { await bench.webhook(made.source, "{\"n\":\(n)}", id: "d\(n)").status == 200 } }
            return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        #expect(accepted == 500)
        #expect(try await bench.count("SELECT count(*) FROM app.events") == 500)
        let commits = try await bench.count("SELECT count(DISTINCT xmin::text) FROM app.events")
        #expect(commits < 250)
        #expect(try await bench.count("SELECT max(n) FROM (SELECT count(*) AS n FROM app.events GROUP BY xmin::text) x") <= 200)
    }

    @Test("a connection that is gone does not take others' deliveries with it") func poisoned() async throws {
        let bench = try await Bench.make()
        let a = try await ready(bench)
        let gone = try await bench.call(.post, "/v1/tenants/\(a.tenant.id)/connections", ["slug": "gone", "platform": "shop", "account": "x"]).id()
        let id = try #require(ConnectionID(gone))
        #expect(await bench.call(.put, "/v1/connections/\(id)/webhook-secret", ["secret": "whs"]).status == 200)
        #expect(await bench.webhook(id, "{}", id: "first").status == 200)
        _ = try await bench.root.pool.batch(["DELETE FROM app.deliveries", "DELETE FROM app.events", "DELETE FROM app.connections WHERE id = \(id)"])
        let statuses = await withTaskGroup(of: (String, Int).self) { group in
            for n in 0 ..< 30 { group.addTask { ("good", await bench.webhook(a.source, "{}", id: "g\(n)").status) } }
            for n in 0 ..< 3 { group.addTask { ("gone", await bench.webhook(id, "{}", id: "b\(n)").status) } }
            return await group.reduce(into: []) { $0.append($1) }
        }
        #expect(statuses.allSatisfy { $0.1 == ($0.0 == "good" ? 200 : 404) }, "\(statuses)")
        #expect(try await bench.count("SELECT count(*) FROM app.events") == 30)
    }

    @Test("a changed secret works at once here, and the old one no longer") func changedSecret() async throws {
        let bench = try await Bench.make()
        let made = try await ready(bench)
        #expect(await bench.webhook(made.source, "{}", id: "d1").status == 200)
        _ = await bench.call(.put, "/v1/connections/\(made.source)/webhook-secret", ["secret": "new"])
        #expect(await bench.webhook(made.source, "{}", id: "d2").status == 401)
        #expect(await bench.webhook(made.source, "{}", id: "d3", secret: "new").status == 200)
    }

    @Test("a database that does not answer is 503 with Retry-After; once it does, the same delivery is kept once") func silent() async throws {
        let bench = try await Bench.make()
        let made = try await ready(bench)
        #expect(await bench.webhook(made.source, "{}", id: "d0").status == 200)
        let locked = AsyncStream<Void>.makeStream(), release = AsyncStream<Void>.makeStream()
        let holder = Task {
            try await bench.root.transaction { tx throws(Fault) in
                _ = try await tx.query("LOCK TABLE app.deliveries IN ACCESS EXCLUSIVE MODE")
                locked.continuation.finish()
                for await _ in release.stream {}
            }
        }
        for await _ in locked.stream {}
        let answered = Locked(false)
        let delivery = Task {
            defer { answered.with { $0 = true } }
            return await bench.webhook(made.source, "{}", id: "d1")
        }
        while !answered.with({ $0 }) {
            bench.clocks.step(.milliseconds(20))
            await Task.yield()
        }
        let late = await delivery.value
        #expect(late.status == 503)
        #expect(late.fields["Retry-After"] != nil)
        release.continuation.finish()
        _ = try await holder.value
        #expect(await bench.webhook(made.source, "{}", id: "d1").status == 200)
        #expect(try await bench.count("SELECT count(*) FROM app.events WHERE delivery_id = 'd1'") == 1)
    }

    @Test("with the database down deliveries and questions are 503, readiness too, health is up; afterwards all is well") func down() async throws {
        let cluster = try Cluster()
        let bench = try await Bench.make(on: cluster, patience: .milliseconds(300))
        let made = try await ready(bench)
        #expect(await bench.webhook(made.source, "{}", id: "d0").status == 200)
        try cluster.stop()
        let refused = await bench.webhook(made.source, "{}", id: "d1")
        #expect(refused.status == 503)
        #expect(refused.fields["Retry-After"] != nil)
        #expect(await bench.call(.get, "/v1/tenants").code == "database_unavailable")
        #expect(await bench.raw(.get, "/readyz").status == 503)
        #expect(await bench.raw(.get, "/healthz").status == 200)
        #expect(await bench.raw(.get, "/metrics").status == 200)
        try cluster.start()
        var status = 0
        for _ in 0 ..< 100 where status != 200 { status = await bench.webhook(made.source, "{}", id: "d1").status }
        #expect(status == 200)
        #expect(await bench.raw(.get, "/readyz").status == 200)
        #expect(try await Store(PostgresPool(bench.database.superuser, size: 1)).pool.query("SELECT count(*) AS n FROM app.events").first?.get("n", as: Int.self) == 2)
    }

    @Test("over the wire: an oversize delivery is 413 before its body is read, a large one is taken, and the API takes less") func oversize() async throws {
        let bench = try await Bench.make()
        let made = try await ready(bench)
        let server = Task { try await bench.plane.run() }
        let hook = "POST /hooks/\(made.source) HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: "
        #expect(await exchange(bench.plane.port, Array("\(hook)\(Limits.webhookBodyBytes + 1)\r\n\r\n".utf8)).hasPrefix("HTTP/1.1 413"))
        let body = [UInt8](repeating: 32, count: 2 << 20)
        let signature = HMAC.sha256(key: Array("whs".utf8), body).hexText
        let large = Array("\(hook)\(body.count)\r\nX-Signature: \(signature)\r\nX-Id: big\r\n\r\n".utf8) + body
        #expect(await exchange(bench.plane.port, large).hasPrefix("HTTP/1.1 200"))
        let api = Array("POST /v1/consultancies HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: \(Limits.apiBodyBytes + 1)\r\n\r\n".utf8)
        #expect(await exchange(bench.plane.port, api).hasPrefix("HTTP/1.1 413"))
        #expect(await exchange(bench.plane.port, Array("GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".utf8)).contains("X-Request-Id"))
        server.cancel()
        _ = try? await server.value
        #expect(try await bench.count("SELECT count(*) FROM app.events") == 1)
    }
}

/// Sends bytes and reads the whole answer, on a thread of its own.
private func exchange(_ port: Int, _ bytes: [UInt8]) async -> String {
    await withCheckedContinuation { continuation in
        Thread.start { continuation.resume(returning: talk(port, bytes)) }
    }
}

private enum Thread {
    static func start(_ body: @escaping @Sendable () -> Void) {
        final class Box: Sendable {
            let body: @Sendable () -> Void
            init(_ body: @escaping @Sendable () -> Void) { self.body = body }
        }
        var thread = pthread_t()
        pthread_create(&thread, nil, { argument in
            guard let argument else { return nil }
            Unmanaged<Box>.fromOpaque(argument).takeRetainedValue().body()
            return nil
        }, Unmanaged.passRetained(Box(body)).toOpaque())
        pthread_detach(thread)
    }
}

private func talk(_ port: Int, _ bytes: [UInt8]) -> String {
    let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(socket) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(port).bigEndian
    address.sin_addr.s_addr = inet_addr("127.0.0.1")
    let connected = withUnsafePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
    }
    guard connected == 0 else { return "no connection" }
    var sent = 0
    while sent < bytes.count {
        let n = bytes[sent...].withUnsafeBytes { send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
        if n <= 0 { break }
        sent += n
    }
    var answer: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 4096)
    while case let n = recv(socket, &buffer, buffer.count, 0), n > 0 { answer += buffer[..<n] }
    return String(decoding: answer, as: UTF8.self)
}
