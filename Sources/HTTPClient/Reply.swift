internal import CCurl
internal import Glibc
internal import Kernel
package import Wire

/// How an exchange ended, as the engine says it: as `HTTPOutcome`, with a reply that its caller is still to read.
enum Ending: Sendable {
    case answered(ReplyCollector)
    case notSent(Fault)
    case unknown(Fault)
}

/// Gathers a reply from libcurl's header and body callbacks. On the engine's thread it only keeps what comes; the caller reads it.
package struct ReplyCollector: Sendable {
    /// The head's lines after its first, as they came.
    private var head: [UInt8] = []
    private var body: [UInt8] = []
    /// The header section of the final reply came to its end.
    package private(set) var hasHead = false
    private var status = 0
    private var headerBytes = 0

    /// With room for a short reply. Made by its caller: what one thread allocates and another gives back makes both wait at the allocator's lock, and the
    /// engine's thread is everybody's.
    package init(headRoom: Int = 0, bodyRoom: Int = 0) {
        head.reserveCapacity(headRoom)
        body.reserveCapacity(bodyRoom)
    }

    /// Forgets what came of an earlier attempt.
    package mutating func restart() {
        head.removeAll(keepingCapacity: true)
        body.removeAll(keepingCapacity: true)
        (hasHead, status, headerBytes) = (false, 0, 0)
    }

    /// One line with its line end. False when there are too many.
    package mutating func takeHeader(_ line: UnsafeRawBufferPointer, bytesMax: Int) -> Bool {
        headerBytes += line.count
        guard headerBytes <= bytesMax else { return false }
        // What follows the final header section are trailers: nothing we speak uses them.
        guard !hasHead else { return true }
        if line.isEmpty || line[0] == 13 || line[0] == 10 {
            hasHead = status >= 200
        } else if line.count >= 5, line[0] == 72, line[1] == 84, line[2] == 84, line[3] == 80, line[4] == 47 {
            // An interim reply (100, 103) may have come before.
            head.removeAll(keepingCapacity: true)
            status = ReplyCollector.status(line)
        } else {
            if head.isEmpty { head.reserveCapacity(512) }
            head.append(contentsOf: line)
            if line[line.count - 1] != 10 { head.append(10) }
        }
        return true
    }

    /// The first digits after the first spaces of a reply's first line, three at most.
    private static func status(_ line: UnsafeRawBufferPointer) -> Int {
        var at = 0, code = 0
        while at < line.count, line[at] != 32, line[at] != 13, line[at] != 10 { at += 1 }
        while at < line.count, line[at] == 32 { at += 1 }
        let end = min(line.count, at + 3)
        while at < end, (48 ... 57).contains(line[at]) {
            code = code * 10 + Int(line[at]) - 48
            at += 1
        }
        return code
    }

    /// False when there are too many.
    package mutating func takeBody(_ bytes: UnsafeRawBufferPointer, bytesMax: Int) -> Bool {
        guard bytes.count <= bytesMax - body.count else { return false }
        body.append(contentsOf: bytes)
        return true
    }

    /// The last line that came of a mail server, its good-bye (221) left out; `nil` before the first.
    var lastLine: String? {
        head.split(separator: 10).last { !$0.starts(with: Array("221".utf8)) }.map { String(decoding: $0.prefix { $0 != 13 }, as: UTF8.self) }
    }

    /// The reply as a value.
    package func response() -> HTTPResponse { HTTPResponse(status, fields: head.withUnsafeBytes { ReplyCollector.fields($0) }, body: body) }

    private static func fields(_ head: UnsafeRawBufferPointer) -> HTTPFields {
        var fields = HTTPFields(room: 16)
        guard let base = head.baseAddress else { return fields }
        let text = head.bindMemory(to: UInt8.self)
        var start = 0
        while start < text.count, let stop = place(of: 10, base, start, text.count) {
            defer { start = stop + 1 }
            // A line ends at its first carriage return, wherever that is.
            var end = place(of: 13, base, start, stop) ?? stop
            guard start < end, text[start] != 32, text[start] != 9, let colon = place(of: 58, base, start, end) else { continue }
            var from = colon + 1
            while from < end, text[from] == 32 || text[from] == 9 { from += 1 }
            while end > from, text[end - 1] == 32 || text[end - 1] == 9 { end -= 1 }
            let name = UnsafeBufferPointer(rebasing: text[start ..< colon]), value = UnsafeBufferPointer(rebasing: text[from ..< end])
            fields.append(String(decoding: name, as: UTF8.self), String(decoding: value, as: UTF8.self))
        }
        return fields
    }

    /// Where the first such byte from `start` and before `end` is.
    private static func place(of byte: Int32, _ base: UnsafeRawPointer, _ start: Int, _ end: Int) -> Int? {
        memchr(base + start, byte, end - start).map { UnsafeRawPointer($0) - base }
    }
}

