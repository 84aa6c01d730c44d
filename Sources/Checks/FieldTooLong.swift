public import Books

/// Text that the ledger cannot hold and that must not be cut: references and names that people search by. Item names
/// are shortened instead.
public enum FieldTooLong: Check {
    public static let name = "field_too_long"

    public static func findings(for posting: PlannedPosting, in context: CheckContext) -> [Finding] {
        let limits = context.ledgerLimits
        let longest = posting.lines.map(\.text).max { $0.count < $1.count } ?? ""
        let fields: [(position: String, text: String, limit: Int?)] = [
            ("reference", posting.reference ?? "", limits.reference), ("note", posting.note ?? "", limits.documentNote),
            ("party", posting.party, limits.partyName),
            // The full title must fit the note when the item name is cut.
            ("lines.text", limits.itemName.map { longest.count > $0 } ?? false ? longest : "", limits.lineNote),
        ]
        return fields.compactMap { field in
            guard let limit = field.limit, field.text.count > limit else { return nil }
            return Finding(
                check: name, why: "\(field.position) has \(field.text.count) characters, the ledger holds \(limit)",
                remedy: "shorten it in the source", position: field.position)
        }
    }
}
