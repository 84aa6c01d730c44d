import Kernel
import Postgres
import Store
import Testing
import TestKit

@testable import Scheduler

@Suite("The sealed trail")
struct AuditTests {
    private static let tenant = TenantID(SeededRandom(seed: 5).uuid())
    private let tenant = AuditTests.tenant

    private func row(_ id: Int64, xid: UInt64, _ action: String = "posting.posted") -> AuditRow {
        AuditRow(
            tenant: tenant, id: id, at: Timestamp(microseconds: 1_700_000_000_000_000 + id), actor: "worker", action: action, subject: "posting \(id)",
            detail: Array(#"{"n": \#(id)}"#.utf8), xid: xid)
    }

    /// Thirty rows of fifteen transactions under three seals, as the sealer makes them, and two rows after.
    private func trail() -> [AuditPart] {
        var parts: [AuditPart] = []
        var last: SealRow?
        for s in 0 ..< 3 {
            let rows = (0 ..< 10).map { row(Int64(s * 10 + $0 + 1), xid: UInt64(100 + s * 10 + $0 / 2)) }
            let seals = AuditChain.seals(rows.map { UnsealedRow(row: $0, beforeXID: UInt64(100 + (s + 1) * 10), last: last) }, limit: 1000)
            parts += rows.map(AuditPart.row) + seals.map(AuditPart.seal)
            last = seals.last.map { SealRow(number: $0.number, digest: $0.digest) }
        }
        return parts + [.row(row(31, xid: 200)), .row(row(32, xid: 201))]
    }

    private func verify(_ parts: [AuditPart], known: [SealRow] = []) -> AuditVerifier.Verdict {
        var verifier = AuditVerifier(tenant, known: known)
        for part in parts { verifier.take(part) }
        return verifier.end()
    }

    private func heads(_ parts: [AuditPart]) -> [SealRow] {
        parts.compactMap { part in
            guard case .seal(let seal) = part else { return nil }
            return SealRow(number: seal.number, digest: seal.digest)
        }
    }

    private func change(_ parts: [AuditPart], row id: Int64, _ change: (inout AuditRow) -> Void) -> [AuditPart] {
        parts.map { part in
            guard case .row(var row) = part, row.id == id else { return part }
            change(&row)
            return .row(row)
        }
    }

    private func change(_ parts: [AuditPart], seal number: Int64, _ change: (inout AuditSeal) -> Void) -> [AuditPart] {
        parts.map { part in
            guard case .seal(var seal) = part, seal.number == number else { return part }
            change(&seal)
            return .seal(seal)
        }
    }

    @Test("an untouched trail has nothing to find; the rows after the last seal are counted")
    func intact() {
        let verdict = verify(trail(), known: heads(trail()))
        #expect(verdict.findings == [])
        #expect(verdict.seals == 3)
        #expect(verdict.sealedRows == 30)
        #expect(verdict.unsealedRows == 2)
        #expect(verdict.oldestUnsealed == row(31, xid: 0).at)
        #expect(verdict.head == heads(trail()).last)
        #expect(verify([]).findings == [])
    }

    static let members: [(name: String, change: @Sendable (inout AuditRow) -> Void)] = [
        ("at", { $0.at = $0.at + .microseconds(1) }), ("actor", { $0.actor = "person" }), ("action", { $0.action = "posting.voided" }),
        ("subject", { $0.subject += "0" }), ("detail", { $0.detail[0] ^= 1 }), ("id", { $0.id += 1000 }),
        // What moves from one member to the next is a change all the same.
        ("border", { $0.actor = "workerp"; $0.action = "osting.posted" }),
    ]

    @Test("a change of any member of any sealed row is found, and the row named", arguments: AuditTests.members.indices, [1, 2, 10, 11, 25, 30] as [Int64])
    func changed(member: Int, id: Int64) {
        let verdict = verify(change(trail(), row: id, AuditTests.members[member].change))
        let expected = AuditTests.members[member].name == "id" ? id + 1000 : id
        #expect(verdict.findings.contains { $0.code == .rowChanged && $0.row == expected && $0.seal == (id - 1) / 10 + 1 }, "\(verdict.findings)")
        // Nothing else becomes suspect by it.
        #expect(verdict.findings.allSatisfy { $0.row == expected || $0.code == .rowMoved }, "\(verdict.findings)")
    }

    @Test("each row that was taken away is missed, under its seal", arguments: 1 ... 30 as ClosedRange<Int64>)
    func deleted(id: Int64) {
        let verdict = verify(trail().filter { part in if case .row(let row) = part { row.id != id } else { true } })
        #expect(verdict.findings.count == 1)
        #expect(verdict.findings.first?.code == .rowMissing)
        #expect(verdict.findings.first?.seal == (id - 1) / 10 + 1)
        #expect(verdict.findings.first?.text.contains("row \((id - 1) % 10 + 1) of the 10") == true, "\(verdict.findings)")
    }

    @Test("rows that were added or swapped are named")
    func addedAndMoved() {
        var parts = trail()
        parts.insert(.row(row(99, xid: 102)), at: 6)
        #expect(verify(parts).findings.contains { $0.code == .rowAdded && $0.row == 99 && $0.seal == 1 })
        parts = trail()
        parts.swapAt(3, 4)
        let found = verify(parts).findings
        #expect(found.contains { $0.code == .rowMoved && ($0.row == 4 || $0.row == 5) }, "\(found)")
        // From one seal's range into the next one's.
        parts = trail()
        let moved = parts.remove(at: 3)
        parts.insert(moved, at: 15)
        let across = verify(parts).findings
        #expect(across.contains { $0.code == .rowMissing && $0.seal == 1 })
        #expect(across.contains { $0.row == 4 && $0.code != .rowMissing }, "\(across)")
    }

    @Test("seals that were taken away, swapped, changed or made anew are named")
    func seals() {
        let whole = trail()
        func without(_ number: Int64) -> [AuditPart] { whole.filter { part in if case .seal(let seal) = part { seal.number != number } else { true } } }
        #expect(verify(without(1)).findings.contains { $0.code == .sealMissing && $0.seal == 1 })
        #expect(verify(without(2)).findings.contains { $0.code == .sealMissing && $0.seal == 2 })
        #expect(verify(change(whole, seal: 2) { $0.digest[0] ^= 1 }).findings.contains { $0.code == .sealChanged && $0.seal == 2 })
        #expect(!verify(change(whole, seal: 2) { $0.rows = 9 }).findings.isEmpty)
        #expect(!verify(change(whole, seal: 2) { $0.beforeXID = 113 }).findings.isEmpty)
        #expect(!verify(change(whole, seal: 2) { $0.number = 1 }).findings.isEmpty)
        // Marks only name; without them, or with wrong ones, the change is found all the same.
        #expect(verify(change(whole, seal: 2) { $0.marks = [] }).findings == [])
        let both = change(change(whole, row: 15) { $0.actor = "x" }, seal: 2) { $0.marks = [] }
        #expect(verify(both).findings.contains { $0.code == .sealChanged && $0.seal == 2 && $0.text.contains("rows 11 to 20") })
    }

    @Test("a chain that was cut off or written anew is found by a seal that was noted down")
    func heads() {
        let whole = trail(), known = [heads(whole)[2]]
        let cut = Array(whole.prefix(22))
        #expect(verify(cut).findings == [], "without a note nobody can know")
        #expect(verify(cut, known: known).findings.map(\.code) == [.truncated])
        // Written anew with another row in it.
        var rows: [AuditRow] = [], anew: [AuditPart] = [], last: SealRow?
        for part in whole {
            switch part {
            case .row(var row):
                if row.id == 3 { row.actor = "nobody" }
                rows.append(row)
            case .seal(let old):
                for seal in AuditChain.seals(rows.map({ UnsealedRow(row: $0, beforeXID: old.beforeXID, last: last) }), limit: 1000) {
                    anew += rows.map(AuditPart.row) + [.seal(seal)]
                    last = SealRow(number: seal.number, digest: seal.digest)
                }
                rows = []
            }
        }
        #expect(verify(anew).findings == [])
        #expect(verify(anew, known: known).findings.map(\.code) == [.headDiffers])
    }

    @Test("whatever a seed changes in a trail, it does not pass", arguments: 1 ... 200 as ClosedRange<UInt64>)
    func fuzz(seed: UInt64) {
        let random = SeededRandom(seed: seed)
        var parts = trail()
        let sealed = 33
        let a = Int(random.number(below: UInt64(sealed))), b = Int(random.number(below: UInt64(sealed)))
        switch random.number(below: 4) {
        case 0: parts.remove(at: min(a, 31))
        case 1 where a != b: parts.swapAt(a, b)
        case 2: parts.insert(parts[b], at: a)
        default:
            switch parts[a] {
            case .row(var row):
                row.detail.append(UInt8(random.number(below: 256)))
                parts[a] = .row(row)
            case .seal(var seal):
                seal.digest[Int(random.number(below: 32))] ^= UInt8(1 + random.number(below: 255))
                parts[a] = .seal(seal)
            }
        }
        #expect(!verify(parts, known: heads(trail())).findings.isEmpty, "seed \(seed)")
    }

    @Test("a foreign row is named, and an endless list of findings is cut and counted")
    func foreign() {
        var other = row(1, xid: 100)
        other.tenant = TenantID(SeededRandom(seed: 6).uuid())
        #expect(verify([.row(other)]).findings.map(\.code) == [.rowForeign])
        let verdict = verify(Array(repeating: .row(other), count: 250))
        #expect(verdict.findings.count == AuditVerifier.findingsMost)
        #expect(verdict.findingsLeftOut == 150)
    }

    // MARK: Files

    private func file(_ parts: [AuditPart]) -> [[UInt8]] {
        let seals = heads(parts).count
        return ([AuditFile.head(tenant)] + parts.map(AuditFile.line) + [AuditFile.end(rows: parts.count - seals, seals: seals)]).map { Array($0.dropLast()) }
    }

    private func verify(file lines: [[UInt8]], known: [SealRow] = []) throws -> AuditVerifier.Verdict {
        var reader = AuditFileReader(known: known)
        for line in lines { try reader.take(line: line) }
        return try reader.end()
    }

    @Test("a file says the same as the trail it was written from")
    func file() throws {
        #expect(try verify(file: file(trail())) == verify(trail()))
        var reader = AuditFileReader()
        for line in file(trail()) { try reader.take(line: line) }
        #expect(reader.seals == heads(trail()))
        #expect(reader.owner == tenant)
    }

    @Test("a file that was cut off anywhere is not whole", arguments: 1 ... 36)
    func cut(lines: Int) throws {
        let whole = file(trail())
        #expect(whole.count == 37)
        #expect(try verify(file: Array(whole.prefix(lines))).findings.contains { $0.code == .truncated })
    }

    @Test("one byte changed in any line of a file is found or refused", arguments: 0 ..< 36)
    func bytes(line: Int) throws {
        let whole = file(trail())
        for seed in 0 ..< 8 {
            let random = SeededRandom(seed: UInt64(line * 8 + seed))
            var lines = whole
            let at = Int(random.number(below: UInt64(lines[line].count)))
            lines[line][at] ^= UInt8(1 + random.number(below: 127))
            do {
                let verdict = try verify(file: lines, known: heads(trail()))
                // The marks and what no seal covers are not protected, by design; nor is a space more or less.
                let same = verdict.findings.isEmpty && (line >= 34 || String(decoding: whole[line].prefix(at), as: UTF8.self).contains("marks") || sameMeaning(lines[line], whole[line]))
                #expect(!verdict.findings.isEmpty || same, "line \(line), byte \(at): \(String(decoding: lines[line], as: UTF8.self))")
            } catch let fault as Fault { #expect(fault.code == "audit_file_unreadable") }
        }
    }

    /// The transaction's number may change as long as the order does not: the chain covers the order.
    private func sameMeaning(_ a: [UInt8], _ b: [UInt8]) -> Bool {
        let x = String(decoding: a, as: UTF8.self), y = String(decoding: b, as: UTF8.self)
        guard let i = y.firstRange(of: "\"xid\":\""), let j = y.firstRange(of: "\",\"at\"") else { return false }
        return x.hasPrefix(String(y[..<i.upperBound])) && x.hasSuffix(String(y[j.lowerBound...]))
    }

    @Test("what is no audit file, or another owner's, is refused by its line's number", arguments: ["", "{}", #"{"counterfoil_audit":2,"owner":"x"}"#, "[1]", "\u{0}"])
    func refused(first: String) throws {
        var reader = AuditFileReader()
        #expect(throws: Fault.self) { try reader.take(line: Array(first.utf8)) }
        var strict = AuditFileReader(expected: TenantID(SeededRandom(seed: 9).uuid()))
        let head = file([])[0]
        #expect(throws: Fault.self) { try strict.take(line: head) }
        var empty = AuditFileReader()
        #expect(throws: Fault.self) { _ = try empty.end() }
    }

    @Test("a head is written and read as number and digest")
    func headText() {
        let head = SealRow(number: 12, digest: [UInt8](repeating: 0xab, count: 32))
        #expect(SealRow(text: head.text) == head)
        for text in ["", "12", "12:", ":ab", "0:\(head.digest.hexText)", "12:abcd", "12:\(head.digest.hexText)00", "x:\(head.digest.hexText)"] { #expect(SealRow(text: text) == nil) }
    }

    // MARK: In the database

    private func verify(_ house: House, _ owner: TenantID, known: [SealRow] = []) async throws -> AuditVerifier.Verdict {
        var verifier = AuditVerifier(owner, known: known)
        try await house.supervisor.readAudit(owner) { verifier.take($0) }
        return verifier.end()
    }

    /// Until nothing is left: transactions of other tests on the same server put it off, as any open transaction does.
    private func seal(_ house: House) async throws {
        while try await house.count("""
            SELECT count(*) FROM app.audit a WHERE a.xid >= coalesce((SELECT max(s.before_xid::text::numeric) FROM app.audit_seals s WHERE s.tenant_id = a.tenant_id), 0)::text::xid8
            """) > 0 {
            for seal in AuditChain.seals(try await house.supervisor.unsealed(limit: 1000), limit: 1000) { try await house.supervisor.addSeal(seal) }
        }
    }

    /// What a sealer would add now, as soon as there is anything.
    private func seals(_ house: House) async throws -> [AuditSeal] {
        while true {
            let seals = AuditChain.seals(try await house.supervisor.unsealed(limit: 100), limit: 100)
            if !seals.isEmpty { return seals }
        }
    }

    private func write(_ house: House, _ owner: TenantID, _ count: Int) async throws {
        try await house.supervisor.transaction { tx throws(Fault) in
            try await tx.audit(owner, (0 ..< count).map { AuditEntry(actor: "worker", action: "posting.posted", subject: "posting \($0)", detail: Array(#"{"b":1,"a":"ä"}"#.utf8)) })
        }
    }

    @Test("rows of tenants, of a consultancy and of the operator's key are all sealed, each in a chain of its own")
    func owners() async throws {
        try await House.with { house in
            let consultancy = TenantID(house.consultancy.uuid), key = TenantID(SystemRandom().uuid())
            for owner in [house.tenant, consultancy, key] { try await write(house, owner, 3) }
            try await seal(house)
            try await write(house, consultancy, 2)
            try await seal(house)
            try await write(house, key, 1)
            #expect(Set(try await house.supervisor.auditOwners()) == [house.tenant, consultancy, key])
            let verdicts = [try await verify(house, house.tenant), try await verify(house, consultancy), try await verify(house, key)]
            #expect(verdicts.map(\.findings) == [[], [], []])
            #expect(verdicts.map(\.seals) == [1, 2, 1])
            #expect(verdicts.map(\.sealedRows) == [3, 5, 3])
            #expect(verdicts.map(\.unsealedRows) == [0, 0, 1])
        }
    }

    @Test("what is changed behind the program's back is found in the database and named; the export from before proves it too")
    func tampering() async throws {
        try await House.with { house in
            for _ in 1 ... 4 {
                try await write(house, house.tenant, 5)
                try await seal(house)
            }
            var lines: [[UInt8]] = [Array(AuditFile.head(house.tenant).dropLast())]
            try await house.supervisor.readAudit(house.tenant) { lines.append(Array(AuditFile.line($0).dropLast())) }
            lines.append(Array(AuditFile.end(rows: 20, seals: 4).dropLast()))
            var reader = AuditFileReader(expected: house.tenant)
            for line in lines { try reader.take(line: line) }
            #expect(try reader.end().findings == [])
            let ids = try await house.owner.query("SELECT id FROM app.audit ORDER BY id").map { row throws(Fault) in try row.get("id", as: Int64.self) }

            _ = try await house.owner.query("UPDATE app.audit SET subject = 'posting x' WHERE id = \(ids[7])")
            #expect(try await verify(house, house.tenant).findings.map { [$0.seal, $0.row] } == [[2, ids[7]]])
            _ = try await house.owner.query("DELETE FROM app.audit WHERE id = \(ids[12])")
            let found = try await verify(house, house.tenant).findings
            #expect(found.map(\.code) == [.rowChanged, .rowMissing])
            #expect(found.last?.seal == 3)
            // The end cut off, rows and seals: only who knows the export sees it.
            _ = try await house.owner.query("DELETE FROM app.audit WHERE id >= \(ids[5])")
            _ = try await house.owner.query("DELETE FROM app.audit_seals WHERE number > 1")
            #expect(try await verify(house, house.tenant).findings == [])
            #expect(try await verify(house, house.tenant, known: reader.seals).findings.map(\.code) == [.truncated])
        }
    }

    @Test("rows are read in the order of their transactions, also where their numbers gain a digit") func moreDigits() async throws {
        try await House.with { house in
            try await write(house, house.tenant, 3)
            for (n, xid) in ["999", "1000", "10000"].enumerated() {
                _ = try await house.owner.query("UPDATE app.audit SET xid = \(xid)::xid8 WHERE id = (SELECT id FROM app.audit ORDER BY id OFFSET \(Int64(n)) LIMIT 1)")
            }
            var order: [UInt64] = []
            try await house.supervisor.readAudit(house.tenant) { part in
                if case .row(let row) = part { order.append(row.xid) }
            }
            #expect(order == [999, 1000, 10000])
        }
    }

    @Test("a transaction that is still open keeps its rows, and later ones, out of the seals until it ends")
    func openTransaction() async throws {
        try await House.with { house in
            let store = house.supervisor
            try await store.transaction { tx throws(Fault) in
                try await tx.audit(house.tenant, [AuditEntry(actor: "a", action: "posting.posted", subject: "early")])
                // Committed before the one above, whose transaction is older.
                _ = try await house.owner.query(AuditStatements.insert(house.tenant, [AuditEntry(actor: "b", action: "posting.posted", subject: "late")]))
                let unsealed = try await Store(house.owner).unsealed(limit: 100)
                guard unsealed.isEmpty else { throw Fault("sealed_early", stage: .scheduler, disposition: .bug, summary: "a row could still gain a neighbour before it") }
            }
            try await seal(house)
            let verdict = try await verify(house, house.tenant)
            #expect(verdict.findings == [])
            #expect(verdict.sealedRows == 2)
        }
    }

    @Test("one owner's flood of rows, in one transaction at that, keeps no other owner's rows from their seals, nor its own")
    func flood() async throws {
        try await House.with { house in
            let scheduler = try Yard(house).scheduler("exit 0")
            let owners = (0 ..< 3).map { _ in TenantID(SystemRandom().uuid()) }.sorted { $0.description < $1.description }
            try await write(house, owners[0], 25)
            for owner in owners { for count in [2, 9] { try await write(house, owner, count) } }
            let left: SQL = """
                SELECT count(*) FROM app.audit a WHERE a.xid >= coalesce((SELECT max(s.before_xid::text::numeric) FROM app.audit_seals s WHERE s.tenant_id = a.tenant_id), 0)::text::xid8
                """
            while try await house.count(left) > 0 { try await scheduler.seal(rows: 10) }
            for owner in owners {
                let verdict = try await verify(house, owner)
                #expect(verdict.findings == [] && verdict.unsealedRows == 0)
                #expect(verdict.sealedRows == (owner == owners[0] ? 36 : 11))
            }
            #expect(try await house.supervisor.gauges().unsealed.first?.value == 0)
        }
    }

    @Test("a page that is full of one transaction is told from one that only ends within it")
    func cut() {
        let one = (Int64(1) ... 5).map { (n: Int64) in UnsealedRow(row: row(n, xid: 7), beforeXID: 50, last: nil) }
        let two = (Int64(1) ... 5).map { (n: Int64) in UnsealedRow(row: row(n, xid: n < 3 ? 6 : 7), beforeXID: 50, last: nil) }
        #expect(AuditChain.cut(one, limit: 5).map(\.isOne) == [true] && AuditChain.cut(two, limit: 5).map(\.isOne) == [false] && AuditChain.cut(one, limit: 6).isEmpty)
        #expect(AuditChain.seals(one, limit: 5).isEmpty)
    }

    @Test("two sealers at once make one chain")
    func twoSealers() async throws {
        try await House.with { house in
            try await write(house, house.tenant, 4)
            let one = try await seals(house)
            try await write(house, house.tenant, 4)
            let two = try await seals(house)
            for seal in one { try await house.supervisor.addSeal(seal) }
            for seal in two {
                do throws(Fault) { try await house.supervisor.addSeal(seal) } catch { #expect(error.code == "unique_violation") }
            }
            try await seal(house)
            let verdict = try await verify(house, house.tenant)
            #expect(verdict.findings == [])
            #expect(verdict.sealedRows == 8)
        }
    }

    @Test("a page that ends within a transaction leaves that transaction to the next one")
    func paging() {
        let rows: [UnsealedRow] = (Int64(1) ... 6).map { (n: Int64) -> UnsealedRow in
            UnsealedRow(row: row(n, xid: UInt64((n - 1) / 2)), beforeXID: 50, last: nil)
        }
        let cut = AuditChain.seals(Array(rows.prefix(5)), limit: 5)
        #expect(cut.map(\.rows) == [4])
        #expect(cut.map(\.beforeXID) == [2])
        #expect(AuditChain.seals(rows, limit: 100).map(\.rows) == [6])
        #expect(AuditChain.seals([], limit: 5).isEmpty)
    }
}
