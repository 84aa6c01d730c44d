import Glibc
@testable import HTTPServer
import Kernel
import Testing
import Wire

private let plain = "GET /a HTTP/1.1\r\nHost: a\r\n\r\n"

@Suite("the server's answers")
struct ServerTests {
    @Test("an answer has its length and a date, and the connection serves again")
    func keepAlive() async throws {
        try await withServer { port in
            let client = try Client(port: port)
            for round in 1 ... 3 {
                let reply = try client.ask("GET /\(round)?x HTTP/1.1\r\nHost: a\r\n\r\n")
                #expect(reply.status == 200)
                #expect(reply.text == "GET /\(round)?x ")
                #expect(reply.all("Content-Length") == [String(reply.body.count)])
                #expect(reply.all("Date").count == 1)
                #expect(reply.all("Connection").isEmpty)
            }
        }
    }

    @Test("a peer is named by its address")
    func peer() async throws {
        let reply = try await withServer(handler: { _, peer in .text(200, peer.address) }) { port in
            try Client(port: port).ask(plain)
        }
        #expect(reply.text == "127.0.0.1")
    }

    @Test(
        "the connection closes where the client, the version or the handler says so",
        arguments: [
            "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "GET / HTTP/1.0\r\n\r\n",
            "GET /close HTTP/1.1\r\nHost: a\r\n\r\n",
        ])
    func closes(_ request: String) async throws {
        let handler: HTTPHandler = { request, _ in
            HTTPResponse(200, fields: request.path == "/close" ? ["connection": "Close"] : [:])
        }
        try await withServer(handler: handler) { port in
            let client = try Client(port: port)
            let reply = try client.ask(request)
            #expect(reply.all("Connection") == ["close"])
            #expect(try client.readToEnd().isEmpty)
        }
    }

