internal import Kernel

/// What a tape entry stands for.
enum TapeKind: UInt32 {
    case null, yes, no, number, string
    /// A string with at least one backslash.
    case escaped
    case array, object
}

/// One value, or one key, of a document: where its bytes are and where the next value's entry is. A key's entry comes
/// right before its value's and holds a hash instead, for what comes next is known. 12 bytes: a page of a thousand
/// orders has half a million of these.
struct TapeEntry {
    /// The first byte; for strings the one after the quote.
    var start: UInt32
    /// One past the last byte; for strings the closing quote.
    var end: UInt32
    /// The kind in the top four bits, below it the index after this value and all it contains; of a key its hash.
    private(set) var link: UInt32

    init(_ kind: TapeKind, start: Int, end: Int, next: Int) {
        self.start = UInt32(truncatingIfNeeded: start)
        self.end = UInt32(truncatingIfNeeded: end)
        link = kind.rawValue << 28 | UInt32(truncatingIfNeeded: next) & 0x0fff_ffff
    }

    /// A key without escapes.
    init(key start: Int, end: Int, link: UInt32) {
        self.start = UInt32(truncatingIfNeeded: start)
        self.end = UInt32(truncatingIfNeeded: end)
        self.link = link
    }

    /// `link` of a plain key whose hash this is.
    static func link(ofKey hash: UInt64) -> UInt32 {
        TapeKind.string.rawValue << 28 | UInt32(truncatingIfNeeded: hash >> 36)
    }

    var kind: TapeKind { TapeKind(rawValue: link >> 28) ?? .null }
    var isEscaped: Bool { link >> 28 == TapeKind.escaped.rawValue }
    var next: Int { Int(link & 0x0fff_ffff) }
    var range: Range<Int> { Int(start) ..< Int(end) }
    var length: Int { Int(end) &- Int(start) }
}

/// Why a document is not JSON, and where. Small, so that throwing costs nothing on the way in.
struct Malformed: Error {
    enum Reason: String {
        case empty = "it ends where a value must be"
        case value = "there is no value here"
        case key = "a key in double quotes must be here"
        case colon = "a colon must follow the key"
        case arrayEnd = "a comma or ] must follow the element"
        case objectEnd = "a comma or } must follow the member"
        case trailing = "something follows the value"
        case literal = "only true, false and null are words in JSON"
        case number = "the number is not one in JSON's grammar"
        case control = "a control character stands unescaped in a string"
        case escape = "the escape is unknown or cut off"
        case surrogate = "half of a surrogate pair stands alone"
        case utf8 = "the bytes are not UTF-8"
        case unclosed = "the string never ends"
        case byteOrderMark = "it starts with a byte order mark"
        case duplicate = "duplicate key: the object has it already"
        case depth = "it is nested too deeply"
        case size = "it is too large"
    }

    var reason: Reason
    var at: Int

    init(_ reason: Reason, _ at: Int) {
        self.reason = reason
        self.at = at
    }

    var fault: Fault {
        Fault(
            "malformed_json", stage: .wire, disposition: .reject,
            summary: "the document is not valid JSON: \(reason.rawValue)",
            remedy: "Send JSON as RFC 8259 describes it, in UTF-8.", position: "byte \(at)")
    }
}

/// Entries a document may have; bounds the tape at 96 MiB and the tree at a few times that.
let tapeEntriesMost = 8 << 20

/// Objects up to this size are checked for repeated keys while they are read, larger ones by sorting afterwards.
private let membersScanned = 64

/// The one strict RFC 8259 parser. Every read of `text` is preceded by a check against its count, every write to the
/// tape by one against its room.
struct TapeParser {
    let text: UnsafeBufferPointer<UInt8>
    /// Room for the entries, not initialised beyond `count`.
    private let tape: UnsafeMutableBufferPointer<TapeEntry>
    private(set) var count = 0
    private var at = 0

    private init(_ text: UnsafeBufferPointer<UInt8>, _ tape: UnsafeMutableBufferPointer<TapeEntry>) {
        self.text = text
        self.tape = tape
    }

    /// The tape of a document. Room is made for what documents usually need; a denser one is begun again with enough
    /// for any: no value or key is shorter than a byte with a byte beside it, open brackets aside.
    static func tape(of text: UnsafeBufferPointer<UInt8>) throws(Malformed) -> [TapeEntry] {
        guard text.count <= Limits.jsonBytes else { throw Malformed(.size, Limits.jsonBytes) }
        do throws(Malformed) {
            return try tape(of: text, room: min(text.count / 10 + 16, tapeEntriesMost))
        } catch {
            guard error.reason == .size else { throw error }
        }
        return try tape(of: text, room: min(text.count / 2 + Limits.jsonDepth + 16, tapeEntriesMost))
    }

    private static func tape(of text: UnsafeBufferPointer<UInt8>, room: Int) throws(Malformed) -> [TapeEntry] {
        var wrong: Malformed?
        let entries = [TapeEntry](unsafeUninitializedCapacity: room) { tape, count in
            // The array may have more room than asked for; the limit is on what was asked for.
            var parser = TapeParser(text, UnsafeMutableBufferPointer(rebasing: tape[..<room]))
            do throws(Malformed) {
                try parser.document()
                count = parser.count
            } catch { wrong = error }
        }
        if let wrong { throw wrong }
        return entries
    }

