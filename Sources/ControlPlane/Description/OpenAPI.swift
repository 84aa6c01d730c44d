internal import Kernel
internal import Wire

/// `/openapi.json`, written of the endpoints' own declarations.
/// - Source: OpenAPI Specification 3.1.1; JSON Schema 2020-12.
struct OpenAPI: Sendable {
    private typealias Members = [(key: String, value: JSON)]

    let version: String
    let groups: [Endpoints.Group]

    var json: JSON {
        .object([
            ("openapi", "3.1.1"),
            ("info", .object([
                ("title", "Counterfoil"), ("version", .string(version)), ("summary", "Keeps a business's books equal to its sales."),
                ("description", .string(OpenAPI.introduction)), ("license", .object([("name", "Apache License 2.0"), ("identifier", "Apache-2.0")])),
            ])),
            ("servers", .array([.object([("url", "/"), ("description", "This one.")])])),
            ("security", .array([.object([("key", .array([]))])])),
            ("tags", .array(groups.map { .object([("name", .string($0.name)), ("description", .string($0.meaning))]) })),
            ("paths", paths),
            ("components", .object([
                ("securitySchemes", .object([("key", .object([
                    ("type", "http"), ("scheme", "bearer"), ("bearerFormat", "cf_ and 32 characters of base32"),
                    ("description", "An API key. `read` looks; `write` also runs; `admin` also configures. It sees the operator's, a consultancy's or one tenant's things."),
                ]))])),
                ("schemas", schemas),
            ])),
        ])
    }

    private static let introduction = """
        Everything under `/v1` speaks JSON. Members may be added to answers, never taken away or changed in meaning. What a key may not see answers 404. \
        Whatever is not answered as asked is a problem document (RFC 9457) with a stable `code` and a `remedy`. Every answer has an `X-Request-Id`.
        """

    // MARK: Paths

    private var paths: JSON {
        var order: [String] = [], found: [String: Members] = [:]
        for group in groups {
            for endpoint in group.endpoints {
                if found[endpoint.pattern] == nil {
                    order.append(endpoint.pattern)
                    let parameters = endpoint.pathParameters.map { name in parameter(PathParameter.of(name), "path") }
                    found[endpoint.pattern] = parameters.isEmpty ? [] : [("parameters", .array(parameters))]
                }
                found[endpoint.pattern]?.append((endpoint.method.rawValue.lowercased(), operation(endpoint, group.name)))
            }
        }
        return .object(order.map { ($0, .object(found[$0] ?? [])) })
    }

    private func operation(_ endpoint: Endpoint, _ tag: String) -> JSON {
        let about = endpoint.about
        var out: Members = [("tags", .array([.string(tag)])), ("summary", .string(about.summary)), ("operationId", .string(endpoint.operationID))]
        var detail = about.detail
        if case .key(let scope) = endpoint.access { detail += (detail.isEmpty ? "" : "\n\n") + "Scope: `\(scope.rawValue)`." }
        if !detail.isEmpty { out.append(("description", .string(detail))) }
        var parameters = about.parameters.map { parameter($0, "query") }
        if endpoint.isRepeatable { parameters.append(parameter(OpenAPI.idempotencyKey, "header")) }
        if about.isGuarded { parameters.append(parameter(OpenAPI.ifMatch, "header")) }
        if !parameters.isEmpty { out.append(("parameters", .array(parameters))) }
        if let body = body(about.body) { out.append(("requestBody", body)) }
        out.append(("responses", responses(endpoint.replies)))
        if case .open = endpoint.access { out.append(("security", .array([]))) }
        return .object(out)
    }

    private static let idempotencyKey = Member.may(
        "Idempotency-Key", .text(Words(.any, least: 1, most: 128)),
        "The first answer to it is kept for 24 hours, in one transaction with its effect, and given again with `Idempotent-Replayed: true`.",
        example: "3f0f6a52-8a0e-4d0c-9d63-2f4a7a1b9c55")

    private static let ifMatch = Member.may(
        "If-Match", .text(Words(.any, least: 1, most: 200)), "The `ETag` of what you read: when somebody has changed it since, nothing is changed and the answer is 412.", example: "\"*\"")

