import Kernel
import Testing
import Wire

@Suite struct FormTests {
    @Test("unreserved characters stay, all others become upper-case escapes")
    func percent() {
        #expect(Form.percent("AZaz09-._~") == "AZaz09-._~")
        #expect(Form.percent("a b+c/é&=%\u{0}") == "a%20b%2Bc%2F%C3%A9%26%3D%25%00")
        #expect(Form.percent("a b", space: true) == "a+b")
    }

    @Test("broken escapes stay as written and bad UTF-8 becomes a replacement character")
    func unpercent() {
        #expect(Form.unpercent("%41%4a%4A") == "AJJ")
        for broken in ["%", "%4", "%zz", "%%", "a%", "%-1", "%+1"] { #expect(Form.unpercent(broken) == broken) }
        #expect(Form.unpercent("%ff") == "\u{fffd}")
        #expect(Form.unpercent("a+b") == "a+b")
        #expect(Form.unpercent("a+b%2B", plus: true) == "a b+")
    }

    @Test("pairs keep their order, repeats and empty values")
    func decode() {
        func pairs(_ text: String) -> [String] { Form.decode(text).map { "\($0.name)=\($0.value)" } }
        #expect(pairs("a=1&b=2&a=3") == ["a=1", "b=2", "a=3"])
        #expect(pairs("a&b=&=c&&d=e=f") == ["a=", "b=", "=c", "d=e=f"])
        #expect(pairs("") == [])
        #expect(pairs("x+y=%26%3D") == ["x y=&="])
    }

    @Test("an accent after a separator does not hide the separator")
    func combining() {
        let pairs = Form.decode("a=1&\u{301}b=\u{301}2")
        #expect(pairs.map(\.name) == ["a", "\u{301}b"])
        #expect(pairs.map(\.value) == ["1", "\u{301}2"])
        #expect(HTTPRequest(.get, "/p?\u{301}q=1").path == "/p")
    }

    @Test("what is encoded is decoded the same", arguments: [1, 2, 3] as [UInt64])
    func roundTrip(seed: UInt64) {
        let source = Generator(SeededRandom(seed: seed))
        for _ in 0 ..< 300 {
            let pairs = (0 ..< 1 + source.pick(4)).map { _ in (name: source.string() + "+&=%", value: source.string()) }
            let back = Form.decode(Form.encode(pairs))
            #expect(back.map(\.name) == pairs.map(\.name), "seed \(seed)")
            #expect(back.map(\.value) == pairs.map(\.value), "seed \(seed)")
            #expect(Form.unpercent(Form.percent(pairs[0].value)) == pairs[0].value, "seed \(seed)")
        }
    }
}

@Suite struct HTTPMessageTests {
    @Test("field names compare without case, and only ASCII letters fold")
    func names() {
        var fields: HTTPFields = ["Content-Type": "a", "X-A": "1", "x-a": "2"]
        #expect(fields["content-TYPE"] == "a")
        #expect(fields.all("X-a") == ["1", "2"])
        #expect(fields["content_type"] == nil)
        fields["@x"] = "at"
        #expect(fields["`x"] == nil)
        fields["[x"] = "bracket"
        #expect(fields["{x"] == nil)
        fields["é"] = "e"
        #expect(fields["É"] == nil)
    }

    @Test("setting replaces every field of that name, nil removes them")
    func setting() {
        var fields: HTTPFields = ["A": "1", "a": "2", "B": "3"]
        fields["a"] = "4"
        #expect(fields.list.map(\.name) == ["B", "a"])
        fields["A"] = nil
        #expect(fields.all("a").isEmpty && !fields.isEmpty)
        fields.append("b", "5")
        #expect(fields.all("B") == ["3", "5"])
        #expect(fields != ["b": "5", "B": "3"])
    }

    @Test("a request splits its target into path and decoded query")
    func target() {
        let request = HTTPRequest(.get, "/a%20b/c?x=1&y=a+b&x=2&z=%3F?")
        #expect(request.path == "/a%20b/c")
        #expect(request.query("x") == "1")
        #expect(request.query("y") == "a b")
        #expect(request.query("z") == "??")
        #expect(request.query("none") == nil)
        #expect(request.query.count == 4)
        #expect(HTTPRequest(.get, "/a").query.isEmpty)
        #expect(HTTPRequest(.get, "/a?").query.isEmpty)
    }

    @Test("a JSON response carries its type and compact body")
    func response() {
        let response = HTTPResponse.json(201, ["a": 1])
        #expect(response.status == 201 && response.bodyText == #"{"a":1}"#)
        #expect(response.fields["content-type"] == "application/json")
        #expect(HTTPResponse.text(404, "no").fields["Content-Type"] == "text/plain; charset=utf-8")
    }
}

@Suite("Nested forms")
struct NestedFormTests {
    @Test("names show their way in brackets, lists count from 0, and nothing is none")
    func nested() {
        let value: JSON = [
            "customer": "cus_1", "amount": 1099, "auto_advance": false, "none": .null, "metadata": ["our_id": "a&b=c", "empty": ""],
            "expand": ["data.source", "lines"], "items": [["price": "p1", "quantity": 2], ["price": "p2"]], "nothing": [:], "nobody": [],
        ]
        let pairs = Form.nested(value)
        #expect(pairs.map(\.name) == [
            "customer", "amount", "auto_advance", "metadata[our_id]", "metadata[empty]", "expand[0]", "expand[1]", "items[0][price]", "items[0][quantity]", "items[1][price]",
        ])
        #expect(pairs.map(\.value) == ["cus_1", "1099", "false", "a&b=c", "", "data.source", "lines", "p1", "2", "p2"])
        #expect(Form.encode(Form.nested(["metadata": ["our_id": "a b"]])) == "metadata%5Bour_id%5D=a+b")
        for odd: JSON in ["text", 1, [1, 2], .null] { #expect(Form.nested(odd).isEmpty) }
    }
}
