public import ConnectorKit
internal import Kernel
public import Wire

extension QuickBooksOnlineConnector {
    /// The one switch from an answer to its meaning. An answer that says 200 and holds a fault is judged by the
    /// fault. A stale version (5010) is accepted: the exchange turns it into `PostOutcome.stale`, which a verdict has
    /// no word for.
    public func judge(_ response: HTTPResponse, to call: Call) -> Verdict {
        let writes = call.kind == .write
        let answer = Answer(response)
        switch response.status {
        case 200 ..< 300:
            if let problem = answer.problem {
                return problem.reading(status: response.status).verdict(writes, call, response)
            }
            return answer.isObject ? .accepted : Self.lost("its answer can't be read", writes)
        case 401:
            var problem = answer.problem ?? Problem(code: "", text: "", type: "")
            if problem.code != "6190" { problem.code = "3200" }
            return problem.reading(status: 401).verdict(writes, call, response)
        case 429: return .throttled(after: Self.pause(response), bucket: Self.bucket(call))
        case 408: return Self.lost("the request timed out there", writes)
        case 400 ..< 500:
            let problem = answer.problem ?? Problem(code: "", text: "", type: "")
            return problem.reading(status: response.status).verdict(writes, call, response)
        default: return Self.lost("HTTP \(response.status)", writes, response)
        }
    }

    /// No answer that says what happened.
    private static func lost(_ why: String, _ writes: Bool, _ response: HTTPResponse? = nil) -> Verdict {
        var fault = writes ? Problem.outcomeUnknown(why) : Problem.unavailable(why)
        fault.underlying = response.flatMap(trace)
        return writes ? .outcomeUnknown(fault) : .unavailable(fault)
    }

    /// - Source: Intuit docs: wait 60 s; `Retry-After` is not promised, and counts only where it asks for more.
    static func pause(_ response: HTTPResponse) -> Duration {
        guard let text = response.fields["Retry-After"], let seconds = Int(text) else {
            return QuickBooksLimits.throttlePause
        }
        return max(QuickBooksLimits.throttlePause, .seconds(min(seconds, QuickBooksLimits.longestPauseSeconds)))
    }

    /// A read that is turned away may be over the minute's limit or over the month's, and their words are the same: the budget of reads rests, which
    /// is told from a minute's by being refused again and again, while writes go on.
    /// - Source: Intuit blog, Understanding Builder tier API limits (January 2026): above the allowance CorePlus calls are blocked until the next month.
    static func bucket(_ call: Call) -> String {
        if call.cost[Budget.batch] != nil { return Budget.batch }
        return call.cost[Budget.reads] == nil ? Budget.minute : Budget.reads
    }

    /// Intuit's id of the request, which their support asks for.
    static func trace(_ response: HTTPResponse) -> String? {
        guard let id = response.fields["intuit_tid"], id.utf8.count <= 80,
            id.utf8.allSatisfy({ ($0 | 32 >= 97 && $0 | 32 <= 122) || ($0 >= 48 && $0 <= 57) || $0 == 45 || $0 == 46 })
        else { return nil }
        return "intuit_tid \(id)"
    }
}

/// An answer's body, as far as it can be read.
struct Answer: Sendable {
    var isObject = false
    var problem: Problem?

    init(_ response: HTTPResponse) {
        // XML leaks into errors whatever was asked for.
        if response.body.first(where: { $0 > 32 }) == UInt8(ascii: "<") {
            problem = Problem(xml: response.body)
            return
        }
        guard let document = try? JSONDocument(parsing: response.body) else { return }
        let root = document.root
        isObject = root.rawBytes.first == UInt8(ascii: "{")
        problem = Problem(root) ?? Problem(root["QueryResponse"])
    }
}

/// What a fault of theirs says: the first of its errors.
struct Problem: Sendable, Equatable {
    /// Without leading zeros: `6140`, `3001`; empty where there is none.
    var code: String
    /// Message and detail.
    var text: String
    /// `ValidationFault`, `SystemFault` …
    var type: String

    init(code: String, text: String, type: String) {
        self.code = String(code.drop { $0 == "0" })
        self.text = text
        self.type = type
    }

