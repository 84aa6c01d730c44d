internal import ConnectorKit
internal import Crypto
internal import Kernel
internal import Postgres
internal import Store
internal import Wire

extension Endpoints {
    /// Links by which a person connects a platform in a browser, as programs make and watch them.
    static let consents: [Endpoint] = [
        Endpoint(.post, "/v1/connections/{connection}/authorization", .key(.admin), About(
            "Begin to connect a platform in a browser", "For somebody who goes on at once: the link works for 15 minutes and once. It is shown this one time, so it takes no `Idempotency-Key`.",
            isRepeatable: false, .json(201, .thing(.newConsent), "The link, this once."), notKept, notReady, notOffered
        )) { visit in try await link(visit, "direct", lasting: .seconds(ControlPlaneLimits.directSeconds)) },
        Endpoint(.post, "/v1/connections/{connection}/invitation", .key(.admin), About(
            "Invite somebody to connect a platform", "A link to be sent to a client. It works once and is shown this one time, so it takes no `Idempotency-Key`.",
            body: [.may("valid_hours", .integer(1 ... ControlPlaneLimits.invitationHoursMost), "72 when absent.", example: 72)],
            isRepeatable: false, .json(201, .thing(.newConsent), "The link, this once."), notKept, notReady, notOffered
        )) { visit in
            var input = try visit.input()
            let hours = input.integer("valid_hours") ?? ControlPlaneLimits.invitationHours
            try input.check()
            return try await link(visit, "invitation", lasting: .seconds(hours * 3600))
        },
        Endpoint(.get, "/v1/connections/{connection}/authorizations", .key(.read), About("Links to a connection and what came of them, newest first", .page(.consent))) { visit in
            let (id, tenant, _) = try await connection(visit)
            let page = try visit.page()
            return try visit.answer(try await visit.store.adminConsents(tenant, id, page), page)
        },
        Endpoint(.get, "/v1/authorizations/{consent}", .key(.read), About("One link and what came of it", .one(.consent))) { visit in
            try visit.answer(try await visit.store.adminConsent(try visit.identifier("consent"), visit.asker.sees))
        },
        Endpoint(.delete, "/v1/authorizations/{consent}", .key(.admin), About(
            "Take a link back", "At any time before its account is confirmed; nothing of it is kept.", .empty(204, "It leads nowhere any more."),
            .refused(409, "`wrong_state`: it is settled already.")
        )) { visit in try await revoke(visit) },
    ]

    private static let notKept = Reply.refused(400, "`idempotency_not_kept`: leave `Idempotency-Key` out.")
    private static let notReady = Reply.refused(409, "`consent_no_address`, `consent_no_app`: the operator has not set it up.")
    private static let notOffered = Reply.refused(422, "`consent_not_offered`: the platform takes its credential otherwise; `consents_too_many`: take back those that nobody needs; `host_not_allowed`: the operator's app is not for this connection's base.")

