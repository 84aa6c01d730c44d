import Books
import ConnectorKit
import ConnectorTestKit
import Kernel
import Testing
import Wire

@testable import NetSuite

@Suite("NetSuite's record API") struct RESTTests {
    private func created(_ documents: [LedgerDocument], _ answers: HTTPResponse...) -> [String] {
        drive(rest, rest.create(documents, attempt: "a", facts), answers).end.output?.map(word) ?? []
    }

    @Test("the id of what was created stands in Location alone: without it, or with another record's, the outcome is open") func location() {
        #expect(created([simple()], NetSuiteTests.created("invoice")) == ["posted 9001"])
        #expect(created([simple()], NetSuiteTests.created("customerPayment")) == ["unknown outcome_unknown"])
        #expect(created([simple()], done) == ["unknown outcome_unknown"])
        #expect(created([simple()], NetSuiteTests.created("invoice", "x")) == ["unknown outcome_unknown"])
        #expect(word(drive(rest, rest.create([simple()], attempt: "a", facts), [answer("{}", 200)]).end) == "unknown outcome_unknown")
        #expect(word(drive(rest, rest.create([simple()], attempt: "a", facts), [answer("{}", 202)]).end) == "unknown outcome_unknown")
    }

    @Test("a key that is there already is a duplicate to be looked up; of several documents one goes, and the others wait") func duplicates() {
        #expect(created([simple()], refusal("This record already exists")) == ["duplicate ledger_duplicate"])
        #expect(created([simple(), simple(2)], NetSuiteTests.created("invoice")) == ["posted 9001", "throttled batch_too_large"])
        #expect(created([simple(effect: .void), simple(2)], NetSuiteTests.created("invoice")) == ["rejected void_not_created", "posted 9001"])
        #expect(created([simple(), simple(2)], done) == ["unknown outcome_unknown", "unknown outcome_unknown"])
    }

