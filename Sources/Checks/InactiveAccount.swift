public import Books

/// A line for an account that the ledger will not take.
public enum InactiveAccount: Check {
    public static let name = "inactive_account"

    public static func findings(for posting: PlannedPosting, in context: CheckContext) -> [Finding] {
        perRole(posting, name, cause: { context.account($0, posting)?.code }) { line in
            guard let account = context.account(line, posting), account.known, !account.active else { return nil }
            return (
                "the account of \(line.role), \(account.code), is inactive",
                "reactivate it or bind \(line.role) to another account"
            )
        }
    }
}
