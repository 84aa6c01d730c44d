internal import Kernel
internal import TwinKit
internal import Wire

/// One line of the GL impact, debit positive: minor units of the transaction's currency and of its subsidiary's.
struct SuiteImpact: Sendable, Equatable {
    var account: Int
    var minor: Int64
    var base: Int64
    var entity: Int?
}

/// The books, worked out from the transactions as they stand, so that the two can't disagree.
extension SuiteState {
    private struct Posting {
        let rate: ExactDecimal
        var lines: [SuiteImpact] = []

        init(rate: ExactDecimal) { self.rate = rate }

        mutating func add(_ account: Int?, _ minor: Int64, entity: Int? = nil, at other: ExactDecimal? = nil) {
            guard minor != 0 else { return }
            lines.append(SuiteImpact(account: account ?? 0, minor: minor, base: SuiteAmount.base(minor, other ?? rate), entity: entity))
        }
    }

    /// Debits and credits of a transaction, in both currencies each sums to nothing.
    func impact(_ record: SuiteRecord) -> [SuiteImpact] {
        var posting = Posting(rate: rate(record))
        switch record.type {
        case "invoice", "cashSale": sale(record, 1, &posting)
        case "creditMemo", "cashRefund": sale(record, -1, &posting)
        case "vendorBill": bill(record, &posting)
        case "purchaseOrder": return []
        case "customerPayment", "customerRefund": payment(record, &posting)
        case "journalEntry": journal(record, &posting)
        default: deposit(record, &posting)
        }
        let rest = posting.lines.reduce(0) { $0 + $1.base }
        guard rest != 0 else { return posting.lines }
        let isPayment = ["customerPayment", "customerRefund"].contains(record.type)
        if posting.lines.reduce(0, { $0 + $1.minor }) == 0 {
            posting.lines.append(SuiteImpact(account: account(isPayment ? SuiteSeed.exchange : SuiteSeed.rounding) ?? 0, minor: 0, base: -rest, entity: nil))
        }
        return posting.lines
    }

    /// The money's account of a sale: receivable, or where the cash went.
    private func control(_ record: SuiteRecord) -> Int? {
        switch record.type {
        case "invoice", "creditMemo": return record.id("account") ?? account(SuiteSeed.receivable)
        default: return record.id("account") ?? account(SuiteSeed.undeposited)
        }
    }

    private func sale(_ record: SuiteRecord, _ sign: Int64, _ posting: inout Posting) {
        let places = places(record)
        let isOpen = record.type == "invoice" || record.type == "creditMemo"
        posting.add(control(record), sign * record.minor("total", places), entity: isOpen ? record.id("entity") : nil)
        for line in record.lines("item") {
            let item = self.record("item", line.id("item"))
            let isDiscount = item?.type == "discountItem"
            posting.add(item?.id(isDiscount ? "account" : "incomeAccount"), -sign * line.minor("amount", places))
        }
        posting.add(self.record("item", record.id("discountItem"))?.id("account"), -sign * record.minor("discountTotal", places))
        posting.add(account(SuiteSeed.shipping), -sign * record.minor("shippingCost", places))
        for (account, minor) in taxes(record, "saleAccount") { posting.add(account, -sign * minor) }
    }

    /// A transaction's taxes by account, in the order of the lines.
    private func taxes(_ record: SuiteRecord, _ field: String) -> [(account: Int?, minor: Int64)] {
        let places = places(record)
        var order: [Int] = []
        var sums: [Int: Int64] = [:]
        func add(_ code: Int?, _ minor: Int64) {
            let id = self.record("salesTaxItem", code)?.id(field) ?? account("2100") ?? 0
            if sums[id] == nil { order.append(id) }
            sums[id, default: 0] += minor
        }
        let total = record.minor("taxTotal", places)
        if record.flag("taxDetailsOverride") {
            for line in record.lines("taxDetails") { add(line.id("taxCode"), line.minor("taxAmount", places)) }
        } else {
            for line in record.lines("item") + record.lines("expense") { add(line.id("taxCode"), line.minor("tax1Amt", places)) }
            // What is left is the tax on shipping, or that of the header.
            let rest = total - sums.values.reduce(0, +)
            if rest != 0 { add(record.id("shippingTaxCode") ?? record.id("taxItem"), rest) }
        }
        return order.map { ($0, sums[$0] ?? 0) }
    }

