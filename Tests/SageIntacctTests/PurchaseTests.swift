import Books
import ConnectorKit
import ConnectorTestKit
import Kernel
import Testing
import Wire

@testable import SageIntacct

/// - Source: Intacct/intacct_dtd, v3.0/api.xsd: create_bill, reverse_bill; developer.intacct.com, Bills, Vendors.
@Suite("Suppliers' bills in Sage Intacct") struct PurchaseTests {
    private func bill(_ n: Int = 1, due: LocalDate? = LocalDate("2026-12-14"), detail: String? = nil, remoteID: String? = nil, effect: PlannedPosting.Effect = .post) -> LedgerDocument {
        let code = detail == nil ? nil : "purchase:GB@20"
        var out = document(
            .bill,
            [
                line(.goods, "purchases:clay", 20_000, "6000", tax: code, code: detail, group: "L1", text: "CW-1: Clay"),
                line(.tax, "input_tax:GB", 4_000, "1350", tax: code, code: detail, group: "L1"), line(.control, "payable:Clayworks", -24_000, "2000"),
            ], key: key(n), total: 24_000, reference: "bill 7", note: "No. CW-1", effect: effect, party: "V100", remoteID: remoteID)
        out.plan.due = due
        out.plan.party = "Clayworks"
        return out
    }

    private func listed(_ id: Int = 91, state: String = "Posted", total: String = "240", due: String = "12/14/2026") -> [String: String] {
        [
            "RECORDNO": "\(id)", "RECORDID": key().text, "STATE": state, "DESCRIPTION": "cf:\(key()) bill 7", "WHENMODIFIED": "11/14/2026 10:00:00",
            "VENDORID": "V100", "WHENCREATED": "11/14/2026", "WHENPOSTED": "11/14/2026", "WHENDUE": due, "CURRENCY": "USD", "TOTALENTERED": total,
            "TRX_TOTALENTERED": total,
        ]
    }

    private let lines = [["RECORDNO": "9", "RECORDKEY": "91", "ACCOUNTNO": "6000", "AMOUNT": "200", "TRX_AMOUNT": "200"], ["RECORDNO": "10", "RECORDKEY": "91", "ACCOUNTNO": "1350", "AMOUNT": "40", "TRX_AMOUNT": "40"]]

