internal import Books
internal import ConnectorKit
internal import Kernel
internal import Wire

/// Loop Returns, API v1. Amounts are decimals in quotes; each element of `line_items` is one unit.
struct LoopDialect: Dialect {
    let name = "Loop Returns"
    let base = "https://api.loopreturns.com"
    let version = "v1"
    let keyHeader = "X-Authorization"
    let keyMeaning = "an API key with the scope of returns (Loop admin, Developer tools)"
    let limit = RateLimit(name: "minute", scope: .connection, amount: 300, window: .seconds(60))
    let topics = ["return.created", "return.updated", "return.closed"]
    let signatureHeader = "X-Loop-Signature"
    let sweptBy = "updated_at"
    let overlap = Duration.seconds(0)
    let idempotency = Idempotency(nativeKeyLifetime: nil, searchable: true, findSettles: ReturnsLimits.noteSettles)
    let rows = ["returns"]
    let detail: [String] = []
    let paging = Paging.nextLink(["nextPageUrl"])

    let sources: [String: String] = [
        "limits.minute": "docs.loopreturns.com, API reference, Rate limits: 300 requests a minute for each key",
        "concurrency": "our choice: two calls at once stay far below the limit",
        "page": "docs.loopreturns.com, Detailed returns list: pageSize up to 500; 100 is our choice",
        "idempotency": "docs.loopreturns.com, Create Return Note: no key of one's own; a note is found by the mark in it",
        "idempotency.search": "docs.loopreturns.com, Get Return Notes: id, content, created_at of each, without pages",
        "idempotency.settles": "our choice: nobody says how long Loop works on after its answer is lost",
        "auth": "docs.loopreturns.com, Authentication: the header X-Authorization with the key",
        "webhooks": "docs.loopreturns.com, Return webhook: topics and X-Loop-Signature, base64 of HMAC-SHA256",
        "objects": "docs.loopreturns.com, Return event properties, Return details",
        "currency": "docs.loopreturns.com: currency of the store; currency_type=shop fixes it",
        "errors": "docs.loopreturns.com, Errors: three shapes",
    ]

    // MARK: Webhooks

    /// An older page says that slashes are escaped and line breaks gone before the digest is made.
    func signed(_ body: [UInt8]) -> [[UInt8]] {
        var other: [UInt8] = []
        other.reserveCapacity(body.count + 64)
        for byte in body where byte != 10 && byte != 13 {
            if byte == UInt8(ascii: "/"), other.last != UInt8(ascii: "\\") { other.append(UInt8(ascii: "\\")) }
            other.append(byte)
        }
        return other == body ? [body] : [body, other]
    }

    func hint(_ body: JSONView) -> (topic: String, id: String?)? {
        guard let trigger = body["trigger"].string else { return nil }
        return (trigger, ReturnID.of(body["id"]))
    }

    // MARK: Calls

    /// At most 120 days at once.
    func list(since: Timestamp, rows: Int) -> HTTPRequest {
        let from = max(since, Timestamp(seconds: 0))
        return HTTPRequest(.get, "/api/v1/warehouse/return/list?" + Form.encode([
            ("from", "\(from)"), ("to", "\(from + .seconds(120 * 86_400))"), ("filter", "updated_at"), ("paginate", "true"),
            ("pageSize", "\(rows)"), ("currency_type", "shop"),
        ]))
    }

    func end(of list: HTTPRequest) -> Timestamp? { list.query("to").flatMap { Timestamp(rfc3339: $0) } }

    func detail(of id: String) -> HTTPRequest {
        HTTPRequest(.get, "/api/v1/warehouse/return/details?" + Form.encode([("return_id", id), ("currency_type", "shop")]))
    }

    func isWhole(_ row: JSON) -> Bool { row["line_items"]?.array != nil && row["refunds"]?.array != nil }

    let kept: Set<String> = [
        "id", "state", "created_at", "updated_at", "edited_at", "order_id", "order_name", "provider_order_id", "currency", "return_product_total",
        "return_discount_total", "return_tax_total", "return_total", "return_credit_total", "exchange_product_total", "exchange_discount_total",
        "exchange_tax_total", "exchange_total", "exchange_credit_total", "gift_card", "handling_fee", "refund", "upsell", "is_gift_return", "refunds",
        "line_items", "exchanges",
    ]

    // MARK: Reading

    let rules = RecordRules(
        unreadable: "Look at the return in Loop's admin; if it is right there, report its raw event to support.",
        unbalanced: "Compare the return in Loop's admin; if it is right there, enter it by hand and report its raw event to support.",
        textCharacters: ReturnsLimits.textCharacters, parts: ReturnsLimits.parts)

