@testable import HTTPServer
import Kernel
import Testing
import Wire

private let echo: HTTPHandler = { request, _ in HTTPResponse(200, body: request.body) }

@Suite("request and response bodies")
struct BodyTests {
    @Test("a large body comes back byte for byte, by length and by chunks")
    func large() async throws {
        let body = SeededRandom(seed: 5).bytes(3 << 20)
        try await withServer({ $0.maxBodyBytes = 4 << 20 }, handler: echo) { port in
            let client = try Client(port: port)
            try client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: \(body.count)\r\n\r\n")
            try client.send(body)
            #expect(try client.reply().body == body)
            try client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
            for at in stride(from: 0, to: body.count, by: 100_000) {
                let chunk = body[at ..< min(body.count, at + 100_000)]
                try client.send(Array((String(chunk.count, radix: 16) + "\r\n").utf8) + chunk + [13, 10])
            }
            try client.send("0\r\n\r\n")
            #expect(try client.reply().body == body)
        }
    }

    @Test("an answer larger than every buffer arrives whole")
    func largeAnswer() async throws {
        let body = [[UInt8]](repeating: SeededRandom(seed: 6).bytes(1 << 20), count: 16).flatMap { $0 }
        let reply = try await withServer(handler: { _, _ in HTTPResponse(200, body: body) }) { port in
            try Client(port: port).ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        }
        let same = reply.body == body
        #expect(same)
    }

    @Test("the limit is the target's; over it the answer comes before the body is sent")
    func limitByTarget() async throws {
        let asked = Locked<[String]>([])
        let handled = Locked(0)
        try await withServer(
            {
                $0.maxBodyBytesFor = { target in
                    asked.with { $0.append(target) }
                    return target == "/large?x" ? 10 : 3
                }
            },
            handler: { request, peer in
                handled.with { $0 += 1 }
                return await echo(request, peer)
            }
        ) { port in
            let client = try Client(port: port)
            #expect(
                try client.ask("POST /large?x HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n0123456789").text
                    == "0123456789")
            #expect(try client.ask("POST /small HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n").status == 413)
            #expect(try client.readToEnd().isEmpty)
        }
        #expect(asked.with { $0 } == ["/large?x", "/small"])
        #expect(handled.with { $0 } == 1)
    }

    @Test("a client that sends its whole body before it reads still sees the 413")
    func refusalSurvives() async throws {
        try await withServer({ $0.maxBodyBytes = 1000 }) { port in
            let client = try Client(port: port)
            try client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2000000\r\n\r\n")
            try client.send([UInt8](repeating: 65, count: 2_000_000))
            #expect(try client.reply().status == 413)
        }
    }

    @Test("a client that waits for 100 is told to go on, once")
    func goesOn() async throws {
        try await withServer(handler: echo) { port in
            let client = try Client(port: port)
            #expect(
                try client.ask("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nContent-Length: 4\r\n\r\n").status
                    == 100)
            try client.send("ab")
            try letServerRead(port)
            try client.send("cd")
            #expect(try client.reply().text == "abcd")
            #expect(
                try client.ask(
                    "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n"
                ).status == 100)
            // Between a chunk's size and its data the body is as empty as it was before.
            try client.send("1\r\n")
            try letServerRead(port)
            try client.send("e\r\n0\r\n\r\n")
            #expect(try client.reply().text == "e")
        }
    }

    @Test("no 100 is said to a body already sent, to none, or to one over the limit")
    func saysNothing() async throws {
        try await withServer({ $0.maxBodyBytes = 10 }, handler: echo) { port in
            let client = try Client(port: port)
            try client.send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\nab")
            try letServerRead(port)
            try client.send("cd")
            #expect(try client.reply().status == 200)
            #expect(
                try client.ask("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nab")
                    .status == 200)
            #expect(
                try client.ask("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 0\r\n\r\n").status
                    == 200)
            #expect(
                try client.ask("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 11\r\n\r\n")
                    .status == 413)
        }
    }

    @Test("bodies over what the server holds at one time are refused with 503, and room falls free with the answers")
    func heldBodies() async throws {
        let (entered, gate) = (Gate(), Gate())
        try await withRunningServer(
            { $0.maxHeldBodyBytes = 10 },
            handler: { request, peer in
                if request.path == "/wait" {
                    entered.open()
                    await gate.wait()
                }
                return await echo(request, peer)
            }
        ) { port, _ in
            let rest = "HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabcdef"
            let first = try await onThread { try Client(port: port) }
            try await onThread { try first.send("POST /wait " + rest) }
            await entered.wait()
            #expect(try await onThread { try Client(port: port).ask("POST / " + rest).status } == 503)
            gate.open()
            #expect(try await onThread { try first.reply().text } == "abcdef")
            #expect(try await onThread { try Client(port: port).ask("POST / " + rest).text } == "abcdef")
        }
    }

    @Test("what a client sends ahead of its turn is taken only up to a bound")
    func readAhead() async throws {
        let gate = Gate()
        try await withRunningServer(handler: { request, _ in
            await gate.wait()
            return .text(200, "x")
        }) { port, _ in
            let client = try await onThread { try Client(port: port) }
            let request = Array("GET / HTTP/1.1\r\nHost: a\r\n\r\n".utf8)
            let megabyte = [[UInt8]](repeating: request, count: (1 << 20) / request.count).flatMap { $0 }
            let flood = [[UInt8]](repeating: megabyte, count: 64).flatMap { $0 }
            let sent = try await onThread { client.sendWhileTaken(flood) }
            #expect(sent < flood.count / 2)
            gate.open()
            #expect(try await onThread { try client.reply().status } == 200)
        }
    }
}
