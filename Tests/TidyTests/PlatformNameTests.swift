import Testing

/// The names of platforms, taken from their pages: a connector is guarded against from the day that it has the page which every connector must have.
struct PlatformNames: Sendable {
    /// Rooms that must not know one platform from another, and the tables that they share.
    static let rooms = ["Sources/Pipeline/", "Sources/Courier/", "Sources/Scheduler/", "Sources/Store/", "Sources/Mapping/", "migrations/"]

    /// Words of ids that people say without meaning a platform. Whoever adds an id of such a word adds it here.
    static let everyday: Set<String> = ["business", "crm", "erp", "job", "loop", "one", "online", "rest", "returns", "rms", "sage", "sap", "square"]

    /// Noticed in any spelling and in the middle of other words: `QuickBooks`, `isXero`, `sap_business_one`.
    private let anywhere: Pattern
    /// Ids that are everyday words are noticed where they stand for an id: alone between quotation marks, backticks or colons. Or with a capital.
    private let alone: Pattern

    /// - Parameter ids: of platforms: `quickbooks-online`, `square`.
    init(_ ids: [String]) {
        var words: Set<String> = [], plain: Set<String> = []
        for id in ids {
            let parts = id.split(separator: "-").map(String.init), own = parts.filter { !Self.everyday.contains($0) }
            if !own.isEmpty {
                words.formUnion(own)
            } else if parts.count > 1 {
                words.insert(parts.joined(separator: "[-_ ]?"))
            } else {
                plain.insert(id)
            }
        }
        anywhere = Pattern("(?i)(?:\(words.sorted().joined(separator: "|")))")
        let names = plain.sorted().joined(separator: "|"), capital = plain.filter { $0.count > 3 }.map { $0.prefix(1).uppercased() + $0.dropFirst() }.sorted().joined(separator: "|")
        alone = Pattern("(?<=[\"'`:])(?:\(names))(?=[\"'`:])|\\b(?:\(capital))")
    }

    /// The pages that there are of platforms.
    static func ids(_ files: [ProjectFile]) -> [String] {
        files.filter { $0.path.hasPrefix("docs/connectors/") && $0.path.hasSuffix(".md") }.map { String($0.name.dropLast(3)) }
    }

    /// Comments count too: who needs a platform's name to explain a step has a step for that platform.
    var rule: Rule {
        Rule(name: "no platform's name in rooms that must not know one from another", applies: { file in Self.rooms.contains { file.path.hasPrefix($0) } }) { file in
            let lines = file.text.split(separator: "\n", omittingEmptySubsequences: false)
            let found = anywhere.matches(in: file.text) + alone.matches(in: file.text)
            // `rms` is also what a policy says of who owns returns.
            return found.filter { $0.groups[0] != "rms" || !lines[$0.line - 1].contains("returns.owner") }.map { "\(file.path):\($0.line): \($0.groups[0])" }
        }
    }
}

@Suite("One platform is like another")
struct PlatformNameTests {
    private let ids = PlatformNames.ids(Checkout.files)

    private func found(_ text: String, _ path: String = "Sources/Pipeline/A.swift") -> Int {
        PlatformNames(ids).rule.violations([ProjectFile(path: path, text: text)]).count
    }

    @Test("no step, courier, scheduler, statement, mapping or migration names a platform")
    func rooms() {
        for room in PlatformNames.rooms { #expect(Checkout.files.filter { $0.path.hasPrefix(room) }.count > 3, "\(room)") }
        #expect(PlatformNames(ids).rule.violations(Checkout.files) == [])
    }

    @Test("each platform is noticed by its id and by its connector's folder; a word that is let pass is part of an id")
    func everyPlatform() {
        #expect(ids.count > 15)
        for id in ids { #expect(found("if spec.id == \"\(id)\" {}") > 0, "\(id)") }
        let folders = Set(Checkout.sources.filter { $0.path.hasPrefix("Sources/Connectors/") }.compactMap { $0.path.split(separator: "/").dropFirst(2).first.map(String.init) })
        // Kinds of systems, which are no platform's name.
        let kinds: Set<String> = ["Inbound", "Returns"]
        #expect(kinds.isSubset(of: folders))
        for folder in folders.subtracting(kinds) { #expect(found("let it = \(folder)Connector()") > 0, "\(folder)") }
        #expect(PlatformNames.everyday.subtracting(ids.flatMap { $0.split(separator: "-").map(String.init) }).sorted() == [])
    }

    @Test("names are noticed in code, literals, comments and SQL, however they are spelt; everyday words are not")
    func selfTest() {
        for text in [
            "case \"shopify\":", "if spec.id == \"xero\" {}", "let isQuickBooks = true", "/// As Shopify does.", "netsuite-rest", "sapBusinessOne", "SAP Business One",
            "WHERE platform = 'square'", "/// Square rounds up.", "\"clearing:stripe:USD\"", "\"erp\"", "job_crm", "loopReturns", "'rms'",
        ] {
            #expect(found(text) > 0, "\(text)")
            #expect(found(text, "migrations/0001_a.sql") > 0, "\(text)")
            #expect(found(text, "Sources/Books/A.swift") == 0, "\(text)")
        }
        for text in ["Write it in square brackets.", "the rest", "an ERP's order", "\"returns\": 1", "the message's usage", "one job", "policies->>'returns.owner' = 'rms'"] {
            #expect(found(text) == 0, "\(text)")
        }
    }
}
