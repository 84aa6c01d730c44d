import Crypto
import Kernel
import Testing
import TwinKit
import Wire

@testable import TwinStripe

@Suite("Stripe's webhooks")
struct StripeWebhookTests {
    private func endpoint(_ desk: StripeDesk, _ events: [String] = ["*"], more: [(String, String)] = []) throws -> JSON {
        try desk.post("webhook_endpoints", [("url", "http://127.0.0.1:9/hook")] + events.map { ("enabled_events[]", $0) } + more)
    }

    /// Source: the vendor's scheme with a fixed secret, time and body; the digest was computed by another implementation.
    @Test("the signature is the vendor's: time, full stop and body under the whole secret")
    func vector() {
        let header = StripeSignature.header(Array("{\"id\":1042}".utf8), secrets: ["whsec_test_secret"], at: 1_794_734_466, isLive: true)
        #expect(header == "t=1794734466,v1=9e132e128a22b4c192ff541f1b3850323ef71b96c7fb5e5ce8b59a0a6ec22d37")
    }

    @Test("an endpoint's secret is told once; seventeen endpoints are one too many")
    func secret() throws {
        let desk = try StripeDesk()
        let made = try endpoint(desk)
        #expect(made.text("secret")?.hasPrefix("whsec_") == true)
        let id = try #require(made.text("id"))
        #expect(try desk.get("webhook_endpoints/\(id)").text("secret") == nil)
        for _ in 0..<15 { _ = try endpoint(desk) }
        let over = try desk.refusal(.post, "webhook_endpoints", [("url", "https://example.com"), ("enabled_events[]", "*")])
        #expect(over.text("message")?.contains("maximum of 16") == true)
        #expect(try desk.call(.delete, "webhook_endpoints/\(id)").flag("deleted"))
        _ = try endpoint(desk)
    }

    @Test("addresses that are none, plain HTTP in live mode, no events and names that are none are refused")
    func refused() throws {
        let desk = try StripeDesk()
        #expect(try desk.refusal(.post, "webhook_endpoints", [("url", "example.com"), ("enabled_events[]", "*")]).text("code") == "url_invalid")
        #expect(try desk.refusal(.post, "webhook_endpoints", [("url", "https://example.com")]).text("param") == "enabled_events")
        let unnamed = try desk.refusal(.post, "webhook_endpoints", [("url", "https://example.com"), ("enabled_events[]", "Charge Paid")])
        #expect(unnamed.text("param") == "enabled_events[0]")
        desk.key = "sk_live_51PrairieGoods"
        #expect(try desk.refusal(.post, "webhook_endpoints", [("url", "http://example.com"), ("enabled_events[]", "*")]).text("code") == "url_invalid")
        _ = try endpoint(desk)
    }

