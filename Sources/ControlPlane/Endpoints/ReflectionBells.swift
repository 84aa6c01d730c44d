internal import AlertRules
internal import Books
internal import ConnectorKit
internal import Crypto
internal import Kernel
internal import Mapping
internal import Postgres
internal import Store
internal import Wire

extension Endpoints {
    /// Where sources that fetch their list are told that there is more of it: docs/inbound.md.
    static let reflectionBells: [Endpoint] = [
        Endpoint(.get, "/v1/connections/{connection}/reflections/bell", .key(.read), About(
            "Where a source is told that there is more", "And up to which place in its list it has heard.", .one(.reflectionBell),
            .refused(404, "`not_found`: it has none.")
        )) { visit in
            let (id, tenant, _) = try await connection(visit)
            return try visit.answer(try await visit.store.adminBell(tenant, id))
        },
        Endpoint(.put, "/v1/connections/{connection}/reflections/bell", .key(.admin), About(
            "Have a source told that there is more", """
                For systems that fetch their list. Within seconds of a new place in it a signed POST says from which place on there is something, never what: a bell that is lost is made good by \
                the next. The secret is write only, and given anew with each change.
                """,
            body: [
                .must("url", .line(most: AlertRoute.urlMost), "https, or plain http to a host on the operator's list.", example: "https://erp.example.com/counterfoil"),
                .must("secret", .secret, "At least \(AlertRoute.secretLeast) characters.", example: "0b6d1f3a9c5e47728d1f6a"),
            ], .one(.reflectionBell), .refused(422, "`nothing_to_fetch`: this platform does not fetch a list."),
            .refused(503, "`alert_key_pending`: `counterfoil schedule` has not run yet.")
        )) { visit in try await putBell(visit) },
        Endpoint(.delete, "/v1/connections/{connection}/reflections/bell", .key(.admin), About(
            "Have a source not told any more", "The list stays.", .empty(204, "It is gone."), .refused(404, "`not_found`: it has none.")
        )) { visit in
            let (id, tenant, _) = try await connection(visit)
            try await visit.store.transaction { tx throws(Fault) in
                guard try await tx.query(ReflectionBellStatements.remove(tenant, id)).affected > 0 else {
                    throw Fault("not_found", stage: .api, disposition: .reject, summary: "this connection has no bell")
                }
                try await tx.audit(tenant, [visit.entry("connection.bell_removed", "connection \(id)")])
            }
            return HTTPResponse(204)
        },
    ]

    private static func putBell(_ visit: Visit) async throws -> HTTPResponse {
        let (id, tenant, old) = try await connection(visit)
        var input = try visit.input()
        let url = input.text("url"), given = input.optionalSecret("secret")
        try input.check()
        guard visit.desk.sources[old["platform"]?.string ?? ""]?.reflectionPlace == .fetched else {
            throw Refusal(
                422, "nothing_to_fetch", "This platform does not fetch what the ledger has: there is nothing to tell it of.",
                remedy: "Give the bell to the connection of a system that writes to the inbound contract; docs/flow.md says where other sources are told.")
        }
        var findings = Findings()
        let json: JSON = .object([("url", .string(url))] + (given.map { [("secret", JSON.string($0.revealText()))] } ?? []))
        let bell = AlertRoute.webhook(json, into: &findings, at: "bell")
        checkOpenly(bell.url, "bell.url", visit.desk, &findings)
        try refuse(findings)
        guard let secret = bell.secret else { throw Refusal.notFound() }
        let sealed = try await alertKey(visit.desk).seal(secret.reveal(), context: ReflectionBell.context(tenant, id), random: SystemRandom())
        return try await visit.change { tx throws(Fault) in
            _ = try await tx.query(ReflectionBellStatements.put(tenant, id, url: bell.url, secret: sealed, actor: visit.asker.actor))
            try await tx.audit(tenant, [visit.entry("connection.bell", "connection \(id)")])
            return .init(200, try (try await tx.query(ReflectionBellStatements.one(tenant, id))).adminRow().json)
        }
    }
}
