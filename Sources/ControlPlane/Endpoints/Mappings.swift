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
        let rehearsal = try await Rehearsal.load(try await visit.tenant(), visit.desk)
        let items: [JSON] = try rehearsal.gaps().map { gap, entries in
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
        let rehearsal = try await Rehearsal.load(tenant, visit.desk)
        let outcomes = try rehearsal.outcomes(structure: structure, rules: rules)
        let touched = outcomes.filter { $0.isChanged || $0.isFreed }
        return .json(200, .object([
            ("structure_version", .number("\(rehearsal.configuration.structureVersion)")), ("rules_version", .number("\(rehearsal.configuration.rulesVersion)")),
            ("looked_at", .number("\(outcomes.count)")), ("more", .bool(rehearsal.isCut)), ("changed", .number("\(outcomes.filter(\.isChanged).count)")),
            ("freed", .number("\(outcomes.filter(\.isFreed).count)")), ("postings", .array(touched.prefix(Limits.pageRows).map(\.json))),
        ]))
    }

    /// - Throws: 422 with every finding, read as the worker will read it.
    static func checkVersion(_ kind: VersionedKind, _ json: JSON) throws {
        guard json.object != nil else { throw Refusal.invalid([.init(field: kind.rawValue, why: "must be an object", remedy: "Send { … }.")]) }
        var findings = Findings()
        switch kind {
        case .structure: _ = AccountStructure.read(json, version: 1, into: &findings)
        case .rules: _ = RuleSet.read(json, version: 1, into: &findings)
        }
        if !findings.list.isEmpty {
            throw Refusal.invalid(findings.list.map { .init(field: $0.position ?? "", why: $0.why, remedy: $0.remedy) })
        }
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
