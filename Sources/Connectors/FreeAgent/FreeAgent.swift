public import ConnectorKit
internal import Kernel
internal import Wire

/// FreeAgent as a ledger: API v2 in JSON. Invoices and credit notes, money as explanations of bank transactions, and journal sets.
public struct FreeAgentConnector: LedgerConnector {
    public init() {}

    /// Facts on the platform, each with where it comes from.
    /// - Source: the pages named in `sources`.
    public var spec: PlatformSpec {
        PlatformSpec(
            id: "freeagent", name: "FreeAgent", roles: [.ledger], productionBase: "https://api.freeagent.com", sandboxBase: "https://api.sandbox.freeagent.com",
            auth: .oauth2(Self.authentication),
            headers: ["Accept": "application/json", "Content-Type": "application/json", "User-Agent": "Counterfoil"],
            limits: [
                RateLimit(name: Budget.minute, scope: .connection, amount: 120, window: .seconds(60)),
                RateLimit(name: Budget.hour, scope: .connection, amount: 3_600, window: .seconds(3_600)),
            ],
            concurrency: 1, batchSizes: [:], pageSize: FreeAgentLimits.pageRows, fieldLengths: Self.fieldLengths,
            idempotency: Idempotency(nativeKeyLifetime: nil, searchable: true, isListed: true, findSettles: FreeAgentLimits.findSettles),
            tax: .byRate, dimensions: [], revisesPaidInvoices: false, apiVersion: "v2", sunset: nil, sources: Self.sources, objects: Self.objects,
            changeFeed: [.sweep(by: "updated_at", overlap: FreeAgentLimits.changesOverlap)],
            currency: CurrencyAbility(foreign: true, rate: .stated, digitsMost: FreeAgentLimits.amountScale))
    }

    private static let objects: [PlatformObject] = [
        PlatformObject("Invoice", carries: ["invoice"], [.list, .find, .read, .create, .update, .void]),
        PlatformObject("Credit note", carries: ["credit_note"], [.list, .find, .read, .create, .update, .void]),
        PlatformObject(
            "Bank transaction explanation", carries: ["payment", "refund_payment", "deposit", "payout", "journal"], [.list, .find, .read, .create, .update, .void]),
        PlatformObject("Bank transaction", carries: [], [.read, .void]),
        PlatformObject("Journal set", carries: ["journal", "deposit", "payout"], [.list, .find, .read, .create, .update, .void]),
        PlatformObject("Contact", carries: ["party"], [.find, .create]),
        PlatformObject("Category", carries: ["account"], [.list]),
        PlatformObject("Bank account", carries: ["account"], [.list]),
        PlatformObject("Sales tax period", carries: ["tax_code"], [.list]),
        PlatformObject("Account lock", carries: [], [.list]),
        PlatformObject("Company", carries: ["tax_code"], [.read]),
    ]

    /// There are no scopes: the rights are those of the user who consents.
    private static let authentication = Authentication.OAuth2(
        authorizeURL: "https://api.freeagent.com/v2/approve_app", tokenURL: "https://api.freeagent.com/v2/token_endpoint", tokenPath: "/v2/token_endpoint",
        clientProof: .basic, scopes: [], refreshGrace: .zero,
        consent: .init(
            path: "/v2/approve_app", account: .identified,
            access: ["read and write invoices, credit notes, bank transactions and journals, as far as the user who consents may", "read accounts and the company's name"]))

    private static let fieldLengths: [String: Int] = [
        "party_name": FreeAgentLimits.name, "line_note": FreeAgentLimits.text, "document_number": FreeAgentLimits.name,
        // Behind `cf:<key> 1/9 `.
        "reference": FreeAgentLimits.name - 30,
    ]

    private static let docs = "dev.freeagent.com, as kept in endjin/Endjin.FreeAgent, Docs/"

    private static let sources: [String: String] = [
        "limits.minute": docs + "introduction.md, Rate Limits: 120 user requests per minute, reset at the start of every minute",
        "limits.hour": docs + "introduction.md, Rate Limits: 3600 user requests per hour",
        "concurrency": "our choice: numbers of invoices are unique, and calls side by side have been seen to clash (FreeAgent API forum)",
        "page": docs + "introduction.md, Pagination: page, per_page up to 100, Link header",
        "idempotency": docs + "index.md and its pages: none names a key for a request",
        "idempotency.search": docs + "invoices.md, credit_notes.md: lists by updated_since, none by reference; journal_sets.md: by tag; "
            + "bank_transaction_explanations.md: by bank account and days",
        "idempotency.settles": "our choice: no delay of lists is published",
        "auth": docs + "oauth.md: approve_app, token_endpoint with HTTP Basic, bearer token for an hour",
        "auth.scopes": docs + "introduction.md, About Access Levels: none; the level of the user who consents counts",
        "auth.grace": "our choice: refreshing gives a new refresh token (oauth.md's sample); whether the old one lives on is not published",
        "fields": "our choice: no lengths are published",
        "tax": docs + "sales_tax.md, Invoices: sales_tax_value is the sum of its lines' tax and can't be set",
        "objects": docs + "invoices.md, credit_notes.md, bank_transaction_explanations.md, journal_sets.md, categories.md, bank_accounts.md",
        "currency": docs + "invoices.md: currency, exchange_rate; currencies.md: the list. That amounts have two digits is general knowledge",
        "changes": docs + "invoices.md and the other lists: updated_since, sort=updated_at",
        "lock": docs + "company.md: freeagent_start_date; dev.freeagent.com/docs/account_locks: locked_to_date, for users with full access",
        "errors": "FreeAgent API forum, answers of the vendor's staff (topics 819, 2015, 2224, 2515): 422 with errors[].message; 429 in introduction.md",
    ]

    // MARK: Identity

    /// The company that the consent was given for: one read. Its subdomain is the account's name here: a token has no other.
    public func identify(_ connection: ConnectionFacts) -> Exchange<AccountIdentity> {
        .one(Self.get("/v2/company")) { response throws(Fault) in
            let company = try Company(response)
            return AccountIdentity(account: company.subdomain, name: company.name, country: company.isUK ? "GB" : nil, currency: company.currency)
        }
    }
}

/// Names of the budgets that calls charge.
enum Budget {
    static let minute = "minute"
    static let hour = "hour"

    /// So many calls of each. A call that costs nothing was paid for by the first write of its conversation, so that no budget of ours ends between.
    static func of(_ calls: Int) -> [String: Int] { calls > 0 ? [minute: calls, hour: calls] : [:] }
}

/// Bounds of this connector.
enum FreeAgentLimits {
    static let pageRows = 100
    /// Pages of one list before it is given up.
    static let pages = 100
    /// Pages that are looked through before a document that is gone is written anew: writes have to start within seconds.
    static let newestPages = 5
    static let name = 255
    static let text = 1_000
    /// Digits after the point of an amount.
    static let amountScale = 2
    /// Digits after the point of a rate.
    static let rateScale = 10
    /// Largest amount in an answer, in minor units; sums of a whole answer stay inside 64 bits.
    static let amountMinor: Int64 = 1_000_000_000_000
    /// Explanations that one document may consist of: their calls have to fit into a minute.
    static let parts = 20
    /// Of a file, by the vendor's pages 5 MB.
    static let fileBytes = 5_000_000
    static let findSettles = Duration.seconds(60)
    /// How far clocks may differ when a list is asked for what is new.
    static let clockSlack = Duration.seconds(600)
    static let changesOverlap = Duration.seconds(300)
    /// Documents from which on a list is read instead of each of them.
    static let listedFrom = 4
}
