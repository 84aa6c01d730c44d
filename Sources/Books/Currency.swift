/// An ISO 4217 currency: its code and the number of decimals its amounts have. Every amount carries one, so it is five
/// bytes that are copied and compared as a number, and no text.
public struct Currency: Hashable, Sendable, CustomStringConvertible {
    /// The code's letters, the first in the highest of three bytes.
    private let packed: UInt32
    private let places: UInt8

    /// `nil` unless `code` is three upper-case ASCII letters.
    public init?(_ code: some StringProtocol) { self.init(String(code)) }

    /// `nil` unless `code` is three upper-case ASCII letters.
    public init?(_ code: String) {
        var code = code
        guard let read = code.withUTF8({ Currency(utf8: $0) }) else { return nil }
        self = read
    }

    /// `nil` unless the bytes are three upper-case ASCII letters.
    public init?(utf8 code: UnsafeBufferPointer<UInt8>) {
        guard code.count == 3 else { return nil }
        var packed: UInt32 = 0
        for letter in code {
            guard letter >= 65, letter <= 90 else { return nil }
            packed = packed << 8 | UInt32(letter)
        }
        self.init(packed: packed)
    }

    private init(packed: UInt32) {
        self.packed = packed
        // The three most frequent ones are spared the table.
        switch packed {
        case 0x55_53_44, 0x45_55_52, 0x47_42_50: places = 2
        default: places = Currency.exceptions[packed] ?? 2
        }
    }

    public var code: String {
        let (a, b, c) = letters
        return String(decoding: [a, b, c], as: UTF8.self)
    }

    /// The code's ASCII letters.
    public var letters: (UInt8, UInt8, UInt8) {
        (UInt8(truncatingIfNeeded: packed >> 16), UInt8(truncatingIfNeeded: packed >> 8), UInt8(truncatingIfNeeded: packed))
    }

    /// Digits after the point: 2 for most, 0 for JPY, 3 for KWD.
    public var decimals: Int { Int(places) }

    public var description: String { code }

    public static let usd = Currency(packed: pack("USD"))
    public static let gbp = Currency(packed: pack("GBP"))
    public static let eur = Currency(packed: pack("EUR"))

    private static func pack(_ code: StaticString) -> UInt32 {
        code.withUTF8Buffer { $0.reduce(0) { $0 << 8 | UInt32($1) } }
    }

    /// Decimals of currencies whose minor unit is not a hundredth, by packed code.
    /// - Source: ISO 4217 list one.
    private static let exceptions: [UInt32: UInt8] = {
        let lists: [(decimals: UInt8, codes: [StaticString])] = [
            (0, ["BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF"]),
            (3, ["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"]),
            (4, ["CLF", "UYW"]),
        ]
        var out: [UInt32: UInt8] = [:]
        for list in lists { for code in list.codes { out[pack(code)] = list.decimals } }
        return out
    }()
}
