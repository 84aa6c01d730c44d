internal import Kernel
internal import Wire

/// Records as they are answered.
extension B1Company {
    private static let lineFields = ["DocumentLine": "INV1", "JournalEntryLine": "JDT1"]

    /// User fields by table: a name without its `U_`, with what it holds.
    func userFields() -> [String: [B1Property]] {
        var out: [String: [B1Property]] = [:]
        for field in all("UserFieldsMD") where (field.int("_SINCE") ?? 0) <= Int(since.seconds) {
            let kind: B1Kind =
                switch field.text("Type") {
                case "db_Numeric": .int
                case "db_Float": .double
                case "db_Date": .date
                case "db_Memo": .text(0)
                default: .text(field.int("Size") ?? 10)
                }
            out[field.text("TableName"), default: []].append(B1Property(name: "U_" + field.text("Name"), kind: kind))
        }
        return out
    }

    /// The user fields of a complex type, or of an entity set's.
    func userFields(_ set: B1Set?, _ type: B1Type) -> [B1Property] {
        let table = Self.lineFields[type.name] ?? (set?.type.name == type.name ? set?.fieldTable : nil)
        return table.flatMap { userFields()[$0] } ?? []
    }

    /// A value in a version's words: numbers have a point, days of version 4 a time.
    private func shown(_ kind: B1Kind, _ value: JSON?, _ version: B1Version) -> JSON {
        guard let value, !value.isNull else {
            if case .list = kind { return .array([]) }
            return .null
        }
        switch kind {
        case .double:
            guard let decimal = value.decimal?.shortest else { return .null }
            return .number(decimal.scale == 0 ? "\(decimal).0" : decimal.description)
        case .date: return version == .four ? .string((value.string ?? "") + "T00:00:00Z") : value
        case .list(let name):
            let type = B1Schema.type(name)
            let extra = userFields(nil, type)
            return .array((value.array ?? []).map { row in object(type.properties + extra, B1Row(row).values, version) })
        default: return value
        }
    }

    private func object(_ properties: [B1Property], _ values: [String: JSON], _ version: B1Version) -> JSON {
        .object(properties.map { (key: $0.name, value: shown($0.kind, values[$0.name], version)) })
    }

    /// A record without annotations; all of it, or what was selected.
    func body(_ set: B1Set, _ record: B1Record, _ version: B1Version, select: [String]? = nil) -> [(key: String, value: JSON)] {
        let known = set.type.properties + userFields(set, set.type)
        guard let select else { return object(known, record.values, version).object ?? [] }
        return select.compactMap { name in
            known.first { $0.name == name }.map { (key: name, value: shown($0.kind, record.values[name], version)) }
        }
    }

    /// One entity with its annotations.
    func entity(_ status: Int, _ set: B1Set, _ record: B1Record, _ call: B1Call, select: [String]? = nil) -> HTTPResponse {
        let suffix = call.version == .four ? "$entity" : "@Element"
        var members: [(key: String, value: JSON)] = [(call.version == .four ? "@odata.context" : "odata.metadata", .string("\(call.root)$metadata#\(set.name)/\(suffix)"))]
        if set.hasVersion { members.append((call.version.mark + "etag", .string(Self.etag(record)))) }
        var answer = B1Answer.json(status, .object(members + body(set, record, call.version, select: select)), call.version)
        if set.hasVersion { answer.fields["ETag"] = Self.etag(record) }
        return answer
    }

    func read(_ name: String, _ key: String, _ call: B1Call) throws(B1Problem) -> HTTPResponse {
        guard let set = B1Schema.sets[name], let record = record(name, key) else { throw .missing }
        return entity(200, set, record, call, select: try selected(set, call))
    }

    /// The properties that `$select` names; `nil` for all.
    func selected(_ set: B1Set, _ call: B1Call) throws(B1Problem) -> [String]? {
        if call.option("$expand") != nil { throw B1Problem(-1000, "$expand is not served here") }
        guard let text = call.option("$select"), text != "*", !text.isEmpty else { return nil }
        let names = text.split(separator: ",").map { $0.filter { !$0.isWhitespace } }
        let extra = userFields(set, set.type)
        for name in names where set.type.property(name) == nil && !extra.contains(where: { $0.name == name }) { throw .property(name, set.type.name) }
        return names
    }