    /// The `Fault` (or `fault`) of an object; `nil` without one.
    init?(_ holder: JSONView) {
        let upper = holder["Fault"]
        let fault = upper.isNull ? holder["fault"] : upper
        guard !fault.isNull else { return nil }
        let list = fault["Error"].exists ? fault["Error"] : fault["error"]
        let error = list.elements.first ?? list
        func text(_ names: [String]) -> String { names.lazy.compactMap { error[$0].string }.first ?? "" }
        let number = error["code"].int.map { String($0) }
        var parts = [text(["Message", "message"]), text(["Detail", "detail"])].filter { !$0.isEmpty }
        // The detail often begins with the message.
        if parts.count == 2, parts[1].hasPrefix(parts[0]) { parts.removeFirst() }
        self.init(
            code: error["code"].string ?? number ?? "", text: parts.joined(separator: ": "),
            type: fault["type"].string ?? "")
    }

    /// The same from an XML body, read as text: only three values matter.
    init?(xml body: [UInt8]) {
        let text = String(decoding: body.prefix(4_096), as: UTF8.self)
        guard text.contains("Fault") || text.contains("ThrottleExceeded") else { return nil }
        func between(_ start: String, _ end: String) -> String {
            guard let from = text.firstRange(of: start) else { return "" }
            let rest = text[from.upperBound...]
            return rest.firstRange(of: end).map { String(rest[..<$0.lowerBound]) } ?? ""
        }
        let parts = [between("<Message>", "</Message>"), between("<Detail>", "</Detail>")].filter { !$0.isEmpty }
        var code = between("code=\"", "\"")
        if text.contains("ThrottleExceeded") { code = "3001" }
        self.init(code: code, text: parts.joined(separator: ": "), type: between("type=\"", "\""))
    }

    // MARK: Meaning

    enum Meaning: Sendable { case throttled, reauthorise, stale, duplicate, refused, unknown }

    struct Reading: Sendable {
        var meaning: Meaning
        var fault: Fault
    }

    /// What the problem means. `status`: of the whole answer, where the problem is the whole answer's.
    /// - Source: Intuit docs, Handling common errors; 6200, 3100, 620 and 2010 to 2050 are general knowledge.
    func reading(status: Int?) -> Reading {
        if text.contains("ThrottleExceeded") { return throttled }
        switch code {
        case "3001": return throttled
        case "3200": return refusal("credential_rejected", "Reconnect the company.", .reauthorise)
        case "6190":
            return refusal("subscription_ended", "Renew the company's subscription, then reconnect it.", .reauthorise)
        case "5010": return refusal("stale_version", "None needed: it is read again and tried again.", .stale)
        case "6140": return refusal("duplicate_number", "None needed where it is ours: it is looked up.", .duplicate)
        // Old pages list 6210 for a doubled number too: the words tell.
        case "6200", "6210":
            return text.contains("Duplicate")
                ? refusal("duplicate_number", "None needed where it is ours: it is looked up.", .duplicate)
                : refusal(
                    "period_closed", "Reopen the period, or let the policy move the document to the first open day.")
        case "10000": return unknown
        case "500" where !text.contains("Unsupported Operation"): return unknown
        default: break
        }
        if let known = Self.refusals[code] { return refusal(known.code, known.remedy) }
        switch type.lowercased() {
        case "authentication", "authenticationfault":
            return refusal("credential_rejected", "Reconnect the company.", .reauthorise)
        case "authorization", "authorizationfault":
            return refusal("not_allowed", "Connect with a user who may do this, on a plan that has it.")
        case "validationfault": return refusal("refused", "Read what QuickBooks Online says and mend the document.")
        default: break
        }
        // A fault nobody described proves that nothing was done only where the status says so.
        if let status, (400 ..< 500).contains(status) {
            if status == 403 {
                return refusal("not_allowed", "Connect with a user who may do this, on a plan that has it.")
            }
            return refusal("refused", "Read what QuickBooks Online says and mend the document.")
        }
        return unknown
    }

