internal import Kernel
internal import Store
internal import Wire

/// Signing in, and what keeps forms of other sites out.
enum SignIn {
    static let endpoints: [Endpoint] = [
        Endpoint(.get, "/sign-in", .open, Shell.about) { visit in Shell.respond(200, page(next: visit.request.query("next") ?? "/")) },
        Endpoint(.post, "/session", .open, Shell.about) { visit in try await begin(visit) },
        Endpoint(.post, "/session/end", .open, Shell.about) { visit in
            try checkOrigin(visit)
            if let id = cookie(visit) { try await visit.desk.sessions.close(id) }
            return Shell.redirect("/", cookie: "cf_session=; HttpOnly; SameSite=Strict; Path=/; Max-Age=0")
        },
    ]

    private static func begin(_ visit: Visit) async throws -> HTTPResponse {
        try checkOrigin(visit)
        guard (visit.request.fields["Content-Type"] ?? "").lowercased().hasPrefix("application/x-www-form-urlencoded") else {
            throw Refusal(415, "unsupported_media_type", "The sign-in is a form.", remedy: "Use the page at /.")
        }
        let form = Form.decode(String(decoding: visit.request.body, as: UTF8.self))
        let next = form.first { $0.name == "next" }?.value ?? "/"
        let sent = Sent(kept: form)
        let typed = SignInForm(form)
        let id: String
        switch try await typed.who(visit) {
        case .known(let who, let against):
            // Set anew, or the user disabled, while the password was looked at: as if it had been before.
            guard let opened = try await visit.desk.sessions.open(for: who, against: against) else {
                return Shell.respond(typed.another.status, page(next: next, sent, typed.another))
            }
            id = opened
        case .refused(let refused):
            var out = Shell.respond(refused.status, page(next: next, sent, refused))
            if let seconds = refused.retryAfter { out.fields["Retry-After"] = "\(seconds)" }
            return out
        }
        let secure = visit.request.fields["X-Forwarded-Proto"]?.lowercased() == "https" ? " Secure;" : ""
        let cookie = "cf_session=\(id); HttpOnly; SameSite=Strict;\(secure) Path=/; Max-Age=\(ControlPlaneLimits.sessionSeconds)"
        if let sent { return Shell.respond(200, goOn(sent), setCookie: cookie) }
        return Shell.redirect(isOurs(next) ? next : "/", cookie: cookie)
    }

    // MARK: A form that was sent after its session had ended

    /// Where it was sent, and what was in it.
    private struct Sent {
        var path: String
        var fields: [(name: String, value: String)]

        /// What a sign-in form keeps of it.
        static let mark = "sent."

        init(path: String, fields: [(name: String, value: String)]) {
            self.path = path
            self.fields = fields
        }

        init?(kept form: [(name: String, value: String)]) {
            guard let path = form.first(where: { $0.name == "sent" })?.value, isOurs(path), !path.contains("?") else { return nil }
            self.path = path
            fields = form.filter { $0.name.hasPrefix(Sent.mark) }.map { (String($0.name.dropFirst(Sent.mark.count)), $0.value) }
        }

        /// Leading line breaks are the value's own: HTML would drop none of an attribute's.
        func hidden(_ prefix: String) -> [HTML] { fields.map { "<input type=\"hidden\" name=\"\(prefix)\($0.name)\" value=\"\($0.value)\">" } }
    }

    /// Asks to sign in; what was sent is kept on the page and is sent once more after that, when the person says so.
    static func again(_ visit: Visit) -> HTTPResponse {
        let fields = Form.decode(String(decoding: visit.request.body, as: UTF8.self))
        // Passwords are kept on no page.
        if visit.request.path == PasswordPage.path { return Shell.respond(401, page(next: PasswordPage.path, nil, .init("Your session has ended. Sign in, then try again.", field: ""))) }
        let sent = Sent(path: visit.request.path, fields: fields)
        return Shell.respond(401, page(next: "/", sent, .init("Your session has ended. Sign in: what you sent is kept here.", field: "")))
    }

