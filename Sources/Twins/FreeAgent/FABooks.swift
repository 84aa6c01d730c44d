internal import Kernel
internal import TwinKit
internal import Wire

/// The books under the documents. Entries are worked out from the documents as they stand, so the two can't disagree.
extension FAState {
    typealias BookLine = (account: String, minor: Int64, baseMinor: Int64)

    /// Amounts by account in the order of first use; base amounts are rounded account by account.
    struct Posting {
        private var order: [String] = []
        private var sums: [String: Int64] = [:]

        mutating func add(_ account: String, _ minor: Int64) {
            if sums[account] == nil { order.append(account) }
            sums[account, default: 0] += minor
        }

        /// What the base amounts miss zero by goes to the account that `rest` names, in base only.
        func lines(rate: ExactDecimal, rest: String) -> [BookLine] {
            var out: [BookLine] = order.map { account in
                let minor = sums[account] ?? 0
                return (account, minor, FANumber.times(minor, rate))
            }
            let missing = out.reduce(Int64(0)) { $0 + $1.baseMinor }
            if missing != 0 {
                if let place = out.firstIndex(where: { $0.account == rest }) { out[place].baseMinor -= missing } else { out.append((rest, 0, -missing)) }
            }
            return out.filter { $0.minor != 0 || $0.baseMinor != 0 }
        }
    }

    /// Everything that ever was.
    func entries() -> [LedgerEntry] {
        let documents = (rows.all(on: .invoice) + rows.all(on: .creditNote)).flatMap { [documentEntry($0)] + writtenOff($0) }
        return documents + rows.all(on: .bill).map { billEntry($0) } + rows.all(on: .explanation).compactMap { moneyEntry($0) }
            + rows.all(on: .journalSet).map { journalEntry($0) }
    }

    /// The posting key: what follows `cf:` in any of the texts, or a word that looks like one.
    static func key(_ texts: [String]) -> String {
        let found = texts.map { KeyText.keys(in: $0.utf8) }
        return found.first { !$0.isEmpty }?.min() ?? ""
    }

    private func entry(_ row: FARow, _ kind: String, _ texts: [String], _ currency: String, _ lines: [BookLine], live: Bool = true) -> LedgerEntry {
        LedgerEntry(
            id: "\(row.kind.plural)/\(row.name)", kind: kind, reference: texts.first { !$0.isEmpty } ?? "", key: Self.key(texts),
            date: row.date("dated_on") ?? LocalDate(daysSince1970: 0), currency: currency, lines: lines, live: live && !row.gone)
    }

    /// Debit trade debtors, credit the lines' categories and VAT charged; a credit note's amounts are negative. A draft never touched the books.
    private func documentEntry(_ row: FARow) -> LedgerEntry {
        var posting = Posting()
        if isPosted(row) {
            let discount = row.decimal("discount_percent") ?? .zero
            posting.add(FASeed.receivable, row.cents("total"))
            for line in row.list("lines").map({ FALine(stored: $0) }) { posting.add(line.category, -line.net(discount: discount)) }
            posting.add(FASeed.taxCharged, -row.cents("tax"))
        }
        let texts = [row.text("reference"), row.text("po_reference"), row.text("comments")]
        var out = entry(
            row, row.kind == .invoice ? "invoice" : "credit_note", texts, row.text("currency"),
            posting.lines(rate: row.decimal("exchange_rate") ?? .one, rest: FASeed.currencyGain), live: isPosted(row))
        // Its number is its reference there; what the document is about is the order that it names.
        if !texts[1].isEmpty { out.reference = texts[1] }
        return out
    }

    /// What was given up of an invoice.
    private func writtenOff(_ row: FARow) -> [LedgerEntry] {
        guard row.text("state") == "cancelled", let date = row.date("cancelled_on") else { return [] }
        var posting = Posting()
        posting.add(FASeed.badDebts, due(row))
        posting.add(FASeed.receivable, -due(row))
        var out = entry(
            row, "write_off", ["Write-off of \(row.text("reference"))"], row.text("currency"),
            posting.lines(rate: row.decimal("exchange_rate") ?? .one, rest: FASeed.currencyGain))
        out.id += "/write_off"
        out.key = ""
        out.date = date
        return [out]
    }

