public import Books

/// Debits that do not equal credits, in the document's currency or in base currency.
public enum Unbalanced: Check {
    public static let name = "unbalanced"

    public static func findings(for posting: PlannedPosting, in context: CheckContext) -> [Finding] {
        guard posting.effect == .post else { return [] }
        guard posting.lines.allSatisfy({ $0.amount.currency == posting.currency }) else { return converted(posting, context) }
        var out: [Finding] = []
        let sum = posting.lines.map(\.amount).total(posting.currency)
        if !sum.isZero { out.append(finding("its lines are \(sum.text) \(posting.currency) apart", "lines")) }
        let bases = posting.lines.compactMap(\.base)
        if !bases.isEmpty {
            let base = context.organisation.baseCurrency
            if bases.count != posting.lines.count || bases.contains(where: { $0.currency != base }) {
                out.append(finding("not every line has a value in \(base)", "base"))
            } else if case let apart = bases.total(base), !apart.isZero {
                out.append(finding("its lines are \(apart.text) \(base) apart in base currency", "base"))
            }
        }
        return out
    }

    /// Lines in several currencies balance in base currency.
    private static func converted(_ posting: PlannedPosting, _ context: CheckContext) -> [Finding] {
        let base = context.organisation.baseCurrency
        guard posting.convertsCurrency, let apart = posting.imbalance(base: base), !apart.isZero else { return [] }
        return [finding("its lines are \(apart.text) \(base) apart in base currency", "base")]
    }

    private static func finding(_ why: String, _ position: String) -> Finding {
        Finding(
            check: name, why: why, remedy: "report it: a plan must balance; the source's figures are in the document",
            position: position)
    }
}
