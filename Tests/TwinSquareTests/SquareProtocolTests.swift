import Crypto
import Kernel
import Testing
import TwinKit
import Wire

@testable import TwinSquare

@Suite("Square's protocol")
struct SquareProtocolTests {
    private func oauth(
        _ desk: SquareDesk, _ path: String, _ body: JSON, authorization: String? = nil, status: Int = 200, at place: SourceLocation = #_sourceLocation
    ) throws -> JSON {
        var request = HTTPRequest(.post, "/oauth2/" + path, fields: ["Content-Type": "application/json"], body: body.bytes)
        request.fields["Authorization"] = authorization
        let answer = desk.twin.respond(request, at: desk.now)
        #expect(answer.status == status, "\(answer.bodyText)", sourceLocation: place)
        return try JSON(parsing: answer.body)
    }

    private let app: JSON = ["client_id": "sq0idp-CounterfoilHub", "client_secret": "sq0csp-CounterfoilHubSecret"]

    private func code(_ desk: SquareDesk, _ query: [(String, String)] = []) throws -> String {
        let pairs = [
            ("client_id", "sq0idp-CounterfoilHub"), ("redirect_uri", "https://app.example/cb"), ("state", "s t"), ("scope", "ORDERS_READ PAYMENTS_READ"),
        ]
        let target = "/oauth2/authorize?" + Form.encode((pairs + query).map { (name: $0.0, value: $0.1) })
        #expect(desk.twin.respond(HTTPRequest(.get, target), at: desk.now).bodyText.contains("ORDERS_READ"))
        let answer = desk.twin.respond(HTTPRequest(.post, target, body: Array("decision=allow".utf8)), at: desk.now)
        let back = HTTPRequest(.get, try #require(answer.fields["Location"]))
        #expect(answer.status == 302 && back.query("state") == "s t" && back.query("response_type") == "code")
        return try #require(back.query("code"))
    }

    @Test("a code gives tokens once and for five minutes; the refresh token stays; access ends after thirty days, or a day when it is short")
    func tokens() throws {
        let desk = try SquareDesk()
        func trade(_ code: String, status: Int = 200) throws -> JSON {
            try oauth(desk, "token", app.setting([("grant_type", "authorization_code"), ("code", .string(code))]), status: status)
        }
        let code = try code(desk, [("locale", "en-GB")])
        let first = try trade(code)
        #expect(first.text("merchant_id") == SquareTwin.british && first.text("token_type") == "bearer" && !first.flag("short_lived"))
        #expect(try trade(code, status: 400)["errors"]?[0]?.text("category") == "INVALID_REQUEST_ERROR", "a code is good for one use")
        let late = try self.code(desk)
        desk.wait(.seconds(300))
        _ = try trade(late, status: 400)
        let again = try oauth(desk, "token", app.setting([("grant_type", "refresh_token"), ("refresh_token", first["refresh_token"] ?? JSON.null)]))
        #expect(again.text("refresh_token") == first.text("refresh_token") && again.text("access_token") != first.text("access_token"))
        desk.token = again.text("access_token") ?? ""
        #expect(try desk.refusal(.get, "orders/none", status: 404).text("code") == "NOT_FOUND")
        #expect(try desk.refusal(.get, "locations", status: 403).text("code") == "INSUFFICIENT_SCOPES")
        let status = try oauth(desk, "token/status", [:], authorization: "Bearer " + desk.token)
        #expect(status.list("scopes").compactMap(\.string) == ["ORDERS_READ", "PAYMENTS_READ"] && status.text("merchant_id") == SquareTwin.british)
        desk.wait(.seconds(30 * 86_400))
        #expect(try desk.refusal(.get, "payments", status: 401).text("code") == "ACCESS_TOKEN_EXPIRED")
        let short = try oauth(
            desk, "token", app.setting([("grant_type", "refresh_token"), ("refresh_token", first["refresh_token"] ?? JSON.null), ("short_lived", true)]))
        let expires = try #require(short.text("expires_at").flatMap { Timestamp(rfc3339: $0) })
        #expect(expires.seconds - desk.now.seconds == 86_400)
        _ = try oauth(desk, "token", app.setting([("client_secret", "wrong"), ("grant_type", "refresh_token"), ("refresh_token", "x")]), status: 401)
        _ = try oauth(desk, "token", app.setting([("grant_type", "refresh_token"), ("refresh_token", "x")]), status: 401)
        #expect(try oauth(desk, "token", app.setting("grant_type", "password"), status: 400)["errors"]?[0]?.text("field") == "grant_type")
    }

    @Test("without a secret: the verifier must match, and refresh tokens are good for one use")
    func proofKey() throws {
        let desk = try SquareDesk()
        let verifier = "a-verifier-that-nobody-would-guess-so-easily"
        let challenge = Base64.encodeURL(Digest.sha256(Array(verifier.utf8)))
        let public_app: JSON = ["client_id": "sq0idp-CounterfoilHub", "grant_type": "authorization_code"]
        let code = try code(desk, [("code_challenge", challenge)])
        let first = try oauth(desk, "token", public_app.setting([("code", .string(code)), ("code_verifier", .string(verifier))]))
        #expect(first.text("refresh_token_expires_at") != nil)
        let body: JSON = ["client_id": "sq0idp-CounterfoilHub", "grant_type": "refresh_token", "refresh_token": first["refresh_token"] ?? JSON.null]
        #expect(try oauth(desk, "token", body).text("refresh_token") != first.text("refresh_token"))
        _ = try oauth(desk, "token", body, status: 401)
        let other = try self.code(desk, [("code_challenge", challenge)])
        _ = try oauth(desk, "token", public_app.setting([("code", .string(other)), ("code_verifier", "wrong")]), status: 400)
    }

    @Test("an authorisation that is ended ends its tokens; a new one has another refresh token")
    func revoked() throws {
        let desk = try SquareDesk()
        let first = try oauth(desk, "token", app.setting([("grant_type", "authorization_code"), ("code", .string(try code(desk)))]))
        let body: JSON = ["client_id": "sq0idp-CounterfoilHub", "access_token": first["access_token"] ?? JSON.null]
        _ = try oauth(desk, "revoke", body, status: 401)
        #expect(try oauth(desk, "revoke", body, authorization: "Client sq0csp-CounterfoilHubSecret").flag("success"))
        desk.token = first.text("access_token") ?? ""
        let error = try desk.refusal(.get, "orders/x", status: 401)
        #expect(error.text("category") == "AUTHENTICATION_ERROR" && error.text("code") == "ACCESS_TOKEN_REVOKED")
        _ = try oauth(desk, "token", app.setting([("grant_type", "refresh_token"), ("refresh_token", first["refresh_token"] ?? JSON.null)]), status: 401)
        let second = try oauth(desk, "token", app.setting([("grant_type", "authorization_code"), ("code", .string(try code(desk)))]))
        #expect(second.text("refresh_token") != first.text("refresh_token"))
        let reopened = try desk.reopened()
        reopened.token = second.text("access_token") ?? ""
        try reopened.get("payments")
    }

    @Test("a repeated key is answered from memory, with another body it is refused; keys that are missing or too long are named")
    func idempotency() throws {
        let desk = try SquareDesk()
        let body: JSON = ["source_id": "cnon:card-nonce-ok", "idempotency_key": "once", "amount_money": ["amount": 1000, "currency": "USD"]]
        let first = try desk.post("payments", body)
        #expect(try desk.post("payments", body) == first && desk.reopened().post("payments", body) == first)
        let other = try desk.refusal(.post, "payments", body.setting("note", "other"))
        #expect(other.text("code") == "IDEMPOTENCY_KEY_REUSED" && other.text("field") == "idempotency_key")
        #expect(try desk.refusal(.post, "payments", body.without("idempotency_key")).text("field") == "idempotency_key")
        let long = String(repeating: "k", count: 46)
        #expect(try desk.refusal(.post, "payments", body.setting("idempotency_key", .string(long))).text("code") == "VALUE_TOO_LONG")
        let declined = body.setting([("source_id", "cnon:card-nonce-declined"), ("idempotency_key", "no")])
        #expect(try desk.call(.post, "payments", declined, status: 400) == desk.call(.post, "payments", declined, status: 400))
        #expect(try desk.ids("payments", "payments").count == 2)
        #expect(desk.twin.owed(SquareTwin.american) == 1000)
        let again = desk.twin.withoutNativeKey(desk.request(.post, "payments", body))
        #expect(desk.twin.respond(again, at: desk.now).status == 200 && desk.twin.owed(SquareTwin.american) == 2000, "as though the key had been forgotten")
    }

    @Test("versions, content types, wrong addresses, tokens and rates are answered in the vendor's form")
    func shape() throws {
        let desk = try SquareDesk()
        var request = desk.request(.get, "locations")
        #expect(desk.twin.respond(request, at: desk.now).fields["Square-Version"] == "2026-09-16")
        request.fields["Square-Version"] = "2024-01-18"
        #expect(desk.twin.respond(request, at: desk.now).fields["Square-Version"] == "2024-01-18")
        request.fields["Square-Version"] = "latest"
        #expect(desk.twin.respond(request, at: desk.now).status == 400)
        var form = desk.request(.post, "orders", [:])
        form.fields["Content-Type"] = "text/plain"
        #expect(desk.twin.respond(form, at: desk.now).bodyText.contains("INVALID_CONTENT_TYPE"))
        form.fields["Content-Type"] = "application/json"
        form.body = Array("{".utf8)
        #expect(desk.twin.respond(form, at: desk.now).bodyText.contains("EXPECTED_JSON_BODY"))
        let nowhere = try desk.refusal(.get, "nothing", status: 404)
        #expect(nowhere.text("detail") == "API endpoint for URL path `/v2/nothing` and HTTP method `GET` is not found.")
        desk.token = "nobody"
        #expect(try desk.refusal(.get, "locations", status: 401).text("code") == "UNAUTHORIZED")
        let slow = try SquareDesk(limits: SquareLimits(perSecond: 3))
        for _ in 0..<3 { try slow.get("locations") }
        let limited = try slow.refusal(.get, "locations", status: 429)
        #expect(limited.text("category") == "RATE_LIMIT_ERROR" && limited.text("code") == "RATE_LIMITED")
        slow.wait(.seconds(1))
        try slow.get("locations")
        #expect(slow.twin.throttled(retryAfterSeconds: 7).fields["Retry-After"] == "7" && slow.twin.unavailable().status == 503)
    }

    @Test("an order is changed by what is given, under its version, until it is closed")
    func updates() throws {
        let desk = try SquareDesk()
        let made = try desk.order([
            "location_id": .string(SquareDesk.pier), "reference_id": "a",
            "line_items": [
                ["uid": "one", "name": "A", "quantity": "1", "base_price_money": ["amount": 1000, "currency": "USD"], "note": "n"],
                ["uid": "two", "name": "B", "quantity": "1", "base_price_money": ["amount": 500, "currency": "USD"]],
            ],
            "taxes": [["uid": "t", "name": "Tax", "percentage": "10", "scope": "ORDER"]],
        ])
        let path = "orders/\(made.text("id") ?? "")"
        let stale = try desk.refusal(.put, path, ["order": ["version": 7]], status: 409)
        #expect(stale.text("code") == "CONFLICT" && stale.text("field") == "order.version")
        let more: JSON = ["version": 1, "line_items": [["uid": "one", "quantity": "3"]], "metadata": ["erp": "77"]]
        let changed = try #require(try desk.call(.put, path, ["order": more, "fields_to_clear": ["line_items[two]", "line_items[one].note"]])["order"])
        #expect(changed.minor("version") == 2 && changed.amount("total_money") == 3300 && changed.list("line_items").count == 1)
        #expect(changed.list("line_items").first?["note"] == nil && changed["metadata"]?.text("erp") == "77" && changed.text("reference_id") == "a")
        let untaxed = try #require(try desk.call(.put, path, ["order": ["version": 2], "fields_to_clear": ["taxes"]])["order"])
        #expect(untaxed.amount("total_money") == 3000 && untaxed["taxes"] == nil)
        #expect(try desk.refusal(.put, path, ["order": ["version": 3, "state": "COMPLETED"]]).text("field") == "order.state")
        #expect(try desk.call(.put, path, ["order": ["version": 3, "state": "CANCELED"]])["order"]?.text("state") == "CANCELED")
        #expect(try desk.refusal(.put, path, ["order": ["version": 4]]).text("code") == "BAD_REQUEST")
    }

    @Test("orders are found by state, time, customer and source; the time that is filtered by is the time that is sorted by; cursors see each once")
    func search() throws {
        let desk = try SquareDesk()
        var made: [String] = []
        for n in 0..<7 {
            let line: JSON = ["name": "A", "quantity": "1", "base_price_money": ["amount": .number("\(100 + n)"), "currency": "USD"]]
            made.append(try #require(try desk.happens(["do": "sells", "lines": [line], "customer_id": .string("C\(n % 2)")]).text("order")))
            desk.wait(.seconds(60))
        }
        let open = try #require(try desk.order(["location_id": .string(SquareDesk.pier)]).text("id"))
        let place: JSON = [.string(SquareDesk.pier)]
        func search(_ query: JSON, more: [(String, JSON)] = []) throws -> JSON {
            try desk.post("orders/search", (["location_ids": place, "query": query] as JSON).setting(more))
        }
        func ids(_ page: JSON) -> [String] { page.list("orders").compactMap { $0.text("id") } }
        #expect(try ids(search(["filter": ["state_filter": ["states": ["OPEN"]]]])) == [open])
        #expect(try ids(search(["filter": ["customer_filter": ["customer_ids": ["C1"]]]])).count == 3)
        #expect(try ids(search(["filter": ["source_filter": ["source_names": ["Square Point of Sale"]]]])).count == 7)
        let window: JSON = [
            "filter": [
                "state_filter": ["states": ["COMPLETED"]],
                "date_time_filter": ["closed_at": ["start_at": "2026-11-14T17:21:00Z", "end_at": "2026-11-14T17:24:00Z"]],
            ],
            "sort": ["sort_field": "CLOSED_AT", "sort_order": "ASC"],
        ]
        #expect(try ids(search(window)) == Array(made[1...3]))
        var seen: [String] = []
        var cursor: JSON?
        for _ in 0..<9 {
            let page = try search(["sort": ["sort_field": "UPDATED_AT", "sort_order": "ASC"]], more: [("limit", 3)] + (cursor.map { [("cursor", $0)] } ?? []))
            seen += ids(page)
            guard let next = page["cursor"] else { break }
            cursor = next
        }
        #expect(seen == made + [open])
        func refused(_ body: JSON, _ code: String, at where_: SourceLocation = #_sourceLocation) throws {
            #expect(try desk.refusal(.post, "orders/search", body, at: where_).text("code") == code, sourceLocation: where_)
        }
        try refused(["query": [:]], "MISSING_REQUIRED_PARAMETER")
        try refused(["location_ids": []], "ARRAY_EMPTY")
        try refused(["location_ids": .array(Array(repeating: .string(SquareDesk.pier), count: 11))], "ARRAY_LENGTH_TOO_LONG")
        try refused(["location_ids": place, "limit": 1001], "VALUE_TOO_HIGH")
        try refused(["location_ids": place, "cursor": "nonsense"], "INVALID_CURSOR")
        try refused(["location_ids": place, "cursor": cursor ?? JSON.null], "INVALID_CURSOR")
        let updated: JSON = ["date_time_filter": ["updated_at": ["start_at": "2026-11-14T00:00:00Z"]]]
        try refused(["location_ids": place, "query": ["filter": updated]], "BAD_REQUEST")
        let closed: JSON = ["filter": ["date_time_filter": ["closed_at": ["start_at": "2026-11-14T00:00:00Z"]]], "sort": ["sort_field": "CLOSED_AT"]]
        try refused(["location_ids": place, "query": closed], "BAD_REQUEST")
        let entries = try desk.post("orders/search", ["location_ids": place, "return_entries": true]).list("order_entries")
        #expect(entries.count == 8 && entries.allSatisfy { $0.text("location_id") == SquareDesk.pier })
        let batch: JSON = ["order_ids": [.string(made[0]), "none"], "location_id": .string(SquareDesk.pier)]
        #expect(try desk.post("orders/batch-retrieve", batch).list("orders").count == 1)
    }

    @Test("payments are listed by their time and by that of their change; payouts without a location are those of the main one")
    func lists() throws {
        let desk = try SquareDesk()
        let first = try #require(try desk.sale().list("payments").first?.string)
        desk.wait(.seconds(600))
        let second = try #require(try desk.sale([("location", .string(SquareDesk.market))]).list("payments").first?.string)
        desk.wait(.seconds(600))
        #expect(try desk.ids("payments", "payments") == [second, first] && desk.ids("payments", "payments", [("sort_order", "ASC")]) == [first, second])
        #expect(try desk.ids("payments", "payments", [("location_id", SquareDesk.market)]) == [second])
        let since = desk.now
        desk.wait(.seconds(1))
        try desk.happens(["do": "tips", "payment": .string(first), "tip": 100])
        let changed = [("updated_at_begin_time", since.description), ("sort_field", "UPDATED_AT"), ("sort_order", "ASC")]
        #expect(try desk.ids("payments", "payments", changed) == [first])
        #expect(try desk.ids("payments", "payments", [("total", "5894")]) == [second])
        #expect(try desk.refusal(.get, "payments", query: [("begin_time", "yesterday")]).text("code") == "INVALID_TIME")
        #expect(try desk.refusal(.get, "payments", query: [("sort_order", "UP")]).text("code") == "INVALID_SORT_ORDER")
        let payouts = try desk.happens(["do": "day_closes"]).list("payouts")
        #expect(payouts.count == 2)
        #expect(try desk.ids("payouts", "payouts").count == 1 && desk.ids("payouts", "payouts", [("location_id", SquareDesk.market)]).count == 1)
        #expect(try desk.refusal(.get, "payouts", query: [("location_id", "LNONE")], status: 403).text("code") == "FORBIDDEN")
        let other = try SquareDesk(journal: desk.journal, token: SquareDesk.british)
        other.now = desk.now
        #expect(try other.ids("payments", "payments").isEmpty)
        #expect(try other.refusal(.get, "payments/\(first)", status: 404).text("code") == "NOT_FOUND", "merchants never see one another's data")
    }

    @Test("customers and the catalog: made, changed under a version, searched, paged, gone")
    func directories() throws {
        let desk = try SquareDesk()
        #expect(try desk.refusal(.post, "customers", ["note": "x"]).text("code") == "BAD_REQUEST")
        #expect(try desk.refusal(.post, "customers", ["email_address": "no"]).text("code") == "INVALID_EMAIL_ADDRESS")
        var made: [String] = []
        for n in 0..<5 {
            let answer = try desk.post("customers", ["given_name": "C", "reference_id": .string("r\(n)")])
            made.append(try #require(answer["customer"]?.text("id")))
        }
        let path = "customers/\(made[2])"
        #expect(try desk.call(.put, path, ["version": 0, "note": "hello"])["customer"]?.minor("version") == 1)
        #expect(try desk.refusal(.put, path, ["version": 0], status: 409).text("code") == "CONFLICT")
        let found = try desk.post("customers/search", ["query": ["filter": ["reference_id": ["exact": "r3"]]]])
        #expect(found.list("customers").compactMap { $0.text("id") } == [made[3]])
        try desk.call(.delete, path)
        #expect(try desk.ids("customers", "customers").count == 4)
        let items = try desk.get("catalog/list", [("types", "ITEM")]).list("objects")
        #expect(items.first?["item_data"]?.list("variations").count == 2)
        #expect(try desk.refusal(.get, "catalog/list", query: [("types", "THING")]).text("code") == "INVALID_ENUM_VALUE")
        let item: JSON = [
            "type": "ITEM", "id": "#tea",
            "item_data": [
                "name": "Tea",
                "variations": [
                    ["type": "ITEM_VARIATION", "id": "#tin", "item_variation_data": ["name": "Tin", "price_money": ["amount": 900, "currency": "USD"]]],
                ],
            ],
        ]
        let upserted = try desk.post("catalog/object", ["idempotency_key": "c1", "object": item])
        #expect(upserted.list("id_mappings").count == 2)
        let id = try #require(upserted["catalog_object"]?.text("id"))
        let changed: JSON = ["type": "ITEM", "id": .string(id), "version": 1, "item_data": ["name": "Green tea"]]
        #expect(try desk.refusal(.post, "catalog/object", ["idempotency_key": "c2", "object": changed]).text("code") == "CONFLICT")
        let asked: JSON = ["prefix_query": ["attribute_name": "name", "attribute_prefix": "te"]]
        let prefix = try desk.post("catalog/search", ["object_types": ["ITEM"], "query": asked])
        #expect(prefix.list("objects").compactMap { $0.text("id") } == [id])
        let since = desk.now.description
        desk.wait(.seconds(1))
        #expect(try desk.call(.delete, "catalog/object/\(id)").list("deleted_object_ids").count == 2)
        let gone = try desk.post("catalog/search", ["include_deleted_objects": true, "begin_time": .string(since)])
        #expect(gone.list("objects").allSatisfy { $0.flag("is_deleted") } && gone.list("objects").count == 2)
        #expect(try desk.refusal(.get, "catalog/object/\(id)", status: 404).text("code") == "NOT_FOUND")
        let batch = try desk.post("catalog/batch-retrieve", ["object_ids": ["W62UWFY35CWMYGVWK6TWJDNI"], "include_related_objects": true])
        #expect(batch.list("related_objects").first?.text("type") == "ITEM")
        #expect(try desk.get("merchants/me")["merchant"]?.text("main_location_id") == SquareDesk.pier)
        #expect(try desk.get("locations/main")["location"]?.text("timezone") == "America/Los_Angeles")
    }
}
