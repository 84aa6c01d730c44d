import Crypto
import Kernel
import Testing
import TwinKit
import Wire

@testable import Sandbox

@Suite("Shopify's metafields of orders") struct ShopifyMetafieldTests {
    private static let set = "mutation($m:[MetafieldsSetInput!]!){metafieldsSet(metafields:$m){metafields{id key value compareDigest} userErrors{field message code}}}"
    private static let get = "query($id:ID!){order(id:$id){updatedAt metafield(namespace:\"app_one\",key:\"state\"){id namespace key type value compareDigest}}}"

    private func input(_ id: Int64, _ value: String, _ more: JSON = .object([])) -> JSON {
        let base: JSON = [
            "ownerId": .string("gid://shopify/Order/\(id)"), "namespace": "app_one", "key": "state", "type": "multi_line_text_field", "value": .string(value),
        ]
        return ["m": [(more.object ?? []).reduce(base) { $0.setting($1.key, $1.value) }]]
    }

    private func codes(_ reply: JSON) -> [String] { (reply.member("data", "metafieldsSet", "userErrors")?.array ?? []).compactMap { $0["code"]?.string } }

    private func order(_ desk: ShopifyDesk) throws -> Int64 { try #require(desk.days.first { $0.shop == "prairie-goods" }).events[0].orderID }

    @Test("one is set, read back, set again over what was read, and refused over what was not; the order counts as changed")
    func compared() throws {
        var desk = try ShopifyDesk()
        desk.now = Timestamp(seconds: 1_795_300_000)
        let id = try order(desk), ask: JSON = ["id": .string("gid://shopify/Order/\(id)")]
        #expect(try desk.graph(Self.get, ask).member("data", "order")?["metafield"] == .null)
        let made = try desk.graph(Self.set, input(id, "one", ["compareDigest": .null]))
        #expect(codes(made) == [])
        let digest = try #require(made.member("data", "metafieldsSet", "metafields")?[0]?["compareDigest"]?.string)
        let read = try #require(try desk.graph(Self.get, ask).member("data", "order"))
        #expect(read["metafield"]?["value"] == "one" && read["metafield"]?["compareDigest"]?.string == digest)
        #expect(read["updatedAt"]?.string == desk.now.description)
        #expect(codes(try desk.graph(Self.set, input(id, "two", ["compareDigest": .null]))) == ["STALE_OBJECT"])
        #expect(codes(try desk.graph(Self.set, input(id, "two", ["compareDigest": .string(digest)]))) == [])
        #expect(codes(try desk.graph(Self.set, input(id, "three", ["compareDigest": .string(digest)]))) == ["STALE_OBJECT"])
        #expect(try desk.graph(Self.get, ask).member("data", "order", "metafield", "value") == "two")
        // Without a digest whoever comes last writes.
        #expect(codes(try desk.graph(Self.set, input(id, "four"))) == [])
    }

    @Test("what is wrong is told by its code, and then nothing at all is set") func refused() throws {
        let desk = try ShopifyDesk(), id = try order(desk)
        let cases: [(JSON, String)] = [
            (["key": "x"], "TOO_SHORT"), (["namespace": "a b"], "TOO_SHORT"), (["type": "number_of_the_beast"], "INVALID_TYPE"), (["value": ""], "BLANK"),
            (["type": "single_line_text_field", "value": "a\nb"], "INVALID_VALUE"), (["ownerId": "gid://shopify/Order/1"], "INVALID_VALUE"),
        ]
        for (more, code) in cases { #expect(codes(try desk.graph(Self.set, input(id, "v", more))) == [code], "\(code)") }
        let good = try #require(input(id, "v")["m"]?[0]), bad = good.setting("key", "x")
        #expect(codes(try desk.graph(Self.set, ["m": [good, bad]])) == ["TOO_SHORT"])
        #expect(try desk.graph(Self.get, ["id": .string("gid://shopify/Order/\(id)")]).member("data", "order")?["metafield"] == .null)
        #expect(try desk.graph("subscription{orders{id}}").member("errors")?[0]?["extensions"]?["code"] == "missingSchema")
        #expect(try desk.graph("mutation{orderDelete(id:\"1\"){id}}").member("errors")?[0]?["extensions"]?["code"] == "undefinedField")
    }

    @Test("a token of an app that was installed to read may not write; one that was asked for write_orders may, also once it is refreshed")
    func scopes() throws {
        let desk = try ShopifyDesk(), id = try order(desk), path = "/prairie-goods/admin/oauth"
        func token(_ fields: [(name: String, value: String)]) throws -> JSON {
            let all = fields + [(name: "client_id", value: "app"), (name: "client_secret", value: "shpss_sandbox_prairie-goods")]
            let response = desk.twin.respond(HTTPRequest(.post, "\(path)/access_token", body: Array(Form.encode(all).utf8)), at: desk.now)
            return try JSON(parsing: response.body)
        }
        func grant(_ scopes: String) throws -> JSON {
            let query = "redirect_uri=https%3A%2F%2Fa.test%2Fcb&state=s&scope=\(scopes)"
            let page = desk.twin.respond(HTTPRequest(.get, "\(path)/authorize?\(query)"), at: desk.now).bodyText
            #expect(page.contains("form"))
            var request = HTTPRequest(.post, "\(path)/authorize?\(query)", fields: ["Content-Type": "application/x-www-form-urlencoded"])
            request.body = Array("decision=allow&choice=prairie-goods.myshopify.com".utf8)
            let back = HTTPRequest(.get, try #require(desk.twin.respond(request, at: desk.now).fields["Location"], "\(page)"))
            return try token([(name: "code", value: back.query("code") ?? ""), (name: "expiring", value: "1")])
        }
        func writes(_ token: JSON) throws -> JSON {
            let body: JSON = ["query": .string(Self.set), "variables": input(id, "v")]
            let request = HTTPRequest(
                .post, "/prairie-goods/admin/api/2026-10/graphql.json", fields: ["X-Shopify-Access-Token": token["access_token"]?.string ?? ""], body: body.bytes)
            return try JSON(parsing: desk.twin.respond(request, at: desk.now).body)
        }
        let reader = try grant("read_orders"), writer = try grant("read_orders%2Cwrite_orders")
        #expect(writer["scope"]?.string?.contains("write_orders") == true && reader["scope"]?.string?.contains("write_orders") == false)
        #expect(try writes(reader).member("errors")?[0]?["extensions"]?["code"] == "ACCESS_DENIED")
        let written = try writes(writer)
        #expect(codes(written) == [] && written["errors"] == nil)
        let fresh = try token([(name: "grant_type", value: "refresh_token"), (name: "refresh_token", value: writer["refresh_token"]?.string ?? "")])
        #expect(try writes(fresh)["errors"] == nil)
    }
}
