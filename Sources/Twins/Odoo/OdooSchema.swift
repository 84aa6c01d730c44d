internal import Kernel
internal import Wire

/// A field of a model, as one version of Odoo has it.
struct OdooField: Sendable {
    enum Kind: String, Sendable {
        case char, text, html, integer, float, monetary, boolean, date, datetime, selection, many2one, one2many, many2many, json, binary
    }

    var name: String
    var kind: Kind
    /// The model that a relation leads to.
    var relation: String?
    /// Of a one2many: the many2one that leads back.
    var inverse: String?
    var required = false
    /// Shown as read-only to people; the server writes it all the same, unless it computes it.
    var readonly = false
    /// The keys of a selection.
    var selection: [String] = []

    var isNumber: Bool { [.integer, .float, .monetary].contains(kind) }
    var isText: Bool { [.char, .text, .html, .selection, .date, .datetime].contains(kind) }
    var isList: Bool { kind == .one2many || kind == .many2many }
}

struct OdooModel: Sendable {
    var name: String
    /// What people call it: it stands in error messages.
    var label: String
    /// The order of a search that asks for none.
    var order: String
    var fields: [String: OdooField]
    /// Field names as `fields_get` lists them.
    var names: [String]
}

/// The models of one version, read from `OdooFields`.
///
/// A model begins with `model name "Label" order`. Fields follow, apart by white space: `name:type`, `name>model` (many2one),
/// `name*model/inverse` (one2many), `name#model` (many2many); then `{a|b}` the keys of a selection (`~` for a space), `!` required, `=` read-only, and
/// `@16-`, `@-15`, `@15-17` the versions that have it.
struct OdooSchema: Sendable {
    static let versions = 14...19
    /// What every model has.
    private static let common = """
        id:integer= display_name:char= create_uid>res.users= create_date:datetime= write_uid>res.users= write_date:datetime=
        __last_update:datetime=@-16
        """

    let version: Int
    let models: [String: OdooModel]
    /// Many2one fields by which records are found: the other ends of one2many fields.
    let indexed: [String: [String]]

    private static let all: [Int: OdooSchema] = {
        var out: [Int: OdooSchema] = [:]
        for version in versions { out[version] = OdooSchema(version: version) }
        return out
    }()

    static func of(_ version: Int) -> OdooSchema { all[version] ?? OdooSchema(version: version) }

    init(version: Int) {
        self.version = version
        var models: [String: OdooModel] = [:]
        for block in OdooFields.tables.joined(separator: "\n").split(separator: "\nmodel ") {
            guard let model = Self.model(block, version) else { continue }
            models[model.name] = model
        }
        var indexed: [String: [String]] = [:]
        for model in models.values {
            for field in model.fields.values {
                guard field.kind == .one2many, let relation = field.relation, let inverse = field.inverse else { continue }
                if !(indexed[relation] ?? []).contains(inverse) { indexed[relation, default: []].append(inverse) }
            }
        }
        self.models = models
        self.indexed = indexed
    }

    private static func model(_ block: Substring, _ version: Int) -> OdooModel? {
        guard let end = block.firstIndex(of: "\n") else { return nil }
        let head = block[..<end].split(separator: "\"", omittingEmptySubsequences: false).map(String.init)
        guard head.count == 3 else { return nil }
        let name = head[0].split(separator: " ").map(String.init)
        guard let model = name.first, name.count < 2 || has(name[1].dropFirst(), version) else { return nil }
        var out = OdooModel(name: model, label: head[1], order: head[2].split(separator: " ").joined(separator: " "), fields: [:], names: [])
        for token in (common + "\n" + block[end...]).split(whereSeparator: { $0 == " " || $0 == "\n" }) {
            guard let field = field(token, version) else { continue }
            if out.fields.updateValue(field, forKey: field.name) == nil { out.names.append(field.name) }
        }
        return out
    }

    /// `16-`, `-15`, `15-17`
    private static func has(_ range: Substring, _ version: Int) -> Bool {
        let ends = range.split(separator: "-", omittingEmptySubsequences: false)
        guard ends.count == 2 else { return false }
        return version >= Int(ends[0]) ?? 0 && version <= Int(ends[1]) ?? 99
    }

    private static func field(_ token: Substring, _ version: Int) -> OdooField? {
        let parts = token.split(separator: "@")
        if parts.count > 1, !has(parts[1], version) { return nil }
        var text = parts[0]
        guard let mark = text.firstIndex(where: { ":>*#".contains($0) }) else { return nil }
        var required = false
        var readonly = false
        while let last = text.last, "!=".contains(last) {
            if last == "!" { required = true } else { readonly = true }
            text.removeLast()
        }
        let name = String(text[..<mark])
        let rest = text[text.index(after: mark)...]
        var field: OdooField
        switch text[mark] {
        case ">": field = OdooField(name: name, kind: .many2one, relation: String(rest))
        case "#": field = OdooField(name: name, kind: .many2many, relation: String(rest))
        case "*":
            let ends = rest.split(separator: "/").map(String.init)
            field = OdooField(name: name, kind: .one2many, relation: ends[0], inverse: ends.count > 1 ? ends[1] : nil)
        default:
            let kind = rest.prefix { $0 != "{" }
            field = OdooField(name: name, kind: OdooField.Kind(rawValue: String(kind)) ?? .char)
            if kind.endIndex < rest.endIndex { field.selection = rest[kind.endIndex...].dropFirst().dropLast().split(separator: "|").map { String($0).replacing("~", with: " ") } }
        }
        field.required = required
        field.readonly = readonly
        return field
    }
}
