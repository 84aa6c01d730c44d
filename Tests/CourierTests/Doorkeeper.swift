import ConnectorKit
import Courier
import Crypto
import HTTPClient
import Kernel
import Wire

/// A platform in memory that lets in whoever proves himself in its own way. It checks with what the test knows, not with what is tested.
final class Doorkeeper: Transport {
    enum Turn: Sendable {
        case answer(HTTPResponse)
        /// It acts, and the answer does not arrive.
        case torn
        case notSent
    }

    struct State: Sendable {
        /// What it takes now: tokens and sessions that it gave.
        var good: Set<String> = []
        var given = 0
        /// What a person gave is good no more.
        var revoked = false
        /// Answers that a login or the token endpoint gives first; then those of calls.
        var loginTurns: [Turn] = []
        var turns: [Turn] = []
        var effects = 0
        var logins: [HTTPRequest] = []
        var calls: [HTTPRequest] = []
        var nonces: Set<String> = []
        var repeatedNonces = 0
        /// Where the answer to a login sends people.
        var endpoint = ""
    }

    let kind: Kind
    let state = Locked(State())
    private let journal: Journal
    private let clocks: SteppingClocks
    private let atLogin = Locked<(@Sendable () async -> Void)?>(nil)

    init(_ kind: Kind, _ journal: Journal, _ clocks: SteppingClocks) {
        self.kind = kind
        self.journal = journal
        self.clocks = clocks
    }

    func change(_ body: @Sendable (inout State) -> Void) { state.with { body(&$0) } }
    func onLogin(_ body: (@Sendable () async -> Void)?) { atLogin.with { $0 = body } }
    var logins: Int { state.with { $0.logins.count } }
    var calls: Int { state.with { $0.calls.count } }
    var effects: Int { state.with { $0.effects } }
    var requests: [HTTPRequest] { state.with { $0.logins + $0.calls } }
    /// Everybody is shown the door.
    func kick() { change { $0.good = [] } }

    func send(_ request: HTTPRequest, timeout _: Duration, startBy _: Duration?) async -> HTTPOutcome {
        let opens = request.path.hasSuffix("/token") || request.path.hasSuffix("/login")
        state.with { if opens { $0.logins.append(request) } else { $0.calls.append(request) } }
        if opens { await atLogin.with { $0 }?() }
        journal.add(opens ? "login" : "call \(request.method.rawValue)")
        let now = clocks.now()
        return state.with { state in
            let turn: Turn? = opens ? state.loginTurns.popFirst() : state.turns.popFirst()
            switch turn {
            case .answer(let response): return .answered(response)
            case .notSent: return .notSent(Platform.unreachable)
            case .torn:
                _ = opens ? self.login(request, &state, now) : self.call(request, &state, now)
                return .unknown(Platform.torn)
            case nil: return .answered(opens ? self.login(request, &state, now) : self.call(request, &state, now))
            }
        }
    }

    private func call(_ request: HTTPRequest, _ state: inout State, _ now: Timestamp) -> HTTPResponse {
        guard lets(request, &state, now) else { return .text(401, "who? \(request.bodyText)") }
        // Of what is read by POST the query tells.
        if request.method == .post, request.query.isEmpty { state.effects += 1 }
        return .text(200, "fine")
    }

    // MARK: - Logging in

    private func login(_ request: HTTPRequest, _ state: inout State, _ now: Timestamp) -> HTTPResponse {
        guard !state.revoked, proves(request, now) else {
            return kind.logsIn ? .text(200, "who? \(request.bodyText)") : .json(401, ["error": "invalid_client", "error_description": .string(request.bodyText)])
        }
        state.given += 1
        let n = state.given
        switch kind {
        case .clientSecret, .assertion:
            state.good.insert("hush-t\(n)")
            return .json(200, ["access_token": .string("hush-t\(n)"), "expires_in": "3600", "token_type": "bearer"])
        case .cookieSession:
            state.good.insert("hush-s\(n)")
            var response = HTTPResponse.json(200, ["SessionId": .string("hush-s\(n)"), "SessionTimeout": 30])
            response.fields.append("Set-Cookie", "SID=hush-s\(n);HttpOnly;")
            response.fields.append("Set-Cookie", "ROUTE=.node1; path=/")
            return response
        case .xmlSession:
            state.good.insert("hush-s\(n)")
            let endpoint = state.endpoint.isEmpty ? "" : "<endpoint>\(state.endpoint)</endpoint>"
            return .text(200, "<r><data><sid>hush-s\(n)</sid>\(endpoint)<minutes>60</minutes></data></r>")
        case .numberSession:
            state.good.insert("\(n)")
            return .json(200, ["result": .number("\(n)")])
        case .bearer, .basic, .bodyParts, .soapSignature, .oauth1: return .text(404, "nothing to log in at")
        }
    }

    private func proves(_ request: HTTPRequest, _ now: Timestamp) -> Bool {
        let form = Form.decode(request.bodyText)
        func value(_ name: String) -> String? { form.first { $0.name == name }?.value }
        switch kind {
        case .clientSecret:
            return request.fields["Authorization"] == "Basic " + Base64.encode(Array("app:hush-client".utf8)) && value("grant_type") == "client_credentials" && value("scope") == "rest"
        case .assertion: return value("grant_type") == "client_credentials" && value("client_assertion").map { isSigned($0, request.target, now) } == true
        case .cookieSession:
            let json = try? JSON(parsing: request.body)
            return json?["company"]?.string == "acme" && json?["user"]?.string == "manager" && json?["password"]?.string == "hush&<\"pass"
        case .xmlSession: return (try? XMLElement(parsing: request.body))?["password"]?.text == "hush&<\"pass"
        case .numberSession: return (try? JSON(parsing: request.body))?["args"]?[2]?.string == "hush&<\"pass"
        case .bearer, .basic, .bodyParts, .soapSignature, .oauth1: return false
        }
    }

