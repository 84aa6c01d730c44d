internal import Crypto
internal import Kernel
internal import Wire

/// `$batch`: requests one after the other, and change sets that are done wholly or not at all.
/// - Source: the guide, "Batch Operations".
extension B1Company {
    mutating func batch(_ call: B1Call, _ limits: SapBusinessOneLimits, _ random: any RandomSource) throws(B1Problem) -> HTTPResponse {
        guard call.method == .post, let parts = Self.parts(call.fields, call.body), parts.count <= limits.batch else { throw .batch }
        var out: [MultipartPart] = []
        for part in parts {
            if let inner = Self.parts(part.fields, part.body) {
                let (answers, isDone) = try changeSet(inner, call, limits, random)
                out.append(answers)
                if !isDone { break }
                continue
            }
            guard let asked = Self.request(part, call) else { throw .batch }
            let answer = answer(asked, limits)
            out.append(Self.part(answer, part.fields["Content-ID"]))
            // Nothing is tried behind a failure.
            if answer.status >= 400 { break }
        }
        let boundary = "batchresponse_" + Self.word(random)
        guard let body = Multipart.write(out, boundary: boundary) else { throw .batch }
        var fields: HTTPFields = ["Content-Type": "multipart/mixed;boundary=\(boundary)"]
        fields[call.version.header.name] = call.version.header.value
        return HTTPResponse(call.version == .four ? 200 : 202, fields: fields, body: body)
    }

    private static func word(_ random: any RandomSource) -> String { random.bytes(16).hexText }

    /// A failure undoes the whole set, and is its only answer.
    private mutating func changeSet(
        _ parts: [MultipartPart], _ call: B1Call, _ limits: SapBusinessOneLimits, _ random: any RandomSource
    ) throws(B1Problem) -> (MultipartPart, Bool) {
        let start = mark
        var made: [String: String] = [:]
        var answers: [MultipartPart] = []
        for part in parts {
            let id = part.fields["Content-ID"]
            // The header is mandatory in version 4.
            guard Self.parts(part.fields, part.body) == nil, id != nil || call.version == .three, let asked = Self.request(part, call, made), asked.method != .get else {
                rollback(to: start)
                throw .batch
            }
            let answer = answer(asked, limits)
            guard answer.status < 400 else {
                rollback(to: start)
                return (Self.part(answer, id), false)
            }
            if let id, let place = answer.fields["Location"], place.hasPrefix(call.root) { made[id] = String(place.dropFirst(call.root.utf8.count)) }
            answers.append(Self.part(answer, id))
        }
        let boundary = "changesetresponse_" + Self.word(random)
        guard let body = Multipart.write(answers, boundary: boundary) else { throw .batch }
        return (MultipartPart(fields: ["Content-Type": "multipart/mixed;boundary=\(boundary)"], body: body), true)
    }

    private mutating func answer(_ asked: B1Call, _ limits: SapBusinessOneLimits) -> HTTPResponse {
        do throws(B1Problem) {
            guard asked.resource != .batch else { throw .batch }
            return try run(asked, limits)
        } catch {
            return error.answer(asked.version)
        }
    }

    // MARK: - Parts

    private static func parts(_ fields: HTTPFields, _ body: [UInt8]) -> [MultipartPart]? {
        guard let type = fields["Content-Type"], let boundary = Multipart.boundary(of: type) else { return nil }
        return try? Multipart.read(body, boundary: boundary)
    }

    /// The request that a part holds; `$1` stands for what the request of that number made.
    private static func request(_ part: MultipartPart, _ call: B1Call, _ made: [String: String] = [:]) -> B1Call? {
        var rest = part.body[...]
        func line() -> String? {
            guard !rest.isEmpty else { return nil }
            let end = rest.firstIndex(of: 10) ?? rest.endIndex
            var text = rest[..<end]
            if text.last == 13 { text.removeLast() }
            rest = end < rest.endIndex ? rest[(end + 1)...] : []
            return String(decoding: text, as: UTF8.self)
        }
        guard let first = line()?.split(separator: " ").map(String.init), first.count >= 2, let method = HTTPMethod(rawValue: first[0].uppercased()) else { return nil }
        var fields = HTTPFields()
        while let text = line(), !text.isEmpty {
            let halves = text.split(separator: ":", maxSplits: 1)
            guard halves.count == 2 else { return nil }
            fields.append(String(halves[0]), String(halves[1].drop { $0 == " " }))
        }
        guard let target = target(first[1], call.version, made) else { return nil }
        let inner = HTTPRequest(method, target, fields: fields)
        guard let resource = try? B1Path.resource(inner.path) else { return nil }
        return B1Call(version: call.version, method: method, resource: resource, query: inner.query, fields: fields, body: Array(rest), root: call.root)
    }

    /// Relative to the service's root, whichever way it was written.
    private static func target(_ given: String, _ version: B1Version, _ made: [String: String]) -> String? {
        var path = given
        if let range = path.split(separator: "/b1s/v\(version.rawValue)/", maxSplits: 1, omittingEmptySubsequences: false).dropFirst().first { path = String(range) }
        while path.hasPrefix("/") { path.removeFirst() }
        guard path.hasPrefix("$"), !path.hasPrefix("$metadata"), !path.hasPrefix("$batch") else { return path }
        let id = path.dropFirst().prefix { $0 != "/" && $0 != "?" }
        return made[String(id)].map { $0 + path.dropFirst(id.count + 1) }
    }

    private static func part(_ answer: HTTPResponse, _ id: String?) -> MultipartPart {
        let words = [200: "OK", 201: "Created", 204: "No Content", 400: "Bad Request", 403: "Forbidden", 404: "Not Found", 412: "Precondition Failed"]
        var text = "HTTP/1.1 \(answer.status) \(words[answer.status] ?? "Error")\r\n"
        for field in answer.fields.list { text += "\(field.name): \(field.value)\r\n" }
        if !answer.body.isEmpty { text += "Content-Length: \(answer.body.count)\r\n" }
        var fields: HTTPFields = ["Content-Type": "application/http", "Content-Transfer-Encoding": "binary"]
        fields["Content-ID"] = id
        return MultipartPart(fields: fields, body: Array((text + "\r\n").utf8) + answer.body)
    }
}
