internal import Books
public import ConnectorKit
internal import Kernel
internal import Wire

// Sales lines there show items, not accounts. So a document is compared by what can be seen: sums by `item:<id>` and
// `discount:<account id>`, a payment's `deposit:<account id>`, a journal's plain account ids. Debits are positive;
// sums of nothing are left out.
extension QuickBooksOnlineConnector {
    public func meant(_ document: LedgerDocument) -> LedgerReadback {
        var out = LedgerReadback(
            key: document.key, remoteID: document.remoteID ?? "", version: document.remoteVersion,
            date: document.plan.date,
            currency: document.plan.currency.code, total_minor: document.plan.total.minor, tax_minor: nil,
            party: document.party,
            accounts: [:], voided: document.plan.effect == .void)
        guard let entity = entity(of: document) else { return out }
        var sums = Sums()
        switch entity {
        case .invoice, .creditMemo, .salesReceipt:
            guard let form = SalesForm(document, entity) else { return out }
            for line in form.lines { sums.add("item:\(line.source.item ?? "")", line.minor * form.sign) }
            if let discount = form.discount {
                sums.add("discount:\(discount.account.remoteID ?? "")", -discount.minor * form.sign)
            }
            if let deposit = form.deposit { sums.add("deposit:\(deposit.remoteID ?? "")", form.total) }
            out.total_minor = form.total
            out.tax_minor = form.tax
        case .payment:
            if let tender = document.depositTender {
                sums.add("deposit:\(tender.account.remoteID ?? "")", document.plan.total.minor)
            }
            out.appliesTo = document.appliesTo
        case .journalEntry:
            let entries = JournalForm(document).entries
            for entry in entries { sums.add(entry.line.account.remoteID ?? "", entry.minor) }
            out.total_minor = entries.map { max(0, $0.minor) }.reduce(0, +)
            if !entries.contains(where: \.line.isReceivable) { out.party = nil }
        case .bill, .purchaseOrder:
            let form = PurchaseForm(document)
            Self.meant(form, &sums)
            out.total_minor = form.total
            out.tax_minor = form.tax ?? 0
            out.due = document.due
        }
        out.accounts = sums.kept
        if out.voided {
            out.appliesTo = nil
            out.total_minor = 0
            out.tax_minor = out.tax_minor.map { _ in 0 }
            out.accounts = [:]
        }
        return out
    }

    /// One object of theirs in words that can be compared. `currency`: of the document it is read for, where the
    /// object states none.
    /// - Throws: `unreadable_answer`: a document that is there but can't be read must not count as missing.
    static func readback(
        _ fields: JSONView, _ entity: Entity, key: PostKey?, currency: Currency
    ) throws(Fault) -> LedgerReadback {
        guard let (id, version) = identity(fields) else { throw unreadable("\(entity.rawValue) has no Id") }
        let code = fields["CurrencyRef"]["value"].string
        let unit = code.flatMap { Currency($0) } ?? currency
        var out = LedgerReadback(
            key: key, remoteID: id, version: version, date: fields["TxnDate"].string.flatMap { LocalDate($0) },
            currency: code,
            total_minor: 0, tax_minor: nil, party: fields[entity.isPurchase ? "VendorRef" : "CustomerRef"]["value"].string, accounts: [:], voided: false)
        if entity == .bill { out.due = fields["DueDate"].string.flatMap { LocalDate($0) } }
        var sums = Sums()
        if entity == .journalEntry {
            out.party = try readJournal(fields, unit, &sums, total: &out.total_minor)
        } else {
            out.total_minor = try minor(fields["TotalAmt"], unit, "TotalAmt") ?? 0
            if entity == .payment {
                sums.add("deposit:\(fields["DepositToAccountRef"]["value"].string ?? "")", out.total_minor)
                out.appliesTo = try settled(fields, unit, total: out.total_minor)
            } else if entity.isPurchase {
                out.tax_minor = try minor(fields["TxnTaxDetail"]["TotalTax"], unit, "TotalTax") ?? 0
                try readPurchase(fields, unit, &sums)
            } else {
                out.tax_minor = try minor(fields["TxnTaxDetail"]["TotalTax"], unit, "TotalTax") ?? 0
                try readSales(fields, entity, unit, &sums, total: out.total_minor)
            }
            out.voided = isVoided(fields, entity)
            // What is owed on it: payments move it, and nothing else about the document.
            if entity == .invoice || entity == .bill { out.open_minor = try minor(fields["Balance"], unit, "Balance") }
        }
        out.accounts = sums.kept
        return out
    }

