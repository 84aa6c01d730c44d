import Crypto
import Kernel
import Testing
import TwinKit
import Wire

@testable import TwinNetSuite

@Suite("NetSuite: who may come in")
struct SuiteAccessTests {
    // MARK: - OAuth 2.0

    @Test("a signed assertion is a token for an hour, whose life is a text")
    func token() throws {
        let bench = try SuiteBench()
        let body = try JSON(parsing: bench.token(try bench.assertion()).body)
        #expect(body["token_type"] == "bearer" && body["expires_in"] == "3600")
        #expect(try bench.send(.get, "/record/v1/currency/1").status == 200)
        bench.now = bench.now + .seconds(3601)
        let late = try bench.refusal(.get, "/record/v1/currency/1")
        #expect(late.status == 401 && late.code == "INVALID_LOGIN")
    }

    @Test("an assertion that is wrong in one thing is refused", arguments: [
        ("iss", JSON.string("somebody"), "invalid_client"), ("aud", "http://127.0.0.1:4000/netsuite/token", "invalid_request"),
        ("scope", "restlets", "invalid_scope"),
        ("exp", 1_700_000_000, "invalid_grant"), ("exp", 1_795_200_000, "invalid_grant"), ("iat", 1_795_000_000_000, "invalid_grant"),
    ])
    func wrongClaims(name: String, value: JSON, error: String) throws {
        let bench = try SuiteBench()
        let answer = bench.token(try bench.assertion(claims: [name: value]))
        #expect((400...401).contains(answer.status))
        #expect(try JSON(parsing: answer.body)["error"] == .string(error))
    }

    @Test("an unknown certificate, another key, RS256 and a torn token are refused")
    func wrongSignatures() throws {
        let bench = try SuiteBench()
        let good = try bench.assertion()
        #expect(bench.token(try bench.assertion(header: "{typ: \"JWT\", alg: \"ES256\", kid: \"other\"}")).status == 401)
        #expect(bench.token(try bench.assertion(header: "{typ: \"JWT\", alg: \"RS256\", kid: \"custcertificate1\"}")).status == 400)
        #expect(bench.token(try bench.assertion(header: "{typ: \"JWT\", alg: \"none\", kid: \"custcertificate1\"}")).status == 400)
        let parts = good.split(separator: ".")
        let other = try SuiteBench.encoded("{iss: \"\(NetSuiteTwin.clientID)\", exp: 1}")
        #expect(bench.token("\(parts[0]).\(other).\(parts[2])").status == 401)
        #expect(bench.token("a.b").status == 400)
    }

    @Test("the vendor's own address is an audience as well")
    func audience() throws {
        let bench = try SuiteBench()
        let aud = "https://1234567-sb1.suitetalk.api.netsuite.com/services/rest/auth/oauth2/v1/token"
        #expect(bench.token(try bench.assertion(claims: ["aud": .string(aud), "scope": ["rest_webservices", "restlets"]])).status == 200)
    }

    @Test("a certificate that is uploaded opens the account, also after a restart")
    func certificate() throws {
        let bench = try SuiteBench()
        let answer = bench.twin.respond(HTTPRequest(.post, "/app/setup/oauth2clientcredentials", body: Array(Self.certificate.utf8)), at: bench.now)
        let id = try #require(try JSON(parsing: answer.body)["certificateId"]?.string, "\(answer.bodyText)")
        let header = "{typ: \"JWT\", alg: \"ES256\", kid: \"\(id)\"}"
        #expect(bench.token(try bench.assertion(header: header, key: Self.certificateKey)).status == 200)
        #expect(try bench.reopened().token(try bench.assertion(header: header, key: Self.certificateKey)).status == 200)
        #expect(bench.twin.respond(HTTPRequest(.post, "/app/setup/oauth2clientcredentials", body: Array("x".utf8)), at: bench.now).status == 400)
        // It is valid for two years.
        bench.now = Timestamp(seconds: bench.now.seconds + 800 * 86_400)
        #expect(bench.token(try bench.assertion(header: header, key: Self.certificateKey)).status == 401)
    }

    static let certificate = """
        -----BEGIN CERTIFICATE-----
        MIIBeTCCAR+gAwIBAgIUHjyRw2fDE29ZVCfJ4Xe1MViLEkowCgYIKoZIzj0EAwIw
        EjEQMA4GA1UEAwwHc2FuZGJveDAeFw0yNjExMjIwODI5MDhaFw0yODExMjEwODI5
        MDhaMBIxEDAOBgNVBAMMB3NhbmRib3gwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNC
        AASLz9r2JaweSh9rzExtWNGxosYVOkO+5NLnQ2rjbM7K5zgltKcwft0eMoM/PcQ3
        r6Jh7yP96f918eizemd/s3yco1MwUTAdBgNVHQ4EFgQU/X7hicishWfOXiNXVz0q
        PGNYn4YwHwYDVR0jBBgwFoAU/X7hicishWfOXiNXVz0qPGNYn4YwDwYDVR0TAQH/
        BAUwAwEB/zAKBggqhkjOPQQDAgNIADBFAiBy7MeyP0AONgbrMSvOPpzAlRG86Fcy
        +FLCpW3Pq/jO4gIhAPzRubJpRt/5Py4wi6xx3sLhtHR6ewrtMtemH0nRamNN
        -----END CERTIFICATE-----
        """
    static let certificateKey = """
        -----BEGIN PRIVATE KEY-----
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgDKkbeSBRJq4JHrFd
        vZcQQ3hMK7j9z+RhufNynNMuYB2hRANCAASLz9r2JaweSh9rzExtWNGxosYVOkO+
        5NLnQ2rjbM7K5zgltKcwft0eMoM/PcQ3r6Jh7yP96f918eizemd/s3yc
        -----END PRIVATE KEY-----
        """

