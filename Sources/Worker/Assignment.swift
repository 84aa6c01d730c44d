public import Kernel
internal import Postgres
internal import Wire

/// What the scheduler hands a worker over its control pipe: one tenant, one lease, and the keys to nothing else.
public struct Assignment: Sendable {
    public var tenant: TenantID
    public var epoch: Int64
    /// CLOCK_BOOTTIME nanoseconds at which the lease ends.
    public var leaseEnds_ns: Int64
    public var databaseHost: String
    public var databasePort: String
    public var database: String
    /// libpq's settings of the way there: `sslmode`, `sslrootcert`, `target_session_attrs`.
    public var databaseWay: [String: String]
    public var role: String
    public var password: Secret
    /// The tenant's X25519 private key.
    public var privateKey: Secret
    /// Hosts that connections may name besides public ones.
    public var allowedHosts: [String]

    public init(
        tenant: TenantID, epoch: Int64, leaseEnds_ns: Int64, databaseHost: String, databasePort: String, database: String, databaseWay: [String: String] = [:], role: String, password: Secret,
        privateKey: Secret, allowedHosts: [String]
    ) {
        self.tenant = tenant
        self.epoch = epoch
        self.leaseEnds_ns = leaseEnds_ns
        self.databaseHost = databaseHost
        self.databasePort = databasePort
        self.database = database
        self.databaseWay = databaseWay
        self.role = role
        self.password = password
        self.privateKey = privateKey
        self.allowedHosts = allowedHosts
    }

    /// One line of JSON; goes through the pipe and nowhere else.
    public func lineForPipe() -> [UInt8] {
        let json = JSON.object([
            ("tenant", .string(tenant.description)), ("epoch", .number("\(epoch)")), ("lease_ends_ns", .number("\(leaseEnds_ns)")),
            ("host", .string(databaseHost)), ("port", .string(databasePort)), ("database", .string(database)),
            ("database_way", .object(databaseWay.sorted { $0.key < $1.key }.map { ($0.key, .string($0.value)) })), ("role", .string(role)),
            ("password", .string(password.revealText())), ("private_key", .string(privateKey.reveal().hexText)),
            ("allowed_hosts", .array(allowedHosts.map { .string($0) })),
        ])
        return json.bytes + [10]
    }

    /// - Throws: `assignment_unreadable`, and nothing of what was read: it holds a password.
    public init(line: [UInt8]) throws(Fault) {
        guard let json = try? JSON(parsing: line), let tenant = json["tenant"]?.string.flatMap({ TenantID($0) }), let epoch = json["epoch"]?.int, epoch > 0,
            let ends = json["lease_ends_ns"]?.int, ends > 0, let host = json["host"]?.string, let port = json["port"]?.string,
            let database = json["database"]?.string, let way = json["database_way"]?.object, let role = json["role"]?.string, !role.isEmpty, let password = json["password"]?.string,
            !password.isEmpty, let key = json["private_key"]?.string.flatMap({ [UInt8](hexText: $0.lowercased()) }), key.count == 32
        else { throw Fault("assignment_unreadable", stage: .worker, disposition: .bug, summary: "the assignment from the scheduler can't be read") }
        self.init(
            tenant: tenant, epoch: Int64(epoch), leaseEnds_ns: Int64(ends), databaseHost: host, databasePort: port, database: database,
            databaseWay: way.reduce(into: [:]) { out, setting in if PostgresConfiguration.way.contains(setting.key) { out[setting.key] = setting.value.string } }, role: role,
            password: Secret(password), privateKey: Secret(key), allowedHosts: (json["allowed_hosts"]?.array ?? []).compactMap(\.string))
    }

    /// How the worker logs in: as its tenant's role, by the way that the scheduler goes.
    var login: PostgresConfiguration {
        PostgresConfiguration(
            host: databaseHost, port: databasePort, database: database, user: role, password: password, applicationName: "counterfoil worker", options: databaseWay)
    }
}
