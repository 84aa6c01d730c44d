internal import Kernel
internal import Wire

/// A document on its way in: its lines and sums in its own currency.
struct B1Sums: Sendable {
    var lines: [B1Line] = []
    var expenses: [(row: B1Row, account: String, net: Int64, tax: Int64, code: String)] = []
    var discount: Int64 = 0
    var rounding: Int64 = 0

    var net: Int64 { lines.reduce(0) { $0 + $1.net } }
    var tax: Int64 { lines.reduce(0) { $0 + $1.tax } + expenses.reduce(0) { $0 + $1.tax } }
    var total: Int64 { net - discount + tax + expenses.reduce(0) { $0 + $1.net } + rounding }
}

/// Orders, deliveries, returns, invoices, credit notes and their like for purchases.
extension B1Company {
    static func isSales(_ set: String) -> Bool { !set.hasPrefix("Purchase") }
    /// Those that are booked; the others only move stock, or promise.
    static let booked: Set<String> = ["Invoices", "CreditNotes", "PurchaseInvoices", "PurchaseCreditNotes"]

    /// Which document it became: a draft, where somebody must approve it.
    mutating func createDocument(_ set: B1Set, _ given: [String: JSON]) throws(B1Problem) -> (set: String, key: String) {
        var head = B1Row(given)
        if head.text("CancelStatus") == "csCancellation" { return (set.name, try cancelBy(head, set)) }
        let isSales = Self.isSales(set.name)
        let partner = try partner(head.text("CardCode"), isSales: isSales, "\(set.table).CardCode")
        let dates = try dates(&head, set, partner)
        try branch(&head, set)
        let currency = try currency(head.text("DocCurrency").filled ?? (partner.text("Currency") == "##" ? localCurrency : partner.text("Currency")), "\(set.table).DocCur")
        let rate = try self.rate(head.decimal("DocRate"), currency, on: dates)
        let isService = head.text("DocType") == "dDocument_Service"
        let about = Head(
            set: set, isSales: isSales, isService: isService, currency: currency, rate: rate, isForeign: currency != localCurrency, date: dates)
        var sums = B1Sums()
        let rows = head["DocumentLines"]?.array ?? []
        guard !rows.isEmpty else { throw .invalid("Document lines are missing; enter at least one line", "\(set.table).DocumentLines") }
        for (place, json) in rows.enumerated() {
            let row = try drawn(B1Row(json), place, head, set, isService: isService)
            sums.lines.append(try line(row, place, about))
        }
        try expenses(&sums, head, about)
        try total(&sums, head, about)
        guard sums.total >= 0 else { throw .invalid("Document total must not be negative", "\(set.table).DocTotal") }
        (head["CardName"], head["DocCurrency"], head["DocRate"]) = (head["CardName"] ?? partner["CardName"], .string(currency), .decimal(rate))
        head["DocType"] = .string(isService ? "dDocument_Service" : "dDocument_Items")
        fill(&head, sums, about)
        let isWaiting = user == .clerk && B1Amount.local(sums.total, rate) >= approvalsFrom
        return try post(head, sums, about, partner, isDraft: isWaiting)
    }

    private mutating func post(
        _ given: B1Row, _ sums: B1Sums, _ about: Head, _ partner: B1Record, isDraft: Bool
    ) throws(B1Problem) -> (set: String, key: String) {
        var (head, sums) = (given, sums)
        let set = about.set
        if isDraft {
            let key = "\(next("Drafts"))"
            head["DocEntry"] = .number(key)
            head["AuthorizationStatus"] = "dasPending"
            put("Drafts", key, head.values)
            return ("Drafts", key)
        }
        try number(&head, set)
        let entry = next(set.name)
        head["DocEntry"] = .int(entry)
        head["DocumentLines"] = .array((head["DocumentLines"]?.array ?? []).map { $0.setting("DocEntry", .int(entry)) })
        try moveStock(&sums, about, head)
        if let lines = postings(sums, about, partner) {
            let texts = (memo: head.text("JournalMemo"), reference: "\(head.int("DocNum") ?? 0)", other: head.text("NumAtCard"))
            head["TransNum"] = .int(book(lines, about, entry, head, texts))
        }
        put(set.name, "\(entry)", head.values)
        try draw(head, set, entry)
        return (set.name, "\(entry)")
    }

    // MARK: - Head

    func partner(_ code: String, isSales: Bool, _ place: String) throws(B1Problem) -> B1Record {
        guard let partner = record("BusinessPartners", code), partner.text("CardType") == (isSales ? "cCustomer" : "cSupplier") else {
            throw .invalid("Invalid BP code", place, value: code)
        }
        if partner.isYes("Frozen") || !partner.isYes("Valid") { throw .invalid("Business partner is inactive", place, value: code) }
        return partner
    }

