internal import Kernel
internal import Wire

/// Header lines as libcurl wants them.
enum RequestHead {
    /// - Throws: `request_malformed` for a field that could smuggle a second one or steer the connection.
    static func lines(_ request: HTTPRequest, parts: URLParts, carriesBody: Bool) throws(Fault) -> [String] {
        var lines: [String] = []
        for field in request.fields.list {
            let (name, value) = (field.name, field.value)
            guard !name.isEmpty, name.utf8.allSatisfy(isTokenByte) else {
                throw malformed(parts, "a header name is not a token")
            }
            guard value.utf8.allSatisfy({ $0 == 9 || ($0 >= 32 && $0 != 127) }) else {
                throw malformed(parts, "header \(name) holds a control character")
            }
            switch name.lowercased() {
            case "content-length":
                guard value == String(request.body.count) else {
                    throw malformed(parts, "Content-Length differs from the body's length")
                }
                continue
            case "host":
                guard isHost(value, of: parts) else { throw malformed(parts, "Host differs from the URL's host") }
            case "transfer-encoding", "connection", "expect", "upgrade", "te", "trailer", "keep-alive", "accept-encoding":
                throw malformed(parts, "\(name) is the client's own to set")
            default: break
            }
            // A name with a semicolon is libcurl's way to write a field with an empty value.
            lines.append(value.allSatisfy { $0 == " " || $0 == "\t" } ? "\(name);" : "\(name): \(value)")
        }
        // libcurl would wait for leave to send a larger body, and would name a form where nobody said so.
        if carriesBody {
            lines.append("Expect:")
            if request.fields["Content-Type"] == nil { lines.append("Content-Type:") }
        }
        if request.fields["User-Agent"] == nil { lines.append("User-Agent: Counterfoil") }
        // Without a word, any packing would do. See `Outgoing.judge`.
        lines.append("Accept-Encoding: identity")
        return lines
    }

    private static func isHost(_ value: String, of parts: URLParts) -> Bool {
        let host = value.lowercased()
        let isDefaultPort = parts.port == (parts.scheme == "https" ? 443 : 80)
        return host == "\(parts.host):\(parts.port)" || (isDefaultPort && host == parts.host)
    }

    private static func isTokenByte(_ byte: UInt8) -> Bool {
        switch byte {
        case 48 ... 57, 65 ... 90, 94 ... 122, 124, 126, 33, 35 ... 39, 42, 43, 45, 46: true
        default: false
        }
    }

    private static func malformed(_ parts: URLParts, _ why: String) -> Fault {
        Fault(
            "request_malformed", stage: .http, disposition: .bug,
            summary: "a request for \(parts.place) can't be written: \(why)")
    }
}
