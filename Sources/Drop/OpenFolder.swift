internal import Glibc
internal import Kernel

/// A folder that is held open, and what is in it by name: whoever may write there can't lead us elsewhere with a link, however quick he is.
/// - Source: POSIX, openat(2), renameat(2); Linux, O_NOFOLLOW.
final class OpenFolder: Sendable {
    private let descriptor: Int32
    private let path: String

    /// The folder itself may be reached by links: whoever runs the pass names it.
    /// - Throws: `drop_unreadable`.
    convenience init(_ path: String) throws(Fault) {
        try self.init(descriptor: open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), path)
    }

    private init(descriptor: Int32, _ path: String) throws(Fault) {
        guard descriptor >= 0 else { throw OpenFolder.unreadable(path) }
        self.descriptor = descriptor
        self.path = path
    }

    deinit { close(descriptor) }

    /// A folder in it that is one, and no link to one.
    /// - Throws: `drop_unreadable`.
    func folder(_ name: String, making: Bool = false) throws(Fault) -> OpenFolder {
        if making, mkdirat(descriptor, name, 0o777) != 0, errno != EEXIST { throw OpenFolder.unreadable("\(path)/\(name)") }
        return try OpenFolder(descriptor: openat(descriptor, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), "\(path)/\(name)")
    }

    /// Names in it, in order.
    /// - Throws: `drop_unreadable`.
    func names() throws(Fault) -> [String] {
        let own = openat(descriptor, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard own >= 0, let list = fdopendir(own) else {
            if own >= 0 { close(own) }
            throw OpenFolder.unreadable(path)
        }
        defer { closedir(list) }
        var out: [String] = []
        while let entry = readdir(list) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) } }
            if name != ".", name != ".." { out.append(name) }
        }
        return out.sorted()
    }

    /// What tells one state of one file from another.
    struct Facts: Equatable {
        var isPlain: Bool
        var bytes: Int
        /// Another file of the name is another file.
        var number: UInt64
        var seconds: Int64, nanoseconds: Int64
        var changed: Timestamp { Timestamp(seconds: seconds) }

        fileprivate init(_ known: stat) {
            isPlain = known.st_mode & S_IFMT == S_IFREG
            bytes = Int(known.st_size)
            number = UInt64(known.st_ino)
            seconds = Int64(known.st_mtim.tv_sec)
            nanoseconds = Int64(known.st_mtim.tv_nsec)
        }
    }

    /// Of the entry itself: a link is not followed.
    func facts(_ name: String) -> Facts? {
        var known = stat()
        return fstatat(descriptor, name, &known, AT_SYMLINK_NOFOLLOW) == 0 ? Facts(known) : nil
    }

    /// The file's bytes and what it is, both of what was opened; `nil` for a link, for what is no plain file, and for more than `most` bytes.
    func read(_ name: String, most: Int) -> ([UInt8], Facts)? {
        // Not blocked by a pipe without a writer.
        let file = openat(descriptor, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var known = stat()
        guard fstat(file, &known) == 0, Facts(known).isPlain else { return nil }
        var out: [UInt8] = [], chunk = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let n = Glibc.read(file, &chunk, chunk.count)
            if n < 0, errno == EINTR { continue }
            guard n >= 0, out.count + n <= most else { return nil }
            if n == 0 { return (out, Facts(known)) }
            out += chunk.prefix(n)
        }
    }

    /// A file of the name with these bytes, whole or not at all.
    /// - Throws: `drop_unreadable`.
    func write(_ name: String, _ bytes: [UInt8]) throws(Fault) {
        let draft = ".\(name).new"
        _ = unlinkat(descriptor, draft, 0)
        let file = openat(descriptor, draft, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o666)
        guard file >= 0 else { throw OpenFolder.unreadable("\(path)/\(name)") }
        var left = bytes[...]
        while !left.isEmpty {
            let n = left.withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
            if n < 0, errno == EINTR { continue }
            if n <= 0 { break }
            left = left.dropFirst(n)
        }
        guard close(file) == 0, left.isEmpty, renameat(descriptor, draft, descriptor, name) == 0 else {
            _ = unlinkat(descriptor, draft, 0)
            throw OpenFolder.unreadable("\(path)/\(name)")
        }
    }

    /// In place of what has the new name there.
    /// - Throws: `drop_unreadable`.
    func move(_ name: String, to folder: OpenFolder, _ target: String) throws(Fault) {
        guard renameat(descriptor, name, folder.descriptor, target) == 0 else { throw OpenFolder.unreadable("\(folder.path)/\(target)") }
    }

    private static func unreadable(_ path: String) -> Fault {
        Fault(
            "drop_unreadable", stage: .ingest, disposition: .hold, summary: "\(path) can't be read or written, or is a link",
            remedy: "Give the user that runs the pass the rights to it, and its parent; links are not followed.")
    }
}
