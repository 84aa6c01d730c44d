import Kernel
import Testing

@testable import Wire

private func rows(_ bytes: [UInt8], _ form: CSVForm = CSVForm()) throws(Fault) -> [[String]] {
    var reader = CSVReader(bytes, form: form)
    var out: [[String]] = []
    while let row = try reader.next() { out.append(row) }
    return out
}

private func rows(_ text: String, _ form: CSVForm = CSVForm()) throws(Fault) -> [[String]] { try rows(Array(text.utf8), form) }

private func refusal(_ text: String, _ form: CSVForm = CSVForm()) -> Fault? {
    do throws(Fault) {
        _ = try rows(text, form)
        return nil
    } catch { return error }
}

@Suite struct CSVTests {
    @Test("fields, quotes and line ends of every kind", arguments: [
        ("a,b\r\n1,2\r\n", [["a", "b"], ["1", "2"]]), ("a,b\n1,2", [["a", "b"], ["1", "2"]]), ("a\rb\r", [["a"], ["b"]]), ("", []), ("\n\n", []), ("a,\n,b", [["a", ""], ["", "b"]]),
        ("\"a,\"\"b\"\"\n\",c", [["a,\"b\"\n", "c"]]), ("\"\",\"\"", [["", ""]]), ("\u{feff}a,b", [["a", "b"]]), (" a , b ", [[" a ", " b "]]), ("a,b\n\n\n1,2\n", [["a", "b"], ["1", "2"]]),
        ("é,日本", [["é", "日本"]]),
    ] as [(String, [[String]])])
    func reading(text: String, wanted: [[String]]) throws { #expect(try rows(text) == wanted) }

    @Test("what is not CSV is refused with its line", arguments: [
        ("a,b\n1", "line 2"), ("a,b\n1,2,3", "line 2"), ("a\"b", "line 1"), ("\"a", "line 1"), ("x\n\"a\n\n", "line 2"), ("\"a\"b", "line 1"), ("\"a\nb\"\n\"c\"d", "line 3"),
    ])
    func refusals(text: String, position: String) throws {
        let fault = try #require(refusal(text), "\(text)")
        #expect(fault.code == "malformed_csv" && fault.position == position, "\(text): \(fault.position ?? "")")
    }

    @Test("bytes that are not UTF-8 are refused, with quotes and without")
    func encoding() {
        for bytes: [UInt8] in [[97, 44, 0xe9], [34, 0xe9, 34], [0xff, 0xfe, 97, 0]] { #expect(throws: Fault.self) { try rows(bytes) } }
    }

    @Test("columns, fields and size are bounded; other separators and ragged rows are a choice")
    func forms() throws {
        var form = CSVForm()
        form.columns = 2
        form.fieldBytes = 3
        form.bytes = 20
        #expect(refusal("a,b", form) == nil)
        #expect(refusal("a,b,c", form) != nil)
        #expect(refusal("abcd", form) != nil)
        #expect(refusal("\"abcd\"", form) != nil)
        #expect(refusal(String(repeating: "a\n", count: 11), form) != nil)
        form = CSVForm()
        form.separator = UInt8(ascii: ";")
        form.ragged = true
        #expect(try rows("a;b,c\n1\n", form) == [["a", "b,c"], ["1"]])
    }

    @Test("what was written reads back as it was", arguments: UInt64(1) ... 200)
    func roundTrip(seed: UInt64) throws {
        var state = seed &* 0x9e37_79b9_7f4a_7c15 | 1
        func roll(_ n: Int) -> Int {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return Int(state % UInt64(n))
        }
        let pieces = [",", "\"", "\n", "\r\n", "\r", "a", "é", ";", " ", "\u{feff}", ""]
        let width = 1 + roll(4)
        let table = (0 ..< roll(6)).map { _ in (0 ..< width).map { _ in (0 ..< roll(4)).map { _ in pieces[roll(pieces.count)] }.joined() } }
        for separator: UInt8 in [44, 59, 9] {
            var writer = CSVWriter(separator: separator)
            for row in table { writer.row(row) }
            var form = CSVForm()
            form.separator = separator
            let back = try rows(writer.bytes, form)
            #expect(back.map { $0.map { Array($0.utf8) } } == table.map { $0.map { Array($0.utf8) } })
        }
    }
}

@Suite struct MultipartTests {
    private static let boundary = "----cf7MA4YWxkTrZu0gW"

    @Test("what was written reads back as it was, names and files included")
    func roundTrip() throws {
        let parts = [
            MultipartPart(name: "meta", type: "application/json", body: Array("{}".utf8)), MultipartPart(name: "empty", body: []),
            MultipartPart(name: "file \"1\"", filename: "é;x.csv", type: "text/csv", body: [13, 10, 45, 45, 0, 255]),
        ]
        let bytes = try #require(Multipart.write(parts, boundary: Self.boundary))
        let back = try Multipart.read(bytes, boundary: Self.boundary)
        #expect(back == parts)
        #expect(back.map(\.name) == ["meta", "empty", "file %221%22"])
        #expect(back[2].filename == "é;x.csv")
        #expect(try Multipart.read(Array("preamble\r\n".utf8) + bytes + Array("\r\nepilogue".utf8), boundary: Self.boundary) == parts)
    }

    @Test("a field's value is what stands between its blanks, be the first letter an accent on a blank", arguments: [
        ("A: \t x y \t ", "x y"), ("A:\u{301}x", "\u{301}x"), ("A: \u{301}x \u{301}", "\u{301}x \u{301}"), ("A: \t ", ""), ("A:", ""),
    ])
    func values(line: String, value: String) throws {
        let parts = try Multipart.read(Array("--b\r\n\(line)\r\n\r\n\r\n--b--".utf8), boundary: "b")
        #expect(try Array(#require(parts.first?.fields["A"]).utf8) == Array(value.utf8))
        let written = try #require(Multipart.write(parts, boundary: "b"))
        #expect(try Multipart.write(Multipart.read(written, boundary: "b"), boundary: "b") == written)
    }

    @Test("a part without a head, and one without a body")
    func bare() throws {
        #expect(try Multipart.read(Array("--b\r\n\r\nx\r\n--b\r\n\r\n\r\n--b--".utf8), boundary: "b") == [MultipartPart(fields: [:], body: [120]), MultipartPart(fields: [:], body: [])])
        #expect(try Multipart.read(Array("--b--".utf8), boundary: "b") == [])
    }

    @Test("what is cut off or malformed is refused", arguments: [
        "", "--b", "--b\r\n", "--b\r\n\r\n", "--b\r\n\r\nx", "--b\r\n\r\nx\r\n--b", "--b\r\nname\r\n\r\nx\r\n--b--", "--b\r\n: v\r\n\r\nx\r\n--b--", "--b\r\na b: v\r\n\r\nx\r\n--b--",
        "--b\r\na: \u{1}\r\n\r\nx\r\n--b--", "--bx\r\n\r\nx\r\n--bx--", "--b\n\nx\n--b--",
    ])
    func refusals(text: String) {
        do throws(Fault) {
            _ = try Multipart.read(Array(text.utf8), boundary: "b")
            Issue.record("read: \(text.debugDescription)")
        } catch { #expect(error.code == "malformed_multipart") }
    }

    @Test("heads and numbers of parts are bounded")
    func bounds() {
        let many = String(repeating: "--b\r\n\r\n\r\n", count: Multipart.partsMost + 1) + "--b--"
        let long = "--b\r\na: \(String(repeating: "x", count: Multipart.headBytesMost))\r\n\r\nx\r\n--b--"
        for text in [many, long] { #expect(throws: Fault.self) { try Multipart.read(Array(text.utf8), boundary: "b") } }
    }

    @Test("a boundary is found in the content type, quoted or not, and must be one", arguments: [
        ("multipart/form-data; boundary=abc", "abc"), ("Multipart/Mixed; charset=utf-8; BOUNDARY=\"a b\"", "a b"), ("multipart/form-data", nil), ("text/plain; boundary=abc", nil),
        ("multipart/form-data; boundary=", nil), ("multipart/form-data; boundary=\"a\"\"", "a"), ("multipart/form-data; boundary=a{b", nil), ("multipart/form-data; xboundary=a", nil),
    ] as [(String, String?)])
    func boundaries(type: String, wanted: String?) { #expect(Multipart.boundary(of: type) == wanted) }

    @Test("a body is not written with a boundary that it contains")
    func collision() {
        #expect(Multipart.write([MultipartPart(name: "a", body: Array("x--b".utf8))], boundary: "b") == nil)
        #expect(Multipart.write([], boundary: "") == nil)
        #expect(Multipart.write([], boundary: String(repeating: "b", count: 71)) == nil)
    }
}
