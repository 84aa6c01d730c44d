internal import Wire

/// A refusal in the vendor's form: an array of errors, each with category, code and mostly a sentence and a field.
/// - Source: square/connect-api-specification, `Error`, `ErrorCategory`, `ErrorCode`; developer.squareup.com/docs/build-basics/handling-errors.
struct SquareProblem: Error {
    struct Line: Sendable {
        var category: String
        var code: String
        var detail: String
        var field: String?
    }

    var status: Int
    var lines: [Line]
    /// Further members beside the errors: the payment that was declined.
    var more: [(key: String, value: JSON)] = []
    /// The refusal is itself something that happened, and an idempotency key remembers it: a declined card.
    var keepsChanges = false

    init(_ status: Int, _ category: String, _ code: String, _ detail: String, field: String? = nil) {
        self.status = status
        lines = [Line(category: category, code: code, detail: detail, field: field)]
    }

    var detail: String { lines.first?.detail ?? "" }
    var field: String? { lines.first?.field }

    var json: JSON {
        let errors = lines.map { line -> JSON in
            var o = SquareFields()
            o.text("category", line.category)
            o.text("code", line.code)
            o.text("detail", line.detail)
            o.text("field", line.field)
            return o.json
        }
        return .object([(key: "errors", value: JSON.array(errors))] + more)
    }

    var answer: SquareAnswer { SquareAnswer(status: status, body: json) }

    // MARK: The request

    static func invalid(_ code: String, _ detail: String, _ field: String? = nil) -> SquareProblem {
        SquareProblem(400, "INVALID_REQUEST_ERROR", code, detail, field: field)
    }

    static func bad(_ detail: String, _ field: String? = nil) -> SquareProblem { invalid("BAD_REQUEST", detail, field) }
    static func missing(_ field: String) -> SquareProblem { invalid("MISSING_REQUIRED_PARAMETER", "Missing required parameter.", field) }
    static func value(_ detail: String, _ field: String) -> SquareProblem { invalid("INVALID_VALUE", detail, field) }
    static func choice(_ value: String, _ field: String) -> SquareProblem {
        invalid("INVALID_ENUM_VALUE", "`\(value)` is not a valid enum value for `\(field)`.", field)
    }
    static func expected(_ what: String, _ field: String) -> SquareProblem {
        invalid("EXPECTED_\(what)", "Expected \(what == "ARRAY" || what == "OBJECT" || what == "INTEGER" ? "an" : "a") \(what.lowercased()) value.", field)
    }
    static func tooLong(_ field: String, _ most: Int) -> SquareProblem {
        invalid("VALUE_TOO_LONG", "Field must not be greater than \(most) in length", field)
    }
    static func empty(_ field: String) -> SquareProblem { invalid("VALUE_EMPTY", "Field must not be blank", field) }
    static var cursor: SquareProblem { invalid("INVALID_CURSOR", "Invalid cursor.", "cursor") }

    static func notFound(_ detail: String = "Resource not found.", _ field: String? = nil) -> SquareProblem {
        SquareProblem(404, "INVALID_REQUEST_ERROR", "NOT_FOUND", detail, field: field)
    }

    static func conflict(_ detail: String, _ field: String? = nil) -> SquareProblem {
        SquareProblem(409, "INVALID_REQUEST_ERROR", "CONFLICT", detail, field: field)
    }

    static let method = SquareProblem(405, "INVALID_REQUEST_ERROR", "METHOD_NOT_ALLOWED", "Method not allowed.")

    // MARK: Who asks

    static func unauthorised(_ code: String = "UNAUTHORIZED", _ detail: String = "This request could not be authorized.") -> SquareProblem {
        SquareProblem(401, "AUTHENTICATION_ERROR", code, detail)
    }

    static func forbidden(_ scope: String) -> SquareProblem {
        SquareProblem(
            403, "AUTHENTICATION_ERROR", "INSUFFICIENT_SCOPES",
            "The merchant has not given your application sufficient permissions to do that. "
                + "The merchant must authorize your application for the following scopes: \(scope)")
    }

    static let notForApplications = SquareProblem(
        403, "AUTHENTICATION_ERROR", "FORBIDDEN", "This endpoint can only be called with the personal access token of the application's owner.")

    static let limited = SquareProblem(429, "RATE_LIMIT_ERROR", "RATE_LIMITED", "Too many requests.")

    // MARK: Money

    /// A card that was declined.
    static func declined(_ code: String, _ detail: String) -> SquareProblem {
        var problem = SquareProblem(400, "PAYMENT_METHOD_ERROR", code, detail)
        problem.keepsChanges = true
        return problem
    }

    static func refund(_ code: String, _ detail: String, _ field: String? = nil) -> SquareProblem {
        SquareProblem(400, "REFUND_ERROR", code, detail, field: field)
    }

    static func keyReused(_ key: String) -> SquareProblem {
        invalid("IDEMPOTENCY_KEY_REUSED", "Different request parameters used for the same idempotency_key: \(key)", "idempotency_key")
    }
}

/// An answer before its headers.
struct SquareAnswer: Sendable {
    var status = 200
    var body: JSON
}
