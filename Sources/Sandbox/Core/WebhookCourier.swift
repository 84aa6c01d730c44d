internal import Kernel
internal import TwinKit
internal import Wire

/// Carries the webhooks of the twins that live by themselves, up to sixteen at a time, when each is due. What was acknowledged, and when the next
/// attempt is, the twin keeps: a killed sandbox goes on where it was.
final class WebhookCourier: Service {
    /// Webhooks under way at one time.
    static let inFlight = 16
    /// How long a late one is kept back, so that others overtake it.
    static let lateness = Duration.milliseconds(1500)
    /// Receivers whose connections are kept.
    private static let hostsMost = 64

    let name = "webhooks"
    private let sources: [any LivingTwin]
    private let now: @Sendable () -> Timestamp
    private let sender: @Sendable ([String]) -> any WebhookSender
    private let pause: @Sendable (Duration) async -> Void
    private let fate: @Sendable (String) -> WebhookFate
    private let wakeups: AsyncStream<Void>
    private let signal: AsyncStream<Void>.Continuation
    private let running = Locked(0)
    /// When the earliest timer rings.
    private let timer = Locked<Timestamp?>(nil)
    private let senders = Locked<[String: any WebhookSender]>([:])

    init(
        sources: [any LivingTwin], now: @escaping @Sendable () -> Timestamp, sender: @escaping @Sendable ([String]) -> any WebhookSender,
        pause: @escaping @Sendable (Duration) async -> Void, fate: @escaping @Sendable (String) -> WebhookFate
    ) {
        self.sources = sources
        self.now = now
        self.sender = sender
        self.pause = pause
        self.fate = fate
        (wakeups, signal) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
        signal.yield()
    }

    /// Something may be due.
    func wake() { signal.yield() }

    func run() async throws {
        await withDiscardingTaskGroup { group in
            for await _ in wakeups {
                if Task.isCancelled { break }
                for source in sources { send(from: source, &group) }
            }
            group.cancelAll()
        }
        for sender in senders.with({ senders in
            defer { senders = [:] }
            return Array(senders.values)
        }) { await sender.close() }
    }

    /// Sends what is due, and has itself woken when the next is.
    private func send(from source: any LivingTwin, _ group: inout DiscardingTaskGroup) {
        let at = now()
        let room = Self.inFlight - running.with { $0 }
        let taken = room > 0 ? source.takeWebhooks(at: at, most: room) : []
        for webhook in taken {
            running.with { $0 += 1 }
            group.addTask { [self] in await deliver(webhook, of: source) }
        }
        // With no room left, whichever ends first wakes it.
        guard taken.count < room else { return }
        guard let due = source.nextWebhook(), due > at else { return }
        let isEarlier = timer.with { timer in
            if let timer, timer <= due { return false }
            timer = due
            return true
        }
        guard isEarlier else { return }
        group.addTask { [self] in
            await pause(due - at)
            timer.with { if $0 == due { $0 = nil } }
            signal.yield()
        }
    }

    private func deliver(_ webhook: DueWebhook, of source: any LivingTwin) async {
        let status: Int?
        switch fate(String(source.prefix.dropFirst())) {
        case .lost: status = 200
        case .none: status = await post(webhook)
        case .late:
            await pause(Self.lateness)
            status = await post(webhook)
        case .duplicated:
            _ = await post(webhook)
            status = await post(webhook)
        }
        source.settleWebhook(webhook.id, status: status, at: now())
        running.with { $0 -= 1 }
        signal.yield()
    }

    private func post(_ webhook: DueWebhook) async -> Int? {
        guard let host = NetworkWebhookSender.host(of: webhook.request.target) else { return nil }
        let make = sender
        let client: (any WebhookSender)? = senders.with { senders in
            if let known = senders[host] { return known }
            guard senders.count < Self.hostsMost else { return nil }
            let made = make([host])
            senders[host] = made
            return made
        }
        return await client?.send(webhook.request)
    }
}
