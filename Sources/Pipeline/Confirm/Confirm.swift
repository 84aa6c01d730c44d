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
    /// Reads back what was posted and compares it with what was meant, field by field.
    func confirm(_ flow: Setup.Flow, in setup: Setup) async throws(Fault) -> Result {
        guard flow.ledger.row.state == "live" else { return .done }
        let connector = try ledger(flow.ledger)
        let mapper = try await mapper(flow, in: setup)
        while true {
            let rows = try await store.postedPostings(tenant, flow.row.id, limit: Limits.batchDocuments)
            if rows.isEmpty { break }
            try await confirm(rows, flow, connector, mapper)
        }
        try await lookAgain(flow, connector, mapper)
        try await store.ask(tenant, [Job(.reconcile, flow.row.id.description, lane: .audit)], after: .milliseconds(500))
        let next = [try await store.nextConfirm(tenant, flow.row.id), try await store.nextMarked(tenant, flow.row.id)].compactMap(\.self).min()
        return next.map { .again(max($0, .milliseconds(50))) } ?? .done
    }

    /// Every row leaves `posted` or gets a later time: a row that stayed as it is would be read for ever.
    private func confirm(_ rows: [PostingRow], _ flow: Setup.Flow, _ connector: any LedgerConnector, _ mapper: Mapper) async throws(Fault) {
        let bound = try await bind(rows, flow, mapper, create: false)
        try await later(bound.unbound.map(\.row.key), .seconds(60), bound.unbound.first?.fault)
        if bound.documents.isEmpty { return }
        let before = try await settling(bound.documents.map(\.key), flow)
        let seen: [PostKey: LedgerReadback]
        do throws(Fault) {
            seen = try await read(connector.fetch(bound.documents, flow.ledger.facts), connector, flow.ledger)
        } catch {
            guard Confirm.mayConcernOne(error) else { throw error }
            // One that can't be read must not keep the others from being confirmed.
            guard rows.count > 1 else { return try await later(rows.map(\.key), .seconds(60), error) }
            for half in rows.halves { try await confirm(half, flow, connector, mapper) }
            return
        }
        let byKey = Dictionary(rows.map { ($0.key, $0) }) { one, _ in one }
        try await save(bound.documents, seen, byKey, connector, flow, before)
    }

    private func save(
        _ documents: [LedgerDocument], _ seen: [PostKey: LedgerReadback], _ rows: [PostKey: PostingRow], _ connector: any LedgerConnector, _ flow: Setup.Flow,
        _ before: [PostKey: SettledSum]?
    ) async throws(Fault) {
        var good: [(key: PostKey, version: String?, shown: [UInt8]?)] = []
        var bad: [(key: PostKey, findings: [Finding], shown: LedgerReadback)] = []
        var absent: [PostKey] = []
        for document in documents {
            guard let found = seen[document.key] else {
                if Confirm.trusts || document.plan.effect == .void {
                    good.append((document.key, nil, nil))
                } else if rows[document.key]?.attempts ?? 0 < 5 {
                    absent.append(document.key)
                } else {
                    bad.append((document.key, [Confirm.gone], Accept.none(document)))
                }
                continue
            }
            let differences = Confirm.trusts ? [] : Confirm.differences(document, connector: connector, seen: found)
            if differences.isEmpty { good.append((document.key, found.version, ReadbackCodec.encode(found).bytes)) } else { bad.append((document.key, differences, found)) }
        }
        let tenant = tenant
        let goodNow = good, badNow = bad
        let files = good.compactMap { rows[$0.key] }.filter { $0.effect == "post" && Attach.wants($0.form, flow.policies.attach) }
            .map { (key: $0.key, revision: $0.revision) }
        let looks = good.compactMap { item in
            rows[item.key].map { Reflect.Look(row: $0, seen: seen[item.key], isTakenBack: $0.effect == "void") }
        }
        let news = try await news(looks, before: before, flow)
        try await store.transaction { tx throws(Fault) in
            try await tx.reflect(tenant, flow.row.id, news.rows, alert: Reflect.alert(flow.row.id))
            try await tx.lookAtMoney(tenant, flow, news.rows)
            if !goodNow.isEmpty {
                _ = try await tx.query(PostingStatements.confirmed(tenant, goodNow))
                try await tx.audit(tenant, goodNow.map { AuditEntry(actor: "worker", action: "posting.confirmed", subject: "posting \($0.key)") })
                if !news.again.isEmpty {
                    _ = try await tx.query(ChangeStatements.mark(tenant, flow.row.ledgerID, keys: news.again.map { ($0, nil) }, remoteIDs: []))
                    _ = try await tx.query(ChangeStatements.markLater(tenant, news.again, by: Reflect.movingPause, looked: false))
                }
                if !files.isEmpty {
                    _ = try await tx.query(AttachmentStatements.want(tenant, flow.row.id, files))
                    _ = try await tx.query(JobStatements.ask(tenant, [Job(.attach, flow.row.id.description, lane: .poll)]))
                }
            }
            for (key, findings, shown) in badNow {
                let (json, fault) = Confirm.difference(findings)
                _ = try await tx.query(PostingStatements.differs(
                    tenant, key, findings: json, fault: fault.json.bytes, shown: ReadbackCodec.encode(shown).bytes))
                try await tx.audit(tenant, [AuditEntry(actor: "worker", action: "posting.differs", subject: "posting \(key)", detail: fault.json.bytes)])
            }
            try await tx.raise(tenant, Confirm.alerts(badNow.map(\.findings), flow.row.id))
        }
        try await later(absent, max(flow.findSettles ?? connector.spec.idempotency.findSettles, .seconds(1)), nil)
        metrics.count(.postings, ("state", "confirmed"), by: Double(good.count))
        for (key, findings, _) in bad { log.error(.differs, ("posting", key.text), ("why", findings.map(\.why).joined(separator: "; "))) }
    }
}

