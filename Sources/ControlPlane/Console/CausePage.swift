internal import Kernel
internal import Store
internal import Wire

/// One cause: what waits for it, all of which can be released or tried again at once, and, where a mapping is missing, the mapping to choose.
enum CausePage {
    static let endpoints = [
        Shell.page("/inbox/{code}") { clerk in try await content(clerk, try code(clerk)) },
        Shell.action("/inbox/{code}/orders") { clerk in try await order(clerk) },
        Shell.action("/inbox/{code}/events") { clerk in try await readAgain(clerk) },
        Shell.action("/tenants/{tenant}/mapping") { clerk in try await map(clerk) },
    ]

    /// A check's name or a fault's code.
    private static func code(_ clerk: Clerk) throws -> String {
        guard let text = clerk.visit.parameters["code"], isCode(text) else { throw Refusal.notFound() }
        return text
    }

    private static func isCode(_ text: String) -> Bool {
        (1 ... 64).contains(text.utf8.count) && text.utf8.allSatisfy { ($0 >= 97 && $0 <= 122) || ($0 >= 48 && $0 <= 57) || $0 == 95 }
    }

    static func content(_ clerk: Clerk, _ code: String, _ chosen: MappingFix? = nil) async throws -> Shell.Content {
        let tenant = try chosen?.tenant ?? InboxPage.chosen(clerk)
        let scope = tenant.map { "&tenant=\($0)" } ?? ""
        let causes = try await clerk.get("/v1/report/causes?\(scope.dropFirst())").list("causes").filter { $0.text("code") == code }
        let kind = clerk.query("kind") ?? "posting"
        let name = try await InboxPage.tenantName(tenant, clerk)
        var body: HTML = said(clerk)
        if let first = causes.first {
            body += "<div class=\"panel why\"><p class=\"lead\">\(first.text("why"))</p><p class=\"soft\"><span class=\"strong\">To do</span> \(first.text("remedy"))</p></div>"
        }
        switch kind {
        case "event": body += try await events(clerk, code, causes.filter { $0.text("kind") == kind })
        case "case": body += try await cases(clerk, code, causes.filter { $0.text("kind") == kind })
        case "reflection": body += try await reflections(clerk, code, causes.filter { $0.text("kind") == kind })
        default:
            if let gap = InboxPage.mappable[code] { body += try await fixes(clerk, code, gap, causes, chosen) }
            let after = clerk.query("after").map { "&cursor=\(Form.percent($0))" } ?? ""
            let held = try await clerk.get("/v1/report/held?check=\(code)\(scope)&limit=\(Limits.pageRows)\(after)")
            body += postings(held.list("items"), code, tenant, clerk, isPart: !after.isEmpty)
            if let next = held["next"]?.string, !next.isEmpty {
                body += "<p class=\"beside\"><a class=\"button\" href=\"/inbox/\(code)?\(scope.isEmpty ? "" : "\(scope.dropFirst())&")after=\(Form.percent(next))\">The next \(Prose.count(Limits.pageRows))</a></p>"
            }
        }
        return Shell.Content(
            title: Prose.title(code), place: "inbox", trail: [("Inbox", "/inbox")] + (tenant.map { [(name ?? "", "/inbox?tenant=\($0)")] } ?? []), body: body, live: tenant ?? "")
    }

