internal import Kernel
internal import Wire

/// The catalog. Items show their variations within themselves; each variation is also an object of its own.
/// - Source: developer.squareup.com/docs/catalog-api; square/connect-api-specification.
extension SquareState {
    static let catalogTypes: Set<String> = [
        "ITEM", "IMAGE", "CATEGORY", "ITEM_VARIATION", "TAX", "DISCOUNT", "MODIFIER_LIST", "MODIFIER", "PRICING_RULE", "PRODUCT_SET", "TIME_PERIOD",
        "MEASUREMENT_UNIT", "SUBSCRIPTION_PLAN", "ITEM_OPTION", "ITEM_OPTION_VAL", "CUSTOM_ATTRIBUTE_DEFINITION", "QUICK_AMOUNTS_SETTINGS",
        "SUBSCRIPTION_PLAN_VARIATION", "AVAILABILITY_PERIOD",
    ]

    mutating func catalog(_ call: SquareCall) throws(SquareProblem) -> JSON {
        switch (call.method, call.path.dropFirst().joined(separator: "/"), call.path.count) {
        case (.get, "list", _): return try listCatalog(call)
        case (.get, "info", _):
            let limits: [(key: String, value: JSON)] = [
                ("batch_upsert_max_objects_per_batch", 1000), ("batch_upsert_max_total_objects", 10_000), ("batch_retrieve_max_object_ids", 1000),
                ("search_max_page_limit", 1000), ("batch_delete_max_object_ids", 200),
            ]
            return .object([("limits", .object(limits))])
        case (.post, "search", _): return try searchCatalog(call)
        case (.post, "batch-retrieve", _): return try batchRetrieveCatalog(call)
        case (.post, "object", _): return try upsert(call)
        case (.get, _, 3) where call.path[1] == "object":
            guard let own = catalog(call.path[2], call.moment), !own.flag("is_deleted") else { throw Self.noObject(call.path[2]) }
            var o = SquareFields()
            o.set("object", whole(own, call.moment))
            if call.parameter("include_related_objects") == "true" { o.set("related_objects", related([own], call.moment)) }
            return o.json
        case (.delete, _, 3) where call.path[1] == "object": return try removeObject(call)
        default: throw .notFound()
        }
    }

    private static func noObject(_ id: String) -> SquareProblem { .notFound("Catalog object with ID `\(id)` not found.", "object_id") }

    /// The object as it is now, or as the merchant began.
    func catalog(_ id: String, _ m: SquareMoment) -> JSON? {
        if let row = find(.catalog, id, m) { return row.shown }
        return merchant(m).catalog.first { $0.text("id") == id }
    }

    /// Every object, deleted ones too, in the order of its making.
    private func allObjects(_ m: SquareMoment) -> [SquareRow] {
        let begun = merchant(m).catalog.enumerated().map { place, object -> SquareRow in
            let id = object.text("id") ?? ""
            let made = Timestamp(seconds: 1_767_900_000 + Int64(place))
            return SquareRow(id: id, merchant: m.merchant, kind: .catalog, created: made, shown: rows[id]?.shown ?? object)
        }
        let known = Set(begun.map(\.id))
        return begun + rows.all(.catalog, of: m.merchant).filter { !known.contains($0.id) }
    }

    /// An item with its variations.
    private func whole(_ object: JSON, _ m: SquareMoment) -> JSON {
        guard object.text("type") == "ITEM", let id = object.text("id"), let own = object["item_data"] else { return object }
        let variations = allObjects(m).map(\.shown).filter { $0["item_variation_data"]?.text("item_id") == id && !$0.flag("is_deleted") }
        return object.setting("item_data", own.setting("variations", .array(variations)))
    }

    private func listCatalog(_ call: SquareCall) throws(SquareProblem) -> JSON {
        let m = call.moment
        let types = call.parameter("types")?.split(separator: ",").map { $0.uppercased() }
        for type in types ?? [] where !Self.catalogTypes.contains(type) { throw .choice(type, "types") }
        let found = allObjects(m).filter { row in !row.shown.flag("is_deleted") && types?.contains(row.shown.text("type") ?? "") ?? true }
        return try page("objects", call, found.map { SquareSorted(time: $0.created, row: $0) }, ascending: true, limit: 100, cursor: call.cursor) {
            whole($0.shown, m)
        }
    }

