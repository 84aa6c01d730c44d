internal import Books
public import ConnectorKit
internal import Kernel
internal import Wire

extension SapBusinessOneConnector {
    /// A document as the ledger holds it, in the words of the one that was meant. Accounts by their codes, what a customer owes by `partner CODE`.
    /// - Throws: `unreadable_answer` where an amount, a date or a state is missing or no such thing.
    static func readback(_ row: JSON, _ place: Place, of document: LedgerDocument, _ dialect: Dialect) throws(Fault) -> LedgerReadback {
        let set = place.set
        var out = LedgerReadback(
            key: key(of: row[set.keyField(dialect)]?.string), remoteID: place.remoteID(document.plan.form), version: version(row), date: nil, currency: nil,
            total_minor: 0, tax_minor: nil, party: nil, accounts: [:], voided: false)
        let date = row[set == .journalEntries ? "ReferenceDate" : "DocDate"]
        guard let day = date?.day else { throw unreadable("a document has no date") }
        out.date = day
        if set == .journalEntries {
            try entry(row, document, dialect, &out)
            return out
        }
        switch row["Cancelled"]?.string {
        case "tYES": out.voided = true
        case "tNO", nil: out.voided = row["CancelStatus"]?.string == "csYes"
        default: throw unreadable("a document does not say whether it is cancelled")
        }
        out.currency = row["DocCurrency"]?.words.map { dialect.iso($0) }
        out.party = row["CardCode"]?.words
        if set.isDocument { try trade(row, set, document, &out) } else { try payment(row, set, document, &out) }
        out.accounts = out.accounts.filter { $0.value != 0 }
        if set == .orders { end(row, document, &out) }
        return out
    }

    /// The state of a document that they compare by; its last change where there is none.
    static func version(_ row: JSON) -> String? {
        let changed = [row["UpdateDate"]?.words, row["UpdateTime"]?.words].compactMap(\.self).joined(separator: " ")
        let tag = row["@odata.etag"]?.words ?? row["odata.etag"]?.words ?? (changed.isEmpty ? nil : changed)
        return tag.map { String(plain($0).prefix(64)) }
    }

    // MARK: By kind

    private static func trade(_ row: JSON, _ set: EntitySet, _ document: LedgerDocument, _ out: inout LedgerReadback) throws(Fault) {
        let (currency, foreign) = (document.plan.currency, document.plan.rate != nil)
        let sign: Int64 = set == .invoices || set == .orders ? -1 : 1
        out.total_minor = try minor(row, foreign ? "DocTotalFc" : "DocTotal", currency)
        let tax = foreign ? "VatSumFc" : "VatSum"
        if let value = row[tax], !value.isNull { out.tax_minor = try minor(row, tax, currency) }
        if set == .purchaseInvoices { out.due = row["DocDueDate"]?.day }
        if set == .purchaseOrders {
            // What is ordered is planned without tax, which the supplier's bill will state; the company may propose some.
            let (net, overflow) = out.total_minor.subtractingReportingOverflow(out.tax_minor ?? 0)
            guard !overflow else { throw unreadable("an order's tax is too large") }
            (out.total_minor, out.tax_minor) = (net, nil)
        }
        guard let lines = row["DocumentLines"]?.array else { throw unreadable("a document has no lines") }
        for line in lines {
            guard let account = line["AccountCode"]?.words else { throw unreadable("a line has no account") }
            try add(sign * (try minor(line, foreign ? "RowTotalFC" : "LineTotal", currency)), to: account, &out)
        }
    }

    private static func payment(_ row: JSON, _ set: EntitySet, _ document: LedgerDocument, _ out: inout LedgerReadback) throws(Fault) {
        let currency = document.plan.currency
        let sign: Int64 = set == .incomingPayments ? 1 : -1
        for (name, account) in [("TransferSum", "TransferAccount"), ("CashSum", "CashAccount")] {
            guard let value = row[name], !value.isNull, value.decimal?.isZero != true else { continue }
            let sum = try minor(row, name, currency)
            guard let code = row[account]?.words else { throw unreadable("a payment has no \(account)") }
            out.total_minor += sum
            try add(sign * sum, to: code, &out)
        }
        out.appliesTo = try settled(row, document, total: out.total_minor)
    }