/// The pure core of confirm.
enum Confirm {
    /// Asked for by its id, and not there. A release writes it anew.
    static let gone = Finding(
        check: "drift", why: "the ledger no longer has the document",
        remedy: "Look for it in the ledger: restore it there and retry, or release to post it again, unless it is found there by its key.", position: "gone")

    /// The fault may be that of one document among those that were asked for together: an answer that can't be read may be so for what it has of one.
    static func mayConcernOne(_ fault: Fault) -> Bool { Post.concernsDocument(fault) || fault.code == "unreadable_answer" }

    /// As it is kept.
    static func difference(_ findings: [Finding]) -> (findings: [UInt8], fault: Fault) {
        let fault = Fault("differs", stage: .confirm, disposition: .hold, summary: findings.first?.why ?? "the ledger shows something else than was sent",
            remedy: findings.first?.remedy ?? "Open the posting, compare both sides, then correct the ledger, accept what it shows, or release.")
        return (JSON.array(findings.map(PlanCodec.finding)).bytes, fault)
    }

    /// Whether what is read back is not even looked at; only where a trial took that wall out.
    static var trusts: Bool {
        #if SABOTAGE
        return Sabotage.trust2xx.isOn
        #else
        return false
        #endif
    }

    /// Where a line's account is not bound any more, nobody can say which one was meant: accounts are then not compared.
    static func differences(_ document: LedgerDocument, connector: any LedgerConnector, seen: LedgerReadback) -> [Finding] {
        var meant = connector.meant(document)
        if document.lines.contains(where: { !$0.account.known }) { meant.accounts = seen.accounts }
        return differences(meant: meant, seen: seen)
    }

    /// One alert per field that differs, not per document.
    static func alerts(_ found: [[Finding]], _ flow: FlowID) -> [AlertRow] {
        var byKey: [String: AlertRow] = [:]
        for first in found.compactMap(\.first) {
            let key = AlertKey.variance(flow, first.position ?? "document")
            byKey[key] = AlertRow(
                key: key, severity: .critical, cause: "the ledger shows something else than was sent: \(first.why)",
                remedy: "Open the posting, compare both sides, then correct the ledger, accept what it shows, or release.")
        }
        return byKey.sorted { $0.key < $1.key }.map(\.value)
    }

    /// How a difference is told: what ours is called, and what to do.
    struct Words {
        var ours: String
        var remedy: String

        static let sent = Words(ours: "meant", remedy: "Correct one side, then release.")
    }

    /// What a person would call different; empty = the ledger holds what was meant.
    static func differences(meant: LedgerReadback, seen: LedgerReadback, _ words: Words = .sent) -> [Finding] {
        var out: [Finding] = []
        func differ(_ field: String, _ a: String, _ b: String) {
            out.append(Finding(check: "drift", why: "\(field): \(words.ours) \(a), the ledger has \(b)", remedy: words.remedy, position: field))
        }
        let currency = (seen.currency ?? meant.currency).flatMap { Currency($0) }
        func amount(_ minor: Int64) -> String { currency.map { "\(Money(minor: minor, $0).text) \($0.code)" } ?? "\(minor)" }
        if meant.voided != seen.voided { differ("voided", "\(meant.voided)", "\(seen.voided)") }
        if meant.voided && seen.voided { return out }
        if meant.total_minor != seen.total_minor { differ("total", amount(meant.total_minor), amount(seen.total_minor)) }
        if let a = meant.tax_minor, let b = seen.tax_minor, a != b { differ("tax", amount(a), amount(b)) }
        if let a = meant.date, let b = seen.date, a != b { differ("date", "\(a)", "\(b)") }
        if let a = meant.due, let b = seen.due, a != b { differ("due", "\(a)", "\(b)") }
        if let a = meant.currency, let b = seen.currency, a != b { differ("currency", a, b) }
        if let a = meant.party, let b = seen.party, a != b { differ("party", a, b) }
        if let a = meant.key, let b = seen.key, a != b { differ("key", a.text, b.text) }
        if let a = meant.appliesTo, let b = seen.appliesTo, a != b { differ("applies_to", a, b) }
        for account in Set(meant.accounts.keys).union(seen.accounts.keys).sorted() {
            let a = meant.accounts[account] ?? 0, b = seen.accounts[account] ?? 0
            if a != b { differ("account \(account)", amount(a), amount(b)) }
        }
        return out
    }
}

extension Array {
    /// Two parts of the same length, or nearly; of one element, that one.
    var halves: [[Element]] {
        guard count > 1 else { return [self] }
        return [Array(self[..<(count / 2)]), Array(self[(count / 2)...])]
    }
}
