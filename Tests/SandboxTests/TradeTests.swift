import Crypto
import Kernel
import Testing
import TwinFreeAgent
import TwinKit
import TwinSquare
import TwinStripe
import TwinWooCommerce
import Wire

@testable import Sandbox

@Suite("Trade at the mixed businesses") struct TradeTests {
    private static let noon = Timestamp(rfc3339: "2026-11-20T20:00:00Z") ?? Timestamp(seconds: 0)

    private static let nowhen = Zone.utc.date(of: Timestamp(seconds: 0))

    private static func twins() throws -> [String: any SourceTwin] {
        func journal() -> TwinJournal { TwinJournal(inMemory: []) }
        return [
            "stripe": try StripeTwin(journal: journal(), random: SeededRandom(seed: 1)),
            "square": try SquareTwin(journal: journal(), limits: .rehearsal, retries: .rehearsal, random: SeededRandom(seed: 2)),
            "woocommerce": try WooCommerceTwin(journal: journal(), random: SeededRandom(seed: 3)),
        ]
    }

    private static func played(_ seed: UInt64, _ twins: [String: any SourceTwin], steps: Int = 60) throws -> TradeWorld {
        var world = TradeWorld(seed: seed)
        for n in 0 ..< steps { try world.step(twins, at: noon + .seconds(n)) }
        return world
    }

    /// The books that a ledger would have if all of it was posted once.
    private static func books(_ entries: [TradeEntry]) -> [String: [LedgerEntry]] {
        var out: [String: [LedgerEntry]] = [:]
        for (n, entry) in entries.enumerated() {
            let lines = entry.sums.map { (account: $0.key, minor: $0.value, baseMinor: $0.value) }
            out[entry.business.ledger, default: []].append(
                LedgerEntry(
                    id: "\(n)", kind: "journal", reference: "cf:0123456789abcdef \(entry.reference)", key: "",
                    date: LocalDate(entry.day ?? "2026-11-24") ?? nowhen,
                    currency: "USD", lines: lines, live: true))
        }
        return out
    }

    private static func verdict(_ entries: [TradeEntry], _ books: [String: [LedgerEntry]]) -> [String: Int] {
        let json = TradeJudge(expected: entries, books: books, paidOut: [:]).verdict()
        return Dictionary(uniqueKeysWithValues: ["lost", "doubled", "altered", "unexpected", "unexplained_minor"].map { ($0, json[$0]?.int ?? -1) })
    }

    @Test("whatever happens, each document balances, and the same seed leads to the same sums", arguments: [1, 2, 3] as [UInt64]) func balanced(seed: UInt64)
        throws
    {
        let world = try Self.played(seed, try Self.twins())
        #expect(world.entries.count > 90)
        #expect(world.entries.allSatisfy { $0.sums.values.reduce(0, +) == 0 && !$0.sums.isEmpty })
        #expect(Set(world.entries.map { "\($0.business) \($0.reference)" }).count == world.entries.count, "each document has a reference of its own")
        #expect(Set(world.entries.map(\.business)) == Set(TradeBusiness.allCases))
        let again = try Self.played(seed, try Self.twins())
        #expect(again.entries.map(\.sums) == world.entries.map(\.sums))
    }

    @Test("what is paid out is what the processors' own books say") func paidOut() throws {
        let twins = try Self.twins()
        var world = try Self.played(9, twins)
        try world.close(twins, at: Self.noon + .seconds(600))
        let payouts = world.entries.filter { $0.reference.hasPrefix("payout po_") }
        #expect(payouts.count >= 3)
        for source in ["stripe", "square"] {
            let banked = payouts.filter { $0.business.source == source }.reduce(Int64(0)) { $0 + ($1.sums[$1.business.accounts.bank] ?? 0) }
            let told = try #require(twins[source]).expectedMoney().filter { $0.kind == .payout }.reduce(Int64(0)) { $0 + $1.minor }
            #expect(banked > 0 && banked == -told)
        }
    }

