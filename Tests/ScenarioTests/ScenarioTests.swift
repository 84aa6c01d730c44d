import Books
import FoundationEssentials
import Kernel
import Scenario
import Testing
import Wire

private let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Fixtures")

private func fixture(_ name: String) throws -> JSON {
    try JSON(parsing: Array(Data(contentsOf: folder.appending(path: name + ".json"))))
}

private let names: [String] =
    (try? FileManager.default.contentsOfDirectory(atPath: folder.path))?
    .filter { $0.hasSuffix(".json") }.map { String($0.dropLast(5)) }.sorted() ?? []

@Suite("Scenarios")
struct ScenarioTests {
    @Test("there are at least a dozen scenarios")
    func some() { #expect(names.count >= 12) }

    @Test("a worked example comes out to the cent", arguments: names)
    func green(name: String) throws {
        for report in checkScenario(try fixture(name)) {
            #expect(report.passed, "\(report.id) \(report.variant ?? ""): \(report.unsupported + report.differences)")
            #expect(report.id == name)
        }
    }

    @Test("an expectation that is a cent off fails, wherever the cent is", arguments: names)
    func cent(name: String) throws {
        let json = try fixture(name)
        var tried = 0
        for place in amounts(json["expect"] ?? .null, []) {
            let tampered = json.setting("expect", changing(json["expect"] ?? .null, place))
            tried += 1
            #expect(
                checkScenario(tampered).contains { !$0.passed },
                "\(name): \(place.joined(separator: ".")) a cent off was not seen")
        }
        #expect(tried > 0)
    }

    @Test("an expected document left out fails: ours is one too many", arguments: names)
    func missing(name: String) throws {
        for report in without("journal", "documents", try fixture(name)) { #expect(!report.passed) }
    }

    @Test("a held item too many fails, a held item left out fails")
    func held() throws {
        let json = try fixture("vat-override-at-the-cap")
        let expect = json["expect"] ?? .null
        let items = expect["held"]?.array ?? []
        #expect(items.count == 2)
        let fewer = json.setting("expect", expect.setting("held", .array([items[0]])))
        #expect(checkScenario(fewer).allSatisfy { $0.differences.contains { $0.hasPrefix("held, and should not be") } })
        let extra: JSON = [
            "check": "closed_period", "document": "invoice:K-1301", "why": "", "remedy": "", "event": "K-1301",
        ]
        let more = json.setting("expect", expect.setting("held", .array(items + [extra])))
        #expect(checkScenario(more).allSatisfy { $0.differences.contains { $0.hasPrefix("not held: closed_period") } })
        let released = json.setting(
            "expect", expect.setting("held", .array([items[0], items[1].setting("released_by", "KP-1301")])))
        #expect(checkScenario(released).allSatisfy { !$0.passed })
    }

    @Test(
        "another date, state, role, tax code, dimension or origin is seen",
        arguments: [
            ("goodwill-over-two-rates", "\"date\": \"2026-11-08\"", "\"date\": \"2026-11-09\""),
            ("cancel-after-edit", "\"state\": \"voided\"", "\"state\": \"posted\""),
            ("two-tender-refund", "clearing:paypal:USD", "clearing:cash:USD"),
            ("two-taxes-one-line", "CA-GST@5+CA-BC-PST@7", "CA-GST@5"),
            ("goodwill-over-two-rates", "{\"return_reason\": \"goodwill\"}", "{\"return_reason\": \"damaged\"}"),
            ("edit-then-refund", "\"derived_from\": [\"D-601/L1\", \"DE-601\"]", "\"derived_from\": [\"D-601/L1\"]"),
            ("closed-period-edit", "\"revision\": 2", "\"revision\": 3"),
            ("two-tender-refund", "\"applies_to\": \"invoice:T-401\"", "\"applies_to\": \"payment:TP-401\""),
            ("edit-before-its-order", "\"released_by\": \"X-901\"", "\"released_by\": \"XE-901\""),
            ("everything-free", "\"orders\": \"1\", \"posted\": \"1\"", "\"orders\": \"1\", \"posted\": \"0\""),
            ("everything-free", "\"count\": 0", "\"count\": 1"),
            (
                "closed-period-edit", "\"rule\": \"not_covered\", \"events\": [\"HE-1001\"]",
                "\"rule\": \"not_covered\", \"events\": [\"HP-1001\"]"
            ),
        ])
    func tampered(name: String, from: String, to: String) throws {
        let text = try #require(String(data: Data(contentsOf: folder.appending(path: name + ".json")), encoding: .utf8))
        #expect(text.contains(from), "\(name) does not hold \(from)")
        let changed = try JSON(parsing: Array(text.replacing(from, with: to).utf8))
        #expect(
            checkScenario(changed).contains { !$0.differences.isEmpty || !$0.unsupported.isEmpty },
            "\(name): \(to) was not seen")
    }

