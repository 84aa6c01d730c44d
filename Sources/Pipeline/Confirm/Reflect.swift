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
        // What was to be told when the flow was told to be quiet waits: it is looked at anew before it is ever told.
        guard flow.row.state == "active", flow.policies.reflect == .on else { return .done }
        var places = listeners(setup), failed: Fault?
        while !places.isEmpty {
            let due = try await store.dueReflections(tenant, flow.row.id, to: Array(places.keys), limit: Reflect.atOnce)
            if due.isEmpty { break }
            for (id, rows) in Dictionary(grouping: due, by: \.connection) {
                guard let place = places[id] else { continue }
                do throws(Fault) { try await tell(rows, flow, place.connection, place.connector) } catch {
                    // One that turns us away keeps no other from being told.
                    failed = failed ?? error
                    places[id] = nil
                }
            }
        }
        if let failed { throw failed }
        return try await store.nextReflection(tenant, flow.row.id, to: Array(places.keys)).map { .again(max($0, .milliseconds(50))) } ?? .done
    }

    /// Who can be told now.
    private func listeners(_ setup: Setup) -> [ConnectionID: (connection: CourierConnection, connector: any SourceConnector)] {
        var out: [ConnectionID: (connection: CourierConnection, connector: any SourceConnector)] = [:]
        for (id, connection) in setup.connections {
            guard let connector = connectors[connection.row.platform] as? any SourceConnector else { continue }
            // Who fetches is not called: no credential ever makes that connection live.
            let isReady = connection.row.state == "live" || (connection.row.state == "new" && connector.reflectionPlace == .fetched)
            if isReady { out[id] = (connection, connector) }
        }
        return out
    }

    private func tell(_ rows: [ReflectionRow], _ flow: Setup.Flow, _ connection: CourierConnection, _ connector: any SourceConnector) async throws(Fault) {
        switch connector.reflectionPlace {
        case .fetched: try await store.keepReflections(tenant, connection.row.id, rows)
        case .none: for row in rows { try await store.settleReflection(tenant, flow.row.id, row, Reflect.noPlace(connector.spec.name)) }
        case .written: for row in rows { try await tell(row, flow, connection, connector) }
        }
    }

    /// The row is settled or gets a later time.
    private func tell(_ row: ReflectionRow, _ flow: Setup.Flow, _ connection: CourierConnection, _ connector: any SourceConnector) async throws(Fault) {
        let state = try ReflectedState(try JSON(parsing: row.says), number: row.number)
        if row.state == "sent", !connector.spec.idempotency.searchable {
            return try await store.settleReflection(
                tenant, flow.row.id, row, ReflectionOutcome(.refused, fault: Reflect.unclear.json.bytes), alerts: [Reflect.refusal(connector.spec.name, flow.row.id)])
        }
        let attempt = base32Text(random.bytes(12), characters: 18)
        guard let exchange = connector.reflect(state, attempt: attempt, connection.facts) else {
            return try await store.settleReflection(tenant, flow.row.id, row, Reflect.noPlace(connector.spec.name))
        }
        let believable = Post.sendWithin + .seconds(Limits.requestSeconds) + connector.spec.idempotency.findSettles
        try await store.sendReflection(tenant, epoch: epoch, row, attempt: attempt, again: believable)
        let delivery = await courier.run(
            exchange, connector: connector, connection: connection, startBy: clocks.monotonic() + Post.sendWithin, canWait: true)
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

    /// What the source is to be told after a look, and which documents have to be looked at again because something of ours was under way to them.
    /// `before`: what settled the documents when the look began.
    func news(
        _ looks: [Reflect.Look], before: [PostKey: SettledSum]?, _ flow: Setup.Flow
    ) async throws(Fault) -> (rows: [NewReflection], again: [PostKey]) {
        guard let before, !looks.isEmpty else { return ([], []) }
        let keys = looks.map(\.row.key)
        let after = try await store.settling(tenant, keys), known = try await store.paidThere(tenant, keys)
        let returned = flow.returns == nil ? [:] : try await store.returned(tenant, keys)
        let name = connectors[flow.ledger.row.platform]?.spec.name ?? flow.ledger.row.platform
        var rows: [NewReflection] = [], again: [PostKey] = []
        for look in looks {
            let key = look.row.key, settled = after[key] ?? Reflect.unsettled
            let isMoving = settled.isMoving || before[key] != after[key]
            if isMoving, look.drift.isEmpty, look.seen?.open_minor != nil { again.append(key) }
            var told = settled
            told.isCertain = settled.isCertain && !isMoving
            let listeners = Reflect.Listeners(source: flow.row.sourceID, returns: flow.returns, form: look.row.form, backs: returned[key] ?? [])
            guard !listeners.isEmpty, let news = try Reflect.news(look, told, known[key], flow.policies, ledger: name) else { continue }
            rows += listeners.told(news)
        }
        return (rows, again)
    }

    /// Payments of the source that may be what somebody entered in the ledger: they wait for a person.
    func paidThere(_ rows: [PostingRow], _ flow: Setup.Flow) async throws(Fault) -> [PostKey: Finding] {
        guard flow.policies.reflect == .on else { return [:] }
        let payments = rows.filter(Reflect.isNewPayment)
        guard !payments.isEmpty else { return [:] }
        let cases = Set(payments.map(\.caseID))
        // What is used of a credit note is no payment of the customer's.
        let documents = rows.filter { cases.contains($0.caseID) && $0.remoteID != nil && $0.form != "credit_note" && Reflect.forms.contains($0.form) }
        let there = try await store.paidThere(tenant, documents.map(\.key))
        return Reflect.held(payments, documents.filter { there[$0.key] != nil }, there)
    }
}

