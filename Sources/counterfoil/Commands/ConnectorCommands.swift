internal import Catalog
internal import ConnectorKit
internal import FoundationEssentials
internal import Kernel
internal import Scaffold
internal import Scenario
internal import Wire

enum ConnectorCommand: Command {
    static let name = "connector"
    static let summary = "list the platforms there are connectors for, describe one, or begin a new one"
    static let help = """
        usage: counterfoil connector list [--json [--conformance FILE] [--servers FILE]]
               counterfoil connector describe ID [--json]
               counterfoil connector new ID [--role source|ledger] [--title NAME] [--no-twin] [--dry-run]

        Lists platform, role, authentication, objects, limits, what protects a write from happening twice, and what of this repository verifies it;
        `describe` adds every fact's source. `new` lays down a connector, its twin, tests and page in the checkout that it is run in: they compile,
        and the conformance tests say what is to be done (docs/writing-a-connector.md). The module is the title's letters where these are the id's
        (`freeagent`, FreeAgent), else the id's words. `--no-twin` leaves the twin to somebody else.
        `--conformance` adds what a run of the questions to every connector said, from that run's records, to `verified_by`:

            swift test --filter ConnectorKitTests --event-stream-output-path run.jsonl ; counterfoil connector list --json --conformance run.jsonl

        `--servers` does the same with what Tests/sdk/sweep_….py --record FILE wrote of servers that others wrote. Without them both are null.
        """
    static let options = ["role", "title", "conformance", "servers"]
    static let flags = ["json", "dry-run", "no-twin"]

    static func run(_ arguments: Arguments) async throws(Fault) -> Int32 {
        let json = arguments.flags.contains("json")
        switch arguments.rest.first {
        case "list" where arguments.rest.count == 1:
            if json {
                let run = try arguments.value("conformance").map { file throws(Fault) in try ConformanceRun(try bytes(file)) }
                let servers = try arguments.value("servers").map { file throws(Fault) in try ServerRuns(try bytes(file)) }
                say(Register.json(run, servers: servers).text)
            } else {
                for connector in Catalog.connectors {
                    let spec = connector.spec
                    say("\(spec.id.padded(to: 22))\(spec.roles.map(\.rawValue).joined(separator: ", ").padded(to: 10))\(spec.name), API \(spec.apiVersion)")
                }
            }
        case "describe" where arguments.rest.count == 2:
            guard let connector = Catalog.byID[arguments.rest[1]] else {
                throw usage("there is no connector '\(arguments.rest[1])'. There are \(Catalog.byID.keys.sorted().joined(separator: ", ")).")
            }
            let entry = Register.entry(connector.spec, sources: true)
            say(json ? entry.text : entry.pretty())
        case "new" where arguments.rest.count == 2: try lay(arguments.rest[1], arguments)
        default: throw usage("counterfoil connector list | describe ID | new ID")
        }
        return 0
    }

    private static func bytes(_ file: String) throws(Fault) -> [UInt8] {
        guard let data = try? Data(contentsOf: URL(filePath: file)) else { throw usage("\(file) can't be read") }
        return Array(data)
    }

    /// Nothing is written unless all of it can be.
    private static func lay(_ id: String, _ arguments: Arguments) throws(Fault) {
        guard let role = Scaffold.Role(rawValue: arguments.value("role") ?? "ledger") else { throw usage("--role is source or ledger") }
        let scaffold = try Scaffold(id: id, title: arguments.value("title"), role: role, hasTwin: !arguments.flags.contains("no-twin"))
        var edits: [Scaffold.File] = []
        for path in Scaffold.edited {
            guard let data = try? Data(contentsOf: URL(filePath: path)) else { throw usage("\(path) is not here: run this at the top of a checkout") }
            edits.append(Scaffold.File(path: path, text: try scaffold.edit(path, String(decoding: data, as: UTF8.self))))
        }
        for file in scaffold.files where FileManager.default.fileExists(atPath: file.path) { throw usage("\(file.path) is there already") }
        for file in scaffold.files + edits {
            say(file.path)
            if !arguments.flags.contains("dry-run") { try write(file) }
        }
        say("""

            Next: swift test --filter '\(scaffold.type)|ConnectorKitTests' names what is to be done.
            \(scaffold.hasTwin ? "Register the twin in Sources/Sandbox/Core/Sandbox.swift once it answers. " : "")How: docs/writing-a-connector.md
            """)
    }

    private static func write(_ file: Scaffold.File) throws(Fault) {
        do {
            let url = URL(filePath: file.path)
            try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data(file.text.utf8).write(to: url, options: .atomic)
        } catch {
            throw Fault(
                "scaffold_unwritten", stage: .configuration, disposition: .reject, summary: "\(file.path) can't be written",
                remedy: "Look at the folder's rights.")
        }
    }
}

enum ScenarioCommand: Command {
    static let name = "scenario"
    static let summary = "run accounting scenarios against a plain in-memory ledger"
    static let help = """
        usage: counterfoil scenario check FILE... [--json]

        Runs each file's events through normalise to reconcile and prints every difference from the journal, balances, held and open items
        that it expects. The exit status is 1 when any file differs or names a feature that is still missing.
        """
    static let options: [String] = []
    static let flags = ["json"]

    static func run(_ arguments: Arguments) async throws(Fault) -> Int32 {
        guard arguments.rest.first == "check", arguments.rest.count > 1 else { throw usage("counterfoil scenario check FILE...") }
        var reports: [JSON] = []
        var bad = 0
        for file in arguments.rest.dropFirst() {
            guard let data = try? Data(contentsOf: URL(filePath: file)) else { throw usage("\(file) can't be read") }
            for report in checkScenario(try JSON(parsing: Array(data))) {
                let name = report.id + (report.variant.map { " (\($0))" } ?? "")
                if !report.passed { bad += 1 }
                if arguments.flags.contains("json") {
                    var variant = JSON.null
                    if let v = report.variant { variant = .string(v) }
                    reports.append(.object([
                        ("id", .string(report.id)), ("variant", variant), ("passed", .bool(report.passed)),
                        ("differences", .array(report.differences.map { .string($0) })), ("missing", .array(report.unsupported.map { .string($0) })),
                    ]))
                } else if report.passed {
                    say("ok    \(name)")
                } else {
                    for feature in report.unsupported { say("FAIL  \(name): still missing: \(feature)") }
                    for difference in report.differences { say("FAIL  \(name): \(difference)") }
                }
            }
        }
        if arguments.flags.contains("json") { say(JSON.array(reports).text) }
        return bad == 0 ? 0 : 1
    }
}
