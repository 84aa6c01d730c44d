import ConnectorKit
@testable import Courier
import HTTPClient
import Kernel
import Store
import Testing
import Wire

/// What holds for refresh tokens holds for what is made anew: one at a time, saved before it is used, nobody's newer one written over.
@Suite("Tokens and sessions that are made anew")
struct SessionTests {
    static let remade = Kind.allCases.filter(\.isRemade)
    static let loggedIn = Kind.allCases.filter(\.logsIn)

    @Test("nothing is sent with a token or session that is not saved", arguments: remade)
    func saved(kind: Kind) async {
        let bench = KindBench(kind)
        bench.store.change { $0.saveFaults = [.lost, .lost] }
        #expect(await bench.run(.write).output == "fine")
        let lines = bench.journal.lines
        #expect(lines.firstIndex(of: "login") ?? 99 < bench.journal.first("save v2") ?? -1)
        #expect(bench.journal.first("save v2") ?? 99 < bench.journal.first("call") ?? -1)
        #expect(bench.door.logins == 1 && bench.door.effects == 1)
        #expect(bench.saved?.isMade == true && bench.saved?.parts == kind.credential.parts)
    }

    @Test("a save that never succeeds sends nothing; the next call saves what was made instead of making another", arguments: remade)
    func unsaved(kind: Kind) async {
        let bench = KindBench(kind)
        bench.store.change { $0.saveFaults = Array(repeating: .lost, count: 3) }
        #expect(await bench.run(.write).refusal?.disposition == .retry)
        #expect(bench.door.calls == 0 && bench.door.logins == 1)
        #expect(await bench.run(.write).output == "fine")
        #expect(bench.door.logins == 1)
    }

    @Test("a session that ended is opened once more, and the refused call is sent once again", arguments: remade)
    func expired(kind: Kind) async {
        let bench = KindBench(kind)
        #expect(await bench.run(.write).output == "fine")
        bench.door.kick()
        #expect(await bench.run(.write).output == "fine")
        #expect(bench.door.logins == 2 && bench.door.calls == 3 && bench.door.effects == 2)
        #expect(bench.store.row.state == "live" && bench.store.alerts.isEmpty)
    }

    @Test("fifty calls find the session ended at the same time: one login", arguments: remade)
    func together(kind: Kind) async {
        let bench = KindBench(kind)
        #expect(await bench.run(.read).output == "fine")
        bench.door.kick()
        let row = bench.connection
        let fine = await withTaskGroup(of: Bool.self) { group in
            for _ in 0 ..< 50 { group.addTask { await bench.run(.read, on: row).output == "fine" } }
            return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
        }
        #expect(fine == 50)
        #expect(bench.door.logins == 2)
    }

    @Test("a worker that comes later goes on with the session that is there", arguments: remade)
    func handedOver(kind: Kind) async {
        let bench = KindBench(kind)
        #expect(await bench.run(.write).output == "fine")
        #expect(await bench.run(.write, by: bench.another()).output == "fine")
        #expect(bench.door.logins == 1)
    }

    @Test("a worker whose session another one replaced takes the newer one instead of logging in", arguments: remade)
    func replaced(kind: Kind) async {
        let bench = KindBench(kind)
        let old = bench.connection
        #expect(await bench.run(.write).output == "fine")
        bench.door.kick()
        let other = bench.another()
        #expect(await bench.run(.write, by: other).output == "fine")
        #expect(bench.door.logins == 2)
        #expect(await bench.run(.write, on: old).output == "fine")
        #expect(bench.door.logins == 2)
    }

    @Test("a person gives a credential anew while a login is under way: what the login gave is not saved over it", arguments: remade)
    func person(kind: Kind) async {
        let bench = KindBench(kind)
        let once = Locked(false)
        bench.door.onLogin {
            guard !once.with({ let was = $0; $0 = true; return was }) else { return }
            bench.store.connect(kind.credential)
        }
        #expect(await bench.run(.write).output == "fine")
        #expect(bench.journal.count("save refused") == 1)
        // The person's has no session yet, so it gets its own.
        #expect(bench.door.logins == 2 && bench.store.row.credentialVersion == 3)
    }

