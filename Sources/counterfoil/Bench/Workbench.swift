internal import FoundationEssentials
internal import Glibc
internal import Kernel
internal import Scheduler

/// What benches stand on: folders, compiled ceilings, installed peers, child processes. Everything it makes is below `var/bench`.
final class Workbench: Sendable {
    let rounds: Int
    let seconds: Int
    let folder: String
    /// `ops/bench` of the checkout.
    let sources: String
    let database: String?
    let spawner: Spawner
    private let quiet: Bool
    private let running = Locked<[Child]>([])
    /// The private cluster runs.
    let hasCluster = Locked(false)
    /// Shares of the processors that the host took in runs that counted all the same.
    private let disturbed = Locked<[Double]>([])
    /// The share that the host may take before a run is repeated.
    private static let calm = 0.005
    private static let tries = 4

    init(rounds: Int, seconds: Int, database: String?, quiet: Bool) throws(Fault) {
        self.rounds = rounds
        self.seconds = seconds
        self.database = database
        self.quiet = quiet
        let surroundings = Surroundings.current
        folder = surroundings.folder + "/bench"
        sources = surroundings.absolute("ops/bench")
        guard FileManager.default.fileExists(atPath: sources) else {
            throw Fault("bench_sources_missing", stage: .configuration, disposition: .hold, summary: "there is no folder \(sources)", remedy: "Run the bench from the checkout.")
        }
        do { try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true) } catch {
            throw Fault("folder_unwritable", stage: .configuration, disposition: .hold, summary: "the folder \(folder) can't be made")
        }
        spawner = try Spawner()
    }

    /// Progress and tables: on standard output, or on standard error when that is for the result alone.
    func tell(_ text: String) { quiet ? complain(text) : say(text) }

    // MARK: Programs

    static let environment = ["LANG=C.UTF-8", "LC_ALL=C.UTF-8", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TZ=UTC"]

    /// The file a name on PATH stands for.
    func find(_ name: String) -> String? {
        let path = (ProcessInfo.processInfo.environment["PATH"] ?? "") + ":/usr/sbin:/usr/bin:/sbin:/bin"
        return path.split(separator: ":").map { "\($0)/\(name)" }.first { access($0, X_OK) == 0 }
    }

    /// Runs a program to its end and gives what it wrote on standard output and error.
    /// - Throws: `bench_program_failed` with the end of what it wrote.
    @discardableResult
    func run(_ program: String, _ arguments: [String], environment more: [String] = []) async throws(Fault) -> String {
        let file = "\(folder)/output-\(SystemRandom().bytes(6).hexText)"
        let output = open(file, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        defer {
            close(output)
            unlink(file)
        }
        let child = try await spawner.start(program, arguments, environment: Workbench.environment + more, user: nil, deathSignal: SIGKILL, output: output)
        let status = await end(of: child)
        let text = (try? String(contentsOfFile: file, encoding: .utf8)) ?? ""
        guard status == 0 else {
            throw Fault(
                "bench_program_failed", stage: .configuration, disposition: .hold,
                summary: "\(program) \(arguments.prefix(3).joined(separator: " ")) ended with status \(status): \(text.suffix(600))")
        }
        return text
    }

    /// Exit code, or 128 + signal. Looks every few milliseconds: nothing is measured meanwhile but what the child measures itself.
    private func end(of child: Child) async -> Int32 {
        var status: Int32 = 0
        while waitpid(child.pid, &status, WNOHANG) == 0 { try? await Task.sleep(for: .milliseconds(3)) }
        close(child.pidfd)
        close(child.control)
        let signal = status & 0x7f
        return signal == 0 ? (status >> 8) & 0xff : 128 + signal
    }

    /// The figures of a program that writes `name value` lines.
    func figures(_ program: String, _ arguments: [String], environment more: [String] = []) async throws(Fault) -> Figures {
        Figures(program, try await run(program, arguments, environment: more))
    }

    /// The one that is asked for.
    func figure(_ name: String, _ program: String, _ arguments: [String]) async throws(Fault) -> Double { try await figures(program, arguments).get(name) }

    /// The result of a run in which the host left the processors to us: what a neighbour on the same hardware takes (the kernel's steal time) is no work
    /// and no latency of ours. At most four runs; the least disturbed counts.
    func undisturbed<Result: Sendable>(_ run: () async throws(Fault) -> Result) async throws(Fault) -> Result {
        var before = HostTime.now
        var best = (stolen: 0.0, result: try await run())
        best.stolen = HostTime.now.stolenShare(since: before)
        var runs = 1
        while best.stolen > Workbench.calm, runs < Workbench.tries {
            before = HostTime.now
            let result = try await run()
            let stolen = HostTime.now.stolenShare(since: before)
            if stolen < best.stolen { best = (stolen, result) }
            runs += 1
        }
        if best.stolen > Workbench.calm {
            disturbed.with { $0.append(best.stolen) }
        }
        return best.result
    }

    /// Says once for a bench how much of its runs was the host's.
    func tellDisturbances() {
        let shares = disturbed.with { shares in
            defer { shares = [] }
            return shares
        }
        guard let worst = shares.max() else { return }
        tell("  the host took up to \((worst * 1000).rounded() / 10) % of the processors in \(shares.count) runs that were the calmest of \(Workbench.tries)")
    }

    /// Starts a program that goes on until `stop` or our end; its output is in `var/bench/NAME.log`.
    func start(_ name: String, _ program: String, _ arguments: [String], environment more: [String] = [], user: (uid: UInt32, gid: UInt32)? = nil) async throws(Fault) -> Child {
        let output = open("\(folder)/\(name).log", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_APPEND, 0o644)
        defer { close(output) }
        let child = try await spawner.start(program, arguments, environment: Workbench.environment + more, user: user, deathSignal: SIGKILL, output: output)
        running.with { $0.append(child) }
        return child
    }

    func stop(_ child: Child, _ signal: Int32 = SIGTERM) async {
        let ours = running.with { list in
            defer { list.removeAll { $0.pid == child.pid } }
            return list.contains { $0.pid == child.pid }
        }
        guard ours else { return }
        kill(child.pid, signal)
        _ = await end(of: child)
    }

    func stopAll() async {
        for child in running.with({ $0 }).reversed() { await stop(child, SIGINT) }
    }

    // MARK: Ceilings and peers

    /// Compiles `ops/bench/NAME.c` and gives the program.
    func ceiling(_ name: String, libraries: [String] = []) async throws(Fault) -> String {
        let program = "\(folder)/\(name)"
        let compiler: String
        if let found = find("cc") ?? find("gcc") ?? find("clang") { compiler = found } else { compiler = try await installed("gcc", packages: ["gcc", "libc6-dev"]) }
        var flags: [String] = []
        if !libraries.isEmpty {
            let pkgConfig = try await installed("pkg-config", packages: ["pkg-config"])
            for library in libraries { try await ready(library, pkgConfig) }
            let words = try await run(pkgConfig, ["--cflags", "--libs"] + libraries)
            flags = words.split { $0 == " " || $0 == "\n" }.map(String.init)
        }
        try await run(compiler, ["-O2", "-std=gnu11", "-Wall", "-o", program, "\(sources)/\(name).c"] + flags + ["-lpthread"])
        return program
    }

    private static let libraryPackages = ["libpq": "libpq-dev", "libcurl": "libcurl4-openssl-dev"]

    /// Installs what a library's programs are compiled with, when it is not there.
    private func ready(_ library: String, _ pkgConfig: String) async throws(Fault) {
        do throws(Fault) { try await run(pkgConfig, ["--exists", library]) } catch {
            guard let package = Workbench.libraryPackages[library] else { throw error }
            try await apt([package])
        }
    }

    /// The program of Debian's packages, installed when it is not there.
    func installed(_ program: String, packages: [String]) async throws(Fault) -> String {
        if let path = find(program) { return path }
        try await apt(packages)
        guard let path = find(program) else { throw Workbench.lacking(program, "apt-get install \(packages.joined(separator: " "))") }
        return path
    }

    private func apt(_ packages: [String]) async throws(Fault) {
        let names = packages.joined(separator: " ")
        tell("  installing \(names) by apt")
        guard let apt = find("apt-get") else { throw Workbench.lacking(names, "install it") }
        let become = getuid() == 0 ? nil : find("sudo")
        for action in [["update"], ["install", "-y", "--no-install-recommends"] + packages] {
            let words = ["-qq", "-o", "DPkg::Lock::Timeout=300"] + action
            try await run(become ?? apt, become == nil ? words : ["-n", apt] + words, environment: ["DEBIAN_FRONTEND=noninteractive"])
        }
    }

    /// A Python with these packages, in an environment of its own.
    func python(_ packages: [String]) async throws(Fault) -> String {
        let home = "\(folder)/python"
        let program = "\(home)/bin/python"
        if access(program, X_OK) != 0 {
            // The distribution's own: what else is on PATH may be a shim that wants an environment of its own.
            let system = "/usr/bin/python3"
            let python = access(system, X_OK) == 0 ? system : try await installed("python3", packages: ["python3"])
            do throws(Fault) { try await run(python, ["-m", "venv", home]) } catch {
                try await apt(["python3-venv"])
                try await run(python, ["-m", "venv", home])
            }
        }
        do throws(Fault) { try await run(program, ["-c", "import " + packages.joined(separator: ", ")]) } catch {
            tell("  installing \(packages.joined(separator: ", ")) by pip")
            try await run(program, ["-m", "pip", "install", "-q", "--disable-pip-version-check"] + packages)
        }
        return program
    }

    static func lacking(_ what: String, _ remedy: String) -> Fault {
        Fault("bench_peer_missing", stage: .configuration, disposition: .hold, summary: "\(what) is missing and could not be installed", remedy: remedy)
    }
}

/// What a program measured.
struct Figures: Sendable {
    private let program: String
    private let text: String
    private var values: [String: Double] = [:]

    init(_ program: String, _ text: String) {
        self.program = program
        self.text = text
        for line in text.split(separator: "\n") {
            let words = line.split(separator: " ")
            if words.count == 2, let value = Double(words[1]) { values[String(words[0])] = value }
        }
    }

    /// Above zero, and finite: beside a ceiling of nothing everything passes.
    /// - Throws: `bench_program_failed`.
    func get(_ name: String) throws(Fault) -> Double {
        guard let value = values[name], value.isFinite, value > 0 else {
            throw Fault("bench_program_failed", stage: .configuration, disposition: .hold, summary: "\(program) gave no figure \(name): \(text.suffix(600))")
        }
        return value
    }
}

/// What `/proc/stat` counts for all processors together, in ticks.
struct HostTime {
    let all: UInt64
    let stolen: UInt64

    static var now: HostTime {
        let text = (try? String(contentsOfFile: "/proc/stat", encoding: .utf8)) ?? ""
        let ticks = text.prefix { $0 != "\n" }.split(separator: " ").dropFirst().prefix(8).compactMap { UInt64($0) }
        return HostTime(all: ticks.reduce(0, +), stolen: ticks.count == 8 ? ticks[7] : 0)
    }

    /// 0 ... 1
    func stolenShare(since earlier: HostTime) -> Double { all > earlier.all ? Double(stolen - earlier.stolen) / Double(all - earlier.all) : 0 }
}
