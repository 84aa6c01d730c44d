public import Kernel
internal import COpenSSL

/// Stored forms of people's passwords: scrypt (RFC 7914) as `$scrypt$ln=15,r=8,p=3$salt$hash`, base 64 without padding.
///
/// One call takes about a quarter of a second of one core and 32 MiB on purpose: keep it off the cooperative pool and
/// behind a rate limit.
public enum PasswordHash {
    /// - Throws: `password_too_long` over 1024 bytes; `password_hash_failed` when memory is short.
    public static func make(_ password: Secret, random: some RandomSource) throws(Fault) -> String {
        guard password.count <= passwordBytesMax else {
            throw Fault(
                "password_too_long", stage: .crypto, disposition: .reject,
                summary: "a password has at most \(passwordBytesMax) bytes", remedy: "Choose a shorter password")
        }
        let salt = random.bytes(saltBytes)
        guard let hash = scrypt(password.reveal(), salt: salt, cost: .current, count: hashBytes) else {
            throw Fault(
                "password_hash_failed", stage: .crypto, disposition: .retry,
                summary: "OpenSSL could not derive a password hash", remedy: "Check that 32 MiB of memory are free")
        }
        return "$scrypt$\(Cost.current.text)$\(Base64.encodeURL(salt))$\(Base64.encodeURL(hash))"
    }

    /// Whether `password` is the one `stored` was made from. Anything malformed, or costlier than this program would
    /// ever have made it, is no match.
    public static func verify(_ password: Secret, against stored: String) -> Bool {
        guard password.count <= passwordBytesMax, let parts = parse(stored),
            let hash = scrypt(password.reveal(), salt: parts.salt, cost: parts.cost, count: hashBytes)
        else { return false }
        return constantTimeEquals(hash, parts.hash)
    }

    /// Whether `stored` was made with today's cost; if not, make it again at the next successful login.
    public static func isCurrent(_ stored: String) -> Bool { parse(stored)?.cost == .current }

    /// What no password was made into: whoever is unknown is verified against it, and takes as long as somebody who is known.
    public static let ofNobody = "$scrypt$\(Cost.current.text)$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

    /// The longest password accepted.
    public static let passwordBytesMax = 1024

    /// N = 2^15, r = 8, p = 3: one of the settings of equal strength in OWASP's password storage cheat sheet, the one
    /// that needs the least memory of those at 32 MiB.
    struct Cost: Equatable {
        var log2N: UInt64
        var r: UInt64
        var p: UInt64

        static let current = Cost(log2N: 15, r: 8, p: 3)

        var text: String { "ln=\(log2N),r=\(r),p=\(p)" }
        /// A stored hash must not be able to order a gigabyte.
        var isAcceptable: Bool { (10 ... 17).contains(log2N) && (1 ... 16).contains(r) && (1 ... 16).contains(p) }
    }

    static func scrypt(_ password: [UInt8], salt: [UInt8], cost: Cost, count: Int) -> [UInt8]? {
        var out = [UInt8](repeating: 0, count: count)
        let done = password.withUnsafeBytes { bytes in
            // An empty array may have no address, and OpenSSL takes a nil password for "none given".
            let text = bytes.bindMemory(to: CChar.self).baseAddress
            let memory: UInt64 = 1 << 30
            return withUnsafePointer(to: CChar(0)) { none in
                EVP_PBE_scrypt(
                    text ?? none, bytes.count, salt, salt.count, 1 << cost.log2N, cost.r, cost.p, memory, &out, count)
            }
        }
        guard done == 1 else {
            ERR_clear_error()
            return nil
        }
        return out
    }

    private static let saltBytes = 16
    private static let hashBytes = 32

