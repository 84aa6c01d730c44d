public import Books

/// A posted document that was changed in the ledger: nothing is overwritten.
public enum Drift: Check {
    public static let name = "drift"

    public static func findings(for posting: PlannedPosting, in context: CheckContext) -> [Finding] {
        guard context.drifted.contains(posting.id) else { return [] }
        var figures: [String: Money] = [:]
        if let shown = context.ledger.posted[posting.id]?.plan.total, shown.currency == posting.total.currency, shown != posting.total {
            figures["difference"] = shown - posting.total
        }
        return [
            Finding(
                check: name, why: "\(posting.form.rawValue) \(posting.subject) was changed in the ledger",
                remedy: "take the ledger's change back there, or accept it and correct the source", figures: figures)
        ]
    }
}
