import Books
import Kernel
@testable import Pipeline
@testable import Store

/// What has to be remembered to judge a step.
struct Guards: Sendable {
    struct Send: Sendable {
        var attempt: String
        /// Its sender heard what became of it.
        var definite = false
    }

    /// Every write that left, by key.
    var sends: [String: [Send]] = [:]
    var savedTokens: Set<String> = []
    /// Charges made, by budget: when and how much.
    var charges: [String: [(at: Int, cost: Int)]] = [:]
}

/// The invariants. Each says what is broken, or nothing.
extension World.State {
    /// When a request leaves its process.
    mutating func departure(_ parts: SimTransport.Parts, _ id: Int, _ limit: Int) -> String? {
        let proc = procs[id]
        if parts.path == "/token" {
            let refresh = String(decoding: parts.body, as: UTF8.self).split(separator: "&").first { $0.hasPrefix("refresh_token=") }
            if let refresh, !guards.savedTokens.contains(String(refresh.dropFirst("refresh_token=".count))) {
                return "a refresh token is used that was never saved"
            }
        } else if ledger.nature.oauth, !guards.savedTokens.contains(parts.token) {
            return "the token \(parts.token) is used before it is saved"
        }
        guard parts.isWrite else { return nil }
        if now + limit > proc.ends { return "a write leaves at \(now) that may last until \(now + limit), the lease ends at \(proc.ends)" }
        if let lease = tables.lease, lease.epoch != proc.epoch { return "a write leaves under epoch \(proc.epoch), the lease is at \(lease.epoch)" }
        for line in parts.lines {
            if let why = departure(of: line.key, parts.attempt, proc) { return why }
            guards.sends[line.key, default: []].append(Guards.Send(attempt: parts.attempt))
        }
        return nil
    }

    /// A process that stood still between its last look at the clock and the request's start is told so by the transport.
    mutating func isLate(_ startBy: Duration) -> Bool {
        guard .milliseconds(now) > startBy else { return false }
        counts.late += 1
        return true
    }

    private func departure(of key: String, _ attempt: String, _ proc: Proc) -> String? {
        guard let intent = tables.intents.last(where: { $0.key.text == key && $0.attempt == attempt }) else { return "\(key) is sent without an intent" }
        if intent.state != "open" { return "\(key) is sent, its intent is \(intent.state)" }
        for send in guards.sends[key] ?? [] where !send.definite {
            let state = tables.intents.last { $0.key.text == key && $0.attempt == send.attempt }?.state
            if state == "open" || state == "unknown" { return "\(key) is sent again while an earlier send of it is unknown" }
        }
        return nil
    }

    /// When intents were written.
    func written(_ epoch: Int64) -> String? {
        tables.holdsLease(epoch, now) ? nil : "an intent of epoch \(epoch) is written without a live lease"
    }

    /// When budgets were charged.
    mutating func charged(_ charges: [BudgetCharge]) -> String? {
        for c in charges {
            let window = Int(c.window.wholeMilliseconds)
            var log = (guards.charges[c.name] ?? []).filter { $0.at > now - window }
            log.append((now, c.cost))
            guards.charges[c.name] = log
            if let used = tables.budgets[c.name]?.used, used > c.amount { return "budget \(c.name) has \(used) of \(c.amount) used" }
            // Two of our windows may touch one of theirs.
            let sum = log.reduce(0) { $0 + $1.cost }
            if !ledger.nature.tells, sum > 2 * c.amount { return "budget \(c.name): \(sum) within one window, \(c.amount) a window" }
        }
        return nil
    }

    /// When all is at rest.
    func atRest() -> String? {
        for p in tables.postings.values.sorted(by: { $0.row.key < $1.row.key }) {
            let live = ledger.live(p.row.key.text)
            let key = p.row.key.text
            switch p.row.state {
            case "posted" where p.row.effect == "void":
                if !live.isEmpty { return "\(key) is voided here and stands there" }
            case "posted":
                if live.count != 1 { return "\(key) is posted here, there are \(live.count) of it there" }
                if live[0].amount != Int(p.row.totalMinor) { return "\(key) has \(live[0].amount) there and \(p.row.totalMinor) here" }
            case "rejected" where p.row.remoteID != nil: if live.count > 1 { return "\(key) is there \(live.count) times" }
            case "rejected", "superseded", "held":
                if !live.isEmpty { return "\(key) is \(p.row.state) here and stands there" }
            case "unknown" where !ledger.nature.searchable: if live.count > 1 { return "\(key) is there \(live.count) times" }
            case "cleared" where p.row.appliesTo != nil:
                // What it settles waits for a person.
                if p.row.appliesTo.flatMap({ tables.postings[$0]?.row.state }) != "unknown" { return "\(key) is never sent" }
            default: return "\(key) never comes to rest: \(p.row.state)"
            }
        }
        let open = tables.intents.filter { $0.state == "open" }
        return open.isEmpty ? nil : "\(open.count) intents stay open"
    }

    /// Nothing is left to be done: every posting is where it can stay.
    var isSettled: Bool {
        plans == 0 && tables.postings.values.allSatisfy { p in
            switch p.row.state {
            case "posted", "rejected", "superseded", "held": true
            // Parked for a person, and what hangs at it.
            case "unknown": !ledger.nature.searchable
            case "cleared": !ledger.nature.searchable && p.row.appliesTo.flatMap { tables.postings[$0]?.row.state } == "unknown"
            default: false
            }
        }
    }
}
