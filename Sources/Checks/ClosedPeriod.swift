public import Books

/// A document dated on or before the lock date, or a change of one.
public enum ClosedPeriod: Check {
    public static let name = "closed_period"

    public static func findings(for posting: PlannedPosting, in context: CheckContext) -> [Finding] {
        guard let lock = context.ledger.lockDate else { return [] }
        // An order books nothing: it ends on no day.
        if posting.form == .salesOrder, posting.isClosed || posting.effect == .void { return [] }
        // What goes into a summary or a settlement is closed or open with it.
        if Summaries.policy(of: posting, context.policies) != .perDocument, context.ledger.posted[posting.id] == nil { return [] }
        let standing = context.ledger.posted[posting.id].flatMap { $0.voided ? nil : $0.plan.date }
        // Nor does one that stands move anything by what else of it changes.
        if posting.form == .salesOrder, standing == posting.date { return [] }
        guard let closed = [standing, posting.date].compactMap({ $0 }).first(where: { $0 <= lock }) else { return [] }
        return [
            Finding(
                check: name, why: "its date \(closed) is on or before the lock date \(lock)",
                remedy:
                    "choose first_open_day or reversal_pair for this document, or have the ledger's lock date moved",
                position: "date")
        ]
    }
}
