internal import Books
public import ConnectorKit
internal import Kernel
public import Wire

extension XeroConnector {
    /// The one switch. Accepted are all 2xx (what became of each document stands in the body), the 404 to a read of one record by its id or
    /// number, which says that there is none, the 304 to a question for changes, and a 400 that refuses only to look for many at once.
    /// - Source: docs/connectors/xero.md, Errors.
    public func judge(_ response: HTTPResponse, to call: Call) -> Verdict {
        switch response.status {
        case 200 ..< 300: .accepted
        case 304 where call.request.fields["If-Modified-Since"] != nil: .accepted
        case 400 where Self.canBeAskedApart(response, call): .accepted
        case 403 where Self.isAttachment(call):
            .rejected(
                Self.fault(
                    response, "attachment_refused", .reject, "Xero does not let us keep files beside documents",
                    "Connect the organisation again, with the scope accounting.attachments."))
        case 400, 413: Self.invalid(response, call)
        case 401:
            .reauthorize(
                Self.fault(
                    response, "token_refused", .reauthorise, "Xero refuses the access token",
                    "None needed: it is refreshed; connect again if that fails."))
        case 403:
            .reauthorize(
                Self.fault(
                    response, "not_connected", .reauthorise, "Xero lets us no longer into this organisation",
                    "Connect the organisation again, by a user with the rights and with all scopes."))
        case 404 where call.kind == .read && Self.readsOneRecord(call.request.path): .accepted
        case 404:
            .rejected(
                Self.fault(
                    response, "ledger_document_missing", .reject, "Xero has no such record",
                    "Look for it in Xero; it may have been deleted there."))
        case 429: Self.throttled(response)
        // 408 says that it gave up waiting, not what it had done by then.
        case 402 ..< 408, 409 ..< 500:
            .rejected(
                Self.fault(
                    response, "ledger_refused", .reject, "Xero refuses the request with status \(response.status)",
                    "Report it with the time."))
        default:
            switch call.kind {
            case .read:
                .unavailable(
                    Self.fault(
                        response, "unavailable", .retry, "Xero can't answer: status \(response.status)",
                        "None needed: it is tried again."))
            case .write:
                .outcomeUnknown(
                    Self.fault(
                        response, "outcome_unknown", .retry, "Xero answered a write with status \(response.status)",
                        "None needed: it is looked up."))
            }
        }
    }

    /// `/api.xro/2.0/CreditNotes/<id>`.
    private static func readsOneRecord(_ path: String) -> Bool {
        let segments = path.utf8.split(separator: UInt8(ascii: "/"))
        guard segments.count == 4 else { return false }
        return Endpoint.allCases.contains {
            segments[2].elementsEqual($0.rawValue.utf8)
        }
    }

    /// Organisations with very many records refuse conditions that they have no index for; each alone they have.
    private static func canBeAskedApart(_ response: HTTPResponse, _ call: Call) -> Bool {
        guard call.kind == .read, call.request.query("where")?.contains(Query.anyOf) == true else { return false }
        return Refusal.messages(of: response.body).contains { $0.lowercased().contains("high volume") }
    }

    private static func isAttachment(_ call: Call) -> Bool { call.request.path.contains("/Attachments") }

    private static func invalid(_ response: HTTPResponse, _ call: Call) -> Verdict {
        let messages = Refusal.messages(of: response.body)
        if call.kind == .write, !isAttachment(call), documents(in: call.request.body) > 1 {
            return .rejected(
                Self.fault(
                    response, "batch_refused", .reject,
                    "Xero refuses several documents together: \(Refusal.text(messages))",
                    "None needed: each is tried alone."))
        }
        let refusal = Refusal(messages)
        var fault = refusal.fault()
        fault.underlying = underlying(response)
        return refusal.kind == .duplicate ? .duplicate(fault) : .rejected(fault)
    }

    /// How many documents a write holds: `{"Invoices":[…]}`.
    private static func documents(in body: [UInt8]) -> Int {
        do throws(Fault) {
            return try JSONDocument(parsing: body).root.members.first?.value.elements.count ?? 0
        } catch {
            return 0
        }
    }

