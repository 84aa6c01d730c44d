internal import Books
internal import Kernel
internal import Wire

/// Reads a request's members, collecting everything that is wrong rather than stopping at the first.
/// A reading that fails gives a value of its type all the same; `check` throws before any such value can be used.
struct Input: Sendable {
    let json: JSON
    private(set) var findings: [Refusal.Finding] = []

    init(_ json: JSON, known: [String]) {
        self.json = json
        for (key, _) in json.object ?? [] where !known.contains(key) {
            add(String(key.prefix(64)), "is not a known member", "Known are \(known.joined(separator: ", ")).")
        }
    }

    mutating func add(_ field: String, _ why: String, _ remedy: String) { findings.append(.init(field: field, why: why, remedy: remedy)) }

    /// - Throws: 422 with all findings.
    func check() throws { if !findings.isEmpty { throw Refusal.invalid(findings) } }

    /// Given and not null.
    private func given(_ key: String) -> JSON? { json.member(key) }

    /// Given at all, be it as null.
    func has(_ key: String) -> Bool { json.object?.contains { $0.key == key } ?? false }

    // MARK: Text

    mutating func optionalText(_ key: String, most: Int = ControlPlaneLimits.textCharacters) -> String? {
        guard let value = given(key) else { return nil }
        guard let text = value.string, (1 ... most).contains(text.unicodeScalars.count), text.unicodeScalars.allSatisfy({ $0.value >= 32 && $0.value != 127 }) else {
            add(key, "must be text of 1 to \(most) characters", "Send a string without line breaks.")
            return nil
        }
        return text
    }

    mutating func text(_ key: String, most: Int = ControlPlaneLimits.textCharacters) -> String {
        guard given(key) != .none else {
            add(key, "is missing", "Add \(key).")
            return ""
        }
        return optionalText(key, most: most) ?? ""
    }

    /// Lower-case letters, digits and hyphens: a name for files, paths and people.
    mutating func slug(_ key: String = "slug") -> String {
        guard let value = given(key) else {
            add(key, "is missing", "Add a short name such as prairie-goods.")
            return ""
        }
        let text = value.string ?? ""
        let bytes = text.utf8
        let good = (1 ... 63).contains(bytes.count) && bytes.first != 45
            && bytes.allSatisfy { ($0 >= 97 && $0 <= 122) || ($0 >= 48 && $0 <= 57) || $0 == 45 }
        if !good { add(key, "must be 1 to 63 lower-case letters, digits and hyphens", "Write it such as prairie-goods.") }
        return text
    }

    mutating func choice(_ key: String, of allowed: [String]) -> String? {
        guard let value = given(key) else { return nil }
        guard let text = value.string, allowed.contains(text) else {
            add(key, "is not one of \(allowed.joined(separator: ", "))", "Choose one of them.")
            return nil
        }
        return text
    }

    // MARK: Numbers and days

    mutating func integer(_ key: String, _ range: ClosedRange<Int>) -> Int? {
        guard let value = given(key) else { return nil }
        guard let number = value.int, range.contains(number) else {
            add(key, "must be a whole number from \(range.lowerBound) to \(range.upperBound)", "Send a number in that range.")
            return nil
        }
        return number
    }

    mutating func date(_ key: String) -> LocalDate? {
        guard let value = given(key) else { return nil }
        guard let day = value.string.flatMap({ LocalDate($0) }) else {
            add(key, "is not a day", "Write it as YYYY-MM-DD.")
            return nil
        }
        return day
    }

    mutating func instant(_ key: String) -> Timestamp? {
        guard let value = given(key) else { return nil }
        guard let at = value.string.flatMap({ Timestamp(rfc3339: $0) }) else {
            add(key, "is not a time", "Write it as 2026-11-14T09:30:00Z.")
            return nil
        }
        return at
    }

    // MARK: Ids

    mutating func optionalIdentifier<Kind>(_ key: String, _: Kind.Type = Kind.self) -> Identifier<Kind>? {
        guard let value = given(key) else { return nil }
        guard let id = value.string.flatMap({ Identifier<Kind>($0) }) else {
            add(key, "is not an id", "Send the 36 characters of the id.")
            return nil
        }
        return id
    }

    /// All zero where it is missing: `check` comes before its use.
    mutating func identifier<Kind>(_ key: String, _: Kind.Type = Kind.self) -> Identifier<Kind> {
        if given(key) == .none { add(key, "is missing", "Add \(key).") }
        return optionalIdentifier(key) ?? .zero
    }

    // MARK: Secrets and objects

    /// Bytes that only go into a seal.
    mutating func optionalSecret(_ key: String) -> Secret? {
        guard let value = given(key) else { return nil }
        guard let text = value.string, (1 ... ControlPlaneLimits.secretBytes).contains(text.utf8.count) else {
            add(key, "must be text of 1 to \(ControlPlaneLimits.secretBytes) bytes", "Send it as a string.")
            return nil
        }
        return Secret(text)
    }

    /// An object of strings.
    /// - Parameter flat: how groups of strings are read.
    mutating func strings(_ key: String, flat: (JSON) -> JSON = { $0 }) -> [(name: String, value: String)]? {
        guard let value = given(key).map(flat) else { return nil }
        guard let object = value.object, object.count <= ControlPlaneLimits.settings else {
            add(key, "must be an object of at most \(ControlPlaneLimits.settings) strings", "Send { \"name\": \"value\" }.")
            return nil
        }
        var out: [(name: String, value: String)] = []
        for (name, member) in object {
            guard let text = member.string, text.unicodeScalars.count <= 1000, !text.utf8.contains(0), !name.utf8.contains(0) else {
                add("\(key).\(name.prefix(64))", "must be a string of at most 1000 characters", "Write the value in quotes.")
                continue
            }
            out.append((name, text))
        }
        return out
    }
}

// MARK: Words of the world

extension Input {
    /// ISO 3166-1 alpha-2.
    mutating func country(_ key: String) -> String {
        let text = self.text(key, most: 2)
        if !text.isEmpty, text.utf8.count != 2 || !text.utf8.allSatisfy({ $0 >= 65 && $0 <= 90 }) {
            add(key, "is not a country", "Write two capital letters, such as GB.")
        }
        return text
    }

    /// ISO 4217, of those that the planner knows.
    mutating func currency(_ key: String) -> String {
        let text = self.text(key, most: 3)
        if !text.isEmpty, Currency(text) == .none { add(key, "is not a currency", "Write three capital letters, such as GBP.") }
        return text
    }

    /// IANA name.
    mutating func zone(_ key: String) -> String {
        let text = self.text(key, most: 64)
        guard !text.isEmpty else { return text }
        do throws(Fault) { _ = try Zone.named(text) } catch { add(key, error.summary, error.remedy) }
        return text
    }
}
