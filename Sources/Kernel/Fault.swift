/// The one error that crosses module borders. Its `description` is safe to log: it never holds a secret or a body.
public struct Fault: Error, Sendable, Equatable, CustomStringConvertible {
    /// What the caller's machinery does next. Row state and alert level follow from this, in one switch each.
    public enum Disposition: String, Sendable, CaseIterable {
        /// Try again after a back-off; nothing is wrong with the request.
        case retry
        /// Try again after `retryAfter`: the other side said when.
        case wait
        /// A person must reconnect; the connection pauses.
        case reauthorise
        /// A person must decide or mend something; the document waits.
        case hold
        /// The other side said no for good.
        case reject
        /// Our mistake: never retried by itself.
        case bug
    }

    /// Where it happened: a step of the pipeline or a floor below it.
    public enum Stage: String, Sendable, CaseIterable {
        case ingest, normalize, map, preflight, post, confirm, reconcile, reflect
        case wire, http, database, crypto, courier, scheduler, worker, api, configuration, sandbox
    }

    /// Stable, snake_case; what programs and alert rules match on. Listed in docs/errors.md.
    public var code: String
    public var stage: Stage
    public var disposition: Disposition
    /// One sentence: what went wrong.
    public var summary: String
    /// One sentence: what whoever reads this can do about it. Empty where nothing can be done.
    public var remedy: String
    /// The field, line or position it concerns (`lines[2].tax`, `byte 118`).
    public var position: String?
    /// Earliest sensible time for another attempt, seconds from now; only with `wait`.
    public var retryAfter: Duration?
    /// Safe text of what caused it.
    public var underlying: String?

    public init(
        _ code: String, stage: Stage, disposition: Disposition, summary: String, remedy: String = "",
        position: String? = nil, retryAfter: Duration? = nil, underlying: String? = nil
    ) {
        self.code = code
        self.stage = stage
        self.disposition = disposition
        self.summary = summary
        self.remedy = remedy
        self.position = position
        self.retryAfter = retryAfter
        self.underlying = underlying
    }

    public var description: String {
        var text = "\(stage.rawValue)/\(code): \(summary)"
        if let position { text += " (at \(position))" }
        if let underlying { text += ": \(underlying)" }
        if !remedy.isEmpty { text += ". \(remedy)" }
        return text
    }

    /// Wraps an error of unknown type, for the few places where one can arrive (cancellation, the standard library).
    public static func wrapping(_ error: any Error, stage: Stage) -> Fault {
        if let fault = error as? Fault { return fault }
        if error is CancellationError {
            return Fault("cancelled", stage: stage, disposition: .retry, summary: "the work was cancelled")
        }
        return Fault("unexpected_error", stage: stage, disposition: .bug, summary: "an error of type \(type(of: error))")
    }
}
