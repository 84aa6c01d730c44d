internal import Kernel
internal import Wire

/// A refusal as WordPress writes it: `{"code", "message", "data": {"status"}}`.
/// - Source: WordPress `rest_convert_error_to_response`; woocommerce `includes/rest-api/Controllers`.
struct WooProblem: Error {
    var status: Int
    var code: String
    var message: String
    /// Members of `data` beside the status.
    var more: [(key: String, value: JSON)] = []
    /// Some of the vendor's errors carry a bare number as their data; WordPress then answers 500, whatever the number is.
    var bareData: Int?

    init(_ status: Int, _ code: String, _ message: String, more: [(key: String, value: JSON)] = []) {
        self.status = status
        self.code = code
        self.message = message
        self.more = more
    }

    static func bare(_ data: Int, _ code: String, _ message: String) -> WooProblem {
        var problem = WooProblem(500, code, message)
        problem.bareData = data
        return problem
    }

    var body: JSON {
        let data: JSON = bareData.map { .whole($0) } ?? .object([("status", .whole(status))] + more)
        return .object([("code", .string(code)), ("message", .string(message)), ("data", data)])
    }

    var answer: WooAnswer { WooAnswer(status: status, body: body) }

    // MARK: Parameters

    static func invalid(_ name: String, _ reason: String, code: String = "rest_invalid_type") -> WooProblem {
        let details: JSON = .object([("code", .string(code)), ("message", .string(reason)), ("data", .null)])
        return WooProblem(
            400, "rest_invalid_param", "Invalid parameter(s): \(name)",
            more: [("params", .object([(name, .string(reason))])), ("details", .object([(name, details)]))])
    }

    static func type(_ name: String, _ type: String) -> WooProblem { invalid(name, "\(name) is not of type \(type).") }

    static func notIn(_ name: String, _ choices: [String]) -> WooProblem {
        guard choices.count > 1 else { return invalid(name, "\(name) is not \(choices.first ?? "").", code: "rest_not_in_enum") }
        let spoken = choices.dropLast().joined(separator: ", ") + (choices.count > 2 ? ", and " : " and ") + (choices.last ?? "")
        return invalid(name, "\(name) is not one of \(spoken).", code: "rest_not_in_enum")
    }

    static func missing(_ names: [String]) -> WooProblem {
        WooProblem(
            400, "rest_missing_callback_param", "Missing parameter(s): \(names.joined(separator: ", "))",
            more: [("params", .array(names.map(JSON.string)))])
    }

    // MARK: Who asks

    static func authentication(_ message: String) -> WooProblem { WooProblem(401, "woocommerce_rest_authentication_error", message) }

    /// Nobody known asks.
    static func stranger(_ method: HTTPMethod, isList: Bool) -> WooProblem {
        switch method {
        case .get, .head, .options:
            WooProblem(401, "woocommerce_rest_cannot_view", isList ? "Sorry, you cannot list resources." : "Sorry, you cannot view this resource.")
        case .post where isList: WooProblem(401, "woocommerce_rest_cannot_create", "Sorry, you are not allowed to create resources.")
        case .delete: WooProblem(401, "woocommerce_rest_cannot_delete", "Sorry, you are not allowed to delete this resource.")
        default: WooProblem(401, "woocommerce_rest_cannot_edit", "Sorry, you are not allowed to edit this resource.")
        }
    }

    // MARK: What is not there

    static let noRoute = WooProblem(404, "rest_no_route", "No route was found matching the URL and request method.")

    static func invalidID(_ type: String, _ status: Int = 404) -> WooProblem { WooProblem(status, "woocommerce_rest_\(type)_invalid_id", "Invalid ID.") }

    static func noTrash(_ what: String) -> WooProblem { WooProblem(501, "woocommerce_rest_trash_not_supported", "\(what) do not support trashing.") }
}

/// An answer before its last headers.
struct WooAnswer: Sendable {
    var status = 200
    var body: JSON
    var fields: [(String, String)] = []

    init(status: Int = 200, body: JSON, fields: [(String, String)] = []) {
        self.status = status
        self.body = body
        self.fields = fields
    }

    /// What was made, with its address.
    static func made(_ body: JSON, at location: String) -> WooAnswer { WooAnswer(status: 201, body: body, fields: [("Location", location)]) }
}
