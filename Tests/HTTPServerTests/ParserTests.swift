@testable import HTTPServer
import Kernel
import Testing
import Wire

/// Feeds all pieces and collects the events, bodies in one piece.
func events(_ pieces: [[UInt8]], bounds: HTTPParser.Bounds = .init(), bodyBytesMost: Int = 1 << 20) -> [HTTPParser
    .Event]
{
    var parser = HTTPParser(bounds: bounds, bodyBytesMost: bodyBytesMost)
    var out: [HTTPParser.Event] = []
    for piece in pieces {
        parser.receive(piece)
        while let event = parser.next() {
            if case .body(let more) = event, case .body(let before) = out.last {
                out[out.count - 1] = .body(before + more)
            } else {
                out.append(event)
            }
        }
    }
    return out
}

private func events(_ text: String) -> [HTTPParser.Event] { events([Array(text.utf8)]) }

private func head(_ text: String) throws -> HTTPRequestHead {
    guard case .head(let head) = try #require(events(text).first) else {
        throw TalkFailure(description: "\(events(text))")
    }
    return head
}

@Suite("the request parser")
struct ParserTests {
    @Test("a refused shape gets its status and nothing after it", arguments: refusedShapes)
    func refused(_ shape: RefusedShape) {
        let all = events(shape.bytes)
        #expect(all.last == .refused(HTTPRefusal(shape.status, shape.code)))
        #expect(!all.contains(.end))
    }

    @Test("a request's parts arrive as they were written, values without the blanks around them")
    func whole() throws {
        let all = events(
            "POST /a/b?c=d&e[]=%20 HTTP/1.1\r\nHost: shop.example:8080\r\nX-One:  a b \t\r\n"
                + "x-one:\r\ncontent-length: 5\r\n\r\nhello"
        )
        guard case .head(let head) = try #require(all.first) else { throw TalkFailure(description: "no head") }
        #expect(head.method == .post)
        #expect(head.target == "/a/b?c=d&e[]=%20")
        #expect(head.minorVersion == 1)
        #expect(head.fields.all("X-One") == ["a b", ""])
        #expect(head.fields.list.map(\.name) == ["Host", "X-One", "x-one", "content-length"])
        #expect(head.framing == .length(5))
        #expect(head.keepsAlive)
        #expect(Array(all.dropFirst()) == [.body(Array("hello".utf8)), .end])
    }

