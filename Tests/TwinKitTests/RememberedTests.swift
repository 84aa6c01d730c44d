import FoundationEssentials
import Kernel
import Testing
import TwinKit
import Wire

@Suite("A twin's memory and its journal") struct RememberedTests {
    private let no = Fault("happening_refused", stage: .sandbox, disposition: .reject, summary: "no")

    private func keys(_ memory: Remembered<Notes>) -> [String] { memory.look { $0.rows.keys(on: "ann") } }

    @Test("what was changed is in the journal, and there again when it is opened anew")
    func survives() throws {
        let journal = TwinJournal(inMemory: [])
        let memory = try Remembered(Notes(), in: journal)
        memory.change { $0.rows.put(Note("a", "ann")) }
        #expect(memory.change { state in state.rows.put(Note("b", "ann")); return state.rows.keys(on: "ann") } == ["a", "b"])
        memory.change { $0.rows.remove("a") }
        #expect(keys(try Remembered(Notes(), in: journal)) == ["b"])
    }

    @Test("what changes no row writes no line")
    func silent() throws {
        let journal = TwinJournal(inMemory: [])
        let memory = try Remembered(Notes(), in: journal)
        memory.change { $0.asked += 1 }
        var lines = 0
        try journal.replay { _ in lines += 1 }
        #expect(lines == 0 && memory.look { $0.asked } == 1)
    }

    @Test("what the journal can't keep is taken back, and the answer is another")
    func lost() throws {
        let memory = try Remembered(Notes(), in: TwinJournal(inMemory: [], room: 0))
        let answer = memory.change { state in
            state.asked += 1
            state.rows.put(Note("a", "ann"))
            return "done"
        } ifLost: { state, answer in
            state.asked = 0
            return "not \(answer)"
        }
        #expect(answer == "not done" && keys(memory) == [] && memory.look { $0.asked } == 0)
        memory.change { $0.rows.put(Note("a", "ann")) }
        #expect(keys(memory) == [])
        #expect(memory.change { _ in "read" } ifLost: { _, _ in "lost" } == "read", "nothing changed, so nothing can be lost")
    }

    @Test("of what is refused nothing happens")
    func refused() throws {
        let memory = try Remembered(Notes(), in: TwinJournal(inMemory: []))
        #expect(throws: no) {
            try memory.happen { state throws(Fault) -> Int in
                state.rows.put(Note("a", "ann"))
                throw no
            }
        }
        #expect(keys(memory) == [])
        #expect(try memory.happen { state throws(Fault) in
            state.rows.put(Note("b", "ann"))
            return 5
        } == 5)
        #expect(keys(memory) == ["b"])
    }

    @Test("what happens and can't be kept is a fault of the journal, and has not happened")
    func unwritten() throws {
        let memory = try Remembered(Notes(), in: TwinJournal(inMemory: [], room: 0))
        let fault = #expect(throws: Fault.self) { try memory.happen { state throws(Fault) in state.rows.put(Note("a", "ann")) } }
        #expect(fault?.code == "journal_unusable" && fault?.summary == "the twin's journal could not be written")
        #expect(keys(memory) == [])
    }

    @Test("a journal takes all records of a change or none")
    func room() throws {
        let memory = try Remembered(Notes(), in: TwinJournal(inMemory: [], room: 2))
        memory.change { state in for key in ["a", "b", "c"] { state.rows.put(Note(key, "ann")) } }
        #expect(keys(memory) == [])
        memory.change { state in for key in ["a", "b"] { state.rows.put(Note(key, "ann")) } }
        memory.change { $0.rows.put(Note("c", "ann")) }
        #expect(keys(memory) == ["a", "b"])
    }

    @Test("a journal that is damaged opens no memory")
    func damaged() throws {
        let path = FileManager.default.temporaryDirectory.appending(path: "twin-\(UInt64.random(in: 0 ... .max)).jsonl").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        try Data(Note("a", "ann").record.bytes + [10] + Array("{\n".utf8)).write(to: URL(filePath: path))
        let journal = try TwinJournal(path: path)
        let fault = #expect(throws: Fault.self) { try Remembered(Notes(), in: journal) }
        #expect(fault?.code == "journal_damaged" && fault?.position == "line 2")
    }
}
