import Books
import ConnectorKit
import Kernel
import Testing
import TwinKit
import TwinReturns
import Wire

@testable import Returns

/// A store in either system with one settled return of 77.94, of which 4.64 are kept, and one that is open.
private func store(_ platform: ReturnsConnector.Platform) throws -> ReturnsTwin {
    let twin = try ReturnsTwin(platform == .loop ? .loop : .aftership, journal: TwinJournal(inMemory: []))
    for id in ["55120", "55121"] {
        _ = try twin.happen(
            [
                "do": "requested", "store": "widgets", "id": .string(id), "order": "5512345678901", "order_name": "#1001", "fee": 464,
                "lines": [["line": "1234", "sku": "W-1", "title": "Widget", "quantity": 2, "price": 8_000, "discount": 800, "tax": 594, "reason": "Too small"]],
            ], at: start)
    }
    _ = try twin.happen(["do": "settled", "store": "widgets", "id": "55120", "refund_id": "9001"], at: start + .seconds(60))
    return twin
}

private let start = Timestamp(seconds: 1_794_700_000)

/// The connector at the twin, as the courier would drive it.
private func drive<Output>(_ exchange: Exchange<Output>, _ it: ReturnsConnector, _ twin: ReturnsTwin, key: String = "returns_widgets") throws -> Output {
    var step = exchange
    var now = start + .seconds(3_600)
    while true {
        switch step {
        case .finish(let output): return output
        case .fail(let fault): throw fault
        case .send(let call, let then):
            var request = it.prepare(call.request, for: facts())
            request.fields[it.platform == .loop ? "X-Authorization" : "as-api-key"] = key
            now = now + .seconds(1)
            let answer = twin.respond(request, at: now)
            switch it.judge(answer, to: call) {
            case .accepted: step = then(answer)
            case .reauthorize(let fault), .rejected(let fault), .unavailable(let fault): throw fault
            default: throw Fault("refused", stage: .courier, disposition: .retry, summary: "\(answer.status)")
            }
        }
    }
}

@Suite("The connectors at their twins")
struct TwinTests {
    @Test("a sweep reads page by page what the twin has, and it is the return that happened", arguments: ReturnsConnector.Platform.allCases)
    func swept(platform: ReturnsConnector.Platform) throws {
        let it = ReturnsConnector(platform), twin = try store(platform)
        var records: [RawRecord] = []
        var cursor: String?
        repeat {
            let page = try drive(it.sweep(since: start - .seconds(86_400), cursor: cursor, facts(["page_rows": "1"])), it, twin)
            records += page.records
            cursor = page.next
        } while cursor != nil
        #expect(records.count == 2)
        let settled = try #require(records.flatMap { try it.normalize($0, facts()).documents }.first { $0.id == "return:55120" })
        guard case .goodsReturn(let back) = settled.body else {
            Issue.record("no return")
            return
        }
        #expect(settled.caseID == "5512345678901" && back.state == "closed" && back.refundRef == "9001" && back.fees.map(\.amount) == [usd(464)])
        #expect(back.settlement?.total == usd(7_330) && back.settlement?.refunds.map(\.amount) == [usd(7_330)])
        #expect(back.lines.map(\.quantity).reduce(.zero, +) == ExactDecimal(2) && back.lines.allSatisfy { $0.reasonCode == "too_small" && $0.line == "1234" })
    }

    @Test("what the system itself says of its returns is money, credit and state of each", arguments: ReturnsConnector.Platform.allCases)
    func figures(platform: ReturnsConnector.Platform) throws {
        let it = ReturnsConnector(platform), twin = try store(platform)
        let page = try drive(try #require(it.returnFigures(since: start - .seconds(86_400), cursor: nil, facts())), it, twin)
        #expect(page.next == nil)
        let byID = Dictionary(uniqueKeysWithValues: page.figures.map { ($0.id, $0) })
        let settled = try #require(byID["return:55120"]), open = try #require(byID["return:55121"])
        #expect(settled.state == .closed && settled.money == usd(7_330) && settled.credit == usd(0) && settled.refunds == ["9001"])
        #expect(open.state == .open && open.money == usd(0) && open.refunds.isEmpty)
    }

    @Test("what was made long before and settled within the time is told of", arguments: ReturnsConnector.Platform.allCases)
    func figuresOfOld(platform: ReturnsConnector.Platform) throws {
        let it = ReturnsConnector(platform), twin = try store(platform)
        _ = try twin.happen(["do": "settled", "store": "widgets", "id": "55121", "refund_id": "9002"], at: start + .seconds(100 * 86_400))
        let page = try drive(try #require(it.returnFigures(since: start + .seconds(70 * 86_400), cursor: nil, facts())), it, twin)
        #expect(page.figures.contains { $0.id == "return:55121" && $0.state == .closed && $0.refunds == ["9002"] })
        let record = try #require(try drive(it.fetch("55120", facts()), it, twin))
        #expect(it.returnFigure(record, facts())?.money == usd(7_330))
    }

    @Test("a record whose own sums do not agree has no figure: it is held where it is read", arguments: ReturnsConnector.Platform.allCases)
    func oddFigure(platform: ReturnsConnector.Platform) throws {
        let it = ReturnsConnector(platform), twin = try store(platform)
        var record = try #require(try drive(it.fetch("55120", facts()), it, twin))
        record.body = Array(String(decoding: record.body, as: UTF8.self).replacing("73.30", with: "73.31").utf8)
        #expect(throws: Fault.self) { try it.normalize(record, facts()) }
        #expect(it.returnFigure(record, facts()) == nil)
    }

    @Test("a webhook of the twin is genuine, and leads to the fetch of what it is about", arguments: ReturnsConnector.Platform.allCases)
    func webhook(platform: ReturnsConnector.Platform) throws {
        let it = ReturnsConnector(platform), twin = try store(platform)
        _ = try twin.happen(["do": "subscribes", "store": "widgets", "url": "https://intake.test/hooks/7", "secret": "s-1"], at: start)
        _ = try twin.happen(["do": "settled", "store": "widgets", "id": "55121"], at: start)
        let due = try #require(twin.takeWebhooks(at: start, most: 9).first)
        let delivery = try #require(it.verify(due.request.fields, body: due.request.body, secret: Secret("s-1")))
        #expect(it.verify(due.request.fields, body: due.request.body, secret: Secret("s-2")) == nil)
        #expect(it.uses(topic: delivery.topic))
        let read = try it.normalize(RawRecord(topic: delivery.topic, deliveryID: delivery.deliveryID, body: due.request.body), facts())
        #expect(read.fetch == ["55121"])
        let record = try #require(try drive(it.fetch("55121", facts()), it, twin))
        #expect(try it.normalize(record, facts()).documents.first?.id == "return:55121")
        #expect(try drive(it.fetch("77", facts()), it, twin) == nil)
    }

    @Test("a key without the right and one that nobody knows stop the connection", arguments: ReturnsConnector.Platform.allCases)
    func denied(platform: ReturnsConnector.Platform) throws {
        let it = ReturnsConnector(platform), twin = try store(platform)
        for key in ["orders_widgets", "nobody"] {
            let fault = #expect(throws: Fault.self) { try drive(it.identify(facts()), it, twin, key: key) }
            #expect(fault?.disposition == .reauthorise, "\(key)")
        }
        #expect(try drive(it.identify(facts()), it, twin).account == "widgets")
    }
}
