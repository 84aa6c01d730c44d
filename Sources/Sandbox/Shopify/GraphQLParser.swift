/// Recursive descent over the tokens of one query.
struct GraphQLParser {
    private let tokens: [(token: GraphQLToken, location: GraphQL.Location)]
    private var at = 0
    private var nesting = 0

    init(tokens: [(token: GraphQLToken, location: GraphQL.Location)]) { self.tokens = tokens }

    private var token: GraphQLToken { tokens[at].token }
    private var location: GraphQL.Location { tokens[at].location }

    private func unexpected(_ wanted: String) -> GraphQL.Problem {
        GraphQL.Problem(
            message: token == .end
                ? "Expected \(wanted), actual: (none) (end of document) at [\(location.line), \(location.column)]"
                : "Expected \(wanted), actual: \(token.shown) at [\(location.line), \(location.column)]",
            location: location)
    }

    private mutating func advance() { if at < tokens.count - 1 { at += 1 } }

    private mutating func skip(_ mark: String) -> Bool {
        guard token == .mark(mark) else { return false }
        advance()
        return true
    }

    private mutating func expect(_ mark: String) throws(GraphQL.Problem) {
        guard skip(mark) else { throw unexpected("\"\(mark)\"") }
    }

    private mutating func name() throws(GraphQL.Problem) -> String {
        guard case .name(let name) = token else { throw unexpected("a name") }
        advance()
        return name
    }

    private mutating func deeper<R>(_ body: (inout Self) throws(GraphQL.Problem) -> R) throws(GraphQL.Problem) -> R {
        nesting += 1
        guard nesting <= GraphQL.depth else {
            throw GraphQL.Problem(message: "Query has depth of more than \(GraphQL.depth)", location: location)
        }
        let result = try body(&self)
        nesting -= 1
        return result
    }

    mutating func document() throws(GraphQL.Problem) -> GraphQL.Document {
        var document = GraphQL.Document(operations: [], fragments: [:])
        while token != .end {
            if token == .name("fragment") {
                advance()
                let fragment = try name()
                guard try name() == "on" else { throw unexpected("\"on\"") }
                _ = try name()
                _ = try directives()
                document.fragments[fragment] = try selections()
            } else {
                document.operations.append(try operation())
            }
        }
        guard !document.operations.isEmpty else {
            throw GraphQL.Problem(message: "Unexpected end of document", location: location)
        }
        return document
    }

    private mutating func operation() throws(GraphQL.Problem) -> GraphQL.Operation {
        let start = location
        guard token != .mark("{") else {
            return GraphQL.Operation(
                kind: "query", name: nil, variables: [], selections: try selections(), location: start)
        }
        let kind = try name()
        guard ["query", "mutation", "subscription"].contains(kind) else {
            at -= 1
            throw unexpected("one of SCHEMA, SCALAR, QUERY, MUTATION, SUBSCRIPTION, FRAGMENT")
        }
        var operation = GraphQL.Operation(kind: kind, name: nil, variables: [], selections: [], location: start)
        if case .name(let name) = token {
            operation.name = name
            advance()
        }
        if skip("(") {
            while !skip(")") { operation.variables.append(try variable()) }
        }
        _ = try directives()
        operation.selections = try selections()
        return operation
    }

    private mutating func variable() throws(GraphQL.Problem) -> GraphQL.Variable {
        try expect("$")
        let variable = try name()
        try expect(":")
        let type = try deeper { (parser: inout Self) throws(GraphQL.Problem) in try parser.type() }
        let required = type.hasSuffix("!")
        let fallback = skip("=") ? try value() : nil
        _ = try directives()
        return GraphQL.Variable(name: variable, type: type, required: required && fallback == nil, fallback: fallback)
    }

    private mutating func type() throws(GraphQL.Problem) -> String {
        var text = ""
        if skip("[") {
            text = "[" + (try deeper { (parser: inout Self) throws(GraphQL.Problem) in try parser.type() }) + "]"
            try expect("]")
        } else {
            text = try name()
        }
        return skip("!") ? text + "!" : text
    }

    private mutating func selections() throws(GraphQL.Problem) -> [GraphQL.Selection] {
        try deeper { (parser: inout Self) throws(GraphQL.Problem) in
            try parser.expect("{")
            var list: [GraphQL.Selection] = []
            while !parser.skip("}") { list.append(try parser.selection()) }
            guard !list.isEmpty else { throw parser.unexpected("a field") }
            return list
        }
    }

    private mutating func selection() throws(GraphQL.Problem) -> GraphQL.Selection {
        let start = location
        if skip("...") {
            if case .name(let name) = token, name != "on" {
                advance()
                return .spread(name: name, directives: try directives(), location: start)
            }
            var type: String?
            if token == .name("on") {
                advance()
                type = try name()
            }
            return .inline(type: type, directives: try directives(), selections: try selections())
        }
        var alias: String?
        var field = try name()
        if skip(":") {
            alias = field
            field = try name()
        }
        let arguments = try arguments()
        let directives = try directives()
        return .field(
            GraphQL.Field(
                alias: alias, name: field, arguments: arguments, directives: directives,
                selections: token == .mark("{") ? try selections() : [], location: start))
    }

    private mutating func arguments() throws(GraphQL.Problem) -> [(name: String, value: GraphQL.Value)] {
        guard skip("(") else { return [] }
        var list: [(name: String, value: GraphQL.Value)] = []
        while !skip(")") {
            let argument = try name()
            try expect(":")
            list.append((argument, try value()))
        }
        guard !list.isEmpty else { throw unexpected("an argument") }
        return list
    }

    private mutating func directives() throws(GraphQL.Problem) -> [GraphQL.Directive] {
        var list: [GraphQL.Directive] = []
        while skip("@") { list.append(GraphQL.Directive(name: try name(), arguments: try arguments())) }
        return list
    }

    private mutating func value() throws(GraphQL.Problem) -> GraphQL.Value {
        let current = token
        switch current {
        case .mark("$"):
            advance()
            return .variable(try name())
        case .number(let text):
            advance()
            return .number(text)
        case .string(let text):
            advance()
            return .string(text)
        case .name(let text):
            advance()
            return text == "true"
                ? .bool(true) : text == "false" ? .bool(false) : text == "null" ? .null : .enumeration(text)
        case .mark("["):
            advance()
            return try deeper { (parser: inout Self) throws(GraphQL.Problem) in
                var list: [GraphQL.Value] = []
                while !parser.skip("]") { list.append(try parser.value()) }
                return .list(list)
            }
        case .mark("{"):
            advance()
            return try deeper { (parser: inout Self) throws(GraphQL.Problem) in
                var members: [(name: String, value: GraphQL.Value)] = []
                while !parser.skip("}") {
                    let member = try parser.name()
                    try parser.expect(":")
                    members.append((member, try parser.value()))
                }
                return .object(members)
            }
        default: throw unexpected("a value")
        }
    }
}
