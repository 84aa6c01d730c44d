public import Books
internal import ConnectorKit
public import Courier
public import Kernel
public import Mapping
internal import Postgres
public import Store
internal import Telemetry
internal import Wire

/// What a tenant's worker knows of its configuration, read anew when it may have changed.
public struct Setup: Sendable {
    /// A flow with everything it joins.
    public struct Flow: Sendable {
        public var row: FlowRow
        public var organisation: Organisation
        public var policies: Policies
        public var source: CourierConnection
        public var ledger: CourierConnection
        /// Whose returns belong to it, beside its source's documents.
        public var returns: ConnectionID?

        /// How long a search of this ledger that finds nothing proves nothing, where the connection knows better than its platform's spec
        /// (setting `find_settles_seconds`: a twin shows at once what it did, the vendor's servers may not).
        var findSettles: Duration? { ledger.facts.settings["find_settles_seconds"].flatMap { Int($0) }.map { .seconds($0) } }
    }

    public var flows: [Flow]
    /// Flows whose configuration can't be used, with the reason; the others go on.
    public var broken: [FlowID: Fault]
    public var connections: [ConnectionID: CourierConnection]
    public var structure: AccountStructure
    public var rules: RuleSet

    /// - Throws: `not_configured` (hold) while the tenant has no structure or rules; `invalid_configuration` naming the place.
    public static func load(_ tenant: TenantID, from store: Store) async throws(Fault) -> Setup {
        let connections = try await connections(tenant, from: store)
        guard let configuration = try await store.configuration(tenant) else {
            throw Fault("not_configured", stage: .configuration, disposition: .hold, summary: "the tenant has no account structure or no rules yet",
                remedy: "Apply both with `counterfoil tenant apply` or the API.")
        }
        var findings = Findings()
        let structure = AccountStructure.read(try JSON(parsing: configuration.structure), version: configuration.structureVersion, into: &findings)
        let rules = RuleSet.read(try JSON(parsing: configuration.rules), version: configuration.rulesVersion, into: &findings)
        if let first = findings.list.first {
            throw Fault("invalid_configuration", stage: .configuration, disposition: .hold, summary: first.why, remedy: first.remedy, position: first.position)
        }
        var flows: [Flow] = []
        var broken: [FlowID: Fault] = [:]
        for row in try await store.flows(tenant) {
            guard let source = connections[row.sourceID], let ledger = connections[row.ledgerID] else { continue }
            do throws(Fault) {
                var policies = try Self.policies(row.policies, country: row.organisation.country)
                let returns = try Self.returns(&policies, source, connections)
                flows.append(Flow(
                    row: row, organisation: try organisation(row.organisation), policies: policies, source: source, ledger: ledger, returns: returns))
            } catch {
                broken[row.id] = error
            }
        }
        return Setup(flows: flows, broken: broken, connections: connections, structure: structure, rules: rules)
    }

    /// Connections alone, for the jobs that need no more.
    public static func unconfigured(_ tenant: TenantID, from store: Store) async throws(Fault) -> Setup {
        Setup(
            flows: [], broken: [:], connections: try await connections(tenant, from: store),
            structure: AccountStructure(version: 0, accounts: [], taxCodes: [], houseCustomer: ""), rules: RuleSet(version: 0, rules: [], reasonCodes: []))
    }

    private static func connections(_ tenant: TenantID, from store: Store) async throws(Fault) -> [ConnectionID: CourierConnection] {
        var connections: [ConnectionID: CourierConnection] = [:]
        for row in try await store.connections(tenant) {
            var settings: [String: String] = [:]
            for (key, value) in try JSON(parsing: row.settings).object ?? [] { settings[key] = value.string }
            connections[row.id] = CourierConnection(row: row, facts: ConnectionFacts(account: row.account, settings: settings, base: row.baseURL, country: row.country))
        }
        return connections
    }

    public static func organisation(_ row: OrganisationRow) throws(Fault) -> Organisation {
        guard let currency = Currency(row.baseCurrency) else {
            throw Fault("invalid_configuration", stage: .configuration, disposition: .hold, summary: "the organisation's base currency is no currency", remedy: "Make an organisation with an ISO 4217 code, and its flows.",
                position: "base_currency")
        }
        return Organisation(
            id: row.id.description, baseCurrency: currency, country: row.country, zone: try Zone.named(row.timeZone),
            taxMode: row.country == "US" ? .exclusive : .inclusive)
    }

    /// The connection that the policies name.
    private static func returns(
        _ policies: inout Policies, _ source: CourierConnection, _ connections: [ConnectionID: CourierConnection]
    ) throws(Fault) -> ConnectionID? {
        guard let slug = policies.returnsFrom else { return nil }
        guard let found = connections.values.first(where: { $0.row.slug == slug }) else {
            throw Fault(
                "invalid_policy", stage: .configuration, disposition: .hold, summary: "policy returns.from names no connection of the tenant: '\(slug)'",
                remedy: "Name the connection to the returns system by its slug.", position: "returns.from")
        }
        policies.returnsAlone = found.row.id == source.row.id
        return found.row.id
    }

    public static func policies(_ json: [UInt8], country: String) throws(Fault) -> Policies {
        var policies = Policies.template(country: country)
        for (name, value) in PolicyText.flat(try JSON(parsing: json)).object ?? [] {
            guard let text = value.string else {
                throw Fault("invalid_policy", stage: .configuration, disposition: .hold, summary: "policy \(name) must be a string", remedy: "Write its value in quotation marks.", position: name)
            }
            try policies.set(name, to: text)
        }
        if let first = policies.unsupported.first {
            throw Fault("unsupported_policy", stage: .configuration, disposition: .hold, summary: "policy \(first) can't be carried out by this version", remedy: "Take it out of the flow's policies.", position: first)
        }
        return policies
    }

    func connection(_ subject: String) throws(Fault) -> CourierConnection {
        guard let id = ConnectionID(subject), let found = connections[id] else {
            throw Fault("unknown_connection", stage: .worker, disposition: .reject, summary: "the job names a connection that is not there",
                remedy: "None needed: what it was about was removed.")
        }
        return found
    }

    func flow(_ subject: String) throws(Fault) -> Flow {
        let id = FlowID(subject)
        if let id, let fault = broken[id] { throw fault }
        guard let found = flows.first(where: { $0.row.id == id }) else {
            throw Fault("unknown_flow", stage: .worker, disposition: .reject, summary: "the job names a flow that is not there", remedy: "None needed: what it was about was removed.")
        }
        return found
    }

    /// Flows that take documents from this connection.
    func flows(from connection: ConnectionID) -> [Flow] { flows.filter { $0.row.sourceID == connection || $0.returns == connection } }

    /// Flows that post into this connection.
    func flows(into connection: ConnectionID) -> [Flow] { flows.filter { $0.row.ledgerID == connection } }
}
