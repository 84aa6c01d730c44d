public import Wire

/// Everything before a request's body, checked.
public struct HTTPRequestHead: Sendable, Equatable {
    /// How the body's end is found (RFC 9112, section 6.3).
    public enum Framing: Sendable, Equatable {
        case none
        /// Exactly so many bytes; 0 to `Int.max`.
        case length(Int)
        case chunked
    }

    public var method: HTTPMethod
    /// Origin form, or `*` with OPTIONS. An absolute form is reduced to it and its authority replaces `Host`.
    public var target: String
    /// 0 or 1, of HTTP/1.x.
    public var minorVersion: Int
    public var fields: HTTPFields
    public var framing: Framing
    /// Whether the connection may carry another request.
    public var keepsAlive: Bool
    /// Whether the client waits for `100 Continue` before it sends the body.
    public var expectsContinue: Bool
}

/// Collects one head line by line.
struct HeadBuilder: Sendable {
    private let method: HTTPMethod
    private var target: String
    private let minorVersion: Int
    private var authority: String?
    private var fields = HTTPFields(room: ServerLimits.fieldRoom)
    private(set) var fieldCount = 0
    private var contentLengths = 0
    private var length = 0
    private var codings: [String] = []
    private var hasTransferEncoding = false
    private var hosts = 0
    private var connection: [String] = []
    private var expectsContinue = false

    /// Reads a request line: exactly three parts with one blank between them.
    init(requestLine line: OctetSlice) throws(HTTPRefusal) {
        guard let first = line.firstIndex(of: Octets.space), let last = line.lastIndex(of: Octets.space),
            first > 0, last > first + 1, last + 1 < line.count
        else { throw .malformedRequestLine }
        let verb = line.part(0 ..< first)
        guard verb.allSatisfy(Octets.isToken) else { throw .invalidMethod }
        minorVersion = try Self.minorVersion(line.part(last + 1 ..< line.count))
        guard let method = HTTPMethod(rawValue: String(decoding: verb, as: UTF8.self)) else { throw .unknownMethod }
        self.method = method
        (target, authority) = try Self.originForm(line.part(first + 1 ..< last), method)
    }

    private static func minorVersion(_ text: OctetSlice) throws(HTTPRefusal) -> Int {
        guard text.count == 8, text.starts(with: "HTTP/".utf8), Octets.isDigit(text[5]), text[6] == 46, Octets.isDigit(text[7]) else {
            throw .invalidVersion
        }
        guard text[5] == 49, text[7] == 48 || text[7] == 49 else { throw .unsupportedVersion }
        return Int(text[7]) - 48
    }

    /// The origin form of any of the four target forms, and the authority an absolute form names. The authority form
    /// belongs to CONNECT, which is not served.
    private static func originForm(_ uri: OctetSlice, _ method: HTTPMethod) throws(HTTPRefusal) -> (String, String?) {
        if uri.count == 1, uri[0] == 42 {
            guard method == .options else { throw .invalidTarget }
            return ("*", nil)
        }
        guard uri.allSatisfy(Octets.isTarget), escapesAreWhole(uri) else { throw .invalidTarget }
        if uri.first == 47 { return (String(decoding: uri, as: UTF8.self), nil) }
        let scheme = Octets.matches(uri.prefix(7), "http://") ? 7 : 8
        guard scheme == 7 || Octets.matches(uri.prefix(8), "https://") else { throw .invalidTarget }
        let rest = uri.part(scheme ..< uri.count)
        let end = rest.firstIndex { $0 == 47 || $0 == 63 } ?? rest.count
        let (authority, path) = (rest.part(0 ..< end), rest.part(end ..< rest.count))
        guard isAuthority(authority) else { throw .invalidTarget }
        let name = String(decoding: authority, as: UTF8.self)
        if path.isEmpty { return (method == .options ? "*" : "/", name) }
        return ((path.first == 47 ? "" : "/") + String(decoding: path, as: UTF8.self), name)
    }

    private static func escapesAreWhole(_ uri: OctetSlice) -> Bool {
        var i = 0
        while i < uri.count {
            if uri[i] == 37 {
                guard i + 2 < uri.count, Octets.hexValue(uri[i + 1]) != nil, Octets.hexValue(uri[i + 2]) != nil
                else { return false }
                i += 2
            }
            i += 1
        }
        return true
    }

