import Books
import Crypto
import Kernel
import Testing

@testable import Store

private let shop: ConnectionID = SeededRandom(seed: 1).identifier(), returns: ConnectionID = SeededRandom(seed: 2).identifier()

/// A source that is told states one after the other, some of whose answers get lost.
private struct Told {
    var rows: [ReflectionRow] = []
    /// Digests as they reached the source.
    var heard: [[UInt8]] = []

    mutating func look(_ key: PostKey, _ state: String, paid: Int64? = nil, to others: [(ConnectionID, String)] = [(shop, "O-1")]) -> ReflectionChange {
        var change = ReflectionChange()
        for (connection, subject) in others {
            change.take(
                NewReflection(
                    key: key, connection: connection, subject: subject, says: Array(state.utf8), digest: Digest.sha256(Array(state.utf8)), paidMinor: paid), rows)
        }
        for gone in change.superseded { set(gone.number, "superseded") }
        for same in change.paid { if let i = rows.firstIndex(where: { $0.number == same.number }) { rows[i].paidMinor = same.minor } }
        for added in change.added {
            rows.append(ReflectionRow(
                key: key, number: added.number, connection: added.new.connection, subject: added.new.subject, state: "due", says: added.new.says,
                digest: added.new.digest, paidMinor: added.new.paidMinor, attempts: 0))
        }
        return change
    }

    mutating func set(_ number: Int, _ state: String) {
        if let i = rows.firstIndex(where: { $0.number == number }) { rows[i].state = state }
    }
}

@Suite("What sources are told, in order") struct ReflectionTests {
    private func key() throws -> PostKey { try #require(PostKey("0123456789abcdef")) }

    @Test("whatever gets lost on the way, the last state is told once, and the same state never twice in a row", arguments: 1 ... 40 as ClosedRange<UInt64>)
    func anyOrder(seed: UInt64) throws {
        let random = SeededRandom(seed: seed), key = try key()
        var told = Told(), wanted = ""
        for _ in 0 ..< 60 {
            switch random.next() % 4 {
            case 0, 1:
                wanted = ["posted", "paid", "voided"][Int(random.next() % 3)]
                _ = told.look(key, wanted)
            case 2:
                // An answer that got lost: it may have been heard.
                if let row = told.rows.last(where: { $0.state == "due" }) {
                    told.set(row.number, "sent")
                    if random.next() % 2 == 0 { told.heard.append(row.digest) }
                }
            default:
                for row in told.rows where ["due", "sent"].contains(row.state) {
                    // What was sent is looked for first.
                    if row.state == "due" || told.heard.last != row.digest { told.heard.append(row.digest) }
                    told.set(row.number, "told")
                }
            }
        }
        if !wanted.isEmpty { _ = told.look(key, wanted) }
        for row in told.rows where ["due", "sent"].contains(row.state) {
            if row.state == "due" || told.heard.last != row.digest { told.heard.append(row.digest) }
            told.set(row.number, "told")
        }
        let counted = told.rows.filter { $0.state == "told" }
        #expect(counted.last?.digest == Digest.sha256(Array(wanted.utf8)), "seed \(seed)")
        for (one, next) in zip(counted, counted.dropFirst()) where one.digest == next.digest {
            // Only where a state between them may have been heard.
            let between = told.rows.contains { $0.number > one.number && $0.number < next.number && $0.state == "superseded" }
            #expect(between, "seed \(seed)")
        }
        // At rest it stays so.
        let more = told.look(key, wanted)
        #expect(more.added.isEmpty && more.superseded.isEmpty && more.paid.isEmpty, "seed \(seed)")
    }

    @Test("a state that nobody was told yet and that is over again is forgotten; one that may be on its way is followed by what is so") func over() throws {
        let key = try key()
        var told = Told()
        _ = told.look(key, "posted")
        told.set(1, "told")
        _ = told.look(key, "edited")
        let back = told.look(key, "posted")
        #expect(back.added.isEmpty && back.superseded.map(\.number) == [2])
        _ = told.look(key, "edited")
        told.set(3, "sent")
        let after = told.look(key, "posted")
        #expect(after.added.map(\.number) == [4] && after.added.first?.after == ReflectionChange.onItsWay)
    }

    @Test("a shop and two returns that are told of one document each have states of their own, under marks of which no two are the same") func several() throws {
        let key = try key(), all = [(shop, "R-1"), (returns, "7"), (returns, "8")]
        var told = Told()
        #expect(told.look(key, "posted", to: all).added.map(\.number) == [1, 2, 3])
        told.set(1, "told")
        told.set(2, "sent")
        told.set(3, "refused")
        #expect(told.look(key, "posted", to: all).added.isEmpty)
        let next = told.look(key, "voided", to: all)
        #expect(next.superseded.map(\.number) == [2, 3] && next.added.map(\.number) == [4, 5, 6])
        #expect(next.added.map(\.after) == [.zero, ReflectionChange.onItsWay, .zero])
        #expect(next.added.map(\.new.subject) == ["R-1", "7", "8"])
        // A return that comes later is told what is so, and the others nothing.
        let late = told.look(key, "voided", to: all + [(returns, "9")])
        #expect(late.added.map(\.number) == [7] && late.added.first?.new.subject == "9")
    }

    @Test("what is paid there is kept by the state that says it, and only a change of it has payments checked again") func paid() throws {
        let key = try key()
        var told = Told()
        #expect(told.look(key, "posted").paidKeys.isEmpty)
        #expect(told.look(key, "posted", paid: 0).paidKeys.isEmpty)
        let more = told.look(key, "posted", paid: 500)
        #expect(more.added.isEmpty && more.paid.map(\.minor) == [500] && more.paidKeys == [key])
        #expect(told.look(key, "posted", paid: 500).paidKeys.isEmpty)
        #expect(told.look(key, "paid", paid: 900).paidKeys == [key])
    }
}
