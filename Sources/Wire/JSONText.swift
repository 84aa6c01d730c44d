internal import Kernel

// The grammar's small pieces, shared by the parser, the views and the writer. All take a buffer and an index, read
// nothing outside the buffer, and return indices.

/// The index of the first byte at or after `from` that a string can't hold as it stands: a quote, a backslash, a
/// control character or, if asked for, a byte beyond ASCII. The count when there is none.
@inline(__always)
func plainEnd(_ text: UnsafeBufferPointer<UInt8>, from: Int, stopAtNonASCII: Bool) -> Int {
    guard let start = text.baseAddress else { return 0 }
    return plainEnd(start, text.count, from: from, stopAtNonASCII: stopAtNonASCII)
}

/// The same of `count` bytes at `text`.
@inline(__always)
func plainEnd(_ text: UnsafePointer<UInt8>, _ count: Int, from: Int, stopAtNonASCII: Bool) -> Int {
    let raw = UnsafeRawPointer(text)
    var at = from
    let last = count &- 8
    while at <= last {
        let word = UInt64(littleEndian: raw.loadUnaligned(fromByteOffset: at, as: UInt64.self))
        let hits = stopAtNonASCII ? roughOrHigh(word) : rough(word)
        if hits != 0 { return at &+ hits.trailingZeroBitCount &>> 3 }
        at &+= 8
    }
    while at < count {
        let c = text[at]
        if c < 32 || c == 0x22 || c == 0x5c || (stopAtNonASCII && c >= 128) { return at }
        at &+= 1
    }
    return at
}

/// A hash of a key's bytes, all of which count up to sixteen of them and the first and last eight beyond: only a hint,
/// always followed by a comparison.
@inline(__always)
func keyHash(_ text: UnsafeBufferPointer<UInt8>, _ start: Int, _ length: Int) -> UInt64 {
    let raw = UnsafeRawBufferPointer(text)
    var first: UInt64 = 0
    var last: UInt64 = 0
    if length >= 8 {
        first = UInt64(littleEndian: raw.loadUnaligned(fromByteOffset: start, as: UInt64.self))
        last = UInt64(littleEndian: raw.loadUnaligned(fromByteOffset: start &+ length &- 8, as: UInt64.self))
    } else if start &+ 8 <= text.count {
        let word = UInt64(littleEndian: raw.loadUnaligned(fromByteOffset: start, as: UInt64.self))
        first = word & ((1 &<< (UInt64(truncatingIfNeeded: length) &* 8)) &- 1)
    } else {
        for i in 0 ..< length { first |= UInt64(text[start &+ i]) << UInt64(i &* 8) }
    }
    let mixed = (first ^ (last << 29 | last >> 35)) &+ UInt64(truncatingIfNeeded: length) &* 0xff51_afd7_ed55_8ccd
    // The uppermost bits, which are used, depend on all others.
    return (mixed ^ mixed >> 32) &* 0x9e37_79b9_7f4a_7c15
}

/// Where the number that starts at `from` ends; `from` itself when there is none or it is cut off.
func numberEnd(_ text: UnsafeBufferPointer<UInt8>, from: Int) -> Int {
    var at = from
    func digits(_ start: Int) -> Int {
        var i = start
        while i < text.count, text[i] &- 48 < 10 { i &+= 1 }
        return i
    }
    if at < text.count, text[at] == UInt8(ascii: "-") { at += 1 }
    guard at < text.count else { return from }
    if text[at] == 48 {
        at += 1
        if at < text.count, text[at] &- 48 < 10 { return from }
    } else {
        let end = digits(at)
        guard end > at else { return from }
        at = end
    }
    if at < text.count, text[at] == UInt8(ascii: ".") {
        let end = digits(at + 1)
        guard end > at + 1 else { return from }
        at = end
    }
    if at < text.count, text[at] | 32 == UInt8(ascii: "e") {
        at += 1
        if at < text.count, text[at] == UInt8(ascii: "-") || text[at] == UInt8(ascii: "+") { at += 1 }
        let end = digits(at)
        guard end > at else { return from }
        at = end
    }
    return at
}

