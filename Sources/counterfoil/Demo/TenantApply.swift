internal import Books
internal import Catalog
internal import ConnectorKit
internal import Kernel
internal import Mapping
internal import Wire

/// Brings the server to what a folder of tenant files says, through the public API. What is there and equal is left alone; credentials are
/// only set where there are none, because the server's copy rotates.
struct TenantApply {
    /// What was done, and the connections there are now.
    struct Outcome {
        var created = 0
        var changed = 0
        var connections: [(id: String, platform: String, account: String, tenant: String)] = []
        /// One line for each thing created or changed.
        var steps: [String] = []
        /// One line for each thing that the server has otherwise and that no call changes once it is there.
        var left: [String] = []
    }

    private let api: API
    /// Only say what would be done.
    private let dry: Bool

    init(_ api: API, dry: Bool = false) {
        self.api = api
        self.dry = dry
    }

    func apply(_ files: TenantFiles) async throws(Fault) -> Outcome {
        var out = Outcome()
        guard let consultancy = try await ensure("/v1/consultancies", pick(files.consultancy, ["slug", "name"]), what: "consultancy", &out) else { return out }
        for (_, tenant) in files.tenants {
            var wanted = pick(tenant, ["slug", "name"])
            wanted = wanted.setting("consultancy", .string(consultancy))
            guard let id = try await ensure("/v1/tenants", wanted, query: "&consultancy=\(consultancy)", what: "tenant", &out) else { continue }
            try await apply(tenant, id, &out)
        }
        if let operators = files.operators { try await AlertApply(api, dry: dry).apply(operators, "/v1/alerts", "operator", &out) }
        return out
    }

    private func apply(_ tenant: JSON, _ id: String, _ out: inout Outcome) async throws(Fault) {
        let slug = tenant["slug"]?.string ?? "?"
        var organisations: [String: String] = [:]
        for organisation in tenant["organisations"]?.array ?? [] {
            organisations[organisation["slug"]?.string ?? ""] = try await ensure("/v1/tenants/\(id)/organisations", organisation, what: "\(slug): organisation", &out)
        }
        for kind in ["structure", "rules"] { try await put(kind, tenant[kind] ?? .object([]), id, slug, &out) }
        var connections: [String: String] = [:]
        for connection in tenant["connections"]?.array ?? [] {
            connections[connection["slug"]?.string ?? ""] = try await applyConnection(connection, id, slug, &out)
        }
        for flow in tenant["flows"]?.array ?? [] { try await applyFlow(flow, id, slug, organisations, connections, &out) }
        try await AlertApply(api, dry: dry).apply(tenant, "/v1/tenants/\(id)/alerts", slug, &out)
    }

    private func put(_ kind: String, _ wanted: JSON, _ tenant: String, _ slug: String, _ out: inout Outcome) async throws(Fault) {
        let path = "/v1/tenants/\(tenant)/\(kind)"
        var before: JSON = .null
        do throws(Fault) { before = try await api.get(path) } catch { if error.code != "not_found" { throw error } }
        // In the same order too: of patterns that fit, the first wins.
        if before[kind]?.bytes == wanted.bytes { return }
        out.changed += 1
        // Whoever mended a mapping in the console should see that a file takes it back.
        let replaced = before["version"]?.int.map { ", in place of version \($0) by \(before["actor"]?.string ?? "?")" } ?? ""
        out.steps.append("\(slug): a new version of the \(kind)\(replaced)")
        if !dry { _ = try await api.put(path, wanted) }
    }

