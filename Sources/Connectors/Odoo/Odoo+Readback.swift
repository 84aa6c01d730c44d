internal import Books
public import ConnectorKit
internal import Kernel
internal import Wire

extension OdooConnector {
    /// A document as the ledger holds it, in the words of the one that was meant. Accounts by their ids. `isReversed`: a reversal takes all of it back.
    /// - Throws: `unreadable_answer` where an amount, a date or a state is missing or no such thing.
    static func readback(
        _ row: JSON, _ id: Int, _ items: [JSON], of document: LedgerDocument, _ dialect: Dialect, isReversed: Bool
    ) throws(Fault) -> LedgerReadback {
        guard let state = row["state"]?.string else { throw unreadable("a document has no state") }
        var out = LedgerReadback(
            key: key(of: row["ref"]?.string), remoteID: String(id), version: row["write_date"]?.words.map { String($0.prefix(64)) }, date: nil, currency: nil,
            total_minor: 0, tax_minor: nil, party: nil, accounts: [:], voided: false)
        switch state {
        case "posted":
            if isReversed {
                out.voided = true
                return out
            }
        case "cancel":
            out.voided = true
            return out
        case "draft":
            out.voided = true
            out.unfinished = true
            return out
        default: throw unreadable("a document is in a state that is not known")
        }
        let type = row["move_type"]?.string
        let isTrade = type != "entry"
        // The accounting day: of a sale before a lock date Odoo may move it and leave the invoice's own.
        guard let day = row["date"]?.words.flatMap({ LocalDate($0) }) else {
            throw unreadable("a document has no date")
        }
        out.date = day
        let currency = row["currency_id"]?.named.flatMap { Currency($0) } ?? document.plan.currency
        let read = try Items(items, isTrade ? currency : document.plan.currency, dialect)
        if isTrade {
            out.currency = row["currency_id"]?.named
            out.total_minor = try Items.minor(row["amount_total"], currency, "amount_total")
            out.tax_minor = try Items.minor(row["amount_tax"], currency, "amount_tax")
            out.party = row["partner_id"]?.id.map(String.init)
            out.accounts = names(read.lines)
            // What was paid on it, and credit that is set against it: the document does not tell them apart.
            if let type, ["out_invoice", "in_invoice"].contains(type), row["amount_residual"] != nil {
                out.open_minor = try Items.minor(row["amount_residual"], currency, "amount_residual")
            }
            if type == "in_invoice" { out.due = row["invoice_date_due"]?.words.flatMap { LocalDate($0) } }
            // Another kind of document than meant has its amounts on the other side, and its accounts show it.
        } else {
            out.currency = read.currency
            out.total_minor = read.debits
            out.accounts = names(read.all)
            out.party = document.plan.lines.contains { $0.role.family == "receivable" } ? row["partner_id"]?.id.map(String.init) : nil
        }
        return out
    }

    private static func names(_ sums: [Int: Int64]) -> [String: Int64] {
        var out: [String: Int64] = [:]
        for (account, minor) in sums where minor != 0 { out[String(account)] = minor }
        return out
    }

    // MARK: What was meant

    public func meant(_ document: LedgerDocument) -> LedgerReadback {
        let plan = document.plan
        var out = LedgerReadback(
            key: document.key, remoteID: document.remoteID ?? "", version: document.remoteVersion, date: plan.date, currency: plan.currency.code,
            total_minor: plan.total.minor, tax_minor: nil, party: nil, accounts: [:], voided: plan.effect == .void)
        switch OdooForm(plan.form) {
        case .sales, .bill:
            out.party = document.party
            out.due = document.due
            // What can't be sent was not meant either.
            guard let form = try? TradeForm(document) else { return out }
            out.tax_minor = form.tax
            for line in form.lines { out.accounts[line.source.account.remoteID ?? "", default: 0] += form.sign * line.minor }
        case .entry:
            out.appliesTo = document.settles
            guard let entry = try? EntryForm(document) else { return out }
            if entry.items.contains(where: \.line.isReceivable) { out.party = document.party }
            for item in entry.items { out.accounts[item.line.account.remoteID ?? "", default: 0] += item.minor }
            out.total_minor = entry.items.map { max(0, $0.minor) }.reduce(0, +)
        case .order:
            out.party = document.party
            guard let form = try? OrderForm(document) else { return out }
            for line in form.lines { out.accounts["product:\(line.product)", default: 0] += line.minor }
        case nil: break
        }
        out.accounts = out.accounts.filter { $0.value != 0 }
        return out
    }
}
