internal import Kernel
internal import Wire

/// Open amounts of journal items, and what settles them.
extension OdooDatabase {
    private func partials(_ line: Int) -> (asDebit: [OdooRecord], asCredit: [OdooRecord]) {
        (records("account.partial.reconcile", where: "debit_move_id", is: line), records("account.partial.reconcile", where: "credit_move_id", is: line))
    }

    /// What is open of a line, signed as the line is: minor units of its own currency and of the company's.
    func residual(_ line: OdooRecord) -> (own: Int64, base: Int64) {
        let (places, basePlaces) = (places(line.int("currency_id")), places(companyCurrency))
        let type = accountType(line)
        let reconciles = record("account.account", line.int("account_id"))?.flag("reconcile") ?? false
        guard reconciles || ["asset_cash", "liability_credit_card"].contains(type) else { return (0, 0) }
        var own = line.minor("amount_currency", places)
        var base = line.minor("balance", basePlaces)
        let (asDebit, asCredit) = partials(line.id)
        for part in asDebit {
            own -= part.minor("debit_amount_currency", places)
            base -= part.minor("amount", basePlaces)
        }
        for part in asCredit {
            own += part.minor("credit_amount_currency", places)
            base += part.minor("amount", basePlaces)
        }
        return (own, base)
    }

    func isSettled(_ line: OdooRecord) -> Bool {
        let open = residual(line)
        return open == (0, 0) && (isPosted(line) || !partials(line.id).asDebit.isEmpty || !partials(line.id).asCredit.isEmpty)
    }

    /// The lines of an invoice that are to be paid.
    func termLines(_ move: OdooRecord) -> [OdooRecord] {
        lines(of: move.id).filter { ["asset_receivable", "liability_payable"].contains(accountType($0)) }
    }

    /// Lines that settle this one, each once.
    func counterparts(_ line: OdooRecord) -> [OdooRecord] {
        let (asDebit, asCredit) = partials(line.id)
        let ids = asDebit.compactMap { $0.int("credit_move_id") } + asCredit.compactMap { $0.int("debit_move_id") }
        return Set(ids).sorted().compactMap { record("account.move.line", $0) }
    }

    // MARK: - Reconciling

    mutating func reconcile(_ ids: [Int]) throws(OdooProblem) {
        var rows: [OdooRecord] = []
        for id in ids {
            guard let line = record("account.move.line", id) else { throw .missing("account.move.line", [id], user: user) }
            let account = record("account.account", line.int("account_id"))
            let isLiquid = ["asset_cash", "liability_credit_card"].contains(account?.text("account_type"))
            if !(account?.flag("reconcile") ?? false), !isLiquid {
                let name = account.map { displayName("account.account", $0) } ?? ""
                throw .user("Account \(name) does not allow reconciliation. First change the configuration of this account to allow it.")
            }
            if isSettled(line) { throw .user("You are trying to reconcile some entries that are already reconciled.") }
            if !isPosted(line) { throw .user("You can only reconcile posted entries.") }
            if let first = rows.first, first.int("account_id") != line.int("account_id") {
                let names = [first, line].compactMap { record("account.account", $0.int("account_id")) }.map { displayName("account.account", $0) }
                throw .user("Entries are not from the same account: \(names.joined(separator: " != "))")
            }
            rows.append(line)
        }
        let ordered = rows.sorted { due($0) == due($1) ? $0.id < $1.id : due($0) < due($1) }
        let debits = ordered.filter { residual($0).base > 0 || residual($0).own > 0 }.map(\.id)
        let credits = ordered.filter { residual($0).base < 0 || residual($0).own < 0 }.map(\.id)
        for debit in debits {
            for credit in credits { pair(debit, credit) }
        }
        try close(ids)
    }

    private func due(_ line: OdooRecord) -> String { line.text("date_maturity") ?? move(of: line)?.text("date") ?? "" }

