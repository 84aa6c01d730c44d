internal import Kernel
internal import Wire

/// Cash drawer shifts: they are opened and closed at a till, and read here.
/// - Source: square/connect-api-specification, `CashDrawerShift`.
extension SquareState {
    func drawers(_ call: SquareCall) throws(SquareProblem) -> JSON {
        let m = call.moment
        guard call.method == .get, call.path.count >= 2, call.path[1] == "shifts" else { throw .notFound() }
        guard let asked = call.parameter("location_id") else { throw .missing("location_id") }
        let place = try location(asked, m).id
        let limit = try call.limit(200, most: 1000)
        guard call.path.count > 2 else {
            let span = try SquareSpan(call, "begin_time", "end_time")
            let ascending = try call.ascending(otherwise: true)
            let found = sorted(.shift, m) { $0.shown.text("location_id") == place && span.contains($0.created) }
            return try page("cash_drawer_shifts", call, found, ascending: ascending, limit: limit, cursor: call.cursor) { Self.summary($0.shown) }
        }
        guard let row = find(.shift, call.path[2], m), row.shown.text("location_id") == place else { throw .notFound("Cash drawer shift not found.") }
        guard call.path.count == 4, call.path[3] == "events" else { return .object([("cash_drawer_shift", row.shown)]) }
        let found = sorted(.shiftEvent, m) { $0.inner.text("shift") == row.id }
        return try page("cash_drawer_shift_events", call, found, ascending: true, limit: limit, cursor: call.cursor)
    }

    private static func summary(_ shift: JSON) -> JSON {
        let names: Set<String> = [
            "id", "state", "opened_at", "ended_at", "closed_at", "description", "opened_cash_money", "expected_cash_money", "closed_cash_money", "created_at",
            "updated_at", "location_id",
        ]
        return .object((shift.object ?? []).filter { names.contains($0.key) })
    }

    // MARK: At the till

    func openShift(_ location: String, _ m: SquareMoment) -> SquareRow? {
        rows.all(.shift, of: m.merchant).last { $0.shown.text("location_id") == location && $0.shown.text("state") == "OPEN" }
    }

    mutating func openDrawer(_ cash: Int64, location: String, description: String?, _ m: SquareMoment) -> String {
        let id = m.uuid().uppercased()
        let currency = merchant(m).currency
        var o = SquareFields()
        o.text("id", id)
        o.text("state", "OPEN")
        o.text("opened_at", m.text)
        o.text("description", description)
        o.money("opened_cash_money", cash, currency)
        for name in ["cash_payment_money", "cash_refunds_money", "cash_paid_in_money", "cash_paid_out_money"] { o.money(name, 0, currency) }
        o.money("expected_cash_money", cash, currency)
        o.set("device", .object([("name", "Till")]))
        o.text("created_at", m.text)
        o.text("updated_at", m.text)
        o.text("location_id", location)
        insert(.shift, id, o.json, m)
        return id
    }

    /// Cash that goes in or out; nothing is written where no drawer is open.
    mutating func drawer(_ type: String, _ amount: Int64, location: String, description: String = "", _ m: SquareMoment) {
        guard let shift = openShift(location, m) else { return }
        let currency = merchant(m).currency
        let member: String, change: Int64
        switch type {
        case "CASH_TENDER_PAYMENT": (member, change) = ("cash_payment_money", amount)
        case "CASH_TENDER_REFUND": (member, change) = ("cash_refunds_money", -amount)
        case "PAID_IN": (member, change) = ("cash_paid_in_money", amount)
        case "PAID_OUT": (member, change) = ("cash_paid_out_money", -amount)
        default: return
        }
        self.change(
            shift.id,
            [
                (member, .money(shift.shown.amount(member) + change, currency)),
                ("expected_cash_money", .money(shift.shown.amount("expected_cash_money") + change, currency)), ("updated_at", .string(m.text)),
            ])
        let id = m.uuid().uppercased()
        let event: JSON = .object([
            ("id", .string(id)), ("event_type", .string(type)), ("event_money", .money(amount, currency)), ("created_at", .string(m.text)),
            ("description", .string(description)),
        ])
        insert(.shiftEvent, id, event, inner: .object([("shift", .string(shift.id))]), m)
    }

    mutating func closeDrawer(_ shift: SquareRow, counted: Int64, _ m: SquareMoment) {
        change(
            shift.id,
            [
                ("state", "CLOSED"), ("ended_at", .string(m.text)), ("closed_at", .string(m.text)), ("updated_at", .string(m.text)),
                ("closed_cash_money", .money(counted, merchant(m).currency)),
            ])
    }
}
