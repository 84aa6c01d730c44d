internal import Kernel
internal import Wire

// Customers, vendors, items, accounts, classes, locations: lists that transactions refer to.
extension QBOCompany {
    /// A customer or a vendor.
    func person(_ kind: QBOKind, _ draft: QBODraft) throws(QBOError) -> JSON {
        let parts = ["Title", "GivenName", "MiddleName", "FamilyName", "Suffix"].compactMap { draft.input.text($0) }
        guard
            let said = draft.input.text("DisplayName")
                ?? (parts.isEmpty ? draft.input.text("CompanyName") : parts.joined(separator: " "))
        else {
            throw QBOError(
                code: "6080", message: "No Name Provided",
                detail:
                    "At least one of Title, GivenName, MiddleName, FamilyName, DisplayName, Suffix must be filled out.")
        }
        let name = try freeName(said, kind, "DisplayName", draft)
        var object = draft.input.setting("DisplayName", .string(name))
        if kind == .customer { object = object.setting("FullyQualifiedName", .string(name)) }
        if let code = object.reference("CurrencyRef"), code != country.currencyCode {
            throw .business("Multi-currency is off in this company; the currency must be USD.", "CurrencyRef")
        }
        if object.has("ParentRef") || object.flag("Job") == true {
            throw QBOError(
                code: "5030", message: "Feature Not Supported", detail: "Sub-customers are not used in this company")
        }
        object = object.setting("CurrencyRef", country.currency).without(["Balance"])
        object = defaulted(object, [("PrintOnCheckName", .string(name)), ("Active", true)])
        guard kind == .customer else { return defaulted(object, [("Vendor1099", false)]) }
        object = defaulted(object, [("Taxable", false), ("Job", false)])
        return defaulted(
            object, [("BillWithParent", false), ("PreferredDeliveryMethod", "None"), ("IsProject", false)])
    }

    func item(_ draft: QBODraft) throws(QBOError) -> JSON {
        guard let said = draft.input.text("Name") else { throw .missing("Name") }
        let name = try freeName(said, .item, "Name", draft)
        let type = draft.input.text("Type") ?? "Service"
        guard type == "Service" || type == "NonInventory" else {
            throw QBOError(
                code: "5030", message: "Feature Not Supported",
                detail: "Items of type \(type) are not used in this company", element: "Type")
        }
        guard let accountID = draft.input.reference("IncomeAccountRef") else { throw .missing("IncomeAccountRef") }
        let account = try usable(.account, accountID, "IncomeAccountRef", active: draft.isNew)
        guard !["Accounts Receivable", "Accounts Payable"].contains(account.text("AccountType") ?? "") else {
            throw .business(
                "The account of an item can't be Accounts Receivable or Accounts Payable.", "IncomeAccountRef")
        }
        _ = try draft.input.quantity("UnitPrice")
        _ = try draft.input.quantity("PurchaseCost")
        if let id = draft.input.reference("ExpenseAccountRef") { _ = try usable(.account, id, "ExpenseAccountRef", active: draft.isNew) }
        let reference: JSON = ["value": .string(accountID), "name": .optional(account.text("Name"))]
        let object = draft.input.setting("Name", .string(name)).setting("FullyQualifiedName", .string(name))
            .setting("Type", .string(type)).setting("IncomeAccountRef", reference)
        return defaulted(
            object,
            [("Active", true), ("Taxable", false), ("UnitPrice", 0), ("PurchaseCost", 0), ("TrackQtyOnHand", false)])
    }

    func account(_ draft: QBODraft) throws(QBOError) -> JSON {
        guard let said = draft.input.text("Name") else { throw .missing("Name") }
        if said.contains("\"") { throw .invalidCharacters("Name") }
        let name = try freeName(said, .account, "Name", draft)
        let type = draft.input.text("AccountType")
        guard let type, let side = Self.classifications[type] else {
            if type != nil { throw .invalidChoice("AccountType") }
            throw QBOError(
                code: "6010", message: "Invalid Account.AccountType && Account.SubType",
                detail: "You must specify either an Account.AccountType or an Account.AccountSubType.")
        }
        if let number = draft.input.text("AcctNum") {
            let holder = table(.account).all.first {
                $0.text("AcctNum") == number && $0.text("Id") != draft.current?.text("Id")
            }
            if holder != nil { throw .business("Another account has the number \(number).", "AcctNum") }
        }
        if let was = draft.current?.text("AccountType"), was != type {
            throw .business("The type of an account can't be changed.", "AccountType")
        }
        let object = draft.input.setting("Name", .string(name)).setting("FullyQualifiedName", .string(name))
            .setting("Classification", .string(side)).setting("CurrencyRef", country.currency)
        return defaulted(object, [("Active", true), ("SubAccount", false)])
    }

    func dimension(_ kind: QBOKind, _ draft: QBODraft) throws(QBOError) -> JSON {
        let isOn =
            kind == .department
            ? prefers("AccountingInfoPrefs", "TrackDepartments")
            : prefers("AccountingInfoPrefs", "ClassTrackingPerTxn") || prefers("AccountingInfoPrefs", "ClassTrackingPerTxnLine")
        guard isOn else { throw .business("The company does not track \(kind == .department ? "locations" : "classes").", "Name") }
        guard let said = draft.input.text("Name") else { throw .missing("Name") }
        let name = try freeName(said, kind, "Name", draft)
        let object = draft.input.setting("Name", .string(name)).setting("FullyQualifiedName", .string(name))
        return defaulted(object, [("Active", true), (kind == .department ? "SubDepartment" : "SubClass", false)])
    }

    private static let classifications: [String: String] = [
        "Bank": "Asset", "Accounts Receivable": "Asset", "Other Current Asset": "Asset", "Fixed Asset": "Asset",
        "Other Asset": "Asset", "Accounts Payable": "Liability", "Credit Card": "Liability",
        "Other Current Liability": "Liability",
        "Long Term Liability": "Liability", "Equity": "Equity", "Income": "Revenue", "Other Income": "Revenue",
        "Cost of Goods Sold": "Expense", "Expense": "Expense", "Other Expense": "Expense",
    ]

    /// The name, trimmed; refused when it holds a colon, tab or line feed, or another object of the list bears it.
    private func freeName(
        _ said: String, _ kind: QBOKind, _ element: String, _ draft: QBODraft
    ) throws(QBOError) -> String {
        let name = Self.trimmed(said)
        guard !name.isEmpty else { throw .missing(element) }
        guard !name.contains(where: { $0 == ":" || $0 == "\t" || $0 == "\n" || $0 == "\r\n" }) else {
            throw .invalidCharacters(element)
        }
        if let holder = table(kind).named(name), holder != draft.current?.text("Id") { throw .duplicateName(holder) }
        // Customers and vendors share one list of names.
        let other: QBOKind? = kind == .customer ? .vendor : kind == .vendor ? .customer : nil
        if let other, let holder = table(other).named(name) { throw .duplicateName(holder) }
        return name
    }

    private static func trimmed(_ text: String) -> String {
        let rest = text.drop { $0 == " " }
        return String(rest.reversed().drop { $0 == " " }.reversed())
    }

    private func defaulted(_ object: JSON, _ values: [(String, JSON)]) -> JSON {
        values.reduce(object) { object, value in object.has(value.0) ? object : object.setting(value.0, value.1) }
    }
}