    private func applyConnection(_ connection: JSON, _ tenant: String, _ slug: String, _ out: inout Outcome) async throws(Fault) -> String? {
        let body = pick(connection, ["slug", "platform", "account", "base_url", "settings"])
        guard let id = try await ensure("/v1/tenants/\(tenant)/connections", body, what: "\(slug): connection", &out) else { return nil }
        var now = try await api.get("/v1/connections/\(id)")
        let changes = pick(connection, ["base_url", "settings"]).object?.filter { now[$0.key] != $0.value } ?? []
        if !changes.isEmpty {
            out.changed += 1
            out.steps.append("\(slug): connection \(connection["slug"]?.string ?? "?") gets \(changes.map(\.key).joined(separator: ", "))")
            if changes.contains(where: { $0.key == "base_url" }), dropsCredential(now, to: connection["base_url"]?.string) {
                out.steps.append("\(slug): connection \(connection["slug"]?.string ?? "?") loses its credential, which was given for another place, and is new until it is given again")
                // What follows in the files gives it anew; of a plan it is to be seen.
                if dry { now = now.setting("credential", .object([("present", .bool(false))])) }
            }
            // A base of another place takes the credential with it: what the server answers counts from here on.
            if !dry { now = try await api.patch("/v1/connections/\(id)", .object(changes)) }
        }
        if let secret = connection["webhook_secret"]?.string, now.member("webhook_secret", "present")?.bool != true {
            out.changed += 1
            out.steps.append("\(slug): connection \(connection["slug"]?.string ?? "?") gets its webhook secret")
            if !dry { _ = try await api.put("/v1/connections/\(id)/webhook-secret", .object([("secret", .string(secret))])) }
        }
        if var credential = connection["credential"], now.member("credential", "present")?.bool != true {
            if let text = credential.string { credential = try JSON(parsing: Array(text.utf8)) }
            out.changed += 1
            out.steps.append("\(slug): connection \(connection["slug"]?.string ?? "?") gets its credential")
            let members = (credential.object ?? []).filter { $0.value.string != "" }
            if !dry { _ = try await api.put("/v1/connections/\(id)/credential", .object(members)) }
        }
        out.connections.append((id, connection["platform"]?.string ?? "", connection["account"]?.string ?? "", slug))
        return id
    }

    /// As the server will have it: a credential stays with its place.
    private func dropsCredential(_ now: JSON, to base: String?) -> Bool {
        guard now.member("credential", "present")?.bool == true, let platform = now["platform"]?.string, let spec = Catalog.byID[platform]?.spec else { return false }
        return !HostList.isSame(now["base_url"]?.string, base, spec, account: now["account"]?.string ?? "")
    }

    private func applyFlow(
        _ flow: JSON, _ tenant: String, _ slug: String, _ organisations: [String: String], _ connections: [String: String], _ out: inout Outcome
    ) async throws(Fault) {
        guard let organisation = organisations[flow["organisation"]?.string ?? ""], let source = connections[flow["source"]?.string ?? ""],
            let ledger = connections[flow["ledger"]?.string ?? ""]
        else { return }
        // As the API keeps them, so that nothing differs that says the same.
        let flow = flow["policies"].map { flow.setting("policies", PolicyText.flat($0)) } ?? flow
        let body = pick(flow, ["slug", "policies", "poll_seconds", "cut_over"]).setting("organisation", .string(organisation))
            .setting("source", .string(source)).setting("ledger", .string(ledger))
        guard let id = try await ensure("/v1/tenants/\(tenant)/flows", body, what: "\(slug): flow", &out) else { return }
        let now = try await api.get("/v1/flows/\(id)")
        let changes = pick(flow, ["policies", "poll_seconds", "cut_over"]).object?.filter { now[$0.key] != $0.value } ?? []
        if !changes.isEmpty {
            out.changed += 1
            out.steps.append("\(slug): flow \(flow["slug"]?.string ?? "?") gets \(changes.map(\.key).joined(separator: ", "))")
            if !dry { _ = try await api.patch("/v1/flows/\(id)", .object(changes)) }
        }
        try await applySchedules(flow, id, slug, &out)
    }

    /// A file that says nothing of schedules leaves them as they are; so does every file what a person has paused.
    private func applySchedules(_ flow: JSON, _ id: String, _ slug: String, _ out: inout Outcome) async throws(Fault) {
        guard let wanted = flow["schedules"]?.object else { return }
        let path = "/v1/flows/\(id)/schedules"
        let kept = wanted.map { (key: $0.key, value: $0.value.string.map { JSON.string(ScheduleText.plain($0)) } ?? $0.value) }
        func sorted(_ members: [(key: String, value: JSON)]) -> JSON { .object(members.sorted { $0.key < $1.key }) }
        guard sorted(try await api.get(path)["schedules"]?.object ?? []) != sorted(kept) else { return }
        out.changed += 1
        out.steps.append("\(slug): flow \(flow["slug"]?.string ?? "?") gets schedules")
        if !dry { _ = try await api.put(path, .object(wanted)) }
    }

