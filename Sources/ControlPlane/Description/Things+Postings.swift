internal import Books
internal import Kernel
internal import Wire

// Documents, postings, and what is made of them.

extension Thing {
    static let documentState = Shape.choice(["held", "rejected", "unknown", "manual", "in_progress", "confirmed", "voided", "superseded", "skipped"])
    static let postingState = Shape.choice([
        "mapped", "cleared", "posting", "posted", "confirmed", "reconciled", "held", "rejected", "unknown", "manual", "superseded", "voided", "skipped", "gathered",
    ])

    static let document = Thing("Document", "A canonical document, as a source told it.", documentMembers)
    static let documentInFull = Thing("DocumentInFull", "A document with its content and its postings.", documentMembers + [
        .must("body", .free, "What it says, in ledger-neutral words."), .must("postings", .list(.thing(.posting))),
    ])
    private static let documentMembers: [Member] = [
        .must("id", .id), .must("tenant", .id), .must("flow", .id), .must("kind", .any(of: DocumentKind.self)), .must("source_id", .words, "Its id at the source.", example: "6120034117000"),
        .must("case", .words, "The order that it belongs to.", example: "6120034117000"), .must("version", .number, example: 1), .must("happened_at", .instant),
        .must("state", documentState, "Derived from its postings.", example: "confirmed"), .must("fault", .orNull(.thing(.fault)), "Why its case can't be planned.", example: .null),
        .must("created_at", .instant), .must("updated_at", .instant),
    ]

    static let posting = Thing("Posting", "A document of a ledger: what ought to be there, and what is.", postingMembers)
    private static let postingMembers: [Member] = [
        .must("post_key", .postKey, "Its identity, which the ledger has in a field that can be searched."), .must("tenant", .id), .must("flow", .id), .must("ledger", .id),
        .must("case", .words, example: "6120034117000"), .must("subject", .words, "What it stands for.", example: "6120034117000"), .must("form", .any(of: PostingForm.self)),
        .must("effect", .choice(["post", "void"])), .must("generation", .count), .must("revision", .count, "Grows with each change of it.", example: 1),
        .must("state", postingState, example: "confirmed"), .must("reference", .words, example: "order 1001"), .must("date", .day), .must("currency", .currency),
        .must("total_minor", .number, "In whole minor units.", example: 1080), .must("applies_to", .orNull(.postKey), "The posting that it settles or corrects.", example: .null),
        .must("findings", .list(.thing(.finding)), "What holds it.", example: []), .must("fault", .orNull(.thing(.fault)), "What stopped it.", example: .null),
        .must("attempts", .count), .must("next_attempt_at", .orNull(.instant)), .must("batch", .orNull(.id), "The file that has it in hand.", example: .null),
        .must("by_hand", .flag, "Whether it went to the ledger in a file.", example: false),
        .must("accepted", .orNull(.object([
            .must("voided", .flag), .must("gone", .flag, "The ledger has it no longer."), .must("total_minor", .number, "What it comes to there."),
            .must("why", .words, example: "voided: confirmed as false, the ledger has true"), .must("by", .words, example: "key ann (0193a1b2)"),
        ])), "The ledger's side, where that stands beside what was sent.", example: .null),
        .must("remote_id", .orNull(.words), "Its id in the ledger.", example: "1042"),
        .must("remote_version", .orNull(.words), example: "0"), .must("posted_at", .orNull(.instant)), .must("confirmed_at", .orNull(.instant)), .must("updated_at", .instant),
    ]

