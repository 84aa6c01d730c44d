import Kernel
import Testing
import TwinKit
import Wire

@testable import TwinStripe

@Suite("Stripe's wire protocol")
struct StripeProtocolTests {
    @Test("a key opens the account as Bearer and as the user of Basic")
    func keys() throws {
        let desk = try StripeDesk()
        #expect(try desk.get("account").text("id") == StripeTwin.american)
        var basic = desk.request(.get, "account")
        basic.fields["Authorization"] = "Basic c2tfdGVzdF81MVByYWlyaWVHb29kczo="
        let answer = desk.twin.respond(basic, at: desk.now)
        #expect(answer.status == 200)
        #expect(try JSON(parsing: answer.body).text("default_currency") == "usd")
    }

    @Test("without a key, with a wrong one and with a rolled one nothing is told, and the key is masked")
    func noKey() throws {
        let desk = try StripeDesk()
        var request = desk.request(.get, "charges")
        request.fields["Authorization"] = nil
        let none = desk.twin.respond(request, at: desk.now)
        #expect(none.status == 401)
        #expect(none.bodyText.contains("You did not provide an API key"))
        desk.key = "sk_test_4eC39HqLyjWDarjtT1zdp7dc"
        let wrong = try desk.refusal(.get, "charges", status: 401)
        #expect(wrong.text("type") == "invalid_request_error")
        #expect(wrong.text("message") == "Invalid API Key provided: sk_test_********************p7dc")
        desk.key = StripeDesk.american
        let rolled = desk.twin.respond(desk.twin.withRevokedToken(desk.request(.get, "charges")), at: desk.now)
        #expect(rolled.status == 401)
        #expect(rolled.bodyText.contains("\"api_key_expired\""))
    }

    @Test("a restricted key reads, writes webhook endpoints and nothing else")
    func restricted() throws {
        let desk = try StripeDesk(key: "rk_test_51PrairieGoods")
        #expect(try desk.get("charges").text("object") == "list")
        try desk.post("webhook_endpoints", [("url", "https://example.com/hook"), ("enabled_events[]", "charge.succeeded")])
        let error = try desk.refusal(.post, "refunds", [("charge", "ch_1")], status: 403)
        #expect(error.text("message")?.contains("'rak_refund_write' permission") == true)
    }

    @Test("the platform acts for an account that has connected, and for no other; a merchant for nobody")
    func accounts() throws {
        let desk = try StripeDesk(key: StripeDesk.hub)
        desk.account = StripeTwin.british
        #expect(try desk.get("account").text("country") == "GB")
        desk.account = "acct_1Nobody"
        #expect(try desk.refusal(.get, "charges", status: 403).text("code") == "account_invalid")
        desk.key = StripeDesk.american
        desk.account = StripeTwin.british
        #expect(try desk.refusal(.get, "charges", status: 403).text("code") == "account_invalid")
    }

    @Test("test and live data never meet, and the refusal says where the object is")
    func modes() throws {
        let desk = try StripeDesk()
        let id = try #require(try desk.post("customers", [("name", "Mara Lind")]).text("id"))
        desk.key = "sk_live_51PrairieGoods"
        #expect(try desk.ids("customers") == [])
        let error = try desk.refusal(.get, "customers/\(id)", status: 404)
        #expect(error.text("code") == "resource_missing")
        #expect(error.text("message")?.contains("a similar object exists in test mode, but a live mode key was used") == true)
    }

    @Test("every answer has a request id and the version that was asked for; a version that is none is refused")
    func version() throws {
        let desk = try StripeDesk()
        var request = desk.request(.get, "charges")
        #expect(desk.twin.respond(request, at: desk.now).fields["Stripe-Version"] == "2026-10-28.endive")
        request.fields["Stripe-Version"] = "2025-03-31.basil"
        let pinned = desk.twin.respond(request, at: desk.now)
        #expect(pinned.fields["Stripe-Version"] == "2025-03-31.basil")
        #expect(pinned.fields["Request-Id"]?.hasPrefix("req_") == true)
        request.fields["Stripe-Version"] = "latest"
        let refused = desk.twin.respond(request, at: desk.now)
        #expect(refused.status == 400)
        #expect(refused.bodyText.contains("Invalid Stripe API version: latest"))
        #expect(refused.fields["Request-Id"] != nil)
    }

    @Test("an address that is none is named; lists of what the business does not have are empty")
    func addresses() throws {
        let desk = try StripeDesk()
        #expect(try desk.refusal(.get, "chargess", status: 404).text("message")?.hasPrefix("Unrecognized request URL (GET: /v1/chargess)") == true)
        #expect(try desk.refusal(.delete, "charges/ch_1", status: 404).text("type") == "invalid_request_error")
        #expect(try desk.ids("invoices", [("limit", "3")]) == [])
        #expect(try desk.ids("checkout/sessions", [("payment_intent", "pi_1")]) == [])
    }

