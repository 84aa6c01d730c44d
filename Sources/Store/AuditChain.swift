internal import Crypto
public import Kernel

/// The audit chain: each seal's digest covers the one before and every row since, in (transaction, id) order. Pure.
public enum AuditChain {
    /// What the first seal builds upon.
    public static let start = [UInt8](repeating: 0, count: 32)
    /// Bytes of a row's digest that its seal keeps as its mark.
    public static let markBytes = 8

    /// The seals that cover these rows, which come by owner, transaction and id. Where an owner has as many as `limit`, his last transaction may be cut
    /// off and is left for the next round.
    public static func seals(_ unsealed: [UnsealedRow], limit: Int) -> [AuditSeal] {
        var out: [AuditSeal] = []
        var start = 0
        while start < unsealed.count {
            let tenant = unsealed[start].row.tenant
            let end = unsealed[start...].firstIndex { $0.row.tenant != tenant } ?? unsealed.count
            var rows = Array(unsealed[start ..< end])
            var bound = rows[0].beforeXID
            if rows.count >= limit {
                bound = rows[rows.count - 1].row.xid
                rows.removeAll { $0.row.xid == bound }
            }
            start = end
            guard let first = rows.first else { continue }
            let digests = rows.map { digest($0.row) }
            out.append(AuditSeal(
                tenant: tenant, number: (first.last?.number ?? 0) + 1, beforeXID: bound, rows: rows.count,
                digest: extend(first.last?.digest ?? AuditChain.start, digests), marks: digests.flatMap { $0.prefix(markBytes) }))
        }
        return out
    }

    /// What one round leaves: of each owner with as many rows as `limit` the first, and whether all are of one transaction, which no page holds.
    public static func cut(_ unsealed: [UnsealedRow], limit: Int) -> [(first: UnsealedRow, isOne: Bool)] {
        var out: [(first: UnsealedRow, isOne: Bool)] = []
        var start = 0
        while start < unsealed.count {
            let first = unsealed[start]
            let end = unsealed[start...].firstIndex { $0.row.tenant != first.row.tenant } ?? unsealed.count
            if end - start >= limit { out.append((first, unsealed[end - 1].row.xid == first.row.xid)) }
            start = end
        }
        return out
    }

    /// SHA-256 over the row's length-prefixed members.
    static func digest(_ row: AuditRow) -> [UInt8] {
        var bytes: [UInt8] = []
        for member in [row.tenant.description, "\(row.id)", row.at.description, row.actor, row.action, row.subject] {
            bytes += Array("\(member.utf8.count):".utf8) + Array(member.utf8)
        }
        bytes += Array("\(row.detail.count):".utf8) + row.detail
        return Digest.sha256(bytes)
    }

    /// The chain after these rows' digests.
    static func extend(_ previous: [UInt8], _ digests: [[UInt8]]) -> [UInt8] {
        digests.reduce(previous) { Digest.sha256($0 + $1) }
    }
}

/// Reads one owner's trail from beginning to end and says what is wrong with it: every finding, not only the first. Each seal is checked against the
/// digest that the one before it states, so that one finding does not make all later seals suspect.
public struct AuditVerifier: Sendable {
    /// One thing that is not as it was written.
    public struct Finding: Sendable, Equatable {
        public enum Code: String, Sendable {
            case rowChanged = "row_changed"
            case rowMissing = "row_missing"
            case rowAdded = "row_added"
            case rowMoved = "row_moved"
            case rowForeign = "row_foreign"
            case sealMissing = "seal_missing"
            case sealMoved = "seal_moved"
            case sealChanged = "seal_changed"
            case truncated = "truncated"
            case headDiffers = "head_differs"
        }

        public var code: Code
        public var seal: Int64?
        public var row: Int64?
        public var text: String

        public init(_ code: Code, seal: Int64? = nil, row: Int64? = nil, _ text: String) {
            self.code = code
            self.seal = seal
            self.row = row
            self.text = text
        }
    }

    /// What a whole trail came to.
    public struct Verdict: Sendable, Equatable {
        public var seals = 0
        public var sealedRows = 0
        /// Rows that no seal covers yet: nothing protects them.
        public var unsealedRows = 0
        public var oldestUnsealed: Timestamp?
        public var head: SealRow?
        public var findings: [Finding] = []
        /// Findings beyond `AuditVerifier.findingsMost`.
        public var findingsLeftOut = 0
    }

    public static let findingsMost = 100

    private let tenant: TenantID
    private let known: [SealRow]
    private var verdict = Verdict()
    private var previous = AuditChain.start
    private var bound: UInt64 = 0
    private var pending: [AuditRow] = []

    /// `known`: seals that were noted down elsewhere before, which the chain must hold.
    public init(_ tenant: TenantID, known: [SealRow] = []) {
        self.tenant = tenant
        self.known = known
    }

    public mutating func take(_ part: AuditPart) {
        switch part {
        case .row(let row): take(row)
        case .seal(let seal): take(seal)
        }
    }

