import ConnectorKit
import Kernel
@testable import Pipeline
import Postgres
@testable import Store
import TestKit
import Testing
import Wire

@Suite("The company that a credential opens") struct CompanyTests {
    private static let prairie: JSON = ["name": "Prairie Goods LLC", "country": "US", "currency": "USD"]

    private func verdict(
        _ name: String, country: String? = "US", currency: String? = "USD", before: JSON? = nil, told: JSON? = nil, confirmed: [JSON]? = nil, organisations: [JSON] = [prairie], isLedger: Bool = true
    ) throws -> CompanyWatch.Verdict {
        let expected = ExpectedAccounts(identity: before?.bytes, told: told?.bytes, confirmed: confirmed.map { JSON.array($0).bytes }, organisations: JSON.array(organisations).bytes)
        return try CompanyWatch.verdict(AccountIdentity(account: "9130350000000001", name: name, country: country, currency: currency), expected, isLedger: isLedger, platform: "NetSuite (REST)")
    }

    private func differing(_ verdict: CompanyWatch.Verdict) -> [String]? { if case .differs(let what, _) = verdict { what } else { nil } }

    @Test("another country, currency or name is a difference, each by its own name; the kind of company, case and what the platform does not say are none") func compared() throws {
        #expect(try verdict("PRAIRIE GOODS, L.L.C.", country: "us", currency: nil) == .agrees)
        #expect(differing(try verdict("Prairie Goods Canada", country: "CA", currency: "CAD")) == ["country", "currency", "name"])
        #expect(differing(try verdict("Prairie Goods LLC", currency: "CAD")) == ["currency"])
        #expect(try verdict("Acme", organisations: []) == .agrees, "nothing is expected")
        let second: JSON = ["name": "Acme Ltd", "country": "GB", "currency": "GBP"]
        #expect(try verdict("Acme", country: "GB", currency: "GBP", organisations: [Self.prairie, second]) == .agrees)
    }

    @Test("a shop may have a name of its own, and a name made of the account's id is none") func names() throws {
        #expect(try verdict("The Mug Shop", isLedger: false) == .agrees)
        #expect(differing(try verdict("The Mug Shop", country: "CA", isLedger: false)) == ["country"])
        #expect(try verdict("NetSuite 9130350000000001") == .agrees)
        for words in ["9130350000000001 Studio", "Studio 9130350000000001"] { #expect(differing(try verdict(words)) == ["name"], "\(words)") }
    }

    @Test("what somebody said yes to in a browser agrees, and what was told before is not told again; anything else of it is") func saidBefore() throws {
        let acme: JSON = ["account": "9130350000000001", "name": "Acme Inc", "country": "US", "currency": "USD", "time_zone": .null]
        #expect(try verdict("Acme Inc", confirmed: [["account": "1", "name": "Acme Inc"], acme]) == .agrees)
        #expect(differing(try verdict("Acme Two Inc", confirmed: [acme])) == ["name"])
        #expect(differing(try verdict("Acme Inc", before: acme)) == ["name"], "it was asked before, and nobody was told")
        #expect(try verdict("Acme Inc", told: .object([("account", acme), ("expected", [Self.prairie])])) == .known)
        #expect(differing(try verdict("Acme Inc", told: .object([("account", acme), ("expected", [["name": "Acme Ltd", "country": "US", "currency": "USD"]])]))) == ["name"], "another is expected by now")
        #expect(differing(try verdict("Acme Inc", currency: "EUR", told: .object([("account", acme), ("expected", [Self.prairie])]))) == ["currency", "name"])
        // An alert of before both were written down with it.
        #expect(try verdict("Acme Inc", before: acme, told: [:]) == .known)
        #expect(differing(try verdict("Acme Inc", currency: "EUR", before: acme, told: [:])) == ["currency", "name"])
    }

    @Test("a credential that opens another company is an alert with both, once, until somebody says yes or the right one is opened") func told() async throws {
        try await Desk.with { desk in
            let house = desk.house, key = AlertKey.company(house.ledger)
            func identify() async throws {
                try await house.worker.ask(house.tenant, [Job(.identify, house.ledger.description, lane: .interactive), Job(.identify, house.source.description, lane: .interactive)])
                try await desk.work()
            }
            func hits() async throws -> Int { try await house.count("SELECT coalesce(sum(hits), 0)::bigint FROM app.alerts WHERE key = \(key) AND state = 'open'") }
            try await identify()
            #expect(try await desk.alerts() == [key])
            let cause = try #require(try await house.owner.query("SELECT cause FROM app.alerts WHERE key = \(key) AND severity = 'critical'").first)
            #expect(try cause.get("cause", as: String.self).hasSuffix(" opened Books, which differs in name from A company, US, USD"))
            try await identify()
            #expect(try await hits() == 1)
            let id = try #require(try await house.owner.query("SELECT id FROM app.alerts WHERE key = \(key)").first)
            _ = try await house.supervisor.pool.query(AdminAlertStatements.acknowledge(house.tenant, try id.get("id"), by: "key ann", note: nil))
            #expect(try await desk.alerts().isEmpty)
            try await identify()
            #expect(try await desk.alerts().isEmpty, "somebody said yes")
            // It becomes the ledger of another organisation, after somebody said yes to it for the first.
            try await house.owner.query("UPDATE app.organisations SET name = 'Another'")
            try await identify()
            #expect(try await hits() == 2)
            try await house.owner.query("UPDATE app.organisations SET name = 'Books Ltd'")
            try await identify()
            #expect(try await desk.alerts().isEmpty)
        }
    }
}
