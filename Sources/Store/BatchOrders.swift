public import Books
public import Kernel
public import Postgres

/// What a list from the ledger, or a person, says of a batch's postings.
public struct BatchWord: Sendable {
    /// It is there as meant.
    public var confirmed: [PostKey]
    /// It is there otherwise: it stays in hand, with what is wrong.
    public var findings: [(key: PostKey, why: String)]

    public init(confirmed: [PostKey], findings: [(key: PostKey, why: String)] = []) {
        self.confirmed = confirmed
        self.findings = findings
    }
}

extension PostgresTransaction {
    /// Postings that a batch may take now, locked to the end of the transaction, and the number of the connection's next batch.
    /// - Throws: `database_older`.
    public func takeable(_ tenant: TenantID, _ connection: ConnectionID, until: LocalDate?, limit: Int) async throws(Fault) -> (rows: [PostingRow], next: Int) {
        try await refuseOlder()
        guard try await !query(BatchStatements.lockConnection(tenant, connection)).isEmpty else {
            throw Fault("not_found", stage: .api, disposition: .reject, summary: "there is no such connection, or not for this key")
        }
        let next: Int64 = try await query(BatchStatements.nextNumber(tenant, connection)).first?.get("n") ?? 1
        guard next < 32_768 else {
            throw Fault("batches_used_up", stage: .api, disposition: .reject, summary: "the connection has had 32 767 batches: there are no numbers left",
                remedy: "Make a new connection for the ledger.")
        }
        return (try await query(BatchStatements.takeable(tenant, connection, until: until, limit: limit)).postings(), Int(next))
    }

    /// Those of the keys whose documents stand in the ledger.
    public func standing(_ tenant: TenantID, _ keys: [PostKey]) async throws(Fault) -> Set<PostKey> {
        var out: Set<PostKey> = []
        for row in try await query(BatchStatements.standing(tenant, keys)) {
            if let key = PostKey(try row.get("post_key", as: String.self)) { out.insert(key) }
        }
        return out
    }

    /// Keeps a file and takes its postings in hand: from the commit on nothing sends them.
    /// - Throws: `posting_moved` when one of them is no longer cleared in the revision that stands in the file.
    public func keep(_ tenant: TenantID, _ new: NewBatch) async throws(Fault) {
        _ = try await query(BatchStatements.insert(tenant, new))
        _ = try await query(BatchStatements.insertItems(tenant, new))
        guard try await query(BatchStatements.take(tenant, new)).affected == new.items.count else {
            throw Fault("posting_moved", stage: .post, disposition: .retry, summary: "a posting changed while its batch was written")
        }
        try await audit(tenant, [AuditEntry(actor: new.actor, action: "batch.created", subject: "batch \(new.id)")])
        try await audit(tenant, new.items.map { AuditEntry(actor: new.actor, action: "posting.in_hand", subject: "posting \($0.key)") })
    }

    /// The batch, locked to the end of the transaction.
    public func batch(_ tenant: TenantID, _ id: BatchID) async throws(Fault) -> BatchHead {
        guard let row = try await query(BatchStatements.head(tenant, id)).first else {
            throw Fault("not_found", stage: .api, disposition: .reject, summary: "there is no such thing, or not for this key")
        }
        return BatchHead(
            id: try row.get("id"), connection: try row.get("connection_id"), number: Int(try row.get("number", as: Int32.self)), form: try row.get("form"),
            state: try row.get("state"), fileName: try row.get("file_name"), mediaType: try row.get("media_type"),
            downloads: Int(try row.get("downloads", as: Int32.self)))
    }

    /// From here on the file may be anywhere. Saying it again changes nothing.
    /// - Throws: `wrong_state` for a batch that is settled.
    public func handOver(_ tenant: TenantID, _ batch: BatchHead, actor: String) async throws(Fault) {
        guard batch.state != "handed_over" else { return }
        guard try await query(BatchStatements.handOver(tenant, batch.id)).affected == 1 else {
            throw Self.wrong("the batch is \(batch.state)", "Make a new batch of what is left.")
        }
        try await audit(tenant, [AuditEntry(actor: actor, action: "batch.handed_over", subject: "batch \(batch.id)")])
    }

    /// The file's bytes, counted.
    /// - Throws: `wrong_state` before it is handed over and once it is withdrawn.
    public func download(_ tenant: TenantID, _ batch: BatchHead, actor: String) async throws(Fault) -> [UInt8] {
        guard let row = try await query(BatchStatements.download(tenant, batch.id)).first else {
            throw Self.wrong(
                "the batch is \(batch.state): its file is not given out",
                batch.state == "open" ? "POST hand-over first." : "Its postings may have been sent since: make a new batch.")
        }
        try await audit(tenant, [AuditEntry(actor: actor, action: "batch.downloaded", subject: "batch \(batch.id)")])
        return try row.get("content")
    }

