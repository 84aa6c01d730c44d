import Books
import ConnectorKit
import ConnectorTestKit
import Kernel
import SapBusinessOne
import Testing
import TwinKit
import TwinSapBusinessOne
import Wire

@Suite("SAP Business One: on the platform's twin") struct TwinTests {
    /// Each way of speaking to each kind of company.
    struct Way: Sendable, CustomStringConvertible {
        var company: String
        var settings: [String: String]
        var description: String { "\(company) \(settings.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: " "))" }
    }

    static let ways: [Way] = ["v1", "v2"].flatMap { api in
        ["service", "items"].flatMap { lines in
            [
                Way(company: "SBODemoGB", settings: ["api": api, "lines": lines]),
                Way(company: "SBODemoUS", settings: ["api": api, "lines": lines, "tax_codes": "sales_tax_codes"]),
                Way(company: "SBODemoGB", settings: ["api": api, "lines": lines, "key_field": "U_ExtId"]),
            ]
        }
    }

    /// What was read back is what was meant.
    private func agrees(_ seen: LedgerReadback?, _ document: LedgerDocument, at place: SourceLocation = #_sourceLocation) throws {
        let seen = try #require(seen, sourceLocation: place)
        let meant = connector.meant(document)
        #expect(seen.key == document.key && seen.date == meant.date && seen.total_minor == meant.total_minor && seen.party == meant.party, sourceLocation: place)
        #expect(seen.accounts == meant.accounts && seen.voided == meant.voided, "\(seen.accounts) \(meant.accounts)", sourceLocation: place)
        if let tax = meant.tax_minor { #expect(seen.tax_minor == tax, sourceLocation: place) }
        if let other = meant.appliesTo { #expect(seen.appliesTo == other, sourceLocation: place) }
    }

    @Test("who it is and what it has is read from either version", arguments: ways)
    func chart(way: Way) throws {
        var settings = way.settings
        settings["periods"] = "read"
        let ledger = try TwinLedger(way.company, settings: settings)
        let identity = try #require(ledger.drive(connector.identify(ledger.connection)).output)
        #expect(identity.currency == (ledger.usesVAT ? "GBP" : "USD") && identity.name.hasPrefix("OEC Computers"))
        let chart = try #require(ledger.drive(connector.chart(ledger.connection)).output)
        #expect(chart.lockDate == LocalDate("2026-09-30") && chart.baseCurrency == identity.currency && chart.currencies.count == 4)
        let sales = try #require(chart.accounts.first { $0.remoteID == ledger.code("40000") })
        #expect(sales.code == (ledger.usesVAT ? "40000" : "4000001001") && sales.active)
        #expect(chart.accounts.first { $0.remoteID == ledger.code("12000") }?.type == "control")
        #expect(chart.accounts.first { $0.remoteID == ledger.code("10000") }?.active == false)
        #expect(chart.taxCodes == (ledger.usesVAT ? ["I0", "I1", "O0", "O1", "O2", "none"] : ["CA", "EX", "NY", "none"]))
    }

    @Test("a sale, its money, its return and the refund are written once and read back as they were meant", arguments: ways)
    func whole(way: Way) throws {
        let ledger = try TwinLedger(way.company, settings: way.settings)
        let sale = ledger.sale()
        let invoice = try ledger.post(sale)
        let owed = sale.plan.total.minor
        try agrees(try ledger.fetch(sale, invoice), sale)
        try agrees(try ledger.find(sale), sale)
        #expect(try ledger.find(ledger.sale(9)) == nil)
        let payment = ledger.paid(2, owed, on: invoice)
        let paid = try ledger.post(payment)
        try agrees(try ledger.fetch(payment, paid), payment)
        try agrees(try ledger.find(payment), payment)
        let credit = ledger.sale(3, .creditNote)
        let note = try ledger.post(credit)
        try agrees(try ledger.find(credit), credit)
        let refund = ledger.refunded(4, owed, on: note)
        let refunded = try ledger.post(refund)
        try agrees(try ledger.fetch(refund, refunded), refund)
        let payout = ledger.payout(5)
        let entry = try ledger.post(payout)
        try agrees(try ledger.fetch(payout, entry), payout)
        let tax = owed - 3598
        #expect(ledger.books == [
            "invoice: 12000 \(owed), 40000 -3998, 22000 -\(tax), 40100 400", "credit_note: 12000 -\(owed), 40000 3998, 22000 \(tax), 40100 -400",
            "payment: 11200 \(owed), 12000 -\(owed)", "refund_payment: 11200 -\(owed), 12000 \(owed)", "journal: 11100 9700, 60000 300, 11200 -10000",
        ])
        #expect(ledger.balances && Set(ledger.twin.entries().map(\.key)) == Set((1...5).map { key($0).description }))
        let asked = try #require(connector.changes(since: Timestamp(seconds: 1_795_000_000), cursor: nil, ledger.connection))
        let changes = try #require(ledger.drive(asked).output)
        #expect(changes.keys == [key(1)] && changes.next != nil)
    }