    @Test("no login that the lease does not outlast", arguments: remade)
    func fenced(kind: Kind) async {
        let bench = KindBench(kind)
        bench.ends.with { $0 = bench.clocks.monotonic() + .seconds(1) }
        #expect(await bench.run(.read).refusal?.code == "lease_ending")
        #expect(bench.door.requests.isEmpty)
    }

    @Test("a platform that lets nobody in now is asked again later, and nobody is declared dead", arguments: remade)
    func down(kind: Kind) async {
        for turn in [Doorkeeper.Turn.torn, .notSent, .answer(.text(500, "")), .answer(.text(503, "")), .answer(.text(404, "<html>")), .answer(.text(400, "{}")), .answer(.text(302, ""))] {
            let bench = KindBench(kind)
            bench.door.change { $0.loginTurns = [turn] }
            let fault = await bench.run(.write).refusal
            #expect(fault?.disposition == .retry && ["login_down", "token_endpoint_down"].contains(fault?.code ?? ""), "\(turn): \(String(describing: fault))")
            #expect(await bench.run(.write).output == "fine")
            #expect(bench.store.alerts.isEmpty && bench.store.states.isEmpty)
        }
    }

    @Test("an answer that lacks what a login gives is no session", arguments: loggedIn)
    func lacking(kind: Kind) async {
        for body in ["fine", "fine <r/>", "fine {}"] {
            let bench = KindBench(kind)
            bench.door.change { $0.loginTurns = [.answer(.text(200, body))] }
            #expect(await bench.run(.read).refusal?.code == "login_answer_unreadable")
            #expect(bench.door.calls == 0)
        }
    }

    @Test("a platform that asks to slow down with its logins is waited for", arguments: loggedIn)
    func throttled(kind: Kind) async {
        let bench = KindBench(kind)
        bench.door.change { $0.loginTurns = [.answer(.text(429, ""))] }
        let fault = await bench.run(.read).refusal
        #expect(fault?.code == "throttled" && fault?.disposition == .wait && fault?.retryAfter == .seconds(1))
    }

    @Test("a login is charged to its own budget")
    func charged() async {
        let limits = PlainConnector.limits + [RateLimit(name: "login", scope: .connection, amount: 200, window: .seconds(3600))]
        let bench = KindBench(.cookieSession, limits: limits)
        #expect(await bench.run(.read).output == "fine")
        #expect(bench.store.state.with { $0.charges } == 2)
        bench.door.kick()
        bench.store.change { $0.waits = [.zero, .seconds(600)] }
        let fault = await bench.run(.read).refusal
        #expect(fault?.code == "budget_spent" && bench.door.logins == 1)
    }

    @Test("sessions that are refused from the first call on end with a person, after two logins", arguments: remade)
    func useless(kind: Kind) async {
        let bench = KindBench(kind)
        bench.door.change { $0.turns = Array(repeating: .answer(.text(401, "who?")), count: 20) }
        #expect(await bench.run(.read).refusal?.code == "credential_dead")
        #expect(bench.door.logins == 2 || bench.door.logins == 3)
        #expect(bench.store.row.state == "dead")
    }

    @Test("a session that says how long it lasts is opened anew before its end")
    func ends() async {
        let bench = KindBench(.xmlSession)
        #expect(await bench.run(.read).output == "fine")
        #expect(bench.saved?.expiresAt.map { $0 - bench.clocks.now() } == .seconds(3600))
        bench.clocks.advance(by: .seconds(3600 - 59))
        #expect(await bench.run(.read).output == "fine")
        #expect(bench.door.logins == 2 && bench.door.calls == 2)
    }

    @Test("a login may send its caller to another host of the platform, and nowhere else", arguments: [
        ("https://eu.door.example/ia/xml/gate.phtml", "https://eu.door.example"), ("HTTPS://EU.DOOR.EXAMPLE", "https://eu.door.example"), ("https://door.example/", "https://door.example"),
        ("http://eu.door.example/", nil), ("https://evil.example/door.example", nil), ("https://door.example.evil.example", nil), ("https://eudoor.example", nil),
        ("https://door.example@evil.example/", nil), ("https://evil.example#.door.example", nil), ("https://eu.door.example:8443/", nil), ("//eu.door.example", nil), ("eu.door.example", nil),
    ])
    func moves(_ address: String, _ base: String?) async {
        #expect(LoginAnswer.base(of: address, within: ["door.example"]) == base)
        let bench = KindBench(.xmlSession)
        bench.door.change { $0.endpoint = address }
        let delivery = await bench.run(.read)
        if let base {
            #expect(delivery.output == "fine")
            #expect(bench.door.state.with { $0.calls.first?.target } == base + "/things?q=a%20b")
            // Logging in begins at the front door each time.
            bench.door.kick()
            #expect(await bench.run(.read, by: bench.another()).output == "fine")
            #expect(bench.door.state.with { $0.logins }.allSatisfy { $0.target == "https://1234567-sb1.door.example/login" })
        } else {
            #expect(delivery.refusal?.code == "login_moved_away" && bench.door.calls == 0)
        }
    }