extension PostgresTransaction {
    /// A returns system that hears of a credit note hears of the money as well, also where that was in the ledger before the return was told.
    func lookAtMoney(_ tenant: TenantID, _ flow: Setup.Flow, _ news: [NewReflection]) async throws(Fault) {
        guard let returns = flow.returns else { return }
        let notes = news.filter { $0.connection == returns }.map(\.key)
        guard !notes.isEmpty, try await query(ReflectionStatements.lookAtMoney(tenant, of: notes, for: returns)).affected > 0 else { return }
        _ = try await query(JobStatements.ask(tenant, [Job(.confirm, flow.row.id.description, lane: .webhook)]))
    }

    /// A return that only explains what stands changes nothing there; its system is told of it all the same.
    func lookAtExplained(_ tenant: TenantID, _ flow: Setup.Flow, _ covered: PostgresRows) async throws(Fault) {
        var keys: [PostKey] = []
        for row in covered {
            if let key = PostKey(try row.get("post_key", as: String.self)), !keys.contains(key) { keys.append(key) }
        }
        guard flow.tellsReturns, !keys.isEmpty else { return }
        _ = try await query(ReflectionStatements.lookAt(tenant, keys))
        _ = try await query(JobStatements.ask(tenant, [Job(.confirm, flow.row.id.description, lane: .webhook)]))
    }
}

extension Setup.Flow {
    /// A returns system is told what the ledger has.
    var tellsReturns: Bool { policies.reflect == .on && returns != nil }
}

/// The pure core of reflect.
enum Reflect {
    static let atOnce = 20

    /// Forms that are a source's documents; its payments show in what they settle.
    static let forms: Set<String> = ["invoice", "sales_receipt", "credit_note", "bill"]
    /// What a returns system waits for as well: that the money has gone back.
    static let formsOfReturns: Set<String> = forms.union(["refund_payment"])
    static let unsettled = SettledSum(minor: 0, isCertain: true, isMoving: false, waitingMinor: 0)
    /// What is under way to a document is there by then, mostly.
    static let movingPause = Duration.seconds(15)

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

    /// What a look leads to, whoever is told.
    struct News {
        var state: ReflectedState
        var paidMinor: Int64?
        var finding: Finding?

