internal import Kernel
internal import Wire

/// Why the account refuses something, as each protocol says it.
struct SuiteProblem: Error, Sendable {
    /// REST's status and code.
    var status = 400
    var code = "USER_ERROR"
    /// SOAP's code.
    var soap = "USER_ERROR"
    var message: String
    /// The field, as REST names its place.
    var path: String?

    /// The words that REST puts before what a rule of the business says.
    static let lead = "Error while accessing a resource. "

    var detail: String { code == "USER_ERROR" ? Self.lead + message : message }

    // MARK: - Rules

    static func user(_ message: String, _ path: String? = nil, soap: String = "USER_ERROR") -> SuiteProblem {
        SuiteProblem(soap: soap, message: message, path: path)
    }

    static func missing(_ labels: [String], _ path: String?) -> SuiteProblem {
        user("Please enter value(s) for: \(labels.joined(separator: ", "))", path, soap: "USER_ERROR")
    }

    /// - Source: the sheet's sample, "Invalid item reference key 77."
    static func reference(_ field: String, _ key: String, of whom: String = "") -> SuiteProblem {
        user("Invalid \(field) reference key \(key)\(whom.isEmpty ? "" : " for \(whom)").", field, soap: "INVALID_KEY_OR_REF")
    }

    static func unknownExternal(_ field: String, _ key: String) -> SuiteProblem {
        user("Invalid \(field) reference: there is no record with the external id \(key).", field, soap: "NONEXISTENT_EXTERNAL_ID")
    }

    static let duplicate = user("This record already exists", "externalId", soap: "DUP_RCRD")
    static let duplicateEntity = user("This entity already exists.", "entityId", soap: "DUP_ENTITY")

    static func tooLong(_ field: String, _ most: Int) -> SuiteProblem {
        user("The field \(field) contained more than the maximum number ( \(most) ) of characters allowed.", field, soap: "EXCEEDED_MAX_FIELD_LENGTH")
    }

    static func value(_ field: String, _ shown: String) -> SuiteProblem {
        SuiteProblem(code: "INVALID_CONTENT", soap: "INVALID_FLD_VALUE", message: "Invalid value for the field \(field): \(shown.prefix(80)).", path: field)
    }

    static func unknownName(_ name: String) -> SuiteProblem {
        SuiteProblem(code: "INVALID_CONTENT", soap: "INVALID_FLD_VALUE", message: "Unknown property \(name) in the request body.", path: name)
    }

    static func content(_ message: String) -> SuiteProblem { SuiteProblem(code: "INVALID_CONTENT", soap: "INVALID_REQUEST", message: message) }
    static func parameter(_ message: String) -> SuiteProblem { SuiteProblem(code: "INVALID_PARAMETER", soap: "INVALID_REQUEST", message: message) }

    static let noRecord = SuiteProblem(
        status: 404, code: "NONEXISTENT_ID", soap: "RCRD_DSNT_EXIST", message: "The record instance does not exist. Provide a valid record instance ID.")

    static func noType(_ name: String) -> SuiteProblem {
        SuiteProblem(status: 404, code: "NOT_FOUND", soap: "INVALID_RCRD_TYPE", message: "Record type '\(name.prefix(60))' does not exist.")
    }

    static func closed(_ period: String) -> SuiteProblem {
        user("You cannot post to a closed posting period: the period \(period) is closed.", "tranDate", soap: "TRAN_PERIOD_CLOSED")
    }

    static func locked(_ period: String, _ what: String) -> SuiteProblem {
        user("You cannot post to a locked posting period: the period \(period) is locked for \(what).", "tranDate", soap: "TRAN_PERIOD_CLOSED")
    }

    static let conflict = SuiteProblem(status: 409, code: "RCRD_HAS_BEEN_CHANGED", soap: "RCRD_HAS_BEEN_CHANGED", message: "Record has been changed")
    static let overflow = user("A number is too large.", soap: "INVALID_FLD_VALUE")

    // MARK: - REST

    /// - Source: the sheet's envelope, with RFC 2616's section as `type`.
    var response: HTTPResponse {
        var error: [(key: String, value: JSON)] = [("detail", .string(detail))]
        if let path { error.append(("o:errorPath", .string(path))) }
        error.append(("o:errorCode", .string(code)))
        return Self.envelope(status, .object(error))
    }

    static func envelope(_ status: Int, _ error: JSON) -> HTTPResponse {
        let named: [Int: (title: String, section: String)] = [
            400: ("Bad Request", "10.4.1"), 401: ("Unauthorized", "10.4.2"), 403: ("Forbidden", "10.4.4"), 404: ("Not Found", "10.4.5"),
            405: ("Method Not Allowed", "10.4.6"), 409: ("Conflict", "10.4.10"), 413: ("Request Entity Too Large", "10.4.14"),
            415: ("Unsupported Media Type", "10.4.16"), 429: ("Too Many Requests", "10.4"), 503: ("Service Unavailable", "10.5.4"),
        ]
        let (title, section) = named[status] ?? ("Internal Server Error", "10.5.1")
        let type = "https://www.w3.org/Protocols/rfc2616/rfc2616-sec10.html#sec\(section)"
        let body: JSON = .object([
            ("type", .string(type)), ("title", .string(title)), ("status", .number(String(status))), ("o:errorDetails", .array([error])),
        ])
        return HTTPResponse(status, fields: ["Content-Type": "application/vnd.oracle.resource+json; type=error"], body: body.bytes)
    }

    static func plain(_ status: Int, _ code: String, _ detail: String) -> HTTPResponse {
        envelope(status, .object([("detail", .string(detail)), ("o:errorCode", .string(code))]))
    }
}
