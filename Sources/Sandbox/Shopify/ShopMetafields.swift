internal import Crypto
internal import Kernel
internal import Wire

/// A field that an app put beside an order.
struct ShopMetafield: Sendable, Equatable {
    var id: Int64
    var namespace: String
    var key: String
    var type: String
    var value: String
    var createdAt: Timestamp
    var updatedAt: Timestamp

    /// `Metafield.compareDigest`: whoever knows it knows the value.
    var digest: String { Digest.sha256(Array("\(id)/\(value)".utf8)).hexText }

    func node(_ graph: ShopGraph) -> GraphNode {
        GraphNode(type: "Metafield") { name in
            switch name {
            case "id": graph.gid("Metafield", id)
            case "legacyResourceId": graph.text(String(id))
            case "namespace": graph.text(namespace)
            case "key": graph.text(key)
            case "type": graph.text(type)
            case "value": graph.text(value)
            case "compareDigest": graph.text(digest)
            case "createdAt": graph.time(createdAt)
            case "updatedAt": graph.time(updatedAt)
            case "ownerType": graph.text("ORDER")
            default: nil
            }
        }
    }
}

extension ShopifyTwin.State {
    /// A record of the journal: of tokens, of goods that left, or a metafield that was set.
    mutating func replay(_ record: JSON) {
        let shop = record["shop"]?.string ?? ""
        if let event = ShopEvent(record) {
            stores[shop]?.remember(event)
            return
        }
        guard record["t"] == "metafield" else {
            tokens[shop]?.replay(record)
            return
        }
        guard let order = record["order"]?.string.flatMap({ Int64($0) }), let id = record["id"]?.string.flatMap({ Int64($0) }),
            let at = record["at"]?.string.flatMap({ Timestamp(rfc3339: $0) })
        else { return }
        var all = metafields[shop]?[order] ?? []
        var field = all.first { $0.id == id }
            ?? ShopMetafield(
                id: id, namespace: record["namespace"]?.string ?? "", key: record["key"]?.string ?? "", type: "", value: "", createdAt: at, updatedAt: at)
        field.type = record["type"]?.string ?? ""
        field.value = record["value"]?.string ?? ""
        field.updatedAt = at
        all.removeAll { $0.id == id }
        metafields[shop, default: [:]][order] = all + [field]
        stores[shop]?.touch(order, at: at)
    }

    func metafield(_ shop: String, _ order: Int64, _ namespace: String, _ key: String) -> ShopMetafield? {
        metafields[shop]?[order]?.first { $0.namespace == namespace && $0.key == key }
    }
}

/// One element of `metafieldsSet`, and what is wrong with it.
private struct MetafieldInput {
    var order: Int64
    var namespace: String
    var key: String
    var type: String
    var value: String
    /// `nil`: not given; `.null`: nothing may be there.
    var digest: JSON?

    /// The field's name, the code and the words of the vendor.
    struct Wrong { var field: String, code: String, message: String }
}

extension ShopifyTwin {
    /// Most of one call.
    private static let metafieldsAtOnce = 25

    /// The order with the field of its metafields, which are looked up as they are then.
    func withMetafields(_ node: GraphNode, of order: Int64, shop: Shop) -> GraphNode {
        var node = node
        let plain = node.field
        node.asked = { [self] name, arguments in
            guard name == "metafield" else { return plain(name) }
            let namespace = arguments["namespace"]?.string ?? Self.appNamespace, key = arguments["key"]?.string ?? ""
            return .node(state.with { $0.metafield(shop.name, order, namespace, key) }?.node(ShopGraph(shop: shop)))
        }
        return node
    }

    /// Where what names no namespace goes.
    private static let appNamespace = "app--580111"

    /// `metafieldsSet`: all of them or none, each only over what its `compareDigest` names.
    /// - Source: GraphQL Admin API schema 2025-01: `metafieldsSet`, `MetafieldsSetInput`, `MetafieldsSetUserErrorCode`.
    func setMetafields(_ arguments: GraphQLExecutor.Arguments, shop: Shop, at now: Timestamp) -> GraphValue {
        // What is compared and what is set may not be parted by another's.
        metafieldTurn.with { _ in setInTurn(arguments, shop: shop, at: now) }
    }

