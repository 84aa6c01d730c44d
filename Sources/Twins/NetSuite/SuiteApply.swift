internal import Kernel
internal import Wire

/// What pays what.
extension SuiteState {
    /// What the money of a transaction comes to: a payment's, or a document's total.
    func amount(_ record: SuiteRecord) -> Int64 { record.minor(record.type == "customerPayment" ? "payment" : "total", places(record)) }

    /// What is still open of a document that others pay, or of a credit that is not used up.
    func remaining(_ record: SuiteRecord, besides payer: Int? = nil) -> Int64 {
        let paid = (applied[record.id] ?? [:]).filter { $0.key != payer }.values.reduce(0, +)
        switch record.type {
        case "invoice": return amount(record) - paid
        case "creditMemo", "customerPayment":
            return amount(record) - paid - record.lines("apply").reduce(0) { $0 + $1.minor("amount", places(record)) }
        case "journalEntry": return Int64(impact(record).filter { isReceivable($0.account) }.reduce(0) { $0 + $1.minor }.magnitude) - paid
        default: return 0
        }
    }

    func isReceivable(_ account: Int) -> Bool { record("account", account)?.text("acctType") == "AcctRec" }

    /// What this one may be applied to.
    private func takes(_ payer: SuiteRecord, _ doc: SuiteRecord) -> Bool {
        if doc.type == "journalEntry" {
            let open = impact(doc).filter { isReceivable($0.account) && $0.entity == entity(payer)?.id }.reduce(0) { $0 + $1.minor }
            return payer.type == "customerRefund" ? open < 0 : open > 0
        }
        guard entity(doc)?.id == entity(payer)?.id else { return false }
        return payer.type == "customerRefund" ? ["creditMemo", "customerPayment"].contains(doc.type) : doc.type == "invoice"
    }

    /// Reads the lines that say what is paid; amounts that are left out are all that is open.
    mutating func apply(_ record: inout SuiteRecord, _ old: SuiteRecord?, _ draft: SuiteDraft) throws(SuiteProblem) {
        let places = places(record)
        var lines: [JSON] = []
        var sum: Int64 = 0
        for line in record.lines("apply") where line["apply"] != .bool(false) {
            guard let id = line.id("doc"), let doc = self.record("transaction", id), takes(record, doc) else { throw .reference("doc", line.text("doc") ?? "") }
            guard doc.id("currency") == record.id("currency") else {
                throw .user("The transaction \(id) is in another currency.", "apply.doc")
            }
            let open = remaining(doc, besides: old?.id)
            var amount = open
            if let sent = line["amount"]?.decimal { amount = try SuiteAmount.minor(sent, places) }
            guard amount > 0, amount <= open else {
                throw .user("The amount applied to transaction \(id) exceeds what is due on it: \(SuiteAmount.json(open, places).text).", "apply.amount")
            }
            sum += amount
            lines.append(line.setting("apply", true).setting("amount", SuiteAmount.json(amount, places)))
        }
        switch record.type {
        case "customerPayment":
            if record.values["payment"] == nil { record.values["payment"] = SuiteAmount.json(sum, places) }
            let payment = try SuiteAmount.minor(record.decimal("payment") ?? .zero, places)
            record.values["payment"] = SuiteAmount.json(payment, places)
        case "customerRefund":
            record.values["total"] = SuiteAmount.json(sum, places)
            guard sum > 0 else { throw .user("Please choose at least one credit to refund.", "apply") }
        default: break
        }
        let whole = amount(record)
        guard record.type != "customerPayment" || whole >= 0 else { throw .value("payment", record.values["payment"]?.text ?? "") }
        if record.flag("autoApply"), lines.isEmpty, record.type != "customerRefund" { (lines, sum) = automatic(record, whole) }
        let refunded = old.map { (applied[$0.id] ?? [:]).values.reduce(0, +) } ?? 0
        guard sum + refunded <= whole else { throw .user("The amount applied is more than the amount of this transaction.", "apply") }
        record.values["apply"] = lines.isEmpty ? nil : .array(lines)
    }

    /// The oldest open invoices first.
    private func automatic(_ record: SuiteRecord, _ whole: Int64) -> ([JSON], Int64) {
        let open = all("transaction").filter { $0.type == "invoice" && takes(record, $0) && $0.id("currency") == record.id("currency") && remaining($0) > 0 }
        var left = whole
        var lines: [JSON] = []
        for invoice in open.sorted(by: { ($0.text("tranDate") ?? "", $0.id) < ($1.text("tranDate") ?? "", $1.id) }) where left > 0 {
            let amount = min(left, remaining(invoice))
            left -= amount
            lines.append(.object([("apply", true), ("doc", .string(String(invoice.id))), ("amount", SuiteAmount.json(amount, places(record)))]))
        }
        return (lines, whole - left)
    }

    // MARK: - Transforms

    /// What a new record begins with when it is made from another one; `nil` for pairs that there are not.
    func transformed(_ from: SuiteRecord, _ target: String) -> SuiteDraft? {
        var draft = SuiteDraft()
        let shared = ["entity", "currency", "exchangeRate", "department", "class", "location"]
        func take(_ names: [String]) { for name in names { draft.values[name] = from.values[name] } }
        func pay(_ amount: Int64) {
            let line: [String: JSON] = ["apply": true, "doc": .string(String(from.id)), "amount": SuiteAmount.json(amount, places(from))]
            draft.lists["apply"] = SuiteDraft.Lines(replacesAll: true, lines: [line])
        }
        let items = from.lines("item").map { line in Dictionary((line.object ?? []).map { ($0.key, $0.value) }) { $1 } }
        switch (from.type, target) {
        case ("invoice", "creditMemo"):
            take(shared + ["taxDetailsOverride", "discountItem", "discountRate", "shippingCost", "shippingTaxCode", "taxItem", "taxDetails", "otherRefNum"])
            draft.values["taxDetails"] = nil
            draft.values["createdFrom"] = .string(String(from.id))
            draft.lists["item"] = SuiteDraft.Lines(replacesAll: true, lines: items)
            if remaining(from) > 0 { pay(remaining(from)) }
        case ("cashSale", "cashRefund"):
            take(shared + ["account", "discountItem", "discountRate", "shippingCost", "shippingTaxCode", "taxItem", "otherRefNum"])
            if draft.values["account"] == nil { draft.values["account"] = .optional(account(SuiteSeed.undeposited).map { String($0) }) }
            draft.values["createdFrom"] = .string(String(from.id))
            draft.lists["item"] = SuiteDraft.Lines(replacesAll: true, lines: items)
        case ("invoice", "customerPayment"):
            draft.values["customer"] = from.values["entity"]
            take(["currency", "exchangeRate"])
            draft.values["payment"] = SuiteAmount.json(remaining(from), places(from))
            if remaining(from) > 0 { pay(remaining(from)) }
        case ("creditMemo", "customerRefund"):
            draft.values["customer"] = from.values["entity"]
            take(["currency", "exchangeRate"])
            pay(remaining(from))
        default: return nil
        }
        return draft
    }
}
