internal import Crypto
internal import Kernel
internal import TwinKit
internal import Wire

/// Whose key it is and what it may do.
struct WooAccess: Sendable {
    var key: String
    var right: WooRight
    var user: Int
}

/// One-time numbers of signed requests, for as long as their times are good; in memory only.
struct WooNonces: Sendable {
    private var seen: [String: Int64] = [:]

    /// Whether nobody has used it with this key.
    mutating func take(_ key: String, _ nonce: String, at seconds: Int64) -> Bool {
        // A bound on memory: what is older could not be sent again.
        if seen.count > 10_000 { seen = seen.filter { $0.value > seconds - WooState.window } }
        let name = key + " " + nonce
        if let before = seen[name], before > seconds - WooState.window { return false }
        seen[name] = seconds
        return true
    }
}

/// - Source: woocommerce `class-wc-rest-authentication.php`.
extension WooState {
    /// How far a signed request's time may be off, in seconds.
    static let window: Int64 = 15 * 60

    /// The key behind a request; `nil` where there is none, or a wrong one that the vendor passes over in silence.
    ///
    /// The vendor takes Basic over TLS alone. The twin stands for a shop behind a proxy that ends TLS, so it takes both ways at any time.
    mutating func authenticate(_ request: HTTPRequest, _ shop: String, _ args: WooArgs, at now: Timestamp) throws(WooProblem) -> WooAccess? {
        if let (key, secret) = Self.basic(request, args), let row = rows[shop, .key, key] {
            guard constantTimeEquals(Array(secret.utf8), Array((row.shown.text("secret") ?? "").utf8)) else {
                throw .authentication("Consumer secret is invalid.")
            }
            return Self.access(row)
        }
        return try signed(request, shop, args, at: now)
    }

    private static func access(_ row: WooRow) -> WooAccess {
        WooAccess(key: row.id, right: row.shown.text("permissions").flatMap(WooRight.init) ?? .read, user: row.shown.whole("user"))
    }

    /// The query's parameters come first.
    private static func basic(_ request: HTTPRequest, _ args: WooArgs) -> (String, String)? {
        if let key = args.query["consumer_key"]?.last, let secret = args.query["consumer_secret"]?.last { return (key, secret) }
        guard let header = request.fields["Authorization"], header.hasPrefix("Basic "), let bytes = Base64.decode(String(header.dropFirst(6))) else {
            return nil
        }
        let pair = String(decoding: bytes, as: UTF8.self).split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        return pair.count == 2 ? (pair[0], pair[1]) : nil
    }

    // MARK: OAuth 1.0a with one leg

    private mutating func signed(_ request: HTTPRequest, _ shop: String, _ args: WooArgs, at now: Timestamp) throws(WooProblem) -> WooAccess? {
        var params = args.query.compactMapValues(\.last)
        params.merge(Self.header(request)) { $1 }
        let needed = ["oauth_consumer_key", "oauth_timestamp", "oauth_nonce", "oauth_signature", "oauth_signature_method"]
        let missing = needed.filter { params[$0]?.isEmpty != false }
        guard missing.count < needed.count else { return nil }
        guard missing.isEmpty else {
            throw WooProblem(
                401, "woocommerce_rest_authentication_missing_parameter",
                "Missing OAuth parameter\(missing.count > 1 ? "s" : "") \(missing.joined(separator: ", "))")
        }
        guard let row = rows[shop, .key, params["oauth_consumer_key"] ?? ""] else { throw .authentication("Consumer key is invalid.") }
        let url = "http://" + (request.fields["Host"] ?? "") + WooState.prefix + request.path
        let text = Self.base(request.method, url, params)
        let key = Array(((row.shown.text("secret") ?? "") + "&").utf8)
        let code: [UInt8]
        switch params["oauth_signature_method"] {
        case "HMAC-SHA256": code = HMAC.sha256(key: key, Array(text.utf8))
        case "HMAC-SHA1": code = HMAC.sha1(key: key, Array(text.utf8))
        default: throw .authentication("Invalid signature - signature method is invalid.")
        }
        let given = (params["oauth_signature"] ?? "").split(separator: " ", omittingEmptySubsequences: false).joined(separator: "+")
        guard constantTimeEquals(Array(Base64.encode(code).utf8), Array(given.utf8)) else {
            throw .authentication("Invalid signature - provided signature does not match.")
        }
        guard let time = Int64(params["oauth_timestamp"] ?? ""), (now.seconds - Self.window...now.seconds + Self.window).contains(time) else {
            throw .authentication("Invalid timestamp.")
        }
        guard nonces.take(row.id, params["oauth_nonce"] ?? "", at: now.seconds) else { throw .authentication("Invalid nonce - nonce has already been used.") }
        return Self.access(row)
    }

    /// The text that is signed (RFC 5849, 3.4.1): each parameter encoded once on its own and once more with all others.
    static func base(_ method: HTTPMethod, _ url: String, _ params: [String: String]) -> String {
        let pairs = params.filter { $0.key != "oauth_signature" }.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
        let joined = pairs.map { Form.percent($0.key) + "=" + Form.percent($0.value) }.joined(separator: "&")
        return method.rawValue + "&" + Form.percent(url) + "&" + Form.percent(joined)
    }

    private static func header(_ request: HTTPRequest) -> [String: String] {
        guard let header = request.fields["Authorization"], header.hasPrefix("OAuth ") else { return [:] }
        var out: [String: String] = [:]
        for part in header.dropFirst(6).split(separator: ",") {
            let halves = part.split(separator: "=", maxSplits: 1)
            guard halves.count == 2 else { continue }
            let name = String(halves[0].drop { $0 == " " })
            guard name.hasPrefix("oauth_") else { continue }
            out[name] = Form.unpercent(halves[1].filter { $0 != "\"" && $0 != " " })
        }
        return out
    }

    /// What a key may do, asked after who it is.
    static func permit(_ access: WooAccess, _ method: HTTPMethod) throws(WooProblem) {
        switch method {
        case .get, .head:
            guard access.right != .write else { throw .authentication("The API key provided does not have read permissions.") }
        case .options: return
        default:
            guard access.right != .read else { throw .authentication("The API key provided does not have write permissions.") }
        }
    }
}
