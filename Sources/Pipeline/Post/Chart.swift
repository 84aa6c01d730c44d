internal import Books
internal import ConnectorKit
internal import Courier
internal import Kernel
internal import Mapping
internal import Postgres
internal import Store
internal import Telemetry
internal import Wire

extension Pipeline {
    /// Reads the ledger's accounts, tax codes and lock date. When something changed, what is held or rejected is planned anew; when nothing did
    /// since they were read last, what was refused by the ledger for a reason that they tell.
    func readChart(_ connection: CourierConnection, in setup: Setup) async throws(Fault) -> Result {
        let connector = try ledger(connection)
        // Its accounts come as a list that a person exported there (`PUT /v1/connections/{connection}/accounts`).
        if connector is any FileLedger { return .done }
        let before = try await store.chart(tenant, connection.row.id)
        // Without any, nothing can be posted.
        let chart = try await read(connector.chart(connection.facts), connector, connection, canWait: before != nil)
        let row = ChartCodec.encode(chart, readAt: clocks.now())
        let same = try before.map { old throws(Fault) in try ChartCodec.decode(old) == chart } ?? false
        if !same {
            // Before the chart is kept: if this is cut short, the next reading differs again.
            let tenant = tenant
            for flow in setup.flows(into: connection.row.id) {
                try await store.transaction { tx throws(Fault) in
                    _ = try await tx.query(DocumentStatements.dirtyHeld(tenant, flow.row.id))
                    _ = try await tx.query(JobStatements.ask(tenant, [Job(.map, flow.row.id.description, lane: .interactive)]))
                }
            }
        }
        try await store.saveChart(tenant, connection.row.id, row)
        if same {
            for flow in setup.flows(into: connection.row.id) {
                let mapper = Mapper(structure: setup.structure, rules: setup.rules, chart: chart)
                try await store.replan(tenant, flow.row.id, cases: try await explained(flow, mapper, row))
            }
        }
        return .done
    }
}

/// A chart as the store keeps it.
enum ChartCodec {
    static func encode(_ chart: Chart, readAt: Timestamp) -> ChartRow {
        let accounts = JSON.array(chart.accounts.map { a in
            .object([
                ("code", .string(a.code)), ("remote_id", .string(a.remoteID)), ("name", .string(a.name)), ("type", .string(a.type)),
                ("active", .bool(a.active)), ("currency", .optional(a.currency)),
            ])
        })
        return ChartRow(
            lockDate: chart.lockDate, baseCurrency: chart.baseCurrency, currencies: chart.currencies, taxCodes: chart.taxCodes, accounts: accounts.bytes,
            readAt: readAt)
    }

    static func decode(_ row: ChartRow) throws(Fault) -> Chart {
        var accounts: [LedgerAccount] = []
        for a in try JSON(parsing: row.accounts).array ?? [] {
            accounts.append(LedgerAccount(
                code: a["code"]?.string ?? "", remoteID: a["remote_id"]?.string ?? "", name: a["name"]?.string ?? "", type: a["type"]?.string ?? "",
                active: a["active"]?.bool ?? false, currency: a["currency"]?.string))
        }
        return Chart(accounts: accounts, taxCodes: row.taxCodes, lockDate: row.lockDate, baseCurrency: row.baseCurrency, currencies: row.currencies)
    }
}

extension Mapper {
    init(structure: AccountStructure, rules: RuleSet, chart: Chart) {
        let accounts = chart.accounts.map { a in
            BoundAccount(
                code: a.code, remoteID: a.remoteID, name: a.name, active: a.active, rule: "", currency: a.currency.flatMap { Currency($0) }, type: a.type)
        }
        self.init(structure: structure, rules: rules, ledger: accounts)
    }
}
