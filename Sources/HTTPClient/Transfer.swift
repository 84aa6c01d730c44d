internal import CCurl
internal import Glibc
internal import Kernel
internal import Wire

/// One exchange on the engine's thread: an easy handle, what it sends, and what came back so far.
final class Transfer {
    /// The submission's.
    let id: UInt64
    let easy: UnsafeMutableRawPointer
    let outgoing: Outgoing
    /// Scheme, host, port and path.
    var place: String { outgoing.place }

    let listed: Bool
    let isRead: Bool
    let limits: ExchangeLimits
    private let startBy: Duration?
    private let began = SystemClocks().monotonic()
    private let sockets: OpenSockets
    /// How much of a mail's text libcurl has taken.
    var taken = 0
    let continuation: CheckedContinuation<Ending, Never>
    private var ownsHandle = true

    // What the callbacks note.
    /// How often libcurl stood before an open connection with the request in its hand.
    var attempts = 0
    var addressRefused = false
    var stoppedResend = false
    /// The connection that was to be used again had something to read. Nothing was written.
    var stale = false
    var tooLate = false
    var tooLarge = false
    /// One thread's, and libcurl calls for one piece after another.
    @exclusivity(unchecked) var reply: ReplyCollector

    init(_ submission: Submission, settings: EngineSettings, share: UnsafeMutableRawPointer, sockets: OpenSockets, handle: UnsafeMutableRawPointer) {
        id = submission.id
        self.sockets = sockets
        easy = handle
        outgoing = submission.outgoing
        limits = settings.limits
        startBy = submission.startBy
        reply = submission.reply
        continuation = submission.continuation
        listed = outgoing.listed
        isRead = outgoing.isRead
        configure()
        cf_setopt_ptr(easy, CURLOPT_SHARE, share)
        if let file = settings.certificatesFile {
            cf_setopt_str(easy, CURLOPT_CAINFO, file)
            cf_setopt_ptr(easy, CURLOPT_CAPATH, nil)
        }
    }

    deinit {
        if ownsHandle { curl_easy_cleanup(easy) }
    }

    /// The handle without any of this exchange's options, for another one. It must be off the multi handle.
    func giveUpHandle() -> UnsafeMutableRawPointer {
        ownsHandle = false
        curl_easy_reset(easy)
        return easy
    }

    private func configure() {
        configureTransport()
        if let envelope = outgoing.envelope { configureMail(envelope) } else { configureHTTP() }
        configureCallbacks()
    }

    /// What holds for whatever is spoken.
    private func configureTransport() {
        let milliseconds = outgoing.milliseconds
        cf_setopt_ptr(easy, CURLOPT_CURLU, UnsafeMutableRawPointer(outgoing.parts.handle))
        cf_setopt_long(easy, CURLOPT_NOSIGNAL, 1)
        // An empty text, not nil: nil would let http_proxy and its kin decide.
        cf_setopt_str(easy, CURLOPT_PROXY, "")
        cf_setopt_long(easy, CURLOPT_NETRC, Int(CURL_NETRC_IGNORED.rawValue))
        cf_setopt_long(easy, CURLOPT_SSL_VERIFYPEER, 1)
        cf_setopt_long(easy, CURLOPT_SSL_VERIFYHOST, 2)
        cf_setopt_long(easy, CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2)
        cf_setopt_long(easy, CURLOPT_TIMEOUT_MS, milliseconds)
        cf_setopt_long(easy, CURLOPT_CONNECTTIMEOUT_MS, min(milliseconds, limits.connectSeconds * 1000))
        cf_setopt_long(easy, CURLOPT_TCP_KEEPALIVE, 1)
        cf_setopt_long(easy, CURLOPT_MAXAGE_CONN, isRead ? limits.readReuseSeconds : limits.writeReuseSeconds)
        cf_setopt_off(easy, CURLOPT_MAXFILESIZE_LARGE, curl_off_t(limits.replyBytesMax))
        // Without it an abort waits for a resolver thread, and every other transfer with it.
        cf_setopt_long(easy, CURLOPT_QUICK_EXIT, 1)
    }

    private func configureHTTP() {
        cf_setopt_str(easy, CURLOPT_PROTOCOLS_STR, "http,https")
        cf_setopt_long(easy, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1)
        cf_setopt_long(easy, CURLOPT_FOLLOWLOCATION, 0)
        cf_setopt_ptr(easy, CURLOPT_HTTPHEADER, UnsafeMutableRawPointer(outgoing.headers))
        configureMethod()
    }

    private func configureMethod() {
        let method = outgoing.method
        if outgoing.carriesBody {
            cf_setopt_long(easy, CURLOPT_POST, 1)
            cf_setopt_off(easy, CURLOPT_POSTFIELDSIZE_LARGE, curl_off_t(outgoing.bodyCount))
            cf_setopt_ptr(easy, CURLOPT_POSTFIELDS, UnsafeMutableRawPointer(outgoing.body))
        } else {
            cf_setopt_long(easy, method == .head ? CURLOPT_NOBODY : CURLOPT_HTTPGET, 1)
        }
        // libcurl has the words GET and POST itself.
        let isPlain = method == (outgoing.carriesBody ? .post : .get)
        if method != .head, !isPlain { cf_setopt_str(easy, CURLOPT_CUSTOMREQUEST, method.rawValue) }
    }

