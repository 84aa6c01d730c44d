internal import Synchronization

/// Counters, gauges and histograms of one process, rendered in Prometheus' text format.
public final class Metrics: Sendable {
    /// Every metric there is. Names end in their unit; counters in `_total`.
    public enum Name: String, Sendable, CaseIterable {
        case httpRequests = "counterfoil_http_requests_total"
        case httpSeconds = "counterfoil_http_request_seconds"
        case webhooks = "counterfoil_webhooks_total"
        case events = "counterfoil_events_total"
        case documents = "counterfoil_documents_total"
        case postings = "counterfoil_postings_total"
        case calls = "counterfoil_platform_calls_total"
        case callSeconds = "counterfoil_platform_call_seconds"
        case throttled = "counterfoil_throttled_total"
        case workers = "counterfoil_workers"
        case workerRuns = "counterfoil_worker_runs_total"
        case leases = "counterfoil_lease_takeovers_total"
        case databaseFaults = "counterfoil_database_faults_total"
        case alertsOpen = "counterfoil_alerts_open"
        case postingsByState = "counterfoil_postings"
        case unexplained = "counterfoil_unexplained_minor"
        case alerts = "counterfoil_alerts"
        case alertDeliveries = "counterfoil_alert_deliveries"
        case lagSeconds = "counterfoil_lag_seconds"
        case lagging = "counterfoil_lagging_tenants"
        case quotaUsed = "counterfoil_quota_used_ratio"
        case connectionQuotaUsed = "counterfoil_connection_quota_used_ratio"
        case appQuotaUsed = "counterfoil_app_quota_used_ratio"
        case concurrencyLimit = "counterfoil_connection_concurrency_limit"
        case inFlight = "counterfoil_connection_writes_in_flight"
        case platformsDown = "counterfoil_connections_down"
        case unsealedSeconds = "counterfoil_audit_unsealed_seconds"

        var kind: String {
            switch self {
            case .httpSeconds, .callSeconds: "histogram"
            case .workers, .alertsOpen, .postingsByState, .unexplained, .alerts, .alertDeliveries, .lagSeconds, .lagging, .quotaUsed, .platformsDown, .unsealedSeconds,
                .connectionQuotaUsed, .appQuotaUsed, .concurrencyLimit, .inFlight: "gauge"
            default: "counter"
            }
        }

        var help: String {
            switch self {
            case .httpRequests: "Requests answered, by route and status."
            case .httpSeconds: "Time from request head to answer."
            case .webhooks: "Webhook deliveries, by platform and result."
            case .events: "Raw events, by what normalise made of them."
            case .documents: "Canonical documents kept, by kind."
            case .postings: "Postings that reached a state."
            case .calls: "Calls to platforms, by platform and verdict."
            case .callSeconds: "Time of a call to a platform."
            case .throttled: "Calls put off because a budget was spent or the platform said so."
            case .workers: "Tenant workers running now."
            case .workerRuns: "Tenant workers ended, by result."
            case .leases: "Leases taken over from dead workers."
            case .databaseFaults: "Faults of the database, by code."
            case .alertsOpen: "Alerts not yet resolved, by severity."
            case .postingsByState: "Postings in each state now, over all tenants."
            case .unexplained: "Sum of unexplained amounts, minor units, by currency."
            case .alerts: "Alerts not yet resolved, by cause and severity."
            case .alertDeliveries: "Messages of alerts that wait to be sent, and those settled within the hour, by kind of route and state."
            case .lagSeconds: "How long the oldest work of any tenant waits for a worker."
            case .lagging: "Tenants whose oldest work waits for over five minutes."
            case .quotaUsed: "The fullest budget of any connection, by platform and budget; 1 is spent. Windows of a minute or more; long: of an hour or more."
            case .connectionQuotaUsed: "How full each budget of a connection is; 1 is spent."
            case .appQuotaUsed: "How full each budget of the operator's app at a platform is, over all connections; 1 is spent."
            case .concurrencyLimit: "Calls that a connection's platform takes at a time."
            case .inFlight: "Documents that were sent to a connection and are not answered yet."
            case .unsealedSeconds: "How long the oldest row of any trail waits for its seal."
            case .platformsDown: "Live connections whose platform does not answer, by platform."
            }
        }
    }

    private struct Series: Hashable, Sendable {
        var name: Name
        /// As rendered, so that what a child drained and what was counted here are one series.
        var labels: String

        init(name: Name, labels: String) {
            self.name = name
            self.labels = labels
        }

