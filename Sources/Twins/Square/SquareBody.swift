internal import Kernel
internal import Wire

/// A JSON object of a request, read member by member; what is wrong is said with its place.
struct SquareBody: Sendable {
    let json: JSON
    /// Where it stands in the request: "" at the top, `order.line_items[0]` further in.
    let path: String

    init(_ json: JSON, _ path: String = "") {
        self.json = json
        self.path = path
    }

    func at(_ key: String) -> String { path.isEmpty ? key : path + "." + key }

    func has(_ key: String) -> Bool { json.member(key) != nil }

    func text(_ key: String, most: Int = 4096) throws(SquareProblem) -> String? {
        guard let value = json.member(key) else { return nil }
        guard let text = value.string else { throw .expected("STRING", at(key)) }
        guard text.count <= most else { throw .tooLong(at(key), most) }
        return text
    }

    func need(_ key: String, most: Int = 4096) throws(SquareProblem) -> String {
        guard let text = try text(key, most: most) else { throw .missing(at(key)) }
        guard !text.isEmpty else { throw .empty(at(key)) }
        return text
    }

    func choice(_ key: String, of choices: Set<String>) throws(SquareProblem) -> String? {
        guard let text = try text(key) else { return nil }
        guard choices.contains(text) else { throw .choice(text, at(key)) }
        return text
    }

    func flag(_ key: String) throws(SquareProblem) -> Bool? {
        guard let value = json.member(key) else { return nil }
        guard let flag = value.bool else { throw .expected("BOOLEAN", at(key)) }
        return flag
    }

    func int(_ key: String) throws(SquareProblem) -> Int64? {
        guard let value = json.member(key) else { return nil }
        guard let number = value.int else { throw .expected("INTEGER", at(key)) }
        return Int64(number)
    }

    func list(_ key: String, most: Int = 1000) throws(SquareProblem) -> [JSON]? {
        guard let value = json.member(key) else { return nil }
        guard let list = value.array else { throw .expected("ARRAY", at(key)) }
        guard list.count <= most else {
            throw .invalid("ARRAY_LENGTH_TOO_LONG", "Array must not contain more than \(most) elements.", at(key))
        }
        return list
    }

    func texts(_ key: String, most: Int = 1000) throws(SquareProblem) -> [String]? {
        guard let list = try list(key, most: most) else { return nil }
        var out: [String] = []
        for (n, element) in list.enumerated() {
            guard let text = element.string else { throw .expected("STRING", "\(at(key))[\(n)]") }
            out.append(text)
        }
        return out
    }

    func object(_ key: String) throws(SquareProblem) -> SquareBody? {
        guard let value = json.member(key) else { return nil }
        guard value.object != nil else { throw .expected("OBJECT", at(key)) }
        return SquareBody(value, at(key))
    }

    func needObject(_ key: String) throws(SquareProblem) -> SquareBody {
        guard let body = try object(key) else { throw .missing(at(key)) }
        return body
    }

    /// The objects of a list.
    func bodies(_ key: String, most: Int = 500) throws(SquareProblem) -> [SquareBody] {
        var out: [SquareBody] = []
        for (n, element) in (try list(key, most: most) ?? []).enumerated() {
            guard element.object != nil else { throw .expected("OBJECT", "\(at(key))[\(n)]") }
            out.append(SquareBody(element, "\(at(key))[\(n)]"))
        }
        return out
    }

    /// The most that an amount may be: enough for anybody, and far from what 64 bits hold.
    static let moneyMost: Int64 = 99_999_999_999

    /// An amount of zero or more in the seller's currency.
    func money(_ key: String, _ currency: String) throws(SquareProblem) -> Int64? {
        guard let body = try object(key) else { return nil }
        guard let amount = try body.int("amount") else { throw .missing(body.at("amount")) }
        let given = try body.need("currency")
        guard given.utf8.count == 3, given.utf8.allSatisfy({ $0 >= 65 && $0 <= 90 }) else { throw .choice(given, body.at("currency")) }
        guard given == currency else {
            throw .value("This merchant can only process payments in \(currency), but amount was provided in \(given)", body.at("currency"))
        }
        guard amount >= 0 else { throw .invalid("VALUE_TOO_LOW", "`\(body.at("amount"))` must be greater than or equal to 0.", body.at("amount")) }
        guard amount <= Self.moneyMost else { throw .invalid("VALUE_TOO_HIGH", "`\(body.at("amount"))` is too large.", body.at("amount")) }
        return amount
    }

    func percentage(_ key: String = "percentage") throws(SquareProblem) -> String? {
        guard let text = try text(key, most: 10) else { return nil }
        guard SquarePercent(text) != nil else { throw .value("`\(text)` is not a valid percentage.", at(key)) }
        return text
    }

    func time(_ key: String) throws(SquareProblem) -> Timestamp? {
        guard let text = try text(key) else { return nil }
        guard let time = Timestamp(rfc3339: text) else { throw .invalid("INVALID_TIME", "`\(text)` is not a valid RFC 3339 timestamp.", at(key)) }
        return time
    }

    /// - Source: developer.squareup.com/docs/build-basics/metadata: ten entries, keys of 60, values of 255 characters.
    func metadata(_ key: String = "metadata") throws(SquareProblem) -> JSON? {
        guard let body = try object(key) else { return nil }
        let members = body.json.object ?? []
        guard members.count <= 10 else { throw .invalid("TOO_MANY_MAP_ENTRIES", "Map must not contain more than 10 entries.", body.path) }
        for (name, value) in members {
            guard name.count <= 60 else { throw .invalid("MAP_KEY_LENGTH_TOO_LONG", "Map keys must not be longer than 60.", body.path) }
            guard let text = value.string else { throw .expected("STRING", body.at(name)) }
            guard text.count <= 255 else { throw .tooLong(body.at(name), 255) }
        }
        return body.json
    }
}

/// The span of a time that a list is asked for.
struct SquareSpan: Sendable {
    var from: Timestamp?
    var to: Timestamp?

    /// `start_at` and `end_at` of an object.
    init(_ body: SquareBody?) throws(SquareProblem) {
        from = try body?.time("start_at")
        to = try body?.time("end_at")
    }

    /// Two parameters of a query.
    init(_ call: SquareCall, _ from: String, _ to: String) throws(SquareProblem) {
        let query = SquareBody(.object(call.query.map { (key: $0.name, value: JSON.string($0.value)) }))
        self.from = try query.time(from)
        self.to = try query.time(to)
        if let from = self.from, let to = self.to, from > to {
            throw .invalid("INVALID_TIME_RANGE", "The begin time must be before the end time.", "begin_time")
        }
    }

    /// From the start on, and before the end.
    func contains(_ time: Timestamp) -> Bool { from.map { time >= $0 } ?? true && to.map { time < $0 } ?? true }

    var isOpen: Bool { from == nil && to == nil }
}
