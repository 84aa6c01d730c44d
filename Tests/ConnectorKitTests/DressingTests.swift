import ConnectorKit
import Kernel
import Testing
import Wire

/// A connector of nothing but its way to prove itself.
struct BareConnector: Connector {
    var spec: PlatformSpec

    init(_ auth: Authentication, header: String? = nil) {
        spec = PlatformSpec(
            id: "bare", name: "Bare", roles: [.ledger], productionBase: "https://{account_host}.bare.example", sandboxBase: nil, auth: auth,
            headers: ["Accept": "application/json"], limits: [], concurrency: 1, batchSizes: [:], pageSize: 1, fieldLengths: [:],
            idempotency: Idempotency(nativeKey: header.map { .header($0) }, nativeKeyLifetime: nil, searchable: false, findSettles: .zero), tax: .none, dimensions: [],
            revisesPaidInvoices: false, apiVersion: "1", sunset: nil, sources: [:])
    }

    func judge(_: HTTPResponse, to _: Call) -> Verdict { .accepted }
    func identify(_: ConnectionFacts) -> Exchange<AccountIdentity> { .finish(AccountIdentity(account: "", name: "")) }
}

@Suite("What the credential goes into")
struct DressingTests {
    private static let now = Timestamp(seconds: 1_508_242_306)
    private let facts = ConnectionFacts(account: "1234567_SB1")

    private func hand(_ parts: [String: String], token: String = "", nonce: String = "fjaLirsIcCGVZWzBX0pg", at seconds: Int64 = 1_508_242_306) -> Materials {
        Materials(parts: parts.mapValues { Secret($0) }, accessToken: Secret(token), account: facts.account, at: Timestamp(seconds: seconds), nonce: nonce)
    }

    private func dressed(_ auth: Authentication, _ call: Call, _ hand: Materials, base: String = "https://bare.example") throws(Fault) -> HTTPRequest {
        try Dressing.request(call, BareConnector(auth), facts, base: base, hand).request
    }

    private func get(_ target: String = "/things") -> Call { Call(.read, HTTPRequest(.get, target)) }

