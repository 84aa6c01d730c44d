internal import ConnectorKit
internal import Crypto
internal import Kernel
internal import Postgres
internal import Store
internal import Telemetry
internal import Wire

extension Endpoints {
    /// What a person sees who connects a platform: no key, but the link's secret first and this browser's cookie from then on.
    static let consentPages: [Endpoint] = [
        Endpoint(.get, "/connect/{link}", .open, About(
            "The page of a link", "Who asks whom for what. Reading it uses nothing up.", page(200, "The question, with a button; once more for the browser that began it, until the platform has answered."),
            .empty(303, "This browser began it: to where it stands."), page(404, "There is no such link."), page(410, "It was used, taken back, or is too old."), unprepared, silent
        )) { visit in try await offer(visit) },
        Endpoint(.post, "/connect/{link}", .open, About(
            "Go on to the platform", "Binds the link to this browser, by a cookie. That browser may ask again until the platform has answered.",
            page(200, "Leads on to the platform's consent page."), .empty(303, "This browser began it, and it is answered: to where it stands."), foreign, page(404, "There is no such link."),
            page(410, "It was used, taken back, or is too old."), unprepared, silent
        )) { visit in try await goOn(visit) },
        Endpoint(.get, "/oauth/callback/{platform}", .open, About(
            "A platform's answer to a consent", "Where the platform sends the browser back to.", .empty(303, "To where the consent stands."), page(400, "It answers nothing that was asked."),
            page(403, "It was asked by another browser."), page(409, "It was answered already, or too late."), .refused(404, "`not_found`: no platform of this name is connected so."), silent
        )) { visit in try await callback(visit) },
        Endpoint(.get, "/consents/{consent}", .open, About(
            "Where a consent stands", "For the browser that began it.", page(200, "What is waited for, what was found, or what came of it."), page(403, "Another browser began it."),
            page(410, "It was taken back, or is too old."), silent
        )) { visit in
            guard let own = try await own(visit) else { return ConsentPage.failed(403, ConsentFault.foreignBrowser) }
            return try ConsentPage.standing(own, visit)
        },
        Endpoint(.post, "/consents/{consent}/confirm", .open, About(
            "Say that it is the right account", "The form of the page before.",
            body: .content(type: "application/x-www-form-urlencoded", "`account`, and `differs=yes` where it is not as expected.", example: "account=9130350000000001"),
            .empty(303, "To where the consent stands."), foreign, page(403, "Another browser began it."), page(410, "It is too old by now."),
            page(422, "It differs from what was expected, which has to be said yes to."), silent
        )) { visit in try await confirm(visit) },
        Endpoint(.post, "/consents/{consent}/refuse", .open, About(
            "Say that it is not the right account", .empty(303, "To where the consent stands."), foreign, page(403, "Another browser began it."), silent
        )) { visit in
            try SignIn.checkOrigin(visit)
            guard let own = try await own(visit) else { return ConsentPage.failed(403, ConsentFault.foreignBrowser) }
            let fault = ConsentFault.unconfirmed
            _ = try await visit.store.move(ConsentStatements.fail(own.tenant, own.id, fault: fault.json.bytes, from: "found"), own.move("consent.failed", fault))
            return ConsentPage.go(to: own.id)
        },
    ]

    private static func page(_ status: Int, _ meaning: String) -> Reply { .content(status, "text/html", meaning) }
    private static let foreign = Reply.refused(403, "`foreign_origin`: the form was not sent from this site.")
    private static let unprepared = Reply.refused(409, "The business is paused; or `consent_no_address`, `consent_no_app`: the operator has not set it up.")
    private static let silent = Reply.refused(503, "`database_unavailable`, `tenant_keys_pending`: try again.")

    // MARK: The link

    private static func linked(_ visit: Visit) async throws -> ConsentView? {
        guard let secret = visit.parameters["link"], secret.utf8.count == ConsentLink.characters else { return nil }
        return try await visit.store.consent(link: Digest.sha256(Array(secret.utf8)))
    }

    /// Reading the page uses nothing up: mail programs and scanners read links ahead of people.
    private static func offer(_ visit: Visit) async throws -> HTTPResponse {
        guard let view = try await linked(visit), let spec = visit.desk.connectors[view.platform]?.spec else { return ConsentPage.failed(404, ConsentFault.unknownLink) }
        let (isOwn, asksAgain) = begun(view, visit)
        if isOwn, !asksAgain { return ConsentPage.go(to: view.id) }
        if !isOwn, let gone = try await gone(view, visit) { return gone }
        if view.tenantState == "paused" { return ConsentPage.paused(view) }
        try ready(visit.desk, spec)
        if leadsAway(view, spec, visit.desk) { return ConsentPage.failed(409, ConsentFault.baseChanged) }
        // Before the button, so that two presses come with one cookie.
        let cookies = ConsentCookie(visit)
        let cookie = cookies.secret(visit.request, view.id) == nil ? cookies.set(view.id, SystemRandom().bytes(32).hexText) : nil
        return ConsentPage.offer(view, spec, path: visit.request.path, cookie: cookie)
    }

