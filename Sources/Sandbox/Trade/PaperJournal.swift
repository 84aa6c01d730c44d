internal import Kernel
internal import TwinKit
internal import Wire

/// Journals as a person reads them from a file: comma-separated, a heading, one row a line, in the order of the file.
enum PaperJournal {
    /// What people call the documents of each form.
    private static let words = ["invoice": "order", "credit_note": "refund", "payment": "transaction", "refund_payment": "transaction", "payout": "payout"]

    /// - Throws: `paper_refused` where a row is not one, or a journal does not balance.
    static func read(_ text: String) throws(Fault) -> [LedgerEntry] {
        var rows = text.split(whereSeparator: \.isNewline).map { cells(String($0)) }
        guard !rows.isEmpty else { throw refused("the file is empty") }
        let heading = rows.removeFirst()
        let places = Dictionary(heading.enumerated().map { ($0.element, $0.offset) }) { one, _ in one }
        var journals: [String: LedgerEntry] = [:]
        var order: [String] = []
        for row in rows {
            func cell(_ name: String) throws(Fault) -> String {
                guard let place = places[name], row.indices.contains(place) else { throw refused("a row has no \(name)") }
                return row[place]
            }
            let journal = try cell("journal_ref")
            let form = try cell("source_type")
            guard let date = LocalDate(try cell("date")), let word = words[form] else { throw refused("a row's date or type means nothing here: \(form)") }
            if journals[journal] == nil {
                order.append(journal)
                let reference = "\(word) \(try cell("source_ref").prefix { $0 != "/" })"
                journals[journal] = LedgerEntry(
                    id: journal, kind: "journal", reference: reference, key: journal, date: date, currency: try cell("currency"), lines: [], live: true)
            }
            let minor = try self.minor(try cell("debit")) - self.minor(try cell("credit"))
            journals[journal]?.lines.append((account: try cell("account_code"), minor: minor, baseMinor: minor))
        }
        for journal in journals.values where journal.lines.reduce(0, { $0 + $1.minor }) != 0 { throw refused("journal \(journal.id) does not balance") }
        return order.compactMap { journals[$0] }
    }

    private static func minor(_ text: String) throws(Fault) -> Int64 {
        if text.isEmpty { return 0 }
        guard let amount = ExactDecimal(text), let minor = Int64(exactly: (amount * ExactDecimal(100)).rounded(toScale: 0).coefficient), amount.scale <= 2
        else {
            throw refused("\(text) is no amount")
        }
        return minor
    }

    /// The cells of one row. Quotes around a cell are taken off; those within are not needed here.
    private static func cells(_ row: String) -> [String] {
        var out: [String] = [""]
        var isQuoted = false
        for character in row {
            if character == "\"" {
                isQuoted.toggle()
            } else if character == ",", !isQuoted {
                out.append("")
            } else {
                out[out.count - 1].append(character)
            }
        }
        return out
    }

    private static func refused(_ summary: String) -> Fault {
        Fault("paper_refused", stage: .sandbox, disposition: .reject, summary: summary, remedy: "Bring the file as it was made.", position: "csv")
    }
}
