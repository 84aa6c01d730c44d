internal import Kernel
internal import Wire

/// The REST services: records, SuiteQL, asynchronous jobs, limits.
extension SuiteState {
    mutating func rest(_ request: HTTPRequest, _ random: any RandomSource) -> HTTPResponse {
        guard admits(request) else {
            var refusal = SuiteProblem.plain(
                401, "INVALID_LOGIN",
                "Invalid login attempt. For more details, see the Login Audit Trail in the NetSuite UI at "
                    + "Setup > Users/Roles > User Management > View Login Audit Trail.")
            let realm = "Bearer realm=\"\(NetSuiteTwin.account)\""
            refusal.fields["WWW-Authenticate"] = realm + ", error=\"invalid_token\", error_description=\"Invalid login attempt.\""
            return refusal
        }
        let path = request.path.split(separator: "/").dropFirst(2).map { Form.unpercent($0) }
        let mark = mark
        do throws(SuiteProblem) {
            switch (path.first, path.dropFirst().first) {
            case ("record", "v1"): return try records(request, Array(path.dropFirst(2)), random)
            case ("query", "v1") where path.count == 3 && path[2] == "suiteql": return try suiteQL(request)
            case ("async", "v1"): return try job(Array(path.dropFirst(2)), request)
            case ("system", "v1") where path.count == 3 && path[2] == "governanceLimits":
                let members: [(key: String, value: JSON)] = [
                    ("accountConcurrencyLimit", .int(limits.concurrency)), ("accountUnallocatedConcurrencyLimit", .int(limits.concurrency)),
                    ("limitType", "_accountLimit"),
                ]
                return .json(200, .object(members))
            default: throw SuiteProblem(status: 404, code: "NOT_FOUND", message: "The requested URL was not found.")
            }
        } catch {
            rollback(to: mark)
            return error.response
        }
    }

    // MARK: - Records

    private mutating func records(_ request: HTTPRequest, _ path: [String], _ random: any RandomSource) throws(SuiteProblem) -> HTTPResponse {
        guard let name = path.first else { throw .noType("") }
        if name == "metadata-catalog" { return try SuiteCatalog.answer(request, path) }
        guard let type = SuiteSchema.whole.types[name] else { throw .noType(name) }
        let isAsync = (request.fields["Prefer"] ?? "").lowercased().contains("respond-async")
        if isAsync, request.method != .get { return try enqueue(request, path, type, random) }
        return try handle(request, path, type)
    }

    /// One request on records, at once.
    mutating func handle(_ request: HTTPRequest, _ path: [String], _ type: SuiteType) throws(SuiteProblem) -> HTTPResponse {
        switch (request.method, path.count) {
        case (.get, 1): return try list(request, type)
        case (.post, 1): return try create(request, type)
        case (.get, 2): return .jsonResource(SuiteRESTPrinter(state: self, request: request).record(type, try found(type, path[1])))
        case (.get, 3), (.get, 4): return try sublist(request, type, path)
        case (.patch, 2): return try change(request, type, try found(type, path[1]))
        case (.put, 2): return try upsert(request, type, path[1])
        case (.delete, 2):
            try remove(type, try found(type, path[1]))
            return HTTPResponse(204)
        case (.post, 4) where path[2] == "!transform": return try transform(request, try found(type, path[1]), path[3])
        default: throw SuiteProblem(status: 405, code: "METHOD_NOT_ALLOWED", message: "The method \(request.method.rawValue) is not allowed here.")
        }
    }

    private func found(_ type: SuiteType, _ key: String) throws(SuiteProblem) -> SuiteRecord {
        let record = key.lowercased().hasPrefix("eid:") ? find(type, externalID: String(key.dropFirst(4))) : find(type, Int(key))
        guard let record else { throw .noRecord }
        return record
    }

    private func body(_ request: HTTPRequest, isOptional: Bool = false) throws(SuiteProblem) -> JSON {
        if isOptional, request.body.isEmpty { return .object([]) }
        guard let json = try? JSON(parsing: request.body), json.object != nil else {
            throw .content("Invalid content in the request body: this is no JSON object.")
        }
        return json
    }

    private func draft(_ request: HTTPRequest, _ type: SuiteType, isOptional: Bool = false) throws(SuiteProblem) -> SuiteDraft {
        let replaced = Set((request.query("replace") ?? "").split(separator: ",").map(String.init))
        let isStrict = (request.fields["X-NetSuite-PropertyNameValidation"] ?? "").lowercased() == "error"
        return try SuiteRESTReader(state: self, type: type, replaced: replaced, isStrict: isStrict).draft(try body(request, isOptional: isOptional))
    }

    /// 204, and where the record is.
    private func place(_ record: SuiteRecord, _ request: HTTPRequest) -> HTTPResponse {
        HTTPResponse(204, fields: ["Location": "\(SuiteRoutes.base(request))/services/rest/record/v1/\(record.type)/\(record.id)"])
    }

