internal import Books
internal import ConnectorKit
internal import Kernel
internal import Mapping
internal import Postgres
internal import Store
internal import Wire

extension Endpoints {
    /// Account structures and rules: a PUT makes the next version, an equal one none.
    static let versions: [Endpoint] = VersionedKind.allCases.flatMap { kind in
        let path = "/v1/tenants/{tenant}/\(kind.rawValue)"
        return [
            Endpoint(.put, path, .key(.admin), aboutPut(kind)) { visit in try await putVersion(kind, visit) },
            Endpoint(.get, path, .key(.read), About(
                kind == .structure ? "The account structure" : "The mapping rules", "The newest version, or the one that is asked for.",
                query: [.may("version", .integer(1 ... Int(Int32.max)), "That version.")], .one(kind == .structure ? .structure : .rules)
            ).tagged()) { visit in
                var asked = try visit.asked()
                let number = asked.integer("version")
                return try visit.answer(try await visit.store.adminVersion(kind, try await visit.tenant(), number), tag: versionTag)
            },
            Endpoint(.get, "\(path)/versions", .key(.read), About("Its versions", "Newest first, without bodies.", .page(.version))) { visit in
                let (tenant, page) = (try await visit.tenant(), try visit.page())
                return try visit.answer(try await visit.store.adminVersions(kind, tenant, page), page)
            },
        ]
    }

    /// The document itself is the body, read by the reader that the worker has.
    private static func aboutPut(_ kind: VersionedKind) -> About {
        let isStructure = kind == .structure, thing = isStructure ? Thing.structure : .rules
        var made = Reply.made(thing)
        made.meaning = "A new version. Whatever has not reached a ledger is planned anew."
        return About(
            isStructure ? "Set the account structure" : "Set the mapping rules",
            isStructure ? "Which account of the ledger each role goes to, and which of its tax codes." : "Which group, account, item, tax code or dimension lines get; the first rule that fits wins.",
            body: .whole(isStructure ? .structure : .rules, example: isStructure ? Thing.exampleStructure : Thing.exampleRules), made, .one(thing, "It says what the newest version says: no new one was made.")).guarded()
    }

    private static func versionTag(_ row: AdminRow) throws -> String { Precondition.tag(version: try JSON(parsing: row.json)["version"]?.int ?? 0) }

    private static func putVersion(_ kind: VersionedKind, _ visit: Visit) async throws -> HTTPResponse {
        let tenant = try await visit.tenant()
        guard !visit.request.body.isEmpty else { throw Refusal.invalid([.init(field: kind.rawValue, why: "is missing", remedy: "Send it as the body.")]) }
        let json = try JSON(parsing: visit.request.body)
        try checkVersion(kind, json)
        // Kept as it was written.
        let (body, actor, seen) = (json.bytes, visit.asker.actor, try Precondition(visit.request))
        return try await visit.change { tx throws(Fault) in
            let numbers = try await tx.lockVersions(tenant), number = kind == .structure ? numbers.structure : numbers.rules
            try seen.check(number == 0 ? nil : Precondition.tag(version: number), kind == .structure ? "the account structure" : "the rules")
            let (row, changed) = try await tx.putVersion(kind, tenant, body: body, actor: actor)
            return .init(
                changed ? 201 : 200, row.json, location: changed ? "/v1/tenants/\(tenant)/\(kind.rawValue)" : nil, tag: Precondition.tag(version: number + (changed ? 1 : 0)))
        }
    }

    /// Both as one: what belongs together is changed together.
    static let configuration: [Endpoint] = [
        Endpoint(.get, "/v1/tenants/{tenant}/configuration", .key(.read), About("The account structure and the mapping rules", .one(.configuration)).tagged()) { visit in
            let tenant = try await visit.tenant(), shown = try await shown(tenant, visit)
            return .json(200, shown.json, tag: shown.tag)
        },
        Endpoint(.put, "/v1/tenants/{tenant}/configuration", .key(.admin), About(
            "Set the account structure and the mapping rules as one change", "Both or neither; what is left out stays as it is. Whatever has not reached a ledger is planned anew.",
            body: [
                .may("structure", .free, "The next account structure.", example: Thing.exampleStructure), .may("rules", .free, "The next rules.", example: Thing.exampleRules),
            ], .one(.configuration)
        ).guarded()) { visit in try await putConfiguration(visit) },
    ]

