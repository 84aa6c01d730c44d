import Books
import ConnectorKit
import Kernel
import Mapping
@testable import Pipeline
import Postgres
@testable import Store
import TestKit
import Testing
import Wire

private let day = "2026-11-02:shop"
private let summaries: [(name: String, value: String)] = [("posting", "daily_summary"), ("edit", "revise"), ("attach", "summaries")]

extension Desk {
    fileprivate var files: [ScriptedBooks.File] { books.state.with { $0.files } }

    /// Files that wait are due, their last try long past.
    fileprivate func filesLater() async throws {
        try await house.owner.query("UPDATE app.attachments SET next_attempt_at = clock_timestamp() - interval '1 second'")
        try await house.worker.ask(house.tenant, [Job(.attach, house.flow.description, lane: .poll)])
        try await later()
    }

    fileprivate func fileStates() async throws -> [String] {
        var out: [String] = []
        for row in try await house.owner.query("SELECT state FROM app.attachments ORDER BY revision") { out.append(try row.get("state")) }
        return out
    }

    /// Sums of a file by role.
    fileprivate func sums(_ file: ScriptedBooks.File) throws -> [String: String] {
        var reader = CSVReader(Array(file.text.utf8))
        let head = try #require(try reader.next())
        #expect(head == ["document", "form", "date", "reference", "text", "role", "account", "amount", "currency"])
        var sums: [String: Money] = [:]
        while let row = try reader.next() {
            let amount = try #require(ExactDecimal(row[7]).flatMap { Money($0, .usd) })
            sums[row[5]] = sums[row[5]].map { $0 + amount } ?? amount
        }
        return sums.filter { !$0.value.isZero }.mapValues(\.text)
    }
}

/// A part as the store has it.
private func stored(_ plan: PlannedPosting, _ key: PostKey) -> PostingRow {
    PostingRow(
        key: key, flow: SeededRandom(seed: 1).identifier(), ledger: SeededRandom(seed: 1).identifier(), caseID: plan.caseID, subject: plan.subject,
        form: plan.form.rawValue, generation: 0, revision: 1, effect: "post", state: "gathered", plan: PlanCodec.encode(plan).bytes, planDigest: [],
        reference: "order \(plan.subject)", date: plan.date, currency: "USD", totalMinor: plan.total.minor, findings: [], attempts: 0)
}

@Suite("Files beside documents") struct AttachTests {
    @Test("a summary gets the list of its documents, which comes to it to the cent for each account, once") func summary() async throws {
        try await Desk.with(policies: summaries, ledger: ScriptedLedger(takesFiles: true)) { desk in
            try await desk.run(sale(), payment(), sale("O-2", cups: 1))
            try await desk.filesLater()
            #expect(try await desk.fileStates() == ["attached"])
            let file = try #require(desk.files.first)
            #expect(desk.files.count == 1)
            let key = try await desk.posting("summary", day).key
            #expect(file.entry == "D1" && file.name == "counterfoil-\(key)-r1.csv")
            #expect(try desk.sums(file) == ["receivable:shop": "50.00", "sales:cups": "-150.00", "clearing:card:USD": "100.00"])
            #expect(file.text.contains("O-2,invoice,2026-11-02,order O-2,Cup,sales:cups,4000,-50.00,USD"))
            try await desk.filesLater()
            #expect(desk.files.count == 1)
            try await desk.run(sale("O-2", cups: 3, version: 2))
            try await desk.filesLater()
            #expect(desk.files.map(\.name) == ["counterfoil-\(key)-r1.csv", "counterfoil-\(key)-r2.csv"])
            #expect(try desk.sums(desk.files[1])["sales:cups"] == "-250.00")
        }
    }

    @Test("a file whose answer got lost is looked for and not sent again") func answerLost() async throws {
        try await Desk.with(policies: summaries, ledger: ScriptedLedger(takesFiles: true)) { desk in
            desk.books.script(.fine, .loseAnswer)
            try await desk.run(sale())
            #expect(try await desk.fileStates() == ["sent"])
            try await desk.later()
            #expect(desk.files.count == 1)
            try await desk.filesLater()
            #expect(desk.files.count == 1)
            #expect(try await desk.fileStates() == ["attached"])
        }
    }

