internal import Kernel
internal import Wire

/// The wizards: paying invoices, and reversing entries.
extension OdooDatabase {
    // MARK: - account.payment.register

    /// Lines that the context's records leave open.
    private func openLines() throws(OdooProblem) -> [OdooRecord] {
        let ids = context["active_ids"]?.idList ?? context["active_id"]?.idList ?? []
        let model = context["active_model"]?.string ?? ""
        var lines: [OdooRecord] = []
        switch model {
        case "account.move":
            for id in ids {
                guard record("account.move", id) != nil else { throw .missing("account.move", [id], user: user) }
                lines += self.lines(of: id)
            }
        case "account.move.line": lines = ids.compactMap { record("account.move.line", $0) }
        default:
            throw .user("The register payment wizard should only be called on account.move or account.move.line records.")
        }
        var open: [OdooRecord] = []
        for line in lines where ["asset_receivable", "liability_payable"].contains(accountType(line)) {
            guard isPosted(line) else { throw .user("You can only register payment for posted journal entries.") }
            if residual(line) != (0, 0) { open.append(line) }
        }
        guard !open.isEmpty else { throw .user("You can't register a payment because there is nothing left to pay on the selected journal items.") }
        if Set(open.map { accountType($0) }).count > 1 {
            throw .user("You can't register payments for journal items being either all inbound, either all outbound.")
        }
        return open
    }

    mutating func createRegister(_ vals: JSON) throws(OdooProblem) -> Int {
        var sent = try clean("account.payment.register", withDefaults("account.payment.register", vals)).plain
        let open = try openLines()
        let total = open.reduce(Int64(0)) { $0 + residual($1).own }
        let currency = open[0].int("currency_id") ?? companyCurrency
        sent["line_ids"] = .ids(open.map(\.id))
        sent["payment_type"] = .string(total >= 0 ? "inbound" : "outbound")
        sent["partner_type"] = .string(accountType(open[0]) == "asset_receivable" ? "customer" : "supplier")
        sent["partner_id"] = open[0]["partner_id"]
        sent["source_currency_id"] = .int(currency)
        sent["source_amount_currency"] = OdooAmount.json(abs(total), places(currency))
        sent["source_amount"] = OdooAmount.json(abs(open.reduce(Int64(0)) { $0 + residual($1).base }), places(companyCurrency))
        if sent["currency_id"].map(\.isUnset) ?? true { sent["currency_id"] = .int(currency) }
        if sent["payment_date"].map(\.isUnset) ?? true { sent["payment_date"] = .string(today.description) }
        let bank = all("account.journal").first { ["bank", "cash"].contains($0.text("type")) && $0.flag("active") }
        if sent["journal_id"].map(\.isUnset) ?? true { sent["journal_id"] = .orFalse(bank?.id) }
        if sent["communication"] == nil {
            let names = open.compactMap { move(of: $0) }.compactMap { $0.text("payment_reference") ?? $0.text("ref") ?? $0.text("name") }
            sent["communication"] = .string(names.joined(separator: ", "))
        }
        if sent["amount"] == nil { sent["amount"] = OdooAmount.number(converted(total, from: currency, to: sent["currency_id"]?.int ?? currency, sent)) }
        sent["payment_difference_handling"] = sent["payment_difference_handling"] ?? "open"
        sent["writeoff_label"] = sent["writeoff_label"] ?? "Write-Off"
        return insert("account.payment.register", sent)
    }

    /// An open amount in the payment's currency, without its sign.
    private func converted(_ minor: Int64, from: Int, to: Int, _ wizard: [String: JSON]) -> ExactDecimal {
        let amount = OdooAmount.decimal(minor.magnitude.clamped, places(from))
        guard from != to else { return amount }
        let date = wizard["payment_date"].flatMap(OdooTime.date) ?? today
        let base = OdooAmount.decimal(toBase(minor.magnitude.clamped, from, rate(from, on: date)), places(companyCurrency))
        return base.multiplied(by: rate(to, on: date))?.rescaled(toScale: places(to)) ?? .zero
    }

    func computed(register: OdooRecord, _ field: String) -> JSON? {
        switch field {
        case "company_id": return 1
        case "company_currency_id": return .int(companyCurrency)
        case "can_edit_wizard": return .bool(batches(register).count == 1)
        case "can_group_payments": return .bool(register.ids("line_ids").count > 1)
        case "payment_difference":
            let source = converted(register.minor("source_amount_currency", 2), from: register.int("source_currency_id") ?? 1,
                to: register.int("currency_id") ?? 1, register.values)
            return OdooAmount.number(source - register.decimal("amount"))
        default: return nil
        }
    }

