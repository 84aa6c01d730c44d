import Kernel
import Testing
import TwinKit
import Wire

@testable import TwinXero

@Suite struct XeroBooksTests {
    @Test("an Inclusive invoice debits receivables and credits its accounts net and VAT, with our key and reference")
    func invoice() throws {
        let desk = try XeroDesk()
        try desk.call(
            .put, "Invoices",
            """
            {Type: "ACCREC", Status: "AUTHORISED", InvoiceNumber: "0123456789abcdef", Reference: "cf:0123456789abcdef order 6120034117000",
             Contact: {Name: "Shop customers"}, Date: "2026-11-14", DueDate: "2026-11-14", LineAmountTypes: "Inclusive", LineItems: [
              {Description: "a", Quantity: 1, UnitAmount: 24, AccountCode: "200", TaxType: "OUTPUT2"},
              {Description: "b", Quantity: 1, UnitAmount: 12, AccountCode: "200", TaxType: "OUTPUT2"},
              {Description: "discount", Quantity: 1, UnitAmount: -6, AccountCode: "205", TaxType: "OUTPUT2"},
              {Description: "card", Quantity: 1, UnitAmount: 50, AccountCode: "831", TaxType: "NONE"}]}
            """)
        let entry = try #require(desk.twin.entries().first)
        #expect(entry.kind == "invoice" && entry.currency == "GBP" && entry.live)
        #expect(entry.key == "0123456789abcdef")
        #expect(entry.reference == "cf:0123456789abcdef order 6120034117000")
        #expect(entry.date == LocalDate("2026-11-14"))
        #expect(entry.lines.map(\.account) == ["610", "200", "205", "831", "820"])
        #expect(entry.lines.map(\.minor) == [8000, -3000, 500, -5000, -500])
        #expect(entry.lines.map(\.baseMinor) == entry.lines.map(\.minor))
    }

    @Test("a credit note is the mirror image, and its payment gives money out")
    func creditNote() throws {
        let desk = try XeroDesk()
        let id = try desk.creditNote("cn-1", "8.00")
        try desk.call(
            .put, "Payments",
            """
            {Payments: [{CreditNote: {CreditNoteID: "\(id)"}, Account: {Code: "611"}, Date: "2026-11-15", Amount: 8,
              Reference: "cf:zzzz456789abcdef transaction 5"}]}
            """)
        let entries = desk.twin.entries()
        #expect(entries.map(\.kind) == ["credit_note", "refund_payment"])
        #expect(entries[0].lines.map(\.account) == ["610", "206"] && entries[0].lines.map(\.minor) == [-800, 800])
        #expect(entries[1].lines.map(\.account) == ["611", "610"] && entries[1].lines.map(\.minor) == [-800, 800])
        #expect(entries[1].key == "zzzz456789abcdef")
    }

    @Test("base amounts are rounded account by account and the odd penny goes to rounding, in base only")
    func baseRounding() throws {
        let desk = try XeroDesk()
        try desk.call(
            .put, "Invoices",
            """
            {Type: "ACCREC", Status: "AUTHORISED", Contact: {Name: "c"}, DueDate: "2026-12-01", CurrencyCode: "EUR", CurrencyRate: 1.2,
             LineAmountTypes: "NoTax", LineItems: [
              {Description: "a", Quantity: 1, UnitAmount: 1, AccountCode: "200"},
              {Description: "b", Quantity: 1, UnitAmount: 1, AccountCode: "210"}]}
            """)
        let entry = try #require(desk.twin.entries().first)
        #expect(entry.lines.map(\.account) == ["610", "200", "210", "860"])
        #expect(entry.lines.map(\.minor) == [200, -100, -100, 0])
        // 2.00 and 1.00 euros at 1.2 a pound: 1.6667 and 0.8333 pounds.
        #expect(entry.lines.map(\.baseMinor) == [167, -83, -83, -1])
    }

