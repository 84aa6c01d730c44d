internal import AlertRules
internal import Kernel
internal import Store

/// A message to be sent: one alert, or several at once.
struct Telling: Sendable {
    var owner: AlertOwner
    var route: AlertRoute
    var purpose: AlertDelivery.Purpose
    /// Those that are told of, the worst first.
    var alerts: [StandingAlert]
    /// As they were told before, for a receiver that knows them by how bad they are.
    var outdated: [StandingAlert] = []
    /// Until when an open one is believed without being told of again.
    var validFor: Duration
}

/// Who is told of what, now. Pure: the same values give the same messages.
struct Routing: Sendable {
    var alerts: [StandingAlert]
    var books: [AlertOwner: RuleBook]
    var routes: [AlertOwner: [AlertRoute]]
    var notices: [AlertNotice]
    /// Messages within the last hour.
    var sent: [AlertOwner: [String: Int]]
    /// When an Alertmanager was last sent all that is open.
    var refreshed: [AlertOwner: [String: Timestamp]] = [:]
    var now: Timestamp

    /// What opens again so soon after it was told to be over is not told of yet: it may be over again.
    static let settleFor = Duration.seconds(300)
    /// Alerts that one message names; of more it says how many.
    static let namedMost = 50

    /// An Alertmanager keeps alerts in memory and takes for resolved what it is not told again: all that is open is sent to it so often.
    static let refreshEvery = Duration.seconds(60)
    /// Until when it believes what it was told last: so many are missed before it says that all is well.
    static let believedFor = Duration.seconds(600)
    static let refreshedMost = 2_000

    private struct Name: Hashable {
        var tenant: TenantID
        var key: String
    }

    /// What a route is to be told.
    private struct Wish {
        var alert: StandingAlert
        var purpose: AlertDelivery.Purpose
        var again: Duration?
        /// As the route was told of it before.
        var before: AlertNotice?
    }

    struct Decision: Sendable {
        var tellings: [Telling] = []
        var notices: [AlertNotice] = []
    }

    func decide() -> Decision {
        var out = Decision()
        for owner in routes.keys.sorted() {
            let rules = books[owner]?.rules ?? []
            let own = alerts.filter { owner.isOperator || $0.tenant == owner.id }
            for route in (routes[owner] ?? []).sorted(by: { $0.name < $1.name }) where route.receiver != nil {
                let wishes = wishes(owner, route, rules.filter { $0.routes.contains(route.name) }, own)
                if !wishes.isEmpty { tell(owner, route, wishes, &out) }
                if route.isForgetful { refresh(owner, route, own, &out) }
            }
        }
        return out
    }

    private func wishes(_ owner: AlertOwner, _ route: AlertRoute, _ rules: [AlertRule], _ alerts: [StandingAlert]) -> [Wish] {
        var told: [Name: AlertNotice] = [:]
        for notice in notices where notice.owner == owner && notice.route == route.name { told[Name(tenant: notice.tenant, key: notice.key)] = notice }
        var out: [Wish] = []
        for alert in alerts {
            let notice = told[Name(tenant: alert.tenant, key: alert.key)]
            guard alert.isOpen else {
                // Whoever was told that it is there is told that it is over, whatever the rules say by now.
                if notice?.told == .opened { out.append(Wish(alert: alert, purpose: .resolved, again: nil, before: notice)) }
                continue
            }
            let rise = Routing.rise(alert, notice)
            if route.isForgetful, notice?.told == .opened {
                // It is known there by how bad it is, whoever has acknowledged or muted it here.
                if rise != 0 { out.append(Wish(alert: alert, purpose: rise > 0 ? .worsened : .repeated, again: nil, before: notice)) }
                continue
            }
            // A route that does not work is not what says so.
            if alert.tenant == owner.id, alert.key == AlertKey.undelivered(route.name) { continue }
            let matching = rules.filter { matches($0, alert) }
            guard !matching.isEmpty, !alert.isAcknowledged, alert.mutedUntil.map({ $0 <= now }) ?? true else { continue }
            let again = matching.compactMap(\.again).min()
            if let notice, notice.told == .opened {
                if rise > 0 {
                    out.append(Wish(alert: alert, purpose: .worsened, again: again, before: notice))
                } else if let again, now - notice.at >= again { out.append(Wish(alert: alert, purpose: .repeated, again: again)) }
            } else if notice.map({ now - $0.at >= Routing.settleFor }) ?? true {
                out.append(Wish(alert: alert, purpose: .opened, again: again))
            }
        }
        return out.sorted { Routing.isBefore($0, $1) }
    }

    /// Above 0 where it is worse by now than the route was told, below where it is milder.
    private static func rise(_ alert: StandingAlert, _ notice: AlertNotice?) -> Int {
        guard let told = notice?.severity.flatMap({ AlertSeverity(rawValue: $0.rawValue) }), let now = AlertSeverity(rawValue: alert.severity.rawValue) else { return 0 }
        return now == told ? 0 : now > told ? 1 : -1
    }

