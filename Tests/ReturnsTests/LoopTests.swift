import Books
import ConnectorKit
import Crypto
import Kernel
import Testing
import Wire

@testable import Returns

@Suite("Loop Returns")
struct LoopTests {
    @Test("a closed return says what came back, why, what was kept, exchanged and given back, to the cent")
    func closed() throws {
        let found = try documents(fixture("loop-closed"), loop, ["tax_place": "US-CA"])
        #expect(found.count == 1 && found[0].id == "return:55120" && found[0].caseID == "5512345678901")
        let back = try told(fixture("loop-closed"), loop, ["tax_place": "US-CA"])
        #expect(back.state == "closed" && back.refundRef == "9001")
        #expect(back.lines.map(\.line) == ["1234", "1234"] && back.lines.map(\.id) == ["771", "772"] && back.lines.map(\.reasonCode) == ["too_small", "too_small"])
        #expect(back.lines.allSatisfy { $0.net == usd(3_600) && $0.tax == usd(297) && $0.taxes?.first?.jurisdiction == "US-CA" && $0.quantity == .one })
        #expect(back.fees == [ReturnFee(id: "handling_fee", kind: .restocking, amount: usd(464))])
        let how = try #require(back.settlement)
        #expect(how.total == usd(7_330) && how.exchanged == usd(4_330) && how.bonus.isZero && how.exchangeBonus == nil && !how.taxIncluded)
        #expect(how.refunds == [MoneyMovement(id: "9001", gateway: "shopify_payments", amount: usd(3_000), status: .success)])
    }

    @Test("before it is closed a return has no money, and cancelled or expired nothing comes of it")
    func states() throws {
        for (word, state) in [("open", "open"), ("review", "open"), ("needs review", "open"), ("cancelled", "cancelled"), ("expired", "cancelled")] {
            let back = try told(fixture("loop-open").setting("state", .string(word)), loop)
            #expect(back == GoodsReturn(state: state, refundRef: nil, lines: [], fees: []), "\(word)")
        }
        #expect(refusal(try fixture("loop-open").setting("state", "melted"), loop)?.code == "unreadable_record")
    }

    @Test("a later state of the same moment counts more")
    func versions() throws {
        let open = try documents(fixture("loop-closed").setting("state", "open"), loop)[0]
        let bare = try documents(fixture("loop-closed").setting("refunds", []), loop, ["gateway": "shopify_payments"])[0]
        let whole = try documents(fixture("loop-closed"), loop)[0]
        #expect(open.version < bare.version && bare.version < whole.version)
    }

    @Test(
        "sums that do not agree hold the return: of its units, of its settlement, of its refunds, of its exchanges",
        arguments: [("return_total", "77.95"), ("handling_fee", "4.65"), ("refund", "29.99"), ("exchange_total", "43.31"), ("gift_card", "0.01")])
    func unbalanced(member: String, value: String) throws {
        let fault = try #require(refusal(try fixture("loop-closed").setting(member, .string(value)), loop))
        #expect(fault.code == "unbalanced_record" && fault.disposition == .hold && fault.summary.contains("return 55120"))
    }

    @Test("a bonus is believed where Loop states it, and goes to what it helped to pay for")
    func bonus() throws {
        let more = try fixture("loop-closed").setting("refunds", []).setting("refund", "0.00").setting("gift_card", "40.00")
        #expect(refusal(more, loop)?.code == "unbalanced_record")
        let how = try #require(try told(more.setting("return_credit_total", "10.00"), loop).settlement)
        #expect(how.bonus == usd(1_000) && how.creditBonus == usd(1_000) && how.isGiftCard && how.storeCredit == usd(4_000) && how.storeCreditRef == "return:55120")
    }

    @Test("prices that contain their tax are read so")
    func inclusive() throws {
        let record = try fixture("loop-closed").setting("return_total", "72.00").setting("refund", "24.06").setting(
            "refunds", [["gateway": "stripe", "amount": "24.06", "currency": "USD", "provider_refund_id": 9001]])
        let how = try #require(try told(record, loop).settlement)
        #expect(how.taxIncluded && how.total == usd(6_736))
    }

