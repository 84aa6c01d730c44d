internal import Kernel
public import Wire

/// XML-RPC over HTTP: calls with blanks among their parameters, and what an answer holds. Values are JSON values both ways: `int` and `double`
/// keep their digits, `struct` is an object, `dateTime.iso8601` and `base64` are the texts that stand there.
/// - Source: xmlrpc.com, XML-RPC Specification; `nil` and `i8` are the extensions that most servers take.
public enum XMLRPC {
    public enum Parameter: Sendable, Equatable {
        case value(JSON)
        /// A string that is made right before the call is sent.
        case text(Filling)
        /// An integer that is made right before the call is sent: digits alone.
        case integer(Filling)
    }

    /// What an answer holds.
    public enum Answer: Sendable, Equatable {
        case value(JSON)
        /// The platform's own code and words.
        case fault(code: Int, text: String)
    }

    public static func call(
        _ kind: Call.Kind, _ target: String, method: String, _ parameters: [Parameter], cost: [String: Int] = ["minute": 1]
    ) -> Call {
        var name = XMLWriter()
        name.element("methodName", method)
        var body: FilledBody = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><methodCall>\(bytes: name.bytes)<params>"
        for parameter in parameters {
            switch parameter {
            case .value(let value): body = "\(body)<param>\(bytes: bytes(of: value))</param>"
            case .text(let filling): body = "\(body)<param><value><string>\(xml: filling)</string></value></param>"
            case .integer(let filling): body = "\(body)<param><value><int>\(number: filling)</int></value></param>"
            }
        }
        body = "\(body)</params></methodCall>"
        return Call(kind, HTTPRequest(.post, target, fields: ["Content-Type": "text/xml; charset=utf-8"]), body: body, cost: cost)
    }

    /// `nil` for what is no XML-RPC answer: a page of something between, half a body, a value of no known type.
    public static func read(_ response: HTTPResponse) -> Answer? {
        guard let root = try? XMLElement(parsing: response.body), root.name.local == "methodResponse", root.children.count == 1 else { return nil }
        if let fault = root["fault"] {
            guard let value = only(fault, "value").flatMap(value(of:)), let code = value["faultCode"]?.int else { return nil }
            return .fault(code: code, text: value["faultString"]?.string ?? "")
        }
        guard let params = root["params"], let param = only(params, "param"), let element = only(param, "value") else { return nil }
        return value(of: element).map { .value($0) }
    }

    /// Method and values of a call, for whoever has to know what an answer is about; blanks as they are shown. `nil` for what is no call.
    public static func asked(_ body: [UInt8]) -> (method: String, values: [JSON])? {
        guard let root = try? XMLElement(parsing: body), root.name.local == "methodCall", let method = root["methodName"]?.text else { return nil }
        var values: [JSON] = []
        for param in root["params"]?.all("param") ?? [] {
            guard let value = only(param, "value").flatMap(value(of:)) else { return nil }
            values.append(value)
        }
        return (method, values)
    }

    // MARK: Writing

    static func bytes(of value: JSON) -> [UInt8] {
        var writer = XMLWriter()
        write(value, &writer)
        return writer.bytes
    }

    private static func write(_ value: JSON, _ writer: inout XMLWriter) {
        writer.start("value")
        switch value {
        case .null: writer.element("nil", "")
        case .bool(let flag): writer.element("boolean", flag ? "1" : "0")
        case .number(let digits): write(number: digits, &writer)
        case .string(let text): writer.element("string", text)
        case .array(let elements):
            writer.start("array")
            writer.start("data")
            for element in elements { write(element, &writer) }
            writer.end()
            writer.end()
        case .object(let members):
            writer.start("struct")
            for (name, member) in members {
                writer.start("member")
                writer.element("name", name)
                write(member, &writer)
                writer.end()
            }
            writer.end()
        }
        writer.end()
    }

    private static func write(number digits: String, _ writer: inout XMLWriter) {
        if let whole = Int64(digits) { return writer.element(Int32(exactly: whole) == nil ? "i8" : "int", digits) }
        // An exponent is JSON's, not XML-RPC's.
        guard let decimal = ExactDecimal(digits) else { return writer.element(number(digits) == nil ? "string" : "double", digits) }
        writer.element("double", decimal.description)
    }

    // MARK: Reading

    /// The one child of that name, where there is nothing else.
    private static func only(_ element: XMLElement, _ local: String) -> XMLElement? {
        guard element.children.count == 1, let child = element.children.first, child.name.local == local else { return nil }
        return isBlank(element.text) ? child : nil
    }

    private static func value(of element: XMLElement) -> JSON? {
        // A bare text is a string.
        guard let typed = element.children.first else { return .string(element.text) }
        guard element.children.count == 1, isBlank(element.text) else { return nil }
        switch typed.name.local {
        case "array":
            guard let data = only(typed, "data") else { return nil }
            return elements(of: data)
        case "struct": return members(of: typed)
        case _ where !typed.children.isEmpty: return nil
        case "string", "dateTime.iso8601", "base64": return .string(typed.text)
        case "int", "i1", "i2", "i4", "i8": return whole(trimmed(typed.text))
        case "double": return number(trimmed(typed.text))
        case "boolean":
            let text = trimmed(typed.text)
            return text == "1" ? .bool(true) : text == "0" ? .bool(false) : nil
        case "nil": return .null
        default: return nil
        }
    }

    private static func elements(of data: XMLElement) -> JSON? {
        var out: [JSON] = []
        for child in data.children {
            guard child.name.local == "value", let value = value(of: child) else { return nil }
            out.append(value)
        }
        return .array(out)
    }

    private static func members(of element: XMLElement) -> JSON? {
        var out: [(key: String, value: JSON)] = []
        var seen: Set<String> = []
        for child in element.children {
            guard child.name.local == "member", child.children.count == 2, let name = child["name"]?.text, seen.insert(name).inserted,
                let value = child["value"].flatMap(value(of:))
            else { return nil }
            out.append((name, value))
        }
        return .object(out)
    }

    private static func whole(_ text: String) -> JSON? { Int64(text).map { .number("\($0)") } }

    /// A number in JSON's grammar, which is stricter; `nan` and `inf` are none.
    private static func number(_ text: String) -> JSON? {
        let digits = text.hasPrefix("+") ? String(text.dropFirst()) : text
        guard case .number(let read)? = try? JSON(parsing: Array(digits.utf8)) else { return nil }
        return .number(read)
    }

    private static func isBlank(_ text: String) -> Bool { text.utf8.allSatisfy { [9, 10, 13, 32].contains($0) } }

    private static func trimmed(_ text: String) -> String {
        let bytes = text.utf8.drop { [9, 10, 13, 32].contains($0) }
        return String(Substring(bytes.prefix { ![9, 10, 13, 32].contains($0) }))
    }
}