    @Test("the judge sees what is lost, doubled, changed, dated otherwise and never called for") func judge() throws {
        let entries = try Self.played(4, try Self.twins(), steps: 30).entries
        let whole = Self.books(entries)
        #expect(Self.verdict(entries, whole) == ["lost": 0, "doubled": 0, "altered": 0, "unexpected": 0, "unexplained_minor": 0])
        for ledger in whole.keys {
            var books = whole
            let all = try #require(whole[ledger])
            let gone = all[0]
            books[ledger] = Array(all.dropFirst())
            #expect(Self.verdict(entries, books)["lost"] == 1 && Self.verdict(entries, books)["unexplained_minor"] != 0)
            books[ledger]?.append(gone)
            books[ledger]?.append(gone)
            #expect(Self.verdict(entries, books)["doubled"] == 1 && Self.verdict(entries, books)["unexplained_minor"] != 0)
            books[ledger]?[0].lines[0].minor += 1
            #expect(Self.verdict(entries, books)["altered"] == 1)
            books = whole
            books[ledger]?[0].date = LocalDate("2026-11-01") ?? Self.nowhen
            #expect(Self.verdict(entries, books)["altered"] == (entries.first { $0.business.ledger == ledger }?.day == nil ? 0 : 1))
            books = whole
            books[ledger]?[0].reference = "cf:0123456789abcdef order 0"
            #expect(Self.verdict(entries, books)["unexpected"] == 1 && Self.verdict(entries, books)["lost"] == 1)
            books = whole
            books[ledger]?[0].live = false
            #expect(Self.verdict(entries, books)["lost"] == 1, "what is void counts for nothing")
        }
        let apart = TradeJudge(expected: entries, books: whole, paidOut: ["stripe": 1]).verdict()
        #expect(apart["unexplained_minor"]?.int == 1, "the processor paid out what no ledger has")
    }

    /// Somebody with FreeAgent's keys writes there what one order leads to.
    private static func order(in twin: FreeAgentTwin, number: String, prices: [(price: String, rate: String)]) throws {
        let at = "https://api.freeagent.com/v2/"
        let basic = "Basic " + Base64.encode(Array("\(FreeAgentTwin.clientID):\(FreeAgentTwin.clientSecret)".utf8))
        let form = "grant_type=refresh_token&refresh_token=\(FreeAgentTwin.refreshToken)"
        let token = try JSON(parsing: twin.respond(
            HTTPRequest(.post, "/v2/token_endpoint", fields: ["Authorization": basic], body: Array(form.utf8)), at: noon).body)["access_token"]?.string ?? ""
        func call(_ method: HTTPMethod, _ path: String, _ body: JSON?) throws -> String {
            let fields: HTTPFields = ["Authorization": "Bearer " + token, "User-Agent": "desk", "Content-Type": "application/json"]
            let answer = twin.respond(HTTPRequest(method, "/v2/" + path, fields: fields, body: body?.bytes ?? []), at: noon)
            try #require((200 ..< 300).contains(answer.status), "\(answer.bodyText)")
            return answer.fields["Location"] ?? ""
        }
        let items = prices.map { line -> JSON in
            [
                "description": "Bowl", "item_type": "Products", "quantity": "1", "price": .string(line.price), "sales_tax_rate": .string(line.rate),
                "category": .string(at + "categories/010"),
            ]
        }
        let invoice: JSON = [
            "contact": .string(at + "contacts/1"), "dated_on": "2026-11-20", "payment_terms_in_days": 0, "reference": "0123456789abcdef",
            "po_reference": .string("order \(number)"), "invoice_items": .array(items),
        ]
        let made = try call(.post, "invoices", ["invoice": invoice])
        _ = try call(.put, "invoices/\(made.split(separator: "/").last ?? "")/transitions/mark_as_sent", nil)
        let money: JSON = [
            "bank_account": .string(at + "bank_accounts/4"), "dated_on": "2026-11-20", "gross_value": "9.99", "paid_invoice": .string(made),
            "description": .string("cf:fedcba9876543210 1/1 transaction ch_\(number) | Card"),
        ]
        _ = try call(.post, "bank_transaction_explanations", ["bank_transaction_explanation": money])
    }

    @Test("the judge reads FreeAgent's own books: an invoice by the order that it names, money by its words, tax to the cent") func freeAgent() throws {
        let a = TradeBusiness.banksidePots.accounts
        let expected = [
            TradeEntry(business: .banksidePots, reference: "order 7", day: "2026-11-20", sums: [a.receivable: 999, a.sales: -833, a.tax: -166]),
            TradeEntry(business: .banksidePots, reference: "transaction ch_7", day: "2026-11-20", sums: [a.clearing: 999, a.receivable: -999]),
        ]
        // By rate alone it is a cent of tax more; two lines that come to nothing take it off.
        let mended = [("8.33", "20"), ("-0.05", "20"), ("0.05", "0")]
        for (prices, altered) in [(mended, 0), ([("8.33", "20")], 1)] {
            let twin = try FreeAgentTwin(journal: TwinJournal(inMemory: []), random: SeededRandom(seed: 5))
            try Self.order(in: twin, number: "7", prices: prices)
            let verdict = Self.verdict(expected, ["freeagent": twin.entries()])
            #expect(verdict["lost"] == 0 && verdict["doubled"] == 0 && verdict["unexpected"] == 0)
            #expect(verdict["altered"] == altered)
        }
    }

