import Testing

/// The table of `Package.swift`: who may import whom.
struct Rooms {
    var imports: [String: Set<String>] = [:]
    var connectors: Set<String> = []

    /// Modules of the toolchain that any room may use. Foundation is not among them: it costs 40 MB, reads locales and time zones from
    /// files that a container may lack, and brings a second JSON, XML and HTTP.
    static let system: Set<String> = ["FoundationEssentials", "Glibc", "Musl", "Synchronization", "Dispatch"]
    static let forbidden: Set<String> = ["Foundation", "FoundationXML", "FoundationNetworking", "FoundationInternationalization"]

    init(manifest: String) {
        guard let table = manifest.firstMatch(of: /let rooms[^=]*= \[(?<rows>[\s\S]*?)\n\]/) else { return }
        for row in String(table.rows).matches(of: /\("(?<name>\w+)",\s*\[(?<list>[^\]]*)\](?: \+ \w+)?\)/) {
            imports[String(row.name)] = Set(String(row.list).matches(of: /"(\w+)"/).map { String($0.1) })
        }
        connectors = Rooms.names("connectors", manifest)
        let twins = Rooms.names("twins", manifest)
        for (list, rooms) in [("connectorImports", connectors), ("twinImports", twins)] {
            for room in rooms { imports[room] = Rooms.names(list, manifest) }
        }
        imports["Catalog", default: []].formUnion(connectors)
        imports["Sandbox", default: []].formUnion(twins)
    }

    private static func names(_ list: String, _ manifest: String) -> Set<String> {
        guard let start = manifest.firstRange(of: "let \(list) = [")?.upperBound, let end = manifest[start...].firstIndex(of: "]") else { return [] }
        return Set(manifest[start ..< end].matches(of: /"(\w+)"/).map { String($0.1) })
    }

    /// The room that a file belongs to; `nil` for the executable, which may import every room.
    func room(of path: String) -> String? {
        let parts = path.split(separator: "/").map(String.init)
        guard parts.count > 2, parts[0] == "Sources", parts[1] != "counterfoil" else { return nil }
        switch parts[1] {
        case "Connectors": return parts[2]
        case "Twins": return "Twin" + parts[2]
        default: return parts[1]
        }
    }

    /// Everything a room can reach through those it imports.
    func reach(_ room: String) -> Set<String> {
        var out: Set<String> = []
        var open = Array(imports[room] ?? [])
        while let next = open.popLast() {
            if out.insert(next).inserted { open += imports[next] ?? [] }
        }
        return out
    }

    private static let statement = Pattern(
        #"^[ \t]*(?:@\w+(?:\([^)]*\))?\s+)*(?:(?:public|package|internal|fileprivate|private)\s+)?import\s+(?:(?:struct|class|enum|protocol|func|var|let|typealias)\s+)?(\w+)"#)

    static func imported(_ file: ProjectFile) -> [(line: Int, module: String)] {
        statement.matches(in: file.swift.code).map { ($0.line, $0.groups[1]) }
    }

    func violations(_ file: ProjectFile) -> [String] {
        let room = room(of: file.path)
        if let room, imports[room] == nil { return ["\(file.path): the room \(room) is not in Package.swift's table"] }
        let allowed = room.map { imports[$0] ?? [] } ?? Set(imports.keys).union(["CSystem"])
        return Rooms.imported(file).compactMap { item in
            if Rooms.system.contains(item.module) || allowed.contains(item.module) { return nil }
            let why = Rooms.forbidden.contains(item.module) ? "the program does without it; FoundationEssentials has what we need" : "Package.swift does not list it for \(room ?? "the executable")"
            return "\(file.path):\(item.line): import \(item.module): \(why)"
        }
    }
}

@Suite("Who imports whom")
struct ImportTests {
    let rooms = Rooms(manifest: Checkout.file("Package.swift")?.text ?? "")

    @Test("every import is one that the table in Package.swift allows, and none is Foundation")
    func imports() {
        #expect(rooms.imports.count > 20)
        #expect(Checkout.sources.count > 100)
        #expect(Checkout.sources.flatMap(rooms.violations) == [])
    }

    @Test("every room of the table has a folder with source, and every folder a room")
    func folders() {
        let seen = Set(Checkout.sources.compactMap { rooms.room(of: $0.path) })
        #expect(seen.subtracting(rooms.imports.keys).sorted() == [])
        #expect(Set(rooms.imports.keys).subtracting(seen).sorted() == [])
    }

    @Test("no room reaches itself")
    func acyclic() {
        #expect(rooms.imports.keys.filter { rooms.reach($0).contains($0) }.sorted() == [])
    }

