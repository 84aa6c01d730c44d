internal import Kernel
internal import Store
internal import Wire

extension Endpoints {
    static let trail: [Endpoint] = [
        Endpoint(.get, "/v1/tenants/{tenant}/audit", .key(.read), About(
            "A tenant's audit trail", "Newest first: who changed what.", query: [.may("subject", .line(most: 500), "Such as `posting 4h7rq0c2v9kz1xej`.")], .page(.auditEntry)
        )) { visit in
            let tenant = try await visit.tenant()
            var asked = try visit.asked()
            let page = try visit.page(), subject = asked.optionalText("subject")
            return try visit.answer(try await visit.store.adminAudit(tenant, subject: subject, page), page)
        },
        Endpoint(.get, "/v1/flows/{flow}/proofs", .key(.read), About(
            "A flow's proofs, day by day", "Newest day first. Source = posted + open, or `unexplained_minor`; an account's proof says what came in on the day, what payouts took since, and what is left.",
            query: [
                .may("unexplained", .flag, "true: only what does not agree.", example: true), .may("of", .choice(["day", "account"]), "Only the flow's days, or only accounts.", example: "day"),
            ], .page(.proof)
        )) { visit in
            let (id, tenant, _) = try await flow(visit)
            var asked = try visit.asked()
            let page = try visit.page(), (unexplained, of) = (asked.flag("unexplained") ?? false, asked.choice("of"))
            return try visit.answer(try await visit.store.adminProofs(tenant, id, ofAccounts: of.map { $0 == "account" }, unexplained: unexplained, page), page)
        },
    ]
}
