import Kernel
import Postgres
import Testing
import Wire

@testable import Worker

@Suite("A worker's assignment")
struct AssignmentTests {
    static let members: [(key: String, value: JSON)] = [
        ("tenant", "0b0e4a94-7c5e-4e0a-9d35-0d4bb1a9a1aa"), ("epoch", 7), ("lease_ends_ns", 30_000_000_000), ("host", "/run/postgresql"), ("port", "5432"),
        ("database", "counterfoil"), ("database_way", ["sslmode": "verify-full", "target_session_attrs": "read-write", "sslkey": "/other"]), ("role", "t_0b0e"), ("password", "s3cret-pass"), ("private_key", .string(String(repeating: "0a", count: 32))),
        ("allowed_hosts", ["127.0.0.1:8087"]),
    ]

    private func line(_ change: (inout [(key: String, value: JSON)]) -> Void = { _ in }) -> [UInt8] {
        var members = AssignmentTests.members
        change(&members)
        return JSON.object(members).bytes
    }

    @Test("it says one tenant, one lease and the keys to them, and survives the pipe")
    func read() throws {
        let assignment = try Assignment(line: line())
        #expect(assignment.tenant.description == "0b0e4a94-7c5e-4e0a-9d35-0d4bb1a9a1aa")
        #expect(assignment.epoch == 7)
        #expect(assignment.leaseEnds_ns == 30_000_000_000)
        #expect(assignment.password.revealText() == "s3cret-pass")
        #expect(assignment.privateKey.reveal() == [UInt8](repeating: 10, count: 32))
        #expect(assignment.allowedHosts == ["127.0.0.1:8087"])
        let again = try Assignment(line: Array(assignment.lineForPipe().dropLast()))
        #expect(again.lineForPipe() == assignment.lineForPipe())
        #expect(assignment.lineForPipe().last == 10)
        #expect(assignment.lineForPipe().count { $0 == 10 } == 1)
    }

    @Test("the worker goes to the database by the way that its scheduler goes, and by no other setting of his")
    func way() throws {
        let assignment = try Assignment(line: line())
        #expect(assignment.login.options == ["sslmode": "verify-full", "target_session_attrs": "read-write"])
        #expect(assignment.login.user == "t_0b0e" && assignment.login.host == "/run/postgresql" && assignment.login.port == "5432")
        #expect(throws: Fault.self) { _ = try Assignment(line: line { members in members = members.map { $0.key == "database_way" ? ($0.key, "sslmode=disable") : $0 } }) }
    }

    @Test("without any one of its members it is refused", arguments: AssignmentTests.members.map(\.key).filter { $0 != "allowed_hosts" })
    func missing(key: String) {
        #expect(throws: Fault.self) { _ = try Assignment(line: line { $0.removeAll { $0.key == key } }) }
        #expect(throws: Fault.self) { _ = try Assignment(line: line { members in members = members.map { $0.key == key ? ($0.key, .null) : $0 } }) }
    }

    static let bad: [(key: String, value: JSON)] = [
        ("tenant", "not-a-tenant"), ("tenant", 5), ("epoch", 0), ("epoch", -1), ("epoch", "7"), ("epoch", .number("1.5")), ("lease_ends_ns", 0), ("lease_ends_ns", "soon"),
        ("role", ""), ("password", ""), ("private_key", ""), ("private_key", "0a"), ("private_key", .string(String(repeating: "0a", count: 33))),
        ("private_key", .string(String(repeating: "+a", count: 32))), ("private_key", .string(String(repeating: "zz", count: 32))),
        ("private_key", .string(String(repeating: "é", count: 32))),
    ]

    @Test("a member that can't be is refused", arguments: AssignmentTests.bad.indices)
    func refused(index: Int) {
        let (key, value) = AssignmentTests.bad[index]
        #expect(throws: Fault.self, "\(key) \(value.text)") {
            _ = try Assignment(line: line { members in members = members.map { $0.key == key ? (key, value) : $0 } })
        }
    }

    @Test("what is refused is not repeated: a broken line may hold a password", arguments: ["", "{", "[]", "null", "s3cret-pass", #"{"password":"s3cret-pass""#, #"{"password":"s3cret-pass"}"#])
    func silent(text: String) {
        do {
            _ = try Assignment(line: Array(text.utf8))
            #expect(Bool(false), "it was read")
        } catch {
            #expect(error.code == "assignment_unreadable")
            #expect(error.disposition == .bug)
            #expect(!error.description.contains("s3cret"))
        }
    }

    @Test("printing one tells no secret")
    func printed() throws {
        var text = ""
        dump(try Assignment(line: line()), to: &text)
        #expect(!text.contains("s3cret-pass"))
        #expect(!text.contains("0a0a0a"))
    }
}