    @Test("a token stands in its header behind its prefix; HTTP Basic is as RFC 7617 writes it")
    func headers() throws {
        let bearer = try dressed(.header("Authorization", prefix: "Bearer "), get(), hand([:], token: "hush"))
        #expect(bearer.fields["Authorization"] == "Bearer hush" && bearer.target == "https://bare.example/things")
        #expect(try dressed(.header("X-Api-Key"), get(), hand([:], token: "hush")).fields["X-Api-Key"] == "hush")
        // The example of RFC 7617, section 2.
        let basic = Authentication.basic(user: CredentialPart("user", "who"), password: CredentialPart("password", "what"))
        #expect(
            try dressed(basic, get(), hand(["user": "Aladdin", "password": "open sesame"])).fields["Authorization"] == "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==")
    }

    /// The figures of Oracle's page on token-based authentication for SOAP, signed with SHA-256.
    private static let passport: [String: String] = [
        "consumer_key": "71cc02b731f05895561ef0862d71553a3ac99498a947c3b7beaf4a1e4a29f7c4",
        "consumer_secret": "7278da58caf07f5c336301a601203d10a58e948efa280f0618e25fcee1ef2abd",
        "token": "89e08d9767c5ac85b374415725567d05b54ecf0960ad2470894a52f741020d82",
        "token_secret": "060cd9ab3ffbbe1e3d3918e90165ffd37ab12acc76b4691046e2d29c7d7674c2",
    ]

    @Test("a signature within a SOAP header is the one that the vendor's example has")
    func soap() throws {
        let base: [Filling] = [.account, .part("consumer_key"), .part("token"), .nonce, .timestamp]
        let message = Filling.joined(Array(base.map { [$0] }.joined(separator: [.text("&")])))
        let key = Filling.joined([.part("consumer_secret"), .text("&"), .part("token_secret")])
        let body: FilledBody = """
            <h><nonce>\(xml: .nonce)</nonce><timestamp>\(xml: .timestamp)</timestamp><signature>\(xml: .base64(.hmacSHA256(key: key, message)))</signature></h>
            """
        var hand = hand(Self.passport, nonce: "6obMKq0tmY8ylVOdEkA1", at: 1_439_829_974)
        hand.account = "1234567"
        let call = Call(.read, HTTPRequest(.post, "/soap"), body: body)
        let sent = try dressed(.keys(.init(parts: [], headers: [])), call, hand)
        #expect(try XMLElement(parsing: sent.body)["signature"]?.text == "FCghIZqXNetuZY8ILWOFH0ucdfzQOmAuL+q+kF21zPs=")
        #expect(String(decoding: call.request.body, as: UTF8.self) == "<h><nonce>***</nonce><timestamp>***</timestamp><signature>***</signature></h>")
    }

    /// The figures of Oracle's page "The Signature for Web Services and RESTlets".
    private static let restlet: [String: String] = [
        "consumer_key": "ef40afdd8abaac111b13825dd5e5e2ddddb44f86d5a0dd6dcf38c20aae6b67e4",
        "consumer_secret": "d26ad321a4b2f23b0741c8d38392ce01c3e23e109df6c96eac6d099e9ab9e8b5",
        "token": "2b0ce516420110bcbd36b69e99196d1b7f6de3c6234c5afb799b73d87569f5cc",
        "token_secret": "c29a677df7d5439a458c063654187e3d678d73aca8e3c9d8bea1478a3eb0d295",
    ]

    private func oauth1(_ method: OAuth1.Method = .hmacSHA256) -> Authentication {
        .keys(.init(parts: [], headers: [FilledHeader("Authorization", .oauth1(OAuth1(
            method, realm: .account, consumerKey: .part("consumer_key"), consumerSecret: .part("consumer_secret"), token: .part("token"),
            tokenSecret: .part("token_secret"))))]))
    }

    @Test("an OAuth 1.0a header is the one of the vendor's example, query and all")
    func oauth() throws {
        let call = Call(.write, HTTPRequest(.post, "/app/site/hosting/restlet.nl?script=6&deploy=1&customParam=someValue&testParam=someOtherValue"))
        let sent = try dressed(oauth1(), call, hand(Self.restlet), base: "https://123456.restlets.api.netsuite.com")
        let header = try #require(sent.fields["Authorization"])
        #expect(header.hasPrefix("OAuth realm=\"1234567_SB1\",oauth_consumer_key=\"ef40afdd"))
        #expect(header.hasSuffix("oauth_signature=\"%2BKK4SKNgz4ZiILGLwOMtfYlgcXSy1eis8ldE9X90azQ%3D\""))
        #expect(!header.contains("d26ad321") && !header.contains("c29a677d"))
        let other = try dressed(oauth1(), call, hand(Self.restlet), base: "https://1234567.restlets.api.netsuite.com")
        #expect(other.fields["Authorization"]?.hasSuffix("oauth_signature=\"i7MEtGwhCTIZbTsTrNGw9LdcERn4wsjt5C7TxmKWIfU%3D\"") == true)
    }

    @Test("an OAuth 1.0a header by HMAC-SHA1 is the one that OAuth Core 1.0a, appendix A prints")
    func appendix() throws {
        let parts = ["consumer_key": "dpf43f3p2l4k3l03", "consumer_secret": "kd94hf93k423kf44", "token": "nnch734d00sl2jdk", "token_secret": "pfkkdhi9sl3r4s00"]
        let sent = try dressed(
            oauth1(.hmacSHA1), get("/photos?file=vacation.jpg&size=original"), hand(parts, nonce: "kllo9940pd9333jh", at: 1_191_242_096),
            base: "http://PHOTOS.example.net:80")
        #expect(sent.fields["Authorization"]?.contains("oauth_signature=\"tR3%2BTy81lMeYAr%2FFid0kMTYa%2FWM%3D\"") == true)
    }

    @Test("the signature covers method, address, query and form, whatever their order")
    func covered() throws {
        func signature(_ request: HTTPRequest) throws -> String {
            let sent = try dressed(oauth1(), Call(.write, request), hand(Self.restlet))
            return try #require(sent.fields["Authorization"]?.split(separator: "oauth_signature=").last.map(String.init))
        }
        let form: HTTPFields = ["Content-Type": "application/x-www-form-urlencoded"]
        let first = try signature(HTTPRequest(.post, "/a?b=1&c=%20x&b=0"))
        #expect(try signature(HTTPRequest(.post, "/a?c=%20x&b=0&b=1")) == first)
        #expect(try signature(HTTPRequest(.post, "/a?b=0&b=1", fields: form, body: Array("c=+x".utf8))) == first)
        #expect(try signature(HTTPRequest(.post, "/a?b=0&b=1", fields: ["Content-Type": "text/plain"], body: Array("c=+x".utf8))) != first)
        for other in [HTTPRequest(.put, "/a?b=1&c=%20x&b=0"), HTTPRequest(.post, "/A?b=1&c=%20x&b=0"), HTTPRequest(.post, "/a?b=1&c=%2520x&b=0")] {
            #expect(try signature(other) != first)
        }
    }

    @Test("a blank is written for its place: nothing in a secret can leave it")
    func escapes() throws {
        let odd = "a\"b\\c<d>&e\u{1}\né=1&x=2"
        let json: FilledBody = #"{"password":\#(json: .part("p")),"id":\#(number: .part("id"))}"#
        let xml: FilledBody = "<p a=\"\(xml: .part("p"))\">\(xml: .part("p"))</p>"
        let form: FilledBody = "p=\(form: .part("p"))&q=1"
        let hand = hand(["p": odd, "id": "7"])
        func body(_ body: FilledBody) throws -> [UInt8] {
            try dressed(.keys(.init(parts: [], headers: [])), Call(.read, HTTPRequest(.post, "/x"), body: body), hand).body
        }
        let read = try JSON(parsing: try body(json))
        #expect(read["password"]?.string == odd && read["id"]?.int == 7 && read.object?.count == 2)
        let element = try XMLElement(parsing: try body(xml))
        #expect(element.text == odd.replacing("\u{1}", with: "") && element.children.isEmpty && element.attribute("a") == element.text)
        #expect(Form.decode(String(decoding: try body(form), as: UTF8.self)).map(\.value) == [odd, "1"])
        #expect(String(decoding: json.preview(), as: UTF8.self) == #"{"password":"***","id":0}"#)
        #expect(String(decoding: form.preview(), as: UTF8.self) == "p=%2A%2A%2A&q=1")
    }

    @Test("words that look like a blank are words", arguments: ["***", "\\(json: .part(\"p\"))", "{{p}}", "${p}", "%7Bp%7D"])
    func injection(words: String) throws {
        let body: FilledBody = "{\"memo\":\(bytes: JSON.string(words).bytes),\"p\":\(json: .part("p"))}"
        let sent = try dressed(.keys(.init(parts: [], headers: [])), Call(.write, HTTPRequest(.post, "/x"), body: body), hand(["p": "hush"]))
        #expect(try JSON(parsing: sent.body)["memo"]?.string == words)
        #expect(String(decoding: sent.body, as: UTF8.self).ranges(of: "hush").count == 1)
    }

    @Test("a part that is missing is named, and nothing is sent", arguments: [
        Filling.part("gone"), .joined([.text("a"), .part("gone")]), .base64(.part("gone")), .hmacSHA256(key: .part("gone"), .text("")), .cookies(["gone"]),
        .oauth1(OAuth1(consumerKey: .part("gone"), consumerSecret: .text(""))),
    ])
    func missing(_ filling: Filling) {
        let auth = Authentication.keys(.init(parts: [], headers: [FilledHeader("X", filling)]))
        let fault = #expect(throws: Fault.self) { try dressed(auth, get(), hand(["there": "hush"])) }
        #expect(fault?.code == "credential_unreadable" && fault?.summary.contains("gone") == true && fault?.disposition == .reauthorise)
    }

    @Test("cookies are those that there are")
    func cookies() throws {
        let auth = Authentication.keys(.init(parts: [], headers: [FilledHeader("Cookie", .cookies(["B1SESSION", "ROUTEID"]))]))
        #expect(try dressed(auth, get(), hand(["B1SESSION": "a", "ROUTEID": ".node1"])).fields["Cookie"] == "B1SESSION=a; ROUTEID=.node1")
        #expect(try dressed(auth, get(), hand(["B1SESSION": "a"])).fields["Cookie"] == "B1SESSION=a")
    }

    @Test("what can't be sent safely is not: another host, a secret in the address, a line break in a header")
    func refused() {
        let token = Authentication.header("X-Token")
        func code(_ call: Call, _ auth: Authentication, _ hand: Materials) -> String? {
            do throws(Fault) {
                _ = try dressed(auth, call, hand)
                return nil
            } catch {
                #expect(!"\(error)".contains("hush"))
                return error.code
            }
        }
        #expect(code(get("https://evil.example/"), token, hand([:], token: "hush")) == "target_not_a_path")
        #expect(code(get("/x?key=hush-hush"), token, hand([:], token: "hush-hush")) == "secret_in_target")
        #expect(code(get("/x?key=hush-hush"), .basic(user: CredentialPart("u", ""), password: CredentialPart("p", "")), hand(["u": "me", "p": "hush-hush"])) == "secret_in_target")
        #expect(code(get(), token, hand([:], token: "hush\r\nX-Forged: 1")) == "header_unsendable")
        // A name that is no secret may well stand in an address.
        let named = Authentication.keys(.init(parts: [CredentialPart("db", "", isSecret: false)], headers: [FilledHeader("X-Db", .part("db"))]))
        #expect(code(get("/x?db=production"), named, hand(["db": "production"])) == nil)
    }

    @Test("one nonce and one time in one request; another nonce in the next")
    func nonces() throws {
        let auth = Authentication.keys(.init(parts: [], headers: [FilledHeader("A", .nonce), FilledHeader("B", .nonce)]))
        var seen: Set<String> = []
        let random = SeededRandom(seed: 1)
        for _ in 0 ..< 200 {
            let hand = Materials(parts: [:], accessToken: Secret(""), account: "", at: Self.now, random: random, for: get(), auth)
            let sent = try dressed(auth, get(), hand)
            let nonce = try #require(sent.fields["A"])
            #expect(sent.fields["B"] == nonce && nonce.utf8.count == 20)
            #expect(nonce.utf8.allSatisfy { ($0 | 32 >= 97 && $0 | 32 <= 122) || (48 ... 57).contains($0) })
            seen.insert(nonce)
        }
        #expect(seen.count == 200)
    }

    @Test("the preview is the request with stars in its blanks, and the one-time key is where the platform wants it")
    func preview() throws {
        let connector = BareConnector(.header("Authorization", prefix: "Bearer "), header: "Idempotency-Key")
        var call = Call(.write, HTTPRequest(.post, "/x", fields: ["Cookie": "left=over"]), body: "{\"p\":\(json: .part("p"))}", once: "attempt-1")
        call.headers = [FilledHeader("X-Dev", .part("dev"))]
        let shown = Dressing.preview(call, connector, facts)
        #expect(shown.fields["Authorization"] == "Bearer ***" && shown.fields["X-Dev"] == "***" && shown.fields["Cookie"] == nil)
        #expect(shown.fields["Idempotency-Key"] == "attempt-1" && shown.fields["Accept"] == "application/json")
        #expect(String(decoding: shown.body, as: UTF8.self) == "{\"p\":\"***\"}")
        let sent = try Dressing.request(call, connector, facts, base: "https://b.example", hand(["p": "hush", "dev": "d"], token: "t")).request
        #expect(sent.fields["Idempotency-Key"] == "attempt-1" && sent.fields["Authorization"] == "Bearer t" && sent.fields["X-Dev"] == "d")
    }

    @Test("an account becomes part of a host in the letters that hosts have")
    func addresses() {
        #expect(Address.of("https://{account_host}.suitetalk.example", account: "1234567_SB1") == "https://1234567-sb1.suitetalk.example")
        #expect(Address.of("https://{account}.shop.example", account: "acme") == "https://acme.shop.example")
    }
}

