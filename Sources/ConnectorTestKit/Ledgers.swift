public import Books
public import ConnectorKit
public import Kernel

/// `0000000000000001`.
public func key(_ n: Int = 1) -> PostKey {
    let digits = String(n)
    guard let key = PostKey(String(repeating: "0", count: 16 - digits.count) + digits) else { preconditionFailure("a number is a key") }
    return key
}

/// A number that stands in a test.
public func decimal(_ text: String) -> ExactDecimal {
    guard let decimal = ExactDecimal(text) else { preconditionFailure("a test's number is a number") }
    return decimal
}

extension LedgerDocument {
    /// A document of the lines, of the case `O-1` and the party `shop`.
    /// - Parameters:
    ///   - total: minor units; the control lines' amounts unless given.
    ///   - words: what the plan itself calls it; `reference` is what the ledger shows.
    ///   - against: the form of what it applies to.
    public init(
        _ form: PostingForm, _ lines: [Line], key: PostKey, on date: LocalDate, _ currency: Currency, total: Int64?, rate: String?, reference: String,
        words: String? = nil, note: String?, effect: PlannedPosting.Effect, party: String?, appliesTo: String?, against: PostingForm?, remoteID: String?,
        revision: Int = 1
    ) {
        let sum = total ?? lines.filter { $0.plan.part == .control }.map { abs($0.plan.amount.minor) }.reduce(0, +)
        let plan = PlannedPosting(
            subject: "O-1", form: form, effect: effect, caseID: "O-1", covers: ["O-1"], date: date, currency: currency, rate: rate.map(decimal),
            total: Money(minor: sum, currency), lines: lines.map(\.plan), party: "shop",
            appliesTo: against.map { PlannedPosting.Reference(form: $0, subject: "O-1") }, reference: words, note: note)
        self.init(key: key, revision: revision, plan: plan, lines: lines, reference: reference, party: party, appliesTo: appliesTo, remoteID: remoteID)
    }
}
