internal import Kernel
internal import Wire

/// Tracking categories and their options.
/// - Source: xero_accounting.yaml, TrackingCategory: two are active at one time, four with the archived ones.
extension XeroState {
    static let trackingActiveMost = 2
    static let trackingMost = 4
    static let optionsMost = 100

    mutating func trackingCategories(_ call: XeroCall) throws(XeroProblem) -> HTTPResponse {
        let isOptions = call.path.count > 2 && call.path[2].lowercased() == "options"
        switch (call.method, call.path.count) {
        case (.get, 1): return try listTracking(call)
        case (.get, 2): return Self.envelope(Self.trackingName, [Self.json(try tracking(call.path[1]))], call)
        case (.put, 1):
            return try write(call, Self.trackingName, kind: "TrackingCategory") { (state, element) throws(XeroProblem) in
                try state.put(tracking: element, onto: nil, call)
            }
        case (.post, 2):
            let existing = try tracking(call.path[1])
            return try write(call, Self.trackingName, kind: "TrackingCategory") { (state, element) throws(XeroProblem) in
                try state.put(tracking: element, onto: existing, call)
            }
        case (.delete, 2): return try deleteTracking(call)
        case (.put, 3) where isOptions, (.post, 4) where isOptions:
            let category = try tracking(call.path[1])
            let option = call.path.count > 3 ? try self.option(call.path[3], of: category).id : nil
            let collection = XeroCall(request: call.request, now: call.now, random: call.random, path: [call.path[0]])
            return try write(collection, "Options", kind: "TrackingOption") { (state, element) throws(XeroProblem) in
                try state.put(option: element, onto: option, of: category.id, call)
            }
        case (.delete, 4) where isOptions: return try deleteOption(call)
        default: throw .notFound
        }
    }

    private static let trackingName = "TrackingCategories"

    private func listTracking(_ call: XeroCall) throws(XeroProblem) -> HTTPResponse {
        let all = call.query("includeArchived")?.lowercased() == "true"
        let rows = trackings.all.filter { $0.status == "ACTIVE" || (all && $0.status == "ARCHIVED") }
        let chosen = try select(
            rows, call, updated: nil,
            field: { row, path in
                switch path {
                case "trackingcategoryid": .guid(row.id)
                case "name": .text(row.name)
                case "status": .text(row.status)
                default: nil
                }
            })
        return Self.envelope(Self.trackingName, chosen.map { Self.json($0, archived: all) }, call)
    }

    private func tracking(_ name: String) throws(XeroProblem) -> XeroTracking {
        guard let id = XeroID(name), let found = trackings[id.description], found.status != "DELETED" else { throw .notFound }
        return found
    }

    private func option(_ name: String, of category: XeroTracking) throws(XeroProblem) -> (id: String, name: String, status: String) {
        guard let id = XeroID(name)?.description, let found = category.options.first(where: { $0.id == id && $0.status != "DELETED" }) else {
            throw .notFound
        }
        return found
    }

    // MARK: Writing

    private mutating func put(
        tracking element: XeroElement, onto existing: XeroTracking?, _ call: XeroCall
    ) throws(XeroProblem) -> XeroOutcome {
        var problems: [String] = []
        let name = try Self.name(element) ?? existing?.name ?? ""
        let status = try element.filled("Status") ?? existing?.status ?? "ACTIVE"
        if name.isEmpty || name.count > 100 { problems.append("Name must be 1 to 100 characters") }
        if !["ACTIVE", "ARCHIVED"].contains(status) { problems.append("Status is not valid") }
        let others = trackings.all.filter { $0.id != existing?.id && $0.status != "DELETED" }
        let active = others.filter { $0.status == "ACTIVE" }
        if status == "ACTIVE", active.count >= Self.trackingActiveMost { problems.append("Only 2 active tracking categories are allowed") }
        if existing == nil, others.count >= Self.trackingMost { problems.append("Only 4 tracking categories are allowed") }
        if status == "ACTIVE", active.contains(where: { $0.name.lowercased() == name.lowercased() }) {
            problems.append("A tracking category with the name '\(name)' already exists")
        }
        guard problems.isEmpty else {
            return .refusal(element.json, idName: "TrackingCategoryID", id: existing?.id, problems: problems)
        }
        var row = existing ?? XeroTracking(id: call.newID(), name: name)
        row.name = name
        row.status = status
        trackings.put(row)
        return .saved(Self.json(row))
    }

