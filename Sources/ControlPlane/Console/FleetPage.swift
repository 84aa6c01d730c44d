internal import Kernel
internal import Store
internal import Wire

/// Every tenant on one page: what needs somebody comes first.
enum FleetPage {
    static let endpoint = Shell.page("/") { clerk in
        // A key of one tenant has nothing to choose from.
        if let tenant = clerk.asker.sees.tenant { return try await TenantPage.content(clerk, tenant.description) }
        let rows = try await clerk.get("/v1/report/fleet").list("tenants").map { Row($0, now: clerk.now) }
        let asked = Asked(clerk)
        return Shell.Content(title: "Tenants", place: "tenants", body: "\(figures(rows))\(tools(asked, rows))\(table(asked.chosen(rows), asked, clerk))", live: "")
    }

    /// How a tenant does, worst first.
    enum Health: String, Sendable, CaseIterable {
        case trouble, attention, ok

        var word: String { self == .ok ? "All well" : Prose.title(rawValue) }
    }

    struct Row: Sendable {
        let json: JSON
        /// Seconds that the oldest work waits.
        let lag: Int
        let stopped: Int
        let health: Health

        init(_ json: JSON, now: Timestamp) {
            self.json = json
            lag = Timestamp(rfc3339: json.text("waiting_since")).map { Int(max(0, now.seconds - $0.seconds)) } ?? 0
            stopped = ["held", "rejected", "unknown", "manual", "reflections"].reduce(0) { $0 + json.count($1) }
            if json.count("critical") > 0 || json.count("connections_down") > 0 || json.count("unknown") > 0 || !json.list("unexplained").isEmpty {
                health = .trouble
            } else {
                health = stopped > 0 || json.count("warnings") > 0 || lag > 900 || json.count("quota_permille") >= 900 ? .attention : .ok
            }
        }
    }

    /// Filter, search and order, as the address says.
    struct Asked: Sendable {
        var health: Health?
        var words: String
        var sort: String
        var isDown: Bool

        static let orders = ["name", "lag", "stopped", "unexplained", "quota"]

        init(_ clerk: Clerk) {
            health = clerk.query("health").flatMap { Health(rawValue: $0) }
            words = String((clerk.query("q") ?? "").prefix(100))
            sort = clerk.query("sort").flatMap { Asked.orders.contains($0) ? $0 : nil } ?? ""
            isDown = clerk.query("order") == "down"
        }

        func chosen(_ rows: [Row]) -> [Row] {
            let needle = words.lowercased()
            let kept = rows.filter { row in
                (health == nil || row.health == health)
                    && (needle.isEmpty || ["name", "slug", "consultancy"].contains { row.json.text($0).lowercased().contains(needle) })
            }
            func figure(_ row: Row) -> Int {
                switch sort {
                case "lag": row.lag
                case "stopped": row.stopped
                case "unexplained": row.json.list("unexplained").reduce(0) { $0 + $1.count("minor") }
                case "quota": row.json.count("quota_permille")
                // What needs somebody first.
                default: row.health == .trouble ? 2 : row.health == .attention ? 1 : 0
                }
            }
            if sort == "name" { return kept.sorted { ($0.json.text("name").lowercased() < $1.json.text("name").lowercased()) != isDown } }
            let falls = sort.isEmpty || isDown
            return kept.enumerated().sorted { a, b in
                let (x, y) = (figure(a.element), figure(b.element))
                return x == y ? a.offset < b.offset : (x > y) == falls
            }.map(\.element)
        }

        /// The same page in another order.
        func head(_ text: String, _ key: String, isNumber: Bool = true) -> HTML.Head {
            let isHere = sort == key
            // Figures are wanted largest first.
            let down = isHere ? !isDown : key != "name"
            var pairs = [(name: "sort", value: key), (name: "order", value: down ? "down" : "up")]
            if let health { pairs.append((name: "health", value: health.rawValue)) }
            if !words.isEmpty { pairs.append((name: "q", value: words)) }
            return HTML.Head(text, isNumber: isNumber, link: "/?\(Form.encode(pairs))", order: isHere ? (isDown ? "descending" : "ascending") : nil)
        }
    }

    private static func figures(_ rows: [Row]) -> HTML {
        func sum(_ part: (Row) -> Int) -> Int { rows.reduce(0) { $0 + part($1) } }
        let lag = rows.map(\.lag).max() ?? 0, unexplained = rows.filter { !$0.json.list("unexplained").isEmpty }.count
        return """
            <section id="figures" data-live aria-label="At a glance"><dl class="figures">\(figure("Tenants", Prose.count(rows.count)))\
            \(figure("Need attention", Prose.count(rows.filter { $0.health != .ok }.count), rows.contains { $0.health == .trouble } ? .bad : .warn, "/?health=attention"))\
            \(figure("Stopped postings", Prose.count(sum(\.stopped)), .warn, "/inbox"))\
            \(figure("With unexplained days", Prose.count(unexplained), .bad))\(figure("Longest wait", lag == 0 ? "none" : Prose.span(lag)))</dl></section>
            """
    }

