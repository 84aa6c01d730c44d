internal import Books
internal import Kernel
internal import Wire

/// Reads single fields of a record; a field that is missing or of the wrong kind is named in the fault.
struct Fields: Sendable {
    /// What people call the record: `order #1042`. Asked for by faults alone.
    private let subject: @Sendable () -> String

    init(subject: @autoclosure @escaping @Sendable () -> String) { self.subject = subject }

    func unreadable(_ path: Path, _ wanted: String) -> Fault {
        Fault(
            "unreadable_record", stage: .normalize, disposition: .hold,
            summary: "\(path) of \(subject()) is not \(wanted)",
            remedy: "Look at the record in Shopify; if it is right there, report its raw event to support.",
            position: path.description)
    }

    func text(_ view: JSONView, _ path: @autoclosure () -> Path) throws(Fault) -> String {
        guard let text = view.string else { throw unreadable(path(), "a text") }
        return Self.cut(text)
    }

    /// The same, of a text that has most likely been read before.
    func text(_ view: JSONView, like known: String?, _ path: @autoclosure () -> Path) throws(Fault) -> String {
        guard let known else { return try text(view, path()) }
        guard let text = view.string(like: known) else { throw unreadable(path(), "a text") }
        return Self.cut(text)
    }

    private static func cut(_ text: String) -> String {
        // A character has at least one byte: counting bytes is enough for all but very long texts.
        text.utf8.count <= ShopifyLimits.textCharacters ? text : String(text.prefix(ShopifyLimits.textCharacters))
    }

    /// `nil` for null and empty.
    func optionalText(_ view: JSONView, _ path: @autoclosure () -> Path) throws(Fault) -> String? {
        if view.isNull { return nil }
        let text = try text(view, path())
        return text.isEmpty ? nil : text
    }

    /// A numeric id: REST's number, or the tail of `gid://shopify/Order/6120034117000`.
    func id(_ view: JSONView, _ path: @autoclosure () -> Path) throws(Fault) -> String {
        // JSON writes whole numbers one way only: the text needs not be made again.
        if let number = view.int, number > 0, let text = view.numberText { return text }
        if let text = view.string, let id = Self.tail(text) { return id }
        throw unreadable(path(), "an id")
    }

    func optionalID(_ view: JSONView, _ path: @autoclosure () -> Path) throws(Fault) -> String? {
        if view.isNull { return nil }
        return try id(view, path())
    }

    static func tail(_ gid: String) -> String? {
        let path = gid.utf8.prefix { $0 != 63 }
        guard let last = path.split(separator: 47).last else { return nil }
        let id = String(Substring(last))
        guard id.utf8.count <= ShopifyLimits.idCharacters,
            id.utf8.allSatisfy({
                ($0 >= 48 && $0 <= 57) || ($0 >= 65 && $0 <= 90) || ($0 >= 97 && $0 <= 122) || $0 == 45 || $0 == 95
            })
        else { return nil }
        return id
    }

    func instant(_ view: JSONView, _ path: @autoclosure () -> Path) throws(Fault) -> Timestamp {
        guard let instant = view.withUTF8({ Timestamp(rfc3339: $0) }) else {
            throw unreadable(path(), "a time with its offset")
        }
        return instant
    }

    func optionalInstant(_ view: JSONView, _ path: @autoclosure () -> Path) throws(Fault) -> Timestamp? {
        if view.isNull { return nil }
        return try instant(view, path())
    }

    /// Absent means no.
    func flag(_ view: JSONView, _ path: @autoclosure () -> Path) throws(Fault) -> Bool {
        if view.isNull { return false }
        guard let flag = view.bool else { throw unreadable(path(), "true or false") }
        return flag
    }

    func requiredFlag(_ view: JSONView, _ path: @autoclosure () -> Path) throws(Fault) -> Bool {
        guard let flag = view.bool else { throw unreadable(path(), "true or false") }
        return flag
    }

    /// Whole units, not negative.
    func units(_ view: JSONView, _ path: @autoclosure () -> Path) throws(Fault) -> Int {
        guard let units = view.int, (0 ... ShopifyLimits.quantity).contains(units) else {
            throw unreadable(path(), "a number of units")
        }
        return units
    }

    func currency(_ view: JSONView, _ path: @autoclosure () -> Path) throws(Fault) -> Currency {
        guard let currency = view.withUTF8({ Currency(utf8: $0) }) else { throw unreadable(path(), "a currency code") }
        return currency
    }

    /// REST pads amounts (`18.00`), GraphQL does not (`18.0`), a few are numbers (`16.2`).
    func money(_ view: JSONView, _ currency: Currency, _ path: @autoclosure () -> Path) throws(Fault) -> Money {
        guard let minor = view.scaled(places: currency.decimals), minor.magnitude <= ShopifyLimits.amountMinor.magnitude
        else { throw unreadable(path(), "an amount in \(currency)") }
        return Money(minor: minor, currency)
    }

