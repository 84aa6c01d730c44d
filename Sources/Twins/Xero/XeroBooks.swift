internal import Kernel
internal import TwinKit

/// The books under the documents. Journal lines are worked out from the documents as they stand, so the two can't
/// disagree.
extension XeroState {
    typealias JournalLine = (account: String, minor: Int64, baseMinor: Int64)

    func ledgerEntries() -> [LedgerEntry] {
        documents.all.map { entry($0) } + payments.all.compactMap { entry($0) }
            + manualJournals.all.map { entry($0) } + bankTransactions.all.map { entry($0) }
            + orders.all.map { entry($0) }
    }

    /// Debits and credits by account in the order of first use; base amounts are rounded account by account.
    private struct Posting {
        private var order: [String] = []
        private var sums: [String: (minor: Int64, base: Int64)] = [:]

        mutating func add(_ account: String, _ minor: Int64, base: Int64 = 0) {
            if sums[account] == nil { order.append(account) }
            let old = sums[account] ?? (0, 0)
            sums[account] = (old.minor + minor, old.base + base)
        }

        /// Base amounts of all lines at `rate`; what they miss zero by goes to the rounding account, in base only.
        func lines(rate: ExactDecimal) -> [JournalLine] {
            var out: [JournalLine] = order.map { account in
                let sum = sums[account] ?? (0, 0)
                return (account, sum.minor, XeroNumber.base(sum.minor, rate: rate))
            }
            let rest = out.reduce(Int64(0)) { $0 + $1.baseMinor }
            if rest != 0 {
                if let place = out.firstIndex(where: { $0.account == XeroSeed.rounding }) {
                    out[place].baseMinor -= rest
                } else {
                    out.append((XeroSeed.rounding, 0, -rest))
                }
            }
            return out.filter { $0.minor != 0 || $0.baseMinor != 0 }
        }
    }

    /// Invoice: debit receivable, credit the lines' accounts and VAT. A credit note the other way round; a bill and
    /// its credit note likewise against payables.
    private func entry(_ row: XeroDocument) -> LedgerEntry {
        let sign: Int64 = row.isSales == (row.family == .invoice) ? 1 : -1
        var posting = Posting()
        // What was never approved never touched the books.
        let posted = row.isApproved || row.status == "VOIDED"
        posting.add(row.isSales ? XeroSeed.receivable : XeroSeed.payable, sign * row.total)
        for line in row.lines where line.account != nil { posting.add(line.account ?? "", -sign * row.net(line)) }
        posting.add(XeroSeed.vat, -sign * row.totalTax)
        let kind = row.family == .invoice ? (row.isSales ? "invoice" : "bill") : row.isSales ? "credit_note" : "vendor_credit"
        return LedgerEntry(
            id: row.id, kind: kind, reference: row.isSales ? row.reference : row.number,
            key: Self.key(row.reference, number: row.number), date: row.date, currency: row.currency,
            lines: posted ? posting.lines(rate: row.rate) : [], live: row.isApproved)
    }

    /// Payment: debit the account, credit receivable; on a credit note the reverse. The receivable goes at the
    /// document's rate, the account at the payment's; the difference is a realised currency gain or loss.
    private func entry(_ row: XeroPayment) -> LedgerEntry? {
        guard let document = documents[row.document] else { return nil }
        let sign: Int64 = document.isSales == (document.family == .invoice) ? 1 : -1
        let control = document.isSales ? XeroSeed.receivable : XeroSeed.payable
        let money = XeroNumber.base(row.amount, rate: row.rate)
        let open = XeroNumber.base(row.amount, rate: document.rate)
        var lines: [JournalLine] = [
            (row.account, sign * row.amount, sign * money), (control, -sign * row.amount, -sign * open),
        ]
        if money != open { lines.append((XeroSeed.currencyGain, 0, sign * (open - money))) }
        return LedgerEntry(
            id: row.id, kind: Self.kind(of: document), reference: row.reference,
            key: Self.key(row.reference, number: ""), date: row.date, currency: document.currency, lines: lines,
            live: row.live)
    }

    /// What a payment on this document is called.
    private static func kind(of document: XeroDocument) -> String {
        if document.family == .creditNote { return document.isSales ? "refund_payment" : "vendor_refund" }
        return document.isSales ? "payment" : "bill_payment"
    }

    /// An order is in no books.
    private func entry(_ row: XeroPurchaseOrder) -> LedgerEntry {
        let document = row.document
        return LedgerEntry(
            id: row.id, kind: "purchase_order", reference: document.reference, key: Self.key(document.reference, number: document.number),
            date: document.date, currency: document.currency, lines: [], live: document.status != "DELETED")
    }

    private func entry(_ row: XeroManualJournal) -> LedgerEntry {
        var posting = Posting()
        for line in row.lines where line.account != nil {
            let net = row.amountTypes == "Inclusive" ? line.amount - line.tax : line.amount
            posting.add(line.account ?? "", net)
            posting.add(XeroSeed.vat, line.tax)
        }
        return LedgerEntry(
            id: row.id, kind: "journal", reference: row.narration, key: Self.key(row.narration, number: ""),
            date: row.date,
            currency: XeroSeed.baseCurrency,
            lines: ["POSTED", "VOIDED"].contains(row.status) ? posting.lines(rate: .one) : [],
            live: row.status == "POSTED")
    }

    private func entry(_ row: XeroBankTransaction) -> LedgerEntry {
        let document = row.document
        let sign: Int64 = document.type == "RECEIVE" ? 1 : -1
        var posting = Posting()
        posting.add(row.bank, sign * document.total)
        for line in document.lines where line.account != nil {
            posting.add(line.account ?? "", -sign * document.net(line))
        }
        posting.add(XeroSeed.vat, -sign * document.totalTax)
        return LedgerEntry(
            id: row.id, kind: "bank_transaction", reference: document.reference,
            key: Self.key(document.reference, number: ""),
            date: document.date, currency: document.currency, lines: posting.lines(rate: document.rate),
            live: document.status == "AUTHORISED")
    }

    /// The posting key: after `cf:` in the reference, else a number that looks like one (16 characters of Crockford's
    /// base32).
    static func key(_ reference: String, number: String) -> String {
        if reference.hasPrefix("cf:") {
            let word = String(reference.dropFirst(3).prefix { $0 != " " })
            if looksLikeKey(word) { return word }
        }
        return looksLikeKey(number) ? number : ""
    }

    private static func looksLikeKey(_ word: String) -> Bool {
        let alphabet = Set("0123456789abcdefghjkmnpqrstvwxyz")
        return word.count == 16 && word.allSatisfy { alphabet.contains($0) }
    }
}
