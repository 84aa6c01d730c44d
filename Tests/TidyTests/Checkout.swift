import Foundation

/// One text file of the checkout.
struct ProjectFile {
    /// From the checkout's root: `Sources/Books/Money.swift`.
    var path: String
    var text: String

    var name: String { path.split(separator: "/").last.map(String.init) ?? path }
    var isSwift: Bool { path.hasSuffix(".swift") }

    /// Taken apart once for all rules.
    var swift: SwiftText {
        if let known = Checkout.taken[path], known.source == text { return known.taken }
        return SwiftText(text)
    }
}

/// The checkout that these tests were built from, read once.
enum Checkout {
    static let root: URL = {
        // A scratch package may reach this file through a link.
        var url = URL(filePath: #filePath).resolvingSymlinksInPath()
        for _ in 0 ..< 3 { url.deleteLastPathComponent() }
        return url
    }()

    static let folders = ["Sources", "Tests", "tenants", "migrations", "ops", "docs", ".ci"]

    /// Every text file of the project; build products and `var` are not among them.
    static let files: [ProjectFile] = {
        var out: [ProjectFile] = []
        for folder in folders { collect(folder, into: &out) }
        for name in ["Package.swift", "README.md", "LICENSE", ".gitignore"] { read(name, into: &out) }
        return out.sorted { $0.path < $1.path }
    }()

    /// The Swift files of the program.
    static let sources = files.filter { $0.isSwift && $0.path.hasPrefix("Sources/") }
    /// The Swift files of the tests.
    static let tests = files.filter { $0.isSwift && $0.path.hasPrefix("Tests/") }

    static let taken: [String: (source: String, taken: SwiftText)] = Dictionary(
        uniqueKeysWithValues: (sources + tests).map { ($0.path, ($0.text, SwiftText($0.text))) })

    static func file(_ path: String) -> ProjectFile? { files.first { $0.path == path } }

    private static func collect(_ folder: String, into out: inout [ProjectFile]) {
        let url = root.appending(path: folder)
        guard let walk = FileManager.default.enumerator(at: url, includingPropertiesForKeys: [.isRegularFileKey]) else { return }
        let prefix = url.path(percentEncoded: false)
        for case let item as URL in walk {
            let path = item.path(percentEncoded: false)
            guard path.hasPrefix(prefix), !path.contains("/__pycache__/") else { continue }
            var rest = String(path.dropFirst(prefix.count))
            while rest.hasPrefix("/") { rest.removeFirst() }
            read("\(folder)/\(rest)", into: &out)
        }
    }

    private static func read(_ path: String, into out: inout [ProjectFile]) {
        guard let data = try? Data(contentsOf: root.appending(path: path)), let text = String(data: data, encoding: .utf8) else { return }
        out.append(ProjectFile(path: path, text: text))
    }
}

extension String {
    /// Lines with their numbers from 1.
    var numberedLines: [(number: Int, text: Substring)] {
        split(separator: "\n", omittingEmptySubsequences: false).enumerated().map { ($0.offset + 1, $0.element) }
    }
}
