internal import Catalog
internal import ConnectorKit
internal import FoundationEssentials
internal import Kernel
internal import Scenario
internal import Wire

enum ConnectorCommand: Command {
    static let name = "connector"
    static let summary = "list the platforms there are connectors for, or describe one"
    static let help = """
        usage: counterfoil connector list [--json]
               counterfoil connector describe ID [--json]

        Lists platform, role, authentication, limits and what protects a write from happening twice; `describe` adds every fact's source.
        """
    static let options: [String] = []
    static let flags = ["json"]

    static func run(_ arguments: Arguments) async throws(Fault) -> Int32 {
        let json = arguments.flags.contains("json")
        switch arguments.rest.first {
        case "list" where arguments.rest.count == 1:
            if json {
                say(JSON.array(Catalog.connectors.map { describe($0.spec) }).text)
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
            say(json ? describe(connector.spec).text : describe(connector.spec).pretty())
        default: throw usage("counterfoil connector list | describe ID")
        }
        return 0
    }

    private static func describe(_ spec: PlatformSpec) -> JSON {
        var auth = "header"
        if case .oauth2 = spec.auth { auth = "oauth2" }
        let limits = spec.limits.map { limit in
            JSON.object([
                ("name", .string(limit.name)), ("scope", .string(limit.scope.rawValue)), ("amount", .number("\(limit.amount)")),
                ("window_s", .number("\(limit.window.components.seconds)")),
            ])
        }
        var sunset = JSON.null
        if let date = spec.sunset { sunset = .string(date.description) }
        var native = JSON.null
        if let lifetime = spec.idempotency.nativeKeyLifetime { native = .number("\(lifetime.components.seconds)") }
        return .object([
            ("id", .string(spec.id)), ("name", .string(spec.name)), ("roles", .array(spec.roles.map { .string($0.rawValue) })), ("auth", .string(auth)),
            ("api_version", .string(spec.apiVersion)), ("sunset", sunset), ("limits", .array(limits)), ("concurrency", .number("\(spec.concurrency)")),
            ("batch", .object(spec.batchSizes.sorted { $0.key < $1.key }.map { ($0.key, .number("\($0.value)")) })), ("page_size", .number("\(spec.pageSize)")),
            ("idempotency", .object([
                ("native_key_lifetime_s", native), ("searchable", .bool(spec.idempotency.searchable)),
                ("find_settles_ms", .number("\(spec.idempotency.findSettles.wholeMilliseconds)")),
            ])),
            ("tax", .string(spec.tax.rawValue)), ("dimensions", .array(spec.dimensions.map { .string($0) })),
            ("docs", .string("docs/connectors/\(spec.id).md")),
            ("sources", .object(spec.sources.sorted { $0.key < $1.key }.map { ($0.key, .string($0.value)) })),
        ])
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
