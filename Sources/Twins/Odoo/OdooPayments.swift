internal import Kernel
internal import Wire

/// Payments: a journal entry between a journal's account and what is open.
extension OdooDatabase {
    /// The field of a payment that carries its note.
    private var memo: String { version >= 18 ? "memo" : "ref" }

    mutating func createPayment(_ vals: JSON) throws(OdooProblem) -> Int {
        var sent = try clean("account.payment", withDefaults("account.payment", vals)).plain
        sent["payment_type"] = sent["payment_type"] ?? "inbound"
        sent["partner_type"] = sent["partner_type"] ?? "customer"
        if sent["date"].map(\.isUnset) ?? true { sent["date"] = .string(today.description) }
        sent["company_id"] = 1
        let bank = all("account.journal").first { ["bank", "cash"].contains($0.text("type")) && $0.flag("active") }
        if sent["journal_id"].map(\.isUnset) ?? true { sent["journal_id"] = .orFalse(bank?.id) }
        guard let journal = record("account.journal", sent["journal_id"]?.int) else { throw .validation("No journal could be found for this payment.") }
        guard ["bank", "cash", "credit"].contains(journal.text("type")) else {
            throw .validation("The journal \(journal.text("name") ?? "") is not a bank or cash journal: it can't be used for a payment.")
        }
        if sent["currency_id"].map(\.isUnset) ?? true { sent["currency_id"] = .int(journal.int("currency_id") ?? companyCurrency) }
        sent["state"] = "draft"
        try methodOf(&sent, journal)
        try guardAmount(sent)
        let id = insert("account.payment", sent)
        // Until version 17 a payment has its entry from the beginning.
        if version <= 17 { try makeEntry(of: id, []) }
        return id
    }

    private func guardAmount(_ values: [String: JSON]) throws(OdooProblem) {
        if values["amount"]?.decimal?.isNegative ?? false { throw .validation("The payment amount cannot be negative.") }
    }

    private func methodOf(_ sent: inout [String: JSON], _ journal: OdooRecord) throws(OdooProblem) {
        let side = sent["payment_type"] == "outbound" ? "outbound" : "inbound"
        guard version >= 15 else {
            let allowed = journal.ids("\(side)_payment_method_ids")
            if sent["payment_method_id"].map(\.isUnset) ?? true { sent["payment_method_id"] = .orFalse(allowed.first) }
            return
        }
        let allowed = records("account.payment.method.line", where: "\(side)_journal_id", is: journal.id).map(\.id)
        if sent["payment_method_line_id"].map(\.isUnset) ?? true { sent["payment_method_line_id"] = .orFalse(allowed.first) }
        guard let line = sent["payment_method_line_id"]?.int else {
            throw .validation("Please define a payment method line on your payment.")
        }
        guard allowed.contains(line) else {
            throw .validation("The selected payment method is not available for this payment, please select the payment method again.")
        }
    }

    /// The account money comes to: the method's, the journal's of old, or the journal's own.
    private func liquidity(_ payment: OdooRecord) -> Int? {
        let journal = record("account.journal", payment.int("journal_id"))
        let old = journal?.int(payment.text("payment_type") == "outbound" ? "payment_credit_account_id" : "payment_debit_account_id")
        let line = record("account.payment.method.line", payment.int("payment_method_line_id"))
        return line?.int("payment_account_id") ?? old ?? journal?.int("default_account_id")
    }

    private func destination(_ payment: OdooRecord) -> Int? {
        if let own = payment.int("destination_account_id") { return own }
        let isCustomer = payment.text("partner_type") != "supplier"
        let partner = record("res.partner", payment.int("partner_id"))
        return partner?.int(isCustomer ? "property_account_receivable_id" : "property_account_payable_id")
            ?? OdooSeed.account(isCustomer ? OdooSeed.receivable : OdooSeed.payable, self)
    }

