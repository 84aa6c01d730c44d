internal import Kernel
internal import Wire

// What many endpoints speak of. Each is declared once; of everything that an answer holds a test sees that it is as declared.

extension Thing {
    /// RFC 9457.
    static let problem = Thing("Problem", "Why a request was not carried out (RFC 9457).", [
        .must("type", .line(most: 500), "A URI of the kind of problem.", example: "https://counterfoil.dev/errors/invalid_request"),
        .must("title", .line(most: 200), "The code in words.", example: "Invalid request"),
        .must("status", .integer(400 ... 599), "The answer's status.", example: 422),
        .must("detail", .words, "What happened.", example: "slug is missing"),
        .must("code", .line(most: 100), "Stable: programs may match on it. All are in docs/errors.md.", example: "invalid_request"),
        .may("remedy", .words, "What to do.", example: "Add a short name such as prairie-goods."),
        .may("field", .words, "The member that it is about.", example: "slug"),
        .may("errors", .list(.thing(.problemFinding)), "Everything that is wrong, where that is more than one thing."),
    ])

    private static let problemFinding = Thing("ProblemFinding", "One thing that is wrong with a request.", [
        .must("field", .words, "Where: `slug`, `settings.currency`, `/lines/0/net`.", example: "slug"),
        .must("why", .words, example: "is missing"),
        .must("remedy", .words, example: "Add a short name such as prairie-goods."),
    ])

    /// As in `fault` columns.
    static let fault = Thing("Fault", "What went wrong, as the program keeps it.", [
        .must("code", .words, "Stable: docs/errors.md.", example: "account_not_bound"),
        .may("stage", .words, "The step that found it.", example: "post"),
        .may("disposition", .choice(["retry", "wait", "reauthorise", "hold", "reject", "bug"]), "What the program does about it.", example: "hold"),
        .may("summary", .words, example: "account 4010 is not in the ledger"),
        .may("remedy", .words, example: "Create the account or bind the role anew."),
        .may("position", .words, "Where in the document."),
        .may("underlying", .words, "What the other side said."),
    ])

    static let finding = Thing("Finding", "What a check found.", [
        .must("check", .words, "The check's name.", example: "unknown_account"),
        .must("why", .words, example: "the role tax_payable:US-CO is not bound to an account"),
        .must("remedy", .words, example: "Bind it in the account structure."),
        .may("position", .words, "Where in the document: `lines[2]`, `tax_payable:US-CO`."),
        .may("cause", .words, "What is to be mended, where one mending releases all that name it: an account's code."),
        .may("figures", .map(.words), "Amounts that the words name, by name."),
    ])
}

// MARK: - Keys

extension Thing {
    private static let owner: [Member] = [
        .must("consultancy", .orNull(.id), "The consultancy that it is for.", example: .null),
        .must("tenant", .orNull(.id), "The tenant that it is for; both null for the operator's."),
    ]
    private static let named: [Member] = [
        .must("label", .line(most: 100), "Its name in the audit trail.", example: "bookkeeping"),
        .must("scopes", .list(.any(of: Scope.self)), "Each includes those before it.", example: ["read"]),
    ]

    static let key = Thing("Key", "An API key, without the key itself.", [.must("id", .id)] + named + owner + [
        .must("created_at", .instant), .must("revoked_at", .orNull(.instant), "Since when it works no longer.", example: .null),
    ])
    static let newKey = Thing("NewKey", "An API key. This is the one time that it is shown.", [
        .must("key", .line(most: 100), "To be sent as `Authorization: Bearer …`.", example: "cf_0123456789abcdefghjkmnpqrstvwxyz")
    ] + named + owner)

    private static let login = Member.must("name", .login, "What is typed at the sign-in.", example: "ann@northadvisers.example")
    private static let userScopes = Member.must("scopes", .list(.any(of: Scope.self)), "Each includes those before it.", example: ["write"])
    private static let userTimes: [Member] = [
        .must("created_at", .instant), .must("password_set_at", .instant), .must("signed_in_at", .orNull(.instant), "When this was last done.", example: .null),
        .must("disabled_at", .orNull(.instant), "Since when nobody signs in under this name.", example: .null),
    ]
    static let user = Thing("User", "Somebody who signs in to the console.", [.must("id", .id), login, userScopes] + owner + userTimes)
    static let newUser = Thing("NewUser", "A user who was made.", [.must("id", .id), login, userScopes] + owner + userTimes + [
        .must("password", .orNull(.line(most: 100)), "One that was drawn, this once; null where it was given.", example: "7k2m-9qtx-4hcw-0n8r-pd5v"),
    ])
    static let asker = Thing("Asker", "The key that asks.", [.must("id", .id)] + named + owner)
}

// MARK: - Tenants

