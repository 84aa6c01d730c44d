internal import ConnectorKit
internal import Crypto
internal import Kernel
internal import Postgres
internal import Store
internal import Telemetry
internal import Wire

/// Deliveries that came in at the same time, committed together: while one commit is under way the next batch gathers. Nobody is told 200
/// before the commit that holds the delivery.
actor Intake {
    private struct Waiter {
        var event: NewEvent
        var until: Duration
        var continuation: CheckedContinuation<Result<Void, Fault>, Never>
    }

    private let store: Store
    private let clocks: any Clocks
    private let log: Log
    private let metrics: Metrics
    private var waiting: [Waiter] = []
    private var committing: [Waiter] = []
    private var busy = false

    init(store: Store, clocks: any Clocks, log: Log, metrics: Metrics) {
        self.store = store
        self.clocks = clocks
        self.log = log
        self.metrics = metrics
    }

    private static let full = Fault(
        "intake_full", stage: .database, disposition: .wait, summary: "too many deliveries wait for the database",
        retryAfter: .seconds(ControlPlaneLimits.retryAfterSeconds))
    private static let late = Fault(
        "intake_late", stage: .database, disposition: .wait, summary: "the database did not commit the delivery in time",
        retryAfter: .seconds(ControlPlaneLimits.retryAfterSeconds))

    /// Returns once the event is durable.
    /// - Throws: what the database said; `intake_late` when it said nothing for too long: the event may be there or not, and a second
    ///   delivery does no harm.
    func keep(_ event: NewEvent) async throws(Fault) {
        guard waiting.count < ControlPlaneLimits.intakeWaiting else { throw Intake.full }
        let until = clocks.monotonic() + .milliseconds(ControlPlaneLimits.intakePatience_ms)
        let result = await withCheckedContinuation { continuation in
            waiting.append(Waiter(event: event, until: until, continuation: continuation))
            if !busy {
                busy = true
                Task { await self.flush() }
            }
        }
        try result.get()
    }

    private func flush() async {
        let watch = Task { await self.watch() }
        while !waiting.isEmpty {
            committing = take()
            let events = committing.map(\.event)
            do throws(Fault) {
                // The scheduler's wake is part of the commit: it hears of exactly what is there.
                _ = try await store.pool.batch([EventStatements.ingest(events, lane: .webhook), JobStatements.wake()])
                finish(.success(()))
            } catch {
                metrics.count(.databaseFaults, ("code", error.code))
                log.fault(.requestFailed, error, ("deliveries", "\(events.count)"))
                if error.disposition == .bug, events.count > 1 { await oneByOne(events) } else { finish(.failure(error)) }
            }
        }
        busy = false
        watch.cancel()
    }

    private func take() -> [Waiter] {
        var count = 0
        var bytes = 0
        for waiter in waiting.prefix(ControlPlaneLimits.intakeBatch) {
            bytes += waiter.event.sealedBody.count
            if count > 0, bytes > ControlPlaneLimits.intakeBatchBytes { break }
            count += 1
        }
        let batch = Array(waiting.prefix(count))
        waiting.removeFirst(count)
        return batch
    }

    private func finish(_ result: Result<Void, Fault>) {
        let done = committing
        committing = []
        for waiter in done { waiter.continuation.resume(returning: result) }
    }

    /// A batch that the database refuses for one delivery's sake is committed delivery by delivery.
    private func oneByOne(_ events: [NewEvent]) async {
        for event in events {
            var result: Result<Void, Fault> = .success(())
            do throws(Fault) { _ = try await store.ingest([event], lane: .webhook) } catch { result = .failure(error) }
            guard let place = committing.firstIndex(where: { $0.event.deliveryID == event.deliveryID && $0.event.connection == event.connection }) else { continue }
            committing.remove(at: place).continuation.resume(returning: result)
        }
    }

    /// Sends whoever waited too long away while the database is silent.
    private func watch() async {
        while !Task.isCancelled {
            do { try await Task.sleep(for: .milliseconds(100)) } catch { return }
            let now = clocks.monotonic()
            let late = (committing + waiting).filter { $0.until <= now }
            committing.removeAll { $0.until <= now }
            waiting.removeAll { $0.until <= now }
            for waiter in late { waiter.continuation.resume(returning: .failure(Intake.late)) }
        }
    }
}

/// What the intake knows of connections, remembered for two seconds: a changed secret works that soon.
final class HookBook: Sendable {
    struct Entry: Sendable {
        var tenant: TenantID
        var platform: String
        var secret: Secret?
        var publicKey: BoxPublicKey?
    }

    private let store: Store
    private let intakeKey: AEADKey
    private let known: Cache<ConnectionID, Entry?>

    init(store: Store, intakeKey: AEADKey, clocks: any Clocks) {
        self.store = store
        self.intakeKey = intakeKey
        known = Cache(clocks: clocks, lasting: .seconds(ControlPlaneLimits.connectionCacheSeconds))
    }

    /// What binds a sealed webhook secret to its place.
    static func context(_ tenant: TenantID, _ connection: ConnectionID) -> [UInt8] { Array("webhook \(tenant) \(connection)".utf8) }

    /// `nil` when there is no such connection.
    func entry(_ id: ConnectionID) async throws(Fault) -> Entry? {
        if let found = known[id] { return found }
        var entry: Entry?
        if let row = try await store.intake(id), row.tenantState != "removed" {
            let context = HookBook.context(row.tenant, id)
            entry = Entry(
                tenant: row.tenant, platform: row.platform,
                secret: try row.webhookSecret.map { sealed throws(Fault) in Secret(try intakeKey.open(sealed, context: context)) },
                publicKey: try row.publicKey.map { bytes throws(Fault) in try BoxPublicKey(bytes) })
        }
        known[id] = .some(entry)
        return entry
    }

    func forget(_ id: ConnectionID) { known.forget(id) }
}
