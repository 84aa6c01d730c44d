internal import Books
internal import ConnectorKit
internal import Kernel
internal import Wire

/// A country, and the state where it is one whose taxes are the states'.
struct TaxPlace: Sendable, Equatable {
    var country: String
    var state: String?

    /// `GB`, `US-CA`.
    init?(setting text: String) {
        let parts = text.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        guard let country = parts.first, Self.isCode(country, 2 ... 2) else { return nil }
        self.country = country
        if parts.count > 1 {
            guard Self.isCode(parts[1], 1 ... 3) else { return nil }
            state = parts[1]
        }
    }

    /// Of a location; `nil` where its address does not say enough.
    init?(_ location: JSONView) {
        guard let country = location["country"].string, Self.isCode(country, 2 ... 2) else { return nil }
        self.country = country
        guard Self.hasStates(country) else { return }
        guard let state = location["state"].string?.uppercased(), Self.isCode(state, 1 ... 3) else { return nil }
        self.state = state
    }

    private static func hasStates(_ country: String) -> Bool { country == "US" || country == "CA" }

    private static func isCode(_ text: String, _ length: ClosedRange<Int>) -> Bool {
        length.contains(text.utf8.count) && text.utf8.allSatisfy { (65 ... 90).contains($0) || (48 ... 57).contains($0) }
    }

    /// `US-CA`.
    private var name: String { state.map { "\(country)-\($0)" } ?? country }

    /// Whose tax one of this name is: `US-CA` for "CA Sales Tax", `US-CA-ALAMEDA` for "Alameda County Tax", `CA` for "GST".
    func jurisdiction(_ title: String) -> String {
        guard Self.hasStates(country), let state else { return country }
        let words = title.uppercased().split { !($0.isASCII && ($0.isLetter || $0.isNumber)) }.map(String.init)
        if words.contains(where: Self.federal.contains) { return country }
        if words.contains(where: Self.provincial.contains) { return name }
        let telling = words.filter { !Self.plain.contains($0) && $0 != state && $0 != country }
        let naming = telling.filter { $0 != "COUNTY" && $0 != "CITY" }
        let tail = (naming.isEmpty ? telling : naming).joined(separator: "-").prefix(60)
        return tail.isEmpty || words.contains("STATE") ? name : "\(name)-\(tail)"
    }

    private static let federal: Set<String> = ["GST", "HST", "VAT", "TPS", "TVH"]
    private static let provincial: Set<String> = ["PST", "QST", "RST", "TVQ"]
    /// Words that tell no tax from another.
    private static let plain: Set<String> = ["TAX", "TAXES", "SALES", "STATE", "OF", "THE", "LOCAL", "USE", "AND"]
}

/// Whether prices contain the taxes of a sale. One document has one way: where both are in one order, its lines are stated without.
enum Pricing: Sendable, Equatable {
    case added, contained, mixed

    init(contained: Bool, added: Bool) { self = contained ? added ? .mixed : .contained : .added }
}

/// The taxes of an order, or of what is returned in one.
struct OrderTaxes {
    struct Entry {
        var part: TaxPart
        var isContained: Bool
    }

    private var byUID: [String: (name: String, rate: ExactDecimal?, isContained: Bool, amount: Money)] = [:]
    private var uids: [String] = []
    private let place: TaxPlace?
    let pricing: Pricing

    /// - Source: api.json, OrderLineItemTax and OrderReturnTax: `type` is ADDITIVE or INCLUSIVE.
    init(_ taxes: Field, _ currency: Currency, _ place: TaxPlace?) throws(Fault) {
        self.place = place
        var (contained, added) = (false, false)
        for (n, tax) in try taxes.list().enumerated() {
            let uid = try tax["uid"].optionalText() ?? "\(n)"
            let amount = try tax["applied_money"].moneyOrZero(currency)
            let isContained: Bool
            switch try tax["type"].optionalWord() ?? "ADDITIVE" {
            case "ADDITIVE": isContained = false
            case "INCLUSIVE": isContained = true
            default: throw tax["type"].unreadable("ADDITIVE or INCLUSIVE")
            }
            if !amount.isZero { if isContained { contained = true } else { added = true } }
            guard byUID[uid] == nil else { throw tax["uid"].unbalanced("two of its taxes have one id") }
            byUID[uid] = (try tax["name"].optionalText() ?? "", try tax["percentage"].rate(), isContained, amount)
            uids.append(uid)
        }
        pricing = Pricing(contained: contained, added: added)
    }