    /// Read one after the other: should somebody change both in between, the tag is of no time at all, and nothing can be written over by it.
    private static func shown(_ tenant: TenantID, _ visit: Visit) async throws -> (json: JSON, tag: String) {
        let structure = try await visit.store.adminVersion(.structure, tenant, nil).map { try JSON(parsing: $0.json) } ?? .null
        let rules = try await visit.store.adminVersion(.rules, tenant, nil).map { try JSON(parsing: $0.json) } ?? .null
        let json: JSON = .object([
            ("tenant", .string(tenant.description)), ("structure_version", .number("\(structure.count("version"))")), ("structure", structure["structure"] ?? .null),
            ("rules_version", .number("\(rules.count("version"))")), ("rules", rules["rules"] ?? .null),
        ])
        return (json, Precondition.tag(structure: structure.count("version"), rules: rules.count("version")))
    }

    private static func putConfiguration(_ visit: Visit) async throws -> HTTPResponse {
        let tenant = try await visit.tenant()
        var input = try visit.input()
        let given: [(kind: VersionedKind, json: JSON?)] = [(.structure, input.object("structure")), (.rules, input.object("rules"))]
        try input.check()
        for (kind, json) in given { if let json { try checkVersion(kind, json) } }
        let bodies = given.compactMap { one in one.json.map { (kind: one.kind, bytes: $0.bytes) } }
        let (actor, seen) = (visit.asker.actor, try Precondition(visit.request))
        _ = try await visit.change { tx throws(Fault) in
            let numbers = try await tx.lockVersions(tenant)
            try seen.check(Precondition.tag(structure: numbers.structure, rules: numbers.rules), "the configuration")
            for (kind, bytes) in bodies { _ = try await tx.putVersion(kind, tenant, body: bytes, actor: actor) }
            return .init(200, [])
        }
        let shown = try await shown(tenant, visit)
        return .json(200, shown.json, tag: shown.tag)
    }

    private static let policies = Member.may(
        "policies", .map(.either([.value, .map(.value, most: ControlPlaneLimits.settings)]), most: ControlPlaneLimits.settings),
        "How the books are kept, where that is not as the country's template has it: strings by name, or groups of them.", example: ["edit": "delta"])
    private static let cutOver = Member.may("cut_over", .day, "Nothing dated earlier is posted.", example: "2026-11-01")
    private static let pollSeconds = Member.may("poll_seconds", .integer(10 ... 86_400), "How often the source is asked; 300 when absent.", example: 300)
    private static let states = Shape.choice(["active", "paused"])

    static let flows: [Endpoint] = [
        Endpoint(.post, "/v1/tenants/{tenant}/flows", .key(.admin), About(
            "Make a flow", "From here on what the source tells is posted to the ledger.",
            body: [
                .must("slug", .slug, "A short name, its own in the tenant.", example: "sales"), .must("organisation", .id, "Whose books."), .must("source", .id, "The connection that is read."),
                .must("ledger", .id, "The connection that is posted to."), policies, cutOver, pollSeconds,
            ],
            .made(.flow), .refused(409, "`already_exists`: the slug is taken.")
        )) { visit in try await createFlow(visit) },
        Endpoint(.get, "/v1/tenants/{tenant}/flows", .key(.read), About("A tenant's flows", query: [bySlug], .page(.flow))) { visit in
            let tenant = try await visit.tenant()
            var asked = try visit.asked()
            let page = try visit.page(), slug = asked.optionalSlug()
            return try visit.answer(try await visit.store.adminFlows(tenant, slug: slug, page), page)
        },
        Endpoint(.get, "/v1/flows/{flow}", .key(.read), About("A flow", .one(.flow)).tagged()) { visit in
            try visit.answer(try await visit.store.adminFlow(try visit.identifier("flow"), visit.asker.sees)) { Precondition.tag(of: $0.json) }
        },
        Endpoint(.patch, "/v1/flows/{flow}", .key(.admin), About(
            "Change, pause or resume a flow", "`policies` are all of them: those left out are as usual again. `cut_over` as null takes it away. What has not reached the ledger is planned anew.",
            body: [policies, .may("state", states, example: "active"), pollSeconds, cutOver], .one(.flow)
        ).guarded()) { visit in try await changeFlow(visit) },
        Endpoint(.post, "/v1/flows/{flow}/pull", .key(.write), About(
            "Ask the source now", "What is new there is on its way within seconds.",
            .json(202, .object([.must("flow", .id), .must("asked", .choice(["sweep"]))]), "It will be asked.")
        )) { visit in try await pull(visit) },
    ]

