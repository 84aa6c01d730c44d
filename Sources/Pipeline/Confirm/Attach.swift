internal import Books
internal import ConnectorKit
internal import Courier
internal import Crypto
internal import Kernel
internal import Mapping
internal import Store
internal import Telemetry
internal import Wire

extension Pipeline {
    /// Puts files beside documents that the ledger has, each once: what is about to be sent is written down first, and whatever nobody knows the end of
    /// is looked for before it is sent again.
    func attach(_ flow: Setup.Flow, in setup: Setup) async throws(Fault) -> Result {
        guard flow.row.state == "active", flow.ledger.row.state == "live" else { return .done }
        let connector = try ledger(flow.ledger), mapper = try await mapper(flow, in: setup)
        while true {
            let due = try await store.dueAttachments(tenant, flow.row.id, limit: Attach.atOnce)
            if due.isEmpty { break }
            let rows = try await store.postings(tenant, keys: due.map(\.key))
            for item in due {
                guard let row = rows.first(where: { $0.key == item.key }) else { continue }
                try await attach(item, row, flow, connector, mapper)
            }
        }
        return try await store.nextAttachment(tenant, flow.row.id).map { .again(max($0, .milliseconds(50))) } ?? .done
    }

    /// Every row is settled or gets a later time.
    private func attach(
        _ item: AttachmentRow, _ row: PostingRow, _ flow: Setup.Flow, _ connector: any LedgerConnector, _ mapper: Mapper
    ) async throws(Fault) {
        guard row.revision <= item.revision, row.remoteID != nil, row.effect == "post" else { return try await refuse(item, Attach.outdated) }
        guard row.revision == item.revision, ["confirmed", "reconciled"].contains(row.state) else {
            return try await store.attachmentLater(tenant, item, by: .seconds(60))
        }
        let bound = try await bind([row], flow, mapper, create: false)
        guard let document = bound.documents.first else { return try await store.attachmentLater(tenant, item, by: .seconds(600)) }
        let file: LedgerFile
        do throws(Fault) {
            file = try Attach.file(document, parts: try await store.parts(tenant, of: row.key)) { mapper.account(for: $0, of: $1)?.code ?? "" }
        } catch {
            guard ![.retry, .wait].contains(error.disposition) else { throw error }
            // A part may be about to become a revision of the whole; what can never be written must not keep the other files waiting.
            let mayPass = error.disposition == .hold && item.attempts < Attach.triesMost
            return mayPass ? try await store.attachmentLater(tenant, item, by: .seconds(60)) : try await refuse(item, error)
        }
        let attempt = base32Text(random.bytes(12), characters: 18)
        guard let exchange = connector.attach(file, to: document, attempt: attempt, flow.ledger.facts) else { return try await refuse(item, Attach.noPlace) }
        let settles = flow.findSettles ?? connector.spec.idempotency.findSettles
        let believable = Post.sendWithin + .seconds(Limits.requestSeconds) + settles
        try await store.sendAttachment(
            tenant, epoch: epoch, item, name: file.name, digest: Digest.sha256(file.bytes), attempt: attempt, again: believable)
        let delivery = await courier.run(
            exchange, connector: connector, connection: flow.ledger, startBy: clocks.monotonic() + Post.sendWithin, canWait: true)
        switch Attach.end(of: delivery) {
        case .settled(let outcome):
            // Once it takes files again, what was told of one that it did not take is over.
            try await store.settleAttachment(
                tenant, item, outcome, alerts: outcome.state == .refused ? [Attach.alert(connector.spec.name, flow.ledger.row.id)] : [],
                over: outcome.state == .attached ? [AlertKey.attachment(flow.ledger.row.id)] : [])
            metrics.count(.postings, ("state", outcome.state.rawValue))
            if case .refused(let fault) = delivery, outcome.state == .due, Post.turnsAway(fault) { throw fault }
        // It stays `sent` until a search can be believed.
        case .unknown: log.warning(.outcomeUnknown, ("posting", item.key.text), ("file", file.name))
        }
    }

    private func refuse(_ item: AttachmentRow, _ fault: Fault) async throws(Fault) {
        try await store.settleAttachment(tenant, item, AttachmentOutcome(.refused, fault: fault.json.bytes))
    }
}

/// The pure core of attach.
enum Attach {
    static let atOnce = 20
    static let triesMost = 10
    static let bytesMost = 8 << 20

    static let outdated = Fault("attachment_outdated", stage: .confirm, disposition: .reject, summary: "the document has a later revision, or is void", remedy: "None needed: the later revision has a file of its own.")
    static let noPlace = Fault(
        "attachment_unsupported", stage: .confirm, disposition: .reject, summary: "the ledger has no place for files at documents of this form",
        remedy: "Set the policy attach: none.")

