internal import CCurl
internal import Glibc
internal import Kernel
internal import Wire

/// What one exchange sends, judged and written out by its caller: the engine's thread works for everybody, so it does only what nobody else can.
///
/// Unchecked because of the C pointers. Nothing in it changes once it is made; it comes to the engine under the lock of the `Mailbox`, libcurl only reads
/// it (of the URL it makes a copy), and whoever lets go of it last frees it.
final class Outgoing: @unchecked Sendable {
    let parts: URLParts
    /// On the operator's list: its addresses may be private.
    let listed: Bool
    let method: HTTPMethod
    let carriesBody: Bool
    let milliseconds: Int
    /// Header lines.
    let headers: UnsafeMutablePointer<curl_slist>?
    let body: UnsafeMutablePointer<UInt8>
    let bodyCount: Int
    /// Set where this is a mail, whose text is the body.
    let envelope: MailEnvelope?

    /// - Throws: `egress_refused`, `request_malformed`, `http_timed_out`.
    init(_ request: HTTPRequest, timeout: Duration, policy: EgressPolicy, limits: ExchangeLimits) throws(Fault) {
        let parts = try URLParts(request.target, bytesMax: limits.urlBytesMax)
        let listed = try policy.check(parts)
        let carriesBody: Bool = switch request.method {
        case .post, .put, .patch: true
        case .get, .delete, .options: !request.body.isEmpty
        case .head: false
        }
        let lines = try RequestHead.lines(request, parts: parts, carriesBody: carriesBody)
        let milliseconds = timeout.wholeMilliseconds
        guard milliseconds > 0 else { throw .exchangeTimedOut(parts.place) }
        self.parts = parts
        self.milliseconds = milliseconds
        self.listed = listed
        method = request.method
        self.carriesBody = carriesBody
        envelope = nil
        (body, bodyCount) = Outgoing.copy(request.body)
        headers = Outgoing.list(lines)
    }

    /// A mail: every write that a lost answer leaves unknown is one that may be there twice, so it is no read.
    init(mail envelope: MailEnvelope, text: [UInt8], milliseconds: Int, policy: EgressPolicy) {
        parts = envelope.parts
        listed = policy.lists(envelope.parts)
        method = .post
        carriesBody = true
        self.milliseconds = milliseconds
        self.envelope = envelope
        (body, bodyCount) = Outgoing.copy(text)
        headers = Outgoing.list([])
    }

    /// One byte more, so that an empty body has an address too: libcurl takes nil for "ask a callback".
    private static func copy(_ bytes: [UInt8]) -> (UnsafeMutablePointer<UInt8>, Int) {
        let out = UnsafeMutablePointer<UInt8>.allocate(capacity: bytes.count + 1)
        out.update(from: bytes, count: bytes.count)
        out[bytes.count] = 0
        return (out, bytes.count)
    }

    private static func list(_ lines: [String]) -> UnsafeMutablePointer<curl_slist>? {
        var out: UnsafeMutablePointer<curl_slist>?
        for line in lines { out = curl_slist_append(out, line) ?? out }
        return out
    }

    deinit {
        // Authorization lines and the bodies of token requests are secrets.
        var line = headers
        while let here = line {
            if let text = here.pointee.data { explicit_bzero(text, strlen(text)) }
            line = here.pointee.next
        }
        curl_slist_free_all(headers)
        explicit_bzero(body, bodyCount)
        body.deallocate()
    }

    /// Scheme, host, port and path.
    var place: String { parts.place }

    var isRead: Bool { method == .get || method == .head || method == .options }
}