/// The length of the well-formed multi-byte UTF-8 sequence at `at`, 0 when it is not one.
/// - Source: RFC 3629, section 4 (no overlong forms, no surrogates, nothing above U+10FFFF).
func utf8Length(_ text: UnsafeBufferPointer<UInt8>, at: Int) -> Int {
    func tail(_ offset: Int, _ range: ClosedRange<UInt8> = 0x80 ... 0xbf) -> Bool {
        at + offset < text.count && range.contains(text[at + offset])
    }
    switch text[at] {
    case 0xc2 ... 0xdf: return tail(1) ? 2 : 0
    case 0xe0: return tail(1, 0xa0 ... 0xbf) && tail(2) ? 3 : 0
    case 0xed: return tail(1, 0x80 ... 0x9f) && tail(2) ? 3 : 0
    case 0xe1 ... 0xef: return tail(1) && tail(2) ? 3 : 0
    case 0xf0: return tail(1, 0x90 ... 0xbf) && tail(2) && tail(3) ? 4 : 0
    case 0xf1 ... 0xf3: return tail(1) && tail(2) && tail(3) ? 4 : 0
    case 0xf4: return tail(1, 0x80 ... 0x8f) && tail(2) && tail(3) ? 4 : 0
    default: return 0
    }
}

/// The value of four hexadecimal digits at `at`.
func hexUnit(_ text: UnsafeBufferPointer<UInt8>, at: Int) -> UInt32? {
    guard at + 4 <= text.count else { return nil }
    var unit: UInt32 = 0
    for i in at ..< at + 4 {
        guard let digit = hexValue(text[i]) else { return nil }
        unit = unit << 4 | digit
    }
    return unit
}

/// The value of one hexadecimal digit.
func hexValue(_ byte: UInt8) -> UInt32? {
    switch byte {
    case 48 ... 57: UInt32(byte - 48)
    case 65 ... 70: UInt32(byte - 55)
    case 97 ... 102: UInt32(byte - 87)
    default: nil
    }
}

/// The bytes a string means; `text` is what stands between the quotes and has passed the parser.
func unescape(_ text: UnsafeBufferPointer<UInt8>) -> [UInt8] {
    var out: [UInt8] = []
    out.reserveCapacity(text.count)
    var at = 0
    while at < text.count {
        guard text[at] == UInt8(ascii: "\\"), at + 1 < text.count else {
            out.append(text[at])
            at += 1
            continue
        }
        let c = text[at + 1]
        at += 2
        switch c {
        case UInt8(ascii: "b"): out.append(8)
        case UInt8(ascii: "t"): out.append(9)
        case UInt8(ascii: "n"): out.append(10)
        case UInt8(ascii: "f"): out.append(12)
        case UInt8(ascii: "r"): out.append(13)
        case UInt8(ascii: "u"):
            var code = hexUnit(text, at: at) ?? 0xfffd
            at += 4
            if code & 0xfc00 == 0xd800 {
                let low = hexUnit(text, at: at + 2) ?? 0xdc00
                code = 0x10000 + (code & 0x3ff) << 10 + low & 0x3ff
                at += 6
            }
            out.append(contentsOf: String(Unicode.Scalar(code) ?? "\u{fffd}").utf8)
        default: out.append(c)
        }
    }
    return out
}

/// A number without fraction and exponent that fits 64 bits.
func wholeNumber(_ text: UnsafeBufferPointer<UInt8>) -> Int? {
    // Eighteen digits always fit; the rest is for the library.
    guard text.count <= 18 else { return Int(String(decoding: text, as: UTF8.self)) }
    var at = text.first == UInt8(ascii: "-") ? 1 : 0
    let negative = at == 1
    guard at < text.count else { return nil }
    var value = 0
    while at < text.count {
        let digit = text[at] &- 48
        guard digit < 10 else { return nil }
        value = value &* 10 &+ Int(digit)
        at &+= 1
    }
    return negative ? -value : value
}

