internal import Kernel

/// The token set or session of one connection and how it is renewed, as a pure machine: it is told what was read, answered and saved, and says what to do
/// next. It never has a token used that is not saved, never writes over a token set that somebody else saved, and believes in the death of a
/// grant only after every refresh token of the newest row was refused and the row has had time to change.
struct TokenRefresh: Sendable {
    /// The token set that calls are made with.
    struct Held: Sendable, Equatable {
        var credential: Credential
        /// Of the row that holds it.
        var version: Int
        /// The set before it is still kept in the row.
        var unproven: Bool
        /// Issued to this very worker and not yet accepted by the platform.
        var fresh: Bool
    }

    /// A token set that was issued but is not known to be saved: nothing uses it before it is.
    struct Issued: Sendable, Equatable {
        var credential: Credential
        /// Version of the row that it was made from, and may replace.
        var base: Int
    }

    struct Row: Sendable, Equatable {
        var version: Int
        /// `nil` when nobody connected yet.
        var credential: Credential?
        /// The set before, until the one in force has worked.
        var before: Credential?
    }

    enum Event: Sendable {
        /// The row as it is now; `nil` when the connection is gone.
        case row(Row?)
        case issued(Credential)
        /// The token endpoint said no, in OAuth's own words, or the platform to a login.
        case refused
        case saved(version: Int)
        case waited
        /// What was to be done was not done, or nobody knows.
        case failed(Fault)
    }

    enum Action: Sendable, Equatable {
        case read
        /// Trade this refresh token; client and secret are those of the set.
        case exchange(refresh: Secret, from: Credential)
        /// Make a token or a session anew from what a person gave.
        case login(from: Credential)
        case save(Credential, expecting: Int)
        case wait(Duration)
        case end(Outcome)
    }

    enum Outcome: Sendable, Equatable {
        /// A saved token set is there that was not in force when the caller used its own.
        case inForce
        case failed(Fault)
        /// Only a person can help; the version that is dead.
        case dead(version: Int)
    }

    private enum Phase: Sendable, Equatable {
        case idle
        case looking
        case exchanging(from: Credential, others: [Secret])
        /// Every refresh token was refused: somebody else may be about to save a newer set.
        case resting
        /// The last look before the end.
        case burying
        case saving(tries: Int)
        case checking(tries: Int, Fault)
        case pausing(tries: Int)
    }

    /// How long somebody else's save may take after the grant changed.
    static let rest = Duration.seconds(2)
    /// Between two tries to save.
    static let savePause = Duration.milliseconds(500)
    static let savesMost = 3

    private(set) var held: Held?
    private(set) var unsaved: Issued?
    /// Version of the credential that is known to be dead.
    private(set) var dead: Int?
    /// Of the row that this run works on.
    private var base = 0
    private var phase = Phase.idle

    var isDead: Bool { held != nil && held?.version == dead }

    /// Takes a row's token set when it is newer than the one held: a person or another worker saved it. The rest stays as it is.
    mutating func adopt(_ row: Row) {
        guard let credential = row.credential, row.version > held?.version ?? -1 else { return }
        held = Held(credential: credential, version: row.version, unproven: row.before != nil, fresh: false)
        if let issued = unsaved, issued.base < row.version { unsaved = nil }
    }

    /// The platform accepted a call with this version's token.
    mutating func accepted(version: Int) {
        guard held?.version == version else { return }
        held?.fresh = false
        dead = nil
    }

    /// Somebody found that it works after all.
    mutating func revived() { dead = nil }

    /// The set before this version is forgotten.
    mutating func proved(version: Int) {
        if held?.version == version { held?.unproven = false }
    }

    /// Whether to renew before the platform refuses: no access token, or one that ends within the margin.
    func isStale(at now: Timestamp, margin: Duration) -> Bool {
        guard let set = held?.credential, set.refreshToken != nil || set.isRemade else { return false }
        return !set.isMade || set.expiresAt.map { $0 < now + margin } ?? false
    }

    /// Starts a run for a caller whose token of version `used` is refused or about to end.
    mutating func renew(used: Int) -> Action { begin(used: used, .looking) }

    /// Starts a run for a caller whose newly issued token is refused again and again: nothing is left to trade.
    mutating func bury(used: Int) -> Action { begin(used: used, .burying) }

    private mutating func begin(used: Int, _ first: Phase) -> Action {
        if let held, held.version > used { return end(.inForce) }
        base = used
        phase = first
        return .read
    }

