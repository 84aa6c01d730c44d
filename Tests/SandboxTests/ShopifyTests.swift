import Kernel
import Testing
import TwinKit
import Wire

@testable import Sandbox

/// A twin with the first orders of a day in it.
struct ShopifyDesk {
    let twin: ShopifyTwin
    let days: [DayOrder]
    var now = Timestamp(seconds: 1_794_700_000)
    var webhooks: [ShopWebhook] = []

    init(seed: UInt64 = 5, orders: Int = 120) throws {
        twin = try ShopifyTwin(journal: TwinJournal())
        days = try DayGenerator(seed: seed, orders: orders).day()
        for day in days { for event in day.events { webhooks += twin.apply(event) } }
    }

    func get(_ path: String, token: String? = "shpat_sandbox_prairie-goods", shop: String = "prairie-goods")
        -> HTTPResponse
    {
        var request = HTTPRequest(.get, "/\(shop)/admin/api/2026-10/\(path)", fields: ["Host": "127.0.0.1:8099"])
        if let token { request.fields["X-Shopify-Access-Token"] = token }
        return twin.respond(request, at: now)
    }

    func graph(_ query: String, _ variables: JSON = .object([]), shop: String = "prairie-goods") throws -> JSON {
        let body: JSON = .object([("query", .string(query)), ("variables", variables)])
        let request = HTTPRequest(
            .post, "/\(shop)/admin/api/2026-10/graphql.json",
            fields: ["X-Shopify-Access-Token": "shpat_sandbox_\(shop)"],
            body: body.bytes)
        let response = twin.respond(request, at: now)
        #expect(response.status == 200)
        return try JSON(parsing: response.body)
    }

    func day(_ role: DayRole, shop: String = "prairie-goods") throws -> DayOrder {
        try #require(days.first { $0.role == role && $0.shop == shop })
    }
}

/// Every member of `sample` is in `body` with a value of the same JSON type; of arrays the first elements are compared.
private func missing(_ sample: JSON, in body: JSON, at path: String = "") -> [String] {
    switch (sample, body) {
    case (.object(let members), .object):
        return members.flatMap { key, value -> [String] in
            guard let there = body[key] else { return ["\(path).\(key)"] }
            return missing(value, in: there, at: "\(path).\(key)")
        }
    case (.array(let sample), .array(let body)):
        guard let one = sample.first, let other = body.first else { return [] }
        return missing(one, in: other, at: path + "[0]")
    case (.null, _), (_, .null), (.string, .string), (.number, .number), (.bool, .bool): return []
    default: return ["\(path) has another type"]
    }
}

@Suite("Shopify's webhooks")
struct ShopifyWebhookTests {
    @Test("an order's body has every field of the documented sample, with the same types")
    func orderBody() throws {
        let desk = try ShopifyDesk()
        let sample = try JSON(parsing: fixture("shopify-orders-create.json"))
        let bodies = desk.webhooks.filter { $0.topic == "orders/create" }
        #expect(bodies.count == 120)
        for webhook in bodies {
            let body = try JSON(parsing: webhook.body)
            // A discount given by hand has a title in place of a code.
            let byHand = body["discount_applications"]?[0]?["type"] == "manual"
            #expect(missing(sample, in: body) == (byHand ? [".discount_applications[0].code"] : []))
        }
    }

    @Test("a refund's body has every field of the documented sample; line amounts are numbers, the rest is text")
    func refundBody() throws {
        let desk = try ShopifyDesk()
        let sample = try JSON(parsing: fixture("shopify-refunds-create.json"))
        let bodies = desk.webhooks.filter { $0.topic == "refunds/create" }
        #expect(!bodies.isEmpty)
        for webhook in bodies { #expect(missing(sample, in: try JSON(parsing: webhook.body)) == []) }
    }

    @Test("the signature is the vendor's documented one")
    func signature() {
        let body = Array(#"{"id":1042}"#.utf8)
        #expect(
            ShopWebhook.signature(of: body, secret: "shpss_test_secret")
                == "x+Ey10x7nKK+QXEnTJYDnhJ0xSzpGBchluUwOZdeTlU=")
        #expect(
            ShopWebhook.signature(of: body + [10], secret: "shpss_test_secret")
                != "x+Ey10x7nKK+QXEnTJYDnhJ0xSzpGBchluUwOZdeTlU=")
    }

