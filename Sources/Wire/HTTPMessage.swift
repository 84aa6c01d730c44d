/// Header fields in the order they were written; names compare without case (RFC 9110, section 5.1).
public struct HTTPFields: Sendable, Equatable, ExpressibleByDictionaryLiteral {
    public struct Field: Sendable, Equatable {
        public var name: String
        public var value: String
    }

    public private(set) var list: [Field]

    public init() { list = [] }
    public init(dictionaryLiteral elements: (String, String)...) { list = elements.map { Field(name: $0.0, value: $0.1) } }

    /// Without fields, and with room for so many.
    public init(room: Int) {
        list = []
        list.reserveCapacity(room)
    }

    /// The first value under that name; setting replaces all of them, `nil` removes.
    public subscript(_ name: String) -> String? {
        get { list.first { $0.name.equalsIgnoringCase(name) }?.value }
        set {
            list.removeAll { $0.name.equalsIgnoringCase(name) }
            if let newValue { list.append(Field(name: name, value: newValue)) }
        }
    }

    /// The value under that name where there is exactly one; `nil` where there is none or which one is meant nobody knows.
    public func only(_ name: String) -> String? {
        var found: Int?
        for n in list.indices where list[n].name.equalsIgnoringCase(name) {
            if found != nil { return nil }
            found = n
        }
        return found.map { list[$0].value }
    }

    public func all(_ name: String) -> [String] { list.filter { $0.name.equalsIgnoringCase(name) }.map(\.value) }
    public mutating func append(_ name: String, _ value: String) { list.append(Field(name: name, value: value)) }
    /// Makes room for so many more.
    public mutating func reserve(_ more: Int) { list.reserveCapacity(list.count + more) }
    public var isEmpty: Bool { list.isEmpty }
}

extension String {
    /// ASCII case folding only, as header names need.
    func equalsIgnoringCase(_ other: String) -> Bool {
        guard utf8.count == other.utf8.count else { return false }
        let compared = utf8.withContiguousStorageIfAvailable { a in
            other.utf8.withContiguousStorageIfAvailable { b in
                for i in 0 ..< a.count where !isSameLetter(a[i], b[i]) { return false }
                return true
            }
        }
        return (compared ?? nil) ?? zip(utf8, other.utf8).allSatisfy { isSameLetter($0, $1) }
    }
}

@inline(__always)
private func isSameLetter(_ x: UInt8, _ y: UInt8) -> Bool {
    x == y || (x | 32 == y | 32 && (x | 32) >= 97 && (x | 32) <= 122)
}

public enum HTTPMethod: String, Sendable, CaseIterable {
    case get = "GET"
    case post = "POST"
    case put = "PUT"
    case patch = "PATCH"
    case delete = "DELETE"
    case head = "HEAD"
    case options = "OPTIONS"
}

/// One request as a value, the same for our server, our client and the twins.
/// For outgoing requests `target` is an absolute URL; for incoming ones the origin form (`/path?query`).
public struct HTTPRequest: Sendable {
    public var method: HTTPMethod
    public var target: String
    public var fields: HTTPFields
    public var body: [UInt8]

    public init(_ method: HTTPMethod, _ target: String, fields: HTTPFields = [:], body: [UInt8] = []) {
        self.method = method
        self.target = target
        self.fields = fields
        self.body = body
    }

    /// The path without query, still percent-encoded.
    public var path: String { String(Substring(target.utf8.prefix { $0 != 63 })) }

    /// The query's pairs, decoded (`+` is a space), in order.
    public var query: [(name: String, value: String)] {
        guard let mark = target.utf8.firstIndex(of: 63) else { return [] }
        return Form.decode(String(Substring(target.utf8[target.utf8.index(after: mark)...])))
    }

    /// The first query value under that name.
    public func query(_ name: String) -> String? { query.first { $0.name == name }?.value }
}

/// One response as a value.
public struct HTTPResponse: Sendable {
    public var status: Int
    public var fields: HTTPFields
    public var body: [UInt8]

    public init(_ status: Int, fields: HTTPFields = [:], body: [UInt8] = []) {
        self.status = status
        self.fields = fields
        self.body = body
    }

    public static func text(_ status: Int, _ text: String) -> HTTPResponse {
        HTTPResponse(status, fields: ["Content-Type": "text/plain; charset=utf-8"], body: Array(text.utf8))
    }

    public static func json(_ status: Int, _ value: JSON) -> HTTPResponse {
        HTTPResponse(status, fields: ["Content-Type": "application/json"], body: value.bytes)
    }

    public var bodyText: String { String(decoding: body, as: UTF8.self) }
}
