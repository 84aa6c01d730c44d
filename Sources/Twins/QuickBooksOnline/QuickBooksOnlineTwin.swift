public import Kernel
public import TwinKit
public import Wire

/// QuickBooks Online with one US company: automated sales tax, home currency USD, multi-currency off, books closed
/// through 2026-10-31; or with one in Britain, whose lines have tax codes. Speaks the accounting API v3 as JSON and the token endpoint; keeps what it promised in its
/// journal.
///
/// The chart of accounts and the other seeded objects, with their ids, are listed at `QBOSeed`.
public final class QuickBooksOnlineTwin: LedgerTwin, LivingTwin {
    /// The verifier token of the app's webhook, where whoever subscribes says no other.
    public static let verifierToken = "sandbox-verifier-token"
    /// - Source: QuickBooks Online docs, "Webhooks", retry policy.
    public static let vendorWaits = WebhookWaits(
        [10, 20, 30, 300, 1200, 7200, 14_400, 21_600].map { Duration.seconds($0) })

    private struct State: Sendable {
        var company: QBOCompany
        var throttle = QBOThrottle()
        /// The disk refused a record: what memory holds is no longer what a restart would give.
        var isBroken = false
    }

    public let prefix: String

    private let state: Locked<State>
    private let journal: TwinJournal
    private let limits: QuickBooksOnlineLimits
    private let waits: WebhookWaits
    private let random: any RandomSource

    /// Opens the company as its journal left it.
    /// - Parameters:
    ///   - prefix: another than `/qbo` for a second company beside the first.
    ///   - country: where the company is.
    ///   - name: what it is called, where not as usual.
    ///   - waits: when webhooks are sent again.
    /// - Throws: what reading the journal throws.
    public init(
        prefix: String = "/qbo", country: QuickBooksOnlineCountry = .unitedStates, name: String? = nil, journal: TwinJournal, limits: QuickBooksOnlineLimits = QuickBooksOnlineLimits(), waits: WebhookWaits = vendorWaits,
        random: any RandomSource = SystemRandom()
    ) throws(Fault) {
        var company = QBOCompany(country, name: name)
        try journal.replay { company.apply($0) }
        company.queue.commit()
        self.prefix = prefix
        self.journal = journal
        self.limits = limits
        self.waits = waits
        self.random = random
        state = Locked(State(company: company))
    }

    public func respond(_ request: HTTPRequest, at now: Timestamp) -> HTTPResponse {
        var response = state.with { [journal, limits, random] state in
            guard !state.isBroken else { return Self.outOfOrder(now) }
            state.company.now = now
            state.company.host = request.fields["Host"] ?? ""
            let answer = Self.route(request, &state, limits: limits, random: random)
            return Self.keep(&state, in: journal, random) ? answer : Self.outOfOrder(now)
        }
        response.fields["intuit_tid"] = tid()
        return response
    }

    // MARK: - The bookkeeper's own doings

    public func entries() -> [LedgerEntry] { state.with { $0.company.entries() } }

    public func setAccountActive(_ code: String, _ active: Bool) {
        state.with { [journal, random] state in
            let account = state.company.table(.account).all.first { $0.text("AcctNum") == code }
            guard let account, let id = account.text("Id"), account.flag("Active") != active else { return }
            let changed = state.company.headed(account.setting("Active", .bool(active)), id: id, current: account)
            state.company.put(.account, id, changed)
            _ = Self.keep(&state, in: journal, random)
        }
    }

    public func setLockDate(_ date: LocalDate?) {
        state.with { [journal, random] state in
            let preferences = state.company.preferences
            var accounting = (preferences["AccountingInfoPrefs"] ?? [:]).without(["BookCloseDate"])
            if let date { accounting = accounting.setting("BookCloseDate", .string(date.description)) }
            let changed = preferences.setting("AccountingInfoPrefs", accounting)
            state.company.put(.preferences, "1", state.company.headed(changed, id: "1", current: preferences))
            _ = Self.keep(&state, in: journal, random)
        }
    }

    /// Ends every access token at once, as the vendor does when it suspects one; refresh values live on.
    public func revokeAccessTokens() {
        state.with { [journal, random] state in
            state.company.changeGrants(.revokeAccess)
            _ = Self.keep(&state, in: journal, random)
        }
    }

    // MARK: - The world

    /// Lets something happen at the company's own screens or in the app's portal. What can, and with which members, is listed at
    /// `QBOCompany.happen`.
    /// - Throws: `happening_refused`, `journal_unusable`.
    public func happen(_ happening: JSON, at now: Timestamp) throws(Fault) -> JSON {
        let outcome: Result<JSON, Fault> = state.with { [journal, limits, random] state in
            guard !state.isBroken else { return .failure(TwinJournal.unwritten) }
            state.company.now = now
            do throws(QBOError) {
                let out = try state.company.happen(happening, limits)
                return Self.keep(&state, in: journal, random) ? .success(out) : .failure(TwinJournal.unwritten)
            } catch {
                return .failure(Happening.refused("\(error.message): \(error.detail)", error.element))
            }
        }
        return try outcome.get()
    }

