public import Books

/// Tax that does not say whose it is.
public enum MissingTaxJurisdiction: Check {
    public static let name = "missing_tax_jurisdiction"

    public static func findings(for posting: PlannedPosting, in context: CheckContext) -> [Finding] {
        perRole(posting, name) { line in
            guard ["tax_payable", "input_tax"].contains(line.role.family), line.role.detail.isEmpty else { return nil }
            return (
                "\(line.amount.magnitude.text) of tax names no jurisdiction",
                "add a rule that gives this tax its jurisdiction"
            )
        }
    }
}
