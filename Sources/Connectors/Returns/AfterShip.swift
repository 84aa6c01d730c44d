internal import Books
internal import ConnectorKit
internal import Kernel
internal import Wire

/// AfterShip Returns. Amounts are objects with a decimal in quotes; lines have units and no prices, so what they are worth follows from the order.
struct AfterShipDialect: Dialect {
    let name = "AfterShip Returns"
    let base = "https://api.aftership.com"
    let version = "2026-01"
    let keyHeader = "as-api-key"
    let keyMeaning = "an API key that may read returns (AfterShip admin, Settings, API keys)"
    let limit = RateLimit(name: "second", scope: .connection, amount: 5, window: .seconds(1))
    let topics = ["return.submitted", "return.approved", "return.rejected", "return.expired", "return.resolved", "return.updated"]
    let signatureHeader = "as-signature-hmac-sha256"
    let sweptBy = "created_at"
    /// The list is by when returns were made, and they change for weeks.
    let overlap = Duration.seconds(90 * 86_400)
    let rows = ["data", "returns"]
    let detail = ["data"]
    let paging = Paging.cursor(at: ["data", "pagination", "next_cursor"], query: "cursor")

    let sources: [String: String] = [
        "limits.second": "aftership.com/docs/returns, Rate limit: by plan, in x-ratelimit headers; five a second is our choice",
        "concurrency": "our choice: two calls at once stay below the limit of every plan",
        "page": "aftership.com/docs/returns, Get returns: cursor and limit; 100 is our choice, unconfirmed",
        "idempotency": "read only: nothing is written, so nothing can happen twice",
        "auth": "aftership.com/docs/returns, Authentication: the header as-api-key",
        "webhooks": "aftership.com/docs/returns, Webhook signature: as-signature-hmac-sha256, base64 of HMAC-SHA256 over the body",
        "objects": "aftership.com/docs/returns, 2026-01, Return, Return item, Money, Meta",
        "currency": "aftership.com/docs/returns, Money: amount and currency of each",
        "errors": "aftership.com/docs/returns, Request errors, Body envelope",
    ]

    // MARK: Webhooks

    func signed(_ body: [UInt8]) -> [[UInt8]] { [body] }

    func hint(_ body: JSONView) -> (topic: String, id: String?)? {
        guard let event = body["event"].string else { return nil }
        return (event, ReturnID.of(body["data"]["id"]))
    }

    // MARK: Calls

    func list(since: Timestamp, rows: Int) -> HTTPRequest {
        let query = Form.encode([("created_at_min", "\(max(since, Timestamp(seconds: 0)))"), ("limit", "\(rows)")])
        return HTTPRequest(.get, "/returns/\(version)/returns?" + query)
    }

    func detail(of id: String) -> HTTPRequest { HTTPRequest(.get, "/returns/\(version)/returns/\(id)") }

    func isWhole(_ row: JSON) -> Bool { row["return_items"]?.array != nil }

    let kept: Set<String> = [
        "id", "rma_number", "order", "approval_status", "approved_at", "rejected_at", "resolved_at", "refunded_at", "received_at", "expired_at",
        "created_at", "updated_at", "return_items", "return_total_including_tax", "return_tax", "cost_of_return", "refund_destination", "refunds",
        "exchange", "is_gift_return",
    ]

    // MARK: Reading

    let rules = RecordRules(
        unreadable: "Look at the return in AfterShip's admin; if it is right there, report its raw event to support.",
        unbalanced: "Compare the return in AfterShip's admin; if it is right there, enter it by hand and report its raw event to support.",
        textCharacters: ReturnsLimits.textCharacters, parts: ReturnsLimits.parts)

    func reading(_ record: Field, _ settings: ReturnsSettings) throws(Fault) -> ToldReturn {
        let state = try self.state(record["approval_status"])
        let settled = try record["refunded_at"].or(record["resolved_at"]).optionalInstant()
        let changed = try record["updated_at"].or(record["created_at"]).instant()
        let worth = try record["return_total_including_tax"].object()
        let currency = try worth["currency"].currencyCode()
        let refunds = try record["refunds"].list(), order = try record["order"].object()
        var told = ToldReturn(
            id: try record["id"].returnID(), order: try order["external_id"].or(order["id"]).returnID(),
            number: try record["rma_number"].optionalText() ?? "", state: state,
            version: max(changed, settled ?? changed).microseconds + Int64((state == .open ? 0 : 100) + min(refunds.count, 99)), at: settled ?? changed,
            currency: currency)
        guard state == .closed else { return told }
        told.worth = try worth["amount"].decimalMoney(currency)
        for item in try record["return_items"].list() {
            guard let line = try line(item) else { continue }
            told.lines.append(line)
        }
        let fee = try self.fee(record["cost_of_return"], currency)
        if !fee.isZero { told.fees = [ReturnFee(id: "cost_of_return", kind: settings.fee ?? .returnShipping, amount: fee)] }
        try refund(refunds, &told, settings)
        try exchange(record["exchange"], &told, settings)
        return told
    }