    public func takeWebhooks(at now: Timestamp, most: Int) -> [DueWebhook] {
        state.with { state in
            guard let hook = state.company.hook else { return [] }
            return state.company.queue.take(at: now, most: most, inOrder: true).map { DueWebhook(id: $0.id, request: hook.request($0.body)) }
        }
    }

    /// Nothing but 200 is an acknowledgement.
    /// - Source: QuickBooks Online docs, "Webhooks": the endpoint answers 200 within three seconds.
    public func settleWebhook(_ id: String, status: Int?, at now: Timestamp) {
        state.with { [journal, waits, random] state in
            _ = state.company.queue.settle(id, acknowledged: status == 200, at: now, waits: waits)
            _ = Self.keep(&state, in: journal, random)
        }
    }

    public func nextWebhook() -> Timestamp? { state.with { $0.company.hook == nil ? nil : $0.company.queue.next(inOrder: true) } }

    // MARK: - Answers of the fault plan

    /// The vendor sends no `Retry-After`; the fault plan may.
    public func throttled(retryAfterSeconds: Int?) -> HTTPResponse {
        var response = Self.throttled(Timestamp(seconds: 0))
        if let retryAfterSeconds { response.fields["Retry-After"] = String(retryAfterSeconds) }
        return response
    }

    public func unavailable() -> HTTPResponse {
        HTTPResponse(
            503, fields: ["Content-Type": "text/html"],
            body: Array("<html><body><h1>503 Service Unavailable</h1></body></html>".utf8))
    }

    /// Only the accounting API asks for access tokens; the token endpoint has the client's own credentials.
    public func withRevokedToken(_ request: HTTPRequest) -> HTTPRequest {
        guard request.target.hasPrefix("/v3/") else { return request }
        var revoked = request
        revoked.fields["Authorization"] = "Bearer revoked-by-the-fault-plan"
        return revoked
    }

    // MARK: - Inside the lock

    private static func route(
        _ request: HTTPRequest, _ state: inout State, limits: QuickBooksOnlineLimits, random: any RandomSource
    ) -> HTTPResponse {
        let path = request.path.split(separator: "/").map { Form.unpercent($0) }
        switch (request.method, path.joined(separator: "/")) {
        case (.post, "oauth2/v1/tokens/bearer"): return state.company.token(request, random: random)
        case (.post, "v2/oauth2/tokens/revoke"): return state.company.revoke(request)
        case (.get, "connect/oauth2"), (.post, "connect/oauth2"): return state.company.consent(request, random: random)
        default: break
        }
        if request.method == .get, path.first == "files" { return state.company.file(path) }
        guard path.count >= 4, path[0] == "v3", path[1] == "company" else { return .text(404, "Not Found") }
        if let refusal = state.company.authorize(request, realm: path[2]) { return refusal }
        let now = state.company.now
        guard state.throttle.admit(isBatch: path[3] == "batch", at: now, limits) else { return throttled(now) }
        let own = Array(path.dropFirst(3))
        guard state.company.read(QBOCompany.reads(request, own), allowance: limits.readsPerMonth) else { return throttled(now) }
        return state.company.call(request, path: own, limits: limits)
    }

    /// Files are larger than what is said of them, and Base64 makes them a third larger still.
    public func bodyBytesMost(_ target: String) -> Int { target.contains("/upload") ? limits.uploadBytes / 2 * 3 : 4 << 20 }

    /// Writes the request's records; false when the disk refused, after which the twin answers nothing more until
    /// restarted.
    private static func keep(_ state: inout State, in journal: TwinJournal, _ random: any RandomSource) -> Bool {
        do {
            try journal.append(state.company.takePending(random))
            return true
        } catch {
            state.isBroken = true
            return false
        }
    }

    /// XML, whatever the caller accepts.
    /// - Source: intuit/QuickBooks-V3-PHP-SDK issue 54, routablehq/python-quickbooks issue 83.
    private static func throttled(_ now: Timestamp) -> HTTPResponse {
        let text = """
            <?xml version="1.0" encoding="UTF-8" standalone="yes"?><IntuitResponse time="\(QBOTime.answer(now))" \
            xmlns="http://schema.intuit.com/finance/v3"><Fault type="SERVICE"><Error code="3001">\
            <Message>message=ThrottleExceeded; errorCode=003001; statusCode=429</Message>\
            <Detail>The request limit was reached. Try again later</Detail></Error></Fault></IntuitResponse>
            """
        return HTTPResponse(429, fields: ["Content-Type": "application/xml"], body: Array(text.utf8))
    }

    private static func outOfOrder(_ now: Timestamp) -> HTTPResponse {
        let error = QBOError(
            code: "10000", message: "An application error has occurred while processing your request",
            detail: "System Failure Error: the twin's journal could not be written", type: "SystemFault")
        return .json(500, ["Fault": error.fault, "time": .string(QBOTime.answer(now))])
    }

    /// The transaction id that support asks for: `1-xxxxxxxx-xxxxxxxxxxxxxxxxxxxxxxxx`.
    private func tid() -> String {
        let text = random.bytes(16).hexText
        return "1-\(text.prefix(8))-\(text.dropFirst(8))"
    }
}
