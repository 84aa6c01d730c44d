import Books
import ConnectorKit
import ConnectorTestKit
import FoundationEssentials
import Kernel
import Testing
import Wire

@testable import Inbound

@Suite("Files of rows")
struct FileTests {
    private let head = "object_id,object_version,occurred_at,number,status,issued_on,currency,customer_id,total,line_id,description,quantity,net,"
        + "tax_jurisdiction,tax_rate,tax_amount"
    private let rows = [
        "J-1,1,2026-11-12T16:00:00Z,1,sent,2026-11-12,CAD,rowan,339.00,L1,\"Labour, \"\"four\"\" hours\",4,220.00,CA-ON-HST,0.13,28.60",
        "J-1,1,,,,,,,,L2,Part 9,2,80.00,CA-ON-HST,0.13,10.40",
        "J-2,1,2026-11-13T16:00:00Z,2,sent,2026-11-13,CAD,finch,105.00,L1,Service,1,100.00,CA,0.05,5.00",
    ]

    private func read(_ text: String, _ layout: String = "invoice", _ settings: [String: String] = [:], digest: String = "ab12") -> ContractFile {
        erp.records(of: Array(text.utf8), layout: layout, digest: digest, facts(settings))
    }

    @Test("rows of one document are gathered, and normalise like events")
    func invoices() throws {
        let file = read(([head] + rows).joined(separator: "\r\n"))
        #expect(file.findings == [] && file.records.map(\.deliveryID) == ["file:ab12:1", "file:ab12:2"])
        #expect(file.records.allSatisfy { $0.topic == "invoice.updated" })
        let told = try erp.normalize(try #require(file.records.first), facts()).documents
        guard case .sale(let sale) = try #require(told.first).body else { return #expect(Bool(false), "no sale") }
        #expect(sale.lines.map(\.title) == ["Labour, \"four\" hours", "Part 9"] && sale.total.minor == 33_900 && told[0].id == "J-1")
    }

    @Test("line ends, a byte order mark and the order of columns mean nothing")
    func forms() {
        let plain = read(([head] + rows).joined(separator: "\n"))
        let marked = read("\u{feff}" + ([head] + rows).joined(separator: "\r\n") + "\r\n")
        #expect(plain == marked && !plain.records.isEmpty)
        let swapped = ([head] + rows).map { row in
            let at = row.firstIndex(of: ",") ?? row.endIndex
            return row[row.index(after: at)...] + "," + row[..<at]
        }.joined(separator: "\n")
        #expect(read(swapped).records.map(\.deliveryID) == plain.records.map(\.deliveryID))
    }

    @Test("a further row of a line adds a tax to it")
    func taxes() throws {
        let file = read([
            head, "J-3,1,2026-11-13T16:00:00Z,3,sent,2026-11-13,CAD,finch,115.00,L1,Service,1,100.00,CA-GST,0.05,5.00",
            "J-3,1,,,,,,,,L1,,,,CA-BC-PST,0.10,10.00",
        ].joined(separator: "\n"))
        #expect(file.findings == [])
        let told = try erp.normalize(try #require(file.records.first), facts()).documents
        guard case .sale(let sale) = told[0].body else { return #expect(Bool(false), "no sale") }
        #expect(sale.lines.map { $0.taxes?.count } == [2])
    }

    @Test("one fault, and nothing of the file is taken; faults tell line and place")
    func faults() {
        let wrong = rows[2].replacing("105.00", with: "105.01")
        let file = read([head, rows[0], rows[1], wrong].joined(separator: "\n"))
        #expect(file.records.isEmpty && file.findings.map(\.pointer) == ["line 4, /data/total"])
        #expect(read([head, rows[0], rows[2], rows[1]].joined(separator: "\n")).findings.map(\.pointer).contains("line 4, column object_id"))
        let newer = rows[1].replacing("J-1,1", with: "J-1,2")
        #expect(read([head, rows[0], newer].joined(separator: "\n")).findings.first?.pointer == "line 3, column object_version")
        #expect(read(head + ",colour\n" + rows[2] + ",red").findings.first?.pointer == "line 1, column 17")
        #expect(read(head + ",colour\n" + rows[2] + ",red", "invoice", ["unknown_members": "warn"]).warnings.count == 1)
        #expect(read(head + ",total\n" + rows[2] + ",1").findings.first?.pointer == "line 1, column 17")
        #expect(read("number\n1").findings.map(\.why).allSatisfy { $0.hasPrefix("has no column") })
    }

    @Test("what is no CSV is refused with its line", arguments: ["", "\u{feff}", "a,b\n\"c", "object_id,object_version,occurred_at\nx", "object_id\u{0}\n"])
    func foreign(text: String) {
        let file = read(text)
        #expect(file.records.isEmpty && file.findings.first?.pointer.hasPrefix("line ") == true)
    }

    @Test("bytes that are not UTF-8, and files beyond the bounds, are refused")
    func bounds() {
        let latin = Array(head.utf8) + [10] + Array("J-9,1,2026-11-13T16:00:00Z,".utf8) + [0xe9] + Array(",sent".utf8)
        #expect(erp.records(of: latin, layout: "invoice", digest: "d", facts()).findings.count == 1)
        let many = "object_id,object_version,occurred_at,sku,threshold,on_hand\n" + (0 ... 5_000).map { "S-\($0),1,2026-11-13T16:00:00Z,MUG,20,18\n" }.joined()
        #expect(read(many, "inventory_threshold").findings.map(\.pointer) == ["line 5002"])
        #expect(read(many, "teapots").findings.map(\.pointer) == ["layout"])
    }

    @Test("a file that breaks off at any line's end is refused, or tells of whole documents and nothing else")
    func half() throws {
        let whole = ([head] + rows).joined(separator: "\n") + "\n"
        var told: [[SourceDocument]] = []
        for record in read(whole).records { told.append(try erp.normalize(record, facts()).documents) }
        var (refused, taken) = (0, 0)
        for (n, byte) in whole.utf8.enumerated() where byte == 10 {
            let file = erp.records(of: Array(whole.utf8.prefix(n + 1)), layout: "invoice", digest: "half", facts())
            if !file.findings.isEmpty { refused += 1 } else { taken += 1 }
            for (record, document) in zip(file.records, told) { #expect(try erp.normalize(record, facts()).documents == document) }
        }
        // After the header and after half of a document; after each whole one.
        #expect(refused == 2 && taken == 2)
    }

    @Test("each layout has distinct columns, and its object's required members")
    func layouts() {
        for it in [erp, jobs] {
            #expect(it.layouts.map(\.name) == it.profile.objects.map(\.rawValue))
            for layout in it.layouts { #expect(Set(layout.columns).count == layout.columns.count, "\(layout.name)") }
        }
    }

    @Test("docs/inbound.md names each layout's columns, in their order")
    func page() throws {
        let path = "docs/inbound.md", head = "| layout | columns beside the first four |\n|---|---|\n"
        let all = Layout.all(.erp) + Layout.all(.jobCRM).filter { $0.object == .job } + Layout.all(.rms)
        let table = all.map { layout in "| `\(layout.name)` | " + layout.columns.dropFirst(4).map { "`\($0.name)`" }.joined(separator: ", ") + " |\n" }.joined()
        var text = String(decoding: try file(path), as: UTF8.self)
        let begin = try #require(text.firstRange(of: head)).upperBound
        let end = text[begin...].firstRange(of: "\n\n").map { text.index(after: $0.lowerBound) } ?? text.endIndex
        if ProcessInfo.processInfo.environment["COUNTERFOIL_WRITE_DOCS"] != nil {
            text.replaceSubrange(begin ..< end, with: table)
            try text.write(to: checkout.appending(path: path), atomically: true, encoding: .utf8)
        }
        #expect(text.contains(head + table), "COUNTERFOIL_WRITE_DOCS=1 swift test --filter InboundTests writes it anew")
    }

    @Test("a credit note, a deposit's use, a closure and a deletion come by rows as well")
    func others() throws {
        let credit = read(
            """
            object_id,object_version,occurred_at,invoice,number,status,issued_on,currency,total,line_id,invoice_line,net,\
            tax_jurisdiction,tax_amount,restocked,refund_id,refund_method,refund_amount,refund_status
            CN-1,1,2026-11-18T10:00:00Z,J-1,CN1,paid,2026-11-18,CAD,33.90,C1,L2,30.00,CA-ON-HST,3.90,true,T1,card,33.90,paid
            """, "credit_note")
        #expect(credit.findings == [])
        let told = try erp.normalize(try #require(credit.records.first), facts()).documents
        guard case .refund(let refund) = told[0].body else { return #expect(Bool(false), "no refund") }
        #expect(refund.lines.map(\.restocked) == [true] && refund.total.minor == 3_390)
        let closure = read(
            """
            object_id,object_version,occurred_at,number,register,closed_at,currency,total,tender_method,tender_counted
            Z-1,1,2026-11-18T22:00:00Z,Z1,till,2026-11-18T22:00:00Z,GBP,0.00,cash,0.00
            """, "register_closure")
        #expect(closure.findings == [])
        let gone = read("object_id,object_version,occurred_at,event\nJ-1,9,2026-11-18T22:00:00Z,deleted\n")
        #expect(gone.findings == [] && gone.records.map(\.topic) == ["invoice.deleted"])
    }

    @Test("no bytes stop the program, and refused files give no records", arguments: 1 ... 8)
    func spoiled(seed: Int) {
        var chance = Seeded(UInt64(seed))
        for _ in 0 ..< 60 {
            var bytes = Array(([head] + rows).joined(separator: "\n").utf8)
            for _ in 0 ... chance.int(0 ... 4) { bytes[chance.int(0 ... bytes.count - 1)] = chance.pick([0, 10, 13, 34, 44, 45, 48, 57, 255]) }
            let file = erp.records(of: bytes, layout: "invoice", digest: "d", facts())
            #expect(file.findings.isEmpty != file.records.isEmpty, "seed \(seed)")
        }
    }
}
