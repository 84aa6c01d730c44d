internal import HTTPClient
internal import Kernel
internal import Scheduler
internal import Wire

/// What a request costs the control plane's process.
enum HTTPBench: Bench {
    static let name = "http"
    static let summary = "an authenticated /v1 GET and a signed 2 KB webhook POST: CPU a request, p99, memory; against nginx static and Node's http server"

    static let connections = 64

    static func run(_ workbench: Workbench) async throws(Fault) -> [Bar] {
        let wrk = try await workbench.installed("wrk", packages: ["wrk"])
        let load = try await workbench.ceiling("load")
        let plane = try await ServedPlane.start(workbench)
        var rounds = Rounds()
        do throws(Fault) {
            let path = "/v1/key", stored = "/v1/tenants/\(plane.tenant)"
            let answer = try await body(plane, path)
            let nginx = try await Nginx.start(workbench, content: answer)
            let node = try await startNode(workbench, plane, answer)
            let file = "\(workbench.folder)/delivery.http", unused = "\(workbench.folder)/unused.http"
            try plane.writeDelivery(file)
            try plane.writeDelivery(unused, topic: ServedPlane.unusedTopic)
            let header = ["-H", "Authorization: Bearer \(plane.key.revealText())"]
            // Connections to the database are made, keys are looked up.
            var warm = Rounds()
            for target in [stored, path] { try await get(workbench, wrk, plane.port, target, header, plane.child.pid, "ours", &warm) }
            for _ in 0 ..< workbench.rounds {
                try await get(workbench, wrk, nginx.port, "/body.json", [], nginx.child.pid, "nginx", &rounds)
                try await get(workbench, wrk, node.port, "/", header, node.child.pid, "node", &rounds)
                try await get(workbench, wrk, plane.port, path, header, plane.child.pid, "ours", &rounds)
                try await get(workbench, wrk, plane.port, stored, header, plane.child.pid, "stored", &rounds)
                try await post(workbench, load, node.port, file, node.child.pid, "node", &rounds)
                try await post(workbench, load, plane.port, unused, plane.child.pid, "ours", &rounds)
                try await post(workbench, load, plane.port, file, plane.child.pid, "stored", &rounds)
                rounds.add("memory", try Usage(of: plane.child.pid).residentMegabytes)
                rounds.add("node memory", try Usage(of: node.child.pid).residentMegabytes)
            }
            await workbench.stop(nginx.child)
            await workbench.stop(node.child)
        } catch {
            await plane.stop(workbench)
            throw error
        }
        await plane.stop(workbench)
        workbench.tell("  besides: a GET that asks the database, \(figureText(rounds.median("stored GET µs"))) µs/request, p99 \(figureText(rounds.median("stored GET p99"))) ms")
        workbench.tell("  besides: a POST that is sealed and committed, \(figureText(rounds.median("stored POST µs"))) µs/request of this process, p99 \(figureText(rounds.median("stored POST p99"))) ms")
        return [
            .atMost("GET CPU", 20, rounds, ours: "ours GET µs", ceiling: "nginx GET µs", peer: "node GET µs", unit: "µs/request"),
            .atMost("POST CPU", 26, rounds, ours: "ours POST µs", peer: "node POST µs", unit: "µs/request"),
            .atMost("GET p99", 3, rounds, ours: "ours GET p99", ceiling: "nginx GET p99", unit: "ms"),
            .atMost("POST p99", 3, rounds, ours: "ours POST p99", ceiling: "node POST p99", unit: "ms"),
            .atMost("memory", 20, rounds, ours: "memory", peer: "node memory", unit: "MB"),
        ]
    }

