import Books
import ConnectorKit
import Kernel
import Testing
import Wire

@testable import QuickBooksOnline

@Suite("Looking up and reading back")
struct FindTests {
    let connector = Desk.connector

    static let invoice = """
        {"QueryResponse":{"Invoice":[{"domain":"QBO","sparse":false,"Id":"145","SyncToken":"1","DocNumber":"k7q2m9x4wz3r8t01",
         "TxnDate":"2026-11-14","CurrencyRef":{"value":"USD","name":"United States Dollar"},"CustomerRef":{"value":"58"},
         "Line":[{"Id":"1","LineNum":1,"Amount":40.00,"DetailType":"SalesItemLineDetail","SalesItemLineDetail":{"ItemRef":{"value":"19"}}},
          {"Amount":5,"DetailType":"SalesItemLineDetail","SalesItemLineDetail":{"ItemRef":{"value":"20"}}},
          {"Amount":45.00,"DetailType":"SubTotalLineDetail","SubTotalLineDetail":{}}],
         "TxnTaxDetail":{"TotalTax":3.28,"TaxLine":[{"Amount":3.28,"DetailType":"TaxLineDetail"}]},
         "TotalAmt":48.28,"Balance":48.28,"PrivateNote":"cf:k7q2m9x4wz3r8t01 order 6120034117000"}],"startPosition":1,"maxResults":1}}
        """

    private func queries(_ calls: [Call]) -> [String] { calls.compactMap { $0.request.query("query") } }