    @Test("the callback's signature is the vendor's documented one, whatever the order of the pairs")
    func callbackSignature() {
        let pairs = [
            ("timestamp", "1794734466"), ("state", "s1"), ("shop", "acme.myshopify.com"), ("host", "YWRtaW4"),
            ("code", "abc123"),
        ]
        let signature = ShopifyTwin.callbackSignature(
            pairs.map { (name: $0.0, value: $0.1) }, secret: "shpss_test_secret")
        #expect(signature == "64150fa1d9b9234455e732d21f5341cc60319c4e93cadf727e3b21b777cdfe72")
    }

    @Test("a delivery carries the vendor's headers, and one action's topics share their event id")
    func headers() throws {
        let desk = try ShopifyDesk()
        let shop = try #require(desk.twin.shop("prairie-goods"))
        let refund = try #require(desk.webhooks.first { $0.topic == "refunds/create" && $0.shop == "prairie-goods" })
        let request = refund.request(to: "http://127.0.0.1:9/hooks/1", shop: shop)
        #expect(request.fields["X-Shopify-Topic"] == "refunds/create")
        #expect(request.fields["x-shopify-shop-domain"] == "prairie-goods.myshopify.com")
        #expect(request.fields["X-Shopify-API-Version"] == "2026-10")
        #expect(Timestamp(rfc3339: request.fields["X-Shopify-Triggered-At"] ?? "") != nil)
        #expect(
            request.fields["X-Shopify-Hmac-Sha256"]
                == ShopWebhook.signature(of: request.body, secret: "shpss_sandbox_prairie-goods"))
        let topics = desk.webhooks.filter { $0.eventID == refund.eventID }
        #expect(Set(topics.map(\.topic)) == ["refunds/create", "order_transactions/create", "orders/updated"])
        #expect(Set(desk.webhooks.map(\.id)).count == desk.webhooks.count)
    }

    @Test("a transaction's webhook names its order, and a euro payment its own currency beside the shop's")
    func transactions() throws {
        let desk = try ShopifyDesk()
        let euro = try desk.day(.euro, shop: "thames-pottery")
        let id = try #require(euro.order.transactions.first { $0.status == "success" }?.id)
        let body = try #require(
            try desk.webhooks.filter { $0.topic == "order_transactions/create" }.map { try JSON(parsing: $0.body) }
                .first { $0["id"]?.int == Int(id) })
        #expect(body["order_id"]?.int == Int(euro.order.id))
        #expect(body["currency"]?.string == "EUR")
        #expect(body["amount"]?.string == paddedAmount(euro.order.total.presentment))
        #expect(body.member("amount_set", "shop_money", "currency_code")?.string == "GBP")
        #expect(body.member("amount_set", "shop_money", "amount")?.string == paddedAmount(euro.order.total.shop))
    }

    @Test("a kept fee stands as a negative discrepancy, and the note says what it was, but where a returns system tells of it")
    func discrepancy() throws {
        let desk = try ShopifyDesk(orders: 500)
        let refunds = try desk.webhooks.filter { $0.topic == "refunds/create" }.map { try JSON(parsing: $0.body) }
        let kept = refunds.filter {
            $0["order_adjustments"]?.array?.contains { $0["kind"] == "refund_discrepancy" } == true
        }
        #expect(!kept.isEmpty)
        for refund in kept where refund["note"]?.string?.isEmpty == false {
            let note = try #require(RefundNote(refund["note"]?.string ?? ""))
            let amounts = (refund["order_adjustments"]?.array ?? []).filter { $0["kind"] == "refund_discrepancy" }
                .compactMap { $0["amount"]?.string }
            #expect(amounts == ["-" + paddedAmount(note.restocking + note.returnShipping)])
        }
        #expect(kept.contains { $0["note"]?.string?.isEmpty == false } && kept.contains { $0["note"]?.string?.isEmpty != false })
    }

    @Test("an edit's webhook says what came in and what went out")
    func edits() throws {
        let desk = try ShopifyDesk()
        let up = try desk.day(.editUp)
        let edited = try desk.webhooks.filter { $0.topic == "orders/edited" }.map { try JSON(parsing: $0.body) }
        let added = try #require(edited.first { $0.member("order_edit", "order_id")?.int == Int(up.order.id) })
        #expect(added.member("order_edit", "line_items", "additions")?.array?.count == 1)
        #expect(added.member("order_edit", "line_items", "removals")?.array?.isEmpty == true)
        let stored = try #require(desk.twin.order(up.order.id, of: "prairie-goods"))
        #expect(stored.total == up.order.total)
        #expect(stored.currentTotal.shop > stored.total.shop)
        #expect(stored.received == stored.currentTotal)
    }

    @Test("an order cancelled before capture is voided and owes nothing")
    func cancelled() throws {
        let desk = try ShopifyDesk()
        let order = try #require(desk.twin.order(try desk.day(.cancelled).order.id, of: "prairie-goods"))
        #expect(order.financialStatus == "voided")
        #expect(order.currentTotal.isZero && order.outstanding.isZero && order.received.isZero)
        #expect(order.transactions.map(\.kind) == [.authorization, .void])
    }
}

