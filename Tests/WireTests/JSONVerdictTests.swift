import FoundationEssentials
import Kernel
import Testing
import Wire

/// Another reader's verdicts on the same texts (`Fixtures/json/make_verdicts.py`): what is JSON, and what it says.
@Suite struct JSONVerdictTests {
    private struct Verdict {
        var text: [UInt8]
        /// Written anew by the other reader; nil where it refused.
        var content: String?
    }

    private func verdicts(file: String = #filePath) throws -> [Verdict] {
        let path = URL(filePath: file).deletingLastPathComponent().appending(path: "Fixtures/json/verdicts.txt")
        return try String(contentsOf: path, encoding: .utf8).split(separator: "\n").map { line in
            let words = line.split(separator: " ", maxSplits: 2)
            let digits = Array(words[1].utf8)
            let text = try stride(from: 0, to: digits.count, by: 2).map { try #require(UInt8(String(decoding: digits[$0 ..< $0 + 2], as: UTF8.self), radix: 16)) }
            return Verdict(text: text, content: words[0] == "+" ? String(words[2]) : nil)
        }
    }

    @Test("what another reader refuses is refused, what it accepts is accepted, and says the same, digit by digit")
    func same() throws {
        let all = try verdicts()
        #expect(all.count >= 1_000 && all.filter { $0.content == nil }.count > 300 && all.filter { $0.content != nil }.count > 300)
        for one in all {
            let shown = String(decoding: one.text, as: UTF8.self).debugDescription
            let tree = try? JSON(parsing: one.text), document = try? JSONDocument(parsing: one.text)
            #expect((tree != nil) == (one.content != nil) && (document != nil) == (one.content != nil), "\(shown)")
            guard let content = one.content, let tree else { continue }
            #expect(try JSON(parsing: Array(content.utf8)) == tree, "\(shown) is \(content)")
            #expect(ascii(tree.text) == content, "\(shown) is \(content)")
        }
    }

    /// What is not ASCII as escapes, as the other writer has it.
    private func ascii(_ text: String) -> String {
        text.utf16.map { unit in
            let digits = String(unit, radix: 16)
            return unit < 128 ? String(decoding: [unit], as: UTF16.self) : "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
        }.joined()
    }
}
