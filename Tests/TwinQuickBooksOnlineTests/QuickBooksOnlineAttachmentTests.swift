import Crypto
import Kernel
import TwinQuickBooksOnline
import Testing
import Wire

/// Notes and files.
@Suite struct QuickBooksOnlineAttachmentTests {
    private static let boundary = "----cf-boundary"

    private func bench(limits: QuickBooksOnlineLimits = .none) throws -> (bench: QuickBooksOnlineBench, invoice: String) {
        let bench = try QuickBooksOnlineBench(limits: limits)
        let customer = try bench.customer()
        return (bench, try bench.make("Invoice", QuickBooksOnlineWireTests.sample(customer, "1")).shown("Id"))
    }

    private func upload(_ bench: QuickBooksOnlineBench, _ parts: [MultipartPart]) throws -> (status: Int, body: JSON) {
        let body = try #require(Multipart.write(parts, boundary: Self.boundary))
        return try send(bench, body, boundary: Self.boundary)
    }

    private func send(_ bench: QuickBooksOnlineBench, _ body: [UInt8], boundary: String) throws -> (status: Int, body: JSON) {
        let fields: HTTPFields = [
            "Authorization": "Bearer \(bench.token)", "Accept": "application/json", "Host": "127.0.0.1:8400",
            "Content-Type": "multipart/form-data; boundary=\(boundary)",
        ]
        let response = bench.send(HTTPRequest(.post, QuickBooksOnlineBench.company + "upload?minorversion=75", fields: fields, body: body))
        return (response.status, try JSON(parsing: response.body))
    }

    private func metadata(_ invoice: String, _ name: String = "receipt_nov15.jpg", number: String = "01") throws -> MultipartPart {
        let json = "{AttachableRef: [{EntityRef: {type: 'Invoice', value: '\(invoice)'}}], ContentType: 'image/jpg', FileName: '\(name)'}"
        return MultipartPart(name: "file_metadata_\(number)", type: "application/json", body: try JSON(json5: json).bytes)
    }

    private func content(_ bytes: [UInt8], number: String = "01") -> MultipartPart {
        MultipartPart(name: "file_content_\(number)", filename: "receipt_nov15.jpg", type: "image/jpeg", body: bytes)
    }

    /// - Source: developer.intuit.com, "Attach images and notes": the note on an invoice and its answer.
    @Test("the documented note is attached to an invoice and found by it")
    func note() throws {
        let (bench, invoice) = try bench()
        let links = "[{IncludeOnSend: 'false', EntityRef: {type: 'Invoice', value: '\(invoice)'}}]"
        let made = try bench.make("Attachable", "{Note: 'This is an attached note.', AttachableRef: \(links)}")
        #expect(made["AttachableRef"] == [["EntityRef": ["value": .string(invoice), "type": "Invoice"], "IncludeOnSend": false]])
        #expect(made.shown("Note") == "This is an attached note." && made.shown("sparse") == "false" && made["Size"] == nil)
        let query = "select Id from attachable where AttachableRef.EntityRef.Type = 'invoice' and AttachableRef.EntityRef.value = '\(invoice)'"
        #expect(try bench.query(query).shown("QueryResponse", "Attachable", "0", "Id") == made.shown("Id"))
        #expect(try bench.query(query.replacing("'invoice'", with: "'bill'"))["QueryResponse"] == [:])
        #expect(try bench.get("attachable/\(made.shown("Id"))").body["Attachable"] == made)
        #expect(try bench.refusal("attachable?operation=delete", made.text) == "")
        #expect(try bench.query(query)["QueryResponse"] == [:])
        #expect(bench.twin.entries().count == 1)
    }

    /// - Source: QuickBooks Online API reference, Attachable, upload: request and answer.
    @Test("an uploaded file is answered as documented and comes back byte for byte, for a quarter of an hour")
    func file() throws {
        let (bench, invoice) = try bench()
        let bytes: [UInt8] = [0, 255, 13, 10, 45, 45, 10, 13, 1]
        let (status, body) = try upload(bench, [try metadata(invoice), content(bytes)])
        #expect(status == 200)
        let made = try #require(body["AttachableResponse"]?[0]?["Attachable"])
        let id = made.shown("Id")
        let expected = [
            ("FileName", "receipt_nov15.jpg"), ("ContentType", "image/jpg"), ("Size", "9"),
            ("FileAccessUri", "/v3/company/9130350000000001/download/\(id)"),
        ]
        for (name, value) in expected {
            #expect(made.shown(name) == value, "\(name)")
        }
        #expect(made["AttachableRef"]?[0]?["EntityRef"] == ["value": .string(invoice), "type": "Invoice"])
        let address = bench.call(.get, "download/\(id)").bodyText
        #expect(made.shown("TempDownloadUri").hasPrefix("http://127.0.0.1:8400/qbo/files/\(id)/"))
        let path = String(address.dropFirst("https://quickbooks.api.intuit.com".count))
        let later = try bench.restarted()
        let got = later.send(HTTPRequest(.get, path))
        #expect(got.status == 200 && got.body == bytes && got.fields["Content-Type"] == "image/jpg")
        later.clocks.advance(by: .seconds(901))
        #expect(later.send(HTTPRequest(.get, path)).status == 403)
        #expect(bench.send(HTTPRequest(.get, path.replacing("/files/\(id)/", with: "/files/9/"))).status == 403)
        let renamed = try bench.make("Attachable", "{Id: '\(id)', SyncToken: '0', sparse: true, FileName: 'other.jpg', Size: 3}")
        #expect(renamed.shown("FileName") == "other.jpg" && renamed.shown("Size") == "9")
    }

