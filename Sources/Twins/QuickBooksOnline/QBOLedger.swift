internal import Kernel
internal import TwinKit
internal import Wire

/// One line of the double entry behind a transaction.
struct QBOPosting: Sendable {
    var account: String
    /// Cents, debit positive.
    var cents: Int64
    /// Who a line of receivables or payables is about.
    var party: String?
}

// The books: computed from the stored objects every time, so that they can't drift from them.
extension QBOCompany {
    /// The double entry of a stored transaction; sums to zero.
    func postings(_ kind: QBOKind, _ object: JSON) -> [QBOPosting] {
        switch kind {
        case .invoice: formPostings(object, sign: 1, other: QBOSeed.receivable)
        case .creditMemo: formPostings(object, sign: -1, other: QBOSeed.receivable)
        case .salesReceipt:
            formPostings(object, sign: 1, other: object.reference("DepositToAccountRef") ?? QBOSeed.undeposited)
        case .refundReceipt:
            formPostings(object, sign: -1, other: object.reference("DepositToAccountRef") ?? QBOSeed.undeposited)
        case .bill: billPostings(object, sign: 1)
        case .vendorCredit: billPostings(object, sign: -1)
        case .payment: paymentPostings(object)
        case .billPayment: billPaymentPostings(object)
        case .journalEntry: journalPostings(object)
        default: []
        }
    }

    private func formPostings(_ object: JSON, sign: Int64, other: String) -> [QBOPosting] {
        let customer = other == QBOSeed.receivable ? object.reference("CustomerRef") : nil
        var lines = [QBOPosting(account: other, cents: sign * object.storedCents("TotalAmt"), party: customer)]
        for line in object["Line"]?.array ?? [] {
            let cents = line.storedCents("Amount")
            switch line.text("DetailType") {
            case "SalesItemLineDetail":
                let account = line["SalesItemLineDetail"]?.reference("ItemAccountRef") ?? ""
                lines.append(QBOPosting(account: account, cents: -sign * cents))
            case "DiscountLineDetail":
                let account = line["DiscountLineDetail"]?.reference("DiscountAccountRef") ?? QBOSeed.discounts
                lines.append(QBOPosting(account: account, cents: sign * cents))
            default: break
            }
        }
        let tax = object["TxnTaxDetail"]?.storedCents("TotalTax") ?? 0
        lines.append(QBOPosting(account: QBOSeed.salesTax, cents: -sign * tax))
        return lines.filter { $0.cents != 0 }
    }

    private func paymentPostings(_ object: JSON) -> [QBOPosting] {
        let cents = object.storedCents("TotalAmt")
        guard cents != 0 else { return [] }
        let receivable = object.reference("ARAccountRef") ?? QBOSeed.receivable
        return [
            QBOPosting(account: object.reference("DepositToAccountRef") ?? QBOSeed.undeposited, cents: cents),
            QBOPosting(account: receivable, cents: -cents, party: object.reference("CustomerRef")),
        ]
    }

    /// A bill: its lines against payables; a vendor's credit the other way round.
    private func billPostings(_ object: JSON, sign: Int64) -> [QBOPosting] {
        let payable = QBOPosting(
            account: object.reference("APAccountRef") ?? QBOSeed.payable, cents: -sign * object.storedCents("TotalAmt"), party: object.reference("VendorRef"))
        let lines = (object["Line"]?.array ?? []).map { line -> QBOPosting in
            let detail = line[line.text("DetailType") ?? ""]
            return QBOPosting(account: detail?.reference("AccountRef") ?? detail?.reference("ItemAccountRef") ?? "", cents: sign * line.storedCents("Amount"))
        }
        let tax = QBOPosting(account: QBOSeed.salesTax, cents: sign * (object["TxnTaxDetail"]?.storedCents("TotalTax") ?? 0))
        return ([payable] + lines + [tax]).filter { $0.cents != 0 }
    }

    private func billPaymentPostings(_ object: JSON) -> [QBOPosting] {
        let cents = object.storedCents("TotalAmt")
        guard cents != 0 else { return [] }
        let account = object["CheckPayment"]?.reference("BankAccountRef") ?? object["CreditCardPayment"]?.reference("CCAccountRef") ?? ""
        return [
            QBOPosting(account: object.reference("APAccountRef") ?? QBOSeed.payable, cents: cents, party: object.reference("VendorRef")),
            QBOPosting(account: account, cents: -cents),
        ]
    }

    private func journalPostings(_ object: JSON) -> [QBOPosting] {
        (object["Line"]?.array ?? []).compactMap { line in
            guard let detail = line["JournalEntryLineDetail"], let account = detail.reference("AccountRef") else {
                return nil
            }
            let cents = line.storedCents("Amount")
            return QBOPosting(
                account: account, cents: detail.text("PostingType") == "Debit" ? cents : -cents,
                party: side(of: account) == nil ? nil : detail["Entity"]?.reference("EntityRef"))
        }
    }

