import ConnectorKit
import Courier
import Kernel
import Store
import Testing
import Wire

@Suite("Every way to prove who sends")
struct KindTests {
    @Test("a platform of each kind lets its courier in, to read and to write, with a nonce for each request", arguments: Kind.allCases)
    func works(kind: Kind) async {
        let bench = KindBench(kind)
        for n in 1 ... 5 {
            #expect(await bench.run(.read).output == "fine")
            #expect(await bench.run(.write).output == "fine")
            #expect(bench.door.effects == n)
        }
        #expect(bench.door.logins == (kind.isRemade ? 1 : 0))
        #expect(bench.door.state.with { $0.repeatedNonces } == 0)
        #expect(bench.store.alerts.isEmpty && bench.store.states.isEmpty)
        for request in bench.door.requests { #expect(request.target.hasPrefix("https://1234567-sb1.door.example/"), "\(request.target)") }
    }

    @Test("a connection with a base of its own sends everything there", arguments: Kind.allCases.filter { $0 != .oauth1 && $0 != .assertion })
    func base(kind: Kind) async {
        let bench = KindBench(kind, base: "http://127.0.0.1:8099/twin")
        bench.door.change { $0.endpoint = "https://eu.door.example/gate" }
        #expect(await bench.run(.write).output == "fine")
        for request in bench.door.requests { #expect(request.target.hasPrefix("http://127.0.0.1:8099/twin/")) }
    }

    @Test("what a person gave is dead once it is refused, said once, and nothing more is sent", arguments: Kind.allCases)
    func dead(kind: Kind) async {
        let bench = KindBench(kind)
        bench.door.change { $0.revoked = true }
        #expect(await bench.run(.write).refusal?.code == "credential_dead")
        let sent = bench.door.requests.count
        for _ in 0 ..< 3 { #expect(await bench.run(.read).refusal?.code == "credential_dead") }
        #expect(await bench.run(.read, by: bench.another()).refusal?.code == "credential_dead")
        #expect(bench.door.requests.count == sent && sent == 1)
        #expect(bench.store.alerts.count == 1 && bench.store.states == ["dead"])
        #expect(bench.door.effects == 0)
    }

    @Test("after a person gave it anew work goes on", arguments: Kind.allCases)
    func resumes(kind: Kind) async {
        let bench = KindBench(kind)
        bench.door.change { $0.revoked = true }
        #expect(await bench.run(.read).refusal?.code == "credential_dead")
        bench.door.change { $0.revoked = false }
        bench.store.connect(kind.credential)
        bench.store.identified()
        #expect(await bench.run(.write).output == "fine")
    }

    @Test("a credential without a part that its platform wants is said to be unreadable, by name, and nothing is sent", arguments: Kind.allCases)
    func incomplete(kind: Kind) async {
        for part in kind.auth.parts ?? [] where part.name != "access_token" {
            let bench = KindBench(kind)
            var less = kind.credential
            less.parts[part.name] = nil
            if part.name == "client_id" { less.clientID = nil }
            if part.name == "client_secret" { less.clientSecret = nil }
            less.parts["other"] = Secret("hush")
            bench.store.connect(less)
            let fault = await bench.run(.read).refusal
            #expect(fault?.code == "credential_unreadable" && fault?.summary.contains(part.name) == true, "\(part.name)")
            #expect(bench.store.row.state == "dead" && bench.door.requests.isEmpty)
        }
    }

    @Test("no secret is in any address, log line, fault or alert, even where the platform repeats what it was sent", arguments: Kind.allCases)
    func quiet(kind: Kind) async {
        let bench = KindBench(kind)
        var faults: [Fault] = []
        func note(_ delivery: Delivery<String>) { if let fault = delivery.fault { faults.append(fault) } }
        note(await bench.run(.write))
        // Every answer repeats all that it got, and more.
        let echo = (bench.door.requests.map { "\($0.bodyText) \($0.fields.list.map { "\($0.name): \($0.value)" }.joined(separator: " "))" } + secrets(of: kind)).joined(separator: " | ")
        for status in [400, 401, 403, 404, 409, 429, 500, 503] {
            for call in [Call.Kind.read, .write] {
                bench.door.change { $0.turns = Array(repeating: .answer(.text(status, echo)), count: 2) }
                note(await bench.run(call))
            }
        }
        bench.door.change { $0.turns = [.torn] }
        note(await bench.run(.write))
        bench.door.kick()
        bench.door.change { $0.loginTurns = [.answer(.text(500, echo)), .torn, .notSent, .answer(.text(200, echo))] }
        for _ in 0 ..< 5 { note(await bench.run(.read)) }
        bench.door.change { $0.revoked = true }
        bench.door.kick()
        for _ in 0 ..< 3 { note(await bench.run(.read)) }
        #expect(faults.count > 10)
        let said = faults.map { "\($0)" } + bench.store.alerts.map { "\($0)" } + [bench.log.with { $0 }] + bench.door.requests.map(\.target)
        for text in said {
            for secret in secrets(of: kind) { #expect(!text.contains(secret), "\(text.prefix(300))") }
        }
        #expect("\(bench.saved.map { "\($0)" } ?? "")".contains("hush") == false)
    }

    /// As they were given, and as they stand in a header or a body.
    private func secrets(of kind: Kind) -> [String] {
        switch kind {
        case .bearer: ["hush-token"]
        case .basic: ["cs_hush", "Y2tfb3Blbjpjc19odXNo"]
        case .bodyParts: ["hush-sender", "hush&<\"pass", "hush&amp;&lt;&quot;pass"]
        case .soapSignature, .oauth1: ["hush-consumer", "hush-token-secret"]
        case .clientSecret: ["hush-client", "hush-t1"]
        case .assertion: [Kind.pem, "hush-t1"]
        case .cookieSession: ["hush&<\"pass", "hush&<\\\"pass", "hush-s1"]
        case .numberSession: ["hush&<\"pass", "hush&<\\\"pass"]
        case .xmlSession: ["hush&<\"pass", "hush&amp;&lt;&quot;pass", "hush-s1"]
        }
    }

    @Test("what is sent for a preview has stars where the request has the credential", arguments: Kind.allCases)
    func preview(kind: Kind) async throws {
        let bench = KindBench(kind)
        #expect(await bench.run(.write).output == "fine")
        let shown = Dressing.preview(kind.call(.write), bench.connector, ConnectionFacts(account: Kind.account))
        let sent = try #require(bench.door.requests.last)
        let text = shown.bodyText + shown.fields.list.map(\.value).joined()
        #expect(text.contains("***") && !text.contains("hush"))
        #expect(sent.target.hasSuffix(shown.target) && sent.method == shown.method)
        #expect(Set(sent.fields.list.map(\.name)) == Set(shown.fields.list.map(\.name)))
    }

    @Test("another tenant's or connection's box does not open", arguments: Kind.allCases)
    func foreign(kind: Kind) async {
        let bench = KindBench(kind)
        bench.store.change { $0.row.credential = Bench.sealed(kind.credential, for: "credential of somebody else") }
        #expect(await bench.run(.read).refusal?.code == "box_closed")
        #expect(bench.door.requests.isEmpty)
    }

    @Test("the JSON form gives the same credential back", arguments: Kind.allCases)
    func form(kind: Kind) throws {
        var full = kind.credential
        full.session = ["SID": Secret("hush-s")]
        full.expiresAt = Timestamp(seconds: 1_800_000_000)
        #expect(try Credential(json: full.jsonForSealing()) == full)
        #expect(!"\(full)".contains("hush") && !String(reflecting: full).contains("hush"))
    }
}
