internal import Books
internal import ConnectorKit
internal import Courier
internal import Crypto
internal import Kernel
internal import Mapping
internal import Postgres
internal import Store
internal import Telemetry
internal import Wire

extension Pipeline {
    /// Tells the source what the ledger has of its documents, each state once: what is about to be sent is written down first, and whatever nobody knows
    /// the end of is looked for before it is sent again.
    func reflect(_ flow: Setup.Flow, in setup: Setup) async throws(Fault) -> Result {
        guard flow.row.state == "active", flow.source.row.state == "live" else { return .done }
        let connector = try source(flow.source)
        while true {
            let due = try await store.dueReflections(tenant, flow.row.id, limit: Reflect.atOnce)
            if due.isEmpty { break }
            switch connector.reflectionPlace {
            case .fetched: try await store.keepReflections(tenant, flow.source.row.id, due)
            case .none: for row in due { try await store.settleReflection(tenant, flow.row.id, row, ReflectionOutcome(.none)) }
            case .written: for row in due { try await tell(row, flow, connector) }
            }
        }
        return try await store.nextReflection(tenant, flow.row.id).map { .again(max($0, .milliseconds(50))) } ?? .done
    }

    /// The row is settled or gets a later time.
    private func tell(_ row: ReflectionRow, _ flow: Setup.Flow, _ connector: any SourceConnector) async throws(Fault) {
        let state = try ReflectedState(try JSON(parsing: row.says), number: row.number)
        let attempt = base32Text(random.bytes(12), characters: 18)
        guard let exchange = connector.reflect(state, attempt: attempt, flow.source.facts) else {
            return try await store.settleReflection(tenant, flow.row.id, row, ReflectionOutcome(.none))
        }
        let believable = Post.sendWithin + .seconds(Limits.requestSeconds) + connector.spec.idempotency.findSettles
        try await store.sendReflection(tenant, epoch: epoch, row, attempt: attempt, again: believable)
        let delivery = await courier.run(
            exchange, connector: connector, connection: flow.source, startBy: clocks.monotonic() + Post.sendWithin, canWait: true)
        guard let outcome = Reflect.end(of: delivery) else {
            // It stays `sent` until a search can be believed.
            return log.warning(.outcomeUnknown, ("posting", row.key.text), ("reflection", "\(row.number)"))
        }
        let refused = outcome.state == .refused
        try await store.settleReflection(tenant, flow.row.id, row, outcome, alerts: refused ? [Reflect.refusal(connector.spec.name, flow.row.id)] : [])
        metrics.count(.postings, ("state", "reflection_\(outcome.state.rawValue)"))
        if case .refused(let fault) = delivery, outcome.state == .due, Post.turnsAway(fault) { throw fault }
    }

    /// What of ours settles these documents now; `nil` where the flow tells its source nothing.
    func settling(_ keys: [PostKey], _ flow: Setup.Flow) async throws(Fault) -> [PostKey: SettledSum]? {
        guard flow.policies.reflect == .on else { return nil }
        return try await store.settling(tenant, keys)
    }

    /// What the source is to be told after a look. `before`: what settled the documents when the look began.
    func news(_ looks: [Reflect.Look], before: [PostKey: SettledSum]?, _ flow: Setup.Flow) async throws(Fault) -> [NewReflection] {
        guard let before, !looks.isEmpty else { return [] }
        let keys = looks.map(\.row.key)
        let after = try await store.settling(tenant, keys), known = try await store.paidThere(tenant, keys)
        let name = connectors[flow.ledger.row.platform]?.spec.name ?? flow.ledger.row.platform
        var out: [NewReflection] = []
        for look in looks {
            let key = look.row.key
            let settled = before[key] == after[key] ? after[key] ?? SettledSum(minor: 0, isCertain: true, waitingMinor: 0) : nil
            if let new = try Reflect.news(look, settled, known[key], flow.policies, ledger: name) { out.append(new) }
        }
        return out
    }

    /// The payments among these that the ledger has already, entered there by somebody, and what is wrong with those of which nobody can say.
    func paidThere(_ rows: [PostingRow], _ flow: Setup.Flow) async throws(Fault) -> Reflect.Paid {
        guard flow.policies.reflect == .on else { return Reflect.Paid() }
        let payments = rows.filter(Reflect.isNewPayment)
        let there = try await store.paidThere(tenant, Array(Set(payments.compactMap(\.appliesTo))))
        return try Reflect.paid(payments, there, flow.policies.paidMaster)
    }
}

