internal import COpenSSL

/// Hashes.
public enum Digest {
    /// SHA-256 (FIPS 180-4): 32 bytes.
    public static func sha256(_ message: [UInt8]) -> [UInt8] {
        var out = [UInt8](repeating: 0, count: 32)
        let done = EVP_Digest(message, message.count, &out, nil, Algorithms.sha256.pointer, nil)
        precondition(done == 1, "OpenSSL could not hash; only exhausted memory explains it")
        return out
    }
}

/// Keyed hashes (RFC 2104). Compare results with `constantTimeEquals`, never with `==`.
public enum HMAC {
    /// HMAC-SHA-256: 32 bytes. A key may have any length, none included.
    public static func sha256(key: [UInt8], _ message: [UInt8]) -> [UInt8] {
        code(Algorithms.hmacSHA256, key: key, message, count: 32)
    }

    /// HMAC-SHA-1: 20 bytes. Only for platforms that sign with nothing better; sound as a MAC, not as a hash.
    public static func sha1(key: [UInt8], _ message: [UInt8]) -> [UInt8] {
        code(Algorithms.hmacSHA1, key: key, message, count: 20)
    }

    private static func code(
        _ template: MACTemplate, key: [UInt8], _ message: [UInt8], count: Int
    ) -> [UInt8] {
        let context = template.take()
        defer { template.put(back: context) }
        var out = [UInt8](repeating: 0, count: count)
        var written = 0
        // A nil key would mean "the template's key", and an empty array may have no address.
        let keyed = key.isEmpty
            ? withUnsafePointer(to: UInt8(0)) { EVP_MAC_init(context, $0, 0, nil) }
            : EVP_MAC_init(context, key, key.count, nil)
        let done = keyed == 1
            && EVP_MAC_update(context, message, message.count) == 1
            && EVP_MAC_final(context, &out, &written, count) == 1
        precondition(done && written == count, "OpenSSL could not compute an HMAC")
        return out
    }
}

/// Derives keys from a secret (RFC 5869).
public enum HKDF {
    /// HKDF-SHA-256: `count` bytes (1 to 8160) bound to `info`, which says what the key is for.
    public static func sha256(secret: [UInt8], salt: [UInt8], info: [UInt8], count: Int) -> [UInt8] {
        precondition((1 ... 255 * 32).contains(count), "HKDF-SHA-256 gives 1 to 8160 bytes")
        var extracted = HMAC.sha256(key: salt, secret)
        defer { extracted.wipe() }
        var out: [UInt8] = []
        out.reserveCapacity(count + 32)
        var block: [UInt8] = []
        var number: UInt8 = 1
        while out.count < count {
            block = HMAC.sha256(key: extracted, block + info + [number])
            out += block
            number &+= 1
        }
        block.wipe()
        return Array(out.prefix(count))
    }
}

/// Whether both are the same bytes, in a time that depends on their length only.
public func constantTimeEquals(_ a: [UInt8], _ b: [UInt8]) -> Bool {
    a.count == b.count && CRYPTO_memcmp(a, b, a.count) == 0
}
