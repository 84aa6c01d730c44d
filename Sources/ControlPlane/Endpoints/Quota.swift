internal import ConnectorKit
internal import Kernel
internal import Store
internal import Wire

extension Endpoints {
    static let quota: [Endpoint] = [
        Endpoint(.get, "/v1/tenants/{tenant}/connections/{connection}/quota", .key(.read), About(
            "What is left of a connection's allowances", "Each budget's limit, what is used and left, when it begins anew, and by whose word: docs/alerts.md.", .one(.quota)
        )) { visit in
            let tenant = try await visit.tenant()
            let (id, owner, row) = try await connection(visit)
            guard owner == tenant else { throw Refusal.notFound() }
            let platform = row["platform"]?.string ?? "", now = visit.desk.clocks.now()
            let spec = visit.desk.connectors[platform]?.spec
            let used = try await visit.store.quotas(tenant, id), inFlight = try await visit.store.inFlight(tenant, id)
            var budgets = (spec?.limits ?? []).filter { $0.scope == .connection }.map { limit in
                quota(limit, used.first { $0.name == limit.name }, now)
            }
            // Paused, or charged under a name that the platform's facts do not have any more.
            budgets += used.filter { row in spec?.limits.contains { $0.name == row.name } != true && row.pausedUntil != nil }.map { quota(nil, $0, now) }
            var members: [(key: String, value: JSON)] = [
                ("connection", .string(id.description)), ("platform", .string(platform)), ("at", .string(now.description)), ("budgets", .array(budgets)),
                // A tenant has one worker, and that keeps to it.
                ("concurrency", .object([
                    ("limit", spec.map { .number("\($0.concurrency)") } ?? .null), ("said_by", .string("counterfoil")),
                    ("in_flight", .number("\(inFlight)")),
                ])),
            ]
            if visit.asker.isOperator {
                members.append(("app_budgets", .array(try await visit.store.appQuotas(platform).map { app in
                    .object([
                        ("name", .string(app.name)), ("limit", .number("\(app.amount)")), ("used", .number("\(app.used)")),
                        ("remaining", .number("\(max(0, app.amount - app.used))")), ("window_ms", .number("\(app.window.wholeMilliseconds)")),
                        ("resets_at", .string((app.windowStart + app.window).description)), ("said_by", .string("counterfoil")),
                    ])
                })))
            }
            return .json(200, .object(members))
        },
    ]

    /// One budget: the platform's declared limit, and what is used of it by the platform's word where it has given one in this window, else by ours.
    private static func quota(_ limit: RateLimit?, _ row: QuotaRow?, _ now: Timestamp) -> JSON {
        let amount = limit?.amount ?? row?.amount ?? 0, used = min(row?.used ?? 0, max(amount, row?.amount ?? 0))
        // An untouched budget begins its window with its first call.
        let resets = row.flatMap { $0.window > .zero && $0.resetsAt > now ? $0.resetsAt : nil }
        let isTheirs = row?.isPlatformsWord ?? false, isRefused = row?.isRefused ?? false
        return .object([
            ("name", .string(limit?.name ?? row?.name ?? "")), ("window_ms", .number("\((limit?.window ?? row?.window ?? .zero).wholeMilliseconds)")),
            ("limit", .number("\(amount)")), ("used", .number("\(used)")), ("remaining", .number("\(isRefused ? 0 : max(0, amount - used))")),
            ("resets_at", .optional(resets?.description)), ("said_by", .string(isTheirs ? "platform" : "counterfoil")),
            ("platform_remaining", row?.saidRemaining.map { .number("\($0)") } ?? .null), ("platform_said_at", .optional(row?.saidAt?.description)),
            ("paused_until", .optional(row?.pausedUntil?.description)), ("refused", .bool(isRefused)),
        ])
    }
}
