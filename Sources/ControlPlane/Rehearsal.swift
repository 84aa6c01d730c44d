internal import Books
internal import Kernel
internal import Mapping
internal import Store
internal import Wire

/// What a tenant's account structure and rules leave open, and what other ones would change, over postings that no ledger has yet. It looks at planned
/// lines: what depends on the whole document (its source, its location) shows once it is planned anew.
struct Rehearsal: Sendable {
    /// One posting with what stops it.
    struct Entry: Sendable {
        var row: PostingRow
        var plan: PlannedPosting
        var findings: [Finding]
    }

    /// Something that nothing maps.
    struct Gap: Sendable, Hashable {
        enum Kind: String, Sendable {
            case reasonCode = "reason_code", role, taxCode = "tax_code"
        }

        var kind: Kind
        var value: String
        var ledger: ConnectionID
    }

    /// How much one rehearsal may do before it says what it has seen: a tenant's postings have no bound, and neither has the work of many rules.
    struct Allowance: Sendable {
        private let clocks: any Clocks
        private let until: Duration
        private var bytes: Int
        /// Steps that are made however late it is: a busy machine shows a little too.
        private var always: Int
        /// There are more than were looked at.
        private(set) var isCut = false

        init(
            _ clocks: any Clocks, bytes: Int = ControlPlaneLimits.rehearsedBytes, always: Int = ControlPlaneLimits.rehearsedAlways,
            for time: Duration = .milliseconds(ControlPlaneLimits.rehearsal_ms)
        ) {
            self.clocks = clocks
            self.bytes = bytes
            self.always = always
            until = clocks.monotonic() + time
        }

        mutating func cut() { isCut = true }

        /// Whether there is time left.
        mutating func goesOn() -> Bool {
            if always > 0 {
                always -= 1
                return true
            }
            if clocks.monotonic() >= until { isCut = true }
            return clocks.monotonic() < until
        }

        /// Whether a plan of so many bytes is taken.
        mutating func takes(_ count: Int) -> Bool {
            guard count <= bytes else {
                isCut = true
                return false
            }
            bytes -= count
            return true
        }
    }

    var entries: [Entry] = []
    var configuration: ConfigurationRow
    /// The ledgers' accounts as last read.
    var charts: [ConnectionID: [BoundAccount]] = [:]

    static let states = ["held", "rejected", "cleared", "mapped"]

    static func load(_ tenant: TenantID, _ desk: Desk, _ allowance: inout Allowance) async throws -> Rehearsal {
        guard let configuration = try await desk.store.configuration(tenant) else {
            throw Refusal(409, "not_configured", "The tenant has no account structure or no rules yet.", remedy: "PUT both first.")
        }
        var out = Rehearsal(configuration: configuration)
        var keys: [PostKey] = []
        for state in states {
            var page = PageRequest(limit: Limits.pageRows)
            while keys.count < ControlPlaneLimits.rehearsedPostings {
                let rows = try await desk.store.adminPostings(tenant, PostingFilter(state: state), page)
                for row in rows { if let key = PostKey(try JSON(parsing: row.json).text("post_key")) { keys.append(key) } }
                guard rows.count == page.limit, let last = rows.last else { break }
                page.after = last.cursor
            }
        }
        if keys.count > ControlPlaneLimits.rehearsedPostings { allowance.cut() }
        keys = Array(keys.prefix(ControlPlaneLimits.rehearsedPostings))
        // Some at a time: a day's summary alone may be large.
        while !keys.isEmpty, allowance.goesOn() {
            for row in try await desk.store.postings(tenant, keys: Array(keys.prefix(ControlPlaneLimits.rehearsalPage))) where row.remoteID == nil {
                guard allowance.goesOn() else { break }
                guard allowance.takes(row.plan.count) else { continue }
                out.entries.append(Entry(row: row, plan: try PlanCodec.decode(row.plan), findings: try PlanCodec.findings(row.findings)))
                if out.charts[row.ledger] == nil { out.charts[row.ledger] = try await Ledgerside.accounts(tenant, row.ledger, desk) }
            }
            keys.removeFirst(min(keys.count, ControlPlaneLimits.rehearsalPage))
        }
        return out
    }

