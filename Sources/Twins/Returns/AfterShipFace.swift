internal import Kernel
internal import TwinKit
internal import Wire

/// AfterShip Returns 2026-01: amounts are objects with a decimal in quotes, lines have units and no prices.
/// - Source: aftership.com/docs/returns: Return, Return item, Money, Meta, Webhook; the base path, page sizes and limits are not confirmed there.
struct AfterShipFace: ReturnsFace {
    static let version = "2026-01"
    static let perSecond = 10
    static let pageMost = 100

    let keyField = "as-api-key"
    let signatureField = "as-signature-hmac-sha256"

    // MARK: Requests

    func respond(_ request: HTTPRequest, _ memory: inout ReturnsMemory, at now: Timestamp) -> HTTPResponse {
        guard let store = store(request) else { return problem(401, "The API key is invalid.") }
        let key = request.fields[keyField] ?? ""
        let isAdmitted = memory.meter.admits(key, at: now.seconds, most: Self.perSecond)
        var response = isAdmitted ? answer(request, memory, store) : problem(429, "You have exceeded the API call rate limit.")
        response.fields["x-ratelimit-limit"] = "\(Self.perSecond)"
        response.fields["x-ratelimit-remaining"] = "\(Self.perSecond - memory.meter.used(key, at: now.seconds))"
        response.fields["x-ratelimit-reset"] = "\(now.seconds + 1)"
        return response
    }

    private func answer(_ request: HTTPRequest, _ memory: ReturnsMemory, _ store: (name: String, mayRead: Bool)) -> HTTPResponse {
        guard store.mayRead else { return problem(403, "The API key has no permission to this resource.") }
        let path = request.path.split(separator: "/").map(String.init)
        guard request.method == .get, path.count >= 3, path[0] == "returns", path[2] == "returns" else { return problem(404, "The URI requested is invalid.") }
        guard path[1] == Self.version else { return problem(400, "The API version is not supported.") }
        if path.count == 3 { return list(request, memory, store.name) }
        guard path.count == 4, let back = memory[store.name, path[3]] else { return problem(404, "The return does not exist.") }
        return .json(200, ["meta": Self.good, "data": shown(back)])
    }

    private static let good: JSON = ["code": 200, "type": "OK", "message": "The request was processed successfully."]

    /// Newest last, by when they were made; the cursor is the last row's place.
    private func list(_ request: HTTPRequest, _ memory: ReturnsMemory, _ store: String) -> HTTPResponse {
        var times: [String: Timestamp] = [:]
        for field in ["created_at_min", "created_at_max"] {
            guard let text = request.query(field) else { continue }
            guard let at = Timestamp(rfc3339: text) else { return problem(422, "\(field) must be a time.") }
            times[field] = at
        }
        let limit = request.query("limit").map { Int($0) ?? 0 } ?? 20, place = request.query("cursor").map { Int($0) ?? -1 } ?? 0
        guard (1 ... Self.pageMost).contains(limit) else { return problem(422, "limit must be between 1 and \(Self.pageMost).") }
        guard place >= 0 else { return problem(422, "cursor is invalid.") }
        let found = memory.returns(of: store).filter { back in
            let at = Timestamp(seconds: Int64(back.created))
            return times["created_at_min"].map { at >= $0 } ?? true && times["created_at_max"].map { at <= $0 } ?? true
        }.sorted { ($0.created, $0.id) < ($1.created, $1.id) }
        let rows = found.dropFirst(place).prefix(limit), next = place + rows.count
        let pagination: JSON = ["total": .whole(found.count), "limit": .whole(limit), "next_cursor": next < found.count ? .string("\(next)") : .null]
        return .json(200, ["meta": Self.good, "data": ["pagination": pagination, "returns": .array(rows.map(shown))]])
    }

    func problem(_ status: Int, _ message: String) -> HTTPResponse {
        let words: [Int: (code: Int, type: String)] = [
            400: (40000, "BadRequest"), 401: (40101, "Unauthorized"), 403: (40301, "Forbidden"), 404: (40401, "NotFound"),
            422: (42200, "UnprocessableEntity"), 429: (4290, "TooManyRequests"), 503: (50300, "ServiceUnavailable"),
        ]
        let word = words[status] ?? (50000, "InternalError")
        return .json(status, ["meta": ["code": .whole(word.code), "type": .string(word.type), "message": .string(message)], "data": .object([])])
    }

    // MARK: A return

