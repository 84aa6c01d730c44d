internal import Kernel
internal import TwinKit
internal import Wire

/// What a person reads from a file that is brought to a ledger without an API: comma-separated, with a heading, in the order of the file. Journals have a row a
/// line, rows of a bank account one for each other account.
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

    /// Rows of a bank account as a bookkeeper works on them in Patriot: each moves the account, and is assigned to the one that its description names. The
    /// rows of one reference are one document.
    /// - Parameters:
    ///   - account: code of the account that they are imported for.
    ///   - known: what documents are called. One whose name is cut is the only one that begins so.
    /// - Throws: `paper_refused` where a row is not one, or a name that is cut may be two documents'.
    static func readBankRows(_ text: String, of account: String, known: [String]) throws(Fault) -> [LedgerEntry] {
        var rows = text.split(whereSeparator: \.isNewline).map { cells(String($0)) }
        guard !rows.isEmpty, rows.removeFirst() == ["Post Date", "Description", "Amount"] else { throw refused("the file has another heading") }
        var journals: [String: LedgerEntry] = [:]
        var order: [String] = []
        for row in rows {
            guard row.count == 3, let date = monthFirst(row[0]), let hyphen = row[1].firstIndex(of: "-"), let colon = row[1].firstRange(of: ": "),
                hyphen < colon.lowerBound
            else {
                throw refused("a row is no row of a bank account: \(row.joined(separator: ","))")
            }
            let mark = String(row[1][..<hyphen])
            let assigned = row[1][hyphen ..< colon.lowerBound].split(separator: " ")
            guard assigned.count > 1 else { throw refused("a description names no account: \(row[1])") }
            let words = String(row[1][colon.upperBound...].trimmingPrefix("reversal of ").prefix { $0 != "/" })
            var entry = journals[mark] ?? LedgerEntry(id: mark, kind: "journal", reference: words, key: mark, date: date, currency: "USD", lines: [], live: true)
            if journals[mark] == nil { order.append(mark) }
            guard entry.date == date, entry.reference.hasPrefix(words) || words.hasPrefix(entry.reference) else { throw refused("\(mark) stands for two documents") }
            if words.count > entry.reference.count { entry.reference = words }
            let minor = try minor(row[2])
            entry.lines += [(account: String(assigned[1]), minor: -minor, baseMinor: -minor), (account: account, minor: minor, baseMinor: minor)]
            journals[mark] = entry
        }
        var out = order.compactMap { journals[$0] }
        for i in out.indices { out[i].reference = try whole(out[i].reference, known) }
        return out
    }

    /// The document that a name is of, of which the end may be cut.
    private static func whole(_ words: String, _ known: [String]) throws(Fault) -> String {
        if known.contains(words) { return words }
        let meant = known.filter { $0.hasPrefix(words) }
        guard meant.count <= 1 else { throw refused("\(words) may be \(meant.count) documents") }
        return meant.first ?? words
    }

    /// `03/04/2026`.
    private static func monthFirst(_ text: String) -> LocalDate? {
        let parts = text.split(separator: "/").compactMap { Int($0) }
        return parts.count == 3 ? LocalDate(year: parts[2], month: parts[0], day: parts[1]) : nil
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
