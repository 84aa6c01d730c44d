import Books
import Kernel
import Postgres
import Store
import TestKit
import Testing
import TwinKit
import TwinSageIntacct
import Wire

/// Sage Intacct remembers what it was asked for, and refuses it for ever once it was done: also where what was done is gone.
@Suite("Written anew in a ledger that remembers its requests") struct ReleasedTests {
    private let here = Country.gateway

    /// Creates on the way, by number from nought: each one's control ids, and what is lost.
    struct Way: Sendable {
        enum Loss: Sendable, CaseIterable { case request, answer }
        var creates: [[String]] = []
        var first: HTTPRequest?
        var loses: [Int: Loss] = [:]
    }

    private static func meet(
        _ way: Locked<Way>, _ twin: any LedgerTwin, _ request: HTTPRequest, _ answer: @Sendable (HTTPRequest) -> HTTPResponse
    ) -> HTTPResponse {
        guard twin.purpose(of: request) == .write else { return answer(request) }
        let functions = (try? XMLElement(parsing: request.body))?.at(["operation", "content"])?.all("function") ?? []
        let lost = way.with { way in
            if way.creates.isEmpty { way.first = request }
            way.creates.append(functions.compactMap { $0.attribute("controlid") })
            return way.loses[way.creates.count - 1]
        }
        guard let lost else { return answer(request) }
        if lost == .answer { _ = answer(request) }
        return .text(502, "Bad Gateway")
    }

    /// A person deletes the document in Intacct.
    private func delete(_ object: String, _ id: String?, in twin: any LedgerTwin) throws {
        try byHand("<delete><object>\(object)</object><keys>\(id ?? "")</keys></delete>", in: twin)
    }

    /// A person gives an invoice in Intacct another number.
    private func renumber(_ id: String, _ number: String, in twin: any LedgerTwin) throws {
        try byHand("<update><ARINVOICE><RECORDNO>\(id)</RECORDNO><RECORDID>\(number)</RECORDID></ARINVOICE></update>", in: twin)
    }

    /// A person does this in Intacct.
    private func byHand(_ function: String, in twin: any LedgerTwin) throws {
        let body = """
            <?xml version="1.0" encoding="UTF-8"?><request><control><senderid>\(SageIntacctTwin.senderID)</senderid><password>\(SageIntacctTwin.senderPassword)</password>\
            <controlid>by-hand</controlid><uniqueid>false</uniqueid><dtdversion>3.0</dtdversion><includewhitespace>false</includewhitespace></control>\
            <operation><authentication><login><userid>\(SageIntacctTwin.userID)</userid><companyid>\(here.plan.ledgerAccount)</companyid>\
            <password>\(SageIntacctTwin.userPassword)</password></login></authentication>\
            <content><function controlid="by-hand">\(function)</function></content></operation></request>
            """
        try done(HTTPRequest(.post, "/ia/xml/xmlgw.phtml", fields: ["Content-Type": "application/xml"], body: Array(body.utf8)), in: twin)
    }

    private func done(_ request: HTTPRequest, in twin: any LedgerTwin) throws {
        let answer = twin.respond(request, at: SystemClocks().now())
        #expect(try XMLElement(parsing: answer.body).at(["operation", "result", "status"])?.text == "success", "\(answer.bodyText)")
    }

    /// The ledger is asked until the document counts as gone.
    private func missed(_ desk: Desk, _ form: String, _ subject: String) async throws {
        for _ in 0 ..< 3 {
            try await desk.house.owner.query("UPDATE app.postings SET recheck_at = clock_timestamp() - interval '1 minute' WHERE state = 'reconciled' OR recheck_at IS NOT NULL")
            try await desk.house.worker.ask(desk.house.tenant, [Job(.confirm, desk.house.flow.description, lane: .webhook)])
            try await desk.work()
        }
        #expect(try await desk.states()["\(form) \(subject)"] == "manual")
        #expect(try await desk.checks(form, subject) == ["drift"])
    }

