import Books
import ConnectorKit
import FoundationEssentials
import Kernel
import Mapping
import Testing
import Wire

/// A tenant of the demonstration as its file says it is: what the pipeline would read from the store.
struct ClientBusiness: Sendable {
    let shop: String
    let facts: ConnectionFacts
    /// The returns system's connection, where there is one.
    let returns: ConnectionFacts?
    let organisation: Organisation
    let policies: Policies
    let structure: AccountStructure
    let rules: RuleSet
    let isAmerican: Bool

    /// Reads `tenants/demo/<shop>.json5` and insists that nothing in it is wrong.
    init(_ shop: String) throws {
        var root = URL(filePath: #filePath).resolvingSymlinksInPath()
        for _ in 0..<3 { root.deleteLastPathComponent() }
        let data = try Data(contentsOf: root.appending(path: "tenants/demo/\(shop).json5"))
        let file = try JSON(json5: String(decoding: data, as: UTF8.self))
        self.shop = shop
        func connection(_ name: String) -> ConnectionFacts? {
            guard let found = file["connections"]?.array?.first(where: { $0["slug"]?.string == name }), let account = found["account"]?.string else { return nil }
            var settings: [String: String] = [:]
            for (key, value) in found["settings"]?.object ?? [] { settings[key] = value.string }
            return ConnectionFacts(account: account, settings: settings)
        }
        returns = connection("returns")
        facts = try #require(connection("shop") ?? returns)
        let stated = try #require(file["organisations"]?[0])
        let country = try #require(stated["country"]?.string)
        isAmerican = country == "US"
        organisation = Organisation(
            id: stated["slug"]?.string, baseCurrency: try #require(Currency(stated["base_currency"]?.string ?? "")),
            country: country, zone: try Zone.named(stated["time_zone"]?.string ?? ""),
            taxMode: isAmerican ? .exclusive : .inclusive)
        var policies = Policies.template(country: country)
        for (name, value) in PolicyText.flat(file["flows"]?[0]?["policies"] ?? [:]).object ?? [] {
            try policies.set(name, to: try #require(value.string))
        }
        policies.returnsAlone = connection("shop") == nil
        #expect(policies.unsupported.isEmpty)
        self.policies = policies
        var findings = Findings()
        structure = AccountStructure.read(file["structure"] ?? .null, version: 1, into: &findings)
        rules = RuleSet.read(file["rules"] ?? .null, version: 1, into: &findings)
        #expect(findings.list.isEmpty)
    }

    /// The ledger's accounts, garden sales active or not.
    func mapper(gardenActive: Bool = true) -> Mapper {
        let codes =
            isAmerican
            ? [
                "1200", "1310", "1320", "2200", "2310", "2320", "4010", "4020", "4030", "4040", "4100", "4110", "4120",
                "4900", "4910", "7900",
            ]
            : [
                "090", "091", "610", "611", "612", "820", "831", "832", "200", "201", "202", "203", "205", "206", "210",
                "211", "212", "860",
            ]
        return Mapper(
            structure: structure, rules: rules,
            accounts: codes.map { (code: $0, remoteID: "r\($0)", name: $0, active: gardenActive || $0 != "4030") })
    }

    /// Currencies that the ledger keeps.
    var currencies: Set<Currency> { isAmerican ? [.usd] : [.gbp, .eur] }
    /// Neither ledger's word on it is asked here: Xero takes no change of a paid invoice, QuickBooks does.
    var forbidsRevision: Bool { !isAmerican }
}
