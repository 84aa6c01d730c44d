public import ConnectorKit
internal import Kernel
public import Wire

extension SapBusinessOneConnector {
    static let judging = Judging("SAP Business One")

    /// The one switch. A clear no to a cancellation or to an invoice that is drawn from an order, and a customer or an item that is there already, are
    /// read by the exchange, which knows what follows from them.
    /// - Source: docs/connectors/sap-business-one.md, Errors.
    public func judge(_ response: HTTPResponse, to call: Call) -> Verdict {
        let problem = Problem(response)
        if (200 ..< 300).contains(response.status) {
            // An error under a success is none of its words; a list must be one.
            guard problem == nil else { return Self.judging.unreadable(response, to: call) }
            if call.request.method == .get, (try? JSON(parsing: response.body))?.object == nil { return Self.judging.unreadable(response, to: call) }
            return .accepted
        }
        // Nobody knows how far a server got that fails, whatever it says of it.
        guard (400 ..< 500).contains(response.status), response.status != 408, response.status != 429 else {
            return Self.judging.verdict(response, to: call, says: problem?.text)
        }
        if response.status == 404, call.request.listsDrafts { return .accepted }
        if [404, 405].contains(response.status), call.request.getsCompanySettings { return .accepted }
        guard let problem else { return Self.judging.verdict(response, to: call) }
        // A company whose licences are all in use lets nobody in now; its password is right.
        if call.request.isLogin, problem.kind == .access { return .unavailable(Self.full(problem)) }
        if response.status == 401 { return .reauthorize(Self.judging.tokenRefused(problem.text)) }
        // A user without rights to purchases, in a company that gets no bills from us, hears of the rest.
        if problem.kind == .access, call.request.asksForPurchaseChanges { return .accepted }
        switch problem.kind {
        case .session: return .reauthorize(Self.judging.tokenRefused(problem.text))
        case .busy: return .unavailable(problem.fault)
        case .exists where call.kind == .write: return call.request.makesReference ? .accepted : .duplicate(problem.fault)
        default: return call.request.isCancellation || call.request.isDrawn ? .accepted : .rejected(problem.fault)
        }
    }

    private static func full(_ problem: Problem) -> Fault {
        Fault(
            "unavailable", stage: .courier, disposition: .retry, summary: "SAP Business One lets nobody in now: \(Judging.short(problem.text) ?? "")",
            remedy: "It is asked again; a user with a licence of its own for Counterfoil keeps others from taking it.",
            underlying: problem.code.map { "code \($0)" })
    }
}

extension HTTPRequest {
    static let companySettings = "CompanyService_GetAdminInfo"

    var isLogin: Bool { method == .post && path.hasSuffix("/Login") }
    /// The list of changes, not a search by what we wrote: there "may not see it" must not be "not there".
    var asksForPurchaseChanges: Bool {
        method == .get && EntitySet.allCases.contains { $0.isPurchase && path.hasSuffix("/\($0.rawValue)") } && target.contains("UpdateDate%20ge%20")
    }
    /// Companies without drafts of a kind have no such list.
    var listsDrafts: Bool { method == .get && path.hasSuffix("Drafts") }
    var getsCompanySettings: Bool { method == .get && path.hasSuffix("/\(HTTPRequest.companySettings)") }
    /// A customer, a supplier or an item is created.
    var makesReference: Bool { method == .post && (path.hasSuffix("/BusinessPartners") || path.hasSuffix("/Items")) }
    var isCancellation: Bool { method == .post && (path.hasSuffix(")/Cancel") || path.hasSuffix(")/Close")) }
    /// An invoice that is drawn from an order, and can do without.
    var isDrawn: Bool { method == .post && path.hasSuffix("/\(EntitySet.invoices.rawValue)") && body.firstRange(of: OpenOrder.mark) != nil }
}

/// Why the Service Layer says no: a number and words that may tell where.
struct Problem: Sendable, Equatable {
    enum Kind: Sendable { case session, missing, exists, busy, period, fixed, access, account, party, rate, other }

    var code: Int?
    var text: String

    /// v1 has the code as a number and the message in an object, v2 both as text; either is read in both.
    init?(_ response: HTTPResponse) {
        guard let error = (try? JSON(parsing: response.body))?["error"], error.object != nil, let code = error["code"] else { return nil }
        guard let text = error.member("message", "value")?.string ?? error["message"]?.string else { return nil }
        self.code = code.int ?? code.string.flatMap { Int($0) }
        self.text = text
    }

    var kind: Kind {
        switch code {
        case 301: return .session
        case -2028: return .missing
        case -2035: return .exists
        case -2039: return .busy
        default: break
        }
        let words = text.lowercased()
        func says(_ some: String...) -> Bool { some.contains { words.contains($0) } }
        // The database's own number may stand in the words only, and codes of customers have a sentence of their own.
        if says("(odbc -2035)", "already exists", "already assigned to a business partner") { return .exists }
        if says("(odbc -2039)") { return .busy }
        if says("deadlock", "another user") { return .busy }
        if says("permissible range", "posting period", "period is locked", "locked period") { return .period }
        if says("not authorized", "not permitted", "permission", "license", "licence") { return .access }
        if says("exchange rate", "rate is missing", "update the rate") { return .rate }
        if says("already been closed", "already closed", "been reconciled", "already cancel", "cannot be cancel", "cannot cancel", "been cancel") {
            return .fixed
        }
        if says("cardcode]", "business partner", "customer code") { return .party }
        if says("accountcode]", "account") { return .account }
        return .other
    }

    /// Of one document.
    var fault: Fault {
        let (fault, remedy): (String, String) =
            switch kind {
            case .missing: ("ledger_document_missing", "Look for it in SAP Business One; what the document names may be gone there.")
            case .period: ("ledger_period_closed", "Open the posting period in SAP Business One, or let the policy move the document to the first open day.")
            case .fixed: ("ledger_document_fixed", "Correct the document in SAP Business One: take payments and credits off it, or cancel it there.")
            case .access: ("ledger_access_refused", "Give the user the authorisations and the licence for this in SAP Business One.")
            case .account: ("ledger_account_invalid", "Activate the account in SAP Business One, or bind the role to another.")
            case .party: ("ledger_party_invalid", "Activate the customer or supplier in SAP Business One.")
            case .rate: ("ledger_rate_missing", "Enter the day's exchange rate in SAP Business One.")
            case .exists: ("ledger_document_exists", "None needed: it is looked up.")
            case .session, .busy, .other: ("ledger_refused", "Read what SAP Business One says and mend the document.")
            }
        var words = Judging.short(text) ?? "it does not say why"
        // A fault ends its sentence itself.
        while words.last == "." { words.removeLast() }
        let underlying = code.map { "code \($0)" }
        if kind == .busy {
            return Fault(
                "unavailable", stage: .courier, disposition: .retry, summary: "SAP Business One is busy with this record: \(words)", underlying: underlying)
        }
        return Fault(fault, stage: .post, disposition: .reject, summary: "SAP Business One refuses it: \(words)", remedy: remedy, underlying: underlying)
    }
}
