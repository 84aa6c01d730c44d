internal import Kernel
public import TwinKit
public import Wire

/// What the fault plan must know of the platform's requests and answers.
extension OdooTwin {
    private static let documents: Set<String> = [
        "account.move", "account.move.line", "account.payment", "account.payment.register", "account.move.reversal", "account.partial.reconcile",
        "purchase.order", "purchase.order.line",
    ]
    private static let readers: Set<String> = ["search", "search_read", "search_count", "name_search", "read",
        "fields_get", "default_get", "exists", "name_get", "context_get"]

    public func purpose(of request: HTTPRequest) -> Purpose {
        guard request.method == .post, let call = OdooAsked(request) else { return .other }
        if call.isLogin { return .token }
        let isDocument = Self.documents.contains(call.model)
        guard Self.readers.contains(call.method) else { return isDocument ? .write : call.model.isEmpty ? .other : .reference }
        guard isDocument else { return .other }
        switch call.method {
        case "read": return .readback
        case "search", "search_read", "search_count", "name_search": return call.namesIDs ? .readback : .lookup
        default: return .other
        }
    }

    /// JSON-RPC says every error under HTTP 200; here that of a transaction that lost against another.
    public func errorInSuccess() -> HTTPResponse { OdooRPC.failure(OdooProblem.concurrent, id: .null) }

    /// The same request with a key that nobody has: in the header, or inside of the body.
    public func withRevokedToken(_ request: HTTPRequest) -> HTTPRequest {
        var revoked = request
        let wrong = "revoked-by-the-fault-plan"
        if revoked.fields["Authorization"]?.lowercased().hasPrefix("bearer ") == true { revoked.fields["Authorization"] = "bearer \(wrong)" }
        guard let call = OdooAsked(request), let secret = call.secret, !secret.isEmpty else { return revoked }
        // Keys are digits and letters: they are written the same in JSON and in XML.
        let body = String(decoding: request.body, as: UTF8.self)
        revoked.body = Array(body.split(separator: secret, omittingEmptySubsequences: false).joined(separator: wrong).utf8)
        return revoked
    }
}

/// What a request asks for, as far as its address and body tell.
struct OdooAsked {
    var model = ""
    var method = ""
    var isLogin = false
    var secret: String?
    /// A search by ids alone, which reads what is known.
    var namesIDs = false

    init?(_ request: HTTPRequest) {
        var path = request.path.split(separator: "/").map(String.init)
        if let first = path.first, OdooDatabase.version(of: first) != nil { path.removeFirst() }
        switch path.first {
        case "json" where path.count == 4:
            (model, method) = (path[2], path[3])
            namesIDs = Self.byID((try? JSON(parsing: request.body))?["domain"])
        case "jsonrpc":
            guard let params = (try? JSON(parsing: request.body))?["params"] else { return nil }
            rpc(params["service"]?.string ?? "", params["method"]?.string ?? "", params["args"]?.array ?? [])
        case "xmlrpc":
            guard let call = OdooXML.call(request.body) else { return nil }
            rpc(path.last ?? "", call.method, call.params)
        default: return nil
        }
    }

    private mutating func rpc(_ service: String, _ name: String, _ args: [JSON]) {
        guard service == "object", args.count >= 5 else {
            isLogin = service == "common" && ["login", "authenticate"].contains(name)
            if isLogin, args.count >= 3 { secret = args[2].string }
            return
        }
        (model, method, secret) = (args[3].string ?? "", args[4].string ?? "", args[2].string)
        let named = args.count > 6 ? args[6]["domain"] : nil
        namesIDs = Self.byID(args.count > 5 ? (args[5].array ?? []).first ?? named : nil)
    }

    private static func byID(_ domain: JSON?) -> Bool {
        (domain?.array ?? []).contains { $0[0] == "id" && ["=", "in"].contains($0[1]?.string ?? "") }
    }
}
