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

    /// What is not as any of the expected has it: `country`, `currency`, `name`. What the platform does not say is no difference, nor is how a company writes
    /// itself where an organisation is expected: the account that was connected before is expected under its very name.
    func differences(from expected: [FoundAccount]) -> [String] {
        var out: [String] = []
        func check(_ what: String, _ own: String?, _ theirs: [String]) {
            if let own, !theirs.isEmpty, !theirs.contains(where: { $0.lowercased() == own.lowercased() }) { out.append(what) }
        }
        check("country", country, expected.compactMap(\.country))
        check("currency", currency, expected.compactMap(\.currency))
        let before = expected.filter { !$0.account.isEmpty }
        if before.isEmpty {
            check("name", isNamed ? CompanyName.plain(name) : nil, expected.map { CompanyName.plain($0.name) }.filter { !$0.isEmpty })
        } else {
            check("name", name, before.map(\.name))
        }
        return out
    }
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