    /// `host[:port]`, never with a user: a name, an IPv4 address or an IPv6 address in brackets.
    private static func isAuthority(_ text: OctetSlice) -> Bool {
        let end: Int
        if text.first == 91 {
            guard let close = text.firstIndex(of: 93), close > 1,
                text[1 ..< close].allSatisfy({
                    Octets.hexValue($0) != nil || $0 == Octets.colon || $0 == 46
                })
            else { return false }
            end = close + 1
        } else {
            end = text.firstIndex(of: Octets.colon) ?? text.count
            guard end > 0, text[..<end].allSatisfy(Octets.isHost) else { return false }
        }
        let port = text[end...]
        guard let mark = port.first else { return true }
        return mark == Octets.colon && port.count <= 6 && port.dropFirst().allSatisfy(Octets.isDigit)
    }

    /// Splits and checks one field line; shared with trailers.
    static func field(_ line: OctetSlice) throws(HTTPRefusal) -> (name: OctetSlice, value: OctetSlice) {
        if let first = line.first, first == Octets.space || first == Octets.tab { throw .foldedField }
        guard let colon = line.firstIndex(of: Octets.colon), colon > 0, line[..<colon].allSatisfy(Octets.isToken) else {
            throw .invalidFieldName
        }
        let value = Octets.trimmed(line.part(colon + 1 ..< line.count))
        guard value.allSatisfy(Octets.isFieldValue) else { throw .invalidFieldValue }
        return (line.part(0 ..< colon), value)
    }

    /// Takes one field line.
    mutating func add(_ line: OctetSlice) throws(HTTPRefusal) {
        let (name, value) = try Self.field(line)
        fieldCount += 1
        fields.append(String(decoding: name, as: UTF8.self), String(decoding: value, as: UTF8.self))
        switch name.count {
        case 4 where Octets.matches(name, "host"):
            hosts += 1
            guard Self.isAuthority(value) else { throw .invalidHost }
        case 6 where Octets.matches(name, "expect"):
            guard Octets.matches(value, "100-continue") else { throw .unknownExpectation }
            expectsContinue = true
        case 10 where Octets.matches(name, "connection"): connection += Octets.listElements(value)
        case 14 where Octets.matches(name, "content-length"): try addContentLength(value)
        case 17 where Octets.matches(name, "transfer-encoding"):
            hasTransferEncoding = true
            codings += Octets.listElements(value)
        default: break
        }
    }

    /// One plain number: no sign, no list, not even the same number twice.
    private mutating func addContentLength(_ value: OctetSlice) throws(HTTPRefusal) {
        contentLengths += 1
        guard contentLengths == 1 else { throw .repeatedContentLength }
        guard !value.isEmpty, value.allSatisfy(Octets.isDigit) else { throw .invalidContentLength }
        for digit in value {
            let (product, over) = length.multipliedReportingOverflow(by: 10)
            let (sum, beyond) = product.addingReportingOverflow(Int(digit) - 48)
            // Too large to hold is too large to take: the limit on bodies refuses it, as it does any other large
            // number.
            length = over || beyond ? .max : sum
            if length == .max { break }
        }
    }

    /// Checks what only the whole head can show.
    func finish() throws(HTTPRefusal) -> HTTPRequestHead {
        guard minorVersion == 1 ? hosts == 1 : hosts <= 1 else { throw .hostCount }
        let framing = try framing()
        var fields = fields
        if let authority { fields["Host"] = authority }
        let keepsAlive = !connection.contains("close") && (minorVersion == 1 || connection.contains("keep-alive"))
        return HTTPRequestHead(
            method: method, target: target, minorVersion: minorVersion, fields: fields, framing: framing,
            keepsAlive: keepsAlive, expectsContinue: expectsContinue && minorVersion == 1
        )
    }

    private func framing() throws(HTTPRefusal) -> HTTPRequestHead.Framing {
        guard hasTransferEncoding else { return contentLengths == 0 ? .none : .length(length) }
        guard contentLengths == 0 else { throw .ambiguousLength }
        guard minorVersion == 1, codings.last == "chunked", codings.filter({ $0 == "chunked" }).count == 1 else {
            throw .invalidTransferEncoding
        }
        guard codings.count == 1 else { throw .unknownTransferCoding }
        return .chunked
    }
}
