#if canImport(Glibc)
internal import Glibc
#else
internal import Musl
#endif
public import Kernel
public import Wire

/// A twin's memory: one JSON object a line, only ever appended to. `append` returns when the lines are on the disk; a
/// last line torn by a crash is cut off when the journal is opened.
public final class TwinJournal: Sendable {
    private enum Medium {
        case file(descriptor: Int32, path: String)
        /// `room`: records that it still takes.
        case memory([JSON], room: Int)
    }

    private let medium: Locked<Medium>

    /// Opens or creates the file (its folder must exist).
    /// - Throws: `journal_unusable` when it can't be opened, locked or mended.
    public init(path: String) throws(Fault) {
        let descriptor = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw Self.unusable("could not be opened", errno) }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            close(descriptor)
            throw Self.unusable("is in use by another process", EWOULDBLOCK)
        }
        do {
            try Self.cutTornLine(descriptor)
        } catch {
            close(descriptor)
            throw error
        }
        medium = Locked(.file(descriptor: descriptor, path: path))
    }

    /// A journal without a file, for tests; `records` are there as if appended before, and `room` more go in before its disk is full.
    public init(inMemory records: [JSON] = [], room: Int = .max) { medium = Locked(.memory(records, room: room)) }

    deinit {
        medium.with { medium in
            if case .file(let descriptor, _) = medium { close(descriptor) }
        }
    }

    /// Hands every record to `apply`, oldest first.
    /// - Throws: `journal_damaged` with the line when one is not JSON; `journal_unusable` when the file can't be read.
    public func replay(_ apply: (JSON) -> Void) throws(Fault) {
        let (records, descriptor): ([JSON], Int32) = medium.with { medium in
            switch medium {
            case .memory(let records, _): (records, -1)
            case .file(let descriptor, _): ([], descriptor)
            }
        }
        guard descriptor >= 0 else {
            for record in records { apply(record) }
            return
        }
        var line = 0
        var rest: [UInt8] = []
        var offset: off_t = 0
        while true {
            let chunk = try Self.read(descriptor, at: offset, count: 1 << 20)
            if chunk.isEmpty { break }
            offset += off_t(chunk.count)
            rest += chunk
            var start = 0
            while let end = rest[start...].firstIndex(of: 10) {
                line += 1
                apply(try Self.record(Array(rest[start..<end]), line: line))
                start = end + 1
            }
            rest.removeFirst(start)
        }
    }

    /// Appends the records, all of them or (after a crash) a first part of them, and waits for the disk.
    /// - Throws: `journal_unusable` when the disk refuses.
    public func append(_ records: [JSON]) throws(Fault) {
        guard !records.isEmpty else { return }
        var bytes: [UInt8] = []
        for record in records {
            bytes += record.bytes
            bytes.append(10)
        }
        let added = records
        let text = bytes
        let code: Int32 = medium.with { medium in
            switch medium {
            case .memory(var kept, let room):
                guard added.count <= room else { return ENOSPC }
                // Taken out while it grows, so that it is not copied.
                medium = .memory([], room: 0)
                kept += added
                medium = .memory(kept, room: room == .max ? .max : room - added.count)
                return 0
            case .file(let descriptor, _):
                return Self.write(text, to: descriptor)
            }
        }
        guard code == 0 else { throw Self.unusable("could not be written", code) }
    }

    /// 0 or the error number. The lock is held, so lines of two callers never mix.
    private static func write(_ bytes: [UInt8], to descriptor: Int32) -> Int32 {
        var done = 0
        while done < bytes.count {
            let n = bytes.withUnsafeBytes {
                systemWrite(descriptor, $0.baseAddress.map { $0 + done }, bytes.count - done)
            }
            if n < 0 {
                if errno == EINTR { continue }
                return errno
            }
            done += n
        }
        return fdatasync(descriptor) == 0 ? 0 : errno
    }

    private static func read(_ descriptor: Int32, at offset: off_t, count: Int) throws(Fault) -> [UInt8] {
        var buffer = [UInt8](repeating: 0, count: count)
        while true {
            let n = buffer.withUnsafeMutableBytes { pread(descriptor, $0.baseAddress, count, offset) }
            if n >= 0 { return Array(buffer.prefix(n)) }
            guard errno == EINTR else { throw unusable("could not be read", errno) }
        }
    }

    /// Cuts the file after its last line feed: what follows was never promised to anyone.
    private static func cutTornLine(_ descriptor: Int32) throws(Fault) {
        var end = lseek(descriptor, 0, SEEK_END)
        guard end >= 0 else { throw unusable("could not be measured", errno) }
        let size = end
        while end > 0 {
            let start = max(0, end - 65_536)
            let chunk = try read(descriptor, at: start, count: Int(end - start))
            if let feed = chunk.lastIndex(of: 10) {
                end = start + off_t(feed) + 1
                break
            }
            end = start
        }
        guard end != size else { return }
        guard ftruncate(descriptor, end) == 0 else { throw unusable("could not be mended", errno) }
    }

    private static func record(_ bytes: [UInt8], line: Int) throws(Fault) -> JSON {
        do {
            return try JSON(parsing: bytes)
        } catch {
            throw Fault(
                "journal_damaged", stage: .sandbox, disposition: .hold,
                summary: "a line of the twin's journal is not JSON",
                remedy: "Move the sandbox folder away and start the sandbox afresh.", position: "line \(line)",
                underlying: error.description)
        }
    }

    private static func unusable(_ what: String, _ code: Int32) -> Fault { unusable("\(what) (error \(code))") }

    /// Something happened that it could not take in.
    public static let unwritten = unusable("could not be written")

    private static func unusable(_ what: String) -> Fault {
        Fault(
            "journal_unusable", stage: .sandbox, disposition: .hold, summary: "the twin's journal \(what)",
            remedy: "Check the sandbox folder's owner and free space, and that no other sandbox uses it.")
    }
}

/// write(2) under a name that does not collide with the method above.
private func systemWrite(_ descriptor: Int32, _ bytes: UnsafeRawPointer?, _ count: Int) -> Int {
    #if canImport(Glibc)
    Glibc.write(descriptor, bytes, count)
    #else
    Musl.write(descriptor, bytes, count)
    #endif
}
