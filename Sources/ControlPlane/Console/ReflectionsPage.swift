internal import Kernel
internal import Wire

/// The way back: what sources were told of their documents, what is on its way to them, and what a person is asked, with both sides.
enum ReflectionsPage {
    static let endpoints = [
        Shell.page("/tenants/{tenant}/reflections") { clerk in try await content(clerk, try clerk.part("tenant")) },
        Shell.action("/tenants/{tenant}/reflections/{reflection}/orders") { clerk in
            let tenant = try clerk.part("tenant"), order = clerk.form("order"), source = clerk.form("connection")
            guard ["tell", "dismiss"].contains(order), source.isEmpty || Clerk.isID(source) else { throw Refusal.notFound() }
            try await clerk.send(.post, "/v1/reflections/\(try clerk.part("reflection"))/\(order)")
            return .go(link(tenant, [(name: "connection", value: source), (name: "done", value: order)]))
        },
    ]

    /// With those of its parameters that say something.
    static func link(_ tenant: String, _ pairs: [(name: String, value: String)] = []) -> String {
        let said = pairs.filter { !$0.value.isEmpty }
        return "/tenants/\(tenant)/reflections\(said.isEmpty ? "" : "?")\(Form.encode(said))"
    }

    /// The state's name in the API, its word on the page, and what it means.
    private static let states: [(name: String, word: String)] = [
        ("held", "held"), ("refused", "refused"), ("due", "to be told"), ("sent", "on its way"), ("told", "told"), ("kept", "in its list"), ("dismissed", "not told"),
        ("superseded", "replaced"), ("none", "no place there"),
    ]
    /// Questions that stand on one page.
    private static let asked = 25

    /// `Credit note order 1042`.
    private static func name(_ says: JSON) -> String { "\(Prose.title(says.text("form"))) \(says.text("reference"))" }

    private static func chip(_ state: String) -> HTML { Prose.chip(states.first { $0.name == state }?.word ?? state, Prose.tone(state)) }

    private static func content(_ clerk: Clerk, _ tenant: String) async throws -> Shell.Content {
        let state = clerk.query("state").flatMap { wanted in states.contains { $0.name == wanted } ? wanted : nil } ?? ""
        let source = clerk.query("connection") ?? ""
        guard source.isEmpty || Clerk.isID(source) else { throw Refusal.notFound() }
        let path = "/v1/tenants/\(tenant)/reflections", scope = source.isEmpty ? "" : "&connection=\(source)"
        async let owner = clerk.tenant(tenant)
        async let connections = clerk.items("/v1/tenants/\(tenant)/connections?limit=200")
        async let held = clerk.get("\(path)?state=held&limit=\(asked)\(scope)")
        async let refused = clerk.get("\(path)?state=refused&limit=\(asked)\(scope)")
        let after = clerk.query("cursor").map { "&cursor=\(Form.percent($0))" } ?? ""
        let page = try await clerk.get("\(path)?limit=50\(scope)\(state.isEmpty ? "" : "&state=\(state)")\(after)")
        let names = try await connections, open = [try await held, try await refused]
        let place = Place(tenant: tenant, source: source, connections: names)
        let left = open.contains { $0["next"]?.string != nil }
        let questions: HTML = after.isEmpty ? Self.questions(open.flatMap { $0.list("items") }, place, clerk, isPart: left) : ""
        return Shell.Content(
            title: source.isEmpty ? "The way back" : "The way back to \(place.name(source))", place: "tenants", trail: [(try await owner.text("name"), "/tenants/\(tenant)")],
            body: "\(said(clerk))\(questions)\(list(page, place, state, clerk))", live: tenant)
    }

    /// Whose page it is, and what its connections are called.
    private struct Place {
        var tenant: String
        /// Empty: all sources.
        var source: String
        var connections: [JSON]

        func name(_ connection: String) -> String { connections.first { $0.text("id") == connection }?.text("slug") ?? "the source" }
    }

    private static func said(_ clerk: Clerk) -> HTML {
        switch clerk.query("done") {
        case "tell": Shell.note("The source is told now.", .good)
        case "dismiss": Shell.note("The source is not told. The ledger stays as it is.", .good)
        default: ""
        }
    }

    // MARK: What a person is asked

    private static func questions(_ rows: [JSON], _ place: Place, _ clerk: Clerk, isPart: Bool) -> HTML {
        let cards: [HTML] = rows.map { card($0, place, clerk) }
        let none: HTML = rows.isEmpty ? "<p class=\"soft\">Nothing waits for a decision.</p>" : ""
        let more: HTML = isPart ? "<p class=\"soft\">The newest are shown; the others follow when these are decided.</p>" : ""
        return "<section id=\"asked\" data-live class=\"panel\"><h2>Waits for a decision</h2>\(none)<div class=\"stack\">\(cards)</div>\(more)</section>"
    }

    /// Those of one cause, for its page in the inbox.
    static func ofCause(_ clerk: Clerk, _ tenant: String, code: String, title: String) async throws -> HTML {
        async let connections = clerk.items("/v1/tenants/\(tenant)/connections?limit=200")
        let page = try await clerk.get("/v1/tenants/\(tenant)/reflections?code=\(Form.percent(code))&limit=\(asked)")
        let place = Place(tenant: tenant, source: "", connections: try await connections)
        let cards: [HTML] = page.list("items").map { card($0, place, clerk) }
        let more: HTML = page["next"]?.string == nil ? "" : "<p class=\"soft\">The newest are shown; the others follow when these are decided.</p>"
        return """
            <section id="asked-\(tenant)" data-live class="panel"><h2>\(title)</h2><div class="stack">\(cards)</div>\(more)\
            <p class="beside"><a href="\(link(tenant))">All of the way back</a></p></section>
            """
    }

