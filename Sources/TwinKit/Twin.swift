internal import Crypto
public import Kernel
public import Wire

/// A platform's twin: speaks the vendor's wire protocol below one path prefix. Synchronous, because its state is small
/// and behind one lock; the server calls it from many tasks at once.
public protocol Twin: Sendable {
    /// Where the twin lives on the sandbox's server: `/qbo`, `/xero`, `/shopify`.
    var prefix: String { get }

    /// Answers one request. `request.target` has the prefix removed already and starts with `/`.
    /// Whatever the answer promises is in the journal before this returns.
    func respond(_ request: HTTPRequest, at now: Timestamp) -> HTTPResponse

    /// The vendor's answer to a caller that is too fast; `retryAfterSeconds` is `nil` where the fault plan withholds
    /// the header.
    func throttled(retryAfterSeconds: Int?) -> HTTPResponse

    /// The vendor's answer when it is out of order.
    func unavailable() -> HTTPResponse

    /// The same two, and `errorInSuccess`, for the request that meets them: a platform that speaks several protocols refuses in the caller's.
    func throttled(_ request: HTTPRequest, retryAfterSeconds: Int?) -> HTTPResponse
    func unavailable(_ request: HTTPRequest) -> HTTPResponse
    func errorInSuccess(_ request: HTTPRequest) -> HTTPResponse

    /// The request as it would be with a token the vendor has revoked.
    func withRevokedToken(_ request: HTTPRequest) -> HTTPRequest

    /// Where in the posting protocol the sender of this request stands.
    func purpose(of request: HTTPRequest) -> Purpose

    /// HTTP success that is none, as the vendor has been seen to answer.
    func errorInSuccess() -> HTTPResponse

    /// The request without the platform's own idempotency key: as though the platform had forgotten it.
    func withoutNativeKey(_ request: HTTPRequest) -> HTTPRequest

    /// The answer to a search as it would be if documents with these posting keys could not be found yet; `nil` where answers are JSON, which the
    /// sandbox itself knows how to shorten.
    func withoutFound(_ keys: Set<String>, in response: HTTPResponse) -> HTTPResponse?

    /// The request by which a second client with the same grant refreshes its token; `nil` where tokens are not refreshed.
    func refresh(with refreshToken: String) -> HTTPRequest?

    /// Bytes of a request's body that the platform reads at this address, which has the prefix removed; a longer one is not read at all.
    func bodyBytesMost(_ target: String) -> Int
}

extension Twin {
    public func throttled(retryAfterSeconds: Int?) -> HTTPResponse {
        var response = HTTPResponse.text(429, "Too Many Requests")
        if let retryAfterSeconds { response.fields["Retry-After"] = String(retryAfterSeconds) }
        return response
    }

    public func unavailable() -> HTTPResponse { .text(503, "Service Unavailable") }

    public func throttled(_: HTTPRequest, retryAfterSeconds: Int?) -> HTTPResponse { throttled(retryAfterSeconds: retryAfterSeconds) }
    public func unavailable(_: HTTPRequest) -> HTTPResponse { unavailable() }
    public func errorInSuccess(_: HTTPRequest) -> HTTPResponse { errorInSuccess() }

    public func withRevokedToken(_ request: HTTPRequest) -> HTTPRequest {
        var revoked = request
        // The token endpoint's own credentials stay: what is revoked is an access token.
        if revoked.fields["Authorization"]?.hasPrefix("Bearer ") == true {
            revoked.fields["Authorization"] = "Bearer revoked-by-the-fault-plan"
        }
        return revoked
    }

    public func purpose(of _: HTTPRequest) -> Purpose { .other }

    /// A page that some box between wrote.
    public func errorInSuccess() -> HTTPResponse {
        HTTPResponse(200, fields: ["Content-Type": "text/html"], body: Array("<html><body><h1>Please wait</h1></body></html>".utf8))
    }

    public func withoutNativeKey(_ request: HTTPRequest) -> HTTPRequest {
        var out = request
        out.fields["Idempotency-Key"] = nil
        return out
    }

    public func withoutFound(_: Set<String>, in _: HTTPResponse) -> HTTPResponse? { nil }

    public func refresh(with _: String) -> HTTPRequest? { nil }

    public func bodyBytesMost(_: String) -> Int { 4 << 20 }

    /// A refresh at an OAuth 2 token endpoint, as the sandbox's demonstration client sends it.
    public func oauthRefresh(_ path: String, _ refreshToken: String) -> HTTPRequest {
        let form = Form.encode([("grant_type", "refresh_token"), ("refresh_token", refreshToken)])
        let proof = "Basic " + Base64.encode(Array("sandbox-client:sandbox-secret".utf8))
        let fields: HTTPFields = ["Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json", "Authorization": proof]
        return HTTPRequest(.post, path, fields: fields, body: Array(form.utf8))
    }
}

/// A twin that keeps books, which the judge reads.
public protocol LedgerTwin: Twin {
    /// Every document that ever was, also voided and deleted ones (`live` is false then).
    func entries() -> [LedgerEntry]
    /// Makes an account active or inactive, as the client's bookkeeper would.
    func setAccountActive(_ code: String, _ active: Bool)
    /// Closes the books up to and including `date`; `nil` opens them.
    func setLockDate(_ date: LocalDate?)
    /// Ends every access token given out so far; refresh tokens go on.
    func revokeAccessTokens()
}

/// What a ledger twin shows the judge of one document.
public struct LedgerEntry: Sendable {
    /// The ledger's own id.
    public var id: String
    /// `invoice`, `credit_note`, `payment`, `refund_payment` or `journal`.
    public var kind: String
    /// The reference text as the ledger stores it (`cf:<PostKey> order 6120034117000 | …`).
    public var reference: String
    /// The posting key found in the document's number or reference fields, or "".
    public var key: String
    public var date: LocalDate
    /// ISO 4217 code of the document.
    public var currency: String
    /// The journal lines: account code, minor units of the document's currency and of the base currency; debit
    /// positive.
    public var lines: [(account: String, minor: Int64, baseMinor: Int64)]
    /// False when voided or deleted.
    public var live: Bool

    public init(
        id: String, kind: String, reference: String, key: String, date: LocalDate, currency: String,
        lines: [(account: String, minor: Int64, baseMinor: Int64)], live: Bool
    ) {
        self.id = id
        self.kind = kind
        self.reference = reference
        self.key = key
        self.date = date
        self.currency = currency
        self.lines = lines
        self.live = live
    }
}