    @Test("tokens end when they are revoked, one by one or all together")
    func revoked() throws {
        let bench = try SuiteBench()
        let form = HTTPRequest(
            .post, "/services/rest/auth/oauth2/v1/revoke", fields: ["Content-Type": "application/x-www-form-urlencoded"],
            body: Array(Form.encode([("token", bench.bearer)]).utf8))
        #expect(bench.twin.respond(form, at: bench.now).status == 200)
        #expect(try bench.send(.get, "/record/v1/currency/1").status == 401)
        bench.bearer = try bench.logIn()
        #expect(try bench.send(.get, "/record/v1/currency/1").status == 200)
        bench.twin.revokeAccessTokens()
        #expect(try bench.send(.get, "/record/v1/currency/1").status == 401)
    }

    // MARK: - Token-based authentication

    @Test("a passport is taken once, in its time, signed by HMAC-SHA256 in either spelling")
    func passport() throws {
        let bench = try SuiteBench()
        let at = bench.now.seconds
        for algorithm in ["HMAC-SHA256", "HMAC_SHA256"] {
            let head = SuiteBench.passport(nonce: "a1b2c3" + String(algorithm.count) + (algorithm.contains("_") ? "u" : "h"), timestamp: at,
                algorithm: algorithm)
            _ = try bench.soap("getServerTime", "", header: head)
            #expect(try bench.fault("getServerTime", "", header: head).code == "INVALID_LOGIN_ATTEMPT")
        }
        _ = try bench.soap("getServerTime", "", header: SuiteBench.passport(nonce: "early123", timestamp: at - 299))
    }

    @Test("a passport that is wrong in one thing is refused", arguments: [
        ("short", 0, "HMAC-SHA256", NetSuiteTwin.tokenSecret), ("with-hyphen", 0, "HMAC-SHA256", NetSuiteTwin.tokenSecret),
        ("nonce12345", -301, "HMAC-SHA256", NetSuiteTwin.tokenSecret), ("nonce12345", 301, "HMAC-SHA256", NetSuiteTwin.tokenSecret),
        ("nonce12345", 0, "HMAC-SHA1", NetSuiteTwin.tokenSecret), ("nonce12345", 0, "HMAC-SHA256", "wrong"),
    ])
    func wrongPassports(nonce: String, off: Int64, algorithm: String, secret: String) throws {
        let bench = try SuiteBench()
        let head = SuiteBench.passport(nonce: nonce, timestamp: bench.now.seconds + off, algorithm: algorithm, secret: secret)
        let fault = try bench.fault("getServerTime", "", header: head)
        #expect(fault.name == "invalidCredentialsFault" && fault.code == "INVALID_LOGIN_ATTEMPT" && fault.text == "Invalid login attempt.")
    }

    @Test("an application id together with a passport, and no passport, are refused")
    func applicationInfo() throws {
        let bench = try SuiteBench()
        let more = "<applicationInfo xmlns=\"urn:messages_2025_2.platform.webservices.netsuite.com\"><applicationId>X</applicationId></applicationInfo>"
        #expect(try bench.fault("getServerTime", "",
            header: SuiteBench.passport(nonce: "nonce12345", timestamp: bench.now.seconds, more: more)).code == "INVALID_LOGIN_ATTEMPT")
        #expect(try bench.fault("getServerTime", "", header: "").code == "INVALID_LOGIN_ATTEMPT")
    }

    @Test("OAuth 1.0a signs the address with its query")
    func oauth1() throws {
        let bench = try SuiteBench()
        func header(_ nonce: String, _ address: String, _ query: [(String, String)]) -> String {
            let own = [
                ("oauth_consumer_key", NetSuiteTwin.consumerKey), ("oauth_nonce", nonce), ("oauth_signature_method", "HMAC-SHA256"),
                ("oauth_timestamp", String(bench.now.seconds)), ("oauth_token", NetSuiteTwin.tokenID), ("oauth_version", "1.0"),
            ]
            let pairs = (own + query).map { (Form.percent($0.0), Form.percent($0.1)) }.sorted { $0 < $1 }.map { "\($0.0)=\($0.1)" }.joined(separator: "&")
            let base = "GET&\(Form.percent(address))&\(Form.percent(pairs))"
            let signature = Base64.encode(HMAC.sha256(key: Array("\(NetSuiteTwin.consumerSecret)&\(NetSuiteTwin.tokenSecret)".utf8), Array(base.utf8)))
            let list = [("realm", NetSuiteTwin.account)] + own + [("oauth_signature", signature)]
            return "OAuth " + list.map { "\($0.0)=\"\(Form.percent($0.1))\"" }.joined(separator: ", ")
        }
        let address = "http://127.0.0.1:4000/netsuite/services/rest/record/v1/customer"
        let query = [("q", "entityId IS \"Ann Doe\""), ("limit", "5")]
        let target = "/record/v1/customer?" + Form.encode(query.map { (name: $0.0, value: $0.1) })
        let good = try bench.send(.get, target, "", ["Authorization": header("n0nce001", address, query)])
        #expect(good.status == 200)
        #expect(try JSON(parsing: good.body)["totalResults"] == 1)
        #expect(try bench.send(.get, target, "", ["Authorization": header("n0nce001", address, query)]).status == 401)
        #expect(try bench.send(.get, target, "", ["Authorization": header("n0nce002", address, [])]).status == 401)
    }
}