    func shown(_ back: GoodsBack) -> JSON {
        let status =
            switch back.state {
            case .open, .review: back.approved == nil ? "submitted" : "approved"
            case .closed: "done"
            case .cancelled: "rejected"
            case .expired: "expired"
            }
        func money(_ minor: Int64) -> JSON { ["amount": .string(GoodsBack.amount(minor)), "currency": .string(back.currency)] }
        let tax = back.lines.reduce(0) { $0 + $1.tax }
        return .object([
            ("id", .string(back.id)), ("rma_number", .string("RMA\(back.content.minor("rma"))")),
            ("order", ["external_id": .string(back.order), "order_number": .string(back.orderName)]), ("approval_status", .string(status)),
            ("approved_at", .when(back.approved ?? back.settled)), ("rejected_at", back.state == .cancelled ? .when(back.changed) : .null),
            ("reject_reason", .null), ("expired_at", back.state == .expired ? .when(back.changed) : .null), ("resolved_at", .when(back.settled)),
            ("refunded_at", back.refund + back.credit > 0 ? .when(back.settled) : .null), ("received_at", .when(back.received)),
            ("created_at", .when(back.created)), ("updated_at", .when(back.changed)), ("return_items", .array(back.lines.map { item($0, of: back) })),
            ("return_total_including_tax", money(back.worth)), ("return_tax", money(tax)), ("estimated_refund_total", money(max(0, back.due))),
            ("cost_of_return", ["charged": .bool(back.fee > 0), "value": money(back.fee)]),
            ("refund_destination", back.content.text("to") == "credit" ? "store_credit" : "original_payment"), ("refunds", .array(refunds(of: back, money))),
            ("exchange", exchange(of: back, money)), ("is_gift_return", .bool(false)),
        ])
    }

    private func item(_ line: GoodsBack.Line, of back: GoodsBack) -> JSON {
        let units = JSON.whole(line.quantity), isIn = back.received != nil
        return .object([
            ("external_id", .string(line.line)), ("sku", .string(line.sku)), ("title", .string(line.title)), ("intended_return_quantity", units),
            ("return_quantity", units), ("refund_quantity", back.settled == nil ? .null : units), ("received_quantity", isIn ? units : 0),
            ("restocked_quantity", isIn && back.isRestocked ? units : isIn ? 0 : .null), ("removed_quantity", 0), ("return_reason", .optional(line.reason)),
            ("return_subreason", .optional(line.group)),
        ])
    }

    private func refunds(of back: GoodsBack, _ money: (Int64) -> JSON) -> [JSON] {
        if back.refund > 0 {
            return [[
                "destination": "original_payment", "gateway": .string(back.gateway), "store_credit_reference": .null, "total": money(back.refund),
                "external_id": .optional(back.refundID),
            ]]
        }
        guard back.credit > 0 else { return [] }
        return [[
            "destination": "store_credit", "gateway": .null, "store_credit_reference": .string("SC-\(back.id.prefix(8))"), "total": money(back.credit),
            "external_id": .null,
        ]]
    }

    private func exchange(of back: GoodsBack, _ money: (Int64) -> JSON) -> JSON {
        guard !back.exchanges.isEmpty || back.bonus > 0 else { return .null }
        return [
            "items": .array(back.exchanges.map { ["sku": .string($0.sku), "title": .string($0.title), "quantity": .whole($0.quantity)] }),
            "exchange_total_including_tax": money(back.exchanged), "exchange_tax_total": money(back.exchanges.reduce(0) { $0 + $1.tax }),
            "bonus_credits": money(back.bonus), "order": back.newOrder.map { ["external_id": .string($0)] } ?? .null,
        ]
    }

    // MARK: Webhooks

    func told(_ back: GoodsBack, _ event: ReturnsEvent) -> [(topic: String, body: (String) -> JSON)] {
        let (topic, modified): (String, [JSON]) =
            switch event {
            case .requested: ("return.submitted", [])
            case .approved: ("return.approved", ["approval_status"])
            case .settled: ("return.resolved", ["approval_status", "refunds"])
            case .cancelled: ("return.rejected", ["approval_status"])
            case .expired: ("return.expired", ["approval_status"])
            case .received: ("return.updated", ["return_items"])
            case .reviewed, .corrected: ("return.updated", ["refunds"])
            }
        let data = shown(back)
        return [
            (
                topic,
                { number in
                    [
                        "id": .string("evt-\(back.store)-\(number)"), "created_at": .when(back.changed), "event": .string(topic),
                        "modified": .array(modified), "data": data,
                    ]
                }
            )
        ]
    }
}
