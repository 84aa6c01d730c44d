internal import Books
internal import ConnectorKit
internal import Kernel
internal import Wire

/// A cash drawer that was counted and closed.
/// - Source: api.json, CashDrawerShiftSummary.
enum DrawerReading {
    static func documents(_ record: Field, _ settings: SquareSettings) throws(Fault) -> [SourceDocument] {
        let told = try record["shift"].object(), id = try told["id"].id()
        let shift = told.named("cash drawer shift \(id)")
        let location = try shift["location_id"].or(record["location"]).optionalID()
        guard try shift["state"].word() == "CLOSED", settings.readsDrawers, settings.wants(location) else { return [] }
        let expected = try shift["expected_cash_money"].money()
        let counted = try shift["closed_cash_money"].money(expected.currency)
        let at = try shift["closed_at"].isNull ? shift["ended_at"].instant() : shift["closed_at"].instant()
        let closure = RegisterClosure(
            gateway: "cash", expected: expected, counted: counted, register: try shift["description"].optionalText(), location: location)
        return [
            SourceDocument(
                id: id, caseID: id, version: (try shift["updated_at"].optionalInstant() ?? at).microseconds, at: at, body: .registerClosure(closure))
        ]
    }
}
