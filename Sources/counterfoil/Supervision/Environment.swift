internal import Catalog
internal import ConnectorKit
internal import Crypto
internal import FoundationEssentials
internal import Glibc
internal import Kernel
internal import Postgres
internal import Store

/// The process's surroundings, read once. Names of variables are those of docs/getting-started.md.
struct Surroundings {
    var variables: [String: String]

    static let current = Surroundings(variables: ProcessInfo.processInfo.environment)

    /// Where everything that is kept lives: database, keys, sandbox. Absolute.
    var folder: String { absolute(variables["COUNTERFOIL_VAR"] ?? "var") }
    var migrations: String { absolute(variables["COUNTERFOIL_MIGRATIONS"] ?? "migrations") }

    /// The program file itself.
    var program: String {
        var buffer = [CChar](repeating: 0, count: 4096)
        let n = readlink("/proc/self/exe", &buffer, buffer.count - 1)
        return n > 0 ? String(decoding: buffer.prefix(n).map { UInt8(bitPattern: $0) }, as: UTF8.self) : CommandLine.arguments[0]
    }

    /// Hosts that connections and alerts may name besides public ones: `books.example.internal,odoo=10.0.0.7:8069,alerts=10.0.0.9:9093`.
    /// - Throws: `host_for_nobody`.
    func allowedHosts() throws(Fault) -> [String] {
        let entries = (variables["COUNTERFOIL_ALLOWED_HOSTS"] ?? "").split(separator: ",").map { String($0.filter { $0 != " " }) }
        let strange = HostList(entries).names.subtracting(Catalog.byID.keys).subtracting([HostList.alerts]).sorted()
        guard strange.isEmpty else {
            throw Fault(
                "host_for_nobody", stage: .configuration, disposition: .reject, summary: "COUNTERFOIL_ALLOWED_HOSTS has hosts for \(strange.joined(separator: ", ")), which is no platform",
                remedy: "Write PLATFORM=host:port with an id that `counterfoil connector list` shows, alerts=host:port, or host:port alone.")
        }
        return entries
    }

    func absolute(_ path: String) -> String { path.hasPrefix("/") ? path : FileManager.default.currentDirectoryPath + "/" + path }

    /// The database that services use, logging in as the supervisor: `COUNTERFOIL_DATABASE_URL`, with the password in the file that
    /// `COUNTERFOIL_DATABASE_PASSWORD_FILE` names where the URL has none.
    func database() throws(Fault) -> PostgresConfiguration {
        guard let url = variables["COUNTERFOIL_DATABASE_URL"], !url.isEmpty else {
            throw Fault("no_database", stage: .configuration, disposition: .hold, summary: "COUNTERFOIL_DATABASE_URL is not set",
                remedy: "Set it to a PostgreSQL URL, or use `counterfoil up`, which runs a private database and writes its API key into var/up.json.")
        }
        var configuration = try PostgresConfiguration(url: url)
        // Said once, so that those who get no environment of ours go the same way.
        configuration.options.merge(configuration.way(variables)) { own, _ in own }
        if let file = variables["COUNTERFOIL_DATABASE_PASSWORD_FILE"] { configuration.password = Secret(try Secrets.read(file)) }
        return configuration
    }
}

/// A key that all hosts of an installation share.
enum HostKey: String, CaseIterable {
    /// Only `schedule` reads it.
    case master = "master.key"
    /// Only `serve` reads it.
    case intake = "intake.key"

    /// What it opens.
    var opens: String { self == .master ? "tenants' keys" : "webhook secrets" }

    /// Whether the database has something that only this key opens.
    func isNeeded(by database: PostgresConfiguration) async throws(Fault) -> Bool {
        let sealed = try await Installation.sealed(database)
        return self == .master ? sealed.byMaster : sealed.byIntake
    }
}

/// Keys and passwords in files of mode 0600 under `var/secrets`, made at first use.
struct Secrets {
    let folder: String

    init(_ surroundings: Surroundings) throws(Fault) {
        folder = surroundings.folder + "/secrets"
        do {
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        } catch {
            throw Fault("folder_unwritable", stage: .configuration, disposition: .hold, summary: "the folder \(folder) can't be made",
                remedy: "Check its owner and permissions, or set COUNTERFOIL_VAR.")
        }
    }

    static func read(_ path: String) throws(Fault) -> String {
        guard let data = try? Data(contentsOf: URL(filePath: path)) else {
            throw Fault(
                "secret_unreadable", stage: .configuration, disposition: .hold, summary: "the file \(path) can't be read",
                remedy: "Check that it is there, its owner and its permissions; restore it from a backup where it is gone.")
        }
        return String(decoding: data, as: UTF8.self).filter { !$0.isNewline }
    }

    /// The text in the file, made by `make` when there is none.
    func text(_ name: String, _ make: () -> String) throws(Fault) -> String {
        let path = folder + "/" + name
        if has(name) { return try Secrets.read(path) }
        let value = make()
        try write(name, value)
        return value
    }

    func write(_ name: String, _ value: String) throws(Fault) {
        let path = folder + "/" + name
        let descriptor = open(path + ".new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        let bytes = Array(value.utf8)
        guard descriptor >= 0, bytes.withUnsafeBytes({ Glibc.write(descriptor, $0.baseAddress, $0.count) }) == bytes.count, fsync(descriptor) == 0,
            close(descriptor) == 0, rename(path + ".new", path) == 0
        else { throw Fault("folder_unwritable", stage: .configuration, disposition: .hold, summary: "the file \(path) can't be written: errno \(errno)") }
    }

    func path(_ name: String) -> String { folder + "/" + name }

    func has(_ name: String) -> Bool { FileManager.default.fileExists(atPath: path(name)) }

    /// The key in the file, made when there is none and nothing needs the one that was: a second host, or one that was restored without its files,
    /// would otherwise go on with a key that opens nothing.
    /// - Throws: `key_missing`; what asking the database throws.
    func key(_ key: HostKey, _ database: PostgresConfiguration) async throws(Fault) -> AEADKey {
        if !has(key.rawValue), try await key.isNeeded(by: database) {
            throw Fault(
                "key_missing", stage: .configuration, disposition: .hold,
                summary: "\(path(key.rawValue)) is not there, and the database has \(key.opens) that only it opens",
                remedy: "Copy it from the host that made it, or restore it from a backup. Nothing else opens what it sealed.")
        }
        return try self.key(key.rawValue)
    }

    func key(_ name: String) throws(Fault) -> AEADKey {
        let text = try text(name) { SystemRandom().bytes(32).hexText }
        var bytes: [UInt8] = []
        var digits = Substring(text)
        while digits.count >= 2, let byte = UInt8(digits.prefix(2), radix: 16) {
            bytes.append(byte)
            digits = digits.dropFirst(2)
        }
        return try AEADKey(Secret(bytes))
    }

    func password(_ name: String) throws(Fault) -> Secret { Secret(try text(name) { SystemRandom().bytes(24).hexText }) }
}
