internal import COpenSSL
public import Kernel

/// How a signature that others check is made, by its name in RFC 7518, section 3.1.
public enum SignatureAlgorithm: String, Sendable, CaseIterable {
    /// RSASSA-PSS; the salt is as long as the hash.
    case ps256 = "PS256", ps384 = "PS384", ps512 = "PS512"
    /// ECDSA on P-256, P-384 and P-521; both numbers in full length, one after the other.
    case es256 = "ES256", es384 = "ES384", es512 = "ES512"

    var hash: String {
        switch self {
        case .ps256, .es256: "SHA2-256"
        case .ps384, .es384: "SHA2-384"
        case .ps512, .es512: "SHA2-512"
        }
    }

    /// Bytes of each number of an ECDSA signature; `nil` for RSA.
    var numberBytes: Int? {
        switch self {
        case .ps256, .ps384, .ps512: nil
        case .es256: 32
        case .es384: 48
        case .es512: 66
        }
    }
}

/// A private key that signs what somebody else checks with its public half. Prints `***`.
public struct SigningKey: Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// What the key signs with: PS256 for an RSA key, and for a curve the one algorithm that it has.
    public let algorithm: SignatureAlgorithm
    private let key: KeyHandle

    /// Least bits of an RSA key.
    public static let rsaBitsLeast = 2048

    /// Reads a PEM text: PKCS #8, or the older forms of RSA and EC keys; not encrypted.
    /// - Throws: `key_unreadable`, which shows nothing of the text.
    public init(pem: Secret) throws(Fault) {
        guard let key = KeyHandle.readPrivate(pem.reveal()), let algorithm = key.algorithm else { throw .keyUnreadable }
        self.key = key
        self.algorithm = algorithm
    }

    /// - Throws: `signature_failed`.
    public func sign(_ message: [UInt8]) throws(Fault) -> [UInt8] {
        guard let made = key.sign(message, algorithm), let out = algorithm.numberBytes.map({ KeyHandle.numbers(of: made, $0) }) ?? made else {
            throw Fault("signature_failed", stage: .crypto, disposition: .bug, summary: "OpenSSL could not sign with \(algorithm.rawValue)")
        }
        return out
    }

    /// The half that checks.
    public var publicKey: VerificationKey { VerificationKey(key) }

    public var description: String { "***" }
    public var debugDescription: String { "***" }
    public var customMirror: Mirror { Mirror(self, children: [:]) }
}

/// A public key that checks signatures; not a secret.
public struct VerificationKey: Sendable {
    private let key: KeyHandle

    init(_ key: KeyHandle) { self.key = key }

    /// Reads a DER text: SubjectPublicKeyInfo (RFC 5280).
    /// - Throws: `key_unreadable`.
    public init(der: [UInt8]) throws(Fault) {
        guard let key = KeyHandle.readPublic(der), key.algorithm != nil else { throw .keyUnreadable }
        self.key = key
    }

    /// Whether this key's private half signed this message so. False for an algorithm that the key has not.
    public func verifies(_ signature: [UInt8], of message: [UInt8], _ algorithm: SignatureAlgorithm) -> Bool {
        guard key.takes(algorithm) else { return false }
        guard let bytes = algorithm.numberBytes else { return key.verify(signature, message, algorithm) }
        guard signature.count == 2 * bytes, let der = KeyHandle.der(of: signature) else { return false }
        return key.verify(der, message, algorithm)
    }
}

/// OpenSSL's key. Unchecked because the compiler can't see through the pointer: the key never changes after it was read and OpenSSL counts
/// its references atomically, so there is no lock to name.
final class KeyHandle: @unchecked Sendable {
    private let key: OpaquePointer

    private init(_ key: OpaquePointer) { self.key = key }
    deinit { EVP_PKEY_free(key) }

    static func readPrivate(_ pem: [UInt8]) -> KeyHandle? {
        guard let text = BIO_new_mem_buf(pem, Int32(clamping: pem.count)) else { return failed() }
        defer { BIO_free(text) }
        // Without this an encrypted key would ask for its password at the terminal.
        guard let key = PEM_read_bio_PrivateKey(text, nil, { _, _, _, _ in -1 }, nil) else { return failed() }
        return KeyHandle(key)
    }

    static func readPublic(_ der: [UInt8]) -> KeyHandle? {
        let key = der.withUnsafeBufferPointer { bytes in
            var start = bytes.baseAddress
            return d2i_PUBKEY(nil, &start, bytes.count)
        }
        guard let key else { return failed() }
        return KeyHandle(key)
    }

    /// What the key signs with; `nil` for keys that are too short or of another kind.
    var algorithm: SignatureAlgorithm? {
        if isRSA { return EVP_PKEY_get_bits(key) >= SigningKey.rsaBitsLeast ? .ps256 : nil }
        switch group {
        case "prime256v1": return .es256
        case "secp384r1": return .es384
        case "secp521r1": return .es512
        default: return nil
        }
    }