    private mutating func put(
        option element: XeroElement, onto id: String?, of category: String, _ call: XeroCall
    ) throws(XeroProblem) -> XeroOutcome {
        guard var row = trackings[category] else { throw .notFound }
        var problems: [String] = []
        let old = row.options.first { $0.id == id }
        let name = try Self.name(element) ?? old?.name ?? ""
        let status = try element.filled("Status") ?? old?.status ?? "ACTIVE"
        if name.isEmpty || name.count > 100 { problems.append("Name must be 1 to 100 characters") }
        if !["ACTIVE", "ARCHIVED"].contains(status) { problems.append("Status is not valid") }
        let others = row.options.filter { $0.id != id && $0.status != "DELETED" }
        if old == nil, others.count >= Self.optionsMost { problems.append("Only \(Self.optionsMost) options are allowed") }
        if others.contains(where: { $0.name.lowercased() == name.lowercased() }) {
            problems.append("A tracking option with the name '\(name)' already exists")
        }
        guard problems.isEmpty else {
            return .refusal(element.json, idName: "TrackingOptionID", id: id, problems: problems)
        }
        let option = (id: id ?? call.newID(), name: name, status: status)
        if let place = row.options.firstIndex(where: { $0.id == option.id }) { row.options[place] = option } else { row.options.append(option) }
        trackings.put(row)
        return .saved(Self.json(option))
    }

    /// The vendor's samples write both `Name` and `name`.
    private static func name(_ element: XeroElement) throws(XeroProblem) -> String? {
        if let name = try element.filled("Name") { return name }
        return try element.filled("name")
    }

    /// What was used once can only be archived.
    private func isUsed(_ holds: ((category: String, option: String)) -> Bool) -> Bool {
        let lines = documents.all.flatMap(\.lines) + bankTransactions.all.flatMap(\.document.lines)
        return (lines + manualJournals.all.flatMap(\.lines) + orders.all.flatMap(\.document.lines)).contains { $0.tracking.contains(where: holds) }
    }

    private mutating func deleteTracking(_ call: XeroCall) throws(XeroProblem) -> HTTPResponse {
        var row = try tracking(call.path[1])
        guard !isUsed({ $0.category == row.id }) else { return Self.inUse("TrackingCategoryID", row.id) }
        row.status = "DELETED"
        trackings.put(row)
        return Self.envelope(Self.trackingName, [Self.json(row)], call)
    }

    private mutating func deleteOption(_ call: XeroCall) throws(XeroProblem) -> HTTPResponse {
        var row = try tracking(call.path[1])
        var gone = try option(call.path[3], of: row)
        guard !isUsed({ $0.option == gone.id }) else { return Self.inUse("TrackingOptionID", gone.id) }
        gone.status = "DELETED"
        if let place = row.options.firstIndex(where: { $0.id == gone.id }) { row.options[place] = gone }
        trackings.put(row)
        return Self.envelope("Options", [Self.json(gone)], call)
    }

    private static func inUse(_ idName: String, _ id: String) -> HTTPResponse {
        let message: JSON = .object([("Message", "It has been used on a transaction and cannot be deleted; archive it instead.")])
        return XeroProblem.validation([.object([(idName, .string(id)), ("ValidationErrors", .array([message]))])])
    }

    // MARK: Answers

    private static func json(_ row: XeroTracking, archived: Bool = false) -> JSON {
        var out = XeroMembers()
        out.text("Name", row.name)
        out.text("Status", row.status)
        out.text("TrackingCategoryID", row.id)
        out.set("Options", .array(row.options.filter { $0.status == "ACTIVE" || (archived && $0.status == "ARCHIVED") }.map { json($0) }))
        return out.json
    }

    private static func json(_ option: (id: String, name: String, status: String)) -> JSON {
        var out = XeroMembers()
        out.text("TrackingOptionID", option.id)
        out.text("Name", option.name)
        out.text("Status", option.status)
        out.flag("HasValidationErrors", false)
        out.flag("IsDeleted", option.status == "DELETED")
        out.flag("IsArchived", option.status == "ARCHIVED")
        out.flag("IsActive", option.status == "ACTIVE")
        return out.json
    }
}
