import Testing

@Suite("How these tests read Swift")
struct SwiftTextTests {
    @Test("comments and strings are no code, interpolations are")
    func takesApart() {
        let text = SwiftText(
            """
            let a = "try! \\(b["x"] ?? f("}")) end" // try!
            /* try! /* nested */
            */ let c = #"raw \\ "quoted" \\#(d)"#
            """)
        #expect(!text.code.contains("try!"))
        #expect(text.code.contains(#"let a = "b["#))
        #expect(text.code.contains(#"let c = "d""#))
        #expect(text.literals.map(\.text).contains("try! … end"))
        #expect(text.literals.filter { !$0.isInner }.map(\.text) == ["try! … end", "raw \\ \"quoted\" …"])
        #expect(text.literals.map(\.text).contains("raw \\ \"quoted\" …"))
        #expect(text.code.split(separator: "\n", omittingEmptySubsequences: false).count == 3)
    }

    @Test("a long literal keeps the line numbers after it")
    func longLiterals() {
        let text = SwiftText("let s = \"\"\"\n  SELECT \"one\"\n  two\n  \"\"\"\nfunc after() {\n}\n")
        #expect(text.literals.map(\.line) == [1])
        #expect(text.functions == [SwiftText.Function(name: "after", line: 5, lines: 2)])
    }

    @Test("functions are measured from their name to their closing brace; requirements have no body")
    func functions() {
        let text = SwiftText(
            """
            protocol P { func wanted(_ a: Int) -> Int
                init(b: Int)
            }
            struct S: P {
                func wanted(
                    _ a: Int
                ) -> Int {
                    let closure = { (x: Int) in x }
                    return closure(a)
                }
                init(b: Int) { self.init(c: b) }
                static func < (a: S, b: S) -> Bool { false }
            }
            """)
        #expect(text.functions.map(\.name) == ["wanted", "init", "<"])
        #expect(text.functions.map(\.lines) == [6, 1, 1])
        #expect(text.functions.map(\.line) == [5, 11, 12])
    }
}