extension Thing {
    static let consultancy = Thing("Consultancy", "An adviser with client businesses.", [
        .must("id", .id), .must("slug", .slug, example: "north"), .must("name", .line, example: "North Advisers"), .must("created_at", .instant),
    ])

    static let tenant = Thing("Tenant", "A client business.", tenantMembers)
    static let tenantInFull = Thing("TenantInFull", "A client business with its row of the report.", tenantMembers + [.must("summary", .thing(.tenantReport))])
    private static let tenantMembers: [Member] = [
        .must("id", .id), .must("consultancy", .id, "Whose client it is."), .must("slug", .slug, example: "prairie-goods"), .must("name", .line, example: "Prairie Goods"),
        .must("state", tenantState, "`new` until it has keys; `paused`: what is delivered is kept, and work waits; `removed` for good.", example: "active"),
        .must("weight", .integer(1 ... 100), "Its share of the workers beside other tenants.", example: 1),
        .must("keys_ready", .flag, "Whether secrets can be sealed for it."), .must("created_at", .instant),
    ]
    static let tenantState = Shape.choice(["new", "active", "paused", "removed"])

    static let tenantReport = Thing("TenantReport", "A tenant's figures.", reportHead + fates + reportTail)
    private static let reportHead: [Member] = [
        .must("tenant", .id), .must("slug", .slug), .must("name", .line, example: "Prairie Goods"), .must("state", tenantState, example: "active"),
        .must("ledger", .orNull(.words), "Platforms of its flows' ledgers, with commas.", example: "quickbooks-online"),
        .must("events", .count, "Deliveries accepted.", example: 420), .must("events_held", .count, "Of those, the ones that could not be read."),
    ]
    private static let fates: [Member] = ["documents", "confirmed", "held", "rejected", "unknown", "manual", "superseded", "voided", "skipped", "in_progress"]
        .map { name in .must(name, .count) }
    private static let reportTail: [Member] = [
        .must("posted", .count, "Postings that a ledger has."), .must("returns", .count, "Closed returns that returns systems told of."),
        .must("unexplained_minor", .count, "Sum of what proofs leave unexplained, without netting, in minor units. It ought to be 0."),
        .must("held_by", .list(.thing(.heldBy)), "Held documents by what holds them."),
    ]
    private static let heldBy = Thing("HeldBy", "How many documents a check holds.", [
        .must("check", .orNull(.words), "A check's name, or a fault's code.", example: "unknown_account"), .must("count", .count, example: 3),
    ])

    static let organisation = Thing("Organisation", "A legal entity whose books are kept.", [
        .must("id", .id), .must("tenant", .id), .must("slug", .slug, example: "main"), .must("name", .line, example: "Prairie Goods LLC"),
        .must("country", .country), .must("base_currency", .currency), .must("time_zone", .zone, "Dates every ledger document."),
    ])
}

// MARK: - Connections

extension Thing {
    static let connection = Thing("Connection", "An account at a platform. No secret of it is ever shown.", [
        .must("id", .id), .must("tenant", .id), .must("slug", .slug, example: "shop"), .must("platform", .words, example: "shopify"),
        .must("account", .words, "Empty until it is learned by consent.", example: "prairie-goods"), .must("base_url", .orNull(.words), "Null: the platform's own address.", example: .null),
        .must("settings", .map(.value), "What the platform's connector understands."),
        .must("state", .choice(["new", "live", "paused", "dead"]), "`new` until the account that its credential opens is known, after each that is given; `dead` when the platform refuses it.", example: "live"),
        .must("state_reason", .orNull(.words), "Why it is dead, or stays new.", example: .null),
        .must("identity", .orNull(.free), "Who the platform says that we are.", example: ["id": "prairie-goods", "name": "Prairie Goods"]),
        .must("credential", .object([.must("present", .flag), .must("version", .count, example: 1)])),
        .must("webhook_secret", .object([.must("present", .flag)])),
        .must("webhook_path", .words, "Where the platform delivers.", example: "/hooks/0198c1f2-6f3e-7c55-9d0e-3b1f8e2a4c60"),
        .must("watermark", .orNull(.instant), "Up to where the source was read."), .must("swept_at", .orNull(.instant), "When it was read last."),
        .must("created_at", .instant), .must("updated_at", .instant),
    ])

