import ConnectorKit
import Courier
import Crypto
import Kernel
import Wire

/// The ways in which platforms want to be proven to, one small platform each. Every secret has the word `hush` in it, or is `Kind.pem`.
enum Kind: String, CaseIterable, Sendable {
    case bearer, basic, bodyParts, soapSignature, oauth1, clientSecret, assertion, cookieSession, xmlSession, numberSession

    /// Made anew from what a person gave, when it is refused.
    var isRemade: Bool { ![.bearer, .basic, .bodyParts, .soapSignature, .oauth1].contains(self) }
    /// By a login rather than at a token endpoint.
    var logsIn: Bool { [.cookieSession, .xmlSession, .numberSession].contains(self) }

    static let pem = """
        -----BEGIN PRIVATE KEY-----
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg8c8xPO8hqeb/ueGA
        Y8zhTi2IOnSKx5gD5GOqYqtM6iuhRANCAATjQVpdVuXHR4OUs1cBQdmE674+ZXpT
        uzBcLi5OVX3XA711CJpOmdht8rTjaF5gyWvpnBkfZP8/nTJ9z8t/DmcE
        -----END PRIVATE KEY-----
        """

    static let account = "1234567_SB1"

    /// What a person gave.
    var credential: Credential {
        func parts(_ pairs: [String: String]) -> Credential { Credential(accessToken: Secret(""), parts: pairs.mapValues { Secret($0) }) }
        return switch self {
        case .bearer: Credential(accessToken: Secret("hush-token"))
        case .basic: parts(["consumer_key": "ck_open", "consumer_secret": "cs_hush"])
        case .bodyParts: parts(["sender": "acme_partner", "sender_password": "hush-sender", "password": "hush&<\"pass"])
        case .soapSignature, .oauth1:
            parts(["consumer_key": "CK", "consumer_secret": "hush-consumer", "token": "TK", "token_secret": "hush-token-secret"])
        case .clientSecret: Credential(accessToken: Secret(""), clientID: "app", clientSecret: Secret("hush-client"))
        case .assertion:
            Credential(accessToken: Secret(""), clientID: "app", parts: ["certificate_id": Secret("cert-7"), "private_key": Secret(Kind.pem)])
        case .cookieSession, .xmlSession, .numberSession: parts(["company": "acme", "user": "manager", "password": "hush&<\"pass"])
        }
    }

    private static let login: [CredentialPart] = [
        CredentialPart("company", "the company", isSecret: false), CredentialPart("user", "who logs in", isSecret: false), CredentialPart("password", "the password"),
    ]

    private static let tokens: [CredentialPart] = [
        CredentialPart("consumer_key", "the key", isSecret: false), CredentialPart("consumer_secret", "its secret"), CredentialPart("token", "the token", isSecret: false),
        CredentialPart("token_secret", "its secret"),
    ]

    var auth: Authentication {
        switch self {
        case .bearer: .header("Authorization", prefix: "Bearer ")
        case .basic: .basic(user: CredentialPart("consumer_key", "the key", isSecret: false), password: CredentialPart("consumer_secret", "its secret"))
        case .bodyParts:
            .keys(.init(
                parts: [CredentialPart("sender", "who sends", isSecret: false, isOperators: true), CredentialPart("sender_password", "its password", isOperators: true), CredentialPart("password", "the user's")],
                headers: []))
        case .soapSignature: .keys(.init(parts: Kind.tokens, headers: []))
        case .oauth1:
            .keys(.init(parts: Kind.tokens, headers: [FilledHeader("Authorization", .oauth1(OAuth1(
                realm: .account, consumerKey: .part("consumer_key"), consumerSecret: .part("consumer_secret"), token: .part("token"), tokenSecret: .part("token_secret"))))]))
        case .clientSecret: .clientCredentials(.init(tokenURL: "https://{account_host}.door.example/token", tokenPath: "/token", proof: .basic, scopes: ["rest"]))
        case .assertion:
            .clientCredentials(.init(
                tokenURL: "https://{account_host}.door.example/token", tokenPath: "/token", proof: .assertion(.init(claimsScopes: true, claimsSubject: false)), scopes: ["rest"]))
        case .cookieSession:
            .session(.init(
                parts: Kind.login, gives: [SessionValue("SID", .cookie("SID")), SessionValue("ROUTE", .cookie("ROUTE"), isRequired: false)],
                headers: [FilledHeader("Cookie", .cookies(["SID", "ROUTE"]))]
            ) { _ in
                Call(.read, HTTPRequest(.post, "/login"), body: "{\"company\":\(json: .part("company")),\"user\":\(json: .part("user")),\"password\":\(json: .part("password"))}", cost: ["minute": 1, "login": 1])
            })
        case .xmlSession:
            .session(.init(
                parts: Kind.login, gives: [SessionValue("sid", .xml(["data", "sid"])), SessionValue("endpoint", .xml(["data", "endpoint"]), isRequired: false)],
                ends: .lasts(.xml(["data", "minutes"]), unit: .seconds(60)), moves: ("endpoint", ["door.example"])
            ) { _ in Call(.read, HTTPRequest(.post, "/login"), body: "<login><user>\(xml: .part("user"))</user><password>\(xml: .part("password"))</password></login>") })
        case .numberSession:
            .session(.init(parts: Kind.login, gives: [SessionValue("uid", .json(["result"]))]) { _ in
                Call(.read, HTTPRequest(.post, "/login"), body: "{\"args\":[\(json: .part("company")),\(json: .part("user")),\(json: .part("password"))]}")
            })
        }
    }

