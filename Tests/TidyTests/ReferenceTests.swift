import Foundation
import Testing

@Suite("Reference pages")
struct ReferenceTests {
    /// Names in the first cells of a page's tables: `a` and `b.c` of "| `a`, `b.c` | …".
    static func listed(_ page: String) -> Set<String> {
        Set(page.split(separator: "\n").filter { $0.hasPrefix("| `") }.flatMap { row in
            row.dropFirst(2).prefix { $0 != "|" }.matches(of: /`([a-z_.]+)/).map { String($0.1) }
        })
    }

    /// What stands between two texts, the first of each.
    static func between(_ start: String, _ end: String, in text: String) throws -> Substring {
        let from = try #require(text.range(of: start), "no \(start)").upperBound
        let to = try #require(text.range(of: end, range: from ..< text.endIndex), "no \(end)").lowerBound
        return text[from ..< to]
    }

    static func quoted(_ text: Substring) -> Set<String> { Set(text.matches(of: /"([a-z_.]+)"/).map { String($0.1) }) }

    private func text(_ path: String) throws -> String { try #require(Checkout.file(path), "\(path)").text }

    @Test("every policy is in docs/policies.md, and no other")
    func policies() throws {
        let source = try text("Sources/Books/Policies+Text.swift")
        let single = try Self.between("singleValued: [String: String] = [", "]", in: source).matches(of: /"([a-z_.]+)": "/).map { String($0.1) }
        let names = Self.quoted(try Self.between("public static let names: [String] =", "singleValued.keys", in: source)).union(single)
        #expect(names.count > 50 && single.count > 10)
        let listed = Self.listed(try text("docs/policies.md"))
        #expect(names.subtracting(listed).sorted() == [], "not in docs/policies.md")
        #expect(listed.subtracting(names).sorted() == [], "in docs/policies.md, but there is no such policy")
    }

    @Test("every role, condition and setting of rules is in docs/rules.md")
    func rules() throws {
        let families = Self.quoted(try Self.between("let knownFamilies: Set<String> = [", "]", in: try text("Sources/Mapping/Reading.swift")))
        let source = try text("Sources/Mapping/RuleSet.swift")
        let cases = ["public enum Field", "public enum Setting"].flatMap { start -> [String] in
            guard let body = try? Self.between(start, "public ", in: source) else { return [] }
            return body.split(separator: "\n").filter { $0.contains("case ") }.flatMap { line in
                line.replacing("case ", with: "").split(separator: ",").map { word in
                    let named = word.split(separator: "\"")
                    return named.count > 1 ? String(named[1]) : word.trimmingCharacters(in: .whitespaces)
                }
            }
        }
        #expect(families.count > 30 && cases.count == 21)
        let missing = families.union(cases).subtracting(Self.listed(try text("docs/rules.md")))
        #expect(missing.sorted() == [], "not in docs/rules.md")
    }

    @Test("every check that can hold something is in docs/checks.md")
    func checks() throws {
        let rooms = ["Books", "Checks", "ControlPlane", "Mapping", "Pipeline"].map { "Sources/\($0)/" }
        let files = Checkout.sources.filter { file in rooms.contains { file.path.hasPrefix($0) } }
        var names = Set(files.flatMap { $0.text.matches(of: /(?:check: |\("check", \.string\()"([a-z_]+)"/).map { String($0.1) } })
        for file in files where file.path.hasPrefix("Sources/Checks/") {
            names.formUnion(file.text.matches(of: /static let name = "([a-z_]+)"/).map { String($0.1) })
        }
        #expect(names.isSuperset(of: ["closed_period", "held_by_person", "unbalanced", "waits_for_original"]) && names.count > 35)
        let page = try text("docs/checks.md")
        #expect(names.filter { !page.contains("`\($0)`") }.sorted() == [], "not in docs/checks.md")
    }

    @Test("every alert of the Prometheus rules names its section of docs/on-call.md, and no section is of another")
    func runbooks() throws {
        let rules = try text("ops/prometheus/counterfoil.rules.yml")
        let alerts = Set(rules.matches(of: /- alert: (\w+)/).map { String($0.1) })
        let sections = Set(try text("docs/on-call.md").matches(of: /(?m)^### (Counterfoil\w+)/).map { String($0.1) })
        #expect(alerts.count > 10 && alerts == sections)
        let named = rules.matches(of: /runbook_url: "docs\/on-call\.md#([a-z]+)"/).map { String($0.1) }
        #expect(named.sorted() == alerts.map { $0.lowercased() }.sorted())
    }

    @Test("names are found in the first cells of tables alone")
    func selfTest() throws {
        #expect(Self.listed("`x`\n| `a`, `b.c` | `d` |\n| e |\n| `sales:GROUP` | f |") == ["a", "b.c", "sales"])
        #expect(try Self.between("[", "]", in: "a [b] c]") == "b")
        #expect(Self.quoted("\"a\", \"b.c\"") == ["a", "b.c"])
    }
}
