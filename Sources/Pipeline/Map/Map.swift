internal import Books
internal import ConnectorKit
internal import Courier
internal import Crypto
internal import Kernel
internal import Mapping
internal import Postgres
internal import Store
internal import Telemetry
internal import Wire

extension Pipeline {
    /// Plans every case that changed, checks what was planned, and gathers what goes to the ledger with others.
    func mapAndClear(_ flow: Setup.Flow, in setup: Setup) async throws(Fault) -> Result {
        guard flow.row.state == "active" else { return .done }
        let mapper = try await mapper(flow, in: setup)
        var waiting: Set<String> = []
        while true {
            let dirty = try await store.dirtyCases(tenant, flow.row.id, limit: Limits.batchDocuments).filter { !waiting.contains($0.caseID) }
            if dirty.isEmpty { break }
            waiting.formUnion(try await map(dirty, flow, mapper))
        }
        try await preflight(flow, mapper)
        if try await gather(flow) { try await preflight(flow, mapper) }
        // Cases with a send under way wait for it: its settlement asks for this job. The time is for what may go wrong with that.
        return try await store.anyDirty(tenant, flow.row.id) ? .again(.seconds(10)) : .done
    }

    /// The tenant's structure and rules over the ledger's accounts as last read; reads them first when they never were.
    func mapper(_ flow: Setup.Flow, in setup: Setup) async throws(Fault) -> Mapper {
        var row = try await store.chart(tenant, flow.row.ledgerID)
        if row == nil {
            _ = try await readChart(flow.ledger, in: setup)
            row = try await store.chart(tenant, flow.row.ledgerID)
        }
        guard let row else { throw Fault("no_chart", stage: .map, disposition: .retry, summary: "the ledger's accounts could not be read yet") }
        let chart = try ChartCodec.decode(row)
        return Mapper(structure: setup.structure, rules: setup.rules, chart: chart)
    }

    /// The cases that have to wait for a send under another case's name.
    private func map(_ dirty: [DirtyCase], _ flow: Setup.Flow, _ mapper: Mapper) async throws(Fault) -> Set<String> {
        let ids = dirty.map(\.caseID)
        let documents = Dictionary(grouping: try await store.documents(tenant, flow.row.id, cases: ids), by: \.caseID)
        let postings = Dictionary(grouping: try await store.postings(tenant, flow.row.id, cases: ids), by: \.caseID)
        let lockDate = try await store.chart(tenant, flow.row.ledgerID)?.lockDate
        var orders: [(item: DirtyCase, order: OrderCase)] = []
        var sight = Map.Sight()
        for item in dirty {
            do throws(Fault) {
                var order = OrderCase(id: item.caseID)
                let isMirrored = postings[item.caseID]?.contains { $0.form == PostingForm.salesOrder.rawValue } ?? false
                for row in documents[item.caseID] ?? [] {
                    let document = mapper.classify(try DocumentCodec.decode(row), on: flow.organisation.zone.date(of: row.at))
                    sight.note(document, flow.policies, isMirrored: isMirrored)
                    order.merge(document)
                }
                orders.append((item, order))
            } catch {
                try await unplannable(item, flow, error)
            }
        }
        let around = try await surroundings(sight, flow)
        func planned(_ moved: [PostingRow]) async throws(Fault) -> [(item: DirtyCase, output: Map.Output)] {
            let elsewhere = try await self.elsewhere(postings.values.flatMap(\.self) + moved)
            var plans: [(item: DirtyCase, output: Map.Output)] = []
            for (item, order) in orders {
                do throws(Fault) {
                    var output = Map.Output()
                    try Map.plan(
                        order, postings[item.caseID] ?? [], moved: moved.filter { $0.caseID != item.caseID }, flow, mapper, lockDate: lockDate, tenant: tenant,
                        forbidsRevision: !revises(flow), around: around, elsewhere: elsewhere, into: &output)
                    plans.append((item, output))
                } catch {
                    try await unplannable(item, flow, error)
                }
            }
            return plans
        }
        var plans = try await planned([])
        // A document whose order was corrected has its posting under the order that it was told for first.
        let fresh = plans.flatMap { plan in plan.output.rows.map(\.key).filter { key in postings[plan.item.caseID]?.contains { $0.key == key } != true } }
        let moved = fresh.isEmpty ? [] : try await store.postings(tenant, keys: fresh)
        var waiting: Set<String> = []
        if !moved.isEmpty {
            plans = try await planned(moved)
            let underWay = Set(moved.filter { ["posting", "unknown"].contains($0.state) }.map(\.key))
            waiting = Set(plans.filter { plan in plan.output.moved.contains { underWay.contains($0) } }.map(\.item.caseID))
            plans.removeAll { waiting.contains($0.item.caseID) }
        }
        try await saveEach(plans, flow)
        return waiting
    }

