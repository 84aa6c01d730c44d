import Glibc
@testable import HTTPServer
import Kernel
import Testing
import Wire

private let plain = "GET /a HTTP/1.1\r\nHost: a\r\n\r\n"

@Suite("slow, many and leaving clients")
struct EnduranceTests {
    @Test(
        "a head that does not end in time is answered 408 and cut",
        arguments: ["G", "GET / HTTP/1.1\r\nHost: a\r\nX: ", "\r\nG"])
    func slowHead(_ beginning: String) async throws {
        try await withServer({ $0.headReadTimeout = .milliseconds(50) }) { port in
            let client = try Client(port: port)
            try client.send(beginning)
            #expect(try client.reply().status == 408)
            #expect(try client.readToEnd().isEmpty)
        }
    }

    @Test("a body that does not end in time is answered 408 and cut")
    func slowBody() async throws {
        try await withServer({ $0.bodyReadTimeout = .milliseconds(50) }) { port in
            let client = try Client(port: port)
            #expect(try client.ask("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc").status == 408)
            #expect(try client.readToEnd().isEmpty)
        }
    }

    @Test("dripping bytes does not move the deadline of a head")
    func dripping() async throws {
        try await withServer({ $0.headReadTimeout = .milliseconds(50) }) { port in
            let client = try Client(port: port)
            var entry = pollfd(fd: client.descriptor, events: Int16(POLLIN), revents: 0)
            // On a busy machine it takes a while until the server is at work.
            #expect(try client.ask(plain).status == 200)
            try client.send("GET / HTTP/1.1\r\nHost: a\r\nX: ")
            var drips = 0
            while poll(&entry, 1, 5) == 0, drips < 2000 {
                try client.send("x")
                drips += 1
            }
            #expect(drips < 2000)
            #expect(try client.reply().status == 408)
        }
    }

    @Test("a connection without a request is closed without a word, a new one and a used one")
    func idle() async throws {
        try await withServer({
            $0.headReadTimeout = .milliseconds(50)
            $0.idleTimeout = .milliseconds(50)
        }) { port in
            #expect(try Client(port: port).readToEnd().isEmpty)
            let used = try Client(port: port)
            #expect(try used.ask(plain).status == 200)
            #expect(try used.readToEnd().isEmpty)
        }
    }

