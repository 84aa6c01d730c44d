internal import Kernel
internal import Store

/// Where a user gives himself another password.
enum PasswordPage {
    static let path = "/password"

    static let endpoints = [
        Shell.page(path) { clerk in try content(clerk) },
        Shell.action(path) { clerk in try await change(clerk) },
    ]

    private static func content(_ clerk: Clerk, _ status: Int = 200, why: String = "") throws -> Shell.Content {
        guard clerk.asker.isUser else { throw Refusal.notFound("An API key has no password.") }
        let note: HTML = why.isEmpty ? "" : "<p id=\"why\" role=\"alert\" class=\"message bad\">\(why)</p>"
        return Shell.Content(
            title: "Another password", place: "", body: """
                <section class="panel narrow"><form method="post" action="/password">\(note)
                <p><label for="current">The password you have</label><br><input id="current" name="current" type="password" autocomplete="current-password" required></p>
                <p><label for="new">The one you want</label><br><input id="new" name="new" type="password" autocomplete="new-password" required minlength="\(UserName.passwordLeast)" maxlength="\(UserName.passwordMost)" aria-describedby="rule"></p>
                <p id="rule" class="soft">At least \(UserName.passwordLeast) characters: a sentence is easy to keep in mind. You are signed out everywhere, and sign in with it.</p>
                <button class="primary">Take it from now on</button></form></section>
                """, status: status)
    }

    private static func change(_ clerk: Clerk) async throws -> Shell.Outcome {
        let desk = clerk.desk, new = clerk.form("new")
        guard clerk.asker.isUser else { throw Refusal.notFound("An API key has no password.") }
        if let wrong = Words(.line, least: UserName.passwordLeast, most: UserName.passwordMost).finding(new) { return .show(try content(clerk, 422, why: "The new password \(wrong.why).")) }
        // Whoever finds a browser that is signed in guesses no more often than anybody at the sign-in.
        let tries = SignInGuard(name: clerk.asker.label, address: clerk.visit.call.address, desk)
        guard case .go = try await tries.begin() else { return .show(try content(clerk, 429, why: "Too many wrong passwords: try again in a quarter of an hour.")) }
        guard let found = try await desk.store.user(named: clerk.asker.label),
            try await tries.trying({ () throws(Fault) in try await desk.passwords.verify(Secret(clerk.form("current")), against: found.password) })
        else { return .show(try content(clerk, 422, why: "The password you have is another one.")) }
        try await tries.succeeded()
        _ = try await desk.store.setPassword(found.row.id, try await desk.passwords.make(Secret(new)), actor: clerk.asker.actor)
        return .show(Shell.Content(title: "Your password is another one now", place: "", body: """
            <section class="panel narrow"><p class="lead">You are signed out everywhere.</p><p><a class="button primary" href="/sign-in">Sign in with it</a></p></section>
            """))
    }
}
