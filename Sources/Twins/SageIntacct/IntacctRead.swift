internal import Kernel
internal import Wire

/// Results of `readByQuery` that `readMore` goes on with. In memory: whoever restarts asks again.
struct IntacctResults: Sendable {
    struct Rest: Sendable {
        var object: String
        var fields: [String]
        var numbers: [Int]
        var size: Int
    }

    /// Results that are kept at once.
    static let most = 200

    private var kept: [String: Rest] = [:]
    private var order: [String] = []

    subscript(_ id: String) -> Rest? { kept[id] }
    /// The newest result of an object.
    func newest(_ object: String) -> String? { order.last { kept[$0]?.object == object } }

    mutating func set(_ id: String, _ rest: Rest?) {
        order.removeAll { $0 == id }
        kept[id] = rest
        if rest != nil { order.append(id) }
        while order.count > Self.most { kept[order.removeFirst()] = nil }
    }
}

/// What the functions that read answer.
extension IntacctCompany {
    /// Largest pages.
    /// - Source: api.xsd, `query/pagesize`; general knowledge for `readByQuery`.
    static let queryMost = 2000
    static let readMost = 1000
    /// Records of one `read`.
    static let keysMost = 100

    // MARK: - What a record shows

    /// The text of a field, as of now.
    func shown(_ object: IntacctObject, _ record: IntacctRecord, _ field: String) -> String {
        switch (object.name, field) {
        case ("CUSTOMER", "TOTALDUE"): return totalDue("ARINVOICE", "CUSTOMERID", record["CUSTOMERID"])
        case ("VENDOR", "TOTALDUE"): return totalDue("APBILL", "VENDORID", record["VENDORID"])
        case (_, "RECORD_URL"): return "https://www.intacct.com/ia/acct/ur.phtml?.r=\(object.name)-\(record.no)"
        case (_, "DUE_IN_DAYS"): return record.day("WHENDUE").map { "\($0.daysSince1970 - today.daysSince1970)" } ?? ""
        default: break
        }
        if let held = record.values[field] { return held }
        guard let dot = field.firstIndex(of: "."), object.contacts.contains(String(field[..<dot])) else { return record[field] }
        let inner = "DISPLAYCONTACT." + field[field.index(after: dot)...]
        if object.id == "CUSTOMERID" || object.id == "VENDORID" { return record[inner] }
        let party = record["CUSTOMERID"].isEmpty ? named("VENDOR", record["VENDORID"]) : named("CUSTOMER", record["CUSTOMERID"])
        return party?[inner] ?? ""
    }

    private func totalDue(_ object: String, _ field: String, _ id: String) -> String {
        let open = records(object, where: field, is: id).filter { $0["STATE"] != "Draft" && $0["STATE"] != "Reversed" }
        return IntacctAmount.text(open.reduce(Int64(0)) { $0 + $1.minor("TOTALDUE", 2) }, 2)
    }

    func element(_ name: String, _ object: IntacctObject, _ record: IntacctRecord, _ fields: [String]) -> XMLElement {
        .node(name, fields.map { .leaf($0, shown(object, record, $0)) })
    }

    /// Records of other entities are theirs; at the top, those of entities are private unless they are asked for.
    private func isVisible(_ record: IntacctRecord, private showsPrivate: Bool) -> Bool {
        let owner = record["MEGAENTITYID"]
        return owner.isEmpty || (entity.isEmpty ? showsPrivate : owner == entity)
    }

    // MARK: - Searches

    private func search(
        _ object: IntacctObject, _ filter: IntacctPredicate?, isFolded: Bool, private showsPrivate: Bool
    ) throws(IntacctProblem) -> [IntacctRecord] {
        if let filter {
            guard filter.fields.allSatisfy({ object.kind($0) != nil }), filter.isReadable(object) else { throw .badField }
        }
        var found: [IntacctRecord]
        if object.name == "GLDETAIL" {
            found = details()
        } else if let no = filter?.demanded("RECORDNO") {
            found = no.compactMap { record(object.name, Int($0)) }
        } else if !isFolded, let field = object.indexed.first(where: { filter?.demanded($0) != nil }), let values = filter?.demanded(field) {
            var seen: Set<Int> = []
            found = values.flatMap { records(object.name, where: field, is: $0) }.filter { seen.insert($0.no).inserted }
        } else {
            found = all(object.name)
        }
        found = found.filter { isVisible($0, private: showsPrivate) }
        guard let filter else { return found }
        return found.filter { record in filter.holds({ shown(object, record, $0) }, object, isFolded: isFolded) }
    }