    private func saveEach(_ plans: [(item: DirtyCase, output: Map.Output)], _ flow: Setup.Flow) async throws(Fault) {
        do throws(Fault) {
            try await save(plans, flow)
        } catch {
            // A plan that can't be stored must not keep the others from being stored.
            guard error.disposition != .retry, error.disposition != .wait else { throw error }
            for plan in plans {
                do throws(Fault) { try await save([plan], flow) } catch {
                    guard error.disposition != .retry, error.disposition != .wait else { throw error }
                    try await unplannable(plan.item, flow, error)
                }
            }
        }
    }

    /// What stands in the ledger, or may, by way of another document.
    private func elsewhere(_ rows: [PostingRow]) async throws(Fault) -> Map.Elsewhere {
        var out = Map.Elsewhere(inHand: Set(rows.filter { $0.batch != nil }.map(\.key)))
        let parts = rows.filter { !($0.partOf ?? "").isEmpty }.map(\.key)
        guard !parts.isEmpty else { return out }
        for (key, isInHand) in try await store.partsThere(tenant, parts) {
            if isInHand { out.inHand.insert(key) } else { out.within.insert(key) }
        }
        return out
    }

    func unplannable(_ item: DirtyCase, _ flow: Setup.Flow, _ fault: Fault) async throws(Fault) {
        let alert = AlertRow(key: AlertKey.held(flow.row.id, fault.code), severity: .warning, cause: fault.summary, remedy: fault.remedy)
        try await store.unplannable(tenant, flow.row.id, item, fault: fault.json.bytes, alert: alert)
        log.fault(.caseHeld, fault, ("case", item.caseID))
    }

    private func revises(_ flow: Setup.Flow) -> Bool { connectors[flow.ledger.row.platform]?.spec.revisesPaidInvoices ?? false }

    /// Keeps the plans of the cases that are still as they were read. What another worker has planned, or a source has changed meanwhile, is left.
    func save(_ plans: [(item: DirtyCase, output: Map.Output)], _ flow: Setup.Flow) async throws(Fault) {
        guard !plans.isEmpty else { return }
        let tenant = tenant
        let looks = flow.row.restoredAt != nil ? !(try ledger(flow.ledger) is any FileLedger) : false
        let count = try await store.transaction { tx throws(Fault) in
            let mine = try await tx.claim(tenant, flow.row.id, plans.map(\.item))
            let kept = plans.filter { mine.contains($0.item.caseID) }
            guard !kept.isEmpty else { return 0 }
            let outputs = kept.map(\.output), done = kept.map(\.item)
            try await tx.keep(kept, flow, tenant, looks: looks)
            try await tx.look(kept, flow, tenant)
            _ = try await tx.query(DocumentStatements.setState(tenant, flow.row.id, state: "mapped", cases: done.map(\.caseID)))
            let waiting = kept.flatMap { plan in plan.output.waiting.map { (caseID: plan.item.caseID, id: $0) } }
            _ = try await tx.query(DocumentStatements.waiting(tenant, flow.row.id, cases: done.map(\.caseID), waiting))
            _ = try await tx.query(DocumentStatements.planned(tenant, flow.row.id, done))
            return outputs.map(\.rows.count).reduce(0, +)
        }
        metrics.count(.postings, ("state", "mapped"), by: Double(count))
    }
}

