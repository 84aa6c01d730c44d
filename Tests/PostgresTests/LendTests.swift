import Kernel
import Testing

@testable import Postgres

/// The reactor's work without its thread, on connections that stand for libpq and break at the first byte: nothing listens where they lead.
@Suite("a connection that breaks while it is lent to a transaction") struct LendTests {
    private let loop = ReactorLoop(.shared)
    private let pool: UInt64 = 1, lease: UInt64 = 2, first: UInt64 = 3, second: UInt64 = 4

    /// Two statements of one transaction, sent side by side before a connection is free.
    private func ask() {
        loop.open(pool: pool, PostgresConfiguration(host: "/nonexistent", user: "x"), size: 1, patience: .seconds(20))
        for id in [first, second] { loop.transact(Request(id: id, statements: ["select 1"]), lease: lease, pool: pool) }
    }

    /// The pool's connection is said to have opened.
    private func opened() throws {
        let shell = try #require(loop.pools[pool])
        let (number, link) = try #require(shell.links.first)
        _ = link.machine.connected()
        loop.perform(shell.machine.opened(number, now: loop.now), in: pool)
    }

    private var waiting: [UInt64]? { if case .waiting(let ids) = loop.leases[lease]?.state { ids } else { nil } }

    @Test("nothing was sent: all of its statements wait for another one, in their order") func givenBack() throws {
        ask()
        #expect(waiting == [first, second])
        try opened()
        #expect(waiting == [first, second])
        #expect(loop.pools[pool]?.links.isEmpty == true)
        #expect(loop.tickets.values.allSatisfy { !$0.begins })
    }

    @Test("the second one breaks as well: each of its statements is answered") func givenUp() throws {
        ask()
        try opened()
        let shell = try #require(loop.pools[pool])
        loop.now += .seconds(5)
        loop.perform(shell.machine.tick(loop.now), in: pool)
        try opened()
        #expect(loop.tickets.isEmpty)
        #expect(waiting == nil)
        guard case .dead(let fault) = loop.leases[lease]?.state else {
            Issue.record("the transaction goes on without a connection")
            return
        }
        #expect(fault.code == "connection_lost")
    }
}
