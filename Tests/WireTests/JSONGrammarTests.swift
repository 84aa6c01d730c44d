import Kernel
import Testing
import Wire

/// What RFC 8259 accepts and refuses, one table each way.
@Suite struct JSONGrammarTests {
    static let accepted: [String] = [
        "null", "true", "false", "0", "-0", "1", "\"\"", "[]", "{}", " \t\r\n1 \t\r\n", "[ ]", "{ }", "[[]]", "[{},{}]",
        "[1,2,3]", "[1 , 2]", "{\"\":0}", "{\"a\":{\"a\":1}}", "{\"a\":1,\"b\":1}",
        "0.5", "-0.5", "10", "1e1", "1E1", "1e+1", "1e-1", "0e0", "0.0e-0", "123456789012345678901234567890",
        "1.7976931348623157e999", "-1e-999", "[1.000000000000000000000000000000000000000000001]",
        "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\u0000\"", "\"\\u00e9\"", "\"\\uD834\\uDD1E\"", "\"\\ud83d\\ude00\"",
        "\"\\uFFFF\"",
        "\"é\"", "\"😀\"", "\"\u{7f}\"", "\"\u{2028}\u{2029}\"", "\"\u{feff}\"", "\"a/b\"", "\"\\u0061\"",
        "\"\u{10ffff}\"",
    ]

    static let refused: [(text: String, byte: Int)] = [
        // structure
        ("", 0), (" ", 1), ("[", 1), ("]", 0), ("{", 1), ("}", 0), ("[1", 2), ("[1,", 3), ("[1,]", 3), ("[,1]", 1),
        ("[1,,2]", 3),
        ("[1 2]", 3), ("[1}", 2), ("{\"a\"", 4), ("{\"a\":", 5), ("{\"a\":}", 5), ("{\"a\" 1}", 5), ("{\"a\":1,}", 7),
        ("{,}", 1),
        ("{a:1}", 1), ("{1:1}", 1), ("{null:1}", 1), ("{'a':1}", 1), ("{\"a\":1 \"b\":2}", 7), ("{\"a\":1]", 6),
        ("{\"a\"::1}", 5),
        ("1 2", 2), ("[] []", 3), ("{}x", 2), ("null,", 4), ("[]]", 2), ("\u{c}1", 0), ("\u{b}1", 0), ("\u{a0}1", 0),
        ("1\u{0}", 1),
        ("// x\n1", 0), ("/* */1", 0), ("[1/**/]", 2), ("#1", 0),
        // words
        ("nul", 0), ("True", 0), ("NULL", 0), ("tru", 0), ("nulll", 4), ("NaN", 0), ("Infinity", 0), ("undefined", 0),
        ("fals3", 0),
        // numbers
        ("-", 0), ("+1", 0), ("01", 0), ("-01", 0), ("00", 0), ("1.", 0), (".5", 0), ("-.5", 0), ("1.e1", 0), ("1e", 0),
        ("1e+", 0),
        ("1e1.5", 3), ("0x10", 1), ("1_000", 1), ("--1", 0), ("-Infinity", 0), ("1a", 1), ("1.2.3", 3), ("１", 0),
        ("[-]", 1),
        // strings
        ("\"", 0), ("\"a", 0), ("'a'", 0), ("\"\\", 1), ("\"\\\"", 0), ("\"\\a\"", 1), ("\"\\x41\"", 1), ("\"\\'\"", 1),
        ("\"\\U0041\"", 1),
        ("\"\\u12\"", 1), ("\"\\u123g\"", 1), ("\"\\u\"", 1), ("\"a\nb\"", 2), ("\"a\tb\"", 2), ("\"\u{0}\"", 1),
        ("\"\u{1f}\"", 1),
        ("\"\\ud834\"", 1), ("\"\\ud834x\"", 1), ("\"\\udd1e\"", 1), ("\"\\ud834\\ud834\"", 1), ("\"\\ud834\\n\"", 1),
        ("\"\\udd1e\\ud834\"", 1), ("\"\\ud834\\u00", 1),
        // repeated keys
        ("{\"a\":1,\"a\":1}", 7), ("{\"a\":1,\"b\":2,\"a\":3}", 13), ("{\"a\":1,\"\\u0061\":2}", 7),
        ("{\"\\u0061\":1,\"\\u0061\":2}", 12),
        ("[{\"\":1,\"\":2}]", 7),
    ]

    /// Byte sequences no `String` can hold; all stand inside quotes.
    static let notUTF8: [[UInt8]] = [
        [0x80], [0xbf], [0xc0, 0x80], [0xc1, 0xbf], [0xc3], [0xc3, 0x28], [0xe0, 0x80, 0x80], [0xe0, 0x9f, 0xbf],
        [0xe2, 0x82],
        [0xed, 0xa0, 0x80], [0xed, 0xbf, 0xbf], [0xf0, 0x80, 0x80, 0x80], [0xf0, 0x8f, 0xbf, 0xbf], [0xf0, 0x9f, 0x98],
        [0xf4, 0x90, 0x80, 0x80], [0xf5, 0x80, 0x80, 0x80], [0xfe], [0xff], [0xe2, 0x28, 0xa1],
        [0xf8, 0x88, 0x80, 0x80, 0x80],
    ]

