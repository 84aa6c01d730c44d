internal import Kernel
internal import Store

/// How many workers are started for whom: the pure part of dispatch. One tenant's trouble is its own: it is left out of the question who is due, so that it
/// hides nobody behind it.
struct Pacing: Sendable, Hashable {
    /// A tenant that could not be started.
    static let startAgain = Duration.seconds(5)

    private(set) var backoffs: [TenantID: Duration] = [:]

    /// Tenants not to be asked for at `now`; forgets those whose time is over.
    mutating func resting(at now: Duration) -> Set<TenantID> {
        backoffs = backoffs.filter { $0.value > now }
        return Set(backoffs.keys)
    }

    mutating func startFailed(_ tenant: TenantID, at now: Duration) { backoffs[tenant] = now + Pacing.startAgain }

    /// A worker has ended. `crashes`: ends in a row that were not clean. `named`: the job that is to blame is put off by itself.
    mutating func ended(_ tenant: TenantID, _ ending: Vigil.Ending, crashes: Int, named: Bool, at now: Duration) {
        guard let rest = Pacing.rest(after: ending, crashes: crashes, named: named) else {
            backoffs[tenant] = nil
            return
        }
        backoffs[tenant] = now + rest
    }

    /// `nil`: it may start at once.
    static func rest(after ending: Vigil.Ending, crashes: Int, named: Bool) -> Duration? {
        if ending.isClean { return nil }
        // The tenant's other jobs go on; a tenant with many such jobs does not keep the host busy with starting workers.
        if named { return crashes > 8 ? .seconds(2) : nil }
        guard crashes > 2 else { return nil }
        // A worker that somebody kills is not at fault; one that fails would do it again at once.
        return .milliseconds(min(200 << min(crashes, 8), ending == .killed ? 500 : 30_000))
    }

    /// How many due tenants are asked for: a few more than can be started, for those that somebody else takes meanwhile.
    static func asked(room: Int) -> Int { room > 0 ? room + 4 : 0 }
}
