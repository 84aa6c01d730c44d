public import ConnectorKit
internal import Kernel
public import Wire

extension OdooConnector {
    static let judging = Judging("Odoo")

    /// The one switch. By RPC errors come under a 200, so the body is read first. A clear no to a step behind a create or a change is accepted
    /// here and read by the exchange: it knows what has to be taken back.
    /// - Source: docs/connectors/odoo.md, Errors.
    public func judge(_ response: HTTPResponse, to call: Call) -> Verdict {
        guard let asked = Asked(call.request), let answer = Answer(response, asked.transport) else {
            return (200 ..< 300).contains(response.status) ? Self.judging.unreadable(response, to: call) : Self.byStatus(response, call)
        }
        switch answer {
        // The login has an id or is refused; `false` says that login and key don't go together.
        case .value(let value):
            guard (200 ..< 300).contains(response.status) else { return Self.byStatus(response, call) }
            return asked.model.isEmpty && value.bool == false ? .reauthorize(Self.judging.tokenRefused(nil)) : .accepted
        case .problem(let problem): return Self.verdict(problem, response, call, asked)
        }
    }

    /// By the status alone. An older Odoo has no JSON-2, and a page of its own says so.
    private static func byStatus(_ response: HTTPResponse, _ call: Call) -> Verdict {
        guard response.status == 404, Asked(call.request)?.transport == .json2 else { return judging.verdict(response, to: call) }
        return .rejected(Fault(
            "version_mismatch", stage: .post, disposition: .reject, summary: "Odoo has no JSON-2 at this address",
            remedy: "Set the connection's version to the one that runs there, or its transport to jsonrpc.", position: "version"))
    }

    private static func verdict(_ problem: Problem, _ response: HTTPResponse, _ call: Call, _ asked: Asked) -> Verdict {
        // Nobody knows how far a server got that fails, whatever it says of it.
        if response.status >= 500 || response.status < 200 || (300 ..< 400).contains(response.status) || [401, 408, 429].contains(response.status) {
            return judging.verdict(response, to: call, says: problem.text)
        }
        switch problem.kind {
        case .credential: return .reauthorize(judging.tokenRefused(problem.text))
        case .busy: return .unavailable(problem.fault)
        // The work may have been committed before it failed.
        case .broken: return judging.down(call, "its database failed under it", problem.text)
        case .throttled: return .throttled(after: Judging.retryAfter(response), bucket: nil)
        default:
            if asked.isStep { return .accepted }
            if asked.method == "create", asked.records > 1 {
                var together = problem.fault
                together.code = "batch_refused"
                return .rejected(together)
            }
            return .rejected(problem.fault)
        }
    }
}

/// Why Odoo says no: the exception's name and its words. There are no codes.
struct Problem: Sendable, Equatable {
    enum Kind: Sendable { case credential, access, missing, busy, broken, throttled, period, fixed, account, party, other }

    /// Without its module: `UserError`.
    var name: String
    var text: String

    /// `{"name": "odoo.exceptions.UserError", "message": …}`. With `status`, only what is one under it counts.
    init?(_ json: JSON, status: Int?) {
        guard let name = json["name"]?.string, !name.isEmpty, let text = json["message"]?.string else { return nil }
        if let status, (200 ..< 300).contains(status), json["debug"] == nil, json["arguments"] == nil { return nil }
        self.name = Problem.short(name)
        self.text = text
    }

    /// A JSON-RPC error without data.
    init?(bare error: JSON) {
        guard let text = error["message"]?.string else { return nil }
        name = ""
        self.text = text
    }