    @Test("a 1.0 client that asks for it keeps its connection, and is told so")
    func oldKeepAlive() async throws {
        try await withServer { port in
            let client = try Client(port: port)
            for _ in 0 ..< 2 {
                #expect(
                    try client.ask("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").all("Connection") == [
                        "keep-alive"
                    ])
            }
        }
    }

    @Test("HEAD gets the length and no body; 204 and 304 get neither")
    func bodyless() async throws {
        let handler: HTTPHandler = { request, _ in
            switch request.path {
            case "/length": HTTPResponse(200, fields: ["Content-Length": "1234"])
            case "/204": HTTPResponse(204, body: [1])
            case "/304": HTTPResponse(304, body: [1])
            default: .text(200, "hello")
            }
        }
        try await withServer(handler: handler) { port in
            let client = try Client(port: port)
            try client.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(try client.reply(bodyless: true)["Content-Length"] == "5")
            try client.send("HEAD /length HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(try client.reply(bodyless: true).all("Content-Length") == ["1234"])
            for status in [204, 304] {
                let reply = try client.ask("GET /\(status) HTTP/1.1\r\nHost: a\r\n\r\n")
                #expect(reply.status == status)
                #expect(reply.all("Content-Length").isEmpty)
            }
            #expect(try client.ask(plain).text == "hello")
        }
    }

    @Test(
        "a response that could break the framing becomes a 500",
        arguments: [
            HTTPResponse(200, fields: ["X": "a\r\nSet-Cookie: b"]), HTTPResponse(200, fields: ["X": "a\nb"]),
            HTTPResponse(200, fields: ["X": "a\r"]), HTTPResponse(200, fields: ["X": "\0"]),
            HTTPResponse(200, fields: ["X: a\r\nY": "b"]),
            HTTPResponse(200, fields: ["": "b"]), HTTPResponse(200, fields: ["X Y": "b"]), HTTPResponse(101),
            HTTPResponse(1000), HTTPResponse(-1),
        ])
    func brokenResponse(_ response: HTTPResponse) async throws {
        try await withServer(handler: { request, _ in request.path == "/a" ? response : .text(200, "next") }) { port in
            let client = try Client(port: port)
            let reply = try client.ask(plain)
            #expect(reply.status == 500)
            #expect(Set(reply.fields.map(\.name)) == ["Content-Type", "Content-Length", "Date"])
            #expect(try client.ask("GET /b HTTP/1.1\r\nHost: a\r\n\r\n").text == "next")
        }
    }

    @Test("what a handler says of framing is not sent")
    func ownedFields() async throws {
        let fields: HTTPFields = [
            "Content-Length": "99", "Transfer-Encoding": "chunked", "Keep-Alive": "x", "X-Kept": "y", "Date": "then",
        ]
        try await withServer(handler: { _, _ in HTTPResponse(200, fields: fields, body: [65]) }) { port in
            let reply = try Client(port: port).ask(plain)
            #expect(reply.all("Content-Length") == ["1"])
            #expect(reply["Transfer-Encoding"] == nil)
            #expect(reply["Keep-Alive"] == nil)
            #expect(reply["X-Kept"] == "y")
            #expect(reply.all("Date") == ["then"])
        }
    }

    @Test("a handler that answers nil closes the connection without a byte")
    func noAnswer() async throws {
        try await withServer(handler: { _, _ in nil }) { port in
            let client = try Client(port: port)
            try client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab")
            #expect(try client.readToEnd().isEmpty)
        }
    }

    @Test("requests sent at once are handled one at a time and answered in order")
    func pipelining() async throws {
        let running = Locked((now: 0, most: 0))
        let handler: HTTPHandler = { request, _ in
            running.with { state in
                state.now += 1
                state.most = max(state.most, state.now)
            }
            // Later requests give way less often: without the order they would overtake.
            for _ in 0 ..< (200 - (Int(request.path.dropFirst()) ?? 0)) { await Task.yield() }
            running.with { $0.now -= 1 }
            return .text(200, request.path)
        }
        try await withServer(handler: handler) { port in
            let client = try Client(port: port)
            try client.send((0 ..< 100).map { "GET /\($0) HTTP/1.1\r\nHost: a\r\n\r\n" }.joined())
            for index in 0 ..< 100 { #expect(try client.reply().text == "/\(index)") }
        }
        #expect(running.with { $0.most } == 1)
    }

    @Test("a client that has closed its sending side still gets its answers")
    func halfClosed() async throws {
        try await withServer { port in
            let client = try Client(port: port)
            try client.send(plain)
            client.closeWriting()
            #expect(try client.reply().text == "GET /a ")
            #expect(try client.readToEnd().isEmpty)
        }
    }

    @Test("an absolute target reaches the handler as a path, with its host")
    func absoluteForm() async throws {
        let reply = try await withServer(handler: { request, _ in
            .text(200, request.target + " " + (request.fields["host"] ?? ""))
        }) { port in
            try Client(port: port).ask("GET http://shop.example/x HTTP/1.1\r\nHost: other\r\n\r\n")
        }
        #expect(reply.text == "/x shop.example")
    }

    @Test("every refused shape is answered with its status, and the connection closes")
    func refusals() async throws {
        let handled = Locked(0)
        try await withServer(handler: { _, _ in
            handled.with { $0 += 1 }
            return .text(200, "handled")
        }) { port in
            for shape in refusedShapes {
                let client = try Client(port: port)
                try client.send(shape.bytes + plain)
                let reply = try client.reply()
                #expect(reply.status == shape.status, "\(shape.name)")
                #expect(reply.text == shape.code + "\n", "\(shape.name)")
                #expect(reply.all("Connection") == ["close"], "\(shape.name)")
                #expect(try client.readToEnd().isEmpty, "\(shape.name)")
            }
        }
        #expect(handled.with { $0 } == 0)
    }

    @Test("a date is written as the RFC writes it")
    func date() {
        #expect(HTTPDate.text(Timestamp(seconds: 784_111_777)) == "Sun, 06 Nov 1994 08:49:37 GMT")
        #expect(HTTPDate.text(Timestamp(seconds: 0)) == "Thu, 01 Jan 1970 00:00:00 GMT")
        #expect(HTTPDate.text(Timestamp(seconds: -1)) == "Wed, 31 Dec 1969 23:59:59 GMT")
    }
}
