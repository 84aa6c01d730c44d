internal import Kernel
internal import TwinKit
internal import Wire

/// Loop Returns, API v1: amounts are decimals in quotes, each element of `line_items` is one unit.
/// - Source: docs.loopreturns.com: API reference, Return webhook, Errors, Rate limits.
struct LoopFace: ReturnsFace {
    static let perMinute = 300
    static let pageMost = 500
    static let spanMost = Duration.seconds(120 * 86_400)
    static let triggers = [
        "return.created", "return.updated", "return.closed", "label.created", "label.updated", "restock.requested", "label.request.issued",
        "label.request.cancelled", "giftcard.requested", "shipment.processed",
    ]

    let keyField = "X-Authorization"
    let signatureField = "X-Loop-Signature"

    // MARK: Requests

    func respond(_ request: HTTPRequest, _ memory: inout ReturnsMemory, at now: Timestamp) -> HTTPResponse {
        guard let store = store(request) else { return problem(401, "Unauthorized.") }
        guard memory.meter.admits(request.fields[keyField] ?? "", at: now.seconds / 60, most: Self.perMinute) else { return problem(429, "Too Many Attempts.") }
        guard store.mayRead else { return problem(403, "This action is unauthorized.") }
        switch (request.method, request.path) {
        case (.get, "/api/v1/warehouse/return/list"): return list(request, memory, store.name)
        case (.get, "/api/v1/warehouse/return/details"): return details(request, memory, store.name)
        case (.get, "/api/v1/webhooks"): return .json(200, ["webhooks": .array(memory.rows.all(on: ReturnsRow.shelf(store.name, .hook)).map(shown))])
        case (.post, "/api/v1/webhooks"): return subscribe(request, &memory, store.name)
        default: return notes(request, &memory, store.name, now) ?? problem(404, "Not Found.")
        }
    }

    /// What the store's staff writes beside a return. Whether a note makes Loop send `return.updated` and moves `updated_at` is not documented; here it
    /// does, which is harder on whoever writes them.
    private func notes(_ request: HTTPRequest, _ memory: inout ReturnsMemory, _ store: String, _ now: Timestamp) -> HTTPResponse? {
        let path = request.path.split(separator: "/").map(String.init)
        guard path.count == 6, Array(path.prefix(4)) == ["api", "v1", "warehouse", "return"] else { return nil }
        switch (request.method, path[5]) {
        case (.get, "notes"):
            let found = memory.notes(of: path[4], in: store)
            return found.isEmpty ? HTTPResponse.json(422, "false") : .json(200, ["notes": .array(found.map(shownNote))])
        case (.post, "note"):
            guard memory[store, path[4]] != nil else { return problem(404, "Return not found.") }
            do throws(Fault) {
                let content = try JSON(parsing: request.body).text("content") ?? ""
                guard (1 ..< Self.noteCharacters).contains(content.count) else { return Self.badNote }
                try memory.note(content, on: path[4], in: store, at: now)
                return .json(200, "true")
            } catch { return Self.badNote }
        default: return nil
        }
    }

    static let noteCharacters = 255
    private static let badNote = HTTPResponse.json(422, ["errors": ["message": "Content is required and must be less than 255 characters."]])

    private func shownNote(_ note: ReturnsRow) -> JSON {
        ["id": .number(note.id), "content": .optional(note.content.text("content")), "created_at": .when(note.content["created"]?.int)]
    }

