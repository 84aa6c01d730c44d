import Books
import Catalog
import ConnectorKit
import FoundationEssentials
import Kernel
import Testing
import Wire

/// A call and what it was for.
struct Made {
    var purpose: String
    var call: Call
}

/// Every call that a connector makes while all that it can be asked is asked, with each of the specimen's answers to each.
func everyCall(_ it: any Connector, _ specimen: Specimen, _ facts: ConnectionFacts) -> [Made] {
    var out: [Made] = []
    func add<Output>(_ purpose: String, _ exchange: Exchange<Output>) {
        for answer in specimen.answers {
            out += play(exchange, it, most: 12) { _, _ in answer }.calls.map { Made(purpose: purpose, call: $0) }
        }
        // Each answer after the other, as a real conversation has different ones.
        for start in specimen.answers.indices {
            out += play(exchange, it, most: 12) { _, n in specimen.answers[(start + n) % specimen.answers.count] }.calls
                .map { Made(purpose: purpose, call: $0) }
        }
    }
    add("identify", it.identify(facts))
    if let source = it as? any SourceConnector {
        add("sweep", source.sweep(since: Timestamp(seconds: 1_794_700_800), cursor: nil, facts))
        add("sweep", source.sweep(since: Timestamp(seconds: 1_794_700_800), cursor: "c\"1", facts))
        add("fetch", source.fetch("6120034117000", facts))
        if let state = toldState(specimen), let exchange = source.reflect(state, attempt: "attempt-1", facts) { add("reflect", exchange) }
    }
    guard let ledger = it as? any LedgerConnector else { return out }
    let fresh = forms.enumerated().map { document($1, $0 + 1, at: it.spec.id) }
    let there = forms.enumerated().map { document($1, $0 + 1, at: it.spec.id, remote: true) }
    add("chart", ledger.chart(facts))
    for (new, old) in zip(fresh, there) {
        add("create", ledger.create([new], attempt: "attempt-1", facts))
        add("create", ledger.create([new, new], attempt: "attempt-1", facts))
        add("update", ledger.update(old, attempt: "attempt-1", facts))
        add("void", ledger.void(old, attempt: "attempt-1", facts))
        add("find", ledger.find([new], facts))
        add("fetch", ledger.fetch([old], facts))
        let wants = ledger.references(for: new)
        add("findReferences", ledger.findReferences(wants, facts))
        add("createReferences", ledger.createReferences(wants, facts))
    }
    return out
}

/// What a source is told of one of its orders, or of a return of that number.
func toldState(_ specimen: Specimen) -> ReflectedState? {
    let id = specimen.json["told"]?.string ?? "6120034117000"
    return LocalDate("2026-11-14").map { day in
        ReflectedState(
            key: key(1), number: 2, subject: id, caseID: id, form: .creditNote, reference: "order \"1\"\r\n<b>é", ledger: "Xero",
            remoteID: "1", state: .credited, total: Money(minor: 7_330, .usd), paid: nil, date: day)
    }
}

/// A body is what its header says, or JSON.
func wellFormed(_ request: HTTPRequest) {
    guard !request.body.isEmpty else { return }
    let type = request.fields["Content-Type"]?.lowercased() ?? "application/json"
    if type.contains("xml") {
        #expect(throws: Never.self) { _ = try XMLElement(parsing: request.body) }
    } else if type.hasPrefix("application/x-www-form-urlencoded") {
        #expect(request.body.allSatisfy { $0 > 32 && $0 < 127 })
    } else if type.contains("json") {
        #expect(throws: Never.self) { _ = try JSON(parsing: request.body) }
    }
}

@Suite("What a connector sends")
struct CallTests {
    private static let reading: Set<String> = ["identify", "sweep", "fetch", "chart", "find", "findReferences"]

    @Test(
        "asking changes nothing: finding, fetching, sweeping and reading the chart are reads; each write says that it is one",
        arguments: ids)
    func kinds(id: String) throws {
        let it = try connector(id)
        let specimen = try Specimen(id)
        let made = everyCall(it, specimen, specimen.facts)
        #expect(made.isEmpty != calledIDs.contains(id))
        for one in made {
            let call = one.call
            if Self.reading.contains(one.purpose) {
                #expect(call.kind == .read, "\(one.purpose) \(call.request.target)")
            }
            if call.request.method == .get || call.request.method == .head {
                #expect(call.kind == .read && call.request.body.isEmpty, "\(call.request.target)")
            }
            if [.put, .patch, .delete].contains(call.request.method) {
                #expect(call.kind == .write, "\(call.request.target)")
            }
        }
        for purpose in ["create", "update", "void"] where it is any LedgerConnector {
            #expect(made.contains { $0.purpose == purpose && $0.call.kind == .write }, "\(purpose) never writes")
        }
    }

    @Test("a source that is told what the ledger has is looked through first, and can be; one without a place is not asked", arguments: ids)
    func told(id: String) throws {
        guard let source = try connector(id) as? any SourceConnector else { return }
        let specimen = try Specimen(id), exchange = source.reflect(try #require(toldState(specimen)), attempt: "attempt-1", specimen.facts)
        #expect((exchange != nil) == (source.reflectionPlace == .written))
        guard let exchange else { return }
        #expect(source.spec.idempotency.searchable)
        for answer in specimen.answers {
            let calls = play(exchange, source, most: 4) { _, _ in answer }.calls
            #expect(calls.first?.kind == .read && calls.count <= 2)
        }
    }

    @Test("no credential is in an address, a header or a body, and no address has a place for one", arguments: ids)
    func secrets(id: String) throws {
        let it = try connector(id)
        let specimen = try Specimen(id)
        let forbidden: Set<String> = [
            "access_token", "token", "refresh_token", "client_secret", "secret", "password", "api_key", "apikey", "key",
            "sig", "signature", "auth", "authorization",
        ]
        for one in everyCall(it, specimen, specimen.facts) {
            let request = it.prepare(one.call.request, for: specimen.facts)
            #expect(
                !request.target.contains(marker) && !String(decoding: request.body, as: UTF8.self).contains(marker),
                "\(one.purpose)")
            #expect(Set(request.query.map { $0.name.lowercased() }).isDisjoint(with: forbidden), "\(request.target)")
            for field in request.fields.list {
                #expect(!["authorization", "cookie", "proxy-authorization"].contains(field.name.lowercased()), "\(field.name)")
                #expect(!field.value.contains(marker), "\(field.name)")
            }
        }
    }