    @Test("chunks become one body; extensions and trailers are dropped")
    func chunks() {
        let all = events(
            "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n"
                + "5;a=\"b;c\"\r\nhello\r\n006\r\n world\r\n0;x\r\nContent-Length: 9\r\n\r\n"
        )
        #expect(Array(all.dropFirst()) == [.body(Array("hello world".utf8)), .end])
        guard case .head(let head) = all.first else { return #expect(Bool(false), "no head") }
        #expect(head.fields["Content-Length"] == nil)
        #expect(head.framing == .chunked)
    }

    @Test("an extension of a chunk is a name, or a name with a token or a quoted text, with blanks around the marks", arguments: [
        ";a", ";a;b", ";a=b", ";a=\"\"", ";a=\"b c;=\\\"\\\\\u{e9}\t\";d", " ;a", "\t ; a = b ; c\t=\t\"d\"", ";!#$%&'*+-.^_`|~09=~",
    ])
    func extensions(_ text: String) {
        let all = events("PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\(text)\r\nhello\r\n0\(text)\r\n\r\n")
        #expect(Array(all.dropFirst()) == [.body(Array("hello".utf8)), .end])
    }

    @Test("an empty body ends the request at once")
    func emptyBodies() {
        #expect(events("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n").count == 2)
        #expect(events("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n").count == 2)
        #expect(events("POST / HTTP/1.1\r\nHost: a\r\n\r\n").last == .end)
    }

    @Test("one blank line before a request is forgiven")
    func blankLine() { #expect(events("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n").last == .end) }

    @Test(
        "an absolute target is reduced to its path, and its authority replaces Host",
        arguments: [
            ("GET http://b:81/x?y HTTP/1.1", "/x?y", "b:81"), ("GET HTTPS://b HTTP/1.1", "/", "b"),
            ("GET http://b?q=1 HTTP/1.1", "/?q=1", "b"), ("OPTIONS http://[::1]:8 HTTP/1.1", "*", "[::1]:8"),
        ])
    func absolute(_ line: String, _ target: String, _ host: String) throws {
        let head = try head("\(line)\r\nHost: a\r\n\r\n")
        #expect(head.target == target)
        #expect(head.fields.all("Host") == [host])
    }

    @Test("an asterisk is a target for OPTIONS alone")
    func asterisk() throws { #expect(try head("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n").target == "*") }

    @Test(
        "the connection lives on as version and Connection say",
        arguments: [
            ("1.1", "", true), ("1.1", "Connection: close\r\n", false), ("1.1", "Connection: x, CLOSE\r\n", false),
            ("1.1", "Connection: x\r\nConnection: close\r\n", false), ("1.1", "Connection: closed\r\n", true),
            ("1.0", "", false), ("1.0", "Connection: Keep-Alive\r\n", true),
            ("1.0", "Connection: keep-alive, close\r\n", false),
        ])
    func keepAlive(_ version: String, _ fields: String, _ keeps: Bool) throws {
        #expect(try head("GET / HTTP/\(version)\r\nHost: a\r\n\(fields)\r\n").keepsAlive == keeps)
    }

    @Test("a 1.0 request needs no Host, and its Expect is not heard")
    func oldVersion() throws {
        let head = try head("POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n")
        #expect(head.minorVersion == 0)
        #expect(!head.expectsContinue)
    }

    @Test("each bound admits what it names and not one more")
    func bounds() {
        var bounds = HTTPParser.Bounds()
        bounds.requestLineBytes = 20
        bounds.headerBytes = 40
        bounds.headerCount = 3
        bounds.chunkExtensionBytes = 4
        bounds.trailerBytes = 10
        func last(_ text: String, body: Int = 5) -> HTTPParser.Event? {
            events([Array(text.utf8)], bounds: bounds, bodyBytesMost: body).last
        }
        let rest = "\r\nHost: a\r\n\r\n"
        #expect(last("GET /123456 HTTP/1.1" + rest) == .end)
        #expect(last("GET /1234567 HTTP/1.1" + rest) == .refused(.requestLineTooLong))
        let padding = String(repeating: "x", count: 26)
        #expect(last("GET / HTTP/1.1\r\nHost: a\r\nX:\(padding)\r\n\r\n") == .end)
        #expect(last("GET / HTTP/1.1\r\nHost: a\r\nX:\(padding)xxxx\r\n\r\n") == .refused(.fieldsTooLarge))
        #expect(last("GET / HTTP/1.1\r\nHost: a\r\nX:1\r\nX:2\r\n\r\n") == .end)
        #expect(last("GET / HTTP/1.1\r\nHost: a\r\nX:1\r\nX:2\r\nX:3\r\n\r\n") == .refused(.tooManyFields))
        #expect(last("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n12345") == .end)
        #expect(last("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n12345", body: 4) == .refused(.bodyTooLarge))
        bounds.headerBytes = 100
        let chunked = "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        #expect(last(chunked + "2;a\r\n12\r\n3\r\n345\r\n0;a\r\nX:123456\r\n\r\n") == .end)
        #expect(last(chunked + "2\r\n12\r\n3\r\n345\r\n1\r\n6\r\n0\r\n\r\n") == .refused(.bodyTooLarge))
        #expect(last(chunked + "2;ab\r\n12\r\n0;a\r\n\r\n") == .refused(.chunkExtensionsTooLong))
        #expect(last(chunked + "0\r\nX:12345678\r\nY:1\r\n\r\n") == .refused(.trailersTooLarge))
    }

    @Test("the body's bound may be set between the head and the body")
    func lateBound() {
        var parser = HTTPParser(bodyBytesMost: 100)
        parser.receive(Array("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n".utf8))
        guard case .head? = parser.next() else { return #expect(Bool(false), "no head") }
        parser.bodyBytesMost = 4
        #expect(parser.next() == .refused(.bodyTooLarge))
        parser.receive(Array("hello".utf8))
        #expect(parser.next() == nil)
        #expect(parser.bufferedBytes == 0)
    }

    @Test("requests sent at once come out one after another, the framing of each its own")
    func pipelined() {
        let three =
            "POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nabGET /2 HTTP/1.1\r\nHost: a\r\n\r\n"
            + "POST /3 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nc\r\n0\r\n\r\n"
        var seen: [String] = []
        for event in events(three) {
            switch event {
            case .head(let head): seen.append(head.target)
            case .body(let bytes): seen.append(String(decoding: bytes, as: UTF8.self))
            case .end: seen.append("end")
            case .refused(let refusal): seen.append(refusal.code)
            }
        }
        #expect(seen == ["/1", "ab", "end", "/2", "end", "/3", "c", "end"])
    }

    @Test("it is idle only where nothing of a request has arrived, and a blank line is nothing, once")
    func idle() {
        var parser = HTTPParser()
        #expect(parser.isIdle)
        parser.receive([13])
        #expect(parser.next() == nil && !parser.isIdle)
        parser.receive([10])
        #expect(parser.next() == nil && parser.isIdle)
        var twice = parser
        twice.receive([13, 10])
        #expect(twice.next() == .refused(.malformedRequestLine) && !twice.isIdle)
        parser.receive([71])
        #expect(parser.next() == nil && !parser.isIdle)
        parser = HTTPParser()
        parser.receive(Array("GET / HTTP/1.1\r\nHost: a\r\n\r\n".utf8))
        while parser.next() != nil {}
        #expect(parser.isIdle)
    }

    @Test("the sets of octets are those that the RFCs write")
    func sets() {
        let letters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789".utf8)
        for (marks, isIn) in [
            ("!#$%&'*+-.^_`|~", Octets.isToken), ("-._~!$&'()*+,;=:@/?%[]{}|^`", Octets.isTarget), ("-._~", Octets.isHost),
        ] as [(String, (UInt8) -> Bool)] {
            let members = Set(letters + Array(marks.utf8))
            for octet in UInt8.min ... .max { #expect(isIn(octet) == members.contains(octet), "\(octet) in \(marks)") }
        }
    }

    @Test("a body whose memory is given back is not changed for whoever still holds it") func recycles() throws {
        var parser = HTTPParser()
        var rooms = HTTPParser.Rooms()
        var bodies: [[UInt8]] = []
        for text in ["first body", "second, longer body", "3rd"] {
            parser.receive(Array("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: \(text.utf8.count)\r\n\r\n\(text)".utf8))
            while let event = parser.next(&rooms) {
                guard case .body(let body) = event else { continue }
                bodies.append(body)
                rooms.recycle(body)
            }
        }
        #expect(bodies.map { String(decoding: $0, as: UTF8.self) } == ["first body", "second, longer body", "3rd"])
    }
}
