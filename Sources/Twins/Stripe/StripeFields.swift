internal import Kernel
internal import Wire

/// What the twin keeps: the vendor's objects by their `object` name, and what the vendor keeps to itself.
enum StripeKind: String, Sendable, Hashable {
    case customer, refund, dispute, payout, event, charge, account
    case paymentMethod = "payment_method"
    case paymentIntent = "payment_intent"
    case balanceTransaction = "balance_transaction"
    case webhookEndpoint = "webhook_endpoint"
    case applicationFee = "application_fee"
    case feeRefund = "fee_refund"
    case bankAccount = "bank_account"
    /// An answer under an idempotency key.
    case answer = "_answer"
    /// A webhook that has not been acknowledged.
    case delivery = "_delivery"
    /// One entry of the twin's books.
    case entry = "_entry"
    /// What a platform may do with another account.
    case grant = "_grant"

    /// The first part of an id.
    var prefix: String {
        switch self {
        case .customer: "cus"
        case .refund: "re"
        case .dispute: "dp"
        case .payout: "po"
        case .event: "evt"
        case .charge: "ch"
        case .account: "acct"
        case .paymentMethod: "pm"
        case .paymentIntent: "pi"
        case .balanceTransaction: "txn"
        case .webhookEndpoint: "we"
        case .applicationFee: "fee"
        case .feeRefund: "fr"
        case .bankAccount: "ba"
        case .answer, .delivery, .entry, .grant: "x"
        }
    }

    /// How the vendor's sentences name it.
    var spoken: String {
        switch self {
        case .paymentMethod: "PaymentMethod"
        case .webhookEndpoint: "webhook endpoint"
        case .applicationFee: "application fee"
        default: rawValue
        }
    }

    /// The parameter that an error about an id in the address names.
    var addressParam: String {
        switch self {
        case .paymentIntent: "intent"
        case .payout, .dispute, .refund: rawValue
        default: "id"
        }
    }
}

/// The data of one business in one mode; live and test never meet.
struct StripeScope: Sendable, Hashable {
    var account: String
    var isLive: Bool

    var text: String { "\(account)/\(isLive ? "live" : "test")" }

    init(account: String, isLive: Bool) {
        self.account = account
        self.isLive = isLive
    }

    init?(_ text: String) {
        let parts = text.split(separator: "/")
        guard parts.count == 2 else { return nil }
        self.init(account: String(parts[0]), isLive: parts[1] == "live")
    }

    /// The same business in the other mode.
    var other: StripeScope { StripeScope(account: account, isLive: !isLive) }
}

/// Who makes something happen, and when: a request, or the world.
struct StripeMoment: Sendable {
    var scope: StripeScope
    /// The platform that acts for the account, where one does.
    var platform: StripeScope?
    var at: Timestamp
    var random: any RandomSource
    var requestID: String?
    var key: String?

    var seconds: Int64 { at.seconds }

    func on(_ scope: StripeScope) -> StripeMoment {
        var moment = self
        moment.scope = scope
        moment.platform = nil
        return moment
    }

    /// An id as the vendor's look: a prefix, and letters and digits.
    func id(_ prefix: String) -> String { "\(prefix)_1" + StripeMoment.letters(random, 23) }

    static func letters(_ random: any RandomSource, _ count: Int) -> String {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789".utf8)
        return String(decoding: random.bytes(count).map { alphabet[Int($0) % alphabet.count] }, as: UTF8.self)
    }
}

/// Members of an object, in the order they are shown.
struct StripeFields {
    private(set) var members: [(key: String, value: JSON)] = []

    init() {}

    init(_ kind: StripeKind, _ id: String) {
        text("id", id)
        text("object", kind.rawValue)
    }

    mutating func set(_ key: String, _ value: JSON) { members.append((key, value)) }
    mutating func text(_ key: String, _ value: String?) { set(key, .optional(value)) }
    mutating func int(_ key: String, _ value: Int64?) { set(key, value.map { JSON.number("\($0)") } ?? JSON.null) }
    mutating func flag(_ key: String, _ value: Bool) { set(key, .bool(value)) }
    mutating func nulls(_ keys: String...) { for key in keys { set(key, .null) } }

    var json: JSON { .object(members) }
}

extension JSON {
    static func minor(_ value: Int64) -> JSON { .number("\(value)") }

    func text(_ key: String) -> String? { self[key]?.string }
    func minor(_ key: String) -> Int64 { Int64(self[key]?.int ?? 0) }
    func flag(_ key: String) -> Bool { self[key]?.bool ?? false }

    /// The object with these members set.
    func setting(_ changes: [(String, JSON)]) -> JSON { changes.reduce(self) { $0.setting($1.0, $1.1) } }

    /// What the named members were: an event's `previous_attributes`.
    func only(_ keys: [String]) -> JSON { .object(keys.map { (key: $0, value: self[$0] ?? JSON.null) }) }
}