    private mutating func take(_ row: AuditRow) {
        if row.tenant != tenant {
            found(.init(.rowForeign, row: row.id, "row \(row.id) belongs to \(row.tenant)"))
            return
        }
        if let last = pending.last, (row.xid, row.id) <= (last.xid, last.id) {
            found(.init(.rowMoved, row: row.id, "row \(row.id) stands after row \(last.id), which was written later"))
        } else if row.xid < bound {
            found(.init(.rowMoved, row: row.id, "row \(row.id) stands after a seal that should cover it"))
        }
        pending.append(row)
    }

    private mutating func take(_ seal: AuditSeal) {
        let last = verdict.head?.number ?? 0
        let follows = seal.number == last + 1
        if seal.tenant != tenant {
            found(.init(.sealMoved, seal: seal.number, "seal \(seal.number) belongs to \(seal.tenant)"))
        } else if seal.number <= last {
            found(.init(.sealMoved, seal: seal.number, "seal \(seal.number) stands after seal \(last)"))
        } else if !follows {
            let gone = last + 1 == seal.number - 1 ? "seal \(last + 1) is" : "seals \(last + 1) to \(seal.number - 1) are"
            found(.init(.sealMissing, seal: last + 1, "\(gone) missing; the rows before seal \(seal.number) can't be checked"))
        }
        let digests = pending.map(AuditChain.digest)
        let late = pending.filter { $0.xid >= seal.beforeXID }
        for row in late { found(.init(.rowAdded, seal: seal.number, row: row.id, "row \(row.id) stands before seal \(seal.number), which can't cover it")) }
        if follows, late.isEmpty, digests.count != seal.rows || AuditChain.extend(previous, digests) != seal.digest { name(seal, digests) }
        for head in known where head.number == seal.number && head.digest != seal.digest {
            found(.init(.headDiffers, seal: seal.number, "seal \(seal.number) is not the one that was noted down: the chain was written anew"))
        }
        verdict.seals += 1
        verdict.sealedRows += pending.count
        verdict.head = SealRow(number: seal.number, digest: seal.digest)
        previous = seal.digest
        bound = max(bound, seal.beforeXID)
        pending = []
    }

    /// Which rows differ from what the seal's marks say of them.
    private mutating func name(_ seal: AuditSeal, _ digests: [[UInt8]]) {
        let step = AuditChain.markBytes
        let marks = digests.map { Array($0.prefix(step)) }
        let meant = stride(from: 0, to: seal.marks.count - step + 1, by: step).map { Array(seal.marks[$0 ..< $0 + step]) }
        guard meant.count == seal.rows, marks != meant, max(marks.count, meant.count) <= AuditVerifier.comparedMost else {
            let rows = pending.first.map { " (rows \($0.id) to \(pending[pending.count - 1].id))" } ?? ""
            let why = marks == meant ? "its digest does not follow from the seal before and its rows, which are as they were" : "it covers \(seal.rows) rows, \(marks.count) are there"
            found(.init(marks.count < seal.rows ? .rowMissing : marks.count > seal.rows ? .rowAdded : .sealChanged, seal: seal.number, "seal \(seal.number)\(rows) does not hold: \(why)"))
            return
        }
        var gone: [Int: [UInt8]] = [:], came: [Int: [UInt8]] = [:]
        for change in marks.difference(from: meant) {
            switch change {
            case .remove(let offset, let mark, _): gone[offset] = mark
            case .insert(let offset, let mark, _): came[offset] = mark
            }
        }
        for (offset, mark) in came.sorted(by: { $0.key < $1.key }) {
            let row = pending[offset].id
            if let from = gone.first(where: { $0.value == mark })?.key {
                gone[from] = nil
                found(.init(.rowMoved, seal: seal.number, row: row, "row \(row) is in another place under seal \(seal.number)"))
            } else if digests.count == seal.rows, gone[offset] != nil {
                gone[offset] = nil
                found(.init(.rowChanged, seal: seal.number, row: row, "row \(row) under seal \(seal.number) was changed"))
            } else {
                found(.init(.rowAdded, seal: seal.number, row: row, "row \(row) was added under seal \(seal.number), or changed beyond recognition"))
            }
        }
        for offset in gone.keys.sorted() {
            let after = offset > 0 && offset <= pending.count ? ", after row \(pending[offset - 1].id)" : ""
            found(.init(.rowMissing, seal: seal.number, "row \(offset + 1) of the \(seal.rows) under seal \(seal.number) is missing\(after)"))
        }
    }

    /// Rows of one seal that are compared one by one; more are judged as a whole.
    private static let comparedMost = 5000

    private mutating func found(_ finding: Finding) {
        if verdict.findings.count < AuditVerifier.findingsMost { verdict.findings.append(finding) } else { verdict.findingsLeftOut += 1 }
    }

    /// The verdict, once every part was taken.
    public mutating func end() -> Verdict {
        verdict.unsealedRows = pending.count
        verdict.oldestUnsealed = pending.map(\.at).min()
        let last = verdict.head?.number ?? 0
        if let head = known.max(by: { $0.number < $1.number }), head.number > last {
            found(.init(.truncated, seal: last + 1, "the chain ends with seal \(last), but seal \(head.number) was noted down: its end was cut off"))
        }
        return verdict
    }
}