    func query(_ call: IntacctCall) throws(IntacctProblem) -> [XMLElement] {
        let object = try IntacctSchema.object(call.body.value("object") ?? "")
        let picks = call.body["select"]?.children ?? []
        let options = call.body["options"]
        let filter = call.body["filter"]?.children.first.flatMap { IntacctPredicate($0) }
        for pick in picks where object.kind(pick.value) == nil { throw .badField }
        var found = try search(
            object, filter, isFolded: options?.value("caseinsensitive") == "true", private: options?.value("showprivate") == "true")
        if picks.contains(where: { $0.name.local != "field" }) { return try aggregate(object, picks, found) }
        let orders = try orders(call.body["orderby"], object)
        if orders.isEmpty {
            found.sort { $0.no < $1.no }
        } else {
            found.sort { a, b in
                for (field, kind, isDescending) in orders {
                    let order = IntacctValue.order(shown(object, a, field), shown(object, b, field), kind)
                    if order != 0 { return isDescending ? order > 0 : order < 0 }
                }
                return a.no < b.no
            }
        }
        let size = Int(call.body.value("pagesize") ?? "100") ?? 0
        let offset = Int(call.body.value("offset") ?? "0") ?? -1
        guard (1...Self.queryMost).contains(size), offset >= 0 else {
            throw IntacctProblem.schema("Element 'pagesize': the value is not between 1 and \(Self.queryMost), or the offset is negative.")
        }
        let page = found.dropFirst(offset).prefix(size)
        let rest = max(0, found.count - offset - page.count)
        let attributes = [
            ("listtype", object.name), ("totalcount", "\(found.count)"), ("offset", "\(offset)"), ("count", "\(page.count)"), ("numremaining", "\(rest)"),
        ]
        return [.node("data", page.map { element(object.name, object, $0, picks.map(\.value)) }, attributes)]
    }

    private func orders(_ block: XMLElement?, _ object: IntacctObject) throws(IntacctProblem) -> [(field: String, kind: IntacctKind, isDescending: Bool)] {
        var out: [(field: String, kind: IntacctKind, isDescending: Bool)] = []
        for order in block?.all("order") ?? [] {
            guard let field = order.value("field"), let kind = object.kind(field) else { throw .badField }
            out.append((field, kind, order["descending"] != nil))
        }
        return out
    }

    /// Sums and the like over groups of equal other fields.
    private func aggregate(_ object: IntacctObject, _ picks: [XMLElement], _ found: [IntacctRecord]) throws(IntacctProblem) -> [XMLElement] {
        let plain = picks.filter { $0.name.local == "field" }.map(\.value)
        var order: [[String]] = []
        var groups: [[String]: [IntacctRecord]] = [:]
        for record in found {
            let key = plain.map { shown(object, record, $0) }
            if groups[key] == nil { order.append(key) }
            groups[key, default: []].append(record)
        }
        var rows: [XMLElement] = []
        for key in order {
            var leaves: [XMLElement] = zip(plain, key).map { .leaf($0, $1) }
            for pick in picks where pick.name.local != "field" {
                let values = (groups[key] ?? []).map { shown(object, $0, pick.value) }.filter { !$0.isEmpty }
                leaves.append(.leaf("\(pick.name.local.uppercased()).\(pick.value)", try Self.reduced(values, pick, object)))
            }
            rows.append(.node(object.name, leaves))
        }
        let attributes = [
            ("listtype", object.name), ("totalcount", "\(rows.count)"), ("offset", "0"), ("count", "\(rows.count)"), ("numremaining", "0"),
        ]
        return [.node("data", rows, attributes)]
    }

    private static func reduced(_ values: [String], _ pick: XMLElement, _ object: IntacctObject) throws(IntacctProblem) -> String {
        let kind = object.kind(pick.value) ?? .text
        switch pick.name.local {
        case "count": return "\(values.count)"
        case "min": return values.min { IntacctValue.order($0, $1, kind) < 0 } ?? ""
        case "max": return values.max { IntacctValue.order($0, $1, kind) < 0 } ?? ""
        default: break
        }
        guard kind == .decimal || kind == .integer else { throw .badField }
        let sum = values.compactMap { ExactDecimal($0) }.reduce(ExactDecimal.zero) { $0.adding($1) ?? $0 }
        guard pick.name.local == "avg", !values.isEmpty, let scaled = sum.rescaled(toScale: 6) else { return sum.shortest.description }
        return ExactDecimal(coefficient: ExactDecimal.divideHalfUp(scaled.coefficient, Int128(values.count)), scale: 6).shortest.description
    }

