internal import Kernel
internal import TwinKit
internal import Wire

/// Requests under way, of all protocols together.
struct SuiteTraffic: Sendable {
    /// When those that still keep a place came in.
    private var places: [Timestamp] = []
    /// Writes of transactions so far, for conflicts that are planned.
    private var writes = 0

    mutating func admits(_ now: Timestamp, _ limits: NetSuiteLimits) -> Bool {
        places.removeAll { $0 + limits.requestLasts <= now }
        guard places.count < max(1, limits.concurrency) else { return false }
        if limits.requestLasts > .zero { places.append(now) }
        return true
    }

    /// Whether this write is the one that loses.
    mutating func loses(_ limits: NetSuiteLimits) -> Bool {
        guard let every = limits.conflictsEvery else { return false }
        writes += 1
        return writes % max(1, every) == 0
    }
}

/// What is answered before a request is read.
enum SuiteDoor {
    static let tooMany = SuiteProblem.plain(429, "CONCURRENCY_LIMIT_EXCEEDED", "Concurrent request limit exceeded. Request blocked.")
    static let unavailable = SuiteProblem.plain(503, "UNEXPECTED_ERROR", "The account is temporarily unavailable.")

    static func tooMany(_ request: HTTPRequest) -> HTTPResponse {
        guard let version = SuiteSOAP.version(ofPort: request.path) else { return tooMany }
        return SuiteSOAP(version: version).fault(.concurrency)
    }

    static func unavailable(_ request: HTTPRequest) -> HTTPResponse {
        guard let version = SuiteSOAP.version(ofPort: request.path) else { return unavailable }
        return SuiteSOAP(version: version).fault(.unexpected, status: 503)
    }

    /// What could not be kept was not done.
    static func unexpected(_ request: HTTPRequest) -> HTTPResponse {
        guard let version = SuiteSOAP.version(ofPort: request.path) else {
            return SuiteProblem.plain(500, "UNEXPECTED_ERROR", "An unexpected error occurred. Error ID: m0sandbox")
        }
        return SuiteSOAP(version: version).fault(.unexpected)
    }
}

enum SuiteRoutes {
    static let token = "/services/rest/auth/oauth2/v1/token"
    /// Where the twin's service lies below the sandbox, as addresses in its answers have it.
    static func base(_ request: HTTPRequest) -> String { "http://\(request.fields["Host"] ?? "127.0.0.1")/netsuite" }
}

extension SuiteState {
    mutating func respond(_ request: HTTPRequest, at now: Timestamp, random: any RandomSource) -> HTTPResponse {
        self.now = now
        let path = request.path
        if path.hasPrefix("/wsdl/") || path.hasPrefix("/xsd/") { return SuiteWSDL.answer(request) ?? Self.nothing }
        if request.method == .post, path == "/app/setup/oauth2clientcredentials" { return register(request, random) }
        guard request.body.count <= limits.bodyBytes else { return SuiteProblem.plain(413, "INVALID_REQUEST", "The request is too large.") }
        if path == SuiteRoutes.token || path == "/services/rest/auth/oauth2/v1/revoke" { return authorize(request, random) }
        let isSOAP = SuiteSOAP.version(ofPort: path)
        guard isSOAP != nil || path.hasPrefix("/services/rest/") else { return Self.nothing }
        guard traffic.admits(now, limits) else { return SuiteDoor.tooMany(request) }
        if let version = isSOAP { return soap(request, version, random) }
        return rest(request, random)
    }

    private static let nothing = HTTPResponse.text(404, "Not Found")
}
