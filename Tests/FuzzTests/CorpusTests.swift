import FoundationEssentials
import Fuzz
import Kernel
import Testing

/// What `counterfoil fuzz` does for hours, for seconds: the inputs that it kept, and some hundreds of mutants of each corpus.
@Suite("Fuzzing")
struct CorpusTests {
    private static let mutantsOfEach = 60
    private static let mutantsLeast = 1_500

    private func corpus(_ target: FuzzTarget, file: String = #filePath) throws -> [[UInt8]] {
        let root = URL(filePath: file).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        return try Corpus(root.appending(path: target.folder).path).inputs
    }

    private func target(_ name: String) throws -> FuzzTarget { try #require(FuzzTarget.all.first { $0.name == name }) }

    private func outcome(_ verdict: FuzzTarget.Verdict) -> String? { if case .fine(let outcome) = verdict { outcome } else { nil } }

    @Test("each input of a corpus keeps its target's rule, some are accepted, and some are not", arguments: FuzzTarget.all.map(\.name))
    func kept(name: String) throws {
        let target = try target(name), inputs = try corpus(target)
        #expect(inputs.count > 5)
        var accepted = 0
        for input in inputs {
            let verdict = target.check(input)
            guard let outcome = outcome(verdict) else {
                Issue.record("\(verdict): \(String(decoding: input, as: UTF8.self).debugDescription)")
                continue
            }
            if outcome.hasPrefix("read") { accepted += 1 }
        }
        // A reader that refuses everything keeps every rule. Whatever is a form's text can be read.
        #expect(accepted > 2 && (accepted < inputs.count || name == "form"), "\(accepted) of \(inputs.count)")
    }

    @Test("mutants of the corpus keep the rule as well", arguments: FuzzTarget.all.map(\.name))
    func mutants(name: String) throws {
        let target = try target(name), inputs = try corpus(target)
        let seed: UInt64 = 20_261_121
        var mutator = Mutator(seed: seed), outcomes: Set<String> = []
        for round in 0 ..< max(CorpusTests.mutantsLeast, inputs.count * CorpusTests.mutantsOfEach) {
            let input = mutator.mutate(inputs), verdict = target.check(input)
            guard let outcome = outcome(verdict) else {
                Issue.record("seed \(seed), round \(round): \(verdict): \(String(decoding: input, as: UTF8.self).debugDescription)")
                return
            }
            outcomes.insert(outcome)
        }
        #expect(outcomes.count > 3)
    }

    @Test("mutants are the same for the same seed, others for another, and never longer than 64 KiB")
    func seeds() {
        let inputs: [[UInt8]] = [Array("{\"a\":[1,2]}".utf8), [UInt8](repeating: 65, count: 1 << 16)]
        func some(_ seed: UInt64) -> [[UInt8]] {
            var mutator = Mutator(seed: seed)
            return (0 ..< 50).map { _ in mutator.mutate(inputs) }
        }
        #expect(some(1) == some(1) && some(1) != some(2))
        #expect(some(3).allSatisfy { $0.count <= 1 << 16 })
        #expect(some(4).filter { !inputs.contains($0) }.count > 25)
    }

    @Test("an input that is kept is in the folder under the name of its content; an empty folder is no corpus")
    func keeps() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "corpus-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        #expect(throws: Fault.self) { try Corpus(folder) }
        try Data("a".utf8).write(to: URL(filePath: "\(folder)/seed"))
        var corpus = try Corpus(folder)
        let name = try corpus.keep([1, 2])
        #expect(try corpus.keep([1, 2]) == name && corpus.inputs.count == 3)
        #expect(try Corpus(folder).inputs.sorted { $0.count < $1.count } == [[97], [1, 2]])
        try FileManager.default.removeItem(atPath: folder)
    }
}
