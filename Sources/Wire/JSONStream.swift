public import Kernel

/// JSON written straight to bytes, for hot paths: no tree in between. The caller keeps the grammar: every `beginObject`
/// has its `endObject`, every value in an object comes right after its `key`. Commas come by themselves.
public struct JSONStream: ~Copyable {
    /// Room that was made before; what does not fit is counted and not written.
    private let room: UnsafeMutableBufferPointer<UInt8>
    private var at = 0
    /// A value was written on this level: the next key or element is preceded by a comma.
    private var hasValue = false

    private init(_ room: UnsafeMutableBufferPointer<UInt8>) { self.room = room }

    /// What `write` writes. `capacity` is a guess at its bytes: where it is too low, `write` is called once more, with as
    /// much room as it asked for. It must write the same again.
    public static func bytes(capacity: Int, _ write: (inout JSONStream) -> Void) -> [UInt8] {
        var room = max(capacity, 64)
        while true {
            var needed = 0
            let out = [UInt8](unsafeUninitializedCapacity: room) { bytes, count in
                // The array may have more room than asked for; all of it serves.
                var stream = JSONStream(bytes)
                write(&stream)
                needed = stream.at
                count = needed <= bytes.count ? needed : 0
            }
            if out.count == needed { return out }
            room = needed
        }
    }

    public mutating func beginObject() {
        mark(UInt8(ascii: "{"), comma: hasValue)
        hasValue = false
    }

    public mutating func endObject() {
        mark(UInt8(ascii: "}"), comma: false)
        hasValue = true
    }

    public mutating func beginArray() {
        mark(UInt8(ascii: "["), comma: hasValue)
        hasValue = false
    }

    public mutating func endArray() {
        mark(UInt8(ascii: "]"), comma: false)
        hasValue = true
    }

    /// The name of the value that follows: plain ASCII without quotes and backslashes.
    public mutating func key(_ name: StaticString) {
        let length = name.utf8CodeUnitCount
        guard var pen = pen(most: length + 4) else { return }
        if hasValue { pen.byte(UInt8(ascii: ",")) }
        pen.byte(UInt8(ascii: "\""))
        pen.bytes(name.utf8Start, length)
        pen.byte(UInt8(ascii: "\""))
        pen.byte(UInt8(ascii: ":"))
        at = pen.at
        hasValue = false
    }

    public mutating func string(_ text: String) {
        if text.utf8.withContiguousStorageIfAvailable({ string(utf8: $0) }) == nil {
            var text = text
            text.withUTF8 { string(utf8: $0) }
        }
    }

    private mutating func string(utf8 text: UnsafeBufferPointer<UInt8>) {
        guard var pen = pen(most: text.count + 3) else {
            // Rather too much than too little: each byte may become an escape of six.
            at += text.count * 5
            return
        }
        if hasValue { pen.byte(UInt8(ascii: ",")) }
        pen.byte(UInt8(ascii: "\""))
        if pen.plain(text) {
            pen.byte(UInt8(ascii: "\""))
            at = pen.at
        } else {
            var escaped: [UInt8] = []
            appendQuoted(text, to: &escaped)
            raw(escaped)
        }
        hasValue = true
    }

    /// A string of three plain ASCII letters.
    public mutating func letters(_ text: (UInt8, UInt8, UInt8)) {
        guard var pen = pen(most: 6) else { return }
        if hasValue { pen.byte(UInt8(ascii: ",")) }
        pen.byte(UInt8(ascii: "\""))
        pen.byte(text.0)
        pen.byte(text.1)
        pen.byte(text.2)
        pen.byte(UInt8(ascii: "\""))
        at = pen.at
        hasValue = true
    }

    public mutating func bool(_ value: Bool) {
        let word: StaticString = value ? "true" : "false"
        guard var pen = pen(most: 6) else { return }
        if hasValue { pen.byte(UInt8(ascii: ",")) }
        pen.bytes(word.utf8Start, word.utf8CodeUnitCount)
        at = pen.at
        hasValue = true
    }

    public mutating func value(_ json: JSON) {
        raw(json.bytes)
        hasValue = true
    }

    /// The decimal as a string of its digits, as `ExactDecimal.description` writes it.
    public mutating func decimal(_ value: ExactDecimal) {
        guard let coefficient = value.smallCoefficient else { return string(value.description) }
        guard var pen = pen(most: Self.digitsMost) else { return }
        if hasValue { pen.byte(UInt8(ascii: ",")) }
        pen.byte(UInt8(ascii: "\""))
        pen.digits(coefficient, places: value.scale)
        pen.byte(UInt8(ascii: "\""))
        at = pen.at
        hasValue = true
    }

    /// An amount and its unit as a string: `"12.30 USD"`. `places` (0 ... 30) is how many of the digits stand behind the
    /// point.
    public mutating func amount(_ minor: Int64, places: Int, unit: (UInt8, UInt8, UInt8)) {
        guard var pen = pen(most: Self.digitsMost) else { return }
        if hasValue { pen.byte(UInt8(ascii: ",")) }
        pen.byte(UInt8(ascii: "\""))
        pen.digits(minor, places: places)
        pen.byte(32)
        pen.byte(unit.0)
        pen.byte(unit.1)
        pen.byte(unit.2)
        pen.byte(UInt8(ascii: "\""))
        at = pen.at
        hasValue = true
    }

