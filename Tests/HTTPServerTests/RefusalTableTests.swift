import FoundationEssentials
@testable import HTTPServer
import Testing

/// The table of refusals in docs/libraries.md, held against the code and against the shapes that are tried.
@Suite("the table of refusals")
struct RefusalTableTests {
    private func text(_ path: String, file: String = #filePath) throws -> String {
        let root = URL(filePath: file).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        return try String(contentsOf: root.appending(path: path), encoding: .utf8)
    }

    /// Code, status and examples of each row.
    private func rows() throws -> [(code: String, status: Int, examples: [String])] {
        try text("docs/libraries.md").matches(of: /\| `([a-z_]+)` \| (\d{3}) \| (.+) \|/).map { row in
            (String(row.1), Int(row.2) ?? 0, row.3.split(separator: "; ").map(String.init))
        }
    }

    @Test("every refusal of the code is in docs/libraries.md with its status, and no other")
    func whole() throws {
        let declared = try text("Sources/HTTPServer/HTTPRefusal.swift").matches(of: /HTTPRefusal\((\d{3}), "([a-z_]+)"\)/).map { "\($0.2) \($0.1)" }
        let listed = try rows().map { "\($0.code) \($0.status)" }
        #expect(declared.count > 25 && Set(declared).count == declared.count)
        #expect(listed.sorted() == declared.sorted())
    }

    @Test("every refusal of the parser has a shape that is tried, and each example of the page is one of them")
    func examples() throws {
        let own = [HTTPRefusal.requestTimeout, .tooManyBodies, .tooManyConnections].map(\.code)
        for row in try rows() where !own.contains(row.code) {
            let shapes = refusedShapes.filter { $0.code == row.code }
            #expect(!shapes.isEmpty, "no shape is refused as \(row.code)")
            for example in row.examples { #expect(shapes.contains { $0.name == example }, "no shape of \(row.code) is called \(example)") }
        }
        #expect(Set(refusedShapes.map(\.name)).count == refusedShapes.count, "two shapes share a name")
    }
}
