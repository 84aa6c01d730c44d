import Books
import Catalog
import ConnectorKit
import FoundationEssentials
import Kernel
import Testing
import Wire

private let everyLedger: [String] = allIDs.filter { (try? connector($0)) is any LedgerConnector }
private let facts = ConnectionFacts(account: "a", settings: ["clearing_account": "611", "tax_name_NONE": "No tax"])

private func files(of id: String) throws -> [ManualForm] {
    let own = try ledger(id).manualForms
    return own.contains { $0.id == "journal-csv" } ? own : own + [.journalCSV]
}

private func want(_ form: PostingForm = .invoice, _ n: Int = 1, amount: Int64 = 1_000, marks: String = "", before: LedgerDocument? = nil) -> ManualFile.Want {
    ManualFile.Want(document: document(form, n, at: "x", amount: amount, marks: marks), before: before, party: "Shop customers", source: "shopify")
}

/// One that the form can carry.
private func sample(_ form: ManualForm, _ n: Int = 1, amount: Int64 = 1_000, marks: String = "") -> ManualFile.Want {
    let order: [PostingForm] = [.invoice, .journal, .payment]
    return want(order.first { form.carries.contains($0) } ?? .journal, n, amount: amount, marks: marks)
}

/// The lines of the file as fields, by the form's own writing.
private func fields(_ form: ManualForm, _ bytes: [UInt8]) throws -> [[String]] {
    guard form.writing.quotes else {
        let text = String(String.UnicodeScalarView(bytes.map { Unicode.Scalar($0) }))
        return text.split(separator: "\r\n").map { $0.split(separator: Character(Unicode.Scalar(form.writing.separator)),
            omittingEmptySubsequences: false).map(String.init) }
    }
    var csv = CSVForm(), rows: [[String]] = []
    csv.separator = form.writing.separator
    let utf8 = String(validating: bytes, as: UTF8.self) == nil ? Array(String(String.UnicodeScalarView(bytes.map { Unicode.Scalar($0) })).utf8) : bytes
    var reader = CSVReader(utf8, form: csv)
    while let row = try reader.next() { rows.append(row) }
    return rows
}

@Suite("Files that ledgers import")
struct FormTests {
    @Test("ids of a ledger's forms are distinct, and each says how it is imported and where its columns come from", arguments: everyLedger)
    func stated(id: String) throws {
        let all = try files(of: id)
        #expect(Set(all.map(\.id)).count == all.count && !all.isEmpty)
        for form in all {
            #expect(form.id.utf8.allSatisfy { (97 ... 122).contains($0) || (48 ... 57).contains($0) || $0 == 45 })
            #expect(!form.steps.isEmpty && form.source.count > 20 && form.version.contains("/") && !form.carries.isEmpty)
            #expect(form.findable.isSubset(of: form.carries))
            #expect(form.bounds.rows > form.heading.count && form.bounds.entries > 0 && form.bounds.bytes <= 8 << 20)
            #expect(try ledger(id).manualForm(form.id)?.version == form.version)
            #expect(try text("docs/connectors/\(id).md").contains("`\(form.id)`") || form.id == "journal-csv", "\(form.id)")
        }
    }

    @Test("what a form writes is read back by it to the cent, and what is missing or different is told", arguments: everyLedger)
    func roundTrip(id: String) throws {
        for form in try files(of: id) where form.writing.quotes {
            let wants = (1 ... 5).map { sample(form, $0, amount: Int64($0) * 1_234 + 1) }
            let (files, left) = ManualFile.files(form, wants, first: 7, facts)
            #expect(left.isEmpty && files.count == 1)
            let file = try #require(files.first)
            #expect(file.number == 7 && file.items.count == 5 && Set(file.items.map(\.reference)).count == 5)
            #expect(file.items.allSatisfy { $0.figure_minor > 0 }, "\(form.id)")
            let list = try ManualList.read(file.bytes, form)
            for item in file.items {
                #expect(list.finding(item.reference, figure_minor: item.figure_minor, item.currency) == .some(.none), "\(form.id) \(item.reference)")
                #expect(list.finding(item.reference, figure_minor: item.figure_minor + 1, item.currency)??.contains("meant") == true)
            }
            #expect(list.finding("CF00Z00Z", figure_minor: 1, .usd) == nil, "not in the list")
            var twice = file.bytes
            twice += file.bytes.drop { $0 != 10 }.dropFirst()
            let doubled = try ManualList.read(twice, form)
            #expect(doubled.finding(file.items[0].reference, figure_minor: file.items[0].figure_minor, .usd)??.contains("twice") == true, "\(form.id)")
        }
    }

