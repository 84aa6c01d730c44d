import Books
import Kernel
@testable import Store
import Wire

/// The tables that posting and Courier stand on, in memory, for one tenant, flow and connection. Times are milliseconds. It does what
/// `Store`'s statements do; `DifferentialTests` holds it against them.
struct Tables: Sendable {
    struct Posting: Sendable {
        var row: PostingRow
        var next: Int
        var fault = false
        var posted = false
    }

    struct Intent: Sendable {
        var key: PostKey
        var revision: Int
        var action: NewIntent.Action
        var attempt: String
        var epoch: Int64
        var state = "open"
        var evidence: [UInt8]?
        var written: Int
    }

    struct LeaseRow: Sendable {
        var epoch: Int64
        var holder: String
        var held: Bool
        var expires: Int
    }

    struct Budget: Sendable {
        var amount: Int
        var window: Int
        var start: Int
        var used: Int
        var paused: Int?
    }

    var flow: FlowID
    var postings: [PostKey: Posting] = [:]
    /// Oldest first; the id of an intent is its place plus one.
    var intents: [Intent] = []
    var lease: LeaseRow?
    var budgets: [String: Budget] = [:]
    var appBudgets: [String: Budget] = [:]
    var connection: ConnectionRow
    var alerts: Set<String> = []
    /// The one job: when it is due, and how often it was asked for. `nil`: there is none.
    var job: (due: Int, generation: Int, attempts: Int)?

    init(flow: FlowID, connection: ConnectionRow) {
        self.flow = flow
        self.connection = connection
    }

    private static let formOrder = ["invoice", "sales_receipt", "credit_note", "journal", "payment", "refund_payment"]

    /// See `PostingStatements.free`.
    func isFree(_ p: PostingRow) -> Bool {
        if p.effect == "void" {
            return !postings.values.contains { q in
                q.row.caseID == p.caseID && q.row.appliesTo == p.key && q.row.effect == "void"
                    && ["mapped", "cleared", "posting", "unknown"].contains(q.row.state)
            }
        }
        guard let to = p.appliesTo else { return true }
        guard let q = postings[to]?.row else { return false }
        switch q.state {
        case "posted", "confirmed", "reconciled": return true
        case "held", "rejected": return q.remoteID != nil
        default: return false
        }
    }

    func due(_ now: Int, limit: Int) -> [PostingRow] {
        var rows: [PostingRow] = []
        for p in postings.values where p.row.state == "cleared" && p.next <= now && isFree(p.row) { rows.append(p.row) }
        if rows.count > 1 {
            func place(_ form: String) -> Int { Tables.formOrder.firstIndex(of: form) ?? 99 }
            rows.sort { a, b in
                if a.form != b.form { return place(a.form) < place(b.form) }
                return a.date != b.date ? a.date < b.date : a.key < b.key
            }
        }
        return Array(rows.prefix(limit))
    }

    func nextAttempt(_ now: Int) -> Int? {
        var least: Int?
        for p in postings.values where p.row.state == "unknown" || (p.row.state == "cleared" && isFree(p.row)) { least = min(least ?? p.next, p.next) }
        return least.map { max(0, $0 - now) }
    }

    func unsettled(_ now: Int, limit: Int) -> [UnsettledRow] {
        var out: [UnsettledRow] = []
        for (i, intent) in intents.enumerated() where intent.state == "unknown" && out.count < limit {
            guard let p = postings[intent.key], p.row.state == "unknown", p.next <= now else { continue }
            out.append(UnsettledRow(
                posting: p.row, intent: Int64(i + 1), action: intent.action, attempt: intent.attempt, age: .milliseconds(now - intent.written),
                evidence: intent.evidence))
        }
        return out
    }

    func holdsLease(_ epoch: Int64, _ now: Int) -> Bool { lease.map { $0.epoch == epoch && $0.held && $0.expires > now } ?? false }

    /// Whether an intent of this epoch would be written now.
    func mayIntend(_ epoch: Int64, _ now: Int) -> Bool { unfenced || holdsLease(epoch, now) }

    private var unfenced: Bool {
        #if SABOTAGE
        if Sabotage.skipEpoch.isOn { return true }
        #endif
        return false
    }

