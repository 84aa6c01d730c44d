public import ConnectorKit
internal import Kernel
public import Wire

/// Xero as a ledger: the Accounting API, version 2.0, JSON.
public struct XeroConnector: LedgerConnector {
    public init() {}

    /// Facts on the platform, each with where it comes from.
    /// - Source: the pages named in `sources`.
    public var spec: PlatformSpec {
        PlatformSpec(
            id: "xero", name: "Xero", roles: [.ledger], productionBase: "https://api.xero.com",
            // No host of its own: a demo company lives among the real ones.
            sandboxBase: nil,
            auth: .oauth2(Self.authentication),
            headers: ["Accept": "application/json"],
            limits: Self.limits, concurrency: XeroLimits.requestsInFlight,
            batchSizes: Self.batchSizes, pageSize: XeroLimits.pageRows,
            fieldLengths: Self.fieldLengths,
            idempotency: Idempotency(
                // `Idempotency-Key` is sent with every posting, but how long it is remembered is not published:
                // nothing may rest on it.
                nativeKey: .header("Idempotency-Key"), nativeKeyLifetime: nil, searchable: true, findSettles: XeroLimits.findSettles),
            tax: .perLine, dimensions: ["tracking"], revisesPaidInvoices: false, apiVersion: "2.0", sunset: nil,
            sources: Self.sources, objects: Self.objects,
            changeFeed: [
                .webhooks(signature: "base64 of HMAC-SHA256 over the raw body in x-xero-signature", topics: ["INVOICE", "CREDITNOTE"]),
                .sweep(by: "UpdatedDateUTC", overlap: XeroLimits.changesOverlap),
            ], currency: CurrencyAbility(foreign: true, rate: .stated, digitsMost: XeroLimits.amountScale))
    }

    private static let changeable: [PlatformObject.Operation] = [.list, .find, .read, .create, .update, .void]

    private static let objects: [PlatformObject] = [
        PlatformObject("Invoice", carries: ["invoice", "bill", "summary", "settlement"], [.receive] + changeable),
        PlatformObject("CreditNote", carries: ["credit_note", "summary", "settlement"], [.receive] + changeable),
        PlatformObject("Payment", carries: ["payment", "refund_payment"], changeable),
        PlatformObject("ManualJournal", carries: ["journal", "deposit", "payout"], changeable),
        PlatformObject("BankTransaction", carries: ["payout", "deposit", "journal"], changeable),
        PlatformObject("PurchaseOrder", carries: ["purchase_order"], changeable),
        PlatformObject("Attachment", carries: [], [.list, .create, .update]),
        PlatformObject("TrackingCategory", carries: [], [.list]),
        PlatformObject("Contact", carries: ["party"], [.find, .create]),
        PlatformObject("Account", carries: ["account"], [.list]),
        PlatformObject("TaxRate", carries: ["tax_code"], [.list]),
        PlatformObject("Organisation", carries: [], [.read]),
    ]

    private static let authentication = Authentication.OAuth2(
        authorizeURL: "https://login.xero.com/identity/connect/authorize",
        tokenURL: "https://identity.xero.com/connect/token", tokenPath: "/identity/connect/token", clientProof: .basic,
        scopes: [
            "offline_access", "accounting.invoices", "accounting.payments", "accounting.manualjournals",
            "accounting.banktransactions",
            "accounting.contacts", "accounting.settings.read", "accounting.attachments",
        ],
        refreshGrace: .seconds(30 * 60),
        // One consent can reach several organisations, and those of earlier consents are listed with it.
        consent: .init(
            path: "/identity/connect/authorize", takesChallenge: true, issuer: "https://identity.xero.com", account: .listed,
            access: [
                "read and write invoices, credit notes, payments, bank transactions and manual journals", "read and write contacts and files beside documents",
                "read accounts, taxes and the organisation's name",
            ]))

    private static let limits: [RateLimit] = [
        RateLimit(name: Budget.minute, scope: .connection, amount: 60, window: .seconds(60)),
        RateLimit(name: Budget.day, scope: .connection, amount: 5_000, window: .seconds(86_400)),
        RateLimit(name: Budget.appMinute, scope: .app, amount: 10_000, window: .seconds(60)),
    ]

    /// Where a number that is used twice is refused, or more than is owed. Nothing but the search guards bills, journals and bank transactions:
    /// those go alone.
    private static let batchSizes: [String: Int] = Dictionary(
        uniqueKeysWithValues: ["invoice", "credit_note", "payment", "refund_payment", "purchase_order"].map { ($0, XeroLimits.batchDocuments) })

