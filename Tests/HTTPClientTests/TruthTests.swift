import Glibc
import Kernel
import Testing
import Wire

@testable import HTTPClient

/// What the posting protocol stands on: sent, not sent, or not known, and never a write twice.
@Suite("Truth of outcomes")
struct TruthTests {
    private let head = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n"

    private func send(
        _ server: ScriptedServer, _ method: HTTPMethod = .post, to client: HTTPClient
    ) async -> HTTPOutcome {
        let body: [UInt8] = method == .post ? Array("amount=119".utf8) : []
        return await client.send(HTTPRequest(method, server.url("/v3/invoice"), body: body), timeout: .seconds(10))
    }

    @Test("an answer torn within its headers leaves the outcome unknown")
    func tornHead() async throws {
        let server = ScriptedServer { [head] _ in .replyAndClose(head) }
        try await withServer(server) { client in
            expectUnknown(await send(server, to: client), "reply_torn")
            #expect(server.received.count == 1)
        }
    }

    @Test("an answer torn after its headers leaves the outcome unknown")
    func tornAfterHead() async throws {
        let server = ScriptedServer { [head] _ in .replyAndClose(head + "\r\n") }
        try await withServer(server) { client in
            expectUnknown(await send(server, to: client), "reply_torn")
        }
    }

    @Test("an answer torn in the middle of its body leaves the outcome unknown", arguments: [true, false])
    func tornBody(chunked: Bool) async throws {
        let text = chunked ? "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\na\r\n{\"Id\"" : head + "\r\n{\"Id\""
        let server = ScriptedServer { _ in .replyAndClose(text) }
        try await withServer(server) { client in
            expectUnknown(await send(server, to: client), "reply_torn")
            #expect(server.received.count == 1)
        }
    }

    @Test("what is not HTTP leaves the outcome unknown")
    func notHTTP() async throws {
        let server = ScriptedServer { _ in .replyAndClose("hello there, this is some other protocol\r\n\r\n") }
        try await withServer(server) { client in
            expectUnknown(await send(server, to: client), "reply_torn")
        }
    }

    @Test("a peer that hangs up before reading may have read: unknown, not not-sent")
    func closedBeforeReading() async throws {
        let server = ScriptedServer(readsRequests: false) { _ in .close }
        try await withServer(server) { client in
            expectUnknown(await send(server, to: client), "reply_torn")
            #expect(server.connections == 1)
        }
    }

    @Test("a peer that never answers runs out of time after sending: unknown")
    func silence() async throws {
        let server = ScriptedServer { _ in .silence }
        try await withServer(server) { client in
            let request = HTTPRequest(.post, server.url("/v3/invoice"), body: [1])
            expectUnknown(await client.send(request, timeout: .milliseconds(300)), "http_timed_out")
            #expect(server.received.count == 1)
        }
    }

    @Test("a request whose time to start is over is not begun, though the connection is open")
    func late() async throws {
        let server = ScriptedServer { _ in .reply(ok()) }
        try await withServer(server) { client in
            let request = HTTPRequest(.post, server.url("/v3/invoice"), body: [1]), clocks = SystemClocks()
            expectNotSent(await client.send(request, timeout: .seconds(10), startBy: clocks.monotonic() - .milliseconds(1)), "start_too_late")
            #expect(server.received.isEmpty && server.connections == 1)
            guard case .answered = await client.send(request, timeout: .seconds(10), startBy: clocks.monotonic() + .seconds(60)) else {
                Issue.record("a request in time was not sent")
                return
            }
        }
    }

    @Test("a refused connection is not sent")
    func refused() async throws {
        let (listener, port) = listeningSocket()
        close(listener)
        let client = client(["127.0.0.1:\(port)"])
        let request = HTTPRequest(.post, "http://127.0.0.1:\(port)/", body: [1])
        let outcome = await client.send(request, timeout: .seconds(10))
        expectNotSent(outcome, "connect_failed")
        await client.shutdown()
    }

