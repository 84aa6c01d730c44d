internal import ConnectorKit
internal import Kernel
internal import Store
internal import Wire

/// One connection: who is at the other end, whether we may still talk, how much of its limits is left, and what it last sent.
enum ConnectionPage {
    static let endpoints = [
        Shell.page("/connections/{connection}") { clerk in try await content(clerk, try clerk.part("connection")) },
        Shell.action("/connections/{connection}/state") { clerk in
            let id = try clerk.part("connection")
            try await clerk.send(.patch, "/v1/connections/\(id)", .object([("state", .string(clerk.form("state")))]))
            return .go("/connections/\(id)")
        },
        Shell.action("/connections/{connection}/connect") { clerk in
            let id = try clerk.part("connection")
            let link = try await clerk.send(.post, "/v1/connections/\(id)/authorization").text("url")
            // The link's path on this site: whoever signed in here goes on here.
            guard let path = link.firstRange(of: "/connect/").map({ String(link[$0.lowerBound...]) }), SignIn.isOurs(path) else { throw Refusal.notFound() }
            return .go(path)
        },
    ] + LinksPart.endpoints

    private static func content(_ clerk: Clerk, _ id: String) async throws -> Shell.Content {
        let connection = try await clerk.get("/v1/connections/\(id)")
        let tenant = connection.text("tenant")
        async let owner = clerk.tenant(tenant)
        async let quota = clerk.get("/v1/tenants/\(tenant)/connections/\(id)/quota")
        async let recent = clerk.items("/v1/tenants/\(tenant)/events?limit=200")
        let bell = try await bell(connection, tenant, clerk), links = try await LinksPart.part(connection, id, clerk)
        let events = try await recent.filter { $0.text("connection") == id }.prefix(12)
        let isDead = connection.text("state") == "dead"
        let reason: HTML = connection.has("state_reason") && !connection.text("state_reason").isEmpty ? Shell.note(connection.text("state_reason"), isDead ? .bad : .warn) : ""
        return Shell.Content(
            title: connection.text("slug"), place: "tenants", trail: [(try await owner.text("name"), "/tenants/\(tenant)")],
            beside: "\(wayBack(connection, tenant, id, clerk))\(Prose.state(connection.text("state")))\(actions(connection, id, clerk))",
            body: """
                \(reason)<div class="columns"><div><section id="facts" data-live class="panel"><h2>\(clerk.platform(connection.text("platform")))</h2>\(facts(connection, bell, clerk))</section>\
                \(eventList(Array(events), clerk))</div><div>\(links)\(budgets(try await quota, clerk))\(settings(connection))</div></div>
                """,
            live: tenant)
    }

    /// Where a source that fetches its list is told that there is more; nothing for all others.
    private static func bell(_ c: JSON, _ tenant: String, _ clerk: Clerk) async throws -> HTML? {
        guard clerk.desk.sources[c.text("platform")]?.reflectionPlace == .fetched, let tenant = TenantID(tenant), let id = ConnectionID(c.text("id")) else { return nil }
        guard let row = try await clerk.desk.store.adminBell(tenant, id) else { return "none" }
        let bell = try JSON(parsing: row.json), heard = bell.count("heard_seq"), newest = bell.count("newest_seq")
        let state: HTML = bell.count("attempts") == 0 ? "" : "<br><span class=\"bad-text\">\(Prose.some(bell.count("attempts"), "try", "tries")): \(bell.text("outcome"))</span>"
        return "<code>\(bell.text("url"))</code><br><span class=\"soft\">heard up to \(Prose.count(heard)) of \(Prose.count(newest))</span>\(state)"
    }

    private static func facts(_ c: JSON, _ bell: HTML?, _ clerk: Clerk) -> HTML {
        let identity = (c["identity"]?.object ?? []).filter { $0.key != "account" }.compactMap { member in member.value.string.map { (Prose.title(member.key), "\($0)" as HTML) } }
        let present = c["credential"]?["present"]?.bool == true
        let credential: HTML = present ? "given, version \(c["credential"]?.count("version") ?? 0)" : "<span class=\"bad-text\">none yet</span>"
        let hook: HTML = c["webhook_secret"]?["present"]?.bool == true ? "given" : "none"
        let rung = bell.map { [("Bell", $0)] } ?? []
        return Shell.facts(
            identity + [
                ("Account", "\(c.text("account"))"), ("Address", c.has("base_url") ? "<code>\(c.text("base_url"))</code>" : "the platform's own"), ("Credential", credential),
                ("Webhook secret", hook), ("Webhooks lead to", "<code>\(c.text("webhook_path"))</code>"), ("Last swept", Prose.ago(c.text("swept_at"), now: clerk.now)),
                ("Read up to", Prose.time(c.text("watermark"))), ("Since", Prose.time(c.text("created_at"))),
            ] + rung)
    }

