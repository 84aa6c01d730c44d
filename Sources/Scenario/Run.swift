internal import Books
internal import Checks
internal import Kernel

/// A held posting, with what released it.
struct HeldItem {
    var caseID: String
    var reference: PlannedPosting.Reference
    var finding: Finding
    /// The event that called for the posting.
    var event: String
    /// Of a change: the revision it would become.
    var revision: Int?
    var releasedBy: String?
}

/// One revision of one document in the plain ledger.
struct Entry {
    enum State: String { case posted, superseded, voided }
    var plan: PlannedPosting
    var revision: Int
    var state: State
}

/// The ledger's own starting point.
struct Opening {
    var event: String
    var role: Role
    var ref: String
    var amount: Money
    var date: LocalDate
}

/// The pipeline in small: each event is merged into its case, every case planned and checked anew, and what passes is
/// posted.
struct Run {
    let settings: Settings
    let events: [Event]
    var codes: CodeBook
    var cases: [String: OrderCase] = [:]
    var caseOrder: [String] = []
    var entries: [Entry] = []
    var openings: [Opening] = []
    var held: [HeldItem] = []
    var lockDate: LocalDate?
    var inactive: Set<Role> = []
    /// Documents whose event goes by another id: later versions of a return.
    var eventOf: [String: String] = [:]
    /// Events that rightly leave nothing: what they say is known already, or moves no money.
    var silent: Set<String> = []
    var broken: [String] = []
    /// Balances just before each event.
    var before: [String: [Role: Money]] = [:]

    init(settings: Settings, events: [Event]) {
        self.settings = settings
        self.events = events
        codes = settings.codes
    }

    mutating func perform() {
        for event in events {
            before[event.id] = balances { _ in true }
            take(event)
            for id in caseOrder { process(id, at: event.received, because: event.id) }
        }
        guard let last = events.last else { return }
        // Whatever waited for a clock is due some day.
        for id in caseOrder { process(id, at: last.received + .seconds(366 * 86_400), because: last.id) }
    }

    private mutating func take(_ event: Event) {
        switch event.effect {
        case .document(let document):
            eventOf[document.id] = event.id
            if let earlier = events.first(where: { $0.id == document.id && $0.id != event.id }) {
                silent.insert(earlier.id)
            }
            merge(document)
        case .redelivery(let of, let version, let stale):
            silent.insert(event.id)
            guard case .document(var document)? = events.first(where: { $0.id == of })?.effect else { return }
            document.version = version ?? document.version
            if stale, case .sale(var sale) = document.body {
                // An older state; what it said does not matter, as long as it differs.
                sale.total.minor -= 1
                document.body = .sale(sale)
            }
            if merge(document) != (stale ? .stale : .same) { broken.append("\(event.id) changed \(of)") }
        case .opening(let role, let ref, let amount):
            openings.append(
                Opening(
                    event: event.id, role: role, ref: ref, amount: amount,
                    date: settings.organisation.zone.date(of: event.at)))
        case .lockDate(let date):
            lockDate = date
            silent.insert(event.id)
        case .accountInactive(let role):
            inactive.insert(role)
            silent.insert(event.id)
        case .mappingChanged(let role):
            inactive.remove(role)
            silent.insert(event.id)
        case .rule(let code, let role, let dimension):
            codes.rules[code] = (role, dimension)
            silent.insert(event.id)
        }
    }

    @discardableResult
    private mutating func merge(_ document: SourceDocument) -> MergeOutcome {
        if cases[document.caseID] == nil { caseOrder.append(document.caseID) }
        return cases[document.caseID, default: OrderCase(id: document.caseID)].merge(document)
    }

    /// What the ledger has of a case.
    func ledger(_ id: String) -> LedgerState {
        var posted: [PlannedPosting.Reference: PostedState] = [:]
        for entry in entries where entry.plan.caseID == id && entry.state != .superseded {
            posted[entry.plan.id] = PostedState(
                plan: entry.plan, revision: entry.revision, voided: entry.state == .voided)
        }
        return LedgerState(lockDate: lockDate, posted: posted)
    }