    @Test("a name without address is not sent")
    func unresolvable() async throws {
        let client = client([])
        let outcome = await client.send(HTTPRequest(.post, "https://no-such-host.invalid/"), timeout: .seconds(5))
        guard case .notSent(let fault) = outcome else {
            Issue.record("expected not sent, got \(outcome)")
            return
        }
        // Without any name service the look-up runs out of time instead.
        #expect(["name_not_resolved", "http_timed_out"].contains(fault.code))
        await client.shutdown()
    }

    @Test("a TLS handshake that fails is not sent")
    func noTLS() async throws {
        let server = ScriptedServer(readsRequests: false) { _ in .close }
        try await withServer(server) { client in
            let request = HTTPRequest(.post, server.url(scheme: "https"), body: [1])
            expectNotSent(await client.send(request, timeout: .seconds(10)), "tls_failed")
        }
    }

    @Test("no time at all is not sent", arguments: [Duration.zero, .seconds(-1), .microseconds(900)])
    func noTime(timeout: Duration) async throws {
        let server = ScriptedServer { _ in .reply(ok()) }
        try await withServer(server) { client in
            expectNotSent(await client.send(HTTPRequest(.post, server.url()), timeout: timeout), "http_timed_out")
            #expect(server.connections == 0)
        }
    }

    @Test("an exchange that waited in vain for a connection is not sent")
    func queued() async throws {
        let server = ScriptedServer { _ in .silence }
        try await withServer(server, connectionsPerHost: 1) { client in
            async let first = client.send(HTTPRequest(.post, server.url("/first")), timeout: .seconds(2))
            await server.waitForRequests(1)
            let second = await client.send(HTTPRequest(.post, server.url("/second")), timeout: .milliseconds(300))
            expectNotSent(second, "http_timed_out")
            expectUnknown(await first, "http_timed_out")
            #expect(server.received.map(\.line) == ["POST /first HTTP/1.1"])
        }
    }

    // The reused connection that dies.

    @Test(
        "a write on a reused connection that dies before an answer is sent once and unknown",
        arguments: [HTTPMethod.post, .put, .patch, .delete], [true, false])
    func staleWrite(method: HTTPMethod, reset: Bool) async throws {
        let server = ScriptedServer { request in
            request.number == 1 ? .reply(ok()) : request.number == 2 ? (reset ? .reset : .close) : .reply(ok("twice"))
        }
        try await withServer(server) { client in
            #expect(expectAnswered(await send(server, .get, to: client)) != nil)
            let body: [UInt8] = method == .delete ? [] : Array("amount=119".utf8)
            let write = HTTPRequest(method, server.url("/write"), body: body)
            expectUnknown(await client.send(write, timeout: .seconds(10)), "reply_torn")
            let writes = server.received.filter { $0.line.hasPrefix(method.rawValue) }
            #expect(writes.count == 1)
            // The test is about reuse: without it libcurl would not have tried again anyhow.
            #expect(writes.first?.connection == 1)
            #expect(expectAnswered(await send(server, .post, to: client)) != nil)
        }
    }

    @Test("an empty and a large write on a dying reused connection are sent once as well", arguments: [0, 2 << 20])
    func staleSizes(count: Int) async throws {
        let server = ScriptedServer { $0.number == 2 ? .close : .reply(ok()) }
        try await withServer(server) { client in
            #expect(expectAnswered(await send(server, .get, to: client)) != nil)
            let body = [UInt8](repeating: 65, count: count)
            let write = HTTPRequest(.post, server.url("/w"), body: body)
            expectUnknown(await client.send(write, timeout: .seconds(20)), "reply_torn")
            #expect(server.received.filter { $0.line.hasPrefix("POST") }.map(\.body.count) == [count])
        }
    }