    /// The connection's base is a place where what is the operator's does not go.
    private static func leadsAway(_ view: ConsentView, _ spec: PlatformSpec, _ desk: Desk) -> Bool {
        !HostList(desk.configuration.allowedHosts).trusts(view.baseURL, spec, account: view.account)
    }

    /// Whether this browser began it, and whether it may go to the platform once more: the way back, a second press.
    private static func begun(_ view: ConsentView, _ visit: Visit) -> (isOwn: Bool, asksAgain: Bool) {
        guard let cookie = ConsentCookie(visit).digest(visit.request, view.id), let own = view.browserDigest, constantTimeEquals(cookie, own) else { return (false, false) }
        return (true, view.state == "asked" && view.expiresAt > visit.desk.clocks.now() && view.tenantState != "removed")
    }

    /// The page of a link that leads nowhere any more.
    private static func gone(_ view: ConsentView, _ visit: Visit) async throws -> HTTPResponse? {
        let fault: Fault
        switch view.state {
        case "open" where view.expiresAt > visit.desk.clocks.now() && view.tenantState != "removed": return nil
        case "open", "expired": fault = ConsentFault.expired
        case "revoked": fault = ConsentFault.revoked
        default: fault = ConsentFault.usedLink
        }
        try await note(view, fault, visit)
        return ConsentPage.failed(410, fault)
    }

    /// Somebody was turned away.
    private static func note(_ view: ConsentView, _ fault: Fault, _ visit: Visit) async throws {
        visit.desk.log.fault(.requestFailed, fault, ("consent", view.id.description))
        _ = try await visit.store.move(ConsentStatements.refuse(view.tenant, view.id), view.move("consent.turned_away", fault))
    }

    /// Binds link and browser to each other, and sends the browser to the platform.
    private static func goOn(_ visit: Visit) async throws -> HTTPResponse {
        try SignIn.checkOrigin(visit)
        guard let view = try await linked(visit), let spec = visit.desk.connectors[view.platform]?.spec, let oauth = spec.oauth, let consent = oauth.consent else {
            return ConsentPage.failed(404, ConsentFault.unknownLink)
        }
        let (isOwn, asksAgain) = begun(view, visit)
        if isOwn, !asksAgain { return ConsentPage.go(to: view.id) }
        if !isOwn, let gone = try await gone(view, visit) { return gone }
        if view.tenantState == "paused" { return ConsentPage.paused(view) }
        try ready(visit.desk, spec)
        if leadsAway(view, spec, visit.desk) { return ConsentPage.failed(409, ConsentFault.baseChanged) }
        guard let app = ConsentApp(spec.id, visit.desk.configuration) else { return ConsentPage.failed(404, ConsentFault.unknownLink) }
        let random = SystemRandom()
        let cookies = ConsentCookie(visit), browser = cookies.secret(visit.request, view.id) ?? random.bytes(32).hexText
        let state = Base64.encodeURL(random.bytes(32)), verifier = Base64.encodeURL(random.bytes(32))
        let key = try await publicKey(of: view.tenant, visit.desk)
        var sealed: [UInt8]?
        if consent.takesChallenge {
            sealed = try key.seal(Array(verifier.utf8), context: ConsentRow.context("verifier", view.tenant, view.id), random: random)
        }
        let now = visit.desk.clocks.now()
        let ask = ConsentStatements.ask(
            view.tenant, view.id, browser: Digest.sha256(Array(browser.utf8)), state: Digest.sha256(Array(state.utf8)), verifier: sealed,
            until: now + .seconds(ControlPlaneLimits.consentSeconds), at: now)
        guard try await visit.store.move(ask, view.move("consent.asked")) else {
            try await note(view, ConsentFault.usedLink, visit)
            return ConsentPage.failed(410, ConsentFault.usedLink)
        }
        var query: [(name: String, value: String)] = [
            ("response_type", "code"), ("client_id", app.id), ("redirect_uri", ConsentLink.callback(visit.desk, spec.id)), ("state", state),
        ]
        let scopes = oauth.scopes + (view.isTold ? consent.told?.scopes ?? [] : [])
        if !scopes.isEmpty { query.append(("scope", scopes.joined(separator: consent.scopeSeparator))) }
        if consent.takesChallenge {
            query += [("code_challenge", Base64.encodeURL(Digest.sha256(Array(verifier.utf8)))), ("code_challenge_method", "S256")]
        }
        let page = spec.authority(oauth.authorizeURL, path: consent.path, base: view.baseURL, account: view.account)
        return ConsentPage.leave(
            for: "\(page)?\(Form.encode(query + consent.parameters))", spec,
            cookie: cookies.set(view.id, browser))
    }

