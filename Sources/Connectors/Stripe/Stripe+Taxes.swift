internal import Books
internal import ConnectorKit
internal import Kernel
internal import Wire

/// A country, and the state where its taxes have some.
struct TaxPlace: Sendable, Equatable {
    var country: String
    var state: String?

    /// `GB`, `US-CO`.
    init?(setting text: String) {
        let parts = text.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        guard Self.isCode(parts[0], 2 ... 2), parts.count == 1 || Self.isCode(parts[1], 1 ... 3) else { return nil }
        country = parts[0]
        state = parts.count > 1 ? parts[1] : nil
    }

    static func isCode(_ text: String, _ length: ClosedRange<Int>) -> Bool {
        length.contains(text.utf8.count) && text.utf8.allSatisfy { (65 ... 90).contains($0) || (48 ... 57).contains($0) }
    }

    var name: String { state.map { "\(country)-\($0)" } ?? country }
}

/// The tax rates of a record: whose they are and how high.
/// - Source: docs.stripe.com, API reference, The Tax Rate object.
struct TaxRates {
    private let rates: JSONView
    private let place: TaxPlace?

    /// `rates`: an object of them by id.
    init(_ rates: JSONView, _ place: TaxPlace?) {
        self.rates = rates
        self.place = place
    }

    /// The entry of `taxes` or `total_taxes` of an invoice, its line or a credit note's.
    func part(_ tax: Field, _ currency: Currency) throws(Fault) -> TaxPart {
        let amount = try tax["amount"].money(currency)
        guard let id = StripeID.of(tax["tax_rate_details"]["tax_rate"].view) else { return TaxPart(jurisdiction: place?.name, rate: nil, amount: amount) }
        return try part(rates[id], amount, tax)
    }

    /// The taxes of a delivery, which name their rates whole.
    func shipping(_ cost: Field, _ currency: Currency) throws(Fault) -> [TaxPart] {
        let tax = try cost["amount_tax"].moneyOrZero(currency)
        let parts = try cost["taxes"].each { (entry) throws(Fault) in
            try part(entry["rate"].view, try entry["amount"].money(currency), entry)
        }
        let named = parts.map(\.amount).total(currency)
        guard named != tax else { return parts }
        guard parts.isEmpty else { throw cost["amount_tax"].unbalanced("its taxes come to \(named.text), it states \(tax.text)") }
        return [TaxPart(jurisdiction: place?.name, rate: nil, amount: tax)]
    }

    /// Of a rate object.
    func part(_ rate: JSONView, _ amount: Money, _ at: Field) throws(Fault) -> TaxPart {
        let field = Field(rate, at.path + ".rate", of: at.subject)
        guard !field.isNull else { return TaxPart(jurisdiction: place?.name, rate: nil, amount: amount) }
        let percent = try field["percentage"].rate()
        let fraction = percent.flatMap { ExactDecimal(coefficient: $0.coefficient, scale: min(30, $0.scale + 2)).shortest }
        return TaxPart(jurisdiction: jurisdiction(rate), rate: fraction, amount: amount)
    }

    /// `GB`, `US-CO`, `US-CO-JEFFERSON`; `nil` where the rate does not say and no place is set: preflight holds it.
    func jurisdiction(_ rate: JSONView) -> String? {
        let named = (rate["jurisdiction"].string ?? "").uppercased()
        let country = [rate["country"].string?.uppercased() ?? "", named].first { TaxPlace.isCode($0, 2 ... 2) }
        guard let country else { return place?.name }
        guard country == "US" || country == "CA" else { return country }
        let type = rate["tax_type"].string ?? ""
        guard !["vat", "gst", "hst"].contains(type), rate["jurisdiction_level"].string != "country" else { return country }
        guard let state = rate["state"].string?.uppercased(), TaxPlace.isCode(state, 1 ... 3) else { return country }
        let level = rate["jurisdiction_level"].string ?? "state"
        guard country == "US", level != "state", level != "multiple" else { return "\(country)-\(state)" }
        let words = named.split { !($0.isASCII && ($0.isLetter || $0.isNumber)) }.filter { $0 != "COUNTY" && $0 != "CITY" && $0 != "OF" }
        let tail = words.joined(separator: "-").prefix(60)
        return tail.isEmpty ? "\(country)-\(state)" : "\(country)-\(state)-\(tail)"
    }
}

/// Whether prices contain the taxes beside them. One document does it one way.
struct TaxSense {
    private(set) var included: Bool?

    /// - Throws: `unreadable_record` where some taxes are contained and others added.
    mutating func note(_ isIncluded: Bool, _ at: Field) throws(Fault) {
        guard included == nil || included == isIncluded else { throw at.unreadable("added or contained as the record's other taxes are") }
        included = isIncluded
    }

    /// Of an invoice's taxes; those of nothing say nothing.
    mutating func note(_ taxes: [Field]) throws(Fault) {
        for tax in taxes where tax["amount"].view.int != 0 {
            switch try tax["tax_behavior"].word() {
            case "inclusive": try note(true, tax)
            case "exclusive": try note(false, tax)
            default: throw tax["tax_behavior"].unreadable("inclusive or exclusive")
            }
        }
    }
}
