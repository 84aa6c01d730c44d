internal import Books
public import ConnectorKit
internal import Kernel
internal import Wire

extension SageIntacctConnector {
    /// A document as the ledger holds it, in the words of the one that was meant. Accounts by their numbers.
    /// - Throws: `unreadable_answer` where an amount or a date is missing or no such thing.
    static func readback(_ row: Row, _ id: String, _ lines: [Row], of document: LedgerDocument, _ record: Record) throws(Fault) -> LedgerReadback {
        let key = row[record.numberField].flatMap { PostKey($0) } ?? key(ofWords: row[record.wordsField])
        var out = LedgerReadback(
            key: key, remoteID: id, version: row["WHENMODIFIED"].map { String($0.prefix(64)) }, date: nil, currency: nil, total_minor: 0, tax_minor: nil,
            party: nil, accounts: [:], voided: false)
        switch Effect(row) {
        case .effective: break
        case .draft: (out.voided, out.unfinished) = (true, true)
        case .pending: (out.voided, out.waits) = (true, true)
        case .ended: out.voided = true
        }
        if out.voided { return out }
        let days = ["WHENPOSTED", "WHENCREATED", "RECEIPTDATE", "BATCH_DATE"]
        guard let day = days.lazy.compactMap({ row[$0] }).first.flatMap(day(slashed:)) else { throw unreadable("a document has no date") }
        out.date = day
        if record == .entry {
            try read(entry: lines, document, &out)
            return out
        }
        out.currency = row["CURRENCY"]
        let currency = row["CURRENCY"].flatMap { Currency($0) } ?? document.plan.currency
        let total = try minor(row["TRX_TOTALENTERED"] ?? row["TOTALENTERED"], currency, "TOTALENTERED")
        out.total_minor = abs(total)
        if record != .receipt { out.party = row[record == .bill ? "VENDORID" : "CUSTOMERID"] }
        if record == .bill { out.due = row["WHENDUE"].flatMap(day(slashed:)) }
        if record == .payment {
            read(payment: row, lines, total, document, &out)
            return out
        }
        var net: Int64 = 0
        for line in lines where line["PARENTENTRY"] == nil {
            guard let account = line["ACCOUNTNO"] else { throw unreadable("a line has no account") }
            let amount = try minor(line["TRX_AMOUNT"] ?? line["AMOUNT"], currency, "AMOUNT")
            net += amount
            out.accounts[account, default: 0] += record == .bill ? amount : -amount
        }
        out.accounts = out.accounts.filter { $0.value != 0 }
        out.tax_minor = abs(total - net)
        return out
    }

    /// The money of a payment stands on the account that it was put on: a bank account of cash management is known by what its account is bound as.
    private static func read(payment row: Row, _ lines: [Row], _ total: Int64, _ document: LedgerDocument, _ out: inout LedgerReadback) {
        out.appliesTo = Set(lines.compactMap { $0["RECORDKEY"] ?? $0["POSADJKEY"] }).sorted().joined(separator: ",")
        guard let tender = document.tenders.first else { return }
        let bank = row["FINANCIALENTITY"]
        if let bank, tender.bank == bank { out.accounts[tender.account.code] = total } else {
            // One that does not say where its money is has nothing to compare.
            out.accounts[row["UNDEPOSITEDACCOUNTNO"] ?? bank ?? tender.account.code] = total
        }
    }

    private static func read(entry lines: [Row], _ document: LedgerDocument, _ out: inout LedgerReadback) throws(Fault) {
        out.currency = lines.first?["CURRENCY"]
        let meant = (try? EntryLines(document))?.currency ?? document.plan.currency
        let currency = out.currency.flatMap { Currency($0) } ?? meant
        for line in lines {
            guard let account = line["ACCOUNTNO"], let side = line["TR_TYPE"], ["1", "-1"].contains(side) else {
                throw unreadable("a line of an entry has no account or side")
            }
            let amount = try minor(line["TRX_AMOUNT"] ?? line["AMOUNT"], currency, "AMOUNT")
            out.accounts[account, default: 0] += side == "1" ? amount : -amount
            if (side == "1") == (amount > 0) { out.total_minor += abs(amount) }
        }
        out.accounts = out.accounts.filter { $0.value != 0 }
    }

    /// The amount that is written there. Sums of binary fractions may be a hair beside it.
    static func minor(_ text: String?, _ currency: Currency, _ name: String) throws(Fault) -> Int64 {
        if let decimal = text.flatMap({ ExactDecimal($0) }), decimal.scale <= 30, decimal.coefficient.magnitude < 1_000_000_000_000_000_000_000_000_000 {
            let rounded = decimal.rounded(toScale: currency.decimals)
            let hair = ExactDecimal(coefficient: 1, scale: currency.decimals + 3)
            let off = decimal - rounded
            if off < hair, -off < hair, let money = Money(rounded, currency), abs(money.minor) <= IntacctLimits.amountMinor { return money.minor }
        }
        throw unreadable("\(name) is no amount of \(currency)")
    }

    // MARK: What was meant

    public func meant(_ document: LedgerDocument) -> LedgerReadback {
        let plan = document.plan
        var out = LedgerReadback(
            key: document.key, remoteID: document.remoteID ?? "", version: document.remoteVersion, date: plan.date, currency: plan.currency.code,
            total_minor: plan.total.minor, tax_minor: nil, party: nil, accounts: [:], voided: plan.effect == .void)
        switch Record(document) {
        case .payment:
            out.party = document.party
            out.appliesTo = document.appliesTo
            if let tender = document.tenders.first { out.accounts[tender.account.code] = plan.total.minor }
        case .entry:
            // What can't be sent was not meant either.
            guard let entry = try? EntryLines(document) else { return out }
            out.currency = entry.currency.code
            out.accounts = entry.accounts
            out.total_minor = entry.debits
        case .invoice?, .adjustment?, .receipt?, .bill?:
            out.due = document.due
            let record = Record(document) ?? .invoice
            if record != .receipt { out.party = document.party }
            out.appliesTo = document.match?.other
            guard let trade = try? TradeLines(document, record) else { return out }
            out.tax_minor = abs(trade.tax)
            out.accounts = trade.accounts
            out.total_minor = abs(trade.sum)
        case nil: break
        }
        return out
    }
}
