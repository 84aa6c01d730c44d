internal import Crypto
internal import Kernel
internal import TwinKit
internal import Wire

extension FAState {
    mutating func respond(_ request: HTTPRequest, at now: Timestamp, random: any RandomSource) -> HTTPResponse {
        let path = request.path.split(separator: "/").map { Form.unpercent($0) }
        var response: HTTPResponse
        do throws(FAProblem) {
            guard path.count >= 2, path[0] == "v2" else { throw .notFound }
            switch path[1] {
            case "approve_app": response = try approve(request, at: now, random: random)
            case "token_endpoint": response = try token(request, at: now, random: random)
            default: response = try answered(request, Array(path.dropFirst()), at: now)
            }
        } catch {
            // A refused call leaves nothing behind.
            rollback()
            response = error.response
        }
        response.fields["X-Request-Id"] = random.bytes(16).hexText
        return response
    }

    private mutating func answered(_ request: HTTPRequest, _ path: [String], at now: Timestamp) throws(FAProblem) -> HTTPResponse {
        // The pages say that a client must name itself, not how one that does not is refused: the status is ours.
        guard request.fields["User-Agent"]?.isEmpty == false else { throw FAProblem(400, "A User-Agent must be specified") }
        let user = try caller(request, at: now)
        let test = (request.fields["X-RateLimit-Test"] ?? "").lowercased()
        if let refusal = meter.admit(user.name, isTest: !["", "0", "false"].contains(test), at: now) { return refusal }
        guard request.body.count <= Self.bodyBytes else { throw .plain(413, "Request Entity Too Large") }
        guard !(request.fields["Accept"] ?? "").lowercased().contains("xml") || request.fields["Accept"]?.contains("json") == true else {
            throw .plain(406, "The sandbox speaks JSON only")
        }
        let base = request.fields["Host"].map { "http://\($0)/freeagent/v2" } ?? "https://api.freeagent.com/v2"
        return try route(FACall(request: request, now: now, path: path, user: user, base: base))
    }

    /// Five megabytes of an attachment in base64, and what is around it.
    private static let bodyBytes = 8 << 20

    /// Who sent the token.
    private mutating func caller(_ request: HTTPRequest, at now: Timestamp) throws(FAProblem) -> FARow {
        let header = request.fields["Authorization"] ?? ""
        guard header.lowercased().hasPrefix("bearer "),
            let session = find(.session, Digest.sha256(Array(header.dropFirst(7).utf8)).hexText),
            now.seconds < session.cents("expires"), let user = find(.user, session.text("user"))
        else { throw .unauthorised }
        confirm(session, at: now)
        return user
    }

    private mutating func route(_ call: FACall) throws(FAProblem) -> HTTPResponse {
        switch call.path[0] {
        case "company": try company(call)
        case "users": try users(call)
        case "categories": try categories(call)
        case "contacts": try contacts(call)
        case "price_list_items": try priceList(call)
        case "invoices": try documents(call, .invoice)
        case "credit_notes": try documents(call, .creditNote)
        case "credit_note_reconciliations": try reconciliations(call)
        case "bank_accounts": try bankAccounts(call)
        case "bank_transactions": try bankTransactions(call)
        case "bank_transaction_explanations": try explanations(call)
        case "journal_sets": try journalSets(call)
        case "bills": try bills(call)
        case "attachments": try attachments(call)
        case "accounting": try accounting(call)
        case "account_locks": try accountLocks(call)
        default: throw .notFound
        }
    }

    // MARK: - References

    /// The row that a URL names: of this kind, on whatever host, or an id alone where `bare`.
    func row(_ kind: FAKind, named value: JSON?, bare: Bool = false) -> FARow? {
        guard let text = value?.string ?? value?.int.map({ "\($0)" }) else { return nil }
        let parts = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        if parts.count == 1 { return bare ? find(kind, text) : nil }
        guard parts.count >= 3, parts[parts.count - 2] == kind.plural else { return nil }
        return find(kind, parts[parts.count - 1])
    }

    /// The row of a kind that a query names, by URL or id.
    /// - Throws: 404 where it is named and not there.
    func named(_ kind: FAKind, _ name: String, _ call: FACall) throws(FAProblem) -> FARow? {
        guard let text = call.query(name) else { return nil }
        guard let found = row(kind, named: .string(text), bare: true) else { throw .notFound }
        return found
    }

    func required(_ kind: FAKind, _ key: String) throws(FAProblem) -> FARow {
        guard let found = find(kind, key) else { throw .notFound }
        return found
    }
}
