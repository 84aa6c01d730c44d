/// Why a document is not XML, and at which byte.
struct XMLWrong: Error {
    var reason: String
    var at: Int

    init(_ reason: String, _ at: Int) {
        self.reason = reason
        self.at = at
    }
}

/// A name before its prefix is looked up.
struct XMLRawName: Sendable {
    var bytes: [UInt8]
    var prefix: String
    var local: String
    var at: Int
    var text: String { String(decoding: bytes, as: UTF8.self) }
}

/// XML's small pieces over bytes. Every read is preceded by a check against the count.
struct XMLCursor: Sendable {
    private let bytes: [UInt8]
    private(set) var at = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    var count: Int { bytes.count }
    var isAtEnd: Bool { at >= bytes.count }

    func peek(_ ahead: Int) -> UInt8? { at + ahead < bytes.count ? bytes[at + ahead] : nil }
    func wrong(_ reason: String) -> XMLWrong { XMLWrong(reason, at) }

    /// Passes over this text if it is what stands here.
    mutating func skip(_ text: StaticString) -> Bool {
        let length = text.utf8CodeUnitCount
        guard at + length <= bytes.count else { return false }
        for i in 0 ..< length where bytes[at + i] != text.utf8Start[i] { return false }
        at += length
        return true
    }

    /// Says whether there was any.
    @discardableResult
    mutating func skipSpace() -> Bool {
        let start = at
        while let c = peek(0), isSpace(c) { at += 1 }
        return at > start
    }

    private func isSpace(_ c: UInt8) -> Bool { c == 32 || c == 10 || c == 13 || c == 9 }

    /// Where a byte is, as an editor shows it: both from 1, the column in characters of Unicode.
    func position(of byte: Int) -> String {
        var line = 1
        var column = 1
        for (i, c) in bytes[..<min(byte, bytes.count)].enumerated() {
            if c == 10 || (c == 13 && !(i + 1 < bytes.count && bytes[i + 1] == 10)) {
                line += 1
                column = 1
            } else if c & 0xc0 != 0x80 {
                column += 1
            }
        }
        return "line \(line), column \(column)"
    }

    // MARK: Characters

    /// The scalar here and its length, checked to be one that XML allows.
    private func character() throws(XMLWrong) -> (value: UInt32, length: Int) {
        guard let c = peek(0) else { throw wrong("it ends too soon") }
        if c < 0x80 {
            guard c >= 32 || isSpace(c) else { throw wrong("a control character stands in it") }
            return (UInt32(c), 1)
        }
        let length = bytes.withUnsafeBufferPointer { utf8Length($0, at: at) }
        guard length > 0 else { throw wrong("the bytes are not UTF-8") }
        var value = UInt32(c) & (0x7f >> UInt32(length))
        for i in 1 ..< length { value = value << 6 | UInt32(bytes[at + i] & 0x3f) }
        guard isAllowed(value) else { throw wrong("a character stands in it that XML does not have") }
        return (value, length)
    }

    private func isAllowed(_ value: UInt32) -> Bool {
        switch value {
        case 9, 10, 13, 0x20 ... 0xd7ff, 0xe000 ... 0xfffd, 0x10000 ... 0x10ffff: true
        default: false
        }
    }

    /// Takes one character as text: line ends become `\n`.
    private mutating func take(into text: inout [UInt8]) throws(XMLWrong) {
        let (value, length) = try character()
        if value == 13 {
            text.append(10)
            at += peek(1) == 10 ? 2 : 1
        } else {
            text.append(contentsOf: bytes[at ..< at + length])
            at += length
        }
    }

    /// Text up to the next `<`. Outside of the outermost element only space may stand.
    mutating func characters(into text: inout [UInt8], outside: Bool) throws(XMLWrong) {
        while let c = peek(0), c != UInt8(ascii: "<") {
            if outside {
                guard isSpace(c) else { throw wrong("text stands outside of the document's element") }
                at += 1
            } else if c == UInt8(ascii: "&") {
                try reference(into: &text)
            } else if c == UInt8(ascii: "]"), peek(1) == UInt8(ascii: "]"), peek(2) == UInt8(ascii: ">") {
                throw wrong("]]> stands in text")
            } else {
                try take(into: &text)
            }
        }
    }

    mutating func cdata(into text: inout [UInt8]) throws(XMLWrong) {
        let start = at
        while !skip("]]>") {
            guard !isAtEnd else { throw XMLWrong("the CDATA section never ends", start) }
            try take(into: &text)
        }
    }

    /// `&amp;`, `&#38;`, `&#x26;`.
    private mutating func reference(into text: inout [UInt8]) throws(XMLWrong) {
        let start = at
        at += 1
        if skip("#") {
            let hexadecimal = skip("x")
            var value: UInt32 = 0
            var digits = 0
            while let c = peek(0), let digit = hexValue(c), hexadecimal || digit < 10 {
                value = value * (hexadecimal ? 16 : 10) + digit
                digits += 1
                guard value <= 0x10ffff else { break }
                at += 1
            }
            guard digits > 0, skip(";"), isAllowed(value), let scalar = Unicode.Scalar(value) else {
                throw XMLWrong("the reference stands for no character", start)
            }
            text.append(contentsOf: String(Character(scalar)).utf8)
            return
        }
        for (name, byte) in XMLCursor.entities where skip(name) {
            text.append(byte)
            return
        }
        throw XMLWrong("only XML's five entities are known, and & itself is &amp;", start)
    }

