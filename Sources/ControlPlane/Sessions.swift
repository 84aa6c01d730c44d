internal import Kernel
internal import Store

/// People who are signed in to the console: a random id in their browser, its digest in the database, so that every control plane knows them. What is found
/// is remembered for a few seconds: a revoked key or a disabled user is signed in no longer than that.
final class Sessions: Sendable {
    private let store: Store
    private let clocks: any Clocks
    private let random: any RandomSource
    private let known: Cache<Keyring.Fingerprint, Asker?>

    init(store: Store, clocks: any Clocks, random: any RandomSource) {
        self.store = store
        self.clocks = clocks
        self.random = random
        known = Cache(clocks: clocks, lasting: .seconds(ControlPlaneLimits.keyCacheSeconds)) { digest throws(Fault) in
            try await store.signedIn(digest.bytes, at: clocks.now()).map { who in
                switch who {
                case .key(let row): Asker(row)
                case .user(let row): Asker(row)
                }
            }
        }
    }

    /// The new session's id; `nil` where a user's password is not kept as `against` any more, or the user is disabled. Of too many the oldest one ends, of
    /// the same tenant's, consultancy's or the operator's own.
    func open(for who: SignedIn, against: String?) async throws(Fault) -> String? {
        let id = random.bytes(32).hexText
        let now = clocks.now()
        let isOpen = try await store.openSession(
            SignedIn.digest(id), for: who, against: against, at: now, until: now + .seconds(ControlPlaneLimits.sessionSeconds), most: ControlPlaneLimits.sessionsEach)
        return isOpen ? id : nil
    }

    /// Who is signed in, as their key or user stands now.
    func asker(_ id: String) async throws(Fault) -> Asker? {
        guard id.utf8.count == Sessions.idCharacters else { return nil }
        return try await known.value(Keyring.Fingerprint(SignedIn.digest(id)))
    }

    func close(_ id: String) async throws(Fault) {
        guard id.utf8.count == Sessions.idCharacters else { return }
        let digest = SignedIn.digest(id)
        try await store.closeSession(digest)
        known.forget(Keyring.Fingerprint(digest))
    }

    private static let idCharacters = 64
}