    @inline(__always)
    private mutating func append(_ entry: TapeEntry) throws(Malformed) {
        guard count < tape.count else { throw Malformed(.size, at) }
        tape[count] = entry
        count &+= 1
    }

    /// Fills the tape with the one value of the document.
    private mutating func document() throws(Malformed) {
        if text.count >= 3, text[0] == 0xef, text[1] == 0xbb, text[2] == 0xbf { throw Malformed(.byteOrderMark, 0) }
        skipSpace()
        try value(depth: 0)
        skipSpace()
        guard at == text.count else { throw Malformed(.trailing, at) }
    }

    @inline(__always)
    private mutating func skipSpace() {
        while at < text.count {
            let c = text[at]
            guard c == 32 || c == 10 || c == 13 || c == 9 else { return }
            at &+= 1
        }
    }

    /// The byte here, 0 at the end (0 is never part of JSON's structure).
    private var here: UInt8 { at < text.count ? text[at] : 0 }

    /// `at` stands on the first byte of the value.
    private mutating func value(depth: Int) throws(Malformed) {
        guard at < text.count else { throw Malformed(.empty, at) }
        switch text[at] {
        case UInt8(ascii: "\""): try string()
        case UInt8(ascii: "{"): try object(depth: depth + 1)
        case UInt8(ascii: "["): try array(depth: depth + 1)
        case UInt8(ascii: "-"), 48 ... 57: try number()
        case UInt8(ascii: "t"): try word("true", .yes)
        case UInt8(ascii: "f"): try word("false", .no)
        case UInt8(ascii: "n"): try word("null", .null)
        default: throw Malformed(.value, at)
        }
    }

    private mutating func word(_ word: StaticString, _ kind: TapeKind) throws(Malformed) {
        let length = word.utf8CodeUnitCount
        guard at + length <= text.count else { throw Malformed(.literal, at) }
        for i in 0 ..< length where text[at + i] != word.utf8Start[i] { throw Malformed(.literal, at) }
        try append(TapeEntry(kind, start: at, end: at + length, next: count + 1))
        at += length
    }

    private mutating func number() throws(Malformed) {
        let end = numberEnd(text, from: at)
        guard end > at else { throw Malformed(.number, at) }
        try append(TapeEntry(.number, start: at, end: end, next: count + 1))
        at = end
    }

    private mutating func array(depth: Int) throws(Malformed) {
        guard depth <= Limits.jsonDepth else { throw Malformed(.depth, at) }
        let own = count
        let start = at
        try append(TapeEntry(.array, start: start, end: start, next: 0))
        at += 1
        skipSpace()
        if here == UInt8(ascii: "]") {
            at += 1
        } else {
            while true {
                try value(depth: depth)
                skipSpace()
                let c = here
                guard c == UInt8(ascii: ",") || c == UInt8(ascii: "]") else { throw Malformed(.arrayEnd, at) }
                at += 1
                if c == UInt8(ascii: "]") { break }
                skipSpace()
            }
        }
        tape[own] = TapeEntry(.array, start: start, end: at, next: count)
    }

    private mutating func object(depth: Int) throws(Malformed) {
        guard depth <= Limits.jsonDepth else { throw Malformed(.depth, at) }
        let own = count
        let start = at
        try append(TapeEntry(.object, start: start, end: start, next: 0))
        at += 1
        skipSpace()
        if here == UInt8(ascii: "}") {
            at += 1
        } else {
            try members(of: own, depth: depth)
        }
        tape[own] = TapeEntry(.object, start: start, end: at, next: count)
    }

    private mutating func members(of own: Int, depth: Int) throws(Malformed) {
        var seen = SIMD8<UInt64>.zero
        var members = 0
        var anyEscaped = false
        while true {
            guard here == UInt8(ascii: "\"") else { throw Malformed(.key, at) }
            let key = count
            let start = at &+ 1
            at = plainEnd(text, from: start, stopAtNonASCII: true)
            if at < text.count, text[at] == UInt8(ascii: "\"") {
                let hash = keyHash(text, start, at &- start)
                try append(TapeEntry(key: start, end: at, link: TapeEntry.link(ofKey: hash)))
                at &+= 1
                try note(hash, key, &seen, of: own, members)
            } else {
                at = start &- 1
                try string()
                if tape[key].isEscaped {
                    anyEscaped = true
                } else {
                    let entry = tape[key]
                    let hash = keyHash(text, Int(entry.start), entry.length)
                    tape[key] = TapeEntry(key: Int(entry.start), end: Int(entry.end), link: TapeEntry.link(ofKey: hash))
                    try note(hash, key, &seen, of: own, members)
                }
            }
            members &+= 1
            if here != UInt8(ascii: ":") {
                skipSpace()
                guard here == UInt8(ascii: ":") else { throw Malformed(.colon, at) }
            }
            at &+= 1
            skipSpace()
            try value(depth: depth)
            skipSpace()
            let c = here
            guard c == UInt8(ascii: ",") || c == UInt8(ascii: "}") else { throw Malformed(.objectEnd, at) }
            at &+= 1
            if c == UInt8(ascii: "}") { break }
            skipSpace()
        }
        if anyEscaped || members > membersScanned { try compareKeys(of: own) }
    }

