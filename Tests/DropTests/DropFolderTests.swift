import FoundationEssentials
import Kernel
import Testing
import Wire

@testable import Drop

/// A drop folder of its own, and what was sent from it.
private struct Yard {
    static let connection = "00000000-0000-4000-8000-000000000001"
    let root: URL
    let sent = Locked<[String]>([])

    init() throws {
        root = FileManager.default.temporaryDirectory.appending(path: "counterfoil-drop-\(UInt64.random(in: 0 ... .max))")
        try FileManager.default.createDirectory(at: folder("in"), withIntermediateDirectories: true)
    }

    func folder(_ name: String) -> URL { root.appending(path: Yard.connection).appending(path: name) }
    /// A file of whole lines.
    func put(_ name: String, _ text: String) throws { try write(name, text + "\n") }
    func write(_ name: String, _ text: String) throws { try Data(text.utf8).write(to: folder("in").appending(path: name)) }
    func names(_ name: String) throws -> [String] { try FileManager.default.contentsOfDirectory(atPath: folder(name).path).sorted() }

    /// Passes an hour after now, so that all files have settled.
    func pass(after: Duration = .seconds(3_600), _ answer: @escaping @Sendable (String) -> HTTPResponse?) async throws -> [DropFolder.Outcome] {
        let sent = sent
        let drop = DropFolder(root.path) { connection, layout, bytes in
            let text = String(decoding: bytes.last == 10 ? bytes.dropLast() : bytes[...], as: UTF8.self)
            sent.with { $0.append("\(connection == Yard.connection) \(layout) \(text)") }
            return answer(text)
        }
        return try await drop.pass(now: SystemClocks().now() + after)
    }
}


private func json(_ status: Int, _ body: JSON) -> HTTPResponse { HTTPResponse(status, body: body.bytes) }

@Suite("A folder for files")
struct DropFolderTests {
    @Test("what is taken goes to done, what is refused to failed, each with the answer beside it")
    func fates() async throws {
        let yard = try Yard()
        try yard.put("invoice-2026-11-12.csv", "good")
        try yard.put("payment.csv", "bad")
        let outcomes = try await yard.pass {
            $0 == "good" ? json(200, ["accepted": 2, "duplicate": 0]) : json(422, ["code": "file_refused", "detail": "line 2"])
        }
        #expect(outcomes.map(\.fate) == [.done, .failed] && outcomes.map(\.words) == ["2 new, 0 known", "line 2"])
        #expect(try yard.names("in").isEmpty && yard.names("done").count == 2 && yard.names("failed").count == 2)
        #expect(yard.sent.with { $0 } == ["true invoice good", "true payment bad"])
        let report = try #require(try yard.names("failed").first { $0.hasSuffix(".report.json") })
        #expect(try JSON(parsing: Array(try Data(contentsOf: yard.folder("failed").appending(path: report)))) == ["code": "file_refused", "detail": "line 2"])
    }

    @Test("what nobody answered for, and what is not the file's fault, stays and is sent again", arguments: [0, 401, 404, 429, 500, 503])
    func waits(status: Int) async throws {
        let yard = try Yard()
        try yard.put("invoice.csv", "x")
        #expect(try await yard.pass { _ in status == 0 ? nil : HTTPResponse(status) }.map(\.fate) == [.waits])
        #expect(try yard.names("in") == ["invoice.csv"])
        #expect(try await yard.pass { _ in json(200, ["accepted": 0, "duplicate": 1]) }.map(\.words) == ["0 new, 1 known"])
        #expect(try await yard.pass { _ in nil }.isEmpty)
    }

