import Kernel
import TwinQuickBooksOnline
import Testing
import Wire

/// The vendor's documented shapes: what a request looks like on the wire and what comes back.
@Suite struct QuickBooksOnlineWireTests {
    /// - Source: QuickBooks Online API reference, invoice sample: a taxable line, shipping, a discount, a stated tax.
    static func sample(_ customer: String, _ item: String) -> String {
        """
        {DocNumber: 'SO-10231', TxnDate: '2026-11-20', DueDate: '2026-12-20', CustomerRef: {value: '\(customer)'},
         CurrencyRef: {value: 'USD'}, ExchangeRate: 1, DepartmentRef: {value: '1'}, PrivateNote: 'cf:k order 1',
         Line: [
          {LineNum: 1, Amount: 40.00, Description: 'Mug x2', DetailType: 'SalesItemLineDetail',
           SalesItemLineDetail: {ItemRef: {value: '\(item)'}, Qty: 2, UnitPrice: 20, TaxCodeRef: {value: 'TAX'},
                                 ClassRef: {value: '1'}}},
          {Amount: 5.00, DetailType: 'SalesItemLineDetail',
           SalesItemLineDetail: {ItemRef: {value: 'SHIPPING_ITEM_ID'}}},
          {Amount: 4.00, DetailType: 'DiscountLineDetail',
           DiscountLineDetail: {PercentBased: false, DiscountAccountRef: {value: '47'}}}],
         TxnTaxDetail: {TxnTaxCodeRef: {value: '3'}, TotalTax: 3.28}}
        """
    }

    @Test("the documented invoice is answered in the documented shape")
    func invoiceSample() throws {
        let bench = try QuickBooksOnlineBench()
        let customer = try bench.customer("Great Client")
        let item = try bench.item("Mug", account: "40")
        let path = "invoice?minorversion=75&requestid=a1"
        let (status, body) = try bench.post(path, Self.sample(customer, item))
        #expect(status == 200)
        #expect(body.shown("time") == "2026-11-14T10:00:00.000-08:00")
        let invoice = try #require(body["Invoice"])
        let expected: [(String, String)] = [
            ("domain", "QBO"), ("sparse", "false"), ("SyncToken", "0"), ("DocNumber", "SO-10231"),
            ("TxnDate", "2026-11-20"),
            ("DueDate", "2026-12-20"), ("TotalAmt", "44.28"), ("HomeTotalAmt", "44.28"), ("Balance", "44.28"),
            ("ApplyTaxAfterDiscount", "false"), ("PrintStatus", "NeedToPrint"), ("EmailStatus", "NotSet"),
            ("PrivateNote", "cf:k order 1"),
        ]
        for (name, value) in expected { #expect(invoice.shown(name) == value, "\(name)") }
        #expect(invoice["CustomerRef"] == ["value": .string(customer), "name": "Great Client"])
        #expect(invoice["CurrencyRef"] == ["value": "USD", "name": "United States Dollar"])
        #expect(invoice.shown("MetaData", "CreateTime") == "2026-11-14T10:00:00-08:00")
        #expect(invoice["LinkedTxn"] == [])
        let details = (invoice["Line"]?.array ?? []).map { $0.shown("DetailType") + " " + $0.shown("Amount") }
        #expect(
            details == [
                "SalesItemLineDetail 40.00", "SalesItemLineDetail 5.00", "SubTotalLineDetail 45.00",
                "DiscountLineDetail 4.00",
            ])
        #expect(invoice.shown("Line", "0", "SalesItemLineDetail", "ItemRef", "name") == "Mug")
        #expect(invoice.shown("TxnTaxDetail", "TotalTax") == "3.28")
        #expect(invoice.shown("TxnTaxDetail", "TaxLine", "0", "DetailType") == "TaxLineDetail")
        #expect(invoice.shown("TxnTaxDetail", "TaxLine", "0", "TaxLineDetail", "TaxRateRef", "value") == "4")
        // 44.28 = 40.00 + 5.00 - 4.00 + 3.28
        #expect(bench.lines(invoice.shown("Id")) == ["1200 4428", "2200 -328", "4010 -4000", "4100 -500", "4900 400"])
    }

    @Test("every answer carries intuit_tid, and a low or missing minorversion behaves as the current one")
    func headers() throws {
        let bench = try QuickBooksOnlineBench()
        for path in ["preferences", "preferences?minorversion=4", "preferences?minorversion=75"] {
            let response = bench.call(.get, path)
            #expect(response.status == 200)
            #expect(response.fields["Content-Type"] == "application/json")
            #expect(response.fields["intuit_tid"]?.hasPrefix("1-") == true)
        }
    }

