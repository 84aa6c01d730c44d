public import ConnectorKit
internal import Kernel
public import Wire

/// Every platform with what there is to know of it: `counterfoil connector list --json` and docs/connectors.md say the same.
public enum Register {
    public static var json: JSON { json(nil) }

    /// - Parameters:
    ///   - run: what a run said of the connectors, which goes to what verifies them.
    ///   - servers: when others' servers were read from without a difference; the same.
    public static func json(_ run: ConformanceRun?, servers: ServerRuns? = nil) -> JSON {
        .array(Catalog.connectors.map { entry($0.spec, run: run, servers: servers) })
    }

    /// One platform; `describe` adds where each fact comes from.
    public static func entry(_ spec: PlatformSpec, sources: Bool = false, run: ConformanceRun? = nil, servers: ServerRuns? = nil) -> JSON {
        var members: [(key: String, value: JSON)] = [
            ("id", .string(spec.id)), ("name", .string(spec.name)), ("roles", words(spec.roles.map(\.rawValue))), ("auth", auth(spec.auth)),
            ("objects", .array(spec.objects.map(object))), ("operations", words(operations(spec))), ("idempotency", idempotency(spec)),
            ("change_feed", .array(spec.changeFeed.map(feed))), ("limits", .array(spec.limits.map(limit))), ("concurrency", number(spec.concurrency)),
            ("batch", .object(spec.batchSizes.sorted { $0.key < $1.key }.map { ($0.key, number($0.value)) })), ("page_size", number(spec.pageSize)),
            ("dimensions", words(spec.dimensions)), ("tax", .string(spec.tax.rawValue)), ("currency", currency(spec.currency)),
            ("files", words(files(spec))),
            ("api_version", .string(spec.apiVersion)), ("sunset", .optional(spec.sunset?.description)),
            ("sunset_of", .array(spec.endings.map(ending))), ("docs", .string("docs/connectors/\(spec.id).md")),
            ("verified_by", verification(Verification.of(spec.id), spec.id, run, servers)),
        ]
        if sources { members.append(("sources", .object(spec.sources.sorted { $0.key < $1.key }.map { ($0.key, .string($0.value)) }))) }
        return .object(members)
    }

    /// What it does with any of its objects, in the order of the words' declaration.
    public static func operations(_ spec: PlatformSpec) -> [String] {
        PlatformObject.Operation.allCases.filter { word in spec.objects.contains { $0.operations.contains(word) } }.map(\.rawValue)
    }

    /// Forms that a person imports there, its own first; every ledger's postings can be handed over.
    public static func files(_ spec: PlatformSpec) -> [String] {
        guard let ledger = Catalog.byID[spec.id] as? any LedgerConnector else { return [] }
        let own = ledger.manualForms.map(\.id)
        return own.contains(ManualForm.journalCSV.id) ? own : own + [ManualForm.journalCSV.id]
    }

    private static func words(_ list: [String]) -> JSON { .array(list.map { .string($0) }) }
    private static func number(_ value: some BinaryInteger) -> JSON { .number("\(value)") }

    private static func auth(_ auth: Authentication) -> JSON {
        let parts = (auth.parts ?? []).map { part in
            JSON.object([
                ("name", .string(part.name)), ("meaning", .string(part.meaning)), ("form", .string(part.form.rawValue)), ("secret", .bool(part.isSecret)),
                ("required", .bool(part.isRequired)), ("operator", .bool(part.isOperators)),
            ])
        }
        var members: [(key: String, value: JSON)] = [("kind", .string(auth.word))]
        if case .oauth2(let oauth) = auth { members.append(("scopes", words(oauth.scopes))) }
        if case .clientCredentials(let client) = auth { members.append(("scopes", words(client.scopes))) }
        members.append(("parts", auth.parts == nil ? words(["access_token", "refresh_token", "expires_at", "client_id", "client_secret"]) : .array(parts)))
        return .object(members)
    }

    private static func object(_ object: PlatformObject) -> JSON {
        .object([("name", .string(object.name)), ("carries", words(object.carries)), ("operations", words(object.operations.map(\.rawValue)))])
    }

    /// What keeps a write from happening twice, in words: a key of the platform's own, a search by ours, a list that is compared here instead of a search, a
    /// file that alone has the posting. Empty where nothing is written.
    static func means(_ spec: PlatformSpec) -> [String] {
        if Catalog.byID[spec.id] is any FileLedger { return ["file"] }
        let means = spec.idempotency
        return (means.nativeKey == nil ? [] : ["native_key"]) + (means.searchable ? [means.isListed ? "list" : "search"] : [])
    }

    private static func idempotency(_ spec: PlatformSpec) -> JSON {
        let means = spec.idempotency
        let native = means.nativeKey.map { key in
            let life = means.nativeKeyLifetime.map { number($0.components.seconds) } ?? .null
            return JSON.object([("in", .string(key.place)), ("name", .string(key.name)), ("lifetime_s", life)])
        }
        return .object([
            ("means", words(Self.means(spec))), ("native_key", native ?? .null), ("searchable", .bool(means.searchable)), ("listed", .bool(means.isListed)),
            ("find_settles_ms", number(means.findSettles.milliseconds)),
        ])
    }

    private static func ending(_ ending: Ending) -> JSON {
        .object([("setting", .string(ending.setting)), ("values", words(ending.values)), ("until", .optional(ending.until))])
    }

    private static func feed(_ feed: ChangeFeed) -> JSON {
        switch feed {
        case .webhooks(let signature, let topics): .object([("kind", "webhooks"), ("signature", .string(signature)), ("topics", words(topics))])
        case .sweep(let field, let overlap): .object([("kind", "sweep"), ("by", .string(field)), ("overlap_s", number(overlap.components.seconds))])
        }
    }

    private static func limit(_ limit: RateLimit) -> JSON {
        .object([
            ("name", .string(limit.name)), ("scope", .string(limit.scope.rawValue)), ("amount", number(limit.amount)),
            ("window_s", number(limit.window.components.seconds)),
        ])
    }

    private static func currency(_ ability: CurrencyAbility) -> JSON {
        let digits = ability.digitsMost.map { number($0) } ?? .null
        return .object([("foreign", .bool(ability.foreign)), ("rate", .string(ability.rate.rawValue)), ("digits_most", digits)])
    }

    /// What shows it, each with the command that does. Members are always the same: what no run was given for is null.
    private static func verification(_ shown: Verification, _ id: String, _ run: ConformanceRun?, _ runs: ServerRuns?) -> JSON {
        let sdks = shown.sdks.map { sdk in
            JSON.object([("name", .string(sdk.name)), ("version", .string(sdk.version)), ("command", .string(shown.works(on: id)))])
        }
        let servers = shown.servers.map { server in
            JSON.object([
                ("name", .string(server.name)), ("version", .string(server.version)), ("command", .string("Tests/sdk/sweep_\(server.name).py")),
                ("date", .optional(runs?.date(server.name, server.version))),
            ])
        }
        return .object([
            ("conformance", .string("swift test --filter \(shown.suites.first ?? "")")), ("conformance_result", run?.results[id]?.json ?? .null),
            ("twin", .optional(shown.twin)), ("suites", words(shown.suites)), ("specs", .array([])), ("sdks", .array(sdks)), ("servers", .array(servers)),
        ])
    }
}

extension Duration {
    fileprivate var milliseconds: Int64 { components.seconds * 1_000 + components.attoseconds / 1_000_000_000_000_000 }
}