    private mutating func process(_ id: String, at now: Timestamp, because event: String) {
        guard let order = cases[id] else { return }
        let ledger = ledger(id)
        let plans = Planner.plan(
            order, organisation: settings.organisation, policies: settings.policies, ledger: ledger, codes: codes)
        let closed = inactive
        let context = CheckContext(
            organisation: settings.organisation, policies: settings.policies, ledger: ledger,
            ledgerLimits: settings.limits
        ) { line, _ in
            BoundAccount(
                code: line.role.text, remoteID: line.role.text, name: line.role.text,
                active: !closed.contains(line.role), rule: "scenario")
        }
        let findings = Checks.run(plans, in: context)
        let wanted = Set(plans.map(\.id))
        held.removeAll { $0.caseID == id && $0.releasedBy == nil && !wanted.contains($0.reference) }
        for plan in plans {
            let action = ledger.action(for: plan)
            guard plan.notBefore.map({ $0 <= now }) ?? true || ledger.posted[plan.id] != nil else { continue }
            if let found = findings[plan.id] {
                hold(plan, found, action, ledger)
            } else {
                post(plan, action, because: event)
            }
        }
    }

    private mutating func hold(
        _ plan: PlannedPosting, _ found: [Finding], _ action: PostingAction, _ ledger: LedgerState
    ) {
        var revision: Int?
        switch action {
        case .revise(let next), .void(let next): revision = next
        case .create, .unchanged, .nothing: break
        }
        held.removeAll { $0.reference == plan.id && $0.releasedBy == nil }
        let cause = ledger.cause(of: plan)
        for finding in found {
            held.append(
                HeldItem(
                    caseID: plan.caseID, reference: plan.id, finding: finding, event: eventOf[cause] ?? cause,
                    revision: revision))
        }
    }

    private mutating func post(_ plan: PlannedPosting, _ action: PostingAction, because event: String) {
        if action != .unchanged || entries.contains(where: { $0.plan.id == plan.id }) {
            for i in held.indices where held[i].reference == plan.id && held[i].releasedBy == nil {
                held[i].releasedBy = event
            }
        }
        switch action {
        case .unchanged, .nothing: return
        case .create: entries.append(Entry(plan: plan, revision: 1, state: .posted))
        case .revise(let next), .void(let next):
            for i in entries.indices where entries[i].plan.id == plan.id { entries[i].state = .superseded }
            entries.append(Entry(plan: plan, revision: next, state: plan.effect == .void ? .voided : .posted))
        }
        let sum = plan.lines.map(\.amount).total(plan.currency)
        if !sum.isZero { broken.append("\(plan.form.rawValue):\(plan.subject) was posted \(sum.text) out of balance") }
    }

    // MARK: The books

    var base: Currency { settings.organisation.baseCurrency }

    /// Base-currency balances of documents that count.
    func balances(_ counts: (LocalDate) -> Bool) -> [Role: Money] {
        var out: [Role: Money] = [:]
        func add(_ role: Role, _ amount: Money) { out[role, default: .zero(base)] += amount }
        for entry in entries where entry.state == .posted && counts(entry.plan.date) {
            for line in entry.plan.lines {
                add(line.role, line.base ?? (line.amount.currency == base ? line.amount : .zero(base)))
            }
        }
        for opening in openings where counts(opening.date) && opening.amount.currency == base {
            add(opening.role, opening.amount)
            add("opening_balance_equity", -opening.amount)
        }
        return out
    }

    /// Balances in foreign currencies, by role and currency.
    func foreignBalances() -> [String: Money] {
        var out: [String: Money] = [:]
        for entry in entries where entry.state == .posted {
            for line in entry.plan.lines where line.amount.currency != base {
                out["\(line.role) \(line.amount.currency)", default: .zero(line.amount.currency)] += line.amount
            }
        }
        return out
    }
}
