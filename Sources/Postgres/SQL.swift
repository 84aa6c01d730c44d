/// A statement whose interpolations become binds: `"select * from t where id = \(id)"` sends `select * from t where id
/// = $1` and the value beside it. Raw text enters only through the label: `\(unsafe: "t_\(hex)")`.
public struct SQL: ExpressibleByStringInterpolation, Sendable, CustomStringConvertible {
    /// What the server parses: `$1`, `$2` … stand for `binds` in order.
    public var text: String
    public var binds: [PostgresBind]

    /// Text taken as it is. `binds` has one entry for each of `$1 … $n`.
    public init(_ unsafeText: String, binds: [PostgresBind]) {
        text = unsafeText
        self.binds = binds
    }

    public init(stringLiteral value: String) { self.init(value, binds: []) }

    public init(stringInterpolation: StringInterpolation) {
        text = stringInterpolation.text
        binds = stringInterpolation.binds
    }

    /// The text alone; values stay out of logs.
    public var description: String { text }

    /// Both texts in a row, the right one's placeholders renumbered.
    public static func + (left: SQL, right: SQL) -> SQL {
        SQL(left.text + placeholders(of: right.text, movedBy: left.binds.count), binds: left.binds + right.binds)
    }

    public static func += (left: inout SQL, right: SQL) { left = left + right }

    public struct StringInterpolation: StringInterpolationProtocol, Sendable {
        var text = ""
        var binds: [PostgresBind] = []

        public init(literalCapacity: Int, interpolationCount: Int) {
            text.reserveCapacity(literalCapacity + interpolationCount * 3)
            binds.reserveCapacity(interpolationCount)
        }

        public mutating func appendLiteral(_ literal: String) { text += literal }

        /// A value: sent beside the text, never inside it.
        public mutating func appendInterpolation(_ value: some PostgresEncodable) {
            append(value.postgresBind)
        }

        /// A value or null. (Its own overload, because the compiler warns of an optional in any other interpolation.)
        public mutating func appendInterpolation<Value: PostgresEncodable>(_ value: Value?) {
            append(value.postgresBind)
        }

        /// A part of a statement with its own binds.
        public mutating func appendInterpolation(_ part: SQL) {
            text += placeholders(of: part.text, movedBy: binds.count)
            binds += part.binds
        }

        private mutating func append(_ bind: PostgresBind) {
            binds.append(bind)
            text += "$"
            text += String(binds.count)
        }

        /// Raw text. The caller answers for what is in it: only names and keywords of our own making.
        public mutating func appendInterpolation(unsafe raw: String) { text += raw }
    }
}

/// Renumbers `$n`, leaving strings, quoted names, comments and dollar-quoted bodies alone.
private func placeholders(of text: String, movedBy shift: Int) -> String {
    guard shift > 0, text.utf8.contains(36) else { return text }
    let source = Array(text.utf8)
    var out: [UInt8] = []
    out.reserveCapacity(source.count + 8)
    var i = 0
    while i < source.count {
        if let end = opaqueEnd(source, i) {
            out += source[i ..< end]
            i = end
        } else if source[i] == 36, i == 0 || !isNameByte(source[i - 1]), i + 1 < source.count, isDigit(source[i + 1]) {
            var number = 0
            i += 1
            while i < source.count, isDigit(source[i]), number < 1_000_000 {
                number = number * 10 + Int(source[i] - 48)
                i += 1
            }
            out.append(36)
            out += Array(String(number + shift).utf8)
        } else {
            out.append(source[i])
            i += 1
        }
    }
    return String(decoding: out, as: UTF8.self)
}

private func isDigit(_ c: UInt8) -> Bool { c >= 48 && c <= 57 }
private func isNameByte(_ c: UInt8) -> Bool { isDigit(c) || c == 95 || c | 32 >= 97 && c | 32 <= 122 || c >= 128 || c == 36 }

/// Where the string, quoted name, comment or dollar-quoted body that starts at `i` ends; `nil` when none starts there.
private func opaqueEnd(_ s: [UInt8], _ i: Int) -> Int? {
    let next: UInt8 = i + 1 < s.count ? s[i + 1] : 0
    switch s[i] {
    case 39, 34:
        let escapes = s[i] == 39 && i > 0 && s[i - 1] | 32 == 101 && (i < 2 || !isNameByte(s[i - 2]))
        var j = i + 1
        while j < s.count, s[j] != s[i] { j += escapes && s[j] == 92 ? 2 : 1 }
        return min(j + 1, s.count)
    case 45 where next == 45:
        return s[i...].firstIndex(of: 10) ?? s.count
    case 47 where next == 42:
        var depth = 1
        var j = i + 2
        while j < s.count, depth > 0 {
            let pair = j + 1 < s.count ? (s[j], s[j + 1]) : (s[j], 0)
            if pair == (42, 47) { depth -= 1; j += 2 } else if pair == (47, 42) { depth += 1; j += 2 } else { j += 1 }
        }
        return min(j, s.count)
    case 36 where !isDigit(next) && (i == 0 || !isNameByte(s[i - 1])):
        var j = i + 1
        while j < s.count, isNameByte(s[j]), s[j] != 36 { j += 1 }
        guard j < s.count, s[j] == 36 else { return nil }
        let tag = Array(s[i ... j])
        j += 1
        while j + tag.count <= s.count {
            if s[j] == 36, s[j ..< j + tag.count].elementsEqual(tag) { return j + tag.count }
            j += 1
        }
        return s.count
    default: return nil
    }
}
