internal import Kernel
internal import TwinKit
internal import Wire

/// The chart of accounts: what its groups are, and which categories stand in it from the beginning.
/// - Source: dev.freeagent.com/docs/categories.
enum FACategory {
    /// A group in which one may make categories.
    struct Group: Sendable {
        var name: String
        var codes: ClosedRange<Int>
        var description: String
        /// Shown with tax and reporting name.
        var isCost = false
        var reportingNames: [String] = []
    }

    /// - Source: dev.freeagent.com/docs/categories, "Create a category", for the ranges; of the reporting names of a limited company there are those
    ///   that a shop may need.
    static let groups: [Group] = [
        Group(name: "income", codes: 1 ... 49, description: "Income (normally VATable)"),
        Group(
            name: "cost_of_sales", codes: 96 ... 199, description: "Cost of sales (normally VATable)", isCost: true,
            reportingNames: ["commissions_payable", "material_costs", "purchases", "subcontractor_costs"]),
        Group(
            name: "admin_expenses", codes: 200 ... 399, description: "Admin expenses (normally VATable)", isCost: true,
            reportingNames: [
                "accountancy_fees", "advertising_and_promotional_costs", "bad_debts_written_off", "bank_charges", "computer_software_costs",
                "credit_card_charges", "finance_charges", "gain_on_foreign_currency_transactions", "insurance", "it_and_computer_consumables",
                "legal_fees", "postage_costs", "publication_and_other_information_subscriptions", "rent_of_premises", "stationery", "sundry_expenses",
                "telecommunication_costs", "travel_and_subsistence", "wages_and_salaries",
            ]),
        Group(
            name: "current_assets", codes: 671 ... 720, description: "Current assets",
            reportingNames: ["debtors", "money_in_transit", "prepayments_and_accrued_income"]),
        Group(name: "liabilities", codes: 731 ... 780, description: "Liabilities", reportingNames: ["creditors", "provisions_for_liabilities"]),
        Group(name: "equities", codes: 921 ... 960, description: "Equity"),
    ]

    static let rates = ["Outside of the scope of VAT", "Zero rate", "Reduced rate", "Standard rate", "Exempt"]

    static func group(_ name: String) -> Group? { groups.first { $0.name == name } }

    /// Which of the four lists a category is shown in.
    static func list(_ row: FARow) -> String {
        switch row.text("group") {
        case "income": "income_categories"
        case "cost_of_sales": "cost_of_sales_categories"
        case "admin_expenses": "admin_expenses_categories"
        default: "general_categories"
        }
    }

    /// The rate of a category's name in percent; `nil` where there is none.
    static func percent(_ row: FARow) -> ExactDecimal? {
        switch row.text("auto_sales_tax_rate") {
        case "Standard rate": ExactDecimal(20)
        case "Reduced rate": ExactDecimal(5)
        case "Zero rate": .zero
        default: nil
        }
    }

    /// `Computer software costs` of `computer_software_costs`.
    static func spoken(_ name: String) -> String {
        let words = name.split(separator: "_").joined(separator: " ")
        return words.prefix(1).uppercased() + words.dropFirst()
    }

    /// Categories that take a bank account, a user, a stock item or an asset beside them.
    static func reference(_ code: String) -> FAKind? {
        guard let number = Int(code) else { return nil }
        return switch number {
        case 750: .bankAccount
        case 900 ... 910: .user
        default: nil
        }
    }

