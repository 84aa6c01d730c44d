public import ConnectorKit
internal import Kernel
public import Wire

extension SageIntacctConnector {
    static let judging = Judging("Sage Intacct")

    /// The one switch. Failures come under a 200, at three levels: the sender, the company's user, each function. Where a request has several
    /// functions each result is the exchange's to read; so is a clear no to a step behind a create, whose document stands already.
    /// - Source: docs/connectors/sage-intacct.md, Errors.
    public func judge(_ response: HTTPResponse, to call: Call) -> Verdict {
        guard let reply = Reply(response) else {
            return (200 ..< 300).contains(response.status) ? Self.judging.unreadable(response, to: call) : Self.judging.verdict(response, to: call)
        }
        switch reply {
        case .refused(let level, let problem):
            // Nobody knows how far a server got that fails, whatever it says of it.
            guard (200 ..< 300).contains(response.status) || (400 ..< 500).contains(response.status), response.status != 408 else {
                return Self.judging.verdict(response, to: call, says: problem.text)
            }
            return Self.verdict(level, problem, response)
        case .results(let answers):
            guard (200 ..< 300).contains(response.status) else { return Self.judging.verdict(response, to: call) }
            guard let asked = Asked(call.request), asked.ids.count == 1, !asked.isStep, answers.results.count == 1, let problem = answers.results[0].problem
            else { return .accepted }
            switch problem.kind {
            case .duplicate: return .duplicate(problem.fault)
            case .busy: return .unavailable(problem.fault)
            case .throttled: return .throttled(after: Judging.retryAfter(response), bucket: nil)
            default: return .rejected(problem.fault)
            }
        }
    }

    /// Of a request that was not executed.
    private static func verdict(_ level: Reply.Level, _ problem: Problem, _ response: HTTPResponse) -> Verdict {
        if response.status == 429 || problem.kind == .throttled { return .throttled(after: Judging.retryAfter(response), bucket: nil) }
        if problem.kind == .busy { return .unavailable(problem.fault) }
        switch level {
        // An ended session is refused here as well, and a new one is then got.
        case .authentication: return .reauthorize(judging.tokenRefused(problem.text))
        case .control, .operation:
            if problem.kind == .credential || response.status == 401 { return .reauthorize(judging.tokenRefused(problem.text)) }
            return problem.kind == .duplicate ? .duplicate(problem.fault) : .rejected(problem.fault)
        }
    }
}

/// Why Intacct says no: numbers that many errors share, and words that tell them apart.
struct Problem: Sendable, Equatable {
    enum Kind: Sendable {
        case credential, throttled, busy, malformed, duplicate, aborted, access, query, period, fixed, missing, tax, account, party, dimension, other
    }

    /// `BL01001973`; empty where there is none.
    var number: String
    var text: String

    /// Of several errors the number of the first that is a cause, and the words of all.
    init(_ errors: XMLElement?) {
        let all = errors?.all("error") ?? []
        let causes = all.filter { $0["errorno"]?.words != Problem.rolledBack }
        number = ((causes.first ?? all.first)?["errorno"]?.words).map { cut($0, characters: 40) } ?? ""
        var said: [String] = []
        for error in causes.isEmpty ? all : causes {
            // The second description is the closer one; what is to be done may say more than either.
            for words in [error["description"], error["description2"], error["correction"]].compactMap({ $0?.words }) {
                let line = Problem.withoutSupportID(words)
                if !line.isEmpty, !said.contains(line) { said.append(line) }
            }
        }
        text = cut(said.joined(separator: " "), characters: IntacctLimits.errorText * 2)
    }

    /// A function that was rolled back may name the cause itself.
    init(aborted errors: XMLElement?) {
        self.init(errors)
        if number.isEmpty, text.isEmpty { number = Problem.rolledBack }
    }

    private static let rolledBack = "XL03000009"

    /// `Invalid customer. [Support ID: abc]` without its end, which is another one each time.
    private static func withoutSupportID(_ text: String) -> String {
        guard let mark = text.firstRange(of: "[Support ID") else { return text }
        return plain(String(text[..<mark.lowerBound]))
    }

