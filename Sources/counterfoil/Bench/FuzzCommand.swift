internal import FoundationEssentials
internal import Fuzz
internal import Glibc
internal import Kernel

/// Throws broken input at the readers of the world's bytes.
enum FuzzCommand: Command {
    static let name = "fuzz"
    static let summary = "throw broken input at a parser until a rule is broken"
    static let options = ["minutes", "seed", "corpus"]
    static let flags: [String] = []

    static var help: String {
        var text = """
            usage: counterfoil fuzz NAME [--minutes N] [--seed N] [--corpus FOLDER]

            Mutates the inputs of a corpus for a while, and checks that the parser never traps and keeps its rules. Inputs that lead to an outcome not
            seen before join the corpus. The input under way is in COUNTERFOIL_VAR/fuzz/NAME.input: there it stays when the program dies.
              --minutes N       (1)
              --seed N          of the mutations; printed, so that a run can be repeated
              --corpus FOLDER   (Tests/FuzzTests/Fixtures/corpus/NAME)


            """
        for target in FuzzTarget.all { text += "  " + target.name.padded(to: 11) + target.rule + "\n" }
        return text
    }

    static func run(_ arguments: Arguments) async throws(Fault) -> Int32 {
        guard arguments.rest.count == 1, let target = FuzzTarget.all.first(where: { $0.name == arguments.rest[0] }) else {
            throw usage("counterfoil fuzz NAME; NAME is one of \(FuzzTarget.all.map(\.name).joined(separator: ", "))")
        }
        let minutes = try arguments.number("minutes", in: 1 ... 10_000, default: 1)
        let seed = try arguments.number("seed", in: 0 ... Int.max, default: Int(SystemRandom().number(below: 1 << 53)))
        let surroundings = Surroundings.current
        let corpus = try Corpus(surroundings.absolute(arguments.value("corpus") ?? target.folder))
        let folder = surroundings.folder + "/fuzz"
        do { try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true) } catch {
            throw Fault("folder_unwritable", stage: .configuration, disposition: .hold, summary: "the folder \(folder) can't be made")
        }
        let current = open("\(folder)/\(target.name).input", O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        defer { close(current) }
        say("fuzz \(target.name): \(corpus.inputs.count) inputs, seed \(seed), \(minutes) min")
        return try run(target, corpus, Mutator(seed: UInt64(seed)), current, until: secondsNow() + Double(minutes) * 60)
    }

    /// A corpus is for people to look at and for every run of the tests: it stays small.
    private static let outcomesMost = 300

    private static func run(_ target: FuzzTarget, _ corpus: Corpus, _ mutator: Mutator, _ current: Int32, until: Double) throws(Fault) -> Int32 {
        var (corpus, mutator) = (corpus, mutator)
        var outcomes: Set<String> = []
        for input in corpus.inputs { if case .fine(let outcome) = target.check(input) { outcomes.insert(outcome) } }
        var count = 0
        while secondsNow() < until {
            for _ in 0 ..< 1_000 {
                let input = mutator.mutate(corpus.inputs)
                input.withUnsafeBytes { _ = pwrite(current, $0.baseAddress, $0.count, 0) }
                ftruncate(current, input.count)
                count += 1
                switch target.check(input) {
                case .fine(let outcome):
                    if outcomes.count < outcomesMost, outcomes.insert(outcome).inserted { try corpus.keep(input) }
                case .broken(let rule):
                    let name = try corpus.keep(input)
                    complain("after \(count) inputs: \(rule); the input is \(name)")
                    return 1
                }
            }
        }
        say("\(count) inputs, \(outcomes.count) outcomes, nothing broken")
        return 0
    }
}
