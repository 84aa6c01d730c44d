internal import ConnectorKit
internal import Crypto
internal import Kernel
internal import Postgres
internal import Store
internal import Telemetry
internal import Wire

extension Endpoints {
    /// Write only: what goes in here comes out of no endpoint.
    static let secrets: [Endpoint] = [
        Endpoint(.put, "/v1/connections/{connection}/credential", .key(.admin), About(
            "Give a connection its credential",
            """
            Write only: sealed for the tenant's worker, which proves it by asking the platform who we are. A token set, of which one of the two tokens is enough; or, for a platform without \
            an OAuth consent, the parts that its connector declares (`counterfoil connector describe ID`, member `auth.parts`). A part of the operator's may be left out where the operator has given it.
            """,
            body: .whole(.either([.object(tokenMembers), .map(.secret, most: ControlPlaneLimits.settings)]), example: tokenMembers.example(.theirs)), .one(.connection),
            .refused(503, "`tenant_keys_pending`: a new tenant has no keys yet.")
        )) { visit in try await putCredential(visit) },
        Endpoint(.put, "/v1/connections/{connection}/webhook-secret", .key(.admin), About(
            "Give a connection the secret that its webhooks are signed with", "Write only.",
            body: [.must("secret", .secret, "As the platform shows it.", example: "whsec-0f3c6a1be5d94c27")], .one(.connection)
        )) { visit in try await putWebhookSecret(visit) },
    ]

    /// What an OAuth 2 consent gives.
    private static let tokenMembers: [Member] = [
        .may("access_token", .secret, "Works for a while.", example: "an-access-token"), .may("refresh_token", .secret, "Gives new ones.", example: "a-refresh-token"),
        .may("expires_at", .instant, "When the access token ends.", example: "2026-11-14T10:00:00Z"), .may("client_id", .line, "The app's.", example: "an-app"),
        .may("client_secret", .secret, "The app's.", example: "an-app-secret"),
    ]

    /// Sealed for the tenant's worker, which proves it by asking the platform who we are.
    private static func putCredential(_ visit: Visit) async throws -> HTTPResponse {
        let (id, tenant, old) = try await connection(visit)
        let platform = old["platform"]?.string ?? ""
        guard old["account"]?.string?.isEmpty == false else {
            throw Refusal(
                422, "account_unknown", "Nobody knows yet which account this connection is to.",
                remedy: "Have it connected in a browser, or make it anew with its account.")
        }
        let spec = visit.desk.connectors[platform]?.spec
        var members: [(key: String, value: JSON)], isOperators = false
        if let spec, let parts = spec.auth.parts {
            (members, isOperators) = try credentialParts(visit, parts, own: visit.desk.configuration.operatorParts[platform] ?? [:])
            if isOperators { try checkOperators(old["base_url"]?.string, spec, account: old["account"]?.string ?? "", visit.desk) }
        } else {
            members = try tokenSet(visit)
        }
        // For the worker, who can't tell by the values whose they are, and asks before each place that they would go to.
        members.append(("operators", .bool(isOperators)))
        let key = try await publicKey(of: tenant, visit.desk)
        let sealed = try key.seal(JSON.object(members).bytes, context: Array("credential \(tenant) \(id)".utf8), random: SystemRandom())
        return try await visit.change { tx throws(Fault) in
            let row = try (try await tx.query(AdminConnectionStatements.putCredential(tenant, id, sealed: sealed))).adminRow()
            try await tx.audit(tenant, [visit.entry("connection.credential", "connection \(id)")])
            _ = try await tx.query(JobStatements.ask(tenant, [Job(.identify, id.description, lane: .interactive)]))
            _ = try await tx.query(AdminConnectionStatements.hurry(tenant))
            _ = try await tx.query(JobStatements.wake())
            return .init(200, row.json)
        }
    }

    private static func tokenSet(_ visit: Visit) throws -> [(key: String, value: JSON)] {
        var input = try visit.input(tokenMembers)
        refuseNulls(tokenMembers.map(\.name), &input)
        let access = input.optionalSecret("access_token"), refresh = input.optionalSecret("refresh_token")
        let expires = input.instant("expires_at")
        let client = input.optionalText("client_id"), clientSecret = input.optionalSecret("client_secret")
        if access == nil, refresh == nil, input.findings.isEmpty {
            input.add("access_token", "is missing, and so is refresh_token", "Send at least one of them.")
        }
        try input.check()
        // The worker's reader wants the member: an empty access token is refreshed before its first use.
        var members: [(key: String, value: JSON)] = [("access_token", .string(access?.revealText() ?? ""))]
        if let refresh { members.append(("refresh_token", .string(refresh.revealText()))) }
        if let expires { members.append(("expires_at", .string(expires.description))) }
        if let client { members.append(("client_id", .string(client))) }
        if let clientSecret { members.append(("client_secret", .string(clientSecret.revealText()))) }
        return members
    }

