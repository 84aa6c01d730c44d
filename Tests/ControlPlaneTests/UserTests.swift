import Crypto
import HTTPServer
import Kernel
import Postgres
import Store
import Testing
import Wire

@testable import ControlPlane

/// Signs in as a user, from an address that a proxy tells.
private func signIn(_ bench: Bench, _ name: String, _ password: String, from address: String = "192.0.2.1") async -> HTTPResponse {
    let request = HTTPRequest(.post, "/session", fields: [
        "Host": "cf.test", "Content-Type": "application/x-www-form-urlencoded", "Origin": "http://cf.test", "X-Forwarded-For": "198.51.100.9, \(address)",
    ], body: Array(Form.encode([("name", name), ("password", password), ("key", ""), ("next", "/inbox")]).utf8))
    return await bench.plane.desk.respond(request, from: "127.0.0.1").response() ?? HTTPResponse(500)
}

private func shown(_ bench: Bench, _ path: String, _ cookie: String) async -> String { await bench.raw(.get, path, fields: ["Cookie": cookie]).bodyText }

private let quiet = "a long and quiet sentence"
/// The same, kept at a cost of long ago.
private let old = "$scrypt$ln=10,r=8,p=1$AAECAwQFBgcICQoLDA0ODw$zBJ_jFbofT9a4W3t2t_O8_Q314estjhQf_j9HZPsG_Q"