    @Test("deleting answers with the documented stub, and the object is not found after it")
    func deletion() throws {
        let bench = try QuickBooksOnlineBench()
        let customer = try bench.customer()
        let id = try bench.make("Invoice", Self.sample(customer, "1")).shown("Id")
        let (status, body) = try bench.post("invoice?operation=delete", "{Id: '\(id)', SyncToken: '0'}")
        #expect(status == 200)
        #expect(body["Invoice"] == ["domain": "QBO", "status": "Deleted", "Id": .string(id)])
        let read = try bench.get("invoice/\(id)")
        #expect(read.status == 400)
        #expect(read.body.shown("Fault", "Error", "0", "code") == "610")
        #expect(try bench.query("select * from Invoice")["QueryResponse"] == [:])
        #expect(bench.twin.entries().isEmpty)
    }

    @Test("a repeated document number is refused with the documented body")
    func duplicateBody() throws {
        let bench = try QuickBooksOnlineBench()
        let customer = try bench.customer()
        let id = try bench.make("Invoice", Self.sample(customer, "1")).shown("Id")
        let (status, body) = try bench.post("invoice", Self.sample(customer, "1"))
        #expect(status == 400)
        let error = try #require(body.member("Fault")?["Error"]?[0])
        #expect(body.shown("Fault", "type") == "ValidationFault")
        #expect(error.shown("Message") == "Duplicate Document Number Error")
        #expect(error.shown("code") == "6140")
        #expect(error.shown("Detail").hasSuffix("DocNumber=SO-10231 is assigned to TxnType=Invoice with TxnId=\(id)"))
        let free = try bench.post("invoice?include=allowduplicatedocnum", Self.sample(customer, "1"))
        #expect(free.status == 200)
        let memo = try bench.post(
            "creditmemo", Self.sample(customer, "1").replacing("DueDate: '2026-12-20',", with: ""))
        #expect(memo.status == 200, "numbers are unique per type only")
    }