    private func setInTurn(_ arguments: GraphQLExecutor.Arguments, shop: Shop, at now: Timestamp) -> GraphValue {
        let graph = ShopGraph(shop: shop), given = arguments["metafields"]?.array ?? []
        var errors: [(index: Int, wrong: MetafieldInput.Wrong)] = [], inputs: [MetafieldInput] = []
        if given.count > Self.metafieldsAtOnce {
            errors.append((0, .init(field: "metafields", code: "LESS_THAN_OR_EQUAL_TO", message: "Exceeded the maximum metafields input limit of 25.")))
        }
        for (index, json) in given.prefix(Self.metafieldsAtOnce).enumerated() {
            switch input(json, shop) {
            case .success(let input): inputs.append(input)
            case .failure(let refusal): errors.append((index, refusal.wrong))
            }
        }
        var set: [ShopMetafield] = []
        if errors.isEmpty {
            for input in inputs {
                guard let field = keep(input, shop, at: now) else {
                    errors.append((0, .init(field: "metafields", code: "INTERNAL_ERROR", message: "An internal error occurred.")))
                    break
                }
                set.append(field)
            }
        }
        let wrong = errors.map { error in
            GraphNode(type: "MetafieldsSetUserError") { name in
                switch name {
                case "code": graph.text(error.wrong.code)
                case "message": graph.text(error.wrong.message)
                case "elementIndex": .scalar(.null)
                case "field": .scalar(.array([.string("metafields"), .string(String(error.index)), .string(error.wrong.field)]))
                default: nil
                }
            }
        }
        let fields = wrong.isEmpty ? set.map { $0.node(graph) } : []
        return .node(GraphNode(type: "MetafieldsSetPayload") { $0 == "metafields" ? .list(fields) : .list(wrong) })
    }

    private struct Refused: Error { var wrong: MetafieldInput.Wrong }

    private func input(_ json: JSON, _ shop: Shop) -> Result<MetafieldInput, Refused> {
        func no(_ field: String, _ code: String, _ message: String) -> Result<MetafieldInput, Refused> {
            .failure(Refused(wrong: .init(field: field, code: code, message: message)))
        }
        guard let owner = json["ownerId"]?.string, owner.hasPrefix("gid://shopify/Order/"), let id = owner.split(separator: "/").last.flatMap({ Int64($0) }),
            order(id, of: shop.name) != nil
        else { return no("ownerId", "INVALID_VALUE", "Owner does not exist.") }
        let namespace = json["namespace"]?.string ?? Self.appNamespace, key = json["key"]?.string ?? "", value = json["value"]?.string ?? ""
        let letters = Set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")
        guard (3 ... 255).contains(namespace.count), namespace.allSatisfy(letters.contains) else { return no("namespace", "TOO_SHORT", "Namespace is too short (minimum is 3 characters).") }
        guard (2 ... 64).contains(key.count), key.allSatisfy(letters.contains) else { return no("key", "TOO_SHORT", "Key is too short (minimum is 2 characters).") }
        guard let type = json["type"]?.string, ["single_line_text_field", "multi_line_text_field", "json"].contains(type) else {
            return no("type", "INVALID_TYPE", "Type must be one of the supported types.")
        }
        guard !value.isEmpty else { return no("value", "BLANK", "Value can't be blank.") }
        guard type != "single_line_text_field" || !value.contains(where: \.isNewline) else {
            return no("value", "INVALID_VALUE", "Value must be a single line text string.")
        }
        let there = state.with { $0.metafield(shop.name, id, namespace, key) }, digest = json["compareDigest"]
        if let digest {
            guard digest.isNull ? there == nil : digest.string == there?.digest else {
                return no("compareDigest", "STALE_OBJECT", "The resource has been updated since it was loaded. Try again with an updated `compareDigest` value.")
            }
        }
        return .success(MetafieldInput(order: id, namespace: namespace, key: key, type: type, value: value, digest: digest))
    }

    /// Journals it, then it is so; `nil` when the disk refuses.
    private func keep(_ input: MetafieldInput, _ shop: Shop, at now: Timestamp) -> ShopMetafield? {
        let id = state.with { state in
            state.metafield(shop.name, input.order, input.namespace, input.key)?.id
                ?? 32_000_000_000_000 + Int64((state.metafields[shop.name] ?? [:]).values.reduce(0) { $0 + $1.count }) + 1
        }
        let record: JSON = .object([
            ("t", "metafield"), ("shop", .string(shop.name)), ("order", .string(String(input.order))), ("id", .string(String(id))),
            ("namespace", .string(input.namespace)), ("key", .string(input.key)), ("type", .string(input.type)), ("value", .string(input.value)),
            ("at", .string(now.description)),
        ])
        guard keep(record, of: shop) else { return nil }
        return state.with { $0.metafield(shop.name, input.order, input.namespace, input.key) }
    }
}
