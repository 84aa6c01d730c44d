internal import Kernel
internal import TwinKit
internal import Wire

/// Bank accounts, and what their statements say.
/// - Source: dev.freeagent.com/docs/bank_accounts and bank_transactions.
extension FAState {
    mutating func bankAccounts(_ call: FACall) throws(FAProblem) -> HTTPResponse {
        try call.needs(.banking)
        switch (call.method, call.path.count) {
        case (.get, 1):
            let types = ["standard_bank_accounts": "StandardBankAccount", "credit_card_accounts": "CreditCardAccount", "paypal_accounts": "PaypalAccount"]
            var rows = all(.bankAccount)
            if let view = call.query("view") {
                guard let type = types[view] else { throw FAProblem(400, "view is not valid") }
                rows = rows.filter { $0.text("type") == type }
            }
            return call.page(try call.selected(rows, byDay: false), as: "bank_accounts") { accountJSON($0, call) }
        case (.get, 2):
            let row = try required(.bankAccount, call.id)
            return call.shown(row, accountJSON(row, call))
        case (.post, 1):
            let row = try account(FARow(.bankAccount, next(.bankAccount, at: call.now), at: call.now, ["status": "active"]), call)
            return call.created(row, accountJSON(row, call))
        case (.put, 2):
            _ = try account(try required(.bankAccount, call.id), call)
            return FACall.done
        case (.delete, 2):
            let row = try required(.bankAccount, call.id)
            if all(.bankTransaction).contains(where: { $0.text("bank_account") == row.name }) {
                throw .invalid("Bank account cannot be deleted as it has transactions")
            }
            delete(row, at: call.now)
            return FACall.done
        default: throw .notFound
        }
    }

    private mutating func account(_ old: FARow, _ call: FACall) throws(FAProblem) -> FARow {
        var fields = FAFields(try call.sent(.bankAccount))
        var row = old
        row.updated = call.now
        let isNew = !row.has("type")
        if let type = fields.choice("type", ["StandardBankAccount", "PaypalAccount", "CreditCardAccount"]) { row.set("type", .string(type)) }
        if !row.has("type") { row.set("type", "StandardBankAccount") }
        fields.copy(
            texts: ["name", "bank_name", "account_number", "sort_code", "iban", "bic", "email"], flags: ["is_personal", "is_primary", "bank_guess_enabled"],
            into: &row)
        if let status = fields.choice("status", ["active", "hidden"]) { row.set("status", .string(status)) }
        if let balance = fields.cents("opening_balance") { row.set("opening_balance", cents: balance) }
        if let currency = fields.text("currency") {
            if FASeed.rate(of: currency) == nil { fields.note("currency", "is not included in the list") }
            let used = all(.bankTransaction).contains { $0.text("bank_account") == row.name }
            if used, currency != row.text("currency") { fields.note("currency", "cannot be changed once the bank account has transactions") }
            row.set("currency", .string(currency))
        }
        if row.text("currency").isEmpty { row.set("currency", .string(FASeed.currency)) }
        if row.text("name").isEmpty { fields.blank("name") }
        if isNew, !row.has("opening_balance") { fields.blank("opening_balance") }
        try fields.check()
        rows.put(row)
        return row
    }

    private func accountJSON(_ row: FARow, _ call: FACall) -> JSON {
        let transactions = all(.bankTransaction).filter { $0.text("bank_account") == row.name }
        var out = FAMembers()
        out.text("url", call.url(row))
        out.cents("opening_balance", row.cents("opening_balance"))
        out.verbatim(row, ["type", "name", "bank_name", "account_number", "sort_code", "iban", "bic", "email"])
        out.set("is_personal", row.fields.member("is_personal") ?? false)
        out.set("is_primary", .bool(row.flag("is_primary")))
        out.text("status", row.text("status"))
        out.text("currency", row.text("currency"))
        out.cents("current_balance", transactions.reduce(row.cents("opening_balance")) { $0 + $1.cents("amount") })
        out.date("latest_activity_date", transactions.compactMap { $0.date("dated_on") }.max())
        out.moments(row)
        out.set("bank_guess_enabled", row.fields.member("bank_guess_enabled") ?? false)
        return out.json
    }

    // MARK: - Transactions

    mutating func bankTransactions(_ call: FACall) throws(FAProblem) -> HTTPResponse {
        try call.needs(.banking)
        switch (call.method, call.path.count) {
        case (.get, 1): return try listTransactions(call)
        case (.get, 2):
            let row = try required(.bankTransaction, call.id)
            return call.shown(row, transactionJSON(row, call))
        case (.post, 2) where call.id == "statement": return try upload(call)
        case (.delete, 2):
            let row = try required(.bankTransaction, call.id)
            guard explained(row).isEmpty else { throw .invalid("Bank transaction cannot be deleted as it has explanations") }
            delete(row, at: call.now)
            return FACall.done
        default: throw .notFound
        }
    }

    /// The explanations of a transaction.
    func explained(_ row: FARow) -> [FARow] { all(.explanation).filter { $0.text("transaction") == row.name } }

