import FoundationEssentials
import Kernel
import Postgres
import Store
import TestKit
import Testing

/// One database for all tests that need no more of it than a tenant of their own: making a database takes longer than most of them.
enum Street {
    /// Held open on purpose: the first house stays until the process ends.
    private static let forever = AsyncStream<Never>.makeStream()

    private static let first = Task<House, any Error> {
        let (houses, door) = AsyncThrowingStream<House, any Error>.makeStream()
        Task {
            do {
                try await House.with { house async throws in
                    door.yield(house)
                    for await _ in forever.stream {}
                }
            } catch { door.finish(throwing: error) }
        }
        for try await house in houses { return house }
        throw Fault("no_house", stage: .database, disposition: .bug, summary: "the first house of the street was torn down")
    }

    /// A tenant of the test's own beside others, who go on with their lives.
    static func with(_ body: (House) async throws -> Void) async throws {
        let house = try await first.value.neighbour()
        do {
            try await body(house)
            await house.worker.pool.close()
        } catch {
            await house.worker.pool.close()
            throw error
        }
    }
}

extension House {
    /// A login of the tenant's role that keeps settings put on it.
    func loginAgain() -> PostgresConfiguration {
        var out = database.superuser
        out.user = role
        return out
    }

    var role: String { "t_" + tenant.hex }

    /// The first column of a statement that the superuser runs.
    func texts(_ sql: SQL) async throws -> [String] { try await owner.texts(sql) }

    /// One text, for rows that are there.
    func text(_ sql: SQL) async throws -> String? { try await texts(sql).first }
}

extension PostgresPool {
    func texts(_ sql: SQL) async throws -> [String] {
        var out: [String] = []
        for row in try await query(sql) { out.append(try row.get(0)) }
        return out
    }
}

/// The code of the fault that the body ends in; `nil` when it ends well.
func faultCode(_ body: () async throws -> Void) async -> String? {
    do {
        try await body()
        return nil
    } catch { return (error as? Fault)?.code ?? "\(error)" }
}

/// Runs the body once for each number, all at the same time; what came out, in no order.
func sideBySide<T: Sendable>(_ count: Int, _ body: @escaping @Sendable (Int) async throws -> T) async throws -> [T] {
    try await withThrowingTaskGroup(of: T.self) { group in
        for n in 0 ..< count { group.addTask { try await body(n) } }
        return try await group.reduce(into: [T]()) { $0.append($1) }
    }
}