    /// Rows by `created_at` unless `filter` says otherwise, oldest first; with `paginate` in pages.
    private func list(_ request: HTTPRequest, _ memory: ReturnsMemory, _ store: String) -> HTTPResponse {
        var wrong: [(key: String, value: JSON)] = []
        func refuse(_ field: String, _ why: String) { wrong.append((field, .array([.string(why)]))) }
        func time(_ field: String) -> Timestamp? {
            guard let text = request.query(field) else { return nil }
            if let at = Timestamp(rfc3339: text) { return at }
            refuse(field, "The \(field) is not a valid date.")
            return nil
        }
        let (from, to) = (time("from"), time("to"))
        if let from, let to, to < from { refuse("to", "The to must be a date after or equal to from.") }
        if let from, let to, to - from > Self.spanMost { refuse("from", "The date range may not be greater than 120 days.") }
        let filter = request.query("filter") ?? "created_at"
        if !["created_at", "updated_at"].contains(filter) { refuse("filter", "The selected filter is invalid.") }
        let state = request.query("state")
        if let state, GoodsBack.State(rawValue: state) == nil { refuse("state", "The selected state is invalid.") }
        let size = request.query("pageSize").map { Int($0) ?? 0 } ?? 100, page = request.query("page").map { Int($0) ?? 0 } ?? 1
        if !(1 ... Self.pageMost).contains(size) { refuse("pageSize", "The page size must be between 1 and \(Self.pageMost).") }
        if page < 1 { refuse("page", "The page must be at least 1.") }
        guard wrong.isEmpty else { return .json(422, .object([("message", "The given data was invalid."), ("errors", .object(wrong))])) }

        func moment(_ back: GoodsBack) -> Int { filter == "updated_at" ? back.changed : back.created }
        let found = memory.returns(of: store).filter { back in
            let at = Timestamp(seconds: Int64(moment(back)))
            return from.map { at >= $0 } ?? true && to.map { at <= $0 } ?? true && (state == nil || back.state.rawValue == state)
        }.sorted { (moment($0), $0.id) < (moment($1), $1.id) }
        guard request.query("paginate") == "true" else { return .json(200, .array(found.map(shown))) }
        let first = min((page - 1) * size, found.count), rows = found[first ..< min(first + size, found.count)]
        let hasMore = first + size < found.count
        return .json(
            200,
            [
                "returns": .array(rows.map(shown)), "nextPageUrl": hasMore ? .string(address(request, page + 1)) : .null,
                "previousPageUrl": page > 1 ? .string(address(request, page - 1)) : .null,
            ])
    }

    private func address(_ request: HTTPRequest, _ page: Int) -> String {
        let rest = Form.decode(String(request.target.drop { $0 != "?" }.dropFirst())).filter { $0.name != "page" }
        let query = Form.encode(rest.map { ($0.name, $0.value) } + [("page", "\(page)")])
        return "https://api.loopreturns.com/api/v1/warehouse/return/list?\(query)"
    }

    private func details(_ request: HTTPRequest, _ memory: ReturnsMemory, _ store: String) -> HTTPResponse {
        let wanted: GoodsBack?
        if let id = request.query("return_id") {
            wanted = memory[store, id]
        } else if let order = request.query("order_id") {
            wanted = memory.returns(of: store).last { loopOrder($0) == order }
        } else if let name = request.query("order_name") {
            wanted = memory.returns(of: store).last { $0.orderName == name }
        } else {
            return .json(422, ["message": "The given data was invalid.", "errors": ["return_id": ["One of return_id, order_id and order_name is required."]]])
        }
        return wanted.map { .json(200, shown($0)) } ?? problem(404, "Return not found.")
    }

    /// A new webhook is inactive unless it says otherwise.
    private func subscribe(_ request: HTTPRequest, _ memory: inout ReturnsMemory, _ store: String) -> HTTPResponse {
        let body: JSON
        do throws(Fault) { body = try JSON(parsing: request.body) } catch { return unprocessable("The body is not JSON.", "INVALID_JSON") }
        guard let trigger = body.text("trigger"), Self.triggers.contains(trigger), let topic = body.text("topic"), trigger.hasPrefix(topic) else {
            return unprocessable("The topic has no such trigger.", "INVALID_TRIGGER")
        }
        guard let url = body.text("url"), Happening.isAddress(url) else { return unprocessable("The url must be a valid https address.", "INVALID_URL") }
        do throws(Fault) {
            let isActive = body.text("status") == "active"
            let id = try memory.addHook(store, url: url, triggers: [trigger], secret: nil, isActive: isActive)
            guard let row = memory.rows[ReturnsRow.key(store, .hook, id)] else { return problem(500, "Server Error") }
            return .json(201, shown(row))
        } catch { return unprocessable(error.summary, "UNPROCESSABLE_WEBHOOK") }
    }

    private func shown(_ hook: ReturnsRow) -> JSON {
        let trigger = hook.content.list("triggers").first?.string
        return [
            "id": .number(hook.id), "topic": .optional(trigger.map { String($0.prefix { $0 != "." }) }), "trigger": .optional(trigger),
            "url": .optional(hook.content.text("url")), "status": hook.content["active"]?.bool == true ? "active" : "inactive",
        ]
    }

    // MARK: Refusals, in three shapes

    func problem(_ status: Int, _ message: String) -> HTTPResponse {
        let word = [401: "GEN-UNAUTHORIZED", 403: "GEN-FORBIDDEN", 404: "GEN-NOT-FOUND", 429: "GEN-TOO-MANY-REQUESTS"][status] ?? "GEN-ERROR"
        return .json(status, ["error": ["code": .string("\(status)"), "http_code": .string(word), "message": .string(message)]])
    }

    private func unprocessable(_ message: String, _ code: String) -> HTTPResponse { .json(422, ["errors": ["message": .string(message), "code": .string(code)]]) }

