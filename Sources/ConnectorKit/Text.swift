/// A text of one line, for a field of a ledger: control characters and line ends out, one blank between words, none at the ends.
public func plain(_ text: String) -> String {
    var out = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
        let control = scalar.value < 32 || (127 ... 159).contains(scalar.value) || scalar.value == 0x2028 || scalar.value == 0x2029
        if control || scalar == " " {
            if let last = out.last, last != " " { out.append(" ") }
        } else {
            out.append(scalar)
        }
    }
    if out.last == " " { out.removeLast() }
    return String(out)
}

/// The beginning of a text, at most so many characters.
public func cut(_ text: String, characters limit: Int) -> String {
    // A character has at least one byte: counting bytes is enough for all but very long texts.
    text.utf8.count <= limit || text.count <= limit ? text : String(text.prefix(limit))
}

/// The beginning of a text, cut between characters to at most so many UTF-16 units: how platforms of Java, .NET and JavaScript count.
public func cut(_ text: String, utf16 limit: Int) -> String {
    if text.utf16.count <= limit { return text }
    var out = ""
    var units = 0
    for character in text {
        units += character.utf16.count
        if units > limit { break }
        out.append(character)
    }
    return out
}

extension Array {
    /// Slices of at most `size`, in order: what one request may ask for or carry.
    public func parts(of size: Int) -> [[Element]] {
        stride(from: 0, to: count, by: size).map { Array(self[$0 ..< Swift.min($0 + size, count)]) }
    }
}

extension Sequence {
    /// The first element of each key, in order.
    public func unique<Key: Hashable>(by key: (Element) -> Key) -> [Element] {
        var seen: Set<Key> = []
        return filter { seen.insert(key($0)).inserted }
    }
}
