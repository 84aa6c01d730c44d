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

    @Test("a currency is read from bytes as from text, and has the decimals of its minor unit")
    func currencies() throws {
        for text in ["USD", "EUR", "GBP", "JPY", "KWD", "CLF", "XXX", "", "US", "USDX", "usd", "U D", "ÜSD", "US\u{0}", "€"] {
            let read = Array(text.utf8).withUnsafeBufferPointer { Currency(utf8: $0) }
            #expect(read == Currency(text) && read == Currency(text[...]), "\(text)")
            #expect((read != nil) == (text.utf8.count == 3 && text.utf8.allSatisfy { $0 >= 65 && $0 <= 90 }), "\(text)")
            if let read { #expect(read.code == text, "\(text)") }
        }
        let decimals = ["USD": 2, "EUR": 2, "GBP": 2, "CAD": 2, "JPY": 0, "KWD": 3, "CLF": 4, "XXX": 2]
        for (code, count) in decimals { #expect(try #require(Currency(code)).decimals == count, "\(code)") }
        #expect(Currency("USD") == .usd && Currency("EUR") == .eur && Currency("GBP") == .gbp)
    }

    @Test("an amount is what its shortest form is at the currency's decimals", arguments: [1, 2, 3] as [UInt64])
    func simpleWay(seed: UInt64) throws {
        var chance = Seeded(seed)
        let currencies = try ["USD", "JPY", "KWD", "CLF"].map { try #require(Currency($0)) }
        for _ in 0 ..< 1_000 {
            let (currency, scale) = (chance.pick(currencies), chance.int(0 ... 6))
            let wide = Int128(truncatingIfNeeded: Int64(truncatingIfNeeded: chance.next()) >> Int64(chance.int(0 ... 63)))
            let number = ExactDecimal(coefficient: chance.flip(3) ? wide * 1_000 : wide, scale: scale)
            let shortest = number.shortest
            var wanted: Int64?
            if shortest.scale <= currency.decimals {
                var minor = shortest.coefficient
                for _ in shortest.scale ..< currency.decimals { minor *= 10 }
                wanted = Int64(exactly: minor).flatMap { $0 == .min ? nil : $0 }
            }
            #expect(Money(number, currency)?.minor == wanted, "seed \(seed): \(number) \(currency)")
        }
        #expect(Money(ExactDecimal(small: .min, scale: 2), .usd) == nil)
    }
}
