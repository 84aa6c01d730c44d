public import Books

/// A receivable without an owner.
public enum MissingParty: Check {
    public static let name = "missing_party"

    public static func findings(for posting: PlannedPosting, in context: CheckContext) -> [Finding] {
        perRole(posting, name) { line in
            guard line.role.family == "receivable" else { return nil }
            let owner = line.role.detail
            guard owner.isEmpty || posting.party.isEmpty else { return nil }
            return ("nobody owns its receivable", "give the sale a customer in the source, or use customer: house")
        }
    }
}
