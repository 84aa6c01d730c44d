public import Kernel
public import Wire

/// One HTTP call of an exchange. Pure data: `Courier` adds the host, the credentials and the pacing.
public struct Call: Sendable {
    public enum Kind: String, Sendable {
        /// Changes nothing there; may be repeated freely.
        case read
        /// May change something: without an answer its outcome is unknown, and it is never repeated blindly.
        case write
    }
    public var kind: Kind
    /// `target` starts with `/`; Courier puts the connection's base before it.
    public var request: HTTPRequest
    /// Units of each of the platform's budgets that the call spends: `["minute": 1, "batch": 1]`.
    public var cost: [String: Int]
    /// The body, where parts of the credential stand in it; `request.body` then shows it without them.
    public private(set) var blanks: FilledBody?
    /// Headers of this call alone that hold parts of the credential.
    public var headers: [FilledHeader]
    /// The key by which the platform itself does this call once; goes into the header that the spec's idempotency names.
    public var once: String?

    public init(_ kind: Kind, _ request: HTTPRequest, cost: [String: Int] = ["minute": 1], headers: [FilledHeader] = [], once: String? = nil) {
        self.kind = kind
        self.request = request
        self.cost = cost
        self.headers = headers
        self.once = once
    }

    /// A call with parts of the credential in its body.
    public init(
        _ kind: Kind, _ request: HTTPRequest, body: FilledBody, cost: [String: Int] = ["minute": 1], headers: [FilledHeader] = [], once: String? = nil
    ) {
        self.init(kind, request, cost: cost, headers: headers, once: once)
        blanks = body
        self.request.body = body.preview()
    }
}

/// A conversation with a platform as a pure machine: each step says what to send, and a function of the answer gives the next step.
/// The answer is handed over only when the connector's `judge` has accepted it.
public indirect enum Exchange<Output: Sendable>: Sendable {
    case send(Call, then: @Sendable (HTTPResponse) -> Exchange<Output>)
    case finish(Output)
    case fail(Fault)

    /// The same conversation with its result changed.
    public func map<Other: Sendable>(_ change: @escaping @Sendable (Output) -> Other) -> Exchange<Other> {
        switch self {
        case .send(let call, let then): .send(call) { then($0).map(change) }
        case .finish(let output): .finish(change(output))
        case .fail(let fault): .fail(fault)
        }
    }

    /// The same conversation, and the one that follows from its result.
    public func next<Other: Sendable>(_ change: @escaping @Sendable (Output) -> Exchange<Other>) -> Exchange<Other> {
        switch self {
        case .send(let call, let then): .send(call) { then($0).next(change) }
        case .finish(let output): change(output)
        case .fail(let fault): .fail(fault)
        }
    }

    /// The same conversation, whose result is read by a function that may refuse it.
    public func reading<Other: Sendable>(_ change: @escaping @Sendable (Output) throws(Fault) -> Other) -> Exchange<Other> {
        next { output in .trying { () throws(Fault) in .finish(try change(output)) } }
    }

    /// What a function begins that may refuse before anything is sent.
    public static func trying(_ begin: () throws(Fault) -> Exchange) -> Exchange {
        do throws(Fault) { return try begin() } catch { return .fail(error) }
    }

    /// One after the other, for each of a list, with what came before.
    public static func each<Item: Sendable>(
        _ items: ArraySlice<Item>, _ before: Output, _ step: @escaping @Sendable (Item, Output) -> Exchange
    ) -> Exchange {
        guard let first = items.first else { return .finish(before) }
        return step(first, before).next { each(items.dropFirst(), $0, step) }
    }

    /// One call, whose answer is read by a function that may refuse it.
    public static func one(_ call: Call, read: @escaping @Sendable (HTTPResponse) throws(Fault) -> Output) -> Exchange {
        .send(call) { response in .trying { () throws(Fault) in .finish(try read(response)) } }
    }
}

/// What an answer means, by one switch per connector.
public enum Verdict: Sendable, Equatable {
    case accepted
    /// Too fast: pause the bucket; `after` as the platform says it. Nothing was done.
    case throttled(after: Duration?, bucket: String?)
    /// The platform is down and says so; nothing was done.
    case unavailable(Fault)
    /// The credential is dead or too weak.
    case reauthorize(Fault)
    /// The document is there already.
    case duplicate(Fault)
    /// No, for good: nothing was done.
    case rejected(Fault)
    /// Nobody knows whether it was done.
    case outcomeUnknown(Fault)
}

/// What an answer's headers say about a budget; corrects our own count.
public struct BudgetReading: Sendable, Equatable {
    public var name: String
    public var remaining: Int

    public init(name: String, remaining: Int) {
        self.name = name
        self.remaining = remaining
    }
}

/// What a connector may know of the connection it works for.
public struct ConnectionFacts: Sendable {
    /// The account there: realm id, Xero tenant id, shop domain.
    public var account: String
    /// Settings of the connection, as the tenant's file or the API gives them.
    public var settings: [String: String]
    /// The connection's own base address, where it has one: the vendor's sandbox, a twin. For platforms that name their records by whole addresses.
    public var base: String?
    /// The country of the account's books, as `identify` read it; `nil` where the platform does not say.
    public var country: String?

    public init(account: String, settings: [String: String] = [:], base: String? = nil, country: String? = nil) {
        self.account = account
        self.settings = settings
        self.base = base
        self.country = country
    }
}
