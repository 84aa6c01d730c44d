import Crypto
import Kernel
import Testing
import TwinKit
import Wire

@testable import TwinWooCommerce

@Suite("WooCommerce's keys")
struct WooAccessTests {
    private let signedAt = Timestamp(rfc3339: "2026-11-14T10:00:00Z") ?? Timestamp(seconds: 0)

    private func signed(_ signature: String, method: String = "HMAC-SHA256", nonce: String = "n1", more: String = "") -> HTTPRequest {
        let key = WooCommerceTwin.key("prairie")?.key ?? ""
        let pairs = [
            ("per_page", "5"), ("search", "mara lind/ü"), ("oauth_consumer_key", key), ("oauth_timestamp", "1794650400"), ("oauth_nonce", nonce),
            ("oauth_signature_method", method), ("oauth_signature", signature),
        ]
        let query = Form.encode(pairs.map { (name: $0.0, value: $0.1) })
        return HTTPRequest(.get, "/prairie/wp-json/wc/v3/orders?\(query)\(more)", fields: ["Host": "shop.test"])
    }

    private func code(_ response: HTTPResponse) throws -> String { "\(response.status) \(try JSON(parsing: response.body).text("code") ?? "")" }

    private func message(_ response: HTTPResponse) throws -> String? { try JSON(parsing: response.body).text("message") }

    /// Source: RFC 5849 with one leg and the vendor's path; both digests were computed by another implementation.
    @Test("a signed request is let in once, within a quarter of an hour, whichever of the two digests it has")
    func signatures() throws {
        let desk = try WooDesk()
        let good = "E/L/N5slvmhFLuypfzqOcYd0AUE2va8Puta2+13qJw4="
        #expect(desk.twin.respond(signed(good), at: signedAt).status == 200)
        #expect(try message(desk.twin.respond(signed(good), at: signedAt)) == "Invalid nonce - nonce has already been used.")
        #expect(desk.twin.respond(signed("XvRB6CDRSLpdO23w2w1T7nAyHdY=", method: "HMAC-SHA1"), at: signedAt).status == 401)
        let other = try WooDesk()
        #expect(other.twin.respond(signed("XvRB6CDRSLpdO23w2w1T7nAyHdY=", method: "HMAC-SHA1"), at: signedAt + .seconds(899)).status == 200)
        #expect(try message(try WooDesk().twin.respond(signed(good), at: signedAt + .seconds(901))) == "Invalid timestamp.")
        for wrong in [signed(good, nonce: "n2"), signed(good, more: "&page=2")] {
            #expect(try message(try WooDesk().twin.respond(wrong, at: signedAt)) == "Invalid signature - provided signature does not match.")
        }
        #expect(try message(try WooDesk().twin.respond(signed(good, method: "PLAINTEXT"), at: signedAt)) == "Invalid signature - signature method is invalid.")
    }

    @Test("a signature that lacks something says what")
    func missing() throws {
        let desk = try WooDesk()
        let request = HTTPRequest(.get, "/prairie/wp-json/wc/v3/orders?oauth_consumer_key=ck_x&oauth_nonce=1", fields: ["Host": "shop.test"])
        #expect(try message(desk.twin.respond(request, at: desk.now)) == "Missing OAuth parameters oauth_timestamp, oauth_signature, oauth_signature_method")
        #expect(try code(desk.twin.respond(request, at: desk.now)) == "401 woocommerce_rest_authentication_missing_parameter")
    }

    @Test("an unknown key is nobody's, a wrong secret is told, and neither opens anything")
    func strangers() throws {
        let desk = try WooDesk()
        func basic(_ key: String, _ secret: String) -> HTTPRequest {
            var request = desk.request(.get, "orders")
            request.fields["Authorization"] = "Basic " + Base64.encode(Array("\(key):\(secret)".utf8))
            return request
        }
        let own = try #require(WooCommerceTwin.key("prairie"))
        #expect(try code(desk.twin.respond(basic("ck_none", "cs_none"), at: desk.now)) == "401 woocommerce_rest_cannot_view")
        #expect(try message(desk.twin.respond(basic(own.key, "cs_none"), at: desk.now)) == "Consumer secret is invalid.")
        let elsewhere = try #require(WooCommerceTwin.key("thames"))
        #expect(desk.twin.respond(basic(elsewhere.key, elsewhere.secret), at: desk.now).status == 401)
        #expect(desk.twin.respond(basic(own.key, own.secret), at: desk.now).status == 200)
        var query = HTTPRequest(.get, "/prairie/wp-json/wc/v3/orders?consumer_key=\(own.key)&consumer_secret=\(own.secret)")
        #expect(desk.twin.respond(query, at: desk.now).status == 200)
        query.target = "/prairie/wp-json/wc/v3/orders"
        #expect(try code(desk.twin.respond(query, at: desk.now)) == "401 woocommerce_rest_cannot_view")
        query.method = .post
        #expect(try code(desk.twin.respond(query, at: desk.now)) == "401 woocommerce_rest_cannot_create")
        #expect(WooCommerceTwin.key("nobody") == nil && WooCommerceTwin.key("prairie", "all") == nil)
    }