        init(_ name: Name, _ labels: [(String, String)]) {
            self.init(name: name, labels: labels.map { "\($0.0)=\(labelValue($0.1))" }.joined(separator: ","))
        }
    }

    private struct Histogram: Sendable {
        var counts: [UInt64] = Array(repeating: 0, count: Metrics.bounds.count + 1)
        var sum = 0.0
        var isEmpty: Bool { counts.allSatisfy { $0 == 0 } }

        mutating func add(_ seconds: Double) {
            counts[Metrics.bounds.firstIndex { seconds <= $0 } ?? Metrics.bounds.count] += 1
            sum += seconds
        }

        mutating func add(_ other: Histogram) {
            for n in counts.indices { counts[n] += other.counts[n] }
            sum += other.sum
        }
    }

    private struct State: Sendable {
        var values: [Series: Double] = [:]
        var histograms: [Series: Histogram] = [:]
        var tallies: [TallyState] = []

        /// Brings what the tallies hold to where everything else is counted.
        mutating func pour() {
            for n in tallies.indices {
                let tally = tallies[n]
                if tally.count > 0, values[tally.series] != nil || values.count < Metrics.seriesMost {
                    values[tally.series, default: 0] += tally.count
                    tallies[n].count = 0
                }
                if let seconds = tally.seconds, !seconds.isEmpty, histograms[tally.series] != nil || histograms.count < Metrics.histogramsMost {
                    histograms[tally.series, default: Histogram()].add(seconds)
                    tallies[n].seconds = Histogram()
                }
            }
        }
    }

    /// A series that is counted often, found once: its labels are rendered and hashed no more.
    public struct Tally: Sendable {
        fileprivate let slot: Int
    }

    /// What a tally has gathered since it was last poured into its series.
    private struct TallyState: Sendable {
        let series: Series
        var count = 0.0
        var seconds: Histogram?
    }

