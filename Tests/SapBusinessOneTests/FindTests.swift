import Books
import ConnectorKit
import ConnectorTestKit
import Kernel
import Testing
import Wire

@testable import SapBusinessOne

@Suite("Looking for documents") struct FindTests {
    private func found(_ documents: [LedgerDocument], _ answers: [HTTPResponse], fetch: Bool = false, _ connection: ConnectionFacts = facts)
        -> (seen: [PostKey: LedgerReadback]?, calls: [Call], fault: Fault?)
    {
        let exchange = fetch ? connector.fetch(documents, connection) : connector.find(documents, connection)
        let (end, calls) = drive(exchange, answers)
        return (end.output, calls, end.fault)
    }

    @Test("by the key at the head of the reference, several keys at once, each kind in its own list") func filters() {
        let calls = found([simple(1), simple(2), payment(3), payout(4)], [list(), list(), list(), list()]).calls
        #expect(names(calls) == ["GET Invoices", "GET IncomingPayments", "GET JournalEntries", "GET Drafts", "GET PaymentDrafts"])
        #expect(filter(calls[0]) == "startswith(NumAtCard,'cf:0000000000000001') or startswith(NumAtCard,'cf:0000000000000002')")
        #expect(filter(calls[1]) == "TransferReference eq 'cf:0000000000000003'")
        #expect(filter(calls[2]) == "Reference eq 'cf:0000000000000003' or Reference eq 'cf:0000000000000004'")
        #expect(calls[0].request.fields["Prefer"] == "odata.maxpagesize=100" && calls.allSatisfy { $0.kind == .read })
        let field = found([simple()], [], facts(["key_field": "U_ExtId"])).calls
        #expect(filter(field[0]) == "startswith(U_ExtId,'cf:0000000000000001')" && field[0].request.query("$select")?.hasSuffix(",U_ExtId") == true)
    }

    @Test("a list goes on by its number, whatever their link says") func pages() throws {
        let first = list(sale(41), next: "https://evil.example/b1s/v2/Invoices?$filter=a b&$skip=20")
        let (seen, calls, _) = found([simple(1), simple(2)], [first, list(sale(42, key: 2))])
        #expect(seen?.keys.sorted() == [key(1), key(2)])
        #expect(calls[1].request.query("$skip") == "1" && filter(calls[1]) == filter(calls[0]) && calls[1].request.path == "/b1s/v2/Invoices")
        let old = answer("{\"value\":[\(sale(41))],\"odata.nextLink\":\"Invoices?$skip=20\"}")
        #expect(found([simple(1)], [old, list()], facts(["api": "v1"])).calls.count == 2)
    }

    @Test("what stands under a number that is known, and bears another posting's key, is that one's") func others() {
        #expect(found([simple(1, remoteID: "41")], [list(sale(41, key: 9))], fetch: true).seen == [:])
        let bare = sale(41).replacing("cf:\(key(1)) ", with: "")
        #expect(found([simple(1, remoteID: "41")], [list(bare)], fetch: true).seen?.keys.sorted() == [key(1)])
    }

    @Test("a sale reads back as it was meant") func sales() throws {
        let row = sale(41, total: "21.6", tax: "3.6", lines: [("400000", "20.0"), ("400100", "-2.0")])
        let seen = try #require(found([taxed(remoteID: "41")], [list(row)], fetch: true).seen?[key()])
        var meant = connector.meant(taxed(remoteID: "41"))
        #expect(meant.accounts == ["400000": -2000, "400100": 200] && meant.tax_minor == 360 && meant.total_minor == 2160)
        meant.version = "2026-11-20 10:15:00"
        #expect(seen == meant)
    }

    @Test("a sale in a foreign currency reads back in it") func foreign() throws {
        let usd = document(
            .invoice, [control(1000, currency: .usd, base: 800), line(.goods, "sales:homeware", -1000, "400000", text: "Mug", currency: .usd, base: -800)],
            currency: .usd, rate: "0.8", remoteID: "41")
        let row = sale(41, currency: "$").replacing("\"DocTotal\":10.0", with: "\"DocTotal\":8.0").replacing("\"LineTotal\":10.0", with: "\"LineTotal\":8.0")
        let seen = try #require(found([usd], [list(row)], fetch: true, facts(["currencies": "USD=$"])).seen?[key()])
        #expect(seen.currency == "USD" && seen.total_minor == 1000 && seen.accounts == ["400000": -1000])
    }

