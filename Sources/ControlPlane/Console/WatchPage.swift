internal import Kernel
internal import Wire

/// Some postings on their way into the ledger, step by step as it happens.
enum WatchPage {
    private static let most = 20

    /// - Parameter fixed: since when a new mapping is in force: what is still held from before waits to be planned anew.
    static func link(_ tenant: String, _ keys: [String], fixed: Timestamp? = nil) -> String {
        let since = fixed.map { "&fixed=\($0.seconds)" } ?? ""
        return "/tenants/\(tenant)/watch?\(keys.prefix(most).map { "posting=\($0)" }.joined(separator: "&"))\(keys.count > most ? "&of=\(keys.count)" : "")\(since)"
    }

    static let endpoint = Shell.page("/tenants/{tenant}/watch") { clerk in
        let id = try clerk.part("tenant")
        let keys = clerk.visit.request.query.filter { $0.name == "posting" && Clerk.isID($0.value) }.map(\.value).prefix(most)
        let fixed = clerk.query("fixed").flatMap { Int64($0) }
        var rows: [JSON] = []
        for key in keys { rows.append(waiting(try await clerk.get("/v1/postings/\(key)"), since: fixed, clerk.now)) }
        let name = try await clerk.tenant(id).text("name")
        let lead: HTML = fixed != nil ? Shell.note("The mapping is in force. What waited for it is planned anew and goes on by itself.", .good) : ""
        let more: HTML = clerk.query("of").flatMap { Int($0) }.map { "<p class=\"soft\">The first \(rows.count) of \($0) are shown.</p>" } ?? ""
        return Shell.Content(
            title: "On the way into the ledger", place: "inbox", trail: [(name, "/tenants/\(id)"), ("Inbox", "/inbox?tenant=\(id)")],
            body: "\(lead)\(more)<section id=\"watch\" data-live data-pace=\"0\" aria-label=\"Postings\">\(verdict(rows))\(rows.map(card))</section>", live: id)
    }

    /// A posting that is still as it was when the mapping changed is not stopped any more, but waits to be planned: for two minutes, then it is told as it stands.
    private static func waiting(_ row: JSON, since: Int64?, _ now: Timestamp) -> JSON {
        guard let since, since > now.seconds - 120, row.text("state") == "held", let at = Timestamp(rfc3339: row.text("updated_at")), at.seconds < since else { return row }
        return row.setting("state", "planned_anew")
    }

    private static let steps = [("mapped", "Mapped"), ("cleared", "Cleared"), ("posting", "Sent"), ("posted", "Posted"), ("confirmed", "Confirmed")]
    private static let last = ["confirmed", "reconciled", "voided", "superseded", "skipped"]
    private static let stopped = ["held", "rejected", "unknown", "manual"]

    private static func verdict(_ rows: [JSON]) -> HTML {
        let done = rows.filter { last.contains($0.text("state")) }.count, stuck = rows.filter { stopped.contains($0.text("state")) }.count
        let text = done == rows.count && !rows.isEmpty
            ? (rows.count == 1 ? "It is in the ledger, read back to the cent." : "All \(rows.count) are in the ledger, read back to the cent.")
            : stuck > 0 ? "\(Prose.count(done)) of \(Prose.count(rows.count)) confirmed, \(Prose.count(stuck)) stopped." : "\(Prose.count(done)) of \(Prose.count(rows.count)) confirmed."
        return "<p class=\"lead\" id=\"verdict\" role=\"status\">\(text)</p>"
    }

    private static func card(_ row: JSON) -> HTML {
        let state = row.text("state"), isStopped = stopped.contains(state)
        let reached = last.contains(state) ? steps.count - 1 : steps.firstIndex { $0.0 == state } ?? -1
        let parts: [HTML] = steps.enumerated().map { n, step in
            let kind: HTML = n < reached || (n == reached && reached == steps.count - 1) ? "done" : n == reached ? "now" : "next"
            let here: HTML = n == reached ? " aria-current=\"step\"" : ""
            return "<li class=\"\(kind)\"\(here)><span>\(step.1)</span></li>"
        }
        let why: [HTML] = isStopped ? row.list("findings").map { "<p class=\"message warn\">\($0.text("why")). \($0.text("remedy"))</p>" } : []
        let remote: HTML = row.has("remote_id") ? "<span class=\"soft\">number <span class=\"num\">\(row.text("remote_id"))</span> in the ledger</span>" : ""
        return """
            <article class="panel flight" data-state="\(state)"><div class="row"><h2><a href="/postings/\(row.text("post_key"))">\(Prose.title(row.text("form"))) \(row.text("reference"))</a></h2>\
            <span class="num strong">\(Prose.amount(row, "total_minor"))</span></div><ol class="track">\(parts)</ol><p class="row">\(Prose.state(state)) \(remote)</p>\(why)</article>
            """
    }
}
