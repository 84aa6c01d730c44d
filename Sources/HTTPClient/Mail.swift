internal import CCurl
internal import Glibc
public import Kernel

/// One message to one receiver, for a mail server that speaks SMTP under TLS.
public struct Mail: Sendable {
    /// `smtp://host` (port 587 where none is named; TLS is begun by STARTTLS, always) or `smtps://host` (port 465).
    public var server: String
    /// Login at the server; without one nothing is said of who we are.
    public var user: String?
    public var password: Secret?
    public var from: String
    public var to: String
    /// The whole message, RFC 5322: header, empty line, body, lines ending in CR LF. Dots at the beginning of lines are doubled by libcurl.
    public var message: [UInt8]

    public init(server: String, user: String? = nil, password: Secret? = nil, from: String, to: String, message: [UInt8]) {
        self.server = server
        self.user = user
        self.password = password
        self.from = from
        self.to = to
        self.message = message
    }
}

/// What became of a mail. A receiver that gets one twice is told so by its Message-ID; so what is not known may be sent again.
public enum MailOutcome: Sendable {
    /// The server has taken it; its last words.
    case accepted(String)
    /// The server said no; 500 to 599 are for good.
    case refused(code: Int, said: String)
    /// Certainly not sent, or not known: the server may have it.
    case failed(Fault)
}

/// Who writes to whom, where, as C strings that live as long as this object.
///
/// Unchecked because of the C pointers: nothing changes once it is made, libcurl only reads it, and whoever lets go of it last frees it.
final class MailEnvelope: @unchecked Sendable {
    let parts: URLParts
    let from: String
    let receivers: UnsafeMutablePointer<curl_slist>?
    let user: String?
    private let secret: UnsafeMutablePointer<CChar>?

    var password: UnsafePointer<CChar>? { secret.map { UnsafePointer($0) } }

    /// - Throws: `egress_refused`, `mail_malformed`.
    init(_ mail: Mail, policy: EgressPolicy, limits: ExchangeLimits) throws(Fault) {
        let parts = try URLParts(MailEnvelope.withPort(mail.server), bytesMax: limits.urlBytesMax, schemes: ["smtp", "smtps"])
        for address in [mail.from, mail.to] where !MailEnvelope.isPlain(address) { throw MailEnvelope.malformed(parts, "an address is not one") }
        guard mail.user?.utf8.allSatisfy({ $0 >= 32 && $0 != 127 }) ?? true, !(mail.password?.reveal().contains(0) ?? false) else {
            throw MailEnvelope.malformed(parts, "the login holds a control character")
        }
        try MailEnvelope.complete(parts, from: mail.from)
        try policy.check(parts)
        // Where anybody may name a server, only its usual doors are knocked at.
        guard policy.lists(parts) || [25, 465, 587, 2525].contains(parts.port) else {
            throw EgressPolicy.refused(parts.place, "mail leaves by the ports 25, 465, 587 and 2525 only")
        }
        self.parts = parts
        from = "<\(mail.from)>"
        receivers = curl_slist_append(nil, "<\(mail.to)>")
        user = mail.user
        secret = mail.password.flatMap { strdup($0.revealText()) }
    }

    deinit {
        curl_slist_free_all(receivers)
        if let secret {
            explicit_bzero(secret, strlen(secret))
            free(secret)
        }
    }

    /// The path is what libcurl says EHLO with: the sender's domain, rather than this machine's name.
    private static func complete(_ parts: URLParts, from: String) throws(Fault) {
        let domain = from.split(separator: "@").last.map(String.init) ?? "localhost"
        guard curl_url_set(parts.handle, CURLUPART_PATH, "/\(domain)", 0) == CURLUE_OK else { throw malformed(parts, "the sender's domain is no name") }
    }

    /// Mail is handed in at 587 (RFC 6409), where libcurl would take 25.
    static func withPort(_ server: String) -> String {
        let rest = server.dropFirst("smtp://".count)
        return server.hasPrefix("smtp://") && !rest.contains(":") && !rest.contains("/") ? server + ":587" : server
    }

    private static func isPlain(_ address: String) -> Bool {
        (3 ... 254).contains(address.utf8.count) && address.utf8.allSatisfy { $0 > 32 && $0 < 127 && ![34, 40, 41, 44, 58, 59, 60, 62, 91, 92, 93].contains($0) }
            && address.utf8.filter { $0 == 64 }.count == 1
    }

    private static func malformed(_ parts: URLParts, _ why: String) -> Fault {
        Fault("mail_malformed", stage: .http, disposition: .reject, summary: "a mail for \(parts.place) can't be written: \(why)",
            remedy: "Correct the route's addresses and login.")
    }
}

extension HTTPClient {
    /// Bytes of a message.
    static let mailBytesMost = 1 << 20

