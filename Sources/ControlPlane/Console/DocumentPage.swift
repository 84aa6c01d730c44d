internal import Kernel
internal import Wire

/// One document: what the source says, what stands in the books, and why each figure is what it is.
enum DocumentPage {
    static let endpoints = [
        Shell.page("/documents/{document}") { clerk in try await document(clerk, try clerk.part("document")) },
        Shell.page("/postings/{posting}") { clerk in try await posting(clerk, try clerk.part("posting")) },
        Shell.page("/tenants/{tenant}/documents") { clerk in try await list(clerk, try clerk.part("tenant")) },
        Shell.action("/postings/{posting}/orders") { clerk in
            let key = try clerk.part("posting"), order = clerk.form("order")
            guard ["hold", "release", "retry", "accept"].contains(order) else { throw Refusal.notFound() }
            let reason = clerk.form("reason")
            try await clerk.send(.post, "/v1/postings/\(key)/\(order)", reason.isEmpty || order != "hold" ? .object([]) : .object([("reason", .string(reason))]))
            return .go("/postings/\(key)")
        },
    ]

    // MARK: All of a tenant

    private static let states = ["held", "rejected", "unknown", "manual", "in_progress", "confirmed", "voided", "superseded", "skipped"]

    private static func list(_ clerk: Clerk, _ tenant: String) async throws -> Shell.Content {
        let state = clerk.query("state").flatMap { states.contains($0) ? $0 : nil }, wanted = clerk.query("case")
        var pairs: [(name: String, value: String)] = [(name: "limit", value: "50")]
        if let state { pairs.append((name: "state", value: state)) }
        if let wanted { pairs.append((name: "case", value: wanted)) }
        if let cursor = clerk.query("cursor") { pairs.append((name: "cursor", value: cursor)) }
        let page = try await clerk.get("/v1/tenants/\(tenant)/documents?\(Form.encode(pairs))")
        let name = try await clerk.tenant(tenant).text("name")
        let lines: [HTML] = page.list("items").map { row in
            """
            <tr>\(HTML.rowHead("<a href=\"/documents/\(row.text("id"))\">\(Prose.title(row.text("kind"))) \(row.text("source_id"))</a>"))<td>\(row.text("case"))</td>\
            <td class="nowrap">\(Prose.time(row.text("happened_at")))</td><td>\(Prose.state(row.text("state")))</td></tr>
            """
        }
        let next: HTML = page["next"]?.string.map { cursor in
            let more = pairs.filter { $0.name != "cursor" && $0.name != "limit" } + [(name: "cursor", value: cursor)]
            return "<p><a class=\"button\" href=\"/tenants/\(tenant)/documents?\(Form.encode(more))\">Next page</a></p>"
        } ?? ""
        let options = Shell.options([("", "Any state")] + states.map { ($0, Prose.title($0)) }, chosen: state ?? "")
        return Shell.Content(title: "Documents", place: "tenants", trail: [(name, "/tenants/\(tenant)")], body: """
            <form method="get" action="/tenants/\(tenant)/documents" class="filters panel"><div><label for="state">State</label><select id="state" name="state">\(options)</select></div>\
            <div><label for="case">Order</label><input id="case" name="case" value="\(wanted ?? "")" placeholder="The source's id" maxlength="100"></div><button>Show</button></form>
            <section id="documents" data-live class="panel">\(HTML.table("Documents", ["Document", "Order", "Happened", "State"], lines, none: "No document fits."))\(next)</section>
            """, live: tenant)
    }

    // MARK: A document

