import Kernel
import Postgres
import Store
import Telemetry
import TestKit
import Testing

@testable import Scheduler

@Suite("What is remembered of a database outside of it", .timeLimit(.minutes(2)))
struct MarkTests {
    private let a = SystemRandom().identifier() as KeeperID, b = SystemRandom().identifier() as KeeperID
    private let here = SystemRandom().identifier() as LineageID, elsewhere = SystemRandom().identifier() as LineageID

    @Test("a mark that is lower than it was, or gone, is a loss; one that is higher, or of another database, is none") func compared() {
        var kept = KeptMarks(keeper: a)
        #expect(!kept.isAhead(of: Standing(lineage: here, marks: [:])))
        kept.note(Standing(lineage: here, marks: [a: 5, b: 9]))
        #expect(!kept.isAhead(of: Standing(lineage: here, marks: [a: 5, b: 9])))
        #expect(!kept.isAhead(of: Standing(lineage: here, marks: [a: 6, b: 90])))
        #expect(kept.isAhead(of: Standing(lineage: here, marks: [a: 4, b: 90])))
        #expect(kept.isAhead(of: Standing(lineage: here, marks: [a: 6, b: 8])), "another's mark counts as one's own")
        #expect(kept.isAhead(of: Standing(lineage: here, marks: [b: 9])))
        #expect(!kept.isAhead(of: Standing(lineage: elsewhere, marks: [:])))
    }

    @Test("a database that was looked at before another is still remembered, and a late look takes nothing back") func several() {
        var kept = KeptMarks(keeper: a)
        kept.note(Standing(lineage: here, marks: [a: 5]))
        kept.note(Standing(lineage: elsewhere, marks: [a: 1]))
        #expect(kept.isAhead(of: Standing(lineage: here, marks: [a: 4])))
        kept.note(Standing(lineage: here, marks: [a: 7]))
        kept.note(Standing(lineage: here, marks: [a: 6]))
        #expect(kept.isAhead(of: Standing(lineage: here, marks: [a: 6])))
    }

    @Test("it is kept as a file, and what is no such file is none") func file() {
        var kept = KeptMarks(keeper: a)
        kept.note(Standing(lineage: here, marks: [a: 5, b: 9]))
        #expect(KeptMarks(kept.bytes) == kept)
        for text in ["", "{}", "[]", #"{"keeper": "x", "seen": []}"#, #"{"keeper": "\#(a)", "seen": [{"lineage": "\#(here)", "marks": {"\#(a)": -1}}]}"#] {
            #expect(KeptMarks(Array(text.utf8)) == nil, "\(text)")
        }
    }

    /// A state directory: bytes that stay when the process ends.
    private final class Folder: Sendable {
        let bytes = Locked<[UInt8]?>(nil)
        let full = Locked(false)

        func keeper(_ yard: Yard) throws -> MarkKeeper {
            let log = Log(component: "test", sink: { [logged = yard.logged] in logged.add(String(decoding: $0, as: UTF8.self)) })
            return try MarkKeeper(
                store: yard.house.supervisor,
                place: MarkKeeper.Place(
                    read: { [bytes] () throws(Fault) in bytes.with { $0 } },
                    write: { [bytes, full] text throws(Fault) in
                        if full.with({ $0 }) { throw Fault("disk_full", stage: .configuration, disposition: .retry, summary: "no space left") }
                        bytes.with { $0 = text }
                    }),
                clocks: SystemClocks(), random: SystemRandom(), log: log, metrics: Metrics())
        }
    }

    private func code(_ keeper: MarkKeeper, raising: Bool = true) async -> String? {
        do throws(Fault) {
            try await keeper.look(raising: raising)
            return nil
        } catch { return error.code }
    }

    private let keep: SQL = "CREATE TABLE public.past AS TABLE adm.marks"
    private func goBack(_ house: House) async throws {
        try await house.owner.batch(["DELETE FROM adm.marks", "INSERT INTO adm.marks TABLE public.past", "DROP TABLE public.past"])
    }

