internal import Kernel
internal import Wire

/// An entry's life: posted, back to draft, cancelled, gone.
extension OdooDatabase {
    // MARK: - Locks

    /// The words and dates of every lock that a day violates, the latest last.
    private func locks(_ date: LocalDate, _ move: OdooRecord) -> [(words: String, date: LocalDate)] {
        guard let company = record("res.company", 1) else { return [] }
        let type = move.text("move_type") ?? "entry"
        let journal = record("account.journal", move.int("journal_id"))?.text("type")
        var fields = [("fiscalyear_lock_date", "Global Lock Date")]
        if version >= 18 {
            fields.append(("hard_lock_date", "Hard Lock Date"))
            if OdooMoveType.sales.contains(type) || journal == "sale" { fields.append(("sale_lock_date", "Sales Lock Date")) }
            if journal == "purchase" { fields.append(("purchase_lock_date", "Purchase Lock Date")) }
        }
        let hasTax = lines(of: move.id).contains { !$0.ids("tax_ids").isEmpty || $0.text("role") == "tax" }
        if hasTax { fields.append(("tax_lock_date", "Tax Return Lock Date")) }
        let found = fields.compactMap { field, words -> (words: String, date: LocalDate)? in
            company.date(field).flatMap { date <= $0 ? (words, $0) : nil }
        }
        return found.sorted { $0.date < $1.date }
    }

    func lockProblem(_ date: LocalDate, _ move: OdooRecord) -> OdooProblem? {
        let locks = locks(date, move)
        guard let last = locks.last else { return nil }
        if version >= 18 {
            let list = locks.map { "\($0.words) (\(OdooTime.american($0.date)))" }.joined(separator: ", ")
            return .user("You cannot add/modify entries prior to and inclusive of: \(list).")
        }
        return .user("You cannot add/modify entries prior to and inclusive of the lock date \(OdooTime.american(last.date)).")
    }

    // MARK: - Numbers

    /// What a number begins with, and its least digits.
    private func chain(_ move: OdooRecord, _ date: LocalDate) -> (prefix: String, digits: Int, isYearly: Bool) {
        let journal = record("account.journal", move.int("journal_id"))
        let type = journal?.text("type") ?? "general"
        let (year, month, _) = date.civil
        let isYearly = version >= 15 && (type == "sale" || version >= 17 && ["bank", "cash", "credit"].contains(type))
        var prefix = "\(journal?.text("code") ?? "MISC")/\(year)/"
        if !isYearly { prefix += "\(month < 10 ? "0" : "")\(month)/" }
        if journal?.flag("refund_sequence") ?? false, ["out_refund", "in_refund"].contains(move.text("move_type")) { prefix = "R" + prefix }
        if version >= 16, journal?.flag("payment_sequence") ?? false, move.int("payment_id") != nil { prefix = "P" + prefix }
        return (prefix, isYearly ? 5 : 4, isYearly)
    }

    func nextName(_ move: OdooRecord, _ date: LocalDate) -> String {
        let (prefix, digits, _) = chain(move, date)
        let number = String((numbers[prefix] ?? 0) + 1)
        return prefix + String(repeating: "0", count: max(0, digits - number.count)) + number
    }

    func guardUnique(_ name: String, _ move: OdooRecord) throws(OdooProblem) {
        let same = all("account.move").contains {
            $0.id != move.id && $0.text("name") == name && $0.text("state") == "posted" && $0.int("journal_id") == move.int("journal_id")
        }
        guard same else { return }
        throw .validation(
            version >= 17
                ? "Another entry with the same name already exists."
                : "Posted journal entry must have an unique sequence number per company.\nProblematic numbers: \(name)\n")
    }

    // MARK: - Posting

    mutating func post(_ ids: [Int]) throws(OdooProblem) {
        var problems: [String] = []
        for id in ids {
            guard let move = record("account.move", id) else { throw .missing("account.move", [id], user: user) }
            for problem in postProblems(move) where !problems.contains(problem) { problems.append(problem) }
        }
        // Versions before 16 stop at the first.
        if let first = problems.first { throw .user(version >= 16 ? problems.joined(separator: "\n") : first) }
        for id in ids { try post(checked: id) }
    }

