internal import ConnectorKit
internal import Kernel
internal import Store
internal import Telemetry
internal import Wire

extension Endpoints {
    static let health: [Endpoint] = [
        Endpoint(.get, "/healthz", .open, About(
            "Whether the process is up", .json(200, .object([.must("status", .choice(["up"])), .must("version", .words, example: "0.1")]), "It is.")
        ), .now { visit in
            .json(200, .object([("status", .string("up")), ("version", .string(visit.desk.configuration.version))]))
        }),
        Endpoint(.get, "/readyz", .open, About(
            "Whether the database answers", "Within a second.", .json(200, .object([.must("status", .choice(["ready"]))]), "It does."), .refused(503, "`database_unavailable`: it does not.")
        )) { visit in
            guard await visit.desk.databaseAnswers(within: .seconds(ControlPlaneLimits.readySeconds)) else {
                var refusal = Refusal(503, "database_unavailable", "The database does not answer.", remedy: "Check that it runs and accepts connections.")
                refusal.fields["Retry-After"] = "1"
                throw refusal
            }
            return .json(200, .object([("status", .string("ready"))]))
        },
        Endpoint(.get, "/metrics", .open, About(
            "Metrics", "For Prometheus. They name no tenant; keep them from the public all the same.", .content(200, "text/plain", "Prometheus' text format.")
        )) { visit in
            HTTPResponse(200, fields: ["Content-Type": "text/plain; version=0.0.4; charset=utf-8"], body: Array(await visit.desk.metricsText().utf8))
        },
    ]
}

extension Desk {
    /// Whether a statement comes back in time. The one that does not is left to its own end.
    func databaseAnswers(within limit: Duration) async -> Bool {
        let (answers, continuation) = AsyncStream<Bool>.makeStream()
        let question = Task {
            do throws(Fault) {
                try await self.store.ping()
                continuation.yield(true)
            } catch { continuation.yield(false) }
        }
        let timer = Task {
            do { try await Task.sleep(for: limit) } catch { return }
            continuation.yield(false)
        }
        var iterator = answers.makeAsyncIterator()
        let answer = await iterator.next() ?? false
        question.cancel()
        timer.cancel()
        return answer
    }

    /// Our own figures, and the database's as of the last seconds. Without a database: our own.
    func metricsText() async -> String {
        let now = clocks.monotonic()
        if gauges.with({ $0.map { $0 <= now } ?? true }) {
            gauges.with { $0 = now + .seconds(ControlPlaneLimits.gaugeCacheSeconds) }
            await refreshGauges()
        }
        return metrics.rendered()
    }

    private func refreshGauges() async {
        do throws(Fault) {
            let read = try await store.gauges()
            for state in Desk.postingStates { metrics.set(.postingsByState, ("state", state), to: 0) }
            for severity in ["information", "warning", "critical"] { metrics.set(.alertsOpen, ("severity", severity), to: 0) }
            for (label, value) in read.postings { metrics.set(.postingsByState, ("state", label), to: Double(value)) }
            for (label, value) in read.alerts { metrics.set(.alertsOpen, ("severity", label), to: Double(value)) }
            for (label, value) in read.unexplained { metrics.set(.unexplained, ("currency", label), to: Double(value)) }
            setGauges(read)
            setQuotas(read)
        } catch {
            metrics.count(.databaseFaults, ("code", error.code))
        }
    }

    /// Gauges of labels that come and go: one that is not there any more falls to zero.
    private func setGauges(_ read: Gauges) {
        func halves(_ label: String) -> (String, String) {
            let at = label.firstIndex(of: "/") ?? label.endIndex
            return (String(label[..<at]), String(label[at...].dropFirst()))
        }
        for name in ["worst", "tenants"] {
            let value = Double(read.lag.first { $0.label == name }?.value ?? 0)
            metrics.set(name == "worst" ? .lagSeconds : .lagging, to: value)
        }
        metrics.set(.unsealedSeconds, to: Double(read.unsealed.first?.value ?? 0))
        let kinds: [(Metrics.Name, String, String, [(label: String, value: Int64)])] = [
            (.alerts, "cause", "severity", read.causes), (.alertDeliveries, "kind", "state", read.deliveries),
        ]
        let known = shownLabels.with { shown in
            for (name, _, _, rows) in kinds { shown[name.rawValue, default: []].formUnion(rows.map(\.label)) }
            shown[Metrics.Name.platformsDown.rawValue, default: []].formUnion(read.down.map(\.label))
            return shown
        }
        for (name, first, second, rows) in kinds {
            for label in known[name.rawValue] ?? [] {
                let value = Double(rows.first { $0.label == label }?.value ?? 0), parts = halves(label)
                metrics.set(name, (first, parts.0), (second, parts.1), to: value)
            }
        }
        for label in known[Metrics.Name.platformsDown.rawValue] ?? [] {
            metrics.set(.platformsDown, ("platform", label), to: Double(read.down.first { $0.label == label }?.value ?? 0))
        }
    }

    /// How full budgets are, and how many calls go out at a time. Connections by their ids: whose they are is not told.
    private func setQuotas(_ read: Gauges) {
        func rows(_ quotas: [QuotaGauge]) -> [(labels: [(String, String)], value: Double)] {
            quotas.map { quota in
                let own: [(String, String)] = quota.connection.map { [("connection", $0.description)] } ?? []
                return (own + [("platform", quota.platform), ("budget", quota.budget), ("window", quota.isLong ? "long" : "short")], Double(quota.permille) / 1000)
            }
        }
        metrics.replace(.quotaUsed, rows(read.quotas))
        metrics.replace(.connectionQuotaUsed, rows(read.connectionQuotas))
        metrics.replace(.appQuotaUsed, rows(read.appQuotas))
        metrics.replace(.inFlight, read.inFlight.map { ([("connection", $0.connection.description), ("platform", $0.platform)], Double($0.value)) })
        metrics.replace(.concurrencyLimit, read.inFlight.compactMap { row in
            connectors[row.platform].map { ([("connection", row.connection.description), ("platform", row.platform)], Double($0.spec.concurrency)) }
        })
    }

    /// A state that empties must fall to zero rather than stay at its last figure.
    private static let postingStates = [
        "mapped", "cleared", "posting", "posted", "confirmed", "reconciled", "held", "rejected", "unknown", "manual", "superseded", "voided", "skipped", "gathered",
    ]
}
