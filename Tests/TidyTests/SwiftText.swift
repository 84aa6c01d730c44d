/// A Swift file taken apart: code without comments and without what stands in string literals, and the literals by themselves.
/// Lines keep their numbers. Regular expression literals are taken for code: none of ours holds a quotation mark, a brace or `//` alone.
struct SwiftText {
    struct Literal: Equatable {
        var line: Int
        /// What is written between the quotation marks; each interpolation is one `…`.
        var text: String
        /// Whether it stands in another literal's interpolation.
        var isInner: Bool
    }

    /// As long in lines as the file; comments are gone, literals are `""`, code inside interpolations stays.
    private(set) var code = ""
    private(set) var literals: [Literal] = []

    private let bytes: [UInt8]
    private var out: [UInt8] = []
    private var i = 0
    private var line = 1
    private var interpolations = 0

    init(_ text: String) {
        bytes = Array(text.utf8)
        scanCode(insideInterpolation: false)
        code = String(decoding: out, as: UTF8.self)
    }

    private func at(_ index: Int) -> UInt8 { index < bytes.count ? bytes[index] : 0 }

    private mutating func keep() {
        if bytes[i] == UInt8(ascii: "\n") { line += 1 }
        out.append(bytes[i])
        i += 1
    }

    /// Leaves out a byte, but not a line break.
    private mutating func drop() {
        if i < bytes.count, bytes[i] == UInt8(ascii: "\n") {
            line += 1
            out.append(bytes[i])
        }
        i += 1
    }

    private mutating func scanCode(insideInterpolation: Bool) {
        var depth = 0
        while i < bytes.count {
            switch bytes[i] {
            case UInt8(ascii: "/") where at(i + 1) == UInt8(ascii: "/"):
                while i < bytes.count, bytes[i] != UInt8(ascii: "\n") { i += 1 }
            case UInt8(ascii: "/") where at(i + 1) == UInt8(ascii: "*"): scanComment()
            case UInt8(ascii: "#"):
                var hashes = 0
                while at(i + hashes) == UInt8(ascii: "#") { hashes += 1 }
                if at(i + hashes) == UInt8(ascii: "\"") { scanString(hashes: hashes) } else { keep() }
            case UInt8(ascii: "\""): scanString(hashes: 0)
            case UInt8(ascii: "("):
                depth += 1
                keep()
            case UInt8(ascii: ")"):
                if insideInterpolation && depth == 0 { return }
                depth -= 1
                keep()
            default: keep()
            }
        }
    }

    private mutating func scanComment() {
        var depth = 0
        repeat {
            if bytes[i] == UInt8(ascii: "/"), at(i + 1) == UInt8(ascii: "*") {
                depth += 1
                i += 2
            } else if bytes[i] == UInt8(ascii: "*"), at(i + 1) == UInt8(ascii: "/") {
                depth -= 1
                i += 2
            } else {
                drop()
            }
        } while depth > 0 && i < bytes.count
    }

    private mutating func scanString(hashes: Int) {
        let quote = UInt8(ascii: "\"")
        let first = line
        i += hashes
        let long = at(i + 1) == quote && at(i + 2) == quote
        let quotes = long ? 3 : 1
        i += quotes
        out += [quote]
        var text: [UInt8] = []
        while i < bytes.count {
            let c = bytes[i]
            if c == quote, (0 ..< quotes).allSatisfy({ at(i + $0) == quote }), (0 ..< hashes).allSatisfy({ at(i + quotes + $0) == UInt8(ascii: "#") }) {
                i += quotes + hashes
                break
            }
            if c == UInt8(ascii: "\n"), !long { break }
            if c == UInt8(ascii: "\\"), (0 ..< hashes).allSatisfy({ at(i + 1 + $0) == UInt8(ascii: "#") }) {
                i += 1 + hashes
                if at(i) == UInt8(ascii: "(") {
                    i += 1
                    text += Array("…".utf8)
                    interpolations += 1
                    scanCode(insideInterpolation: true)
                    interpolations -= 1
                    i += 1
                } else {
                    if i < bytes.count { text += at(i) == UInt8(ascii: "\n") ? [] : [at(i)] }
                    drop()
                }
                continue
            }
            text.append(c)
            drop()
        }
        out += [quote]
        literals.append(Literal(line: first, text: String(decoding: text, as: UTF8.self), isInner: interpolations > 0))
    }
}

extension SwiftText {
    struct Function: Equatable {
        var name: String
        var line: Int
        /// From the line of `func` to that of the closing brace, both counted.
        var lines: Int
    }

    private static let declaration = Pattern(#"(?<![.\w`])(?:func\s+([^\s\w(`]+|[\w`]+)|(init|deinit|subscript)(?=[\s(?!<{]))"#)

    /// Functions and initialisers with a body.
    var functions: [Function] {
        let units = Array(code.utf16)
        return Self.declaration.matches(in: code).compactMap { match in
            let name = match.groups[1].isEmpty ? match.groups[2] : match.groups[1]
            guard let open = Self.body(units, after: match.end, hasParameters: name != "deinit"), let close = Self.end(units, of: open) else { return nil }
            return Function(name: name, line: match.line, lines: units[match.start ..< close].reduce(1) { $1 == 10 ? $0 + 1 : $0 })
        }
    }

    private static let open = UInt16(UInt8(ascii: "(")), close = UInt16(UInt8(ascii: ")"))
    private static let openBrace = UInt16(UInt8(ascii: "{")), closeBrace = UInt16(UInt8(ascii: "}"))

    /// Where the opening brace of a declaration's body is; `nil` for a declaration without one.
    private static func body(_ units: [UInt16], after start: Int, hasParameters: Bool) -> Int? {
        var i = start
        if hasParameters {
            guard let first = units[i...].firstIndex(of: Self.open) else { return nil }
            var depth = 0
            i = first
            while i < units.count {
                if units[i] == Self.open { depth += 1 }
                if units[i] == Self.close { depth -= 1 }
                i += 1
                if depth == 0 { break }
            }
        }
        while i < units.count {
            if units[i] == Self.openBrace { return i }
            if units[i] == Self.closeBrace { return nil }
            if units[i] == 10 {
                let rest = String(decoding: units[(i + 1)...].prefix(400), as: UTF16.self).drop { $0.isWhitespace }
                guard ["{", "->", "where ", "throws", "async", "rethrows"].contains(where: { rest.hasPrefix($0) }) else { return nil }
            }
            i += 1
        }
        return nil
    }

    private static func end(_ units: [UInt16], of open: Int) -> Int? {
        var depth = 0
        for i in open ..< units.count {
            if units[i] == Self.openBrace { depth += 1 }
            if units[i] == Self.closeBrace { depth -= 1 }
            if depth == 0 { return i }
        }
        return nil
    }
}