    private static func get(
        _ workbench: Workbench, _ wrk: String, _ port: Int, _ path: String, _ headers: [String], _ pid: Int32, _ name: String, _ rounds: inout Rounds
    ) async throws(Fault) {
        let arguments = ["-t1", "-c\(connections)", "-d\(workbench.seconds)s", "--latency"] + headers + ["http://127.0.0.1:\(port)\(path)"]
        let (report, seconds) = try await workbench.undisturbed { () async throws(Fault) in
            let before = try Usage(of: pid)
            let text = try await workbench.run(wrk, arguments)
            let after = try Usage(of: pid)
            guard let report = WrkReport(text), report.requests > 0, !text.contains("Non-2xx") else {
                throw Fault("bench_program_failed", stage: .configuration, disposition: .hold, summary: "wrk against \(name): \(text.suffix(500))")
            }
            return (report, after.coreSeconds - before.coreSeconds)
        }
        rounds.add("\(name) GET µs", seconds * 1e6 / report.requests)
        rounds.add("\(name) GET p99", report.p99_ms)
    }

    private static func post(
        _ workbench: Workbench, _ load: String, _ port: Int, _ file: String, _ pid: Int32, _ name: String, _ rounds: inout Rounds
    ) async throws(Fault) {
        let arguments = ["\(port)", "\(connections)", "\(workbench.seconds)", "0", file]
        let (cost, p99_ms) = try await workbench.undisturbed { () async throws(Fault) in
            let before = try Usage(of: pid)
            let report = try await workbench.figures(load, arguments)
            let after = try Usage(of: pid)
            return try ((after.coreSeconds - before.coreSeconds) * 1e6 / report.get("answered"), report.get("p99_ms"))
        }
        rounds.add("\(name) POST µs", cost)
        rounds.add("\(name) POST p99", p99_ms)
    }

    private static func body(_ plane: ServedPlane, _ path: String) async throws(Fault) -> [UInt8] {
        let client = HTTPClient(policy: EgressPolicy(allowedHosts: ["127.0.0.1:\(plane.port)"]))
        let request = HTTPRequest(.get, "http://127.0.0.1:\(plane.port)\(path)", fields: ["Authorization": "Bearer \(plane.key.revealText())"])
        let outcome = await client.send(request, timeout: .seconds(5))
        await client.shutdown()
        guard case .answered(let response) = outcome, response.status == 200 else {
            throw Fault("bench_program_failed", stage: .configuration, disposition: .hold, summary: "the control plane does not answer \(path)")
        }
        return response.body
    }

    private static func startNode(_ workbench: Workbench, _ plane: ServedPlane, _ answer: [UInt8]) async throws(Fault) -> (child: Child, port: Int) {
        let node = try await workbench.installed("node", packages: ["nodejs"])
        let port = try ServedPlane.freePort()
        let file = "\(workbench.folder)/answer.json"
        try write(answer, to: file)
        let words = ["\(workbench.sources)/node_server.js", "\(port)", plane.key.revealText(), ServedPlane.secret, file]
        let child = try await workbench.start("node", node, words)
        try await Nginx.waitUntilListens(port)
        return (child, port)
    }
}

/// What `wrk --latency` prints.
struct WrkReport: Sendable {
    var requests: Double
    var p99_ms: Double

    init?(_ text: String) {
        var requests: Double?, p99: Double?
        for line in text.split(separator: "\n") {
            let words = line.split(separator: " ")
            if words.count > 2, words[1] == "requests", words[2] == "in" { requests = Double(words[0]) }
            if words.count == 2, words[0] == "99%" { p99 = WrkReport.milliseconds(words[1]) }
        }
        guard let requests, let p99 else { return nil }
        self.requests = requests
        p99_ms = p99
    }

    /// `812.00us`, `1.20ms`, `1.02s`.
    private static func milliseconds(_ text: Substring) -> Double? {
        let number = text.prefix { $0.isNumber || $0 == "." }
        guard let value = Double(number) else { return nil }
        switch text.dropFirst(number.count) {
        case "us": return value / 1000
        case "ms": return value
        case "s": return value * 1000
        case "m": return value * 60_000
        default: return nil
        }
    }
}
