import Kernel
import Postgres
import TestKit
import Testing

@testable import Store

@Suite("Versions of structures and rules", .serialized, .timeLimit(.minutes(2))) struct VersionTests {
    /// Neither the alphabet's order nor the order by length that `jsonb` gives.
    private let written = #"{"accounts":{"sales:*":"4000","sales:gift-cards":"2100","clearing:*":"1200","a":null},"z":1.50,"b":[2,1]}"#

    private func put(_ house: House, _ kind: VersionedKind, _ body: String) async throws -> Bool {
        try await house.supervisor.transaction { tx throws(Fault) in
            try await tx.putVersion(kind, house.tenant, body: Array(body.utf8), actor: "test").changed
        }
    }

    private func configuration(_ house: House, _ kind: VersionedKind) async throws -> (version: Int, body: String) {
        let row = try #require(try await house.worker.configuration(house.tenant))
        return kind == .structure ? (row.structureVersion, String(decoding: row.structure, as: UTF8.self)) : (row.rulesVersion, String(decoding: row.rules, as: UTF8.self))
    }

    @Test("a body comes back as it was written, for the worker and for whoever asks", arguments: VersionedKind.allCases) func order(kind: VersionedKind) async throws {
        try await Street.with { house async throws in
            #expect(try await put(house, kind, written))
            let now = try await configuration(house, kind)
            #expect(now.version == 2)
            #expect(now.body == written)
            for number in [nil, 2] {
                let row = try #require(try await house.supervisor.adminVersion(kind, house.tenant, number))
                #expect(String(decoding: row.json, as: UTF8.self).contains(written))
            }
        }
    }

    @Test("the same again is no new version, however it is spaced; another order is one", arguments: VersionedKind.allCases) func same(kind: VersionedKind) async throws {
        try await Street.with { house async throws in
            #expect(try await put(house, kind, #"{"b": {"sales:*": "1", "sales:x": "2"}}"#))
            #expect(try await put(house, kind, #"{ "b":{"sales:*":"1",  "sales:x":"2"} }"#) == false)
            #expect(try await put(house, kind, #"{"b": {"sales:x": "2", "sales:*": "1"}}"#))
            #expect(try await put(house, kind, #"{"b": {"sales:x": "2", "sales:*": "1", "n": null}}"#))
            #expect(try await put(house, kind, #"{"b": {"sales:x": "2", "sales:*": "1"}}"#))
            #expect(try await configuration(house, kind).version == 5)
            let page = try await house.supervisor.adminVersions(kind, house.tenant, PageRequest(limit: 3))
            #expect(page.map(\.cursor) == [["5"], ["4"], ["3"]])
            #expect(try await house.supervisor.adminVersions(kind, house.tenant, PageRequest(after: ["3"], limit: 3)).map(\.cursor) == [["2"], ["1"]])
            let action = "\(kind.rawValue).changed"
            #expect(try await house.count("SELECT count(*) FROM app.audit WHERE tenant_id = \(house.tenant) AND action = \(action)") == 4)
        }
    }

    @Test("versions put side by side follow each other without a gap") func sideways() async throws {
        try await Street.with { house async throws in
            let (store, tenant) = (house.supervisor, house.tenant)
            let changed = try await sideBySide(6) { n in
                try await store.transaction { tx throws(Fault) in try await tx.putVersion(.rules, tenant, body: Array(#"{"n": \#(n)}"#.utf8), actor: "test").changed }
            }
            #expect(changed.allSatisfy { $0 })
            #expect(try await house.texts("SELECT version::text FROM app.rule_sets WHERE tenant_id = \(tenant) ORDER BY version") == (1 ... 7).map { "\($0)" })
        }
    }

    @Test("what is no JSON is refused, and a version cannot be changed by a worker") func refused() async throws {
        try await Street.with { house async throws in
            for torn in ["{", "", #"{"a": "\u0000"}"#] {
                #expect(await faultCode { _ = try await put(house, .structure, torn) }?.hasPrefix("sql_22") == true, "\(torn)")
            }
            #expect(try await configuration(house, .structure).version == 1)
            for table in ["structures", "rule_sets"] {
                for attack in ["UPDATE app.\(table) SET actor = 'x'", "DELETE FROM app.\(table)", "INSERT INTO app.\(table) VALUES (app.tenant(), 2, '{}', now(), 'x')"] {
                    #expect(await faultCode { try await house.worker.pool.query(SQL(stringLiteral: attack)) } == "permission_denied", "\(attack)")
                }
            }
        }
    }

    @Test("a tenant without a structure or without rules has no configuration yet") func none() async throws {
        try await Street.with { house async throws in
            try await house.owner.query("DELETE FROM app.rule_sets WHERE tenant_id = \(house.tenant)")
            let row = try await house.worker.configuration(house.tenant)
            #expect(row == nil)
        }
    }
}