        /// - Parameter subject: their own id of what it stands for, where that is another than the posting's.
        func told(to connection: ConnectionID, of subject: String? = nil) -> NewReflection {
            var state = state
            if let subject { state.subject = subject }
            let says = state.json.bytes
            return NewReflection(
                key: state.key, connection: connection, subject: state.subject, says: says, digest: Digest.sha256(says), paidMinor: paidMinor,
                finding: finding.map { PlanCodec.finding($0).bytes })
        }
    }

    /// Who is told of a document, and under which of their ids: its source, and the returns system of each return that it stands for, whoever owns the
    /// returns' money. A returns system that is the flow's own source is told once.
    struct Listeners {
        var source: ConnectionID?
        var returns: ConnectionID?
        /// Its own ids of the returns.
        var backs: [String] = []

        init(source: ConnectionID, returns: ConnectionID?, form: String, backs documents: [String]) {
            if let returns, formsOfReturns.contains(form) {
                self.returns = returns
                for id in documents.compactMap({ ToldReturn.id(in: $0) }) where !backs.contains(id) { backs.append(id) }
            }
            if forms.contains(form), returns != source || backs.isEmpty { self.source = source }
        }

        var isEmpty: Bool { source == nil && backs.isEmpty }

        func told(_ news: News) -> [NewReflection] {
            (source.map { [news.told(to: $0)] } ?? []) + (returns.map { returns in backs.map { news.told(to: returns, of: $0) } } ?? [])
        }
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

    static let unclear = Fault(
        "reflection_unclear", stage: .confirm, disposition: .reject, summary: "nobody knows whether the source was told, and it can't be searched",
        remedy: "Look at the source: tell it again if it was not told, else dismiss it.")

