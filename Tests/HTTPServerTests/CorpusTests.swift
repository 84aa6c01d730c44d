import FoundationEssentials
@testable import HTTPServer
import Kernel
import Testing

/// The inputs that `counterfoil fuzz http` keeps.
@Suite struct CorpusTests {
    @Test("however an input of the corpus is cut into pieces, it is read the same")
    func cuts() throws {
        let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Fixtures/corpus/http").path
        let names = try FileManager.default.contentsOfDirectory(atPath: folder)
        #expect(names.count > 5)
        for name in names {
            let input = Array(try Data(contentsOf: URL(filePath: "\(folder)/\(name)")))
            let whole = read(input, pieces: max(1, input.count))
            #expect(!whole.isEmpty)
            for size in [1, 2, 3, 7, 64] { #expect(read(input, pieces: size) == whole, "\(name) in pieces of \(size)") }
        }
    }

    /// Where a body's pieces end is not the parser's to say: they are put together.
    private func read(_ input: [UInt8], pieces: Int) -> [HTTPParser.Event] {
        var parser = HTTPParser()
        var out: [HTTPParser.Event] = []
        var at = 0
        while at < input.count {
            parser.receive(input[at ..< min(at + pieces, input.count)])
            at += pieces
            while let event = parser.next() {
                if case .body(let more) = event, case .body(let before)? = out.last {
                    out[out.count - 1] = .body(before + more)
                } else {
                    out.append(event)
                }
            }
        }
        return out
    }
}
