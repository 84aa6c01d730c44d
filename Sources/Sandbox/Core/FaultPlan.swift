internal import Kernel
internal import Wire

/// What goes wrong between a client and one twin, in per mille of the requests. Nothing goes wrong by default.
struct TwinFaults: Sendable, Equatable {
    /// Every request waits this long, in milliseconds, low to high.
    var latency: ClosedRange<Int>?
    /// Not handled, connection closed.
    var lostRequest = 0
    /// Handled and kept, connection closed without the answer.
    var tornReply = 0
    var throttled = 0
    /// Throttled without saying for how long.
    var throttledSilently = 0
    var unavailable = 0
    /// As if the access token had been revoked.
    var revokedToken = 0
    /// Of the webhooks that a twin sends by itself, in per mille of the attempts: never sent though the twin believes so, sent twice, sent late.
    var lostWebhook = 0
    var duplicatedWebhook = 0
    var lateWebhook = 0
    /// How long a search does not show what was written, in milliseconds.
    var searchLag_ms = 0

    init() {}

    /// - Throws: `faults_refused` with the position of what is wrong.
    init(_ json: JSON, position: String) throws(Fault) {
        for (name, value) in json.object ?? [] {
            if name == "latency_ms" {
                guard let low = value[0]?.int, let high = value[1]?.int, low >= 0, low <= high, high <= 60_000 else {
                    throw Self.refused("latency_ms is two numbers of milliseconds", "\(position).\(name)")
                }
                latency = low...high
                continue
            }
            if name == "search_lag_ms" {
                guard let lag = value.int, (0...60_000).contains(lag) else {
                    throw Self.refused("search_lag_ms is a number of milliseconds up to 60000", "\(position).\(name)")
                }
                searchLag_ms = lag
                continue
            }
            guard let rate = value.int, (0...1000).contains(rate) else {
                throw Self.refused("a rate is a number from 0 to 1000", "\(position).\(name)")
            }
            switch name {
            case "lost_request_per_mille": lostRequest = rate
            case "torn_reply_per_mille": tornReply = rate
            case "throttled_per_mille": throttled = rate
            case "throttled_without_header_per_mille": throttledSilently = rate
            case "unavailable_per_mille": unavailable = rate
            case "revoked_token_per_mille": revokedToken = rate
            case "lost_webhook_per_mille": lostWebhook = rate
            case "duplicated_webhook_per_mille": duplicatedWebhook = rate
            case "late_webhook_per_mille": lateWebhook = rate
            default: throw Self.refused("there is no such fault", "\(position).\(name)")
            }
        }
        guard lostWebhook + duplicatedWebhook + lateWebhook <= 1000 else {
            throw Self.refused("the rates of one twin's webhooks are more than 1000 together", position)
        }
        guard lostRequest + tornReply + throttled + throttledSilently + unavailable + revokedToken <= 1000 else {
            throw Self.refused("the rates of one twin are more than 1000 together", position)
        }
    }

    static func refused(_ summary: String, _ position: String) -> Fault {
        Fault(
            "faults_refused", stage: .sandbox, disposition: .reject, summary: summary,
            remedy: "See the sandbox's documentation of the fault plan.", position: position)
    }
}

enum PlannedFault: Sendable, Equatable {
    case none, lostRequest, tornReply, throttled(retryAfterSeconds: Int?), unavailable, revokedToken
}

/// What befalls a webhook that a twin sends by itself.
enum WebhookFate: Sendable, Equatable {
    case none, lost, duplicated, late
}

/// The faults of all twins, drawn from a seed: the same requests in the same order meet the same faults.
struct FaultPlan: Sendable {
    private var twins: [String: TwinFaults] = [:]
    private var random: [String: SeededRandom] = [:]
    /// Apart, so that webhooks do not change which requests meet a fault.
    private var webhookRandom: [String: SeededRandom] = [:]

    init() {}

    /// - Parameter json: `{"seed": 7, "twins": {"qbo": {"torn_reply_per_mille": 5, …}}}`; `{}` takes all faults away.
    /// - Throws: `faults_refused`.
    init(_ json: JSON, known: [String]) throws(Fault) {
        let seed = json["seed"]?.int ?? 1
        for (name, value) in json["twins"]?.object ?? [] {
            guard known.contains(name) else { throw TwinFaults.refused("there is no such twin", "twins.\(name)") }
            twins[name] = try TwinFaults(value, position: "twins.\(name)")
            random[name] = SeededRandom(seed: UInt64(bitPattern: Int64(seed)) &+ UInt64(name.utf8.count))
            webhookRandom[name] = SeededRandom(seed: ~(UInt64(bitPattern: Int64(seed)) &+ UInt64(name.utf8.count)))
        }
    }

    /// How long this twin's searches lag behind its writes.
    func searchLag(_ twin: String) -> Duration { .milliseconds(twins[twin]?.searchLag_ms ?? 0) }

    /// What happens to the next webhook of this twin.
    func drawWebhook(_ twin: String) -> WebhookFate {
        guard let faults = twins[twin], let random = webhookRandom[twin] else { return .none }
        var roll = Int(random.next() % 1000)
        for (rate, fate) in [(faults.lostWebhook, WebhookFate.lost), (faults.duplicatedWebhook, .duplicated), (faults.lateWebhook, .late)] {
            if roll < rate { return fate }
            roll -= rate
        }
        return .none
    }

    /// What happens to the next request of this twin.
    func draw(_ twin: String) -> (fault: PlannedFault, latencyMilliseconds: Int) {
        guard let faults = twins[twin], let random = random[twin] else { return (.none, 0) }
        var roll = Int(random.next() % 1000)
        let wait = Int(random.next() % 1_000_000)
        let latency = faults.latency.map { $0.lowerBound + wait % ($0.upperBound - $0.lowerBound + 1) } ?? 0
        let table: [(Int, PlannedFault)] = [
            (faults.lostRequest, .lostRequest), (faults.tornReply, .tornReply),
            (faults.throttled, .throttled(retryAfterSeconds: 1)),
            (faults.throttledSilently, .throttled(retryAfterSeconds: nil)), (faults.unavailable, .unavailable),
            (faults.revokedToken, .revokedToken),
        ]
        for (rate, fault) in table {
            if roll < rate { return (fault, latency) }
            roll -= rate
        }
        return (.none, latency)
    }
}
