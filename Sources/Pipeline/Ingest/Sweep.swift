internal import Books
internal import ConnectorKit
internal import Courier
internal import Kernel
internal import Mapping
internal import Postgres
internal import Store
internal import Telemetry
internal import Wire

extension Pipeline {
    /// How far before the watermark a sweep starts: clocks differ and records become visible late.
    private static let overlap = Duration.seconds(300)
    private static let pagesMost = 10_000
    /// Where the first sweep of a connection starts.
    private static let firstSweep = Duration.seconds(60 * 86_400)

    /// Ingests every record changed since the watermark: the backstop for webhooks that never came. What is known already is dropped
    /// by its delivery id (a record and its version). As long as no flow can use what it brings nothing is read, and the watermark stays.
    func sweep(_ connection: CourierConnection, in setup: Setup) async throws(Fault) -> Result {
        let connector = try source(connection)
        // Whoever only sends is never identified by a credential; of all others it is known first whose account it is.
        guard connection.row.state == "live" || (connection.row.state == "new" && connector.spec.isInbound) else { return .done }
        #if SABOTAGE
        if Sabotage.dropWebhook.isOn {
            try await store.saveWatermark(tenant, connection.row.id, nil)
            return .done
        }
        #endif
        // What is listed is fetched for flows that lack it: without any it would be forgotten, and never listed again.
        if setup.flows(from: connection.row.id).isEmpty {
            try await store.saveWatermark(tenant, connection.row.id, nil)
            return .done
        }
        let since = connection.row.watermark.map { $0 - Pipeline.overlap } ?? clocks.now() - Pipeline.firstSweep
        var cursor: String?
        var watermark = connection.row.watermark
        for _ in 0 ..< Pipeline.pagesMost {
            let page = try await read(connector.sweep(since: since, cursor: cursor, connection.facts), connector, connection)
            // What is older than the first sweep no webhook could have told of.
            let hasBegun = connection.row.watermark != nil
            try await keep(page.records, connection, missed: { hasBegun && connector.tells(of: $0) })
            try await fetchUnknown(page.listed, connection, connector, in: setup, hasBegun: hasBegun)
            if let seen = page.watermark { watermark = watermark.map { max($0, seen) } ?? seen }
            cursor = page.next
            if cursor == nil { break }
        }
        guard cursor == nil else {
            throw Fault("sweep_endless", stage: .ingest, disposition: .bug, summary: "a sweep has more than \(Pipeline.pagesMost) pages")
        }
        try await store.saveWatermark(tenant, connection.row.id, watermark)
        if setup.flows.contains(where: { $0.returns == connection.row.id }) { try await store.ask(tenant, [Pipeline.figuresJob(connection.row.id)], after: .seconds(2)) }
        return .done
    }

    /// Of the orders a sweep listed, fetches those of which something is not known to a flow.
    private func fetchUnknown(
        _ listed: [ListedCase], _ connection: CourierConnection, _ connector: any SourceConnector, in setup: Setup, hasBegun: Bool
    ) async throws(Fault) {
        guard !listed.isEmpty else { return }
        var missing: Set<String> = []
        for flow in setup.flows(from: connection.row.id) {
            let known = try await store.knownParts(tenant, flow.row.id, ids: Array(Set(listed.flatMap { $0.parts.map(\.id) })))
            for item in listed where item.parts.contains(where: { !known.contains("\($0.kind) \($0.id)") }) { missing.insert(item.id) }
        }
        for id in missing.sorted() {
            do throws(Fault) {
                guard let record = try await read(connector.fetch(id, connection.facts), connector, connection) else { continue }
                try await keep([record], connection, missed: { hasBegun && connector.tells(of: $0) })
            } catch {
                // One order that can't be read must not keep the sweep from its end.
                guard Post.concernsDocument(error) else { throw error }
                log.fault(.recordHeld, error, ("order", id))
                try await store.raise(tenant, [AlertRow(key: AlertKey.fetch(connection.row.id, error.code), severity: .warning, cause: error.summary, remedy: error.remedy)])
                // No later sweep need list it: it is asked for by itself until it can be read, and the alert stands for as long.
                try await store.ask(tenant, [Job(.fetch, "\(connection.row.id)/\(id)", lane: .poll)], after: .seconds(60))
            }
        }
        metrics.count(.events, ("result", "found_by_sweep"), by: Double(missing.count))
    }

    /// Ingests the full record of one order that a webhook only hinted at.
    func fetch(_ subject: String, in setup: Setup) async throws(Fault) -> Result {
        let parts = subject.split(separator: "/", maxSplits: 1)
        guard parts.count == 2 else { return .done }
        let connection = try setup.connection(String(parts[0]))
        // A paused or dead connection sends nothing; what is missing is still wanted when it is live again.
        guard connection.row.state == "live" else { return .again(.seconds(60)) }
        let connector = try source(connection)
        if let record = try await read(connector.fetch(String(parts[1]), connection.facts), connector, connection) { try await keep([record], connection) }
        return .done
    }

    /// - Parameter missed: whether a webhook should have told of a record with this topic.
    private func keep(_ records: [RawRecord], _ connection: CourierConnection, missed: (String) -> Bool = { _ in false }) async throws(Fault) {
        var events: [NewEvent] = []
        for record in records {
            events.append(NewEvent(
                tenant: tenant, connection: connection.row.id, topic: record.topic, deliveryID: record.deliveryID,
                sealedBody: try seal(record.body, Credential.eventContext(tenant, connection.row.id)), isMissed: missed(record.topic)))
        }
        let kept = try await store.ingest(events, lane: .poll)
        metrics.count(.events, ("result", "swept"), by: Double(kept))
    }
}