    @Test("a file whose request got lost is sent again once a search can be believed, not before") func requestLost() async throws {
        try await Desk.with(policies: summaries, ledger: ScriptedLedger(takesFiles: true)) { desk in
            desk.books.script(.fine, .loseRequest)
            try await desk.run(sale())
            try await desk.later()
            #expect(desk.books.writes.count == 2)
            #expect(desk.files.isEmpty)
            #expect(try await desk.house.count("SELECT count(*) FROM app.attachments WHERE state = 'sent' AND next_attempt_at > clock_timestamp()") == 1)
            try await desk.filesLater()
            #expect(desk.files.count == 1)
        }
    }

    @Test("a file that is refused is told by name, and its document stays as it is") func refused() async throws {
        try await Desk.with(policies: summaries, ledger: ScriptedLedger(takesFiles: true)) { desk in
            desk.books.script(.fine, .answer(400))
            try await desk.run(sale())
            try await desk.filesLater()
            #expect(try await desk.fileStates() == ["refused"])
            #expect(try await desk.alerts() == ["attachment/\(desk.house.ledger)"])
            #expect(try await desk.states()["summary \(day)"] == "reconciled")
            #expect(desk.books.writes.count == 2)
        }
    }

    @Test("without the policy, or where the ledger has no place for files, nothing is sent") func none() async throws {
        try await Desk.with(policies: [("posting", "daily_summary"), ("edit", "revise")], ledger: ScriptedLedger(takesFiles: true)) { desk in
            try await desk.run(sale())
            #expect(try await desk.fileStates().isEmpty)
        }
        try await Desk.with(policies: [("edit", "revise"), ("attach", "summaries")], ledger: ScriptedLedger(takesFiles: true)) { desk in
            try await desk.run(sale())
            #expect(try await desk.fileStates().isEmpty)
        }
        try await Desk.with(policies: summaries) { desk in
            try await desk.run(sale())
            #expect(try await desk.fileStates() == ["refused"])
            #expect(try await desk.alerts().isEmpty)
        }
    }

    @Test("a single document's file names what each line is derived from") func single() async throws {
        try await Desk.with(policies: [("edit", "revise"), ("attach", "all")], ledger: ScriptedLedger(takesFiles: true)) { desk in
            try await desk.run(sale())
            let file = try #require(desk.files.first)
            #expect(try desk.sums(file) == ["receivable:shop": "100.00", "sales:cups": "-100.00"])
            #expect(file.text.contains("O-1/L1,invoice,2026-11-02,order O-1,Cup,sales:cups,4000,-100.00,USD"))
        }
    }

    @Test("documents that come to something else than their summary are no proof of it") func unproven() throws {
        let part = PlannedPosting(
            subject: "O-1", form: .invoice, caseID: "O-1", covers: ["O-1"], date: LocalDate(daysSince1970: 20_000), currency: .usd, total: usd(100),
            lines: [PostingLine(.goods, role: "sales:cups", amount: usd(-100), derivedFrom: ["O-1"], text: "=HYPERLINK(1)")], party: "shop")
        var whole = part
        whole.form = .summary
        let key = try #require(PostKey("0123456789abcdef"))
        func file(_ plan: PlannedPosting) throws(Fault) -> LedgerFile {
            let lines = plan.lines.map { LedgerDocument.Line(plan: $0, account: BoundAccount(code: "4000", remoteID: "1", name: "", active: true, rule: "")) }
            let document = LedgerDocument(key: key, revision: 2, plan: plan, lines: lines, reference: "summary")
            return try Attach.file(document, parts: []) { _, _ in "4000" }
        }
        #expect(String(decoding: try file(whole).bytes, as: UTF8.self).contains("'=HYPERLINK(1)"))
        let document = LedgerDocument(key: key, revision: 1, plan: whole, lines: [], reference: "summary")
        _ = try Attach.file(document, parts: [stored(part, key)]) { _, _ in "" }
        var other = part
        other.lines[0].amount = usd(-99)
        let less = stored(other, key)
        #expect { try Attach.file(document, parts: [less]) { _, _ in "" } } throws: { ($0 as? Fault)?.code == "attachment_unproven" }
        // A settlement has rows of the processor's own, which stand for themselves.
        var settlement = document
        settlement.plan.form = .settlement
        let text = String(decoding: try Attach.file(settlement, parts: [less]) { _, _ in "" }.bytes, as: UTF8.self)
        #expect(text.split(separator: "\r\n").count == 3 && text.contains(",-0.99,") && text.contains(",-0.01,"))
    }
}
