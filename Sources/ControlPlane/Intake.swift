internal import ConnectorKit
internal import Crypto
internal import Kernel
internal import Postgres
internal import Store
internal import Telemetry
internal import Wire

/// Deliveries that came in at the same time, committed together: while one commit is under way the next batch gathers. Nobody is told 200
/// before the commit that holds the delivery. A lock rather than an actor: a delivery joins its batch without a hop to another thread.
final class Intake: Sendable {
    private struct Waiter: Sendable {
        var event: NewEvent
        var until: Duration
        var continuation: CheckedContinuation<Result<Void, Fault>, Never>
    }

    private struct State: Sendable {
        var waiting: [Waiter] = []
        var committing: [Waiter] = []
        /// Somebody commits batch after batch.
        var busy = false
    }

    private let store: Store
    private let clocks: any Clocks
    private let log: Log
    private let metrics: Metrics
    private let state = Locked(State())

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
        #if SABOTAGE
        if Sabotage.dropWebhook.isOn, event.deliveryID.utf8.reduce(0, { $0 &+ Int($1) }) % 8 == 0 { return }
        #endif
        let until = clocks.monotonic() + .milliseconds(ControlPlaneLimits.intakePatience_ms)
        let result = await withCheckedContinuation { continuation in
            let waiter = Waiter(event: event, until: until, continuation: continuation)
            let (taken, begins) = state.with { state -> (Bool, Bool) in
                guard state.waiting.count < ControlPlaneLimits.intakeWaiting else { return (false, false) }
                state.waiting.append(waiter)
                defer { state.busy = true }
                return (true, !state.busy)
            }
            if !taken { continuation.resume(returning: .failure(Intake.full)) }
            if begins { Task { await self.flush() } }
        }
        try result.get()
    }

    private func flush() async {
        let watch = Task { await self.watch() }
        while let events = take() {
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
        watch.cancel()
    }

    /// The next batch, which is under way from now on; `nil` when nobody waits, and then nobody is busy any more.
    private func take() -> [NewEvent]? {
        state.with { state in
            guard !state.waiting.isEmpty else {
                state.busy = false
                return nil
            }
            var count = 0
            var bytes = 0
            for waiter in state.waiting.prefix(ControlPlaneLimits.intakeBatch) {
                bytes += waiter.event.sealedBody.count
                if count > 0, bytes > ControlPlaneLimits.intakeBatchBytes { break }
                count += 1
            }
            state.committing = Array(state.waiting.prefix(count))
            state.waiting.removeFirst(count)
            return state.committing.map(\.event)
        }
    }

    private func finish(_ result: Result<Void, Fault>) {
        let done = state.with { state in
            defer { state.committing = [] }
            return state.committing
        }
        for waiter in done { waiter.continuation.resume(returning: result) }
    }

    /// A batch that the database refuses for one delivery's sake is committed delivery by delivery.
    private func oneByOne(_ events: [NewEvent]) async {
        for event in events {
            var result: Result<Void, Fault> = .success(())
            do throws(Fault) { _ = try await store.ingest([event], lane: .webhook) } catch { result = .failure(error) }
            let waiter = state.with { state -> Waiter? in
                let place = state.committing.firstIndex { $0.event.deliveryID == event.deliveryID && $0.event.connection == event.connection }
                return place.map { state.committing.remove(at: $0) }
            }
            waiter?.continuation.resume(returning: result)
        }
    }

    /// Sends whoever waited too long away while the database is silent.
    private func watch() async {
        while !Task.isCancelled {
            do { try await Task.sleep(for: .milliseconds(100)) } catch { return }
            let now = clocks.monotonic()
            let late = state.with { state in
                let late = (state.committing + state.waiting).filter { $0.until <= now }
                state.committing.removeAll { $0.until <= now }
                state.waiting.removeAll { $0.until <= now }
                return late
            }
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
        /// Seals for the tenant. Agreed on anew with each look-up, so it lives for as long as one is remembered.
        var publicKey: BoxAgreement?
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
                publicKey: try row.publicKey.map { bytes throws(Fault) in try BoxPublicKey(bytes).agreement(random: SystemRandom()) })
        }
        known[id] = .some(entry)
        return entry
    }

    func forget(_ id: ConnectionID) { known.forget(id) }
}
