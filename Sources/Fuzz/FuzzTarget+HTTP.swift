internal import HTTPClient
internal import HTTPServer
internal import Wire

extension FuzzTarget {
    static func http(_ input: [UInt8]) -> Verdict {
        let whole = events(input, pieces: input.count)
        for size in [1, 2, 3, 7, 64] where events(input, pieces: size) != whole { return .broken("cut into pieces of \(size) bytes it reads otherwise") }
        let kinds = whole.prefix(3).map { $0.split(separator: " ").prefix($0.hasPrefix("end") ? 1 : 2).joined(separator: " ") }
        return .fine((whole.contains { $0.hasPrefix("end") } ? "read " : "") + kinds.joined(separator: ", "))
    }

    /// Bodies as one event each: where their pieces end is not the parser's to say.
    private static func events(_ input: [UInt8], pieces: Int) -> [String] {
        var parser = HTTPParser()
        var out: [String] = []
        var body: [UInt8] = []
        var at = 0
        while at < input.count {
            parser.receive(input[at ..< min(at + max(1, pieces), input.count)])
            at += max(1, pieces)
            while let event = parser.next() {
                switch event {
                case .body(let piece): body += piece
                case .end:
                    out.append("end \(body.count) \(body.reduce(0) { $0 &* 31 &+ Int($1) })")
                    body = []
                case .head(let head): out.append("head \(head.method.rawValue) \(head.target) \(head.fields.list.map { "\($0.name):\($0.value)" })")
                case .refused(let refusal): out.append("refused \(refusal.code)")
                }
            }
        }
        return out
    }

    private static let replyHeadMost = 200
    private static let replyBodyMost = 400

    /// Lines up to the first empty one that ends a final head, then a body, as libcurl tells of them.
    static func reply(_ input: [UInt8]) -> Verdict {
        let (collector, said) = collected(input, pieces: max(1, input.count))
        let whole = collector?.response()
        for size in [1, 3, 64] {
            let (other, word) = collected(input, pieces: size)
            guard said == word, isSame(other?.response(), whole) else { return .broken("a body in pieces of \(size) bytes is another reply") }
        }
        guard let whole else { return .fine(said) }
        guard whole.body.count <= replyBodyMost, (200 ... 999).contains(whole.status) else { return .broken("beyond its bounds: status \(whole.status), \(whole.body.count) bytes") }
        for field in whole.fields.list where !isLine(field) { return .broken("a field is no line: \(field)") }
        return .fine("read \(min(6, whole.status / 100)) \(min(2, whole.fields.list.count)) \(size(whole.body.count) / 4)")
    }

    /// No line end in it, no colon in its name, no blanks around its value.
    private static func isLine(_ field: HTTPFields.Field) -> Bool {
        let blanks: Set<UInt8> = [32, 9], value = field.value.utf8
        return !(field.name + field.value).utf8.contains { $0 == 10 || $0 == 13 } && !field.name.utf8.contains(58) && field.name.utf8.first.map(blanks.contains) != true
            && value.first.map(blanks.contains) != true && value.last.map(blanks.contains) != true
    }

    private static func isSame(_ a: HTTPResponse?, _ b: HTTPResponse?) -> Bool { a?.status == b?.status && a?.fields == b?.fields && a?.body == b?.body }

    private static func collected(_ input: [UInt8], pieces: Int) -> (ReplyCollector?, String) {
        var collector = ReplyCollector(headRoom: 16, bodyRoom: 16)
        // Of an attempt before, which is forgotten.
        for line in ["HTTP/1.1 299 Old\r\n", "X-Old: 1\r\n", "\r\n"] { _ = Array(line.utf8).withUnsafeBytes { collector.takeHeader($0, bytesMax: replyHeadMost) } }
        collector.restart()
        var rest = input[...]
        while !collector.hasHead {
            guard let end = rest.firstIndex(of: 10) else { return (nil, "no head's end") }
            guard rest[...end].withUnsafeBytes({ collector.takeHeader($0, bytesMax: replyHeadMost) }) else { return (nil, "too long a head") }
            rest = rest[(end + 1)...]
        }
        while !rest.isEmpty {
            guard rest.prefix(pieces).withUnsafeBytes({ collector.takeBody($0, bytesMax: replyBodyMost) }) else { return (nil, "too long a body") }
            rest = rest.dropFirst(pieces)
        }
        return (collector, "read")
    }
}
