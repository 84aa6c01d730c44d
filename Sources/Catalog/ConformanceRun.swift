public import Kernel
public import Wire

/// What a run of the questions to every connector said, read from the run's own records: nothing of it is kept, and nothing is said of a connector that the run did
/// not ask.
///
///     swift test --filter ConnectorKitTests --event-stream-output-path run.jsonl
public struct ConformanceRun: Sendable {
    /// What became of the questions to one connector.
    public struct Result: Sendable, Equatable {
        public var asked = 0
        public var answered = 0
        /// Questions with a wrong answer, in their own words. Records do not say whose answer it was, so each counts against all that were asked.
        public var failed: [String] = []

        public var json: JSON {
            .object([("asked", .number("\(asked)")), ("answered", .number("\(answered)")), ("failed", .array(failed.map { .string($0) }))])
        }
    }

    /// By the connector's id.
    public private(set) var results: [String: Result] = [:]

    private static let suite = "ConnectorKitTests."

    /// - Parameter records: Swift Testing's event stream, a JSON object a line.
    /// - Throws: `conformance_unreadable` for what is no such run, or one that did not come to its end.
    /// - Source: swift-testing, Documentation/ABI/JSON.md: `kind`, `payload`, `testCaseStarted`, `issueRecorded`, `runEnded`; the words of a message are for people, and
    ///   name the arguments.
    public init(_ records: [UInt8]) throws(Fault) {
        var names: [String: String] = [:], asked: [(test: String, id: String)] = [], wrong: Set<String> = [], hasEnded = false
        for line in records.split(separator: 10) {
            let record = try JSON(parsing: Array(line)), payload = record["payload"]
            let test = payload?["testID"]?.string ?? payload?["id"]?.string ?? ""
            switch (record["kind"]?.string, payload?["kind"]?.string) {
            case ("event", "runEnded"): hasEnded = true
            case ("test", "function"): names[test] = payload?["displayName"]?.string ?? test
            case ("event", "testCaseStarted"):
                let words = payload?["messages"]?[0]?["text"]?.string ?? ""
                if test.hasPrefix(Self.suite), let id = Self.platform(words) { asked.append((test, id)) }
            case ("event", "issueRecorded") where payload?["issue"]?["isFailure"]?.bool != false: wrong.insert(test)
            default: break
            }
        }
        guard hasEnded, !asked.isEmpty else {
            throw Fault(
                "conformance_unreadable", stage: .configuration, disposition: .reject,
                summary: hasEnded ? "the run asked no connector anything" : "the run did not come to its end",
                remedy: "Run swift test --filter ConnectorKitTests --event-stream-output-path FILE anew, and give that file.")
        }
        for (test, id) in asked {
            var result = results[id] ?? Result()
            result.asked += 1
            if wrong.contains(test) {
                let name = names[test] ?? test
                if !result.failed.contains(name) { result.failed.append(name) }
            } else {
                result.answered += 1
            }
            results[id] = result
        }
    }

    /// The connector that a case is about: `Test case passing 2 arguments id → "xero", form → .invoice to "…" started.`
    private static func platform(_ words: String) -> String? {
        guard let mark = words.firstRange(of: " id → \"") else { return nil }
        let id = String(words[mark.upperBound...].prefix { $0 != "\"" })
        return Catalog.byID[id] == nil ? nil : id
    }
}