    @Test("every form RFC 8259 allows is accepted", arguments: accepted)
    func accepts(text: String) throws {
        _ = try JSON(parsing: Array(text.utf8))
        _ = try JSON(parsing: Array("[\(text)]".utf8))
    }

    @Test("everything else is refused at the byte where it goes wrong", arguments: refused)
    func refuses(text: String, byte: Int) {
        let fault = #expect(throws: Fault.self) { try JSONDocument(parsing: Array(text.utf8)) }
        #expect(fault?.code == "malformed_json")
        #expect(fault?.stage == .wire)
        #expect(fault?.disposition == .reject)
        #expect(fault?.position == "byte \(byte)")
    }

    @Test("bytes that are not UTF-8 are refused in strings and outside of them", arguments: notUTF8)
    func refusesBadUTF8(bytes: [UInt8]) {
        #expect(throws: Fault.self) { try JSONDocument(parsing: [34] + bytes + [34]) }
        #expect(throws: Fault.self) {
            try JSONDocument(parsing: Array("\"0123456".utf8) + bytes + Array("01234567\"".utf8))
        }
        #expect(throws: Fault.self) { try JSONDocument(parsing: [34] + bytes) }
        #expect(throws: Fault.self) { try JSONDocument(parsing: bytes) }
    }

    @Test("UTF-16 and a byte order mark are refused")
    func refusesOtherEncodings() {
        #expect(throws: Fault.self) { try JSONDocument(parsing: [0xef, 0xbb, 0xbf, 0x31]) }
        #expect(throws: Fault.self) { try JSONDocument(parsing: [0xff, 0xfe, 0x31, 0x00]) }
        #expect(throws: Fault.self) { try JSONDocument(parsing: [0x00, 0x31]) }
        #expect(throws: Fault.self) { try JSONDocument(parsing: [0x31, 0x00]) }
    }

    @Test("nesting is accepted up to the limit and refused one deeper, however deep")
    func depth() throws {
        let most = Limits.jsonDepth
        func nested(_ open: String, _ close: String, _ count: Int) -> [UInt8] {
            Array((String(repeating: open, count: count) + "1" + String(repeating: close, count: count)).utf8)
        }
        for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
            _ = try JSON(parsing: nested(open, close, most))
            #expect(throws: Fault.self) { try JSON(parsing: nested(open, close, most + 1)) }
            #expect(throws: Fault.self) { try JSON(parsing: nested(open, close, 1_000_000)) }
        }
        #expect(throws: Fault.self) { try JSON(parsing: [UInt8](repeating: UInt8(ascii: "["), count: 1_000_000)) }
    }

    @Test("a document beyond the size limit is refused without being read")
    func size() {
        let fault = #expect(throws: Fault.self) {
            try JSONDocument(parsing: [UInt8](repeating: 32, count: Limits.jsonBytes + 1))
        }
        #expect(fault?.summary.contains("too large") == true)
    }

    @Test(
        "a repeated key is found in small, large and escaped objects, and only when it repeats",
        arguments: [2, 5, 63, 64, 65, 200, 5000])
    func duplicates(count: Int) throws {
        func object(_ keys: [String]) -> [UInt8] {
            Array(("{" + keys.map { "\"\($0)\":[{}]" }.joined(separator: ",") + "}").utf8)
        }
        let keys = (0 ..< count).map { "k\($0)" }
        _ = try JSONDocument(parsing: object(keys))
        _ = try JSONDocument(parsing: object(["\\u006b"] + keys))
        for other in [0, (count - 1) / 2, count - 2] {
            let fault = #expect(throws: Fault.self) {
                try JSONDocument(parsing: object(keys.dropLast() + [keys[other]]))
            }
            #expect(fault?.summary.contains("duplicate key") == true)
            #expect(throws: Fault.self) { try JSONDocument(parsing: object(keys + ["\\u006b\(other)"])) }
        }
        // The same key in different objects is nothing special.
        _ = try JSONDocument(parsing: object(keys) + [])
        _ = try JSON(parsing: Array("[{\"a\":{\"a\":1}},{\"a\":1}]".utf8))
    }

    @Test("keys that only Unicode normalisation makes equal are two keys")
    func normalisation() throws {
        let tree = try JSON(parsing: Array("{\"\u{e9}\":1,\"e\u{301}\":2}".utf8))
        #expect(tree["\u{e9}"] == 1)
        #expect(tree["e\u{301}"] == 2)
        let document = try JSONDocument(parsing: tree.bytes)
        #expect(document.root["e\u{301}" as String].int == 2)
    }
}
