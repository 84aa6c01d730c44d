internal import Crypto
internal import Wire

/// An object of the graph: its type and a function from field to value.
struct GraphNode: Sendable {
    var type: String
    var field: @Sendable (String) -> GraphValue?
    /// In its place, where what a field is depends on its arguments.
    var asked: (@Sendable (String, [String: JSON]) -> GraphValue?)?
}

enum GraphValue: Sendable {
    case scalar(JSON)
    case node(GraphNode?)
    case list([GraphNode])
    /// One page, already cut, with the cursor of each of its nodes.
    case page(nodes: [GraphNode], cursors: [String], hasNext: Bool, hasPrevious: Bool)
    /// All nodes of a connection below an object; the executor cuts the page.
    case all([GraphNode])
}

/// Checks one operation against the schema, prices it, and executes it.
struct GraphQLExecutor {
    typealias Arguments = [String: JSON]

    let schema: GraphSchema
    let fragments: [String: [GraphQL.Selection]]
    let variables: [String: JSON]
    /// `QueryRoot` or `Mutation`.
    let rootType: String
    /// Values of the root's fields.
    let root: (String, Arguments) throws(GraphQL.Problem) -> GraphValue?
    /// Objects given out so far; what the actual cost counts.
    private(set) var objects = 0

    init(
        schema: GraphSchema, document: GraphQL.Document, operation: GraphQL.Operation, variables given: JSON?,
        root: @escaping (String, Arguments) throws(GraphQL.Problem) -> GraphValue?
    ) throws(GraphQL.Problem) {
        var variables: [String: JSON] = [:]
        for variable in operation.variables {
            let value = given?[variable.name]
            if let value, !(value.isNull && variable.required) {
                variables[variable.name] = value
            } else if let fallback = variable.fallback {
                variables[variable.name] = Self.literal(fallback, [:])
            } else if variable.required {
                throw GraphQL.Problem(
                    message: "Variable $\(variable.name) of type \(variable.type) was provided invalid value",
                    location: operation.location, code: "INVALID_VARIABLE")
            } else {
                variables[variable.name] = .null
            }
        }
        self.schema = schema
        rootType = operation.kind == "mutation" ? "Mutation" : "QueryRoot"
        fragments = document.fragments
        self.variables = variables
        self.root = root
    }

    // MARK: Check and price

    /// Every problem of the selections, and the cost the vendor would reserve: objects 1, scalars and money nothing, a
    /// connection by its page size. The vendor's own formula is not published in full; this one keeps its order of
    /// magnitude.
    func check(_ selections: [GraphQL.Selection], type: String, path: [String], depth: Int = 0) -> (
        problems: [GraphQL.Problem], cost: Int
    ) {
        var problems: [GraphQL.Problem] = []
        var cost = 0
        guard depth <= GraphQL.depth else {
            let location = GraphQL.Location(line: 1, column: 1)
            return ([GraphQL.Problem(message: "Query has depth of more than \(GraphQL.depth)", location: location)], 0)
        }
        for selection in selections {
            switch selection {
            case .inline(let condition, _, let inner):
                let (found, price) = check(inner, type: condition ?? type, path: path, depth: depth + 1)
                problems += found
                cost += price
            case .spread(let name, _, let location):
                guard let fragment = fragments[name] else {
                    problems.append(
                        GraphQL.Problem(
                            message: "Fragment \(name) was used, but not defined", location: location,
                            code: "useAndDefineFragment", path: path, extensions: [("fragmentName", name)]))
                    continue
                }
                let (found, price) = check(fragment, type: type, path: path, depth: depth + 1)
                problems += found
                cost += price
            case .field(let field):
                let (found, price) = check(field, type: type, path: path + [field.key], depth: depth)
                problems += found
                cost += price
            }
        }
        return (problems, cost)
    }

