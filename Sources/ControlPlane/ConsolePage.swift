internal import Books
internal import Crypto
internal import Kernel
internal import Wire

/// The console's pages: plain HTML that works without scripts, refreshed by the browser.
enum ConsolePage {
    static let css: StaticString = """
        :root{color-scheme:light dark;--ink:#1b1b1f;--paper:#fdfdfb;--line:#b9b9c0;--soft:#f0f0ec;--warn:#8a2b06}
        @media (prefers-color-scheme:dark){:root{--ink:#ececf0;--paper:#16161a;--line:#55555f;--soft:#232329;--warn:#ffb48f}}
        body{font:16px/1.45 system-ui,sans-serif;color:var(--ink);background:var(--paper);margin:0 auto;max-width:76rem;padding:1rem}
        header{display:flex;gap:1rem;align-items:baseline;flex-wrap:wrap}h1{font-size:1.3rem;margin:0;flex:1}
        table{border-collapse:collapse;width:100%;margin:1.2rem 0}caption{text-align:left;font-weight:600;padding:.3rem 0}
        th,td{border-bottom:1px solid var(--line);padding:.3rem .5rem;text-align:left;vertical-align:top}thead th{background:var(--soft)}
        td.n{text-align:right;font-variant-numeric:tabular-nums}.w{color:var(--warn);font-weight:600}
        label{display:block;margin:.6rem 0 .2rem}input{font:inherit;padding:.35rem;width:24rem;max-width:100%}button{font:inherit;padding:.3rem .9rem}
        """

