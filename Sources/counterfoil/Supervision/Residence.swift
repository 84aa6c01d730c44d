internal import FoundationEssentials
internal import Glibc

/// How much RAM the process shows.
enum Residence {
    /// Lets go of the program text that starting up has touched and serving does not need: the kernel maps sixteen pages around each that is used,
    /// and reads what is needed again from its cache. Text is never written to, so nothing is lost.
    static func dropStartupText() {
        guard let maps = try? String(contentsOfFile: "/proc/self/maps", encoding: .utf8) else { return }
        for line in maps.split(separator: "\n") {
            // 55d0c0a00000-55d0c1a00000 r-xp 00200000 08:01 123 /usr/bin/program
            let words = line.split(separator: " ", omittingEmptySubsequences: true)
            guard words.count >= 6, words[1] == "r-xp", words[5].hasPrefix("/") else { continue }
            let ends = words[0].split(separator: "-")
            guard ends.count == 2, let from = UInt(ends[0], radix: 16), let to = UInt(ends[1], radix: 16), let start = UnsafeMutableRawPointer(bitPattern: from) else { continue }
            madvise(start, Int(to - from), MADV_DONTNEED)
        }
    }
}
