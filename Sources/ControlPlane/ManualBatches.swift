internal import Books
internal import ConnectorKit
internal import Crypto
internal import Kernel
internal import Mapping
internal import Postgres
internal import Store
internal import Wire

/// Files of what has not been posted, made within the transaction that takes their postings in hand.
struct ManualBatches: Sendable {
    let tenant: TenantID
    let connection: ConnectionID
    /// Begins the files' names.
    let slug: String
    let side: Ledgerside
    let form: ManualForm
    /// By flow: the source's platform.
    let sources: [FlowID: String]
    let actor: String
    let random: any RandomSource

    /// Bound, and what can't be.
    private struct Wants {
        var list: [(row: PostingRow, want: ManualFile.Want)] = []
        var left: [ManualFile.Left] = []
    }

    func make(_ tx: PostgresTransaction, until: LocalDate?, limit: Int) async throws(Fault) -> JSON {
        let (rows, next) = try await tx.takeable(tenant, connection, until: until, limit: limit)
        var wants = bound(rows)
        try await keepTogether(&wants, tx)
        var (files, left) = ManualFile.files(form, wants.list.map(\.want), first: next, side.facts)
        // What settles a document that could not be written waits with it; what waits for that, too.
        while true {
            let lost = Set((wants.left + left).map(\.key))
            let waiting = wants.list.filter { pair in !lost.contains(pair.row.key) && pair.row.appliesTo.map(lost.contains) ?? false }
            if waiting.isEmpty { break }
            let gone = Set(waiting.map(\.row.key))
            wants.left += waiting.map { waits($0.row) }
            wants.list.removeAll { gone.contains($0.row.key) }
            (files, left) = ManualFile.files(form, wants.list.map(\.want), first: next, side.facts)
        }
        var batches: [JSON] = []
        for file in files { batches.append(try await keep(file, tx)) }
        return .object([("batches", .array(batches)), ("left", .array((wants.left + left).map(Self.json)))])
    }

    private func bound(_ rows: [PostingRow]) -> Wants {
        var out = Wants()
        for row in rows {
            do throws(Fault) {
                let document = try self.document(row, row.plan)
                var before: LedgerDocument?
                // The ledger has it already: only what went there by hand is ever taken in hand again.
                if row.remoteID != nil, let sent = row.sent { before = try self.document(row, sent) }
                let want = ManualFile.Want(document: document, before: before, party: party(document), source: sources[row.flow] ?? "")
                out.list.append((row, want))
            } catch { out.left.append(ManualFile.Left(key: row.key, fault: error)) }
        }
        return out
    }

    private func document(_ row: PostingRow, _ body: [UInt8]) throws(Fault) -> LedgerDocument {
        let plan = try PlanCodec.decode(body)
        var lines: [LedgerDocument.Line] = []
        for line in plan.lines {
            guard let account = side.mapper.account(for: line, of: plan), account.known else {
                throw Fault("unbound_line", stage: .post, disposition: .hold, summary: "the role \(line.role) is not bound to an account of the ledger",
                    remedy: "Bind it in the account structure.", position: line.role.text)
            }
            lines.append(LedgerDocument.Line(
                plan: line, account: account, taxCode: side.mapper.taxCode(for: line, of: plan)?.value,
                dimensions: side.mapper.dimensions(for: line, of: plan)))
        }
        return LedgerDocument(
            key: row.key, revision: row.revision, plan: plan, lines: lines, reference: row.reference, remoteID: row.remoteID, remoteVersion: row.remoteVersion)
    }

    /// The customer's or supplier's name there, as it would be sent.
    private func party(_ document: LedgerDocument) -> String {
        let want = side.connector.references(for: document).first { $0.kind == .party || $0.kind == .vendor }
        guard let want, want.key != "shop", !want.key.hasPrefix("shop@") else { return side.mapper.structure.houseCustomer }
        return want.name
    }

    /// What settles or corrects another document goes with it, or after it.
    private func keepTogether(_ wants: inout Wants, _ tx: PostgresTransaction) async throws(Fault) {
        let standing = try await tx.standing(tenant, wants.list.compactMap(\.row.appliesTo))
        var carried = wants.list.filter { form.carries.contains($0.want.document.plan.form) }
        wants.left += wants.list.filter { !form.carries.contains($0.want.document.plan.form) }.map { unsupported($0.row) }
        while true {
            let here = standing.union(carried.map(\.row.key))
            let kept = carried.filter { $0.row.appliesTo.map(here.contains) ?? true }
            wants.left += carried.filter { !($0.row.appliesTo.map(here.contains) ?? true) }.map { waits($0.row) }
            if kept.count == carried.count { break }
            carried = kept
        }
        wants.list = carried
    }

    private func unsupported(_ row: PostingRow) -> ManualFile.Left {
        ManualFile.Left(key: row.key, fault: Fault(
            "manual_form_unsupported", stage: .post, disposition: .hold, summary: "\(form.name) does not carry the form \(row.form)",
            remedy: "Choose another form for it, or wait for the ledger's API."))
    }

    private func waits(_ row: PostingRow) -> ManualFile.Left {
        ManualFile.Left(key: row.key, fault: Fault(
            "manual_waits", stage: .post, disposition: .hold, summary: "what it settles is neither in the ledger nor in this batch",
            remedy: "Hand that over first."))
    }

    private func keep(_ file: ManualFile, _ tx: PostgresTransaction) async throws(Fault) -> JSON {
        let number = "\(file.number)", padded = String(repeating: "0", count: max(0, 4 - number.count)) + number
        let notes = JSON.array(file.notes.map { .object([("reference", .string($0.reference)), ("full", .string($0.full)), ("written", .string($0.written))]) })
        let new = NewBatch(
            id: random.identifier(), connection: connection, number: file.number, form: form.id, formVersion: form.version,
            fileName: "\(slug)-\(form.id)-\(padded).\(form.writing.ending)", mediaType: form.writing.mediaType, content: file.bytes,
            digest: Digest.sha256(file.bytes), rows: file.rows, notes: notes.bytes, actor: actor,
            items: file.items.map {
                NewBatch.Item(
                    key: $0.key, revision: $0.revision, reference: $0.reference, currency: $0.currency.code, figureMinor: $0.figure_minor,
                    findable: $0.findable && side.connector.spec.idempotency.searchable)
            })
        try await tx.keep(tenant, new)
        return .object([
            ("id", .string(new.id.description)), ("number", .number(number)), ("form", .string(form.id)), ("state", "open"),
            ("postings", .number("\(new.items.count)")),
            ("rows", .number("\(new.rows)")), ("file_name", .string(new.fileName)), ("sha256", .string(new.digest.hexText)),
        ])
    }

    private static func json(_ left: ManualFile.Left) -> JSON {
        .object([
            ("post_key", .string(left.key.text)), ("code", .string(left.fault.code)), ("why", .string(left.fault.summary)),
            ("remedy", .string(left.fault.remedy)),
            ("position", .optional(left.fault.position)),
        ])
    }
}