    /// Only this one style sheet, no script, no frame, and forms that lead here.
    static let policy: String = {
        let hash = Base64.encode(Digest.sha256(Array(css.description.utf8)))
        return "default-src 'none'; style-src 'sha256-\(hash)'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    }()

    static func respond(_ status: Int, _ page: HTML, setCookie: String? = nil) -> HTTPResponse {
        // `same-origin`: with no referrer at all browsers would send forms with `Origin: null`.
        var fields: HTTPFields = [
            "Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": policy, "Referrer-Policy": "same-origin", "X-Frame-Options": "DENY",
        ]
        if let setCookie { fields["Set-Cookie"] = setCookie }
        return HTTPResponse(status, fields: fields, body: Array(page.text.utf8))
    }

    private static func head(_ page: inout HTML, refresh: Bool) {
        page.tag("<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Counterfoil</title>")
        page.tag("<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">")
        if refresh { page.tag("<meta http-equiv=\"refresh\" content=\"5\">") }
        page.tag("<style>")
        page.tag(css)
        page.tag("</style></head><body>")
    }

    static func login(_ message: String = "") -> HTML {
        var page = HTML()
        head(&page, refresh: false)
        page.tag("<main><h1>Counterfoil</h1><form method=\"post\" action=\"/session\"><label for=\"key\">API key</label>")
        page.tag("<input id=\"key\" name=\"key\" type=\"password\" autocomplete=\"current-password\" required autofocus")
        if !message.isEmpty { page.tag(" aria-describedby=\"why\" aria-invalid=\"true\"") }
        page.tag("> <button>Log in</button></form>")
        if !message.isEmpty {
            page.tag("<p id=\"why\" role=\"alert\" class=\"w\">")
            page.say(message)
            page.tag("</p>")
        }
        page.tag("</main></body></html>")
        return page
    }

    /// What the overview shows, as the reports give it.
    struct Overview: Sendable {
        var who: String
        var version: String
        var at: Timestamp
        var steps: [JSON] = []
        var causes: [JSON] = []
        /// The first of them; the API has all.
        var stopped: [JSON] = []
        var unexplained: [JSON] = []
        var alerts: [JSON] = []
    }

    static func overview(_ shown: Overview) -> HTML {
        var page = HTML()
        head(&page, refresh: true)
        page.tag("<header><h1>Counterfoil</h1><span>")
        page.say("\(shown.who) · \(shown.version) · \(Timestamp(seconds: shown.at.seconds))")
        page.tag("</span><form method=\"post\" action=\"/session/end\"><button>Log out</button></form></header><main>")
        tenants(&page, shown.steps)
        causes(&page, shown.causes)
        stopped(&page, shown.stopped)
        unexplained(&page, shown.unexplained)
        alerts(&page, shown.alerts)
        page.tag("</main></body></html>")
        return page
    }

    private static let steps = ["ingested", "normalized", "mapped", "cleared", "posted", "confirmed", "reconciled", "stopped"]

    private static func tenants(_ page: inout HTML, _ rows: [JSON]) {
        page.table("Today, step by step", ["Tenant", "State"] + steps.map { $0.prefix(1).uppercased() + $0.dropFirst() }) { page in
            for row in rows {
                page.tag("<tr><th scope=\"row\">")
                page.say(text(row, "name"))
                page.tag(" <small>")
                page.say(text(row, "slug"))
                page.tag("</small></th>")
                page.cell(text(row, "state"))
                for step in steps { page.number(row[step]?.int ?? 0) }
                page.tag("</tr>")
            }
            if rows.isEmpty { page.tag("<tr><td colspan=\"10\">No tenants yet.</td></tr>") }
        }
    }

    private static func causes(_ page: inout HTML, _ rows: [JSON]) {
        page.table("Stopped postings by cause", ["Check", "Postings", "Tenants", "Why", "Remedy"]) { page in
            for row in rows {
                page.tag("<tr><th scope=\"row\">")
                page.say(text(row, "check"))
                page.tag("</th>")
                page.number(row["count"]?.int ?? 0)
                page.number(row["tenants"]?.int ?? 0)
                page.cell(text(row, "why"))
                page.cell(text(row, "remedy"))
                page.tag("</tr>")
            }
            if rows.isEmpty { page.tag("<tr><td colspan=\"5\">Nothing is stopped.</td></tr>") }
        }
    }

    private static func stopped(_ page: inout HTML, _ rows: [JSON]) {
        page.table("Stopped postings, one by one", ["Tenant", "Ledger", "Document", "For", "Date", "Amount", "State", "Checks"]) { page in
            for row in rows {
                page.tag("<tr><th scope=\"row\">")
                page.say(text(row, "tenant_slug"))
                page.tag("</th>")
                page.cell(text(row, "ledger"))
                page.cell(text(row, "form").replacing("_", with: " ") + " " + text(row, "reference"))
                page.cell(text(row, "subject"))
                page.cell(text(row, "date"))
                page.figure(amount(row, "total_minor"))
                page.cell(text(row, "state"))
                page.cell((row["checks"]?.array ?? []).compactMap(\.string).joined(separator: ", "))
                page.tag("</tr>")
            }
            if rows.isEmpty { page.tag("<tr><td colspan=\"8\">Nothing is stopped.</td></tr>") }
        }
    }

    /// `1,234.50 EUR`, from the minor units of the currency beside them.
    private static func amount(_ row: JSON, _ member: String) -> String {
        let currency = text(row, "currency")
        guard let minor = row[member]?.int else { return "" }
        guard let known = Currency(currency) else { return "\(minor) \(currency) minor units" }
        return Money(minor: Int64(minor), known).description
    }

    private static func unexplained(_ page: inout HTML, _ rows: [JSON]) {
        page.table("Unexplained", ["Tenant", "Days", "Amount"]) { page in
            for row in rows {
                page.tag("<tr><th scope=\"row\">")
                page.say(text(row, "slug"))
                page.tag("</th>")
                page.number(row["days"]?.int ?? 0)
                page.figure(amount(row, "unexplained_minor"))
                page.tag("</tr>")
            }
            if rows.isEmpty { page.tag("<tr><td colspan=\"3\">Every proved day agrees to the cent.</td></tr>") }
        }
    }

    private static func alerts(_ page: inout HTML, _ rows: [JSON]) {
        page.table("Open alerts", ["Severity", "Tenant", "Cause", "Remedy", "Times", "Last"]) { page in
            for row in rows {
                // Messages lead here: `/#alert-…`.
                page.tag("<tr id=\"alert-")
                page.say(text(row, "id"))
                page.tag("\"><th scope=\"row\"")
                if row["severity"]?.string == "critical" { page.tag(" class=\"w\"") }
                page.tag(">")
                page.say(text(row, "severity"))
                page.tag("</th>")
                for member in ["tenant_slug", "summary", "remedy"] { page.cell(text(row, member)) }
                page.number(row["count"]?.int ?? 0)
                page.cell(Timestamp(rfc3339: text(row, "last_at")).map { Timestamp(seconds: $0.seconds).description } ?? "")
                page.tag("</tr>")
            }
            if rows.isEmpty { page.tag("<tr><td colspan=\"6\">No alerts.</td></tr>") }
        }
    }

    private static func text(_ row: JSON, _ member: String) -> String { row[member]?.string ?? "" }
}