    /// Nobody can do anything about it: no alert, and nothing that waits.
    static func noPlace(_ platform: String) -> ReflectionOutcome {
        let fault = Fault(
            "no_place", stage: .confirm, disposition: .reject, summary: "\(platform) has no place where it can be told what the ledger has of this document",
            remedy: "None needed: the state is kept here, and shown by the way back's list.")
        return ReflectionOutcome(.none, fault: fault.json.bytes)
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

    /// - Parameter known: what was paid there by the look before.
    static func news(
        _ look: Look, _ settled: SettledSum, _ known: Int64?, _ policies: Policies, ledger: String
    ) throws(Fault) -> News? {
        let row = look.row
        guard row.partOf == nil, let form = PostingForm(rawValue: row.form), let currency = Currency(row.currency) else { return nil }
        var state = ReflectedState(
            key: row.key, number: 1, subject: row.subject, caseID: row.caseID, form: form, reference: row.reference, ledger: ledger,
            remoteID: look.seen?.remoteID, state: form == .creditNote ? .credited : .posted,
            total: Money(minor: look.seen?.total_minor ?? row.totalMinor, currency), paid: nil, date: look.seen?.date ?? row.date)
        let isVoid = look.seen?.voided ?? true
        if look.isTakenBack || !look.drift.isEmpty || (row.accepted != nil && isVoid) {
            state.state = look.isTakenBack || isVoid ? .voided : .edited
            if isVoid { state.total = Money(minor: row.totalMinor, currency) }
            if look.isTakenBack { return new(state, known, nil) }
            return changed(state, row, look, known, isVoid ? policies.voidMaster : policies.amountMaster)
        }
        let paid = theirs(look.seen, settled, known)
        // What was accepted stays what its source was told of it, until somebody pays on it.
        if row.accepted != nil, paid ?? 0 <= 0 {
            state.state = .edited
            return changed(state, row, look, paid, policies.amountMaster)
        }
        // Credit that may be our own credit note's is not told: the source knows of that.
        let credited = settled.isCertain ? max(0, look.seen?.credited_minor ?? 0) : 0
        guard let paid, paid > 0 || credited > 0, policies.paidMaster != .source else { return new(state, paid, nil) }
        if credited > 0 { state.credited = Money(minor: credited, currency) }
        if paid > 0 { state.paid = Money(minor: paid, currency) }
        state.state = paid <= 0 ? .creditApplied : look.seen?.open_minor == 0 ? .paid : .partPaid
        let waiting = settled.waitingMinor
        if waiting > 0, paid > 0, waiting != paid {
            let theirs = Money(minor: paid, currency), ours = Money(minor: waiting, currency)
            return new(state, paid, Finding(
                check: "reflection_conflict", why: "paid: the ledger has \(theirs.text) \(currency.code) that the source did not tell of, the source \(ours.text) that the ledger lacks",
                remedy: "Told, the source hears of the ledger's; dismissed, it does not. The source's own is held until one side is corrected.", position: "paid"))
        }
        guard policies.paidMaster == .ask else { return new(state, paid, nil) }
        let figure = Money(minor: paid > 0 ? paid : credited, currency), word = paid > 0 ? "entered" : "credited"
        return new(state, paid, asked("paid", "\(figure.text) \(currency.code) was \(word) there"))
    }

    /// What was paid there beside ours; `nil` where that can't be told. Where something else of ours may stand against it, it is at most what it was, and
    /// at most what is not owed any more.
    private static func theirs(_ seen: LedgerReadback?, _ settled: SettledSum, _ known: Int64?) -> Int64? {
        guard let seen, let open = seen.open_minor else { return known }
        let most = max(0, seen.total_minor - open - settled.minor - max(0, seen.credited_minor ?? 0))
        return settled.isCertain ? most : known.map { min($0, most) }
    }

    private static func changed(_ state: ReflectedState, _ row: PostingRow, _ look: Look, _ known: Int64?, _ master: Policies.Master) -> News? {
        let what = look.drift.first?.why ?? "it was changed"
        guard row.sentDigest == row.planDigest else {
            let ours = Money(minor: row.totalMinor, state.total.currency)
            return new(state, known, Finding(
                check: "reflection_conflict", why: "\(what); the source has changed it too, to \(ours.text) \(ours.currency.code)",
                remedy: "Told, the source hears of the ledger's; dismissed, it does not. Releasing the posting writes the source's into the ledger.",
                position: state.state == .voided ? "void" : "amount"))
        }
        if master == .source { return nil }
        return new(state, known, master == .ask ? asked(state.state == .voided ? "void" : "amount", what) : nil)
    }

    private static func asked(_ field: String, _ what: String) -> Finding {
        Finding(
            check: "reflection_asked", why: "\(field): \(what)",
            remedy: "Told, the source hears of it; dismissed, it does not. masters.\(field) says whose word counts without asking.", position: field)
    }

    private static func new(_ state: ReflectedState, _ paid: Int64?, _ finding: Finding?) -> News { News(state: state, paidMinor: paid, finding: finding) }

    // MARK: Payments that may be there already

    /// A payment of the source that the ledger was not sent.
    static func isNewPayment(_ row: PostingRow) -> Bool {
        row.form == "payment" && row.effect == "post" && row.remoteID == nil && row.partOf == nil && row.batch == nil && row.state == "mapped"
    }

    /// Where somebody paid on any document of the case in the ledger, nobody can say by amounts whether a payment of the source is that one: sent, the
    /// invoice may be paid twice; left out, money may be missing. A person can.
    static func held(_ payments: [PostingRow], _ paid: [PostingRow], _ there: [PostKey: Int64]) -> [PostKey: Finding] {
        var out: [PostKey: Finding] = [:]
        for row in payments {
            guard let original = paid.first(where: { $0.caseID == row.caseID }), let minor = there[original.key] else { continue }
            func text(_ minor: Int64) -> String { Currency(row.currency).map { "\(Money(minor: minor, $0).text) \($0.code)" } ?? "\(minor)" }
            out[row.key] = Finding(
                check: "paid_in_ledger",
                why: "somebody entered \(text(minor)) on \(original.reference) in the ledger; this payment is \(text(row.totalMinor)), and nobody knows whether it is the same money",
                remedy: """
                    The same money: leave this one held, or delete the ledger's, and this one goes there by itself. Other money: delete the ledger's, and enter it again \
                    when this one is there.
                    """, position: "paid")
        }
        return out
    }
}