    @Test("a payment reads back with what it settles") func payments() throws {
        let seen = try #require(found([payment(remoteID: "31")], [list(paid(31))], fetch: true).seen?[key()])
        let meant = connector.meant(payment(remoteID: "31"))
        #expect(meant.appliesTo == "77" && meant.accounts == ["161000": 1000])
        #expect(seen == meant)
        #expect(found([payment(remoteID: "31")], [list(paid(31, on: ""))], fetch: true).seen?[key()]?.appliesTo == "")
        let other = paid(31, on: #"{"DocEntry":77,"InvoiceType":"it_Invoice","SumApplied":4.0},{"DocEntry":78,"InvoiceType":"it_Invoice","SumApplied":6.0}"#)
        #expect(found([payment(remoteID: "31")], [list(other)], fetch: true).seen?[key()]?.appliesTo == "it_Invoice 77 400, it_Invoice 78 600")
        let back = connector.meant(refund(remoteID: "31"))
        #expect(back.accounts == ["161000": -1000] && back.appliesTo == "31")
    }

    @Test("an entry reads back by accounts, a customer's lines by the customer") func entries() throws {
        let rows = [("161000", "161000", "9.7", "0.0"), ("120000", "C20000", "0.0", "10.0"), ("620000", "620000", "0.3", "0.0")]
        let document = payment(remoteID: "JournalEntries/91", fee: 30)
        let (seen, calls, _) = found([document], [list(entry(91, rows))], fetch: true)
        var meant = connector.meant(document)
        #expect(meant.accounts == ["161000": 970, "partner C20000": -1000, "620000": 30] && meant.total_minor == 1000 && meant.party == "C20000")
        meant.currency = nil
        #expect(seen?[key()] == meant)
        #expect(filter(calls[0]) == "Reference eq 'cf:0000000000000001' or JdtNum eq 91")
    }

    @Test("entries that take each other away have no effect; what is written after them has") func reversed() throws {
        let pair = list(entry(91, payoutLines), entry(92, payoutBack))
        #expect(found([payout(remoteID: "91")], [pair], fetch: true).seen?[key()]?.voided == true)
        #expect(found([payout()], [pair]).seen?.isEmpty == true)
        #expect(found([payout(remoteID: "91")], [pair]).seen?[key()]?.voided == true)
        let three = list(entry(91, payoutLines), entry(92, payoutBack), entry(93, payoutLines))
        let seen = try #require(found([payout(remoteID: "91")], [three]).seen?[key()])
        #expect(seen.remoteID == "93" && !seen.voided)
    }

    @Test("what was cancelled is no document of ours, unless it is the one that is known; what cancelled it is none at all") func cancelled() {
        let gone = sale(41, cancelled: "tYES", status: "csYes"), by = sale(43, status: "csCancellation")
        #expect(found([simple()], [list(gone, by), list()]).seen?.isEmpty == true)
        #expect(found([simple(remoteID: "41")], [list(gone, by), list()]).seen?[key()]?.voided == true)
        #expect(found([simple(remoteID: "41")], [list(gone, by, sale(44))]).seen?[key()]?.remoteID == "44", "the one with effect")
    }

    @Test("a draft that waits for an approval is unfinished; one that was added is none; no list of drafts is no draft") func drafts() throws {
        let draft = #"{"DocEntry":7,"DocumentStatus":"bost_Open","NumAtCard":"cf:0000000000000001 order 1001"}"#
        let seen = try #require(found([simple()], [list(), list(draft)]).seen?[key()])
        #expect(seen.unfinished && seen.voided && seen.remoteID == "Drafts/7")
        #expect(found([simple()], [list(), list(draft.replacing("bost_Open", with: "bost_Close"))]).seen?.isEmpty == true)
        #expect(found([simple()], [list(), refusal("Unrecognized resource path.", -1000, status: 404)]).seen?.isEmpty == true)
    }

    @Test("a payment that waits for an approval is looked for in a list of its own") func paymentDrafts() throws {
        func draft(_ status: String, cancelled: String = "tNO") -> HTTPResponse {
            list(#"{"DocEntry":8,"AuthorizationStatus":"\#(status)","Cancelled":"\#(cancelled)","TransferReference":"cf:0000000000000001"}"#)
        }
        let (seen, calls, _) = found([payment()], [list(), list(), draft("pasPending")])
        #expect(seen?[key()]?.unfinished == true && seen?[key()]?.remoteID == "PaymentDrafts/8")
        #expect(names(calls) == ["GET IncomingPayments", "GET JournalEntries", "GET PaymentDrafts"])
        #expect(filter(calls[2]) == "TransferReference eq 'cf:0000000000000001'")
        for gone in [draft("pasGenerated"), draft("pasGeneratedbyAuthorizer"), draft("pasCancelled", cancelled: "tYES"), HTTPResponse(404)] {
            #expect(found([payment()], [list(), list(), gone]).seen?.isEmpty == true)
        }
        // An entry waits for nobody.
        #expect(names(found([payment(fee: 30)], [list(), list()]).calls) == ["GET IncomingPayments", "GET JournalEntries"])
        #expect(found([payment()], [list(paid(31)), list()]).calls.count == 2)
    }

    @Test("a document of another key, or with words that only look like one, is nobody's") func strangers() {
        for reference in ["cf:0000000000000002 order", "cf:00000000000000011", "xcf:0000000000000001", "cf:000000000000000U x", ""] {
            let row = sale(41).replacing("cf:0000000000000001 order 1001", with: reference)
            #expect(found([simple()], [list(row), list()]).seen?.isEmpty == true, "\(reference)")
        }
    }

    @Test("a list that is no list is never taken for an empty one", arguments: ["{}", "{\"value\":null}", "{\"value\":[1]}", "{\"value\":{}}"])
    func noList(_ text: String) { #expect(found([simple()], [answer(text)]).fault?.code == "unreadable_answer") }

    @Test("what is there but can't be read does not count as missing") func unreadable() {
        for (from, to) in [
            ("\"DocEntry\":41", "\"DocEntry\":\"41\""), ("\"DocTotal\":10.0", "\"DocTotal\":10.005"), ("\"tNO\"", "\"maybe\""),
            ("2026-11-20T00:00:00Z", "20/11/2026"), ("\"LineTotal\":10.0", "\"LineTotal\":\"10\""), ("\"AccountCode\":\"400000\",", ""),
        ] {
            #expect(found([simple()], [list(sale(41).replacing(from, with: to))]).fault?.code == "unreadable_answer", "\(to)")
        }
    }

    @Test("a sum of binary fractions is read as what it is meant to be") func hair() {
        #expect(found([simple()], [list(sale(41, total: "9.9999999999999982"))]).seen?[key()]?.total_minor == 1000)
    }

    @Test("asking by number asks for nothing that is none") func byID() {
        #expect(found([simple(remoteID: "x"), simple(2), simple(3, remoteID: "Invoices/3")], [], fetch: true).calls.isEmpty)
        #expect(filter(found([simple(remoteID: "41")], [], fetch: true).calls[0]) == "DocEntry eq 41")
    }

    @Test("changes are asked for from the day before, invoices first, then credit notes, bills and orders") func changes() throws {
        let since = try #require(Timestamp(rfc3339: "2026-11-20T10:00:00Z"))
        func page(_ cursor: String?, _ answers: [HTTPResponse]) throws -> (changes: LedgerChanges?, calls: [Call]) {
            let (end, calls) = drive(try #require(connector.changes(since: since, cursor: cursor, facts)), answers)
            return (end.output, calls)
        }
        let (first, calls) = try page(nil, [list(sale(41), sale(42), next: "Invoices?$skip=2")])
        #expect(filter(calls[0]) == "startswith(NumAtCard,'cf:') and UpdateDate ge '2026-11-19'")
        #expect(first?.keys == [key()] && first?.next == "2026-11-19/Invoices/2" && first?.watermark == Timestamp(rfc3339: "2026-11-20T00:00:00Z"))
        let (second, more) = try page(first?.next, [list()])
        #expect(more[0].request.query("$skip") == "2" && second?.next == "2026-11-19/CreditNotes/0" && second?.watermark == nil)
        let (third, last) = try page(second?.next, [list(sale(51, key: 9))])
        #expect(last[0].request.path == "/b1s/v2/CreditNotes" && third?.next == "2026-11-19/PurchaseInvoices/0" && third?.keys == [key(9)])
        let (bills, asked) = try page(third?.next, [refusal("You are not permitted to perform this action", -6006)])
        #expect(asked[0].request.path == "/b1s/v2/PurchaseInvoices" && bills?.keys == [] && bills?.next == "2026-11-19/PurchaseOrders/0")
        #expect(try page(bills?.next, [list(sale(61, key: 8))]).changes == LedgerChanges(keys: [key(8)], next: nil, watermark: Timestamp(rfc3339: "2026-11-20T00:00:00Z")))
        #expect(try page("2026-11-19/CreditNotes/0", [refusal("You are not permitted to perform this action", -6006)]).changes == nil)
        #expect(try page("nonsense", []).calls[0].request.path == "/b1s/v2/Invoices")
        #expect(try page(nil, [list(sale(41).replacing("\"UpdateDate\":\"2026-11-20\"", with: "\"UpdateDate\":7"))]).changes == nil)
    }
}
