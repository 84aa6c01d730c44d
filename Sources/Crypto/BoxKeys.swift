public import Kernel
internal import COpenSSL

/// The reading half of a sealed box (X25519, HKDF-SHA-256, AES-256-GCM). Prints `***`.
///
/// A box is 1 byte version (1), 32 of a one-time public key, the ciphertext, 16 tag: 49 bytes longer than its content.
/// Anyone with the public half writes; not even the writer reads again. A box of an agreement (version 2) has 16 bytes
/// of salt after the public key, for several boxes share that one.
public struct BoxPrivateKey: Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The 32 bytes to keep.
    public let raw: Secret
    public let publicKey: BoxPublicKey

    /// - Throws: `key_length_wrong` unless the secret has 32 bytes.
    public init(raw: Secret) throws(Fault) {
        guard raw.count == X25519.bytes, let shown = X25519.publicKey(of: raw.reveal()) else {
            throw Fault(
                "key_length_wrong", stage: .crypto, disposition: .bug,
                summary: "an X25519 key has 32 bytes, this one has \(raw.count)")
        }
        self.raw = raw
        self.publicKey = BoxPublicKey(unchecked: shown)
    }

    /// A new key.
    public static func generate(random: some RandomSource) throws(Fault) -> BoxPrivateKey {
        try BoxPrivateKey(raw: Secret(random.bytes(X25519.bytes)))
    }

    /// The content of a box sealed for this key in this context.
    /// - Throws: `sealed_bytes_rejected` when a byte, the context or the key differs, without saying which.
    public func open(_ sealed: [UInt8], context: [UInt8]) throws(Fault) -> [UInt8] {
        guard let version = sealed.first, let saltBytes = BoxCipher.saltBytes(of: version) else { throw .sealedBytesRejected }
        let head = 1 + X25519.bytes
        guard sealed.count >= head + saltBytes + AESGCM.tagBytes else { throw .sealedBytesRejected }
        let sender = Array(sealed[1 ..< head])
        guard var shared = X25519.agree(secret: raw.reveal(), with: sender) else { throw .sealedBytesRejected }
        defer { shared.wipe() }
        let keys = BoxCipher(shared: shared, sender: sender, receiver: publicKey.bytes, salt: sealed[head ..< head + saltBytes])
        return try keys.open(Array(sealed[(head + saltBytes)...]), context: context)
    }

    public var description: String { "***" }
    public var debugDescription: String { "***" }
    public var customMirror: Mirror { Mirror(self, children: [:]) }
}

/// The writing half of a sealed box; not a secret.
public struct BoxPublicKey: Sendable, Hashable {
    /// 32 bytes.
    public let bytes: [UInt8]

    /// - Throws: `key_length_wrong` unless there are 32 bytes.
    public init(_ bytes: [UInt8]) throws(Fault) {
        guard bytes.count == X25519.bytes else {
            throw Fault(
                "key_length_wrong", stage: .crypto, disposition: .bug,
                summary: "an X25519 key has 32 bytes, this one has \(bytes.count)")
        }
        self.bytes = bytes
    }

    init(unchecked bytes: [UInt8]) { self.bytes = bytes }

    /// Seals `plain` so that only the private half opens it.
    /// - Parameter context: what the bytes are and whose; not stored, and needed again to open.
    /// - Throws: `public_key_rejected` for a key that no private key belongs to; `plaintext_too_large`; `seal_failed`.
    public func seal(_ plain: [UInt8], context: [UInt8], random: some RandomSource) throws(Fault) -> [UInt8] {
        var (sender, shared) = try agreed(random)
        defer { shared.wipe() }
        let keys = BoxCipher(shared: shared, sender: sender, receiver: bytes, salt: [])
        let body = try keys.seal(plain, context: context)
        sender.insert(keys.version, at: 0)
        return sender + body
    }

    /// Agrees on a secret once for many boxes: the agreement costs some thirty times what sealing 2 KB does.
    /// - Throws: `public_key_rejected`.
    public func agreement(random: some RandomSource) throws(Fault) -> BoxAgreement {
        let (sender, shared) = try agreed(random)
        return BoxAgreement(sender: sender, receiver: bytes, shared: Secret(shared))
    }

    /// A one-time public key, and the secret that only it and our private half lead to.
    private func agreed(_ random: some RandomSource) throws(Fault) -> (sender: [UInt8], shared: [UInt8]) {
        var once = random.bytes(X25519.bytes)
        defer { once.wipe() }
        guard let sender = X25519.publicKey(of: once), let shared = X25519.agree(secret: once, with: bytes) else {
            throw Fault(
                "public_key_rejected", stage: .crypto, disposition: .bug,
                summary: "the public key is a point of small order: nobody holds its private half")
        }
        return (sender, shared)
    }
}

