internal import Kernel
internal import Wire

/// JSON-RPC's envelope.
enum OdooRPC {
    static func success(_ result: JSON?, id: JSON) -> HTTPResponse {
        var members: [(key: String, value: JSON)] = [("jsonrpc", "2.0"), ("id", id)]
        // Python's None is left out.
        if let result { members.append(("result", result)) }
        return .json(200, .object(members))
    }

    /// Every error is an answer of status 200.
    static func failure(_ problem: OdooProblem, id: JSON) -> HTTPResponse {
        let error: JSON = .object([("code", 200), ("message", "Odoo Server Error"), ("data", problem.json)])
        return .json(200, .object([("jsonrpc", "2.0"), ("id", id), ("error", error)]))
    }
}

extension OdooState {
    mutating func respond(_ request: HTTPRequest, at now: Timestamp, random: any RandomSource) -> HTTPResponse {
        if let refusal = meter.admit(now) { return refusal }
        guard request.body.count <= meter.limits.bodyBytes else { return OdooProxy.tooLarge }
        var path = request.path.split(separator: "/").map { Form.unpercent($0) }
        var host: String?
        if let first = path.first, OdooDatabase.version(of: first) != nil {
            host = path.removeFirst()
            guard open(host ?? "") else { return OdooProxy.notFound }
        }
        let version = host.flatMap { OdooDatabase.version(of: $0) } ?? OdooSchema.versions.upperBound
        let door = OdooDoor(host: host, version: version, now: now, random: random)
        switch (request.method, path.joined(separator: "/")) {
        case (.get, "web/version") where version >= 19:
            return .json(200, .object([("version_info", Self.versionInfo(version)), ("version", .string("\(version).0"))]))
        case (.post, "web/webclient/version_info"): return OdooRPC.success(Self.about(version), id: (try? JSON(parsing: request.body))?["id"] ?? .null)
        case (.post, "web/database/list"): return OdooRPC.success(list(host), id: (try? JSON(parsing: request.body))?["id"] ?? .null)
        case (.post, "jsonrpc"): return jsonRPC(request, door)
        case (.post, "xmlrpc/2/common"): return xmlRPC(request, "common", door)
        case (.post, "xmlrpc/2/object"): return xmlRPC(request, "object", door)
        case (.post, "xmlrpc/2/db"): return xmlRPC(request, "db", door)
        default: break
        }
        guard path.count >= 2, path[0] == "json", path[1] == "2", version >= 19 else { return OdooProxy.notFound }
        guard request.method == .post, path.count == 4 else {
            return Self.failure(OdooProblem(kind: .notFound, message: "Did you mean POST /json/2/<model>/<method>?"))
        }
        return json2(request, model: path[2], method: path[3], door)
    }

    // MARK: - About the server

    private static func versionInfo(_ version: Int) -> JSON { .array([.int(version), 0, 0, "final", 0, ""]) }

    private static func about(_ version: Int) -> JSON {
        let members: [(key: String, value: JSON)] = [
            ("server_version", .string("\(version).0")), ("server_version_info", versionInfo(version)),
            ("server_serie", .string("\(version).0")), ("protocol_version", 1),
        ]
        return .object(members)
    }

    private func list(_ host: String?) -> JSON { .array((host.map { [$0] } ?? books.keys.sorted()).map(JSON.string)) }

    // MARK: - RPC

    private mutating func jsonRPC(_ request: HTTPRequest, _ door: OdooDoor) -> HTTPResponse {
        guard let body = try? JSON(parsing: request.body), body.object != nil else { return OdooProxy.badRequest("Invalid JSON data") }
        let id = body["id"] ?? .null
        guard let service = body.member("params", "service")?.string, let method = body.member("params", "method")?.string else {
            return OdooRPC.failure(.type("RPC.jsonrpc() missing 3 required positional arguments: 'service', 'method', and 'args'"), id: id)
        }
        do throws(OdooProblem) {
            return OdooRPC.success(try rpc(service, method, body.member("params", "args")?.array ?? [], door), id: id)
        } catch {
            return OdooRPC.failure(error, id: id)
        }
    }

    private mutating func xmlRPC(_ request: HTTPRequest, _ service: String, _ door: OdooDoor) -> HTTPResponse {
        func answer(_ bytes: [UInt8]) -> HTTPResponse { HTTPResponse(200, fields: ["Content-Type": "text/xml; charset=utf-8"], body: bytes) }
        func fault(_ problem: OdooProblem) -> HTTPResponse {
            answer(OdooXML.fault(problem.faultCode, problem.faultCode == 1 ? problem.traceback : problem.message))
        }
        guard let call = OdooXML.call(request.body) else {
            return fault(OdooProblem(kind: .valueError, message: "syntax error: line 1, column 0"))
        }
        do throws(OdooProblem) {
            let result = try rpc(service, call.method, call.params, door)
            // The work is done and stays done: only its answer can't be written.
            guard let result, let bytes = OdooXML.answer(result) else { throw .type("cannot marshal None unless allow_none is enabled") }
            return answer(bytes)
        } catch {
            return fault(error)
        }
    }

