import Books
import HTTPServer
import Kernel
import Postgres
import TestKit
import Testing
import TwinKit
import Wire

/// A ledger that somebody logs in to, and that knows no key of a request: what keeps writes single there is the search alone.
@Suite("A ledger with sessions, through the whole program") struct SessionTwinTests {
    private let here = Country.server

    /// What goes wrong on the way, by the number of the request since it was set.
    private struct Trouble: Sendable {
        var requests = 0, logins = 0, lost = 0
        /// Every how many requests all sessions end before they are looked at.
        var endsEvery: Int?
        /// Writes of documents whose answers are lost from now on.
        var losesWrites = 0
    }

    /// Sessions end, answers are lost.
    private static func meet(
        _ trouble: Locked<Trouble>, _ twin: any LedgerTwin, _ request: HTTPRequest, _ answer: @Sendable (HTTPRequest) -> HTTPResponse
    ) -> HTTPResponse {
        let purpose = twin.purpose(of: request)
        let ends = trouble.with { trouble in
            if purpose == .token { trouble.logins += 1 } else { trouble.requests += 1 }
            return purpose != .token && trouble.endsEvery.map { trouble.requests % $0 == 0 } ?? false
        }
        if ends { twin.revokeAccessTokens() }
        let answered = answer(request)
        let loses = trouble.with { trouble in
            guard purpose == .write, answered.status < 300, trouble.losesWrites > 0 else { return false }
            (trouble.losesWrites, trouble.lost) = (trouble.losesWrites - 1, trouble.lost + 1)
            return true
        }
        return loses ? .text(502, "Bad Gateway") : answered
    }

    @Test("a session that ends before each third request is opened anew, and each document stands there once", arguments: [3, 2])
    func expires(every: Int) async throws {
        let trouble = Locked(Trouble(endsEvery: every))
        try await here.with(between: { Self.meet(trouble, $0, $1, $2) }) { desk, twin in
            try await desk.run(here.sale(), here.payment(), here.refund(), here.sale("O-2", 2_500))
            try await desk.later()
            #expect(Set(try await desk.states().values) == ["reconciled"])
            #expect(trouble.with { $0.logins } >= trouble.with { $0.requests } / every)
            #expect(twin.entries().filter(\.live).count == 5)
            #expect(here.balance(twin, here.clearing) == 6_000)
            #expect(here.balance(twin, here.owed) == 2_500)
            #expect(try await desk.unexplained() == 0)
        }
    }

    @Test("what was written under an answer that never came is found, changed and taken back once")
    func lost() async throws {
        let trouble = Locked(Trouble(endsEvery: 4, losesWrites: 3))
        try await here.with([("edit", "revise")], between: { Self.meet(trouble, $0, $1, $2) }) { desk, twin in
            try await desk.run(here.sale())
            for _ in 0 ..< 2 { try await desk.later() }
            #expect(trouble.with { $0.lost } == 1)
            #expect(try await desk.intents("O-1") == ["create posted"])
            #expect(try await desk.states()["invoice O-1"] == "reconciled")
            #expect(twin.entries().filter(\.live).count == 1)
            // Dearer by now: the old one goes, a new one comes, in whatever pieces their answers arrive.
            try await desk.run(here.sale("O-1", 12_000, version: 2))
            for _ in 0 ..< 4 { try await desk.muchLater() }
            #expect(try await desk.states()["invoice O-1"] == "reconciled")
            #expect(here.balance(twin, here.owed) == 12_000)
            let cancelled = SourceDocument(
                id: "C-1", caseID: "O-1", version: 1, at: at("2026-11-02T12:00:00Z"), body: .cancellation(Cancellation(kind: .voided)))
            try await desk.run(cancelled)
            for _ in 0 ..< 4 { try await desk.muchLater() }
            #expect(try await desk.states()["invoice O-1"] == "voided")
            #expect(here.balance(twin, here.owed) == 0)
            #expect(trouble.with { $0.lost } == 3)
            #expect(try await desk.unexplained() == 0)
        }
    }

    @Test("a password that is no longer let in stops the flow by name, and nothing is lost when it is mended")
    func refused() async throws {
        var wrong = here
        wrong.parts = #"{"user": "manager", "password": "another"}"#
        try await wrong.with { desk, twin in
            try await desk.arrive(here.sale())
            try await desk.work()
            #expect(twin.entries().isEmpty)
            #expect(try await desk.house.count("SELECT count(*) FROM app.connections WHERE state <> 'live'") == 1)
        }
    }
}