    private static func document(_ clerk: Clerk, _ id: String) async throws -> Shell.Content {
        let document = try await clerk.get("/v1/documents/\(id)")
        let tenant = document.text("tenant"), postings = document.list("postings")
        var explained: [JSON] = []
        for posting in postings.prefix(12) { explained.append(try await clerk.get("/v1/postings/\(posting.text("post_key"))/explain")) }
        let name = try await clerk.tenant(tenant).text("name")
        let fault: HTML = document.member("fault").map { Shell.note("\($0.text("summary")). \($0.text("remedy"))", .warn) } ?? ""
        let cards: [HTML] = explained.map { books($0) }
        let none: HTML = cards.isEmpty ? "<section class=\"panel\"><h2>In the books</h2><p class=\"soft\">No posting stands for it: it waits to be planned, or calls for nothing.</p></section>" : ""
        return Shell.Content(
            title: "\(Prose.title(document.text("kind"))) \(document.text("source_id"))", place: "tenants",
            trail: [(name, "/tenants/\(tenant)"), ("Documents", "/tenants/\(tenant)/documents")], beside: Prose.state(document.text("state")),
            body: "\(fault)<div class=\"sides\" id=\"sides\" data-live><div class=\"stack\">\(source(document))\(timeline(document, explained))</div><div class=\"stack\">\(cards)\(none)</div></div>", live: tenant)
    }

    private static func source(_ document: JSON) -> HTML {
        let body = document["body"] ?? .object([])
        let plain = (body.object ?? []).filter { $0.value.array == nil && $0.value.object == nil }.map { member in
            (Prose.title(member.key), "\(shown(member.value))" as HTML)
        }
        let tables: [HTML] = (body.object ?? []).compactMap { member in
            guard let rows = member.value.array, !rows.isEmpty else { return nil }
            return "<h3>\(Prose.title(member.key))</h3>\(part(member.key, rows))"
        }
        let facts = [("Order", "<a href=\"/tenants/\(document.text("tenant"))/documents?\(Form.encode([(name: "case", value: document.text("case"))]))\">\(document.text("case"))</a>" as HTML),
            ("Happened", Prose.time(document.text("happened_at"), seconds: true)), ("Version", "\(document.count("version"))" as HTML)]
        return "<section class=\"panel\"><h2>What the source says</h2><div class=\"stack\">\(Shell.facts(facts + plain))\(tables)</div></section>"
    }

    /// Members of a list as columns; a list within is written in words.
    private static func part(_ name: String, _ rows: [JSON]) -> HTML {
        var columns: [String] = []
        for row in rows { for member in row.object ?? [] where !columns.contains(member.key) && member.key != "id" { columns.append(member.key) } }
        guard !columns.isEmpty else { return "<p>\(rows.map(shown).joined(separator: ", "))</p>" }
        // What it is before how much.
        let shown = Array((columns.filter { !isFigure($0) } + columns.filter(isFigure)).prefix(8))
        let heads = shown.map { column in HTML.Head(Prose.title(column), isNumber: isFigure(column)) }
        let lines: [HTML] = rows.prefix(100).map { row in
            let cells: [HTML] = shown.map { column in
                let text = row[column].map(Self.shown) ?? ""
                if isFigure(column) { return HTML.figure(text) }
                return Timestamp(rfc3339: text) == nil ? HTML.cell(text) : "<td class=\"nowrap\">\(Prose.time(text))</td>"
            }
            return "<tr>\(cells)</tr>"
        }
        return HTML.table(Prose.title(name), heads, lines)
    }

    private static func isFigure(_ column: String) -> Bool { ["quantity", "gross", "discount", "net", "amount", "tax", "total", "rate", "value"].contains(column) }

    private static func shown(_ value: JSON) -> String {
        switch value {
        case .null: "–"
        case .bool(let flag): flag ? "yes" : "no"
        case .number(let digits): digits
        case .string(let text): text.last.map { $0.isLetter } == true && text.contains(" ") && text.first.map { $0.isNumber || $0 == "-" } == true ? Prose.amount(text) : text
        case .array(let all): all.map(shown).joined(separator: "; ")
        case .object(let members): members.filter { $0.key != "id" }.map { shown($0.value) }.filter { !$0.isEmpty }.joined(separator: " ")
        }
    }

