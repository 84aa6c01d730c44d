internal import Crypto
internal import Kernel
internal import Wire

/// Who calls: logins, passwords, keys.
extension OdooDatabase {
    /// Most keys that a program may make.
    static let keysMost = 10
    /// Longest life of a key, days.
    static let keyDays = 90

    /// The id of a login whose password or key it is.
    func authenticate(_ login: String, _ secret: String) -> Int? {
        guard let user = all("res.users").first(where: { $0.text("login") == login && $0.flag("active") }) else { return nil }
        return isSecret(secret, of: user.id) ? user.id : nil
    }

    func isSecret(_ secret: String, of user: Int) -> Bool {
        guard !secret.isEmpty, let record = record("res.users", user), record.flag("active") else { return false }
        return constantTimeEquals(Array((record.text("password") ?? "").utf8), Array(secret.utf8)) || userOf(key: secret) == user
    }

    /// Whose key it is, while it lasts.
    func userOf(key: String) -> Int? {
        let found = all("res.users.apikeys").first { constantTimeEquals(Array(($0.text("key") ?? "").utf8), Array(key.utf8)) }
        guard let found, found.text("expiration_date").map({ $0 > OdooTime.second(now) }) ?? true else { return nil }
        return found.int("user_id")
    }

    /// `generate`: a key that lives for at most three months.
    mutating func generateKey(_ call: OdooCall, _ random: any RandomSource) throws(OdooProblem) -> String {
        guard let key = call.text("key"), userOf(key: key) == user else { throw OdooProblem(kind: .accessError, message: "The provided API key is invalid.") }
        guard let until = call.text("expiration_date"), let day = LocalDate(until.prefix(10)) else {
            throw .validation("The API key must have an expiration date")
        }
        guard day <= today.adding(days: Self.keyDays) else { throw .validation("You cannot exceed \(Self.keyDays) days.") }
        let mine = all("res.users.apikeys").filter { $0.int("user_id") == user }
        guard mine.count < Self.keysMost else { throw .user("Limit of \(Self.keysMost) API keys is reached for programmatic creation") }
        let made = random.bytes(20).hexText
        let values: [String: JSON] = [
            "name": .orFalse(call.text("name")), "user_id": .int(user), "scope": .orFalse(call.text("scope")), "key": .string(made),
            "expiration_date": .string(until.count > 10 ? until : until + " 00:00:00"), "generated": true,
        ]
        insert("res.users.apikeys", values)
        return made
    }

    mutating func revokeKey(_ call: OdooCall) throws(OdooProblem) {
        let found = all("res.users.apikeys").first { $0.text("key") == call.text("key") && $0.int("user_id") == user }
        guard let found else { throw OdooProblem(kind: .accessError, message: "The provided API key is invalid.") }
        delete("res.users.apikeys", found.id)
    }

    /// Ends every key that a program made for itself.
    mutating func endGeneratedKeys() {
        for key in all("res.users.apikeys") where key.flag("generated") { delete("res.users.apikeys", key.id) }
    }
}