    private func postProblems(_ move: OdooRecord) -> [String] {
        var out: [String] = []
        let type = move.text("move_type") ?? "entry"
        let all = lines(of: move.id)
        if move.text("state") != "draft" {
            out.append(
                version >= 16
                    ? "The entry \(move.text("name") ?? "") (id \(move.id)) must be in draft."
                    : "The entry \(move.text("name") ?? "") (id \(move.id)) is already posted.")
        }
        if !all.contains(where: { !($0.text("role") ?? "").hasPrefix("line_") }) { out.append("You need to add a line before posting.") }
        if move.int("partner_id") == nil {
            if OdooMoveType.sales.contains(type), type != "out_receipt" {
                out.append("The field 'Customer' is required, please complete it to validate the Customer Invoice.")
            } else if ["in_invoice", "in_refund"].contains(type) {
                out.append("The field 'Vendor' is required, please complete it to validate the Vendor Bill.")
            }
        }
        if OdooMoveType.invoices.contains(type), move.decimal("amount_total").isNegative {
            out.append(
                """
                You cannot validate an invoice with a negative total amount. You should create a credit note instead. \
                Use the action menu to transform it into a credit note or refund.
                """)
        }
        if move["invoice_date"].isUnset, ["in_invoice", "in_refund", "in_receipt"].contains(type) {
            out.append("The Bill/Refund date is required to validate this document.")
        }
        if let journal = record("account.journal", move.int("journal_id")), !journal.flag("active") {
            out.append("You cannot post an entry in an archived journal (\(journal.text("name") ?? ""))")
        }
        if let currency = record("res.currency", move.int("currency_id")), !currency.flag("active") {
            out.append("You cannot validate a document with an inactive currency: \(currency.text("name") ?? "")")
        }
        if all.contains(where: { record("account.account", $0.int("account_id"))?.flag("deprecated") ?? false }) {
            out.append("A line of this move is using a \(version >= 19 ? "archived" : "deprecated") account, you cannot post it.")
        }
        return out
    }

    private mutating func post(checked id: Int) throws(OdooProblem) {
        guard var move = record("account.move", id) else { return }
        let type = move.text("move_type") ?? "entry"
        if OdooMoveType.invoices.contains(type), move["invoice_date"].isUnset {
            update("account.move", id, ["invoice_date": .string(today.description), "date": .string(today.description)])
            if move["invoice_date_due"].isUnset { update("account.move", id, ["invoice_date_due": .string(today.description)]) }
            try recompute(id)
            move = record("account.move", id) ?? move
        }
        let date = try accountingDate(move)
        if date != move.date("date") { update("account.move", id, ["date": .string(date.description)]) }
        if ["in_invoice", "in_refund"].contains(type) { try guardVendorReference(move) }
        let name = move.text("name").flatMap { $0 == "/" ? nil : $0 }
        if let name { try guardUnique(name, move) }
        var values: [String: JSON] = ["state": "posted", "posted_before": true]
        values["name"] = .string(name ?? nextName(move, date))
        // A journal that seals what is posted: no way back to draft.
        if let journal = record("account.journal", move.int("journal_id")), journal.flag("restrict_mode_hash_table") { values["inalterable_hash"] = .string("$4$\(id)") }
        if OdooMoveType.sales.contains(type), move["payment_reference"].isUnset, type != "out_refund" { values["payment_reference"] = values["name"] }
        update("account.move", id, values)
        if let term = lines(of: id).first(where: { $0.text("role") == "payment_term" }), term["name"].isUnset, let name = values["payment_reference"] {
            update("account.move.line", term.id, ["name": name])
        }
        analyse(id, date)
        if let partner = move.int("partner_id"), OdooMoveType.invoices.contains(type) {
            let rank = OdooMoveType.sales.contains(type) ? "customer_rank" : "supplier_rank"
            update("res.partner", partner, [rank: .int((record("res.partner", partner)?.int(rank) ?? 0) + 1)])
        }
        // A credit note settles what it reverses.
        if let origin = move.int("reversed_entry_id"), record("account.move", origin)?.text("state") == "posted" { try settle(reversal: id, of: origin) }
    }

    /// The day an entry is posted on. A sale that falls into a closed period moves to the first open one; anything else is refused.
    private func accountingDate(_ move: OdooRecord) throws(OdooProblem) -> LocalDate {
        let date = move.date("date") ?? today
        guard let last = locks(date, move).last else { return date }
        guard OdooMoveType.sales.contains(move.text("move_type") ?? "") else { throw lockProblem(date, move) ?? .user("") }
        let (year, month, _) = last.date.adding(days: 1).civil
        let nextMonth = LocalDate(year: month == 12 ? year + 1 : year, month: month % 12 + 1, day: 1)
        let next = chain(move, date).isYearly ? LocalDate(year: year + 1, month: 1, day: 1) : nextMonth
        let open = min(today, next?.adding(days: -1) ?? today)
        if let problem = lockProblem(open, move) { throw problem }
        return open
    }

