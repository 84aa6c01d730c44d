import Kernel
import Testing
import TwinKit
import Wire

@testable import TwinNetSuite

@Suite("NetSuite: the REST record API")
struct SuiteRESTTests {
    /// - Source: the sheet's sample of an invoice, and of how one is read.
    @Test("an invoice is created with 204 and its place, and debits the receivable account")
    func invoice() throws {
        let bench = try SuiteBench()
        let id = try bench.create(
            "invoice",
            """
            {externalId: "SHOP-INV-1001", entity: {id: "412"}, tranDate: "2026-11-20", dueDate: "2026-12-20", otherRefNum: "#1001", memo: "Web order 1001",
             currency: {id: "1"}, exchangeRate: 1.0, department: {id: "3"}, class: {id: "2"}, location: {id: "1"},
             item: {items: [{item: {id: "77"}, quantity: 2, price: {id: "-1"}, rate: 19.99, amount: 39.98, description: "Blue mug", taxCode: {id: "9"}}]}}
            """)
        #expect(id == 9001)
        let row = try bench.read("invoice", id)
        #expect(row["id"] == "9001" && row["subtotal"] == .number("39.98") && row["taxTotal"] == .number("3.3") && row["total"] == .number("43.28"))
        #expect(row["amountRemaining"] == .number("43.28") && row["status"] == "Open" && row["tranId"] == "INV1001")
        #expect(row["entity"]?["refName"] == "Ann Doe" && row.member("item", "items")?[0]?["taxCode"]?["id"] == "9")
        #expect(bench.lines(id) == ["1100: 4328", "4100: -3998", "2100: -330"])
        let full = try JSON(parsing: try bench.send(.get, "/record/v1/invoice/eid:SHOP-INV-1001").body)
        #expect(full["status"]?["refName"] == "Open" && full["item"]?["items"] == nil && full["lastModifiedDate"] == "2026-11-20T09:00:00Z")
    }

    @Test("taxes may be said for a line, for the whole, or by SuiteTax's details")
    func taxes() throws {
        let bench = try SuiteBench()
        func total(_ body: String) throws -> [String?] {
            let row = try bench.read("invoice", bench.create("invoice", "{entity: {id: \"412\"}, \(body)}"))
            return [row["taxTotal"]?.text, row["total"]?.text]
        }
        let line = "item: {id: \"77\"}, amount: 39.98"
        #expect(try total("item: {items: [{\(line), taxCode: {id: \"7\"}, tax1Amt: 3.21}]}") == ["3.21", "43.19"])
        #expect(try total("item: {items: [{item: {id: \"77\"}, grossAmt: 108, taxCode: {id: \"7\"}}]}") == ["8.0", "108.0"])
        let untaxed = "{item: {id: \"82\"}, amount: 10, isTaxable: false}"
        #expect(try total("taxItem: {id: \"9\"}, item: {items: [{\(line), isTaxable: true}, \(untaxed)]}") == ["3.3", "53.28"])
        #expect(try total("shippingCost: 5, shippingTaxCode: {id: \"7\"}, item: {items: [{\(line)}]}") == ["0.4", "45.38"])
        let details = "taxDetails: {items: [{taxDetailsReference: {id: \"L1\"}, taxType: \"1\", taxCode: {id: \"9\"}, taxBasis: 39.98, taxRate: 8.25, taxAmount: 3.31}]}"
        #expect(try total("taxDetailsOverride: true, item: {items: [{\(line), taxDetailsReference: \"L1\"}]}, \(details)") == ["3.31", "43.29"])
        let foreign = try bench.refusal(.post, "/record/v1/invoice", "{entity: {id: \"412\"}, item: {items: [{\(line), taxCode: {id: \"8\"}}]}}")
        #expect(foreign.code == "USER_ERROR" && foreign.detail.contains("reference key 8 for subsidiary 1"))
    }