    private func parameter(_ member: Member, _ place: String) -> JSON {
        var out: Members = [("name", .string(member.name)), ("in", .string(place)), ("required", .bool(place == "path" || member.isRequired))]
        if !member.meaning.isEmpty { out.append(("description", .string(member.meaning))) }
        out.append(("schema", member.shape.schema(.theirs)))
        if place != "query" || member.example != nil { out.append(("example", member.example ?? member.shape.example)) }
        return .object(out)
    }

    private func body(_ body: About.Body) -> JSON? {
        switch body {
        case .none: return nil
        case .members(let members):
            return content("application/json", Shape.object(members).schema(.theirs), members.example(.theirs), isRequired: members.contains(where: \.isRequired))
        case .whole(let shape, let example): return content("application/json", shape.schema(.strict), example)
        case .content(let type, let meaning, let example):
            return content(type, .object([("type", "string"), ("description", .string(meaning))]), .string(example))
        }
    }

    private func content(_ type: String, _ schema: JSON, _ example: JSON, isRequired: Bool = true) -> JSON {
        .object([("required", .bool(isRequired)), ("content", .object([(type, .object([("schema", schema), ("example", example)]))]))])
    }

    /// By status; of one status the types of content side by side.
    private func responses(_ replies: [Reply]) -> JSON {
        var out: Members = []
        for status in replies.map(\.status) where !out.contains(where: { $0.key == "\(status)" }) {
            let own = replies.filter { $0.status == status }, fields = own.flatMap(\.fields)
            var members: Members = [("description", .string(own.map(\.meaning).joined(separator: " ")))]
            if !fields.isEmpty {
                members.append(("headers", .object(fields.map { ($0.name, .object([("description", .string($0.meaning)), ("schema", .object([("type", "string")]))])) })))
            }
            let content: Members = own.compactMap { reply in reply.type.map { ($0, media(reply, $0)) } }
            if !content.isEmpty { members.append(("content", .object(content))) }
            out.append(("\(status)", .object(members)))
        }
        return .object(out)
    }

    private func media(_ reply: Reply, _ type: String) -> JSON {
        guard let shape = reply.shape else { return .object([("schema", .object([("type", "string")]))]) }
        var out: Members = [("schema", shape.schema(.ours))]
        // A problem's own words differ from case to case.
        if type != Reply.problem { out.append(("example", shape.example)) }
        return .object(out)
    }

    // MARK: Schemas

    /// Of every thing that an answer speaks of, by name.
    private var schemas: JSON {
        var found: [String: Thing] = [:]
        for reply in groups.flatMap(\.endpoints).flatMap(\.replies) { reply.shape?.collect(&found) }
        return .object(found.values.sorted { $0.name < $1.name }.map { thing in
            (thing.name, thing.shape.schema(.ours).setting("description", .string(thing.meaning)))
        })
    }
}

extension Endpoint {
    /// `get_tenants_tenant_postings`: method and path, which nothing else has.
    var operationID: String {
        let words = pattern.split { !($0.isLetter || $0.isNumber) }.filter { $0 != "v1" }
        return ([method.rawValue.lowercased()] + words.map(String.init)).joined(separator: "_")
    }
}

// MARK: - JSON Schema

extension Shape {
    /// The things that it speaks of, and that those speak of.
    fileprivate func collect(_ found: inout [String: Thing]) {
        switch self {
        case .thing(let thing):
            guard found[thing.name] == nil else { return }
            found[thing.name] = thing
            thing.shape.collect(&found)
        case .orNull(let shape), .list(let shape, _), .map(let shape, _): shape.collect(&found)
        case .object(let members): for member in members { member.shape.collect(&found) }
        case .either(let shapes): for shape in shapes { shape.collect(&found) }
        case .text, .choice, .integer, .flag, .anything: break
        }
    }