    @Test("several files go in one request, and one that can't be taken leaves the others")
    func several() throws {
        let (bench, invoice) = try bench()
        let parts = [
            try metadata(invoice, "a.pdf", number: "01"), content([1], number: "01"), try metadata("77", "b.pdf", number: "02"), content([2], number: "02"),
            try metadata(invoice, "c.exe", number: "03"), content([3], number: "03"), content([4], number: "04"),
        ]
        let answers = try #require(try upload(bench, parts).body["AttachableResponse"]?.array)
        #expect(answers.map { $0.shown("Attachable", "FileName") } == ["a.pdf", "", "", "receipt_nov15.jpg"])
        #expect(answers.map { $0.shown("Fault", "Error", "0", "code") } == ["", "2500", "6000", ""])
        #expect(try bench.query("select count(*) from Attachable").shown("QueryResponse", "totalCount") == "2")
    }

    @Test("a body that is no multipart, has no content or is too large is refused whole")
    func refused() throws {
        let (bench, invoice) = try bench(limits: QuickBooksOnlineLimits(uploadBytes: 1_000_000))
        #expect(try send(bench, Array("nothing".utf8), boundary: Self.boundary).body.shown("Fault", "Error", "0", "code") == "2010")
        #expect(try upload(bench, [try metadata(invoice)]).body.shown("Fault", "Error", "0", "code") == "2020")
        let large = try upload(bench, [try metadata(invoice), content([UInt8](repeating: 7, count: 1_000_000))])
        #expect(large.status == 400 && large.body.shown("Fault", "Error", "0", "Detail").contains("larger than the 1 MB"))
        let fields: HTTPFields = ["Content-Disposition": "form-data; name=\"file_content_01\"", "Content-Transfer-Encoding": "base64"]
        let wrong = try upload(bench, [try metadata(invoice), MultipartPart(fields: fields, body: Array("***".utf8))])
        #expect(wrong.body["AttachableResponse"]?[0]?["Fault"] != nil)
        #expect(bench.call(.post, "upload", "{}").status == 400)
        #expect(try bench.refusal("attachable", "{FileName: 'a.pdf'}") == "6000")
        #expect(try bench.refusal("attachable", "{Category: 'Receipt'}") == "2020")
    }

    /// - Source: python-quickbooks 0.9.12, `client.make_request`: line feeds alone, content in Base64.
    @Test("a body with line feeds alone and Base64 inside, as an SDK sends it, is taken")
    func lineFeeds() throws {
        let (bench, invoice) = try bench()
        let json = try #require(String(validating: try metadata(invoice).body, as: UTF8.self))
        let bytes: [UInt8] = Array(0 ..< 200)
        let mark = "-------------PythonMultipartPost"
        let text = """

            --\(mark)
            Content-Disposition: form-data; name="file_metadata_01"
            Content-Type: application/json

            \(json)

            --\(mark)
            Content-Disposition: form-data; name="file_content_01"
            Content-Type: image/jpg
            Content-Transfer-Encoding: base64

            \(Base64.encode(bytes))

            --\(mark)--

            """
        let made = try send(bench, Array(text.utf8), boundary: mark).body
        #expect(made.shown("AttachableResponse", "0", "Attachable", "Size") == "200", "\(made.text)")
    }

    @Test("contents larger than a line of the journal come back whole")
    func pieces() throws {
        let (bench, invoice) = try bench()
        let bytes = SeededRandom(seed: 5).bytes(2_000_000)
        let id = try upload(bench, [try metadata(invoice), content(bytes)]).body.shown("AttachableResponse", "0", "Attachable", "Id")
        let later = try bench.restarted()
        let path = String(later.call(.get, "download/\(id)").bodyText.dropFirst("https://quickbooks.api.intuit.com".count))
        #expect(later.send(HTTPRequest(.get, path)).body == bytes)
    }
}
