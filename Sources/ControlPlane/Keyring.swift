internal import Crypto
internal import FoundationEssentials
internal import Kernel
internal import Store
internal import Synchronization
internal import Wire

/// Who asks, and what they may see and do. A class: whoever is remembered is handed on as one reference.
final class Asker: Sendable {
    /// Of a user who is signed in: his id, which no key has.
    let key: APIKeyID
    let isUser: Bool
    /// The key's id as text: asked for often, slow to write.
    let keyText: String
    let label: String
    let sees: Visibility
    let scopes: Set<Scope>
    /// What the key is told of itself, written once.
    let json: [UInt8]

    /// In the audit trail: labels are anybody's choice, so the id's beginning goes with it.
    var actor: String { "\(isUser ? "user" : "key") \(label) (\(keyText.prefix(8)))" }
    /// Sees every consultancy.
    var isOperator: Bool { sees == .all }

    /// Of endpoints that are open: sees no tenant at all.
    static let nobody = Asker(key: .zero, label: "", sees: Visibility(tenant: .zero), scopes: [])

    init(key: APIKeyID, isUser: Bool = false, label: String, sees: Visibility, scopes: Set<Scope>) {
        self.key = key
        self.isUser = isUser
        keyText = key.description
        self.label = label
        self.sees = sees
        self.scopes = scopes
        json = JSON.object([
            ("id", .string(keyText)), ("label", .string(label)),
            ("scopes", .array(Scope.allCases.filter { scopes.contains($0) }.map { .string($0.rawValue) })),
            ("consultancy", .optional(sees.consultancy?.description)), ("tenant", .optional(sees.tenant?.description)),
        ]).bytes
    }

    convenience init(_ row: APIKeyRow) { self.init(key: row.id, label: row.label, sees: row.visibility, scopes: Asker.all(row.scopes)) }

    convenience init(_ row: UserRow) {
        self.init(key: APIKeyID(row.id.uuid), isUser: true, label: row.name, sees: row.visibility, scopes: Asker.all(row.scopes))
    }

    /// Each scope with those before it.
    private static func all(_ words: [String]) -> Set<Scope> {
        var all: Set<Scope> = []
        for word in words.compactMap({ Scope(rawValue: $0) }) {
            for scope in Scope.allCases {
                all.insert(scope)
                if scope == word { break }
            }
        }
        return all
    }
}

extension Identifier {
    /// Belongs to nothing.
    static var zero: Self { Self(UUID(uuid: (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0))) }
}

/// Keys looked up in the database, remembered for a few seconds by digest. A revoked key works no longer than that.
final class Keyring: Sendable {
    /// A key's SHA-256. Its first eight bytes hash as well as all of them, and cheaper.
    struct Fingerprint: Hashable, Sendable {
        let bytes: [UInt8]

        init(_ digest: [UInt8]) { bytes = digest }

        func hash(into hasher: inout Hasher) { hasher.combine(bytes.withUnsafeBytes { $0.count < 8 ? 0 : $0.loadUnaligned(as: UInt64.self) }) }
    }

    private let known: Cache<Fingerprint, Asker?>
    private let store: Store

    init(store: Store, clocks: any Clocks) {
        self.store = store
        known = Cache(clocks: clocks, lasting: .seconds(ControlPlaneLimits.keyCacheSeconds)) { key throws(Fault) in
            try await store.key(digest: key.bytes).map { Asker($0) }
        }
    }

    /// What a request's key is known by: the SHA-256 of the text after `Bearer`.
    /// - Throws: 401 without a key of ours.
    static func digest(_ request: HTTPRequest) throws -> [UInt8] {
        guard var value = request.fields.only("Authorization"), value.withUTF8(isBearer) else {
            throw Refusal(401, "unauthenticated", "The request carries no API key.", remedy: "Send Authorization: Bearer cf_….")
        }
        let key = value.withUTF8 { Array($0[7...].drop { $0 == 32 }) }
        guard isKey(key) else { throw Refusal(401, "unauthenticated", "The API key is unknown or revoked.", remedy: "Ask your operator for a key.") }
        return Digest.sha256(key)
    }

