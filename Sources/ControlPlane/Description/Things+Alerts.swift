internal import AlertRules
internal import Kernel
internal import Wire

// Alerts, who is told of them, and what systems that write to a contract are told.

extension Thing {
    static let alert = Thing("Alert", "Something that is wrong, for people.", [
        .must("id", .id), .must("tenant", .id), .must("tenant_slug", .slug), .must("key", .words, "What it is about: the same trouble has the same key.", example: "credential/0198c1f2-6f3e-7c55-9d0e-3b1f8e2a4c60"),
        .must("cause", .words, "The key's first word.", example: "credential"), .must("severity", .any(of: AlertSeverity.self), example: "warning"), .must("summary", .words, example: "the shop refuses our credential"),
        .must("remedy", .words, example: "Connect it again."), .must("state", .choice(["open", "acknowledged", "muted", "resolved"])), .must("count", .count, "How many things it is about.", example: 1),
        .must("hits", .count, "How often it was found.", example: 1), .must("episode", .count, "Grows each time that it comes back.", example: 1), .must("first_at", .instant), .must("opened_at", .instant),
        .must("last_at", .instant), .must("resolved_at", .orNull(.instant), example: .null), .must("acknowledged_at", .orNull(.instant), example: .null),
        .must("acknowledged_by", .orNull(.words), example: .null), .must("muted_until", .orNull(.instant), example: .null), .must("muted_by", .orNull(.words), example: .null),
        .must("note", .orNull(.words), example: .null),
    ])

    static let alertRules = Thing("AlertRules", "Who is told of what.", [
        .must("version", .count, "0 while nobody has written any.", example: 1), .may("actor", .words, example: "key ann (0193a1b2)"), .may("updated_at", .instant),
        .must("rules", .free, "As they were written.", example: exampleAlertRules),
    ])
    static let exampleAlertRules: JSON = ["rules": [["name": "books", "causes": ["held", "rejected"], "routes": ["bookkeeper"]]]]

    static let alertRoutes = Thing("AlertRoutes", "Where messages go.", [.must("routes", .list(.thing(.alertRoute)))])
    private static let alertRoute = Thing("AlertRoute", "A receiver with a name. Its secret is never shown.", [
        .must("name", .slug, example: "bookkeeper"), .may("email", .free, "Its address, where it is mail.", example: ["to": ["ann@example.com"]]), .may("webhook", .free, example: ["url": "https://hooks.example.com/x"]),
        .may("alertmanager", .free, example: ["url": "https://alerts.example.com"]), .must("per_hour", .orNull(.count), "Messages in an hour; what is beyond goes into one.", example: 20),
        .must("secret", .object([.must("present", .flag)])), .must("actor", .words, example: "key ann (0193a1b2)"), .must("updated_at", .instant),
    ])
    static let exampleAlertRoutes: JSON = ["routes": [["name": "bookkeeper", "webhook": ["url": "https://hooks.example.com/x", "secret": "a-secret-of-16-characters-or-more"]]]]

    static let alertTest = Thing("AlertTest", "A test message to each receiver.", [.must("route", .slug, example: "bookkeeper"), .must("deliveries", .list(.id))])

    static let delivery = Thing("Delivery", "A message to a receiver.", deliveryMembers + [.must("next_at", .orNull(.instant), "When it is tried next.", example: .null)])
    static let deliveryInFull = Thing("DeliveryInFull", "A message with exactly what is sent.", deliveryMembers + [.must("body", .words, example: "9 documents are held.")])
    private static let deliveryMembers: [Member] = [
        .must("id", .id), .must("route", .slug, example: "bookkeeper"), .must("kind", .any(of: AlertRoute.Kind.self)), .must("purpose", .choice(["opened", "worsened", "repeated", "refreshed", "resolved", "digest", "test"])),
        .must("receiver", .words, example: "ann@example.com"), .must("subject", .words, example: "Prairie Goods: 9 documents are held"), .must("alerts", .list(.id), "Alerts that it tells of."),
        .must("state", .choice(["waiting", "delivered", "failed", "dropped"]), example: "delivered"), .must("attempts", .count, example: 1),
        .must("outcome", .orNull(.words), "What the other side said last.", example: "250 OK"), .must("created_at", .instant), .must("settled_at", .orNull(.instant)),
    ]
}

// MARK: - Contract

extension Thing {
    private static let contractFinding = Thing("ContractFinding", "What is wrong with an event, or odd about it.", [
        .must("pointer", .words, "A JSON pointer into the event.", example: "/lines/0/net"), .must("why", .words, example: "is missing"), .must("remedy", .words, example: "Add it."),
    ])

    static let eventsTaken = Thing("EventsTaken", "What became of each event.", [
        .must("accepted", .count, example: 1), .must("duplicate", .count), .must("refused", .count),
        .must("events", .list(.object([
            .must("id", .orNull(.words), example: "pay-2001"), .must("status", .choice(["accepted", "duplicate", "refused"])), .may("errors", .list(.thing(contractFinding)), example: []),
            .may("warnings", .list(.thing(contractFinding)), example: []),
        ])), "In the order in which they were sent."),
    ])
    static let fileTaken = Thing("FileTaken", "What became of a file's documents.", [
        .must("layout", .words, example: "invoice"), .must("sha256", .words, example: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"), .must("documents", .count, example: 1),
        .must("accepted", .count, example: 1), .must("duplicate", .count), .may("warnings", .list(.thing(contractFinding)), example: []),
    ])
}
