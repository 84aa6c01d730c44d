public import Kernel

/// One part of a multipart body.
public struct MultipartPart: Sendable, Equatable {
    public var fields: HTTPFields
    public var body: [UInt8]

    public init(fields: HTTPFields, body: [UInt8]) {
        self.fields = fields
        self.body = body
    }

    /// A field of a form: `name`, and a file's name where it is one.
    public init(name: String, filename: String? = nil, type: String? = nil, body: [UInt8]) {
        var disposition = "form-data; name=\"\(MultipartPart.escaped(name))\""
        if let filename { disposition += "; filename=\"\(MultipartPart.escaped(filename))\"" }
        fields = ["Content-Disposition": disposition]
        if let type { fields.append("Content-Type", type.filter { !$0.isNewline }) }
        self.body = body
    }

    /// The form field's name; `nil` when the part is none.
    public var name: String? { parameter("name") }
    public var filename: String? { parameter("filename") }

    private func parameter(_ name: String) -> String? { fields["Content-Disposition"].flatMap { Multipart.parameter(name, of: $0) } }

    /// As browsers write them.
    /// - Source: WHATWG HTML, "Multipart form data".
    private static func escaped(_ text: String) -> String {
        var out = ""
        for character in text.unicodeScalars {
            switch character {
            case "\"": out += "%22"
            case "\r": out += "%0D"
            case "\n": out += "%0A"
            default: out.unicodeScalars.append(character)
            }
        }
        return out
    }
}

/// Bodies of several parts (`multipart/form-data` and its kin).
/// - Source: RFC 2046, section 5.1; RFC 7578.
public enum Multipart {
    /// Of one body.
    public static let partsMost = 1_000
    public static let headBytesMost = 16 << 10

    /// The boundary that a `Content-Type` names; `nil` when it is no multipart type or names none that is allowed.
    public static func boundary(of contentType: String) -> String? {
        guard contentType.lowercased().hasPrefix("multipart/"), let text = parameter("boundary", of: contentType), isBoundary(text) else { return nil }
        return text
    }

    private static func isBoundary(_ text: String) -> Bool {
        (1 ... 70).contains(text.utf8.count) && text.utf8.last != 32
            && text.utf8.allSatisfy { byte in
                (48 ... 57).contains(byte) || (65 ... 90).contains(byte) || (97 ... 122).contains(byte) || "'()+_,-./:=? ".utf8.contains(byte)
            }
    }

    /// - Throws: `malformed_multipart`.
    public static func read(_ bytes: [UInt8], boundary: String) throws(Fault) -> [MultipartPart] {
        guard isBoundary(boundary) else { throw wrong("its boundary is not one", 0) }
        let mark = Array("--\(boundary)".utf8)
        // What stands before the first boundary means nothing; the boundary begins a line.
        guard var at = bytes.starts(with: mark) ? mark.count : find([13, 10] + mark, in: bytes, from: 0).map({ $0 + 2 + mark.count }) else {
            throw wrong("its boundary does not come", 0)
        }
        let next = [13, 10] + mark
        var parts: [MultipartPart] = []
        while true {
            if at + 2 <= bytes.count, bytes[at] == 45, bytes[at + 1] == 45 { return parts }
            while at < bytes.count, bytes[at] == 32 || bytes[at] == 9 { at += 1 }
            guard at + 2 <= bytes.count, bytes[at] == 13, bytes[at + 1] == 10 else { throw wrong("a line break must follow the boundary", at) }
            guard parts.count < partsMost else { throw wrong("it has too many parts", at) }
            at += 2
            let fields = try head(bytes, &at)
            // An empty body: the boundary's line break may be the head's own.
            let from = max(0, at - 2)
            guard let end = find(next, in: bytes, from: from) else { throw wrong("the last part never ends", at) }
            parts.append(MultipartPart(fields: fields, body: end < at ? [] : Array(bytes[at ..< end])))
            at = end + next.count
        }
    }

