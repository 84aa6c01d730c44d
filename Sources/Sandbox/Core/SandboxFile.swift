#if canImport(Glibc)
internal import Glibc
#else
internal import Musl
#endif
internal import Kernel

/// Whole files of the sandbox folder.
enum SandboxFile {
    /// Largest file that is read back.
    static let bytes = 256 << 20

    /// Makes the folder and those above it.
    /// - Throws: `sandbox_folder`.
    static func makeFolder(_ path: String) throws(Fault) {
        var made = ""
        for part in path.split(separator: "/", omittingEmptySubsequences: false) {
            made += made.isEmpty && !part.isEmpty ? String(part) : "/" + part
            if part.isEmpty || part == "." || part == ".." { continue }
            guard mkdir(made, 0o700) == 0 || errno == EEXIST else { throw fault("the folder could not be made") }
        }
    }

    /// Replaces the file by the bytes, all or nothing, and waits for the disk.
    /// - Throws: `sandbox_folder`.
    static func write(_ content: [UInt8], to path: String) throws(Fault) {
        let temporary = path + ".new"
        guard let file = fopen(temporary, "we") else { throw fault("a file could not be made") }
        let written = fwrite(content, 1, content.count, file)
        let flushed = fflush(file) == 0 && fsync(fileno(file)) == 0
        guard fclose(file) == 0, flushed, written == content.count, rename(temporary, path) == 0 else {
            throw fault("a file could not be written")
        }
    }

    /// The file's bytes, `nil` where there is none.
    /// - Throws: `sandbox_folder`.
    static func read(_ path: String) throws(Fault) -> [UInt8]? {
        guard let file = fopen(path, "re") else { return nil }
        defer { fclose(file) }
        var content: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 20)
        while true {
            let count = fread(&buffer, 1, buffer.count, file)
            content += buffer.prefix(count)
            guard content.count <= bytes else { throw fault("a file is larger than the sandbox writes") }
            if count < buffer.count { break }
        }
        guard ferror(file) == 0 else { throw fault("a file could not be read") }
        return content
    }

    private static func fault(_ what: String) -> Fault {
        Fault(
            "sandbox_folder", stage: .sandbox, disposition: .hold,
            summary: "in the sandbox folder \(what) (error \(errno))",
            remedy: "Check the folder's owner and free space.")
    }
}
