internal import Books
internal import Kernel
internal import Mapping
internal import Store
internal import Wire

/// Why a number is what it is: each line with its account, the rule that put it there, and the source documents it comes from.
enum Explanation {
    static func lines(_ plan: PlannedPosting, _ mapper: Mapper?) -> JSON {
        .array(plan.lines.map { line in
            let account = mapper?.account(for: line, of: plan)
            let tax = mapper?.taxCode(for: line, of: plan)
            let dimensions = mapper?.dimensions(for: line, of: plan) ?? line.dimension
            return .object([
                ("part", .string(line.part.rawValue)), ("role", .string(line.role.text)), ("text", .string(line.text)), ("sku", .string(line.sku)),
                ("quantity", .optional(line.quantity?.description)), ("amount", .string(line.amount.description)), ("base", .optional(line.base?.description)),
                ("account", account.map(self.account) ?? .null), ("rule", .optional(account?.rule)),
                ("tax_code", .optional(line.taxCode)), ("ledger_tax_code", .optional(tax?.value)), ("tax_rule", .optional(tax?.rule)),
                ("dimensions", .object(dimensions.sorted { $0.key < $1.key }.map { ($0.key, .string($0.value)) })),
                ("reason_code", .optional(line.reasonCode)), ("derived_from", .array(line.derivedFrom.map { .string($0) })),
            ])
        })
    }

    private static func account(_ account: BoundAccount) -> JSON {
        .object([("code", .string(account.code)), ("name", .string(account.name)), ("known", .bool(account.known)), ("active", .bool(account.active))])
    }

    /// The document in words and figures around its lines.
    static func head(_ plan: PlannedPosting) -> [(key: String, value: JSON)] {
        [
            ("covers", .array(plan.covers.map { .string($0) })), ("party", .string(plan.party)), ("rate", .optional(plan.rate?.description)),
            ("total", .string(plan.total.description)), ("due", .optional(plan.due?.description)), ("note", .optional(plan.note)),
            ("tax_override", plan.taxOverride.map { .object([("source", .string($0.source.description)), ("computed", .string($0.computed.description))]) } ?? .null),
            ("not_before", .optional(plan.notBefore?.description)),
        ]
    }
}
