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
    private var paused: [String: Duration] = [:]
    private var inFlight: [ConnectionID: Int] = [:]

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

    /// Drives the exchange to its end.
    public func run<Output: Sendable>(_ exchange: Exchange<Output>, connector: any Connector, connection: CourierConnection) async -> Delivery<Output> {
        var step = exchange
        var wrote = false
        for _ in 0 ..< Courier.stepsMost {
            switch step {
            case .finish(let output): return .done(output)
            case .fail(let fault): return wrote ? .unknown(fault) : .refused(fault)
            case .send(let call, let then):
                switch await send(call, connector: connector, connection: connection) {
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

    /// One call: with one refresh when the token is refused, and repeats of reads that failed in passing.
    private func send(_ call: Call, connector: any Connector, connection: CourierConnection) async -> Sent {
        var refreshed = false
        var attempt = 0
        while true {
            attempt += 1
            do throws(Fault) {
                try await charge(call, connector, connection)
                let request = try await dress(call, connector, connection)
                let longest = Duration.seconds(Limits.requestSeconds)
                guard clocks.monotonic() + longest < deadline() || call.kind == .read && clocks.monotonic() < deadline() else {
                    return .refused(Fault("lease_ending", stage: .courier, disposition: .retry, summary: "too little of the lease is left for a request"))
                }
                let started = clocks.monotonic()
                let outcome = await client.send(request, timeout: longest)
                metrics.observe(.callSeconds, ("platform", connector.spec.id), seconds: (clocks.monotonic() - started).inSeconds)
                switch try await judge(outcome, call, connector, connection) {
                case .done(let sent):
                    if case .accepted = sent { try await prove(connection) }
                    return sent
                case .refresh(let fault):
                    if refreshed { return .refused(await dead(fault, connector, connection)) }
                    refreshed = true
                    try await refresh(connection, connector, because: fault)
                case .again(let fault, let after):
                    if attempt >= 4 { return .refused(fault) }
                    try? await Task.sleep(for: after)
                }
            } catch {
                return .refused(error)
            }
        }
    }

    private enum Judged: Sendable {
        case done(Sent)
        case refresh(Fault)
        case again(Fault, Duration)
    }

    private func judge(_ outcome: HTTPOutcome, _ call: Call, _ connector: any Connector, _ connection: CourierConnection) async throws(Fault) -> Judged {
        let platform = connector.spec.id
        switch outcome {
        case .notSent(let fault):
            metrics.count(.calls, ("platform", platform), ("verdict", "not_sent"))
            return .again(fault, .milliseconds(300))
        case .unknown(let fault):
            metrics.count(.calls, ("platform", platform), ("verdict", "unknown"))
            return call.kind == .read ? .again(fault, .milliseconds(300)) : .done(.unknown(fault))
        case .answered(let response):
            for reading in connector.readings(response) {
                try await store.correct(tenant, connection.row.id, name: reading.name, remaining: reading.remaining)
            }
            let verdict = connector.judge(response, to: call)
            switch verdict {
            case .accepted:
                metrics.count(.calls, ("platform", platform), ("verdict", "accepted"))
                return .done(.accepted(response))
            case .throttled(let after, let bucket):
                metrics.count(.calls, ("platform", platform), ("verdict", "throttled"))
                let pause = after ?? .seconds(2)
                let name = bucket ?? connector.spec.limits.first?.name ?? "minute"
                try await store.pause(tenant, connection.row.id, name: name, for: pause)
                log.info(.throttled, ("platform", platform), ("bucket", name), ("pause_ms", "\(pause.wholeMilliseconds)"))
                return .again(Fault("throttled", stage: .courier, disposition: .wait, summary: "\(connector.spec.name) asks to slow down", retryAfter: pause), .zero)
            case .unavailable(let fault):
                metrics.count(.calls, ("platform", platform), ("verdict", "unavailable"))
                return .again(fault, .milliseconds(500))
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

    /// Takes the call's units from every budget, waiting for short windows; longer waits go back to the queue.
    private func charge(_ call: Call, _ connector: any Connector, _ connection: CourierConnection) async throws(Fault) {
        let own = connector.spec.limits.filter { $0.scope == .connection && (call.cost[$0.name] ?? 0) > 0 }
            .map { BudgetCharge(name: $0.name, amount: $0.amount, window: $0.window, cost: call.cost[$0.name] ?? 0) }
        let shared = connector.spec.limits.filter { $0.scope == .app && (call.cost[$0.name] ?? 0) > 0 }
        while true {
            var wait = try await store.take(tenant, connection.row.id, own)
            if wait == nil {
                for limit in shared where wait == nil {
                    wait = try await store.takeApp(
                        platform: connector.spec.id, name: limit.name, amount: limit.amount, window: limit.window, cost: call.cost[limit.name] ?? 0)
                }
            }
            guard let wait else { return }
            metrics.count(.throttled, ("platform", connector.spec.id))
            guard wait <= .seconds(2), clocks.monotonic() + wait < deadline() else {
                throw Fault(
                    "budget_spent", stage: .courier, disposition: .wait, summary: "the request budget of \(connector.spec.name) is spent",
                    remedy: "Nothing to do: work goes on when the window turns.", retryAfter: wait)
            }
            try? await Task.sleep(for: wait)
        }
    }

    /// Adds the host, the platform's headers and the credential.
    private func dress(_ call: Call, _ connector: any Connector, _ connection: CourierConnection) async throws(Fault) -> HTTPRequest {
        var request = connector.prepare(call.request, for: connection.facts)
        for (name, value) in connector.spec.headers where request.fields[name] == nil { request.fields[name] = value }
        let base = connection.row.baseURL ?? connector.spec.productionBase.replacing("{account}", with: connection.row.account)
        request.target = base + request.target
        let token = try await accessToken(connection, connector)
        switch connector.spec.auth {
        case .oauth2(let oauth): request.fields[oauth.tokenHeader.name] = oauth.tokenHeader.prefix + token.revealText()
        case .header(let name): request.fields[name] = token.revealText()
        }
        return request
    }

    // MARK: - Credentials

    private func accessToken(_ connection: CourierConnection, _ connector: any Connector) async throws(Fault) -> Secret {
        let held = try held(connection)
        if held.refreshToken != nil, held.accessToken.isEmpty || held.expiresAt.map({ $0 < clocks.now() + .seconds(60) }) ?? false {
            try await refresh(connection, connector, because: nil)
            return try self.held(connection).accessToken
        }
        return held.accessToken
    }

    private func held(_ connection: CourierConnection) throws(Fault) -> Credential {
        if let known = credentials[connection.row.id] { return known.credential }
        guard let sealed = connection.row.credential else {
            throw Fault("not_connected", stage: .courier, disposition: .reauthorise, summary: "the connection \(connection.row.slug) has no credential", remedy: "Connect the account.")
        }
        let credential = try Credential(json: try open(sealed, Credential.context(tenant, connection.row.id)))
        credentials[connection.row.id] = (credential, connection.row.credentialVersion, connection.row.credentialBefore != nil)
        return credential
    }

    /// One refresh at a time per connection; whoever comes meanwhile waits for it. The new set is saved before its first use, the old one
    /// kept until the new one has worked.
    private func refresh(_ connection: CourierConnection, _ connector: any Connector, because fault: Fault?) async throws(Fault) {
        let id = connection.row.id
        if let running = refreshing[id] {
            do { try await running.value } catch { throw Fault.wrapping(error, stage: .courier) }
            return
        }
        let task = Task { try await self.exchangeRefreshToken(connection, connector, because: fault) }
        refreshing[id] = task
        defer { refreshing[id] = nil }
        do { try await task.value } catch { throw Fault.wrapping(error, stage: .courier) }
    }

    private func exchangeRefreshToken(_ connection: CourierConnection, _ connector: any Connector, because fault: Fault?) async throws(Fault) {
        let current = try held(connection)
        guard case .oauth2(let oauth) = connector.spec.auth, let refresh = current.refreshToken, let clientID = current.clientID else {
            throw await dead(fault ?? Fault("token_refused", stage: .courier, disposition: .reauthorise, summary: "the token was refused and cannot be refreshed"), connector, connection)
        }
        var candidates = [refresh]
        if let before = connection.row.credentialBefore, let old = try Credential(json: try open(before, Credential.context(tenant, connection.row.id))).refreshToken {
            candidates.append(old)
        }
        var last = Fault("token_refused", stage: .courier, disposition: .reauthorise, summary: "the refresh token was refused")
        for (n, candidate) in candidates.enumerated() {
            let request = tokenRequest(oauth, connection, refresh: candidate, clientID: clientID, clientSecret: current.clientSecret)
            switch await client.send(request, timeout: .seconds(Limits.requestSeconds)) {
            case .answered(let response) where response.status == 200:
                try await save(try tokenSet(response, from: current), connection)
                return
            case .answered(let response) where response.status == 400 || response.status == 401:
                last.underlying = "status \(response.status)"
                if n == candidates.count - 1 { throw await dead(last, connector, connection) }
            case .answered(let response):
                throw Fault("token_endpoint_down", stage: .courier, disposition: .retry, summary: "the token endpoint of \(connector.spec.name) answered \(response.status)")
            case .notSent(let fault), .unknown(let fault):
                throw Fault("token_endpoint_down", stage: .courier, disposition: .retry, summary: "the token endpoint of \(connector.spec.name) can't be reached", underlying: fault.code)
            }
        }
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
        let json = try JSON(parsing: response.body)
        guard let access = json["access_token"]?.string, !access.isEmpty else {
            throw Fault("token_answer_unreadable", stage: .courier, disposition: .retry, summary: "the token endpoint's answer has no access token")
        }
        var out = old
        out.accessToken = Secret(access)
        if let refresh = json["refresh_token"]?.string, !refresh.isEmpty { out.refreshToken = Secret(refresh) }
        out.expiresAt = json["expires_in"]?.int.map { clocks.now() + .seconds($0) }
        return out
    }

    private func save(_ credential: Credential, _ connection: CourierConnection) async throws(Fault) {
        let id = connection.row.id
        let sealed = try seal(credential.jsonForSealing(), Credential.context(tenant, id))
        let version = try await store.saveCredential(tenant, id, sealed: sealed, expecting: credentials[id]?.version ?? connection.row.credentialVersion)
        credentials[id] = (credential, version, true)
        log.info(.refreshed, ("connection", connection.row.slug))
    }

    /// The first accepted call with a new token set: the old one is no longer needed.
    private func prove(_ connection: CourierConnection) async throws(Fault) {
        guard let known = credentials[connection.row.id], known.unproven else { return }
        try await store.forgetOldCredential(tenant, connection.row.id, version: known.version)
        credentials[connection.row.id]?.unproven = false
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
