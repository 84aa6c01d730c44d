import Foundation
import Testing

@Suite("Documentation")
struct DocsTests {
    /// Codes in the first column of a page's tables.
    static func listed(_ page: String) -> Set<String> { Set(page.matches(of: /(?m)^\| `([a-z][a-z0-9_]*)` \|/).map { String($0.1) }) }

    @Test("every code that a fault can carry is in docs/errors.md, and no other")
    func errors() throws {
        // What only tests import throws at tests only.
        let codes = FaultCode.gather(Checkout.sources.filter { !$0.path.hasPrefix("Sources/TestKit/") })
        #expect(codes.count > 100)
        var page = try #require(Checkout.file("docs/errors.md")).text
        if ProcessInfo.processInfo.environment["COUNTERFOIL_WRITE_DOCS"] != nil {
            let begin = try #require(page.range(of: FaultCode.tableStart)).upperBound
            let end = try #require(page.range(of: FaultCode.tableEnd)).lowerBound
            page.replaceSubrange(begin ..< end, with: FaultCode.table(codes))
            try page.write(to: Checkout.root.appending(path: "docs/errors.md"), atomically: true, encoding: .utf8)
        }
        #expect(FaultCode.withoutRemedy(codes) == [], "say to whoever reads it what to do")
        let listed = Self.listed(page)
        // COUNTERFOIL_WRITE_DOCS=1 swift test --filter DocsTests writes the table anew.
        #expect(Set(codes.keys).subtracting(listed).sorted() == [], "not in docs/errors.md")
        #expect(listed.subtracting(codes.keys).sorted() == [], "in docs/errors.md, but nothing throws it")
    }

    @Test("codes are found in every spelling that the program uses")
    func errorsSelfTest() {
        let codes = FaultCode.gather([
            ProjectFile(path: "Sources/Wire/A.swift", text: "throw Fault(\n  \"torn_text\", stage: .wire, disposition: .reject, summary: \"the \\(name) is torn\",\n remedy: \"Mend it.\")"),
            ProjectFile(
                path: "Sources/Wire/B.swift",
                text: "Fault(\"odd_list\", summary: \"there is \\(names.joined(separator: \", \"))\", remedy: \"Use \\(known.joined(separator: \", \")).\"), Fault(\"said\", summary: words, remedy: \"Ask.\")"),
            ProjectFile(path: "Sources/Connectors/Xero/A.swift", text: "Self.refused(\"too_long\", \"a\", \"b\"); func fault(_ code: String) {}; case .x: (\"tuple_code\", \"Words.\")"),
        ])
        #expect(codes.keys.sorted() == ["odd_list", "said", "too_long", "torn_text", "tuple_code"])
        #expect(codes["odd_list"]?.summaries == ["there is …"])
        #expect(codes["odd_list"]?.remedies == ["Use …."])
        #expect(codes["said"]?.summaries == [])
        #expect(codes["torn_text"]?.summaries == ["the … is torn"])
        #expect(codes["torn_text"]?.remedies == ["Mend it."])
        #expect(codes["torn_text"]?.dispositions == ["reject"])
        #expect(Self.listed(FaultCode.table(codes)) == Set(codes.keys))
    }

