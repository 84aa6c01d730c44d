import Kernel
import Testing
import TwinKit
import Wire

@testable import TwinNetSuite

@Suite("NetSuite: bills and purchase orders")
struct SuitePurchaseTests {
    private func order(
        _ bench: SuiteBench, _ lines: String = "item: {items: [{item: {id: \"83\"}, quantity: 40, rate: 2, amount: 80}]}", key: String = "cf-0123456789abcdef"
    ) throws -> Int {
        try bench.create("purchaseOrder", "{externalId: \"\(key)\", entity: {id: \"421\"}, tranDate: \"2026-11-14\", \(lines)}")
    }

    @Test("a bill debits its lines' accounts, has its tax back, and owes the vendor")
    func bill() throws {
        let bench = try SuiteBench()
        let id = try bench.create(
            "vendorBill",
            """
            {externalId: "cf-0123456789abcdef", entity: {id: "421"}, tranDate: "2026-11-14", account: {id: "108"},
             expense: {items: [{account: {id: "125"}, amount: 100.00, taxCode: {id: "7"}, tax1Amt: 20.00, grossAmt: 120.00, memo: "Clay"}]}}
            """)
        let entry = try #require(bench.twin.entries().first { $0.id == "\(id)" })
        #expect(entry.kind == "bill" && entry.key == "0123456789abcdef")
        #expect(entry.lines.map { "\($0.account): \($0.baseMinor)" }.sorted() == ["1310: 2000", "2000: -12000", "6000: 10000"])
        let read = try bench.read("vendorBill", id)
        #expect(read["total"]?.decimal == ExactDecimal(120) && read["taxTotal"]?.decimal == ExactDecimal(20))
    }

    @Test("an order has a number and sums, and is in no books")
    func books() throws {
        let bench = try SuiteBench()
        let id = try order(bench)
        let read = try bench.read("purchaseOrder", id)
        #expect(read["tranId"] == "PO1001" && read["total"]?.decimal == ExactDecimal(80) && read["item"]?["items"]?[0]?["quantity"]?.decimal == ExactDecimal(40))
        #expect(bench.twin.entries().isEmpty)
        #expect(bench.twin.orders().map { $0["entity"]?["refName"] } == ["Pottery supplies"])
        let expenses = try order(bench, "expense: {items: [{account: {id: \"106\"}, amount: 12.50, memo: \"5 x PEN\"}]}", key: "cf-0123456789abcdeg")
        #expect(try bench.read("purchaseOrder", expenses)["total"]?.decimal == ExactDecimal("12.5"))
    }

    @Test("an external id is one document's, an item for sale alone is not ordered, an order needs its vendor and a line")
    func refused() throws {
        let bench = try SuiteBench()
        _ = try order(bench)
        func no(_ body: String) throws -> String {
            let answer = try bench.send(.post, "/record/v1/purchaseOrder", body)
            #expect(answer.status == 400)
            return try JSON(parsing: answer.body)["o:errorDetails"]?[0]?["detail"]?.string ?? ""
        }
        #expect(try no("{externalId: \"cf-0123456789abcdef\", entity: {id: \"421\"}, item: {items: [{item: {id: \"83\"}, amount: 1}]}}").contains("already exists"))
        #expect(try no("{entity: {id: \"421\"}, item: {items: [{item: {id: \"77\"}, amount: 1}]}}").contains("77"))
        #expect(try no("{entity: {id: \"401\"}, item: {items: [{item: {id: \"83\"}, amount: 1}]}}").contains("401"))
        #expect(try no("{item: {items: [{item: {id: \"83\"}, amount: 1}]}}").contains("Entity"))
        #expect(try no("{entity: {id: \"421\"}}").contains("line item"))
    }

    @Test("a closed period keeps bills out, and no order")
    func periods() throws {
        let bench = try SuiteBench()
        let bill = "{entity: {id: \"421\"}, tranDate: \"2026-10-14\", expense: {items: [{account: {id: \"125\"}, amount: 1}]}}"
        #expect(try bench.send(.post, "/record/v1/vendorBill", bill).status == 400)
        let id = try bench.create("purchaseOrder", bill)
        #expect(try bench.send(.delete, "/record/v1/purchaseOrder/\(id)").status == 204)
    }

    @Test("queries tell bills and orders by their types, and items by what they are for")
    func queries() throws {
        let bench = try SuiteBench()
        _ = try order(bench)
        func rows(_ query: String) throws -> [JSON] {
            let answer = try bench.send(.post, "/query/v1/suiteql", JSON.object([("q", .string(query))]).text, ["Prefer": "transient"])
            return try JSON(parsing: answer.body)["items"]?.array ?? []
        }
        #expect(try rows("SELECT id, type FROM transaction WHERE externalid IN ('cf-0123456789abcdef')").map { $0["type"] } == ["PurchOrd"])
        let items = try rows("SELECT itemid, itemtype, subtype FROM item WHERE id IN (77, 83) ORDER BY id")
        #expect(items.map { $0["subtype"]?.string } == ["Sale", nil] && items[1]["itemtype"] == "InvtPart")
    }

    @Test("orders outlive the twin")
    func reopened() throws {
        let bench = try SuiteBench()
        let id = try order(bench)
        #expect(try bench.reopened().read("purchaseOrder", id)["total"]?.decimal == ExactDecimal(80))
    }
}
