/// Which octets may stand where (RFC 9110 and RFC 3986), as bit maps over ASCII.
enum Octets {
    static let tab: UInt8 = 9
    static let lineFeed: UInt8 = 10
    static let carriageReturn: UInt8 = 13
    static let space: UInt8 = 32
    static let colon: UInt8 = 58
    static let semicolon: UInt8 = 59

    private static let token = AsciiSet("!#$%&'*+-.^_`|~", letters: true, digits: true)
    private static let target = AsciiSet("-._~!$&'()*+,;=:@/?%[]{}|^`", letters: true, digits: true)
    private static let host = AsciiSet("-._~", letters: true, digits: true)

    /// `tchar`: methods and field names.
    static func isToken(_ octet: UInt8) -> Bool { token.contains(octet) }

    /// Path and query: RFC 3986's characters and, because browsers and common clients send them bare, ``[]{}|^` ``.
    /// Never a control, a blank, a quote, an angle bracket, a backslash, `#` or anything beyond ASCII.
    static func isTarget(_ octet: UInt8) -> Bool { target.contains(octet) }

    /// A name or IPv4 address in an authority.
    static func isHost(_ octet: UInt8) -> Bool { host.contains(octet) }

    /// Field values: visible ASCII, blanks, tab and obs-text; no other control.
    static func isFieldValue(_ octet: UInt8) -> Bool { octet >= 32 ? octet != 127 : octet == tab }

    static func isDigit(_ octet: UInt8) -> Bool { octet >= 48 && octet <= 57 }

    /// The value of a hexadecimal digit.
    static func hexValue(_ octet: UInt8) -> UInt8? {
        switch octet {
        case 48 ... 57: octet - 48
        case 65 ... 70: octet - 55
        case 97 ... 102: octet - 87
        default: nil
        }
    }

    /// ASCII lower case.
    static func lowered(_ octet: UInt8) -> UInt8 { octet >= 65 && octet <= 90 ? octet | 32 : octet }

    /// Compares without case; `lowercase` must already be in lower case.
    static func matches(_ octets: some Collection<UInt8>, _ lowercase: String) -> Bool {
        octets.count == lowercase.utf8.count && zip(octets, lowercase.utf8).allSatisfy { lowered($0) == $1 }
    }

    /// Without the blanks and tabs around it.
    static func trimmed(_ octets: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        var rest = octets
        while let first = rest.first, first == space || first == tab { rest = rest.dropFirst() }
        while let last = rest.last, last == space || last == tab { rest = rest.dropLast() }
        return rest
    }

    /// The elements of a comma-separated list, trimmed, in lower case, without empty ones.
    static func listElements(_ octets: some Collection<UInt8>) -> [String] {
        octets.split(separator: 44).compactMap { part in
            let element = trimmed(part.map(lowered)[...])
            return element.isEmpty ? nil : String(decoding: element, as: UTF8.self)
        }
    }
}

/// A set of ASCII octets in 128 bits.
private struct AsciiSet: Sendable {
    private var low: UInt64 = 0
    private var high: UInt64 = 0

    init(_ marks: String, letters: Bool, digits: Bool) {
        for octet in marks.utf8 { insert(octet) }
        if digits { for octet in UInt8(48) ... 57 { insert(octet) } }
        if letters {
            for octet in UInt8(65) ... 90 {
                insert(octet)
                insert(octet | 32)
            }
        }
    }

    private mutating func insert(_ octet: UInt8) {
        if octet < 64 { low |= 1 << UInt64(octet) } else if octet < 128 { high |= 1 << UInt64(octet - 64) }
    }

    func contains(_ octet: UInt8) -> Bool {
        if octet < 64 { return low & (1 << UInt64(octet)) != 0 }
        return octet < 128 && high & (1 << UInt64(octet - 64)) != 0
    }
}
