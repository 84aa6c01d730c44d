import Books
import Kernel
import Testing
import Wire

@testable import Mapping

@Suite struct DocumentBytesTests {
    @Test("a document written straight to bytes reads like one written through a tree", arguments: UInt64(1) ... 300)
    func same(seed: UInt64) {
        var chance = Seeded(seed)
        let body = chance.document().body
        #expect(DocumentCodec.bytes(of: body) == DocumentCodec.encode(body).bytes, "seed \(seed)")
    }

    @Test("amounts of every size and number of decimals are written as they are shown")
    func amounts() throws {
        for code in ["JPY", "USD", "KWD", "CLF"] {
            let currency = try #require(Currency(code))
            for minor: Int64 in [0, 1, -1, 9, 10, 99, 100, -100, 12_345, -12_345, .max, .min + 1] {
                let body = SourceDocument.Body.payment(Payment(gateway: "card", amount: Money(minor: minor, currency), status: .success))
                #expect(DocumentCodec.bytes(of: body) == DocumentCodec.encode(body).bytes, "\(minor) \(code)")
            }
        }
    }

    @Test("texts of every length are written the same, with something to escape at any place")
    func texts() {
        for length in 0 ... 40 {
            for rough in ["a", "\"", "\\", "\u{0}", "\u{1f}", " ", "#", "!", "é", "\u{7f}", "\u{80}"] {
                for at in Set([0, 1, length / 2, max(length - 8, 0), max(length - 1, 0), length]) {
                    let text = String(repeating: "x", count: min(at, length)) + rough + String(repeating: "y", count: max(length - at, 0))
                    let body = SourceDocument.Body.payment(Payment(gateway: text, amount: Money(minor: 5, .usd), status: .pending, card: text))
                    #expect(DocumentCodec.bytes(of: body) == DocumentCodec.encode(body).bytes, "\(text)")
                }
            }
        }
    }

    @Test("a document larger than expected is written whole", arguments: [1, 100, 10_000, 100_000])
    func large(length: Int) {
        for text in [String(repeating: "é", count: length), String(repeating: "\u{1}", count: length), String(repeating: "x\"", count: length)] {
            var line = SaleLine(
                id: text, sku: text, title: text, quantity: .one, gross: Money(minor: .max, .usd), discount: nil, net: nil,
                taxes: [TaxPart(jurisdiction: text, rate: ExactDecimal(coefficient: Int128.max / 100, scale: 30), amount: Money(minor: 1, .usd))])
            line.group = text
            let body = SourceDocument.Body.sale(
                Sale(number: text, source: text, currency: .usd, taxIncluded: true, lines: [line], total: Money(minor: 1, .usd), poNumber: text))
            #expect(DocumentCodec.bytes(of: body) == DocumentCodec.encode(body).bytes)
        }
    }

    @Test("a pattern taken apart beforehand matches what `glob` matches")
    func patterns() {
        let texts = ["", "*", "S", "SKU-1", "SKU-10", "SKU-*", "SKU", "é", "été", "sku-10", "SKU-1*0"]
        for pattern in texts + ["*SKU*", "*1*", "*-*", "*é*", "*SKU-1*0*", "*SKU-1**", "**1", "* *", "*\u{301}*", "SKU-1*", "*1", "*U-*", "**", "SKU**", "S*-1*", "é*", "*é"] {
            for text in texts { #expect(Pattern(pattern).matches(text) == glob(pattern, text), "\(pattern) on \(text)") }
        }
    }

    @Test("lines are classified as the rules say one by one")
    func classes() {
        let rules = RuleSet(
            version: 1,
            rules: [
                Rule(name: "later", when: [.sku: "A*"], set: [.group: "late"], from: LocalDate(year: 2027, month: 1, day: 1)),
                Rule(name: "no place", when: [.location: "*"], set: [.group: "placed"]), Rule(name: "till", when: [.source: "pos", .title: "*mug*"], set: [.group: "till"]),
                Rule(name: "other", when: [.fee: "*"], set: [.group: "never"]), Rule(name: "a", when: [.sku: "A*"], set: [.group: "a"]), Rule(name: "rest", when: [:], set: [.group: "rest"]),
            ], reasonCodes: [])
        let mapper = Mapper(structure: AccountStructure(version: 1, accounts: [], taxCodes: [], houseCustomer: "h"), rules: rules, accounts: [])
        for (sku, title, source, location) in [("A1", "mug", "pos", nil), ("A1", "pot", "pos", nil), ("B", "pot", "shop", "Leeds"), ("B", "a mug!", "pos", nil), ("", "", "", nil)] {
            let line = SaleLine(
                id: "1", sku: sku, title: title, quantity: .one, gross: Money(minor: 1, .usd), discount: nil, net: nil, taxes: nil, location: location)
            for year in [2026, 2028] {
                guard let day = LocalDate(year: year, month: 5, day: 1) else { continue }
                var values: [Rule.Field: String] = [.sku: sku, .title: title, .source: source]
                if let location { values[.location] = location }
                let sale = Sale(number: "#1", source: source, currency: .usd, taxIncluded: false, lines: [line], total: Money(minor: 1, .usd))
                let document = SourceDocument(id: "D", caseID: "O", version: 1, at: Timestamp(seconds: 0), body: .sale(sale))
                guard case .sale(let mapped) = mapper.classify(document, on: day).body else { continue }
                #expect(mapped.lines[0].group == rules.first(.group, for: values, on: day)?.value)
            }
        }
    }
}
