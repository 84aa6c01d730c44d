internal import Kernel
internal import Postgres
internal import Store
internal import Wire

extension Endpoints {
    static let consultancies: [Endpoint] = [
        Endpoint(.post, "/v1/consultancies", .key(.admin), About(
            "Make a consultancy", "For the operator.",
            body: [.must("slug", .slug, "A short name, its own among consultancies.", example: "north"), .must("name", .line, example: "North Advisers")],
            .made(.consultancy), .refused(403, "`operator_only`: only the operator's key makes consultancies."), .refused(409, "`already_exists`: the slug is taken.")
        )) { visit in
            guard visit.asker.isOperator else { throw Refusal.operatorOnly }
            var input = try visit.input()
            let (slug, name) = (input.slug(), input.text("name"))
            try input.check()
            let id: ConsultancyID = visit.desk.random.identifier()
            return try await visit.change { tx throws(Fault) in
                let row = try (try await tx.query(AdminTenancyStatements.insertConsultancy(id, slug: slug, name: name))).adminRow()
                // The trail belongs to tenants; what concerns a whole consultancy is kept under its id.
                try await tx.audit(TenantID(id.uuid), [visit.entry("consultancy.created", "consultancy \(id)")])
                return .init(201, row.json, location: "/v1/consultancies/\(id)")
            }
        },
        Endpoint(.get, "/v1/consultancies", .key(.read), About("Consultancies that the key sees", query: [bySlug], .page(.consultancy))) { visit in
            var asked = try visit.asked()
            let page = try visit.page(), slug = asked.optionalSlug()
            return try visit.answer(try await visit.store.adminConsultancies(visit.asker.sees, slug: slug, page), page)
        },
        Endpoint(.get, "/v1/consultancies/{consultancy}", .key(.read), About("A consultancy", .one(.consultancy))) { visit in
            try visit.answer(try await visit.store.adminConsultancy(try visit.identifier("consultancy"), visit.asker.sees))
        },
    ]

    /// The one of this short name.
    static let bySlug = Member.may("slug", .slug, "The one of this short name.")
    private static let tenantName = Member.may("name", .line, example: "Prairie Goods")
    private static let tenantWeight = Member.may("weight", .integer(1 ... 100), "Its share of the workers beside other tenants; 1 when absent.", example: 1)

    static let tenants: [Endpoint] = [
        Endpoint(.post, "/v1/tenants", .key(.admin), About(
            "Make a tenant", "A client business. The scheduler makes its keys within a second or so; then its `state` is `active`. A tenant's key makes no tenants.",
            body: [
                .may("consultancy", .id, "Whose client it is. With a consultancy's key it may be left out."), .must("slug", .slug, "A short name, its own in the consultancy."),
                .must("name", .line, example: "Prairie Goods"), tenantWeight,
            ],
            .made(.tenant), .refused(403, "`consultancy_only`: a tenant's key makes no tenants."), .refused(409, "`already_exists`: the slug is taken.")
        )) { visit in try await createTenant(visit) },
        Endpoint(.get, "/v1/tenants", .key(.read), About(
            "Tenants that the key sees", query: [.may("consultancy", .id, "Clients of this one."), bySlug, .may("state", Thing.tenantState)], .page(.tenant)
        )) { visit in
            var asked = try visit.asked()
            let page = try visit.page(), consultancy: ConsultancyID? = asked.optionalIdentifier("consultancy")
            let (slug, state) = (asked.optionalSlug(), asked.choice("state"))
            return try visit.answer(try await visit.store.adminTenants(visit.asker.sees, consultancy: consultancy, slug: slug, state: state, page), page)
        },
        Endpoint(.get, "/v1/tenants/{tenant}", .key(.read), About("A tenant, with its row of the report", .one(.tenantInFull))) { visit in
            let id: TenantID = try visit.identifier("tenant")
            guard let row = try await visit.store.adminTenant(id, visit.asker.sees),
                let summary = try await visit.store.reportTenants(visit.asker.sees, tenant: id).first
            else { throw Refusal.notFound() }
            return .json(200, try JSON(parsing: row.json).setting("summary", try JSON(parsing: summary.json)))
        },
        Endpoint(.patch, "/v1/tenants/{tenant}", .key(.admin), About(
            "Change, pause, resume or remove a tenant",
            "A paused tenant's deliveries are still kept, and its work waits; a removed tenant's are refused, it stays removed, and nothing more is posted for it.",
            body: [tenantName, .may("state", .choice(["active", "paused", "removed"]), example: "active"), tenantWeight],
            .one(.tenant), .refused(409, "`wrong_state`: a new tenant becomes active by itself, a removed one stays removed.")
        )) { visit in try await changeTenant(visit) },
    ]

