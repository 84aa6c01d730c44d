internal import Crypto
internal import Kernel
internal import Wire

/// Token-based authentication: SOAP's `tokenPassport` and REST's OAuth 1.0a header.
extension SuiteState {
    private static let key = Array("\(NetSuiteTwin.consumerSecret)&\(NetSuiteTwin.tokenSecret)".utf8)

    /// Whether nonce and timestamp are such as may be taken. The nonce counts as used only where all else was right.
    private func isTimely(_ nonce: String, _ timestamp: String) -> Bool {
        let letters = nonce.utf8
        let isPlain = letters.allSatisfy { ($0 >= 48 && $0 <= 57) || ($0 >= 65 && $0 <= 90) || ($0 >= 97 && $0 <= 122) }
        guard isPlain, (6...64).contains(letters.count), let at = Int64(timestamp), timestamp.utf8.count <= 12 else { return false }
        return abs(at - now.seconds) <= SuiteAccess.clockSeconds
    }

    // MARK: - SOAP

    /// - Source: the sheet, "Auth": account, consumer key, token, nonce and timestamp joined by `&`, by HMAC-SHA256 under both secrets.
    mutating func admits(passport: XMLElement) -> Bool {
        func part(_ name: String) -> String { passport[name]?.text ?? "" }
        let (nonce, timestamp) = (part("nonce"), part("timestamp"))
        guard part("account") == NetSuiteTwin.account, part("consumerKey") == NetSuiteTwin.consumerKey, part("token") == NetSuiteTwin.tokenID,
            isTimely(nonce, timestamp), let signature = passport["signature"], let algorithm = signature.attribute("algorithm"),
            ["HMAC-SHA256", "HMAC_SHA256"].contains(algorithm), let sent = Base64.decode(signature.text)
        else { return false }
        let base = "\(NetSuiteTwin.account)&\(NetSuiteTwin.consumerKey)&\(NetSuiteTwin.tokenID)&\(nonce)&\(timestamp)"
        guard constantTimeEquals(sent, HMAC.sha256(key: Self.key, Array(base.utf8))) else { return false }
        return access.uses(nonce: nonce, now)
    }

    // MARK: - REST

    /// The `Authorization` header of a REST request: a bearer token or an OAuth 1.0a signature.
    mutating func admits(_ request: HTTPRequest) -> Bool {
        guard let header = request.fields.only("Authorization") else { return false }
        if header.lowercased().hasPrefix("bearer ") { return access.knows(String(header.dropFirst(7)), now) }
        guard header.hasPrefix("OAuth ") else { return false }
        var named: [String: String] = [:]
        for pair in header.dropFirst(6).split(separator: ",") {
            let halves = pair.split(separator: "=", maxSplits: 1).map { $0.drop { $0 == " " } }
            guard halves.count == 2, halves[1].hasPrefix("\""), halves[1].last == "\"", halves[1].count >= 2 else { return false }
            guard named.updateValue(Form.unpercent(halves[1].dropFirst().dropLast()), forKey: String(halves[0])) == nil else { return false }
        }
        let (nonce, timestamp) = (named["oauth_nonce"] ?? "", named["oauth_timestamp"] ?? "")
        guard named["realm"]?.uppercased() == NetSuiteTwin.account, named["oauth_consumer_key"] == NetSuiteTwin.consumerKey,
            named["oauth_token"] == NetSuiteTwin.tokenID, named["oauth_signature_method"] == "HMAC-SHA256", ["1.0", nil].contains(named["oauth_version"]),
            isTimely(nonce, timestamp), let sent = named["oauth_signature"].flatMap({ Base64.decode($0) })
        else { return false }
        let pairs = named.filter { $0.key != "realm" && $0.key != "oauth_signature" }.map { ($0.key, $0.value) } + request.query.map { ($0.name, $0.value) }
        let isSigned = addresses(request).contains { address in
            constantTimeEquals(sent, HMAC.sha256(key: Self.key, Array(Self.base(request.method, address, pairs).utf8)))
        }
        return isSigned && access.uses(nonce: nonce, now)
    }

    /// The address as the vendor's host has it, and as the sandbox's does.
    private func addresses(_ request: HTTPRequest) -> [String] {
        let host = (request.fields["Host"] ?? "").lowercased()
        let bare = host.hasSuffix(":80") ? String(host.dropLast(3)) : host
        return ["http://\(bare)/netsuite\(request.path)", "https://\(host)/netsuite\(request.path)", "https://\(SuiteSeed.host)\(request.path)"]
    }

    /// - Source: RFC 5849, section 3.4.1.
    private static func base(_ method: HTTPMethod, _ address: String, _ pairs: [(String, String)]) -> String {
        let coded = pairs.map { (Form.percent($0.0), Form.percent($0.1)) }.sorted { ($0.0, $0.1) < ($1.0, $1.1) }
        let joined = coded.map { "\($0.0)=\($0.1)" }.joined(separator: "&")
        return "\(method.rawValue)&\(Form.percent(address))&\(Form.percent(joined))"
    }
}