    private static let refusals: [String: (code: String, remedy: String)] = [
        "3100": ("not_allowed", "Connect with a user who may do this, on a plan that has it."),
        "120": ("not_allowed", "Connect with a user who may do this, on a plan that has it."),
        "610": ("object_not_found", "Reactivate or bind anew the account, customer or item that is gone."),
        "2500": ("invalid_reference", "Refresh the chart of accounts and bind the account, customer or item anew."),
        "620": ("cannot_link", "See in QuickBooks Online what the invoice is linked to already."),
        "6240": ("name_taken", "Rename whatever has this name in QuickBooks Online."),
        "6540": ("deposited", "Take the transaction out of its bank deposit first."),
        "6000": ("business_rule", "Read what QuickBooks Online says and mend the document or the setting it names."),
        "6070": ("amount_mismatch", "Report it: an amount is not quantity times price."),
        "2010": ("unsupported_property", "Report it: a field was sent that the company's edition has not."),
        "2020": ("required_missing", "Report it: a required field was left out."),
        "2030": ("invalid_id", "Refresh the chart of accounts and bind the account, customer or item anew."),
        "2050": ("text_too_long", "Report it: a text was sent that is longer than its field."),
        "2170": ("invalid_value", "Report it: a value was sent that the field can't have."),
        "500": ("unsupported_operation", "Report it: the request was not understood."),
    ]

    private func refusal(_ code: String, _ remedy: String, _ meaning: Meaning = .refused) -> Reading {
        let disposition: Fault.Disposition
        switch meaning {
        case .reauthorise: disposition = .reauthorise
        case .stale: disposition = .retry
        case .duplicate: disposition = .hold
        case .refused, .throttled, .unknown: disposition = .reject
        }
        let summary = "QuickBooks Online says: \(said)"
        return Reading(
            meaning: meaning,
            fault: Fault(code, stage: .post, disposition: disposition, summary: summary, remedy: remedy))
    }

    /// Their words on one line, at most 300 characters.
    private var said: String {
        let words =
            text.isEmpty
            ? "no reason" : cut(QuickBooksOnlineConnector.cleanedLine(text), utf16: QuickBooksLimits.errorText)
        return code.isEmpty ? words : "\(words) (code \(cut(QuickBooksOnlineConnector.cleanedLine(code), utf16: 20)))"
    }

    private var throttled: Reading { Reading(meaning: .throttled, fault: Self.tooFast) }
    private var unknown: Reading { Reading(meaning: .unknown, fault: Self.outcomeUnknown(said)) }

    static let tooFast = Fault(
        "throttled", stage: .post, disposition: .wait, summary: "QuickBooks Online says too many requests",
        remedy: "None needed: it is sent again after a pause.", retryAfter: QuickBooksLimits.throttlePause)

    static func outcomeUnknown(_ why: String) -> Fault {
        Fault(
            "outcome_unknown", stage: .post, disposition: .retry,
            summary: "nobody knows whether QuickBooks Online did it: \(why)",
            remedy: "None needed: it is looked up before anything is sent again.")
    }

    static func unavailable(_ why: String) -> Fault {
        Fault(
            "unavailable", stage: .post, disposition: .retry, summary: "QuickBooks Online can't answer: \(why)",
            remedy: "None needed: it is asked again.")
    }
}

extension Problem.Reading {
    func verdict(_ writes: Bool, _ call: Call, _ response: HTTPResponse) -> Verdict {
        var fault = fault
        fault.underlying = QuickBooksOnlineConnector.trace(response)
        switch meaning {
        case .throttled:
            return .throttled(
                after: QuickBooksOnlineConnector.pause(response), bucket: QuickBooksOnlineConnector.bucket(call))
        case .reauthorise: return .reauthorize(fault)
        case .stale: return writes ? .accepted : .rejected(fault)
        case .duplicate: return .duplicate(fault)
        case .refused:
            // The call as a whole was refused: that tells nothing of its single documents.
            if call.cost[Budget.batch] != nil {
                fault.underlying = [fault.code, fault.underlying].compactMap(\.self).joined(separator: ", ")
                fault.code = "batch_refused"
            }
            return .rejected(fault)
        case .unknown:
            guard !writes else { return .outcomeUnknown(fault) }
            fault.code = "unavailable"
            return .unavailable(fault)
        }
    }

    /// The same for one document of a write.
    var outcome: PostOutcome {
        switch meaning {
        // Nothing was done; the next call shows whether the credential is dead.
        case .throttled, .reauthorise: .throttled(fault)
        case .stale: .stale(fault)
        case .duplicate: .duplicate(fault)
        case .refused: .rejected(fault)
        case .unknown: .unknown(fault)
        }
    }
}

extension QuickBooksOnlineConnector {
    /// On one line: control characters become spaces.
    static func cleanedLine(_ text: String) -> String {
        var out = ""
        for scalar in text.unicodeScalars { out.unicodeScalars.append(scalar.value < 32 ? " " : scalar) }
        return out
    }
}