    static let explanation = Thing("Explanation", "A posting with why each of its figures is what it is.", postingMembers + [
        .must("covers", .list(.words), "Source documents that it stands for.", example: ["6120034117000"]), .must("party", .words, example: "shop"),
        .must("rate", .orNull(.words), example: .null), .must("total", .words, example: "10.80 USD"), .must("due", .orNull(.day), "When a bill is to be paid, where its source says so.", example: .null), .must("note", .orNull(.words), example: .null),
        .must("tax_override", .orNull(.object([.must("source", .words, example: "0.80 USD"), .must("computed", .words, example: "0.81 USD")])), "Where the source's tax is not what we compute.", example: .null),
        .must("not_before", .orNull(.words), "It is not sent before.", example: .null),
        .must("lines", .list(.thing(.explainedLine))), .may("sent_lines", .list(.thing(.explainedLine)), "What the ledger has while a change is on its way.", example: []),
        .must("intents", .list(.thing(.intent)), "Each send and what became of it, oldest first."), .must("history", .list(.thing(.historyEntry)), "Who did what with it, oldest first."),
    ])
    private static let explainedLine = Thing("ExplainedLine", "A line of a posting.", [
        .must("part", .words, example: "goods"), .must("role", .words, "What the line is, before any ledger.", example: "sales:homeware"), .must("text", .words, example: "Mug"),
        .must("sku", .words, example: "HOM-1"), .must("quantity", .orNull(.words), example: "1"), .must("amount", .words, "Debits are positive.", example: "-10.00 USD"),
        .must("base", .orNull(.words), "In the base currency, where that is another one.", example: .null),
        .must("account", .orNull(.object([
            .must("code", .words, example: "4010"), .must("name", .words, example: "Sales"), .must("known", .flag, "Whether the ledger has it."), .must("active", .flag),
        ])), "Null without a structure."),
        .must("rule", .orNull(.words), "What put it there.", example: "sales:homeware"), .must("tax_code", .orNull(.words), example: "US-CO@8"), .must("ledger_tax_code", .orNull(.words), example: "TAX"),
        .must("tax_rule", .orNull(.words), example: "US-CO@8"), .must("dimensions", .map(.words)), .must("reason_code", .orNull(.words), example: .null),
        .must("derived_from", .list(.words), "Source documents and lines that it comes from.", example: ["6120034117000/L1"]),
    ])
    private static let intent = Thing("Intent", "A send, written down before it was made.", [
        .must("id", .count, example: 7), .must("revision", .count, example: 1), .must("action", .choice(["create", "update", "void"])), .must("attempt", .words, example: "4h7rq0c2v9kz1xej-1"),
        .must("request_digest", .words, "SHA-256 in hexadecimal digits.", example: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"), .must("epoch", .count, example: 1),
        .must("state", .choice(["open", "posted", "rejected", "unknown", "not_sent"]), example: "posted"), .must("remote_id", .orNull(.words), example: "1042"),
        .must("evidence", .orNull(.anything), "What the ledger said."), .must("written_at", .instant), .must("settled_at", .orNull(.instant)),
    ])
    private static let historyEntry = Thing("HistoryEntry", "What was done, when and by whom.", [
        .must("at", .instant), .must("actor", .words, example: "worker"), .must("action", .words, example: "posting.confirmed"),
    ])

    static let preview = Thing("Preview", "The exact request that the ledger would be sent for a posting.", [
        .must("post_key", .postKey), .must("form", .any(of: PostingForm.self)), .must("state", postingState, example: "held"), .must("revision", .count, example: 1),
        .must("action", .choice(["create", "update", "void", "none"])),
        .must("requests", .list(.orNull(.object([
            .must("method", .words, example: "POST"), .must("base", .words, example: "https://quickbooks.api.intuit.com"), .must("target", .words, example: "/v3/company/9130/invoice"),
            .must("headers", .map(.words), "With `***` where the credential goes.", example: ["Authorization": "***"]), .must("body", .anything),
        ]))), "The first call; what follows depends on its answer."),
        .must("not_yet_known", .list(.object([.must("kind", .words, example: "party"), .must("key", .words, example: "shop"), .must("name", .words, example: "Shop customers")])),
            "Parties and items that are looked for, or made, before it is sent."),
        .must("problem", .orNull(.thing(.previewProblem)), "Why nothing can be sent.", example: .null),
    ])
    private static let previewProblem = Thing("PreviewProblem", "Why a posting can't be written as a request.", [
        .must("code", .words, example: "unbound_line"), .must("summary", .words, example: "the role sales:homeware is not bound to an account of the ledger"),
        .must("remedy", .words, example: "Bind it in the account structure."), .must("position", .orNull(.words), example: "sales:homeware"),
    ])
    static let documentPreview = Thing("DocumentPreview", "What the ledger would be sent for each of a document's postings.", [.must("document", .id), .must("postings", .list(.thing(.preview)))])
}

// MARK: - Manual posting

extension Thing {
    static let manualForm = Thing("ManualForm", "A file that a ledger imports.", [
        .must("id", .words, example: "journal-csv"), .must("name", .words, example: "Journal"), .must("version", .words, example: "1"), .must("ending", .words, example: "csv"),
        .must("encoding", .words, example: "utf-8"), .must("rows_most", .count, example: 1000), .must("postings_most", .count, example: 1000),
        .must("carries", .list(.any(of: PostingForm.self)), "Postings of these forms."), .must("found_by_api", .list(.any(of: PostingForm.self)), "Those that the ledger's API finds once they are imported."),
        .must("steps", .list(.words), "What a person does.", example: ["Import the file."]),
    ])