extension PostgresTransaction {
    /// The rows that change, with their audit. `looks`: what a restore may have lost is looked for before it is given up.
    fileprivate func keep(_ plans: [(item: DirtyCase, output: Map.Output)], _ flow: Setup.Flow, _ tenant: TenantID, looks: Bool) async throws(Fault) {
        let outputs = plans.map(\.output), moved = Set(outputs.flatMap(\.moved)), adopted = outputs.flatMap(\.adopted)
        // What moves from one of these cases to another is the other's: the one that had it takes nothing back.
        func isLeft(_ key: PostKey, by output: Map.Output) -> Bool { moved.contains(key) && !output.moved.contains(key) }
        let restored = outputs.flatMap { output in output.restored.filter { !isLeft($0.key, by: output) } }
        var rows = outputs.flatMap { output in output.rows.filter { !isLeft($0.key, by: output) } }
        var superseded = plans.flatMap { plan in
            plan.output.superseded.filter { !isLeft($0, by: plan.output) }.map { (key: $0, caseID: plan.item.caseID) }
        }
        var changed = outputs.flatMap(\.changedInHand)
        // A file in hand has its parts as they are: what becomes of them waits until it is settled.
        let fixed = try await partsInHand(tenant, rows.map(\.key) + superseded.map(\.key))
        if !fixed.isEmpty {
            let parts = Set(fixed.map(\.part))
            rows.removeAll { parts.contains($0.key) }
            superseded.removeAll { parts.contains($0.key) }
            changed += fixed.map(\.whole)
        }
        let parts = outputs.flatMap(\.parts), covering = outputs.flatMap(\.covering)
        let touched = (flow.tellsReturns ? covering.map(\.key) : []) + rows.map(\.key) + (adopted + restored).map(\.key) + superseded.map(\.key) + changed + outputs.flatMap(\.sameInHand) + parts.map(\.part)
        _ = try await query(PostingStatements.lock(tenant, touched))
        rows.sort { $0.key < $1.key }
        var entries: [AuditEntry] = []
        func note(_ action: String, _ changed: PostgresRows) throws(Fault) {
            for row in changed { entries.append(AuditEntry(actor: "worker", action: action, subject: "posting \(try row.get("post_key", as: String.self))")) }
        }
        if !rows.isEmpty {
            try note("posting.mapped", try await query(PostingStatements.map(tenant, flow.row.id, flow.row.ledgerID, rows)))
            _ = try await query(PostingStatements.cover(tenant, rows))
        }
        if !adopted.isEmpty {
            try note("posting.moved", try await query(PostingStatements.adopt(tenant, adopted)))
            _ = try await query(PostingStatements.cover(tenant, adopted))
            _ = try await query(JobStatements.ask(tenant, [Job(.confirm, flow.row.id.description, lane: .webhook)]))
        }
        if !covering.isEmpty { try await lookAtExplained(tenant, flow, try await query(PostingStatements.cover(tenant, covering))) }
        if !restored.isEmpty {
            try note("posting.restored", try await query(PostingStatements.restore(tenant, restored)))
            _ = try await query(JobStatements.ask(tenant, [Job(.confirm, flow.row.id.description, lane: .webhook)]))
        }
        if looks { try await doubt(tenant, superseded.map(\.key)) }
        if !superseded.isEmpty { try note("posting.superseded", try await query(PostingStatements.supersede(tenant, superseded))) }
        try await noteInHand(tenant, changed: changed, same: outputs.flatMap(\.sameInHand), findings: JSON.array([PlanCodec.finding(Map.changedInHand)]).bytes)
        if !parts.isEmpty { _ = try await query(MemberStatements.gather(tenant, parts)) }
        try await audit(tenant, entries)
    }

    /// What the cases look at in others, and the others that look at what changed here.
    fileprivate func look(_ plans: [(item: DirtyCase, output: Map.Output)], _ flow: Setup.Flow, _ tenant: TenantID) async throws(Fault) {
        let looking = plans.filter { !$0.output.members.isEmpty || $0.output.isInvoice }
        if !looking.isEmpty {
            let pairs = looking.flatMap { plan in plan.output.members.sorted().map { (caseID: plan.item.caseID, member: $0) } }
            let gone = try await query(MemberStatements.forget(tenant, flow.row.id, cases: looking.map(\.item.caseID), but: pairs))
            let new = try await query(MemberStatements.remember(tenant, flow.row.id, pairs))
            try await bill(looking.filter(\.output.isInvoice).map(\.item.caseID), gone, new, flow, tenant)
        }
        let lines = plans.flatMap(\.output.bankLines), proven = plans.flatMap(\.output.provenBy), paying = plans.flatMap(\.output.paying)
        if !lines.isEmpty || !proven.isEmpty {
            try await askMaps(tenant, try await query(MemberStatements.dirtyBeside(tenant, covering: lines, held: proven, cases: paying)))
        }
        try await settle(plans, flow, tenant)
        let days = Set(plans.flatMap(\.output.days))
        if !days.isEmpty { _ = try await query(MemberStatements.dirtyDays(tenant, flow.row.id, cases: days.map(Map.caseID))) }
    }

