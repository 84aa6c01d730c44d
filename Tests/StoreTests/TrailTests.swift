import FoundationEssentials
import Kernel
import Postgres
import TestKit
import Testing

@testable import Store

@Suite("The trail", .serialized, .timeLimit(.minutes(2))) struct TrailTests {
    private let entry = AuditEntry(actor: "worker", action: "b", subject: "s")

    private func write(_ house: House, _ subjects: String...) async throws {
        let entries = subjects.map { AuditEntry(actor: "worker", action: "b", subject: $0) }
        try await house.worker.transaction { tx throws(Fault) in try await tx.audit(house.tenant, entries) }
    }

    private func seal(_ house: House, _ number: Int64, before: UInt64 = 1, rows: Int = 1, digest: Int = 32) -> AuditSeal {
        AuditSeal(tenant: house.tenant, number: number, beforeXID: before, rows: rows, digest: [UInt8](repeating: 7, count: digest), marks: [])
    }

    /// The tenant's rows that could be sealed now. Any transaction of the server that began before them keeps them waiting, so it looks until
    /// there are so many.
    private func unsealed(_ house: House, _ count: Int) async throws -> [UnsealedRow] {
        let clock = ContinuousClock(), end = clock.now + .seconds(60)
        var rows: [UnsealedRow] = []
        repeat { rows = try await house.supervisor.unsealed(limit: 10_000).filter { $0.row.tenant == house.tenant } } while rows.count < count && clock.now < end
        return rows
    }

    @Test("a row of the trail stands and falls with the change it tells of") func together() async throws {
        try await Street.with { house async throws in
            let torn = await faultCode {
                try await house.worker.transaction { tx throws(Fault) in
                    try await tx.audit(house.tenant, [entry])
                    try await tx.query("SELECT 1 / 0")
                }
            }
            #expect(torn == "sql_22012")
            #expect(try await house.count("SELECT count(*) FROM app.audit WHERE tenant_id = \(house.tenant)") == 0)
        }
    }

    @Test("nobody who can log in, nor the tables' owner, changes or drops what was written", arguments: ["worker", "counterfoil_supervisor", "counterfoil_owner"])
    func appendOnly(who: String) async throws {
        try await Street.with { house async throws in
            try await write(house, "s")
            try await house.supervisor.addSeal(seal(house, 1))
            let role = who == "worker" ? house.role : who
            for table in ["audit", "audit_seals"] {
                for attack in ["UPDATE app.\(table) SET tenant_id = tenant_id", "DELETE FROM app.\(table)", "TRUNCATE app.\(table)"] {
                    let code = await faultCode {
                        try await house.owner.transaction { tx throws(Fault) in
                            try await tx.query("SET LOCAL ROLE \(unsafe: role)")
                            try await tx.query(SQL(stringLiteral: attack))
                        }
                    }
                    #expect(code == "permission_denied", "\(who): \(attack)")
                }
            }
            let drop = await faultCode {
                try await house.owner.transaction { tx throws(Fault) in
                    try await tx.query("SET LOCAL ROLE \(unsafe: role)")
                    try await tx.query("DELETE FROM app.intents")
                }
            }
            #expect(drop == "permission_denied", "what was sent is never dropped")
            #expect(try await house.count("SELECT count(*) FROM app.audit WHERE tenant_id = \(house.tenant)") == 1)
        }
    }

    @Test("a row waits to be sealed while an earlier transaction may still write one before it") func order() async throws {
        try await Street.with { house async throws in
            let (opened, open) = AsyncStream<Void>.makeStream(), (closed, close) = AsyncStream<Void>.makeStream()
            async let slow: Void = house.worker.transaction { tx throws(Fault) in
                try await tx.audit(house.tenant, [AuditEntry(actor: "worker", action: "b", subject: "first")])
                open.finish()
                for await _ in closed {}
            }
            for await _ in opened {}
            try await write(house, "second")
            #expect(try await unsealed(house, 0).isEmpty)
            close.finish()
            try await slow
            let rows = try await unsealed(house, 2)
            #expect(rows.map(\.row.subject) == ["first", "second"])
            #expect(rows.allSatisfy { $0.last == nil })
        }
    }

    @Test("what is sealed is not offered again, and the next rows name the seal they come after") func seals() async throws {
        try await Street.with { house async throws in
            try await write(house, "1", "2")
            let first = try await unsealed(house, 2)
            #expect(first.map(\.row.subject) == ["1", "2"])
            let digest = [UInt8](repeating: 7, count: 32)
            let before = try #require(first.first?.beforeXID)
            try await house.supervisor.addSeal(seal(house, 1, before: before, rows: 2))
            try await write(house, "3")
            let next = try await unsealed(house, 1)
            #expect(next.map(\.row.subject) == ["3"])
            #expect(next.first?.last == SealRow(number: 1, digest: digest))
            #expect(await faultCode {
                try await house.supervisor.addSeal(seal(house, 1, before: before))
            } == "unique_violation", "two sealers cannot both go on from the same seal")
            for (rows, length) in [(0, 32), (1, 31)] {
                let torn = seal(house, 2, before: before, rows: rows, digest: length)
                #expect(await faultCode { try await house.supervisor.addSeal(torn) } == "check_violation")
            }
        }
    }

    @Test("an alert raised again counts up, in one row a cause, and opens again after it was resolved") func alerts() async throws {
        try await Street.with { house async throws in
            func look() async throws -> [String] {
                try await house.texts("SELECT key || ' ' || state || ' ' || hits || ' ' || cause FROM app.alerts WHERE tenant_id = \(house.tenant) ORDER BY key")
            }
            func alert(_ key: String, _ cause: String = "c") -> AlertRow { AlertRow(key: key, severity: .warning, cause: cause, remedy: "r") }
            try await house.worker.raise(house.tenant, [])
            try await house.worker.raise(house.tenant, [alert("a/1"), alert("a/1"), alert("b")])
            try await house.worker.raise(house.tenant, [alert("a/1", "newer")])
            #expect(try await look() == ["a/1 open 2 newer", "b open 1 c"])
            try await house.worker.resolveAlerts(house.tenant, keyPrefix: "a/")
            #expect(try await look() == ["a/1 resolved 2 newer", "b open 1 c"])
            try await house.worker.raise(house.tenant, [alert("a/1")])
            #expect(try await look() == ["a/1 open 3 c", "b open 1 c"])
            try await house.worker.pool.query(AlertStatements.resolve(house.tenant, keys: ["b", "none"]))
            #expect(try await look() == ["a/1 open 3 c", "b resolved 1 c"])
        }
    }
}