    private static func head(_ bytes: [UInt8], _ at: inout Int) throws(Fault) -> HTTPFields {
        var fields = HTTPFields()
        let start = at
        while true {
            guard let end = find([13, 10], in: bytes, from: at), end - start <= headBytesMost else { throw wrong("a part's head never ends", start) }
            if end == at {
                at += 2
                return fields
            }
            let line = bytes[at ..< end]
            guard let colon = line.firstIndex(of: 58), colon > at, let name = String(validating: line[..<colon], as: UTF8.self),
                let value = String(validating: line[(colon + 1)...], as: UTF8.self), name.utf8.allSatisfy({ $0 > 32 && $0 < 127 }),
                !value.utf8.contains(where: { $0 < 32 && $0 != 9 || $0 == 127 })
            else { throw wrong("a line of a part's head is no field", at) }
            fields.append(name, trimmed(value))
            at = end + 2
        }
    }

    /// A body with these parts. The boundary must not occur in them; `nil` when it does, or is none.
    public static func write(_ parts: [MultipartPart], boundary: String) -> [UInt8]? {
        let mark = Array("--\(boundary)".utf8)
        guard isBoundary(boundary), !parts.contains(where: { find(mark, in: $0.body, from: 0) != nil }) else { return nil }
        var out: [UInt8] = []
        for part in parts {
            out += mark + [13, 10]
            for field in part.fields.list { out += Array("\(field.name): \(field.value)\r\n".utf8) }
            out += [13, 10]
            out += part.body
            out += [13, 10]
        }
        return out + mark + Array("--\r\n".utf8)
    }

    /// `attachment; name="a b"; filename=c.csv`.
    static func parameter(_ wanted: String, of value: String) -> String? {
        let text = Array(value.utf8)
        var at = text.firstIndex(of: 59) ?? text.count
        while at < text.count {
            at += 1
            while at < text.count, text[at] == 32 || text[at] == 9 { at += 1 }
            let start = at
            while at < text.count, text[at] != 61, text[at] != 59 { at += 1 }
            let name = String(decoding: text[start ..< at], as: UTF8.self)
            guard at < text.count, text[at] == 61 else { continue }
            at += 1
            var found: [UInt8] = []
            if at < text.count, text[at] == 34 {
                at += 1
                while at < text.count, text[at] != 34 {
                    if text[at] == 92, at + 1 < text.count { at += 1 }
                    found.append(text[at])
                    at += 1
                }
                guard at < text.count else { return nil }
                while at < text.count, text[at] != 59 { at += 1 }
            } else {
                while at < text.count, text[at] != 59 {
                    found.append(text[at])
                    at += 1
                }
                while let last = found.last, last == 32 || last == 9 { found.removeLast() }
            }
            if name.equalsIgnoringCase(wanted) { return String(decoding: found, as: UTF8.self) }
        }
        return nil
    }

    /// Without the blanks around it. By bytes: a blank with an accent on it is one character.
    private static func trimmed(_ text: String) -> String {
        let inner = text.utf8.drop(while: isBlank)
        let end = inner.lastIndex { !isBlank($0) }.map(inner.index(after:)) ?? inner.startIndex
        return String(decoding: inner[..<end], as: UTF8.self)
    }

    private static func isBlank(_ byte: UInt8) -> Bool { byte == 32 || byte == 9 }

    private static func find(_ wanted: [UInt8], in bytes: [UInt8], from: Int) -> Int? {
        guard let first = wanted.first, bytes.count >= wanted.count else { return nil }
        var at = from
        while at <= bytes.count - wanted.count {
            if bytes[at] == first, bytes[at ..< at + wanted.count].elementsEqual(wanted) { return at }
            at += 1
        }
        return nil
    }

    private static func wrong(_ reason: String, _ at: Int) -> Fault {
        Fault(
            "malformed_multipart", stage: .wire, disposition: .reject, summary: "the body is not valid multipart data: \(reason)",
            remedy: "Send it as RFC 7578 describes.", position: "byte \(at)")
    }
}
