internal import CSystem
internal import Glibc
internal import Kernel

/// The limits that a worker sets itself before it looks at anything of a tenant's.
enum Hardening {
    /// Memory that one worker may map. A document that wants more meets a trap of its own process.
    static let addressSpaceBytes: UInt64 = 4 << 30
    static let descriptors: UInt64 = 512

    /// Dies with its parent, gains no privileges, dumps no core, maps bounded memory. The refusal of privileges is the calling thread's and that of threads
    /// it makes; everything else is the process's.
    /// - Returns: `false` when the parent is gone already: there is nobody to work for.
    /// - Throws: `not_hardened` naming what could not be set: without its limits a worker does not work.
    static func apply(parent: Int32) throws(Fault) -> Bool {
        try set("signals", cf_ignore_sigpipe())
        try set("death with the parent", cf_die_with_parent())
        if getppid() != parent { return false }
        try set("no new privileges", cf_no_new_privileges())
        try set("not dumpable", cf_not_dumpable())
        try limit("core files", Int32(CF_LIMIT_CORE), RLIMIT_CORE.rawValue, 0)
        try limit("descriptors", Int32(CF_LIMIT_NOFILE), RLIMIT_NOFILE.rawValue, descriptors)
        try limit("address space", Int32(CF_LIMIT_AS), RLIMIT_AS.rawValue, addressSpaceBytes)
        return true
    }

    private static func set(_ what: String, _ code: Int32) throws(Fault) {
        guard code < 0 else { return }
        throw Fault(
            "not_hardened", stage: .worker, disposition: .bug, summary: "the worker could not limit itself (\(what)): errno \(-code)",
            remedy: "Look for a container or service setting that forbids it.")
    }

    /// A limit can't be raised; one that is lower already will do.
    private static func limit(_ what: String, _ own: Int32, _ resource: UInt32, _ value: UInt64) throws(Fault) {
        let code = cf_set_limit(own, value)
        if code < 0, let most = Hardening.current(resource), most <= value { return }
        try set(what, code)
    }

    /// The hard limit in force.
    static func current(_ resource: UInt32) -> UInt64? {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(resource), &limit) == 0 else { return nil }
        return UInt64(limit.rlim_max)
    }
}