    private static func createTenant(_ visit: Visit) async throws -> HTTPResponse {
        guard visit.asker.sees.tenant == nil else { throw Refusal(403, "consultancy_only", "A tenant's key makes no tenants.", remedy: "Use the consultancy's key.") }
        var input = try visit.input()
        let (slug, name, weight) = (input.slug(), input.text("name"), input.integer("weight"))
        let stated: ConsultancyID? = input.optionalIdentifier("consultancy")
        guard let consultancy = stated ?? visit.asker.sees.consultancy else {
            input.add("consultancy", "is missing", "The operator's key has no consultancy of its own: name one.")
            throw Refusal.invalid(input.findings)
        }
        try input.check()
        guard try await visit.store.adminConsultancy(consultancy, visit.asker.sees) != nil else {
            throw Refusal.invalid([.init(field: "consultancy", why: "does not exist", remedy: "Check the id.")])
        }
        let id: TenantID = visit.desk.random.identifier()
        return try await visit.change { tx throws(Fault) in
            let sql = AdminTenancyStatements.insertTenant(id, consultancy: consultancy, slug: slug, name: name, weight: weight ?? 1)
            let row = try (try await tx.query(sql)).adminRow()
            try await tx.audit(id, [visit.entry("tenant.created", "tenant \(id)")])
            return .init(201, row.json, location: "/v1/tenants/\(id)")
        }
    }

    /// Name, weight, and `active`, `paused` or `removed`: a paused tenant's deliveries are still kept, its work waits; a removed one's are refused, and it
    /// stays removed. Its worker ends with the next heartbeat and sends nothing from now on.
    private static func changeTenant(_ visit: Visit) async throws -> HTTPResponse {
        let id = try await visit.tenant()
        var input = try visit.input()
        let (name, weight) = (input.optionalText("name"), input.integer("weight"))
        let state = input.choice("state")
        try input.check()
        return try await visit.change { tx throws(Fault) in
            guard let row = try (try await tx.query(AdminTenancyStatements.updateTenant(id, name: name, state: state, weight: weight))).adminRows().first else {
                throw Fault("wrong_state", stage: .api, disposition: .reject, summary: "the tenant can't be paused or resumed in its state",
                    remedy: "A new tenant becomes active by itself once it has keys.")
            }
            let detail = JSON.object([("name", .optional(name)), ("state", .optional(state)), ("weight", weight.map { .number("\($0)") } ?? .null)])
            try await tx.audit(id, [visit.entry("tenant.changed", "tenant \(id)", detail.bytes)])
            if state == "active" { _ = try await tx.query(JobStatements.wake()) }
            return .init(200, row.json)
        }
    }

    static let organisations: [Endpoint] = [
        Endpoint(.post, "/v1/tenants/{tenant}/organisations", .key(.admin), About(
            "Make a legal entity", "Its time zone dates every ledger document; its country chooses the template of policies.",
            body: [
                .must("slug", .slug, "A short name, its own in the tenant.", example: "main"), .must("name", .line, example: "Prairie Goods LLC"), .must("country", .country, "ISO 3166-1 alpha-2."),
                .must("base_currency", .currency, "ISO 4217."), .must("time_zone", .zone, "An IANA name."),
            ],
            .made(.organisation), .refused(409, "`already_exists`: the slug is taken.")
        )) { visit in try await createOrganisation(visit) },
        Endpoint(.get, "/v1/tenants/{tenant}/organisations", .key(.read), About("A tenant's legal entities", query: [bySlug], .page(.organisation))) { visit in
            let tenant = try await visit.tenant()
            var asked = try visit.asked()
            let page = try visit.page(), slug = asked.optionalSlug()
            return try visit.answer(try await visit.store.adminOrganisations(tenant, slug: slug, page), page)
        },
        Endpoint(.get, "/v1/organisations/{organisation}", .key(.read), About("A legal entity", .one(.organisation))) { visit in
            try visit.answer(try await visit.store.adminOrganisation(try visit.identifier("organisation"), visit.asker.sees))
        },
    ]

    private static func createOrganisation(_ visit: Visit) async throws -> HTTPResponse {
        let tenant = try await visit.tenant()
        var input = try visit.input()
        let (slug, name) = (input.slug(), input.text("name"))
        let country = input.country("country"), currency = input.currency("base_currency"), zone = input.zone("time_zone")
        try input.check()
        let id: OrganisationID = visit.desk.random.identifier()
        let new = OrganisationRow(id: id, named: slug, name: name, country: country, baseCurrency: currency, timeZone: zone)
        return try await visit.change { tx throws(Fault) in
            let row = try (try await tx.query(AdminTenancyStatements.insertOrganisation(tenant, new))).adminRow()
            try await tx.audit(tenant, [visit.entry("organisation.created", "organisation \(id)")])
            return .init(201, row.json, location: "/v1/organisations/\(id)")
        }
    }
}

extension Refusal {
    static var operatorOnly: Refusal {
        Refusal(403, "operator_only", "Only the operator's key may do this.", remedy: "Ask the operator.")
    }
}
