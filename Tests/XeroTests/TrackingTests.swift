import Books
import ConnectorKit
import Kernel
import Testing
import Wire

@testable import Xero

private func connection(_ setting: String) -> ConnectionFacts { ConnectionFacts(account: facts.account, settings: ["tracking": setting]) }

private let tracking = connection("Region, group=Product line")

private func tagged(_ n: Int = 1, _ dimensions: [String: String] = ["Region": "North"], remoteID: String? = nil) -> LedgerDocument {
    var out = simple(n, remoteID: remoteID)
    out.lines[1].dimensions = dimensions
    return out
}

/// As in OpenAPI's sample of `GET /TrackingCategories`.
private let categories = answer(
    """
    {"TrackingCategories":[
     {"Name":"Region","Status":"ACTIVE","TrackingCategoryID":"\(guid(1))","Options":[
      {"TrackingOptionID":"\(guid(2))","Name":"North","Status":"ACTIVE"},{"TrackingOptionID":"\(guid(3))","Name":"South","Status":"ARCHIVED"}]},
     {"Name":"Old","Status":"ARCHIVED","TrackingCategoryID":"\(guid(4))","Options":[{"Name":"X","Status":"ACTIVE"}]},
     {"Name":"Product line","Status":"ACTIVE","TrackingCategoryID":"\(guid(5))","Options":[{"Name":"Homeware","Status":"ACTIVE"}]}]}
    """)

@Suite("Tracking categories")
struct TrackingTests {
    private func lines(_ document: LedgerDocument, _ facts: ConnectionFacts, _ place: String = "Invoices", _ list: String = "LineItems") throws -> [JSON] {
        let calls = drive(connector.create([document], attempt: "a", facts), [categories]).calls
        #expect(calls.map(\.request.method) == [.get, .put])
        #expect(calls.first?.request.target == "/api.xro/2.0/TrackingCategories")
        let write = try #require(calls.last)
        return try #require(try JSON(parsing: write.request.body)[place]?[0]?[list]?.array)
    }

