import Testing

/// One request that must be refused, and how.
struct RefusedShape: Sendable, CustomTestStringConvertible {
    var name: String
    var bytes: String
    var status: Int
    var code: String
    var testDescription: String { name }

    init(_ name: String, _ bytes: String, _ status: Int, _ code: String) {
        (self.name, self.bytes, self.status, self.code) = (name, bytes, status, code)
    }
}

private func get(_ fields: String) -> String { "GET / HTTP/1.1\r\nHost: a\r\n\(fields)\r\n\r\n" }
private func post(_ fields: String, _ body: String = "") -> String {
    "POST / HTTP/1.1\r\nHost: a\r\n\(fields)\r\n\r\n\(body)"
}
private func chunked(_ body: String) -> String { post("Transfer-Encoding: chunked", body) }
private func long(_ count: Int) -> String { String(repeating: "x", count: count) }

private let lines: [RefusedShape] = [
    RefusedShape("a bare LF after the request line", "GET / HTTP/1.1\nHost: a\r\n\r\n", 400, "bare_line_feed"),
    RefusedShape("a bare LF after a field", "GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n", 400, "bare_line_feed"),
    RefusedShape("a bare LF as the blank line", "GET / HTTP/1.1\r\nHost: a\r\n\n", 400, "bare_line_feed"),
    RefusedShape("a bare LF first", "\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400, "bare_line_feed"),
    RefusedShape("a bare CR in a field", get("X: a\rContent-Length: 5"), 400, "invalid_field_value"),
    RefusedShape("a bare CR in the request line", "GET /\rx HTTP/1.1\r\nHost: a\r\n\r\n", 400, "invalid_target"),
    RefusedShape("two blank lines first", "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400, "malformed_request_line"),
    RefusedShape("a TLS greeting", "\u{16}\u{03}\u{01}\u{02}", 400, "malformed_request_line"),
    RefusedShape("a blank first", " GET / HTTP/1.1\r\nHost: a\r\n\r\n", 400, "malformed_request_line"),
    RefusedShape("HTTP/0.9", "GET /\r\n\r\n", 400, "malformed_request_line"),
    RefusedShape("two blanks", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400, "invalid_target"),
    RefusedShape("a blank in the target", "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", 400, "invalid_target"),
    RefusedShape("a blank at the line's end", "GET / HTTP/1.1 \r\nHost: a\r\n\r\n", 400, "malformed_request_line"),
    RefusedShape("a tab as separator", "GET\t/\tHTTP/1.1\r\nHost: a\r\n\r\n", 400, "malformed_request_line"),
    RefusedShape("a colon in the method", "GE:T / HTTP/1.1\r\nHost: a\r\n\r\n", 400, "invalid_method"),
    RefusedShape("an unknown method", "BREW / HTTP/1.1\r\nHost: a\r\n\r\n", 501, "unknown_method"),
    RefusedShape("a method in lower case", "get / HTTP/1.1\r\nHost: a\r\n\r\n", 501, "unknown_method"),
    RefusedShape("CONNECT", "CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n", 501, "unknown_method"),
    RefusedShape("a version in lower case", "GET / http/1.1\r\nHost: a\r\n\r\n", 400, "invalid_version"),
    RefusedShape("a version with two digits", "GET / HTTP/1.10\r\nHost: a\r\n\r\n", 400, "invalid_version"),
    RefusedShape("HTTP/1.2", "GET / HTTP/1.2\r\nHost: a\r\n\r\n", 505, "unsupported_version"),
    RefusedShape("HTTP/2's preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, "unsupported_version"),
    RefusedShape(
        "a line over the limit", "GET /\(long(9000)) HTTP/1.1\r\nHost: a\r\n\r\n", 414, "request_line_too_long"),
    RefusedShape("a line without end", "GET /\(long(9000))", 414, "request_line_too_long"),
]

private let targets: [RefusedShape] = [
    RefusedShape("a control in the target", "GET /\u{7f} HTTP/1.1\r\nHost: a\r\n\r\n", 400, "invalid_target"),
    RefusedShape("a NUL in the target", "GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n", 400, "invalid_target"),
    RefusedShape("bytes beyond ASCII", "GET /\u{e9} HTTP/1.1\r\nHost: a\r\n\r\n", 400, "invalid_target"),
    RefusedShape("a fragment", "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n", 400, "invalid_target"),
    RefusedShape("a backslash", "GET /a\\b HTTP/1.1\r\nHost: a\r\n\r\n", 400, "invalid_target"),
    RefusedShape("a broken escape", "GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n", 400, "invalid_target"),
    RefusedShape("a cut escape", "GET /%2 HTTP/1.1\r\nHost: a\r\n\r\n", 400, "invalid_target"),
    RefusedShape("the authority form", "GET a:80 HTTP/1.1\r\nHost: a\r\n\r\n", 400, "invalid_target"),
    RefusedShape("an asterisk with GET", "GET * HTTP/1.1\r\nHost: a\r\n\r\n", 400, "invalid_target"),
    RefusedShape("a relative path", "GET a/b HTTP/1.1\r\nHost: a\r\n\r\n", 400, "invalid_target"),
    RefusedShape("another scheme", "GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400, "invalid_target"),
    RefusedShape("an absolute form without a host", "GET http:///x HTTP/1.1\r\nHost: a\r\n\r\n", 400, "invalid_target"),
    RefusedShape("an absolute form with a user", "GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400, "invalid_target"),
]

private let fields: [RefusedShape] = [
    RefusedShape("a folded field", get("X: a\r\n b"), 400, "folded_field"),
    RefusedShape("a folded first field", "GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400, "folded_field"),
    RefusedShape("a blank before the colon", get("Content-Length : 5"), 400, "invalid_field_name"),
    RefusedShape("a tab before the colon", get("Transfer-Encoding\t: chunked"), 400, "invalid_field_name"),
    RefusedShape("a field without a colon", get("nothing"), 400, "invalid_field_name"),
    RefusedShape("a field without a name", get(": a"), 400, "invalid_field_name"),
    RefusedShape("a parenthesis in a name", get("a(b): c"), 400, "invalid_field_name"),
    RefusedShape("a NUL in a value", get("X: a\0b"), 400, "invalid_field_value"),
    RefusedShape("a NUL in a name", get("X\0: a"), 400, "invalid_field_name"),
    RefusedShape("no Host", "GET / HTTP/1.1\r\nX: a\r\n\r\n", 400, "host_not_exactly_once"),
    RefusedShape("two Hosts", get("Host: b"), 400, "host_not_exactly_once"),
    RefusedShape("two Hosts in 1.0", "GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n", 400, "host_not_exactly_once"),
    RefusedShape("an empty Host", "GET / HTTP/1.1\r\nHost:\r\n\r\n", 400, "invalid_host"),
    RefusedShape("a Host with a path", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400, "invalid_host"),
    RefusedShape("a Host with a user", "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", 400, "invalid_host"),
    RefusedShape("a Host with a bad port", "GET / HTTP/1.1\r\nHost: a:b\r\n\r\n", 400, "invalid_host"),
    RefusedShape("a list of Hosts", "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", 400, "invalid_host"),
    RefusedShape("an unclosed IPv6 Host", "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", 400, "invalid_host"),
    RefusedShape("an unknown expectation", post("Expect: tea\r\nContent-Length: 1", "a"), 417, "unknown_expectation"),
    RefusedShape("fields over the limit", get("X: \(long(33_000))"), 431, "fields_too_large"),
    RefusedShape("a field without end", "GET / HTTP/1.1\r\nHost: a\r\nX: \(long(33_000))", 431, "fields_too_large"),
    RefusedShape(
        "too many fields", get((0 ..< 100).map { "X\($0): a" }.joined(separator: "\r\n")), 431, "too_many_fields"),
]

private let framing: [RefusedShape] = [
    RefusedShape(
        "two lengths", post("Content-Length: 5\r\nContent-Length: 6", "hello!"), 400, "repeated_content_length"),
    RefusedShape(
        "the same length twice", post("Content-Length: 5\r\nContent-Length: 5", "hello"), 400, "repeated_content_length"
    ),
    RefusedShape("a list of lengths", post("Content-Length: 5, 5", "hello"), 400, "invalid_content_length"),
    RefusedShape("a signed length", post("Content-Length: +5", "hello"), 400, "invalid_content_length"),
    RefusedShape("a negative length", post("Content-Length: -1"), 400, "invalid_content_length"),
    RefusedShape("a length in hexadecimal", post("Content-Length: 0x5", "hello"), 400, "invalid_content_length"),
    RefusedShape("an empty length", post("Content-Length:"), 400, "invalid_content_length"),
    RefusedShape("a length with a blank", post("Content-Length: 1 0", "0123456789"), 400, "invalid_content_length"),
    RefusedShape("a length over the limit", post("Content-Length: 1048577"), 413, "body_too_large"),
    RefusedShape("a length beyond 64 bits", post("Content-Length: 99999999999999999999"), 413, "body_too_large"),
    RefusedShape(
        "a length that wraps to 5", post("Content-Length: 18446744073709551621", "hello"), 413, "body_too_large"),
    RefusedShape(
        "CL.TE", post("Content-Length: 6\r\nTransfer-Encoding: chunked", "0\r\n\r\nG"), 400,
        "content_length_with_transfer_encoding"),
    RefusedShape(
        "TE.CL", post("Transfer-Encoding: chunked\r\nContent-Length: 4", "5c\r\n"), 400,
        "content_length_with_transfer_encoding"),
    RefusedShape("TE.0", post("Transfer-Encoding: identity"), 400, "invalid_transfer_encoding"),
    RefusedShape("an empty coding", post("Transfer-Encoding:", "0\r\n\r\n"), 400, "invalid_transfer_encoding"),
    RefusedShape(
        "an almost chunked coding", post("Transfer-Encoding: xchunked", "0\r\n\r\n"), 400, "invalid_transfer_encoding"),
    RefusedShape(
        "a quoted coding", post("Transfer-Encoding: \"chunked\"", "0\r\n\r\n"), 400, "invalid_transfer_encoding"),
    RefusedShape(
        "a parameter of chunked", post("Transfer-Encoding: chunked;a=b", "0\r\n\r\n"), 400,
        "invalid_transfer_encoding"),
    RefusedShape(
        "chunked twice", post("Transfer-Encoding: chunked, chunked", "0\r\n\r\n"), 400, "invalid_transfer_encoding"),
    RefusedShape(
        "chunked in two fields", post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", "0\r\n\r\n"), 400,
        "invalid_transfer_encoding"),
    RefusedShape(
        "chunked not last", post("Transfer-Encoding: chunked, gzip", "0\r\n\r\n"), 400, "invalid_transfer_encoding"),
    RefusedShape(
        "TE.TE", post("Transfer-Encoding: chunked\r\nTransfer-Encoding: x", "0\r\n\r\n"), 400,
        "invalid_transfer_encoding"),
    RefusedShape(
        "a vertical tab before chunked", post("Transfer-Encoding: \u{0b}chunked", "0\r\n\r\n"), 400,
        "invalid_field_value"),
    RefusedShape(
        "another coding", post("Transfer-Encoding: gzip, chunked", "0\r\n\r\n"), 501, "unknown_transfer_coding"),
    RefusedShape(
        "chunked in 1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400,
        "invalid_transfer_encoding"),
]

private let chunks: [RefusedShape] = [
    RefusedShape("an empty chunk size", chunked("\r\nhello"), 400, "invalid_chunk_size"),
    RefusedShape("a chunk size that is no number", chunked("x\r\n"), 400, "invalid_chunk_size"),
    RefusedShape("a chunk size with a prefix", chunked("0x5\r\nhello\r\n0\r\n\r\n"), 400, "invalid_chunk_size"),
    RefusedShape("a signed chunk size", chunked("+5\r\nhello\r\n0\r\n\r\n"), 400, "invalid_chunk_size"),
    RefusedShape("a blank before the size", chunked(" 5\r\nhello\r\n0\r\n\r\n"), 400, "invalid_chunk_size"),
    RefusedShape("a blank after the size", chunked("5 \r\nhello\r\n0\r\n\r\n"), 400, "invalid_chunk_size"),
    RefusedShape(
        "a chunk size that wraps", chunked("10000000000000005\r\nhello\r\n0\r\n\r\n"), 400, "invalid_chunk_size"),
    RefusedShape("a bare LF after the size", chunked("5\nhello\r\n0\r\n\r\n"), 400, "bare_line_feed"),
    RefusedShape("a bare LF in an extension", chunked("5;a\nxx\r\nhello\r\n0\r\n\r\n"), 400, "bare_line_feed"),
    RefusedShape("a bare CR in an extension", chunked("5;a\rxx\r\nhello\r\n0\r\n\r\n"), 400, "invalid_chunk_extension"),
    RefusedShape("letters after the size", chunked("5x\r\nhello\r\n0\r\n\r\n"), 400, "invalid_chunk_size"),
    RefusedShape("a comma after the size", chunked("5,a\r\nhello\r\n0\r\n\r\n"), 400, "invalid_chunk_size"),
    RefusedShape("blanks and no extension", chunked("5 \t\r\nhello\r\n0\r\n\r\n"), 400, "invalid_chunk_size"),
    RefusedShape("an extension without a name", chunked("5;\r\nhello\r\n0\r\n\r\n"), 400, "invalid_chunk_extension"),
    RefusedShape("an extension of blanks", chunked("5; \r\nhello\r\n0\r\n\r\n"), 400, "invalid_chunk_extension"),
    RefusedShape("extensions without names", chunked("5;;;==\r\nhello\r\n0\r\n\r\n"), 400, "invalid_chunk_extension"),
    RefusedShape("a value without a name", chunked("5;=a\r\nhello\r\n0\r\n\r\n"), 400, "invalid_chunk_extension"),
    RefusedShape("an extension without its value", chunked("5;a=\r\nhello\r\n0\r\n\r\n"), 400, "invalid_chunk_extension"),
    RefusedShape("an extension with two values", chunked("5;a=b=c\r\nhello\r\n0\r\n\r\n"), 400, "invalid_chunk_extension"),
    RefusedShape("two words in an extension", chunked("5;a b\r\nhello\r\n0\r\n\r\n"), 400, "invalid_chunk_extension"),
    RefusedShape("a quote that stays open", chunked("5;a=\"b\r\nhello\r\n0\r\n\r\n"), 400, "invalid_chunk_extension"),
    RefusedShape("a quote that its escape keeps open", chunked("5;a=\"b\\\"\r\nhello\r\n0\r\n\r\n"), 400, "invalid_chunk_extension"),
    RefusedShape("an escape at the line's end", chunked("5;a=\"b\\\r\nhello\r\n0\r\n\r\n"), 400, "invalid_chunk_extension"),
    RefusedShape("letters after a quote", chunked("5;a=\"b\"c\r\nhello\r\n0\r\n\r\n"), 400, "invalid_chunk_extension"),
    RefusedShape("a control in a quote", chunked("5;a=\"\u{7f}\"\r\nhello\r\n0\r\n\r\n"), 400, "invalid_chunk_extension"),
    RefusedShape("letters beyond ASCII in a name", chunked("5;\u{e9}=a\r\nhello\r\n0\r\n\r\n"), 400, "invalid_chunk_extension"),
    RefusedShape("a blank after the last extension", chunked("5;a \r\nhello\r\n0\r\n\r\n"), 400, "invalid_chunk_extension"),
    RefusedShape("a bad extension of the last chunk", chunked("5\r\nhello\r\n0;\r\n\r\n"), 400, "invalid_chunk_extension"),
    RefusedShape("a chunk longer than its size", chunked("4\r\nhello\r\n0\r\n\r\n"), 400, "missing_chunk_end"),
    RefusedShape("a chunk ended by a bare LF", chunked("5\r\nhello\n0\r\n\r\n"), 400, "missing_chunk_end"),
    RefusedShape("a chunk ended by CR and more", chunked("5\r\nhello\rx0\r\n\r\n"), 400, "missing_chunk_end"),
    RefusedShape(
        "a long extension", chunked("5;\(long(1100))\r\nhello\r\n0\r\n\r\n"), 400, "chunk_extensions_too_long"),
    RefusedShape(
        "many extensions", chunked(String(repeating: "1;\(long(200))\r\na\r\n", count: 6)), 400,
        "chunk_extensions_too_long"),
    RefusedShape("a chunk over the limit", chunked("100001\r\n"), 413, "body_too_large"),
    RefusedShape("chunks over the limit", chunked("1\r\na\r\n100000\r\n"), 413, "body_too_large"),
    RefusedShape("a trailer without a colon", chunked("0\r\nnothing\r\n\r\n"), 400, "invalid_field_name"),
    RefusedShape("a folded trailer", chunked("0\r\nX: a\r\n b\r\n\r\n"), 400, "folded_field"),
    RefusedShape("long trailers", chunked("0\r\nX: \(long(5000))\r\n\r\n"), 431, "trailers_too_large"),
]

/// Every shape the server refuses.
let refusedShapes: [RefusedShape] = lines + targets + fields + framing + chunks
