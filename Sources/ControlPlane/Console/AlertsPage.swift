internal import Kernel
internal import Store
internal import Wire

/// Alerts: who saw them, and until when they are to be quiet.
enum AlertsPage {
    static let endpoints = [
        Shell.page("/alerts") { clerk in try await list(clerk) },
        Shell.page("/alerts/{alert}") { clerk in
            let id = try clerk.part("alert"), alert = try await clerk.get("/v1/alerts/\(id)")
            let told: [HTML] = try await clerk.items("/v1/alerts/\(id)/deliveries").map { row in
                "<tr>\(HTML.rowHead("\(row.text("route"))"))<td>\(row.text("kind"))</td><td>\(Prose.state(row.text("state")))</td><td class=\"nowrap\">\(Prose.time(row.text("created_at"), seconds: true))</td></tr>"
            }
            return Shell.Content(title: alert.text("summary"), place: "alerts", trail: [("Alerts", "/alerts")], body: """
                <div class="stack"><div id="alert" data-live>\(card(alert, clerk, isAlone: true))</div><section class="panel"><h2>Who was told</h2>\
                \(HTML.table("Messages about this alert", ["Route", "Kind", "State", "When"], told, none: "Nobody: no rule names a route for it."))</section></div>
                """, live: isOperators(alert) ? "" : alert.text("tenant"))
        },
        Shell.action("/alerts/{alert}/orders") { clerk in try await order(clerk) },
    ]

    private static let states = [("unresolved", "Not resolved"), ("open", "Open"), ("acknowledged", "Acknowledged"), ("muted", "Muted"), ("resolved", "Resolved")]
    private static let severities = [("", "Any"), ("critical", "Critical"), ("warning", "Warning"), ("information", "Information")]

    private static func list(_ clerk: Clerk) async throws -> Shell.Content {
        let tenant = try InboxPage.chosen(clerk)
        let state = clerk.query("state").flatMap { asked in states.contains { $0.0 == asked } ? asked : nil } ?? "unresolved"
        let severity = clerk.query("severity").flatMap { asked in severities.contains { $0.0 == asked } ? asked : nil } ?? ""
        var path = "/v1/alerts?state=\(state)"
        if !severity.isEmpty { path += "&severity=\(severity)" }
        if let tenant { path += "&tenant=\(tenant)" }
        let rank = ["critical": 0, "warning": 1]
        let alerts = try await clerk.all(path, most: 400).sorted { a, b in
            let (x, y) = (rank[a.text("severity")] ?? 2, rank[b.text("severity")] ?? 2)
            return x == y ? a.text("last_at") > b.text("last_at") : x < y
        }
        let cards: [HTML] = alerts.map { card($0, clerk) }
        let none: HTML = cards.isEmpty ? "<div class=\"panel empty\"><p class=\"lead\">No alerts.</p></div>" : ""
        let name = try await InboxPage.tenantName(tenant, clerk)
        let hidden: HTML = tenant.map { "<input type=\"hidden\" name=\"tenant\" value=\"\($0)\">" } ?? ""
        return Shell.Content(title: "Alerts", place: "alerts", trail: tenant.map { [(name ?? "", "/tenants/\($0)")] } ?? [], body: """
            <div class="tools"><form method="get" action="/alerts" class="filters">\(hidden)<div><label for="state">State</label><select id="state" name="state">\
            \(Shell.options(states, chosen: state))</select></div><div><label for="severity">Severity</label><select id="severity" name="severity">\
            \(Shell.options(severities, chosen: severity))</select></div><button>Show</button></form>\
            <div class="search"><label for="q">Find</label><input id="q" type="search" data-filter="alerts" placeholder="Words or tenant" autocomplete="off"></div></div>
            <section id="alerts" class="stack" data-live aria-label="Alerts">\(cards)\(none)</section>
            """, live: tenant ?? "")
    }

    /// About no tenant: an app of the operator's, say.
    private static func isOperators(_ alert: JSON) -> Bool { alert.text("tenant") == AlertOwner.operator.id.description }

