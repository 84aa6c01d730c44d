import Books
import ConnectorKit
import ConnectorTestKit
import FoundationEssentials
import Kernel
import Testing
import Wire

@testable import Inbound

@Suite("Goods that left, work that is done") struct FulfilmentTests {
    private func told(_ event: JSON, _ it: InboundConnector = erp, _ settings: [String: String] = [:]) throws -> (document: SourceDocument, body: Fulfilment) {
        let document = try #require(try documents(event, it, settings).first)
        guard case .fulfilment(let body) = document.body else { throw Fault("other", stage: .normalize, disposition: .bug, summary: "no fulfilment") }
        return (document, body)
    }

    @Test("lines and units of an invoice or an order that left, on their own day")
    func lines() throws {
        let event = try example("fulfilment")
        for it in [erp, jobs] {
            let (document, body) = try told(event, it)
            #expect(document.id == "F-3101-1" && document.caseID == "J-3101" && document.at == Timestamp(rfc3339: "2026-11-18T12:00:00Z"))
            #expect(body == Fulfilment(lines: [.init(line: "L1", quantity: .one)]))
            #expect(it.tells.contains(.fulfilments))
        }
        let order = event.changing("data", "invoice", to: nil).changing("data", "order", to: "SO-9")
        #expect(try told(order).document.caseID == "order:SO-9")
        #expect(findings(event, returns) == ["/type"])
    }

    @Test("without lines it is all that had not left; under way, taken back or deleted it is nothing")
    func whole() throws {
        let event = try example("fulfilment"), whole = event.changing("data", "lines", to: nil)
        #expect(try told(whole).body == Fulfilment(lines: [], isAll: true))
        for status in ["draft", "void"] {
            #expect(try told(whole.changing("data", "status", to: .string(status))).body == Fulfilment(lines: []))
            #expect(try told(event.changing("data", "status", to: .string(status))).body == Fulfilment(lines: []))
        }
        let gone = event.changing("type", to: "fulfilment.deleted").changing("data", to: ["invoice": "J-3101"]).changing("object_version", to: 2)
        let deleted = try told(gone)
        #expect(deleted.body == Fulfilment(lines: []) && deleted.document.version == 2)
    }

    @Test("what can't be is refused with its place")
    func wrong() throws {
        let event = try example("fulfilment")
        #expect(refusal(event.changing("data", "lines", to: []))?.position == "/data/lines")
        #expect(refusal(event.changing("data", "lines", "0", "quantity", to: "0"))?.position == "/data/lines/0/quantity")
        #expect(refusal(event.changing("data", "order", to: "SO-9"))?.position == "/data/invoice")
        #expect(refusal(event.changing("data", "status", to: "sent"))?.position == "/data/status")
        let twice: JSON = [["line": "L1", "quantity": "1"], ["line": "L1", "quantity": "2"]]
        #expect(refusal(event.changing("data", "lines", to: twice))?.position == "/data/lines/1/line")
    }

    @Test("a file's rows are fulfilments with their lines; a row without a line is all of the document")
    func file() throws {
        let text = "object_id,object_version,occurred_at,invoice,status,left_on,line,quantity\n"
            + "F-1,1,2026-11-18T12:00:00Z,J-1,done,2026-11-18,L1,1\nF-1,1,,,,,L2,2\nF-2,1,2026-11-19T12:00:00Z,J-2,done,2026-11-19,,\n"
        let file = erp.records(of: Array(text.utf8), layout: "fulfilment", digest: "ab12", facts())
        #expect(file.findings == [])
        let bodies = try file.records.map { try told(try JSON(parsing: $0.body)).body }
        #expect(bodies == [
            Fulfilment(lines: [.init(line: "L1", quantity: .one), .init(line: "L2", quantity: ExactDecimal(2))]), Fulfilment(lines: [], isAll: true),
        ])
        #expect(erp.layouts.contains { $0.name == "fulfilment" } && jobs.layouts.contains { $0.name == "fulfilment" })
    }

    @Test("a job's deposit, invoice and completion: the money is owed until the work is done, and all of it is released then")
    func completed() throws {
        var policies = Policies()
        policies.saleTrigger = .fulfilled
        let invoice = try documents(try example("invoice"), jobs), payment = try documents(try example("payment"), jobs)
        let done = try documents(try example("fulfilment").changing("data", "lines", to: nil), jobs)
        let before = try plans(invoice + payment, policies: policies)
        #expect(before.map(\.form) == [.deposit])
        let made = try plans(invoice + payment + done, policies: policies)
        #expect(made.contains { $0.form == .invoice && $0.date == LocalDate("2026-11-18") } && made.flatMap(\.findings).isEmpty, "\(made.map(\.form))")
        // The deposit that the invoice uses up was taken in a case of its own.
        #expect(made.filter { $0.form == .journal }.allSatisfy { $0.date == LocalDate("2026-11-18") })
    }
}
