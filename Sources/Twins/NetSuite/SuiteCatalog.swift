internal import Kernel
internal import Wire

/// The metadata catalogue: which records there are, and a JSON schema of each.
enum SuiteCatalog {
    static func answer(_ request: HTTPRequest, _ path: [String]) throws(SuiteProblem) -> HTTPResponse {
        guard request.method == .get else { throw SuiteProblem(status: 405, code: "METHOD_NOT_ALLOWED", message: "Only GET is allowed here.") }
        let base = "\(SuiteRoutes.base(request))/services/rest/record/v1/metadata-catalog"
        let accept = request.fields["Accept"] ?? ""
        guard path.count == 2 else {
            if accept.contains("swagger") { return openAPI(request) }
            let items = SuiteSchema.whole.order.map { type -> JSON in
                .object([("name", .string(type.name)), ("links", SuiteState.links([("canonical", "\(base)/\(type.name)")]))])
            }
            return .json(200, .object([("items", .array(items)), ("links", SuiteState.links([("self", base)]))]))
        }
        guard let type = SuiteSchema.whole.types[path[1]] else { throw .noType(path[1]) }
        return HTTPResponse(200, fields: ["Content-Type": "application/schema+json"], body: schema(type).bytes)
    }

    private static func openAPI(_ request: HTTPRequest) -> HTTPResponse {
        let wanted = request.query("select").map { Set($0.split(separator: ",").map(String.init)) }
        let types = SuiteSchema.whole.order.filter { wanted?.contains($0.name) ?? true }
        let members: [(key: String, value: JSON)] = [
            ("openapi", "3.0.1"), ("info", .object([("title", "NetSuite REST Record API"), ("version", "v1")])),
            ("paths", .object(types.map { (key: "/\($0.name)", value: .object([])) })),
            ("components", .object([("schemas", .object(types.map { (key: $0.name, value: schema($0)) }))])),
        ]
        return HTTPResponse(200, fields: ["Content-Type": "application/swagger+json"], body: JSON.object(members).bytes)
    }

    private static func schema(_ type: SuiteType) -> JSON {
        var properties: [(key: String, value: JSON)] = [("id", .object([("type", "string")])), ("externalId", .object([("type", "string")]))]
        properties += type.fields.map { (key: $0.name, value: property($0)) }
        for list in type.lists {
            let items: JSON = .object([("type", "object"), ("properties", .object(list.fields.map { (key: $0.name, value: property($0)) }))])
            let rows: JSON = .object([("type", "array"), ("items", items)])
            properties.append((list.name, .object([("type", "object"), ("properties", .object([("items", rows)]))])))
        }
        return .object([("type", "object"), ("properties", .object(properties)), ("x-ns-filterable", .array(type.fields.map { .string($0.name) }))])
    }

    private static func property(_ field: SuiteField) -> JSON {
        var members: [(key: String, value: JSON)] = [("title", .string(field.label))]
        switch field.kind {
        case .flag: members.append(("type", "boolean"))
        case .whole: members += [("type", "integer"), ("format", "int64")]
        case .money, .decimal, .rate: members += [("type", "number"), ("format", "double")]
        case .date: members += [("type", "string"), ("format", "date")]
        case .time: members += [("type", "string"), ("format", "date-time")]
        case .text(let most): members += [("type", "string"), ("x-ns-max-length", .int(most))]
        case .choice, .choiceOfTwo, .address, .document, .reference: members.append(("type", "object"))
        }
        if field.isReadOnly { members.append(("readOnly", true)) }
        return .object(members)
    }
}
