import Kernel
import Testing
import Wire

@Suite struct JSON5Tests {
    static let documents = [
        """
        // a configuration
        {
          unquoted: 'single "quotes"', /* a comment
          over lines */ "quoted": "it's",
          $dollar_1: [1, 2, 3,],
          größe: {deep: null,},
          'line': 'goes \\
        on',
          hex: 0xDECAF, plus: +1, half: .5, whole: 5., tiny: 1e-3, // last
        }
        """,
        "[]", "{}", "'x'", "\u{feff}1", "[1,]", "{a:1,}", "/**/1//", "'\\x41\\u0042\\v\\0\\q'", "-0x10",
        "\u{a0}true\u{2029}", "'\u{2028}'",
        "'\\ud83d\\ude00'", "{true: 1, null: 2}",
    ]

    @Test("comments, trailing commas, single quotes, bare keys and JSON5 numbers are read")
    func reads() throws {
        let tree = try JSON(json5: Self.documents[0])
        #expect(
            tree.text
                == #"{"unquoted":"single \"quotes\"","quoted":"it's","$dollar_1":[1,2,3],"größe":{"deep":null},"line":"goes on","#
                + #""hex":912559,"plus":1,"half":0.5,"whole":5,"tiny":1e-3}"#)
    }

    @Test(
        "the small forms mean what JSON5 says",
        arguments: [
            ("'x'", "\"x\""), ("\u{feff}1", "1"), ("[1,]", "[1]"), ("/**/1//", "1"), ("'\\x41\\u0042\\q'", "\"ABq\""),
            ("-0x10", "-16"),
            ("\u{a0}true\u{2029}", "true"), ("'\\ud83d\\ude00'", "\"😀\""),
            ("{true: 1, null: 2}", "{\"true\":1,\"null\":2}"), ("-.5", "-0.5"),
            ("'a\\\r\nb'", "\"ab\""), ("'\\0'", "\"\\u0000\""), ("/* ** */1", "1"),
        ])
    func forms(text: String, json: String) throws {
        #expect(try JSON(json5: text).text == json)
    }

    @Test(
        "a mistake is shown with its line and column",
        arguments: [
            ("", "line 1, column 1"), ("{\n  a: 1\n  b: 2\n}", "line 3, column 3"), ("[1,,2]", "line 1, column 4"),
            ("{a: hello}", "line 1, column 5"), ("// x\r\n{é: 01}", "line 2, column 5"),
            ("['a\nb']", "line 1, column 2"),
            ("/* never", "line 1, column 1"), ("{a: 1, 'a': 2}", "line 1, column 8"),
            ("[Infinity]", "line 1, column 2"),
            ("-NaN", "line 1, column 1"), ("1 2", "line 1, column 3"), ("'\\u12'", "line 1, column 2"),
            ("'\\ud83d'", "line 1, column 2"),
            ("'\\1'", "line 1, column 2"), ("{1: 2}", "line 1, column 2"), ("0x", "line 1, column 1"),
            ("1abc", "line 1, column 1"),
            (".", "line 1, column 1"), ("1e", "line 1, column 1"), ("/", "line 1, column 1"),
            ("\r\r]", "line 3, column 1"),
        ])
    func mistakes(text: String, position: String) {
        let fault = #expect(throws: Fault.self) { try JSON(json5: text) }
        #expect(fault?.code == "malformed_json")
        #expect(fault?.position == position)
    }

    @Test("nesting has the same limit as JSON")
    func depth() throws {
        func nested(_ count: Int) -> String {
            String(repeating: "[", count: count) + String(repeating: "]", count: count)
        }
        _ = try JSON(json5: nested(Limits.jsonDepth))
        #expect(throws: Fault.self) { try JSON(json5: nested(Limits.jsonDepth + 1)) }
        #expect(throws: Fault.self) { try JSON(json5: nested(200_000)) }
    }
}
