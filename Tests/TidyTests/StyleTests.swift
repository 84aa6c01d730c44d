import Testing

/// A rule over one file: what breaks it, as `path:line: what`.
struct Rule: Sendable {
    var name: String
    var applies: @Sendable (ProjectFile) -> Bool
    var find: @Sendable (ProjectFile) -> [String]

    func violations(_ files: [ProjectFile]) -> [String] { files.filter(applies).flatMap(find) }

    /// A rule over the code of a Swift file, comments and literals left out.
    static func code(_ name: String, in applies: @escaping @Sendable (ProjectFile) -> Bool, forbids patterns: [String]) -> Rule {
        Rule(name: name, applies: applies) { file in
            let code = file.swift.code
            return patterns.flatMap { pattern in Pattern(pattern).matches(in: code).map { "\(file.path):\($0.line): \($0.groups[0].prefix(40))" } }
        }
    }
}

enum Rules {
    static let inSources: @Sendable (ProjectFile) -> Bool = { $0.isSwift && $0.path.hasPrefix("Sources/") }
    static let inTests: @Sendable (ProjectFile) -> Bool = { $0.isSwift && $0.path.hasPrefix("Tests/") }

    static let traps = Rule.code("no try!, fatalError or nonisolated(unsafe)", in: inSources, forbids: [#"\btry!"#, #"\bfatalError\s*\("#, #"nonisolated\s*\(\s*unsafe\s*\)"#])

    /// A comment alone does not make a catch less empty: comments are left out before.
    static let emptyCatch = Rule.code("no empty catch", in: inSources, forbids: [#"\bcatch\b[^{\n]*\{\s*\}"#])

    static let sleepingTests = Rule.code("no sleeping in tests", in: inTests, forbids: [#"Task\s*\.\s*sleep"#, #"(?<!func )(?<![\w.])u?sleep\s*\("#, #"(?<!\w)nanosleep\s*\("#, #"Thread\s*\.\s*sleep"#])

    static let disabledTests = Rule.code("no disabled test", in: inTests, forbids: [#"\.disabled\s*\("#])

    private static let moneyRooms = ["Sources/Books/", "Sources/Mapping/", "Sources/Checks/", "Sources/Connectors/", "Sources/Wire/", "Sources/Scenario/"]
    static let floatingMoney = Rule.code(
        "no binary fractions near money", in: { file in file.isSwift && moneyRooms.contains { file.path.hasPrefix($0) } },
        forbids: [#"\b(?:Double|Float|Float16|Float32|Float64|Float80|CGFloat)\b"#])

    /// Places where a query language of a platform, not SQL, is spoken. `TestKit`, which only tests import, lays out the rows that tests start from.
    static let otherQueryLanguages = ["Sources/Twins/QuickBooksOnline/", "Sources/Connectors/QuickBooksOnline/", "Sources/Connectors/NetSuite/"]

    private static let statement = Pattern(#"(?i)\b(?:SELECT\s[^;]{1,400}\bFROM\s|INSERT\s+INTO\s|UPDATE\s+\S+\s+SET\s|DELETE\s+FROM\s)"#)
    private static let opening = Pattern(#"\b(?:SELECT|UPDATE) "#)

    static let sql = Rule(
        name: "SQL only in Store and Postgres",
        applies: { file in
            inSources(file) && !(["Sources/Store/", "Sources/Postgres/", "Sources/TestKit/"] + otherQueryLanguages).contains { file.path.hasPrefix($0) }
        },
        find: { file in
            file.swift.literals.compactMap { literal in
                let found = statement.matches(in: literal.text).first ?? opening.matches(in: literal.text).first
                return found.map { "\(file.path):\(literal.line): \($0.groups[0].prefix(40))" }
            }
        })

    // Written apart, so that this file does not break its own rules.
    private static let machinePaths = ["/wor" + "k/", "/tmp/" + "hb", "/ro" + "ot/"]
    private static let workplaceWords = ["help" + "ers?", "coordi" + "nators?", "age" + "nts?"]

    static let machine = Rule(name: "no path of one machine", applies: { _ in true }) { file in
        Pattern(machinePaths.joined(separator: "|")).matches(in: file.text).map { "\(file.path):\($0.line): \($0.groups[0])" }
    }

    /// `User-Agent` is a header's name.
    static let workplace = Rule(name: "no word of how the project is made", applies: { $0.path != "LICENSE" }) { file in
        Pattern("(?i)(?<!user[- ])(?<!\\w)(?:\(workplaceWords.joined(separator: "|")))(?!\\w)").matches(in: file.text).map {
            "\(file.path):\($0.line): \($0.groups[0])"
        }
    }
}

@Suite("House rules")
struct StyleTests {
    private func broken(_ rule: Rule, _ text: String, _ path: String) -> Int { rule.violations([ProjectFile(path: path, text: text)]).count }

    @Test("the program traps nowhere by try!, fatalError or an unsafe global")
    func traps() {
        #expect(Rules.traps.violations(Checkout.files) == [])
        for text in ["let a = try! f()", "fatalError(\"x\")", "nonisolated(unsafe) var a = 1"] { #expect(broken(Rules.traps, text, "Sources/A/B.swift") == 1) }
        #expect(broken(Rules.traps, "// try!\nlet a = \"fatalError(\"", "Sources/A/B.swift") == 0)
    }

    @Test("no catch is empty")
    func emptyCatch() {
        #expect(Rules.emptyCatch.violations(Checkout.files) == [])
        for text in ["do { f() } catch {}", "catch {\n    // nothing\n}", "catch let e as E { }"] { #expect(broken(Rules.emptyCatch, text, "Sources/A/B.swift") == 1) }
        #expect(broken(Rules.emptyCatch, "catch { return }", "Sources/A/B.swift") == 0)
    }

    @Test("no test sleeps or is disabled")
    func tests() {
        #expect(Checkout.tests.count > 50)
        #expect(Rules.sleepingTests.violations(Checkout.files) == [])
        #expect(Rules.disabledTests.violations(Checkout.files) == [])
        for text in ["try await Task.sleep(for: .seconds(1))", "sleep(1)", "usleep (5)"] { #expect(broken(Rules.sleepingTests, text, "Tests/A/B.swift") == 1) }
        #expect(broken(Rules.sleepingTests, "q(\"select pg_sleep(600)\"); twin.sleep(1); func sleep(for step: Duration) {}", "Tests/A/B.swift") == 0)
        #expect(broken(Rules.disabledTests, "@Test(\"x\", .disabled(\"y\")) func a() {}", "Tests/A/B.swift") == 1)
    }

    @Test("no binary fraction comes near money")
    func money() {
        #expect(Rules.floatingMoney.violations(Checkout.files) == [])
        #expect(broken(Rules.floatingMoney, "let a: Double = 1", "Sources/Books/B.swift") == 1)
        #expect(broken(Rules.floatingMoney, "let a = Float(1)", "Sources/Connectors/X/B.swift") == 1)
        #expect(broken(Rules.floatingMoney, "let a: Double = 1", "Sources/Telemetry/B.swift") == 0)
    }

    @Test("SQL is written in Store and Postgres only")
    func sql() {
        #expect(Rules.sql.violations(Checkout.files) == [])
        for text in ["let a = \"SELECT 1\"", "let a = \"select x from t\"", "let a = \"\"\"\n  UPDATE app.jobs\n  SET a = 1\n  \"\"\"", "f(\"insert into t values (1)\")", "f(\"DELETE FROM t\")"] {
            #expect(broken(Rules.sql, text, "Sources/Pipeline/B.swift") == 1, "\(text)")
            #expect(broken(Rules.sql, text, "Sources/Store/B.swift") == 0)
        }
        for text in ["// SELECT 1", "let a = \"select what you like\"", "let a = \"update the account\""] { #expect(broken(Rules.sql, text, "Sources/Pipeline/B.swift") == 0, "\(text)") }
    }

    @Test("nothing names a path of one machine or how the project is made")
    func words() {
        #expect(Checkout.files.count > 200)
        #expect(Rules.machine.violations(Checkout.files) == [])
        #expect(Rules.workplace.violations(Checkout.files) == [])
        #expect(broken(Rules.machine, "see /wor" + "k/main", "docs/a.md") == 1)
        #expect(broken(Rules.workplace, "the coordi" + "nator says", "docs/a.md") == 1)
        #expect(broken(Rules.workplace, "an Age" + "nt", "docs/a.md") == 1)
        #expect(broken(Rules.workplace, "User-Agent and reagent and user agent", "docs/a.md") == 0)
    }
}
