internal import Kernel
internal import Wire

/// What the twin keeps: the vendor's objects, and what the vendor keeps to itself.
enum SquareKind: String, Sendable, Hashable {
    case order, payment, refund, dispute, payout, customer, subscription, event
    case payoutEntry = "payout_entry"
    case giftCard = "gift_card"
    case giftCardActivity = "gift_card_activity"
    case shift = "cash_drawer_shift"
    case shiftEvent = "cash_drawer_shift_event"
    case catalog = "catalog_object"
    /// An answer under an idempotency key.
    case answer = "_answer"
    /// A webhook that has not been acknowledged.
    case delivery = "_delivery"
    /// One entry of the twin's books.
    case entry = "_entry"
    /// What the application may do for a merchant.
    case grant = "_grant"
    /// An access token, by its digest.
    case token = "_token"
    /// Something that will happen by itself.
    case timer = "_timer"
}

/// Who makes something happen, and when: a request, or the world.
struct SquareMoment: Sendable {
    var merchant: String
    var at: Timestamp
    var random: any RandomSource

    var text: String { SquareTime.text(at) }

    func at(_ other: Timestamp) -> SquareMoment {
        var moment = self
        moment.at = other
        return moment
    }

    /// Letters and digits, as the vendor's ids of orders and payments look; they end in `ZY`, as those do.
    func id(_ count: Int = 25) -> String { Self.letters(random, count) + "ZY" }

    /// Capitals and digits, as the vendor's ids of catalog objects and customers look.
    func capitals(_ count: Int = 24) -> String { Self.letters(random, count).uppercased() }

    /// Thirty-two hexadecimal digits in five groups.
    func uuid() -> String {
        let hex = Self.hex(random, 32)
        let parts = [8, 4, 4, 4, 12].reduce(into: (rest: Substring(hex), out: [String]())) { sum, count in
            sum.out.append(String(sum.rest.prefix(count)))
            sum.rest = sum.rest.dropFirst(count)
        }
        return parts.out.joined(separator: "-")
    }

    func hex(_ count: Int) -> String { Self.hex(random, count) }

    private static func hex(_ random: any RandomSource, _ count: Int) -> String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: random.bytes(count).map { digits[Int($0) % 16] }, as: UTF8.self)
    }

    static func letters(_ random: any RandomSource, _ count: Int) -> String {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789".utf8)
        return String(decoding: random.bytes(count).map { alphabet[Int($0) % alphabet.count] }, as: UTF8.self)
    }
}

/// Times as this wire writes them.
enum SquareTime {
    /// `2026-11-14T17:20:11.412Z`: always milliseconds, always UTC.
    static func text(_ time: Timestamp) -> String {
        let whole = Timestamp(seconds: time.seconds).description.dropLast()
        let rest = String((time.microseconds - time.seconds * 1_000_000) / 1000)
        return "\(whole).\(String(repeating: "0", count: 3 - rest.count))\(rest)Z"
    }

    /// The version of a catalog object: milliseconds since 1970.
    static func version(_ time: Timestamp) -> Int64 { time.microseconds / 1000 }

    /// Without a fraction, as payout entries and tokens have it.
    static func seconds(_ time: Timestamp) -> String { Timestamp(seconds: time.seconds).description }
}

/// Members of an object, in the order they are shown. What has no value is left out, as the vendor does.
struct SquareFields {
    private(set) var members: [(key: String, value: JSON)] = []

    init() {}

    mutating func set(_ key: String, _ value: JSON?) {
        guard let value else { return }
        if value.isNull { return }
        members.append((key, value))
    }

    mutating func text(_ key: String, _ value: String?) { set(key, value.map(JSON.string)) }
    mutating func int(_ key: String, _ value: Int64?) { set(key, value.map(JSON.minor)) }
    mutating func flag(_ key: String, _ value: Bool) { set(key, .bool(value)) }
    mutating func money(_ key: String, _ value: Int64?, _ currency: String) { set(key, value.map { .money($0, currency) }) }

    /// Takes the members of that name over from an object that has them.
    mutating func copy(_ keys: [String], of json: JSON) {
        for key in keys { set(key, json[key]) }
    }

    var json: JSON { .object(members) }
}

extension JSON {
    static func minor(_ value: Int64) -> JSON { .number("\(value)") }

    static func money(_ minor: Int64, _ currency: String) -> JSON { .object([("amount", .minor(minor)), ("currency", .string(currency))]) }

    func text(_ key: String) -> String? { self[key]?.string }
    func minor(_ key: String) -> Int64 { Int64(self[key]?.int ?? 0) }
    func flag(_ key: String) -> Bool { self[key]?.bool ?? false }
    func list(_ key: String) -> [JSON] { self[key]?.array ?? [] }

    /// The amount of a money member; 0 where there is none.
    func amount(_ key: String) -> Int64 { Int64(self[key]?["amount"]?.int ?? 0) }

    /// The object with these members set; one that is `null` goes.
    func setting(_ changes: [(String, JSON)]) -> JSON {
        changes.reduce(self) { $1.1.isNull ? $0.without($1.0) : $0.setting($1.0, $1.1) }
    }

    func without(_ key: String) -> JSON { .object((object ?? []).filter { $0.key != key }) }
}
