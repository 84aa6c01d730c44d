internal import Books
internal import ConnectorKit
internal import Courier
internal import Kernel
internal import Mapping
internal import Postgres
internal import Store
internal import Telemetry
internal import Wire

extension Pipeline {
    /// Reads anew what the ledger says has changed, and compares it with what it had when it was confirmed. What somebody changed there waits for a
    /// person; our own writes, which the ledger tells of as well, are found as they were.
    func lookAgain(_ flow: Setup.Flow, _ connector: any LedgerConnector, _ mapper: Mapper) async throws(Fault) {
        while true {
            let rows = try await store.marked(tenant, flow.row.id, limit: Limits.batchDocuments)
            if rows.isEmpty { return }
            try await lookAgain(rows, flow, connector, mapper)
        }
    }

    /// Every row loses its mark or gets a later one.
    private func lookAgain(_ rows: [RecheckRow], _ flow: Setup.Flow, _ connector: any LedgerConnector, _ mapper: Mapper) async throws(Fault) {
        let bound = try await bind(rows.map(\.asSent), flow, mapper, create: false)
        try await store.markLater(tenant, bound.unbound.map(\.row.key), by: .seconds(600))
        if let stuck = bound.unbound.first { try await raiseStuck(stuck.fault, flow) }
        if bound.documents.isEmpty { return }
        let before = try await settling(bound.documents.map(\.key), flow)
        let seen: [PostKey: LedgerReadback]
        do throws(Fault) {
            seen = try await read(connector.fetch(bound.documents, flow.ledger.facts), connector, flow.ledger)
        } catch {
            guard Confirm.mayConcernOne(error) else { throw error }
            guard rows.count > 1 else {
                log.fault(.failed, error, ("posting", rows[0].posting.key.text))
                try await raiseStuck(error, flow)
                return try await store.markLater(tenant, rows.map(\.posting.key), by: .seconds(600))
            }
            for half in rows.halves { try await lookAgain(half, flow, connector, mapper) }
            return
        }
        let byKey = Dictionary(rows.map { ($0.posting.key, $0) }) { one, _ in one }
        var same: [(key: PostKey, version: String?, shown: [UInt8]?, asked: Timestamp)] = []
        var drifted: [(key: PostKey, findings: [Finding], shown: LedgerReadback)] = [], absent: [PostKey] = [], looks: [Reflect.Look] = [], taken: [Accept.Taken] = []
        for document in bound.documents {
            guard let row = byKey[document.key] else { continue }
            switch try Confirm.verdict(row, document, seen[document.key], connector) {
            case .same(let shown):
                same.append((document.key, shown?.version, shown.map { ReadbackCodec.encode($0).bytes }, row.asked))
                looks.append(Reflect.Look(row: row.posting, seen: shown, isTakenBack: document.plan.effect == .void))
            case .drifted(let findings):
                let stands = try Accept.taken(row, document, seen[document.key], findings, flow.policies, connector)
                var look = Reflect.Look(row: row.posting, seen: seen[document.key], drift: findings, isTakenBack: false)
                if let stands {
                    taken.append(stands)
                    if stands.side == nil { (look.row.accepted, look.drift) = (nil, []) }
                } else {
                    drifted.append((document.key, findings, seen[document.key] ?? Accept.none(document)))
                }
                looks.append(look)
            case .absent: absent.append(document.key)
            }
        }
        let news = try await news(looks, before: before, flow), again = Set(news.again)
        try await settle(same.filter { !again.contains($0.key) }, drifted, taken.filter { !again.contains($0.key) }, news.rows, flow)
        try await store.markLater(tenant, news.again, by: Reflect.movingPause)
        try await store.markLater(tenant, absent, by: Confirm.absentPause, looked: true)
    }

