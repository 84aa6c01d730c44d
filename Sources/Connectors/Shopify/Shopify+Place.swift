internal import Kernel

/// A country, and the province where the address has one.
struct Place: Sendable, Equatable {
    var country: String
    var province: String?

    /// `nil` unless `country` is an ISO 3166 alpha-2 code.
    init?(country: String?, province: String?) {
        guard let country, Self.isCode(country, 2 ... 2) else { return nil }
        self.country = country
        // Some addresses carry `US-CO` where others carry `CO`.
        let own = province.map { $0.hasPrefix(country + "-") ? String($0.dropFirst(country.count + 1)) : $0 }
        self.province = own.flatMap { Self.isCode($0, 1 ... 3) ? $0 : nil }
    }

    /// `GB`, `US-CO`.
    init?(setting text: String) {
        let parts = text.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        self.init(country: parts.first, province: parts.count > 1 ? parts[1] : nil)
        if parts.count > 1, province == nil { return nil }
    }

    private static func isCode(_ text: String, _ length: ClosedRange<Int>) -> Bool {
        length.contains(text.utf8.count) && text.utf8.allSatisfy { ($0 >= 65 && $0 <= 90) || ($0 >= 48 && $0 <= 57) }
    }
}

/// Names of tax jurisdictions, made of an order's address and the titles of its taxes.
struct Jurisdictions: Sendable {
    private let place: Place?
    private var names: [String: String] = [:]

    init(_ place: Place?, titles: some Sequence<String>) {
        self.place = place
        name(titles)
    }

    subscript(_ title: String) -> String? { names[title] }

    /// Names further titles; those named already keep their names.
    mutating func name(_ titles: some Sequence<String>) {
        guard let place else { return }
        var unnamed: Set<String> = []
        for title in titles where names[title] == nil { unnamed.insert(title) }
        guard !unnamed.isEmpty else { return }
        let fresh = unnamed.sorted()
        var short: [String: [String]] = [:]
        for title in fresh { short[Self.name(title, in: place, whole: false), default: []].append(title) }
        let taken = Set(names.values)
        for (name, titles) in short {
            // Only what people named apart collides: two titles of one state tax are one jurisdiction.
            let collide =
                (titles.count > 1 || taken.contains(name)) && name != place.country && name != Self.state(place)
            for title in titles { names[title] = collide ? Self.name(title, in: place, whole: true) : name }
        }
    }

    /// Countries that have taxes below the country; in all others the address's province says nothing about tax.
    private static let provincial: Set<String> = ["US", "CA", "BR", "IN"]

    private static func state(_ place: Place) -> String {
        place.province.map { "\(place.country)-\($0)" } ?? place.country
    }

    /// In capitals. Nearly all titles are ASCII, which needs no tables to be told apart.
    private static func words(of title: String) -> [String] {
        guard title.utf8.allSatisfy({ $0 < 128 }) else {
            return title.uppercased().split { !$0.isLetter && !$0.isNumber }.map(String.init)
        }
        var words: [String] = []
        var word: [UInt8] = []
        for byte in title.utf8 {
            switch byte {
            case 97 ... 122: word.append(byte - 32)
            case 65 ... 90, 48 ... 57: word.append(byte)
            default:
                if !word.isEmpty { words.append(String(decoding: word, as: UTF8.self)) }
                word.removeAll(keepingCapacity: true)
            }
        }
        if !word.isEmpty { words.append(String(decoding: word, as: UTF8.self)) }
        return words
    }

    /// `whole` keeps the words County and City.
    private static func name(_ title: String, in place: Place, whole: Bool) -> String {
        let words = words(of: title)
        if words.contains("VAT") || words.contains("GST") || place.province == nil
            || !provincial.contains(place.country)
        {
            return place.country
        }
        if place.country == "US", words.contains("STATE") { return state(place) }
        var kept = words.filter { $0 != "TAX" && $0 != "STATE" && (whole || $0 != "COUNTY" && $0 != "CITY") }
        if kept.isEmpty { kept = words.filter { $0 != "TAX" && $0 != "STATE" } }
        let joined = kept.joined(separator: "-")
        let tail = joined.utf8.count <= 60 ? joined : String(joined.prefix(60))
        return tail.isEmpty ? state(place) : state(place) + "-" + tail
    }
}
