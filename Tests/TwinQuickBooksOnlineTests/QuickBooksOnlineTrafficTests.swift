import Kernel
import TwinKit
import TwinQuickBooksOnline
import Testing
import Wire

/// Seeded random traffic: whatever is sent, the books balance and a restart gives the same company.
@Suite struct QuickBooksOnlineTrafficTests {
    private struct Traffic {
        let bench: QuickBooksOnlineBench
        let random: SeededRandom
        var accepted = 0
        var refused = 0

        func pick(_ bound: Int) -> Int { Int(random.number(below: UInt64(bound))) }
        func amount() -> String { "\(pick(200) - 20).\(pick(10))\(pick(10))" }

        func line() -> String {
            let tax = pick(2) == 0 ? "TAX" : "NON"
            let item = ["1", "SHIPPING_ITEM_ID", "2", "3", "99"][pick(5)]
            let detail = "ItemRef: {value: '\(item)'}, TaxCodeRef: {value: '\(tax)'}"
            return "{Amount: \(amount()), DetailType: 'SalesItemLineDetail', SalesItemLineDetail: {\(detail)}}"
        }

        func form() -> String {
            var lines = (0 ... pick(3)).map { _ in line() }
            if pick(3) == 0 {
                lines.append("{Amount: \(pick(30)), DetailType: 'DiscountLineDetail', DiscountLineDetail: {}}")
            }
            let tax = pick(2) == 0 ? "TxnTaxDetail: {TotalTax: \(pick(9)).\(pick(10))5}," : ""
            let day = 28 + pick(3)
            return """
                {DocNumber: 'n\(pick(60))', TxnDate: '2026-11-\(day)', CustomerRef: {value: '\(1 + pick(3))'}, \(tax)
                 DepositToAccountRef: {value: '\([34, 35, 40][pick(3)])'}, Line: [\(lines.joined(separator: ","))]}
                """
        }

        func journal() -> String {
            let cents = amount()
            let other = pick(5) == 0 ? amount() : cents
            let who = "Entity: {Type: 'Customer', EntityRef: {value: '\(1 + pick(2))'}}"
            let lines = [
                QuickBooksOnlineRuleTests.line("Debit", "\(31 + pick(20))", cents, who),
                QuickBooksOnlineRuleTests.line("Credit", "\(31 + pick(20))", other, who),
            ]
            return "{TxnDate: '2026-11-\(10 + pick(20))', Line: [\(lines.joined(separator: ","))]}"
        }

        func payment(_ ids: [String]) -> String {
            var links: [String] = []
            for _ in 0 ..< pick(3) {
                let type = ["Invoice", "CreditMemo", "JournalEntry"][pick(3)]
                let id = ids.isEmpty ? "9" : ids[pick(ids.count)]
                links.append("{Amount: \(pick(40)), LinkedTxn: [{TxnId: '\(id)', TxnType: '\(type)'}]}")
            }
            return
                "{CustomerRef: {value: '\(1 + pick(2))'}, TotalAmt: \(pick(90)), "
                + "Line: [\(links.joined(separator: ","))]}"
        }

        /// One call; ids of live documents are taken from the books.
        mutating func step() throws {
            let kinds = ["invoice", "creditmemo", "salesreceipt", "refundreceipt"]
            let ids = bench.twin.entries().map(\.id)
            let path: String
            let body: String
            switch pick(10) {
            case 0 ... 3: (path, body) = (kinds[pick(4)], form())
            case 4: (path, body) = ("journalentry", journal())
            case 5, 6: (path, body) = ("payment", payment(ids))
            case 7:
                let id = ids.isEmpty ? "1" : ids[pick(ids.count)]
                let operation = ["void", "delete"][pick(2)]
                let kind = (kinds + ["payment", "journalentry"])[pick(6)]
                path =
                    kind == "payment" && operation == "void"
                    ? "payment?operation=update&include=void" : "\(kind)?operation=\(operation)"
                body = "{Id: '\(id)', SyncToken: '\(pick(3))'}"
            case 8:
                let id = ids.isEmpty ? "1" : ids[pick(ids.count)]
                path = "invoice"
                body = "{Id: '\(id)', SyncToken: '\(pick(3))', sparse: true, Line: [\(line())]}"
            default:
                path = "batch?requestid=q\(pick(1000))"
                body =
                    "{BatchItemRequest: [{bId: '1', operation: 'create', Invoice: \(form())}, "
                    + "{bId: '2', operation: 'create', Payment: \(payment(ids))}]}"
            }
            let (status, _) = try bench.post(path, body)
            #expect(status == 200 || status == 400)
            if status == 200 { accepted += 1 } else { refused += 1 }
            bench.clocks.advance(by: .milliseconds(700))
        }
    }