    @Test(
        "a feature that the engine lacks is named, not passed over",
        arguments: [
            ("\"type\": \"payment\"", "\"type\": \"loan\"", "loan"),
            ("{\"posting\": \"per_document\"", "{\"held_money\": \"book_to_receivable\"", "held_money: book_to_receivable"),
            ("\"tax_included\": true,", "\"tax_included\": true, \"layaway\": \"RT-1\",", "order.layaway"),
            ("\"held\": [", "\"forecast\": [], \"held\": [", "expect.forecast"),
            ("\"tax_mode\"", "\"branches\": [], \"tax_mode\"", "tenant.branches"),
        ])
    func unsupported(from: String, to: String, feature: String) throws {
        let text = try #require(
            String(data: Data(contentsOf: folder.appending(path: "vat-inclusive-discount.json")), encoding: .utf8))
        #expect(text.contains(from))
        let changed = try JSON(parsing: Array(text.replacing(from, with: to).utf8))
        for report in checkScenario(changed) {
            #expect(report.unsupported.contains(feature) && !report.passed, "\(report.unsupported)")
        }
    }

    @Test(
        "a file that is no scenario fails with words",
        arguments: ["{}", "{\"id\": \"x\", \"expect\": {}}", "[]", "{\"expect\": {\"variants\": [{}]}}"])
    func malformed(text: String) throws {
        let reports = checkScenario(try JSON(parsing: Array(text.utf8)))
        #expect(!reports.isEmpty && reports.allSatisfy { !$0.differences.isEmpty })
    }

    @Test(
        "events in any order of arrival lead to the same books where none of them is held meanwhile",
        arguments: [
            "gift-card-part-tender", "goodwill-over-two-rates", "two-tender-refund", "vat-inclusive-discount",
            "tip-on-a-shop-order", "edit-then-refund",
        ])
    func arrival(name: String) throws {
        let json = try fixture(name)
        let events = json["events"]?.array ?? []
        // What waited for its original is listed as released; only the books are compared here.
        let reversed = json.setting("events", .array(events.reversed()))
        for report in checkScenario(reversed) {
            let books = report.differences.filter {
                !$0.hasPrefix("held") && !$0.contains("revision") && !$0.contains("superseded")
            }
            #expect(books.isEmpty, "\(name): \(books)")
        }
    }
}

// MARK: Tampering

/// Paths to every amount under `journal`, `balances`, `documents`, `open_items`, `remaining`, `held`, `allocations`.
private func amounts(_ json: JSON, _ path: [String]) -> [[String]] {
    if let members = json.object {
        return members.flatMap { member -> [[String]] in
            // Superseded revisions may be listed or not; what was kept of them is compared as well.
            if ["why", "remedy", "note", "reference", "text", "weights_are", "rate"].contains(member.key) { return [] }
            return amounts(member.value, path + [member.key])
        }
    }
    if let elements = json.array {
        return elements.enumerated().flatMap { amounts($0.element, path + [String($0.offset)]) }
    }
    guard let text = json.string, text.contains("."), text.allSatisfy({ $0.isNumber || $0 == "." || $0 == "-" }) else {
        return []
    }
    return [path]
}

private func changing(_ json: JSON, _ path: [String]) -> JSON {
    guard let first = path.first else {
        let value = json.decimal ?? .zero
        return .string((value + ExactDecimal(coefficient: 1, scale: 2)).description)
    }
    let rest = Array(path.dropFirst())
    if let elements = json.array, let at = Int(first) {
        var out = elements
        out[at] = changing(out[at], rest)
        return .array(out)
    }
    return json.setting(first, changing(json[first] ?? .null, rest))
}

/// Reports of the scenario without the last posted document of each result.
private func without(_ journal: String, _ documents: String, _ json: JSON) -> [ScenarioReport] {
    func cut(_ result: JSON) -> JSON {
        guard let last = result[documents]?.array?.last?["document"]?.string else { return result }
        func kept(_ key: String) -> JSON {
            .array((result[key]?.array ?? []).filter { $0["document"]?.string != last })
        }
        return result.setting(journal, kept(journal)).setting(documents, kept(documents))
    }
    let expect = json["expect"] ?? .null
    if let variants = expect["variants"]?.array {
        return checkScenario(json.setting("expect", expect.setting("variants", .array(variants.map(cut)))))
    }
    return checkScenario(json.setting("expect", cut(expect)))
}
