import Books
import ConnectorKit
import Kernel
@testable import Pipeline
@testable import Store
import Testing

/// A platform that creates first and posts then has stopped between the two: a draft of ours stands there without effect.
@Suite("A document that was created and never posted") struct UnfinishedTests {
    private func settle(_ action: NewIntent.Action, age: Duration, unfinished: Bool = true, remoteID: String? = nil) throws -> Settlement {
        var row = World.row(IntentMachine.keyed, amount: 7)
        row.remoteID = remoteID
        let connector = SimConnector(RemoteLedger.Nature())
        let document = try #require(SimConnector.bind([row]).documents.first)
        var seen = connector.meant(document)
        seen.remoteID = "41"
        seen.version = "v1"
        seen.voided = true
        seen.unfinished = unfinished
        let unsettled = UnsettledRow(posting: row, intent: 1, action: action, attempt: "a", age: age, evidence: nil)
        return Recover.settle(unsettled, document, seen, connector: connector, settles: .seconds(900))
    }

    private static let over = Post.sendWithin + .seconds(Limits.requestSeconds)

    @Test("is gone on with by its id, as soon as the last request of its send is over, and never created again", arguments: [NewIntent.Action.create, .update, .void])
    func goneOnWith(action: NewIntent.Action) throws {
        let settled = try settle(action, age: Self.over + .seconds(1))
        #expect(settled.outcome == .notSent && settled.remoteID == "41" && settled.remoteVersion == "v1")
        var document = try #require(SimConnector.bind([World.row(IntentMachine.keyed, amount: 7)]).documents.first)
        document.remoteID = settled.remoteID
        #expect(Post.action(document) == .update)
    }

    @Test("stays unknown while that request may be under way", arguments: [Duration.zero, .seconds(5), over])
    func waits(age: Duration) throws {
        let settled = try settle(.create, age: age)
        #expect(settled.outcome == .unknown && settled.remoteID == nil && settled.again > .zero && settled.again <= .seconds(5))
    }

    /// Some ledgers tie a payment to its invoice in a step of its own.
    @Test("one that stands and settles nothing yet is gone on with; one that settles something else, or is otherwise apart, counts as posted for a person to see", arguments: [
        ("", 7, Settlement.Outcome.notSent), ("12", 7, .posted), ("99", 7, .posted), ("", 8, .posted),
    ])
    func untied(settles: String, total: Int64, outcome: Settlement.Outcome) throws {
        let row = World.row(IntentMachine.keyed, amount: 7)
        let connector = SimConnector(RemoteLedger.Nature())
        var document = try #require(SimConnector.bind([row]).documents.first)
        document.appliesTo = "12"
        var seen = connector.meant(document)
        (seen.remoteID, seen.appliesTo, seen.total_minor) = ("41", settles, total)
        func settle(_ action: NewIntent.Action, _ age: Duration) -> Settlement {
            let unsettled = UnsettledRow(posting: row, intent: 1, action: action, attempt: "a", age: age, evidence: nil)
            return Recover.settle(unsettled, document, seen, connector: connector, settles: .seconds(900))
        }
        let settled = settle(.create, Self.over + .seconds(1))
        #expect(settled.outcome == outcome && settled.remoteID == "41")
        #expect(settle(.create, .seconds(1)).outcome == (outcome == .notSent ? .unknown : .posted))
    }

    @Test("is not taken for one that was voided") func voided() throws {
        #expect(try settle(.void, age: .seconds(1), unfinished: false, remoteID: "41").outcome == .posted)
        #expect(try settle(.void, age: .seconds(1), remoteID: "41").outcome == .unknown)
    }
}

extension IntentMachine {
    fileprivate static var keyed: PostKey {
        guard let key else { preconditionFailure("sixteen zeros are a key") }
        return key
    }
}
