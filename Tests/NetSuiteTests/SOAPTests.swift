import Books
import ConnectorKit
import ConnectorTestKit
import Kernel
import Testing
import Wire

@testable import NetSuite

@Suite("SuiteTalk") struct SOAPTests {
    private func created(_ documents: [LedgerDocument], _ answers: HTTPResponse...) -> [String] {
        drive(soap, soap.create(documents, attempt: "a", facts), answers).end.output?.map(word) ?? []
    }

    @Test("every request is signed over account, keys, nonce and time, without a secret in what people see") func passport() throws {
        let call = try #require(drive(soap, soap.create([simple()], attempt: "a", facts)).calls.first)
        let hand = Materials(
            parts: ["consumer_key": Secret("CONSUMERKEY"), "consumer_secret": Secret("CONSUMERSECRET"), "token": Secret("TOKENKEY"), "token_secret": Secret("TOKENSECRET")],
            accessToken: Secret(""), account: "1234567_SB1", at: Timestamp(seconds: 1_795_000_000), nonce: "6obMKq0tmY8ylVOdEkA1")
        let dressed = try Dressing.request(call, soap, facts, base: "https://1234567-sb1.suitetalk.api.netsuite.com", hand)
        let header = try #require(XMLElement(parsing: dressed.request.body)["Header"]?["tokenPassport"])
        #expect(header.name.namespace == messages && header["account"]?.name.namespace == core)
        #expect(header.children.map { "\($0.name.local)=\($0.text)" } == [
            "account=1234567_SB1", "consumerKey=CONSUMERKEY", "token=TOKENKEY", "nonce=6obMKq0tmY8ylVOdEkA1", "timestamp=1795000000",
            "signature=EJNAW8jszpU3ZI0r8XQ2X/Me2nEACHzsqyhvZN4ujOY=",
        ])
        #expect(header["signature"]?.attribute("algorithm") == "HMAC-SHA256")
        #expect(dressed.request.target == "https://1234567-sb1.suitetalk.api.netsuite.com/services/NetSuitePort_2025_2")
        #expect(dressed.request.fields["SOAPAction"] == "\"addList\"" && dressed.request.fields["Cookie"] == nil)
        let shown = String(decoding: Dressing.preview(call, soap, facts).body, as: UTF8.self)
        #expect(shown.contains("1234567_SB1") && !shown.contains("SECRET") && shown.contains("<c:token>***</c:token>"))
    }

    @Test("of several documents each has its own status, in order") func statuses() {
        let documents = (1 ... 7).map { simple($0) }
        #expect(created(
            documents,
            added(
                success() + base("9001"), failure("DUP_RCRD", "This record already exists"), failure("USER_ERROR", "Please enter a value for Location."),
                failure("UNEXPECTED_ERROR", "oops"), failure("RCRD_HAS_BEEN_CHANGED", "Record has been changed"), success(),
                failure("EXCEEDED_MAX_CONCUR_RQST", "slow"))
        ) == [
            "posted 9001", "duplicate ledger_duplicate", "rejected ledger_refused", "unknown outcome_unknown", "stale unavailable", "unknown outcome_unknown",
            "throttled throttled",
        ])
        #expect(created([simple(), simple(2)], added(success() + base("9001"))) == ["unknown outcome_unknown", "unknown outcome_unknown"])
    }

    @Test("what was saved before a script failed counts as written; without its id it is looked up") func afterSubmit() {
        #expect(created([simple()], added(failure("USER_ERROR", "A script failed", saved: true) + base("9001"))) == ["posted 9001"])
        #expect(created([simple(), simple(2)], added(success() + base("9001"), failure("USER_ERROR", "A script failed", saved: true))) == ["posted 9001", "unknown outcome_unknown"])
    }

    @Test("twenty go in one call, more wait for the next") func batch() throws {
        let (end, calls) = drive(soap, soap.create((1 ... 21).map { simple($0) }, attempt: "a", facts), [envelope("<addListResponse xmlns=\"\(messages)\"><writeResponseList>\(success())\(String(repeating: "<writeResponse>\(success())\(base("9"))</writeResponse>", count: 20))</writeResponseList></addListResponse>")])
        #expect(try operation(calls[0]).all("record").count == 20)
        #expect(end.output.map { $0.map(word) }?.suffix(2) == ["posted 9", "throttled batch_too_large"])
    }

    @Test("a change names the record, and replaces its lists; a record that is not there is missing, or was another one") func update() throws {
        let (end, calls) = drive(soap, soap.update(simple(remoteID: "41"), attempt: "a", facts), [written("update", success() + base("41"))])
        #expect(word(end.output) == "posted 41" && calls[0].request.fields["SOAPAction"] == "\"update\"")
        #expect(try operation(calls[0])["record"]?.attribute("internalId") == "41")
        let absent = written("update", failure("RCRD_DSNT_EXIST", "That record does not exist."))
        #expect(word(drive(soap, soap.update(simple(remoteID: "41"), attempt: "a", facts), [absent]).end.output) == "rejected ledger_document_missing")
        let (became, steps) = drive(
            soap, soap.update(feePayment(remoteID: "41"), attempt: "a", facts),
            [absent, written("delete", success()), got(failure("RCRD_DSNT_EXIST", "x")), added(success() + base("42"))])
        #expect(word(became.output) == "posted 42")
        #expect(steps.compactMap { $0.request.fields["SOAPAction"] } == ["\"update\"", "\"delete\"", "\"getList\"", "\"addList\""])
        #expect(try operation(steps[1])["baseRef"]?.attribute("type") == "customerPayment")
    }

    @Test("taking back is deleting; what is gone already is as wanted") func void() throws {
        let (end, calls) = drive(soap, soap.void(simple(remoteID: "41"), attempt: "a", facts), [written("delete", success())])
        #expect(word(end.output) == "posted 41")
        let reference = try #require(operation(calls[0])["baseRef"])
        #expect(reference.attribute("type") == "invoice" && reference.attribute("internalId") == "41")
        #expect(word(drive(soap, soap.void(simple(remoteID: "41"), attempt: "a", facts), [written("delete", failure("RCRD_DSNT_EXIST", "x"))]).end.output) == "posted 41")
        let linked = written("delete", failure("THIS_RECORD_CANNOT_BE_DELETED", "This record cannot be deleted because it has dependent records"))
        #expect(word(drive(soap, soap.void(simple(remoteID: "41"), attempt: "a", facts), [linked]).end) == "rejected ledger_document_fixed")
    }

    private let invoice = record("Invoice", "41", """
        <s:lastModifiedDate>2026-11-14T02:12:00.000-08:00</s:lastModifiedDate><s:entity internalId="58"/><s:tranDate>2026-11-14T00:00:00.000-08:00</s:tranDate>\
        <s:currency internalId="1"/><s:taxTotal>3.6</s:taxTotal><s:total>21.6</s:total><s:status>Open</s:status>\
        <s:itemList><s:item><s:item internalId="19"/><s:amount>20.0</s:amount></s:item><s:item><s:item internalId="31"/><s:amount>-2.0</s:amount></s:item></s:itemList>
        """)
    private let currencies = all("<record internalId=\"1\"><s:symbol xmlns:s=\"x\">GBP</s:symbol><s:isBaseCurrency xmlns:s=\"x\">true</s:isBaseCurrency></record>")

    @Test("documents are found by external id, as every kind that they may be, in one call") func find() throws {
        let (end, calls) = drive(
            soap, soap.find([taxed(), payment(2)], facts), [got(success() + invoice, failure("RCRD_DSNT_EXIST", "x"), failure("RCRD_DSNT_EXIST", "x")), currencies])
        let references = try operation(calls[0]).all("baseRef")
        #expect(references.map { $0.attribute("type") } == ["invoice", "customerPayment", "journalEntry"])
        #expect(references.compactMap { $0.attribute("externalId") } == ["cf-0000000000000001", "cf-0000000000000002", "cf-0000000000000002"])
        var meant = soap.meant(taxed())
        meant.remoteID = "41"
        meant.version = "2026-11-14T02:12:00.000-08:00"
        #expect(end.output == [key(): meant])
        #expect(drive(soap, soap.find([simple()], facts), [got()]).end.fault?.code == "unreadable_answer")
        #expect(word(drive(soap, soap.find([simple()], facts), [got(failure("INSUFFICIENT_PERMISSION", "no"))]).end) == "rejected ledger_access_refused")
    }

    @Test("payments and journals are read back by account, in exponents too") func readback() throws {
        let paid = record("CustomerPayment", "41", """
            <s:customer internalId="58"/><s:tranDate>2026-11-14T12:00:00.000Z</s:tranDate><s:payment>10.0</s:payment><s:account internalId="110"/>\
            <s:applyList><s:apply><s:apply>true</s:apply><s:doc>77</s:doc><s:amount>10.0</s:amount></s:apply>\
            <s:apply><s:apply>false</s:apply><s:doc>78</s:doc><s:amount>0.0</s:amount></s:apply></s:applyList>
            """)
        var meant = soap.meant(payment(remoteID: "41"))
        meant.currency = nil
        #expect(drive(soap, soap.fetch([payment(remoteID: "41")], facts), [got(success() + paid, failure("RCRD_DSNT_EXIST", "x"))]).end.output == [key(): meant])
        let entry = record("JournalEntry", "41", """
            <s:tranDate>2026-11-14T12:00:00.000Z</s:tranDate><s:lineList><s:line><s:account internalId="1"/><s:debit>1.25E7</s:debit></s:line>\
            <s:line><s:account internalId="2"/><s:credit>1.25E7</s:credit></s:line></s:lineList>
            """)
        let large = document(.journal, [line(.other, "a", 1_250_000_000, 1), line(.other, "b", -1_250_000_000, 2)], total: 1_250_000_000, remoteID: "41")
        let seen = drive(soap, soap.fetch([large], facts), [got(success() + entry)]).end.output?[key()]
        #expect(seen?.accounts == soap.meant(large).accounts && seen?.total_minor == 1_250_000_000 && seen?.party == nil)
    }

    @Test("changes are searched for by our prefix and time, and go on by the search's id") func changes() throws {
        let since = try #require(Timestamp(rfc3339: "2026-11-14T10:00:00Z"))
        let found = searched(
            record("Invoice", "41", "<s:lastModifiedDate>2026-11-14T02:12:00.000-08:00</s:lastModifiedDate>"),
            record("Journal", "42", external: "SHOP-1", "<s:lastModifiedDate>2026-11-14T03:12:00.000-08:00</s:lastModifiedDate>"), pages: 2)
        let first = try #require(soap.changes(since: since, cursor: nil, facts))
        let (end, calls) = drive(soap, first, [found])
        let search = try #require(operation(calls[0])["searchRecord"])
        #expect(search.children.map { "\($0.name.local) \($0.attribute("operator") ?? "") \($0["searchValue"]?.text ?? "")" } == [
            "externalIdString startsWith cf-", "lastModifiedDate onOrAfter 2026-11-14T09:50:00Z",
        ])
        #expect(end.output == LedgerChanges(keys: [key()], next: "2/WEBSERVICES_1", watermark: Timestamp(rfc3339: "2026-11-14T10:12:00Z")))
        let second = try #require(soap.changes(since: since, cursor: "2/WEBSERVICES_1", facts))
        let more = drive(soap, second, [searched(pages: 2, operation: "searchMoreWithId")])
        #expect(try operation(more.calls[0])["searchId"]?.text == "WEBSERVICES_1" && operation(more.calls[0])["pageIndex"]?.text == "2")
        #expect(more.end.output == LedgerChanges(keys: [], next: nil, watermark: nil))
    }
}