    /// Where the source is told, payments wait for the look at their invoice: somebody has to know when it can't be had.
    private func raiseStuck(_ fault: Fault, _ flow: Setup.Flow) async throws(Fault) {
        guard flow.policies.reflect == .on else { return }
        try await store.raise(tenant, [AlertRow(
            key: AlertKey.fetch(flow.ledger.row.id, fault.code), severity: .warning,
            cause: "a document that changed in the ledger can't be looked at, and its payments wait for that: \(fault.summary)", remedy: fault.remedy)])
    }

    private func settle(
        _ same: [(key: PostKey, version: String?, shown: [UInt8]?, asked: Timestamp)], _ drifted: [(key: PostKey, findings: [Finding], shown: LedgerReadback)],
        _ taken: [Accept.Taken], _ news: [NewReflection], _ flow: Setup.Flow
    ) async throws(Fault) {
        let tenant = tenant
        try await store.transaction { tx throws(Fault) in
            try await tx.reflect(tenant, flow.row.id, news, alert: Reflect.alert(flow.row.id), besides: Set(drifted.map(\.key)))
            try await tx.lookAtMoney(tenant, flow, news)
            if !same.isEmpty {
                _ = try await tx.query(ChangeStatements.unmark(tenant, same))
                // A change of ours has waited for the look.
                _ = try await tx.query(JobStatements.ask(tenant, [Job(.post, flow.row.id.description, lane: .webhook)]))
            }
            for (key, findings, shown) in drifted {
                let (json, fault) = Confirm.difference(findings)
                let had = ReadbackCodec.encode(shown).bytes
                _ = try await tx.query(ChangeStatements.drifted(tenant, key, findings: json, fault: fault.json.bytes, shown: had))
                _ = try await tx.query(PostingStatements.recheckDependants(tenant, [key]))
                try await tx.audit(tenant, [AuditEntry(actor: "worker", action: "posting.differs", subject: "posting \(key)", detail: fault.json.bytes)])
            }
            // What is held of these is told of with them, as of here.
            if !drifted.isEmpty { try await tx.over(tenant, flow.row.id) }
            try await tx.accept(taken, tenant, flow)
            try await tx.raise(tenant, Confirm.alerts(drifted.map(\.findings), flow.row.id))
        }
        for (key, findings, _) in drifted { log.error(.differs, ("posting", key.text), ("why", findings.map(\.why).joined(separator: "; "))) }
    }
}

extension PostgresTransaction {
    /// What the ledger has of these stands. What was ready to settle or correct them is checked against that before it is sent.
    fileprivate func accept(_ taken: [Accept.Taken], _ tenant: TenantID, _ flow: Setup.Flow) async throws(Fault) {
        guard !taken.isEmpty else { return }
        for item in taken {
            let side = item.side?.json.bytes
            let sql = ChangeStatements.accept(
                tenant, item.key, shown: ReadbackCodec.encode(item.shown).bytes, version: item.shown.version, side: side, asked: item.asked)
            guard try await query(sql).affected == 1 else { continue }
            _ = try await query(PostingStatements.recheckDependants(tenant, [item.key]))
            let action = side == nil ? "posting.agrees" : "posting.accepted"
            try await audit(tenant, [AuditEntry(actor: "worker", action: action, subject: "posting \(item.key)", detail: side ?? Array("{}".utf8))])
        }
        // Also what was held because of it.
        _ = try await query(DocumentStatements.markDirty(tenant, flow.row.id, cases: Array(Set(taken.map(\.caseID)).sorted())))
        _ = try await query(JobStatements.ask(tenant, [
            Job(.map, flow.row.id.description, lane: .webhook), Job(.reconcile, flow.row.id.description, lane: .audit),
        ]))
    }
}

extension RecheckRow {
    /// The posting as the ledger was last told of it: a change that waits says something else.
    fileprivate var asSent: PostingRow {
        var out = posting
        out.plan = posting.sent ?? posting.plan
        return out
    }
}

extension Confirm {
    enum Verdict: Equatable {
        /// As it was; `nil` for what was to be gone, and is.
        case same(LedgerReadback?)
        case drifted([Finding])
        /// Not there, this time: a search may be behind.
        case absent
    }

