import Books
import Kernel
import Testing

@Suite struct MoneyTests {
    @Test(
        "a number from outside is an amount, or none: it never ends the process",
        arguments: [
            ("12.30", 1230), ("12.3000", 1230), ("-0.01", -1), ("12.345", nil), ("1e3", 100_000),
            ("92233720368547758.07", .max), ("-92233720368547758.07", -.max), ("-92233720368547758.08", nil), ("92233720368547758.08", nil),
            (StaticString("9999999999999999999999999999999999999"), nil), ("-9999999999999999999999999999999999999", nil),
            ("1e30", nil), ("-1e30", nil), ("999999999999999999999999999999999999.9", nil), ("0.0000000000000000000000000001", nil),
            ("10000000000000000000000000000000000000000", nil),
        ] as [(StaticString, Int64?)])
    func reads(_ text: StaticString, _ minor: Int64?) {
        #expect(Money("\(text)", .usd)?.minor == minor)
        #expect(ExactDecimal("\(text)").map { Money($0, .usd)?.minor == minor } ?? (minor == nil))
        if let money = Money("\(text)", .usd) { #expect(money.magnitude.minor >= 0 && (-money).minor == -money.minor) }
    }

    @Test("the currency's decimals count")
    func decimals() throws {
        let yen = try #require(Currency("JPY"))
        #expect(Money("12", yen)?.minor == 12)
        #expect(Money("12.0", yen)?.minor == 12)
        #expect(Money("12.3", yen) == nil)
    }
}