    private static let fieldLengths: [String: Int] = [
        "party_name": XeroLimits.partyName, "line_note": XeroLimits.description, "document_number": XeroLimits.number,
        // Behind `cf:<key> `.
        "reference": XeroLimits.reference - 20,
    ]

    private static let sources: [String: String] = [
        "limits.minute": "Xero developer pages, OAuth 2.0 API limits: 60 calls a minute, organisation and app",
        "limits.day": "Xero developer pages, OAuth 2.0 API limits and Pricing: 5000 calls a day and organisation; "
            + "1000 in the Starter tier, which the answers' headers tell",
        "limits.appminute": "Xero developer pages, OAuth 2.0 API limits: 10,000 calls a minute and app",
        "concurrency": "Xero developer pages, OAuth 2.0 API limits: 5 calls in flight, organisation and app",
        "batch": "Xero developer pages, OAuth 2.0 API limits: about 50 documents a call advised, bodies up to 3.5 MB",
        "page": "XeroAPI/Xero-OpenAPI, xero_accounting.yaml 16.1.0: page, pageSize; 100 by default",
        "idempotency": "XeroAPI/Xero-OpenAPI, xero_accounting.yaml 16.1.0: Idempotency-Key of 128 characters; its life "
            + "time is unconfirmed",
        "idempotency.search":
            "XeroAPI/Xero-OpenAPI, xero_accounting.yaml 16.1.0: InvoiceNumbers, IDs, where; uniqueness "
            + "of numbers under PUT: freakboy3742/pyxero issue 328",
        "idempotency.settles": "our choice: no delay of its searches is published",
        "auth": "XeroAPI/Xero-OpenAPI, xero-identity.yaml; scopes: Apideck and Codat pages on granular scopes",
        "auth.grace": "Xero staff posts on the developer forum: the refresh token before lives on for 30 minutes",
        "fields": "XeroAPI/Xero-OpenAPI, xero_accounting.yaml 16.1.0: Contact.Name, InvoiceNumber and Reference 255, "
            + "Description 4000",
        "tax":
            "XeroAPI/Xero-OpenAPI, xero_accounting.yaml 16.1.0: TaxAmount can be overridden; \"Rounding in Xero\"",
        "objects": "XeroAPI/Xero-OpenAPI, xero_accounting.yaml 16.1.0",
        "currency": "XeroAPI/Xero-OpenAPI, xero_accounting.yaml 16.1.0: CurrencyRate, six decimals; more than two digits are refused by choice",
        "currency_rate": "conflicting (crbnos/carbon pull request 1547 against common practice): unconfirmed",
        "webhooks": "XeroAPI/Xero-OpenAPI, xero-webhooks.yaml 16.1.0; Xero developer pages, Webhooks, Configuring your server",
        "changes": "XeroAPI/Xero-OpenAPI, xero_accounting.yaml 16.1.0: If-Modified-Since, order; the overlap of a minute is our choice",
        "attachments": "XeroAPI/Xero-OpenAPI, xero_accounting.yaml 16.1.0; ten a document: Linx, reference of Xero attachments; 25 MB: general knowledge",
        "tracking": "XeroAPI/Xero-OpenAPI, xero_accounting.yaml 16.1.0: two categories a line, names of 100 characters",
        "errors": "Xero developer pages, HTTP response codes and errors; bodies of 401 and 403 are general knowledge; "
            + "lock date message: waynerobinson/xeroizer issue 92",
        "errors.throttled":
            "Xero developer pages, OAuth 2.0 API limits; the words appminute and concurrent are general knowledge",
    ]

    // MARK: Every request

    /// The organisation that the request is for, and JSON instead of XML.
    public func prepare(_ request: HTTPRequest, for connection: ConnectionFacts) -> HTTPRequest {
        var out = request
        // A custom connection belongs to one organisation and sends no tenant.
        if !connection.account.isEmpty { out.fields["xero-tenant-id"] = connection.account }
        out.fields["Accept"] = "application/json"
        return out
    }

    /// What is left of the minute and of the day.
    public func readings(_ response: HTTPResponse) -> [BudgetReading] {
        [(Budget.minute, "X-MinLimit-Remaining"), (Budget.day, "X-DayLimit-Remaining")].compactMap { name, header in
            guard let text = response.fields[header], let left = Int(text), (0 ... XeroLimits.budgetMost).contains(left)
            else { return nil }
            return BudgetReading(name: name, remaining: left)
        }
    }