    /// An invoice that names another order than before, or none, asks for both.
    private func bill(_ invoices: [String], _ gone: PostgresRows, _ new: PostgresRows, _ flow: Setup.Flow, _ tenant: TenantID) async throws(Fault) {
        var pairs: [(caseID: String, member: String)] = []
        for rows in [gone, new] {
            for row in rows { pairs.append((caseID: try row.get("case_id"), member: try row.get("member"))) }
        }
        let billing = pairs.filter { invoices.contains($0.caseID) }
        if !billing.isEmpty { _ = try await query(MemberStatements.dirtyBilled(tenant, flow.row.id, billing)) }
    }

    /// A payout asks for its settlement and for the orders it pays for; a part that came, changed or went asks for the settlements it may stand in.
    private func settle(_ plans: [(item: DirtyCase, output: Map.Output)], _ flow: Setup.Flow, _ tenant: TenantID) async throws(Fault) {
        guard flow.policies.settles else { return }
        let members = plans.flatMap(\.output.members), keys = plans.flatMap(\.output.settling)
        if !members.isEmpty { _ = try await query(MemberStatements.dirtyPaid(tenant, flow.row.id, members: members)) }
        if !members.isEmpty || !keys.isEmpty {
            _ = try await query(MemberStatements.dirtySettlements(tenant, flow.row.id, keys: keys, members: members))
        }
    }
}

/// The pure core of map: a case and what is stored of it, to the rows that change.
enum Map {
    /// Postings that stand in the ledger within a gathered document, and those that a person has in hand in a file.
    struct Elsewhere {
        var within: Set<PostKey> = []
        var inHand: Set<PostKey> = []
    }

    struct Output {
        var rows: [PlanRow] = []
        var superseded: [PostKey] = []
        /// Postings that another case had, and of them those that the ledger has just so.
        var moved: [PostKey] = []
        var adopted: [PlanRow] = []
        /// Postings whose pending change nothing calls for any more.
        var restored: [PlanRow] = []
        /// Credit notes that are as they were and may stand for more documents by now: returns that explain them.
        var covering: [PlanRow] = []
        /// Postings that a file has in hand: what the sources say of them by now is something else, or what stands in the file.
        var changedInHand: [PostKey] = []
        var sameInHand: [PostKey] = []
        /// Ids of other cases' documents that the plan looked at.
        var members: Set<String> = []
        /// The case is an invoice, which may bill an order.
        var isInvoice = false
        /// Days of which a part came, changed or went.
        var days: Set<LocalDate> = []
        /// Parts of settlements that came, changed or went.
        var settling: [PostKey] = []
        /// Parts, and the document that each is a part of.
        var parts: [(part: PostKey, into: PostKey)] = []
        /// Bank lines of the case; lines that its payments are proven by; cases of the payments that its lines prove.
        var bankLines: [String] = []
        var provenBy: [String] = []
        var paying: [(flow: FlowID, caseID: String)] = []
        /// Documents that post nothing before something has happened that no source has told of yet.
        var waiting: [String] = []
    }