    private func state(_ field: Field) throws(Fault) -> ToldReturn.State {
        switch try field.text() {
        case "done": .closed
        case "rejected", "expired": .cancelled
        case "submitted", "approved": .open
        default: throw field.unreadable("a state that AfterShip has")
        }
    }

    /// Units that were given back; where nobody says, those that came in, or were to come.
    private func line(_ item: Field) throws(Fault) -> ReturnedLine? {
        let units = try item["refund_quantity"].or(item["return_quantity"]).or(item["intended_return_quantity"]).units()
        guard units > 0 else { return nil }
        let reason = item["return_reason"]
        let isRestocked = try item["restocked_quantity"].units() >= units, isReceived = try item["received_quantity"].units() >= units
        return ReturnedLine(
            line: try item["external_id"].or(item["id"]).returnID(), quantity: ExactDecimal(units),
            reasonCode: ToldReturn.code(try (reason.view.isObject ? reason["description"] : reason).optionalText()),
            disposition: isRestocked ? "restock" : isReceived && !item["restocked_quantity"].isNull ? "write_off" : nil)
    }

    /// `{"charged": true, "value": {"amount": …}}`.
    private func fee(_ field: Field, _ currency: Currency) throws(Fault) -> Money {
        if field.isNull { return .zero(currency) }
        let cost = try field.object()
        guard let charged = cost["charged"].view.bool else { throw cost["charged"].unreadable("true or false") }
        return charged ? try money(cost["value"], currency) : .zero(currency)
    }

    /// Zero where it is absent.
    private func money(_ field: Field, _ currency: Currency) throws(Fault) -> Money {
        if field.isNull { return .zero(currency) }
        let parts = try field.object()
        guard try parts["currency"].currencyCode() == currency else { throw parts["currency"].unreadable("the return's own currency") }
        return try parts["amount"].decimalMoney(currency)
    }

    private func refund(_ refunds: [Field], _ told: inout ToldReturn, _ settings: ReturnsSettings) throws(Fault) {
        for (n, entry) in refunds.enumerated() {
            let amount = try money(entry["total"], told.currency)
            switch try entry["destination"].text() {
            case "original_payment":
                let reference = try entry["external_id"].optionalReturnID()
                told.refundRef = told.refundRef ?? reference
                told.refunds.append(
                    MoneyMovement(
                        id: reference ?? "refund-\(n + 1)", gateway: try entry["gateway"].optionalText() ?? settings.gateway, amount: amount, status: .success))
            case "store_credit":
                told.storeCredit += amount
                let reference = try entry["store_credit_reference"].optionalText()
                told.creditReference = told.creditReference ?? reference
            default: throw entry["destination"].unreadable("a destination that AfterShip has")
            }
        }
    }

    /// What the customer adds is not stated: it is what the exchange costs beyond the credit and a bonus.
    private func exchange(_ field: Field, _ told: inout ToldReturn, _ settings: ReturnsSettings) throws(Fault) {
        guard !field.isNull else { return }
        let exchange = try field.object(), bonus = try money(exchange["bonus_credits"], told.currency)
        told.exchanged = try money(exchange["exchange_total_including_tax"], told.currency)
        told.exchangeOrder = try exchange["order"].isNull ? nil : exchange["order"].object()["external_id"].optionalReturnID()
        told.statedBonus = [bonus]
        let over = told.bonus - bonus
        if over.minor > 0 {
            told.shopperPays = over
            told.paidBy = settings.gateway
        }
    }

    // MARK: Answers

    func says(_ body: JSON) -> String? { body.at(["meta", "message"])?.string }

    /// `200`, `429`, `40401`: the first digit says what kind it is.
    func isRefusal(_ body: JSON) -> Bool { ["4", "5"].contains("\(body.at(["meta", "code"])?.int ?? 200)".prefix(1)) }
}