    @Test("a bill and an order are written once, read back as meant, changed and taken back; an order moves no books", arguments: ways)
    func bought(way: Way) throws {
        let ledger = try TwinLedger(way.company, settings: way.settings)
        let bill = ledger.bill(7, due: LocalDate("2026-12-20"))
        let id = try ledger.post(bill)
        try agrees(try ledger.find(bill), bill)
        #expect(try ledger.find(bill)?.due == LocalDate("2026-12-20"))
        let tax = bill.plan.total.minor - 20_000
        #expect(ledger.sums("bill") == ["20000": -20_000 - tax, "61000": 20_000, "22100": tax])
        let order = ledger.order(8)
        let placed = try ledger.post(order)
        try agrees(try ledger.fetch(order, placed), order)
        #expect(ledger.twin.entries().count == 1)
        var later = ledger.bill(7, due: LocalDate("2027-01-20"))
        later.remoteID = id
        #expect(ledger.drive(connector.update(later, attempt: "a2", ledger.connection)).output.map(word) == "posted \(id)")
        #expect(try ledger.fetch(later, id)?.due == LocalDate("2027-01-20") && ledger.twin.entries().filter(\.live).count == 1)
        var dearer = ledger.bill(7, 30_000, due: LocalDate("2027-01-20"))
        dearer.remoteID = id
        guard case .posted(let second, _) = ledger.drive(connector.update(dearer, attempt: "a3", ledger.connection)).output else {
            Issue.record("it was not changed")
            return
        }
        try agrees(try ledger.find(dearer), dearer)
        #expect(second != id && ledger.twin.entries().filter(\.live).count == 1)
        dearer.remoteID = second
        #expect(ledger.drive(connector.void(dearer, attempt: "a4", ledger.connection)).output.map(word) == "posted \(second)")
        var gone = order
        gone.remoteID = placed
        #expect(ledger.drive(connector.void(gone, attempt: "a5", ledger.connection)).output.map(word) == "posted \(placed)")
        #expect(try ledger.fetch(gone, placed)?.voided == true && ledger.books == [] && ledger.balances)
    }

    @Test("a bill whose answer is lost is found, not written twice; a large one of a clerk's waits as a draft")
    func lostBill() throws {
        let ledger = try TwinLedger()
        let bill = ledger.bill(7)
        try ledger.refer(bill)
        ledger.answersUntilLost = 0
        guard case .open = ledger.drive(connector.create([bill], attempt: "a1", ledger.connection)) else {
            Issue.record("no answer was lost")
            return
        }
        try agrees(try ledger.find(bill), bill)
        let clerk = try TwinLedger(user: "clerk")
        let large = clerk.bill(7, 3_000_000)
        guard case .unknown = try clerk.create(large) else {
            Issue.record("it was written")
            return
        }
        #expect(try clerk.find(large)?.unfinished == true && clerk.twin.entries().isEmpty)
    }

    @Test("what changes is cancelled and written anew, and what is as meant stays", arguments: ways)
    func update(way: Way) throws {
        let ledger = try TwinLedger(way.company, settings: way.settings)
        let first = try ledger.post(ledger.sale())
        let same = ledger.sale(remoteID: first)
        #expect(ledger.drive(connector.update(same, attempt: "a2", ledger.connection)).output.map(word) == "posted \(first)")
        let changed = ledger.sale(remoteID: first, goods: 5000)
        guard case .posted(let second, _) = ledger.drive(connector.update(changed, attempt: "a3", ledger.connection)).output else {
            Issue.record("it was not changed")
            return
        }
        #expect(second != first)
        try agrees(try ledger.fetch(changed, second), changed)
        try agrees(try ledger.find(changed), changed)
        #expect(try ledger.fetch(same, first)?.voided == true)
        #expect(ledger.twin.entries().filter(\.live).count == 1 && ledger.balances)
        let gone = ledger.sale(remoteID: second, effect: .void, goods: 5000)
        #expect(ledger.drive(connector.void(gone, attempt: "a4", ledger.connection)).output.map(word) == "posted \(second)")
        #expect(ledger.drive(connector.void(gone, attempt: "a5", ledger.connection)).output.map(word) == "posted \(second)")
        #expect(try ledger.fetch(gone, second)?.voided == true)
        #expect(ledger.books == [])
    }

