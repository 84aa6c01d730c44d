public import Kernel
public import TwinKit
public import Wire

/// How much the twin, and the proxy before it, let through.
///
/// Odoo itself publishes no quota. Odoo Online asks for about a call a second without parallel floods, and its proxy answers 429 or 503 to whoever
/// does not keep to it; these figures are our choice.
public struct OdooLimits: Sendable {
    /// Calls a second, on average.
    public var callsPerSecond: Int
    /// Calls that may come at once.
    public var burst: Int
    /// Largest body, bytes.
    /// - Source: nginx in front of Odoo, `client_max_body_size` of 128 MB.
    public var bodyBytes: Int
    /// Every how many writes of ledger documents two transactions meet and this one loses; `nil` for never.
    public var conflictsEvery: Int?

    public init(callsPerSecond: Int = 20, burst: Int = 600, bodyBytes: Int = 128 << 20, conflictsEvery: Int? = nil) {
        self.callsPerSecond = callsPerSecond
        self.burst = burst
        self.bodyBytes = bodyBytes
        self.conflictsEvery = conflictsEvery
    }
}

/// Odoo's external API of versions 14 to 19: XML-RPC, JSON-RPC and JSON-2 (19), with a company's double-entry books in every database.
///
/// A database's name ends in its version, and it exists as soon as somebody asks for it: `odoo16`, `acme-19`. Below `/odoo` is a server of
/// version 19 with all databases; below `/odoo/<database>` is the host of that one, which says its version.
/// What databases hold from the beginning stands at `OdooSeed`. Everything answered is in the journal before the answer.
/// - Source: odoo/documentation `content/developer/reference/external_api.rst` and `external_rpc_api.rst`; odoo/odoo `addons/rpc`, `addons/account`.
public final class OdooTwin: LedgerTwin {
    public let prefix = "/odoo"
    /// The administrator's key, in every database.
    public static let apiKey = "4d1c0e5b7a92f83366c1ab20d97f5e418b3c6a07"
    /// The administrator's login, and password too.
    public static let login = "admin"

    private let random: any RandomSource
    private let state: Remembered<OdooState>

    /// Opens the databases as the journal left them.
    /// - Throws: the journal's faults.
    public init(journal: TwinJournal, limits: OdooLimits = OdooLimits(), random: any RandomSource = SystemRandom()) throws(Fault) {
        self.random = random
        state = try Remembered(OdooState(limits: limits), in: journal)
    }

    public func respond(_ request: HTTPRequest, at now: Timestamp) -> HTTPResponse {
        // A worker that can't write its database is gone: the proxy answers for it.
        state.change { [random] in $0.respond(request, at: now, random: random) } ifLost: { _, _ in OdooProxy.badGateway }
    }

    // MARK: - The bookkeeper's own doings

    public func entries() -> [LedgerEntry] {
        state.look { state in state.books.keys.sorted().flatMap { state.books[$0]?.entries() ?? [] } }
    }

    public func setAccountActive(_ code: String, _ active: Bool) {
        state.change { state in
            state.each { database in
                guard let account = OdooSeed.account(code, database) else { return }
                database.update("account.account", account, ["deprecated": .bool(!active)])
            }
        }
    }

    public func setLockDate(_ date: LocalDate?) {
        state.change { state in
            state.setLockDate(date)
            state.each { $0.update("res.company", 1, ["fiscalyear_lock_date": .orFalse(date?.description)]) }
        }
    }

    /// Keys that programs made for themselves end; those of people and their passwords go on.
    public func revokeAccessTokens() {
        state.change { state in state.each { $0.endGeneratedKeys() } }
    }

    // MARK: - Answers of the fault plan

    public func throttled(retryAfterSeconds: Int?) -> HTTPResponse {
        var response = OdooProxy.tooMany
        if let retryAfterSeconds { response.fields["Retry-After"] = String(retryAfterSeconds) }
        return response
    }

    public func unavailable() -> HTTPResponse { OdooProxy.unavailable }
}
