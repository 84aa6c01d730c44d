internal import ConnectorKit
internal import Crypto
internal import Kernel
internal import Store
internal import Wire

/// The pages of somebody who connects a platform: plain HTML that works without scripts, from a keyboard and on a phone.
enum ConsentPage {
    static let css: StaticString = """
        :root{color-scheme:light dark;--ink:#1b1b1f;--paper:#fdfdfb;--line:#8a8a94;--soft:#f0f0ec;--warn:#8a2b06;--go:#14532d;--on:#fff}
        @media (prefers-color-scheme:dark){:root{--ink:#ececf0;--paper:#16161a;--line:#85858f;--soft:#232329;--warn:#ffb48f;--go:#86d6a4;--on:#102416}}
        body{font:16px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);margin:0 auto;max-width:40rem;padding:1.2rem}
        h1{font-size:1.4rem;line-height:1.3}a{color:inherit}.w{color:var(--warn);font-weight:600}.s{font-size:.9rem}
        table{border-collapse:collapse;width:100%;margin:1rem 0}caption{text-align:left;font-weight:600;padding:.3rem 0}
        th,td{border-bottom:1px solid var(--line);padding:.4rem .5rem;text-align:left;vertical-align:top;overflow-wrap:anywhere}thead th{background:var(--soft)}
        fieldset{border:1px solid var(--line);padding:.5rem .8rem;margin:1rem 0}label{display:block;padding:.4rem 0}
        button{font:inherit;padding:.6rem 1.2rem;margin:.4rem .6rem .4rem 0;border:1px solid var(--line);border-radius:.3rem;background:var(--soft);color:var(--ink)}
        button.go{background:var(--go);color:var(--on);border-color:var(--go);font-weight:600}:focus-visible{outline:3px solid var(--warn);outline-offset:2px}
        """

