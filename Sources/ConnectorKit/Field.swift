public import Kernel
public import Wire

/// What a source's readers have of their own: where people look at a record that can't be read, and how much of one is read.
public struct RecordRules: Sendable {
    /// What to do about a record that is not of the form that the platform documents.
    public let unreadable: StaticString
    /// What to do about a record whose sums do not agree.
    public let unbalanced: StaticString
    /// Longest text that is kept, characters.
    public let textCharacters: Int
    /// Longest list.
    public let parts: Int

    public init(unreadable: StaticString, unbalanced: StaticString, textCharacters: Int, parts: Int) {
        self.unreadable = unreadable
        self.unbalanced = unbalanced
        self.textCharacters = textCharacters
        self.parts = parts
    }
}

/// A value of a record and the way to it: `order.line_items[3].total_money.amount`. What is missing or of the wrong kind is named in the fault.
/// How a platform writes ids, times and amounts it adds in an extension of its own.
public struct Field: Sendable {
    public let view: JSONView
    public let path: String
    /// What people call the record: `order 1042`.
    public let subject: String
    private let rules: RecordRules

    public init(_ view: JSONView, _ path: String = "", of subject: String, _ rules: RecordRules) {
        self.view = view
        self.path = path
        self.subject = subject
        self.rules = rules
    }

    public subscript(_ name: StaticString) -> Field { Field(view[name], path.isEmpty ? "\(name)" : "\(path).\(name)", of: subject, rules) }

    /// The same value, in a record that people call so.
    public func named(_ subject: String) -> Field { Field(view, path, of: subject, rules) }

    public var isNull: Bool { view.isNull }

    /// The other one where this says nothing.
    public func or(_ other: Field) -> Field { isNull ? other : self }

    // MARK: Faults

    /// - Parameter wanted: what it ought to be: `a number of units`.
    public func unreadable(_ wanted: String) -> Fault {
        Fault(
            "unreadable_record", stage: .normalize, disposition: .hold, summary: "\(path.isEmpty ? "the record" : path) of \(subject) is not \(wanted)",
            remedy: rules.unreadable.description, position: path.isEmpty ? "record" : path)
    }

    /// Sums that the platform itself states do not agree.
    public func unbalanced(_ why: String) -> Fault {
        Fault(
            "unbalanced_record", stage: .normalize, disposition: .hold, summary: "\(subject): \(why)", remedy: rules.unbalanced.description,
            position: path.isEmpty ? "record" : path)
    }

    // MARK: Words

    /// A text of JSON, cut to the longest that is kept.
    /// - Throws: `unreadable_record`.
    public func text() throws(Fault) -> String {
        guard let text = view.string else { throw unreadable("a text") }
        return cut(text, characters: rules.textCharacters)
    }

    /// `nil` for null and empty.
    /// - Throws: `unreadable_record`.
    public func optionalText() throws(Fault) -> String? {
        if isNull { return nil }
        let text = try text()
        return text.isEmpty ? nil : text
    }

    // MARK: Parts

    /// The value, where it is an object.
    /// - Throws: `unreadable_record`.
    public func object() throws(Fault) -> Field {
        guard view.isObject else { throw unreadable("an object") }
        return self
    }

    /// The elements of a list, each an object; absent means none.
    /// - Parameter most: longest list; the platform's own bound where it is not given.
    /// - Throws: `unreadable_record`.
    public func list(most: Int? = nil) throws(Fault) -> [Field] {
        if isNull { return [] }
        guard view.isArray else { throw unreadable("a list") }
        let most = most ?? rules.parts
        guard view.count <= most else { throw unreadable("a list of at most \(most) entries") }
        var out: [Field] = []
        out.reserveCapacity(view.count)
        for (n, element) in view.elements.enumerated() { out.append(try Field(element, "\(path)[\(n)]", of: subject, rules).object()) }
        return out
    }

    /// Reads each element of a list.
    /// - Throws: `unreadable_record`; what `read` throws.
    public func each<Element>(_ read: (Field) throws(Fault) -> Element) throws(Fault) -> [Element] {
        var out: [Element] = []
        for field in try list() { out.append(try read(field)) }
        return out
    }
}
