internal import Kernel
internal import Wire

/// Both sides, day by day and clearing account by clearing account, as far back as they were proved.
enum ProofsPage {
    static let endpoint = Shell.page("/tenants/{tenant}/proofs") { clerk in
        let id = try clerk.part("tenant"), tenant = try await clerk.tenant(id)
        let flows = try await clerk.all("/v1/tenants/\(id)/flows")
        let chosen = clerk.query("flow").flatMap { asked in flows.first { $0.text("id") == asked } } ?? flows.first
        var body: HTML = "<p class=\"soft\">Nothing to prove: there is no flow.</p>"
        if let chosen { body = try await page(clerk, id, flows, chosen) }
        return Shell.Content(title: "Both sides", place: "tenants", trail: [(tenant.text("name"), "/tenants/\(id)")], body: body)
    }

    private static func page(_ clerk: Clerk, _ id: String, _ flows: [JSON], _ chosen: JSON) async throws -> HTML {
        let only = clerk.query("unexplained") == "true", flow = chosen.text("id")
        let after = clerk.query("after").map { "&cursor=\(Form.percent($0))" } ?? ""
        let answer = try await clerk.get("/v1/flows/\(flow)/proofs?limit=100\(only ? "&unexplained=true" : "")\(after)")
        let rows: [HTML] = answer.list("items").map { row($0, flow: nil) }
        let pills: [HTML] = flows.map { one in
            let here: HTML = one.text("id") == flow ? " aria-current=\"page\"" : ""
            return "<li><a href=\"\(link(id, one.text("id"), only))\"\(here)>\(one.text("slug"))</a></li>"
        }
        let kinds: [HTML] = [(false, "All"), (true, "Unexplained only")].map { value, text in
            let here: HTML = value == only ? " aria-current=\"page\"" : ""
            return "<li><a href=\"\(link(id, flow, value))\"\(here)>\(text)</a></li>"
        }
        let older: HTML = answer["next"]?.string.map { "<p class=\"beside\"><a class=\"button\" href=\"\(link(id, flow, only, after: $0))\">Older days</a></p>" } ?? ""
        let none = only ? "Every day and every account is explained." : "No day was proved yet."
        return """
            <div class="tools"><nav aria-label="Flows"><ul class="pills">\(pills)</ul></nav><nav aria-label="Which"><ul class="pills">\(kinds)</ul></nav></div>\
            <section class="panel">\(HTML.table("Proofs", heads, rows, none: none))</section>\(older)
            """
    }

    static func link(_ tenant: String, _ flow: String, _ unexplained: Bool, after: String? = nil) -> String {
        var pairs = [(name: "flow", value: flow)]
        if unexplained { pairs.append((name: "unexplained", value: "true")) }
        if let after { pairs.append((name: "after", value: after)) }
        return "/tenants/\(tenant)/proofs?\(Form.encode(pairs))"
    }

    static let heads: [HTML.Head] = ["Day", .number("Source"), .number("In the books"), .number("Open by name"), .number("Unexplained")]

    /// - Parameter flow: its name, where there are several.
    static func row(_ proof: JSON, flow: String?) -> HTML {
        let off = proof.count("unexplained_minor")
        let verdict: HTML = off == 0 ? Prose.chip("agrees", .good) : "<span class=\"bad-text\">\(Prose.amount(proof, "unexplained_minor"))</span>"
        let account = proof.text("account")
        let beside = [flow, account.isEmpty ? nil : account].compactMap { $0 }.joined(separator: " · ")
        return """
            <tr>\(HTML.rowHead("\(Prose.day(proof.text("day"))) <small>\(Prose.breakable(beside))</small>"))\(HTML.figure(Prose.amount(proof, "source_minor")))\
            \(HTML.figure(Prose.amount(proof, "posted_minor")))\(HTML.figure(Prose.amount(proof, "open_minor")))<td class="n">\(verdict)</td></tr>
            """
    }
}
