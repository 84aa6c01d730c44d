internal import ConnectorKit
internal import Kernel
internal import Wire

/// Which dimensions become tracking categories: the connection's setting `tracking`, `Region` or `region=Region, group=Product line`.
struct Tracking: Sendable {
    private let names: [(dimension: String, category: String)]

    /// - Throws: `setting_invalid` (reject) for more categories than Xero has, and for none where one is named.
    init(_ connection: ConnectionFacts) throws(Fault) {
        guard let setting = connection.settings["tracking"], !setting.isEmpty else {
            names = []
            return
        }
        names = setting.split(separator: ",", omittingEmptySubsequences: false).map { entry in
            let halves = entry.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map { plain(String($0)) }
            return (halves[0], halves.last ?? "")
        }
        let categories = Set(names.map { $0.category.lowercased() })
        guard categories.count == names.count, names.count <= XeroLimits.trackingCategories,
            names.allSatisfy({ !$0.dimension.isEmpty && (1 ... XeroLimits.trackingName).contains($0.category.utf16.count) })
        else {
            throw XeroConnector.refused(
                "setting_invalid", "the connection's setting tracking names no tracking categories",
                "Set it to the names of at most two, such as Region, or region=Region.")
        }
    }

    /// The option that a line has in each category; lines without the dimension have none.
    func options(_ dimensions: [String: String]) -> [(category: String, option: String?)] {
        names.map { name in (name.category, dimensions[name.dimension].map(plain).flatMap { $0.isEmpty ? nil : $0 }) }
    }

    func members(of line: LedgerDocument.Line) -> [(key: String, value: JSON)] {
        let tracked: [JSON] = options(line.dimensions).compactMap { name in
            name.option.map { .object([("Name", .string(name.category)), ("Option", .string($0))]) }
        }
        return tracked.isEmpty ? [] : [("Tracking", .array(tracked))]
    }

    /// Of a file's row: the names and options of two categories.
    func cells(_ dimensions: [String: String]) -> [ManualCell] {
        let cells = options(dimensions).flatMap { name -> [ManualCell] in
            name.option.map { [.exact(name.category, most: XeroLimits.trackingName), .exact($0, most: XeroLimits.trackingName)] } ?? [.empty, .empty]
        }
        return cells + Array(repeating: .empty, count: 2 * XeroLimits.trackingCategories - cells.count)
    }

    /// What each line of an answer is tracked by, to be compared with `meant`.
    static func shown(_ lines: [JSONView]) -> [[String]] {
        lines.map { $0["Tracking"].elements.map { "\($0["Name"].string ?? "")=\($0["Option"].string ?? "")".lowercased() }.sorted() }
    }

    /// The same of the lines of a body.
    static func meant(_ body: JSON) -> [[String]] {
        (body["LineItems"]?.array ?? []).map { line in
            (line["Tracking"]?.array ?? []).map { "\($0["Name"]?.string ?? "")=\($0["Option"]?.string ?? "")".lowercased() }.sorted()
        }
    }
}

extension XeroConnector {
    /// Goes on with what can't be sent because it names a category or an option that is not there. Xero is asked only where lines name any:
    /// a line with a wrong one would be refused by it, or lose it.
    func tracked<Output: Sendable>(
        _ documents: [LedgerDocument], _ connection: ConnectionFacts, then next: @escaping @Sendable ([Int: Fault]) -> Exchange<Output>
    ) -> Exchange<Output> {
        let tracking: Tracking
        do throws(Fault) { tracking = try Tracking(connection) } catch {
            return next(Dictionary(uniqueKeysWithValues: documents.indices.map { ($0, error) }))
        }
        let named = documents.map { document in
            Endpoint(document) == .payments ? [] : document.lines.flatMap { tracking.options($0.dimensions) }.filter { $0.option != nil }
        }
        guard named.contains(where: { !$0.isEmpty }) else { return next([:]) }
        return rows([Query("TrackingCategories", paged: false)]) { rows in
            var known: [String: Set<String>] = [:]
            for row in rows where Self.isActive(row) {
                known[row["Name"].string?.lowercased() ?? ""] = Set(row["Options"].elements.filter(Self.isActive).compactMap { $0["Name"].string?.lowercased() })
            }
            var faults: [Int: Fault] = [:]
            for (index, names) in named.enumerated() {
                for (category, option) in names {
                    guard let option, known[category.lowercased()]?.contains(option.lowercased()) != true else { continue }
                    let isCategory = known[category.lowercased()] == nil
                    faults[index] = Self.refused(
                        "tracking_unknown",
                        isCategory
                            ? "Xero has no active tracking category \(cut(category, utf16: 60))"
                            : "the tracking category \(cut(category, utf16: 60)) has no active option \(cut(option, utf16: 60)) in Xero",
                        isCategory ? "Add it in Xero, or correct the connection's setting tracking." : "Add it in Xero, or correct the rule that sets it.")
                    break
                }
            }
            return next(faults)
        }
    }

    private static func isActive(_ row: JSONView) -> Bool { row["Status"].string.map { $0 == "ACTIVE" } ?? true }
}
