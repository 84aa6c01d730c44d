internal import Glibc
internal import Kernel
internal import Postgres
internal import Scheduler
internal import Store
internal import Wire

enum AuditCommand: Command {
    static let name = "audit"
    static let summary = "export the sealed audit trail, or verify it"
    static let help = """
        usage: counterfoil audit export --tenant ID > FILE
               counterfoil audit verify [--tenant ID] [--head NUMBER:DIGEST] [--json] FILE
               counterfoil audit verify [--tenant ID] [--head NUMBER:DIGEST] [--json] --database
               counterfoil audit verify --database FILE

        Every audit row is covered by a seal a second or two after it is committed; each seal covers the one before. `verify` recomputes all
        seals and names each row or seal that was changed, added, moved or taken away; the exit status is 1 when there is any. Rows that no
        seal covers yet are counted: nothing protects them.
          FILE                   JSON lines as `export` writes them; no database is needed
          --database             the trail in the database, of one owner or of all; with FILE also that no seal of the file is missing there
                                 or different, which finds an end that was cut off and a chain that was written anew
          --tenant ID            owner: a tenant; a consultancy's or key's id for what concerns no single tenant
          --head NUMBER:DIGEST   a seal that was noted down before (verify prints the last one); needs one owner

        Environment for export and --database: as for serve.
        """
    static let options = ["tenant", "head"]
    static let flags = ["database", "json"]

    static func run(_ arguments: Arguments) async throws(Fault) -> Int32 {
        var owner: TenantID?
        if let text = arguments.value("tenant") {
            guard let id = TenantID(text) else { throw usage("--tenant must be a tenant's id (36 characters)") }
            owner = id
        }
        switch arguments.rest.first {
        case "export" where arguments.rest.count == 1:
            guard let owner else { throw usage("audit export needs --tenant ID") }
            return try await export(owner)
        case "verify" where arguments.rest.count == 1 && arguments.flags.contains("database"), "verify" where arguments.rest.count == 2:
            return try await verify(arguments, owner, file: arguments.rest.count == 2 ? arguments.rest[1] : nil)
        default: throw usage("counterfoil audit export --tenant ID | audit verify [--tenant ID] FILE | audit verify --database")
        }
    }

    private static func export(_ owner: TenantID) async throws(Fault) -> Int32 {
        try await withStore { store throws(Fault) in
            var counted = (rows: 0, seals: 0)
            try put(AuditFile.head(owner))
            try await store.readAudit(owner) { part throws(Fault) in
                switch part {
                case .row: counted.rows += 1
                case .seal: counted.seals += 1
                }
                try put(AuditFile.line(part))
            }
            try put(AuditFile.end(rows: counted.rows, seals: counted.seals))
            return 0
        }
    }

    private static func verify(_ arguments: Arguments, _ owner: TenantID?, file: String?) async throws(Fault) -> Int32 {
        var known: [SealRow] = []
        var owner = owner
        if let text = arguments.value("head") {
            guard let head = SealRow(text: text) else { throw usage("--head is the number and the digest of a seal, as verify prints them: 12:ab…") }
            guard owner != nil || file != nil else { throw usage("--head needs --tenant: each owner has a chain of its own") }
            known = [head]
        }
        var verdicts: [(place: String, verdict: AuditVerifier.Verdict)] = []
        if let file {
            var reader = AuditFileReader(expected: owner, known: known)
            try read(file) { line throws(Fault) in try reader.take(line: line) }
            verdicts.append((file, try reader.end()))
            owner = reader.owner
            // What the file has must be in the database, seal by seal.
            known += reader.seals
        }
        if arguments.flags.contains("database") {
            verdicts += try await withStore { [owner, known] store throws(Fault) in
                var owners: [TenantID] = []
                if let owner { owners = [owner] } else { owners = try await store.auditOwners() }
                var out: [(place: String, verdict: AuditVerifier.Verdict)] = []
                for owner in owners {
                    var verifier = AuditVerifier(owner, known: known)
                    try await store.readAudit(owner) { part throws(Fault) in verifier.take(part) }
                    out.append((owner.description, verifier.end()))
                }
                return out
            }
        }
        if arguments.flags.contains("json") {
            say(JSON.array(verdicts.map { json($0.place, $0.verdict) }).text)
        } else {
            for (place, verdict) in verdicts { tell(place, verdict) }
        }
        return verdicts.allSatisfy { $0.verdict.findings.isEmpty } ? 0 : 1
    }

