import AlertRules
import Kernel
import Store
import Testing

@testable import Alerts

@Suite("Who is told") struct RoutingTests {
    private let owner = AlertOwner(tenantOne)

    private func routing(
        _ alerts: [StandingAlert], _ rules: [AlertRule] = [AlertRule(name: "all", routes: ["books"])], routes: [AlertRoute]? = nil, notices: [AlertNotice] = [], sent: Int = 0,
        owner: AlertOwner? = nil, perHour: Int = 20, refreshed: Timestamp? = nil
    ) -> Routing.Decision {
        let owner = owner ?? self.owner
        let all = routes ?? [AlertRoute(name: "books", receiver: .webhook(url: "https://x.example.com"), perHour: perHour)]
        return Routing(
            alerts: alerts, books: [owner: RuleBook(rules: rules)], routes: [owner: all], notices: notices, sent: [owner: ["books": sent]],
            refreshed: refreshed.map { [owner: ["books": $0]] } ?? [:], now: noon
        ).decide()
    }

    private func notice(
        _ key: String, _ told: AlertNotice.Told, ago: Duration, _ tenant: TenantID = tenantOne, _ severity: AlertRow.Severity = .warning
    ) -> AlertNotice {
        AlertNotice(owner: owner, route: "books", tenant: tenant, key: key, told: told, at: noon - ago, severity: severity)
    }

    private func lines(_ decision: Routing.Decision) -> [String] {
        decision.tellings.map { "\($0.route.name) \($0.purpose.rawValue) \($0.alerts.map(\.key).joined(separator: "+"))" }
    }

    @Test("an open alert that a rule matches is told once to its route, and that is noted with it")
    func once() {
        let first = routing([.sample("held/f/a")])
        #expect(lines(first) == ["books opened held/f/a"])
        #expect(first.notices == [notice("held/f/a", .opened, ago: .zero)])
        #expect(lines(routing([.sample("held/f/a")], notices: first.notices)) == [])
    }

    @Test("a rule leaves out other causes, what is less severe, too few, too young, and other tenants")
    func matching() {
        let alert = StandingAlert.sample("held/f/a", count: 2)
        func told(_ rule: AlertRule) -> Bool { !routing([alert], [rule], owner: .operator).tellings.isEmpty }
        #expect(told(AlertRule(name: "r", causes: [.held], routes: ["books"])))
        #expect(!told(AlertRule(name: "r", causes: [.lag], routes: ["books"])))
        #expect(!told(AlertRule(name: "r", severity: .critical, routes: ["books"])))
        #expect(told(AlertRule(name: "r", severity: .information, routes: ["books"])))
        #expect(told(AlertRule(name: "r", threshold: 2, routes: ["books"])))
        #expect(!told(AlertRule(name: "r", threshold: 3, routes: ["books"])))
        #expect(told(AlertRule(name: "r", after: .seconds(3600), routes: ["books"])))
        #expect(!told(AlertRule(name: "r", after: .seconds(3601), routes: ["books"])))
        #expect(told(AlertRule(name: "r", routes: ["books"], tenants: ["prairie"])))
        #expect(!told(AlertRule(name: "r", routes: ["books"], tenants: ["thames"])))
        #expect(!told(AlertRule(name: "r", routes: ["pager"])))
    }

    @Test("a tenant's rules are about that tenant; the operator's are about all")
    func owners() {
        let alerts = [StandingAlert.sample("held/f/a"), .sample("held/f/b", tenantTwo)]
        #expect(lines(routing(alerts)) == ["books opened held/f/a"])
        #expect(lines(routing(alerts, owner: .operator)).count == 2)
    }

    @Test("what is acknowledged or muted is not told of, until the mute ends")
    func quiet() {
        #expect(lines(routing([.sample("a/1", acknowledged: true)])) == [])
        #expect(lines(routing([.sample("a/1", mutedUntil: noon + .seconds(1))])) == [])
        #expect(lines(routing([.sample("a/1", mutedUntil: noon)])) == ["books opened a/1"])
    }