    /// What a payment settles: the document's number where all of it goes to one of the kind that was meant, "" where it settles nothing, and
    /// otherwise each document with its part, so that it equals no single number.
    private static func settled(_ row: JSON, _ document: LedgerDocument, total: Int64) throws(Fault) -> String {
        let (currency, foreign) = (document.plan.currency, document.plan.rate != nil)
        let type = invoiceType(document.plan.appliesTo?.form ?? (document.plan.form == .payment ? .invoice : .creditNote))
        var parts: [String] = []
        for line in row["PaymentInvoices"]?.array ?? [] {
            guard let id = line["DocEntry"]?.entry else { throw unreadable("a payment settles something without a number") }
            let applied = try minor(line, foreign ? "AppliedFC" : "SumApplied", currency)
            let kind = line["InvoiceType"]?.string ?? ""
            parts.append(kind == type && applied == total ? String(id) : "\(cut(plain(kind), utf16: 40)) \(id) \(applied)")
        }
        return parts.joined(separator: ", ")
    }

    private static func entry(_ row: JSON, _ document: LedgerDocument, _ dialect: Dialect, _ out: inout LedgerReadback) throws(Fault) {
        let (currency, foreign) = (document.plan.currency, document.plan.rate != nil)
        guard let lines = row["JournalEntryLines"]?.array, !lines.isEmpty else { throw unreadable("an entry has no lines") }
        for line in lines {
            let debit = try side(line, foreign ? "FCDebit" : "Debit", currency), credit = try side(line, foreign ? "FCCredit" : "Credit", currency)
            let partner = partner(line)
            guard let account = partner.map({ "partner \($0)" }) ?? line["AccountCode"]?.words else { throw unreadable("a line has no account") }
            try add(debit - credit, to: account, &out)
            out.total_minor += max(0, debit - credit)
            out.party = out.party ?? partner
            if foreign, let code = line["FCCurrency"]?.words { out.currency = out.currency ?? dialect.iso(code) }
        }
        out.accounts = out.accounts.filter { $0.value != 0 }
        guard out.total_minor <= B1Limits.amountMinor else { throw unreadable("an entry is too large") }
    }

    /// The customer of an entry's line: on lines of plain accounts the short name is the account.
    static func partner(_ line: JSON) -> String? {
        guard let name = line["ShortName"]?.words, name != line["AccountCode"]?.words else { return nil }
        return name
    }

    private static func side(_ line: JSON, _ name: String, _ currency: Currency) throws(Fault) -> Int64 {
        guard let value = line[name], !value.isNull else { return 0 }
        return try minor(line, name, currency)
    }

    private static func minor(_ row: JSON, _ name: String, _ currency: Currency) throws(Fault) -> Int64 {
        guard let minor = row[name]?.minor(currency) else { throw unreadable("\(name) is no amount of \(currency)") }
        return minor
    }

    private static func add(_ minor: Int64, to account: String, _ out: inout LedgerReadback) throws(Fault) {
        let (sum, overflow) = out.accounts[account, default: 0].addingReportingOverflow(minor)
        guard !overflow else { throw unreadable("its lines are too large") }
        out.accounts[account] = sum
    }

    // MARK: What was meant

    public func meant(_ document: LedgerDocument) -> LedgerReadback {
        let plan = document.plan
        var out = LedgerReadback(
            key: document.key, remoteID: document.remoteID ?? "", version: document.remoteVersion, date: plan.date, currency: plan.currency.code,
            total_minor: plan.total.minor, tax_minor: nil, party: nil, accounts: [:], voided: plan.effect == .void)
        // What can't be sent was not meant either.
        switch EntitySet(document) {
        case .orders where plan.isClosed: (out.total_minor, out.date, out.currency) = (0, nil, nil)
        case .invoices, .creditNotes, .purchaseInvoices, .purchaseOrders, .orders:
            out.party = document.party
            out.due = document.due
            guard let form = try? SalesForm(document) else { return out }
            out.tax_minor = plan.form == .purchaseOrder ? nil : form.tax
            for line in form.lines { out.accounts[line.source.account.remoteID ?? "", default: 0] += form.sign * line.minor }
        case .incomingPayments, .vendorPayments:
            out.party = document.party
            guard let form = PaymentForm(document) else { return out }
            out.total_minor = form.total
            out.appliesTo = plan.appliesTo == nil ? "" : document.appliesTo
            for tender in form.tenders { out.accounts[tender.account.remoteID ?? "", default: 0] += form.isIncoming ? tender.minor : -tender.minor }
        case .journalEntries:
            guard let form = try? EntryForm(document) else { return out }
            if form.items.contains(where: \.line.isReceivable) { out.party = document.party }
            for item in form.items {
                let name = item.line.isReceivable ? "partner \(document.party ?? "")" : item.line.account.remoteID ?? ""
                out.accounts[name, default: 0] += item.minor
            }
            out.total_minor = form.items.map { max(0, $0.minor) }.reduce(0, +)
        case nil: break
        }
        out.accounts = out.accounts.filter { $0.value != 0 }
        return out
    }
}