    /// XML-RPC has numbers for the families, and of the rest a traceback whose last line names the exception.
    /// - Source: odoo/odoo, odoo/addons/base/controllers/rpc.py.
    init(faultCode: Int, _ words: String) {
        switch faultCode {
        case 2: (name, text) = ("UserError", words)
        case 3: (name, text) = ("AccessDenied", words)
        case 4: (name, text) = ("AccessError", words)
        default:
            // The database's own words go on for some lines, set in.
            let lines = words.split(separator: "\n")
            let at = lines.lastIndex { $0.first?.isWhitespace == false } ?? 0
            let last = lines.isEmpty ? words : lines[at...].joined(separator: " ").replacing("\t", with: "")
            let head = String(last.prefix { $0 != ":" })
            let isName = !head.isEmpty && head.utf8.allSatisfy { $0 == 46 || $0 == 95 || (48 ... 57).contains($0) || (97 ... 122).contains($0 | 32) }
            name = isName ? Problem.short(head) : ""
            text = isName ? String(last.dropFirst(head.count + 1)) : last
        }
    }

    private static func short(_ name: String) -> String { name.split(separator: ".").last.map { String($0.prefix(80)) } ?? "" }

    private static let kinds: [String: Kind] = [
        "AccessDenied": .credential, "Unauthorized": .credential, "SessionExpiredException": .credential, "AccessError": .access, "Forbidden": .access,
        "MissingError": .missing, "NotFound": .missing, "LockError": .busy, "ConcurrencyError": .busy,
        "SerializationFailure": .busy, "LockNotAvailable": .busy, "DeadlockDetected": .busy, "TransactionRollbackError": .busy,
        "OperationalError": .broken, "InterfaceError": .broken, "DatabaseError": .broken, "PoolError": .broken, "AdminShutdown": .broken,
        "CrashShutdown": .broken, "TooManyRequests": .throttled,
    ]

    /// What a conflict of transactions is told by where its exception has a name for more: all of it was rolled back.
    private static let conflicts = ["could not serialize", "deadlock", "could not obtain lock", "lock timeout"]

    var kind: Kind {
        let words = text.lowercased()
        // It stays so, however often it is asked.
        if words.contains("database"), words.contains("does not exist") { return .other }
        if let known = Problem.kinds[name] { return known == .broken && Problem.conflicts.contains(where: words.contains) ? .busy : known }
        func says(_ some: String...) -> Bool { some.contains { words.contains($0) } }
        if says("lock date", "locked period", "period is closed") { return .period }
        if says("inalterab", "hash", "posted entry", "posted journal", "reset to draft", "restrict mode", "already reconciled", "audit trail") { return .fixed }
        if says("deprecated", "archived", "inactive"), says("account") { return .account }
        if says("account"), says("does not exist", "not allowed", "cannot be used", "can't be used", "required") { return .account }
        if says("'customer' is required", "partner"), says("required", "archived", "missing") { return .party }
        return .other
    }

    /// Of one document.
    var fault: Fault {
        let (code, remedy): (String, String) =
            switch kind {
            case .access: ("ledger_access_refused", "Give the user of the API key the rights of an accountant in Odoo, for this company.")
            case .missing: ("ledger_document_missing", "Look for it in Odoo; it may have been deleted there.")
            case .period: ("ledger_period_closed", "Move the lock date in Odoo, or let the policy move the document to the first open day.")
            case .fixed: ("ledger_document_fixed", "Correct the document in Odoo, or reverse it there.")
            case .account: ("ledger_account_invalid", "Restore the account in Odoo, or bind the role to another.")
            case .party: ("ledger_party_invalid", "Restore the contact in Odoo.")
            case .busy, .broken, .credential, .throttled, .other: ("ledger_refused", "Read what Odoo says and mend the document.")
            }
        var words = Judging.short(text) ?? "it does not say why"
        // A fault ends its sentence itself.
        while words.last == "." { words.removeLast() }
        guard kind != .busy else {
            return Fault("unavailable", stage: .courier, disposition: .retry, summary: "Odoo is busy with this record: \(words)", underlying: name)
        }
        return Fault(
            code, stage: .post, disposition: .reject, summary: "Odoo refuses it: \(words)", remedy: remedy, underlying: name.isEmpty ? nil : name)
    }
}
