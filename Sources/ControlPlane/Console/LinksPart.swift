internal import ConnectorKit
internal import Kernel
internal import Wire

/// On a connection's page: links by which a client connects it in a browser. Each is shown once, and can be taken back while it may still lead somewhere.
enum LinksPart {
    static let endpoints = [
        Shell.action("/connections/{connection}/invite") { clerk in try await invite(clerk, try clerk.part("connection")) },
        Shell.action("/connections/{connection}/links/{consent}/end") { clerk in
            let id = try clerk.part("connection")
            try await clerk.send(.delete, "/v1/authorizations/\(try clerk.part("consent"))")
            return .go("/connections/\(id)?done=link")
        },
    ]

    /// Hours that a link may be good for, and how that is said.
    private static let spans: [(hours: Int, words: String)] = [(24, "a day"), (72, "three days"), (168, "a week"), (336, "two weeks")]

    private static func invite(_ clerk: Clerk, _ id: String) async throws -> Shell.Outcome {
        let hours = Int(clerk.form("hours")).flatMap { hours in spans.first { $0.hours == hours }?.hours } ?? ControlPlaneLimits.invitationHours
        let connection = try await clerk.get("/v1/connections/\(id)")
        let link = try await clerk.send(.post, "/v1/connections/\(id)/invitation", .object([("valid_hours", .number("\(hours)"))]))
        let platform = clerk.platform(connection.text("platform")), tenant = connection.text("tenant")
        return .show(Shell.Content(
            title: "A link for the client", place: "tenants", trail: [(try await clerk.tenant(tenant).text("name"), "/tenants/\(tenant)"), (connection.text("slug"), "/connections/\(id)")],
            body: """
                <section class="panel narrow"><p class="lead">Send this to whoever may say yes at \(platform). It is shown this once.</p>
                <label for="link">Link</label><input id="link" type="text" readonly value="\(link.text("url"))" autofocus>
                <p>It works once, in the browser that opens it first, until \(Prose.time(link.text("expires_at"))). Whoever has it can connect the account of \(platform) that they choose: what they chose is shown and compared before it counts.</p>
                <p><a class="button" href="/connections/\(id)">Back to the connection</a></p></section>
                """))
    }

    /// Nothing for a platform that is not connected in a browser.
    static func part(_ connection: JSON, _ id: String, _ clerk: Clerk) async throws -> HTML {
        guard clerk.desk.connectors[connection.text("platform")]?.spec.oauth?.consent != nil else { return "" }
        let open = try await clerk.items("/v1/connections/\(id)/authorizations?limit=\(Limits.pageRows)").filter { !$0.has("settled_at") }
        let lines: [HTML] = open.map { row in
            let isOwn = row.text("kind") == "direct"
            let end: HTML = clerk.may(.admin)
                ? "<td>\(Shell.button("Take back", to: "/connections/\(id)/links/\(row.text("id"))/end", kind: "small", asks: "Take back the link made at \(row.text("created_at"))"))</td>" : ""
            return """
                <tr>\(HTML.rowHead("\(isOwn ? "Whoever asked" : "The client")<small>\(row.text("created_by"))</small>"))<td class="nowrap">\(Prose.time(row.text("created_at")))</td>\
                <td class="nowrap">\(Prose.time(row.text("expires_at")))</td><td>\(steps[row.text("state")] ?? row.text("state"))</td>\(end)</tr>
                """
        }
        var heads: [HTML.Head] = ["For", "Made", "Works until", "So far"]
        if clerk.may(.admin) { heads.append("Action") }
        let make: HTML = !clerk.may(.admin) ? "" : """
            <form method="post" action="/connections/\(id)/invite" class="inline"><label for="hours">Good for</label> <select id="hours" name="hours">\(Shell.options(spans.map { ("\($0.hours)", $0.words) }, chosen: "72"))</select> \
            <button>Make a link for the client</button></form>
            """
        let done: HTML = clerk.query("done") == "link" ? Shell.note("The link leads nowhere any more.", .good) : ""
        return """
            <section class="panel"><h2>Links to connect it</h2>\(done)<div id="links" data-live>\(HTML.table("Links that may still lead somewhere", heads, lines, none: "None is open."))</div>\(make)</section>
            """
    }

    /// How far a link is, in words.
    private static let steps: [String: String] = [
        "open": "not used yet", "asked": "at the platform", "received": "agreed", "sent": "agreed", "granted": "agreed", "found": "asked whether it is the right account",
    ]
}
