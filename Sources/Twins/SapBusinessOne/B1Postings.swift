internal import Kernel
internal import Wire

/// One line of a journal entry: debit positive.
struct B1Posting: Sendable {
    var account: String
    /// The partner, on the accounts that are kept by partner.
    var partner = ""
    var local: Int64
    var foreign: Int64
    /// Cost centres and project of the document's line.
    var dimensions: [String: JSON] = [:]
}

/// The journal entry behind a document, and what else a document moves.
extension B1Company {
    func localTotal(_ sums: B1Sums, _ about: Head) -> Int64 {
        components(sums, about).reduce(0) { $0 + $1.local }
    }

    /// What stands against the partner's account, as credits of a sale: revenue less discount, freight, taxes, rounding; all positive.
    private func components(_ sums: B1Sums, _ about: Head) -> [B1Posting] {
        func part(_ account: String, _ amount: Int64, _ dimensions: [String: JSON] = [:]) -> B1Posting {
            let local = about.isForeign ? B1Amount.local(amount, about.rate) : amount
            return B1Posting(account: account, local: local, foreign: about.isForeign ? amount : 0, dimensions: dimensions)
        }
        var out: [B1Posting] = []
        let names = ["CostingCode", "CostingCode2", "CostingCode3", "CostingCode4", "CostingCode5", "ProjectCode"]
        for line in sums.lines {
            let dimensions = Dictionary(uniqueKeysWithValues: names.compactMap { name in line.row[name].map { (name, $0) } })
            out.append(part(line.account, line.worth, dimensions))
            out.append(part(taxAccount(line.code, about.isSales), line.tax))
        }
        for expense in sums.expenses {
            out.append(part(expense.account, expense.net))
            out.append(part(taxAccount(expense.code, about.isSales), expense.tax))
        }
        out.append(part(B1Seed.account("71000", self), sums.rounding))
        return out.filter { $0.local != 0 || $0.foreign != 0 }
    }

    private func taxAccount(_ code: String, _ isSales: Bool) -> String {
        record("VatGroups", code)?.text("TaxAccount").filled ?? B1Seed.account(isSales ? "22000" : "22100", self)
    }

    /// `nil` where nothing is booked.
    func postings(_ sums: B1Sums, _ about: Head, _ partner: B1Record) -> [B1Posting]? {
        var lines: [B1Posting] = []
        // An invoice owes us, a credit note owes them; purchases the other way round.
        let isNote = about.set.name.hasSuffix("CreditNotes")
        let sign: Int64 = (about.isSales ? 1 : -1) * (isNote ? -1 : 1)
        if Self.booked.contains(about.set.name) {
            let parts = components(sums, about)
            let control = B1Posting(
                account: partner.text("DebitorAccount"), partner: partner.key, local: parts.reduce(0) { $0 + $1.local }, foreign: parts.reduce(0) { $0 + $1.foreign })
            lines = ([control] + parts.map { part in
                var turned = part
                (turned.local, turned.foreign) = (-part.local, -part.foreign)
                return turned
            }).map { line in
                var signed = line
                (signed.local, signed.foreign) = (sign * line.local, sign * line.foreign)
                return signed
            }
        }
        let cost = sums.lines.reduce(Int64(0)) { $0 + $1.cost }
        if cost != 0 {
            lines.append(B1Posting(account: B1Seed.account("50000", self), local: cost, foreign: 0))
            lines.append(B1Posting(account: B1Seed.account("13000", self), local: -cost, foreign: 0))
        }
        return lines.isEmpty ? nil : lines
    }

    private static let origins = [
        "Invoices": "ttARInvoice", "CreditNotes": "ttARCredItnote", "DeliveryNotes": "ttDelivery", "Returns": "ttReturn", "PurchaseInvoices": "ttAPInvoice",
        "PurchaseCreditNotes": "ttAPCreditNote", "IncomingPayments": "ttReceipt", "VendorPayments": "ttVendorPayment", "JournalEntries": "ttJournalEntry",
    ]

    /// Writes the journal entry of a document; its number.
    mutating func book(
        _ lines: [B1Posting], _ about: Head, _ entry: Int, _ head: B1Row, _ texts: (memo: String, reference: String, other: String)
    ) -> Int {
        let number = next("JournalEntries")
        let due = head["DocDueDate"] ?? head["DueDate"] ?? .string(about.date.description)
        let rows: [JSON] = lines.enumerated().map { place, line in
            var row: [String: JSON] = line.dimensions
            row["Line_ID"] = .int(place)
            row["AccountCode"] = .string(line.account)
            row["ShortName"] = .string(line.partner.filled ?? line.account)
            row["ContraAccount"] = .string(lines.first { $0.account != line.account }?.account ?? line.account)
            row["LineMemo"] = .string(texts.memo)
            row["DueDate"] = due
            row["Reference1"] = .string(texts.reference)
            row["Reference2"] = .string(texts.other)
            for (name, amount) in Self.sides(line.local, "Debit", "Credit") { row[name] = amount }
            for (name, amount) in Self.sides(line.foreign, "FCDebit", "FCCredit") { row[name] = amount }
            row["FCCurrency"] = line.foreign == 0 ? .null : .string(about.currency)
            return B1Row(row).json
        }
        put("JournalEntries", "\(number)", [
            "JdtNum": .int(number), "Number": .int(number), "ReferenceDate": .string(about.date.description), "TaxDate": head["TaxDate"] ?? .string(about.date.description),
            "DueDate": due, "Memo": .string(texts.memo), "Reference": .string(texts.reference), "Reference2": .string(texts.other),
            "OriginalJournal": .string(Self.origins[about.set.name] ?? "ttJournalEntry"), "Original": .int(entry), "BaseReference": .string(texts.reference),
            "Series": .int(30), "JournalEntryLines": .array(rows),
        ])
        return number
    }