    mutating func write(_ new: [NewIntent], epoch: Int64, _ now: Int) throws(Fault) {
        guard mayIntend(epoch, now) else {
            throw Fault("lease_lost", stage: .post, disposition: .retry, summary: "this worker no longer holds the tenant's lease")
        }
        for n in new where intents.contains(where: { $0.key == n.key && ($0.state == "open" || $0.state == "unknown") }) {
            throw Fault("unique_violation", stage: .database, disposition: .bug, summary: "a send of \(n.key) is unsettled")
        }
        guard new.allSatisfy({ n in postings[n.key].map { $0.row.state == "cleared" && $0.row.revision == n.revision } ?? false }) else {
            throw Fault("posting_moved", stage: .post, disposition: .retry, summary: "a posting changed while its intent was written")
        }
        for n in new {
            intents.append(Intent(key: n.key, revision: n.revision, action: n.action, attempt: n.attempt, epoch: epoch, written: now))
            postings[n.key]?.row.state = "posting"
            postings[n.key]?.row.attempts += 1
        }
    }

    /// Keys of the postings that moved.
    @discardableResult
    mutating func settle(_ rows: [Settlement], _ now: Int) -> [PostKey] {
        var moved: [PostKey] = []
        for s in rows {
            guard let i = intents.lastIndex(where: { $0.key == s.key && $0.attempt == s.attempt && ($0.state == "open" || $0.state == "unknown") })
            else { continue }
            intents[i].state = s.outcome.rawValue
            if let evidence = s.evidence { intents[i].evidence = evidence }
            guard var p = postings[s.key], p.row.state == "posting" || p.row.state == "unknown" else { continue }
            p.row.remoteID = s.remoteID ?? p.row.remoteID
            p.row.remoteVersion = s.remoteVersion ?? p.row.remoteVersion
            p.next = now + Int(s.again.wholeMilliseconds)
            switch s.outcome {
            case .posted:
                p.row.state = "posted"
                p.row.sent = p.row.plan
                p.row.sentDigest = p.row.planDigest
                p.row.attempts = 0
                p.posted = true
                p.fault = false
            case .rejected: p.row.state = "rejected"
            case .unknown: p.row.state = "unknown"
            case .notSent: p.row.state = "cleared"
            }
            if s.outcome != .posted, s.evidence != nil { p.fault = true }
            if s.outcome != .posted, !s.counts { p.row.attempts = max(0, p.row.attempts - 1) }
            postings[s.key] = p
            moved.append(s.key)
        }
        recheckDependants(rows.filter { $0.outcome == .rejected }.map(\.key))
        return moved
    }

    private mutating func recheckDependants(_ keys: [PostKey]) {
        guard !keys.isEmpty else { return }
        for (key, p) in postings where p.row.state == "cleared" && p.row.appliesTo.map({ keys.contains($0) }) ?? false { postings[key]?.row.state = "mapped" }
    }

    static let orphaned = Array(#"{"why":"the worker ended before the answer was recorded"}"#.utf8)

    mutating func orphan(_ epoch: Int64, _ now: Int) -> Int {
        var count = 0
        for i in intents.indices where intents[i].state == "open" && intents[i].epoch < epoch {
            intents[i].state = "unknown"
            intents[i].evidence = Tables.orphaned
            count += 1
            if postings[intents[i].key]?.row.state == "posting" {
                postings[intents[i].key]?.row.state = "unknown"
                postings[intents[i].key]?.next = now
                postings[intents[i].key]?.fault = true
            }
        }
        return count
    }

    mutating func hold(_ key: PostKey, _ findings: [UInt8]) -> Bool {
        guard let state = postings[key]?.row.state, state == "cleared" || state == "mapped" else { return false }
        postings[key]?.row.state = "held"
        postings[key]?.row.findings = findings
        recheckDependants([key])
        return true
    }

    /// An unknown outcome has a reason: the table wants one.
    mutating func later(_ keys: [PostKey], by delay: Int, _ now: Int, fault: Bool) throws(Fault) {
        if !fault, keys.contains(where: { postings[$0]?.row.state == "unknown" }) {
            throw Fault("check_violation", stage: .database, disposition: .bug, summary: "an unknown outcome without a reason")
        }
        for key in keys {
            guard let state = postings[key]?.row.state, ["cleared", "posted", "unknown"].contains(state) else { continue }
            postings[key]?.next = now + delay
            postings[key]?.row.attempts += 1
            postings[key]?.fault = fault
        }
    }

    // MARK: What other steps do

    /// What map and preflight leave of a new or changed plan; `false` where it has to wait.
    mutating func clear(_ row: PostingRow, _ now: Int) -> Bool {
        if let old = postings[row.key]?.row.state, ["posting", "unknown", "manual"].contains(old) { return false }
        var new = Posting(row: row, next: now)
        if let old = postings[row.key] {
            new.row.remoteID = old.row.remoteID
            new.row.remoteVersion = old.row.remoteVersion
            new.row.sent = old.row.sent
            new.row.sentDigest = old.row.sentDigest
            new.posted = old.posted
        }
        new.row.state = "cleared"
        new.row.attempts = 0
        postings[row.key] = new
        return true
    }

    /// What was never sent and is not called for any more.
    mutating func supersede(_ key: PostKey) -> Bool {
        guard let p = postings[key]?.row, p.remoteID == nil, ["mapped", "cleared", "held", "rejected"].contains(p.state) else { return false }
        postings[key]?.row.state = "superseded"
        return true
    }

    /// What settles a document that is not called for any more is not called for either.
    mutating func supersedeDependants(of key: PostKey) {
        for (other, p) in postings where p.row.appliesTo == key { _ = supersede(other) }
    }

    /// What hangs at a held or rejected document is held by preflight.
    mutating func recheckMapped(_ now: Int) {
        for (key, p) in postings where p.row.state == "mapped" {
            guard let to = p.row.appliesTo, let state = postings[to]?.row.state else { continue }
            if state == "rejected" || state == "superseded" { postings[key]?.row.state = "held" } else { postings[key]?.row.state = "cleared" }
        }
    }

    mutating func ask(_ now: Int) { job = (min(job?.due ?? now, now), (job?.generation ?? 0) + 1, job?.attempts ?? 0) }
}

extension Tables {
    // MARK: Leases

