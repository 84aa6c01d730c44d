import ConnectorKit
@testable import Courier
import HTTPClient
import Kernel
import Store
import Testing
import Wire

@Suite("Token endpoint")
struct TokenEndpointTests {
    private let now = Timestamp(seconds: 1_800_000_000)

    private func oauth(_ proof: Authentication.OAuth2.ClientProof = .body) -> Authentication.OAuth2 {
        Authentication.OAuth2(
            authorizeURL: "https://x.example/a", tokenURL: "https://{account}.x.example/token", tokenPath: "/oauth/token", clientProof: proof, scopes: [],
            refreshGrace: .zero)
    }

    private func endpoint(base: String? = nil) -> TokenEndpoint {
        var row = Bench().store.row
        row.baseURL = base
        return TokenEndpoint(oauth(), PlainConnector().spec, row: row)
    }

    private func event(_ response: HTTPResponse) -> TokenRefresh.Event { endpoint().event(.answered(response), from: Bench.credential(0), at: now) }

    private func issued(_ body: String) -> Credential? {
        if case .issued(let set) = event(HTTPResponse(200, body: Array(body.utf8))) { set } else { nil }
    }

    private func isRefusal(_ status: Int, _ body: String) -> Bool {
        if case .refused = event(HTTPResponse(status, body: Array(body.utf8))) { true } else { false }
    }

    @Test("the client proves itself in the body or in the header, never in the URL")
    func request() throws {
        let body = endpoint().request(oauth(.body), refresh: Secret("hush-r0"), from: Bench.credential(0))
        #expect(body.target == "https://acme.x.example/token")
        #expect(body.fields["Authorization"] == nil)
        #expect(Form.decode(String(decoding: body.body, as: UTF8.self)).map(\.name) == ["grant_type", "refresh_token", "client_id", "client_secret"])
        let basic = endpoint().request(oauth(.basic), refresh: Secret("hush-r0"), from: Bench.credential(0))
        #expect(basic.fields["Authorization"] == "Basic YXBwOmh1c2gtY2xpZW50")
        #expect(!String(decoding: basic.body, as: UTF8.self).contains("client_secret"))
        #expect(basic.method == .post)
        #expect(endpoint(base: "http://127.0.0.1:9").request(oauth(), refresh: Secret("r"), from: Bench.credential(0)).target == "http://127.0.0.1:9/oauth/token")
    }

    @Test("a base that is the platform's own says nothing of where tokens are; another one has them below itself, even where it only begins the same")
    func ownBase() {
        func target(_ base: String) -> String { endpoint(base: base).request(oauth(), refresh: Secret("r"), from: Bench.credential(0)).target }
        for base in ["https://plain.example", "https://PLAIN.example", "https://plain.example:443", "https://plain.example/v3"] {
            #expect(target(base) == "https://acme.x.example/token")
        }
        #expect(target("https://plain.example.twin.example") == "https://plain.example.twin.example/oauth/token")
        // Where tokens are below production's base, the sandbox has them in the same place below its own.
        var spec = PlainConnector().spec
        (spec.productionBase, spec.sandboxBase) = ("https://{account}.x.example", "https://sand.example")
        let below = { (base: String?) in spec.authority("https://{account}.x.example/v2/token", path: "/twin/token", base: base, account: "acme") }
        #expect(below("https://sand.example") == "https://sand.example/v2/token" && below("https://acme.x.example") == "https://acme.x.example/v2/token")
        #expect(below(nil) == "https://acme.x.example/v2/token" && below("http://127.0.0.1:9") == "http://127.0.0.1:9/twin/token")
    }

    @Test("a new set keeps the client, and the old refresh token where no new one is given")
    func sets() {
        let full = issued(#"{"access_token":"A","refresh_token":"R","expires_in":60}"#)
        #expect(full == Credential(accessToken: Secret("A"), refreshToken: Secret("R"), expiresAt: now + .seconds(60), clientID: "app", clientSecret: Secret("hush-client")))
        #expect(issued(#"{"access_token":"A"}"#)?.refreshToken == Secret("hush-r0"))
        #expect(issued(#"{"access_token":"A","refresh_token":""}"#)?.refreshToken == Secret("hush-r0"))
        #expect(issued(#"{"access_token":"A","expires_in":"3600"}"#)?.expiresAt == now + .seconds(3600))
    }

    @Test(
        "a life that can't be meant is no life: the token is used until it is refused",
        arguments: ["-1", "9223372036854775807", "1e400", "99999999999999999999999", "\"soon\"", "null", "[]", "12.5"])
    func lives(_ life: String) {
        let set = issued(#"{"access_token":"A","expires_in":\#(life)}"#)
        #expect(set != nil)
        #expect(set?.expiresAt == nil)
    }

    @Test("a good status without an access token gives none", arguments: ["", "{", "[]", "<html>welcome</html>", #"{"access_token":""}"#, #"{"access_token":7}"#, #"{"error":"invalid_grant"}"#])
    func unreadable(_ body: String) {
        #expect(issued(body) == nil)
        #expect(!isRefusal(200, body))
    }

    @Test("only OAuth's own word is a refusal", arguments: [400, 401])
    func refusals(status: Int) {
        for word in ["invalid_grant", "invalid_client", "unauthorized_client", "invalid_request", "something_of_the_vendor"] {
            #expect(isRefusal(status, #"{"error":"\#(word)"}"#), "\(word)")
        }
        let others = [
            "", "<html><h1>400 Bad Request</h1></html>", "{}", "[]", #"{"error":""}"#, #"{"error":null}"#, #"{"error":{"code":400}}"#, #"{"message":"invalid_grant"}"#,
            #"{"error":"temporarily_unavailable"}"#, #"{"error":"server_error"}"#, #"{"error":"slow_down"}"#,
        ]
        for body in others { #expect(!isRefusal(status, body), "\(body)") }
    }

    @Test("no other status is a refusal, whatever its body says", arguments: [201, 204, 302, 403, 404, 408, 429, 500, 502, 503, 504])
    func statuses(status: Int) {
        guard case .failed(let fault) = event(HTTPResponse(status, body: Array(#"{"error":"invalid_grant","access_token":"A"}"#.utf8))) else {
            Issue.record("status \(status) was taken for an answer")
            return
        }
        #expect(fault.code == "token_endpoint_down")
        #expect(fault.disposition == .retry)
    }
}
