/// Why a request is refused before any handler sees it. The connection closes after the answer: where the next request
/// would begin is no longer certain.
public struct HTTPRefusal: Error, Sendable, Equatable {
    /// The answer's status.
    public var status: Int
    /// Stable, snake_case.
    public var code: String

    init(_ status: Int, _ code: String) {
        self.status = status
        self.code = code
    }

    // Lines
    static let bareLineFeed = HTTPRefusal(400, "bare_line_feed")
    static let malformedRequestLine = HTTPRefusal(400, "malformed_request_line")
    static let requestLineTooLong = HTTPRefusal(414, "request_line_too_long")
    static let invalidMethod = HTTPRefusal(400, "invalid_method")
    static let unknownMethod = HTTPRefusal(501, "unknown_method")
    static let invalidTarget = HTTPRefusal(400, "invalid_target")
    static let invalidVersion = HTTPRefusal(400, "invalid_version")
    static let unsupportedVersion = HTTPRefusal(505, "unsupported_version")
    // Fields
    static let foldedField = HTTPRefusal(400, "folded_field")
    static let invalidFieldName = HTTPRefusal(400, "invalid_field_name")
    static let invalidFieldValue = HTTPRefusal(400, "invalid_field_value")
    static let fieldsTooLarge = HTTPRefusal(431, "fields_too_large")
    static let tooManyFields = HTTPRefusal(431, "too_many_fields")
    static let hostCount = HTTPRefusal(400, "host_not_exactly_once")
    static let invalidHost = HTTPRefusal(400, "invalid_host")
    static let unknownExpectation = HTTPRefusal(417, "unknown_expectation")
    // Framing
    static let repeatedContentLength = HTTPRefusal(400, "repeated_content_length")
    static let invalidContentLength = HTTPRefusal(400, "invalid_content_length")
    static let ambiguousLength = HTTPRefusal(400, "content_length_with_transfer_encoding")
    static let invalidTransferEncoding = HTTPRefusal(400, "invalid_transfer_encoding")
    static let unknownTransferCoding = HTTPRefusal(501, "unknown_transfer_coding")
    static let invalidChunkSize = HTTPRefusal(400, "invalid_chunk_size")
    static let invalidChunkExtension = HTTPRefusal(400, "invalid_chunk_extension")
    static let chunkExtensionsTooLong = HTTPRefusal(400, "chunk_extensions_too_long")
    static let missingChunkEnd = HTTPRefusal(400, "missing_chunk_end")
    static let trailersTooLarge = HTTPRefusal(431, "trailers_too_large")
    static let bodyTooLarge = HTTPRefusal(413, "body_too_large")
    // Said by the server, not by the parser
    static let requestTimeout = HTTPRefusal(408, "request_timeout")
    static let tooManyBodies = HTTPRefusal(503, "too_many_bodies")
    static let tooManyConnections = HTTPRefusal(503, "too_many_connections")
}