    @Test(
        "what was deleted there and is released stands there once, and again once; one of the sends may be lost, and is asked for as the same",
        arguments: [-1, 0, 1, 2], Way.Loss.allCases)
    func anew(lost: Int, loss: Way.Loss) async throws {
        let way = Locked(Way(loses: [lost: loss]))
        try await here.with(between: { Self.meet(way, $0, $1, $2) }) { desk, twin in
            try await desk.run(here.sale())
            for _ in 0 ..< 3 { try await desk.muchLater() }
            let key = try await desk.posting("invoice", "O-1").key
            for time in 1 ... 2 {
                #expect(try await desk.states() == ["invoice O-1": "reconciled"])
                try delete("ARINVOICE", try await desk.posting("invoice", "O-1").remoteID, in: twin)
                #expect(twin.entries().filter(\.live).isEmpty)
                try await missed(desk, "invoice", "O-1")
                try await desk.order(.release, key)
                for _ in 0 ..< 4 { try await desk.muchLater() }
                #expect(try await desk.states() == ["invoice O-1": "reconciled"])
                #expect(try await desk.posting("invoice", "O-1").revision == 1 + time)
                #expect(twin.entries().filter(\.live).count == 1)
                #expect(here.balance(twin, here.owed) == 10_000)
            }
            #expect(try await desk.unexplained() == 0)
            // Who lost a request can't tell it from one whose answer was lost: the next is the same for Intacct, until it is released.
            var sent = ["\(key).1.create", "\(key).2.create", "\(key).3.create"]
            if lost >= 0, loss == .request { sent.insert(sent[lost], at: lost) }
            #expect(way.with { $0.creates } == sent.map { [$0] })
        }
    }

    @Test("a day's entry that was deleted there and is released stands there once, and follows its members")
    func summary() async throws {
        try await here.with([("posting", "daily_summary")]) { desk, twin in
            try await desk.run(here.sale(), here.payment(), here.sale("O-2", 2_500))
            let subject = "2026-11-02:shop", posted = try await desk.posting("summary", subject)
            try delete("GLBATCH", posted.remoteID, in: twin)
            try await missed(desk, "summary", subject)
            try await desk.order(.release, posted.key)
            for _ in 0 ..< 3 { try await desk.muchLater() }
            #expect(try await desk.states()["summary \(subject)"] == "reconciled")
            #expect(twin.entries().filter(\.live).count == 1)
            #expect(here.balance(twin, here.clearing) == 10_000 && here.balance(twin, here.owed) == 2_500)
            try await desk.run(here.sale("O-2", 4_000, version: 2))
            try await desk.muchLater()
            #expect(try await desk.posting("summary", subject).revision == 3)
            #expect(twin.entries().filter(\.live).count == 1)
            #expect(here.balance(twin, here.owed) == 4_000)
            #expect(try await desk.unexplained() == 0)
        }
    }

    /// What becomes of a document there before anybody here knows that it was written.
    enum Fate: Sendable, CaseIterable { case deleted, renumbered }

    @Test(
        "what was deleted or renumbered there before anybody knew that it was written is refused by name, whoever asks again, and found once it stands under its number",
        arguments: Fate.allCases)
    func unseen(_ fate: Fate) async throws {
        let way = Locked(Way(loses: [0: .answer]))
        try await here.with(between: { Self.meet(way, $0, $1, $2) }) { desk, twin in
            try await desk.arrive(here.sale())
            try await desk.work()
            let key = try await desk.posting("invoice", "O-1").key
            #expect(try await desk.states() == ["invoice O-1": "unknown"])
            let entry = try #require(twin.entries().first { $0.live })
            let id = try #require(entry.id.split(separator: "/").last.map(String.init))
            switch fate {
            case .deleted: try delete("ARINVOICE", id, in: twin)
            case .renumbered: try renumber(id, "INV-7", in: twin)
            }
            let standing = fate == .deleted ? 0 : 1
            for order in [nil, .retry, .release, .release] as [PostingOrder?] {
                if let order { try await desk.order(order, key) }
                for _ in 0 ..< 4 { try await desk.muchLater() }
                #expect(try await desk.states() == ["invoice O-1": "rejected"], "\(order?.rawValue ?? "sent")")
                #expect(twin.entries().filter(\.live).count == standing, "\(order?.rawValue ?? "sent")")
                #expect(here.balance(twin, here.owed) == Int64(standing) * 10_000, "\(order?.rawValue ?? "sent")")
            }
            #expect(try await desk.alerts().contains("rejected/\(desk.house.flow)/number_taken"))
            // Each is the same for Intacct, which has done it.
            #expect(way.with { Set($0.creates) } == [["\(key).1.create"]] && way.with { $0.creates.count } > 4)
            switch fate {
            // Entered by hand, as it was.
            case .deleted: try done(twin.withoutNativeKey(try #require(way.with { $0.first })), in: twin)
            case .renumbered: try renumber(id, key.text, in: twin)
            }
            try await desk.order(.release, key)
            for _ in 0 ..< 3 { try await desk.muchLater() }
            #expect(try await desk.states() == ["invoice O-1": "reconciled"])
            #expect(try await desk.posting("invoice", "O-1").revision == 1)
            #expect(twin.entries().filter(\.live).count == 1)
            #expect(here.balance(twin, here.owed) == 10_000)
            #expect(try await desk.unexplained() == 0)
        }
    }
}
