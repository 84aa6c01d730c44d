internal import ConnectorKit
internal import Kernel
internal import Store
internal import Wire

extension Pipeline {
    /// Ends the alerts of accounts that are again what they were when they were told of, or that nothing is bound to any more.
    /// - Returns: their keys.
    func endAccountAlerts(_ chart: Chart, _ bound: Set<String>, _ connection: ConnectionRow) async throws(Fault) -> [String] {
        let details = try await store.alertDetails(tenant, keyPrefix: AlertKey.account(connection.id, ""))
        var open: [String: JSON] = [:]
        for (key, detail) in details { open[key] = try JSON(parsing: detail) }
        let over = ChartWatch.over(open, chart, bound: bound, connection.id)
        try await store.resolveAlerts(tenant, keys: over)
        return over
    }
}

extension ChartWatch {
    /// What tells the end of an account's alert: what it was before it was changed.
    /// - isGone: it takes no documents any more, so that nobody's word makes it well.
    static func detail(_ was: LedgerAccount, isGone: Bool) -> [UInt8] {
        let account = JSON.object([
            ("code", .string(was.code)), ("name", .string(was.name)), ("type", .string(was.type)), ("currency", .optional(was.currency)), ("active", .bool(was.active)),
        ])
        return JSON.object([("was", account)] + (isGone ? [("gone", .bool(true))] : [])).bytes
    }

    /// Of open alerts of accounts those that are over: changed back, there again, or bound to nothing any more.
    static func over(_ open: [String: JSON], _ chart: Chart, bound codes: Set<String>, _ connection: ConnectionID) -> [String] {
        let accounts = Dictionary(chart.accounts.map { (AlertKey.account(connection, $0.remoteID), $0) }) { one, _ in one }
        return open.keys.sorted().filter { key in
            let was = open[key]?["was"], now = accounts[key]
            let names = [was?["code"]?.string, was?["name"]?.string, now?.code, now?.name, now?.remoteID, String(key.split(separator: "/").last ?? "")]
            if !names.contains(where: { $0.map(codes.contains) ?? false }) { return true }
            guard let now, let was else { return false }
            return now.code == was["code"]?.string && now.name == was["name"]?.string && now.type == was["type"]?.string
                && now.currency == was["currency"]?.string && now.active == was["active"]?.bool
        }
    }
}
