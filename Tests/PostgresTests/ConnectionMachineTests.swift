import Kernel
import Testing

@testable import Postgres

private typealias Machine = ConnectionMachine

/// What an action is, in a few words a test can compare.
private func words(_ actions: [Machine.Action]) -> [String] {
    actions.map { action in
        switch action {
        case .send(let unit, let steps): "send \(unit): \(steps.map(words).joined(separator: " "))"
        case .answer(let unit, .success(let rows)): "answer \(unit): \(rows.map { String($0.affected) }.joined(separator: ","))"
        case .answer(let unit, .failure(let fault)): "answer \(unit): \(fault.code)"
        case .giveBack(let unit): "back \(unit)"
        case .again(let unit): "again \(unit)"
        case .close: "close"
        }
    }
}

private func words(_ step: Machine.Step) -> String {
    switch step {
    case .begin: "begin"
    case .commit: "commit"
    case .rollback: "rollback"
    case .deallocate: "deallocate"
    case .prepare(_, let n): "prepare\(n)"
    case .execute(nil, let n): "run\(n)"
    case .execute(_, let n): "named\(n)"
    }
}

private func unit(_ id: UInt64, _ texts: String..., verb: Machine.Verb = .statements, begins: Bool = false, inside: Bool = false) -> Machine.Unit {
    Machine.Unit(id: id, keys: texts.map { StatementKey(text: $0, types: []) }, verb: verb, begins: begins, inTransaction: inside || begins)
}

private func rows(_ n: Int) -> Machine.Reply { .rows(PostgresRows(table: nil, affected: n)) }
private func error(_ state: String, fatal: Bool = false) -> Machine.Reply {
    .failed(ServerError(sqlstate: state, message: "m", fatal: fatal))
}
/// A kept plan that no longer fits its table.
private let stalePlan = Machine.Reply.failed(ServerError(sqlstate: "0A000", message: "m", routine: "RevalidateCachedQuery"))

extension ConnectionMachine {
    fileprivate mutating func play(_ replies: Reply...) -> [String] { replies.flatMap { words(received($0)) } }
}

@Suite("one connection's machine") struct ConnectionMachineTests {
    private func open(depth: Int = 32) -> Machine {
        var machine = Machine(preparedStatements: 16, depth: depth)
        _ = machine.connected()
        return machine
    }

    @Test("units wait for the connection, then go out in order") func connecting() {
        var machine = Machine()
        #expect(machine.phase == .connecting)
        #expect(words(machine.submit(unit(1, "a"))) == [])
        #expect(words(machine.submit(unit(2, "b"))) == [])
        #expect(words(machine.connected()) == ["send 1: run0", "send 2: run0"])
        #expect(machine.phase == .busy)
        #expect(machine.play(rows(1), .sync, rows(2)) == ["answer 1: 1"])
        #expect(machine.play(.sync) == ["answer 2: 2"])
        #expect(machine.phase == .idle)
    }

    @Test("no outcome before the sync: a commit can still fail") func deferredFailure() {
        var machine = open()
        _ = machine.submit(unit(1, "insert"))
        #expect(machine.play(rows(1)) == [])
        #expect(machine.play(error("23505"), .sync) == ["answer 1: unique_violation"])
    }

    @Test("an aborted pipeline: the batch fails with its first failure, the unit behind it is untouched") func aborted() {
        var machine = open()
        _ = machine.submit(unit(1, "a", "b", "c"))
        _ = machine.submit(unit(2, "d"))
        #expect(machine.play(rows(1), error("23514"), .aborted, .sync) == ["answer 1: check_violation"])
        #expect(machine.play(rows(4), .sync) == ["answer 2: 4"])
    }

    @Test("a statement is prepared on its second use and named from then on") func preparing() {
        var machine = open()
        #expect(words(machine.submit(unit(1, "a"))) == ["send 1: run0"])
        #expect(words(machine.submit(unit(2, "a"))) == ["send 2: prepare0 named0"])
        // Not confirmed yet: others do without.
        #expect(words(machine.submit(unit(3, "a"))) == ["send 3: run0"])
        #expect(machine.play(rows(1), .sync, rows(0), rows(2), .sync, rows(3), .sync) == ["answer 1: 1", "answer 2: 2", "answer 3: 3"])
        #expect(words(machine.submit(unit(4, "a"))) == ["send 4: named0"])
    }

