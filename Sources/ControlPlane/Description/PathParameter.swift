internal import Books
internal import Wire

/// What stands in a path between braces, by its name: the same everywhere.
enum PathParameter {
    static let all: [Member] = [
        .must("alert", .id, "An alert's id."),
        .must("batch", .id, "A batch's id."),
        .must("connection", .id, "A connection's id."),
        .must("consent", .id, "An authorization's id."),
        .must("consultancy", .id, "A consultancy's id."),
        .must("delivery", .id, "A message's id."),
        .must("document", .id, "A document's id."),
        .must("event", .count, "An event's number.", example: 1),
        .must("flow", .id, "A flow's id."),
        .must("key", .id, "An API key's id, not the key."),
        .must("link", .line(most: 64), "A link's secret.", example: "0123456789abcdefghjkmnpqrstvwxyz"),
        .must("organisation", .id, "A legal entity's id."),
        .must("platform", .line, "A platform's id, as `counterfoil connector list` shows it.", example: "quickbooks-online"),
        .must("posting", .postKey, "A posting's key."),
        .must("reflection", .id, "A reflection's id."),
        .must("route", .slug, "An alert route's name.", example: "bookkeeper"),
        .must("schedule", .choice(Schedule.subjects), "What the schedule is about.", example: "post"),
        .must("tenant", .id, "A client business's id."),
        .must("user", .id, "A user's id."),
    ]

    /// A name that is not in the table is described by itself; a test sees to it that there is none.
    static func of(_ name: String) -> Member { all.first { $0.name == name } ?? .must(name, .line, example: .string(name)) }
}