    /// Settles as much of two lines as both have open.
    private mutating func pair(_ debitID: Int, _ creditID: Int) {
        guard let debit = record("account.move.line", debitID), let credit = record("account.move.line", creditID) else { return }
        let (left, right) = (residual(debit), residual(credit))
        let (debitCurrency, creditCurrency) = (debit.int("currency_id") ?? companyCurrency, credit.int("currency_id") ?? companyCurrency)
        var (own, other, base): (Int64, Int64, Int64)
        if debitCurrency == creditCurrency {
            own = min(left.own, -right.own)
            guard own > 0 else { return }
            other = own
            // The part of each side's base amount; where they differ, the difference of rates stays open until the end.
            base = min(Self.share(left.base, own, left.own), Self.share(-right.base, own, -right.own))
        } else {
            base = min(left.base, -right.base)
            guard base > 0 else { return }
            own = Self.share(left.own, base, left.base)
            other = Self.share(-right.own, base, -right.base)
        }
        let values: [String: JSON] = [
            "debit_move_id": .int(debitID), "credit_move_id": .int(creditID), "amount": OdooAmount.json(base, places(companyCurrency)),
            "debit_amount_currency": OdooAmount.json(own, places(debitCurrency)), "credit_amount_currency": OdooAmount.json(other, places(creditCurrency)),
            "company_id": 1,
        ]
        insert("account.partial.reconcile", values)
        for line in [debit, credit] { if let move = line.int("move_id") { update("account.move", move, [:]) } }
    }

    /// `whole × part / of`, half away from zero.
    private static func share(_ whole: Int64, _ part: Int64, _ of: Int64) -> Int64 {
        guard of > 0 else { return 0 }
        return part == of ? whole : Int64(clamping: ExactDecimal.divideHalfUp(Int128(whole) * Int128(part), Int128(of)))
    }

    /// Marks what is settled in full; what only differs by rates goes to the exchange accounts.
    private mutating func close(_ ids: [Int]) throws(OdooProblem) {
        let group = closure(ids)
        let rows = group.compactMap { record("account.move.line", $0) }
        guard rows.allSatisfy({ residual($0).own == 0 || $0.int("currency_id") == companyCurrency && residual($0).base == 0 }) else { return }
        var members = group
        let open = rows.reduce(Int64(0)) { $0 + residual($1).base }
        if open != 0, let first = rows.first { members += try exchange(open, rows, first) }
        guard members.compactMap({ record("account.move.line", $0) }).allSatisfy({ residual($0) == (0, 0) }) else { return }
        let full = insert("account.full.reconcile", [:])
        update("account.full.reconcile", full, ["name": .string("A\(full)")])
        for id in members {
            update("account.move.line", id, ["full_reconcile_id": .int(full)])
            let (asDebit, asCredit) = partials(id)
            for part in asDebit + asCredit { update("account.partial.reconcile", part.id, ["full_reconcile_id": .int(full)]) }
        }
    }

    /// All lines that hang together by what settles them.
    private func closure(_ ids: [Int]) -> [Int] {
        var seen = Set(ids)
        var queue = ids
        while let id = queue.popLast() {
            guard let line = record("account.move.line", id) else { continue }
            for next in counterparts(line) where seen.insert(next.id).inserted { queue.append(next.id) }
        }
        return seen.sorted()
    }

    /// The entry of a difference of rates; its line on the settled account.
    private mutating func exchange(_ open: Int64, _ rows: [OdooRecord], _ first: OdooRecord) throws(OdooProblem) -> [Int] {
        guard let company = record("res.company", 1) else { return [] }
        let dates = rows.compactMap { move(of: $0)?.date("date") }
        let account = open > 0 ? company.int("expense_currency_exchange_account_id") : company.int("income_currency_exchange_account_id")
        let places = places(companyCurrency)
        let entry: [String: JSON] = [
            "move_type": "entry", "state": "draft", "company_id": 1, "currency_id": .int(companyCurrency),
            "journal_id": company["currency_exchange_journal_id"],
            "date": .string((dates.max() ?? today).description), "name": version <= 16 ? "/" : false, "partner_id": first["partner_id"],
        ]
        let id = insert("account.move", entry)
        var settled = 0
        for (accountID, amount) in [(first.int("account_id"), -open), (account, open)] {
            let line: [String: JSON] = [
                "move_id": .int(id), "role": "product", "account_id": .orFalse(accountID), "partner_id": first["partner_id"],
                "currency_id": first["currency_id"],
                "name": "Currency exchange rate difference", "balance": OdooAmount.json(amount, places), "amount_currency": .number("0.0"),
            ]
            let made = insert("account.move.line", line)
            if settled == 0 { settled = made }
        }
        try recompute(id)
        try post([id])
        for row in rows {
            let rest = residual(row).base
            guard rest != 0 else { continue }
            let pair: [String: JSON] = [
                "debit_move_id": .int(rest > 0 ? row.id : settled), "credit_move_id": .int(rest > 0 ? settled : row.id),
                "amount": OdooAmount.json(rest.magnitude.clamped, places), "debit_amount_currency": .number("0.0"),
                "credit_amount_currency": .number("0.0"), "company_id": 1,
                "exchange_move_id": .int(id),
            ]
            insert("account.partial.reconcile", pair)
        }
        return [settled]
    }