    /// `unit` times whole `units`.
    func times(_ unit: Money, _ units: Int, _ path: @autoclosure () -> Path) throws(Fault) -> Money {
        let (product, overflow) = unit.minor.multipliedReportingOverflow(by: Int64(units))
        guard !overflow, product.magnitude <= ShopifyLimits.amountMinor.magnitude else {
            throw unreadable(path(), "an amount that can be right")
        }
        return Money(minor: product, unit.currency)
    }

    /// A fraction; absent where nobody states it. Floating-point dust beyond ten places is rounded off.
    func rate(_ view: JSONView, _ path: @autoclosure () -> Path) throws(Fault) -> ExactDecimal? {
        if view.isNull { return nil }
        guard let rate = view.decimal, !rate.isNegative, rate < ExactDecimal(1000) else {
            throw unreadable(path(), "a tax rate")
        }
        return rate.scale <= 10 ? rate.shortest : rate.rounded(toScale: 10).shortest
    }

    /// The elements of a list; absent means none.
    func list(_ view: JSONView, _ path: @autoclosure () -> Path) throws(Fault) -> [JSONView] {
        try count(view, path()) == 0 ? [] : view.elements
    }

    /// How many elements a list has; absent means none.
    private func count(_ view: JSONView, _ path: @autoclosure () -> Path) throws(Fault) -> Int {
        if view.isNull { return 0 }
        guard view.isArray else { throw unreadable(path(), "a list") }
        let count = view.count
        guard count <= ShopifyLimits.parts else {
            throw unreadable(path(), "a list of at most \(ShopifyLimits.parts) entries")
        }
        return count
    }

    /// Reads each element of a list, which must be objects.
    func each<Element>(
        _ view: JSONView, _ path: Path, _ read: (JSONView, Path) throws(Fault) -> Element
    ) throws(Fault) -> [Element] {
        let count = try count(view, path)
        if count == 0 { return [] }
        var out: [Element] = []
        out.reserveCapacity(count)
        try walk(view, path) { (element, own) throws(Fault) in out.append(try read(element, own)) }
        return out
    }

    /// The same without a list of what was read.
    func forEach(_ view: JSONView, _ path: Path, _ read: (JSONView, Path) throws(Fault) -> Void) throws(Fault) {
        if try count(view, path) > 0 { try walk(view, path, read) }
    }

    @inline(__always)
    private func walk(_ view: JSONView, _ path: Path, _ read: (JSONView, Path) throws(Fault) -> Void) throws(Fault) {
        var index = 0
        try view.forEach { (element) throws(Fault) in
            let own = path[index]
            index += 1
            guard element.isObject else { throw unreadable(own, "an object") }
            try read(element, own)
        }
    }
}

extension Fields {
    /// Shop units per one unit of what the customer saw, from two amounts of the same thing; `nil` where they are
    /// nothing.
    static func rate(shop: Money, presentment: Money) -> ExactDecimal? {
        guard shop.minor > 0, presentment.minor > 0 else { return nil }
        var over = Int128(shop.minor) * 10_000_000_000
        var under = Int128(presentment.minor)
        for _ in 0 ..< presentment.currency.decimals { over *= 10 }
        for _ in 0 ..< shop.currency.decimals { under *= 10 }
        return ExactDecimal(coefficient: ExactDecimal.divideHalfUp(over, under), scale: 10).shortest
    }
}

/// Where in a record a value stands: `line_items[3].tax_lines[0].rate`. Made for every list that is read and written
/// out for faults alone, so it is names and numbers until then.
struct Path: Sendable, ExpressibleByStringLiteral, CustomStringConvertible {
    private struct Step: Sendable {
        var name: StaticString = ""
        var index: Int32 = -1
    }

    private var steps = (Step(), Step(), Step(), Step())
    private var count = 0

    init() {}
    init(stringLiteral name: StaticString) { append(name) }

    /// The member of that name, which may start with a point. A fifth name takes the place of the fourth.
    static func + (path: Path, name: StaticString) -> Path {
        var out = path
        out.append(name)
        return out
    }

    /// The list's element.
    subscript(index: Int) -> Path {
        var out = self
        let number = Int32(clamping: index)
        switch count {
        case 0, 1: out.steps.0.index = number
        case 2: out.steps.1.index = number
        case 3: out.steps.2.index = number
        default: out.steps.3.index = number
        }
        return out
    }

    private mutating func append(_ name: StaticString) {
        let step = Step(name: name)
        switch count {
        case 0: steps.0 = step
        case 1: steps.1 = step
        case 2: steps.2 = step
        default: steps.3 = step
        }
        count = min(count + 1, 4)
    }

    var description: String {
        var text = ""
        for step in [steps.0, steps.1, steps.2, steps.3].prefix(count) {
            let name = step.name.description
            if !text.isEmpty, !name.hasPrefix(".") { text += "." }
            text += name
            if step.index >= 0 { text += "[\(step.index)]" }
        }
        return text
    }
}
