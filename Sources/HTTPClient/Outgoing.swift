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
    /// The reply is to be unpacked.
    let decodes: Bool
    let milliseconds: Int
    /// Header lines.
    let headers: UnsafeMutablePointer<curl_slist>?
    let body: UnsafeMutablePointer<UInt8>
    let bodyCount: Int

    /// - Throws: `egress_refused`, `request_malformed`, `http_timed_out`.
    init(_ request: HTTPRequest, timeout: Duration, policy: EgressPolicy, limits: ExchangeLimits) throws(Fault) {
        let parts = try URLParts(request.target, bytesMax: limits.urlBytesMax)
        try policy.check(parts)
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
        listed = policy.lists(parts)
        method = request.method
        self.carriesBody = carriesBody
        decodes = request.fields["Accept-Encoding"] == nil
        // One byte more, so that an empty body has an address too: libcurl takes nil for "ask a callback".
        bodyCount = request.body.count
        body = .allocate(capacity: bodyCount + 1)
        body.update(from: request.body, count: bodyCount)
        body[bodyCount] = 0
        var headers: UnsafeMutablePointer<curl_slist>?
        for line in lines { headers = curl_slist_append(headers, line) ?? headers }
        self.headers = headers
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
