internal import Books
public import ConnectorKit
internal import Kernel
public import Wire

/// Odoo as a ledger: its external API, versions 14 to 19, over JSON-2, JSON-RPC or XML-RPC.
public struct OdooConnector: LedgerConnector {
    public init() {}

    /// Facts on the platform, each with where it comes from.
    /// - Source: the pages named in `sources`.
    public var spec: PlatformSpec {
        PlatformSpec(
            id: "odoo", name: "Odoo", roles: [.ledger],
            // Odoo Online, where the database is the host's first word; all others name their own base.
            productionBase: "https://{account_host}.odoo.com", sandboxBase: nil, auth: .session(Self.authentication),
            headers: ["Accept": "application/json, text/xml"],
            limits: [RateLimit(name: Budget.minute, scope: .connection, amount: OdooLimits.callsPerMinute, window: .seconds(60))],
            concurrency: 1, batchSizes: Self.batchSizes, pageSize: OdooLimits.pageRows, fieldLengths: Self.fieldLengths,
            idempotency: Idempotency(nativeKeyLifetime: nil, searchable: true, findSettles: OdooLimits.requestLife),
            tax: .documentTotal, dimensions: ["analytic"], revisesPaidInvoices: false, apiVersion: "14 to 19",
            // JSON-2 goes on.
            sunset: nil, endings: [Ending(setting: "transport", values: ["jsonrpc", "xmlrpc"], until: "Odoo 22, fall 2028")],
            sources: Self.sources, objects: Self.objects,
            changeFeed: [.sweep(by: "write_date", overlap: OdooLimits.changesOverlap)], currency: CurrencyAbility(foreign: true, rate: .stated))
    }

    private static let objects: [PlatformObject] = [
        PlatformObject(
            "account.move", carries: ["invoice", "credit_note", "bill"] + OdooForm.entryForms.map(\.rawValue).sorted(),
            [.find, .read, .create, .update, .void, .list]),
        PlatformObject("purchase.order", carries: ["purchase_order"], [.find, .read, .create, .update, .void]),
        PlatformObject("purchase.order.line", carries: [], [.list]),
        PlatformObject("product.product", carries: ["item"], [.find, .create, .read]),
        PlatformObject("account.move.line", carries: [], [.list, .read]),
        PlatformObject("account.partial.reconcile", carries: [], [.list]),
        PlatformObject("res.partner", carries: ["party"], [.find, .create]),
        PlatformObject("account.account", carries: ["account"], [.list]),
        PlatformObject("account.tax", carries: ["tax_code"], [.list]),
        PlatformObject("res.currency", carries: [], [.list]),
        PlatformObject("res.company", carries: [], [.read]),
    ]

    /// The user's id comes from the login, in each transport at another place.
    private static let authentication = Authentication.Session(
        parts: [
            CredentialPart("api_key", "an API key of the user's (preferences, account security), or his password"),
            CredentialPart("login", "the user's login, for JSON-RPC and XML-RPC", isSecret: false, isRequired: false),
        ],
        gives: [
            SessionValue(
                "uid",
                .first([
                    .json(["uid"]), .json(["result"]), .xml(["params", "param", "value", "int"]), .xml(["params", "param", "value", "i4"]),
                ]))
        ]
    ) { Dialect.login($0) }

    private static let batchSizes: [String: Int] = {
        var out = ["invoice": OdooLimits.batchDocuments, "credit_note": OdooLimits.batchDocuments, "bill": OdooLimits.batchDocuments]
        for form in OdooForm.entryForms { out[form.rawValue] = OdooForm.settling.contains(form) ? OdooLimits.batchPayments : OdooLimits.batchDocuments }
        return out
    }()

    private static let fieldLengths: [String: Int] = [
        "party_name": OdooLimits.partyName, "line_note": OdooLimits.description, "reference": OdooLimits.reference - 20,
    ]

    private static let sources: [String: String] = [
        "limits.minute": "no quota is published; Odoo Online's acceptable use asks for moderation, about one call a second (general knowledge)",
        "concurrency": "same: no parallel calls (general knowledge)",
        "batch": "our choice: what one transaction does well within the 120 s that a worker has by default (odoo/documentation, deploy, limit-time-real)",
        "page": "our choice: search_read has no limit of its own (odoo/documentation, external_api.rst)",
        "idempotency": "there is no key for a request (odoo/documentation, external_api.rst names none)",
        "idempotency.search": "odoo/documentation, external_api.rst: search_read by domain; ref of sales is not unique (odoo/odoo, account_move.py)",
        "idempotency.settles": "a request to Odoo Online may run for 15 minutes (general knowledge); until then a lost one may still be done",
        "auth": "odoo/documentation, content/developer/reference/external_api.rst and external_rpc_api.rst: API keys, bearer, authenticate, execute_kw",
        "fields": "our choice: Char fields have no length in PostgreSQL (odoo/odoo, fields.py)",
        "tax": "general knowledge: a draft's tax lines can be written; names of fields by fields_get of a running 14.0 and 19.0",
        "objects": "odoo/odoo, addons/account and addons/purchase; fields_get of a running 14.0 and 19.0",
        "currency": "fields_get of a running 19.0: account.move.invoice_currency_rate can be written; that it stands in 18 too is general knowledge",
        "changes": "odoo/odoo, models.py: write_date of every record; it has microseconds and is shown in seconds",
        "errors": "odoo/odoo, odoo/http.py, addons/rpc/controllers/json2.py and odoo/addons/base/controllers/rpc.py",
        "sunset": "odoo/documentation, external_rpc_api.rst: deprecated in 19, removal announced for 22, fall 2028",
    ]

