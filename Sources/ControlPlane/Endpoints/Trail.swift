internal import Kernel
internal import Store
internal import Wire

extension Endpoints {
    static let trail: [Endpoint] = [
        Endpoint(.get, "/v1/tenants/{tenant}/audit", .key(.read)) { visit in
            let (tenant, page) = (try await visit.tenant(), try visit.page())
            return try visit.answer(try await visit.store.adminAudit(tenant, subject: visit.request.query("subject"), page), page)
        },
        Endpoint(.get, "/v1/flows/{flow}/proofs", .key(.read)) { visit in
            let (id, tenant, _) = try await flow(visit)
            let page = try visit.page()
            return try visit.answer(try await visit.store.adminProofs(tenant, id, page), page)
        },
    ]
}
