internal import Kernel
internal import TwinKit
internal import Wire

/// Plays the day: lets its events happen in the shops in order of their local time and sends the webhooks, up to
/// sixteen at a time, each until it is acknowledged. Every step is in the journal before it happens, so a killed
/// sandbox goes on where it was; a webhook whose acknowledgement did not reach the journal is sent again.
final class DayPlayer: Service {
    /// Webhooks under way at one time.
    static let inFlight = 16
    /// Acknowledgements that may wait for the disk: so many webhooks more are sent twice after a crash.
    private static let unwritten = 64
    /// Events played in one go.
    private static let stride = 16

    let name = "day"
    private let state: Locked<DayState>
    private let shopify: ShopifyTwin
    private let journal: TwinJournal
    private let folder: String
    private let clocks: any Clocks
    private let sender: @Sendable ([String]) -> any WebhookSender
    private let pause: @Sendable (Duration) async -> Void
    private let wakeups: AsyncStream<Void>
    private let signal: AsyncStream<Void>.Continuation

    init(
        folder: String, journal: TwinJournal, shopify: ShopifyTwin, clocks: any Clocks,
        sender: @escaping @Sendable ([String]) -> any WebhookSender, pause: @escaping @Sendable (Duration) async -> Void
    ) throws(Fault) {
        self.folder = folder
        self.journal = journal
        self.shopify = shopify
        self.clocks = clocks
        self.sender = sender
        self.pause = pause
        (wakeups, signal) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
        var records: [JSON] = []
        try journal.replay { records.append($0) }
        var initial = DayState()
        for record in records { try Self.replay(record, into: &initial, shopify: shopify) }
        state = Locked(initial)
        if initial.phase == "playing" { signal.yield() }
    }

    private static func replay(_ record: JSON, into state: inout DayState, shopify: ShopifyTwin) throws(Fault) {
        switch record["t"]?.string {
        case "day":
            try prepare(
                &state, seed: record["seed"]?.int ?? 0, orders: record["orders"]?.int ?? 0, lockMoves: record["lock_moves"]?.bool ?? false)
        case "subscription": state.subscriptions[record["shop"]?.string ?? ""] = record["url"]?.string
        case "play":
            state.until = record["until"]?.string.flatMap(DayState.Until.init)
            state.webhookBase = record["webhook_base"]?.string ?? ""
            state.through = record["through"]?.int
        case "noon": state.noonPassed = true
        case "applied": state.replayApplied(through: record["n"]?.int ?? 0, apply: shopify.apply)
        case "acknowledged": state.replayAcknowledged((record["ids"]?.array ?? []).compactMap(\.string))
        default: break
        }
    }

    private static func prepare(_ state: inout DayState, seed: Int, orders: Int, lockMoves: Bool) throws(Fault) {
        let generator = try DayGenerator(seed: UInt64(bitPattern: Int64(seed)), orders: orders, lockMoves: lockMoves)
        var shops: [String: Shop] = [:]
        for shop in [generator.american, generator.british] { shops[shop.name] = shop }
        state.prepare(generator.day(), seed: generator.seed, shops: shops)
        state.lockMoves = lockMoves
    }

    // MARK: Commands

    /// Makes the day and writes what it must lead to, one file a shop, before anything of it happens. `documents`: instead of a number of orders, the
    /// least number of ledger documents.
    /// - Throws: `day_refused`, `day_already_prepared`, `sandbox_folder`, `journal_unusable`.
    func prepare(seed: Int, orders asked: Int, documents: Int? = nil, lockMoves: Bool = false) throws(Fault) -> JSON {
        let bits = UInt64(bitPattern: Int64(seed))
        let orders = try documents.map { count throws(Fault) in try DayGenerator.orders(for: count, seed: bits, lockMoves: lockMoves) } ?? asked
        let generator = try DayGenerator(seed: bits, orders: orders, lockMoves: lockMoves)
        let (known, started) = state.with { ($0.seed == generator.seed && $0.orders == orders, $0.until != nil) }
        if !known, started {
            throw Fault(
                "day_already_prepared", stage: .sandbox, disposition: .reject,
                summary: "another day is being played already",
                remedy: "Start the sandbox on an empty folder for another seed or count.")
        }
        let day = generator.day()
        var counts: [(key: String, value: JSON)] = []
        var documents = 0
        for (shop, entries) in generator.expected(day) {
            documents += entries.count { $0.effect != .none }
            let path = Self.expectedPath(folder, shop.name)
            let written = known ? try SandboxFile.read(path) != nil : false
            if !written {
                try SandboxFile.write(entries.flatMap { $0.json.bytes + [10] }, to: path)
            }
            counts.append((shop.name, .number(String(entries.count))))
        }
        if !known {
            try journal.append([
                .object([("t", "day"), ("seed", .number(String(seed))), ("orders", .number(String(orders))), ("lock_moves", .bool(lockMoves))])
            ])
            var shops: [String: Shop] = [:]
            for shop in [generator.american, generator.british] { shops[shop.name] = shop }
            let named = shops
            state.with { state in
                state.prepare(day, seed: generator.seed, shops: named)
                state.lockMoves = lockMoves
            }
        }
        return .object([
            ("seed", .number(String(seed))), ("orders", .number(String(orders))),
            ("events", .number(String(state.with { $0.total }))), ("expected", .object(counts)), ("documents", .number(String(documents))),
        ])
    }

