internal import Crypto
internal import FoundationEssentials
internal import Kernel
internal import Store
internal import Wire

/// Who asks, and what they may see and do.
struct Asker: Sendable, Equatable {
    var key: APIKeyID
    var label: String
    var sees: Visibility
    var scopes: Set<Scope>

    /// In the audit trail.
    var actor: String { "key \(label)" }
    /// Sees every consultancy.
    var isOperator: Bool { sees == .all }

    /// Of endpoints that are open: sees no tenant at all.
    static let nobody = Asker(key: .zero, label: "", sees: Visibility(tenant: .zero), scopes: [])

    init(key: APIKeyID, label: String, sees: Visibility, scopes: Set<Scope>) {
        self.key = key
        self.label = label
        self.sees = sees
        self.scopes = scopes
    }

    init(_ row: APIKeyRow) {
        key = row.id
        label = row.label
        sees = row.visibility
        var all: Set<Scope> = []
        for word in row.scopes.compactMap({ Scope(rawValue: $0) }) {
            for scope in Scope.allCases {
                all.insert(scope)
                if scope == word { break }
            }
        }
        scopes = all
    }
}

extension Identifier {
    /// Belongs to nothing.
    static var zero: Self { Self(UUID(uuid: (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0))) }
}

/// Keys looked up in the database, remembered for a few seconds by digest. A revoked key works no longer than that.
final class Keyring: Sendable {
    private let store: Store
    private let clocks: any Clocks
    private let known: Cache<[UInt8], Asker?>

    init(store: Store, clocks: any Clocks) {
        self.store = store
        self.clocks = clocks
        known = Cache(clocks: clocks, lasting: .seconds(ControlPlaneLimits.keyCacheSeconds))
    }

    /// - Throws: 401 without a good key.
    func asker(_ request: HTTPRequest) async throws -> Asker {
        let values = request.fields.all("Authorization")
        guard values.count == 1, let value = values.first, value.lowercased().hasPrefix("bearer ") else {
            throw Refusal(401, "unauthenticated", "The request carries no API key.", remedy: "Send Authorization: Bearer cf_….")
        }
        guard let asker = try await asker(key: value.dropFirst(7).trimmingPrefix { $0 == " " }) else {
            throw Refusal(401, "unauthenticated", "The API key is unknown or revoked.", remedy: "Ask your operator for a key.")
        }
        return asker
    }

    /// `nil` for a key that is malformed, unknown or revoked.
    func asker(key text: some StringProtocol) async throws(Fault) -> Asker? {
        guard text.hasPrefix("cf_"), text.utf8.count == 3 + Store.keyCharacters else { return nil }
        return try await asker(digest: Digest.sha256(Array(text.utf8)))
    }

    /// By the SHA-256 of the key.
    func asker(digest: [UInt8]) async throws(Fault) -> Asker? {
        if let found = known[digest] { return found }
        let asker = try await store.key(digest: digest).map { Asker($0) }
        known[digest] = .some(asker)
        return asker
    }
}

/// Values that are good for a while. Bounded: full, it forgets everything.
final class Cache<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    private let clocks: any Clocks
    private let lasting: Duration
    private let entries = Locked<[Key: (value: Value, until: Duration)]>([:])

    init(clocks: any Clocks, lasting: Duration) {
        self.clocks = clocks
        self.lasting = lasting
    }

    subscript(_ key: Key) -> Value? {
        get {
            let now = clocks.monotonic()
            return entries.with { entries in entries[key].flatMap { $0.until > now ? $0.value : nil } }
        }
        set {
            let until = clocks.monotonic() + lasting
            entries.with { entries in
                if entries.count >= ControlPlaneLimits.cacheEntries { entries.removeAll() }
                entries[key] = newValue.map { ($0, until) }
            }
        }
    }

    func forget(_ key: Key) { entries.with { $0[key] = nil } }
}
