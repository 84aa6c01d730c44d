internal import Books
internal import ConnectorKit
internal import Wire

// What sources are told of their documents.

extension Thing {
    static let reflectionState = Shape.choice(["due", "sent", "told", "kept", "none", "held", "refused", "dismissed", "superseded"])

    private static let saidMembers: [Member] = [
        .must("posting", .postKey), .must("subject", .words, "The source's id of what it stands for.", example: "I-2501"),
        .must("case", .words, "The order or invoice that this belongs to.", example: "I-2501"), .must("form", .any(of: PostingForm.self)),
        .must("reference", .words, "As people find it in the ledger.", example: "order I-2501"), .must("ledger", .words, example: "QuickBooks Online"),
        .must("remote_id", .orNull(.words), "Its id there; null when it is gone.", example: "145"), .must("state", .any(of: ReflectedState.State.self), example: "paid"),
        .must("currency", .currency), .must("total", .words, "What the ledger shows.", example: "540.00"),
        .must("paid", .orNull(.words), "What was entered as paid there beside what the source told of; null where nothing was, or nobody can tell.", example: "540.00"),
        .may("credited", .words, "What credit was set against it there; absent for none, and where the ledger does not tell it from payments.", example: "40.00"),
        .must("date", .day), .must("link", .orNull(.words), "Where people see it.", example: .null),
    ]
    private static let said = Thing("ReflectedState", "What the ledger has of a document.", saidMembers)

    static let fetchedReflection = Thing("FetchedReflection", "What the ledger has of a document of the source, by the time it was said.", [
        .must("seq", .integer(1 ... Int(Int32.max)), "Its place in the source's list.", example: 1), .must("id", .id), .must("at", .instant),
    ] + saidMembers)

    static let reflectionBell = Thing("ReflectionBell", "Where a source is told that there is more in its list.", [
        .must("connection", .id), .must("url", .words, example: "https://erp.example.com/counterfoil"), .must("secret", .object([.must("present", .flag)]), "Never shown."),
        .must("heard_seq", .count, "Up to which place it answered 2xx.", example: 17), .must("newest_seq", .count, "The last place there is.", example: 17),
        .must("heard_at", .orNull(.instant)), .must("attempts", .count, "Since it was heard last."), .must("outcome", .orNull(.words), "What the other side said last.", example: "heard"),
        .must("actor", .words, "Who set it.", example: "key operator"), .must("updated_at", .instant),
    ])

    static let reflection = Thing("Reflection", "What a source is told of a document, and what came of it.", [
        .must("id", .id), .must("tenant", .id), .must("flow", .id), .must("connection", .id, "The source."), .must("posting", .postKey),
        .must("number", .integer(1 ... Int(Int32.max)), "Which of the document's states it is.", example: 1), .must("says", .thing(said)),
        .must("state", reflectionState, example: "told"), .must("finding", .orNull(.thing(.finding)), "Why a person is asked: both sides, and what each choice does.", example: .null),
        .must("fault", .orNull(.thing(.fault)), "What the source said.", example: .null), .must("attempts", .count), .must("remote_id", .orNull(.words), "Its id at the source.", example: "8"),
        .must("planned_minor", .number, "What the document comes to by what the source says now, in minor units.", example: 54_000),
        .must("seq", .orNull(.count), "Its place in the list that the source fetches.", example: .null), .must("created_at", .instant),
        .must("sent_at", .orNull(.instant)), .must("settled_at", .orNull(.instant)),
    ])
}