    private func dates(_ head: inout B1Row, _ set: B1Set, _ partner: B1Record) throws(B1Problem) -> LocalDate {
        let date = head.text("DocDate").filled.flatMap { LocalDate($0) } ?? today
        try guardOpen(date)
        head["DocDate"] = .string(date.description)
        head["TaxDate"] = head["TaxDate"] ?? head["DocDate"]
        if head["DocDueDate"] == nil {
            // Orders say when they are wanted.
            guard !["Orders", "PurchaseOrders"].contains(set.name) else { throw .invalid("Enter valid date", "\(set.table).DocDueDate") }
            let terms = record("PaymentTermsTypes", head.int("PaymentGroupCode") ?? partner.int("PayTermsGrpCode"))
            head["DocDueDate"] = .string(date.adding(days: terms?.int("NumberOfAdditionalDays") ?? 0).description)
        }
        head["PaymentGroupCode"] = head["PaymentGroupCode"] ?? partner["PayTermsGrpCode"]
        return date
    }

    private func branch(_ head: inout B1Row, _ set: B1Set) throws(B1Problem) {
        guard hasBranches else { return }
        guard let place = record("BusinessPlaces", head.int("BPL_IDAssignedToInvoice")), !place.isYes("Disabled") else {
            throw .invalid("Specify an active branch", "\(set.table).BPLId")
        }
        head["BPLName"] = place["BPLName"]
    }

    func currency(_ code: String, _ place: String) throws(B1Problem) -> String {
        guard record("Currencies", code) != nil else { throw .invalid("Invalid currency", place, value: code) }
        return code
    }

    /// The number from the series, or one's own.
    private mutating func number(_ head: inout B1Row, _ set: B1Set) throws(B1Problem) {
        if let series = head.int("Series"), series != set.object {
            throw B1Problem(-10, "10000521 - To generate this document, first define the numbering series in the Administration module")
        }
        head["Series"] = .int(set.object)
        if head.text("HandWritten") == "tYES", let own = head.int("DocNum") {
            guard !all(set.name).contains(where: { $0.int("DocNum") == own }) else { throw .duplicate }
        } else {
            head["DocNum"] = .int(next("\(set.name)#"))
            head["HandWritten"] = "tNO"
        }
    }

    // MARK: - Sums

    private func expenses(_ sums: inout B1Sums, _ head: B1Row, _ about: Head) throws(B1Problem) {
        for (place, json) in (head["DocumentAdditionalExpenses"]?.array ?? []).enumerated() {
            var row = B1Row(json)
            guard let expense = record("AdditionalExpenses", row.int("ExpenseCode")) else { throw .invalid("Invalid expense code", "\(about.set.table).ExpnsCode", line: place) }
            let account = expense.text(about.isSales ? "RevenuesAccount" : "ExpenseAccount")
            try guardAccount(account, "\(about.set.table).ExpnsCode", line: place)
            let code = row.text(usesVAT ? "VatGroup" : "TaxCode")
            let rate = code.isEmpty ? .zero : try taxRate(code, isSales: about.isSales, "\(about.set.table).ExpnsCode", line: place)
            let net = row.minor(about.isForeign && row["LineTotalFC"] != nil ? "LineTotalFC" : "LineTotal")
            let tax = usesVAT ? nil : row["TaxSum"].flatMap { B1Amount.minor($0) }
            let sum = tax ?? B1Amount.percent(net, rate)
            (row["LineTotal"], row["TaxSum"], row["LineNum"]) = (B1Amount.json(net), B1Amount.json(sum), .int(place))
            sums.expenses.append((row, account, net, sum, code))
        }
    }

    /// Discount, taxes and rounding. A total that is given makes the discount, as Business One reckons backwards.
    private func total(_ sums: inout B1Sums, _ head: B1Row, _ about: Head) throws(B1Problem) {
        let net = sums.net
        if let given = B1Amount.minor(head[about.isForeign ? "TotalDiscountFC" : "TotalDiscount"]) {
            sums.discount = given
        } else if let percent = head.decimal("DiscountPercent") {
            guard percent > ExactDecimal(-100), percent <= ExactDecimal(100) else { throw .invalid("Invalid discount", "\(about.set.table).DiscPrcnt") }
            sums.discount = B1Amount.percent(net, percent)
        }
        if head.text("Rounding") == "tYES" { sums.rounding = B1Amount.minor(head[about.isForeign ? "RoundingDiffAmountFC" : "RoundingDiffAmount"]) ?? 0 }
        spread(&sums)
        guard let wanted = B1Amount.minor(head[about.isForeign ? "DocTotalFc" : "DocTotal"]), wanted != sums.total else { return }
        let taxed = net + sums.tax
        sums.discount += B1Amount.share(sums.total - wanted, net, of: taxed == 0 ? net : taxed)
        spread(&sums)
        // What rounding left over is discount that changes no tax.
        let rest = sums.total - wanted
        sums.discount += rest
        if let last = sums.lines.indices.last { sums.lines[last].discount += rest }
        guard sums.total == wanted else { throw .invalid("Invalid total", "\(about.set.table).DocTotal") }
    }

