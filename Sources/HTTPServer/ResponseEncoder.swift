internal import Kernel
internal import Wire

/// A response as bytes, but for what only the poll thread knows: `Date`, `Connection` and the blank line.
struct EncodedResponse: Sendable {
    var head: [UInt8]
    var body: [UInt8]
    /// The handler asked for the connection to close.
    var closes: Bool
    var hasDate: Bool
}

/// Turns responses into bytes. Framing is the server's: what a handler says of it is not sent.
enum ResponseEncoder {
    private static let broken = HTTPResponse.text(500, "The answer could not be sent.\n")
    /// Fields of the connection, not of the answer.
    private static let owned = [
        "connection", "content-length", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade",
    ]

    /// A response whose status or fields can't stand on the wire becomes a plain 500: a value with a line end in it
    /// would be another header, or another answer.
    static func encode(_ response: HTTPResponse, method: HTTPMethod?) -> EncodedResponse {
        let sound =
            (200 ... 599).contains(response.status)
            && response.fields.list.allSatisfy { field in
                !field.name.isEmpty && field.name.utf8.allSatisfy(Octets.isToken)
                    && field.value.utf8.allSatisfy(Octets.isFieldValue)
            }
        guard sound else { return encode(broken, method: method) }
        var out = EncodedResponse(head: [], body: [], closes: false, hasDate: false)
        out.head.reserveCapacity(320)
        out.head.append(contentsOf: "HTTP/1.1 \(response.status) \(reason(response.status))\r\n".utf8)
        var claimedLength: String?
        for (name, value) in response.fields.list {
            if let own = owned.first(where: { Octets.matches(name.utf8, $0) }) {
                if own == "connection" { out.closes = out.closes || Octets.listElements(value.utf8).contains("close") }
                if own == "content-length" { claimedLength = value }
                continue
            }
            if Octets.matches(name.utf8, "date") { out.hasDate = true }
            append(name, value, to: &out.head)
        }
        guard response.status != 204, response.status != 304 else { return out }
        // To HEAD a handler may give the length without making the body.
        if method == .head, response.body.isEmpty, let claimedLength, Int(claimedLength).map({ $0 >= 0 }) ?? false {
            append("Content-Length", claimedLength, to: &out.head)
        } else {
            append("Content-Length", String(response.body.count), to: &out.head)
        }
        if method != .head { out.body = response.body }
        return out
    }

    /// The answer to a refused request.
    static func encode(_ refusal: HTTPRefusal) -> EncodedResponse {
        var out = encode(.text(refusal.status, refusal.code + "\n"), method: nil)
        out.closes = true
        return out
    }

    private static func append(_ name: String, _ value: String, to out: inout [UInt8]) {
        out.append(contentsOf: name.utf8)
        out.append(Octets.colon)
        out.append(Octets.space)
        out.append(contentsOf: value.utf8)
        out.append(Octets.carriageReturn)
        out.append(Octets.lineFeed)
    }

    /// `Sat, 21 Nov 2026 12:11:00 GMT` (RFC 9110, section 5.6.7).
    static func date(_ time: Timestamp) -> String {
        let seconds = Int(time.seconds)
        let days = seconds >= 0 ? seconds / 86_400 : -((86_399 - seconds) / 86_400)
        let second = seconds - days * 86_400
        let (year, month, day) = LocalDate(daysSince1970: days).civil
        let weekdays = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        let weekday = weekdays[(days % 7 + 7) % 7]
        let clock = [second / 3600, second / 60 % 60, second % 60].map { padded($0, 2) }.joined(separator: ":")
        return "\(weekday), \(padded(day, 2)) \(months[month - 1]) \(padded(year, 4)) \(clock) GMT"
    }

    private static func padded(_ number: Int, _ width: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }

    private static func reason(_ status: Int) -> String {
        switch status {
        case 200: "OK"
        case 201: "Created"
        case 202: "Accepted"
        case 204: "No Content"
        case 206: "Partial Content"
        case 301: "Moved Permanently"
        case 302: "Found"
        case 303: "See Other"
        case 304: "Not Modified"
        case 307: "Temporary Redirect"
        case 308: "Permanent Redirect"
        case 400: "Bad Request"
        case 401: "Unauthorized"
        case 403: "Forbidden"
        case 404: "Not Found"
        case 405: "Method Not Allowed"
        case 408: "Request Timeout"
        case 409: "Conflict"
        case 410: "Gone"
        case 412: "Precondition Failed"
        case 413: "Content Too Large"
        case 414: "URI Too Long"
        case 415: "Unsupported Media Type"
        case 417: "Expectation Failed"
        case 422: "Unprocessable Content"
        case 428: "Precondition Required"
        case 429: "Too Many Requests"
        case 431: "Request Header Fields Too Large"
        case 500: "Internal Server Error"
        case 501: "Not Implemented"
        case 502: "Bad Gateway"
        case 503: "Service Unavailable"
        case 504: "Gateway Timeout"
        case 505: "HTTP Version Not Supported"
        default: "Status"
        }
    }
}