    private static func tell(_ place: String, _ verdict: AuditVerifier.Verdict) {
        for finding in verdict.findings { say("WRONG  \(place): \(finding.code.rawValue): \(finding.text)") }
        if verdict.findingsLeftOut > 0 { say("WRONG  \(place): \(verdict.findingsLeftOut) more findings") }
        let tail = verdict.oldestUnsealed.map { ", \(verdict.unsealedRows) rows not yet sealed since \($0)" } ?? ""
        let head = verdict.head.map { ", head \($0.text)" } ?? ""
        say("\(verdict.findings.isEmpty ? "ok   " : "WRONG")  \(place): \(verdict.sealedRows) rows under \(verdict.seals) seals\(tail)\(head)")
    }

    private static func json(_ place: String, _ verdict: AuditVerifier.Verdict) -> JSON {
        let findings = verdict.findings.map { finding in
            JSON.object([
                ("code", .string(finding.code.rawValue)), ("seal", finding.seal.map { .number("\($0)") } ?? .null),
                ("row", finding.row.map { .number("\($0)") } ?? .null), ("text", .string(finding.text)),
            ])
        }
        return .object([
            ("place", .string(place)), ("intact", .bool(verdict.findings.isEmpty)), ("seals", .number("\(verdict.seals)")),
            ("sealed_rows", .number("\(verdict.sealedRows)")), ("unsealed_rows", .number("\(verdict.unsealedRows)")),
            ("oldest_unsealed", .optional(verdict.oldestUnsealed?.description)), ("head", .optional(verdict.head?.text)),
            ("findings", .array(findings)), ("findings_left_out", .number("\(verdict.findingsLeftOut)")),
        ])
    }

    private static func withStore<T: Sendable>(_ body: (Store) async throws(Fault) -> T) async throws(Fault) -> T {
        let pool = PostgresPool(try Surroundings.current.database(), size: 1)
        do throws(Fault) {
            let result = try await body(Store(pool))
            await pool.close()
            return result
        } catch {
            await pool.close()
            throw error
        }
    }

    /// Line by line: a trail may be far larger than memory.
    private static func read(_ path: String, _ line: ([UInt8]) throws(Fault) -> Void) throws(Fault) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw usage("\(path) can't be read: errno \(errno)") }
        defer { close(descriptor) }
        var pending: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let n = Glibc.read(descriptor, &chunk, chunk.count)
            if n < 0 && errno == EINTR { continue }
            guard n >= 0, pending.count <= Limits.jsonBytes else { throw usage("\(path) can't be read: errno \(errno)") }
            if n == 0 { break }
            var rest = chunk[..<n]
            while let end = rest.firstIndex(of: 10) {
                try line(pending + rest[..<end])
                pending = []
                rest = rest[(end + 1)...]
            }
            pending += rest
        }
        if !pending.isEmpty { try line(pending) }
    }

    private static func put(_ bytes: [UInt8]) throws(Fault) {
        var done = 0
        while done < bytes.count {
            let n = bytes.withUnsafeBytes { write(1, $0.baseAddress?.advanced(by: done), $0.count - done) }
            if n < 0 && errno == EINTR { continue }
            guard n > 0 else {
                throw Fault("output_lost", stage: .configuration, disposition: .retry, summary: "standard output can't be written: errno \(errno)")
            }
            done += n
        }
    }
}