    @Test("a file that is dropped twice is sent twice, and both lie in done", arguments: ["invoice.csv", "invoice-again.csv"])
    func twice(second: String) async throws {
        let yard = try Yard()
        let known = Locked<Set<String>>([])
        for (n, name) in ["invoice.csv", second].enumerated() {
            try yard.put(name, "x")
            let outcomes = try await yard.pass(after: .seconds(3_600 + n)) { text in
                let isNew = known.with { $0.insert(text).inserted }
                return json(200, ["accepted": .number(isNew ? "1" : "0"), "duplicate": .number(isNew ? "0" : "1")])
            }
            #expect(outcomes.map(\.words) == [n == 0 ? "1 new, 0 known" : "0 new, 1 known"])
        }
        #expect(try yard.names("in").isEmpty)
        #expect(try yard.names("done").filter { !$0.hasSuffix(".report.json") }.count == 2)
    }

    @Test("a file whose last line has no end may be half written: it waits unsent until it is whole", arguments: ["x", "a,b\n1,2", "a,b\r\n1,239.0"])
    func half(text: String) async throws {
        let yard = try Yard()
        try yard.write("invoice.csv", text)
        #expect(try await yard.pass { _ in HTTPResponse(200) }.map(\.fate) == [.waits])
        #expect(yard.sent.with { $0 }.isEmpty)
        try yard.write("invoice.csv", text + "\n")
        #expect(try await yard.pass { _ in json(200, [:]) }.map(\.fate) == [.done])
    }

    @Test("a file that is written to while it is sent stays, and is sent again whole")
    func growing() async throws {
        let yard = try Yard()
        try yard.put("invoice.csv", "head\nrow 1")
        let outcomes = try await yard.pass { _ in
            do { try yard.put("invoice.csv", "head\nrow 1\nrow 2") } catch { return nil }
            return json(200, ["accepted": 1])
        }
        #expect(outcomes.map(\.fate) == [.waits])
        #expect(try yard.names("in") == ["invoice.csv"])
        #expect(try yard.names("done").isEmpty)
        #expect(try await yard.pass { _ in json(200, ["accepted": 1]) }.map(\.fate) == [.done])
        #expect(yard.sent.with { $0.last?.hasSuffix("row 2") } == true)
    }

    @Test("what another pass took meanwhile is told, and the pass goes on")
    func gone() async throws {
        let yard = try Yard()
        for name in ["deposit.csv", "invoice.csv"] { try yard.put(name, name) }
        let outcomes = try await yard.pass { text in
            if text == "deposit.csv" { do { try FileManager.default.removeItem(at: yard.folder("in").appending(path: text)) } catch { return nil } }
            return json(200, ["accepted": 1])
        }
        #expect(outcomes.map(\.fate) == [.waits, .done] && outcomes.first?.words.hasPrefix("it is gone") == true)
    }

    @Test("a link in place of any of its folders is not followed: nothing behind it is read, moved or written", arguments: ["", "in", "done", "failed"])
    func linkedFolders(name: String) async throws {
        let yard = try Yard(), other = try Yard()
        try yard.put("invoice.csv", "mine")
        try other.put("payment.csv", "theirs")
        let place = name.isEmpty ? yard.root.appending(path: Yard.connection) : yard.folder(name)
        for folder in ["done", "failed"] { try FileManager.default.createDirectory(at: yard.folder(folder), withIntermediateDirectories: true) }
        try FileManager.default.removeItem(at: place)
        try FileManager.default.createSymbolicLink(at: place, withDestinationURL: name.isEmpty ? other.root.appending(path: Yard.connection) : other.folder("in"))
        let outcomes = try await yard.pass { _ in json(200, ["accepted": 1]) }
        #expect(outcomes.map(\.fate) == [.waits] && outcomes.first?.words.contains("is a link") == true)
        #expect(yard.sent.with { $0 }.isEmpty)
        #expect(try other.names("in") == ["payment.csv"])
    }

