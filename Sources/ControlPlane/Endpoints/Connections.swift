internal import ConnectorKit
internal import Crypto
internal import Kernel
internal import Postgres
internal import Store
internal import Telemetry
internal import Wire

extension Endpoints {
    static let connections: [Endpoint] = [
        Endpoint(.post, "/v1/tenants/{tenant}/connections", .key(.admin)) { visit in try await createConnection(visit) },
        Endpoint(.get, "/v1/tenants/{tenant}/connections", .key(.read)) { visit in
            let (tenant, page) = (try await visit.tenant(), try visit.page())
            let rows = try await visit.store.adminConnections(tenant, slug: visit.request.query("slug"), platform: visit.request.query("platform"), page)
            return try visit.answer(rows, page)
        },
        Endpoint(.get, "/v1/connections/{connection}", .key(.read)) { visit in
            try visit.answer(try await visit.store.adminConnection(try visit.identifier("connection"), visit.asker.sees))
        },
        Endpoint(.patch, "/v1/connections/{connection}", .key(.admin)) { visit in try await changeConnection(visit) },
    ]

    private static func createConnection(_ visit: Visit) async throws -> HTTPResponse {
        let tenant = try await visit.tenant()
        var input = try visit.input(["slug", "platform", "account", "base_url", "settings"])
        let slug = input.slug(), platform = input.text("platform", most: 64)
        let connector = visit.desk.connectors[platform]
        // Whoever consents in a browser says which account it is, unless the consent page's own address names it.
        let learns = connector?.spec.oauth.map { $0.consent != nil && !$0.namesAccount } ?? false
        let account = learns && !input.has("account") ? "" : input.account("account")
        if connector == nil, !platform.isEmpty {
            input.add("platform", "is not a platform we know", "Known are \(visit.desk.connectors.keys.sorted().joined(separator: ", ")).")
        }
        let settings = input.settings("settings", of: connector) ?? []
        let base = input.optionalText("base_url", most: 500)
        try input.check()
        try checkBase(base, connector, visit.desk)
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
        var input = try visit.input(["base_url", "settings", "state"])
        let connector = visit.desk.connectors[old["platform"]?.string ?? ""]
        let settings = input.settings("settings", of: connector)
        let state = input.choice("state", of: ["live", "paused"])
        let base: String?? = input.has("base_url") ? .some(input.optionalText("base_url", most: 500)) : .none
        try input.check()
        try checkBase(base ?? nil, connector, visit.desk)
        let changed = ["settings", "base_url", "state"].filter { input.has($0) }
        return try await visit.change { tx throws(Fault) in
            let sql = AdminConnectionStatements.update(tenant, id, settings: settings.map { object($0).bytes }, baseURL: base, state: state)
            guard let row = try (try await tx.query(sql)).adminRows().first else {
                throw Fault("wrong_state", stage: .api, disposition: .reject, summary: "the connection can't be paused or resumed in its state",
                    remedy: "A new or dead connection becomes live once a credential for it works.")
            }
            try await tx.audit(tenant, [visit.entry("connection.changed", "connection \(id)", JSON.object([("members", .array(changed.map { .string($0) }))]).bytes)])
            _ = try await tx.query(AdminConnectionStatements.hurry(tenant))
            _ = try await tx.query(JobStatements.wake())
            return .init(200, row.json)
        }
    }

    /// The connection in the path, when this key may see it.
    static func connection(_ visit: Visit) async throws -> (ConnectionID, TenantID, JSON) {
        let id: ConnectionID = try visit.identifier("connection")
        guard let row = try await visit.store.adminConnection(id, visit.asker.sees), let tenant = row.tenant else { throw Refusal.notFound() }
        return (id, tenant, try JSON(parsing: row.json))
    }

    /// A base other than the platform's own must be on the operator's list: whoever owns it gets the credential.
    private static func checkBase(_ url: String?, _ connector: (any Connector)?, _ desk: Desk) throws {
        guard let url else { return }
        guard let place = HostList.place(of: url) else {
            throw Refusal.invalid([.init(field: "base_url", why: "is not an http or https URL", remedy: "Write scheme, host, port and path, without user and query.")])
        }
        let own = [connector?.spec.productionBase, connector?.spec.sandboxBase].compactMap { $0 }
        guard HostList(desk.configuration.allowedHosts).allows(url, own: own) else {
            throw Refusal(
                422, "host_not_allowed", "\(place) is not on the list of allowed hosts.",
                remedy: "Have the operator add \(place) to the allowed hosts, or leave base_url out to use the platform's own.", field: "base_url")
        }
    }

    static func object(_ pairs: [(name: String, value: String)]) -> JSON { .object(pairs.map { ($0.name, .string($0.value)) }) }
}

extension Input {
    /// A platform's own name for an account. It can become part of a host name, so nothing else may hide in it.
    mutating func account(_ key: String) -> String {
        let text = self.text(key, most: 128)
        if !text.isEmpty, !Input.isAccount(text) {
            add(key, "may hold letters, digits, hyphens, dots and underscores only", "Write it as the platform shows it.")
        }
        return text
    }

    static func isAccount(_ text: String) -> Bool {
        let good = text.utf8.allSatisfy { ($0 | 32 >= 97 && $0 | 32 <= 122) || ($0 >= 48 && $0 <= 57) || [45, 46, 95].contains($0) }
        return good && (1 ... 128).contains(text.utf8.count) && !text.hasPrefix(".") && !text.hasPrefix("-")
    }

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
