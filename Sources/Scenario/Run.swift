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
    /// What is held, where that is no posting.
    var kind: String?

    var form: String { kind ?? reference.form.rawValue }
}

/// One revision of one document in the plain ledger.
struct Entry {
    enum State: String { case posted, superseded, voided }
    var plan: PlannedPosting
    var revision: Int
    var state: State
    /// What it stands for, where it stands for several postings.
    var parts: [PlannedPosting] = []
    var organisation: String?
    /// Made in the ledger, we only learn of it.
    var isLedgers = false

    /// The postings of single orders that it is or stands for.
    var effects: [PlannedPosting] { parts.isEmpty ? [plan] : parts }
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
/// posted, alone or gathered with others.
struct Run {
    let settings: Settings
    let events: [Event]
    var codes: CodeBook
    var cases: [String: OrderCase] = [:]
    var caseOrder: [String] = []
    /// The legal entity of each case.
    var organisations: [String: String] = [:]
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
    /// Payments recorded in the ledger, and documents changed there, with the event that told of it.
    var ledgerPayments: [LedgerPayment] = []
    var drifted: [PlannedPosting.Reference: String] = [:]
    var stock: StockPlan?
    var writeBacks: [(document: String, says: String, from: String)] = []

    init(settings: Settings, events: [Event]) {
        self.settings = settings
        self.events = events
        codes = settings.codes
    }

    mutating func perform() {
        for event in events {
            before[event.id] = balances { _ in true }
            take(event)
            settle(at: event.received, because: event.id)
        }
        guard let last = events.last else { return }
        // Whatever waited for a clock is due some day.
        settle(at: last.received + .seconds(366 * 86_400), because: last.id)
    }

    private mutating func take(_ event: Event) {
        switch event.effect {
        case .document(let document):
            eventOf[document.id] = event.id
            if let earlier = events.first(where: { $0.id == document.id && $0.id != event.id }) {
                silent.insert(earlier.id)
            }
            if let organisation = event.organisation { organisations[document.caseID] = organisation }
            open(document)
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
        case .ledgerPayment(let payment, let account, let date): record(payment, account, date)
        case .ledgerEdit(let of, let changes): edit(of, changes, event.id)
        }
    }

    /// Stock that the ledger starts with is no posting of ours.
    private mutating func open(_ document: SourceDocument) {
        guard case .stock(let movement) = document.body, movement.kind == .opening else { return }
        let value = movement.lines.compactMap(\.value).total(movement.currency)
        openings.append(
            Opening(event: document.id, role: "inventory", ref: document.id, amount: value, date: settings.organisation.zone.date(of: document.at)))
    }

    @discardableResult
    private mutating func merge(_ document: SourceDocument) -> MergeOutcome {
        if cases[document.caseID] == nil { caseOrder.append(document.caseID) }
        return cases[document.caseID, default: OrderCase(id: document.caseID)].merge(document)
    }

    var documents: [SourceDocument] { caseOrder.flatMap { cases[$0]?.documents ?? [] } }
    func organisation(of caseID: String) -> Organisation { settings.organisation(organisations[caseID]) }

    // MARK: Planning

    /// What the ledger has of a case; of all for `nil`.
    func ledger(_ id: String?) -> LedgerState {
        var posted: [PlannedPosting.Reference: PostedState] = [:]
        for entry in entries where (id == nil || entry.plan.caseID == id) && entry.state != .superseded {
            if entry.isLedgers && entry.plan.form == .payment { continue }
            posted[entry.plan.id] = PostedState(
                plan: entry.plan, revision: entry.revision, voided: entry.state == .voided)
        }
        return LedgerState(lockDate: lockDate, posted: posted)
    }

    /// Until nothing changes any more: a payout may wait for a payment that is posted after it.
    private mutating func settle(at now: Timestamp, because event: String) {
        matchBank(because: event)
        for _ in 0 ..< 3 {
            let count = entries.count
            var pool: [PlannedPosting] = []
            let around = surroundings
            for id in caseOrder { pool += process(id, around, at: now, because: event) }
            gather(pool, around, at: now, because: event)
            keepStock(pool, because: event, at: now)
            if entries.count == count { break }
        }
    }

    var surroundings: Surroundings {
        var out = Surroundings()
        for entry in entries where entry.state == .posted {
            for part in entry.effects { out.note(part, base: organisation(of: part.caseID).baseCurrency) }
        }
        out.hasBankFeed = events.contains { $0.type == "bank_feed" }
        out.bankLines = bankMatches
        out.ledgerPayments = ledgerPayments
        return out
    }

