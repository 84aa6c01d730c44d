/// What a clearing account stands for: money that came in, less what payouts took from it, by the document it came from.
/// An account whose every item is nothing is proven to be nothing.
public struct ClearingProof: Sendable, Equatable {
    public var role: Role
    /// What the account holds, in its own currency and in base currency.
    public var balance: Money
    public var base: Money
    /// What is left by source document: captured and not paid out (positive), paid out and not known (negative).
    public var open: [String: Money]

    /// Nothing is left, item by item: not merely in sum.
    public var isNil: Bool { open.isEmpty && balance.isZero && base.isZero }

    /// One proof for each clearing account of `postings`; `rows` are those of payouts, by `ClearingProof.rows`, in place of
    /// the payouts' own postings.
    public static func of(_ postings: [PlannedPosting], base: Currency) -> [Role: ClearingProof] {
        var out: [Role: ClearingProof] = [:]
        for posting in postings where posting.effect == .post {
            for line in posting.lines where line.role.family == "clearing" {
                let currency = line.amount.currency
                var proof = out[line.role] ?? ClearingProof(role: line.role, balance: .zero(currency), base: .zero(base), open: [:])
                guard proof.balance.currency == currency else { continue }
                proof.balance += line.amount
                proof.base += line.value(in: base) ?? .zero(base)
                let item = line.openItem ?? line.derivedFrom.first ?? posting.subject
                proof.open[String(item.prefix { $0 != "/" }), default: .zero(currency)] += line.amount
                out[line.role] = proof
            }
        }
        return out.mapValues { found in
            var proof = found
            proof.open = found.open.filter { !$0.value.isZero }
            return proof
        }
    }

    /// A payout row by row, as the proof needs it: together they are the payout's posting.
    public static func rows(of document: SourceDocument, organisation: Organisation, policies: Policies, around: Surroundings) -> [PlannedPosting] {
        guard case .payout(let payout) = document.body else { return [] }
        let told = Told(id: document.id, at: document.at, body: payout)
        let maker = PayoutParts(told, base: organisation.baseCurrency, around: around)
        func part(_ id: String, _ lines: [PostingLine]) -> PlannedPosting {
            PlannedPosting(
                subject: "\(document.id)/\(id)", form: .payout, caseID: document.caseID, covers: [document.id],
                date: policies.day(of: document.at, in: organisation.zone), currency: payout.amount.currency, total: payout.amount.magnitude,
                lines: lines, party: "shop")
        }
        var out: [PlannedPosting] = []
        for row in payout.rows {
            if case .success(let lines) = maker.part(of: row, relievesOnly: Settlements.claims(row, told, organisation, policies)) {
                out.append(part(row.id, lines))
            }
        }
        if payout.rows.isEmpty { out.append(part("all", maker.whole())) }
        if payout.status == .failed { out.append(part("returned", maker.returned())) }
        return out
    }
}
