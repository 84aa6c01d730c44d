import Glibc
@testable import HTTPServer
import Kernel
import Testing
import Wire

/// The loop, for a responder that it calls on its own thread.
private final class LoopBox: @unchecked Sendable {
    // Set before the thread runs the loop, and used on that thread alone.
    var loop: ServeLoop?
}

@Suite("memory of connections")
struct RoomTests {
    private let post = "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 10000\r\n\r\n" + String(repeating: "x", count: 10_000)

    /// What 60 connections hold in bytes, each of which was served and is idle, but for one that sent half a request more.
    @Test("connections that are idle hold no memory of what they received or sent, and the loop one block of each kind") func idle() async throws {
        let box = LoopBox()
        let responder: HTTPResponder = { request, _ in
            guard request.target == "/held", let loop = box.loop else { return .now(.text(200, String(repeating: "y", count: 5_000))) }
            let others = loop.connections.values.filter { $0.phase != .handling }.map(\.roomBytes)
            return .now(.text(200, (others.sorted() + [loop.rooms.bytes]).map(String.init).joined(separator: " ")))
        }
        let (listener, port) = try Sockets.listen(host: "127.0.0.1", port: 0)
        let mailbox = try Mailbox()
        let ended = AsyncStream<Result<Void, Fault>>.makeStream()
        let started = OwnedThread.start {
            let loop = ServeLoop(HTTPServerConfiguration(), listener: listener, mailbox: mailbox, responder: responder)
            box.loop = loop
            ended.continuation.yield(loop.run())
            box.loop = nil
        }
        #expect(started)
        let post = post
        let held = try await onThread {
            let clients = try (0 ..< 60).map { _ in try Client(port: port) }
            for _ in 0 ..< 2 { for client in clients { #expect(try client.ask(post).status == 200) } }
            try clients[0].send(String(post.prefix(3_000)))
            // Answered in order of arrival: by the second answer the half request has been read.
            _ = try clients[1].ask(post)
            let text = try clients[2].ask("GET /held HTTP/1.1\r\nHost: a\r\n\r\n").text
            return text.split(separator: " ").compactMap { Int($0) }
        }
        #expect(held.count == 60)
        #expect(held.prefix(58).allSatisfy { $0 == 0 }, "58 idle connections")
        #expect(held[58] >= 2_000 && held[58] <= 2 * ServerLimits.keptBufferBytes, "the one with something in hand")
        #expect(held[59] > 0 && held[59] <= 2 * ServerLimits.keptBufferBytes, "the loop's own")
        mailbox.post(.stop)
        for await result in ended.stream {
            try result.get()
            break
        }
    }

    @Test("what was received in pieces is read as one, wherever the cuts are, though the memory goes back and forth") func pieces() throws {
        let bytes = Array((post + "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n0\r\n\r\n").utf8)
        var random = Seeded(11)
        for _ in 0 ..< 200 {
            var rooms = HTTPParser.Rooms()
            // Two connections share the rooms: one must never see the other's bytes.
            var parsers = [HTTPParser(), HTTPParser()]
            var at = [0, 0], bodies: [[UInt8]] = [[], []], ends = [0, 0]
            while at != [bytes.count, bytes.count] {
                let n = at[0] == bytes.count ? 1 : at[1] == bytes.count ? 0 : random.int(0 ... 1)
                let size = min(random.pick([1, 7, 60, 900, 12_000]), bytes.count - at[n])
                bytes[at[n] ..< at[n] + size].withUnsafeBytes { parsers[n].receive($0, &rooms) }
                at[n] += size
                while let event = parsers[n].next(&rooms) {
                    switch event {
                    case .body(let piece):
                        bodies[n] += piece
                        rooms.recycle(piece)
                    case .end: ends[n] += 1
                    case .head: continue
                    case .refused(let refusal): #expect(Bool(false), "refused: \(refusal)")
                    }
                }
                parsers[n].rest(&rooms)
            }
            #expect(ends == [2, 2])
            for body in bodies { #expect(body.count == 10_004 && body.suffix(4).elementsEqual(Array("abcd".utf8))) }
            #expect(parsers.allSatisfy { $0.isIdle && $0.roomBytes == 0 })
        }
    }
}
