internal import FoundationEssentials
internal import HTTPServer
internal import Kernel
internal import Postgres
internal import Scheduler
internal import Store
internal import Wire

/// What keeps the floors from sinking unnoticed: each is compared with its ceiling in C, in turns, and must keep the share of it that `ops/bench/guard.json` says.
/// Faster machines change neither side alone. Neighbours do: the best of each side's rounds counts, and what falls short is measured again, up to nine times.
enum GuardBench: Bench {
    static let name = "guard"
    static let summary = "shares of what C does, against those written down in ops/bench/guard.json"

    private static let roundsLeast = 3
    private static let roundsMost = 9
    /// Of one measurement: of a thread alone, and of processes that talk with each other.
    private static let seconds = 0.3
    private static let togetherSeconds = 0.6

    /// A floor beside its ceiling. Both figures are rates, or both are costs turned over: more is better.
    private struct Part: Sendable {
        var name: String
        var ceiling: @Sendable () async throws(Fault) -> Double
        var ours: @Sendable () async throws(Fault) -> Double
    }

    static func run(_ workbench: Workbench) async throws(Fault) -> [Bar] {
        let nginx = try await Nginx.start(workbench, content: Array(repeating: 97, count: ClientBench.answerBytes))
        let plane = try await ServedPlane.start(workbench)
        try await BenchTables.make(plane.database.owner)
        let owner = PostgresPool(plane.database.owner, size: 1)
        let floors = try floors("\(workbench.sources)/guard.json")
        do throws(Fault) {
            let parts = try await alone(workbench) + together(workbench, nginx, plane, owner)
            guard Set(parts.map(\.name)) == Set(floors.keys) else {
                throw Fault("bench_sources_missing", stage: .configuration, disposition: .bug, summary: "guard.json names \(floors.keys.sorted()), and there are \(parts.map(\.name).sorted())")
            }
            let bars = try await hold(parts, floors)
            await owner.close()
            return bars
        } catch {
            await owner.close()
            throw error
        }
    }

    /// Measures all, then again what falls short.
    private static func hold(_ parts: [Part], _ floors: [String: Double]) async throws(Fault) -> [Bar] {
        var best: [String: (ours: Double, ceiling: Double)] = [:]
        func bar(_ part: Part) -> Bar {
            let (ours, ceiling) = best[part.name] ?? (0, 1), floor = floors[part.name] ?? 1
            return Bar(name: part.name, ratio: ours / ceiling / floor, ours: ours / ceiling, required: floor, ceiling: 1, unit: "of the ceiling")
        }
        for round in 1 ... roundsMost {
            for part in parts where round <= roundsLeast || !bar(part).passes {
                let ceiling = try await part.ceiling(), ours = try await part.ours()
                guard ceiling.isFinite, ceiling > 0, ours.isFinite else {
                    throw Fault("bench_program_failed", stage: .configuration, disposition: .hold, summary: "\(part.name) was measured as \(ours) of \(ceiling)")
                }
                let before = best[part.name] ?? (0, 0)
                best[part.name] = (max(before.ours, ours), max(before.ceiling, ceiling))
            }
        }
        return parts.map(bar)
    }

    /// What one thread does, in core seconds.
    private static func alone(_ workbench: Workbench) async throws(Fault) -> [Part] {
        let program = try await workbench.ceiling("scan"), orders = SampleOrders.bodies(128), file = "\(workbench.folder)/guard.jsonl"
        try write(Array(orders.joined(separator: [10])) + [10], to: file)
        let way = try Way(), pipelined = Array(repeatElement(request, count: requests).joined())
        let scan: @Sendable () async throws(Fault) -> Double = { () async throws(Fault) in try await workbench.figure("documents_per_second", program, [file, "\(seconds)"]) }
        return [
            Part(name: "json parse", ceiling: scan) { () async throws(Fault) in try JSONBench.rate(orders, seconds) { (order) throws(Fault) in try OrderReading.check(order) } },
            Part(name: "json whole", ceiling: scan) { () async throws(Fault) in try JSONBench.rate(orders, seconds) { (order) throws(Fault) in try way.walk(order) } },
            Part(name: "http parse", ceiling: scan) { () async throws(Fault) in
                try JSONBench.rate([pipelined], seconds) { (bytes) throws(Fault) in try parse(bytes) } * Double(requests)
            },
        ]
    }

