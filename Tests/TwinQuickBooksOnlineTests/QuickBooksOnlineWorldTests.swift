import Crypto
import Kernel
import TwinKit
import TwinQuickBooksOnline
import Testing
import Wire

/// What people do by hand, how the app hears of changes, and what it may read.
@Suite struct QuickBooksOnlineWorldTests {
    private static let url = "http://127.0.0.1:9/hooks/qbo"

    /// Customer 1 with an invoice of 100 (number k1), and a subscribed app.
    private func bench(shape: String? = "notifications", limits: QuickBooksOnlineLimits = .none) throws -> (QuickBooksOnlineBench, String) {
        let bench = try QuickBooksOnlineBench(limits: limits)
        _ = try bench.customer()
        let id = try bench.make("Invoice", QuickBooksOnlineRuleTests.invoice()).shown("Id")
        if let shape { _ = try happen(bench, "{do: 'subscribes', url: '\(Self.url)', shape: '\(shape)'}") }
        return (bench, id)
    }

    @discardableResult
    private func happen(_ bench: QuickBooksOnlineBench, _ json5: String) throws -> JSON {
        try bench.twin.happen(try JSON(json5: json5), at: bench.clocks.now())
    }

    private func taken(_ bench: QuickBooksOnlineBench) -> [DueWebhook] { bench.twin.takeWebhooks(at: bench.clocks.now(), most: 100) }

    /// The changes that wait, `Invoice 2 Update`, settled as acknowledged.
    private func changes(_ bench: QuickBooksOnlineBench) throws -> [[String]] {
        try taken(bench).map { webhook in
            bench.twin.settleWebhook(webhook.id, status: 200, at: bench.clocks.now())
            let entities = try JSON(parsing: webhook.request.body).shownList("eventNotifications", "0", "dataChangeEvent", "entities")
            return entities.map { "\($0.shown("name")) \($0.shown("id")) \($0.shown("operation"))" }
        }
    }

    // MARK: Webhooks

    /// - Source: QuickBooks Online docs, "Webhooks", sample notification.
    @Test("a change goes out in the old shape, signed over its bytes with the verifier token")
    func notifications() throws {
        let (bench, _) = try bench()
        _ = try bench.make("Invoice", QuickBooksOnlineRuleTests.invoice(number: "k2"))
        let webhook = try #require(taken(bench).first)
        let body = webhook.request.body
        let entity = #"{"name":"Invoice","id":"2","operation":"Create","lastUpdated":"2026-11-14T18:00:00.000Z"}"#
        let expected = #"{"eventNotifications":[{"realmId":"9130350000000001","dataChangeEvent":{"entities":[\#(entity)]}}]}"#
        #expect(String(decoding: body, as: UTF8.self) == expected)
        #expect(webhook.request.target == Self.url)
        #expect(webhook.request.fields["intuit-signature"] == Base64.encode(HMAC.sha256(key: Array(QuickBooksOnlineTwin.verifierToken.utf8), body)))
        #expect(taken(bench).isEmpty, "what was taken is not given again")
    }

    /// - Source: Intuit blog, "Upcoming change to webhooks payload structure", sample event.
    @Test("a change goes out as an array of cloud events, each with an id of its own")
    func cloudEvents() throws {
        let (bench, invoice) = try bench(shape: "cloudevents")
        _ = try bench.make("Payment", QuickBooksOnlineBooksTests.payment("40", [("40", "Invoice", invoice)]))
        let events = try #require(try JSON(parsing: taken(bench)[0].request.body).array)
        #expect(events.map { $0.shown("type") } == ["qbo.payment.created.v1", "qbo.invoice.updated.v1"])
        let first = try #require(events.first)
        let expected = [
            ("specversion", "1.0"), ("datacontenttype", "application/json"), ("intuitentityid", "2"), ("intuitaccountid", "9130350000000001"),
        ]
        for (name, value) in expected {
            #expect(first.shown(name) == value, "\(name)")
        }
        #expect(first["data"] == [:] && first.shown("source").hasPrefix("intuit.") && first.shown("time").count == "2026-11-20T21:31:25.179851517Z".count)
        #expect(Set(events.map { $0.shown("id") }).count == 2 && first.shown("id").count == 36)
    }

