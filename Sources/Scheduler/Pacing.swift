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

    // MARK: Turns

    /// A worker has its place for as long as this where others wait for one. Then it ends, and who was served least is next.
    static let turn = Duration.seconds(10)
    /// Between two looks for who waits while every place is taken.
    static let roomEvery = Duration.milliseconds(500)
    /// Who was told to end makes room within this, or has something in hand that takes longer: then it counts for nobody who waits, and another is told.
    static let yieldWithin = Duration.seconds(2)
    private var lookedForRoom: Duration?

    /// Whether to look, while every place is taken, for tenants that wait.
    mutating func looksForRoom(at now: Duration) -> Bool {
        if let lookedForRoom, now - lookedForRoom < Pacing.roomEvery { return false }
        lookedForRoom = now
        return true
    }

    /// Who is to give up its place for `waiting` others: those that have nothing to do at once, the rest by how long they have had it, once their turn is over.
    /// Those that were told a moment ago count. Nobody is told twice.
    static func yielding(_ running: [TenantID: Vigil], waiting: Int, at now: Duration) -> [TenantID] {
        let need = waiting - running.values.count { vigil in vigil.toldAt.map { now - $0 < yieldWithin } ?? false }
        guard need > 0 else { return [] }
        let may = running.filter { $0.value.toldAt == nil && ($0.value.isAsleep || now - $0.value.started >= turn) }
        let order = may.sorted { ($0.value.isAsleep ? 0 : 1, $0.value.started, $0.key) < ($1.value.isAsleep ? 0 : 1, $1.value.started, $1.key) }
        return order.prefix(need).map(\.key)
    }

    /// What the most served of all that wait has had, over its weight, as last seen: who ends a turn is counted as not far behind it.
    private(set) var most = Duration.zero

    /// Who waits, at a look.
    mutating func saw(_ waiting: [DueTenant]) { most = waiting.first?.most ?? .zero }

    /// How many due tenants are asked for: a few more than can be started, for those that somebody else takes meanwhile.
    static func asked(room: Int) -> Int { room > 0 ? room + 4 : 0 }
}
