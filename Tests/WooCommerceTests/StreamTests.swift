import Books
import ConnectorKit
import ConnectorTestKit
import Crypto
import Kernel
import Testing
import Wire

@testable import WooCommerce

@Suite("Sweeps, look-ups and deliveries") struct StreamTests {
    private let since = Timestamp(rfc3339: "2026-11-14T17:00:00Z") ?? Timestamp(seconds: 0)

    private func order(_ id: Int, _ modified: String, refunds: [Int] = []) throws -> JSON {
        try fixture("order-updated").setting("id", .number("\(id)")).setting("date_modified_gmt", .string(modified))
            .setting("refunds", .array(refunds.map { ["id": .number("\($0)"), "total": "-1.00"] }))
    }

    @Test("a sweep reads what changed, oldest first with all places, and goes on a second before the last change")
    func pages() throws {
        let rows = [try order(1, "2026-11-14T17:05:00"), try order(2, "2026-11-14T17:06:00")]
        let played = play(connector.sweep(since: since, cursor: nil, facts())) { _ in page(rows, of: 3) }
        let first = try #require(played.output)
        #expect(played.targets == [
            "/wp-json/wc/v3/orders?status=any&modified_after=2026-11-14T16:55:00&dates_are_gmt=true&orderby=modified&order=asc&dp=6&per_page=50&page=1"
                + "&_=current.20261114165500.1"
        ])
        #expect(first.records.map(\.topic) == ["order", "order"] && first.watermark == Timestamp(rfc3339: "2026-11-14T17:06:00Z"))
        #expect(first.next == "current.20261114170559.1")
        // A list whose orders changed in one second goes on by its pages.
        let again = play(connector.sweep(since: since, cursor: first.next, facts())) { _ in page([rows[1], rows[1]], of: 2) }
        #expect(again.output?.next == "current.20261114170559.2" && again.targets[0].contains("modified_after=2026-11-14T17:05:59"))
        // And so does one that comes in another order than asked for.
        let unsorted = play(connector.sweep(since: since, cursor: nil, facts())) { _ in page(rows.reversed(), of: 2) }
        #expect(unsorted.output?.next == "current.20261114165500.2")
    }

    @Test("after the orders come those in the trash, then deposits where they are asked for; a list without the header ends with a short page")
    func lists() throws {
        func next(_ cursor: String?, _ settings: [String: String] = [:], _ answer: HTTPResponse) -> String? {
            play(connector.sweep(since: since, cursor: cursor, facts(settings))) { _ in answer }.output?.next
        }
        let short = HTTPResponse.json(200, .array([try order(1, "2026-11-14T17:05:00")]))
        #expect(next(nil, [:], short) == "trash.20261114165500.1")
        #expect(next("trash.20261114165500.1", [:], short) == nil)
        #expect(next("trash.20261114165500.1", ["woopayments_payouts": "read"], short) == "deposits.20261114165500.1")
        let trash = play(connector.sweep(since: since, cursor: "trash.20261114165500.1", facts())) { _ in short }
        #expect(trash.targets[0].contains("status=trash") && trash.output?.watermark == nil && trash.output?.records.count == 1)
        #expect(next(nil, ["page_size": "1"], short) == "current.20261114170459.1")
        let deposits = try #require(try fixture("deposit")["deposit"])
        let last = play(connector.sweep(since: since, cursor: "deposits.20261114165500.1", facts(["woopayments_payouts": "read"]))) { _ in
            .json(200, ["data": [deposits], "total_count": 1])
        }
        #expect(last.output?.records.map(\.topic) == ["deposit"] && last.output?.next == nil && last.targets[0].hasPrefix("/wp-json/wc/v3/payments/deposits?"))
    }

    @Test("an order with refunds is read with all of them, drafts are left out, and links to pay are not kept")
    func gathering() throws {
        let refund = try #require(try fixture("order-refunded")["refunds"]?[0])
        let rows = [try order(1042, "2026-11-14T17:05:00", refunds: [1043]), try order(7, "2026-11-14T17:05:00").setting("status", "checkout-draft")]
        let played = play(connector.sweep(since: since, cursor: nil, facts())) { target in
            target.contains("/refunds?") ? page([refund]) : page(rows)
        }
        #expect(played.targets.count == 2 && played.targets[1].hasPrefix("/wp-json/wc/v3/orders/1042/refunds?dp=6&"))
        let records = try #require(played.output?.records)
        #expect(records.count == 1)
        let text = String(decoding: records[0].body, as: UTF8.self)
        #expect(!text.contains("pay_for_order") && !text.contains("wc_order_Rk7pXq2LmN8sT") && !text.contains("203.0.113.7"))
        #expect(try connector.normalize(records[0], facts()).refunds.count == 1)
        // The same state read again is the same record.
        let again = play(connector.fetch("1042", facts())) { target in target.contains("/refunds?") ? page([refund]) : .json(200, rows[0]) }
        #expect(again.output??.deliveryID == records[0].deliveryID && again.targets[0] == "/wp-json/wc/v3/orders/1042?dp=6")
    }

    @Test("more refunds than a page has are read page by page")
    func manyRefunds() throws {
        let refund = try #require(try fixture("order-refunded")["refunds"]?[0])
        let order = try order(1042, "2026-11-14T17:05:00", refunds: [1043])
        let played = play(connector.fetch("1042", facts())) { target in target.contains("/refunds?") ? page([refund], of: 3) : .json(200, order) }
        #expect(played.targets.count == 4 && played.targets[3].contains("page=3"))
        let endless = play(connector.fetch("1042", facts())) { target in target.contains("/refunds?") ? page([refund], of: 99) : .json(200, order) }
        #expect(endless.fault?.code == "too_many_parts" && endless.targets.count == 21)
    }

    @Test("an order that is not there is one that was deleted by the answer's time, and nothing where the answer has none")
    func gone() throws {
        let body = JSON.object([("code", "woocommerce_rest_shop_order_invalid_id"), ("message", "Invalid ID."), ("data", ["status": 404])])
        var missing = HTTPResponse.json(404, body)
        #expect(play(connector.fetch("5", facts())) { _ in missing }.output == .some(nil))
        missing.fields["Date"] = "Wed, 18 Nov 2026 08:00:00 GMT"
        let record = try #require(play(connector.fetch("5", facts())) { _ in missing }.output ?? nil)
        #expect(try connector.normalize(record, facts()).cancellation?.kind == .deleted)
        for id in ["", "0", "-1", "05", "x", "1/../2", "1042 "] { #expect(play(connector.fetch(id, facts())) { _ in missing }.fault?.code == "invalid_id") }
    }

    @Test("a shop below a path, and one whose permalinks are plain, are asked where they answer")
    func places() {
        func target(_ settings: [String: String]) -> String? { play(connector.fetch("5", facts(settings))) { _ in HTTPResponse(500) }.targets.first }
        #expect(target(["path": "/shop"]) == "/shop/wp-json/wc/v3/orders/5?dp=6")
        #expect(target(["permalinks": "plain"]) == "/?rest_route=/wc/v3/orders/5&dp=6")
        #expect(target(["permalinks": "plain", "path": "/a/b"]) == "/a/b/?rest_route=/wc/v3/orders/5&dp=6")
    }

    @Test("what a plugin prints before an answer is cut away, and a torn answer stays torn", arguments: [
        ("", true), ("\u{FEFF}", true), ("<br />\n<b>Warning</b>:  Undefined array key [0] in <b>/a.php</b> on line <b>3</b><br />\n", true),
        ("Notice: Undefined index: {closure} in /x.php on line 1\n", true), ("\n\n", true), ("Deprecated: x ", true),
    ])
    func noise(before: String, read: Bool) throws {
        let body = try order(5, "2026-11-14T17:05:00").bytes
        let noisy = Array(before.utf8) + body
        #expect((WooBody.json(noisy)?["id"]?.int == 5) == read)
        #expect(WooBody.json(Array(noisy.dropLast())) == nil)
        let played = play(connector.fetch("5", facts())) { _ in HTTPResponse(200, body: noisy) }
        #expect(played.output??.topic == "order")
        // A list inside of a torn object is not the answer.
        #expect(WooBody.json(Array(#"{"a":[{"id":1}]"#.utf8)) == nil && WooBody.json(Array("<html>{}</html>".utf8)) == nil)
    }

    @Test("the shop is who its index says it is, with or without www; country and currency are its settings'")
    func identity() throws {
        let index: JSON = ["name": "Pier Goods", "home": "https://www.Shop.example/store", "timezone_string": "Europe/London"]
        let rows: JSON = [["id": "woocommerce_currency", "value": "GBP"], ["id": "woocommerce_default_country", "value": "GB:LND"]]
        let answer = { (target: String) -> HTTPResponse in .json(200, target.contains("settings") ? rows : index) }
        let found = play(connector.identify(facts()), answer)
        #expect(found.targets == ["/wp-json/", "/wp-json/wc/v3/settings/general"])
        #expect(found.output == AccountIdentity(account: "shop.example", name: "Pier Goods", country: "GB", currency: "GBP", timeZone: "Europe/London"))
        #expect(play(connector.identify(ConnectionFacts(account: "other.example")), answer).output?.account == "www.shop.example")
        #expect(play(connector.identify(facts())) { _ in .json(200, ["name": "x"]) }.fault?.code == "unreadable_answer")
    }

    @Test("cursors that are none begin again")
    func cursors() {
        for text in [
            "", "current.20261114165500", "current.20261314165500.1", "current.2026111416550x.1", "orders.20261114165500.1", "current.20261114165500.0",
        ] { #expect(SweepPlace(text) == nil, "\(text)") }
        #expect(SweepPlace("trash.20261114165500.12")?.cursor == "trash.20261114165500.12")
    }

    // MARK: Deliveries

    private let body = Array(#"{"id":1042}"#.utf8)

    private func fields(_ signature: String = "nPxoVBwpcOxYjfbhrEIW9exATgvInBc/ftoNCV0hxfo=") -> HTTPFields {
        ["X-WC-Webhook-Signature": signature, "X-WC-Webhook-Topic": "order.updated", "X-WC-Webhook-Delivery-ID": "5f2b"]
    }

    /// The signature was made with another program's HMAC.
    @Test("the known signature is genuine; two deliveries of one second are told apart by what they say")
    func signature() throws {
        let secret = Secret("wc_test_secret")
        let delivery = try #require(connector.verify(fields(), body: body, secret: secret))
        #expect(delivery.topic == "order.updated" && delivery.deliveryID.hasPrefix("5f2b:"))
        let other = Array(#"{"id":1043}"#.utf8)
        let signed = Base64.encode(HMAC.sha256(key: secret.reveal(), other))
        #expect(connector.verify(fields(signed), body: other, secret: secret)?.deliveryID != delivery.deliveryID)
        #expect(connector.verify(fields(), body: other, secret: secret) == nil)
        #expect(connector.verify(fields(), body: body, secret: Secret("")) == nil)
    }

    @Test("the trial of a new webhook is known by its form alone")
    func trial() {
        let form = Array("webhook_id=55".utf8)
        #expect(connector.isTrial(["Content-Type": "application/x-www-form-urlencoded"], body: form))
        #expect(!connector.isTrial(fields(), body: form))
        for text in ["webhook_id=", "webhook_id=55&x=1", #"{"id":55}"#, "", "webhook_id=x"] {
            #expect(!connector.isTrial([:], body: Array(text.utf8)), "\(text)")
        }
    }

    @Test("a delivery leads to the order that it names, one of a checkout under way to none, and other topics to nothing")
    func hints() throws {
        for topic in ["order.created", "order.updated", "order.deleted", "order.restored"] {
            #expect(connector.uses(topic: topic))
            #expect(try normalized(topic, ["id": 1042]) == Normalized(documents: [], fetch: ["1042"]))
        }
        #expect(try normalized("order.updated", try fixture("order-updated")).fetch == ["1042"])
        #expect(try normalized("order.updated", ["id": 7, "status": "checkout-draft"]).fetch.isEmpty)
        #expect(!connector.uses(topic: "product.updated"))
        #expect(try normalized("product.updated", ["id": 93]) == Normalized(documents: []))
        #expect(refusal("order.updated", ["status": "processing"])?.position == "id")
    }
}

@Suite("What answers of a shop mean") struct JudgeTests {
    private let read = Call(.read, HTTPRequest(.get, "/wp-json/wc/v3/orders"))

    private func fault(_ response: HTTPResponse) -> Fault? {
        switch connector.judge(response, to: read) {
        case .rejected(let fault), .unavailable(let fault), .reauthorize(let fault), .duplicate(let fault), .outcomeUnknown(let fault): fault
        case .accepted, .throttled: nil
        }
    }

    private func error(_ status: Int, _ code: String, says: Int? = nil) -> HTTPResponse {
        .json(status, ["code": .string(code), "message": "No.", "data": ["status": .number("\(says ?? status)")]])
    }

    @Test("a path without an API, a denied right and a firewall are told apart, each with what to do")
    func causes() {
        #expect(fault(error(404, "rest_no_route"))?.code == "route_missing")
        #expect(fault(error(403, "woocommerce_rest_cannot_view"))?.code == "access_denied")
        #expect(fault(HTTPResponse(403, body: Array("<html>Just a moment</html>".utf8)))?.code == "firewall")
        #expect(fault(error(401, "woocommerce_rest_authentication_error"))?.code == "token_refused")
        for response in [error(404, "rest_no_route"), error(403, "x"), HTTPResponse(403)] { #expect(fault(response)?.remedy.isEmpty == false) }
    }

    @Test("an error that a host turned into a success is still one; a page where JSON should be is tried again")
    func disguised() {
        #expect(fault(error(200, "woocommerce_rest_cannot_view", says: 401))?.code == "platform_refused")
        #expect(fault(error(200, "internal_server_error", says: 500))?.disposition == .retry)
        #expect(fault(HTTPResponse(200, body: Array("<html>Maintenance</html>".utf8)))?.code == "unreadable_answer")
        let noisy = Array("<br />\nWarning: x<br />\n".utf8) + error(404, "woocommerce_rest_shop_order_invalid_id").body
        #expect(connector.judge(HTTPResponse(404, body: noisy), to: read) == .accepted)
    }
}