    // MARK: The platform's answer

    private static func callback(_ visit: Visit) async throws -> HTTPResponse {
        guard let platform = visit.parameters["platform"], let named = visit.desk.connectors[platform]?.spec, named.oauth?.consent != nil else {
            throw Refusal.notFound("There is nothing at this path.")
        }
        var answer = ConsentAnswer(pairs: visit.request.query, browser: nil, platform: platform)
        guard let state = answer.only("state"), let view = try await visit.store.consent(state: Digest.sha256(Array(state.utf8))),
            let spec = visit.desk.connectors[view.platform]?.spec, let app = ConsentApp(spec.id, visit.desk.configuration)
        else {
            try await noteStrange(visit)
            return ConsentPage.failed(400, ConsentFault.unknownState)
        }
        answer.browser = ConsentCookie(visit).digest(visit.request, view.id)
        var verdict = answer.judged(view, spec, app: app, at: visit.desk.clocks.now())
        // The base may have become another since the browser left: the operator's secret does not go there.
        if case .good = verdict, leadsAway(view, spec, visit.desk) { verdict = .refused(ConsentFault.baseChanged, settles: true) }
        switch verdict {
        case .refused(let fault, let settles):
            var settled = false
            if settles {
                let fail = ConsentStatements.fail(view.tenant, view.id, fault: fault.json.bytes, from: "asked")
                settled = try await visit.store.move(fail, view.move("consent.failed", fault))
            }
            if !settled { try await note(view, fault, visit) }
            // A stranger is told no more than that he is one.
            if fault == ConsentFault.foreignBrowser { return ConsentPage.failed(403, fault) }
            return settled ? ConsentPage.go(to: view.id) : ConsentPage.failed(409, fault)
        case .good(let code, let account): return try await receive(code, account, view, app, visit)
        }
    }

    /// An answer to nothing. Whose browser it was is known where it has begun something.
    private static func noteStrange(_ visit: Visit) async throws {
        let cookies = ConsentCookie(visit)
        for id in cookies.ids(visit.request).prefix(4) {
            guard let view = try await visit.store.consent(id), let cookie = cookies.digest(visit.request, id), let own = view.browserDigest,
                constantTimeEquals(cookie, own)
            else { continue }
            return try await note(view, ConsentFault.unknownState, visit)
        }
        visit.desk.log.fault(.requestFailed, ConsentFault.unknownState)
    }

    /// Sealed for the worker, who trades it.
    private static func receive(_ code: String, _ account: String?, _ view: ConsentView, _ app: ConsentApp, _ visit: Visit) async throws -> HTTPResponse {
        let json = JSON.object([
            ("code", .string(code)), ("client_id", .string(app.id)), ("client_secret", .string(app.secret.revealText())),
            ("redirect_uri", .string(ConsentLink.callback(visit.desk, view.platform))),
        ])
        let key = try await publicKey(of: view.tenant, visit.desk)
        let sealed = try key.seal(json.bytes, context: ConsentRow.context("answer", view.tenant, view.id), random: SystemRandom())
        let now = visit.desk.clocks.now()
        let taken = try await visit.store.transaction { tx throws(Fault) -> Bool in
            guard try await tx.move(ConsentStatements.receive(view.tenant, view.id, answer: sealed, account: account, at: now), view.move("consent.received")) else { return false }
            _ = try await tx.query(JobStatements.ask(view.tenant, [Job(.consent, view.id.description, lane: .interactive)]))
            _ = try await tx.query(JobStatements.wake())
            return true
        }
        if !taken { try await note(view, ConsentFault.replayed, visit) }
        return taken ? ConsentPage.go(to: view.id) : ConsentPage.failed(409, ConsentFault.replayed)
    }

    // MARK: This browser's own

    /// The consent in the path, when this browser began it.
    private static func own(_ visit: Visit) async throws -> ConsentView? {
        guard let id = visit.parameters["consent"].flatMap({ ConsentID($0) }), let cookie = ConsentCookie(visit).digest(visit.request, id),
            let view = try await visit.store.consent(id), let own = view.browserDigest, constantTimeEquals(cookie, own)
        else { return nil }
        return view
    }