    private func check(_ field: GraphQL.Field, type: String, path: [String], depth: Int) -> (
        problems: [GraphQL.Problem], cost: Int
    ) {
        guard let fields = schema.types[type], let shape = fields[field.name] else {
            let problem = GraphQL.Problem(
                message: "Field '\(field.name)' doesn't exist on type '\(type)'", location: field.location,
                code: "undefinedField",
                path: path, extensions: [("typeName", type), ("fieldName", field.name)])
            return ([problem], 0)
        }
        var problems: [GraphQL.Problem] = []
        let known = schema.arguments(of: field.name, shape: shape, type: type)
        for (name, value) in field.arguments {
            if !known.contains(name) {
                problems.append(
                    GraphQL.Problem(
                        message: "Field '\(field.name)' doesn't accept argument '\(name)'", location: field.location,
                        code: "argumentNotAccepted", path: path + [name],
                        extensions: [("name", field.name), ("typeName", "Field"), ("argumentName", name)]))
            }
            if case .variable(let variable) = value, variables[variable] == nil {
                problems.append(
                    GraphQL.Problem(
                        message: "Variable $\(variable) is used by anonymous query but not declared",
                        location: field.location,
                        code: "variableNotDefined", path: path, extensions: [("variableName", variable)]))
            }
        }
        guard let inner = shape.type else {
            if !field.selections.isEmpty {
                problems.append(
                    GraphQL.Problem(
                        message:
                            "Selections can't be made on scalars (field '\(field.name)' returns a scalar but has selections)",
                        location: field.location, code: "selectionMismatch", path: path))
            }
            return (problems, 0)
        }
        guard !field.selections.isEmpty else {
            let message =
                "Field must have selections (field '\(field.name)' returns \(inner) but has no selections. "
                + "Did you mean '\(field.name) { ... }'?)"
            problems.append(
                GraphQL.Problem(message: message, location: field.location, code: "selectionMismatch", path: path))
            return (problems, 0)
        }
        let (below, price) = check(field.selections, type: inner, path: path, depth: depth + 1)
        return (problems + below, cost(of: shape, field: field, below: price))
    }

    private func cost(of shape: GraphSchema.Shape, field: GraphQL.Field, below: Int) -> Int {
        switch shape {
        case .scalar: return 0
        case .object(let type): return type.hasPrefix("Money") || type == "PageInfo" ? 0 : 1 + below
        case .list(let type): return type.hasSuffix("Edge") || below == 0 ? below : 1 + below
        case .connection:
            let arguments = arguments(of: field)
            let size = arguments["first"]?.int ?? arguments["last"]?.int ?? 10
            // Twice the number of binary digits of the page size.
            let weight = 2 * (Int.bitWidth - max(0, size).leadingZeroBitCount)
            return 2 + max(1, below) * weight / 2
        }
    }

    // MARK: Execute

    func arguments(of field: GraphQL.Field) -> Arguments {
        var values: Arguments = [:]
        for (name, value) in field.arguments {
            let json = Self.literal(value, variables)
            if !json.isNull { values[name] = json }
        }
        return values
    }

    static func literal(_ value: GraphQL.Value, _ variables: [String: JSON]) -> JSON {
        switch value {
        case .variable(let name): variables[name] ?? .null
        case .number(let text): .number(text)
        case .string(let text), .enumeration(let text): .string(text)
        case .bool(let flag): .bool(flag)
        case .null: .null
        case .list(let list): .array(list.map { literal($0, variables) })
        case .object(let members): .object(members.map { (key: $0.name, value: literal($0.value, variables)) })
        }
    }

    mutating func run(_ selections: [GraphQL.Selection]) throws(GraphQL.Problem) -> JSON {
        let resolve = root
        var members: [(key: String, value: JSON)] = []
        for field in flattened(selections, type: rootType) {
            guard field.name != "__typename" else {
                members.append((field.key, .string(rootType)))
                continue
            }
            let value = try resolve(field.name, arguments(of: field))
            members.append((field.key, try show(value ?? .node(nil), field)))
        }
        return .object(members)
    }

    /// The fields to answer on an object of `type`: fragments opened, `@skip` and `@include` obeyed.
    private func flattened(_ selections: [GraphQL.Selection], type: String) -> [GraphQL.Field] {
        var fields: [GraphQL.Field] = []
        for selection in selections {
            switch selection {
            case .field(let field) where wanted(field.directives): fields.append(field)
            case .inline(let condition, let directives, let inner) where wanted(directives):
                if condition.map({ GraphSchema.type(type, is: $0) }) ?? true {
                    fields += flattened(inner, type: type)
                }
            case .spread(let name, let directives, _) where wanted(directives):
                fields += flattened(fragments[name] ?? [], type: type)
            default: break
            }
        }
        return fields
    }

