public import Kernel
public import Store
internal import Wire

/// An owner's audit trail as a file: JSON lines, the rows of each seal before the seal, what no seal covers last, and a line that says that this is all.
public enum AuditFile {
    static let lineBytesMost = 4 << 20

    /// The first line.
    public static func head(_ tenant: TenantID) -> [UInt8] {
        JSON.object([("counterfoil_audit", .number("1")), ("owner", .string(tenant.description))]).bytes + [10]
    }

    public static func line(_ part: AuditPart) -> [UInt8] {
        switch part {
        case .row(let row):
            JSON.object([("row", .object([
                ("id", .number("\(row.id)")), ("xid", .string("\(row.xid)")), ("at", .string(row.at.description)), ("actor", .string(row.actor)),
                ("action", .string(row.action)), ("subject", .string(row.subject)),
                // As text: the digest covers its very bytes.
                ("detail", .string(String(decoding: row.detail, as: UTF8.self))),
            ]))]).bytes + [10]
        case .seal(let seal):
            JSON.object([("seal", .object([
                ("number", .number("\(seal.number)")), ("before_xid", .string("\(seal.beforeXID)")), ("rows", .number("\(seal.rows)")),
                ("digest", .string(seal.digest.hexText)), ("marks", .string(seal.marks.hexText)),
            ]))]).bytes + [10]
        }
    }

    /// The last line.
    public static func end(rows: Int, seals: Int) -> [UInt8] {
        JSON.object([("end", .object([("rows", .number("\(rows)")), ("seals", .number("\(seals)"))]))]).bytes + [10]
    }
}

/// Reads such a file line by line and verifies it as it goes. No database is needed.
public struct AuditFileReader: Sendable {
    /// Whose trail it is; `nil` before the first line.
    public private(set) var owner: TenantID?
    /// Every seal there was, for a comparison with the database.
    public private(set) var seals: [SealRow] = []
    private let known: [SealRow]
    private let expected: TenantID?
    private var verifier: AuditVerifier?
    private var lines = 0
    private var counted = (rows: 0, seals: 0)
    private var stated: (rows: Int, seals: Int)?

    /// - expected: whose trail it has to be.
    /// - known: seals that were noted down elsewhere.
    public init(expected: TenantID? = nil, known: [SealRow] = []) {
        self.expected = expected
        self.known = known
    }

    /// - Throws: `audit_file_unreadable` with the line's number.
    public mutating func take(line: [UInt8]) throws(Fault) {
        lines += 1
        guard line.count <= AuditFile.lineBytesMost, stated == nil, let json = try? JSON(parsing: line) else { throw unreadable() }
        guard verifier != nil, let owner else {
            guard json["counterfoil_audit"]?.int == 1, let owner = json["owner"]?.string.flatMap({ TenantID($0) }), expected == nil || owner == expected else {
                throw unreadable()
            }
            self.owner = owner
            verifier = AuditVerifier(owner, known: known)
            return
        }
        if let row = json["row"] {
            guard let part = AuditRow(row, owner) else { throw unreadable() }
            counted.rows += 1
            verifier?.take(.row(part))
        } else if let seal = json["seal"] {
            guard let part = AuditSeal(seal, owner) else { throw unreadable() }
            counted.seals += 1
            seals.append(SealRow(number: part.number, digest: part.digest))
            verifier?.take(.seal(part))
        } else if let end = json["end"], let rows = end["rows"]?.int, let seals = end["seals"]?.int {
            stated = (rows, seals)
        } else {
            throw unreadable()
        }
    }

    /// - Throws: `audit_file_unreadable` for a file without its first line.
    public mutating func end() throws(Fault) -> AuditVerifier.Verdict {
        guard var verdict = verifier?.end() else { throw unreadable() }
        if let stated {
            if stated.rows != counted.rows || stated.seals != counted.seals {
                verdict.findings.append(.init(
                    .truncated, "the file says that it has \(stated.rows) rows and \(stated.seals) seals; \(counted.rows) and \(counted.seals) are there"))
            }
        } else {
            verdict.findings.append(.init(.truncated, "the file has no last line: its end was cut off"))
        }
        return verdict
    }

    private func unreadable() -> Fault {
        Fault(
            "audit_file_unreadable", stage: .configuration, disposition: .reject, summary: "the audit file can't be read",
            remedy: "Export it anew with `counterfoil audit export`; a file of another owner is refused as well.", position: "line \(lines)")
    }
}

extension AuditRow {
    fileprivate init?(_ json: JSON, _ owner: TenantID) {
        guard let id = json["id"]?.int, let xid = json["xid"]?.string.flatMap({ UInt64($0) }), let at = json["at"]?.string.flatMap({ Timestamp(rfc3339: $0) }),
            let actor = json["actor"]?.string, let action = json["action"]?.string, let subject = json["subject"]?.string, let detail = json["detail"]?.string
        else { return nil }
        self.init(tenant: owner, id: Int64(id), at: at, actor: actor, action: action, subject: subject, detail: Array(detail.utf8), xid: xid)
    }
}

extension AuditSeal {
    fileprivate init?(_ json: JSON, _ owner: TenantID) {
        guard let number = json["number"]?.int, let before = json["before_xid"]?.string.flatMap({ UInt64($0) }), let rows = json["rows"]?.int,
            let digest = json["digest"]?.string.flatMap({ [UInt8](hexText: $0) }), digest.count == 32, let marks = json["marks"]?.string.flatMap({ [UInt8](hexText: $0) })
        else { return nil }
        self.init(tenant: owner, number: Int64(number), beforeXID: before, rows: rows, digest: digest, marks: marks)
    }
}

extension SealRow {
    /// `NUMBER:DIGEST`, as `audit verify` prints it.
    public init?(text: String) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2, let number = Int64(parts[0]), number > 0, let digest = [UInt8](hexText: String(parts[1])), digest.count == 32 else { return nil }
        self.init(number: number, digest: digest)
    }

    public var text: String { "\(number):\(digest.hexText)" }
}