    @Test("a scheduler starts nobody from a database that was brought back, says so once, and goes on when it is declared restored") func refuses() async throws {
        try await House.with { house in
            let yard = try Yard(house), folder = Folder()
            try await yard.key(house.tenant)
            func scheduler() throws -> Scheduler { try yard.scheduler("exit 0", mark: try folder.keeper(yard)) }
            let first = try scheduler()
            try await house.supervisor.ask(house.tenant, [Job(.post, house.flow.description, lane: .webhook)])
            try await house.owner.query(keep)
            try await yard.rounds(first, until: 1, "worker_ended")
            try await goBack(house)
            // It was started anew meanwhile: only the file knows.
            let second = try scheduler()
            try await second.dispatch()
            try await second.dispatch()
            #expect(second.running.with { $0.isEmpty })
            #expect(yard.logged.all("worker_started").count == 1)
            #expect(yard.logged.all("database_older").count == 1)
            // Nor does one that has never seen this database.
            let other = try yard.scheduler("exit 0", mark: try Folder().keeper(yard))
            try await other.dispatch()
            #expect(yard.logged.all("worker_started").count == 1)
            await #expect(throws: Fault.self, "and no file is made") {
                try await house.supervisor.transaction { tx throws(Fault) in _ = try await tx.takeable(house.tenant, house.ledger, until: nil, limit: 1) }
            }
            _ = try await house.supervisor.declareRestored(to: nil, lineage: SystemRandom().identifier(), actor: "operator")
            try await second.dispatch()
            await yard.logged.wait(2, "worker_started")
            await second.settled()
        }
    }

    @Test("workers that run when their database is brought back under them are ended") func underWorkers() async throws {
        try await House.with { house in
            let yard = try Yard(house)
            try await yard.key(house.tenant)
            let scheduler = try yard.scheduler("exec sleep 600", mark: try Folder().keeper(yard))
            try await house.supervisor.ask(house.tenant, [Job(.post, house.flow.description, lane: .webhook)])
            try await house.owner.query(keep)
            try await scheduler.dispatch()
            #expect(scheduler.running.with { $0.count } == 1)
            try await scheduler.keepMark()
            #expect(scheduler.running.with { $0.values.allSatisfy { $0.vigil.killed == nil } })
            try await goBack(house)
            try await scheduler.keepMark()
            await scheduler.settled()
            #expect(yard.logged.all("worker_ended").count == 1)
        }
    }

    @Test("two hosts: a database is older for the one that only saw the other work; a moved, a fresh and a crashed one are not") func hosts() async throws {
        try await House.with { house in
            let yard = try Yard(house), one = Folder(), two = Folder()
            let first = try one.keeper(yard), second = try two.keeper(yard)
            #expect(await code(first) == nil)
            #expect(await code(second) == nil)
            try await house.owner.query(keep)
            #expect(await code(first) == nil)
            // It sends nothing itself, and looks.
            #expect(await code(second, raising: false) == nil)
            // Dumped and restored elsewhere with nothing lost, or crashed and recovered: the same marks.
            #expect(await code(try one.keeper(yard), raising: false) == nil)
            // A directory that was lost begins anew; one that was brought back to an older state is behind the database.
            #expect(await code(try Folder().keeper(yard)) == nil)
            try await goBack(house)
            #expect(await code(try two.keeper(yard), raising: false) == "database_older")
            // Another database in its place: none of it was ever seen.
            try await house.owner.batch(["UPDATE adm.lineage SET id = gen_random_uuid(), older_since = NULL", "DELETE FROM adm.marks"])
            #expect(await code(try two.keeper(yard)) == nil)
            #expect(await code(try one.keeper(yard)) == nil)
        }
    }

    @Test("a host that goes on from an older state does not hide the loss from the one that saw more") func overtaken() async throws {
        try await House.with { house in
            let yard = try Yard(house), one = Folder(), two = Folder()
            let second = try two.keeper(yard)
            #expect(await code(second) == nil)
            try await house.owner.query(keep)
            let first = try one.keeper(yard)
            #expect(await code(first) == nil)
            try await goBack(house)
            // It was off since before, and goes on.
            for _ in 0 ..< 5 { #expect(await code(second) == nil) }
            #expect(await code(try one.keeper(yard)) == "database_older")
            #expect(await code(second) == "database_older", "told by the other")
        }
    }

    @Test("a folder that can't be written stops nobody, and is told") func full() async throws {
        try await House.with { house in
            let yard = try Yard(house), folder = Folder()
            folder.full.with { $0 = true }
            #expect(await code(try folder.keeper(yard)) == nil)
            #expect(yard.logged.all("mark_not_kept").count == 1)
            folder.full.with { $0 = false }
            folder.bytes.with { $0 = Array("torn".utf8) }
            #expect(await code(try folder.keeper(yard)) == nil)
            #expect(yard.logged.all("mark_not_kept").count == 2)
            #expect(folder.bytes.with { $0.flatMap { KeptMarks($0) } } != nil)
        }
    }
}
