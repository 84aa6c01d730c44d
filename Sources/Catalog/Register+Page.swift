internal import ConnectorKit
internal import Kernel

extension Register {
    /// docs/connectors.md as it must be now. A test holds the file against it.
    public static var page: String {
        var out = """
            # Connectors

            What `counterfoil connector list --json` says, as a page; made from the connectors' own declarations, not written by hand
            (`COUNTERFOIL_WRITE_DOCS=1 swift test --filter RegisterTests` writes it anew).

            `verified_by` claims what a command of this repository shows, and nothing else:

            | word | what it says | shown by |
            |---|---|---|
            | `conformance` | the questions that are put to every connector are answered | `swift test --filter ConnectorKitTests` |
            | `conformance_result` | how many questions a run has put to it, how many were answered, and which were not; with `--conformance FILE`, and only what that run's records say | `swift test --filter ConnectorKitTests --event-stream-output-path FILE` writes them |
            | `twin` | what plays the platform, written by somebody else than the connector, each from the vendor's pages; `null` where nobody is called | `counterfoil sandbox` runs it; `swift test --filter` with its name and `Tests` |
            | `suites` | test targets in which the connector, or its twin, is tried; in `PipelineTests` the whole program posts into the twin's books | `swift test --filter` with the suite's name |
            | `sdks` | libraries of the vendor, or of others, in the version that is pinned: each creates, reads and pages on the twin | the script in `command` with the address of a `counterfoil sandbox`; `ops/test` runs them all |
            | `servers` | programs that others wrote to play the platform: the whole program reads from them | the script in `command`; `ops/test` runs it |

            Descriptions that vendors publish for programs, and accounts at vendors, verify nothing here: no command of this repository reaches them.


            """
        out += table(["platform", "id", "role", "authentication", "API version", "until"], Catalog.connectors.map { connector in
            let spec = connector.spec
            return [
                "[\(spec.name)](connectors/\(spec.id).md)", "`\(spec.id)`", spec.roles.map(\.rawValue).joined(separator: ", "), spec.auth.word, spec.apiVersion,
                spec.sunset?.description ?? "",
            ]
        })
        for connector in Catalog.connectors { out += "\n" + section(connector.spec) }
        return out
    }

    private static func section(_ spec: PlatformSpec) -> String {
        let shown = Verification.of(spec.id)
        var facts: [[String]] = [
            ["credential", spec.auth.parts.map { parts in parts.map { "`\($0.name)`" }.joined(separator: ", ") } ?? "token set of an OAuth 2 consent"],
            ["by file", Register.files(spec).map { "`\($0)`" }.joined(separator: ", ")],
            ["limits", spec.limits.map { "\($0.amount) in \($0.window.components.seconds) s (\($0.name), \($0.scope.rawValue))" }.joined(separator: "; ")],
            ["in flight", "\(spec.concurrency)"],
            ["once only by", spec.auth.word == "none" ? "nothing is sent: a posting is in one file at a time" : once(spec.idempotency)],
            ["changes", spec.changeFeed.map(changes).joined(separator: "; ")],
            ["tax", spec.tax.rawValue], ["dimensions", spec.dimensions.joined(separator: ", ")],
            ["currencies", spec.currency.foreign ? "foreign too; rate: \(spec.currency.rate.rawValue)" : "one"],
            ["twin", shown.twin.map { "`\($0)`" } ?? ""], ["suites", shown.suites.map { "`\($0)`" }.joined(separator: ", ")],
            ["vendor's SDKs", shown.sdks.map { "\($0.name) \($0.version)" }.joined(separator: ", ")],
            ["servers of others", shown.servers.map { "\($0.name) \($0.version)" }.joined(separator: ", ")],
        ]
        facts = facts.filter { !$0[1].isEmpty }
        return "## \(spec.name)\n\n" + table(["", ""], facts) + "\n"
            + table(["object there", "here", "operations"], spec.objects.map { object in
                [object.name, object.carries.map { "`\($0)`" }.joined(separator: ", "), object.operations.map(\.rawValue).joined(separator: ", ")]
            })
    }

    private static func once(_ means: Idempotency) -> String {
        var out: [String] = []
        if let life = means.nativeKeyLifetime { out.append("the platform's own key, for \(life.components.seconds) s") }
        if means.searchable { out.append("looking for our key; not found counts after \(means.findSettles.components.seconds) s") }
        return out.isEmpty ? "nothing is written" : out.joined(separator: "; ")
    }

    private static func changes(_ feed: ChangeFeed) -> String {
        switch feed {
        case .webhooks(let signature, let topics): "webhooks (\(signature)): \(topics.map { "`\($0)`" }.joined(separator: ", "))"
        case .sweep(let field, let overlap): "sweep by `\(field)`, \(overlap.components.seconds) s back"
        }
    }

    private static func table(_ head: [String], _ rows: [[String]]) -> String {
        func line(_ cells: [String]) -> String { "| " + cells.map { $0.replacing("|", with: "\\|") }.joined(separator: " | ") + " |\n" }
        return line(head) + "|" + String(repeating: "---|", count: head.count) + "\n" + rows.map(line).joined()
    }
}