    mutating func received(_ event: Event) -> Action {
        switch (phase, event) {
        case (.looking, .row(let row)): return looked(row)
        case (.burying, .row(let row)): return lastLook(row)
        case (.exchanging, .issued(let credential)):
            unsaved = Issued(credential: credential, base: base)
            return save(tries: 0)
        case (.exchanging(let from, let others), .refused):
            guard let next = others.first else { return wait(TokenRefresh.rest, .resting) }
            phase = .exchanging(from: from, others: Array(others.dropFirst()))
            return .exchange(refresh: next, from: from)
        case (.resting, .waited):
            phase = .burying
            return .read
        case (.saving, .saved(let version)): return saved(version)
        case (.saving(let tries), .failed(let fault)):
            phase = .checking(tries: tries, fault)
            return .read
        case (.checking(let tries, let fault), .row(let row)): return checked(row, tries, fault)
        case (.checking(let tries, let fault), .failed): return saveAgain(tries, fault)
        case (.pausing(let tries), .waited): return save(tries: tries)
        case (_, .failed(let fault)): return end(.failed(fault))
        default: preconditionFailure("a token refresh was told what it did not ask for")
        }
    }

    private mutating func looked(_ row: Row?) -> Action {
        guard let row else { return gone() }
        guard let set = row.credential else { return end(.failed(TokenRefresh.notConnected)) }
        if let held, row.version < held.version {
            // The database lost a commit that it had confirmed: what it lost is saved again.
            unsaved = Issued(credential: unsaved?.credential ?? held.credential, base: row.version)
            return save(tries: 0)
        }
        if row.version > base || held == nil {
            adopt(row)
            return end(.inForce)
        }
        if held?.version == row.version, held?.credential != set {
            // The same number on another set: a commit was lost, and somebody connected anew since.
            held = Held(credential: set, version: row.version, unproven: row.before != nil, fresh: false)
            unsaved = nil
            return end(.inForce)
        }
        if unsaved != nil { return save(tries: 0) }
        if set.isRemade {
            phase = .exchanging(from: set, others: [])
            return .login(from: set)
        }
        var tokens = [set.refreshToken, row.before?.refreshToken].compactMap { $0 }
        if tokens.count == 2, tokens[0] == tokens[1] { tokens.removeLast() }
        guard let first = tokens.first, set.clientID != nil else { return died(row.version) }
        phase = .exchanging(from: set, others: Array(tokens.dropFirst()))
        return .exchange(refresh: first, from: set)
    }

    private mutating func lastLook(_ row: Row?) -> Action {
        guard let row else { return gone() }
        guard row.credential != nil else { return end(.failed(TokenRefresh.notConnected)) }
        guard row.version > base else { return died(base) }
        adopt(row)
        return end(.inForce)
    }

    private mutating func checked(_ row: Row?, _ tries: Int, _ fault: Fault) -> Action {
        guard let row else { return gone() }
        guard let issued = unsaved, row.version > issued.base else {
            unsaved?.base = row.version
            return saveAgain(tries, fault)
        }
        // The answer to the save was lost, not the save.
        if row.credential == issued.credential { return saved(row.version) }
        adopt(row)
        unsaved = nil
        return end(.inForce)
    }

    private mutating func saveAgain(_ tries: Int, _ fault: Fault) -> Action {
        guard tries < TokenRefresh.savesMost else { return end(.failed(fault)) }
        return wait(TokenRefresh.savePause, .pausing(tries: tries))
    }

    private mutating func wait(_ time: Duration, _ next: Phase) -> Action {
        phase = next
        return .wait(time)
    }

    private mutating func save(tries: Int) -> Action {
        guard let issued = unsaved else { return end(.inForce) }
        phase = .saving(tries: tries + 1)
        return .save(issued.credential, expecting: issued.base)
    }

    private mutating func saved(_ version: Int) -> Action {
        if let issued = unsaved { held = Held(credential: issued.credential, version: version, unproven: true, fresh: true) }
        unsaved = nil
        dead = nil
        return end(.inForce)
    }

    private mutating func died(_ version: Int) -> Action {
        dead = version
        return end(.dead(version: version))
    }

    private mutating func gone() -> Action {
        held = nil
        unsaved = nil
        return end(.failed(TokenRefresh.unknownConnection))
    }

    private mutating func end(_ outcome: Outcome) -> Action {
        phase = .idle
        return .end(outcome)
    }

    static let unknownConnection = Fault(
        "unknown_connection", stage: .courier, disposition: .reject, summary: "the connection is not there any more",
        remedy: "None needed: it was removed.")

    static let notConnected = Fault(
        "not_connected", stage: .courier, disposition: .reauthorise, summary: "the connection has no credential", remedy: "Connect the account.")
}
