public import Kernel
public import Wire

/// What an answer means by its status alone, for a connector's `judge` to fall back on once it has read the body: total, and never taking a
/// success or a rejection for more than it says.
public struct Judging: Sendable {
    /// As people know the platform: `Xero`.
    public var platform: String
    /// Longest text of a platform that is kept.
    public static let textCharacters = 300
    /// Longest pause that an answer may ask for.
    public static let pauseMost = Duration.seconds(86_400)

    public init(_ platform: String) { self.platform = platform }

    /// - Parameters:
    ///   - says: what the body says went wrong, where it says so.
    ///   - bucket: the budget that a 429 is about; `nil` when the answer does not tell.
    public func verdict(_ response: HTTPResponse, to call: Call, says text: String? = nil, bucket: String? = nil) -> Verdict {
        switch response.status {
        case 200 ..< 300: return .accepted
        case 401: return .reauthorize(tokenRefused(text))
        case 429: return .throttled(after: Judging.retryAfter(response), bucket: bucket)
        // Nobody knows how far a server got before it gave up waiting.
        case 408: return down(call, "status 408", text)
        case 400 ..< 500: return .rejected(refused("status \(response.status)", text))
        // A redirection is no answer of this platform's; neither is what HTTP does not know.
        default: return down(call, "status \(response.status)", text)
        }
    }

    /// An answer that is no answer of this platform: a page of something between, half a body, another format. For a read it is as good as none.
    public func unreadable(_ response: HTTPResponse, to call: Call) -> Verdict {
        let why = "an answer with status \(response.status) that can't be read"
        guard call.kind == .read else { return .outcomeUnknown(unknown(why, nil)) }
        return .unavailable(Fault("unreadable_answer", stage: .courier, disposition: .retry, summary: "\(platform) gave \(why)"))
    }

    /// The platform fails: nothing was done by a read, and nobody knows about a write.
    public func down(_ call: Call, _ why: String, _ text: String? = nil) -> Verdict {
        guard call.kind == .read else { return .outcomeUnknown(unknown(why, text)) }
        return .unavailable(Fault(
            "unavailable", stage: .courier, disposition: .retry, summary: "\(platform) is out of order: \(why)", underlying: Judging.short(text)))
    }

    public func tokenRefused(_ text: String?) -> Fault {
        Fault("token_refused", stage: .courier, disposition: .reauthorise, summary: "\(platform) refuses the credential", underlying: Judging.short(text))
    }

    public func refused(_ why: String, _ text: String?) -> Fault {
        Fault(
            "platform_refused", stage: .post, disposition: .reject, summary: "\(platform) refuses it: \(Judging.short(text) ?? why)",
            remedy: "Mend what \(platform) names and release the posting.", underlying: why)
    }

    /// A judged answer that is not what was asked for: found by the exchange, behind a read.
    public func notRead(_ why: String) -> Fault {
        Fault(
            "unreadable_answer", stage: .post, disposition: .retry, summary: "\(platform)'s answer can't be read: \(why)",
            remedy: "It is asked again; if this stays, report it with the time.")
    }

    /// The same behind a write.
    public func notTold(_ why: String) -> Fault {
        Fault(
            "outcome_unknown", stage: .post, disposition: .retry, summary: "\(platform)'s answer does not tell what became of the document: \(why)",
            remedy: "None needed: it is looked up.")
    }

    private func unknown(_ why: String, _ text: String?) -> Fault {
        Fault(
            "outcome_unknown", stage: .post, disposition: .retry, summary: "\(platform) does not say whether it was done: \(why)",
            underlying: Judging.short(text))
    }

    /// `Retry-After`: seconds, or a date, which is measured against the answer's own `Date`. Never negative, at most a day.
    /// - Source: RFC 9110, section 10.2.3.
    public static func retryAfter(_ response: HTTPResponse) -> Duration? {
        guard let text = response.fields["Retry-After"] else { return nil }
        if let seconds = Int64(text) { return seconds < 0 ? nil : min(.seconds(seconds), pauseMost) }
        guard let until = HTTPDate.timestamp(text), let now = response.date else { return nil }
        return min(max(until - now, .zero), pauseMost)
    }

    /// One line of at most 300 characters; `nil` for nothing.
    public static func short(_ text: String?) -> String? {
        guard let text else { return nil }
        let line = String(String.UnicodeScalarView(text.unicodeScalars.prefix(textCharacters * 4).map { $0.value < 32 || $0.value == 127 ? " " : $0 }))
        let words = line.split(separator: " ").joined(separator: " ")
        return words.isEmpty ? nil : String(words.prefix(textCharacters))
    }
}

extension HTTPResponse {
    /// When the answer was made, by its own `Date`; `nil` where it has none that can be read.
    public var date: Timestamp? { fields["Date"].flatMap { HTTPDate.timestamp($0) } }
}