    @Test("where no shop tells of the new order, it is a sale of its own with what the customer added")
    func exchange() throws {
        let record = try fixture("loop-closed").setting("refunds", []).setting("refund", "0.00").setting("upsell", "7.00").setting(
            "exchanges", [["exchange_id": "e1", "sku": "W-2", "title": "Widget L", "price": "75.00", "discount": "0.00", "tax": "5.30", "total": "80.30"]]
        ).setting("exchange_total", "80.30")
        let found = try documents(record, loop, ["exchanges": "own", "gateway": "card", "tax_place": "US-CA"])
        #expect(found.map(\.id) == ["return:55120", "exchange:55120", "exchange:55120-paid"] && found[1].caseID == "exchange:55120")
        #expect(found.allSatisfy { !$0.id.contains("/") }, "what stands behind a slash is a part of a document to the day's proof")
        guard case .sale(let sale) = found[1].body, case .payment(let payment) = found[2].body else {
            Issue.record("no sale")
            return
        }
        #expect(sale.exchangeOf == "return:55120" && sale.total == usd(8_030) && payment.amount == usd(700) && payment.gateway == "card")
        #expect(try documents(record, loop).count == 1)
    }

    @Test("a webhook only says what to fetch; what concerns labels is not kept")
    func hint() throws {
        let hook = try fixture("loop-webhook")
        let said = try loop.normalize(RawRecord(topic: "return.closed", deliveryID: "d", body: hook.bytes), facts())
        #expect(said.documents.isEmpty && said.fetch == ["55120"])
        #expect(loop.uses(topic: "return.updated") && !loop.uses(topic: "label.updated") && !loop.uses(topic: "restock.requested"))
    }

    @Test("the older form of the signature is taken too: slashes escaped, line breaks gone")
    func olderSignature() throws {
        let body = Array("{\n\"trigger\": \"return.closed\", \"id\": 7, \"u\": \"a/b\"\n}".utf8)
        let form = Array("{\"trigger\": \"return.closed\", \"id\": 7, \"u\": \"a\\/b\"}".utf8)
        let fields: HTTPFields = ["X-Loop-Signature": Base64.encode(HMAC.sha256(key: Array("k".utf8), form))]
        #expect(loop.verify(fields, body: body, secret: Secret("k"))?.topic == "return.closed")
        #expect(loop.verify(fields, body: body, secret: Secret("l")) == nil)
    }

    @Test("a span that is over is done with, also an empty one: the next sweep begins at its end; one that is not over is asked for again")
    func quiet() throws {
        let since = try #require(Timestamp(rfc3339: "2026-03-01T00:00:00Z")), end = since + .seconds(120 * 86_400)
        let empty: JSON = ["returns": [], "nextPageUrl": .null]
        func page(_ date: String?, _ answer: JSON, _ cursor: String? = nil) -> SweepPage? {
            asked(loop.sweep(since: since, cursor: cursor, facts()), [answer], date: date).output
        }
        let later = try #require(page("Sun, 08 Nov 2026 09:00:00 GMT", empty))
        #expect(later.watermark == end)
        let next = asked(loop.sweep(since: since, cursor: later.next, facts()), [empty], date: "Sun, 08 Nov 2026 09:00:00 GMT")
        #expect(next.calls[0].request.query("from") == "\(end - .seconds(300))" && next.calls[0].request.query("filter") == "updated_at")
        #expect(next.output?.watermark == end - .seconds(300) + .seconds(120 * 86_400) && next.output?.next != nil)
        for date in ["Sun, 08 Mar 2026 09:00:00 GMT", nil, "soon"] {
            #expect(page(date, empty)?.watermark == nil && page(date, empty)?.next == nil)
        }
        let more: JSON = ["returns": [], "nextPageUrl": "https://api.loopreturns.com/api/v1/warehouse/return/list?cursor=2"]
        let first = try #require(page("Sun, 08 Nov 2026 09:00:00 GMT", more))
        #expect(first.watermark == nil && first.next == "cursor=2", "not before its last page")
    }

    @Test("a row of a list without its units is read one by one, and what people are called is not kept")
    func details() throws {
        let whole = try fixture("loop-closed"), thin: JSON = ["id": "55120", "state": "closed", "updated_at": "2026-11-08T09:00:00Z"]
        let (page, calls) = asked(
            loop.sweep(since: Timestamp(seconds: 1_794_700_800), cursor: nil, facts()),
            [["returns": .array([thin]), "nextPageUrl": .null], whole.setting("customer", "j@example.com")])
        #expect(calls.count == 2 && calls[1].request.target.contains("return_id=55120"))
        let record = try #require(page?.records.first)
        #expect(record.topic == "return" && !String(decoding: record.body, as: UTF8.self).contains("example.com"))
        #expect(page?.watermark == Timestamp(rfc3339: "2026-11-08T09:00:00Z"))
        let again = asked(loop.fetch("55120", facts()), [whole]).output
        #expect(again??.deliveryID == record.deliveryID, "the same state read twice is one record")
    }
}
