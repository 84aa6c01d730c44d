internal import Books
internal import Kernel
internal import Wire

/// One event of a scenario: a source document, or something done to ledger or rules.
struct Event {
    enum Effect {
        case document(SourceDocument)
        /// An older or an equal version of a known document again.
        case redelivery(of: String, version: Int64?, stale: Bool)
        case opening(role: Role, ref: String, amount: Money)
        case lockDate(LocalDate)
        case accountInactive(Role)
        case mappingChanged(Role)
        case rule(code: String, role: Role?, dimension: [String: String])
        /// Somebody recorded a payment in the ledger.
        case ledgerPayment(LedgerPayment, account: Role, date: LocalDate)
        /// Somebody changed a document there: what each line (`nil`: the tax) became.
        case ledgerEdit(of: PlannedPosting.Reference, [LedgerChange])
    }

    /// A line's net, or the tax, before and after a change in the ledger.
    struct LedgerChange {
        var line: String?
        var from: ExactDecimal
        var to: ExactDecimal
    }

    var id: String
    var type: String
    var at: Timestamp
    /// When it reached us.
    var received: Timestamp
    /// The legal entity it belongs to.
    var organisation: String?
    var effect: Effect

    static let common: Set<String> = ["seq", "type", "id", "at", "received_at", "source", "note", "organisation"]

    static func read(_ json: JSON, _ settings: Settings, _ problems: inout Problems) -> Event? {
        guard let id = json["id"]?.string, let type = json["type"]?.string else {
            problems.malformed("an event needs id and type")
            return nil
        }
        let moment = (json["at"] ?? json["received_at"])?.string.flatMap { Timestamp(rfc3339: $0) }
        guard let at = moment else {
            problems.malformed("\(id): at is not a time with its zone")
            return nil
        }
        let received = json["received_at"]?.string.flatMap { Timestamp(rfc3339: $0) } ?? at
        guard let known = members[type] else {
            problems.unsupported(type)
            return nil
        }
        problems.keys(json, of: type, known: common.union(known))
        var reader = EventReader(json: json, id: id, at: at, problems: problems)
        let effect = reader.effect(type)
        problems = reader.problems
        guard let effect else { return nil }
        return Event(
            id: id, type: type, at: at, received: received, organisation: json["organisation"]?.string, effect: effect)
    }

    private static let sale: Set<String> = [
        "customer", "currency", "tax_included", "lines", "shipping", "discounts", "order_taxes", "tip", "total", "rate",
        "version",
        "withheld_by_channel", "tax_exempt", "exemption_certificate", "exchange_of", "duties", "tax_treatment",
        "customer_tax_number", "memo_tax", "export_evidence",
    ]

    private static let refund: Set<String> = [
        "order", "currency", "tax_included", "lines", "adjustments", "fees", "shipping", "total", "transactions",
        "customer_total", "rate", "version", "merchant",
    ]

    /// What the reader understands of each type; anything else in an event is a feature we lack.
    private static let members: [String: Set<String>] = [
        "order": sale,
        "invoice": sale.union(["status", "of", "deposit_applied", "balance"]),
        "payment": [
            "order", "gateway", "currency", "amount", "status", "card", "of", "rate", "reference", "cash_rounding",
            "merchant",
        ],
        "refund": refund,
        "credit_note": refund.union(["customer"]),
        "return": [
            "state", "version", "of", "order", "refund_ref", "currency", "lines", "fees", "settlement", "units", "total",
            "tax_included", "pending_money",
        ],
        "edit": ["order", "currency", "added", "removed", "difference", "order_total", "transactions"],
        "cancel": ["order", "reason", "captured"],
        "void": ["of", "reason"],
        "delete": ["of", "reason"],
        "tip_payout": ["gateway", "currency", "amount"],
        "gift_card_expiry": ["card", "currency", "amount"],
        "payout": ["gateway", "currency", "amount", "rows", "status", "rate"],
        "dispute": ["payment", "order", "currency", "amount", "status", "reason"],
        "deposit": ["job", "customer", "gateway", "currency", "amount"],
        "bank_feed": ["account", "currency", "amount", "reference"],
        "fulfilment": ["order", "lines"],
        "stock": ["kind", "sku", "qty", "value", "currency", "lines", "expected", "counted", "difference", "reason_code"],
        "landed_cost": ["receipt", "currency", "amount", "kind", "shares"],
        "opening": ["role", "ref", "amount", "currency", "why"],
        "redelivery": ["of", "version", "identical", "stale", "total"],
        "ledger_change": [
            "kind", "role", "lock_date", "document", "currency", "amount", "reference", "account", "date", "changes",
        ],
        "rule_added": ["match", "set", "effective_from"],
    ]
}