    // MARK: A return

    /// Loop's own number of the shop's order.
    private func loopOrder(_ back: GoodsBack) -> String { "8\(back.order.suffix(6))" }

    func shown(_ back: GoodsBack) -> JSON {
        func sum(_ lines: [GoodsBack.Line], _ amount: (GoodsBack.Line) -> Int64) -> JSON { text(lines.reduce(0) { $0 + amount($1) }) }
        let lines = back.lines, exchanges = back.exchanges, hasExchange = !exchanges.isEmpty
        let refunds: [JSON] =
            back.refund == 0
            ? []
            : [
                [
                    "gateway": .string(back.gateway), "amount": text(back.refund), "currency": .string(back.currency),
                    "provider_refund_id": .optional(back.refundID),
                ]
            ]
        return .object([
            ("shop_id", 991), ("id", .string(back.id)), ("state", .string(back.state.rawValue)), ("created_at", .when(back.created)),
            ("updated_at", .when(back.changed)), ("edited_at", .null), ("total", text(back.refund + back.credit)),
            ("order_id", .string(loopOrder(back))), ("order_name", .string(back.orderName)), ("provider_order_id", .string(back.order)),
            ("currency", .string(back.currency)), ("customer", .optional(back.content.text("email"))),
            ("return_product_total", sum(lines, \.price)), ("return_discount_total", sum(lines, \.discount)), ("return_tax_total", sum(lines, \.tax)),
            ("return_total", text(back.worth)), ("return_credit_total", text(hasExchange ? 0 : back.bonus)),
            ("exchange_product_total", sum(exchanges, \.price)), ("exchange_discount_total", sum(exchanges, \.discount)),
            ("exchange_tax_total", sum(exchanges, \.tax)), ("exchange_total", text(back.exchanged)), ("exchange_credit_total", text(hasExchange ? back.bonus : 0)),
            ("gift_card", text(back.credit)), ("handling_fee", text(back.fee)), ("refund", text(back.refund)), ("upsell", text(back.pays)),
            ("is_gift_return", .bool(false)), ("refunds", .array(refunds)), ("labels", .array([])),
            ("line_items", .array(units(of: back))), ("exchanges", .array(swaps(of: back))),
        ])
    }

    private func units(of back: GoodsBack) -> [JSON] {
        let outcome = back.settled == nil ? "default" : back.exchanges.isEmpty ? (back.credit > 0 ? "credit" : "refund") : "exchange"
        var number = (Int(back.id) ?? 0) * 1_000
        return back.lines.flatMap { line in
            (0 ..< line.quantity).map { unit -> JSON in
                number += 1
                let price = line.share(line.price, unit: unit), discount = line.share(line.discount, unit: unit), tax = line.share(line.tax, unit: unit)
                return [
                    "line_item_id": .string("\(number)"), "provider_line_item_id": .string(line.line), "sku": .string(line.sku), "title": .string(line.title),
                    "price": text(price), "discount": text(discount), "tax": text(tax), "refund": text(price - discount + (back.taxIncluded ? 0 : tax)),
                    "returned_at": .when(back.received), "return_reason": .optional(line.reason), "parent_return_reason": .optional(line.group),
                    "return_comment": "", "outcome": .string(outcome), "exchange_variant": .null,
                ]
            }
        }
    }

    private func swaps(of back: GoodsBack) -> [JSON] {
        back.exchanges.enumerated().flatMap { n, line in
            (0 ..< line.quantity).map { unit -> JSON in
                let price = line.share(line.price, unit: unit), discount = line.share(line.discount, unit: unit), tax = line.share(line.tax, unit: unit)
                return [
                    "exchange_id": .string("\(back.id)-\(n + 1)-\(unit + 1)"), "sku": .string(line.sku), "title": .string(line.title), "price": text(price),
                    "discount": text(discount), "tax": text(tax), "total": text(price - discount + (back.taxIncluded ? 0 : tax)), "out_of_stock": .bool(false),
                ]
            }
        }
    }

    private func text(_ minor: Int64) -> JSON { .string(GoodsBack.amount(minor)) }

    // MARK: Webhooks

    func told(_ back: GoodsBack, _ event: ReturnsEvent) -> [(topic: String, body: (String) -> JSON)] {
        let trigger =
            switch event {
            case .requested: "return.created"
            case .settled: "return.closed"
            default: "return.updated"
            }
        let body = JSON.object([("topic", "return"), ("trigger", .string(trigger))] + (shown(back).object ?? []))
        return [(trigger, { _ in body })]
    }
}
