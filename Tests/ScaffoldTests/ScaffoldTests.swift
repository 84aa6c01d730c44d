import FoundationEssentials
import Kernel
import Scaffold
import Testing

@Suite("A new connector's files")
struct ScaffoldTests {
    private static let root: URL = {
        var url = URL(filePath: #filePath).resolvingSymlinksInPath()
        for _ in 0 ..< 3 { url.deleteLastPathComponent() }
        return url
    }()

    private func checkout(_ path: String) throws -> String { String(decoding: try Data(contentsOf: Self.root.appending(path: path)), as: UTF8.self) }

    @Test("an id becomes a module and a name") func names() throws {
        let scaffold = try Scaffold(id: "acme-books-2", role: .ledger)
        #expect(scaffold.type == "AcmeBooks2" && scaffold.title == "Acme Books 2")
        #expect(try Scaffold(id: "acme", title: "ACME!", role: .source).title == "ACME!")
    }

    @Test("the module takes the title's capitals where title and id are the same letters, and only there", arguments: [
        ("freeagent", "FreeAgent", "FreeAgent"), ("acme-books", "ACME Books", "ACMEBooks"), ("acme", "Acme Online", "Acme"), ("acme", "aCME", "Acme"),
        ("acme-2", "Acme (2)", "Acme2"),
    ])
    func modules(id: String, title: String, type: String) throws {
        #expect(try Scaffold(id: id, title: title, role: .ledger).type == type)
    }

    @Test("without a twin nothing of one is laid down or named") func twinless() throws {
        let scaffold = try Scaffold(id: "acme-books", role: .ledger, hasTwin: false)
        #expect(scaffold.files.count == 6 && !scaffold.files.contains { $0.path.contains("Twin") })
        for path in Scaffold.edited {
            let before = try checkout(path)
            let after = try scaffold.edit(path, before)
            #expect(!after.contains("TwinAcmeBooks") && after.contains("AcmeBooks"), "\(path)")
        }
    }

    @Test("what could become no id, path or literal is refused", arguments: [
        "", "-acme", "acme-", "Acme", "acme books", "../acme", "acme/x", "2acme", "acme--x", "é", String(repeating: "a", count: 41),
    ])
    func refused(_ id: String) {
        #expect(throws: Fault.self) { try Scaffold(id: id, role: .ledger) }
    }

    @Test("a title that could end a literal is refused", arguments: ["", "a\"b", "a\\(b)", "a\nb", "é", String(repeating: "a", count: 61)])
    func titles(_ title: String) {
        #expect(throws: Fault.self) { try Scaffold(id: "acme", title: title, role: .ledger) }
    }

    @Test("every file is there once, filled in, short enough, and says what is to be done", arguments: Scaffold.Role.allCases)
    func files(role: Scaffold.Role) throws {
        let files = try Scaffold(id: "acme-books", role: role).files
        #expect(files.map(\.path) == [
            "Sources/Connectors/AcmeBooks/AcmeBooks+Judge.swift", "Sources/Connectors/AcmeBooks/AcmeBooks+\(role == .ledger ? "Post" : "Streams").swift",
            "Sources/Connectors/AcmeBooks/AcmeBooks.swift", "Sources/Twins/AcmeBooks/AcmeBooksTwin.swift", "Tests/AcmeBooksTests/AcmeBooksTests.swift",
            "Tests/ConnectorKitTests/Fixtures/acme-books.json", "Tests/TwinAcmeBooksTests/AcmeBooksTwinTests.swift", "docs/connectors/acme-books.md",
        ])
        for file in files {
            #expect(!file.text.contains("__") && file.text.hasSuffix("\n"), "\(file.path)")
            #expect(file.text.contains("TODO") || file.path.hasSuffix("+Streams.swift") || file.path.hasSuffix("+Post.swift"), "\(file.path)")
            for line in file.text.split(separator: "\n") { #expect(line.count <= 170, "\(file.path): \(line)") }
        }
    }

    @Test("the lines go into this very checkout's files, each in its place, and only once") func edits() throws {
        let scaffold = try Scaffold(id: "acme-books", role: .ledger)
        let added: [String: [String]] = [
            // In the alphabet's order.
            "Package.swift": ["    \"AccountEdge\",\n    \"AcmeBooks\",\n", "let twins = [\n    \"TwinAcmeBooks\",\n"],
            "Sources/Catalog/Catalog.swift": ["internal import AccountEdge\ninternal import AcmeBooks\n", "        AccountEdgeConnector(),\n        AcmeBooksConnector(),\n"],
            "Sources/Catalog/Verification.swift": ["sdks: []),\n        \"acme-books\": Verification(twin: \"TwinAcmeBooks\""],
        ]
        #expect(Set(added.keys) == Set(Scaffold.edited))
        for (path, lines) in added {
            let before = try checkout(path)
            let after = try scaffold.edit(path, before)
            for line in lines { #expect(after.ranges(of: line).count == 1, "\(path): \(line)") }
            #expect(after.split(separator: "\n").filter { before.split(separator: "\n").contains($0) }.count >= before.split(separator: "\n").count - 2)
            // A second time it is there.
            #expect(throws: Fault.self) { try scaffold.edit(path, after) }
            #expect(throws: Fault.self) { try scaffold.edit(path, "let nothing = 1\n") }
        }
    }

    @Test("a platform that is there already is not begun again") func known() throws {
        let text = try checkout("Package.swift")
        let fault = #expect(throws: Fault.self) { try Scaffold(id: "xero", role: .ledger).edit("Package.swift", text) }
        #expect(fault?.code == "scaffold_there")
    }
}