    private static func parse(_ stored: String) -> (cost: Cost, salt: [UInt8], hash: [UInt8])? {
        let parts = stored.split(separator: "$", omittingEmptySubsequences: false)
        guard stored.utf8.count <= 256, parts.count == 5, parts[0].isEmpty, parts[1] == "scrypt" else { return nil }
        let settings = parts[2].split(separator: ",", omittingEmptySubsequences: false)
        guard settings.count == 3,
            settings[0].hasPrefix("ln="), let log2N = UInt64(settings[0].dropFirst(3)),
            settings[1].hasPrefix("r="), let r = UInt64(settings[1].dropFirst(2)),
            settings[2].hasPrefix("p="), let p = UInt64(settings[2].dropFirst(2)),
            let salt = Base64.decodeURL(String(parts[3])), salt.count >= 8,
            let hash = Base64.decodeURL(String(parts[4])), hash.count == hashBytes
        else { return nil }
        let cost = Cost(log2N: log2N, r: r, p: p)
        return cost.isAcceptable ? (cost, salt, hash) : nil
    }
}

/// Stored forms of API keys. They carry at least 128 random bits, so a plain hash is enough and keeps lookups
/// indexable.
public enum APIKeyDigest {
    /// SHA-256 of the key: 64 lower-case hexadecimal digits.
    public static func hex(_ key: Secret) -> String { Digest.sha256(key.reveal()).hexText }
}

/// PostgreSQL's stored form of a password, `SCRAM-SHA-256$4096:salt$StoredKey:ServerKey`, computed here so that the
/// password itself never stands in a statement and so in no log of the server.
/// - Parameter password: printable ASCII only; other text would need SASLprep, which this function does not do.
/// - Parameter iterations: 4096 to 1,000,000 rounds of PBKDF2.
/// - Throws: `password_not_ascii`, `password_too_long`, `password_hash_failed`.
/// - Source: RFC 5802, section 3; RFC 7677; PostgreSQL, "pg_authid".
public func scramVerifier(
    password: Secret, random: some RandomSource, iterations: Int = 4096
) throws(Fault) -> String {
    precondition((4096 ... 1_000_000).contains(iterations), "RFC 7677 wants at least 4096 iterations")
    let keys = try SCRAM.keys(password: password, salt: random.bytes(16), iterations: iterations)
    return "SCRAM-SHA-256$\(iterations):\(Base64.encode(keys.salt))"
        + "$\(Base64.encode(keys.stored)):\(Base64.encode(keys.server))"
}

/// The keys of RFC 5802.
enum SCRAM {
    struct Keys {
        var salt: [UInt8]
        var stored: [UInt8]
        var server: [UInt8]
    }

    static func keys(password: Secret, salt: [UInt8], iterations: Int) throws(Fault) -> Keys {
        let text = password.reveal()
        guard text.count <= PasswordHash.passwordBytesMax else {
            throw Fault(
                "password_too_long", stage: .crypto, disposition: .bug,
                summary: "a password has at most \(PasswordHash.passwordBytesMax) bytes")
        }
        guard !text.isEmpty, text.allSatisfy({ (0x20 ... 0x7e).contains($0) }) else {
            throw Fault(
                "password_not_ascii", stage: .crypto, disposition: .bug,
                summary: "a database password must be printable ASCII", remedy: "Draw it as hexadecimal or base 64")
        }
        var salted = [UInt8](repeating: 0, count: 32)
        defer { salted.wipe() }
        let done = text.withUnsafeBytes { bytes in
            PKCS5_PBKDF2_HMAC(
                bytes.bindMemory(to: CChar.self).baseAddress, Int32(bytes.count), salt, Int32(salt.count),
                Int32(iterations), Algorithms.sha256.pointer, 32, &salted)
        }
        guard done == 1 else {
            ERR_clear_error()
            throw Fault(
                "password_hash_failed", stage: .crypto, disposition: .retry, summary: "OpenSSL could not run PBKDF2")
        }
        var client = HMAC.sha256(key: salted, Array("Client Key".utf8))
        defer { client.wipe() }
        return Keys(
            salt: salt, stored: Digest.sha256(client), server: HMAC.sha256(key: salted, Array("Server Key".utf8)))
    }
}
