internal import Crypto
internal import Kernel
internal import Wire

/// A text that is made right before a request is sent, out of what a connector may not know. The connector says how; Courier does it.
public indirect enum Filling: Sendable, Equatable {
    case text(String)
    /// The connection's account, as it is written there.
    case account
    /// A part of the credential, or a value that the login gave.
    case part(String)
    /// The access token, or a long-lived token.
    case accessToken
    /// Twenty random letters and digits, the same everywhere in one request and in no other.
    case nonce
    /// Unix seconds, the same everywhere in one request.
    case timestamp
    case joined([Filling])
    case base64(Filling)
    case hexadecimal(Filling)
    /// RFC 3986: all but unreserved characters.
    case percentEncoded(Filling)
    /// 32 bytes, so inside of `base64` or `hexadecimal`.
    case hmacSHA256(key: Filling, Filling)
    /// `a=1; b=2` of those parts that there are.
    case cookies([String])
    /// The value of an `Authorization` header that signs method and address. In headers only.
    case oauth1(OAuth1)

    /// What people may see of it.
    public func preview(account: String) -> String {
        switch self {
        case .text(let text): text
        case .account: account
        case .joined(let pieces): pieces.map { $0.preview(account: account) }.joined()
        case .part, .accessToken, .nonce, .timestamp, .base64, .hexadecimal, .percentEncoded, .hmacSHA256, .cookies, .oauth1: "***"
        }
    }

    /// Names of the parts that it takes and can't do without.
    public var names: Set<String> {
        switch self {
        case .part(let name): [name]
        case .joined(let pieces): pieces.reduce(into: []) { $0.formUnion($1.names) }
        case .base64(let inner), .hexadecimal(let inner), .percentEncoded(let inner): inner.names
        case .hmacSHA256(let key, let message): key.names.union(message.names)
        case .oauth1(let oauth): oauth.names
        case .text, .account, .accessToken, .nonce, .timestamp, .cookies: []
        }
    }

    /// Whether a nonce goes into it.
    var takesNonce: Bool {
        switch self {
        case .nonce, .oauth1: true
        case .joined(let pieces): pieces.contains { $0.takesNonce }
        case .base64(let inner), .hexadecimal(let inner), .percentEncoded(let inner): inner.takesNonce
        case .hmacSHA256(let key, let message): key.takesNonce || message.takesNonce
        case .text, .account, .part, .accessToken, .timestamp, .cookies: false
        }
    }

    var isPart: Bool { if case .part = self { true } else { false } }

    /// The bytes themselves.
    /// - Throws: `credential_unreadable` naming the part that is missing; `oauth1_elsewhere`.
    func bytes(_ hand: Materials) throws(Fault) -> [UInt8] {
        switch self {
        case .text(let text): return Array(text.utf8)
        case .account: return Array(hand.account.utf8)
        case .part(let name): return try hand.part(name).reveal()
        case .accessToken:
            guard !hand.accessToken.isEmpty else { throw Materials.missing("access_token") }
            return hand.accessToken.reveal()
        case .nonce: return Array(hand.nonce.utf8)
        case .timestamp: return Array("\(hand.timestamp)".utf8)
        case .joined(let pieces):
            var out: [UInt8] = []
            for piece in pieces { out += try piece.bytes(hand) }
            return out
        case .base64(let inner): return Array(Base64.encode(try inner.bytes(hand)).utf8)
        case .hexadecimal(let inner): return Array(try inner.bytes(hand).hexText.utf8)
        case .percentEncoded(let inner): return Array(OAuth1.percent(String(decoding: try inner.bytes(hand), as: UTF8.self)).utf8)
        case .hmacSHA256(let key, let message): return HMAC.sha256(key: try key.bytes(hand), try message.bytes(hand))
        case .cookies(let names):
            let pairs = names.compactMap { name in hand.parts[name].map { "\(name)=\($0.revealText())" } }
            guard !pairs.isEmpty else { throw Materials.missing(names.first ?? "") }
            return Array(pairs.joined(separator: "; ").utf8)
        case .oauth1:
            throw Fault("oauth1_elsewhere", stage: .courier, disposition: .bug, summary: "an OAuth 1.0a signature stands in a header and nowhere else")
        }
    }
}

/// A header whose value is made right before the request is sent.
public struct FilledHeader: Sendable, Equatable {
    public var name: String
    public var value: Filling

    public init(_ name: String, _ value: Filling) {
        self.name = name
        self.value = value
    }

    /// HTTP Basic (RFC 7617).
    public static func basic(_ user: Filling, _ password: Filling) -> FilledHeader {
        FilledHeader("Authorization", .joined([.text("Basic "), .base64(.joined([user, .text(":"), password]))]))
    }
}