    @Test("within one batch a statement is prepared once") func preparingInBatch() {
        var machine = open()
        #expect(words(machine.submit(unit(1, "a", "a", "a"))) == ["send 1: run0 prepare1 named1 named2"])
    }

    @Test("a preparation that fails or never runs is forgotten", arguments: [false, true]) func failedPreparation(_ skipped: Bool) {
        var machine = open()
        _ = machine.submit(unit(1, "a"))
        _ = machine.play(rows(1), .sync)
        if skipped {
            _ = machine.submit(unit(2, "x", "a"))
            #expect(machine.play(error("22012"), .aborted, .aborted, .sync) == ["answer 2: sql_22012"])
        } else {
            _ = machine.submit(unit(2, "a"))
            #expect(machine.play(error("42P01"), .aborted, .sync) == ["answer 2: sql_42P01"])
        }
        #expect(words(machine.submit(unit(3, "a"))) == ["send 3: run0"])
    }

    /// A connection on which `a` is prepared.
    private func prepared() -> Machine {
        var machine = open()
        for id in 1 ... 2 as ClosedRange<UInt64> { _ = machine.submit(unit(id, "a")) }
        _ = machine.play(rows(1), .sync, rows(0), rows(1), .sync)
        return machine
    }

    private func again(_ id: UInt64) -> Machine.Unit {
        var unit = unit(id, "a")
        unit.unprepared = true
        return unit
    }

    @Test("a stale statement is run again outside a transaction, and its name let go") func stale() {
        var machine = prepared()
        _ = machine.submit(unit(3, "a"))
        #expect(machine.play(stalePlan, .sync) == ["again 3"])
        #expect(words(machine.submit(again(3))) == ["send 3: deallocate run0"])
    }

    @Test("a statement the server has forgotten is run again, and nobody asks it to forget the name once more") func forgotten() {
        var machine = prepared()
        _ = machine.submit(unit(3, "a"))
        #expect(machine.play(error("26000"), .sync) == ["again 3"])
        #expect(words(machine.submit(again(3))) == ["send 3: run0"])
        #expect(machine.play(rows(3), .sync) == ["answer 3: 3"])
    }

    @Test("two in flight find one plan stale: the second lets go of no name but the one it used") func staleTwice() {
        var machine = prepared()
        _ = machine.submit(unit(3, "a"))
        _ = machine.submit(unit(4, "a"))
        #expect(machine.play(stalePlan, .sync) == ["again 3"])
        #expect(words(machine.submit(again(3))) == ["send 3: deallocate run0"])
        // By then the statement has a new entry, whose name the server has never heard.
        #expect(words(machine.submit(unit(5, "a"))) == ["send 5: run0"])
        #expect(machine.play(stalePlan, .sync) == ["again 4"])
        #expect(words(machine.submit(again(4))) == ["send 4: run0"])
        #expect(words(machine.submit(unit(6, "a"))) == ["send 6: prepare0 named0"])
    }

    @Test("a name that the server has forgotten before it was let go fails nobody") func forgottenName() {
        var machine = prepared()
        _ = machine.submit(unit(3, "a"))
        _ = machine.play(stalePlan, .sync)
        #expect(words(machine.submit(unit(4, "b"))) == ["send 4: deallocate run0"])
        #expect(machine.play(error("26000"), .aborted, .sync) == ["again 4"])
        #expect(words(machine.submit(unit(5, "c"))) == ["send 5: run0"])
    }

    @Test("a stale statement inside a transaction is the caller's to retry") func staleInside() {
        var machine = prepared()
        _ = machine.submit(unit(3, "a", inside: true))
        #expect(machine.play(stalePlan, .sync) == ["answer 3: stale_statement"])
        // No housekeeping where an aborted transaction would refuse it and take ROLLBACK down with it.
        #expect(words(machine.submit(unit(4, verb: .rollback, inside: true))) == ["send 4: rollback"])
        #expect(words(machine.submit(unit(5, "b"))) == ["send 5: deallocate run0"])
    }

    @Test("what was sent may have run; what was not goes back") func lost() {
        var machine = open(depth: 2)
        for id in 1 ... 4 as ClosedRange<UInt64> { _ = machine.submit(unit(id, "a\(id)")) }
        #expect(machine.inFlight == 2)
        #expect(machine.waiting == 2)
        #expect(machine.play(rows(1), .sync) == ["answer 1: 1", "send 3: run0"])
        _ = machine.received(rows(2))
        let actions = machine.lost(PostgresFaults.lost(""))
        #expect(words(actions) == ["answer 2: connection_lost", "answer 3: connection_lost", "back 4", "close"])
        #expect(machine.phase == .closed)
        #expect(words(machine.submit(unit(9, "z"))) == ["back 9"])
        #expect(words(machine.lost(PostgresFaults.lost(""))) == [])
    }

