internal import Kernel
internal import Wire

/// What every transaction goes through before it is kept.
extension SuiteState {
    static let sales: Set<String> = ["invoice", "cashSale", "creditMemo", "cashRefund"]
    private static let receivables: Set<String> = ["invoice", "cashSale", "creditMemo", "cashRefund", "customerPayment", "customerRefund"]

    func places(_ record: SuiteRecord) -> Int { self.record("currency", record.id("currency"))?.values["currencyPrecision"]?.int ?? 2 }

    func entity(_ record: SuiteRecord) -> SuiteRecord? { self.record("entity", record.id("customer") ?? record.id("entity")) }

    func baseCurrency(_ record: SuiteRecord) -> Int { self.record("subsidiary", record.id("subsidiary"))?.id("currency") ?? 1 }

    func rate(_ record: SuiteRecord) -> ExactDecimal { record.decimal("exchangeRate") ?? .one }

    mutating func prepareTransaction(_ record: inout SuiteRecord, _ old: SuiteRecord?, _ type: SuiteType, _ draft: SuiteDraft) throws(SuiteProblem) {
        if record.date("tranDate") == nil { record.values["tranDate"] = .string(SuiteTime.day(now).description) }
        try place(&record, old)
        try checkSegments(record, type)
        switch type.name {
        case "invoice", "cashSale", "creditMemo", "cashRefund", "vendorBill": try computeSale(&record)
        case "purchaseOrder":
            try checkBought(record)
            try computeSale(&record)
            // It posts nothing, in whatever period.
            return try number(&record, old, type)
        case "customerPayment", "customerRefund": break
        case "journalEntry": try balance(record)
        default: try computeDeposit(&record, old)
        }
        if type.list("apply") != nil { try apply(&record, old, draft) }
        try demandAccounts(&record)
        if old == nil || draft.values["tranDate"] != nil, draft.values["postingPeriod"] == nil { record.values["postingPeriod"] = nil }
        if record.values["postingPeriod"] == nil {
            guard let period = period(of: record) else {
                throw .user("The transaction date you specified is not within the date range of your accounting period.", "tranDate", soap: "INVALID_PERIOD")
            }
            record.values["postingPeriod"] = .string(String(period.id))
        }
        try checkBooks(record, old)
        try number(&record, old, type)
    }

    /// What is for sale alone can't be ordered.
    private func checkBought(_ record: SuiteRecord) throws(SuiteProblem) {
        for line in record.lines("item") {
            guard let id = line.id("item"), let item = self.record("item", id), !["inventoryItem", "nonInventoryPurchaseItem"].contains(item.type) else { continue }
            throw .reference("item", String(id))
        }
    }

    // MARK: - Subsidiary, currency, segments

    private func place(_ record: inout SuiteRecord, _ old: SuiteRecord?) throws(SuiteProblem) {
        let party = entity(record)
        if let subsidiary = party?.text("subsidiary") {
            if let sent = record.text("subsidiary"), sent != subsidiary { throw .reference("subsidiary", sent, of: "entity \(party?.id ?? 0)") }
            record.values["subsidiary"] = .string(subsidiary)
        } else if record.text("subsidiary") == nil {
            record.values["subsidiary"] = "1"
        }
        let base = baseCurrency(record)
        if record.text("currency") == nil { record.values["currency"] = .string(party?.text("currency") ?? String(base)) }
        guard let currency = record.id("currency") else { return }
        if let party, party.type == "customer" {
            let enabled = [party.id("currency"), base] + party.lines("currencyList").map { $0.id("currency") }
            guard enabled.contains(currency) else { throw .reference("currency", String(currency), of: "entity \(party.id)") }
        }
        let rate = record.decimal("exchangeRate")
        if let rate, rate.isNegative || rate.isZero { throw .value("exchangeRate", rate.description) }
        if currency == base {
            record.values["exchangeRate"] = .number("1.0")
        } else if rate == nil || (old != nil && old?.id("currency") != currency && record.values["exchangeRate"] == old?.values["exchangeRate"]) {
            record.values["exchangeRate"] = SuiteAmount.number(defaultRate(currency, base))
        }
        record.values["currencyName"] = nil
    }

    /// Units of the base currency for one of the other, by the account's table.
    func defaultRate(_ currency: Int, _ base: Int) -> ExactDecimal {
        func known(_ id: Int) -> Int128 { self.record("currency", id)?.decimal("exchangeRate")?.rescaled(toScale: 8)?.coefficient ?? 100_000_000 }
        return ExactDecimal(coefficient: ExactDecimal.divideHalfUp(known(currency) * 100_000_000, max(1, known(base))), scale: 8)
    }

