public import Kernel

extension JSON {
    /// Reads a configuration file: JSON with comments, trailing commas, single quotes, unquoted keys and JSON5's
    /// spellings of numbers, which become JSON's (`+.5` is `0.5`, `0x1F` is `31`). Infinity and NaN are refused:
    /// nothing here could use them.
    /// - Throws: `malformed_json`, position `line L, column C`, both from 1, the column in Unicode scalars.
    /// - Source: The JSON5 Data Interchange Format, 1.0.0 (spec.json5.org).
    public init(json5 text: String) throws(Fault) {
        var parser = JSON5Parser(Array(text.utf8))
        do throws(JSON5Parser.Wrong) {
            self = try parser.document()
        } catch {
            throw Fault(
                "malformed_json", stage: .configuration, disposition: .reject,
                summary: "the JSON5 text is not valid: \(error.reason)",
                remedy: "Mend the text at that place.", position: parser.position(of: error.at))
        }
    }
}

private struct JSON5Parser {
    struct Wrong: Error {
        var reason: String
        var at: Int
    }

    private let text: [UInt8]
    private var at = 0

    init(_ text: [UInt8]) { self.text = text }

    mutating func document() throws(Wrong) -> JSON {
        guard text.count <= Limits.jsonBytes else { throw wrong("it is too large") }
        let value = try valueAfterSpace(depth: 0)
        try skip()
        guard at == text.count else { throw wrong("something follows the value") }
        return value
    }

    /// Where a byte is, as an editor shows it.
    func position(of byte: Int) -> String {
        var line = 1
        var column = 1
        var i = 0
        while i < min(byte, text.count) {
            if text[i] == 10 || (text[i] == 13 && !(i + 1 < text.count && text[i + 1] == 10)) {
                line += 1
                column = 1
            } else if text[i] & 0xc0 != 0x80 {
                column += 1
            }
            i += 1
        }
        return "line \(line), column \(column)"
    }

    private func wrong(_ reason: String, _ place: Int? = nil) -> Wrong { Wrong(reason: reason, at: place ?? at) }

    /// The byte `ahead` of here; `nil` past the end.
    private func peek(_ ahead: Int = 0) -> UInt8? { at + ahead < text.count ? text[at + ahead] : nil }

    private mutating func take(_ byte: Character) -> Bool {
        guard let ascii = byte.asciiValue, peek() == ascii else { return false }
        at += 1
        return true
    }

    /// The scalar here and its length in bytes; `nil` past the end. The text came from a `String`, so it is UTF-8.
    private func scalar() -> (value: UInt32, length: Int)? {
        guard let first = peek() else { return nil }
        let length = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4
        guard at + length <= text.count else { return nil }
        var value = length == 1 ? UInt32(first) : UInt32(first) & (0x7f >> UInt32(length))
        for i in at + 1 ..< at + length { value = value << 6 | UInt32(text[i] & 0x3f) }
        return (value, length)
    }

    // MARK: Space and comments

    private mutating func skip() throws(Wrong) {
        while let (value, length) = scalar() {
            switch value {
            case 9 ... 13, 32, 0xa0, 0x1680, 0x2000 ... 0x200a, 0x2028, 0x2029, 0x202f, 0x205f, 0x3000, 0xfeff:
                at += length
            case 0x2f: try comment()
            default: return
            }
        }
    }

    private mutating func comment() throws(Wrong) {
        let start = at
        switch peek(1) {
        case UInt8(ascii: "/"):
            while let (value, length) = scalar(), ![10, 13, 0x2028, 0x2029].contains(value) { at += length }
        case UInt8(ascii: "*"):
            at += 2
            while true {
                guard let c = peek() else { throw wrong("the comment never ends", start) }
                at += 1
                if c == UInt8(ascii: "*"), take("/") { return }
            }
        default: throw wrong("a lone slash; comments start with // or /*")
        }
    }

