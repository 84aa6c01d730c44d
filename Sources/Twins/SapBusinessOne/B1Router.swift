internal import Crypto
internal import Kernel
internal import Wire

/// From a request to a company's answer.
extension B1State {
    mutating func respond(_ request: HTTPRequest, at now: Timestamp, random: any RandomSource) -> HTTPResponse {
        let parts = request.path
        if parts.hasPrefix("/ping") { return .text(200, "pong") }
        guard let (version, rest) = B1Path.split(parts) else { return B1Answer.notFound }
        guard request.body.count <= limits.bodyBytes else { return B1Answer.tooLarge }
        do throws(B1Problem) {
            let resource = try B1Path.resource(rest)
            let call = Self.call(request, version, resource)
            if resource == .function("Login") { return try login(call, at: now, random) }
            let session = try session(request, at: now)
            if resource == .function("Logout") {
                if let id = Self.cookie("B1SESSION", request) { sessions[id] = nil }
                return B1Answer.empty(version)
            }
            return try serve(call, session, at: now, random)
        } catch {
            return error.answer(version)
        }
    }

    private static func call(_ request: HTTPRequest, _ version: B1Version, _ resource: B1Resource) -> B1Call {
        let host = request.fields["Host"].map { "http://\($0)\(SapBusinessOneTwin.path)" } ?? "https://databaseserver:50000"
        var method = request.method
        if method == .post, let other = request.fields["X-HTTP-Method-Override"].flatMap({ HTTPMethod(rawValue: $0.uppercased()) }) { method = other }
        return B1Call(
            version: version, method: method, resource: resource, query: request.query, fields: request.fields, body: request.body,
            root: "\(host)/b1s/v\(version.rawValue)/")
    }

    private mutating func login(_ call: B1Call, at now: Timestamp, _ random: any RandomSource) throws(B1Problem) -> HTTPResponse {
        guard call.method == .post else { throw .path }
        let id = try login(try call.object(), at: now, random)
        let (mark, suffix) = call.version == .four ? ("@odata.context", "$entity") : ("odata.metadata", "@Element")
        var answer = B1Answer.json(200, .object([
            (mark, .string("\(call.root)$metadata#B1Sessions/\(suffix)")), ("SessionId", .string(id)), ("Version", "1000190"),
            ("SessionTimeout", .int(Int(limits.session.components.seconds / 60))),
        ]), call.version)
        // Without a path, and with a semicolon at the end: as the nodes write it.
        answer.fields.append("Set-Cookie", "B1SESSION=\(id);HttpOnly;")
        answer.fields.append("Set-Cookie", "ROUTEID=.node1; path=\(SapBusinessOneTwin.path)/b1s")
        return answer
    }

    /// Runs a call in its company.
    private mutating func serve(_ call: B1Call, _ session: B1Session, at now: Timestamp, _ random: any RandomSource) throws(B1Problem) -> HTTPResponse {
        guard var company = books.removeValue(forKey: session.company) else { throw .session }
        defer { books[session.company] = company }
        (company.user, company.now, company.since, company.approvalsFrom) = (session.user, now, session.began, limits.approvalsFrom)
        company.overdraws = limits.overdraws
        if call.resource == .batch { return try company.batch(call, limits, random) }
        if call.method != .get, meetsAnother() { throw .conflict }
        return try company.run(call, limits)
    }
}

extension B1Company {
    /// Runs one call as one transaction.
    mutating func run(_ call: B1Call, _ limits: SapBusinessOneLimits) throws(B1Problem) -> HTTPResponse {
        let start = mark
        do throws(B1Problem) {
            return try dispatch(call, limits)
        } catch {
            rollback(to: start)
            throw error
        }
    }

    private mutating func dispatch(_ call: B1Call, _ limits: SapBusinessOneLimits) throws(B1Problem) -> HTTPResponse {
        let isWrite = call.method != .get
        if isWrite, user == .reader, !Self.isHarmless(call.resource) { throw .forbidden }
        switch (call.resource, call.method) {
        case (.root, .get): return B1Metadata.service(call)
        case (.metadata, .get): return B1Metadata.document(call, userFields())
        case (.function(let name), .post): return try function(name, call)
        case (.function(let name), .get) where call.version == .four && Self.got.contains(name): return try function(name, call)
        case (.function, _): throw .path
        case (.set(let name), .get): return try list(name, call, limits)
        case (.count(let name), .get): return try count(name, call)
        case (.set(let name), .post): return try create(name, call)
        case (.entity(let name, let key), .get): return try read(name, key, call)
        case (.entity(let name, let key), .patch):
            try guardVersion(name, key, call)
            try update(name, key, call)
            return B1Answer.empty(call.version)
        case (.entity(let name, let key), .delete):
            try guardVersion(name, key, call)
            try remove(name, key)
            return B1Answer.empty(call.version)
        case (.member(let name, let key, let member), .get): return try property(name, key, member, call)
        case (.member(let name, let key, let member), .post):
            try guardVersion(name, key, call)
            return try action(name, key, member, call)
        default: throw .unsupported
        }
    }

    /// What version 4 declares a `Function`; the guide posts these as well.
    private static let got: Set<String> = ["CompanyService_GetCompanyInfo", "CompanyService_GetAdminInfo"]

    /// Functions that only read are called with `POST` as well.
    private static func isHarmless(_ resource: B1Resource) -> Bool {
        guard case .function(let name) = resource else { return false }
        return name.contains("_Get")
    }

    /// What `If-Match` demands.
    private func guardVersion(_ name: String, _ key: String, _ call: B1Call) throws(B1Problem) {
        guard let wanted = call.fields["If-Match"], wanted != "*", B1Schema.sets[name]?.hasVersion == true, let record = record(name, key) else { return }
        guard wanted == Self.etag(record) else { throw .changed }
    }

    /// Opaque, and another with every change.
    /// - Source: the guide, "ETag Introduction": weak, a hash in hexadecimal digits.
    static func etag(_ record: B1Record) -> String {
        let digest = Digest.sha256(Array("\(record.int("DataVersion") ?? 0)".utf8))
        return "W/\"\(digest.prefix(20).hexText.uppercased())\""
    }
}
