internal import FoundationEssentials
internal import HTTPServer
internal import Kernel
internal import Wire

/// What keeps the floors from sinking unnoticed: core seconds of ours against those of a byte scan in C over the same bytes, compared with the
/// shares in `ops/bench/guard.json`. Neighbours and faster machines change neither side alone.
enum GuardBench: Bench {
    static let name = "guard"
    static let summary = "shares of a C byte scan, against those written down in ops/bench/guard.json"

    /// What one run may fall short of what was written down: caches and clocks differ from machine to machine.
    private static let tolerance = 0.7
    private static let rounds = 5
    private static let requests = 64

    static func run(_ workbench: Workbench) async throws(Fault) -> [Bar] {
        let scan = try await workbench.ceiling("scan")
        let orders = SampleOrders.bodies(128)
        let file = "\(workbench.folder)/guard.jsonl"
        try write(Array(orders.joined(separator: [10])) + [10], to: file)
        let wanted = try shares("\(workbench.sources)/guard.json")
        let request = Array("GET /v1/tenants/\(String(repeating: "0", count: 36)) HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nAuthorization: Bearer cf_0123456789\r\nAccept: */*\r\n\r\n".utf8)
        let pipelined = Array(repeatElement(request, count: requests).joined())
        let way = try Way()
        var all = Rounds()
        for _ in 0 ..< rounds {
            all.add("scan", try await workbench.figures(scan, [file, "0.3"])["documents_per_second"] ?? 0)
            all.add("json parse", try JSONBench.rate(orders, 0.3) { (order) throws(Fault) in try OrderReading.check(order) })
            all.add("json whole", try JSONBench.rate(orders, 0.3) { (order) throws(Fault) in try way.walk(order) })
            all.add("http parse", try JSONBench.rate([pipelined], 0.3) { (bytes) throws(Fault) in try parse(bytes) } * Double(requests))
        }
        return wanted.map { (name, share) in
            Bar(name: name, ratio: all.median(of: name, over: "scan") / (share * tolerance), ours: all.median(of: name, over: "scan"), required: share * tolerance,
                ceiling: 1, unit: "share of a scan")
        }
    }

    private static func parse(_ bytes: [UInt8]) throws(Fault) {
        var parser = HTTPParser()
        parser.receive(bytes)
        var ends = 0
        while let event = parser.next() { if case .end = event { ends += 1 } }
        guard ends == requests else { throw Fault("bench_sum_wrong", stage: .http, disposition: .bug, summary: "\(ends) of \(requests) requests were read") }
    }

    private static func shares(_ file: String) throws(Fault) -> [(String, Double)] {
        guard let data = try? Data(contentsOf: URL(filePath: file)), let members = try JSON(parsing: Array(data)).object else {
            throw Fault("bench_sources_missing", stage: .configuration, disposition: .hold, summary: "\(file) can't be read")
        }
        var out: [(String, Double)] = []
        for (name, value) in members { if case .number(let digits) = value, let share = Double(digits) { out.append((name, share)) } }
        return out
    }
}
