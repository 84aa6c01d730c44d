import ConnectorKit
import Testing

@Suite("The operator's list of hosts")
struct HostListTests {
    private static let shop: PlatformSpec = spec("shop", "https://shop.example.com", "https://sandbox.shop.example.com")
    private static let named: PlatformSpec = spec("named", "https://{account}.named.example.com", nil)

    private static func spec(_ id: String, _ base: String, _ sandbox: String?) -> PlatformSpec {
        PlatformSpec(
            id: id, name: id, roles: [.source], productionBase: base, sandboxBase: sandbox, auth: .none, headers: [:], limits: [], concurrency: 1, batchSizes: [:], pageSize: 10,
            fieldLengths: [:], idempotency: Idempotency(nativeKeyLifetime: nil, searchable: true, findSettles: .zero), tax: .documentTotal, dimensions: [],
            revisesPaidInvoices: true, apiVersion: "1", sunset: nil, sources: [:])
    }

    @Test("a base URL must be on the operator's list or the platform's own", arguments: [
        ("http://127.0.0.1:7/x", true), ("http://127.0.0.1:8/x", false), ("http://127.0.0.1:9/x", false), ("http://127.0.0.1:8099/shop", true), ("https://books.example.com/x", true), ("http://books.example.com", true), ("https://shop.example.com", true),
        ("https://sandbox.shop.example.com/v1", true), ("HTTP://127.0.0.1:8099", true),
        ("http://127.0.0.1:8098", false), ("http://127.0.0.1", false), ("https://books.example.com:8443", false), ("http://shop.example.com", false),
        ("https://evil.example.com", false), ("http://169.254.169.254/latest", false), ("http://localhost:8099", false),
        ("http://127.0.0.1:8099@evil.example.com/", false), ("http://evil.example.com#@127.0.0.1:8099", false), ("http://127.0.0.1:8099?x", false),
        ("file:///etc/passwd", false), ("http://[::1]:8099/", false), ("//127.0.0.1:8099", false), ("http://127.0.0.1:8099\\@evil.example.com", false),
        ("http://127.0.0.1:08099x", false), ("http://:8099", false),
    ]) func hosts(_ url: String, _ good: Bool) {
        let list = HostList(["127.0.0.1:8099", "books.example.com", "shop=127.0.0.1:7", "odoo=127.0.0.1:8", "alerts=127.0.0.1:9"])
        #expect(list.allows(url, Self.shop, account: "acme") == good)
    }

    @Test("what is the operator's goes to the platform's own places and to those that are listed for this very platform", arguments: [
        (nil, true), ("https://shop.example.com", true), ("https://SHOP.example.com:443/v1", true), ("https://sandbox.shop.example.com", true), ("http://127.0.0.1:7/x", true),
        ("http://127.0.0.1:8099", false), ("http://127.0.0.1:8", false), ("http://127.0.0.1:9", false), ("http://shop.example.com", false), ("https://shop.example.com:8443", false),
        ("https://shop.example.com.evil.example", false), ("https://shop.example.com@evil.example", false), ("", false), ("shop.example.com", false),
    ] as [(String?, Bool)]) func trusted(_ url: String?, _ good: Bool) {
        let list = HostList(["127.0.0.1:8099", "Shop=127.0.0.1:7", "odoo=127.0.0.1:8", "alerts=127.0.0.1:9"])
        #expect(list.trusts(url, Self.shop, account: "acme") == good)
    }

    @Test("a platform's own place may have the account in its name: another account's is another place")
    func account() {
        let list = HostList([])
        #expect(list.trusts("https://acme.named.example.com/x", Self.named, account: "acme"))
        #expect(!list.trusts("https://other.named.example.com/x", Self.named, account: "acme"))
        #expect(!list.trusts("https://{account}.named.example.com", Self.named, account: "acme"))
    }

    @Test("each entry is for whom it names: connections and alerts have no host in common that is listed once")
    func purposes() {
        let list = HostList(["a.example", "shop=127.0.0.1:7", "alerts=[::1]:9093"])
        #expect(list.names == ["shop", "alerts"] && list.hosts == ["a.example", "127.0.0.1:7"] && list.receivers == ["[::1]:9093"])
        #expect(list.allowsAlerts("http://[::1]:9093/x") && !list.allowsAlerts("http://a.example") && !list.allowsAlerts("http://127.0.0.1:7"))
    }

    @Test("two bases are of one place when scheme, host and port are", arguments: [
        (nil, "https://shop.example.com/v2", true), ("https://Shop.Example.com:443", nil, true), (nil, nil, true), ("https://a.example/x", "https://a.example/y", true),
        (nil, "https://sandbox.shop.example.com", false), ("https://a.example", "http://a.example:443", false), ("https://a.example", "https://a.example:8443", false),
        ("https://a.example", nil, false),
    ] as [(String?, String?, Bool)]) func same(_ one: String?, _ other: String?, _ good: Bool) {
        #expect(HostList.isSame(one, other, Self.shop, account: "acme") == good)
    }
}