    func schema(_ side: Side) -> JSON {
        switch self {
        case .anything: return .object([])
        case .thing(let thing): return .object([("$ref", .string("#/components/schemas/\(thing.name)"))])
        case .orNull(let shape): return .object([("anyOf", .array([shape.schema(side), .object([("type", "null")])]))])
        case .either(let shapes): return .object([("anyOf", .array(shapes.map { $0.schema(side) }))])
        case .text(let words): return words.schema(side)
        case .choice(let allowed): return .object([("type", "string"), ("enum", .array(allowed.map { .string($0) }))])
        case .flag: return .object([("type", "boolean")])
        case .integer(let range):
            var out: [(key: String, value: JSON)] = [("type", "integer")]
            if range.lowerBound > .min { out.append(("minimum", .number("\(range.lowerBound)"))) }
            if range.upperBound < .max { out.append(("maximum", .number("\(range.upperBound)"))) } else { out.append(("format", "int64")) }
            return .object(out)
        case .list(let shape, let counts):
            var out: [(key: String, value: JSON)] = [("type", "array"), ("items", shape.schema(side))]
            if counts.lowerBound > 0 { out.append(("minItems", .number("\(counts.lowerBound)"))) }
            if counts.upperBound < .max { out.append(("maxItems", .number("\(counts.upperBound)"))) }
            return .object(out)
        case .map(let shape, let most):
            var out: [(key: String, value: JSON)] = [("type", "object"), ("additionalProperties", shape.schema(side))]
            if side != .ours { out.append(("propertyNames", .object([("pattern", "^[^\\u0000-\\u001f\\u007f]*$")]))) }
            if most < .max { out.append(("maxProperties", .number("\(most)"))) }
            return .object(out)
        case .object(let members): return members.schema(side)
        }
    }

    /// One that fits.
    var example: JSON {
        switch self {
        case .anything: .object([])
        case .thing(let thing): thing.shape.example
        case .orNull(let shape): shape.example
        case .either(let shapes): shapes.first?.example ?? .null
        case .text(let words): .string(words.example)
        case .choice(let allowed): .string(allowed.first ?? "")
        case .flag: true
        case .integer(let range): .number("\(max(range.lowerBound, min(range.upperBound, 0)))")
        case .list(let shape, _): .array([shape.example])
        case .map: .object([])
        case .object(let members): members.example(.ours)
        }
    }
}

extension [Member] {
    /// Bodies are refused for members that they don't know; answers may get more of them.
    fileprivate func schema(_ side: Shape.Side) -> JSON {
        var out: [(key: String, value: JSON)] = [("type", "object"), ("properties", .object(map { ($0.name, $0.schema(side)) }))]
        let required = filter(\.isRequired).map { JSON.string($0.name) }
        if !required.isEmpty { out.append(("required", .array(required))) }
        if side != .ours { out.append(("additionalProperties", false)) }
        return .object(out)
    }

    func example(_ side: Shape.Side) -> JSON { .object(map { ($0.name, $0.example ?? $0.shape.example) }) }
}

extension Member {
    fileprivate func schema(_ side: Shape.Side) -> JSON {
        let shape = side == .theirs && !isRequired ? Shape.orNull(self.shape.bare) : self.shape
        var out = shape.schema(side)
        if !meaning.isEmpty { out = out.setting("description", .string(meaning)) }
        return out
    }
}

extension Words {
    fileprivate func schema(_ side: Shape.Side) -> JSON {
        var out: [(key: String, value: JSON)] = [("type", "string")]
        func bounds() {
            if least > 0 { out.append(("minLength", .number("\(least)"))) }
            if most < .max { out.append(("maxLength", .number("\(most)"))) }
        }
        switch form {
        case .any: bounds()
        case .value:
            bounds()
            if side != .ours { out.append(("pattern", "^[^\\u0000]*$")) }
        case .line:
            bounds()
            if side != .ours { out.append(("pattern", "^[^\\u0000-\\u001f\\u007f]*$")) }
        case .secret:
            bounds()
            out += [("format", "password"), ("writeOnly", true)]
        case .slug: out.append(("pattern", "^[a-z0-9][a-z0-9-]{0,62}$"))
        case .login: out.append(("pattern", .string("^[A-Za-z0-9][A-Za-z0-9._%+@-]{0,\(most - 1)}$")))
        case .account: out.append(("pattern", .string("^[A-Za-z0-9_][A-Za-z0-9._-]{0,\(most - 1)}$")))
        case .country: out.append(("pattern", "^[A-Z]{2}$"))
        case .currency: out.append(("pattern", "^[A-Z]{3}$"))
        case .zone: bounds()
        case .day: out.append(("format", "date"))
        case .instant: out.append(("format", "date-time"))
        case .id: out.append(("format", "uuid"))
        case .postKey: out.append(("pattern", "^[0-9a-hjkmnp-tv-z]{16}$"))
        }
        return .object(out)
    }
}
