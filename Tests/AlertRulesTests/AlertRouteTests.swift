import AlertRules
import Books
import Kernel
import Mapping
import Testing
import Wire

@Suite("Alert routes") struct AlertRouteTests {
    private func read(_ text: String) throws -> ([AlertRoute], [String]) {
        var findings = Findings()
        let routes = AlertRoute.read(try JSON(json5: text), into: &findings)
        return (routes, findings.list.map { "\($0.position ?? ""): \($0.why)" })
    }

    @Test("mail, webhooks and Alertmanagers are read, and their secrets are none of their settings")
    func kinds() throws {
        let (routes, findings) = try read("""
            [{name: "books", per_hour: 5, email: {to: ["ann@example.com", "bob@example.org"], server: "smtps://mail.example.com:465", from: "cf@example.com", user: "cf", password: "hush-1"}},
             {name: "plain", email: {to: ["ann@example.com"]}},
             {name: "hook", webhook: {url: "https://hooks.example.com/x?y=1", secret: "hush-hush-hush-hush"}},
             {name: "am", alertmanager: {url: "https://am.example.com/", user: "u", password: "hush-2"}},
             {name: "kept"}]
            """)
        #expect(findings == [])
        #expect(routes.map(\.name) == ["books", "plain", "hook", "am", "kept"])
        #expect(routes[0].receiver == .email(to: ["ann@example.com", "bob@example.org"], server: "smtps://mail.example.com:465", from: "cf@example.com", user: "cf"))
        #expect(routes[1].receiver == .email(to: ["ann@example.com"], server: nil, from: nil, user: nil))
        #expect(routes[3].receiver == .alertmanager(url: "https://am.example.com", user: "u"))
        #expect(routes[4].receiver == nil)
        #expect(routes.map(\.perHour) == [5, 20, 20, 600, 20])
        #expect(routes[0].secret?.revealText() == "hush-1")
        for route in routes {
            guard let receiver = route.receiver else { continue }
            let settings = route.settings(receiver)
            #expect(!settings.text.contains("hush"))
            let again = try #require(AlertRoute(name: route.name, kind: receiver.kind.rawValue, settings: settings))
            #expect(again.receiver == receiver && again.perHour == route.perHour)
        }
        #expect(AlertRoute(name: "x", kind: "pigeon", settings: .object([])) == nil)
        #expect(AlertRoute(name: "x", kind: "email", settings: .object([])) == nil)
    }

    @Test("whatever could become a header, a command or another address is refused", arguments: [
        "ann", "ann@", "@example.com", "a@b@example.com", "ann@example", "ann@example..com", ".ann@example.com", "ann.@example.com", "ann @example.com",
        "ann@example.com\r\nBcc: eve@example.com", "<ann@example.com>", "\"ann\"@example.com", "ann@exam_ple.com", "ann@example.com,eve@example.com", "änn@example.com",
        "ann(x)@example.com", "",
    ])
    func addresses(text: String) { #expect(!AlertRoute.isAddress(text)) }

    @Test("ordinary addresses are taken", arguments: ["ann@example.com", "a.b+c@mail.example.co.uk", "o'neil@example.com", "x_y-z@1.example.com"])
    func ordinary(text: String) { #expect(AlertRoute.isAddress(text)) }

    @Test("a mail server is a host with or without a port, under TLS, and nothing else", arguments: [
        ("smtps://mail.example.com", true), ("smtp://mail.example.com:587", true), ("smtps://10.0.0.1:465", true), ("smtp://", false), ("http://mail.example.com", false),
        ("smtp://user@mail.example.com", false), ("smtp://mail.example.com/x", false), ("smtp://mail.example.com:0", false), ("smtp://mail.example.com:99999", false),
        ("smtp://mail.example.com:25:25", false), ("smtp://mail.example.com\r\nX", false), ("SMTP://mail.example.com", false), ("mail.example.com", false),
    ])
    func servers(text: String, good: Bool) { #expect(AlertRoute.isMailServer(text) == good) }

    @Test("everything that is wrong with routes is found at once")
    func findings() throws {
        let (_, found) = try read("""
            [{name: "A"}, {name: "a", email: {to: []}, webhook: {url: "https://x.example.com"}},
             {name: "b", email: {to: ["nobody"], server: "mail.example.com", password: "x"}, per_hour: 0},
             {name: "c", email: {to: ["a@example.com"], from: "a@example.com"}},
             {name: "d", webhook: {url: "ftp://example.com", secret: "short"}},
             {name: "d", webhook: {}}, {name: "e", per_hour: 5}, {name: "f", alertmanager: {url: "https://a:b@example.com", user: "a:b"}},
             {name: "g", pigeon: {}}]
            """)
        for expected in [
            "routes[0].name: must be", "routes[1]: has more than one receiver", "routes[1].email.to: must name 1 to 10", "routes[2].email.to: 'nobody' is not an address",
            "routes[2].email.server: is not smtp://", "routes[2].email.from: is missing", "routes[2].email.user: is missing", "routes[2].per_hour: must be",
            "routes[3].email: has a sender or login but no server", "routes[4].webhook.url: is not an http", "routes[4].webhook.secret: is shorter than 16",
            "routes[5].webhook.url: is missing", "routes[5].name: is the name of an earlier", "routes[6].per_hour: stands without a receiver",
            "routes[7].alertmanager.url: is not an http", "routes[7].alertmanager.user: has a colon", "routes[8].pigeon: is not a known member",
        ] { #expect(found.contains { $0.hasPrefix(expected) }, "\(expected) in \(found)") }
        #expect(!found.contains { $0.contains("short") && !$0.contains("shorter") })
        #expect(try read("{}").1 == ["routes: must be a list of at most 20 routes"])
    }
}