    /// The answer is the one time that the link is shown, so it is not kept for an idempotency key either.
    private static func link(_ visit: Visit, _ kind: String, lasting: Duration) async throws -> HTTPResponse {
        guard visit.request.fields["Idempotency-Key"] == nil else {
            throw Refusal(
                400, "idempotency_not_kept", "The answer holds a link that is shown once and not kept.",
                remedy: "Leave Idempotency-Key out; take a link back that you did not get to see.")
        }
        let (connection, tenant, row) = try await connection(visit)
        let platform = row["platform"]?.string ?? ""
        guard let spec = visit.desk.connectors[platform]?.spec, spec.oauth?.consent != nil else {
            throw Refusal(
                422, "consent_not_offered", "This platform is not connected in a browser.", remedy: "Give its credential with PUT /v1/connections/{connection}/credential.")
        }
        try ready(visit.desk, spec)
        try checkOperators(row["base_url"]?.string, spec, account: row["account"]?.string ?? "", visit.desk)
        let secret = base32Text(SystemRandom().bytes(20), characters: ConsentLink.characters)
        let now = visit.desk.clocks.now()
        let new = NewConsent(
            id: visit.desk.random.identifier(), connection: connection, kind: kind, linkDigest: Digest.sha256(Array(secret.utf8)), key: visit.asker.key, createdBy: visit.asker.actor,
            expiresAt: now + lasting)
        let move = ConsentMove(tenant, new.id, of: connection, actor: visit.asker.actor, action: "consent.\(kind == "direct" ? "begun" : "invited")")
        try await visit.store.transaction { tx throws(Fault) in
            let open: Int64 = try await tx.query(ConsentStatements.unsettled(tenant, connection, at: now)).first?.get("n") ?? 0
            guard open < ControlPlaneLimits.consentsOpen else {
                throw Fault(
                    "consents_too_many", stage: .api, disposition: .reject, summary: "\(open) links to this connection work already",
                    remedy: "Take those back that nobody needs: DELETE /v1/authorizations/{id}.")
            }
            guard try await tx.move(ConsentStatements.insert(tenant, new), move) else {
                throw Fault("unauthenticated", stage: .api, disposition: .reject, summary: "the API key was revoked", remedy: "Ask your operator for a key.")
            }
        }
        let url = "\(visit.desk.configuration.publicURL)/connect/\(secret)"
        return .json(201, .object([
            ("id", .string(new.id.description)), ("connection", .string(connection.description)), ("kind", .string(kind)), ("url", .string(url)),
            ("expires_at", .string(new.expiresAt.description)),
        ]))
    }

    /// What the operator has to have set up for it.
    static func ready(_ desk: Desk, _ spec: PlatformSpec) throws {
        guard ConsentLink.isGood(desk.configuration.publicURL) else {
            throw Refusal(
                409, "consent_no_address", "This installation has no address that a platform may send browsers back to.",
                remedy: "Have the operator set COUNTERFOIL_URL to its https address.")
        }
        guard ConsentApp(spec.id, desk.configuration) != nil else {
            throw Refusal(
                409, "consent_no_app", "The operator has no app at \(spec.name).",
                remedy: "Have the operator register one there, with the address \(ConsentLink.callback(desk, spec.id)), and put its client_id and client_secret into secrets/operator.json.")
        }
    }

    private static func revoke(_ visit: Visit) async throws -> HTTPResponse {
        let id: ConsentID = try visit.identifier("consent")
        guard let row = try await visit.store.adminConsent(id, visit.asker.sees), let tenant = row.tenant,
            let connection = try JSON(parsing: row.json)["connection"]?.string.flatMap({ ConnectionID($0) })
        else { throw Refusal.notFound() }
        let move = ConsentMove(tenant, id, of: connection, actor: visit.asker.actor, action: "consent.revoked")
        guard try await visit.store.move(ConsentStatements.revoke(tenant, id), move) else {
            throw Fault(
                "wrong_state", stage: .api, disposition: .reject, summary: "this link is settled already",
                remedy: "Read it again. What it connected is ended with a new credential, or at the platform.")
        }
        return HTTPResponse(204)
    }
}

/// The addresses of a consent.
enum ConsentLink {
    /// Of a link's secret: 160 bits in Crockford's base32.
    static let characters = 32

    /// Browsers carry codes there: https, or this machine.
    static func isGood(_ url: String) -> Bool {
        guard HostList.place(of: url) != nil else { return false }
        return url.hasPrefix("https://") || ["http://127.0.0.1", "http://localhost", "http://[::1]"].contains { url == $0 || url.hasPrefix($0 + ":") || url.hasPrefix($0 + "/") }
    }

    /// The one address that a platform may send browsers back to: each has its own, so that no platform can answer for another.
    static func callback(_ desk: Desk, _ platform: String) -> String { "\(desk.configuration.publicURL)/oauth/callback/\(platform)" }
}
