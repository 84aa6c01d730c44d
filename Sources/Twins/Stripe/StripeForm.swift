internal import Wire

/// The parameters of a request. Bracketed names give nested objects; `a[]=x` counts up: its keys are "0", "1" and so on.
/// - Source: docs.stripe.com/api, "form-encoded request bodies"; stripe-python 16.1.0 `_encode.py`.
struct StripeParams: Sendable {
    /// Parameters of one request, and levels of brackets: more is nobody's honest request.
    static let pairsMost = 1000
    static let depthMost = 8

    private(set) var json: JSON = .object([])
    /// For telling whether a second request is the same.
    private(set) var canonical = ""

    init(_ pairs: [(name: String, value: String)]) throws(StripeProblem) {
        guard pairs.count <= Self.pairsMost else { throw .invalid("", "Invalid request: too many parameters.") }
        for (name, value) in pairs {
            let path = try Self.path(name)
            json = try Self.insert(value, path[...], into: json, name: name)
        }
        canonical = json.text
    }

    /// `a[b][]` → a, b, "".
    private static func path(_ name: String) throws(StripeProblem) -> [String] {
        guard let open = name.utf8.firstIndex(of: 91) else { return [name] }
        var parts = [String(name[..<open])]
        var rest = name[open...]
        while rest.utf8.first == 91, let close = rest.utf8.firstIndex(of: 93) {
            parts.append(String(rest[rest.utf8.index(after: rest.startIndex)..<close]))
            rest = rest[rest.utf8.index(after: close)...]
        }
        guard rest.isEmpty, !parts[0].isEmpty, parts.count <= depthMost else { throw .unknown(name) }
        return parts
    }

    private static func insert(_ value: String, _ path: ArraySlice<String>, into json: JSON?, name: String) throws(StripeProblem) -> JSON {
        guard let first = path.first else { return .string(value) }
        let members = json?.object
        if let json, members == nil, json.string?.isEmpty != true { throw .invalid(name, "Invalid object") }
        let object = JSON.object(members ?? [])
        let key = first.isEmpty ? "\(members?.count ?? 0)" : first
        return object.setting(key, try insert(value, path.dropFirst(), into: object[key], name: name))
    }

    mutating func drop(_ name: String) { json = .object((json.object ?? []).filter { $0.key != name }) }

    // MARK: Reading

    /// Refuses what the endpoint does not know.
    func only(_ names: Set<String>) throws(StripeProblem) {
        for (key, _) in json.object ?? [] where key != "expand" && !names.contains(key) { throw .unknown(key) }
    }

    func has(_ name: String) -> Bool { json[name].map { _ in true } ?? false }

    /// A text; an empty one counts as none.
    func text(_ name: String) throws(StripeProblem) -> String? {
        guard let value = json[name] else { return nil }
        guard let text = value.string else { throw .invalid(name, "Invalid string: \(value.text)") }
        return text.isEmpty ? nil : text
    }

    func need(_ name: String) throws(StripeProblem) -> String {
        guard let text = try text(name) else {
            if json[name]?.string != nil { throw .empty(name) }
            throw .missing(name)
        }
        return text
    }

    func int(_ name: String) throws(StripeProblem) -> Int64? {
        guard let text = try text(name) else { return nil }
        guard let value = Int64(text), text.utf8.first != 43 else { throw .notInteger(name, text) }
        return value
    }

    func flag(_ name: String) throws(StripeProblem) -> Bool? {
        switch try text(name) {
        case nil: nil
        case "true": true
        case "false": false
        case let text?: throw .invalid(name, "Invalid boolean: \(text)")
        }
    }

    func choice(_ name: String, of choices: [String]) throws(StripeProblem) -> String? {
        guard let text = try text(name) else { return nil }
        guard choices.contains(text) else {
            throw .invalid(name, "Invalid \(name): must be one of \(choices.dropLast().joined(separator: ", ")), or \(choices.last ?? "")")
        }
        return text
    }

    /// The texts of `name[]`; `nil` where it was not given.
    func list(_ name: String) throws(StripeProblem) -> [String]? {
        guard let value = json[name] else { return nil }
        guard let members = value.object else { throw .invalid(name, "Invalid array") }
        return members.compactMap(\.value.string)
    }

    /// The members of `name[…]`, texts only.
    func members(_ name: String) throws(StripeProblem) -> [(key: String, value: String)]? {
        guard let value = json[name] else { return nil }
        if value.string?.isEmpty == true { return [] }
        guard let members = value.object else { throw .invalid(name, "Invalid object") }
        return members.map { (key: $0.key, value: $0.value.string ?? "") }
    }

    /// Metadata after this request: an empty value takes a key away, an empty `metadata` all of them.
    /// - Source: docs.stripe.com/api/metadata: 50 keys, names of 40 and values of 500 characters.
    func metadata(_ current: JSON = .object([])) throws(StripeProblem) -> JSON {
        guard let changes = try members("metadata") else { return current }
        if changes.isEmpty { return .object([]) }
        var kept = current.object ?? []
        for (key, value) in changes {
            guard key.count <= 40 else {
                throw .invalid("metadata", "Metadata keys can have up to 40 characters, but you passed in a key that is \(key.count) characters.")
            }
            guard value.count <= 500 else {
                throw .invalid(
                    "metadata[\(key)]", "Metadata values can have up to 500 characters, but you passed in a value that is \(value.count) characters.")
            }
            kept.removeAll { $0.key == key }
            if !value.isEmpty { kept.append((key, .string(value))) }
        }
        guard kept.count <= 50 else { throw .invalid("metadata", "You can only specify up to 50 keys in metadata.") }
        return .object(kept)
    }
}
