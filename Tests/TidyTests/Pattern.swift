import Foundation

/// A regular expression with look-behind, which Swift's own lacks.
struct Pattern: Sendable {
    struct Match {
        /// UTF-16 offsets.
        var start: Int
        var end: Int
        /// The whole, then the groups; empty for a group that took no part.
        var groups: [String]
        var line: Int
    }

    private let pattern: String

    init(_ pattern: String) { self.pattern = pattern }

    func matches(in text: String) -> [Match] {
        guard let expression = try? NSRegularExpression(pattern: pattern, options: [.anchorsMatchLines]) else {
            preconditionFailure("the pattern can't be read: \(pattern)")
        }
        let whole = text as NSString
        let found = expression.matches(in: text, range: NSRange(location: 0, length: whole.length))
        guard !found.isEmpty else { return [] }
        var line = 1
        var counted = 0
        let breaks = Array(text.utf16.enumerated().lazy.filter { $0.element == 10 }.map(\.offset))
        return found.map { match in
            while counted < breaks.count, breaks[counted] < match.range.location {
                counted += 1
                line += 1
            }
            let groups = (0 ..< match.numberOfRanges).map { n in
                match.range(at: n).location == NSNotFound ? "" : whole.substring(with: match.range(at: n))
            }
            return Match(start: match.range.location, end: match.range.location + match.range.length, groups: groups, line: line)
        }
    }
}
