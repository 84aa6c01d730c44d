internal import AlertRules
internal import FoundationEssentials
internal import Kernel
internal import Postgres
internal import Store
internal import Wire

extension Endpoints {
    /// Alerts and what people do about them: docs/alerts.md.
    private static let note = Member.may("note", .line(most: ControlPlaneLimits.noteCharacters), "For the others.", example: "the client is told")

    static let alerts: [Endpoint] = [
        Endpoint(.get, "/v1/alerts", .key(.read), About(
            "Alerts of all tenants that the key sees", "docs/alerts.md.",
            query: [
                .may("tenant", .id, "Of this tenant."), .may("state", .choice(["open", "acknowledged", "muted", "resolved", "unresolved"]), "`unresolved`: the first three."),
                .may("severity", .any(of: AlertSeverity.self)), .may("cause", .any(of: AlertCause.self)),
            ],
            .page(.alert)
        )) { visit in try await listAlerts(visit) },
        Endpoint(.get, "/v1/alerts/{alert}", .key(.read), About("An alert", .one(.alert))) { visit in
            let (id, _) = try await alert(visit)
            return try visit.answer(try await visit.store.adminAlert(id, visit.asker.sees))
        },
        Endpoint(.get, "/v1/alerts/{alert}/deliveries", .key(.read), About(
            "What was told of an alert", "By the tenant's routes.", query: [.may("owner", .choice(["tenant", "operator"]), "`operator`: by the operator's own, for the operator.")], .page(.delivery)
        )) { visit in
            let (id, tenant) = try await alert(visit)
            var asked = try visit.asked()
            let page = try visit.page(), word = asked.choice("owner")
            // What the operator's own routes told is the operator's.
            let owner = visit.asker.isOperator && word == "operator" ? AlertOwner.operator : AlertOwner(tenant)
            return try visit.answer(try await visit.store.adminAlertDeliveries(owner, route: nil, state: nil, alert: id, page), page)
        },
        Endpoint(.post, "/v1/alerts/{alert}/acknowledge", .key(.write), About(
            "Say that an alert is seen to", "The first acknowledgement stands.", body: [note], .one(.alert), .refused(409, "`wrong_state`: it is resolved.")
        )) { visit in
            var input = try visit.input()
            let note = input.optionalText("note")
            try input.check()
            return try await change(visit, "alert.acknowledged", note) { tenant, id, actor in AdminAlertStatements.acknowledge(tenant, id, by: actor, note: note) }
        },
        Endpoint(.post, "/v1/alerts/{alert}/mute", .key(.write), About(
            "Hear nothing of an alert for a while", "Never for good.",
            body: [.must("until", .instant, "In the future, \(ControlPlaneLimits.muteSeconds / 86_400) days at most.", example: "2026-12-24T09:00:00Z"), note], .one(.alert),
            .refused(409, "`wrong_state`.")
        )) { visit in try await mute(visit) },
        Endpoint(.post, "/v1/alerts/{alert}/unmute", .key(.write), About("Hear of an alert again", .one(.alert), .refused(409, "`wrong_state`: it is not muted."))) { visit in
            try await change(visit, "alert.unmuted", nil) { tenant, id, _ in AdminAlertStatements.unmute(tenant, id) }
        },
    ]

    private static func listAlerts(_ visit: Visit) async throws -> HTTPResponse {
        var asked = try visit.asked()
        let page = try visit.page()
        let filter = AlertFilter(
            tenant: asked.optionalIdentifier("tenant"), state: asked.choice("state"), severity: asked.choice("severity"), cause: asked.choice("cause"))
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
        var input = try visit.input()
        let until = input.instant("until"), note = input.optionalText("note")
        let now = visit.desk.clocks.now()
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
