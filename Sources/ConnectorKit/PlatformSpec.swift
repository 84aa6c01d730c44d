public import Kernel

/// Everything about a platform that is a fact rather than an algorithm. Swift literals, so the compiler checks them.
public struct PlatformSpec: Sendable {
    public enum Role: String, Sendable, CaseIterable { case source, ledger }

    /// The platform's id everywhere: `quickbooks-online`.
    public var id: String
    public var name: String
    public var roles: [Role]
    /// Scheme and host of production, with the connection's account in it where it belongs there (see `Address`). Empty where nobody is called:
    /// whatever there is comes to us.
    public var productionBase: String
    /// Scheme and host of the vendor's sandbox; `nil` where there is none.
    public var sandboxBase: String?
    public var auth: Authentication
    /// Sent with every request.
    public var headers: [String: String]
    public var limits: [RateLimit]
    /// Requests in flight per connection.
    public var concurrency: Int
    /// Documents per write call, by form; 1 where the platform has no batches.
    public var batchSizes: [String: Int]
    /// Records per page of a list.
    public var pageSize: Int
    /// Longest value of a field in Unicode characters: `item_name`, `line_note`, `document_number`.
    public var fieldLengths: [String: Int]
    public var idempotency: Idempotency
    public var tax: TaxAbility
    public var dimensions: [String]
    /// Can an invoice with money on it be changed?
    public var revisesPaidInvoices: Bool
    public var apiVersion: String
    /// When this version stops working, where the vendor says.
    public var sunset: LocalDate?
    /// Ways to the platform that end before the rest of it.
    public var endings: [Ending]
    /// Statement -> where it comes from. Conformance wants one for each limit and for the idempotency means.
    public var sources: [String: String]
    /// What the connector reads and writes there.
    public var objects: [PlatformObject]
    /// How changes there are learned of; empty where nobody asks.
    public var changeFeed: [ChangeFeed]
    public var currency: CurrencyAbility

    public init(
        id: String, name: String, roles: [Role], productionBase: String, sandboxBase: String?, auth: Authentication,
        headers: [String: String], limits: [RateLimit], concurrency: Int, batchSizes: [String: Int], pageSize: Int,
        fieldLengths: [String: Int], idempotency: Idempotency, tax: TaxAbility, dimensions: [String], revisesPaidInvoices: Bool,
        apiVersion: String, sunset: LocalDate?, endings: [Ending] = [], sources: [String: String], objects: [PlatformObject] = [], changeFeed: [ChangeFeed] = [],
        currency: CurrencyAbility = CurrencyAbility(foreign: false, rate: .none)
    ) {
        self.id = id
        self.name = name
        self.roles = roles
        self.productionBase = productionBase
        self.sandboxBase = sandboxBase
        self.auth = auth
        self.headers = headers
        self.limits = limits
        self.concurrency = concurrency
        self.batchSizes = batchSizes
        self.pageSize = pageSize
        self.fieldLengths = fieldLengths
        self.idempotency = idempotency
        self.tax = tax
        self.dimensions = dimensions
        self.revisesPaidInvoices = revisesPaidInvoices
        self.apiVersion = apiVersion
        self.sunset = sunset
        self.endings = endings
        self.sources = sources
        self.objects = objects
        self.changeFeed = changeFeed
        self.currency = currency
    }

    /// Nobody is called there, so no credential is needed either: a connection lives from the day that it is made.
    public var isInbound: Bool { productionBase.isEmpty }
}

/// A way to the platform that its vendor gives up while others go on: whoever is connected by it has to change a setting.
public struct Ending: Sendable, Equatable {
    /// The connection's setting that chooses it: `transport`.
    public var setting: String
    /// Values of that setting: `jsonrpc`, `xmlrpc`.
    public var values: [String]
    /// When it ends, in the vendor's own terms; `nil` where it is given up and no end is announced.
    public var until: String?

    public init(setting: String, values: [String], until: String?) {
        self.setting = setting
        self.values = values
        self.until = until
    }
}

/// One budget of the platform: `amount` units in each `window`.
public struct RateLimit: Sendable {
    public enum Scope: String, Sendable {
        /// One connection of ours.
        case connection
        /// All connections of the operator's app, over all tenants.
        case app
    }
    /// The name calls charge: `minute`, `day`, `batch`.
    public var name: String
    public var scope: Scope
    public var amount: Int
    public var window: Duration

    /// Spent, it holds work up for hours or weeks, not for moments.
    public var isLong: Bool { window >= .seconds(86_400) }
    /// A long one, of all connections together.
    public var isShared: Bool { isLong && scope == .app }

    public init(name: String, scope: Scope, amount: Int, window: Duration) {
        self.name = name
        self.scope = scope
        self.amount = amount
        self.window = window
    }
}

/// What protects a write from happening twice.
public struct Idempotency: Sendable {
    /// Where a key of ours stands by which the platform itself knows a write that it has had already.
    public enum NativeKey: Sendable, Equatable {
        /// A header, for calls that name a key (`Call.once`) or write it themselves.
        case header(String)
        /// A parameter of the address.
        case parameter(String)
        /// What the body calls the request by, beside the record.
        case control(String)
        /// A field of the record, which no second record may have.
        case field(String)

        /// `header`, `parameter`, `control` or `field`.
        public var place: String {
            switch self {
            case .header: "header"
            case .parameter: "parameter"
            case .control: "control"
            case .field: "field"
            }
        }

        /// What it is called there.
        public var name: String {
            switch self {
            case .header(let name), .parameter(let name), .control(let name), .field(let name): name
            }
        }
    }

    /// `nil` where the platform has no such key.
    public var nativeKey: NativeKey?
    /// How long the platform remembers that key; `nil` where there is none, where the vendor does not say, and for a field, which lasts as its record does.
    public var nativeKeyLifetime: Duration?
    /// Our key can be found again in a field of the document.
    public var searchable: Bool
    /// There is no search by that field: what changed is listed, and the keys are compared here.
    public var isListed: Bool
    /// How long a search that finds nothing proves nothing.
    public var findSettles: Duration

    /// The header that carries the platform's own key; `nil` where there is none or it stands elsewhere.
    public var header: String? { if case .header(let name)? = nativeKey { name } else { nil } }

    public init(nativeKey: NativeKey? = nil, nativeKeyLifetime: Duration?, searchable: Bool, isListed: Bool = false, findSettles: Duration) {
        self.nativeKey = nativeKey
        self.nativeKeyLifetime = nativeKeyLifetime
        self.searchable = searchable
        self.isListed = isListed
        self.findSettles = findSettles
    }
}

/// How exactly a ledger takes a tax that the source computed.
public enum TaxAbility: String, Sendable {
    /// The document's total tax can be set.
    case documentTotal = "document_total"
    /// Each line's tax can be set.
    case perLine = "per_line"
    /// It is made of each line's rate, and only what rounding costs can be mended.
    case byRate = "by_rate"
    case none
}