    private static let numbers: [String: Kind] = [
        "XL03000003": .malformed, "XL03000006": .credential, "XMLGW_JPP0002": .credential, "PL04000055": .credential, "XL03000009": .aborted,
        "GW-0010": .throttled,
    ]

    var kind: Kind {
        if let known = Problem.numbers[number] { return known }
        // A line item is no item.
        let words = text.lowercased().replacing("line item", with: "line")
        func says(_ some: String...) -> Bool { some.contains { words.contains($0) } }
        if says("controlid", "control id"), says("unique", "duplicate", "already") { return .duplicate }
        if says("already exists", "duplicate", "already been used", "already in use") { return .duplicate }
        if says("try again", "temporarily", "deadlock", "locked by another") { return .busy }
        if says("periods are closed", "period that's been closed", "period is closed", "books are closed", "closed period") { return .period }
        if says("permission", "not authorized", "do not have access", "don't have access", "not subscribed") { return .access }
        if number.hasPrefix("DL0") || number == "Query Failed" || says("query failed") { return .query }
        return subject(words)
    }

    /// What a business rule is about, by its words.
    private func subject(_ words: String) -> Kind {
        func says(_ some: String...) -> Bool { some.contains { words.contains($0) } }
        if says("tax detail", "tax solution", "tax entr") { return .tax }
        let stays = says("cannot be", "can't be", "could not be", "can not be")
        if stays, says("paid", "payment", "applied", "reconciled", "deposited", "reversed") { return .fixed }
        let wrong = says("invalid", "inactive", "does not exist", "doesn't exist", "not found", "not valid", "required", "missing", "specify")
        if says("location", "department", "project", "class ", "dimension", "warehouse", "employee", "item "), wrong { return .dimension }
        if says("customer", "vendor"), wrong { return .party }
        if says("account"), wrong { return .account }
        if says("record", "invoice", "bill", "transaction", "adjustment", "payment"), says("does not exist", "doesn't exist", "not found", "no longer exists") {
            return .missing
        }
        return .other
    }

    private static let meanings: [Kind: (code: String, remedy: String)] = [
        .access: ("ledger_access_refused", "Give the Web Services user the rights to this kind of document, and the entity, in Sage Intacct."),
        .missing: ("ledger_document_missing", "Look for it in Sage Intacct; it may have been deleted there."),
        .period: ("ledger_period_closed", "Open the period in Sage Intacct, or let the policy move the document to the first open day."),
        .fixed: ("ledger_document_fixed", "Correct the document in Sage Intacct, or reverse it there."),
        .account: ("ledger_account_invalid", "Restore the account in Sage Intacct, or bind the role to another."),
        .party: ("ledger_party_invalid", "Restore the customer or vendor in Sage Intacct."),
        .tax: ("ledger_tax_invalid", "Bind the tax code to a tax detail of the tax solution, and name the solution in the connection's settings."),
        .dimension: ("ledger_dimension_invalid", "Set the connection's location and department, or a rule's dimensions, to active ids of Sage Intacct."),
        .duplicate: ("ledger_duplicate_number", "None needed where it is ours: it is looked up."),
        .aborted: ("ledger_rolled_back", "None needed: it is tried again with the change that failed."),
    ]

    /// Of one document.
    var fault: Fault {
        let (code, remedy) = Problem.meanings[kind] ?? ("ledger_refused", "Read what Sage Intacct says and mend the document.")
        var words = Judging.short(text) ?? "it does not say why"
        // A fault ends its sentence itself.
        while words.last == "." { words.removeLast() }
        let underlying = number.isEmpty ? nil : plain(number)
        guard kind != .busy, kind != .throttled else {
            return Fault("unavailable", stage: .courier, disposition: .retry, summary: "Sage Intacct is busy: \(words)", underlying: underlying)
        }
        return Fault(
            code, stage: .post, disposition: .reject, summary: "Sage Intacct refuses it: \(words)", remedy: remedy, underlying: underlying)
    }
}
