internal import CSystem
internal import Catalog
internal import Crypto
internal import FoundationEssentials
internal import Glibc
internal import Kernel
internal import Postgres
internal import Scheduler
internal import Store
internal import Telemetry
internal import Wire

enum UpCommand: Command {
    static let name = "up"
    static let summary = "run everything on this machine and play a day of trade"
    static let help = """
        usage: counterfoil up [--once] [--seed S] [--orders N] [--json] [--no-demo] [--port N] [--sandbox-port N]

        Runs a private PostgreSQL (or the one of COUNTERFOIL_DATABASE_URL), the control plane, the scheduler with its tenant workers and the
        sandbox twins; applies tenants/demo, plays a day of trade into it, prints what became of it and stays up. Ctrl-C stops everything.
        Started again, it resumes where it was.
          --once            end when the day is done; exit 0 only if nothing is lost, doubled or unexplained and only what was planted is held
          --seed S          the day's seed (drawn when not given; printed)
          --orders N        orders of the day, 40 to 20000 (500)
          --json            the last line is one JSON object with the result
          --no-demo         only run the services
          --port N          the console's and API's port (8080)
          --sandbox-port N  the twins' port (8087)
        """
    static let options = ["seed", "orders", "port", "sandbox-port"]
    static let flags = ["once", "json", "no-demo"]

    static func run(_ arguments: Arguments) async throws(Fault) -> Int32 {
        let started = SystemClocks().monotonic()
        let stop = try Stop()
        let house = try await House.start(arguments)
        let status: Int32
        do throws(Fault) {
            status = try await live(arguments, house, stop, started)
        } catch {
            complain(error.description)
            complain("the services' logs are in \(house.surroundings.folder)/log")
            status = 1
        }
        await house.supervisor.stop()
        return status
    }

    private static func live(_ arguments: Arguments, _ house: House, _ stop: Stop, _ started: Duration) async throws(Fault) -> Int32 {
        try await house.waitUntilReady(stop)
        if arguments.flags.contains("no-demo") {
            try house.announce(sandbox: nil)
            say("Counterfoil is up: \(house.address)")
            say("the operator's API key is the member api_key of \(house.surroundings.folder)/up.json")
            await stop.wait()
            return 0
        }
        var demo = try Demo(house, arguments, stop: stop)
        let result = try await demo.play(since: started)
        if arguments.flags.contains("json") { say(result.json.text) } else { say(result.table) }
        if arguments.flags.contains("once") || stop.isSet { return result.clean ? 0 : 1 }
        try house.announce(result)
        await stop.wait()
        say("Stopping.")
        return 0
    }
}

/// Set by SIGINT or SIGTERM, or by `set`.
final class Stop: Sendable {
    private let state = Locked<(set: Bool, waiters: [CheckedContinuation<Void, Never>])>((false, []))

    init() throws(Fault) {
        let descriptor = cf_signal_descriptor()
        guard descriptor >= 0, let watcher = Exit.watcher else {
            throw Fault("no_descriptors", stage: .configuration, disposition: .retry, summary: "signals can't be watched")
        }
        watcher.watch(descriptor) { [state] in
            _ = cf_next_signal(descriptor)
            Stop.set(state)
            return false
        }
    }

    func set() { Stop.set(state) }

    private static func set(_ state: Locked<(set: Bool, waiters: [CheckedContinuation<Void, Never>])>) {
        let waiters = state.with { state in
            state.set = true
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.resume() }
    }

    var isSet: Bool { state.with { $0.set } }

    func wait() async {
        await withCheckedContinuation { continuation in
            let now: Bool = state.with { state in
                if !state.set { state.waiters.append(continuation) }
                return state.set
            }
            if now { continuation.resume() }
        }
    }
}

/// All processes of one machine, supervised.
struct House {
    let surroundings: Surroundings
    let secrets: Secrets
    let supervisor: Supervisor
    let database: PostgresConfiguration
    let administrator: PostgresConfiguration
    let port: Int
    let sandboxPort: Int
    let operatorKey: Secret

    var address: String { "http://127.0.0.1:\(port)" }
    var sandbox: String { "http://127.0.0.1:\(sandboxPort)" }