    // MARK: Every request

    /// The database, which hosts with several of them need.
    public func prepare(_ request: HTTPRequest, for connection: ConnectionFacts) -> HTTPRequest {
        var out = request
        let account = connection.account
        if request.path.hasPrefix("/json/2/"), !account.isEmpty, account.utf8.allSatisfy({ $0 > 32 && $0 < 127 }) { out.fields["X-Odoo-Database"] = account }
        return out
    }

    // MARK: Identity

    /// The company's name, country and currency, once the version there is the one that the settings name: two reads.
    public func identify(_ connection: ConnectionFacts) -> Exchange<AccountIdentity> {
        speaking(connection) { dialect in
            .send(dialect.versionCall()) { answer in
                if let fault = Self.differs(answer, dialect) { return .fail(fault) }
                return self.company(dialect, fields: ["name", "country_code", "currency_id"]) { company in
                    guard let name = company["name"]?.words else { return .fail(Self.unreadable("the company has no name")) }
                    return .finish(AccountIdentity(
                        account: connection.account, name: name, country: company["country_code"]?.words, currency: company["currency_id"]?.named))
                }
            }
        }
    }

    /// A wrong version would ask for fields that are not there, at the first document.
    private static func differs(_ answer: HTTPResponse, _ dialect: Dialect) -> Fault? {
        guard case .value(let said)? = Answer(answer, dialect.transport) else { return unreadable("what version it is") }
        let digits = (said["version"] ?? said["server_version"])?.string?.drop { !$0.isNumber }.prefix { $0.isNumber }
        guard let major = digits.flatMap({ Int($0) }) else { return unreadable("what version it is") }
        guard major != dialect.version else { return nil }
        return Fault(
            "version_mismatch", stage: .post, disposition: .reject, summary: "Odoo \(major) runs there, and the connection says \(dialect.version)",
            remedy: "Set the connection's version to \(major).", position: "version")
    }

    /// The company that documents are written for.
    func company<Output: Sendable>(
        _ dialect: Dialect, fields: [String], then next: @escaping @Sendable (JSON) -> Exchange<Output>
    ) -> Exchange<Output> {
        let domain: JSON = dialect.company.map { [["id", "=", .id($0)]] } ?? []
        return rows([Listing("res.company", domain, fields)], dialect) { rows in
            switch rows.count {
            case 1: return next(rows[0])
            case 0:
                return .fail(Fault(
                    "company_unknown", stage: .post, disposition: .reject, summary: "Odoo shows no such company to this user",
                    remedy: "Set the connection's company to one that the user may work for.", position: "company"))
            default:
                return .fail(Fault(
                    "company_ambiguous", stage: .post, disposition: .reject, summary: "the user may work for \(rows.count) companies in Odoo",
                    remedy: "Set the connection's company to the id of the one whose books these are.", position: "company"))
            }
        }
    }
}

/// Names of the budgets that calls charge; every call costs one.
enum Budget {
    static let minute = "minute"
    static let one = [minute: 1]
}

/// Bounds of this connector.
enum OdooLimits {
    static let callsPerMinute = 60
    /// Documents of one create.
    static let batchDocuments = 20
    /// Of those that are settled one by one.
    static let batchPayments = 5
    static let pageRows = 500
    /// Pages of one list before it is given up as endless.
    static let pages = 200
    /// Keys or ids in one domain.
    static let listed = 40
    static let reference = 520
    static let partyName = 250
    static let description = 4_000
    /// PostgreSQL's integer.
    static let ids = 1 ... 2_147_483_647
    static let requestLife = Duration.seconds(900)
    static let changesOverlap = Duration.seconds(10)
    /// Digits after the point of a rate.
    static let rateScale = 12
    /// Digits after the point of a quantity.
    static let quantityScale = 2
    /// Digits after the point of an order's price; how many Odoo keeps is its "Product Price" accuracy, and it is read back.
    static let orderPriceScale = 6
    /// Largest amount in an answer, in minor units; sums of a whole answer stay inside 64 bits.
    static let amountMinor: Int64 = 1_000_000_000_000
    /// Taxes of one line.
    static let taxesPerLine = 20
}
