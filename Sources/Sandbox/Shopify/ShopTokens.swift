internal import Kernel
internal import Wire

/// The OAuth side of one shop: codes, access tokens, rotating refresh tokens.
/// - Source: Shopify, "Offline access tokens": with `expiring=1` an access token lives 60 minutes and a refresh token
///   90 days; each refresh gives a new refresh token, and the old one stays valid until the new one is first used
///   (since 2026-08-28).
struct ShopTokens: Sendable {
    static let accessSeconds = 3600
    static let refreshSeconds = 7_776_000

    private var count = 0
    /// Codes with the scopes that were asked for.
    private var codes: [String: [String]] = [:]
    /// What each access token and refresh token may.
    private var granted: [String: [String]] = [:]
    /// Expiry of each access token; `nil` for one that never expires.
    private var access: [String: Timestamp?] = [:]
    private var refresh: [String: Timestamp] = [:]
    /// The token that each refresh token replaced.
    private var predecessor: [String: String] = [:]

    /// Rebuilds what `record` of an earlier run says.
    mutating func replay(_ record: JSON) {
        count = max(count, record["n"]?.int ?? 0)
        switch record["t"]?.string {
        case "code": codes[record["code"]?.string ?? ""] = Self.scopes(record)
        case "token":
            codes[record["code"]?.string ?? ""] = nil
            for token in ["access", "refresh"] { if let name = record[token]?.string { granted[name] = Self.scopes(record) } }
            let expires = record["expires"]?.string.flatMap { Timestamp(rfc3339: $0) }
            access[record["access"]?.string ?? ""] = .some(expires)
            if let token = record["refresh"]?.string,
                let until = record["refresh_expires"]?.string.flatMap({ Timestamp(rfc3339: $0) })
            {
                refresh[token] = until
                if let old = record["replaces"]?.string {
                    predecessor[token] = old
                    retirePredecessor(of: old)
                }
            }
        default: break
        }
    }

    /// The record that makes a new code.
    func newCode(shop: String, scopes: [String]) -> JSON {
        .object([
            ("t", "code"), ("shop", .string(shop)), ("n", .number(String(count + 1))),
            ("code", .string("code-\(shop)-\(count + 1)")), ("scopes", .array(scopes.map { .string($0) })),
        ])
    }

    /// The record that makes a new token set, `nil` where code or refresh token is not good.
    func newTokens(shop: String, code: String?, refreshToken: String?, expiring: Bool, at now: Timestamp) -> JSON? {
        if let code, codes[code] == nil { return nil }
        let scopes = code.flatMap { codes[$0] } ?? refreshToken.flatMap { granted[$0] } ?? []
        if let refreshToken {
            guard let until = refresh[refreshToken], now < until else { return nil }
        }
        let n = count + 1
        var members: [(key: String, value: JSON)] = [
            ("t", "token"), ("shop", .string(shop)), ("n", .number(String(n))), ("code", .optional(code)),
            ("access", .string("shpat_sandbox_\(shop)_\(n)")), ("scopes", .array(scopes.map { .string($0) })),
        ]
        if expiring || refreshToken != nil {
            members.append(("expires", .string((now + .seconds(Self.accessSeconds)).description)))
            members.append(("refresh", .string("shprt_sandbox_\(shop)_\(n)")))
            members.append(("refresh_expires", .string((now + .seconds(Self.refreshSeconds)).description)))
            members.append(("replaces", .optional(refreshToken)))
        }
        return .object(members)
    }

    private static func scopes(_ record: JSON) -> [String] { (record["scopes"]?.array ?? []).compactMap(\.string) }

    /// What was asked for when this token's grant was given.
    func scopes(of token: String) -> [String] { granted[token] ?? [] }

    /// Whether this access token opens the shop now.
    func opens(_ token: String, at now: Timestamp) -> Bool {
        guard let expires = access[token] else { return false }
        return expires.map { now < $0 } ?? true
    }

    private mutating func retirePredecessor(of token: String) {
        if let old = predecessor[token] { refresh[old] = nil }
    }
}
