internal import Crypto
internal import Kernel
internal import Wire

/// An OAuth 1.0a signature of one request by HMAC, with a token or without.
/// - Source: RFC 5849, sections 3.1, 3.4 and 3.5.1.
public struct OAuth1: Sendable, Equatable {
    public enum Method: String, Sendable { case hmacSHA256 = "HMAC-SHA256", hmacSHA1 = "HMAC-SHA1" }

    public var method: Method
    /// Stands before the parameters and is not signed.
    public var realm: Filling?
    public var consumerKey: Filling
    public var consumerSecret: Filling
    public var token: Filling?
    public var tokenSecret: Filling?

    public init(
        _ method: Method = .hmacSHA256, realm: Filling? = nil, consumerKey: Filling, consumerSecret: Filling, token: Filling? = nil, tokenSecret: Filling? = nil
    ) {
        self.method = method
        self.realm = realm
        self.consumerKey = consumerKey
        self.consumerSecret = consumerSecret
        self.token = token
        self.tokenSecret = tokenSecret
    }

    var names: Set<String> {
        [realm, consumerKey, consumerSecret, token, tokenSecret].compactMap { $0?.names }.reduce(into: []) { $0.formUnion($1) }
    }

    /// The header's value for this request, whose target is absolute.
    func header(for request: HTTPRequest, _ hand: Materials) throws(Fault) -> String {
        func text(_ filling: Filling) throws(Fault) -> String { String(decoding: try filling.bytes(hand), as: UTF8.self) }
        var own = [
            ("oauth_consumer_key", try text(consumerKey)), ("oauth_nonce", hand.nonce), ("oauth_signature_method", method.rawValue),
            ("oauth_timestamp", "\(hand.timestamp)"), ("oauth_version", "1.0"),
        ]
        if let token { own.insert(("oauth_token", try text(token)), at: 1) }
        let key = OAuth1.percent(try text(consumerSecret)) + "&" + OAuth1.percent(try tokenSecret.map { secret throws(Fault) in try text(secret) } ?? "")
        let base = Array(OAuth1.base(request, own).utf8)
        let code = method == .hmacSHA256 ? HMAC.sha256(key: Array(key.utf8), base) : HMAC.sha1(key: Array(key.utf8), base)
        var out = own.map { "\($0)=\"\(OAuth1.percent($1))\"" }
        out.append("oauth_signature=\"\(OAuth1.percent(Base64.encode(code)))\"")
        // A realm is a quoted string, not percent-encoded.
        if let realm { out.insert("realm=\"\(try text(realm).replacing("\"", with: ""))\"", at: 0) }
        return "OAuth " + out.joined(separator: ",")
    }

    /// Method, address and parameters in the one order that both sides write them in.
    static func base(_ request: HTTPRequest, _ own: [(String, String)]) -> String {
        var pairs = own + request.query.map { ($0.name, $0.value) }
        if request.fields["Content-Type"]?.lowercased().hasPrefix("application/x-www-form-urlencoded") == true {
            pairs += Form.decode(String(decoding: request.body, as: UTF8.self)).map { ($0.name, $0.value) }
        }
        var written: [(name: String, value: String)] = pairs.map { (percent($0.0), percent($0.1)) }
        written.sort { one, other in one.name == other.name ? one.value < other.value : one.name < other.name }
        let parameters: String = written.map { pair in pair.name + "=" + pair.value }.joined(separator: "&")
        return request.method.rawValue + "&" + percent(address(request.path)) + "&" + percent(parameters)
    }

    /// Scheme and host in lower case, without the scheme's own port.
    static func address(_ url: String) -> String {
        guard let mark = url.ranges(of: "://").first else { return url }
        let scheme = url[..<mark.lowerBound].lowercased()
        let rest = url[mark.upperBound...]
        let end = rest.firstIndex(of: "/") ?? rest.endIndex
        var host = rest[..<end].lowercased()
        let port = scheme == "https" ? ":443" : ":80"
        if host.hasSuffix(port) { host.removeLast(port.count) }
        return "\(scheme)://\(host)\(end == rest.endIndex ? "/" : rest[end...])"
    }

    static func percent(_ text: String) -> String { Form.percent(text) }
}
