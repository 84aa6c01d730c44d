internal import CCurl
internal import Glibc
internal import Kernel

/// A URL as libcurl reads it. The policy judges, the fault names and the transfer uses this one parse: two parsers that
/// disagree about a host are how guards are passed by.
final class URLParts {
    /// For CURLOPT_CURLU; lives as long as this object.
    let handle: OpaquePointer
    /// `http` or `https`; of mail servers `smtp` or `smtps`.
    let scheme: String
    /// Lower case; IPv6 in brackets; numeric forms of IPv4 already in dotted form.
    let host: String
    let port: Int
    /// `host:port`, as the operator's list has it.
    let authority: String

    /// Nothing of a request can be read on the way.
    var isEncrypted: Bool { scheme != "http" }

    /// - schemes: what is spoken: that of HTTP, or of mail.
    /// - Throws: `egress_refused` for anything but an absolute URL of these schemes without user and zone.
    init(_ url: String, bytesMax: Int, schemes: [String] = ["http", "https"]) throws(Fault) {
        guard let handle = curl_url() else { throw Self.refused("memory ran out") }
        guard url.utf8.count <= bytesMax, Self.isAbsolute(url) else {
            curl_url_cleanup(handle)
            throw Self.refused("this is not an absolute URL of at most \(bytesMax) bytes")
        }
        let result = curl_url_set(handle, CURLUPART_URL, url, UInt32(CURLU_DISALLOW_USER | CURLU_NON_SUPPORT_SCHEME))
        let part = { Self.part($0, of: handle) }
        guard result == CURLUE_OK, let scheme = part(CURLUPART_SCHEME).map(Self.lower), let host = part(CURLUPART_HOST),
            !host.isEmpty, let port = part(CURLUPART_PORT).flatMap({ Int($0) }), part(CURLUPART_ZONEID) == nil
        else {
            curl_url_cleanup(handle)
            let namesUser = result == CURLUE_USER_NOT_ALLOWED
            throw Self.refused(namesUser ? "the URL names a user" : "this is not an absolute \(schemes.joined(separator: " or ")) URL")
        }
        guard schemes.contains(scheme) else {
            curl_url_cleanup(handle)
            throw Self.refused("only \(schemes.joined(separator: " and ")) are spoken, not \(Self.printable(scheme, 20))")
        }
        self.handle = handle
        self.scheme = scheme
        self.host = Self.lower(host)
        self.port = port
        authority = self.host + ":" + String(port)
    }

    /// Scheme, host, port and path: no user, query or fragment. Safe to log. Made when a fault asks for it.
    var place: String { "\(scheme)://\(Self.printable(host, 255)):\(port)" + Self.printable(Self.part(CURLUPART_PATH, of: handle) ?? "/", 256) }

    deinit { curl_url_cleanup(handle) }

    private static func part(_ part: CURLUPart, of handle: OpaquePointer) -> String? {
        var text: UnsafeMutablePointer<CChar>?
        let result = curl_url_get(handle, part, &text, UInt32(CURLU_DEFAULT_PORT))
        guard result == CURLUE_OK, let text else { return nil }
        defer { curl_free(text) }
        return String(cString: text)
    }

    /// Two slashes after the scheme, and no zero byte: libcurl forgives one and three slashes, and reads a path's first word as a host then.
    private static func isAbsolute(_ url: String) -> Bool {
        var url = url
        return url.withUTF8 { text in
            guard let base = UnsafeRawPointer(text.baseAddress), memchr(base, 0, text.count) == nil, let found = memchr(base, 58, text.count) else { return false }
            let colon = UnsafeRawPointer(found) - base
            guard text.count >= colon + 3, text[colon + 1] == UInt8(ascii: "/"), text[colon + 2] == UInt8(ascii: "/") else { return false }
            return text.count == colon + 3 || text[colon + 3] != UInt8(ascii: "/")
        }
    }

    /// In lower case, which most hosts are already.
    private static func lower(_ text: String) -> String {
        text.utf8.contains { $0 >= 128 || (65 ... 90).contains($0) } ? text.lowercased() : text
    }

    private static func refused(_ why: String) -> Fault {
        Fault(
            "egress_refused", stage: .http, disposition: .hold, summary: why,
            remedy: "Correct the address in the connection's settings")
    }

    /// Text from outside, short and without control characters.
    private static func printable(_ text: String, _ most: Int) -> String {
        let kept = text.utf8.prefix(most).map { (0x21 ... 0x7e).contains($0) ? $0 : UInt8(ascii: "?") }
        return String(decoding: kept, as: UTF8.self) + (text.utf8.count > most ? "..." : "")
    }
}
