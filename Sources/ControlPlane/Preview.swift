internal import Books
internal import ConnectorKit
internal import Kernel
internal import Mapping
internal import Store
internal import Wire

/// What the control plane knows of a flow's way into its ledger: enough to say where each line goes and what would be sent. Nothing here is
/// secret, and nothing is asked of the ledger: the chart and the references are those last read.
struct Ledgerside: Sendable {
    var mapper: Mapper
    var connector: any LedgerConnector
    var facts: ConnectionFacts
    /// Where requests go: `https://quickbooks.api.intuit.com`.
    var base: String
    /// Remote ids by `kind/key`.
    var references: [String: String]

    /// - Throws: `not_configured` while the tenant has no structure or rules; `no_connector`; `invalid_configuration`.
    static func load(_ tenant: TenantID, _ ledger: ConnectionID, _ desk: Desk) async throws -> Ledgerside {
        guard let row = try await desk.store.adminConnection(ledger, Visibility(tenant: tenant)) else { throw Refusal.notFound() }
        let connection = try JSON(parsing: row.json)
        guard let connector = desk.connectors[connection["platform"]?.string ?? ""] as? any LedgerConnector else {
            throw Refusal(409, "no_connector", "There is no ledger connector for this connection's platform.")
        }
        guard let configuration = try await desk.store.configuration(tenant) else {
            throw Refusal(409, "not_configured", "The tenant has no account structure or no rules yet.", remedy: "PUT both first.")
        }
        var findings = Findings()
        let structure = AccountStructure.read(try JSON(parsing: configuration.structure), version: configuration.structureVersion, into: &findings)
        let rules = RuleSet.read(try JSON(parsing: configuration.rules), version: configuration.rulesVersion, into: &findings)
        var references: [String: String] = [:]
        for reference in try await desk.store.references(tenant, ledger) { references["\(reference.kind)/\(reference.key)"] = reference.remoteID }
        var settings: [String: String] = [:]
        for (name, value) in connection["settings"]?.object ?? [] { settings[name] = value.string }
        let account = connection["account"]?.string ?? ""
        return Ledgerside(
            mapper: Mapper(structure: structure, rules: rules, ledger: try await accounts(tenant, ledger, desk)), connector: connector,
            facts: ConnectionFacts(account: account, settings: settings, base: connection["base_url"]?.string),
            base: connection["base_url"]?.string ?? Address.of(connector.spec.productionBase, account: account), references: references)
    }

    static func accounts(_ tenant: TenantID, _ ledger: ConnectionID, _ desk: Desk) async throws -> [BoundAccount] {
        guard let chart = try await desk.store.chart(tenant, ledger) else { return [] }
        return (try JSON(parsing: chart.accounts).array ?? []).map { a in
            BoundAccount(
                code: a["code"]?.string ?? "", remoteID: a["remote_id"]?.string ?? "", name: a["name"]?.string ?? "", active: a["active"]?.bool ?? false, rule: "",
                currency: a["currency"]?.string.flatMap { Currency($0) }, type: a["type"]?.string ?? "")
        }
    }
}

/// The exact request that a posting's ledger would get, by the same code that sends it, with `***` for its credential. Pure but for what it is given.
enum Preview {
    /// A party or item that the ledger has not, as far as we know: the worker looks for it by name, or creates it, before it sends.
    static let unknown = "(made when sent)"