    @Test("discounts come off a line or the whole")
    func discounts() throws {
        let bench = try SuiteBench()
        let id = try bench.create(
            "cashSale",
            """
            {entity: {id: "401"}, account: {id: "103"}, discountItem: {id: "76"}, discountRate: -5,
             item: {items: [{item: {id: "77"}, quantity: 2}, {item: {id: "76"}, rate: "-10%"}, {item: {id: "72"}, amount: 25}]}}
            """)
        #expect(bench.lines(id) == ["1020: 5598", "4100: -3998", "4900: 400", "2200: -2500", "4900: 500"])
        #expect(try bench.read("cashSale", id)["status"] == "Deposited")
    }

    @Test("the same external id is refused, and a PUT by it adds once and changes after")
    func externalIDs() throws {
        let bench = try SuiteBench()
        let body = "{entity: {id: \"412\"}, memo: \"a\", item: {items: [{item: {id: \"77\"}, amount: 10}]}}"
        for memo in ["a", "b"] {
            let answer = try bench.send(.put, "/record/v1/invoice/eid:INV-7", body.replacing("\"a\"", with: "\"\(memo)\""))
            #expect(answer.status == 204 && answer.fields["Location"]?.hasSuffix("/invoice/9001") == true)
        }
        #expect(try bench.read("invoice", 9001)["memo"] == "b")
        let again = try bench.refusal(.post, "/record/v1/cashSale",
            "{externalId: \"INV-7\", entity: {id: \"412\"}, item: {items: [{item: {id: \"77\"}, amount: 10}]}}")
        #expect(again == (400, "USER_ERROR", "Error while accessing a resource. This record already exists"))
        #expect(try bench.refusal(.get, "/record/v1/cashSale/eid:INV-7").code == "NONEXISTENT_ID")
        #expect(try bench.refusal(.put, "/record/v1/invoice/9001", body).status == 400)
    }

    @Test("lines are merged by their number, unless the list is replaced")
    func lines() throws {
        let bench = try SuiteBench()
        let id = try bench.invoice()
        #expect(try bench.send(.patch, "/record/v1/invoice/\(id)", "{item: {items: [{line: 1, amount: 50}, {item: {id: \"82\"}, amount: 7}]}}").status == 204)
        #expect(bench.lines(id) == ["1100: 6100", "4100: -5000", "4000: -700", "2100: -400"])
        #expect(try bench.send(.patch, "/record/v1/invoice/\(id)?replace=item", "{item: {items: [{item: {id: \"82\"}, amount: 7}]}}").status == 204)
        #expect(bench.lines(id) == ["1100: 700", "4000: -700"])
    }

    @Test("payments, credits and refunds are applied, and no more than is open")
    func applied() throws {
        let bench = try SuiteBench()
        let invoice = try bench.invoice()
        func pay(_ amount: String) -> String {
            "{customer: {id: \"412\"}, payment: \(amount), account: {id: \"103\"}, apply: {items: [{doc: {id: \"\(invoice)\"}, apply: true, amount: \(amount)}]}}"
        }
        let payment = try bench.create("customerPayment", pay("60"))
        #expect(bench.lines(payment) == ["1020: 6000", "1100: -6000"])
        #expect(try bench.read("invoice", invoice)["amountRemaining"] == .number("48.0"))
        #expect(try bench.refusal(.post, "/record/v1/customerPayment", pay("48.01")).code == "USER_ERROR")
        let memo = try bench.create(
            "creditMemo", "{entity: {id: \"412\"}, item: {items: [{item: {id: \"77\"}, amount: 100}]}, apply: {items: [{doc: {id: \"\(invoice)\"}, apply: true}]}}")
        let row = try bench.read("creditMemo", memo)
        #expect(row["applied"] == .number("48.0") && row["amountRemaining"] == .number("52.0"))
        #expect(try bench.read("invoice", invoice)["status"] == "Paid In Full")
        let refund = try bench.create("customerRefund",
            "{customer: {id: \"412\"}, account: {id: \"103\"}, apply: {items: [{doc: {id: \"\(memo)\"}, apply: true, amount: 52}]}}")
        #expect(bench.lines(refund) == ["1020: -5200", "1100: 5200"])
        #expect(try bench.read("creditMemo", memo)["status"] == "Fully Applied")
        #expect(try bench.refusal(.delete, "/record/v1/invoice/\(invoice)").detail.contains("dependent records"))
        #expect(try bench.send(.delete, "/record/v1/customerPayment/\(payment)").status == 204)
        #expect(try bench.read("invoice", invoice)["amountRemaining"] == .number("60.0"))
    }

