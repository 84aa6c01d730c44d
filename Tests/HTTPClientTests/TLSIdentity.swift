import COpenSSL
import FoundationEssentials

/// What a test server shows over TLS: a key, and a certificate for it by an authority of its own. Made for the test, good or as bad as it is asked to be.
///
/// Unchecked because of the C pointer: nothing changes once it is made, and OpenSSL lets every thread begin sessions of one context.
final class TLSIdentity: @unchecked Sendable {
    enum Signer { case authority, itself }

    /// For `SSL_new`.
    let context: OpaquePointer
    /// The certificate that has to be trusted for this one to be, as PEM.
    let authority: String

    /// - Parameters:
    ///   - address: the IPv4 address that the certificate is for.
    ///   - valid: from when until when, in seconds from now.
    ///   - authority: what the authority calls itself. Two of one name are still two.
    ///   - newest: the newest version of TLS that is spoken, as OpenSSL counts them.
    init(address: [UInt8] = [127, 0, 0, 1], valid: ClosedRange<Int> = -3_600 ... 3_600, signer: Signer = .authority, authority named: String = UUID().uuidString, newest: Int32? = nil) {
        let ownKey = TLSIdentity.key(), authorityKey = signer == .authority ? TLSIdentity.key() : ownKey
        let alternatives: [UInt8] = [0x30, UInt8(address.count + 2), 0x87, UInt8(address.count)] + address
        let own = TLSIdentity.certificate(
            "server", for: ownKey, by: signer == .authority ? named : "server", signedWith: authorityKey, valid, NID_subject_alt_name, alternatives)
        if signer == .authority {
            let basic = TLSIdentity.certificate(named, for: authorityKey, by: named, signedWith: authorityKey, -86_400 ... 86_400, NID_basic_constraints, [0x30, 3, 1, 1, 0xff])
            authority = TLSIdentity.pem(basic)
            X509_free(basic)
        } else {
            authority = TLSIdentity.pem(own)
        }
        guard let context = SSL_CTX_new(TLS_server_method()), SSL_CTX_use_certificate(context, own) == 1, SSL_CTX_use_PrivateKey(context, ownKey) == 1 else {
            preconditionFailure("a test server needs a certificate")
        }
        if let newest {
            SSL_CTX_set_security_level(context, 0)
            SSL_CTX_ctrl(context, SSL_CTRL_SET_MIN_PROTO_VERSION, Int(TLS1_VERSION), nil)
            SSL_CTX_ctrl(context, SSL_CTRL_SET_MAX_PROTO_VERSION, Int(newest), nil)
        }
        self.context = context
        X509_free(own)
        EVP_PKEY_free(ownKey)
        if signer == .authority { EVP_PKEY_free(authorityKey) }
    }

    deinit { SSL_CTX_free(context) }

    private static func key() -> OpaquePointer {
        var key: OpaquePointer?
        let maker = EVP_PKEY_CTX_new_from_name(nil, "EC", nil)
        defer { EVP_PKEY_CTX_free(maker) }
        let made = EVP_PKEY_keygen_init(maker) == 1 && EVP_PKEY_CTX_set_group_name(maker, "P-256") == 1 && EVP_PKEY_generate(maker, &key) == 1
        guard made, let key else { preconditionFailure("a test server needs a key") }
        return key
    }

    private static func certificate(
        _ subject: String, for key: OpaquePointer, by issuer: String, signedWith signing: OpaquePointer, _ valid: ClosedRange<Int>, _ kind: Int32, _ extra: [UInt8]
    ) -> OpaquePointer {
        guard let certificate = X509_new(), let value = ASN1_OCTET_STRING_new() else { preconditionFailure("a test server needs memory") }
        defer { ASN1_OCTET_STRING_free(value) }
        // Version 3, counted from 0.
        X509_set_version(certificate, 2)
        ASN1_INTEGER_set(X509_get_serialNumber(certificate), Int.random(in: 1 ... 1 << 40))
        X509_gmtime_adj(X509_getm_notBefore(certificate), valid.lowerBound)
        X509_gmtime_adj(X509_getm_notAfter(certificate), valid.upperBound)
        X509_set_pubkey(certificate, key)
        for (text, isSubject) in [(subject, true), (issuer, false)] {
            let name = X509_NAME_new()
            X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, text, -1, -1, 0)
            _ = isSubject ? X509_set_subject_name(certificate, name) : X509_set_issuer_name(certificate, name)
            X509_NAME_free(name)
        }
        ASN1_OCTET_STRING_set(value, extra, Int32(extra.count))
        let more = X509_EXTENSION_create_by_NID(nil, kind, kind == NID_basic_constraints ? 1 : 0, value)
        X509_add_ext(certificate, more, -1)
        X509_EXTENSION_free(more)
        guard X509_sign(certificate, signing, EVP_sha256()) > 0 else { preconditionFailure("a test server needs a signature") }
        return certificate
    }

    private static func pem(_ certificate: OpaquePointer) -> String {
        var bytes = [UInt8](repeating: 0, count: Int(max(0, i2d_X509(certificate, nil))))
        bytes.withUnsafeMutableBufferPointer { room in
            var at = room.baseAddress
            i2d_X509(certificate, &at)
        }
        return "-----BEGIN CERTIFICATE-----\n" + Data(bytes).base64EncodedString(options: [.lineLength64Characters, .endLineWithLineFeed]) + "\n-----END CERTIFICATE-----\n"
    }
}