    private static func throttled(_ response: HTTPResponse) -> Verdict {
        let problem = response.fields["X-Rate-Limit-Problem"]?.lowercased()
        let bucket: String
        let pause: Int
        switch problem {
        case Budget.day: (bucket, pause) = (Budget.day, 3_600)
        case Budget.appMinute: (bucket, pause) = (Budget.appMinute, 10)
        case "concurrent": (bucket, pause) = (Budget.minute, 1)
        default: (bucket, pause) = (Budget.minute, 10)
        }
        let asked = response.fields["Retry-After"].flatMap { Int($0) }.flatMap { $0 >= 0 ? $0 : nil }
        return .throttled(after: .seconds(min(asked ?? pause, XeroLimits.longestPauseSeconds)), bucket: bucket)
    }

    private static func fault(
        _ response: HTTPResponse, _ code: String, _ disposition: Fault.Disposition, _ summary: String, _ remedy: String
    ) -> Fault {
        Fault(
            code, stage: .post, disposition: disposition, summary: summary, remedy: remedy,
            underlying: underlying(response))
    }

    /// What Xero's support asks for.
    private static func underlying(_ response: HTTPResponse) -> String? {
        guard let id = response.fields["Xero-Correlation-Id"], !id.isEmpty, id.utf8.count <= XeroLimits.correlationID,
            id.utf8.allSatisfy({ (48 ... 57).contains($0) || (97 ... 122).contains($0 | 32) || $0 == UInt8(ascii: "-") }
            )
        else { return nil }
        return "Xero-Correlation-Id \(id)"
    }
}

/// Why Xero says no to a document: its validation messages and what they mean to us. Xero has no codes for them.
struct Refusal: Sendable {
    enum Kind: Sendable { case duplicate, account, party, period, fixed, other }

    let messages: [String]
    let kind: Kind

    init(_ messages: [String]) {
        self.messages = messages
        kind = Self.kind(messages.joined(separator: "\n").lowercased())
    }

    private static func kind(_ text: String) -> Kind {
        func says(_ words: String...) -> Bool { words.contains { text.contains($0) } }
        if says("must be unique") { return .duplicate }
        if says("lock date", "locked period", "period is locked") { return .period }
        if says("archived"), says("contact"), !says("account") { return .party }
        if says("archived", "not a valid code", "not a valid account", "account code must be specified") {
            return .account
        }
        if says(
            "payment or credit note", "payments or credit", "has payments", "payments allocated", "payments applied",
            "not of valid status", "cannot be edited", "cannot be voided", "cannot be modified", "part of a batch")
        {
            return .fixed
        }
        return .other
    }

    var outcome: PostOutcome { kind == .duplicate ? .duplicate(fault()) : .rejected(fault()) }

    /// All reject: whoever mends the cause releases the posting, or the refreshed chart does.
    func fault() -> Fault {
        let (code, remedy): (String, String) =
            switch kind {
            case .duplicate: ("ledger_duplicate_number", "None needed where it is ours: it is looked up.")
            case .account: ("ledger_account_invalid", "Restore the account in Xero, or bind the role to another.")
            case .party: ("ledger_party_invalid", "Restore the contact in Xero.")
            case .period:
                (
                    "ledger_period_closed",
                    "Move the lock date in Xero, or let the policy move the document to the first open day."
                )
            case .fixed:
                ("ledger_document_fixed", "Remove payments and credits from the document in Xero, or correct it there.")
            case .other: ("ledger_refused", "Read what Xero says and mend the document.")
            }
        return Fault(
            code, stage: .post, disposition: .reject, summary: "Xero refuses the document: \(Self.text(messages))",
            remedy: remedy)
    }

    /// All messages as one line of bounded length.
    static func text(_ messages: [String]) -> String {
        var text = plain(messages.joined(separator: "; "))
        // A fault ends its sentence itself.
        while text.last == "." { text.removeLast() }
        if text.isEmpty { return "it does not say why" }
        return cut(text, utf16: XeroLimits.errorText)
    }

    /// Of one element of an answer.
    static func messages(of element: JSONView) -> [String] {
        var out: [String] = []
        for error in element["ValidationErrors"].elements {
            if let text = error["Message"].string, !text.isEmpty, !out.contains(text) { out.append(text) }
        }
        return out
    }

    /// Of the body of a 400: those of its elements, else its own; none where it is no JSON.
    static func messages(of body: [UInt8]) -> [String] {
        do throws(Fault) {
            let root = try JSONDocument(parsing: body).root
            var out: [String] = []
            for element in root["Elements"].elements {
                for text in messages(of: element) where !out.contains(text) { out.append(text) }
            }
            if out.isEmpty {
                out = [root["Message"].string, root["Detail"].string].compactMap(\.self).filter { !$0.isEmpty }
            }
            return out
        } catch {
            return []
        }
    }
}