    private static func createFlow(_ visit: Visit) async throws -> HTTPResponse {
        let tenant = try await visit.tenant()
        var input = try visit.input()
        let slug = input.slug()
        let organisation: OrganisationID = input.identifier("organisation")
        let source: ConnectionID = input.identifier("source"), ledger: ConnectionID = input.identifier("ledger")
        let (cutOver, poll) = (input.date("cut_over"), input.integer("poll_seconds"))
        let country = try await country(of: organisation, tenant, visit, &input)
        try await checkRole(source, tenant, .source, "source", visit, &input)
        try await checkRole(ledger, tenant, .ledger, "ledger", visit, &input)
        let policies = input.policies("policies", country: country) ?? []
        let returns = try await returns(policies, tenant, visit, &input)
        try await checkFacts(policies, [source, returns], tenant, visit, &input)
        try await checkOrders(policies, ledger, tenant, visit, &input)
        try input.check()
        let notes = try await notes(policies, source, tenant, visit)
        let new = NewFlow(
            id: visit.desk.random.identifier(), slug: slug, organisation: organisation, source: source, ledger: ledger,
            policies: object(policies).bytes, cutOver: cutOver, pollSeconds: poll ?? 300)
        return try await visit.change { tx throws(Fault) in
            let row = try (try await tx.query(AdminConfigurationStatements.insertFlow(tenant, new))).adminRow()
            try await tx.audit(tenant, [visit.entry("flow.created", "flow \(new.id)")])
            for read in [source] + [returns].compactMap(\.self) { try await tx.rereadEvents(tenant, read) }
            // Whose books they are was not known when they were connected.
            _ = try await tx.query(AdminConnectionStatements.askWho(tenant, [source, ledger]))
            try await tx.replan(tenant, only: new.id)
            return .init(201, try noted(row.json, notes), location: "/v1/flows/\(new.id)")
        }
    }

    private static func changeFlow(_ visit: Visit) async throws -> HTTPResponse {
        let (id, tenant, old) = try await flow(visit)
        var input = try visit.input()
        let organisation = OrganisationID(old["organisation"]?.string ?? "") ?? .zero
        let country = try await country(of: organisation, tenant, visit, &input)
        let policies = input.policies("policies", country: country)
        let returns = try await returns(policies ?? [], tenant, visit, &input)
        let source = ConnectionID(old["source"]?.string ?? "")
        try await checkFacts(policies ?? [], [source, returns], tenant, visit, &input)
        try await checkOrders(policies ?? [], ConnectionID(old["ledger"]?.string ?? ""), tenant, visit, &input)
        let (state, poll) = (input.choice("state"), input.integer("poll_seconds"))
        let cutOver: LocalDate?? = input.has("cut_over") ? .some(input.date("cut_over")) : .none
        try input.check()
        let notes = try await notes(policies ?? [], source, tenant, visit)
        let changed = ["policies", "state", "poll_seconds", "cut_over"].filter { input.has($0) }
        let seen = try Precondition(visit.request)
        return try await visit.change { tx throws(Fault) in
            _ = try await tx.query(ScheduleStatements.lockFlow(tenant, id))
            let now = try (try await tx.query(AdminConfigurationStatements.oneFlow(id, Visibility(tenant: tenant)))).adminRow()
            try seen.check(Precondition.tag(of: now.json), "the flow")
            let sql = AdminConfigurationStatements.updateFlow(
                tenant, id, policies: policies.map { object($0).bytes }, state: state, pollSeconds: poll, cutOver: cutOver)
            let row = try (try await tx.query(sql)).adminRow()
            // While it couldn't be used, nothing of what came was read for it.
            let missed = policies != nil && !isUsable(old["policies"], country: country) ? old["source"]?.string.flatMap { ConnectionID($0) } : nil
            for read in [returns, missed].compactMap(\.self) { try await tx.rereadEvents(tenant, read) }
            try await tx.audit(tenant, [visit.entry("flow.changed", "flow \(id)", JSON.object([("members", .array(changed.map { .string($0) }))]).bytes)])
            try await tx.replan(tenant, only: id)
            if let policies, try beginsToTell(policies, where: try JSON(parsing: now.json)["policies"]) { try await tx.beginReflecting(tenant, id, actor: visit.asker.actor) }
            return .init(200, try noted(row.json, notes), tag: Precondition.tag(of: row.json))
        }
    }