    @Test("no text of people becomes a formula, a row, a column or another alphabet", arguments: everyLedger)
    func hostile(id: String) throws {
        let marks = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r\n=1", " =cmd|' /C calc'!A0", "a,b\"c\"\td\ne", "日本", "\u{feff}=1", "＝1"]
        for form in try files(of: id) {
            for mark in marks {
                var hostile = sample(form)
                for i in hostile.document.lines.indices { hostile.document.lines[i].plan.text = mark }
                hostile.document.reference = mark
                hostile.party = mark
                let (files, left) = ManualFile.files(form, [hostile], first: 1, facts)
                #expect(files.count + left.count == 1)
                guard let file = files.first else { continue }
                let plain = try #require(ManualFile.files(form, [sample(form)], first: 1, facts).files.first)
                let rows = try fields(form, file.bytes)
                let usual = try fields(form, plain.bytes)
                #expect(rows.map(\.count) == usual.map(\.count), "\(form.id): \(mark)")
                for field in rows.dropFirst(form.heading.count).flatMap(\.self) {
                    let first = field.unicodeScalars.first { $0 != " " }
                    let number = Money(field, .usd) != nil
                    #expect(number || !["=", "+", "-", "@", "\t", "＝"].contains(first.map { String($0) } ?? ""), "\(form.id): \(field)")
                    #expect(!field.utf8.contains { $0 < 32 }, "\(form.id): \(field.debugDescription)")
                }
                if form.writing.encoding == .windows1252 { #expect(!file.bytes.contains { $0 < 32 && ![9, 10, 13].contains($0) }) }
                #expect(file.bytes.suffix(2) == [13, 10])
            }
        }
    }

    @Test("an account's name that a file can't hold as it is keeps its document out, by name", arguments: everyLedger)
    func exactNames(id: String) throws {
        for form in try files(of: id) {
            var bad = sample(form)
            for i in bad.document.lines.indices {
                bad.document.lines[i].account.code = "=1"
                bad.document.lines[i].account.name = "=1"
            }
            let (files, left) = ManualFile.files(form, [bad, sample(form, 2)], first: 1, facts)
            if left.isEmpty { continue }
            #expect(left.map(\.fault.code) == ["manual_text_unfit"] && files.flatMap(\.items).map(\.key) == [key(2)], "\(form.id)")
        }
        let sheet = ManualForm.journalCSV
        var bad = want()
        bad.document.lines[0].account.code = "=1"
        #expect(ManualFile.files(sheet, [bad], first: 1, facts).left.map(\.fault.code) == ["manual_text_unfit"])
    }

    @Test("files keep within their bounds, no document straddles two, and none is lost", arguments: everyLedger)
    func bounds(id: String) throws {
        for form in try files(of: id) {
            var small = form
            small.bounds = ManualBounds(rows: form.heading.count + 8, entries: 3, bytes: 4_000)
            let wants = (1 ... 11).map { sample(small, $0) }
            let (files, left) = ManualFile.files(small, wants, first: 1, facts)
            #expect(left.isEmpty && files.count >= 4 && files.map(\.number) == Array(1 ... files.count))
            #expect(files.flatMap(\.items).map(\.key) == wants.map(\.document.key))
            for file in files {
                #expect(file.rows <= small.bounds.rows && file.items.count <= 3 && file.bytes.count <= 4_000)
                let rows = try fields(small, file.bytes)
                #expect(file.rows == rows.count, "\(form.id)")
            }
            small.bounds.rows = form.heading.count
            #expect(ManualFile.files(small, [sample(small)], first: 1, facts).left.map(\.fault.code) == ["manual_too_large"], "\(form.id)")
        }
    }

