internal import Kernel
internal import Wire

/// Fixed windows of the clock for each user. In memory only: a twin that starts anew begins at nothing.
struct FAMeter: Sendable {
    private struct Window: Sendable {
        var number: Int64 = .min
        var used = 0
    }

    let limits: FreeAgentLimits
    private var windows: [String: Window] = [:]

    init(limits: FreeAgentLimits) { self.limits = limits }

    /// Counts a call of a user, or says why it is one too many.
    mutating func admit(_ user: String, isTest: Bool, at now: Timestamp) -> HTTPResponse? {
        let perMinute = isTest ? min(limits.testCallsPerMinute, limits.callsPerMinute) : limits.callsPerMinute
        return count("calls \(user)", [(60, perMinute), (3600, limits.callsPerHour)], at: now)
    }

    /// The same for an exchange of tokens.
    mutating func admitRefresh(at now: Timestamp) -> HTTPResponse? { count("refresh", [(60, limits.refreshesPerMinute)], at: now) }

    private mutating func count(_ what: String, _ rules: [(seconds: Int64, most: Int)], at now: Timestamp) -> HTTPResponse? {
        for rule in rules {
            let key = "\(what) \(rule.seconds)"
            let number = now.seconds / rule.seconds
            if windows[key]?.number != number { windows[key] = Window(number: number) }
            guard (windows[key]?.used ?? 0) < rule.most else { return Self.refusal(most: rule.most, seconds: rule.seconds) }
        }
        for rule in rules { windows["\(what) \(rule.seconds)"]?.used += 1 }
        return nil
    }

    /// - Source: dev.freeagent.com/docs/introduction, "Respecting the Rate Limits".
    static func refusal(most: Int, seconds: Int64) -> HTTPResponse {
        var response = HTTPResponse.text(429, "You must not exceed \(most) requests per \(seconds) seconds")
        response.fields["Retry-After"] = "\(seconds)"
        return response
    }
}
