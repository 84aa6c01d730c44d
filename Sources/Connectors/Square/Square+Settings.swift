internal import Kernel
internal import Wire

extension SquareConnector {
    /// Settings of a connection, with their meaning.
    public var settings: [String: String] {
        [
            SquareSettings.locationsKey: "ids of the locations whose sales count, separated by commas; all by default",
            SquareSettings.postKey:
                "completed (default): an order counts when it is paid in full and closed; paid: when it is paid in full, even if it is still to be delivered",
            SquareSettings.gatewayKey: "the tender's name for what Square pays out, which names the clearing account; square by default",
            SquareSettings.placeKey:
                "whose taxes are charged: a country, or country-state such as US-CA; for some locations alone as <location id>=US-NV, separated by commas; "
                + "by default the address of the order's location",
            SquareSettings.gratuityKey: "sale (default): an automatic gratuity is income, as any service charge; tip: it is owed to staff, as tips are",
            SquareSettings.payoutKey: "paid (default): a payout counts when the bank has it; sent: when Square has sent it",
            SquareSettings.drawersKey: "off (default); on: what is over or short in a cash drawer when it is closed is posted",
        ]
    }
}

/// What the connection's settings say.
struct SquareSettings: Sendable {
    static let locationsKey = "locations"
    static let postKey = "post"
    static let gatewayKey = "gateway"
    static let placeKey = "tax_place"
    static let gratuityKey = "auto_gratuity"
    static let payoutKey = "payouts"
    static let drawersKey = "cash_drawers"

    /// Empty: all.
    private var locations: Set<String> = []
    var takesOpenOrders = false
    var gateway = "square"
    private var place: TaxPlace?
    private var places: [String: TaxPlace] = [:]
    var gratuityIsTip = false
    var takesSentPayouts = false
    var readsDrawers = false

    /// - Throws: `invalid_setting` (hold) naming the setting and its allowed values.
    init(_ settings: [String: String]) throws(Fault) {
        func given(_ key: String) -> String? { settings[key].flatMap { $0.isEmpty ? nil : $0 } }
        func either(_ key: String, _ first: String, _ second: String) throws(Fault) -> Bool {
            switch given(key) {
            case nil, first: return false
            case second: return true
            default: throw Self.invalid(key, "\(first), \(second)")
            }
        }
        takesOpenOrders = try either(Self.postKey, "completed", "paid")
        gratuityIsTip = try either(Self.gratuityKey, "sale", "tip")
        takesSentPayouts = try either(Self.payoutKey, "paid", "sent")
        readsDrawers = try either(Self.drawersKey, "off", "on")
        if let text = given(Self.locationsKey) {
            locations = Set(Self.entries(text))
            guard !locations.isEmpty, locations.allSatisfy(SquareID.isID) else {
                throw Self.invalid(Self.locationsKey, "ids of locations such as LRJNZCB190DTQ")
            }
        }
        if let text = given(Self.gatewayKey) {
            guard text.utf8.count <= 40, text.utf8.allSatisfy({ (97 ... 122).contains($0) || (48 ... 57).contains($0) || $0 == 95 }) else {
                throw Self.invalid(Self.gatewayKey, "a word such as square")
            }
            gateway = text
        }
        for entry in Self.entries(given(Self.placeKey) ?? "") { try take(place: entry) }
    }

    private static func entries(_ text: String) -> [String] { text.split(separator: ",").map { String($0.filter { $0 != " " }) }.filter { !$0.isEmpty } }

    private mutating func take(place entry: String) throws(Fault) {
        let halves = entry.split(separator: "=", omittingEmptySubsequences: false).map(String.init)
        guard halves.count <= 2, let last = halves.last, let place = TaxPlace(setting: last) else {
            throw Self.invalid(Self.placeKey, "such as GB, US-CA or LRJNZCB190DTQ=US-CA")
        }
        if halves.count == 1 { self.place = place } else { places[halves[0]] = place }
    }

    private static func invalid(_ key: String, _ allowed: String) -> Fault {
        Fault(
            "invalid_setting", stage: .normalize, disposition: .hold, summary: "the Square connection's setting \(key) has a value it can't have",
            remedy: "Set \(key) to one of: \(allowed).", position: "settings.\(key)")
    }

    /// Whether what happens at this location counts; what names none does.
    func wants(_ location: String?) -> Bool { locations.isEmpty || location.map { locations.contains($0) } ?? true }

    /// Where the taxes of a location belong, by the settings alone.
    func place(of location: String) -> TaxPlace? { places[location] ?? place }
}
