internal import Books
internal import Kernel
internal import Mapping
internal import Store
internal import Wire

extension Endpoints {
    /// What nothing maps, the accounts there are to map it to, and what a changed mapping would do.
    static let mappings: [Endpoint] = [
        Endpoint(.get, "/v1/tenants/{tenant}/unmapped", .key(.read), About(
            "What nothing maps", "Codes, roles and tax codes that held postings wait for.", .one(.unmapped), notConfigured
        )) { visit in try await unmapped(visit) },
        Endpoint(.post, "/v1/tenants/{tenant}/rehearsal", .key(.admin), About(
            "Try another account structure or other rules", "What would become of each posting that no ledger has yet. Nothing is changed.",
            body: [
                .may("structure", .free, "As it would be PUT; the one in force when absent.", example: Thing.exampleStructure),
                .may("rules", .free, "As they would be PUT; those in force when absent.", example: Thing.exampleRules),
            ], isRepeatable: false, .one(.rehearsal), notConfigured
        )) { visit in try await rehearse(visit) },
        Endpoint(.get, "/v1/connections/{connection}/accounts", .key(.read), About("A ledger's accounts and tax codes, as last read", .one(.chart))) { visit in try await accounts(visit) },
    ]

    private static let notConfigured = Reply.refused(409, "`not_configured`: there is no account structure or there are no rules yet.")

    private static func unmapped(_ visit: Visit) async throws -> HTTPResponse {
        var allowance = Rehearsal.Allowance(visit.desk.clocks)
        let rehearsal = try await Rehearsal.load(try await visit.tenant(), visit.desk, &allowance)
        let items: [JSON] = try await rehearsal.gaps(&allowance).map { gap, entries in
            .object([
                ("kind", .string(gap.kind.rawValue)), ("value", .string(gap.value)), ("ledger", .string(gap.ledger.description)), ("count", .number("\(entries.count)")),
                ("postings", .array(entries.prefix(ControlPlaneLimits.previewDocuments).map { .string($0.row.key.text) })),
            ])
        }
        return .json(200, .object([
            ("structure_version", .number("\(rehearsal.configuration.structureVersion)")), ("rules_version", .number("\(rehearsal.configuration.rulesVersion)")),
            ("items", .array(items)),
        ]))
    }

    /// Changes nothing: what would become of each posting that no ledger has yet, with another structure or other rules.
    private static func rehearse(_ visit: Visit) async throws -> HTTPResponse {
        let tenant = try await visit.tenant()
        var input = try visit.input()
        let structure = input.object("structure"), rules = input.object("rules")
        try input.check()
        if let structure { try checkVersion(.structure, structure) }
        if let rules { try checkVersion(.rules, rules) }
        var allowance = Rehearsal.Allowance(visit.desk.clocks)
        let rehearsal = try await Rehearsal.load(tenant, visit.desk, &allowance)
        let outcomes = try await rehearsal.outcomes(structure: structure, rules: rules, &allowance)
        let touched = outcomes.filter { $0.isChanged || $0.isFreed }
        return .json(200, .object([
            ("structure_version", .number("\(rehearsal.configuration.structureVersion)")), ("rules_version", .number("\(rehearsal.configuration.rulesVersion)")),
            ("looked_at", .number("\(outcomes.count)")), ("more", .bool(allowance.isCut)), ("changed", .number("\(outcomes.filter(\.isChanged).count)")),
            ("freed", .number("\(outcomes.filter(\.isFreed).count)")), ("postings", .array(touched.prefix(Limits.pageRows).map(\.json))),
        ]))
    }

    /// - Throws: 422 with every finding, read as the worker will read it.
    static func checkVersion(_ kind: VersionedKind, _ json: JSON) throws {
        guard json.object != nil else { throw Refusal.invalid([.init(field: kind.rawValue, why: "must be an object", remedy: "Send { … }.")]) }
        let (bytes, most) = (json.bytes.count, ControlPlaneLimits.configurationBytes)
        guard bytes <= most else {
            let remedy = kind == .rules ? "Let patterns with * take the place of rules for one thing each." : "Bind whole families of roles, such as sales:*."
            throw Refusal.invalid([.init(field: kind.rawValue, why: "has \(bytes) bytes, of which \(most) are the most", remedy: remedy)])
        }
        var findings = Findings()
        switch kind {
        case .structure: _ = AccountStructure.read(json, version: 1, into: &findings)
        case .rules: _ = RuleSet.read(json, version: 1, into: &findings)
        }
        let read = findings.list.map { Refusal.Finding(field: $0.position ?? "", why: $0.why, remedy: $0.remedy) }
        let all = read + strict(kind == .structure ? .structure : .rules, json, at: kind.rawValue, besides: read)
        if !all.isEmpty { throw Refusal.invalid(all) }
    }

    /// What the declaration finds in a body that is handed to a reader as a whole, besides what the reader has words of its own for: null or a number
    /// where text belongs, characters that no name has.
    static func strict(_ shape: Shape, _ json: JSON, at place: String = "", besides read: [Refusal.Finding] = []) -> [Refusal.Finding] {
        var own: [Refusal.Finding] = []
        shape.check(json, at: place, .strict, into: &own)
        let told = Set(read.map(\.field))
        return own.filter { !told.contains($0.field) }
    }

    private static func accounts(_ visit: Visit) async throws -> HTTPResponse {
        let (id, tenant, _) = try await connection(visit)
        guard let chart = try await visit.store.chart(tenant, id) else { return .json(200, .object([("accounts", []), ("tax_codes", []), ("read_at", .null)])) }
        return .json(200, .object([
            ("base_currency", .string(chart.baseCurrency)), ("lock_date", .optional(chart.lockDate?.description)), ("accounts", try JSON(parsing: chart.accounts)),
            ("tax_codes", .array(chart.taxCodes.map { .string($0) })), ("read_at", .string(chart.readAt.description)),
        ]))
    }
}
