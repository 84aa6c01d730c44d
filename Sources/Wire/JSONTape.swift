internal import Kernel

/// What a tape entry stands for.
enum TapeKind: UInt32 {
    case null, yes, no, number, string
    /// A string with at least one backslash.
    case escaped
    case array, object
    /// An object with an index of its members: instead of its last byte, where in the document's indices its own is.
    case indexed
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
    /// Asks for one kind, which costs a comparison where telling all of them apart costs a call.
    @inline(__always)
    func isA(_ kind: TapeKind) -> Bool { link >> 28 == kind.rawValue }
    var isEscaped: Bool { isA(.escaped) }
    var isObject: Bool { link >> 28 >= TapeKind.object.rawValue }
    var next: Int { Int(link & 0x0fff_ffff) }
    var range: Range<Int> { Int(start) ..< Int(end) }
    var length: Int { Int(end) &- Int(start) }
    /// Of a plain key: where its place in an index of so many slots, a power of two, is.
    func slot(of slots: Int) -> Int { Int(link) & (slots &- 1) }
}

/// A document taken apart.
struct Tape: Sendable {
    var entries: [TapeEntry]
    /// The indices of objects with many members, one behind the other.
    var indices: [UInt32]
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