    private static func isBearer(_ value: UnsafeBufferPointer<UInt8>) -> Bool {
        value.count > 7 && value[6] == 32 && zip(value, "bearer".utf8).allSatisfy { $0 | 32 == $1 }
    }

    private static func isKey(_ text: [UInt8]) -> Bool { text.count == 3 + Store.keyCharacters && text.starts(with: "cf_".utf8) }

    /// Without asking the database; `.none` when it has to be asked.
    func remembered(_ digest: [UInt8]) -> Asker?? { known.remembered(Fingerprint(digest)) }

    /// The key's row as it stands now, for somebody who signs in with it; `nil` for a key that is malformed, unknown or revoked.
    func row(key text: some StringProtocol) async throws(Fault) -> APIKeyRow? {
        let key = Array(text.utf8)
        guard Keyring.isKey(key) else { return nil }
        return try await store.key(digest: Digest.sha256(key))
    }

    /// By the SHA-256 of the key.
    func asker(digest: [UInt8]) async throws(Fault) -> Asker? { try await known.value(Fingerprint(digest)) }
}

/// Values that are good for a while. Bounded: full, it forgets everything. However many ask, one looks up; and what is still asked for in the
/// second half of its while is looked up anew before it ends, so that nobody has to wait for it.
final class Cache<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    typealias Look = @Sendable (Key) async throws(Fault) -> Value

    private struct State: Sendable {
        var entries: [Key: (value: Value, ageing: Duration, until: Duration)] = [:]
        var looks: [Key: (number: Int, task: Task<Result<Value, Fault>, Never>)] = [:]
        var lastNumber = 0
    }

    private let clocks: any Clocks
    private let lasting: Duration
    private let look: Look
    private let state = Mutex(State())

    init(clocks: any Clocks, lasting: Duration, look: @escaping Look) {
        self.clocks = clocks
        self.lasting = lasting
        self.look = look
    }

    /// What is known without a look.
    func remembered(_ key: Key) -> Value? {
        let now = clocks.monotonic()
        let (found, ages) = state.withLock { state -> (Value?, Bool) in
            guard let entry = state.entries[key], entry.until > now else { return (nil, false) }
            return (entry.value, entry.ageing <= now && state.looks[key] == nil)
        }
        if ages { _ = running(key) }
        return found
    }

    /// What is known, or else what a look finds.
    func value(_ key: Key) async throws(Fault) -> Value {
        if let found = remembered(key) { return found }
        return try await running(key).value.get()
    }

    /// The look-up under way, which is begun unless there is one.
    private func running(_ key: Key) -> Task<Result<Value, Fault>, Never> {
        state.withLock { state in
            if let look = state.looks[key] { return look.task }
            state.lastNumber += 1
            let number = state.lastNumber
            let task = Task<Result<Value, Fault>, Never> {
                let result: Result<Value, Fault>
                do throws(Fault) { result = .success(try await self.look(key)) } catch { result = .failure(error) }
                self.end(key, number, result)
                return result
            }
            state.looks[key] = (number, task)
            return task
        }
    }

    private func end(_ key: Key, _ number: Int, _ result: Result<Value, Fault>) {
        let now = clocks.monotonic()
        state.withLock { state in
            // Forgotten meanwhile: what was found may be what is no longer so.
            guard state.looks[key]?.number == number else { return }
            state.looks[key] = nil
            guard case .success(let value) = result else { return }
            if state.entries.count >= ControlPlaneLimits.cacheEntries { state.entries.removeAll() }
            state.entries[key] = (value, now + lasting / 2, now + lasting)
        }
    }

    func forget(_ key: Key) {
        state.withLock { state in
            state.entries[key] = nil
            state.looks[key] = nil
        }
    }
}