    /// Only this one style sheet, no script, no frame, and forms that lead here.
    static let policy: String = {
        let hash = Base64.encode(Digest.sha256(Array(css.description.utf8)))
        return "default-src 'none'; style-src 'sha256-\(hash)'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    }()

    private static func respond(_ status: Int, _ title: String, refresh: (seconds: Int, url: String?)? = nil, cookie: String? = nil, _ body: (inout HTML) -> Void) -> HTTPResponse {
        var page = HTML()
        page.tag("<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>")
        page.say("\(title) · Counterfoil")
        page.tag("</title><meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><meta name=\"robots\" content=\"noindex\">")
        if let refresh {
            page.tag("<meta http-equiv=\"refresh\" content=\"")
            page.say("\(refresh.seconds)" + (refresh.url.map { ";url=\($0)" } ?? ""))
            page.tag("\">")
        }
        page.tag("<style>")
        page.tag(css)
        page.tag("</style></head><body><main><h1>")
        page.say(title)
        page.tag("</h1>")
        body(&page)
        page.tag("</main></body></html>")
        // `same-origin`: with no referrer at all browsers would send forms with `Origin: null`; links, which are secrets, go to nobody else.
        var fields: HTTPFields = [
            "Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": policy, "Referrer-Policy": "same-origin", "X-Frame-Options": "DENY",
        ]
        if let cookie { fields["Set-Cookie"] = cookie }
        return HTTPResponse(status, fields: fields, body: Array(page.text.utf8))
    }

    /// To the page that shows where a consent stands.
    static func go(to id: ConsentID) -> HTTPResponse {
        HTTPResponse(303, fields: ["Location": "/consents/\(id)", "Referrer-Policy": "same-origin"])
    }

    // MARK: Before

    /// Who asks whom for what.
    static func offer(_ view: ConsentView, _ spec: PlatformSpec, path: String, cookie: String?) -> HTTPResponse {
        respond(200, "Connect \(spec.name)", cookie: cookie) { page in
            page.tag("<p id=\"asks\"><strong>")
            page.say(view.consultancyName)
            page.tag("</strong> asks for access to the ")
            page.say(spec.name)
            page.tag(" account of <strong>")
            page.say(view.tenantName)
            page.tag("</strong>, through Counterfoil.</p>")
            page.tag("<h2>What the access is for</h2><ul id=\"access\">")
            let consent = spec.oauth?.consent, told = view.isTold ? consent?.told : nil
            for line in (consent?.access ?? []) + (told.map { [$0.access] } ?? []) {
                page.tag("<li>")
                page.say(line)
                page.tag("</li>")
            }
            page.tag("</ul>")
            if !view.account.isEmpty {
                page.tag("<p>The account must be <strong>")
                page.say((try? view.expected().first { !$0.account.isEmpty }?.name) ?? view.account)
                page.tag("</strong> (")
                page.say(view.account)
                page.tag("): any other is refused.</p>")
            }
            former(view, spec, &page)
            page.tag("<p>You sign in at ")
            page.say(spec.name)
            page.tag(" itself and say there whether you agree. Your password is never seen here, and you can end the access at any time, there or here.</p>")
            page.tag("<form method=\"post\" action=\"")
            page.say(path)
            page.tag("\"><button class=\"go\" id=\"continue\">Continue to ")
            page.say(spec.name)
            page.tag("</button></form><p class=\"s\">If you do not know who asks, close this page. The link works once, until ")
            page.say(Timestamp(seconds: view.expiresAt.seconds).description)
            page.tag(" (UTC).</p>")
        }
    }

    /// Connecting again, where that may end the access that is there.
    private static func former(_ view: ConsentView, _ spec: PlatformSpec?, _ page: inout HTML) {
        guard let spec, spec.oauth?.consent?.mayEndFormer == true, view.identity != nil || view.connectionState != "new" else { return }
        page.tag("<p id=\"former\" class=\"w\">")
        page.say("\(spec.name) does not say whether the access that is there goes on working once you have agreed to a new one. Finish what you begin: after a No the connection may stand still until it is connected again.")
        page.tag("</p>")
    }

    /// On the way to the platform. A page of its own: browsers hold what follows a form against the policy of the page that had the form.
    static func leave(for url: String, _ spec: PlatformSpec, cookie: String) -> HTTPResponse {
        respond(200, "On to \(spec.name)", refresh: (0, url), cookie: cookie) { page in
            page.tag("<p><a id=\"leave\" href=\"")
            page.say(url)
            page.tag("\">Continue to ")
            page.say(spec.name)
            page.tag("</a> if nothing happens.</p>")
        }
    }

    /// A paused business's work waits, and with it the exchange of a code, which does not keep as long.
    static func paused(_ view: ConsentView) -> HTTPResponse {
        respond(409, "\(view.tenantName) is paused") { page in
            page.tag("<p role=\"status\" id=\"why\">Its work waits for now, so nothing can be connected. Nothing was used up.</p><p id=\"remedy\">Open this link again once <strong>")
            page.say(view.consultancyName)
            page.tag("</strong> has resumed it. It works until ")
            page.say(Timestamp(seconds: view.expiresAt.seconds).description)
            page.tag(" (UTC).</p>")
        }
    }

    // MARK: After

    /// Whatever went wrong, in words.
    static func refused(_ refusal: Refusal, request: String) -> HTTPResponse {
        respond(refusal.status, refusal.status >= 500 ? "This did not work" : "Not connected") { page in
            page.tag("<p role=\"alert\" class=\"w\" id=\"why\">")
            page.say(refusal.detail)
            page.tag("</p><p id=\"remedy\">")
            page.say(refusal.remedy)
            page.tag("</p><p class=\"s\">Code: <code id=\"code\">")
            page.say(refusal.code)
            page.tag("</code>, request <code>")
            page.say(request)
            page.tag("</code></p>")
        }
    }

    static func failed(_ status: Int, _ fault: Fault) -> HTTPResponse {
        respond(status, "Not connected") { page in say(fault.code, fault.summary, fault.remedy, &page) }
    }

    private static func say(_ code: String, _ summary: String, _ remedy: String, _ page: inout HTML) {
        page.tag("<p role=\"alert\" class=\"w\" id=\"why\">")
        page.say(summary.prefix(1).uppercased() + summary.dropFirst() + ".")
        page.tag("</p><p id=\"remedy\">")
        page.say(remedy)
        page.tag("</p><p class=\"s\">Code: <code id=\"code\">")
        page.say(code)
        page.tag("</code></p>")
    }

    /// Where a consent stands, for the browser that began it.
    static func standing(_ view: ConsentView, _ visit: Visit, asksAgain: Bool = false) throws -> HTTPResponse {
        let spec = visit.desk.connectors[view.platform]?.spec, platform = spec?.name ?? view.platform
        switch view.state {
        case "asked" where view.expiresAt > visit.desk.clocks.now():
            return respond(200, "Waiting for \(platform)") { page in
                page.tag("<p>Say there whether you agree; you are sent back here. If you closed that page, open the link again in this browser.</p>")
            }
        case "found" where view.expiresAt > visit.desk.clocks.now(): return try question(view, spec, asksAgain: asksAgain)
        case "confirmed": return confirmed(view, platform, looksAgain: view.expiresAt > visit.desk.clocks.now())
        case "failed":
            let json = try view.fault.map { bytes throws(Fault) in try JSON(parsing: bytes) }
            return respond(200, "Not connected") { page in
                say(json?["code"]?.string ?? "", json?["summary"]?.string ?? "", json?["remedy"]?.string ?? "", &page)
            }
        case "revoked": return failed(410, ConsentFault.revoked)
        case _ where view.expiresAt <= visit.desk.clocks.now(): return failed(410, ConsentFault.expired)
        case _ where view.tenantState == "paused":
            return respond(200, "\(view.tenantName) is paused", refresh: (ControlPlaneLimits.consentRefreshSeconds, nil)) { page in
                page.tag("<p id=\"asking\" role=\"status\">")
                page.say("\(platform) has agreed. This goes on once \(view.consultancyName) has resumed the business, until ")
                page.say(Timestamp(seconds: view.expiresAt.seconds).description)
                page.tag(" (UTC); this page looks again by itself. After that, ask for a new link.</p>")
            }
        default:
            return respond(200, "Asking \(platform)", refresh: (ControlPlaneLimits.consentRefreshSeconds, nil)) { page in
                page.tag("<p id=\"asking\" role=\"status\">Which account this is will be shown here in a moment. This page looks again by itself.</p>")
            }
        }
    }

    private static func confirmed(_ view: ConsentView, _ platform: String, looksAgain: Bool) -> HTTPResponse {
        let state = view.connectionState
        if state == "live" || state == "paused" {
            return respond(200, "\(platform) is connected") { page in
                page.tag("<p id=\"done\" role=\"status\">")
                page.say(state == "live" ? "The connection is live." : "The connection is paused, as it was before, and has its new access.")
                page.tag(" You can close this page; what was connected before goes on where it stopped.</p>")
            }
        }
        return respond(200, "Finishing", refresh: looksAgain && state == "new" ? (ControlPlaneLimits.consentRefreshSeconds, nil) : nil) { page in
            page.tag("<p role=\"status\">")
            page.say(looksAgain && state == "new"
                ? "The account is confirmed and is asked for a last time. This page looks again by itself."
                : "The account is confirmed, but \(platform) does not let us in with it yet. Whoever sent you the link can see why.")
            page.tag("</p>")
        }
    }

    /// The account that was found beside what was expected.
    private static func question(_ view: ConsentView, _ spec: PlatformSpec?, asksAgain: Bool) throws -> HTTPResponse {
        let platform = spec?.name ?? view.platform, found = try view.foundAccounts(), expected = try view.expected()
        let differ = found.map { $0.differences(from: expected) }
        return respond(asksAgain ? 422 : 200, found.count > 1 ? "Which account is it?" : "Is this the right account?") { page in
            page.tag("<p>This is what ")
            page.say(platform)
            page.tag(" shows. Nothing is connected before you say yes.</p>")
            if asksAgain { page.tag("<p role=\"alert\" class=\"w\" id=\"why\">Something differs from what was expected. Tick the box if it is right all the same.</p>") }
            former(view, spec, &page)
            if let reaches = found.first?.reaches {
                page.tag("<p class=\"w\" id=\"cut\">")
                page.say("The access reaches \(reaches) accounts; only \(found.count) of them are shown here. If yours is not among them, say No, ask for a new link and allow only that one at \(platform).")
                page.tag("</p>")
            }
            page.tag("<form method=\"post\" action=\"/consents/")
            page.say(view.id.description)
            page.tag("/confirm\">")
            if found.count > 1 { page.tag("<fieldset><legend>Accounts of this consent</legend>") }
            for (index, one) in found.enumerated() { account(one, differ[index], isOnly: found.count == 1, &page) }
            if found.count > 1 { page.tag("</fieldset>") }
            table(found, expected, isBefore: view.identity != nil, &page)
            if differ.contains(where: { !$0.isEmpty }) {
                page.tag("<label><input type=\"checkbox\" name=\"differs\" value=\"yes\"> ")
                page.say(found.count > 1 ? "I know that what is marked differs from what was expected." : "It is the right one, although it differs from what was expected.")
                page.tag("</label>")
            }
            page.tag("<button class=\"go\" id=\"confirm\">Yes, connect it</button></form><form method=\"post\" action=\"/consents/")
            page.say(view.id.description)
            page.tag("/refuse\"><button id=\"refuse\">No, this is not it</button></form>")
        }
    }

    private static func account(_ one: FoundAccount, _ differ: [String], isOnly: Bool, _ page: inout HTML) {
        if isOnly {
            page.tag("<input type=\"hidden\" name=\"account\" value=\"")
            page.say(one.account)
            page.tag("\">")
            return
        }
        page.tag("<label><input type=\"radio\" name=\"account\" required value=\"")
        page.say(one.account)
        page.tag("\"> ")
        page.say([one.name, one.country, one.currency].compactMap { $0 }.joined(separator: ", "))
        if !differ.isEmpty {
            page.tag(" <span class=\"w\">")
            page.say("(differs in \(differ.joined(separator: " and ")))")
            page.tag("</span>")
        }
        page.tag("</label>")
    }

    private static func table(_ found: [FoundAccount], _ expected: [FoundAccount], isBefore: Bool, _ page: inout HTML) {
        let only = found.count == 1 ? found.first : nil
        let differ = only?.differences(from: expected) ?? []
        page.tag("<table id=\"compare\"><caption>Found and expected</caption><thead><tr><th scope=\"col\">What</th>")
        if only != nil { page.tag("<th scope=\"col\">Found</th>") }
        page.tag("<th scope=\"col\">")
        page.say(isBefore ? "As it was before" : "Expected")
        page.tag("</th></tr></thead><tbody>")
        let rows: [(what: String, key: String, own: (FoundAccount) -> String?)] = [
            ("Name", "name", { $0.name }), ("Country", "country", { $0.country }), ("Currency", "currency", { $0.currency }), ("Account", "account", { $0.account }),
        ]
        for row in rows {
            page.tag("<tr><th scope=\"row\">")
            page.say(row.what)
            page.tag("</th>")
            if let only {
                page.tag("<td>")
                page.say(row.own(only) ?? "not said")
                if differ.contains(row.key) { page.tag(" <strong class=\"w\">differs</strong>") }
                page.tag("</td>")
            }
            let texts = expected.compactMap(row.own).filter { !$0.isEmpty }
            page.tag("<td>")
            page.say(texts.isEmpty ? "any" : texts.joined(separator: " or "))
            page.tag("</td>")
            page.tag("</tr>")
        }
        page.tag("</tbody></table>")
    }
}
