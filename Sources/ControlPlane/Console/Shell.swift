internal import Kernel
internal import Store
internal import Telemetry
internal import Wire

/// The frame around every page, and how pages are answered.
enum Shell {
    /// Our own style sheet, script and events; nothing inline, no frame, and forms that lead here.
    static let policy = """
        default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'
        """

    /// A page's own part.
    struct Content: Sendable {
        /// In the browser's title, and the page's first heading unless it has one of its own.
        var title: String
        /// Where in the navigation: `tenants`, `inbox`, `alerts`.
        var place: String
        /// The way here: what stands above the page.
        var trail: [(String, String)] = []
        /// Beside the heading.
        var beside: HTML = ""
        var body: HTML
        /// Which tenant's changes renew the page; "" any that the key sees, `nil` none.
        var live: String? = .none
        var status = 200
    }

    static func respond(_ status: Int, _ page: HTML, setCookie: String? = nil) -> HTTPResponse {
        // `same-origin`: with no referrer at all browsers would send forms with `Origin: null`.
        var fields: HTTPFields = [
            "Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": policy, "Referrer-Policy": "same-origin", "X-Frame-Options": "DENY",
            "Cross-Origin-Opener-Policy": "same-origin",
        ]
        if let setCookie { fields["Set-Cookie"] = setCookie }
        return HTTPResponse(status, fields: fields, body: Array(page.text.utf8))
    }

    static func redirect(_ path: String, cookie: String? = nil) -> HTTPResponse {
        var fields: HTTPFields = ["Location": path, "Referrer-Policy": "same-origin"]
        if let cookie { fields["Set-Cookie"] = cookie }
        return HTTPResponse(303, fields: fields)
    }

    // MARK: Endpoints of pages

    /// Pages are for people: the description of the API leaves them out.
    static let about = About("A page of the console", .content(200, "text/html", "The page."))

    /// A page for whoever is signed in. Everybody else is asked to sign in, and then comes here.
    static func page(_ pattern: String, _ make: @escaping @Sendable (Clerk) async throws -> Content) -> Endpoint {
        Endpoint(.get, pattern, .open, about) { visit in
            guard let asker = try await SignIn.asker(visit) else {
                return pattern == "/" ? respond(200, SignIn.page(next: "/")) : redirect("/sign-in?next=\(Form.percent(visit.request.target))")
            }
            let clerk = Clerk(visit: visit, asker: asker)
            let content: Content
            do { content = try await make(clerk) } catch { content = trouble(error, clerk) }
            return respond(content.status, try await framed(content, clerk))
        }
    }

    /// What a form does; it answers with another page's address, or with a page of its own.
    enum Outcome: Sendable {
        case go(String)
        case show(Content)
    }

    static func action(_ pattern: String, _ work: @escaping @Sendable (Clerk) async throws -> Outcome) -> Endpoint {
        Endpoint(.post, pattern, .open, about) { visit in
            try SignIn.checkOrigin(visit)
            guard let asker = try await SignIn.asker(visit) else { return SignIn.again(visit) }
            let clerk = Clerk(visit: visit, asker: asker)
            let content: Content
            do {
                switch try await work(clerk) {
                case .go(let path): return redirect(path)
                case .show(let page): content = page
                }
            } catch { content = trouble(error, clerk) }
            return respond(content.status, try await framed(content, clerk))
        }
    }

    private static func trouble(_ error: any Error, _ clerk: Clerk) -> Content {
        let refusal = Refusal(error)
        if refusal.status >= 500 { clerk.desk.log.fault(.requestFailed, Fault.wrapping(error, stage: .api), ("request", clerk.visit.id), ("route", "console")) }
        let findings: [HTML] = refusal.errors.map { "<li><code>\($0.field)</code> \($0.why). \($0.remedy)</li>" }
        let list: HTML = findings.count > 1 ? "<ul>\(findings)</ul>" : ""
        return Content(title: refusal.title, place: "", body: """
            <section class="panel narrow"><p class="lead">\(refusal.detail)</p>\(list)<p>\(refusal.remedy)</p>
            <p class="soft small">Status \(refusal.status), code <code>\(refusal.code)</code>, request <code>\(clerk.visit.id)</code></p>
            <p><a class="button" href="/">Back to the start</a></p></section>
            """, status: refusal.status)
    }

    // MARK: The frame

    static let mark: HTML = """
        <svg class="mark" viewBox="0 0 32 32" width="32" height="32" aria-hidden="true"><path class="stub" d="M4 6h8v20H4z"/><path class="slip" d="M15 6h13v20H15z"/>\
        <path class="tear" d="M13.5 5v22"/><path class="tick" d="M18 16.5l2.6 2.6 5-6"/></svg>
        """

