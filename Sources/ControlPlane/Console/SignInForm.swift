internal import Crypto
internal import Kernel
internal import Store

/// What somebody typed to sign in: a user and the password, or an API key.
struct SignInForm: Sendable {
    /// Why nobody is signed in, in words for whoever tried. They are the same for a name that is unknown, disabled, or has another password.
    struct Refused: Sendable {
        var status = 401
        var words: String
        /// Which field it is about: `key`, `password`; empty for none.
        var field: String
        /// What was typed as name, to stand there again.
        var name = ""
        /// In seconds.
        var retryAfter: Int64?

        init(_ words: String, field: String) {
            self.words = words
            self.field = field
        }
    }

    enum Outcome: Sendable {
        /// `against`: what is kept of a user's password, as it was looked at.
        case known(SignedIn, against: String?)
        case refused(Refused)
    }

    private let name, key: String
    private let password: Secret

    init(_ form: [(name: String, value: String)]) {
        func value(_ field: String) -> String { form.first { $0.name == field }?.value ?? "" }
        name = String(value("name").drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
        key = value("key").split(separator: " ").joined()
        password = Secret(value("password"))
    }

    func who(_ visit: Visit) async throws -> Outcome {
        if !name.isEmpty { return try await user(visit) }
        guard !key.isEmpty || password.count == 0 else { return .refused(.init("Say which user you are, too.", field: "password")) }
        guard let row = try await visit.desk.keyring.row(key: key), Asker(row).scopes.contains(.read) else {
            return .refused(.init(key.isEmpty ? "Give a user and the password, or an API key." : "This key is unknown, revoked, or may not read.", field: "key"))
        }
        return .known(.key(row), against: nil)
    }

    private func user(_ visit: Visit) async throws -> Outcome {
        let desk = visit.desk
        let tries = SignInGuard(name: name, address: visit.call.address, desk)
        let isLast: Bool
        switch try await tries.begin() {
        case .closed(let until): return .refused(closed(until, desk))
        case .go(let last): isLast = last
        }
        // Whoever is unknown takes as long.
        let found = UserName.fits(name) ? try await desk.store.user(named: name) : nil
        let kept = found?.password ?? PasswordHash.ofNobody
        let isRight = try await tries.trying { () throws(Fault) in try await desk.passwords.verify(password, against: kept) }
        guard isRight, let found, Asker(found.row).scopes.contains(.read) else {
            if isLast, let found { try await desk.store.noteLockOut(found.row) }
            return .refused(another)
        }
        try await tries.succeeded()
        guard !PasswordHash.isCurrent(kept) else { return .known(.user(found.row), against: kept) }
        let anew = try await desk.passwords.make(password)
        if try await desk.store.keepPassword(found.row.id, anew, instead: kept) { return .known(.user(found.row), against: anew) }
        // Another sign-in was quicker, or the password was changed: what is kept now decides.
        guard let now = try await desk.store.user(named: name), now.row.id == found.row.id, try await desk.passwords.verify(password, against: now.password) else {
            return .refused(another)
        }
        return .known(.user(now.row), against: now.password)
    }

    /// Also where it was another one before, or will be from now on.
    var another: Refused {
        var out = Refused("The user is unknown or disabled, or the password is another one.", field: "password")
        out.name = name.utf8.count <= UserName.lengthMost ? name : ""
        return out
    }

    private func closed(_ until: Timestamp, _ desk: Desk) -> Refused {
        let seconds = max(1, (until - desk.clocks.now()).wholeMilliseconds / 1000)
        let minutes = (seconds + 59) / 60
        var out = Refused("Too many wrong passwords: signing in is closed for \(minutes == 1 ? "a minute" : "\(minutes) minutes").", field: "password")
        out.status = 429
        out.retryAfter = seconds
        return out
    }
}