    @Test(
        "an address is a path below the host, in printable characters; a body is the JSON, XML or form that it is said to be",
        arguments: ids)
    func targets(id: String) throws {
        let it = try connector(id)
        let specimen = try Specimen(id)
        for one in everyCall(it, specimen, specimen.facts) {
            let request = it.prepare(one.call.request, for: specimen.facts)
            #expect(request.target.hasPrefix("/") && !request.target.hasPrefix("//"), "\(request.target)")
            #expect(
                request.target.utf8.allSatisfy { $0 > 32 && $0 < 127 && $0 != 35 && $0 != 34 && $0 != 92 },
                "\(request.target)")
            #expect(request.target.utf8.count <= 8_000)
            #expect(request.fields.list.allSatisfy { $0.value.utf8.allSatisfy { $0 >= 32 && $0 < 127 } })
            wellFormed(request)
        }
    }

    @Test(
        "words of people can't leave their place in an address or a body", arguments: ledgerIDs,
        [
            "'", "\"", "\\", " OR 1=1", "%27", "&where=true", "?a=b", "#x", "/../..", "\r\nX-Forged: 1", "\u{0}", "é",
            "👩‍👩‍👧‍👦", "{account}",
        ])
    func injection(id: String, words: String) throws {
        let it = try ledger(id)
        let specimen = try Specimen(id)
        let plain = forms.enumerated().map { document($1, $0 + 1, at: id, remote: true) }
        let odd = forms.enumerated().map { document($1, $0 + 1, at: id, remote: true, marks: words) }
        func targets(_ documents: [LedgerDocument]) -> [(path: String, names: [String])] {
            var calls: [Call] = []
            for document in documents {
                calls +=
                    play(it.create([document], attempt: "a", specimen.facts), it, most: 1) { _, _ in HTTPResponse(500) }
                    .calls
                calls += play(it.find([document], specimen.facts), it, most: 1) { _, _ in HTTPResponse(500) }.calls
                let wants = it.references(for: document)
                calls += play(it.findReferences(wants, specimen.facts), it, most: 1) { _, _ in HTTPResponse(500) }.calls
                calls +=
                    play(it.createReferences(wants, specimen.facts), it, most: 1) { _, _ in HTTPResponse(500) }.calls
            }
            for call in calls {
                #expect(call.request.target.utf8.allSatisfy { $0 > 32 && $0 < 127 }, "\(call.request.target)")
                wellFormed(it.prepare(call.request, for: specimen.facts))
            }
            return calls.map { ($0.request.path, $0.request.query.map(\.name)) }
        }
        let (a, b) = (targets(plain), targets(odd))
        #expect(a.count == b.count && zip(a, b).allSatisfy { $0.path == $1.path && $0.names == $1.names })
    }

    @Test("each call charges budgets that exist, at least one unit, unless a call of the same conversation has paid for it", arguments: ids)
    func costs(id: String) throws {
        let it = try connector(id)
        let specimen = try Specimen(id)
        let limits = Dictionary(uniqueKeysWithValues: it.spec.limits.map { ($0.name, $0.amount) })
        var paid = false
        for one in everyCall(it, specimen, specimen.facts) {
            // A conversation begins with a call that costs something.
            if !one.call.cost.isEmpty { paid = one.call.kind == .write && one.call.cost.values.contains { $0 > 1 } }
            #expect(!one.call.cost.isEmpty || paid, "\(one.purpose)")
            for (name, units) in one.call.cost {
                #expect(units >= 1 && units <= limits[name] ?? 0, "\(one.purpose): \(units) of \(name)")
            }
        }
    }

    @Test("asked the same twice, it says the same: no clock, no chance, no memory", arguments: ids)
    func pure(id: String) throws {
        let it = try connector(id)
        let specimen = try Specimen(id)
        func said() -> [String] {
            everyCall(it, specimen, specimen.facts).map { made in
                let request = it.prepare(made.call.request, for: specimen.facts)
                return
                    "\(made.purpose) \(request.method) \(request.target) \(request.fields.list) \(String(decoding: request.body, as: UTF8.self))"
            }
        }
        #expect(said() == said())
    }

    @Test("a connector opens nothing, waits for nothing and logs nothing", arguments: ids)
    func still(id: String) throws {
        // A room may hold several connectors; its name is its module's.
        let room = try #require(String(reflecting: type(of: try connector(id))).split(separator: ".").first)
        let folder = "Sources/Connectors/\(room)"
        let files = try FileManager.default.contentsOfDirectory(atPath: root.appending(path: folder).path).filter {
            $0.hasSuffix(".swift")
        }
        #expect(!files.isEmpty)
        for file in files {
            let source = try text("\(folder)/\(file)")
            for word in [
                "SystemClocks", "SystemRandom", "Task {", "await ", "print(", "Log(", "URLSession", "FileManager",
                "ProcessInfo", "getenv",
            ] {
                #expect(!source.contains(word), "\(file): \(word)")
            }
        }
    }
}
