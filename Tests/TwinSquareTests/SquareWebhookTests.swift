import Crypto
import Kernel
import Testing
import TwinKit
import Wire

@testable import TwinSquare

@Suite("Square's webhooks")
struct SquareWebhookTests {
    private func subscribe(_ desk: SquareDesk, _ types: [String], url: String = "http://127.0.0.1:9/hooks/square") throws -> JSON {
        let own = desk.token
        defer { desk.token = own }
        desk.token = SquareDesk.hub
        let subscription: JSON = ["name": "Books", "event_types": .array(types.map(JSON.string)), "notification_url": .string(url)]
        return try #require(try desk.post("webhooks/subscriptions", ["subscription": subscription])["subscription"])
    }

    private func taken(_ desk: SquareDesk) -> [DueWebhook] { desk.twin.takeWebhooks(at: desk.now, most: 100) }

    /// Source: HMAC-SHA256 of URL and body with a fixed key, computed by another implementation (Python's hmac).
    @Test("the signature is over the URL as registered and the raw body")
    func vector() {
        let header = SquareSignature.header(Array("{\"id\":1042}".utf8), url: "https://app.example/hooks/square", key: "sq_test_key")
        #expect(header == "VJggODlFUNA+LmcjnBnemhIjRuX1gX8+P+Vmduz5rfI=")
    }

    @Test("a sale is told order by order and payment by payment, the fee in a later event, each signed")
    func sale() throws {
        let desk = try SquareDesk()
        let types = ["order.created", "order.updated", "payment.created", "payment.updated"]
        let made = try subscribe(desk, types)
        let key = try #require(made.text("signature_key"))
        try desk.sale()
        let first = taken(desk)
        #expect(Set(try first.map { try JSON(parsing: $0.request.body).text("type") ?? "" }) == Set(types))
        for webhook in first {
            let request = webhook.request
            #expect(request.target == "http://127.0.0.1:9/hooks/square" && request.fields["square-environment"] == "Production")
            #expect(request.fields["x-square-hmacsha256-signature"] == SquareSignature.header(request.body, url: request.target, key: key))
            #expect(request.fields["square-subscription-id"] == made.text("id") && request.fields["square-retry-number"] == nil)
            let body = try JSON(parsing: request.body)
            #expect(body.text("merchant_id") == SquareTwin.american)
            let object = try #require(body["data"]?["object"])
            if body.text("type") == "order.created" {
                #expect(object["order_created"]?.minor("version") == 1 && body["data"]?.text("type") == "order_created")
            }
            desk.twin.settleWebhook(webhook.id, status: 200, at: desk.now)
        }
        #expect(taken(desk).isEmpty)
        #expect(desk.twin.nextWebhook() == desk.now + .seconds(45), "the fee is the next to come")
        desk.wait(.seconds(45))
        let later = taken(desk)
        let event = try later.map { try JSON(parsing: $0.request.body) }.first { $0.text("type") == "payment.updated" }
        let payment = try #require(event?["data"]?["object"]?["payment"])
        #expect(payment.list("processing_fee").map { $0.amount("amount_money") } == [168] && payment.minor("version") > 1)
    }