    /// What a payment pays: the invoice's id where all of it goes to one invoice, "" where it pays nothing yet, and otherwise each document with
    /// its part, so that it equals no single id.
    private static func settled(_ fields: JSONView, _ unit: Currency, total: Int64) throws(Fault) -> String {
        var parts: [String] = []
        for line in fields["Line"].elements {
            let amount = try minor(line["Amount"], unit, "Line.Amount") ?? 0
            for link in line["LinkedTxn"].elements {
                let id = link["TxnId"].string ?? "", type = link["TxnType"].string ?? ""
                parts.append(type == "Invoice" && amount == total ? id : "\(cut(type, utf16: 40)) \(id) \(amount)")
            }
        }
        return parts.joined(separator: ", ")
    }

    /// What is voided stays, with zero amounts and a word in its note; journals know no void.
    static func isVoided(_ fields: JSONView, _ entity: Entity) -> Bool {
        guard entity != .journalEntry, fields["TotalAmt"].decimal?.isZero ?? true else { return false }
        return (fields["PrivateNote"].string ?? "").contains("Voided")
    }

    private static func readSales(
        _ fields: JSONView, _ entity: Entity, _ unit: Currency, _ sums: inout Sums, total: Int64
    ) throws(Fault) {
        let sign: Int64 = entity == .creditMemo ? 1 : -1
        for line in fields["Line"].elements {
            let kind = line["DetailType"].string ?? ""
            let amount = try minor(line["Amount"], unit, "Line.Amount") ?? 0
            switch kind {
            case "SubTotalLineDetail", "DescriptionOnly": continue
            case "SalesItemLineDetail":
                sums.add("item:\(line["SalesItemLineDetail"]["ItemRef"]["value"].string ?? "")", amount * sign)
            case "DiscountLineDetail":
                sums.add(
                    "discount:\(line["DiscountLineDetail"]["DiscountAccountRef"]["value"].string ?? "")", -amount * sign
                )
            // Something we never write: it must show as a difference.
            default: sums.add("other:\(cut(kind, utf16: 40))", amount * sign)
            }
        }
        guard entity == .salesReceipt, let account = fields["DepositToAccountRef"]["value"].string else { return }
        sums.add("deposit:\(account)", total)
    }

    /// Sums by account; the total is that of the debits, theirs is not reliable for journals. Gives back the customer.
    private static func readJournal(
        _ fields: JSONView, _ unit: Currency, _ sums: inout Sums, total: inout Int64
    ) throws(Fault) -> String? {
        var party: String?
        var debits = Sums()
        for line in fields["Line"].elements {
            let detail = line["JournalEntryLineDetail"]
            guard detail.exists, let amount = try minor(line["Amount"], unit, "Line.Amount") else { continue }
            let debit: Bool
            switch detail["PostingType"].string {
            case "Debit": debit = true
            case "Credit": debit = false
            default: throw unreadable("a journal's line is neither debit nor credit")
            }
            sums.add(detail["AccountRef"]["value"].string ?? "", debit ? amount : -amount)
            debits.add("", debit ? amount : 0)
            party = party ?? detail["Entity"]["EntityRef"]["value"].string
        }
        total = debits.kept[""] ?? 0
        return party
    }

    /// An amount in minor units; `nil` where there is none.
    static func minor(_ value: JSONView, _ currency: Currency, _ name: String) throws(Fault) -> Int64? {
        if value.isNull { return nil }
        guard let decimal = value.decimal, decimal.coefficient.magnitude < 1_000_000_000_000_000_000,
            let money = Money(decimal, currency), money.minor.magnitude <= QuickBooksLimits.amountMinor.magnitude
        else { throw unreadable("\(name) is no amount of \(currency)") }
        return money.minor
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