    @Test("dimensions that the setting names are written by name, each under its category, and no others")
    func written() throws {
        let document = tagged(1, ["Region": "North", "group": "Homeware", "return_reason": "broken"])
        #expect(
            try lines(document, tracking).first?["Tracking"] == json(
                "[{\"Name\":\"Region\",\"Option\":\"North\"},{\"Name\":\"Product line\",\"Option\":\"Homeware\"}]"))
        // Without the setting nothing is asked and nothing said.
        let plain = drive(connector.create([document], attempt: "a", facts)).calls
        #expect(plain.map(\.request.method) == [.put])
        #expect(try JSON(parsing: plain[0].request.body)["Invoices"]?[0]?["LineItems"]?[0]?.member("Tracking") == nil)
        // Nor where no line names any.
        #expect(drive(connector.create([simple()], attempt: "a", tracking)).calls.map(\.request.method) == [.put])
    }

    @Test("credit notes, bank transactions, journals and purchase orders have them too; a payment has no lines")
    func kinds() throws {
        func tag(_ document: LedgerDocument, _ at: Int = 0) -> LedgerDocument {
            var out = document
            out.lines[at].dimensions = ["Region": "north"]
            return out
        }
        let north = try json("[{\"Name\":\"Region\",\"Option\":\"north\"}]")
        let note = tag(document(.creditNote, [line(.goods, "r", 1000, "206"), control(-1000)]))
        #expect(try lines(note, tracking, "CreditNotes").map { $0["Tracking"] } == [north])
        let tips = tag(document(.journal, [line(.control, "tips_payable", 500, "832"), line(.tender, "cash", -500, "612")], total: 500))
        #expect(try lines(tips, tracking, "ManualJournals", "JournalLines").map { $0.member("Tracking") } == [north, nil])
        var bank = line(.tender, "bank:GBP", 500, "090")
        bank.account.type = "BANK"
        let payout = tag(document(.payout, [bank, line(.fee, "processor_fees", -500, "404")], total: 500), 1)
        #expect(try lines(payout, tracking, "BankTransactions").map { $0["Tracking"] } == [north])
        let order = tag(document(.purchaseOrder, [line(.goods, "inventory", 500, "630"), line(.control, "payable:x", -500, "800")]))
        #expect(try lines(order, tracking, "PurchaseOrders").map { $0["Tracking"] } == [north])
        #expect(drive(connector.create([tag(payment())], attempt: "a", tracking)).calls.map(\.request.method) == [.put])
    }

    @Test(
        "a category or an option that is not there, or archived, refuses its document before it is sent, and the others are sent",
        arguments: [(["Region": "Nrth"], "Nrth"), (["Region": "South"], "South"), (["group": "Homewear"], "Homewear")])
    func unknown(_ dimensions: [String: String], _ word: String) throws {
        let (end, calls) = drive(connector.create([tagged(1), tagged(2, dimensions)], attempt: "a", tracking), [categories])
        let write = try #require(calls.last)
        #expect(try JSON(parsing: write.request.body)["Invoices"]?.array?.count == 1)
        guard case .open = end else {
            Issue.record("\(end)")
            return
        }
        let (alone, asked) = drive(connector.update(tagged(2, dimensions, remoteID: guid(41)), attempt: "a", tracking), [categories])
        #expect(asked.allSatisfy { $0.kind == .read })
        guard case .rejected(let fault)? = alone.output else {
            Issue.record("\(alone)")
            return
        }
        #expect(fault.code == "tracking_unknown" && fault.disposition == .reject && fault.summary.contains(word))
    }

    @Test("a category that the setting names and Xero has not, or no more, refuses what names it", arguments: ["Nowhere", "Old"])
    func noCategory(_ name: String) {
        let (end, calls) = drive(connector.create([tagged(1, [name: "X"])], attempt: "a", connection(name)), [categories])
        #expect(calls.count == 1)
        guard case .rejected(let fault)? = end.output?.first else {
            Issue.record("\(end)")
            return
        }
        #expect(fault.code == "tracking_unknown" && fault.summary.contains("no active tracking category \(name)"))
    }

    @Test("a list that can't be read is asked for again, and nothing is sent")
    func unreadable() {
        for text in ["", "{}", "{\"TrackingCategories\":null}"] {
            let (end, calls) = drive(connector.create([tagged()], attempt: "a", tracking), [answer(text)])
            #expect(calls.count == 1 && end.fault != nil)
        }
    }

    @Test("a setting that names no categories refuses every document", arguments: [",", "a,b,c", "Region,region", "a=", "=b", "a,,b", String(repeating: "x", count: 101)])
    func setting(_ text: String) {
        for document in [simple(), payment()] {
            let (end, calls) = drive(connector.create([document], attempt: "a", connection(text)))
            #expect(calls.isEmpty)
            guard case .rejected(let fault)? = end.output?.first else {
                Issue.record("\(text): \(end)")
                continue
            }
            #expect(fault.code == "setting_invalid")
            // It is told before anything is cleared.
            #expect(connector.objections(to: document, connection(text)).map(\.code) == ["setting_invalid"])
        }
    }

    @Test("what is taken back needs no tracking, and a bank transaction that is tracked otherwise is written anew")
    func changes() throws {
        var gone = tagged(1, ["Region": "Nowhere"], remoteID: guid(41))
        gone.plan.effect = .void
        #expect(drive(connector.void(gone, attempt: "a", tracking)).calls.map(\.kind) == [.write])
        var bank = line(.tender, "bank:GBP", 500, "090")
        bank.account.type = "BANK"
        var payout = document(.payout, [bank, line(.control, "clearing:card:GBP", -500, "611")], total: 500, reference: "p", remoteID: guid(50))
        payout.lines[1].dimensions = ["Region": "North"]
        func there(_ option: String) -> HTTPResponse {
            FindTests.list(
                "BankTransactions",
                [
                    """
                    {"BankTransactionID":"\(guid(50))","Type":"RECEIVE","Status":"AUTHORISED","Reference":"cf:\(key()) p","Date":"/Date(1794614400000+0000)/",
                    "BankAccount":{"Code":"090"},"CurrencyCode":"GBP","Total":5.00,"TotalTax":0.00,"LineItems":[{"LineAmount":5.00,"AccountCode":"611",
                    "Tracking":[{"Name":"Region","Option":"\(option)"}]}]}
                    """
                ])
        }
        let none = FindTests.list("ManualJournals", [])
        let same = drive(connector.update(payout, attempt: "a", tracking), [categories, none, there("North"), there("North")])
        #expect(same.calls.allSatisfy { $0.kind == .read } && same.end.output == .posted(remoteID: guid(50), version: nil))
        let other = drive(connector.update(payout, attempt: "a", tracking), [categories, none, there("South"), there("South")])
        #expect(other.calls.last?.kind == .write)
    }
}