    @Test("drafts, deleted and voided documents are shown but not live")
    func live() throws {
        let desk = try XeroDesk()
        let id = try desk.invoice("so-1", "10.00")
        try desk.call(
            .put, "Invoices",
            #"{Type: "ACCREC", Contact: {Name: "c"}, LineItems: [{Description: "x", LineAmount: 3, AccountCode: "200"}]}"#
        )
        #expect(desk.twin.entries().map(\.live) == [true, false])
        try desk.call(.post, "Invoices/\(id)", #"{Invoices: [{Status: "VOIDED"}]}"#)
        #expect(desk.twin.entries().map(\.live) == [false, false])
        #expect(desk.twin.entries()[0].lines.map(\.minor) == [1000, -1000])
        #expect(desk.twin.entries()[1].lines.isEmpty)
    }

    @Test(
        "the key is read from the reference, else from a number that looks like one",
        arguments: [
            ("cf:0123456789abcdef order 1 | note", "x", "0123456789abcdef"),
            ("order 1", "0123456789abcdef", "0123456789abcdef"),
            ("cf:short order 1", "INV-0001", ""), ("", "0123456789ABCDEF", ""), ("cf:0123456789abcdei x", "", ""),
        ])
    func keys(_ reference: String, _ number: String, _ key: String) {
        #expect(XeroState.key(reference, number: number) == key)
    }

    @Test(
        "whatever is done, every entry balances, open amounts are never negative, and a reopened twin says the same",
        arguments: 1...6)
    func balances(_ seed: Int) throws {
        let desk = try XeroDesk(seed: UInt64(seed))
        var traffic = XeroTraffic(desk: desk, seed: UInt64(seed))
        for _ in 0..<250 { try traffic.step() }
        #expect(traffic.accepted > 60 && traffic.refused > 10, "seed \(seed)")
        let entries = desk.twin.entries()
        for entry in entries {
            #expect(entry.lines.reduce(0) { $0 + $1.minor } == 0, "seed \(seed), \(entry)")
            #expect(entry.lines.reduce(0) { $0 + $1.baseMinor } == 0, "seed \(seed), \(entry)")
        }
        for kind in ["Invoices", "CreditNotes"] {
            for row in try desk.call(.get, "\(kind)?page=1&pageSize=1000")[kind]?.array ?? [] {
                let open = try #require((row["AmountDue"] ?? row["RemainingCredit"])?.decimal)
                #expect(!open.isNegative, "seed \(seed)")
                #expect(
                    (row["Status"]?.string == "PAID")
                        == (open.isZero && !["VOIDED", "DELETED", "DRAFT"].contains(row["Status"]?.string)))
            }
        }
        let again = try desk.reopened()
        #expect(again.twin.entries().map { "\($0)" } == entries.map { "\($0)" }, "seed \(seed)")
        for path in [
            "Invoices?page=1&pageSize=1000", "CreditNotes?page=1&pageSize=1000", "Payments?page=1&pageSize=1000",
            "Contacts", "Accounts", "Organisation",
        ] {
            let (a, b) = (try desk.call(.get, path), try again.call(.get, path))
            let name = String(path.prefix { $0 != "?" })
            #expect(
                a[name == "Organisation" ? "Organisations" : name]
                    == b[name == "Organisation" ? "Organisations" : name], "seed \(seed), \(path)")
        }
    }

    @Test("an access token and a counter survive a restart: nothing is numbered twice")
    func survives() throws {
        let desk = try XeroDesk()
        let body = #"{Type: "ACCREC", Contact: {Name: "c"}, LineItems: [{Description: "x"}]}"#
        #expect(try desk.call(.put, "Invoices", body).member("Invoices")?[0]?["InvoiceNumber"]?.string == "INV-0001")
        #expect(
            try desk.reopened().call(.put, "Invoices", body).member("Invoices")?[0]?["InvoiceNumber"]?.string
                == "INV-0002")
    }
}

/// Random but repeatable bookkeeping, right and wrong.
struct XeroTraffic {
    let desk: XeroDesk
    let random: SeededRandom
    var invoices: [String] = []
    var notes: [String] = []
    var payments: [String] = []
    var accepted = 0
    var refused = 0

