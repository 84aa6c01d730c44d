import Kernel
import Testing

@Suite struct ExactDecimalTests {
    private func decimal(_ text: String) throws -> ExactDecimal { try #require(ExactDecimal(text)) }

    @Test(
        "decimals are read with the scale they are written in",
        arguments: [
            ("0", "0"), ("-0", "0"), ("5", "5"), ("-12.340", "-12.340"), ("0.05", "0.05"), ("-0.05", "-0.05"),
            ("2.50", "2.50"), ("007", "7"),
            ("1.5e-3", "0.0015"), ("1.5E+3", "1500"), ("1e2", "100"), ("12.34e1", "123.4"), ("0e0", "0"),
            ("1e-30", "0." + String(repeating: "0", count: 29) + "1"),
            ("10e-31", "0." + String(repeating: "0", count: 29) + "1"),
            ("9999999999999999999999999999999999999", "9999999999999999999999999999999999999"),
            ("-9999999.999999999999999999999999999999", "-9999999.999999999999999999999999999999"),
            ("1e30", "1" + String(repeating: "0", count: 30)),
        ])
    func reads(text: String, printed: String) {
        #expect(ExactDecimal(text)?.description == printed)
    }

    @Test(
        "anything else is no decimal",
        arguments: [
            "", "-", "+1", ".5", "5.", "1.e1", "1e", "1e+", "1e-", "1e+-5", "1e++5", "1e-+5", "1e--5", "--1", "1-",
            "1.2.3", "1e5e5", "1e1.5", " 1", "1 ",
            "1,000", "0x10", "NaN", "Infinity", "١", "１", "1_0", "e5", "-e5", "-.5", "1e31", "1e-31", "1e999", "1e1000",
            "0e999",
            "10000000000000000000000000000000000000", "1e37", "123456789012345678901234567890123456e2",
            "0.0000000000000000000000000000001",
            String(repeating: "9", count: 100_000), "1e" + String(repeating: "9", count: 1000),
        ])
    func refuses(text: String) {
        #expect(ExactDecimal(text) == nil)
    }

    @Test("numbers compare by value, whatever their scale, and never trap")
    func compares() throws {
        #expect(try decimal("2.50") == decimal("2.5"))
        #expect(try decimal("2.50").hashValue == decimal("2.5").hashValue)
        #expect(try decimal("0.00") == .zero)
        #expect(try decimal("-1.5") < decimal("-1.49"))
        let wide = try decimal(String(repeating: "9", count: 37))
        let fine = try decimal("1e-30")
        for (low, high) in [(fine, wide), (-wide, fine), (-wide, -fine), (-fine, wide), (.zero, fine), (-wide, wide)] {
            #expect(low < high && !(high < low) && low != high)
        }
    }

    @Test("sums, differences and products are exact")
    func arithmetic() throws {
        #expect(try (decimal("0.1") + decimal("0.2")).description == "0.3")
        #expect(try (decimal("1") - decimal("0.001")).description == "0.999")
        #expect(try (decimal("19.90") * decimal("3")).shortest.description == "59.7")
        #expect(try decimal("-0.05") * decimal("0.2") == decimal("-0.01"))
        #expect(try (-decimal("1.50")).description == "-1.50")
        #expect(try decimal("0.000").isZero && decimal("-0.1").isNegative && !ExactDecimal.zero.isNegative)
    }

    @Test("arithmetic agrees with integers at a common scale", arguments: [1, 2, 3] as [UInt64])
    func againstIntegers(seed: UInt64) {
        let random = SeededRandom(seed: seed)
        func pick() -> Int128 { Int128(random.number(below: 2_000_000_000_000)) - 1_000_000_000_000 }
        for _ in 0 ..< 500 {
            let (a, b) = (pick(), pick())
            let (x, y) = (ExactDecimal(coefficient: a, scale: 4), ExactDecimal(coefficient: b, scale: 4))
            #expect(x + y == ExactDecimal(coefficient: a + b, scale: 4), "seed \(seed)")
            #expect(x - y == ExactDecimal(coefficient: a - b, scale: 4), "seed \(seed)")
            #expect(x * y == ExactDecimal(coefficient: a * b, scale: 8), "seed \(seed)")
            #expect((x < y) == (a < b), "seed \(seed)")
            #expect(ExactDecimal(x.description)?.coefficient == a, "seed \(seed)")
        }
    }

    @Test(
        "rounding is half away from zero",
        arguments: [
            ("1.005", 2, "1.01"), ("-1.005", 2, "-1.01"), ("1.0049", 2, "1.00"), ("0.5", 0, "1"), ("-0.5", 0, "-1"),
            ("0.4999", 0, "0"),
            ("-0.4", 0, "0"), ("2.5", 0, "3"), ("9.995", 2, "10.00"), ("1.5", 3, "1.500"), ("7", 2, "7.00"),
            ("1.23", 2, "1.23"),
        ])
    func rounds(text: String, scale: Int, printed: String) throws {
        #expect(try decimal(text).rounded(toScale: scale).description == printed)
    }

    @Test("arithmetic on numbers from outside gives nothing where the result would need too many digits, and never traps")
    func bounded() throws {
        let wide = try decimal(String(repeating: "9", count: 37))
        let fine = try decimal("1e-30")
        let thin = try decimal("0." + String(repeating: "9", count: 30))
        #expect(wide.adding(fine) == nil && wide.subtracting(fine) == nil && wide.multiplied(by: wide) == nil)
        #expect(fine.multiplied(by: fine) == nil && thin.multiplied(by: thin) == nil)
        #expect(wide.rescaled(toScale: 2) == nil && (-wide).rescaled(toScale: 30) == nil && thin.rescaled(toScale: 30) == thin)
        #expect(try wide.multiplied(by: decimal("10")) == nil)
        #expect(thin.rescaled(toScale: 2)?.description == "1.00")
        #expect(try wide.rescaled(toScale: 0) == wide && decimal("7").rescaled(toScale: 2)?.description == "7.00")
        #expect(try decimal("0.1").adding(decimal("0.2"))?.description == "0.3")
        #expect(try decimal("1").subtracting(decimal("0.001"))?.description == "0.999")
        #expect(try decimal("19.90").multiplied(by: decimal("3"))?.shortest.description == "59.7")
    }

    @Test("any two decimals that can be written can be calculated with", arguments: [1, 2, 3, 4] as [UInt64])
    func anyTwo(seed: UInt64) {
        let random = SeededRandom(seed: seed)
        func pick() -> ExactDecimal {
            var text = random.number(below: 2) == 0 ? "" : "-"
            let digits = Int(random.number(below: 37)) + 1, point = Int(random.number(below: 31))
            for _ in 0 ..< digits { text += String(random.number(below: 10)) }
            return ExactDecimal("\(text)e-\(point)") ?? .zero
        }
        for _ in 0 ..< 2_000 {
            let (a, b) = (pick(), pick())
            if let sum = a.adding(b) { #expect(sum.subtracting(b).map { $0 == a } ?? true, "seed \(seed)") }
            if let product = a.multiplied(by: b) { #expect(product.isZero == (a.isZero || b.isZero), "seed \(seed)") }
            for scale in [0, 2, 3, 30] where scale >= a.scale {
                #expect(a.rescaled(toScale: scale).map { $0 == a && $0.scale == scale } ?? true, "seed \(seed)")
            }
        }
    }

    @Test("division is half away from zero for both signs")
    func divides() {
        let cases: [(Int128, Int128, Int128)] = [
            (7, 2, 4), (-7, 2, -4), (1, 3, 0), (2, 3, 1), (-2, 3, -1), (6, 3, 2), (0, 5, 0),
        ]
        for (numerator, denominator, quotient) in cases {
            #expect(ExactDecimal.divideHalfUp(numerator, denominator) == quotient)
        }
    }

    @Test("the shortest form drops zeros after the point only")
    func shortest() throws {
        #expect(try decimal("8.250").shortest.description == "8.25")
        #expect(try decimal("20.0").shortest.description == "20")
        #expect(try decimal("100").shortest.description == "100")
        #expect(try decimal("0.000").shortest.description == "0")
    }

    /// Numbers of every size up to the most that an `Int128` holds, and those at the ends of the words it is made of.
    private func coefficients(_ seed: UInt64) -> [Int128] {
        var chance = Seeded(seed)
        let ends: [Int128] = [Int128(Int64.min), Int128(Int64.max), Int128(UInt64.max), 1 << 64, 1 << 100, .max, .min + 1, 0]
        let near = ends.flatMap { end in [end &- 1, end, end &+ 1, -end] }
        return near + (0 ..< 500).map { _ in
            let value = Int128(truncatingIfNeeded: chance.next()) << 64 | Int128(truncatingIfNeeded: chance.next())
            return value >> Int128(chance.int(0 ... 127))
        }
    }

    @Test("a coefficient of any size is kept as it is, and the short way to it is there only where it fits", arguments: [1, 2, 3] as [UInt64])
    func words(seed: UInt64) {
        for coefficient in coefficients(seed) {
            let number = ExactDecimal(coefficient: coefficient, scale: 3)
            #expect(number.coefficient == coefficient && number.scale == 3, "seed \(seed)")
            #expect(number.smallCoefficient == Int64(exactly: coefficient), "seed \(seed): \(coefficient)")
            #expect(number.isZero == (coefficient == 0) && number.isNegative == (coefficient < 0), "seed \(seed): \(coefficient)")
            if let small = Int64(exactly: coefficient) {
                let short = ExactDecimal(small: small, scale: 3)
                #expect(short.coefficient == coefficient && short == number && short.hashValue == number.hashValue, "seed \(seed)")
            }
        }
        #expect(ExactDecimal(-7).coefficient == -7 && ExactDecimal(Int.min).coefficient == Int128(Int.min))
    }

    @Test("the shortest form and the order are those of whole numbers, however large", arguments: [4, 5] as [UInt64])
    func simpleWay(seed: UInt64) {
        var chance = Seeded(seed)
        let all = coefficients(seed).filter { $0.magnitude < 1_000_000_000_000_000_000_000_000_000 }
        for a in all {
            let (scale, zeros) = (chance.int(0 ... 5), chance.int(0 ... 5))
            var padded = a
            for _ in 0 ..< zeros { padded *= 10 }
            var (wanted, left) = (padded, scale)
            while left > 0, wanted % 10 == 0 {
                wanted /= 10
                left -= 1
            }
            let shortest = ExactDecimal(coefficient: padded, scale: scale).shortest
            #expect(shortest.coefficient == wanted && shortest.scale == left, "seed \(seed): \(padded) at \(scale)")
            let (b, other) = (chance.pick(all), chance.int(0 ... 5))
            var (x, y) = (a, b)
            for _ in 0 ..< other { x *= 10 }
            for _ in 0 ..< scale { y *= 10 }
            let isLess = ExactDecimal(coefficient: a, scale: scale) < ExactDecimal(coefficient: b, scale: other)
            #expect(isLess == (x < y), "seed \(seed): \(a) at \(scale), \(b) at \(other)")
        }
    }

    @Test("a decimal asks for the alignment of a word: arrays of what holds one are allocated like any other")
    func alignment() {
        #expect(MemoryLayout<ExactDecimal>.alignment == 8 && MemoryLayout<ExactDecimal?>.stride == 24)
    }
}
