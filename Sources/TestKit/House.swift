internal import FoundationEssentials
public import Kernel
public import Postgres
public import Store

/// A database with one client business in it: a source, a ledger and the flow between them, as the control plane would have made them.
public struct House: Sendable {
    public let database: TemporaryDatabase
    /// The superuser's: for arranging and for looking.
    public let owner: PostgresPool
    public let supervisor: Store
    public let worker: Store
    public let tenant: TenantID
    public let organisation: OrganisationID
    public let source: ConnectionID
    public let ledger: ConnectionID
    public let flow: FlowID
    public var consultancy: ConsultancyID

    /// What the tenant's files would say.
    public struct Plan: Sendable {
        public var sourcePlatform = "scripted-source"
        public var ledgerPlatform = "scripted-ledger"
        public var ledgerURL: String?
        public var ledgerAccount = "books-1"
        public var country = "US"
        public var currency = "USD"
        public var policies: [(name: String, value: String)] = []
        public var structure = #"""
            {"accounts": {"sales:*": "4000", "receivable:*": "4000", "clearing:*": "4000", "tax_payable:*": "4000", "returns_allowances": "4000", "restocking_fee_income": "4000",
              "bank:*": "4000", "bank_fees": "4000", "processor_fees": "4000", "processor_reserve:*": "4000", "chargebacks": "4000",
              "chargeback_fees": "4000", "customer_deposits": "4000", "gift_card_liability": "4000", "breakage_income": "4000",
              "deferred_revenue": "4000", "rounding": "4000", "fx_gain_loss": "4000"}}
            """#
        public var rules = "{}"
        public var cutOver: LocalDate?
        public var credential = #"{"access_token": "token-0"}"#

        public init() {}
    }

    /// Makes a house for the body and tears it down after; a few at a time, so that a hundred tests share one server.
    @discardableResult
    public static func with<T: Sendable>(_ plan: Plan = Plan(), _ body: @Sendable (House) async throws -> T) async throws -> T {
        await gate.enter()
        let house: House
        do {
            house = try await make(plan)
        } catch {
            await gate.leave()
            throw error
        }
        let result: Result<T, any Error>
        do { result = .success(try await body(house)) } catch { result = .failure(error) }
        await house.close()
        await gate.leave()
        return try result.get()
    }

    private static let gate = Gate(8)

    private static func make(_ plan: Plan) async throws -> House {
        let database = try await TemporaryDatabase.make()
        let owner = PostgresPool(database.superuser, size: 2)
        let random = SystemRandom()
        let tenant: TenantID = random.identifier()
        let house = House(
            database: database, owner: owner, supervisor: Store(PostgresPool(database.supervisor, size: 3)),
            worker: Store(PostgresPool(try await database.worker(of: tenant), size: 3)), tenant: tenant, organisation: random.identifier(),
            source: random.identifier(), ledger: random.identifier(), flow: random.identifier(), consultancy: random.identifier())
        try await house.furnish(tenant, plan, slug: "client")
        return house
    }

    /// One more client business in the same database, with nothing but itself, its organisation, connections and flow.
    public func neighbour() async throws -> House {
        let random = SystemRandom()
        let other: TenantID = random.identifier()
        let house = House(
            database: database, owner: owner, supervisor: supervisor, worker: Store(PostgresPool(try await database.worker(of: other), size: 2)),
            tenant: other, organisation: random.identifier(), source: random.identifier(), ledger: random.identifier(), flow: random.identifier(),
            consultancy: consultancy)
        try await house.furnish(other, Plan(), slug: "neighbour-\(random.bytes(3).hexText)")
        return house
    }

    private func furnish(_ tenant: TenantID, _ plan: Plan, slug: String) async throws {
        let key = [UInt8](repeating: 7, count: 32)
        let members = plan.policies.map { #""\#($0.name)": "\#($0.value)""# }.joined(separator: ", ")
        let policies = PostgresJSON(Array("{\(members)}".utf8))
        let credential = Array(plan.credential.utf8)
        try await owner.batch([
            "INSERT INTO app.consultancies (id, slug, name) VALUES (\(consultancy), 'firm', 'A firm') ON CONFLICT DO NOTHING",
            """
            INSERT INTO app.tenants (tenant_id, consultancy_id, slug, name, state, public_key, wrapped_private_key)
            VALUES (\(tenant), \(consultancy), \(slug), 'A client', 'active', \(key), \(key))
            """,
            """
            INSERT INTO app.organisations (tenant_id, id, slug, name, country, base_currency, time_zone)
            VALUES (\(tenant), \(organisation), 'company', 'A company', \(plan.country), \(plan.currency), 'UTC')
            """,
            """
            INSERT INTO app.connections (tenant_id, id, slug, platform, account, state, credential, credential_version)
            VALUES (\(tenant), \(source), 'shop', \(plan.sourcePlatform), 'shop-1', 'live', \(credential), 1)
            """,
            """
            INSERT INTO app.connections (tenant_id, id, slug, platform, account, base_url, state, credential, credential_version)
            VALUES (\(tenant), \(ledger), 'books', \(plan.ledgerPlatform), \(plan.ledgerAccount), \(plan.ledgerURL), 'live', \(credential), 1)
            """,
            "INSERT INTO app.structures (tenant_id, version, body, actor) VALUES (\(tenant), 1, \(plan.structure)::json, 'test')",
            "INSERT INTO app.rule_sets (tenant_id, version, body, actor) VALUES (\(tenant), 1, \(plan.rules)::json, 'test')",
            """
            INSERT INTO app.flows (tenant_id, id, slug, organisation_id, source_id, ledger_id, policies, cut_over)
            VALUES (\(tenant), \(flow), 'shop-to-books', \(organisation), \(source), \(ledger), \(policies), \(plan.cutOver))
            """,
        ])
    }

    /// Makes the tenant's lease one that is held now; returns it.
    public func lease(holder: String = "test", seconds: Int = 600) async throws -> Lease {
        guard let lease = try await supervisor.acquire(tenant, holder: holder, seconds: seconds) else {
            throw Fault("lease_taken", stage: .scheduler, disposition: .bug, summary: "somebody holds the tenant's lease")
        }
        return lease
    }

    /// Rows while anybody waits for an advisory lock in this database.
    public var waitsForKey: SQL {
        "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    }

    /// One number.
    public func count(_ sql: SQL) async throws -> Int {
        let value: Int64? = try await owner.query(sql).first?.get(0)
        return Int(value ?? 0)
    }

    private func close() async {
        await worker.pool.close()
        await supervisor.pool.close()
        await owner.close()
        // A database that a session still leaves stays until the server goes.
        try? await postgresScript(database.cluster.configuration(), "DROP DATABASE IF EXISTS \(database.name) WITH (FORCE)")
    }
}

/// Lets a number of callers in at a time, in the order they came.
private actor Gate {
    private var free: Int
    private var waiting: [CheckedContinuation<Void, Never>] = []

    init(_ places: Int) { free = places }

    func enter() async {
        if free > 0 {
            free -= 1
            return
        }
        await withCheckedContinuation { waiting.append($0) }
    }

    func leave() {
        if waiting.isEmpty { free += 1 } else { waiting.removeFirst().resume() }
    }
}
