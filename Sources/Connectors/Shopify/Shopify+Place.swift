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

    init(_ place: Place?) { self.place = place }

    /// Names further titles; those named already keep their names.
    mutating func name(_ titles: some Sequence<String>) {
        guard let place else { return }
        let state = Self.state(place)
        var fresh = NamesByTitle()
        for title in titles { note(title, place, state, &fresh) }
        settle(fresh, place, state)
    }

    /// The same of the titles of an order's taxes.
    mutating func name(taxesOf order: OrderRecord) {
        guard let place else { return }
        let state = Self.state(place)
        var fresh = NamesByTitle()
        for i in order.lines.indices {
            for k in order.lines[i].taxes.indices { note(order.lines[i].taxes[k].title, place, state, &fresh) }
        }
        for i in order.shipping.indices {
            for k in order.shipping[i].taxes.indices { note(order.shipping[i].taxes[k].title, place, state, &fresh) }
        }
        settle(fresh, place, state)
    }

    private func note(_ title: String, _ place: Place, _ state: String, _ fresh: inout NamesByTitle) {
        guard names[title] == nil, fresh[title] == nil else { return }
        fresh.add(title, Self.name(title, in: place, state, whole: false))
    }

    private mutating func settle(_ fresh: NamesByTitle, _ place: Place, _ state: String) {
        guard !fresh.list.isEmpty else { return }
        let shared = NamesByTitle.shared(names, fresh)
        if shared.isEmpty, names.list.isEmpty {
            names = fresh
            return
        }
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

    /// In capitals, each as its UTF-8.
    static func words(of title: String) -> [ArraySlice<UInt8>] {
        title.uppercased().split { !$0.isLetter && !$0.isNumber }.map { Array($0.utf8)[...] }
    }

    private static func word(_ word: ArraySlice<UInt8>, is text: StaticString) -> Bool {
        word.elementsEqual(UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    /// `whole` keeps the words County and City.
    static func name(_ title: String, in place: Place, _ state: String, whole: Bool) -> String {
        guard place.province != nil, isProvincial(place.country) else { return place.country }
        // Nearly all titles are ASCII, which needs no tables to be told apart.
        let plain = title.utf8.withContiguousStorageIfAvailable { PlainTitle($0)?.name(in: place.country, state, whole: whole) }
        return (plain ?? nil) ?? name(words: words(of: title), in: place.country, state, whole: whole)
    }

    /// What decides about any title.
    static func name(words: [ArraySlice<UInt8>], in country: String, _ state: String, whole: Bool) -> String {
        if words.contains(where: { word($0, is: "VAT") || word($0, is: "GST") }) { return country }
        if country == "US", words.contains(where: { word($0, is: "STATE") }) { return state }
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

/// A title in ASCII alone, looked through in place: says what `Jurisdictions.name(words:)` says of its words.
private struct PlainTitle {
    private enum Word { case country, state, tax, place, other }

    private let text: UnsafeBufferPointer<UInt8>
    private var saysCountry = false
    private var saysState = false
    /// Words that tell one tax from another: all of them, and those that are not County and City.
    private var telling = 0
    private var naming = 0

    /// `nil` where there is more than ASCII.
    init?(_ text: UnsafeBufferPointer<UInt8>) {
        self.text = text
        for byte in text where byte >= 128 { return nil }
        var at = 0
        while let range = next(&at) {
            switch kind(range) {
            case .country: saysCountry = true
            case .state: saysState = true
            case .tax: break
            case .place: telling += 1
            case .other:
                telling += 1
                naming += 1
            }
        }
    }

    func name(in country: String, _ state: String, whole: Bool) -> String {
        if saysCountry { return country }
        if telling == 0 || saysState && country == "US" { return state }
        let keepsPlaces = whole || naming == 0
        return String(unsafeUninitializedCapacity: state.utf8.count + 1 + text.count) { room in
            var end = 0
            for byte in state.utf8 {
                room[end] = byte
                end += 1
            }
            let start = end
            var at = 0
            while let range = next(&at) {
                let kind = kind(range)
                guard kind == .other || kind == .place && keepsPlaces else { continue }
                room[end] = UInt8(ascii: "-")
                end += 1
                for i in range {
                    room[end] = Self.capital(text[i])
                    end += 1
                }
            }
            return min(end, start + 1 + 60)
        }
    }

    /// The next word at or after `at`.
    @inline(__always)
    private func next(_ at: inout Int) -> Range<Int>? {
        while at < text.count, !Self.isOfWord(text[at]) { at += 1 }
        let start = at
        while at < text.count, Self.isOfWord(text[at]) { at += 1 }
        return start < at ? start ..< at : nil
    }

    @inline(__always)
    private static func isOfWord(_ byte: UInt8) -> Bool { (byte | 32) &- 97 < 26 || byte &- 48 < 10 }

    @inline(__always)
    private static func capital(_ byte: UInt8) -> UInt8 { byte &- 97 < 26 ? byte - 32 : byte }

    private func kind(_ word: Range<Int>) -> Word {
        switch word.count {
        case 3: says("VAT", word) || says("GST", word) ? .country : says("TAX", word) ? .tax : .other
        case 4: says("CITY", word) ? .place : .other
        case 5: says("STATE", word) ? .state : .other
        case 6: says("COUNTY", word) ? .place : .other
        default: .other
        }
    }

    @inline(__always)
    private func says(_ capitals: StaticString, _ word: Range<Int>) -> Bool {
        for i in 0 ..< word.count where Self.capital(text[word.lowerBound + i]) != capitals.utf8Start[i] { return false }
        return true
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
