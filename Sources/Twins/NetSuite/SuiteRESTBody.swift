internal import Kernel
internal import Wire

/// Reads a JSON body into a draft.
struct SuiteRESTReader {
    let state: SuiteState
    let type: SuiteType
    /// Sublists that are replaced as a whole.
    let replaced: Set<String>
    /// Unknown names are errors; otherwise they are passed over without a trace, as the platform does unless it is told not to.
    let isStrict: Bool

    func draft(_ body: JSON) throws(SuiteProblem) -> SuiteDraft {
        var draft = SuiteDraft()
        for (name, value) in body.object ?? [] {
            switch name {
            case "links", "id", "refName": continue
            case "externalId":
                if value.isNull { continue }
                guard let text = value.string else { throw .value(name, value.text) }
                draft.externalID = text
            default:
                if let list = type.list(name) {
                    draft.lists[name] = SuiteDraft.Lines(replacesAll: replaced.contains(name), lines: try lines(list, value))
                } else if let field = type.field(name) {
                    if !field.isReadOnly { draft.values[name] = try read(field, value, name) }
                } else if Self.isCustom(name) {
                    draft.values[name] = value
                } else if isStrict {
                    throw .unknownName(name)
                }
            }
        }
        return draft
    }

    private static func isCustom(_ name: String) -> Bool {
        ["custbody", "custcol", "custentity", "custitem", "custrecord"].contains { name.hasPrefix($0) && name.count > $0.count }
    }

    private func lines(_ list: SuiteList, _ value: JSON) throws(SuiteProblem) -> [[String: JSON]] {
        guard let items = value["items"]?.array else { throw .value(list.name, value.text) }
        let fields = Dictionary(list.fields.map { ($0.name, $0) }) { first, _ in first }
        var lines: [[String: JSON]] = []
        for (at, item) in items.enumerated() {
            guard let members = item.object else { throw .value("\(list.name).items[\(at)]", item.text) }
            var line: [String: JSON] = [:]
            for (name, value) in members where name != "links" {
                let path = "\(list.name).items[\(at)].\(name)"
                if let field = fields[name] {
                    if !field.isReadOnly { line[name] = try read(field, value, path) }
                } else if Self.isCustom(name) {
                    line[name] = value
                } else if isStrict {
                    throw .unknownName(path)
                }
            }
            lines.append(line)
        }
        return lines
    }

    private func read(_ field: SuiteField, _ value: JSON, _ path: String) throws(SuiteProblem) -> JSON {
        if value.isNull { return .null }
        switch field.kind {
        case .text(let most):
            // SuiteTax's key of a line is an object in one place of the vendor's schema, and a text in the other.
            guard let text = value.string ?? (field.name == "taxDetailsReference" ? value["id"]?.string : nil) else { throw .value(path, value.text) }
            guard text.count <= most else { throw .tooLong(field.name, most) }
            return text.isEmpty ? .null : .string(text)
        case .flag:
            guard let flag = value.bool else { throw .value(path, value.text) }
            return .bool(flag)
        case .choiceOfTwo:
            guard let flag = value.bool ?? ["T": true, "F": false][value["id"]?.string ?? ""] else { throw .value(path, value.text) }
            return .bool(flag)
        case .whole:
            guard let number = value.int else { throw .value(path, value.text) }
            return .int(number)
        case .money, .decimal:
            guard case .number(let digits) = value, let number = ExactDecimal(digits) else { throw .value(path, value.text) }
            return SuiteAmount.number(number)
        case .rate:
            guard let text = value.plain, SuiteAmount.rate(text) != nil else { throw .value(path, value.text) }
            return .string(text)
        case .date:
            guard let date = value.string.flatMap({ LocalDate($0) }) else { throw .value(path, value.text) }
            return .string(date.description)
        case .time:
            guard let at = value.string.flatMap({ Timestamp(rfc3339: $0) }) else { throw .value(path, value.text) }
            return .string(at.description)
        case .choice:
            guard let word = value.string ?? value["id"]?.string else { throw .value(path, value.text) }
            return .string(word)
        case .document: return try reference(value, "transaction", field, path)
        case .reference(let target): return try reference(value, target, field, path)
        case .address:
            guard let members = value.object else { throw .value(path, value.text) }
            return .object(members.filter { SuiteWSDL.addressFields.contains($0.key) }.map { (key: $0.key, value: $0.value["id"] ?? $0.value) })
        }
    }

