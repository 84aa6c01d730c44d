public import Books

/// A document of nothing, for a ledger that refuses it.
public enum ZeroTotal: Check {
    public static let name = "zero_total"

    public static func findings(for posting: PlannedPosting, in context: CheckContext) -> [Finding] {
        guard context.ledgerLimits.refusesZeroTotal, posting.total.isZero, posting.effect == .post,
            posting.form != .memo, posting.findings.isEmpty
        else { return [] }
        return [
            Finding(
                check: name, why: "the ledger takes no document of \(posting.total.text)",
                remedy: "set policy zero_total to post_penny, memo or skip",
                position: "total")
        ]
    }
}