    // MARK: - Taking apart

    mutating func unreconcile(_ ids: [Int]) {
        for id in ids {
            let (asDebit, asCredit) = partials(id)
            for part in asDebit + asCredit { unreconcile(partial: part) }
        }
    }

    mutating func unreconcile(partial part: OdooRecord) {
        // Another one of the same group may have taken it along already.
        guard record("account.partial.reconcile", part.id) != nil else { return }
        var exchanges = Set([part.int("exchange_move_id")].compactMap(\.self))
        if let full = part.int("full_reconcile_id") {
            for line in records("account.move.line", where: "full_reconcile_id", is: full) {
                update("account.move.line", line.id, ["full_reconcile_id": false])
            }
            for other in records("account.partial.reconcile", where: "full_reconcile_id", is: full) {
                update("account.partial.reconcile", other.id, ["full_reconcile_id": false])
                if let exchange = other.int("exchange_move_id") { exchanges.insert(exchange) }
            }
            delete("account.full.reconcile", full)
        }
        delete("account.partial.reconcile", part.id)
        for field in ["debit_move_id", "credit_move_id"] {
            if let move = record("account.move.line", part.int(field))?.int("move_id") { update("account.move", move, [:]) }
        }
        // A difference of rates that no longer exists is turned back.
        for exchange in exchanges.sorted() {
            guard let entry = record("account.move", exchange), entry.text("state") == "posted" else { continue }
            for line in lines(of: exchange) {
                for rest in partials(line.id).asDebit + partials(line.id).asCredit { delete("account.partial.reconcile", rest.id) }
            }
            dropExchange(entry)
        }
    }

    private mutating func dropExchange(_ entry: OdooRecord) {
        var values = entry.values
        values["name"] = nil
        values["ref"] = .string("Reversal of: \(entry.text("name") ?? "")")
        values["reversed_entry_id"] = .int(entry.id)
        let copy = insert("account.move", values)
        for line in lines(of: entry.id) {
            var mirrored = line.values
            mirrored["move_id"] = .int(copy)
            mirrored["full_reconcile_id"] = nil
            mirrored["balance"] = OdooAmount.number(-line.decimal("balance"))
            insert("account.move.line", mirrored)
        }
        if let made = record("account.move", copy) { update("account.move", copy, ["name": .string(nextName(made, made.date("date") ?? today))]) }
    }

    // MARK: - What a line shows of it

    func computed(line: OdooRecord, _ field: String) -> JSON? {
        let basePlaces = places(companyCurrency)
        switch field {
        case "move_name": return move(of: line)?["name"]
        case "date", "ref", "journal_id", "company_id", "move_type", "invoice_date": return move(of: line).map { $0[field] }
        case "parent_state": return move(of: line)?["state"]
        case "payment_id": return move(of: line)?["payment_id"]
        case "company_currency_id": return .int(companyCurrency)
        case "debit": return OdooAmount.json(max(0, line.minor("balance", basePlaces)), basePlaces)
        case "credit": return OdooAmount.json(max(0, -line.minor("balance", basePlaces)), basePlaces)
        case "amount_residual": return OdooAmount.json(residual(line).base, basePlaces)
        case "amount_residual_currency": return OdooAmount.json(residual(line).own, places(line.int("currency_id")))
        case "reconciled": return .bool(isSettled(line) && !counterparts(line).isEmpty || line.int("full_reconcile_id") != nil)
        case "matching_number":
            if let full = line.int("full_reconcile_id") { return .string(version >= 17 ? String(full) : "A\(full)") }
            let (asDebit, asCredit) = partials(line.id)
            guard let first = (asDebit + asCredit).map(\.id).min() else { return .bool(false) }
            return .string(version >= 17 ? "P\(first)" : "P")
        case "display_type":
            let role = line.text("role") ?? "product"
            return version >= 16 || role.hasPrefix("line_") ? .string(role) : .bool(false)
        case "exclude_from_invoice_tab": return .bool(["tax", "payment_term"].contains(line.text("role") ?? ""))
        case "account_type": return .string(accountType(line))
        case "account_internal_type": return .string(OdooAccounts.internalType(accountType(line)))
        case "tax_group_id": return record("account.tax", line.int("tax_line_id"))?["tax_group_id"]
        case "currency_rate": return move(of: line).map { OdooAmount.number(rate(of: $0)) }
        default: return nil
        }
    }

