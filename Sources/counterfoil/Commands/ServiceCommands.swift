internal import CSystem
internal import Catalog
internal import ControlPlane
internal import Crypto
internal import FoundationEssentials
internal import Glibc
internal import HTTPServer
internal import Kernel
internal import Postgres
internal import Sandbox
internal import Scheduler
internal import Store
internal import Telemetry
internal import Worker

/// Runs services until SIGINT or SIGTERM, then ends them in good order.
enum Services {
    static func run(_ services: [any Service], log: Log) async throws(Fault) -> Int32 {
        let descriptor = cf_signal_descriptor()
        guard descriptor >= 0, let watcher = Exit.watcher else {
            throw Fault("no_descriptors", stage: .configuration, disposition: .retry, summary: "signals can't be watched")
        }
        let (signals, continuation) = AsyncStream<Int32>.makeStream()
        watcher.watch(descriptor) {
            continuation.yield(cf_next_signal(descriptor))
            continuation.finish()
            return false
        }
        do {
            try await withThrowingTaskGroup(of: Bool.self) { group in
                for service in services { group.addTask { try await service.run(); return false } }
                group.addTask {
                    for await _ in signals { return true }
                    return true
                }
                _ = try await group.next()
                group.cancelAll()
                while let _ = try? await group.next() {}
            }
        } catch {
            let fault = Fault.wrapping(error, stage: .configuration)
            if fault.code != "cancelled" { throw fault }
        }
        log.info(.stopped)
        return 0
    }

    /// At the start of a service: it may open as much as the system lets it, and ends with its supervisor, when it has one (`--parent PID`).
    static func bind(_ arguments: Arguments) {
        Descriptors.raise()
        guard let parent = arguments.value("parent").flatMap({ Int32($0) }) else { return }
        _ = cf_die_with_parent()
        if getppid() != parent { exit(0) }
    }
}

enum ServeCommand: Command {
    static let name = "serve"
    static let summary = "run the control plane: HTTP API, webhook intake, console"
    static let help = """
        usage: counterfoil serve [--host ADDRESS] [--port N]

        Runs the control plane until SIGINT or SIGTERM. Put a proxy that ends TLS (nginx) in front of it.
          --host ADDRESS   numeric address to listen on (127.0.0.1)
          --port N         port to listen on (8080; 0: any free one, printed in the log)

        Environment: COUNTERFOIL_DATABASE_URL (as the role counterfoil_supervisor), COUNTERFOIL_DATABASE_PASSWORD_FILE,
        COUNTERFOIL_VAR (keys are in its folder secrets/, and in operator.json the parts of credentials that are yours for all connections),
        COUNTERFOIL_ALLOWED_HOSTS (hosts that connections may name: docs/getting-started.md), COUNTERFOIL_URL (where browsers reach this: platforms send people back there).
        """
    static let options = ["host", "port", "parent"]
    static let flags: [String] = []

    static func run(_ arguments: Arguments) async throws(Fault) -> Int32 {
        Services.bind(arguments)
        let surroundings = Surroundings.current
        let log = Log(component: "serve")
        let pool = PostgresPool(try surroundings.database(), size: Limits.poolConnections)
        let looks = PostgresPool(try surroundings.database().givingUp(after: .seconds(Limits.lookSeconds)), size: Limits.lookConnections)
        let port = try arguments.number("port", in: 0 ... 65_535, default: 8080)
        let configuration = ControlPlaneConfiguration(
            host: arguments.value("host") ?? "127.0.0.1", port: port,
            intakeKey: try await Secrets(surroundings).key(.intake, try surroundings.database()), allowedHosts: try surroundings.allowedHosts(), version: Counterfoil.version,
            operatorParts: try OperatorParts.read(try Secrets(surroundings)), publicURL: surroundings.variables["COUNTERFOIL_URL"])
        let store = Store(pool, looks: looks), metrics = Metrics()
        let service = try ControlPlane(
            store: store, connectors: Catalog.byID, configuration: configuration, clocks: SystemClocks(), random: SystemRandom(), log: log, metrics: metrics)
        let watch = MarkWatch(try Marks.keeper(of: name, surroundings, store, log, metrics), clocks: SystemClocks())
        log.info(.listening, ("port", "\(service.port)"))
        // Gives back, a while after the start, what only the start has used: a third of the memory that would stay resident.
        let settling = Task {
            try await Task.sleep(for: .seconds(3))
            cf_forget_constants()
        }
        defer { settling.cancel() }
        return try await Services.run([service, watch], log: log)
    }
}

