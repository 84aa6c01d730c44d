internal import Kernel
internal import Wire

/// Reads a record's element into a draft.
struct SuiteSOAPReader {
    let state: SuiteState
    let soap: SuiteSOAP
    let type: SuiteType
    let ignoresReadOnly: Bool
    /// An element that the service's beans have not: the whole request is refused.
    var fault: SuiteFault?

    init(state: SuiteState, soap: SuiteSOAP, type: SuiteType, ignoresReadOnly: Bool) {
        self.state = state
        self.soap = soap
        self.type = type
        self.ignoresReadOnly = ignoresReadOnly
    }

    mutating func draft(_ element: XMLElement) throws(SuiteProblem) -> SuiteDraft {
        var draft = SuiteDraft()
        for child in element.children {
            let name = child.name.local
            // The one element that all records have from their common base.
            guard child.name.namespace == (name == "nullFieldList" ? soap.core : soap.namespace(type.area)) else {
                refuse(name)
                continue
            }
            switch name {
            case "nullFieldList": for field in child.all("name") { draft.values[type.field(soap: field.text)?.name ?? field.text] = .null }
            case "customFieldList": for (key, value) in custom(child) { draft.values[key] = value }
            default:
                if let list = type.list(soap: name) {
                    let replacesAll = !["false", "0"].contains(child.attribute("replaceAll") ?? "true")
                    draft.lists[list.name] = SuiteDraft.Lines(replacesAll: replacesAll, lines: try lines(child, list))
                } else if let field = type.field(soap: name) {
                    guard try isWritable(field) else { continue }
                    draft.values[field.name] = try value(field, child)
                } else {
                    refuse(name)
                }
            }
        }
        return draft
    }

    private mutating func refuse(_ name: String) {
        if fault == nil { fault = .bean("Invalid element in com.netsuite.webservices.\(type.area).\(type.soap) - \(name)") }
    }

    /// - Source: the vendor's words for INSUFFICIENT_PERMISSION on fields, SuiteTalk's usual refusal.
    private func isWritable(_ field: SuiteField) throws(SuiteProblem) -> Bool {
        guard field.isReadOnly else { return true }
        guard ignoresReadOnly else {
            throw .user(
                "You do not have permissions to set a value for element \(field.soap) due to one of the following reasons: 1) The field is read-only; "
                    + "2) An associated feature is disabled; 3) The field is available either when a record is created or updated, but not in both cases.",
                field.name, soap: "INSUFFICIENT_PERMISSION")
        }
        return false
    }

    private mutating func lines(_ wrapper: XMLElement, _ list: SuiteList) throws(SuiteProblem) -> [[String: JSON]] {
        let fields = Dictionary(list.fields.map { ($0.soap, $0) }) { first, _ in first }
        var lines: [[String: JSON]] = []
        for element in wrapper.children {
            guard element.name.local == list.element else {
                refuse(element.name.local)
                continue
            }
            var line: [String: JSON] = [:]
            for child in element.children {
                if child.name.local == "customFieldList" {
                    for (key, value) in custom(child) { line[key] = value }
                } else if let field = fields[child.name.local] {
                    // Lines are read before they are sent back: what they only show is passed over.
                    if !field.isReadOnly { line[field.name] = try value(field, child) }
                } else {
                    refuse(child.name.local)
                }
            }
            lines.append(line)
        }
        return lines
    }

    private func custom(_ list: XMLElement) -> [(String, JSON)] {
        list.all("customField").compactMap { field in
            guard let key = field.attribute("scriptId") ?? field.attribute("internalId"), let value = field["value"] else { return nil }
            switch SuiteSOAP.typeName(field) {
            case "BooleanCustomFieldRef": return (key, .bool(["true", "1"].contains(value.text)))
            case "LongCustomFieldRef", "DoubleCustomFieldRef": return (key, ExactDecimal(value.text) == nil ? .null : .number(value.text))
            case "SelectCustomFieldRef": return (key, .object([("id", .optional(value.attribute("internalId")))]))
            default: return (key, .string(value.text))
            }
        }
    }

    private func value(_ field: SuiteField, _ element: XMLElement) throws(SuiteProblem) -> JSON {
        if SuiteSOAP.isNil(element) { return .null }
        let text = element.text
        switch field.kind {
        case .text(let most):
            guard text.count <= most else { throw .tooLong(field.soap, most) }
            return text.isEmpty ? .null : .string(text)
        case .flag, .choiceOfTwo:
            guard ["true", "false", "1", "0"].contains(text) else { throw .value(field.soap, text) }
            return .bool(text == "true" || text == "1")
        case .whole:
            guard Int(text) != nil else { throw .value(field.soap, text) }
            return .number(text)
        case .money, .decimal:
            guard let number = ExactDecimal(text) else { throw .value(field.soap, text) }
            return SuiteAmount.number(number)
        case .rate:
            guard SuiteAmount.rate(text) != nil else { throw .value(field.soap, text) }
            return .string(text)
        case .date:
            guard let at = SuiteTime.read(text) else { throw .value(field.soap, text) }
            return .string(SuiteTime.day(at).description)
        case .time:
            guard let at = SuiteTime.read(text) else { throw .value(field.soap, text) }
            return .string(at.description)
        case .document: return .string(text)
        case .choice: return .string(text.hasPrefix("_") ? SuiteWords.rest(text) : text)
        case .reference(let target): return try reference(field, target, element)
        case .address:
            return .object(element.children.map { (key: $0.name.local, value: .string(SuiteWords.rest($0.text))) })
        }
    }

    private func reference(_ field: SuiteField, _ target: String, _ element: XMLElement) throws(SuiteProblem) -> JSON {
        if let id = element.attribute("internalId") { return .string(id) }
        guard let external = element.attribute("externalId") else { return .null }
        guard let id = state.externals[SuiteSchema.whole.family(target)]?[external] else { throw .unknownExternal(field.soap, external) }
        return .string(String(id))
    }
}

/// Words of lists: `_bank` in SOAP, `Bank` in REST.
enum SuiteWords {
    private static let pairs: [(soap: String, rest: String)] = [
        ("_accountsPayable", "AcctPay"), ("_accountsReceivable", "AcctRec"), ("_bank", "Bank"), ("_costOfGoodsSold", "COGS"), ("_creditCard", "CredCard"),
        ("_deferredExpense", "DeferExpense"), ("_deferredRevenue", "DeferRevenue"), ("_equity", "Equity"), ("_expense", "Expense"),
        ("_fixedAsset", "FixedAsset"),
        ("_income", "Income"), ("_longTermLiability", "LongTermLiab"), ("_nonPosting", "NonPosting"), ("_otherAsset", "OthAsset"),
        ("_otherCurrentAsset", "OthCurrAsset"), ("_otherCurrentLiability", "OthCurrLiab"), ("_otherExpense", "OthExpense"), ("_otherIncome", "OthIncome"),
        ("_statistical", "Stat"), ("_unbilledReceivable", "UnbilledRec"), ("_unitedStates", "US"), ("_unitedKingdom", "GB"),
    ]
    static func rest(_ soap: String) -> String { pairs.first { $0.soap == soap }?.rest ?? soap }
    static func soap(_ rest: String) -> String { pairs.first { $0.rest == rest }?.soap ?? rest }
}