    @Test("a unit that libpq refuses goes back, those before it may have run") func refused() {
        var machine = open()
        _ = machine.submit(unit(1, "a"))
        _ = machine.submit(unit(2, "b"))
        #expect(words(machine.refused(unit: 2, PostgresFaults.lost(""))) == ["back 2", "answer 1: connection_lost", "close"])
    }

    @Test("the server's last words are the outcome, not the lost connection") func fatal() {
        var machine = open()
        _ = machine.submit(unit(1, "a"))
        _ = machine.received(error("57P01", fatal: true))
        #expect(words(machine.lost(PostgresFaults.lost(""))) == ["answer 1: database_down", "close"])
    }

    @Test("COMMIT: unknown when unanswered or cut off, done when its tag came, failed when refused") func commit() {
        func end(_ replies: Machine.Reply...) -> [String] {
            var machine = open()
            _ = machine.submit(unit(1, verb: .commit, inside: true))
            for reply in replies { _ = machine.received(reply) }
            return words(machine.lost(PostgresFaults.lost("")))
        }
        #expect(end() == ["answer 1: commit_unknown", "close"])
        #expect(end(error("57P01", fatal: true)) == ["answer 1: commit_unknown", "close"])
        #expect(end(rows(0)) == ["answer 1: 0", "close"])
        #expect(end(error("23505")) == ["answer 1: unique_violation", "close"])
    }

    @Test("ROLLBACK succeeds with the connection's end") func rollback() {
        var machine = open()
        _ = machine.submit(unit(1, verb: .rollback, inside: true))
        #expect(words(machine.lost(PostgresFaults.lost(""))) == ["answer 1: ", "close"])
    }

    @Test("a transaction's first unit carries BEGIN") func begins() {
        var machine = open()
        #expect(words(machine.submit(unit(1, "a", "b", begins: true))) == ["send 1: begin run0 run1"])
        #expect(machine.play(rows(0), rows(1), rows(2), .sync) == ["answer 1: 1,2"])
        #expect(words(machine.submit(unit(2, verb: .commit, inside: true))) == ["send 2: commit"])
    }

    @Test("closing lets what runs end and takes nothing more") func closing() {
        var machine = open()
        _ = machine.submit(unit(1, "a"))
        #expect(words(machine.close()) == [])
        #expect(words(machine.submit(unit(2, "b"))) == ["back 2"])
        #expect(machine.play(rows(1), .sync) == ["answer 1: 1", "close"])
        var idle = open()
        #expect(words(idle.close()) == ["close"])
    }

    @Test("a reply nobody waits for is ignored") func stray() {
        var machine = open()
        #expect(machine.play(rows(1), .sync, error("57P01")) == [])
    }

    @Test("the cache stays bounded, drops the least used and tells the server") func cache() {
        var cache = StatementCache(capacity: 2)
        func key(_ text: String) -> StatementKey { StatementKey(text: text, types: []) }
        for text in ["a", "b"] {
            #expect(cache.plan(key(text), unit: 1) == .unnamed)
            guard case .prepare = cache.plan(key(text), unit: 1) else {
                Issue.record("the second use prepares")
                return
            }
            cache.confirm(key(text))
        }
        guard case .prepared = cache.plan(key("a"), unit: 2) else {
            Issue.record("a is prepared")
            return
        }
        #expect(cache.plan(key("c"), unit: 3) == .unnamed)
        #expect(cache.count == 2)
        #expect(cache.takeRetired().count == 1)
        #expect(cache.takeRetired().isEmpty)
        #expect(cache.plan(key("b"), unit: 4) == .unnamed)
        var off = StatementCache(capacity: 0)
        for _ in 0 ..< 3 { #expect(off.plan(key("a"), unit: 1) == .unnamed) }
    }

    @Test("types are part of a statement's identity") func types() {
        var cache = StatementCache(capacity: 4)
        _ = cache.plan(StatementKey(text: "a", types: [20]), unit: 1)
        #expect(cache.plan(StatementKey(text: "a", types: [25]), unit: 1) == .unnamed)
    }
}