    private static func card(_ alert: JSON, _ clerk: Clerk, isAlone: Bool = false) -> HTML {
        let id = alert.text("id"), state = alert.text("state")
        let title: HTML = isAlone ? "" : "<h2><a href=\"/alerts/\(id)\">\(alert.text("summary"))</a></h2>"
        let whose: HTML = isOperators(alert) ? "the operator's own" : "<a href=\"/tenants/\(alert.text("tenant"))\">\(alert.text("tenant_slug"))</a>"
        var facts: [HTML] = [whose, "since \(Prose.time(alert.text("opened_at")))"]
        if alert.text("cause") == "reflection" { facts.append("<a href=\"\(ReflectionsPage.link(alert.text("tenant")))\">the way back</a>") }
        if alert.count("count") > 1 { facts.append("\(Prose.count(alert.count("count"))) of them") }
        if alert.has("acknowledged_by") { facts.append("acknowledged by \(alert.text("acknowledged_by"))") }
        if alert.has("muted_until") { facts.append("muted until \(Prose.time(alert.text("muted_until"))) by \(alert.text("muted_by"))") }
        if alert.has("note") { facts.append("“\(alert.text("note"))”") }
        if alert.has("resolved_at") { facts.append("resolved \(Prose.time(alert.text("resolved_at")))") }
        let line: [HTML] = facts.map { "<span>\($0)</span>" }
        return """
            <article class="panel alert" id="alert-\(id)" data-row="\(alert.text("summary").lowercased()) \(alert.text("tenant_slug")) \(alert.text("cause"))">\
            <div class="row">\(title)<span>\(Prose.chip(alert.text("severity"), Prose.tone(alert.text("severity")))) \(Prose.chip(state, state == "open" ? .quiet : Prose.tone(state)))</span></div>\
            <p><span class="strong">To do</span> \(alert.text("remedy"))</p><p class="places soft">\(line)</p>\(orders(alert, id, clerk))</article>
            """
    }

    private static func orders(_ alert: JSON, _ id: String, _ clerk: Clerk) -> HTML {
        let state = alert.text("state"), path = "/alerts/\(id)/orders"
        guard clerk.may(.write), state != "resolved" else { return "" }
        let seen: HTML = alert.has("acknowledged_at") ? "" : """
            <form method="post" action="\(path)"><div><label for="n-\(id)">Note</label><input id="n-\(id)" name="note" type="text" maxlength="500"></div>\
            <button name="order" value="acknowledge" class="primary">Acknowledge</button></form>
            """
        if state == "muted" { return "<div class=\"acts\">\(seen)\(Shell.button("Hear of it again", to: path, [("order", "unmute")]))</div>" }
        let spans = Shell.options([("1", "an hour"), ("8", "8 hours"), ("24", "a day"), ("168", "a week")], chosen: "8")
        return """
            <div class="acts">\(seen)<form method="post" action="\(path)"><div><label for="m-\(id)">Quiet for</label><select id="m-\(id)" name="hours">\(spans)</select></div>\
            <button name="order" value="mute">Mute</button></form></div>
            """
    }

    private static func order(_ clerk: Clerk) async throws -> Shell.Outcome {
        let id = try clerk.part("alert"), note = clerk.form("note"), path = "/v1/alerts/\(id)"
        switch clerk.form("order") {
        case "acknowledge": try await clerk.send(.post, "\(path)/acknowledge", note.isEmpty ? .object([]) : .object([("note", .string(note))]))
        case "mute":
            guard let hours = Int(clerk.form("hours")), (1 ... 2_160).contains(hours) else { throw Refusal.notFound() }
            try await clerk.send(.post, "\(path)/mute", .object([("until", .string((clerk.now + .seconds(hours * 3_600)).description))]))
        case "unmute": try await clerk.send(.post, "\(path)/unmute")
        default: throw Refusal.notFound()
        }
        return .go("/alerts#alert-\(id)")
    }
}
