internal import Kernel
internal import Wire

/// What a request's address names below `/b1s/v1` or `/b1s/v2`.
enum B1Resource: Sendable, Equatable {
    case root
    case metadata
    case batch
    /// `Login`, `Logout`, `CompanyService_GetCompanyInfo`.
    case function(String)
    case set(String)
    case count(String)
    case entity(String, key: String)
    /// An action, or a property.
    case member(String, key: String, name: String)
}

enum B1Path {
    /// The version, and what stands behind it still encoded; `nil` for addresses that are no node's.
    static func split(_ path: String) -> (version: B1Version, rest: String)? {
        for version in [B1Version.three, .four] {
            let root = "/b1s/v\(version.rawValue)"
            if path == root || path == root + "/" { return (version, "") }
            if path.hasPrefix(root + "/") { return (version, String(path.dropFirst(root.utf8.count + 1))) }
        }
        return nil
    }

    static func resource(_ rest: String) throws(B1Problem) -> B1Resource {
        var parts = segments(rest).map { Form.unpercent($0) }
        if parts.last?.isEmpty == true { parts.removeLast() }
        guard let first = parts.first else { return .root }
        if parts.count == 1, first == "$metadata" { return .metadata }
        if parts.count == 1, first == "$batch" { return .batch }
        guard let open = first.firstIndex(of: "("), first.hasSuffix(")") else {
            if B1Schema.sets[first] != nil {
                if parts.count == 1 { return .set(first) }
                guard parts.count == 2, parts[1] == "$count" else { throw .path }
                return .count(first)
            }
            guard parts.count == 1, first.allSatisfy({ $0.isLetter || $0 == "_" || $0.isNumber }) else { throw .path }
            return .function(first)
        }
        guard let set = B1Schema.sets[String(first[..<open])] else { throw .path }
        let key = try key(set, String(first[first.index(after: open)...].dropLast()))
        switch parts.count {
        case 1: return .entity(set.name, key: key)
        case 2: return .member(set.name, key: key, name: parts[1])
        default: throw .path
        }
    }

    /// At slashes outside of quotation marks.
    private static func segments(_ rest: String) -> [Substring] {
        var (out, start, isQuoted): ([Substring], String.Index, Bool) = ([], rest.startIndex, false)
        for place in rest.indices {
            if rest[place] == "'" { isQuoted.toggle() }
            guard rest[place] == "/", !isQuoted else { continue }
            out.append(rest[start..<place])
            start = rest.index(after: place)
        }
        return out + [rest[start...]]
    }

    /// `22`, `'C001'`, `DocEntry=22` or `TableName='OINV',FieldID=0`.
    static func key(_ set: B1Set, _ text: String) throws(B1Problem) -> String {
        let invalid = B1Problem(-1000, "Invalid key for '\(set.name)'")
        var found: [String: String] = [:]
        let parts = pieces(text)
        for part in parts {
            let halves = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            let isNamed = halves.count == 2 && !part.hasPrefix("'")
            guard isNamed || parts.count == 1, let name = isNamed ? halves[0] : set.keys.first, found[name] == nil else { throw invalid }
            let value = isNamed ? halves[1] : part
            if set.type.property(name)?.kind == .int {
                guard let number = Int(value) else { throw invalid }
                found[name] = "\(number)"
            } else {
                guard value.hasPrefix("'"), value.hasSuffix("'"), value.utf8.count >= 2 else { throw invalid }
                found[name] = value.dropFirst().dropLast().split(separator: "''", omittingEmptySubsequences: false).joined(separator: "'")
            }
        }
        let values = set.keys.compactMap { found[$0] }
        guard values.count == set.keys.count, found.count == values.count else { throw invalid }
        return values.joined(separator: ",")
    }

    /// At commas outside of quotation marks.
    private static func pieces(_ text: String) -> [String] {
        var (out, isQuoted): ([String], Bool) = ([""], false)
        for character in text {
            if character == "'" { isQuoted.toggle() }
            if character == ",", !isQuoted { out.append("") } else { out[out.count - 1].append(character) }
        }
        return out
    }
}

/// One request to a company.
struct B1Call: Sendable {
    var version: B1Version
    var method: HTTPMethod
    var resource: B1Resource
    var query: [(name: String, value: String)]
    var fields: HTTPFields
    var body: [UInt8]
    /// `https://host/b1s/v2/`.
    var root: String

    func option(_ name: String) -> String? { query.first { $0.name == name }?.value }

    /// One preference of the `Prefer` header.
    func preference(_ name: String) -> String? {
        for part in fields.all("Prefer").flatMap({ $0.split(whereSeparator: { $0 == "," || $0 == ";" }) }) {
            let halves = part.split(separator: "=", maxSplits: 1).map { $0.filter { !$0.isWhitespace } }
            if halves.first == name { return halves.count == 2 ? halves[1] : "" }
        }
        return nil
    }

    func header(_ name: String) -> Bool { fields[name]?.lowercased() == "true" }

    /// The body as an object; an empty body is an empty one.
    func object() throws(B1Problem) -> JSON {
        if body.isEmpty { return .object([]) }
        guard let json = try? JSON(parsing: body), json.object != nil else { throw B1Problem(-1000, "Invalid JSON format") }
        return json
    }
}