    @Test("many writes at once over connections that die: none arrives twice")
    func staleMany() async throws {
        let server = ScriptedServer { $0.number % 5 == 0 ? ($0.number % 2 == 0 ? .close : .reset) : .reply(ok()) }
        try await withServer(server) { client in
            let outcomes = await withTaskGroup(of: (Int, HTTPOutcome).self) { group in
                for n in 0 ..< 120 {
                    group.addTask {
                        let write = HTTPRequest(.post, server.url("/w/\(n)"), body: [1])
                        return (n, await client.send(write, timeout: .seconds(30)))
                    }
                }
                var all: [Int: HTTPOutcome] = [:]
                for await (n, outcome) in group { all[n] = outcome }
                return all
            }
            let lines = server.received.map(\.line)
            #expect(Set(lines).count == lines.count)
            for (n, outcome) in outcomes {
                let arrived = lines.contains("POST /w/\(n) HTTP/1.1")
                if case .answered = outcome { #expect(arrived) }
                if case .notSent(let fault) = outcome { #expect(!arrived, "\(fault)") }
            }
            #expect(outcomes.values.contains { if case .unknown = $0 { true } else { false } })
        }
    }

    @Test("a read on a reused connection that dies is attempted again: libcurl's habit, harmless here")
    func staleRead() async throws {
        let server = ScriptedServer { $0.number == 2 ? .close : .reply(ok("\($0.number)")) }
        try await withServer(server) { client in
            #expect(expectAnswered(await send(server, .get, to: client)) != nil)
            #expect(expectAnswered(await send(server, .get, to: client))?.bodyText == "3")
            #expect(server.received.map(\.connection) == [1, 1, 2])
        }
    }

    @Test("a connection the peer closed while idle is noticed: the write goes over a new one and is answered")
    func idleClosed() async throws {
        let server = ScriptedServer { $0.number == 1 ? .replyAndClose(ok()) : .reply(ok()) }
        try await withServer(server) { client in
            #expect(expectAnswered(await send(server, .get, to: client)) != nil)
            await server.waitForClosed(1)
            #expect(expectAnswered(await send(server, .post, to: client)) != nil)
            #expect(server.received.map(\.connection) == [1, 2])
        }
    }

    @Test("bytes that nobody asked for are no answer: what comes next goes over a new connection", arguments: [HTTPMethod.post, .get], [true, false])
    func unaskedBytes(method: HTTPMethod, closes: Bool) async throws {
        let stray = closes ? "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n" : ok("another's")
        let server = ScriptedServer { $0.number == 1 ? .replyThen(ok(), unasked: stray, closes: closes) : .reply(ok("its own")) }
        try await withServer(server) { client in
            #expect(expectAnswered(await send(server, .get, to: client)) != nil)
            await server.goOn()
            let answer = expectAnswered(await send(server, method, to: client))
            #expect(answer?.status == 200 && answer?.bodyText == "its own")
            #expect(server.received.map(\.connection) == [1, 2])
            #expect(expectAnswered(await send(server, method, to: client))?.bodyText == "its own", "and the new connection is used again")
            #expect(server.received.map(\.connection) == [1, 2, 2])
        }
    }

    @Test("a burst of writes reuses its connection")
    func reuse() async throws {
        let server = ScriptedServer { _ in .reply(ok()) }
        try await withServer(server) { client in
            for _ in 0 ..< 5 { #expect(expectAnswered(await send(server, .post, to: client)) != nil) }
            #expect(server.connections == 1)
        }
    }

    // Sizes.

    @Test("an answer over the limit is unknown, by its announced and by its real size", arguments: [true, false])
    func oversize(announced: Bool) async throws {
        let body = String(repeating: "x", count: 5000)
        let text = announced ? ok(body) : "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + body
        let server = ScriptedServer { _ in .replyAndClose(text) }
        try await withServer(server, change: { $0.replyBytesMax = 4999 }) { client in
            expectUnknown(await send(server, to: client), "reply_too_large")
        }
        let second = ScriptedServer { _ in .replyAndClose(text) }
        try await withServer(second, change: { $0.replyBytesMax = 5000 }) { client in
            #expect(expectAnswered(await send(second, to: client))?.body.count == 5000)
        }
    }

    @Test("endless headers are cut off")
    func manyHeaders() async throws {
        let fields = (0 ..< 200).map { "X-\($0): " + String(repeating: "h", count: 90) + "\r\n" }.joined()
        let server = ScriptedServer { _ in .replyAndClose("HTTP/1.1 200 OK\r\n" + fields + "\r\n") }
        try await withServer(server, change: { $0.replyHeaderBytesMax = 10_000 }) { client in
            expectUnknown(await send(server, to: client), "reply_too_large")
        }
    }

    @Test("more exchanges than the client holds are not sent")
    func busy() async throws {
        let server = ScriptedServer { _ in .silence }
        try await withServer(server, change: { $0.exchangesMax = 1 }) { client in
            let first = Task { await client.send(HTTPRequest(.post, server.url()), timeout: .seconds(60)) }
            await server.waitForRequests(1)
            expectNotSent(await client.send(HTTPRequest(.post, server.url()), timeout: .seconds(60)), "http_client_busy")
            first.cancel()
            expectUnknown(await first.value, "cancelled")
        }
    }

    // Cancellation and shutdown.

    @Test("cancelling a task whose request is out leaves the outcome unknown, at once")
    func cancelled() async throws {
        let server = ScriptedServer { _ in .silence }
        try await withServer(server) { client in
            let task = Task { await client.send(HTTPRequest(.post, server.url(), body: [1]), timeout: .seconds(60)) }
            await server.waitForRequests(1)
            let start = ContinuousClock.now
            task.cancel()
            expectUnknown(await task.value, "cancelled")
            #expect(ContinuousClock.now - start < .seconds(20))
            #expect(server.received.count == 1)
        }
    }

    @Test("a task cancelled beforehand sends nothing")
    func cancelledBefore() async throws {
        let server = ScriptedServer { _ in .reply(ok()) }
        try await withServer(server) { client in
            let task = Task {
                withUnsafeCurrentTask { $0?.cancel() }
                return await client.send(HTTPRequest(.post, server.url()), timeout: .seconds(10))
            }
            expectNotSent(await task.value, "cancelled")
            #expect(server.connections == 0)
        }
    }

    @Test("cancelling while queued for a connection is not sent")
    func cancelledQueued() async throws {
        let server = ScriptedServer { _ in .silence }
        try await withServer(server, connectionsPerHost: 1) { client in
            let first = Task { await client.send(HTTPRequest(.post, server.url("/first")), timeout: .seconds(60)) }
            await server.waitForRequests(1)
            let second = Task { await client.send(HTTPRequest(.post, server.url("/second")), timeout: .seconds(60)) }
            second.cancel()
            expectNotSent(await second.value, "cancelled")
            first.cancel()
            expectUnknown(await first.value, "cancelled")
            #expect(server.received.count == 1)
        }
    }

    @Test("cancelling one exchange leaves the others alone")
    func cancelledOne() async throws {
        let server = ScriptedServer { $0.line.contains("/slow") ? .silence : .reply(ok()) }
        try await withServer(server) { client in
            let slow = Task { await client.send(HTTPRequest(.post, server.url("/slow")), timeout: .seconds(60)) }
            await server.waitForRequests(1)
            slow.cancel()
            let fast = await client.send(HTTPRequest(.post, server.url("/fast")), timeout: .seconds(10))
            #expect(expectAnswered(fast) != nil)
            expectUnknown(await slow.value, "cancelled")
        }
    }

    @Test("shutdown ends what is under way as unknown and refuses what comes later; twice is allowed")
    func shutdown() async throws {
        let server = ScriptedServer { _ in .silence }
        let client = client([server.host])
        async let first = client.send(HTTPRequest(.post, server.url()), timeout: .seconds(60))
        await server.waitForRequests(1)
        await client.shutdown()
        expectUnknown(await first, "http_client_stopped")
        expectNotSent(await client.send(HTTPRequest(.post, server.url()), timeout: .seconds(60)), "http_client_stopped")
        await client.shutdown()
        await server.stop()
    }
}
