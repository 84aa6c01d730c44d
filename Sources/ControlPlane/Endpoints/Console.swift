internal import Crypto
internal import Kernel
internal import Store
internal import Wire

extension Endpoints {
    static let console: [Endpoint] = [
        Endpoint(.get, "/", .open, About("The console", "For people, in a browser.", .content(200, "text/html", "The page of whoever is logged in, or the log-in."))) { visit in
            guard let asker = try await session(visit) else { return ConsolePage.respond(200, ConsolePage.login()) }
            return try await overview(visit, asker)
        },
        Endpoint(.post, "/session", .open, About(
            "Log in", "The form of the console.", body: .content(type: "application/x-www-form-urlencoded", "The field `key`, an API key.", example: "key=cf_0123456789abcdefghjkmnpqrstvwxyz"),
            .empty(303, "To the console."), .content(401, "text/html", "The key is unknown, revoked, or may not read."),
            .refused(403, "`foreign_origin`: the form was not sent from this site."), .refused(415, "`unsupported_media_type`."), .refused(503, "`database_unavailable`.")
        )) { visit in try await logIn(visit) },
        Endpoint(.post, "/session/end", .open, About("Log out", .empty(303, "To the console."), .refused(403, "`foreign_origin`: the form was not sent from this site."))) { visit in
            try checkOrigin(visit)
            if let id = cookie(visit) { visit.desk.sessions.close(id) }
            return redirect("cf_session=; HttpOnly; SameSite=Strict; Path=/; Max-Age=0")
        },
    ]

    private static func logIn(_ visit: Visit) async throws -> HTTPResponse {
        try checkOrigin(visit)
        guard (visit.request.fields["Content-Type"] ?? "").lowercased().hasPrefix("application/x-www-form-urlencoded") else {
            throw Refusal(415, "unsupported_media_type", "The log-in is a form.", remedy: "Use the page at /.")
        }
        let form = Form.decode(String(decoding: visit.request.body, as: UTF8.self))
        let key = form.first { $0.name == "key" }?.value ?? ""
        guard let asker = try await visit.desk.keyring.asker(key: key), asker.scopes.contains(.read) else {
            return ConsolePage.respond(401, ConsolePage.login("This key is unknown, revoked, or may not read."))
        }
        let id = visit.desk.sessions.open(Digest.sha256(Array(key.utf8)))
        let secure = visit.request.fields["X-Forwarded-Proto"]?.lowercased() == "https" ? " Secure;" : ""
        return redirect("cf_session=\(id); HttpOnly; SameSite=Strict;\(secure) Path=/; Max-Age=\(ControlPlaneLimits.sessionSeconds)")
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

    private static func redirect(_ cookie: String) -> HTTPResponse {
        HTTPResponse(303, fields: ["Location": "/", "Set-Cookie": cookie, "Referrer-Policy": "same-origin"])
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

    /// Who is logged in, as their key stands now.
    private static func session(_ visit: Visit) async throws -> Asker? {
        guard let id = cookie(visit), let digest = visit.desk.sessions.digest(id), let asker = try await visit.desk.keyring.asker(digest: digest),
            asker.scopes.contains(.read)
        else { return nil }
        return asker
    }

    private static func overview(_ visit: Visit, _ asker: Asker) async throws -> HTTPResponse {
        let store = visit.store
        async let steps = store.reportSteps(asker.sees)
        async let causes = store.reportCauses(asker.sees)
        async let stopped = store.reportHeld(asker.sees, tenant: nil, PageRequest(limit: 50))
        async let unexplained = store.reportUnexplained(asker.sees)
        async let alerts = store.adminAlerts(asker.sees, AlertFilter(state: "unresolved"), PageRequest(limit: Limits.pageRows))
        var shown = ConsolePage.Overview(who: asker.label, version: visit.desk.configuration.version, at: visit.desk.clocks.now())
        shown.steps = try rows(try await steps)
        shown.causes = try rows(try await causes)
        shown.stopped = try rows(try await stopped)
        shown.unexplained = try rows(try await unexplained)
        shown.alerts = try rows(try await alerts)
        return ConsolePage.respond(200, ConsolePage.overview(shown))
    }

    private static func rows(_ rows: [AdminRow]) throws(Fault) -> [JSON] {
        var out: [JSON] = []
        for row in rows { out.append(try JSON(parsing: row.json)) }
        return out
    }
}
