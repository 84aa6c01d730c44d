import AlertRules
import Books
import FoundationEssentials
import Kernel
import Mapping
import Testing
import Wire

@Suite("Alert rules") struct RuleBookTests {
    private func read(_ text: String, routes: Set<String>? = ["books", "pager"], isOperator: Bool = false) throws -> (RuleBook, [String]) {
        var findings = Findings()
        let book = RuleBook.read(try JSON(json5: text), routes: routes, isOperator: isOperator, into: &findings)
        return (book, findings.list.map { "\($0.position ?? ""): \($0.why)" })
    }

    @Test("a rule with nothing but a name and a route tells of every cause from warning on, at once, and again each day")
    func least() throws {
        let (book, findings) = try read(#"{rules: [{name: "all", routes: ["books"]}]}"#)
        #expect(findings == [])
        #expect(book.rules == [AlertRule(name: "all", causes: nil, severity: .warning, threshold: 1, after: .zero, again: .seconds(86_400), routes: ["books"], tenants: nil)])
        #expect(book.bounds == RuleBook.Bounds())
    }

    @Test("every member is read as it is written")
    func whole() throws {
        let (book, findings) = try read("""
            {bounds: {silent_hours: 12, lag_minutes: 5, down_minutes: 60, quota_percent: 80},
             rules: [{name: "cents", causes: ["unexplained", "variance"], severity: "critical", threshold: 3, after_minutes: 10, repeat_hours: 0, routes: ["pager", "books"]},
                     {name: "rest", causes: ["*"], severity: "information", repeat_hours: 4, routes: ["books"]}]}
            """)
        #expect(findings == [])
        #expect(book.bounds == RuleBook.Bounds(silentHours: 12, lagMinutes: 5, downMinutes: 60, quotaPercent: 80))
        #expect(book.rules[0] == AlertRule(
            name: "cents", causes: [.unexplained, .variance], severity: .critical, threshold: 3, after: .seconds(600), again: nil, routes: ["pager", "books"]))
        #expect(book.rules[1].causes == nil && book.rules[1].again == .seconds(4 * 3600) && book.rules[1].severity == .information)
    }

    @Test("everything that is wrong is found at once, each with its place")
    func findings() throws {
        let (_, found) = try read("""
            {bounds: {silent_hours: 0, lag: 3}, rule: [], rules: [
              {name: "Two Words", routes: []},
              {name: "a", causes: ["held", "hold"], severity: "bad", threshold: 0, routes: ["books", "nobody"]},
              {name: "a", causes: [], after_minutes: -1, repeat_hours: 9999, tenants: ["x"], routes: ["pager"], extra: 1},
              7]}
            """)
        #expect(Set(found.map { String($0.prefix { $0 != ":" }) }) == [
            "rules.rule", "rules.bounds.lag", "rules.bounds.silent_hours", "rules.rules[0].routes", "rules.rules[0].name", "rules.rules[1].routes",
            "rules.rules[1].causes", "rules.rules[1].severity", "rules.rules[1].threshold", "rules.rules[2].extra", "rules.rules[2].tenants",
            "rules.rules[2].repeat_hours", "rules.rules[2].causes", "rules.rules[2].after_minutes", "rules.rules[2].name", "rules.rules[3]", "rules.rules[3].routes",
            "rules.rules[3].name",
        ], "\(found)")
        #expect(found.contains("rules.rules[1].routes: names the route nobody, which does not exist"))
        #expect(found.contains("rules.rules[1].causes: hold is not a cause"))
        #expect(found.contains("rules.rules[2].name: is the name of an earlier rule"))
    }

    @Test("only the operator's rules name tenants")
    func tenants() throws {
        let text = #"{rules: [{name: "a", tenants: ["x", "y"], routes: ["books"]}]}"#
        #expect(try read(text, isOperator: true).0.rules[0].tenants == ["x", "y"])
        #expect(try read(text).1 == ["rules.rules[0].tenants: is for the operator's rules only"])
    }

    @Test("a tenant's own bound stands before the operator's, and that before what is usual")
    func bounds() {
        let own = RuleBook(bounds: .init(silentHours: 2)), operators = RuleBook(bounds: .init(silentHours: 8, lagMinutes: 3))
        #expect(RuleBook.bounds(own: nil, operators: nil) == AlertBounds())
        #expect(RuleBook.bounds(own: own, operators: operators) == AlertBounds(silence: .seconds(7200), lag: .seconds(180)))
        #expect(RuleBook.bounds(own: nil, operators: operators).silence == .seconds(8 * 3600))
    }

    @Test("a key's first word is its cause, and a word that is none of the list is no cause")
    func causes() {
        for cause in AlertCause.allCases { #expect(AlertCause(key: "\(cause.rawValue)/x/y") == cause) }
        #expect(AlertCause(key: "lag") == .lag)
        #expect(AlertCause(key: "somewhat/x") == nil)
        #expect(AlertSeverity.allCases.sorted() == [.information, .warning, .critical])
    }

    @Test("the page on alerts has a row for each cause, and for nothing else")
    func page() throws {
        let url = URL(filePath: #filePath).resolvingSymlinksInPath().deletingLastPathComponent().appending(path: "../../docs/alerts.md").standardized
        let text = String(decoding: try Data(contentsOf: url), as: UTF8.self)
        let table = try #require(text.split(separator: "## Causes").last?.split(separator: "\n## ").first)
        let rows = table.split(separator: "\n").filter { $0.hasPrefix("| `") }.compactMap { $0.dropFirst(3).split(separator: "`").first.map(String.init) }
        #expect(Set(rows) == Set(AlertCause.allCases.map(\.rawValue)))
        #expect(rows.count == AlertCause.allCases.count)
    }
}