    // MARK: Identity

    /// The organisation's name, country, base currency and time zone: one read.
    public func identify(_ connection: ConnectionFacts) -> Exchange<AccountIdentity> {
        rows([Query.organisation]) { rows in
            guard let fields = rows.first, let name = fields["Name"].string, !name.isEmpty else {
                return .fail(Self.unreadable("Organisation has no Name"))
            }
            return .finish(
                AccountIdentity(
                    account: connection.account, name: name, country: fields["CountryCode"].string,
                    currency: fields["BaseCurrency"].string, timeZone: fields["Timezone"].string))
        }
    }

    /// The organisations that the consent reaches, by name; what else there is of each, `identify` tells. The connection's own is first, then those of the
    /// newest consent, which is the one that the question is about: those of earlier ones are listed as well.
    /// - Source: developer.xero.com, "Connections": practices (tenantType PRACTICE) have no books; XeroAPI/Xero-OpenAPI, xero-identity.yaml: connections that
    ///   were authorised at the same time share their `authEventId`, and `updatedDateUtc` is when one was last.
    public func accounts(_ connection: ConnectionFacts) -> Exchange<[AccountIdentity]> {
        .one(Call(.read, HTTPRequest(.get, "/connections"), cost: [Budget.appMinute: 1])) { answer throws(Fault) in
            guard let rows = try JSON(parsing: answer.body).array else { throw Self.unreadable("connections are no list") }
            let books = rows.filter { $0["tenantType"]?.string == "ORGANISATION" && $0["tenantId"]?.string?.isEmpty == false }
            // Times of one form, which sort as text.
            func updated(_ row: JSON) -> String { row["updatedDateUtc"]?.string ?? "" }
            let event = books.max { updated($0) < updated($1) }?["authEventId"]?.string, own = connection.account.lowercased()
            func rank(_ row: JSON) -> Int {
                if !own.isEmpty, row["tenantId"]?.string?.lowercased() == own { return 0 }
                return event != nil && row["authEventId"]?.string == event ? 1 : 2
            }
            return (0 ... 2).flatMap { place in books.filter { rank($0) == place } }.compactMap { row in
                row["tenantId"]?.string.map { AccountIdentity(account: $0, name: row["tenantName"]?.string ?? $0) }
            }
        }
    }
}

/// Names of the budgets that calls charge; every call costs one of each.
enum Budget {
    static let minute = "minute"
    static let day = "day"
    static let appMinute = "appminute"
    static let one = [minute: 1, day: 1, appMinute: 1]
}

/// Bounds of this connector.
enum XeroLimits {
    static let requestsInFlight = 5
    /// Digits after the point of a quantity.
    static let quantityScale = 4
    /// Documents of one write.
    static let batchDocuments = 50
    /// Bytes of documents in one write; the platform takes 3.5 MB.
    static let bodyBytes = 3_000_000
    static let pageRows = 100
    /// Pages of one list before it is given up as endless.
    static let pages = 100
    /// Numbers or ids in one `InvoiceNumbers` or `IDs`.
    static let listed = 40
    /// Conditions joined by OR in one `where`.
    static let conditions = 10
    static let number = 255
    /// What is looked for ten at a time has to fit into an address.
    static let billNumber = 120
    static let trackingCategories = 2
    static let trackingName = 100
    /// Files of one document, and the bytes of one.
    static let attachments = 10
    static let attachmentBytes = 25_000_000
    static let attachmentName = 200
    static let contentType = 100
    /// Longest signature of a webhook that is read, and longest kind that an event names.
    static let signatureBytes = 100
    static let category = 50
    /// Changes are asked for from this long before the last one that was seen.
    static let changesOverlap = Duration.seconds(60)
    static let reference = 255
    static let partyName = 255
    static let description = 4_000
    /// Longest code of an account.
    static let accountCode = 10
    static let idempotencyKey = 128
    static let findSettles = Duration.seconds(30)
    /// Characters of an error's text that are kept.
    static let errorText = 300
    static let correlationID = 64
    /// Longest pause that an answer may ask for.
    static let longestPauseSeconds = 86_400
    /// Digits after the point of a `CurrencyRate`.
    static let rateScale = 6
    /// Digits after the point of an amount.
    static let amountScale = 2
    /// Largest amount in an answer, in minor units; sums of a whole answer stay inside 64 bits.
    static let amountMinor: Int64 = 1_000_000_000_000
    static let budgetMost = 1_000_000
}
