public import Books
public import ConnectorKit
public import Kernel
public import Wire

/// Systems without a connector of their own write to a contract of ours: signed webhooks, events by the API, or files. Nobody is called.
public struct InboundConnector: ContractSource {
    /// Who writes: decides which objects there are.
    public enum Profile: String, Sendable, CaseIterable {
        case erp
        case jobCRM = "job-crm"
        case rms
    }

    public let profile: Profile

    public init(_ profile: Profile) { self.profile = profile }

    public var spec: PlatformSpec {
        // The ERP's; others differ in what is said of the profile.
        var spec = PlatformSpec(
            id: "erp", name: profile.name, roles: [.source], productionBase: "", sandboxBase: nil, auth: .keys(.init(parts: [], headers: [])),
            headers: [:], limits: [], concurrency: 1, batchSizes: [:], pageSize: InboundLimits.events, fieldLengths: [:],
            idempotency: Idempotency(nativeKeyLifetime: nil, searchable: false, findSettles: .zero), tax: .perLine, dimensions: [],
            revisesPaidInvoices: true, apiVersion: Contract.version, sunset: nil, sources: Self.sources,
            objects: profile.objects.map { PlatformObject($0.rawValue, carries: $0.carries, [.receive]) },
            changeFeed: [.webhooks(signature: "HMAC-SHA256 over time and body, valid for 300 s", topics: profile.types)],
            currency: CurrencyAbility(foreign: true, rate: .stated))
        spec.id = profile.rawValue
        return spec
    }

    private static let sources: [String: String] = [
        "concurrency": "our own contract, docs/inbound.md: nobody is called",
        "page": "our own contract, docs/inbound.md: events of one request",
        "idempotency": "our own contract, docs/inbound.md: nothing is written there",
        "auth": "our own contract, docs/inbound.md: no credential; a key that signs webhooks, or a key of the API",
        "webhooks": "our own contract, docs/inbound.md: HMAC-SHA256 over time, point and body, 300 s to either side",
        "objects": "our own contract, docs/schemas",
        "currency": "our own contract, docs/inbound.md: each document has its currency and states its rate",
    ]

    public func judge(_ response: HTTPResponse, to call: Call) -> Verdict {
        let judging = Judging(profile.name)
        guard (200 ..< 300).contains(response.status) else { return judging.verdict(response, to: call) }
        // Nobody is called, so nothing that claims to be an answer is one.
        return judging.unreadable(response, to: call)
    }

    public func identify(_ connection: ConnectionFacts) -> Exchange<AccountIdentity> {
        .finish(AccountIdentity(account: connection.account, name: connection.account))
    }

    public func sweep(since _: Timestamp, cursor _: String?, _: ConnectionFacts) -> Exchange<SweepPage> {
        .finish(SweepPage(records: [], next: nil, watermark: nil))
    }

    public func fetch(_: String, _: ConnectionFacts) -> Exchange<RawRecord?> { .finish(nil) }

    /// - Source: our own contract, docs/inbound.md.
    public var tells: Set<SourceFact> {
        switch profile {
        case .erp, .jobCRM: [.drafts, .payments, .fulfilments]
        case .rms: [.returns]
        }
    }

    /// Systems that write to the contract fetch what the ledger has: `GET /v1/connections/{connection}/reflections`.
    /// - Source: our own contract, docs/inbound.md.
    public var reflectionPlace: ReflectionPlace { .fetched }

    public var settings: [String: String] {
        [
            InboundSettings.unknownKey:
                "refuse (default): an event with a member that the contract lacks is refused; warn: it is taken, and its answer says so",
            InboundSettings.ordersKey:
                "none (default): sales orders and jobs post nothing, their invoices do; sale: one that is sent or paid is the sale itself, "
                + "and no invoice follows",
        ]
    }
}

extension InboundConnector.Profile {
    var name: String {
        switch self {
        case .erp: "ERP (inbound contract)"
        case .jobCRM: "Job and repair CRM (inbound contract)"
        case .rms: "Returns system (inbound contract)"
        }
    }

    /// As sales name where they came from.
    var source: String {
        switch self {
        case .erp: "erp"
        case .jobCRM: "job_crm"
        case .rms: "rms"
        }
    }

    var objects: [InboundObject] {
        switch self {
        case .erp: [.salesOrder, .invoice, .payment, .creditNote, .deposit, .fulfilment, .registerClosure, .bill, .inventoryThreshold]
        case .jobCRM: [.job, .invoice, .payment, .creditNote, .deposit, .fulfilment]
        case .rms: [.goodsReturn]
        }
    }

    var types: [String] { objects.flatMap { $0.types(InboundVerb.allCases) } }
}

/// Bounds of the contract. Units last in the name.
enum InboundLimits {
    /// Events of one request.
    static let events = 500
    /// Lines of one document.
    static let lines = 1_000
    /// What is wrong with one event or file, as far as it is told.
    static let findings = 50
    /// Before the point. With as many lines and taxes as there may be, sums stay inside of 64 bits.
    static let wholeDigits = 10
    /// The largest whole number that every JSON reader keeps.
    static let version = 9_007_199_254_740_991
    /// How long a signature is good for, to either side.
    static let tolerance = Duration.seconds(300)
    static let signatureBytes = 1_024
    static let signatures = 8
    /// Of one file.
    static let objects = 5_000
    static let fileBytes = 4 << 20
    static let cellBytes = 4_096
}

/// What the connection's settings say.
struct InboundSettings: Sendable {
    static let unknownKey = "unknown_members"
    static let ordersKey = "orders"

    var refusesUnknown = true
    var ordersAreSales = false

    /// - Throws: `invalid_setting` (hold) naming the setting and its allowed values.
    init(_ settings: [String: String]) throws(Fault) {
        switch settings[Self.unknownKey] ?? "" {
        case "", "refuse": refusesUnknown = true
        case "warn": refusesUnknown = false
        default: throw Self.invalid(Self.unknownKey, "refuse, warn")
        }
        switch settings[Self.ordersKey] ?? "" {
        case "", "none": ordersAreSales = false
        case "sale": ordersAreSales = true
        default: throw Self.invalid(Self.ordersKey, "none, sale")
        }
    }

    private static func invalid(_ key: String, _ allowed: String) -> Fault {
        Fault(
            "invalid_setting", stage: .normalize, disposition: .hold, summary: "the connection's setting \(key) has a value it can't have",
            remedy: "Set \(key) to one of: \(allowed).", position: "settings.\(key)")
    }
}
