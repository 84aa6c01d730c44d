import ConnectorKit
@testable import Courier
import Kernel
import Store
import Testing
import Wire

@Suite("What is the operator's, and a connection that leads elsewhere")
struct OperatorsTests {
    private static let elsewhere = "https://b1.client.example:50000"

    /// A worker for a connection whose base is another than its platform's, with this credential.
    private func bench(_ credential: [UInt8], hosts: [String] = [], base: String? = elsewhere) -> Bench {
        let bench = Bench(PlainConnector(), Bench.credential(0), hosts: hosts)
        bench.store.change {
            $0.row.baseURL = base
            $0.row.credential = credential
        }
        return bench
    }

    private static func set(_ operators: Bool) -> [UInt8] {
        var set = Bench.credential(0, expires: Timestamp(rfc3339: "2020-01-01T00:00:00Z"))
        set.isOperators = operators
        return Bench.sealed(set)
    }

    @Test("the secret of the operator's app is sent neither to a host that is listed for connections nor to one that is listed for another platform",
        arguments: [[], ["b1.client.example:50000"], ["odoo=b1.client.example:50000"]])
    func refresh(hosts: [String]) async {
        let bench = bench(Self.set(true), hosts: hosts)
        let fault = await bench.read().refusal
        #expect(fault?.code == "operators_withheld" && fault?.remedy.contains("plain=b1.client.example:50000") == true)
        #expect(bench.platform.tokenCalls == 0 && bench.platform.calls == 0)
    }

    @Test("where nobody says whose an app's secret is it may be the operator's")
    func unsaid() async {
        let bench = bench(Bench.sealedBytes(#"{"access_token": "", "refresh_token": "hush-r0", "client_id": "app", "client_secret": "hush-client"}"#))
        #expect(await bench.read().refusal?.code == "operators_withheld")
        #expect(bench.platform.tokenCalls == 0)
    }

    @Test("it goes to the platform's own place, and where the operator says so for this platform")
    func trusted() async {
        for bench in [bench(Self.set(true), base: nil), bench(Self.set(true), hosts: ["plain=b1.client.example:50000"])] {
            #expect(await bench.read().output == "fine")
            #expect(bench.platform.tokenCalls == 1)
        }
    }

    @Test("a tenant's own app goes wherever his connection leads")
    func own() async {
        let bench = bench(Self.set(false))
        #expect(await bench.read().output == "fine")
        #expect(bench.platform.tokenCalls == 1)
    }

    @Test("the code of a consent, which goes with the operator's secret, is not sent there")
    func code() async {
        let bench = bench(Self.set(false))
        let code = ConsentCode(code: Secret("hush-code"), verifier: nil, redirectURI: "https://cf.test/back", clientID: "app", clientSecret: Secret("hush-client"))
        guard case .notSent(let fault) = await bench.courier.trade(code, connector: bench.connector, connection: bench.connection) else {
            Issue.record("it was sent")
            return
        }
        #expect(fault.code == "operators_withheld" && bench.platform.tokenCalls == 0)
    }

    @Test("a login with the operator's part is not made there; with parts of the tenant's own it is")
    func parts() async {
        for operators in [true, false] {
            let bench = KindBench(.bodyParts, base: "http://127.0.0.1:8099/twin")
            bench.store.change {
                var set = Kind.bodyParts.credential
                set.isOperators = operators
                $0.row.credential = Bench.sealed(set)
            }
            #expect(await bench.run(.write).refusal?.code == (operators ? "operators_withheld" : nil))
            #expect(bench.door.calls == (operators ? 0 : 1))
        }
    }

    @Test("a worker that holds a token set sends nothing of it to the place that the connection leads to now")
    func moved() async {
        let bench = Bench()
        #expect(await bench.read().output == "fine")
        bench.store.change {
            $0.row.baseURL = Self.elsewhere
            $0.row.state = "new"
            $0.row.credential = nil
            $0.row.credentialVersion += 1
        }
        let calls = bench.platform.calls
        #expect(await bench.read().refusal != nil)
        #expect(bench.platform.calls == calls && bench.platform.tokenCalls == 0)
    }

    /// Leads elsewhere, and has been given a credential for there.
    private func move(_ bench: Bench) {
        bench.store.change {
            $0.row.baseURL = Self.elsewhere
            $0.row.credential = Bench.sealed(Bench.credential(9))
            $0.row.credentialVersion += 2
        }
        bench.platform.change { $0.access.insert("hush-a9") }
    }

    @Test("a call under way whose token is refused does not go on with the credential that was given for another place since")
    func refusedThenMoved() async {
        let bench = Bench()
        let before = bench.connection
        bench.platform.change { $0.turns = [.answer(.text(401, "who?"))] }
        move(bench)
        #expect(await bench.run(Bench.one(.read), on: before).refusal?.code == "connection_moved")
        #expect(bench.platform.calls == 1 && bench.platform.tokenCalls == 0)
        // Begun anew, it goes there.
        #expect(await bench.read().output == "fine")
    }

    @Test("a call that began before goes nowhere once another call of the worker has taken up the new credential")
    func takenUpByAnother() async {
        let bench = Bench()
        let before = bench.connection
        #expect(await bench.read().output == "fine")
        move(bench)
        #expect(await bench.read().output == "fine")
        let calls = bench.platform.calls
        #expect(await bench.run(Bench.one(.read), on: before).refusal?.code == "connection_moved")
        #expect(bench.platform.calls == calls)
        #expect(bench.store.row.state == "live")
    }
}
