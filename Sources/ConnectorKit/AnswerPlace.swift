internal import Kernel
public import Wire

/// Where a value stands in an answer.
public indirect enum AnswerPlace: Sendable, Equatable {
    /// The value of a cookie that the answer sets.
    case cookie(String)
    case header(String)
    /// Member names from the outside in; a number picks from a list.
    case json([String])
    /// Local names below the root element, from the outside in.
    case xml([String])
    /// The first of these that holds a value, for platforms that speak in more than one way.
    case first([AnswerPlace])

    /// Values longer than this are none.
    public static let bytesMost = 8_192

    /// The value; `nil` where there is none, or an empty one, or one with characters that no header may have. Numbers come as their digits;
    /// `true`, `false` and `null` are no values.
    public func value(in response: HTTPResponse) -> String? {
        let found: String? =
            switch self {
            case .cookie(let name): AnswerPlace.cookie(name, response)
            case .header(let name): response.fields[name]
            case .json(let path): AnswerPlace.json(path, response.body)
            case .xml(let path): AnswerPlace.xml(path, response.body)
            case .first(let places): places.lazy.compactMap { $0.value(in: response) }.first
            }
        guard let found, (1 ... AnswerPlace.bytesMost).contains(found.utf8.count), found.utf8.allSatisfy({ $0 >= 32 && $0 < 127 }) else { return nil }
        return found
    }

    /// The last one of that name wins, as in a browser; attributes are left out, the path too: whoever sends it decides where.
    private static func cookie(_ name: String, _ response: HTTPResponse) -> String? {
        var value: String?
        for field in response.fields.all("Set-Cookie") {
            let pair = field.utf8.prefix { $0 != UInt8(ascii: ";") }
            guard let mark = pair.firstIndex(of: UInt8(ascii: "=")), trimmed(pair[..<mark]) == name else { continue }
            value = trimmed(pair[pair.index(after: mark)...])
        }
        // A cookie's value ends where another would begin.
        return value.flatMap { $0.utf8.contains(UInt8(ascii: ",")) || $0.utf8.contains(32) ? nil : $0 }
    }

    private static func trimmed(_ bytes: Substring.UTF8View) -> String {
        var rest = bytes.drop { $0 == 32 || $0 == 9 }
        while let last = rest.last, last == 32 || last == 9 { rest = rest.dropLast() }
        return String(Substring(rest))
    }

    private static func json(_ path: [String], _ body: [UInt8]) -> String? {
        guard let at = (try? JSON(parsing: body))?.at(path) else { return nil }
        if case .number(let digits) = at { return digits }
        return at.string
    }

    private static func xml(_ path: [String], _ body: [UInt8]) -> String? {
        guard let root = try? XMLElement(parsing: body) else { return nil }
        return root.at(path)?.text
    }
}