    /// What each room must never reach, not even through another.
    private var forbiddenReach: [String: Set<String>] {
        let outside: Set<String> = ["Store", "Postgres", "CLibPQ", "HTTPClient", "CCurl", "HTTPServer", "Courier", "Pipeline", "Worker", "Scheduler", "ControlPlane"]
        var out: [String: Set<String>] = [
            "Kernel": outside.union(["Telemetry", "Wire", "Books", "Crypto"]),
            "Telemetry": outside.union(["Wire", "Books", "Crypto"]),
            "Wire": outside.union(["Books", "Crypto", "Telemetry"]),
            "Books": outside.union(["Wire", "Crypto", "Telemetry", "COpenSSL"]),
            "Crypto": outside.union(["Wire", "Books"]),
            "Postgres": ["HTTPClient", "HTTPServer", "Store", "Wire", "Books", "Crypto"],
            "HTTPClient": ["Store", "Postgres", "HTTPServer", "Courier", "Books"],
            "HTTPServer": ["Store", "Postgres", "HTTPClient", "Courier", "Books"],
            "Store": ["HTTPClient", "HTTPServer", "Wire", "ConnectorKit", "Courier", "Mapping"],
            "ConnectorKit": outside, "Mapping": outside, "Checks": outside, "Scenario": outside, "Catalog": outside,
            "Courier": ["HTTPServer", "Mapping", "Pipeline", "Catalog"],
            // It is handed the catalog: a step must not know one platform from another.
            "Pipeline": rooms.connectors.union(["Catalog", "HTTPServer", "Scheduler", "ControlPlane", "Sandbox"]),
            "Worker": ["HTTPServer", "Scheduler", "ControlPlane", "Sandbox"],
            // The holder of the master key never parses a tenant's payloads and opens no connection of its own.
            "Scheduler": rooms.connectors.union(["ConnectorKit", "Mapping", "Pipeline", "Courier", "HTTPClient", "HTTPServer", "Catalog", "Worker", "Sandbox"]),
            // Who is told of what is read where it is written; who tells them sees no platform.
            "AlertRules": outside,
            "Alerts": rooms.connectors.union(["ConnectorKit", "HTTPServer", "Courier", "Pipeline", "Catalog", "Worker", "Scheduler", "ControlPlane", "Sandbox"]),
            // Of a connector it knows the specification and `verify`; it never runs a step and sends nothing.
            "ControlPlane": ["Courier", "Pipeline", "Worker", "HTTPClient", "Scheduler", "Sandbox"],
        ]
        // A twin that shares code with the product shares its bugs.
        for room in rooms.imports.keys where room == "Sandbox" || room.hasPrefix("Twin") {
            out[room] = rooms.connectors.union(["Books", "ConnectorKit", "Mapping", "Store", "Postgres", "Courier", "Pipeline", "Catalog"])
        }
        for connector in rooms.connectors { out[connector] = outside.union(["Telemetry", "Mapping", "Catalog"]).union(rooms.connectors.subtracting([connector])) }
        return out
    }

    @Test("no room reaches what the house forbids it, directly or through another")
    func reach() {
        var found: [String] = []
        for (room, forbidden) in forbiddenReach {
            #expect(rooms.imports[room] != nil, "\(room) is not in the table")
            for other in rooms.reach(room).intersection(forbidden) { found.append("\(room) reaches \(other)") }
        }
        #expect(found.sorted() == [])
    }

    @Test("only test targets import TestKit and ConnectorTestKit", arguments: ["TestKit", "ConnectorTestKit"])
    func testKit(room: String) {
        #expect(rooms.imports[room] != nil)
        #expect(rooms.imports.filter { $0.value.contains(room) }.keys.sorted() == [])
        // The executable may import every room but these.
        #expect(Checkout.sources.filter { rooms.room(of: $0.path) == nil && Rooms.imported($0).contains { $0.module == room } }.map(\.path) == [])
    }

    @Test("the rules notice an import that is not in the table, in any spelling")
    func selfTest() {
        let rooms = Rooms(manifest: "let rooms: [X] = [\n    (\"Wire\", [\"Kernel\"]),\n    (\"Kernel\", []),\n]\nlet connectors: Set<String> = [\"Shopify\"]\n")
        func found(_ text: String, _ path: String = "Sources/Wire/A.swift") -> Int { rooms.violations(ProjectFile(path: path, text: text)).count }
        #expect(found("import Kernel\npublic import FoundationEssentials\n// import Store\nlet s = \"\"\"\nimport Store\n\"\"\"") == 0)
        #expect(found("import Store") == 1)
        #expect(found("@preconcurrency internal import struct Store.Row") == 1)
        #expect(found("    import Foundation") == 1)
        #expect(found("import Kernel", "Sources/Attic/A.swift") == 1)
        #expect(found("import Wire", "Sources/counterfoil/A.swift") == 0)
        #expect(found("import Testing", "Sources/counterfoil/A.swift") == 1)
        #expect(rooms.room(of: "Sources/Connectors/Shopify/A.swift") == "Shopify")
        #expect(Rooms(manifest: "let rooms: X = [\n    (\"A\", [\"B\"]),\n    (\"B\", [\"C\"]),\n]\n").reach("A") == ["B", "C"])
    }
}