    @Test("an entry is taken back by another, and a payment with a fee is one", arguments: ways.prefix(2))
    func entries(way: Way) throws {
        let ledger = try TwinLedger(way.company, settings: way.settings)
        let sale = ledger.sale()
        let invoice = try ledger.post(sale)
        let withFee = ledger.paid(2, sale.plan.total.minor, on: invoice, fee: 30)
        let id = try ledger.post(withFee)
        #expect(id.hasPrefix("JournalEntries/"))
        try agrees(try ledger.fetch(withFee, id), withFee)
        let first = try ledger.post(ledger.payout(3))
        let changed = ledger.payout(3, remoteID: first, net: 9600)
        guard case .posted(let second, _) = ledger.drive(connector.update(changed, attempt: "a2", ledger.connection)).output else {
            Issue.record("it was not changed")
            return
        }
        try agrees(try ledger.find(changed), changed)
        let gone = ledger.payout(3, remoteID: second, net: 9600, effect: .void)
        #expect(ledger.drive(connector.void(gone, attempt: "a3", ledger.connection)).output.map(word) == "posted \(second)")
        #expect(try ledger.fetch(gone, second)?.voided == true)
        // Entries stand against each other there.
        var sums: [String: Int64] = [:]
        for entry in ledger.twin.entries() where entry.key == key(3).description { for line in entry.lines { sums[line.account, default: 0] += line.baseMinor } }
        #expect(sums.values.allSatisfy { $0 == 0 } && sums.count == 3)
    }

    @Test("an answer that is lost is found, whichever of its calls it was", arguments: [0, 1])
    func lost(answers: Int) throws {
        let ledger = try TwinLedger()
        let sale = ledger.sale()
        try ledger.refer(sale)
        ledger.answersUntilLost = 0
        guard case .open = ledger.drive(connector.create([sale], attempt: "a1", ledger.connection)) else {
            Issue.record("no answer was lost")
            return
        }
        try agrees(try ledger.find(sale), sale)
        // A change that broke off behind the cancellation, or behind the new document, is gone on with.
        var changed = ledger.sale(goods: 5000)
        changed.remoteID = try ledger.find(sale)?.remoteID
        let looks = 1
        ledger.answersUntilLost = looks + answers
        guard case .open = ledger.drive(connector.update(changed, attempt: "a2", ledger.connection)) else {
            Issue.record("no answer was lost")
            return
        }
        #expect(ledger.twin.entries().filter(\.live).count == answers)
        guard case .posted(let id, _) = ledger.drive(connector.update(changed, attempt: "a3", ledger.connection)).output else {
            Issue.record("it was not gone on with")
            return
        }
        try agrees(try ledger.fetch(changed, id), changed)
        #expect(ledger.twin.entries().filter(\.live).count == 1 && ledger.balances)
    }

    @Test("what waits for an approval is a draft and is not written twice")
    func approval() throws {
        let ledger = try TwinLedger(user: "clerk")
        let large = ledger.sale(goods: 3_000_000)
        guard case .unknown = try ledger.create(large) else {
            Issue.record("it was written")
            return
        }
        let draft = try #require(try ledger.find(large))
        #expect(draft.unfinished && draft.remoteID == "Drafts/1" && ledger.twin.entries().isEmpty)
        let update = ledger.drive(connector.update(ledger.sale(remoteID: nil, goods: 3_000_000), attempt: "a2", ledger.connection)).output
        #expect(update.map(word) == "rejected ledger_approval_pending")
        // Somebody deletes the draft there: nothing is to be taken back, and what is meant is written.
        let void = ledger.sale(remoteID: "Drafts/1", effect: .void, goods: 3_000_000)
        #expect(ledger.drive(connector.void(void, attempt: "a3", ledger.connection)).output.map(word) == "rejected ledger_approval_pending")
        #expect(try ledger.delete("Drafts(1)") == 204)
        #expect(ledger.drive(connector.void(void, attempt: "a4", ledger.connection)).output.map(word) == "posted Drafts/1")
        let manager = try TwinLedger(twin: ledger.twin)
        let approved = manager.sale(2, goods: 3_000_000)
        let payment = ledger.paid(3, approved.plan.total.minor, on: try manager.post(approved))
        guard case .unknown = try ledger.create(payment) else {
            Issue.record("it was written")
            return
        }
        let waiting = try ledger.find(payment)
        #expect(waiting?.unfinished == true && waiting?.remoteID == "PaymentDrafts/1" && ledger.books.count == 1)
    }

