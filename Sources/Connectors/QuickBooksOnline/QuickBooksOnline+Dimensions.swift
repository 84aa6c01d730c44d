internal import Books
internal import ConnectorKit
internal import Kernel
internal import Wire

/// Where a document's classes and departments stand. A company has classes by document or by line; a department (a location, as people see it) is the
/// document's, except in journals.
/// - Source: Intuit docs, Preferences: `ClassTrackingPerTxn`, `ClassTrackingPerTxnLine`, `TrackDepartments`.
struct Dimensions: Sendable {
    static let names = ["class", "department"]

    /// Before the id of a class that stands at the document.
    static let mark = "header:"

    /// `ClassRef` and `DepartmentRef` of the document.
    var header: [(key: String, value: JSON)] = []

    private let isByLine: Bool

    /// `byLine`: the kind of document has classes at its lines wherever the company has them.
    /// - Throws: `dimension_mixed`: lines disagree on what only the whole document can have.
    init(_ document: LedgerDocument, byLine: Bool = false) throws(Fault) {
        isByLine = byLine
        let classes = byLine ? [] : document.lines.compactMap { $0.dimensions["class"] }.filter { $0.hasPrefix(Self.mark) }
        if let id = try Self.only(classes, "class") { header.append(("ClassRef", reference(Self.id(id)))) }
        if let id = try Self.only(document.lines.compactMap { $0.dimensions["department"] }, "department") { header.append(("DepartmentRef", reference(id))) }
    }

    private static func only(_ ids: [String], _ name: String) throws(Fault) -> String? {
        let different = Set(ids)
        guard different.count <= 1 else {
            throw QuickBooksOnlineConnector.refusal(
                "dimension_mixed", "its lines are of several values of \(name), and QuickBooks Online has one for the whole document",
                name == "class" ? "Track classes by line in the company's settings, or have rules give the document one." : "Have rules give the document one.",
                position: name)
        }
        return different.first
    }

    /// The class that stands at a line.
    func ofLine(_ line: LedgerDocument.Line) -> String? {
        line.dimensions["class"].flatMap { isByLine ? Self.id($0) : $0.hasPrefix(Self.mark) ? nil : $0 }
    }

    /// Without the mark of its place.
    static func id(_ text: String) -> String { text.hasPrefix(mark) ? String(text.dropFirst(mark.count)) : text }

    /// What has to be looked up: `class/Retail`.
    static func wants(_ document: LedgerDocument) -> [ReferenceWant] {
        var seen: Set<String> = []
        return document.lines.flatMap { line in
            names.compactMap { name in
                guard let value = line.dimensions[name], !value.isEmpty, seen.insert("\(name)/\(value)").inserted else { return nil }
                return ReferenceWant(kind: .dimension, key: "\(name)/\(value)", name: value, text: value)
            }
        }
    }

    /// `class` of `class/Retail`.
    static func name(of want: ReferenceWant) -> String { String(want.key.prefix { $0 != "/" }) }

    static func entity(_ name: String) -> String { name == "class" ? "Class" : "Department" }
}

extension QuickBooksOnlineConnector {
    /// The ids of classes and departments, with the mark of where they stand. Looked up by name (a sub-class by its full one, `Shop:Web`), else by id.
    func findDimensions(_ wants: [ReferenceWant], _ connection: ConnectionFacts) -> Exchange<[String: String]> {
        let names = Dimensions.names.filter { name in wants.contains { Dimensions.name(of: $0) == name } }
        guard !names.isEmpty else { return .finish([:]) }
        return .send(read("preferences", [], connection)) { answer in
            let preferences: Preferences
            do throws(Fault) {
                preferences = try Preferences(answer)
                for name in names where !preferences.tracks(name) { throw Self.notTracked(name) }
            } catch { return .fail(error) }
            let queries = names.map { Query(Dimensions.entity($0), where: "Active in (true,false)", ordered: true) }
            return self.rows(queries, connection) { rows in
                do throws(Fault) { return .finish(try Self.match(dimensions: wants, rows, preferences)) } catch { return .fail(error) }
            }
        }
    }

    /// - Throws: `dimension_unknown`, `dimension_inactive` (hold).
    private static func match(dimensions wants: [ReferenceWant], _ rows: [Row], _ preferences: Preferences) throws(Fault) -> [String: String] {
        var out: [String: String] = [:]
        for want in wants {
            let name = Dimensions.name(of: want), wanted = want.name.lowercased()
            let own = rows.filter { $0.entity == Dimensions.entity(name) }
            let found = own.first { $0.fields["FullyQualifiedName"].string?.lowercased() == wanted || $0.fields["Name"].string?.lowercased() == wanted }
                ?? own.first { $0.fields["Id"].string == want.name }
            guard let found, let id = found.fields["Id"].string, !id.isEmpty else {
                throw refusal(
                    "dimension_unknown", "QuickBooks Online has no \(name) \"\(cut(want.name, utf16: 60))\"", "Create it there, or correct the rule that names it.",
                    position: name)
            }
            guard found.fields["Active"].bool ?? true else {
                throw refusal(
                    "dimension_inactive", "the \(name) \"\(cut(want.name, utf16: 60))\" is inactive in QuickBooks Online", "Activate it there, or name another one.",
                    position: name)
            }
            out[want.key] = name == "class" && preferences.classAtDocument ? Dimensions.mark + id : id
        }
        return out
    }

    private static func notTracked(_ name: String) -> Fault {
        refusal(
            "dimension_off", "the company does not track \(name == "class" ? "classes" : "departments (locations)")",
            "Turn it on in the company's settings (Advanced, Categories), or have rules leave \(name) out.", position: name)
    }
}
