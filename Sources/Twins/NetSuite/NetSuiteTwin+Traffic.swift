internal import Kernel
public import TwinKit
public import Wire

/// What the fault plan must know of the platform's requests and answers.
extension NetSuiteTwin {
    public func throttled(_ request: HTTPRequest, retryAfterSeconds _: Int?) -> HTTPResponse { SuiteDoor.tooMany(request) }
    public func unavailable(_ request: HTTPRequest) -> HTTPResponse { SuiteDoor.unavailable(request) }

    /// SOAP answers with status 200 what was not done.
    public func errorInSuccess(_ request: HTTPRequest) -> HTTPResponse {
        guard let asked = SuiteAsked(request) else { return errorInSuccess() }
        let problem = SuiteProblem(soap: "UNEXPECTED_ERROR", message: "An unexpected error occurred. Error ID: m0sandbox")
        return SuiteSOAP(version: asked.version).answer("\(asked.operation)Response") { soap, writer in
            writer.start("writeResponse")
            soap.status(problem, &writer)
            writer.end()
        }
    }

    public func withRevokedToken(_ request: HTTPRequest) -> HTTPRequest {
        var revoked = request
        let wrong = "revokedbythefaultplan"
        if request.path.hasPrefix("/services/NetSuitePort_") {
            let body = String(decoding: request.body, as: UTF8.self)
            revoked.body = Array(body.split(separator: Self.tokenID, omittingEmptySubsequences: false).joined(separator: wrong).utf8)
        } else if let header = request.fields["Authorization"], header.hasPrefix("Bearer ") {
            revoked.fields["Authorization"] = "Bearer \(wrong)"
        } else if let header = request.fields["Authorization"], header.hasPrefix("OAuth ") {
            revoked.fields["Authorization"] = header.split(separator: Self.tokenID, omittingEmptySubsequences: false).joined(separator: wrong)
        }
        return revoked
    }

    public func withoutNativeKey(_ request: HTTPRequest) -> HTTPRequest {
        var out = request
        out.fields["X-NetSuite-Idempotency-Key"] = nil
        return out
    }

    public func purpose(of request: HTTPRequest) -> Purpose {
        if let asked = SuiteAsked(request) { return asked.purpose }
        let path = request.path.split(separator: "/").map(String.init)
        if request.path == SuiteRoutes.token { return .token }
        guard path.count >= 4, path[0] == "services", path[1] == "rest" else { return .other }
        if path[2] == "query" { return Self.purpose(ofQuery: (try? JSON(parsing: request.body))?["q"]?.string ?? "") }
        guard path[2] == "record", path.count >= 5, let type = SuiteSchema.whole.find(path[4]) else { return .other }
        switch request.method {
        case .post, .put, .patch, .delete: return type.isTransaction ? .write : .reference
        default:
            guard type.isTransaction else { return .other }
            return path.count == 5 || path[5].lowercased().hasPrefix("eid:") || path[5].lowercased().hasPrefix("eid%3a") ? .lookup : .readback
        }
    }

    private static func purpose(ofQuery text: String) -> Purpose {
        let query = text.lowercased()
        guard query.contains("from transaction") else { return .other }
        return ["externalid", "tranid", "otherrefnum", "memo"].contains { query.contains($0 + " ") || query.contains($0 + "=") } ? .lookup : .readback
    }
}

/// What a SOAP request asks for, as far as its body tells.
struct SuiteAsked {
    let version: String
    let operation: String
    let purpose: Purpose

    init?(_ request: HTTPRequest) {
        guard let version = SuiteSOAP.version(ofPort: request.path), let root = try? XMLElement(parsing: request.body) else { return nil }
        guard let operation = root["Body"]?.children.first else { return nil }
        self.version = version
        self.operation = operation.name.local
        purpose = Self.purpose(operation)
    }

    private static func purpose(_ operation: XMLElement) -> Purpose {
        let name = operation.name.local
        for verb in ["add", "update", "upsert"] where name == verb || name == verb + "List" {
            let type = operation["record"].flatMap { SuiteSOAP.typeName($0) }.flatMap { SuiteSchema.whole.bySOAP[$0] }
            return type?.isTransaction ?? true ? .write : .reference
        }
        func isTransaction(_ ref: XMLElement?) -> Bool { ref?.attribute("type").flatMap { SuiteSchema.whole.find($0) }?.isTransaction ?? false }
        switch name {
        case "delete", "deleteList": return isTransaction(operation["baseRef"]) ? .write : .reference
        case "get", "getList":
            guard isTransaction(operation["baseRef"]) else { return .other }
            return operation["baseRef"]?.attribute("externalId") == nil ? .readback : .lookup
        case "search":
            let record = operation["searchRecord"]
            guard (record.flatMap { SuiteSOAP.typeName($0) } ?? "").hasPrefix("TransactionSearch") else { return .other }
            let basic = record?["basic"] ?? record
            return basic?["internalId"] == nil ? .lookup : .readback
        default: return .other
        }
    }
}