    /// One property: `Orders(1)/DocEntry`.
    /// - Source: the guide, "Retrieving Individual Properties".
    func property(_ name: String, _ key: String, _ member: String, _ call: B1Call) throws(B1Problem) -> HTTPResponse {
        guard let set = B1Schema.sets[name] else { throw .path }
        guard let found = set.type.property(member) ?? userFields(set, set.type).first(where: { $0.name == member }) else { throw .property(member, set.type.name) }
        guard let record = record(name, key) else { throw .missing }
        let context = JSON.string("\(call.root)$metadata#\(name)(\(key))/\(member)")
        let value = shown(found.kind, record.values[member], call.version)
        return B1Answer.json(200, .object([(call.version == .four ? "@odata.context" : "odata.metadata", context), ("value", value)]), call.version)
    }

    // MARK: - Collections

    private func found(_ set: B1Set, _ call: B1Call) throws(B1Problem) -> [B1Record] {
        if call.option("$apply") != nil { throw B1Problem(-1000, "$apply is not served here") }
        var rows = all(set.name)
        let properties = set.type.properties + userFields(set, set.type)
        if let text = call.option("$filter"), !text.isEmpty {
            let filter = try B1FilterReader.read(text, properties, set.type.name)
            let isBlind = call.header("B1S-CaseInsensitive")
            rows = rows.filter { filter.holds($0, isBlind: isBlind) }
        }
        if let text = call.option("$orderby"), !text.isEmpty { rows = try B1Order.sorted(rows, by: text, properties, set.type.name) }
        return rows
    }

    func count(_ name: String, _ call: B1Call) throws(B1Problem) -> HTTPResponse {
        guard let set = B1Schema.sets[name] else { throw .path }
        var answer = HTTPResponse.text(200, "\(try found(set, call).count)")
        answer.fields[call.version.header.name] = call.version.header.value
        return answer
    }

    func list(_ name: String, _ call: B1Call, _ limits: SapBusinessOneLimits) throws(B1Problem) -> HTTPResponse {
        guard let set = B1Schema.sets[name] else { throw .path }
        let rows = try found(set, call)
        let select = try selected(set, call)
        let (skip, top) = (try number("$skip", call) ?? 0, try number("$top", call))
        let preferred = call.preference("odata.maxpagesize").flatMap { Int($0) }
        let page = max(0, preferred ?? call.fields["B1S-PageSize"].flatMap { Int($0) } ?? limits.pageSize)
        let wanted = min(top ?? .max, max(0, rows.count - min(skip, rows.count)))
        let given = page == 0 ? wanted : min(wanted, page)
        let mark = call.version.mark
        var members: [(key: String, value: JSON)] = [(call.version == .four ? "@odata.context" : "odata.metadata", .string("\(call.root)$metadata#\(name)"))]
        if call.version == .four, call.option("$count") == "true" { members.append(("@odata.count", .int(rows.count))) }
        if let inline = call.option("$inlinecount"), call.version == .three {
            guard ["allpages", "none"].contains(inline) else { throw .query("invalid $inlinecount") }
            // A text, as the guide has it.
            if inline == "allpages" { members.append(("odata.count", .string("\(rows.count)"))) }
        }
        let shown: [JSON] = rows.dropFirst(skip).prefix(given).map { record in
            let etag: [(key: String, value: JSON)] = set.hasVersion ? [(key: mark + "etag", value: .string(Self.etag(record)))] : []
            return .object(etag + body(set, record, call.version, select: select))
        }
        members.append(("value", .array(shown)))
        if given < wanted { members.append((mark + "nextLink", .string(next(name, call, skip: skip + given, top: top.map { $0 - given })))) }
        var answer = B1Answer.json(200, .object(members), call.version)
        if let preferred { answer.fields["Preference-Applied"] = "odata.maxpagesize=\(preferred)" }
        return answer
    }

    private func number(_ name: String, _ call: B1Call) throws(B1Problem) -> Int? {
        guard let text = call.option(name) else { return nil }
        guard let value = Int(text), (0...1_000_000_000).contains(value) else { throw .query("invalid \(name)") }
        return value
    }

    /// The next page, relative to the service's root.
    private func next(_ name: String, _ call: B1Call, skip: Int, top: Int?) -> String {
        var options = call.query.filter { !["$skip", "$top"].contains($0.name) }
        if let top { options.append(("$top", "\(top)")) }
        options.append(("$skip", "\(skip)"))
        return "\(name)?" + options.map { "\($0.name)=\(Form.percent($0.value))" }.joined(separator: "&")
    }
}