    @Test("what nobody takes is sent again ever later for about a day, with number and reason, then never")
    func backOff() throws {
        let desk = try SquareDesk()
        _ = try subscribe(desk, ["customer.created"])
        try desk.post("customers", ["given_name": "A"])
        let began = desk.now
        var waits: [Int64] = []
        for n in 0..<30 {
            guard let next = desk.twin.nextWebhook() else { break }
            waits.append(max(0, next.seconds - desk.now.seconds))
            desk.now = max(next, desk.now)
            let due = try #require(taken(desk).first)
            #expect(due.request.fields["square-retry-number"] == (n == 0 ? nil : "\(n)"))
            if n == 1 { #expect(due.request.fields["square-retry-reason"] == "http_error") }
            if n == 2 { #expect(due.request.fields["square-retry-reason"] == "http_timeout") }
            #expect(due.request.fields["square-initial-delivery-timestamp"] == SquareTime.text(began))
            desk.twin.settleWebhook(due.id, status: n % 2 == 0 ? 500 : nil, at: desk.now)
        }
        #expect(waits.prefix(4) == [0, 60, 120, 240] && waits.count == 12)
        #expect((12 * 3600...36 * 3600).contains(desk.now.seconds - began.seconds))
        #expect(desk.twin.nextWebhook() == nil)
    }

    @Test("a restart goes on with what was not acknowledged, and what was under way is sent again")
    func restart() throws {
        let desk = try SquareDesk()
        _ = try subscribe(desk, ["customer.created"])
        try desk.post("customers", ["given_name": "A"])
        try desk.post("customers", ["given_name": "B"])
        let due = taken(desk)
        desk.twin.settleWebhook(try #require(due.first?.id), status: 204, at: desk.now)
        let again = taken(try desk.reopened())
        #expect(again.map(\.id) == [try #require(due.last?.id)])
    }

    @Test("subscriptions belong to the application: merchants' tokens are refused, the key is told once and rolled, all merchants' events arrive")
    func subscriptions() throws {
        let desk = try SquareDesk()
        #expect(try desk.refusal(.get, "webhooks/subscriptions", status: 403).text("code") == "FORBIDDEN")
        let made = try subscribe(desk, ["payment.created", "oauth.authorization.revoked"])
        let id = made.text("id") ?? ""
        desk.token = SquareDesk.hub
        #expect(try desk.get("webhooks/subscriptions/\(id)")["subscription"]?.text("signature_key") == nil)
        let rolled = try desk.post("webhooks/subscriptions/\(id)/signature-key", [:]).text("signature_key")
        #expect(rolled != made.text("signature_key"))
        let wrong: JSON = ["name": "x", "event_types": ["payment.created"], "notification_url": "http://example.com"]
        #expect(try desk.refusal(.post, "webhooks/subscriptions", ["subscription": wrong]).text("field") == "subscription.notification_url")
        let unknown: JSON = ["name": "x", "event_types": ["payment.imagined"], "notification_url": "https://example.com"]
        #expect(try desk.refusal(.post, "webhooks/subscriptions", ["subscription": unknown]).text("field") == "subscription.event_types")
        for token in [SquareDesk.american, SquareDesk.british] {
            desk.token = token
            let line: JSON = ["name": "A", "quantity": "1", "base_price_money": ["amount": 1000, "currency": token == SquareDesk.british ? "GBP" : "USD"]]
            try desk.happens(["do": "sells", "lines": [line]])
        }
        #expect(try taken(desk).map { try JSON(parsing: $0.request.body).text("merchant_id") } == [SquareTwin.american, SquareTwin.british])
        try desk.happens(["do": "revokes"])
        try desk.happens(["do": "sells", "lines": [["name": "A", "quantity": "1", "base_price_money": ["amount": 1000, "currency": "GBP"]]]])
        let last = try taken(desk).map { try JSON(parsing: $0.request.body) }
        #expect(last.map { $0.text("type") } == ["oauth.authorization.revoked"], "nothing is told of a merchant who has ended the authorisation")
        #expect(last.first?["data"]?["object"]?["revocation"]?.text("revoker_type") == "MERCHANT")
        desk.token = SquareDesk.hub
        let events = try desk.post("events", ["query": ["filter": ["event_types": ["payment.created"]]]]).list("events")
        #expect(events.count == 2)
        #expect(try desk.post("webhooks/subscriptions/\(id)/test", ["event_type": "payment.created"])["subscription_test_result"]?.minor("status_code") == 200)
        try desk.call(.delete, "webhooks/subscriptions/\(id)")
        #expect(taken(desk).isEmpty && desk.twin.nextWebhook() != nil, "fees are still to come, webhooks are not")
    }

    @Test("what can't happen is refused with its place, and leaves nothing behind")
    func refused() throws {
        let desk = try SquareDesk()
        func position(_ happening: JSON) -> String? {
            do {
                try desk.happens(happening)
                return nil
            } catch let fault as Fault {
                return fault.code == "happening_refused" ? fault.position : fault.code
            } catch {
                return "\(error)"
            }
        }
        #expect(position(["do": "rains"]) == "do")
        #expect(position(["do": "sells", "lines": [["name": "A", "quantity": "1"]]])?.hasPrefix("line") == true)
        #expect(position(["do": "refunded", "payment": "none"]) == "payment_id")
        #expect(position(["do": "payout_arrives", "payout": "none"]) == "payout")
        #expect(position(["do": "disputed"]) == "payment")
        #expect(position(["do": "sells", "location": "LNONE"]) == "location")
        let sold = try desk.sale()
        let twice: JSON = ["do": "pays", "order": sold["order"] ?? JSON.null]
        #expect(position(twice) != nil)
        let line: JSON = ["name": "A", "quantity": "1", "base_price_money": ["amount": 100, "currency": "USD"]]
        let big: JSON = ["do": "sells", "lines": [line], "payments": [["amount": 500]]]
        #expect(position(big) == "amount_money")
        #expect(try desk.post("orders/search", ["location_ids": [.string(SquareDesk.pier)]]).list("orders").count == 1)
        #expect(throws: Fault.self) { try desk.twin.happen(["do": "sells", "merchant": "nobody"], at: desk.now) }
    }
}
