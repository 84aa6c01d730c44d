@testable import HTTPServer
import Kernel
import Testing
import Wire

private let sound: [String] = [
    "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "\r\nPOST /a?b=c HTTP/1.1\r\nHost: [::1]:80\r\nContent-Length: 11\r\nExpect: 100-continue\r\n\r\nhello world",
    "POST http://b/ HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        + "5;a=b\r\nhello\r\n1\r\n!\r\n0\r\nX: y\r\n\r\n",
    "HEAD /x HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    "OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
]

private func below(_ bound: Int, _ random: SeededRandom) -> Int { Int(random.next() % UInt64(bound)) }

/// Some of the corpus, a few of its bytes changed to ones that matter.
private func mutant(_ random: SeededRandom) -> [UInt8] {
    let corpus = sound + refusedShapes.map(\.bytes).filter { $0.utf8.count < 2000 }
    var bytes: [UInt8] = []
    for _ in 0 ... below(3, random) { bytes += corpus[below(corpus.count, random)].utf8 }
    let telling: [UInt8] = Array("\r\n :;,0159aAfF/*%\t\0\u{7f}HTPX".utf8) + [0x80, 0xff]
    for _ in 0 ..< below(6, random) {
        let at = below(bytes.count, random)
        switch below(4, random) {
        case 0: bytes[at] = telling[below(telling.count, random)]
        case 1: bytes.insert(telling[below(telling.count, random)], at: at)
        case 2: bytes.remove(at: at)
        default: bytes.replaceSubrange(at ..< at, with: bytes[at ..< min(bytes.count, at + below(40, random))])
        }
        if bytes.isEmpty { return [13] }
    }
    return bytes
}

private func pieces(_ bytes: [UInt8], _ random: SeededRandom) -> [[UInt8]] {
    var out: [[UInt8]] = []
    var at = 0
    while at < bytes.count {
        let end = min(bytes.count, at + 1 + below(30, random))
        out.append(Array(bytes[at ..< end]))
        at = end
    }
    return out
}

/// What no handler may ever see.
private func flaws(_ all: [HTTPParser.Event], bodyBytesMost: Int) -> [String] {
    var found: [String] = []
    for (index, event) in all.enumerated() {
        switch event {
        case .refused: if index != all.count - 1 { found.append("an event after a refusal") }
        case .body(let bytes):
            if bytes.isEmpty || bytes.count > bodyBytesMost { found.append("a body of \(bytes.count) bytes") }
        case .end: break
        case .head(let head):
            if head.minorVersion == 1, head.fields.all("Host").count != 1 { found.append("not one Host") }
            if head.fields["Transfer-Encoding"] != nil, head.fields["Content-Length"] != nil {
                found.append("two framings")
            }
            if head.target != "*", head.target.first != "/" { found.append("target \(head.target)") }
            let texts = [head.target] + head.fields.list.flatMap { [$0.name, $0.value] }
            if texts.contains(where: { $0.utf8.contains { $0 == 0 || $0 == 10 || $0 == 13 } }) {
                found.append("a control")
            }
        }
    }
    return found
}

@Suite("the request parser, whatever it is fed")
struct ParserPropertyTests {
    @Test("fed byte by byte, it says the same as fed at once", arguments: sound + refusedShapes.map(\.bytes))
    func byteByByte(_ text: String) {
        let bytes = Array(text.utf8)
        #expect(events(bytes.map { [$0] }) == events([bytes]))
    }

    @Test("cut anywhere, a changed request gives the same events", arguments: [11, 12, 13] as [UInt64])
    func cuts(_ seed: UInt64) {
        let random = SeededRandom(seed: seed)
        for round in 0 ..< 400 {
            let bytes = mutant(random)
            let whole = events([bytes])
            let same = events(pieces(bytes, random)) == whole && events(bytes.map { [$0] }) == whole
            #expect(same, "seed \(seed), round \(round): \(String(decoding: bytes, as: UTF8.self).debugDescription)")
            if !same { return }
        }
    }

    @Test("no input traps it, and no head it passes holds what a handler must not see")
    func fuzz() {
        let seed: UInt64 = 2_026
        let random = SeededRandom(seed: seed)
        let clocks = SystemClocks()
        let end = clocks.monotonic() + .seconds(1)
        var round = 0
        while clocks.monotonic() < end {
            let bytes = round % 10 == 0 ? random.bytes(below(300, random) + 1) : mutant(random)
            let found = flaws(events(pieces(bytes, random), bodyBytesMost: 64), bodyBytesMost: 64)
            #expect(
                found.isEmpty,
                "seed \(seed), round \(round): \(found) \(String(decoding: bytes, as: UTF8.self).debugDescription)")
            if !found.isEmpty { return }
            round += 1
        }
    }
}
