internal import Books
internal import ConnectorKit
internal import Kernel
internal import Wire

extension ConnectionFacts {
    /// The company is known to be outside of the United States, where each line has a tax code of its own and the tax is told for each rate.
    var isAbroad: Bool { country.map { !$0.isEmpty && $0.uppercased() != "US" } ?? false }

    /// The company is outside of the United States and has sales tax switched off, so that it has no tax codes at all; the connection's own setting, which is
    /// held against the company's preferences before anything is written.
    var hasNoTax: Bool { isAbroad && settings["sales_tax"] == "off" }

    /// The tax code of lines that bear no tax, `No VAT` as people see it; the connection's own setting.
    var noTaxCode: String? { settings["no_tax_code"].flatMap { $0.isEmpty ? nil : $0 } }
}

/// The tax codes of a company outside of the United States, each with its rates.
/// - Source: Intuit docs, TaxCode: `SalesTaxRateList`, `PurchaseTaxRateList`; TaxRate: `RateValue`.
struct TaxTable: Sendable {
    struct Rate: Sendable, Equatable {
        var id: String
        var percent: ExactDecimal
        /// Of the net amount, not of other taxes.
        var isSimple: Bool
    }

    private var sold: [String: [Rate]] = [:]
    private var bought: [String: [Rate]] = [:]
    /// Codes with a rate that is not in the list: left out, it would be missing from what the company declares. Nobody may have used them for years.
    private var incomplete: Set<String> = []

    init(_ rows: [Row]) {
        var percents: [String: ExactDecimal] = [:]
        for row in rows where row.entity == "TaxRate" {
            if let id = row.fields["Id"].string, let percent = row.fields["RateValue"].decimal { percents[id] = percent.shortest }
        }
        for row in rows where row.entity == "TaxCode" {
            guard let id = row.fields["Id"].string, row.fields["Active"].bool ?? true else { continue }
            let (sale, purchase) = (Self.rates(row.fields["SalesTaxRateList"], percents), Self.rates(row.fields["PurchaseTaxRateList"], percents))
            (sold[id], bought[id]) = (sale ?? [], purchase ?? [])
            if sale == nil || purchase == nil { incomplete.insert(id) }
        }
    }

    /// `nil`: one of them is not in the list.
    private static func rates(_ list: JSONView, _ percents: [String: ExactDecimal]) -> [Rate]? {
        var out: [Rate] = []
        for detail in list["TaxRateDetail"].elements {
            guard let id = detail["TaxRateRef"]["value"].string, let percent = percents[id] else { return nil }
            out.append(Rate(id: id, percent: percent, isSimple: detail["TaxTypeApplicable"].string.map { $0 == "TaxOnAmount" } ?? true))
        }
        return out
    }

    /// - Throws: `tax_code_invalid` (hold).
    func rates(_ code: String, isPurchase: Bool) throws(Fault) -> [Rate] {
        guard let rates = (isPurchase ? bought : sold)[code] else {
            throw Self.invalid(code, "QuickBooks Online has no active tax code \(cut(code, utf16: 40))")
        }
        guard !incomplete.contains(code) else { throw Self.invalid(code, "the tax code \(cut(code, utf16: 40)) has a rate that QuickBooks Online does not list") }
        guard rates.allSatisfy(\.isSimple) else {
            throw Self.invalid(code, "the tax code \(cut(code, utf16: 40)) has a tax on another tax")
        }
        return rates
    }

    static func invalid(_ code: String, _ summary: String) -> Fault {
        QuickBooksOnlineConnector.refusal(
            "tax_code_invalid", summary, "Bind an active tax code with the right rate under the account structure's tax codes; codes are known by their ids.",
            position: "tax:\(cut(code, utf16: 40))")
    }
}

/// What a document says of its taxes, beside the codes of its lines.
enum Taxation: Sendable {
    /// As one figure.
    case total
    /// For each rate. `none`: the code of lines that bear no tax.
    case rates(TaxTable, none: String?)
    /// Not at all, outside of the United States. `isSo`: the company's preferences say that it has sales tax switched off.
    case off(isSo: Bool)

    /// The code that a line gets; `nil` in a company without sales tax.
    /// - Throws: `tax_code_unbound` (hold) where it has to have one.
    func code(_ line: SalesForm.Line) throws(Fault) -> String? {
        if case .off = self { return nil }
        guard case .rates(_, let none) = self else { return line.source.taxCode ?? (line.taxed ? "TAX" : "NON") }
        if let code = line.source.taxCode ?? (line.source.plan.taxCode == nil ? none : nil) { return code }
        throw QuickBooksOnlineConnector.uncoded(line.source, "outside of the United States")
    }

    /// The code of a discount line, outside of the United States: there is one only where no line has a code bound to it, so that it changes no tax.
    /// - Source: Intuit's Finance.xsd, DiscountLineDetail: TaxCodeRef.
    var discountCode: String? { if case .rates(_, let none) = self { none } else { nil } }