/// A decimal of at most eighteen digits without exponent, which most are; `nil` says nothing about any other text.
func plainDecimal(_ text: UnsafeBufferPointer<UInt8>) -> ExactDecimal? {
    guard text.count <= 18 else { return nil }
    var at = text.first == UInt8(ascii: "-") ? 1 : 0
    let negative = at == 1
    var value: Int64 = 0
    var point = -1
    let first = at
    while at < text.count {
        let digit = text[at] &- 48
        if digit < 10 {
            value = value &* 10 &+ Int64(digit)
        } else if text[at] == UInt8(ascii: "."), point < 0, at > first {
            point = at
        } else {
            return nil
        }
        at &+= 1
    }
    guard at > first, point != text.count &- 1 else { return nil }
    return ExactDecimal(small: negative ? -value : value, scale: point < 0 ? 0 : text.count &- 1 &- point)
}

/// A decimal times ten to the power of `places`, where the text has at most eighteen digits then, no more of them
/// behind the point than that, and no exponent; `nil` says nothing about any other text.
func scaledDecimal(_ text: UnsafeBufferPointer<UInt8>, places: Int) -> Int64? {
    guard text.count &+ places <= 18 else { return nil }
    var at = text.first == UInt8(ascii: "-") ? 1 : 0
    let negative = at == 1
    let first = at
    var value: Int64 = 0
    while at < text.count, text[at] &- 48 < 10 {
        value = value &* 10 &+ Int64(text[at] &- 48)
        at &+= 1
    }
    guard at > first else { return nil }
    var missing = places
    if at < text.count {
        let point = at
        guard text[at] == UInt8(ascii: "."), text.count &- 1 &- at <= places, text.count &- 1 > at else { return nil }
        at &+= 1
        while at < text.count {
            let digit = text[at] &- 48
            guard digit < 10 else { return nil }
            value = value &* 10 &+ Int64(digit)
            at &+= 1
        }
        missing = places &- (text.count &- 1 &- point)
    }
    while missing > 0 {
        value = value &* 10
        missing &-= 1
    }
    return negative ? -value : value
}

/// Whether so many bytes are the same at both places.
@inline(__always)
func isSame(_ a: UnsafeRawPointer, _ b: UnsafeRawPointer, _ count: Int) -> Bool {
    @inline(__always)
    func differ<Word: FixedWidthInteger>(_ offset: Int, _ word: Word.Type) -> Bool {
        a.loadUnaligned(fromByteOffset: offset, as: word) != b.loadUnaligned(fromByteOffset: offset, as: word)
    }
    if count >= 8 {
        var at = 0
        while at &+ 8 < count {
            if differ(at, UInt64.self) { return false }
            at &+= 8
        }
        // The last eight, some of which may have been looked at.
        return !differ(count &- 8, UInt64.self)
    }
    if count >= 4 { return !differ(0, UInt32.self) && !differ(count &- 4, UInt32.self) }
    if count >= 2 { return !differ(0, UInt16.self) && !differ(count &- 2, UInt16.self) }
    return count == 0 || !differ(0, UInt8.self)
}

// Eight bytes at once, the first of the text lowest; a set top bit marks a hit. Borrows can mark bytes above a true hit, never below the first.
// With its second bit turned over the quote comes right behind the control characters, and nothing that is neither comes among them.

/// Marks the quotes, backslashes and control characters among eight bytes.
@inline(__always)
func rough(_ word: UInt64) -> UInt64 {
    let ones: UInt64 = 0x0101_0101_0101_0101
    let low = word ^ (ones &* 2)
    let slash = word ^ (ones &* 0x5c)
    return ((low &- ones &* 0x21) & ~low | (slash &- ones) & ~slash) & 0x8080_8080_8080_8080
}

/// The same, and bytes beyond ASCII.
@inline(__always)
func roughOrHigh(_ word: UInt64) -> UInt64 {
    let ones: UInt64 = 0x0101_0101_0101_0101
    let low = word ^ (ones &* 2)
    let slash = word ^ (ones &* 0x5c)
    return ((low &- ones &* 0x21) | (slash &- ones) | word) & 0x8080_8080_8080_8080
}