    private static let entities: [(StaticString, UInt8)] = [("amp;", 38), ("lt;", 60), ("gt;", 62), ("quot;", 34), ("apos;", 39)]

    /// In quotes; space of any kind becomes a blank, unless it is a reference.
    mutating func attributeValue() throws(XMLWrong) -> String {
        guard let quote = peek(0), quote == 34 || quote == 39 else { throw wrong("an attribute's value needs quotes") }
        let start = at
        at += 1
        var text: [UInt8] = []
        while let c = peek(0) {
            switch c {
            case quote:
                at += 1
                return String(decoding: text, as: UTF8.self)
            case UInt8(ascii: "<"): throw wrong("< stands in an attribute's value")
            case UInt8(ascii: "&"): try reference(into: &text)
            case 9, 10, 13:
                text.append(32)
                at += c == 13 && peek(1) == 10 ? 2 : 1
            default: try take(into: &text)
            }
        }
        throw XMLWrong("the attribute's value never ends", start)
    }

    // MARK: Names

    /// One or two parts without a colon, parted by one.
    mutating func name(most: Int) throws(XMLWrong) -> XMLRawName {
        let start = at
        let first = try part(most: most)
        guard skip(":") else { return XMLRawName(bytes: Array(bytes[start ..< at]), prefix: "", local: first, at: start) }
        let second = try part(most: most)
        guard peek(0) != UInt8(ascii: ":") else { throw wrong("a name has two colons") }
        return XMLRawName(bytes: Array(bytes[start ..< at]), prefix: first, local: second, at: start)
    }

    private mutating func part(most: Int) throws(XMLWrong) -> String {
        let start = at
        while !isAtEnd {
            let (value, length) = try character()
            guard at == start ? startsName(value) : continuesName(value) else { break }
            at += length
            guard at - start <= most else { throw XMLWrong("a name is too long", start) }
        }
        guard at > start else { throw wrong("a name must be here") }
        return String(decoding: bytes[start ..< at], as: UTF8.self)
    }

    private func startsName(_ value: UInt32) -> Bool {
        switch value {
        case 65 ... 90, 95, 97 ... 122, 0xc0 ... 0xd6, 0xd8 ... 0xf6, 0xf8 ... 0x2ff, 0x370 ... 0x37d, 0x37f ... 0x1fff, 0x200c ... 0x200d,
            0x2070 ... 0x218f, 0x2c00 ... 0x2fef, 0x3001 ... 0xd7ff, 0xf900 ... 0xfdcf, 0xfdf0 ... 0xfffd, 0x10000 ... 0xeffff: true
        default: false
        }
    }

    private func continuesName(_ value: UInt32) -> Bool {
        switch value {
        case 45, 46, 48 ... 57, 0xb7, 0x300 ... 0x36f, 0x203f ... 0x2040: true
        default: startsName(value)
        }
    }

    // MARK: What is left out

    mutating func comment() throws(XMLWrong) {
        let start = at
        while !skip("--") {
            guard !isAtEnd else { throw XMLWrong("the comment never ends", start) }
            at += try character().length
        }
        guard skip(">") else { throw wrong("-- stands in a comment") }
    }

    mutating func instruction() throws(XMLWrong) {
        let start = at
        let target = try name(most: 100)
        guard target.prefix.isEmpty else { throw XMLWrong("a processing instruction's name has no colon", start) }
        guard target.local.lowercased() != "xml" else { throw XMLWrong("the XML declaration may only come first", start) }
        if skip("?>") { return }
        guard skipSpace() else { throw wrong("a space must follow the instruction's name") }
        while !skip("?>") {
            guard !isAtEnd else { throw XMLWrong("the processing instruction never ends", start) }
            at += try character().length
        }
    }

    /// Byte order mark and declaration, both optional.
    mutating func prologue() throws(XMLWrong) {
        if bytes.count >= 3, bytes[0] == 0xef, bytes[1] == 0xbb, bytes[2] == 0xbf { at = 3 }
        guard let after = peek(5), isSpace(after), skip("<?xml") else { return }
        skipSpace()
        guard skip("version"), try declared() == "1.0" else { throw wrong("the declaration must begin with version 1.0") }
        var spaced = skipSpace()
        if spaced, skip("encoding") {
            guard ["utf-8", "us-ascii"].contains(try declared().lowercased()) else { throw wrong("only UTF-8 is read") }
            spaced = skipSpace()
        }
        if spaced, skip("standalone") {
            guard ["yes", "no"].contains(try declared()) else { throw wrong("standalone is yes or no") }
            skipSpace()
        }
        guard skip("?>") else { throw wrong("the declaration never ends") }
    }

    private mutating func declared() throws(XMLWrong) -> String {
        skipSpace()
        guard skip("=") else { throw wrong("= must be here") }
        skipSpace()
        return try attributeValue()
    }
}