    private static func card(_ row: JSON, _ place: Place, _ clerk: Clerk) -> HTML {
        let says = row["says"] ?? .object([]), id = row.text("id"), currency = says.text("currency")
        let name = name(says), source = place.name(row.text("connection"))
        var facts: [(String, HTML)] = [
            ("\(says.text("ledger")) has", "<span class=\"num strong\">\(Prose.amount("\(says.text("total")) \(currency)"))</span> <span class=\"soft\">\(Prose.plain(says.text("state")))</span>"),
            ("\(source) has", "<span class=\"num strong\">\(Prose.amount(row["planned_minor"]?.int ?? 0, currency))</span>"),
        ]
        if says.has("paid") { facts.append(("Paid in \(says.text("ledger"))", "<span class=\"num strong\">\(Prose.amount("\(says.text("paid")) \(currency)"))</span>")) }
        facts.append(("Since", Prose.time(row.text("created_at"))))
        let finding: HTML = row["finding"].flatMap { $0.isNull ? nil : why($0.text("why"), $0.text("remedy"), .warn) } ?? ""
        let fault: HTML = row["fault"].flatMap { $0.isNull ? nil : why($0.text("summary"), $0.text("remedy"), .bad) } ?? ""
        return """
            <article class="panel alert" id="reflection-\(id)" data-state="\(row.text("state"))"><div class="row"><h3><a href="/postings/\(row.text("posting"))">\(name)</a></h3>\
            \(chip(row.text("state")))</div>\(finding)\(fault)\(Shell.facts(facts))\(orders(id, name, source, place, clerk))</article>
            """
    }

    private static func why(_ what: String, _ remedy: String, _ tone: Prose.Tone) -> HTML {
        "<p class=\"message \(tone.rawValue)\">\(what).\("<br><span class=\"strong\">To do</span> \(remedy)" as HTML, if: !remedy.isEmpty)</p>"
    }

    private static func orders(_ id: String, _ name: String, _ source: String, _ place: Place, _ clerk: Clerk) -> HTML {
        guard clerk.may(.write) else { return "" }
        let path = "/tenants/\(place.tenant)/reflections/\(id)/orders"
        func button(_ text: String, _ order: String, _ kind: String) -> HTML {
            Shell.button(text, to: path, [("order", order), ("connection", place.source)], kind: kind, asks: "\(text): \(name)")
        }
        return "<div class=\"acts\">\(button("Tell \(source)", "tell", "primary"))\(button("Do not tell", "dismiss", ""))</div>"
    }

    // MARK: All of it

    private static func list(_ page: JSON, _ place: Place, _ state: String, _ clerk: Clerk) -> HTML {
        let lines: [HTML] = page.list("items").map { row in
            let says = row["says"] ?? .object([]), currency = says.text("currency")
            let paid: HTML = says.has("paid") ? "<small>paid there \(Prose.amount("\(says.text("paid")) \(currency)"))</small>" : ""
            let whose: HTML = place.source.isEmpty ? "<td>\(place.name(row.text("connection")))</td>" : ""
            return """
                <tr>\(HTML.rowHead("<a href=\"/postings/\(row.text("posting"))\">\(name(says))</a>"))\(whose)<td>\(Prose.plain(says.text("state")))\(paid)</td>\
                \(HTML.figure(Prose.amount("\(says.text("total")) \(currency)")))<td>\(chip(row.text("state")))</td><td class="nowrap">\(Prose.time(row.text("created_at")))</td>\
                <td class="nowrap">\(row.has("settled_at") ? Prose.time(row.text("settled_at")) : "")</td></tr>
                """
        }
        var heads: [HTML.Head] = ["Document"]
        if place.source.isEmpty { heads.append("Source") }
        heads += ["In the ledger", .number("Total"), "Told", "Seen", "Settled"]
        let pairs: [(name: String, value: String)] = [(name: "connection", value: place.source), (name: "state", value: state)]
        let next: HTML = page["next"]?.string.map { cursor in
            "<p class=\"beside\"><a class=\"button\" href=\"\(link(place.tenant, pairs + [(name: "cursor", value: cursor)]))\">Next page</a></p>"
        } ?? ""
        let options = Shell.options([("", "Any")] + states.map { ($0.name, Prose.title($0.word)) }, chosen: state)
        let hidden: HTML = place.source.isEmpty ? "" : "<input type=\"hidden\" name=\"connection\" value=\"\(place.source)\">"
        let all: HTML = place.source.isEmpty ? "" : "<p class=\"beside\"><a href=\"\(link(place.tenant))\">All sources</a></p>"
        return """
            <form method="get" action="/tenants/\(place.tenant)/reflections" class="filters panel">\(hidden)<div><label for="state">Told</label><select id="state" name="state">\(options)</select></div>\
            <button>Show</button></form>
            <section id="told" data-live class="panel"><h2>What the ledger has, newest first</h2>\
            \(HTML.table("What sources are told", heads, lines, none: "Nothing: no flow tells its source, or nothing fits."))\(next)\(all)</section>
            """
    }
}