    /// The taxes of a line or service charge, as Square applied them. Where it names none of them, its tax is shared over the order's.
    func entries(of line: Field, total: Money) throws(Fault) -> [Entry] {
        var out: [Entry] = []
        for applied in try line["applied_taxes"].list() {
            let uid = try applied["tax_uid"].text()
            guard byUID[uid] != nil else { throw applied["tax_uid"].unreadable("one of the order's taxes") }
            out.append(entry(uid, try applied["applied_money"].moneyOrZero(total.currency)))
        }
        let named = out.map(\.part.amount).total(total.currency)
        if named == total { return out }
        guard out.isEmpty else { throw line["total_tax_money"].unbalanced("its taxes come to \(named.text), it states \(total.text)") }
        guard !uids.isEmpty else { throw line["total_tax_money"].unbalanced("it states \(total.text) of tax and names none") }
        let shares = Allocation.shares(of: total, weights: uids.map { byUID[$0]?.amount ?? .zero(total.currency) })
        return zip(uids, shares).filter { !$1.isZero }.map { entry($0, $1) }
    }

    private func entry(_ uid: String, _ amount: Money) -> Entry {
        guard let tax = byUID[uid] else { return Entry(part: TaxPart(jurisdiction: nil, rate: nil, amount: amount), isContained: false) }
        return Entry(part: TaxPart(jurisdiction: place?.jurisdiction(tax.name), rate: tax.rate, amount: amount), isContained: tax.isContained)
    }
}

/// What a line comes to in one way of pricing. All of it follows from the line's own total: gross sales are stated with or without the tax that they
/// contain, as the country has it.
/// - Source: api.json, OrderLineItem.gross_sales_money.
struct LineFigures {
    var gross: Money
    var discount: Money
    var net: Money
    var taxes: [TaxPart]
    /// What the customer pays for it.
    var total: Money

    /// `stated`: gross sales of the line, or what of it is returned; `charge`: its share of service charges, which is part of its price.
    init(_ line: Field, stated: Field, taxes known: OrderTaxes, as pricing: Pricing, _ currency: Currency) throws(Fault) {
        total = try line["total_money"].money(currency)
        (gross, net) = (total, total)
        discount = try line["total_discount_money"].moneyOrZero(currency)
        let charge = try line["total_service_charge_money"].moneyOrZero(currency)
        let entries = try known.entries(of: line, total: try line["total_tax_money"].moneyOrZero(currency))
        taxes = entries.map(\.part)
        let added = entries.filter { !$0.isContained }.map(\.part.amount).total(currency)
        let contained = entries.filter(\.isContained).map(\.part.amount).total(currency)
        if contained.isZero, !stated.isNull {
            let sum = try stated.money(currency) - discount + added + charge
            guard sum == total else { throw line["total_money"].unbalanced("its parts come to \(sum.text), it states \(total.text)") }
        }
        let parts = try line["applied_discounts"].each { (one) throws(Fault) in try one["applied_money"].moneyOrZero(currency) }
        guard parts.isEmpty || parts.total(currency) == discount else {
            throw line["total_discount_money"].unbalanced("its discounts are not \(discount.text)")
        }
        settle(added: added, contained: contained, pricing)
    }

    /// Of a service charge, which has no discount.
    init(charge: Field, taxes known: OrderTaxes, as pricing: Pricing, _ currency: Currency) throws(Fault) {
        let applied = try charge["applied_money"].money(currency)
        let entries = try known.entries(of: charge, total: try charge["total_tax_money"].moneyOrZero(currency))
        taxes = entries.map(\.part)
        let added = entries.filter { !$0.isContained }.map(\.part.amount).total(currency)
        let contained = entries.filter(\.isContained).map(\.part.amount).total(currency)
        total = try charge["total_money"].isNull ? applied + added : charge["total_money"].money(currency)
        guard applied + added == total else { throw charge["total_money"].unbalanced("\(applied.text) and \(added.text) of tax are not \(total.text)") }
        (gross, discount, net) = (applied, .zero(currency), applied)
        settle(added: added, contained: contained, pricing)
    }

    private mutating func settle(added: Money, contained: Money, _ pricing: Pricing) {
        let price = total - added
        net = pricing == .mixed ? price - contained : price
        // The part of the discount that was tax goes with the tax.
        if pricing == .mixed, !contained.isZero, price.minor > 0 {
            let share = ExactDecimal.divideHalfUp(Int128(discount.minor) * Int128(net.minor), Int128(price.minor))
            discount = Money(minor: Int64(clamping: share), discount.currency)
        }
        gross = net + discount
    }
}
