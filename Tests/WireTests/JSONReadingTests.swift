import Kernel
import Testing
import Wire

@Suite struct JSONReadingTests {
    static let order = """
        {"id": 820982911946154508, "total": "398.00", "rate": 0.20, "big": 12345678901234567890, "tiny": 1e-7,
         "test": true, "open": false, "note": null, "name": "Caf\\u00e9 \\"Zo\\u00eb\\"", "esc\\u0061ped": "x",
         "lines": [{"sku": "A-1", "quantity": 2}, {"sku": "B-2", "quantity": 1.5}, []], "empty": {}, "none": []}
        """

    @Test("a view reads every kind of value and nothing as another kind")
    func kinds() throws {
        let root = try JSONDocument(parsing: Array(Self.order.utf8)).root
        #expect(root["id"].int == 820_982_911_946_154_508)
        #expect(root["id"].string == nil)
        #expect(root["id"].bool == nil)
        #expect(root["total"].decimal?.description == "398.00")
        #expect(root["total"].int == nil)
        #expect(root["rate"].decimal?.description == "0.20")
        #expect(root["rate"].int == nil)
        #expect(root["big"].int == nil)
        #expect(root["big"].decimal?.description == "12345678901234567890")
        #expect(root["tiny"].decimal?.description == "0.0000001")
        #expect(root["test"].bool == true)
        #expect(root["open"].bool == false)
        #expect(root["name"].string == "Café \"Zoë\"")
        #expect(root["name"].decimal == nil)
        #expect(root["escaped"].string == "x")
        #expect(root["note"].exists && root["note"].isNull)
        #expect(root["lines"].elements.count == 3)
        #expect(root["lines"].elements[1]["quantity"].decimal?.description == "1.5")
        #expect(root["lines"].members.isEmpty)
        #expect(root["empty"].exists && root["empty"].members.isEmpty)
        #expect(root.members.map(\.key).suffix(4) == ["escaped", "lines", "empty", "none"])
        let typed: StaticString = "total"
        #expect(root[typed].string == "398.00")
    }

    @Test("every member of an object of any size is found, whatever the others are called, and nothing else is", arguments: 0 ... 80)
    func sizes(members: Int) throws {
        // Short and long keys, many that begin or end alike, and in every third document one with an escape.
        let keys: [String] = (0 ..< members).map { n in
            let key = ["\(n)", "key_of_member_number_\(n)", "\(n)_is_the_number_of_this_member", "k\(n)é"][n % 4]
            return members % 3 == 0 && n == members / 2 ? "\\u0061\(key)" : key
        }
        let text = "{" + keys.enumerated().map { "\"\($1)\": [\($0), {\"\($1)\": null}] " }.joined(separator: ",") + "}"
        let root = try JSONDocument(parsing: Array("[\(text)]".utf8)).root.elements[0]
        for (n, key) in keys.enumerated() {
            let plain = key.replacing("\\u0061", with: "a")
            #expect(root[plain].elements.first?.int == n)
            #expect(root[plain].elements.last?[plain].exists == true)
            #expect(!root[plain + "x"].exists && !root[String(plain.dropFirst())].exists || keys.contains(String(plain.dropFirst())))
        }
        #expect(root.isObject && !root.isArray && root.members.count == members)
        #expect(String(decoding: root.rawBytes, as: UTF8.self) == text)
        #expect(try JSON(parsing: Array(text.utf8)) == root.tree)
        if let last = keys.last {
            #expect(throws: Fault.self) { try JSONDocument(parsing: Array((text.dropLast() + ", \"\(last)\": 1}").utf8)) }
        }
    }