    private func guardVendorReference(_ move: OdooRecord) throws(OdooProblem) {
        guard let ref = move.text("ref") else { return }
        let same = all("account.move").contains {
            $0.id != move.id && $0.text("ref") == ref && $0.text("move_type") == move.text("move_type") && $0.int("partner_id") == move.int("partner_id")
                && $0.text("state") == "posted"
        }
        guard same else { return }
        let partner = record("res.partner", move.int("partner_id")).map { displayName("res.partner", $0) } ?? ""
        let day = move.date("invoice_date").map(OdooTime.american) ?? ""
        throw .validation("Duplicated vendor reference detected. You probably encoded twice the same vendor bill/credit note:\n\(partner) - \(ref) - \(day)")
    }

    /// Analytic lines of a posted entry.
    private mutating func analyse(_ id: Int, _ date: LocalDate) {
        for line in lines(of: id) {
            var shares: [(account: Int, percent: ExactDecimal)] = []
            if let account = line.int("analytic_account_id") { shares.append((account, ExactDecimal(100))) }
            for (key, value) in line["analytic_distribution"].object ?? [] {
                for account in key.split(separator: ",").compactMap({ Int($0) }) { shares.append((account, value.decimal ?? .zero)) }
            }
            for (account, percent) in shares where record("account.analytic.account", account) != nil {
                let share = (-line.decimal("balance")).multiplied(by: percent).flatMap { $0.multiplied(by: ExactDecimal(coefficient: 1, scale: 2)) }
                let amount = share.flatMap { OdooAmount.minor($0, 2) } ?? 0
                let values: [String: JSON] = [
                    "name": .string(line.text("name") ?? record("account.move", id)?.text("name") ?? "/"), "date": .string(date.description),
                    "amount": OdooAmount.json(amount, 2), "account_id": .int(account), (version >= 16 ? "move_line_id" : "move_id"): .int(line.id),
                    "partner_id": line["partner_id"], "company_id": 1,
                ]
                insert("account.analytic.line", values)
            }
        }
    }

    private mutating func dropAnalysis(_ id: Int) {
        for line in lines(of: id) {
            for row in records("account.analytic.line", where: version >= 16 ? "move_line_id" : "move_id", is: line.id) {
                delete("account.analytic.line", row.id)
            }
        }
    }

    // MARK: - Back

    mutating func reset(_ ids: [Int]) throws(OdooProblem) {
        for id in ids {
            guard let move = record("account.move", id) else { throw .missing("account.move", [id], user: user) }
            guard ["cancel", "posted"].contains(move.text("state")) else { throw .user("Only posted/cancelled journal entries can be reset to draft.") }
            if !move["inalterable_hash"].isUnset { throw .user("You cannot reset to draft a locked journal entry.") }
            if move.text("state") == "posted", let problem = lockProblem(move.date("date") ?? today, move) { throw problem }
            unreconcile(lines(of: id).map(\.id))
            dropAnalysis(id)
            update("account.move", id, ["state": "draft"])
        }
    }

    mutating func cancel(_ ids: [Int]) throws(OdooProblem) {
        for id in ids {
            guard let move = record("account.move", id) else { throw .missing("account.move", [id], user: user) }
            if move.text("state") == "posted" { try reset([id]) }
            guard record("account.move", id)?.text("state") == "draft" else { throw .user("Only draft journal entries can be cancelled.") }
            update("account.move", id, ["state": "cancel"])
        }
    }

    mutating func unlinkMoves(_ ids: [Int]) throws(OdooProblem) {
        let isForced = context["force_delete"]?.isTrue ?? false
        // The last number first: a whole chain's end can go at once.
        for id in ids.sorted(by: >) {
            guard let move = record("account.move", id) else { continue }
            if move.text("state") == "posted", !isForced { throw .user("You cannot delete an item linked to a posted entry.") }
            if let name = move.text("name"), name != "/", move.flag("posted_before"), !isForced {
                if version <= 14 { throw .user("You cannot delete an entry which has been posted once.") }
                if let (prefix, number) = OdooSequence.split(name), numbers[prefix] != number {
                    throw .user(
                        """
                        You cannot delete this entry, as it has already consumed a sequence number and is not the last one in the chain. \
                        You should probably revert it instead.
                        """)
                }
            }
            unreconcile(lines(of: id).map(\.id))
            for line in lines(of: id) { delete("account.move.line", line.id) }
            delete("account.move", id)
        }
    }

    mutating func unlinkLines(_ ids: [Int]) throws(OdooProblem) {
        var moves: Set<Int> = []
        for id in ids {
            guard let line = record("account.move.line", id), let move = move(of: line) else { continue }
            if move.text("state") == "posted" { throw .user("You cannot delete an item linked to a posted entry.") }
            if version >= 16, line.text("role") == "tax" { throw .validation("You cannot delete a tax line as it would impact the tax report") }
            moves.insert(move.id)
            delete("account.move.line", id)
        }
        for move in moves.sorted() { try recompute(move) }
    }
}
