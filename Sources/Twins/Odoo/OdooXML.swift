internal import Kernel
internal import Wire

/// XML-RPC: one method call, one answer.
/// - Source: xmlrpc.com, the specification, and Python's `xmlrpc.client`, which Odoo uses: `nil` is read and never written.
enum OdooXML {
    struct Call: Sendable {
        var method: String
        var params: [JSON]
    }

    static func call(_ bytes: [UInt8]) -> Call? {
        guard let root = try? XMLElement(parsing: bytes), root.name.local == "methodCall", let method = root["methodName"]?.text else { return nil }
        var params: [JSON] = []
        for param in root["params"]?.all("param") ?? [] {
            guard let value = param["value"], let read = value.children.isEmpty ? .string(value.text) : json(value.children[0]) else { return nil }
            params.append(read)
        }
        return Call(method: method, params: params)
    }

    private static func json(_ element: XMLElement) -> JSON? {
        let text = element.text
        switch element.name.local {
        case "int", "i4", "i8", "i2", "i1":
            let digits = text.split(whereSeparator: { $0 == " " || $0 == "\n" }).joined()
            return Int(digits).map { .int($0) }
        case "boolean": return .bool(text.contains("1"))
        case "double", "float":
            let digits = text.split(whereSeparator: { $0 == " " || $0 == "\n" }).joined()
            return ExactDecimal(digits).map { .decimal($0) }
        case "nil": return .null
        case "array":
            var out: [JSON] = []
            for value in element["data"]?.all("value") ?? [] {
                guard let one = value.children.isEmpty ? .string(value.text) : json(value.children[0]) else { return nil }
                out.append(one)
            }
            return .array(out)
        case "struct":
            var members: [(key: String, value: JSON)] = []
            for member in element.all("member") {
                guard let name = member["name"]?.text, let value = member["value"] else { return nil }
                guard let read = value.children.isEmpty ? .string(value.text) : json(value.children[0]) else { return nil }
                members.append((name, read))
            }
            return .object(members)
        default: return .string(text)
        }
    }

    /// The answer; `nil` where a `None` stands in it, which XML-RPC can't say.
    static func answer(_ value: JSON) -> [UInt8]? {
        guard !holdsNull(value) else { return nil }
        var writer = start()
        writer.start("params")
        writer.start("param")
        write(value, &writer)
        writer.end()
        writer.end()
        writer.end()
        return writer.bytes
    }

    static func fault(_ code: Int, _ text: String) -> [UInt8] {
        var writer = start()
        writer.start("fault")
        write(.object([("faultCode", .int(code)), ("faultString", .string(text))]), &writer)
        writer.end()
        writer.end()
        return writer.bytes
    }

    private static func start() -> XMLWriter {
        var writer = XMLWriter(declaration: true)
        writer.start("methodResponse")
        return writer
    }

    private static func holdsNull(_ value: JSON) -> Bool {
        switch value {
        case .null: true
        case .array(let list): list.contains { holdsNull($0) }
        case .object(let members): members.contains { holdsNull($0.value) }
        default: false
        }
    }

    private static func write(_ value: JSON, _ writer: inout XMLWriter) {
        writer.start("value")
        switch value {
        case .null: writer.element("nil", "")
        case .bool(let flag): writer.element("boolean", flag ? "1" : "0")
        case .number(let digits): writer.element(Int(digits) == nil ? "double" : "int", digits)
        case .string(let text): writer.element("string", text)
        case .array(let list):
            writer.start("array")
            writer.start("data")
            for one in list { write(one, &writer) }
            writer.end()
            writer.end()
        case .object(let members):
            writer.start("struct")
            for member in members {
                writer.start("member")
                writer.element("name", member.key)
                write(member.value, &writer)
                writer.end()
            }
            writer.end()
        }
        writer.end()
    }
}
