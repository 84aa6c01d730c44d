internal import ConnectorKit
internal import Kernel
internal import Wire

/// Why NetSuite says no: its code and its words. Most codes are the same in both APIs; many refusals of REST have USER_ERROR and words alone.
struct Problem: Sendable, Equatable {
    enum Meaning: Sendable {
        case credential, access, throttled, missing, duplicate, changed, period, fixed, reference, platform, other
    }

    var code: String
    var text: String

    private static let meanings: [String: Meaning] = [
        "INVALID_LOGIN": .credential, "INVALID_LOGIN_ATTEMPT": .credential, "INVALID_LOGIN_CREDENTIALS": .credential, "USER_DISABLED": .credential,
        "INVALID_ACCT": .credential, "INSUFFICIENT_PERMISSION": .access, "PERMISSION_VIOLATION": .access,
        "WS_REQUEST_BLOCKED": .throttled, "WS_CONCUR_SESSION_DISALLWD": .throttled, "EXCEEDED_MAX_CONCUR_RQST": .throttled,
        "CONCURRENCY_LIMIT_EXCEEDED": .throttled, "SSS_REQUEST_LIMIT_EXCEEDED": .throttled, "RCRD_DSNT_EXIST": .missing, "NONEXISTENT_ID": .missing,
        "DUP_RCRD": .duplicate, "DUP_ENTITY": .duplicate, "DUP_ITEM": .duplicate, "DUP_TRANS": .duplicate,
        "RCRD_HAS_BEEN_CHANGED": .changed, "RCRD_EDITED_SINCE_RETRIEVED": .changed, "TRAN_PERIOD_CLOSED": .period, "INVALID_PERIOD": .period,
        "ACCTNG_PRD_REQD": .period, "INVALID_KEY_OR_REF": .reference, "NONEXISTENT_EXTERNAL_ID": .reference, "INVALID_TAX_CODE_FOR_SUB": .reference,
        "SUBSIDIARY_MISMATCH": .reference, "UNEXPECTED_ERROR": .platform, "SESSION_TIMED_OUT": .platform, "ABORT_SEARCH_EXCEEDED_MAX_TIME": .platform,
    ]

    var meaning: Meaning {
        let words = text.lowercased()
        func says(_ some: String...) -> Bool { some.contains { words.contains($0) } }
        // It says session and means the account's concurrency, also where there is no session.
        if says("only one request may be made", "concurrent request limit", "request limit exceeded") { return .throttled }
        if let known = Problem.meanings[code] { return known }
        if says("already exists") { return .duplicate }
        if says("period"), says("closed", "locked") { return .period }
        if says("does not have permission", "do not have permission", "permission violation", "need the") && says("permission") { return .access }
        if says("cannot be deleted", "can't be deleted", "cannot delete", "linked to", "has been applied", "user defined workflow") { return .fixed }
        if says("record has been changed") { return .changed }
        if says("invalid"), says("reference key") { return .reference }
        return .other
    }

    /// Of one document.
    var fault: Fault {
        let (code, remedy): (String, String) =
            switch meaning {
            case .access: ("ledger_access_refused", "Give the role of the integration's user the permission that NetSuite names.")
            case .missing: ("ledger_document_missing", "Look for it in NetSuite; it may have been deleted there.")
            case .duplicate: ("ledger_duplicate", "None needed for a document: it is looked up. A name that is taken has to be freed in NetSuite.")
            case .period: ("ledger_period_closed", "Open the period in NetSuite, or let the policy move the document to the first open day.")
            case .fixed: ("ledger_document_fixed", "Remove in NetSuite what is linked to the document, or correct it there.")
            case .reference: ("ledger_reference_invalid", "Restore in NetSuite what the document refers to, or bind it anew; mind the subsidiary.")
            case .credential, .throttled, .changed, .platform, .other: ("ledger_refused", "Read what NetSuite says and mend the document.")
            }
        return Fault(
            code, stage: .post, disposition: .reject, summary: "NetSuite refuses it: \(words)", remedy: remedy, underlying: self.code.isEmpty ? nil : shortCode)
    }

    private var shortCode: String { String(plain(code).prefix(80)) }

    private var words: String {
        var words = Judging.short(text) ?? Judging.short(code) ?? "it does not say why"
        // A fault ends its sentence itself.
        while words.last == "." { words.removeLast() }
        return words
    }

    private var busy: Fault {
        Fault("unavailable", stage: .courier, disposition: .retry, summary: "somebody else works on the record in NetSuite: \(words)", underlying: shortCode)
    }

    static let judging = Judging("NetSuite")

    /// What it means for a call that it stands for alone.
    func verdict(_ response: HTTPResponse, to call: Call) -> Verdict {
        switch meaning {
        case .credential: .reauthorize(Problem.judging.tokenRefused(text))
        case .throttled: .throttled(after: Judging.retryAfter(response), bucket: nil)
        case .changed: .unavailable(busy)
        case .platform: Problem.judging.down(call, code, text)
        // The exchange reads it: a document with our key is looked up, a name that is taken is looked for.
        case .duplicate: call.kind == .write ? .accepted : .rejected(fault)
        case .access, .missing, .period, .fixed, .reference, .other: .rejected(fault)
        }
    }

    /// What it means for one document of several.
    var outcome: PostOutcome {
        switch meaning {
        case .duplicate: .duplicate(fault)
        case .changed: .stale(busy)
        case .platform: .unknown(NetSuite.lost(words))
        case .throttled:
            .throttled(Fault("throttled", stage: .courier, disposition: .wait, summary: "NetSuite asks to slow down"))
        case .credential: .throttled(Problem.judging.tokenRefused(text))
        case .access, .missing, .period, .fixed, .reference, .other: .rejected(fault)
        }
    }
}
