import Kernel
import Testing

@testable import Postgres

@Suite("a server that dies", .serialized, .timeLimit(.minutes(2))) struct RestartTests {
    @Test("after a killed server callers get faults, then answers again") func killed() async throws {
        let cluster = try Cluster()
        let pool = cluster.pool(size: 3)
        let listened = Listening(cluster.configuration, "news")
        try await pool.query("create table t (n int8)")
        try await listened.heard("")
        let idle = cluster.pool(size: 1)
        try await idle.query("select 1")

        // Two statements run (perhaps one behind the other), and one transaction has work in hand, when the server
        // dies.
        let open = AsyncStream<Void>.makeStream()
        let dead = AsyncStream<Void>.makeStream()
        async let transaction = fault {
            try await pool.transaction { tx throws(Fault) in
                try await tx.query("insert into t values (1)")
                open.continuation.finish()
                for await _ in dead.stream {}
                while true { try await tx.query("select 1") }
            }
        }
        for await _ in open.stream {}
        async let sleeping = fault { try await pool.query("select pg_sleep(600)") }
        async let sleepingToo = fault { try await pool.query("select pg_sleep(600)") }
        while try await idle.query("select 1 from pg_stat_activity where query like '%pg_sleep(600)%' and pid <> pg_backend_pid()").isEmpty {}
        try cluster.kill()
        dead.continuation.finish()
        let codes = await [transaction?.code, sleeping?.code, sleepingToo?.code]
        let lost: Set<String> = ["connection_lost", "database_down"]
        for code in codes { #expect(lost.contains(code ?? "none")) }

        // Asked while the server is away: waits and is served when it is back. (A session may still be dying: once more.)
        async let waiting = persist { () async throws(Fault) in try await pool.query("select 5 as n") }
        try cluster.start()
        #expect(try await waiting[0].get("n", as: Int.self) == 5)
        #expect(try await pool.query("select 1 from t").isEmpty)
        let six = try await persist { () async throws(Fault) in try await idle.query("select 6 as n") }
        #expect(try six[0].get("n", as: Int.self) == 6)
        try await pool.transaction { tx throws(Fault) in _ = try await tx.query("insert into t values (2)") }
        #expect(try await pool.query("select 1 from t").count == 1)

        try await listened.heard("")
        try await pool.query("notify news, 'after'")
        try await listened.heard("after")
    }

    @Test("a terminated session fails its statement only, and the pool replaces it") func terminated() async throws {
        let cluster = try Cluster.shared.get()
        let pool = cluster.pool(size: 1)
        let other = cluster.pool(size: 1)
        let pid = try await pool.query("select pg_backend_pid() as pid")[0].get("pid", as: Int32.self)
        // While idle: noticed before anything is sent.
        try await other.query("select pg_terminate_backend(\(pid))")
        while try await !other.query("select 1 from pg_stat_activity where pid = \(pid)").isEmpty {}
        #expect(try await pool.query("select 7 as n")[0].get("n", as: Int.self) == 7)
        // While it runs.
        let marker = freshName("sleeper")
        async let running = fault { try await pool.query("select pg_sleep(600), \(unsafe: "'\(marker)'")") }
        let victims: SQL = "select pg_terminate_backend(pid) from pg_stat_activity where state = 'active' and query like \("%\(marker)%") and pid <> pg_backend_pid()"
        while try await other.query(victims).isEmpty {}
        let code = await running?.code
        #expect(code == "database_down" || code == "connection_lost")
        #expect(try await pool.query("select 8 as n")[0].get("n", as: Int.self) == 8)
    }

    @Test("a commit whose answer is lost is unknown, not failed") func commitUnknown() async throws {
        let cluster = try Cluster.shared.get()
        let pool = cluster.pool(size: 1)
        let other = cluster.pool(size: 1)
        let table = freshName()
        let slow = freshName("slow")
        // A trigger at commit waits for a lock that another session holds, so COMMIT is on the wire when its session is
        // ended.
        try await other.batch([
            "create table \(unsafe: table) (n int8)",
            "create function \(unsafe: slow)() returns trigger language plpgsql as $$ begin perform pg_sleep(600); return null; end $$",
            "create constraint trigger slow after insert on \(unsafe: table) deferrable initially deferred for each row execute function \(unsafe: slow)()",
        ])
        async let found = fault {
            try await pool.transaction { tx throws(Fault) in
                _ = try await tx.query("insert into \(unsafe: table) values (\(1)) returning pg_backend_pid() as pid")
            }
        }
        let victims: SQL = """
            select pg_terminate_backend(a.pid) from pg_stat_activity a join pg_locks l on l.pid = a.pid
            where l.relation = \(table)::regclass and a.state = 'active' and a.query = 'COMMIT'
            """
        while try await other.query(victims).isEmpty {}
        #expect(await found?.code == "commit_unknown")
        #expect(try await pool.query("select 1 from \(unsafe: table)").isEmpty)
    }
}

@Suite("notifications", .timeLimit(.minutes(2))) struct NotificationTests {
    @Test("a payload arrives on its channel, and on no other") func arrives() async throws {
        let pool = try testPool(size: 1)
        let channel = "Odd \"name\" \(freshName())"
        let listened = Listening(try Cluster.shared.get().configuration, channel)
        try await listened.heard("")
        try await pool.query("select pg_notify('elsewhere', 'no'), pg_notify(\(channel), \("päyload '1'"))")
        try await listened.heard("päyload '1'")
        try await pool.transaction { tx throws(Fault) in
            try await tx.query("select pg_notify(\(channel), \("a"))")
            try await tx.query("select pg_notify(\(channel), \("b"))")
        }
        try await listened.heard("a")
        try await listened.heard("b")
    }

    @Test("listening goes on after its session is ended, and says that something may be missing") func relisten() async throws {
        let pool = try testPool(size: 1)
        let channel = freshName("ch")
        let listened = Listening(try Cluster.shared.get().configuration, channel)
        try await listened.heard("")
        let end: SQL = "select pg_terminate_backend(pid) from pg_stat_activity where query like \("%LISTEN \"\(channel)\"%") and pid <> pg_backend_pid()"
        #expect(try await pool.query(end).count == 1)
        try await listened.heard("")
        try await pool.query("select pg_notify(\(channel), 'again')")
        try await listened.heard("again")
    }

    @Test("a reader that stops gives its connection back") func stops() async throws {
        let pool = try testPool(size: 1)
        let channel = freshName("ch")
        let reader = Task { for await _ in postgresNotifications(try Cluster.shared.get().configuration, channel: channel) {} }
        let sessions: SQL = "select 1 from pg_stat_activity where query like \("%LISTEN \"\(channel)\"%") and pid <> pg_backend_pid()"
        while try await pool.query(sessions).isEmpty {}
        reader.cancel()
        try await reader.value
        while try await !pool.query(sessions).isEmpty {}
    }
}

/// Asks again while the fault says so.
private func persist<T: Sendable>(_ body: @Sendable () async throws(Fault) -> T) async throws(Fault) -> T {
    while true {
        do throws(Fault) {
            return try await body()
        } catch {
            guard error.disposition == .retry else { throw error }
        }
    }
}

/// Reads one channel, one payload after the other.
private actor Listening {
    private var iterator: AsyncStream<String>.Iterator

    init(_ configuration: PostgresConfiguration, _ channel: String) {
        iterator = postgresNotifications(configuration, channel: channel).makeAsyncIterator()
    }

    func heard(_ expected: String) async throws {
        var own = iterator
        let payload = await own.next(isolation: self)
        iterator = own
        #expect(payload == expected)
    }
}