    @Test("random traffic leaves balanced books that a restart gives back", arguments: [1, 2, 3, 4, 5] as [UInt64])
    func balanced(seed: UInt64) throws {
        let bench = try QuickBooksOnlineBench()
        _ = try bench.customer("A")
        _ = try bench.customer("B")
        _ = try bench.item("Mug", account: "40")
        _ = try bench.item("Gift card", account: "37")
        var traffic = Traffic(bench: bench, random: SeededRandom(seed: seed))
        for _ in 0 ..< 250 { try traffic.step() }
        #expect(traffic.accepted > 40 && traffic.refused > 40, "seed \(seed): \(traffic.accepted)/\(traffic.refused)")

        let entries = bench.twin.entries()
        for entry in entries {
            #expect(entry.lines.reduce(0) { $0 + $1.minor } == 0, "seed \(seed), document \(entry.id)")
            #expect(entry.live || entry.lines.isEmpty)
        }
        try checkBalances(bench, seed: seed)

        let later = try bench.restarted()
        for query in [
            "Invoice", "CreditMemo", "Payment", "JournalEntry", "SalesReceipt", "RefundReceipt", "Customer", "Account",
            "Item",
        ] {
            let text = "select * from \(query) maxresults 1000"
            #expect(try later.query(text) == bench.query(text), "seed \(seed), \(query)")
        }
        let again = later.twin.entries()
        #expect(again.map(\.id) == entries.map(\.id))
        #expect(again.map { $0.lines.map(\.minor) } == entries.map { $0.lines.map(\.minor) })
    }

    /// Open invoices less open credits, unapplied money and open journals is the receivable account's balance.
    private func checkBalances(_ bench: QuickBooksOnlineBench, seed: UInt64) throws {
        func cents(_ value: String) -> Int64 { Int64(ExactDecimal(value)?.rounded(toScale: 2).coefficient ?? 0) }
        func sum(_ entity: String, _ field: String) throws -> Int64 {
            let rows = try bench.query("select * from \(entity) maxresults 1000")["QueryResponse"]?[entity]?.array ?? []
            return rows.reduce(0) { $0 + cents($1.shown(field)) }
        }
        let receivable = bench.twin.entries().flatMap(\.lines).filter { $0.account == "1200" }.reduce(0) {
            $0 + $1.minor
        }
        #expect(try sum("Customer", "Balance") == receivable, "seed \(seed)")
        let invoices =
            try bench.query("select * from Invoice maxresults 1000")["QueryResponse"]?["Invoice"]?.array ?? []
        let payments =
            try bench.query("select * from Payment maxresults 1000")["QueryResponse"]?["Payment"]?.array ?? []
        for invoice in invoices {
            let id = invoice.shown("Id")
            let lines: [JSON] = payments.flatMap { (payment: JSON) -> [JSON] in payment["Line"]?.array ?? [] }
            var applied: Int64 = 0
            for line in lines where line.shown("LinkedTxn", "0", "TxnId") == id { applied += cents(line.shown("Amount")) }
            #expect(
                cents(invoice.shown("Balance")) == cents(invoice.shown("TotalAmt")) - applied,
                "seed \(seed), invoice \(id)")
            #expect(cents(invoice.shown("Balance")) >= 0)
        }
        for payment in payments { #expect(cents(payment.shown("UnappliedAmt")) >= 0) }
    }

    @Test("a document's changes reach the journal as one line, so a crash keeps all of them or none")
    func atomic() throws {
        let bench = try QuickBooksOnlineBench()
        _ = try bench.customer()
        let id = try bench.make("Invoice", QuickBooksOnlineRuleTests.invoice()).shown("Id")
        var before = 0
        try bench.journal.replay { _ in before += 1 }
        _ = try bench.post("payment?requestid=p1", QuickBooksOnlineBooksTests.payment("100", [("100", "Invoice", id)]))
        var after: [JSON] = []
        try bench.journal.replay { after.append($0) }
        #expect(after.count == before + 1)
        #expect(after.last?.shown("t") == "Commit")
    }
}
