/// Base 64 of RFC 4648, strict: one text for every byte string and no other accepted.
public enum Base64 {
    /// The standard alphabet with padding (section 4).
    public static func encode(_ bytes: [UInt8]) -> String {
        text(bytes, alphabet: standard, padded: true)
    }

    /// Undoes `encode`; `nil` for wrong or missing padding, white space, foreign characters and stray low bits.
    public static func decode(_ text: String) -> [UInt8]? {
        let characters = Array(text.utf8)
        guard characters.count % 4 == 0 else { return nil }
        let padding = characters.suffix(2).reversed().prefix { $0 == pad }.count
        return bytes(characters.dropLast(padding), plus: 43, slash: 47)
    }

    /// The alphabet for URLs and file names without padding (section 5).
    public static func encodeURL(_ bytes: [UInt8]) -> String {
        text(bytes, alphabet: urlSafe, padded: false)
    }

    /// Undoes `encodeURL`; `nil` for padding, foreign characters and stray low bits.
    public static func decodeURL(_ text: String) -> [UInt8]? {
        bytes(Array(text.utf8)[...], plus: 45, slash: 95)
    }

    private static let standard = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    private static let urlSafe = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)
    private static let pad = UInt8(ascii: "=")

    private static func text(_ bytes: [UInt8], alphabet: [UInt8], padded: Bool) -> String {
        var out: [UInt8] = []
        out.reserveCapacity((bytes.count + 2) / 3 * 4)
        var i = 0
        while i < bytes.count {
            let held = min(3, bytes.count - i)
            let second = held > 1 ? UInt32(bytes[i + 1]) : 0
            let third = held > 2 ? UInt32(bytes[i + 2]) : 0
            let group: UInt32 = UInt32(bytes[i]) << 16 | second << 8 | third
            for position in 0 ... held {
                out.append(alphabet[Int(group >> UInt32(18 - 6 * position) & 63)])
            }
            if padded { for _ in held ..< 3 { out.append(pad) } }
            i += 3
        }
        return String(decoding: out, as: UTF8.self)
    }

    private static func bytes(_ characters: ArraySlice<UInt8>, plus: UInt8, slash: UInt8) -> [UInt8]? {
        guard characters.count % 4 != 1 else { return nil }
        var out: [UInt8] = []
        out.reserveCapacity(characters.count * 3 / 4)
        var buffer: UInt32 = 0
        var bits: UInt32 = 0
        for character in characters {
            guard let value = value(of: character, plus: plus, slash: slash) else { return nil }
            buffer = buffer << 6 | value
            bits += 6
            if bits >= 8 {
                bits -= 8
                out.append(UInt8(truncatingIfNeeded: buffer >> bits))
                buffer &= (1 << bits) - 1
            }
        }
        // Left-over bits must be zero, or two texts would mean the same bytes.
        return buffer == 0 ? out : nil
    }

    private static func value(of character: UInt8, plus: UInt8, slash: UInt8) -> UInt32? {
        switch character {
        case 65 ... 90: UInt32(character) - 65
        case 97 ... 122: UInt32(character) - 71
        case 48 ... 57: UInt32(character) + 4
        case plus: 62
        case slash: 63
        default: nil
        }
    }
}