    @Test("what nobody acknowledges with 200 comes again after 10, 20, 30 seconds, 5, 20 minutes, 2, 4, 6 and 6 hours, and later ones wait behind it")
    func retries() throws {
        let (bench, _) = try bench()
        _ = try bench.make("Customer", "{DisplayName: 'A'}")
        let first = try #require(taken(bench).first)
        bench.twin.settleWebhook(first.id, status: 202, at: bench.clocks.now())
        _ = try bench.make("Customer", "{DisplayName: 'B'}")
        #expect(taken(bench).isEmpty)
        for seconds: Int64 in [10, 20, 30, 300, 1200, 7200, 14_400, 21_600, 21_600] {
            #expect(bench.twin.nextWebhook() == bench.clocks.now() + .seconds(seconds))
            bench.clocks.advance(by: .seconds(seconds))
            let again = taken(bench)
            #expect(again.map(\.id) == [first.id] && again.first?.request.body == first.request.body)
            bench.twin.settleWebhook(first.id, status: nil, at: bench.clocks.now())
        }
        let later = try bench.restarted()
        later.clocks.advance(by: .seconds(21_600))
        #expect(later.twin.takeWebhooks(at: later.clocks.now(), most: 9).map(\.id) == [first.id])
        later.twin.settleWebhook(first.id, status: 200, at: later.clocks.now())
        let last = later.twin.takeWebhooks(at: later.clocks.now(), most: 9)
        #expect(last.count == 1 && last[0].id != first.id)
    }

    @Test("only what was asked for is told, and nothing after the app's webhook is gone")
    func entities() throws {
        let (bench, _) = try bench(shape: nil)
        #expect(try changes(bench) == [])
        try happen(bench, "{do: 'subscribes', url: '\(Self.url)', entities: ['Vendor', 'bill'], shape: 'notifications', verifier: 'other'}")
        _ = try bench.customer("Nobody asked")
        _ = try bench.make("Vendor", "{DisplayName: 'Hicks Hardware'}")
        _ = try bench.make("Attachable", "{Note: 'n'}")
        #expect(try changes(bench) == [["Vendor 1 Create"]])
        _ = try bench.make("Vendor", "{DisplayName: 'Another'}")
        try happen(bench, "{do: 'unsubscribes'}")
        #expect(taken(bench).isEmpty && bench.twin.nextWebhook() == nil)
        for members in ["url: 'http://example.com/'", "url: '\(Self.url)', shape: 'xml'", "url: '\(Self.url)', entities: ['Attachable']"] {
            let body = "{do: 'subscribes', \(members)}"
            #expect(throws: Fault.self) { try happen(bench, body) }
        }
    }

    // MARK: By hand

    @Test("what a person edits, voids and deletes shows to the app as its own changes do: in the object, the change feed and a webhook")
    func byHand() throws {
        let (bench, id) = try bench()
        bench.clocks.advance(by: .seconds(60))
        let since = "2026-11-14T10:00:30-08:00"
        try happen(bench, "{do: 'edits', entity: 'Invoice', number: 'k1', object: {PrivateNote: 'typed over'}}")
        #expect(try bench.get("invoice/\(id)").body.shown("Invoice", "PrivateNote") == "typed over")
        #expect(try changes(bench) == [["Invoice \(id) Update"]])
        try happen(bench, "{do: 'voids', entity: 'Invoice', id: '\(id)'}")
        #expect(try bench.get("invoice/\(id)").body.shown("Invoice", "TotalAmt") == "0")
        #expect(try changes(bench) == [["Invoice \(id) Void"]])
        let made = try happen(bench, "{do: 'enters', entity: 'Invoice', object: \(QuickBooksOnlineRuleTests.invoice(number: "hand"))}").shown("id")
        try happen(bench, "{do: 'deletes', entity: 'Invoice', id: '\(made)'}")
        #expect(try changes(bench) == [["Invoice \(made) Create"], ["Invoice \(made) Delete"]])
        let feed = try bench.get("cdc?entities=Invoice,Vendor&changedSince=\(Form.percent(since))").body
        let rows = feed.shownList("CDCResponse", "0", "QueryResponse", "0", "Invoice")
        #expect(rows.map { $0.shown("Id") + $0.shown("status") } == [id, made + "Deleted"])
        #expect(feed["CDCResponse"]?[0]?["QueryResponse"]?[1] == [:])
    }

    @Test("the closing date stops the app and not the person")
    func closed() throws {
        let (bench, id) = try bench()
        bench.twin.setLockDate(LocalDate("2026-11-14"))
        #expect(try bench.refusal("invoice?operation=void", "{Id: '\(id)', SyncToken: '0'}") == "6200")
        try happen(bench, "{do: 'voids', entity: 'Invoice', id: '\(id)'}")
        #expect(try changes(bench) == [["Preferences 1 Update"], ["Invoice \(id) Void"]])
    }

