public import Kernel
public import TwinKit
public import Wire

/// How much the gateway lets through.
///
/// Sage sells tiers and publishes no figures; these are our choice.
public struct SageIntacctLimits: Sendable {
    /// Requests a second, on average.
    public var callsPerSecond: Int
    /// Requests that may come at once.
    public var burst: Int
    /// Largest body, bytes.
    public var bodyBytes: Int
    /// Functions in one request.
    public var functions: Int
    /// How long a session lasts, whether it is used or not.
    public var session: Duration

    public init(callsPerSecond: Int = 20, burst: Int = 600, bodyBytes: Int = 16 << 20, functions: Int = 100, session: Duration = .seconds(12 * 3600)) {
        self.callsPerSecond = callsPerSecond
        self.burst = burst
        self.bodyBytes = bodyBytes
        self.functions = functions
        self.session = session
    }
}

/// Sage Intacct's XML gateway (DTD 3.0) at `/ia/xml/xmlgw.phtml`, with the double-entry books of every company behind it.
///
/// Companies are there as soon as somebody signs in to them: `Lakeside` and whatever begins so have two entities, 100 in US dollars and 200 in pounds
/// with VAT; `Solo` and whatever begins so have none. What they hold from the beginning stands at `IntacctSeed`. Everything answered is in the
/// journal before the answer.
/// - Source: intacct/intacct_dtd, `v3.0/api.xsd` of 2025 R1; intacct/intacct-sdk-php; developer.intacct.com, "XML requests", "Error handling", "Queries".
public final class SageIntacctTwin: LedgerTwin {
    public let prefix = "/intacct"
    /// The partner's licence.
    public static let senderID = "counterfoil_partner"
    public static let senderPassword = "partner-secret-7"
    /// A second licence, which no company has authorised.
    public static let strangerID = "stranger_partner"
    /// The web services user of every company.
    public static let userID = "ws_user"
    public static let userPassword = "ws-user-secret-3"
    /// A user who may only look; the same password.
    public static let readerID = "ws_reader"
    public static let company = "Lakeside"

    private let random: any RandomSource
    private let state: Remembered<IntacctState>
    /// The last time at which anybody called: what the bookkeeper does happens then.
    private let clock = Locked(Timestamp(seconds: 1_767_225_600))

    /// Opens the companies as the journal left them.
    /// - Throws: the journal's faults.
    public init(journal: TwinJournal, limits: SageIntacctLimits = SageIntacctLimits(), random: any RandomSource = SystemRandom()) throws(Fault) {
        self.random = random
        state = try Remembered(IntacctState(limits: limits), in: journal)
    }

    public func respond(_ request: HTTPRequest, at now: Timestamp) -> HTTPResponse {
        clock.with { $0 = now }
        return state.change { [random] in $0.respond(request, at: now, random: random) } ifLost: { _, _ in IntacctGateway.unavailable }
    }

    private func change(_ body: (inout IntacctState, Timestamp) -> Void) {
        let now = clock.with { $0 }
        state.change { body(&$0, now) }
    }

    // MARK: - The bookkeeper's own doings

    public func entries() -> [LedgerEntry] {
        state.look { state in state.books.keys.sorted().flatMap { state.books[$0]?.entries() ?? [] } }
    }

    public func setAccountActive(_ code: String, _ active: Bool) {
        change { state, now in state.setActive(code, active, at: now) }
    }

    public func setLockDate(_ date: LocalDate?) { change { state, now in state.close(date, at: now) } }

    /// Ends every session.
    public func revokeAccessTokens() { change { state, _ in state.each { $0.endSessions() } } }

    // MARK: - Answers of the fault plan

    public func throttled(retryAfterSeconds: Int?) -> HTTPResponse {
        var response = IntacctGateway.throttled
        if let retryAfterSeconds { response.fields["Retry-After"] = String(retryAfterSeconds) }
        return response
    }

    public func unavailable() -> HTTPResponse { IntacctGateway.unavailable }
}
