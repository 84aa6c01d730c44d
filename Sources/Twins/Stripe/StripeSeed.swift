internal import Kernel
internal import Wire

/// A business with a Stripe account.
struct StripeBusiness: Sendable {
    var id: String
    var name: String
    var email: String
    var country: String
    /// Lower case, as everywhere on this wire.
    var currency: String
    /// Currencies in which it holds money; others are converted into `currency`.
    var holds: [String]
    var zone: Zone
    /// What Stripe keeps of a card payment: per ten thousand of the amount, and a fixed part by currency.
    var feePerTenThousand: Int64
    var feeFixed: [String: Int64]
    /// What Stripe keeps for a dispute, whether it is won or lost.
    var feeDispute: [String: Int64]
    /// What it calls itself in its keys.
    var keyName: String

    func bank(_ currency: String) -> String { "ba_1\(keyName)\(currency)" }
}

/// What a fresh twin has: a platform, two businesses that have connected to it, and their keys.
///
/// Keys are `sk_test_`, `sk_live_`, `rk_test_` or `rk_live_` and the name: `sk_test_51PrairieGoods`. Those that begin with `rk_` read everything and
/// write webhook endpoints only.
enum StripeSeed {
    static let platform = "acct_1CounterfoilHub"
    static let american = "acct_1PrairieGoods"
    static let british = "acct_1ThamesPottery"
    /// The platform's client id for Connect's consent page.
    static let client = "ca_CounterfoilHub"
    static let version = "2026-10-28.endive"

    static func businesses() throws(Fault) -> [String: StripeBusiness] {
        let list = [
            StripeBusiness(
                id: platform, name: "Counterfoil Hub", email: "hub@example.com", country: "US", currency: "usd", holds: ["usd"], zone: .utc,
                feePerTenThousand: 290, feeFixed: ["usd": 30], feeDispute: ["usd": 1500], keyName: "51CounterfoilHub"),
            StripeBusiness(
                id: american, name: "Prairie Goods", email: "books@prairie-goods.example", country: "US", currency: "usd", holds: ["usd"],
                zone: try Zone.named("America/Chicago"), feePerTenThousand: 290, feeFixed: ["usd": 30], feeDispute: ["usd": 1500],
                keyName: "51PrairieGoods"),
            StripeBusiness(
                id: british, name: "Thames Pottery Ltd", email: "books@thames-pottery.example", country: "GB", currency: "gbp", holds: ["gbp", "eur"],
                zone: try Zone.named("Europe/London"), feePerTenThousand: 150, feeFixed: ["gbp": 20, "eur": 25], feeDispute: ["gbp": 2000, "eur": 2000],
                keyName: "51ThamesPottery"),
        ]
        return Dictionary(uniqueKeysWithValues: list.map { ($0.id, $0) })
    }
}

/// Currencies as the vendor writes their amounts.
enum StripeCurrency {
    /// - Source: docs.stripe.com/currencies, "Zero-decimal currencies". Icelandic króna and Ugandan shilling are written with two places that are zero.
    static let withoutPlaces: Set<String> = [
        "bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv", "xaf", "xof", "xpf",
    ]
    static let threePlaces: Set<String> = ["bhd", "jod", "kwd", "omr", "tnd"]
    static let wholeOnly: Set<String> = ["isk", "ugx"]

    /// Dollars for one unit, in millionths. The twin's own rates: nobody's quotation.
    static let dollarMillionths: [String: Int64] = [
        "usd": 1_000_000, "eur": 1_085_000, "gbp": 1_270_000, "jpy": 6_700, "cad": 730_000, "aud": 660_000, "chf": 1_130_000, "sek": 95_000,
        "nok": 94_000, "dkk": 145_500, "nzd": 605_000, "pln": 252_000, "isk": 7_200, "ugx": 268, "kwd": 3_255_000, "bhd": 2_652_000, "jod": 1_410_000,
        "omr": 2_597_000, "tnd": 322_000, "krw": 730, "vnd": 40, "clp": 1_050, "mxn": 57_000, "brl": 198_000, "inr": 11_900, "sgd": 742_000,
        "hkd": 128_000, "czk": 43_500, "huf": 2_750, "zar": 54_000, "xaf": 1_650, "xof": 1_650, "pyg": 135, "rwf": 740, "bif": 345, "djf": 5_600,
        "gnf": 116, "kmf": 2_200, "mga": 215, "vuv": 8_200, "xpf": 9_100,
    ]

    static func places(_ currency: String) -> Int { withoutPlaces.contains(currency) ? 0 : threePlaces.contains(currency) ? 3 : 2 }

    /// The smallest payment the vendor takes, by currency.
    /// - Source: docs.stripe.com/currencies, "Minimum charge amounts".
    static func least(_ currency: String) -> Int64 {
        let known: [String: Int64] = ["usd": 50, "eur": 50, "gbp": 30, "jpy": 50, "cad": 50, "aud": 50, "chf": 50, "sek": 300, "nok": 300, "dkk": 250]
        return known[currency] ?? 1
    }

    /// `12.34` of 1234.
    static func shown(_ minor: Int64, _ currency: String) -> String { ExactDecimal(small: minor, scale: places(currency)).description }

    /// How many units of `to` one unit of `from` buys that day, in millionths: the middle rate, moved a little from day to day, so that a refund on
    /// another day than its payment shows a difference of exchange.
    static func rateMillionths(_ from: String, _ to: String, day: LocalDate) -> Int64 {
        guard from != to, let a = dollarMillionths[from], let b = dollarMillionths[to] else { return 1_000_000 }
        let middle = ExactDecimal.divideHalfUp(Int128(a) * 1_000_000, Int128(b))
        let step = Int128(day.daysSince1970 % 7 - 3)
        return Int64(middle + middle * step / 1000)
    }

    /// The amount in the smallest units of `to`, half away from zero.
    static func convert(_ minor: Int64, _ from: String, _ to: String, millionths: Int64) -> Int64 {
        var numerator = Int128(minor) * Int128(millionths)
        var denominator: Int128 = 1_000_000
        for _ in 0..<places(to) { numerator *= 10 }
        for _ in 0..<places(from) { denominator *= 10 }
        return Int64(ExactDecimal.divideHalfUp(numerator, denominator))
    }

    /// `1.0842`: a JSON number without zeros at its end.
    static func rateText(_ millionths: Int64) -> String { ExactDecimal(small: millionths, scale: 6).shortest.description }
}