    /// Lines that one payment can settle: of one partner, account, currency and way.
    private func batches(_ wizard: OdooRecord) -> [[OdooRecord]] {
        var keys: [String] = []
        var groups: [String: [OdooRecord]] = [:]
        for line in wizard.ids("line_ids").compactMap({ record("account.move.line", $0) }) {
            let key = "\(line.int("partner_id") ?? 0) \(line.int("account_id") ?? 0) \(line.int("currency_id") ?? 0) \(residual(line).own >= 0)"
            if groups[key] == nil { keys.append(key) }
            groups[key, default: []].append(line)
        }
        return keys.compactMap { groups[$0] }
    }

    mutating func createPayments(_ ids: [Int]) throws(OdooProblem) -> JSON {
        guard let id = ids.first, let wizard = record("account.payment.register", id) else { throw .missing("account.payment.register", ids, user: user) }
        let groups = batches(wizard)
        let isOne = groups.count == 1 && (groups[0].count == 1 || wizard.flag("group_payment"))
        let parts = isOne || wizard.flag("group_payment") ? groups : groups.flatMap { $0.map { [$0] } }
        var made: [Int] = []
        for part in parts { made.append(try pay(part, wizard, amount: isOne ? wizard.decimal("amount") : nil)) }
        if context["dont_redirect_to_payments"]?.isTrue ?? false { return true }
        var action: [(key: String, value: JSON)] = [
            ("name", "Payments"), ("type", "ir.actions.act_window"), ("res_model", "account.payment"), ("context", .object([("create", false)])),
        ]
        if made.count == 1 {
            action += [("view_mode", "form"), ("res_id", .int(made[0]))]
        } else {
            action += [("view_mode", .string(version >= 18 ? "list,form" : "tree,form")), ("domain", .array([.array(["id", "in", .ids(made)])]))]
        }
        return .object(action)
    }

    private mutating func pay(_ lines: [OdooRecord], _ wizard: OdooRecord, amount: ExactDecimal?) throws(OdooProblem) -> Int {
        let total = lines.reduce(Int64(0)) { $0 + residual($1).own }
        let currency = lines[0].int("currency_id") ?? companyCurrency
        let target = wizard.int("currency_id") ?? currency
        let due = converted(total, from: currency, to: target, wizard.values)
        let paid = amount ?? due
        let own = move(of: lines[0]).flatMap { $0.text("payment_reference") ?? $0.text("name") }
        let note = amount == nil && lines.count == 1 ? own : wizard.text("communication")
        var vals: [(key: String, value: JSON)] = [
            ("payment_type", .string(total >= 0 ? "inbound" : "outbound")), ("partner_type", wizard["partner_type"]), ("partner_id", lines[0]["partner_id"]),
            ("amount", .decimal(paid)), ("currency_id", .int(target)), ("date", wizard["payment_date"]), ("journal_id", wizard["journal_id"]),
            (version >= 18 ? "memo" : "ref", .orFalse(note)), ("destination_account_id", lines[0]["account_id"]),
        ]
        for field in ["payment_method_line_id", "payment_method_id"] where !wizard[field].isUnset { vals.append((field, wizard[field])) }
        let id = try createPayment(.object(vals))
        let difference = due - paid
        if wizard.text("payment_difference_handling") == "reconcile", !difference.isZero, amount != nil {
            guard let account = wizard.int("writeoff_account_id") else { throw .validation("Missing required account on accountable line.") }
            let minor = OdooAmount.minor(difference, places(target)) ?? 0
            try makeEntry(of: id, [(account, wizard.text("writeoff_label") ?? "Write-Off", total >= 0 ? minor : -minor)])
        }
        try post(payments: [id])
        let paying = self.lines(of: record("account.payment", id)?.int("move_id") ?? 0).filter { $0.int("account_id") == lines[0].int("account_id") }
        let open = (paying + lines).compactMap { record("account.move.line", $0.id) }.filter { residual($0) != (0, 0) }
        if open.count > 1 { try reconcile(open.map(\.id)) }
        return id
    }

    // MARK: - account.move.reversal

    mutating func createReversal(_ vals: JSON) throws(OdooProblem) -> Int {
        var sent = try clean("account.move.reversal", withDefaults("account.move.reversal", vals)).plain
        if sent["move_ids"] == nil, context["active_model"] == "account.move" { sent["move_ids"] = .ids(context["active_ids"]?.idList ?? []) }
        let moves = (sent["move_ids"]?.idList ?? []).compactMap { record("account.move", $0) }
        if moves.contains(where: { $0.text("state") != "posted" }) { throw .user("You can only reverse posted moves.") }
        if sent["date"].map(\.isUnset) ?? true { sent["date"] = .string(today.description) }
        if version <= 16, sent["date_mode"] == nil { sent["date_mode"] = "custom" }
        if sent["journal_id"].map(\.isUnset) ?? true { sent["journal_id"] = moves.first?["journal_id"] ?? false }
        sent["company_id"] = 1
        try demand("account.move.reversal", sent)
        return insert("account.move.reversal", sent)
    }

