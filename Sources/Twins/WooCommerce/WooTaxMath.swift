internal import Kernel
internal import TwinKit
internal import Wire

/// A rate that applies somewhere.
struct WooRate: Sendable {
    var id: Int
    /// Percent.
    var percent: ExactDecimal
    var name: String
    var code: String
    var compound: Bool
    var shipping: Bool

    init(_ json: JSON) {
        id = json.whole("id")
        percent = json.amount("rate")
        let label = json.text("name") ?? ""
        name = label.isEmpty ? "Tax" : label
        compound = json.flag("compound")
        shipping = json.flag("shipping")
        let priority = json.whole("priority")
        let parts = [json.text("country") ?? "", json.text("state") ?? "", label.isEmpty ? "TAX" : label, "\(priority)"]
        code = parts.filter { !$0.isEmpty }.joined(separator: "-").uppercased()
    }
}

struct WooPlace: Sendable {
    var country: String
    var state: String
    var postcode: String
    var city: String
}

/// One rate's part of a tax.
struct WooTax: Sendable {
    var rate: Int
    var amount: ExactDecimal
}

/// - Source: woocommerce `WC_Tax::calc_exclusive_tax`, `calc_inclusive_tax`: every rate's part is rounded half up at six places.
enum WooTaxMath {
    /// Places in between.
    private static let fine = 12

    /// - Parameter included: whether `price` has the tax in it.
    static func taxes(_ price: ExactDecimal, _ rates: [WooRate], included: Bool) -> [WooTax] {
        let raw = included ? inside(price, rates) : onTop(price, rates)
        return rates.map { rate in WooTax(rate: rate.id, amount: (raw[rate.id] ?? .zero).kept) }
    }

    private static let hundred = ExactDecimal(100)

    private static func onTop(_ price: ExactDecimal, _ rates: [WooRate]) -> [Int: ExactDecimal] {
        var out: [Int: ExactDecimal] = [:]
        for rate in rates where !rate.compound { out[rate.id] = .ratio(price * rate.percent, hundred, places: fine) }
        var before = out.values.sum
        for rate in rates where rate.compound {
            let tax = ExactDecimal.ratio((price + before) * rate.percent, hundred, places: fine)
            out[rate.id] = tax
            before = before + tax
        }
        return out
    }

    private static func inside(_ price: ExactDecimal, _ rates: [WooRate]) -> [Int: ExactDecimal] {
        var out: [Int: ExactDecimal] = [:]
        var rest = price
        for rate in rates.reversed() where rate.compound {
            let tax = ExactDecimal.ratio(rest * rate.percent, hundred + rate.percent, places: fine)
            out[rate.id] = tax
            rest = rest - tax
        }
        let regular = rates.filter { !$0.compound }
        let all = hundred + regular.map(\.percent).sum
        for rate in regular { out[rate.id] = .ratio(rest * rate.percent, all, places: fine) }
        return out
    }
}

extension WooState {
    /// The rates of a class at a place, one for each priority.
    /// - Source: woocommerce `WC_Tax::get_matched_tax_rates`.
    func rates(_ taxClass: String, at place: WooPlace, in shop: String) -> [WooRate] {
        let wanted = taxClass.isEmpty ? "standard" : taxClass
        func fits(_ value: String?, _ own: String) -> Bool { value?.isEmpty != false || value?.uppercased() == own.uppercased() }
        let matching = rows.all(.rate, in: shop).map(\.shown).filter { rate in
            guard rate.text("class") == wanted, fits(rate.text("country"), place.country), fits(rate.text("state"), place.state) else { return false }
            let postcodes = rate.list("postcodes").compactMap(\.string)
            let cities = rate.list("cities").compactMap(\.string)
            return (postcodes.isEmpty || postcodes.contains { Self.covers($0, place.postcode) })
                && (cities.isEmpty || cities.contains { $0.uppercased() == place.city.uppercased() })
        }
        var priorities: Set<Int> = []
        return matching.sorted { Self.rank($0).lexicographicallyPrecedes(Self.rank($1)) }.filter { priorities.insert($0.whole("priority")).inserted }
            .map { WooRate($0) }
    }

    /// Priority first, then the narrower place.
    private static func rank(_ rate: JSON) -> [Int] {
        [
            rate.whole("priority"), rate.text("country")?.isEmpty == false ? 0 : 1, rate.text("state")?.isEmpty == false ? 0 : 1,
            -rate.list("postcodes").count, -rate.list("cities").count, rate.whole("id"),
        ]
    }

    /// `94607`, `946*` or `94000...94999`.
    private static func covers(_ pattern: String, _ postcode: String) -> Bool {
        let own = postcode.uppercased().filter { $0 != " " }
        let wanted = pattern.uppercased().filter { $0 != " " }
        if wanted.hasSuffix("*") { return own.hasPrefix(wanted.dropLast()) }
        if let dots = wanted.range(of: "...") {
            guard let low = Int(wanted[..<dots.lowerBound]), let high = Int(wanted[dots.upperBound...]), let number = Int(own) else { return false }
            return low <= high && (low...high).contains(number)
        }
        return own == wanted
    }

    /// What a price costs without tax: a price that includes tax loses that of the shop's own place, whoever buys.
    /// - Source: woocommerce `wc_get_price_excluding_tax`.
    func net(_ price: ExactDecimal, _ product: JSON, _ settings: Settings, in shop: String) -> ExactDecimal {
        guard settings.includes, settings.calculates, product.text("tax_status") == "taxable" else { return price }
        let base = WooPlace(country: settings.country, state: settings.state, postcode: settings.postcode, city: settings.city)
        let taxes = WooTaxMath.taxes(price, rates(product.text("tax_class") ?? "", at: base, in: shop), included: true)
        return (price - taxes.map(\.amount).sum).kept
    }
}

extension StringProtocol {
    /// Where the text first occurs.
    fileprivate func range(of text: String) -> Range<Index>? {
        var start = startIndex
        while start < endIndex {
            if self[start...].hasPrefix(text) { return start..<index(start, offsetBy: text.count) }
            start = index(after: start)
        }
        return nil
    }
}