    /// What takes a server as well.
    private static func together(_ workbench: Workbench, _ nginx: Nginx, _ plane: ServedPlane, _ owner: PostgresPool) async throws(Fault) -> [Part] {
        let database = try await workbench.ceiling("pg_ceiling", libraries: ["libpq"]), curl = try await workbench.ceiling("client_ceiling", libraries: ["libcurl"])
        let load = try await workbench.ceiling("load"), url = "http://127.0.0.1:\(nginx.port)/body.json"
        let file = "\(workbench.folder)/guard.http", get = "\(workbench.folder)/guard-get.http", plain = "\(workbench.folder)/guard-plain.http"
        try plane.writeDelivery(file)
        try write(Array("GET /v1/key HTTP/1.1\r\nHost: 127.0.0.1:\(plane.port)\r\nAuthorization: Bearer \(plane.key.revealText())\r\n\r\n".utf8), to: get)
        try write(Array("GET /body.json HTTP/1.1\r\nHost: 127.0.0.1:\(nginx.port)\r\n\r\n".utf8), to: plain)
        let seconds = togetherSeconds
        return [
            Part(name: "postgres select") { () async throws(Fault) in
                try await workbench.figure("rows_per_second", database, [plane.database.conninfo, "select", "\(seconds)"])
            } ours: { () async throws(Fault) in try await PostgresBench.selects(owner, seconds) },
            Part(name: "client") { () async throws(Fault) in
                try await workbench.figure("requests_per_second", curl, [url, "\(ClientBench.inFlight)", "\(seconds)"])
            } ours: { () async throws(Fault) in try await ClientBench.rate(url, nginx.port, seconds) },
            Part(name: "serve") { () async throws(Fault) in try await perCoreSecond(workbench, load, nginx.port, plain, nginx.child.pid) } ours: { () async throws(Fault) in
                try await perCoreSecond(workbench, load, plane.port, get, plane.child.pid)
            },
            Part(name: "ingest") { () async throws(Fault) in try await IngestBench.rows(workbench, database, plane, owner, seconds) } ours: { () async throws(Fault) in
                try await IngestBench.deliveries(workbench, load, plane, owner, file, seconds)
            },
        ]
    }

    /// Requests that a server answers in one second of its process's time.
    private static func perCoreSecond(_ workbench: Workbench, _ load: String, _ port: Int, _ file: String, _ pid: Int32) async throws(Fault) -> Double {
        let before = try Usage(of: pid)
        let answered = try await workbench.figure("answered", load, ["\(port)", "\(HTTPBench.connections)", "\(togetherSeconds)", "0", file])
        return answered / max(0.01, try Usage(of: pid).coreSeconds - before.coreSeconds)
    }

    private static let requests = 64
    private static let request = Array(
        "GET /v1/tenants/\(String(repeating: "0", count: 36)) HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nAuthorization: Bearer cf_0123456789\r\nAccept: */*\r\n\r\n".utf8)

    private static func parse(_ bytes: [UInt8]) throws(Fault) {
        var parser = HTTPParser()
        parser.receive(bytes)
        var ends = 0
        while let event = parser.next() { if case .end = event { ends += 1 } }
        guard ends == requests else { throw Fault("bench_sum_wrong", stage: .http, disposition: .bug, summary: "\(ends) of \(requests) requests were read") }
    }

    private static func floors(_ file: String) throws(Fault) -> [String: Double] {
        guard let data = try? Data(contentsOf: URL(filePath: file)), let members = try JSON(parsing: Array(data)).object else {
            throw Fault("bench_sources_missing", stage: .configuration, disposition: .hold, summary: "\(file) can't be read")
        }
        var out: [String: Double] = [:]
        for (name, value) in members { if case .number(let digits) = value, let share = Double(digits), share > 0 { out[name] = share } }
        return out
    }
}