    /// Not there so often, it is gone.
    static let absentMost = 3
    static let absentPause = Duration.seconds(5)

    /// What the ledger has against what it had when it was confirmed; where that was not kept, against what was sent, as far as no account has been bound
    /// anew since.
    static func verdict(_ row: RecheckRow, _ document: LedgerDocument, _ seen: LedgerReadback?, _ connector: any LedgerConnector) throws(Fault) -> Verdict {
        guard let seen else {
            if document.plan.effect == .void { return .same(nil) }
            // Accepted as having no effect: whether it is there says nothing more.
            if row.posting.accepted != nil, let shown = row.shown, try ReadbackCodec.decode(shown).voided { return .same(nil) }
            return row.looks + 1 < absentMost ? .absent : .drifted([gone])
        }
        let had: LedgerReadback
        if let shown = row.shown { had = try ReadbackCodec.decode(shown) } else {
            had = connector.meant(document)
            // Bindings of today say nothing of what was written then.
            return judged(differences(meant: had.without(accounts: seen.accounts), seen: seen, .changed), seen)
        }
        return judged(differences(meant: had, seen: seen, .changed), seen)
    }

    private static func judged(_ findings: [Finding], _ seen: LedgerReadback) -> Verdict { findings.isEmpty ? .same(seen) : .drifted(findings) }
}

extension Confirm.Words {
    /// Somebody changed it there after it was confirmed.
    static let changed = Self(
        ours: "confirmed as", remedy: "Somebody changed it in the ledger: take that back there and retry, accept it if it may stand, or release to write ours again.")
}

extension LedgerReadback {
    fileprivate func without(accounts: [String: Int64]) -> LedgerReadback {
        var out = self
        out.accounts = accounts
        return out
    }
}

/// What a ledger showed, as the store keeps it.
enum ReadbackCodec {
    static func encode(_ shown: LedgerReadback) -> JSON {
        var members: [(key: String, value: JSON)] = [
            ("key", .optional(shown.key?.text)), ("remote_id", .string(shown.remoteID)), ("version", .optional(shown.version)),
            ("date", .optional(shown.date?.description)), ("currency", .optional(shown.currency)), ("total_minor", .number("\(shown.total_minor)")),
            ("tax_minor", shown.tax_minor.map { .number("\($0)") } ?? .null), ("party", .optional(shown.party)), ("applies_to", .optional(shown.appliesTo)),
            ("accounts", .object(shown.accounts.sorted { $0.key < $1.key }.map { ($0.key, .number("\($0.value)")) })), ("voided", .bool(shown.voided)),
        ]
        if let open = shown.open_minor { members.append(("open_minor", .number("\(open)"))) }
        if let credited = shown.credited_minor { members.append(("credited_minor", .number("\(credited)"))) }
        return .object(members)
    }

    /// - Throws: `stored_json_unreadable`.
    static func decode(_ bytes: [UInt8]) throws(Fault) -> LedgerReadback {
        let json = try JSON(parsing: bytes)
        guard let remoteID = json["remote_id"]?.string, let total = json["total_minor"]?.int, let voided = json["voided"]?.bool else {
            throw Fault("stored_json_unreadable", stage: .confirm, disposition: .bug, summary: "what the ledger showed of a posting can't be read again")
        }
        var accounts: [String: Int64] = [:]
        for (name, value) in json["accounts"]?.object ?? [] { accounts[name] = value.int.map { Int64($0) } }
        return LedgerReadback(
            key: json["key"]?.string.flatMap { PostKey($0) }, remoteID: remoteID, version: json["version"]?.string,
            date: json["date"]?.string.flatMap { LocalDate($0) }, currency: json["currency"]?.string, total_minor: Int64(total),
            tax_minor: json["tax_minor"]?.int.map { Int64($0) }, party: json["party"]?.string, accounts: accounts, voided: voided,
            appliesTo: json["applies_to"]?.string, open_minor: json["open_minor"]?.int.map { Int64($0) },
            credited_minor: json["credited_minor"]?.int.map { Int64($0) })
    }
}