    /// What the policies ask for and the source has no place for. No refusal: payments that are in the ledger already are held all the same.
    private static func notes(_ given: [(name: String, value: String)], _ source: ConnectionID?, _ tenant: TenantID, _ visit: Visit) async throws -> [String] {
        guard given.last(where: { $0.name == "reflect" })?.value == "on", let source, let row = try await visit.store.adminConnection(source, Visibility(tenant: tenant)),
            let platform = try JSON(parsing: row.json)["platform"]?.string, let connector = visit.desk.sources[platform], connector.reflectionPlace == .none
        else { return [] }
        return ["reflect: \(connector.spec.name) has no place for it. What the ledger shows is kept, and told to nobody but those who read it here."]
    }

    private static func noted(_ flow: [UInt8], _ notes: [String]) throws(Fault) -> [UInt8] {
        if notes.isEmpty { return flow }
        return try JSON(parsing: flow).setting("notes", .array(notes.map { .string($0) })).bytes
    }

    /// Somebody is to be told who was not. As it stands under the lock: somebody else may have ended it since it was read.
    private static func beginsToTell(_ policies: [(name: String, value: String)], where stored: JSON?) throws(Fault) -> Bool {
        let old = PolicyText.flat(stored ?? .object([]))
        func new(_ name: String) -> String? { policies.last { $0.name == name }?.value }
        guard new("reflect") == "on" else { return false }
        return old["reflect"]?.string != "on" || (new("returns.from") != nil && old["returns.from"]?.string != new("returns.from"))
    }

    private static func isUsable(_ stored: JSON?, country: String) -> Bool {
        var policies = Policies.template(country: country)
        for (name, value) in PolicyText.flat(stored ?? .object([])).object ?? [] {
            guard let text = value.string else { return false }
            do throws(Fault) { try policies.set(name, to: text) } catch { return false }
        }
        return policies.unsupported.isEmpty
    }

    /// Asks for what is new at the source, now.
    private static func pull(_ visit: Visit) async throws -> HTTPResponse {
        let (id, tenant, flow) = try await flow(visit)
        guard let source = flow["source"]?.string else { throw Refusal.notFound() }
        return try await visit.change { tx throws(Fault) in
            let job = Job(.sweep, source, lane: .interactive)
            _ = try await tx.query(JobStatements.ask(tenant, [job]))
            _ = try await tx.query(AdminConnectionStatements.hurry(tenant))
            try await tx.audit(tenant, [visit.entry("flow.pulled", "flow \(id)")])
            _ = try await tx.query(JobStatements.wake())
            return .init(202, JSON.object([("flow", .string(id.description)), ("asked", .string("sweep"))]).bytes)
        }
    }

    /// The flow in the path, when this key may see it.
    static func flow(_ visit: Visit) async throws -> (FlowID, TenantID, JSON) {
        let id: FlowID = try visit.identifier("flow")
        guard let row = try await visit.store.adminFlow(id, visit.asker.sees), let tenant = row.tenant else { throw Refusal.notFound() }
        return (id, tenant, try JSON(parsing: row.json))
    }

    /// The organisation's country; a finding when it is not this tenant's.
    private static func country(of id: OrganisationID, _ tenant: TenantID, _ visit: Visit, _ input: inout Input) async throws -> String {
        guard let row = try await visit.store.adminOrganisation(id, Visibility(tenant: tenant)) else {
            if id != .zero { input.add("organisation", "does not exist in this tenant", "Check the id.") }
            return ""
        }
        return try JSON(parsing: row.json)["country"]?.string ?? ""
    }