    static let batch = Thing("Batch", "Postings in hand, in one file.", batchMembers)
    static let batchInFull = Thing("BatchInFull", "A batch with what a person does with its file.", batchMembers + [.must("steps", .list(.words), example: ["Import the file."])])
    private static let batchMembers: [Member] = [
        .must("id", .id), .must("tenant", .id), .must("connection", .id), .must("number", .count, "Of the connection's batches.", example: 1), .must("form", .words, example: "journal-csv"),
        .must("form_version", .words, example: "1"), .must("state", .choice(["open", "handed_over", "confirmed", "withdrawn"])),
        .must("file", .object([
            .must("name", .words, example: "books-journal-csv-0001.csv"), .must("media_type", .words, example: "text/csv"), .must("bytes", .count, example: 512),
            .must("sha256", .words, example: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"), .must("rows", .count, example: 6), .must("downloads", .count),
        ])),
        .must("notes", .list(.object([.must("reference", .words), .must("full", .words), .must("written", .words)])), "What was shortened to fit.", example: []),
        .must("created_by", .words, example: "key ann (0193a1b2)"), .must("created_at", .instant), .must("handed_over_at", .orNull(.instant)), .must("settled_at", .orNull(.instant), example: .null),
        .must("postings", .object([.must("in_hand", .count, example: 3), .must("confirmed", .count), .must("withdrawn", .count)])),
    ]
    static let batchPosting = Thing("BatchPosting", "A posting of a batch.", [
        .must("post_key", .postKey), .must("revision", .count, example: 1), .must("reference", .words, example: "order 1001"), .must("state", .choice(["in_hand", "confirmed", "withdrawn"])),
        .must("currency", .currency), .must("figure_minor", .number, example: 1080), .must("findable", .flag, "Whether the ledger's API finds it."),
        .must("finding", .orNull(.words), "How the ledger's own list shows it otherwise.", example: .null), .must("settled_at", .orNull(.instant), example: .null),
    ])
    static let batchesMade = Thing("BatchesMade", "Files that were made, and what could not be written to any.", [
        .must("batches", .list(.object([
            .must("id", .id), .must("number", .count, example: 1), .must("form", .words, example: "journal-csv"), .must("state", .choice(["open"])), .must("postings", .count, example: 3),
            .must("rows", .count, example: 6), .must("file_name", .words, example: "books-journal-csv-0001.csv"),
            .must("sha256", .words, example: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"),
        ]))),
        .must("left", .list(.object([
            .must("post_key", .postKey), .must("code", .words, example: "manual_waits"), .must("why", .words, example: "what it settles is neither in the ledger nor in this batch"),
            .must("remedy", .words, example: "Hand that over first."), .must("position", .orNull(.words), example: .null),
        ]))),
    ])
    static let batchConfirmed = Thing("BatchConfirmed", "What a list or a person's word settled.", [
        .must("batch", .thing(.batch)), .must("confirmed", .count, example: 3), .must("differs", .list(.object([.must("post_key", .postKey), .must("why", .words)])), "It is there otherwise.", example: []),
        .must("missing", .list(.words), "References that are not there.", example: []),
    ])
}

// MARK: - Support

extension Thing {
    static let heldPosting = Thing("HeldPosting", "A posting that waits for a person or for the truth.", [
        .must("tenant", .id), .must("tenant_slug", .slug), .must("ledger", .words, "The ledger's platform.", example: "quickbooks-online"), .must("post_key", .postKey), .must("flow", .id),
        .must("case", .words, example: "6120034117000"), .must("form", .any(of: PostingForm.self)), .must("subject", .words, example: "6120034117000"), .must("reference", .words, example: "order 1001"),
        .must("state", postingState, example: "held"), .must("date", .day), .must("currency", .currency), .must("total_minor", .number, example: 1080),
        .must("checks", .list(.orNull(.words)), "Names of checks, and the code of the fault.", example: ["unknown_account"]), .must("findings", .list(.thing(.finding))),
        .must("fault", .orNull(.thing(.fault)), example: .null), .must("batch", .orNull(.id), example: .null),
    ])
    static let pending = Thing("Pending", "What is left to do: all zero when there is nothing.", [
        .must("events_ingested", .count), .must("cases_dirty", .count), .must("postings_open", .count), .must("jobs_due", .count),
    ])
    static let report = Thing("Report", "Figures of each tenant.", [.must("tenants", .list(.thing(.tenantReport)))])
    static let auditEntry = Thing("AuditEntry", "A row of the audit trail.", [
        .must("id", .count, example: 12), .must("at", .instant), .must("actor", .words, example: "key ann (0193a1b2)"), .must("action", .words, example: "posting.hold"),
        .must("subject", .words, example: "posting 4h7rq0c2v9kz1xej"), .must("detail", .free, example: ["reason": "asked the client"]),
    ])
    static let proof = Thing("Proof", "A day's proof: source = posted + open, or what is unexplained.", [
        .must("tenant", .id), .must("flow", .id), .must("day", .day), .must("currency", .currency),
        .must("account", .words, "Empty for the flow's day; a role such as `clearing:stripe:USD` for that account.", example: ""),
        .must("source_minor", .number, example: 1080), .must("posted_minor", .number, example: 1080), .must("open_minor", .number), .must("unexplained_minor", .number),
        .must("items", .list(.object([.must("document", .words, example: "6120034117000"), .must("amount_minor", .number, example: 1080), .must("why", .words, example: "held")])), "What is open or unexplained, by name.", example: []),
        .must("proved_at", .instant),
    ])
    static let event = Thing("Event", "Something that came in. Its content is sealed for the tenant.", [
        .must("id", .count, example: 1), .must("connection", .id), .must("topic", .words, example: "orders/create"), .must("delivery", .words, "Its id at the source.", example: "9f1c"),
        .must("state", .choice(["ingested", "normalized", "held", "skipped"]), "`held`: it could not be read.", example: "normalized"), .must("fault", .orNull(.thing(.fault)), example: .null),
        .must("attempts", .count), .must("received_at", .instant), .must("normalized_at", .orNull(.instant)),
    ])
    static let job = Thing("Job", "Something to be done, and when.", [
        .must("kind", .words, example: "normalize"), .must("subject", .words, "A flow's or a connection's id, or a path of ids.", example: "0198c1f2-6f3e-7c55-9d0e-3b1f8e2a4c60"),
        .must("lane", .words, example: "webhook"), .must("due_at", .instant), .must("attempts", .count), .must("fault", .orNull(.thing(.fault)), "Of the last try.", example: .null),
        .must("crashes", .count, "Workers that it crashed."), .must("batch", .orNull(.number), "How many it is tried with after a crash.", example: .null),
        .must("quarantined_until", .orNull(.instant), "Put aside until then.", example: .null),
    ])
}