    private func wanted(_ directives: [GraphQL.Directive]) -> Bool {
        directives.allSatisfy { directive in
            let condition = directive.arguments.first { $0.name == "if" }.map {
                Self.literal($0.value, variables).bool ?? true
            }
            switch directive.name {
            case "skip": return condition == false
            case "include": return condition != false
            default: return true
            }
        }
    }

    private mutating func show(_ node: GraphNode, _ selections: [GraphQL.Selection]) throws(GraphQL.Problem) -> JSON {
        if !node.type.hasPrefix("Money") { objects += 1 }
        var members: [(key: String, value: JSON)] = []
        for field in flattened(selections, type: node.type) {
            if field.name == "__typename" {
                members.append((field.key, .string(node.type)))
            } else {
                let value = node.asked.map { $0(field.name, arguments(of: field)) } ?? node.field(field.name)
                members.append((field.key, try show(value ?? .scalar(.null), field)))
            }
        }
        return .object(members)
    }

    private mutating func show(_ value: GraphValue, _ field: GraphQL.Field) throws(GraphQL.Problem) -> JSON {
        switch value {
        case .scalar(let json): return json
        case .node(nil): return .null
        case .node(let node?): return try show(node, field.selections)
        case .list(let nodes):
            let first = arguments(of: field)["first"]?.int ?? nodes.count
            var shown: [JSON] = []
            for node in nodes.prefix(max(0, first)) { shown.append(try show(node, field.selections)) }
            return .array(shown)
        case .page(let nodes, let cursors, let hasNext, let hasPrevious):
            return try show(nodes, cursors, hasNext: hasNext, hasPrevious: hasPrevious, field)
        case .all(let nodes):
            let arguments = arguments(of: field)
            let size = try Self.pageSize(arguments, field)
            let cursors = nodes.indices.map { Base64.encode(Array("{\"offset\":\($0)}".utf8)) }
            let start = arguments["after"]?.string.flatMap { cursors.firstIndex(of: $0) }.map { $0 + 1 } ?? 0
            let end = min(nodes.count, start + size)
            return try show(
                Array(nodes[start..<end]), Array(cursors[start..<end]), hasNext: end < nodes.count,
                hasPrevious: start > 0, field)
        }
    }

    /// `first` of a connection.
    static func pageSize(_ arguments: Arguments, _ field: GraphQL.Field) throws(GraphQL.Problem) -> Int {
        let size = arguments["first"]?.int ?? arguments["last"]?.int
        guard let size else {
            throw GraphQL.Problem(
                message: "you must provide one of first or last", location: field.location, code: "BAD_REQUEST",
                path: [field.key])
        }
        guard (0...250).contains(size) else {
            throw GraphQL.Problem(
                message: "first cannot exceed 250", location: field.location, code: "BAD_REQUEST", path: [field.key])
        }
        return size
    }

    private mutating func show(
        _ nodes: [GraphNode], _ cursors: [String], hasNext: Bool, hasPrevious: Bool, _ field: GraphQL.Field
    ) throws(GraphQL.Problem) -> JSON {
        var members: [(key: String, value: JSON)] = []
        for part in flattened(field.selections, type: "Connection") {
            switch part.name {
            case "nodes":
                var shown: [JSON] = []
                for node in nodes { shown.append(try show(node, part.selections)) }
                members.append((part.key, .array(shown)))
            case "edges":
                var shown: [JSON] = []
                for (node, cursor) in zip(nodes, cursors) {
                    let edge = GraphNode(type: "Edge") { $0 == "node" ? .node(node) : .scalar(.string(cursor)) }
                    shown.append(try show(edge, part.selections))
                }
                members.append((part.key, .array(shown)))
            default:
                let info = GraphNode(type: "PageInfo") { name in
                    switch name {
                    case "hasNextPage": .scalar(.bool(hasNext))
                    case "hasPreviousPage": .scalar(.bool(hasPrevious))
                    case "startCursor": .scalar(.optional(cursors.first))
                    default: .scalar(.optional(cursors.last))
                    }
                }
                members.append((part.key, try show(info, part.selections)))
            }
        }
        return .object(members)
    }
}