    /// `GlobalTaxCalculation` and `TxnTaxDetail`. `discount`: of a discount line, positive.
    /// - Throws: `tax_code_unbound`, `tax_code_invalid`, `tax_without_line`, `sales_tax_off`, `sales_tax_on` (hold).
    func members(
        _ document: LedgerDocument, _ lines: [SalesForm.Line], discount: Int64 = 0, tax: Int64, sign: Int64, isPurchase: Bool
    ) throws(Fault) -> [(key: String, value: JSON)] {
        let currency = document.plan.currency
        if case .off(let isSo) = self {
            guard isSo else { throw Self.isOn }
            if tax != 0 { throw Self.isOff(Money(minor: tax, currency)) }
            return []
        }
        let total: (key: String, value: JSON) = ("TotalTax", number(tax, currency))
        guard case .rates(let table, _) = self else { return [("TxnTaxDetail", .object([total]))] }
        let parts = try rated(document, lines, table, discount: discount, sign: sign, isPurchase: isPurchase)
        let details: [JSON] = parts.map { part in
            [
                "Amount": number(part.tax, currency), "DetailType": "TaxLineDetail",
                "TaxLineDetail": [
                    "TaxRateRef": reference(part.rate.id), "PercentBased": true, "TaxPercent": .decimal(part.rate.percent),
                    "NetAmountTaxable": number(part.net, currency),
                ],
            ]
        }
        return [("GlobalTaxCalculation", "TaxExcluded"), ("TxnTaxDetail", .object([total, ("TaxLine", .array(details))]))]
    }

    private static let isOn = QuickBooksOnlineConnector.refusal(
        "sales_tax_on", "the connection's setting sales_tax says off, and the company has sales tax switched on",
        "Take sales_tax off the ledger's connection, and bind tax codes.", position: "sales_tax")

    static func isOff(_ tax: Money) -> Fault {
        QuickBooksOnlineConnector.refusal(
            "sales_tax_off", "the document has tax of \(tax.text), and the company has sales tax switched off",
            "Switch sales tax on in QuickBooks Online and take sales_tax off the ledger's connection, or have the source charge none.", position: "sales_tax")
    }

    private typealias Part = (rate: TaxTable.Rate, net: Int64, tax: Int64)

    /// One part a rate, in the order of the lines: what was charged is stated, so that nothing is worked out anew. Where a code has several rates, its tax is
    /// theirs in proportion.
    /// - Source: Intuit docs, TxnTaxDetail: one TaxLine for each rate; that stated amounts are kept: Finance XSD, `OverrideDeltaAmount`.
    private func rated(
        _ document: LedgerDocument, _ lines: [SalesForm.Line], _ table: TaxTable, discount: Int64, sign: Int64, isPurchase: Bool
    ) throws(Fault) -> [Part] {
        var nets: [(code: String, net: Int64)] = []
        if discount != 0, let code = discountCode { nets.append((code, -discount)) }
        for line in lines {
            guard let code = try self.code(line) else { continue }
            if let at = nets.firstIndex(where: { $0.code == code }) { nets[at].net += line.minor } else { nets.append((code, line.minor)) }
        }
        var taxes: [String: Int64] = [:]
        for line in document.lines where line.plan.part == .tax && !line.plan.amount.isZero {
            guard let code = line.taxCode else { throw QuickBooksOnlineConnector.uncoded(line, "outside of the United States") }
            taxes[code, default: 0] += line.plan.amount.minor * sign
        }
        if let code = taxes.keys.sorted().first(where: { code in !nets.contains { $0.code == code } }) {
            throw QuickBooksOnlineConnector.refusal(
                "tax_without_line", "the document has tax by the code \(cut(code, utf16: 40)), and no line that it is charged on",
                "Bind the tax and the lines that bear it to one tax code.", position: "tax:\(cut(code, utf16: 40))")
        }
        var out: [Part] = []
        for (code, net) in nets {
            let rates = try table.rates(code, isPurchase: isPurchase), tax = taxes[code] ?? 0
            for (rate, share) in try Self.shares(tax, rates, code) {
                if let at = out.firstIndex(where: { $0.rate.id == rate.id }) {
                    out[at].net += net
                    out[at].tax += share
                } else {
                    out.append((rate, net, share))
                }
            }
        }
        return out
    }

