/// What may stand behind a chunk's size: `;name`, `;name=token`, `;name="text"`, as often as one likes, with blanks around the marks. Nothing of ours
/// reads extensions; what is none is refused, because another reader may see something else in it.
/// - Source: RFC 9112, section 7.1.1; RFC 9110, section 5.6.4.
enum ChunkExtensions {
    /// Whether all of it is extensions. Blanks behind the last one are no part of any.
    static func isList(_ text: ArraySlice<UInt8>) -> Bool {
        var rest = text
        while !rest.isEmpty {
            skipBlanks(&rest)
            guard take(Octets.semicolon, &rest) else { return false }
            skipBlanks(&rest)
            guard skipToken(&rest) else { return false }
            var behind = rest
            skipBlanks(&behind)
            guard take(Octets.equals, &behind) else { continue }
            skipBlanks(&behind)
            guard behind.first == Octets.quote ? skipQuoted(&behind) : skipToken(&behind) else { return false }
            rest = behind
        }
        return true
    }

    private static func skipBlanks(_ rest: inout ArraySlice<UInt8>) { rest = rest.drop(while: Octets.isBlank) }

    private static func take(_ octet: UInt8, _ rest: inout ArraySlice<UInt8>) -> Bool {
        guard rest.first == octet else { return false }
        rest.removeFirst()
        return true
    }

    /// Whether there was one.
    private static func skipToken(_ rest: inout ArraySlice<UInt8>) -> Bool {
        guard let first = rest.first, Octets.isToken(first) else { return false }
        rest = rest.drop(while: Octets.isToken)
        return true
    }

    /// Whether the quote that stands here has its end.
    private static func skipQuoted(_ rest: inout ArraySlice<UInt8>) -> Bool {
        var at = rest.startIndex + 1
        while at < rest.endIndex {
            switch rest[at] {
            case Octets.quote:
                rest = rest[(at + 1)...]
                return true
            case Octets.backslash:
                // What it stands before is one of the same, or another mark.
                at += 1
                guard at < rest.endIndex else { return false }
            default: break
            }
            guard Octets.isFieldValue(rest[at]) else { return false }
            at += 1
        }
        return false
    }
}