enum ScheduleCommand: Command {
    static let name = "schedule"
    static let summary = "run the scheduler and its tenant workers"
    static let help = """
        usage: counterfoil schedule [--workers N] [--worker-user NAME | --worker-uids FIRST-LAST]

        Finds tenants with due work and gives each a worker process under a lease, and keeps the process that looks for alerts and tells people, until
        SIGINT or SIGTERM.
          --workers N          workers at once on this host (8)
          --worker-user NAME   user that workers run as; only root can choose one
          --worker-uids FIRST-LAST
                               numbers of users that are nobody's, one for each running worker, at least as many as workers: no worker can reach another

        Environment: as for serve; the master key is in COUNTERFOIL_VAR/secrets/master.key and only this command reads it. For alerts: COUNTERFOIL_URL is
        where people reach the console, secrets/mail.json the operator's mail server, secrets/alerts.key opens the secrets of routes (docs/alerts.md).
        """
    static let options = ["workers", "worker-user", "worker-uids", "parent"]
    static let flags: [String] = []

    static func run(_ arguments: Arguments) async throws(Fault) -> Int32 {
        Services.bind(arguments)
        let surroundings = Surroundings.current
        let log = Log(component: "schedule")
        let database = try surroundings.database()
        var user: (uid: UInt32, gid: UInt32)?
        if let name = arguments.value("worker-user") { user = try PrivateCluster.account(name) }
        let workers = try arguments.number("workers", in: 1 ... 1000, default: 8)
        let users = try arguments.value("worker-uids").map { text throws(Fault) in try WorkerUsers.read(text, workers: workers) }
        if user != nil, users != nil { throw usage("--worker-user and --worker-uids exclude each other") }
        if let warning = WorkerUsers.warning(isRoot: getuid() == 0, hasOwn: users != nil, scope: WorkerUsers.scope()) { complain(warning) }
        var configuration = SchedulerConfiguration(
            program: surroundings.program, database: database, masterKey: try await Secrets(surroundings).key(.master, database),
            allowedHosts: try surroundings.allowedHosts(), workersMost: workers, workerUser: user)
        configuration.workerUsers = users
        configuration.alerts = (["notify", "--parent", "\(getpid())"], NotifyCommand.environment(surroundings))
        try await configuration.checkFiles(clocks: SystemClocks())
        let store = Store(PostgresPool(database, size: 4)), metrics = Metrics()
        configuration.mark = try Marks.keeper(of: name, surroundings, store, log, metrics)
        let scheduler = try Scheduler(configuration, store: store, clocks: SystemClocks(), random: SystemRandom(), log: log, metrics: metrics)
        log.info(.started)
        return try await Services.run([scheduler], log: log)
    }
}

/// Whom workers run as, as `schedule` is told.
enum WorkerUsers {
    /// `61000-61999`.
    /// - Throws: `usage`.
    static func read(_ text: String, workers: Int) throws(Fault) -> ClosedRange<UInt32> {
        let ends = text.split(separator: "-", omittingEmptySubsequences: false).map { UInt32($0) }
        guard ends.count == 2, let first = ends[0], let last = ends[1], first >= 1000, first <= last, last < UInt32(Int32.max) else {
            throw usage("--worker-uids wants two numbers from 1000 up, as 61000-61999")
        }
        guard Int(last - first) + 1 >= workers else { throw usage("--worker-uids \(text) has fewer users than there may be workers (\(workers))") }
        guard getuid() == 0 else { throw usage("only root can choose the users of workers") }
        return first ... last
    }

    /// What whoever starts it should know of workers that share a user.
    /// - Parameter scope: of Yama, as the kernel says it; `nil`: the kernel has none.
    static func warning(isRoot: Bool, hasOwn: Bool, scope: Int?) -> String? {
        guard !hasOwn, scope ?? 0 < 1 else { return nil }
        let mend = isRoot ? "give each a user of its own with --worker-uids, or set" : "set"
        return "workers share one user, and this kernel lets a user's processes trace each other: \(mend) kernel.yama.ptrace_scope to 1"
    }

    /// - Source: Linux, Documentation/admin-guide/LSM/Yama.rst.
    static func scope() -> Int? {
        FileManager.default.contents(atPath: "/proc/sys/kernel/yama/ptrace_scope").flatMap { Int(String(decoding: $0, as: UTF8.self).filter(\.isNumber)) }
    }
}