    /// The connection that `returns.from` names, which must be a source of this tenant.
    private static func returns(
        _ policies: [(name: String, value: String)], _ tenant: TenantID, _ visit: Visit, _ input: inout Input
    ) async throws -> ConnectionID? {
        guard let slug = policies.last(where: { $0.name == "returns.from" })?.value else { return nil }
        let page = try await visit.store.adminConnections(tenant, slug: slug, platform: nil, PageRequest(limit: 1))
        guard let row = page.first, let id = ConnectionID(try JSON(parsing: row.json)["id"]?.string ?? "") else {
            input.add("policies.returns.from", "names no connection of this tenant", "Name the connection to the returns system by its slug.")
            return nil
        }
        try await checkRole(id, tenant, .source, "policies.returns.from", visit, &input)
        return id
    }

    /// Policies that wait for what none of the flow's sources tells.
    private static func checkFacts(
        _ given: [(name: String, value: String)], _ sources: [ConnectionID?], _ tenant: TenantID, _ visit: Visit, _ input: inout Input
    ) async throws {
        var policies = Policies()
        for (name, value) in given { do throws(Fault) { try policies.set(name, to: value) } catch { continue } }
        guard !policies.needs.isEmpty else { return }
        var told: Set<SourceFact> = [], platforms: [String] = []
        for case let id? in sources where id != .zero {
            guard let row = try await visit.store.adminConnection(id, Visibility(tenant: tenant)) else { continue }
            let platform = try JSON(parsing: row.json)["platform"]?.string ?? ""
            platforms.append(platform)
            told.formUnion(visit.desk.sources[platform]?.tells ?? [])
        }
        for need in policies.needs where !told.contains(need.fact) {
            input.add(
                "policies.\(need.policy)", "waits for what \(platforms.joined(separator: " and ")) does not tell: \(need.fact.words)",
                "Choose another value: what depends on it would wait for ever.")
        }
    }

    /// Orders can stand in few ledgers: in the others all of them would be held.
    private static func checkOrders(
        _ policies: [(name: String, value: String)], _ ledger: ConnectionID?, _ tenant: TenantID, _ visit: Visit, _ input: inout Input
    ) async throws {
        guard policies.last(where: { $0.name == "sales_orders" })?.value == Policies.SalesOrders.mirror.rawValue, let ledger, ledger != .zero,
            let row = try await visit.store.adminConnection(ledger, Visibility(tenant: tenant)), let platform = try JSON(parsing: row.json)["platform"]?.string,
            let spec = visit.desk.connectors[platform]?.spec
        else { return }
        let form = PostingForm.salesOrder
        guard !spec.objects.contains(where: { $0.carries.contains(form.rawValue) && $0.operations.contains(.create) }) else { return }
        input.add("policies.sales_orders", "asks for orders in \(spec.name), which takes none from us", form.remedyWhereUnsupported)
    }

    private static func checkRole(
        _ id: ConnectionID, _ tenant: TenantID, _ role: PlatformSpec.Role, _ field: String, _ visit: Visit, _ input: inout Input
    ) async throws {
        guard id != .zero else { return }
        guard let row = try await visit.store.adminConnection(id, Visibility(tenant: tenant)) else {
            input.add(field, "does not exist in this tenant", "Check the id.")
            return
        }
        let platform = try JSON(parsing: row.json)["platform"]?.string ?? ""
        guard visit.desk.connectors[platform]?.spec.roles.contains(role) ?? false else {
            input.add(field, "is of the platform \(platform), which is no \(role.rawValue)", "Choose a connection to a \(role.rawValue).")
            return
        }
    }
}

extension Input {
    /// Policies by name, each one checked as the planner will read it.
    mutating func policies(_ key: String, country: String) -> [(name: String, value: String)]? {
        guard let flat = object(key).map(PolicyText.flat) else { return nil }
        let given = flat.object?.compactMap { name, value in value.string.map { (name: name, value: $0) } } ?? []
        var policies = Policies.template(country: country)
        for (name, value) in given {
            do throws(Fault) { try policies.set(name, to: value) } catch { add("\(key).\(name.prefix(64))", error.summary, error.remedy) }
        }
        for text in policies.unsupported { add(key, "\(text) is not supported yet", "Choose another value.") }
        return given
    }
}