    private func billEntry(_ row: FARow) -> LedgerEntry {
        var posting = Posting()
        for line in row.list("lines") { posting.add(line["category"]?.string ?? "", Int64((line["total"]?.int ?? 0) - (line["tax"]?.int ?? 0))) }
        posting.add(FASeed.taxReclaimed, row.cents("tax"))
        posting.add(FASeed.payable, -row.cents("total"))
        return entry(
            row, "bill", [row.text("reference"), row.text("comments")], row.text("currency"),
            posting.lines(rate: row.decimal("exchange_rate") ?? .one, rest: FASeed.currencyGain))
    }

    private func journalEntry(_ row: FARow) -> LedgerEntry {
        var posting = Posting()
        for line in row.list("lines") {
            let code = line["category"]?.string ?? ""
            posting.add(line.member("user")?.string.map { "\(code)-\($0)" } ?? code, Int64(line["debit"]?.int ?? 0))
        }
        return entry(row, "journal", [row.text("tag"), row.text("description")], FASeed.currency, posting.lines(rate: .one, rest: FASeed.currencyGain))
    }

    // MARK: - Money

    private func account(_ row: FARow) -> (code: String, currency: String, rate: ExactDecimal) {
        let currency = rows[FARow.key(.bankAccount, row.text("bank_account"))]?.text("currency") ?? FASeed.currency
        return ("\(FASeed.bank)-\(row.text("bank_account"))", currency, FASeed.rate(of: currency) ?? .one)
    }

    /// A payment, a transfer (told once, by the side that was made), a fee or a sale straight to a category.
    private func moneyEntry(_ row: FARow) -> LedgerEntry? {
        if row.flag("mirrors") { return nil }
        let texts = [row.text("description"), row.text("receipt_reference"), row.text("cheque_number")]
        let (bank, currency, rate) = account(row)
        let gross = row.cents("gross")
        if let kind = FAKind(rawValue: row.text("paid_kind")), let paid = rows[FARow.key(kind, row.text("paid"))] {
            let names: [FAKind: String] = [.invoice: "payment", .creditNote: "refund_payment", .bill: "bill_payment"]
            return entry(row, names[kind] ?? "", texts, paid.text("currency"), paidLines(row, paid, bank: bank, base: FANumber.times(gross, rate)))
        }
        if row.has("transfer"), let other = rows[FARow.key(.explanation, row.text("linked"))] {
            let into = account(other)
            let base = FANumber.times(gross, rate)
            return entry(row, "transfer", texts, currency, [(bank, gross, base), (into.code, -gross, -base)])
        }
        var posting = Posting()
        let tax = row.cents("tax")
        posting.add(bank, gross)
        posting.add(row.has("user") ? "\(row.text("category"))-\(row.text("user"))" : row.text("category"), tax - gross)
        posting.add(gross > 0 ? FASeed.taxCharged : FASeed.taxReclaimed, -tax)
        return entry(row, "bank_transaction", texts, currency, posting.lines(rate: rate, rest: FASeed.currencyGain))
    }

    /// Money at the bank's rate, what is settled at the document's own; the difference is a gain or a loss.
    private func paidLines(_ row: FARow, _ paid: FARow, bank: String, base: Int64) -> [BookLine] {
        let value = row.cents("paid_value")
        let open = FANumber.times(value, paid.decimal("exchange_rate") ?? .one)
        var lines: [BookLine] = [(bank, value, base), (paid.kind == .bill ? FASeed.payable : FASeed.receivable, -value, -open)]
        if base != open { lines.append((FASeed.currencyGain, 0, open - base)) }
        return lines
    }

    // MARK: - Reports

    /// Where an entry's lines have their numbers among all transactions.
    private static let numbered: [FAKind] = [.invoice, .creditNote, .bill, .explanation, .journalSet]

