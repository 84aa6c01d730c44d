import Kernel
import Testing
import TwinKit
import Wire

@testable import Sandbox

@Suite("The judge")
struct DayJudgeTests {
    private let day = LocalDate(daysSince1970: 20_771)

    private func expectedSale(_ ref: String, effect: ExpectedEntry.Effect = .posted, check: String? = nil)
        -> ExpectedEntry
    {
        ExpectedEntry(
            ledger: "qbo", ref: ref, kind: "invoice", date: day, currency: "USD",
            lines: [.init(account: "1200", minor: 5000), .init(account: "4010", minor: -5000)], effect: effect,
            check: check)
    }

    private func expectedPayment(_ ref: String) -> ExpectedEntry {
        ExpectedEntry(
            ledger: "qbo", ref: ref, kind: "payment", date: day, currency: "USD",
            lines: [.init(account: "2310", minor: 5000), .init(account: "1200", minor: -5000)], effect: .posted)
    }

    private func document(
        _ ref: String, id: String = "1", kind: String = "invoice", minor: Int64 = 5000, date: LocalDate? = nil,
        currency: String = "USD",
        accounts: (String, String) = ("1200", "4010"), live: Bool = true
    ) -> LedgerEntry {
        LedgerEntry(
            id: id, kind: kind, reference: "cf:0123456789abcdef \(ref) | a note", key: "0123456789abcdef",
            date: date ?? day,
            currency: currency, lines: [(accounts.0, minor, minor), (accounts.1, -minor, -minor)], live: live)
    }

    private func verdict(_ expected: [ExpectedEntry], _ entries: [LedgerEntry]) -> JSON {
        Judge(expected: expected, books: [("qbo", entries), ("xero", [])]).verdict()
    }

    private func figures(_ verdict: JSON) -> [Int?] {
        ["lost", "doubled", "unexplained_minor", "unexpected", "altered"].map { verdict[$0]?.int }
    }

    @Test("books that are as expected are clean, and a voided document does not count")
    func clean() {
        let verdict = verdict(
            [expectedSale("order 1"), expectedPayment("transaction 2")],
            [
                document("order 1"), document("order 1", id: "2", live: false),
                document("transaction 2", id: "3", kind: "journal", accounts: ("2310", "1200")),
            ])
        #expect(verdict["clean"]?.bool == true)
        #expect(figures(verdict) == [0, 0, 0, 0, 0])
        #expect(verdict.member("expected", "qbo")?.int == 2)
        #expect(verdict.member("live", "qbo")?.int == 2)
    }

    @Test("a document that is missing is lost, and its amounts are unexplained on both accounts")
    func lost() {
        let verdict = verdict([expectedSale("order 1")], [])
        #expect(figures(verdict) == [1, 0, 10_000, 0, 0])
        #expect(verdict["lost_list"]?[0]?["ref"]?.string == "order 1")
        #expect(verdict["clean"]?.bool == false)
    }

    @Test("a document that is there twice is doubled")
    func doubled() {
        let verdict = verdict([expectedSale("order 1")], [document("order 1"), document("order 1", id: "2")])
        #expect(figures(verdict) == [0, 1, 10_000, 0, 0])
        #expect(verdict["doubled_list"]?[0]?["ids"]?.array?.count == 2)
    }

    @Test("a cent too much is seen, twice: by document and by sum")
    func altered() {
        let verdict = verdict([expectedSale("order 1")], [document("order 1", minor: 5001)])
        #expect(figures(verdict) == [0, 0, 2, 0, 1])
    }

    @Test("two errors that cancel out in one account are still seen by document")
    func cancellingErrors() {
        let verdict = verdict(
            [expectedSale("order 1"), expectedSale("order 2")],
            [document("order 1", minor: 5001), document("order 2", id: "2", minor: 4999)])
        #expect(figures(verdict) == [0, 0, 0, 0, 2])
        #expect(verdict["clean"]?.bool == false)
    }

    @Test("a document of another day does not net against its own")
    func misdated() {
        let verdict = verdict([expectedSale("order 1")], [document("order 1", date: day.adding(days: 1))])
        #expect(figures(verdict) == [0, 0, 20_000, 0, 1])
        #expect(verdict["altered_list"]?[0]?["differs"]?.string?.hasPrefix("date 2026-11-15") == true)
    }

    @Test("a document on the wrong account, or in the wrong currency, is unexplained")
    func misposted() {
        #expect(
            figures(verdict([expectedSale("order 1")], [document("order 1", accounts: ("1200", "4020"))])) == [
                0, 0, 10_000, 0, 1,
            ])
        #expect(
            figures(verdict([expectedSale("order 1")], [document("order 1", currency: "EUR")])) == [0, 0, 20_000, 0, 1])
    }

    @Test("a document nobody knows is unexplained; one of a known reference in another form is a double")
    func unexpected() {
        #expect(figures(verdict([], [document("order 9")])) == [0, 0, 10_000, 1, 0])
        let second = verdict(
            [expectedSale("order 1")], [document("order 1"), document("order 1", id: "2", kind: "sales_receipt")])
        #expect(figures(second) == [0, 1, 10_000, 1, 0])
    }

    @Test("a document that ought to be held, or never posted, is unexpected when it is live")
    func held() {
        let held = expectedSale("order 1", effect: .held, check: "closed_period")
        #expect(figures(verdict([held], [])) == [0, 0, 0, 0, 0])
        #expect(verdict([held], [])["held_expected"]?[0]?["check"]?.string == "closed_period")
        #expect(figures(verdict([held], [document("order 1")])) == [0, 0, 10_000, 1, 0])
        let none = expectedSale("order 1", effect: .none)
        #expect(figures(verdict([none], [document("order 1")])) == [0, 0, 10_000, 1, 0])
        #expect(figures(verdict([none], [document("order 1", live: false)])) == [0, 0, 0, 0, 0])
    }

    @Test(
        "a reference is read out of what the ledger stores",
        arguments: [
            ("cf:0123456789abcdef order 61 | free text", "order 61"),
            ("cf:0123456789abcdef order 61 edit 2", "order 61 edit 2"),
            ("order 61", "order 61"), ("cf:0123456789abcdef", ""), ("", ""),
        ])
    func references(stored: String, reference: String) { #expect(Judge.sourceReference(stored) == reference) }

    @Test("a whole day posted exactly as expected is clean, and one changed cent in it is not")
    func wholeDay() throws {
        let shops = try ShopifyTwin.shops()
        let expected = try DayGenerator(seed: 4, orders: 200).day().flatMap { day in
            ExpectedBooks(day, shop: day.shop == "prairie-goods" ? shops[0] : shops[1]).entries()
        }
        func books(_ ledger: String) -> [LedgerEntry] {
            expected.filter { $0.ledger == ledger && $0.effect == .posted }.enumerated().map { index, entry in
                LedgerEntry(
                    id: "\(index)", kind: entry.kind, reference: "cf:0123456789abcdef \(entry.ref)",
                    key: "0123456789abcdef", date: entry.date, currency: entry.currency,
                    lines: entry.lines.map { ($0.account, $0.minor, $0.minor) }, live: true)
            }
        }
        var american = books("qbo")
        let clean = Judge(expected: expected, books: [("qbo", american), ("xero", books("xero"))]).verdict()
        #expect(clean["clean"]?.bool == true)
        #expect(figures(clean) == [0, 0, 0, 0, 0])
        american[5].lines[0].minor += 1
        let changed = Judge(expected: expected, books: [("qbo", american), ("xero", books("xero"))]).verdict()
        #expect(figures(changed) == [0, 0, 1, 0, 1])
    }
}