    /// - Parameter moved: postings of other cases, which this one may be calling for now.
    static func plan(
        _ order: OrderCase, _ rows: [PostingRow], moved: [PostingRow] = [], _ flow: Setup.Flow, _ mapper: Mapper, lockDate: LocalDate?, tenant: TenantID, forbidsRevision: Bool,
        around: Around = Around(), elsewhere: Elsewhere = Elsewhere(), into out: inout Output
    ) throws(Fault) {
        let known = rows + moved
        let ledger = LedgerState(
            lockDate: lockDate, posted: try posted(known), forbidsRevision: forbidsRevision, within: try within(known.filter { elsewhere.within.contains($0.key) }),
            inHand: inHand(known.filter { elsewhere.inHand.contains($0.key) }))
        let documents = order.documents
        let reasons = mapper.reasons(on: documents.last.map { flow.organisation.zone.date(of: $0.at) } ?? LocalDate(daysSince1970: 0))
        let (plans, waiting) = Planner.outcome(
            order, organisation: flow.organisation, policies: flow.policies, ledger: ledger, codes: CodeBook(known: reasons.known, rules: reasons.rules),
            around: around.plan)
        out.waiting = waiting
        if flow.policies.summaryTrigger == .dayClosed {
            for document in documents {
                if case .registerClosure = document.body { out.days.insert(flow.policies.day(of: document.at, in: flow.organisation.zone)) }
            }
        }
        let (alone, singles) = try settle(plans, documents, around, ledger, try Beginning(known, ledger, flow), flow)
        try differ(alone + look(documents, around, flow, &out), rows, moved: moved, ledger, flow, tenant, singles: singles, into: &out)
    }

    /// Under policy `payout`: what no payout will bring goes alone, after a while.
    private static func settle(
        _ plans: [PlannedPosting], _ documents: [SourceDocument], _ around: Around, _ ledger: LedgerState, _ beginning: Beginning, _ flow: Setup.Flow
    ) throws(Fault) -> (plans: [PlannedPosting], singles: Set<PlannedPosting.Reference>) {
        guard flow.policies.settles else { return (plans, []) }
        let parts = plans.filter { $0.effect == .post && ledger.posted[$0.id] == nil && Summaries.policy(of: $0, flow.policies) == .payout }
        guard !parts.isEmpty else { return (plans, []) }
        let payouts = around.payouts(of: documents)
        var beside = around.plan
        // What is no posting here is unknown when the payout is settled.
        for plan in plans where ledger.posted[plan.id] != nil || !beginning.isFormers(plan) { beside.noteEarly(plan) }
        let outcome = Settlements.plan(
            payouts, parts: parts, organisation: flow.organisation, policies: flow.policies, ledger: LedgerState(lockDate: ledger.lockDate), around: beside)
        let alone = Dictionary(outcome.single.map { ($0.id, $0) }) { one, _ in one }
        return (plans.map { alone[$0.id] ?? $0 }, Set(alone.keys))
    }

