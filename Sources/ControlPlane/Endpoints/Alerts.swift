internal import AlertRules
internal import FoundationEssentials
internal import Kernel
internal import Postgres
internal import Store
internal import Wire

extension Endpoints {
    /// Alerts and what people do about them: docs/alerts.md.
    static let alerts: [Endpoint] = [
        Endpoint(.get, "/v1/alerts", .key(.read)) { visit in try await listAlerts(visit) },
        Endpoint(.get, "/v1/alerts/{alert}", .key(.read)) { visit in
            let (id, _) = try await alert(visit)
            return try visit.answer(try await visit.store.adminAlert(id, visit.asker.sees))
        },
        Endpoint(.get, "/v1/alerts/{alert}/deliveries", .key(.read)) { visit in
            let (id, tenant) = try await alert(visit), page = try visit.page()
            // What the operator's own routes told is the operator's.
            let owner = visit.asker.isOperator && visit.request.query("owner") == "operator" ? AlertOwner.operator : AlertOwner(tenant)
            return try visit.answer(try await visit.store.adminAlertDeliveries(owner, route: nil, state: nil, alert: id, page), page)
        },
        Endpoint(.post, "/v1/alerts/{alert}/acknowledge", .key(.write)) { visit in
            var input = try visit.input(["note"])
            let note = input.optionalText("note", most: ControlPlaneLimits.noteCharacters)
            try input.check()
            return try await change(visit, "alert.acknowledged", note) { tenant, id, actor in AdminAlertStatements.acknowledge(tenant, id, by: actor, note: note) }
        },
        Endpoint(.post, "/v1/alerts/{alert}/mute", .key(.write)) { visit in try await mute(visit) },
        Endpoint(.post, "/v1/alerts/{alert}/unmute", .key(.write)) { visit in
            try await change(visit, "alert.unmuted", nil) { tenant, id, _ in AdminAlertStatements.unmute(tenant, id) }
        },
    ]

    private static func listAlerts(_ visit: Visit) async throws -> HTTPResponse {
        let page = try visit.page()
        var findings: [Refusal.Finding] = []
        func word(_ name: String, of allowed: [String]) -> String? {
            guard let text = visit.request.query(name) else { return nil }
            if !allowed.contains(text) { findings.append(.init(field: name, why: "is not one of \(allowed.joined(separator: ", "))", remedy: "Choose one of them.")) }
            return text
        }
        let filter = AlertFilter(
            tenant: try visit.filter("tenant"), state: word("state", of: ["open", "acknowledged", "muted", "resolved", "unresolved"]),
            severity: word("severity", of: AlertSeverity.allCases.map(\.rawValue)), cause: word("cause", of: AlertCause.allCases.map(\.rawValue)))
        if !findings.isEmpty { throw Refusal.invalid(findings) }
        return try visit.answer(try await visit.store.adminAlerts(visit.asker.sees, filter, page), page)
    }

    /// The alert in the path, when this key may see it.
    private static func alert(_ visit: Visit) async throws -> (UUID, TenantID) {
        guard let text = visit.parameters["alert"], text.utf8.count == 36, let id = UUID(uuidString: text),
            let tenant = try await visit.store.adminAlert(id, visit.asker.sees)?.tenant
        else { throw Refusal.notFound() }
        return (id, tenant)
    }

    /// Never for good: what is muted is heard of again.
    private static func mute(_ visit: Visit) async throws -> HTTPResponse {
        var input = try visit.input(["until", "note"])
        let until = input.instant("until"), note = input.optionalText("note", most: ControlPlaneLimits.noteCharacters)
        let now = visit.desk.clocks.now()
        if until == nil, input.findings.isEmpty { input.add("until", "is missing", "Say when it is to be heard of again.") }
        if let until, until <= now || until > now + .seconds(ControlPlaneLimits.muteSeconds) {
            input.add("until", "must be in the future, \(ControlPlaneLimits.muteSeconds / 86_400) days at most", "Name a time within that.")
        }
        try input.check()
        guard let until else { throw Refusal.notFound() }
        return try await change(visit, "alert.muted", note, until: until) { tenant, id, actor in
            AdminAlertStatements.mute(tenant, id, until: until, by: actor, note: note)
        }
    }

    private static func change(
        _ visit: Visit, _ action: String, _ note: String?, until: Timestamp? = nil, _ sql: @Sendable (TenantID, UUID, _ actor: String) -> SQL
    ) async throws -> HTTPResponse {
        let (id, tenant) = try await alert(visit)
        return try await visit.change { tx throws(Fault) in
            guard try await tx.query(sql(tenant, id, visit.asker.actor)).affected > 0 else {
                throw Fault("wrong_state", stage: .api, disposition: .reject, summary: "the alert is not in a state for this",
                    remedy: "Read it again: it may have been resolved meanwhile.")
            }
            let detail = JSON.object([("note", .optional(note)), ("until", .optional(until?.description))])
            try await tx.audit(tenant, [visit.entry(action, "alert \(id.uuidString.lowercased())", detail.bytes)])
            return .init(200, try (try await tx.query(AdminAlertStatements.one(id, visit.asker.sees))).adminRow().json)
        }
    }
}
