internal import Kernel
internal import Store
internal import Wire

extension Endpoints {
    private static let ofConsultancy = Member.may("consultancy", .id, "Of this consultancy's clients."), ofTenant = Member.may("tenant", .id, "Of this tenant.")

    static let reports: [Endpoint] = [
        Endpoint(.get, "/v1/report", .key(.read), About("Figures of each tenant", query: [ofConsultancy, ofTenant], .one(.report))) { visit in
            var asked = try visit.asked()
            let rows = try await visit.store.reportTenants(
                visit.asker.sees, consultancy: asked.optionalIdentifier("consultancy"), tenant: asked.optionalIdentifier("tenant"))
            var items: [JSON] = []
            for row in rows { items.append(try JSON(parsing: row.json)) }
            return .json(200, .object([("tenants", .array(items))]))
        },
        Endpoint(.get, "/v1/report/held", .key(.read), About("Postings that wait for a person or for the truth", query: [ofTenant], .page(.heldPosting))) { visit in
            var asked = try visit.asked()
            let page = try visit.page(), tenant: TenantID? = asked.optionalIdentifier("tenant")
            return try visit.answer(try await visit.store.reportHeld(visit.asker.sees, tenant: tenant, page), page)
        },
        Endpoint(.get, "/v1/report/pending", .key(.read), About("What is left to do", "Tenants that are paused or removed do not count.", query: [ofConsultancy, ofTenant], .one(.pending))) { visit in
            var asked = try visit.asked()
            let row = try await visit.store.reportPending(
                visit.asker.sees, consultancy: asked.optionalIdentifier("consultancy"), tenant: asked.optionalIdentifier("tenant"))
            return try visit.answer(row)
        },
    ]
}
