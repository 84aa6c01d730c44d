internal import FoundationEssentials
internal import Glibc
internal import HTTPServer
internal import Kernel
internal import Wire

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
              --corpus FOLDER   (Tests/WireTests/Fixtures/corpus/NAME; for http Tests/HTTPServerTests/…)


            """
        for target in FuzzTarget.all { text += "  " + target.name.padded(to: 8) + target.rule + "\n" }
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

/// A parser with its rule.
struct FuzzTarget: Sendable {
    enum Verdict: Sendable {
        /// What came of the input, in few words: inputs with a new one are worth keeping.
        case fine(String)
        case broken(String)
    }

    var name: String
    var rule: String
    var folder: String
    var check: @Sendable ([UInt8]) -> Verdict

    static let all: [FuzzTarget] = [
        FuzzTarget(name: "json", rule: "what is accepted, written and read again is the same", folder: "Tests/WireTests/Fixtures/corpus/json", check: json),
        FuzzTarget(name: "xml", rule: "what is accepted, written and read again is the same", folder: "Tests/WireTests/Fixtures/corpus/xml", check: xml),
        FuzzTarget(name: "csv", rule: "what is accepted, written and read again is the same", folder: "Tests/WireTests/Fixtures/corpus/csv", check: csv),
        FuzzTarget(name: "http", rule: "however a request is cut into pieces, it is read the same", folder: "Tests/HTTPServerTests/Fixtures/corpus/http", check: http),
    ]

    private static func json(_ input: [UInt8]) -> Verdict {
        do throws(Fault) {
            let tree = try JSON(parsing: input)
            guard try JSON(parsing: tree.bytes) == tree else { return .broken("another document after writing and reading") }
            return .fine("read \(input.count.bitWidth - input.count.leadingZeroBitCount)")
        } catch { return error.code == "malformed_json" ? .fine(error.summary) : .broken("fault \(error.code)") }
    }

    private static func xml(_ input: [UInt8]) -> Verdict {
        do throws(Fault) {
            let element = try XMLElement(parsing: input)
            guard try XMLElement(parsing: element.bytes) == element else { return .broken("another document after writing and reading") }
            return .fine("read \(input.count.bitWidth - input.count.leadingZeroBitCount)")
        } catch { return error.code == "malformed_xml" ? .fine(gist(error.summary)) : .broken("fault \(error.code)") }
    }

    private static func csv(_ input: [UInt8]) -> Verdict {
        do throws(Fault) {
            let rows = try csvRows(input)
            var writer = CSVWriter()
            for row in rows { writer.row(row) }
            guard try csvRows(writer.bytes) == rows else { return .broken("another table after writing and reading") }
            return .fine("read \(min(4, rows.count)) \(min(4, rows.first?.count ?? 0))")
        } catch { return error.code == "malformed_csv" ? .fine(gist(error.summary)) : .broken("fault \(error.code)") }
    }

    private static func csvRows(_ bytes: [UInt8]) throws(Fault) -> [[String]] {
        var reader = CSVReader(bytes)
        var rows: [[String]] = []
        while let row = try reader.next() { rows.append(row) }
        return rows
    }

    private static func http(_ input: [UInt8]) -> Verdict {
        let whole = httpEvents(input, pieces: input.count)
        for size in [1, 7] where httpEvents(input, pieces: size) != whole { return .broken("cut into pieces of \(size) bytes it reads otherwise") }
        return .fine(whole.prefix(3).map { $0.split(separator: " ").prefix($0.hasPrefix("end") ? 1 : 2).joined(separator: " ") }.joined(separator: ", "))
    }

    /// What kind of refusal it is: the names from the input that stand in the middle of the sentence are left out.
    private static func gist(_ summary: String) -> String {
        let words = summary.split { $0 == " " || $0 == ":" }
        return (words.dropFirst(5).prefix(3) + words.suffix(2)).filter { $0.utf8.allSatisfy { ($0 >= 97 && $0 <= 122) } }.joined(separator: " ")
    }

    /// Bodies as one event each: where their pieces end is not the parser's to say.
    private static func httpEvents(_ input: [UInt8], pieces: Int) -> [String] {
        var parser = HTTPParser()
        var out: [String] = []
        var body: [UInt8] = []
        var at = 0
        while at < input.count {
            parser.receive(input[at ..< min(at + max(1, pieces), input.count)])
            at += max(1, pieces)
            while let event = parser.next() {
                switch event {
                case .body(let piece): body += piece
                case .end:
                    out.append("end \(body.count) \(body.reduce(0) { $0 &* 31 &+ Int($1) })")
                    body = []
                case .head(let head): out.append("head \(head.method.rawValue) \(head.target) \(head.fields.list.map { "\($0.name):\($0.value)" })")
                case .refused(let refusal): out.append("refused \(refusal)")
                }
            }
        }
        return out
    }
}

/// Inputs worth mutating, one file each.
struct Corpus: Sendable {
    let folder: String
    private(set) var inputs: [[UInt8]] = []

    init(_ folder: String) throws(Fault) {
        self.folder = folder
        for name in ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).sorted() {
            if let data = try? Data(contentsOf: URL(filePath: "\(folder)/\(name)")) { inputs.append(Array(data)) }
        }
        guard !inputs.isEmpty else {
            throw Fault("corpus_missing", stage: .configuration, disposition: .hold, summary: "there are no inputs in \(folder)", remedy: "Run it from the checkout, or give --corpus.")
        }
    }

    /// Named after its content.
    @discardableResult
    mutating func keep(_ input: [UInt8]) throws(Fault) -> String {
        inputs.append(input)
        let name = "\(folder)/\(String(input.reduce(UInt64(14_695_981_039_346_656_037)) { ($0 ^ UInt64($1)) &* 1_099_511_628_211 }, radix: 16))"
        try write(input, to: name)
        return name
    }
}

/// Makes new inputs of old ones. Reproducible by its seed.
struct Mutator: Sendable {
    private let random: SeededRandom

    init(seed: UInt64) { random = SeededRandom(seed: seed) }

    private func roll(_ n: Int) -> Int { n <= 1 ? 0 : Int(random.next() % UInt64(n)) }

    mutating func mutate(_ inputs: [[UInt8]]) -> [UInt8] {
        var input = inputs[roll(inputs.count)]
        for _ in 0 ... roll(4) {
            let at = roll(input.count + 1)
            switch roll(7) {
            case 0 where !input.isEmpty: input[roll(input.count)] ^= 1 << UInt8(roll(8))
            case 1 where !input.isEmpty: input[roll(input.count)] = UInt8(roll(256))
            case 2: input.insert(UInt8(roll(256)), at: at)
            case 3: input.removeSubrange(at ..< min(input.count, at + 1 + roll(8)))
            case 4:
                let end = min(input.count, at + 1 + roll(16))
                input.insert(contentsOf: input[at ..< end], at: roll(input.count + 1))
            case 5:
                let other = inputs[roll(inputs.count)]
                let from = roll(other.count + 1)
                input.insert(contentsOf: other[from ..< min(other.count, from + roll(32))], at: at)
            default: input.insert(contentsOf: Mutator.tokens[roll(Mutator.tokens.count)].utf8, at: at)
            }
        }
        return Array(input.prefix(1 << 16))
    }

    private static let tokens = [
        "\"", "\\u0000", "\\ud800", "\\udc00", "{", "}", "[", "]", ",", ":", "-", "0", "1e999", "null", "tru", "\u{feff}", "\u{0}", "é", "<", ">", "</", "/>", "&#x41;", "&lt;", "<![CDATA[", "]]>",
        "<!--", "-->", "<?", "?>", "xmlns:", "xmlns=", "='", "\r\n", "\n", "\r", " ", "\t", "Content-Length: 3\r\n", "Transfer-Encoding: chunked\r\n", "0\r\n\r\n", "HTTP/1.1", "GET / ", "%", ";",
    ]
}
