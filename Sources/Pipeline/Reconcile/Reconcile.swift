internal import Books
internal import ConnectorKit
internal import Courier
public import Kernel
internal import Mapping
internal import Postgres
public import Store
internal import Telemetry
internal import Wire

extension Pipeline {
    /// Proves each day and currency of the flow: what the sources say = what is in the ledger + what is open by name.
    func reconcile(_ flow: Setup.Flow, in setup: Setup) async throws(Fault) -> Result {
        let sources = try await store.sourceAmounts(tenant, flow.row.id, zone: flow.row.organisation.timeZone)
        let postings = try await store.postingAmounts(tenant, flow.row.id)
        let proofs = Reconcile.prove(sources, postings, cutOver: flow.row.cutOver)
        let clearing = try await clearingProofs(flow, in: setup)
        let tenant = tenant
        let returns = try await returnProofs(flow, postings)
        let differing = ReturnTotals.alert(returns, flow.row.id)
        let accounts = (clearing + returns).map(\.row)
        let rows = proofs.map(\.row) + accounts
        let proven = proofs.filter { $0.unexplained == 0 }.map(\.day)
        let unproven = Set((proofs + clearing).filter { $0.unexplained != 0 }.map(\.day))
        // Days on which nothing happened in the source, and to which something was moved: the bank's own day, a day after a closed period.
        let moved = unproven.isEmpty ? Set(postings.map(\.day)).subtracting(proofs.map(\.day)) : []
        let days = Set(proven).subtracting(unproven).union(moved).sorted()
        try await store.transaction { tx throws(Fault) in
            if !rows.isEmpty { _ = try await tx.query(ProofStatements.save(tenant, flow.row.id, rows)) }
            _ = try await tx.query(ProofStatements.clearOthers(tenant, flow.row.id, but: accounts))
            var entries: [AuditEntry] = []
            for row in try await tx.query(ProofStatements.reconcile(tenant, flow.row.id, days: days)) {
                entries.append(AuditEntry(actor: "worker", action: "posting.reconciled", subject: "posting \(try row.get("post_key", as: String.self))"))
            }
            try await tx.audit(tenant, entries)
            let over = days.map { Pipeline.alertKey(flow, $0) } + (differing == nil ? [AlertKey.returnsDiffer(flow.row.id)] : [])
            _ = try await tx.query(AlertStatements.resolve(tenant, keys: over))
            if let differing { try await tx.raise(tenant, [differing]) }
            try await tx.raise(tenant, unproven.sorted().map { day in
                AlertRow(
                    key: Pipeline.alertKey(flow, day), severity: .critical, cause: "the books of \(day) differ from the source and nothing explains it",
                    remedy: "Open the day's proof: it lists every document with its difference.")
            })
        }
        return .done
    }

    private static func alertKey(_ flow: Setup.Flow, _ day: LocalDate) -> String { "unexplained/\(flow.row.id)/\(day)" }
}

/// The pure core of reconcile.
public enum Reconcile {
    /// One day and currency of a flow.
    public struct Proof: Sendable, Equatable {
        public struct Item: Sendable, Equatable {
            public var document: String
            public var amount: Int64
            public var why: String
        }
        public var day: LocalDate
        public var currency: String
        /// The clearing account that it is about; "": the flow's day.
        public var account = ""
        public var source: Int64 = 0
        public var posted: Int64 = 0
        public var open: Int64 = 0
        /// Sum of absolute rests per document, no netting.
        public var unexplained: Int64 = 0
        public var items: [Item] = []

        init(day: LocalDate, currency: String, account: String = "") {
            self.day = day
            self.currency = currency
            self.account = account
        }

        var row: ProofRow {
            ProofRow(
                day: day, currency: currency, sourceMinor: source, postedMinor: posted, openMinor: open, unexplainedMinor: unexplained,
                items: JSON.array(items.prefix(1000).map { item in
                    .object([("document", .string(item.document)), ("amount_minor", .number("\(item.amount)")), ("why", .string(item.why))])
                }).bytes, account: account)
        }
    }

