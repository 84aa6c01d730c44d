internal import Kernel
internal import Wire

/// Brings the alert rules and routes of an owner to what a file says. Secrets are only given where a route is new or leads elsewhere: the server does not show what it has.
struct AlertApply {
    private let api: API
    private let dry: Bool

    init(_ api: API, dry: Bool) {
        self.api = api
        self.dry = dry
    }

    /// `base`: `/v1/alerts`, or a tenant's. What the file does not mention is left alone.
    func apply(_ json: JSON, _ base: String, _ slug: String, _ out: inout TenantApply.Outcome) async throws(Fault) {
        guard let alerts = json["alerts"] else { return }
        let wanted = alerts["routes"]?.array ?? []
        let there = try await api.get("\(base)/routes")["routes"]?.array ?? []
        let extra = there.compactMap { $0["name"]?.string }.filter { name in !wanted.contains { $0["name"]?.string == name } }
        let routes = wanted.map { route in
            there.contains { isSame(route, $0) } ? JSON.object([("name", route["name"] ?? .null)]) : route
        }
        let rules = JSON.object((alerts.object ?? []).filter { $0.key != "routes" })
        // Routes first, for rules name them; those that go, last, for old rules may name them.
        if routes.contains(where: { ($0.object?.count ?? 0) > 1 }) || !extra.isEmpty { out.changed += 1 }
        for route in routes where (route.object?.count ?? 0) > 1 { out.steps.append("\(slug): alert route \(route["name"]?.string ?? "?")") }
        for name in extra { out.steps.append("\(slug): alert route \(name) goes") }
        if !dry, routes.contains(where: { ($0.object?.count ?? 0) > 1 }) {
            _ = try await api.put("\(base)/routes", .object([("routes", .array(routes + extra.map { .object([("name", .string($0))]) }))]))
        }
        if try await api.get("\(base)/rules")["rules"] != rules {
            out.changed += 1
            out.steps.append("\(slug): alert rules")
            if !dry { _ = try await api.put("\(base)/rules", rules) }
        }
        if !dry, !extra.isEmpty {
            _ = try await api.put("\(base)/routes", .object([("routes", .array(wanted.map { .object([("name", $0["name"] ?? .null)]) }))]))
        }
    }

    /// The same receiver, its secret aside.
    private func isSame(_ wanted: JSON, _ there: JSON) -> Bool {
        guard wanted["name"] == there["name"], let kind = ["email", "webhook", "alertmanager"].first(where: { wanted[$0] != nil }) else { return false }
        let receiver = JSON.object((wanted[kind]?.object ?? []).filter { !["password", "secret"].contains($0.key) })
        return there[kind] == receiver && (wanted["per_hour"] == nil || wanted["per_hour"] == there["per_hour"])
    }
}