@Suite("Shopify's REST")
struct ShopifyRESTTests {
    @Test(
        "no token, a wrong token and another shop's token are refused in the vendor's words",
        arguments: [nil, "shpat_x", "shpat_sandbox_thames-pottery"])
    func auth(token: String?) throws {
        let response = try ShopifyDesk(orders: 40).get("orders.json", token: token)
        #expect(response.status == 401)
        #expect(
            try JSON(parsing: response.body)["errors"]?.string
                == "[API] Invalid API key or access token (unrecognized login or wrong password)")
        #expect(response.fields["X-Request-Id"] != nil)
    }

    @Test("pages follow the Link header to the end, and hold every order once")
    func paging() throws {
        var desk = try ShopifyDesk()
        var seen: [Int] = []
        var path: String? = "orders.json?status=any&limit=7&updated_at_min=2026-11-01T00:00:00Z"
        while let next = path {
            desk.now = desk.now + .seconds(1)
            let response = desk.get(next)
            #expect(response.status == 200)
            seen += (try JSON(parsing: response.body)["orders"]?.array ?? []).compactMap { $0["id"]?.int }
            path = response.fields["Link"].map { link in
                #expect(
                    link.hasPrefix("<http://127.0.0.1:8099/shopify/prairie-goods/admin/api/2026-10/")
                        && link.hasSuffix("rel=\"next\""))
                return "orders.json" + link.drop { $0 != "?" }.prefix { $0 != ">" }
            }
        }
        #expect(seen.count == 72)
        #expect(Set(seen).count == 72)
    }

    @Test("cancelled orders are hidden unless any status is asked for")
    func status() throws {
        let desk = try ShopifyDesk()
        let cancelled = try desk.day(.cancelled).order.id
        func ids(_ query: String) throws -> [Int] {
            (try JSON(parsing: desk.get("orders.json?limit=250" + query).body)["orders"]?.array ?? []).compactMap {
                $0["id"]?.int
            }
        }
        #expect(try !ids("").contains(Int(cancelled)))
        #expect(try ids("&status=any").contains(Int(cancelled)))
        #expect(try ids("&status=any&updated_at_min=2026-11-15T12:00:00Z").isEmpty)
    }

    @Test(
        "a page reference stands with a limit only, and limits are 1 to 250",
        arguments: [
            "orders.json?page_info=abc&status=any", "orders.json?page_info=nonsense", "orders.json?limit=251",
            "orders.json?limit=0",
            "orders.json?updated_at_min=yesterday",
        ])
    func badQueries(path: String) throws { #expect(try ShopifyDesk(orders: 40).get(path).status == 400) }

    @Test("one order, its refunds and its transactions are found; what is not there is not")
    func single() throws {
        let desk = try ShopifyDesk()
        let id = try #require(
            desk.days.first { day in
                day.shop == "prairie-goods"
                    && day.events.contains { if case .refunded = $0.change { true } else { false } }
            }?.order.id)
        #expect(try JSON(parsing: desk.get("orders/\(id).json").body).member("order", "id")?.int == Int(id))
        #expect(try JSON(parsing: desk.get("orders/\(id)/refunds.json").body)["refunds"]?.array?.isEmpty == false)
        #expect(
            try JSON(parsing: desk.get("orders/\(id)/transactions.json").body)["transactions"]?.array?.isEmpty == false)
        for path in ["orders/1.json", "orders/\(id)/nothing.json", "orders/\(id)", "nothing.json"] {
            #expect(desk.get(path).status == 404, "\(path)")
        }
    }

    @Test("the forty-first call at once is too many, and two more are there a second later")
    func bucket() throws {
        var desk = try ShopifyDesk(orders: 40)
        for call in 1...40 {
            #expect(desk.get("shop.json").fields["X-Shopify-Shop-Api-Call-Limit"] == "\(call)/40")
        }
        let over = desk.get("shop.json")
        #expect(over.status == 429)
        #expect(over.fields["Retry-After"] == "2.0")
        desk.now = desk.now + .seconds(1)
        #expect(desk.get("shop.json").status == 200)
        #expect(desk.get("shop.json").status == 200)
        #expect(desk.get("shop.json").status == 429)
    }

    @Test("an expired version is served by the oldest supported one, and the reply says so")
    func versions() throws {
        let desk = try ShopifyDesk(orders: 40)
        func served(_ version: String) -> String? {
            desk.twin.respond(
                HTTPRequest(
                    .get, "/prairie-goods/admin/api/\(version)/shop.json",
                    fields: ["X-Shopify-Access-Token": "shpat_sandbox_prairie-goods"]), at: desk.now
            ).fields["X-Shopify-API-Version"]
        }
        #expect(served("2026-10") == "2026-10")
        #expect(served("2024-01") == "2026-01")
    }
}

