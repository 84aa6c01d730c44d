internal import Kernel
internal import Store
internal import Wire

/// An account as the platform shows it, and what was expected of it.
struct FoundAccount: Sendable, Equatable {
    var account: String
    var name: String
    var country: String?
    /// ISO 4217.
    var currency: String?

    init?(_ json: JSON) {
        guard let account = json["account"]?.string else { return nil }
        self.account = account
        name = json["name"]?.string ?? account
        country = json["country"]?.string
        currency = json["currency"]?.string
    }

    init(account: String, name: String, country: String?, currency: String?) {
        (self.account, self.name, self.country, self.currency) = (account, name, country, currency)
    }

    /// What is not as any of the expected has it: `country`, `currency`, and for a connection that was identified before its `name`. What the platform does
    /// not say is no difference.
    func differences(from expected: [FoundAccount]) -> [String] {
        var out: [String] = []
        func check(_ what: String, _ own: String?, _ theirs: [String]) {
            if let own, !theirs.isEmpty, !theirs.contains(where: { $0.lowercased() == own.lowercased() }) { out.append(what) }
        }
        check("country", country, expected.compactMap(\.country))
        check("currency", currency, expected.compactMap(\.currency))
        check("name", name, expected.filter { !$0.account.isEmpty }.map(\.name))
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
