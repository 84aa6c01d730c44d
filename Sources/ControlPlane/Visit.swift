internal import Crypto
internal import Kernel
internal import Postgres
internal import Store
internal import Wire

/// One request at its endpoint: what was asked, by whom, and the tools to answer.
struct Visit: Sendable {
    let call: Call
    let parameters: PathParameters
    let asker: Asker

    var desk: Desk { call.desk }
    var request: HTTPRequest { call.request }
    /// The request's id, in its answer and in logs.
    var id: String { call.id }
    var store: Store { desk.store }

    // MARK: What was asked

    /// An id in the path. A malformed one is not there.
    func identifier<Kind>(_ name: String, _: Kind.Type = Kind.self) throws -> Identifier<Kind> {
        guard let id = parameters[name].flatMap({ Identifier<Kind>($0) }) else { throw Refusal.notFound() }
        return id
    }

    /// The tenant in the path, when this key may see it.
    func tenant() async throws -> TenantID {
        let id: TenantID = try identifier("tenant")
        guard try await store.adminTenant(id, asker.sees) != nil else { throw Refusal.notFound() }
        return id
    }

    /// The body as an object, to be read member by member as the endpoint declares them.
    func input() throws -> Input {
        guard case .members(let members)? = endpoint?.about.body else { return try input([]) }
        return try input(members)
    }

    /// The same by members that depend on what is asked for.
    func input(_ members: [Member]) throws -> Input {
        guard !request.body.isEmpty else { return Input(.object([]), members, of: place) }
        let json = try JSON(parsing: request.body)
        guard json.object != nil else { throw Refusal.invalid([.init(field: "", why: "the body must be an object", remedy: "Send { … }.")]) }
        return Input(json, members, of: place)
    }

    /// The query, to be read as the endpoint declares it. Of what it does not declare nothing is read; of several values under one name the first counts.
    /// - Throws: 422 with everything that is wrong in it.
    func asked() throws -> Input {
        let members = endpoint?.about.parameters ?? [], given = request.query
        let input = Input(.object(members.compactMap { member in
            given.first { $0.name == member.name }.map { (member.name, Visit.json($0.value, member.shape.bare)) }
        }), members, of: "\(place)?")
        try input.check()
        return input
    }

    /// What a text in a query stands for.
    private static func json(_ text: String, _ shape: Shape) -> JSON {
        switch shape {
        case .integer: Int(text).map { .number("\($0)") } ?? .string(text)
        case .flag: ["true", "false"].contains(text) ? .bool(text == "true") : .string(text)
        default: .string(text)
        }
    }

    private var endpoint: Endpoint? { call.route?.endpoint }
    private var place: String { endpoint?.name ?? "" }

    // MARK: Pages

    func page() throws -> PageRequest {
        var asked = try asked()
        let limit = asked.integer("limit") ?? ControlPlaneLimits.pageRows
        let given = asked.optionalText("cursor")
        try asked.check()
        guard let cursor = given else { return PageRequest(limit: limit) }
        guard let bytes = Base64.decodeURL(cursor), let texts = (try? JSON(parsing: bytes))?.array?.compactMap(\.string), !texts.isEmpty,
            texts.allSatisfy({ !$0.utf8.contains(0) })
        else { throw Refusal.invalid([.init(field: "cursor", why: "is not a cursor of ours", remedy: "Pass on the value of next unchanged.")]) }
        return PageRequest(after: texts, limit: limit)
    }

    /// `{"items": […], "next": "…" | null}`: `next` while there may be more.
    func answer(_ rows: [AdminRow], _ page: PageRequest) throws(Fault) -> HTTPResponse {
        var items: [JSON] = []
        for row in rows { items.append(try JSON(parsing: row.json)) }
        var next: JSON = .null
        if rows.count == page.limit, let last = rows.last {
            next = .string(Base64.encodeURL(JSON.array(last.cursor.map { .string($0) }).bytes))
        }
        return .json(200, .object([("items", .array(items)), ("next", next)]))
    }

    /// One thing, or 404.
    func answer(_ row: AdminRow?) throws -> HTTPResponse {
        guard let row else { throw Refusal.notFound() }
        return HTTPResponse(200, fields: ["Content-Type": "application/json"], body: row.json)
    }

    /// One thing with its `ETag`, or 404.
    func answer(_ row: AdminRow?, tag: (AdminRow) throws -> String) throws -> HTTPResponse {
        guard let row else { throw Refusal.notFound() }
        var out = try answer(row)
        out.fields["ETag"] = try tag(row)
        return out
    }

    // MARK: Changes

    /// What a change answers.
    struct Outcome: Sendable {
        var status: Int
        var json: [UInt8]
        var location: String?
        /// Of what is there now.
        var tag: String?

        init(_ status: Int, _ json: [UInt8], location: String? = nil, tag: String? = nil) {
            self.status = status
            self.json = json
            self.location = location
            self.tag = tag
        }
    }

    /// Runs a change in one transaction. With an `Idempotency-Key` its first answer is kept in the same transaction and given again to whoever
    /// repeats the request: a change and the memory of it can't part.
    func change(_ body: @Sendable (PostgresTransaction) async throws(Fault) -> Outcome) async throws -> HTTPResponse {
        let words = request.method == .post ? request.fields.all("Idempotency-Key") : []
        guard let word = words.first else { return Visit.response(try await store.transaction(body)) }
        guard words.count == 1, (1 ... 128).contains(word.utf8.count) else {
            throw Refusal(400, "idempotency_key_malformed", "An Idempotency-Key has 1 to 128 characters.", remedy: "Send a UUID.")
        }
        let digest = Digest.sha256(Array("\(request.method.rawValue) \(request.target)\n".utf8) + request.body)
        let key = asker.key
        let (outcome, replayed) = try await store.transaction { tx throws(Fault) -> (Outcome, Bool) in
            if let first = try await tx.firstAnswer(key, word, digest: digest) {
                guard constantTimeEquals(first.requestDigest, digest) else {
                    throw Fault("idempotency_key_reused", stage: .api, disposition: .reject, summary: "this Idempotency-Key was used for another request",
                        remedy: "Use a new key for a new request.")
                }
                let line = first.body.firstIndex(of: 10) ?? first.body.startIndex
                let location = String(decoding: first.body[..<line], as: UTF8.self)
                return (Outcome(first.status, Array(first.body[line...].dropFirst()), location: location.isEmpty ? nil : location), true)
            }
            let outcome = try await body(tx)
            try await tx.remember(key, word, status: outcome.status, body: Array("\(outcome.location ?? "")\n".utf8) + outcome.json)
            return (outcome, false)
        }
        var response = Visit.response(outcome)
        if replayed { response.fields["Idempotent-Replayed"] = "true" }
        return response
    }

    private static func response(_ outcome: Outcome) -> HTTPResponse {
        var out = HTTPResponse(outcome.status, fields: ["Content-Type": "application/json"], body: outcome.json)
        if let location = outcome.location { out.fields["Location"] = location }
        if let tag = outcome.tag { out.fields["ETag"] = tag }
        return out
    }

    /// The audit row of a change by this key.
    func entry(_ action: String, _ subject: String, _ detail: [UInt8] = Array("{}".utf8)) -> AuditEntry {
        AuditEntry(actor: asker.actor, action: action, subject: subject, detail: detail)
    }
}
