public import Kernel
public import TwinKit
public import Wire

/// How much the account lets through.
public struct NetSuiteLimits: Sendable {
    /// Requests at one time, of all protocols together.
    /// - Source: the sheet, "Limits": 5 for a shared account and for developers' ones.
    public var concurrency: Int
    /// How long a request keeps its place. Nothing waits in a twin, so that none is ever full unless this says so: our choice.
    public var requestLasts: Duration
    /// Largest body, bytes.
    /// - Source: the sheet, "Limits": 104 MB of REST, 100 MB of SOAP.
    public var bodyBytes: Int
    /// Whether a transaction's number may stand in two transactions of a type, as the account's preference says.
    public var refusesDuplicateNumbers: Bool
    /// Every how many writes of transactions two meet and this one loses; `nil` for never.
    public var conflictsEvery: Int?

    public init(
        concurrency: Int = 5, requestLasts: Duration = .zero, bodyBytes: Int = 100 << 20, refusesDuplicateNumbers: Bool = false, conflictsEvery: Int? = nil
    ) {
        self.concurrency = concurrency
        self.requestLasts = requestLasts
        self.bodyBytes = bodyBytes
        self.refusesDuplicateNumbers = refusesDuplicateNumbers
        self.conflictsEvery = conflictsEvery
    }
}

/// One NetSuite account, whose books are open to SuiteTalk SOAP and to the REST record API and SuiteQL at once.
///
/// Below `/netsuite` lies what the vendor serves at `https://{account}.suitetalk.api.netsuite.com`: `/services/NetSuitePort_2025_2` (and all
/// versions from 2019.1), `/wsdl/v2025_2_0/netsuite.wsdl`, `/services/rest/…`. Who may come in stands at the constants below, what the account
/// holds from the beginning at `SuiteSeed`. Everything answered is in the journal before the answer.
public final class NetSuiteTwin: LedgerTwin {
    public let prefix = "/netsuite"
    /// The account: `1234567-sb1` in host names.
    public static let account = "1234567_SB1"
    /// The integration record, for token-based authentication.
    public static let consumerKey = "ck5f0b1d22a94e6e8c33107b9d4f6a2c"
    public static let consumerSecret = "cs81e2a7c4405d4f9b7e6d13c92f0ab5"
    /// The token of the user `Integration` in the role `Ledger integration`.
    public static let tokenID = "tk90c3de6b1f4a5cb2a7481d5e39f60b"
    public static let tokenSecret = "ts27f4b0a9d84c3e91650bc8e7a1d2f3"
    /// The same integration's client id for OAuth 2.0, and the id of the certificate that is mapped to its user and role.
    public static let clientID = "cl64a1f0e7b24d0c95e83c17ab2d9f50"
    public static let certificateID = "custcertificate1"
    /// The key behind that certificate. Everybody has it: it opens a sandbox.
    public static let privateKey = """
        -----BEGIN PRIVATE KEY-----
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgTxKJpLp9hc9QF3dx
        qzJBFkZupRGwxPJCVLdnYPjYG3KhRANCAASr5tzbBgY2ZLsgCMxXZt4JI9O4KZFE
        p6EeBd5C52CCQ1wRMS1Mr9cd6SaoKmPJQ/QcS7WC+juge+oyx/tP6JZx
        -----END PRIVATE KEY-----
        """

    private let random: any RandomSource
    private let state: Remembered<SuiteState>

    /// Opens the account as the journal left it.
    /// - Throws: the journal's faults.
    public init(journal: TwinJournal, limits: NetSuiteLimits = NetSuiteLimits(), random: any RandomSource = SystemRandom()) throws(Fault) {
        self.random = random
        state = try Remembered(SuiteState(limits: limits), in: journal)
    }

    public func respond(_ request: HTTPRequest, at now: Timestamp) -> HTTPResponse {
        state.change { [random] in $0.respond(request, at: now, random: random) } ifLost: { _, _ in SuiteDoor.unexpected(request) }
    }

    // MARK: - The bookkeeper's own doings

    public func entries() -> [LedgerEntry] { state.look { $0.entries() } }

    /// Purchase orders that stand, as a read by REST shows them: they are in no books.
    public func orders() -> [JSON] {
        state.look { state in
            state.all("transaction").filter { $0.type == "purchaseOrder" }.map { record in
                let vendor = JSON.object([("id", .optional(record.text("entity"))), ("refName", .optional(state.name("entity", record.id("entity"))))])
                return .object([("id", .string(String(record.id))), ("entity", vendor), ("total", record.values["total"] ?? .null)])
            }
        }
    }

    public func setAccountActive(_ code: String, _ active: Bool) {
        state.change { state in
            guard let id = state.account(code), var account = state.record("account", id) else { return }
            account.values["isInactive"] = .bool(!active)
            state.put(account)
        }
    }

    /// Closes every period that ends on that day or before, and opens the others.
    public func setLockDate(_ date: LocalDate?) { state.change { $0.closePeriods(through: date) } }

    /// Ends every OAuth 2.0 access token. Tokens of token-based authentication go on.
    public func revokeAccessTokens() {
        state.change { state in
            state.access.revokeAll()
            state.pending.append(.object([("t", "revoked")]))
        }
    }

    /// Sets one lock of an accounting period, as the period close checklist does: `ar`, `ap` or `all`.
    public func lockPeriod(_ name: String, _ what: String, _ isLocked: Bool = true) {
        state.change { state in
            guard var period = state.all("accountingPeriod").first(where: { $0.text("periodName") == name }) else { return }
            period.values["\(what)Locked"] = .bool(isLocked)
            state.put(period)
        }
    }

    // MARK: - Answers of the fault plan

    public func throttled(retryAfterSeconds: Int?) -> HTTPResponse { SuiteDoor.tooMany }
    public func unavailable() -> HTTPResponse { SuiteDoor.unavailable }
}
