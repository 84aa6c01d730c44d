internal import ConnectorKit
internal import Crypto
internal import Kernel
internal import Postgres
internal import Store
internal import Telemetry
internal import Wire

extension Endpoints {
    private static let baseURL = Member.may(
        "base_url", .line(most: 500), "Left out: the platform's own address. Any other must be on the operator's list.", example: .null)
    private static let settings = Member.may("settings", .map(.value, most: ControlPlaneLimits.settings), "What the platform's connector understands: docs/connectors.", example: [:])

    static let connections: [Endpoint] = [
        Endpoint(.post, "/v1/tenants/{tenant}/connections", .key(.admin), About(
            "Make a connection", "An account at a platform. It becomes `live` once a credential for it works; connections that only take what they are sent need none.",
            body: [
                .must("slug", .slug, "A short name, its own in the tenant.", example: "shop"), .must("platform", .line(most: 64), "As `counterfoil connector list` shows it.", example: "shopify"),
                .may("account", .account, "The shop's handle, the company's id: docs/connectors says which. May be left out where it is learned by consent in a browser: docs/connecting.md."),
                baseURL, settings,
            ],
            .made(.connection), .refused(409, "`already_exists`: the slug is taken."), .refused(422, "`host_not_allowed`: the base is not on the operator's list.")
        )) { visit in try await createConnection(visit) },
        Endpoint(.get, "/v1/tenants/{tenant}/connections", .key(.read), About(
            "A tenant's connections", query: [bySlug, .may("platform", .line(most: 64))], .page(.connection)
        )) { visit in
            let tenant = try await visit.tenant()
            var asked = try visit.asked()
            let page = try visit.page(), (slug, platform) = (asked.optionalSlug(), asked.optionalText("platform"))
            return try visit.answer(try await visit.store.adminConnections(tenant, slug: slug, platform: platform, page), page)
        },
        Endpoint(.get, "/v1/connections/{connection}", .key(.read), About("A connection", .one(.connection)).tagged()) { visit in
            try visit.answer(try await visit.store.adminConnection(try visit.identifier("connection"), visit.asker.sees), tag: tag)
        },
        Endpoint(.patch, "/v1/connections/{connection}", .key(.admin), About(
            "Change, pause or resume a connection", "`settings` are all of them: those left out are gone. `base_url` as null: the platform's own address again. Another scheme, host or port drops the credential: the connection is `new` until it is given again.",
            body: [baseURL, settings, .may("state", .choice(["live", "paused"]), "`live`: again, after a pause.", example: "paused")],
            .one(.connection), .refused(409, "`wrong_state`: one that is dead, or has no credential yet, is not paused; one that is new or dead is not resumed."),
            .refused(422, "`host_not_allowed`: the base is not on the operator's list.")
        ).guarded()) { visit in try await changeConnection(visit) },
    ]

    /// Of what a change can set. What the worker writes beside it, a token's version or how far the source was read, is nobody's change.
    private static func tag(_ row: AdminRow) throws(Fault) -> String {
        let json = try JSON(parsing: row.json)
        return Precondition.tag(of: JSON.object(["base_url", "settings", "state"].map { ($0, json[$0] ?? .null) }).bytes)
    }

    private static func createConnection(_ visit: Visit) async throws -> HTTPResponse {
        let tenant = try await visit.tenant()
        var input = try visit.input()
        let slug = input.slug(), platform = input.text("platform"), account = input.account("account")
        let connector = visit.desk.connectors[platform]
        // Whoever consents in a browser says which account it is, unless the consent page's own address names it.
        let learns = connector?.spec.oauth.map { $0.consent != nil && !$0.namesAccount } ?? false
        if !learns, account.isEmpty, !input.findings.contains(where: { $0.field == "account" }) { input.add("account", "is missing", "Add account.") }
        if connector == nil, !platform.isEmpty {
            input.add("platform", "is not a platform we know", "Known are \(visit.desk.connectors.keys.sorted().joined(separator: ", ")).")
        }
        let settings = input.settings("settings", of: connector) ?? []
        let base = input.optionalText("base_url")
        try input.check()
        try checkBase(base, connector, account: account, visit.desk)
        let new = NewConnection(
            id: visit.desk.random.identifier(), slug: slug, platform: platform, account: account, baseURL: base, settings: object(settings).bytes)
        return try await visit.change { tx throws(Fault) in
            let row = try (try await tx.query(AdminConnectionStatements.insert(tenant, new))).adminRow()
            try await tx.audit(tenant, [visit.entry("connection.created", "connection \(new.id)")])
            // Where nobody is called there is no credential to wait for.
            if connector?.spec.isInbound == true {
                _ = try await tx.query(JobStatements.ask(tenant, [Job(.identify, new.id.description, lane: .interactive)]))
                _ = try await tx.query(JobStatements.wake())
            }
            return .init(201, row.json, location: "/v1/connections/\(new.id)")
        }
    }

