public import Books

/// A change planned on a revision that is no longer the ledger's.
public enum StaleRevision: Check {
    public static let name = "stale_revision"

    public static func findings(for posting: PlannedPosting, in context: CheckContext) -> [Finding] {
        guard let posted = context.ledger.posted[posting.id], let shown = context.ledgerRevisions[posting.id],
            shown != posted.revision
        else { return [] }
        return [
            Finding(
                check: name, why: "planned on revision \(posted.revision), the ledger shows \(shown)",
                remedy: "none needed if the ledger is read again; otherwise see who changed the document there")
        ]
    }
}
