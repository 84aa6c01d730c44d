/// `application/x-www-form-urlencoded` and percent-encoding (RFC 3986, WHATWG URL).
public enum Form {
    /// Pairs joined by `&`, everything but unreserved characters encoded, spaces as `+`.
    public static func encode(_ pairs: [(name: String, value: String)]) -> String {
        pairs.map { percent($0.name, space: true) + "=" + percent($0.value, space: true) }.joined(separator: "&")
    }

    /// The pairs of a nested value, with a name's way in brackets: `metadata[our_id]`, `items[0][price]`. `null`, `{}` and `[]` give none.
    public static func nested(_ value: JSON) -> [(name: String, value: String)] {
        guard case .object(let members) = value else { return [] }
        return members.flatMap { nested($0.key, $0.value) }
    }

    private static func nested(_ name: String, _ value: JSON) -> [(name: String, value: String)] {
        switch value {
        case .null: []
        case .bool(let truth): [(name, truth ? "true" : "false")]
        case .number(let digits): [(name, digits)]
        case .string(let text): [(name, text)]
        case .array(let elements): elements.enumerated().flatMap { nested("\(name)[\($0.offset)]", $0.element) }
        case .object(let members): members.flatMap { nested("\(name)[\($0.key)]", $0.value) }
        }
    }

    /// Pairs in order; a pair without `=` has an empty value. Broken escapes stay as written, invalid UTF-8 becomes
    /// U+FFFD.
    public static func decode(_ text: String) -> [(name: String, value: String)] {
        // By bytes: as characters, "&" followed by a combining accent is not "&".
        text.utf8.split(separator: 38).map { part in
            let halves = part.split(separator: 61, maxSplits: 1, omittingEmptySubsequences: false)
            return (
                unpercent(Substring(halves[0]), plus: true),
                halves.count > 1 ? unpercent(Substring(halves[1]), plus: true) : ""
            )
        }
    }

    /// Percent-encodes all but RFC 3986's unreserved characters; with `space`, a space becomes `+`.
    public static func percent(_ text: String, space: Bool = false) -> String {
        var out: [UInt8] = []
        for b in text.utf8 {
            switch b {
            case 48 ... 57, 65 ... 90, 97 ... 122, 45, 46, 95, 126: out.append(b)
            case 32 where space: out.append(43)
            default:
                out.append(37)
                for nibble in [b >> 4, b & 15] { out.append(nibble < 10 ? 48 + nibble : 55 + nibble) }
            }
        }
        return String(decoding: out, as: UTF8.self)
    }

    /// Undoes percent-encoding; with `plus`, `+` becomes a space.
    public static func unpercent(_ text: some StringProtocol, plus: Bool = false) -> String {
        func digit(_ b: UInt8) -> UInt8? {
            switch b {
            case 48 ... 57: b - 48
            case 65 ... 70: b - 55
            case 97 ... 102: b - 87
            default: nil
            }
        }
        let bytes = Array(text.utf8)
        var out: [UInt8] = []
        var i = 0
        while i < bytes.count {
            if bytes[i] == 37, i + 2 < bytes.count, let high = digit(bytes[i + 1]), let low = digit(bytes[i + 2]) {
                out.append(high << 4 | low)
                i += 3
            } else {
                out.append(plus && bytes[i] == 43 ? 32 : bytes[i])
                i += 1
            }
        }
        return String(decoding: out, as: UTF8.self)
    }
}