    @Test("three members deep in one step is the same as one after the other")
    func steps() throws {
        let root = try JSONDocument(parsing: Array(#"{"a": {"b": {"c": 1, "d": null}, "e": 2}, "f": [{"b": {"c": 3}}]}"#.utf8)).root
        #expect(root["a", "b", "c"].int == 1)
        #expect(root["a", "b", "d"].exists && root["a", "b", "d"].isNull)
        for missing in [root["a", "b", "x"], root["a", "x", "c"], root["x", "b", "c"], root["a", "e", "c"], root["f", "b", "c"], root["x", "y", "z"]["a", "b", "c"]] {
            #expect(!missing.exists)
        }
    }

    @Test("a missing member is an absent view, however far it is followed")
    func missing() throws {
        let root = try JSONDocument(parsing: Array(Self.order.utf8)).root
        for view in [
            root["nothing"], root["nothing"]["more"]["still"], root["id"]["x"], root["lines"]["sku"], root["not"],
        ] {
            #expect(!view.exists && view.isNull)
            #expect(view.string == nil && view.int == nil && view.bool == nil && view.decimal == nil)
            #expect(view.elements.isEmpty && view.members.isEmpty && view.rawBytes.isEmpty)
            #expect(view.tree == .null)
        }
    }

    @Test("raw bytes are the source of the value, quotes and inner space included")
    func raw() throws {
        let root = try JSONDocument(parsing: Array(Self.order.utf8)).root
        func text(_ view: JSONView) -> String { String(decoding: view.rawBytes, as: UTF8.self) }
        #expect(text(root["rate"]) == "0.20")
        #expect(text(root["total"]) == "\"398.00\"")
        #expect(text(root["name"]) == "\"Caf\\u00e9 \\\"Zo\\u00eb\\\"\"")
        #expect(text(root["lines"].elements[0]) == "{\"sku\": \"A-1\", \"quantity\": 2}")
        #expect(text(root["note"]) == "null")
        #expect(Array(root.rawBytes) == Array(Self.order.utf8))
    }

    @Test("a view outlives its document")
    func lifetime() throws {
        func inner() throws -> JSONView { try JSONDocument(parsing: Array(Self.order.utf8)).root["lines"].elements[0] }
        #expect(try inner()["sku"].string == "A-1")
    }

    @Test("a tree reads as the views do")
    func tree() throws {
        let bytes = Array(Self.order.utf8)
        let tree = try JSON(parsing: bytes)
        #expect(tree == (try JSONDocument(parsing: bytes).root.tree))
        #expect(tree["id"]?.int == 820_982_911_946_154_508)
        #expect(tree["rate"] == .number("0.20"))
        #expect(tree["rate"]?.decimal?.scale == 2)
        #expect(tree["lines"]?[1]?["sku"]?.string == "B-2")
        #expect(tree["lines"]?[3] == Optional<JSON>.none)
        #expect(tree["lines"]?[-1] == Optional<JSON>.none)
        #expect(tree["lines"]?.array?.count == 3)
        #expect(tree["note"] == .some(.null))
        #expect(tree["absent"] == Optional<JSON>.none)
        #expect(tree["id"]?["x"] == Optional<JSON>.none)
        #expect(tree.object?.first?.key == "id")
    }

    @Test("a path of keys treats null as absent")
    func path() throws {
        let tree: JSON = ["a": ["b": ["c": 1], "n": nil]]
        #expect(tree.member("a", "b", "c")?.int == 1)
        #expect(tree.member("a", "n")?.isNull == nil)
        #expect(tree.member("a", "n", "x")?.isNull == nil)
        #expect(tree.member("a", "x")?.isNull == nil)
        #expect(tree.member()?.isNull == false)
    }

    @Test("decimals outside the exact range are no decimals, and stay as digits")
    func wideNumbers() throws {
        let digits = String(repeating: "9", count: 60)
        let tree = try JSON(parsing: Array("[\(digits),1e400]".utf8))
        #expect(tree[0]?.decimal == nil)
        #expect(tree.text == "[\(digits),1e400]")
        #expect(tree[1]?.int == nil)
    }

    @Test("setting replaces in place or appends")
    func setting() {
        let tree: JSON = ["a": 1, "b": 2]
        #expect(tree.setting("a", "x").text == #"{"a":"x","b":2}"#)
        #expect(tree.setting("c", nil).text == #"{"a":1,"b":2,"c":null}"#)
        #expect(JSON.null.setting("c", true).text == #"{"c":true}"#)
    }

    @Test("equality ignores the order of members and nothing else")
    func equality() {
        let a: JSON = ["x": 1, "y": [1, 2], "z": nil]
        #expect(a == ["z": nil, "y": [1, 2], "x": 1])
        #expect(a != ["x": 1, "y": [2, 1], "z": nil])
        #expect(a != ["x": 1, "y": [1, 2]])
        #expect(a != ["x": 1, "y": [1, 2], "zz": nil])
        #expect(JSON.number("1.0") != JSON.number("1"))
        #expect(JSON.number("1") != JSON.string("1"))
        #expect(JSON.bool(false) != JSON.null)
        #expect(JSON.optional(nil) == .null && JSON.optional("s") == "s")
    }
}

@Suite struct JSONWriterTests {
    @Test("only what must be escaped is")
    func escapes() {
        #expect(
            JSON.string("a\"b\\c/d\n\r\t\u{8}\u{c}\u{1}\u{1f}\u{7f}é😀\u{2028}").text
                == "\"a\\\"b\\\\c/d\\n\\r\\t\\b\\f\\u0001\\u001f\u{7f}é😀\u{2028}\"")
        let tree: JSON = ["k\"\n": "v"]
        #expect(tree.text == #"{"k\"\n":"v"}"#)
    }

    @Test("every single byte position of an escape is found, whatever the length around it")
    func escapePositions() throws {
        for length in 1 ... 40 {
            for place in 0 ..< length {
                for special in ["\"", "\\", "\n", "\u{1f}", "é", "\u{80}"] {
                    var text = String(repeating: "x", count: length)
                    let index = text.utf8.index(text.startIndex, offsetBy: place)
                    text.replaceSubrange(index ..< text.utf8.index(after: index), with: special)
                    let bytes = JSON.string(text).bytes
                    #expect(try JSON(parsing: bytes) == .string(text))
                }
            }
        }
    }

    @Test("a number that is none is written as a string, so that output is always JSON")
    func badNumbers() throws {
        for digits in ["", "NaN", "1,\"admin\":true", "01", "1.", "+1", " 1", "0x1"] {
            #expect(try JSON(parsing: JSON.array([.number(digits)]).bytes) == .array([.string(digits)]))
        }
        #expect(JSON.decimal(ExactDecimal(coefficient: -1250, scale: 3)).text == "-1.250")
    }

    @Test("pretty text is indented by two spaces, and empty containers stay on their line")
    func pretty() throws {
        let tree: JSON = ["a": [1, ["b": nil]], "c": [], "d": [:], "e": "x"]
        let text = """
            {
              "a": [
                1,
                {
                  "b": null
                }
              ],
              "c": [],
              "d": {},
              "e": "x"
            }
            """
        #expect(tree.pretty() == text)
        #expect(try JSON(parsing: Array(text.utf8)) == tree)
    }
}
