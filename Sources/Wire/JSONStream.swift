public import Kernel

/// JSON written straight to bytes, for hot paths: no tree in between. The caller keeps the grammar: every `beginObject`
/// has its `endObject`, every value in an object comes right after its `key`. Commas come by themselves.
public struct JSONStream: Sendable {
    /// What is written, and room for more: each piece is checked against the room once and then put down in place.
    private var room: [UInt8]
    private var count = 0
    /// A value was written on this level: the next key or element is preceded by a comma.
    private var hasValue = false

    public init(capacity: Int = 512) { room = [UInt8](repeating: 0, count: max(capacity, 64)) }

    /// What was written.
    public consuming func finish() -> [UInt8] {
        room.removeLast(room.count - count)
        return room
    }

    public mutating func beginObject() { open(UInt8(ascii: "{")) }
    public mutating func endObject() { close(UInt8(ascii: "}")) }
    public mutating func beginArray() { open(UInt8(ascii: "[")) }
    public mutating func endArray() { close(UInt8(ascii: "]")) }

    /// The name of the value that follows: plain ASCII without quotes and backslashes.
    public mutating func key(_ name: StaticString) {
        put(most: name.utf8CodeUnitCount + 2) { pen in
            pen.quoted(UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount))
            pen.byte(UInt8(ascii: ":"))
        }
        hasValue = false
    }

    public mutating func string(_ text: String) {
        var text = text
        text.withUTF8 { text in
            if plainEnd(text, from: 0, stopAtNonASCII: false) == text.count {
                put(most: text.count) { $0.quoted(text) }
            } else {
                var escaped: [UInt8] = []
                appendQuoted(text, to: &escaped)
                raw(escaped)
            }
        }
        hasValue = true
    }

    public mutating func bool(_ value: Bool) {
        let word: StaticString = value ? "true" : "false"
        put(most: 5) { $0.bytes(UnsafeBufferPointer(start: word.utf8Start, count: word.utf8CodeUnitCount)) }
        hasValue = true
    }

    public mutating func value(_ json: JSON) {
        raw(json.bytes)
        hasValue = true
    }

    /// The decimal as a string of its digits, as `ExactDecimal.description` writes it.
    public mutating func decimal(_ value: ExactDecimal) {
        guard let coefficient = Int64(exactly: value.coefficient) else { return string(value.description) }
        put(most: Self.digitsMost) { pen in
            pen.byte(UInt8(ascii: "\""))
            pen.digits(coefficient, places: value.scale)
            pen.byte(UInt8(ascii: "\""))
        }
        hasValue = true
    }

    /// An amount and its unit as a string: `"12.30 USD"`. `places` is how many of the digits stand behind the point.
    public mutating func amount(_ minor: Int64, places: Int, unit: (UInt8, UInt8, UInt8)) {
        put(most: Self.digitsMost) { pen in
            pen.byte(UInt8(ascii: "\""))
            pen.digits(minor, places: places)
            pen.byte(32)
            pen.byte(unit.0)
            pen.byte(unit.1)
            pen.byte(unit.2)
            pen.byte(UInt8(ascii: "\""))
        }
        hasValue = true
    }

    /// Sign, twenty digits or thirty places, a point and four more.
    private static let digitsMost = 56

    private mutating func open(_ bracket: UInt8) {
        put(most: 1) { $0.byte(bracket) }
        hasValue = false
    }

    private mutating func close(_ bracket: UInt8) {
        hasValue = false
        put(most: 1) { $0.byte(bracket) }
        hasValue = true
    }

    private mutating func raw(_ bytes: [UInt8]) {
        bytes.withUnsafeBufferPointer { bytes in put(most: bytes.count) { $0.bytes(bytes) } }
    }

    /// Puts down the comma that may be due and what `write` writes: at most `most` bytes, quotes aside.
    @inline(__always)
    private mutating func put(most: Int, _ write: (inout Pen) -> Void) {
        let needed = count + most + 3
        if needed > room.count { room.append(contentsOf: repeatElement(0, count: max(needed - room.count, room.count))) }
        count = room.withUnsafeMutableBufferPointer { [count, hasValue] room in
            var pen = Pen(room: room, at: count)
            if hasValue { pen.byte(UInt8(ascii: ",")) }
            write(&pen)
            return pen.at
        }
    }
}

/// Writes into room that was made before.
private struct Pen {
    let room: UnsafeMutableBufferPointer<UInt8>
    private(set) var at: Int

    @inline(__always)
    init(room: UnsafeMutableBufferPointer<UInt8>, at: Int) {
        self.room = room
        self.at = at
    }

    @inline(__always)
    mutating func byte(_ byte: UInt8) {
        room[at] = byte
        at &+= 1
    }

    @inline(__always)
    mutating func bytes(_ bytes: UnsafeBufferPointer<UInt8>) {
        guard let from = bytes.baseAddress, let to = room.baseAddress else { return }
        (to + at).update(from: from, count: bytes.count)
        at &+= bytes.count
    }

    @inline(__always)
    mutating func quoted(_ text: UnsafeBufferPointer<UInt8>) {
        byte(UInt8(ascii: "\""))
        bytes(text)
        byte(UInt8(ascii: "\""))
    }

    /// A whole number with a point `places` digits before its end, and zeros where it has too few.
    mutating func digits(_ value: Int64, places: Int) {
        if value < 0 { byte(UInt8(ascii: "-")) }
        var length = 1
        var bound: UInt64 = 10
        while length < 20, value.magnitude >= bound {
            length &+= 1
            bound = length < 20 ? bound &* 10 : bound
        }
        length = max(length, places &+ 1)
        let end = at &+ length &+ (places > 0 ? 1 : 0)
        var left = value.magnitude
        var to = end
        for written in 0 ..< length {
            if written == places, written > 0 {
                to &-= 1
                room[to] = UInt8(ascii: ".")
            }
            to &-= 1
            let (rest, digit) = left.quotientAndRemainder(dividingBy: 10)
            room[to] = UInt8(truncatingIfNeeded: digit) &+ 48
            left = rest
        }
        at = end
    }
}