    private static let bounds: [Double] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]
    /// Distinct label sets per process; beyond it new ones are dropped rather than growing without end.
    private static let seriesMost = 20_000
    private static let histogramsMost = 2_000

    private let state = Mutex(State())

    public init() {}

    /// Adds to a counter; what is not a finite amount of at least zero is left out: a counter never goes down.
    public func count(_ name: Name, _ labels: (String, String)..., by amount: Double = 1) {
        guard amount >= 0, amount.isFinite else { return }
        let series = Series(name, labels)
        state.withLock { state in
            if state.values[series] == nil, state.values.count >= Metrics.seriesMost { return }
            state.values[series, default: 0] += amount
        }
    }

    /// A handle on a counter or histogram. There is no end to them but the caller's: ask once for each series, not once for each event.
    public func tally(_ name: Name, _ labels: (String, String)...) -> Tally {
        let made = TallyState(series: Series(name, labels), seconds: name.kind == "histogram" ? Histogram() : nil)
        return state.withLock { state in
            state.tallies.append(made)
            return Tally(slot: state.tallies.count - 1)
        }
    }

    /// Adds one to a counter.
    public func count(_ tally: Tally) { state.withLock { $0.tallies[tally.slot].count += 1 } }

    /// Adds an observation to a histogram.
    public func observe(_ tally: Tally, seconds: Double) {
        guard seconds.isFinite else { return }
        state.withLock { $0.tallies[tally.slot].seconds?.add(max(0, seconds)) }
    }

    public func set(_ name: Name, _ labels: (String, String)..., to value: Double) {
        let series = Series(name, labels)
        state.withLock { state in
            if state.values[series] == nil, state.values.count >= Metrics.seriesMost { return }
            state.values[series] = value
        }
    }

    /// Puts these in the place of all that a gauge shows: for labels that come and go.
    public func replace(_ name: Name, _ rows: [(labels: [(String, String)], value: Double)]) {
        state.withLock { state in
            for key in state.values.keys where key.name == name { state.values[key] = nil }
            for row in rows where state.values.count < Metrics.seriesMost { state.values[Series(name, row.labels)] = row.value }
        }
    }

    /// Adds an observation to a histogram of seconds; what is not finite is left out, below zero counts as zero.
    public func observe(_ name: Name, _ labels: (String, String)..., seconds observed: Double) {
        guard observed.isFinite else { return }
        let seconds = max(0, observed)
        let series = Series(name, labels)
        state.withLock { state in
            if state.histograms[series] == nil, state.histograms.count >= Metrics.histogramsMost { return }
            state.histograms[series, default: Histogram()].add(seconds)
        }
    }

    /// What a child sends its parent: counters since the last call, one per line, `name{labels} delta`.
    public func drainCounters() -> [String] {
        state.withLock { state in
            state.pour()
            let lines = state.values.filter { $0.key.name.kind == "counter" && $0.value != 0 }
                .map { "\($0.key.name.rawValue){\($0.key.labels)} \($0.value)" }.sorted()
            for key in state.values.keys where key.name.kind == "counter" { state.values[key] = nil }
            return lines
        }
    }

    /// Adds a line that a child drained. Lines of another shape are ignored: a child is not trusted.
    public func absorb(_ line: String) {
        guard let open = line.firstIndex(of: "{"), let close = line.lastIndex(of: "}"), open < close,
            let name = Name(rawValue: String(line[..<open])), name.kind == "counter",
            let value = Double(line[line.index(after: close)...].drop { $0 == " " }), value >= 0, value.isFinite
        else { return }
        let labels = String(line[line.index(after: open) ..< close])
        guard labels.isEmpty || areLabels(labels) else { return }
        let series = Series(name: name, labels: labels)
        state.withLock { state in
            if state.values[series] == nil, state.values.count >= Metrics.seriesMost { return }
            let sum = state.values[series, default: 0] + value
            if sum.isFinite { state.values[series] = sum }
        }
    }

    /// Prometheus' text format, version 0.0.4.
    public func rendered() -> String {
        state.withLock { state in
            state.pour()
            var out = ""
            for name in Name.allCases {
                let plain = state.values.filter { $0.key.name == name }.map { ($0.key.labels, $0.value) }.sorted { $0.0 < $1.0 }
                let histograms = state.histograms.filter { $0.key.name == name }.sorted { $0.key.labels < $1.key.labels }
                guard !plain.isEmpty || !histograms.isEmpty else { continue }
                out += "# HELP \(name.rawValue) \(name.help)\n# TYPE \(name.rawValue) \(name.kind)\n"
                for (labels, value) in plain { out += "\(name.rawValue)\(labels.isEmpty ? "" : "{\(labels)}") \(number(value))\n" }
                for (series, h) in histograms { out += text(series, h) }
            }
            return out
        }
    }

    private func text(_ series: Series, _ h: Histogram) -> String {
        var out = ""
        var total: UInt64 = 0
        let prefix = series.labels.isEmpty ? "" : series.labels + ","
        for (n, count) in h.counts.enumerated() {
            total += count
            let bound = n < Metrics.bounds.count ? number(Metrics.bounds[n]) : "+Inf"
            out += "\(series.name.rawValue)_bucket{\(prefix)le=\"\(bound)\"} \(total)\n"
        }
        let labels = series.labels.isEmpty ? "" : "{\(series.labels)}"
        return out + "\(series.name.rawValue)_sum\(labels) \(number(h.sum))\n\(series.name.rawValue)_count\(labels) \(total)\n"
    }
}

private func number(_ value: Double) -> String { value == value.rounded() && abs(value) < 1e15 ? String(Int64(value)) : String(value) }

/// A label's value as the text format wants it: backslash, quote and line break escaped, other control characters left out.
private func labelValue(_ text: String) -> String {
    var out = "\""
    for scalar in text.unicodeScalars {
        switch scalar {
        case "\"": out += "\\\""
        case "\\": out += "\\\\"
        case "\n": out += "\\n"
        case _ where scalar.value < 32 || scalar.value == 127: break
        default: out.unicodeScalars.append(scalar)
        }
    }
    return out + "\""
}

/// `name="value",name="value"` and nothing else: what a child sends must not become other lines of ours.
private func areLabels(_ text: String) -> Bool {
    guard text.utf8.count <= 1000 else { return false }
    var rest = text.utf8[...]
    var names: Set<String> = []
    while true {
        let name = rest.prefix { $0 == 95 || ($0 >= 97 && $0 <= 122) }
        rest = rest.dropFirst(name.count)
        guard !name.isEmpty, names.insert(String(decoding: name, as: UTF8.self)).inserted, rest.starts(with: Array("=\"".utf8)) else { return false }
        rest = rest.dropFirst(2)
        while let byte = rest.first, byte != 34 {
            guard byte >= 32 else { return false }
            guard byte == 92 else {
                rest = rest.dropFirst()
                continue
            }
            guard let escaped = rest.dropFirst().first, [34, 92, 110].contains(escaped) else { return false }
            rest = rest.dropFirst(2)
        }
        guard rest.first == 34 else { return false }
        rest = rest.dropFirst()
        if rest.isEmpty { return true }
        guard rest.first == 44 else { return false }
        rest = rest.dropFirst()
    }
}