    static let seeds: [FARow] = {
        var out: [FARow] = []
        func add(_ group: String, _ rate: String, _ list: [(code: String, name: String, reporting: String)], custom: Bool = false) {
            for item in list {
                out.append(
                    FARow(
                        .category, item.code, at: FASeed.founded,
                        .object([
                            ("description", .string(item.name)), ("group", .string(group)), ("auto_sales_tax_rate", .string(rate)),
                            ("tax_reporting_name", .string(item.reporting)), ("custom", .bool(custom)),
                        ])))
            }
        }
        add("income", "Standard rate", [("001", "Sales", "")])
        add(
            "income", "Standard rate",
            [
                ("010", "Homeware sales", ""), ("011", "Garden sales", ""), ("012", "Shipping income", ""), ("013", "Discounts given", ""),
                ("014", "Returns and allowances", ""),
            ], custom: true)
        add("income", "Zero rate", [("015", "Books and cards", "")], custom: true)
        add(
            "cost_of_sales", "Standard rate",
            [("101", "Cost of Sales", "Purchases"), ("102", "Commission Paid", "Commissions Payable"), ("103", "Materials", "Material costs")])
        add(
            "admin_expenses", "Standard rate",
            [
                ("285", "Accommodation and Meals", "Travel and subsistence expenses"), ("359", "Books and Journals", "Publications"),
                ("366", "Sundries", "Sundry expenses"),
            ])
        add(
            "admin_expenses", "Outside of the scope of VAT",
            [
                ("363", "Bank/Finance Charges", "Bank charges"), (FASeed.badDebts, "Bad Debts", "Bad debts written off"),
                (FASeed.currencyGain, "Realised Currency Gain/Loss", "Gain on foreign currency transactions"),
            ])
        add(
            "general", "",
            [
                ("051", "Interest Received", ""), ("601", "Capital Asset Brought Forward", ""), ("602", "Capital Asset Purchase", ""),
                ("605", "Capital Asset Depreciation Brought Forward", ""), ("609", "Stock", ""), ("670", "Share Premium", ""),
                (FASeed.receivable, "Trade Debtors", ""), (FASeed.bank, "Bank Account", ""), (FASeed.payable, "Trade Creditors", ""),
                ("817", "VAT", ""), (FASeed.taxReclaimed, "VAT Reclaimed", ""), (FASeed.taxCharged, "VAT Charged", ""), ("820", "Corporation Tax", ""),
                ("901", "Capital Introduced", ""), ("902", "Salary and Bonuses", ""), ("905", "Expense Account", ""), ("908", "Dividend", ""),
                ("999", "Suspense Account", ""),
            ])
        add("current_assets", "", [("671", "Gift vouchers in transit", "Money in transit")], custom: true)
        add(
            "liabilities", "", [("731", "Gift cards outstanding", "Creditors"), ("732", "Tips payable", "Creditors"), ("733", "Rounding", "Creditors")],
            custom: true)
        return out
    }()
}

extension FAState {
    mutating func categories(_ call: FACall) throws(FAProblem) -> HTTPResponse {
        try call.needs(.myMoney)
        switch (call.method, call.path.count) {
        case (.get, 1): return listCategories(call)
        case (.get, 2):
            let row = try category(shown: call.id)
            return .json(200, .object([(FACategory.list(row.row), categoryJSON(row.row, sub: row.sub, call))]))
        case (.post, 1): return try makeCategory(call)
        case (.put, 2): return try changeCategory(call)
        case (.delete, 2):
            let row = try own(category: call.id, call)
            delete(row, at: call.now)
            return FACall.done
        default: throw .notFound
        }
    }

    /// The category of a code, or of a sub account's (`750-2`).
    private func category(shown code: String) throws(FAProblem) -> (row: FARow, sub: FARow?) {
        let parts = code.split(separator: "-").map(String.init)
        guard let first = parts.first, let row = find(.category, first), parts.count <= 2 else { throw .notFound }
        guard parts.count == 2 else { return (row, nil) }
        guard let kind = FACategory.reference(first), let sub = find(kind, parts[1]) else { throw .notFound }
        return (row, sub)
    }

    private func listCategories(_ call: FACall) -> HTTPResponse {
        var lists: [(key: String, value: [JSON])] =
            ["admin_expenses_categories", "cost_of_sales_categories", "income_categories", "general_categories"].map { ($0, []) }
        let withSubs = call.query("sub_accounts") == "true"
        for row in all(.category).sorted(by: { $0.name < $1.name }) {
            guard let place = lists.firstIndex(where: { $0.key == FACategory.list(row) }) else { continue }
            let subs = withSubs ? FACategory.reference(row.name).map { all($0) } ?? [] : []
            lists[place].value += subs.isEmpty ? [categoryJSON(row, sub: nil, call)] : subs.map { categoryJSON(row, sub: $0, call) }
        }
        return .json(200, .object(lists.map { ($0.key, .array($0.value)) }))
    }

    private func categoryJSON(_ row: FARow, sub: FARow?, _ call: FACall) -> JSON {
        let code = sub.map { "\(row.name)-\($0.name)" } ?? row.name
        let group = FACategory.group(row.text("group"))
        var out = FAMembers()
        out.text("url", call.url(.category, code))
        out.text("description", sub.map { "\(row.text("description")): \(label($0))" } ?? row.text("description"))
        out.text("nominal_code", code)
        out.text("group_description", group?.description)
        if group?.isCost == true { out.set("allowable_for_tax", .bool(row.fields["allowable_for_tax"]?.bool ?? true)) }
        out.filled("tax_reporting_name", row.text("tax_reporting_name"))
        out.filled("auto_sales_tax_rate", row.text("auto_sales_tax_rate"))
        if let sub { out.text(sub.kind.rawValue, call.url(sub)) }
        return out.json
    }

