internal import Kernel
internal import Store
internal import Wire

/// Everything that is stopped, grouped by what stops it: one line a cause, however many documents wait for it.
enum InboxPage {
    static let endpoint = Shell.page("/inbox") { clerk in
        let tenant = try chosen(clerk)
        let causes = try await clerk.get("/v1/report/causes\(tenant.map { "?tenant=\($0)" } ?? "")").list("causes")
        let name = try await tenantName(tenant, clerk), others = try await waiting(causes, tenant, clerk)
        return Shell.Content(
            title: name.map { "Inbox of \($0)" } ?? "Inbox", place: "inbox", trail: tenant.map { [(name ?? "", "/tenants/\($0)")] } ?? [],
            body: "\(tools(tenant, clerk))<section id=\"causes\" data-live data-pace=\"3\" aria-label=\"Causes\">\(groups(causes, tenant, clerk))\(others)</section>", live: tenant ?? "")
    }

    /// What waits for something that is stopped itself is no cause, and is counted.
    private static func waiting(_ causes: [JSON], _ tenant: String?, _ clerk: Clerk) async throws -> HTML {
        var sees = clerk.asker.sees
        sees.tenant = sees.tenant ?? tenant.flatMap { TenantID($0) }
        let stopped = try await clerk.desk.store.consoleCounts(sees).stopped
        let left = stopped - causes.filter { ["posting", "reflection"].contains($0.text("kind")) }.reduce(0) { $0 + $1.count("count") }
        return left > 0 ? "<p class=\"soft beside\">\(Prose.some(left, "more posting waits", "more postings wait")) for one of these and \(left == 1 ? "goes" : "go") on with it.</p>" : ""
    }

    /// The tenant in the address, or the only one that the key sees.
    static func chosen(_ clerk: Clerk) throws -> String? {
        if let own = clerk.asker.sees.tenant { return own.description }
        guard let text = clerk.query("tenant") else { return nil }
        guard Clerk.isID(text) else { throw Refusal.notFound() }
        return text
    }

    static func tenantName(_ tenant: String?, _ clerk: Clerk) async throws -> String? {
        guard let tenant else { return nil }
        return try await clerk.tenant(tenant).text("name")
    }

    static func link(_ cause: JSON, tenant: String?) -> String {
        var pairs: [(name: String, value: String)] = []
        if cause.text("kind") != "posting" { pairs.append((name: "kind", value: cause.text("kind"))) }
        if let tenant { pairs.append((name: "tenant", value: tenant)) }
        return "/inbox/\(Form.percent(cause.text("code")))\(pairs.isEmpty ? "" : "?")\(Form.encode(pairs))"
    }

    /// What is counted, where it is no posting.
    private static let kinds: [String: String] = ["event": "event", "case": "order", "reflection": "answer to a source"]

    /// Checks whose remedy is an account to choose.
    static let mappable: [String: String] = [
        "unmapped_code": "reason_code", "unknown_account": "role", "inactive_account": "role", "unmapped_tax_code": "tax_code",
    ]

    private static func tools(_ tenant: String?, _ clerk: Clerk) -> HTML {
        let back: HTML = tenant == nil || clerk.asker.sees.tenant != nil ? "" : "<p class=\"beside\"><a href=\"/inbox\">All tenants</a></p>"
        return """
            <div class="tools"><p class="soft">Mend the cause once: everything that waits for it goes on by itself.</p><div class="search"><label for="q">Find a cause</label>\
            <input id="q" type="search" placeholder="Cause or tenant" data-filter="causes" autocomplete="off"></div></div>\(back)
            """
    }

    /// One cause over its tenants.
    private static func groups(_ causes: [JSON], _ tenant: String?, _ clerk: Clerk) -> HTML {
        guard !causes.isEmpty else {
            return "<div class=\"panel empty\"><p class=\"lead\">Nothing is stopped.</p><p class=\"soft\">What needs somebody will stand here, grouped by its cause.</p></div>"
        }
        var order: [String] = []
        var found: [String: [JSON]] = [:]
        for cause in causes {
            let key = cause.text("kind") + "/" + cause.text("code")
            if found[key] == nil { order.append(key) }
            found[key, default: []].append(cause)
        }
        let counted = order.map { (key: $0, rows: found[$0] ?? []) }.sorted { total($0.rows) > total($1.rows) }
        let parts: [HTML] = counted.map { group($0.rows, tenant, clerk) }
        return "<ul class=\"causes\">\(parts)</ul>"
    }

    private static func total(_ rows: [JSON]) -> Int { rows.reduce(0) { $0 + $1.count("count") } }

    private static func group(_ rows: [JSON], _ tenant: String?, _ clerk: Clerk) -> HTML {
        guard let first = rows.first else { return "" }
        let code = first.text("code"), oldest = rows.map { $0.text("since") }.min() ?? ""
        let more = first.count("kinds") > 1 ? " and \(Prose.some(first.count("kinds") - 1, "other"))" : ""
        let places: [HTML] = rows.prefix(8).map { row in
            "<li><a href=\"\(link(row, tenant: row.text("tenant")))\">\(row.text("tenant_name"))</a> <span class=\"num soft\">\(Prose.count(row.count("count")))</span></li>"
        }
        let further: HTML = rows.count > 8 ? "<li class=\"soft\">and \(Prose.some(rows.count - 8, "more tenant"))</li>" : ""
        let what = kinds[first.text("kind")] ?? "posting"
        let label = mappable[code] == nil ? "Look at \(total(rows) == 1 ? "it" : "them")" : "Fix this mapping"
        let kind: HTML = mappable[code] == nil ? "button" : "button primary"
        return """
            <li class="panel cause" data-row="\(code) \(Prose.plain(code)) \(rows.map { $0.text("tenant_name").lowercased() }.joined(separator: " "))">
            <div class="count"><span class="num big">\(Prose.count(total(rows)))</span><span class="soft small">\(total(rows) == 1 ? what : what == "answer to a source" ? "answers to a source" : what + "s")</span></div>
            <div class="what"><h2><a href="\(link(first, tenant: rows.count == 1 ? first.text("tenant") : tenant))">\(Prose.title(code))</a></h2>
            <p>\(first.text("why"))\(more)</p><p class="soft"><span class="strong">To do</span> \(first.text("remedy"))</p><ul class="places">\(places)\(further)</ul></div>
            <div class="act"><a class="\(kind)" href="\(link(first, tenant: rows.count == 1 ? first.text("tenant") : tenant))">\(label)</a>
            <span class="soft small">oldest \(Prose.ago(oldest, now: clerk.now))</span></div></li>
            """
    }
}
