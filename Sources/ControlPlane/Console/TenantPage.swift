internal import Kernel
internal import Store
internal import Wire

/// One business: how far its day has got, how its days went, and what it is connected to.
enum TenantPage {
    static let endpoints = [
        Shell.page("/tenants/{tenant}") { clerk in try await content(clerk, try clerk.part("tenant")) },
        Shell.action("/tenants/{tenant}/pull") { clerk in
            let tenant = try clerk.part("tenant"), flow = clerk.form("flow")
            guard Clerk.isID(flow) else { throw Refusal.notFound() }
            try await clerk.send(.post, "/v1/flows/\(flow)/pull")
            return .go("/tenants/\(tenant)?done=pull")
        },
    ]

    static func content(_ clerk: Clerk, _ id: String) async throws -> Shell.Content {
        async let tenant = clerk.tenant(id)
        async let steps = clerk.get("/v1/tenants/\(id)/steps")
        async let days = clerk.get("/v1/tenants/\(id)/days?count=28")
        async let causes = clerk.get("/v1/report/causes?tenant=\(id)")
        async let alerts = clerk.items("/v1/alerts?tenant=\(id)&state=unresolved&limit=20")
        async let connections = clerk.items("/v1/tenants/\(id)/connections?limit=200")
        async let flows = clerk.items("/v1/tenants/\(id)/flows?limit=200")
        async let trail = clerk.items("/v1/tenants/\(id)/audit?limit=12")
        let (shown, links, ways) = (try await tenant, try await connections, try await flows)
        let name = shown.text("name")
        let proofs = try await proofs(clerk, id, ways)
        let left: HTML = "\(Self.days(try await days))\(proofs)"
        let lists: HTML = "\(stopped(try await causes, id))\(alertList(try await alerts, clerk))\(connectionList(links, clerk))"
        let more: HTML = "\(flowList(ways, links, id, clerk))\(history(try await trail, clerk))"
        let top = stepper(try await steps)
        let done: HTML = clerk.query("done") == "pull" ? Shell.note("Asked: what is new at the source comes in now.", .good) : ""
        return Shell.Content(
            title: name, place: "tenants", trail: clerk.asker.sees.tenant == nil ? [("Tenants", "/")] : [], beside: beside(shown, id),
            body: "\(done)\(top)<div class=\"columns\"><div>\(left)</div><div>\(lists)\(more)</div></div>", live: id)
    }

    private static func beside(_ tenant: JSON, _ id: String) -> HTML {
        let state: HTML = tenant.text("state") == "active" ? "" : Prose.state(tenant.text("state"))
        return """
            \(state)<nav class="tabs" aria-label="Of this tenant"><ul><li><a href="/inbox?tenant=\(id)">Inbox</a></li><li><a href="/tenants/\(id)/documents">Documents</a></li>\
            <li><a href="/tenants/\(id)/rules">Rules</a></li><li><a href="\(ReflectionsPage.link(id))">Way back</a></li><li><a href="/alerts?tenant=\(id)">Alerts</a></li></ul></nav>
            """
    }

    static let steps: [(key: String, name: String, what: String)] = [
        ("ingested", "Ingested", "events that came in"), ("normalized", "Normalized", "events that were read"), ("mapped", "Mapped", "postings with their accounts"),
        ("cleared", "Cleared", "postings that passed every check"), ("posted", "Posted", "postings that the ledger took"),
        ("confirmed", "Confirmed", "postings read back to the cent"), ("reconciled", "Reconciled", "postings of days that agree on both sides"),
    ]

    private static func stepper(_ row: JSON) -> HTML {
        let parts: [HTML] = steps.map { step in
            "<li title=\"\(step.what)\"><span class=\"step\">\(step.name)</span><span class=\"num big\">\(Prose.count(row.count(step.key)))</span></li>"
        }
        let stopped = row.count("stopped")
        let last: HTML = stopped == 0 ? "" : "<p class=\"message warn\">\(Prose.some(stopped, "posting")) of today \(stopped == 1 ? "is" : "are") stopped and wait for somebody.</p>"
        return "<section id=\"steps\" data-live><h2>Today, step by step</h2><ol class=\"steps\">\(parts)</ol>\(last)</section>"
    }

    private static func days(_ json: JSON) -> HTML {
        let rows = json.list("days")
        let series = [("confirmed", "good"), ("moving", "going"), ("stopped", "warn")].map { name, kind in
            Charts.Series(name: name == "moving" ? "under way" : name, kind: kind, values: rows.map { $0.count(name) })
        }
        return "<section id=\"days\" data-live class=\"panel\"><h2 class=\"sr\">Four weeks</h2>\(Charts.bars("Postings by ledger day", rows.map { $0.text("day") }, series))</section>"
    }

