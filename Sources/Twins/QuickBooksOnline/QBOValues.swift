internal import Kernel
internal import Wire

// Reading bodies as the vendor's clients write them: "" and null are absent, ids may be numbers, amounts may be
// strings.
extension JSON {
    /// A non-empty text or the digits of a number under that key.
    func text(_ key: String) -> String? {
        switch self[key] {
        case .string(let text)? where !text.isEmpty: text
        case .number(let digits)?: digits
        default: nil
        }
    }

    /// The `value` of a reference such as `"CustomerRef": {"value": "58"}`.
    func reference(_ key: String) -> String? { self[key]?.text("value") }

    /// True for `true` and `"true"`.
    func flag(_ key: String) -> Bool? { self[key]?.bool ?? self[key]?.string.flatMap { Bool($0.lowercased()) } }

    /// Whether the member is there and says something.
    func has(_ key: String) -> Bool {
        switch self[key] {
        case nil, .null?: false
        case .string(let text)?: !text.isEmpty
        default: true
        }
    }

    /// This object without the members named.
    func without(_ keys: Set<String>) -> JSON {
        .object((object ?? []).filter { !keys.contains($0.key) })
    }

    /// Without members that say nothing (`null`, ""), at every depth.
    var spoken: JSON {
        switch self {
        case .object(let members):
            .object(
                members.compactMap { member in
                    has(member.key) ? (member.key, member.value.spoken) : nil
                })
        case .array(let elements): .array(elements.map(\.spoken))
        default: self
        }
    }

    /// An amount of cents as QuickBooks Online prints it: `44.28`, `0`.
    static func cents(_ minor: Int64) -> JSON {
        .decimal(minor == 0 ? .zero : ExactDecimal(coefficient: Int128(minor), scale: 2))
    }

    /// Cents of an amount that this twin wrote itself; 0 when absent.
    func storedCents(_ key: String) -> Int64 {
        guard let value = self[key]?.decimal?.rounded(toScale: 2) else { return 0 }
        return Int64(value.coefficient)
    }

    /// The amount under that key in cents; `nil` when absent.
    func cents(_ key: String, element: String? = nil) throws(QBOError) -> Int64? {
        guard has(key) else { return nil }
        guard let value = self[key]?.decimal?.shortest, value.scale <= 2,
            value.coefficient.magnitude < 10_000_000_000_000
        else {
            throw .invalidAmount(element ?? key)
        }
        return Int64(value.rounded(toScale: 2).coefficient)
    }

    /// A quantity, price or percentage under that key; `nil` when absent.
    func quantity(_ key: String) throws(QBOError) -> ExactDecimal? {
        guard has(key) else { return nil }
        guard let value = self[key]?.decimal?.shortest, value.scale <= 7,
            value.coefficient.magnitude < 1_000_000_000_000_000
        else {
            throw .invalidNumber(key)
        }
        return value
    }

    /// The day under that key; `nil` when absent.
    func day(_ key: String) throws(QBOError) -> LocalDate? {
        guard has(key) else { return nil }
        guard let text = self[key]?.string, let day = LocalDate(text) else { throw .invalidDate(key) }
        return day
    }
}

/// Gives lines their ids: one keeps the id it has, a new one gets the next free number.
struct QBOLineNumbers: Sendable {
    private var next = 1
    private var used: Set<String> = []

    mutating func numbered(_ line: JSON) -> JSON {
        if let id = line.text("Id"), used.insert(id).inserted { return line.setting("Id", .string(id)) }
        while used.contains(String(next)) { next += 1 }
        let id = String(next)
        used.insert(id)
        return .object([("Id", .string(id))] + (line.without(["Id"]).object ?? []))
    }
}
