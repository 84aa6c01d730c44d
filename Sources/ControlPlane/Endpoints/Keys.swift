internal import Kernel
internal import Store
internal import Wire

extension Endpoints {
    static let keys: [Endpoint] = [
        Endpoint(.post, "/v1/keys", .key(.admin), About(
            "Make an API key", "It sees no more than the key that makes it. Its answer is the one time that it is shown, so it takes no `Idempotency-Key`.",
            body: [
                .must("label", .line(most: 100), "Its name in the audit trail.", example: "bookkeeping"), .must("scopes", .list(.any(of: Scope.self), 1 ... 3), example: ["read"]),
                .may("consultancy", .id, "For this consultancy; not with `tenant`.", example: .null), .may("tenant", .id, "For this tenant. Without either it is for whomever the asking key is for."),
            ],
            isRepeatable: false, .json(201, .thing(.newKey), "The key, this once."), .refused(400, "`idempotency_not_kept`: leave `Idempotency-Key` out.")
        )) { visit in try await createKey(visit) },
        Endpoint(.get, "/v1/keys", .key(.admin), About("API keys that see no more than the asking one", .page(.key))) { visit in
            let page = try visit.page()
            return try visit.answer(try await visit.store.adminKeys(visit.asker.sees, page), page)
        },
        Endpoint(.get, "/v1/key", .key(.read), About("What the asking key is", .one(.asker)), .now { visit in HTTPResponse(200, fields: ["Content-Type": "application/json"], body: visit.asker.json) }),
        Endpoint(.delete, "/v1/keys/{key}", .key(.admin), About("Revoke an API key", "It works for five seconds more at most.", .empty(204, "It is revoked."))) { visit in
            let id: APIKeyID = try visit.identifier("key")
            guard try await visit.store.adminKey(id, visit.asker.sees) != nil else { throw Refusal.notFound() }
            guard try await visit.store.revokeKey(id, actor: visit.asker.actor) else { throw Refusal.notFound("This key is revoked already.") }
            return HTTPResponse(204)
        },
    ]

    /// Whom a new key or user is for, by the members `consultancy` and `tenant`: nobody who sees more than the asking one.
    /// - Throws: 422 with everything that is wrong with the body.
    static func owner(_ visit: Visit, _ input: inout Input) async throws -> Visibility {
        let tenant: TenantID? = input.optionalIdentifier("tenant")
        let stated: ConsultancyID? = input.optionalIdentifier("consultancy")
        if tenant != nil, stated != nil { input.add("consultancy", "does not go with tenant", "What is a tenant's needs no consultancy.") }
        try input.check()
        let own = visit.asker.sees
        if let tenant {
            guard try await visit.store.adminTenant(tenant, own) != nil else {
                throw Refusal.invalid([.init(field: "tenant", why: "does not exist", remedy: "Check the id.")])
            }
            return Visibility(tenant: tenant)
        }
        guard let stated, own.tenant == nil else { return own }
        guard try await visit.store.adminConsultancy(stated, own) != nil else {
            throw Refusal.invalid([.init(field: "consultancy", why: "does not exist", remedy: "Check the id.")])
        }
        return Visibility(consultancy: stated)
    }

    /// A key that sees no more than the one that makes it. The answer is the one time it is shown, so it is not kept for an idempotency key either.
    private static func createKey(_ visit: Visit) async throws -> HTTPResponse {
        guard visit.request.fields["Idempotency-Key"] == nil else {
            throw Refusal(400, "idempotency_not_kept", "The answer holds a key that is shown once and not kept.", remedy: "Leave Idempotency-Key out; revoke a key that you did not get to see.")
        }
        var input = try visit.input()
        let label = input.text("label"), scopes = input.list("scopes") ?? []
        let owner = try await Endpoints.owner(visit, &input)
        let key = try await visit.store.createKey(
            consultancy: owner.consultancy, tenant: owner.tenant, label: label, scopes: scopes, actor: visit.asker.actor, random: SystemRandom())
        return .json(201, .object([
            ("key", .string(key.revealText())), ("label", .string(label)), ("scopes", .array(scopes.map { .string($0) })),
            ("consultancy", .optional(owner.consultancy?.description)), ("tenant", .optional(owner.tenant?.description)),
        ]))
    }
}