    @Test("a change replaces the lists that it brings and leaves the currency alone") func update() throws {
        let (end, calls) = drive(rest, rest.update(simple(remoteID: "41"), attempt: "a", facts), [done])
        #expect(word(end.output) == "posted 41" && calls.map(\.request.method) == [.patch])
        #expect(calls[0].request.target == "/services/rest/record/v1/invoice/41?replace=item")
        #expect(try body(calls[0])["externalId"] == nil && body(calls[0])["item"] != nil)
        let euro = document(
            .invoice, [control(1000, currency: .eur, base: 860), line(.goods, "sales", -1000, 200, currency: .eur, base: -860)], currency: .eur, rate: "0.86",
            remoteID: "41")
        let change = drive(rest, rest.update(euro, attempt: "a", facts), [rows(#""id":"4","symbol":"EUR""#)]).calls
        #expect(try body(change[1])["currency"] == nil && body(change[1])["exchangeRate"] != nil)
        #expect(drive(rest, rest.update(taxed("5/9", remoteID: "41"), attempt: "a", facts(["tax": "suitetax"]))).calls[0].request.query("replace") == "item,taxDetails")
        #expect(word(drive(rest, rest.update(simple(remoteID: "41"), attempt: "a", facts), [gone]).end.output) == "rejected ledger_document_missing")
        #expect(word(drive(rest, rest.update(simple(), attempt: "a", facts)).end.output) == "rejected no_remote_id")
    }

    @Test("a payment that became a journal is deleted and written anew under the same key; what an earlier attempt left is gone on with") func rewrite() throws {
        let fee = feePayment(remoteID: "41")
        let (end, calls) = drive(rest, rest.update(fee, attempt: "a", facts), [gone, done, rows(), NetSuiteTests.created("journalEntry", "42")])
        #expect(word(end.output) == "posted 42")
        #expect(calls.map { "\($0.request.method.rawValue) \($0.request.path.split(separator: "/").suffix(2).joined(separator: "/"))" } == [
            "PATCH journalEntry/41", "DELETE customerPayment/41", "POST v1/suiteql", "POST v1/journalEntry",
        ])
        #expect(try body(calls[3])["externalId"] == "cf-0000000000000001")
        let found = rows(#""id":"43","externalid":"cf-0000000000000001","type":"Journal""#)
        let journal = answer(#"{"id":"43","externalId":"cf-0000000000000001","tranDate":"2026-11-14"}"#)
        #expect(word(drive(rest, rest.update(fee, attempt: "a", facts), [gone, gone, found, journal, done]).end.output) == "posted 43")
        #expect(word(drive(rest, rest.update(fee, attempt: "a", facts), [gone, refusal("This transaction cannot be deleted because it is linked to others")]).end) == "rejected ledger_document_fixed")
    }

    @Test("taking back is deleting; what is gone already is as wanted, whatever it was") func void() {
        let (end, calls) = drive(rest, rest.void(simple(remoteID: "41", effect: .void), attempt: "a", facts), [done])
        #expect(word(end.output) == "posted 41" && calls.map(\.request.method) == [.delete] && calls[0].request.body.isEmpty)
        #expect(word(drive(rest, rest.void(simple(remoteID: "41"), attempt: "a", facts), [gone]).end.output) == "posted 41")
        let paid = drive(rest, rest.void(payment(remoteID: "41"), attempt: "a", facts), [gone, done])
        #expect(word(paid.end.output) == "posted 41" && paid.calls.map { $0.request.path.split(separator: "/").suffix(2).first } == ["customerPayment", "journalEntry"])
        #expect(word(drive(rest, rest.void(simple(remoteID: "41"), attempt: "a", facts), [HTTPResponse(404)]).end) == "rejected platform_refused")
    }

    @Test("documents are found by one question for many, then each is read as what it is") func find() throws {
        let list = rows(
            #""id":"41","externalid":"cf-0000000000000001","type":"CustInvc""#, #""id":"42","externalid":"cf-0000000000000002","type":"Journal""#,
            #""id":"43","externalid":"cf-0000000000000009","type":"CustInvc""#)
        let invoice = answer("""
            {"id":"41","externalId":"cf-0000000000000001","tranDate":"2026-11-14","entity":{"id":"58","refName":"Shop"},"currency":{"id":"1","refName":"GBP"},
            "total":10.0,"taxTotal":0,"lastModifiedDate":"2026-11-14T10:12:00Z","status":{"id":"Open"},
            "item":{"items":[{"item":{"id":"19"},"amount":10.0,"line":1}],"totalResults":1}}
            """)
        let journal = answer("""
            {"id":"42","externalId":"cf-0000000000000002","tranDate":"2026-11-14","currency":{"id":"1"},
            "line":{"items":[{"account":{"id":"110"},"debit":9.7},{"account":{"id":"440"},"debit":0.3},{"account":{"id":"61"},"credit":10,"entity":{"id":"58"}}]}}
            """)
        let currencies = rows(#""id":"1","symbol":"GBP""#)
        let documents = [simple(), payment(2)]
        let (end, calls) = drive(rest, rest.find(documents, facts), [list, invoice, journal, currencies])
        #expect(try body(calls[0])["q"]?.string == "SELECT id, externalid, type FROM transaction WHERE externalid IN ('cf-0000000000000001','cf-0000000000000002') ORDER BY id")
        #expect(calls[1].request.target == "/services/rest/record/v1/invoice/41?expandSubResources=true&simpleEnumFormat=true")
        #expect(calls[2].request.path.hasSuffix("/journalEntry/42") && calls.allSatisfy { $0.kind == .read })
        let found = try #require(end.output)
        var meant = rest.meant(simple())
        meant.remoteID = "41"
        meant.version = "2026-11-14T10:12:00Z"
        #expect(found[key()] == meant)
        #expect(found[key(2)]?.accounts == ["110": 970, "440": 30, "61": -1000] && found[key(2)]?.total_minor == 1000 && found[key(2)]?.party == "58")
        #expect(drive(rest, rest.find(documents, facts), [rows()]).end.output?.isEmpty == true)
    }

    @Test("fetched by id, as it was written before where it is not what it should be; what is gone is missing, what can't be read is not") func fetch() throws {
        let paid = answer("""
            {"id":"41","externalId":"cf-0000000000000001","tranDate":"2026-11-14","customer":{"id":"58"},"payment":10.0,"account":{"id":"110"},
            "apply":{"items":[{"apply":true,"doc":{"id":"77"},"amount":10.0},{"apply":false,"doc":{"id":"79"},"amount":0}]}}
            """)
        let (end, calls) = drive(rest, rest.fetch([payment(remoteID: "41")], facts), [paid])
        var meant = rest.meant(payment(remoteID: "41"))
        meant.currency = nil
        #expect(end.output?[key()] == meant && calls.count == 1)
        let split = answer("""
            {"id":"41","tranDate":"2026-11-14","customer":{"id":"58"},"payment":10.0,"account":{"id":"110"},
            "apply":{"items":[{"apply":true,"doc":{"id":"77"},"amount":4},{"apply":true,"doc":{"id":"79"},"amount":6}]}}
            """)
        #expect(drive(rest, rest.fetch([payment(remoteID: "41")], facts), [split]).end.output?[key()]?.appliesTo == "77 400, 79 600")
        let before = drive(rest, rest.fetch([feePayment(remoteID: "41")], facts), [gone, paid])
        #expect(before.end.output?[key()]?.accounts == ["deposit:110": 1000])
        #expect(drive(rest, rest.fetch([simple(remoteID: "41")], facts), [gone]).end.output?.isEmpty == true)
        #expect(drive(rest, rest.fetch([simple(remoteID: "41")], facts), [answer(#"{"id":"41","tranDate":"2026-11-14"}"#)]).end.fault?.code == "unreadable_answer")
        #expect(drive(rest, rest.fetch([simple(remoteID: "41")], facts), [answer(#"{"id":"40","tranDate":"2026-11-14","total":1}"#)]).end.fault?.code == "unreadable_answer")
        let void = answer(#"{"id":"41","tranDate":"2026-11-14","total":0,"status":{"id":"V","refName":"Voided"}}"#)
        #expect(drive(rest, rest.fetch([simple(remoteID: "41")], facts), [void]).end.output?[key()]?.voided == true)
    }

    @Test("amounts are exact: a hair of binary fractions is none, a part of a cent is no amount", arguments: [
        ("10.000000000001", 1000), ("1.0E1", 1000), ("9.999", nil), ("\"x\"", nil), ("1e40", nil), ("null", nil),
    ] as [(String, Int64?)]) func amounts(text: String, minor: Int64?) {
        let end = drive(rest, rest.fetch([simple(remoteID: "41")], facts), [answer(#"{"id":"41","tranDate":"2026-11-14","total":\#(text)}"#)]).end
        #expect(end.output?[key()]?.total_minor == minor && (minor == nil) == (end.fault?.code == "unreadable_answer"))
    }

    private func asked(_ since: Timestamp, _ cursor: String?, _ connection: ConnectionFacts, _ answers: HTTPResponse...) throws -> (LedgerChanges?, String) {
        let exchange = try #require(rest.changes(since: since, cursor: cursor, connection))
        let (end, calls) = drive(rest, exchange, answers)
        let call = try #require(calls.first)
        return (end.output, try #require(try body(call)["q"]?.string))
    }

    @Test("changes go on behind the last row by time and id, in the account's time") func changes() throws {
        let since = try #require(Timestamp(rfc3339: "2026-11-14T10:00:00Z"))
        let zoned = facts(["utc_offset": "-08:00"])
        let (_, text) = try asked(since, nil, zoned)
        #expect(text.contains("externalid LIKE 'cf-%'") && text.contains("lastmodifieddate > TO_TIMESTAMP('2026-11-14 01:50:00', 'YYYY-MM-DD HH24:MI:SS')"))
        let some = rows(
            #""id":"41","externalid":"cf-0000000000000001","lastmodifieddate":"2026-11-14 02:00:00""#, #""id":"42","externalid":"SHOP-9","lastmodifieddate":"2026-11-14 02:01:00""#,
            #""id":"43","externalid":"cf-0000000000000001","lastmodifieddate":"2026-11-14 02:02:00""#)
        let page = try asked(since, nil, zoned, some).0
        #expect(page == LedgerChanges(keys: [key()], next: nil, watermark: Timestamp(rfc3339: "2026-11-14T10:02:00Z")))
        let full = rows(#""id":"41","externalid":"cf-0000000000000001","lastmodifieddate":"2026-11-14 02:00:00""#).body
        let many = String(decoding: full, as: UTF8.self).replacing("\"items\":[", with: "\"items\":[" + String(repeating: "{\"id\":\"7\",\"lastmodifieddate\":\"2026-11-14 01:00:00\"},", count: 999))
        let next = try asked(since, nil, facts, answer(many)).0?.next
        #expect(next == "2026-11-14 02:00:00/41")
        #expect(try asked(since, next, facts).1.contains("AND id > 41"))
        #expect(try asked(since, "odd' OR 1=1", facts).1.contains("'2026-11-13 08:00:00'"))
    }
}
