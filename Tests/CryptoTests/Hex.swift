/// The bytes of pairs of hexadecimal digits; spaces and line breaks count for nothing.
func hex(_ text: String) -> [UInt8] {
    let digits = text.filter { !$0.isWhitespace }
    var out: [UInt8] = []
    var i = digits.startIndex
    while i < digits.endIndex {
        let next = digits.index(i, offsetBy: 2)
        guard let byte = UInt8(digits[i ..< next], radix: 16) else {
            preconditionFailure("a test vector holds '\(digits[i ..< next])'")
        }
        out.append(byte)
        i = next
    }
    return out
}

func ascii(_ text: String) -> [UInt8] { Array(text.utf8) }