    func reading(_ record: Field, _ settings: ReturnsSettings) throws(Fault) -> ToldReturn {
        let currency = try record["currency"].currencyCode(), state = try self.state(record["state"])
        let created = try record["created_at"].instant()
        let changed = [try record["updated_at"].optionalInstant(), try record["edited_at"].optionalInstant()].compactMap(\.self).max() ?? created
        let refunds = try record["refunds"].list()
        var told = ToldReturn(
            id: try record["id"].returnID(), order: try record["provider_order_id"].returnID(),
            number: try record["order_name"].optionalText() ?? "", state: state,
            version: changed.microseconds + Int64((state == .open ? 0 : 100) + min(refunds.count, 99)), at: changed, currency: currency)
        guard state == .closed else { return told }
        try lines(of: record, &told, settings)
        let fee = try record["handling_fee"].decimalMoney(currency)
        if !fee.isZero { told.fees = [ReturnFee(id: "handling_fee", kind: settings.fee ?? .restocking, amount: fee)] }
        try exchanges(of: record, &told, settings)
        try refund(of: record, refunds, &told, settings)
        told.giftCard = try record["gift_card"].decimalMoney(currency)
        told.shopperPays = try record["upsell"].decimalMoney(currency)
        told.paidBy = settings.gateway
        told.statedBonus = [try record["return_credit_total"].decimalMoney(currency), try record["exchange_credit_total"].decimalMoney(currency)]
        return told
    }

    private func state(_ field: Field) throws(Fault) -> ToldReturn.State {
        switch try field.text() {
        case "closed": .closed
        case "cancelled", "expired": .cancelled
        case "open", "review", "needs review": .open
        default: throw field.unreadable("a state that Loop has")
        }
    }

    private func lines(of record: Field, _ told: inout ToldReturn, _ settings: ReturnsSettings) throws(Fault) {
        let currency = told.currency
        var nets = Money.zero(currency), taxes = Money.zero(currency)
        for unit in try record["line_items"].list() {
            let price = try unit["price"].decimalMoney(currency), discount = try unit["discount"].decimalMoney(currency)
            let tax = try unit["tax"].decimalMoney(currency), id = try unit["line_item_id"].returnID()
            guard discount.minor <= price.minor else { throw unit["discount"].unreadable("at most the price") }
            nets += price - discount
            taxes += tax
            told.lines.append(
                ReturnedLine(
                    line: try unit["provider_line_item_id"].optionalReturnID() ?? id, quantity: .one,
                    reasonCode: ToldReturn.code(try unit["return_reason"].optionalText()), net: price - discount, tax: tax, id: id,
                    taxes: settings.taxes(tax)))
        }
        told.worth = try record["return_total"].decimalMoney(currency)
        // Where prices contain their tax, the total does not add it.
        told.taxIncluded = told.worth == nets && !taxes.isZero
        guard told.worth == nets || told.worth == nets + taxes else {
            throw record["return_total"].unbalanced("return_total is \(told.worth.text), its units come to \((nets + taxes).text)")
        }
    }

    private func exchanges(of record: Field, _ told: inout ToldReturn, _ settings: ReturnsSettings) throws(Fault) {
        let currency = told.currency
        told.exchanged = try record["exchange_total"].decimalMoney(currency)
        var sum = Money.zero(currency)
        for entry in try record["exchanges"].list() {
            let price = try entry["price"].decimalMoney(currency), discount = try entry["discount"].decimalMoney(currency)
            guard discount.minor <= price.minor else { throw entry["discount"].unreadable("at most the price") }
            let tax = try entry["tax"].decimalMoney(currency)
            sum += try entry["total"].decimalMoney(currency)
            let sku = try entry["sku"].optionalText() ?? ""
            told.exchangeLines.append(
                SaleLine(
                    id: try entry["exchange_id"].returnID(), sku: sku, title: try entry["title"].optionalText() ?? sku, quantity: .one, gross: price,
                    discount: discount, net: price - discount,
                    taxes: tax.isZero ? [] : [TaxPart(jurisdiction: settings.taxPlace, rate: nil, amount: tax)]))
        }
        guard told.exchangeLines.isEmpty || sum == told.exchanged else {
            throw record["exchange_total"].unbalanced("exchange_total is \(told.exchanged.text), its parts come to \(sum.text)")
        }
    }

    private func refund(of record: Field, _ refunds: [Field], _ told: inout ToldReturn, _ settings: ReturnsSettings) throws(Fault) {
        let currency = told.currency, whole = try record["refund"].decimalMoney(currency)
        for (n, entry) in refunds.enumerated() {
            let reference = try entry["provider_refund_id"].optionalReturnID()
            told.refundRef = told.refundRef ?? reference
            told.refunds.append(
                MoneyMovement(
                    id: reference ?? "refund-\(n + 1)", gateway: try entry["gateway"].optionalText() ?? settings.gateway,
                    amount: try entry["amount"].decimalMoney(currency), status: .success))
        }
        if told.refunds.isEmpty, !whole.isZero {
            told.refunds = [MoneyMovement(id: "refund", gateway: settings.gateway, amount: whole, status: .success)]
        }
        let sum = told.refunds.map(\.amount).total(currency)
        guard sum == whole else { throw record["refund"].unbalanced("refund is \(whole.text), its parts come to \(sum.text)") }
    }

    // MARK: Answers

    /// Three shapes: `{"error": {…}}`, `{"errors": {…}}`, `{"message": …, "errors": {field: […]}}`.
    func says(_ body: JSON) -> String? {
        body["message"]?.string ?? body.at(["error", "message"])?.string ?? body.at(["errors", "message"])?.string
    }

    func isRefusal(_ body: JSON) -> Bool { body["error"]?.object != nil || body["errors"]?.object != nil }
}