    static func alert(_ platform: String, _ connection: ConnectionID) -> AlertRow {
        AlertRow(
            key: AlertKey.attachment(connection), severity: .information, cause: "\(platform) refused a file beside a document; the document itself is as it should be",
            remedy: "Open the posting's history: it names what the ledger said. The alert is over when another file is taken, or when you acknowledge it.")
    }

    /// Whether a document of this form gets a file.
    static func wants(_ form: String, _ policy: Policies.Attach) -> Bool {
        switch policy {
        case .none: false
        case .summaries: ["summary", "settlement", "payout", "deposit"].contains(form)
        case .all: true
        }
    }

    enum End {
        case settled(AttachmentOutcome)
        case unknown
    }

    static func end(of delivery: Delivery<PostOutcome>) -> End {
        switch delivery {
        case .done(.posted(let remoteID, _)): .settled(AttachmentOutcome(.attached, remoteID: remoteID))
        case .done(.rejected(let fault)): .settled(AttachmentOutcome(.refused, fault: fault.json.bytes))
        case .done(.throttled(let fault)), .done(.stale(let fault)): .settled(AttachmentOutcome(.due, fault: fault.json.bytes, again: fault.retryAfter ?? .seconds(60)))
        case .refused(let fault):
            Post.concernsDocument(fault)
                ? .settled(AttachmentOutcome(.refused, fault: fault.json.bytes))
                : .settled(AttachmentOutcome(.due, fault: fault.json.bytes, again: fault.retryAfter ?? .seconds(60)))
        case .done(.duplicate), .done(.unknown), .duplicate, .unknown: .unknown
        }
    }

    private struct Place: Hashable {
        var role: Role
        var currency: Currency
    }

    /// The documents behind a posting with what each adds to which account: signed amounts, debits positive, whose sum for each role and currency is the
    /// posting's. What no part accounts for stands as the document's own.
    /// - Throws: `attachment_unproven` (hold): the parts come to something else than the document; `attachment_too_large` (reject).
    static func file(
        _ document: LedgerDocument, parts rows: [PostingRow], account: (PostingLine, PlannedPosting) -> String
    ) throws(Fault) -> LedgerFile {
        var csv = CSVWriter()
        csv.row(["document", "form", "date", "reference", "text", "role", "account", "amount", "currency"])
        var sums: [Place: Int64] = [:], order: [Place] = []
        for line in document.plan.lines {
            let place = Place(role: line.role, currency: line.amount.currency)
            if sums[place] == nil { order.append(place) }
            sums[place, default: 0] += line.amount.minor
        }
        func add(_ line: PostingLine, _ plan: PlannedPosting, _ name: String, _ reference: String) {
            csv.row([
                name, plan.form.rawValue, plan.date.description, reference, line.text, line.role.text, account(line, plan), line.amount.text,
                line.amount.currency.code,
            ].map(plain))
        }
        for row in rows {
            let part = try PlanCodec.decode(row.sent ?? row.plan)
            for line in part.lines where !line.amount.isZero {
                let place = Place(role: line.role, currency: line.amount.currency)
                if sums[place] == nil { order.append(place) }
                sums[place, default: 0] -= line.amount.minor
                add(line, part, part.subject, row.reference)
            }
        }
        if rows.isEmpty {
            for line in document.plan.lines { add(line, document.plan, line.derivedFrom.joined(separator: " "), document.reference) }
        } else {
            for place in order where sums[place] != 0 {
                // A summary is its parts and nothing else; a settlement has the processor's own rows too.
                guard document.plan.form != .summary, let line = document.plan.lines.first(where: { $0.role == place.role && $0.amount.currency == place.currency })
                else { throw unproven(place.role, Money(minor: sums[place] ?? 0, place.currency)) }
                var rest = line
                rest.amount = Money(minor: sums[place] ?? 0, place.currency)
                add(rest, document.plan, document.plan.subject, document.reference)
            }
        }
        guard csv.bytes.count <= bytesMost else {
            throw Fault("attachment_too_large", stage: .confirm, disposition: .reject, summary: "the list of documents is larger than \(bytesMost) bytes",
                remedy: "Fetch the list by the API instead: GET /v1/postings/{posting}/documents.")
        }
        return LedgerFile(name: "counterfoil-\(document.key)-r\(document.revision).csv", contentType: "text/csv", bytes: csv.bytes)
    }

    /// A cell that a spreadsheet would take for a formula is text: amounts begin with a minus of their own.
    private static func plain(_ text: String) -> String {
        guard let first = text.first, "=+@\t\r".contains(first) || (first == "-" && ExactDecimal(text) == nil) else { return text }
        return "'" + text
    }

    private static func unproven(_ role: Role, _ rest: Money) -> Fault {
        Fault(
            "attachment_unproven", stage: .confirm, disposition: .hold, summary: "the documents behind it differ from it by \(rest.text) \(rest.currency.code) on \(role)",
            remedy: "None needed while a document changes; the file follows with the document's next revision.", position: role.text)
    }
}
