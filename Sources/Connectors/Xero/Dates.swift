internal import Kernel
internal import Wire

/// Dates as Xero writes them in JSON: `/Date(1763596800000+0000)/`, beside them sometimes `2026-11-20T00:00:00`.
enum XeroDate {
    /// The day a text stands for; `nil` when it is neither form. The offset counts: milliseconds are UTC, the day is
    /// the local one.
    static func day(_ text: String) -> LocalDate? {
        if let (milliseconds, offset) = parts(text) {
            let local = milliseconds + offset * 60_000
            let days = local >= 0 ? local / dayLength : (local - dayLength + 1) / dayLength
            return LocalDate(daysSince1970: Int(days))
        }
        let bytes = Array(text.utf8)
        guard bytes.count == 10 || (bytes.count > 10 && bytes[10] == UInt8(ascii: "T")) else { return nil }
        return LocalDate(String(decoding: bytes.prefix(10), as: UTF8.self))
    }

    /// The instant that a field of UTC stands for, in either form; `nil` where it is none.
    static func time(_ field: JSONView) -> Timestamp? {
        guard let text = field.string else { return nil }
        if let (milliseconds, _) = parts(text) { return Timestamp(microseconds: milliseconds * 1_000) }
        return Timestamp(rfc3339: text) ?? Timestamp(rfc3339: text + "Z")
    }

    private static let dayLength: Int64 = 86_400_000
    /// Years 1 to 9999.
    private static let range: ClosedRange<Int64> = -62_135_596_800_000 ... 253_402_300_799_999

    /// Milliseconds since 1970 in UTC, and the offset in minutes.
    private static func parts(_ text: String) -> (milliseconds: Int64, offset: Int64)? {
        guard text.hasPrefix("/Date("), text.hasSuffix(")/"), text.utf8.count > 8 else { return nil }
        var inner = Array(text.utf8.dropFirst(6).dropLast(2))
        var offset: Int64 = 0
        // A sign behind the first place starts the offset.
        if let at = inner.indices.dropFirst().last(where: {
            inner[$0] == UInt8(ascii: "+") || inner[$0] == UInt8(ascii: "-")
        }) {
            guard inner.count - at == 5, let hours = number(inner[at + 1 ..< at + 3]),
                let minutes = number(inner[at + 3 ..< at + 5]),
                hours <= 14, minutes < 60
            else { return nil }
            offset = (hours * 60 + minutes) * (inner[at] == UInt8(ascii: "-") ? -1 : 1)
            inner.removeSubrange(at...)
        }
        let negative = inner.first == UInt8(ascii: "-")
        guard let magnitude = number(negative ? inner[1...] : inner[...]) else { return nil }
        let milliseconds = negative ? -magnitude : magnitude
        return range.contains(milliseconds) ? (milliseconds, offset) : nil
    }

    private static func number(_ digits: ArraySlice<UInt8>) -> Int64? {
        guard !digits.isEmpty, digits.count <= 15, digits.allSatisfy({ (48 ... 57).contains($0) }) else { return nil }
        return digits.reduce(Int64(0)) { $0 * 10 + Int64($1 - 48) }
    }
}