    private static func goOn(_ sent: Sent) -> HTML {
        Shell.bare("Signed in", """
            <main id="main" class="sign-in"><div class="panel">\(Shell.mark)<h1>Signed in</h1><p class="soft">What you sent has waited and was not carried out yet.</p>
            <form method="post" action="\(sent.path)">\(sent.hidden(""))<button class="primary" autofocus>Go on with it</button></form>
            <p><a href="/">Leave it, and go to the start</a></p></div></main>
            """)
    }

    /// A path of this site, and nothing that a browser could take for another's.
    static func isOurs(_ path: String) -> Bool {
        path.hasPrefix("/") && !path.hasPrefix("//") && path.utf8.count <= 500 && path.utf8.allSatisfy { $0 > 32 && $0 < 127 && $0 != 92 }
    }

    /// Forms come from our own pages only: SameSite keeps the cookie from others, this keeps their forms from ours.
    static func checkOrigin(_ visit: Visit) throws {
        let fields = visit.request.fields
        let host = fields["Host"]?.lowercased() ?? ""
        if let origin = fields["Origin"]?.lowercased() {
            if !host.isEmpty, origin == "http://\(host)" || origin == "https://\(host)" { return }
        } else if fields["Sec-Fetch-Site"] == "same-origin" {
            return
        }
        throw Refusal(403, "foreign_origin", "The form was not sent from this site.", remedy: "Open the console itself and try again.")
    }

    private static func cookie(_ visit: Visit) -> String? {
        for field in visit.request.fields.all("Cookie") {
            for part in field.split(separator: ";") {
                let pair = part.drop { $0 == " " }
                if pair.hasPrefix("cf_session=") { return String(pair.dropFirst("cf_session=".count)) }
            }
        }
        return nil
    }

    /// Who is signed in, as their key or user stands now.
    static func asker(_ visit: Visit) async throws -> Asker? {
        guard let id = cookie(visit), let asker = try await visit.desk.sessions.asker(id), asker.scopes.contains(.read) else { return nil }
        return asker
    }

    static func page(next: String) -> HTML { page(next: next, nil, nil) }

    private static func page(next: String, _ sent: Sent?, _ refused: SignInForm.Refused?) -> HTML {
        let kept: HTML = sent.map { "<input type=\"hidden\" name=\"sent\" value=\"\($0.path)\">\($0.hidden(Sent.mark))" } ?? ""
        let why: HTML = refused.map { "<p id=\"why\" role=\"alert\" class=\"message bad\">\($0.words)</p>" } ?? ""
        func invalid(_ field: String) -> HTML { refused?.field == field ? " aria-describedby=\"why\" aria-invalid=\"true\"" : "" }
        return Shell.bare("Sign in", """
            <main id="main" class="sign-in"><div class="panel">\(Shell.mark)<h1>Counterfoil</h1><p class="soft">Both sides agree, or you know why not.</p>
            <form method="post" action="/session"><input type="hidden" name="next" value="\(isOurs(next) ? next : "/")">\(kept)\(why)
            <label for="name">User</label>
            <input id="name" name="name" type="text" autocomplete="username" autofocus autocapitalize="none" spellcheck="false" value="\(refused?.name ?? "")"\(invalid("password"))>
            <label for="password">Password</label>
            <input id="password" name="password" type="password" autocomplete="current-password"\(invalid("password"))>
            <p class="soft small">Or, instead of both:</p>
            <label for="key">API key</label>
            <input id="key" name="key" type="password" autocomplete="off" spellcheck="false" placeholder="cf_…"\(invalid("key"))>
            <button class="primary">Sign in</button></form>
            <p class="soft small">Users and keys of a consultancy see its client businesses, those of one business see that business. Whoever administers yours makes users
            with the API, your operator with <code>counterfoil user create</code>.</p></div></main>
            """)
    }
}
