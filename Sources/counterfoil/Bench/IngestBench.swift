internal import Kernel
internal import Postgres
internal import Store

/// The whole way of a webhook delivery: signature checked, sealed, deduplicated, committed, only then answered.
enum IngestBench: Bench {
    static let name = "ingest"
    static let summary = "signed 2 KB webhooks, durably committed before their 200; against 100-row unnest inserts of the same rows by a pipelined libpq loop"

    private static let share = 0.45
    private static let connections = 256
    private static let calmConnections = 64
    /// What sealing adds to a body.
    private static let sealBytes = 49

    static func run(_ workbench: Workbench) async throws(Fault) -> [Bar] {
        let ceiling = try await workbench.ceiling("pg_ceiling", libraries: ["libpq"])
        let load = try await workbench.ceiling("load")
        let plane = try await ServedPlane.start(workbench)
        let owner = PostgresPool(plane.database.owner, size: 1)
        let file = "\(workbench.folder)/delivery.http"
        var rounds = Rounds()
        do throws(Fault) {
            try plane.writeDelivery(file)
            for _ in 0 ..< workbench.rounds {
                rounds.add("C", try await rows(workbench, ceiling, plane, owner, Double(workbench.seconds)))
                let rate = try await deliveries(workbench, load, plane, owner, file, Double(workbench.seconds))
                rounds.add("ingest", rate)
                let slowly = ["\(plane.port)", "\(calmConnections)", "\(workbench.seconds)", "\(rate / 2)", file]
                let calm = try await workbench.undisturbed { () async throws(Fault) in try await workbench.figures(load, slowly) }
                rounds.add("p99", try calm.get("p99_ms"))
                try await empty(owner)
            }
        } catch {
            await owner.close()
            await plane.stop(workbench)
            throw error
        }
        await owner.close()
        await plane.stop(workbench)
        return [
            .share("ingest", of: share, rounds, ours: "ingest", ceiling: "C", unit: "deliveries/s"),
            .atMost("p99 at half load", 20, rounds, ours: "p99", unit: "ms"),
        ]
    }

    /// Rows a second of the C loop, into the tables that take deliveries.
    static func rows(_ workbench: Workbench, _ ceiling: String, _ plane: ServedPlane, _ owner: PostgresPool, _ seconds: Double) async throws(Fault) -> Double {
        let rows = ["rows", "\(seconds)", "\(ServedPlane.body.count + sealBytes)", "\(plane.tenant)", "\(plane.connection)"]
        let rate = try await workbench.figure("rows_per_second", ceiling, [plane.database.conninfo] + rows)
        try await empty(owner)
        return rate
    }

    /// Deliveries a second, each of which is counted in the database afterwards.
    static func deliveries(
        _ workbench: Workbench, _ load: String, _ plane: ServedPlane, _ owner: PostgresPool, _ file: String, _ seconds: Double
    ) async throws(Fault) -> Double {
        let busy = try await workbench.figures(load, ["\(plane.port)", "\(connections)", "\(seconds)", "0", file])
        let kept: Int64 = try await owner.query(BenchTables.countEvents()).first?.get("n") ?? 0
        let answered = try busy.get("answered")
        guard Double(kept) == answered else {
            throw Fault("bench_sum_wrong", stage: .database, disposition: .bug, summary: "\(kept) events were kept of \(answered) deliveries")
        }
        try await empty(owner)
        return try busy.get("requests_per_second")
    }

    private static func empty(_ owner: PostgresPool) async throws(Fault) {
        _ = try await owner.query(BenchTables.emptyEvents())
        _ = try await owner.query(BenchTables.checkpoint())
    }
}