    /// Settings, base URL, and `live` or `paused`.
    private static func changeConnection(_ visit: Visit) async throws -> HTTPResponse {
        let (id, tenant, old) = try await connection(visit)
        var input = try visit.input()
        let connector = visit.desk.connectors[old["platform"]?.string ?? ""]
        let settings = input.settings("settings", of: connector)
        let state = input.choice("state")
        let base: String?? = input.has("base_url") ? .some(input.optionalText("base_url")) : .none
        try input.check()
        let account = old["account"]?.string ?? ""
        try checkBase(base ?? nil, connector, account: account, visit.desk)
        let change = base.map { new -> BaseChange in
            let former = old["base_url"]?.string
            // Nobody is called where a platform only sends: there is nothing to be given anew.
            let moves = connector.map { !$0.spec.isInbound && !HostList.isSame(former, new, $0.spec, account: account) } ?? (former != new)
            return BaseChange(url: new, former: former, moves: moves)
        }
        let changed = ["settings", "base_url", "state"].filter { input.has($0) }
        let seen = try Precondition(visit.request)
        return try await visit.change { tx throws(Fault) in
            _ = try await tx.query(AdminConnectionStatements.lock(tenant, id))
            try seen.check(try tag(try (try await tx.query(AdminConnectionStatements.one(id, Visibility(tenant: tenant)))).adminRow()), "the connection")
            let sql = AdminConnectionStatements.update(tenant, id, settings: settings.map { object($0).bytes }, base: change, state: state)
            guard let row = try (try await tx.query(sql)).adminRows().first else {
                throw Fault("wrong_state", stage: .api, disposition: .reject, summary: "the connection can't be paused or resumed in its state",
                    remedy: "A new or dead connection becomes live once a credential for it works.")
            }
            var detail: [(key: String, value: JSON)] = [("members", .array(changed.map { .string($0) }))]
            if let change, change.moves {
                if old["credential"]?["present"]?.bool == true { detail.append(("credential", "dropped")) }
                _ = try await tx.query(ConsentStatements.revokeAll(of: tenant, id, actor: visit.asker.actor))
            }
            try await tx.audit(tenant, [visit.entry("connection.changed", "connection \(id)", JSON.object(detail).bytes)])
            // After a pause in which it was given another credential it is known first whose account that is.
            if state == "live" { _ = try await tx.query(AdminConnectionStatements.askWho(tenant, [id])) }
            _ = try await tx.query(AdminConnectionStatements.hurry(tenant))
            _ = try await tx.query(JobStatements.wake())
            return .init(200, row.json, tag: try tag(row))
        }
    }

    /// The connection in the path, when this key may see it.
    static func connection(_ visit: Visit) async throws -> (ConnectionID, TenantID, JSON) {
        let id: ConnectionID = try visit.identifier("connection")
        guard let row = try await visit.store.adminConnection(id, visit.asker.sees), let tenant = row.tenant else { throw Refusal.notFound() }
        return (id, tenant, try JSON(parsing: row.json))
    }

    /// A base other than the platform's own must be on the operator's list: whoever owns it gets the credential.
    private static func checkBase(_ url: String?, _ connector: (any Connector)?, account: String, _ desk: Desk) throws {
        guard let url else { return }
        guard let place = HostList.place(of: url) else {
            throw Refusal.invalid([.init(field: "base_url", why: "is not an http or https URL", remedy: "Write scheme, host, port and path, without user and query.")])
        }
        guard let spec = connector?.spec, HostList(desk.configuration.allowedHosts).allows(url, spec, account: account) else {
            throw Refusal(
                422, "host_not_allowed", "\(place) is not on the list of allowed hosts.",
                remedy: "Have the operator add \(place) to the allowed hosts, or leave base_url out to use the platform's own.", field: "base_url")
        }
    }

    /// What is the operator's goes to the platform's own places, and where he says so for this platform: whoever owns the base gets it.
    static func checkOperators(_ base: String?, _ spec: PlatformSpec, account: String, _ desk: Desk) throws {
        guard let base, !HostList(desk.configuration.allowedHosts).trusts(base, spec, account: account) else { return }
        let place = HostList.place(of: base) ?? "that host"
        throw Refusal(
            422, "host_not_allowed", "What is the operator's at \(spec.name) is not sent to \(place).",
            remedy: "Have the operator add \(spec.id)=\(place) to the allowed hosts, or leave base_url out to use the platform's own.", field: "base_url")
    }

    static func object(_ pairs: [(name: String, value: String)]) -> JSON { .object(pairs.map { ($0.name, .string($0.value)) }) }
}

extension Input {
    /// Settings that the platform's connector understands.
    mutating func settings(_ key: String, of connector: (any Connector)?) -> [(name: String, value: String)]? {
        guard let given = strings(key) else { return nil }
        if let known = (connector as? any SourceConnector)?.settings ?? (connector as? any FileLedger)?.settings {
            for (name, _) in given where known[name] == nil {
                add("\(key).\(name.prefix(64))", "is not a setting of this platform", "Known are \(known.keys.sorted().joined(separator: ", ")).")
            }
        }
        return given
    }
}