    /// - sandboxes: further sandboxes by the name of their folder, each with its port.
    static func start(
        _ arguments: Arguments, in surroundings: Surroundings = .current, sandboxes: [String: Int] = [:], environment: [String] = []
    ) async throws(Fault) -> House {
        let secrets = try Secrets(surroundings)
        try lock(surroundings)
        let spawner = try Spawner()
        let supervisor = Supervisor(spawner, log: Log(component: "up", least: .error))
        let port = try arguments.number("port", in: 1 ... 65_535, default: 8080)
        let sandboxPort = try arguments.number("sandbox-port", in: 1 ... 65_535, default: 8087)
        let administrator = try await database(surroundings, secrets, spawner, supervisor)
        let applied = try await migrate(administrator, surroundings)
        if !applied.isEmpty { complain("database: \(applied.count) migrations applied") }
        let password = try secrets.password("database-supervisor")
        try await Installation.setSupervisorPassword(administrator, password)
        var database = administrator
        database.user = "counterfoil_supervisor"
        database.password = password
        let key = try await operatorKey(database, secrets)
        let house = House(
            surroundings: surroundings, secrets: secrets, supervisor: supervisor, database: database, administrator: administrator, port: port,
            sandboxPort: sandboxPort, operatorKey: key)
        try await house.startServices(arguments, sandboxes, environment)
        return house
    }

