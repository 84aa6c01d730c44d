internal import FoundationEssentials
internal import Kernel
internal import Postgres
internal import Store
internal import Wire

extension Endpoints {
    /// What sources are told of their documents: docs/flow.md.
    static let reflections: [Endpoint] = [
        Endpoint(.get, "/v1/connections/{connection}/reflections", .key(.read), About(
            "What a source fetches of the way back", """
                For systems that write to our contract: what the ledger has of their documents, one item for each state, in order. Remember the last `seq` and ask \
                `after` it; what is there stays. An item may come twice to who does not remember it, never out of order.
                """,
            query: [.may("after", .integer(0 ... Int(Int32.max)), "The last `seq` that was read.")], .page(.fetchedReflection)
        )) { visit in
            let (id, tenant, _) = try await connection(visit)
            var asked = try visit.asked()
            let page = try visit.page(), after = asked.integer("after") ?? 0
            let from = page.after?.first.flatMap { Int64($0) } ?? Int64(after)
            return try visit.answer(try await visit.store.fetchedReflections(tenant, id, after: from, limit: page.limit), page)
        },
        Endpoint(.get, "/v1/tenants/{tenant}/reflections", .key(.read), About(
            "What sources are told, and what waits for a decision",
            "Newest first. `held`: a person is asked, with both sides. `refused`: the source would not take it.",
            query: [.may("state", Thing.reflectionState), .may("code", .line(most: 64), "Of those that wait for a decision, by the check that holds it or the code that it was refused with.", example: "reflection_asked"), .may("flow", .id, "Of this flow."), .may("connection", .id, "Told to this source.")], .page(.reflection)
        )) { visit in
            let tenant = try await visit.tenant()
            var asked = try visit.asked()
            let page = try visit.page(), state = asked.choice("state"), code = asked.optionalText("code")
            let flow: FlowID? = asked.optionalIdentifier("flow"), source: ConnectionID? = asked.optionalIdentifier("connection")
            return try visit.answer(try await visit.store.adminReflections(tenant, state: state, code: code, flow: flow, source: source, page), page)
        },
        Endpoint(.get, "/v1/reflections/{reflection}", .key(.read), About("A reflection", .one(.reflection))) { visit in
            try visit.answer(try await visit.store.adminReflection(try reflection(visit), visit.asker.sees))
        },
        Endpoint(.post, "/v1/reflections/{reflection}/tell", .key(.write), About(
            "Tell the source", "Of what is held or was refused. The ledger stays as it is.", .one(.reflection), .refused(409, "`wrong_state`: nobody is asked about it.")
        )) { visit in try await order(.tell, visit) },
        Endpoint(.post, "/v1/reflections/{reflection}/dismiss", .key(.write), About(
            "Do not tell the source", "Of what is held or was refused. The ledger stays as it is.", .one(.reflection), .refused(409, "`wrong_state`: nobody is asked about it.")
        )) { visit in try await order(.dismiss, visit) },
    ]

    private static func reflection(_ visit: Visit) throws -> UUID {
        guard let text = visit.parameters["reflection"], text.utf8.count == 36, let id = UUID(uuidString: text) else { throw Refusal.notFound() }
        return id
    }

    private static func order(_ order: ReflectionOrder, _ visit: Visit) async throws -> HTTPResponse {
        let id = try reflection(visit)
        guard let tenant = try await visit.store.adminReflection(id, visit.asker.sees)?.tenant else { throw Refusal.notFound() }
        return try await visit.change { tx throws(Fault) in
            try await tx.order(order, tenant, id, actor: visit.asker.actor)
            return .init(200, try (try await tx.query(AdminReflectionStatements.one(id, visit.asker.sees))).adminRow().json)
        }
    }
}
