internal import FoundationEssentials
internal import HTTPClient
internal import Kernel
internal import Scheduler
internal import Wire

/// GETs through the transport that every call to a platform takes.
enum ClientBench: Bench {
    static let name = "client"
    static let summary = "GET through the connectors' transport, 50 in flight; against a libcurl multi handle in C, both from nginx"

    private static let share = 0.7
    static let inFlight = 50
    static let answerBytes = 2_000

    static func run(_ workbench: Workbench) async throws(Fault) -> [Bar] {
        let ceiling = try await workbench.ceiling("client_ceiling", libraries: ["libcurl"])
        let nginx = try await Nginx.start(workbench, content: Array(repeating: 97, count: answerBytes))
        let url = "http://127.0.0.1:\(nginx.port)/body.json"
        var rounds = Rounds()
        do throws(Fault) {
            for _ in 0 ..< workbench.rounds {
                rounds.add("C", try await workbench.figure("requests_per_second", ceiling, [url, "\(inFlight)", "\(workbench.seconds)"]))
                rounds.add("client", try await rate(url, nginx.port, Double(workbench.seconds)))
            }
        } catch {
            await workbench.stop(nginx.child)
            throw error
        }
        await workbench.stop(nginx.child)
        return [.share("client", of: share, rounds, ours: "client", ceiling: "C", unit: "requests/s")]
    }

    /// Requests a second of ours.
    static func rate(_ url: String, _ port: Int, _ seconds: Double) async throws(Fault) -> Double {
        let client = HTTPClient(policy: EgressPolicy(allowedHosts: ["127.0.0.1:\(port)"]), connectionsPerHost: inFlight)
        let began = secondsNow()
        let sums = await withTaskGroup(of: Int?.self) { group in
            for _ in 0 ..< inFlight {
                group.addTask {
                    var count = 0
                    while secondsNow() < began + seconds {
                        guard case .answered(let response) = await client.send(HTTPRequest(.get, url), timeout: .seconds(30)), response.status == 200,
                            response.body.count == answerBytes
                        else { return nil }
                        count += 1
                    }
                    return count
                }
            }
            var all: [Int?] = []
            for await sum in group { all.append(sum) }
            return all
        }
        let took = secondsNow() - began
        await client.shutdown()
        guard !sums.contains(nil) else {
            throw Fault("bench_program_failed", stage: .http, disposition: .hold, summary: "a request through our client was not answered")
        }
        return Double(sums.compactMap(\.self).reduce(0, +)) / took
    }
}

/// nginx with one worker and one file.
struct Nginx: Sendable {
    let child: Child
    let port: Int

    static func start(_ workbench: Workbench, content: [UInt8]) async throws(Fault) -> Nginx {
        let program = try await workbench.installed("nginx", packages: ["nginx-light"])
        let port = try ServedPlane.freePort()
        let folder = "\(workbench.folder)/nginx"
        do {
            try FileManager.default.createDirectory(atPath: folder + "/static", withIntermediateDirectories: true)
            let text = try String(contentsOfFile: workbench.sources + "/nginx.conf", encoding: .utf8)
            try text.replacing("FOLDER", with: folder).replacing("PORT", with: "\(port)").write(toFile: folder + "/nginx.conf", atomically: true, encoding: .utf8)
        } catch {
            throw Fault("folder_unwritable", stage: .configuration, disposition: .hold, summary: "\(folder) can't be written")
        }
        try write(content, to: folder + "/static/body.json")
        let child = try await workbench.start("nginx", program, ["-e", folder + "/nginx-error.log", "-c", folder + "/nginx.conf"])
        try await waitUntilListens(port)
        return Nginx(child: child, port: port)
    }

    /// Something answers, whatever it says.
    static func waitUntilListens(_ port: Int) async throws(Fault) {
        let client = HTTPClient(policy: EgressPolicy(allowedHosts: ["127.0.0.1:\(port)"]))
        for _ in 0 ..< 200 {
            if case .answered = await client.send(HTTPRequest(.get, "http://127.0.0.1:\(port)/"), timeout: .seconds(2)) {
                await client.shutdown()
                return
            }
            try? await Task.sleep(for: .milliseconds(50))
        }
        await client.shutdown()
        throw Fault("not_ready", stage: .configuration, disposition: .hold, summary: "nothing listens on port \(port) within 10 s")
    }
}
