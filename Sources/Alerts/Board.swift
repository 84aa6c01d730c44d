internal import AlertRules
internal import Kernel
internal import Store

/// What becomes of alerts when the world is looked at. Pure.
enum Board {
    struct Changes: Sendable, Equatable {
        var open: [SeenAlert] = []
        var refresh: [SeenAlert] = []
        var resolve: [StandingAlert] = []
    }

    /// What nobody knows any more, after an upgrade, is over when it has not come again for so long.
    static let fades = Duration.seconds(24 * 3600)
    /// An open alert's last sight is written down this often where nothing else changes.
    static let refreshEvery = Duration.seconds(300)

    private struct Name: Hashable {
        var tenant: TenantID
        var key: String
    }

    /// - looked: causes that were counted this time; of others nothing is known.
    static func step(_ standing: [StandingAlert], _ seen: [SeenAlert], looked: Set<AlertCause>, now: Timestamp) -> Changes {
        var out = Changes()
        let open = Dictionary(standing.filter(\.isOpen).map { (Name(tenant: $0.tenant, key: $0.key), $0) }) { first, _ in first }
        var there: Set<Name> = []
        for one in seen {
            let name = Name(tenant: one.tenant, key: one.row.key)
            guard there.insert(name).inserted else { continue }
            guard let known = open[name] else {
                if one.opens { out.open.append(one) }
                continue
            }
            if !one.row.cause.isEmpty, differs(known, one) || now - known.lastAt >= refreshEvery { out.refresh.append(one) }
        }
        for alert in standing where alert.isOpen && !there.contains(Name(tenant: alert.tenant, key: alert.key)) {
            let cause = AlertCause(key: alert.key)
            switch cause?.upkeep ?? .fades(after: fades) {
            case .surveyed: if let cause, looked.contains(cause) { out.resolve.append(alert) }
            case .kept: continue
            case .fades(let after): if now - alert.lastAt >= after { out.resolve.append(alert) }
            }
        }
        return out
    }

    private static func differs(_ known: StandingAlert, _ seen: SeenAlert) -> Bool {
        known.items != seen.items || known.cause != seen.row.cause || known.remedy != seen.row.remedy || known.severity != seen.row.severity
    }
}
