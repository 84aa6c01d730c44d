internal import Kernel

/// The search syntax of the `query` argument, as far as readers of orders use it: terms joined by spaces or `AND`, each
/// a field with an optional comparison.
/// - Source: Shopify, "API search syntax", and the filters listed at QueryRoot.orders.
struct OrderSearch: Sendable {
    enum Comparison: String, CaseIterable, Sendable {
        case atLeast = ">=", atMost = "<=", above = ">", below = "<", equal = ""
    }

    private enum Term: Sendable {
        case time(field: String, Comparison, Timestamp)
        case text(field: String, String)
        /// A field that the search does not know finds nothing, so that a wrong filter shows.
        case nothing
    }

    private var terms: [Term] = []

    /// - Throws: a problem for a time that is none.
    init(_ text: String, zone: Zone) throws(GraphQL.Problem) {
        for word in Self.words(text) where word.uppercased() != "AND" {
            guard let colon = word.firstIndex(of: ":") else {
                terms.append(.text(field: "name", word))
                continue
            }
            let field = String(word[..<colon])
            var rest = String(word[word.index(after: colon)...])
            let comparison = Comparison.allCases.first { rest.hasPrefix($0.rawValue) } ?? .equal
            rest = String(rest.dropFirst(comparison.rawValue.count))
            let value = rest.filter { $0 != "'" && $0 != "\"" }
            switch field {
            case "updated_at", "created_at", "processed_at":
                let day = LocalDate(value).map { zone.instant(of: $0) }
                guard let time = Timestamp(rfc3339: value) ?? day else {
                    throw GraphQL.Problem(
                        message: "Invalid timestamp for query filter `\(field)`.",
                        location: GraphQL.Location(line: 1, column: 1),
                        code: "BAD_REQUEST", path: ["orders"])
                }
                terms.append(.time(field: field, comparison, time))
            case "id", "name", "financial_status", "status": terms.append(.text(field: field, value))
            default: terms.append(.nothing)
            }
        }
    }

    /// Splits at spaces outside quotation marks.
    private static func words(_ text: String) -> [String] {
        var words: [String] = []
        var word = ""
        var quote: Character?
        for character in text {
            if character == quote {
                quote = nil
            } else if quote == nil, character == "'" || character == "\"" {
                quote = character
            } else if quote == nil, character == " " {
                if !word.isEmpty { words.append(word) }
                word = ""
                continue
            }
            word.append(character)
        }
        return word.isEmpty ? words : words + [word]
    }

    func matches(_ order: ShopOrder) -> Bool {
        terms.allSatisfy { term in
            switch term {
            case .nothing: return false
            case .time(let field, let comparison, let bound):
                let value =
                    field == "updated_at"
                    ? order.updatedAt : field == "created_at" ? order.createdAt : order.processedAt
                switch comparison {
                case .atLeast: return value >= bound
                case .atMost: return value <= bound
                case .above: return value > bound
                case .below: return value < bound
                case .equal: return value == bound
                }
            case .text("id", let id): return String(order.id) == id
            case .text("financial_status", let status): return order.financialStatus == status.lowercased()
            case .text("status", let status):
                switch status.lowercased() {
                case "open": return order.cancelledAt == nil
                case "cancelled": return order.cancelledAt != nil
                case "closed": return false
                default: return true
                }
            case .text(_, let name): return order.name == name || order.name == "#" + name
            }
        }
    }
}
