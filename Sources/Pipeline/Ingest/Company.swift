internal import ConnectorKit
internal import Kernel
internal import Store
internal import Wire

extension Pipeline {
    /// An account that is not the company expected: who typed a credential in was shown nothing, as who consents in a browser is. To be called, and carried out,
    /// before the identity is kept.
    func compare(_ identity: AccountIdentity, _ connection: ConnectionRow, _ connector: any Connector) async throws(Fault) -> CompanyWatch.Verdict {
        guard let expected = try await store.expectedAccounts(tenant, connection.id) else { return .agrees }
        return try CompanyWatch.verdict(identity, expected, isLedger: connector is any LedgerConnector, platform: connector.spec.name)
    }

    /// Raises the alert or ends it.
    func tell(_ verdict: CompanyWatch.Verdict, of identity: AccountIdentity, _ connection: ConnectionRow, _ platform: String) async throws(Fault) {
        switch verdict {
        case .known: break
        case .agrees: try await store.resolveAlerts(tenant, keys: [AlertKey.company(connection.id)])
        case .differs(let what, let from): try await store.raise(tenant, [CompanyWatch.alert(identity, what, from, connection, platform)])
        }
    }
}

/// The company at a connection's other end, against the organisations whose books it is to keep. Pure.
enum CompanyWatch {
    enum Verdict: Equatable {
        /// As expected, or somebody said yes to it.
        case agrees
        /// Another, and who has to be told is told.
        case known
        case differs([String], from: [AccountIdentity])
    }

    /// - Parameter platform: its name, as the connector has it.
    static func verdict(_ identity: AccountIdentity, _ expected: ExpectedAccounts, isLedger: Bool, platform: String) throws(Fault) -> Verdict {
        let organisations = try JSON(parsing: expected.organisations).array ?? []
        let wanted = organisations.map { AccountIdentity(account: "", name: $0["name"]?.string ?? "", country: $0["country"]?.string, currency: $0["currency"]?.string) }
        // Shops have names of their own, and one made of the account's id says nothing.
        let differences = identity.differences(from: wanted, isNamed: isLedger && !isMadeUp(identity, platform))
        if differences.isEmpty { return .agrees }
        for found in try expected.confirmed.map({ bytes throws(Fault) in try JSON(parsing: bytes).array ?? [] }) ?? [] where says(found, identity) { return .agrees }
        if try isTold(identity, organisations, expected) { return .known }
        return .differs(differences, from: wanted)
    }

    /// Of this very account, held against these very organisations. An alert that was raised before both were written down with it stands for the account as it was asked last.
    private static func isTold(_ identity: AccountIdentity, _ organisations: [JSON], _ expected: ExpectedAccounts) throws(Fault) -> Bool {
        guard let told = try expected.told.map({ bytes throws(Fault) in try JSON(parsing: bytes) }) else { return false }
        guard let account = told["account"] else { return try expected.identity.map { kept throws(Fault) in says(try JSON(parsing: kept), identity) } ?? false }
        return says(account, identity) && told["expected"]?.array == organisations
    }

    /// The account's id, alone or behind the platform's name without what stands there in brackets; "Studio 1234567" of an account `1234567` is what somebody calls it.
    private static func isMadeUp(_ identity: AccountIdentity, _ platform: String) -> Bool {
        let name = platform.split(separator: " ").prefix { !$0.hasPrefix("(") }.joined(separator: " ")
        return identity.name == identity.account || identity.name == "\(name) \(identity.account)"
    }

    private static func says(_ json: JSON, _ identity: AccountIdentity) -> Bool {
        json["account"]?.string?.lowercased() == identity.account.lowercased() && json["name"]?.string == identity.name && json["country"]?.string == identity.country
            && json["currency"]?.string == identity.currency
    }

    static func alert(_ identity: AccountIdentity, _ what: [String], _ expected: [AccountIdentity], _ connection: ConnectionRow, _ platform: String) -> AlertRow {
        AlertRow(
            key: AlertKey.company(connection.id), severity: .critical,
            cause: "\(connection.slug) (\(platform)) opened \(words(identity)), which differs in \(what.joined(separator: " and ")) from \(expected.map(words).joined(separator: "; "))",
            remedy: "See whether it is the company that is meant, and if so acknowledge this. If not, pause its flows, give the credential of the right one, and take back there what was posted.",
            detail: JSON.object([("account", identity.json), ("expected", .array(expected.map(organisation)))]).bytes)
    }

    /// As `ExpectedAccounts` has it.
    private static func organisation(_ one: AccountIdentity) -> JSON {
        .object([("name", .string(one.name)), ("country", .optional(one.country)), ("currency", .optional(one.currency))])
    }

    private static func words(_ one: AccountIdentity) -> String { ([one.name] + [one.country, one.currency].compactMap(\.self)).joined(separator: ", ") }
}
