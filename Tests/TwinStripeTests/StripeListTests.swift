import Kernel
import Testing
import Wire

@testable import TwinStripe

@Suite("Stripe's lists")
struct StripeListTests {
    /// Customers c0 … c11, a second apart.
    private func desk(_ count: Int = 12) throws -> (StripeDesk, [String]) {
        let desk = try StripeDesk()
        var ids: [String] = []
        for n in 0..<count {
            ids.append(try #require(try desk.post("customers", [("name", "c\(n)"), ("email", "c\(n % 2)@example.com")]).text("id")))
            desk.wait(.seconds(1))
        }
        return (desk, ids)
    }

    @Test("the newest come first, ten a page, and has_more tells of the rest")
    func firstPage() throws {
        let (desk, ids) = try desk()
        let page = try desk.get("customers")
        #expect((page["data"]?.array ?? []).compactMap { $0.text("id") } == Array(ids.reversed().prefix(10)))
        #expect(page.flag("has_more"))
        #expect(page.text("url") == "/v1/customers")
        #expect(try desk.get("customers", [("limit", "12")]).flag("has_more") == false)
    }

    @Test("starting_after goes on to older ones, ending_before back to newer ones, without a gap")
    func cursors() throws {
        let (desk, ids) = try desk()
        let newest = Array(ids.reversed())
        #expect(try desk.ids("customers", [("limit", "5"), ("starting_after", newest[4])]) == Array(newest[5..<10]))
        let last = try desk.get("customers", [("limit", "5"), ("starting_after", newest[9])])
        #expect((last["data"]?.array ?? []).count == 2)
        #expect(last.flag("has_more") == false)
        let back = try desk.get("customers", [("limit", "3"), ("ending_before", newest[5])])
        #expect((back["data"]?.array ?? []).compactMap { $0.text("id") } == Array(newest[2..<5]))
        #expect(back.flag("has_more"))
        #expect(try desk.ids("customers", [("ending_before", newest[0])]) == [])
    }

    @Test("what is written while somebody pages neither repeats nor hides an older row")
    func pagingWhileWriting() throws {
        let (desk, ids) = try desk(6)
        let first = try desk.ids("customers", [("limit", "3")])
        try desk.post("customers", [("name", "late")])
        let second = try desk.ids("customers", [("limit", "3"), ("starting_after", first[2])])
        #expect(first + second == Array(ids.reversed()))
    }

    @Test("limits out of 1 to 100, both cursors at once and a cursor that is nothing are refused")
    func wrong() throws {
        let (desk, ids) = try desk(2)
        #expect(try desk.refusal(.get, "customers", [("limit", "101")]).text("param") == "limit")
        #expect(try desk.refusal(.get, "customers", [("limit", "0")]).text("code") == "parameter_invalid_integer")
        #expect(try desk.refusal(.get, "customers", [("limit", "ten")]).text("message") == "Invalid integer: ten")
        #expect(try desk.refusal(.get, "customers", [("starting_after", ids[0]), ("ending_before", ids[1])]).text("type") == "invalid_request_error")
        let missing = try desk.refusal(.get, "customers", [("starting_after", "cus_none")])
        #expect(missing.text("code") == "resource_missing" && missing.text("param") == "starting_after")
        #expect(try desk.refusal(.get, "customers", [("updated[gte]", "1")]).text("code") == "parameter_unknown")
        #expect(try desk.refusal(.get, "customers", [("created[since]", "1")]).text("param") == "created[since]")
    }

    @Test("filters: email, and a span of created with both ends")
    func filters() throws {
        let (desk, ids) = try desk(6)
        let start = desk.now.seconds - 6
        #expect(try desk.ids("customers", [("email", "c1@example.com")]) == [ids[5], ids[3], ids[1]])
        #expect(try desk.ids("customers", [("created[gte]", "\(start + 1)"), ("created[lt]", "\(start + 3)")]) == [ids[2], ids[1]])
        #expect(try desk.ids("customers", [("created", "\(start)")]) == [ids[0]])
        #expect(try desk.ids("customers", [("created[gt]", "\(start + 5)")]) == [])
    }

    @Test("a deleted customer is in no list, and can't be named again")
    func deleted() throws {
        let (desk, ids) = try desk(2)
        let gone = try desk.call(.delete, "customers/\(ids[0])")
        #expect(gone == ["id": .string(ids[0]), "object": "customer", "deleted": true])
        #expect(try desk.ids("customers") == [ids[1]])
        #expect(try desk.get("customers/\(ids[0])").flag("deleted"))
        #expect(try desk.refusal(.post, "payment_intents", [("amount", "500"), ("currency", "usd"), ("customer", ids[0])]).text("param") == "customer")
    }

    @Test("expand opens objects in objects and in lists, four levels deep and no deeper")
    func expand() throws {
        let desk = try StripeDesk()
        let customer = try #require(try desk.post("customers", [("name", "Mara")]).text("id"))
        let intent = try desk.pay(6689, more: [("customer", customer)])
        #expect(intent.member("latest_charge", "balance_transaction", "net")?.int == 6465)
        let rows = try desk.get("balance_transactions", [("expand[]", "data.source.customer"), ("expand[]", "data.source.payment_intent")])
        #expect(rows["data"]?[0]?.member("source", "customer", "name")?.string == "Mara")
        #expect(rows["data"]?[0]?.member("source", "payment_intent", "id")?.string == intent.text("id"))
        let charge = try #require(intent.member("latest_charge", "id")?.string)
        #expect(try desk.get("charges/\(charge)")["refunds"].map { _ in true } ?? false == false)
        #expect(try desk.get("charges/\(charge)", [("expand[]", "refunds")]).member("refunds", "object")?.string == "list")
        #expect(try desk.refusal(.get, "charges/\(charge)", [("expand[]", "amount")]).text("message") == "This property cannot be expanded (amount).")
        #expect(try desk.refusal(.get, "charges/\(charge)", [("expand[]", "nothing")]).text("param") == "expand")
        #expect(try desk.refusal(.get, "charges", [("expand[]", "data.a.b.c.d")]).text("message")?.contains("more than 4 levels") == true)
    }

    @Test("search finds by metadata and fields, negated and compared, page by page")
    func search() throws {
        let desk = try StripeDesk()
        for n in 1...3 { _ = try desk.pay(Int64(n) * 1000, more: [("metadata[order_id]", "10\(n)"), ("metadata[shop]", "prairie")]) }
        func found(_ query: String) throws -> [Int64] {
            (try desk.get("charges/search", [("query", query)])["data"]?.array ?? []).map { $0.minor("amount") }
        }
        #expect(try found("metadata['order_id']:'102'") == [2000])
        #expect(try found("metadata[\"shop\"]:\"PRAIRIE\" AND amount>=2000") == [3000, 2000])
        #expect(try found("amount<2000 OR amount>2000") == [3000, 1000])
        #expect(try found("-metadata['order_id']:'102' AND status:'succeeded'") == [3000, 1000])
        #expect(try found("metadata['none']:null") == [3000, 2000, 1000])
        let page = try desk.get("charges/search", [("query", "metadata['shop']~'rai'"), ("limit", "2")])
        #expect(page.text("object") == "search_result" && page.flag("has_more"))
        let next = try #require(page.text("next_page"))
        let rest = try desk.get("charges/search", [("query", "metadata['shop']~'rai'"), ("limit", "2"), ("page", next)])
        #expect(rest["data"]?.array?.count == 1 && rest.flag("has_more") == false)
        for query in ["metadata['a'", "amount", "colour:'red'", "amount>100 AND", "amount>1 OR amount>2 AND amount>3", "amount>1 XOR amount>2"] {
            #expect(try desk.refusal(.get, "charges/search", [("query", query)]).text("param") == "query", "\(query)")
        }
    }
}
