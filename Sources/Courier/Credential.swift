internal import Crypto
public import Kernel
internal import Wire

/// A connection's credential as its owner holds it: a token set or a static token. Sealed at rest; `description` shows nothing.
public struct Credential: Sendable, Equatable, CustomStringConvertible {
    public var accessToken: Secret
    public var refreshToken: Secret?
    /// When the access token stops working; `nil` when it doesn't.
    public var expiresAt: Timestamp?
    public var clientID: String?
    public var clientSecret: Secret?

    public init(accessToken: Secret, refreshToken: Secret? = nil, expiresAt: Timestamp? = nil, clientID: String? = nil, clientSecret: Secret? = nil) {
        self.accessToken = accessToken
        self.refreshToken = refreshToken
        self.expiresAt = expiresAt
        self.clientID = clientID
        self.clientSecret = clientSecret
    }

    public var description: String { "credential expiring \(expiresAt.map(\.description) ?? "never")" }

    /// Reads the JSON form: `{"access_token", "refresh_token", "expires_at", "client_id", "client_secret"}`.
    /// - Throws: `credential_unreadable`.
    public init(json bytes: [UInt8]) throws(Fault) {
        func unreadable(_ why: String, _ underlying: String? = nil) -> Fault {
            Fault(
                "credential_unreadable", stage: .courier, disposition: .reauthorise, summary: "the stored credential \(why)", remedy: "Connect the account again.",
                underlying: underlying)
        }
        let document: JSON
        do throws(Fault) { document = try JSON(parsing: bytes) } catch { throw unreadable("is no JSON", error.code) }
        let access = document["access_token"]?.string ?? ""
        let refresh = document["refresh_token"]?.string.flatMap { $0.isEmpty ? nil : $0 }
        guard !access.isEmpty || refresh != nil else { throw unreadable("has neither an access nor a refresh token") }
        accessToken = Secret(access)
        refreshToken = refresh.map { Secret($0) }
        expiresAt = document["expires_at"]?.string.flatMap { Timestamp(rfc3339: $0) }
        clientID = document["client_id"]?.string
        clientSecret = document["client_secret"]?.string.map { Secret($0) }
    }

    /// The JSON form, for sealing only.
    public func jsonForSealing() -> [UInt8] {
        var members: [(key: String, value: JSON)] = [("access_token", .string(accessToken.revealText()))]
        if let refreshToken { members.append(("refresh_token", .string(refreshToken.revealText()))) }
        if let expiresAt { members.append(("expires_at", .string(expiresAt.description))) }
        if let clientID { members.append(("client_id", .string(clientID))) }
        if let clientSecret { members.append(("client_secret", .string(clientSecret.revealText()))) }
        return JSON.object(members).bytes
    }

    /// What binds a sealed credential to its place: another tenant's or connection's box does not open here.
    public static func context(_ tenant: TenantID, _ connection: ConnectionID) -> [UInt8] { Array("credential \(tenant) \(connection)".utf8) }

    /// What binds a sealed raw body to its place.
    public static func eventContext(_ tenant: TenantID, _ connection: ConnectionID) -> [UInt8] { Array("event \(tenant) \(connection)".utf8) }
}
