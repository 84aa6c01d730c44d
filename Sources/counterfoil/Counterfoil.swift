internal import CSystem
internal import Glibc
internal import Kernel

/// The program: one binary, one subcommand a service or a task.
@main
enum Counterfoil {
    static let version = "0.1.0"

    static var commands: [any Command.Type] { [
        UpCommand.self, ServeCommand.self, ScheduleCommand.self, WorkerCommand.self, SandboxCommand.self, MigrateCommand.self, RestoredCommand.self, KeyCommand.self, UserCommand.self,
        TenantCommand.self, FlowCommand.self, KitCommand.self, ConnectorCommand.self, DropCommand.self, ScenarioCommand.self, AuditCommand.self, AlertsCommand.self, NotifyCommand.self, TortureCommand.self, BenchCommand.self,
        FuzzCommand.self,
        DoctorCommand.self,
    ] }

    static func main() async {
        _ = cf_ignore_sigpipe()
        var words = Array(CommandLine.arguments.dropFirst())
        guard let name = words.first, !["--help", "-h", "help"].contains(name) else {
            say(help)
            exit(words.isEmpty ? 64 : 0)
        }
        if name == "--version" {
            say("counterfoil \(version)")
            exit(0)
        }
        words.removeFirst()
        guard let command = commands.first(where: { $0.name == name }) else {
            complain("there is no command '\(name)'. `counterfoil --help` lists them.")
            exit(64)
        }
        if words.contains("--help") || words.contains("-h") {
            say(command.help)
            exit(0)
        }
        do throws(Fault) {
            exit(try await command.run(try Arguments(words, for: command)))
        } catch {
            complain(error.description)
            exit(error.code == "usage" ? 64 : 1)
        }
    }

    static var help: String {
        var text = """
            counterfoil \(version): keeps a business's books equal to its sales

            usage: counterfoil COMMAND [OPTION ...]

            """
        for command in commands { text += "  " + command.name.padded(to: 12) + command.summary + "\n" }
        return text + "\n`counterfoil COMMAND --help` explains a command. Documentation: docs/getting-started.md"
    }
}

/// One subcommand.
protocol Command: SendableMetatype {
    static var name: String { get }
    /// One line for the list of commands.
    static var summary: String { get }
    /// What `--help` prints.
    static var help: String { get }
    /// Options that take a value, and those that don't.
    static var options: [String] { get }
    static var flags: [String] { get }
    /// The exit status.
    static func run(_ arguments: Arguments) async throws(Fault) -> Int32
}

/// A command's words: options, flags and the rest. Unknown options are refused with the known ones named.
struct Arguments {
    var options: [String: [String]] = [:]
    var flags: Set<String> = []
    var rest: [String] = []

    init(_ words: [String], for command: any Command.Type) throws(Fault) {
        var i = 0
        while i < words.count {
            let word = words[i]
            i += 1
            guard word.hasPrefix("--") else {
                rest.append(word)
                continue
            }
            let parts = word.dropFirst(2).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            if command.flags.contains(parts[0]), parts.count == 1 {
                flags.insert(parts[0])
            } else if command.options.contains(parts[0]) {
                guard parts.count == 2 || i < words.count else { throw usage("--\(parts[0]) needs a value") }
                options[parts[0], default: []].append(parts.count == 2 ? parts[1] : words[i])
                if parts.count == 1 { i += 1 }
            } else {
                let known = (command.options + command.flags).sorted().map { "--" + $0 }.joined(separator: ", ")
                throw usage("'\(command.name)' has no option --\(parts[0]). " + (known.isEmpty ? "It has none." : "It has \(known)."))
            }
        }
    }

    func value(_ name: String) -> String? { options[name]?.last }

    func number(_ name: String, in range: ClosedRange<Int>, default standard: Int) throws(Fault) -> Int {
        guard let text = value(name) else { return standard }
        guard let n = Int(text), range.contains(n) else { throw usage("--\(name) must be a number from \(range.lowerBound) to \(range.upperBound)") }
        return n
    }
}

func usage(_ text: String) -> Fault { Fault("usage", stage: .configuration, disposition: .reject, summary: text) }

/// A line on standard output, with one write(2): nothing is lost when the process is killed.
func say(_ text: String) { put(text + "\n", 1) }
func complain(_ text: String) { put("counterfoil: " + text + "\n", 2) }

private func put(_ text: String, _ descriptor: Int32) {
    let bytes = Array(text.utf8)
    bytes.withUnsafeBytes { buffer in
        var done = 0
        while done < buffer.count {
            let n = write(descriptor, buffer.baseAddress?.advanced(by: done), buffer.count - done)
            if n < 0 && errno == EINTR { continue }
            if n <= 0 { return }
            done += n
        }
    }
}

extension String {
    func padded(to width: Int) -> String { count >= width ? self + " " : self + String(repeating: " ", count: width - count) }
    func paddedLeft(to width: Int) -> String { count >= width ? self : String(repeating: " ", count: width - count) + self }
}
