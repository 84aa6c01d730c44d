public import Books

/// Amounts in another currency than their document, their account, or any that the ledger keeps.
public enum CurrencyMismatch: Check {
    public static let name = "currency_mismatch"

    public static func findings(for posting: PlannedPosting, in context: CheckContext) -> [Finding] {
        if let allowed = context.currencies, !allowed.contains(posting.currency) {
            return [
                Finding(
                    check: name, why: "the ledger does not keep \(posting.currency)",
                    remedy: "add \(posting.currency) to the ledger's currencies",
                    position: "currency")
            ]
        }
        return perRole(posting, name) { line in
            if line.amount.currency != posting.currency, !isConverted(line, posting, context) {
                return (
                    "\(line.role) is in \(line.amount.currency), the document in \(posting.currency)",
                    "correct the document in the source"
                )
            }
            guard let account = context.account(line, posting), let kept = account.currency,
                kept != line.amount.currency
            else { return nil }
            return (
                "account \(account.code) is kept in \(kept), the line of \(line.role) is in \(line.amount.currency)",
                "bind \(line.role) to an account in \(line.amount.currency)"
            )
        }
    }

    /// A processor takes one currency and pays out another: such a line says what it is worth in base currency.
    private static func isConverted(_ line: PostingLine, _ posting: PlannedPosting, _ context: CheckContext) -> Bool {
        posting.convertsCurrency && line.value(in: context.organisation.baseCurrency) != nil
    }
}