    @Test("a change of what went there by hand takes the old journal back and writes the new one; a void only takes back")
    func changes() throws {
        let old = document(.invoice, at: "x", amount: 1_000)
        var new = want(.invoice, amount: 1_500, before: old)
        new.document.revision = 2
        let file = try #require(ManualFile.files(.journalCSV, [new], first: 1, facts).files.first)
        let rows = try fields(.journalCSV, file.bytes).dropFirst()
        #expect(rows.map { "\($0[3]) \($0[5])/\($0[6])" } == ["610 /10.00", "200 10.00/", "610 15.00/", "200 /15.00"])
        #expect(file.items[0].reference == "0000000000000001-R2" && file.items[0].figure_minor == 2_500)
        var void = want(.invoice, before: old)
        void.document.plan.effect = .void
        let gone = try #require(ManualFile.files(.journalCSV, [void], first: 1, facts).files.first)
        #expect(try fields(.journalCSV, gone.bytes).dropFirst().map { "\($0[3]) \($0[5])/\($0[6])" } == ["610 /10.00", "200 10.00/"])
        var nothing = want(.invoice)
        nothing.document.plan.effect = .void
        #expect(ManualFile.files(.journalCSV, [nothing], first: 1, facts).left.map(\.fault.code) == ["manual_nothing"])
    }

    @Test("what does not balance, has no account or no form here stays out with its reason")
    func refusals() throws {
        var lame = want(.invoice)
        lame.document.lines[0].plan.amount = Money(minor: 999, .usd)
        var homeless = want(.invoice)
        homeless.document.lines[0].account = BoundAccount(code: "", remoteID: nil, name: "", active: false, rule: "")
        let codes = [lame, homeless, want(.memo)].map { ManualFile.files(.journalCSV, [$0], first: 1, facts).left.map(\.fault.code) }
        #expect(codes == [["manual_unbalanced"], ["manual_account_unknown"], ["manual_form_unsupported"]])
    }

    @Test("lists that can't be read are refused with their place", arguments: [
        ("", "manual_list_unreadable"), ("name,amount\r\na,1\r\n", "manual_list_unreadable"), ("reference,debit\r\nA,1.x\r\n", "manual_list_unreadable"),
        ("reference,debit\r\nA,\"1\r\n", "malformed_csv"), ("reference,debit\r\nA,1000000000000000\r\n", "manual_list_unreadable"),
    ])
    func badLists(text: String, code: String) {
        #expect { try ManualList.read(Array(text.utf8), .journalCSV) } throws: { ($0 as? Fault)?.code == code }
    }

    @Test("a list of references alone is a person's word for each; other documents of the ledger are passed over")
    func plainLists() throws {
        let list = try ManualList.read(Array("Reference\r\nA\r\n\r\n'B \r\n".utf8), .journalCSV)
        #expect(list.rows.keys.sorted() == ["A", "B"] && list.finding("A", figure_minor: 5, .usd) == .some(.none))
        let sums = try ManualList.read(Array("reference\tdebit\tmore\nA\t10.00\t\nA\t\tx\nA\t2.5\nC\t7\n".utf8), .journalCSV)
        #expect(sums.finding("A", figure_minor: 1_250, .usd) == .some(.none) && sums.finding("C", figure_minor: 1, .usd)??.isEmpty == false)
        #expect(ManualList(references: ["A"]).finding("B", figure_minor: 1, .usd) == nil)
    }

    @Test("desktop alphabets take what they can, and what they can't is written plainly and noted")
    func alphabets() throws {
        let form = try #require(try ledger("accountedge").manualForms.first)
        var one = sample(form)
        for i in one.document.lines.indices { one.document.lines[i].plan.text = "Café € Łódź 日" }
        let file = try #require(ManualFile.files(form, [one], first: 1, facts).files.first)
        #expect(file.bytes.contains(0xe9) && file.bytes.contains(0x80) && !file.bytes.contains(0xc3))
        #expect(file.notes.first?.full == "Café € Łódź 日" && file.notes.first?.written == "Café € Lódz ?")
    }

    @Test("ledgers without an API are asked nothing and refuse everything that would be sent", arguments: fileIDs)
    func unreachable(id: String) throws {
        let it = try ledger(id)
        let document = document(.invoice, at: id)
        let (ending, calls) = play(it.create([document, document], attempt: "a", facts), it) { _, _ in HTTPResponse(200) }
        #expect(calls.isEmpty && ending.output?.count == 2)
        for outcome in ending.output ?? [] {
            guard case .rejected(let fault) = outcome else {
                Issue.record("not refused")
                continue
            }
            #expect(fault.code == "by_file_only")
        }
        #expect(play(it.identify(facts), it) { _, _ in HTTPResponse(200) }.ending.output?.account == "a")
        #expect(play(it.find([document], facts), it) { _, _ in HTTPResponse(200) }.ending.output?.isEmpty == true)
    }
}