    /// Platform folders whose docs page is missing or does not name the connector's id. A folder may hold several connectors, with a page each.
    static func pagesMissing(_ files: [ProjectFile]) -> [String] {
        let folders = Set(files.map { $0.path.split(separator: "/").map(String.init) }.filter { $0.count > 3 && $0[1] == "Connectors" }.map { $0[2] })
        return folders.sorted().flatMap { folder -> [String] in
            let text = files.filter { $0.path.hasPrefix("Sources/Connectors/\(folder)/") }.map(\.text).joined(separator: "\n")
            let ids = text.matches(of: /PlatformSpec\(\s*id: "([a-z0-9-]+)"/).map { String($0.1) }
            if ids.isEmpty { return ["\(folder): no PlatformSpec with an id"] }
            return ids.compactMap { id in
                let page = "docs/connectors/\(id).md"
                guard let found = files.first(where: { $0.path == page }) else { return "\(folder): \(page) is missing" }
                return found.text.contains("`\(id)`") ? nil : "\(folder): \(page) does not name the id `\(id)`"
            }
        }
    }

    @Test("every platform folder has its docs page")
    func platforms() {
        #expect(Self.pagesMissing(Checkout.files) == [])
        let folder = ProjectFile(path: "Sources/Connectors/Ink/Ink.swift", text: "PlatformSpec(\n id: \"ink-well\", name: 1)")
        #expect(Self.pagesMissing([folder]).count == 1)
        #expect(Self.pagesMissing([folder, ProjectFile(path: "docs/connectors/ink-well.md", text: "Connector id `ink-well`")]) == [])
        #expect(Self.pagesMissing([ProjectFile(path: "Sources/Connectors/Ink/Ink.swift", text: "")]).count == 1)
        let second = ProjectFile(path: "Sources/Connectors/Ink/Pen.swift", text: "PlatformSpec(id: \"ink-pen\", name: 2)")
        #expect(Self.pagesMissing([folder, second, ProjectFile(path: "docs/connectors/ink-well.md", text: "Connector id `ink-well`")]).count == 1)
    }

    /// Links to files of the checkout that are not there.
    static func deadLinks(_ file: ProjectFile, exists: (String) -> Bool) -> [String] {
        file.text.matches(of: /\]\((?<link>[^)\s#]+)[^)]*\)/).compactMap { match in
            let link = String(match.link)
            guard !link.contains("://"), !link.hasPrefix("mailto:") else { return nil }
            var parts = link.hasPrefix("/") ? [] : file.path.split(separator: "/").dropLast().map(String.init)
            for part in link.split(separator: "/").map(String.init) where part != "." {
                if part == ".." { _ = parts.popLast() } else { parts.append(part) }
            }
            return exists(parts.joined(separator: "/")) ? nil : "\(file.path): \(link)"
        }
    }

    @Test("no page links to a file that is not there")
    func links() {
        let pages = Checkout.files.filter { $0.path.hasSuffix(".md") }
        #expect(pages.count > 10)
        #expect(pages.flatMap { Self.deadLinks($0) { FileManager.default.fileExists(atPath: Checkout.root.appending(path: $0).path(percentEncoded: false)) } } == [])
        let page = ProjectFile(path: "docs/a.md", text: "[b](b.md) [c](../c.md#d) [e](https://e.org/f)")
        #expect(Self.deadLinks(page) { $0 == "docs/b.md" } == ["docs/a.md: ../c.md"])
    }

    @Test("README, licence, changelog and the pages of the house are there")
    func pages() {
        for path in ["README.md", "LICENSE", "docs/CHANGELOG.md", "docs/getting-started.md", "docs/flow.md", "docs/architecture.md", "docs/threat-model.md", "docs/errors.md"] {
            #expect((Checkout.file(path)?.text.count ?? 0) > 200, "\(path)")
        }
        #expect(Checkout.file("docs/CHANGELOG.md")?.text.contains("## 0.1.0") == true)
        #expect(Checkout.file("LICENSE")?.text.contains("Apache License") == true)
    }

    /// Decisions without a number of their own or without one of their parts.
    static func badDecisions(_ files: [ProjectFile]) -> [String] {
        var seen: Set<String> = []
        return files.filter { $0.path.hasPrefix("docs/decisions/") }.sorted { $0.path < $1.path }.compactMap { file in
            guard file.name.wholeMatch(of: /\d{4}-[a-z0-9-]+\.md/) != nil, !file.name.hasPrefix("0000") else { return "\(file.path): expected NNNN-….md" }
            guard seen.insert(String(file.name.prefix(4))).inserted else { return "\(file.path): its number is another's" }
            let missing = ["## Context", "## Choice", "## Consequence"].filter { !file.text.contains($0) }
            return missing.isEmpty ? nil : "\(file.path): no \(missing.joined(separator: ", "))"
        }
    }

    @Test("decisions are numbered and say context, choice and consequence")
    func decisions() {
        #expect(Checkout.files.contains { $0.path.hasPrefix("docs/decisions/0001-") })
        #expect(Self.badDecisions(Checkout.files) == [])
        let whole = "## Context\n## Choice\n## Consequence\n"
        #expect(Self.badDecisions([ProjectFile(path: "docs/decisions/0001-a.md", text: whole)]) == [])
        let twice = ["0002-a", "0002-b"].map { ProjectFile(path: "docs/decisions/\($0).md", text: whole) }
        #expect(Self.badDecisions(twice).count == 1)
        #expect(Self.badDecisions([ProjectFile(path: "docs/decisions/0001-a.md", text: "## Context\n")]).count == 1)
    }
}

@Suite("Migrations")
struct MigrationTests {
    /// Files badly named, with a number that is there already, or without their heading. A number may be missing: the one who has it works beside us.
    static func bad(_ files: [ProjectFile]) -> [String] {
        var seen: Set<String> = []
        return files.filter { $0.path.hasPrefix("migrations/") }.sorted { $0.path < $1.path }.compactMap { file in
            guard file.name.wholeMatch(of: /\d{4}_[a-z0-9_]+\.sql/) != nil, !file.name.hasPrefix("0000") else { return "\(file.path): expected NNNN_….sql" }
            guard seen.insert(String(file.name.prefix(4))).inserted else { return "\(file.path): its number is another's" }
            let lines = file.text.split(separator: "\n").prefix(3)
            let wanted = ["-- why: ", "-- locks: ", "-- undo: "]
            return lines.count == 3 && zip(lines, wanted).allSatisfy({ $0.hasPrefix($1) && $0.count > $1.count }) ? nil : "\(file.path): does not begin with why, locks and undo"
        }
    }

    @Test("migrations have a number each and begin with why, locks and undo")
    func headings() {
        #expect(Checkout.files.filter { $0.path.hasPrefix("migrations/") }.count >= 4)
        #expect(Self.bad(Checkout.files) == [])
        let head = "-- why: a\n-- locks: b\n-- undo: c\n"
        #expect(Self.bad([ProjectFile(path: "migrations/0001_a.sql", text: head)]) == [])
        #expect(Self.bad([ProjectFile(path: "migrations/0002_a.sql", text: head), ProjectFile(path: "migrations/0002_b.sql", text: head)]).count == 1)
        #expect(Self.bad([ProjectFile(path: "migrations/0000_a.sql", text: head)]).count == 1)
        #expect(Self.bad([ProjectFile(path: "migrations/0001-a.sql", text: head)]).count == 1)
        #expect(Self.bad([ProjectFile(path: "migrations/0001_a.sql", text: "-- why: \n-- locks: b\n-- undo: c\n")]).count == 1)
    }

    /// Tables of tenant data that are not guarded by row-level security, or whose primary key does not begin with the tenant.
    static func unguarded(_ sql: String) -> [String] {
        sql.matches(of: /CREATE TABLE (app\.\w+) \((?<body>[\s\S]*?)\n\);/).flatMap { match -> [String] in
            let table = String(match.1), body = String(match.body)
            guard body.contains(/\btenant_id uuid (?:NOT NULL|PRIMARY KEY)/) else { return [] }
            var out: [String] = []
            if !sql.contains("adm.guard('\(table)'") { out.append("\(table) is not guarded") }
            let keyed = body.contains("tenant_id uuid PRIMARY KEY") || body.contains("PRIMARY KEY (tenant_id")
            if !keyed { out.append("the primary key of \(table) does not begin with tenant_id") }
            return out
        }
    }

    @Test("every table of tenant data is guarded and keyed by its tenant first")
    func tenancy() {
        let sql = Checkout.files.filter { $0.path.hasPrefix("migrations/") }.map(\.text).joined(separator: "\n")
        #expect(Self.unguarded(sql) == [])
        let table = "CREATE TABLE app.a (\n  tenant_id uuid NOT NULL,\n  id uuid NOT NULL,\n  PRIMARY KEY (tenant_id, id)\n);\n"
        #expect(Self.unguarded(table + "SELECT adm.guard('app.a', '');") == [])
        #expect(Self.unguarded(table).count == 1)
        #expect(Self.unguarded(table.replacing("(tenant_id, id)", with: "(id, tenant_id)") + "SELECT adm.guard('app.a', '');").count == 1)
    }
}