@Suite("Where an answer holds a value")
struct AnswerPlaceTests {
    @Test("cookies: the last of that name, without attributes; names are exact")
    func cookies() {
        var response = HTTPResponse(200)
        for line in ["B1SESSION=first; Path=/", "ROUTEID=.node1", " B1SESSION = ac79876e-1e72 ;HttpOnly;", "B1SESSIONX=no", "broken"] { response.fields.append("Set-Cookie", line) }
        #expect(AnswerPlace.cookie("B1SESSION").value(in: response) == "ac79876e-1e72")
        #expect(AnswerPlace.cookie("ROUTEID").value(in: response) == ".node1")
        for name in ["b1session", "broken", "", "Path"] { #expect(AnswerPlace.cookie(name).value(in: response) == nil) }
        response.fields = ["Set-Cookie": "A=x, B=y"]
        #expect(AnswerPlace.cookie("A").value(in: response) == nil)
    }

    @Test("JSON: by names and places; numbers as their digits; false, null and the empty text are nothing")
    func json() {
        func at(_ path: [String], _ body: String) -> String? { AnswerPlace.json(path).value(in: HTTPResponse(200, body: Array(body.utf8))) }
        #expect(at(["result"], #"{"result":7}"#) == "7")
        #expect(at(["a", "1", "b"], #"{"a":[0,{"b":"x"}]}"#) == "x")
        #expect(at(["0"], #"{"0":"by name"}"#) == "by name")
        for body in [#"{"result":false}"#, #"{"result":null}"#, #"{"result":""}"#, #"{"result":true}"#, #"{"result":{}}"#, "{}", "<html>", "", #"{"result":"a\nb"}"#] {
            #expect(at(["result"], body) == nil, "\(body)")
        }
        #expect(at(["result"], "{\"result\":\"\(String(repeating: "x", count: 8193))\"}") == nil)
    }

    @Test("XML: by local names below the root, whatever their namespace")
    func xml() {
        let body = "<response xmlns:i='urn:i'><operation><result><data><i:api><sessionid>s-1</sessionid></i:api></data></result></operation></response>"
        let response = HTTPResponse(200, body: Array(body.utf8))
        #expect(AnswerPlace.xml(["operation", "result", "data", "api", "sessionid"]).value(in: response) == "s-1")
        for path in [["operation"], ["sessionid"], ["response", "operation"], []] { #expect(AnswerPlace.xml(path).value(in: response) == nil) }
        #expect(AnswerPlace.xml(["a"]).value(in: HTTPResponse(200, body: Array("<r><a>x</a>".utf8))) == nil)
    }

    @Test("the first place that holds something is taken, in the order that they are named")
    func first() {
        let place = AnswerPlace.first([.json(["uid"]), .json(["result"]), .xml(["params", "param", "value", "int"])])
        func at(_ body: String) -> String? { place.value(in: HTTPResponse(200, body: Array(body.utf8))) }
        #expect(at(#"{"uid":2}"#) == "2" && at(#"{"jsonrpc":"2.0","id":1,"result":7}"#) == "7" && at(#"{"result":7,"uid":2}"#) == "2")
        #expect(at("<methodResponse><params><param><value><int>9</int></value></param></params></methodResponse>") == "9")
        for none in [#"{"result":false}"#, "{}", "", "<methodResponse><params><param><value><boolean>0</boolean></value></param></params></methodResponse>"] {
            #expect(at(none) == nil, "\(none)")
        }
        #expect(AnswerPlace.first([]).value(in: HTTPResponse(200)) == nil)
    }
}
