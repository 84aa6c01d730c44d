internal import Crypto
internal import Kernel
internal import Wire

/// A request that has been let in.
struct StripeCall: Sendable {
    var method: HTTPMethod
    /// The parts after `/v1`.
    var path: [String]
    var params: StripeParams
    var moment: StripeMoment

    var id: String { path.count > 1 ? path[1] : "" }
    var action: String { path.count > 2 ? path[2] : "" }
    var isPost: Bool { method == .post }
    var text: String { "/v1/" + path.joined(separator: "/") }
}

/// Whose key it is and what it may do.
struct StripeAccess: Sendable {
    var scope: StripeScope
    var platform: StripeScope?
    /// The key as errors show it.
    var shownKey: String
    var isRestricted: Bool
}

extension StripeState {
    mutating func respond(_ request: HTTPRequest, at now: Timestamp, random: any RandomSource) -> HTTPResponse {
        let requestID = "req_" + StripeMoment.letters(random, 14)
        let path = request.path.split(separator: "/").map { Form.unpercent($0) }
        let version = request.fields["Stripe-Version"] ?? StripeSeed.version
        var answer: StripeAnswer
        do throws(StripeProblem) {
            answer = try admitted(request, path, at: now, random: random, requestID: requestID, version: version)
        } catch {
            answer = error.response
        }
        return Self.response(answer, request, version: version, requestID: requestID)
    }

    private static func response(_ answer: StripeAnswer, _ request: HTTPRequest, version: String, requestID: String) -> HTTPResponse {
        var response = HTTPResponse.json(answer.status, answer.body)
        response.fields["Request-Id"] = requestID
        response.fields["Stripe-Version"] = version
        response.fields["Cache-Control"] = "no-cache, no-store"
        if request.method == .post, let key = request.fields["Idempotency-Key"], !key.isEmpty {
            response.fields["Idempotency-Key"] = key
            response.fields["Original-Request"] = answer.replayOf ?? requestID
        }
        if answer.replayOf != nil { response.fields["Idempotent-Replayed"] = "true" }
        if let limited = answer.limited {
            response.fields["Stripe-Rate-Limited-Reason"] = limited
            response.fields["Stripe-Should-Retry"] = "true"
        }
        if answer.status == 401 { response.fields["WWW-Authenticate"] = "Basic realm=\"Stripe\"" }
        return response
    }

    private mutating func admitted(
        _ request: HTTPRequest, _ path: [String], at now: Timestamp, random: any RandomSource, requestID: String, version: String
    ) throws(StripeProblem) -> StripeAnswer {
        if path.first == "oauth" { return try oauth(request, path, at: now, random: random, requestID: requestID) }
        guard path.count >= 2, path[0] == "v1" else { throw .unrecognised(request.method.rawValue, request.path) }
        let access = try authenticate(request)
        guard Self.isVersion(version) else {
            throw .invalid(
                "", "Invalid Stripe API version: \(version). You can view and choose a supported version at https://dashboard.stripe.com/developers.")
        }
        let endpoint = "\(request.method.rawValue) \(path.prefix(2).joined(separator: "/"))/\(path.dropFirst(3).joined(separator: "/"))"
        if let reason = meter.admit(access.scope, endpoint, at: now.seconds, limits) { return Self.limited(reason) }
        let moment = StripeMoment(
            scope: access.scope, platform: access.platform, at: now, random: random, requestID: requestID, key: request.fields["Idempotency-Key"])
        let call = StripeCall(method: request.method, path: Array(path.dropFirst()), params: try Self.params(request), moment: moment)
        if access.isRestricted, call.isPost || call.method == .delete, call.path[0] != "webhook_endpoints" {
            throw .forbidden(access.shownKey, "rak_\(call.path[0].dropLast(call.path[0].hasSuffix("s") ? 1 : 0))_write", access.scope.account)
        }
        guard call.isPost, let key = moment.key, !key.isEmpty else { return try run(call) }
        return try once(key, call)
    }

    static func limited(_ reason: String) -> StripeAnswer {
        let problem = StripeProblem(429, "rate_limit", "Request rate limit exceeded.")
        var answer = problem.response
        answer.limited = reason
        return answer
    }

    /// `2026-10-28.endive`, or a date alone from before versions had names.
    private static func isVersion(_ text: String) -> Bool {
        let parts = text.split(separator: ".", maxSplits: 1)
        guard let first = parts.first, LocalDate(first) != nil else { return false }
        return parts.count == 1 || parts[1].utf8.allSatisfy { ($0 >= 97 && $0 <= 122) || $0 == 95 || ($0 >= 48 && $0 <= 57) }
    }