    private mutating func rpc(_ service: String, _ method: String, _ args: [JSON], _ door: OdooDoor) throws(OdooProblem) -> JSON? {
        switch (service, method) {
        case ("common", "version"): return Self.about(door.version)
        case ("common", "login"), ("common", "authenticate"):
            guard args.count >= 3 else { throw .type("exp_\(method)() missing required positional arguments") }
            let name = try known(args[0].string ?? "", door)
            books[name]?.now = door.now
            return .orFalse(books[name]?.authenticate(args[1].string ?? "", args[2].string ?? ""))
        case ("db", "list"): return list(door.host)
        case ("db", "server_version"): return .string("\(door.version).0")
        case ("db", "db_exist"): return .bool(books[args.first?.string ?? ""] != nil)
        case ("object", "execute"), ("object", "execute_kw"): return try execute(args, isNamed: method == "execute_kw", door)
        default: throw OdooProblem(kind: .keyError, message: "'\(service).\(method)'")
        }
    }

    private mutating func known(_ name: String, _ door: OdooDoor) throws(OdooProblem) -> String {
        guard door.host == nil || door.host == name, open(name) else {
            let place = "connection to server on socket \"/var/run/postgresql/.s.PGSQL.5432\" failed"
            throw OdooProblem(kind: .noDatabase, message: "\(place): FATAL:  database \"\(name)\" does not exist\n")
        }
        return name
    }

    /// `execute_kw(db, uid, secret, model, method, [args], {named})`, or `execute` with its arguments in a row.
    private mutating func execute(_ args: [JSON], isNamed: Bool, _ door: OdooDoor) throws(OdooProblem) -> JSON? {
        guard args.count >= 5, let user = args[1].int, let secret = args[2].string, let model = args[3].string, let method = args[4].string else {
            throw .denied
        }
        let name = try known(args[0].string ?? "", door)
        books[name]?.now = door.now
        guard books[name]?.isSecret(secret, of: user) ?? false else { throw .denied }
        guard books[name]?.schema.models[model] != nil else { throw .user("Object \(model) doesn't exist") }
        let places = isNamed ? (args.count > 5 ? args[5].array ?? [] : []) : Array(args.dropFirst(5))
        let named = isNamed && args.count > 6 ? args[6].object ?? [] : []
        let context = named.first { $0.key == "context" }?.value ?? .object([])
        return try call(
            name, as: user, context: context, at: door.now, random: door.random,
            { (found) throws(OdooProblem) in try found.bind(model, method, places, named) }, model: model, method: method)
    }

    // MARK: - JSON-2

    private static func failure(_ problem: OdooProblem) -> HTTPResponse { .json(problem.status, problem.json) }

    private mutating func json2(_ request: HTTPRequest, model: String, method: String, _ door: OdooDoor) -> HTTPResponse {
        let type = (request.fields["Content-Type"] ?? "").lowercased()
        guard request.body.isEmpty || type.hasPrefix("application/json") else {
            return OdooProxy.badRequest("Request inferred type is compatible with ['http'] but '/json/2/&lt;model&gt;/&lt;method&gt;' is type='json2'.")
        }
        guard let name = door.host ?? request.fields["X-Odoo-Database"], OdooDatabase.version(of: name) ?? 0 >= 19, open(name) else {
            return OdooProxy.notFound
        }
        books[name]?.now = door.now
        let proof = request.fields["Authorization"] ?? ""
        guard proof.lowercased().hasPrefix("bearer "), let user = books[name]?.userOf(key: String(proof.dropFirst(7)).filter { $0 != " " }) else {
            return Self.failure(.badKey)
        }
        let body: JSON
        do {
            body = request.body.isEmpty ? .object([]) : try JSON(parsing: request.body)
        } catch {
            return Self.failure(.value("could not parse the body as json: \(error.summary)"), status: 400)
        }
        guard let members = body.object else { return Self.failure(.value("could not parse the body as json: not an object"), status: 400) }
        guard books[name]?.schema.models[model] != nil else {
            return Self.failure(OdooProblem(kind: .notFound, message: "the model '\(model)' does not exist"))
        }
        do throws(OdooProblem) {
            let result = try call(
                name, as: user, context: body["context"] ?? .object([]), at: door.now, random: door.random,
                { (found) throws(OdooProblem) in try found.bind(model, method, members) }, model: model, method: method)
            // A new record is a record set here: a list of ids, also of one.
            if method == "create", let id = result?.int { return .json(200, .ids([id])) }
            return .json(200, result ?? .null)
        } catch {
            // A method that is not there is an address that is not there.
            let isUnknown = error.kind == .attributeError && error.message.hasPrefix("The method '")
            return Self.failure(isUnknown ? OdooProblem(kind: .notFound, message: error.message) : error)
        }
    }

    private static func failure(_ problem: OdooProblem, status: Int) -> HTTPResponse { .json(status, problem.json) }
}

/// Where a request came in.
struct OdooDoor {
    /// The one database of this address; `nil` where all are.
    var host: String?
    var version: Int
    var now: Timestamp
    var random: any RandomSource
}