    @Test("parameters: unknown, missing, empty, not a number, not a truth, and JSON instead of a form")
    func parameters() throws {
        let desk = try StripeDesk()
        let unknown = try desk.refusal(.post, "customers", [("nmae", "Mara")])
        #expect(unknown.text("code") == "parameter_unknown" && unknown.text("param") == "nmae")
        let missing = try desk.refusal(.post, "payment_intents", [("currency", "usd")])
        #expect(missing.text("code") == "parameter_missing" && missing.text("param") == "amount")
        #expect(missing.text("doc_url") == "https://stripe.com/docs/error-codes/parameter-missing")
        #expect(try desk.refusal(.post, "payment_intents", [("amount", ""), ("currency", "usd")]).text("code") == "parameter_invalid_empty")
        #expect(try desk.refusal(.post, "payment_intents", [("amount", "12.50"), ("currency", "usd")]).text("message") == "Invalid integer: 12.50")
        #expect(
            try desk.refusal(.post, "payment_intents", [("amount", "1000"), ("currency", "usd"), ("confirm", "yes")]).text("message") == "Invalid boolean: yes")
        #expect(try desk.refusal(.post, "payment_intents", [("amount", "1000"), ("currency", "zzz")]).text("param") == "currency")
        #expect(try desk.refusal(.post, "payment_intents", [("amount", "49"), ("currency", "usd")]).text("code") == "amount_too_small")
        var json = desk.request(.post, "customers")
        json.fields["Content-Type"] = "application/json"
        json.body = Array("{\"name\":\"Mara\"}".utf8)
        #expect(desk.twin.respond(json, at: desk.now).status == 400)
        #expect(try desk.ids("customers") == [])
    }

    @Test("brackets nest, an empty value takes a key of metadata away, and broken brackets are refused")
    func brackets() throws {
        let desk = try StripeDesk()
        let made = try desk.post(
            "customers", [
                ("metadata[our_id]", "C-1"), ("metadata[7]", "seven"), ("address[city]", "Oakland"), ("preferred_locales[]", "en"),
                ("preferred_locales[]", "fr"),
            ])
        #expect(made["metadata"] == ["our_id": "C-1", "7": "seven"])
        #expect(made.member("address", "city")?.string == "Oakland")
        #expect(made["preferred_locales"] == ["en", "fr"])
        let id = try #require(made.text("id"))
        #expect(try desk.post("customers/\(id)", [("metadata[our_id]", ""), ("metadata[x]", "y")])["metadata"] == ["7": "seven", "x": "y"])
        #expect(try desk.post("customers/\(id)", [("metadata", "")])["metadata"] == .object([]))
        #expect(try desk.refusal(.post, "customers", [("metadata[a", "b")]).text("code") == "parameter_unknown")
        #expect(try desk.refusal(.post, "customers", [("metadata[a][b]", "c"), ("metadata[a]", "d"), ("name[x]", "y")]).text("type") == "invalid_request_error")
        #expect(try desk.refusal(.post, "customers", [("metadata[\(String(repeating: "k", count: 41))]", "v")]).text("param") == "metadata")
        let many = try desk.refusal(.post, "customers", (0..<51).map { ("metadata[k\($0)]", "v") })
        #expect(many.text("message") == "You can only specify up to 50 keys in metadata.")
    }

    @Test("test mode lets 25 requests a second through, live mode 100 and 25 to one endpoint, and the next second begins anew")
    func limits() throws {
        let desk = try StripeDesk(limits: StripeLimits())
        for _ in 0..<25 { #expect(desk.raw(.get, "charges").status == 200) }
        let over = desk.raw(.get, "refunds")
        #expect(over.status == 429)
        #expect(over.fields["Stripe-Rate-Limited-Reason"] == "global-rate")
        #expect(over.fields["Stripe-Should-Retry"] == "true")
        #expect(over.fields["Retry-After"] == nil)
        #expect(try JSON(parsing: over.body).member("error", "code")?.string == "rate_limit")
        desk.wait(.seconds(1))
        #expect(desk.raw(.get, "refunds").status == 200)
        desk.key = "sk_live_51PrairieGoods"
        for _ in 0..<25 { #expect(desk.raw(.get, "charges").status == 200) }
        #expect(desk.raw(.get, "charges").fields["Stripe-Rate-Limited-Reason"] == "endpoint-rate")
        #expect(desk.raw(.get, "payouts").status == 200)
        // Another account has limits of its own.
        desk.key = StripeDesk.british
        #expect(desk.raw(.get, "charges").status == 200)
    }

    @Test("the fault plan's answers are the vendor's, and it knows what each request is for")
    func faults() throws {
        let desk = try StripeDesk()
        #expect(desk.twin.throttled(retryAfterSeconds: nil).fields["Retry-After"] == nil)
        #expect(desk.twin.throttled(retryAfterSeconds: 2).bodyText.contains("rate_limit"))
        #expect(desk.twin.unavailable().status == 503)
        let keyed = desk.request(.post, "refunds", once: "k")
        #expect(desk.twin.withoutNativeKey(keyed).fields["Idempotency-Key"] == nil)
        let purposes: [(HTTPMethod, String, Purpose)] = [
            (.post, "refunds", .write), (.post, "customers", .reference), (.get, "charges/search?query=x", .lookup), (.get, "charges/ch_1", .readback),
            (.get, "charges", .other), (.get, "events", .other),
        ]
        for (method, path, purpose) in purposes { #expect(desk.twin.purpose(of: HTTPRequest(method, "/v1/" + path)) == purpose, "\(path)") }
        #expect(desk.twin.purpose(of: HTTPRequest(.post, "/oauth/token")) == .token)
    }
}

@Suite("Stripe's idempotency keys")
struct StripeIdempotencyTests {
    @Test("the same key and parameters give the first answer again, and make nothing new")
    func replay() throws {
        let desk = try StripeDesk()
        let first = desk.raw(.post, "customers", [("name", "Mara"), ("metadata[a]", "1")], once: "order-1042")
        let again = desk.raw(.post, "customers", [("name", "Mara"), ("metadata[a]", "1")], once: "order-1042")
        #expect(first.status == 200 && again.status == 200)
        #expect(again.body == first.body)
        #expect(first.fields["Idempotent-Replayed"] == nil)
        #expect(again.fields["Idempotent-Replayed"] == "true")
        #expect(again.fields["Original-Request"] == first.fields["Request-Id"])
        #expect(again.fields["Request-Id"] != first.fields["Request-Id"])
        #expect(try desk.ids("customers").count == 1)
    }

    @Test("the same key with other parameters, or for another endpoint, is an idempotency_error")
    func otherBody() throws {
        let desk = try StripeDesk()
        _ = desk.raw(.post, "customers", [("name", "Mara")], once: "k1")
        let other = try desk.call(.post, "customers", [("name", "Mara Lind")], once: "k1", status: 400)
        #expect(other.member("error", "type")?.string == "idempotency_error")
        #expect(other.member("error", "message")?.string?.contains("Try using a key other than 'k1'") == true)
        let elsewhere = try desk.call(.post, "payment_intents", [("amount", "500"), ("currency", "usd")], once: "k1", status: 400)
        #expect(elsewhere.member("error", "message")?.string?.contains("('/v1/payment_intents' vs '/v1/customers')") == true)
        #expect(try desk.ids("customers").count == 1)
    }

    @Test("a key is forgotten after 24 hours, and not before; a restart remembers it")
    func life() throws {
        let desk = try StripeDesk()
        let first = desk.raw(.post, "customers", [("name", "Mara")], once: "k1")
        desk.wait(.seconds(86_399))
        #expect(desk.raw(.post, "customers", [("name", "Mara")], once: "k1").body == first.body)
        #expect(try desk.reopened().raw(.post, "customers", [("name", "Mara")], once: "k1").body == first.body)
        desk.wait(.seconds(1))
        #expect(desk.raw(.post, "customers", [("name", "Mara Lind")], once: "k1").status == 200)
        #expect(try desk.ids("customers").count == 2)
    }

    @Test("a declined card is remembered, a request that failed validation is not")
    func refusals() throws {
        let desk = try StripeDesk()
        let sale = [("amount", "900"), ("currency", "usd"), ("confirm", "true"), ("payment_method", "pm_card_chargeDeclined")]
        let declined = desk.raw(.post, "payment_intents", sale, once: "d1")
        #expect(declined.status == 402)
        let again = desk.raw(.post, "payment_intents", sale, once: "d1")
        #expect(again.status == 402 && again.body == declined.body)
        #expect(try desk.ids("charges").count == 1)
        #expect(desk.raw(.post, "payment_intents", [("amount", "900")], once: "v1").status == 400)
        #expect(desk.raw(.post, "payment_intents", [("amount", "900"), ("currency", "usd")], once: "v1").status == 200)
    }

    @Test("keys of two accounts, and of two modes, are not the same key; a key of 256 characters is none")
    func scopes() throws {
        let desk = try StripeDesk()
        #expect(desk.raw(.post, "customers", [("name", "A")], once: "k").status == 200)
        desk.key = StripeDesk.british
        #expect(desk.raw(.post, "customers", [("name", "B")], once: "k").status == 200)
        desk.key = "sk_live_51PrairieGoods"
        #expect(desk.raw(.post, "customers", [("name", "C")], once: "k").status == 200)
        #expect(desk.raw(.post, "customers", [("name", "C")], once: String(repeating: "k", count: 256)).status == 400)
    }
}
