@testable import HTTPServer
import Kernel
import Testing
import Wire

private let plain = "GET /a HTTP/1.1\r\nHost: a\r\n\r\n"

/// The code of the fault an operation throws.
private func code(_ operation: () async throws -> Void) async -> String? {
    do {
        try await operation()
        return nil
    } catch {
        return Fault.wrapping(error, stage: .http).code
    }
}

@Suite("start and stop")
struct LifecycleTests {
    @Test("a stop finishes the request in flight, closes idle connections and takes no new one")
    func graceful() async throws {
        let (entered, gate) = (Gate(), Gate())
        try await withRunningServer(handler: { _, _ in
            entered.open()
            await gate.wait()
            return .text(200, "finished")
        }) { port, running in
            let (idle, busy) = try await onThread { (try Client(port: port), try Client(port: port)) }
            try await onThread { try busy.send(plain + plain) }
            await entered.wait()
            running.cancel()
            // The idle connection's end shows that the stop has arrived.
            #expect(try await onThread { try idle.readToEnd() }.isEmpty)
            await #expect(throws: TalkFailure.self) { try await onThread { _ = try Client(port: port) } }
            gate.open()
            let reply = try await onThread { try busy.reply() }
            #expect(reply.text == "finished")
            #expect(reply.all("Connection") == ["close"])
            // The second of the two requests is not begun.
            #expect(try await onThread { try busy.readToEnd() }.isEmpty)
            try await running.value
        }
    }

    @Test("a request half read when the stop comes is still served")
    func halfRead() async throws {
        try await withRunningServer { port, running in
            let (idle, busy) = try await onThread { (try Client(port: port), try Client(port: port)) }
            #expect(
                try await onThread {
                    try busy.ask("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
                        .status
                } == 100)
            running.cancel()
            #expect(try await onThread { try idle.readToEnd() }.isEmpty)
            let reply = try await onThread { try busy.ask("ab") }
            #expect(reply.text == "POST / ab")
        }
    }

    @Test("handlers over the grace are cancelled, and the server ends")
    func grace() async throws {
        let (entered, gate) = (Gate(), Gate())
        try await withRunningServer(
            { $0.stopGrace = .milliseconds(30) },
            handler: { _, _ in
                await withTaskCancellationHandler {
                    entered.open()
                    await gate.wait()
                } onCancel: {
                    gate.open()
                }
                return .text(200, "too late")
            }
        ) { port, running in
            let client = try await onThread { try Client(port: port) }
            try await onThread { try client.send(plain) }
            await entered.wait()
            running.cancel()
            #expect(try await onThread { try client.readToEnd() }.isEmpty)
            try await running.value
        }
    }

    @Test("handlers that ignore their cancellation are reported, not waited for")
    func leftBehind() async throws {
        let (entered, gate) = (Gate(), Gate())
        var configuration = HTTPServerConfiguration()
        configuration.stopGrace = .milliseconds(20)
        configuration.cancelGrace = .milliseconds(20)
        let server = try HTTPServer(configuration) { _, _ in
            entered.open()
            await gate.wait()
            return nil
        }
        let running = Task { try await server.run() }
        let client = try await onThread { try Client(port: server.port) }
        try await onThread { try client.send(plain) }
        await entered.wait()
        running.cancel()
        #expect(await code { try await running.value } == "handlers_left_behind")
        gate.open()
    }

    @Test("a server cancelled before it ran ends at once, and runs only once")
    func once() async throws {
        let server = try HTTPServer(HTTPServerConfiguration(), handler: mirror)
        let running = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            try await server.run()
        }
        try await running.value
        #expect(await code { try await server.run() } == "server_ran_already")
    }

    @Test("connections made before it runs are served when it does")
    func backlog() async throws {
        let server = try HTTPServer(HTTPServerConfiguration(), handler: mirror)
        #expect(server.name == "http")
        let client = try await onThread { try Client(port: server.port) }
        try await onThread { try client.send(plain) }
        let running = Task { try await server.run() }
        #expect(try await onThread { try client.reply().status } == 200)
        running.cancel()
        try await running.value
    }

    @Test("an address that can't be listened on is a fault")
    func cannotListen() async throws {
        let first = try HTTPServer(HTTPServerConfiguration(), handler: mirror)
        #expect(
            await code { _ = try HTTPServer(HTTPServerConfiguration(port: first.port), handler: mirror) }
                == "listen_failed")
        #expect(
            await code { _ = try HTTPServer(HTTPServerConfiguration(host: "shop.example"), handler: mirror) }
                == "listen_failed")
        #expect(
            await code { _ = try HTTPServer(HTTPServerConfiguration(host: "192.0.2.1"), handler: mirror) }
                == "listen_failed")
        #expect(
            await code { _ = try HTTPServer(HTTPServerConfiguration(port: 65_536), handler: mirror) } == "listen_failed"
        )
        #expect(
            await code { _ = try HTTPServer(HTTPServerConfiguration(port: -1), handler: mirror) } == "listen_failed")
    }
}