    // MARK: - Reading by condition

    mutating func readByQuery(_ call: IntacctCall, _ random: any RandomSource) throws(IntacctProblem) -> [XMLElement] {
        let object = try IntacctSchema.object(call.body.value("object") ?? "")
        let fields = try fields(call.body.value("fields"), object)
        let text = call.body.value("query") ?? ""
        let filter = text.isEmpty ? nil : IntacctConditionReader.read(text)
        guard text.isEmpty || filter != nil else { throw .badField }
        let size = Int(call.body.value("pagesize") ?? "100") ?? 0
        guard (1...Self.readMost).contains(size) else { throw .badField }
        let found = try search(object, filter, isFolded: false, private: false).map(\.no).sorted()
        var id = ""
        if found.count > size {
            id = random.bytes(16).hexText
            results.set(id, IntacctResults.Rest(object: object.name, fields: fields, numbers: Array(found.dropFirst(size)), size: size))
        }
        return [page(object, fields, Array(found.prefix(size)), total: found.count, rest: max(0, found.count - size), id: id)]
    }

    mutating func readMore(_ call: IntacctCall) throws(IntacctProblem) -> [XMLElement] {
        let asked = call.body.value("resultId") ?? call.body.value("object").flatMap { results.newest($0.uppercased()) } ?? ""
        guard var rest = results[asked], let object = IntacctSchema.objects[rest.object] else {
            throw IntacctProblem("Read More Failed", "The result set '\(asked)' is not known.", correction: "Ask anew with readByQuery.")
        }
        let part = Array(rest.numbers.prefix(rest.size))
        let total = rest.numbers.count
        rest.numbers.removeFirst(part.count)
        results.set(asked, rest.numbers.isEmpty ? nil : rest)
        return [page(object, rest.fields, part, total: total, rest: rest.numbers.count, id: rest.numbers.isEmpty ? "" : asked)]
    }

    private func page(_ object: IntacctObject, _ fields: [String], _ numbers: [Int], total: Int, rest: Int, id: String) -> XMLElement {
        let name = object.name.lowercased()
        let rows = numbers.compactMap { record(object.name, $0) }.map { element(name, object, $0, fields) }
        let attributes = [("listtype", name), ("count", "\(rows.count)"), ("totalcount", "\(total)"), ("numremaining", "\(rest)"), ("resultId", id)]
        return .node("data", rows, attributes)
    }

    private func fields(_ text: String?, _ object: IntacctObject) throws(IntacctProblem) -> [String] {
        guard let text, text != "*" else { return object.fields.map(\.name) }
        let names = text.split(separator: ",").map { XMLElement.leaf("field", String($0)).value }
        guard names.allSatisfy({ object.kind($0) != nil }) else { throw .badField }
        return names
    }

    // MARK: - Reading by key

    /// `read` by record numbers, `readByName` by what people know records by. What is not there is left out.
    func read(_ call: IntacctCall, byName: Bool) throws(IntacctProblem) -> [XMLElement] {
        let object = try IntacctSchema.object(call.body.value("object") ?? "")
        let fields = try fields(call.body.value("fields"), object)
        let keys = (call.body.value("keys") ?? "").split(separator: ",").map { XMLElement.leaf("key", String($0)).value }
        guard keys.count <= Self.keysMost else { throw .badField }
        let isWhole = (call.body.value("fields") ?? "*") == "*"
        var rows: [XMLElement] = []
        for key in keys {
            let found = byName ? named(object.name, key) ?? record(object.name, Int(key)) : record(object.name, Int(key))
            guard let found, isVisible(found, private: true) else { continue }
            rows.append(isWhole ? whole(object, found) : nested(object.name, fields.map { ($0, shown(object, found, $0)) }))
        }
        return [.node("data", rows, [("listtype", object.name), ("count", "\(rows.count)")])]
    }

