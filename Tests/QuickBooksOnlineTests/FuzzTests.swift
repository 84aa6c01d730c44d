import Books
import ConnectorKit
import Kernel
import Testing
import Wire

@testable import QuickBooksOnline

/// A small generator, so that a seed replays a failure.
private struct Seeded: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

@Suite("Answers nobody promised")
struct FuzzTests {
    static let splinters: [String] = [
        "null", "{}", "[]", "-1", "1e30", "9999999999999999999999999999999999999", "0.0000001", "\"\"", "true",
        "\"Id\"", "\"x\"", "{", "}", ",",
        "\"Fault\":{},", "\u{0}", "\\ud800", "-9223372036854775808", "<", "\"SyncToken\":7,",
    ]

    private func mutated(_ text: String, _ random: inout Seeded) -> [UInt8] {
        var bytes = Array(text.utf8)
        for _ in 0 ..< Int.random(in: 1 ... 3, using: &random) {
            guard !bytes.isEmpty else { break }
            let at = Int.random(in: 0 ..< bytes.count, using: &random)
            switch Int.random(in: 0 ..< 5, using: &random) {
            case 0: bytes[at] = UInt8.random(in: 0 ... 255, using: &random)
            case 1: bytes.removeSubrange(at ..< min(bytes.count, at + Int.random(in: 1 ... 20, using: &random)))
            case 2: bytes.insert(contentsOf: (Self.splinters.randomElement(using: &random) ?? "").utf8, at: at)
            case 3: bytes.removeLast(bytes.count - at)
            default:
                // A whole value in the place of another keeps the text well formed more often.
                guard let colon = bytes[at...].firstIndex(of: UInt8(ascii: ":")),
                    let end = bytes[colon...].firstIndex(where: { $0 == UInt8(ascii: ",") || $0 == UInt8(ascii: "}") })
                else { continue }
                bytes.replaceSubrange(
                    colon + 1 ..< end, with: (Self.splinters.randomElement(using: &random) ?? "").utf8)
            }
        }
        return bytes
    }

    /// Drives an exchange with one answer for all its calls, past the judge, for a few steps.
    private func drive<Output>(_ exchange: Exchange<Output>, _ answer: HTTPResponse) {
        var step = exchange
        for _ in 0 ..< 4 {
            guard case .send(let call, let then) = step else { return }
            _ = Desk.connector.judge(answer, to: call)
            step = then(answer)
        }
    }

    @Test("no answer makes a reader trap", arguments: [1, 2, 3] as [UInt64])
    func mutations(_ seed: UInt64) {
        var random = Seeded(state: seed)
        let connector = Desk.connector
        let samples: [String] = [
            FindTests.invoice, ChartTests.accounts.bodyText, ChartTests.preferences().bodyText,
            ChartTests.taxCodes.bodyText,
            #"{"BatchItemResponse":[{"bId":"b1","Invoice":{"Id":"1","SyncToken":"0"}},{"bId":"b2","Fault":{"Error":[{"Message":"m","Detail":"d","code":"6240"}],"type":"ValidationFault"}}]}"#,
            #"{"QueryResponse":{"JournalEntry":[{"Id":"9","SyncToken":"0","DocNumber":"k7q2m9x4wz3r8t03","Line":[{"Amount":21.64,"JournalEntryLineDetail":{"PostingType":"Debit","AccountRef":{"value":"A"}}}]}]}}"#,
            JudgeTests.xml, Desk.fault("6140", "Duplicate"),
        ]
        let wants = connector.references(for: Desk.invoice())
        for round in 0 ..< 120 {
            let bytes = mutated(samples[round % samples.count], &random)
            for status in [200, 400] {
                let answer = HTTPResponse(status, body: bytes)
                drive(connector.find([Desk.invoice(), Desk.refund(), Desk.payment()], Desk.facts), answer)
                drive(connector.fetch([Desk.invoice(remoteID: "145"), Desk.refund(remoteID: "9")], Desk.facts), answer)
                drive(connector.chart(Desk.facts), answer)
                drive(connector.identify(Desk.facts), answer)
                drive(connector.create([Desk.invoice(), Desk.credit()], attempt: "a", Desk.facts), answer)
                drive(connector.create([Desk.invoice()], attempt: "a", Desk.facts), answer)
                drive(connector.void(Desk.invoice(remoteID: "145"), attempt: "a", Desk.facts), answer)
                drive(connector.findReferences(wants, Desk.facts), answer)
                drive(connector.createReferences(wants, Desk.facts), answer)
            }
        }
        #expect(random.state != seed)
    }

    @Test(
        "amounts at the edge of what a number can be are refused, not added up",
        arguments: [
            "9999999999999999999999999999999999999", "-9223372036854775808", "1e30", "0.001", "\"12,50\"", "true",
            "\"\"",
        ])
    func amounts(_ amount: String) {
        let text = FindTests.invoice.replacing("\"TotalAmt\":48.28", with: "\"TotalAmt\":\(amount)")
        #expect(text != FindTests.invoice)
        guard case .failed = Desk.play(Desk.connector.find([Desk.invoice()], Desk.facts), [Desk.answer(text)]).ending
        else {
            Issue.record("\(amount) was taken for an amount")
            return
        }
    }
}