    /// Parameters of the query of a GET or DELETE, of the body of a POST.
    private static func params(_ request: HTTPRequest) throws(StripeProblem) -> StripeParams {
        guard request.method == .post else { return try StripeParams(request.query) }
        let type = request.fields["Content-Type"]?.lowercased() ?? ""
        guard request.body.isEmpty || type.hasPrefix("application/x-www-form-urlencoded") else {
            throw .invalid(
                "",
                "Invalid request (check that your POST content type is application/x-www-form-urlencoded). "
                    + "If you have any questions, we can help at https://support.stripe.com/.")
        }
        return try StripeParams(request.query + Form.decode(String(decoding: request.body, as: UTF8.self)))
    }

    // MARK: Keys

    func authenticate(_ request: HTTPRequest) throws(StripeProblem) -> StripeAccess {
        guard let header = request.fields["Authorization"], let key = Self.key(header) else {
            throw .unauthorised(
                "You did not provide an API key. You need to provide your API key in the Authorization header, using Bearer auth "
                    + "(e.g. 'Authorization: Bearer YOUR_SECRET_KEY'). See https://stripe.com/docs/api#authentication for details, "
                    + "or we can help at https://support.stripe.com/.")
        }
        let shown = Self.masked(key)
        let parts = key.split(separator: "_", maxSplits: 2).map(String.init)
        guard parts.count == 3, ["sk", "rk"].contains(parts[0]), ["test", "live"].contains(parts[1]),
            let business = businesses.values.first(where: { $0.keyName == parts[2] })
        else {
            if key.hasSuffix("revoked") { throw .unauthorised("Expired API Key provided: \(shown)", code: "api_key_expired") }
            throw .unauthorised("Invalid API Key provided: \(shown)")
        }
        let own = StripeScope(account: business.id, isLive: parts[1] == "live")
        var access = StripeAccess(scope: own, platform: nil, shownKey: shown, isRestricted: parts[0] == "rk")
        guard let account = request.fields["Stripe-Account"], !account.isEmpty, account != business.id else { return access }
        guard business.id == StripeSeed.platform, isConnected(account) else { throw .noAccount(shown, account) }
        access.platform = own
        access.scope = StripeScope(account: account, isLive: own.isLive)
        return access
    }

    /// The key of `Bearer key` or of Basic with the key as user and nothing as password.
    private static func key(_ header: String) -> String? {
        if header.hasPrefix("Bearer ") { return String(header.dropFirst(7)) }
        guard header.hasPrefix("Basic "), let bytes = Base64.decode(String(header.dropFirst(6))) else { return nil }
        let pair = String(decoding: bytes, as: UTF8.self).split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        return pair.first.map { String($0) }
    }

    private static func masked(_ key: String) -> String {
        guard key.count > 12 else { return String(repeating: "*", count: key.count) }
        return key.prefix(8) + String(repeating: "*", count: max(4, key.count - 12)) + key.suffix(4)
    }

    // MARK: Idempotency

    /// Answers a known key from memory; remembers what became of a new one.
    private mutating func once(_ key: String, _ call: StripeCall) throws(StripeProblem) -> StripeAnswer {
        guard key.count <= 255 else { throw .invalid("Idempotency-Key", "Idempotency keys can be at most 255 characters long.") }
        let m = call.moment
        let id = "answer/\(m.scope.text)/\(key)"
        if let kept = rows[id], kept.created + limits.keySeconds > m.seconds {
            guard kept.inner.text("endpoint") == call.text else {
                throw .otherEndpoint(key, now: call.text, first: kept.inner.text("endpoint") ?? "")
            }
            guard kept.inner.text("digest") == Self.digest(call) else { throw .otherParameters(key) }
            return StripeAnswer(status: Int(kept.inner.minor("status")), body: kept.shown, replayOf: kept.inner.text("request") ?? "")
        }
        var answer: StripeAnswer
        do throws(StripeProblem) {
            answer = try run(call)
        } catch {
            guard !error.isEarly else { throw error }
            answer = error.response
        }
        let inner: [(key: String, value: JSON)] = [
            ("endpoint", .string(call.text)), ("digest", .string(Self.digest(call))), ("status", .minor(Int64(answer.status))),
            ("request", .optional(m.requestID)),
        ]
        rows.remove(id)
        insert(.answer, id, answer.body, inner: .object(inner), m)
        return answer
    }

    private static func digest(_ call: StripeCall) -> String { Digest.sha256(Array(call.params.canonical.utf8)).hexText }

    // MARK: Running

