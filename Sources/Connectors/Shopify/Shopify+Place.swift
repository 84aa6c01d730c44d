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
        let own = province.map { $0.utf8.count > 3 && $0.hasPrefix(country + "-") ? String($0.dropFirst(3)) : $0 }
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
    private var names = NamesByTitle()

    init(_ place: Place?, titles: some Sequence<String>) {
        self.place = place
        name(titles)
    }

    subscript(_ title: String) -> String? { names[title] }

    /// Names further titles; those named already keep their names.
    mutating func name(_ titles: some Sequence<String>) {
        guard let place else { return }
        let state = Self.state(place)
        var fresh = NamesByTitle()
        for title in titles where names[title] == nil && fresh[title] == nil {
            fresh.add(title, Self.name(title, in: place, state, whole: false))
        }
        guard !fresh.list.isEmpty else { return }
        let shared = NamesByTitle.shared(names, fresh)
        for entry in fresh.list {
            // Only what people named apart collides: two titles of one state tax are one jurisdiction.
            let collides = shared.contains(entry.name) && entry.name != state && entry.name != place.country
            names.add(entry.title, collides ? Self.name(entry.title, in: place, state, whole: true) : entry.name)
        }
    }

    private static func state(_ place: Place) -> String {
        place.province.map { "\(place.country)-\($0)" } ?? place.country
    }

    /// Countries that have taxes below the country; in all others the address's province says nothing about tax.
    private static func isProvincial(_ country: String) -> Bool {
        switch country {
        case "US", "CA", "BR", "IN": true
        default: false
        }
    }

    /// In capitals, each as its UTF-8. Nearly all titles are ASCII, which needs no tables to be told apart.
    private static func words(of title: String) -> [ArraySlice<UInt8>] {
        guard title.utf8.allSatisfy({ $0 < 128 }) else {
            return title.uppercased().split { !$0.isLetter && !$0.isNumber }.map { Array($0.utf8)[...] }
        }
        var capitals = Array(title.utf8)
        for i in capitals.indices where capitals[i] >= 97 && capitals[i] <= 122 { capitals[i] -= 32 }
        var words: [ArraySlice<UInt8>] = []
        words.reserveCapacity(4)
        var start = 0
        for i in 0 ... capitals.count {
            if i < capitals.count, (capitals[i] >= 65 && capitals[i] <= 90) || (capitals[i] >= 48 && capitals[i] <= 57) { continue }
            if start < i { words.append(capitals[start ..< i]) }
            start = i + 1
        }
        return words
    }

    private static func word(_ word: ArraySlice<UInt8>, is text: StaticString) -> Bool {
        guard word.count == text.utf8CodeUnitCount else { return false }
        return text.withUTF8Buffer { text in
            for i in 0 ..< text.count where word[word.startIndex + i] != text[i] { return false }
            return true
        }
    }

    /// `whole` keeps the words County and City.
    private static func name(_ title: String, in place: Place, _ state: String, whole: Bool) -> String {
        guard place.province != nil, isProvincial(place.country) else { return place.country }
        let words = words(of: title)
        if words.contains(where: { word($0, is: "VAT") || word($0, is: "GST") }) { return place.country }
        if place.country == "US", words.contains(where: { word($0, is: "STATE") }) { return state }
        var tail = joined(words) { whole || !word($0, is: "COUNTY") && !word($0, is: "CITY") }
        if tail.isEmpty { tail = joined(words) { _ in true } }
        if tail.utf8.count > 60 { tail = String(tail.prefix(60)) }
        return tail.isEmpty ? state : state + "-" + tail
    }

    /// The words that tell one tax from another, as far as they are wanted, with hyphens between them.
    private static func joined(_ words: [ArraySlice<UInt8>], where isWanted: (ArraySlice<UInt8>) -> Bool) -> String {
        var out: [UInt8] = []
        for text in words where !word(text, is: "TAX") && !word(text, is: "STATE") && isWanted(text) {
            if !out.isEmpty { out.append(45) }
            out += text
        }
        return String(decoding: out, as: UTF8.self)
    }
}

/// Names by title. An order's taxes have two or three titles, which are looked through; many are looked up.
private struct NamesByTitle: Sendable {
    private static let few = 8
    private(set) var list: [(title: String, name: String)] = []
    /// Where in the list each title is, once they are many.
    private var places: [String: Int] = [:]

    subscript(_ title: String) -> String? {
        if list.count <= Self.few { return list.first { $0.title == title }?.name }
        return places[title].map { list[$0].name }
    }

    /// Names that more than one title has.
    static func shared(_ some: Self, _ others: Self) -> Set<String> {
        // Nearly always two names, and apart.
        if some.list.isEmpty, others.list.count < 2 || others.list.count == 2 && others.list[0].name != others.list[1].name { return [] }
        var once: Set<String> = []
        var more: Set<String> = []
        for entry in some.list + others.list where !once.insert(entry.name).inserted { more.insert(entry.name) }
        return more
    }

    /// `title` must have no name yet.
    mutating func add(_ title: String, _ name: String) {
        if list.isEmpty { list.reserveCapacity(4) }
        list.append((title, name))
        if list.count == Self.few + 1 {
            for (at, entry) in list.enumerated() { places[entry.title] = at }
        } else if list.count > Self.few {
            places[title] = list.count - 1
        }
    }
}
