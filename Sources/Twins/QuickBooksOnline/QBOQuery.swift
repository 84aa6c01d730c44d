internal import Kernel
internal import Wire

/// A parsed query of the vendor's small SQL.
/// - Source: QuickBooks Online docs, "Query operations and syntax": no OR, no joins, no grouping; `\'` escapes a quote.
struct QBOQuery: Sendable {
    enum Operator: String, Sendable {
        case equal = "=", less = "<", greater = ">", lessEqual = "<=", greaterEqual = ">=", within = "IN", like = "LIKE"
    }

    struct Condition: Sendable {
        var field: String
        var comparison: Operator
        var values: [String]
    }

    static let defaultPage = 100
    static let mostResults = 1000

    var kind: QBOKind
    var isCount = false
    var conditions: [Condition] = []
    var order: [(field: String, descending: Bool)] = []
    var start = 1
    var page = QBOQuery.defaultPage

    /// Properties a query may filter by. Anything else is refused, as the vendor refuses it.
    static func filterable(_ kind: QBOKind) -> Set<String> {
        let common: Set<String> = ["Id", "MetaData.CreateTime", "MetaData.LastUpdatedTime"]
        switch kind {
        case .invoice: return common.union(["DocNumber", "TxnDate", "DueDate", "TotalAmt", "Balance", "CustomerRef"])
        case .creditMemo, .salesReceipt, .refundReceipt:
            return common.union(["DocNumber", "TxnDate", "TotalAmt", "Balance", "CustomerRef"])
        case .payment: return common.union(["TxnDate", "TotalAmt", "CustomerRef", "UnappliedAmt"])
        case .bill, .vendorCredit:
            return common.union(["DocNumber", "TxnDate", "DueDate", "TotalAmt", "Balance", "VendorRef", "APAccountRef"])
        case .billPayment: return common.union(["DocNumber", "TxnDate", "TotalAmt", "VendorRef", "APAccountRef", "PayType"])
        case .purchaseOrder:
            return common.union(["DocNumber", "TxnDate", "DueDate", "TotalAmt", "VendorRef", "APAccountRef", "POStatus"])
        case .attachable:
            return common.union([
                "FileName", "Note", "Category", "ContentType", "PlaceName", "Size", "AttachableRef.EntityRef.type", "AttachableRef.EntityRef.value",
            ])
        case .journalEntry: return common.union(["DocNumber", "TxnDate"])
        case .customer, .vendor:
            return common.union(
                [
                    "DisplayName", "GivenName", "MiddleName", "FamilyName", "CompanyName", "PrintOnCheckName", "Active",
                    "Balance",
                ]
            ).union(kind == .customer ? ["FullyQualifiedName"] : ["Vendor1099", "AcctNum"])
        case .item: return common.union(["Name", "Sku", "Type", "FullyQualifiedName", "Active", "Description"])
        case .account:
            return common.union(
                [
                    "Name", "AcctNum", "AccountType", "AccountSubType", "Classification", "FullyQualifiedName",
                    "Active", "CurrentBalance",
                ])
        case .trackingClass, .department, .taxCode, .taxRate:
            return common.union(["Name", "FullyQualifiedName", "Active"])
        case .taxAgency: return common.union(["DisplayName"])
        case .companyInfo, .preferences: return common
        }
    }
}

/// Reads the query's text token by token.
struct QBOQueryParser {
    private enum Token: Equatable { case word(String), text(String), integer(Int), symbol(String), end }

    /// Bytes of a query; the vendor's own bound is not published.
    static let mostBytes = 16_384

    private var tokens: [Token] = []
    private var place = 0

    static func parse(_ text: String) throws(QBOError) -> QBOQuery {
        guard text.utf8.count <= mostBytes else { throw .parser("the query is too long") }
        var parser = QBOQueryParser()
        try parser.read(text)
        return try parser.query()
    }

    // MARK: - Tokens

    private mutating func read(_ text: String) throws(QBOError) {
        let characters = Array(text.unicodeScalars)
        var i = 0
        while i < characters.count {
            let c = characters[i]
            switch c {
            case " ", "\t", "\n", "\r": i += 1
            case "'":
                let (value, next) = try Self.quoted(characters, from: i + 1)
                tokens.append(.text(value))
                i = next
            case "<", ">":
                if i + 1 < characters.count, characters[i + 1] == "=" {
                    tokens.append(.symbol(String(c) + "="))
                    i += 2
                } else {
                    tokens.append(.symbol(String(c)))
                    i += 1
                }
            case "=", "(", ")", ",", "*", ";":
                tokens.append(.symbol(String(c)))
                i += 1
            default:
                var word = ""
                while i < characters.count, Self.isWord(characters[i]) {
                    word.unicodeScalars.append(characters[i])
                    i += 1
                }
                guard !word.isEmpty else {
                    throw .parser("Invalid content. Lexical error at line 1, column \(i + 1). Encountered: \"\(c)\"")
                }
                tokens.append(Int(word).map { .integer($0) } ?? .word(word))
            }
        }
    }

    private static func isWord(_ c: Unicode.Scalar) -> Bool {
        c.properties.isAlphabetic || ("0" ... "9").contains(c) || c == "." || c == "_" || c == "-"
    }