    /// What changes from what is stored to what is planned.
    static func differ(
        _ plans: [PlannedPosting], _ rows: [PostingRow], moved: [PostingRow] = [], _ ledger: LedgerState, _ flow: Setup.Flow, _ tenant: TenantID,
        singles: Set<PlannedPosting.Reference> = [], into out: inout Output
    ) throws(Fault) {
        let byKey = Dictionary((rows + moved).map { ($0.key, $0) }) { own, _ in own }, others = Set(moved.map(\.key))
        let beginning = try Beginning(rows, ledger, flow)
        var wanted: Set<PostKey> = []
        for plan in plans {
            let key = Pipeline.key(tenant, flow.row.id, subject: plan.subject, form: plan.form)
            let existing = byKey[key]
            if existing?.remoteID == nil, beginning.isFormers(plan) { continue }
            let isMoved = others.contains(key) && plan.effect == .post
            if isMoved { out.moved.append(key) }
            let revision: Int
            switch ledger.action(for: plan) {
            case .nothing: continue
            case .unchanged where isMoved:
                out.adopted.append(row(plan, key: key, revision: ledger.posted[plan.id]?.revision ?? 1, body: PlanCodec.encode(plan).bytes, flow, tenant))
                continue
            case .unchanged:
                if plan.form == .creditNote || plan.form == .deposit, plan.effect == .post, plan.covers != ledger.posted[plan.id]?.plan.covers {
                    out.covering.append(row(plan, key: key, revision: 1, body: [], flow, tenant))
                }
                if let existing, existing.batch != nil {
                    out.changedInHand.append(key)
                } else if let existing, let posted = ledger.posted[plan.id], existing.planDigest != existing.sentDigest {
                    out.restored.append(row(posted.plan, key: key, revision: posted.revision, body: existing.sent ?? [], flow, tenant))
                }
                continue
            // What was written once, and is released because the ledger has it no longer, is a later one.
            case .create: revision = existing.map { $0.effect == plan.effect.rawValue ? $0.revision : $0.revision + 1 } ?? 1
            case .revise(let n), .void(let n): revision = n
            }
            wanted.insert(key)
            var made = row(plan, key: key, revision: revision, body: PlanCodec.encode(plan).bytes, flow, tenant)
            let policy = Summaries.policy(of: plan, flow.policies)
            let byHand = try isByHand(plan, existing), isSame = try says(existing, made, plan)
            made.isPart = existing?.remoteID == nil && policy != .perDocument && !singles.contains(plan.id) && !byHand
            // What a person stopped or skipped waits for a person, as long as it says the same.
            if let existing, !isMoved, isSame, existing.revision == revision, (existing.partOf != nil) == made.isPart,
                ["cleared", "mapped", "manual", "skipped", "gathered"].contains(existing.state) {
                if existing.batch != nil { out.sameInHand.append(key) }
                continue
            }
            if existing?.state == "manual" {
                if existing?.batch != nil { out.changedInHand.append(key) }
                continue
            }
            if made.isPart || existing?.partOf != nil { touch(key, [made.date, existing?.date], policy, &out) }
            out.rows.append(made)
        }
        // Begun there, and its end was never seen: what nothing calls for any more is taken back.
        for row in rows where row.remoteID != nil && row.sent == nil && !row.byHand && row.batch == nil && !wanted.contains(row.key) && row.effect == "post" {
            var plan = try PlanCodec.decode(row.plan)
            plan.effect = .void
            wanted.insert(row.key)
            out.rows.append(Map.row(plan, key: row.key, revision: row.revision + 1, body: PlanCodec.encode(plan).bytes, flow, tenant))
        }
        let gone = rows.filter { $0.remoteID == nil && !wanted.contains($0.key) && $0.state != "superseded" && $0.state != "skipped" }
        out.superseded += gone.map(\.key)
        out.changedInHand += gone.filter { $0.batch != nil }.map(\.key)
        for row in gone where row.partOf != nil { touch(row.key, [row.date], flow.policies.posting(on: row.date), &out) }
    }

    /// The row says what is planned. In a file it does so as well where only words, a mark or the order behind it became others, which changes nothing that stands.
    private static func says(_ existing: PostingRow?, _ made: PlanRow, _ plan: PlannedPosting) throws(Fault) -> Bool {
        guard let existing, existing.batch != nil, existing.planDigest != made.planDigest else { return existing?.planDigest == made.planDigest }
        var there = try PlanCodec.decode(existing.plan)
        (there.drawnFrom, there.countsWhenPaid, there.note) = (plan.drawnFrom, plan.countsWhenPaid, plan.note)
        return PlanCodec.encode(there).bytes == made.plan
    }

    /// What uses a deposit up went by itself once, to where its invoice did not stand by itself: whoever was told of it may have entered it by hand. Of one
    /// that is held for another reason nobody was told that.
    private static func isByHand(_ plan: PlannedPosting, _ existing: PostingRow?) throws(Fault) -> Bool {
        guard plan.usesUpDeposit, let existing, existing.partOf == nil else { return false }
        if existing.state == "held" { return try PlanCodec.findings(existing.findings).contains { $0.check == "original_gathered" } }
        return ["mapped", "skipped", "manual"].contains(existing.state)
    }

    /// From which day on the books have what happens.
    private struct Beginning {
        private let cutOver: LocalDate?
        /// The case goes on as it began: they have something of it from before, which a closed period moved here.
        private let goesOn: Bool

        init(_ rows: [PostingRow], _ ledger: LedgerState, _ flow: Setup.Flow) throws(Fault) {
            cutOver = flow.row.cutOver
            var found = false
            if let cut = cutOver {
                found = ledger.posted.values.contains { !$0.voided && $0.plan.ownDate < cut }
                for row in rows where !found && row.batch != nil { found = try PlanCodec.decode(row.plan).ownDate < cut }
            }
            goesOn = found
        }

        /// It is of the former books, on whichever day it would be posted.
        func isFormers(_ plan: PlannedPosting) -> Bool { cutOver.map { (goesOn ? plan.date : plan.ownDate) < $0 } ?? false }
    }