    /// What the platform's credential consists of, by its connector: no more, no less. What the operator has for all connections is taken where none is
    /// given for this one; whether any was.
    private static func credentialParts(
        _ visit: Visit, _ parts: [CredentialPart], own operators: [String: Secret]
    ) throws -> (members: [(key: String, value: JSON)], isOperators: Bool) {
        var input = try visit.input(parts.map { .may($0.name, .secret, $0.meaning) })
        refuseNulls(parts.map(\.name), &input)
        var members: [(key: String, value: JSON)] = [], own: [(key: String, value: JSON)] = [], isOperators = false
        for part in parts {
            let usual = part.isOperators && !input.has(part.name) ? operators[part.name] : nil
            guard let value = input.optionalSecret(part.name) ?? usual else {
                if part.isRequired, !input.has(part.name) { input.add(part.name, "is missing", "Send \(part.meaning).") }
                continue
            }
            check(value, part, &input)
            if usual != nil { isOperators = true }
            // Words of a token set mean the same everywhere.
            if ["access_token", "client_id", "client_secret"].contains(part.name) { members.append((part.name, .string(value.revealText()))) } else {
                own.append((part.name, .string(value.revealText())))
            }
        }
        try input.check()
        return (own.isEmpty ? members : members + [("parts", .object(own))], isOperators)
    }

    /// A secret that came out empty where it was copied from is not one that was left out.
    private static func refuseNulls(_ names: [String], _ input: inout Input) {
        for name in names where input.has(name) && !input.isGiven(name) { input.add(name, "is null", "Send it as a string, or leave it out.") }
    }

    /// What is wrong with a part is said without showing any of it.
    private static func check(_ value: Secret, _ part: CredentialPart, _ input: inout Input) {
        switch part.form {
        case .text where !value.reveal().allSatisfy({ $0 >= 32 && $0 != 127 }):
            input.add(part.name, "has a line break or another control character", "Send it in one line, without blanks around it.")
        case .text: break
        case .privateKey:
            do throws(Fault) { _ = try SigningKey(pem: value) } catch { input.add(part.name, error.summary, error.remedy) }
        }
    }

    private static func putWebhookSecret(_ visit: Visit) async throws -> HTTPResponse {
        let (id, tenant, old) = try await connection(visit)
        var input = try visit.input()
        let secret = input.optionalSecret("secret")
        try input.check()
        guard visit.desk.connectors[old["platform"]?.string ?? ""] is any SourceConnector, let secret else {
            throw Refusal.invalid([.init(field: "secret", why: "does not belong to a platform that sends webhooks", remedy: "Give it to the source's connection.")])
        }
        let sealed = try visit.desk.configuration.intakeKey.seal(secret.reveal(), context: HookBook.context(tenant, id), random: SystemRandom())
        let response = try await visit.change { tx throws(Fault) in
            let row = try (try await tx.query(AdminConnectionStatements.putWebhookSecret(tenant, id, sealed: sealed))).adminRow()
            try await tx.audit(tenant, [visit.entry("connection.webhook_secret", "connection \(id)")])
            return .init(200, row.json)
        }
        visit.desk.hooks.forget(id.description)
        return response
    }

    /// Waits a little for the scheduler to make a new tenant's keys.
    static func publicKey(of tenant: TenantID, _ desk: Desk) async throws -> BoxPublicKey {
        let deadline = desk.clocks.monotonic() + .milliseconds(ControlPlaneLimits.keysWait_ms)
        while true {
            if let bytes = try await desk.store.publicKey(tenant) { return try BoxPublicKey(bytes) }
            guard desk.clocks.monotonic() < deadline else { throw Refusal.keysPending }
            do { try await Task.sleep(for: .milliseconds(ControlPlaneLimits.keysPoll_ms)) } catch { throw Refusal.keysPending }
        }
    }
}
