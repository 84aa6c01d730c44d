internal import Glibc
internal import Kernel
internal import Wire

/// Measures the floors. See docs/performance.md.
enum BenchCommand: Command {
    static let name = "bench"
    static let summary = "measure the floor libraries against C ceilings and peers"
    static let options = ["rounds", "seconds", "database"]
    static let flags = ["json"]

    static var help: String {
        var text = """
            usage: counterfoil bench NAME [--rounds N] [--seconds N] [--database URL] [--json]

            Measures one floor, or `all`: a ceiling written in C, a peer and ours take turns, and each figure is the median of the rounds.
            Installs by apt and pip what it needs, below COUNTERFOIL_VAR/bench, and runs a private PostgreSQL with the settings of `up`.
            Run a release build from the checkout: the ceilings' sources are in ops/bench.
              --rounds N       rounds (3, and not fewer; not for guard)
              --seconds N      seconds of one measurement (2; not for guard)
              --database URL   measure on this server instead, logged in as somebody who may create databases and roles
              --json           nothing but the result on standard output
            The last line is the result as JSON; exit status 0 when every ratio is 1 or more, 3 when not.


            """
        for bench in benches { text += "  " + bench.name.padded(to: 10) + bench.summary + "\n" }
        return text + "  " + "guard".padded(to: 10) + "a quick check of ratios, for ops/test\n"
    }

    static var benches: [any Bench.Type] { [JSONBench.self, PostgresBench.self, QueueBench.self, ClientBench.self, HTTPBench.self, IngestBench.self] }

    static func run(_ arguments: Arguments) async throws(Fault) -> Int32 {
        guard arguments.rest.count == 1 else { throw usage("counterfoil bench NAME; `counterfoil bench --help` lists them") }
        let wanted = arguments.rest[0]
        let chosen: [any Bench.Type] = wanted == "all" ? benches : wanted == GuardBench.name ? [GuardBench.self] : benches.filter { $0.name == wanted }
        guard !chosen.isEmpty else { throw usage("there is no bench '\(wanted)'. There are: \(benches.map { $0.name }.joined(separator: ", ")), all, guard") }
        for option in ["rounds", "seconds"] where wanted == GuardBench.name && arguments.value(option) != nil {
            throw usage("the guard has rounds and times of its own: it takes no --\(option)")
        }
        #if DEBUG
        throw Fault(
            "bench_debug_build", stage: .configuration, disposition: .reject, summary: "this is a debug build: its figures would say nothing of the product",
            remedy: "Build it with -c release --static-swift-stdlib, and run .build/release/counterfoil.")
        #else
        return try await measure(chosen, as: wanted, arguments)
        #endif
    }

    private static func measure(_ chosen: [any Bench.Type], as wanted: String, _ arguments: Arguments) async throws(Fault) -> Int32 {
        let quiet = arguments.flags.contains("json")
        let workbench = try Workbench(
            rounds: try arguments.number("rounds", in: 3 ... 99, default: 3), seconds: try arguments.number("seconds", in: 1 ... 60, default: 2),
            database: arguments.value("database"), quiet: quiet)
        var results: [BenchResult] = []
        do throws(Fault) {
            for bench in chosen {
                workbench.tell("\(bench.name): \(bench.summary)")
                let bars = try await bench.run(workbench)
                workbench.tellDisturbances()
                let result = BenchResult(bench: bench.name, bars: bars)
                show(result, workbench)
                results.append(result)
            }
        } catch {
            await workbench.stopAll()
            throw error
        }
        await workbench.stopAll()
        say(wanted == "all" ? JSON.array(results.map(\.json)).text : results[0].json.text)
        return results.allSatisfy { $0.ratio >= 1 } ? 0 : 3
    }

    private static func show(_ result: BenchResult, _ workbench: Workbench) {
        let width = (result.bars.map(\.name.count).max() ?? 0) + 2
        workbench.tell("  " + "".padded(to: width) + ["ratio", "ours", "required", "ceiling", "peer"].map { $0.paddedLeft(to: 11) }.joined() + "  unit")
        for bar in result.bars {
            let figures = [bar.ratio, bar.ours, bar.required, bar.ceiling, bar.peer].map { ($0.map(figureText) ?? "-").paddedLeft(to: 11) }.joined()
            workbench.tell("  " + bar.name.padded(to: width) + figures + "  \(bar.unit)\(bar.passes ? "" : "  BELOW")")
        }
    }
}