    /// What of the batch is still in hand, its postings locked.
    public func inHand(_ tenant: TenantID, _ batch: BatchHead) async throws(Fault) -> [BatchItem] {
        var out: [BatchItem] = []
        for row in try await query(BatchStatements.inHand(tenant, batch.id)) { out.append(try BatchItem(row)) }
        return out
    }

    /// What of the batch was confirmed before.
    public func confirmedItems(_ tenant: TenantID, _ batch: BatchHead) async throws(Fault) -> [BatchItem] {
        var out: [BatchItem] = []
        for row in try await query(BatchStatements.confirmedItems(tenant, batch.id)) { out.append(try BatchItem(row)) }
        return out
    }

    /// Settles what is there as meant, and notes what is there otherwise. What was confirmed before stays as it is: saying it again changes nothing.
    /// - Throws: `wrong_state` unless the batch is handed over, or confirmed before.
    public func confirm(_ tenant: TenantID, _ batch: BatchHead, _ items: [BatchItem], _ word: BatchWord, actor: String, detail: [UInt8]) async throws(Fault) {
        if batch.state == "confirmed", items.isEmpty { return }
        guard batch.state == "handed_over" else {
            throw Self.wrong("the batch is \(batch.state): only what was handed over can be confirmed", "POST hand-over first, or look at what became of it.")
        }
        if !word.findings.isEmpty { _ = try await query(BatchStatements.note(tenant, batch.id, word.findings)) }
        if !word.confirmed.isEmpty {
            guard try await query(BatchStatements.settleByHand(tenant, batch.id, word.confirmed)).affected == word.confirmed.count else { throw Self.moved }
            _ = try await query(BatchStatements.settleItems(tenant, batch.id, word.confirmed, state: "confirmed"))
        }
        try await audit(tenant, [AuditEntry(actor: actor, action: "batch.confirmed", subject: "batch \(batch.id)", detail: detail)])
        try await audit(tenant, word.confirmed.map { AuditEntry(actor: actor, action: "posting.confirmed_by_hand", subject: "posting \($0)") })
        try await follow(tenant, batch, items.filter { word.confirmed.contains($0.key) }, stands: true)
    }

    /// Gives the rest of the batch back. What may be in the ledger (`doubted`) is looked for there before anything is sent; the rest is planned anew.
    /// - Throws: `wrong_state` for a batch that is settled.
    public func withdraw(_ tenant: TenantID, _ batch: BatchHead, _ items: [BatchItem], doubted: [PostKey], actor: String, detail: [UInt8]) async throws(Fault) {
        guard ["open", "handed_over"].contains(batch.state) else { throw Self.wrong("the batch is \(batch.state)", "What is settled stays settled.") }
        let doubt = Set(doubted), sure = items.map(\.key).filter { !doubt.contains($0) }
        if !doubted.isEmpty {
            guard try await query(BatchStatements.doubt(tenant, batch.id, doubted)).affected == doubted.count else { throw Self.moved }
        }
        guard try await query(BatchStatements.release(tenant, batch.id, sure)).affected == sure.count else { throw Self.moved }
        _ = try await query(BatchStatements.settleItems(tenant, batch.id, items.map(\.key), state: "withdrawn"))
        try await audit(tenant, [AuditEntry(actor: actor, action: "batch.withdrawn", subject: "batch \(batch.id)", detail: detail)])
        try await audit(tenant, items.map { AuditEntry(actor: actor, action: "posting.given_back", subject: "posting \($0.key)") })
        try await follow(tenant, batch, items, stands: false)
    }

    /// The batch's end if nothing is left in hand, and the jobs that follow: plans may have changed meanwhile, and others may have waited.
    fileprivate func follow(_ tenant: TenantID, _ batch: BatchHead, _ items: [BatchItem], stands: Bool) async throws(Fault) {
        if try await query(BatchStatements.close(tenant, batch.id)).affected > 0 {
            _ = try await query(AlertStatements.resolve(tenant, keys: [Self.changedKey(batch.id)]))
        }
        guard !items.isEmpty else { return }
        var jobs: [Job] = []
        for (flow, own) in Dictionary(grouping: items, by: \.flow).sorted(by: { $0.key < $1.key }) {
            _ = try await query(DocumentStatements.markDirty(tenant, flow, cases: own.map(\.caseID)))
            jobs += [.map, .post, .confirm, .reconcile].map { Job($0, flow.description, lane: .interactive) }
        }
        try await askMaps(tenant, try await query(BatchStatements.dirtyParts(tenant, items.map(\.key))))
        if stands { try await askMaps(tenant, try await query(MemberStatements.dirtyAround(tenant, items.map(\.key)))) }
        _ = try await query(JobStatements.ask(tenant, jobs))
        _ = try await query(JobStatements.wake())
    }

