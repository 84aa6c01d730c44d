internal import COpenSSL
internal import Kernel

/// Handles of OpenSSL's algorithms, fetched once for the life of the process: a fetch by name takes the provider's lock
/// and a search, a fetched handle takes neither.
enum Algorithms {
    /// An algorithm's handle. Unchecked because the compiler can't see through the pointer: what it points to never
    /// changes after the fetch and OpenSSL counts its references atomically, so there is no lock to name.
    struct Handle: @unchecked Sendable {
        let pointer: OpaquePointer

        init(_ pointer: OpaquePointer?, _ name: StaticString) {
            guard let pointer else { preconditionFailure("OpenSSL has no \(name): a default provider is needed") }
            self.pointer = pointer
        }
    }

    static let sha1 = Handle(EVP_MD_fetch(nil, "SHA1", nil), "SHA1")
    static let sha256 = Handle(EVP_MD_fetch(nil, "SHA2-256", nil), "SHA2-256")
    static let aes256GCM = Handle(EVP_CIPHER_fetch(nil, "AES-256-GCM", nil), "AES-256-GCM")
    static let hmac = Handle(EVP_MAC_fetch(nil, "HMAC", nil), "HMAC")
    static let hmacSHA1 = hmacTemplate("SHA1")
    static let hmacSHA256 = hmacTemplate("SHA2-256")

    /// A context with its hash chosen and an empty key, only ever duplicated. Choosing the hash fetches by name again,
    /// and version 3.0 duplicates no context that never saw a key.
    private static func hmacTemplate(_ hash: StaticString) -> MACTemplate {
        let context = Handle(EVP_MAC_CTX_new(hmac.pointer), "HMAC context")
        let ready = hash.withUTF8Buffer { name in
            var choice = name.map { CChar(bitPattern: $0) } + [0]
            return choice.withUnsafeMutableBufferPointer { text in
                let parameters = [
                    OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, text.baseAddress, 0),
                    OSSL_PARAM_construct_end(),
                ]
                let noKey: UInt8 = 0
                return withUnsafePointer(to: noKey) { EVP_MAC_init(context.pointer, $0, 0, parameters) }
            }
        }
        precondition(ready == 1, "OpenSSL refused HMAC with \(hash)")
        return MACTemplate(context)
    }
}

/// Contexts of one keyed hash. A copy and its freeing cost as much as hashing 500 bytes: one context waits for the next message.
struct MACTemplate: Sendable {
    private let template: Algorithms.Handle
    private let spare = Locked<Algorithms.Handle?>(nil)

    init(_ template: Algorithms.Handle) { self.template = template }

    /// A context that wants its key.
    func take() -> OpaquePointer {
        if let context = spare.with({ slot in slot.take() }) { return context.pointer }
        guard let copy = EVP_MAC_CTX_dup(template.pointer) else {
            preconditionFailure("OpenSSL could not copy an HMAC context; only exhausted memory explains it")
        }
        return copy
    }

    /// Keeps the context without its key, or frees it, which cleanses the key too.
    func put(back context: OpaquePointer) {
        let forgot = withUnsafePointer(to: UInt8(0)) { EVP_MAC_init(context, $0, 0, nil) } == 1
        let kept = forgot && spare.with { slot in
            guard slot == nil else { return false }
            slot = Algorithms.Handle(context, "HMAC context")
            return true
        }
        if !kept { EVP_MAC_CTX_free(context) }
    }
}

extension [UInt8] {
    /// Overwrites the bytes in a way the optimiser may not drop. Call it on a buffer nothing else holds.
    mutating func wipe() {
        withUnsafeMutableBytes { OPENSSL_cleanse($0.baseAddress, $0.count) }
    }
}