    static func sides(_ amount: Int64, _ debit: String, _ credit: String) -> [(String, JSON)] {
        [(debit, B1Amount.json(max(amount, 0))), (credit, B1Amount.json(max(-amount, 0)))]
    }

    // MARK: - Stock

    /// Takes from stock or gives to it, and what that costs into the lines.
    mutating func moveStock(_ sums: inout B1Sums, _ about: Head, _ head: B1Row) throws(B1Problem) {
        let directions: [String: Int] = ["Invoices": -1, "DeliveryNotes": -1, "CreditNotes": 1, "Returns": 1, "PurchaseInvoices": 1, "PurchaseCreditNotes": -1]
        guard !about.isService, let way = directions[about.set.name] else { return }
        for place in sums.lines.indices {
            let line = sums.lines[place]
            // A delivery or a return has moved it already.
            if [15, 16].contains(line.row.int("BaseType") ?? -1) || line.row.text("WithoutInventoryMovement") == "tYES" { continue }
            guard var item = record("Items", line.row.text("ItemCode")), item.isYes("InventoryItem") else { continue }
            let moved = way < 0 ? -line.quantity : line.quantity
            var rows = item.rows("ItemWarehouseInfoCollection")
            let warehouse = line.row.text("WarehouseCode")
            let found = rows.firstIndex { $0.text("WarehouseCode") == warehouse }
            if found == nil { rows.append(B1Row(["WarehouseCode": .string(warehouse), "InStock": 0, "Committed": 0, "Ordered": 0, "StandardAveragePrice": 0])) }
            let at = found ?? rows.count - 1
            guard let left = (rows[at].decimal("InStock") ?? .zero).adding(moved), let whole = (item.decimal("QuantityOnStock") ?? .zero).adding(moved) else {
                throw .value("Quantity", "DocumentLine")
            }
            guard !left.isNegative else {
                throw B1Problem(-10, "Quantity falls into negative inventory  [\(about.set.lineTable).ItemCode][line: \(place + 1)] , '\(item.key)'")
            }
            rows[at]["InStock"] = .decimal(left)
            item["QuantityOnStock"] = .decimal(whole)
            item["ItemWarehouseInfoCollection"] = .array(rows.map(\.json))
            put("Items", item.key, item.values)
            guard about.isSales, let cost = item.decimal("AvgStdPrice")?.multiplied(by: line.quantity), let minor = B1Amount.minor(cost) else { continue }
            sums.lines[place].cost = way < 0 ? minor : -minor
        }
    }

    // MARK: - Base documents

    private static let bases: [Int: (set: String, targets: Set<String>)] = [
        17: ("Orders", ["DeliveryNotes", "Invoices"]), 15: ("DeliveryNotes", ["Invoices", "Returns"]), 13: ("Invoices", ["CreditNotes"]), 16: ("Returns", ["CreditNotes"]),
        22: ("PurchaseOrders", ["PurchaseInvoices"]), 18: ("PurchaseInvoices", ["PurchaseCreditNotes"]),
    ]