    static func figure(_ name: String, _ value: String, _ tone: Prose.Tone = .quiet, _ link: String? = nil) -> HTML {
        let kind = value == "0" ? "quiet" : tone.rawValue
        let shown: HTML = link.map { "<a href=\"\($0)\">\(value)</a>" } ?? "\(value)"
        return "<div class=\"\(kind)\"><dt>\(name)</dt><dd>\(shown)</dd></div>"
    }

    private static func tools(_ asked: Asked, _ rows: [Row]) -> HTML {
        let all: [Health?] = [nil, .trouble, .attention, .ok]
        let choices: [HTML] = all.map { health in
            let count = health.map { wanted in rows.filter { $0.health == wanted }.count } ?? rows.count
            let here: HTML = health == asked.health ? " aria-current=\"true\"" : ""
            return "<li><a href=\"/\(health.map { "?health=\($0.rawValue)" } ?? "")\"\(here)>\(health?.word ?? "All") <span class=\"soft\">\(Prose.count(count))</span></a></li>"
        }
        let kept: HTML = asked.health.map { "<input type=\"hidden\" name=\"health\" value=\"\($0.rawValue)\">" } ?? ""
        return """
            <div class="tools"><nav aria-label="By health"><ul class="pills">\(choices)</ul></nav><form method="get" action="/" role="search" class="search">\(kept)\
            <label for="q">Find a tenant</label><input id="q" name="q" type="search" value="\(asked.words)" placeholder="Name" data-filter="fleet" autocomplete="off"></form></div>
            """
    }

    private static func table(_ rows: [Row], _ asked: Asked, _ clerk: Clerk) -> HTML {
        let heads: [HTML.Head] = [
            asked.head("Tenant", "name", isNumber: false), "Health", "Ledgers", asked.head("Waits", "lag"), asked.head("Stopped", "stopped"),
            asked.head("Unexplained", "unexplained"), asked.head("Quota used", "quota", isNumber: false), "Fourteen days", .number("Last event"),
        ]
        let lines: [HTML] = rows.map { line($0, clerk) }
        return "<section id=\"fleet\" data-live data-pace=\"4\">\(HTML.table("Tenants and how they do", heads, lines, none: "No tenant fits."))</section>"
    }

    private static func line(_ row: Row, _ clerk: Clerk) -> HTML {
        let json = row.json, id = json.text("tenant")
        let unexplained: [HTML] = json.list("unexplained").map { "<span class=\"bad-text\">\(Prose.amount($0, "minor"))</span>" }
        let permille = json.count("quota_permille")
        let quota: HTML = json.has("quota_permille") ? "\(Charts.meter(permille, "\(permille / 10) % used")) <span class=\"soft num\">\(permille / 10) %</span>" : "<span class=\"soft\">–</span>"
        let stopped: HTML = row.stopped == 0 ? "<td class=\"n zero\">0</td>" : "<td class=\"n\"><a href=\"/inbox?tenant=\(id)\">\(Prose.count(row.stopped))</a></td>"
        let days = json.list("days").map { $0.int ?? 0 }
        let ledgers = json.list("ledgers").compactMap(\.string).map { clerk.platform($0) }.joined(separator: ", ")
        let owner: HTML = clerk.asker.isOperator ? "<small>\(json.text("consultancy"))</small>" : "<small>\(json.text("slug"))</small>"
        let paused: HTML = json.text("state") == "active" ? "" : " \(Prose.state(json.text("state")))"
        return """
            <tr data-row="\(json.text("name").lowercased()) \(json.text("slug")) \(json.text("consultancy").lowercased())">\
            \(HTML.rowHead("<a href=\"/tenants/\(id)\">\(json.text("name"))</a> \(owner)"))<td>\(Prose.chip(row.health.word, Prose.tone(row.health.rawValue)))\(paused)</td>\
            <td>\(ledgers)</td><td class="n">\(row.lag == 0 ? "–" : Prose.span(row.lag))</td>\(stopped)<td class="n">\(unexplained)\("<span class=\"zero\">0</span>" as HTML, if: unexplained.isEmpty)</td>\
            <td class="nowrap">\(quota)</td><td>\(Charts.spark(days, "Postings of fourteen days: \(days.map(String.init).joined(separator: ", "))"))</td>\
            <td class="n nowrap">\(Prose.ago(json.text("last_event_at"), now: clerk.now))</td></tr>
            """
    }
}
