internal import Kernel
internal import Postgres
internal import Store

/// The database driver against libpq used as well as C can use it.
enum PostgresBench: Bench {
    static let name = "postgres"
    static let summary = "pipelined single-row selects, 100-row inserts by unnest, COPY out; against a pipelined libpq loop in C"

    private static let share = 0.8
    private static let batch = 100
    /// Round trips under way at the same time, as in the ceiling.
    private static let ahead = 4

    static func run(_ workbench: Workbench) async throws(Fault) -> [Bar] {
        let ceiling = try await workbench.ceiling("pg_ceiling", libraries: ["libpq"])
        let database = try await BenchDatabase.start(workbench)
        try await BenchTables.make(database.owner)
        let pool = PostgresPool(database.owner, size: 1)
        var rounds = Rounds()
        do throws(Fault) {
            for _ in 0 ..< workbench.rounds {
                for part in ["select", "insert", "copy"] {
                    rounds.add("C \(part)", try await workbench.figure("rows_per_second", ceiling, [database.conninfo, part, "\(workbench.seconds)"]))
                    let ours: Double
                    switch part {
                    case "select": ours = try await selects(pool, Double(workbench.seconds))
                    case "insert": ours = try await inserts(pool, Double(workbench.seconds))
                    default: ours = try await copies(database.owner, workbench.seconds)
                    }
                    rounds.add(part, ours)
                    if part == "insert" { _ = try await pool.query(BenchTables.emptyInserts()) }
                }
            }
        } catch {
            await pool.close()
            throw error
        }
        await pool.close()
        return ["select", "insert", "copy"].map { .share($0, of: share, rounds, ours: $0, ceiling: "C \($0)", unit: "rows/s") }
    }

    /// Rows a second of batches of single-row selects.
    static func selects(_ pool: PostgresPool, _ seconds: Double) async throws(Fault) -> Double {
        try await together(seconds) { turn throws(Fault) in
            var state = UInt64(turn) &* 0x9e37_79b9_7f4a_7c15 | 1
            var statements: [SQL] = []
            statements.reserveCapacity(batch)
            for _ in 0 ..< batch {
                state ^= state << 13
                state ^= state >> 7
                state ^= state << 17
                statements.append(BenchTables.select(Int64(state % UInt64(BenchTables.rows))))
            }
            var rows = 0
            for answer in try await pool.batch(statements) { rows += answer.count }
            return rows
        }
    }

    private static func inserts(_ pool: PostgresPool, _ seconds: Double) async throws(Fault) -> Double {
        let body = [UInt8](repeating: 0, count: 240)
        return try await together(seconds) { turn throws(Fault) in
            let first = Int64(turn * batch)
            let ids = Array(first ..< first + Int64(batch))
            let names = ids.map { "delivery-\($0 + 10_000_000_000)" }
            return try await pool.query(BenchTables.insert(ids, names, [[UInt8]](repeating: body, count: batch))).affected
        }
    }

    private static func copies(_ configuration: PostgresConfiguration, _ seconds: Int) async throws(Fault) -> Double {
        let began = secondsNow()
        var rows = 0
        repeat {
            let copy = PostgresCopy(configuration, BenchTables.copy())
            var lines = 0
            while let piece = try await copy.next() {
                piece.withUnsafeBufferPointer { for byte in $0 where byte == 10 { lines += 1 } }
            }
            guard lines == BenchTables.copiedRows else {
                throw Fault("bench_sum_wrong", stage: .database, disposition: .bug, summary: "a copy gave \(lines) rows of \(BenchTables.copiedRows)")
            }
            rows += lines
        } while secondsNow() < began + Double(seconds)
        return Double(rows) / (secondsNow() - began)
    }

    /// Rows a second of a few callers at once, each asking again as soon as it is answered.
    private static func together(_ seconds: Double, _ ask: @escaping @Sendable (_ turn: Int) async throws(Fault) -> Int) async throws(Fault) -> Double {
        let began = secondsNow()
        let turns = Locked(0)
        let sums = await withTaskGroup(of: Result<Int, Fault>.self) { group in
            for _ in 0 ..< ahead {
                group.addTask {
                    var rows = 0
                    do throws(Fault) {
                        while secondsNow() < began + seconds {
                            rows += try await ask(turns.with { turn in
                                turn += 1
                                return turn
                            })
                        }
                        return .success(rows)
                    } catch { return .failure(error) }
                }
            }
            var all: [Result<Int, Fault>] = []
            for await sum in group { all.append(sum) }
            return all
        }
        var rows = 0
        for sum in sums { rows += try sum.get() }
        return Double(rows) / (secondsNow() - began)
    }
}
