public import Books
public import ConnectorKit
public import Kernel

public func usd(_ minor: Int64) -> Money { Money(minor: minor, .usd) }
public func gbp(_ minor: Int64) -> Money { Money(minor: minor, .gbp) }

extension SourceConnector {
    /// What a record of that topic says.
    /// - Throws: what `normalize` throws.
    public func normalized(_ topic: String, _ body: [UInt8], _ connection: ConnectionFacts) throws(Fault) -> Normalized {
        try normalize(RawRecord(topic: topic, deliveryID: "d", body: body), connection)
    }
}

extension Normalized {
    public var sale: Sale? { documents.compactMap { if case .sale(let body) = $0.body { body } else { nil } }.first }
    public var payments: [Payment] { documents.compactMap { if case .payment(let body) = $0.body { body } else { nil } } }
    public var refunds: [Refund] { documents.compactMap { if case .refund(let body) = $0.body { body } else { nil } } }
    public var payouts: [Payout] { documents.compactMap { if case .payout(let body) = $0.body { body } else { nil } } }
    public var disputes: [Dispute] { documents.compactMap { if case .dispute(let body) = $0.body { body } else { nil } } }
    public var fulfilment: Fulfilment? { documents.compactMap { if case .fulfilment(let body) = $0.body { body } else { nil } }.first }
    public var cancellation: Cancellation? { documents.compactMap { if case .cancellation(let body) = $0.body { body } else { nil } }.first }
    public var isVoided: Bool { cancellation != nil }
    public var ids: [String] { documents.map(\.id) }
}

/// Plans documents case by case, each by itself, for an organisation in UTC.
public func plans(
    _ documents: [SourceDocument], base: Currency, country: String, taxMode: TaxMode = .exclusive, _ policies: Policies = Policies()
) -> [PlannedPosting] {
    let organisation = Organisation(baseCurrency: base, country: country, zone: .utc, taxMode: taxMode)
    return Dictionary(grouping: documents, by: \.caseID).sorted { $0.key < $1.key }.flatMap { id, own in
        Planner.plan(OrderCase(id: id, own), organisation: organisation, policies: policies, ledger: LedgerState(), codes: CodeBook())
    }
}

/// Balances by role, in minor units, of what would be posted; those that are nothing left out.
public func balances(_ plans: [PlannedPosting]) -> [String: Int64] {
    var out: [String: Int64] = [:]
    for plan in plans where plan.effect == .post { for line in plan.lines { out["\(line.role)", default: 0] += line.amount.minor } }
    return out.filter { $0.value != 0 }
}