    private static func quoted(_ characters: [Unicode.Scalar], from start: Int) throws(QBOError) -> (String, Int) {
        var value = ""
        var i = start
        while i < characters.count {
            if characters[i] == "\\", i + 1 < characters.count, characters[i + 1] == "'" || characters[i + 1] == "\\" {
                value.unicodeScalars.append(characters[i + 1])
                i += 2
            } else if characters[i] == "'" {
                return (value, i + 1)
            } else {
                value.unicodeScalars.append(characters[i])
                i += 1
            }
        }
        throw .parser("Invalid content. Lexical error at line 1: a quoted text does not end")
    }

    private var next: Token { place < tokens.count ? tokens[place] : .end }

    private mutating func take() -> Token {
        defer { place += 1 }
        return next
    }

    private mutating func keyword(_ word: String) -> Bool {
        guard case .word(let found) = next, found.lowercased() == word else { return false }
        place += 1
        return true
    }

    private func encountered() -> QBOError {
        switch next {
        case .word(let word): .parser("Encountered \" \"\(word)\" \" at line 1.")
        case .text(let text): .parser("Encountered \" <STRING> \"'\(text.prefix(40))' \"\" at line 1.")
        case .integer(let number): .parser("Encountered \" <INTEGER> \"\(number) \"\" at line 1.")
        case .symbol(let symbol): .parser("Encountered \" \"\(symbol)\" \" at line 1.")
        case .end: .parser("Encountered \"<EOF>\" at line 1.")
        }
    }

    private mutating func symbol(_ wanted: String) throws(QBOError) {
        guard next == .symbol(wanted) else { throw encountered() }
        place += 1
    }

    private mutating func name() throws(QBOError) -> String {
        guard case .word(let word) = next else { throw encountered() }
        place += 1
        return word
    }

    // MARK: - Grammar

    private mutating func query() throws(QBOError) -> QBOQuery {
        guard keyword("select") else { throw encountered() }
        let isCount = try selection()
        guard keyword("from") else { throw encountered() }
        let entity = try name()
        guard let kind = QBOKind(name: entity) else {
            throw QBOError(
                code: "4001", message: "Invalid query",
                detail: "QueryValidationError: Invalid context declaration: \(entity)")
        }
        var query = QBOQuery(kind: kind)
        query.isCount = isCount
        if keyword("where") {
            query.conditions.append(try condition())
            while keyword("and") { query.conditions.append(try condition()) }
        }
        if keyword("orderby") {
            try order(&query)
        } else if keyword("order") {
            guard keyword("by") else { throw encountered() }
            try order(&query)
        }
        if keyword("startposition") { query.start = try integer() }
        if keyword("maxresults") { query.page = try integer() }
        if next == .symbol(";") { place += 1 }
        guard next == .end else { throw encountered() }
        // The vendor's own pages write `AttachableRef.EntityRef.Type` for what its objects call `type`.
        if kind == .attachable {
            for index in query.conditions.indices where query.conditions[index].field == "AttachableRef.EntityRef.Type" {
                query.conditions[index].field = "AttachableRef.EntityRef.type"
            }
        }
        try validate(query)
        return query
    }

    /// `*`, `count(*)` or a list of properties; whole objects are answered in any case.
    private mutating func selection() throws(QBOError) -> Bool {
        if case .word(let word) = next, word.lowercased() == "count", place + 1 < tokens.count,
            tokens[place + 1] == .symbol("(")
        {
            place += 2
            try symbol("*")
            try symbol(")")
            return true
        }
        repeat {
            switch take() {
            case .symbol("*"), .word: break
            default:
                place -= 1
                throw encountered()
            }
        } while comma()
        return false
    }

    private mutating func comma() -> Bool {
        guard next == .symbol(",") else { return false }
        place += 1
        return true
    }

    private mutating func condition() throws(QBOError) -> QBOQuery.Condition {
        let field = try name()
        if keyword("in") {
            try symbol("(")
            var values = [try value()]
            while comma() { values.append(try value()) }
            try symbol(")")
            return QBOQuery.Condition(field: field, comparison: .within, values: values)
        }
        if keyword("like") { return QBOQuery.Condition(field: field, comparison: .like, values: [try value()]) }
        guard case .symbol(let symbol) = next, let comparison = QBOQuery.Operator(rawValue: symbol) else {
            throw encountered()
        }
        place += 1
        return QBOQuery.Condition(field: field, comparison: comparison, values: [try value()])
    }

    /// A quoted text, or `true` or `false`.
    private mutating func value() throws(QBOError) -> String {
        switch next {
        case .text(let text):
            place += 1
            return text
        case .word(let word) where ["true", "false"].contains(word.lowercased()):
            place += 1
            return word.lowercased()
        default: throw encountered()
        }
    }

    private mutating func order(_ query: inout QBOQuery) throws(QBOError) {
        repeat {
            let field = try name()
            let descending = keyword("desc")
            if !descending { _ = keyword("asc") }
            query.order.append((field, descending))
        } while comma()
    }

    private mutating func integer() throws(QBOError) -> Int {
        guard case .integer(let number) = next else { throw encountered() }
        place += 1
        return number
    }

    private func validate(_ query: QBOQuery) throws(QBOError) {
        let allowed = QBOQuery.filterable(query.kind)
        for field in query.conditions.map(\.field) + query.order.map(\.field) where !allowed.contains(field) {
            throw .query("property '\(field)' is not queryable")
        }
        guard query.start >= 1 else { throw .query("value \(query.start) is too small. Min allowed value is 1.") }
        guard query.page >= 1 else { throw .query("value \(query.page) is too small. Min allowed value is 1.") }
        guard query.page <= QBOQuery.mostResults else {
            throw .query("value \(query.page) is too large. Max allowed value is \(QBOQuery.mostResults).")
        }
    }
}