    mutating func acquire(_ holder: String, seconds: Int, _ now: Int) -> Int64? {
        guard let old = lease else {
            lease = LeaseRow(epoch: 1, holder: holder, held: true, expires: now + seconds * 1000)
            return 1
        }
        guard !old.held || old.expires + (unfenced ? 0 : 25_000) < now else { return nil }
        lease = LeaseRow(epoch: old.epoch + 1, holder: holder, held: true, expires: now + seconds * 1000)
        return old.epoch + 1
    }

    mutating func renew(_ epoch: Int64, _ holder: String, seconds: Int, _ now: Int) -> Bool {
        guard let l = lease, l.epoch == epoch, l.holder == holder, l.held else { return false }
        lease?.expires = now + seconds * 1000
        return true
    }

    mutating func release(_ epoch: Int64, _ holder: String) -> Bool {
        guard let l = lease, l.epoch == epoch, l.holder == holder else { return false }
        lease?.held = false
        return true
    }

    // MARK: Budgets

    /// Milliseconds to wait; `nil` when charged.
    mutating func take(_ charges: [BudgetCharge], _ now: Int) -> Int? {
        var wait = 0
        for c in charges {
            if budgets[c.name] == nil { budgets[c.name] = Budget(amount: c.amount, window: Int(c.window.wholeMilliseconds), start: now, used: 0) }
            guard let b = budgets[c.name] else { continue }
            let end = b.start + Int(c.window.wholeMilliseconds)
            if let paused = b.paused, paused > now { wait = max(wait, paused - now) }
            if end > now, b.used + c.cost > c.amount { wait = max(wait, end - now) }
        }
        guard wait == 0 else { return wait }
        for c in charges {
            guard let b = budgets[c.name] else { continue }
            let turned = b.start + Int(c.window.wholeMilliseconds) <= now
            budgets[c.name] = Budget(
                amount: c.amount, window: Int(c.window.wholeMilliseconds), start: turned ? now : b.start, used: turned ? c.cost : b.used + c.cost)
        }
        return nil
    }

    mutating func takeApp(_ name: String, _ amount: Int, _ window: Int, _ cost: Int, _ now: Int) -> Int? {
        var b = appBudgets[name] ?? Budget(amount: amount, window: window, start: now, used: 0)
        if b.start + window <= now {
            b.start = now
            b.used = 0
        }
        if b.used + cost > amount {
            appBudgets[name] = b
            return max(1, b.start + window - now)
        }
        b.used += cost
        b.amount = amount
        appBudgets[name] = b
        return nil
    }

    mutating func pause(_ name: String, _ time: Int, _ now: Int) {
        var b = budgets[name] ?? Budget(amount: 0, window: 0, start: now, used: 0)
        b.paused = max(b.paused ?? now + time, now + time)
        budgets[name] = b
    }

    mutating func correct(_ name: String, remaining: Int) {
        guard let amount = budgets[name]?.amount else { return }
        budgets[name]?.used = max(0, amount - min(amount, remaining))
    }

    // MARK: Credentials

    mutating func saveCredential(_ sealed: [UInt8], expecting version: Int) throws(Fault) -> Int {
        guard connection.credentialVersion == version else {
            throw Fault("credential_conflict", stage: .database, disposition: .retry, summary: "the credential was changed by somebody else meanwhile")
        }
        connection.credentialBefore = connection.credential
        connection.credential = sealed
        connection.credentialVersion += 1
        return connection.credentialVersion
    }

    mutating func forgetOldCredential(version: Int) {
        if connection.credentialVersion == version { connection.credentialBefore = nil }
    }
}
