internal import FoundationEssentials
internal import Glibc
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

    /// Looks at every file that is there and has not changed for a while. What is wrong with one connection's folders or one file keeps no other back.
    /// - Parameter now: files younger than `DropLimits.settles` may still be written, and wait.
    /// - Throws: `drop_unreadable` when the folder can't be read.
    public func pass(now: Timestamp) async throws(Fault) -> [Outcome] {
        var out: [Outcome] = []
        for connection in try names(in: root) where DropLimits.isConnection(connection) {
            let home = root.appending(path: connection)
            do throws(Fault) {
                for folder in ["in", "done", "failed"] { try make(home.appending(path: folder)) }
                for name in try names(in: home.appending(path: "in")).filter(DropLimits.isFile).prefix(DropLimits.filesOfPass) {
                    if let outcome = await take(name, of: connection, at: home, now) { out.append(outcome) }
                }
            } catch { out.append(Outcome(connection: connection, name: "", fate: .waits, words: error.summary)) }
        }
        return out
    }

    /// `nil` for what is no file of ours: hidden, unfinished, or not a plain file.
    private func take(_ name: String, of connection: String, at home: URL, _ now: Timestamp) async -> Outcome? {
        let path = home.appending(path: "in").appending(path: name)
        guard DropLimits.isFile(name), let before = facts(path), before.isPlain else { return nil }
        func waits(_ words: String) -> Outcome { Outcome(connection: connection, name: name, fate: .waits, words: words) }
        guard before.changed + DropLimits.settles <= now else { return waits(DropFolder.young) }
        let verdict: Verdict
        if before.bytes > DropLimits.fileBytes {
            verdict = .refused("file_too_large", "it has more than \(DropLimits.fileBytes) bytes")
        } else if let layout = DropLimits.layout(of: name) {
            guard let bytes = try? Data(contentsOf: path) else { return waits("it can't be read") }
            // A row without its end may lack half of its last cell, and 239.00 cut to 2 is an amount too.
            guard bytes.isEmpty || bytes.last == 10 else { return waits("its last line has no end, so it may be half written") }
            verdict = DropFolder.verdict(await send(connection, layout, Array(bytes)))
        } else {
            verdict = .refused("layout_unknown", "its name does not begin with a layout: write invoice.csv or invoice-2026-11-12.csv")
        }
        guard case .settled(let fate, let words, let report) = verdict else { return waits(verdict.words) }
        // What was written to it meanwhile was not sent; what was sent is known when the whole comes.
        guard let after = facts(path) else { return waits("it is gone: another pass took it") }
        guard after == before else { return waits("it was written to while it was sent") }
        do throws(Fault) {
            let moved = try put(path, into: home.appending(path: fate.rawValue), name, report, now)
            // Another file of the name came in the last moment: it was never sent.
            if facts(moved) != before {
                try back(moved, to: path)
                return waits("it was replaced while it was sent")
            }
            return Outcome(connection: connection, name: name, fate: fate, words: words)
        } catch { return waits(facts(path) == nil ? "it is gone: another pass took it" : error.summary) }
    }

    /// What is to become of a file.
    private enum Verdict {
        case settled(Outcome.Fate, String, report: JSON)
        case waits(String)

        static func refused(_ code: String, _ why: String) -> Verdict {
            .settled(.failed, why, report: .object([("code", .string(code)), ("detail", .string(why))]))
        }

        var words: String { switch self { case .settled(_, let words, _), .waits(let words): words } }
    }

    /// As a file that may still be written is told of.
    public static let young = "it was changed just now"

    private static func verdict(_ response: HTTPResponse?) -> Verdict {
        guard let response else { return .waits("nobody answered; it is sent again in the next pass") }
        let report = (try? JSON(parsing: response.body)) ?? .object([("status", .number("\(response.status)"))])
        switch response.status {
        case 200 ..< 300: return .settled(.done, "\(report["accepted"]?.int ?? 0) new, \(report["duplicate"]?.int ?? 0) known", report: report)
        // The key, the pace and the server are nothing that is wrong with the file.
        case 401, 403, 404, 408, 429, 500...: return .waits("the API answered \(response.status): \(report["detail"]?.string ?? "")")
        default: return .settled(.failed, report["detail"]?.string ?? "the API answered \(response.status)", report: report)
        }
    }

    // MARK: Files

    private func names(in folder: URL) throws(Fault) -> [String] {
        do { return try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() } catch { throw DropFolder.unreadable(folder) }
    }

    private func make(_ folder: URL) throws(Fault) {
        do { try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true) } catch { throw DropFolder.unreadable(folder) }
    }

    private struct Facts: Equatable {
        var isPlain: Bool
        var bytes: Int
        /// Another file of the name is another file.
        var number: UInt64
        var seconds: Int64, nanoseconds: Int64
        var changed: Timestamp { Timestamp(seconds: seconds) }
    }

    /// Of the entry itself: a link is not followed. What the file system says, and not Foundation's dictionary, whose number types differ from one build
    /// to the other.
    private func facts(_ path: URL) -> Facts? {
        var known = stat()
        guard lstat(path.path, &known) == 0 else { return nil }
        return Facts(
            isPlain: known.st_mode & S_IFMT == S_IFREG, bytes: Int(known.st_size), number: UInt64(known.st_ino), seconds: Int64(known.st_mtim.tv_sec),
            nanoseconds: Int64(known.st_mtim.tv_nsec))
    }

    /// The report first: a file that has left `in` always has one.
    /// Where it is now.
    private func put(_ path: URL, into folder: URL, _ name: String, _ report: JSON, _ now: Timestamp) throws(Fault) -> URL {
        let stamp = now.description.replacing(":", with: "").replacing("-", with: "")
        let target = folder.appending(path: "\(stamp)-\(name)")
        do {
            try Data(report.pretty().utf8).write(to: folder.appending(path: "\(stamp)-\(name).report.json"), options: .atomic)
            if FileManager.default.fileExists(atPath: target.path) { try FileManager.default.removeItem(at: target) }
            try FileManager.default.moveItem(at: path, to: target)
            return target
        } catch { throw DropFolder.unreadable(target) }
    }

    /// Into `in` again, unless a still newer file has its name: then the newest counts, as it would have, had it come a moment earlier.
    private func back(_ moved: URL, to path: URL) throws(Fault) {
        do { if facts(path) == nil { try FileManager.default.moveItem(at: moved, to: path) } } catch { throw DropFolder.unreadable(path) }
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