    /// Checks a plain key against those before it, but only where one of them has the same nine bits of hash.
    @inline(__always)
    private func note(
        _ hash: UInt64, _ key: Int, _ seen: inout SIMD8<UInt64>, of own: Int, _ members: Int
    ) throws(Malformed) {
        guard members < membersScanned else { return }
        let word = Int(hash >> 61)
        let bit = UInt64(1) << (hash >> 55 & 63)
        if seen[word] & bit != 0, isRepeated(key, of: own) { throw Malformed(.duplicate, Int(tape[key].start) - 1) }
        seen[word] |= bit
    }

    /// A string; `at` stands on its quote.
    private mutating func string() throws(Malformed) {
        let start = at &+ 1
        at = plainEnd(text, from: start, stopAtNonASCII: true)
        if at < text.count, text[at] == UInt8(ascii: "\"") {
            try append(TapeEntry(.string, start: start, end: at, next: count &+ 1))
            at &+= 1
        } else {
            try roughString(start)
        }
    }

    /// The rest of a string that has more than plain ASCII in it; `at` stands on the first such byte.
    private mutating func roughString(_ start: Int) throws(Malformed) {
        var kind = TapeKind.string
        while true {
            guard at < text.count else { throw Malformed(.unclosed, start - 1) }
            switch text[at] {
            case UInt8(ascii: "\""):
                try append(TapeEntry(kind, start: start, end: at, next: count + 1))
                at += 1
                return
            case UInt8(ascii: "\\"):
                kind = .escaped
                try escape()
            case 0 ..< 32: throw Malformed(.control, at)
            default:
                let length = utf8Length(text, at: at)
                guard length > 0 else { throw Malformed(.utf8, at) }
                at += length
            }
            at = plainEnd(text, from: at, stopAtNonASCII: true)
        }
    }

    /// `at` stands on the backslash.
    private mutating func escape() throws(Malformed) {
        guard at + 1 < text.count else { throw Malformed(.escape, at) }
        switch text[at + 1] {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
            UInt8(ascii: "n"),
            UInt8(ascii: "r"), UInt8(ascii: "t"):
            at += 2
        case UInt8(ascii: "u"):
            guard let unit = hexUnit(text, at: at + 2) else { throw Malformed(.escape, at) }
            guard unit & 0xf800 == 0xd800 else {
                at += 6
                return
            }
            guard unit < 0xdc00, at + 7 < text.count, text[at + 6] == UInt8(ascii: "\\"),
                text[at + 7] == UInt8(ascii: "u"),
                let low = hexUnit(text, at: at + 8), low & 0xfc00 == 0xdc00
            else { throw Malformed(.surrogate, at) }
            at += 12
        default: throw Malformed(.escape, at)
        }
    }
}

// MARK: - Repeated keys

extension TapeParser {
    private func isRepeated(_ key: Int, of object: Int) -> Bool {
        var earlier = object + 1
        while earlier < key {
            if tape[earlier].link == tape[key].link, compare(tape[earlier], tape[key]) == 0 { return true }
            earlier = tape[earlier + 1].next
        }
        return false
    }

    /// Sorts all keys, unescaped, and compares neighbours: bounded whatever the keys, where a hash could be made to
    /// collide.
    private func compareKeys(of object: Int) throws(Malformed) {
        var plain: [TapeEntry] = []
        var escaped: [(bytes: [UInt8], at: Int)] = []
        var key = object + 1
        while key < count {
            let entry = tape[key]
            if entry.isEscaped {
                escaped.append((unescape(UnsafeBufferPointer(rebasing: text[entry.range])), Int(entry.start) - 1))
            } else {
                plain.append(entry)
            }
            key = tape[key + 1].next
        }
        plain.sort { compare($0, $1) < 0 }
        for (a, b) in zip(plain, plain.dropFirst()) where compare(a, b) == 0 {
            throw Malformed(.duplicate, Int(max(a.start, b.start)) - 1)
        }
        guard !escaped.isEmpty else { return }
        for entry in plain { escaped.append((Array(text[entry.range]), Int(entry.start) - 1)) }
        escaped.sort { $0.bytes.lexicographicallyPrecedes($1.bytes) }
        for (a, b) in zip(escaped, escaped.dropFirst()) where a.bytes == b.bytes {
            throw Malformed(.duplicate, max(a.at, b.at))
        }
    }

    /// Shorter keys first, then by bytes: negative, zero or positive.
    private func compare(_ a: TapeEntry, _ b: TapeEntry) -> Int {
        if a.length != b.length { return a.length - b.length }
        var (i, j) = (Int(a.start), Int(b.start))
        while i < Int(a.end) {
            if text[i] != text[j] { return Int(text[i]) - Int(text[j]) }
            i += 1
            j += 1
        }
        return 0
    }
}
