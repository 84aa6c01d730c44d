internal import Books
internal import Kernel

/// A country, and the state in the few countries that tax by states.
struct TaxPlace: Sendable, Equatable {
    var country: String
    var state: String?

    /// `nil` unless `country` is two capitals. The state is kept only where there are taxes of states.
    init?(country: String, state: String?) {
        guard Self.isCode(country, 2 ... 2), country.utf8.allSatisfy({ $0 >= 65 }) else { return nil }
        self.country = country
        guard let state, ["US", "CA", "BR", "IN"].contains(country), Self.isCode(state, 2 ... 2) else { return }
        self.state = state
    }

    /// `GB`, `US-CO`.
    init?(setting text: String) {
        let parts = text.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        self.init(country: parts.first ?? "", state: parts.count > 1 ? parts[1] : nil)
        if parts.count > 1, state == nil { return nil }
    }

    static func isCode(_ text: String, _ length: ClosedRange<Int>) -> Bool {
        length.contains(text.utf8.count) && text.utf8.allSatisfy { (65 ... 90).contains($0) || (48 ... 57).contains($0) }
    }

    /// - Source: woocommerce, `class-wc-tax.php`, `get_rate_code`: country, state, name and priority joined by hyphens, in capitals, empty ones left out.
    init?(rateCode code: String) {
        let parts = code.split(separator: "-", omittingEmptySubsequences: false).map(String.init)
        // The name at least stands behind the country: `TX-1` is a tax of that name.
        guard parts.count >= 3, let first = parts.first, !Self.isNumber(parts[1]) else { return nil }
        self.init(country: first, state: parts.count >= 4 ? parts[1] : nil)
    }

    private static func isNumber(_ text: String) -> Bool { !text.isEmpty && text.utf8.allSatisfy { (48 ... 57).contains($0) } }

    var name: String { state.map { "\(country)-\($0)" } ?? country }
}

/// The tax rates of an order: whose they are and how high.
struct TaxRates: Sendable {
    struct Rate: Sendable, Equatable {
        /// `nil` where neither the rate nor a setting says whose it is: preflight holds it.
        var jurisdiction: String?
        /// `nil` where it is not stated, or is taken of amounts with other taxes in them.
        var percent: ExactDecimal?
    }

    private var rates: [String: Rate] = [:]
    private let fallback: String?

    init(_ order: OrderRecord, _ settings: WooSettings) {
        switch settings.place {
        case .none: fallback = nil
        case .address: fallback = TaxPlace(country: order.country.uppercased(), state: order.state.uppercased())?.name
        case .fixed(let place): fallback = place.name
        }
        for line in order.taxes {
            let own = Rate(jurisdiction: Self.jurisdiction(line) ?? fallback, percent: line.isCompound ? nil : line.percent)
            // Tax services write several taxes under one rate.
            if let known = rates[line.rate], known != own {
                rates[line.rate] = Rate(jurisdiction: known.jurisdiction == own.jurisdiction ? known.jurisdiction : fallback, percent: nil)
            } else {
                rates[line.rate] = own
            }
        }
    }

    func part(_ rate: String, _ amount: Money) -> TaxPart {
        let known = rates[rate] ?? Rate(jurisdiction: fallback, percent: nil)
        return TaxPart(jurisdiction: known.jurisdiction, rate: known.percent, amount: amount)
    }

    /// `GB`, `US-CA`, `US-CO-JEFFERSON`: below the state by the label, where it names more than a tax.
    static func jurisdiction(_ line: TaxLineRecord) -> String? {
        guard let place = TaxPlace(rateCode: line.code.uppercased()) else { return nil }
        guard let state = place.state else { return place.country }
        let words = line.label.uppercased().split { !($0.isASCII && ($0.isLetter || $0.isNumber)) }.map(String.init)
        if words.contains("GST") || words.contains("VAT") { return place.country }
        let plain: Set<String> = ["TAX", "TAXES", "SALES", "STATE", "COUNTY", "CITY", "LOCAL", "OF", "HST", "PST", "QST", "RST", "ICMS", place.country, state]
        let telling = words.filter { !plain.contains($0) }.joined(separator: "-").prefix(60)
        guard place.country == "US", !words.contains("STATE"), !telling.isEmpty else { return place.name }
        return "\(place.name)-\(telling)"
    }
}
