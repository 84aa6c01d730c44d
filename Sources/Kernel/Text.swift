extension Sequence<UInt8> {
    /// Two lower-case hexadecimal digits a byte.
    public var hexText: String {
        var out = ""
        for b in self {
            out.unicodeScalars.append(Unicode.Scalar(hexDigit(b >> 4)))
            out.unicodeScalars.append(Unicode.Scalar(hexDigit(b & 15)))
        }
        return out
    }
}

extension [UInt8] {
    /// The bytes of `hexText`; `nil` for anything else, upper-case digits too.
    public init?(hexText: String) {
        let digits = hexText.utf8.compactMap { digit -> UInt8? in
            switch digit {
            case 48 ... 57: digit - 48
            case 97 ... 102: digit - 87
            default: nil
            }
        }
        guard digits.count == hexText.utf8.count, digits.count % 2 == 0 else { return nil }
        self = stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
    }
}

private func hexDigit(_ n: UInt8) -> UInt8 { n < 10 ? 48 + n : 87 + n }

/// Crockford's base32 in lower case (no i, l, o, u): 5 bits a character, most significant first. At most `characters` of them;
/// bits that do not fill a character are dropped.
public func base32Text(_ bytes: [UInt8], characters: Int) -> String {
    let alphabet: StaticString = "0123456789abcdefghjkmnpqrstvwxyz"
    let count = min(characters, bytes.count * 8 / 5)
    return String(unsafeUninitializedCapacity: count) { out in
        var buffer: UInt32 = 0
        var bits: UInt32 = 0
        var next = 0
        for n in 0 ..< count {
            if bits < 5 {
                buffer = buffer << 8 | UInt32(bytes[next])
                bits += 8
                next += 1
            }
            bits -= 5
            out[n] = alphabet.utf8Start[Int(buffer >> bits & 31)]
        }
        return count
    }
}