    /// `sources`: what each document is worth (money in positive, money back negative); `postings`: what stands for it.
    public static func prove(_ sources: [SourceAmount], _ postings: [PostingAmount], cutOver: LocalDate?) -> [Proof] {
        var byDocument: [String: [PostingAmount]] = [:]
        for posting in postings { byDocument["\(posting.side) \(posting.sourceID)", default: []].append(posting) }
        var proofs: [String: Proof] = [:]
        for source in sources {
            let id = "\(source.day) \(source.currency)"
            var proof = proofs[id] ?? Proof(day: source.day, currency: source.currency)
            proof.source += source.minor
            let mine = byDocument["\(source.side) \(source.sourceID)"] ?? []
            var rest = source.minor
            for posting in mine {
                switch posting.state {
                case "confirmed", "reconciled":
                    let there = posting.accepted ?? posting.minor
                    proof.posted += there
                    rest -= posting.minor
                    if posting.accepted != nil {
                        // What somebody did in the ledger, and what stands: the books are that much off the source, by name.
                        proof.open += posting.minor - there
                        proof.items.append(.init(document: "\(source.side) \(source.sourceID)", amount: posting.minor - there, why: posting.why))
                    }
                case "voided", "superseded", "skipped": break
                default:
                    proof.open += posting.minor
                    rest -= posting.minor
                    proof.items.append(.init(document: "\(source.side) \(source.sourceID)", amount: posting.minor, why: posting.why))
                }
            }
            if rest != 0 {
                // What a file has in hand changes once its batch is settled.
                let inHand = mine.first { $0.state == "manual" && $0.why == Map.changedInHand.check }?.why
                if let why = excuse(source, cutOver) ?? inHand ?? mine.first(where: { isWhole(rest, of: source, by: $0) })?.why {
                    proof.open += rest
                    proof.items.append(.init(document: "\(source.side) \(source.sourceID)", amount: rest, why: why))
                } else {
                    proof.unexplained += abs(rest)
                    proof.items.append(.init(document: "\(source.side) \(source.sourceID)", amount: rest, why: "unexplained"))
                }
            }
            proofs[id] = proof
        }
        strays(sources, postings, &proofs)
        return proofs.values.sorted { ($0.day, $0.currency) < ($1.day, $1.currency) }
    }

    /// A posting is held for just this difference, to the cent and from just this amount: whoever is told of it is told of the day as well. A cent more,
    /// and nothing explains it.
    private static func isWhole(_ rest: Int64, of source: SourceAmount, by posting: PostingAmount) -> Bool {
        let sign: Int64 = source.minor < 0 ? -1 : 1
        return posting.state == "held" && posting.gaps.contains { $0.stated == abs(source.minor) && sign * ($0.stated - $0.instead) == rest }
    }

    /// What stands in the ledger though no source calls for it any more: nothing balances it.
    private static func strays(_ sources: [SourceAmount], _ postings: [PostingAmount], _ proofs: inout [String: Proof]) {
        let known = Set(sources.map { "\($0.side) \($0.sourceID)" })
        let sides: Set<String> = ["sale", "payment", "refund", "money_back", "payout", "deposit", "bill"]
        for posting in postings where sides.contains(posting.side) && posting.minor != 0 && !known.contains("\(posting.side) \(posting.sourceID)") {
            let id = "\(posting.day) \(posting.currency)"
            var proof = proofs[id] ?? Proof(day: posting.day, currency: posting.currency)
            let document = "\(posting.side) \(posting.sourceID)"
            switch posting.state {
            case "confirmed", "reconciled":
                let there = posting.accepted ?? posting.minor
                if there == 0 { continue }
                proof.posted += there
                proof.unexplained += abs(there)
                proof.items.append(.init(document: document, amount: -there, why: "unexplained"))
            case "voided", "superseded", "skipped": continue
            default:
                // On its way, or held: what it will be is not known yet.
                proof.items.append(.init(document: document, amount: posting.minor, why: posting.why))
            }
            proofs[id] = proof
        }
    }

    private static func excuse(_ source: SourceAmount, _ cutOver: LocalDate?) -> String? {
        if source.cancelled { return "cancelled" }
        if source.pending { return "not planned yet" }
        if source.waits { return "waits for its trigger" }
        if let cutOver, source.day < cutOver { return "before the cut-over" }
        return nil
    }
}