    static let changedInHand = Finding(
        check: "changed_in_hand", why: "the source says something else by now than the file that was handed over",
        remedy: "Confirm its batch if the file was imported: the change follows in a later one. Withdraw it if it was not, and make a new one.")

    private static func touch(_ key: PostKey, _ days: [LocalDate?], _ policy: Policies.Posting, _ out: inout Output) {
        if policy == .payout { out.settling.append(key) } else { out.days.formUnion(days.compactMap(\.self)) }
    }

    private static func row(_ plan: PlannedPosting, key: PostKey, revision: Int, body: [UInt8], _ flow: Setup.Flow, _ tenant: TenantID) -> PlanRow {
        PlanRow(
            key: key, caseID: plan.caseID, subject: plan.subject, form: plan.form.rawValue, effect: plan.effect.rawValue, revision: revision, plan: body,
            planDigest: Digest.sha256(body), reference: reference(plan), date: plan.date, currency: plan.currency.code, totalMinor: plan.total.minor,
            appliesTo: plan.appliesTo.map { Pipeline.key(tenant, flow.row.id, subject: $0.subject, form: $0.form) }, covers: plan.covers)
    }

    /// What the ledger has of the case.
    static func posted(_ rows: [PostingRow]) throws(Fault) -> [PlannedPosting.Reference: PostedState] {
        var out: [PlannedPosting.Reference: PostedState] = [:]
        for row in rows where row.remoteID != nil {
            guard let sent = row.sent else { continue }
            let plan = try PlanCodec.decode(sent)
            let pending = row.sentDigest != row.planDigest
            out[plan.id] = PostedState(plan: plan, revision: pending ? max(1, row.revision - 1) : row.revision, voided: plan.effect == .void)
        }
        return out
    }

    /// What stands within another document, as it is there: a part as it was gathered last.
    private static func within(_ rows: [PostingRow]) throws(Fault) -> [PlannedPosting.Reference: PostedState] {
        var out: [PlannedPosting.Reference: PostedState] = [:]
        for row in rows where row.remoteID == nil {
            let plan = try PlanCodec.decode(row.sent ?? row.plan)
            out[plan.id] = PostedState(plan: plan, voided: plan.effect == .void)
        }
        return out
    }

    /// Of what is in hand, that which is worth something.
    private static func inHand(_ rows: [PostingRow]) -> Set<PlannedPosting.Reference> {
        Set(rows.filter { $0.effect == PlannedPosting.Effect.post.rawValue && $0.totalMinor != 0 }.compactMap { row in
            PostingForm(rawValue: row.form).map { PlannedPosting.Reference(form: $0, subject: row.subject) }
        })
    }

    /// How the document names its source, for people and for searches: `order 6120034117000 edit 2`.
    static func reference(_ plan: PlannedPosting) -> String {
        switch plan.form {
        case .payout, .deposit, .summary, .settlement: return "\(plan.form.rawValue) \(plan.subject)"
        case .payment: return "transaction \(plan.subject)"
        case .bill: return "bill \(plan.subject.hasPrefix("bill:") ? String(plan.subject.dropFirst(5)) : plan.subject)"
        case .purchaseOrder: return "purchase order \(plan.subject)"
        case .salesOrder: return "sales order \(plan.subject.hasPrefix("order:") ? String(plan.subject.dropFirst(6)) : plan.subject)"
        case .refundPayment:
            let from = plan.lines.first { $0.part == .tender }?.derivedFrom.first ?? plan.lines.flatMap(\.derivedFrom).first { $0.contains("/") } ?? plan.subject
            return "transaction \(from.split(separator: "/").last.map(String.init) ?? plan.subject)"
        default: break
        }
        let parts = plan.subject.split(separator: "/", maxSplits: 1).map(String.init)
        if parts.count == 2 {
            let prefix = "\(plan.caseID)-edit-"
            let edit = parts[1].hasPrefix(prefix) ? String(parts[1].dropFirst(prefix.count)) : parts[1]
            return "order \(parts[0]) edit \(edit)"
        }
        return plan.form == .creditNote ? "refund \(plan.subject)" : "order \(plan.subject)"
    }
}
