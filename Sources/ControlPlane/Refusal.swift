internal import Kernel
internal import Wire

/// An answer that is not what was asked for: a problem document (RFC 9457).
struct Refusal: Error, Sendable {
    /// One thing wrong with a request's body.
    struct Finding: Sendable, Equatable {
        var field: String
        var why: String
        var remedy: String
    }

    var status: Int
    var code: String
    var detail: String
    var remedy: String
    var field: String?
    var errors: [Finding] = []
    var fields = HTTPFields()

    init(_ status: Int, _ code: String, _ detail: String, remedy: String = "", field: String? = nil) {
        self.status = status
        self.code = code
        self.detail = detail
        self.remedy = remedy
        self.field = field
    }

    static func notFound(_ detail: String = "There is no such thing, or not for this key.") -> Refusal {
        Refusal(404, "not_found", detail, remedy: "Check the path and that the key belongs to the tenant.")
    }

    /// Everything that is wrong with a body, at once.
    static func invalid(_ findings: [Finding]) -> Refusal {
        let first = findings.first
        var out = Refusal(
            422, "invalid_request", findings.count == 1 ? "\(first?.field ?? "") \(first?.why ?? "")" : "\(findings.count) members of the request are not valid.",
            remedy: first?.remedy ?? "", field: first?.field)
        out.errors = findings
        return out
    }

    init(_ error: any Error) {
        if let refusal = error as? Refusal { self = refusal } else { self.init(Fault.wrapping(error, stage: .api)) }
    }

    /// A fault as its asker sees it. What is our own mistake or the database's affair is told without its inner words.
    init(_ fault: Fault) {
        let status = Refusal.status(of: fault)
        switch status {
        case 500: self.init(500, fault.code, "The request could not be carried out: this is our mistake.", remedy: "Tell the operator the request's id.")
        case 503 where fault.code == "sql_57014":
            self = Refusal(
                503, "looked_too_long", "This took longer to look up than may be spent on one look.",
                remedy: "Ask for less: a flow, a state or a day. If it stays so, tell the operator the request's id.")
        case 503 where fault.stage == .database:
            self.init(503, "database_unavailable", "The database does not answer at the moment.", remedy: "Send the request again.")
        default:
            self.init(status, fault.code == "unique_violation" ? "already_exists" : fault.code, Refusal.detail(fault), remedy: Refusal.remedy(fault), field: fault.position)
        }
        if status == 503 {
            let seconds = fault.retryAfter.map { max(1, $0.wholeMilliseconds / 1000) } ?? Int64(ControlPlaneLimits.retryAfterSeconds)
            fields["Retry-After"] = "\(seconds)"
        }
    }

    static func status(of fault: Fault) -> Int {
        switch fault.code {
        case "not_found", "unknown_connection", "unknown_flow": return 404
        case "malformed_json": return 400
        case "unauthenticated": return 401
        case "unique_violation", "wrong_state", "not_planned_yet", "idempotency_key_reused": return 409
        case "changed_meanwhile": return 412
        case "foreign_key_violation", "check_violation": return 422
        case "cancelled": return 503
        default: break
        }
        switch (fault.stage, fault.disposition) {
        case (_, .bug): return 500
        case (.database, .hold), (.database, .reject): return 500
        case (.database, _), (_, .retry), (_, .wait): return 503
        default: return 422
        }
    }

    private static func detail(_ fault: Fault) -> String {
        switch fault.code {
        case "unique_violation": "Something with this name exists already."
        case "foreign_key_violation": "Something that the request names does not exist in this tenant."
        case "check_violation": "A value is outside of what is allowed."
        default: fault.summary
        }
    }

    private static func remedy(_ fault: Fault) -> String {
        switch fault.code {
        case "unique_violation": "Choose another name, or read the one that exists."
        case "foreign_key_violation": "Check the ids in the request."
        default: fault.remedy
        }
    }

    var title: String {
        let words = code.split(separator: "_").joined(separator: " ")
        return words.prefix(1).uppercased() + words.dropFirst()
    }

    var response: HTTPResponse {
        var members: [(key: String, value: JSON)] = [
            ("type", .string("https://counterfoil.dev/errors/\(code)")), ("title", .string(title)), ("status", .number("\(status)")),
            ("detail", .string(detail)), ("code", .string(code)),
        ]
        if !remedy.isEmpty { members.append(("remedy", .string(remedy))) }
        if let field { members.append(("field", .string(field))) }
        if !errors.isEmpty {
            members.append(("errors", .array(errors.map { e in
                .object([("field", .string(e.field)), ("why", .string(e.why)), ("remedy", .string(e.remedy))])
            })))
        }
        var out = HTTPResponse(status, fields: fields, body: JSON.object(members).bytes)
        out.fields["Content-Type"] = "application/problem+json"
        if status == 401 { out.fields["WWW-Authenticate"] = "Bearer realm=\"counterfoil\"" }
        return out
    }
}