    // MARK: - What an entry shows of it

    func computed(move: OdooRecord, _ field: String) -> JSON? {
        let basePlaces = places(companyCurrency)
        let type = move.text("move_type") ?? "entry"
        switch field {
        case "company_currency_id": return .int(companyCurrency)
        case "invoice_line_ids":
            return .ids(lines(of: move.id).filter { ["product", "line_section", "line_note"].contains($0.text("role")) && type != "entry" }.map(\.id))
        case "commercial_partner_id":
            return record("res.partner", move.int("partner_id")).flatMap { partner in
                schema.models["res.partner"]?.fields[field].map { value(partner, "res.partner", $0) }
            }
        case "amount_residual", "amount_residual_signed":
            guard OdooMoveType.invoices.contains(type) else { return .number("0.0") }
            let open = termLines(move).map { residual($0) }
            if field == "amount_residual_signed" { return OdooAmount.json(open.reduce(0) { $0 + $1.base }, basePlaces) }
            return OdooAmount.json(-OdooMoveType.sign(type) * open.reduce(0) { $0 + $1.own }, places(move.int("currency_id")))
        case "payment_state": return .string(paymentState(move))
        case "origin_payment_id": return move["payment_id"]
        case "matched_payment_ids": return .ids(payments(of: move).map(\.id))
        case "has_reconciled_entries": return .bool(termLines(move).contains { !counterparts($0).isEmpty })
        case "direction_sign": return .int(type == "entry" ? 1 : Int(OdooMoveType.sign(type)))
        case "type_name": return .string(OdooMoveType.name(type))
        case "user_id": return move["invoice_user_id"]
        case "invoice_partner_display_name": return record("res.partner", move.int("partner_id")).map { .string(displayName("res.partner", $0)) }
        case "sequence_prefix": return .orFalse(move.text("name").flatMap { OdooSequence.split($0)?.prefix })
        case "sequence_number": return .int(move.text("name").flatMap { OdooSequence.split($0)?.number } ?? 0)
        case "invoice_currency_rate": return OdooAmount.number(rate(of: move))
        case "checked": return .bool(move.flag("checked") || move.text("state") == "posted")
        default: return nil
        }
    }

    /// Payments that settle an invoice.
    func payments(of move: OdooRecord) -> [OdooRecord] {
        let found = termLines(move).flatMap { counterparts($0) }.compactMap { self.move(of: $0)?.int("payment_id") }
        return Set(found).sorted().compactMap { record("account.payment", $0) }
    }

    func paymentState(_ move: OdooRecord) -> String {
        guard OdooMoveType.invoices.contains(move.text("move_type") ?? ""), move.text("state") == "posted" else { return "not_paid" }
        let terms = termLines(move)
        let sides = terms.flatMap { counterparts($0) }.compactMap { self.move(of: $0) }
        if terms.contains(where: { residual($0) != (0, 0) }) { return sides.isEmpty ? "not_paid" : "partial" }
        let paying = sides.compactMap { record("account.payment", $0.int("payment_id")) }
        if paying.contains(where: { !isMatched($0) }) { return "in_payment" }
        let type = move.text("move_type") ?? ""
        // From 16 on only the types of what settles it count: a refund whose money entries gave back is called reversed too.
        if version >= 16, ["out_refund", "in_refund"].contains(type), !sides.isEmpty, sides.allSatisfy({ $0.text("move_type") == "entry" }), paying.isEmpty {
            return "reversed"
        }
        // Before, it was one to one with a reversal of its own.
        if version < 16 { return !sides.isEmpty && sides.allSatisfy { $0.int("reversed_entry_id") == move.id } ? "reversed" : "paid" }
        let mirror = ["out_invoice": "out_refund", "in_invoice": "in_refund", "out_refund": "out_invoice",
            "in_refund": "in_invoice", "out_receipt": "out_refund"]
        let opposite = mirror[type]
        let isReversed = sides.contains { $0.text("move_type") == opposite } && sides.allSatisfy { [opposite, "entry"].contains($0.text("move_type")) }
        return isReversed && paying.isEmpty ? "reversed" : "paid"
    }
}

extension UInt64 {
    var clamped: Int64 { Int64(clamping: self) }
}
