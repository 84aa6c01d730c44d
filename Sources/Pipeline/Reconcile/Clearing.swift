internal import Books
internal import Courier
internal import Kernel
internal import Mapping
internal import Store

extension Pipeline {
    /// The proofs of the clearing accounts that this flow's money went to. Payouts may come by another flow into the same ledger.
    func clearingProofs(_ flow: Setup.Flow, in setup: Setup) async throws(Fault) -> [Reconcile.Proof] {
        let found = try await store.clearing(tenant, flow.row.ledgerID)
        if found.payouts.isEmpty { return [] }
        let around = Clearing.surroundings(found.captured, base: flow.organisation.baseCurrency)
        var taken: [Clearing.Taken] = []
        for payout in found.payouts {
            let own = setup.flows.first { $0.row.id == payout.flow } ?? flow
            taken += try Clearing.taken(by: try DocumentCodec.decode(payout.document), payout, around, own)
        }
        return Clearing.prove(found.captured, taken, flow: flow.row.id, cutOver: flow.row.cutOver)
    }
}

/// The pure core of the proof of clearing accounts: what came in by document = what payouts took of it + what is open by name.
enum Clearing {
    /// What a payout took off a clearing account for one document.
    struct Taken: Sendable {
        var flow: FlowID
        var payout: String
        /// The payout's day in the ledger, and when the row entered the processor's balance.
        var day: LocalDate
        var entered: LocalDate
        var role: String
        var item: String
        /// As the account sees it: money taken is negative.
        var amount: Money
        var kind: String
    }

    /// A payout's rows, each by the document it settles, as if a settlement had not taken the fees apart: both together come to the same. A payout
    /// that was changed in the source since it was posted says the rest in a line of its
    /// own: the rows are those of today, the ledger's sum is that of then.
    static func taken(by document: SourceDocument, _ standing: StandingPayout, _ around: Surroundings, _ flow: Setup.Flow) throws(Fault) -> [Taken] {
        guard case .payout(let payout) = document.body else { return [] }
        var policies = flow.policies
        (policies.posting, policies.postingChanges) = (.perDocument, [])
        let kinds = Dictionary(payout.rows.map { ($0.id, $0) }) { one, _ in one }
        var out: [Taken] = []
        for part in ClearingProof.rows(of: document, organisation: flow.organisation, policies: policies, around: around) {
            let row = kinds[String(part.subject.dropFirst(document.id.count + 1))]
            for line in part.lines where line.role.family == "clearing" {
                let entered = row?.at.map { flow.policies.day(of: $0, in: flow.organisation.zone) }
                out.append(Taken(
                    flow: standing.flow, payout: document.id, day: standing.day, entered: entered ?? standing.day, role: line.role.text,
                    item: line.openItem ?? document.id, amount: line.amount, kind: row?.kind.rawValue ?? "balance"))
            }
        }
        let posted = ClearingProof.rows(of: document, organisation: flow.organisation, policies: flow.policies, around: around).flatMap(\.lines)
        return out + change(posted, document.id, standing, try PlanCodec.decode(standing.sent))
    }

    private static func change(_ lines: [PostingLine], _ id: String, _ standing: StandingPayout, _ sent: PlannedPosting) -> [Taken] {
        var sums: [String: Money] = [:]
        for line in sent.lines where line.role.family == "clearing" { sums[line.role.text] = (sums[line.role.text] ?? .zero(line.amount.currency)) + line.amount }
        for line in lines where line.role.family == "clearing" && sums[line.role.text].map({ $0.currency == line.amount.currency }) ?? true {
            sums[line.role.text] = (sums[line.role.text] ?? .zero(line.amount.currency)) - line.amount
        }
        return sums.filter { !$0.value.isZero }.map { role, rest in
            Taken(flow: standing.flow, payout: id, day: standing.day, entered: standing.day, role: role, item: "\(id)/changed", amount: rest, kind: "changed")
        }
    }

    /// What rows settle in a foreign currency, as far as a row needs it to leave clearing: amounts in the account's own currency are all that is
    /// proven here, so any base value will do.
    static func surroundings(_ captured: [ClearingLine], base: Currency) -> Surroundings {
        var around = Surroundings()
        for line in captured {
            for item in Set([line.item, String(line.item.prefix { $0 != "/" })]) {
                let known = around.carried[item] ?? Surroundings.Carried(amount: .zero(line.amount.currency), base: .zero(base))
                guard known.amount.currency == line.amount.currency else { continue }
                around.carried[item] = Surroundings.Carried(amount: known.amount + line.amount, base: known.base + Money(minor: line.amount.minor, base))
            }
        }
        return around
    }

    private struct Item {
        var captured: Int64 = 0
        var taken: Int64 = 0
        var day: LocalDate?
        var flow: FlowID?
        var rows: [Taken] = []
    }

    private struct Name: Hashable {
        var role: String
        var currency: String
        var item: String
    }

    /// Of all that is told, the proofs of `flow`: a day's money is proven where it came in, what nobody brought in where it was taken.
    static func prove(_ captured: [ClearingLine], _ taken: [Taken], flow: FlowID, cutOver: LocalDate?) -> [Reconcile.Proof] {
        guard !taken.isEmpty else { return [] }
        var items: [Name: Item] = [:]
        func owner(_ item: String) -> String { String(item.prefix { $0 != "/" }) }
        for line in captured {
            let name = Name(role: line.role, currency: line.amount.currency.code, item: owner(line.item))
            items[name, default: Item()].captured += line.amount.minor
            guard items[name]?.day.map({ line.day < $0 }) ?? true else { continue }
            items[name]?.day = line.day
            items[name]?.flow = line.flow
        }
        for row in taken {
            // Rows that settle no document keep their own name.
            let own = row.item.hasPrefix("\(row.payout)/") ? row.item : owner(row.item)
            let name = Name(role: row.role, currency: row.amount.currency.code, item: own)
            items[name, default: Item()].taken += row.amount.minor
            items[name]?.rows.append(row)
        }
        var proofs: [String: Reconcile.Proof] = [:]
        for (name, item) in items.sorted(by: { ($0.key.role, $0.key.item) < ($1.key.role, $1.key.item) }) {
            guard let day = item.day ?? item.rows.map(\.day).min(), (item.flow ?? item.rows.first?.flow) == flow else { continue }
            let id = "\(day) \(name.currency) \(name.role)"
            var proof = proofs[id] ?? Reconcile.Proof(day: day, currency: name.currency, account: name.role)
            proof.source += item.captured
            proof.posted -= item.taken
            let rest = item.captured + item.taken
            if rest != 0 {
                let why = why(item, cutOver)
                if why != nil { proof.open += rest } else { proof.unexplained += abs(rest) }
                proof.items.append(.init(document: name.item, amount: rest, why: why ?? "unexplained"))
            }
            proofs[id] = proof
        }
        return proofs.values.sorted { ($0.day, $0.account, $0.currency) < ($1.day, $1.account, $1.currency) }
    }

    /// Why something is left of an item; `nil`: money came in and other money was taken for it.
    private static func why(_ item: Item, _ cutOver: LocalDate?) -> String? {
        guard let row = item.rows.first else { return "not paid out yet" }
        guard item.flow == nil else { return nil }
        if row.kind == "changed" { return "the payout changed since it was posted" }
        if let cutOver, item.rows.allSatisfy({ $0.entered < cutOver }) { return "before the cut-over" }
        return ["charge", "refund", "dispute"].contains(row.kind) ? "not in the books" : row.kind
    }
}
