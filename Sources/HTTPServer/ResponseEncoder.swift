internal import Kernel
internal import Wire

/// Turns responses into bytes. Framing is the server's: what a handler says of it is not sent.
struct ResponseEncoder {
    /// Of the request; `nil` when it was not understood.
    var method: HTTPMethod?
    /// The connection may carry another request.
    var keeps: Bool
    /// The client speaks 1.0 and wants to be told that its connection is kept.
    var names10: Bool
    /// The `Date` line.
    var date: [UInt8]

    private static let broken = HTTPResponse.text(500, "The answer could not be sent.\n")

    /// Whether the connection goes on, and what goes out on it: the head, with a small body at its end, and a large body, which is not copied.
    struct Encoded {
        var keeps: Bool
        var bytes: [UInt8]
        var body: [UInt8]
    }

    /// A response whose status or fields can't stand on the wire becomes a plain 500: a value with a line end in it would
    /// be another header, or another answer.
    func encode(_ response: HTTPResponse) -> Encoded {
        guard (200 ... 599).contains(response.status) else { return encode(Self.broken) }
        var room = ServerLimits.headRoomBytes + date.count
        for field in response.fields.list {
            guard Self.isSound(field) else { return encode(Self.broken) }
            room += field.name.utf8.count + field.value.utf8.count + 4
        }
        let hasBody = response.status != 204 && response.status != 304 && method != .head
        let isSmall = response.body.count <= ServerLimits.keptBufferBytes
        var keeps = keeps
        let bytes = [UInt8](unsafeUninitializedCapacity: room + (hasBody && isSmall ? response.body.count : 0)) { buffer, count in
            var writer = HeadWriter(buffer)
            keeps = write(response, &writer)
            if hasBody, isSmall { response.body.withUnsafeBufferPointer { writer.write($0) } }
            count = writer.count
        }
        return Encoded(keeps: keeps, bytes: bytes, body: hasBody && !isSmall ? response.body : [])
    }

    /// Says whether the connection goes on.
    private func write(_ response: HTTPResponse, _ out: inout HeadWriter) -> Bool {
        out.write("HTTP/1.1 " as StaticString)
        out.write(response.status)
        out.write(" " as StaticString)
        out.write(Self.reason(response.status))
        out.write("\r\n" as StaticString)
        var (keeps, hasDate) = (keeps, false)
        var claimedLength: Int?
        for field in response.fields.list {
            switch Self.meaning(field.name) {
            case .connection:
                if Octets.listElements(field.value.utf8).contains("close") { keeps = false }
            case .length: claimedLength = Int(field.value)
            case .framing: break
            case .date:
                hasDate = true
                out.write(field)
            case .content: out.write(field)
            }
        }
        if response.status != 204, response.status != 304 {
            var length = response.body.count
            // To HEAD a handler may give the length without making the body.
            if method == .head, length == 0, let claimedLength, claimedLength >= 0 { length = claimedLength }
            out.write("Content-Length: " as StaticString)
            out.write(length)
            out.write("\r\n" as StaticString)
        }
        if !hasDate { date.withUnsafeBufferPointer { out.write($0) } }
        if !keeps { out.write("Connection: close\r\n" as StaticString) } else if names10 { out.write("Connection: keep-alive\r\n" as StaticString) }
        out.write("\r\n" as StaticString)
        return keeps
    }

    private static func isSound(_ field: HTTPFields.Field) -> Bool {
        !field.name.isEmpty && Octets.all(field.name, Octets.isToken) && Octets.all(field.value, Octets.isFieldValue)
    }

    private enum Meaning { case connection, length, framing, date, content }

    /// `framing`: fields of the connection, not of the answer.
    private static func meaning(_ name: String) -> Meaning {
        let name = name.utf8
        switch name.count {
        case 2 where Octets.matches(name, "te"): return .framing
        case 4 where Octets.matches(name, "date"): return .date
        case 7 where Octets.matches(name, "trailer") || Octets.matches(name, "upgrade"): return .framing
        case 10 where Octets.matches(name, "connection"): return .connection
        case 10 where Octets.matches(name, "keep-alive"): return .framing
        case 14 where Octets.matches(name, "content-length"): return .length
        case 17 where Octets.matches(name, "transfer-encoding"): return .framing
        default: return .content
        }
    }

    private static func reason(_ status: Int) -> StaticString {
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

/// Writes into room that was measured before: piece by piece, each one copy.
private struct HeadWriter {
    private let room: UnsafeMutableBufferPointer<UInt8>
    private(set) var count = 0

    init(_ room: UnsafeMutableBufferPointer<UInt8>) { self.room = room }

    mutating func write(_ octets: UnsafeBufferPointer<UInt8>) {
        precondition(octets.count <= room.count - count, "a head is longer than it was measured")
        guard let from = octets.baseAddress, let base = room.baseAddress else { return }
        (base + count).update(from: from, count: octets.count)
        count += octets.count
    }

    mutating func write(_ text: StaticString) { write(UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)) }

    mutating func write(_ text: String) {
        var text = text
        text.withUTF8 { write($0) }
    }

    mutating func write(_ field: HTTPFields.Field) {
        write(field.name)
        write(": " as StaticString)
        write(field.value)
        write("\r\n" as StaticString)
    }

    /// In decimal.
    mutating func write(_ number: Int) {
        if number > 9 { write(number / 10) }
        var digit = UInt8(48 + number % 10)
        withUnsafePointer(to: &digit) { write(UnsafeBufferPointer(start: $0, count: 1)) }
    }
}