    static func json(_ row: PostingRow, _ side: Ledgerside, appliesTo: String?) throws(Fault) -> JSON {
        var members: [(key: String, value: JSON)] = [
            ("post_key", .string(row.key.text)), ("form", .string(row.form)), ("state", .string(row.state)), ("revision", .number("\(row.revision)")),
        ]
        let plan = try PlanCodec.decode(row.plan)
        let action = row.remoteID == nil ? "create" : plan.effect == .void ? "void" : "update"
        guard !(row.remoteID == nil && plan.effect == .void) else {
            members += [("action", "none"), ("requests", []), ("not_yet_known", []), ("problem", .null)]
            return .object(members)
        }
        members.append(("action", .string(action)))
        do throws(Fault) {
            let (document, missing) = try bind(row, plan, side, appliesTo: appliesTo)
            let request = try first(document, action, side)
            members += [("requests", .array([request])), ("not_yet_known", .array(missing)), ("problem", .null)]
        } catch {
            let problem = JSON.object([("code", .string(error.code)), ("summary", .string(error.summary)), ("remedy", .string(error.remedy)), ("position", .optional(error.position))])
            members += [("requests", []), ("not_yet_known", []), ("problem", problem)]
        }
        return .object(members)
    }

    /// - Throws: `unbound_line` naming the role.
    private static func bind(
        _ row: PostingRow, _ plan: PlannedPosting, _ side: Ledgerside, appliesTo: String?
    ) throws(Fault) -> (document: LedgerDocument, missing: [JSON]) {
        var lines: [LedgerDocument.Line] = []
        for line in plan.lines {
            guard let account = side.mapper.account(for: line, of: plan), account.known else {
                throw Fault("unbound_line", stage: .post, disposition: .hold, summary: "the role \(line.role) is not bound to an account of the ledger",
                    remedy: "Bind it in the account structure.", position: line.role.text)
            }
            lines.append(LedgerDocument.Line(
                plan: line, account: account, taxCode: side.mapper.taxCode(for: line, of: plan)?.value, dimensions: side.mapper.dimensions(for: line, of: plan)))
        }
        var document = LedgerDocument(
            key: row.key, revision: row.revision, plan: plan, lines: lines, reference: row.reference, appliesTo: appliesTo ?? (row.appliesTo == nil ? nil : unknown),
            remoteID: row.remoteID, remoteVersion: row.remoteVersion)
        var missing: [JSON] = []
        for want in side.connector.references(for: document) {
            let remote = side.references["\(want.kind.rawValue)/\(want.key)"]
            let name = want.kind == .party && want.key == "shop" ? side.mapper.structure.houseCustomer : want.name
            if remote == nil { missing.append(.object([("kind", .string(want.kind.rawValue)), ("key", .string(want.key)), ("name", .string(name))])) }
            document.bind(want, to: remote ?? unknown, by: side.connector.itemKey(of:))
        }
        return (document, missing)
    }

    /// The exchange's first call; what follows depends on the ledger's answer.
    private static func first(_ document: LedgerDocument, _ action: String, _ side: Ledgerside) throws(Fault) -> JSON {
        switch action {
        case "void": return try request(side.connector.void(document, attempt: "preview", side.facts), side)
        case "update": return try request(side.connector.update(document, attempt: "preview", side.facts), side)
        default:
            let exchange = side.connector.create([document], attempt: "preview", side.facts)
            if case .finish(let outcomes) = exchange, case .rejected(let fault)? = outcomes.first { throw fault }
            return try request(exchange, side)
        }
    }

    private static func request<Output>(_ exchange: Exchange<Output>, _ side: Ledgerside) throws(Fault) -> JSON {
        switch exchange {
        case .finish: return .null
        case .fail(let fault): throw fault
        case .send(let call, _):
            // The worker alone has the credential: here stand its blanks.
            let request = Dressing.preview(call, side.connector, side.facts)
            let body = request.body.isEmpty ? JSON.null : (try? JSON(parsing: request.body)) ?? .string(request.bodyText)
            return .object([
                ("method", .string(request.method.rawValue)), ("base", .string(side.base)), ("target", .string(request.target)),
                ("headers", .object(request.fields.list.map { ($0.name, .string($0.value)) })), ("body", body),
            ])
        }
    }
}

extension HTTPRequest {
    fileprivate var bodyText: String { String(decoding: body, as: UTF8.self) }
}
