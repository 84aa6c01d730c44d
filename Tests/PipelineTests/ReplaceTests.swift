import Books
import ConnectorKit
import Kernel
@testable import Pipeline
import Postgres
import Store
import TestKit
import Testing

/// A ledger that can't change a payment, only take it back and write it anew, and an order that was edited upwards whose second payment came
/// first: it sits on the first invoice and has to move when the first payment comes.
@Suite("Payments that are replaced") struct ReplaceTests {
    private static let ledger = ScriptedLedger(replaces: true)

    /// Up to where the second payment sits on the wrong invoice.
    private func misplaced(_ desk: Desk) async throws {
        desk.books.state.with { $0.limitsPayments = true }
        try await desk.arrive(sale())
        try await desk.work()
        try await desk.arrive(payment("P-2", 5_000))
        try await desk.work()
        try await desk.arrive(editUp())
        try await desk.work()
        try await desk.later()
        #expect(desk.books.entries.map { "\($0.subject) \($0.total) \($0.settles ?? "")" } == ["O-1 10000 ", "P-2 5000 D1", "O-1/E-1 5000 "])
    }

    /// Each payment stands once, on its own invoice, and everything is proven.
    private func settled(_ desk: Desk, sourceLocation: SourceLocation = #_sourceLocation) async throws {
        let live = desk.books.entries.filter { !$0.voided }
        let payments = live.filter { $0.form == "payment" }.map { "\($0.subject) \($0.total) \($0.settles ?? "")" }.sorted()
        #expect(payments == ["P-1 10000 D1", "P-2 5000 D3"], sourceLocation: sourceLocation)
        #expect(live.count == 4, sourceLocation: sourceLocation)
        #expect(Set(try await desk.states().values) == ["reconciled"], sourceLocation: sourceLocation)
        #expect(try await desk.unexplained() == 0, sourceLocation: sourceLocation)
        #expect(try await desk.posting("payment", "P-2").remoteID == live.first { $0.subject == "P-2" }?.id, sourceLocation: sourceLocation)
    }

    @Test("a payment that moves is taken back and written anew before the other one comes, and is known by its new id") func moves() async throws {
        try await Desk.with(ledger: Self.ledger) { desk in
            try await misplaced(desk)
            try await desk.run(payment("P-1", 10_000))
            try await settled(desk)
            #expect(desk.books.writes.suffix(3) == [["P-2"], ["P-2"], ["P-1"]])
            #expect(try await desk.intents("P-2") == ["create posted", "update posted"])
            #expect(try await desk.house.count("SELECT count(*) FROM app.intents WHERE state = 'rejected'") == 0)
        }
    }

    /// What happens to the delete and to the create.
    enum Break: String, Sendable, CaseIterable {
        case deleteRequestLost, deleteAnswerLost, deleteBroken, createRequestLost, createAnswerLost, createBroken, createThrottled, createRefused

        var acts: [ScriptedBooks.Act] {
            switch self {
            case .deleteRequestLost: [.loseRequest]
            case .deleteAnswerLost: [.loseAnswer]
            case .deleteBroken: [.answer(500)]
            case .createRequestLost: [.fine, .loseRequest]
            case .createAnswerLost: [.fine, .loseAnswer]
            case .createBroken: [.fine, .answer(500)]
            case .createThrottled: [.fine, .answer(429, retryAfter: 60)]
            case .createRefused: [.fine, .reject(["P-2"])]
            }
        }

        /// What stands of the payment right after the break.
        var standing: Int { [.deleteRequestLost, .deleteBroken].contains(self) ? 1 : 0 }
        /// A search shows at once that it is done; a refusal is clear, and the payment's turn comes again when its neighbour has gone.
        var settlesAtOnce: Bool { [.createAnswerLost, .createRefused].contains(self) }
    }

    @Test("wherever a replacement breaks off, recovery finds out how far it came and ends it without loss or doubling", arguments: Break.allCases)
    func breaks(_ at: Break) async throws {
        try await Desk.with(ledger: Self.ledger) { desk in
            try await misplaced(desk)
            desk.books.state.with { $0.script = at.acts }
            try await desk.arrive(payment("P-1", 10_000))
            try await desk.work()
            if at.settlesAtOnce {
                let end = at == .createRefused ? ["create posted", "update rejected", "update posted"] : ["create posted", "update posted"]
                #expect(try await desk.intents("P-2") == end)
            } else {
                #expect(desk.books.entries.filter { $0.subject == "P-2" && !$0.voided }.count == at.standing)
                #expect(try await desk.states()["payment P-2"] == "unknown")
            }
            for _ in 0 ..< 4 { try await desk.muchLater() }
            try await desk.later()
            try await settled(desk)
        }
    }

    @Test("a worker that ends between delete and create, or before it could write the outcome down, leaves nothing lost or doubled", arguments: [0, 1])
    func crash(created: Int) async throws {
        try await Desk.with(ledger: Self.ledger) { desk in
            try await misplaced(desk)
            desk.books.state.with { $0.script = created == 1 ? [.fine, .loseAnswer] : [.fine, .loseRequest] }
            try await desk.arrive(payment("P-1", 10_000))
            try await desk.work()
            try await desk.house.owner.batch([
                "UPDATE app.intents SET state = 'open', evidence = NULL WHERE state = 'unknown'", "UPDATE app.postings SET state = 'posting' WHERE state = 'unknown'",
            ])
            try await desk.house.worker.ask(desk.house.tenant, [Job(.post, desk.house.flow.description, lane: .webhook)])
            let creates = desk.books.requests.filter { $0 == "POST /create" }.count
            try await desk.work()
            // Nothing is sent for it before a search can be believed.
            #expect(desk.books.entries.filter { $0.subject == "P-2" && !$0.voided }.count == created)
            for _ in 0 ..< 3 { try await desk.muchLater() }
            try await desk.later()
            try await settled(desk)
            // P-1 at most, besides what was missing of P-2.
            #expect(desk.books.requests.filter { $0 == "POST /create" }.count - creates <= 2 - created)
        }
    }

    @Test("a payment that was moved, and whose target alone was meant to change, does not count as moved while the old one stands")
    func targetCounts() async throws {
        try await Desk.with(ledger: Self.ledger) { desk in
            try await misplaced(desk)
            desk.books.state.with { $0.script = [.loseRequest] }
            try await desk.arrive(payment("P-1", 10_000))
            try await desk.work()
            try await desk.later()
            // It is there by its key, with the right amount, date and account, and yet not where it was meant to be.
            #expect(try await desk.states()["payment P-2"] == "unknown")
            #expect(try await desk.intents("P-2").last == "update unknown")
        }
    }

    @Test("a payment that is taken back while its replacement is unknown is gone in the end") func voidedMeanwhile() async throws {
        for acts in [[.loseRequest], [.fine, .loseRequest], [.fine, .loseAnswer]] as [[ScriptedBooks.Act]] {
            try await Desk.with(ledger: Self.ledger) { desk in
                try await misplaced(desk)
                desk.books.state.with { $0.script = acts }
                try await desk.arrive(payment("P-1", 10_000))
                try await desk.work()
                try await desk.arrive(payment("P-2", 5_000, .voided, version: 2))
                try await desk.work()
                for _ in 0 ..< 4 { try await desk.muchLater() }
                try await desk.later()
                let live = desk.books.entries.filter { $0.form == "payment" && !$0.voided }.map(\.subject)
                #expect(live == ["P-1"])
                #expect(try await desk.states()["payment P-2"] == "voided")
                #expect(try await desk.unexplained() == 0)
            }
        }
    }
}