    private func batchRetrieveCatalog(_ call: SquareCall) throws(SquareProblem) -> JSON {
        guard let ids = try call.body.texts("object_ids", most: 1000) else { throw .missing("object_ids") }
        let deleted = try call.body.flag("include_deleted_objects") ?? false
        let found = ids.compactMap { catalog($0, call.moment) }.filter { deleted || !$0.flag("is_deleted") }
        var o = SquareFields()
        if !found.isEmpty { o.set("objects", .array(found.map { whole($0, call.moment) })) }
        if try call.body.flag("include_related_objects") ?? false { o.set("related_objects", related(found, call.moment)) }
        return o.json
    }

    /// Items of variations, and the categories and taxes of items.
    private func related(_ objects: [JSON], _ m: SquareMoment) -> JSON? {
        var ids: [String] = []
        for object in objects {
            let own = object["item_data"] ?? JSON.object([])
            ids += own.list("tax_ids").compactMap(\.string) + own.list("categories").compactMap { $0.text("id") }
            if let item = object["item_variation_data"]?.text("item_id") { ids.append(item) }
        }
        var seen = Set(objects.compactMap { $0.text("id") })
        let found = ids.filter { seen.insert($0).inserted }.compactMap { catalog($0, m) }.map { whole($0, m) }
        guard !found.isEmpty else { return nil }
        return .array(found)
    }

    // MARK: Search

    private func searchCatalog(_ call: SquareCall) throws(SquareProblem) -> JSON {
        let m = call.moment, body = call.body
        let types = try body.texts("object_types")
        for type in types ?? [] where !Self.catalogTypes.contains(type) { throw .choice(type, "object_types") }
        let deleted = try body.flag("include_deleted_objects") ?? false
        let begin = try body.time("begin_time")
        let limit = try body.int("limit") ?? 100
        guard limit >= 1 else { throw .invalid("VALUE_TOO_LOW", "`limit` must be greater than or equal to 1.", "limit") }
        guard limit <= 1000 else { throw .invalid("VALUE_TOO_HIGH", "`limit` must be less than or equal to 1000.", "limit") }
        let matches = try Self.query(try body.object("query"))
        let found = allObjects(m).filter { row in
            guard deleted || !row.shown.flag("is_deleted"), types?.contains(row.shown.text("type") ?? "") ?? true, matches(row.shown) else { return false }
            return begin.map { row.time("updated_at") > $0 } ?? true
        }
        var out = try page(
            "objects", call, found.map { SquareSorted(time: $0.created, row: $0) }, ascending: true, limit: Int(limit), cursor: try body.text("cursor")
        ) { whole($0.shown, m) }
        if try body.flag("include_related_objects") ?? false, let more = related(out.list("objects"), m) { out = out.setting("related_objects", more) }
        let latest = found.map { $0.shown.text("updated_at") ?? "" }.max()
        return latest.map { out.setting("latest_time", .string($0)) } ?? out
    }

    /// `exact_query`, `prefix_query`, `set_query`, `text_query`, `items_for_tax_query` and `range_query` over attributes.
    private static func query(_ body: SquareBody?) throws(SquareProblem) -> (JSON) -> Bool {
        guard let body else { return { _ in true } }
        func attribute(_ object: JSON, _ name: String) -> String? {
            let own = object.object?.first { $0.key.hasSuffix("_data") }?.value
            return own?[name].flatMap { $0.string ?? $0["amount"]?.int.map(String.init) }
        }
        if let exact = try body.object("exact_query") {
            let name = try exact.need("attribute_name"), value = try exact.need("attribute_value").lowercased()
            return { attribute($0, name)?.lowercased() == value }
        }
        if let prefix = try body.object("prefix_query") {
            let name = try prefix.need("attribute_name"), value = try prefix.need("attribute_prefix").lowercased()
            return { attribute($0, name)?.lowercased().hasPrefix(value) ?? false }
        }
        if let set = try body.object("set_query") {
            let name = try set.need("attribute_name"), values = try set.texts("attribute_values", most: 250) ?? []
            return { attribute($0, name).map(values.contains) ?? false }
        }
        if let text = try body.object("text_query") {
            let words = try text.texts("keywords", most: 3) ?? []
            return { object in
                let all = ["name", "description", "abbreviation", "sku"].compactMap { attribute(object, $0)?.lowercased() }.joined(separator: " ")
                return words.allSatisfy { all.contains($0.lowercased()) }
            }
        }
        if let items = try body.object("items_for_tax_query") {
            let ids = try items.texts("tax_ids") ?? []
            return { object in object["item_data"]?.list("tax_ids").contains { ids.contains($0.string ?? "") } ?? false }
        }
        throw .bad("A query of that kind is not known here.", body.path)
    }

