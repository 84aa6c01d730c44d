internal import Kernel

/// Entries a document may have; bounds the tape at 96 MiB and the tree at a few times that.
let tapeEntriesMost = 8 << 20

/// Objects with so many members have an index over their keys, smaller ones are looked through. The upper bound keeps
/// it small whatever the keys.
private let membersIndexed = 8 ... 64

/// Objects up to this size are checked for repeated keys while they are read, larger ones by sorting afterwards.
private let membersScanned = 64

/// 512 bits, of which each key of an object sets one. An array in place and no vector: a vector would be copied whole
/// for each bit.
private typealias KeyFilter = InlineArray<8, UInt64>

/// The one strict RFC 8259 parser. Every read of `text` is preceded by a check against its count, every write to the
/// tape by one against its room.
struct TapeParser {
    let text: UnsafeBufferPointer<UInt8>
    private var indices: [UInt32] = []
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
    static func tape(of text: UnsafeBufferPointer<UInt8>) throws(Malformed) -> Tape {
        guard text.count <= Limits.jsonBytes else { throw Malformed(.size, Limits.jsonBytes) }
        do throws(Malformed) {
            return try tape(of: text, room: min(text.count / 10 + 16, tapeEntriesMost))
        } catch {
            guard error.reason == .size else { throw error }
        }
        return try tape(of: text, room: min(text.count / 2 + Limits.jsonDepth + 16, tapeEntriesMost))
    }

    private static func tape(of text: UnsafeBufferPointer<UInt8>, room: Int) throws(Malformed) -> Tape {
        var wrong: Malformed?
        var indices: [UInt32] = []
        let entries = [TapeEntry](unsafeUninitializedCapacity: room) { tape, count in
            // The array may have more room than asked for; the limit is on what was asked for.
            var parser = TapeParser(text, UnsafeMutableBufferPointer(rebasing: tape[..<room]))
            do throws(Malformed) {
                try parser.document()
                count = parser.count
                indices = parser.indices
            } catch { wrong = error }
        }
        if let wrong { throw wrong }
        return Tape(entries: entries, indices: indices)
    }

