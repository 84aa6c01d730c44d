internal import Alerts
internal import FoundationEssentials
internal import Glibc
internal import HTTPClient
internal import Kernel
internal import Postgres
internal import Store

enum DoctorCommand: Command {
    static let name = "doctor"
    static let summary = "look for what would keep Counterfoil from working here"
    static let help = """
        usage: counterfoil doctor [--api URL]

        Checks this machine, the database, keys, time zones and the API, one line each, with what to do about what is wrong. The exit status
        is 1 when something is.
        """
    static let options = ["api"]
    static let flags: [String] = []

    static func run(_ arguments: Arguments) async throws(Fault) -> Int32 {
        var bad = 0
        func line(_ name: String, _ fault: Fault?) {
            if let fault {
                bad += 1
                say("WRONG  \(name): \(fault.summary). \(fault.remedy)")
            } else {
                say("ok     \(name)")
            }
        }
        let surroundings = Surroundings.current
        func check(_ name: String, _ body: () async throws(Fault) -> Void) async {
            do throws(Fault) {
                try await body()
                line(name, nil)
            } catch { line(name, error) }
        }
        await check("time zones") { () throws(Fault) in for zone in ["Europe/London", "America/Chicago"] { _ = try Zone.named(zone) } }
        await check("migrations in \(surroundings.migrations)") { () throws(Fault) in _ = try Migration.read(folder: surroundings.migrations) }
        await check("folder \(surroundings.folder)") { () throws(Fault) in _ = try Secrets(surroundings) }
        for key in HostKey.allCases {
            await check(key.rawValue) { () throws(Fault) in try await look(key, surroundings) }
        }
        await check("clock") { () throws(Fault) in
            guard SystemClocks().now() > Timestamp(seconds: 1_760_000_000) else {
                throw Fault("clock_wrong", stage: .configuration, disposition: .hold, summary: "the clock says \(SystemClocks().now())", remedy: "Set it; use NTP.")
            }
        }
        if surroundings.variables["COUNTERFOIL_DATABASE_URL"] != nil {
            await check("database") { () throws(Fault) in try await database(surroundings) }
            await check("receivers of alerts") { () throws(Fault) in try await receivers(surroundings) }
        } else {
            await check("PostgreSQL for a private database") { () throws(Fault) in _ = try PrivateCluster(surroundings, try Secrets(surroundings)) }
        }
        if let api = arguments.value("api") {
            await check("API at \(api)") { () throws(Fault) in
                guard await API(base: api, key: Secret("")).isReady() else {
                    throw Fault("api_unreachable", stage: .api, disposition: .retry, summary: "\(api)/readyz does not answer 200", remedy: "Is `counterfoil serve` running, and its database?")
                }
            }
        }
        return bad == 0 ? 0 : 1
    }

    /// A key that is there must be one, and nobody else's to read. One that is not may well be missing: `serve` and `schedule` read one each.
    private static func look(_ key: HostKey, _ surroundings: Surroundings) async throws(Fault) {
        let secrets = try Secrets(surroundings)
        guard secrets.has(key.rawValue) else {
            guard surroundings.variables["COUNTERFOIL_DATABASE_URL"] != nil, try await key.isNeeded(by: try surroundings.database()) else { return }
            say("note   \(key.rawValue) is not on this host: `\(key == .master ? "schedule" : "serve")` can't run here without it")
            return
        }
        _ = try secrets.key(key.rawValue)
        var facts = stat()
        guard stat(secrets.path(key.rawValue), &facts) == 0, facts.st_mode & 0o077 == 0 else {
            throw Fault(
                "secret_open", stage: .configuration, disposition: .hold, summary: "others may read \(secrets.path(key.rawValue))",
                remedy: "chmod 600 it. Whoever read it opens \(key.opens): see docs/threat-model.md.")
        }
    }

    /// Who will be told nothing, because nobody has listed the host; the first is wrong, the others are noted.
    private static func receivers(_ surroundings: Surroundings) async throws(Fault) {
        guard try await Installation.facts(try surroundings.database()).migrated else { return }
        let pool = PostgresPool(try surroundings.database(), size: 1)
        let found: [Receivers.Refused]
        do throws(Fault) {
            found = try await Receivers.refused(Store(pool), mail: try NotifyCommand.mail(try Secrets(surroundings)), policy: try NotifyCommand.policy(surroundings))
            await pool.close()
        } catch {
            await pool.close()
            throw error
        }
        for refused in found.dropFirst() { say("note   \(refused.fault.summary). \(refused.fault.remedy)") }
        if let first = found.first { throw first.fault }
    }

    private static func database(_ surroundings: Surroundings) async throws(Fault) {
        let (version, fsync, migrated) = try await Installation.facts(try surroundings.database())
        if version < 150_000 { throw Fault("database_old", stage: .database, disposition: .hold, summary: "PostgreSQL \(version / 10_000) is too old", remedy: "Use 15 or newer.") }
        if fsync != "on" { throw Fault("database_unsafe", stage: .database, disposition: .hold, summary: "fsync is off: a crash would lose what was promised", remedy: "Turn it on.") }
        if !migrated { throw Fault("database_empty", stage: .database, disposition: .hold, summary: "the schema is missing", remedy: "Run `counterfoil migrate`.") }
        if try await Installation.isOlder(try surroundings.database()) { throw Standing.fault }
    }
}
