import Books
import Kernel
import Postgres
@testable import Store
import TestKit
import Testing

/// Holds `Tables`, on which simulations stand, against `Store` on a real database: the same operations, the same answers, the same rows.
@Suite("The store in memory and the real one", .timeLimit(.minutes(5))) struct DifferentialTests {
    @Test("answer the same to the same operations", arguments: [1, 2, 3, 4, 5, 6] as [UInt64]) func same(_ seed: UInt64) async throws {
        try await House.with { house in
            let twins = try await Twins(house, seed: seed)
            try await twins.run(160)
        }
    }

    #if SABOTAGE
    @Test("answer the same when neither looks at leases") func unfenced() async throws {
        try await Sabotage.$chosen.withValue(.skipEpoch) {
            try await House.with { house in
                let twins = try await Twins(house, seed: 7)
                for _ in 0 ..< 15 where await twins.unfencedWrites == 0 { try await twins.run(40) }
                #expect(await twins.unfencedWrites > 0, "no intent was written without a lease: the switch does nothing")
            }
        }
    }
    #endif
}

/// Both stores side by side, and the operations on them.
private actor Twins {
    let house: House
    let seed: UInt64
    var dice: Seeded
    var tables: Tables
    let keys: [PostKey]
    /// Time that was made to pass, and when it began.
    var passed = 0
    let began = SystemClocks().monotonic()
    var log: [String] = []
    var unfencedWrites = 0
    private var attempts = 0

    init(_ house: House, seed: UInt64) async throws {
        self.house = house
        self.seed = seed
        dice = Seeded(seed)
        let row = try #require(try await house.worker.connection(house.tenant, house.ledger))
        tables = Tables(flow: house.flow, connection: row)
        keys = (0 ..< 4).compactMap { PostKey(String(repeating: "0", count: 15) + "\($0)") }
    }

    /// The database's clock runs on by itself.
    var now: Int { passed + Int((SystemClocks().monotonic() - began).wholeMilliseconds) }

    func run(_ count: Int) async throws {
        for step in 0 ..< count {
            try await operate()
            if step % 8 == 7 || step == count - 1 { try await compareRows() }
        }
    }

    private func same<T: Equatable & Sendable>(_ name: String, _ real: T, _ mine: T) {
        log.append("\(name) -> \(mine)")
        #expect(real == mine, "seed \(seed): \(name)\n\(log.suffix(40).joined(separator: "\n"))")
    }

    /// Durations agree within what the calls themselves take.
    private func near(_ name: String, _ real: Duration?, _ mine: Int?) {
        log.append("\(name) -> \(mine.map { "\($0)" } ?? "none")")
        let apart = real.flatMap { r in mine.map { abs(Int(r.wholeMilliseconds) - $0) } }
        let agree = real == nil && mine == nil || apart.map { $0 < 4000 } ?? false
        #expect(agree, "seed \(seed): \(name): \(String(describing: real))\n\(log.suffix(40).joined(separator: "\n"))")
    }

    private func code(_ body: () async throws(Fault) -> Void) async -> String {
        do throws(Fault) {
            try await body()
            return "done"
        } catch { return error.code }
    }

    private func operate() async throws {
        switch dice.below(24) {
        case 0 ... 3: try await clear()
        case 4 ... 6: await write()
        case 7 ... 10: try await settle()
        case 11: try await orphan()
        case 12: try await look()
        case 13: try await putOff()
        case 14: try await hold()
        case 15: try await supersede()
        case 16 ... 18: try await lease()
        case 19, 20: try await budget()
        case 21: try await credential()
        default: try await pass()
        }
    }

    // MARK: Postings

    private func clear() async throws {
        let i = dice.below(4), amount = dice.within(1 ... 999)
        let old = tables.postings[keys[i]]?.row
        let effect = old?.remoteID != nil && dice.percent(30) ? "void" : "post"
        let to = i > 0 && dice.percent(40) ? keys[0] : nil
        var row = World.row(keys[i], form: to == nil ? "invoice" : "payment", effect: effect, revision: (old?.revision ?? 0) + 1, amount: amount, appliesTo: to)
        row.flow = house.flow
        row.ledger = house.ledger
        let plan = PlanRow(
            key: row.key, caseID: row.caseID, subject: row.subject, form: row.form, effect: row.effect, revision: row.revision, plan: row.plan,
            planDigest: row.planDigest, reference: row.reference, date: row.date, currency: row.currency, totalMinor: row.totalMinor, appliesTo: to, covers: [])
        let moved = try await house.worker.pool.query(PostingStatements.map(house.tenant, house.flow, house.ledger, [plan])).count
        _ = try await house.worker.pool.query(PostingStatements.clear(house.tenant, [(row.key, Array("[]".utf8), false)]))
        // The form of a posting never changes: its key is made of it.
        if let old { row.form = old.form }
        same("clear \(i) \(effect)", moved == 1, tables.clear(row, now))
    }

    private func write() async {
        let chosen = keys.filter { _ in dice.percent(40) }
        guard !chosen.isEmpty else { return }
        attempts += 1
        let epoch = max(0, (tables.lease?.epoch ?? 1) - Int64(dice.percent(20) ? 1 : 0))
        let intents = chosen.map { key in
            NewIntent(
                key: key, revision: tables.postings[key]?.row.revision ?? 1, action: tables.postings[key]?.row.remoteID == nil ? .create : .update,
                attempt: "attempt-\(attempts)", requestDigest: [1])
        }
        let known = intents.allSatisfy { tables.postings[$0.key] != nil }
        guard known else { return }
        let (house, fenced) = (house, tables.holdsLease(epoch, now))
        let real = await code { () throws(Fault) in try await house.worker.writeIntents(house.tenant, epoch: epoch, intents, audit: []) }
        var mine = "done"
        do throws(Fault) { try tables.write(intents, epoch: epoch, now) } catch { mine = error.code }
        if mine == "done", !fenced { unfencedWrites += 1 }
        same("write \(chosen.map(\.text)) epoch \(epoch)", real, mine)
    }

    private func settle() async throws {
        guard !tables.intents.isEmpty else { return }
        var rows: [Settlement] = []
        for _ in 0 ..< dice.within(1 ... 2) {
            // Mostly the newest send, at times a late word on an earlier one.
            let intent = tables.intents[dice.percent(75) ? tables.intents.count - 1 : dice.below(tables.intents.count)]
            if rows.contains(where: { $0.key == intent.key }) { continue }
            let outcome = dice.pick([Settlement.Outcome.posted, .posted, .rejected, .unknown, .notSent])
            rows.append(Settlement(
                key: intent.key, attempt: dice.percent(90) ? intent.attempt : "another", outcome: outcome,
                remoteID: outcome == .posted ? "D\(dice.below(9))" : nil, remoteVersion: outcome == .posted ? "\(dice.below(9))" : nil,
                evidence: outcome == .posted ? nil : Array(#"{"code": "x"}"#.utf8), again: .seconds(10 * dice.below(4)), counts: dice.percent(60)))
        }
        let entries = Dictionary(rows.map { ($0.key, AuditEntry(actor: "worker", action: "posting.settled", subject: $0.key.text)) }) { one, _ in one }
        let before = try await house.count("SELECT count(*) FROM app.audit WHERE action = 'posting.settled'")
        try await house.worker.settle(house.tenant, rows, jobs: [], audit: entries)
        let after = try await house.count("SELECT count(*) FROM app.audit WHERE action = 'posting.settled'")
        same("settle \(rows.map { "\($0.key) \($0.attempt) \($0.outcome)" })", after - before, tables.settle(rows, now).count)
    }

    private func orphan() async throws {
        let epoch = (tables.lease?.epoch ?? 0) + Int64(dice.below(2))
        same("orphan \(epoch)", try await house.worker.orphanIntents(house.tenant, epoch: epoch), tables.orphan(epoch, now))
    }

    private func look() async throws {
        let limit = dice.pick([2, 100])
        same("due", try await house.worker.duePostings(house.tenant, house.flow, limit: limit).map(\.key), tables.due(now, limit: limit).map(\.key))
        near("next", try await house.worker.nextAttempt(house.tenant, house.flow), tables.nextAttempt(now))
        let real = try await house.worker.unsettled(house.tenant, house.flow, limit: limit), mine = tables.unsettled(now, limit: limit)
        func shown(_ row: UnsettledRow) -> String { "\(row.posting.key) \(row.action) \(row.attempt) \(row.evidence == nil)" }
        same("unsettled", real.map(shown), mine.map(shown))
        for (r, m) in zip(real, mine) { near("age", r.age, Int(m.age.wholeMilliseconds)) }
    }

    private func putOff() async throws {
        let chosen = keys.filter { _ in dice.percent(50) }, delay = 10 * dice.within(1 ... 5)
        guard !chosen.isEmpty else { return }
        let (house, fault): (House, [UInt8]?) = (house, dice.percent(30) ? nil : Array(#"{"code": "x"}"#.utf8))
        let real = await code { () throws(Fault) in try await house.worker.retryLater(house.tenant, chosen, by: .seconds(delay), fault: fault) }
        var mine = "done"
        do throws(Fault) { try tables.later(chosen, by: delay * 1000, now, fault: fault != nil) } catch { mine = error.code }
        same("later \(chosen) \(delay) \(fault == nil ? "without a reason" : "")", real, mine)
    }

    private func hold() async throws {
        let key = dice.pick(keys), findings = Array(#"[{"check": "x"}]"#.utf8)
        let alert = AlertRow(key: "held/x", severity: .warning, cause: "x", remedy: "x")
        try await house.worker.hold(house.tenant, house.flow, key, findings: findings, alert: alert)
        log.append("hold \(key) -> \(tables.hold(key, findings))")
    }

    private func supersede() async throws {
        let key = dice.pick(keys)
        let moved = try await house.worker.pool.query(PostingStatements.supersede(house.tenant, [(key, tables.postings[key]?.row.caseID ?? "")])).count
        same("supersede \(key)", moved == 1, tables.supersede(key))
    }

    // MARK: Leases, budgets, credentials

    private func lease() async throws {
        let holder = "host-\(dice.below(2))/"
        switch dice.below(4) {
        case 0, 1:
            let real = try await house.supervisor.acquire(house.tenant, holder: holder, seconds: 30)
            same("acquire \(holder)", real?.epoch, tables.acquire(holder, seconds: 30, now))
        case 2:
            let epoch = (tables.lease?.epoch ?? 1) - Int64(dice.below(2))
            let real = try await house.supervisor.renew(Lease(tenant: house.tenant, epoch: epoch), holder: holder, seconds: 30)
            same("renew \(epoch) \(holder)", real, tables.renew(epoch, holder, seconds: 30, now))
        default:
            let epoch = (tables.lease?.epoch ?? 1) - Int64(dice.below(2))
            _ = try await house.supervisor.release(Lease(tenant: house.tenant, epoch: epoch), holder: holder, served: .zero, crashed: false)
            log.append("release \(epoch) \(holder) -> \(tables.release(epoch, holder))")
        }
    }

    private func budget() async throws {
        let (minute, hour) = (dice.within(1 ... 3), dice.within(0 ... 2))
        switch dice.below(6) {
        case 0:
            let time = 10 * dice.within(1 ... 4)
            try await house.worker.pause(house.tenant, house.ledger, name: "minute", for: .seconds(time))
            tables.pause("minute", time * 1000, now)
            log.append("pause \(time)")
        case 1:
            let left = dice.below(12)
            try await house.worker.correct(house.tenant, house.ledger, name: "minute", remaining: left)
            tables.correct("minute", remaining: left)
            log.append("correct \(left)")
        case 2:
            let real = try await house.worker.takeApp(platform: "p\(seed)", name: "app", amount: 5, window: .seconds(60), cost: minute)
            near("take app \(minute)", real, tables.takeApp("app", 5, 60_000, minute, now))
        default:
            let charges = [
                BudgetCharge(name: "minute", amount: 7, window: .seconds(60), cost: minute),
                BudgetCharge(name: "hour", amount: 9, window: .seconds(3600), cost: hour),
            ]
            near("take \(minute) \(hour)", try await house.worker.take(house.tenant, house.ledger, charges), tables.take(charges, now))
        }
    }

    private func credential() async throws {
        let version = tables.connection.credentialVersion - dice.below(2)
        if dice.percent(30) {
            try await house.worker.forgetOldCredential(house.tenant, house.ledger, version: version)
            tables.forgetOldCredential(version: version)
        } else {
            let (sealed, house) = ([UInt8](repeating: UInt8(dice.below(250)), count: 3), house)
            let real = await code { () throws(Fault) in
                _ = try await house.worker.saveCredential(house.tenant, house.ledger, sealed: sealed, expecting: version)
            }
            var mine = "done"
            do throws(Fault) { _ = try tables.saveCredential(sealed, expecting: version) } catch { mine = error.code }
            same("save \(version)", real, mine)
        }
        let row = try #require(try await house.worker.connection(house.tenant, house.ledger))
        same("credential", row.credential, tables.connection.credential)
        same("credential before", row.credentialBefore, tables.connection.credentialBefore)
    }

    /// Time passes: all that is stored moves into the past.
    private func pass() async throws {
        let time = 10 * dice.within(1 ... 7) + 3
        let by: SQL = "\(Int64(time)) * interval '1 second'"
        try await house.owner.batch([
            "UPDATE app.postings SET next_attempt_at = next_attempt_at - \(by)", "UPDATE app.intents SET written_at = written_at - \(by)",
            "UPDATE app.leases SET expires_at = expires_at - \(by)",
            "UPDATE app.budgets SET window_start = window_start - \(by), paused_until = paused_until - \(by)",
            "UPDATE adm.app_budgets SET window_start = window_start - \(by)",
        ])
        passed += time * 1000
        log.append("\(time) s pass")
    }

    // MARK: Rows

    private func compareRows() async throws {
        let real = try await house.worker.postings(house.tenant, keys: keys)
        func shown(_ r: PostingRow) -> String {
            "\(r.key) \(r.state) \(r.effect) r\(r.revision) a\(r.attempts) \(r.totalMinor) id \(r.remoteID ?? "-") v \(r.remoteVersion ?? "-") \(r.sent != nil)"
        }
        same("postings", real.map(shown), tables.postings.values.map(\.row).sorted { $0.key < $1.key }.map(shown))
        var intents: [String] = []
        for row in try await house.owner.query("SELECT post_key, attempt, state, epoch FROM app.intents ORDER BY id") {
            let texts = [try row.get(0, as: String.self), try row.get(1, as: String.self), try row.get(2, as: String.self)]
            intents.append("\(texts.joined(separator: " ")) \(try row.get(3, as: Int64.self))")
        }
        same("intents", intents, tables.intents.map { "\($0.key) \($0.attempt) \($0.state) \($0.epoch)" })
        var lease: [String] = []
        for row in try await house.owner.query("SELECT epoch, holder, state FROM app.leases") {
            lease.append("\(try row.get(0, as: Int64.self)) \(try row.get(1, as: String.self)) \(try row.get(2, as: String.self))")
        }
        same("lease", lease, tables.lease.map { ["\($0.epoch) \($0.holder) \($0.held ? "held" : "free")"] } ?? [])
        var budgets: [String] = []
        for row in try await house.owner.query("SELECT name, used, amount FROM app.budgets ORDER BY name COLLATE \"C\"") {
            budgets.append("\(try row.get(0, as: String.self)) \(try row.get(1, as: Int32.self)) \(try row.get(2, as: Int32.self))")
        }
        same("budgets", budgets, tables.budgets.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value.used) \($0.value.amount)" })
    }
}