    @Test("a bill has its elements in the schema's order, its own due day, our key for its number and debits above zero") func written() throws {
        let made = try sent(bill())
        #expect(made.name.local == "create_bill")
        #expect(made.order == [
            "vendorid", "datecreated", "dateposted", "datedue", "action", "billno", "ponumber", "description", "basecurr", "currency", "exchratetype",
            "billitems",
        ])
        #expect(made.text("vendorid") == "V100" && made.text("billno") == key().text && made.text("datedue", "month") == "12")
        #expect(made.text("description") == "cf:\(key()) bill 7 | No. CW-1")
        let items = try #require(made["billitems"]).all("lineitem")
        #expect(items.map { $0.text("glaccountno") } == ["6000", "1350"] && items.map { $0.text("amount") } == ["200.00", "40.00"])
        #expect(try sent(bill(due: nil)).text("datedue", "month") == "11")
        // The bound receivable is nothing of a bill's.
        #expect(try sent(bill(), facts(["receivable": "bound"])).at(["billitems", "lineitem", "offsetglaccountno"]) == nil)
    }

    @Test("tax with a detail of purchases stands in the entries of its line") func taxed() throws {
        let item = try #require(try sent(bill(detail: "UK Purchase Standard")).at(["billitems", "lineitem"]))
        #expect(item.text("amount") == "200.00" && item.text("taxentries", "taxentry", "detailid") == "UK Purchase Standard")
        #expect(item.text("taxentries", "taxentry", "trx_tax") == "40.00")
        var unbound = bill(detail: "x")
        for i in unbound.lines.indices { unbound.lines[i].taxCode = nil }
        #expect(refused(unbound) == "rejected tax_code_unbound")
    }

    @Test("what can't be a bill there is refused before it is sent, a purchase order with its reason") func refusals() {
        let credit = document(.bill, [line(.goods, "purchases:clay", -100, "6000"), line(.control, "payable:C", 100, "2000")], total: -100, party: "V100")
        #expect(refused(credit) == "rejected total_negative")
        var homeless = bill()
        homeless.party = nil
        #expect(refused(homeless) == "rejected party_missing")
        let order = document(.purchaseOrder, [line(.goods, "inventory", 100, "1300"), line(.control, "payable:C", -100, "2000")], total: 100)
        let faults = connector.objections(to: order, facts)
        #expect(faults.map(\.code) == ["form_unsupported"] && faults[0].summary.contains("catalogue") && faults[0].remedy.contains("by hand") == true)
        #expect(connector.objections(to: bill(), facts).isEmpty)
    }

    @Test("it is found by its number, and what it shows is what was meant") func found() throws {
        let (end, calls) = drive(connector.find([bill(remoteID: "91")], facts), [answer(list("APBILL", [listed()])), answer(list("APBILLITEM", lines))])
        let seen = try #require(end.output?[key()])
        var meant = connector.meant(bill(remoteID: "91"))
        meant.version = "11/14/2026 10:00:00"
        #expect(seen == meant && seen.due == LocalDate("2026-12-14") && seen.accounts == ["6000": 20_000, "1350": 4_000] && seen.party == "V100")
        #expect(try functions(calls[0]).map(\.id) == ["APBILL"])
        #expect(drive(connector.find([bill()], facts), [answer(list("APBILL", []))]).end.output == [:])
    }

    @Test("a change takes it back and writes it anew at once; a void reverses it; what is paid, or about to be, is left alone") func changed() throws {
        let there = answer(list("APBILL", [listed()])), back = "\(key()).1.back.a1.1", new = "\(key()).1.replace.a1"
        let (end, calls) = drive(connector.update(bill(remoteID: "91"), attempt: "a-1", facts), [there, there, answer(done(back), done(new, key: "95"))])
        #expect(end.output.map(word) == "posted 95")
        #expect(try names(calls[2]) == ["delete", "create_bill"])
        let gone = drive(connector.void(bill(remoteID: "91", effect: .void), attempt: "a-1", facts), [there, there, answer(done(back))])
        #expect(gone.end.output.map(word) == "posted 91")
        let reverse = try #require(try functions(gone.calls[2]).first).content
        #expect(reverse.name.local == "reverse_bill" && reverse.attribute("key") == "91" && reverse.order == ["datereversed", "description"])
        for state in ["Paid", "Partially Paid", "Selected"] {
            let paid = answer(list("APBILL", [listed(state: state)]))
            #expect(drive(connector.update(bill(remoteID: "91"), attempt: "a-1", facts), [paid, paid]).end.output.map(word) == "rejected ledger_document_fixed")
        }
    }

    @Test("a supplier is found and made among the vendors, never a customer of that name") func suppliers() throws {
        let want = try #require(connector.references(for: bill()).first)
        #expect(want == ReferenceWant(kind: .vendor, key: "Clayworks", name: "Clayworks", text: "Clayworks"))
        let rows = [["VENDORID": "V7", "NAME": "Clayworks", "STATUS": "active"]]
        let (end, calls) = drive(connector.findReferences([want], facts), [answer(list("VENDOR", rows))])
        #expect(end.output == ["Clayworks": "V7"])
        #expect(try functions(calls[0]).map(\.id) == ["VENDOR"])
        let id = SageIntacctConnector.partyID(want), customer = ReferenceWant(kind: .party, key: "Clayworks", name: "Clayworks", text: "")
        #expect(id.hasPrefix("CV-") && id.count <= 20 && SageIntacctConnector.partyID(customer) != id)
        let data = "<data listtype=\"objects\" count=\"1\"><vendor><RECORDNO>12</RECORDNO><VENDORID>\(id)</VENDORID></vendor></data>"
        let made = drive(connector.createReferences([want], facts), [answer(done("\(id).customer", data: data))])
        #expect(made.end.output == ["Clayworks": id])
        let vendor = try #require(try functions(made.calls[0]).first?.content["VENDOR"])
        #expect(vendor.text("VENDORID") == id && vendor.text("NAME") == "Clayworks")
        let numbered = try #require(drive(connector.createReferences([want], facts(["vendor_ids": "numbered"]))).calls.first)
        #expect(try functions(numbered).first?.content.at(["VENDOR", "VENDORID"]) == nil)
    }

    @Test("a user without rights to payables hears of what else has changed") func changes() throws {
        let since = Timestamp(seconds: 1_795_000_000)
        let others = ["ARINVOICE", "ARADJUSTMENT", "ARPYMT", "OTHERRECEIPTS", "GLBATCH"].map { list($0, $0 == "ARINVOICE" ? [row(41)] : []) }.joined()
        let lacks = failed("APBILL", "You do not have permission for API operation READ on objects of type apbill")
        let asked = try #require(connector.changes(since: since, cursor: nil, facts))
        #expect(drive(asked, [answer(others, lacks)]).end.output?.keys == [key()])
        let told = try #require(connector.changes(since: since, cursor: nil, facts))
        #expect(drive(told, [answer(others.replacing(key().text, with: key(2).text), list("APBILL", [listed()]))]).end.output?.keys.contains(key()) == true)
    }
}
