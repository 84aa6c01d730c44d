internal import Books
public import ConnectorKit
internal import Kernel
internal import Wire

extension XeroConnector {
    /// Our key: the number, else the head of the reference or narration.
    static func key(of fields: JSONView, _ endpoint: Endpoint) -> PostKey? {
        let number = endpoint.numberField.flatMap { fields[$0].string } ?? ""
        return PostKey(number) ?? key(atHeadOf: number) ?? fields[endpoint.textField].string.flatMap { key(atHeadOf: $0) }
    }

    /// `cf:<key> …`.
    private static func key(atHeadOf text: String) -> PostKey? {
        guard text.hasPrefix("cf:") else { return nil }
        let rest = text.dropFirst(3)
        guard rest.dropFirst(16).first.map({ $0 == " " }) ?? true else { return nil }
        return PostKey(rest.prefix(16))
    }

    /// It has no effect any more.
    static func isGone(_ row: JSONView) -> Bool { ["VOIDED", "DELETED"].contains(row["Status"].string ?? "") }

    /// A document as the ledger holds it, in the words of the one that was meant.
    /// - Throws: `unreadable_answer` where an amount, a date or an id is missing or no such thing.
    static func readback(_ fields: JSONView, _ endpoint: Endpoint, of document: LedgerDocument) throws(Fault)
        -> LedgerReadback
    {
        guard let id = fields[endpoint.idField].string, !id.isEmpty else {
            throw unreadable("a document has no \(endpoint.idField)")
        }
        var out = LedgerReadback(
            key: key(of: fields, endpoint), remoteID: id,
            version: fields["UpdatedDateUTC"].string.map { String($0.prefix(64)) }, date: nil,
            currency: nil, total_minor: 0, tax_minor: nil, party: nil, accounts: [:],
            voided: isGone(fields))
        // Of what has no effect any more, amounts may be gone.
        if out.voided { return out }
        out.date = try day(of: fields)
        switch endpoint {
        case .invoices, .creditNotes, .purchaseOrders:
            try readLines(fields, sign: endpoint == .invoices && !isBill(fields) ? -1 : 1, document.plan.currency, &out)
            if isBill(fields) { out.due = fields["DueDate"].string.flatMap { XeroDate.day($0) } }
            if endpoint == .invoices, !fields["AmountDue"].isNull {
                let unit = out.currency.flatMap { Currency($0) } ?? document.plan.currency
                out.open_minor = try minor(fields["AmountDue"], unit, "AmountDue")
                // Credit notes, overpayments and prepayments that are set against it: no payment of it.
                out.credited_minor = try minor(fields["AmountCredited"], unit, "AmountCredited")
            }
            // What is left of it: allocations and refunds take it away.
            if endpoint == .creditNotes, !fields["RemainingCredit"].isNull {
                out.open_minor = try minor(
                    fields["RemainingCredit"], out.currency.flatMap { Currency($0) } ?? document.plan.currency, "RemainingCredit")
            }
        case .payments: try readPayment(fields, document.plan, &out)
        case .manualJournals: try readJournal(fields, journalCurrency(document), &out)
        case .bankTransactions: try readBankTransaction(fields, document.plan.currency, &out)
        }
        return out
    }

    private static func day(of fields: JSONView) throws(Fault) -> LocalDate {
        // `Date` counts; `DateString` is not on all of them.
        for text in [fields["Date"].string, fields["DateString"].string].compactMap(\.self) {
            if let day = XeroDate.day(text) { return day }
        }
        throw unreadable("a document has no date")
    }

    /// What has LineItems; `sign` makes their amounts debits.
    private static func readLines(_ fields: JSONView, sign: Int64, _ meant: Currency, _ out: inout LedgerReadback) throws(Fault) {
        let currency = fields["CurrencyCode"].string.flatMap { Currency($0) } ?? meant
        out.currency = fields["CurrencyCode"].string
        out.total_minor = try minor(fields["Total"], currency, "Total")
        out.tax_minor = try minor(fields["TotalTax"], currency, "TotalTax")
        out.party = fields["Contact"]["ContactID"].string
        let inclusive = fields["LineAmountTypes"].string?.uppercased() == "INCLUSIVE"
        for line in fields["LineItems"].elements where !line["LineAmount"].isNull {
            var net = try minor(line["LineAmount"], currency, "LineAmount")
            if inclusive, !line["TaxAmount"].isNull { net -= try minor(line["TaxAmount"], currency, "TaxAmount") }
            out.accounts[accountName(line, code: "AccountCode"), default: 0] += sign * net
        }
    }

