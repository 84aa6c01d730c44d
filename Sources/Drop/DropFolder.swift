internal import FoundationEssentials
public import Kernel
public import Wire

/// A folder that other systems put files into: `CONNECTION/in`, from which each goes to `done` or `failed` with a report beside it.
/// One pass is a client of our own API and keeps no state: what a crash leaves in `in` is sent again, and known there by its digest.
public struct DropFolder: Sendable {
    /// One file that was looked at.
    public struct Outcome: Sendable, Equatable {
        public enum Fate: String, Sendable { case done, failed, waits }
        public var connection: String
        public var name: String
        public var fate: Fate
        /// One line for people.
        public var words: String
    }

    /// Sends a file: connection, layout, bytes. `nil` when nobody answered.
    public typealias Send = @Sendable (_ connection: String, _ layout: String, _ bytes: [UInt8]) async -> HTTPResponse?

    private let root: URL
    private let send: Send

    public init(_ folder: String, send: @escaping Send) {
        root = URL(filePath: folder)
        self.send = send
    }

    /// Looks at every file that is there and has not changed for a while.
    /// - Parameter now: files younger than `DropLimits.settles` may still be written, and wait.
    /// - Throws: `drop_unreadable` when the folder or a connection's folders can't be read or made.
    public func pass(now: Timestamp) async throws(Fault) -> [Outcome] {
        var out: [Outcome] = []
        for connection in try names(in: root) where DropLimits.isConnection(connection) {
            let home = root.appending(path: connection)
            for folder in ["in", "done", "failed"] { try make(home.appending(path: folder)) }
            for name in try names(in: home.appending(path: "in")).prefix(DropLimits.filesOfPass) {
                if let outcome = try await take(name, of: connection, at: home, now) { out.append(outcome) }
            }
        }
        return out
    }

    /// `nil` for what is no file of ours: hidden, unfinished, or not a plain file.
    private func take(_ name: String, of connection: String, at home: URL, _ now: Timestamp) async throws(Fault) -> Outcome? {
        let path = home.appending(path: "in").appending(path: name)
        guard DropLimits.isFile(name), let facts = facts(path), facts.isPlain else { return nil }
        func outcome(_ fate: Outcome.Fate, _ words: String) -> Outcome { Outcome(connection: connection, name: name, fate: fate, words: words) }
        guard facts.changed + DropLimits.settles <= now else { return outcome(.waits, "it was changed just now") }
        func refuse(_ code: String, _ why: String) throws(Fault) -> Outcome {
            let report = JSON.object([("code", .string(code)), ("detail", .string(why))])
            try put(path, into: home.appending(path: "failed"), name, report, now)
            return outcome(.failed, why)
        }
        guard facts.bytes <= DropLimits.fileBytes else { return try refuse("file_too_large", "it has more than \(DropLimits.fileBytes) bytes") }
        guard let layout = DropLimits.layout(of: name) else {
            return try refuse("layout_unknown", "its name does not begin with a layout: write invoice.csv or invoice-2026-11-12.csv")
        }
        guard let data = try? Data(contentsOf: path) else { throw DropFolder.unreadable(path) }
        guard let response = await send(connection, layout, Array(data)) else { return outcome(.waits, "nobody answered; it is sent again in the next pass") }
        let report = (try? JSON(parsing: response.body)) ?? .object([("status", .number("\(response.status)"))])
        switch response.status {
        case 200 ..< 300:
            try put(path, into: home.appending(path: "done"), name, report, now)
            return outcome(.done, "\(report["accepted"]?.int ?? 0) new, \(report["duplicate"]?.int ?? 0) known")
        // The key, the pace and the server are nothing that is wrong with the file.
        case 401, 403, 404, 408, 429, 500...: return outcome(.waits, "the API answered \(response.status): \(report["detail"]?.string ?? "")")
        default:
            try put(path, into: home.appending(path: "failed"), name, report, now)
            return outcome(.failed, report["detail"]?.string ?? "the API answered \(response.status)")
        }
    }

    // MARK: Files

    private func names(in folder: URL) throws(Fault) -> [String] {
        do { return try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() } catch { throw DropFolder.unreadable(folder) }
    }

    private func make(_ folder: URL) throws(Fault) {
        do { try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true) } catch { throw DropFolder.unreadable(folder) }
    }

    private func facts(_ path: URL) -> (isPlain: Bool, bytes: Int, changed: Timestamp)? {
        // Of the entry itself: a link is not followed.
        guard let known = try? FileManager.default.attributesOfItem(atPath: path.path), let changed = known[.modificationDate] as? Date else { return nil }
        let bytes = known[.size] as? Int ?? (known[.size] as? UInt64).map { Int(clamping: $0) } ?? .max
        return ((known[.type] as? FileAttributeType) == .typeRegular, bytes, Timestamp(seconds: Int64(changed.timeIntervalSince1970)))
    }

    /// The report first: a file that has left `in` always has one.
    private func put(_ path: URL, into folder: URL, _ name: String, _ report: JSON, _ now: Timestamp) throws(Fault) {
        let stamp = now.description.replacing(":", with: "").replacing("-", with: "")
        let target = folder.appending(path: "\(stamp)-\(name)")
        do {
            try Data(report.pretty().utf8).write(to: folder.appending(path: "\(stamp)-\(name).report.json"), options: .atomic)
            if FileManager.default.fileExists(atPath: target.path) { try FileManager.default.removeItem(at: target) }
            try FileManager.default.moveItem(at: path, to: target)
        } catch { throw DropFolder.unreadable(target) }
    }

    private static func unreadable(_ path: URL) -> Fault {
        Fault(
            "drop_unreadable", stage: .ingest, disposition: .hold, summary: "\(path.path) can't be read or written",
            remedy: "Give the user that runs the pass the rights to it, and its parent.")
    }
}

/// Bounds of a drop folder.
public enum DropLimits {
    public static let fileBytes = Limits.webhookBodyBytes
    public static let filesOfPass = 1_000
    /// How long a file must not have changed.
    public static let settles = Duration.seconds(10)

    /// The id of a connection, which is its folder's name.
    static func isConnection(_ name: String) -> Bool {
        name.utf8.count == 36 && name.utf8.allSatisfy { (48 ... 57).contains($0) || (97 ... 102).contains($0) || $0 == 45 }
    }

    static func isFile(_ name: String) -> Bool { !name.hasPrefix(".") && name.lowercased().hasSuffix(".csv") && name.utf8.count <= 200 }

    /// What stands before the first hyphen, point or blank.
    static func layout(of name: String) -> String? {
        let word = name.prefix { $0.isASCII && ($0.isLowercase || $0 == "_") }
        guard let next = name.dropFirst(word.count).first, !word.isEmpty, ["-", ".", " "].contains(next) else { return nil }
        return String(word)
    }
}