    /// Everything that happened to the document and its postings, oldest first.
    private static func timeline(_ document: JSON, _ postings: [JSON]) -> HTML {
        var events: [(at: String, text: HTML)] = [(document.text("created_at"), "received as version \(document.count("version"))")]
        for posting in postings {
            // Its reference only where its kind does not tell it from the others.
            let isOnly = postings.filter { $0.text("form") == posting.text("form") }.count == 1
            let name = Prose.plain(posting.text("form")) + (isOnly ? "" : " \(posting.text("reference"))")
            for row in posting.list("history") {
                events.append((row.text("at"), "\(name): \(row.text("action").split(separator: ".").last.map { Prose.plain(String($0)) } ?? "") <span class=\"soft\">by \(row.text("actor"))</span>"))
            }
            for intent in posting.list("intents") {
                let end: HTML = intent.has("settled_at") ? "<span class=\"soft\">outcome known \(Prose.time(intent.text("settled_at"), seconds: true))</span>" : ""
                events.append((intent.text("written_at"), "\(name): sent to \(intent.text("action")) it, \(Prose.plain(intent.text("state"))) \(end)"))
            }
        }
        let parts: [HTML] = events.sorted { $0.at < $1.at }.suffix(80).map { "<li><span class=\"soft\">\(Prose.time($0.at, seconds: true))</span><span>\($0.text)</span></li>" }
        return "<section class=\"panel\"><h2>What happened</h2><ol class=\"timeline\">\(parts)</ol></section>"
    }

    // MARK: A posting

    /// - Parameter isAlone: it stands on its own page, which is named after it already.
    private static func books(_ posting: JSON, isAlone: Bool = false) -> HTML {
        let name: HTML = "\(Prose.title(posting.text("form"))) \(posting.text("reference"))"
        let heading: HTML = isAlone ? "<h2>In the books, line by line</h2>" : "<h2><a href=\"/postings/\(posting.text("post_key"))\">\(name)</a></h2>"
        let remote: HTML = posting.has("remote_id") ? "<span class=\"soft\">number \(posting.text("remote_id")) in the ledger</span>" : "<span class=\"soft\">not in the ledger</span>"
        let findings: [HTML] = posting.list("findings").map { "<p class=\"message warn\">\($0.text("why")). \($0.text("remedy"))</p>" }
        let fault: HTML = posting.member("fault").map { "<p class=\"message bad\">\($0.text("summary")). \($0.text("remedy"))</p>" } ?? ""
        return """
            <section class="panel"><div class="row">\(heading)\
            <span class="num strong">\(Prose.amount(posting, "total_minor"))</span></div><p class="row">\(Prose.state(posting.text("state"))) \(remote)</p>\(findings)\(fault)\(lines(posting.list("lines")))</section>
            """
    }

    /// Each figure with its account, the rule that put it there and what it comes from.
    private static func lines(_ all: [JSON], _ caption: String = "Lines and why they are so") -> HTML {
        let rows: [HTML] = all.map { line in
            let account = line["account"]
            let place: HTML = account?.isNull == false
                ? "<span class=\"num\">\(account?.text("code") ?? "")</span> \(account?.text("name") ?? "")" : "<span class=\"bad-text\">no account</span>"
            let from = line.list("derived_from").compactMap(\.string).joined(separator: ", ")
            let more = [line.text("text"), line.text("sku"), line.has("reason_code") ? "reason \(line.text("reason_code"))" : "", line.text("ledger_tax_code").isEmpty ? line.text("tax_code") : line.text("ledger_tax_code")]
                .filter { !$0.isEmpty }.joined(separator: " · ")
            let rule: HTML = line.has("rule") ? "<small>by \(line.text("rule"))</small>" : ""
            let tax: HTML = line.has("tax_rule") ? "<small>tax by \(line.text("tax_rule"))</small>" : ""
            return """
                <tr>\(HTML.rowHead("\(Prose.breakable(line.text("role")))<small>\(more)</small>"))<td>\(place)\(rule)\(tax)</td>\(HTML.figure(Prose.amount(line.text("amount"))))\
                <td class="soft small">\(Prose.breakable(from))</td></tr>
                """
        }
        return "<div class=\"explain\">\(HTML.table(caption, ["What", "Account", .number("Amount"), "Comes from"], rows))</div>"
    }

