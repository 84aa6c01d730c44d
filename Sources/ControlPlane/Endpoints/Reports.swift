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
        Endpoint(.get, "/v1/report/held", .key(.read), About(
            "Postings that wait for a person or for the truth", query: [ofTenant, .may("check", .words, "Stopped by this check, or by the fault of this code.", example: "unknown_account")], .page(.heldPosting)
        )) { visit in
            var asked = try visit.asked()
            let page = try visit.page(), tenant: TenantID? = asked.optionalIdentifier("tenant"), check = asked.optionalText("check")
            return try visit.answer(try await visit.store.reportHeld(visit.asker.sees, tenant: tenant, check: check, page), page)
        },
        Endpoint(.get, "/v1/report/fleet", .key(.read), About("Every tenant at a glance", .one(.fleet))) { visit in
            .json(200, .object([("tenants", try visit.array(try await visit.store.fleet(visit.asker.sees)))]))
        },
        Endpoint(.get, "/v1/report/causes", .key(.read), About(
            "What is stopped, by cause and tenant", "Most first. What waits for another posting is no cause of its own.", query: [ofTenant], .one(.causes)
        )) { visit in
            var asked = try visit.asked()
            let tenant: TenantID? = asked.optionalIdentifier("tenant")
            return .json(200, .object([("causes", try visit.array(try await visit.store.causes(visit.asker.sees, tenant: tenant)))]))
        },
        Endpoint(.get, "/v1/tenants/{tenant}/days", .key(.read), About(
            "A tenant's postings by ledger day", "Oldest first, up to the last day that has any.", query: [.may("count", .integer(1 ... 366), "Days; 30 when absent.", example: 28)], .one(.days)
        )) { visit in
            var asked = try visit.asked()
            let tenant = try await visit.tenant(), count = asked.integer("count") ?? 30
            return .json(200, .object([("days", try visit.array(try await visit.store.days(visit.asker.sees, tenant, count: count)))]))
        },
        Endpoint(.get, "/v1/tenants/{tenant}/steps", .key(.read), About("How far today's events and postings have got", "Since midnight, UTC.", .one(.steps))) { visit in
            let tenant = try await visit.tenant()
            return try visit.answer(try await visit.store.reportSteps(Visibility(consultancy: visit.asker.sees.consultancy, tenant: tenant)).first)
        },
        Endpoint(.get, "/v1/report/pending", .key(.read), About("What is left to do", "Tenants that are paused or removed do not count.", query: [ofConsultancy, ofTenant], .one(.pending))) { visit in
            var asked = try visit.asked()
            let row = try await visit.store.reportPending(
                visit.asker.sees, consultancy: asked.optionalIdentifier("consultancy"), tenant: asked.optionalIdentifier("tenant"))
            return try visit.answer(row)
        },
    ]
}
