import Kernel
import Testing
import TwinKit
import Wire

@Suite("A twin's table") struct TwinTableTests {
    private func table(_ notes: Note...) -> TwinTable<Note> {
        var out = TwinTable<Note>()
        for note in notes { out.put(note) }
        out.commit()
        return out
    }

    @Test("rows stand in every list of theirs, in the order of their rank; those of one rank in the order of their making")
    func shelves() {
        let rows = table(Note("c", "ann", rank: 3), Note("a", "ann", tags: ["red"], rank: 1), Note("b", "ann", tags: ["red"], rank: 2), Note("d", "ann", rank: 1), Note("e", "bob"))
        #expect(rows.keys(on: "ann") == ["a", "d", "b", "c"])
        #expect(rows.keys(on: "ann/red") == ["a", "b"])
        #expect(rows.keys(on: "nobody") == [])
        #expect(rows.all { !$0.contains("/") }.map(\.key) == ["a", "d", "b", "c", "e"], "list by list")
        #expect(rows["b"]?.rank == 2 && rows["z"] == nil)
    }

    @Test("a row that changes keeps its place, and one that goes leaves all of its lists")
    func changes() {
        var rows = table(Note("a", "ann", tags: ["red"]), Note("b", "ann", tags: ["red"]))
        rows.put(Note("a", "ann", tags: ["red"], text: "new"))
        #expect(rows.keys(on: "ann") == ["a", "b"] && rows["a"]?.text == "new")
        rows.remove("a")
        #expect(rows.keys(on: "ann") == ["b"] && rows.keys(on: "ann/red") == ["b"] && rows["a"] == nil)
        rows.remove("never there")
        #expect(rows.mark == 2, "what changes nothing is nothing to undo")
    }

    @Test("what changed since the last commit is taken back, whatever it was, and what was before stays")
    func rollback() {
        var rows = table(Note("a", "ann", rank: 1, text: "old"), Note("b", "ann", tags: ["red"], rank: 2))
        rows.put(Note("a", "ann", rank: 1, text: "new"))
        rows.put(Note("c", "ann", rank: 3))
        rows.put(Note("c", "ann", rank: 3, text: "twice"))
        rows.remove("b")
        rows.put(Note("b", "ann", rank: 2, text: "again"))
        rows.rollback()
        #expect(rows["a"]?.text == "old" && rows["c"] == nil && rows["b"]?.text == "")
        #expect(rows.keys(on: "ann") == ["a", "b"] && rows.keys(on: "ann/red") == ["b"])
        #expect(rows.changes == [] && rows.mark == 0)
        rows.rollback()
        #expect(rows.keys(on: "ann") == ["a", "b"])
    }

    @Test("what changed since a mark is taken back, and what changed before it stays to be committed")
    func marks() {
        var rows = table(Note("a", "ann"))
        rows.put(Note("b", "ann"))
        let mark = rows.mark
        rows.remove("a")
        rows.put(Note("c", "ann"))
        rows.rollback(to: mark)
        #expect(rows.keys(on: "ann") == ["a", "b"] && rows.mark == mark)
        #expect(rows.changes.count == 1)
        rows.rollback()
        #expect(rows.keys(on: "ann") == ["a"])
    }

    @Test("what was removed and comes back by undo stands where it stood; what is made anew stands last")
    func places() {
        var rows = table(Note("a", "ann"), Note("b", "ann"), Note("c", "ann"))
        rows.remove("a")
        rows.remove("b")
        rows.rollback()
        #expect(rows.keys(on: "ann") == ["a", "b", "c"])
        rows.remove("a")
        rows.put(Note("a", "ann"))
        #expect(rows.keys(on: "ann") == ["b", "c", "a"])
    }

    @Test("after a commit nothing is to be written and nothing to be taken back")
    func commit() {
        var rows = table(Note("a", "ann"))
        rows.put(Note("b", "ann"))
        rows.commit()
        #expect(rows.changes == [] && rows.mark == 0)
        rows.rollback()
        #expect(rows.keys(on: "ann") == ["a", "b"])
    }

    @Test("what changed is written once a row, as it is now, and what is gone by its key")
    func records() {
        var rows = table(Note("a", "ann"), Note("b", "ann"))
        rows.put(Note("a", "ann", text: "one"))
        rows.put(Note("a", "ann", text: "two"))
        rows.remove("b")
        #expect(rows.changes == [Note("a", "ann", text: "two").record, .object([("t", "gone"), ("id", "b")])])
    }

    @Test("a table that takes the records of another in is that table", arguments: [1, 2, 3, 4, 5] as [UInt64])
    func replay(seed: UInt64) {
        var random = Seeded(seed)
        var rows = TwinTable<Note>(), copy = TwinTable<Note>()
        for _ in 0 ..< 300 {
            for _ in 0 ..< Int.random(in: 1 ... 3, using: &random) {
                let key = "n\(Int.random(in: 0 ..< 12, using: &random))"
                // A row's lists and rank are its own for life.
                if Int.random(in: 0 ..< 3, using: &random) == 0 { rows.remove(key) } else {
                    let n = Int(key.dropFirst()) ?? 0
                    rows.put(Note(key, n % 2 == 0 ? "ann" : "bob", tags: n % 3 == 0 ? ["red"] : [], rank: Int64(n), text: "\(Int.random(in: 0 ..< 99, using: &random))"))
                }
            }
            if Int.random(in: 0 ..< 4, using: &random) == 0 {
                rows.rollback()
            } else {
                for record in rows.changes { copy.replay(record) }
                rows.commit()
            }
            for shelf in ["ann", "bob", "ann/red", "bob/red"] { #expect(rows.all(on: shelf) == copy.all(on: shelf), "seed \(seed)") }
        }
    }

    @Test("records of other things are left out")
    func strangers() {
        var rows = table(Note("a", "ann"))
        for record in [["t": "order", "id": "a"], ["t": "gone"], ["t": "gone", "id": 5], [:], .null, ["id": "a"], ["t": "note", "id": "b"]] as [JSON] { rows.replay(record) }
        #expect(rows.keys(on: "ann") == ["a"])
        rows.replay(["t": "gone", "id": "a"])
        #expect(rows.keys(on: "ann") == [])
    }
}
