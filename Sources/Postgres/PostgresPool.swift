internal import Glibc
public import Kernel
internal import Synchronization

/// Connections to one database as one login, opened as they are needed and replaced when they break.
///
/// Single statements and batches share connections; a transaction has one to itself. While the server is away callers
/// wait, up to the pool's patience, and are then told `database_down`. A statement that was certainly not sent is moved
/// to another connection once; one that may have run ends in `connection_lost`, and whoever asked decides. A cancelled
/// caller stops waiting at once; its statement, once sent, runs to its end on the server and the answer is dropped.
/// Inside a transaction's body use the transaction, never the pool: a body that waits for the pool while it holds one
/// of its connections can wait for itself.
public final class PostgresPool: Service, Sendable {
    public let name = "postgres"
    private let id: UInt64
    private let reactor: PostgresReactor

    /// `size` connections at most; `patience` is the longest wait for one.
    public init(
        _ configuration: PostgresConfiguration, size: Int, patience: Duration = .seconds(Limits.poolWaitSeconds),
        reactor: PostgresReactor = .shared
    ) {
        self.reactor = reactor
        id = reactor.newID()
        reactor.post(.open(pool: id, configuration, size: size, patience: patience))
    }

    deinit { reactor.post(.close(pool: id, nil)) }

    /// One statement in a transaction of its own.
    /// - Throws: `connection_lost` when it may have run; `sql_…` and the named codes of the server's errors.
    @discardableResult
    public func query(_ sql: SQL) async throws(Fault) -> PostgresRows {
        let rows = try await batch([sql])
        return rows[0]
    }

    /// Statements in one transaction and one round trip: all of them or none. One answer for each, in order.
    /// - Throws: as `query`; the fault is the first failing statement's.
    @discardableResult
    public func batch(_ statements: [SQL]) async throws(Fault) -> [PostgresRows] {
        guard !statements.isEmpty else { return [] }
        try check(statements)
        let answer = await reactor.ask({ [id] in .submit(pool: id, $0) }, statements)
        return try expect(statements.count, try answer.get())
    }

    /// BEGIN, the body, COMMIT; ROLLBACK when the body throws. Nothing is sent before the body's first statement.
    /// - Throws: the body's fault; `commit_unknown` when the answer to COMMIT was lost; the cause when a failed statement inside has
    ///   aborted the transaction though the body went on.
    public func transaction<T: Sendable>(
        _ body: @Sendable (PostgresTransaction) async throws(Fault) -> T
    ) async throws(Fault) -> T {
        let transaction = PostgresTransaction(reactor: reactor, pool: id)
        let value: T
        do throws(Fault) {
            value = try await body(transaction)
        } catch {
            await transaction.end(.rollback)
            throw error
        }
        _ = try await transaction.end(.commit).get()
        return value
    }

    /// Fails whoever still waits, lets what runs end (for at most ten seconds) and closes every connection.
    public func close() async {
        await withCheckedContinuation { reactor.post(.close(pool: id, $0)) }
    }

    /// Holds the pool open until cancelled, then closes it.
    public func run() async throws {
        let gate = AsyncStream<Never>.makeStream()
        for await _ in gate.stream {}
        await close()
    }
}

/// A transaction in progress; valid inside the body it was given to. Statements sent side by side run in the order they
/// were sent.
public struct PostgresTransaction: Sendable {
    private final class State: Sendable {
        let ended = Mutex(false)
    }

    private let reactor: PostgresReactor
    private let pool: UInt64
    private let lease: UInt64
    private let state = State()

    init(reactor: PostgresReactor, pool: UInt64) {
        self.reactor = reactor
        self.pool = pool
        lease = reactor.newID()
    }

    /// - Throws: as the pool's `query`, and `transaction_ended` after the body has returned.
    @discardableResult
    public func query(_ sql: SQL) async throws(Fault) -> PostgresRows {
        let rows = try await batch([sql])
        return rows[0]
    }

    /// Several statements in one round trip.
    @discardableResult
    public func batch(_ statements: [SQL]) async throws(Fault) -> [PostgresRows] {
        guard !statements.isEmpty else { return [] }
        try check(statements)
        guard !state.ended.withLock({ $0 }) else { throw PostgresFaults.transactionEnded }
        let answer = await reactor.ask({ [pool, lease] in .transact(pool: pool, lease: lease, $0) }, statements)
        return try expect(statements.count, try answer.get())
    }

    @discardableResult
    func end(_ verb: ConnectionMachine.Verb) async -> Answer {
        state.ended.withLock { $0 = true }
        return await reactor.ask({ [pool, lease] in .transact(pool: pool, lease: lease, $0) }, [], verb)
    }
}

/// What libpq would refuse or misread is refused before it can harm a shared connection.
private func check(_ statements: [SQL]) throws(Fault) {
    guard statements.count <= PostgresLimits.batchStatements else {
        throw PostgresFaults.statement("a batch of \(statements.count) statements is longer than \(PostgresLimits.batchStatements)")
    }
    for sql in statements {
        guard sql.binds.count <= PostgresLimits.binds else {
            throw PostgresFaults.statement("\(sql.binds.count) binds are more than \(PostgresLimits.binds); pass an array instead")
        }
        guard !holdsNUL(sql.text) else { throw PostgresFaults.statement("a statement's text holds a NUL character") }
        let bytes = sql.binds.reduce(0) { $0 + ($1.bytes?.count ?? 0) }
        guard bytes <= PostgresLimits.bindBytes else {
            throw PostgresFaults.statement("binds of \(bytes) bytes are more than \(PostgresLimits.bindBytes)")
        }
    }
}

private func holdsNUL(_ text: String) -> Bool {
    let found = text.utf8.withContiguousStorageIfAvailable { bytes -> Bool in
        bytes.baseAddress.map { memchr($0, 0, bytes.count) != nil } ?? false
    }
    return found ?? text.utf8.contains(0)
}

private func expect(_ count: Int, _ rows: [PostgresRows]) throws(Fault) -> [PostgresRows] {
    guard rows.count == count else { throw PostgresFaults.statement("\(rows.count) answers came for \(count) statements") }
    return rows
}
