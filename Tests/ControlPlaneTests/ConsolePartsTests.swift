import Kernel
import Testing
import Wire

@testable import ControlPlane

@Suite("parts of the console's pages") struct ConsolePartsTests {
    @Test("what is put into markup is escaped, once, unless it is markup itself") func escaping() {
        let outside = "<b title='x'>\"&\u{1}", inner: HTML = "<i>\(outside)</i>", none: HTML? = nil
        let page: HTML = "<p>\(inner)\(none)\([inner, inner])\(7)\("<hr>" as HTML, if: false)\("<br>" as HTML, if: true)</p>"
        let shown = "<i>&lt;b title=&#39;x&#39;&gt;&quot;&amp; </i>"
        #expect(page.text == "<p>\(shown)\(shown)\(shown)7<br></p>")
        var pieces = HTML()
        pieces.tag("<i>")
        pieces.say(outside)
        pieces.tag("</i>")
        #expect(pieces.text == shown)
    }

    @Test("figures have their thousands apart, and lose no digit", arguments: [
        ("1234567.89 EUR", "1,234,567.89\u{A0}EUR"), ("-0.05 USD", "−0.05\u{A0}USD"), ("12 JPY", "12\u{A0}JPY"), ("order 5", "order 5"), ("", ""),
    ]) func amounts(_ text: String, _ shown: String) { #expect(Prose.amount(text) == shown) }

    @Test("amounts in minor units are written in their currency's places") func minor() {
        #expect(Prose.amount(123_450, "EUR") == "1,234.50\u{A0}EUR")
        #expect(Prose.amount(-5, "JPY") == "−5\u{A0}JPY")
        #expect(Prose.amount(5, "???") == "5 ??? minor units")
        #expect(Prose.count(-1_234_567) == "−1,234,567")
        #expect(Prose.count(.min) == "−9,223,372,036,854,775,808")
        #expect(Prose.some(1, "posting") == "1 posting")
        #expect(Prose.some(1_000, "posting") == "1,000 postings")
    }

    @Test("times are shown short and kept exact; what is no time is said to be never") func times() {
        #expect(Prose.time("2026-11-22T14:05:07.123456Z").text == "<time datetime=\"2026-11-22T14:05:07.123456Z\">22 Nov 14:05</time>")
        #expect(Prose.time("").text.contains("never"))
        let now = Timestamp(rfc3339: "2026-11-22T14:05:07Z") ?? Timestamp(seconds: 0)
        #expect(Prose.ago("2026-11-22T14:00:07Z", now: now).text.contains("5 min ago"))
        #expect(Prose.ago("2026-11-22T15:00:07Z", now: now).text.contains("0 s ago"))
    }

    @Test("a scale is round and holds its most", arguments: [(0, 4), (4, 4), (5, 8), (41, 80), (250, 400), (2_001, 4_000), (999_999, 1_200_000)])
    func scale(_ most: Int, _ top: Int) {
        #expect(Charts.scale(most) == top)
        #expect(Charts.scale(most) >= most)
    }

    @Test("rules as they are shown in the editor say what they said, member by member") func pretty() throws {
        let rules: JSON = [
            "reason_codes": ["damaged", "a \"quoted\" one"],
            "rules": [["name": "homeware", "when": ["sku": "HOM-*"], "set": ["group": "homeware"]], ["name": "x", "when": ["fee": "restocking"], "set": ["account": "4110"]]],
        ]
        let text = RulesPage.pretty(rules)
        #expect(try JSON(parsing: Array(text.utf8)).bytes == rules.bytes)
        #expect(text.contains("\n    {\"name\": \"homeware\", \"when\": {\"sku\": \"HOM-*\"}, \"set\": {\"group\": \"homeware\"}},\n"))
        #expect(RulesPage.pretty(.object([])) == "{}")
    }

    @Test("ids in addresses are ours or nobody's", arguments: [("0123456789abcdef", true), ("a/../b", false), ("a?b", false), ("A", false), ("", false), ("a%2f", false)])
    func ids(_ text: String, _ good: Bool) { #expect(Clerk.isID(text) == good) }
}
