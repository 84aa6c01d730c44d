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
    private var fields = HTTPFields()
    private(set) var fieldCount = 0
    private var contentLengths = 0
    private var length = 0
    private var codings: [String] = []
    private var hasTransferEncoding = false
    private var hosts = 0
    private var connection: [String] = []
    private var expectsContinue = false

    /// Reads a request line: exactly three parts with one blank between them.
    init(requestLine line: ArraySlice<UInt8>) throws(HTTPRefusal) {
        guard let first = line.firstIndex(of: Octets.space), let last = line.lastIndex(of: Octets.space),
            first > line.startIndex, last > first + 1, last + 1 < line.endIndex
        else { throw .malformedRequestLine }
        let (verb, uri, version) = (line[..<first], line[(first + 1) ..< last], line[(last + 1)...])
        guard verb.allSatisfy(Octets.isToken) else { throw .invalidMethod }
        minorVersion = try Self.minorVersion(version)
        guard let method = HTTPMethod(rawValue: String(decoding: verb, as: UTF8.self)) else { throw .unknownMethod }
        self.method = method
        (target, authority) = try Self.originForm(uri, method)
    }

    private static func minorVersion(_ text: ArraySlice<UInt8>) throws(HTTPRefusal) -> Int {
        let digits = text.dropFirst(5)
        guard text.prefix(5).elementsEqual("HTTP/".utf8), digits.count == 3, let major = digits.first,
            let minor = digits.last,
            Octets.isDigit(major), digits[digits.startIndex + 1] == 46, Octets.isDigit(minor)
        else { throw .invalidVersion }
        guard major == 49, minor == 48 || minor == 49 else { throw .unsupportedVersion }
        return Int(minor) - 48
    }

    /// The origin form of any of the four target forms, and the authority an absolute form names. The authority form
    /// belongs to CONNECT, which is not served.
    private static func originForm(_ uri: ArraySlice<UInt8>, _ method: HTTPMethod) throws(HTTPRefusal) -> (
        String, String?
    ) {
        if uri.elementsEqual([42]) {
            guard method == .options else { throw .invalidTarget }
            return ("*", nil)
        }
        guard uri.allSatisfy(Octets.isTarget), escapesAreWhole(uri) else { throw .invalidTarget }
        if uri.first == 47 { return (String(decoding: uri, as: UTF8.self), nil) }
        guard let scheme = ["http://", "https://"].first(where: { Octets.matches(uri.prefix($0.utf8.count), $0) })
        else {
            throw .invalidTarget
        }
        let rest = uri.dropFirst(scheme.utf8.count)
        let end = rest.firstIndex { $0 == 47 || $0 == 63 } ?? rest.endIndex
        let (authority, path) = (rest[..<end], rest[end...])
        guard isAuthority(authority) else { throw .invalidTarget }
        let name = String(decoding: authority, as: UTF8.self)
        if path.isEmpty { return (method == .options ? "*" : "/", name) }
        return ((path.first == 47 ? "" : "/") + String(decoding: path, as: UTF8.self), name)
    }

    private static func escapesAreWhole(_ uri: ArraySlice<UInt8>) -> Bool {
        var i = uri.startIndex
        while i < uri.endIndex {
            if uri[i] == 37 {
                guard i + 2 < uri.endIndex, Octets.hexValue(uri[i + 1]) != nil, Octets.hexValue(uri[i + 2]) != nil
                else { return false }
                i += 2
            }
            i += 1
        }
        return true
    }

    /// `host[:port]`, never with a user: a name, an IPv4 address or an IPv6 address in brackets.
    private static func isAuthority(_ text: ArraySlice<UInt8>) -> Bool {
        let port: ArraySlice<UInt8>
        if text.first == 91 {
            guard let close = text.firstIndex(of: 93), close > text.startIndex + 1,
                text[(text.startIndex + 1) ..< close].allSatisfy({
                    Octets.hexValue($0) != nil || $0 == Octets.colon || $0 == 46
                })
            else { return false }
            port = text[(close + 1)...]
        } else {
            let end = text.firstIndex(of: Octets.colon) ?? text.endIndex
            guard end > text.startIndex, text[..<end].allSatisfy(Octets.isHost) else { return false }
            port = text[end...]
        }
        guard let mark = port.first else { return true }
        return mark == Octets.colon && port.count <= 6 && port.dropFirst().allSatisfy(Octets.isDigit)
    }

    /// Splits and checks one field line; shared with trailers.
    static func field(_ line: ArraySlice<UInt8>) throws(HTTPRefusal) -> (
        name: ArraySlice<UInt8>, value: ArraySlice<UInt8>
    ) {
        if let first = line.first, first == Octets.space || first == Octets.tab { throw .foldedField }
        guard let colon = line.firstIndex(of: Octets.colon), colon > line.startIndex,
            line[..<colon].allSatisfy(Octets.isToken)
        else {
            throw .invalidFieldName
        }
        let value = Octets.trimmed(line[(colon + 1)...])
        guard value.allSatisfy(Octets.isFieldValue) else { throw .invalidFieldValue }
        return (line[..<colon], value)
    }

    /// Takes one field line.
    mutating func add(_ line: ArraySlice<UInt8>) throws(HTTPRefusal) {
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
    private mutating func addContentLength(_ value: ArraySlice<UInt8>) throws(HTTPRefusal) {
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