    /// The returns of the prepared day, after what they must lead to was written down.
    /// - Throws: `day_not_prepared`, `sandbox_folder`, `unknown_time_zone`.
    func returns() throws(Fault) -> [DayReturn] {
        let (seed, orders, lockMoves) = state.with { ($0.seed, $0.orders, $0.lockMoves) }
        guard let seed else { throw Self.unprepared }
        let generator = try DayGenerator(seed: seed, orders: orders, lockMoves: lockMoves)
        let returns = try DayReturns.all(generator, generator.day())
        let path = Self.expectedPath(folder, DayReturns.ownStore)
        if try SandboxFile.read(path) == nil { try SandboxFile.write(returns.flatMap(\.entries).flatMap { $0.json.bytes + [10] }, to: path) }
        return returns
    }

    private static var unprepared: Fault {
        Fault(
            "day_not_prepared", stage: .sandbox, disposition: .reject, summary: "there is no day to play",
            remedy: "Prepare one first: POST /_sandbox/day/prepare.")
    }

    static func expectedPath(_ folder: String, _ shop: String) -> String { "\(folder)/expected-\(shop).jsonl" }

    /// Starts playing, or goes on; returns at once.
    /// - Throws: `day_not_prepared`, `url_refused`, `journal_unusable`.
    /// - through: the number of steps that it plays at most, for whoever paces the day; `shop`: so many more that this many of them are the shop's.
    func play(
        until: DayState.Until, webhookBase: String, through asked: Int? = nil, next: (shop: String, count: Int)? = nil
    ) throws(Fault) {
        guard webhookBase.isEmpty || NetworkWebhookSender.host(of: webhookBase) != nil else {
            throw Self.refused("webhook_base")
        }
        let (prepared, current, targets) = state.with { ($0.seed != nil, $0.until, $0.subscriptions.count) }
        guard prepared else { throw Self.unprepared }
        guard !webhookBase.isEmpty || targets == 2 else { throw Self.refused("webhook_base") }
        let reached = current == .end ? .end : until
        let through: Int? = state.with { state in
            guard let next else { return asked }
            state.until = reached
            return state.steps(from: state.through ?? 0, until: next.count, of: next.shop)
        }
        var record: [(key: String, value: JSON)] = [("t", "play"), ("until", .string(reached.rawValue)), ("webhook_base", .string(webhookBase))]
        if let through { record.append(("through", .number(String(through)))) }
        try journal.append([.object(record)])
        state.with { state in
            state.until = reached
            state.webhookBase = webhookBase
            state.through = through
        }
        signal.yield()
    }

    /// - Throws: `url_refused`, `unknown_shop`, `journal_unusable`.
    func subscribe(shop: String, url: String) throws(Fault) {
        guard shopify.shop(shop) != nil else {
            throw Fault("unknown_shop", stage: .sandbox, disposition: .reject, summary: "the sandbox has no such shop")
        }
        guard NetworkWebhookSender.host(of: url) != nil else { throw Self.refused("url") }
        try journal.append([.object([("t", "subscription"), ("shop", .string(shop)), ("url", .string(url))])])
        state.with { $0.subscriptions[shop] = url }
    }

    private static func refused(_ position: String) -> Fault {
        Fault(
            "url_refused", stage: .sandbox, disposition: .reject, summary: "webhooks need an http or https address",
            remedy: "Name the address of the intake, or subscribe both shops.", position: position)
    }

    /// Something that the day does not have happens in a shop; its webhooks go where the day's go. Of those that are under way at a restart a sweep tells.
    /// - Throws: as `ShopifyTwin.happen`.
    func happen(_ body: JSON, at now: Timestamp) throws(Fault) -> JSON {
        let (outcome, webhooks) = try shopify.happen(body, at: now)
        state.with { state in
            for webhook in webhooks where !state.webhookBase.isEmpty || state.subscriptions[webhook.shop] != nil { state.send(webhook) }
        }
        signal.yield()
        return outcome
    }

    /// Notes that noon is over. The caller changes the ledger.
    func markNoon() throws(Fault) {
        guard !state.with({ $0.noonPassed }) else { return }
        try journal.append([.object([("t", "noon")])])
        state.with { $0.noonPassed = true }
    }