    static func bare(_ title: String, _ body: HTML, live: HTML = "") -> HTML {
        """
        <!doctype html><html lang="en"><head><meta charset="utf-8"><title>\(title) · Counterfoil</title>
        <meta name="viewport" content="width=device-width,initial-scale=1"><meta name="color-scheme" content="light dark">\(live)
        <link rel="icon" href="/assets/mark.svg" type="image/svg+xml"><link rel="stylesheet" href="/assets/console.css?\(Assets.styleTag)">
        <script type="module" src="/assets/console.js?\(Assets.scriptTag)"></script></head><body>\(body)</body></html>
        """
    }

    private static func framed(_ content: Content, _ clerk: Clerk) async throws -> HTML {
        let counts = try await clerk.desk.store.consoleCounts(clerk.asker.sees)
        let trail: [HTML] = content.trail.map { "<li><a href=\"\($0.1)\">\($0.0)</a></li>" }
        let crumbs: HTML = trail.isEmpty ? "" : "<nav aria-label=\"Way here\" class=\"trail\"><ol>\(trail)</ol></nav>"
        // Without scripts no page loads itself anew: nobody could stop it (WCAG 2.2.1, 2.2.2), and it would empty what somebody is filling in.
        let still: HTML = content.live == nil
            ? "" : "<noscript><p class=\"soft\"><a href=\"\(clerk.visit.request.target)\">Load this page again</a> to see what is new: without scripts it does not do so by itself.</p></noscript>"
        let live: HTML = content.live.map { "<meta name=\"live\" content=\"\($0)\">" } ?? ""
        let state: HTML = content.live == nil ? "" : "<span role=\"status\"><button type=\"button\" id=\"live\" class=\"live\" title=\"Stop, or go on with, what renews itself on pages\"></button></span>"
        return bare(content.title, """
            <a class="skip" href="#main">Skip to the page</a>
            <header class="top"><a class="brand" href="/">\(mark)<span>Counterfoil</span></a>
            <nav aria-label="Console"><ul>\(link("/", clerk.asker.sees.tenant == nil ? "Tenants" : "Overview", content.place == "tenants"))\
            \(link("/inbox", "Inbox", content.place == "inbox", counts.stopped, "warn"))\(link("/alerts", "Alerts", content.place == "alerts", counts.alerts, "bad"))</ul></nav>
            <div class="who">\(state)\(who(clerk.asker))
            <form method="post" action="/session/end"><button class="quiet">Sign out</button></form></div></header>
            <main id="main" tabindex="-1">\(crumbs)<div class="head"><h1>\(content.title)</h1>\(content.beside)</div>\(still)\(content.body)</main>
            <footer class="foot"><p>Counterfoil \(clerk.desk.configuration.version) · times are UTC · shown <span id="shown">\(Prose.time(clerk.now.description, seconds: true))</span></p></footer>
            """, live: live)
    }

    private static func who(_ asker: Asker) -> HTML {
        asker.isUser
            ? "<a class=\"key\" href=\"/password\" title=\"The user that you signed in with: give yourself another password\">\(asker.label)</a>"
            : "<span class=\"key\" title=\"The key that you signed in with\">\(asker.label)</span>"
    }

    private static func link(_ path: String, _ text: String, _ isHere: Bool, _ count: Int = 0, _ tone: String = "") -> HTML {
        let here: HTML = isHere ? " aria-current=\"page\"" : ""
        let badge: HTML = count == 0 ? "" : " <span class=\"badge \(tone)\">\(Prose.count(count))</span>"
        return "<li><a href=\"\(path)\"\(here)>\(text)\(badge)</a></li>"
    }

    // MARK: Parts that pages share

    static func button(_ text: String, to path: String, _ fields: [(String, String)] = [], kind: String = "", asks: String = "") -> HTML {
        let hidden: [HTML] = fields.map { "<input type=\"hidden\" name=\"\($0.0)\" value=\"\($0.1)\">" }
        let label: HTML = asks.isEmpty ? "" : " aria-label=\"\(asks)\""
        return "<form method=\"post\" action=\"\(path)\" class=\"inline\">\(hidden)<button class=\"\(kind)\"\(label)>\(text)</button></form>"
    }

    static func note(_ text: String, _ tone: Prose.Tone) -> HTML { "<p class=\"message \(tone.rawValue)\" role=\"status\">\(text)</p>" }

    /// Name and value, one below the other.
    static func facts(_ rows: [(String, HTML)]) -> HTML {
        let parts: [HTML] = rows.map { "<div><dt>\($0.0)</dt><dd>\($0.1)</dd></div>" }
        return "<dl class=\"facts\">\(parts)</dl>"
    }

    /// - Parameter all: value and text.
    static func options(_ all: [(String, String)], chosen: String) -> [HTML] {
        all.map { value, text in
            let mark: HTML = value == chosen ? " selected" : ""
            return "<option value=\"\(value)\"\(mark)>\(text)</option>"
        }
    }
}
