internal import Kernel
internal import Wire

/// What Odoo raises, by the exception's name. The text is what clients see.
struct OdooProblem: Error, Sendable {
    enum Kind: Sendable {
        /// A wrong login or key.
        case accessDenied
        /// Somebody who may not.
        case accessError
        case userError
        case validationError
        case missingError
        /// A bad key of JSON-2.
        case unauthorized
        /// An unknown model, or a method of it, in JSON-2.
        case notFound
        /// Arguments that JSON-2 can't bind.
        case unprocessable
        case typeError
        case valueError
        case keyError
        case attributeError
        /// Two transactions met, and the retries are used up.
        case concurrency
        /// PostgreSQL has no such database.
        case noDatabase
    }

    var kind: Kind
    var message: String

    static func user(_ message: String) -> OdooProblem { OdooProblem(kind: .userError, message: message) }
    static func validation(_ message: String) -> OdooProblem { OdooProblem(kind: .validationError, message: message) }
    static func value(_ message: String) -> OdooProblem { OdooProblem(kind: .valueError, message: message) }
    static func type(_ message: String) -> OdooProblem { OdooProblem(kind: .typeError, message: message) }

    static let denied = OdooProblem(kind: .accessDenied, message: "Access Denied")
    static let badKey = OdooProblem(kind: .unauthorized, message: "Invalid apikey")

    /// What PostgreSQL says when a transaction lost against another one, five times over.
    static let concurrent = OdooProblem(kind: .concurrency, message: "could not serialize access due to concurrent update\n")

    static func missing(_ model: String, _ ids: [Int], user: Int) -> OdooProblem {
        let list = ids.map(String.init).joined(separator: ", ") + (ids.count == 1 ? "," : "")
        return OdooProblem(kind: .missingError, message: "Record does not exist or has been deleted.\n(Record: \(model)(\(list)), User: \(user))")
    }

    /// A Python exception's full name, as JSON answers have it.
    var name: String {
        switch kind {
        case .accessDenied: "odoo.exceptions.AccessDenied"
        case .accessError: "odoo.exceptions.AccessError"
        case .userError: "odoo.exceptions.UserError"
        case .validationError: "odoo.exceptions.ValidationError"
        case .missingError: "odoo.exceptions.MissingError"
        case .unauthorized: "werkzeug.exceptions.Unauthorized"
        case .notFound: "werkzeug.exceptions.NotFound"
        case .unprocessable: "werkzeug.exceptions.UnprocessableEntity"
        case .typeError: "builtins.TypeError"
        case .valueError: "builtins.ValueError"
        case .keyError: "builtins.KeyError"
        case .attributeError: "builtins.AttributeError"
        case .concurrency: "psycopg2.errors.SerializationFailure"
        case .noDatabase: "psycopg2.OperationalError"
        }
    }

    /// The status of JSON-2.
    /// - Source: odoo/odoo `addons/rpc/controllers/json2.py` for 404 and 422; the others follow the exceptions' `http_status`.
    var status: Int {
        switch kind {
        case .unauthorized: 401
        case .accessDenied, .accessError: 403
        case .missingError, .notFound: 404
        case .userError, .validationError, .unprocessable: 422
        case .concurrency: 409
        case .typeError, .valueError, .keyError, .attributeError, .noDatabase: 500
        }
    }

    /// The fault code of XML-RPC.
    /// - Source: odoo/odoo `odoo/addons/base/controllers/rpc.py`.
    var faultCode: Int {
        switch kind {
        case .userError, .validationError, .missingError: 2
        case .accessDenied: 3
        case .accessError: 4
        default: 1
        }
    }

    var traceback: String { "Traceback (most recent call last):\n  File \"/usr/lib/python3/dist-packages/odoo/http.py\", in dispatch\n\(name): \(message)\n" }

    /// What JSON says of an exception; the members are the same in JSON-2 and in JSON-RPC.
    var json: JSON {
        var arguments: [JSON] = [.string(message)]
        if [.unauthorized, .notFound, .unprocessable].contains(kind) { arguments.append(.int(status)) }
        let members: [(key: String, value: JSON)] = [
            ("name", .string(name)), ("debug", .string(traceback)), ("message", .string(message)), ("arguments", .array(arguments)), ("context", .object([])),
        ]
        return .object(members)
    }
}