/// A body with blanks in it, for platforms that want their credential there. Written as a string literal:
///
///     let body: FilledBody = "<senderid>\(xml: .part("sender_id"))</senderid>\(bytes: functions)"
///
/// A value is written for the place that it stands in; words of people come as bytes that their writer has escaped. Nothing in such words can
/// become a blank: blanks are places in this value, not marks in a text.
public struct FilledBody: Sendable, Equatable, ExpressibleByStringInterpolation {
    enum Piece: Sendable, Equatable {
        case bytes([UInt8])
        case blank(Filling, Writing)
    }

    enum Writing: Sendable, Equatable {
        /// A whole JSON string, quotes included.
        case json
        /// A JSON number: digits alone.
        case number
        /// Character data.
        case xml
        /// The value of a form's pair.
        case form
    }

    var pieces: [Piece]

    public init(stringLiteral text: String) { pieces = [.bytes(Array(text.utf8))] }
    public init(stringInterpolation: StringInterpolation) { pieces = stringInterpolation.pieces }

    public struct StringInterpolation: StringInterpolationProtocol {
        var pieces: [Piece] = []

        public init(literalCapacity _: Int, interpolationCount _: Int) {}
        public mutating func appendLiteral(_ text: String) { if !text.isEmpty { pieces.append(.bytes(Array(text.utf8))) } }
        /// A whole JSON string, quotes included.
        public mutating func appendInterpolation(json filling: Filling) { pieces.append(.blank(filling, .json)) }
        /// A JSON number.
        public mutating func appendInterpolation(number filling: Filling) { pieces.append(.blank(filling, .number)) }
        /// Character data of an element, or an attribute's value.
        public mutating func appendInterpolation(xml filling: Filling) { pieces.append(.blank(filling, .xml)) }
        /// The value of a form's pair.
        public mutating func appendInterpolation(form filling: Filling) { pieces.append(.blank(filling, .form)) }
        /// What a writer has written: JSON, XML or a form, not text.
        public mutating func appendInterpolation(bytes: [UInt8]) { pieces.append(.bytes(bytes)) }
        /// Another body.
        public mutating func appendInterpolation(_ body: FilledBody) { pieces += body.pieces }
    }

    /// The body with `***` in its blanks (0 where a number stands): what people see, what a digest is made of, what tests read.
    public func preview(account: String = "") -> [UInt8] {
        pieces.reduce(into: []) { out, piece in
            switch piece {
            case .bytes(let bytes): out += bytes
            case .blank(_, .number): out.append(UInt8(ascii: "0"))
            case .blank(let filling, let writing): out += FilledBody.write(Array(filling.preview(account: account).utf8), writing)
            }
        }
    }

    /// Names of the parts that it takes.
    public var names: Set<String> {
        pieces.reduce(into: []) { if case .blank(let filling, _) = $1 { $0.formUnion(filling.names) } }
    }

    var takesNonce: Bool {
        pieces.contains { if case .blank(let filling, _) = $0 { filling.takesNonce } else { false } }
    }

    /// - Throws: `credential_unreadable`.
    func filled(_ hand: Materials) throws(Fault) -> [UInt8] {
        var out: [UInt8] = []
        for piece in pieces {
            switch piece {
            case .bytes(let bytes): out += bytes
            case .blank(let filling, let writing):
                let value = try filling.bytes(hand)
                if writing == .number, value.isEmpty || !value.allSatisfy({ (48 ... 57).contains($0) }) {
                    throw Materials.unreadable("has something else where a number belongs")
                }
                out += FilledBody.write(value, writing)
            }
        }
        return out
    }

    /// What stands in the blanks, as it is written there; but for blanks of these parts alone.
    func written(_ hand: Materials, but open: Set<String>) throws(Fault) -> Set<String> {
        var out: Set<String> = []
        for case .blank(let filling, let writing) in pieces where writing != .number && filling != .account {
            if filling.isPart, filling.names.isSubset(of: open) { continue }
            var value = FilledBody.write(try filling.bytes(hand), writing)
            // Whoever repeats a string may leave its quotes out.
            if writing == .json { value = Array(value.dropFirst().dropLast()) }
            out.insert(String(decoding: value, as: UTF8.self))
        }
        return out
    }

    private static func write(_ value: [UInt8], _ writing: Writing) -> [UInt8] {
        switch writing {
        case .json: return JSON.string(String(decoding: value, as: UTF8.self)).bytes
        case .number: return value
        case .form: return Array(Form.percent(String(decoding: value, as: UTF8.self), space: true).utf8)
        case .xml:
            return value.reduce(into: []) { out, byte in
                switch byte {
                case UInt8(ascii: "&"): out += Array("&amp;".utf8)
                case UInt8(ascii: "<"): out += Array("&lt;".utf8)
                case UInt8(ascii: ">"): out += Array("&gt;".utf8)
                case UInt8(ascii: "\""): out += Array("&quot;".utf8)
                case UInt8(ascii: "\r"): out += Array("&#13;".utf8)
                case UInt8(ascii: "\n"): out += Array("&#10;".utf8)
                case UInt8(ascii: "\t"): out += Array("&#9;".utf8)
                // XML has no other control characters.
                case 0 ..< 32: break
                default: out.append(byte)
                }
            }
        }
    }
}
