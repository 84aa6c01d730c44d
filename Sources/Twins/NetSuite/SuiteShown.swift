internal import Kernel
internal import Wire

/// A record as answers show it: what is stored, and what follows from the books.
extension SuiteState {
    func shown(_ record: SuiteRecord) -> [String: JSON] {
        var values = record.values
        let places = places(record)
        func money(_ minor: Int64) -> JSON { SuiteAmount.json(minor, places) }
        let stamps = ["createdDate": record.created, "dateCreated": record.created, "lastModifiedDate": record.modified]
        for (name, at) in stamps { values[name] = .string(SuiteTime.rest(at)) }
        if SuiteSchema.whole.family(record.type) == "transaction" {
            values["currencyName"] = self.record("currency", record.id("currency"))?.values["name"]
            values["status"] = .string(status(record))
        }
        switch record.type {
        case "invoice", "vendorBill":
            let open = record.type == "invoice" ? remaining(record) : record.minor("total", places)
            values["amountRemaining"] = money(open)
            values["amountPaid"] = money(record.minor("total", places) - open)
        case "creditMemo", "customerPayment":
            let open = remaining(record)
            values["unapplied"] = money(open)
            values["applied"] = money(amount(record) - open)
            if record.type == "creditMemo" {
                values["amountRemaining"] = money(open)
            } else {
                values["total"] = record.values["payment"]
            }
        case "account": values["balance"] = SuiteAmount.json(balances { $0.account }[record.id] ?? 0, 2)
        case "customer": values["balance"] = SuiteAmount.json(balances { isReceivable($0.account) ? $0.entity : nil }[record.id] ?? 0, 2)
        default: break
        }
        for list in ["apply"] where values[list] != nil {
            values[list] = .array(record.lines(list).map { line in
                guard let doc = self.record("transaction", line.id("doc")) else { return line }
                let due = remaining(doc) + line.minor("amount", places)
                return line.setting("total", money(amount(doc))).setting("due", money(due)).setting("refNum", .optional(doc.text("tranId")))
                    .setting("type", .string(SuiteSchema.whole.types[doc.type]?.label ?? "")).setting("applyDate", .optional(doc.text("tranDate")))
            })
        }
        return values
    }

    private func balances(by key: (SuiteImpact) -> Int?) -> [Int: Int64] {
        var sums: [Int: Int64] = [:]
        for transaction in all("transaction") {
            for line in impact(transaction) {
                if let key = key(line) { sums[key, default: 0] += line.base }
            }
        }
        return sums
    }

    /// The words of the account's own pages.
    func status(_ record: SuiteRecord) -> String {
        switch record.type {
        case "invoice": remaining(record) == 0 ? "Paid In Full" : "Open"
        case "creditMemo": remaining(record) == 0 ? "Fully Applied" : "Open"
        case "cashSale", "customerPayment": record.flag("undepFunds") && !isDeposited(record.id) ? "Not Deposited" : "Deposited"
        case "journalEntry": "Approved for Posting"
        case "vendorBill": "Open"
        case "purchaseOrder": "Pending Receipt"
        default: "Posted"
        }
    }

    /// What a reference to a record is called.
    func name(_ family: String, _ id: Int?) -> String? {
        guard let record = record(family, id) else { return nil }
        switch family {
        case "account": return [record.text("acctNumber"), record.text("acctName")].compactMap { $0 }.joined(separator: " ")
        case "transaction": return "\(SuiteSchema.whole.types[record.type]?.label ?? "") #\(record.text("tranId") ?? String(record.id))"
        default: return record.text("entityId") ?? record.text("itemId") ?? record.text("periodName") ?? record.text("name")
        }
    }
}
