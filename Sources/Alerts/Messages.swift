internal import AlertRules
internal import FoundationEssentials
internal import Kernel
internal import Store
internal import Wire

/// Writes messages as they will be sent, byte by byte. Pure.
struct Messages: Sendable {
    /// Where the console is: `https://books.example.com`.
    var base: String
    /// Whom mail comes from where the route does not say: the operator's address.
    var from: String?
    var now: Timestamp

    /// A delivery for each receiver. `id` names them, one call each.
    func deliveries(_ telling: Telling, _ id: () -> UUID) -> [AlertDelivery] {
        let subject = subject(telling)
        func delivery(_ id: UUID, _ part: Int, _ receiver: String, _ body: [UInt8]) -> AlertDelivery {
            AlertDelivery(
                id: id, owner: telling.owner, route: telling.route.name, kind: telling.route.receiver?.kind.rawValue ?? "", purpose: telling.purpose, part: part,
                receiver: receiver, subject: subject, body: body, alerts: telling.alerts.map(\.id))
        }
        switch telling.route.receiver {
        case .email(let to, _, let from, _):
            return to.enumerated().map { n, receiver in
                let id = id()
                let thread = telling.alerts.count == 1 ? telling.alerts[0].id : nil
                let text = MailText(
                    id: id, from: from ?? self.from ?? "counterfoil@localhost", to: receiver, subject: subject, at: now, thread: thread, body: text(telling))
                return delivery(id, n, receiver, text.bytes)
            }
        case .webhook(let url):
            let id = id()
            return [delivery(id, 0, url, json(telling, id).bytes)]
        case .alertmanager(let url, _):
            return [delivery(id(), 0, url, JSON.array((telling.outdated + telling.alerts).map { alertmanager($0, telling.validFor) }).bytes)]
        case nil: return []
        }
    }

    // MARK: For people

    func subject(_ telling: Telling) -> String {
        if telling.purpose == .test { return "[Counterfoil] test of the route \(telling.route.name)" }
        guard let first = telling.alerts.first else { return "[Counterfoil]" }
        guard telling.alerts.count == 1 else {
            return "[Counterfoil] \(Observing.some(telling.alerts.count, "alert")), first: \(cut(first.cause, 80))"
        }
        let word = switch telling.purpose {
        case .resolved: "resolved"
        case .worsened: "now \(first.severity.rawValue)"
        case .repeated, .refreshed: "still \(first.severity.rawValue)"
        case .opened, .digest, .test: first.severity.rawValue
        }
        return "[Counterfoil] \(word), \(first.tenantName): \(cut(first.cause, 120))"
    }

    private func cut(_ text: String, _ most: Int) -> String { text.count <= most ? text : text.prefix(most - 1) + "…" }

    func text(_ telling: Telling) -> String {
        if telling.purpose == .test {
            return "This is a test message by the route \(telling.route.name).\nIf you read it, alerts that go this way will reach you.\n\n\(base)\n"
        }
        var out = ""
        for alert in telling.alerts.prefix(Routing.namedMost) {
            if !out.isEmpty { out += "\n\n" }
            out += one(alert, telling.purpose)
        }
        let more = telling.alerts.count - Routing.namedMost
        if more > 0 { out += "\n\nand \(more) more: \(base)" }
        if telling.purpose == .digest {
            out += "\n\nThese are together because the route allows \(Observing.some(telling.route.perHour, "message")) an hour."
        }
        return out + "\n\n--\nYou get this by the route \(telling.route.name) of \(telling.owner.isOperator ? "the operator" : telling.alerts.first?.tenantName ?? "")."
            + "\nAcknowledging or muting the alert stops further messages of it.\n"
    }

    private func one(_ alert: StandingAlert, _ purpose: AlertDelivery.Purpose) -> String {
        var out = alert.cause
        func line(_ name: String, _ value: String) { out += "\n" + name + String(repeating: " ", count: max(1, 12 - name.count)) + value }
        if alert.isOpen, !alert.remedy.isEmpty { line("What to do", alert.remedy) }
        line("Client", "\(alert.tenantName) (\(alert.tenantSlug))")
        line("Severity", alert.isOpen ? alert.severity.rawValue : "resolved")
        line("Since", Timestamp(seconds: alert.openedAt.seconds).description)
        if let over = alert.resolvedAt, !alert.isOpen { line("Until", Timestamp(seconds: over.seconds).description) }
        if alert.isOpen, alert.count > 1 { line("Count", "\(alert.count)") }
        if alert.episode > 1 { line("First seen", Timestamp(seconds: alert.firstAt.seconds).description) }
        line("Open it", link(alert))
        return out
    }

