internal import ConnectorKit
internal import Kernel
internal import Store
internal import Wire

/// An account as the platform shows it, and what was expected of it.
struct FoundAccount: Sendable, Equatable {
    var account: String
    var name: String
    /// Whether the platform said the name: else its id stands there.
    var isNamed = true
    var country: String?
    /// ISO 4217.
    var currency: String?
    /// How many accounts the consent reaches, where not all of them are shown.
    var reaches: Int?

    init?(_ json: JSON) {
        guard let account = json["account"]?.string else { return nil }
        self.account = account
        name = json["name"]?.string ?? account
        isNamed = json["name"]?.string != nil
        country = json["country"]?.string
        currency = json["currency"]?.string
        reaches = json["reaches"]?.int
    }

    init(account: String, name: String, country: String?, currency: String?) {
        (self.account, self.name, self.country, self.currency) = (account, name, country, currency)
    }

    /// What is not as any of the expected has it: `country`, `currency`, `name`.
    func differences(from expected: [FoundAccount]) -> [String] { shown.differences(from: expected.map(\.shown), isNamed: isNamed) }

    private var shown: AccountIdentity { AccountIdentity(account: account, name: name, country: country, currency: currency) }
}

extension ConsentView {
    /// The accounts that the consent reaches.
    func foundAccounts() throws(Fault) -> [FoundAccount] {
        guard let found else { return [] }
        return (try JSON(parsing: found).array ?? []).compactMap { FoundAccount($0) }
    }

    /// The account as it was when it was connected before; else the organisations that the connection is for, which have no account.
    func expected() throws(Fault) -> [FoundAccount] {
        if let identity, let before = FoundAccount(try JSON(parsing: identity)) { return [before] }
        return (try JSON(parsing: organisations).array ?? []).map { row in
            FoundAccount(account: "", name: row["name"]?.string ?? "", country: row["country"]?.string, currency: row["currency"]?.string)
        }
    }
}