    @Test("what stays open is told of again at its interval, the shortest of the rules that match; without one never; acknowledged never")
    func again() {
        let open = StandingAlert.sample("held/f/a")
        let rules = [AlertRule(name: "day", routes: ["books"]), AlertRule(name: "hour", causes: [.held], again: .seconds(3600), routes: ["books"])]
        #expect(lines(routing([open], rules, notices: [notice("held/f/a", .opened, ago: .seconds(3599))])) == [])
        #expect(lines(routing([open], rules, notices: [notice("held/f/a", .opened, ago: .seconds(3600))])) == ["books repeated held/f/a"])
        #expect(lines(routing([open], [AlertRule(name: "once", again: nil, routes: ["books"])], notices: [notice("held/f/a", .opened, ago: .seconds(999_999))])) == [])
        #expect(lines(routing([.sample("held/f/a", acknowledged: true)], rules, notices: [notice("held/f/a", .opened, ago: .seconds(99_999))])) == [])
    }

    @Test("who got the first message gets the one that it is over, whatever the rules say by now, and nobody else does")
    func resolved() {
        let over = StandingAlert.sample("held/f/a", isOpen: false, mutedUntil: noon + .seconds(99))
        let decision = routing([over], [], notices: [notice("held/f/a", .opened, ago: .seconds(60))])
        #expect(lines(decision) == ["books resolved held/f/a"])
        #expect(decision.notices.map(\.told) == [.resolved])
        #expect(lines(routing([over])) == [])
        #expect(lines(routing([over], notices: [notice("held/f/a", .resolved, ago: .seconds(60))])) == [])
    }

    @Test("what opens again is told of again, but not within five minutes of its end: it may be over again")
    func reopened() {
        let open = StandingAlert.sample("held/f/a", opened: noon - .seconds(10))
        #expect(lines(routing([open], notices: [notice("held/f/a", .resolved, ago: .seconds(299))])) == [])
        #expect(lines(routing([open], notices: [notice("held/f/a", .resolved, ago: .seconds(300))])) == ["books opened held/f/a"])
        #expect(lines(routing([open], notices: [notice("held/f/a", .opened, ago: .seconds(10))])) == [], "it was over and is back before anybody was told")
    }

