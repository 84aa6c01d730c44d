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
public func base32Text(_ bytes: some Sequence<UInt8>, characters: Int) -> String {
    let alphabet = Array("0123456789abcdefghjkmnpqrstvwxyz".utf8)
    var out: [UInt8] = []
    var buffer: UInt32 = 0
    var bits: UInt32 = 0
    for b in bytes {
        guard out.count < characters else { break }
        buffer = buffer << 8 | UInt32(b)
        bits += 8
        while bits >= 5, out.count < characters {
            bits -= 5
            out.append(alphabet[Int(buffer >> bits & 31)])
        }
        buffer &= (1 << bits) - 1
    }
    return String(decoding: out, as: UTF8.self)
}
