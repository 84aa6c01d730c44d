public import Kernel
public import TwinKit
public import Wire

/// How much the twin lets through.
/// - Source: developer.xero.com, "OAuth 2.0 API limits": 60 calls a minute and 5000 a day for each organisation and
///   app, 10,000 a minute for the app. The limit of 5 calls in flight can't show by itself, since `respond` is synchronous:
///   the happening `crowds` shows it.
public struct XeroLimits: Sendable {
    public var callsPerMinute: Int
    public var callsPerDay: Int
    public var appCallsPerMinute: Int
    /// Largest body of a POST or PUT, bytes (3.5 MB).
    public var bodyBytes: Int
    /// Largest attachment, bytes (25 MB).
    public var attachmentBytes: Int
    /// Rows of a list from which on unoptimised filters and orders of it are refused.
    public var highVolumeRows: Int

    public init(
        callsPerMinute: Int = 60, callsPerDay: Int = 5000, appCallsPerMinute: Int = 10_000, bodyBytes: Int = 3_500_000,
        attachmentBytes: Int = 25 << 20, highVolumeRows: Int = 500_000
    ) {
        self.callsPerMinute = callsPerMinute
        self.callsPerDay = callsPerDay
        self.appCallsPerMinute = appCallsPerMinute
        self.bodyBytes = bodyBytes
        self.attachmentBytes = attachmentBytes
        self.highVolumeRows = highVolumeRows
    }

    /// Of apps on the vendor's Starter tier.
    /// - Source: developer.xero.com, "Pricing": 1000 calls a day for each organisation.
    public static let starter = XeroLimits(callsPerDay: 1000)
}

/// Xero's Accounting API 2.0 for one UK organisation, with double-entry books underneath.
///
/// Speaks JSON at `/xero/api.xro/2.0`, `/xero/connections` and `/xero/identity/connect`; everything it answered is in
/// the journal before it answers, so a kill at any moment forgets nothing.
/// - Source: XeroAPI/Xero-OpenAPI xero_accounting.yaml 16.1.0 and xero-identity.yaml; developer.xero.com.
public final class XeroTwin: LedgerTwin, LivingTwin {
    /// The signing key of the app's webhook, where whoever subscribes says no other.
    public static let webhookKey = "sandbox-webhook-key"
    /// - Source: developer.xero.com, "Configuring your server": with decreasing frequency for up to 24 hours, after which the webhook is disabled.
    ///   At which minutes is the twin's.
    public static let vendorWaits = WebhookWaits([1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 417].map { Duration.seconds($0 * 60) }, attempts: 12)

    public let prefix = "/xero"
    /// The organisation's tenant id.
    public static let tenantID = XeroSeed.tenant

    private let journal: TwinJournal
    private let random: any RandomSource
    private let waits: WebhookWaits
    private let state: Locked<XeroState>

    /// Opens the twin on what `journal` remembers.
    /// - Parameters:
    ///   - limits: the call limits.
    ///   - waits: when webhooks are sent again.
    ///   - random: where GUIDs and tokens come from.
    /// - Throws: the journal's faults.
    public init(
        journal: TwinJournal, limits: XeroLimits = XeroLimits(), waits: WebhookWaits = vendorWaits, random: any RandomSource = SystemRandom()
    ) throws(Fault) {
        self.journal = journal
        self.waits = waits
        self.random = random
        var state = XeroState(limits: limits)
        try journal.replay { state.replay($0) }
        state.replayed()
        self.state = Locked(state)
    }

    public func respond(_ request: HTTPRequest, at now: Timestamp) -> HTTPResponse {
        let (journal, random) = (journal, random)
        var response: HTTPResponse = state.with { state in
            let answer = state.respond(request, at: now, random: random)
            return Self.persist(&state, journal, random) ? answer : HTTPResponse.text(500, "An error occurred in Xero.")
        }
        response.fields["Xero-Correlation-Id"] = random.identifier(XeroObjectKind.self).description
        return response
    }

    /// Commits what changed, or takes it back when the journal can't keep it.
    private static func persist(_ state: inout XeroState, _ journal: TwinJournal, _ random: any RandomSource) -> Bool {
        state.tellWebhook(random)
        let records = state.changes
        guard !records.isEmpty else { return true }
        do {
            try journal.append(records)
            state.commit()
            return true
        } catch {
            state.rollback()
            return false
        }
    }

    public func entries() -> [LedgerEntry] { state.with { $0.ledgerEntries() } }

    public func setAccountActive(_ code: String, _ active: Bool) {
        change { state in
            guard var account = state.account(code: code) else { return }
            account.active = active
            account.updated = max(account.updated, state.now)
            state.accounts.put(account)
        }
    }

    public func setLockDate(_ date: LocalDate?) {
        change { state in
            var settings = state.settings
            settings.lockDate = date
            state.settingsTable.put(settings)
        }
    }

    /// Every access token given out so far is refused from now on; refresh tokens keep working.
    public func revokeAccessTokens() {
        change { state in
            for var session in state.sessions.all where !session.revoked {
                session.revoked = true
                state.sessions.put(session)
            }
        }
    }

    /// How often each property that Xero does not have was sent, as `Invoice.Foo`, since the twin was opened.
    public var unknownProperties: [String: Int] { state.with { $0.unknownProperties } }

    private func change(_ body: @Sendable (inout XeroState) -> Void) {
        let (journal, random) = (journal, random)
        state.with { state in
            body(&state)
            _ = Self.persist(&state, journal, random)
        }
    }

    // MARK: The world

    /// Lets something happen at the organisation's own screens or in the app's portal. What can, and with which members, is listed at
    /// `XeroState.happen`.
    /// - Throws: `happening_refused`, `journal_unusable`.
    public func happen(_ happening: JSON, at now: Timestamp) throws(Fault) -> JSON {
        let (journal, random) = (journal, random)
        let outcome: Result<JSON, Fault> = state.with { state in
            state.now = now
            do throws(Fault) {
                let out = try state.happen(happening, at: now, random: random)
                return Self.persist(&state, journal, random) ? .success(out) : .failure(TwinJournal.unwritten)
            } catch {
                state.rollback()
                return .failure(error)
            }
        }
        return try outcome.get()
    }

    public func takeWebhooks(at now: Timestamp, most: Int) -> [DueWebhook] { state.with { $0.takeWebhooks(at: now, most: most) } }

    public func settleWebhook(_ id: String, status: Int?, at now: Timestamp) {
        let waits = waits
        change { $0.settleWebhook(id, status: status, at: now, waits: waits) }
    }

    public func nextWebhook() -> Timestamp? { state.with { $0.queue.next(inOrder: false) } }

    public func throttled(retryAfterSeconds: Int?) -> HTTPResponse {
        var response = HTTPResponse(429)
        response.fields["X-Rate-Limit-Problem"] = "minute"
        if let retryAfterSeconds { response.fields["Retry-After"] = String(retryAfterSeconds) }
        return response
    }

    public func unavailable() -> HTTPResponse { .text(503, "The Organisation is offline") }
}
