internal import ConnectorKit
internal import Crypto
internal import Kernel
internal import Postgres
internal import Store
internal import Synchronization
internal import Telemetry
internal import Wire

/// Deliveries that came in at the same time, committed together: while one commit is under way the next batch gathers. Nobody is told 200
/// before the commit that holds the delivery. A delivery has no task of its own: it leaves a closure, and the commit's end calls all of them.
final class Intake: Sendable {
    typealias Done = @Sendable (Result<Void, Fault>) -> Void

    private struct Waiter: Sendable {
        var event: NewEvent
        var until: Duration
        var done: Done
    }

    private struct State: Sendable {
        var waiting: [Waiter] = []
        var committing: [Waiter] = []
        /// Somebody commits batch after batch.
        var busy = false
        /// Somebody looks for those who have waited too long.
        var watched = false
    }

    private let store: Store
    private let clocks: any Clocks
    private let log: Log
    private let metrics: Metrics
    private let state = Mutex(State())

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

    /// Calls `done` once, from any thread: with success when the event is durable, else with what the database said, or `intake_late` when it
    /// said nothing for too long: the event may be there or not, and a second delivery does no harm.
    func keep(_ event: NewEvent, _ done: @escaping Done) {
        #if SABOTAGE
        if Sabotage.dropWebhook.isOn, event.deliveryID.utf8.reduce(0, { $0 &+ Int($1) }) % 8 == 0 { return done(.success(())) }
        #endif
        let waiter = Waiter(event: event, until: clocks.monotonic() + .milliseconds(ControlPlaneLimits.intakePatience_ms), done: done)
        let (taken, begins, watches) = state.withLock { state -> (Bool, Bool, Bool) in
            guard state.waiting.count < ControlPlaneLimits.intakeWaiting else { return (false, false, false) }
            state.waiting.append(waiter)
            defer { (state.busy, state.watched) = (true, true) }
            return (true, !state.busy, !state.watched)
        }
        if !taken { done(.failure(Intake.full)) }
        if begins { Task { await self.flush() } }
        if watches { Task { await self.watch() } }
    }

    private func flush() async {
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
    }

    /// The next batch, which is under way from now on; `nil` when nobody waits, and then nobody is busy any more.
    private func take() -> [NewEvent]? {
        state.withLock { state in
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
        let done = state.withLock { state in
            defer { state.committing = [] }
            return state.committing
        }
        for waiter in done { waiter.done(result) }
    }

    /// A batch that the database refuses for one delivery's sake is committed delivery by delivery.
    private func oneByOne(_ events: [NewEvent]) async {
        for event in events {
            var result: Result<Void, Fault> = .success(())
            do throws(Fault) { _ = try await store.ingest([event], lane: .webhook) } catch { result = .failure(error) }
            let waiter = state.withLock { state -> Waiter? in
                let place = state.committing.firstIndex { $0.event.deliveryID == event.deliveryID && $0.event.connection == event.connection }
                return place.map { state.committing.remove(at: $0) }
            }
            waiter?.done(result)
        }
    }

    /// Sends whoever waited too long away while the database is silent. Ends when nobody waits.
    private func watch() async {
        while true {
            do { try await Task.sleep(for: .milliseconds(ControlPlaneLimits.intakeWatch_ms)) } catch { return }
            let now = clocks.monotonic()
            let (late, ends) = state.withLock { state in
                let late = (state.committing + state.waiting).filter { $0.until <= now }
                if !late.isEmpty {
                    state.committing.removeAll { $0.until <= now }
                    state.waiting.removeAll { $0.until <= now }
                }
                state.watched = !(state.committing.isEmpty && state.waiting.isEmpty)
                return (late, !state.watched)
            }
            for waiter in late { waiter.done(.failure(Intake.late)) }
            if ends { return }
        }
    }
}

/// What the intake knows of connections, remembered for two seconds: a changed secret works that soon.
final class HookBook: Sendable {
    struct Entry: Sendable {
        var tenant: TenantID
        var connection: ConnectionID
        var platform: String
        var secret: Secret?
        /// Seals for the tenant. Agreed on anew with each look-up, so it lives for as long as one is remembered.
        var publicKey: BoxAgreement?
        /// What binds a sealed delivery to its place.
        var context: [UInt8]
    }

    /// By the connection's id as the path has it.
    private let known: Cache<String, Entry?>

    init(store: Store, intakeKey: AEADKey, clocks: any Clocks) {
        known = Cache(clocks: clocks, lasting: .seconds(ControlPlaneLimits.connectionCacheSeconds)) { text throws(Fault) in
            guard let id = ConnectionID(text), let row = try await store.intake(id), row.tenantState != "removed" else { return nil }
            return Entry(
                tenant: row.tenant, connection: id, platform: row.platform,
                secret: try row.webhookSecret.map { sealed throws(Fault) in Secret(try intakeKey.open(sealed, context: HookBook.context(row.tenant, id))) },
                publicKey: try row.publicKey.map { bytes throws(Fault) in try BoxPublicKey(bytes).agreement(random: SystemRandom()) },
                context: Array("event \(row.tenant) \(id)".utf8))
        }
    }

    /// What binds a sealed webhook secret to its place.
    static func context(_ tenant: TenantID, _ connection: ConnectionID) -> [UInt8] { Array("webhook \(tenant) \(connection)".utf8) }

    /// Without asking the database; `.none` when it has to be asked.
    func remembered(_ id: String) -> Entry?? { HookBook.isID(id) ? known.remembered(id) : .some(nil) }

    /// `nil` when there is no such connection.
    func entry(_ id: String) async throws(Fault) -> Entry? { HookBook.isID(id) ? try await known.value(id) : nil }

    /// Nothing else is worth remembering.
    private static func isID(_ text: String) -> Bool { text.utf8.count == 36 }

    func forget(_ id: String) { known.forget(id) }
}