    /// What this source is told.
    private static func wayBack(_ c: JSON, _ tenant: String, _ id: String, _ clerk: Clerk) -> HTML {
        guard clerk.desk.connectors[c.text("platform")]?.spec.roles.contains(.source) == true else { return "" }
        return """
            <nav class="tabs" aria-label="Of this connection"><ul><li><a href="\(ReflectionsPage.link(tenant, [(name: "connection", value: id)]))">Way back</a></li></ul></nav>
            """
    }

    private static func actions(_ c: JSON, _ id: String, _ clerk: Clerk) -> HTML {
        guard clerk.may(.admin) else { return "" }
        let isLive = c.text("state") == "live" || c.text("state") == "paused"
        let connect: HTML = clerk.desk.connectors[c.text("platform")]?.spec.oauth?.consent == nil
            ? "" : Shell.button(isLive ? "Connect again" : "Connect in the browser", to: "/connections/\(id)/connect", kind: isLive ? "" : "primary")
        return connect + order(c, id)
    }

    private static func order(_ c: JSON, _ id: String) -> HTML {
        switch c.text("state") {
        // Where nothing is to be kept from going on there is nothing to pause.
        case "new" where c["credential"]?["present"]?.bool != true: return ""
        case "live", "new": return Shell.button("Pause", to: "/connections/\(id)/state", [("state", "paused")], asks: "Pause this connection")
        case "paused": return Shell.button("Resume", to: "/connections/\(id)/state", [("state", "live")], kind: "primary", asks: "Resume this connection")
        default: return ""
        }
    }

    private static func eventList(_ events: [JSON], _ clerk: Clerk) -> HTML {
        let lines: [HTML] = events.map { event in
            """
            <tr>\(HTML.rowHead("\(event.text("topic"))"))<td class="nowrap">\(Prose.ago(event.text("received_at"), now: clerk.now))</td><td>\(Prose.state(event.text("state")))</td>\
            <td class="soft small">\(event.text("delivery"))</td><td>\(event["fault"]?["summary"]?.string ?? "")</td></tr>
            """
        }
        return "<section id=\"events\" data-live class=\"panel\"><h2>Last events</h2>\(HTML.table("Last events", ["Topic", "Received", "State", "Delivery", "Fault"], lines, none: "Nothing came in lately."))</section>"
    }

    private static func budgets(_ quota: JSON, _ clerk: Clerk) -> HTML {
        let lines: [HTML] = (quota.list("budgets") + quota.list("app_budgets")).map { budget in
            let limit = budget.count("limit"), used = budget.count("used"), permille = budget["refused"]?.bool == true ? 1000 : limit > 0 ? min(1000, used * 1000 / limit) : 0
            let pause: HTML = budget.has("paused_until") ? " <span class=\"bad-text small\">paused until \(Prose.time(budget.text("paused_until"), seconds: true))</span>" : ""
            let said: HTML = budget.has("platform_said_at")
                ? "<br><span class=\"soft small\">the platform said \(Prose.count(budget.count("platform_remaining"))) left \(Prose.ago(budget.text("platform_said_at"), now: clerk.now))</span>" : ""
            return """
                <tr>\(HTML.rowHead("\(Prose.title(budget.text("name")))<small>every \(Prose.span(budget.count("window_ms") / 1000)), \(budget.text("said_by") == "counterfoil" ? "as we count" : "as \(budget.text("said_by")) says")</small>"))<td>\(Charts.meter(permille, "\(permille / 10) % used"))\(pause)\(said)</td>\
                \(HTML.figure("\(Prose.count(used)) of \(Prose.count(limit))"))</tr>
                """
        }
        return "<section id=\"quota\" data-live class=\"panel\"><h2>Quota</h2>\(HTML.table("Limits of the platform", ["Limit", "Used", .number("Calls")], lines, none: "This platform has no limits that we know."))\(concurrency(quota))</section>"
    }

    /// How many calls the platform takes at a time, and what is known to be under way.
    private static func concurrency(_ quota: JSON) -> HTML {
        guard let at = quota["concurrency"], at.has("limit") else { return "" }
        return Shell.facts([
            ("Calls at a time", "\(Prose.count(at.count("limit"))) at most"), ("Under way", "\(Prose.some(at.count("in_flight"), "document")) sent and not answered yet"),
        ])
    }

    private static func settings(_ c: JSON) -> HTML {
        let rows = (c["settings"]?.object ?? []).map { ($0.key, "<code>\($0.value.string ?? "")</code>" as HTML) }
        let body: HTML = rows.isEmpty ? "<p class=\"soft\">All as the connector has them.</p>" : Shell.facts(rows)
        return "<section class=\"panel\"><h2>Settings</h2>\(body)</section>"
    }
}