    /// - Source: dev.freeagent.com/docs/transactions and trial_balance.
    func accounting(_ call: FACall) throws(FAProblem) -> HTTPResponse {
        guard call.method == .get else { throw .notFound }
        try call.needs(.accounting)
        let from = call.query("from_date").flatMap { FADate.parse($0) } ?? LocalDate(year: call.today.civil.year, month: 1, day: 1)
        let to = call.query("to_date").flatMap { FADate.parse($0) } ?? call.today
        let entries = entries().filter { $0.live && !$0.lines.isEmpty }.enumerated().sorted { a, b in
            (a.element.date, a.offset) < (b.element.date, b.offset)
        }.map(\.element)
        switch Array(call.path.dropFirst()) {
        case ["transactions"]:
            guard let from, to.daysSince1970 - from.daysSince1970 <= 366 else { throw .invalid("The period must be no longer than 12 months") }
            let inside = entries.filter { from <= $0.date && $0.date <= to }
            let code = call.query("nominal_code")
            let rows = inside.flatMap { entry in entry.lines.indices.map { (entry: entry, line: $0) } }.filter { row in
                let account = row.entry.lines[row.line].account
                return code == nil || account == code || account.split(separator: "-").first.map(String.init) == code
            }
            return call.page(rows, as: "transactions") { transactionJSON($0.entry, $0.line, call) }
        case ["trial_balance", "summary"]:
            let since = call.query("from_date") == nil ? LocalDate(daysSince1970: 0) : from ?? to
            return trialBalance(entries.filter { since <= $0.date && $0.date <= to }, call)
        default: throw .notFound
        }
    }

    private func transactionJSON(_ entry: LedgerEntry, _ number: Int, _ call: FACall) -> JSON {
        let line = entry.lines[number]
        let parts = entry.id.split(separator: "/").map(String.init)
        let place = Self.numbered.firstIndex { $0.plural == parts[0] } ?? 0
        let id = ((Int(parts[1]) ?? 0) * 10 + place) * 1000 + number + (parts.count > 2 ? 500 : 0)
        let row = Self.numbered.first { $0.plural == parts[0] }.flatMap { rows[FARow.key($0, parts[1])] }
        var out = FAMembers()
        out.text("url", "\(call.base)/accounting/transactions/\(id)")
        out.date("dated_on", entry.date)
        if let row { out.moments(row) }
        out.text("description", parts.count == 2 ? row.flatMap { $0.has("reference") ? $0.text("reference") : nil } ?? entry.reference : entry.reference)
        let top = line.account.split(separator: "-").first.map(String.init) ?? line.account
        out.text("category", call.url(.category, top))
        out.text("category_name", find(.category, top)?.text("description"))
        out.text("nominal_code", line.account)
        out.cents("debit_value", line.baseMinor)
        out.text("source_item_url", "\(call.base)/\(parts[0])/\(parts[1])")
        let foreign: JSON = .object([("currency_code", .string(entry.currency)), ("debit_value", FANumber.json(line.minor))])
        out.set("foreign_currency_data", entry.currency == FASeed.currency ? .object([]) : foreign)
        return out.json
    }

    private func trialBalance(_ entries: [LedgerEntry], _ call: FACall) -> HTTPResponse {
        var sums: [String: Int64] = [:]
        for line in entries.flatMap(\.lines) { sums[line.account, default: 0] += line.baseMinor }
        for account in all(.bankAccount) { sums["\(FASeed.bank)-\(account.name)", default: 0] += account.cents("opening_balance") }
        let rows = sums.filter { $0.value != 0 }.sorted { $0.key < $1.key }.map { code, total -> JSON in
            let parts = code.split(separator: "-").map(String.init)
            let sub = parts.count == 2 ? FACategory.reference(parts[0]).flatMap { find($0, parts[1]) } : nil
            let name = find(.category, parts[0])?.text("description") ?? ""
            var out = FAMembers()
            out.text("category", call.url(.category, parts[0]))
            out.text("nominal_code", code)
            out.text("display_nominal_code", code)
            out.text("name", sub.map { "\(name) \(label($0))" } ?? name)
            out.cents("total", total)
            if let sub { out.text(sub.kind.rawValue, call.url(sub)) }
            return out.json
        }
        return .json(200, .object([("trial_balance_summary", .array(rows))]))
    }
}
