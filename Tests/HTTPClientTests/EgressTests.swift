import Kernel
import Testing
import Wire

@testable import HTTPClient

@Suite("Egress policy")
struct EgressTests {
    private let open = EgressPolicy(allowedHosts: [])

    @Test(
        "public https addresses and names are allowed",
        arguments: [
            "https://api.example.com/v1?a=b", "HTTPS://API.EXAMPLE.COM", "https://8.8.8.8/",
            "https://[2606:4700::1111]/",
            "https://api.example.com:8443/", "https://172.32.0.1/", "https://100.128.0.1/",
            "https://[64:ff9b::8.8.8.8]/",
        ])
    func allowed(url: String) throws { try open.check(url) }

    @Test(
        "addresses that are not public are refused, however they are written",
        arguments: [
            "https://127.0.0.1/", "https://127.1/", "https://2130706433/", "https://0x7f.0.0.1/", "https://0177.0.0.1/",
            "https://10.1.2.3/", "https://172.16.0.1/", "https://172.31.255.255/", "https://192.168.1.1/",
            "https://169.254.169.254/latest/meta-data/", "https://100.64.0.1/", "https://0.0.0.0/",
            "https://224.0.0.1/",
            "https://255.255.255.255/", "https://198.18.0.1/", "https://192.0.2.1/", "https://[::1]/", "https://[::]/",
            "https://[fe80::1]/", "https://[fc00::1]/", "https://[fd12:3456::1]/", "https://[ff02::1]/",
            "https://[::ffff:127.0.0.1]/", "https://[::ffff:a9fe:a9fe]/", "https://[64:ff9b::10.0.0.1]/",
            "https://[2002:7f00:1::]/", "https://[2001:0:1::1]/", "https://[2001:db8::1]/", "https://[::127.0.0.1]/",
            "https://[fe80::1%25eth0]/", "https://%31%32%37.0.0.1/",
        ])
    func privateAddresses(url: String) { expectRefused(url, by: open) }

    @Test(
        "other schemes, plain http, users and what is no URL are refused",
        arguments: [
            "http://api.example.com/", "ftp://api.example.com/", "file:///etc/passwd", "gopher://8.8.8.8/",
            "https://user@api.example.com/", "https://user:pw@api.example.com/", "api.example.com", "", "/path",
            "https://",
            "https:///path", "https:/8.8.8.8/", "https:8.8.8.8", "https:\\\\8.8.8.8",
            "https://a b/", "https://api.example.com:99999/", "https://api.example.com:0x50/",
            "https://api.example.com\u{0}.evil.example/", "https://api.example.com/\r\nHost: evil",
            "javascript:alert(1)",
        ])
    func refusedURLs(url: String) { expectRefused(url, by: open) }

    @Test("a URL beyond the limit is refused")
    func long() { expectRefused("https://api.example.com/" + String(repeating: "a", count: 17_000), by: open) }

    @Test("listed hosts may be private and plain, at their port and under their name only")
    func listed() throws {
        let policy = EgressPolicy(allowedHosts: ["127.0.0.1:8099", "Books.Example.Internal", "[::1]:8443"])
        try policy.check("http://127.0.0.1:8099/x")
        try policy.check("https://127.0.0.1:8099/x")
        try policy.check("http://2130706433:8099/")
        try policy.check("http://books.example.internal/")
        try policy.check("https://BOOKS.example.internal/")
        try policy.check("http://[::1]:8443/")
        expectRefused("http://127.0.0.1/", by: policy)
        expectRefused("http://127.0.0.1:8098/", by: policy)
        expectRefused("http://books.example.internal:8080/", by: policy)
        expectRefused("http://x.books.example.internal/", by: policy)
        expectRefused("http://[::1]/", by: policy)
        expectRefused("ftp://127.0.0.1:8099/", by: policy)
        expectRefused("http://user@127.0.0.1:8099/", by: policy)
    }

    @Test(
        "an empty or broken entry of the list allows nothing",
        arguments: ["", ":", ":80", "http://127.0.0.1", "*", "[::1"])
    func brokenEntries(entry: String) {
        let policy = EgressPolicy(allowedHosts: [entry])
        expectRefused("http://127.0.0.1/", by: policy)
        expectRefused("http://[::1]/", by: policy)
        expectRefused("http://api.example.com/", by: policy)
    }

    @Test("a name that leads to a loopback address is refused before a connection is made")
    func rebinding() async throws {
        let server = ScriptedServer { _ in .reply(ok()) }
        let strict = client([])
        let url = server.url(scheme: "https", host: "localhost")
        try open.check(url)
        expectNotSent(await strict.send(HTTPRequest(.post, url, body: [1]), timeout: .seconds(10)), "egress_refused")
        #expect(server.connections == 0)
        await strict.shutdown()
        await server.stop()
    }

    @Test("the same name is reached when it is on the list")
    func listedName() async throws {
        let server = ScriptedServer { _ in .reply(ok()) }
        let open = client(["localhost:\(server.port)"])
        let outcome = await open.send(HTTPRequest(.get, server.url(host: "localhost")), timeout: .seconds(10))
        #expect(expectAnswered(outcome) != nil)
        await open.shutdown()
        await server.stop()
    }

    @Test("a refused URL is not sent, whatever else is wrong with it")
    func send() async {
        let strict = client([])
        for url in ["http://127.0.0.1:1/", "https://10.0.0.1/", "nonsense", "https://user@8.8.8.8/"] {
            expectNotSent(await strict.send(HTTPRequest(.post, url), timeout: .seconds(10)), "egress_refused")
        }
        await strict.shutdown()
    }

    @Test("no fault shows a query, a user, a header or a body")
    func safeFaults() async throws {
        let server = ScriptedServer { request in
            request.line.contains("/silent") ? .silence : .replyAndClose("HTTP/1.1 200 OK\r\nConte")
        }
        try await withServer(server) { client in
            var faults: [Fault] = []
            let urls = [
                server.url("/torn?token=s3cret#s3cret"), server.url("/silent?token=s3cret"),
                "https://s3cret:s3cret@8.8.8.8/?s3cret", "http://10.0.0.1/?token=s3cret", "nonsense?s3cret",
                server.url("/tls?token=s3cret", scheme: "https"), "x://8.8.8.8/?token=s3cret",
            ]
            for url in urls {
                let request = HTTPRequest(
                    .post, url, fields: ["Authorization": "Bearer s3cret"], body: Array("client_secret=s3cret".utf8))
                let outcome = await client.send(request, timeout: .milliseconds(500))
                if let fault = outcome.fault { faults.append(fault) }
            }
            let bad = HTTPRequest(.post, server.url(), fields: ["Authorization": "Bearer s3cret\n"])
            if let fault = await client.send(bad, timeout: .seconds(1)).fault { faults.append(fault) }
            #expect(faults.count == urls.count + 1)
            for fault in faults {
                #expect(!"\(fault)".contains("s3cret"))
                #expect(!"\(fault)".contains("?"))
            }
            #expect(faults.first.map { "\($0)".contains("http://\(server.host)/torn") } == true)
        }
    }

    private func expectRefused(
        _ url: String, by policy: EgressPolicy, sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let fault = #expect(throws: Fault.self, "\(url)", sourceLocation: sourceLocation) { try policy.check(url) }
        #expect(fault?.code == "egress_refused", sourceLocation: sourceLocation)
    }
}