@Suite("Shopify's OAuth")
struct ShopifyTokenTests {
    private let now = Timestamp(seconds: 1_794_700_000)

    private func exchange(_ twin: ShopifyTwin, _ form: String, at now: Timestamp) throws -> (Int, JSON) {
        let body = form + "&client_id=sandbox-client&client_secret=shpss_sandbox_prairie-goods"
        let response = twin.respond(
            HTTPRequest(.post, "/prairie-goods/admin/oauth/access_token", body: Array(body.utf8)), at: now)
        return (response.status, try JSON(parsing: response.body))
    }

    private func code(_ twin: ShopifyTwin) throws -> String {
        let target =
            "/prairie-goods/admin/oauth/authorize?client_id=c&scope=read_orders&redirect_uri=http%3A%2F%2Fapp%2Fback&state=s1"
        #expect(twin.respond(HTTPRequest(.get, target), at: now).bodyText.contains("prairie-goods.myshopify.com"))
        #expect(twin.respond(HTTPRequest(.post, target, body: Array("decision=deny".utf8)), at: now).fields["Location"] == nil)
        let response = twin.respond(HTTPRequest(.post, target, body: Array("decision=allow".utf8)), at: now)
        let location = HTTPRequest(.get, try #require(response.fields["Location"]))
        #expect(response.status == 302)
        let signed = location.query.filter { $0.name != "hmac" }
        #expect(location.query("hmac") == ShopifyTwin.callbackSignature(signed, secret: "shpss_sandbox_prairie-goods"))
        #expect(location.query("state") == "s1")
        return try #require(location.query("code"))
    }

    private func opens(_ twin: ShopifyTwin, _ token: String?, at now: Timestamp) -> Bool {
        var request = HTTPRequest(.get, "/prairie-goods/admin/api/2026-10/shop.json")
        request.fields["X-Shopify-Access-Token"] = token
        return twin.respond(request, at: now).status == 200
    }

    @Test("a code gives tokens once; the access token ends after an hour, also after a restart")
    func expiry() throws {
        let journal = TwinJournal()
        let twin = try ShopifyTwin(journal: journal)
        let code = try code(twin)
        let (status, tokens) = try exchange(twin, "code=\(code)&expiring=1", at: now)
        #expect(status == 200)
        #expect(tokens["expires_in"]?.int == 3600)
        #expect(try exchange(twin, "code=\(code)&expiring=1", at: now).0 == 400)
        for twin in [twin, try ShopifyTwin(journal: journal)] {
            #expect(opens(twin, tokens["access_token"]?.string, at: now + .seconds(3599)))
            #expect(!opens(twin, tokens["access_token"]?.string, at: now + .seconds(3600)))
            #expect(try exchange(twin, "code=\(code)&expiring=1", at: now).0 == 400)
        }
    }

    @Test("a refresh token works again until its replacement is used, then never")
    func rotation() throws {
        let twin = try ShopifyTwin(journal: TwinJournal())
        let (_, first) = try exchange(twin, "code=\(try code(twin))&expiring=1", at: now)
        let old = try #require(first["refresh_token"]?.string)
        let (status, second) = try exchange(twin, "grant_type=refresh_token&refresh_token=\(old)", at: now)
        #expect(status == 200)
        #expect(try exchange(twin, "grant_type=refresh_token&refresh_token=\(old)", at: now).0 == 200)
        let new = try #require(second["refresh_token"]?.string)
        #expect(try exchange(twin, "grant_type=refresh_token&refresh_token=\(new)", at: now).0 == 200)
        let (refused, error) = try exchange(twin, "grant_type=refresh_token&refresh_token=\(old)", at: now)
        #expect(refused == 400)
        #expect(error["error"]?.string == "invalid_grant")
    }

    @Test("a wrong client secret and an invented code are refused")
    func wrongClient() throws {
        let twin = try ShopifyTwin(journal: TwinJournal())
        let body = Array("code=code-prairie-goods-1&client_id=c&client_secret=wrong".utf8)
        #expect(
            twin.respond(HTTPRequest(.post, "/prairie-goods/admin/oauth/access_token", body: body), at: now).status
                == 400)
        #expect(try exchange(twin, "code=invented", at: now).0 == 400)
    }
}