    /// Both in force, or one of them replaced.
    func mapper(_ ledger: ConnectionID, structure: JSON? = nil, rules: JSON? = nil) throws(Fault) -> Mapper {
        var findings = Findings()
        let s: AccountStructure, r: RuleSet
        if let structure {
            s = AccountStructure.read(structure, version: configuration.structureVersion + 1, into: &findings)
        } else {
            s = AccountStructure.read(try JSON(parsing: configuration.structure), version: configuration.structureVersion, into: &findings)
        }
        if let rules {
            r = RuleSet.read(rules, version: configuration.rulesVersion + 1, into: &findings)
        } else {
            r = RuleSet.read(try JSON(parsing: configuration.rules), version: configuration.rulesVersion, into: &findings)
        }
        return Mapper(structure: s, rules: r, ledger: charts[ledger] ?? [])
    }

    // MARK: Gaps

    /// What keeps a posting from its accounts: codes, roles and tax codes that nothing maps, or that are mapped to what the ledger does not take.
    /// `nil`: there was not the time to tell.
    static func gaps(_ entry: Entry, _ mapper: Mapper, _ allowance: inout Allowance) async -> [Gap]? {
        guard entry.plan.effect == .post else { return [] }
        let known = mapper.reasons(on: entry.plan.date)
        var out: [Gap] = []
        func add(_ kind: Gap.Kind, _ value: String) {
            let gap = Gap(kind: kind, value: value, ledger: entry.row.ledger)
            if !out.contains(gap) { out.append(gap) }
        }
        for (n, line) in entry.plan.lines.enumerated() {
            guard allowance.goesOn() else { return nil }
            if n % Rehearsal.stretch == 0 { await Task.yield() }
            if let code = line.reasonCode, line.part != .giftCard, !known.known.contains(code), known.rules[code] == nil { add(.reasonCode, code) }
            let account = mapper.account(for: line, of: entry.plan)
            if !(account?.known ?? false) || !(account?.active ?? false) { add(.role, line.role.text) }
            guard let code = line.taxCode, line.part != .tax, !mapper.structure.taxCodes.isEmpty, mapper.taxCode(for: line, of: entry.plan) == nil else { continue }
            add(.taxCode, code)
        }
        return out
    }

    /// Lines after which others get their turn.
    private static let stretch = 64

    /// Which check a gap is held by.
    private static let checks: [Gap.Kind: Set<String>] = [
        .reasonCode: ["unmapped_code"], .role: ["unknown_account", "inactive_account"], .taxCode: ["unmapped_tax_code"],
    ]

    /// Gaps of held postings with the postings that wait for them, in order of appearance.
    func gaps(_ allowance: inout Allowance) async throws(Fault) -> [(gap: Gap, entries: [Entry])] {
        var order: [Gap] = []
        var found: [Gap: [Entry]] = [:]
        var mappers: [ConnectionID: Mapper] = [:]
        for entry in entries where entry.row.state == "held" {
            let held = Set(entry.findings.map(\.check))
            if mappers[entry.row.ledger] == nil { mappers[entry.row.ledger] = try mapper(entry.row.ledger) }
            guard let mapper = mappers[entry.row.ledger] else { continue }
            guard let gaps = await Rehearsal.gaps(entry, mapper, &allowance) else { break }
            for gap in gaps where !held.isDisjoint(with: Rehearsal.checks[gap.kind] ?? []) {
                if found[gap] == nil { order.append(gap) }
                found[gap, default: []].append(entry)
            }
        }
        return order.map { ($0, found[$0] ?? []) }
    }

    // MARK: Effects

    /// A line's account before and after.
    struct Effect: Sendable {
        var line: PostingLine
        var before: BoundAccount?
        var after: BoundAccount?
        var taxBefore: String?
        var taxAfter: String?

        var isChange: Bool { before?.code != after?.code || before?.known != after?.known || taxBefore != taxAfter }
    }

    /// What would become of one posting.
    struct Outcome: Sendable {
        var entry: Entry
        var effects: [Effect]
        /// Checks that would hold it still.
        var left: [String]

        var isFreed: Bool { !entry.findings.isEmpty && left.isEmpty }
        var isChanged: Bool { effects.contains { $0.isChange } }
    }

    /// - Parameters:
    ///   - structure: `nil` leaves it as it is.
    ///   - rules: `nil` leaves them as they are.
    ///   - allowance: what it does not reach is left out.
    func outcomes(structure: JSON?, rules: JSON?, _ allowance: inout Allowance) async throws(Fault) -> [Outcome] {
        var pairs: [ConnectionID: (old: Mapper, new: Mapper)] = [:]
        var out: [Outcome] = []
        for entry in entries {
            let ledger = entry.row.ledger
            if pairs[ledger] == nil { pairs[ledger] = (try mapper(ledger), try mapper(ledger, structure: structure, rules: rules)) }
            guard let (old, new) = pairs[ledger] else { continue }
            guard let told = await outcome(entry, old, new, &allowance) else { break }
            out.append(told)
        }
        release(&out)
        return out
    }

