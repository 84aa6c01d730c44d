public import ConnectorKit
internal import HTTPClient
public import Kernel
internal import Store
public import Telemetry
internal import Wire

/// Drives exchanges for one tenant: budget, credential, send, judge, record. The only caller of the HTTP client; the sole owner of the
/// tenant's token sets while its worker holds the lease.
public actor Courier {
    let tenant: TenantID
    let store: any CourierStore
    let client: any Transport
    let clocks: any Clocks
    let random: any RandomSource
    /// Where what is the operator's may go besides the platforms' own places.
    let hosts: HostList
    let seal: @Sendable ([UInt8], [UInt8]) throws(Fault) -> [UInt8]
    let open: @Sendable ([UInt8], [UInt8]) throws(Fault) -> [UInt8]
    let log: Log
    let metrics: Metrics
    /// Monotonic time at which the lease ends: a write that could still be under way then is not started.
    let deadline: @Sendable () -> Duration
    var lines: [ConnectionID: Line] = [:]

    /// What is known of a connection while this worker lives.
    struct Line {
        var tokens = TokenRefresh()
        /// The base of the row that the token set in force was read from: it was given for that place. `nil`: the platform's own.
        var base: String?
        /// The number of the credential that the token set in force comes from, as persons gave them: of another number it may open another company.
        var given: Int?
        var circuit = Circuit()
        /// Throttles in a row, and when the pause after the last one is over.
        var throttles = 0
        var throttledUntil = Duration.zero
        /// Long budgets of the whole app for whose sake calls are refused.
        var spent: [String: Spent] = [:]
        /// Who waits for the refresh that is under way; `nil` while none is.
        var waiting: [CheckedContinuation<Result<Void, Fault>, Never>]?
        /// No renewal ahead of time before this: the last one failed while the token still worked.
        var renewNotBefore = Duration.zero
        /// Life of the token set in force, where it was issued here.
        var life: Duration?
        /// What was sent of the credential, in all its forms: no fault shows it.
        var hidden: Set<String> = []
        /// Version of a credential whose death was written down.
        var declared: Int?
        /// Whether the database says that the platform does not answer; `nil`: as the connection was read.
        var isSaidDown: Bool?
        /// Whether the database says that the platform's clock and ours differ; `nil`: as the connection was read.
        var isSaidOdd: Bool?

        struct Spent {
            /// Refusals in a row, each after the pause for the one before it.
            var times = 0
            var until = Duration.zero
        }
    }

    /// `seal` and `open` work with the tenant's keys: `(bytes, context)`. `random`: for waits that differ from everybody else's.
    public init(
        tenant: TenantID, store: any CourierStore, client: any Transport, clocks: any Clocks, random: any RandomSource = SystemRandom(), hosts: HostList = HostList([]), log: Log,
        metrics: Metrics, seal: @escaping @Sendable ([UInt8], [UInt8]) throws(Fault) -> [UInt8],
        open: @escaping @Sendable ([UInt8], [UInt8]) throws(Fault) -> [UInt8], deadline: @escaping @Sendable () -> Duration
    ) {
        self.tenant = tenant
        self.store = store
        self.client = client
        self.clocks = clocks
        self.random = random
        self.hosts = hosts
        self.log = log
        self.metrics = metrics
        self.seal = seal
        self.open = open
        self.deadline = deadline
    }

    /// Steps of one exchange at most; a paging loop that never ends is a bug of a connector or a platform.
    static let stepsMost = 2000

    /// The longest that one request may be under way.
    static let requestMost = Duration.seconds(Limits.requestSeconds)

    /// Drives the exchange to its end. `startBy`: monotonic time after which no write is started, besides the lease's own end. `canWait`: the last of
    /// a day's or month's budget is left to others. `borrowed`: used instead of the connection's own credential, as it is: one that a person is yet
    /// to confirm.
    public func run<Output: Sendable>(
        _ exchange: Exchange<Output>, connector: any Connector, connection: CourierConnection, startBy: Duration? = nil, canWait: Bool = false,
        borrowed: Credential? = nil
    ) async -> Delivery<Output> {
        let trip = Trip(
            connector: connector, connection: connection, startBy: startBy, identifies: Output.self == AccountIdentity.self, canWait: canWait,
            borrowed: borrowed)
        var step = exchange
        var wrote = false
        func said(_ fault: Fault) -> Fault { scrubbed(Backoff.bounded(fault), trip) }
        func no(_ fault: Fault) -> Delivery<Output> { wrote ? .unknown(said(fault)) : .refused(said(fault)) }
        for _ in 0 ..< Courier.stepsMost {
            switch step {
            case .finish(let output): return .done(output)
            case .fail(let fault): return no(fault)
            case .send(let call, let then):
                switch await send(call, trip) {
                case .accepted(let response):
                    if call.kind == .write { wrote = true }
                    step = then(response)
                case .refused(let fault): return no(fault)
                case .duplicate(let fault): return wrote ? .unknown(said(fault)) : .duplicate(said(fault))
                case .unknown(let fault): return .unknown(said(fault))
                }
            }
        }
        return no(Fault("exchange_endless", stage: .courier, disposition: .bug, summary: "an exchange took more than \(Courier.stepsMost) steps"))
    }

    /// What every call of an exchange needs.
    struct Trip: Sendable {
        var connector: any Connector
        var connection: CourierConnection
        var startBy: Duration?
        /// Asks who is at the other end: the one thing that may be asked with a credential that was dead, because that is how it comes back to life.
        var identifies: Bool
        var canWait = false
        /// What calls are made with instead of the connection's own credential: never renewed, never kept.
        var borrowed: Credential?

        var id: ConnectionID { connection.row.id }
        var spec: PlatformSpec { connector.spec }
    }

    enum Sent: Sendable {
        case accepted(HTTPResponse)
        case refused(Fault)
        case duplicate(Fault)
        case unknown(Fault)
    }

    /// One call: with a new token when the one it used is refused, and repeats of what failed in passing.
    private func send(_ call: Call, _ trip: Trip) async -> Sent {
        var effort = Effort(sent: clocks.now())
        while true {
            effort.tries += 1
            do throws(Fault) {
                try await checkAlive(trip)
                try await charge(call, trip)
                let (request, version) = try await dress(call, trip)
                try checkTime(call, trip)
                guard let passage = lines[trip.id, default: Line()].circuit.ask() else { throw Courier.circuitOpen(trip.spec, .seconds(1)) }
                let started = clocks.monotonic()
                effort.sent = clocks.now()
                let outcome = await client.send(request, timeout: Courier.requestMost, startBy: startBy(call, trip))
                metrics.observe(.callSeconds, ("platform", trip.spec.id), seconds: (clocks.monotonic() - started).inSeconds)
                switch await judge(outcome, call, trip, passage, &effort) {
                case .done(let sent):
                    if case .accepted = sent { await prove(trip, version: version) }
                    return sent
                case .reauthorize(let fault): try await answerRefusal(of: version, fault, &effort, trip)
                case .again(let fault):
                    guard let wait = Backoff.inside(tries: effort.tries, after: fault, random: random), clocks.monotonic() + wait < deadline()
                    else { return .refused(fault) }
                    try await pause(wait)
                }
            } catch {
                return .refused(error)
            }
        }
    }

    /// What one call has been through.
    struct Effort: Sendable {
        var tries = 0
        /// When the last of them began.
        var sent: Timestamp
        /// Answers that refused the token.
        var refusals = 0
        /// Of a token that was issued just before.
        var freshRefusals = 0
        /// The circuit has counted a fault that the platform answered with: the call's own repeats are no further evidence.
        var blamed = false
    }

    func pause(_ time: Duration) async throws(Fault) {
        do { try await clocks.sleep(for: time) } catch { throw Fault.wrapping(error, stage: .courier) }
    }

    /// Right before a send: a write that can't end within the lease, or that starts later than its intent allows, is not started.
    private func checkTime(_ call: Call, _ trip: Trip) throws(Fault) {
        #if SABOTAGE
        if Sabotage.skipDeadline.isOn, call.kind == .write { return }
        #endif
        let now = clocks.monotonic(), end = deadline()
        switch call.kind {
        case .read where now < end: return
        case .write where now + Courier.requestMost < end && trip.startBy.map({ now <= $0 }) ?? true: return
        case .read, .write: throw Courier.leaseEnding
        }
    }

    /// What `checkTime` has just granted, for the transport to look at again at the last moment.
    private func startBy(_ call: Call, _ trip: Trip) -> Duration? {
        #if SABOTAGE
        if Sabotage.skipDeadline.isOn, call.kind == .write { return nil }
        #endif
        guard call.kind == .write else { return deadline() }
        let last = deadline() - Courier.requestMost
        return trip.startBy.map { min($0, last) } ?? last
    }

    static let leaseEnding = Fault(
        "lease_ending", stage: .courier, disposition: .retry, summary: "too little time is left for a request", retryAfter: .milliseconds(200))

    static func circuitOpen(_ spec: PlatformSpec, _ wait: Duration) -> Fault {
        Fault(
            "circuit_open", stage: .courier, disposition: .wait, summary: "\(spec.name) has not answered for a while",
            remedy: "Nothing to do: it is asked again from time to time, and work goes on when it answers.", retryAfter: wait)
    }

    /// Adds the host, the platform's headers and the credential; with the version of the token that was used.
    private func dress(_ call: Call, _ trip: Trip) async throws(Fault) -> (HTTPRequest, Int) {
        let (set, version) = try await credential(trip)
        try withhold(set, trip.spec, trip.connection.row)
        let facts = trip.connection.facts
        let hand = Materials(
            parts: set.materials, accessToken: set.accessToken, account: facts.account, at: clocks.now(), random: random, for: call, trip.spec.auth)
        let dressed = try Dressing.request(call, trip.connector, facts, base: base(trip, set), hand)
        hide(dressed.hidden, trip)
        return (dressed.request, version)
    }

    /// Remembers what an answer may repeat.
    func hide(_ words: Set<String>, _ trip: Trip) {
        guard lines[trip.id]?.hidden.isSuperset(of: words) != true else { return }
        // Signatures are new in each request: what is old is good for nothing any more.
        let old = lines[trip.id]?.hidden ?? []
        lines[trip.id, default: Line()].hidden = old.count > Courier.hiddenMost ? words : old.union(words)
    }

    private static let hiddenMost = 200

    /// The fault without anything of the credential, whoever wrote it: platforms have been seen to repeat what they were sent.
    func scrubbed(_ fault: Fault, _ trip: Trip) -> Fault {
        // The longest first: one may be part of another.
        let words = (lines[trip.id]?.hidden ?? []).sorted { $0.utf8.count > $1.utf8.count }
        func clean(_ text: String) -> String { words.reduce(text) { $0.replacing($1, with: "***") } }
        var out = fault
        out.summary = clean(fault.summary)
        out.remedy = clean(fault.remedy)
        out.position = fault.position.map(clean)
        out.underlying = fault.underlying.map(clean)
        return out
    }
}