    private mutating func create(_ request: HTTPRequest, _ type: SuiteType) throws(SuiteProblem) -> HTTPResponse {
        place(try save(type, nil, try draft(request, type)), request)
    }

    private mutating func change(_ request: HTTPRequest, _ type: SuiteType, _ old: SuiteRecord) throws(SuiteProblem) -> HTTPResponse {
        place(try save(type, old, try draft(request, type)), request)
    }

    private mutating func upsert(_ request: HTTPRequest, _ type: SuiteType, _ key: String) throws(SuiteProblem) -> HTTPResponse {
        guard key.lowercased().hasPrefix("eid:"), key.count > 4 else {
            throw SuiteProblem(code: "INVALID_PARAMETER", message: "A PUT needs an external id, as eid:value.")
        }
        let external = String(key.dropFirst(4))
        var draft = try draft(request, type)
        if let sent = draft.externalID, sent != external { throw .content("The external id of the body is not that of the address.") }
        draft.externalID = external
        return place(try save(type, find(type, externalID: external), draft), request)
    }

    private mutating func transform(_ request: HTTPRequest, _ from: SuiteRecord, _ target: String) throws(SuiteProblem) -> HTTPResponse {
        guard let type = SuiteSchema.whole.types[target], var draft = transformed(from, target) else { throw .noType(target) }
        let sent = try self.draft(request, type, isOptional: true)
        draft.externalID = sent.externalID
        draft.values.merge(sent.values) { $1 }
        draft.lists.merge(sent.lists) { $1 }
        return place(try save(type, nil, draft), request)
    }

    // MARK: - Lists

    /// `limit` and `offset`, which must be a multiple of it.
    func page(_ request: HTTPRequest) throws(SuiteProblem) -> (limit: Int, offset: Int) {
        let limit = request.query("limit").map { Int($0) ?? -1 } ?? 1000
        let offset = request.query("offset").map { Int($0) ?? -1 } ?? 0
        guard (1...1000).contains(limit), offset >= 0 else {
            throw .parameter("Invalid query parameter: limit is a number from 1 to 1000, offset is 0 or more.")
        }
        guard offset % limit == 0 else { throw .parameter("Invalid query parameter: the offset must be divisible by the limit.") }
        return (limit, offset)
    }

    private func list(_ request: HTTPRequest, _ type: SuiteType) throws(SuiteProblem) -> HTTPResponse {
        let (limit, offset) = try page(request)
        var found = all(type)
        if let text = request.query("q"), !text.isEmpty {
            let filter = try SuiteFilter(text, type)
            found = found.filter { filter.matches($0, self) }
        }
        let base = "\(SuiteRoutes.base(request))/services/rest/record/v1/\(type.name)"
        let shown = found.dropFirst(offset).prefix(limit).map { record -> JSON in
            .object([("links", Self.links([("self", "\(base)/\(record.id)")])), ("id", .string(String(record.id)))])
        }
        return .jsonResource(Self.collection(Array(shown), total: found.count, limit, offset, "\(base)?limit=\(limit)"), "collection")
    }

    static func links(_ pairs: [(String, String)]) -> JSON { .array(pairs.map { .object([("rel", .string($0.0)), ("href", .string($0.1))]) }) }

    static func collection(_ items: [JSON], total: Int, _ limit: Int, _ offset: Int, _ address: String) -> JSON {
        let hasMore = offset + items.count < total
        var links: [(String, String)] = []
        if offset > 0 { links += [("first", "\(address)&offset=0"), ("prev", "\(address)&offset=\(max(0, offset - limit))")] }
        if hasMore { links += [("next", "\(address)&offset=\(offset + limit)"), ("last", "\(address)&offset=\((total - 1) / limit * limit)")] }
        links.append(("self", "\(address)&offset=\(offset)"))
        return .object([
            ("links", Self.links(links)), ("count", .int(items.count)), ("hasMore", .bool(hasMore)), ("items", .array(items)), ("offset", .int(offset)),
            ("totalResults", .int(total)),
        ])
    }

    private func sublist(_ request: HTTPRequest, _ type: SuiteType, _ path: [String]) throws(SuiteProblem) -> HTTPResponse {
        let record = try found(type, path[1])
        guard let list = type.list(path[2]) else { throw .noRecord }
        let printer = SuiteRESTPrinter(state: self, request: request)
        let lines = shown(record)[list.name]?.array ?? []
        guard path.count == 4 else { return .jsonResource(printer.lines(type, record.id, list, lines), "collection") }
        guard let line = lines.first(where: { $0[list.key]?.plain == path[3] }) else { throw .noRecord }
        return .jsonResource(printer.line(list, line))
    }
}

extension HTTPResponse {
    static func jsonResource(_ body: JSON, _ kind: String = "singular") -> HTTPResponse {
        HTTPResponse(200, fields: ["Content-Type": "application/vnd.oracle.resource+json; type=\(kind)"], body: body.bytes)
    }
}