    var lockMoves: Bool { state.with { $0.lockMoves } }

    func subscriptions() -> [String: String] { state.with { $0.subscriptions } }

    func progress() -> JSON {
        state.with { state in
            func number(_ value: Int) -> JSON { .number(String(value)) }
            return .object([
                ("phase", .string(state.phase)),
                ("seed", state.seed.map { .number(String(Int64(bitPattern: $0))) } ?? .null),
                ("orders", number(state.orders)), ("sent", number(state.applied)), ("total", number(state.total)),
                ("webhooks_sent", number(state.acknowledged.count)), ("webhooks_lost", number(state.lost)),
                ("webhooks_duplicated", number(state.duplicated)), ("webhooks_reordered", number(state.reordered)), ("bound", number(state.bound)), ("through", number(state.through ?? state.bound)),
                ("undelivered", number(state.undelivered)), ("noon", .bool(state.noonPassed)),
            ])
        }
    }

    // MARK: Playing

    /// Plays whenever there is something to play, until cancelled.
    func run() async throws {
        for await _ in wakeups {
            if Task.isCancelled { break }
            try await playOn()
        }
    }

    /// Plays up to where the day may go; returns when all is delivered.
    func playOn() async throws(Fault) {
        let (base, subscriptions) = state.with { ($0.webhookBase, $0.subscriptions) }
        var urls: [String: String] = [:]
        for shop in try ShopifyTwin.shops() {
            urls[shop.name] = subscriptions[shop.name] ?? "\(base)/hooks/shopify/\(shop.name)"
        }
        let client = sender(Set(urls.values.compactMap(NetworkWebhookSender.host)).sorted())
        let targets = urls
        let outcome = await withTaskGroup(of: (DayState.Delivery, Bool).self) { group in
            let outcome = await deliver(&group, client, targets)
            group.cancelAll()
            return outcome
        }
        await client.close()
        try outcome.get()
    }

    private func deliver(
        _ group: inout TaskGroup<(DayState.Delivery, Bool)>, _ client: any WebhookSender, _ urls: [String: String]
    ) async -> Result<Void, Fault> {
        var unwritten: [String] = []
        var running = 0
        do {
            while !Task.isCancelled {
                try advance(&unwritten)
                while running < Self.inFlight, let delivery = state.with({ $0.take(at: clocks.monotonic()) }) {
                    running += 1
                    group.addTask { [self] in (delivery, await send(delivery.webhook, client, urls)) }
                }
                if running > 0, let (delivery, acknowledged) = await group.next() {
                    running -= 1
                    settle(delivery, acknowledged)
                    if acknowledged { unwritten.append(delivery.key) }
                    if unwritten.count >= Self.unwritten {
                        try journal.append(Self.acknowledgement(unwritten))
                        unwritten = []
                    }
                } else if let due = state.with({ $0.nextDue }) {
                    await pause(max(.milliseconds(1), due - clocks.monotonic()))
                } else if state.with({ $0.playable(1) }) == 0 {
                    break
                }
            }
            try journal.append(Self.acknowledgement(unwritten))
            while running > 0, let (delivery, acknowledged) = await group.next() {
                running -= 1
                settle(delivery, acknowledged)
            }
            return .success(())
        } catch {
            return .failure(error)
        }
    }

    private func settle(_ delivery: DayState.Delivery, _ acknowledged: Bool) {
        let now = clocks.monotonic()
        state.with { state in
            if acknowledged { state.acknowledge(delivery) } else { state.postpone(delivery, at: now) }
        }
    }

    /// Plays further events while few webhooks wait; the acknowledgements so far go to the disk with the same write.
    private func advance(_ unwritten: inout [String]) throws(Fault) {
        let (count, through) = state.with { state in
            let count = state.waiting < Self.inFlight ? state.playable(Self.stride) : 0
            return (count, state.applied + count)
        }
        guard count > 0 else { return }
        try journal.append(
            Self.acknowledgement(unwritten) + [.object([("t", "applied"), ("n", .number(String(through)))])])
        unwritten = []
        let shopify = self.shopify
        state.with { $0.play(count) { shopify.apply($0) } }
    }

    private static func acknowledgement(_ keys: [String]) -> [JSON] {
        keys.isEmpty ? [] : [.object([("t", "acknowledged"), ("ids", .array(keys.map { .string($0) }))])]
    }

    private func send(_ webhook: ShopWebhook, _ client: any WebhookSender, _ urls: [String: String]) async -> Bool {
        guard let shop = shopify.shop(webhook.shop), let url = urls[webhook.shop] else { return false }
        guard let status = await client.send(webhook.request(to: url, shop: shop)) else { return false }
        return (200..<300).contains(status)
    }
}