/// A sender's half of an agreement, for many boxes to one receiver. Whoever gets hold of it opens the boxes sealed with
/// it, so it is for seconds, not for keeping.
public struct BoxAgreement: Sendable {
    private let sender: [UInt8]
    private let receiver: [UInt8]
    private let shared: Secret

    init(sender: [UInt8], receiver: [UInt8], shared: Secret) {
        self.sender = sender
        self.receiver = receiver
        self.shared = shared
    }

    /// Seals `plain` so that only the private half opens it; each box under a key of its own.
    /// - Throws: `plaintext_too_large`; `seal_failed`.
    public func seal(_ plain: [UInt8], context: [UInt8], random: some RandomSource) throws(Fault) -> [UInt8] {
        let salt = random.bytes(BoxCipher.sharedSaltBytes)
        let keys = BoxCipher(shared: shared.reveal(), sender: sender, receiver: receiver, salt: salt[...])
        let body = try keys.seal(plain, context: context)
        var out: [UInt8] = []
        out.reserveCapacity(1 + sender.count + salt.count + body.count)
        out.append(keys.version)
        out += sender
        out += salt
        out += body
        return out
    }
}

/// Key and nonce come from the agreement, both public keys, a salt where several boxes share the agreement, and a
/// label. No two boxes have the same ones, so no nonce needs storing.
private final class BoxCipher {
    static let sharedSaltBytes = 16
    private static let label = Array("counterfoil sealed box 1".utf8)
    private static let sharedLabel = Array("counterfoil sealed box 2".utf8)

    /// 1: the agreement is this box's own; 2: it is shared.
    let version: UInt8
    private var keys: [UInt8]

    /// `nil` for a version that nobody writes.
    static func saltBytes(of version: UInt8) -> Int? {
        switch version {
        case 1: 0
        case 2: sharedSaltBytes
        default: nil
        }
    }

    init(shared: [UInt8], sender: [UInt8], receiver: [UInt8], salt: ArraySlice<UInt8>) {
        version = salt.isEmpty ? 1 : 2
        keys = HKDF.sha256(
            secret: shared, salt: sender + receiver + salt, info: salt.isEmpty ? Self.label : Self.sharedLabel,
            count: 32 + AESGCM.nonceBytes)
    }

    deinit { keys.wipe() }

    func seal(_ plain: [UInt8], context: [UInt8]) throws(Fault) -> [UInt8] {
        try AESGCM.seal(plain, key: Array(keys[..<32]), nonce: Array(keys[32...]), context: [version] + context)
    }

    func open(_ sealed: [UInt8], context: [UInt8]) throws(Fault) -> [UInt8] {
        try AESGCM.open(sealed, key: Array(keys[..<32]), nonce: Array(keys[32...]), context: [version] + context)
    }
}

/// RFC 7748's function on raw 32-byte keys.
enum X25519 {
    static let bytes = 32

    /// The public key of a secret; `nil` only for a wrong length.
    static func publicKey(of secret: [UInt8]) -> [UInt8]? {
        guard secret.count == bytes,
            let key = EVP_PKEY_new_raw_private_key_ex(nil, "X25519", nil, secret, bytes)
        else { return failed() }
        defer { EVP_PKEY_free(key) }
        var out = [UInt8](repeating: 0, count: bytes)
        var count = bytes
        guard EVP_PKEY_get_raw_public_key(key, &out, &count) == 1, count == bytes else { return failed() }
        return out
    }

    /// The shared secret; `nil` for a wrong length and for a peer's point of small order (an all-zero result).
    static func agree(secret: [UInt8], with peer: [UInt8]) -> [UInt8]? {
        guard secret.count == bytes, peer.count == bytes,
            let own = EVP_PKEY_new_raw_private_key_ex(nil, "X25519", nil, secret, bytes)
        else { return failed() }
        defer { EVP_PKEY_free(own) }
        guard let other = EVP_PKEY_new_raw_public_key_ex(nil, "X25519", nil, peer, bytes) else { return failed() }
        defer { EVP_PKEY_free(other) }
        guard let run = EVP_PKEY_CTX_new_from_pkey(nil, own, nil) else { return failed() }
        defer { EVP_PKEY_CTX_free(run) }
        var out = [UInt8](repeating: 0, count: bytes)
        var count = bytes
        guard EVP_PKEY_derive_init(run) == 1, EVP_PKEY_derive_set_peer(run, other) == 1,
            EVP_PKEY_derive(run, &out, &count) == 1, count == bytes
        else { return failed() }
        return out
    }

    /// OpenSSL's error queue belongs to the thread: what stays in it would be blamed on the next TLS connection.
    private static func failed() -> [UInt8]? {
        ERR_clear_error()
        return nil
    }
}