    @Test("a refusal is told by its reason")
    func refusals() throws {
        let ledger = try TwinLedger()
        let invoice = try ledger.post(ledger.sale())
        _ = try ledger.post(ledger.paid(2, ledger.sale().plan.total.minor, on: invoice))
        let paid = ledger.sale(remoteID: invoice, effect: .void)
        #expect(ledger.drive(connector.void(paid, attempt: "a2", ledger.connection)).output.map(word) == "rejected ledger_document_fixed")
        #expect(word(try ledger.create(ledger.paid(3, 100, on: invoice))) == "rejected ledger_document_fixed")
        ledger.twin.setAccountActive("40000", false)
        #expect(word(try ledger.create(ledger.sale(4))) == "rejected ledger_account_invalid")
        ledger.twin.setAccountActive("40000", true)
        ledger.twin.setLockDate(LocalDate("2026-11-30"))
        #expect(word(try ledger.create(ledger.sale(5))) == "rejected ledger_period_closed")
        #expect(word(try ledger.create(ledger.payout(6))) == "rejected ledger_period_closed")
        let reader = try TwinLedger(user: "reader", twin: ledger.twin)
        #expect(word(try reader.create(ledger.payout(7))) == "rejected ledger_access_refused")
        #expect(ledger.books.count == 2)
    }

    @Test("a tax of another cent is kept where it may be said by hand, and taken back where not", arguments: [1, -1])
    func tax(cents: Int64) throws {
        let us = try TwinLedger("SBODemoUS", settings: ["tax_codes": "sales_tax_codes"])
        let sale = us.sale(more: cents)
        try agrees(try us.fetch(sale, try us.post(sale)), sale)
        let gb = try TwinLedger()
        #expect(word(try gb.create(gb.sale(more: cents))) == "rejected tax_differs")
        #expect(gb.books == [] && gb.twin.entries().count == 2)
        #expect(try gb.find(gb.sale(more: cents)) == nil)
    }

    @Test("a foreign sale and its money are written at their own rates", arguments: ["v1", "v2"])
    func foreign(api: String) throws {
        let ledger = try TwinLedger(settings: ["api": api])
        let sale = ledger.euros()
        let invoice = try ledger.post(sale)
        try agrees(try ledger.fetch(sale, invoice), sale)
        let payment = ledger.eurosPaid(2, on: invoice)
        try agrees(try ledger.fetch(payment, try ledger.post(payment)), payment)
        #expect(ledger.twin.entries().map { $0.lines.map(\.baseMinor) } == [[4250, -4250], [4500, -4250, -250]] && ledger.balances)
        let indirect = try TwinLedger(settings: ["api": api, "rate": "indirect"])
        #expect(word(try indirect.create(indirect.euros())) == "rejected rate_differs")
        #expect(indirect.books == [])
    }

    @Test("with branches, every document and entry names the one that is set")
    func branches() throws {
        let bare = try TwinLedger("SBODemoGB-Branches")
        #expect(word(try bare.create(bare.sale())) == "rejected ledger_refused")
        let ledger = try TwinLedger("SBODemoGB-Branches", settings: ["branch": "2"])
        let invoice = try ledger.post(ledger.sale())
        _ = try ledger.post(ledger.paid(2, ledger.sale().plan.total.minor, on: invoice))
        _ = try ledger.post(ledger.payout(3))
        #expect(ledger.books.count == 3)
    }

    @Test("customers may take their codes from a series")
    func series() throws {
        let ledger = try TwinLedger(settings: ["customer_series": "71"])
        let wants = connector.references(for: ledger.sale())
        #expect(ledger.drive(connector.createReferences(wants, ledger.connection)).output == ["shop": "C000001"])
        #expect(ledger.drive(connector.findReferences(wants, ledger.connection)).output == ["shop": "C000001"])
    }
}
