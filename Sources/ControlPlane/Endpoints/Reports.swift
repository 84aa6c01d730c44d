internal import Kernel
internal import Store
internal import Wire

extension Endpoints {
    static let reports: [Endpoint] = [
        Endpoint(.get, "/v1/report", .key(.read)) { visit in
            let rows = try await visit.store.reportTenants(visit.asker.sees, consultancy: try visit.filter("consultancy"), tenant: try visit.filter("tenant"))
            var items: [JSON] = []
            for row in rows { items.append(try JSON(parsing: row.json)) }
            return .json(200, .object([("tenants", .array(items))]))
        },
        Endpoint(.get, "/v1/report/held", .key(.read)) { visit in
            let page = try visit.page()
            return try visit.answer(try await visit.store.reportHeld(
                visit.asker.sees, tenant: try visit.filter("tenant"), check: visit.request.query("check"), page), page)
        },
        Endpoint(.get, "/v1/report/fleet", .key(.read)) { visit in
            .json(200, .object([("tenants", try visit.array(try await visit.store.fleet(visit.asker.sees)))]))
        },
        Endpoint(.get, "/v1/report/causes", .key(.read)) { visit in
            .json(200, .object([("causes", try visit.array(try await visit.store.causes(visit.asker.sees, tenant: try visit.filter("tenant"))))]))
        },
        Endpoint(.get, "/v1/tenants/{tenant}/days", .key(.read)) { visit in
            let tenant = try await visit.tenant(), count = visit.request.query("count").map { Int($0) ?? 0 } ?? 30
            guard (1 ... 366).contains(count) else { throw Refusal.invalid([.init(field: "count", why: "must be 1 to 366", remedy: "Ask for fewer days.")]) }
            return .json(200, .object([("days", try visit.array(try await visit.store.days(visit.asker.sees, tenant, count: count)))]))
        },
        Endpoint(.get, "/v1/tenants/{tenant}/steps", .key(.read)) { visit in
            let tenant = try await visit.tenant()
            return try visit.answer(try await visit.store.reportSteps(Visibility(consultancy: visit.asker.sees.consultancy, tenant: tenant)).first)
        },
        Endpoint(.get, "/v1/report/pending", .key(.read)) { visit in
            let row = try await visit.store.reportPending(visit.asker.sees, consultancy: try visit.filter("consultancy"), tenant: try visit.filter("tenant"))
            return try visit.answer(row)
        },
    ]
}