    @Test("a connection that names its own base keeps to it, wherever its login would send it")
    func stays() {
        let session = Authentication.Session(
            parts: [], gives: [SessionValue("s", .json(["s"])), SessionValue("at", .json(["at"]))], moves: ("at", ["door.example"])
        ) { _ in Call(.read, HTTPRequest(.post, "/login")) }
        let answer = HTTPOutcome.answered(HTTPResponse(200, body: Array(#"{"s":"a","at":"http://127.0.0.1:8099/door"}"#.utf8)))
        func event(_ staysThere: Bool) -> TokenRefresh.Event {
            LoginAnswer(session: session, platform: "P", staysThere: staysThere).event(
                answer, to: Call(.read, HTTPRequest(.post, "/login")), KindConnector(.cookieSession), from: Kind.cookieSession.credential,
                at: Timestamp(seconds: 1_800_000_000))
        }
        guard case .issued(let set) = event(true), case .failed(let fault) = event(false) else {
            Issue.record("the base is not kept to, or the move is not refused")
            return
        }
        #expect(set.session[LoginAnswer.base] == nil && set.session["s"]?.revealText() == "a" && fault.code == "login_moved_away")
    }

    @Test("every way in which a session's life can be told, and none that can't be meant")
    func lives() {
        let now = Timestamp(seconds: 1_800_000_000)
        func end(_ ends: SessionEnd?, _ body: String) -> Timestamp? {
            let session = Authentication.Session(parts: [], gives: [SessionValue("s", .json(["s"]))], ends: ends) { _ in Call(.read, HTTPRequest(.post, "/login")) }
            let answer = HTTPOutcome.answered(HTTPResponse(200, body: Array(body.utf8)))
            let event = LoginAnswer(session: session, platform: "P").event(
                answer, to: Call(.read, HTTPRequest(.post, "/login")), KindConnector(.cookieSession), from: Kind.cookieSession.credential, at: now)
            if case .issued(let set) = event { return set.expiresAt }
            Issue.record("no session")
            return nil
        }
        #expect(end(nil, #"{"s":"a"}"#) == nil)
        #expect(end(.after(.seconds(60)), #"{"s":"a"}"#) == now + .seconds(60))
        #expect(end(.at(.json(["t"])), #"{"s":"a","t":"2027-01-15T09:00:00+00:00"}"#) == Timestamp(rfc3339: "2027-01-15T09:00:00Z"))
        #expect(end(.lasts(.json(["t"]), unit: .seconds(60)), #"{"s":"a","t":30}"#) == now + .seconds(1800))
        for odd in ["-1", "0", "\"soon\"", "1e9", "99999999999999999999", "null"] {
            #expect(end(.lasts(.json(["t"]), unit: .seconds(60)), "{\"s\":\"a\",\"t\":\(odd)}") == nil, "\(odd)")
            #expect(end(.at(.json(["t"])), "{\"s\":\"a\",\"t\":\(odd)}") == nil, "\(odd)")
        }
        #expect(end(.at(.json(["t"])), #"{"s":"a","t":"2020-01-01T00:00:00Z"}"#) == nil)
    }

    @Test("a key that can't sign is the credential's fault, and nothing is sent")
    func badKey() async {
        let bench = KindBench(.assertion)
        var bad = Kind.assertion.credential
        bad.parts["private_key"] = Secret("hush")
        bench.store.connect(bad)
        let fault = await bench.run(.read).refusal
        #expect(fault?.code == "credential_unreadable" && fault?.underlying == "key_unreadable")
        #expect(bench.door.requests.isEmpty && bench.store.row.state == "dead")
    }
}
