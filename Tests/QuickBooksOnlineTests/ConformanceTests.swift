import Books
import ConnectorKit
import Kernel
import Testing
import Wire

@testable import QuickBooksOnline

@Suite("Conformance")
struct ConformanceTests {
    let connector = Desk.connector

    private var documents: [LedgerDocument] {
        [Desk.invoice(1), Desk.payment(2), Desk.refund(3), Desk.credit(4), Desk.bill(5), Desk.order(6)]
    }

    /// The first calls of all that the connector can be asked.
    private var calls: [Call] {
        let one = documents.map { document -> LedgerDocument in
            var known = document
            known.remoteID = "9"
            return known
        }
        var out: [Call] = []
        func add<Output>(_ exchange: Exchange<Output>) {
            out += Desk.play(exchange, [Desk.answer(#"{"QueryResponse":{}}"#)]).calls
        }
        add(connector.create(documents, attempt: "attempt", Desk.facts))
        for document in documents { add(connector.create([document], attempt: "attempt", Desk.facts)) }
        for document in one {
            add(connector.update(document, attempt: "attempt", Desk.facts))
            add(connector.void(document, attempt: "attempt", Desk.facts))
        }
        add(connector.find(documents, Desk.facts))
        add(connector.fetch(one, Desk.facts))
        add(connector.chart(Desk.facts))
        add(connector.identify(Desk.facts))
        add(connector.createReferences(connector.references(for: Desk.invoice()), Desk.facts))
        add(connector.findReferences(connector.references(for: Desk.invoice()), Desk.facts))
        return out
    }

    @Test("each limit and the means against doing things twice have a source")
    func sources() {
        let spec = connector.spec
        #expect(!spec.limits.isEmpty)
        for limit in spec.limits { #expect(spec.sources["limits.\(limit.name)"]?.isEmpty == false) }
        #expect(spec.sources["idempotency"]?.isEmpty == false)
        #expect(spec.id == "quickbooks-online")
    }

    @Test("each call charges budgets that exist, of the company it belongs to, under the version that stays")
    func targets() {
        let names = Set(connector.spec.limits.map(\.name))
        for call in calls {
            #expect(Set(call.cost.keys).isSubset(of: names))
            #expect(call.request.target.hasPrefix(Desk.base + "/"))
            #expect(call.request.query("minorversion") == "75")
            #expect(call.request.target.utf8.count < 4_096)
            #expect((call.kind == .write) == (call.request.method == .post))
            #expect((call.cost["reads"] == nil) == (call.kind == .write))
        }
    }

    @Test("no address carries anything but known parameters, and ids of attempts keep their length")
    func parameters() {
        let known: Set<String> = ["minorversion", "requestid", "query", "operation", "include"]
        for call in calls {
            #expect(Set(call.request.query.map(\.name)).isSubset(of: known))
            #expect(call.request.fields["Authorization"] == nil)
            #expect((call.request.query("requestid") ?? "").count <= (call.request.path.hasSuffix("/batch") ? 36 : 50))
        }
    }

    /// Names checked by hand against Finance.xsd, IntuitNamesTypes.xsd and IntuitRestServiceDef.xsd; `value` is
    /// JSON's way of writing a ReferenceType.
    static let names: [String: Set<String>] = [
        "": ["BatchItemRequest"],
        "BatchItemRequest": [
            "bId", "operation", "Invoice", "CreditMemo", "Payment", "JournalEntry", "SalesReceipt", "Customer", "Item",
            "Bill", "PurchaseOrder", "Vendor",
        ],
        "Bill": [
            "DocNumber", "TxnDate", "DueDate", "CurrencyRef", "ExchangeRate", "PrivateNote", "VendorRef", "APAccountRef",
            "DepartmentRef", "Line", "TxnTaxDetail",
        ],
        "PurchaseOrder": [
            "DocNumber", "TxnDate", "CurrencyRef", "ExchangeRate", "PrivateNote", "VendorRef", "APAccountRef", "ClassRef",
            "DepartmentRef", "Line", "TxnTaxDetail",
        ],
        "Invoice": [
            "DocNumber", "TxnDate", "DueDate", "CurrencyRef", "ExchangeRate", "PrivateNote", "CustomerRef",
            "DepartmentRef", "ClassRef", "Line", "TxnTaxDetail",
        ],
        "CreditMemo": [
            "DocNumber", "TxnDate", "CurrencyRef", "ExchangeRate", "PrivateNote", "CustomerRef", "DepartmentRef",
            "Line", "TxnTaxDetail",
        ],
        "Payment": [
            "PaymentRefNum", "TxnDate", "CurrencyRef", "ExchangeRate", "PrivateNote", "CustomerRef", "TotalAmt",
            "DepositToAccountRef", "Line",
        ],
        "JournalEntry": ["DocNumber", "TxnDate", "CurrencyRef", "ExchangeRate", "PrivateNote", "Line"],
        "Line": [
            "Description", "Amount", "DetailType", "SalesItemLineDetail", "DiscountLineDetail",
            "JournalEntryLineDetail", "LinkedTxn", "AccountBasedExpenseLineDetail", "ItemBasedExpenseLineDetail",
        ],
        "AccountBasedExpenseLineDetail": ["AccountRef", "TaxCodeRef", "ClassRef"],
        "ItemBasedExpenseLineDetail": ["ItemRef", "Qty", "UnitPrice", "TaxCodeRef", "ClassRef"],
        "SalesItemLineDetail": ["ItemRef", "Qty", "UnitPrice", "TaxCodeRef", "ClassRef"],
        "DiscountLineDetail": ["PercentBased", "DiscountAccountRef"],
        "JournalEntryLineDetail": ["PostingType", "AccountRef", "Entity", "ClassRef", "DepartmentRef"],
        "Entity": ["Type", "EntityRef"], "LinkedTxn": ["TxnId", "TxnType"], "TxnTaxDetail": ["TotalTax"],
        "Customer": ["DisplayName", "CurrencyRef"], "Vendor": ["DisplayName", "CurrencyRef"], "Item": ["Name", "Type", "Description", "IncomeAccountRef"],
    ]

    private func strangers(_ value: JSON, in place: String) -> [String] {
        switch value {
        case .array(let elements): return elements.flatMap { strangers($0, in: place) }
        case .object(let members):
            let known = Self.names[place] ?? (place.hasSuffix("Ref") ? ["value"] : [])
            return members.filter { !known.contains($0.key) }.map { "\(place).\($0.key)" }
                + members.flatMap { strangers($0.value, in: $0.key) }
        default: return []
        }
    }

    @Test("bodies name only properties that the vendor's schema has")
    func properties() throws {
        var discounted = Desk.invoice(7)
        discounted.plan.rate = ExactDecimal("1.1")
        discounted.plan.total = Desk.usd("47.28")
        discounted.lines.append(Desk.line(.discount, "sales_discounts", "4900", "1.00"))
        discounted.lines[1].dimensions = ["class": "300", "department": "2"]
        discounted.lines[3].dimensions = ["class": "header:301"]
        let exchange = connector.create(documents + [discounted], attempt: "a", Desk.facts)
        let wants = connector.references(for: discounted) + connector.references(for: Desk.bill())
        let references = connector.createReferences(wants, Desk.facts)
        for call in Desk.play(exchange, []).calls + Desk.play(references, []).calls {
            let body = try JSON(parsing: call.request.body)
            #expect(strangers(body, in: "").isEmpty)
        }
        #expect(strangers(["Bogus": 1], in: "") == [".Bogus"])
    }

    @Test("documents go together whatever they are")
    func groups() {
        #expect(Set(documents.map { connector.batchGroup(of: $0) }).count == 1)
        for document in documents { #expect(connector.spec.batchSizes[document.plan.form.rawValue] == 25) }
    }

    @Test("what creating shows is what it sends: asked twice it says the same")
    func pure() {
        let first = Desk.play(connector.create(documents, attempt: "a", Desk.facts), []).calls.map(\.request.body)
        let second = Desk.play(connector.create(documents, attempt: "a", Desk.facts), []).calls.map(\.request.body)
        #expect(first == second)
        #expect(first.count == 1)
    }
}
