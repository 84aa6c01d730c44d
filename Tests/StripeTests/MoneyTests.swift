import Books
import ConnectorTestKit
import Kernel
import Testing

@testable import Stripe

@Suite("Stripe's numbers") struct MoneyTests {
    @Test("a number is what its currency makes of it", arguments: [
        ("USD", 1050, "10.50"), ("JPY", 500, "500"), ("KRW", 500, "500"), ("KWD", 1050, "1.050"), ("TND", 10, "0.010"), ("MGA", 500, "500.00"),
        ("ISK", 50000, "500"), ("UGX", 50000, "500"), ("HUF", 10050, "100.50"), ("XOF", -7, "-7"), ("BHD", -5120, "-5.120"),
    ])
    func worth(code: String, number: Int, text: String) throws {
        let currency = try #require(Currency(code))
        #expect(StripeMoney.money(Int64(number), currency)?.text == text)
    }

    @Test("hundredths of a currency without any are no amount, and neither is more than can be computed with")
    func refused() throws {
        for code in ["ISK", "UGX"] { #expect(StripeMoney.money(50_050, try #require(Currency(code))) == nil) }
        #expect(StripeMoney.money(1_000_000_000_001, .usd) == nil)
        #expect(StripeMoney.money(.min, .usd) == nil)
        #expect(StripeMoney.money(999_999_999_999, try #require(Currency("MGA"))) == nil)
    }

    @Test("Stripe's rate stands where it gives what was settled; otherwise the quotient, which does")
    func rates() throws {
        let charged = Money(minor: 10_000, .eur)
        #expect(StripeMoney.rate(stated: ExactDecimal("1.08734"), charged: charged, settled: usd(10_873)) == ExactDecimal("1.08734"))
        for (settled, stated) in [(usd(10_874), "1.08734"), (usd(10_871), nil), (usd(1), "0")] as [(Money, String?)] {
            let rate = try #require(StripeMoney.rate(stated: stated.flatMap { ExactDecimal($0) }, charged: charged, settled: settled))
            #expect(Money(rounding: charged.decimal * rate, .usd) == settled)
        }
        let yen = try #require(Currency("JPY"))
        let rate = try #require(StripeMoney.rate(stated: nil, charged: Money(minor: 123_457, yen), settled: usd(80_231)))
        #expect(Money(rounding: Money(minor: 123_457, yen).decimal * rate, .usd) == usd(80_231))
        #expect(StripeMoney.rate(stated: nil, charged: .zero(.eur), settled: usd(1)) == nil)
    }
}
