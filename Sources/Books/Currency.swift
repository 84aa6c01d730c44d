/// An ISO 4217 currency: its code and the number of decimals its amounts have.
public struct Currency: Hashable, Sendable, CustomStringConvertible {
    public let code: String
    /// Digits after the point: 2 for most, 0 for JPY, 3 for KWD.
    public let decimals: Int

    /// `nil` unless `code` is three upper-case ASCII letters.
    public init?(_ code: some StringProtocol) {
        let text = String(code)
        guard text.utf8.count == 3, text.utf8.allSatisfy({ $0 >= 65 && $0 <= 90 }) else { return nil }
        self.code = text
        decimals = Currency.exceptions[text] ?? 2
    }

    public var description: String { code }

    public static let usd = Currency(known: "USD", 2)
    public static let gbp = Currency(known: "GBP", 2)
    public static let eur = Currency(known: "EUR", 2)

    private init(known code: String, _ decimals: Int) {
        self.code = code
        self.decimals = decimals
    }

    /// Currencies whose minor unit is not a hundredth.
    /// - Source: ISO 4217 list one.
    private static let exceptions: [String: Int] = [
        "BIF": 0, "CLP": 0, "DJF": 0, "GNF": 0, "ISK": 0, "JPY": 0, "KMF": 0, "KRW": 0, "PYG": 0, "RWF": 0, "UGX": 0,
        "UYI": 0,
        "VND": 0, "VUV": 0, "XAF": 0, "XOF": 0, "XPF": 0,
        "BHD": 3, "IQD": 3, "JOD": 3, "KWD": 3, "LYD": 3, "OMR": 3, "TND": 3,
        "CLF": 4, "UYW": 4,
    ]
}
