internal import Crypto
internal import Kernel
internal import Wire

/// What becomes of one webhook on its way.
enum DeliveryFate: Sendable, Equatable {
    case delivered, lost, duplicated
    /// Overtaken by this many later ones.
    case overtaken(Int)

    /// Decided by the delivery's id alone, so that a restart decides the same.
    init(_ webhook: ShopWebhook, losable: Bool) {
        let bytes = Digest.sha256(Array("fate/\(webhook.id)".utf8))
        let roll = (Int(bytes[0]) << 16 | Int(bytes[1]) << 8 | Int(bytes[2])) % 1000
        if roll < DayFacts.lost {
            self = losable ? .lost : .delivered
        } else if roll < DayFacts.lost + DayFacts.duplicate {
            self = .duplicated
        } else if roll < DayFacts.lost + DayFacts.duplicate + DayFacts.reordered {
            self = .overtaken(3 + Int(bytes[3]) % 6)
        } else {
            self = .delivered
        }
    }
}

/// The day's position: which orders there are, how far it has been played, and which webhooks are still under way. A
/// value that the journal's records rebuild.
struct DayState: Sendable {
    struct Delivery: Sendable {
        var webhook: ShopWebhook
        /// 1 for the second delivery of a duplicate.
        var copy: Int
        var attempts = 0
        /// Monotonic time of the next attempt.
        var notBefore = Duration.zero

        var key: String { copy == 0 ? webhook.id : "\(webhook.id)+\(copy)" }
    }

    private struct Step: Sendable {
        var second: Int
        var shop: String
        var orderID: Int64
        var order: Int
        var event: Int
    }

    enum Until: String, Sendable { case noon, end }

    var seed: UInt64?
    var orders = 0
    var until: Until?
    var webhookBase = ""
    var subscriptions: [String: String] = [:]
    var noonPassed = false
    /// The ledgers' lock dates move at noon.
    var lockMoves = false
    private(set) var applied = 0
    private(set) var lost = 0
    private(set) var duplicated = 0
    private(set) var reordered = 0
    /// Plays no further than this many steps, while somebody paces the day.
    var through: Int?
    private(set) var acknowledged: Set<String> = []
    private var day: [DayOrder] = []
    private var steps: [Step] = []
    private var queue: [Delivery] = []
    private var overtaken: [(delivery: Delivery, after: Int)] = []
    private var queued = 0
    var inFlight = 0

    var total: Int { steps.count }
    var undelivered: Int { queue.count + overtaken.count + inFlight }
    var waiting: Int { queue.count }

    /// Where the day stands, as `/_sandbox/day/progress` names it.
    var phase: String {
        guard seed != nil else { return "idle" }
        guard let until else { return "prepared" }
        if applied < bound || undelivered > 0 { return "playing" }
        return until == .noon ? "noon" : "end"
    }

    /// How many steps the day has until where it may go.
    var bound: Int {
        switch until {
        case nil: 0
        case .noon: steps.firstIndex { $0.second >= DayFacts.noon } ?? steps.count
        case .end: steps.count
        }
    }

    /// Takes the day's orders and puts their events in order of local time.
    mutating func prepare(_ day: [DayOrder], seed: UInt64, shops: [String: Shop]) {
        self.seed = seed
        orders = day.count
        self.day = day
        steps = day.indices.flatMap { index in
            day[index].events.indices.map { event in
                let at = day[index].events[event].at
                return Step(
                    second: shops[day[index].shop]?.zone.secondOfDay(at: at) ?? 0, shop: day[index].shop,
                    orderID: day[index].order.id, order: index, event: event)
            }
        }
        steps.sort { ($0.second, $0.shop, $0.orderID, $0.event) < ($1.second, $1.shop, $1.orderID, $1.event) }
    }

    /// How many steps it takes from `start` until `count` of them are this shop's; up to where the day may go.
    func steps(from start: Int, until count: Int, of shop: String) -> Int {
        var left = count
        var index = max(start, applied)
        while index < bound, left > 0 {
            if steps[index].shop == shop { left -= 1 }
            index += 1
        }
        return index
    }

    /// How many of `count` steps may be played now.
    func playable(_ count: Int) -> Int { max(0, min(count, min(bound, through ?? bound) - applied)) }

    /// Plays the next `count` steps: `apply` changes the shops and returns the webhooks.
    mutating func play(_ count: Int, apply: (ShopEvent) -> [ShopWebhook]) {
        for step in steps[applied..<applied + count] {
            let order = day[step.order]
            for webhook in apply(order.events[step.event]) { route(webhook, losable: Self.losable(order)) }
        }
        applied += count
        if applied >= bound { releaseOvertaken(all: true) }
    }

    /// A lost webhook is found by the next sweep; of goods whose account or period closes at noon, and of edited orders, a
    /// sweep would come too late or tell too little, so nothing of theirs is lost.
    private static func losable(_ order: DayOrder) -> Bool {
        ![DayRole.garden, .late, .editUp, .editDown].contains(order.role)
    }

    private mutating func route(_ webhook: ShopWebhook, losable: Bool) {
        let first = Delivery(webhook: webhook, copy: 0)
        switch DeliveryFate(webhook, losable: losable) {
        case .lost: lost += 1
        case .delivered: enqueue(first)
        case .duplicated:
            duplicated += 1
            enqueue(first)
            enqueue(Delivery(webhook: webhook, copy: 1))
        case .overtaken(let by):
            reordered += 1
            overtaken.append((first, queued + by))
        }
        releaseOvertaken(all: false)
    }

    /// One that no plan of faults loses or delays.
    mutating func send(_ webhook: ShopWebhook) { enqueue(Delivery(webhook: webhook, copy: 0)) }

    private mutating func enqueue(_ delivery: Delivery) {
        queued += 1
        if !acknowledged.contains(delivery.key) { queue.append(delivery) }
    }

    private mutating func releaseOvertaken(all: Bool) {
        let ready = overtaken.filter { all || $0.after <= queued }
        overtaken.removeAll { all || $0.after <= queued }
        for item in ready { enqueue(item.delivery) }
    }

    // MARK: Deliveries

    /// The next delivery that is due.
    mutating func take(at now: Duration) -> Delivery? {
        guard let index = queue.firstIndex(where: { $0.notBefore <= now }) else { return nil }
        inFlight += 1
        return queue.remove(at: index)
    }

    /// When the earliest waiting delivery is due.
    var nextDue: Duration? { queue.map(\.notBefore).min() }

    mutating func acknowledge(_ delivery: Delivery) {
        inFlight -= 1
        acknowledged.insert(delivery.key)
    }

    /// Tries again later: a quarter second, doubled each time, at most ten seconds. The vendor's four hours are the
    /// demonstration's minute, and it gives up after 8 attempts, which a demonstration must not.
    mutating func postpone(_ delivery: Delivery, at now: Duration) {
        inFlight -= 1
        var again = delivery
        again.attempts += 1
        again.notBefore = now + .milliseconds(min(10_000, 250 << min(again.attempts - 1, 6)))
        queue.append(again)
    }

    mutating func replayAcknowledged(_ keys: [String]) {
        acknowledged.formUnion(keys)
        queue.removeAll { acknowledged.contains($0.key) }
        overtaken.removeAll { acknowledged.contains($0.delivery.key) }
    }

    /// Puts a step's worth of records back where a restart found them.
    mutating func replayApplied(through count: Int, apply: (ShopEvent) -> [ShopWebhook]) {
        guard count > applied, count <= steps.count else { return }
        play(count - applied, apply: apply)
    }
}