    private static func changedKey(_ batch: BatchID) -> String { "changed_in_hand/\(batch)" }

    /// What the sources say otherwise than the file in hand, by name and by batch, for people to decide; and what they say as it stands there again.
    public func noteInHand(_ tenant: TenantID, changed: [PostKey], same: [PostKey], findings: [UInt8]) async throws(Fault) {
        if !same.isEmpty { _ = try await query(BatchStatements.noteInHand(tenant, same, findings: Array("[]".utf8))) }
        guard !changed.isEmpty else { return }
        var alerts: [String: AlertRow] = [:], entries: [AuditEntry] = []
        for row in try await query(BatchStatements.noteInHand(tenant, changed, findings: findings)) {
            let number: Int32 = try row.get("number"), key = Self.changedKey(try row.get("id"))
            alerts[key] = AlertRow(
                key: key, severity: .warning, cause: "a document changed after it was written to the file of batch \(number)",
                remedy: "Confirm the batch if its file was imported: the change follows in a later one. Withdraw it if it was not, and make a new one.")
            entries.append(AuditEntry(actor: "worker", action: "posting.changed_in_hand", subject: "posting \(try row.get("post_key", as: String.self))"))
        }
        try await raise(tenant, alerts.sorted { $0.key < $1.key }.map(\.value))
        try await audit(tenant, entries)
    }

    /// Parts of gathered documents in hand, with the document that each is a part of.
    public func partsInHand(_ tenant: TenantID, _ keys: [PostKey]) async throws(Fault) -> [(part: PostKey, whole: PostKey)] {
        guard !keys.isEmpty else { return [] }
        var out: [(part: PostKey, whole: PostKey)] = []
        for row in try await query(BatchStatements.partsInHand(tenant, keys)) {
            if let part = PostKey(try row.get("post_key", as: String.self)),
                let whole = PostKey(try row.get("whole", as: String.self)) { out.append((part, whole)) }
        }
        return out
    }

    private static var moved: Fault {
        Fault("posting_moved", stage: .post, disposition: .retry, summary: "a posting changed while its batch was settled")
    }

    private static func wrong(_ summary: String, _ remedy: String) -> Fault {
        Fault("wrong_state", stage: .api, disposition: .reject, summary: summary, remedy: remedy)
    }
}

extension Store {
    public func batches(_ tenant: TenantID, _ connection: ConnectionID, state: String?, _ page: PageRequest) async throws(Fault) -> [AdminRow] {
        try await adminRows(BatchStatements.list(tenant, connection, state: state, page))
    }

    public func batch(_ id: BatchID, _ sees: Visibility) async throws(Fault) -> AdminRow? { try await adminRow(BatchStatements.one(id, sees)) }

    public func batchItems(_ tenant: TenantID, _ id: BatchID, _ page: PageRequest) async throws(Fault) -> [AdminRow] {
        try await adminRows(BatchStatements.items(tenant, id, page))
    }

    /// Postings of files handed over that the ledger can be asked for, after this key, by batch.
    public func handedOver(_ tenant: TenantID, _ connection: ConnectionID, after: String, limit: Int) async throws(Fault) -> [(batch: BatchID, key: PostKey)] {
        var out: [(batch: BatchID, key: PostKey)] = []
        for row in try await pool.query(BatchStatements.handedOver(tenant, connection, after: after, limit: limit)) {
            if let key = PostKey(try row.get("post_key", as: String.self)) { out.append((try row.get("batch_id"), key)) }
        }
        return out
    }

    /// The ledger's API shows them: they go on as if they had been sent.
    public func settleFound(_ tenant: TenantID, _ id: BatchID, _ found: [(key: PostKey, remoteID: String, version: String?)]) async throws(Fault) {
        try await transaction { tx throws(Fault) in
            let batch = try await tx.batch(tenant, id)
            let items = try await tx.inHand(tenant, batch)
            var moved: [PostKey] = []
            for row in try await tx.query(BatchStatements.settleFound(tenant, id, found)) {
                if let key = PostKey(try row.get("post_key", as: String.self)) { moved.append(key) }
            }
            guard !moved.isEmpty else { return }
            _ = try await tx.query(BatchStatements.settleItems(tenant, id, moved, state: "confirmed"))
            try await tx.audit(tenant, moved.map { AuditEntry(actor: "worker", action: "posting.posted", subject: "posting \($0)") })
            try await tx.follow(tenant, batch, items.filter { moved.contains($0.key) }, stands: true)
        }
    }
}
