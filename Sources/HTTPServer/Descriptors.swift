internal import Glibc

/// How many files and sockets this process may have open at once.
public enum Descriptors {
    private static var resource: __rlimit_resource_t { __rlimit_resource_t(RLIMIT_NOFILE.rawValue) }

    /// The limit in force.
    public static var most: Int {
        var limit = rlimit()
        return getrlimit(resource, &limit) == 0 ? Int(clamping: limit.rlim_cur) : ServerLimits.descriptorsKept
    }

    /// Raises the limit in force as far as the hard limit lets it, to 65,536 at the most; the hard limit stays, and so does a limit that is higher already.
    /// Processes started later inherit it. The usual 1,024 are fewer than the connections a server is to bear, and the database's and all files come on top.
    public static func raise() {
        var limit = rlimit()
        guard getrlimit(resource, &limit) == 0 else { return }
        let wanted = min(limit.rlim_max, rlim_t(ServerLimits.descriptors))
        guard limit.rlim_cur < wanted else { return }
        limit.rlim_cur = wanted
        // Where that is refused the server goes by the limit that stays.
        _ = setrlimit(resource, &limit)
    }

    /// The connections a server may hold of so many descriptors. The rest is for everything else, and for telling those it has no room for.
    static func connections(of descriptors: Int) -> Int { max(descriptors - ServerLimits.descriptorsKept, descriptors / 2) }
}
