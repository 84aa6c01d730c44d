internal import Glibc

/// Octets of a request, where they were received. Valid for the call that is given it.
typealias OctetSlice = UnsafeBufferPointer<UInt8>

extension OctetSlice {
    func part(_ range: Range<Int>) -> OctetSlice { OctetSlice(rebasing: self[range]) }
}

/// Which octets may stand where (RFC 9110 and RFC 3986), as bit maps over ASCII.
enum Octets {
    static let tab: UInt8 = 9
    static let lineFeed: UInt8 = 10
    static let carriageReturn: UInt8 = 13
    static let space: UInt8 = 32
    static let colon: UInt8 = 58
    static let semicolon: UInt8 = 59
    static let equals: UInt8 = 61
    static let quote: UInt8 = 34
    static let backslash: UInt8 = 92

    // Letters, digits and: !#$%&'*+-.^_`|~
    private static let token = AsciiSet(low: 0x03ff_6cfa_0000_0000, high: 0x57ff_ffff_c7ff_fffe)
    // Letters, digits and: -._~!$&'()*+,;=:@/?%[]{}|^`
    private static let target = AsciiSet(low: 0xafff_fff2_0000_0000, high: 0x7fff_ffff_efff_ffff)
    // Letters, digits and: -._~
    private static let host = AsciiSet(low: 0x03ff_6000_0000_0000, high: 0x47ff_fffe_87ff_fffe)

    /// `tchar`: methods and field names.
    @inline(__always)
    static func isToken(_ octet: UInt8) -> Bool { token.contains(octet) }

    /// Path and query: RFC 3986's characters and, because browsers and common clients send them bare, ``[]{}|^` ``.
    /// Never a control, a blank, a quote, an angle bracket, a backslash, `#` or anything beyond ASCII.
    @inline(__always)
    static func isTarget(_ octet: UInt8) -> Bool { target.contains(octet) }

    /// A name or IPv4 address in an authority.
    @inline(__always)
    static func isHost(_ octet: UInt8) -> Bool { host.contains(octet) }

    /// Field values: visible ASCII, blanks, tab and obs-text; no other control.
    @inline(__always)
    static func isFieldValue(_ octet: UInt8) -> Bool { octet >= 32 ? octet != 127 : octet == tab }

    /// The white space that may stand within a line.
    static func isBlank(_ octet: UInt8) -> Bool { octet == space || octet == tab }

    @inline(__always)
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
    @inline(__always)
    static func lowered(_ octet: UInt8) -> UInt8 { octet >= 65 && octet <= 90 ? octet | 32 : octet }

    /// The first line feed from `start` on.
    static func lineEnd(_ octets: [UInt8], from start: Int) -> Int? {
        octets.withUnsafeBytes { bytes in
            guard start < bytes.count, let base = bytes.baseAddress, let found = memchr(base + start, Int32(lineFeed), bytes.count - start) else { return nil }
            return UnsafeRawPointer(found) - base
        }
    }

    /// Whether every octet of the text passes.
    @inline(__always)
    static func all(_ text: String, _ passes: (UInt8) -> Bool) -> Bool {
        text.utf8.withContiguousStorageIfAvailable { $0.allSatisfy(passes) } ?? text.utf8.allSatisfy(passes)
    }

    /// Compares without case; `lowercase` must already be in lower case.
    static func matches(_ octets: some Collection<UInt8>, _ lowercase: StaticString) -> Bool {
        guard octets.count == lowercase.utf8CodeUnitCount else { return false }
        var at = lowercase.utf8Start
        for octet in octets {
            if lowered(octet) != at.pointee { return false }
            at += 1
        }
        return true
    }

    /// Without the blanks and tabs around it.
    static func trimmed(_ octets: OctetSlice) -> OctetSlice {
        var (start, end) = (0, octets.count)
        while start < end, octets[start] == space || octets[start] == tab { start += 1 }
        while start < end, octets[end - 1] == space || octets[end - 1] == tab { end -= 1 }
        return octets.part(start ..< end)
    }

    /// The elements of a comma-separated list, trimmed, in lower case, without empty ones.
    static func listElements(_ octets: some Collection<UInt8>) -> [String] {
        octets.split(separator: 44).compactMap { part in
            let element = part.map(lowered).withUnsafeBufferPointer { String(decoding: trimmed($0), as: UTF8.self) }
            return element.isEmpty ? nil : element
        }
    }
}

/// A set of ASCII octets: a bit each. Written out, so that it is a constant and not made on first use, which every look would ask about.
private struct AsciiSet: Sendable {
    let low, high: UInt64

    @inline(__always)
    func contains(_ octet: UInt8) -> Bool {
        if octet < 64 { return low & (1 << UInt64(octet)) != 0 }
        return octet < 128 && high & (1 << UInt64(octet & 63)) != 0
    }
}
