import Books
import ConnectorKit
import Kernel
import Testing
import Wire

@testable import QuickBooksOnline

@Suite("What changed in a company")
struct ChangeTests {
    let connector = Desk.connector
    private let since = Timestamp(rfc3339: "2026-11-19T08:00:00.25Z") ?? Timestamp(seconds: 0)

    private func changes(_ cursor: String? = nil) throws -> Exchange<LedgerChanges> {
        try #require(connector.changes(since: since, cursor: cursor, Desk.facts))
    }

    /// `{"CDCResponse":[{"QueryResponse":[…]}]}` as the vendor documents it.
    private func answer(_ lists: String...) -> HTTPResponse {
        Desk.answer(#"{"CDCResponse":[{"QueryResponse":[\#(lists.joined(separator: ","))]}],"time":"2026-11-20T10:00:00.000-08:00"}"#)
    }

    /// So many objects of somebody else.
    private func many(_ entity: String, _ count: Int) -> String {
        let objects = (1 ... count).map { #"{"Id":"\#($0)","SyncToken":"0","DocNumber":"\#($0)"}"# }
        return #"{"\#(entity)":[\#(objects.joined(separator: ","))],"startPosition":1,"maxResults":\#(count)}"#
    }

    @Test("all kinds in one call: ours by key and version, deleted ones and others by id")
    func capture() throws {
        let invoices = """
            {"Invoice":[{"domain":"QBO","Id":"145","SyncToken":"2","DocNumber":"\(Desk.key(1))","PrivateNote":"cf:\(Desk.key(1)) order 1"},
             {"domain":"QBO","status":"Deleted","Id":"12","MetaData":{"LastUpdatedTime":"2026-11-20T09:00:00-08:00"}},
             {"Id":"77","SyncToken":"0","DocNumber":"1042"}],"startPosition":1,"maxResults":3}
            """
        let payments = #"{"Payment":[{"Id":"146","SyncToken":"1","PaymentRefNum":"\#(Desk.key(2))"}]}"#
        let (ending, calls) = Desk.play(try changes(), [answer(invoices, payments, "{}")])
        #expect(calls.count == 1 && calls[0].kind == .read && calls[0].cost == ["minute": 1, "second": 1, "reads": 1])
        #expect(calls[0].request.path == Desk.base + "/cdc")
        #expect(calls[0].request.query("entities") == "Invoice,CreditMemo,SalesReceipt,Payment,JournalEntry,Bill,PurchaseOrder")
        #expect(calls[0].request.query("changedSince") == "2026-11-19T08:00:00Z")
        guard case .finished(let page) = ending else { throw Desk.Unfinished() }
        #expect(page.keys == [Desk.key(1), Desk.key(2)])
        #expect(page.versions == [Desk.key(1): "2", Desk.key(2): "1"])
        #expect(page.remoteIDs == ["12", "77"])
        #expect(page.watermark == Timestamp(rfc3339: "2026-11-20T18:00:00Z"))
        #expect(page.next == nil && page.isWhole)
    }

    @Test("a full answer is asked for kind by kind; one that is full by itself is not taken for all there is")
    func full() throws {
        let first = try Desk.finished(try changes(), [answer(many("Invoice", 990), many("Payment", 10))])
        #expect(first.next == "0" && first.isWhole && first.remoteIDs.count == 990)
        let almost = try Desk.finished(try changes(), [answer(many("Invoice", 999))])
        #expect(almost.next == nil)
        let (ending, calls) = Desk.play(try changes("0"), [answer(many("Invoice", 1_000))])
        #expect(calls[0].request.query("entities") == "Invoice")
        guard case .finished(let page) = ending else { throw Desk.Unfinished() }
        #expect(!page.isWhole && page.next == "1")
        let last = try Desk.finished(try changes("6"), [answer(many("PurchaseOrder", 3))])
        #expect(last.isWhole && last.next == nil)
        guard case .failed = Desk.play(try changes("7"), []).ending else {
            Issue.record("a page that is not there")
            return
        }
    }

    @Test("an answer that can't be read is not 'nothing changed'", arguments: [
        "{}", #"{"CDCResponse":[]}"#, #"{"CDCResponse":[{}]}"#, #"{"CDCResponse":[{"QueryResponse":[{"Invoice":[{"SyncToken":"1"}]}]}]}"#,
        #"{"CDCResponse":[{"Fault":{"Error":[{"Message":"No","code":"4000"}],"type":"ValidationFault"}}]}"#,
    ])
    func unreadable(_ text: String) throws {
        guard case .failed(let fault) = Desk.play(try changes(), [Desk.answer(text)]).ending else {
            Issue.record("\(text) was read")
            return
        }
        #expect(fault.code == "unreadable_answer")
    }

    @Test("nothing changed is an answer")
    func nothing() throws {
        let page = try Desk.finished(try changes(), [answer("{}")])
        #expect(page.keys.isEmpty && page.remoteIDs.isEmpty && page.next == nil)
        #expect(connector.changesReach == .seconds(2_592_000))
    }

    // MARK: Webhooks

    private static let old = #"{"eventNotifications":[{"realmId":"1185883450","dataChangeEvent":{"entities":[{"name":"Invoice","id":"145","operation":"Update","lastUpdated":"2026-04-20T20:52:31.000Z"},{"name":"Customer","id":"58","operation":"Merge","lastUpdated":"2026-04-20T20:52:32.000Z","deletedId":"61"}]}},{"realmId":"9130350000000001","dataChangeEvent":{"entities":[{"name":"Payment","id":"146","operation":"Void","lastUpdated":"2026-04-20T20:52:33.000Z"}]}}]}"#
    private static let new = #"[{"specversion":"1.0","id":"88cd52aa-33b6-4351-9aa4-47572edbd068","source":"intuit.dsnBgbseACLLRZNxo2df=","type":"qbo.invoice.updated.v1","datacontenttype":"application/json","time":"2026-11-20T21:31:25.179851517Z","intuitentityid":"145","intuitaccountid":"1185883450","data":{}},{"specversion":"1.0","id":"99cd52aa-33b6-4351-9aa4-47572edbd068","source":"intuit.dsnBgbseACLLRZNxo2df=","type":"qbo.journalentry.deleted.v1","datacontenttype":"application/json","time":"2026-11-20T21:31:26Z","intuitentityid":"12","intuitaccountid":"9130350000000001","data":{}}]"#

    /// Signatures made by another HMAC than ours (Python's), with the key `verifier-token-1`.
    private func notices(_ body: String, _ signature: String?, key: String = "verifier-token-1") throws(Fault) -> [LedgerNotice]? {
        try connector.notices(signature.map { ["intuit-signature": $0] } ?? [:], body: Array(body.utf8), secret: Secret(key))
    }

    @Test("the old body names companies and what changed in them; a merge tells of both")
    func oldBody() throws {
        let told = try #require(try notices(Self.old, "9Zg5F5pLNap2YHbV7INJIhq1fsHBKFaNShR8mYBIzZ8="))
        #expect(told.map { "\($0.account) \($0.object) \($0.remoteID) \($0.change)" } == [
            "1185883450 Invoice 145 updated", "1185883450 Customer 58 merged", "1185883450 Customer 61 deleted", "9130350000000001 Payment 146 voided",
        ])
        #expect(told.allSatisfy { $0.id == nil && $0.at != nil })
    }

