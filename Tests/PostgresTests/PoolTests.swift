import Kernel
import Synchronization
import Testing

@testable import Postgres

private struct Stop: Error {}

@Suite("a pool on a real server", .timeLimit(.minutes(2))) struct PoolTests {
    @Test("1,000 selects at once on 3 connections each get their own answer") func pipelined() async throws {
        let pool = try testPool(size: 3)
        let backends = try await withThrowingTaskGroup(of: Int.self) { group in
            for n in 0 ..< 1_000 {
                group.addTask {
                    let row = try await pool.query("select \(n) as n, pg_backend_pid() as pid")[0]
                    #expect(try row.get("n", as: Int.self) == n)
                    return try row.get("pid", as: Int.self)
                }
            }
            var seen: Set<Int> = []
            for try await pid in group { seen.insert(pid) }
            return seen
        }
        #expect((1 ... 3).contains(backends.count))
    }

    @Test("a failing statement among pipelined ones fails alone") func failsAlone() async throws {
        let pool = try testPool(size: 1)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for n in 0 ..< 200 {
                group.addTask { () async throws in
                    if n % 5 == 0 {
                        #expect(await fault { try await pool.query("select \(n) / 0") }?.code == "sql_22012")
                    } else if n % 7 == 0 {
                        #expect(await fault { try await pool.query("selec \(n)") }?.code == "sql_42601")
                    } else {
                        #expect(try await pool.query("select \(n) as n")[0].get("n", as: Int.self) == n)
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    @Test("a throw rolls back, a return commits") func rollback() async throws {
        let pool = try testPool(size: 1)
        let table = freshName()
        try await pool.query("create table \(unsafe: table) (n int8)")
        let thrown = await fault {
            try await pool.transaction { tx throws(Fault) in
                try await tx.query("insert into \(unsafe: table) values (1)")
                throw Fault("stop", stage: .post, disposition: .hold, summary: "stop")
            }
        }
        #expect(thrown?.code == "stop")
        #expect(try await pool.query("select 1 from \(unsafe: table)").count == 0)
        let value = try await pool.transaction { tx throws(Fault) in
            try await tx.batch(["insert into \(unsafe: table) values (\(2))", "insert into \(unsafe: table) values (\(3))"])
            return try await tx.query("select count(*) as n from \(unsafe: table)")[0].get("n", as: Int.self)
        }
        #expect(value == 2)
        #expect(try await pool.query("select 1 from \(unsafe: table)").count == 2)
    }

    @Test("a body that swallows a failure does not commit half of its work") func swallowed() async throws {
        let pool = try testPool(size: 1)
        let table = freshName()
        try await pool.query("create table \(unsafe: table) (n int8 primary key)")
        let thrown = await fault {
            try await pool.transaction { tx throws(Fault) in
                try await tx.query("insert into \(unsafe: table) values (1)")
                _ = await fault { try await tx.query("insert into \(unsafe: table) values (1)") }
            }
        }
        #expect(thrown?.code == "unique_violation")
        #expect(try await pool.query("select 1 from \(unsafe: table)").count == 0)
    }

    @Test("later statements of an aborted transaction are told its cause") func cause() async throws {
        let pool = try testPool(size: 1)
        _ = await fault {
            try await pool.transaction { tx throws(Fault) in
                async let first = fault { try await tx.query("select 1/0") }
                async let second = fault { try await tx.query("select 1") }
                let codes = await [first?.code, second?.code]
                #expect(codes.contains("sql_22012"))
                #expect(await fault { try await tx.query("select 2") }?.code == "sql_22012")
            }
        }
        #expect(try await pool.query("select 1 as n")[0].get("n", as: Int.self) == 1)
    }

    @Test("an empty transaction needs no connection, and one that has ended is refused") func emptyAndEnded() async throws {
        let pool = try testPool(size: 1)
        let leaked = Mutex<PostgresTransaction?>(nil)
        let answer = try await pool.transaction { tx throws(Fault) in
            leaked.withLock { $0 = tx }
            return 5
        }
        #expect(answer == 5)
        let old = try #require(leaked.withLock { $0 })
        #expect(await fault { try await old.query("select 1") }?.code == "transaction_ended")
    }

    @Test("a batch is all or nothing, and its fault says which statement") func batch() async throws {
        let pool = try testPool(size: 1)
        let table = freshName()
        try await pool.query("create table \(unsafe: table) (n int8, constraint \(unsafe: table)_positive check (n > 0))")
        let failed = await fault {
            try await pool.batch([
                "insert into \(unsafe: table) values (\(1))", "insert into \(unsafe: table) values (\(-1))",
                "insert into \(unsafe: table) values (\(3))",
            ])
        }
        #expect(failed?.code == "check_violation")
        #expect(failed?.position == "\(table)_positive")
        #expect(failed?.underlying?.contains("statement 2 of 3") == true)
        #expect(try await pool.query("select 1 from \(unsafe: table)").count == 0)
        let done = try await pool.batch((1 ... 50).map { "insert into \(unsafe: table) values (\($0)) returning n" })
        #expect(try done.map { try $0[0].get("n", as: Int.self) } == Array(1 ... 50))
        #expect(try await pool.batch([]).isEmpty)
    }

    @Test("a constraint checked at commit fails the statement that looked fine") func deferred() async throws {
        let pool = try testPool(size: 1)
        let table = freshName()
        try await pool.query("create table \(unsafe: table) (n int8, constraint \(unsafe: table)_u unique (n) deferrable initially deferred)")
        try await pool.query("insert into \(unsafe: table) values (1)")
        let single = await fault { try await pool.query("insert into \(unsafe: table) values (1)") }
        #expect(single?.code == "unique_violation")
        #expect(single?.position == "\(table)_u")
        let atCommit = await fault {
            try await pool.transaction { tx throws(Fault) in _ = try await tx.query("insert into \(unsafe: table) values (1)") }
        }
        #expect(atCommit?.code == "unique_violation")
        #expect(try await pool.query("select 1 from \(unsafe: table)").count == 1)
    }

    @Test("transactions on few connections take turns with single statements") func contention() async throws {
        let pool = try testPool(size: 2)
        let table = freshName()
        try await pool.query("create table \(unsafe: table) (n int8)")
        try await pool.query("insert into \(unsafe: table) values (0)")
        try await withThrowingTaskGroup(of: Void.self) { group in
            for n in 0 ..< 60 {
                group.addTask { () async throws in
                    if n % 2 == 0 {
                        try await pool.transaction { tx throws(Fault) in
                            let now = try await tx.query("select n from \(unsafe: table) for update")[0].get("n", as: Int.self)
                            try await tx.query("update \(unsafe: table) set n = \(now + 1)")
                        }
                    } else {
                        try await pool.query("select n from \(unsafe: table)")
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(try await pool.query("select n from \(unsafe: table)")[0].get("n", as: Int.self) == 30)
    }

    @Test("a cancelled waiter stops waiting and leaves the pool usable") func cancelledWaiter() async throws {
        let pool = try testPool(size: 1)
        let key = Int.random(in: 1 ... 1 << 40)
        try await pool.transaction { tx throws(Fault) in
            try await tx.query("select pg_advisory_xact_lock(\(key))")
            let single = Task { await fault { try await pool.query("select 1") } }
            let exclusive = Task {
                await fault { try await pool.transaction { other throws(Fault) in _ = try await other.query("select 1") } }
            }
            single.cancel()
            exclusive.cancel()
            #expect(await single.value?.code == "cancelled")
            #expect(await exclusive.value?.code == "cancelled")
            try await tx.query("select 1")
        }
        #expect(try await pool.query("select 2 as n")[0].get("n", as: Int.self) == 2)
        try await pool.transaction { tx throws(Fault) in _ = try await tx.query("select 1") }
    }

    @Test("a caller cancelled while its statement runs returns at once; the connection serves on when it ends") func cancelledRunning() async throws {
        let pool = try testPool(size: 1)
        let other = try testPool(size: 1)
        let key = Int.random(in: 1 ... 1 << 40)
        let cancelled = try await other.transaction { tx throws(Fault) in
            try await tx.query("select pg_advisory_xact_lock(\(key))")
            let blocked = Task { await fault { try await pool.query("select pg_advisory_xact_lock(\(key))") } }
            // The lock's queue shows when the statement has reached the server.
            while try await tx.query("select 1 from pg_locks where locktype = 'advisory' and not granted and ((classid::int8 << 32) | objid::int8) = \(key)")
                .isEmpty {}
            blocked.cancel()
            return await blocked.value?.code
        }
        #expect(cancelled == "cancelled")
        #expect(try await pool.query("select 3 as n")[0].get("n", as: Int.self) == 3)
    }

    @Test("who waits longer than the pool's patience is told so") func patience() async throws {
        let pool = try testPool(size: 1, patience: .milliseconds(200))
        while await fault({ try await pool.query("select 1") }) != nil {}  // until it is connected
        try await pool.transaction { tx throws(Fault) in
            try await tx.query("select 1")
            #expect(await fault { try await pool.query("select 1") }?.code == "pool_busy")
        }
        #expect(try await pool.query("select 1 as n").count == 1)
    }

    @Test("a closed pool refuses at once, and closing waits for what runs") func closing() async throws {
        let pool = try testPool(size: 2)
        try await pool.query("select 1")
        async let running = pool.query("select pg_sleep(0.2), 7 as n")
        while try await testPool(size: 1).query("select 1 from pg_stat_activity where query like '%7 as n%' and pid <> pg_backend_pid()").isEmpty {}
        await pool.close()
        #expect(try await running[0].get("n", as: Int.self) == 7)
        #expect(await fault { try await pool.query("select 1") }?.code == "pool_closed")
        #expect(await fault { try await pool.transaction { tx throws(Fault) in _ = try await tx.query("select 1") } }?.code == "pool_closed")
    }

    @Test("a statement whose plan went stale with the table is run again") func stalePlan() async throws {
        let pool = try testPool(size: 1)
        let table = freshName()
        try await pool.query("create table \(unsafe: table) (a int8)")
        for _ in 0 ..< 3 { try await pool.query("select * from \(unsafe: table)") }
        try await pool.query("alter table \(unsafe: table) add column b text")
        #expect(try await pool.query("select * from \(unsafe: table)").columns == ["a", "b"])
        try await pool.query("deallocate all")
        #expect(try await pool.query("select * from \(unsafe: table)").columns == ["a", "b"])
        for _ in 0 ..< 3 { #expect(try await pool.query("select * from \(unsafe: table)").columns == ["a", "b"]) }
    }

    @Test("a statement that the server has forgotten is run again, outside a transaction and in the next one") func forgottenStatement() async throws {
        let pool = try testPool(size: 1)
        for _ in 0 ..< 3 { try await pool.query("select 7 as n") }
        try await pool.query("deallocate all")
        #expect(try await pool.query("select 7 as n")[0].get("n", as: Int.self) == 7)
        for _ in 0 ..< 3 { try await pool.query("select 7 as n") }
        try await pool.query("deallocate prepare all")
        let inside = await fault { try await pool.transaction { tx throws(Fault) in _ = try await tx.query("select 7 as n") } }
        #expect(inside?.code == "stale_statement" && inside?.disposition == .retry)
        // Whoever has the connection next carries nothing of it.
        #expect(try await pool.query("select 8 as n")[0].get("n", as: Int.self) == 8)
        try await pool.transaction { tx throws(Fault) in _ = try await tx.query("select 7 as n") }
    }

    @Test("prepared statements stay bounded") func boundedStatements() async throws {
        var configuration = try Cluster.shared.get().configuration
        configuration.preparedStatements = 8
        let pool = PostgresPool(configuration, size: 1)
        for n in 0 ..< 40 { for _ in 0 ..< 3 { try await pool.query("select \(1) + \(unsafe: String(n))") } }
        let held = try await pool.query("select count(*) as n from pg_prepared_statements")[0].get("n", as: Int.self)
        #expect((1 ... 9).contains(held))
    }

    @Test("BEGIN outside of transaction() is refused and poisons nothing") func strayBegin() async throws {
        let pool = try testPool(size: 1)
        #expect(await fault { try await pool.query("begin") }?.code == "sql_statement")
        #expect(await fault { try await pool.query("copy (select 1) to stdout") }?.code == "sql_statement")
        #expect(try await pool.query("select 1 as n").count == 1)
    }
}