    /// A record with its contact and its lines inside.
    private func whole(_ object: IntacctObject, _ record: IntacctRecord) -> XMLElement {
        let extra = record.values.keys.filter { $0.contains(".") && object.kinds[$0] == nil && object.kind($0) != nil }.sorted()
        let names = object.fields.map(\.name) + extra
        var out = nested(object.name, names.map { ($0, shown(object, record, $0)) })
        guard let lines = object.lines, let line = IntacctSchema.objects[lines.object] else { return out }
        let rows = self.lines(object.name, of: record.no).map { row in
            var one = nested(lines.object.lowercased(), line.fields.map { ($0.name, shown(line, row, $0.name)) })
            let taxes = records("_TAXENTRY", where: "RECORDKEY", is: "\(row.no)")
            if !taxes.isEmpty {
                let entries: [XMLElement] = taxes.map { tax in
                    .node("taxentry", ["DETAILID", "TRX_TAX", "TAX", "TAXRATE"].map { .leaf($0, tax[$0]) })
                }
                one.children.append(.node("TAXENTRIES", entries))
            }
            return one
        }
        out.children.append(.node(lines.list, rows))
        return out
    }

    /// Names with points become elements within elements.
    private func nested(_ name: String, _ fields: [(String, String)]) -> XMLElement {
        var root = XMLElement.node(name, [])
        for (field, value) in fields {
            Self.set(&root, field.split(separator: "."), value)
        }
        return root
    }

    private static func set(_ element: inout XMLElement, _ path: [Substring], _ value: String) {
        guard let first = path.first else { return }
        guard path.count > 1 else {
            element.children.append(.leaf(String(first), value))
            return
        }
        let place = element.children.firstIndex { $0.name.local == first && !$0.children.isEmpty } ?? element.children.count
        if place == element.children.count { element.children.append(.node(String(first), [])) }
        set(&element.children[place], Array(path.dropFirst()), value)
    }

    // MARK: - What there is

    func inspect(_ call: IntacctCall) throws(IntacctProblem) -> [XMLElement] {
        let asked = call.body.value("object") ?? call.body.value("name") ?? ""
        if asked == "*" {
            let names = IntacctSchema.objects.keys.filter { !$0.hasPrefix("_") }.sorted()
            let types: [XMLElement] = names.map { name in
                var type = XMLElement.leaf("type", IntacctSchema.objects[name]?.label ?? name)
                type.attributes = [XMLAttribute(XMLName("typename"), name)]
                return type
            }
            return [.node("data", types, [("listtype", "All"), ("count", "\(types.count)")])]
        }
        guard !asked.hasPrefix("_"), let object = IntacctSchema.objects[asked.uppercased()] else {
            throw IntacctProblem("Inspect Failed", "Object type \(asked) not found")
        }
        let isDetailed = call.body.attribute("detail") == "1"
        let fields: [XMLElement] = object.fields.map { field in
            guard isDetailed else { return .leaf("Field", field.name) }
            return .node("Field", [
                .leaf("Name", field.name), .leaf("DataType", field.kind.rawValue.lowercased()),
                .leaf("isReadOnly", field.name == "RECORDNO" ? "true" : "false"),
                .leaf("isRequired", object.required.contains(field.name) ? "true" : "false"), .leaf("DisplayLabel", field.name),
            ])
        }
        let type: XMLElement = .node("Type", [.node("Fields", fields)], [("Name", object.name)])
        return [.node("data", [type], [("listtype", "All"), ("count", "1")])]
    }

    func lookup(_ call: IntacctCall) throws(IntacctProblem) -> [XMLElement] {
        let object = try IntacctSchema.object(call.body.value("object") ?? "")
        let fields: [XMLElement] = object.fields.map { field in
            .node("Field", [
                .leaf("ID", field.name), .leaf("LABEL", field.name), .leaf("DESCRIPTION", field.name),
                .leaf("REQUIRED", object.required.contains(field.name) ? "true" : "false"), .leaf("READONLY", field.name == "RECORDNO" ? "true" : "false"),
                .leaf("DATATYPE", field.kind.rawValue), .leaf("ISCUSTOM", field.name == "SHOP_ID" ? "true" : "false"),
            ])
        }
        let type: XMLElement = .node("Type", [.node("Fields", fields), .node("Relationships", [])], [("Name", object.name), ("DocumentType", "")])
        return [.node("data", [type], [("listtype", "All"), ("count", "1")])]
    }

    func getDimensions() -> [XMLElement] {
        let list: [XMLElement] = IntacctSchema.references.map { reference in
            .node("dimension", [
                .leaf("objectName", reference.object), .leaf("objectLabel", reference.label), .leaf("termLabel", reference.label),
                .leaf("userDefinedDimension", "false"), .leaf("enabledInGL", "true"),
            ])
        }
        return [.node("data", [.node("dimensions", list)])]
    }
}
