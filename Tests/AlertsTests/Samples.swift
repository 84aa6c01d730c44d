import AlertRules
import Foundation
import Kernel
import Store

@testable import Alerts

/// A Sunday at noon, UTC.
let noon = Timestamp(seconds: 1_795_348_800)
let tenantOne = TenantID(SeededRandom(seed: 1).uuid())
let tenantTwo = TenantID(SeededRandom(seed: 2).uuid())

extension StandingAlert {
    /// An open warning, an hour old.
    static func sample(
        _ key: String = "held/f/unmapped", _ tenant: TenantID = tenantOne, severity: AlertRow.Severity = .warning, cause: String = "c", count: Int = 1, isOpen: Bool = true,
        opened: Timestamp = noon - .seconds(3600), last: Timestamp = noon - .seconds(60), acknowledged: Bool = false, mutedUntil: Timestamp? = nil
    ) -> StandingAlert {
        StandingAlert(
            id: SeededRandom(seed: UInt64(key.utf8.reduce(7) { $0 &* 31 &+ Int($1) }.magnitude)).uuid(), tenant: tenant,
            tenantSlug: tenant == tenantOne ? "prairie" : "thames", tenantName: tenant == tenantOne ? "Prairie Goods" : "Thames Pottery", key: key, severity: severity,
            cause: cause, remedy: "r", isOpen: isOpen, items: count, firstAt: opened, openedAt: opened, lastAt: last, resolvedAt: isOpen ? nil : noon, isAcknowledged: acknowledged,
            mutedUntil: mutedUntil)
    }
}

extension AlertFact {
    static func sample(_ key: String, place: String = "shop-to-books", code: String = "x", words: String = "w", items: Int = 1, kinds: Int = 1, since: Timestamp = noon - .seconds(7200)) -> AlertFact {
        AlertFact(tenant: tenantOne, key: key, place: place, code: code, words: words, remedy: "r", items: items, kinds: kinds, since: since)
    }
}

func seen(_ key: String, _ cause: String = "c", items: Int = 1, opens: Bool = true, tenant: TenantID = tenantOne) -> SeenAlert {
    SeenAlert(tenant: tenant, row: AlertRow(key: key, severity: .warning, cause: cause, remedy: "r"), items: items, opens: opens)
}
