import Glibc
@testable import HTTPServer
import Kernel
import Testing
import Wire

@Suite("handlers that begin on the poll thread")
struct InlineTests {
    private static func inline(_ configuration: inout HTTPServerConfiguration) { configuration.startsHandlersInline = true }

    @Test("those that wait and those that don't answer like others, in order, on many connections")
    func answers() async throws {
        let handler: HTTPHandler = { request, _ in
            if request.target.hasSuffix("1") { await Task.yield() }
            if request.target.hasSuffix("2") { return nil }
            return .text(200, request.target)
        }
        try await withServer(Self.inline, handler: handler) { port in
            let clients = try (0 ..< 20).map { _ in try Client(port: port) }
            for round in 0 ..< 20 where round % 10 != 2 {
                for client in clients { #expect(try client.ask("GET /\(round) HTTP/1.1\r\nHost: a\r\n\r\n").text == "/\(round)") }
            }
            #expect(throws: (any Error).self) { try clients[0].ask("GET /2 HTTP/1.1\r\nHost: a\r\n\r\n") }
        }
    }

    @Test("one that begins on the thread that reads ends there when it need not wait")
    func thread() async throws {
        let threads = Locked<Set<UInt>>([])
        let handler: HTTPHandler = { _, _ in
            threads.with { _ = $0.insert(pthread_self()) }
            return .text(200, "")
        }
        try await withServer(Self.inline, handler: handler) { port in
            let client = try Client(port: port)
            for _ in 0 ..< 50 { _ = try client.ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n") }
        }
        #expect(threads.with { $0.count } == 1)
    }

    @Test("a handler that waits is cancelled after the grace like any other")
    func stops() async throws {
        let began = Locked(false)
        let handler: HTTPHandler = { _, _ in
            began.with { $0 = true }
            let gate = AsyncStream<Never>.makeStream()
            for await _ in gate.stream {}
            return .text(200, "late")
        }
        let change: (inout HTTPServerConfiguration) -> Void = {
            Self.inline(&$0)
            $0.stopGrace = .milliseconds(50)
        }
        try await withRunningServer(change, handler: handler) { port, running in
            try await onThread {
                let client = try Client(port: port)
                try client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                while !began.with({ $0 }) { sched_yield() }
            }
            running.cancel()
            try await running.value
        }
    }
}
