internal import Books
internal import ConnectorKit
internal import Kernel

/// How the company at the other end is spoken to, by the connection's settings, so that the first call can be a write.
struct Dialect: Sendable, Equatable {
    enum Version: String, Sendable, CaseIterable {
        /// OData 3, deprecated and still served.
        case v1
        /// OData 4.
        case v2

        var root: String { "/b1s/\(rawValue)" }
        /// The member that says that a list goes on.
        var nextLink: String { self == .v1 ? "odata.nextLink" : "@odata.nextLink" }
    }

    /// What the lines of invoices and credit notes are.
    enum Lines: String, Sendable { case service, items }

    /// Where the company's tax codes are kept: VAT groups, or sales tax codes as in the US, Canada, India and Brazil.
    enum TaxCodes: String, Sendable {
        case vatGroups = "vat_groups"
        case salesTaxCodes = "sales_tax_codes"

        /// The field of a line.
        var field: String { self == .vatGroups ? "VatGroup" : "TaxCode" }
        var list: String { self == .vatGroups ? "VatGroups" : "SalesTaxCodes" }
    }

    enum RateIn: String, Sendable { case direct, indirect }

    var version = Version.v2
    var lines = Lines.service
    var taxCodes = TaxCodes.vatGroups
    /// Of lines without tax.
    var exemptCode: String?
    /// The same of what is bought. Sales tax codes serve both ways; VAT groups are of sales or of purchases.
    var purchaseExemptCode: String?
    /// The user field of documents that holds our key; NumAtCard otherwise.
    var keyField: String?
    var branch: Int?
    var rate = RateIn.direct
    var base: String?
    var lockedUntil: LocalDate?
    var readsPeriods = false
    var customerSeries: Int?
    var supplierSeries: Int?
    /// ISO code to the company's own.
    var currencies: [String: String] = [:]

    /// Settings that this connector understands.
    static let settings: [String: String] = [
        "api": "v1 or v2; v2 where it is not set", "lines": "service or items; service where it is not set",
        "tax_codes": "vat_groups or sales_tax_codes; vat_groups where it is not set", "exempt_code": "the tax code of lines without tax",
        "purchase_exempt_code": "the tax code of lines without tax on bills and purchase orders", "supplier_series": "the number of a series for suppliers' codes",
        "key_field": "a user field of sales documents such as U_ExtId", "branch": "the id of a branch (BPLID)",
        "rate": "direct or indirect, as the company states exchange rates", "base_currency": "the ISO code of the company's currency",
        "locked_until": "the last closed day, such as 2026-10-31", "periods": "read, where posting periods shall be asked for",
        "customer_series": "the number of a series for customers' codes",
        "currencies": "ISO codes and the company's own, where they differ: USD=$, CAD=CAN",
    ]

    /// - Throws: `setting_invalid` (reject).
    init(_ connection: ConnectionFacts) throws(Fault) {
        let settings = connection.settings
        version = try Dialect.choice(settings, "api") ?? .v2
        lines = try Dialect.choice(settings, "lines") ?? .service
        taxCodes = try Dialect.choice(settings, "tax_codes") ?? .vatGroups
        rate = try Dialect.choice(settings, "rate") ?? .direct
        let isCode: (String) -> Bool = { $0.utf8.count <= 20 && $0.utf8.allSatisfy { $0 > 32 && $0 < 127 } }
        exemptCode = try Dialect.text(settings, "exempt_code", isCode)
        purchaseExemptCode = try Dialect.text(settings, "purchase_exempt_code", isCode) ?? (taxCodes == .salesTaxCodes ? exemptCode : nil)
        keyField = try Dialect.text(settings, "key_field") { name in
            name.hasPrefix("U_") && (3 ... 52).contains(name.utf8.count) && name.utf8.allSatisfy { $0 == 95 || Dialect.isAlphanumeric($0) }
        }
        branch = try Dialect.whole(settings, "branch")
        customerSeries = try Dialect.whole(settings, "customer_series")
        supplierSeries = try Dialect.whole(settings, "supplier_series")
        base = try Dialect.text(settings, "base_currency") { Currency($0) != nil }
        readsPeriods = try Dialect.text(settings, "periods") { $0 == "read" } != nil
        if let day = try Dialect.text(settings, "locked_until", { LocalDate($0) != nil }) { lockedUntil = LocalDate(day) }
        for pair in (settings["currencies"] ?? "").split(separator: ",") {
            let halves = pair.split(separator: "=").map { plain(String($0)) }
            guard halves.count == 2, Currency(halves[0]) != nil, (1 ... 3).contains(halves[1].utf16.count) else { throw Dialect.invalid("currencies") }
            currencies[halves[0]] = halves[1]
        }
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool { (48 ... 57).contains(byte) || (97 ... 122).contains(byte | 32) }

    private static func text(_ settings: [String: String], _ name: String, _ good: (String) -> Bool) throws(Fault) -> String? {
        guard let text = settings[name], !text.isEmpty else { return nil }
        guard good(text) else { throw invalid(name) }
        return text
    }

    private static func choice<Choice: RawRepresentable<String>>(_ settings: [String: String], _ name: String) throws(Fault) -> Choice? {
        guard let text = settings[name], !text.isEmpty else { return nil }
        guard let choice = Choice(rawValue: text) else { throw invalid(name) }
        return choice
    }

    private static func whole(_ settings: [String: String], _ name: String) throws(Fault) -> Int? {
        guard let text = settings[name], !text.isEmpty else { return nil }
        guard let number = recordID(text) else { throw invalid(name) }
        return number
    }

    private static func invalid(_ name: String) -> Fault {
        Fault(
            "setting_invalid", stage: .post, disposition: .reject,
            summary: "the connection's setting \(name) says nothing that SAP Business One's connector understands",
            remedy: "Set it to \(settings[name] ?? "something else").", position: name)
    }

    // MARK: Currencies

    /// The company's own code.
    func code(of currency: Currency) -> String { currencies[currency.code] ?? currency.code }

    /// The ISO code of the company's own.
    func iso(_ code: String) -> String { currencies.filter { $0.value == code }.keys.min() ?? code }
}

/// An entry's number as it was kept: decimal digits.
func recordID(_ text: some StringProtocol) -> Int? {
    guard text.utf8.allSatisfy({ (48 ... 57).contains($0) }), let id = Int(text), B1Limits.ids.contains(id) else { return nil }
    return id
}
