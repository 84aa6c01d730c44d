internal import Books
internal import Checks
internal import Kernel

/// What is planned over more than one case: summaries, settlements, stock, the bank's lines, changes in the ledger.
extension Run {
    /// A payout stands for its rows: each leaves clearing by the document it settles.
    func payoutRows(_ plan: PlannedPosting, _ around: Surroundings) -> [PlannedPosting] {
        guard plan.form == .payout, let document = cases[plan.caseID]?.documents.first(where: { $0.id == plan.subject }) else { return [] }
        return ClearingProof.rows(of: document, organisation: organisation(of: plan.caseID), policies: settings.policies, around: around)
    }

    mutating func gather(_ pool: [PlannedPosting], _ around: Surroundings, at now: Timestamp, because event: String) {
        guard !pool.isEmpty else { return }
        for entity in settings.organisations {
            let own = pool.filter { organisation(of: $0.caseID).id == entity.id }
            func parts(_ policy: Policies.Posting) -> [PlannedPosting] { own.filter { Summaries.policy(of: $0, settings.policies) == policy } }
            let all = ledger(nil)
            var made = Summaries.plan(parts(.dailySummary), source: "shop", organisation: entity, policies: settings.policies, ledger: all)
            let payouts = documents.filter { if case .payout = $0.body { organisation(of: $0.caseID).id == entity.id } else { false } }
            let settled = Settlements.plan(
                payouts, parts: parts(.payout), organisation: entity, policies: settings.policies, ledger: all, around: around)
            made += settled.settled + settled.single.map { GatheredPosting(plan: $0, parts: []) }
            for entry in made where entry.plan.notBefore.map({ $0 <= now }) ?? true || all.posted[entry.plan.id] != nil {
                if let found = Checks.run([entry.plan], in: context(all, entity))[entry.plan.id] {
                    hold(entry.plan, found, all)
                } else {
                    post(entry.plan, parts: entry.parts, all, because: event)
                }
            }
        }
    }

    /// An order of several legal entities: each one's part is planned, checked and posted by itself.
    mutating func processParts(_ order: OrderCase, _ ledger: LedgerState, _ around: Surroundings, because event: String) {
        let parts = EntityPlanner.plan(
            order, organisations: settings.organisations, policies: settings.policies, ledger: ledger, codes: codes, around: around)
        let wanted = Set(parts.flatMap(\.postings).map(\.id))
        held.removeAll { $0.caseID == order.id && $0.releasedBy == nil && $0.kind == nil && !wanted.contains($0.reference) }
        for part in parts {
            let findings = Checks.run(part.postings, in: context(ledger, part.organisation))
            for plan in part.postings {
                if let found = findings[plan.id] { hold(plan, found, ledger) } else { post(plan, of: part.organisation, ledger, because: event) }
            }
        }
    }

    mutating func keepStock(_ pool: [PlannedPosting], because event: String, at now: Timestamp) {
        guard settings.policies.inventory != .none else { return }
        let sales = pool + entries.filter { $0.state == .posted && [.invoice, .salesReceipt].contains($0.plan.form) }.map(\.plan)
        let all = ledger(nil)
        let plan = StockPlan(
            documents, sales: sales, organisation: settings.organisation, policies: settings.policies, ledger: all,
            reorder: [settings.reorder].compactMap(\.self))
        stock = plan
        let findings = Checks.run(plan.postings, in: context(all, settings.organisation))
        for posting in plan.postings {
            if let found = findings[posting.id] { hold(posting, found, all) } else { post(posting, all, because: event) }
        }
    }

    // MARK: The bank

    var bankMatches: [String: BankMatch] {
        var lines: [(id: String, at: Timestamp, line: BankLine)] = []
        var payments: [(id: String, payment: Payment)] = []
        for document in documents {
            switch document.body {
            case .bankLine(let line): lines.append((document.id, document.at, line))
            case .payment(let payment): payments.append((document.id, payment))
            default: continue
            }
        }
        return BankMatching.match(lines: lines, payments: payments, feeCap: settings.policies.bankFeeCap)
    }

    /// A bank line that belongs to no payment is held by itself.
    mutating func matchBank(because event: String) {
        let matched = Set(bankMatches.values.map(\.line))
        for document in documents {
            guard case .bankLine(let line) = document.body else { continue }
            let known = held.firstIndex { $0.kind == "bank_feed" && $0.event == document.id }
            if matched.contains(document.id) {
                if let known { held[known].releasedBy = held[known].releasedBy ?? event }
            } else if known == nil {
                held.append(
                    HeldItem(
                        caseID: document.caseID, reference: .init(form: .memo, subject: document.id), finding: BankMatching.unmatched(document.id, line),
                        event: document.id, kind: "bank_feed"))
            }
        }
    }

    // MARK: Changes in the ledger

    mutating func record(_ payment: LedgerPayment, _ account: Role, _ date: LocalDate) {
        guard let target = entries.last(where: { $0.plan.id == payment.of && $0.state == .posted }),
            let receivable = target.plan.lines.first(where: { $0.role.family == "receivable" })?.role
        else {
            broken.append("\(payment.id) pays what is not in the ledger")
            return
        }
        ledgerPayments.append(payment)
        let plan = PlannedPosting(
            subject: payment.id, form: .payment, caseID: target.plan.caseID, covers: [payment.id], date: date, currency: payment.amount.currency,
            total: payment.amount,
            lines: [
                PostingLine(.tender, role: account, amount: payment.amount, derivedFrom: [payment.id]),
                PostingLine(.control, role: receivable, amount: -payment.amount, derivedFrom: [payment.id]),
            ], party: target.plan.party, appliesTo: payment.of)
        entries.append(Entry(plan: plan, revision: 1, state: .posted, organisation: target.organisation, isLedgers: true))
        writeBacks.append((payment.of.subject, "paid \(payment.amount.text) on \(date), \(payment.reference)", payment.id))
    }

    /// What stands in the ledger after somebody changed it there.
    mutating func edit(_ of: PlannedPosting.Reference, _ changes: [Event.LedgerChange], _ event: String) {
        guard let at = entries.lastIndex(where: { $0.plan.id == of && $0.state == .posted }) else {
            broken.append("\(event) changes what is not in the ledger")
            return
        }
        var entry = entries[at]
        entries[at].state = .superseded
        drifted[of] = event
        for change in changes {
            guard let line = entry.plan.lines.firstIndex(where: { line in
                change.line.map { line.part == .goods && line.group == $0 } ?? (line.part == .tax) && line.amount.magnitude.decimal == change.from
            }), let to = Money(change.to, entry.plan.currency) else {
                broken.append("\(event) changes a line that is not there")
                continue
            }
            entry.plan.lines[line].amount = -to
        }
        let owed = -entry.plan.lines.filter { $0.part != .control }.map(\.amount).total(entry.plan.currency)
        for i in entry.plan.lines.indices {
            entry.plan.lines[i].derivedFrom.append(event)
            if entry.plan.lines[i].part == .control { entry.plan.lines[i].amount = owed }
        }
        entry.plan.total = owed
        entry.plan.covers.append(event)
        entry.revision += 1
        entry.isLedgers = true
        entries.append(entry)
    }

    /// The source's payments that a payment of the ledger is.
    func covers(_ entry: Entry) -> [String] {
        guard entry.isLedgers, let known = ledgerPayments.first(where: { $0.id == entry.plan.subject }) else { return entry.plan.covers }
        let same = (cases[entry.plan.caseID]?.documents ?? []).filter { document in
            if case .payment(let payment) = document.body { known.isSame(as: payment) } else { false }
        }
        return entry.plan.covers + same.map(\.id)
    }
}