    func takes(_ algorithm: SignatureAlgorithm) -> Bool { algorithm.numberBytes == nil ? isRSA : self.algorithm == algorithm }

    private var isRSA: Bool { EVP_PKEY_is_a(key, "RSA") == 1 || EVP_PKEY_is_a(key, "RSA-PSS") == 1 }

    private var group: String {
        var name = [CChar](repeating: 0, count: 64)
        var count = 0
        guard EVP_PKEY_is_a(key, "EC") == 1, EVP_PKEY_get_group_name(key, &name, name.count, &count) == 1 else { return "" }
        return String(decoding: name.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    func sign(_ message: [UInt8], _ algorithm: SignatureAlgorithm) -> [UInt8]? {
        guard let run = EVP_MD_CTX_new() else { return Self.failed() }
        defer { EVP_MD_CTX_free(run) }
        var options: OpaquePointer?
        guard EVP_DigestSignInit_ex(run, &options, algorithm.hash, nil, nil, key, nil) == 1, Self.pad(options, algorithm) else { return Self.failed() }
        var count = 0
        guard EVP_DigestSign(run, nil, &count, message, message.count) == 1 else { return Self.failed() }
        var out = [UInt8](repeating: 0, count: count)
        guard EVP_DigestSign(run, &out, &count, message, message.count) == 1 else { return Self.failed() }
        return Array(out.prefix(count))
    }

    func verify(_ signature: [UInt8], _ message: [UInt8], _ algorithm: SignatureAlgorithm) -> Bool {
        guard let run = EVP_MD_CTX_new() else { return false }
        defer { EVP_MD_CTX_free(run) }
        var options: OpaquePointer?
        let good = EVP_DigestVerifyInit_ex(run, &options, algorithm.hash, nil, nil, key, nil) == 1 && Self.pad(options, algorithm)
            && EVP_DigestVerify(run, signature, signature.count, message, message.count) == 1
        if !good { ERR_clear_error() }
        return good
    }

    private static func pad(_ options: OpaquePointer?, _ algorithm: SignatureAlgorithm) -> Bool {
        guard algorithm.numberBytes == nil else { return true }
        return EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING) == 1 && EVP_PKEY_CTX_set_rsa_pss_saltlen(options, RSA_PSS_SALTLEN_DIGEST) == 1
    }

    /// Both numbers of an ECDSA signature in DER, each in `bytes` bytes.
    static func numbers(of der: [UInt8], _ bytes: Int) -> [UInt8]? {
        let read = der.withUnsafeBufferPointer { buffer in
            var start = buffer.baseAddress
            return d2i_ECDSA_SIG(nil, &start, buffer.count)
        }
        guard let pair = read else { return failed() }
        defer { ECDSA_SIG_free(pair) }
        var first = [UInt8](repeating: 0, count: bytes), second = first
        guard BN_bn2binpad(ECDSA_SIG_get0_r(pair), &first, Int32(bytes)) == Int32(bytes),
            BN_bn2binpad(ECDSA_SIG_get0_s(pair), &second, Int32(bytes)) == Int32(bytes)
        else { return failed() }
        return first + second
    }

    /// The same two numbers as OpenSSL reads them.
    static func der(of numbers: [UInt8]) -> [UInt8]? {
        let half = numbers.count / 2
        guard let pair = ECDSA_SIG_new() else { return failed() }
        defer { ECDSA_SIG_free(pair) }
        guard let first = BN_bin2bn(Array(numbers.prefix(half)), Int32(half), nil) else { return failed() }
        guard let second = BN_bin2bn(Array(numbers.suffix(half)), Int32(half), nil) else {
            BN_free(first)
            return failed()
        }
        // The pair owns both from here on.
        guard ECDSA_SIG_set0(pair, first, second) == 1 else { return failed() }
        var out: UnsafeMutablePointer<UInt8>?
        let count = i2d_ECDSA_SIG(pair, &out)
        guard count > 0, let out else { return failed() }
        defer { CRYPTO_free(out, #file, #line) }
        return Array(UnsafeBufferPointer(start: out, count: Int(count)))
    }

    /// OpenSSL's error queue belongs to the thread: what stays in it would be blamed on the next TLS connection.
    private static func failed<Result>() -> Result? {
        ERR_clear_error()
        return nil
    }
}

extension Fault {
    fileprivate static let keyUnreadable = Fault(
        "key_unreadable", stage: .crypto, disposition: .hold, summary: "this is no key that can be signed with",
        remedy: "Give an unencrypted PEM text of an RSA key of at least 2048 bits, or of a key on P-256, P-384 or P-521.")
}
