public import Books

/// A line whose role nothing binds, or binds to an account that the ledger does not have.
public enum UnknownAccount: Check {
    public static let name = "unknown_account"

    public static func findings(for posting: PlannedPosting, in context: CheckContext) -> [Finding] {
        perRole(posting, name) { line in
            guard let account = context.account(line, posting) else {
                return (
                    "no account is bound to \(line.role)", "bind \(line.role) in the account structure or by a rule"
                )
            }
            guard !account.known else { return nil }
            return (
                "\(line.role) is bound to account \(account.code), which the ledger does not have (\(account.rule))",
                "create the account in the ledger or bind \(line.role) to another"
            )
        }
    }
}

/// One finding per role, at its first line: ten lines of one missing account are one thing to mend. A void names no
/// account anew.
/// - Parameter cause: what is to be mended, where several roles may wait for the same.
func perRole(
    _ posting: PlannedPosting, _ name: String, cause: (PostingLine) -> String? = { _ in nil }, _ judge: (PostingLine) -> (why: String, remedy: String)?
) -> [Finding] {
    guard posting.effect == .post else { return [] }
    var seen: Set<Role> = []
    var out: [Finding] = []
    for (n, line) in posting.lines.enumerated() where !seen.contains(line.role) {
        guard let words = judge(line) else { continue }
        seen.insert(line.role)
        out.append(Finding(check: name, why: words.why, remedy: words.remedy, position: "lines[\(n)]", cause: cause(line)))
    }
    return out
}
