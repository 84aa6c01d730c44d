import Kernel
import Testing
import Wire

@testable import HTTPClient

@Suite("Exchanges")
struct ExchangeTests {
    @Test("an answer arrives with status, fields in order and body")
    func answer() async throws {
        let text = ok("{\"a\":1}", status: "201 Created", "X-One:  1 ", "Set-Cookie: a", "Set-Cookie: b", "X-Empty:")
        let server = ScriptedServer { _ in .reply(text) }
        try await withServer(server) { client in
            let outcome = await client.send(HTTPRequest(.get, server.url("/v1/items?limit=2")), timeout: .seconds(10))
            let response = expectAnswered(outcome, 201)
            #expect(response?.bodyText == "{\"a\":1}")
            #expect(response?.fields["x-one"] == "1")
            #expect(response?.fields["X-Empty"] == "")
            #expect(response?.fields.all("set-cookie") == ["a", "b"])
            #expect(server.received.first?.line == "GET /v1/items?limit=2 HTTP/1.1")
        }
    }

    @Test("each method sends its line and, where it has one, its body", arguments: HTTPMethod.allCases)
    func methods(method: HTTPMethod) async throws {
        let server = ScriptedServer { request in .reply(request.line.hasPrefix("HEAD") ? headOnly : ok()) }
        try await withServer(server) { client in
            let body: [UInt8] = method == .head ? [] : [0, 1, 255, 10]
            let request = HTTPRequest(method, server.url("/m"), fields: ["Content-Type": "application/x"], body: body)
            let full = expectAnswered(await client.send(request, timeout: .seconds(10)))
            #expect(full?.bodyText == (method == .head ? "" : "ok"))
            let bare = await client.send(HTTPRequest(method, server.url("/n")), timeout: .seconds(10))
            #expect(expectAnswered(bare) != nil)
            let received = server.received
            try #require(received.count == 2)
            #expect(received[0].line == "\(method.rawValue) /m HTTP/1.1")
            #expect(received[0].body == body)
            #expect(received[1].line == "\(method.rawValue) /n HTTP/1.1")
            #expect(received[1].body.isEmpty)
            let mustNameLength: Bool = [.post, .put, .patch].contains(method)
            #expect(received[1].head.lowercased().contains("content-length: 0") == mustNameLength)
            #expect(!received[1].head.lowercased().contains("content-type"))
        }
    }

    @Test("a large body arrives whole and without asking leave first")
    func largeBody() async throws {
        let server = ScriptedServer { _ in .reply(ok()) }
        try await withServer(server) { client in
            let body = SeededRandom(seed: 5).bytes(3 << 20)
            let outcome = await client.send(HTTPRequest(.post, server.url(), body: body), timeout: .seconds(20))
            #expect(expectAnswered(outcome) != nil)
            #expect(server.received.first?.body == body)
            #expect(server.received.first?.head.lowercased().contains("expect:") == false)
        }
    }

    @Test("headers go out as given: repeated, empty, with a default User-Agent only where none is set")
    func headers() async throws {
        let server = ScriptedServer { _ in .reply(ok()) }
        try await withServer(server) { client in
            var request = HTTPRequest(.get, server.url(), fields: ["X-A": "1", "X-Empty": ""])
            request.fields.append("X-A", "2")
            _ = await client.send(request, timeout: .seconds(10))
            request.fields["User-Agent"] = "mine/1"
            _ = await client.send(request, timeout: .seconds(10))
            let received = server.received
            try #require(received.count == 2)
            #expect(received[0].head.contains("X-A: 1\r\nX-Empty:\r\nX-A: 2\r\n"))
            #expect(received[0].head.contains("User-Agent: Counterfoil\r\n"))
            #expect(received[1].head.contains("User-Agent: mine/1\r\n"))
            #expect(!received[1].head.contains("Counterfoil"))
        }
    }

    @Test(
        "a request that can't be written safely is not sent",
        arguments: [
            ("X-A", "1\r\nX-Injected: 2"), ("X-A", "a\nb"), ("X-A", "a\u{0}b"), ("X A", "1"), ("", "1"), ("X-A:", "1"),
            ("Transfer-Encoding", "chunked"), ("Accept-Encoding", "gzip"), ("Connection", "close"), ("Expect", "100-continue"),
            ("Content-Length", "5"), ("Host", "elsewhere.example"),
        ])
    func malformed(name: String, value: String) async throws {
        let server = ScriptedServer { _ in .reply(ok()) }
        try await withServer(server) { client in
            var request = HTTPRequest(.post, server.url(), body: [1, 2])
            request.fields.append(name, value)
            expectNotSent(await client.send(request, timeout: .seconds(10)), "request_malformed")
            #expect(server.connections == 0)
        }
    }