    @Test("a blank line by itself is no beginning of a request: nobody is told that it did not end", arguments: [["\r\n"], ["\r", "\n"]])
    func blankLine(pieces: [String]) async throws {
        try await withServer({
            $0.idleTimeout = .seconds(2)
            $0.headReadTimeout = .seconds(3)
        }) { port in
            let used = try Client(port: port), new = try Client(port: port)
            #expect(try used.ask(plain).status == 200)
            for client in [used, new] {
                var entry = pollfd(fd: client.descriptor, events: Int16(POLLIN), revents: 0)
                for piece in pieces {
                    try client.send(piece)
                    // Time for the server to read it by itself.
                    _ = poll(&entry, 1, 20)
                }
            }
            for client in [used, new] { #expect(try client.readToEnd().isEmpty) }
        }
    }

    @Test("a client that does not take its answer is reset")
    func slowReader() async throws {
        let body = [UInt8](repeating: 65, count: 32 << 20)
        try await withServer(
            { $0.writeTimeout = .milliseconds(50) }, handler: { _, _ in HTTPResponse(200, body: body) }
        ) { port in
            let client = try Client(port: port)
            try client.send(plain)
            #expect(client.waitForReset())
        }
    }

    @Test("five hundred connections at once are all served, twice")
    func many() async throws {
        var limit = rlimit()
        #expect(getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0)
        limit.rlim_cur = min(limit.rlim_max, 8192)
        #expect(setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0)
        try await withServer { port in
            let clients = try (0 ..< 500).map { _ in try Client(port: port) }
            for round in 0 ..< 2 {
                for (index, client) in clients.enumerated() {
                    try client.send("GET /\(round)/\(index) HTTP/1.1\r\nHost: a\r\n\r\n")
                }
                for (index, client) in clients.enumerated().reversed() {
                    #expect(try client.reply().text == "GET /\(round)/\(index) ")
                }
            }
        }
    }

    @Test("a connection over the limit is told 503; the others live, and a place that falls free is given away")
    func tooMany() async throws {
        try await withServer({ $0.maxConnections = 2 }) { port in
            let first = try Client(port: port)
            #expect(try first.ask(plain).status == 200)
            let second = try Client(port: port)
            #expect(try second.ask(plain.replacing("\r\n\r\n", with: "\r\nConnection: close\r\n\r\n")).status == 200)
            let third = try Client(port: port)
            let refused = try third.reply()
            #expect(refused.status == 503)
            #expect(refused.all("Connection") == ["close"])
            #expect(try third.readToEnd().isEmpty)
            #expect(try first.ask(plain).status == 200)
            // The second closes after its answer, at the latest when the server no longer waits for its end.
            #expect(try second.readToEnd().isEmpty)
            var status = 503
            for _ in 0 ..< 10_000 where status == 503 {
                let next = try Client(port: port)
                try next.send(plain)
                status = try next.reply().status
            }
            #expect(status == 200)
        }
    }

    private func post(_ path: String, _ bytes: Int) -> String {
        "POST \(path) HTTP/1.1\r\nHost: a\r\nContent-Length: \(bytes)\r\n\r\n" + String(repeating: "x", count: bytes)
    }

    /// What the request is answered once room has been made for it.
    private func answered(_ port: Int, _ request: String) throws -> Int {
        var status = 503
        for _ in 0 ..< 10_000 where status == 503 { status = try Client(port: port).ask(request).status }
        return status
    }

    @Test("a body counts until its handler is done with it, though its client has reset the connection")
    func resetBody() async throws {
        let (entered, gate) = (Gate(), Gate())
        try await withRunningServer({ $0.maxHeldBodyBytes = 1000 }, handler: { request, peer in
            guard request.path == "/slow" else { return await mirror(request, peer) }
            entered.open()
            await gate.wait()
            return .text(200, "nobody reads this")
        }) { port, _ in
            let (slow, next) = (post("/slow", 600), post("/next", 600))
            let leaving = try await onThread { try Client(port: port) }
            try await onThread { try leaving.send(slow) }
            await entered.wait()
            leaving.reset()
            let refused = try await onThread { try Client(port: port).ask(next) }
            #expect(refused.status == 503 && refused.text == "too_many_bodies\n")
            gate.open()
            #expect(try await onThread { try answered(port, next) } == 200)
        }
    }

    @Test("handlers whose clients have reset their connections are no more at once than connections may be")
    func resetPlaces() async throws {
        let (entered, gate) = ([Gate(), Gate()], Gate())
        try await withRunningServer({ $0.maxConnections = 2 }, handler: { request, peer in
            guard let n = Int(request.path.dropFirst()) else { return await mirror(request, peer) }
            entered[n].open()
            await gate.wait()
            return .text(200, "nobody reads this")
        }) { port, _ in
            for n in 0 ..< 2 {
                let leaving = try await onThread { try Client(port: port) }
                try await onThread { try leaving.send("GET /\(n) HTTP/1.1\r\nHost: a\r\n\r\n") }
                await entered[n].wait()
                leaving.reset()
            }
            let refused = try await onThread { try Client(port: port).ask(plain) }
            #expect(refused.status == 503 && refused.text == "too_many_connections\n")
            gate.open()
            #expect(try await onThread { try answered(port, plain) } == 200)
        }
    }

    @Test("a client that leaves does not cancel its request, and the server serves on")
    func leaving() async throws {
        let (entered, gate, ended) = (Gate(), Gate(), Gate())
        let cancelled = Locked(false)
        try await withRunningServer(handler: { request, peer in
            guard request.path == "/gone" else { return await mirror(request, peer) }
            entered.open()
            await gate.wait()
            let wasCancelled = Task.isCancelled
            cancelled.with { $0 = wasCancelled }
            ended.open()
            return .text(200, "nobody reads this")
        }) { port, _ in
            try await onThread { try Client(port: port).send("GET /gone HTTP/1.1\r\nHost: a\r\n\r\n") }
            await entered.wait()
            gate.open()
            await ended.wait()
            #expect(try await onThread { try Client(port: port).ask(plain).status } == 200)
        }
        #expect(!cancelled.with { $0 })
    }
}