/// The pure core of reflect.
enum Reflect {
    static let atOnce = 20

    /// Forms that are a source's documents; its payments show in what they settle.
    static let forms: Set<String> = ["invoice", "sales_receipt", "credit_note", "bill"]

    /// One document as a look found it.
    struct Look {
        var row: PostingRow
        /// What the ledger showed; `nil` for what is gone, or was to be.
        var seen: LedgerReadback?
        /// What somebody changed there.
        var drift: [Finding] = []
        /// It was to have no effect any more.
        var isTakenBack: Bool
    }

    static func alert(_ flow: FlowID) -> AlertRow {
        AlertRow(
            key: AlertKey.reflection(flow), severity: .warning, cause: "what the ledger shows waits for a decision before the source is told",
            remedy: "Open the reflections that are held: each names both sides and what each choice does.")
    }

    static func refusal(_ platform: String, _ flow: FlowID) -> AlertRow {
        AlertRow(
            key: AlertKey.reflection(flow), severity: .warning, cause: "\(platform) refuses to be told what the ledger shows of a document",
            remedy: "Open the refused reflections: each names what \(platform) said. Mend that and tell it again, or dismiss it.")
    }

    /// `nil`: nobody knows.
    static func end(of delivery: Delivery<PostOutcome>) -> ReflectionOutcome? {
        switch Attach.end(of: delivery) {
        case .unknown: nil
        case .settled(let end):
            switch end.state {
            case .attached: ReflectionOutcome(.told, remoteID: end.remoteID)
            case .refused: ReflectionOutcome(.refused, fault: end.fault)
            case .due: ReflectionOutcome(.due, fault: end.fault, again: end.again)
            }
        }
    }

    /// - Parameter settled: what of ours settles it; `nil` where that changed while it was looked at.
    static func news(
        _ look: Look, _ settled: SettledSum?, _ known: PaidThere?, _ policies: Policies, ledger: String
    ) throws(Fault) -> NewReflection? {
        let row = look.row
        guard forms.contains(row.form), row.partOf == nil, let form = PostingForm(rawValue: row.form), let currency = Currency(row.currency) else { return nil }
        var state = ReflectedState(
            key: row.key, number: 1, subject: row.subject, caseID: row.caseID, form: form, reference: row.reference, ledger: ledger,
            remoteID: look.seen?.remoteID, state: form == .creditNote ? .credited : .posted,
            total: Money(minor: look.seen?.total_minor ?? row.totalMinor, currency), paid: nil, date: look.seen?.date ?? row.date)
        if look.isTakenBack || !look.drift.isEmpty {
            let isVoid = look.seen?.voided ?? true
            state.state = look.isTakenBack || isVoid ? .voided : .edited
            if isVoid { state.total = Money(minor: row.totalMinor, currency) }
            if look.isTakenBack { return new(state, known?.minor, nil) }
            return changed(state, row, look, known, isVoid ? policies.voidMaster : policies.amountMaster)
        }
        // Where nobody can tell by this look, it is as it was.
        let paid = theirs(look.seen, settled) ?? known?.minor
        guard let paid, paid > 0 else { return new(state, paid, nil) }
        guard policies.paidMaster != .source else { return new(state, paid, nil) }
        state.paid = Money(minor: paid, currency)
        state.state = look.seen?.open_minor == 0 ? .paid : .partPaid
        let unclaimed = paid - ((known?.minor ?? 0) - (known?.unclaimed ?? 0))
        let waiting = settled?.waitingMinor ?? 0
        if waiting > 0, waiting != unclaimed {
            let theirs = Money(minor: unclaimed, currency), ours = Money(minor: waiting, currency)
            return new(state, paid, Finding(
                check: "reflection_conflict", why: "paid: the ledger has \(theirs.text) \(currency.code) that the source did not tell of, the source \(ours.text) that the ledger lacks",
                remedy: "Told, the source hears of the ledger's; dismissed, it does not. The source's own is held until one side is corrected.", position: "paid"))
        }
        return new(state, paid, policies.paidMaster == .ask ? asked("paid", "\(state.paid?.text ?? "") \(currency.code) was entered there") : nil)
    }