    /// Makes the entry, or makes it anew.
    /// - Parameter writeoffs: what closes a difference: accounts, labels and amounts in the payment's currency, signed as lines are.
    mutating func makeEntry(of id: Int, _ writeoffs: [(account: Int, label: String, minor: Int64)]) throws(OdooProblem) {
        guard let payment = record("account.payment", id) else { return }
        let currency = payment.int("currency_id") ?? companyCurrency
        let places = places(currency)
        guard let amount = OdooAmount.minor(payment.decimal("amount"), places) else { throw .value("numeric field overflow") }
        let note = payment.text(memo)
        var values: [String: JSON] = [
            "move_type": "entry", "company_id": 1, "journal_id": payment["journal_id"], "date": payment["date"], "partner_id": payment["partner_id"],
            "currency_id": .int(currency), "ref": .orFalse(note), "payment_id": .int(id),
        ]
        let move: Int
        if let old = payment.int("move_id"), record("account.move", old) != nil {
            move = old
            for line in lines(of: old) { delete("account.move.line", line.id) }
            update("account.move", old, values)
        } else {
            values["state"] = "draft"
            if version <= 16 { values["name"] = "/" }
            move = insert("account.move", values)
            update("account.payment", id, ["move_id": .int(move)])
        }
        let signed = payment.text("payment_type") == "outbound" ? -amount : amount
        let rest = writeoffs.reduce(Int64(0)) { $0 + $1.minor }
        let label = note ?? (payment.text("payment_type") == "outbound" ? "Customer Reimbursement" : "Manual Payment")
        var rows: [(account: Int?, label: String, minor: Int64)] = [(liquidity(payment), label, signed), (destination(payment), label, -signed - rest)]
        rows += writeoffs.map { ($0.account, $0.label, $0.minor) }
        let rate = rate(currency, on: payment.date("date") ?? today)
        var open: Int64 = 0
        for (n, row) in rows.enumerated() {
            guard let account = row.account else { throw .validation("Missing required account on accountable line.") }
            // The last line takes what rounding leaves.
            let base = n == rows.count - 1 ? -open : toBase(row.minor, currency, rate)
            open += base
            let line: [String: JSON] = [
                "move_id": .int(move), "role": "product", "account_id": .int(account), "partner_id": payment["partner_id"], "currency_id": .int(currency),
                "name": .string(row.label), "amount_currency": OdooAmount.json(row.minor, places),
                "balance": OdooAmount.json(base, self.places(companyCurrency)),
                "date_maturity": payment["date"], "sequence": .int(10 + n),
            ]
            insert("account.move.line", line)
        }
        try recompute(move)
    }

    mutating func writePayment(_ id: Int, _ vals: JSON) throws(OdooProblem) {
        guard let payment = record("account.payment", id) else { return }
        var sent = try clean("account.payment", vals, onto: payment).plain
        try guardAmount(sent)
        let fixed = ["amount", "currency_id", "date", "journal_id", "partner_id", "partner_type", "payment_type",
            "payment_method_line_id", "destination_account_id"]
        let touched = fixed.filter { sent[$0] != nil && sent[$0] != payment[$0] }
        if !touched.isEmpty, let move = record("account.move", payment.int("move_id")) { try guardPosted(move, ["line_ids"]) }
        sent["state"] = nil
        let isElsewhere = sent["journal_id"] != nil || sent["payment_type"] != nil
        if isElsewhere, let journal = record("account.journal", sent["journal_id"]?.int ?? payment.int("journal_id")) {
            if sent["payment_method_line_id"] == nil { sent["payment_method_line_id"] = false }
            sent["payment_type"] = sent["payment_type"] ?? payment["payment_type"]
            try methodOf(&sent, journal)
        }
        update("account.payment", id, sent)
        if !touched.isEmpty, payment.int("move_id") != nil { try makeEntry(of: id, []) }
        if let note = sent[memo], let move = payment.int("move_id") { update("account.move", move, ["ref": note]) }
    }

    mutating func unlinkPayments(_ ids: [Int]) throws(OdooProblem) {
        for id in ids {
            guard let payment = record("account.payment", id) else { continue }
            if let move = payment.int("move_id"), record("account.move", move) != nil { try unlinkMoves([move]) }
            delete("account.payment", id)
        }
    }

    // MARK: - Life

    mutating func post(payments ids: [Int]) throws(OdooProblem) {
        for id in ids {
            guard let payment = record("account.payment", id) else { throw .missing("account.payment", [id], user: user) }
            if paymentStateNow(payment) != "draft" { throw .user("Only a draft payment can be posted.") }
            if payment.int("move_id").flatMap({ record("account.move", $0) }) == nil { try makeEntry(of: id, []) }
            guard let move = record("account.payment", id)?.int("move_id") else { continue }
            try post([move])
            update("account.payment", id, ["state": .string(version >= 18 ? "in_process" : "posted")])
        }
    }