    // MARK: Changes

    private mutating func upsert(_ call: SquareCall) throws(SquareProblem) -> JSON {
        let m = call.moment
        let body = try call.body.needObject("object")
        guard let type = try body.choice("type", of: Self.catalogTypes) else { throw .missing("object.type") }
        let member = type.lowercased() + "_data"
        let own = try body.needObject(member)
        var mapping: [JSON] = []
        let id = try identify(body, type, &mapping, m)
        for (n, nested) in try own.bodies("variations", most: 250).enumerated() {
            let inner = try nested.needObject("item_variation_data")
            var changed = inner.json.setting([("item_id", .string(id)), ("ordinal", .minor(Int64(n)))])
            if changed.text("pricing_type") == nil {
                changed = changed.setting("pricing_type", inner.has("price_money") ? "FIXED_PRICING" : "VARIABLE_PRICING")
            }
            let other = try identify(nested, "ITEM_VARIATION", &mapping, m)
            keepObject(other, "ITEM_VARIATION", "item_variation_data", changed, m)
        }
        keepObject(id, type, member, own.json.without("variations"), m)
        emitCatalog(m)
        var o = SquareFields()
        o.set("catalog_object", catalog(id, m).map { whole($0, m) })
        if !mapping.isEmpty { o.set("id_mappings", .array(mapping)) }
        return o.json
    }

    /// A new id for one that begins with `#`; the version of one that is there must be the last.
    private func identify(_ body: SquareBody, _ type: String, _ mapping: inout [JSON], _ m: SquareMoment) throws(SquareProblem) -> String {
        let id = try body.need("id")
        guard !id.hasPrefix("#") else {
            let made = m.capitals()
            mapping.append(.object([("client_object_id", .string(id)), ("object_id", .string(made))]))
            return made
        }
        guard let old = catalog(id, m), old.text("type") == type else { throw Self.noObject(id) }
        guard try body.int("version") == old.minor("version") else {
            throw .invalid("CONFLICT", "Object version does not match latest database version.", body.at("version"))
        }
        return id
    }

    private mutating func keepObject(_ id: String, _ type: String, _ member: String, _ value: JSON, _ m: SquareMoment) {
        var o = SquareFields()
        o.text("type", type)
        o.text("id", id)
        o.text("updated_at", m.text)
        o.int("version", SquareTime.version(m.at))
        o.flag("is_deleted", false)
        o.flag("present_at_all_locations", true)
        o.set(member, value)
        if rows[id] != nil { change(id, o.members.map { ($0.key, $0.value) }) } else { insert(.catalog, id, o.json, m) }
    }

    private mutating func removeObject(_ call: SquareCall) throws(SquareProblem) -> JSON {
        let m = call.moment, id = call.path[2]
        guard let own = catalog(id, m), !own.flag("is_deleted") else { throw Self.noObject(id) }
        let nested = allObjects(m).map(\.shown).filter { $0["item_variation_data"]?.text("item_id") == id && !$0.flag("is_deleted") }
        for object in [own] + nested {
            let dead = object.setting([("is_deleted", true), ("updated_at", .string(m.text)), ("version", .minor(SquareTime.version(m.at)))])
            let its = object.text("id") ?? ""
            let members: [(String, JSON)] = (dead.object ?? []).map { ($0.key, $0.value) }
            if rows[its] != nil { change(its, members) } else { insert(.catalog, its, dead, m) }
        }
        emitCatalog(m)
        let all: [JSON] = [own] + nested
        let ids = all.map { $0["id"] ?? JSON.null }
        return .object([("deleted_object_ids", .array(ids)), ("deleted_at", .string(m.text))])
    }
}
