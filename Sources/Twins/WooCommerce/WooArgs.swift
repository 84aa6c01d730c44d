internal import Kernel
internal import Wire

/// The parameters of a request: members of its JSON body, then those of its query.
/// - Source: WordPress `WP_REST_Request::get_parameter_order`, `rest_validate_request_arg`, `wp_parse_list`.
struct WooArgs: Sendable {
    /// Parameters of one request and members of one list: more is nobody's honest request.
    static let pairsMost = 1000

    var body: JSON
    /// By name, the last of each; `name[]` and `name[0]` are lists.
    private(set) var query: [String: [String]] = [:]
    /// As they came, for the links to other pages.
    let pairs: [(name: String, value: String)]

    init(body: JSON = .object([]), query pairs: [(name: String, value: String)] = []) {
        self.body = body
        self.pairs = pairs
        for (name, value) in pairs.prefix(Self.pairsMost) {
            if let bracket = name.firstIndex(of: "["), name.hasSuffix("]") {
                query[String(name[..<bracket]), default: []].append(value)
            } else {
                query[name] = [value]
            }
        }
    }

    subscript(_ name: String) -> JSON? {
        if let value = body[name] { return value }
        guard let values = query[name] else { return nil }
        return values.count == 1 ? .string(values[0]) : .array(values.map(JSON.string))
    }

    /// `nil` also for null.
    func given(_ name: String) -> JSON? {
        guard let value = self[name], !value.isNull else { return nil }
        return value
    }

    func text(_ name: String) throws(WooProblem) -> String? {
        guard let value = given(name) else { return nil }
        guard let text = value.scalar else { throw .type(name, "string") }
        return text
    }

    func whole(_ name: String) throws(WooProblem) -> Int? {
        guard let value = given(name) else { return nil }
        guard let text = value.scalar, let number = ExactDecimal(text), number == number.rounded(toScale: 0), let small = number.woo(0).smallCoefficient,
            small.magnitude < 1_000_000_000_000_000
        else { throw .type(name, "integer") }
        return Int(small)
    }

    func whole(_ name: String, from least: Int, to most: Int?, or fallback: Int) throws(WooProblem) -> Int {
        guard let number = try whole(name) else { return fallback }
        if let most, number < least || number > most {
            throw .invalid(name, "\(name) must be between \(least) (inclusive) and \(most) (inclusive)", code: "rest_out_of_bounds")
        }
        guard number >= least else { throw .invalid(name, "\(name) must be greater than or equal to \(least)", code: "rest_out_of_bounds") }
        return number
    }

    func flag(_ name: String) throws(WooProblem) -> Bool? {
        guard let value = given(name) else { return nil }
        switch value.scalar?.lowercased() {
        case "1", "true": return true
        case "0", "false", "": return false
        default: throw .type(name, "boolean")
        }
    }

    func choice(_ name: String, of choices: [String]) throws(WooProblem) -> String? {
        guard let text = try text(name) else { return nil }
        guard choices.contains(text) else { throw .notIn(name, choices) }
        return text
    }

    /// A list, or its members with commas or spaces between.
    func texts(_ name: String) throws(WooProblem) -> [String] {
        guard let value = given(name) else { return [] }
        if let elements = value.array {
            guard elements.count <= Self.pairsMost else { throw .type(name, "array") }
            return elements.compactMap(\.scalar)
        }
        guard let text = value.scalar else { throw .type(name, "array") }
        return text.split { $0 == "," || $0 == " " }.map(String.init)
    }

    func numbers(_ name: String) throws(WooProblem) -> [Int] { try texts(name).compactMap { Int($0) } }

    func date(_ name: String, _ zone: Zone) throws(WooProblem) -> Int64? {
        guard let text = try text(name) else { return nil }
        guard let moment = WooDate.filter(text, zone) else { throw .invalid(name, "Invalid date.", code: "rest_invalid_date") }
        return moment
    }

    func objects(_ name: String) throws(WooProblem) -> [JSON]? {
        guard let value = given(name) else { return nil }
        guard let elements = value.array, elements.count <= Self.pairsMost else { throw .type(name, "array") }
        for (n, element) in elements.enumerated() where element.object == nil { throw .type("\(name)[\(n)]", "object") }
        return elements
    }

    func amount(_ name: String) throws(WooProblem) -> ExactDecimal? {
        guard let value = given(name), value.scalar?.isEmpty == false else { return nil }
        return try Self.amount(value, name)
    }

    /// An amount below a hundred million, at six places: so that no sum or product of an order outgrows what a decimal holds.
    static func amount(_ value: JSON, _ name: String) throws(WooProblem) -> ExactDecimal {
        guard let text = value.scalar else { throw .type(name, "string") }
        guard !text.isEmpty else { return .zero }
        guard let number = ExactDecimal(text), number.magnitude < ExactDecimal(100_000_000) else { throw .type(name, "number") }
        return number.kept
    }
}
