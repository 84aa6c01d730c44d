import Books
import ConnectorKit
import Kernel
import Testing
import Wire

@testable import Xero

@Suite struct PostTests {
    private func outcomes(_ documents: [LedgerDocument], _ text: String) throws -> [PostOutcome] {
        try #require(drive(connector.create(documents, attempt: "a", facts), [answer(text)]).end.output)
    }

    private func code(_ outcome: PostOutcome) -> String {
        switch outcome {
        case .posted(let id, _): "posted \(id.suffix(2))"
        case .duplicate(let fault): "duplicate \(fault.code)"
        case .rejected(let fault): "rejected \(fault.code)"
        case .throttled(let fault): "throttled \(fault.code)"
        case .stale(let fault): "stale \(fault.code)"
        case .unknown(let fault): "unknown \(fault.code)"
        }
    }

    private func invoice(_ n: Int, id: Int) -> String {
        """
        {"Type":"ACCREC","InvoiceID":"\(guid(id))","InvoiceNumber":"\(key(n))","Status":"AUTHORISED","HasErrors":false,\
        "StatusAttributeString":"OK","UpdatedDateUTC":"/Date(1763640000000+0000)/"}
        """
    }

    private func failed(_ n: Int, _ message: String) -> String {
        """
        {"Type":"ACCREC","InvoiceID":"00000000-0000-0000-0000-000000000000","InvoiceNumber":"\(key(n))","HasErrors":true,\
        "StatusAttributeString":"ERROR","ValidationErrors":[{"Message":"\(message)"}]}
        """
    }

