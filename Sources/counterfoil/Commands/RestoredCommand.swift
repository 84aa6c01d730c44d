internal import Kernel
internal import Postgres
internal import Scheduler
internal import Store
internal import Telemetry

enum RestoredCommand: Command {
    static let name = "restored"
    static let summary = "declare that the database was brought back to an older state"
    static let help = """
        usage: counterfoil restored [--state TIME]

        Run it once after the database was restored to anything but its last commit, before `schedule` is started: docs/installing.md#to-an-older-state. From then on
        nothing is sent, changed or taken back in a ledger before it was looked for there, and what can't be looked for is held. Sources are read again from the state's
        time on, and ledgers' changes after them; files that were not handed over yet are withdrawn. It may be run again, and pauses nothing.
          --state TIME   how old the state is, as 2026-11-23T04:30:00Z, where it is older than what the database itself says

        Environment: as for serve.
        """
    static let options = ["state"]
    static let flags: [String] = []

    static func run(_ arguments: Arguments) async throws(Fault) -> Int32 {
        guard arguments.rest.isEmpty else { throw usage("counterfoil restored [--state TIME]") }
        var state: Timestamp?
        if let text = arguments.value("state") {
            guard let time = Timestamp(rfc3339: text), time < SystemClocks().now() else { throw usage("--state is a time that has passed, as 2026-11-23T04:30:00Z") }
            state = time
        }
        let pool = PostgresPool(try Surroundings.current.database(), size: 1)
        let report: RestoreReport
        do throws(Fault) {
            report = try await Store(pool).declareRestored(to: state, lineage: SystemRandom().identifier(), actor: "operator")
            await pool.close()
        } catch {
            await pool.close()
            throw error
        }
        for line in lines(report) { say(line) }
        return 0
    }

    static func lines(_ report: RestoreReport) -> [String] {
        var out = [
            "the database is of \(report.restoredTo) at most; what ledgers got since is looked for before anything is sent",
            "\(report.tenants) tenants, \(report.flows) flows: every posting of theirs is looked for once before it goes",
            "\(report.cleared) postings that were about to be sent are checked anew",
            "\(report.connections) connections are read again from then on; records that a system delivers by itself (inbound) it has to deliver again",
        ]
        for batch in report.withdrawn { out.append("withdrawn: batch \(batch.number) of \(batch.tenant)/\(batch.connection), which may have been handed over since") }
        for batch in report.handedOver { out.append("left: batch \(batch.number) of \(batch.tenant)/\(batch.connection), handed over before: confirm or withdraw it") }
        out.append("connections whose token was renewed since are dead until somebody connects them again")
        return out
    }
}

/// What a service remembers of its database outside of it.
enum Marks {
    /// - Parameter service: each has a file of its own: two of one folder would write over each other's.
    static func keeper(of service: String, _ surroundings: Surroundings, _ store: Store, _ log: Log, _ metrics: Metrics) throws(Fault) -> MarkKeeper {
        let secrets = try Secrets(surroundings)
        let file = "../mark-\(service).json"
        return try MarkKeeper(
            store: store,
            place: MarkKeeper.Place(
                read: { () throws(Fault) in secrets.has(file) ? Array(try Secrets.read(secrets.path(file)).utf8) : nil },
                write: { bytes throws(Fault) in try secrets.write(file, String(decoding: bytes, as: UTF8.self)) }),
            clocks: SystemClocks(), random: SystemRandom(), log: log, metrics: metrics)
    }
}
