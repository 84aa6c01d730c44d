public import Books
public import ConnectorKit
internal import Kernel
internal import Wire

/// Returns systems that keep a store's returns beside its shop: what came back, why, and what the customer got for it. Nothing is written there but what
/// the ledger has, in a place that nothing follows from.
/// All of them share one vocabulary (`ToldReturn`); what each has of its own stands in its `Dialect`.
public struct ReturnsConnector: SourceConnector {
    public enum Platform: String, Sendable, CaseIterable {
        case loop = "loop-returns"
        case afterShip = "aftership-returns"
    }

    public let platform: Platform

    public init(_ platform: Platform) { self.platform = platform }

    var dialect: any Dialect {
        switch platform {
        case .loop: LoopDialect()
        case .afterShip: AfterShipDialect()
        }
    }

    /// The shop tells of the money.
    public var tells: Set<SourceFact> { [.returns] }

    public var spec: PlatformSpec {
        let dialect = dialect
        // Loop's; AfterShip differs in what is said of the dialect.
        var spec = PlatformSpec(
            id: "loop-returns", name: dialect.name, roles: [.source], productionBase: dialect.base, sandboxBase: nil,
            auth: .keys(.init(
                parts: [CredentialPart("api_key", dialect.keyMeaning)], headers: [FilledHeader(dialect.keyHeader, .part("api_key"))])),
            headers: ["Accept": "application/json"], limits: [dialect.limit], concurrency: 2, batchSizes: [:], pageSize: ReturnsLimits.pageRows,
            fieldLengths: [:], idempotency: dialect.idempotency, tax: .none, dimensions: [],
            revisesPaidInvoices: true, apiVersion: dialect.version, sunset: nil, sources: dialect.sources,
            objects: [PlatformObject("return", carries: ["credit_note", "refund_payment", "sale", "payment"], [.receive, .list, .read])],
            changeFeed: [
                .webhooks(signature: "HMAC-SHA256 over the body", topics: dialect.topics), .sweep(by: dialect.sweptBy, overlap: dialect.overlap),
            ],
            currency: CurrencyAbility(foreign: true, rate: .none))
        spec.id = platform.rawValue
        return spec
    }
}

/// What a returns system has of its own.
protocol Dialect: Sendable {
    var name: String { get }
    /// Scheme and host.
    var base: String { get }
    var version: String { get }
    var keyHeader: String { get }
    var keyMeaning: String { get }
    var limit: RateLimit { get }
    var topics: [String] { get }
    var sources: [String: String] { get }
    /// How what is written there can be looked for; nothing is, unless it says otherwise.
    var idempotency: Idempotency { get }

    // MARK: Webhooks

    var signatureHeader: String { get }
    /// The forms of a body over which the signature may be, the likeliest first.
    func signed(_ body: [UInt8]) -> [[UInt8]]
    /// What a delivery is about: its topic, and the return's id. `nil` for what is no delivery of this system.
    func hint(_ body: JSONView) -> (topic: String, id: String?)?

    // MARK: Reading

    /// The member by which lists are asked for, and how far beyond a sweep's start they reach back.
    var sweptBy: String { get }
    var overlap: Duration { get }
    /// The first page of what changed, or was made, since then.
    func list(since: Timestamp, rows: Int) -> HTTPRequest
    /// Where the span that a list was asked for ends; `nil` where it has no end.
    func end(of list: HTTPRequest) -> Timestamp?
    var paging: Paging { get }
    /// Where the rows stand in a list's answer, and the return in its own.
    var rows: [String] { get }
    func detail(of id: String) -> HTTPRequest
    var detail: [String] { get }
    /// A list's row says all that is read of a return.
    func isWhole(_ row: JSON) -> Bool
    /// Members that are kept: what people are called and where they live is of no use here.
    var kept: Set<String> { get }

    /// What people call the record, and what can be wrong with it.
    var rules: RecordRules { get }
    /// - Throws: `unreadable_record`, `unbalanced_record` naming the field.
    func reading(_ record: Field, _ settings: ReturnsSettings) throws(Fault) -> ToldReturn

    // MARK: Answers

    /// What an answer says went wrong.
    func says(_ body: JSON) -> String?
    /// An answer with a good status that says it is none.
    func isRefusal(_ body: JSON) -> Bool
}

extension Dialect {
    func end(of _: HTTPRequest) -> Timestamp? { nil }
    var idempotency: Idempotency { Idempotency(nativeKeyLifetime: nil, searchable: false, findSettles: .zero) }
}

/// Bounds of the connectors. Units last in the name.
enum ReturnsLimits {
    static let pageRows = 100
    static let textCharacters = 500
    static let idBytes = 100
    /// Units, refunds, exchanges of one return.
    static let parts = 1_000
    static let headerBytes = 200
    /// Whole units of a currency that are believed.
    static let amount = 100_000_000
    static let quantity = 100_000
    /// So long after a note whose answer got lost, its absence proves that it was not written.
    static let noteSettles = Duration.seconds(180)
    /// Spans of a list overlap by so much: what changes meanwhile becomes visible late.
    static let seam = Duration.seconds(300)
}
