import Books
import Catalog
import ConnectorKit
import FoundationEssentials
import Testing
import Wire

@Suite("What is said of the connectors")
struct RegisterTests {
    @Test("docs/connectors.md is what the connectors declare")
    func page() throws {
        if ProcessInfo.processInfo.environment["COUNTERFOIL_WRITE_DOCS"] != nil {
            try Register.page.write(to: root.appending(path: "docs/connectors.md"), atomically: true, encoding: .utf8)
        }
        #expect(try text("docs/connectors.md") == Register.page, "COUNTERFOIL_WRITE_DOCS=1 swift test --filter RegisterTests writes it anew")
    }

    @Test("the list names of each platform everything that its readers rely on")
    func members() throws {
        let list = try #require(Register.json.array)
        #expect(list.compactMap { $0["id"]?.string } == allIDs)
        for entry in list {
            #expect(entry.object?.map(\.key) == [
                "id", "name", "roles", "auth", "objects", "operations", "idempotency", "change_feed", "limits", "concurrency", "batch", "page_size", "dimensions",
                "tax", "currency", "files", "api_version", "sunset", "sunset_of", "docs", "verified_by",
            ])
            #expect(entry["verified_by"]?.object?.map(\.key) == ["conformance", "conformance_result", "twin", "suites", "specs", "sdks", "servers"])
            let asksNothing = entry["auth"]?["parts"]?.array?.isEmpty == true, id = entry["id"]?.string ?? ""
            #expect(entry["auth"]?["kind"]?.string != nil && asksNothing == (fileIDs.contains(id) || !calledIDs.contains(id)))
            #expect((entry["auth"]?["kind"]?.string == "none") == asksNothing)
            let says = entry["operations"]?.array?.compactMap(\.string) ?? []
            if fileIDs.contains(id) { #expect(says == ["hand_over", "take_list"], "\(id): by file, and nothing else") }
            let isLedger = try connector(id) is any LedgerConnector
            #expect(entry["files"]?.array?.isEmpty == !isLedger, "\(id)")
            #expect(try JSON(parsing: entry.bytes) == entry)
        }
    }

    @Test("what is said to verify a connector is there: twin, suites, and SDKs as they are pinned", arguments: allIDs)
    func verifications(id: String) throws {
        let shown = Verification.of(id)
        let manifest = try text("Package.swift"), pins = try text("Tests/sdk/requirements.txt").split(separator: "\n").map(String.init)
        #expect(shown.suites.first == "ConnectorKitTests" && Set(shown.suites).count == shown.suites.count)
        for suite in shown.suites {
            let room = String(suite.dropLast("Tests".count))
            #expect(manifest.contains("(\"\(suite)\", [") || manifest.contains("    \"\(room)\",\n"), "\(suite)")
            #expect(FileManager.default.fileExists(atPath: root.appending(path: "Tests/\(suite)").path), "\(suite)")
        }
        if let twin = shown.twin { #expect(manifest.contains("    \"\(twin)\",\n") || manifest.contains("(\"\(twin)\", [")) }
        // The script that is named has the SDK in its hands, by itself or by what it shares with others; ops/test runs every such script.
        let script = shown.sdks.isEmpty ? "" : try text(shown.works(on: id))
        let imported = script + (script.contains("from rehearsal import") ? try text("Tests/sdk/rehearsal.py") : "")
        for sdk in shown.sdks {
            #expect(imported.contains("\nimport \(sdk.module)\n") || imported.contains("\nimport \(sdk.module) ") || imported.contains("\nfrom \(sdk.module)"), "\(sdk.name)")
        }
        #expect(try text("ops/test").contains("for script in Tests/sdk/work_on_*.py; do"))
        for sdk in shown.sdks + shown.servers { #expect(pins.contains("\(sdk.name)==\(sdk.version)"), "\(sdk.name)") }
        for server in shown.servers { #expect(FileManager.default.fileExists(atPath: root.appending(path: "Tests/sdk/sweep_\(server.name).py").path), "\(server.name)") }
        #expect(shown.sdks.isEmpty || shown.twin != nil)
    }

    @Test("whose tests have the whole program work with a connector is among its suites, and nobody else is", arguments: allIDs, ["PipelineTests", "DayTests"])
    func wholeProgram(id: String, suite: String) throws {
        let files = try FileManager.default.contentsOfDirectory(atPath: root.appending(path: "Tests/\(suite)").path).filter { $0.hasSuffix(".swift") }
        #expect(files.count > 3)
        let made = try "\(type(of: connector(id)))("
        let isTried = try files.contains { try text("Tests/\(suite)/\($0)").contains(made) }
        // Of connectors that are one type, a test may try one and not the other.
        let isShared = Catalog.connectors.filter { "\(type(of: $0))(" == made }.count > 1
        let isNamed = Verification.of(id).suites.contains(suite)
        #expect(isNamed == isTried || isShared && !isNamed)
    }

    @Test("each SDK of a page's script is one that is said to verify a connector, and each pin is used")
    func pinned() throws {
        let named = Set(allIDs.flatMap { Verification.of($0).sdks + Verification.of($0).servers }.map { "\($0.name)==\($0.version)" })
        let pins = Set(try text("Tests/sdk/requirements.txt").split(separator: "\n").map(String.init))
        // What signs an assertion and what speaks HTTP in an SDK's place verify nothing by themselves.
        #expect(pins.subtracting(named).allSatisfy { $0.hasPrefix("httpx==") || $0.hasPrefix("joserfc==") }, "\(pins.subtracting(named).sorted())")
    }

    @Test("a ledger writes the forms that it says it writes, and refuses all others", arguments: ledgerIDs, PostingForm.allCases)
    func forms(id: String, form: PostingForm) throws {
        let it = try ledger(id)
        let facts = try Specimen(id).facts
        let says = it.spec.objects.contains { $0.carries.contains(form.rawValue) && $0.operations.contains(.create) }
        let (ending, calls) = play(it.create([document(form, at: id)], attempt: "a", facts), it, most: 1) { _, _ in HTTPResponse(500) }
        let writes = calls.contains { $0.kind == .write }
        guard !says else {
            // Some look something up before they write.
            let looksUp = try Specimen(id).answers.contains { answer in
                play(it.create([document(form, at: id)], attempt: "a", facts), it, most: 4) { _, _ in answer }.calls.contains { $0.kind == .write }
            }
            #expect(writes || looksUp, "\(form) is not written")
            return
        }
        #expect(!writes, "\(form) is written, and nothing says so")
        if case .finished(let outcomes) = ending, case .rejected? = outcomes.first { return }
        if case .failed = ending { return }
        Issue.record("\(form) is neither written nor refused")
    }

    @Test("a way that ends before the rest is a setting's value that the page tells of", arguments: allIDs)
    func endings(id: String) throws {
        let spec = try connector(id).spec, page = try text("docs/connectors/\(id).md")
        for end in spec.endings {
            #expect(!end.values.isEmpty && end.until?.isEmpty != true)
            let row = try #require(page.split(separator: "\n").first { $0.hasPrefix("| `\(end.setting)` |") }, "\(end.setting)")
            for value in end.values { #expect(row.contains("`\(value)`"), "\(value)") }
        }
        let ends = Register.entry(spec)["sunset_of"]?.array ?? []
        #expect(ends.compactMap { $0["setting"]?.string } == spec.endings.map(\.setting) && ends.map { $0["until"]?.string } == spec.endings.map(\.until))
        if id == "odoo" { #expect(spec.endings == [.init(setting: "transport", values: ["jsonrpc", "xmlrpc"], until: "Odoo 22, fall 2028")]) }
    }

    @Test("objects are named in the platform's words and ours, with their source; a source says how it learns of changes", arguments: allIDs)
    func objects(id: String) throws {
        let spec = try connector(id).spec
        let known = Set(PostingForm.allCases.map(\.rawValue) + DocumentKind.allCases.map(\.rawValue) + ["account", "tax_code"])
        #expect(!spec.objects.isEmpty && Set(spec.objects.map(\.name)).count == spec.objects.count)
        for object in spec.objects {
            #expect(!object.operations.isEmpty && Set(object.operations).count == object.operations.count, "\(object.name)")
            #expect(Set(object.carries).isSubset(of: known), "\(object.name)")
        }
        #expect(spec.sources["objects"] != nil && spec.sources["currency"] != nil)
        let receives = spec.objects.contains { $0.operations.contains(.receive) }
        let told = spec.changeFeed.contains { if case .webhooks(let signature, let topics) = $0 { !signature.isEmpty && !topics.isEmpty } else { false } }
        #expect(receives == told)
        if spec.roles.contains(.source) { #expect(!spec.changeFeed.isEmpty) }
        for case .webhooks(_, let topics) in spec.changeFeed {
            for topic in topics { #expect(try text("docs/connectors/\(id).md").contains("`\(topic)`"), "\(topic)") }
        }
    }
}