    @Test("a link in place of a file is not read, nor what becomes one while the pass goes on")
    func linkedFiles() async throws {
        let yard = try Yard()
        let secret = yard.root.appending(path: "secret")
        try Data("hush\n".utf8).write(to: secret)
        try FileManager.default.createSymbolicLink(at: yard.folder("in").appending(path: "invoice.csv"), withDestinationURL: secret)
        try yard.put("deposit.csv", "first")
        try yard.put("payment.csv", "second")
        let outcomes = try await yard.pass { _ in
            let path = yard.folder("in").appending(path: "payment.csv")
            do {
                try FileManager.default.removeItem(at: path)
                try FileManager.default.createSymbolicLink(at: path, withDestinationURL: secret)
            } catch { return nil }
            return json(200, ["accepted": 1])
        }
        #expect(outcomes.map(\.name) == ["deposit.csv"] && outcomes.map(\.fate) == [.done])
        #expect(yard.sent.with { $0 } == ["true deposit first"])
        let folder = try OpenFolder(yard.folder("in").path)
        #expect(folder.read("invoice.csv", most: 100) == nil && folder.facts("invoice.csv")?.isPlain == false)
        #expect(throws: Fault.self) { try OpenFolder(yard.root.path).folder("secret") }
    }

    @Test("a connection whose folders can't be made keeps no other back")
    func neighbours() async throws {
        let yard = try Yard()
        try yard.put("invoice.csv", "x")
        let other = yard.root.appending(path: "00000000-0000-4000-8000-000000000000")
        try FileManager.default.createDirectory(at: other, withIntermediateDirectories: true)
        try Data().write(to: other.appending(path: "in"))
        #expect(try await yard.pass { _ in json(200, [:]) }.map(\.fate) == [.waits, .done])
    }

    @Test("a file that may still be written waits, unsent")
    func settling() async throws {
        let yard = try Yard()
        try yard.put("invoice.csv", "x")
        #expect(try await yard.pass(after: .zero) { _ in HTTPResponse(200) }.map(\.fate) == [.waits])
        #expect(yard.sent.with { $0 }.isEmpty)
    }

    @Test("hidden and unfinished files, folders, links and other folders are left alone")
    func others() async throws {
        let yard = try Yard()
        for name in [".invoice.csv", "invoice.csv.part", "notes.txt"] { try yard.put(name, "x") }
        try FileManager.default.createDirectory(at: yard.folder("in").appending(path: "invoice.csv"), withIntermediateDirectories: true)
        try FileManager.default.createSymbolicLink(atPath: yard.folder("in").appending(path: "payment.csv").path, withDestinationPath: "/etc/hostname")
        try FileManager.default.createDirectory(at: yard.root.appending(path: "elsewhere/in"), withIntermediateDirectories: true)
        #expect(try await yard.pass { _ in HTTPResponse(200) }.isEmpty)
        #expect(try yard.names("in").count == 5 && yard.sent.with { $0 }.isEmpty)
    }

    @Test("leftovers, however many, keep no file back")
    func leftovers() async throws {
        let yard = try Yard()
        for n in 0 ... DropLimits.filesOfPass { try yard.put(".leftover-\(n)", "x") }
        try yard.put("invoice.csv", "x")
        #expect(try await yard.pass { _ in json(200, ["accepted": 1, "duplicate": 0]) }.map(\.name) == ["invoice.csv"])
    }

    @Test("a name without a layout fails with a report, unsent", arguments: ["2026.csv", "Invoice.csv", "-.csv", "invoices2.csv"])
    func unnamed(name: String) async throws {
        let yard = try Yard()
        try yard.put(name, "x")
        #expect(try await yard.pass { _ in HTTPResponse(200) }.map(\.fate) == [.failed])
        #expect(try yard.names("failed").count == 2 && yard.sent.with { $0 }.isEmpty)
    }

    @Test("a folder that is not there is told")
    func missing() async throws {
        await #expect(throws: Fault.self) { try await DropFolder("/nowhere/at/all") { _, _, _ in nil }.pass(now: Timestamp(seconds: 0)) }
    }
}
