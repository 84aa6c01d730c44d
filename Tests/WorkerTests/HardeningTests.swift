import Glibc
import Kernel
import Testing

@testable import Worker

/// The part of `/proc/thread-self/status` with this name: the calling thread's.
private func status(_ name: String) -> String? {
    guard let file = fopen("/proc/thread-self/status", "r") else { return nil }
    defer { fclose(file) }
    var line = [CChar](repeating: 0, count: 512)
    while fgets(&line, Int32(line.count), file) != nil {
        let text = String(decoding: line.prefix { $0 != 0 && $0 != 10 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        if text.hasPrefix(name + ":") { return String(text.dropFirst(name.count + 1).filter { $0 != "\t" && $0 != " " }) }
    }
    return nil
}

/// prctl(PR_GET_DUMPABLE): a variadic function, so by its address; on the platforms we run on integers travel the same way.
private func isDumpable() -> Bool? {
    guard let address = dlsym(nil, "prctl") else { return nil }
    let call = unsafeBitCast(address, to: (@convention(c) (Int32, UInt, UInt, UInt, UInt) -> Int32).self)
    return call(3, 0, 0, 0, 0) != 0
}

/// Each in a process of its own: the limits can't be taken off again.
@Suite("A worker's own limits")
struct HardeningTests {
    @Test("a hardened process gains no privileges, dumps no core, is not dumpable and ignores broken pipes")
    func flags() async {
        await #expect(processExitsWith: .success) {
            guard try Hardening.apply(parent: getppid()) else { exit(2) }
            guard status("NoNewPrivs") == "1" else { exit(3) }
            guard isDumpable() == false else { exit(4) }
            var limit = rlimit()
            guard getrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &limit) == 0, limit.rlim_cur == 0, limit.rlim_max == 0 else { exit(5) }
            guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0, limit.rlim_max <= Hardening.descriptors else { exit(6) }
            guard getrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit) == 0, limit.rlim_max <= Hardening.addressSpaceBytes else { exit(7) }
            var ends: [Int32] = [0, 0]
            guard pipe(&ends) == 0, close(ends[0]) == 0, write(ends[1], "x", 1) < 0, errno == EPIPE else { exit(8) }
            exit(0)
        }
    }

    @Test("a document that wants all memory meets the limit in its own process")
    func memory() async {
        await #expect(processExitsWith: .success) {
            guard try Hardening.apply(parent: getppid()) else { exit(2) }
            let half = Int(Hardening.addressSpaceBytes)
            guard mmap(nil, half, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED, errno == ENOMEM else { exit(3) }
            exit(0)
        }
    }

    @Test("descriptors run out in the worker before they run out in the machine")
    func descriptors() async {
        await #expect(processExitsWith: .success) {
            guard try Hardening.apply(parent: getppid()) else { exit(2) }
            for _ in 0 ... Hardening.descriptors where dup(0) < 0 { exit(errno == EMFILE ? 0 : 4) }
            exit(3)
        }
    }

    @Test("a worker whose parent is gone already does nothing at all")
    func orphan() async {
        await #expect(processExitsWith: .exitCode(9)) { exit(try Hardening.apply(parent: 1 << 22) ? 0 : 9) }
    }

    @Test("limits that are lower already will do")
    func lower() async {
        await #expect(processExitsWith: .success) {
            var few = rlimit(rlim_cur: 64, rlim_max: 64)
            guard setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &few) == 0, setuid(65534) == 0 || getuid() != 0 else { exit(2) }
            guard try Hardening.apply(parent: getppid()), Hardening.current(RLIMIT_NOFILE.rawValue) == 64 else { exit(3) }
            exit(0)
        }
    }
}
