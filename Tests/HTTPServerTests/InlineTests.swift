import Glibc
@testable import HTTPServer
import Kernel
import Testing
import Wire

/// A running server whose responder decides how each answer comes about, for the time of `talk`.
private func withResponder<R: Sendable>(
    _ responder: @escaping HTTPResponder, change: (inout HTTPServerConfiguration) -> Void = { _ in },
    talk: (_ port: Int, _ running: Task<Void, any Error>) async throws -> R
) async throws -> R {
    var configuration = HTTPServerConfiguration()
    configuration.lingerTimeout = .milliseconds(200)
    change(&configuration)
    let server = try HTTPServer(configuration, responder: responder)
    let running = Task { try await server.run() }
    do {
        let result = try await talk(server.port, running)
        running.cancel()
        try await running.value
        return result
    } catch {
        running.cancel()
        _ = await running.result
        throw error
    }
}

private func get(_ path: some CustomStringConvertible) -> String { "GET /\(path) HTTP/1.1\r\nHost: a\r\n\r\n" }

/// Closures that answers are to be given to, by target.
private typealias Waiting = Locked<[String: @Sendable (HTTPResponse?) -> Void]>

@Suite("answers at once, from tasks that begin on the poll thread, and later")
struct InlineTests {
    @Test("all kinds answer alike, in order, on many connections; nil closes without a byte")
    func answers() async throws {
        let responder: HTTPResponder = { request, _ in
            switch request.target.last {
            case "1": .task(inline: true) {
                await Task.yield()
                return .text(200, request.target)
            }
            case "2": .now(nil)
            case "3": .later { $0(.text(200, request.target)) }
            case "4": .later { done in Task { done(.text(200, request.target)) } }
            case "5": .task(inline: false) { .text(200, request.target) }
            case "6": .later { $0(nil) }
            default: .now(.text(200, request.target))
            }
        }
        try await withResponder(responder) { port, _ in
            try await onThread {
                let clients = try (0 ..< 20).map { _ in try Client(port: port) }
                for round in 0 ..< 20 where round % 10 != 2 && round % 10 != 6 {
                    for client in clients { #expect(try client.ask(get(round)).text == "/\(round)") }
                }
                for (client, round) in zip(clients, [2, 6]) {
                    try client.send(get(round))
                    #expect(try client.readToEnd().isEmpty)
                }
            }
        }
    }

    @Test("what is answered at once, and a task that need not wait, stays on the thread that reads")
    func thread() async throws {
        let threads = Locked<Set<UInt>>([])
        let note: @Sendable () -> HTTPResponse = {
            threads.with { _ = $0.insert(pthread_self()) }
            return .text(200, "")
        }
        try await withResponder({ request, _ in request.path == "/now" ? .now(note()) : .task(inline: true) { note() } }) { port, _ in
            try await onThread {
                let client = try Client(port: port)
                for n in 0 ..< 50 { _ = try client.ask(get(n % 2 == 0 ? "now" : "task")) }
            }
        }
        #expect(threads.with { $0.count } == 1)
    }

    @Test("a task that waits is cancelled after the grace")
    func stops() async throws {
        let began = Gate()
        let responder: HTTPResponder = { _, _ in
            .task(inline: true) {
                began.open()
                let gate = AsyncStream<Never>.makeStream()
                for await _ in gate.stream {}
                return .text(200, "late")
            }
        }
        try await withResponder(responder, change: { $0.stopGrace = .milliseconds(50) }) { port, running in
            let client = try await onThread { try Client(port: port) }
            try await onThread { try client.send(get("")) }
            await began.wait()
            running.cancel()
            try await running.value
        }
    }

    @Test("a stop waits for an answer that is to come later, and sends it")
    func stopsLater() async throws {
        let waiting = Waiting([:])
        let began = Gate()
        try await withResponder({ request, _ in
            .later { done in
                waiting.with { $0[request.target] = done }
                began.open()
            }
        }) { port, running in
            let (idle, busy) = try await onThread { (try Client(port: port), try Client(port: port)) }
            try await onThread { try busy.send(get("a")) }
            await began.wait()
            running.cancel()
            #expect(try await onThread { try idle.readToEnd() }.isEmpty)
            waiting.with { $0["/a"] }?(.text(200, "kept"))
            let reply = try await onThread { try busy.reply() }
            #expect(reply.text == "kept")
            #expect(reply.all("Connection") == ["close"])
            try await running.value
        }
    }

    @Test("an answer that never comes is reported when the server stops, not waited for")
    func never() async throws {
        let began = Gate()
        var configuration = HTTPServerConfiguration()
        configuration.stopGrace = .milliseconds(20)
        configuration.cancelGrace = .milliseconds(20)
        let server = try HTTPServer(configuration, responder: { _, _ in .later { _ in began.open() } })
        let running = Task { try await server.run() }
        let client = try await onThread { try Client(port: server.port) }
        try await onThread { try client.send(get("")) }
        await began.wait()
        running.cancel()
        await #expect(throws: Fault.self) { try await running.value }
    }

    @Test("an answer given twice is sent once, and never to the connection's next request")
    func twice() async throws {
        let waiting = Waiting([:])
        let came = Locked(0)
        try await withResponder({ request, _ in
            came.with { $0 += 1 }
            return request.path == "/next" ? .now(.text(200, "next")) : .later { done in waiting.with { $0[request.target] = done } }
        }) { port, _ in
            try await onThread {
                let client = try Client(port: port)
                for round in ["/a", "/b"] {
                    try client.send(get(round.dropFirst()))
                    while waiting.with({ $0[round] == nil }) { sched_yield() }
                    // The first one's again, while the second is awaited.
                    waiting.with { $0["/a"] }?(.text(200, "a"))
                    waiting.with { $0[round] }?(.text(200, round))
                    #expect(try client.reply().text == (round == "/a" ? "a" : "/b"))
                }
                #expect(try client.ask(get("next")).text == "next")
            }
        }
        #expect(came.with { $0 } == 3)
    }

    @Test("a client that leaves before its answer harms nobody: its descriptor may be another's by then")
    func leaves() async throws {
        let waiting = Waiting([:])
        try await withResponder({ request, _ in
            request.path == "/now" ? .now(.text(200, "now")) : .later { done in waiting.with { $0[request.target] = done } }
        }) { port, _ in
            try await onThread {
                for round in 0 ..< 10 {
                    do {
                        let gone = try Client(port: port)
                        try gone.send(get(round))
                        while waiting.with({ $0["/\(round)"] == nil }) { sched_yield() }
                    }
                    let next = try Client(port: port)
                    #expect(try next.ask(get("now")).text == "now")
                    waiting.with { $0["/\(round)"] }?(.text(200, "nobody's"))
                    #expect(try next.ask(get("now")).text == "now")
                }
            }
        }
    }

    @Test("one client's thousand requests sent at once are answered in order, while another's single one does not wait for them all")
    func fair() async throws {
        let order = Locked<[String]>([])
        try await withResponder({ request, _ in
            order.with { $0.append(request.path) }
            return .now(.text(200, request.path))
        }) { port, _ in
            try await onThread {
                let (many, one) = (try Client(port: port), try Client(port: port))
                _ = try one.ask(get("hello"))
                try many.send((0 ..< 1000).map { get($0) }.joined())
                #expect(try one.ask(get("one")).text == "/one")
                for n in 0 ..< 1000 { #expect(try many.reply().text == "/\(n)") }
                many.closeWriting()
                #expect(try many.readToEnd().isEmpty)
            }
        }
        let answered = order.with { $0 }
        #expect(answered.filter { $0 != "/one" && $0 != "/hello" } == (0 ..< 1000).map { "/\($0)" })
    }

    @Test("requests behind an answer that is still to come, or still going out, wait for it")
    func behind() async throws {
        let large = [UInt8](repeating: 65, count: 8 << 20)
        let waiting = Waiting([:])
        try await withResponder({ request, _ in
            switch request.path {
            case "/later": .later { done in waiting.with { $0["/later"] = done } }
            case "/large": .now(HTTPResponse(200, body: large))
            default: .now(.text(200, request.path))
            }
        }) { port, _ in
            try await onThread {
                let client = try Client(port: port)
                try client.send(get("later") + get("large") + get("end") + get("end"))
                while waiting.with({ $0["/later"] == nil }) { sched_yield() }
                waiting.with { $0["/later"] }?(.text(200, "later"))
                #expect(try client.reply().text == "later")
                #expect(try client.reply().body.count == large.count)
                #expect(try client.reply().text == "/end")
                #expect(try client.reply().text == "/end")
            }
        }
    }

    @Test("a request sent with the end of the stream behind it, many at once, is answered before the connection closes")
    func halfClosed() async throws {
        try await withResponder({ request, _ in .now(.text(200, request.path)) }) { port, _ in
            try await onThread {
                let client = try Client(port: port)
                try client.send((0 ..< 40).map { get($0) }.joined())
                client.closeWriting()
                for n in 0 ..< 40 { #expect(try client.reply().text == "/\(n)") }
                #expect(try client.readToEnd().isEmpty)
            }
        }
    }

    @Test("a responder can be asked without a server")
    func alone() async {
        for answer: HTTPAnswer in [
            .now(.text(200, "x")), .task(inline: true) { .text(200, "x") }, .task(inline: false) { .text(200, "x") }, .later { $0(.text(200, "x")) },
        ] { #expect(await answer.response()?.bodyText == "x") }
        #expect(await HTTPAnswer.now(nil).response()?.status == nil)
    }
}
