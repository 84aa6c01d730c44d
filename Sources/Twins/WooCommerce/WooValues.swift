internal import Kernel
internal import Wire

extension JSON {
    static func whole(_ value: Int) -> JSON { .number("\(value)") }
    static func seconds(_ value: Int64?) -> JSON { value.map { .number("\($0)") } ?? JSON.null }

    func text(_ key: String) -> String? { self[key]?.string }
    func whole(_ key: String) -> Int { self[key]?.int ?? 0 }
    func flag(_ key: String) -> Bool { self[key]?.bool ?? false }
    func list(_ key: String) -> [JSON] { self[key]?.array ?? [] }
    func amount(_ key: String) -> ExactDecimal { self[key]?.decimal ?? .zero }

    /// The object with these members set.
    func setting(_ changes: [(String, JSON)]) -> JSON { changes.reduce(self) { $0.setting($1.0, $1.1) } }

    /// What PHP's `empty` is true of.
    var isEmpty: Bool {
        switch self {
        case .null: true
        case .bool(let value): !value
        case .number(let digits): ExactDecimal(digits)?.isZero ?? false
        case .string(let text): text.isEmpty || text == "0"
        case .array(let elements): elements.isEmpty
        case .object(let members): members.isEmpty
        }
    }

    /// A scalar as text.
    var scalar: String? {
        switch self {
        case .string(let text): text
        case .number(let digits): digits
        case .bool(let value): value ? "1" : ""
        default: nil
        }
    }
}

/// Members of an object, in the order they are shown.
struct WooFields {
    private(set) var members: [(key: String, value: JSON)] = []

    mutating func set(_ key: String, _ value: JSON) { members.append((key, value)) }
    mutating func text(_ key: String, _ value: String?) { set(key, .optional(value)) }
    mutating func whole(_ key: String, _ value: Int) { set(key, .whole(value)) }
    mutating func flag(_ key: String, _ value: Bool) { set(key, .bool(value)) }
    mutating func copy(_ keys: [String], from json: JSON) { for key in keys { set(key, json[key] ?? JSON.null) } }

    /// A moment in the shop's own time and in UTC, both without saying which.
    mutating func date(_ key: String, _ seconds: Int64?, _ zone: Zone) {
        text(key, seconds.map { WooDate.local($0, zone) })
        text(key + "_gmt", seconds.map { WooDate.gmt($0) })
    }

    var json: JSON { .object(members) }
}

/// Where a half goes.
/// - Source: woocommerce `wc_get_tax_rounding_mode`: taxes are rounded half down where catalogue prices include them, so that a price of 9.99 stays
///   9.99; everything else is rounded half up.
enum WooRounding: Sendable {
    case halfUp, halfDown
}

extension ExactDecimal {
    /// Places in which the vendor keeps amounts.
    static let wooPlaces = 6

    func woo(_ places: Int, _ mode: WooRounding = .halfUp) -> ExactDecimal {
        guard mode == .halfDown, scale > places else { return rounded(toScale: places) }
        var divisor: Int128 = 1
        for _ in places..<scale { divisor *= 10 }
        let (quotient, rest) = coefficient.quotientAndRemainder(dividingBy: divisor)
        guard rest.magnitude * 2 > divisor.magnitude else { return ExactDecimal(coefficient: quotient, scale: places) }
        return ExactDecimal(coefficient: coefficient < 0 ? quotient - 1 : quotient + 1, scale: places)
    }

    /// As the vendor keeps an amount: six places at most, no zeros at the end.
    var kept: ExactDecimal { woo(Self.wooPlaces).shortest }
    var keptJSON: JSON { .string(kept.description) }

    /// `numerator / denominator` at that many places; zero where there is nothing to divide by.
    static func ratio(_ numerator: ExactDecimal, _ denominator: ExactDecimal, places: Int) -> ExactDecimal {
        guard !denominator.isZero else { return .zero }
        let (top, bottom) = (numerator.shortest, denominator.shortest)
        var up = top.coefficient
        var down = bottom.coefficient
        let shift = places - top.scale + bottom.scale
        for _ in 0..<max(0, shift) { up *= 10 }
        for _ in 0..<max(0, -shift) { down *= 10 }
        if down < 0 { (up, down) = (-up, -down) }
        return ExactDecimal(coefficient: divideHalfUp(up, down), scale: places)
    }

    var isPositive: Bool { !isZero && !isNegative }
    var magnitude: ExactDecimal { isNegative ? -self : self }

    /// Minor units at that many places.
    func minor(_ places: Int) -> Int64 { woo(places).smallCoefficient ?? 0 }
}

extension Sequence<ExactDecimal> {
    var sum: ExactDecimal { reduce(.zero) { $0 + $1 } }
}

/// Moments as the vendor writes and reads them.
enum WooDate {
    static func gmt(_ seconds: Int64) -> String { String(Timestamp(seconds: seconds).description.dropLast()) }

    static func local(_ seconds: Int64, _ zone: Zone) -> String { gmt(wall(seconds, zone)) }

    /// What the shop's wall clock shows, as though that were UTC.
    static func wall(_ seconds: Int64, _ zone: Zone) -> Int64 { seconds + Int64(zone.offset(at: Timestamp(seconds: seconds))) }

    /// A filter's moment as the shop's wall clock shows it: what names no zone is taken as it stands; what names one is moved to the shop's zone, also
    /// where it is then compared with UTC. That is the vendor's own trap: `dates_are_gmt` wants a time without `Z`.
    /// - Source: WordPress `WP_Date_Query::build_mysql_datetime` and `rest_parse_date`.
    static func filter(_ text: String, _ zone: Zone) -> Int64? {
        var text = text
        if text.utf8.count == 10 { return nil }
        let bytes = Array(text.utf8)
        guard bytes.count >= 19 else { return nil }
        let tail = bytes[19...].drop { $0 == 46 || ($0 >= 48 && $0 <= 57) }
        guard tail.isEmpty else {
            guard let moment = Timestamp(rfc3339: tail.count == 3 ? text + ":00" : text) else { return nil }
            return wall(moment.seconds, zone)
        }
        text += "Z"
        return Timestamp(rfc3339: text)?.seconds
    }

    /// `Nov 14, 2026 @ 09:21 AM`.
    static func spoken(_ seconds: Int64, _ zone: Zone) -> String {
        let at = Timestamp(seconds: seconds)
        let civil = zone.date(of: at).civil
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        let minute = zone.secondOfDay(at: at) / 60
        let hour = minute / 60
        func two(_ n: Int) -> String { n < 10 ? "0\(n)" : "\(n)" }
        let shown = "\(two(hour % 12 == 0 ? 12 : hour % 12)):\(two(minute % 60)) \(hour < 12 ? "AM" : "PM")"
        return "\(months[civil.month - 1]) \(two(civil.day)), \(civil.year) @ \(shown)"
    }
}

/// Who makes something happen, where and when.
struct WooMoment: Sendable {
    /// The shop's name in the address.
    var shop: String
    var at: Timestamp
    var random: any RandomSource
    /// The shop's address without a slash at its end.
    var home: String
    /// The WordPress user behind the key.
    var user = 1

    var seconds: Int64 { at.seconds }
    var rest: String { home + "/wp-json/wc/v3/" }

    func letters(_ count: Int) -> String {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789".utf8)
        return String(decoding: random.bytes(count).map { alphabet[Int($0) % alphabet.count] }, as: UTF8.self)
    }

    func links(_ pairs: [(String, String)]) -> JSON {
        .object(pairs.map { (key: $0.0, value: JSON.array([.object([("href", .string(rest + $0.1))])])) })
    }
}
