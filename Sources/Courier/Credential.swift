internal import Crypto
public import Kernel
internal import Wire

/// A connection's credential as its owner holds it: what a person gave, and what was made of it. Sealed at rest; `description` shows nothing.
public struct Credential: Sendable, Equatable, CustomStringConvertible {
    /// Empty until one was made.
    public var accessToken: Secret
    public var refreshToken: Secret?
    /// When the access token or the session stops working; `nil` when it doesn't, or nobody says.
    public var expiresAt: Timestamp?
    public var clientID: String?
    public var clientSecret: Secret?
    /// What else a person gave, by the names of the platform's `CredentialPart`s.
    public var parts: [String: Secret]
    /// What the login gave, by the names of the platform's `SessionValue`s.
    public var session: [String: Secret]
    /// The client's secret, or a part that the platform's declaration calls the operator's, is his and not the tenant's.
    public var isOperators = false
    /// Its token or session is made anew from what the person gave, as often as need be; otherwise only a refresh token makes a new one.
    /// Not kept: the platform's kind of authentication says it.
    var isRemade = false

    public init(
        accessToken: Secret, refreshToken: Secret? = nil, expiresAt: Timestamp? = nil, clientID: String? = nil, clientSecret: Secret? = nil,
        parts: [String: Secret] = [:], session: [String: Secret] = [:]
    ) {
        self.accessToken = accessToken
        self.refreshToken = refreshToken
        self.expiresAt = expiresAt
        self.clientID = clientID
        self.clientSecret = clientSecret
        self.parts = parts
        self.session = session
    }

    public var description: String { "credential expiring \(expiresAt.map(\.description) ?? "never")" }

    /// There is something to make calls with.
    var isMade: Bool { !accessToken.isEmpty || !session.isEmpty }

    /// Everything that a blank may name.
    var materials: [String: Secret] {
        var out = parts
        if let clientID { out["client_id"] = Secret(clientID) }
        if let clientSecret { out["client_secret"] = clientSecret }
        if !accessToken.isEmpty { out["access_token"] = accessToken }
        return out.merging(session.filter { $0.key != LoginAnswer.base }) { _, made in made }
    }

    /// What only token endpoints are sent.
    var kept: Set<String> { Set([refreshToken, clientSecret, parts["private_key"]].compactMap { $0?.revealText() }.filter { $0.utf8.count >= 4 }) }

    /// Reads the JSON form: `{"access_token", "refresh_token", "expires_at", "client_id", "client_secret", "operators", "parts", "session"}`. Where nobody says whose
    /// they are they may be the operator's.
    /// - Throws: `credential_unreadable`.
    public init(json bytes: [UInt8]) throws(Fault) {
        let document: JSON
        do throws(Fault) { document = try JSON(parsing: bytes) } catch { throw Credential.unreadable("is no JSON", error.code) }
        let access = document["access_token"]?.string ?? ""
        let refresh = document["refresh_token"]?.string.flatMap { $0.isEmpty ? nil : $0 }
        let secret = document["client_secret"]?.string.map { Secret($0) }
        let parts = Credential.secrets(document["parts"])
        guard !access.isEmpty || refresh != nil || secret != nil || !parts.isEmpty else {
            throw Credential.unreadable("has neither an access nor a refresh token, nor anything that one is made of")
        }
        self.init(
            accessToken: Secret(access), refreshToken: refresh.map { Secret($0) }, expiresAt: document["expires_at"]?.string.flatMap { Timestamp(rfc3339: $0) },
            clientID: document["client_id"]?.string, clientSecret: secret, parts: parts, session: Credential.secrets(document["session"]))
        isOperators = document["operators"]?.bool ?? true
    }

    static func unreadable(_ why: String, _ underlying: String? = nil) -> Fault {
        Fault(
            "credential_unreadable", stage: .courier, disposition: .reauthorise, summary: "the stored credential \(why)", remedy: "Connect the account again.",
            underlying: underlying)
    }

    private static func secrets(_ json: JSON?) -> [String: Secret] {
        (json?.object ?? []).reduce(into: [:]) { out, member in out[member.key] = member.value.string.map { Secret($0) } }
    }

    /// The JSON form, for sealing only.
    public func jsonForSealing() -> [UInt8] {
        var members: [(key: String, value: JSON)] = [("access_token", .string(accessToken.revealText()))]
        if let refreshToken { members.append(("refresh_token", .string(refreshToken.revealText()))) }
        if let expiresAt { members.append(("expires_at", .string(expiresAt.description))) }
        if let clientID { members.append(("client_id", .string(clientID))) }
        if let clientSecret { members.append(("client_secret", .string(clientSecret.revealText()))) }
        members.append(("operators", .bool(isOperators)))
        for (name, values) in [("parts", parts), ("session", session)] where !values.isEmpty {
            members.append((name, .object(values.sorted { $0.key < $1.key }.map { ($0.key, .string($0.value.revealText())) })))
        }
        return JSON.object(members).bytes
    }

    /// What binds a sealed credential to its place: another tenant's or connection's box does not open here.
    public static func context(_ tenant: TenantID, _ connection: ConnectionID) -> [UInt8] { Array("credential \(tenant) \(connection)".utf8) }

    /// What binds a sealed raw body to its place.
    public static func eventContext(_ tenant: TenantID, _ connection: ConnectionID) -> [UInt8] { Array("event \(tenant) \(connection)".utf8) }
}