    @Test("records are made of others")
    func transforms() throws {
        let bench = try SuiteBench()
        let invoice = try bench.invoice()
        let answer = try bench.send(.post, "/record/v1/invoice/\(invoice)/!transform/creditMemo", "{externalId: \"CM-1\"}")
        #expect(answer.status == 204 && answer.fields["Location"]?.hasSuffix("/creditMemo/9002") == true)
        #expect(bench.lines(9002) == ["1100: -10800", "4100: 10000", "2100: 800"])
        #expect(try bench.read("invoice", invoice)["status"] == "Paid In Full")
        #expect(try bench.refusal(.post, "/record/v1/invoice/\(invoice)/!transform/salesOrder").status == 404)
    }

    @Test("another currency goes at its rate, and what a payment gains is shown")
    func currencies() throws {
        let bench = try SuiteBench()
        let invoice = try bench.create("invoice", "{entity: {id: \"412\"}, currency: {id: \"4\"}, exchangeRate: 1.1, item: {items: [{item: {id: \"77\"}, amount: 100}]}}")
        #expect(bench.lines(invoice) == ["1100: 11000", "4100: -11000"])
        let payment = try bench.create(
            "customerPayment",
            "{customer: {id: \"412\"}, currency: {id: \"4\"}, exchangeRate: 1.2, payment: 100, account: {id: \"101\"}, apply: {items: [{doc: {id: \"\(invoice)\"}, apply: true}]}}")
        #expect(bench.lines(payment) == ["1000: 12000", "1100: -11000", "7000: -1000"])
        let own = try bench.create("customer", "{companyName: \"Only dollars\", subsidiary: {id: \"1\"}}")
        #expect(try bench.refusal(.post, "/record/v1/invoice",
            "{entity: {id: \"\(own)\"}, currency: {id: \"4\"}, item: {items: [{item: {id: \"77\"}, amount: 1}]}}").detail
            .contains("Invalid currency reference key 4 for entity \(own)"))
    }

    @Test("journals must balance, and deposits empty undeposited funds")
    func journals() throws {
        let bench = try SuiteBench()
        func journal(_ credit: String) -> String {
            "{subsidiary: {id: \"1\"}, tranDate: \"2026-11-20\", memo: \"cf:0123456789abcdef payout\", line: {items: [{account: {id: \"101\"}, debit: 100.00}, {account: {id: \"103\"}, credit: \(credit)}]}}"
        }
        #expect(bench.lines(try bench.create("journalEntry", journal("100"))) == ["1000: 10000", "1020: -10000"])
        #expect(bench.twin.entries().first?.key == "0123456789abcdef")
        #expect(try bench.refusal(.post, "/record/v1/journalEntry", journal("99")).detail.contains("must balance"))
        #expect(try bench.refusal(.post, "/record/v1/journalEntry", "{memo: \"x\"}").detail.contains("Subsidiary"))
        let sale = try bench.create("cashSale", "{entity: {id: \"401\"}, item: {items: [{item: {id: \"77\"}, amount: 20}]}}")
        #expect(bench.lines(sale) == ["1010: 2000", "4100: -2000"])
        #expect(try bench.read("cashSale", sale)["status"] == "Not Deposited")
        let deposit = try bench.create(
            "deposit",
            "{account: {id: \"101\"}, payment: {items: [{id: {id: \"\(sale)\"}, deposit: true}]}, other: {items: [{account: {id: \"126\"}, amount: -0.88}]}}")
        #expect(bench.lines(deposit) == ["1000: 1912", "1010: -2000", "6200: 88"])
        #expect(try bench.refusal(.delete, "/record/v1/cashSale/\(sale)").status == 400)
    }

    @Test("closed and locked periods refuse what touches the books")
    func periods() throws {
        let bench = try SuiteBench()
        let body = "{entity: {id: \"412\"}, tranDate: \"2026-10-31\", item: {items: [{item: {id: \"77\"}, amount: 10}]}}"
        let closed = try bench.refusal(.post, "/record/v1/invoice", body)
        #expect(closed.status == 400 && closed.code == "USER_ERROR" && closed.detail.contains("closed posting period") && closed.detail.contains("Oct 2026"))
        bench.twin.setLockDate(LocalDate(year: 2026, month: 9, day: 30))
        let id = try bench.create("invoice", body)
        bench.twin.setLockDate(LocalDate(year: 2026, month: 10, day: 31))
        #expect(try bench.send(.patch, "/record/v1/invoice/\(id)", "{memo: \"words only\"}").status == 204)
        #expect(try bench.refusal(.patch, "/record/v1/invoice/\(id)", "{item: {items: [{line: 1, amount: 11}]}}").detail.contains("closed"))
        #expect(try bench.refusal(.delete, "/record/v1/invoice/\(id)").detail.contains("closed"))
        bench.twin.lockPeriod("Nov 2026", "ar")
        #expect(try bench.refusal(.post, "/record/v1/invoice", body.replacing("2026-10-31", with: "2026-11-03")).detail.contains("locked for A/R"))
        #expect(try bench.send(.post, "/record/v1/vendorBill",
            "{entity: {id: \"421\"}, tranDate: \"2026-11-03\", expense: {items: [{account: {id: \"125\"}, amount: 5}]}}").status == 204)
    }

    @Test("what means nothing is refused with its place", arguments: [
        ("{entity: {id: \"412\"}, nothing: 1}", "INVALID_CONTENT"), ("{entity: \"412\"}", "INVALID_CONTENT"), ("{entity: {id: \"9999\"}}", "USER_ERROR"),
        ("{entity: {id: \"421\"}}", "USER_ERROR"), ("{}", "USER_ERROR"), ("{entity: {id: \"412\"}}", "USER_ERROR"),
        ("{entity: {externalId: \"no\"}}", "USER_ERROR"),
        ("{entity: {id: \"412\"}, tranDate: \"20 Nov\"}", "INVALID_CONTENT"), ("{entity: {id: \"412\"}, exchangeRate: \"1\"}", "INVALID_CONTENT"),
        ("{entity: {id: \"412\"}, item: {items: [{item: {id: \"77\"}, amount: 1e29}]}}", "USER_ERROR"),
        ("{entity: {id: \"412\"}, item: {items: [{item: {id: \"77\"}, quantity: 1e25, rate: 1e25}]}}", "USER_ERROR"),
        ("{entity: {id: \"412\"}, item: {items: [{item: {id: \"77\"}, amount: -1}]}}", "USER_ERROR"),
        ("{entity: {id: \"412\"}, department: {id: \"4\"}, item: {items: [{item: {id: \"77\"}, amount: 1}]}}", "USER_ERROR"),
    ])
    func refusals(body: String, code: String) throws {
        let bench = try SuiteBench()
        let refusal = try bench.refusal(.post, "/record/v1/invoice", body)
        #expect(refusal.status == 400 && refusal.code == code, "\(refusal.detail)")
        #expect(bench.twin.entries().isEmpty)
    }

    @Test("unknown names are passed over without a trace unless they are to be errors")
    func names() throws {
        let bench = try SuiteBench()
        let body = "{entity: {id: \"412\"}, memoo: \"x\", custbody_shop_id: \"1001\", item: {items: [{item: {id: \"77\"}, amount: 1}]}}"
        #expect(try bench.send(.post, "/record/v1/invoice", body, ["X-NetSuite-PropertyNameValidation": "Warning"]).status == 204)
        #expect(try bench.read("invoice", 9001)["custbody_shop_id"] == "1001")
        let long = try bench.refusal(.post, "/record/v1/invoice", body.replacing("memoo: \"x\"", with: "memo: \"\(String(repeating: "x", count: 1000))\""))
        #expect(long.detail.contains("The field memo contained more than the maximum number ( 999 ) of characters allowed."))
    }

    @Test("collections are filtered and paged")
    func collections() throws {
        let bench = try SuiteBench()
        for n in 1...5 { try bench.invoice("\(n).00", external: "E-\(n)") }
        let page = try JSON(parsing: try bench.send(.get, "/record/v1/invoice?limit=2&offset=2").body)
        #expect(page["count"] == 2 && page["hasMore"] == true && page["totalResults"] == 5 && page["items"]?[0]?["id"] == "9003")
        func found(_ filter: String) throws -> [String] {
            let answer = try bench.send(.get, "/record/v1/invoice?" + Form.encode([("q", filter)]))
            #expect(answer.status == 200, "\(answer.bodyText)")
            return (try JSON(parsing: answer.body)["items"]?.array ?? []).compactMap { $0["id"]?.string }
        }
        #expect(try found("externalId IS \"E-3\"") == ["9003"])
        #expect(try found("total GREATER 3 AND (externalId IS \"E-1\" OR externalId START_WITH \"E-\")") == ["9003", "9004", "9005"])
        #expect(try found("lastModifiedDate AFTER \"11/20/2026 10:00 AM\"").isEmpty)
        #expect(try found("lastModifiedDate ON_OR_AFTER \"11/20/2026 9:00 AM\"").count == 5)
        for bad in ["nothing IS 1", "externalId", "externalId IS", "(externalId IS 1", "externalId LIKE x", "\""] {
            #expect(try bench.refusal(.get, "/record/v1/invoice?" + Form.encode([("q", bad)])).code == "INVALID_PARAMETER")
        }
        #expect(try bench.refusal(.get, "/record/v1/invoice?limit=1001").code == "INVALID_PARAMETER")
        #expect(try bench.refusal(.get, "/record/v1/nothing").status == 404)
    }

    @Test("the idempotency key counts with asynchronous requests only")
    func jobs() throws {
        let bench = try SuiteBench()
        let body = "{entity: {id: \"412\"}, item: {items: [{item: {id: \"77\"}, amount: 1}]}}"
        let key = "00000000-0000-4000-8000-000000000001"
        for _ in 0..<2 { #expect(try bench.send(.post, "/record/v1/invoice", body, ["X-NetSuite-Idempotency-Key": key]).status == 204) }
        let first = try bench.send(.post, "/record/v1/invoice", body, ["X-NetSuite-Idempotency-Key": key, "Prefer": "respond-async"])
        #expect(first.status == 202)
        let second = try bench.send(.post, "/record/v1/invoice", body, ["X-NetSuite-Idempotency-Key": key, "Prefer": "respond-async"])
        #expect(second.status == 400 && second.fields["Location"] == first.fields["Location"])
        #expect(try JSON(parsing: second.body)["title"] == "Conflict" && bench.twin.entries().count == 3)
        let again = try bench.reopened()
        let result = try again.send(.get, "/async/v1/job/1/task/1/result")
        #expect(result.status == 204 && result.fields["Location"]?.hasSuffix("/invoice/9003") == true)
        #expect(try JSON(parsing: try again.send(.get, "/async/v1/job/1").body)["completed"] == true)
    }

    @Test("the catalogue tells records and their fields")
    func catalogue() throws {
        let bench = try SuiteBench()
        let whole = try JSON(parsing: try bench.send(.get, "/record/v1/metadata-catalog").body)
        #expect((whole["items"]?.array ?? []).contains { $0["name"] == "cashSale" })
        let one = try JSON(parsing: try bench.send(.get, "/record/v1/metadata-catalog/invoice", "", ["Accept": "application/schema+json"]).body)
        #expect(one.member("properties", "item", "properties", "items", "items", "properties", "tax1Amt") != nil)
        #expect(try JSON(parsing: try bench.send(.get, "/system/v1/governanceLimits").body)["accountConcurrencyLimit"] == 5)
    }
}
