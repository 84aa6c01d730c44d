public import Kernel
internal import COpenSSL

/// A key for AES-256-GCM: 32 bytes that seal and open. Prints `***`.
///
/// Nonces are random, so one key seals at most 2^32 messages before a repeat becomes likely enough to matter
/// (NIST SP 800-38D, section 8.3); a tenant's key is replaced long before.
public struct AEADKey: Sendable, Hashable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The 32 bytes.
    public let secret: Secret

    /// - Throws: `key_length_wrong` unless the secret has 32 bytes.
    public init(_ secret: Secret) throws(Fault) {
        guard secret.count == Self.bytes else {
            throw Fault(
                "key_length_wrong", stage: .crypto, disposition: .bug,
                summary: "an AES-256 key has 32 bytes, this one has \(secret.count)")
        }
        self.secret = secret
    }

    private init(unchecked secret: Secret) { self.secret = secret }

    /// A new key.
    public static func random(_ random: some RandomSource) -> AEADKey {
        let drawn = random.bytes(bytes)
        precondition(drawn.count == bytes, "a random source must give as many bytes as asked")
        return AEADKey(unchecked: Secret(drawn))
    }

    /// Seals `plain`: 1 byte version, 12 nonce, the ciphertext, 16 tag; 29 bytes longer than `plain`.
    /// - Parameter context: what the bytes are and whose; not stored, and needed again to open.
    /// - Throws: `seal_failed`; `plaintext_too_large` over `AEADKey.plainBytesMax`.
    public func seal(_ plain: [UInt8], context: [UInt8], random: some RandomSource) throws(Fault) -> [UInt8] {
        let nonce = random.bytes(AESGCM.nonceBytes)
        let body = try AESGCM.seal(plain, key: secret.reveal(), nonce: nonce, context: [Self.version] + context)
        return [Self.version] + nonce + body
    }

    /// Undoes `seal`.
    /// - Throws: `sealed_bytes_rejected` when a byte, the context or the key differs, without saying which.
    public func open(_ sealed: [UInt8], context: [UInt8]) throws(Fault) -> [UInt8] {
        let head = 1 + AESGCM.nonceBytes
        guard sealed.count >= head + AESGCM.tagBytes, sealed[0] == Self.version else { throw .sealedBytesRejected }
        return try AESGCM.open(
            Array(sealed[head...]), key: secret.reveal(), nonce: Array(sealed[1 ..< head]),
            context: [Self.version] + context)
    }

    /// The longest text one call seals: what the C interface counts in an `int`, with room to spare.
    public static let plainBytesMax = 1 << 30

    public var description: String { "***" }
    public var debugDescription: String { "***" }
    public var customMirror: Mirror { Mirror(self, children: [:]) }

    private static let bytes = 32
    private static let version: UInt8 = 1
}

/// The cipher itself, without a format of its own.
enum AESGCM {
    static let nonceBytes = 12
    static let tagBytes = 16

    /// Ciphertext and tag.
    static func seal(_ plain: [UInt8], key: [UInt8], nonce: [UInt8], context: [UInt8]) throws(Fault) -> [UInt8] {
        precondition(key.count == 32 && nonce.count == nonceBytes, "AES-256-GCM takes 32 bytes of key and 12 of nonce")
        guard plain.count <= AEADKey.plainBytesMax, context.count <= AEADKey.plainBytesMax else {
            throw Fault(
                "plaintext_too_large", stage: .crypto, disposition: .reject,
                summary: "more bytes to seal than one message may hold",
                remedy: "Send less at once: a record this large is none of a shop's.")
        }
        let run = EVP_CIPHER_CTX_new()
        defer { EVP_CIPHER_CTX_free(run) }
        var out = [UInt8](repeating: 0, count: plain.count + tagBytes)
        var written: Int32 = 0
        let done = out.withUnsafeMutableBufferPointer { buffer in
            guard let base = buffer.baseAddress else { return false }
            return EVP_EncryptInit_ex2(run, Algorithms.aes256GCM.pointer, key, nonce, nil) == 1
                && (context.isEmpty || EVP_EncryptUpdate(run, nil, &written, context, Int32(context.count)) == 1)
                && (plain.isEmpty || EVP_EncryptUpdate(run, base, &written, plain, Int32(plain.count)) == 1)
                && EVP_EncryptFinal_ex(run, base + plain.count, &written) == 1
                && EVP_CIPHER_CTX_ctrl(run, EVP_CTRL_AEAD_GET_TAG, Int32(tagBytes), base + plain.count) == 1
        }
        guard done else {
            ERR_clear_error()
            throw Fault("seal_failed", stage: .crypto, disposition: .bug, summary: "OpenSSL could not encrypt")
        }
        return out
    }

    /// The plain text of ciphertext and tag.
    static func open(_ sealed: [UInt8], key: [UInt8], nonce: [UInt8], context: [UInt8]) throws(Fault) -> [UInt8] {
        precondition(key.count == 32 && nonce.count == nonceBytes, "AES-256-GCM takes 32 bytes of key and 12 of nonce")
        let count = sealed.count - tagBytes
        guard count >= 0, count <= AEADKey.plainBytesMax, context.count <= AEADKey.plainBytesMax else {
            throw .sealedBytesRejected
        }
        let run = EVP_CIPHER_CTX_new()
        defer { EVP_CIPHER_CTX_free(run) }
        var tag = Array(sealed[count...])
        var out = [UInt8](repeating: 0, count: count + 1)
        var written: Int32 = 0
        let done = out.withUnsafeMutableBufferPointer { buffer in
            guard let base = buffer.baseAddress else { return false }
            return EVP_DecryptInit_ex2(run, Algorithms.aes256GCM.pointer, key, nonce, nil) == 1
                && EVP_CIPHER_CTX_ctrl(run, EVP_CTRL_AEAD_SET_TAG, Int32(tagBytes), &tag) == 1
                && (context.isEmpty || EVP_DecryptUpdate(run, nil, &written, context, Int32(context.count)) == 1)
                && (count == 0 || EVP_DecryptUpdate(run, base, &written, sealed, Int32(count)) == 1)
                && EVP_DecryptFinal_ex(run, base + count, &written) == 1
        }
        guard done else {
            // What was decrypted before the tag failed is not ours to show.
            out.wipe()
            ERR_clear_error()
            throw .sealedBytesRejected
        }
        out.removeLast()
        return out
    }
}

extension Fault {
    static var sealedBytesRejected: Fault {
        Fault(
            "sealed_bytes_rejected", stage: .crypto, disposition: .hold,
            summary: "sealed bytes did not open: changed, cut, from another context or under another key",
            remedy: "Check that this row belongs to this tenant and that the right key is loaded")
    }
}
