public import ConnectorKit
internal import Kernel
public import Wire

extension FreeAgentConnector {
    /// The one switch. A clear no to a step behind another write is accepted here and read by the exchange: it knows what has to be taken back.
    /// - Source: docs/connectors/freeagent.md, Errors.
    public func judge(_ response: HTTPResponse, to call: Call) -> Verdict {
        let problem = Problem(response)
        switch response.status {
        case 200 ..< 300:
            // An error under a success is none of its words. What changes or deletes a record may answer nothing.
            let mustSpeak = call.request.method == .get || call.request.method == .post
            let isObject = (try? JSON(parsing: response.body))?.object != nil
            return !problem.texts.isEmpty || (mustSpeak && !isObject) ? Self.judging.unreadable(response, to: call) : .accepted
        case 401, 408: return Self.judging.verdict(response, to: call, says: problem.text)
        case 429: return Self.judging.verdict(response, to: call, says: problem.text, bucket: Self.bucket(response))
        case 404 where call.request.readsRecord: return .accepted
        // Locks are for users who may see all; whoever may not can still post.
        case 403 where call.request.path == Self.locksPath: return .accepted
        case 400 ..< 500:
            if call.kind == .write, call.cost.isEmpty { return .accepted }
            // Who may not do this may not do the next one either: one word on the connection, not one a document.
            if problem.kind == .access { return .reauthorize(problem.fault) }
            return call.kind == .write && problem.kind == .taken ? .duplicate(problem.fault) : .rejected(problem.fault)
        default: return Self.judging.verdict(response, to: call, says: problem.text)
        }
    }

    /// `You must not exceed 15 requests per 60 seconds`: which window it was.
    /// - Source: introduction.md, Respecting the Rate Limits.
    private static func bucket(_ response: HTTPResponse) -> String? {
        let words = response.bodyText.prefix(200).split(separator: " ")
        guard let at = words.firstIndex(of: "per"), words.indices.contains(at + 1), let seconds = Int(words[at + 1]) else { return nil }
        return seconds >= 3_600 ? Budget.hour : Budget.minute
    }
}

extension HTTPRequest {
    /// One record by its id, which may be gone.
    var readsRecord: Bool { method == .get && (path.split(separator: "/").last.map { Kind.isID(String($0)) } ?? false) }
}

/// Why FreeAgent says no: `{"errors":[{"message":"…"}]}`, sometimes with one error in place of the list. There are no codes.
struct Problem: Sendable, Equatable {
    enum Kind: Sendable { case access, missing, taken, period, fixed, account, party, other }

    let status: Int
    let texts: [String]

    init(_ response: HTTPResponse) {
        status = response.status
        let errors = (try? JSON(parsing: response.body))?["errors"]
        let list: [JSON] = errors?.array ?? errors?["error"].map { $0.array ?? [$0] } ?? []
        texts = list.compactMap { ($0["message"]?.string ?? $0.string).flatMap { Judging.short($0) } }
    }

    /// All of them in one line.
    var text: String? { Judging.short(texts.unique { $0 }.joined(separator: "; ")) }

    var kind: Kind {
        if status == 404 { return .missing }
        let words = texts.joined(separator: "\n").lowercased()
        // `Invoice is locked.` is what a closed period says, too, with the status of a user who may not.
        // - Source: FreeAgent API forum, topic 2877, the vendor's staff.
        if status == 403 { return words.contains("is locked") ? .period : .access }
        func says(_ some: String...) -> Bool { some.contains { words.contains($0) } }
        if says("reference"), says("taken", "unique", "already") { return .taken }
        if says("locked", "filed", "before your freeagent start date"), says("vat return", "accounting period", "year", "period", "start date") { return .period }
        if says("locked", "cannot be changed", "can't be changed", "cannot be deleted", "can't be deleted", "has been paid", "not deletable") { return .fixed }
        if says("category", "bank account", "bank_account") { return .account }
        if says("contact") { return .party }
        return .other
    }

    /// Of one document: whoever mends the cause releases the posting. Missing access is the connection's.
    var fault: Fault {
        let (code, remedy): (String, String) =
            switch kind {
            case .access:
                ("ledger_access_refused", "Have a user of FreeAgent with the level Tax, Accounting & Users or Full consent, and connect the account again.")
            case .missing: ("ledger_document_missing", "Look for it in FreeAgent; it may have been deleted there.")
            case .taken: ("ledger_duplicate_number", "None needed where it is ours: it is looked up.")
            case .period: ("ledger_period_closed", "Unlock the period in FreeAgent, or let the policy move the document to the first open day.")
            case .fixed: ("ledger_document_fixed", "Correct the document in FreeAgent.")
            case .account: ("ledger_account_invalid", "Look at the category or bank account in FreeAgent, or bind the role to another.")
            case .party: ("ledger_party_invalid", "Look at the contact in FreeAgent.")
            case .other: ("ledger_refused", "Read what FreeAgent says and mend the document.")
            }
        var words = text ?? "status \(status)"
        // A fault ends its sentence itself.
        while words.last == "." { words.removeLast() }
        return Fault(code, stage: .post, disposition: kind == .access ? .reauthorise : .reject, summary: "FreeAgent refuses it: \(words)", remedy: remedy, underlying: "status \(status)")
    }
}