    /// A comma, two quotes, a sign, twenty digits or thirty places and one before them, a point and four more.
    private static let digitsMost = 56

    private mutating func mark(_ bracket: UInt8, comma: Bool) {
        guard var pen = pen(most: 2) else { return }
        if comma { pen.byte(UInt8(ascii: ",")) }
        pen.byte(bracket)
        at = pen.at
    }

    private mutating func raw(_ bytes: [UInt8]) {
        guard var pen = pen(most: bytes.count + 1) else { return }
        if hasValue { pen.byte(UInt8(ascii: ",")) }
        bytes.withUnsafeBufferPointer { bytes in if let start = bytes.baseAddress { pen.bytes(start, bytes.count) } }
        at = pen.at
    }

    /// Where to go on, with room for so many bytes; without that room they are counted.
    @inline(__always)
    private mutating func pen(most: Int) -> Pen? {
        guard at &+ most <= room.count, let start = room.baseAddress else {
            at += most
            return nil
        }
        return Pen(room: start, at: at)
    }
}

/// Writes into room that was made and measured before.
private struct Pen {
    let room: UnsafeMutablePointer<UInt8>
    private(set) var at: Int

    @inline(__always)
    init(room: UnsafeMutablePointer<UInt8>, at: Int) {
        self.room = room
        self.at = at
    }

    @inline(__always)
    mutating func byte(_ byte: UInt8) {
        room[at] = byte
        at &+= 1
    }

    @inline(__always)
    mutating func bytes(_ from: UnsafePointer<UInt8>, _ count: Int) {
        let to = UnsafeMutableRawPointer(room + at)
        let from = UnsafeRawPointer(from)
        // Names are short: a few words, the last of which may lie over the one before.
        switch count {
        case 8 ... 32:
            var done = 0
            while done &+ 8 < count {
                copy(from, to, done, UInt64.self)
                done &+= 8
            }
            copy(from, to, count &- 8, UInt64.self)
        case 4 ..< 8:
            copy(from, to, 0, UInt32.self)
            copy(from, to, count &- 4, UInt32.self)
        case 2, 3:
            copy(from, to, 0, UInt16.self)
            copy(from, to, count &- 2, UInt16.self)
        case 1: copy(from, to, 0, UInt8.self)
        default: to.copyMemory(from: from, byteCount: count)
        }
        at &+= count
    }

    @inline(__always)
    private func copy<Word: FixedWidthInteger & BitwiseCopyable>(
        _ from: UnsafeRawPointer, _ to: UnsafeMutableRawPointer, _ offset: Int, _ word: Word.Type
    ) {
        to.storeBytes(of: from.loadUnaligned(fromByteOffset: offset, as: word), toByteOffset: offset, as: word)
    }

    /// Copies a text in which nothing must be escaped; `false`, with nothing done that counts, for any other.
    @inline(__always)
    mutating func plain(_ text: UnsafeBufferPointer<UInt8>) -> Bool {
        let count = text.count
        guard count > 0, let start = text.baseAddress else { return true }
        let from = UnsafeRawPointer(start)
        if count >= 8 {
            var done = 0
            while done &+ 8 < count {
                if rough(from.loadUnaligned(fromByteOffset: done, as: UInt64.self)) != 0 { return false }
                done &+= 8
            }
            if rough(from.loadUnaligned(fromByteOffset: count &- 8, as: UInt64.self)) != 0 { return false }
        } else {
            // Spaces where there are no bytes.
            var word: UInt64 = 0x2020_2020_2020_2020
            for i in 0 ..< count { word = word &<< 8 | UInt64(text[i]) }
            if rough(word) != 0 { return false }
        }
        bytes(start, count)
        return true
    }

    /// A whole number with a point `places` digits before its end, and zeros where it has too few.
    mutating func digits(_ value: Int64, places: Int) {
        precondition((0 ... 30).contains(places), "a number has 0 to 30 places")
        if value < 0 { byte(UInt8(ascii: "-")) }
        var left = value.magnitude
        let length = max(Self.length(left), places &+ 1)
        let end = at &+ length &+ (places > 0 ? 1 : 0)
        var to = end
        for _ in 0 ..< places {
            to &-= 1
            let (rest, digit) = left.quotientAndRemainder(dividingBy: 10)
            room[to] = UInt8(truncatingIfNeeded: digit) &+ 48
            left = rest
        }
        if places > 0 {
            to &-= 1
            room[to] = UInt8(ascii: ".")
        }
        // The rest, two digits at a time.
        while to &- at >= 2 {
            let (rest, pair) = left.quotientAndRemainder(dividingBy: 100)
            let (tens, ones) = pair.quotientAndRemainder(dividingBy: 10)
            to &-= 2
            room[to] = UInt8(truncatingIfNeeded: tens) &+ 48
            room[to &+ 1] = UInt8(truncatingIfNeeded: ones) &+ 48
            left = rest
        }
        if to > at { room[at] = UInt8(truncatingIfNeeded: left) &+ 48 }
        at = end
    }

    /// How many digits a number has.
    private static func length(_ value: UInt64) -> Int {
        var left = value
        var length = 1
        while left >= 10_000 {
            left /= 10_000
            length &+= 4
        }
        return left >= 1000 ? length &+ 3 : left >= 100 ? length &+ 2 : left >= 10 ? length &+ 1 : length
    }
}