    private static func shares(_ tax: Int64, _ rates: [TaxTable.Rate], _ code: String) throws(Fault) -> [(rate: TaxTable.Rate, share: Int64)] {
        let whole = rates.map(\.percent).reduce(ExactDecimal.zero, +)
        guard tax == 0 || (!whole.isZero && rates.allSatisfy { !$0.percent.isNegative }) else {
            throw TaxTable.invalid(code, "tax was charged, and the tax code \(cut(code, utf16: 40)) has no rate above zero")
        }
        var out: [(rate: TaxTable.Rate, share: Int64)] = []
        var (before, given) = (ExactDecimal.zero, Int64(0))
        for rate in rates {
            before = before + rate.percent
            // Up to and with this rate; what that is more than before is its own, so that the parts come to the whole.
            let upTo = tax == 0 ? 0 : Self.part(of: tax, before, whole)
            out.append((rate, upTo - given))
            given = upTo
        }
        return out
    }

    /// `tax × part / whole`, half up.
    private static func part(of tax: Int64, _ part: ExactDecimal, _ whole: ExactDecimal) -> Int64 {
        let scale = max(part.scale, whole.scale)
        func units(_ value: ExactDecimal) -> Int128 { value.rounded(toScale: scale).coefficient }
        return Int64(clamping: ExactDecimal.divideHalfUp(Int128(tax) * units(part), units(whole)))
    }
}

extension QuickBooksOnlineConnector {
    /// Reads what the documents' taxes need: nothing in the United States, or where none of them has any to tell.
    func taxed<Output: Sendable>(
        _ documents: [LedgerDocument], _ connection: ConnectionFacts, then next: @escaping @Sendable (Taxation) -> Exchange<Output>
    ) -> Exchange<Output> {
        let tells = documents.contains { document in
            document.plan.effect == .post && entity(of: document).map { $0 != .journalEntry && $0 != .payment } ?? false
        }
        guard connection.isAbroad, tells else { return next(.total) }
        if connection.hasNoTax {
            return Exchange<Taxation>.one(read("preferences", [], connection)) { answer throws(Fault) in
                .off(isSo: try Preferences(answer).usesSalesTax == false)
            }.next(next)
        }
        return rows([Query("TaxCode"), Query("TaxRate")], connection) { rows in
            return next(.rates(TaxTable(rows), none: connection.noTaxCode))
        }
    }

    /// What keeps a company abroad from taking the document, as far as it can be told before anything is read there: the first line without a tax code, a
    /// discount without one, and sales that would go there as a journal.
    static func objectionsAbroad(to document: LedgerDocument, _ entity: Entity?, _ connection: ConnectionFacts) -> [Fault] {
        guard connection.isAbroad, let country = connection.country else { return [] }
        let place = cut(country, utf16: 20)
        if connection.hasNoTax {
            guard entity.map({ $0 != .payment && $0 != .journalEntry }) ?? false else { return [] }
            let tax = document.plan.form.isPurchase ? PurchaseForm(document).tax ?? 0 : entity.flatMap { SalesForm(document, $0) }?.tax ?? 0
            return tax == 0 ? [] : [Taxation.isOff(Money(minor: tax, document.plan.currency))]
        }
        if document.plan.form.isPurchase { return uncoded(document, in: country) }
        if entity == .journalEntry {
            let sells = [.summary, .settlement].contains(document.plan.form) || document.lines.contains { $0.plan.part == .tax && !$0.plan.amount.isZero }
            return sells ? [refusal(
                "country_unsupported", "the company is in \(place), and it would be a journal there, which carries no tax to the return",
                "Set the policy posting to per_document: invoices, sales receipts and credit memos carry their tax.")] : []
        }
        guard let entity, let form = SalesForm(document, entity) else { return [] }
        if let line = form.lines.first(where: { ($0.source.taxCode ?? "").isEmpty && ($0.source.plan.taxCode != nil || connection.noTaxCode == nil) })?.source {
            return [uncoded(line, "in \(place)")]
        }
        let other = document.lines.first { $0.plan.part == .tax && !$0.plan.amount.isZero && ($0.taxCode ?? "").isEmpty }
            ?? (form.discount == nil ? nil : document.lines.first { $0.plan.part == .discount && ($0.plan.taxCode != nil || connection.noTaxCode == nil) })
        return other.map { [uncoded($0, "in \(place)")] } ?? []
    }

    /// A company outside of the United States takes no line without a tax code.
    /// - Source: Intuit docs, error 6000: "Make sure all your transactions have a GST/VAT rate before you save."
    static func uncoded(_ line: LedgerDocument.Line, _ place: String) -> Fault {
        let what = cut([line.plan.sku, line.plan.text].first { !$0.isEmpty } ?? line.plan.role.text, utf16: 60)
        let remedy = line.plan.taxCode.map { "Bind \($0) to the id of a tax code of QuickBooks Online's under the account structure's tax codes." }
            ?? """
                Set no_tax_code on the ledger's connection to the id of the code for what bears no tax (No VAT); or, where the company has sales tax switched off, \
                sales_tax to off.
                """
        return refusal(
            "tax_code_unbound", "the company is \(place), where QuickBooks Online wants a tax code on every line, and the line \(what) has none", remedy,
            position: line.plan.role.text)
    }
}