    @Test("the new body is a list of events of several companies, each with its id")
    func newBody() throws {
        let told = try #require(try notices(Self.new, "tFT6Az/6CWZpcsajKBKaCyOneGtdxSjdwTAT5/n7Ios="))
        #expect(told.map { "\($0.account) \($0.object) \($0.remoteID) \($0.change)" } == ["1185883450 Invoice 145 updated", "9130350000000001 JournalEntry 12 deleted"])
        #expect(told.first?.id == "88cd52aa-33b6-4351-9aa4-47572edbd068")
        #expect(told.first?.at == Timestamp(rfc3339: "2026-11-20T21:31:25.179851Z"))
    }

    @Test("another key, another body, no signature or no key at all: not theirs")
    func forged() throws {
        let good = "9Zg5F5pLNap2YHbV7INJIhq1fsHBKFaNShR8mYBIzZ8="
        #expect(try notices(Self.old, good, key: "verifier-token-2") == nil)
        #expect(try notices(Self.old + " ", good) == nil)
        #expect(try notices(Self.old, nil) == nil)
        #expect(try notices(Self.old, "") == nil)
        #expect(try notices(Self.old, "not base64 !") == nil)
        #expect(try notices(Self.old, good, key: "") == nil)
    }

    @Test("a genuine delivery without events is none; one that can't be read is said to be so")
    func strange() throws {
        #expect(try notices(#"{"eventNotifications":[]}"#, "cZUE/eZI48Z8RPAHNDupIsivYUkev0WdvMcYUQFQBmo=") == [])
        for (body, signature) in [
            (#"{"a":1}"#, "HX9nVlu9xbJ5+BTqpKto9CqXOlk2yispuaWkVdS5Wbc="), (#"[{"type":"x"}]"#, "dmr/N4X7Yub4+7tHxBR9QWCXmqhzt3rPRgIkz2Dkyqc="),
            ("nonsense", "tOGQOWzZmsZtr6ULXJ7et+6Y09P7WkaUQ9z/Qvqiy94="),
        ] {
            #expect { try notices(body, signature) } throws: { ($0 as? Fault)?.code == "unreadable_notice" }
        }
    }
}
