import Books
import ConnectorKit
import ConnectorTestKit
import Kernel
import Testing
import Wire

@testable import Square

@Suite("What is asked of Square") struct StreamTests {
    private let since = Timestamp(seconds: 1_794_700_800)
    private func facts(_ settings: [String: String] = [:]) -> ConnectionFacts { ConnectionFacts(account: account, settings: settings) }

    private func swept(
        _ cursor: String?, _ settings: [String: String] = [:], _ answer: @escaping (String) -> HTTPResponse
    ) throws -> (page: SweepPage, asked: [Call]) {
        let played = play(connector.sweep(since: since, cursor: cursor, facts(settings))) { target in
            target.hasPrefix("/v2/locations") ? ok(("locations", locations)) : answer(target)
        }
        return (try #require(played.output), played.calls)
    }

    private func said(_ call: Call) throws -> JSON { try JSON(parsing: call.request.body) }

    @Test("the seller is named by the first of its open locations")
    func identify() {
        let played = play(connector.identify(facts())) { _ in ok(("locations", locations)) }
        #expect(played.output == AccountIdentity(account: account, name: "Pier Goods LLC", country: "US", currency: "USD", timeZone: "America/Los_Angeles"))
        #expect(play(connector.identify(facts())) { _ in ok() }.fault?.code == "unreadable_answer")
    }

    @Test("a sweep reads refunds, orders, payments, disputes, payouts and drawers, location by location, to its end")
    func stages() throws {
        var cursor: String?
        var asked: [String] = []
        for _ in 0 ..< 30 {
            let (page, calls) = try swept(cursor, ["cash_drawers": "on"]) { _ in ok() }
            asked += calls.map { String($0.request.path.dropFirst("/v2/".count)) }.filter { $0 != "locations" }
            cursor = page.next
            if cursor == nil { break }
        }
        #expect(asked == ["refunds", "orders/search", "payments", "payments", "disputes", "payouts", "payouts", "cash-drawers/shifts", "cash-drawers/shifts"])
        #expect(cursor == nil)
        #expect(try swept("@payouts.1.-.", [:]) { _ in ok() }.page.next == nil, "no drawers unless they are asked for")
    }

    @Test("refunds are listed by when they changed, with ten minutes more than the pipeline's own, and lead to their orders")
    func refunds() throws {
        let refund = try #require(try fixture("return")["refunds"]?[0])
        let (page, calls) = try swept(nil) { _ in ok(("refunds", [refund, refund.setting("order_id", .null)]), ("cursor", "next1")) }
        let target = Form.unpercent(calls[0].request.target)
        #expect(target.contains("updated_at_begin_time=2026-11-14T23:50:00Z") && target.contains("sort_field=UPDATED_AT") && target.contains("limit=100"))
        #expect(try page.records.map { try connector.normalize($0, facts()).fetch } == [["RtnOrd7Y1xkT0yq4bYc5gC2AzVEXYB"],
            ["refund:tPz0000000000000000000000001_rF1"]])
        #expect(page.next == "next1" && Set(page.records.map(\.deliveryID)).count == 2 && page.watermark == nil)
        #expect(try Form.unpercent(swept("next1") { _ in ok() }.asked[0].request.target).contains("cursor=next1"))
        let turning = play(connector.sweep(since: since, cursor: "next1", facts())) { _ in ok(("cursor", "next1")) }
        #expect(turning.fault?.code == "unreadable_answer")
    }

    @Test("orders that tell all of themselves come as they are, with their location's state; of the others comes what to fetch")
    func orders() throws {
        let plain = try #require(try fixture("order")["order"]), back = try #require(try fixture("return")["order"]),
            card = try #require(try fixture("gift-cards")["order"])
        let (page, calls) = try swept("@orders.0.-.") { _ in ok(("orders", [plain, back, card, plain.setting("state", "OPEN")]), ("cursor", "c2")) }
        let body = try said(calls[1])
        #expect(calls.map(\.request.path) == ["/v2/locations", "/v2/orders/search"] && calls[1].kind == .read)
        #expect(body["location_ids"]?.array?.compactMap(\.string) == ["LRJNZCB190DTQ", "LZ2"])
        #expect(body.member("query", "filter", "state_filter", "states")?.array?.compactMap(\.string) == ["COMPLETED"])
        #expect(body.member("query", "filter", "date_time_filter", "updated_at", "start_at")?.string == "2026-11-14T23:50:00Z")
        #expect(body.member("query", "sort", "sort_field")?.string == "UPDATED_AT" && body["cursor"] == nil)
        #expect(page.records.map(\.topic) == ["order", "hint", "hint"])
        #expect(try connector.normalize(page.records[0], facts()).documents == normalized("order", fixture("order")).documents)
        #expect(try connector.normalize(page.records[1], facts()).fetch == ["RtnOrd7Y1xkT0yq4bYc5gC2AzVEXYB"])
        #expect(page.watermark == Timestamp(rfc3339: "2026-11-16T19:02:44Z") && page.next == "@orders.0.-.c2")
        let next = try swept(page.next) { _ in ok() }.asked
        #expect(try said(next[1])["cursor"]?.string == "c2")
        let open = try said(try swept("@orders.0.-.", ["post": "paid", "locations": "LZ2"]) { _ in ok() }.asked[1])
        #expect(open["location_ids"]?.array?.compactMap(\.string) == ["LZ2"] && open.member("query", "filter", "state_filter", "states")?.array?.count == 3)
        // Its taxes' place is set: the location adds nothing.
        let set = try swept("@orders.0.-.", ["tax_place": "US-OR"]) { _ in ok(("orders", [plain])) }.page
        #expect(try JSON(parsing: set.records[0].body)["location"] == nil)
    }

    @Test("a sweep comes no further than the moment at which it first looked")
    func horizon() throws {
        let order = try #require(try fixture("order")["order"])
        func answer(_ target: String) -> HTTPResponse {
            var out = ok(("orders", [order]), ("cursor", "c2"))
            out.fields["Date"] = "Sat, 14 Nov 2026 17:20:30 GMT"
            return out
        }
        let first = try swept("@orders.0.-.", [:], answer).page
        #expect(first.next == "@orders.0.1794676830.c2" && first.watermark == Timestamp(rfc3339: "2026-11-14T17:20:30Z"))
        let second = try swept(first.next) { _ in ok(("orders", [order])) }.page
        #expect(second.watermark == first.watermark && second.next == "@payments.0.1794676830.")
    }

    @Test("ten locations are searched at a time")
    func groups() throws {
        let many = JSON.array((10 ..< 22).map { ["id": .string("L\($0)"), "merchant_id": "M", "country": "US"] })
        func ids(_ cursor: String) throws -> (Int, String?) {
            let played = play(connector.sweep(since: since, cursor: cursor, facts())) { $0.hasPrefix("/v2/locations") ? ok(("locations", many)) : ok() }
            return (try said(try #require(played.calls.last))["location_ids"]?.array?.count ?? 0, played.output?.next)
        }
        #expect(try ids("@orders.0.-.") == (10, "@orders.1.-.") && ids("@orders.1.-.") == (2, "@payments.0.-."))
        let gone = play(connector.sweep(since: since, cursor: "@orders.7.-.", facts())) { _ in ok(("locations", many)) }
        #expect(gone.output?.next == "@payments.0.-." && gone.calls.count == 1, "a location closed meanwhile")
    }

    @Test("orders that a search does not show yet are found by their payments")
    func payments() throws {
        let order = try #require(try fixture("order")["order"]), payment = try #require(try fixture("payment-event").member("data", "object", "payment"))
        let lone = payment.setting("order_id", .null).setting("id", "lone1"), open = payment.setting("status", "APPROVED")
        let (page, calls) = try swept("@payments.0.-.") { target in
            target.hasPrefix("/v2/payments") ? ok(("payments", [payment, payment.setting("id", "second"), lone, open])) : ok(("orders", [order]))
        }
        #expect(calls.map(\.request.path) == ["/v2/locations", "/v2/payments", "/v2/orders/batch-retrieve"])
        #expect(Form.unpercent(calls[1].request.target).contains("location_id=LRJNZCB190DTQ"))
        #expect(try said(calls[2])["order_ids"]?.array?.compactMap(\.string) == ["CAISENgvlJ6jLWAzERDzjyHVybY"])
        let searched = try swept("@orders.0.-.") { _ in ok(("orders", [order])) }.page.records[0]
        #expect(page.records.map(\.topic) == ["hint", "order"] && page.records[1].deliveryID == searched.deliveryID, "one order, one record")
        #expect(page.watermark == nil && page.next == "@payments.1.-.")
    }

    @Test("disputes and payouts are fetched once in each state that they come to; drawers come as they are")
    func others() throws {
        let dispute = try #require(try fixture("dispute")["dispute"]), payout = try #require(try fixture("payout")["payout"])
        let old = dispute.setting("updated_at", "2026-01-01T00:00:00Z")
        let disputes = try swept("@disputes.0.-.") { _ in ok(("disputes", [dispute, dispute.setting("state", "LOST"), old])) }.page
        #expect(disputes.records.count == 2 && Set(disputes.records.map(\.deliveryID)).count == 2)
        #expect(try connector.normalize(disputes.records[0], facts()).fetch == ["dispute:XDgyFu7yo1E2S5lQGGpYn"])
        let payouts = try swept("@payouts.0.-.") { _ in ok(("payouts", [payout, payout.setting("status", "SENT")])) }
        #expect(payouts.page.records.count == 1 && Form.unpercent(payouts.asked[1].request.target).contains("begin_time=2026-10-31T23:50:00Z"))
        #expect(try connector.normalize(payouts.page.records[0], facts()).fetch == ["payout:po_070431e4-e351-11eb-a8bb-02420a140009"])
        let shift = try #require(try fixture("drawer")["shift"])
        let drawers = try swept("@drawers.0.-.", ["cash_drawers": "on"]) { _ in ok(("cash_drawer_shifts", [shift, shift.setting("state", "OPEN")])) }.page
        #expect(try drawers.records.count == 1 && connector.normalize(drawers.records[0], facts(["cash_drawers": "on"])).documents.count == 1)
    }

    @Test("an order is read whole: the sale that it takes back, its refunds, its location")
    func whole() throws {
        let json = try fixture("return")
        let order = try #require(json["order"]), source = try #require(json["source"]), refund = try #require(json["refunds"]?[0])
        func answer(_ target: String) -> HTTPResponse {
            switch target {
            case "/v2/orders/RtnOrd7Y1xkT0yq4bYc5gC2AzVEXYB": ok(("order", order))
            case "/v2/orders/CAISENgvlJ6jLWAzERDzjyHVybY": ok(("order", source))
            case "/v2/refunds/tPz0000000000000000000000001_rF1": ok(("refund", refund))
            case "/v2/payments/tPz0000000000000000000000001": ok(("payment", ["id": "tPz0000000000000000000000001", "order_id": "CAISENgvlJ6jLWAzERDzjyHVybY"]))
            case "/v2/locations": ok(("locations", locations))
            default: missing
            }
        }
        let played = play(connector.fetch("RtnOrd7Y1xkT0yq4bYc5gC2AzVEXYB", facts()), answer)
        let record = try #require(played.output ?? nil)
        #expect(played.paths.count == 4 && record.deliveryID.hasPrefix("order:RtnOrd7Y1xkT0yq4bYc5gC2AzVEXYB:"))
        #expect(try connector.normalize(record, facts()).documents == normalized("order", json).documents)
        let byRefund = play(connector.fetch("refund:tPz0000000000000000000000001_rF1", facts()), answer)
        #expect(byRefund.output == played.output, "by whichever way, the same record")
        let byPayment = play(connector.fetch("payment:tPz0000000000000000000000001", facts()), answer)
        #expect(byPayment.paths == ["/v2/payments/tPz0000000000000000000000001", "/v2/orders/CAISENgvlJ6jLWAzERDzjyHVybY", "/v2/locations"])
        #expect(play(connector.fetch("NONE", facts()), answer).output == .some(nil))
        #expect(play(connector.fetch("CAISENgvlJ6jLWAzERDzjyHVybY", facts(["locations": "LZ2"])), answer).output == .some(nil))
    }

    @Test("which gift cards an order sold is looked up around its time")
    func cards() throws {
        let json = try fixture("gift-cards")
        let order = try #require(json["order"]), activities = try #require(json["cards"]?.array)
        let other = activities[0].changing("activate_activity_details", "order_id", to: "OTHER")
        let played = play(connector.fetch("GiftOrd0000000000000000000001", facts())) { target in
            target.hasPrefix("/v2/gift-cards") ? ok(("gift_card_activities", .array(activities + [other]))) : ok(("order", order))
        }
        let record = try #require(played.output ?? nil)
        #expect(played.targets[1].contains("begin_time=2026-11-15T17:59:00Z") && played.targets[1].contains("location_id=LRJNZCB190DTQ"))
        #expect(try JSON(parsing: record.body)["cards"]?.array?.count == 2)
        #expect(try connector.normalize(record, facts()).documents == normalized("order", json).documents)
    }

    @Test("a payout is read with all of its entries and the orders of its refunds")
    func payout() throws {
        let json = try fixture("payout")
        let payout = try #require(json["payout"]), entries = try #require(json["entries"]?.array), refund = try #require(try fixture("return")["refunds"]?[0])
        let played = play(connector.fetch("payout:po_070431e4-e351-11eb-a8bb-02420a140009", facts())) { target in
            if target.hasPrefix("/v2/refunds/") { return ok(("refund", refund)) }
            if !target.contains("payout-entries") { return ok(("payout", payout)) }
            return target.contains("cursor=two") ? ok(("payout_entries", [entries[1]])) : ok(("payout_entries", [entries[0]]), ("cursor", "two"))
        }
        let record = try #require(played.output ?? nil)
        #expect(played.calls.count == 4)
        #expect(try connector.normalize(record, facts()).documents == normalized("payout", json).documents)
        let simple = try #require(try fixture("payout-simple")["payout"])
        #expect(play(connector.fetch("payout:po_simple", facts())) { _ in ok(("payout", simple)) }.calls.count == 1)
    }

    @Test("a dispute is read with the order of its payment")
    func dispute() throws {
        let json = try fixture("dispute"), dispute = try #require(json["dispute"]), payment = try #require(json["payment"])
        let played = play(connector.fetch("dispute:XDgyFu7yo1E2S5lQGGpYn",
            facts())) { $0.hasPrefix("/v2/disputes") ? ok(("dispute", dispute)) : ok(("payment", payment)) }
        #expect(try connector.normalize(try #require(played.output ?? nil), facts()).documents == normalized("dispute", json).documents)
    }

    @Test("what is no id is refused before anything is asked",
        arguments: ["", "a b", "../x", "payout:", "invoice:1", "order:a/b", String(repeating: "x", count: 300)])
    func ids(text: String) {
        let played = play(connector.fetch(text, facts())) { _ in missing }
        #expect(played.fault?.code == "invalid_id" && played.calls.isEmpty)
    }

    @Test("each answer means what Square says in it")
    func answers() {
        let read = SquareCalls.get("locations")
        func verdict(_ status: Int, _ code: String, _ body: [UInt8]? = nil) -> Verdict {
            let error: JSON = ["errors": [["category": "API_ERROR", "code": .string(code), "detail": "Words.", "field": "x"]]]
            return connector.judge(HTTPResponse(status, body: body ?? error.bytes), to: read)
        }
        #expect(verdict(404, "NOT_FOUND") == .accepted && verdict(200, "", Array("{}".utf8)) == .accepted)
        #expect(verdict(429, "RATE_LIMITED") == .throttled(after: nil, bucket: "second"))
        #expect(code(verdict(400, "INVALID_CURSOR")) == "unavailable cursor_outdated")
        #expect(code(verdict(200, "NOT_FOUND")) == "rejected platform_refused", "an error under a success")
        #expect(code(verdict(403, "INSUFFICIENT_SCOPES")) == "reauthorize access_denied")
        guard case .rejected(let fault) = verdict(400, "BAD_REQUEST") else {
            Issue.record("a refusal")
            return
        }
        #expect(fault.summary.contains("BAD_REQUEST: Words. (x)"))
    }

    private func code(_ verdict: Verdict) -> String {
        switch verdict {
        case .unavailable(let fault): "unavailable \(fault.code)"
        case .rejected(let fault): "rejected \(fault.code)"
        case .reauthorize(let fault): "reauthorize \(fault.code)"
        default: "another"
        }
    }
}
