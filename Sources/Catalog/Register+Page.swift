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
            | `conformance_result` | how many questions a run has put to it, how many were answered, and which were not; `null` but with `--conformance FILE`, and only what that run's records say | `swift test --filter ConnectorKitTests --event-stream-output-path FILE` writes them; `ops/test` does, and fails unless every platform answers all |
            | `twin` | what plays the platform, and shares no code with any connector; `null` where nobody is called | `counterfoil sandbox` runs it; `swift test --filter` with its name and `Tests`, and with `ImportTests` |
            | `suites` | test targets in which the connector, or its twin, is tried; in `PipelineTests` the whole program works with the twin | `swift test --filter` with the suite's name |
            | `specs` | descriptions that vendors publish for programs, each with its version: none, as no command of this repository reads one | |
            | `sdks` | libraries of the vendor, or of others, in the version that is pinned: each creates, reads and pages on the twin | the script in `command` with the address of a `counterfoil sandbox`; `ops/test` runs them all |
            | `servers` | programs that others wrote to play the platform: the whole program reads from them; `date` is when a run last found no difference, `null` but with `--servers FILE`, and only what that file's records say | the script in `command`, which writes them with `--record FILE`; `ops/test` runs it so |

            Accounts at vendors verify nothing here: no command of this repository reaches them. `ops/test` leaves the list with both results in `var/test/connectors.json`.

            `idempotency.means` tells what keeps a write from happening twice: `native_key` (the platform knows a key of ours; `in` a `header`, a `parameter` of the
            address, a `control` of the body beside the record, or a `field` that no second record may have; `lifetime_s` is `null` where the vendor does not publish
            it, and a field lasts as its record does), `search` (ours is looked for in the ledger), `list` (there is no search: what changed is listed and compared
            here), `file` (nothing is sent: a posting is in one file at a time). None: nothing is written.

            `sunset` is the day on which the API version ends, `sunset_of` what ends before: values of a connection's setting, `until` when the vendor says; `null`
            where it is given up without an announced end.


            """
        out += table(["platform", "id", "role", "authentication", "API version", "until"], Catalog.connectors.map { connector in
            let spec = connector.spec
            return [
                "[\(spec.name)](connectors/\(spec.id).md)", "`\(spec.id)`", spec.roles.map(\.rawValue).joined(separator: ", "), spec.auth.word, spec.apiVersion,
                until(spec),
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
            ["once only by", once(spec)],
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

    private static func until(_ spec: PlatformSpec) -> String {
        let ends = spec.endings.map { end in
            "`\(end.setting)` \(end.values.map { "`\($0)`" }.joined(separator: ", ")): \(end.until ?? "given up, no end announced")"
        }
        return ((spec.sunset.map { [$0.description] } ?? []) + ends).joined(separator: "; ")
    }

    private static func once(_ spec: PlatformSpec) -> String {
        let means = spec.idempotency, settles = "not found counts after \(means.findSettles.components.seconds) s"
        let out = Register.means(spec).map { word in
            switch word {
            case "native_key": native(means)
            case "search": "looking for our key; \(settles)"
            case "list": "listing what changed and looking through it for our key; \(settles)"
            default: "nothing is sent: a posting is in one file at a time"
            }
        }
        return out.isEmpty ? "nothing is written" : out.joined(separator: "; ")
    }

    private static func native(_ means: Idempotency) -> String {
        let life = means.nativeKeyLifetime.map { "remembered for \($0.components.seconds) s" } ?? "for how long is not published"
        return switch means.nativeKey {
        case .header(let name)?: "the platform's own key in the header `\(name)`, \(life)"
        case .parameter(let name)?: "the platform's own key in the parameter `\(name)`, \(life)"
        case .control(let name)?: "the platform's own key in the request's `\(name)`, \(life)"
        case .field(let name)?: "the field `\(name)`, which no second record may have"
        case nil: ""
        }
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