    /// One `up` a folder.
    private static func lock(_ surroundings: Surroundings) throws(Fault) {
        let path = surroundings.folder + "/up.lock"
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0, flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            throw Fault("already_up", stage: .configuration, disposition: .hold, summary: "another `counterfoil up` runs in \(surroundings.folder)",
                remedy: "Stop it first, or set COUNTERFOIL_VAR to another folder (and other ports).")
        }
    }

    /// The database somebody gave us, or our own.
    private static func database(_ surroundings: Surroundings, _ secrets: Secrets, _ spawner: Spawner, _ supervisor: Supervisor) async throws(Fault) -> PostgresConfiguration {
        if surroundings.variables["COUNTERFOIL_DATABASE_URL"].map({ !$0.isEmpty }) ?? false { return try surroundings.database() }
        let cluster = try PrivateCluster(surroundings, secrets)
        try await cluster.prepare(spawner, surroundings)
        await supervisor.keep(.init(
            name: "postgres", program: cluster.binaries + "/postgres", arguments: cluster.arguments, environment: ["LANG=C.UTF-8", "LC_ALL=C.UTF-8", "PATH=/usr/bin:/bin", "TZ=UTC"],
            user: cluster.user, stopSignal: SIGINT, output: try logFile(surroundings, "postgres")))
        var first = cluster.configuration
        first.database = "postgres"
        try await reach(first)
        try await Installation.ensureDatabase(PrivateCluster.database, on: first)
        return cluster.configuration
    }

    private static func reach(_ configuration: PostgresConfiguration) async throws(Fault) {
        var last = Fault("database_down", stage: .database, disposition: .retry, summary: "the database can't be reached")
        for _ in 0 ..< 300 {
            do throws(Fault) {
                try await Installation.reach(configuration)
                return
            } catch { last = error }
            try? await Task.sleep(for: .milliseconds(100))
        }
        throw last
    }

    private static func migrate(_ administrator: PostgresConfiguration, _ surroundings: Surroundings) async throws(Fault) -> [String] {
        try await Migrator.migrate(administrator, try Migration.read(folder: surroundings.migrations))
    }

    private static func operatorKey(_ database: PostgresConfiguration, _ secrets: Secrets) async throws(Fault) -> Secret {
        if FileManager.default.fileExists(atPath: secrets.path("operator-key")) {
            let key = Secret(try Secrets.read(secrets.path("operator-key")))
            if try await Installation.knows(key, database) { return key }
        }
        let pool = PostgresPool(database, size: 1)
        let key = try await Store(pool).createKey(
            consultancy: nil, tenant: nil, label: "counterfoil up", scopes: ["read", "write", "admin"], actor: "operator", random: SystemRandom())
        await pool.close()
        try secrets.write("operator-key", key.revealText())
        return key
    }

    static func logFile(_ surroundings: Surroundings, _ name: String) throws(Fault) -> Int32 {
        let folder = surroundings.folder + "/log"
        try? FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let descriptor = open("\(folder)/\(name).log", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else {
            throw Fault("folder_unwritable", stage: .configuration, disposition: .hold, summary: "\(folder)/\(name).log can't be written")
        }
        return descriptor
    }

    private func startServices(_ arguments: Arguments, _ sandboxes: [String: Int], _ more: [String]) async throws(Fault) {
        let twins = ([sandboxPort] + sandboxes.values).map { "127.0.0.1:\($0)" }
        // Our own twins may be sent what is the operator's: each plays several platforms. What else listens on that port is not ours.
        let named = arguments.flags.contains("no-demo") ? [] : Catalog.byID.keys.sorted().flatMap { id in twins.map { "\(id)=\($0)" } }
        let hosts = (try surroundings.allowedHosts() + twins + named).joined(separator: ",")
        var url = "postgresql://\(database.user)@/\(database.database)?host=\(Form.percent(database.host))"
        if !database.port.isEmpty { url += "&port=\(database.port)" }
        for (name, value) in database.options.sorted(by: { $0.key < $1.key }) { url += "&\(name)=\(Form.percent(value))" }
        let environment = [
            "LANG=C.UTF-8", "PATH=/usr/bin:/bin", "COUNTERFOIL_VAR=\(surroundings.folder)", "COUNTERFOIL_DATABASE_URL=\(url)",
            "COUNTERFOIL_DATABASE_PASSWORD_FILE=\(secrets.path("database-supervisor"))", "COUNTERFOIL_ALLOWED_HOSTS=\(hosts)",
            "COUNTERFOIL_URL=\(surroundings.variables["COUNTERFOIL_URL"] ?? address)",
        ] + ["COUNTERFOIL_CERTIFICATES"].compactMap { name in surroundings.variables[name].map { "\(name)=\(surroundings.absolute($0))" } } + more
        let parent = ["--parent", "\(getpid())"]
        var schedule = ["schedule"]
        if getuid() == 0, getpwnam("nobody") != nil { schedule += ["--worker-user", "nobody"] }
        for (name, port) in sandboxes {
            await supervisor.keep(.init(
                name: name, program: surroundings.program, arguments: ["sandbox", "--port", "\(port)"] + parent,
                environment: ["LANG=C.UTF-8", "PATH=/usr/bin:/bin", "COUNTERFOIL_VAR=\(surroundings.folder)/\(name)"], user: nil, stopSignal: SIGKILL,
                output: try House.logFile(surroundings, name)))
        }
        for (name, words) in [
            ("sandbox", ["sandbox", "--port", "\(sandboxPort)"]), ("serve", ["serve", "--port", "\(port)"]), ("schedule", schedule),
        ] where name != "sandbox" || !arguments.flags.contains("no-demo") {
            await supervisor.keep(.init(
                name: name, program: surroundings.program, arguments: words + parent, environment: environment, user: nil, stopSignal: SIGKILL,
                output: try House.logFile(surroundings, name)))
        }
    }

    /// Waits until the API answers that it is ready.
    func waitUntilReady(_ stop: Stop) async throws(Fault) {
        let api = API(self)
        for _ in 0 ..< 300 {
            if stop.isSet { return }
            if await api.isReady() { return }
            try? await Task.sleep(for: .milliseconds(100))
        }
        throw Fault("not_ready", stage: .configuration, disposition: .hold, summary: "the control plane did not get ready within 30 s",
            remedy: "Is port \(port) free? Choose another with --port.")
    }

    /// Tells programs where things are, in `var/up.json`.
    func announce(sandbox: String?) throws(Fault) {
        let file = JSON.object([
            ("ready", .bool(true)), ("console", .string(address)), ("sandbox", .optional(sandbox)), ("api_key", .string(operatorKey.revealText())),
        ])
        try secrets.write("../up.json", file.text)
    }

    /// Tells people where things are, and programs.
    func announce(_ result: DemoResult) throws(Fault) {
        let key = operatorKey.revealText()
        try announce(sandbox: sandbox)
        say("""

            Counterfoil is up.
              console and API   \(address)
              demo API key      \(key)
              sandbox twins     \(sandbox)

            Three things to try:
              1. Open \(address) and sign in with the key: each tenant's day, and why what is held is held.
              2. curl -s -H "Authorization: Bearer \(key)" "\(address)/v1/report" | python3 -m json.tool
              3. Release what a changed account holds: edit tenants/demo/prairie-goods.json5, then
                 COUNTERFOIL_API_KEY=\(key) .build/release/counterfoil tenant apply tenants/demo --api \(address) --set sandbox=\(sandbox)

            Ctrl-C stops everything; starting again resumes.
            """)
    }
}