    @Test("the worst and the oldest come first, what is over comes last")
    func order() {
        let alerts = [
            StandingAlert.sample("held/f/young", opened: noon - .seconds(60)), .sample("held/f/old"), .sample("held/f/over", severity: .critical, isOpen: false),
            .sample("variance/f/x", severity: .critical, opened: noon - .seconds(5)),
        ]
        #expect(lines(routing(alerts, notices: [notice("held/f/over", .opened, ago: .seconds(60))])) == [
            "books opened variance/f/x", "books opened held/f/old", "books opened held/f/young", "books resolved held/f/over",
        ])
    }

    @Test("beyond what the hour allows there is one message about all the rest, and then none; nothing is forgotten")
    func storm() {
        let alerts = (0 ..< 100).map { StandingAlert.sample("held/f/\($0)", opened: noon - .seconds(Int64(100 - $0))) }
        let decision = routing(alerts, perHour: 5)
        #expect(decision.tellings.count == 5)
        #expect(decision.tellings.dropLast().allSatisfy { $0.alerts.count == 1 })
        #expect(decision.tellings.last?.purpose == .digest && decision.tellings.last?.alerts.count == 96)
        #expect(decision.notices.count == 100)
        #expect(lines(routing(alerts, sent: 5, perHour: 5)) == [] && routing(alerts, sent: 5, perHour: 5).notices.isEmpty)
        #expect(routing(alerts, sent: 9, perHour: 5).tellings.isEmpty)
        #expect(routing(alerts, sent: 4, perHour: 5).tellings.map(\.purpose) == [.digest])
        #expect(routing(Array(alerts.prefix(1)), sent: 4, perHour: 5).tellings.map(\.purpose) == [.opened])
        #expect(routing(Array(alerts.prefix(5)), perHour: 5).tellings.allSatisfy { $0.purpose == .opened })
    }

    @Test("an Alertmanager gets all at once")
    func alertmanager() {
        let route = AlertRoute(name: "books", receiver: .alertmanager(url: "https://am.example.com", user: nil), perHour: 600)
        let decision = routing([.sample("held/f/a"), .sample("held/f/b"), .sample("held/f/c", isOpen: false)], routes: [route], notices: [notice("held/f/c", .opened, ago: .seconds(9))])
        #expect(decision.tellings.count == 1 && decision.tellings[0].alerts.count == 3)
        #expect(decision.tellings[0].validFor == .seconds(600))
        #expect(decision.notices.filter { $0.told == .resolved }.map(\.key) == ["held/f/c"])
    }

    private let manager = AlertRoute(name: "books", receiver: .alertmanager(url: "https://am.example.com", user: nil), perHour: 600)

    @Test("an Alertmanager is sent all that is open and was told once a minute, whoever acknowledged or muted it, and whatever the rules repeat")
    func refreshed() {
        let alerts = [StandingAlert.sample("held/f/a", acknowledged: true), .sample("held/f/b", mutedUntil: noon + .seconds(99)), .sample("held/f/never", acknowledged: true)]
        let told = [notice("held/f/a", .opened, ago: .seconds(60)), notice("held/f/b", .opened, ago: .seconds(9_999_999))]
        let never = [AlertRule(name: "once", again: nil, routes: ["books"])]
        let first = routing(alerts, never, routes: [manager], notices: told)
        #expect(lines(first) == ["books refreshed held/f/a+held/f/b"] && first.notices.isEmpty && first.tellings[0].validFor == .seconds(600))
        #expect(lines(routing(alerts, never, routes: [manager], notices: told, refreshed: noon - .seconds(59))) == [])
        #expect(lines(routing(alerts, never, routes: [manager], notices: told, sent: 600, refreshed: noon - .seconds(60))) == ["books refreshed held/f/a+held/f/b"], "beside the hour's messages")
        #expect(lines(routing([.sample("held/f/a", isOpen: false)], never, routes: [manager], notices: told)) == ["books resolved held/f/a"], "nothing is open")
        #expect(lines(routing(alerts, notices: told)) == [], "other receivers are told of news")
        let fresh = routing([.sample("held/f/x")], routes: [manager])
        #expect(lines(fresh) == ["books opened held/f/x"], "what was told in this moment is known")
    }

    @Test("for an Alertmanager an alert that is worse or milder by now ends under its former severity, and one that is over ends under the one it was told by")
    func severities() {
        let worse = StandingAlert.sample("lag/work", severity: .critical)
        let decision = routing([worse], routes: [manager], notices: [notice("lag/work", .opened, ago: .seconds(9))])
        #expect(lines(decision) == ["books worsened lag/work"])
        #expect(decision.tellings[0].outdated.map(\.severity) == [.warning] && decision.tellings[0].outdated.map(\.isOpen) == [false])
        #expect(decision.notices.map(\.severity) == [.critical])
        let milder = routing([.sample("lag/work")], routes: [manager], notices: [notice("lag/work", .opened, ago: .seconds(9), tenantOne, .critical)])
        #expect(lines(milder) == ["books repeated lag/work"] && milder.tellings[0].outdated.map(\.severity) == [.critical])
        let over = routing([.sample("lag/work", severity: .critical, isOpen: false)], routes: [manager], notices: [notice("lag/work", .opened, ago: .seconds(9))])
        #expect(lines(over) == ["books resolved lag/work"] && over.tellings[0].alerts.map(\.severity) == [.warning] && over.tellings[0].outdated.isEmpty)
    }

    @Test("what is worse than a route was told is news to it, once; what is milder is none")
    func worsened() {
        let told = notice("lag/work", .opened, ago: .seconds(9)), worse = StandingAlert.sample("lag/work", severity: .critical)
        let decision = routing([worse], notices: [told])
        #expect(lines(decision) == ["books worsened lag/work"])
        #expect(lines(routing([worse], notices: decision.notices)) == [])
        #expect(lines(routing([.sample("lag/work")], notices: decision.notices)) == [])
        #expect(lines(routing([.sample("lag/work", severity: .critical, mutedUntil: noon + .seconds(1))], notices: [told])) == [])
    }

    @Test("a route that does not work is not the one to say so; another is")
    func undelivered() {
        let alert = StandingAlert.sample("undelivered/books")
        let rules = [AlertRule(name: "all", routes: ["books", "pager"])]
        let routes = ["books", "pager"].map { AlertRoute(name: $0, receiver: .webhook(url: "https://x.example.com")) }
        #expect(lines(routing([alert], rules, routes: routes)) == ["pager opened undelivered/books"])
    }

    @Test("the same values give the same messages", arguments: [UInt64(1), 2, 3])
    func deterministic(seed: UInt64) {
        var alerts = (0 ..< 30).map { StandingAlert.sample("held/f/\($0)", opened: noon - .seconds(Int64($0 % 3))) }
        let before = lines(routing(alerts))
        let random = SeededRandom(seed: seed)
        for n in alerts.indices.reversed() { alerts.swapAt(n, Int(random.number(below: UInt64(n + 1)))) }
        #expect(lines(routing(alerts)) == before)
    }
}
