internal import Kernel

/// Makes new inputs of old ones. Reproducible by its seed.
public struct Mutator: Sendable {
    private let random: SeededRandom

    public init(seed: UInt64) { random = SeededRandom(seed: seed) }

    private func roll(_ n: Int) -> Int { n <= 1 ? 0 : Int(random.next() % UInt64(n)) }

    /// One of them with up to five changes; 64 KiB at most.
    public mutating func mutate(_ inputs: [[UInt8]]) -> [UInt8] {
        var input = inputs[roll(inputs.count)]
        for _ in 0 ... roll(4) {
            let at = roll(input.count + 1)
            switch roll(7) {
            case 0 where !input.isEmpty: input[roll(input.count)] ^= 1 << UInt8(roll(8))
            case 1 where !input.isEmpty: input[roll(input.count)] = UInt8(roll(256))
            case 2: input.insert(UInt8(roll(256)), at: at)
            case 3: input.removeSubrange(at ..< min(input.count, at + 1 + roll(8)))
            case 4:
                let end = min(input.count, at + 1 + roll(16))
                input.insert(contentsOf: input[at ..< end], at: roll(input.count + 1))
            case 5:
                let other = inputs[roll(inputs.count)]
                let from = roll(other.count + 1)
                input.insert(contentsOf: other[from ..< min(other.count, from + roll(32))], at: at)
            default: input.insert(contentsOf: Mutator.tokens[roll(Mutator.tokens.count)].utf8, at: at)
            }
        }
        return Array(input.prefix(1 << 16))
    }

    private static let tokens = [
        "\"", "\\u0000", "\\ud800", "\\udc00", "{", "}", "[", "]", ",", ":", "-", "0", "1e999", "null", "tru", "\u{feff}", "\u{0}", "é", "<", ">", "</", "/>", "&#x41;", "&lt;", "<![CDATA[", "]]>",
        "<!--", "-->", "<?", "?>", "xmlns:", "xmlns=", "='", "\r\n", "\n", "\r", " ", "\t", "Content-Length: 3\r\n", "Transfer-Encoding: chunked\r\n", "0\r\n\r\n", "HTTP/1.1", "GET / ", "%", ";",
        "&", "=", "+", "%2", "%zz", "--b", "\r\n--b--", "Content-Disposition: form-data; name=", "// ", "/*", "*/", "'", "0x", "Infinity", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 100 ", "Content-Encoding: gzip\r\n",
        ";a=\"", "\u{0}\u{0}\u{0}\u{1}", "\u{0}\u{0}\u{0}\u{19}", "FATAL:  28P01: ", "22P02",
    ]
}