    @Test("a delivery is what the event list shows, signed anew at each attempt, and only for the events that were asked for")
    func delivers() throws {
        let desk = try StripeDesk()
        let made = try endpoint(desk, ["charge.succeeded", "refund.created"], more: [("api_version", "2025-03-31.basil")])
        let secret = try #require(made.text("secret"))
        _ = try desk.pay(6689)
        let due = desk.twin.takeWebhooks(at: desk.now, most: 10)
        #expect(due.count == 1)
        #expect(desk.twin.takeWebhooks(at: desk.now, most: 10).isEmpty)
        let request = try #require(due.first?.request)
        #expect(request.target == "http://127.0.0.1:9/hook" && request.method == .post)
        #expect(request.fields["Stripe-Signature"] == StripeSignature.header(request.body, secrets: [secret], at: desk.now.seconds, isLive: false))
        let body = try JSON(parsing: request.body)
        #expect(body.text("type") == "charge.succeeded" && body.text("api_version") == "2025-03-31.basil")
        #expect(body.member("data", "object", "amount")?.int == 6689)
        let event = try #require(body.text("id"))
        #expect(try desk.get("events/\(event)").minor("pending_webhooks") == 1)
        desk.twin.settleWebhook(try #require(due.first?.id), status: 302, at: desk.now)
        #expect(desk.twin.takeWebhooks(at: desk.now, most: 10).isEmpty)
        desk.wait(.seconds(3600))
        let again = desk.twin.takeWebhooks(at: desk.now, most: 10)
        #expect(again.first?.request.fields["Stripe-Signature"] != request.fields["Stripe-Signature"])
        #expect(again.first?.request.body == request.body)
        desk.twin.settleWebhook(try #require(again.first?.id), status: 200, at: desk.now)
        #expect(try desk.get("events/\(event)").minor("pending_webhooks") == 0)
        #expect(desk.twin.nextWebhook() == nil)
    }

    @Test("while a secret is rolled both signatures are sent, then the new one alone; test mode adds one that means nothing")
    func rolled() throws {
        let desk = try StripeDesk()
        let made = try endpoint(desk, ["customer.created"])
        let old = try #require(made.text("secret"))
        let id = try #require(made.text("id"))
        let new = try #require(try desk.happens(.secretRolls(id, overlapSeconds: 3600)).text("secret"))
        #expect(new != old && new.hasPrefix("whsec_"))
        func signature() throws -> (header: String?, body: [UInt8]) {
            try desk.post("customers")
            let due = desk.twin.takeWebhooks(at: desk.now, most: 1)
            return (due.first?.request.fields["Stripe-Signature"], due.first?.request.body ?? [])
        }
        let both = try signature()
        #expect(both.header == StripeSignature.header(both.body, secrets: [new, old], at: desk.now.seconds, isLive: false))
        #expect(both.header?.split(separator: ",").map { $0.prefix(3) } == ["t=1", "v1=", "v1=", "v0="])
        desk.wait(.seconds(3600))
        let one = try signature()
        #expect(one.header == StripeSignature.header(one.body, secrets: [new], at: desk.now.seconds, isLive: false))
        #expect(throws: Fault.self) { try desk.happens(.secretRolls("we_none", overlapSeconds: 1)) }
    }

    @Test("what nobody takes is tried again ever later, three times in test mode, ten times in live mode, then never")
    func backOff() throws {
        for (key, attempts) in [(StripeDesk.american, 3), ("sk_live_51PrairieGoods", 10)] {
            let desk = try StripeDesk(key: key)
            _ = try endpoint(desk, ["customer.created"])
            try desk.post("customers")
            let began = desk.now
            var waits: [Int64] = []
            while let next = desk.twin.nextWebhook(), waits.count < 20 {
                waits.append(max(0, next.seconds - desk.now.seconds))
                desk.now = max(next, desk.now)
                let due = desk.twin.takeWebhooks(at: desk.now, most: 1)
                desk.twin.settleWebhook(try #require(due.first?.id), status: waits.count % 2 == 0 ? 500 : nil, at: desk.now)
            }
            #expect(waits.count == attempts)
            #expect(waits.prefix(3) == [0, 3600, 7200])
            // Live, within about three days.
            #expect(desk.now.seconds - began.seconds < 4 * 86_400)
        }
    }

    @Test("a restart goes on with what was not acknowledged, and with nothing else")
    func restart() throws {
        let desk = try StripeDesk()
        _ = try endpoint(desk, ["customer.created"])
        for name in ["a", "b", "c"] { try desk.post("customers", [("name", name)]) }
        let taken = desk.twin.takeWebhooks(at: desk.now, most: 2)
        try #require(taken.count == 2)
        desk.twin.settleWebhook(taken[0].id, status: 200, at: desk.now)
        let names = try desk.reopened().twin.takeWebhooks(at: desk.now, most: 10).map { webhook in
            try JSON(parsing: webhook.request.body).member("data", "object", "name")?.string
        }
        #expect(names == ["b", "c"])
    }

    @Test("a disabled or deleted endpoint hears nothing more")
    func disabled() throws {
        let desk = try StripeDesk()
        let first = try #require(try endpoint(desk).text("id"))
        let second = try #require(try endpoint(desk).text("id"))
        #expect(try desk.post("webhook_endpoints/\(first)", [("disabled", "true")]).text("status") == "disabled")
        try desk.post("customers")
        #expect(desk.twin.takeWebhooks(at: desk.now, most: 10).count == 1)
        try desk.call(.delete, "webhook_endpoints/\(second)")
        #expect(desk.twin.nextWebhook() == nil)
    }

    @Test("the platform's Connect endpoint hears of its merchants with their account, its own endpoint does not")
    func connect() throws {
        let desk = try StripeDesk(key: StripeDesk.hub)
        _ = try endpoint(desk, ["customer.created"], more: [("connect", "true")])
        _ = try endpoint(desk, ["customer.created"])
        desk.key = StripeDesk.british
        try desk.post("customers", [("name", "of the potter")])
        let due = desk.twin.takeWebhooks(at: desk.now, most: 10)
        #expect(due.count == 1)
        #expect(try JSON(parsing: try #require(due.first).request.body).text("account") == StripeTwin.british)
        desk.key = StripeDesk.hub
        try desk.post("customers", [("name", "of the hub")])
        let own = desk.twin.takeWebhooks(at: desk.now, most: 10)
        #expect(own.count == 1)
        #expect(try JSON(parsing: try #require(own.first).request.body).text("account") == nil)
    }

    @Test("events can be read for thirty days, by types and by time, with what asked for them")
    func events() throws {
        let desk = try StripeDesk()
        _ = desk.raw(.post, "customers", [("name", "Mara")], once: "key-7")
        let list = try desk.get("events", [("types[]", "customer.created"), ("types[]", "charge.succeeded"), ("created[gte]", "\(desk.now.seconds)")])
        let event = try #require(list["data"]?[0])
        #expect(event.member("request", "idempotency_key")?.string == "key-7")
        #expect(try desk.ids("events", [("type", "charge.succeeded")]) == [])
        #expect(try desk.refusal(.get, "events", [("type", "a.b"), ("types[]", "a.b")]).text("param") == "types")
        desk.wait(.seconds(30 * 86_400))
        #expect(try desk.ids("events").count == 1)
        desk.wait(.seconds(1))
        #expect(try desk.ids("events") == [])
        #expect(try desk.refusal(.get, "events/\(try #require(event.text("id")))", status: 404).text("code") == "resource_missing")
    }
}

@Suite("Stripe Connect's OAuth")
struct StripeConnectTests {
    private func form(_ path: String, _ pairs: [(name: String, value: String)]) -> HTTPRequest {
        HTTPRequest(.post, "/oauth/" + path, fields: ["Content-Type": "application/x-www-form-urlencoded"], body: Array(Form.encode(pairs).utf8))
    }

    @Test("consent gives a code that is good once, the code gives the account, deauthorising takes it away and tells of it")
    func consent() throws {
        let desk = try StripeDesk(key: StripeDesk.hub)
        try desk.post("webhook_endpoints", [("url", "http://127.0.0.1:9/hook"), ("enabled_events[]", "account.application.deauthorized"), ("connect", "true")])
        var page = HTTPRequest(
            .get,
            "/oauth/authorize?response_type=code&client_id=ca_CounterfoilHub&scope=read_write&state=s1&redirect_uri=http%3A%2F%2F127.0.0.1%2Fback")
        #expect(desk.twin.respond(page, at: desk.now).bodyText.contains(StripeTwin.american))
        page.method = .post
        page.body = Array("decision=deny".utf8)
        #expect(desk.twin.respond(page, at: desk.now).fields["Location"]?.contains("error=access_denied") == true)
        page.body = Array("decision=allow".utf8)
        let back = try #require(desk.twin.respond(page, at: desk.now).fields["Location"])
        let landed = HTTPRequest(.get, back)
        #expect(landed.query("state") == "s1")
        let code = try #require(landed.query("code"))
        let ask = form("token", [("client_secret", StripeDesk.hub), ("grant_type", "authorization_code"), ("code", code)])
        let token = try JSON(parsing: desk.twin.respond(ask, at: desk.now).body)
        #expect(token.text("stripe_user_id") == StripeTwin.american && token.text("token_type") == "bearer" && !token.flag("livemode"))
        let twice = desk.twin.respond(ask, at: desk.now)
        #expect(twice.status == 400 && twice.bodyText.contains("invalid_grant"))
        let wrongKey = desk.twin.respond(form("token", [("client_secret", "sk_test_x"), ("grant_type", "authorization_code"), ("code", "ac_1")]), at: desk.now)
        #expect(wrongKey.status == 401)
        let end = form("deauthorize", [("client_secret", StripeDesk.hub), ("client_id", "ca_CounterfoilHub"), ("stripe_user_id", StripeTwin.american)])
        #expect(desk.twin.respond(end, at: desk.now).status == 200)
        desk.account = StripeTwin.american
        #expect(try desk.refusal(.get, "charges", status: 403).text("code") == "account_invalid")
        let told = desk.twin.takeWebhooks(at: desk.now, most: 10)
        #expect(told.count == 1)
        #expect(try JSON(parsing: try #require(told.first).request.body).text("account") == StripeTwin.american)
        #expect(try desk.reopened().raw(.get, "charges").status == 200)
    }

    @Test("a refresh token gives the same account's key")
    func refresh() throws {
        let desk = try StripeDesk()
        let answer = desk.twin.respond(try #require(desk.twin.refresh(with: "rt_51ThamesPottery")), at: desk.now)
        #expect(try JSON(parsing: answer.body).text("access_token") == StripeDesk.british)
        #expect(desk.twin.respond(try #require(desk.twin.refresh(with: "rt_none")), at: desk.now).status == 400)
    }
}
