import Books
import ConnectorKit
import Kernel
import Testing
import Wire

@testable import QuickBooksOnline

@Suite("Classes and departments")
struct DimensionTests {
    let connector = Desk.connector

    private func preferences(_ prefs: String) -> HTTPResponse {
        Desk.answer(#"{"Preferences":{"AccountingInfoPrefs":{\#(prefs)},"CurrencyPrefs":{"HomeCurrency":{"value":"USD"}}}}"#)
    }

    private let classes = Desk.answer(
        """
        {"QueryResponse":{"Class":[{"Id":"300","Name":"Retail","FullyQualifiedName":"Retail","Active":true},
         {"Id":"301","Name":"Web","FullyQualifiedName":"Retail:Web","Active":true},{"Id":"302","Name":"Old","Active":false}]}}
        """)
    private let departments = Desk.answer(#"{"QueryResponse":{"Department":[{"Id":"2","Name":"Oslo","FullyQualifiedName":"Oslo"}]}}"#)

    private func invoice(_ dimensions: [[String: String]]) -> LedgerDocument {
        var document = Desk.invoice()
        for (i, values) in dimensions.enumerated() { document.lines[i + 1].dimensions = values }
        return document
    }

    private func find(_ document: LedgerDocument, _ answers: HTTPResponse...) -> (ending: Desk.Ending<[String: String]>, calls: [Call]) {
        let wants = connector.references(for: document).filter { $0.kind == .dimension }
        return Desk.play(connector.findReferences(wants, Desk.facts), answers)
    }

    @Test("they are looked up by name, full name or id, whatever the case of letters, and kept with their place")
    func found() throws {
        let document = invoice([["class": "retail:WEB", "department": "Oslo"], ["class": "300"], ["class": "retail:WEB"]])
        let wants = connector.references(for: document).filter { $0.kind == .dimension }
        #expect(wants.map(\.key) == ["class/retail:WEB", "department/Oslo", "class/300"])
        let (ending, calls) = find(document, preferences(#""ClassTrackingPerTxnLine":true,"TrackDepartments":true"#), classes, departments)
        #expect(calls.map(\.kind) == [.read, .read, .read])
        guard case .finished(let ids) = ending else { throw Desk.Unfinished() }
        #expect(ids == ["class/retail:WEB": "301", "department/Oslo": "2", "class/300": "300"])
        var bound = document
        for want in wants { bound.bind(want, to: ids[want.key] ?? "", by: connector.itemKey(of:)) }
        let body = try Desk.sent(bound)
        #expect(body["DepartmentRef"]?["value"] == "2" && body["ClassRef"] == nil)
        #expect(body["Line"]?[0]?["SalesItemLineDetail"]?["ClassRef"]?["value"] == "301")
    }

    @Test("where the company has a class for each document it stands there, and all lines must agree")
    func header() throws {
        let document = invoice([["class": "Retail"]])
        guard case .finished(let ids) = find(document, preferences(#""ClassTrackingPerTxn":true"#), classes).ending else { throw Desk.Unfinished() }
        #expect(ids == ["class/Retail": "header:300"])
        let body = try Desk.sent(invoice([["class": "header:300"], [:], ["class": "header:300"]]))
        #expect(body["ClassRef"]?["value"] == "300" && body["Line"]?[0]?["SalesItemLineDetail"]?["ClassRef"] == nil)
        for mixed in [[["class": "header:300"], [:], ["class": "header:301"]], [["department": "2"], [:], ["department": "3"]]] {
            let outcomes = try Desk.finished(connector.create([invoice(mixed)], attempt: "a", Desk.facts), [])
            guard case .rejected(let fault) = outcomes[0] else {
                Issue.record("not refused")
                return
            }
            #expect(fault.code == "dimension_mixed" && fault.position != nil)
        }
        var bill = Desk.bill()
        bill.lines[0].dimensions = ["class": "header:300"]
        bill.lines[1].dimensions = ["class": "header:301"]
        let lines = try Desk.sent(bill)["Line"]
        #expect(lines?[1]?["AccountBasedExpenseLineDetail"]?["ClassRef"]?["value"] == "301")
    }

    @Test("a journal has both at its lines")
    func journal() throws {
        var journal = Desk.refund()
        journal.lines[0].dimensions = ["class": "header:300", "department": "2"]
        let detail = try Desk.sent(journal)["Line"]?[0]?["JournalEntryLineDetail"]
        #expect(detail?["ClassRef"]?["value"] == "300" && detail?["DepartmentRef"]?["value"] == "2")
    }

    @Test("a feature that is off, a name that is not there and one that is inactive are told before anything is sent")
    func refused() throws {
        func code(_ dimensions: [String: String], _ answers: HTTPResponse...) throws -> String {
            let wants = connector.references(for: invoice([dimensions])).filter { $0.kind == .dimension }
            let (ending, calls) = Desk.play(connector.findReferences(wants, Desk.facts), answers)
            #expect(calls.allSatisfy { $0.kind == .read })
            guard case .failed(let fault) = ending else { throw Desk.Unfinished() }
            #expect(fault.disposition == .hold && !fault.remedy.isEmpty)
            return fault.code
        }
        let on = preferences(#""ClassTrackingPerTxnLine":true"#)
        #expect(try code(["class": "Retail"], preferences("")) == "dimension_off")
        #expect(try code(["department": "Oslo"], on) == "dimension_off")
        #expect(try code(["class": "Wholesale"], on, classes) == "dimension_unknown")
        #expect(try code(["class": "Old"], on, classes) == "dimension_inactive")
    }

    @Test("without any, nothing is asked")
    func none() {
        #expect(connector.references(for: Desk.invoice()).allSatisfy { $0.kind != .dimension })
    }
}