    /// Gives every line its part of the discount, and its tax.
    private func spread(_ sums: inout B1Sums) {
        let net = sums.net
        var rest = sums.discount
        for place in sums.lines.indices {
            let isLast = place == sums.lines.count - 1
            let part = isLast ? rest : B1Amount.share(sums.discount, sums.lines[place].net, of: net)
            sums.lines[place].discount = part
            rest -= part
            if !sums.lines[place].isTaxFixed { sums.lines[place].tax = B1Amount.percent(sums.lines[place].worth, sums.lines[place].rate) }
        }
    }

    /// Writes what was worked out into the document.
    private func fill(_ head: inout B1Row, _ sums: B1Sums, _ about: Head) {
        func local(_ amount: Int64) -> Int64 { about.isForeign ? B1Amount.local(amount, about.rate) : amount }
        func put(_ name: String, _ foreign: String, _ amount: Int64) {
            head[name] = B1Amount.json(local(amount))
            head[foreign] = B1Amount.json(about.isForeign ? amount : 0)
        }
        put("VatSum", "VatSumFc", sums.tax)
        put("TotalDiscount", "TotalDiscountFC", sums.discount)
        put("RoundingDiffAmount", "RoundingDiffAmountFC", sums.rounding)
        head["DocTotal"] = B1Amount.json(localTotal(sums, about))
        head["DocTotalFc"] = B1Amount.json(about.isForeign ? sums.total : 0)
        (head["DocTotalSys"], head["VatSumSys"]) = (head["DocTotal"], head["VatSum"])
        (head["PaidToDate"], head["PaidToDateFC"], head["PaidToDateSys"]) = (0, 0, 0)
        if head["DiscountPercent"] == nil || sums.discount != 0, sums.net != 0 {
            let percent = ExactDecimal(coefficient: ExactDecimal.divideHalfUp(Int128(sums.discount) * 100_000_000 * (sums.net < 0 ? -1 : 1), Int128(abs(sums.net))), scale: 6)
            head["DiscountPercent"] = .decimal(percent.shortest)
        }
        head["JournalMemo"] = head["JournalMemo"] ?? .string("\(Self.title(about.set.name)) - \(head.text("CardCode"))")
        head["DocObjectCode"] = .string("\(about.set.object)")
        (head["DocumentStatus"], head["Cancelled"], head["CancelStatus"], head["AuthorizationStatus"]) = ("bost_Open", "tNO", "csNo", "dasWithout")
        head["DocumentAdditionalExpenses"] = .array(sums.expenses.map { $0.row.json })
        head["DocumentLines"] = .array(sums.lines.map { shown($0, about, local) })
    }

    private func shown(_ line: B1Line, _ about: Head, _ local: (Int64) -> Int64) -> JSON {
        var row = line.row
        row["VisualOrder"] = row["LineNum"]
        row["Currency"] = .string(about.currency)
        row["Rate"] = about.isForeign ? .decimal(about.rate) : 0
        row["LineTotal"] = B1Amount.json(local(line.net))
        row["RowTotalFC"] = B1Amount.json(about.isForeign ? line.net : 0)
        row["TaxTotal"] = B1Amount.json(local(line.tax))
        row["NetTaxAmount"] = row["TaxTotal"]
        row["NetTaxAmountFC"] = B1Amount.json(about.isForeign ? line.tax : 0)
        row["GrossTotal"] = B1Amount.json(local(line.net + line.tax))
        row["GrossTotalFC"] = B1Amount.json(about.isForeign ? line.net + line.tax : 0)
        let unit = row.decimal("UnitPrice") ?? row.decimal("Price") ?? price(line.net, line.quantity)
        (row["UnitPrice"], row["Price"]) = (.decimal(unit), .decimal(unit))
        row["PriceAfterVAT"] = row["PriceAfterVAT"] ?? .decimal(price(line.net + line.tax, line.quantity))
        row["GrossPrice"] = row["PriceAfterVAT"]
        (row["LineStatus"], row["RemainingOpenQuantity"], row["OpenAmount"]) = ("bost_Open", .decimal(line.quantity), row["LineTotal"])
        row["BaseType"] = row["BaseType"] ?? -1
        return row.json
    }

    /// At the four decimals of prices.
    private func price(_ amount: Int64, _ quantity: ExactDecimal) -> ExactDecimal {
        guard !quantity.isZero else { return B1Amount.decimal(amount) }
        var ten = Int128(quantity.isNegative ? -100 : 100)
        for _ in 0..<min(quantity.scale, 12) { ten *= 10 }
        return ExactDecimal(coefficient: ExactDecimal.divideHalfUp(Int128(amount) * ten, abs(quantity.coefficient)), scale: 4).shortest
    }

    static func title(_ set: String) -> String {
        switch set {
        case "Invoices": "A/R Invoices"
        case "CreditNotes": "A/R Credit Memos"
        case "PurchaseInvoices": "A/P Invoices"
        case "PurchaseCreditNotes": "A/P Credit Memos"
        case "DeliveryNotes": "Deliveries"
        case "Orders": "Sales Orders"
        case "PurchaseOrders": "Purchase Orders"
        default: set
        }
    }
}
