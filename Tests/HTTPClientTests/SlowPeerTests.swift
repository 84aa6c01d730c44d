import Glibc
import Kernel
import Testing
import Wire

@testable import HTTPClient

/// Answers that come slowly, and those that stop half-way.
@Suite("Slow peers")
struct SlowPeerTests {
    /// Of 40 bytes that come one every 25 ms: a second.
    private static let body = String(repeating: "amount-119", count: 4)
    private static let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

    /// What comes at once, and what of it drips in.
    private static let drips: [(name: String, first: String, slowly: String)] = [
        ("a head", "HTTP/1.1 200 OK\r\nX-Slow: ", body + "\r\nContent-Length: 0\r\n\r\n"), ("a body", "HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\n", body),
        ("chunks", chunked, "28\r\n\(body)\r\n0\r\n\r\n"),
    ]

    @Test("a time-out in the middle of an answer leaves the outcome unknown, and nothing of the answer is handed out", arguments: 0 ..< drips.count, [HTTPMethod.post, .get])
    func timesOut(drip: Int, method: HTTPMethod) async throws {
        let (_, first, slowly) = SlowPeerTests.drips[drip]
        let server = ScriptedServer { _ in .drip(first, slowly: slowly, every_ms: 25) }
        try await withServer(server) { client in
            let outcome = await client.send(HTTPRequest(method, server.url("/v3/invoice")), timeout: .milliseconds(300))
            expectUnknown(outcome, "http_timed_out")
            #expect(outcome.response == nil)
            #expect(outcome.fault.map { "\($0)".contains("amount") } == false)
            #expect(server.received.count == 1)
        }
    }

    @Test("an answer that is slow and comes to its end in time is whole", arguments: 0 ..< drips.count)
    func whole(drip: Int) async throws {
        let (name, first, slowly) = SlowPeerTests.drips[drip]
        let server = ScriptedServer { _ in .drip(first, slowly: slowly, every_ms: 3) }
        try await withServer(server) { client in
            let response = expectAnswered(await client.send(HTTPRequest(.post, server.url(), body: [1]), timeout: .seconds(30)))
            #expect(name == "a head" ? response?.fields["X-Slow"] == SlowPeerTests.body : response?.bodyText == SlowPeerTests.body, "\(name)")
        }
    }

    @Test("an answer that stops half-way is waited for until the time is over, and no longer", arguments: [
        "HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\namount-119", "\(chunked)a\r\namount-119\r\n", "\(chunked)28\r\namount-119", "HTTP/1.1 200 OK\r\nContent-Le",
        "HTTP/1.1 200 OK\r\n\r\namount-119",
    ])
    func stalls(text: String) async throws {
        let server = ScriptedServer { $0.number == 1 ? .drip(text, slowly: "", every_ms: 1) : .reply(ok("next")) }
        try await withServer(server) { client in
            let clocks = SystemClocks(), began = clocks.monotonic()
            let outcome = await client.send(HTTPRequest(.post, server.url(), body: [1]), timeout: .milliseconds(300))
            expectUnknown(outcome, "http_timed_out")
            let took = clocks.monotonic() - began
            #expect(took >= .milliseconds(290) && took < .seconds(20))
            // What may still come over that connection is nobody's answer.
            #expect(expectAnswered(await client.send(HTTPRequest(.post, server.url(), body: [1]), timeout: .seconds(10)))?.bodyText == "next")
            #expect(server.received.map(\.connection) == [1, 2])
        }
    }

    @Test("a slow answer holds up no other")
    func beside() async throws {
        let (_, first, slowly) = SlowPeerTests.drips[1]
        let server = ScriptedServer { $0.line.contains("/slow") ? .drip(first, slowly: slowly, every_ms: 25) : .reply(ok()) }
        try await withServer(server) { client in
            async let slow = client.send(HTTPRequest(.post, server.url("/slow")), timeout: .milliseconds(500))
            await server.waitForRequests(1)
            for _ in 0 ..< 20 { #expect(expectAnswered(await client.send(HTTPRequest(.get, server.url("/fast")), timeout: .seconds(10))) != nil) }
            expectUnknown(await slow, "http_timed_out")
        }
    }
}

/// The environment of whoever starts the program may name proxies: they would see every token.
@Suite("Proxies")
struct ProxyTests {
    /// In a process of its own: the environment is the process's.
    @Test("no proxy that the environment names sees anything of an exchange", arguments: ["http", "https"])
    func environment(scheme: String) async {
        await #expect(processExitsWith: .success) { [scheme] in
            let proxy = ScriptedServer { _ in .reply(ok("the proxy's")) }, identity = TLSIdentity()
            let server = ScriptedServer(identity: scheme == "https" ? identity : nil) { _ in .reply(ok("its own")) }
            for name in ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"] { setenv(name, "http://\(proxy.host)", 1) }
            unsetenv("no_proxy")
            unsetenv("NO_PROXY")
            let sender = client([server.host])
            let outcome = await sender.send(HTTPRequest(.post, server.url(scheme: scheme), body: [1]), timeout: .seconds(10))
            guard proxy.connections == 0, server.connections == 1 else { exit(3) }
            // Nobody trusts the certificate: that it was shown is enough.
            guard scheme == "https" ? outcome.fault?.code == "tls_certificate_refused" : outcome.response?.bodyText == "its own" else { exit(4) }
            await sender.shutdown()
            exit(0)
        }
    }
}