    @Test("an account is renamed and ended by hand; a document that isn't there, or a word that means nothing, is refused with its place")
    func names() throws {
        let (bench, _) = try bench()
        try happen(bench, "{do: 'renames', entity: 'Account', account: '4010', name: 'Homeware'}")
        try happen(bench, "{do: 'inactivates', entity: 'Account', account: '4010'}")
        let account = try bench.query("select * from Account where AcctNum = '4010' and Active in (true, false)")
        #expect(account.shown("QueryResponse", "Account", "0", "Name") == "Homeware" && account.shown("QueryResponse", "Account", "0", "Active") == "false")
        try happen(bench, "{do: 'activates', entity: 'Account', account: '4010'}")
        #expect(try changes(bench).joined().count == 3)
        let wrong = [
            ("{}", "do"), ("{do: 'rains', entity: 'Invoice', number: 'k1'}", "do"), ("{do: 'voids', entity: 'Mug'}", "entity"),
            ("{do: 'voids', entity: 'Invoice', id: '99'}", "id"), ("{do: 'renames', entity: 'Customer', id: '1'}", "name"),
        ]
        for (body, position) in wrong {
            let fault = #expect(throws: Fault.self) { try happen(bench, body) }
            #expect(fault?.code == "happening_refused" && fault?.position == position, "\(body)")
        }
    }

    @Test("a merged customer is gone, its documents are the other's, and the webhook names both")
    func merges() throws {
        let (bench, id) = try bench()
        let other = try bench.customer("Great Client")
        _ = try changes(bench)
        try happen(bench, "{do: 'merges', entity: 'Customer', id: '1', into: '\(other)'}")
        #expect(try bench.get("customer/1").body.shown("Fault", "Error", "0", "code") == "610")
        #expect(try bench.get("invoice/\(id)").body["Invoice"]?["CustomerRef"] == ["value": .string(other), "name": "Great Client"])
        #expect(try bench.get("customer/\(other)").body.shown("Customer", "Balance") == "100.00")
        let event = try JSON(parsing: taken(bench)[0].request.body).shownList("eventNotifications", "0", "dataChangeEvent", "entities")
        #expect(event.map { $0.shown("name") + $0.shown("id") + $0.shown("operation") + $0.shown("deletedId") } == ["Customer\(other)Merge1"])
        let feed = try bench.get("cdc?entities=Customer&changedSince=2026-11-01").body.shownList("CDCResponse", "0", "QueryResponse", "0", "Customer")
        #expect(feed.map { $0.shown("Id") + $0.shown("status") } == [other, "1Deleted"])
        for body in ["{do: 'merges', entity: 'Account', account: '4010', into: '31'}", "{do: 'merges', entity: 'Invoice', id: '\(id)', into: '9'}"] {
            #expect(throws: Fault.self) { try happen(bench, body) }
        }
        try happen(bench, "{do: 'merges', entity: 'Account', account: '4000', into: '40'}")
        #expect(bench.lines(id).contains("4010 -10000"))
    }

    // MARK: Preferences

    @Test("classes and locations that the company does not track are left out, and none can be made")
    func dimensions() throws {
        let (bench, _) = try bench(shape: nil)
        let item = QuickBooksOnlineRuleTests.item("", detail: "ItemRef: {value: '1'}, ClassRef: {value: '1'}")
        let header = "DepartmentRef: {value: '1'}, ClassRef: {value: '1'}"
        let on = try bench.make("Invoice", QuickBooksOnlineRuleTests.invoice(number: "a", line: item, extra: header))
        #expect(on["DepartmentRef"]?.shown("name") == "Web shop" && on["ClassRef"] == nil)
        #expect(on.shown("Line", "0", "SalesItemLineDetail", "ClassRef", "name") == "Online")
        try happen(bench, "{do: 'prefers', AccountingInfoPrefs: {ClassTrackingPerTxn: true, ClassTrackingPerTxnLine: false, TrackDepartments: false}}")
        let unknown = header.replacing("DepartmentRef: {value: '1'}", with: "DepartmentRef: {value: '9'}")
        let other = try bench.make("Invoice", QuickBooksOnlineRuleTests.invoice(number: "b", line: item, extra: unknown))
        #expect(other["DepartmentRef"] == nil && other["ClassRef"]?.shown("name") == "Online")
        #expect(other.shown("Line", "0", "SalesItemLineDetail", "ClassRef", "value") == "")
        #expect(try bench.refusal("department", "{Name: 'Shop 2'}") == "6000" && bench.refusal("class", "{Name: 'Till'}") == "")
        try happen(bench, "{do: 'prefers', AccountingInfoPrefs: {ClassTrackingPerTxn: false}}")
        #expect(try bench.refusal("class", "{Name: 'Stall'}") == "6000")
    }

