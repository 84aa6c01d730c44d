internal import Books
public import ConnectorKit
internal import Crypto
public import HTTPClient
public import Kernel
public import Store
public import Telemetry
internal import Wire

/// What stands behind a connection while a worker uses it.
public struct CourierConnection: Sendable {
    public var row: ConnectionRow
    public var facts: ConnectionFacts

    public init(row: ConnectionRow, facts: ConnectionFacts) {
        self.row = row
        self.facts = facts
    }
}

/// What came of an exchange.
public enum Delivery<Output: Sendable>: Sendable {
    case done(Output)
    /// Certainly nothing was changed there; `Fault` says when to try again, or why never.
    case refused(Fault)
    /// A document with our key is there already.
    case duplicate(Fault)
    /// A write may or may not have happened.
    case unknown(Fault)
}

/// Drives exchanges for one tenant: budget, credential, send, judge, record. The only caller of the HTTP client; the sole owner of the
/// tenant's token sets while its worker holds the lease.
public actor Courier {
    let tenant: TenantID
    let store: Store
    let client: HTTPClient
    let clocks: any Clocks
    let seal: @Sendable ([UInt8], [UInt8]) throws(Fault) -> [UInt8]
    let open: @Sendable ([UInt8], [UInt8]) throws(Fault) -> [UInt8]
    let log: Log
    let metrics: Metrics
    /// Monotonic time after which nothing may be sent: the lease's end less the longest request.
    private let deadline: @Sendable () -> Duration
    private var credentials: [ConnectionID: (credential: Credential, version: Int, unproven: Bool)] = [:]
    private var refreshing: [ConnectionID: Task<Void, any Error>] = [:]
    /// Token sets that were issued but could not be saved yet: never used before they are.
    private var unsaved: [ConnectionID: Credential] = [:]

    /// `seal` and `open` work with the tenant's keys: `(bytes, context)`.
    public init(
        tenant: TenantID, store: Store, client: HTTPClient, clocks: any Clocks, log: Log, metrics: Metrics,
        seal: @escaping @Sendable ([UInt8], [UInt8]) throws(Fault) -> [UInt8], open: @escaping @Sendable ([UInt8], [UInt8]) throws(Fault) -> [UInt8],
        deadline: @escaping @Sendable () -> Duration
    ) {
        self.tenant = tenant
        self.store = store
        self.client = client
        self.clocks = clocks
        self.log = log
        self.metrics = metrics
        self.seal = seal
        self.open = open
        self.deadline = deadline
    }

    /// Steps of one exchange at most; a paging loop that never ends is a bug of a connector or a platform.
    private static let stepsMost = 2000

    /// Drives the exchange to its end. `startBy`: monotonic time after which no write is started, besides the lease's own end.
    public func run<Output: Sendable>(
        _ exchange: Exchange<Output>, connector: any Connector, connection: CourierConnection, startBy: Duration? = nil
    ) async -> Delivery<Output> {
        var step = exchange
        var wrote = false
        for _ in 0 ..< Courier.stepsMost {
            switch step {
            case .finish(let output): return .done(output)
            case .fail(let fault): return wrote ? .unknown(fault) : .refused(fault)
            case .send(let call, let then):
                switch await send(call, connector: connector, connection: connection, startBy: startBy) {
                case .accepted(let response):
                    if call.kind == .write { wrote = true }
                    step = then(response)
                case .refused(let fault): return wrote ? .unknown(fault) : .refused(fault)
                case .duplicate(let fault): return wrote ? .unknown(fault) : .duplicate(fault)
                case .unknown(let fault): return .unknown(fault)
                }
            }
        }
        let fault = Fault("exchange_endless", stage: .courier, disposition: .bug, summary: "an exchange took more than \(Courier.stepsMost) steps")
        return wrote ? .unknown(fault) : .refused(fault)
    }

    private enum Sent: Sendable {
        case accepted(HTTPResponse)
        case refused(Fault)
        case duplicate(Fault)
        case unknown(Fault)
    }

    /// One call: with one refresh when the token is refused, and repeats of what failed in passing.
    private func send(_ call: Call, connector: any Connector, connection: CourierConnection, startBy: Duration?) async -> Sent {
        var refreshed = false
        var attempt = 0
        while true {
            attempt += 1
            do throws(Fault) {
                try await charge(call, connector, connection)
                let (request, token) = try await dress(call, connector, connection)
                let longest = Duration.seconds(Limits.requestSeconds)
                try checkTime(call, longest, startBy)
                let started = clocks.monotonic()
                let outcome = await client.send(request, timeout: longest)
                metrics.observe(.callSeconds, ("platform", connector.spec.id), seconds: (clocks.monotonic() - started).inSeconds)
                switch await judge(outcome, call, connector, connection) {
                case .done(let sent):
                    if case .accepted = sent { await prove(connection) }
                    return sent
                case .refresh(let fault):
                    if refreshed { return .refused(await dead(fault, connector, connection)) }
                    refreshed = true
                    try await refresh(connection, connector, because: fault, used: token)
                case .again(let fault, let after):
                    guard attempt < 4, after <= Courier.waitMost, clocks.monotonic() + after < deadline() else { return .refused(fault) }
                    try await pause(after)
                }
            } catch {
                return .refused(error)
            }
        }
    }

    /// Longest wait inside a call; what takes longer goes back to the queue.
    private static let waitMost = Duration.seconds(2)

    private func pause(_ time: Duration) async throws(Fault) {
        do { try await clocks.sleep(for: time) } catch { throw Fault.wrapping(error, stage: .courier) }
    }

    /// Right before a send: a write that can't end within the lease, or that starts later than its intent allows, is not started.
    private func checkTime(_ call: Call, _ longest: Duration, _ startBy: Duration?) throws(Fault) {
        let now = clocks.monotonic(), end = deadline()
        switch call.kind {
        case .read where now < end: return
        case .write where now + longest < end && startBy.map({ now <= $0 }) ?? true: return
        case .read, .write:
            throw Fault(
                "lease_ending", stage: .courier, disposition: .retry, summary: "too little time is left for a request", retryAfter: .milliseconds(200))
        }
    }

    private enum Judged: Sendable {
        case done(Sent)
        case refresh(Fault)
        case again(Fault, Duration)
    }

    private func judge(_ outcome: HTTPOutcome, _ call: Call, _ connector: any Connector, _ connection: CourierConnection) async -> Judged {
        let platform = connector.spec.id
        switch outcome {
        case .notSent(let fault):
            metrics.count(.calls, ("platform", platform), ("verdict", "not_sent"))
            return .again(fault, .milliseconds(300))
        case .unknown(let fault):
            metrics.count(.calls, ("platform", platform), ("verdict", "unknown"))
            return call.kind == .read ? .again(fault, .milliseconds(300)) : .done(.unknown(fault))
        case .answered(let response):
            await book(connector.readings(response), connection)
            let verdict = connector.judge(response, to: call)
            switch verdict {
            case .accepted:
                metrics.count(.calls, ("platform", platform), ("verdict", "accepted"))
                return .done(.accepted(response))
            case .throttled(let after, let bucket):
                metrics.count(.calls, ("platform", platform), ("verdict", "throttled"))
                let pause = max(after ?? Courier.waitMost, .milliseconds(50))
                await stop(call, bucket, pause, connector, connection)
                return .again(Fault("throttled", stage: .courier, disposition: .wait, summary: "\(connector.spec.name) asks to slow down", retryAfter: pause), pause)
            case .unavailable(let fault):
                metrics.count(.calls, ("platform", platform), ("verdict", "unavailable"))
                // About the platform, not about what was asked of it.
                var down = fault
                down.stage = .courier
                return .again(down, .milliseconds(500))
            case .reauthorize(let fault):
                metrics.count(.calls, ("platform", platform), ("verdict", "reauthorize"))
                return .refresh(fault)
            case .duplicate(let fault):
                metrics.count(.calls, ("platform", platform), ("verdict", "duplicate"))
                return .done(.duplicate(fault))
            case .rejected(let fault):
                metrics.count(.calls, ("platform", platform), ("verdict", "rejected"))
                return .done(.refused(fault))
            case .outcomeUnknown(let fault):
                metrics.count(.calls, ("platform", platform), ("verdict", "unknown"))
                return call.kind == .read ? .again(fault, .milliseconds(500)) : .done(.unknown(fault))
            }
        }
    }

    /// The platform's own count. The answer is there already: whatever goes wrong here must not change what it means.
    private func book(_ readings: [BudgetReading], _ connection: CourierConnection) async {
        for reading in readings {
            do throws(Fault) {
                try await store.correct(tenant, connection.row.id, name: reading.name, remaining: reading.remaining)
            } catch { log.fault(.failed, error) }
        }
    }

    /// Nothing is charged to the bucket before the pause ends; where the platform does not say which it is, or it is not one of the connection's
    /// own, to none that the call is charged to.
    private func stop(_ call: Call, _ bucket: String?, _ pause: Duration, _ connector: any Connector, _ connection: CourierConnection) async {
        let own = charges(call, connector).map(\.name)
        for name in bucket.map({ own.contains($0) ? [$0] : own }) ?? own {
            do throws(Fault) { try await store.pause(tenant, connection.row.id, name: name, for: pause) } catch { log.fault(.failed, error) }
            log.info(.throttled, ("platform", connector.spec.id), ("bucket", name), ("pause_ms", "\(pause.wholeMilliseconds)"))
        }
    }

    /// What the call costs of the connection's own budgets; a call that costs none is counted all the same, so that it can be paused.
    private func charges(_ call: Call, _ connector: any Connector) -> [BudgetCharge] {
        // Our windows and the platform's begin at different moments: two of ours may fall into one of theirs. Where being wrong costs far more
        // than the window lasts, only half is spent.
        let own = connector.spec.limits.filter { $0.scope == .connection && (call.cost[$0.name] ?? 0) > 0 }
            .map { BudgetCharge(name: $0.name, amount: $0.window < .seconds(5) ? max(1, $0.amount / 2) : $0.amount, window: $0.window, cost: call.cost[$0.name] ?? 0) }
        return own.isEmpty ? [BudgetCharge(name: "calls", amount: 1_000_000, window: .seconds(60), cost: 1)] : own
    }

    /// Takes the call's units from every budget, waiting for short windows; longer waits go back to the queue.
    private func charge(_ call: Call, _ connector: any Connector, _ connection: CourierConnection) async throws(Fault) {
        let own = charges(call, connector)
        while let wait = try await store.take(tenant, connection.row.id, own) { try await hold(wait, connector) }
        for limit in connector.spec.limits where limit.scope == .app {
            guard let cost = call.cost[limit.name], cost > 0 else { continue }
            while let wait = try await store.takeApp(
                platform: connector.spec.id, name: limit.name, amount: limit.amount, window: limit.window, cost: cost) { try await hold(wait, connector) }
        }
    }

    private func hold(_ wait: Duration, _ connector: any Connector) async throws(Fault) {
        metrics.count(.throttled, ("platform", connector.spec.id))
        guard wait <= Courier.waitMost, clocks.monotonic() + wait < deadline() else {
            throw Fault(
                "budget_spent", stage: .courier, disposition: .wait, summary: "the request budget of \(connector.spec.name) is spent",
                remedy: "Nothing to do: work goes on when the window turns.", retryAfter: wait)
        }
        try await pause(wait)
    }

    /// Adds the host, the platform's headers and the credential; with the token that was used.
    private func dress(_ call: Call, _ connector: any Connector, _ connection: CourierConnection) async throws(Fault) -> (HTTPRequest, Secret) {
        var request = connector.prepare(call.request, for: connection.facts)
        for (name, value) in connector.spec.headers where request.fields[name] == nil { request.fields[name] = value }
        let base = connection.row.baseURL ?? connector.spec.productionBase.replacing("{account}", with: connection.row.account)
        request.target = base + request.target
        let token = try await accessToken(connection, connector)
        switch connector.spec.auth {
        case .oauth2(let oauth): request.fields[oauth.tokenHeader.name] = oauth.tokenHeader.prefix + token.revealText()
        case .header(let name): request.fields[name] = token.revealText()
        }
        return (request, token)
    }

    // MARK: - Credentials

    private func accessToken(_ connection: CourierConnection, _ connector: any Connector) async throws(Fault) -> Secret {
        let held = try held(connection)
        if held.refreshToken != nil, held.accessToken.isEmpty || held.expiresAt.map({ $0 < clocks.now() + .seconds(60) }) ?? false {
            try await refresh(connection, connector, because: nil, used: held.accessToken)
            return try self.held(connection).accessToken
        }
        return held.accessToken
    }

    /// The token set in force. A row with a higher version than ours has one that a person gave meanwhile.
    private func held(_ connection: CourierConnection) throws(Fault) -> Credential {
        if let known = credentials[connection.row.id], known.version >= connection.row.credentialVersion { return known.credential }
        return try adopt(connection.row)
    }

    @discardableResult
    private func adopt(_ row: ConnectionRow) throws(Fault) -> Credential {
        guard let sealed = row.credential else {
            throw Fault("not_connected", stage: .courier, disposition: .reauthorise, summary: "the connection \(row.slug) has no credential", remedy: "Connect the account.")
        }
        let credential = try Credential(json: try open(sealed, Credential.context(tenant, row.id)))
        credentials[row.id] = (credential, row.credentialVersion, row.credentialBefore != nil)
        return credential
    }

    /// One refresh at a time per connection; whoever comes meanwhile waits for it, and whoever comes with a token that is not in force any more
    /// has nothing to refresh. The new set is saved before its first use, the old one kept until the new one has worked.
    private func refresh(_ connection: CourierConnection, _ connector: any Connector, because fault: Fault?, used: Secret) async throws(Fault) {
        let id = connection.row.id
        if let running = refreshing[id] {
            do { try await running.value } catch { throw Fault.wrapping(error, stage: .courier) }
            return
        }
        guard try held(connection).accessToken.revealText() == used.revealText() else { return }
        let task = Task { try await self.exchangeRefreshToken(connection, connector, because: fault) }
        refreshing[id] = task
        defer { refreshing[id] = nil }
        do { try await task.value } catch { throw Fault.wrapping(error, stage: .courier) }
    }

    private func exchangeRefreshToken(_ connection: CourierConnection, _ connector: any Connector, because fault: Fault?) async throws(Fault) {
        let id = connection.row.id
        // The row as it is now: a person may have connected anew since it was read.
        guard let row = try await store.connection(tenant, id) else {
            throw Fault("unknown_connection", stage: .courier, disposition: .reject, summary: "the connection is not there any more")
        }
        if row.credentialVersion > credentials[id]?.version ?? connection.row.credentialVersion {
            unsaved[id] = nil
            try adopt(row)
            return
        }
        let current = try held(connection)
        if let waiting = unsaved[id] { return try await save(waiting, connection) }
        guard case .oauth2(let oauth) = connector.spec.auth, let refresh = current.refreshToken, let clientID = current.clientID else {
            throw await dead(fault ?? Fault("token_refused", stage: .courier, disposition: .reauthorise, summary: "the token was refused and cannot be refreshed"), connector, connection)
        }
        var candidates = [refresh]
        // The answer to the last refresh may have been lost, or its tokens never have worked: the set before it may still be good.
        if let before = row.credentialBefore, let old = try Credential(json: try open(before, Credential.context(tenant, id))).refreshToken,
            old.revealText() != refresh.revealText() { candidates.append(old) }
        for candidate in candidates {
            let request = tokenRequest(oauth, connection, refresh: candidate, clientID: clientID, clientSecret: current.clientSecret)
            switch await client.send(request, timeout: .seconds(Limits.requestSeconds)) {
            case .answered(let response) where response.status == 200:
                return try await save(try tokenSet(response, from: current), connection)
            case .answered(let response) where response.status == 400 || response.status == 401:
                // Only a refusal in OAuth's own words is one; anything else may be a proxy's page.
                guard (try? JSON(parsing: response.body))?["error"] != nil else { throw down(connector, "status \(response.status) without a reason") }
            case .answered(let response): throw down(connector, "status \(response.status)")
            case .notSent(let fault), .unknown(let fault): throw down(connector, fault.code)
            }
        }
        throw await dead(
            Fault("token_refused", stage: .courier, disposition: .reauthorise, summary: "the refresh token was refused"), connector, connection)
    }

    private func down(_ connector: any Connector, _ why: String) -> Fault {
        Fault(
            "token_endpoint_down", stage: .courier, disposition: .retry, summary: "the token endpoint of \(connector.spec.name) gives no token now",
            underlying: why)
    }

    private func tokenRequest(_ oauth: Authentication.OAuth2, _ connection: CourierConnection, refresh: Secret, clientID: String, clientSecret: Secret?) -> HTTPRequest {
        var pairs: [(name: String, value: String)] = [("grant_type", "refresh_token"), ("refresh_token", refresh.revealText())]
        let url = connection.row.baseURL.map { $0 + oauth.tokenPath } ?? oauth.tokenURL.replacing("{account}", with: connection.row.account)
        var fields: HTTPFields = ["Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"]
        switch oauth.clientProof {
        case .basic:
            fields["Authorization"] = "Basic " + Base64.encode(Array("\(clientID):\(clientSecret?.revealText() ?? "")".utf8))
        case .body:
            pairs.append(("client_id", clientID))
            pairs.append(("client_secret", clientSecret?.revealText() ?? ""))
        }
        return HTTPRequest(.post, url, fields: fields, body: Array(Form.encode(pairs).utf8))
    }

    private func tokenSet(_ response: HTTPResponse, from old: Credential) throws(Fault) -> Credential {
        let json = try? JSON(parsing: response.body)
        guard let json, let access = json["access_token"]?.string, !access.isEmpty else {
            throw Fault("token_answer_unreadable", stage: .courier, disposition: .retry, summary: "the token endpoint's answer has no access token")
        }
        var out = old
        out.accessToken = Secret(access)
        if let refresh = json["refresh_token"]?.string, !refresh.isEmpty { out.refreshToken = Secret(refresh) }
        out.expiresAt = json["expires_in"]?.int.map { clocks.now() + .seconds($0) }
        return out
    }

    /// Nothing is used before it is saved. What could not be saved is kept in memory and saved first the next time.
    private func save(_ credential: Credential, _ connection: CourierConnection) async throws(Fault) {
        let id = connection.row.id
        unsaved[id] = credential
        let sealed = try seal(credential.jsonForSealing(), Credential.context(tenant, id))
        let version = try await store.saveCredential(tenant, id, sealed: sealed, expecting: credentials[id]?.version ?? connection.row.credentialVersion)
        credentials[id] = (credential, version, true)
        unsaved[id] = nil
        log.info(.refreshed, ("connection", connection.row.slug))
    }

    /// The first accepted call with a new token set: the old one is no longer needed. Not done now is done with the next call.
    private func prove(_ connection: CourierConnection) async {
        guard let known = credentials[connection.row.id], known.unproven else { return }
        do throws(Fault) {
            try await store.forgetOldCredential(tenant, connection.row.id, version: known.version)
            credentials[connection.row.id]?.unproven = false
        } catch { log.fault(.failed, error) }
    }

    /// Pauses the connection for a person, once, and says so.
    private func dead(_ fault: Fault, _ connector: any Connector, _ connection: CourierConnection) async -> Fault {
        let out = Fault(
            "credential_dead", stage: .courier, disposition: .reauthorise,
            summary: "\(connector.spec.name) refuses the credential of connection \(connection.row.slug)",
            remedy: "Connect the account again; work waits and goes on by itself.", underlying: fault.code)
        do throws(Fault) {
            try await store.setConnectionState(tenant, connection.row.id, state: "dead", reason: out.summary, actor: "worker")
            try await store.raise(tenant, [AlertRow(key: "credential/\(connection.row.id)", severity: .critical, cause: out.summary, remedy: out.remedy)])
        } catch { log.fault(.failed, error) }
        log.warning(.connectionDead, ("connection", connection.row.slug), ("platform", connector.spec.id))
        return out
    }
}