    /// `place`: where the reader stands.
    @inline(__always)
    private mutating func append(_ entry: TapeEntry, _ place: Int) throws(Malformed) {
        guard count < tape.count else { throw Malformed(.size, place) }
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

    @inline(__always)
    private mutating func word(_ word: StaticString, _ kind: TapeKind) throws(Malformed) {
        let length = word.utf8CodeUnitCount
        guard at &+ length <= text.count, let here = text.baseAddress, isSame(here + at, word.utf8Start, length) else {
            throw Malformed(.literal, at)
        }
        try append(TapeEntry(kind, start: at, end: at &+ length, next: count &+ 1), at)
        at &+= length
    }

    private mutating func number() throws(Malformed) {
        // Most are digits alone; what may begin with a zero or a sign, or goes on otherwise, is looked at again.
        var end = at
        if text[at] != 48 { while end < text.count, text[end] &- 48 < 10 { end &+= 1 } }
        if end == at || end < text.count && (text[end] == UInt8(ascii: ".") || text[end] | 32 == UInt8(ascii: "e")) {
            end = numberEnd(text, from: at)
        }
        guard end > at else { throw Malformed(.number, at) }
        try append(TapeEntry(.number, start: at, end: end, next: count &+ 1), at)
        at = end
    }

    private mutating func array(depth: Int) throws(Malformed) {
        guard depth <= Limits.jsonDepth else { throw Malformed(.depth, at) }
        let own = count
        let start = at
        try append(TapeEntry(.array, start: start, end: start, next: 0), at)
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
                at &+= 1
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
        try append(TapeEntry(.object, start: start, end: start, next: 0), at)
        at += 1
        skipSpace()
        if here == UInt8(ascii: "}") {
            at += 1
        } else {
            let members = try members(of: own, depth: depth)
            if let members, membersIndexed.contains(members) {
                tape[own] = TapeEntry(.indexed, start: start, end: index(own, members), next: count)
                return
            }
        }
        tape[own] = TapeEntry(.object, start: start, end: at, next: count)
    }

    /// Makes the index of the object that was just read: its end, how many slots there are, and the slots: each the
    /// entry of a key, 0 where there is none. A key's slot is given by its hash, or the next free one after that.
    private mutating func index(_ own: Int, _ members: Int) -> Int {
        // At least half of the slots stay free.
        let slots = 2 << (Int.bitWidth - (members - 1).leadingZeroBitCount)
        let from = indices.count
        if indices.isEmpty { indices.reserveCapacity(1024) }
        indices.append(contentsOf: repeatElement(0, count: slots &+ 2))
        indices.withUnsafeMutableBufferPointer { indices in
            indices[from] = UInt32(truncatingIfNeeded: at)
            indices[from &+ 1] = UInt32(truncatingIfNeeded: slots)
            var key = own &+ 1
            while key < count {
                var slot = tape[key].slot(of: slots)
                while indices[from &+ 2 &+ slot] != 0 { slot = (slot &+ 1) & (slots &- 1) }
                indices[from &+ 2 &+ slot] = UInt32(truncatingIfNeeded: key)
                key = tape[key &+ 1].next
            }
        }
        return from
    }

    /// How many members there are; `nil` where a key has escapes, and so a hash would say nothing.
    private mutating func members(of own: Int, depth: Int) throws(Malformed) -> Int? {
        guard let text = text.baseAddress else { throw Malformed(.key, at) }
        let end = self.text.count
        var seen = KeyFilter(repeating: 0)
        var members = 0
        var anyEscaped = false
        // Kept apart from `self.at`, which calls change, so that it need not be in memory.
        var at = self.at
        while true {
            guard at < end, text[at] == UInt8(ascii: "\"") else { throw Malformed(.key, at) }
            let key = count
            let start = at &+ 1
            at = plainEnd(text, end, from: start, stopAtNonASCII: true)
            if at < end, text[at] == UInt8(ascii: "\"") {
                let hash = keyHash(self.text, start, at &- start)
                try append(TapeEntry(key: start, end: at, link: TapeEntry.link(ofKey: hash)), at)
                at &+= 1
                try note(hash, key, &seen, of: own, members)
            } else {
                self.at = at
                try roughString(start)
                at = self.at
                if let hash = nameRoughKey(key) { try note(hash, key, &seen, of: own, members) } else { anyEscaped = true }
            }
            members &+= 1
            if at < end, text[at] == UInt8(ascii: ":") {
                at &+= 1
            } else {
                self.at = at
                skipSpace()
                guard here == UInt8(ascii: ":") else { throw Malformed(.colon, self.at) }
                at = self.at &+ 1
            }
            // Most values are strings, and come right behind the colon.
            if at < end, text[at] == UInt8(ascii: "\"") {
                let start = at &+ 1
                at = plainEnd(text, end, from: start, stopAtNonASCII: true)
                if at < end, text[at] == UInt8(ascii: "\"") {
                    try append(TapeEntry(.string, start: start, end: at, next: count &+ 1), at)
                    at &+= 1
                } else {
                    self.at = at
                    try roughString(start)
                    at = self.at
                }
            } else {
                self.at = at
                skipSpace()
                try value(depth: depth)
                at = self.at
            }
            // And nearly always what follows comes at once.
            if at < end, text[at] == UInt8(ascii: ",") {
                at &+= 1
            } else {
                self.at = at
                if try isLast() { break }
                at = self.at
            }
            if at < end, text[at] != UInt8(ascii: "\"") {
                self.at = at
                skipSpace()
                at = self.at
            }
        }
        if anyEscaped || members > membersScanned { try compareKeys(of: own) }
        return anyEscaped ? nil : members
    }

    /// What stands behind a member: `true` for the object's end.
    @inline(__always)
    private mutating func isLast() throws(Malformed) -> Bool {
        skipSpace()
        let c = here
        guard c == UInt8(ascii: ",") || c == UInt8(ascii: "}") else { throw Malformed(.objectEnd, at) }
        at &+= 1
        return c == UInt8(ascii: "}")
    }

    /// Gives a key beyond ASCII its hash; `nil` for one with escapes.
    private mutating func nameRoughKey(_ key: Int) -> UInt64? {
        let entry = tape[key]
        guard !entry.isEscaped else { return nil }
        let hash = keyHash(text, Int(entry.start), entry.length)
        tape[key] = TapeEntry(key: Int(entry.start), end: Int(entry.end), link: TapeEntry.link(ofKey: hash))
        return hash
    }

    /// Checks a plain key against those before it, but only where one of them has the same nine bits of hash.
    @inline(__always)
    private func note(
        _ hash: UInt64, _ key: Int, _ seen: inout KeyFilter, of own: Int, _ members: Int
    ) throws(Malformed) {
        guard members < membersScanned else { return }
        let word = Int(hash >> 61)
        let bit = UInt64(1) &<< (hash &>> 55)
        if seen[word] & bit != 0, Self.isRepeated(key, of: own, tape, text) { throw Malformed(.duplicate, Int(tape[key].start) - 1) }
        seen[word] |= bit
    }

    /// A string; `at` stands on its quote.
    @inline(__always)
    private mutating func string() throws(Malformed) {
        let start = at &+ 1
        at = plainEnd(text, from: start, stopAtNonASCII: true)
        if at < text.count, text[at] == UInt8(ascii: "\"") {
            try append(TapeEntry(.string, start: start, end: at, next: count &+ 1), at)
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
                try append(TapeEntry(kind, start: start, end: at, next: count + 1), at)
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
    // Seldom called: inlined it would crowd out what the loop over members works with.
    @inline(never)
    private static func isRepeated(
        _ key: Int, of object: Int, _ tape: UnsafeMutableBufferPointer<TapeEntry>, _ text: UnsafeBufferPointer<UInt8>
    ) -> Bool {
        var earlier = object &+ 1
        while earlier < key {
            if tape[earlier].link == tape[key].link, compare(tape[earlier], tape[key], text) == 0 { return true }
            earlier = tape[earlier &+ 1].next
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
        plain.sort { Self.compare($0, $1, text) < 0 }
        for (a, b) in zip(plain, plain.dropFirst()) where Self.compare(a, b, text) == 0 {
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
    private static func compare(_ a: TapeEntry, _ b: TapeEntry, _ text: UnsafeBufferPointer<UInt8>) -> Int {
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