    /// The person says that it is the right account: the token set becomes the connection's, and it is asked once more who is there.
    private static func confirm(_ visit: Visit) async throws -> HTTPResponse {
        try SignIn.checkOrigin(visit)
        guard let view = try await own(visit) else { return ConsentPage.failed(403, ConsentFault.foreignBrowser) }
        let form = Form.decode(String(decoding: visit.request.body, as: UTF8.self))
        let found = try view.foundAccounts()
        let named = form.first { $0.name == "account" }?.value
        guard view.state == "found", let chosen = found.first(where: { $0.account == named }) else { return ConsentPage.go(to: view.id) }
        if !chosen.differences(from: try view.expected()).isEmpty, !form.contains(where: { $0.name == "differs" && $0.value == "yes" }) {
            return try ConsentPage.standing(view, visit, asksAgain: true)
        }
        let now = visit.desk.clocks.now()
        let done = try await visit.store.transaction { tx throws(Fault) -> Bool in
            var move = view.move("consent.confirmed")
            move.accountJSON = JSON.string(chosen.account).text
            guard try await tx.move(ConsentStatements.confirm(view.tenant, view.id, account: chosen.account, at: now), move) else { return false }
            _ = try await tx.query(JobStatements.ask(view.tenant, [Job(.identify, view.connection.description, lane: .interactive)]))
            _ = try await tx.query(AdminConnectionStatements.hurry(view.tenant))
            _ = try await tx.query(JobStatements.wake())
            return true
        }
        if !done, view.expiresAt > now {
            // Found for a connection without an account, which has got one since.
            let fault = Fault.consentOtherAccount(found: chosen.name, expected: "the account that was connected meanwhile")
            _ = try await visit.store.move(ConsentStatements.fail(view.tenant, view.id, fault: fault.json.bytes, from: "found"), view.move("consent.failed", fault))
        }
        return ConsentPage.go(to: view.id)
    }
}

extension ConsentView {
    /// In the trail, people without a key are known by their link.
    func move(_ action: String, _ fault: Fault? = nil) -> ConsentMove {
        ConsentMove(tenant, id, of: connection, actor: "browser of \(kind == "direct" ? "authorization" : "invitation")", action: action, fault: fault)
    }
}

/// What binds a browser to the consent that it began. Lax, because the platform's answer is a navigation from another site.
struct ConsentCookie {
    /// Over https the name says that no other host and no plain connection can have set it.
    /// - Source: RFC 6265bis, section 4.1.3.2.
    var isSecure: Bool

    private var prefix: String { isSecure ? "__Host-cf_consent_" : "cf_consent_" }

    func set(_ id: ConsentID, _ secret: String) -> String {
        "\(prefix)\(id.hex)=\(secret); HttpOnly; SameSite=Lax;\(isSecure ? " Secure;" : "") Path=/; Max-Age=\(2 * ControlPlaneLimits.consentSeconds)"
    }

    /// As it was given out; `nil` where there are two, since nobody knows which is ours.
    func secret(_ request: HTTPRequest, _ id: ConsentID) -> String? {
        let name = prefix + id.hex, all = pairs(request).filter { $0.name == name }
        guard all.count == 1, let value = all.first?.value, value.utf8.count == 64, value.utf8.allSatisfy({ (48 ... 57).contains($0) || (97 ... 102).contains($0) }) else { return nil }
        return value
    }

    /// What is kept of it.
    func digest(_ request: HTTPRequest, _ id: ConsentID) -> [UInt8]? { secret(request, id).map { Digest.sha256(Array($0.utf8)) } }

    /// Of all that this browser began.
    func ids(_ request: HTTPRequest) -> [ConsentID] {
        pairs(request).compactMap { pair in
            let hex = pair.name.dropFirst(prefix.count)
            guard pair.name.hasPrefix(prefix), hex.utf8.count == 32 else { return nil }
            let parts = [0 ..< 8, 8 ..< 12, 12 ..< 16, 16 ..< 20, 20 ..< 32].map { String(Array(hex)[$0]) }
            return ConsentID(parts.joined(separator: "-"))
        }
    }

    private func pairs(_ request: HTTPRequest) -> [(name: String, value: String)] {
        request.fields.all("Cookie").flatMap { $0.split(separator: ";") }.compactMap { part in
            let halves = part.drop { $0 == " " }.split(separator: "=", maxSplits: 1)
            return halves.count == 2 ? (name: String(halves[0]), value: String(halves[1])) : nil
        }
    }
}

extension ConsentCookie {
    init(_ visit: Visit) { self.init(isSecure: visit.desk.configuration.publicURL.hasPrefix("https://")) }
}
