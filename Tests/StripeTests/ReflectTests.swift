import Books
import ConnectorKit
import ConnectorTestKit
import Kernel
import Testing
import TwinKit
import TwinStripe
import Wire

@testable import Stripe

@Suite("Metadata of charges and invoices") struct ReflectTests {
    private static let charge = "ch_3QLpaYKJ2mNpQr5t1xYz0001"
    private static let member = "counterfoil_0123456789abcdef"
    private static let words = "QuickBooks Online: invoice for charge 1, 66.89 USD, 2026-11-14, was paid there: 66.89 USD. [counterfoil:0123456789abcdef.2]"

    private func state(_ of: String = charge, _ state: ReflectedState.State = .paid, number: Int = 2, reference: String = "charge 1") throws -> ReflectedState {
        ReflectedState(
            key: try #require(PostKey("0123456789abcdef")), number: number, subject: of, caseID: of, form: .invoice, reference: reference, ledger: "QuickBooks Online",
            remoteID: "145", state: state, total: Money(minor: 6_689, .usd), paid: state == .paid ? Money(minor: 6_689, .usd) : nil,
            date: try #require(LocalDate("2026-11-14")))
    }

    private func told(_ state: ReflectedState, _ answers: HTTPResponse...) throws -> Played<PostOutcome> {
        var left = answers[...]
        return play(try #require(connector.reflect(state, attempt: "a", ConnectionFacts(account: account)))) { _ in left.popFirst() ?? HTTPResponse(500) }
    }

    private func object(_ id: String = charge, _ metadata: JSON = ["order_id": "1042"]) -> HTTPResponse { .json(200, ["id": .string(id), "object": "charge", "metadata": metadata]) }

    @Test("one member is written where none has its mark, on the charge or on the invoice", arguments: [(charge, "charges"), ("in_1QLqB2KJ2mNpQr5tInv00001", "invoices"), ("py_3Q1", "charges")])
    func written(id: String, list: String) throws {
        let earlier: JSON = [Self.member: "posted [counterfoil:0123456789abcdef.1]"]
        let played = try told(try state(id), object(id, earlier), object(id, [Self.member: .string(Self.words)]))
        #expect(played.output == .posted(remoteID: Self.member, version: nil))
        #expect(played.calls.map(\.kind) == [.read, .write] && played.targets == ["/v1/\(list)/\(id)", "/v1/\(list)/\(id)"])
        #expect(Form.decode(String(decoding: played.calls[1].request.body, as: UTF8.self)).map { "\($0.name) \($0.value)" } == ["metadata[\(Self.member)] \(Self.words)"])
    }

    @Test("a state that stands there is not written again, and twenty is not two") func found() throws {
        let played = try told(try state(), object(Self.charge, [Self.member: .string(Self.words)]))
        #expect(played.output == .posted(remoteID: Self.member, version: nil) && played.calls.count == 1)
        #expect(try told(try state(number: 20), object(Self.charge, [Self.member: .string(Self.words)]), HTTPResponse(500)).calls.count == 2)
    }

    @Test("what can't be told is said: a charge that is gone, another's answer, no word that it is written, a Stripe that breaks") func wrong() throws {
        guard case .rejected(let fault)? = try told(try state(), missing).output else { return #expect(Bool(false)) }
        #expect(fault.code == "order_gone")
        #expect(try told(try state(), object("ch_other")).fault?.code == "unreadable_answer")
        guard case .rejected(let deleted)? = try told(try state(), .json(200, ["id": .string(Self.charge), "deleted": true])).output else { return #expect(Bool(false)) }
        #expect(deleted.code == "order_gone", "a draft of which nothing is left")
        #expect(try told(try state(), .json(200, ["id": .string(Self.charge)])).fault?.code == "unreadable_answer")
        #expect(try told(try state(), object(Self.charge, .null), object(Self.charge, [Self.member: .string(Self.words)])).output == .posted(remoteID: Self.member, version: nil))
        for vague in [object(), .json(200, ["id": .string(Self.charge)])] {
            guard case .unknown? = try told(try state(), object(), vague).output else { return #expect(Bool(false)) }
        }
        guard case .outcomeUnknown? = try told(try state(), object(), HTTPResponse(500)).verdict else { return #expect(Bool(false)) }
    }

    @Test("what stands for neither has no place, and long words leave room for the mark") func places() throws {
        for id in ["1042", "fee_1Pgc6zB7", "po_1", "re_1", "ch_/../x", ""] { #expect(connector.reflect(try state(id), attempt: "a", ConnectionFacts(account: account)) == nil) }
        let long = StripeMember(try state(reference: String(repeating: "é", count: 700)))
        #expect(long.value.utf16.count <= 500 && long.value.hasSuffix("[counterfoil:0123456789abcdef.2]") && long.name.count <= 40)
    }

    // MARK: At the twin

    private static let start = Timestamp(seconds: 1_794_700_000)

    /// The connector at the twin with that key, as the courier would drive it; the fault by which it ends.
    private func atTwin(_ state: ReflectedState, _ twin: StripeTwin, key: String) throws -> (outcome: PostOutcome?, fault: Fault?) {
        var step = try #require(connector.reflect(state, attempt: "a", ConnectionFacts(account: account)))
        while true {
            switch step {
            case .finish(let outcome): return (outcome, nil)
            case .fail(let fault): return (nil, fault)
            case .send(let call, let then):
                var request = connector.prepare(call.request, for: ConnectionFacts(account: account))
                request.fields["Authorization"] = "Bearer " + key
                let answer = twin.respond(request, at: Self.start + .seconds(60))
                switch connector.judge(answer, to: call) {
                case .accepted: step = then(answer)
                case .reauthorize(let fault), .rejected(let fault), .unavailable(let fault): return (nil, fault)
                default: throw Fault("refused", stage: .courier, disposition: .retry, summary: "\(answer.status)")
                }
            }
        }
    }

    @Test("at the twin each state stands once beside what others wrote, and a key that may only read is refused by name, not taken for dead") func twin() throws {
        let twin = try StripeTwin(journal: TwinJournal(inMemory: []), random: SeededRandom(seed: 3))
        func send(_ method: HTTPMethod, _ path: String, _ pairs: [(String, String)] = []) throws -> JSON {
            let form = Form.encode(pairs.map { (name: $0.0, value: $0.1) })
            var request = HTTPRequest(method, "/v1/" + path, body: method == .post ? Array(form.utf8) : [])
            request.fields["Authorization"] = "Bearer sk_test_51PrairieGoods"
            if method == .post { request.fields["Content-Type"] = "application/x-www-form-urlencoded" }
            return try JSON(parsing: twin.respond(request, at: Self.start).body)
        }
        let paid = try send(.post, "charges", [("amount", "6689"), ("currency", "usd"), ("source", "tok_visa"), ("metadata[order_id]", "1042")])
        let id = try #require(paid["id"]?.string, "\(paid.text)")
        let posted = try state(id, .posted, number: 1), void = try state(id, .voided, number: 2)
        for one in [posted, void, void] { #expect(try atTwin(one, twin, key: "sk_test_51PrairieGoods").outcome == .posted(remoteID: Self.member, version: nil)) }
        let metadata = try send(.get, "charges/\(id)")["metadata"]
        #expect(metadata?.object?.count == 2 && metadata?["order_id"]?.string == "1042")
        #expect(metadata?[Self.member]?.string == "\(void.words) [\(void.mark)]")
        #expect(try send(.get, "events?type=charge.updated")["data"]?.array?.count == 2, "what stands there is not written again")
        let refused = try atTwin(try state(id, number: 3), twin, key: "rk_test_51PrairieGoods").fault
        #expect(refused?.code == "write_denied" && refused?.disposition == .reject)
        #expect(try atTwin(try state("ch_none", number: 1), twin, key: "sk_test_51PrairieGoods").fault == nil)
    }
}
