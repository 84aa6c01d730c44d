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
            return try visit.answer(try await visit.store.reportHeld(visit.asker.sees, tenant: try visit.filter("tenant"), page), page)
        },
        Endpoint(.get, "/v1/report/pending", .key(.read)) { visit in
            let row = try await visit.store.reportPending(visit.asker.sees, consultancy: try visit.filter("consultancy"), tenant: try visit.filter("tenant"))
            return try visit.answer(row)
        },
    ]
}
