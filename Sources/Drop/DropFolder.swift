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

    private let root: String
    private let send: Send

    public init(_ folder: String, send: @escaping Send) {
        root = folder
        self.send = send
    }

    /// Looks at every file that is there and has not changed for a while. What is wrong with one connection's folders or one file keeps no other back.
    /// - Parameter now: files younger than `DropLimits.settles` may still be written, and wait.
    /// - Throws: `drop_unreadable` when the folder can't be read.
    public func pass(now: Timestamp) async throws(Fault) -> [Outcome] {
        var out: [Outcome] = []
        let top = try OpenFolder(root)
        for connection in try top.names() where DropLimits.isConnection(connection) {
            do throws(Fault) {
                let home = try top.folder(connection)
                let place = Place(
                    connection: connection, into: try home.folder("in", making: true), done: try home.folder("done", making: true),
                    failed: try home.folder("failed", making: true))
                for name in try place.into.names().filter(DropLimits.isFile).prefix(DropLimits.filesOfPass) {
                    if let outcome = await take(name, at: place, now) { out.append(outcome) }
                }
            } catch { out.append(Outcome(connection: connection, name: "", fate: .waits, words: error.summary)) }
        }
        return out
    }

    /// A connection's three folders, held open: what somebody puts in their place meanwhile is another folder.
    private struct Place {
        var connection: String
        var into: OpenFolder
        var done: OpenFolder
        var failed: OpenFolder
    }

    /// `nil` for what is no file of ours: hidden, unfinished, or not a plain file.
    private func take(_ name: String, at place: Place, _ now: Timestamp) async -> Outcome? {
        guard let before = place.into.facts(name), before.isPlain else { return nil }
        func waits(_ words: String) -> Outcome { Outcome(connection: place.connection, name: name, fate: .waits, words: words) }
        guard before.changed + DropLimits.settles <= now else { return waits(DropFolder.young) }
        let verdict: Verdict
        if before.bytes > DropLimits.fileBytes {
            verdict = .refused("file_too_large", "it has more than \(DropLimits.fileBytes) bytes")
        } else if let layout = DropLimits.layout(of: name) {
            // Of the file that was looked at: what has its name by now may be a link.
            guard let (bytes, facts) = place.into.read(name, most: DropLimits.fileBytes), facts == before else { return waits("it can't be read") }
            // A row without its end may lack half of its last cell, and 239.00 cut to 2 is an amount too.
            guard bytes.isEmpty || bytes.last == 10 else { return waits("its last line has no end, so it may be half written") }
            verdict = DropFolder.verdict(await send(place.connection, layout, bytes))
        } else {
            verdict = .refused("layout_unknown", "its name does not begin with a layout: write invoice.csv or invoice-2026-11-12.csv")
        }
        guard case .settled(let fate, let words, let report) = verdict else { return waits(verdict.words) }
        // What was written to it meanwhile was not sent; what was sent is known when the whole comes.
        guard let after = place.into.facts(name) else { return waits("it is gone: another pass took it") }
        guard after == before else { return waits("it was written to while it was sent") }
        let folder = fate == .done ? place.done : place.failed
        do throws(Fault) {
            let moved = try put(name, from: place.into, into: folder, report, now)
            // Another file of the name came in the last moment: it was never sent.
            if folder.facts(moved) != before {
                try back(moved, from: folder, to: place.into, name)
                return waits("it was replaced while it was sent")
            }
            return Outcome(connection: place.connection, name: name, fate: fate, words: words)
        } catch { return waits(place.into.facts(name) == nil ? "it is gone: another pass took it" : error.summary) }
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

    /// The report first: a file that has left `in` always has one. Its name there.
    private func put(_ name: String, from: OpenFolder, into folder: OpenFolder, _ report: JSON, _ now: Timestamp) throws(Fault) -> String {
        let stamp = now.description.replacing(":", with: "").replacing("-", with: "")
        let target = "\(stamp)-\(name)"
        try folder.write("\(target).report.json", Array(report.pretty().utf8))
        try from.move(name, to: folder, target)
        return target
    }

    /// Into `in` again, unless a still newer file has its name: then the newest counts, as it would have, had it come a moment earlier.
    private func back(_ moved: String, from folder: OpenFolder, to into: OpenFolder, _ name: String) throws(Fault) {
        if into.facts(name) == nil { try folder.move(moved, to: into, name) }
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
