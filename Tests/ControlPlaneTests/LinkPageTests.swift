import Kernel
import Postgres
import Store
import Testing
import Wire

@testable import ControlPlane

@Suite("links for clients on the console") struct LinkPageTests {
    private func send(_ bench: Bench, _ path: String, _ signed: String, _ body: String = "", origin: String = "http://cf.test") async -> HTTPResponse {
        await bench.raw(.post, path, Array(body.utf8), fields: ["Host": "cf.test", "Origin": origin, "Content-Type": "application/x-www-form-urlencoded", "Cookie": signed])
    }

    @Test("a link for the client is made, shown once with its end, listed while it is open, and taken back") func made() async throws {
        let journey = try await Journey.make(), bench = journey.bench, path = "/connections/\(journey.connection)"
        let signed = cookie(await logIn(bench, bench.key))
        func page() async -> String { await bench.raw(.get, path, fields: ["Cookie": signed]).bodyText }
        let empty = await page()
        #expect(empty.contains("None is open.") && empty.contains("Make a link for the client"))
        let shown = await send(bench, "\(path)/invite", signed, "hours=168")
        #expect(shown.status == 200)
        let link = try #require(shown.bodyText.split(separator: "readonly value=\"").dropFirst().first?.prefix { $0 != "\"" })
        #expect(link.hasPrefix("https://cf.test/connect/") && shown.bodyText.contains("It is shown this once."))
        // It is shown on no page that renews itself, and nowhere again.
        #expect(!shown.bodyText.contains("name=\"live\""))
        let listed = await page()
        #expect(!listed.contains(link) && listed.contains("The client<small>key operator (") && listed.contains("not used yet"))
        let row = try #require(await bench.call(.get, "/v1/connections/\(journey.connection)/authorizations").items.first)
        #expect(row.text("kind") == "invitation" && row.text("state") == "open")
        let (begins, ends) = (try #require(Timestamp(rfc3339: row.text("created_at"))), try #require(Timestamp(rfc3339: row.text("expires_at"))))
        #expect(abs((ends - begins).wholeMilliseconds / 1000 - 168 * 3600) < 60)
        #expect(await journey.browser.open(String(link.dropFirst("https://cf.test".count))).status == 200)
        let back = await send(bench, "\(path)/links/\(row.text("id"))/end", signed)
        #expect(back.status == 303 && back.fields["Location"] == "\(path)?done=link")
        #expect(await bench.raw(.get, "\(path)?done=link", fields: ["Cookie": signed]).bodyText.contains("The link leads nowhere any more."))
        #expect(await page().contains("None is open."))
        #expect(await journey.browser.open(String(link.dropFirst("https://cf.test".count))).bodyText.contains("consent_revoked"))
    }

    @Test("who may only look makes no link, no other site makes one, and odd hours are three days") func refused() async throws {
        let journey = try await Journey.make(), bench = journey.bench, path = "/connections/\(journey.connection)"
        let reader = cookie(await logIn(bench, try await bench.key("r", tenant: journey.made.tenant.id, scopes: ["read"])))
        let seen = await bench.raw(.get, path, fields: ["Cookie": reader]).bodyText
        #expect(seen.contains("Links to connect it") && !seen.contains("Make a link"))
        #expect(await send(bench, "\(path)/invite", reader).status == 403)
        let signed = cookie(await logIn(bench, bench.key))
        #expect(await send(bench, "\(path)/invite", signed, origin: "http://evil.test").status == 403)
        for hours in ["", "1", "-1", "99999999999999999999"] { #expect(await send(bench, "\(path)/invite", signed, "hours=\(hours)").status == 200, "\(hours)") }
        let rows = await bench.call(.get, "/v1/connections/\(journey.connection)/authorizations").items
        #expect(rows.count == 4)
        for row in rows {
            let (begins, ends) = (try #require(Timestamp(rfc3339: row.text("created_at"))), try #require(Timestamp(rfc3339: row.text("expires_at"))))
            #expect(abs((ends - begins).wholeMilliseconds / 1000 - 72 * 3600) < 60)
        }
        // A platform that is not connected in a browser has none.
        let shop = await bench.raw(.get, "/connections/\(journey.made.source)", fields: ["Cookie": signed]).bodyText
        #expect(!shop.contains("Links to connect it"))
        #expect(await send(bench, "/connections/\(journey.made.source)/invite", signed).status == 422)
    }
}