    /// What a bank account or a user is called.
    func label(_ row: FARow) -> String { row.kind == .user ? "\(row.text("first_name")) \(row.text("last_name"))" : row.text("name") }

    // MARK: - Making and changing

    private mutating func makeCategory(_ call: FACall) throws(FAProblem) -> HTTPResponse {
        var fields = FAFields(try call.sent(.category))
        guard let group = fields.choice("category_group", FACategory.groups.map(\.name)).flatMap({ FACategory.group($0) }) else {
            if fields.findings.isEmpty { fields.blank("category_group") }
            try fields.check()
            throw .invalid("category_group can't be blank")
        }
        // Source: support.freeagent.com, "Add a new accounting category".
        try call.needs(group.name == "income" ? .accounting : .full)
        let code = fields.text("nominal_code") ?? ""
        if code.isEmpty { fields.blank("nominal_code") }
        var row = FARow(.category, code, at: call.now)
        row.set("group", .string(group.name))
        row.set("custom", true)
        if ["income", "cost_of_sales", "admin_expenses"].contains(group.name) { row.set("auto_sales_tax_rate", "Standard rate") }
        fill(&row, group, &fields, isNew: true)
        try fields.check()
        rows.put(row)
        var response = HTTPResponse.json(201, .object([(FACategory.list(row), categoryJSON(row, sub: nil, call))]))
        response.fields["Location"] = call.url(row)
        return response
    }

    private mutating func changeCategory(_ call: FACall) throws(FAProblem) -> HTTPResponse {
        let old = try own(category: call.id, call)
        guard let group = FACategory.group(old.text("group")) else { throw .notFound }
        var fields = FAFields(try call.sent(.category))
        let code = fields.text("nominal_code") ?? old.name
        var row = FARow(.category, code, at: old.created, old.fields)
        row.updated = call.now
        fill(&row, group, &fields, isNew: false)
        try fields.check()
        if code != old.name { delete(old, at: call.now) }
        rows.put(row)
        return .json(200, .object([(FACategory.list(row), categoryJSON(row, sub: nil, call))]))
    }

    private func fill(_ row: inout FARow, _ group: FACategory.Group, _ fields: inout FAFields, isNew: Bool) {
        if let name = fields.text("description") { row.set("description", .string(name)) }
        if row.text("description").isEmpty { fields.blank("description") }
        let inRange = row.name.utf8.count == 3 && Int(row.name).map { group.codes.contains($0) } ?? false
        if !row.name.isEmpty, !inRange { fields.note("nominal_code", "is not in the range \(group.codes.lowerBound) to \(group.codes.upperBound)") }
        if isNew || fields.sent("nominal_code"), find(.category, row.name) != nil { fields.note("nominal_code", "has already been taken") }
        if !group.reportingNames.isEmpty {
            if let name = fields.choice("tax_reporting_name", group.reportingNames) { row.set("tax_reporting_name", .string(FACategory.spoken(name))) }
            if row.text("tax_reporting_name").isEmpty { fields.blank("tax_reporting_name") }
        }
        if group.isCost {
            if let rate = fields.choice("auto_sales_tax_rate", FACategory.rates) { row.set("auto_sales_tax_rate", .string(rate)) }
            if let allowed = fields.flag("allowable_for_tax") { row.set("allowable_for_tax", .bool(allowed)) }
        }
    }

    /// A category that somebody made and nothing stands on: no other can be changed.
    private func own(category code: String, _ call: FACall) throws(FAProblem) -> FARow {
        try call.needs(.full)
        let row = try required(.category, code)
        guard row.flag("custom") else { throw .invalid("Category cannot be changed") }
        guard !entries().contains(where: { $0.lines.contains { $0.account == code } }), !isNamed(category: code) else {
            throw .invalid("Category contains items and cannot be changed")
        }
        return row
    }

    private func isNamed(category code: String) -> Bool {
        let documents = all(.invoice) + all(.creditNote) + all(.bill) + all(.journalSet)
        return documents.contains { $0.list("lines").contains { $0["category"]?.string == code } }
    }
}
