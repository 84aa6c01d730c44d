internal import ConnectorKit
internal import Courier
internal import Kernel
internal import Store
internal import Wire

extension Pipeline {
    /// Asks the platform who is at the other end, keeps the answer and brings the connection to life. Until then nothing else is asked or sent there: a credential
    /// that a person gave may open another company than the one whose documents these are.
    func identify(_ connection: CourierConnection, in setup: Setup) async throws(Fault) -> Result {
        guard let connector = connectors[connection.row.platform] else { return .done }
        let identity: AccountIdentity
        do throws(Fault) { identity = try await whoIsThere(connection, connector) } catch {
            try await refuse(connection.row, error)
            throw error
        }
        // Told before it is kept: what is kept is not compared again.
        try await tell(try await compare(identity, connection.row, connector), of: identity, connection.row, connector.spec.name)
        guard try await store.saveIdentity(tenant, connection.row.id, identity.json.bytes, given: connection.row.given) else { return .again(.milliseconds(50)) }
        try await store.resolveAlerts(tenant, keyPrefix: AlertKey.credential(connection.row.id))
        try await store.ask(tenant, awaited(connection, connector, in: setup))
        return .done
    }

    /// - Throws: `wrong_account` where it is not the account that the connection names.
    private func whoIsThere(_ connection: CourierConnection, _ connector: any Connector) async throws(Fault) -> AccountIdentity {
        let identity = try await read(connector.identify(connection.facts), connector, connection)
        guard identity.account.lowercased() == connection.row.account.lowercased() else {
            throw Fault(
                "wrong_account", stage: .ingest, disposition: .hold,
                summary: "the credential of connection \(connection.row.slug) belongs to \(identity.account), not to \(connection.row.account)",
                remedy: "Connect the account that the connection names.")
        }
        return identity
    }

    /// What no later try mends stops the connection, and is said. A platform that is away now is asked again, and a credential that it refuses is dead, as ever.
    private func refuse(_ row: ConnectionRow, _ fault: Fault) async throws(Fault) {
        guard Post.concernsDocument(fault) else { return }
        // Only what is known to be wrong stops what goes well: a question that the platform does not answer says nothing of the account.
        guard fault.code == "wrong_account" || row.state == "new" else { return }
        let alert = AlertRow(key: AlertKey.credential(row.id), severity: .critical, cause: fault.summary, remedy: fault.remedy)
        try await store.refuseIdentity(tenant, row.id, given: row.given, alert: alert, fault: fault.json.bytes)
    }

    /// What waited while the connection was not live goes on.
    private func awaited(_ connection: CourierConnection, _ connector: any Connector, in setup: Setup) -> [Job] {
        let id = connection.row.id
        var jobs: [Job] = []
        if connector is any LedgerConnector {
            jobs.append(Job(.chart, id.description, lane: .interactive))
            jobs += [.look, .changes].map { Job($0, id.description, lane: .poll) }
            for flow in setup.flows(into: id) { jobs += [.map, .post, .confirm, .attach].map { Job($0, flow.row.id.description, lane: .webhook) } }
        }
        if connector is any SourceConnector {
            jobs += [Job(.normalize, id.description, lane: .webhook), Job(.sweep, id.description, lane: .poll)]
            jobs += setup.flows(from: id).map { Job(.reflect, $0.row.id.description, lane: .webhook) }
        }
        return jobs
    }
}

extension AccountIdentity {
    /// As it is kept and shown.
    var json: JSON {
        .object([
            ("account", .string(account)), ("name", .string(name)), ("country", .optional(country)), ("currency", .optional(currency)),
            ("time_zone", .optional(timeZone)),
        ])
    }
}
