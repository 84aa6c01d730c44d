internal import Books
internal import Kernel
internal import Wire

/// A request's members, held against their declaration all at once: everything that is wrong is collected rather than stopping at the first. What is
/// wrong or missing reads as a value of its type all the same; `check` throws before any such value can be used.
struct Input: Sendable {
    private let json: JSON
    private let members: [Member]
    /// `POST /v1/tenants`.
    private let place: String
    /// Those whose value can't be used.
    private let wrong: Set<String>
    private(set) var findings: [Refusal.Finding] = []
    /// Read without being declared, or as something else than it is declared as.
    private var misread: String?

    /// - Parameter members: what may be given; anything else is a finding.
    init(_ json: JSON, _ members: [Member], of place: String) {
        self.json = json
        self.members = members
        self.place = place
        Shape.object(members).check(json, .theirs, into: &findings)
        wrong = Set(findings.map { String($0.field.prefix { $0 != "." && $0 != "[" }) })
    }

    mutating func add(_ field: String, _ why: String, _ remedy: String) { findings.append(.init(field: field, why: why, remedy: remedy)) }

    /// - Throws: 422 with all findings; `undeclared_member`, a mistake of ours, after a reading that the declaration does not have.
    func check() throws {
        if let misread {
            throw Fault("undeclared_member", stage: .api, disposition: .bug, summary: "the member \(misread) is not declared as it is read", position: place)
        }
        if !findings.isEmpty { throw Refusal.invalid(findings) }
    }

    /// Given at all, be it as null.
    mutating func has(_ key: String) -> Bool {
        _ = value(key) { _ in true }
        return json[key] != nil
    }

    /// Given, and not as null.
    mutating func isGiven(_ key: String) -> Bool { has(key) && json.member(key) != .none }

    /// A member as given, when it is declared as what it is read as; `nil` when it is absent, null or wrong.
    private mutating func value(_ key: String, evenIfWrong: Bool = false, _ isDeclared: (Shape) -> Bool) -> JSON? {
        guard let member = members.first(where: { $0.name == key }), isDeclared(member.shape.bare) else {
            misread = misread ?? key
            return nil
        }
        Reads.note(place, key)
        return wrong.contains(key) && !evenIfWrong ? nil : json.member(key)
    }

    private mutating func words(_ key: String, _ forms: Words.Form...) -> String? {
        value(key) { shape in
            if case .text(let words) = shape { forms.contains(words.form) } else { false }
        }?.string
    }

    // MARK: Text

    mutating func optionalText(_ key: String) -> String? { words(key, .line, .any, .postKey) }
    mutating func text(_ key: String) -> String { optionalText(key) ?? "" }
    mutating func slug(_ key: String = "slug") -> String { words(key, .slug) ?? "" }
    mutating func login(_ key: String) -> String { words(key, .login) ?? "" }
    mutating func optionalSlug(_ key: String = "slug") -> String? { words(key, .slug) }

    mutating func choice(_ key: String) -> String? {
        value(key) { shape in
            if case .choice = shape { true } else { false }
        }?.string
    }

    // MARK: Numbers, days, yes and no

    mutating func integer(_ key: String) -> Int? {
        value(key) { shape in
            if case .integer = shape { true } else { false }
        }?.int
    }

    mutating func flag(_ key: String) -> Bool? {
        value(key) { shape in
            if case .flag = shape { true } else { false }
        }?.bool
    }

    mutating func date(_ key: String) -> LocalDate? { words(key, .day).flatMap { LocalDate($0) } }
    mutating func instant(_ key: String) -> Timestamp? { words(key, .instant).flatMap { Timestamp(rfc3339: $0) } }

    // MARK: Ids

    mutating func optionalIdentifier<Kind>(_ key: String, _: Kind.Type = Kind.self) -> Identifier<Kind>? { words(key, .id).flatMap { Identifier<Kind>($0) } }

    /// All zero where it is missing: `check` comes before its use.
    mutating func identifier<Kind>(_ key: String, _: Kind.Type = Kind.self) -> Identifier<Kind> { optionalIdentifier(key) ?? .zero }

    // MARK: Secrets, lists and objects

    /// Bytes that only go into a seal.
    mutating func optionalSecret(_ key: String) -> Secret? { words(key, .secret).map { Secret($0) } }

    /// A list of strings.
    mutating func list(_ key: String) -> [String]? {
        value(key) { shape in
            if case .list = shape { true } else { false }
        }?.array?.compactMap(\.string)
    }

    /// An object, by name: also one of whose members some are wrong, for the others to be looked at.
    mutating func object(_ key: String) -> JSON? {
        value(key, evenIfWrong: true) { shape in
            if case .map = shape { true } else { false }
        }
    }

    /// An object of strings.
    mutating func strings(_ key: String) -> [(name: String, value: String)]? {
        object(key)?.object?.compactMap { name, value in value.string.map { (name, $0) } }
    }

    // MARK: Words of the world

    /// ISO 3166-1 alpha-2.
    mutating func country(_ key: String) -> String { words(key, .country) ?? "" }

    /// ISO 4217, of those that the planner knows.
    mutating func currency(_ key: String) -> String { words(key, .currency) ?? "" }

    /// IANA name.
    mutating func zone(_ key: String) -> String { words(key, .zone) ?? "" }

    /// A platform's own name for an account.
    mutating func account(_ key: String) -> String { words(key, .account) ?? "" }
}

/// Which declared members and parameters have been read: tests see by it that none is declared in vain.
final class Reads: Sendable {
    @TaskLocal static var log: Reads?

    private let names = Locked<Set<String>>([])

    /// `POST /v1/tenants slug`.
    var list: Set<String> { names.with { $0 } }

    static func note(_ place: String, _ name: String) {
        guard let log else { return }
        log.names.with { _ = $0.insert("\(place) \(name)") }
    }
}