    /// Posts what stands alone; gives back what is gathered with others.
    private mutating func process(_ id: String, _ around: Surroundings, at now: Timestamp, because event: String) -> [PlannedPosting] {
        guard let order = cases[id] else { return [] }
        let ledger = ledger(id)
        if settings.policies.entityByLocation, settings.organisations.count > 1 {
            processParts(order, ledger, around, because: event)
            return []
        }
        let plans = Planner.plan(
            order, organisation: organisation(of: id), policies: settings.policies, ledger: ledger, codes: codes, around: around)
        let findings = Checks.run(plans, in: context(ledger, organisation(of: id)))
        let wanted = Set(plans.map(\.id))
        held.removeAll { item in
            item.caseID == id && item.releasedBy == nil && item.kind == nil && item.reference.form != .journal && !wanted.contains(item.reference)
        }
        var pool: [PlannedPosting] = []
        for plan in plans {
            guard plan.notBefore.map({ $0 <= now }) ?? true || ledger.posted[plan.id] != nil else { continue }
            if let found = findings[plan.id] {
                hold(plan, found, ledger)
            } else if Summaries.policy(of: plan, settings.policies) != .perDocument, ledger.posted[plan.id] == nil {
                release(plan.id, because: event)
                pool.append(plan)
            } else {
                post(plan, parts: payoutRows(plan, around), ledger, because: event)
            }
        }
        return pool
    }

    func context(_ ledger: LedgerState, _ organisation: Organisation) -> CheckContext {
        let closed = inactive
        return CheckContext(
            organisation: organisation, policies: settings.policies, ledger: ledger, ledgerLimits: settings.limits,
            drifted: Set(drifted.keys)
        ) { line, _ in
            BoundAccount(
                code: line.role.text, remoteID: line.role.text, name: line.role.text,
                active: !closed.contains(line.role), rule: "scenario")
        }
    }

    mutating func hold(_ plan: PlannedPosting, _ found: [Finding], _ ledger: LedgerState) {
        var revision: Int?
        switch ledger.action(for: plan) {
        case .revise(let next), .void(let next): revision = next
        case .create, .unchanged, .nothing: break
        }
        held.removeAll { $0.reference == plan.id && $0.releasedBy == nil }
        let cause = ledger.cause(of: plan)
        for finding in found {
            var item = HeldItem(
                caseID: plan.caseID, reference: plan.id, finding: finding, event: eventOf[cause] ?? cause,
                revision: revision)
            // What drifted is called by what was done in the ledger, and by the revision that shows there.
            if finding.check == Drift.name, let change = drifted[plan.id] {
                item.event = change
                item.revision = ledger.posted[plan.id]?.revision
            }
            held.append(item)
        }
    }

    private mutating func release(_ id: PlannedPosting.Reference, because event: String) {
        for i in held.indices where held[i].reference == id && held[i].releasedBy == nil { held[i].releasedBy = event }
    }

    mutating func post(_ plan: PlannedPosting, parts: [PlannedPosting] = [], of entity: Organisation? = nil, _ ledger: LedgerState, because event: String) {
        let action = ledger.action(for: plan)
        if action != .unchanged || entries.contains(where: { $0.plan.id == plan.id }) { release(plan.id, because: event) }
        let organisation = entity ?? organisation(of: parts.first?.caseID ?? plan.caseID)
        var entry = Entry(plan: plan, revision: 1, state: .posted, parts: parts, organisation: organisation.id)
        switch action {
        case .unchanged, .nothing: return
        case .create: entries.append(entry)
        case .revise(let next), .void(let next):
            for i in entries.indices where entries[i].plan.id == plan.id { entries[i].state = .superseded }
            entry.revision = next
            entry.state = plan.effect == .void ? .voided : .posted
            entries.append(entry)
        }
        let apart = plan.imbalance(base: organisation.baseCurrency)
        if !(apart?.isZero ?? false) {
            broken.append("\(plan.form.rawValue):\(plan.subject) was posted \(apart?.text ?? "without base values and") out of balance")
        }
    }

    // MARK: The books

    var base: Currency { settings.organisation.baseCurrency }

    /// Base-currency balances of documents that count; of one legal entity where several keep books.
    func balances(of entity: String? = nil, _ counts: (LocalDate) -> Bool) -> [Role: Money] {
        let base = settings.organisation(entity).baseCurrency
        var out: [Role: Money] = [:]
        func add(_ role: Role, _ amount: Money) { out[role, default: .zero(base)] += amount }
        for entry in entries where entry.state == .posted && counts(entry.plan.date) {
            guard entity == nil || entry.organisation == entity else { continue }
            for line in entry.plan.lines { add(line.role, line.value(in: base) ?? .zero(base)) }
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
            let base = settings.organisation(entry.organisation).baseCurrency
            for line in entry.plan.lines where line.amount.currency != base {
                out["\(line.role) \(line.amount.currency)", default: .zero(line.amount.currency)] += line.amount
            }
        }
        return out
    }
}
