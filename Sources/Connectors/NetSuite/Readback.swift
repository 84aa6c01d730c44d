internal import Books
internal import ConnectorKit
internal import Kernel

// Sales lines there show items, not accounts. So a document is compared by what can be seen: sums by `item:<id>`, of payments and cash sales
// `deposit:<account id>`, of journals and bills plain account ids. Debits are positive; sums of nothing are left out.
extension LedgerReadback {
    /// One record of theirs in words that can be compared. `codes`: currencies by id.
    /// - Throws: `unreadable_answer`: a document that is there but can't be read must not count as missing.
    init(_ record: Record, of document: LedgerDocument, codes: [String: String]) throws(Fault) {
        let fields = record.fields
        guard let date = fields.day("tranDate") else { throw NetSuite.unreadable("a \(record.kind.rawValue) has no tranDate") }
        let code = fields.id("currency").flatMap { codes[$0] }
        self.init(
            key: ExternalID.key(record.externalID), remoteID: record.id, version: fields.text("lastModifiedDate").map { String($0.prefix(64)) }, date: date,
            currency: code, total_minor: 0, tax_minor: nil, party: nil, accounts: [:], voided: record.isVoided)
        let currency = code.flatMap { Currency($0) } ?? document.plan.currency
        switch record.kind {
        case .invoice, .creditMemo, .cashSale: try readSales(record, currency)
        case .customerPayment, .customerRefund: try readPayment(record, currency)
        case .vendorBill, .purchaseOrder: try readPurchase(record, currency)
        default: try readJournal(record, currency)
        }
        if voided { accounts = [:] }
    }

    private mutating func readSales(_ record: Record, _ currency: Currency) throws(Fault) {
        let fields = record.fields, sign: Int64 = record.kind == .creditMemo ? 1 : -1
        party = fields.id("entity")
        total_minor = try Amount.needed(fields, "total", currency)
        tax_minor = try Amount.read(fields, "taxTotal", currency) + Amount.read(fields, "tax2Total", currency)
        var sums = Sums()
        for line in fields.lines("item") { sums.add("item:\(line.id("item") ?? "")", sign * (try Amount.read(line, "amount", currency))) }
        if record.kind == .cashSale { sums.add("deposit:\(fields.id("account") ?? "")", total_minor) }
        accounts = sums.kept
    }

    private mutating func readPayment(_ record: Record, _ currency: Currency) throws(Fault) {
        let fields = record.fields, refund = record.kind == .customerRefund
        party = fields.id("customer")
        total_minor = try Amount.needed(fields, refund || fields["payment"] == nil ? "total" : "payment", currency)
        var sums = Sums()
        sums.add("deposit:\(fields.id("account") ?? "")", refund ? -total_minor : total_minor)
        accounts = sums.kept
        // The one document that takes all of it; each with its part otherwise, so that it equals no single id.
        var parts: [String] = []
        for line in fields.lines("apply") where line.flag("apply") ?? true {
            let amount = try Amount.read(line, "amount", currency)
            guard amount != 0, let id = line.id("doc") else { continue }
            parts.append(amount == total_minor ? id : "\(id) \(amount)")
        }
        appliesTo = parts.joined(separator: ", ")
    }

    private mutating func readJournal(_ record: Record, _ currency: Currency) throws(Fault) {
        var sums = Sums(), debits = Sums()
        for line in record.fields.lines("line") {
            let debit = try Amount.read(line, "debit", currency), credit = try Amount.read(line, "credit", currency)
            sums.add(line.id("account") ?? "", debit - credit)
            debits.add("", debit)
            party = party ?? line.id("entity")
        }
        total_minor = debits.kept[""] ?? 0
        accounts = sums.kept
    }

    // MARK: What was meant

    /// What a document must look like when it is read back.
    init(meant document: LedgerDocument) {
        let plan = document.plan
        self.init(
            key: document.key, remoteID: document.remoteID ?? "", version: document.remoteVersion, date: plan.date, currency: plan.currency.code,
            total_minor: plan.total.minor, tax_minor: nil, party: document.party, accounts: [:], voided: plan.effect == .void)
        var sums = Sums()
        // What can't be sent was not meant either.
        switch document.kind {
        case .invoice?, .creditMemo?, .cashSale?:
            guard let kind = document.kind, let form = try? SalesForm(document, kind) else { return }
            for line in form.lines { sums.add("item:\(line.source.item ?? "")", form.sign * line.minor) }
            if let deposit = form.deposit { sums.add("deposit:\(deposit.remoteID ?? "")", form.total) }
            total_minor = form.total
            tax_minor = form.tax
        case .customerPayment?, .customerRefund?:
            let refund = document.kind == .customerRefund
            sums.add("deposit:\(document.depositTender?.account.remoteID ?? "")", refund ? -plan.total.minor : plan.total.minor)
            appliesTo = document.appliesTo
        case .vendorBill?, .purchaseOrder?: meanPurchase(document, &sums)
        case .journalEntry?:
            guard let form = try? JournalForm(document) else { return }
            for entry in form.entries { sums.add(entry.line.account.remoteID ?? "", entry.minor) }
            total_minor = form.entries.map { max(0, $0.minor) }.reduce(0, +)
            if !form.entries.contains(where: \.line.isReceivable) { party = nil }
        default: return
        }
        accounts = sums.kept
    }
}

/// Amounts of an answer.
enum Amount {
    /// Zero where there is none.
    static func read(_ fields: Fields, _ name: String, _ currency: Currency) throws(Fault) -> Int64 {
        fields[name] == nil || fields[name] == .text("") ? 0 : try needed(fields, name, currency)
    }

    /// The amount that stands there. Sums of binary fractions may be a hair beside it.
    static func needed(_ fields: Fields, _ name: String, _ currency: Currency) throws(Fault) -> Int64 {
        if let decimal = fields.decimal(name), decimal.scale <= 30, decimal.coefficient.magnitude < 1_000_000_000_000_000_000_000_000_000 {
            let rounded = decimal.rounded(toScale: currency.decimals), off = decimal - rounded
            let hair = ExactDecimal(coefficient: 1, scale: currency.decimals + 3)
            if off < hair, -off < hair, let minor = Money(rounded, currency)?.minor, minor.magnitude <= NetSuiteLimits.amountMinor.magnitude { return minor }
        }
        throw NetSuite.unreadable("\(name) is no amount of \(currency)")
    }
}

/// Sums by name that never overflow: an answer is the world's.
struct Sums: Sendable {
    private var sums: [String: Int64] = [:]

    mutating func add(_ name: String, _ minor: Int64) {
        let (sum, overflow) = sums[name, default: 0].addingReportingOverflow(minor)
        sums[name] = overflow ? (minor < 0 ? .min : .max) : sum
    }

    /// Without those of zero.
    var kept: [String: Int64] { sums.filter { $0.value != 0 } }
}