    private func isSigned(_ jwt: String, _ url: String, _ now: Timestamp) -> Bool {
        let pieces = jwt.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        guard pieces.count == 3, let head = Base64.decodeURL(pieces[0]).flatMap({ try? JSON(parsing: $0) }), let signature = Base64.decodeURL(pieces[2]),
            let claims = Base64.decodeURL(pieces[1]).flatMap({ try? JSON(parsing: $0) }), let key = try? SigningKey(pem: Secret(Kind.pem)).publicKey,
            let issued = claims["iat"]?.int, let ends = claims["exp"]?.int
        else { return false }
        return head["alg"]?.string == "ES256" && head["kid"]?.string == "cert-7" && head["typ"]?.string == "JWT" && claims["iss"]?.string == "app"
            && claims["aud"]?.string == url && claims["scope"]?[0]?.string == "rest" && issued == Int(now.seconds) && ends > issued && ends < issued + 3600
            && key.verifies(signature, of: Array("\(pieces[0]).\(pieces[1])".utf8), .es256)
    }

    // MARK: - Calls

    private func lets(_ request: HTTPRequest, _ state: inout State, _ now: Timestamp) -> Bool {
        let header = request.fields["Authorization"] ?? ""
        switch kind {
        case .clientSecret, .assertion: return header.hasPrefix("Bearer ") && state.good.contains(String(header.dropFirst(7)))
        case .cookieSession:
            let cookie = request.fields["Cookie"] ?? ""
            return cookie.hasPrefix("SID=") && cookie.hasSuffix("; ROUTE=.node1") && state.good.contains(String(cookie.dropFirst(4).dropLast("; ROUTE=.node1".count)))
        case .xmlSession: return (try? XMLElement(parsing: request.body))?["sid"].map { state.good.contains($0.text) } ?? false
        case .numberSession:
            let args = (try? JSON(parsing: request.body))?["args"]
            return args?[2]?.string == "hush&<\"pass" && args?[1]?.int.map { state.good.contains("\($0)") } ?? false
        case .bearer, .basic, .bodyParts, .soapSignature, .oauth1: return !state.revoked && shows(request, header, &state, now)
        }
    }

    private func shows(_ request: HTTPRequest, _ header: String, _ state: inout State, _ now: Timestamp) -> Bool {
        switch kind {
        case .bearer: return header == "Bearer hush-token"
        case .basic: return header == "Basic " + Base64.encode(Array("ck_open:cs_hush".utf8))
        case .bodyParts:
            let body = try? XMLElement(parsing: request.body)
            return body?["sender"]?.text == "acme_partner" && body?["sender_password"]?.text == "hush-sender" && body?["password"]?.text == "hush&<\"pass"
        case .soapSignature:
            guard let passport = try? XMLElement(parsing: request.body), let nonce = passport["nonce"]?.text, let time = passport["timestamp"]?.text else { return false }
            note(nonce, &state)
            let code = HMAC.sha256(key: Array("hush-consumer&hush-token-secret".utf8), Array("1234567_SB1&CK&TK&\(nonce)&\(time)".utf8))
            return passport["account"]?.text == Kind.account && time == "\(now.seconds)" && passport["signature"]?.text == Base64.encode(code)
        case .oauth1: return signs(request, header, &state, now)
        case .clientSecret, .assertion, .cookieSession, .xmlSession, .numberSession: return false
        }
    }

    /// By RFC 5849, written out for the only two requests that there are.
    private func signs(_ request: HTTPRequest, _ header: String, _ state: inout State, _ now: Timestamp) -> Bool {
        var fields: [String: String] = [:]
        for pair in header.dropFirst("OAuth ".count).split(separator: ",") {
            let halves = pair.split(separator: "=", maxSplits: 1).map(String.init)
            if halves.count == 2 { fields[halves[0]] = Form.unpercent(halves[1].dropFirst().dropLast()) }
        }
        guard let nonce = fields["oauth_nonce"], fields["realm"] == Kind.account, fields["oauth_timestamp"] == "\(now.seconds)" else { return false }
        note(nonce, &state)
        let own = "oauth_consumer_key%3DCK%26oauth_nonce%3D\(nonce)%26oauth_signature_method%3DHMAC-SHA256%26oauth_timestamp%3D\(now.seconds)%26oauth_token%3DTK%26oauth_version%3D1.0"
        let query = request.query.isEmpty ? "" : "%26q%3Da%2520b"
        let base = "\(request.method.rawValue)&https%3A%2F%2F1234567-sb1.door.example%2Fthings&\(own)\(query)"
        return fields["oauth_signature"] == Base64.encode(HMAC.sha256(key: Array("hush-consumer&hush-token-secret".utf8), Array(base.utf8)))
    }

    private func note(_ nonce: String, _ state: inout State) {
        if !state.nonces.insert(nonce).inserted { state.repeatedNonces += 1 }
    }
}

extension Array {
    fileprivate mutating func popFirst() -> Element? { isEmpty ? nil : removeFirst() }
}

extension HTTPRequest {
    var bodyText: String { String(decoding: body, as: UTF8.self) }
}