    static let consent = Thing("Authorization", "A link by which a person connects a platform in a browser, and what came of it.", [
        .must("id", .id), .must("tenant", .id), .must("connection", .id), .must("kind", .choice(["direct", "invitation"]), "Whom it is for: whoever asked, or a client."),
        .must("state", .choice(["open", "asked", "received", "sent", "granted", "found", "confirmed", "failed", "revoked", "expired"]), "How far it is: docs/connecting.md."),
        .must("found", .orNull(.list(.free)), "The accounts that the consent reaches.", example: .null), .must("fault", .orNull(.thing(.fault)), "Why nothing came of it.", example: .null),
        .must("created_by", .words, example: "key bookkeeping (0193a1b2)"), .must("created_at", .instant), .must("expires_at", .instant), .must("settled_at", .orNull(.instant), example: .null),
    ])
    static let newConsent = Thing("NewAuthorization", "A link that works once. This is the one time that it is shown.", [
        .must("id", .id), .must("connection", .id), .must("kind", .choice(["direct", "invitation"])), .must("url", .words, example: "https://books.example.com/connect/0123456789abcdefghjkmnpqrstvwxyz"),
        .must("expires_at", .instant),
    ])

    static let quota = Thing("Quota", "What is left of a connection's allowances.", [
        .must("connection", .id), .must("platform", .words, example: "quickbooks-online"), .must("at", .instant), .must("budgets", .list(.thing(.budget))),
        .must("concurrency", .object([.must("limit", .orNull(.count), example: 10), .must("said_by", .choice(["counterfoil"])),
            .must("in_flight", .count, "Documents that were sent and are not answered yet.", example: 0)])),
        .may("app_budgets", .list(.thing(.appBudget)), "Of the operator's app, for all connections; shown to the operator."),
    ])
    private static let budget = Thing("Budget", "One allowance.", [
        .must("name", .words, example: "minute"), .must("window_ms", .count, example: 60_000), .must("limit", .count, example: 500), .must("used", .count, example: 40),
        .must("remaining", .count, example: 460), .must("resets_at", .orNull(.instant), "When it begins anew; null while nothing is used."),
        .must("said_by", .choice(["platform", "counterfoil"]), "Whose word `used` is."), .must("platform_remaining", .orNull(.number), example: 460),
        .must("platform_said_at", .orNull(.instant)), .must("paused_until", .orNull(.instant), example: .null),
        .must("refused", .flag, "The platform answers and refuses the calls of this budget for minutes to come: nothing is left of it, whatever was counted.", example: false),
    ])
    private static let appBudget = Thing("AppBudget", "An allowance of the operator's app.", [
        .must("name", .words, example: "app-month"), .must("limit", .count, example: 500_000), .must("used", .count), .must("remaining", .count, example: 500_000),
        .must("window_ms", .count, example: 2_592_000_000), .must("resets_at", .instant), .must("said_by", .choice(["counterfoil"])),
    ])
}

// MARK: - Configuration

extension Thing {
    static let structure = Thing("Structure", "A version of the account structure.", versionMembers + [.must("structure", .free, "As it was written.", example: exampleStructure)])
    static let rules = Thing("Rules", "A version of the mapping rules.", versionMembers + [.must("rules", .free, "As they were written.", example: exampleRules)])
    static let configuration = Thing("Configuration", "The newest account structure and mapping rules.", [
        .must("tenant", .id), .must("structure_version", .count, "0 before there is one.", example: 1), .must("structure", .orNull(.free), "As it was written.", example: exampleStructure),
        .must("rules_version", .count, "0 before there are any.", example: 1), .must("rules", .orNull(.free), "As they were written.", example: exampleRules),
    ])
    static let version = Thing("Version", "A version without its body.", versionMembers)
    private static let versionMembers: [Member] = [
        .must("tenant", .id), .must("version", .integer(1 ... Int(Int32.max)), example: 1), .must("created_at", .instant), .must("actor", .words, example: "key ann (0193a1b2)"),
    ]

    static let exampleStructure: JSON = [
        "accounts": ["sales:homeware": "4010", "sales:*": "4000", "receivable:*": "1200", "clearing:*": "1310", "tax_payable:*": "2200"],
        "tax_codes": ["US-CO@8": "TAX"], "house_customer": "Shop customers",
    ]
    static let exampleRules: JSON = ["reason_codes": ["damaged"], "rules": [["name": "homeware", "when": ["sku": "HOM-*"], "set": ["group": "homeware"]]]]

    static let flow = Thing("Flow", "A way from a source into a ledger.", [
        .must("id", .id), .must("tenant", .id), .must("slug", .slug, example: "sales"), .must("organisation", .id, "Whose books."),
        .must("source", .id, "The connection that is read."), .must("ledger", .id, "The connection that is posted to."),
        .must("policies", .map(.value), "How it is kept, where that is not as usual.", example: ["edit": "delta"]), .must("state", .choice(["active", "paused"])),
        .must("cut_over", .orNull(.day), "Nothing dated earlier is posted."), .must("poll_seconds", .integer(10 ... 86_400), example: 300), .must("created_at", .instant),
        .may("notes", .list(.words), "In the answer to a change: what its policies can't do with these connections.", example: []),
    ])
}
