internal import Books
internal import Kernel
internal import Mapping
internal import Store
internal import Telemetry

/// What the cases of one batch must know of others.
struct Around: Sendable {
    var plan = Surroundings()
    /// The payment's case, by the bank line that proves it.
    var payments: [String: (flow: FlowID, caseID: String)] = [:]
    /// Payouts that pay for something of the batch, where orders are settled with them.
    var payouts: [SourceDocument] = []

    /// Those that pay for one of these documents.
    func payouts(of documents: [SourceDocument]) -> [SourceDocument] {
        let ids = Set(documents.map(\.id))
        return payouts.filter { document in
            if case .payout(let payout) = document.body { !Map.members(of: payout).isDisjoint(with: ids) } else { false }
        }
    }
}

extension Map {
    /// What a batch's documents make it look at.
    struct Sight: Sendable {
        var members: Set<String> = []
        var hasPayout = false
        var asksBank = false
        /// Ids of documents that payouts may pay for, where that matters.
        var paid: [String] = []
        /// Orders that invoices of other cases may bill, where that matters.
        var orders: [String] = []

        /// - Parameter isMirrored: the case has a sales order, whatever the policies say by now.
        mutating func note(_ document: SourceDocument, _ policies: Policies, isMirrored: Bool) {
            if policies.settles { paid.append(document.id) }
            if isMirrored || policies.salesOrders == .mirror, case .sale(let sale) = document.body, sale.isDraft, !sale.isInvoice { orders.append(document.id) }
            switch document.body {
            case .payout(let payout):
                hasPayout = true
                members.formUnion(Map.members(of: payout))
            case .bankLine: asksBank = true
            case .payment(let payment) where payment.gateway == "bank": asksBank = true
            default: break
            }
        }
    }

    /// The documents that a payout pays for, and those they are part of: `R-1` of `R-1/T1`.
    static func members(of payout: Payout) -> Set<String> {
        var out: Set<String> = []
        for ref in payout.rows.compactMap(\.ref) {
            out.insert(ref)
            out.insert(String(ref.prefix { $0 != "/" }))
        }
        return out
    }

    /// Notes what the case looks at, and gives back what holds a bank line that no payment is known for.
    static func look(_ documents: [SourceDocument], _ around: Around, _ flow: Setup.Flow, _ out: inout Output) -> [PlannedPosting] {
        var held: [PlannedPosting] = []
        for document in documents {
            switch document.body {
            case .payout(let payout): out.members.formUnion(members(of: payout))
            case .sale(let sale) where sale.isInvoice:
                out.isInvoice = true
                // Under settlements, what a case looks at is what a payout pays for; there are no orders beside them.
                if !flow.policies.settles, let order = sale.bills { out.members.insert(order) }
            case .payment:
                if let match = around.plan.bankLines[document.id] { out.provenBy.append(match.line) }
            case .bankLine(let line):
                out.bankLines.append(document.id)
                if let payment = around.payments[document.id] {
                    out.paying.append(payment)
                } else {
                    held.append(unmatched(document, line, flow))
                }
            default: break
            }
        }
        return held
    }

    private static func unmatched(_ document: SourceDocument, _ line: BankLine, _ flow: Setup.Flow) -> PlannedPosting {
        PlannedPosting(
            subject: document.id, form: .memo, caseID: document.caseID, covers: [document.id],
            date: flow.policies.day(of: document.at, in: flow.organisation.zone), currency: line.amount.currency, total: line.amount.magnitude, lines: [],
            party: "shop", findings: [BankMatching.unmatched(document.id, line)])
    }
}

extension Pipeline {
    /// Reads what the batch looks at. Nothing is asked where nothing is looked at: nearly all cases are orders.
    func surroundings(_ sight: Map.Sight, _ flow: Setup.Flow) async throws(Fault) -> Around {
        var out = Around()
        out.plan.cutOver = flow.row.cutOver
        if sight.hasPayout { out.plan = try await standing(sight.members, flow) }
        for row in try await store.payouts(tenant, flow.row.id, lookingAt: sight.paid) { out.payouts.append(try DocumentCodec.decode(row)) }
        for (order, plan, revision) in try await store.billing(tenant, flow.row.id, orders: sight.orders) {
            out.plan.billed[order, default: []].append(PostedState(plan: try PlanCodec.decode(plan), revision: revision))
        }
        if sight.asksBank { try await matchBank(flow, &out) }
        return out
    }

    /// What stands in the ledger for these documents.
    func standing(_ members: Set<String>, _ flow: Setup.Flow) async throws(Fault) -> Surroundings {
        var out = Surroundings()
        out.cutOver = flow.row.cutOver
        out.knowsBooks = true
        for bytes in try await store.standing(tenant, flow.row.ledgerID, members: members.sorted()) {
            out.note(try PlanCodec.decode(bytes), base: flow.organisation.baseCurrency)
        }
        return out
    }

    /// All lines and all payments by bank: which line proves which payment follows from all of them, not from the batch.
    private func matchBank(_ flow: Setup.Flow, _ out: inout Around) async throws(Fault) {
        let ledger = flow.row.ledgerID
        var lines: [(id: String, at: Timestamp, line: BankLine)] = []
        for known in try await store.documents(tenant, into: ledger, kind: DocumentKind.bankLine.rawValue) {
            let document = try DocumentCodec.decode(known.row)
            if case .bankLine(let line) = document.body { lines.append((document.id, document.at, line)) }
        }
        guard !lines.isEmpty else { return }
        var payments: [(id: String, payment: Payment)] = []
        var cases: [String: (flow: FlowID, caseID: String)] = [:]
        for known in try await store.documents(tenant, into: ledger, kind: DocumentKind.payment.rawValue, gateway: "bank") {
            let document = try DocumentCodec.decode(known.row)
            guard case .payment(let payment) = document.body else { continue }
            payments.append((document.id, payment))
            cases[document.id] = (known.flow, document.caseID)
        }
        out.plan.hasBankFeed = true
        out.plan.bankLines = BankMatching.match(lines: lines, payments: payments, feeCap: flow.policies.bankFeeCap)
        for (payment, match) in out.plan.bankLines { out.payments[match.line] = cases[payment] }
    }
}

extension DocumentCodec {
    static func decode(_ row: DocumentRow) throws(Fault) -> SourceDocument {
        try decode(kind: row.kind, id: row.sourceID, caseID: row.caseID, version: row.version, at: row.at, body: row.body)
    }
}
