import AlertRules
import Foundation
import Kernel
import Store
import Testing
import Wire

@testable import Alerts

@Suite("Messages") struct MessagesTests {
    private let messages = Messages(base: "https://books.example.com", from: "cf@example.com", now: noon)
    private let id = SeededRandom(seed: 4).uuid()

    private func telling(_ purpose: AlertDelivery.Purpose, _ alerts: [StandingAlert], _ receiver: AlertRoute.Receiver = .webhook(url: "https://x.example.com/h")) -> Telling {
        Telling(owner: AlertOwner(tenantOne), route: AlertRoute(name: "books", receiver: receiver, perHour: 3), purpose: purpose, alerts: alerts, validFor: .seconds(600))
    }

    private let held = StandingAlert.sample("held/f/a", cause: "300 documents of shop are held", count: 300)

    @Test("a message says what is wrong, what to do, for whom, since when, how many, and where to look")
    func text() {
        let said = messages.text(telling(.opened, [held]))
        for line in [
            "300 documents of shop are held\n", "What to do  r\n", "Client      Prairie Goods (prairie)\n", "Severity    warning\n", "Since       2026-11-22T11:00:00Z\n",
            "Count       300\n", "Open it     https://books.example.com/alerts/\(held.id.uuidString.lowercased())\n", "the route books of Prairie Goods",
        ] { #expect(said.contains(line), "\(said)") }
        #expect(messages.subject(telling(.opened, [held])) == "[Counterfoil] warning, Prairie Goods: 300 documents of shop are held")
        #expect(messages.subject(telling(.repeated, [held])).hasPrefix("[Counterfoil] still warning"))
    }

    @Test("a resolved one says since and until when, and no longer what to do")
    func resolved() {
        let said = messages.text(telling(.resolved, [.sample("held/f/a", isOpen: false)]))
        #expect(said.contains("Until       2026-11-22T12:00:00Z") && said.contains("Severity    resolved") && !said.contains("What to do"))
        #expect(messages.subject(telling(.resolved, [.sample("held/f/a", isOpen: false)])).hasPrefix("[Counterfoil] resolved"))
    }

    @Test("one message about many names the first fifty and says how many more there are")
    func digest() {
        let many = (0 ..< 96).map { StandingAlert.sample("held/f/\($0)", cause: "cause \($0)") }
        let said = messages.text(telling(.digest, many))
        #expect(said.contains("cause 49\n") && !said.contains("cause 50\n") && said.contains("and 46 more: https://books.example.com"))
        #expect(said.contains("the route allows 3 messages an hour"))
        let json = messages.json(telling(.digest, many), id)
        #expect(json["alerts"]?.array?.count == 50 && json["more"]?.int == 46 && json["type"]?.string == "alert.digest")
    }

    @Test("a webhook's body names the delivery, the alert and its state")
    func webhook() throws {
        let made = messages.deliveries(telling(.opened, [held])) { id }
        #expect(made.count == 1 && made[0].receiver == "https://x.example.com/h" && made[0].alerts == [held.id] && made[0].id == id)
        let json = try JSON(parsing: made[0].body)
        #expect(json["id"]?.string == id.uuidString.lowercased() && json["type"]?.string == "alert.opened")
        let alert = try #require(json["alerts"]?.array?.first)
        #expect(alert["cause"]?.string == "held" && alert["severity"]?.string == "warning" && alert["state"]?.string == "open" && alert["count"]?.int == 300)
        #expect(alert["link"]?.string == "https://books.example.com/alerts/\(held.id.uuidString.lowercased())")
    }

    @Test("mail to several people is a message of its own to each, and together they count as one")
    func mail() {
        let made = messages.deliveries(telling(.opened, [held], .email(to: ["a@example.com", "b@example.com"], server: nil, from: nil, user: nil))) { SystemRandom().uuid() }
        #expect(made.map(\.receiver) == ["a@example.com", "b@example.com"] && made.map(\.part) == [0, 1])
        #expect(Set(made.map(\.id)).count == 2)
        #expect(made.allSatisfy { String(decoding: $0.body, as: UTF8.self).contains("From: Counterfoil <cf@example.com>") })
    }

    @Test("an Alertmanager gets labels, annotations and times; an open alert ends when it is not told of again, a resolved one when it was resolved")
    func alertmanager() throws {
        let over = StandingAlert.sample("lag/work", severity: .critical, isOpen: false)
        let made = messages.deliveries(telling(.opened, [held, over], .alertmanager(url: "https://am.example.com", user: nil))) { id }
        let alerts = try #require(try JSON(parsing: made[0].body).array)
        #expect(alerts[0]["labels"] == [
            "alertname": "Counterfoil", "tenant": "prairie", "cause": "held", "severity": "warning", "alert": .string(held.id.uuidString.lowercased()),
        ])
        #expect(alerts[0].member("annotations", "remedy")?.string == "r")
        #expect(alerts[0]["startsAt"]?.string == "2026-11-22T11:00:00Z" && alerts[0]["endsAt"]?.string == "2026-11-22T12:10:00Z")
        #expect(alerts[1]["endsAt"]?.string == "2026-11-22T12:00:00Z" && alerts[1].member("labels", "cause")?.string == "lag")
    }

    @Test("an Alertmanager's alert says whether somebody has seen to it, and its former self ends now")
    func outdated() throws {
        var said = telling(.worsened, [.sample("lag/work", severity: .critical, acknowledged: true)], .alertmanager(url: "https://am.example.com", user: nil))
        said.outdated = [.sample("lag/work", isOpen: false)]
        let alerts = try #require(try JSON(parsing: messages.deliveries(said) { id }[0].body).array)
        #expect(alerts.map { $0.member("labels", "severity")?.string } == ["warning", "critical"])
        #expect(alerts.map { $0["endsAt"]?.string } == ["2026-11-22T12:00:00Z", "2026-11-22T12:10:00Z"])
        #expect(alerts.map { $0.member("annotations", "state")?.string } == ["resolved", "acknowledged"])
        #expect(messages.subject(said).hasPrefix("[Counterfoil] now critical"))
    }

    @Test("a test message is one of its route's kind", arguments: AlertRoute.Kind.allCases)
    func test(kind: AlertRoute.Kind) throws {
        let receiver: AlertRoute.Receiver = switch kind {
        case .email: .email(to: ["a@example.com"], server: nil, from: nil, user: nil)
        case .webhook: .webhook(url: "https://x.example.com")
        case .alertmanager: .alertmanager(url: "https://am.example.com", user: nil)
        }
        let asked = AlertDelivery(
            id: id, owner: .operator, route: "books", kind: kind.rawValue, purpose: .test, receiver: "a@example.com", subject: "", body: [], alerts: [])
        let made = messages.test(asked, AlertRoute(name: "books", receiver: receiver))
        #expect(made.subject == "[Counterfoil] test of the route books")
        switch kind {
        case .email: #expect(String(decoding: made.body, as: UTF8.self).contains("To: <a@example.com>"))
        case .webhook: #expect(try JSON(parsing: made.body)["type"]?.string == "alert.test")
        case .alertmanager: #expect(try JSON(parsing: made.body).array?.first?.member("labels", "alertname")?.string == "CounterfoilTest")
        }
    }

    @Test("tries come ever further apart, up to an hour, and end; whoever tests is told at once")
    func patience() {
        #expect((1 ... 12).map { Patience.after($0).components.seconds } == [5, 10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600, 3600])
        var delivery = AlertDelivery(id: id, owner: .operator, route: "r", kind: "email", purpose: .opened, receiver: "x", subject: "", body: [1], alerts: [], attempts: 15)
        #expect(Patience.later(delivery, "w") == .later(.seconds(3600), "w"))
        delivery.attempts = 16
        #expect(Patience.later(delivery, "w") == .failed("w"))
        delivery.purpose = .refreshed
        #expect(Patience.later(delivery, "w") == .later(.seconds(60), "w"), "the next one takes its place")
        delivery.attempts = 1
        delivery.purpose = .test
        #expect(Patience.later(delivery, "w") == .failed("w"))
    }

    @Test("the operator's mail server is a server and a sender, or the program does not start with it", arguments: [
        #"{"server": "mail.example.com", "from": "cf@example.com"}"#, #"{"server": "smtps://mail.example.com"}"#, #"{"server": "smtps://mail.example.com", "from": "x"}"#, "nothing",
    ])
    func mailServer(text: String) {
        #expect(throws: Fault.self) { try MailServer(json: Array(text.utf8)) }
        #expect(throws: Never.self) { try MailServer(json: Array(#"{"server": "smtps://mail.example.com", "from": "cf@example.com", "user": "u", "password": "p"}"#.utf8)) }
    }
}