    func link(_ alert: StandingAlert) -> String { "\(base)/alerts/\(alert.id.uuidString.lowercased())" }

    // MARK: For programs

    func json(_ telling: Telling, _ id: UUID) -> JSON {
        let named = telling.alerts.prefix(Routing.namedMost)
        return .object([
            ("id", .string(id.uuidString.lowercased())), ("type", .string("alert.\(telling.purpose.rawValue)")), ("at", .string(now.description)),
            ("route", .string(telling.route.name)), ("summary", .string(subject(telling))), ("alerts", .array(named.map(json))),
            ("more", .number("\(telling.alerts.count - named.count)")), ("link", .string(base)),
        ])
    }

    private func json(_ alert: StandingAlert) -> JSON {
        .object([
            ("id", .string(alert.id.uuidString.lowercased())), ("tenant", .string(alert.tenant.description)), ("tenant_slug", .string(alert.tenantSlug)),
            ("key", .string(alert.key)), ("cause", .string(word(alert))), ("severity", .string(alert.severity.rawValue)),
            ("state", .string(alert.isOpen ? "open" : "resolved")), ("summary", .string(alert.cause)), ("remedy", .string(alert.remedy)),
            ("count", .number("\(alert.count)")), ("episode", .number("\(alert.episode)")), ("first_at", .string(alert.firstAt.description)),
            ("opened_at", .string(alert.openedAt.description)), ("last_at", .string(alert.lastAt.description)),
            ("resolved_at", .optional(alert.resolvedAt?.description)), ("link", .string(link(alert))),
        ])
    }

    private func word(_ alert: StandingAlert) -> String { String(alert.key.prefix { $0 != "/" }) }

    /// One alert of Alertmanager's API v2. What is not told of again until `endsAt` counts as over there, so that it does not outlive us.
    /// - Source: prometheus/alertmanager, api/v2/openapi.yaml, postableAlert.
    func alertmanager(_ alert: StandingAlert, _ validFor: Duration) -> JSON {
        let ends = alert.isOpen ? now + validFor : alert.resolvedAt ?? now
        return .object([
            ("labels", .object([
                ("alertname", .string("Counterfoil")), ("tenant", .string(alert.tenantSlug)), ("cause", .string(word(alert))),
                ("severity", .string(alert.severity.rawValue)), ("alert", .string(alert.id.uuidString.lowercased())),
            ])),
            ("annotations", .object([
                ("summary", .string(alert.cause)), ("remedy", .string(alert.remedy)), ("link", .string(link(alert))), ("count", .string("\(alert.count)")),
                ("state", .string(state(alert))),
            ])),
            ("startsAt", .string(alert.openedAt.description)), ("endsAt", .string(ends.description)), ("generatorURL", .string(link(alert))),
        ])
    }

    /// As people see it.
    private func state(_ alert: StandingAlert) -> String {
        guard alert.isOpen else { return "resolved" }
        if let until = alert.mutedUntil, until > now { return "muted" }
        return alert.isAcknowledged ? "acknowledged" : "open"
    }

    // MARK: Tests

    /// The text of a test message that was asked for without one.
    func test(_ asked: AlertDelivery, _ route: AlertRoute) -> AlertDelivery {
        let telling = Telling(owner: asked.owner, route: route, purpose: .test, alerts: [], validFor: .seconds(60))
        var out = asked
        out.subject = subject(telling)
        switch route.receiver {
        case .email(_, _, let from, _):
            out.body = MailText(
                id: asked.id, from: from ?? self.from ?? "counterfoil@localhost", to: asked.receiver, subject: out.subject, at: now, thread: nil, body: text(telling)).bytes
        case .webhook: out.body = json(telling, asked.id).bytes
        case .alertmanager:
            out.body = JSON.array([.object([
                ("labels", .object([("alertname", "CounterfoilTest"), ("severity", "information"), ("route", .string(route.name))])),
                ("annotations", .object([("summary", .string(out.subject))])), ("startsAt", .string(now.description)),
                ("endsAt", .string((now + .seconds(60)).description)), ("generatorURL", .string(base)),
            ])]).bytes
        case nil: break
        }
        return out
    }
}