    @Test("an invoice is found by its number and reads back as it was meant")
    func invoice() throws {
        let exchange = connector.find([Desk.invoice()], Desk.facts)
        let (ending, calls) = Desk.play(exchange, [Desk.answer(Self.invoice)])
        #expect(
            queries(calls) == [
                "select * from Invoice where DocNumber in ('k7q2m9x4wz3r8t01') startposition 1 maxresults 1000"
            ])
        #expect(calls[0].cost == ["minute": 1, "second": 1, "reads": 1])
        guard case .finished(let found) = ending else {
            Issue.record("unfinished")
            return
        }
        var meant = connector.meant(Desk.invoice())
        meant.remoteID = "145"
        meant.version = "1"
        meant.open_minor = 4_828
        #expect(found == [Desk.key(1): meant])
        #expect(meant.accounts == ["item:19": -4_000, "item:20": -500])
        #expect(meant.tax_minor == 328)
    }

    @Test("nothing found is an answer; an answer that can't be read is not")
    func nothing() throws {
        let exchange = connector.find([Desk.invoice()], Desk.facts)
        #expect(try Desk.finished(exchange, [Desk.answer(#"{"QueryResponse":{},"time":"x"}"#)]).isEmpty)
        for text in [
            #"{"time":"x"}"#, #"{"QueryResponse":[]}"#, #"{"QueryResponse":{"Invoice":{}}}"#,
            #"{"QueryResponse":null}"#,
        ] {
            guard case .failed(let fault) = Desk.play(exchange, [Desk.answer(text)]).ending else {
                Issue.record("\(text) counted as nothing there")
                continue
            }
            #expect(fault.code == "unreadable_answer")
        }
    }

    @Test("a document of ours that can't be read does not count as missing")
    func unreadable() {
        for change in [
            ("48.28,\"Balance\"", "48.285,\"Balance\""), ("48.28,\"Balance\"", "1e30,\"Balance\""),
            ("\"Id\":\"145\",", ""),
        ] {
            let text = Self.invoice.replacing(change.0, with: change.1)
            #expect(text != Self.invoice)
            guard case .failed = Desk.play(connector.find([Desk.invoice()], Desk.facts), [Desk.answer(text)]).ending
            else {
                Issue.record("\(change) was read")
                continue
            }
        }
    }

    @Test(
        "another item, amount, account or kind of line shows as a difference",
        arguments: [
            (#""ItemRef":{"value":"19"}"#, #""ItemRef":{"value":"33"}"#), ("\"Amount\":5,", "\"Amount\":6,"),
            (#"{"Amount":5,"DetailType":"SalesItemLineDetail""#, #"{"Amount":5,"DetailType":"GroupLineDetail""#),
            ("\"TotalTax\":3.28", "\"TotalTax\":3.29"),
            ("\"CustomerRef\":{\"value\":\"58\"}", "\"CustomerRef\":{\"value\":\"59\"}"),
            ("\"TxnDate\":\"2026-11-14\"", "\"TxnDate\":\"2026-11-15\""), ("\"TotalAmt\":48.28", "\"TotalAmt\":0"),
        ])
    func differences(_ from: String, _ to: String) throws {
        let text = Self.invoice.replacing(from, with: to)
        #expect(text != Self.invoice)
        let found = try Desk.finished(connector.find([Desk.invoice()], Desk.facts), [Desk.answer(text)])
        var seen = try #require(found[Desk.key(1)])
        seen.remoteID = ""
        seen.version = nil
        #expect(seen != connector.meant(Desk.invoice()))
    }

    @Test("payments are asked for by day and amount, and known by their number")
    func payments() throws {
        let answer = Desk.answer(
            """
            {"QueryResponse":{"Payment":[
             {"Id":"11","SyncToken":"0","TotalAmt":48.28,"PaymentRefNum":"someone else","TxnDate":"2026-11-14"},
             {"Id":"12","SyncToken":"0","TotalAmt":48.28,"PaymentRefNum":"k7q2m9x4wz3r8t02","TxnDate":"2026-11-14",
              "CustomerRef":{"value":"58"},"CurrencyRef":{"value":"USD"},"DepositToAccountRef":{"value":"A1310"},
              "Line":[{"Amount":48.28,"LinkedTxn":[{"TxnId":"145","TxnType":"Invoice"}]}]}]}}
            """)
        let (ending, calls) = Desk.play(connector.find([Desk.payment()], Desk.facts), [answer])
        #expect(queries(calls)[0].contains("from Payment where TxnDate = '2026-11-14' and TotalAmt = '48.28' orderby"))
        guard case .finished(let found) = ending else {
            Issue.record("unfinished")
            return
        }
        var meant = connector.meant(Desk.payment())
        meant.remoteID = "12"
        meant.version = "0"
        #expect(found == [Desk.key(2): meant])
        #expect(meant.accounts == ["deposit:A1310": 4_828])
    }

    @Test("a payment that pays another invoice, a part of one, two of them, something else or nothing shows as a difference", arguments: [
        (#"[{"Amount":48.28,"LinkedTxn":[{"TxnId":"146","TxnType":"Invoice"}]}]"#, "146"),
        (#"[{"Amount":40,"LinkedTxn":[{"TxnId":"145","TxnType":"Invoice"}]}]"#, "Invoice 145 4000"),
        (
            #"[{"Amount":40,"LinkedTxn":[{"TxnId":"145","TxnType":"Invoice"}]},{"Amount":8.28,"LinkedTxn":[{"TxnId":"146","TxnType":"Invoice"}]}]"#,
            "Invoice 145 4000, Invoice 146 828"
        ),
        (#"[{"Amount":48.28,"LinkedTxn":[{"TxnId":"145","TxnType":"JournalEntry"}]}]"#, "JournalEntry 145 4828"),
        ("[]", ""),
    ])
    func paysAnother(lines: String, seen: String) throws {
        let text = """
            {"QueryResponse":{"Payment":[{"Id":"12","SyncToken":"0","TotalAmt":48.28,"PaymentRefNum":"k7q2m9x4wz3r8t02","TxnDate":"2026-11-14",
              "CustomerRef":{"value":"58"},"CurrencyRef":{"value":"USD"},"DepositToAccountRef":{"value":"A1310"},"Line":\(lines)}]}}
            """
        let found = try Desk.finished(connector.find([Desk.payment()], Desk.facts), [Desk.answer(text)])
        #expect(found[Desk.key(2)]?.appliesTo == seen)
        #expect(connector.meant(Desk.payment()).appliesTo == "145")
    }

    @Test("many amounts of one day are one question, and a payment whose id is known is asked for by it")
    func manyPayments() {
        let some = (0 ..< 9).map { Desk.payment($0, "1\($0).00") }
        let first = Desk.play(connector.find(some, Desk.facts), []).calls
        #expect(queries(first)[0].contains("where TxnDate = '2026-11-14' orderby"))
        let known = Desk.play(connector.find([Desk.payment(2, remoteID: "12")], Desk.facts), []).calls
        #expect(queries(known)[0].contains("where Id in ('12')"))
    }

    @Test("a full page is followed by the next one")
    func pages() throws {
        let row = #"{"Id":"1","TotalAmt":1,"PaymentRefNum":"x"}"#
        let full = Desk.answer(
            #"{"QueryResponse":{"Payment":[\#(Array(repeating: row, count: 1_000).joined(separator: ","))]}}"#)
        let last = Desk.answer(
            #"{"QueryResponse":{"Payment":[{"Id":"12","TotalAmt":48.28,"PaymentRefNum":"k7q2m9x4wz3r8t02"}]}}"#)
        let (ending, calls) = Desk.play(connector.find([Desk.payment()], Desk.facts), [full, last])
        #expect(queries(calls).map { $0.hasSuffix("startposition 1001 maxresults 1000") } == [false, true])
        guard case .finished(let found) = ending else {
            Issue.record("unfinished")
            return
        }
        #expect(found[Desk.key(2)]?.remoteID == "12")
    }

    @Test("a list without end is given up")
    func endless() {
        let row = #"{"Id":"1","PaymentRefNum":"x"}"#
        let full = Desk.answer(
            #"{"QueryResponse":{"Payment":[\#(Array(repeating: row, count: 1_000).joined(separator: ","))]}}"#)
        let (ending, calls) = Desk.play(
            connector.find([Desk.payment()], Desk.facts), Array(repeating: full, count: 300))
        #expect(calls.count == QuickBooksLimits.pages)
        guard case .failed = ending else {
            Issue.record("went on")
            return
        }
    }

    @Test("a key survives in the note where somebody changed the number, and the live one of two counts")
    func doubles() throws {
        let answer = Desk.answer(
            """
            {"QueryResponse":{"Invoice":[
             {"Id":"9","SyncToken":"2","DocNumber":"k7q2m9x4wz3r8t01","TotalAmt":0,"PrivateNote":"Voided"},
             {"Id":"10","SyncToken":"0","DocNumber":"INV-7","TotalAmt":48.28,"PrivateNote":"cf:k7q2m9x4wz3r8t01 order 1"},
             {"Id":"11","SyncToken":"0","DocNumber":"k7q2m9x4wz3r8t01","TotalAmt":48.28}]}}
            """)
        let found = try Desk.finished(connector.find([Desk.invoice()], Desk.facts), [answer])
        #expect(found[Desk.key(1)]?.remoteID == "10")
    }

    @Test("documents are fetched by id, a hundred in a query that a URL can hold")
    func fetch() throws {
        let many =
            (0 ..< 250).map { Desk.invoice($0, remoteID: "\(1_000_000_000 + $0)") } + [Desk.refund(300, remoteID: "77")]
        var (exchange, sizes, bytes): (Exchange<[PostKey: LedgerReadback]>, [Int], [Int]) = (
            connector.fetch(many, Desk.facts), [], []
        )
        while case .send(let call, let then) = exchange {
            sizes.append(call.request.query("query")?.split(separator: ",").count ?? 0)
            bytes.append(call.request.target.utf8.count)
            exchange = then(Desk.answer(#"{"QueryResponse":{}}"#))
        }
        #expect(sizes == [100, 100, 50, 1])
        #expect(bytes.allSatisfy { $0 < 4_096 })
    }

    @Test("a voided invoice reads back as void, as a void document is meant to")
    func voided() throws {
        let answer = Desk.answer(
            """
            {"QueryResponse":{"Invoice":[{"Id":"145","SyncToken":"3","DocNumber":"k7q2m9x4wz3r8t01","TxnDate":"2026-11-14","TotalAmt":0,
             "CustomerRef":{"value":"58"},"CurrencyRef":{"value":"USD"},"PrivateNote":"Voided - cf:k7q2m9x4wz3r8t01 order 1",
             "Line":[{"Amount":0,"DetailType":"SalesItemLineDetail","SalesItemLineDetail":{"ItemRef":{"value":"19"}}}]}]}}
            """)
        var document = Desk.invoice(remoteID: "145")
        document.plan.effect = .void
        let seen = try #require(try Desk.finished(connector.fetch([document], Desk.facts), [answer])[Desk.key(1)])
        var meant = connector.meant(document)
        meant.version = "3"
        #expect(seen == meant)
        #expect(seen.voided)
    }

    @Test("a journal reads back by account, its total from its debits")
    func journal() throws {
        let answer = Desk.answer(
            """
            {"QueryResponse":{"JournalEntry":[{"Id":"300","SyncToken":"0","DocNumber":"k7q2m9x4wz3r8t03","TxnDate":"2026-11-14","TotalAmt":0,
             "CurrencyRef":{"value":"USD"},"Line":[
              {"Id":"0","Amount":21.64,"DetailType":"JournalEntryLineDetail","JournalEntryLineDetail":{"PostingType":"Debit",
               "AccountRef":{"value":"A1200"},"Entity":{"Type":"Customer","EntityRef":{"value":"58"}}}},
              {"Id":"1","Amount":21.64,"DetailType":"JournalEntryLineDetail","JournalEntryLineDetail":{"PostingType":"Credit","AccountRef":{"value":"A1310"}}}]}]}}
            """)
        let seen = try #require(try Desk.finished(connector.find([Desk.refund()], Desk.facts), [answer])[Desk.key(3)])
        var meant = connector.meant(Desk.refund())
        meant.remoteID = "300"
        meant.version = "0"
        #expect(seen == meant)
        #expect(meant.accounts == ["A1200": 2_164, "A1310": -2_164])
        #expect(meant.tax_minor == nil && meant.total_minor == 2_164 && meant.party == "58")
    }

    @Test("a credit memo is meant with its signs turned, discounts too")
    func credit() {
        var document = Desk.credit()
        document.lines.append(Desk.line(.discount, "sales_discounts", "4900", "-2.00"))
        let meant = connector.meant(document)
        #expect(meant.accounts == ["item:31": 2_000, "item:32": -300, "discount:A4900": -200])
        #expect(meant.total_minor == 1_664)
    }

    @Test("a hundred numbers at most go into one query, and quotes in values are escaped")
    func quoting() {
        #expect(Query.quoted(#"Jo's \ mug"#) == #"'Jo\'s \\ mug'"#)
        let queries = Query.anyOf((0 ..< 101).map { "\($0)" }, field: "Id", of: "Invoice")
        #expect(queries.count == 2)
        #expect(Query.anyOf([], field: "Id", of: "Invoice").isEmpty)
    }
}
