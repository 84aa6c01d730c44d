import Kernel
import Testing
import TwinKit
import Wire

@testable import TwinSapBusinessOne

@Suite("SAP Business One: batches")
struct B1BatchTests {
    private static func part(_ line: String, _ body: String = "", id: String? = nil) -> String {
        let head = "Content-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n" + (id.map { "Content-ID: \($0)\r\n" } ?? "")
        return "\(head)\r\n\(line)\r\n" + (body.isEmpty ? "\r\n" : "Content-Type: application/json\r\n\r\n\(body)")
    }

    private static func changes(_ parts: [String]) -> String {
        "Content-Type: multipart/mixed;boundary=changeset_1\r\n\r\n" + parts.map { "--changeset_1\r\n\($0)\r\n" }.joined() + "--changeset_1--"
    }

    private func send(_ bench: B1Bench, _ parts: [String]) throws -> (status: Int, parts: [String]) {
        let body = parts.map { "--batch_1\r\n\($0)\r\n" }.joined() + "--batch_1--"
        let answer = bench.send(.post, "$batch", body, fields: ["Content-Type": "multipart/mixed;boundary=batch_1"])
        let boundary = try #require(answer.fields["Content-Type"].flatMap { Multipart.boundary(of: $0) }, "\(answer.bodyText)")
        return (answer.status, try Multipart.read(answer.body, boundary: boundary).map { String(decoding: $0.body, as: UTF8.self) })
    }

    // Source: the guide, "Batch Request Sample Codes": a query, then an item that is made and changed by its content's number.
    @Test("requests are done one after the other, and a change set as a whole", arguments: [(1, 202), (2, 200)])
    func sample(version: Int, status: Int) throws {
        let bench = try B1Bench()
        bench.version = version
        let answer = try send(bench, [
            Self.part("GET /b1s/v\(version)/Items('A00001')"),
            Self.changes([Self.part("POST /b1s/v\(version)/Items HTTP/1.1", "{\"ItemCode\":\"i002\"}", id: "1"), Self.part("PATCH /b1s/v\(version)/$1", "{\"ItemName\":\"second\"}", id: "2")]),
        ])
        #expect(answer.status == status && answer.parts.count == 2)
        #expect(answer.parts[0].hasPrefix("HTTP/1.1 200 OK\r\n") && answer.parts[0].contains("\"ItemName\":\"Blue mug\""))
        #expect(answer.parts[1].contains("HTTP/1.1 201 Created") && answer.parts[1].contains("Content-ID: 2") && answer.parts[1].contains("HTTP/1.1 204 No Content"))
        #expect(try bench.get("Items('i002')")["ItemName"] == "second")
    }

    // Source: the guide, "Create an order and cancel it in one transaction".
    @Test("an order is made and cancelled in one transaction")
    func orderAndCancel() throws {
        let bench = try B1Bench()
        let answer = try send(bench, [Self.changes([Self.part("POST http://host:1/sapb1/b1s/v2/Orders HTTP/1.1", B1Bench.sale(), id: "1"), Self.part("POST $1/Cancel", id: "2")])])
        #expect(answer.parts.count == 1)
        #expect(try bench.get("Orders(1)")["Cancelled"] == "tYES")
    }

    @Test("a change set that fails leaves nothing, has one answer, and nothing is tried behind it")
    func failing() throws {
        let bench = try B1Bench()
        let answer = try send(bench, [
            Self.changes([Self.part("POST Invoices", B1Bench.sale(), id: "1"), Self.part("POST Items", "{\"ItemCode\":\"A00001\"}", id: "2")]), Self.part("GET Items('A00001')"),
        ])
        #expect(answer.status == 200 && answer.parts.count == 1 && answer.parts[0].contains("HTTP/1.1 400 Bad Request") && answer.parts[0].contains("Item code 'A00001' already exists"))
        #expect(bench.twin.entries().isEmpty)
        #expect(try bench.found("Invoices", "DocEntry") == [])
    }

    @Test("without a change set what was done stays")
    func loose() throws {
        let bench = try B1Bench()
        let answer = try send(bench, [Self.part("POST Invoices", B1Bench.sale()), Self.part("GET Invoices(99)"), Self.part("POST Invoices", B1Bench.sale())])
        #expect(answer.parts.count == 2 && answer.parts[1].contains("HTTP/1.1 404 Not Found"))
        #expect(try bench.found("Invoices", "DocEntry") == ["1"])
    }

    @Test("batches that are none are refused", arguments: [
        "", "--batch_1\r\nContent-Type: text/plain\r\n\r\nhello there, all of you\r\n--batch_1--", "--batch_1\r\n" + part("GET Items"), "--batch_1\r\n" + part("FETCH Items") + "\r\n--batch_1--",
        "--batch_1\r\n" + changes([part("GET Items", id: "1")]) + "\r\n--batch_1--", "--batch_1\r\n" + changes([part("POST Items", "{\"ItemCode\":\"q\"}")]) + "\r\n--batch_1--",
        "--batch_1\r\n" + changes([part("PATCH $9", "{}", id: "1")]) + "\r\n--batch_1--",
    ])
    func incomplete(body: String) throws {
        let bench = try B1Bench()
        let refusal = try bench.refusal(.post, "$batch", body, fields: ["Content-Type": "multipart/mixed;boundary=batch_1"])
        #expect(refusal == Refusal(code: -1000, text: "Incomplete Batch Request Body!"))
        #expect(bench.send(.get, "Items/$count").bodyText == "3")
    }
}