    private func bill(_ record: SuiteRecord, _ posting: inout Posting) {
        let places = places(record)
        posting.add(record.id("account") ?? account(SuiteSeed.payable), -record.minor("total", places), entity: record.id("entity"))
        for line in record.lines("expense") { posting.add(line.id("account"), line.minor("amount", places)) }
        for line in record.lines("item") {
            let item = self.record("item", line.id("item"))
            posting.add(item?.id("assetAccount") ?? item?.id("expenseAccount") ?? account("6000"), line.minor("amount", places))
        }
        for (account, minor) in taxes(record, "purchaseAccount") { posting.add(account, minor) }
    }

    /// Receivables go at the rate of what is paid; the difference is a realised gain or loss.
    private func payment(_ record: SuiteRecord, _ posting: inout Posting) {
        let places = places(record)
        let sign: Int64 = record.type == "customerPayment" ? 1 : -1
        let whole = amount(record)
        let receivable = record.id("arAcct") ?? account(SuiteSeed.receivable)
        posting.add(record.id("account") ?? account(SuiteSeed.undeposited), sign * whole)
        var left = whole
        for line in record.lines("apply") {
            let minor = line.minor("amount", places)
            left -= minor
            let doc = self.record("transaction", line.id("doc"))
            posting.add(receivable, -sign * minor, entity: record.id("customer"), at: doc.map { rate($0) })
        }
        posting.add(receivable, -sign * left, entity: record.id("customer"))
    }

    private func journal(_ record: SuiteRecord, _ posting: inout Posting) {
        let places = places(record)
        for line in record.lines("line") {
            let sign: Int64 = line["debit"] == nil ? -1 : 1
            posting.add(line.id("account"), sign * line.minor(sign < 0 ? "credit" : "debit", places), entity: line.id("entity"))
            let tax = line.minor("tax1Amt", places)
            let code = self.record("salesTaxItem", line.id("taxCode") ?? line.id("lineTaxCode"))
            posting.add(code?.id("saleAccount") ?? account("2100"), sign * tax)
        }
    }

    private func deposit(_ record: SuiteRecord, _ posting: inout Posting) {
        let places = places(record)
        posting.add(record.id("account"), record.minor("total", places))
        posting.add(account(SuiteSeed.undeposited), -record.lines("payment").reduce(0) { $0 + $1.minor("paymentAmount", places) })
        for line in record.lines("other") { posting.add(line.id("account"), -line.minor("amount", places), entity: line.id("entity")) }
        for line in record.lines("cashBack") { posting.add(line.id("account"), line.minor("amount", places)) }
    }

    // MARK: - For the judge

    /// Every transaction that ever was, but for orders, which post nothing; a deleted one has no lines.
    func entries() -> [LedgerEntry] {
        func posts(_ record: SuiteRecord) -> Bool { SuiteSchema.whole.family(record.type) == "transaction" && record.type != "purchaseOrder" }
        let dead = gone.map(\.record).filter(posts).map { entry($0, live: false) }
        return all("transaction").filter(posts).map { entry($0, live: true) } + dead
    }

    private func entry(_ record: SuiteRecord, live: Bool) -> LedgerEntry {
        let kinds = [
            "invoice": "invoice", "creditMemo": "credit_note", "customerPayment": "payment", "customerRefund": "refund_payment", "cashSale": "sales_receipt",
            "cashRefund": "refund_receipt", "deposit": "deposit", "vendorBill": "bill",
        ]
        let texts = [record.text("memo"), record.text("otherRefNum"), record.externalID, record.text("tranId")].compactMap { $0 }
        let key = texts.lazy.compactMap { KeyText.keys(in: $0.utf8).sorted().first }.first ?? ""
        let lines = live ? impact(record).map { (account: code(ofAccount: $0.account), minor: $0.minor, baseMinor: $0.base) } : []
        let reference = texts.first { $0.hasPrefix("cf:") } ?? record.text("memo") ?? record.externalID ?? ""
        return LedgerEntry(
            id: String(record.id), kind: kinds[record.type] ?? "journal", reference: reference, key: key,
            date: record.date("tranDate") ?? LocalDate(daysSince1970: 0),
            currency: self.record("currency", record.id("currency"))?.text("symbol") ?? "", lines: lines, live: live)
    }
}
