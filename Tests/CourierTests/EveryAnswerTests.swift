import ConnectorKit
import Courier
import Kernel
import Store
import Testing
import Wire

/// Everything that the platform can do in the first four rounds of a write, in every order.
@Suite("Every sequence of answers")
struct EveryAnswerTests {
    private enum Move: CaseIterable {
        case fine, refused, unauthorised, throttled, down, torn, swallowed, broken, unreachable, duplicate

        var turn: Platform.Turn? {
            switch self {
            case .fine: nil
            case .refused: .answer(.text(400, "?"))
            case .unauthorised: .answer(.text(401, "who?"))
            case .throttled: .answer(HTTPResponse(429, fields: ["Retry-After": "1"]))
            case .down: .answer(.text(503, "closed"))
            case .torn: .torn
            case .swallowed: .swallowed
            case .broken: .answer(.text(500, "oops"))
            case .unreachable: .notSent(Platform.unreachable)
            case .duplicate: .answer(.text(409, "there"))
            }
        }

        /// After these nobody knows.
        var isDoubtful: Bool { self == .torn || self == .swallowed || self == .broken }
    }

    @Test("a write takes effect once at most; what may have taken effect is never called refused, and nothing follows a doubtful answer")
    func writes() async {
        var sequences: [[Move]] = [[]]
        for _ in 0 ..< 3 { sequences = sequences.flatMap { head in Move.allCases.map { head + [$0] } } }
        for moves in sequences {
            let bench = Bench()
            let turns: [Platform.Turn] = moves.prefix { $0 != .fine }.compactMap(\.turn)
            bench.platform.change { $0.turns = turns }
            let delivery = await bench.write()
            let sent = bench.platform.calls
            #expect(bench.platform.effects <= 1, "\(moves)")
            if bench.platform.effects == 1 { #expect(delivery.output != nil || delivery.unknown != nil, "\(moves)") }
            if delivery.output != nil { #expect(bench.platform.effects == 1, "\(moves)") }
            if let doubtful = moves.prefix(while: { $0 != .fine }).firstIndex(where: \.isDoubtful), sent > doubtful {
                #expect(sent == doubtful + 1, "sent again after a doubtful answer: \(moves)")
                #expect(delivery.unknown != nil, "\(moves)")
            }
            if delivery.duplicate != nil { #expect(moves.prefix(sent).last == .duplicate, "\(moves)") }
            #expect(sent <= 4, "\(moves)")
            #expect(bench.clocks.monotonic() <= .seconds(12), "\(moves)")
        }
    }

    @Test("no secret is in a fault or in the log, whatever the platform answers")
    func secrets() async {
        let bodies = ["hush-a0", #"{"error":"hush-r0"}"#, #"{"error":"invalid_grant","error_description":"hush-r0"}"#, "<html>hush-client</html>"]
        for body in bodies {
            for status in [200, 400, 401, 403, 429, 500, 503] {
                for fixed in [false, true] {
                    let bench = fixed
                        ? Bench(PlainConnector(.header("X-Token")), Credential(accessToken: Secret("hush-a0"))) : Bench(expired: status == 400)
                    let answer = Platform.Turn.answer(HTTPResponse(status, fields: ["Retry-After": "1"], body: Array(body.utf8)))
                    bench.platform.change {
                        $0.turns = Array(repeating: answer, count: 6)
                        $0.tokenTurns = Array(repeating: answer, count: 6)
                    }
                    bench.store.change { $0.saveFaults = [.lost] }
                    for delivery in [await bench.write(), await bench.read(), await bench.read()] {
                        if let fault = delivery.fault { #expect(!fault.description.contains("hush"), "\(fault)") }
                    }
                    #expect(!bench.log.with { $0 }.contains("hush"))
                    #expect(!bench.store.alerts.contains { ($0.cause + $0.remedy + $0.key).contains("hush") })
                    #expect(bench.store.row.credential.map { String(decoding: $0, as: UTF8.self).contains("hush") } == false)
                }
            }
        }
    }
}
