internal import FoundationEssentials
internal import Glibc
internal import Kernel
internal import Sandbox
internal import Store
internal import Wire

enum TortureCommand: Command {
    static let name = "torture"
    static let summary = "break everything on purpose while a day is posted, and judge what became of it"
    static let help = """
        usage: counterfoil torture --documents N --seed S [--tenants mixed] [--minutes M] [--json] [--port N] [--sandbox-port N]\(sabotageUsage)

        Runs everything that `up` runs, on a database of its own with fsync on, and plays a day of trade into it. Meanwhile workers, scheduler, control
        plane and database are killed and stopped, requests and answers get lost, tokens are revoked, books are closed, a tenant is removed. The judge
        reads the twins' books and the entries that were written down before the day began, and nothing of ours.
          --documents N     ledger documents to get right, 90 to 50000 (600); from \(TortureSchedule.fullFrom) on every fault has to strike at every point
          --tenants mixed   other businesses: Stripe into Odoo, WooCommerce into Sage Intacct, Square into NetSuite and QuickBooks Online, Stripe into Patriot by file; workers are
                            killed at points of the protocol by chance, services and database now and then, every twin loses and tears what it is sent
          --seed S          which day and which faults in which order (drawn and printed when not given); the same seed replays
          --minutes M       give up after so many minutes (60)
          --json            the last line is one JSON object with the result
          --port N          the control plane's port (8080); --sandbox-port N and the port after it: the twins' (8087)

        Points of the protocol are hit from outside: a trigger of the trial's own database keeps a worker waiting before its intent, between intent and
        send, between answer and commit, or at the confirmation; a twin holds a request between send and reply. The program under trial is the one you use.
        Works in COUNTERFOIL_VAR/torture, which it empties first; logs and the schedule stay there. Exit 0 only if nothing is lost, doubled or
        unexplained, exactly what was planted is held, every pair of fault and point was hit, and work went on within 60 s of every fault.\(sabotageHelp)
        """
    static let options = ["documents", "seed", "tenants", "minutes", "port", "sandbox-port"] + sabotageOptions
    static let flags = ["json"]

    #if SABOTAGE
    private static let sabotageUsage = " [--sabotage NAME]"
    private static let sabotageOptions = ["sabotage"]
    private static let sabotageHelp = """


          --sabotage NAME   takes one wall out (\(Sabotage.allCases.map(\.rawValue).joined(separator: ", "))); the run has to end with status 1.
                            none: the same faults with every wall in place; status 0. Only in a build made with COUNTERFOIL_SABOTAGE_BUILD=1.
        """
    #else
    private static let sabotageUsage = ""
    private static let sabotageOptions: [String] = []
    private static let sabotageHelp = ""
    #endif

    static func run(_ arguments: Arguments) async throws(Fault) -> Int32 {
        let started = SystemClocks().monotonic()
        let minutes = try arguments.number("minutes", in: 1 ... 24 * 60, default: 60)
        let trial = try Trial(arguments)
        if let tenants = arguments.value("tenants"), tenants != "mixed" { throw usage("--tenants is mixed, or left out") }
        let stop = try Stop()
        let surroundings = try TortureFolder.prepare()
        note("torture: seed \(trial.seed), \(trial.documents) documents" + (trial.sabotage.map { ", wall taken out: \($0)" } ?? ""))
        let sandboxPort = try arguments.number("sandbox-port", in: 1 ... 65_534, default: 8087)
        let house = try await House.start(arguments, in: surroundings, sandboxes: ["third": sandboxPort + 1], environment: trial.environment)
        let until = started + .seconds(minutes * 60)
        // Whatever waits looks at `stop`.
        let alarm = Task {
            guard (try? await Task.sleep(for: until - SystemClocks().monotonic())) != nil else { return }
            stop.set()
        }
        let status: Int32
        do throws(Fault) {
            try await house.waitUntilReady(stop)
            if arguments.value("tenants") != nil {
                let torture = try MixedTorture(house, seed: trial.seed, documents: trial.documents, arguments, stop: stop, until: until)
                let result = try await torture.run(since: started)
                say(result.table)
                if arguments.flags.contains("json") { say(result.json.text) }
                alarm.cancel()
                await house.supervisor.stop()
                return result.isClean ? 0 : 1
            }
            let torture = try Torture(house, trial, thirdPort: sandboxPort + 1, arguments, stop: stop, until: until)
            let result = try await torture.run(since: started)
            say(result.table)
            if arguments.flags.contains("json") { say(result.json.text) }
            status = result.isClean ? 0 : 1
        } catch {
            complain(error.description)
            complain("logs and schedule are in \(surroundings.folder); the seed was \(trial.seed)")
            status = 1
        }
        alarm.cancel()
        await house.supervisor.stop()
        return status
    }