    /// Whether the account holds what customers owe, or what is owed to vendors.
    func side(of account: String) -> QBOSide? { object(.account, account).flatMap { QBOSide($0) } }

    /// Calls `body` with every stored transaction, kind by kind in the order of creation.
    func eachTransaction(_ body: (QBOKind, JSON) -> Void) {
        for kind in QBOKind.allCases where kind.isTransaction {
            for object in table(kind).all { body(kind, object) }
        }
    }

    // MARK: - Balances

    /// The object as an answer shows it: lists carry balances that follow from the transactions.
    func shown(_ kind: QBOKind, _ object: JSON) -> JSON { shown(kind, [object]).first ?? object }

    func shown(_ kind: QBOKind, _ objects: [JSON]) -> [JSON] {
        switch kind {
        case .attachable: return objects.map(downloadable)
        case .vendor:
            let balances = sums { side(of: $0.account) == .vendors ? $0.party : nil }
            return objects.map { object in
                object.setting("Balance", .cents(-(object.text("Id").flatMap { balances[$0] } ?? 0)))
            }
        case .customer:
            let balances = sums { side(of: $0.account) == .customers ? $0.party : nil }
            return objects.map { object in
                let balance = JSON.cents(object.text("Id").flatMap { balances[$0] } ?? 0)
                return object.setting("Balance", balance).setting("BalanceWithJobs", balance)
            }
        case .account:
            let balances = sums { $0.account }
            return objects.map { object in
                let debit = object.text("Id").flatMap { balances[$0] } ?? 0
                let isCredit = ["Liability", "Equity", "Revenue"].contains(object.text("Classification") ?? "")
                let balance = JSON.cents(isCredit ? -debit : debit)
                return object.setting("CurrentBalance", balance).setting("CurrentBalanceWithSubAccounts", balance)
            }
        default: return objects
        }
    }

    private func sums(by key: (QBOPosting) -> String?) -> [String: Int64] {
        var sums: [String: Int64] = [:]
        eachTransaction { kind, object in
            for posting in postings(kind, object) {
                if let key = key(posting) { sums[key, default: 0] += posting.cents }
            }
        }
        return sums
    }

    // MARK: - For the judge

    /// Every stored transaction as the judge reads it. Deleted ones are gone; voided ones are there without lines.
    func entries() -> [LedgerEntry] {
        var codes: [String: String] = [:]
        for account in table(.account).all {
            codes[account.text("Id") ?? ""] = account.text("AcctNum") ?? account.text("Name") ?? ""
        }
        var entries: [LedgerEntry] = []
        eachTransaction { kind, object in
            let lines = postings(kind, object)
            let note = QBONote(object.text("PrivateNote") ?? "")
            entries.append(
                LedgerEntry(
                    id: object.text("Id") ?? "", kind: entryKind(kind, lines, note), reference: note.reference,
                    key: note.key,
                    date: object.text("TxnDate").flatMap { LocalDate($0) } ?? LocalDate(daysSince1970: 0),
                    currency: country.currencyCode,
                    lines: lines.map { (codes[$0.account] ?? $0.account, $0.cents, $0.cents) },
                    live: !Self.isVoided(object)))
        }
        return entries
    }

    private func entryKind(_ kind: QBOKind, _ lines: [QBOPosting], _ note: QBONote) -> String {
        switch kind {
        case .invoice: return "invoice"
        case .creditMemo: return "credit_note"
        case .payment: return "payment"
        case .salesReceipt: return "sales_receipt"
        case .refundReceipt: return "refund_receipt"
        case .bill: return "bill"
        case .vendorCredit: return "vendor_credit"
        case .billPayment: return "bill_payment"
        case .purchaseOrder: return "purchase_order"
        default:
            guard note.isTransaction, let receivable = lines.first(where: { side(of: $0.account) == .customers }) else {
                return "journal"
            }
            return receivable.cents < 0 ? "payment" : "refund_payment"
        }
    }
}

/// The product's note on a document: `cf:<PostKey> REF [| text]`, behind `Voided - ` when voided.
struct QBONote: Sendable, Equatable {
    /// The note from `cf:` on, as the ledger stores it; "" when the product did not write it.
    var reference = ""
    /// The posting key, or "".
    var key = ""
    /// Whether REF starts with the word `transaction`.
    var isTransaction = false

    init(_ note: String) {
        let own = note.hasPrefix("Voided - ") ? note.dropFirst(9) : note[...]
        guard own.hasPrefix("cf:") else { return }
        let words = own.dropFirst(3).split(separator: " ", maxSplits: 1, omittingEmptySubsequences: false)
        reference = String(own)
        key = String(words[0])
        isTransaction = words.count > 1 && (words[1].hasPrefix("transaction ") || words[1] == "transaction")
    }
}
