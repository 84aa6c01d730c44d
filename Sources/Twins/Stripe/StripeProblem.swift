internal import Wire

/// A refusal in the vendor's words.
/// - Source: docs.stripe.com/api/errors and docs.stripe.com/error-codes.
struct StripeProblem: Error {
    var status: Int
    var type = "invalid_request_error"
    var code: String?
    var message: String
    var param: String?
    /// Further members of the error: the intent whose card was declined, the charge that failed.
    var more: [(key: String, value: JSON)] = []
    /// The refusal is itself something that happened: a declined card leaves a failed charge behind.
    var keepsChanges = false
    /// Refused before the endpoint began: an idempotency key does not remember it.
    var isEarly = false

    init(_ status: Int, _ code: String? = nil, _ message: String, param: String? = nil) {
        self.status = status
        self.code = code
        self.message = message
        self.param = param
    }

    var response: StripeAnswer {
        var error = StripeFields()
        if let code {
            error.text("code", code)
            error.text("doc_url", "https://stripe.com/docs/error-codes/\(code.replacing(95, by: 45))")
        }
        error.text("message", message)
        if let param { error.text("param", param) }
        for (key, value) in more { error.set(key, value) }
        error.text("type", type)
        return StripeAnswer(status: status, body: .object([("error", error.json)]))
    }

    // MARK: Before the endpoint begins

    private static func early(_ code: String?, _ message: String, _ param: String?) -> StripeProblem {
        var problem = StripeProblem(400, code, message, param: param)
        problem.isEarly = true
        return problem
    }

    static func missing(_ param: String) -> StripeProblem { early("parameter_missing", "Missing required param: \(param).", param) }
    static func unknown(_ param: String) -> StripeProblem { early("parameter_unknown", "Received unknown parameter: \(param)", param) }
    static func invalid(_ param: String, _ message: String, code: String? = nil) -> StripeProblem { early(code, message, param) }
    static func notInteger(_ param: String, _ text: String) -> StripeProblem {
        early("parameter_invalid_integer", "Invalid integer: \(text)", param)
    }
    static func empty(_ param: String) -> StripeProblem {
        early(
            "parameter_invalid_empty",
            "You passed an empty string for '\(param)'. We assume empty values are an attempt to unset a parameter; however '\(param)' cannot be unset. "
                + "You should remove '\(param)' from your request or supply a non-empty value.", param)
    }

    static func unrecognised(_ method: String, _ path: String) -> StripeProblem {
        var problem = StripeProblem(
            404, nil,
            "Unrecognized request URL (\(method): \(path)). Please see https://stripe.com/docs or we can help at https://support.stripe.com/.")
        problem.isEarly = true
        return problem
    }

    // MARK: Who asks

    static func unauthorised(_ message: String, code: String? = nil) -> StripeProblem { StripeProblem(401, code, message) }

    static func forbidden(_ key: String, _ right: String, _ account: String) -> StripeProblem {
        StripeProblem(
            403, nil,
            "The provided key '\(key)' does not have the required permissions for this endpoint on account '\(account)'. "
                + "Having the '\(right)' permission would allow this request to continue.")
    }

    static func noAccount(_ key: String, _ account: String) -> StripeProblem {
        StripeProblem(
            403, "account_invalid",
            "The provided key '\(key)' does not have access to account '\(account)' (or that account does not exist). "
                + "Application access may have been revoked.")
    }

    // MARK: What is not there

    /// - Parameter isReference: named by a parameter, not by the address.
    static func noSuch(_ kind: StripeKind, _ id: String, param: String, isReference: Bool, otherMode: String? = nil) -> StripeProblem {
        var message = "No such \(kind.spoken): '\(id)'"
        if let otherMode {
            let asked = otherMode == "live" ? "test" : "live"
            message += "; a similar object exists in \(otherMode) mode, but a \(asked) mode key was used to make this request."
        }
        return StripeProblem(isReference ? 400 : 404, "resource_missing", message, param: param)
    }

    // MARK: Idempotency

    static func otherParameters(_ key: String) -> StripeProblem {
        var problem = StripeProblem(
            400, nil,
            "Keys for idempotent requests can only be used with the same parameters they were first used with. "
                + "Try using a key other than '\(key)' if you meant to execute a different request.")
        problem.type = "idempotency_error"
        return problem
    }

    static func otherEndpoint(_ key: String, now: String, first: String) -> StripeProblem {
        var problem = StripeProblem(
            400, nil,
            "Keys for idempotent requests can only be used for the same endpoint they were first used for ('\(now)' vs '\(first)'). "
                + "Try using a key other than '\(key)' if you meant to execute a different request.")
        problem.type = "idempotency_error"
        return problem
    }
}

/// An answer before its headers.
struct StripeAnswer: Sendable {
    var status = 200
    var body: JSON
    /// The request whose answer is told again.
    var replayOf: String?
    var limited: String?
}

extension String {
    /// The text with one ASCII byte in the place of another.
    func replacing(_ byte: UInt8, by other: UInt8) -> String { String(decoding: utf8.map { $0 == byte ? other : $0 }, as: UTF8.self) }
}
