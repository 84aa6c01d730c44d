internal import Books
internal import Wire

// Tenants at a glance, what is stopped, and what another mapping would change.

extension Thing {
    static let fleet = Thing("Fleet", "Every tenant at a glance.", [.must("tenants", .list(.thing(.fleetTenant)))])
    private static let fleetTenant = Thing("FleetTenant", "How a tenant does.", [
        .must("tenant", .id), .must("slug", .slug), .must("name", .words, example: "Prairie Goods"), .must("state", .choice(["new", "active", "paused"]), example: "active"),
        .must("consultancy", .words, "The consultancy's name.", example: "North Advisers"), .must("ledgers", .list(.words), "Their platforms.", example: ["quickbooks-online"]),
        .must("waiting_since", .orNull(.instant), "Since when its oldest work waits.", example: .null), .must("held", .count), .must("rejected", .count), .must("unknown", .count),
        .must("manual", .count), .must("reflections", .count, "What sources are told only once a person has decided."), .must("unexplained", .list(.object([.must("currency", .currency), .must("minor", .number, example: 0)])), "By currency, where it is not 0.", example: []),
        .must("quota_permille", .orNull(.count), "How much of the fullest budget is used.", example: 210), .must("critical", .count, "Open alerts."), .must("warnings", .count),
        .must("connections_down", .count), .must("last_event_at", .orNull(.instant)), .must("days", .list(.count), "Postings of the last fourteen ledger days, oldest first.", example: [0, 3]),
    ])

    static let causes = Thing("Causes", "What is stopped.", [.must("causes", .list(.thing(.cause)))])
    private static let cause = Thing("Cause", "What stops postings, orders or events of a tenant.", [
        .must("tenant", .id), .must("tenant_slug", .slug), .must("tenant_name", .words, example: "Prairie Goods"),
        .must("kind", .choice(["posting", "case", "event", "reflection"]), "`case`: an order that can't be planned; `event`: one that can't be read; `reflection`: what a source is told only once a person has decided."), .must("code", .words, "The check, or the fault's code.", example: "unmapped_code"),
        .must("count", .count, example: 3), .must("why", .words, "The words that stand there most often.", example: "reason code faded has no rule"), .must("remedy", .words, example: "add a rule for faded"),
        .must("kinds", .count, "How many different words there are.", example: 1), .must("since", .instant), .must("states", .list(.words), example: ["held"]),
    ])

    static let days = Thing("Days", "Postings by ledger day.", [
        .must("days", .list(.object([.must("day", .day), .must("confirmed", .count), .must("moving", .count), .must("stopped", .count)]))),
    ])
    static let steps = Thing("Steps", "How far today's events and postings have got.", [
        .must("tenant", .id), .must("slug", .slug), .must("name", .words, example: "Prairie Goods"), .must("state", .words, example: "active"), .must("ingested", .count), .must("normalized", .count),
        .must("mapped", .count), .must("cleared", .count), .must("posted", .count), .must("confirmed", .count), .must("reconciled", .count), .must("stopped", .count),
    ])

    static let postingDocument = Thing("PostingDocument", "A source document that a posting stands for.", [
        .must("id", .id), .must("kind", .any(of: DocumentKind.self)), .must("source_id", .words, example: "6120034117000"), .must("happened_at", .instant),
    ])

    static let unmapped = Thing("Unmapped", "What nothing maps, as the newest versions have it.", [
        .must("structure_version", .count, example: 1), .must("rules_version", .count, example: 1),
        .must("items", .list(.object([
            .must("kind", .choice(["reason_code", "role", "tax_code"])), .must("value", .words, example: "faded"), .must("ledger", .id), .must("count", .count, "Postings that wait for it.", example: 3),
            .must("postings", .list(.postKey), "The first of them."),
        ]))),
    ])

    static let rehearsal = Thing("Rehearsal", "What would become of postings that no ledger has yet.", [
        .must("structure_version", .count, "In force.", example: 1), .must("rules_version", .count, "In force.", example: 1), .must("looked_at", .count, example: 3),
        .must("more", .flag, "Whether there are more than were looked at."), .must("changed", .count), .must("freed", .count, "Held ones that would go on."),
        .must("postings", .list(.thing(.rehearsed)), "Those that would change or go on."),
    ])
    private static let rehearsed = Thing("RehearsedPosting", "A posting before and after.", [
        .must("post_key", .postKey), .must("ledger", .id), .must("form", .any(of: PostingForm.self)), .must("subject", .words, example: "6120034117000"), .must("reference", .words, example: "refund 1001"),
        .must("state", postingState, example: "held"), .must("date", .day), .must("currency", .currency), .must("total_minor", .number, example: 1080), .must("frees", .flag, "Whether it would go on."),
        .must("left", .list(.words), "Checks that would hold it still.", example: []),
        .must("lines", .list(.object([
            .must("role", .words, example: "returns_allowances"), .must("text", .words, example: "Mug"), .must("reason_code", .orNull(.words), example: "faded"), .must("amount", .words, example: "10.00 USD"),
            .must("changes", .flag), .must("before", .orNull(.thing(.rehearsedAccount)), "Null: no account."), .must("after", .orNull(.thing(.rehearsedAccount))),
        ]))),
    ])
    private static let rehearsedAccount = Thing("RehearsedAccount", "An account that a line goes to, and why.", [
        .must("code", .words, example: "4910"), .must("name", .words, example: "Returns"), .must("known", .flag, "Whether the ledger has it."), .must("active", .flag),
        .must("rule", .words, "What puts it there.", example: "structure v1: returns_allowances"), .must("tax_code", .orNull(.words), example: .null),
    ])

    static let chart = Thing("Chart", "A ledger's accounts as last read; empty lists before that.", [
        .may("base_currency", .currency), .may("lock_date", .orNull(.day), "Nothing may be dated on it or before.", example: .null), .must("accounts", .list(.free)), .must("tax_codes", .list(.words), example: ["TAX"]),
        .must("read_at", .orNull(.instant)),
    ])
}
