internal import CLibPQ
public import Kernel

/// Where the database is and who logs in. What is left out follows libpq's own rules (PGHOST and the rest of the
/// environment).
public struct PostgresConfiguration: Sendable, CustomStringConvertible {
    /// A socket folder (`/run/postgresql`), a name or an address; several parted by commas are tried in order.
    public var host: String
    /// One port, or one for each host.
    public var port: String
    public var database: String
    public var user: String
    public var password: Secret?
    /// Shown in pg_stat_activity.
    public var applicationName: String
    /// libpq's other settings, such as `sslmode` and `target_session_attrs`.
    public var options: [String: String]
    /// Statements kept prepared on each connection; 0 behind a pooler that moves sessions between servers.
    public var preparedStatements: Int = PostgresLimits.preparedStatements

    public init(
        host: String = "", port: String = "", database: String = "", user: String = "", password: Secret? = nil,
        applicationName: String = "", options: [String: String] = [:]
    ) {
        self.host = host
        self.port = port
        self.database = database
        self.user = user
        self.password = password
        self.applicationName = applicationName
        self.options = options
    }

    /// Reads a `postgresql://` URL or a `key=value` string with libpq's own parser.
    /// - Throws: `database_url`; the text itself is never repeated, it may hold a password.
    public init(url: String) throws(Fault) {
        self.init()
        var reason: UnsafeMutablePointer<CChar>?
        guard !url.utf8.contains(0), let parsed = PQconninfoParse(url, &reason) else {
            PQfreemem(reason)
            throw Fault(
                "database_url", stage: .configuration, disposition: .reject, summary: "the database URL can't be read",
                remedy: "Write it as postgresql://user:password@host:5432/database")
        }
        defer { PQconninfoFree(parsed) }
        var option = parsed
        while let keyword = option.pointee.keyword {
            if let value = option.pointee.val { set(String(cString: keyword), String(cString: value)) }
            option += 1
        }
    }

    private mutating func set(_ keyword: String, _ value: String) {
        switch keyword {
        case "host": host = value
        case "port": port = value
        case "dbname": database = value
        case "user": user = value
        case "password": password = Secret(value)
        case "application_name": applicationName = value
        default: options[keyword] = value
        }
    }

    /// libpq's settings of the way there and of who must be there: whoever logs in for somebody else has to go the same way. A client's own certificate and
    /// password are none of them.
    public static let way: [String] = [
        "sslmode", "sslrootcert", "sslcrl", "sslcrldir", "sslsni", "sslnegotiation", "ssl_min_protocol_version", "ssl_max_protocol_version", "channel_binding",
        "require_auth", "gssencmode", "target_session_attrs", "load_balance_hosts", "hostaddr", "connect_timeout", "requirepeer",
    ]

    /// Those of them that are set here, or by libpq's own variables (`PGSSLMODE`) in this environment.
    public func way(_ environment: [String: String]) -> [String: String] {
        var out = options.filter { Self.way.contains($0.key) }
        for (keyword, variable) in Self.variables where out[keyword] == nil {
            // An older libpq knows neither the variable nor the setting.
            if let value = environment[variable], !value.isEmpty, Self.isKnown(keyword, value) { out[keyword] = value }
        }
        return out
    }

    private static func isKnown(_ keyword: String, _ value: String) -> Bool {
        do throws(Fault) { return try PostgresConfiguration(url: PostgresConfiguration(options: [keyword: value]).conninfo.revealText()).options[keyword] == value } catch { return false }
    }

    /// - Source: PostgreSQL 17 documentation, 32.15, Environment Variables.
    private static let variables: [String: String] = [
        "sslmode": "PGSSLMODE", "sslrootcert": "PGSSLROOTCERT", "sslcrl": "PGSSLCRL", "sslcrldir": "PGSSLCRLDIR", "sslsni": "PGSSLSNI",
        "sslnegotiation": "PGSSLNEGOTIATION", "ssl_min_protocol_version": "PGSSLMINPROTOCOLVERSION", "ssl_max_protocol_version": "PGSSLMAXPROTOCOLVERSION",
        "channel_binding": "PGCHANNELBINDING", "require_auth": "PGREQUIREAUTH", "gssencmode": "PGGSSENCMODE", "target_session_attrs": "PGTARGETSESSIONATTRS",
        "load_balance_hosts": "PGLOADBALANCEHOSTS", "hostaddr": "PGHOSTADDR", "connect_timeout": "PGCONNECT_TIMEOUT", "requirepeer": "PGREQUIREPEER",
    ]

    /// The same, whose statements the server gives up after so long: `sql_57014`.
    public func givingUp(after limit: Duration) -> PostgresConfiguration {
        var out = self
        out.options["options"] = "\(options["options"] ?? Self.serverOptions) -c statement_timeout=\(limit.wholeMilliseconds)"
        return out
    }

    /// Compiling a statement takes seconds on a busy machine; none of ours runs as long as that.
    private static let serverOptions = "-c jit=off"

    /// Never the password.
    public var description: String {
        "\(user.isEmpty ? "?" : user)@\(host.isEmpty ? "default" : host)\(port.isEmpty ? "" : ":\(port)")/\(database)"
    }

    /// The same as one `key='value'` string that libpq and its tools accept; holds the password.
    public var conninfo: Secret {
        let parts = keywords(attempt: 0).map { pair in
            let escaped = pair.value.flatMap { $0 == "'" || $0 == "\\" ? ["\\", $0] : [$0] }
            return "\(pair.keyword)='\(String(escaped))'"
        }
        return Secret(parts.joined(separator: " "))
    }

    /// What is handed to libpq. Each failed attempt begins with the next host of the list, so that one that swallows
    /// packets does not keep the others from being tried.
    func keywords(attempt: Int) -> [(keyword: String, value: String)] {
        var out: [String: String] = [
            "keepalives_idle": "15", "keepalives_interval": "5", "keepalives_count": "3", "tcp_user_timeout": "30000",
            "fallback_application_name": "counterfoil",
            "options": Self.serverOptions,
        ]
        out.merge(options) { $1 }
        out["client_encoding"] = "UTF8"
        for (keyword, value) in [("dbname", database), ("user", user), ("application_name", applicationName)] where !value.isEmpty {
            out[keyword] = value
        }
        if let password { out["password"] = password.revealText() }
        let width = max(Self.list(host).count, Self.list(out["hostaddr"] ?? "").count)
        for (keyword, value) in [("host", host), ("port", port), ("hostaddr", out["hostaddr"] ?? "")] where !value.isEmpty {
            let items = Self.list(value)
            let turn = items.count == width ? attempt % max(1, width) : 0
            out[keyword] = (items[turn...] + items[..<turn]).joined(separator: ",")
        }
        return out.map { (keyword: $0.key, value: $0.value) }.sorted { $0.keyword < $1.keyword }
    }

    private static func list(_ text: String) -> [Substring] {
        text.isEmpty ? [] : text.split(separator: ",", omittingEmptySubsequences: false)
    }
}