    /// Sends one mail over a connection of its own, under TLS or not at all. Passes the same guard as every other exchange.
    /// - Parameter timeout: for all of it, queueing included.
    public func send(_ mail: Mail, timeout: Duration) async -> MailOutcome {
        let outgoing: Outgoing
        do throws(Fault) {
            let envelope = try MailEnvelope(mail, policy: policy, limits: limits)
            let milliseconds = timeout.wholeMilliseconds
            guard milliseconds > 0, mail.message.count <= HTTPClient.mailBytesMost else { throw .exchangeTimedOut(envelope.parts.place) }
            outgoing = Outgoing(mail: envelope, text: mail.message, milliseconds: milliseconds, policy: policy)
        } catch {
            return .failed(error)
        }
        switch await perform(outgoing, startBy: nil) {
        case .answered(let reply):
            let said = MailOutcome.printable(reply.lastLine ?? "")
            let code = Int(said.prefix(3)) ?? 0
            return (200 ..< 300).contains(code) ? .accepted(said) : .refused(code: code, said: said)
        case .notSent(let fault), .unknown(let fault): return .failed(fault)
        }
    }
}

extension MailOutcome {
    /// A server's line, short and without control characters.
    fileprivate static func printable(_ line: String) -> String {
        var out = ""
        for scalar in line.unicodeScalars.prefix(300) { out.unicodeScalars.append(scalar.value < 32 || (127 ... 159).contains(scalar.value) ? "?" : scalar) }
        return out
    }
}

// What libcurl is told, and what its last word means.
extension Transfer {
    func configureMail(_ envelope: MailEnvelope) {
        cf_setopt_str(easy, CURLOPT_PROTOCOLS_STR, "smtp,smtps")
        // STARTTLS or nothing: a server that does not offer it gets neither login nor mail.
        cf_setopt_long(easy, CURLOPT_USE_SSL, Int(CURLUSESSL_ALL.rawValue))
        // A connection that another login was made on is nobody else's.
        cf_setopt_long(easy, CURLOPT_FRESH_CONNECT, 1)
        cf_setopt_long(easy, CURLOPT_FORBID_REUSE, 1)
        cf_setopt_str(easy, CURLOPT_MAIL_FROM, envelope.from)
        cf_setopt_ptr(easy, CURLOPT_MAIL_RCPT, UnsafeMutableRawPointer(envelope.receivers))
        if let user = envelope.user {
            cf_setopt_str(easy, CURLOPT_USERNAME, user)
            cf_setopt_str(easy, CURLOPT_PASSWORD, envelope.password)
        }
        cf_setopt_long(easy, CURLOPT_UPLOAD, 1)
        cf_setopt_off(easy, CURLOPT_INFILESIZE_LARGE, curl_off_t(outgoing.bodyCount))
        cf_setopt_ptr(easy, CURLOPT_READDATA, Unmanaged.passUnretained(self).toOpaque())
        cf_setopt_data(easy, CURLOPT_READFUNCTION) { room, size, count, me in
            guard let room else { return 0 }
            return Transfer.from(me)?.give(UnsafeMutableRawBufferPointer(start: room, count: size * count)) ?? 0
        }
    }

    /// The next bytes of the message.
    private func give(_ room: UnsafeMutableRawBufferPointer) -> Int {
        let count = min(room.count, outgoing.bodyCount - taken)
        guard count > 0, let start = room.baseAddress else { return 0 }
        memcpy(start, outgoing.body + taken, count)
        taken += count
        return count
    }

    /// The server's own word counts where there is one; before it everything is as with any other exchange.
    func judgeMail(_ result: CURLcode) -> Ending {
        let line = reply.lastLine ?? "", code = Int(line.prefix(3)) ?? 0
        if attempts > 0, result == CURLE_OK || (code >= 400 && result != CURLE_OPERATION_TIMEDOUT) { return .answered(reply) }
        // Before the mail itself: it is about the server and the login, not about who is written to.
        switch result {
        case CURLE_USE_SSL_FAILED:
            return .notSent(Fault(
                "mail_without_tls", stage: .http, disposition: .hold, summary: "\(place) offers no STARTTLS",
                remedy: "Name a server and port that speak TLS: smtps://HOST:465, or smtp://HOST:587."))
        case CURLE_LOGIN_DENIED:
            return .notSent(Fault(
                "mail_login_refused", stage: .http, disposition: .hold, summary: "\(place) refuses the login: \(MailOutcome.printable(line))",
                remedy: "Correct the route's user and password."))
        case _ where attempts == 0 && code >= 400 && [CURLE_WEIRD_SERVER_REPLY, CURLE_REMOTE_ACCESS_DENIED].contains(result):
            return .notSent(Fault("mail_server_refuses", stage: .http, disposition: .retry, summary: "\(place) takes no mail: \(MailOutcome.printable(line))"))
        default: return interrupted(fault(result))
        }
    }
}
