internal import Kernel
internal import TwinKit
internal import Wire

/// The books as the judge reads them: journal entries, by the document that wrote them.
extension B1Company {
    private static let kinds: [(set: String, kind: String)] = [
        ("Invoices", "invoice"), ("CreditNotes", "credit_note"), ("IncomingPayments", "payment"), ("VendorPayments", "bill_payment"), ("PurchaseInvoices", "bill"),
        ("PurchaseCreditNotes", "bill_credit"), ("JournalEntries", "journal"),
    ]

    /// Every booked document; those that were cancelled, and what cancelled them, are not live.
    func entries() -> [LedgerEntry] {
        Self.kinds.flatMap { set, kind in all(set).compactMap { entry($0, set, kind) } }
    }

    private func entry(_ record: B1Record, _ set: String, _ kind: String) -> LedgerEntry? {
        let isJournal = set == "JournalEntries"
        if isJournal, record.text("OriginalJournal") != "ttJournalEntry" { return nil }
        guard let date = record.day(isJournal ? "ReferenceDate" : "DocDate") else { return nil }
        let names = ["NumAtCard", "Reference", "Reference1", "Reference2", "CounterReference", "TransferReference", "Comments", "Remarks", "Memo", "JournalMemo", "JournalRemarks"]
        let own = record.values.keys.filter { $0.hasPrefix("U_") }.sorted()
        let texts = (own + names).map { record.text($0) }.filter { !$0.isEmpty }
        let booked = isJournal ? record : self.record("JournalEntries", record.int("TransNum") ?? record.int("_JDT"))
        let isLive = isJournal ? record["_REVERSED"] == nil && record["_REVERSES"] == nil : record.text("CancelStatus") == "csNo"
        let isRefund = set == "VendorPayments" && record.text("DocType") == "rCustomer"
        return LedgerEntry(
            id: "\(name)/\(set)/\(record.key)", kind: isRefund ? "refund_payment" : kind, reference: texts.first { $0.hasPrefix("cf:") } ?? texts.first ?? "",
            key: texts.lazy.compactMap { KeyText.keys(in: $0.utf8).sorted().first }.first ?? "", date: date, currency: currency(record, booked),
            lines: booked.map { lines($0) } ?? [], live: isLive)
    }

    private func currency(_ record: B1Record, _ booked: B1Record?) -> String {
        record.text("DocCurrency").filled ?? booked?.rows("JournalEntryLines").lazy.compactMap { $0.text("FCCurrency").filled }.first ?? localCurrency
    }

    /// By account, in the order of first use.
    private func lines(_ booked: B1Record) -> [(account: String, minor: Int64, baseMinor: Int64)] {
        var order: [String] = []
        var sums: [String: (minor: Int64, base: Int64)] = [:]
        let rows = booked.rows("JournalEntryLines")
        let isForeign = rows.contains { !$0.text("FCCurrency").isEmpty }
        for row in rows {
            let account = row.text("AccountCode")
            let base = row.minor("Debit") - row.minor("Credit")
            let minor = isForeign ? row.minor("FCDebit") - row.minor("FCCredit") : base
            if sums[account] == nil { order.append(account) }
            let old = sums[account] ?? (0, 0)
            sums[account] = (old.minor + minor, old.base + base)
        }
        return order.map { ($0, sums[$0]?.minor ?? 0, sums[$0]?.base ?? 0) }.filter { $0.1 != 0 || $0.2 != 0 }
    }
}