    private static func said(_ clerk: Clerk) -> HTML {
        guard let done = clerk.query("done").flatMap({ Int($0) }), (0 ... 10_000).contains(done) else { return "" }
        let left = clerk.query("left").flatMap { Int($0) } ?? 0
        return Shell.note("\(Prose.some(done, "one is", "are")) on the way.\(left > 0 ? " \(Prose.count(left)) had gone on meanwhile or can't be ordered so." : "")", left > 0 ? .warn : .good)
    }

    // MARK: Postings

    private static func postings(_ rows: [JSON], _ code: String, _ tenant: String?, _ clerk: Clerk, isPart: Bool) -> HTML {
        let may = clerk.may(.write)
        let lines: [HTML] = rows.map { row in
            let key = row.text("post_key")
            let name = "\(Prose.plain(row.text("form"))) \(row.text("reference"))"
            let box: HTML = may ? "<td><input type=\"checkbox\" name=\"posting\" value=\"\(key)\" aria-label=\"\(name)\"></td>" : ""
            let whose: HTML = tenant == nil ? "<td><a href=\"/tenants/\(row.text("tenant"))\">\(row.text("tenant_slug"))</a></td>" : ""
            let why = row.list("findings").first { $0.text("check") == code }?.text("why") ?? row["fault"]?["summary"]?.string ?? ""
            return """
                <tr>\(box)\(HTML.rowHead("<a href=\"/postings/\(key)\">\(Prose.title(name))</a>"))\(whose)<td>\(row.text("subject"))</td><td class="nowrap">\(Prose.day(row.text("date")))</td>\
                \(HTML.figure(Prose.amount(row, "total_minor")))<td>\(Prose.state(row.text("state")))</td><td class="wide">\(why)</td></tr>
                """
        }
        var heads: [HTML.Head] = ["Document"]
        if may { heads.insert("Choose", at: 0) }
        if tenant == nil { heads.append("Tenant") }
        heads += ["For", "Date", .number("Amount"), "State", "Why"]
        let table = HTML.table("Postings stopped by \(Prose.plain(code))", heads, lines, none: "None any more.")
        let count: HTML = isPart ? "\(Prose.count(rows.count)) more" : rows.count == Limits.pageRows ? "the first \(Prose.count(rows.count))" : "\(Prose.count(rows.count))"
        guard may, !rows.isEmpty else { return "<section id=\"postings\" data-live class=\"panel\"><h2>Postings</h2>\(table)</section>" }
        let scope: HTML = tenant.map { "<input type=\"hidden\" name=\"tenant\" value=\"\($0)\">" } ?? ""
        return """
            <section id="postings" data-live class="panel"><h2>Postings <span class="soft">\(count)</span></h2>\
            <form method="post" action="/inbox/\(code)/orders">\(scope)<div class="bulk" role="group" aria-label="With the chosen postings">\
            <label class="check"><input type="checkbox" data-all="posting"> All of them</label>\
            <button name="order" value="release" class="primary">Release</button><button name="order" value="retry">Try again</button>\
            <span class="soft small">Release: planned and checked anew. Try again: what was refused or is unknown is looked at once more.</span></div>\(table)</form></section>
            """
    }

    private static func order(_ clerk: Clerk) async throws -> Shell.Outcome {
        let code = try code(clerk), order = clerk.form("order"), tenant = clerk.form("tenant")
        let keys = clerk.forms("posting").filter(Clerk.isID)
        guard ["release", "retry"].contains(order), tenant.isEmpty || Clerk.isID(tenant) else { throw Refusal.notFound() }
        guard !keys.isEmpty else {
            throw Refusal(422, "invalid_request", "No posting was chosen.", remedy: "Go back, tick those that are meant, and try again.", field: "posting")
        }
        var done: [String] = []
        var left = 0
        for key in keys.prefix(Limits.pageRows) {
            do {
                try await clerk.send(.post, "/v1/postings/\(key)/\(order)")
                done.append(key)
            } catch {
                let refusal = Refusal(error)
                // Somebody else was first, or it is in a state for the other order: the rest goes on.
                guard refusal.status == 409 || refusal.status == 404 else { throw error }
                left += 1
            }
        }
        if !tenant.isEmpty, !done.isEmpty, left == 0 { return .go(WatchPage.link(tenant, done)) }
        return .go("/inbox/\(code)?done=\(done.count)&left=\(left)\(tenant.isEmpty ? "" : "&tenant=\(tenant)")")
    }

    // MARK: Events and orders that could not be read or planned

    private static func events(_ clerk: Clerk, _ code: String, _ causes: [JSON]) async throws -> HTML {
        let (lines, more) = try await rows(clerk, code, "event", causes, "events?state=held") { cause, event in
            let again: HTML = clerk.may(.write) ? Shell.button(
                "Read again", to: "/inbox/\(code)/events", [("tenant", cause.text("tenant")), ("event", "\(event.count("id"))")], kind: "small") : ""
            return """
                <tr>\(HTML.rowHead("\(event.text("topic")) <small>\(event.text("delivery"))</small>"))<td>\(cause.text("tenant_name"))</td>\
                <td class="nowrap">\(Prose.time(event.text("received_at")))</td><td>\(event["fault"]?["summary"]?.string ?? "")</td><td>\(again)</td></tr>
                """
        }
        return "<section class=\"panel\"><h2>Events</h2>\(HTML.table("Events that can't be read", ["Event", "Tenant", "Received", "Why", "Action"], lines, none: "None any more."))\(more)</section>"
    }

    /// The rows of a cause: of one tenant page by page, of several the first of each and where the others are.
    private static func rows(
        _ clerk: Clerk, _ code: String, _ kind: String, _ causes: [JSON], _ list: String, _ line: (JSON, JSON) -> HTML
    ) async throws -> (lines: [HTML], more: HTML) {
        var lines: [HTML] = [], more: HTML = ""
        let isAlone = causes.count == 1, most = isAlone ? Limits.pageRows : 20
        let after = isAlone ? clerk.query("after").map { "&cursor=\(Form.percent($0))" } ?? "" : ""
        for cause in causes.prefix(50) {
            let tenant = cause.text("tenant")
            let answer = try await clerk.get("/v1/tenants/\(tenant)/\(list)&code=\(Form.percent(code))&limit=\(most)\(after)")
            for row in answer.list("items") { lines.append(line(cause, row)) }
            guard let next = answer["next"]?.string, !next.isEmpty else { continue }
            let own = InboxPage.link(cause, tenant: tenant)
            more += isAlone
                ? "<p class=\"beside\"><a class=\"button\" href=\"\(own)&after=\(Form.percent(next))\">The next \(Prose.count(Limits.pageRows))</a></p>"
                : "<p class=\"beside\"><a href=\"\(own)\">All \(Prose.count(cause.count("count"))) of \(cause.text("tenant_name"))</a></p>"
        }
        return (lines, more)
    }

    private static func readAgain(_ clerk: Clerk) async throws -> Shell.Outcome {
        let code = try code(clerk), tenant = clerk.form("tenant")
        guard Clerk.isID(tenant), let event = Int64(clerk.form("event")) else { throw Refusal.notFound() }
        try await clerk.send(.post, "/v1/tenants/\(tenant)/events/\(event)/retry")
        return .go("/inbox/\(code)?kind=event&tenant=\(tenant)&done=1")
    }

    private static func cases(_ clerk: Clerk, _ code: String, _ causes: [JSON]) async throws -> HTML {
        let (lines, more) = try await rows(clerk, code, "case", causes, "documents?state=held") { cause, document in
            """
            <tr>\(HTML.rowHead("<a href=\"/documents/\(document.text("id"))\">\(Prose.title(document.text("kind"))) \(document.text("source_id"))</a>"))\
            <td>\(cause.text("tenant_name"))</td><td class="nowrap">\(Prose.time(document.text("happened_at")))</td><td>\(document["fault"]?["summary"]?.string ?? "")</td></tr>
            """
        }
        return "<section class=\"panel\"><h2>Documents</h2>\(HTML.table("Documents that can't be planned", ["Document", "Tenant", "Happened", "Why"], lines, none: "None any more."))\(more)</section>"
    }

    // MARK: What a source is told once somebody has decided

    private static func reflections(_ clerk: Clerk, _ code: String, _ causes: [JSON]) async throws -> HTML {
        var out: HTML = ""
        for cause in causes.prefix(20) {
            out += try await ReflectionsPage.ofCause(clerk, cause.text("tenant"), code: code, title: causes.count > 1 ? cause.text("tenant_name") : "Waits for a decision")
        }
        return causes.isEmpty ? "<section id=\"asked\" data-live class=\"panel\"><p class=\"soft\">Nothing waits for a decision any more.</p></section>" : out
    }

    // MARK: A mapping chosen in place

    private static func fixes(_ clerk: Clerk, _ code: String, _ kind: String, _ causes: [JSON], _ chosen: MappingFix?) async throws -> HTML {
        var out: HTML = ""
        for cause in causes.prefix(10) {
            let tenant = cause.text("tenant")
            let open = try await clerk.get("/v1/tenants/\(tenant)/unmapped")
            for gap in open.list("items") where gap.text("kind") == kind {
                let fix = MappingFix(tenant: tenant, code: code, gap, open)
                out += try await fix.panel(clerk, name: causes.count > 1 ? cause.text("tenant_name") : nil, chosen.flatMap { $0.anchor == fix.anchor ? $0 : nil })
            }
        }
        return out
    }

    private static func map(_ clerk: Clerk) async throws -> Shell.Outcome {
        let tenant = try clerk.part("tenant")
        let fix = try MappingFix(tenant: tenant, form: clerk)
        guard isCode(fix.code) else { throw Refusal.notFound() }
        let applies = clerk.form("do") == "apply"
        guard applies, clerk.form("seen") == fix.seal else {
            var shown = fix
            shown.isAnew = applies
            shown.effect = try await fix.rehearse(clerk)
            return .show(try await content(clerk, fix.code, shown))
        }
        let since = clerk.now, freed = try await fix.apply(clerk)
        return .go(freed.isEmpty ? "/inbox/\(fix.code)?tenant=\(tenant)" : WatchPage.link(tenant, freed, fixed: since))
    }
}
