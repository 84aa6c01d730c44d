import Glibc
import Kernel
import Testing

@testable import Postgres

/// The loop without its thread: the test turns it, so that a connection breaks just where it is to.
@Suite("a connection that breaks between two steps", .timeLimit(.minutes(1))) struct ReactorLoopTests {
    private let napping = freshName("napping")

    private func request(_ id: UInt64, _ statement: SQL, _ verb: ConnectionMachine.Verb = .statements) -> Request {
        Request(id: id, statements: verb == .statements ? [statement] : [], verb: verb)
    }

    /// Turns until nobody waits for an answer.
    private func settle(_ loop: ReactorLoop) {
        for _ in 0 ..< 1000 where !loop.tickets.isEmpty { loop.turn() }
        #expect(loop.tickets.isEmpty)
    }

    /// Three statements wait for a second connection while the first is busy; the first has just died, and nobody has noticed, when the second can't be had: all
    /// are given to the first in one breath. libpq claims to have sent one of them, refuses the next, and the connection is gone when it is the last one's turn.
    private func threeOnTheDead(_ loop: ReactorLoop, _ table: String) throws {
        loop.submit(request(1, "select pg_sleep(600), \(unsafe: "'\(napping)'")"), to: 1)
        while loop.tickets[1]?.placed != true { loop.turn() }
        for n in [2, 3, 4] as [UInt64] { loop.submit(request(n, "insert into \(unsafe: table) values (\(Int64(n)))"), to: 1) }
        let pool = try #require(loop.pools[1])
        let first = try #require(pool.links[1]), second = try #require(pool.links[2])
        #expect(pool.machine.waiters == 3)
        _ = shutdown(first.session.descriptor, Int32(SHUT_RDWR))
        loop.connectFailed(second, ServerError(sqlstate: "", message: "no server"))
        #expect(pool.links.isEmpty)
        #expect(loop.tickets.keys.sorted() == [3, 4], "what was under way is answered: nobody knows whether it ran")
        try #require(pool.machine.waiters == 2, "the others wait for another connection")
        #expect([3, 4].map { loop.tickets[$0]?.attempts } == [1, 0], "what was never handed to libpq was not tried")
        settle(loop)
    }

    /// A transaction is lent a connection that is gone by then.
    private func lentTheGone(_ loop: ReactorLoop, _ table: String) throws {
        let pool = try #require(loop.pools[1])
        var ticket = ReactorLoop.Ticket(request: request(5, "insert into \(unsafe: table) values (5)"), pool: 1)
        ticket.lease = 9
        loop.tickets[5] = ticket
        loop.leases[9] = ReactorLoop.Lease(pool: 1, state: .waiting([5]))
        loop.perform([.lend(9, connection: 77)], in: 1)
        try #require(pool.machine.waiters == 1 || loop.leases[9]?.link != nil)
        settle(loop)
        loop.transact(request(6, "", .commit), lease: 9, pool: 1)
        settle(loop)
    }

    @Test("whoever was to have it gets another, once, though the pool had given it to several at once") func several() async throws {
        let cluster = try Cluster.shared.get()
        let other = cluster.pool(size: 1)
        let table = freshName()
        try await other.query("create table \(unsafe: table) (n int8)")
        let loop = ReactorLoop(PostgresReactor())
        loop.open(pool: 1, cluster.configuration, size: 2, patience: .seconds(20))
        try threeOnTheDead(loop, table)
        try lentTheGone(loop, table)
        loop.abandon(1)
        let kept = try await other.query("select n from \(unsafe: table) order by n")
        #expect(try kept.map { try $0.get("n", as: Int.self) } == [3, 4, 5])
        try await other.query("select pg_terminate_backend(pid) from pg_stat_activity where query like \("%\(napping)%") and pid <> pg_backend_pid()")
    }
}
