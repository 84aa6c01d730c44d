internal import Kernel
internal import Postgres
internal import Store
internal import Wire

extension Endpoints {
    /// People who sign in to the console.
    static let users: [Endpoint] = [
        Endpoint(.post, "/v1/users", .key(.admin), About(
            "Make a user", "Somebody who signs in to the console by name and password. Sees no more than the key that makes the user. Without `password` one is drawn; the answer is the one time that it is shown, so it takes no `Idempotency-Key`.",
            body: [
                .must("name", .login, "A name or an address of e-mail, one in the whole installation; upper and lower case are the same.", example: "ann@northadvisers.example"),
                .must("scopes", .list(.any(of: Scope.self), 1 ... 3), example: ["write"]), .may("password", .password, "Drawn when absent.", example: .null),
                .may("consultancy", .id, "For this consultancy; not with `tenant`.", example: .null), .may("tenant", .id, "For this tenant. Without either for whomever the asking key is for."),
            ],
            isRepeatable: false, .json(201, .thing(.newUser), "The user, and a password that was drawn, this once."), .refused(400, "`idempotency_not_kept`: leave `Idempotency-Key` out."),
            .refused(409, "`already_exists`: the name is taken."), busy
        )) { visit in try await createUser(visit) },
        Endpoint(.get, "/v1/users", .key(.admin), About("Users that see no more than the asking key", .page(.user))) { visit in
            let page = try visit.page()
            return try visit.answer(try await visit.store.adminUsers(visit.asker.sees, page), page)
        },
        Endpoint(.get, "/v1/users/{user}", .key(.admin), About("A user", .one(.user))) { visit in
            try visit.answer(try await visit.store.adminUser(try visit.identifier("user"), visit.asker.sees))
        },
        Endpoint(.patch, "/v1/users/{user}", .key(.admin), About(
            "Disable or enable a user, or change what he may do", "Whoever is disabled is signed out everywhere within five seconds, and links that he made lead nowhere any more.",
            body: [.may("disabled", .flag, example: false), .may("scopes", .list(.any(of: Scope.self), 1 ... 3), "Each includes those before it.", example: ["write"])], .one(.user)
        )) { visit in
            let id = try await Endpoints.user(visit)
            var input = try visit.input()
            let (disabled, scopes) = (input.flag("disabled"), input.list("scopes"))
            try input.check()
            return try await visit.change { tx throws(Fault) in
                guard let row = try await tx.changeUser(id, disabled: disabled, scopes: scopes, actor: visit.asker.actor) else {
                    throw Fault("not_found", stage: .api, disposition: .reject, summary: "there is no such user")
                }
                return .init(200, row.json)
            }
        },
        Endpoint(.put, "/v1/users/{user}/password", .key(.admin), About(
            "Give a user another password", "Whoever is signed in with the old one is signed out within five seconds.",
            body: [.must("password", .password, "12 to 200 characters.", example: "a long and quiet sentence")], .empty(204, "It is the password from now on."), busy
        )) { visit in
            let id = try await Endpoints.user(visit)
            var input = try visit.input()
            let password = input.text("password")
            try input.check()
            let kept = try await visit.desk.passwords.make(Secret(password))
            guard try await visit.store.setPassword(id, kept, actor: visit.asker.actor) else { throw Refusal.notFound() }
            return HTTPResponse(204)
        },
    ]

    private static let busy = Reply.refused(503, "`sign_in_busy`: too many passwords are worked on.")

    private static func user(_ visit: Visit) async throws -> UserID {
        let id: UserID = try visit.identifier("user")
        guard try await visit.store.adminUser(id, visit.asker.sees) != nil else { throw Refusal.notFound() }
        return id
    }

    /// A user who sees no more than whoever makes him. A drawn password is shown once, so the answer is not kept for an idempotency key.
    private static func createUser(_ visit: Visit) async throws -> HTTPResponse {
        guard visit.request.fields["Idempotency-Key"] == nil else {
            throw Refusal(400, "idempotency_not_kept", "The answer may hold a password that is shown once and not kept.", remedy: "Leave Idempotency-Key out; give a user whose password you did not get to see another one.")
        }
        var input = try visit.input()
        let name = input.login("name"), scopes = input.list("scopes") ?? [], given = input.optionalText("password")
        let owner = try await Endpoints.owner(visit, &input)
        let password = given.map { Secret($0) } ?? UserName.drawnPassword(SystemRandom())
        let kept = try await visit.desk.passwords.make(password)
        let row = UserRow(id: visit.desk.random.identifier(), name: name, visibility: owner, scopes: scopes)
        let made = try JSON(parsing: try await visit.store.createUser(row, password: kept, actor: visit.asker.actor).json)
        return .json(201, made.setting("password", given == nil ? .string(password.revealText()) : .null))
    }
}