    @Test("what a document is about is read behind the key, and behind the part that is told") func references() {
        #expect(Judge.sourceReference("cf:0123456789abcdef 1/2 order 7 | Card") == "order 7")
        #expect(Judge.sourceReference("cf:0123456789abcdef order 7") == "order 7")
        #expect(Judge.sourceReference("cf:0123456789abcdef refund 1/x") == "refund 1/x")
        #expect(Judge.sourceReference("1/2 order 7") == "1/2 order 7")
    }

    private static let cafe = [
        "01/02/2026,CF003001-01 1200 Accounts receivable: order ch_1abc,-250.00", "01/02/2026,CF003001-02 4000 Sales: order ch_1abcdef,250.00",
        "01/02/2026,CF003002-01 1200 Accounts receivable: transaction ch,250.00", "01/03/2026,CF003003-01 1000 Checking: payout po_1,-242.45",
        "01/03/2026,CF003003-02 6200 Card fees: payout po_1,-7.55", "01/04/2026,CF003004-01 4910 \"Returns, all\": reversal of refund re_1,10.00",
    ]

    @Test("rows of a bank account are the account's own and the one that each names; a name that is cut is found again, and a sign or a row that is off shows") func bankRows() throws {
        let a = TradeBusiness.cornerCafe.accounts
        func entry(_ reference: String, _ day: String, _ sums: [String: Int64]) -> TradeEntry {
            TradeEntry(business: .cornerCafe, reference: reference, day: day, sums: sums)
        }
        let expected = [
            entry("order ch_1abcdef", "2026-01-02", [a.receivable: 25_000, a.sales: -25_000]),
            entry("transaction ch_1abcdef", "2026-01-02", [a.clearing: 25_000, a.receivable: -25_000]),
            entry("payout po_1", "2026-01-03", [a.bank: 24_245, a.fees: 755, a.clearing: -25_000]),
            entry("refund re_1", "2026-01-04", [a.returns: -1_000, a.clearing: 1_000]),
        ]
        func verdict(_ rows: [String]) throws -> [String: Int] {
            let text = (["Post Date,Description,Amount"] + rows).joined(separator: "\r\n")
            return Self.verdict(expected, [TradeBusiness.paper: try PaperJournal.readBankRows(text, of: a.clearing, known: expected.map(\.reference))])
        }
        let right = try verdict(Self.cafe)
        #expect(right == ["lost": 0, "doubled": 0, "altered": 0, "unexpected": 0, "unexplained_minor": 0])
        let turned = try verdict(Self.cafe.map { $0.replacing("payout po_1,-7.55", with: "payout po_1,7.55") })
        #expect(turned["altered"] == 1 && turned["unexplained_minor"] == 3_020)
        #expect(try verdict(Self.cafe.filter { !$0.contains("Sales") })["altered"] == 1, "a leg that is left out")
        #expect(try verdict(Self.cafe + ["01/02/2026,CF004001-01 4000 Sales: order ch_1abcdef,250.00"])["doubled"] == 1)
        for bad in [
            "01/02/2026,CF003005-01 1200 Accounts receivable: ,1.00", "13/02/2026,CF003005-01 1200 R: order x,1.00", "01/02/2026,CF003005-01 1200 R: order x,1.001",
            "01/02/2026,CF003001-03 1200 R: order y,1.00", "01/02/2026,CF003005 nothing,1.00", "01/02/2026,CF003005-01: order x,1.00",
        ] {
            #expect(throws: Fault.self, "\(bad)") { try verdict(Self.cafe + [bad]) }
        }
        #expect(throws: Fault.self) { try PaperJournal.readBankRows("journal_ref,line_no\r\n", of: "1010", known: []) }
    }

    private static let head = "journal_ref,line_no,date,account_code,account_name,debit,credit,currency,source_type,source_ref\r\n"

    @Test("a file of journals is read as it is, quotes and all; one that does not balance is refused") func paper() throws {
        let text =
            Self.head + "k1,1,2026-11-20,1200,\"Receivable, trade\",12.30,,USD,invoice,ch_1\r\nk1,2,2026-11-20,4000,Sales,,12.30,USD,invoice,ch_1\r\n"
            + "k2,1,2026-11-20,1010,Clearing,5,,USD,refund_payment,re_1/T1\r\nk2,2,2026-11-20,1200,Receivable,,5.00,USD,refund_payment,re_1/T1\r\n"
        let read = try PaperJournal.read(text)
        #expect(read.map(\.reference) == ["order ch_1", "transaction re_1"])
        #expect(read[0].lines.map(\.account) == ["1200", "4000"] && read[0].lines.map(\.minor) == [1230, -1230])
        for bad in [
            "", Self.head + "k1,1,2026-11-20,1200,R,12.30,,USD,invoice,ch_1\r\n", Self.head + "k1,1,2026-11-20,1200,R,1.234,,USD,invoice,ch_1\r\n",
            Self.head + "k1,1,today\r\n",
        ] {
            #expect(throws: Fault.self) { try PaperJournal.read(bad) }
        }
    }
}