enum WorkerCommand: Command {
    static let name = "worker"
    static let summary = "(started by the scheduler) work for one tenant under one lease"
    static let help = """
        usage: counterfoil worker PARENT-PID

        Started by the scheduler, which hands it a tenant, a lease and that tenant's key over descriptor 3. Not for use by hand.
          --reads FILE   only says, by its exit status, whether the user of workers can read the file
        """
    static let options = ["reads"]
    static let flags: [String] = []

    static func run(_ arguments: Arguments) async throws(Fault) -> Int32 {
        if let file = arguments.value("reads") {
            let descriptor = open(file, O_RDONLY | O_CLOEXEC)
            return descriptor >= 0 ? 0 : 1
        }
        guard let parent = arguments.rest.first.flatMap({ Int32($0) }), fcntl(3, F_GETFD) >= 0 else {
            throw usage("the scheduler starts workers; they can't be started by hand")
        }
        return await TenantWorker.main(parent: parent)
    }
}

enum SandboxCommand: Command {
    static let name = "sandbox"
    static let summary = "run the twins: pretend platforms to try, test and demonstrate on"
    static let help = """
        usage: counterfoil sandbox [--host ADDRESS] [--port N]

        Serves each platform's own wire protocol below a path of its own, /xero or /shopify/SHOP. State is kept in
        COUNTERFOIL_VAR/sandbox. Point a connection's base_url, or the vendor's own SDK, at it. Control: /_sandbox/…
          --host ADDRESS   numeric address to listen on (127.0.0.1)
          --port N         port to listen on (8087)
        """
    static let options = ["host", "port", "parent"]
    static let flags: [String] = []

    static func run(_ arguments: Arguments) async throws(Fault) -> Int32 {
        Services.bind(arguments)
        let surroundings = Surroundings.current
        let log = Log(component: "sandbox")
        let folder = surroundings.folder + "/sandbox"
        do { try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true) } catch {
            throw Fault("folder_unwritable", stage: .configuration, disposition: .hold, summary: "the folder \(folder) can't be made")
        }
        let service = try Sandbox.make(
            folder: folder, port: try arguments.number("port", in: 0 ... 65_535, default: 8087), host: arguments.value("host") ?? "127.0.0.1", clocks: SystemClocks())
        log.info(.listening, ("port", "\(service.port)"))
        return try await Services.run([service], log: log)
    }
}

enum MigrateCommand: Command {
    static let name = "migrate"
    static let summary = "bring the database's schema up to date"
    static let help = """
        usage: counterfoil migrate [--supervisor-password-file FILE]

        Applies the files of COUNTERFOIL_MIGRATIONS (./migrations) that the database lacks, each in one transaction. Log in as somebody who
        may create roles and schemas: COUNTERFOIL_DATABASE_URL, COUNTERFOIL_DATABASE_PASSWORD_FILE.
          --supervisor-password-file FILE   also sets the password of the role counterfoil_supervisor to the file's first line
        """
    static let options = ["supervisor-password-file"]
    static let flags: [String] = []

    static func run(_ arguments: Arguments) async throws(Fault) -> Int32 {
        let surroundings = Surroundings.current
        let database = try surroundings.database()
        let applied = try await Migrator.migrate(database, try Migration.read(folder: surroundings.migrations))
        for name in applied { say("applied \(name)") }
        if applied.isEmpty { say("nothing to do: the schema is up to date") }
        if let file = arguments.value("supervisor-password-file") {
            try await Installation.setSupervisorPassword(database, Secret(try Secrets.read(file)))
            say("the supervisor's password is set")
        }
        return 0
    }
}

enum KeyCommand: Command {
    static let name = "key"
    static let summary = "make an API key of the operator"
    static let help = """
        usage: counterfoil key create LABEL

        Makes an API key that sees every consultancy and prints it once. Keys of one consultancy or tenant are made through the API.
        Environment: as for serve.
        """
    static let options: [String] = []
    static let flags: [String] = []

    static func run(_ arguments: Arguments) async throws(Fault) -> Int32 {
        guard arguments.rest.count == 2, arguments.rest[0] == "create" else { throw usage("counterfoil key create LABEL") }
        let pool = PostgresPool(try Surroundings.current.database(), size: 1)
        let key = try await Store(pool).createKey(
            consultancy: nil, tenant: nil, label: arguments.rest[1], scopes: ["read", "write", "admin"], actor: "operator", random: SystemRandom())
        await pool.close()
        say(key.revealText())
        return 0
    }
}