    private mutating func run(_ call: StripeCall) throws(StripeProblem) -> StripeAnswer {
        do throws(StripeProblem) {
            // In two steps: in one, the state would be read before the call changed it.
            let plain = try dispatch(call)
            let body = try expanded(plain, call)
            doWhatFollows()
            return StripeAnswer(body: body)
        } catch {
            if !error.keepsChanges { rows.rollback() }
            afterwards = []
            throw error
        }
    }

    private mutating func dispatch(_ call: StripeCall) throws(StripeProblem) -> JSON {
        switch call.path[0] {
        case "customers": try customers(call)
        case "payment_methods": try paymentMethods(call)
        case "payment_intents": try paymentIntents(call)
        case "charges": try charges(call)
        case "refunds": try refunds(call)
        case "disputes": try disputes(call)
        case "balance": try balance(call)
        case "balance_transactions": try balanceTransactions(call)
        case "payouts": try payouts(call)
        case "events": try events(call)
        case "webhook_endpoints": try webhookEndpoints(call)
        case "application_fees": try applicationFees(call)
        case "account", "accounts": try accounts(call)
        default: try nothingThere(call)
        }
    }

    /// Lists of what the twin's businesses do not have: they sell without invoices, subscriptions and checkout pages.
    private func nothingThere(_ call: StripeCall) throws(StripeProblem) -> JSON {
        let empty: Set<String> = [
            "invoices", "invoiceitems", "invoice_payments", "credit_notes", "products", "prices", "subscriptions", "tax_rates", "checkout/sessions",
            "coupons", "promotion_codes", "transfers", "topups", "quotes",
        ]
        let name = call.path.joined(separator: "/")
        guard call.method == .get, empty.contains(name) else { throw .unrecognised(call.method.rawValue, call.text) }
        return Self.list(call.text, [], more: false)
    }

    private func accounts(_ call: StripeCall) throws(StripeProblem) -> JSON {
        guard call.method == .get, call.path[0] == "account" ? call.path.count == 1 : call.path.count == 2 else {
            throw .unrecognised(call.method.rawValue, call.text)
        }
        let m = call.moment
        let asked = call.path[0] == "account" ? m.scope.account : call.id
        let isOwn = asked == m.scope.account || (m.scope.account == StripeSeed.platform && isConnected(asked))
        guard isOwn, let business = businesses[asked] else { throw .noAccount("sk_\(m.scope.isLive ? "live" : "test")_****", asked) }
        return Self.account(business)
    }

    static func account(_ business: StripeBusiness) -> JSON {
        var o = StripeFields(.account, business.id)
        var profile = StripeFields()
        profile.nulls("mcc")
        profile.text("name", business.name)
        profile.nulls("product_description", "support_address")
        profile.text("support_email", business.email)
        profile.nulls("support_phone", "support_url", "url")
        o.set("business_profile", profile.json)
        o.text("business_type", "company")
        o.set("capabilities", .object([("card_payments", "active"), ("transfers", "active")]))
        o.flag("charges_enabled", true)
        o.set("controller", .object([("type", "account")]))
        o.text("country", business.country)
        o.int("created", 1_700_000_000)
        o.text("default_currency", business.currency)
        o.flag("details_submitted", true)
        o.text("email", business.email)
        let banks = business.holds.map { bankAccount(business, $0) }
        o.set("external_accounts", list("/v1/accounts/\(business.id)/external_accounts", banks, more: false))
        o.set("metadata", .object([]))
        o.flag("payouts_enabled", true)
        o.set("settings", settings(business))
        o.text("type", "standard")
        return o.json
    }

    private static func settings(_ business: StripeBusiness) -> JSON {
        let schedule: JSON = .object([("delay_days", 2), ("interval", "daily")])
        let cards: JSON = .object([
            ("decline_on", .object([("avs_failure", true), ("cvc_failure", true)])), ("statement_descriptor_prefix", .null),
            ("statement_descriptor_prefix_kana", .null), ("statement_descriptor_prefix_kanji", .null),
        ])
        return .object([
            ("branding", .object([("icon", .null), ("logo", .null), ("primary_color", .null), ("secondary_color", .null)])),
            ("card_payments", cards),
            ("dashboard", .object([("display_name", .string(business.name)), ("timezone", .string(business.zone.name))])),
            ("payments", .object([("statement_descriptor", .null), ("statement_descriptor_kana", .null), ("statement_descriptor_kanji", .null)])),
            ("payouts", .object([("debit_negative_balances", true), ("schedule", schedule), ("statement_descriptor", .null)])),
        ])
    }
}
