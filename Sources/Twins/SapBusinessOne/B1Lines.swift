internal import Kernel
internal import Wire

/// One line of a document on its way in, with its amounts in the document's currency.
struct B1Line: Sendable {
    var row: B1Row
    var number = 0
    var net: Int64 = 0
    var tax: Int64 = 0
    /// The tax was given, or follows from a gross price: a discount on the whole does not change it.
    var isTaxFixed = false
    var rate = ExactDecimal.zero
    /// Its part of the discount on the whole document.
    var discount: Int64 = 0
    var account = ""
    var quantity = ExactDecimal.one
    /// What its stock costs, local.
    var cost: Int64 = 0

    var code: String { row.text("VatGroup").filled ?? row.text("TaxCode") }
    /// What the account gets.
    var worth: Int64 { net - discount }
}

/// Prices and taxes of lines.
extension B1Company {
    /// What every line of a document needs to know of it.
    struct Head {
        var set: B1Set
        var isSales: Bool
        var isService: Bool
        var currency: String
        var rate: ExactDecimal
        var isForeign: Bool
        var date: LocalDate
    }

    func line(_ given: B1Row, _ number: Int, _ head: Head) throws(B1Problem) -> B1Line {
        var line = B1Line(row: given, number: number)
        let table = head.set.lineTable
        line.row["LineNum"] = .int(number)
        if head.isService {
            guard let account = line.row.text("AccountCode").filled else { throw .invalid("G/L account is missing", "\(table).AcctCode", line: number) }
            line.account = account
        } else {
            try item(&line, head, table)
        }
        try guardAccount(line.account, "\(table).AcctCode", line: number)
        line.row["AccountCode"] = .string(line.account)
        for name in ["CostingCode", "CostingCode2", "CostingCode3", "CostingCode4", "CostingCode5"] {
            if let rule = line.row.text(name).filled, record("DistributionRules", rule)?.isYes("Active") != true { throw .missing }
        }
        if let project = line.row.text("ProjectCode").filled, record("Projects", project)?.isYes("Active") != true { throw .missing }
        try tax(&line, head, table)
        try price(&line, head)
        return line
    }

    private func item(_ line: inout B1Line, _ head: Head, _ table: String) throws(B1Problem) {
        guard let code = line.row.text("ItemCode").filled else {
            throw .invalid("Item number is missing; specify an item number", "DocumentLines.ItemCode", line: line.number)
        }
        guard let item = record("Items", code) else { throw .missing }
        if item.isYes("Frozen") || !item.isYes("Valid") { throw .invalid("Item is inactive", "\(table).ItemCode", line: line.number, value: code) }
        guard item.isYes(head.isSales ? "SalesItem" : "PurchaseItem") else {
            throw .invalid(head.isSales ? "Item is not a sales item" : "Item is not a purchase item", "\(table).ItemCode", line: line.number, value: code)
        }
        let warehouse = line.row.text("WarehouseCode").filled ?? "01"
        guard record("Warehouses", warehouse)?.isYes("Inactive") == false else { throw .invalid("Invalid warehouse", "\(table).WhsCode", line: line.number, value: warehouse) }
        line.row["WarehouseCode"] = .string(warehouse)
        line.row["ItemDescription"] = line.row["ItemDescription"] ?? item["ItemName"]
        line.quantity = line.row.decimal("Quantity") ?? .one
        // One below zero takes back inside of a sale.
        guard !line.quantity.isZero else { throw .invalid("Enter a quantity other than 0", "\(table).Quantity", line: line.number) }
        line.row["Quantity"] = .decimal(line.quantity)
        let name = head.isSales ? "IncomeAccount" : "ExpanseAccount"
        let usual = !head.isSales && item.isYes("InventoryItem") ? B1Seed.account("13000", self) : item.text(name).filled
        line.account = line.row.text("AccountCode").filled ?? usual ?? B1Seed.account(head.isSales ? "40000" : "61000", self)
        let amounts = ["UnitPrice", "Price", "PriceAfterVAT", "GrossPrice", "LineTotal", "RowTotalFC", "GrossTotal"]
        if !amounts.contains(where: { line.row[$0] != nil }), let price = item.rows("ItemPrices").first(where: { $0.int("PriceList") == 1 })?["Price"] {
            line.row["UnitPrice"] = price
        }
    }

    private func tax(_ line: inout B1Line, _ head: Head, _ table: String) throws(B1Problem) {
        let (mine, other) = usesVAT ? ("VatGroup", "TaxCode") : ("TaxCode", "VatGroup")
        if line.row.text(other).filled != nil { throw .invalid("Tax definition of another country", "\(table).\(other)", line: line.number) }
        if let code = line.row.text(mine).filled {
            line.rate = try taxRate(code, isSales: head.isSales, "\(table).\(mine)", line: line.number)
        } else {
            // What the company proposes where nothing is said.
            let code = usesVAT ? (head.isSales ? "O0" : "I0") : "EX"
            line.row[mine] = .string(code)
        }
        line.row["TaxPercentagePerRow"] = .decimal(line.rate)
    }

    private func price(_ line: inout B1Line, _ head: Head) throws(B1Problem) {
        let row = line.row
        func amount(_ name: String) throws(B1Problem) -> Int64? {
            guard let value = row[name] else { return nil }
            guard let minor = B1Amount.minor(value) else { throw .value(name, "DocumentLine") }
            return minor
        }
        func total(_ price: ExactDecimal) throws(B1Problem) -> Int64 {
            let percent = ExactDecimal(100) - (row.decimal("DiscountPercent") ?? .zero)
            guard let product = line.quantity.multiplied(by: price), let whole = product.multiplied(by: percent), let hundredth = whole.multiplied(by: ExactDecimal(small: 1, scale: 2)),
                let minor = B1Amount.minor(hundredth)
            else { throw .value("UnitPrice", "DocumentLine") }
            return minor
        }
        let grossTotal = try amount(head.isForeign ? "GrossTotalFC" : "GrossTotal")
        let grossPrice = row.decimal("PriceAfterVAT") ?? row.decimal("GrossPrice")
        if let direct = try amount(head.isForeign ? "RowTotalFC" : "LineTotal") {
            line.net = direct
        } else if head.isForeign, let local = try amount("LineTotal") {
            line.net = B1Amount.foreign(local, head.rate)
        } else if let unit = row.decimal("UnitPrice") ?? row.decimal("Price") {
            line.net = try total(unit)
        } else {
            var gross = grossTotal
            if gross == nil, let grossPrice { gross = try total(grossPrice) }
            line.tax = B1Amount.within(gross ?? 0, line.rate)
            line.net = (gross ?? 0) - line.tax
            line.isTaxFixed = gross != nil
        }
        // Taxes may be changed by hand where they are sales taxes; what is said of VAT is not heard.
        guard !usesVAT else { return }
        let parts = row["LineTaxJurisdictions"]?.array ?? []
        var forced = try amount("TaxTotal")
        if forced == nil { forced = try amount("NetTaxAmount") }
        if forced == nil, !parts.isEmpty {
            forced = parts.reduce(Int64(0)) { $0 + (B1Amount.minor($1["TaxAmount"]) ?? B1Amount.minor($1["ExternalCalcTaxAmount"]) ?? 0) }
        }
        if let forced { (line.tax, line.isTaxFixed) = (forced, true) }
    }
}