    private func outcome(_ entry: Entry, _ old: Mapper, _ new: Mapper, _ allowance: inout Allowance) async -> Outcome? {
        var planned = entry
        var effects: [Effect] = []
        for (n, before) in entry.plan.lines.enumerated() {
            guard allowance.goesOn() else { return nil }
            if n % Rehearsal.stretch == 0 { await Task.yield() }
            let after = Rehearsal.moved(before, entry.plan, old, new)
            planned.plan.lines[n] = after
            effects.append(Effect(
                line: after, before: old.account(for: before, of: entry.plan), after: new.account(for: after, of: entry.plan),
                taxBefore: old.taxCode(for: before, of: entry.plan)?.value, taxAfter: new.taxCode(for: after, of: entry.plan)?.value))
        }
        guard let gaps = await Rehearsal.gaps(planned, new, &allowance) else { return nil }
        let open = Set(gaps.flatMap { Rehearsal.checks[$0.kind] ?? [] })
        let ours = Rehearsal.checks.values.reduce(into: Set<String>()) { $0.formUnion($1) }
        var left = entry.findings.map(\.check).filter { !ours.contains($0) || open.contains($0) }
        if entry.findings.isEmpty { left = open.filter { $0 != "inactive_account" }.sorted() }
        return Outcome(entry: entry, effects: effects, left: left)
    }

    /// The line's role as the next planning will have it, as far as the line tells.
    private static func moved(_ line: PostingLine, _ plan: PlannedPosting, _ old: Mapper, _ new: Mapper) -> PostingLine {
        var out = line
        if let code = line.reasonCode, line.part != .giftCard {
            let before = old.reasons(on: plan.date).rules[code]?.role, after = new.reasons(on: plan.date).rules[code]?.role
            if before != after { out.role = after ?? "returns_allowances" }
        }
        if line.role.family == "sales", !line.sku.isEmpty || !line.text.isEmpty {
            let values: [Rule.Field: String] = [.sku: line.sku, .title: line.text].filter { !$0.value.isEmpty }
            let before = old.rules.first(.group, for: values, on: plan.date)?.value, after = new.rules.first(.group, for: values, on: plan.date)?.value
            if before != after, let after { out.role = Role("sales:\(after)") }
        }
        return out
    }

    /// What waits for a posting that goes, goes with it.
    private func release(_ outcomes: inout [Outcome]) {
        var freed = Set(outcomes.filter(\.isFreed).map(\.entry.row.key))
        var more = true
        while more {
            more = false
            for i in outcomes.indices where outcomes[i].left == ["waits_for_original"] {
                guard let original = outcomes[i].entry.row.appliesTo, freed.contains(original) else { continue }
                outcomes[i].left = []
                freed.insert(outcomes[i].entry.row.key)
                more = true
            }
        }
    }
}

// MARK: As JSON

extension Rehearsal.Outcome {
    var json: JSON {
        let row = entry.row
        return .object([
            ("post_key", .string(row.key.text)), ("ledger", .string(row.ledger.description)), ("form", .string(row.form)), ("subject", .string(row.subject)),
            ("reference", .string(row.reference)), ("state", .string(row.state)), ("date", .string(row.date.description)), ("currency", .string(row.currency)),
            ("total_minor", .number("\(row.totalMinor)")), ("frees", .bool(isFreed)), ("left", .array(left.map { .string($0) })),
            ("lines", .array(effects.map(\.json))),
        ])
    }
}

extension Rehearsal.Effect {
    fileprivate var json: JSON {
        func side(_ account: BoundAccount?, _ tax: String?) -> JSON {
            guard let account else { return .null }
            return .object([
                ("code", .string(account.code)), ("name", .string(account.name)), ("known", .bool(account.known)), ("active", .bool(account.active)),
                ("rule", .string(account.rule)), ("tax_code", .optional(tax)),
            ])
        }
        return .object([
            ("role", .string(line.role.text)), ("text", .string(line.text)), ("reason_code", .optional(line.reasonCode)), ("amount", .string(line.amount.description)),
            ("changes", .bool(isChange)), ("before", side(before, taxBefore)), ("after", side(after, taxAfter)),
        ])
    }
}