    private func configureCallbacks() {
        // Unretained: the engine holds this object until the handle is off the multi handle.
        let me = Unmanaged.passUnretained(self).toOpaque()
        cf_setopt_ptr(easy, CURLOPT_PRIVATE, me)
        cf_setopt_ptr(easy, CURLOPT_OPENSOCKETDATA, me)
        cf_setopt_opensocket(easy) { me, _, address in Transfer.from(me)?.openSocket(address) ?? -1 }
        // A connection outlives the exchange that opened it, and the engine's list outlives both.
        cf_setopt_ptr(easy, CURLOPT_CLOSESOCKETDATA, Unmanaged.passUnretained(sockets).toOpaque())
        cf_setopt_closesocket(easy) { list, socket in
            if let list { Unmanaged<OpenSockets>.fromOpaque(list).takeUnretainedValue().forget(socket) }
            return close(socket)
        }
        cf_setopt_ptr(easy, CURLOPT_PREREQDATA, me)
        cf_setopt_prereq(easy) { me, address, _, peer, local in
            Transfer.from(me)?.beforeRequest(OpenSockets.Ends(local: local, peer: peer, address: address)) ?? CURL_PREREQFUNC_ABORT
        }
        cf_setopt_ptr(easy, CURLOPT_HEADERDATA, me)
        cf_setopt_data(easy, CURLOPT_HEADERFUNCTION) { bytes, size, count, me in
            Transfer.from(me)?.receiveHeader(UnsafeRawBufferPointer(start: bytes, count: size * count)) ?? 0
        }
        cf_setopt_ptr(easy, CURLOPT_WRITEDATA, me)
        cf_setopt_data(easy, CURLOPT_WRITEFUNCTION) { bytes, size, count, me in
            Transfer.from(me)?.receiveBody(UnsafeRawBufferPointer(start: bytes, count: size * count)) ?? 0
        }
    }

    static func from(_ pointer: UnsafeMutableRawPointer?) -> Transfer? {
        pointer.map { Unmanaged<Transfer>.fromOpaque($0).takeUnretainedValue() }
    }

    /// The exchange that a handle on the multi handle is used for.
    static func of(_ easy: UnsafeMutableRawPointer) -> Transfer? {
        var me: UnsafeMutableRawPointer?
        return cf_getinfo_ptr(easy, CURLINFO_PRIVATE, &me) == CURLE_OK ? from(me) : nil
    }

    /// Has the exchange begin anew over a new connection, in what is left of its time, where nothing was written over the one that it was given. The handle must
    /// be off the multi handle.
    func beginsAnew() -> Bool {
        guard stale, attempts == 0 else { return false }
        let left = outgoing.milliseconds - Int((SystemClocks().monotonic() - began).wholeMilliseconds)
        guard left > 0 else { return false }
        stale = false
        cf_setopt_long(easy, CURLOPT_TIMEOUT_MS, left)
        cf_setopt_long(easy, CURLOPT_CONNECTTIMEOUT_MS, min(left, limits.connectSeconds * 1000))
        cf_setopt_long(easy, CURLOPT_FRESH_CONNECT, 1)
        return true
    }

    /// Answers the caller. Once: the engine has let go of the transfer before.
    func finish(_ ending: Ending) { continuation.resume(returning: ending) }
}

// What libcurl asks and tells while the transfer runs.
extension Transfer {
    /// The second half of the guard: the address itself, after resolving, right before the socket.
    private func openSocket(_ address: UnsafeMutablePointer<curl_sockaddr>?) -> curl_socket_t {
        guard let address, let start = MemoryLayout<curl_sockaddr>.offset(of: \.addr) else { return -1 }
        let bytes = UnsafeRawBufferPointer(
            start: UnsafeRawPointer(address) + start, count: Int(address.pointee.addrlen))
        let target = Address(socketAddress: bytes, family: address.pointee.family)
        guard let target, listed || target.isPublic else {
            addressRefused = true
            return -1
        }
        let opened = socket(
            address.pointee.family, address.pointee.socktype | Int32(SOCK_CLOEXEC.rawValue), address.pointee.protocol)
        if opened >= 0 { sockets.opened(opened) }
        return opened
    }

    /// Called with the connection open and before the first byte of the request, again for each resend.
    private func beforeRequest(_ place: OpenSockets.Ends) -> Int32 {
        let isStale = sockets.hasUnaskedBytes(place)
        if attempts > 0, !isRead {
            stoppedResend = true
            return CURL_PREREQFUNC_ABORT
        }
        if attempts == 0, let startBy, SystemClocks().monotonic() > startBy {
            tooLate = true
            return CURL_PREREQFUNC_ABORT
        }
        if isStale {
            stale = true
            return CURL_PREREQFUNC_ABORT
        }
        attempts += 1
        reply.restart()
        return CURL_PREREQFUNC_OK
    }

    private func receiveHeader(_ line: UnsafeRawBufferPointer) -> Int {
        guard reply.takeHeader(line, bytesMax: limits.replyHeaderBytesMax) else {
            tooLarge = true
            return 0
        }
        return line.count
    }

    private func receiveBody(_ bytes: UnsafeRawBufferPointer) -> Int {
        guard reply.takeBody(bytes, bytesMax: limits.replyBytesMax) else {
            tooLarge = true
            return 0
        }
        return bytes.count
    }
}