    // MARK: Values

    private mutating func valueAfterSpace(depth: Int) throws(Wrong) -> JSON {
        try skip()
        guard let c = peek() else { throw wrong("it ends where a value must be") }
        switch c {
        case UInt8(ascii: "{"): return try object(depth: depth + 1)
        case UInt8(ascii: "["): return try array(depth: depth + 1)
        case UInt8(ascii: "\""), UInt8(ascii: "'"): return .string(try string())
        case UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."), 48 ... 57: return .number(try number())
        default: return try word()
        }
    }

    private mutating func word() throws(Wrong) -> JSON {
        let start = at
        guard startsName() else { throw wrong("there is no value here") }
        switch try name() {
        case "true": return .bool(true)
        case "false": return .bool(false)
        case "null": return .null
        case "Infinity", "NaN": throw wrong("Infinity and NaN are not accepted", start)
        default: throw wrong("a string needs quotes", start)
        }
    }

    private mutating func array(depth: Int) throws(Wrong) -> JSON {
        guard depth <= Limits.jsonDepth else { throw wrong("it is nested too deeply") }
        at += 1
        var elements: [JSON] = []
        while true {
            try skip()
            if take("]") { return .array(elements) }
            elements.append(try valueAfterSpace(depth: depth))
            try skip()
            if take("]") { return .array(elements) }
            guard take(",") else { throw wrong("a comma or ] must follow the element") }
        }
    }

    private mutating func object(depth: Int) throws(Wrong) -> JSON {
        guard depth <= Limits.jsonDepth else { throw wrong("it is nested too deeply") }
        at += 1
        var members: [(key: String, value: JSON)] = []
        var seen: Set<[UInt8]> = []
        while true {
            try skip()
            if take("}") { return .object(members) }
            let start = at
            let key = try key()
            guard seen.insert(Array(key.utf8)).inserted else {
                throw wrong("duplicate key: the object has it already", start)
            }
            try skip()
            guard take(":") else { throw wrong("a colon must follow the key") }
            members.append((key, try valueAfterSpace(depth: depth)))
            try skip()
            if take("}") { return .object(members) }
            guard take(",") else { throw wrong("a comma or } must follow the member") }
        }
    }

    private mutating func key() throws(Wrong) -> String {
        if peek() == UInt8(ascii: "\"") || peek() == UInt8(ascii: "'") { return try string() }
        guard startsName() else { throw wrong("a key must be here: a name, or a string in quotes") }
        return try name()
    }

    /// Letters of any script, `$` and `_`. Escapes in names are not read: quote such a key.
    private func startsName() -> Bool {
        guard let (value, _) = scalar(), let letter = Unicode.Scalar(value) else { return false }
        return value == 0x24 || value == 0x5f || letter.properties.isXIDStart
    }

    private mutating func name() throws(Wrong) -> String {
        let start = at
        while let (value, length) = scalar(), let letter = Unicode.Scalar(value),
            value == 0x24 || [0x200c, 0x200d].contains(value) || letter.properties.isXIDContinue
        {
            at += length
        }
        return String(decoding: text[start ..< at], as: UTF8.self)
    }

    // MARK: Numbers

    private mutating func number() throws(Wrong) -> String {
        let start = at
        let sign = take("-") ? "-" : ""
        if sign.isEmpty { _ = take("+") }
        if startsName() { throw wrong("Infinity and NaN are not accepted", start) }
        if peek() == 48, let x = peek(1), x | 32 == UInt8(ascii: "x") { return sign + (try hexadecimal(start)) }
        let whole = digits()
        var out = sign + (whole.isEmpty ? "0" : whole)
        guard whole.count == 1 || !whole.hasPrefix("0") else { throw wrong("a number must not start with 0", start) }
        var fraction = ""
        if take(".") {
            fraction = digits()
            if !fraction.isEmpty { out += "." + fraction }
        }
        guard !(whole.isEmpty && fraction.isEmpty) else { throw wrong("there are no digits here", start) }
        if let e = peek(), e | 32 == UInt8(ascii: "e") {
            at += 1
            out += e == UInt8(ascii: "e") ? "e" : "E"
            if take("-") { out += "-" } else if take("+") { out += "+" }
            let exponent = digits()
            guard !exponent.isEmpty else { throw wrong("the exponent has no digits", start) }
            out += exponent
        }
        guard !startsName() else { throw wrong("the number is followed by letters", start) }
        return out
    }