    init(desk: XeroDesk, seed: UInt64) {
        self.desk = desk
        random = SeededRandom(seed: seed)
    }

    func pick(_ n: Int) -> Int { Int(random.number(below: UInt64(n))) }
    func pick<T>(_ list: [T]) -> T? { list.isEmpty ? nil : list[pick(list.count)] }
    func amount(_ most: Int = 20_000) -> String { ExactDecimal(coefficient: Int128(pick(most)), scale: 2).description }

    mutating func step() throws {
        desk.now = desk.now + .seconds(1)
        switch pick(10) {
        case 0, 1, 2: try document("Invoices", "Invoice", type: "ACCREC") { $0.invoices.append($1) }
        case 3: try document("CreditNotes", "CreditNote", type: "ACCRECCREDIT") { $0.notes.append($1) }
        case 4, 5: try payment("Invoice", pick(invoices) ?? "")
        case 6: try payment("CreditNote", pick(notes) ?? "")
        case 7: try change()
        case 8:
            guard let note = pick(notes), let invoice = pick(invoices) else { return }
            try send(
                .put, "CreditNotes/\(note)/Allocations",
                """
                {Allocations: [{Invoice: {InvoiceID: "\(invoice)"}, Amount: \(amount(3000)), Date: "2026-11-18"}]}
                """)
        default:
            guard let id = pick(payments) else { return }
            try send(.post, "Payments/\(id)", #"{Payments: [{Status: "DELETED"}]}"#)
        }
    }

    @discardableResult
    mutating func send(_ method: HTTPMethod, _ path: String, _ body: String) throws -> JSON? {
        let answer = try desk.raw(method, path, body)
        if answer.status == 200 { accepted += 1 } else { refused += 1 }
        return answer.status == 200 ? try JSON(parsing: answer.body) : nil
    }

    mutating func document(_ envelope: String, _ kind: String, type: String, keep: (inout Self, String) -> Void) throws
    {
        let rates = ["OUTPUT2", "RROUTPUT", "ZERORATEDOUTPUT", "NONE"]
        let lines = (0...pick(4)).map { _ in
            """
            {Description: "x", Quantity: \(1 + pick(3)), UnitAmount: \(pick(6) == 0 ? "-" : "")\(amount(9000)),
             AccountCode: "\(pick(["200", "201", "205", "831", "860"]) ?? "200")", TaxType: "\(pick(rates) ?? "NONE")"}
            """
        }
        let currency = pick(3) == 0 ? #"CurrencyCode: "EUR", CurrencyRate: 1.\#(100_000 + pick(90_000)),"# : ""
        let body = """
            {Type: "\(type)", Status: "\(pick(5) == 0 ? "DRAFT" : "AUTHORISED")", Contact: {Name: "Customer \(pick(2))"}, \(currency)
             Date: "2026-11-\(pick(8) == 0 ? "31" : "1\(pick(9))")", DueDate: "2026-12-01",
             LineAmountTypes: "\(pick(["Exclusive", "Inclusive", "NoTax"]) ?? "NoTax")", LineItems: [\(lines.joined(separator: ", "))]}
            """
        let made = try send(.put, envelope, body)?[envelope]?[0]
        if let id = made?[kind + "ID"]?.string { keep(&self, id) }
    }

    mutating func payment(_ kind: String, _ id: String) throws {
        let made = try send(
            .put, "Payments",
            """
            {Payments: [{\(kind): {\(kind)ID: "\(id)"}, Account: {Code: "\(pick(["090", "091", "611", "831", "200"]) ?? "611")"},
              Date: "2026-11-18", Amount: \(amount(3000)), CurrencyRate: 1.\(100_000 + pick(90_000))}]}
            """)
        if let id = made?["Payments"]?[0]?["PaymentID"]?.string { payments.append(id) }
    }

    mutating func change() throws {
        guard let id = pick(invoices) else { return }
        let status = pick(["VOIDED", "DELETED", "AUTHORISED", "DRAFT"]) ?? "VOIDED"
        try send(.post, "Invoices/\(id)", #"{Invoices: [{Status: "\#(status)"}]}"#)
    }
}
