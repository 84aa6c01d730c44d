import Catalog
import Kernel
import Testing
import Wire

@Suite("What a run of the questions said") struct ConformanceRunTests {
    private func event(_ kind: String, _ test: String, _ words: String = "", failure: Bool? = nil) -> String {
        let issue = failure.map { ",\"issue\":{\"isFailure\":\($0),\"isKnown\":\(!$0)}" } ?? ""
        return "{\"kind\":\"event\",\"payload\":{\"kind\":\"\(kind)\",\"messages\":[{\"symbol\":\"default\",\"text\":\(JSON.string(words).text)}],\"testID\":\"\(test)\"\(issue)},\"version\":\"6.3.0\"}"
    }

    private func named(_ test: String, _ words: String) -> String {
        "{\"kind\":\"test\",\"payload\":{\"displayName\":\"\(words)\",\"id\":\"\(test)\",\"kind\":\"function\",\"isParameterized\":true},\"version\":\"6.3.0\"}"
    }

    private let a = "ConnectorKitTests.S/a(id:)/a.swift:3:6", b = "ConnectorKitTests.S/b(id:n:)/a.swift:4:6"

    private func lines(_ more: [String] = [], ends: Bool = true) -> [UInt8] {
        let run = [
            named(a, "it says so"), named(b, "both agree"), event("runStarted", ""),
            event("testCaseStarted", a, "Test case passing 1 argument id → \"xero\" to \"it says so\" started."),
            event("testCaseStarted", a, "Test case passing 1 argument id → \"odoo\" to \"it says so\" started."),
            event("testCaseStarted", b, "Test case passing 2 arguments id → \"xero\", n → 1 to \"both agree\" started."),
            event("testCaseStarted", b, "Test case passing 2 arguments id → \"xero\", n → 2 to \"both agree\" started."),
            // Of others' tests, of no platform's, and of one that there is not.
            event("testCaseStarted", "XeroTests.S/a(id:)/a.swift:3:6", "Test case passing 1 argument id → \"xero\" to \"x\" started."),
            event("testCaseStarted", a, "Test case passing 1 argument text → \"xero\" to \"x\" started."),
            event("testCaseStarted", a, "Test case passing 1 argument id → \"nowhere\" to \"x\" started."),
        ] + more + (ends ? [event("runEnded", "")] : [])
        return Array((run.joined(separator: "\n") + "\n").utf8)
    }

    @Test("each question to a connector counts once for each of its cases; what was not asked is not told") func counted() throws {
        let run = try ConformanceRun(lines())
        #expect(run.results.keys.sorted() == ["odoo", "xero"])
        #expect(run.results["xero"]?.json == ["asked": 3, "answered": 3, "failed": []])
        #expect(run.results["odoo"]?.json == ["asked": 1, "answered": 1, "failed": []])
    }

    @Test("what verifies a connector has its result where there was a run, null where that asked it nothing, and without one") func listed() throws {
        let list = try #require(Register.json(try ConformanceRun(lines())).array)
        func shown(_ id: String, _ list: [JSON]) -> JSON? { list.first { $0["id"]?.string == id }?["verified_by"] }
        #expect(shown("xero", list)?["conformance_result"]?["answered"]?.int == 3)
        #expect(shown("shopify", list)?["conformance_result"]?.isNull == true)
        #expect(shown("xero", Register.json.array ?? [])?["conformance_result"]?.isNull == true)
    }

    @Test("a wrong answer counts against all whom the question was put to; one that is known of is none") func wrong() throws {
        let run = try ConformanceRun(lines([event("issueRecorded", a, failure: true), event("issueRecorded", a, failure: true), event("issueRecorded", b, failure: false)]))
        #expect(run.results["xero"]?.json == ["asked": 3, "answered": 2, "failed": ["it says so"]])
        #expect(run.results["odoo"]?.json == ["asked": 1, "answered": 0, "failed": ["it says so"]])
    }

    @Test("a run that did not end, asked nothing or is none says nothing") func unfinished() {
        for bad in [lines(ends: false), Array(event("runEnded", "").utf8), [], Array("all passed\n".utf8)] { #expect(throws: Fault.self) { try ConformanceRun(bad) } }
    }
}
