public import Kernel

/// The files that a new connector begins with, and the lines that make them part of the project. Pure: whoever calls it writes them.
public struct Scaffold: Sendable {
    public enum Role: String, Sendable, CaseIterable { case source, ledger }

    /// One file, by its path in the checkout.
    public struct File: Sendable, Equatable {
        public var path: String
        public var text: String

        public init(path: String, text: String) {
            self.path = path
            self.text = text
        }
    }

    /// `acme-books`: the platform's id everywhere.
    public let id: String
    /// `AcmeBooks`: the module, and the beginning of its types' names.
    public let type: String
    /// `Acme Books`.
    public let title: String
    public let role: Role
    /// The twin's files too; without them where somebody else writes it.
    public let hasTwin: Bool

    /// - Throws: `scaffold_name` unless the id is lower-case words and hyphens, beginning with a letter.
    public init(id: String, title: String? = nil, role: Role, hasTwin: Bool = true) throws(Fault) {
        let words = id.split(separator: "-", omittingEmptySubsequences: false)
        let good = words.allSatisfy { !$0.isEmpty && $0.utf8.allSatisfy { (97 ... 122).contains($0) || (48 ... 57).contains($0) } }
        guard good, id.utf8.count <= 40, let first = id.utf8.first, first >= 97 else {
            throw Fault("scaffold_name", stage: .configuration, disposition: .reject, summary: "'\(id.prefix(60))' can't be a platform's id",
                remedy: "Write lower-case words and hyphens, such as acme-books.")
        }
        let capitals = words.map { $0.prefix(1).uppercased() + $0.dropFirst() }
        self.id = id
        self.title = title ?? capitals.joined(separator: " ")
        self.role = role
        self.hasTwin = hasTwin
        // `freeagent` titled FreeAgent is the module FreeAgent.
        let letters = self.title.filter { $0.isASCII && ($0.isLetter || $0.isNumber) }
        type = letters.lowercased() == words.joined() && letters.first?.isUppercase == true ? letters : capitals.joined()
        guard self.title.utf8.count <= 60, self.title.utf8.allSatisfy({ $0 >= 32 && $0 < 127 && $0 != 34 && $0 != 92 }), !self.title.isEmpty else {
            throw Fault(
                "scaffold_name", stage: .configuration, disposition: .reject, summary: "a platform's name is one line without quotes",
                remedy: "Write it as people know it.")
        }
    }

    /// Everything new, in the order of the paths.
    public var files: [File] {
        let own = "Sources/Connectors/\(type)", twin = "Sources/Twins/\(type)"
        var out = [
            File(path: "\(own)/\(type).swift", text: Templates.spec), File(path: "\(own)/\(type)+Judge.swift", text: Templates.judge),
            File(path: "Tests/\(type)Tests/\(type)Tests.swift", text: Templates.tests),
            File(path: "Tests/ConnectorKitTests/Fixtures/\(id).json", text: Templates.specimen), File(path: "docs/connectors/\(id).md", text: Templates.page),
        ]
        if hasTwin {
            out.append(File(path: "\(twin)/\(type)Twin.swift", text: role == .ledger ? Templates.ledgerTwin : Templates.sourceTwin))
            out.append(File(path: "Tests/Twin\(type)Tests/\(type)TwinTests.swift", text: Templates.twinTests))
        }
        switch role {
        case .source: out.append(File(path: "\(own)/\(type)+Streams.swift", text: Templates.source))
        case .ledger: out.append(File(path: "\(own)/\(type)+Post.swift", text: Templates.ledger))
        }
        return out.map { File(path: $0.path, text: filled($0.text)) }.sorted { $0.path < $1.path }
    }

    /// Files of the checkout that name every connector, and what each is with this one in it.
    public static let edited = ["Package.swift", "Sources/Catalog/Catalog.swift", "Sources/Catalog/Verification.swift"]

    /// - Throws: `scaffold_there` when the file names it already; `scaffold_place` when the file has not the lines to put it after.
    public func edit(_ path: String, _ text: String) throws(Fault) -> String {
        let places: [(before: String, line: String)] =
            switch path {
            case "Package.swift":
                [("]\nlet connectorImports", "    \"__TYPE__\",\n")] + (hasTwin ? [("]\nlet twinImports", "    \"Twin__TYPE__\",\n")] : [])
            case "Sources/Catalog/Catalog.swift":
                [("    ]\n\n    public static let connectors", "        __TYPE__Connector(),\n"), ("\n/// Every connector there is", "internal import __TYPE__\n")]
            default:
                [(
                    "    ]\n\n    public static func of",
                    hasTwin
                        ? "        \"__ID__\": Verification(twin: \"Twin__TYPE__\", suites: [\"ConnectorKitTests\", \"__TYPE__Tests\", \"Twin__TYPE__Tests\"], sdks: []),\n"
                        : "        \"__ID__\": Verification(twin: nil, suites: [\"ConnectorKitTests\", \"__TYPE__Tests\"], sdks: []),\n"
                )]
            }
        guard !text.contains("\"\(type)\""), !text.contains("\(type)Connector()"), !text.contains("\"\(id)\"") else {
            throw Fault(
                "scaffold_there", stage: .configuration, disposition: .reject, summary: "\(path) names \(id) already",
                remedy: "Choose another id, or go on with what is there.")
        }
        var out = text
        for place in places { out = try insert(filled(place.line), before: place.before, in: out, path) }
        return out
    }

    /// Into the list that ends at `place`, where the alphabet has it.
    private func insert(_ line: String, before place: String, in text: String, _ path: String) throws(Fault) -> String {
        let found = text.ranges(of: place)
        guard found.count == 1, let end = found.first?.lowerBound else { throw Scaffold.noPlace(path, place) }
        let indent = line.prefix { $0 == " " }
        var lines = text[..<end].split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        // Behind the last line break there is nothing.
        var at = lines.count - 1
        for n in lines.indices.dropLast().reversed() {
            let other = lines[n]
            guard other.hasPrefix(indent), !other.isEmpty else { break }
            // What goes on over several lines, and comments, belong to the entry they stand with.
            if other.dropFirst(indent.count).first.map({ " )]/".contains($0) }) ?? true { continue }
            guard Scaffold.isBehind(other, line) else { break }
            at = n
        }
        while at > 0, lines[at - 1].hasPrefix(indent + "//") { at -= 1 }
        lines.insert(String(line.dropLast()), at: at)
        return lines.joined(separator: "\n") + String(text[end...])
    }

    /// Imports by what they import, whoever may see it.
    private static func isBehind(_ one: String, _ other: String) -> Bool {
        func word(_ line: String) -> String { line.replacing("public import ", with: "").replacing("internal import ", with: "").lowercased() }
        return word(one) > word(other)
    }

    private static func noPlace(_ path: String, _ place: String) -> Fault {
        Fault("scaffold_place", stage: .configuration, disposition: .reject, summary: "\(path) has not the one line that a new connector is put before",
            remedy: "Run the command in an unchanged checkout, or add the lines by hand as docs/writing-a-connector.md says.", position: place)
    }

    private func filled(_ text: String) -> String {
        text.replacing("__TYPE__", with: type).replacing("__ID__", with: id).replacing("__NAME__", with: title).replacing("__ROLE__", with: role.rawValue)
            .replacing("__PROTOCOL__", with: role == .ledger ? "LedgerConnector" : "SourceConnector")
            .replacing("__FACTS__", with: role == .ledger ? ["tax", "errors"].map(Templates.source(of:)).joined(separator: "\n") : Templates.source(of: "webhooks"))
    }
}