    /// What was paid there beside ours; `nil` where that can't be told.
    private static func theirs(_ seen: LedgerReadback?, _ settled: SettledSum?) -> Int64? {
        guard let seen, let open = seen.open_minor, let settled, settled.isCertain else { return nil }
        return max(0, seen.total_minor - open - settled.minor)
    }

    private static func changed(_ state: ReflectedState, _ row: PostingRow, _ look: Look, _ known: PaidThere?, _ master: Policies.Master) -> NewReflection? {
        let what = look.drift.first?.why ?? "it was changed"
        guard row.sentDigest == row.planDigest else {
            let ours = Money(minor: row.totalMinor, state.total.currency)
            return new(state, known?.minor, Finding(
                check: "reflection_conflict", why: "\(what); the source has changed it too, to \(ours.text) \(ours.currency.code)",
                remedy: "Told, the source hears of the ledger's; dismissed, it does not. Releasing the posting writes the source's into the ledger.",
                position: state.state == .voided ? "void" : "amount"))
        }
        if master == .source { return nil }
        return new(state, known?.minor, master == .ask ? asked(state.state == .voided ? "void" : "amount", what) : nil)
    }

    private static func asked(_ field: String, _ what: String) -> Finding {
        Finding(
            check: "reflection_asked", why: "\(field): \(what)",
            remedy: "Told, the source hears of it; dismissed, it does not. masters.\(field) says whose word counts without asking.", position: field)
    }

    private static func new(_ state: ReflectedState, _ paid: Int64?, _ finding: Finding?) -> NewReflection {
        let says = state.json.bytes
        return NewReflection(
            key: state.key, says: says, digest: Digest.sha256(says), paidMinor: paid, finding: finding.map { PlanCodec.finding($0).bytes })
    }

    // MARK: Payments that are there already

    struct Paid {
        var found: [PostKey] = []
        var held: [PostKey: Finding] = [:]
    }

    /// A payment of the source that the ledger was not sent.
    static func isNewPayment(_ row: PostingRow) -> Bool {
        row.form == "payment" && row.effect == "post" && row.remoteID == nil && row.partOf == nil && row.batch == nil && row.appliesTo != nil
            && ["mapped", "cleared", "held"].contains(row.state)
    }

    /// The payments that come to this amount: all of them, or one.
    private static func same(_ rows: [PostingRow], _ amount: Int64) -> [PostKey] {
        if rows.map(\.totalMinor).reduce(0, +) == amount { return rows.map(\.key) }
        return rows.first { $0.totalMinor == amount }.map { [$0.key] } ?? []
    }

    /// Whether all its money is said to be in the bank: where that is, the ledger knows too. Money that a processor holds would be missing from its
    /// clearing account, and the payout that brings it would find nothing.
    private static func isInBank(_ row: PostingRow) throws(Fault) -> Bool {
        try PlanCodec.decode(row.plan).lines.allSatisfy { $0.part != .tender || $0.role.family == "bank" }
    }

    /// Where what the source says came into the bank comes to exactly what somebody entered in the ledger, it is that; else a person says.
    static func paid(_ payments: [PostingRow], _ there: [PostKey: PaidThere], _ master: Policies.Master) throws(Fault) -> Paid {
        var out = Paid()
        for (original, rows) in Dictionary(grouping: payments, by: \.appliesTo) {
            guard let original, let unclaimed = there[original]?.unclaimed, unclaimed > 0 else { continue }
            let mapped = rows.filter { $0.state == "mapped" }
            var banked: [PostingRow] = []
            for row in mapped where try isInBank(row) { banked.append(row) }
            let same = master == .ledger ? Self.same(banked, unclaimed) : []
            out.found += same
            for row in mapped where !same.contains(row.key) {
                let currency = Currency(row.currency)
                func text(_ minor: Int64) -> String { currency.map { "\(Money(minor: minor, $0).text) \($0.code)" } ?? "\(minor)" }
                out.held[row.key] = Finding(
                    check: "paid_in_ledger",
                    why: "somebody entered \(text(unclaimed)) on its invoice in the ledger; this payment is \(text(row.totalMinor)), and nobody knows whether it is the same money",
                    remedy: "The same money: delete the payment in the ledger, and this one goes there by itself. Other money: enter the ledger's in the source too, so that both sides have both.",
                    position: "paid")
            }
        }
        return out
    }
}
