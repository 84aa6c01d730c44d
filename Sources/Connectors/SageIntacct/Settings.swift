internal import ConnectorKit
internal import Kernel

/// What a connection's settings say of the company.
struct Settings: Sendable, Equatable {
    /// Location id of the entity whose books these are; without it the session is at the company's top level.
    var entity: String?
    /// Of lines that a rule gives none.
    var location: String?
    var department: String?
    /// Symbol of the journal that entries go to.
    var journal: String
    /// Name of the tax solution, in companies with several.
    var taxSolution: String?
    /// Where the company does not say it itself.
    var baseCurrency: String?
    /// The receivable of sales is the one that is bound, instead of the company's own.
    var statesReceivable: Bool
    /// Customers get their ids from the company's numbering.
    var numbersCustomers: Bool
    var numbersVendors: Bool

    /// Settings that this connector understands.
    static let meanings: [String: String] = [
        "entity": "the location id of the entity whose books these are",
        "location": "the location id of lines that no rule gives one",
        "department": "the department id of lines that no rule gives one",
        "journal": "the symbol of a general ledger journal",
        "tax_solution": "the name of a tax solution",
        "base_currency": "a currency code",
        "receivable": "bound or company",
        "customer_ids": "own or numbered",
        "vendor_ids": "own or numbered",
    ]

    /// - Throws: `setting_invalid` (reject).
    init(_ connection: ConnectionFacts) throws(Fault) {
        let given = connection.settings
        entity = try Settings.text(given, "entity")
        location = try Settings.text(given, "location") ?? entity
        department = try Settings.text(given, "department")
        journal = try Settings.text(given, "journal") ?? "GJ"
        taxSolution = try Settings.text(given, "tax_solution")
        baseCurrency = try Settings.text(given, "base_currency")
        if let code = baseCurrency, code.utf8.count != 3 || !code.utf8.allSatisfy({ (65 ... 90).contains($0) }) { throw Settings.invalid("base_currency") }
        statesReceivable = try Settings.choice(given, "receivable", yes: "bound", no: "company")
        numbersCustomers = try Settings.choice(given, "customer_ids", yes: "numbered", no: "own")
        numbersVendors = try Settings.choice(given, "vendor_ids", yes: "numbered", no: "own")
    }

    private static func text(_ given: [String: String], _ name: String) throws(Fault) -> String? {
        guard let value = given[name], !value.isEmpty else { return nil }
        guard value == plain(value), value.count <= IntacctLimits.setting else { throw invalid(name) }
        return value
    }

    private static func choice(_ given: [String: String], _ name: String, yes: String, no: String) throws(Fault) -> Bool {
        guard let value = given[name], !value.isEmpty, value != no else { return false }
        guard value == yes else { throw invalid(name) }
        return true
    }

    private static func invalid(_ name: String) -> Fault {
        Fault(
            "setting_invalid", stage: .post, disposition: .reject,
            summary: "the connection's setting \(name) says nothing that Sage Intacct's connector understands",
            remedy: "Set it to \(meanings[name] ?? "something else").", position: name)
    }
}