    /// The id of the thing with this slug, created when there is none; `nil` only in a dry run.
    private func ensure(_ path: String, _ body: JSON, query: String = "", what: String, _ out: inout Outcome) async throws(Fault) -> String? {
        let slug = body["slug"]?.string ?? ""
        let found = try await api.items("\(path)?slug=\(Form.percent(slug))\(query)").first { $0["slug"]?.string == slug }
        if let found, let id = found["id"]?.string {
            for member in body.object ?? [] where TenantApply.fixed.contains(member.key) {
                guard let now = found[member.key], now != member.value else { continue }
                out.left.append("\(what) \(slug): \(member.key) is \(TenantApply.text(now)) on the server and \(TenantApply.text(member.value)) in the file; it stays")
            }
            return id
        }
        out.created += 1
        out.steps.append("create \(what) \(slug)")
        if dry { return nil }
        guard let id = try await api.post(path, body)["id"]?.string else {
            throw Fault("api_answer_unreadable", stage: .api, disposition: .bug, summary: "the API's answer to a new \(what) has no id")
        }
        return id
    }

    /// What can't be changed, or not by a file, once it is there: another value is told.
    private static let fixed: Set<String> = [
        "name", "country", "base_currency", "time_zone", "platform", "account", "organisation", "source", "ledger",
    ]

    private static func text(_ json: JSON) -> String { String(decoding: json.bytes, as: UTF8.self) }

    /// Only these members, where present.
    private func pick(_ json: JSON, _ keys: [String]) -> JSON { .object((json.object ?? []).filter { keys.contains($0.key) }) }
}

enum TenantCommand: Command {
    static let name = "tenant"
    static let summary = "check, plan or apply a folder of tenant files"
    static let help = """
        usage: counterfoil tenant check|plan|apply FOLDER [--api URL] [--set NAME=VALUE ...]

          check   reads the files and prints everything that is wrong with them, with file and place; needs no server
          plan    prints what apply would do
          apply   brings the server to what the files say; running it again changes nothing
          --api URL          the API (http://127.0.0.1:8080); the key is taken from COUNTERFOIL_API_KEY
          --set NAME=VALUE   what ${NAME} in the files stands for

        A folder holds consultancy.json5 and one .json5 file a tenant; tenants/demo explains the format. Credentials are only set where the
        server has none. What the server has otherwise and a file can't change (a name, a time zone, an account) is told and left.
        """
    static let options = ["api", "set"]
    static let flags: [String] = []

    static func run(_ arguments: Arguments) async throws(Fault) -> Int32 {
        guard arguments.rest.count == 2 else { throw usage("counterfoil tenant check|plan|apply FOLDER") }
        var variables: [String: String] = [:]
        for pair in arguments.options["set"] ?? [] {
            let parts = pair.split(separator: "=", maxSplits: 1).map(String.init)
            guard parts.count == 2 else { throw usage("--set wants NAME=VALUE") }
            variables[parts[0]] = parts[1]
        }
        let folder = arguments.rest[1]
        let files = try TenantFiles.read(folder, variables: variables)
        let findings = files.findings()
        for (file, finding) in findings { say("\(folder)/\(file): \(finding.position ?? ""): \(finding.why). \(finding.remedy)") }
        if !findings.isEmpty { return 1 }
        switch arguments.rest[0] {
        case "check":
            say("\(files.tenants.count) tenants, nothing wrong")
        case "plan", "apply":
            let outcome = try await TenantApply(try API(arguments), dry: arguments.rest[0] == "plan").apply(files)
            for step in outcome.steps { say(step) }
            for line in outcome.left { say("not changed: \(line)") }
            if outcome.steps.isEmpty { say("nothing to do") }
        default: throw usage("counterfoil tenant check|plan|apply FOLDER")
        }
        return 0
    }
}