    private static func readPayment(_ fields: JSONView, _ plan: PlannedPosting, _ out: inout LedgerReadback)
        throws(Fault)
    {
        // A payment has the currency of what it settles; both kinds of document stand under `Invoice`.
        let code = fields["Invoice"]["CurrencyCode"].string ?? fields["CreditNote"]["CurrencyCode"].string
        let currency = code.flatMap { Currency($0) } ?? plan.currency
        out.currency = code
        out.total_minor = try minor(fields["Amount"], currency, "Amount")
        out.appliesTo = fields["CreditNote"]["CreditNoteID"].string ?? fields["Invoice"]["InvoiceID"].string
        // Money goes out for a credit note of ours, whatever we meant.
        let out_ =
            fields["PaymentType"].string.map { $0 == "ARCREDITPAYMENT" || $0 == "ACCPAYPAYMENT" }
            ?? (plan.form == .refundPayment)
        out.accounts[accountName(fields["Account"], code: "Code")] = out_ ? -out.total_minor : out.total_minor
    }

    private static func readJournal(_ fields: JSONView, _ currency: Currency, _ out: inout LedgerReadback) throws(Fault)
    {
        for line in fields["JournalLines"].elements where !line["LineAmount"].isNull {
            let amount = try minor(line["LineAmount"], currency, "LineAmount")
            out.accounts[accountName(line, code: "AccountCode"), default: 0] += amount
            if amount > 0 { out.total_minor += amount }
        }
    }

    /// Its total is what it debits, as of a journal: with other accounts bound, the same document would be one.
    private static func readBankTransaction(_ fields: JSONView, _ meant: Currency, _ out: inout LedgerReadback) throws(Fault) {
        let sign: Int64 = fields["Type"].string == "SPEND" ? 1 : -1
        try readLines(fields, sign: sign, meant, &out)
        let bank = -sign * out.total_minor
        out.accounts[accountName(fields["BankAccount"], code: "Code"), default: 0] += bank
        let currency = out.currency.flatMap { Currency($0) } ?? meant
        out.total_minor = max(0, bank)
        for line in fields["LineItems"].elements where !line["LineAmount"].isNull {
            out.total_minor += max(0, sign * (try minor(line["LineAmount"], currency, "LineAmount")))
        }
    }

    /// Its code; its id where it has none.
    private static func accountName(_ fields: JSONView, code: String) -> String {
        fields[code].string.flatMap { $0.isEmpty ? nil : $0 } ?? fields["AccountID"].string ?? ""
    }

    private static func journalCurrency(_ document: LedgerDocument) -> Currency {
        document.plan.rate == nil
            ? document.plan.currency
            : document.lines.lazy.compactMap(\.plan.base?.currency).first ?? document.plan.currency
    }

    /// Exactly the amount that is written there.
    static func minor(_ field: JSONView, _ currency: Currency, _ name: String) throws(Fault) -> Int64 {
        guard let decimal = field.decimal?.shortest, decimal.coefficient.magnitude < 1_000_000_000_000_000,
            let money = Money(decimal, currency), abs(money.minor) <= XeroLimits.amountMinor
        else { throw unreadable("\(name) is no amount of \(currency)") }
        return money.minor
    }

    // MARK: What was meant

    public func meant(_ document: LedgerDocument) -> LedgerReadback {
        let plan = document.plan
        var out = LedgerReadback(
            key: document.key, remoteID: document.remoteID ?? "", version: document.remoteVersion, date: plan.date,
            currency: plan.currency.code,
            total_minor: plan.total.minor, tax_minor: nil, party: nil, accounts: [:], voided: plan.effect == .void)
        switch Endpoint(document) {
        case .invoices, .creditNotes, .purchaseOrders:
            let sign = document.salesSign
            out.total_minor = document.salesTotal.minor
            out.party = document.party
            out.due = document.due
            out.tax_minor = 0
            for line in plan.lines where line.part == .tax {
                out.tax_minor = (out.tax_minor ?? 0) + sign * line.amount.minor
            }
            for line in document.salesLines {
                out.accounts[Self.accountName(line.account), default: 0] += line.plan.amount.minor
            }
        case .payments:
            out.appliesTo = document.appliesTo
            for line in document.tenders {
                out.accounts[Self.accountName(line.account), default: 0] += line.plan.amount.minor
            }
        case .manualJournals:
            out.currency = nil
            out.total_minor = 0
            // What can't be sent was not meant either.
            for (line, amount) in (try? Self.journalAmounts(document)) ?? [] {
                out.accounts[Self.accountName(line.account), default: 0] += amount.minor
                if amount.minor > 0 { out.total_minor += amount.minor }
            }
        case .bankTransactions:
            out.party = document.party
            out.tax_minor = 0
            out.total_minor = 0
            for (line, amount) in (try? Self.bankAmounts(document)) ?? [] {
                out.accounts[Self.accountName(line.account), default: 0] += amount.minor
                out.total_minor += max(0, amount.minor)
            }
        case nil: break
        }
        return out
    }
}