    private mutating func digits() -> String {
        let start = at
        while let c = peek(), c >= 48, c <= 57 { at += 1 }
        return String(decoding: text[start ..< at], as: UTF8.self)
    }

    private mutating func hexadecimal(_ start: Int) throws(Wrong) -> String {
        at += 2
        let first = at
        while let c = peek(), hexValue(c) != nil { at += 1 }
        guard let value = UInt64(String(decoding: text[first ..< at], as: UTF8.self), radix: 16), !startsName() else {
            throw wrong("the hexadecimal number is empty, cut off or beyond 64 bits", start)
        }
        return String(value)
    }

    // MARK: Strings

    private mutating func string() throws(Wrong) -> String {
        let start = at
        let quote = text[at]
        at += 1
        var out: [UInt8] = []
        while let c = peek() {
            switch c {
            case quote:
                at += 1
                return String(decoding: out, as: UTF8.self)
            case UInt8(ascii: "\\"): try escape(into: &out)
            case 10, 13: throw wrong("the string is not closed on its line", start)
            default:
                out.append(c)
                at += 1
            }
        }
        throw wrong("the string never ends", start)
    }

    private mutating func escape(into out: inout [UInt8]) throws(Wrong) {
        let start = at
        at += 1
        guard let (value, length) = scalar() else { throw wrong("the escape is cut off", start) }
        at += length
        switch Unicode.Scalar(value) ?? "\u{fffd}" {
        case "b": out.append(8)
        case "t": out.append(9)
        case "n": out.append(10)
        case "v": out.append(11)
        case "f": out.append(12)
        case "r": out.append(13)
        case "0" where !(48 ... 57).contains(peek() ?? 0): out.append(0)
        case "0" ... "9": throw wrong("a digit can't be escaped", start)
        case "x": append(try hexadecimal(digits: 2, start), to: &out)
        case "u": append(try codePoint(start), to: &out)
        case "\r": _ = take("\n")  // a line that goes on: the break is not part of the string
        case "\n", "\u{2028}", "\u{2029}": break
        default: append(value, to: &out)
        }
    }

    private func append(_ value: UInt32, to out: inout [UInt8]) {
        out.append(contentsOf: String(Unicode.Scalar(value) ?? "\u{fffd}").utf8)
    }

    private mutating func codePoint(_ start: Int) throws(Wrong) -> UInt32 {
        let unit = try hexadecimal(digits: 4, start)
        guard unit & 0xf800 == 0xd800 else { return unit }
        guard unit < 0xdc00, peek() == UInt8(ascii: "\\"), peek(1) == UInt8(ascii: "u") else {
            throw wrong("half of a surrogate pair stands alone", start)
        }
        at += 2
        let low = try hexadecimal(digits: 4, start)
        guard low & 0xfc00 == 0xdc00 else { throw wrong("half of a surrogate pair stands alone", start) }
        return 0x10000 + (unit & 0x3ff) << 10 + low & 0x3ff
    }

    private mutating func hexadecimal(digits: Int, _ start: Int) throws(Wrong) -> UInt32 {
        var value: UInt32 = 0
        for _ in 0 ..< digits {
            guard let c = peek(), let digit = hexValue(c) else {
                throw wrong("the escape needs \(digits) hexadecimal digits", start)
            }
            value = value << 4 | digit
            at += 1
        }
        return value
    }
}
