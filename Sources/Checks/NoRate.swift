public import Books

/// A foreign document without a rate into base currency.
public enum NoRate: Check {
    public static let name = "no_rate"

    public static func findings(for posting: PlannedPosting, in context: CheckContext) -> [Finding] {
        let base = context.organisation.baseCurrency
        guard posting.effect == .post, posting.currency != base, posting.rate == nil else { return [] }
        return [
            Finding(
                check: name, why: "no rate from \(posting.currency) to \(base) on \(posting.date)",
                remedy: "have the source state the rate with the document and send it again: no rate is guessed, and none can be entered here", position: "rate")
        ]
    }
}