    @Test("a company that applies credits by itself sets a credit memo off against the oldest invoice at once, and an invoice against what is left")
    func autoApply() throws {
        let (bench, id) = try bench(shape: nil)
        try happen(bench, "{do: 'prefers', SalesFormsPrefs: {AutoApplyCredit: true}}")
        let memo = try bench.make("CreditMemo", QuickBooksOnlineRuleTests.invoice(number: "cm", line: QuickBooksOnlineRuleTests.item("", amount: "130")))
        #expect(memo.shown("RemainingCredit") == "30.00" && memo.shown("LinkedTxn", "0", "TxnType") == "Payment")
        #expect(try bench.get("invoice/\(id)").body.shown("Invoice", "Balance") == "0")
        let invoice = try bench.make("Invoice", QuickBooksOnlineRuleTests.invoice(number: "k2"))
        #expect(invoice.shown("Balance") == "70.00")
        let payments = try bench.query("select * from Payment").shownList("QueryResponse", "Payment")
        #expect(payments.map { $0.shown("TotalAmt") } == ["0", "0"] && payments[0].shownList("Line").count == 2)
        #expect(try bench.get("customer/1").body.shown("Customer", "Balance") == "70.00")
    }

    @Test("without custom numbers the company gives its own, and AUTO_GENERATE asks for one")
    func numbers() throws {
        let (bench, _) = try bench(shape: nil)
        func number(_ extra: String) throws -> String {
            try bench.make("Invoice", QuickBooksOnlineRuleTests.invoice(number: "x").replacing("DocNumber: 'x',", with: extra)).shown("DocNumber")
        }
        #expect(try number("") == "")
        #expect(try number("DocNumber: 'AUTO_GENERATE',") == "1001")
        try happen(bench, "{do: 'prefers', SalesFormsPrefs: {CustomTxnNumbers: false}}")
        #expect(try number("") == "1002")
        try happen(bench, "{do: 'prefers', OtherPrefs: {NameValue: [{Name: 'SalesFormsPrefs.WarnDuplicateDocNumber', Value: 'false'}]}}")
        #expect(try number("DocNumber: '1002',") == "1002", "the company does not mind")
        #expect(throws: Fault.self) { try happen(bench, "{do: 'prefers', Foo: {a: 1}}") }
    }

    // MARK: Metered reads

    @Test("reads are refused with 429 when the month's are spent, writes go on, and the next month reads again")
    func metered() throws {
        var bench = try QuickBooksOnlineBench(limits: QuickBooksOnlineLimits(readsPerMonth: 4), connect: false)
        let pair = try bench.refresh("qbo-refresh-0")
        bench.token = pair.shown("access_token")
        #expect(bench.call(.get, "customer/1").status == 400, "a read that finds nothing is one too")
        let batch = "{BatchItemRequest: [{bId: '1', Query: 'select * from Item'}, {bId: '2', operation: 'create', Customer: {DisplayName: 'x'}}]}"
        #expect(try bench.post("batch", batch).status == 200)
        #expect(bench.call(.get, "cdc?entities=Invoice&changedSince=2026-11-01").status == 200)
        #expect(bench.call(.post, "query", "select * from Item", type: "application/text").status == 200)
        let spent = bench.call(.get, "preferences")
        #expect(spent.status == 429 && spent.bodyText.contains("ThrottleExceeded"))
        #expect(bench.call(.post, "batch", try JSON(json5: batch).text).status == 429)
        #expect(try bench.refusal("customer", "{DisplayName: 'still written'}") == "")
        let later = try bench.restarted(limits: QuickBooksOnlineLimits(readsPerMonth: 4))
        #expect(later.call(.get, "preferences").status == 429)
        // November ends at midnight in the company's zone, 17 days on; tokens do not last that long.
        later.clocks.advance(by: .seconds(17 * 86_400))
        var next = later
        next.token = try next.refresh(pair.shown("refresh_token")).shown("access_token")
        #expect(next.call(.get, "preferences").status == 200)
        try happen(next, "{do: 'spends', left: 1}")
        #expect(next.call(.get, "preferences").status == 200)
        #expect(next.call(.get, "preferences").status == 429)
    }
}

extension JSON {
    /// The array at a path as `shown` reads it; empty where there is none.
    func shownList(_ path: String...) -> [JSON] {
        var value: JSON? = self
        for key in path { value = Int(key).flatMap { value?[$0] } ?? value?[key] }
        return value?.array ?? []
    }
}