    /// What nobody has explained yet, hundredths.
    func unexplained(_ row: FARow) -> Int64 { explained(row).reduce(row.cents("amount")) { $0 - $1.cents("gross") } }

    private func listTransactions(_ call: FACall) throws(FAProblem) -> HTTPResponse {
        guard let account = try named(.bankAccount, "bank_account", call) else { throw FAProblem(400, "bank_account is required") }
        var rows = try call.selected(all(.bankTransaction).filter { $0.text("bank_account") == account.name })
        switch call.query("view") ?? "all" {
        case "all": break
        case "unexplained": rows = rows.filter { unexplained($0) != 0 }
        case "explained": rows = rows.filter { unexplained($0) == 0 }
        case "manual": rows = rows.filter { $0.flag("manual") }
        case "imported": rows = rows.filter { !$0.flag("manual") }
        case "marked_for_review": rows = []
        default: throw FAProblem(400, "view is not valid")
        }
        if call.query("last_uploaded") == "true" {
            let last = rows.filter { !$0.flag("manual") }.map(\.created).max()
            rows = rows.filter { !$0.flag("manual") && $0.created == last }
        }
        return call.page(rows, as: "bank_transactions") { transactionJSON($0, call) }
    }

    private func transactionJSON(_ row: FARow, _ call: FACall) -> JSON {
        let explanations = explained(row)
        var out = FAMembers()
        out.text("url", call.url(row))
        out.cents("amount", row.cents("amount"))
        out.text("bank_account", call.url(.bankAccount, row.text("bank_account")))
        out.date("dated_on", row.date("dated_on"))
        out.text("description", row.text("description"))
        out.text("full_description", "\(row.text("description"))/\(row.text("type"))/£\(FANumber.text(abs(row.cents("amount"))))")
        out.text("uploaded_at", FADate.text(row.created))
        out.cents("unexplained_amount", unexplained(row))
        out.set("is_manual", .bool(row.flag("manual")))
        out.verbatim(row, ["transaction_id"])
        out.moments(row)
        out.set("matching_transactions_count", 0)
        out.set("bank_transaction_explanations", .array(explanations.map { explanationJSON($0, call) }))
        return out.json
    }

    // MARK: - Statements

    /// What the types of statement rows do to an amount's sign.
    private static let moneyIn: Set<String> = ["CREDIT", "DIV", "DEP", "DIRECTDEP"]
    private static let moneyOut: Set<String> = ["DEBIT", "FEE", "SRVCHG", "XFER", "CHECK", "PAYMENT", "CASH", "DIRECTDEBIT", "REPEATPMT"]
    private static let eitherWay: Set<String> = ["INT", "ATM", "POS", "OTHER"]

    /// Rows that are there already on that day, with that amount and description, are left out.
    private mutating func upload(_ call: FACall) throws(FAProblem) -> HTTPResponse {
        guard let account = try named(.bankAccount, "bank_account", call) else { throw .notFound }
        if call.request.body.isEmpty { throw .plain(406, "Not Acceptable") }
        let body = try call.body()
        guard let statement = body.member("statement") else { throw .plain(406, "Not Acceptable") }
        guard let list = statement.array else { throw .type("statement", "array") }
        guard !list.isEmpty else { throw .plain(406, "Not Acceptable") }
        // What an upload itself holds twice happened twice.
        var known = all(.bankTransaction).filter { $0.text("bank_account") == account.name }
        for sent in list {
            var fields = FAFields(sent)
            let description = fields.text("description", most: 65_535) ?? ""
            var amount = fields.cents("amount") ?? 0
            let type = fields.text("transaction_type") ?? "OTHER"
            if Self.moneyIn.contains(type) { amount = abs(amount) } else if Self.moneyOut.contains(type) { amount = -abs(amount) }
            let isType = Self.moneyIn.contains(type) || Self.moneyOut.contains(type) || Self.eitherWay.contains(type)
            guard let date = fields.date("dated_on"), fields.findings.isEmpty, isType else { throw FAProblem(400, "The statement could not be parsed") }
            if let place = known.firstIndex(where: {
                $0.date("dated_on") == date && $0.cents("amount") == amount && $0.text("description") == description
            }) {
                known.remove(at: place)
                continue
            }
            var row = transaction(account.name, date, amount, description, isManual: false, call)
            row.set("transaction_id", .optional(fields.text("fitid")))
            row.set("type", .string(type))
            rows.put(row)
        }
        return FACall.done
    }

    /// A new row of a bank account; whoever makes it puts it into the table.
    mutating func transaction(_ account: String, _ date: LocalDate, _ amount: Int64, _ description: String, isManual: Bool, _ call: FACall) -> FARow {
        FARow(
            .bankTransaction, next(.bankTransaction, at: call.now), at: call.now,
            .object([
                ("bank_account", .string(account)), ("dated_on", .string(date.description)), ("amount", .number("\(amount)")),
                ("description", .string(description)), ("manual", .bool(isManual)), ("type", "OTHER"),
            ]))
    }
}