    /// A call of a connector of this kind, with the same words in each.
    func call(_ kind: Call.Kind) -> Call {
        let target = kind == .read ? "/things?q=a%20b" : "/things"
        let request = HTTPRequest(kind == .read ? .get : .post, target)
        switch self {
        case .bearer, .basic, .oauth1, .clientSecret, .assertion, .cookieSession: return Call(kind, request)
        case .bodyParts:
            return Call(kind, HTTPRequest(.post, target), body: """
                <request><sender>\(xml: .part("sender"))</sender><sender_password>\(xml: .part("sender_password"))</sender_password>\
                <password>\(xml: .part("password"))</password></request>
                """)
        case .soapSignature:
            let names: [[Filling]] = [[.account], [.part("consumer_key")], [.part("token")], [.nonce], [.timestamp]]
            let message = Filling.joined(Array(names.joined(separator: [.text("&")])))
            let key = Filling.joined([.part("consumer_secret"), .text("&"), .part("token_secret")])
            return Call(kind, HTTPRequest(.post, target), body: """
                <passport><account>\(xml: .account)</account><key>\(xml: .part("consumer_key"))</key><token>\(xml: .part("token"))</token><nonce>\(xml: .nonce)</nonce>\
                <timestamp>\(xml: .timestamp)</timestamp><signature>\(xml: .base64(.hmacSHA256(key: key, message)))</signature></passport>
                """)
        case .xmlSession: return Call(kind, HTTPRequest(.post, target), body: "<request><sid>\(xml: .part("sid"))</sid></request>")
        case .numberSession:
            return Call(kind, HTTPRequest(.post, target), body: "{\"args\":[\(json: .part("company")),\(number: .part("uid")),\(json: .part("password"))]}")
        }
    }
}

/// A connector that says all it was told, as none should.
struct KindConnector: Connector {
    var spec: PlatformSpec

    init(_ kind: Kind, limits: [RateLimit] = PlainConnector.limits) {
        spec = PlainConnector(kind.auth, limits: limits).spec
        spec.productionBase = "https://{account_host}.door.example"
    }

    func judge(_ response: HTTPResponse, to call: Call) -> Verdict {
        let body = response.bodyText
        func fault(_ code: String, _ disposition: Fault.Disposition = .reject) -> Fault {
            Fault(code, stage: .post, disposition: disposition, summary: "it says \(body)", remedy: body, position: body, underlying: body)
        }
        switch response.status {
        case 200 where body.hasPrefix("fine"): return .accepted
        case 200 where body.hasPrefix("who"), 401: return .reauthorize(fault("unauthorised", .reauthorise))
        case 409: return .duplicate(fault("there_already"))
        case 429: return .throttled(after: .seconds(1), bucket: nil)
        case 503: return .unavailable(fault("maintenance", .retry))
        case 500 ... 599: return call.kind == .write ? .outcomeUnknown(fault("server_error", .retry)) : .unavailable(fault("server_error", .retry))
        default: return .rejected(fault("refused"))
        }
    }

    func identify(_: ConnectionFacts) -> Exchange<AccountIdentity> { .finish(AccountIdentity(account: Kind.account, name: "Acme")) }
}