    /// All that is open and was told, once a minute; what was told in this moment is known.
    private func refresh(_ owner: AlertOwner, _ route: AlertRoute, _ alerts: [StandingAlert], _ out: inout Decision) {
        if let last = refreshed[owner]?[route.name], now - last < Routing.refreshEvery { return }
        let told = notices.filter { $0.owner == owner && $0.route == route.name && $0.told == .opened }
        guard told.contains(where: { now - $0.at >= Routing.refreshEvery }) else { return }
        var names = Set(told.map { Name(tenant: $0.tenant, key: $0.key) })
        for notice in out.notices where notice.owner == owner && notice.route == route.name { names.insert(Name(tenant: notice.tenant, key: notice.key)) }
        let open = alerts.filter { $0.isOpen && names.contains(Name(tenant: $0.tenant, key: $0.key)) }
        guard !open.isEmpty else { return }
        out.tellings.append(Telling(
            owner: owner, route: route, purpose: .refreshed, alerts: Array(open.prefix(Routing.refreshedMost)), validFor: Routing.believedFor))
    }

    private func matches(_ rule: AlertRule, _ alert: StandingAlert) -> Bool {
        if let causes = rule.causes {
            guard let cause = AlertCause(key: alert.key), causes.contains(cause) else { return false }
        }
        if let tenants = rule.tenants, !tenants.contains(alert.tenantSlug) { return false }
        guard let severity = AlertSeverity(rawValue: alert.severity.rawValue), severity >= rule.severity else { return false }
        // What this very look has opened is a moment younger than the look.
        return alert.count >= rule.threshold && (rule.after == .zero || now - alert.openedAt >= rule.after)
    }

    /// The worst and then the oldest first; what is over comes last.
    private static func isBefore(_ a: Wish, _ b: Wish) -> Bool {
        let (over, otherOver) = (a.purpose == .resolved, b.purpose == .resolved)
        if over != otherOver { return otherOver }
        let (worse, other) = (AlertSeverity(rawValue: a.alert.severity.rawValue) ?? .warning, AlertSeverity(rawValue: b.alert.severity.rawValue) ?? .warning)
        if worse != other { return worse > other }
        if a.alert.openedAt != b.alert.openedAt { return a.alert.openedAt < b.alert.openedAt }
        return (a.alert.tenant, a.alert.key) < (b.alert.tenant, b.alert.key)
    }

    /// One by one as far as the hour allows; the last message that it allows is about all the rest.
    private func tell(_ owner: AlertOwner, _ route: AlertRoute, _ wishes: [Wish], _ out: inout Decision) {
        let room = max(0, route.perHour - (sent[owner]?[route.name] ?? 0))
        guard room > 0 else { return }
        var done: [Wish] = []
        // An Alertmanager groups by itself: it gets all of them at once.
        if route.isForgetful {
            done = Array(wishes.prefix(500))
            out.tellings.append(telling(owner, route, done.allSatisfy { $0.purpose == .resolved } ? .resolved : done[0].purpose, done))
        } else {
            let single = wishes.count <= room ? wishes.count : room - 1
            for wish in wishes.prefix(single) { out.tellings.append(telling(owner, route, wish.purpose, [wish])) }
            let rest = Array(wishes.dropFirst(single))
            if !rest.isEmpty { out.tellings.append(telling(owner, route, .digest, rest)) }
            done = wishes
        }
        for wish in done {
            out.notices.append(AlertNotice(
                owner: owner, route: route.name, tenant: wish.alert.tenant, key: wish.alert.key, told: wish.purpose == .resolved ? .resolved : .opened, at: now,
                severity: wish.alert.severity))
        }
    }

    private func telling(_ owner: AlertOwner, _ route: AlertRoute, _ purpose: AlertDelivery.Purpose, _ wishes: [Wish]) -> Telling {
        var out = Telling(owner: owner, route: route, purpose: purpose, alerts: wishes.map(\.alert), validFor: Routing.believedFor)
        guard route.isForgetful else { return out }
        for (n, wish) in wishes.enumerated() {
            guard let told = wish.before?.severity, told != wish.alert.severity else { continue }
            // What is over is over under the name that it was told by; what goes on under another ends under that.
            guard wish.alert.isOpen else {
                out.alerts[n].severity = told
                continue
            }
            var before = wish.alert
            before.severity = told
            before.isOpen = false
            before.resolvedAt = now
            out.outdated.append(before)
        }
        return out
    }
}

extension AlertRoute {
    /// What it was told it keeps in memory, for as long as it was told.
    fileprivate var isForgetful: Bool { receiver?.kind == .alertmanager }
}