    @Test("a query answers with the rows, where they start and how many they are")
    func queryShape() throws {
        let bench = try QuickBooksOnlineBench()
        let customer = try bench.customer()
        let first = try bench.make("Invoice", Self.sample(customer, "1"))
        let body = try bench.query("select * from Invoice where DocNumber = 'SO-10231'")
        let page = try #require(body["QueryResponse"])
        #expect(page["Invoice"] == [first])
        #expect(
            page.shown("startPosition") == "1" && page.shown("maxResults") == "1" && page.shown("totalCount") == "1")
        #expect(body["time"] != nil)
        #expect(try bench.query("select * from Invoice where DocNumber = 'none'")["QueryResponse"] == [:])
        #expect(try bench.query("SELECT COUNT(*) FROM Invoice")["QueryResponse"] == ["totalCount": 1])
        let posted = bench.call(.post, "query", "select * from Customer", type: "application/text")
        #expect(
            try JSON(parsing: posted.body).shown("QueryResponse", "Customer", "0", "DisplayName") == "Shop customers")
    }

    @Test("a batch answers item by item: one failure does not stop the rest")
    func batch() throws {
        let bench = try QuickBooksOnlineBench()
        let customer = try bench.customer()
        let sample = Self.sample(customer, "1")
        let (status, body) = try bench.post(
            "batch?requestid=b-1",
            """
            {BatchItemRequest: [
              {bId: 'b1', operation: 'create', Invoice: \(sample)},
              {bId: 'b2', operation: 'create', Invoice: \(sample)},
              {bId: 'b3', Query: "select * from Invoice"},
              {bId: 'b4', operation: 'create', optionsData: 'allowduplicatedocnum', Invoice: \(sample)},
              {bId: 'b5', operation: 'delete', Invoice: {Id: '999', SyncToken: '0'}},
              {bId: 'b6', operation: 'explode', Invoice: \(sample)}]}
            """)
        #expect(status == 200)
        let items = try #require(body["BatchItemResponse"]?.array)
        #expect(items.map { $0.shown("bId") } == ["b1", "b2", "b3", "b4", "b5", "b6"])
        #expect(items[0].shown("Invoice", "DocNumber") == "SO-10231")
        #expect(items[1].shown("Fault", "Error", "0", "code") == "6140")
        #expect(items[1].shown("Fault", "type") == "ValidationFault")
        #expect(items[2].shown("QueryResponse", "totalCount") == "1")
        #expect(items[3].shown("Invoice", "TotalAmt") == "44.28")
        #expect(items[4].shown("Fault", "Error", "0", "code") == "610")
        #expect(items[5].shown("Fault", "Error", "0", "code") == "500")
        let id = items[0].shown("Invoice", "Id")
        let void = try bench.post(
            "batch",
            """
            {BatchItemRequest: [{bId: 'v', operation: 'update', optionsData: 'void',
              Invoice: {Id: '\(id)', SyncToken: '0', sparse: true}}]}
            """)
        #expect(void.body.shown("BatchItemResponse", "0", "Invoice", "TotalAmt") == "0")
    }

    @Test("a batch of 31 items is refused whole, one of 30 is not")
    func batchSize() throws {
        let bench = try QuickBooksOnlineBench()
        func items(_ count: Int) -> String {
            let all = (0 ..< count).map { "{bId: '\($0)', operation: 'create', Customer: {DisplayName: 'c\($0)'}}" }
            return "{BatchItemRequest: [\(all.joined(separator: ","))]}"
        }
        let refused = try bench.post("batch", items(31))
        #expect(refused.status == 400)
        #expect(refused.body.shown("Fault", "Error", "0", "code") == "1040")
        #expect(try bench.query("select count(*) from Customer")["QueryResponse"] == ["totalCount": 0])
        #expect(try bench.post("batch", items(30)).status == 200)
        #expect(try bench.query("select count(*) from Customer")["QueryResponse"] == ["totalCount": 30])
    }

    @Test("change data capture gives whole objects and stubs of deleted ones")
    func changeDataCapture() throws {
        let bench = try QuickBooksOnlineBench()
        let customer = try bench.customer()
        let gone = try bench.make("Invoice", Self.sample(customer, "1")).shown("Id")
        bench.clocks.advance(by: .seconds(60))
        let since = Form.percent(bench.clocks.now().text(offsetSeconds: -8 * 3600))
        bench.clocks.advance(by: .seconds(60))
        _ = try bench.post("invoice?operation=delete", "{Id: '\(gone)', SyncToken: '0'}")
        let kept = try bench.make("Invoice", Self.sample(customer, "1"))
        let (status, body) = try bench.get("cdc?entities=Invoice,Payment,Customer&changedSince=\(since)")
        #expect(status == 200)
        let answers = try #require(body["CDCResponse"]?[0]?["QueryResponse"]?.array)
        #expect(answers.count == 3)
        #expect(answers[0]["Invoice"]?[0] == kept)
        #expect(answers[0].shown("Invoice", "1", "status") == "Deleted")
        #expect(answers[0].shown("Invoice", "1", "Id") == gone)
        #expect(answers[1] == [:])
        #expect(answers[2] == [:], "the customer was made before")
        #expect(try bench.get("cdc?entities=TaxRate&changedSince=\(since)").status == 400)
        #expect(try bench.get("cdc?entities=Invoice&changedSince=2026-10-01T00:00:00Z").status == 400)
        #expect(try bench.get("cdc?entities=Invoice").status == 400)
    }

    @Test("company, preferences, accounts and tax codes read as a US company with automated sales tax")
    func reference() throws {
        let bench = try QuickBooksOnlineBench()
        let company = try bench.get("companyinfo/9130350000000001").body
        #expect(company.shown("CompanyInfo", "Country") == "US")
        let preferences = try #require(try bench.get("preferences").body["Preferences"])
        #expect(preferences.shown("AccountingInfoPrefs", "BookCloseDate") == "2026-10-31")
        #expect(preferences.shown("TaxPrefs", "PartnerTaxEnabled") == "true")
        #expect(preferences.shown("CurrencyPrefs", "MultiCurrencyEnabled") == "false")
        #expect(preferences.shown("SalesFormsPrefs", "CustomTxnNumbers") == "true")
        let accounts =
            try bench.query("select * from Account maxresults 1000").member("QueryResponse")?["Account"]?.array ?? []
        let chart = accounts.map { $0.shown("AcctNum") + " " + $0.shown("AccountType") }
        for line in [
            "1200 Accounts Receivable", "1310 Other Current Asset", "1320 Other Current Asset",
            "2200 Other Current Liability",
            "2310 Other Current Liability", "2320 Other Current Liability", "4010 Income", "4020 Income", "4030 Income",
            "4040 Income", "4100 Income", "4110 Income", "4120 Income", "4900 Income", "4910 Income",
            "7900 Other Expense",
        ] { #expect(chart.contains(line), "\(line)") }
        let codes = try bench.query("select * from TaxCode")["QueryResponse"]?["TaxCode"]?.array ?? []
        #expect(codes.map { $0.shown("Id") } == ["TAX", "NON", "3"])
        #expect(try bench.get("item/1").body.shown("Item", "Name") == "Services")
    }

    @Test("an unknown path, an unknown method and a call that would be answered in XML are refused")
    func strangers() throws {
        let bench = try QuickBooksOnlineBench()
        #expect(try bench.get("estimate/1").body.shown("Fault", "Error", "0", "code") == "500")
        #expect(try bench.refusal("taxcode", "{Name: 'x'}") == "500")
        #expect(bench.call(.put, "invoice").status == 400)
        #expect(bench.send(HTTPRequest(.get, "/v4/anything")).status == 404)
        var request = HTTPRequest(.get, QuickBooksOnlineBench.company + "preferences")
        request.fields["Authorization"] = "Bearer \(bench.token)"
        #expect(bench.send(request).status == 406)
        #expect(bench.call(.post, "customer", "{\"DisplayName\":\"x\"}", type: "text/plain").status == 400)
        let broken = bench.call(.post, "customer", "{\"DisplayName\":")
        #expect(try JSON(parsing: broken.body).shown("Fault", "Error", "0", "code") == "2010")
    }
}