    private func reference(_ value: JSON, _ target: String, _ field: SuiteField, _ path: String) throws(SuiteProblem) -> JSON {
        if let id = value["id"]?.plain { return .string(id) }
        if let external = value["externalId"]?.string {
            guard let id = state.externals[SuiteSchema.whole.family(target)]?[external] else { throw .unknownExternal(path, external) }
            return .string(String(id))
        }
        // Some accounts have the plain id here.
        if field.name == "taxType" || field.name == "taxCode", let id = value.plain { return .string(id) }
        throw .value(path, value.text)
    }
}

/// Writes records as JSON.
struct SuiteRESTPrinter {
    let state: SuiteState
    let base: String
    let isExpanded: Bool
    let isSimple: Bool
    let fields: Set<String>?

    init(state: SuiteState, request: HTTPRequest) {
        self.state = state
        base = "\(SuiteRoutes.base(request))/services/rest/record/v1"
        isExpanded = request.query("expandSubResources") == "true"
        isSimple = request.query("simpleEnumFormat") == "true"
        fields = request.query("fields").map { Set($0.split(separator: ",").map(String.init)) }
    }

    func record(_ type: SuiteType, _ record: SuiteRecord) -> JSON {
        let values = state.shown(record)
        let links = SuiteState.links([("self", "\(base)/\(type.name)/\(record.id)")])
        var members: [(key: String, value: JSON)] = [("links", links), ("id", .string(String(record.id)))]
        if let external = record.externalID { members.append(("externalId", .string(external))) }
        func isWanted(_ name: String) -> Bool { fields?.contains(name) ?? true }
        for field in type.fields where isWanted(field.name) {
            if let value = values[field.name] { members.append((field.name, shown(field, value))) }
        }
        for list in type.lists where isWanted(list.name) {
            guard let lines = values[list.name]?.array else { continue }
            let whole = self.lines(type, record.id, list, lines)
            members.append((list.name, isExpanded ? whole : .object([("links", whole["links"] ?? .array([]))])))
        }
        for (name, value) in values.sorted(by: { $0.key < $1.key }) where name.hasPrefix("cust") && name.contains("_") && isWanted(name) {
            members.append((name, value))
        }
        return .object(members)
    }

    func lines(_ type: SuiteType, _ id: Int, _ list: SuiteList, _ lines: [JSON]) -> JSON {
        let address = "\(base)/\(type.name)/\(id)/\(list.name)"
        return .object([
            ("links", SuiteState.links([("self", address)])), ("count", .int(lines.count)), ("hasMore", false), ("items", .array(lines.map { line(list, $0) })),
            ("offset", 0), ("totalResults", .int(lines.count)),
        ])
    }

    func line(_ list: SuiteList, _ line: JSON) -> JSON {
        var members: [(key: String, value: JSON)] = [("links", .array([]))]
        for field in list.fields {
            if let value = line[field.name] { members.append((field.name, shown(field, value))) }
        }
        for (name, value) in line.object ?? [] where name.hasPrefix("cust") && name.contains("_") { members.append((name, value)) }
        return .object(members)
    }

    private func shown(_ field: SuiteField, _ value: JSON) -> JSON {
        switch field.kind {
        case .choice: return isSimple ? value : named(value.string ?? "", value.string ?? "")
        case .choiceOfTwo: return isSimple ? .bool(value.isTrue) : named(value.isTrue ? "T" : "F", value.isTrue ? "Yes" : "No")
        case .rate:
            let bare = value.plain.flatMap { SuiteAmount.rate($0) }
            return bare.map { SuiteAmount.number($0.value) } ?? value
        case .document: return reference("transaction", value)
        case .reference(let target): return reference(target, value)
        default: return value
        }
    }

    private func named(_ id: String, _ name: String) -> JSON { .object([("id", .string(id)), ("refName", .string(name))]) }

    private func reference(_ target: String, _ value: JSON) -> JSON {
        let family = SuiteSchema.whole.family(target)
        let id = value.plain ?? ""
        var members: [(key: String, value: JSON)] = []
        if let found = state.record(family, Int(id)) { members.append(("links", SuiteState.links([("self", "\(base)/\(found.type)/\(id)")]))) }
        members.append(("id", .string(id)))
        if let name = state.name(family, Int(id)) { members.append(("refName", .string(name))) }
        return .object(members)
    }
}
