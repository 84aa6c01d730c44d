internal import Kernel
internal import Wire

/// The app's grant on the company: access tokens, refresh values, authorization codes.
struct QBOGrants: Sendable {
    static let accessSeconds = 3600
    /// Days of non-use after which a refresh value dies, in seconds.
    static let refreshSeconds = 8_726_400
    /// How long a replaced refresh value works when nobody uses the access token that came with the new one.
    static let overlapSeconds = 86_400
    static let codeSeconds = 600
    static let firstRefresh = "qbo-refresh-0"

    struct Pair: Sendable {
        var number: Int
        var access: String
        var refresh: String
        var realm = QBOCompany.realm
        /// Seconds since 1970.
        var issued: Int64
        var replaced: Int64?
        var accessRevoked = false
        var used = false
    }

    /// What the consent page gave, for one exchange.
    struct Code: Sendable {
        /// Seconds since 1970.
        var issued: Int64
        var realm: String
        /// Where the browser was sent: the exchange has to name the same.
        var redirect: String
    }

    private(set) var pairs: [Pair] = [
        Pair(number: 0, access: "", refresh: firstRefresh, issued: .max)
    ]
    private(set) var codes: [String: Code] = [:]
    private(set) var lastNumber = 0

    /// The pair whose access token this is, if it still works.
    func access(_ token: String, at now: Timestamp) -> Pair? {
        guard !token.isEmpty, let pair = pairs.first(where: { $0.access == token }), !pair.accessRevoked,
            now.seconds < pair.issued + Int64(Self.accessSeconds)
        else { return nil }
        return pair
    }

    /// The pair whose refresh value this is, if it still works.
    func refresh(_ token: String, at now: Timestamp) -> Pair? {
        guard !token.isEmpty, let pair = pairs.first(where: { $0.refresh == token }) else { return nil }
        if pair.issued != .max, now.seconds >= pair.issued + Int64(Self.refreshSeconds) { return nil }
        if let replaced = pair.replaced, now.seconds >= replaced + Int64(Self.overlapSeconds) { return nil }
        return pair
    }

    func code(_ code: String, at now: Timestamp, redirect: String) -> Bool {
        codes[code].map { $0.redirect == redirect && now.seconds < $0.issued + Int64(Self.codeSeconds) } ?? false
    }

    mutating func apply(_ change: QBOGrantChange) {
        switch change {
        case .issue(let access, let refresh, let at, let from):
            lastNumber += 1
            let realm = codes[from]?.realm ?? pairs.first { $0.refresh == from }?.realm ?? QBOCompany.realm
            for index in pairs.indices where pairs[index].refresh == from && pairs[index].replaced == nil {
                pairs[index].replaced = at
            }
            codes[from] = nil
            pairs.append(Pair(number: lastNumber, access: access, refresh: refresh, realm: realm, issued: at))
            // Bounded: refresh values replaced more than a day ago and access tokens older than an hour are dead
            // anyway.
            pairs.removeAll {
                $0.issued != .max && $0.issued < at - 2 * Int64(Self.overlapSeconds) && $0.replaced != nil
            }
        case .use(let number):
            for index in pairs.indices {
                if pairs[index].number == number { pairs[index].used = true }
                if pairs[index].number < number { pairs[index].refresh = "" }
            }
        case .code(let code, let at, let realm, let redirect):
            codes = codes.filter { at < $0.value.issued + Int64(Self.codeSeconds) }
            codes[code] = Code(issued: at, realm: realm, redirect: redirect)
        case .revoke:
            pairs = []
            codes = [:]
        case .revokeAccess:
            for index in pairs.indices { pairs[index].accessRevoked = true }
        }
    }
}

/// A change of the grant, as the journal keeps it.
enum QBOGrantChange: Sendable {
    static let tag = "Grant"
    case issue(access: String, refresh: String, at: Int64, from: String)
    /// The access token of that pair was used for the first time.
    case use(number: Int)
    case code(String, at: Int64, realm: String, redirect: String)
    case revoke
    case revokeAccess

    var record: JSON {
        switch self {
        case .issue(let access, let refresh, let at, let from):
            [
                "t": .string(Self.tag), "issue": .string(access), "refresh": .string(refresh),
                "at": .number(String(at)), "from": .string(from),
            ]
        case .use(let number): ["t": .string(Self.tag), "use": .number(String(number))]
        case .code(let code, let at, let realm, let redirect):
            [
                "t": .string(Self.tag), "code": .string(code), "at": .number(String(at)), "realm": .string(realm),
                "redirect": .string(redirect),
            ]
        case .revoke: ["t": .string(Self.tag), "revoke": "all"]
        case .revokeAccess: ["t": .string(Self.tag), "revoke": "access"]
        }
    }

    init?(_ record: JSON) {
        if let access = record["issue"]?.string, let refresh = record["refresh"]?.string, let at = record["at"]?.int,
            let from = record["from"]?.string
        {
            self = .issue(access: access, refresh: refresh, at: Int64(at), from: from)
        } else if let number = record["use"]?.int {
            self = .use(number: number)
        } else if let code = record["code"]?.string, let at = record["at"]?.int {
            self = .code(
                code, at: Int64(at), realm: record["realm"]?.string ?? QBOCompany.realm, redirect: record["redirect"]?.string ?? "")
        } else if let what = record["revoke"]?.string {
            self = what == "access" ? .revokeAccess : .revoke
        } else {
            return nil
        }
    }
}
