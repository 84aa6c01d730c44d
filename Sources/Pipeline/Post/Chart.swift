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
        // Asked for again when it is known whose account it is.
        guard connection.row.state != "new", connection.row.isIdentified else { return .done }
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
        let bound = Set(setup.structure.accounts.map(\.code)), over = try await endAccountAlerts(chart, bound, connection.row)
        if let before, !same {
            let old = try ChartCodec.decode(before)
            try await store.raise(tenant, ChartWatch.alerts(from: old, to: chart, bound: bound, connection.row).filter { !over.contains($0.key) })
            for id in ChartWatch.reactivated(from: old, to: chart) { try await store.resolveAlerts(tenant, keyPrefix: AlertKey.account(connection.row.id, id)) }
        }
        try await store.saveChart(tenant, connection.row.id, row, isNews: !same)
        if same {
            for flow in setup.flows(into: connection.row.id) {
                let mapper = Mapper(structure: setup.structure, rules: setup.rules, chart: chart)
                try await store.replan(tenant, flow.row.id, cases: try await explained(flow, mapper, row))
            }
        }
        return .done
    }
}

/// What somebody did to accounts that documents go to.
enum ChartWatch {
    /// One alert for each account that something is bound to and that is not what it was. Accounts are known again by the ledger's own id.
    static func alerts(from old: Chart, to new: Chart, bound codes: Set<String>, _ connection: ConnectionRow) -> [AlertRow] {
        let before = Dictionary(old.accounts.map { ($0.remoteID, $0) }) { one, _ in one }
        func isBound(_ account: LedgerAccount) -> Bool { [account.code, account.remoteID, account.name].contains(where: codes.contains) }
        var out: [AlertRow] = []
        for account in new.accounts {
            guard let was = before[account.remoteID], isBound(was) || isBound(account), let change = change(from: was, to: account) else { continue }
            out.append(AlertRow(
                key: AlertKey.account(connection.id, account.remoteID), severity: .warning,
                cause: "somebody changed the account \(named(was)) in \(connection.slug), which documents are posted to: \(change)",
                remedy: "See whether it is still the account that is meant, and if so acknowledge this. If not, bind its roles to another, or have it changed back.",
                detail: ChartWatch.detail(was, isGone: !account.active)))
        }
        let there = Set(new.accounts.map(\.remoteID))
        for was in old.accounts where isBound(was) && !there.contains(was.remoteID) {
            out.append(AlertRow(
                key: AlertKey.account(connection.id, was.remoteID), severity: .warning,
                cause: "the account \(named(was)) is no longer in \(connection.slug), and documents are posted to it",
                remedy: "Bind its roles to another in the structure; what needs it is held until then.", detail: ChartWatch.detail(was, isGone: true)))
        }
        return out.sorted { $0.key < $1.key }
    }

    /// Accounts that take documents again, and are else what they were: what was told of them is over.
    static func reactivated(from old: Chart, to new: Chart) -> [String] {
        let before = Dictionary(old.accounts.map { ($0.remoteID, $0) }) { one, _ in one }
        return new.accounts.compactMap { now in
            guard now.active, let was = before[now.remoteID], !was.active, change(from: was, to: now) == nil else { return nil }
            return now.remoteID
        }
    }

    private static func named(_ account: LedgerAccount) -> String { account.code == account.name ? account.name : "\(account.code) \(account.name)" }

    private static func change(from was: LedgerAccount, to now: LedgerAccount) -> String? {
        var words: [String] = []
        if was.name != now.name { words.append("it is called \(now.name)") }
        if was.code != now.code, now.code != now.name || was.code != was.name { words.append("its number is \(now.code)") }
        if was.currency != now.currency { words.append("its currency is \(now.currency ?? "any")") }
        if was.type != now.type { words.append("it is of the type \(now.type)") }
        if was.active, !now.active { words.append("it is inactive, and what needs it is held") }
        return words.isEmpty ? nil : words.joined(separator: ", ")
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