extension Outgoing {
    /// What a complete reply is for the caller. One that is packed is none: whether all of it came, nobody here can tell. libcurl takes the beginning of a packed
    /// stream for the whole where its framing is whole, as it is when a proxy lost what stood behind it; and what is packed as `Transfer-Encoding` it unpacks unasked.
    func judge(_ response: HTTPResponse) -> HTTPOutcome {
        // Of these only the fields come.
        if method == .head || response.status == 204 || response.status == 304 { return .answered(response) }
        // `none` is in no register of codings: PHP programs send it to keep packers off.
        let packing = Outgoing.word(of: response.fields.all("Content-Encoding"), besides: ["identity", "none"])
            ?? Outgoing.word(of: response.fields.all("Transfer-Encoding"), besides: ["chunked", "identity"])
        guard let packing else { return .answered(response) }
        return .unknown(Fault(
            "reply_packed", stage: .http, disposition: .retry, summary: "the answer of \(place), status \(response.status), is packed (\(packing)), which was not asked for",
            remedy: "Have the server, or a proxy before it, heed Accept-Encoding: identity; look up what became of the request before sending it again"))
    }

    /// The first of the words in these lists that is another; at most twenty letters of it.
    private static func word(of lists: [String], besides plain: [String]) -> String? {
        for list in lists {
            for word in list.lowercased().split(whereSeparator: { $0 == "," || $0 == " " || $0 == "\t" }) where !plain.contains(where: { $0 == word }) {
                return String(decoding: word.utf8.filter { $0 == 45 || (97 ... 122).contains($0) }.prefix(20), as: UTF8.self)
            }
        }
        return nil
    }
}

extension Transfer {
    /// What libcurl's last word on this transfer means for the caller.
    func judge(_ result: CURLcode) -> Ending {
        if outgoing.envelope != nil { return judgeMail(result) }
        if result == CURLE_OK, reply.hasHead { return .answered(reply) }
        return interrupted(fault(result))
    }

    /// An end without a complete reply. Before the first attempt nothing had been written, TLS handshakes aside;
    /// after it nobody here can tell how far the bytes came.
    func interrupted(_ fault: Fault) -> Ending { attempts == 0 ? .notSent(fault) : .unknown(fault) }

    func fault(_ result: CURLcode) -> Fault {
        if attempts == 0, addressRefused {
            return EgressPolicy.refused(place, "its name leads to an address that is not public")
        }
        if tooLate {
            return Fault("start_too_late", stage: .http, disposition: .retry, summary: "\(place) was not asked: its time to start was over")
        }
        if tooLarge || result == CURLE_FILESIZE_EXCEEDED { return tooLargeFault }
        // libcurl's fixed sentence for the code; its detailed message could quote the URL.
        let reason = stoppedResend ? "the reused connection was dead" : String(cString: curl_easy_strerror(result))
        switch result {
        case CURLE_OPERATION_TIMEDOUT:
            return .exchangeTimedOut(place)
        case CURLE_COULDNT_RESOLVE_HOST:
            return Fault(
                "name_not_resolved", stage: .http, disposition: .retry, summary: "the host of \(place) has no address",
                remedy: "Check the host's spelling and this machine's name service", underlying: reason)
        case CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CACERT_BADFILE, CURLE_SSL_ISSUER_ERROR:
            return Fault(
                "tls_certificate_refused", stage: .http, disposition: .hold,
                summary: "the certificate of \(place) is not trusted",
                remedy: "Check the host, its certificate and the authorities this machine trusts", underlying: reason)
        case _ where attempts == 0 && result == CURLE_SSL_CONNECT_ERROR:
            return Fault(
                "tls_failed", stage: .http, disposition: .retry, summary: "no TLS session with \(place) came about",
                remedy: "Check that the port speaks TLS 1.2 or newer", underlying: reason)
        case _ where attempts == 0:
            return Fault(
                "connect_failed", stage: .http, disposition: .retry, summary: "no connection to \(place)",
                remedy: "Check that the host is up and reachable from here", underlying: reason)
        default:
            return Fault(
                "reply_torn", stage: .http, disposition: .retry, summary: "no complete reply came from \(place)",
                remedy: "Look up what became of the request before sending it again", underlying: reason)
        }
    }

    private var tooLargeFault: Fault {
        Fault(
            "reply_too_large", stage: .http, disposition: .hold,
            summary: "the reply of \(place) is larger than \(limits.replyBytesMax) bytes",
            remedy: "Ask for smaller pages")
    }
}

extension Fault {
    static func exchangeTimedOut(_ place: String) -> Fault {
        Fault(
            "http_timed_out", stage: .http, disposition: .retry, summary: "the time for \(place) ran out",
            remedy: "Look up what became of the request before sending it again")
    }

    static func exchangeBroken(_ place: String, _ why: String) -> Fault {
        Fault("http_exchange_broken", stage: .http, disposition: .bug, summary: "\(place): \(why)")
    }
}