    /// - Parameter isModified: a corrected draft of each entry is made as well.
    mutating func reverse(_ ids: [Int], isModified: Bool?) throws(OdooProblem) -> JSON {
        guard let id = ids.first, let wizard = record("account.move.reversal", id) else { throw .missing("account.move.reversal", ids, user: user) }
        let method = wizard.text("refund_method")
        let modifies = isModified ?? (method == "modify")
        var shown: [Int] = []
        for move in wizard.ids("move_ids").compactMap({ record("account.move", $0) }) {
            let settles = modifies || method == "cancel" || version >= 17 && move.text("move_type") == "entry"
            let reversal = try mirror(move, wizard)
            if settles { try post([reversal]) }
            shown.append(modifies ? try copy(move, wizard) : reversal)
        }
        update("account.move.reversal", id, ["new_move_ids": .ids(shown)])
        var action: [(key: String, value: JSON)] = [("name", "Reverse Moves"), ("type", "ir.actions.act_window"), ("res_model", "account.move")]
        if shown.count == 1 {
            action += [("view_mode", "form"), ("res_id", .int(shown[0]))]
        } else {
            action += [("view_mode", .string(version >= 18 ? "list,form" : "tree,form")), ("domain", .array([.array(["id", "in", .ids(shown)])]))]
        }
        return .object(action)
    }

    private mutating func mirror(_ move: OdooRecord, _ wizard: OdooRecord) throws(OdooProblem) -> Int {
        let opposite = [
            "entry": "entry", "out_invoice": "out_refund", "out_refund": "out_invoice", "in_invoice": "in_refund", "in_refund": "in_invoice",
            "out_receipt": "out_refund", "in_receipt": "in_refund",
        ]
        let reason = wizard.text("reason").map { ", \($0)" } ?? ""
        var values: [String: JSON] = [
            "move_type": .string(opposite[move.text("move_type") ?? "entry"] ?? "entry"), "ref": .string("Reversal of: \(move.text("name") ?? "")\(reason)"),
            "reversed_entry_id": .int(move.id), "journal_id": wizard["journal_id"], "date": wizard["date"],
        ]
        if move.text("move_type") != "entry" {
            values["invoice_date"] = wizard["date"]
            values["invoice_date_due"] = wizard["date"]
        }
        return try duplicate(move, values, mirrored: move.text("move_type") == "entry")
    }

    private mutating func copy(_ move: OdooRecord, _ wizard: OdooRecord) throws(OdooProblem) -> Int {
        try duplicate(move, ["move_type": move["move_type"], "journal_id": move["journal_id"], "date": wizard["date"],
            "invoice_date": wizard["date"], "ref": move["ref"]], mirrored: false)
    }

    private mutating func duplicate(_ move: OdooRecord, _ changes: [String: JSON], mirrored: Bool) throws(OdooProblem) -> Int {
        var values: [String: JSON] = ["state": "draft", "company_id": 1]
        if version <= 16 { values["name"] = "/" }
        for field in ["partner_id", "currency_id", "invoice_origin", "invoice_user_id", "fiscal_position_id", "invoice_payment_term_id"] {
            values[field] = move[field]
        }
        for (field, value) in changes { values[field] = value }
        let id = insert("account.move", values)
        for line in lines(of: move.id) where move.text("move_type") == "entry" || !["tax", "payment_term"].contains(line.text("role")) {
            var kept = line.values.filter { !["full_reconcile_id", "move_id"].contains($0.key) }
            kept["move_id"] = .int(id)
            if mirrored {
                kept["balance"] = OdooAmount.number(-line.decimal("balance"))
                kept["amount_currency"] = OdooAmount.number(-line.decimal("amount_currency"))
            }
            insert("account.move.line", kept)
        }
        try recompute(id)
        return id
    }

    /// A posted reversal settles the open lines of what it reverses, account by account.
    mutating func settle(reversal: Int, of origin: Int) throws(OdooProblem) {
        let ids = lines(of: origin) + lines(of: reversal)
        let accounts = Set(ids.compactMap { $0.int("account_id") }).sorted().filter { record("account.account", $0)?.flag("reconcile") ?? false }
        for account in accounts {
            let open = ids.filter { $0.int("account_id") == account && residual($0) != (0, 0) }
            let hasBoth = open.contains { residual($0).base > 0 } && open.contains { residual($0).base < 0 }
            if hasBoth { try reconcile(open.map(\.id)) }
        }
    }
}
