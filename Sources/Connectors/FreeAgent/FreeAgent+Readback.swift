internal import Books
public import ConnectorKit
internal import Kernel
internal import Wire

extension FreeAgentConnector {
    // MARK: Invoices and credit notes

    /// What a document's status means: it stands, or it has no effect yet.
    /// - Source: invoices.md and credit_notes.md, status.
    private static let statuses: [String: Bool] = [
        "Draft": false, "Scheduled To Email": false, "Open": true, "Zero Value": true, "Overdue": true, "Paid": true, "Overpaid": true, "Refunded": true,
        "Written-off": true, "Part written-off": true,
    ]

    /// - Throws: `unreadable_answer` where a status, an amount or a date is missing or no such thing.
    static func readback(_ row: JSON, _ kind: Kind, _ id: String, of document: LedgerDocument) throws(Fault) -> LedgerReadback {
        guard let stands = row["status"]?.string.flatMap({ statuses[$0] }) else { throw judging.notRead("a document is in a state that is not known") }
        var out = LedgerReadback(
            key: row["reference"]?.string.flatMap { PostKey($0) }, remoteID: id, version: version(row), date: nil, currency: nil, total_minor: 0,
            tax_minor: nil, party: nil, accounts: [:], voided: !stands, unfinished: !stands)
        guard stands else { return out }
        guard let day = row["dated_on"]?.string.flatMap({ LocalDate($0.prefix(10)) }) else { throw judging.notRead("a document has no date") }
        let currency = row.member("currency")?.string.flatMap { Currency($0) } ?? document.plan.currency
        guard let (total, tax) = figures(row, currency) else { throw judging.notRead("total_value or sales_tax_value is no amount of \(currency)") }
        out.date = day
        out.currency = currency.code
        out.total_minor = kind.sign * total
        out.tax_minor = kind.sign * tax
        out.party = Kind.contacts.id(of: row["contact"]?.string)
        // By what was paid, not by what is due: nobody paid what is written off. In another currency the bank's money has another figure.
        if kind == .invoices, row.member("exchange_rate")?.decimal ?? .one == .one, let paid = row.member(kind.settledField)?.minor(currency) { out.open_minor = out.total_minor - paid }
        guard let items = row[kind.items]?.array else { throw judging.notRead("a document has no lines") }
        for item in items {
            guard let price = item["price"]?.decimal, let quantity = item["quantity"]?.decimal, let net = price.multiplied(by: quantity),
                let rounded = net.rescaled(toScale: currency.decimals), let minor = Money(rounded, currency)?.minor, abs(minor) <= FreeAgentLimits.amountMinor
            else { throw judging.notRead("a line has no price and quantity") }
            // Sales are credits; a credit note's prices are below zero.
            out.accounts[Kind.categories.id(of: item.member("category")?.string) ?? "", default: 0] -= minor
        }
        out.accounts = out.accounts.filter { $0.value != 0 }
        return out
    }

    // MARK: Money

    /// Explanations of one document together. Of what is not all there, figures don't matter: it is to be gone on with.
    static func readback(_ standing: Standing, of document: LedgerDocument) throws(Fault) -> LedgerReadback? {
        guard let first = standing.seen.first else {
            guard !standing.bare.isEmpty, let id = document.remoteID else { return nil }
            return unfinished(id, document)
        }
        let form = try? MoneyForm(document)
        let isBegun = form.map { standing.seen.count < $0.parts.count } ?? false
        let ids = standing.seen.map(\.remoteID).joined(separator: ",")
        if isBegun || !standing.bare.isEmpty { return unfinished(ids, document) }
        // The account's own currency: an explanation shows none.
        let currency = form?.currency ?? document.plan.currency
        var out = LedgerReadback(
            key: first.key, remoteID: ids, version: standing.seen.compactMap(\.version).max(), date: first.date, currency: nil, total_minor: 0, tax_minor: nil,
            party: nil, accounts: [:], voided: false)
        if let other = standing.seen.map(\.date).first(where: { $0 != document.plan.date }) { out.date = other }
        for one in standing.seen {
            guard let value = one.value.minor(currency), let tax = (one.tax ?? "0").minor(currency) else {
                throw judging.notRead("gross_value or sales_tax_value is no amount of \(currency)")
            }
            out.accounts[bankPrefix + (one.bank ?? ""), default: 0] += value
            out.total_minor += max(0, -value)
            switch one.target {
            case .settles(_, let id): out.appliesTo = id
            case .transfer(let bank): out.accounts[bankPrefix + bank, default: 0] -= value
            case .category(let code): out.accounts[code, default: 0] -= value - tax
            case nil: out.accounts["", default: 0] -= value
            }
        }
        out.total_minor += max(0, standing.seen.compactMap { $0.value.minor(currency) }.reduce(0, +))
        out.accounts = out.accounts.filter { $0.value != 0 }
        if form?.settles != nil { out.appliesTo = out.appliesTo ?? "" }
        return out
    }

    private static func unfinished(_ id: String, _ document: LedgerDocument) -> LedgerReadback {
        LedgerReadback(
            key: document.key, remoteID: id, version: nil, date: nil, currency: nil, total_minor: 0, tax_minor: nil, party: nil, accounts: [:], voided: true,
            unfinished: true)
    }

    // MARK: Journals

    /// In the books' currency: a set names none.
    static func readback(journal row: JSON, _ id: String, of document: LedgerDocument) throws(Fault) -> LedgerReadback {
        guard let day = row["dated_on"]?.string.flatMap({ LocalDate($0.prefix(10)) }), let entries = row["journal_entries"]?.array else {
            throw judging.notRead("a journal has no date or entries")
        }
        let currency = (try? JournalForm(document))?.currency ?? document.plan.currency
        var out = LedgerReadback(
            key: key(at: row["tag"]?.string), remoteID: id, version: version(row), date: day, currency: nil, total_minor: 0, tax_minor: nil, party: nil,
            accounts: [:], voided: false)
        for entry in entries {
            guard let minor = entry["debit_value"]?.minor(currency) else { throw judging.notRead("debit_value is no amount of \(currency)") }
            out.accounts[Kind.categories.id(of: entry["category"]?.string) ?? "", default: 0] += minor
            out.total_minor += max(0, minor)
        }
        out.accounts = out.accounts.filter { $0.value != 0 }
        return out
    }

    // MARK: What was meant

    public func meant(_ document: LedgerDocument) -> LedgerReadback {
        let plan = document.plan
        var out = LedgerReadback(
            key: document.key, remoteID: document.remoteID ?? "", version: document.remoteVersion, date: plan.date, currency: nil,
            total_minor: plan.total.minor, tax_minor: nil, party: nil, accounts: [:], voided: plan.effect == .void)
        switch PostedAs(document) {
        case .sales:
            out.currency = plan.currency.code
            out.party = document.party
            // What can't be sent was not meant either.
            guard let form = try? SalesForm(document) else { return out }
            out.tax_minor = form.tax
            let sign: Int64 = plan.form == .creditNote ? 1 : -1
            for line in form.lines { out.accounts[line.category, default: 0] += sign * line.net }
        case .money:
            guard let form = try? MoneyForm(document) else { return out }
            out.appliesTo = form.settles
            out.accounts = form.accounts
            out.total_minor = form.total
        case .journal:
            guard let form = try? JournalForm(document) else { return out }
            out.accounts = form.accounts
            out.total_minor = form.debits
        case nil: break
        }
        out.accounts = out.accounts.filter { $0.value != 0 }
        return out
    }
}