    private static func note(_ text: String) { Progress.note(text) }
}

/// What is tried, from the command line.
struct Trial: Sendable {
    var documents: Int
    var seed: UInt64
    /// The wall that is taken out.
    var sabotage: String?
    var schedule: TortureSchedule
    /// For the services.
    var environment: [String] = []

    init(_ arguments: Arguments) throws(Fault) {
        documents = try arguments.number("documents", in: 90 ... 50_000, default: 600)
        if let text = arguments.value("seed") {
            guard let given = UInt64(text), given < 1 << 53 else { throw usage("--seed must be a whole number below 9007199254740992") }
            seed = given
        } else {
            seed = SystemRandom().number(below: 1 << 31)
        }
        schedule = TortureSchedule(seed: seed, size: TortureSchedule.size(for: documents))
        #if SABOTAGE
        if let name = arguments.value("sabotage") {
            sabotage = name
            if name == "none" {
                var faults: [TortureFault] = []
                for fault in Sabotage.allCases.flatMap(\.faults) where !faults.contains(fault) { faults.append(fault) }
                schedule = TortureSchedule(seed: seed, size: .only(faults))
            } else {
                guard let wall = Sabotage(rawValue: name) else { throw usage("--sabotage is none or one of \(Sabotage.allCases.map(\.rawValue).joined(separator: ", "))") }
                environment = ["COUNTERFOIL_SABOTAGE=\(name)"]
                schedule = TortureSchedule(seed: seed, size: .only(wall.faults))
            }
        }
        #endif
    }
}

#if SABOTAGE
extension Sabotage {
    /// What the wall stands against: enough to show that it is gone.
    fileprivate var faults: [TortureFault] {
        switch self {
        case .skipFind, .doubleIntent: [.tornReply]
        case .skipEpoch: [.leaseTaken]
        case .skipDeadline: [.stopPastLease]
        case .trust2xx: [.errorInSuccess]
        case .nettedRounding, .dropWebhook: []
        }
    }
}
#endif

/// The folder of a run, emptied before it.
enum TortureFolder {
    static func prepare() throws(Fault) -> Surroundings {
        var variables = Surroundings.current.variables
        guard variables["COUNTERFOIL_DATABASE_URL"]?.isEmpty ?? true else {
            throw usage("torture kills its database: it takes one of its own only; unset COUNTERFOIL_DATABASE_URL")
        }
        let folder = Surroundings.current.folder + "/torture"
        let migrations = Surroundings.current.migrations
        variables["COUNTERFOIL_VAR"] = folder
        variables["COUNTERFOIL_MIGRATIONS"] = migrations
        let surroundings = Surroundings(variables: variables)
        try refuseWhileInUse(folder)
        // The private database lies elsewhere when root runs it.
        if let data = try? FileManager.default.destinationOfSymbolicLink(atPath: folder + "/postgres") { try? FileManager.default.removeItem(atPath: data) }
        try? FileManager.default.removeItem(atPath: folder)
        do { try FileManager.default.createDirectory(atPath: folder + "/third", withIntermediateDirectories: true) } catch {
            throw Fault("folder_unwritable", stage: .configuration, disposition: .hold, summary: "the folder \(folder) can't be made")
        }
        return surroundings
    }

    private static func refuseWhileInUse(_ folder: String) throws(Fault) {
        let descriptor = open(folder + "/up.lock", O_RDWR | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            throw Fault("already_up", stage: .configuration, disposition: .hold, summary: "another torture runs in \(folder)", remedy: "Wait for its end, or set COUNTERFOIL_VAR.")
        }
    }
}