    /// A line with what its base says and it does not.
    func drawn(_ given: B1Row, _ number: Int, _ head: B1Row, _ set: B1Set, isService: Bool) throws(B1Problem) -> B1Row {
        guard let type = given.int("BaseType"), type >= 0 else { return given }
        let place = "\(set.lineTable).BaseEntry"
        let mismatch = B1Problem(-5002, "234103405 - Base document type and target document type do not match")
        guard let known = Self.bases[type], known.targets.contains(set.name) else { throw mismatch }
        guard let base = record(known.set, given.int("BaseEntry")) else { throw .missing }
        guard base.text("CardCode") == head.text("CardCode") else { throw B1Problem(-5002, "Base document card and target document card do not match.") }
        guard (base.text("DocType") == "dDocument_Service") == isService else { throw mismatch }
        let closed = B1Problem.invalid("One of the base documents has already been closed", place, line: number)
        // The head decides: an invoice that is paid is closed, whatever its lines say.
        guard base.text("DocumentStatus") == "bost_Open" else { throw closed }
        guard let line = base.rows("DocumentLines").first(where: { $0.int("LineNum") == given.int("BaseLine") }) else { throw .missing }
        guard line.text("LineStatus") == "bost_Open", let open = line.decimal("RemainingOpenQuantity") else { throw closed }
        if let wanted = given.decimal("Quantity"), open.isNegative ? wanted < open : wanted > open, known.set.hasSuffix("Invoices") || !overdraws {
            throw B1Problem(-10, "Quantity exceeds the quantity of the base document  [\(set.lineTable).Quantity][line: \(number + 1)]")
        }
        var row = given
        let names = ["ItemCode", "ItemDescription", "VatGroup", "TaxCode", "WarehouseCode", "AccountCode", "CostingCode", "CostingCode2", "CostingCode3", "CostingCode4",
            "CostingCode5", "ProjectCode", "DiscountPercent"]
        for name in names where row.values[name] == nil { row[name] = line[name] }
        row["Quantity"] = row["Quantity"] ?? .decimal(open)
        let amounts = ["UnitPrice", "Price", "PriceAfterVAT", "GrossPrice", "LineTotal", "RowTotalFC", "GrossTotal", "GrossTotalFC"]
        if !amounts.contains(where: { row[$0] != nil }) { row[isService ? "LineTotal" : "UnitPrice"] = line[isService ? "LineTotal" : "UnitPrice"] }
        return row
    }

    /// Takes from the base documents what was drawn, or gives it back.
    mutating func draw(_ head: B1Row, _ set: B1Set, _ entry: Int, isBack: Bool = false) throws(B1Problem) {
        var credited: [Int] = []
        for line in (head["DocumentLines"]?.array ?? []).map({ B1Row($0) }) {
            guard let type = line.int("BaseType"), let known = Self.bases[type], let number = line.int("BaseEntry"), var base = record(known.set, number) else { continue }
            var rows = base.rows("DocumentLines")
            guard let place = rows.firstIndex(where: { $0.int("LineNum") == line.int("BaseLine") }), let moved = line.decimal("Quantity") else { continue }
            let open = rows[place].decimal("RemainingOpenQuantity") ?? .zero
            let rest = (isBack ? open.adding(moved) : open.subtracting(moved)) ?? .zero
            let left = rest.isNegative == moved.isNegative ? rest : .zero
            rows[place]["RemainingOpenQuantity"] = .decimal(left)
            rows[place]["LineStatus"] = .string(left.isZero ? "bost_Close" : "bost_Open")
            base["DocumentLines"] = .array(rows.map(\.json))
            let isInvoice = known.set.hasSuffix("Invoices")
            if !isInvoice { base["DocumentStatus"] = .string(rows.allSatisfy { $0.text("LineStatus") == "bost_Close" } ? "bost_Close" : "bost_Open") }
            put(known.set, base.key, base.values, isSilent: true)
            if isInvoice, !credited.contains(number) { credited.append(number) }
        }
        guard let first = credited.first, credited.count == 1, set.name.hasSuffix("CreditNotes"), !isBack else { return }
        // A credit note pays the invoice that it was made from, as far as that is open.
        let invoices = set.name == "CreditNotes" ? "Invoices" : "PurchaseInvoices"
        guard let invoice = record(invoices, first), let note = record(set.name, entry), invoice.text("DocCurrency") == note.text("DocCurrency") else { return }
        let (left, mine) = (open(invoice), open(note))
        let amount = min(left.amount, mine.amount)
        guard amount > 0 else { return }
        settle(invoices, first, amount, amount == left.amount ? left.local : B1Amount.share(left.local, amount, of: left.amount))
        settle(set.name, entry, amount, amount == mine.amount ? mine.local : B1Amount.share(mine.local, amount, of: mine.amount))
    }

    /// What is not paid, in the document's currency and in local.
    func open(_ document: B1Record) -> (amount: Int64, local: Int64) {
        let local = document.minor("DocTotal") - document.minor("PaidToDate")
        guard document.text("DocCurrency") != localCurrency else { return (local, local) }
        return (document.minor("DocTotalFc") - document.minor("PaidToDateFC"), local)
    }

    /// Pays a document, or takes a payment back where the amounts are negative. Its dates do not change: changes by payment are not to be seen there.
    mutating func settle(_ set: String, _ entry: Int, _ amount: Int64, _ local: Int64) {
        guard var document = record(set, entry) else { return }
        document["PaidToDate"] = B1Amount.json(document.minor("PaidToDate") + local)
        document["PaidToDateSys"] = document["PaidToDate"]
        if document.text("DocCurrency") != localCurrency { document["PaidToDateFC"] = B1Amount.json(document.minor("PaidToDateFC") + amount) }
        document["DocumentStatus"] = .string(open(document).amount == 0 ? "bost_Close" : "bost_Open")
        put(set, document.key, document.values, isSilent: true)
    }
}