    private func checkSegments(_ record: SuiteRecord, _ type: SuiteType) throws(SuiteProblem) {
        let subsidiary = record.text("subsidiary") ?? "1"
        func check(_ at: (String) -> String?) throws(SuiteProblem) {
            for (name, family) in [("department", "department"), ("class", "classification"), ("location", "location")] {
                guard let id = at(name), let own = self.record(family, Int(id))?.text("subsidiary"), own != subsidiary else { continue }
                throw .reference(name, id, of: "subsidiary \(subsidiary)")
            }
            for name in ["taxCode", "lineTaxCode", "shippingTaxCode", "taxItem"] {
                guard let id = at(name), let tax = self.record("salesTaxItem", Int(id)), let kind = self.record("taxType", tax.id("taxType")) else { continue }
                guard kind.text("country") == self.record("subsidiary", Int(subsidiary))?.text("country") else {
                    throw .user("Invalid \(name) reference key \(id) for subsidiary \(subsidiary).", name, soap: "INVALID_TAX_CODE_FOR_SUB")
                }
            }
        }
        try check { record.text($0) }
        for list in type.lists where !["apply", "credit", "deposit", "payment"].contains(list.name) {
            for line in record.lines(list.name) { try check { line.text($0) } }
        }
    }

    // MARK: - Accounts

    /// Where the money goes, where nobody said so; and every account that is posted to must be in use.
    private func demandAccounts(_ record: inout SuiteRecord) throws(SuiteProblem) {
        switch record.type {
        case "cashSale", "customerPayment":
            if record.text("account") == nil { record.values["undepFunds"] = true }
        case "cashRefund", "customerRefund":
            if record.text("account") == nil { throw .missing(["Account"], "account") }
        default: break
        }
        if record.text("account") != nil, record.values["undepFunds"] != nil { record.values["undepFunds"] = record.flag("undepFunds") ? true : false }
        for line in impact(record) {
            guard let account = self.record("account", line.account) else { throw .user("Please choose an account for this line.", "account") }
            if account.flag("isInactive") { throw .reference("account", String(account.id)) }
        }
    }

    // MARK: - Periods

    /// The month that the date is in, or the one that was named.
    func period(of record: SuiteRecord) -> SuiteRecord? {
        if let named = self.record("accountingPeriod", record.id("postingPeriod")) { return named }
        guard let date = record.text("tranDate") else { return nil }
        let months = all("accountingPeriod").filter { !$0.flag("isYear") && !$0.flag("isQuarter") }
        return months.first { ($0.text("startDate") ?? "") <= date && date <= ($0.text("endDate") ?? "") }
    }

    func checkPeriod(_ record: SuiteRecord) throws(SuiteProblem) {
        guard let period = period(of: record) else { return }
        let name = period.text("periodName") ?? ""
        if period.flag("closed") { throw .closed(name) }
        if period.flag("allLocked") { throw .locked(name, "all transactions") }
        if period.flag("arLocked"), Self.receivables.contains(record.type) { throw .locked(name, "A/R") }
        if period.flag("apLocked"), record.type == "vendorBill" { throw .locked(name, "A/P") }
    }

    /// What the books of a closed period say stays as it is; words around it may change.
    private func checkBooks(_ record: SuiteRecord, _ old: SuiteRecord?) throws(SuiteProblem) {
        if let old {
            let isSameTime = old.text("tranDate") == record.text("tranDate") && old.text("postingPeriod") == record.text("postingPeriod")
            if isSameTime, impact(old) == impact(record) { return }
            try checkPeriod(old)
        }
        try checkPeriod(record)
    }

    mutating func closePeriods(through date: LocalDate?) {
        for var period in all("accountingPeriod") {
            let isClosed = date.map { ($0.description) >= (period.text("endDate") ?? "") } ?? false
            for name in ["closed", "arLocked", "apLocked", "allLocked"] { period.values[name] = .bool(isClosed) }
            put(period)
        }
    }

    // MARK: - Numbers

    private mutating func number(_ record: inout SuiteRecord, _ old: SuiteRecord?, _ type: SuiteType) throws(SuiteProblem) {
        if let sent = record.text("tranId") {
            guard limits.refusesDuplicateNumbers, sent != old?.text("tranId") else { return }
            guard !all(type).contains(where: { $0.text("tranId") == sent && $0.id != old?.id }) else {
                throw .user("This transaction has a duplicate number: \(sent).", "tranId", soap: "DUP_TRANS")
            }
        } else if let prefix = SuiteNumbers.prefixes[type.name] {
            record.values["tranId"] = .string(nextNumber(prefix))
        }
    }
}