    @Test("a key reads or writes as it was made to")
    func permissions() throws {
        let desk = try WooDesk()
        desk.permissions = "read"
        try desk.get("orders")
        #expect(try desk.call(.post, "orders", [:], status: 401).text("message") == "The API key provided does not have write permissions.")
        #expect(try desk.refusal(.delete, "orders/1", status: 401) == "woocommerce_rest_authentication_error")
        desk.permissions = "write"
        try desk.post("orders", [:])
        #expect(try desk.call(.get, "orders", status: 401).text("message") == "The API key provided does not have read permissions.")
        try desk.happens(["do": "key_revoked", "key": .string(WooCommerceTwin.key("prairie", "write")?.key ?? "")])
        #expect(try desk.refusal(.post, "orders", [:], status: 401) == "woocommerce_rest_cannot_create")
    }

    @Test("the fault plan's revoked key is refused whichever way it is sent")
    func revoked() throws {
        let desk = try WooDesk()
        #expect(desk.twin.respond(desk.twin.withRevokedToken(desk.request(.get, "orders")), at: desk.now).status == 401)
        let request = signed("E/L/N5slvmhFLuypfzqOcYd0AUE2va8Puta2+13qJw4=")
        #expect(try message(desk.twin.respond(desk.twin.withRevokedToken(request), at: signedAt)) == "Consumer key is invalid.")
        #expect(desk.twin.throttled(retryAfterSeconds: 3).fields["Retry-After"] == "3" && desk.twin.unavailable().status == 503)
        func purpose(_ method: HTTPMethod, _ path: String) -> Purpose { desk.twin.purpose(of: desk.request(method, path)) }
        #expect(purpose(.post, "orders/1/refunds") == .write && purpose(.get, "orders/1") == .readback)
        #expect(purpose(.put, "products/1") == .reference && purpose(.get, "orders?search=x") == .lookup)
    }

    @Test("a merchant who lets an application in has keys posted to it; one who does not, has none")
    func authorises() throws {
        let desk = try WooDesk()
        func ask(_ more: String) -> HTTPResponse {
            let query = "app_name=Acme&scope=read_write&user_id=n0nce&return_url=http%3A%2F%2F127.0.0.1%3A9%2Fback"
                + "&callback_url=http%3A%2F%2F127.0.0.1%3A9%2Fkeys"
            return desk.twin.respond(HTTPRequest(.get, "/prairie/wc-auth/v1/authorize?" + query + more, fields: ["Host": "shop.test"]), at: desk.now)
        }
        #expect(ask("&deny=1").fields["Location"] == "http://127.0.0.1:9/back?success=0&user_id=n0nce")
        #expect(desk.twin.takeWebhooks(at: desk.now, most: 9).isEmpty)
        let yes = ask("")
        #expect(yes.status == 302 && yes.fields["Location"] == "http://127.0.0.1:9/back?success=1&user_id=n0nce")
        let posted = try #require(desk.twin.takeWebhooks(at: desk.now, most: 9).first)
        let keys = try JSON(parsing: posted.request.body)
        #expect(posted.request.target == "http://127.0.0.1:9/keys" && keys.text("user_id") == "n0nce" && keys.text("key_permissions") == "read_write")
        let key = try #require(keys.text("consumer_key"))
        #expect(key.count == 43)
        var request = desk.request(.get, "orders")
        request.fields["Authorization"] = "Basic " + Base64.encode(Array("\(key):\(keys.text("consumer_secret") ?? "")".utf8))
        #expect(try desk.reopened().twin.respond(request, at: desk.now).status == 200)
        #expect(ask("&scope=everything").status == 401)
    }

    @Test("the index and the settings tell a shop's currency, zone and taxes")
    func index() throws {
        let desk = try WooDesk("thames")
        let index = try JSON(parsing: desk.twin.respond(HTTPRequest(.get, "/thames/wp-json/", fields: ["Host": "shop.test"]), at: desk.now).body)
        #expect(index.text("name") == "Thames Pottery" && index.text("timezone_string") == "Europe/London" && index.text("gmt_offset") == "0")
        #expect(index.list("namespaces").contains("wc/v3") && index.text("url") == "http://shop.test/woocommerce/thames")
        let status = try desk.get("system_status")
        #expect(status.member("settings", "currency")?.string == "GBP" && status.member("environment", "version")?.string == "10.3.0")
        #expect(try desk.get("settings/tax/woocommerce_prices_include_tax").text("value") == "yes")
        #expect(try desk.get("settings/general").array?.first { $0.text("id") == "woocommerce_currency" }?.text("value") == "GBP")
        #expect(try desk.put("settings/tax/woocommerce_tax_round_at_subtotal", ["value": "yes"]).text("value") == "yes")
        #expect(try desk.refusal(.put, "settings/tax/woocommerce_tax_round_at_subtotal", ["value": "maybe"]) == "rest_setting_value_invalid")
        #expect(try desk.refusal(.get, "settings/none", status: 404) == "rest_setting_setting_group_invalid")
        #expect(try desk.get("data/currencies/current").text("code") == "GBP" && desk.get("payment_gateways/stripe").flag("enabled"))
        let plain = HTTPRequest(.get, "/thames/?rest_route=/wc/v3/orders", fields: desk.request(.get, "orders").fields)
        #expect(desk.twin.respond(plain, at: desk.now).status == 200)
        #expect(desk.twin.respond(HTTPRequest(.get, "/nobody/wp-json/"), at: desk.now).status == 404)
    }
}
