internal import Crypto
internal import Kernel

/// What of an X.509 certificate the account looks at.
/// - Source: RFC 5280, section 4.1.
struct SuiteCertificate {
    /// SubjectPublicKeyInfo.
    var key: [UInt8]
    var from: Timestamp
    var until: Timestamp
    var bits: Int?

    /// The bytes of the first PEM block.
    static func der(ofPEM text: String) -> [UInt8]? {
        let lines = text.split(whereSeparator: { $0 == "\n" || $0 == "\r" || $0 == "\r\n" }).map { $0.filter { $0 != " " && $0 != "\t" } }
        guard let start = lines.firstIndex(where: { $0.hasPrefix("-----BEGIN") }),
            let end = lines[start...].firstIndex(where: { $0.hasPrefix("-----END") })
        else { return nil }
        return Base64.decode(lines[(start + 1)..<end].joined())
    }

    static func read(_ der: [UInt8]) -> SuiteCertificate? {
        // Certificate, then TBSCertificate; its parts are version [0], serial number, algorithm, issuer, validity, subject, key.
        guard let whole = parts(der[...]).first, let body = parts(whole.content).first, whole.tag == 0x30, body.tag == 0x30 else { return nil }
        var rest = parts(body.content)
        if rest.first?.tag == 0xa0 { rest.removeFirst() }
        guard rest.count >= 6, rest[3].tag == 0x30, rest[5].tag == 0x30 else { return nil }
        let times = parts(rest[3].content).compactMap { time($0) }
        guard times.count == 2 else { return nil }
        return SuiteCertificate(key: Array(rest[5].whole), from: times[0], until: times[1], bits: nil)
    }

    private struct Part {
        var tag: UInt8
        var content: ArraySlice<UInt8>
        var whole: ArraySlice<UInt8>
    }

    /// Elements of DER that stand one behind the other; what comes after one that is torn is left out.
    private static func parts(_ bytes: ArraySlice<UInt8>) -> [Part] {
        var out: [Part] = []
        var at = bytes.startIndex
        while bytes.endIndex - at >= 2 {
            let start = at
            let tag = bytes[at]
            var length = Int(bytes[at + 1])
            at += 2
            if length >= 0x80 {
                let count = length & 0x7f
                guard (1...3).contains(count), bytes.endIndex - at >= count else { return out }
                length = bytes[at..<(at + count)].reduce(0) { $0 << 8 | Int($1) }
                at += count
            }
            guard bytes.endIndex - at >= length else { return out }
            out.append(Part(tag: tag, content: bytes[at..<(at + length)], whole: bytes[start..<(at + length)]))
            at += length
        }
        return out
    }

    /// UTCTime with two digits of the year, or GeneralizedTime with four.
    private static func time(_ part: Part) -> Timestamp? {
        var text = String(decoding: part.content, as: UTF8.self)
        guard text.hasSuffix("Z") else { return nil }
        if part.tag == 0x17 { text = ((Int(text.prefix(2)) ?? 0) < 50 ? "20" : "19") + text }
        let digits = text.dropLast().compactMap(\.wholeNumberValue)
        guard digits.count == 14 else { return nil }
        func number(_ from: Int, _ count: Int) -> Int { digits[from..<(from + count)].reduce(0) { $0 * 10 + $1 } }
        guard let day = LocalDate(year: number(0, 4), month: number(4, 2), day: number(6, 2)) else { return nil }
        return Timestamp(seconds: Int64(day.daysSince1970) * 86_400 + Int64(number(8, 2) * 3600 + number(10, 2) * 60 + number(12, 2)))
    }
}