    /// Both sides, day by day, of every flow; and everything that is unexplained, however old and in whichever account.
    private static func proofs(_ clerk: Clerk, _ id: String, _ flows: [JSON]) async throws -> HTML {
        var lines: [HTML] = [], strange: [HTML] = []
        var shown: Set<String> = []
        for flow in flows.prefix(shownFlows) {
            let name = flows.count > 1 ? flow.text("slug") : nil
            for proof in try await clerk.items("/v1/flows/\(flow.text("id"))/proofs?of=day&limit=14") {
                lines.append(ProofsPage.row(proof, flow: name))
                shown.insert("\(flow.text("id")) \(proof.text("day")) \(proof.text("currency"))")
            }
        }
        for flow in flows {
            for proof in try await clerk.items("/v1/flows/\(flow.text("id"))/proofs?unexplained=true&limit=50")
            where !proof.text("account").isEmpty || !shown.contains("\(flow.text("id")) \(proof.text("day")) \(proof.text("currency"))") {
                strange.append(ProofsPage.row(proof, flow: flows.count > 1 ? flow.text("slug") : nil))
            }
        }
        let more: HTML = strange.isEmpty ? "" : """
            <h3 class="beside">Unexplained in accounts and on older days</h3>\(HTML.table("Unexplained in accounts and on older days", ProofsPage.heads, strange))
            """
        let all: HTML = flows.isEmpty ? "" : "<p class=\"beside\"><a href=\"/tenants/\(id)/proofs\">All days and accounts</a></p>"
        return """
            <section id="proofs" data-live class="panel"><h2>Both sides</h2><p class="soft small">Each day's source is what stands in the books and what is open by name. Anything else is unexplained.</p>\
            \(HTML.table("Proof by day", ProofsPage.heads, lines, none: "No day was proved yet."))\(more)\(all)</section>
            """
    }

    /// Flows whose days stand on the page itself.
    private static let shownFlows = 6

    private static func stopped(_ json: JSON, _ id: String) -> HTML {
        let causes = json.list("causes")
        let parts: [HTML] = causes.prefix(8).map { cause in
            """
            <li><a href="\(InboxPage.link(cause, tenant: id))"><span class="num strong">\(Prose.count(cause.count("count")))</span> \(Prose.title(cause.text("code")))</a>\
            <p class="soft small">\(cause.text("why"))</p></li>
            """
        }
        let body: HTML = causes.isEmpty ? "<p class=\"soft\">Nothing is stopped.</p>" : "<ul class=\"list\">\(parts)</ul>"
        return "<section id=\"stopped\" data-live class=\"panel\"><h2>Stopped</h2>\(body)</section>"
    }

    private static func alertList(_ alerts: [JSON], _ clerk: Clerk) -> HTML {
        let parts: [HTML] = alerts.map { alert in
            """
            <li>\(Prose.state(alert.text("severity"))) <a href="/alerts/\(alert.text("id"))">\(alert.text("summary"))</a> <span class="soft small">\(Prose.ago(alert.text("last_at"), now: clerk.now))</span></li>
            """
        }
        let body: HTML = alerts.isEmpty ? "<p class=\"soft\">No alerts.</p>" : "<ul class=\"list\">\(parts)</ul>"
        return "<section id=\"alerts\" data-live class=\"panel\"><h2>Alerts</h2>\(body)</section>"
    }

    private static func connectionList(_ connections: [JSON], _ clerk: Clerk) -> HTML {
        let parts: [HTML] = connections.map { c in
            """
            <li class="row"><span><a href="/connections/\(c.text("id"))">\(c.text("slug"))</a> <span class="soft">\(clerk.platform(c.text("platform")))</span></span>\(Prose.state(c.text("state")))</li>
            """
        }
        let body: HTML = connections.isEmpty ? "<p class=\"soft\">None yet.</p>" : "<ul class=\"list\">\(parts)</ul>"
        return "<section id=\"connections\" data-live class=\"panel\"><h2>Connections</h2>\(body)</section>"
    }

    private static func flowList(_ flows: [JSON], _ connections: [JSON], _ id: String, _ clerk: Clerk) -> HTML {
        func name(_ connection: String) -> String { connections.first { $0.text("id") == connection }?.text("slug") ?? "?" }
        let parts: [HTML] = flows.map { flow in
            let pull: HTML = clerk.may(.write)
                ? Shell.button("Pull now", to: "/tenants/\(id)/pull", [("flow", flow.text("id"))], kind: "small", asks: "Pull \(flow.text("slug")) now") : ""
            return """
                <li class="row"><span>\(flow.text("slug")) <span class="soft">\(name(flow.text("source"))) → \(name(flow.text("ledger")))</span></span>\
                <span>\(Prose.state(flow.text("state"))) \(pull)</span></li>
                """
        }
        return "<section class=\"panel\"><h2>Flows</h2><ul class=\"list\">\(parts)</ul></section>"
    }

    static func history(_ rows: [JSON], _ clerk: Clerk, title: String = "Last changes") -> HTML {
        let parts: [HTML] = rows.map { row in
            """
            <li><span class="num soft">\(Prose.time(row.text("at"), seconds: true))</span> \(subject(row.text("subject"))) \
            <span>\(row.text("action").split(separator: ".").last.map { Prose.plain(String($0)) } ?? "")</span> <span class="soft">by \(row.text("actor"))</span></li>
            """
        }
        return "<section id=\"history\" data-live class=\"panel\"><h2>\(title)</h2><ol class=\"list trailing\">\(parts)</ol></section>"
    }

    /// A posting's key leads to its page.
    private static func subject(_ text: String) -> HTML {
        let words = text.split(separator: " ")
        guard words.count == 2, words[0] == "posting", Clerk.isID(String(words[1])) else { return "\(String(words.first ?? ""))" }
        return "<a href=\"/postings/\(String(words[1]))\">posting \(String(words[1]))</a>"
    }
}