    @Test("a redirect is an answer, not an order")
    func redirect() async throws {
        let server = ScriptedServer { _ in .reply(ok("", status: "302 Found", "Location: /elsewhere")) }
        try await withServer(server) { client in
            let outcome = await client.send(HTTPRequest(.get, server.url()), timeout: .seconds(10))
            let response = expectAnswered(outcome, 302)
            #expect(response?.fields["Location"] == "/elsewhere")
            #expect(server.received.count == 1)
        }
    }

    @Test("an interim answer is skipped and its fields with it")
    func interim() async throws {
        let server = ScriptedServer { _ in .reply("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + ok("done")) }
        try await withServer(server) { client in
            let response = expectAnswered(await client.send(HTTPRequest(.get, server.url()), timeout: .seconds(10)))
            #expect(response?.bodyText == "done")
            #expect(response?.fields["Link"] == nil)
        }
    }

    @Test("a chunked answer is put together and its trailers left out")
    func chunked() async throws {
        let server = ScriptedServer { _ in
            .reply("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\nX-Sum: 1\r\n\r\n")
        }
        try await withServer(server) { client in
            let response = expectAnswered(await client.send(HTTPRequest(.get, server.url()), timeout: .seconds(10)))
            #expect(response?.bodyText == "abcde")
            #expect(response?.fields["X-Sum"] == nil)
        }
    }

    @Test("an answer is asked for unpacked, and a packed one is none, whole or torn: nobody could tell", arguments: [HTTPMethod.get, .post], [true, false])
    func packed(method: HTTPMethod, isTorn: Bool) async throws {
        let content = isTorn ? Array(gzip.prefix(10)) : gzip
        for field in ["Content-Encoding: gzip", "content-encoding: identity, X-GZIP", "Content-Encoding: none, gzip", "Content-Encoding: \r\nContent-Encoding: br"] {
            let head = "HTTP/1.1 200 OK\r\n\(field)\r\nContent-Length: \(content.count)\r\n\r\n"
            let server = ScriptedServer { _ in .replyBytes(Array(head.utf8) + content) }
            try await withServer(server) { client in
                expectUnknown(await client.send(HTTPRequest(method, server.url("/one")), timeout: .seconds(10)), "reply_packed")
                #expect(server.received.count == 1 && server.received[0].head.contains("\r\nAccept-Encoding: identity\r\n"))
            }
        }
    }

    @Test("nor is one that is packed on its way, though libcurl unpacks it: of its beginning it makes a whole", arguments: [true, false])
    func packedTransfer(isTorn: Bool) async throws {
        let content = isTorn ? Array(gzip.prefix(14)) : gzip
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n\(String(content.count, radix: 16))\r\n"
        let server = ScriptedServer { _ in .replyBytes(Array(head.utf8) + content + Array("\r\n0\r\n\r\n".utf8)) }
        try await withServer(server) { client in
            let outcome = await client.send(HTTPRequest(.post, server.url(), body: [1]), timeout: .seconds(10))
            expectUnknown(outcome, "reply_packed")
            #expect(outcome.fault?.summary.hasSuffix("status 200, is packed (gzip), which was not asked for") == true)
        }
    }

    @Test("an answer that says it is packed in no way, or that has only a head, is one")
    func unpacked() async throws {
        let server = ScriptedServer { request in
            if request.line.hasPrefix("HEAD") { return .reply("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 28\r\n\r\n") }
            if request.line.contains("/php") { return .reply("HTTP/1.1 200 OK\r\nContent-Encoding: none\r\nContent-Length: 2\r\n\r\nok") }
            if request.line.contains("/bare") { return .replyAndClose("HTTP/1.1 200 OK\r\nContent-Encoding: None, identity\r\nTransfer-Encoding: Identity\r\n\r\nok") }
            if request.line.contains("/none") { return .reply("HTTP/1.1 204 No Content\r\nContent-Encoding: gzip\r\n\r\n") }
            return .reply("HTTP/1.1 200 OK\r\nContent-Encoding: Identity\r\nTransfer-Encoding: Chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n")
        }
        try await withServer(server) { client in
            #expect(expectAnswered(await client.send(HTTPRequest(.head, server.url()), timeout: .seconds(10)))?.fields["Content-Encoding"] == "gzip")
            #expect(expectAnswered(await client.send(HTTPRequest(.delete, server.url("/none")), timeout: .seconds(10)), 204) != nil)
            for path in ["/", "/php", "/bare"] {
                #expect(expectAnswered(await client.send(HTTPRequest(.get, server.url(path)), timeout: .seconds(10)))?.bodyText == "ok", "\(path)")
            }
        }
    }

    @Test("an error status is an answer")
    func errorStatus() async throws {
        let server = ScriptedServer { _ in .reply(ok("no", status: "503 Service Unavailable", "Retry-After: 7")) }
        try await withServer(server) { client in
            let outcome = await client.send(HTTPRequest(.post, server.url(), body: [1]), timeout: .seconds(10))
            #expect(expectAnswered(outcome, 503)?.fields["retry-after"] == "7")
        }
    }

    @Test("200 exchanges at once share 8 connections, and every caller gets its own answer")
    func concurrent() async throws {
        let server = ScriptedServer { .reply(ok($0.line)) }
        try await withServer(server) { client in
            let right = await withTaskGroup(of: Bool.self) { group in
                for n in 0 ..< 200 {
                    group.addTask {
                        let method: HTTPMethod = n % 2 == 0 ? .get : .post
                        let request = HTTPRequest(method, server.url("/n/\(n)"))
                        let outcome = await client.send(request, timeout: .seconds(30))
                        return outcome.response?.bodyText == "\(method.rawValue) /n/\(n) HTTP/1.1"
                    }
                }
                return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
            }
            #expect(right == 200)
            #expect(server.received.count == 200)
            #expect((1 ... 8).contains(server.connections))
        }
    }

    @Test("what an exchange leaves behind in a handle is not in the next one's request")
    func handleUsedAgain() async throws {
        let server = ScriptedServer { request in .reply(request.line.hasPrefix("HEAD") ? headOnly : ok()) }
        let body = Array("left=over".utf8)
        let secret: HTTPFields = ["Authorization": "Bearer s", "Content-Type": "application/x"]
        let requests = [
            HTTPRequest(.post, server.url("/a?q=1"), fields: secret, body: body), HTTPRequest(.get, server.url("/b")),
            HTTPRequest(.head, server.url("/c"), fields: secret), HTTPRequest(.put, server.url("/d")), HTTPRequest(.get, server.url("/e"), fields: secret, body: body),
            HTTPRequest(.delete, server.url("/f")), HTTPRequest(.post, server.url("/g")), HTTPRequest(.options, server.url("/h")),
        ]
        try await withServer(server) { shared in
            // One after another: all go over one handle. Then each over a handle of its own.
            for request in requests { #expect(expectAnswered(await shared.send(request, timeout: .seconds(10))) != nil) }
            for request in requests {
                let fresh = client([server.host])
                #expect(expectAnswered(await fresh.send(request, timeout: .seconds(10))) != nil)
                await fresh.shutdown()
            }
        }
        let received = server.received
        try #require(received.count == requests.count * 2)
        for n in requests.indices {
            #expect(received[n].head == received[n + requests.count].head)
            #expect(received[n].body == received[n + requests.count].body)
        }
    }

    @Test("a field's value begins after its first colon; a line without one, and one that goes on from the line before, are no fields")
    func oddLines() async throws {
        let server = ScriptedServer { _ in .reply("HTTP/1.1 200 OK\r\nX-A: 1\r\nX-B:\t 2:3 \r\nX-C:\r\nContent-Length: 2\r\n\r\nok") }
        try await withServer(server) { client in
            let response = expectAnswered(await client.send(HTTPRequest(.get, server.url()), timeout: .seconds(10)))
            #expect(response?.fields.list.map(\.name) == ["X-A", "X-B", "X-C", "Content-Length"])
            #expect(response?.fields["X-B"] == "2:3")
        }
        var collector = ReplyCollector()
        for line in ["HTTP/1.1 200 OK\r\n", "X-A: 1\r\n", " folded: 2\r\n", "nonsense\r\n", "\r\n"] {
            var line = line
            let taken = line.withUTF8 { collector.takeHeader(UnsafeRawBufferPointer($0), bytesMax: 1000) }
            #expect(taken)
        }
        #expect(collector.response().fields.list.map(\.name) == ["X-A"])
    }

    @Test("an engine sleeps only over an empty box, and what it has read once keeps it awake no longer")
    func mailboxRest() {
        let mailbox = Mailbox(exchangesMax: 1)
        #expect(mailbox.rest())
        mailbox.cancel(1)
        #expect(!mailbox.rest(), "something came that was not taken")
        #expect(mailbox.take().cancelled == [1])
        #expect(mailbox.rest() && mailbox.take().cancelled.isEmpty)
        mailbox.stop()
        #expect(!mailbox.rest())
    }

    @Test("two clients live beside each other, and a client that is let go ends by itself")
    func twoClients() async throws {
        let server = ScriptedServer { _ in .reply(ok()) }
        try await withServer(server) { one in
            let two = client([server.host])
            async let first = one.send(HTTPRequest(.get, server.url()), timeout: .seconds(10))
            async let second = two.send(HTTPRequest(.get, server.url()), timeout: .seconds(10))
            #expect(expectAnswered(await first) != nil)
            #expect(expectAnswered(await second) != nil)
        }
        #expect(server.connections == 2)
    }
}

private let headOnly = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"
/// gzip of "hello hello hello hello": 28 bytes for 23.
private let gzip: [UInt8] = [
    31, 139, 8, 0, 0, 0, 0, 0, 2, 3, 203, 72, 205, 201, 201, 87, 200, 64, 39, 1, 227, 81, 61, 141, 23,
    0, 0, 0,
]