    private static func posting(_ clerk: Clerk, _ key: String) async throws -> Shell.Content {
        let posting = try await clerk.get("/v1/postings/\(key)/explain")
        let tenant = posting.text("tenant"), name = try await clerk.tenant(tenant).text("name")
        let documents: [HTML] = try await clerk.items("/v1/postings/\(key)/documents").map {
            "<li><a href=\"/documents/\($0.text("id"))\">\(Prose.title($0.text("kind"))) \($0.text("source_id"))</a> <span class=\"soft\">\(Prose.time($0.text("happened_at")))</span></li>"
        }
        let facts = Shell.facts([
            ("Document date", "\(Prose.day(posting.text("date")))"), ("For", "\(posting.text("subject"))"), ("Party", "\(posting.text("party"))"), ("Revision", "\(posting.count("revision"))"),
            ("Our key", "<code>\(key)</code>"), ("In the ledger", posting.has("remote_id") ? "<span class=\"num\">\(posting.text("remote_id"))</span>" : "not yet"),
            ("Confirmed", Prose.time(posting.text("confirmed_at"), seconds: true)),
        ])
        let sent: HTML = posting.list("sent_lines").isEmpty ? "" : """
            <section class="panel"><h2>What the ledger has until the change is through</h2>\(lines(posting.list("sent_lines"), "Lines in the ledger"))</section>
            """
        return Shell.Content(
            title: "\(Prose.title(posting.text("form"))) \(posting.text("reference"))", place: "tenants",
            trail: [(name, "/tenants/\(tenant)"), ("Documents", "/tenants/\(tenant)/documents")], beside: "\(Prose.state(posting.text("state")))<span class=\"num big\">\(Prose.amount(posting, "total_minor"))</span>",
            body: """
                <div class="columns" id="posting" data-live><div>\(books(posting, isAlone: true))\(sent)</div><div>\(orders(posting, key, clerk))<section class="panel"><h2>Facts</h2>\(facts)</section>\
                <section class="panel"><h2>Comes from</h2><ul class="list">\(documents)</ul></section>\(timeline(posting))</div></div>
                """,
            live: tenant)
    }

    private static func timeline(_ posting: JSON) -> HTML {
        var events: [(at: String, text: HTML)] = posting.list("history").map {
            ($0.text("at"), "\($0.text("action").split(separator: ".").last.map { Prose.plain(String($0)) } ?? "") <span class=\"soft\">by \($0.text("actor"))</span>")
        }
        events += posting.list("intents").map { ($0.text("written_at"), "sent to \($0.text("action")) it: \(Prose.plain($0.text("state")))") }
        let parts: [HTML] = events.sorted { $0.at < $1.at }.map { "<li><span class=\"soft\">\(Prose.time($0.at, seconds: true))</span><span>\($0.text)</span></li>" }
        return "<section class=\"panel\"><h2>What happened</h2><ol class=\"timeline\">\(parts)</ol></section>"
    }

    /// What a person may do with it in its state.
    private static func orders(_ posting: JSON, _ key: String, _ clerk: Clerk) -> HTML {
        guard clerk.may(.write) else { return "" }
        let state = posting.text("state"), path = "/postings/\(key)/orders"
        var buttons: [HTML] = []
        let differs = posting["fault"]?["code"]?.string == "differs" && ["invoice", "credit_note", "bill"].contains(posting.text("form"))
        if state == "manual", differs { buttons.append(Shell.button("Accept what the ledger shows", to: path, [("order", "accept")])) }
        if ["held", "rejected", "manual"].contains(state) || posting.has("accepted") { buttons.append(Shell.button("Release", to: path, [("order", "release")], kind: "primary")) }
        if ["rejected", "unknown"].contains(state) || state == "manual" && posting.has("remote_id") { buttons.append(Shell.button("Try again", to: path, [("order", "retry")])) }
        if ["mapped", "cleared", "held", "rejected"].contains(state) {
            buttons.append("""
                <form method="post" action="\(path)"><input type="hidden" name="order" value="hold"><div><label for="reason">Hold it because</label>\
                <input id="reason" name="reason" type="text" maxlength="500"></div><button>Hold</button></form>
                """)
        }
        return buttons.isEmpty ? "" : "<section class=\"panel\"><h2>What to do with it</h2><div class=\"acts\">\(buttons)</div></section>"
    }
}