    mutating func draft(payments ids: [Int]) throws(OdooProblem) {
        for id in ids {
            guard let payment = record("account.payment", id) else { throw .missing("account.payment", [id], user: user) }
            if let move = record("account.move", payment.int("move_id")), move.text("state") != "draft" { try reset([move.id]) }
            update("account.payment", id, ["state": "draft"])
        }
    }

    mutating func cancel(payments ids: [Int]) throws(OdooProblem) {
        for id in ids {
            guard let payment = record("account.payment", id) else { throw .missing("account.payment", [id], user: user) }
            if let move = payment.int("move_id"), record("account.move", move) != nil { try cancel([move]) }
            update("account.payment", id, ["state": .string(version >= 18 ? "canceled" : "cancel")])
        }
    }

    // MARK: - What it shows

    func paymentStateNow(_ payment: OdooRecord) -> String {
        let entry = record("account.move", payment.int("move_id"))?.text("state")
        if version <= 17 { return entry ?? payment.text("state") ?? "draft" }
        switch (payment.text("state"), entry) {
        case ("canceled", _), (_, "cancel"): return "canceled"
        case (_, "draft"), ("draft", _): return "draft"
        default: return isMatched(payment) ? "paid" : "in_process"
        }
    }

    /// Nothing is left for the bank's statement to settle.
    func isMatched(_ payment: OdooRecord) -> Bool {
        guard let line = liquidityLine(payment) else { return false }
        return ["asset_cash", "liability_credit_card"].contains(accountType(line)) || residual(line) == (0, 0)
    }

    private func liquidityLine(_ payment: OdooRecord) -> OdooRecord? {
        payment.int("move_id").flatMap { lines(of: $0).first { !["asset_receivable", "liability_payable"].contains(accountType($0)) } }
    }

    private func counterpartLines(_ payment: OdooRecord) -> [OdooRecord] {
        (payment.int("move_id").map { lines(of: $0) } ?? []).filter { ["asset_receivable", "liability_payable"].contains(accountType($0)) }
    }

    func computed(payment: OdooRecord, _ field: String) -> JSON? {
        let places = places(payment.int("currency_id"))
        switch field {
        case "name": return record("account.move", payment.int("move_id")).map { $0["name"] } ?? .bool(false)
        case "state": return .string(paymentStateNow(payment))
        case "is_matched": return .bool(record("account.move", payment.int("move_id"))?.text("state") == "posted" && isMatched(payment))
        case "is_reconciled":
            let open = counterpartLines(payment)
            return .bool(!open.isEmpty && open.allSatisfy { isPosted($0) && residual($0) == (0, 0) })
        case "reconciled_invoice_ids", "reconciled_invoices_count", "reconciled_bill_ids", "reconciled_bills_count", "invoice_ids":
            let moves = Set(counterpartLines(payment).flatMap { counterparts($0) }.compactMap { $0.int("move_id") }).sorted()
            let kinds = moves.filter { id in
                let type = record("account.move", id)?.text("move_type") ?? "entry"
                return type != "entry" && OdooMoveType.sales.contains(type) == !field.contains("bill")
            }
            return field.hasSuffix("count") ? .int(kinds.count) : .ids(kinds)
        case "payment_method_id" where version >= 15: return record("account.payment.method.line", payment.int("payment_method_line_id"))?["payment_method_id"]
        case "payment_method_code":
            let line = record("account.payment.method.line", payment.int("payment_method_line_id"))
            return record("account.payment.method", line?.int("payment_method_id") ?? payment.int("payment_method_id"))?["code"]
        case "outstanding_account_id": return .orFalse(liquidity(payment))
        case "destination_account_id": return .orFalse(destination(payment))
        case "company_currency_id": return .int(companyCurrency)
        case "amount_signed": return OdooAmount.number(payment.text("payment_type") == "outbound" ? -payment.decimal("amount") : payment.decimal("amount"))
        case "amount_company_currency_signed":
            return liquidityLine(payment)?["balance"] ?? OdooAmount.json(0, places)
        default: return nil
        }
    }
}
