public import ConnectorKit
public import Kernel
public import Wire

/// How a conversation that a test played came out.
public enum Ended<Output: Sendable>: Sendable {
    case finished(Output)
    case failed(Fault)
    /// What the answer was judged to be, where it was not accepted.
    case judged(Verdict)
    /// More calls than answers.
    case open

    public var output: Output? { if case .finished(let output) = self { output } else { nil } }
    public var fault: Fault? { if case .failed(let fault) = self { fault } else { nil } }
    public var verdict: Verdict? { if case .judged(let verdict) = self { verdict } else { nil } }
}

/// A conversation that was answered call by call.
public struct Played<Output: Sendable>: Sendable {
    public var end: Ended<Output>
    public var calls: [Call]

    public var output: Output? { end.output }
    public var fault: Fault? { end.fault }
    public var verdict: Verdict? { end.verdict }
    /// Paths with their queries, as people read them.
    public var targets: [String] { calls.map { Form.unpercent($0.request.target) } }
    public var paths: [String] { targets.map { String($0.prefix { $0 != "?" }) } }
}

extension Connector {
    /// Plays answers to an exchange as the courier would: what `judge` does not accept never reaches it.
    public func drive<Output>(_ exchange: Exchange<Output>, _ answers: [HTTPResponse] = []) -> (end: Ended<Output>, calls: [Call]) {
        var left = answers[...]
        return drive(exchange) { _ in left.popFirst() }
    }

    /// The same with an answer to each call's target, as people read it.
    /// - Parameter most: calls after which nothing is answered any more: a conversation that does not end is a test's failure, not its hanging.
    public func play<Output>(_ exchange: Exchange<Output>, most: Int = 700, _ answer: (String) -> HTTPResponse) -> Played<Output> {
        var left = most
        let (end, calls) = drive(exchange) { call in
            left -= 1
            return left >= 0 ? answer(Form.unpercent(call.request.target)) : nil
        }
        return Played(end: end, calls: calls)
    }

    /// The same with an answer to each whole call, a twin's for instance; `nil` ends it.
    public func drive<Output>(_ exchange: Exchange<Output>, answering answer: (Call) -> HTTPResponse?) -> (end: Ended<Output>, calls: [Call]) {
        var step = exchange
        var calls: [Call] = []
        while true {
            switch step {
            case .finish(let output): return (.finished(output), calls)
            case .fail(let fault): return (.failed(fault), calls)
            case .send(let call, let then):
                calls.append(call)
                guard let response = answer(call) else { return (.open, calls) }
                let verdict = judge(response, to: call)
                guard verdict == .accepted else { return (.judged(verdict), calls) }
                step = then(response)
            }
        }
    }
}

/// The fault that `work` throws; `nil` where it throws none.
public func fault<Value>(_ work: () throws(Fault) -> Value) -> Fault? {
    do throws(Fault) {
        _ = try work()
        return nil
    } catch { return error }
}

// MARK: In a word

/// `rejected period_locked`.
public func word(_ verdict: Verdict) -> String {
    switch verdict {
    case .accepted: "accepted"
    case .throttled: "throttled"
    case .unavailable(let fault): "unavailable \(fault.code)"
    case .reauthorize: "reauthorize"
    case .duplicate(let fault): "duplicate \(fault.code)"
    case .rejected(let fault): "rejected \(fault.code)"
    case .outcomeUnknown(let fault): "unknown \(fault.code)"
    }
}

/// `posted 9001`, `stale version_conflict`.
public func word(_ outcome: PostOutcome) -> String {
    switch outcome {
    case .posted(let id, _): "posted \(id)"
    case .duplicate(let fault): "duplicate \(fault.code)"
    case .rejected(let fault): "rejected \(fault.code)"
    case .throttled(let fault): "throttled \(fault.code)"
    case .stale(let fault): "stale \(fault.code)"
    case .unknown(let fault): "unknown \(fault.code)"
    }
}

/// `finished`, `failed setting_invalid`, or how its last answer was judged.
public func word<Output>(_ end: Ended<Output>) -> String {
    switch end {
    case .finished: "finished"
    case .failed(let fault): "failed \(fault.code)"
    case .judged(let verdict): word(verdict)
    case .open: "open"
    }
}
