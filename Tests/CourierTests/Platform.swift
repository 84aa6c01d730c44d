import ConnectorKit
import Courier
import HTTPClient
import Kernel
import Wire

/// A platform in memory: a token endpoint that rotates, and calls that it answers as ordered.
final class Platform: Transport {
    /// What the next request meets instead of a good answer.
    enum Turn: Sendable {
        case answer(HTTPResponse)
        /// It acts, and the answer does not arrive.
        case torn
        /// The request does not arrive, and the sender can't know.
        case swallowed
        /// Not a byte leaves.
        case notSent(Fault)
    }

    struct State: Sendable {
        var access: Set<String> = ["hush-a0"]
        var refresh: Set<String> = ["hush-r0"]
        var issued = 0
        /// A used refresh token stays good: the platform leaves some grace.
        var grace = false
        var expiresIn: JSON = .number("1800")
        var tokenTurns: [Turn] = []
        var turns: [Turn] = []
        /// Writes that took effect.
        var effects = 0
        var tokenRequests: [HTTPRequest] = []
        var requests: [HTTPRequest] = []
    }

    let state = Locked(State())
    private let journal: Journal
    private let atToken = Locked<(@Sendable () async -> Void)?>(nil)
    private let atCall = Locked<(@Sendable () async -> Void)?>(nil)

    init(_ journal: Journal) { self.journal = journal }

    static let torn = Fault("reply_torn", stage: .http, disposition: .retry, summary: "no complete reply came from the platform")
    static let unreachable = Fault("connect_failed", stage: .http, disposition: .retry, summary: "no connection to the platform")

    func change(_ body: @Sendable (inout State) -> Void) { state.with { body(&$0) } }
    /// Runs while a request for a token is under way, before the platform acts.
    func onToken(_ body: (@Sendable () async -> Void)?) { atToken.with { $0 = body } }
    func onCall(_ body: (@Sendable () async -> Void)?) { atCall.with { $0 = body } }
    var calls: Int { state.with { $0.requests.count } }
    var tokenCalls: Int { state.with { $0.tokenRequests.count } }
    var effects: Int { state.with { $0.effects } }

    /// Nothing that was granted is good any more.
    func revoke() {
        change {
            $0.access = []
            $0.refresh = []
        }
    }

    func send(_ request: HTTPRequest, timeout _: Duration, startBy _: Duration?) async -> HTTPOutcome {
        if request.path.hasSuffix("/token") {
            state.with { $0.tokenRequests.append(request) }
            await atToken.with { $0 }?()
            return token(request)
        }
        state.with { $0.requests.append(request) }
        await atCall.with { $0 }?()
        return call(request)
    }

    private func token(_ request: HTTPRequest) -> HTTPOutcome {
        let offered = Form.decode(String(decoding: request.body, as: UTF8.self)).first { $0.name == "refresh_token" }?.value ?? ""
        let turn = state.with { $0.tokenTurns.isEmpty ? nil : $0.tokenTurns.removeFirst() }
        journal.add("token \(offered)")
        switch turn {
        case .answer(let response): return .answered(response)
        case .notSent(let fault): return .notSent(fault)
        case .swallowed: return .unknown(Platform.torn)
        case .torn:
            _ = issue(offered)
            return .unknown(Platform.torn)
        case nil: return .answered(issue(offered))
        }
    }

    private func issue(_ offered: String) -> HTTPResponse {
        state.with { state in
            guard state.refresh.contains(offered) else { return .json(400, .object([("error", .string("invalid_grant"))])) }
            state.issued += 1
            if !state.grace { state.refresh.remove(offered) }
            state.refresh.insert("hush-r\(state.issued)")
            state.access = ["hush-a\(state.issued)"]
            return .json(200, .object([
                ("access_token", .string("hush-a\(state.issued)")), ("refresh_token", .string("hush-r\(state.issued)")), ("expires_in", state.expiresIn),
            ]))
        }
    }

    private func call(_ request: HTTPRequest) -> HTTPOutcome {
        let token = String((request.fields["Authorization"] ?? request.fields["X-Token"] ?? "").split(separator: " ").last ?? "")
        journal.add("call \(token) \(request.path.replacing("https://plain.example", with: ""))")
        return state.with { state in
            switch state.turns.isEmpty ? nil : state.turns.removeFirst() {
            case .answer(let response): return .answered(response)
            case .notSent(let fault): return .notSent(fault)
            case .swallowed: return .unknown(Platform.torn)
            case .torn:
                if request.method != .get { state.effects += 1 }
                return .unknown(Platform.torn)
            case nil:
                guard state.access.contains(token) else { return .answered(.text(401, "who?")) }
                if request.method != .get { state.effects += 1 }
                return .answered(.text(200, "fine"))
            }
        }
    }
}

/// Judges by plain rules; the word `no` in a body is a refusal whatever the status says, `fine` an acceptance.
struct PlainConnector: Connector {
    var spec: PlatformSpec

    init(_ auth: Authentication = PlainConnector.oauth, limits: [RateLimit] = PlainConnector.limits) {
        spec = PlatformSpec(
            id: "plain", name: "Plain", roles: [.ledger], productionBase: "https://plain.example", sandboxBase: nil, auth: auth, headers: ["X-Version": "1"],
            limits: limits, concurrency: 4, batchSizes: [:], pageSize: 10, fieldLengths: [:],
            idempotency: Idempotency(nativeKeyLifetime: nil, searchable: true, findSettles: .seconds(5)), tax: .none, dimensions: [],
            revisesPaidInvoices: false, apiVersion: "1", sunset: nil, sources: [:])
    }

    static let oauth = Authentication.oauth2(.init(
        authorizeURL: "https://plain.example/authorize", tokenURL: "https://plain.example/token", tokenPath: "/token", clientProof: .body, scopes: [],
        refreshGrace: .zero))
    static let limits = [
        RateLimit(name: "minute", scope: .connection, amount: 60, window: .seconds(60)),
        RateLimit(name: "day", scope: .connection, amount: 5000, window: .seconds(86_400)),
        RateLimit(name: "appminute", scope: .app, amount: 10_000, window: .seconds(60)),
    ]

    func judge(_ response: HTTPResponse, to call: Call) -> Verdict {
        func fault(_ code: String, _ disposition: Fault.Disposition = .reject) -> Fault {
            Fault(code, stage: .post, disposition: disposition, summary: "it says \(response.status)")
        }
        if response.bodyText == "no" { return .rejected(fault("refused_by_body")) }
        if response.bodyText == "fine" { return .accepted }
        switch response.status {
        case 401: return .reauthorize(fault("unauthorised", .reauthorise))
        case 409: return .duplicate(fault("there_already"))
        case 429: return .throttled(after: response.fields["Retry-After"].flatMap { Int64($0) }.map { .seconds($0) }, bucket: response.fields["Bucket"])
        case 503: return .unavailable(fault("maintenance", .retry))
        case 500 ... 599: return call.kind == .write ? .outcomeUnknown(fault("server_error", .retry)) : .unavailable(fault("server_error", .retry))
        default: return .rejected(fault("refused"))
        }
    }

    func readings(_ response: HTTPResponse) -> [BudgetReading] {
        response.fields["Left"].flatMap { Int($0) }.map { [BudgetReading(name: "minute", remaining: $0)] } ?? []
    }

    func identify(_: ConnectionFacts) -> Exchange<AccountIdentity> { .finish(AccountIdentity(account: "acme", name: "Acme")) }
}
