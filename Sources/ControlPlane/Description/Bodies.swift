internal import AlertRules
internal import Books
internal import Mapping
internal import Wire

// Bodies that are handed whole to a reader of another room: a test holds their members against what that reader says it knows.

extension Shape {
    /// Read by `AccountStructure`.
    static let structure = Shape.object([
        .must("accounts", .map(.line), "The account's code in the ledger by role, `sales:homeware`; `sales:*` stands for all others."),
        .may("tax_codes", .map(.line), "The ledger's tax code by ours, `GB@20`."),
        .may("house_customer", .line, "Whom sales are made out to that name nobody."),
    ])

    /// Read by `RuleSet`.
    static let rules = Shape.object([
        .may("reason_codes", .list(.words), "Reasons that returns may give."),
        .may("rules", .list(.object(ruleMembers)), "From top to bottom: for each setting the first that fits and has it wins."),
    ])
    static let ruleMembers: [Member] = [
        .must("name", .line, "Shown in explanations; its own among rules.", example: "homeware"),
        .may("when", .map(.words), "Patterns by condition, all of which must fit; `*` stands for anything.", example: ["sku": "HOM-*"]),
        .may("set", .map(.line), "What the line gets.", example: ["group": "homeware"]), .may("dimension", .map(.words), "Dimensions by name."),
        .may("from", .day, "Not before this day."),
    ]

    /// Read by `RuleBook`.
    static let alertRules = Shape.object([
        .may("bounds", .object(boundMembers), "From when on something is wrong."), .may("rules", .list(.object(alertRuleMembers), 0 ... RuleBook.rulesMost)),
    ])
    static let boundMembers: [Member] = [
        .may("silent_hours", .integer(1 ... 336)), .may("lag_minutes", .integer(1 ... 1440)), .may("down_minutes", .integer(1 ... 1440)),
        .may("quota_percent", .integer(50 ... 100)),
    ]
    static let alertRuleMembers: [Member] = [
        .must("name", .slug, example: "books"), .may("causes", .list(.choice(["*"] + AlertCause.allCases.map(\.rawValue))), "All of them when absent.", example: ["held"]),
        .may("severity", .any(of: AlertSeverity.self), "This or worse."), .may("threshold", .integer(1 ... 100_000), "At least so many things.", example: 1),
        .may("after_minutes", .integer(0 ... 10_080), "Only what lasts so long."), .may("repeat_hours", .integer(0 ... 720), "Told again; 0: never. 24 when absent.", example: 24),
        .must("routes", .list(.line, 1 ... AlertRoute.routesMost), "Names of routes.", example: ["bookkeeper"]), .may("tenants", .list(.line), "Slugs, in the operator's rules.", example: []),
    ]

    /// Read by `AlertRoute`.
    static let alertRoutes = Shape.object([.must("routes", .list(.object(alertRouteMembers), 0 ... AlertRoute.routesMost))])
    static let alertRouteMembers: [Member] = [
        .must("name", .slug, example: "bookkeeper"), .may("per_hour", .integer(1 ... 1000), "Messages; what is beyond goes into one.", example: 20),
        .may("email", .object([
            .must("to", .list(.line(most: 254), 1 ... AlertRoute.receiversMost), example: ["ann@example.com"]), .may("server", .line(most: AlertRoute.urlMost), "The operator's when absent."),
            .may("from", .line(most: 254)), .may("user", .line(most: 254)), .may("password", .secret),
        ]), "One of the three; without any the route that is there stays as it is."),
        .may("webhook", .object([.must("url", .line(most: AlertRoute.urlMost), example: "https://hooks.example.com/x"), .may("secret", .secret, "What messages are signed with.")])),
        .may("alertmanager", .object([
            .must("url", .line(most: AlertRoute.urlMost), example: "https://alerts.example.com"), .may("user", .line(most: 254)), .may("password", .secret),
        ])),
    ]
}
