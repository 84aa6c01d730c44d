internal import Kernel
internal import Wire

/// `load`: rows of texts with external ids, made or changed.
extension OdooDatabase {
    func external(_ name: String) -> OdooRecord? {
        let parts = name.split(separator: ".", maxSplits: 1).map(String.init)
        guard parts.count == 2 else { return nil }
        return all("ir.model.data").first { $0.text("module") == parts[0] && $0.text("name") == parts[1] }
    }

    mutating func load(_ call: OdooCall) throws(OdooProblem) -> JSON {
        let fields = (call.arguments["fields"]?.array ?? []).compactMap(\.string)
        let rows = (call.arguments["data"]?.array ?? []).map { $0.array ?? [] }
        let start = mark
        var ids: [Int] = []
        var messages: [JSON] = []
        for (n, row) in rows.enumerated() {
            do throws(OdooProblem) {
                ids.append(try load(call.model, fields, row))
            } catch {
                let place: JSON = .object([("from", .int(n)), ("to", .int(n))])
                messages.append(.object([("type", "error"), ("message", .string(error.message)), ("record", .int(n)), ("rows", place)]))
            }
        }
        guard messages.isEmpty else {
            rollback(to: start)
            return .object([("ids", false), ("messages", .array(messages)), ("nextrow", 0)])
        }
        return .object([("ids", .ids(ids)), ("messages", .array([])), ("nextrow", 0)])
    }

    private mutating func load(_ model: String, _ fields: [String], _ row: [JSON]) throws(OdooProblem) -> Int {
        guard let schema = schema.models[model] else { throw .value("Invalid model \(model)") }
        var vals: [(key: String, value: JSON)] = []
        var name: String?
        var id: Int?
        for (path, cell) in zip(fields, row) {
            let text = cell.string ?? (cell.isUnset ? "" : cell.text)
            if path == "id" {
                name = text.isEmpty ? nil : text.contains(".") ? text : "__import__.\(text)"
                if let name, name.split(separator: ".", maxSplits: 1).count != 2 { throw .value("The external ID '\(text)' has no name in it") }
                continue
            }
            if path == ".id" {
                id = Int(text)
                continue
            }
            let parts = path.split(separator: "/").map(String.init)
            guard let first = parts.first, let field = schema.fields[first] else { throw .value("Invalid field '\(path)' on model '\(model)'") }
            vals.append((first, try cellValue(field, parts.count > 1 ? parts[1] : nil, cell, text)))
        }
        let known = name.flatMap { external($0) }
        if let known { id = known["model"] == .string(model) && record(model, known.int("res_id")) != nil ? known.int("res_id") : nil }
        if let id {
            try write(model, [id], .object(vals))
            return id
        }
        let made = try create(model, .object(vals))
        guard let name else { return made }
        if let known { delete("ir.model.data", known.id) }
        let parts = name.split(separator: ".", maxSplits: 1).map { JSON.string(String($0)) }
        insert("ir.model.data", ["module": parts[0], "name": parts.count > 1 ? parts[1] : "", "model": .string(model), "res_id": .int(made)])
        return made
    }

    private func cellValue(_ field: OdooField, _ way: String?, _ cell: JSON, _ text: String) throws(OdooProblem) -> JSON {
        if text.isEmpty { return .bool(false) }
        switch field.kind {
        case .boolean: return .bool(["1", "true", "yes", "t"].contains(text.lowercased()))
        case .integer, .float, .monetary: return .number(text)
        case .many2one: return .int(try found(field, way, text))
        case .many2many:
            var ids: [Int] = []
            for part in text.split(separator: ",") { ids.append(try found(field, way, String(part))) }
            return .array([.array([6, 0, .ids(ids)])])
        default: return cell.string == nil ? .string(text) : cell
        }
    }

    /// A record by its external id (`id`), its own (`.id`) or its name.
    private func found(_ field: OdooField, _ way: String?, _ text: String) throws(OdooProblem) -> Int {
        let relation = field.relation ?? ""
        switch way {
        case "id": if let found = external(text)?.int("res_id") { return found }
        case ".id": if let id = Int(text), record(relation, id) != nil { return id }
        default:
            let same = all(relation).first { displayName(relation, $0) == text || $0.text("name") == text || $0.text("code") == text }
            if let same { return same.id }
        }
        let words = way == "id" ? "external id" : way == ".id" ? "database id" : "name"
        throw .value("No matching record found for \(words) '\(text)' in field '\(OdooModel.label(of: field))'")
    }
}
