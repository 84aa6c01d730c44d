import Testing

/// What was too long when the rule came. A number here may only go down; what fits the rule is taken off the list.
enum Ratchet {
    static let functionLinesMost = 70
    static let fileLinesMost = 600
    /// `path name` to lines.
    static let functions: [String: Int] = ["Tests/PostgresTests/PoolMachineTests.swift invariants": 84]
    /// Path to lines.
    static let files: [String: Int] = [:]

    /// What is too long, grew, or stands on the list for nothing.
    static func complaints(_ found: [String: Int], limit: Int, recorded: [String: Int]) -> [String] {
        var out: [String] = []
        for (name, lines) in found where lines > limit {
            guard let known = recorded[name] else {
                out.append("\(name) has \(lines) lines; \(limit) is the most")
                continue
            }
            if lines > known { out.append("\(name) grew from \(known) to \(lines) lines") }
            if lines < known { out.append("\(name) shrank to \(lines): lower its number in Ratchet") }
        }
        for name in recorded.keys where found[name] ?? 0 <= limit { out.append("\(name) fits now: take it off Ratchet's list") }
        return out.sorted()
    }
}

@Suite("Sizes")
struct SizeTests {
    private let swift = Checkout.sources + Checkout.tests

    @Test("no function is longer than 70 lines, but for a list that only shrinks")
    func functions() {
        var found: [String: Int] = [:]
        for file in swift {
            for function in file.swift.functions { found["\(file.path) \(function.name)"] = max(found["\(file.path) \(function.name)"] ?? 0, function.lines) }
        }
        #expect(found.count > 1000)
        #expect(Ratchet.complaints(found, limit: Ratchet.functionLinesMost, recorded: Ratchet.functions) == [])
    }

    @Test("no file is longer than 600 lines, but for a list that only shrinks")
    func files() {
        let found = Dictionary(uniqueKeysWithValues: swift.map { ($0.path, $0.text.numberedLines.count - 1) })
        #expect(Ratchet.complaints(found, limit: Ratchet.fileLinesMost, recorded: Ratchet.files) == [])
    }

    @Test("the ratchet notices what is new, what grew, what shrank and what is gone")
    func selfTest() {
        func complaints(_ found: [String: Int]) -> Int { Ratchet.complaints(found, limit: 70, recorded: ["old": 90]).count }
        #expect(complaints(["old": 90, "short": 70]) == 0)
        #expect(complaints(["old": 90, "new": 71]) == 1)
        #expect(complaints(["old": 91]) == 1)
        #expect(complaints(["old": 89]) == 1)
        #expect(complaints(["old": 70]) == 1)
        #expect(complaints([:]) == 1)
    }
}
