extension JSON {
    /// Compact UTF-8.
    public var bytes: [UInt8] {
        var writer = TreeWriter()
        writer.out.reserveCapacity(256)
        writer.compact(self)
        return writer.out
    }

    /// Compact text.
    public var text: String { String(decoding: bytes, as: UTF8.self) }

    /// Indented by two spaces, for people; no newline at the end.
    public func pretty() -> String {
        var writer = TreeWriter()
        writer.indented(self, level: 0)
        return String(decoding: writer.out, as: UTF8.self)
    }
}

/// Appends JSON text to bytes. Only what RFC 8259 demands is escaped: `"`, `\` and control characters.
private struct TreeWriter {
    var out: [UInt8] = []

    mutating func compact(_ value: JSON) {
        switch value {
        case .array(let elements):
            out.append(UInt8(ascii: "["))
            var first = true
            for element in elements {
                if !first { out.append(UInt8(ascii: ",")) }
                first = false
                compact(element)
            }
            out.append(UInt8(ascii: "]"))
        case .object(let members):
            out.append(UInt8(ascii: "{"))
            var first = true
            for member in members {
                if !first { out.append(UInt8(ascii: ",")) }
                first = false
                string(member.key)
                out.append(UInt8(ascii: ":"))
                compact(member.value)
            }
            out.append(UInt8(ascii: "}"))
        default: scalar(value)
        }
    }

    mutating func indented(_ value: JSON, level: Int) {
        switch value {
        case .array(let elements) where !elements.isEmpty:
            out.append(UInt8(ascii: "["))
            for (index, element) in elements.enumerated() {
                newline(level + 1, comma: index > 0)
                indented(element, level: level + 1)
            }
            newline(level, comma: false)
            out.append(UInt8(ascii: "]"))
        case .object(let members) where !members.isEmpty:
            out.append(UInt8(ascii: "{"))
            for (index, member) in members.enumerated() {
                newline(level + 1, comma: index > 0)
                string(member.key)
                out.append(contentsOf: ": ".utf8)
                indented(member.value, level: level + 1)
            }
            newline(level, comma: false)
            out.append(UInt8(ascii: "}"))
        default: compact(value)
        }
    }

    private mutating func newline(_ level: Int, comma: Bool) {
        if comma { out.append(UInt8(ascii: ",")) }
        out.append(10)
        out.append(contentsOf: repeatElement(32, count: level * 2))
    }

    private mutating func scalar(_ value: JSON) {
        switch value {
        case .bool(true): out.append(contentsOf: "true".utf8)
        case .bool(false): out.append(contentsOf: "false".utf8)
        case .number(let digits):
            // A number built from the world's text must not smuggle JSON of its own into the output.
            if isJSONNumber(digits) { out.append(contentsOf: digits.utf8) } else { string(digits) }
        case .string(let text): string(text)
        default: out.append(contentsOf: "null".utf8)
        }
    }

    private mutating func string(_ text: String) { appendQuoted(text, to: &out) }
}

/// The string between quotes, escaped where it must be.
func appendQuoted(_ text: String, to out: inout [UInt8]) {
    var text = text
    text.withUTF8 { appendQuoted($0, to: &out) }
}

/// The same, of a text's UTF-8.
func appendQuoted(_ text: UnsafeBufferPointer<UInt8>, to out: inout [UInt8]) {
    out.append(UInt8(ascii: "\""))
    var copied = 0
    var at = 0
    while true {
        at = plainEnd(text, from: at, stopAtNonASCII: false)
        if copied < at { out.append(contentsOf: UnsafeBufferPointer(rebasing: text[copied ..< at])) }
        guard at < text.count else { break }
        appendEscape(text[at], to: &out)
        at += 1
        copied = at
    }
    out.append(UInt8(ascii: "\""))
}

private func appendEscape(_ byte: UInt8, to out: inout [UInt8]) {
    out.append(UInt8(ascii: "\\"))
    switch byte {
    case 8: out.append(UInt8(ascii: "b"))
    case 9: out.append(UInt8(ascii: "t"))
    case 10: out.append(UInt8(ascii: "n"))
    case 12: out.append(UInt8(ascii: "f"))
    case 13: out.append(UInt8(ascii: "r"))
    case 0 ..< 32:
        out.append(contentsOf: "u00".utf8)
        out.append(byte < 16 ? 48 : 49)
        let low = byte & 15
        out.append(low < 10 ? 48 + low : 87 + low)
    default: out.append(byte)
    }
}

/// Whether this text is one number in RFC 8259's grammar.
func isJSONNumber(_ text: String) -> Bool {
    var text = text
    return text.withUTF8 { !$0.isEmpty && numberEnd($0, from: 0) == $0.count }
}