/// One after another: each waits for passwords, and holds database connections meanwhile.
@Suite("users", .serialized, .timeLimit(.minutes(5))) struct UserTests {
    @Test("a user signs in by name and password, sees what is his, and is named in the trail") func signsIn() async throws {
        let bench = try await Bench.make(), made = try await bench.furnished("alpha"), _ = try await bench.tenant("beta")
        let user = await bench.call(.post, "/v1/users", ["name": "Ann@north.example", "scopes": ["admin"], "password": .string(quiet), "tenant": .string("\(made.tenant.id)")])
        #expect(user.status == 201 && user.json["password"]?.isNull == true && user.json["tenant"]?.string == "\(made.tenant.id)", "\(user.text)")
        let id = try #require(user.json["id"]?.string)
        let login = await signIn(bench, " ann@NORTH.example ", quiet)
        #expect(login.status == 303 && login.fields["Location"] == "/inbox")
        let signed = cookie(login), page = await shown(bench, "/", signed)
        #expect(page.contains("Sign out") && page.contains("Ann@north.example") && page.contains("The user that you signed in with"))
        #expect(page.contains("/tenants/\(made.tenant.id)/rules") && !page.contains("beta"))
        let pulled = await bench.raw(.post, "/tenants/\(made.tenant.id)/pull", Array("flow=\(made.flow)".utf8), fields: ["Host": "cf.test", "Origin": "http://cf.test", "Cookie": signed])
        #expect(pulled.status == 303, "\(pulled.bodyText)")
        let trail = await bench.call(.get, "/v1/tenants/\(made.tenant.id)/audit?limit=200").items
        #expect(trail.contains { $0.text("actor") == "user Ann@north.example (\(id.prefix(8)))" && $0.text("action") == "user.signed_in" })
        #expect(trail.contains { $0.text("actor") == "user Ann@north.example (\(id.prefix(8)))" && $0.text("action").hasPrefix("flow.") })
        #expect(trail.contains { $0.text("action") == "user.created" && $0.text("actor").hasPrefix("key operator (") })
        #expect(await bench.call(.get, "/v1/users/\(id)").json["signed_in_at"]?.string != nil)
        // Neither the password nor what is kept of it, nor the session's id, is told or kept anywhere else.
        #expect(!bench.log.text.contains(quiet) && !user.text.contains("$scrypt"))
        let kept = try await bench.root.pool.query("SELECT password FROM adm.users").first?.get("password", as: String.self) ?? ""
        #expect(PasswordHash.verify(Secret(quiet), against: kept))
        #expect(try await bench.count("SELECT count(*) FROM adm.sessions WHERE encode(digest, 'hex') = \(String(signed.dropFirst("cf_session=".count)))") == 0)
    }

    @Test("two control planes know the same sessions, and one that is ended is ended at both") func shared() async throws {
        let bench = try await Bench.make()
        _ = await bench.call(.post, "/v1/users", ["name": "ann", "scopes": ["read"], "password": .string(quiet)])
        let signed = cookie(await signIn(bench, "ann", quiet)), id = String(signed.dropFirst("cf_session=".count))
        let other = Sessions(store: bench.store, clocks: bench.clocks, random: SystemRandom())
        #expect(try await other.asker(id)?.actor.hasPrefix("user ann (") == true)
        try await bench.plane.desk.sessions.close(id)
        #expect(await !shown(bench, "/", signed).contains("Sign out"))
        bench.clocks.step(.seconds(6))
        #expect(try await other.asker(id) == nil)
        #expect(try await other.asker("x") == nil)
    }

    @Test("who is disabled, or has another password, is signed out within five seconds, and links of his lead nowhere") func ends() async throws {
        let bench = try await Bench.make(), made = try await bench.furnished()
        let id = try await bench.call(.post, "/v1/users", ["name": "ann", "scopes": ["admin"], "password": .string(quiet)]).id()
        let first = cookie(await signIn(bench, "ann", quiet))
        let asker = try #require(try await bench.plane.desk.sessions.asker(String(first.dropFirst("cf_session=".count))))
        let link = Answer(try await bench.plane.desk.inside(HTTPRequest(.post, "/v1/connections/\(made.ledger)/invitation"), asker))
        #expect(link.status == 201, "\(link.text)")
        #expect(await bench.call(.put, "/v1/users/\(id)/password", ["password": "another long sentence"]).status == 204)
        bench.clocks.step(.seconds(6))
        #expect(await !shown(bench, "/", first).contains("Sign out"))
        #expect(await signIn(bench, "ann", quiet).status == 401)
        let second = cookie(await signIn(bench, "ann", "another long sentence"))
        #expect(await shown(bench, "/", second).contains("Sign out"))
        let disabled = await bench.call(.patch, "/v1/users/\(id)", ["disabled": true])
        #expect(disabled.status == 200 && disabled.json["disabled_at"]?.string != nil)
        bench.clocks.step(.seconds(6))
        #expect(await !shown(bench, "/", second).contains("Sign out"))
        #expect(await bench.call(.get, "/v1/authorizations/\(link.json.text("id"))").json["state"]?.string == "revoked")
        let refused = await signIn(bench, "ann", "another long sentence"), unknown = await signIn(bench, "bob", "another long sentence")
        #expect(refused.status == 401 && unknown.status == 401)
        #expect(refused.bodyText.replacing("value=\"ann\"", with: "") == unknown.bodyText.replacing("value=\"bob\"", with: ""))
        #expect(await bench.call(.patch, "/v1/users/\(id)", ["disabled": false, "scopes": ["read"]]).json["disabled_at"]?.isNull == true)
        let third = await signIn(bench, "ann", "another long sentence")
        #expect(third.status == 303)
        // What he may do is what is said now.
        #expect(await !shown(bench, "/connections/\(made.ledger)", cookie(third)).contains("Connect in the browser"))
        let actions = await bench.call(.get, "/v1/users?limit=1")
        #expect(actions.items.count == 1)
    }

    @Test("wrong passwords close the sign-in for that name from that address, say so, and open it by themselves") func lockOut() async throws {
        let bench = try await Bench.make()
        _ = await bench.call(.post, "/v1/users", ["name": "ann", "scopes": ["read"], "password": .string(quiet)])
        // One that is right takes what was counted back.
        for _ in 1 ... 4 { #expect(await signIn(bench, "ann", "wrong").status == 401) }
        #expect(await signIn(bench, "ann", quiet).status == 303)
        for _ in 1 ... 5 { #expect(await signIn(bench, "ann", "wrong").status == 401) }
        let closed = await signIn(bench, "ann", quiet)
        #expect(closed.status == 429 && closed.bodyText.contains("Too many wrong passwords: signing in is closed for 15 minutes."))
        #expect(closed.fields["Retry-After"].flatMap { Int($0) }.map { (800 ... 900).contains($0) } == true)
        #expect(closed.fields["Set-Cookie"] == nil)
        // From elsewhere she signs in; a name that nobody has is closed the same way.
        #expect(await signIn(bench, "ann", quiet, from: "192.0.2.2").status == 303)
        for n in 1 ... 6 { #expect(await signIn(bench, "nobody", "wrong").status == (n <= 5 ? 401 : 429)) }
        #expect(try await bench.count("SELECT count(*) FROM app.audit WHERE action = 'user.locked_out'") == 1)
        bench.clocks.step(.seconds(15 * 60 + 1))
        #expect(await signIn(bench, "ann", quiet).status == 303)
    }

    @Test("a sign-in that waited while the password was set anew, or the user disabled, opens no session") func overtaken() async throws {
        let bench = try await Bench.make(), sessions = bench.plane.desk.sessions
        let made = await bench.call(.post, "/v1/users", ["name": "ann", "scopes": ["read"], "password": .string(quiet)])
        let id = try #require(made.json["id"]?.string)
        let found = try #require(try await bench.store.user(named: "ann"))
        #expect(await bench.call(.put, "/v1/users/\(id)/password", ["password": .string(quiet + " anew")]).status == 204)
        #expect(try await sessions.open(for: .user(found.row), against: found.password) == nil)
        let anew = try #require(try await bench.store.user(named: "ann"))
        #expect(try await sessions.open(for: .user(anew.row), against: anew.password) != nil)
        #expect(await bench.call(.patch, "/v1/users/\(id)", ["disabled": true]).status == 200)
        #expect(try await sessions.open(for: .user(anew.row), against: anew.password) == nil)
        #expect(try await bench.count("SELECT count(*) FROM adm.sessions") == 0)
    }

    @Test("guesses at one name from many addresses, and at many names from one, are stopped before a password is looked at") func manyGuesses() async throws {
        let bench = try await Bench.make()
        _ = await bench.call(.post, "/v1/users", ["name": "ann", "scopes": ["read"], "password": .string(quiet)])
        let desk = bench.plane.desk
        for n in 1 ... 50 { _ = try await SignInGuard(name: "ann", address: "a\(n)", desk).begin() }
        for n in 1 ... 50 { _ = try await SignInGuard(name: "n\(n)", address: "192.0.2.7", desk).begin() }
        #expect(await signIn(bench, "ANN", quiet, from: "192.0.2.8").status == 429)
        #expect(await signIn(bench, "other", quiet, from: "192.0.2.7").status == 429)
        #expect(await signIn(bench, "other", quiet, from: "192.0.2.8").status == 401)
        // Names and addresses are not kept in the clear.
        bench.clocks.step(.seconds(15 * 60 + 1))
        try await bench.store.forgetSessions(at: bench.clocks.now(), window: SignInGuard.window)
        #expect(try await bench.count("SELECT count(*) FROM adm.sign_in_tries") == 0)
    }

    @Test("whoever goes on from one address closes it for himself, and the name for nobody else; of IPv6 the network is the address") func oneAddress() async throws {
        let bench = try await Bench.make()
        _ = await bench.call(.post, "/v1/users", ["name": "ann", "scopes": ["read"], "password": .string(quiet)])
        for _ in 1 ... 70 { _ = try await SignInGuard(name: "ann", address: "192.0.2.7", bench.plane.desk).begin() }
        #expect(await signIn(bench, "ann", quiet, from: "192.0.2.7").status == 429)
        #expect(await signIn(bench, "ann", quiet, from: "192.0.2.8").status == 303)
        #expect(SignInGuard.place("2001:db8:1:2:3::4") == SignInGuard.place("2001:db8:1:2:ffff::1"))
        #expect(SignInGuard.place("2001:db8:1:2::1") != SignInGuard.place("2001:db8:1:3::1"))
        #expect(SignInGuard.place("::ffff:192.0.2.7") == "::ffff:192.0.2.7" && SignInGuard.place("192.0.2.7") == "192.0.2.7")
    }

    @Test("a try whose password nobody could look at counts for nothing") func lookedAtByNobody() async throws {
        let bench = try await Bench.make()
        for _ in 1 ... 8 {
            let tries = SignInGuard(name: "ann", address: "192.0.2.7", bench.plane.desk)
            guard case .go = try await tries.begin() else {
                Issue.record("closed by tries that were none")
                return
            }
            await #expect(throws: Fault.self) { try await tries.trying { () throws(Fault) in throw Fault("sign_in_busy", stage: .api, disposition: .retry, summary: "busy") } }
        }
        #expect(try await bench.count("SELECT count(*) FROM adm.sign_in_tries") == 0)
    }

    @Test("an address is what the nearest proxy says, and of whoever comes without one the socket's own") func addresses() {
        func address(_ peer: String, _ forwarded: String?) -> String {
            var request = HTTPRequest(.get, "/")
            if let forwarded { request.fields["X-Forwarded-For"] = forwarded }
            return Call.address(of: request, peer)
        }
        #expect(address("127.0.0.1", "192.0.2.1, 192.0.2.2") == "192.0.2.2")
        #expect(address("::ffff:10.0.0.3", "192.0.2.2") == "192.0.2.2")
        #expect(address("172.20.1.1", "192.0.2.2") == "192.0.2.2")
        #expect(address("172.32.1.1", "192.0.2.2") == "172.32.1.1")
        #expect(address("203.0.113.9", "192.0.2.2") == "203.0.113.9")
        #expect(address("127.0.0.1", nil) == "127.0.0.1")
        #expect(address("::1", "2001:db8::1") == "2001:db8::1")
        // With the connection's port, as some proxies write it.
        #expect(address("10.0.0.3", "198.51.100.9:1, 192.0.2.2:40112") == "192.0.2.2")
        for written in ["[2001:db8::1]:443", "[2001:db8::1]"] { #expect(address("10.0.0.3", written) == "2001:db8::1", "\(written)") }
        for odd in [
            String(repeating: "1", count: 65), "unknown", "unknown:443", "_hidden", "192.0.2", "", ":443", "192.0.2.2:", "192.0.2.2:http", "192.0.2.2:400000", "192.0.2.2:1:2",
            "[192.0.2.2]:443", "[2001:db8::1", "[2001:db8::1]443", "[2001:db8::1]:", "[]:443", "[[::1]]:443",
        ] { #expect(address("127.0.0.1", odd) == "127.0.0.1", "\(odd)") }
    }

    @Test("a user is made for nobody whom the asking key does not see, under a name that is free, with a password worth the name") func bounds() async throws {
        let bench = try await Bench.make(), north = try await bench.consultancy("north"), own = try await bench.tenant("own", of: north), foreign = try await bench.tenant("foreign")
        let key = try await bench.key("north", consultancy: north, scopes: ["admin"])
        let made = await bench.call(.post, "/v1/users", ["name": "ann", "scopes": ["write"]], key: key)
        let drawn = try #require(made.json["password"]?.string)
        #expect(drawn.utf8.count == 24 && made.json["consultancy"]?.string == north)
        #expect(await signIn(bench, "ann", drawn).status == 303)
        #expect(await bench.call(.post, "/v1/users", ["name": "bob", "scopes": ["read"], "tenant": .string("\(own.id)")], key: key).status == 201)
        #expect(await bench.call(.post, "/v1/users", ["name": "eve", "scopes": ["read"], "tenant": .string("\(foreign.id)")], key: key).status == 422)
        let taken = await bench.call(.post, "/v1/users", ["name": "ANN", "scopes": ["read"]])
        #expect(taken.status == 409 && taken.code == "already_exists")
        for name in ["", " ", "a b", "a\u{0}", "a\nb", "ünal", "-a", "@a", String(repeating: "a", count: 101)] {
            #expect(await bench.call(.post, "/v1/users", ["name": .string(name), "scopes": ["read"]]).status == 422, "\(name)")
        }
        for password in ["", "elevenchars", "with a\nline break", "with a \u{0} byte", String(repeating: "x", count: 201)] {
            #expect(await bench.call(.post, "/v1/users", ["name": "carl", "scopes": ["read"], "password": .string(password)]).status == 422, "\(password)")
        }
        #expect(await bench.call(.post, "/v1/users", ["name": "carl", "scopes": []]).status == 422)
        #expect(await bench.call(.post, "/v1/users", ["name": "carl", "scopes": ["read"]], more: [("Idempotency-Key", "1")]).code == "idempotency_not_kept")
        // A tenant's admin sees the users of the tenant.
        let small = try await bench.key("small", tenant: own.id, scopes: ["admin"])
        #expect(await bench.call(.get, "/v1/users", key: small).items.map { $0.text("name") } == ["bob"])
        #expect(await bench.call(.get, "/v1/users", key: key).items.map { $0.text("name") } == ["ann", "bob"])
        let ann = try #require(made.json["id"]?.string)
        #expect(await bench.call(.put, "/v1/users/\(ann)/password", ["password": .string(quiet)], key: small).status == 404)
        #expect(await bench.call(.patch, "/v1/users/\(ann)", ["disabled": true], key: small).status == 404)
        #expect(await bench.call(.get, "/v1/users/\(ann)", key: small).status == 404)
    }

    @Test("a user of a removed tenant, and an empty form, open no session") func nobody() async throws {
        let bench = try await Bench.make(), tenant = try await bench.tenant("alpha")
        _ = await bench.call(.post, "/v1/users", ["name": "ann", "scopes": ["read"], "password": .string(quiet), "tenant": .string("\(tenant.id)")])
        let signed = cookie(await signIn(bench, "ann", quiet))
        #expect(await shown(bench, "/", signed).contains("Sign out"))
        #expect(await bench.call(.patch, "/v1/tenants/\(tenant.id)", ["state": "removed"]).status == 200)
        bench.clocks.step(.seconds(6))
        #expect(await !shown(bench, "/", signed).contains("Sign out"))
        #expect(await signIn(bench, "ann", quiet).status == 401)
        let empty = await signIn(bench, "", "")
        #expect(empty.status == 401 && empty.bodyText.contains("Give a user and the password, or an API key."))
        #expect(await signIn(bench, "", quiet).bodyText.contains("Say which user you are, too."))
        let odd = await signIn(bench, "<b>", quiet)
        #expect(odd.status == 401 && odd.bodyText.contains("value=\"&lt;b&gt;\""))
    }

    @Test("a user gives himself another password with the one he has, and is signed out everywhere; a key has none") func ownPassword() async throws {
        let bench = try await Bench.make()
        _ = await bench.call(.post, "/v1/users", ["name": "ann", "scopes": ["read"], "password": .string(quiet)])
        let signed = cookie(await signIn(bench, "ann", quiet)), next = "another long sentence"
        func send(_ current: String, _ new: String, by cookie: String) async -> HTTPResponse {
            await bench.raw(.post, "/password", Array(Form.encode([("current", current), ("new", new)]).utf8), fields: [
                "Host": "cf.test", "Origin": "http://cf.test", "Content-Type": "application/x-www-form-urlencoded", "Cookie": cookie,
            ])
        }
        #expect(await shown(bench, "/", signed).contains("href=\"/password\""))
        #expect(await shown(bench, "/password", signed).contains("new-password"))
        #expect(await send(quiet, "short", by: signed).bodyText.contains("The new password must be text of 12 to 200 characters."))
        let wrong = await send("wrong", next, by: signed)
        #expect(wrong.status == 422 && wrong.bodyText.contains("The password you have is another one."))
        #expect(await send(quiet, next, by: signed).bodyText.contains("You are signed out everywhere."))
        bench.clocks.step(.seconds(6))
        #expect(await !shown(bench, "/", signed).contains("Sign out"))
        #expect(await signIn(bench, "ann", quiet).status == 401)
        let again = cookie(await signIn(bench, "ann", next))
        for _ in 1 ... 5 { #expect(await send("wrong", quiet, by: again).status == 422) }
        #expect(await send(next, quiet, by: again).status == 429)
        let key = cookie(await logIn(bench, bench.key))
        #expect(await send(next, quiet, by: key).status == 404)
        #expect(await bench.raw(.get, "/password", fields: ["Cookie": key]).status == 404)
        #expect(try await bench.count("SELECT count(*) FROM app.audit WHERE action = 'user.password_set' AND actor LIKE 'user ann (%'") == 1)
    }

    @Test("a password that was kept at an older cost is kept at today's when it is next typed") func older() async throws {
        let bench = try await Bench.make()
        _ = await bench.call(.post, "/v1/users", ["name": "ann", "scopes": ["read"], "password": .string(quiet)])
        _ = try await bench.root.pool.query("UPDATE adm.users SET password = \(old)")
        #expect(await signIn(bench, "ann", "wrong").status == 401)
        #expect(try await bench.count("SELECT count(*) FROM adm.users WHERE password = \(old)") == 1)
        #expect(await signIn(bench, "ann", quiet).status == 303)
        #expect(try await bench.count("SELECT count(*) FROM adm.users WHERE password LIKE '$scrypt$ln=15,r=8,p=3$%'") == 1)
    }

    @Test("of two who type such a password at one moment, both are signed in; what was changed meanwhile is another") func olderTwice() async throws {
        let bench = try await Bench.make()
        _ = await bench.call(.post, "/v1/users", ["name": "ann", "scopes": ["read"], "password": .string(quiet)])
        _ = try await bench.root.pool.query("UPDATE adm.users SET password = \(old)")
        let statuses = await withTaskGroup(of: Int.self) { group in
            for n in 1 ... 3 { group.addTask { await signIn(bench, "ann", quiet, from: "192.0.2.\(n)").status } }
            return await group.reduce(into: []) { $0.append($1) }
        }
        #expect(statuses == [303, 303, 303])
        #expect(try await bench.count("SELECT count(*) FROM adm.sessions") == 3)
        let found = try #require(try await bench.store.user(named: "ann"))
        #expect(try await !bench.store.keepPassword(found.row.id, "$scrypt$another", instead: old))
        #expect(try await bench.store.user(named: "ann")?.password == found.password)
        #expect(try await bench.store.keepPassword(found.row.id, old, instead: found.password))
    }
}