    @Test("in a batch the good ones are posted and each bad one has its own reason")
    func partly() throws {
        let messages = [
            "Invoice # must be unique.", "Account code '202' is not a valid code for this document.",
            "Account code '202' has been archived.",
            "The document date cannot be before the period lock date, currently set at 31-Oct-2026",
            "The document date cannot be before the end of year lock date, currently set at 31-Jul-2026",
            "The contact is archived",
            "The TaxType code 'X' does not exist.",
        ]
        let bad = messages.enumerated().map { failed($0.offset + 2, $0.element) }
        let text =
            "{\"Status\":\"OK\",\"Invoices\":[\(invoice(1, id: 41)),\(bad.joined(separator: ",")),\(invoice(9, id: 49))]}"
        #expect(
            try outcomes((1 ... 9).map { simple($0) }, text).map(code) == [
                "posted 41", "duplicate ledger_duplicate_number", "rejected ledger_account_invalid",
                "rejected ledger_account_invalid",
                "rejected ledger_period_closed", "rejected ledger_period_closed", "rejected ledger_party_invalid",
                "rejected ledger_refused", "posted 49",
            ])
    }

    @Test("elements in another order are known by their number, one that is missing is unknown")
    func order() throws {
        let text = "{\"Invoices\":[\(invoice(3, id: 43)),\(invoice(1, id: 41))]}"
        #expect(
            try outcomes((1 ... 3).map { simple($0) }, text).map(code) == [
                "posted 41", "unknown outcome_unknown", "posted 43",
            ])
    }

    @Test("elements without our key are taken by place only when all are there")
    func byPlace() throws {
        func paid(_ id: Int) -> String { "{\"PaymentID\":\"\(guid(id))\",\"StatusAttributeString\":\"OK\"}" }
        let both = "{\"Payments\":[\(paid(51)),\(paid(52))]}"
        #expect(try outcomes([payment(1), payment(2)], both).map(code) == ["posted 51", "posted 52"])
        #expect(
            try outcomes([payment(1), payment(2)], "{\"Payments\":[\(paid(51))]}").map(code) == [
                "unknown outcome_unknown", "unknown outcome_unknown",
            ])
        // An element with another document's key is not ours.
        let strange = "{\"Invoices\":[\(invoice(7, id: 57))]}"
        #expect(try outcomes([simple(1)], strange).map(code) == ["unknown outcome_unknown"])
    }

    @Test("an id together with complaints and without a status is neither yes nor no")
    func ambiguous() throws {
        let text = """
            {"Payments":[{"PaymentID":"\(guid(51))","Status":"AUTHORISED","HasValidationErrors":true,
            "ValidationErrors":[{"Message":"Payment amount exceeds the amount outstanding on this document"}]}]}
            """
        #expect(try outcomes([payment()], text).map(code) == ["unknown outcome_unknown"])
    }

    @Test(
        "an answer that can't be read leaves everything unknown",
        arguments: [
            "", "<html>", "{}", "{\"Invoices\":{}}", "{\"Invoices\":[", "{\"Invoices\":[{}]}", "{\"Invoices\":[null]}",
            "{\"Invoices\":[{\"StatusAttributeString\":\"OK\",\"InvoiceID\":\"00000000-0000-0000-0000-000000000000\"}]}",
        ])
    func unreadable(_ text: String) throws {
        #expect(try outcomes([simple()], text).map(code) == ["unknown outcome_unknown"])
    }

    @Test("a document that can't be said is rejected and the others are sent without it")
    func mixed() throws {
        var bad = simple(2)
        bad.party = nil
        let (end, calls) = drive(
            connector.create([simple(1), bad, simple(3)], attempt: "a", facts),
            [
                answer("{\"Invoices\":[\(invoice(1, id: 41)),\(invoice(3, id: 43))]}")
            ])
        #expect(try #require(end.output).map(code) == ["posted 41", "rejected party_missing", "posted 43"])
        #expect(calls.count == 1)
        #expect(try JSON(parsing: calls[0].request.body)["Invoices"]?.array?.count == 2)
    }

    @Test("long messages are cut, and nothing but messages gets into a fault")
    func messages() throws {
        let text = "{\"Invoices\":[\(failed(1, String(repeating: "x", count: 5_000)))]}"
        guard case .rejected(let fault) = try outcomes([simple()], text)[0] else {
            Issue.record("not rejected")
            return
        }
        #expect(fault.summary.count < 350)
    }

    @Test("fifty full documents go in one call, more or bigger ones in several with keys of their own")
    func splits() throws {
        let small = (1 ... 50).map { simple($0) }
        #expect(drive(connector.create(small, attempt: "a", facts)).calls.count == 1)
        let wide = String(repeating: "ü", count: 4_000)
        let big = (1 ... 40).map { n in
            document(
                [control(2000)] + (0 ..< 20).map { _ in line(.goods, "sales:x", -100, "200", text: wide) }, key: key(n))
        }
        let all = (1 ... 40).map { invoice($0, id: $0) }.joined(separator: ",")
        let (end, calls) = drive(
            connector.create(big, attempt: "a", facts), Array(repeating: answer("{\"Invoices\":[\(all)]}"), count: 9))
        #expect(calls.count == 3)
        #expect(calls.allSatisfy { $0.request.body.count < 3_500_000 })
        #expect(calls.map { $0.request.fields["Idempotency-Key"] } == ["a", "a-1", "a-2"])
        #expect(try #require(end.output).map(code).allSatisfy { $0.hasPrefix("posted") })
    }

    @Test("documents agree in a batch by their endpoint")
    func groups() {
        #expect(connector.batchGroup(of: payment()) == connector.batchGroup(of: refund()))
        #expect(connector.batchGroup(of: payment()) != connector.batchGroup(of: simple()))
        #expect(connector.spec.batchSizes["invoice"] == 50)
        // Nothing but the search guards these: they go alone.
        for form in ["bill", "journal", "payout", "deposit"] { #expect(connector.spec.batchSizes[form] == nil, "\(form)") }
    }

    // MARK: Changing

    @Test("an update sends all lines to the invoice's own address")
    func update() throws {
        let (end, calls) = drive(
            connector.update(simple(remoteID: guid(41)), attempt: "a", facts),
            [answer("{\"Invoices\":[\(invoice(1, id: 41))]}")])
        let call = try #require(calls.first)
        #expect(call.request.method == .post)
        #expect(call.request.target == "/api.xro/2.0/Invoices/\(guid(41))?unitdp=4")
        #expect(call.request.fields["Idempotency-Key"] == "a")
        let body = try JSON(parsing: call.request.body)
        #expect(body["Invoices"]?[0]?["InvoiceID"] == .string(guid(41)))
        #expect(body["Invoices"]?[0]?["LineItems"]?.array?.count == 1)
        #expect(end.output == .posted(remoteID: guid(41), version: "/Date(1763640000000+0000)/"))
    }

    @Test("a void sends the status alone")
    func void() throws {
        let gone = simple(remoteID: guid(41), effect: .void)
        let call = try #require(drive(connector.void(gone, attempt: "a", facts)).calls.first)
        #expect(call.request.method == .post)
        #expect(
            try JSON(parsing: call.request.body)
                == json("{\"Invoices\":[{\"InvoiceID\":\"\(guid(41))\",\"Status\":\"VOIDED\"}]}"))
    }

    @Test(
        "a void of an invoice with payments is rejected, whichever way Xero says so",
        arguments: [
            "Invoice not of valid status for modification",
            "This document cannot be edited as it has a payment or credit note allocated to it.",
        ])
    func fixed(_ message: String) throws {
        let gone = simple(remoteID: guid(41), effect: .void)
        let inBody = """
            {"Invoices":[{"InvoiceID":"\(guid(41))","HasErrors":true,"ValidationErrors":[{"Message":"\(message)"}]}]}
            """
        let end = drive(connector.void(gone, attempt: "a", facts), [answer(inBody)]).end
        #expect(end.output.map(code) == "rejected ledger_document_fixed")
        let whole = "{\"ErrorNumber\":10,\"Elements\":[{\"ValidationErrors\":[{\"Message\":\"\(message)\"}]}]}"
        #expect(
            drive(connector.void(gone, attempt: "a", facts), [answer(whole, status: 400)]).end.fault?.code
                == "ledger_document_fixed")
    }

    @Test("nothing is changed without a known id")
    func unchanged() {
        for (end, calls) in [
            drive(connector.update(payment(), attempt: "a", facts)),
            drive(connector.void(payment(remoteID: "1\" OR 1==1"), attempt: "a", facts)),
            drive(connector.update(simple(), attempt: "a", facts)),
            drive(connector.void(simple(remoteID: "1/../2"), attempt: "a", facts)),
        ] {
            #expect(calls.isEmpty)
            guard case .rejected? = end.output else {
                Issue.record("not rejected")
                continue
            }
        }
    }
}
