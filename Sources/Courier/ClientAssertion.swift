internal import ConnectorKit
internal import Crypto
internal import Kernel
internal import Wire

/// What a client says of itself instead of a secret: a JWT that its private key signs.
/// - Source: RFC 7515, section 7.1; RFC 7523, section 3; PS256 and ES256 as in RFC 7518, sections 3.4 and 3.5.
struct ClientAssertion: Sendable {
    var claims: Authentication.ClientCredentials.Assertion
    var scopes: [String]
    var audience: String

    /// - Throws: `credential_unreadable` for a private key that is none; `signature_failed`.
    func text(_ set: Credential, at now: Timestamp, random: any RandomSource) throws(Fault) -> String {
        let key: SigningKey
        do throws(Fault) { key = try SigningKey(pem: set.parts["private_key"] ?? Secret("")) } catch {
            throw Credential.unreadable("has no private key that can be signed with", error.code)
        }
        let head = JSON.object([
            ("typ", "JWT"), ("alg", .string(key.algorithm.rawValue)), ("kid", .string(set.parts["certificate_id"]?.revealText() ?? "")),
        ])
        let client = JSON.string(set.clientID ?? "")
        var body: [(key: String, value: JSON)] = [("iss", client)]
        if claims.claimsSubject { body.append(("sub", client)) }
        if claims.claimsScopes { body.append(("scope", .array(scopes.map { .string($0) }))) }
        body += [("aud", .string(audience)), ("iat", .number("\(now.seconds)")), ("exp", .number("\((now + claims.life).seconds)"))]
        body.append(("jti", .string(random.bytes(16).hexText)))
        let signed = Base64.encodeURL(head.bytes) + "." + Base64.encodeURL(JSON.object(body).bytes)
        return signed + "." + Base64.encodeURL(try key.sign(Array(signed.utf8)))
    }
}
